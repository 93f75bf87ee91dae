/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ServiceCIDRs and IPAddresses: what ranges Services have, and who holds which address. kedge
 * shows the configured ranges as ServiceCIDR "kubernetes"; others are stored and not acted on.
 * Source: Kubernetes apis/networking/validation; KEP-1880. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define RANGES_MAX 2

/* ---- ServiceCIDR */

static bool cidr_prepare_create(cJSON *object)
{
    return model_set_empty(object, "status");
}

static void check_families(const cJSON *cidrs, const struct model_path *path,
                           struct model_issues *issues)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr a;
    struct ke_cidr b;
    if (cJSON_GetArraySize(cidrs) != RANGES_MAX ||
        ke_cidr_parse(ke_json_value_str(cidrs->child), &a, &err) != KE_OK ||
        ke_cidr_parse(ke_json_value_str(cidrs->child->next), &b, &err) != KE_OK ||
        a.ip.family != b.ip.family)
        return;
    ke_auto_buf text = KE_BUF_INIT(1U << 16);
    ke_json_print(cidrs, &text);
    model_report_invalid_raw(issues, *path, ke_buf_str(&text),
                             "may specify no more than one IP for each IP family, i.e "
                             "192.168.0.0/24 and 2001:db8::/64");
}

/* Host bits are not set, and the text is the canonical one. */
static void check_range(struct model_path path, struct ke_str text, struct model_issues *issues)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr cidr;
    struct ke_ip first;
    if (ke_cidr_parse(text, &cidr, &err) != KE_OK) {
        (void)model_check_cidr(issues, path, text);
        return;
    }
    char memory[KE_IP_TEXT_MAX + 8];
    struct ke_buf canonical = KE_BUF_FIXED(memory, sizeof(memory));
    if (!ke_cidr_nth(&cidr, 0, &first))
        first = cidr.ip;
    struct ke_cidr masked = { .ip = first, .prefix = cidr.prefix };
    ke_cidr_format(&masked, &canonical);
    if (ke_str_eq(ke_buf_str(&canonical), text))
        return;
    struct ke_str detail =
        ke_ip_eq(&first, &cidr.ip)
            ? ke_arena_fmt(issues->arena, "must be in canonical form (\"%.*s\")",
                           KE_STR_ARG(ke_buf_str(&canonical)))
            : ke_arena_fmt(issues->arena, "must not have bits set beyond the prefix length");
    model_report_invalid(issues, path, text, detail.ptr != NULL ? detail.ptr : "");
}

static void cidr_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *cidrs = ke_json_get(spec, "cidrs");
    struct model_path root = model_path_root("spec");
    struct model_path at = model_path_child(&root, "cidrs");
    int n = cJSON_GetArraySize(cidrs);
    if (n == 0)
        model_report_required(issues, at, "at least one CIDR required");
    else if (n > RANGES_MAX)
        model_report_too_many(issues, at, (size_t)n, RANGES_MAX);
    else
        check_families(cidrs, &at, issues);
    size_t i = 0;
    const cJSON *item;
    const cJSON *checked = n > RANGES_MAX ? NULL : cidrs;
    cJSON_ArrayForEach(item, checked)
        check_range(model_path_index(&at, i++), ke_json_value_str(item), issues);
    if (old == NULL)
        return;
    /* A single range may be joined by one of the other family. */
    const cJSON *was = ke_json_path(old, "spec.cidrs");
    bool is_widened =
        cJSON_GetArraySize(was) == 1 && n == RANGES_MAX && ke_json_equal(was->child, cidrs->child);
    if (!is_widened)
        model_check_immutable(issues, at, spec, ke_json_get(old, "spec"), "cidrs");
}

const struct model_kind model_kind_servicecidr = {
    .id = MODEL_SERVICECIDR,
    .kind = "ServiceCIDR",
    .list_kind = "ServiceCIDRList",
    .plural = "servicecidrs",
    .singular = "servicecidr",
    .prefix = "/registry/servicecidrs/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.ServiceCIDR" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .prepare_create = cidr_prepare_create,
    .validate = cidr_validate,
};

/* ---- IPAddress */

/* Its name is the address. */
static void check_address_name(const cJSON *object, struct model_issues *issues)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_ip ip;
    char text[KE_IP_TEXT_MAX];
    struct model_path meta = model_path_root("metadata");
    struct model_path at = model_path_child(&meta, "name");
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    if (ke_str_is_empty(name))
        return;
    if (ke_ip_parse(name, &ip, &err) != KE_OK) {
        model_report_invalid(issues, at, name,
                             "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    } else if (!ke_str_eq_c(name, ke_ip_text(&ip, text))) {
        model_report_invalid(issues, at, name, "must be a canonical format IP address");
    }
}

static void check_reference(const cJSON *ref, struct model_issues *issues)
{
    static const char *const needed[] = { "resource", "name" };
    struct model_path spec = model_path_root("spec");
    struct model_path at = model_path_child(&spec, "parentRef");
    if (ref == NULL) {
        model_report_required(issues, at, "");
        return;
    }
    if (!model_is_unset(ref, "group"))
        (void)model_check_name(issues, model_path_child(&at, "group"), ke_json_str(ref, "group"),
                               model_name_subdomain);
    for (size_t i = 0; i < KE_ARRAY_LEN(needed); i++) {
        if (model_check_required(issues, &at, ref, needed[i]))
            (void)model_check_name(issues, model_path_child(&at, needed[i]),
                                   ke_json_str(ref, needed[i]), model_name_path_segment);
    }
    if (!model_is_unset(ref, "namespace"))
        (void)model_check_name(issues, model_path_child(&at, "namespace"),
                               ke_json_str(ref, "namespace"), model_name_path_segment);
}

static void address_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    check_address_name(object, issues);
    check_reference(ke_json_get(spec, "parentRef"), issues);
    if (old != NULL)
        model_check_immutable(issues, model_path_child(&root, "parentRef"), spec,
                              ke_json_get(old, "spec"), "parentRef");
}

const struct model_kind model_kind_ipaddress = {
    .id = MODEL_IPADDRESS,
    .kind = "IPAddress",
    .list_kind = "IPAddressList",
    .plural = "ipaddresses",
    .singular = "ipaddress",
    .short_names = { "ip" },
    .prefix = "/registry/ipaddresses/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.IPAddress" },
    },
    .validate = address_validate,
};
