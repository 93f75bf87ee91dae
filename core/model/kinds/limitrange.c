/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LimitRanges: what containers, pods and claims of a namespace may ask for. Enforced by
 * core/resource/limit_range.c. Source: Kubernetes apis/core/validation (ValidateLimitRange),
 * apis/core/v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/quota.h"
#include "core/model/names.h"
#include "core/model/values.h"

enum bound { BOUND_MAX, BOUND_MIN, BOUND_DEFAULT, BOUND_REQUEST, BOUND_RATIO, N_BOUNDS };
static const char *const bounds[N_BOUNDS] = { "max", "min", "default", "defaultRequest",
                                              "maxLimitRequestRatio" };

/* ---- defaults */

/* What from says of a resource goes into the map `into`, where that says nothing. */
static bool fill(cJSON *into, const cJSON *from)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, from) {
        if (ke_json_get(into, item->string) == NULL && !model_set_copy(into, item->string, item))
            return false;
    }
    return true;
}

/* Limits follow from max; requests from limits, then from min. */
static bool default_container(cJSON *limit)
{
    cJSON *limits = ke_json_need_object(limit, "default");
    cJSON *requests = ke_json_need_object(limit, "defaultRequest");
    if (limits == NULL || requests == NULL || !fill(limits, ke_json_get(limit, "max")) ||
        !fill(requests, limits) || !fill(requests, ke_json_get(limit, "min")))
        return false;
    if (limits->child == NULL)
        ke_json_del(limit, "default");
    if (requests->child == NULL)
        ke_json_del(limit, "defaultRequest");
    return true;
}

static bool set_defaults(cJSON *object)
{
    cJSON *limit;
    cJSON_ArrayForEach(limit, ke_json_get_mut(ke_json_get_mut(object, "spec"), "limits")) {
        if (ke_str_eq_c(ke_json_str(limit, "type"), "Container") && !default_container(limit))
            return false;
    }
    return true;
}

/* ---- validation */

static void check_type(struct model_path path, struct ke_str type, struct model_issues *issues)
{
    if (!model_check_name(issues, path, type, model_name_qualified))
        return;
    if (ke_str_find(type, '/') == type.len && !ke_str_eq_c(type, "Pod") &&
        !ke_str_eq_c(type, "Container") && !ke_str_eq_c(type, "PersistentVolumeClaim"))
        model_report_invalid(issues, path, type,
                             "must be a standard limit type or fully qualified");
}

static void check_names(const cJSON *limit, enum bound bound, const struct model_path *path,
                        struct model_issues *issues)
{
    struct ke_str type = ke_json_str(limit, "type");
    bool is_of_containers = ke_str_eq_c(type, "Pod") || ke_str_eq_c(type, "Container");
    struct model_path map = model_path_child(path, bounds[bound]);
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(limit, bounds[bound])) {
        struct ke_str name = ke_str_c(item->string);
        struct model_path at = model_path_key(&map, name);
        quota_check_resource_name(at, name, is_of_containers, issues);
    }
}

/* One resource in all the maps of an item. */
struct entry {
    struct ke_str name;
    bool has[N_BOUNDS];
    struct model_quantity value[N_BOUNDS];
    struct ke_str text[N_BOUNDS];
};

static void report(const struct entry *entry, enum bound at_bound, enum bound shown,
                   const struct model_path *path, struct ke_str detail, struct model_issues *issues)
{
    struct model_path map = model_path_child(path, bounds[at_bound]);
    model_report_invalid(issues, model_path_key(&map, entry->name), entry->text[shown],
                         detail.ptr != NULL ? detail.ptr : "");
}

