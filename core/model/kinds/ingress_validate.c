/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of Ingresses, in the order and words of Kubernetes apis/networking/validation. Pure;
 * any thread.
 */
#include "core/base/addr.h"
#include "core/base/json.h"
#include "core/model/kinds/ingress.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void check_resource(const cJSON *resource, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const names[] = { "kind", "name" };
    if (ke_json_get(resource, "apiGroup") != NULL)
        (void)model_check_name(issues, model_path_child(path, "apiGroup"),
                               ke_json_str(resource, "apiGroup"), model_name_subdomain);
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        struct ke_str value = ke_json_str(resource, names[i]);
        struct model_path at = model_path_child(path, names[i]);
        if (ke_str_is_empty(value))
            model_report_required(issues, at, "");
        else
            (void)model_check_name(issues, at, value, model_name_path_segment);
    }
}

static void check_service(const cJSON *service, const struct model_path *path,
                          struct model_issues *issues)
{
    struct model_path at = model_path_child(path, "service");
    struct model_path name_at = model_path_child(&at, "name");
    struct ke_str name = ke_json_str(service, "name");
    if (ke_str_is_empty(name))
        model_report_required(issues, name_at, "");
    else
        (void)model_check_name(issues, name_at, name, model_name_label_1035);
    const cJSON *port = ke_json_get(service, "port");
    struct model_path port_at = model_path_child(&at, "port");
    struct ke_str port_name = ke_json_str(port, "name");
    int64_t number = ke_json_i64(port, "number", 0);
    if (!ke_str_is_empty(port_name) && number != 0)
        model_report_invalid(issues, *path, KE_STR(""), "cannot set both port name & port number");
    else if (!ke_str_is_empty(port_name)) {
        (void)model_check_name(issues, model_path_child(&port_at, "name"), port_name,
                               model_name_port);
    } else if (number != 0) {
        (void)model_check_port(issues, model_path_child(&port_at, "number"), number);
    } else {
        model_report_required(issues, *path, "port name or number is required");
    }
}

static void check_backend(const cJSON *backend, struct model_path path, struct model_issues *issues)
{
    const cJSON *resource = ke_json_get(backend, "resource");
    const cJSON *service = ke_json_get(backend, "service");
    struct model_path resource_at = model_path_child(&path, "resource");
    if (resource != NULL && service != NULL) {
        model_report_invalid(issues, path, KE_STR(""),
                             "cannot set both resource and service backends");
    } else if (resource != NULL) {
        check_resource(resource, &resource_at, issues);
    } else if (service != NULL) {
        check_service(service, &path, issues);
    } else {
        model_report_invalid(issues, path, KE_STR(""), "resource or service backend is required");
    }
}

static bool contains(struct ke_str s, const char *needle)
{
    return s.len > 0 && memmem(s.ptr, s.len, needle, strlen(needle)) != NULL;
}

/* What a proxy could read in two ways is refused for the types that compare paths. */
static void check_clean_path(struct ke_str text, struct model_path path,
                             struct model_issues *issues)
{
    static const char *const sequences[] = { "//", "/./", "/../", "%2f", "%2F" };
    static const char *const suffixes[] = { "/..", "/." };
    for (size_t i = 0; i < KE_ARRAY_LEN(sequences); i++) {
        if (contains(text, sequences[i])) {
            struct ke_str detail =
                ke_arena_fmt(issues->arena, "must not contain '%s'", sequences[i]);
            model_report_invalid(issues, path, text, detail.ptr != NULL ? detail.ptr : "");
        }
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(suffixes); i++) {
        if (ke_str_has_suffix(text, ke_str_c(suffixes[i]))) {
            struct ke_str detail = ke_arena_fmt(issues->arena, "cannot end with '%s'", suffixes[i]);
            model_report_invalid(issues, path, text, detail.ptr != NULL ? detail.ptr : "");
        }
    }
}

