/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of a PodSpec's own members; containers and volumes have files of their own. In the
 * order and words of Kubernetes apis/core/validation (ValidatePodSpec). Affinity, topology
 * constraints and Windows options are stored as they come: nothing here acts on them. Pure.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define DNS_SERVERS_MAX  3
#define DNS_SEARCHES_MAX 32

void podspec_check_relative(struct model_path path, struct ke_str text, struct model_issues *issues)
{
    if (ke_str_has_prefix(text, KE_STR("/")))
        model_report_invalid(issues, path, text, "must be a relative path");
    struct ke_str rest = text;
    struct ke_str part;
    while (ke_str_split(&rest, '/', &part)) {
        if (ke_str_eq_c(part, "..")) {
            model_report_invalid(issues, path, text, "must not contain '..'");
            return;
        }
    }
}

void podspec_check_key_ref(const cJSON *ref, const struct model_path *path,
                           struct model_issues *issues)
{
    struct ke_str name = ke_json_str(ref, "name");
    (void)model_check_name(issues, model_path_child(path, "name"), name, model_name_subdomain);
    struct ke_str key = ke_json_str(ref, "key");
    struct model_path at = model_path_child(path, "key");
    if (ke_str_is_empty(key))
        model_report_required(issues, at, "");
    else
        (void)model_check_name(issues, at, key, model_name_config_key);
}

/* "metadata.labels['x']": with a key that the prefix does not restrict. */
static bool is_subscript(struct ke_str field)
{
    bool is_map = ke_str_cut_prefix(&field, KE_STR("metadata.labels['")) ||
                  ke_str_cut_prefix(&field, KE_STR("metadata.annotations['"));
    return is_map && field.len > 2 && ke_str_has_suffix(field, KE_STR("']"));
}

void podspec_check_field_ref(const cJSON *ref, const struct model_path *path,
                             struct model_issues *issues)
{
    static const char *const fields[] = { "metadata.name",
                                          "metadata.namespace",
                                          "metadata.uid",
                                          "spec.nodeName",
                                          "spec.serviceAccountName",
                                          "status.hostIP",
                                          "status.hostIPs",
                                          "status.podIP",
                                          "status.podIPs",
                                          NULL };
    if (model_is_unset(ref, "apiVersion"))
        model_report_required(issues, model_path_child(path, "apiVersion"), "");
    struct ke_str field = ke_json_str(ref, "fieldPath");
    if (!is_subscript(field))
        (void)model_check_enum(issues, model_path_child(path, "fieldPath"), field, fields);
}

static void check_dns_config(const cJSON *spec, const struct model_path *path,
                             struct model_issues *issues)
{
    const cJSON *config = ke_json_get(spec, "dnsConfig");
    struct model_path at = model_path_child(path, "dnsConfig");
    struct model_path servers_at = model_path_child(&at, "nameservers");
    const cJSON *servers = ke_json_get(config, "nameservers");
    if (ke_str_eq_c(ke_json_str(spec, "dnsPolicy"), "None")) {
        if (config == NULL)
            model_report_required(issues, at, "must provide `dnsConfig` when `dnsPolicy` is None");
        else if (cJSON_GetArraySize(servers) == 0) {
            model_report_required(
                issues, servers_at,
                "must provide at least one DNS nameserver when `dnsPolicy` is None");
        }
    }
    if (cJSON_GetArraySize(servers) > DNS_SERVERS_MAX) {
        model_report_invalid_raw(issues, servers_at, model_go_strings(issues->arena, servers),
                                 "must not have more than 3 nameservers");
    }
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, servers) {
        (void)model_check_ip(issues, model_path_index(&servers_at, i++), ke_json_value_str(item),
                             NULL);
    }
    const cJSON *searches = ke_json_get(config, "searches");
    struct model_path searches_at = model_path_child(&at, "searches");
    if (cJSON_GetArraySize(searches) > DNS_SEARCHES_MAX) {
        model_report_invalid_raw(issues, searches_at, model_go_strings(issues->arena, searches),
                                 "must not have more than 32 search paths");
    }
}