/* Each pair of which the first may not exceed the second. */
static const struct order {
    enum bound low, high;
    enum bound at, shown;
    const char *low_name, *high_name;
} orders[] = {
    { BOUND_MIN, BOUND_MAX, BOUND_MIN, BOUND_MIN, "min value", "max value" },
    { BOUND_MIN, BOUND_REQUEST, BOUND_REQUEST, BOUND_REQUEST, "min value",
      "default request value" },
    { BOUND_REQUEST, BOUND_MAX, BOUND_REQUEST, BOUND_REQUEST, "default request value",
      "max value" },
    { BOUND_REQUEST, BOUND_DEFAULT, BOUND_REQUEST, BOUND_REQUEST, "default request value",
      "default limit value" },
    { BOUND_MIN, BOUND_DEFAULT, BOUND_DEFAULT, BOUND_MIN, "min value", "default value" },
    { BOUND_DEFAULT, BOUND_MAX, BOUND_DEFAULT, BOUND_MAX, "default value", "max value" },
};

static double to_double(const struct model_quantity *quantity)
{
    double value = (double)quantity->value;
    for (int i = quantity->scale; i > 0 && i <= 400; i--)
        value *= 10;
    for (int i = quantity->scale; i < 0; i++)
        value /= 10;
    return quantity->is_negative ? -value : value;
}

static void check_ratio(const struct entry *entry, const struct model_path *path,
                        struct model_issues *issues)
{
    if (!entry->has[BOUND_RATIO])
        return;
    struct ke_str text = entry->text[BOUND_RATIO];
    struct model_quantity one = { .value = 1 };
    const struct model_quantity *ratio = &entry->value[BOUND_RATIO];
    if (model_quantity_cmp(ratio, &one) < 0)
        report(entry, BOUND_RATIO, BOUND_RATIO, path,
               ke_arena_fmt(issues->arena, "ratio %.*s is less than 1", KE_STR_ARG(text)), issues);
    const struct model_quantity *min = &entry->value[BOUND_MIN];
    if (!entry->has[BOUND_MIN] || !entry->has[BOUND_MAX] || model_quantity_is_zero(min))
        return;
    double limit = to_double(&entry->value[BOUND_MAX]) / to_double(min);
    if (to_double(ratio) > limit) {
        report(entry, BOUND_RATIO, BOUND_RATIO, path,
               ke_arena_fmt(issues->arena, "ratio %.*s is greater than max/min = %f",
                            KE_STR_ARG(text), limit),
               issues);
    }
}

static void check_entry(const struct entry *entry, const struct model_path *path,
                        struct model_issues *issues)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(orders); i++) {
        const struct order *order = &orders[i];
        if (!entry->has[order->low] || !entry->has[order->high] ||
            model_quantity_cmp(&entry->value[order->low], &entry->value[order->high]) <= 0)
            continue;
        report(entry, order->at, order->shown, path,
               ke_arena_fmt(issues->arena, "%s %.*s is greater than %s %.*s", order->low_name,
                            KE_STR_ARG(entry->text[order->low]), order->high_name,
                            KE_STR_ARG(entry->text[order->high])),
               issues);
    }
    check_ratio(entry, path, issues);
    bool is_shared = quota_is_overcommitable(entry->name);
    if (!is_shared && entry->has[BOUND_DEFAULT] && entry->has[BOUND_REQUEST] &&
        model_quantity_cmp(&entry->value[BOUND_DEFAULT], &entry->value[BOUND_REQUEST]) != 0) {
        report(entry, BOUND_REQUEST, BOUND_REQUEST, path,
               ke_arena_fmt(issues->arena,
                            "default value %.*s must equal to defaultRequest value %.*s in %.*s",
                            KE_STR_ARG(entry->text[BOUND_DEFAULT]),
                            KE_STR_ARG(entry->text[BOUND_REQUEST]), KE_STR_ARG(entry->name)),
               issues);
    }
}

/* Is the resource in an earlier map too, and so looked at already? */
static bool is_seen(const cJSON *limit, enum bound bound, const char *name)
{
    for (int i = 0; i < (int)bound; i++) {
        if (ke_json_get(ke_json_get(limit, bounds[i]), name) != NULL)
            return true;
    }
    return false;
}

