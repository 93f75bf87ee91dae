/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceQuotas: how much a namespace may hold. Enforced by core/resource/quota.c, counted anew by
 * a controller. Source: Kubernetes apis/core/validation (ValidateResourceQuota), apis/core/helper.
 * Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/quota.h"
#include "core/model/names.h"
#include "core/model/values.h"

/* ---- names of resources */

enum {
    IS_QUOTA = 1,    /* a ResourceQuota may count it */
    IS_INTEGER = 2,  /* in whole numbers */
    IS_COMPUTE = 4,  /* scopes of pods apply to it */
    IS_CONTAINER = 8 /* a container may ask for it */
};

static const struct standard {
    const char *name;
    unsigned is;
} standards[] = {
    { "cpu", IS_QUOTA | IS_COMPUTE | IS_CONTAINER },
    { "memory", IS_QUOTA | IS_COMPUTE | IS_CONTAINER },
    { "ephemeral-storage", IS_QUOTA | IS_CONTAINER },
    { "requests.cpu", IS_QUOTA | IS_COMPUTE },
    { "requests.memory", IS_QUOTA | IS_COMPUTE },
    { "requests.ephemeral-storage", IS_QUOTA },
    { "limits.cpu", IS_QUOTA | IS_COMPUTE },
    { "limits.memory", IS_QUOTA | IS_COMPUTE },
    { "limits.ephemeral-storage", IS_QUOTA },
    { "pods", IS_QUOTA | IS_INTEGER | IS_COMPUTE },
    { "resourcequotas", IS_QUOTA | IS_INTEGER },
    { "services", IS_QUOTA | IS_INTEGER },
    { "replicationcontrollers", IS_QUOTA | IS_INTEGER },
    { "secrets", IS_QUOTA | IS_INTEGER },
    { "configmaps", IS_QUOTA | IS_INTEGER },
    { "persistentvolumeclaims", IS_QUOTA | IS_INTEGER },
    { "storage", 0 },
    { "requests.storage", IS_QUOTA },
    { "services.nodeports", IS_QUOTA | IS_INTEGER },
    { "services.loadbalancers", IS_QUOTA | IS_INTEGER },
};

static const struct standard *find_standard(struct ke_str name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(standards); i++) {
        if (ke_str_eq_c(name, standards[i].name))
            return &standards[i];
    }
    return NULL;
}

static bool is_huge_page(struct ke_str name)
{
    return ke_str_has_prefix(name, KE_STR("hugepages-"));
}

static bool is_quota_huge_page(struct ke_str name)
{
    return is_huge_page(name) || ke_str_has_prefix(name, KE_STR("requests.hugepages-"));
}

static bool has_domain(struct ke_str name)
{
    return ke_str_find(name, '/') < name.len;
}

static bool is_standard(struct ke_str name, unsigned is)
{
    const struct standard *found = find_standard(name);
    return found != NULL && (found->is & is) == is;
}

/* Without a domain, or of the domain kubernetes.io. */
static bool is_native(struct ke_str name)
{
    static const char domain[] = "kubernetes.io/";
    if (!has_domain(name))
        return true;
    for (size_t i = 0; i + sizeof(domain) - 1 <= name.len; i++) {
        if (memcmp(name.ptr + i, domain, sizeof(domain) - 1) == 0)
            return true;
    }
    return false;
}

bool quota_is_overcommitable(struct ke_str name)
{
    return is_native(name) && !is_huge_page(name);
}

static bool check_name(struct model_path path, struct ke_str name, struct model_issues *issues)
{
    if (!model_check_name(issues, path, name, model_name_qualified))
        return false;
    if (!has_domain(name) && find_standard(name) == NULL && !is_quota_huge_page(name))
        model_report_invalid(issues, path, name,
                             "must be a standard resource type or fully qualified");
    return true;
}

void quota_check_resource_name(struct model_path path, struct ke_str name, bool is_of_containers,
                               struct model_issues *issues)
{
    if (!check_name(path, name, issues) || !is_of_containers)
        return;
    if (!has_domain(name) && !is_standard(name, IS_CONTAINER) && !is_huge_page(name))
        model_report_invalid(issues, path, name, "must be a standard resource for containers");
    else if (!is_native(name) && ke_str_has_prefix(name, KE_STR("requests.")))
        model_report_invalid(issues, path, name, "doesn't follow extended resource name standard");
}

