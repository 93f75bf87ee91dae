/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of containers and init containers. In the order and words of Kubernetes
 * apis/core/validation (validateContainers). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

/* Does an earlier container of the list, or one of `others`, have the name? */
static bool is_name_taken(const cJSON *list, const cJSON *container, const cJSON *others)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, others) {
        if (model_same_member(item, container, "name"))
            return true;
    }
    cJSON_ArrayForEach(item, list) {
        if (item == container)
            return false;
        if (model_same_member(item, container, "name"))
            return true;
    }
    return false;
}

static void check_port(const cJSON *ports, const cJSON *port, const struct model_path *path,
                       struct model_issues *issues)
{
    struct ke_str name = ke_json_str(port, "name");
    struct model_path name_at = model_path_child(path, "name");
    if (!ke_str_is_empty(name) && model_check_name(issues, name_at, name, model_name_port) &&
        is_name_taken(ports, port, NULL))
        model_report_duplicate(issues, name_at, name);
    int64_t number = ke_json_i64(port, "containerPort", 0);
    struct model_path number_at = model_path_child(path, "containerPort");
    if (number == 0)
        model_report_required(issues, number_at, "");
    else
        (void)model_check_port(issues, number_at, number);
    int64_t host = ke_json_i64(port, "hostPort", 0);
    if (host != 0)
        (void)model_check_port(issues, model_path_child(path, "hostPort"), host);
    (void)model_check_protocol(issues, model_path_child(path, "protocol"),
                               ke_json_str(port, "protocol"));
}

static void check_mount(const cJSON *mounts, const cJSON *mount, const cJSON *volumes,
                        const struct model_path *path, struct model_issues *issues)
{
    struct ke_str name = ke_json_str(mount, "name");
    struct model_path name_at = model_path_child(path, "name");
    if (ke_str_is_empty(name))
        model_report_required(issues, name_at, "");
    const cJSON *volume = volumes != NULL ? volumes->child : NULL;
    while (volume != NULL && !ke_str_eq(ke_json_str(volume, "name"), name))
        volume = volume->next;
    if (volume == NULL)
        model_report_not_found(issues, name_at, name);
    struct ke_str mount_path = ke_json_str(mount, "mountPath");
    struct model_path at = model_path_child(path, "mountPath");
    if (ke_str_is_empty(mount_path))
        model_report_required(issues, at, "");
    const cJSON *earlier = mounts->child;
    while (earlier != mount && !ke_str_eq(ke_json_str(earlier, "mountPath"), mount_path))
        earlier = earlier->next;
    if (earlier != mount)
        model_report_invalid(issues, at, mount_path, "must be unique");
    struct ke_str sub = ke_json_str(mount, "subPath");
    struct ke_str expression = ke_json_str(mount, "subPathExpr");
    if (!ke_str_is_empty(sub))
        podspec_check_relative(model_path_child(path, "subPath"), sub, issues);
    if (ke_str_is_empty(expression))
        return;
    if (!ke_str_is_empty(sub))
        model_report_invalid(issues, model_path_child(path, "subPathExpr"), expression,
                             "subPathExpr and subPath are mutually exclusive");
    podspec_check_relative(model_path_child(path, "subPathExpr"), expression, issues);
}

static void check_lists(const cJSON *spec, const cJSON *container, const struct model_path *path,
                        struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "ports");
    const cJSON *all = ke_json_get(container, "ports");
    if (!model_check_count(issues, list, all))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, all) {
        struct model_path at = model_path_index(&list, i++);
        check_port(all, item, &at, issues);
    }
    container_validate_env(container, path, issues);
    list = model_path_child(path, "volumeMounts");
    all = ke_json_get(container, "volumeMounts");
    if (!model_check_count(issues, list, all))
        return;
    i = 0;
    cJSON_ArrayForEach(item, all) {
        struct model_path at = model_path_index(&list, i++);
        check_mount(all, item, ke_json_get(spec, "volumes"), &at, issues);
    }
}

static void check_security(const cJSON *container, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const ids[] = { "runAsUser", "runAsGroup" };
    const cJSON *context = ke_json_get(container, "securityContext");
    struct model_path at = model_path_child(path, "securityContext");
    for (size_t i = 0; i < KE_ARRAY_LEN(ids); i++) {
        int64_t id = ke_json_i64(context, ids[i], 0);
        if (id < 0 || id > UINT32_MAX)
            model_report_invalid_int(issues, model_path_child(&at, ids[i]), id,
                                     "must be between 0 and 4294967295, inclusive");
    }
    if (!ke_json_bool(context, "allowPrivilegeEscalation", true) &&
        ke_json_bool(context, "privileged", false)) {
        model_report_invalid_raw(issues, at, KE_STR("{...}"),
                                 "cannot set `allowPrivilegeEscalation` to false and `privileged` "
                                 "to true");
    }
}