static void check_entries(const cJSON *limit, const struct model_path *path,
                          struct model_issues *issues)
{
    for (int i = 0; i < N_BOUNDS; i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, ke_json_get(limit, bounds[i])) {
            if (is_seen(limit, (enum bound)i, item->string))
                continue;
            struct entry entry = { .name = ke_str_c(item->string) };
            for (int k = 0; k < N_BOUNDS; k++) {
                const cJSON *value = ke_json_get(ke_json_get(limit, bounds[k]), item->string);
                entry.has[k] = model_quantity_of(value, &entry.value[k]);
                entry.text[k] = ke_json_value_str(value);
            }
            check_entry(&entry, path, issues);
        }
    }
}

/* The maps are compared by name. */
static bool check_sizes(const cJSON *limit, const struct model_path *path,
                        struct model_issues *issues)
{
    bool is_ok = true;
    for (int i = 0; i < N_BOUNDS; i++) {
        size_t n = (size_t)cJSON_GetArraySize(ke_json_get(limit, bounds[i]));
        if (n <= LIMIT_RESOURCE_NAMES)
            continue;
        model_report_too_many(issues, model_path_child(path, bounds[i]), n, LIMIT_RESOURCE_NAMES);
        is_ok = false;
    }
    return is_ok;
}

static void check_limit(const cJSON *limit, const struct model_path *path,
                        struct model_issues *issues)
{
    struct ke_str type = ke_json_str(limit, "type");
    if (!check_sizes(limit, path, issues))
        return;
    check_names(limit, BOUND_MAX, path, issues);
    check_names(limit, BOUND_MIN, path, issues);
    if (ke_str_eq_c(type, "Pod")) {
        for (int i = BOUND_DEFAULT; i <= BOUND_REQUEST; i++) {
            if (!model_is_unset(limit, bounds[i]))
                model_report_forbidden(issues, model_path_child(path, bounds[i]),
                                       "may not be specified when `type` is 'Pod'");
        }
    } else {
        check_names(limit, BOUND_DEFAULT, path, issues);
        check_names(limit, BOUND_REQUEST, path, issues);
    }
    if (ke_str_eq_c(type, "PersistentVolumeClaim") &&
        ke_json_get(ke_json_get(limit, "min"), "storage") == NULL &&
        ke_json_get(ke_json_get(limit, "max"), "storage") == NULL) {
        model_report_required(issues, model_path_child(path, "limits"),
                              "either minimum or maximum storage value is required, but neither "
                              "was provided");
    }
    check_names(limit, BOUND_RATIO, path, issues);
    check_entries(limit, path, issues);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path spec = model_path_root("spec");
    struct model_path list = model_path_child(&spec, "limits");
    const cJSON *limits = ke_json_path(object, "spec.limits");
    if (!model_check_count(issues, list, limits))
        return;
    size_t i = 0;
    const cJSON *limit;
    cJSON_ArrayForEach(limit, limits) {
        struct model_path at = model_path_index(&list, i++);
        struct model_path type_at = model_path_child(&at, "type");
        struct ke_str type = ke_json_str(limit, "type");
        check_type(type_at, type, issues);
        const cJSON *earlier = limits->child;
        while (earlier != limit && !ke_str_eq(ke_json_str(earlier, "type"), type))
            earlier = earlier->next;
        if (earlier != limit)
            model_report_duplicate(issues, type_at, type);
        check_limit(limit, &at, issues);
    }
}

const struct model_kind model_kind_limitrange = {
    .id = MODEL_LIMITRANGE,
    .kind = "LimitRange",
    .list_kind = "LimitRangeList",
    .plural = "limitranges",
    .singular = "limitrange",
    .short_names = { "limits" },
    .prefix = "/registry/limitranges/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.LimitRange" },
    },
    .set_defaults = set_defaults,
    .validate = validate,
};