/* ---- hard */

static void check_amounts(const cJSON *map, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        struct ke_str name = ke_str_c(item->string);
        struct model_path at = model_path_key(path, name);
        if (check_name(at, name, issues) && !has_domain(name) && !is_standard(name, IS_QUOTA) &&
            !is_quota_huge_page(name))
            model_report_invalid(issues, at, name, "must be a standard resource for quota");
        struct model_quantity quantity;
        (void)model_check_quantity(issues, at, item, false);
        bool is_whole = is_standard(name, IS_INTEGER) || !is_native(name);
        if (is_whole && model_quantity_of(item, &quantity) && quantity.scale < 0)
            model_report_invalid(issues, at, ke_json_value_str(item), "must be an integer");
    }
}

/* ---- scopes */

static bool is_scope(struct ke_str scope)
{
    static const char *const scopes[] = { "Terminating",          "NotTerminating",
                                          "BestEffort",           "NotBestEffort",
                                          "PriorityClass",        "CrossNamespacePodAffinity",
                                          "VolumeAttributesClass" };
    for (size_t i = 0; i < KE_ARRAY_LEN(scopes); i++) {
        if (ke_str_eq_c(scope, scopes[i]))
            return true;
    }
    return false;
}

static bool is_valid_for(struct ke_str scope, struct ke_str resource)
{
    if (ke_str_eq_c(scope, "BestEffort"))
        return ke_str_eq_c(resource, "pods");
    if (ke_str_eq_c(scope, "VolumeAttributesClass"))
        return ke_str_eq_c(resource, "persistentvolumeclaims") ||
               ke_str_eq_c(resource, "requests.storage");
    return !is_scope(scope) || is_standard(resource, IS_COMPUTE);
}

/* Is every standard resource of hard one that the scope applies to? */
static bool applies(struct ke_str scope, const cJSON *hard)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, hard) {
        struct ke_str name = ke_str_c(item->string);
        if (is_standard(name, IS_QUOTA) && !is_valid_for(scope, name))
            return false;
    }
    return true;
}

static void report_json(struct model_issues *issues, struct model_path path, const cJSON *value,
                        const char *detail)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (value != NULL)
        ke_json_print(value, &text);
    else
        ke_buf_add_c(&text, "null");
    model_report_invalid_raw(issues, path, ke_buf_str(&text), detail);
}

static bool list_has(const cJSON *list, const char *member, const char *scope)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct ke_str text = member != NULL ? ke_json_str(item, member) : ke_json_value_str(item);
        if (ke_str_eq_c(text, scope))
            return true;
    }
    return false;
}

static void check_conflicts(const cJSON *list, const char *member, const cJSON *scopes,
                            const struct model_path *path, struct model_issues *issues)
{
    static const char *const pairs[][2] = { { "BestEffort", "NotBestEffort" },
                                            { "Terminating", "NotTerminating" } };
    for (size_t i = 0; i < KE_ARRAY_LEN(pairs); i++) {
        if (list_has(list, member, pairs[i][0]) && list_has(list, member, pairs[i][1]))
            report_json(issues, *path, scopes, "conflicting scopes");
    }
}

static void check_scopes(const cJSON *spec, const struct model_path *path,
                         struct model_issues *issues)
{
    const cJSON *scopes = ke_json_get(spec, "scopes");
    struct model_path at = model_path_child(path, "scopes");
    if (!model_check_count(issues, at, scopes))
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, scopes) {
        struct ke_str scope = ke_json_value_str(item);
        if (!is_scope(scope))
            report_json(issues, at, scopes, "unsupported scope");
        if (!applies(scope, ke_json_get(spec, "hard")))
            report_json(issues, at, scopes, "unsupported scope applied to resource");
    }
    check_conflicts(scopes, NULL, scopes, &at, issues);
}

