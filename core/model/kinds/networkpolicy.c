/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicies: stored and checked; kedge's own proxy does not enforce them. Source: Kubernetes
 * apis/networking/validation, apis/networking/v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

static bool default_protocols(cJSON *rules)
{
    cJSON *rule;
    cJSON_ArrayForEach(rule, rules) {
        cJSON *port;
        cJSON_ArrayForEach(port, ke_json_get_mut(rule, "ports")) {
            if (!model_default_str(port, "protocol", "TCP"))
                return false;
        }
    }
    return true;
}

static bool add_type(cJSON *types, const char *name)
{
    cJSON *item = cJSON_CreateString(name);
    if (item != NULL && cJSON_AddItemToArray(types, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !model_default_object(spec, "podSelector") ||
        !default_protocols(ke_json_get_mut(spec, "ingress")) ||
        !default_protocols(ke_json_get_mut(spec, "egress")))
        return false;
    cJSON *types = ke_json_need_array(spec, "policyTypes");
    if (types == NULL || types->child != NULL)
        return types != NULL;
    return add_type(types, "Ingress") &&
           (cJSON_GetArraySize(ke_json_get(spec, "egress")) == 0 || add_type(types, "Egress"));
}

static void check_end_port(const cJSON *port, const struct model_path *path,
                           struct model_issues *issues)
{
    const cJSON *first = ke_json_get(port, "port");
    const cJSON *last = ke_json_get(port, "endPort");
    struct model_path at = model_path_child(path, "endPort");
    if (last == NULL)
        return;
    int64_t end = (int64_t)last->valuedouble;
    if (first == NULL) {
        model_report_invalid_int(issues, at, end,
                                 "may not be specified when `port` is not specified");
    } else if (cJSON_IsString(first)) {
        model_report_invalid_int(issues, at, end,
                                 "may not be specified when `port` is non-numeric");
    } else {
        if (end < (int64_t)first->valuedouble)
            model_report_invalid_int(issues, at, (int64_t)first->valuedouble,
                                     "must be greater than or equal to `port`");
        (void)model_check_port(issues, at, end);
    }
}

static void check_port(const cJSON *port, const struct model_path *path,
                       struct model_issues *issues)
{
    static const char *const protocols[] = { "TCP", "UDP", "SCTP", NULL };
    (void)model_check_enum(issues, model_path_child(path, "protocol"),
                           ke_json_str(port, "protocol"), protocols);
    const cJSON *value = ke_json_get(port, "port");
    bool is_text = cJSON_IsString(value);
    if (is_text)
        check_end_port(port, path, issues);
    if (value != NULL)
        model_check_port_or_name(issues, model_path_child(path, "port"), value);
    if (!is_text)
        check_end_port(port, path, issues);
}

static void check_except(const cJSON *block, const struct ke_cidr *cidr,
                         const struct model_path *path, struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "except");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(block, "except")) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_err err = KE_ERR_INIT;
        struct ke_cidr except;
        struct ke_str text = ke_json_value_str(item);
        if (ke_cidr_parse(text, &except, &err) != KE_OK) {
            model_check_cidr(issues, at, text);
            continue;
        }
        if (!ke_cidr_contains(cidr, &except.ip) || cidr->prefix >= except.prefix)
            model_report_invalid(issues, at, text, "must be a strict subset of `cidr`");
    }
}

static void check_block(const cJSON *block, const struct model_path *path,
                        struct model_issues *issues)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr cidr;
    struct ke_str text = ke_json_str(block, "cidr");
    if (ke_str_is_empty(text))
        model_report_required(issues, model_path_child(path, "cidr"), "");
    else if (ke_cidr_parse(text, &cidr, &err) != KE_OK)
        (void)model_check_cidr(issues, model_path_child(path, "cidr"), text);
    else
        check_except(block, &cidr, path, issues);
}

static void check_peer(const cJSON *peer, const struct model_path *path,
                       struct model_issues *issues)
{
    static const char *const selectors[] = { "podSelector", "namespaceSelector" };
    size_t n = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(selectors); i++) {
        const cJSON *selector = ke_json_get(peer, selectors[i]);
        if (selector == NULL)
            continue;
        n++;
        model_check_label_selector(issues, model_path_child(path, selectors[i]), selector);
    }
    const cJSON *block = ke_json_get(peer, "ipBlock");
    struct model_path block_at = model_path_child(path, "ipBlock");
    if (block != NULL) {
        n++;
        check_block(block, &block_at, issues);
    }
    if (n == 0)
        model_report_required(issues, *path, "must specify a peer");
    else if (n > 1 && block != NULL)
        model_report_forbidden(issues, *path, "may not specify both ipBlock and another peer");
}

/* ingress (peers: from) and egress (peers: to). */
static void check_rules(const cJSON *rules, const char *peers, const struct model_path *path,
                        struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules) {
        struct model_path at = model_path_index(path, i++);
        struct model_path ports = model_path_child(&at, "ports");
        struct model_path peers_at = model_path_child(&at, peers);
        size_t j = 0;
        const cJSON *it;
        cJSON_ArrayForEach(it, ke_json_get(rule, "ports")) {
            struct model_path each = model_path_index(&ports, j++);
            check_port(it, &each, issues);
        }
        j = 0;
        cJSON_ArrayForEach(it, ke_json_get(rule, peers)) {
            struct model_path each = model_path_index(&peers_at, j++);
            check_peer(it, &each, issues);
        }
    }
}

static void check_types(const cJSON *types, const struct model_path *path,
                        struct model_issues *issues)
{
    static const char *const allowed[] = { "Ingress", "Egress", NULL };
    if (cJSON_GetArraySize(types) > 2) {
        ke_auto_buf text = KE_BUF_INIT(1U << 20);
        ke_json_print(types, &text);
        model_report_invalid_raw(issues, *path, ke_buf_str(&text),
                                 "may not specify more than two policyTypes");
        return;
    }
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, types) {
        struct model_path at = model_path_index(path, i++);
        struct ke_str type = ke_json_value_str(item);
        if (!ke_str_eq_c(type, "Ingress") && !ke_str_eq_c(type, "Egress"))
            model_report_not_supported(issues, at, type, allowed);
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct model_path ingress = model_path_child(&path, "ingress");
    struct model_path egress = model_path_child(&path, "egress");
    struct model_path types = model_path_child(&path, "policyTypes");
    model_check_label_selector(issues, model_path_child(&path, "podSelector"),
                               ke_json_get(spec, "podSelector"));
    check_rules(ke_json_get(spec, "ingress"), "from", &ingress, issues);
    check_rules(ke_json_get(spec, "egress"), "to", &egress, issues);
    check_types(ke_json_get(spec, "policyTypes"), &types, issues);
}

const struct model_kind model_kind_networkpolicy = {
    .id = MODEL_NETWORKPOLICY,
    .kind = "NetworkPolicy",
    .list_kind = "NetworkPolicyList",
    .plural = "networkpolicies",
    .singular = "networkpolicy",
    .short_names = { "netpol" },
    .prefix = "/registry/networkpolicies/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.NetworkPolicy" },
    },
    .set_defaults = set_defaults,
    .validate = validate,
};
