/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address fields of a Service: clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy must agree,
 * and once given an address a Service keeps it. Source: Kubernetes apis/core/validation
 * (ValidateServiceClusterIPsRelatedFields, validateUpgradeDowngrade*). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/service.h"
#include "core/model/path.h"
#include "core/model/values.h"

static struct model_path ips_path(const struct model_path *spec)
{
    return model_path_child(spec, "clusterIPs");
}

static void report_ips(const cJSON *spec, const struct model_path *path, const char *detail,
                       struct model_issues *issues)
{
    model_report_invalid_raw(
        issues, *path, model_go_strings(issues->arena, ke_json_get(spec, "clusterIPs")), detail);
}

/* An object says the first address twice. */
static void check_agreement(const cJSON *spec, const struct model_path *path,
                            struct model_issues *issues)
{
    const cJSON *ips = ke_json_get(spec, "clusterIPs");
    struct ke_str first = ke_json_value_str(ips != NULL ? ips->child : NULL);
    struct ke_str ip = ke_json_str(spec, "clusterIP");
    struct model_path at = ips_path(path);
    if (ke_str_is_empty(ip)) {
        if (cJSON_GetArraySize(ips) > 0)
            report_ips(spec, &at, "must be empty when `clusterIP` is not specified", issues);
    } else if (cJSON_GetArraySize(ips) == 0) {
        model_report_required(issues, at, "");
    } else if (!ke_str_eq(first, ip)) {
        report_ips(spec, &at, "first value must match `clusterIP`", issues);
    }
}

static void check_families(const cJSON *spec, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const families[] = { "IPv4", "IPv6", NULL };
    static const char *const policies[] = { "PreferDualStack", "RequireDualStack", "SingleStack",
                                            NULL };
    struct model_path list = model_path_child(path, "ipFamilies");
    const cJSON *all = ke_json_get(spec, "ipFamilies");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, all) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_str family = ke_json_value_str(item);
        if (!ke_str_eq_c(family, "IPv4") && !ke_str_eq_c(family, "IPv6"))
            model_report_not_supported(issues, at, family, families);
        const cJSON *earlier = all->child;
        while (earlier != item && !ke_str_eq(ke_json_value_str(earlier), family))
            earlier = earlier->next;
        if (earlier != item)
            model_report_duplicate(issues, at, family);
    }
    const cJSON *policy = ke_json_get(spec, "ipFamilyPolicy");
    if (policy != NULL) {
        (void)model_check_enum(issues, model_path_child(path, "ipFamilyPolicy"),
                               ke_json_value_str(policy), policies);
    }
}

/* Each is an address, or the only one is None. */
static bool check_addresses(const cJSON *spec, const struct model_path *path,
                            struct model_issues *issues)
{
    const cJSON *ips = ke_json_get(spec, "clusterIPs");
    struct model_path list = ips_path(path);
    bool is_good = true;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ips) {
        struct model_path at = model_path_index(&list, i);
        struct ke_str ip = ke_json_value_str(item);
        if (i++ == 0 && ke_str_eq_c(ip, "None")) {
            if (cJSON_GetArraySize(ips) > 1) {
                is_good = false;
                report_ips(spec, &list, "'None' must be the first and only value", issues);
            }
            continue;
        }
        is_good = model_check_ip(issues, at, ip, NULL) && is_good;
    }
    if (cJSON_GetArraySize(ips) > 2)
        report_ips(spec, &list, "may only hold up to 2 values", issues);
    return is_good;
}

static enum ke_family family_of(const cJSON *ip)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_ip parsed;
    if (ke_ip_parse(ke_json_value_str(ip), &parsed, &err) != KE_OK)
        return KE_FAMILY_NONE;
    return parsed.family;
}

static void check_dual_stack(const cJSON *spec, const struct model_path *path,
                             struct model_issues *issues)
{
    const cJSON *ips = ke_json_get(spec, "clusterIPs");
    bool has_v4 = false;
    bool has_v6 = false;
    const cJSON *item;
    cJSON_ArrayForEach(item, ips) {
        has_v4 = has_v4 || family_of(item) == KE_FAMILY_IPV4;
        has_v6 = has_v6 || family_of(item) == KE_FAMILY_IPV6;
    }
    struct model_path at = ips_path(path);
    if (cJSON_GetArraySize(ips) > 1 && !(has_v4 && has_v6))
        report_ips(spec, &at, "may specify no more than one IP for each IP family", issues);
}