static void check_path(const cJSON *item, const struct model_path *path,
                       struct model_issues *issues)
{
    static const char *const types[] = { "Exact", "ImplementationSpecific", "Prefix", NULL };
    struct model_path type_at = model_path_child(path, "pathType");
    const cJSON *type_item = ke_json_get(item, "pathType");
    if (type_item == NULL) {
        model_report_required(issues, type_at, "pathType must be specified");
        return;
    }
    struct ke_str type = ke_json_value_str(type_item);
    struct ke_str text = ke_json_str(item, "path");
    struct model_path at = model_path_child(path, "path");
    bool is_absolute = ke_str_has_prefix(text, KE_STR("/"));
    if (ke_str_eq_c(type, "Exact") || ke_str_eq_c(type, "Prefix")) {
        if (!is_absolute)
            model_report_invalid(issues, at, text, "must be an absolute path");
        check_clean_path(text, at, issues);
    } else if (!ke_str_eq_c(type, "ImplementationSpecific")) {
        model_report_not_supported(issues, type_at, type, types);
    } else if (!ke_str_is_empty(text) && !is_absolute) {
        model_report_invalid(issues, at, text, "must be an absolute path");
    }
    check_backend(ke_json_get(item, "backend"), model_path_child(path, "backend"), issues);
}

static void check_host(struct ke_str host, struct model_path path, struct model_issues *issues)
{
    bool is_wildcard = ke_str_find(host, '*') != host.len;
    (void)model_check_name(issues, path, host,
                           is_wildcard ? model_name_wildcard : model_name_subdomain);
}

static void check_rule(const cJSON *rule, const struct model_path *path,
                       struct model_issues *issues)
{
    struct ke_str host = ke_json_str(rule, "host");
    struct model_path host_at = model_path_child(path, "host");
    if (!ke_str_is_empty(host)) {
        struct ke_err err = KE_ERR_INIT;
        struct ke_ip ip;
        if (ke_ip_parse(host, &ip, &err) == KE_OK)
            model_report_invalid(issues, host_at, host, "must be a DNS name, not an IP address");
        check_host(host, host_at, issues);
    }
    const cJSON *http = ke_json_get(rule, "http");
    if (http == NULL)
        return;
    struct model_path http_at = model_path_child(path, "http");
    struct model_path list = model_path_child(&http_at, "paths");
    const cJSON *paths = ke_json_get(http, "paths");
    if (cJSON_GetArraySize(paths) == 0)
        model_report_required(issues, list, "");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, paths) {
        struct model_path at = model_path_index(&list, i++);
        check_path(item, &at, issues);
    }
}

static void check_tls(const cJSON *tls, const struct model_path *path, struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "hosts");
    size_t i = 0;
    const cJSON *host;
    cJSON_ArrayForEach(host, ke_json_get(tls, "hosts"))
        check_host(ke_json_value_str(host), model_path_index(&list, i++), issues);
    struct ke_str secret = ke_json_str(tls, "secretName");
    if (!ke_str_is_empty(secret))
        (void)model_check_name(issues, model_path_child(path, "secretName"), secret,
                               model_name_subdomain);
}

/* The class is said in one place, or twice the same. */
static void check_class_annotation(const cJSON *object, struct model_issues *issues)
{
    static const char key[] = "kubernetes.io/ingress.class";
    const cJSON *annotation = ke_json_get(ke_json_path(object, "metadata.annotations"), key);
    const cJSON *name = ke_json_path(object, "spec.ingressClassName");
    if (annotation == NULL || name == NULL ||
        ke_str_eq(ke_json_value_str(annotation), ke_json_value_str(name)))
        return;
    struct model_path root = model_path_root("annotations");
    model_report_invalid(issues, model_path_child(&root, key), ke_json_value_str(annotation),
                         "must match `ingressClassName` when both are specified");
}

void ingress_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    const cJSON *rules = ke_json_get(spec, "rules");
    const cJSON *backend = ke_json_get(spec, "defaultBackend");
    if (cJSON_GetArraySize(rules) == 0 && backend == NULL) {
        model_report_invalid_raw(issues, path, KE_STR("[]networking.IngressRule(nil)"),
                                 "either `defaultBackend` or `rules` must be specified");
    }
    if (backend != NULL)
        check_backend(backend, model_path_child(&path, "defaultBackend"), issues);
    struct model_path rules_at = model_path_child(&path, "rules");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, rules) {
        struct model_path at = model_path_index(&rules_at, i++);
        check_rule(item, &at, issues);
    }
    struct model_path tls_at = model_path_child(&path, "tls");
    i = 0;
    cJSON_ArrayForEach(item, ke_json_get(spec, "tls")) {
        struct model_path at = model_path_index(&tls_at, i++);
        check_tls(item, &at, issues);
    }
    const cJSON *class = ke_json_get(spec, "ingressClassName");
    if (class != NULL)
        (void)model_check_name(issues, model_path_child(&path, "ingressClassName"),
                               ke_json_value_str(class), model_name_subdomain);
    if (old == NULL)
        check_class_annotation(object, issues);
}