static void check_common(const cJSON *spec, const cJSON *container, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const message_policies[] = { "File", "FallbackToLogsOnError", NULL };
    static const char *const pull_policies[] = { "Always", "IfNotPresent", "Never", NULL };
    struct ke_str name = ke_json_str(container, "name");
    struct model_path at = model_path_child(path, "name");
    if (ke_str_is_empty(name))
        model_report_required(issues, at, "");
    else
        (void)model_check_name(issues, at, name, model_name_label);
    if (model_is_unset(container, "image"))
        model_report_required(issues, model_path_child(path, "image"), "");
    (void)model_check_enum(issues, model_path_child(path, "terminationMessagePolicy"),
                           ke_json_str(container, "terminationMessagePolicy"), message_policies);
    check_lists(spec, container, path, issues);
    (void)model_check_enum(issues, model_path_child(path, "imagePullPolicy"),
                           ke_json_str(container, "imagePullPolicy"), pull_policies);
    container_validate_resources(container, path, issues);
    check_security(container, path, issues);
}

static void check_image_blanks(const cJSON *container, const struct model_path *path,
                               struct model_issues *issues)
{
    struct ke_str image = ke_json_str(container, "image");
    if (ke_str_trim(image).len != image.len)
        model_report_invalid(issues, model_path_child(path, "image"), image,
                             "must not have leading or trailing whitespace");
}

/* A sidecar is an init container that stays: it has probes like any other. */
static void check_init_only(const cJSON *container, const struct model_path *path,
                            struct model_issues *issues)
{
    static const char *const refused[] = { "lifecycle", "livenessProbe", "readinessProbe",
                                           "startupProbe" };
    static const char *const policies[] = { "Always", NULL };
    const cJSON *policy = ke_json_get(container, "restartPolicy");
    struct model_path at = model_path_child(path, "restartPolicy");
    if (policy != NULL && model_check_enum(issues, at, ke_json_value_str(policy), policies)) {
        container_validate_probes(container, path, issues);
        return;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(refused); i++) {
        if (ke_json_get(container, refused[i]) != NULL) {
            model_report_forbidden(
                issues, model_path_child(path, refused[i]),
                "may not be set for init containers without restartPolicy=Always");
        }
    }
}

static struct ke_str host_port_text(struct model_issues *issues, const cJSON *port)
{
    return ke_arena_fmt(issues->arena, "%.*s/%.*s/%d", KE_STR_ARG(ke_json_str(port, "protocol")),
                        KE_STR_ARG(ke_json_str(port, "hostIP")),
                        (int)ke_json_i64(port, "hostPort", 0));
}

static bool is_same_host_port(const cJSON *a, const cJSON *b)
{
    return ke_json_i64(a, "hostPort", 0) == ke_json_i64(b, "hostPort", 0) &&
           model_same_member(a, b, "hostIP") && model_same_member(a, b, "protocol");
}

/* Is the host port taken by a port before it, in any container of the list? */
static bool is_host_port_taken(const cJSON *containers, const cJSON *port)
{
    const cJSON *container;
    cJSON_ArrayForEach(container, containers) {
        const cJSON *earlier;
        cJSON_ArrayForEach(earlier, ke_json_get(container, "ports")) {
            if (earlier == port)
                return false;
            if (is_same_host_port(earlier, port))
                return true;
        }
    }
    return false;
}

static void check_host_ports(const cJSON *containers, const struct model_path *path,
                             struct model_issues *issues)
{
    size_t n_ports = 0;
    const cJSON *counted;
    cJSON_ArrayForEach(counted, containers)
        n_ports += (size_t)cJSON_GetArraySize(ke_json_get(counted, "ports"));
    if (n_ports > LIMIT_LIST_ITEMS) {
        model_report_too_many(issues, *path, n_ports, LIMIT_LIST_ITEMS);
        return;
    }
    size_t i = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, containers) {
        struct model_path at = model_path_index(path, i++);
        struct model_path list = model_path_child(&at, "ports");
        size_t j = 0;
        const cJSON *port;
        cJSON_ArrayForEach(port, ke_json_get(container, "ports")) {
            struct model_path port_at = model_path_index(&list, j++);
            if (ke_json_i64(port, "hostPort", 0) != 0 && is_host_port_taken(containers, port))
                model_report_duplicate(issues, model_path_child(&port_at, "hostPort"),
                                       host_port_text(issues, port));
        }
    }
}