static void check_operator(const cJSON *requirement, const struct model_path *path,
                           struct model_issues *issues)
{
    struct ke_str scope = ke_json_str(requirement, "scopeName");
    struct ke_str operator= ke_json_str(requirement, "operator");
    const cJSON *values = ke_json_get(requirement, "values");
    struct model_path operator_at = model_path_child(path, "operator");
    struct model_path values_at = model_path_child(path, "values");
    int n = cJSON_GetArraySize(values);
    if (is_scope(scope) && !ke_str_eq_c(scope, "PriorityClass") &&
        !ke_str_eq_c(scope, "VolumeAttributesClass") && !ke_str_eq_c(operator, "Exists")) {
        model_report_invalid(issues, operator_at, operator,
                             "must be 'Exist' only operator when scope is any of "
                             "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
                             "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
                             "ResourceQuotaScopeCrossNamespacePodAffinity");
    }
    if (ke_str_eq_c(operator, "In") || ke_str_eq_c(operator, "NotIn")) {
        if (n == 0) {
            model_report_required(issues, values_at,
                                  "must be at least one value when `operator` is 'In' or 'NotIn' "
                                  "for scope selector");
        }
    } else if (ke_str_eq_c(operator, "Exists") || ke_str_eq_c(operator, "DoesNotExist")) {
        if (n > 0) {
            report_json(issues, values_at, values,
                        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope "
                        "selector");
        }
    } else {
        model_report_invalid(issues, operator_at, operator, "not a valid selector operator");
    }
}

static void check_selector(const cJSON *spec, const struct model_path *path,
                           struct model_issues *issues)
{
    const cJSON *selector = ke_json_get(spec, "scopeSelector");
    const cJSON *requirements = ke_json_get(selector, "matchExpressions");
    struct model_path selector_at = model_path_child(path, "scopeSelector");
    struct model_path at = model_path_child(&selector_at, "matchExpressions");
    if (!model_check_count(issues, at, requirements))
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, requirements) {
        struct ke_str scope = ke_json_str(item, "scopeName");
        if (!is_scope(scope))
            model_report_invalid(issues, model_path_child(&at, "scopeName"), scope,
                                 "unsupported scope");
        if (!applies(scope, ke_json_get(spec, "hard")))
            report_json(issues, at, selector, "unsupported scope applied to resource");
        check_operator(item, &at, issues);
    }
    check_conflicts(requirements, "scopeName", ke_json_get(spec, "scopes"), &at, issues);
}

/* ---- the kind */

static bool set_defaults(cJSON *object)
{
    return ke_json_need_object(object, "spec") != NULL &&
           ke_json_need_object(object, "status") != NULL;
}

static bool prepare_create(cJSON *object)
{
    return model_set_empty(object, "status");
}

/* Too many resources are not looked at one by one: they are compared with each other. */
static bool check_count(const cJSON *map, struct model_path path, struct model_issues *issues)
{
    size_t n = (size_t)cJSON_GetArraySize(map);
    if (n <= LIMIT_RESOURCE_NAMES)
        return true;
    model_report_too_many(issues, path, n, LIMIT_RESOURCE_NAMES);
    return false;
}

/* The same scopes, in whatever order. */
static bool has_same_scopes(const cJSON *a, const cJSON *b)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, a) {
        if (!list_has(b, NULL, item->valuestring))
            return false;
    }
    cJSON_ArrayForEach(item, b) {
        if (!list_has(a, NULL, item->valuestring))
            return false;
    }
    return true;
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct model_path hard = model_path_child(&path, "hard");
    if (!check_count(ke_json_get(spec, "hard"), hard, issues))
        return;
    check_amounts(ke_json_get(spec, "hard"), &hard, issues);
    check_scopes(spec, &path, issues);
    check_selector(spec, &path, issues);
    const cJSON *scopes = ke_json_get(spec, "scopes");
    if (old != NULL && cJSON_GetArraySize(scopes) <= LIMIT_LIST_ITEMS &&
        !has_same_scopes(scopes, ke_json_path(old, "spec.scopes")))
        report_json(issues, model_path_child(&path, "scopes"), scopes, "field is immutable");
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const maps[] = { "hard", "used" };
    (void)old;
    struct model_path root = model_path_root("status");
    for (size_t i = 0; i < KE_ARRAY_LEN(maps); i++) {
        const cJSON *map = ke_json_get(ke_json_get(object, "status"), maps[i]);
        struct model_path at = model_path_child(&root, maps[i]);
        if (check_count(map, at, issues))
            check_amounts(map, &at, issues);
    }
}

const struct model_kind model_kind_resourcequota = {
    .id = MODEL_RESOURCEQUOTA,
    .kind = "ResourceQuota",
    .list_kind = "ResourceQuotaList",
    .plural = "resourcequotas",
    .singular = "resourcequota",
    .short_names = { "quota" },
    .prefix = "/registry/resourcequotas/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ResourceQuota" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_status = validate_status,
};