/* The nth address is of the nth family. */
static void check_family_order(const cJSON *spec, const struct model_path *path,
                               struct model_issues *issues)
{
    struct model_path list = ips_path(path);
    const cJSON *families = ke_json_get(spec, "ipFamilies");
    const cJSON *family = families != NULL ? families->child : NULL;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(spec, "clusterIPs")) {
        if (family == NULL)
            return;
        bool is_v6 = family_of(item) == KE_FAMILY_IPV6;
        struct ke_str wanted = ke_json_value_str(family);
        if ((ke_str_eq_c(wanted, "IPv4") && is_v6) || (ke_str_eq_c(wanted, "IPv6") && !is_v6)) {
            struct ke_str detail = ke_arena_fmt(
                issues->arena, "expected an %.*s value as indicated by `ipFamilies[%zu]`",
                KE_STR_ARG(wanted), i);
            model_report_invalid(issues, model_path_index(&list, i), ke_json_value_str(item),
                                 detail.ptr != NULL ? detail.ptr : "");
        }
        family = family->next;
        i++;
    }
}

void service_validate_ips(const cJSON *spec, struct model_issues *issues)
{
    struct model_path path = model_path_root("spec");
    check_agreement(spec, &path, issues);
    check_families(spec, &path, issues);
    if (!check_addresses(spec, &path, issues))
        return;
    check_dual_stack(spec, &path, issues);
    if (!service_is_headless(spec))
        check_family_order(spec, &path, issues);
}

/* One of the two lists that may grow and shrink at the end, but not change at the front. */
static void check_list_update(const cJSON *spec, const cJSON *old, const char *name,
                              struct model_issues *issues)
{
    bool is_ips = strcmp(name, "clusterIPs") == 0;
    struct model_path path = model_path_root("spec");
    struct model_path list = model_path_child(&path, name);
    const cJSON *now = ke_json_get(spec, name);
    const cJSON *was = ke_json_get(old, name);
    int n_now = cJSON_GetArraySize(now);
    int n_was = cJSON_GetArraySize(was);
    struct ke_str printed = model_go_strings(issues->arena, now);
    if (n_was > 0 && n_now == 0) {
        model_report_invalid_raw(issues, model_path_index(&list, 0), printed,
                                 is_ips ? "primary clusterIP can not be unset"
                                        : "primary ipFamily can not be unset");
        return;
    }
    /* Both are compared when the length stays; else only the first. */
    int n_compared = n_now == n_was ? n_was : (n_was < 1 ? 0 : 1);
    for (int i = 0; i < n_compared; i++) {
        if (!ke_str_eq(ke_json_value_str(cJSON_GetArrayItem(now, i)),
                       ke_json_value_str(cJSON_GetArrayItem(was, i)))) {
            model_report_invalid_raw(issues, model_path_index(&list, is_ips ? (size_t)i : 0),
                                     printed, "may not change once set");
        }
    }
    struct ke_str policy = ke_json_str(spec, "ipFamilyPolicy");
    if (n_was > n_now && n_now == 1 && !ke_str_eq_c(policy, "SingleStack")) {
        model_report_invalid(issues, model_path_child(&path, "ipFamilyPolicy"), policy,
                             is_ips ? "must be set to 'SingleStack' when releasing the secondary "
                                      "clusterIP"
                                    : "must be set to 'SingleStack' when releasing the secondary "
                                      "ipFamily");
    }
}

void service_validate_ips_update(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    if (!service_needs_cluster_ip(spec) || !service_needs_cluster_ip(old))
        return;
    bool is_headless = service_is_headless(spec);
    bool was_headless = service_is_headless(old);
    if (!is_headless || !was_headless)
        check_list_update(spec, old, "clusterIPs", issues);
    if (!is_headless && !was_headless)
        check_list_update(spec, old, "ipFamilies", issues);
}