static void check_aliases(const cJSON *aliases, const struct model_path *path,
                          struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *alias;
    cJSON_ArrayForEach(alias, aliases) {
        struct model_path at = model_path_index(path, i++);
        (void)model_check_ip(issues, model_path_child(&at, "ip"), ke_json_str(alias, "ip"), NULL);
        struct model_path names = model_path_child(&at, "hostnames");
        size_t j = 0;
        const cJSON *name;
        cJSON_ArrayForEach(name, ke_json_get(alias, "hostnames")) {
            (void)model_check_name(issues, model_path_index(&names, j++), ke_json_value_str(name),
                                   model_name_subdomain);
        }
    }
}

/* Every text of a toleration; effect may be empty: all effects. */
static void check_toleration(const cJSON *toleration, const struct model_path *path,
                             struct model_issues *issues)
{
    static const char *const operators[] = { "Equal", "Exists", NULL };
    static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };
    struct ke_str key = ke_json_str(toleration, "key");
    struct ke_str op = ke_json_str(toleration, "operator");
    struct ke_str effect = ke_json_str(toleration, "effect");
    struct ke_str value = ke_json_str(toleration, "value");
    struct model_path op_at = model_path_child(path, "operator");
    if (!ke_str_is_empty(key))
        (void)model_check_name(issues, model_path_child(path, "key"), key, model_name_qualified);
    else if (!ke_str_eq_c(op, "Exists")) {
        model_report_invalid(issues, op_at, op,
                             "operator must be Exists when `key` is empty, which means \"match all "
                             "values and all keys\"");
    }
    if (ke_json_get(toleration, "tolerationSeconds") != NULL && !ke_str_eq_c(effect, "NoExecute"))
        model_report_invalid(issues, model_path_child(path, "effect"), effect,
                             "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (ke_str_is_empty(op) || ke_str_eq_c(op, "Equal"))
        (void)model_check_name(issues, op_at, value, model_name_label_value);
    else if (!ke_str_eq_c(op, "Exists"))
        model_report_not_supported(issues, op_at, op, operators);
    else if (!ke_str_is_empty(value))
        model_report_invalid(issues, op_at, value,
                             "value must be empty when `operator` is 'Exists'");
    if (!ke_str_is_empty(effect))
        (void)model_check_enum(issues, model_path_child(path, "effect"), effect, effects);
}

void tolerations_validate(const cJSON *tolerations, const struct model_path *path,
                          struct model_issues *issues)
{
    if (!model_check_count(issues, *path, tolerations))
        return;
    size_t i = 0;
    const cJSON *toleration;
    cJSON_ArrayForEach(toleration, tolerations) {
        struct model_path at = model_path_index(path, i++);
        check_toleration(toleration, &at, issues);
    }
}

/* Members that are names of one form, checked only when set. */
static void check_names(const cJSON *spec, const struct model_path *path,
                        struct model_issues *issues)
{
    static const struct {
        const char *name;
        model_name_fn *rule;
    } names[] = {
        { "serviceAccountName", model_name_subdomain },
        { "nodeName", model_name_subdomain },
        { "hostname", model_name_label },
        { "subdomain", model_name_label },
        { "priorityClassName", model_name_subdomain },
        { "runtimeClassName", model_name_subdomain },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        struct ke_str value = ke_json_str(spec, names[i].name);
        if (!ke_str_is_empty(value))
            (void)model_check_name(issues, model_path_child(path, names[i].name), value,
                                   names[i].rule);
    }
}

static void check_policies(const cJSON *spec, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const restarts[] = { "Always", "OnFailure", "Never", NULL };
    static const char *const dns[] = { "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None",
                                       NULL };
    static const char *const preemptions[] = { "PreemptLowerPriority", "Never", NULL };
    (void)model_check_enum(issues, model_path_child(path, "restartPolicy"),
                           ke_json_str(spec, "restartPolicy"), restarts);
    (void)model_check_enum(issues, model_path_child(path, "dnsPolicy"),
                           ke_json_str(spec, "dnsPolicy"), dns);
    if (ke_json_get(spec, "preemptionPolicy") != NULL)
        (void)model_check_enum(issues, model_path_child(path, "preemptionPolicy"),
                               ke_json_str(spec, "preemptionPolicy"), preemptions);
}