void containers_validate(const cJSON *spec, const struct model_path *path, bool is_pod,
                         struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "containers");
    const cJSON *containers = ke_json_get(spec, "containers");
    if (cJSON_GetArraySize(containers) == 0)
        model_report_required(issues, list, "");
    if (!model_check_count(issues, list, containers))
        return;
    size_t i = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, containers) {
        struct model_path at = model_path_index(&list, i++);
        check_common(spec, container, &at, issues);
        if (is_name_taken(containers, container, NULL))
            model_report_duplicate(issues, model_path_child(&at, "name"),
                                   ke_json_str(container, "name"));
        container_validate_probes(container, &at, issues);
        if (ke_json_get(container, "restartPolicy") != NULL)
            model_report_forbidden(issues, model_path_child(&at, "restartPolicy"),
                                   "may not be set for non-init containers");
        if (is_pod)
            check_image_blanks(container, &at, issues);
    }
    check_host_ports(containers, &list, issues);
    list = model_path_child(path, "initContainers");
    const cJSON *inits = ke_json_get(spec, "initContainers");
    if (!model_check_count(issues, list, inits))
        return;
    i = 0;
    cJSON_ArrayForEach(container, inits) {
        struct model_path at = model_path_index(&list, i++);
        check_common(spec, container, &at, issues);
        if (is_name_taken(inits, container, containers))
            model_report_duplicate(issues, model_path_child(&at, "name"),
                                   ke_json_str(container, "name"));
        check_init_only(container, &at, issues);
        if (is_pod)
            check_image_blanks(container, &at, issues);
    }
}

static void check_ephemeral_only(const cJSON *container, const struct model_path *path,
                                 struct model_issues *issues)
{
    static const char *const refused[] = { "ports",        "livenessProbe", "readinessProbe",
                                           "startupProbe", "lifecycle",     "resizePolicy",
                                           "restartPolicy" };
    static const char why[] = "cannot be set for an Ephemeral Container";
    for (size_t i = 0; i < KE_ARRAY_LEN(refused); i++) {
        if (!model_is_unset(container, refused[i]))
            model_report_forbidden(issues, model_path_child(path, refused[i]), why);
    }
    if (!model_is_unset(container, "resources"))
        model_report_forbidden(issues, model_path_child(path, "resources"), why);
    struct model_path mounts = model_path_child(path, "volumeMounts");
    size_t i = 0;
    const cJSON *mount;
    cJSON_ArrayForEach(mount, ke_json_get(container, "volumeMounts")) {
        struct model_path at = model_path_index(&mounts, i++);
        if (!model_is_unset(mount, "subPath"))
            model_report_forbidden(issues, model_path_child(&at, "subPath"), why);
        if (!model_is_unset(mount, "subPathExpr"))
            model_report_forbidden(issues, model_path_child(&at, "subPathExpr"), why);
    }
}

static bool has_name(const cJSON *containers, struct ke_str name)
{
    const cJSON *container;
    cJSON_ArrayForEach(container, containers) {
        if (ke_str_eq(ke_json_str(container, "name"), name))
            return true;
    }
    return false;
}

void containers_validate_ephemeral(const cJSON *spec, const struct model_path *path,
                                   struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "ephemeralContainers");
    const cJSON *all = ke_json_get(spec, "ephemeralContainers");
    const cJSON *containers = ke_json_get(spec, "containers");
    const cJSON *inits = ke_json_get(spec, "initContainers");
    if (!model_check_count(issues, list, all))
        return;
    size_t i = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, all) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_str name = ke_json_str(container, "name");
        struct ke_str target = ke_json_str(container, "targetContainerName");
        check_common(spec, container, &at, issues);
        if (is_name_taken(all, container, containers) || has_name(inits, name))
            model_report_duplicate(issues, model_path_child(&at, "name"), name);
        if (target.len > 0 && !has_name(containers, target) && !has_name(inits, target))
            model_report_not_found(issues, model_path_child(&at, "targetContainerName"), target);
        check_ephemeral_only(container, &at, issues);
        check_image_blanks(container, &at, issues);
    }
}