static void check_ids(const cJSON *spec, const struct model_path *path, struct model_issues *issues)
{
    static const char *const ids[] = { "fsGroup", "runAsUser", "runAsGroup" };
    const cJSON *context = ke_json_get(spec, "securityContext");
    struct model_path at = model_path_child(path, "securityContext");
    for (size_t i = 0; i < KE_ARRAY_LEN(ids); i++) {
        int64_t id = ke_json_i64(context, ids[i], 0);
        if (id < 0 || id > UINT32_MAX)
            model_report_invalid_int(issues, model_path_child(&at, ids[i]), id,
                                     "must be between 0 and 4294967295, inclusive");
    }
}

static void check_gates(const cJSON *gates, const struct model_path *path, const char *member,
                        struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *gate;
    cJSON_ArrayForEach(gate, gates) {
        struct model_path at = model_path_index(path, i++);
        bool is_readiness = member[0] == 'c';
        (void)model_check_name(issues, is_readiness ? model_path_child(&at, member) : at,
                               ke_json_str(gate, member), model_name_qualified);
    }
}

/* On the host's network a port cannot be another. A template may leave it to the Pod. */
static void check_host_network(const cJSON *spec, const struct model_path *path, bool is_pod,
                               struct model_issues *issues)
{
    if (!ke_json_bool(spec, "hostNetwork", false))
        return;
    struct model_path list = model_path_child(path, "containers");
    size_t i = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, ke_json_get(spec, "containers")) {
        struct model_path at = model_path_index(&list, i++);
        struct model_path ports_at = model_path_child(&at, "ports");
        size_t j = 0;
        const cJSON *port;
        cJSON_ArrayForEach(port, ke_json_get(container, "ports")) {
            struct model_path port_at = model_path_index(&ports_at, j++);
            int64_t host = ke_json_i64(port, "hostPort", 0);
            if ((is_pod || host != 0) && host != ke_json_i64(port, "containerPort", 0))
                model_report_invalid_int(issues, model_path_child(&port_at, "hostPort"), host,
                                         "must match `containerPort` when `hostNetwork` is true");
        }
    }
}

void podspec_validate(const cJSON *spec, const struct model_path *path, bool is_pod,
                      struct model_issues *issues)
{
    struct model_path volumes_at = model_path_child(path, "volumes");
    volumes_validate(spec, &volumes_at, issues);
    containers_validate(spec, path, is_pod, issues);
    check_host_network(spec, path, is_pod, issues);
    check_policies(spec, path, issues);
    model_check_labels(issues, model_path_child(path, "nodeSelector"),
                       ke_json_get(spec, "nodeSelector"));
    check_ids(spec, path, issues);
    check_dns_config(spec, path, issues);
    struct model_path readiness = model_path_child(path, "readinessGates");
    check_gates(ke_json_get(spec, "readinessGates"), &readiness, "conditionType", issues);
    struct model_path gates = model_path_child(path, "schedulingGates");
    check_gates(ke_json_get(spec, "schedulingGates"), &gates, "name", issues);
    check_names(spec, path, issues);
    const cJSON *deadline = ke_json_get(spec, "activeDeadlineSeconds");
    if (deadline != NULL && (deadline->valuedouble < 1 || deadline->valuedouble > INT32_MAX)) {
        model_report_invalid_int(issues, model_path_child(path, "activeDeadlineSeconds"),
                                 (int64_t)deadline->valuedouble,
                                 "must be between 1 and 2147483647, inclusive");
    }
    struct model_path tolerations_at = model_path_child(path, "tolerations");
    tolerations_validate(ke_json_get(spec, "tolerations"), &tolerations_at, issues);
    struct model_path aliases_at = model_path_child(path, "hostAliases");
    check_aliases(ke_json_get(spec, "hostAliases"), &aliases_at, issues);
}
