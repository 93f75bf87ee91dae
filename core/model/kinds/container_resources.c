/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of what a container asks of its node. Source: Kubernetes apis/core/validation
 * (ValidateContainerResourceRequirements). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/quantity.h"
#include "core/model/values.h"

static bool is_huge_page(struct ke_str name)
{
    return ke_str_has_prefix(name, KE_STR("hugepages-"));
}

/* Resources of others are whole and cannot be promised twice. */
static bool is_extended(struct ke_str name)
{
    return ke_str_find(name, '/') != name.len;
}

static void check_name(struct ke_str name, struct model_path path, struct model_issues *issues)
{
    if (!model_check_name(issues, path, name, model_name_qualified) || is_extended(name))
        return;
    if (!ke_str_eq_c(name, "cpu") && !ke_str_eq_c(name, "memory") &&
        !ke_str_eq_c(name, "ephemeral-storage") && !is_huge_page(name)) {
        model_report_invalid(issues, path, name,
                             "must be a standard resource type or fully qualified");
        model_report_invalid(issues, path, name, "must be a standard resource for containers");
    }
}

static bool parse(const cJSON *item, struct model_quantity *out)
{
    struct ke_err err = KE_ERR_INIT;
    return item != NULL && model_quantity_parse(ke_json_value_str(item), out, &err) == KE_OK;
}

static void check_quantity(const cJSON *item, struct model_path path, struct model_issues *issues)
{
    struct model_quantity quantity;
    struct ke_str text = ke_json_value_str(item);
    if (!parse(item, &quantity))
        return; /* decoding has refused it */
    if (quantity.is_negative)
        model_report_invalid(issues, path, text, "must be greater than or equal to 0");
    if (is_extended(ke_str_c(item->string)) && !model_quantity_is_zero(&quantity) &&
        quantity.scale < 0)
        model_report_invalid(issues, path, text, "must be an integer");
}

/* A request is at most the limit; equal to it where the resource cannot be overcommitted. */
static void check_against_limit(const cJSON *request, const cJSON *limits,
                                const struct model_path *path, struct model_issues *issues)
{
    struct ke_str name = ke_str_c(request->string);
    bool is_strict = is_extended(name) || is_huge_page(name);
    const cJSON *limit = ke_json_get(limits, request->string);
    struct model_path limits_at = model_path_child(path, "limits");
    if (limit == NULL) {
        if (is_strict)
            model_report_required(issues, limits_at,
                                  "Limit must be set for non overcommitable resources");
        return;
    }
    struct model_quantity a;
    struct model_quantity b;
    if (!parse(request, &a) || !parse(limit, &b))
        return;
    int order = model_quantity_cmp(&a, &b);
    if (order == 0 || (order < 0 && !is_strict))
        return;
    struct ke_str detail = ke_arena_fmt(issues->arena, "must be %s to %.*s limit of %.*s",
                                        is_strict ? "equal" : "less than or equal",
                                        KE_STR_ARG(name), KE_STR_ARG(ke_json_value_str(limit)));
    model_report_invalid(issues, model_path_child(path, "requests"), ke_json_value_str(request),
                         detail.ptr != NULL ? detail.ptr : "");
}

void container_validate_amounts(const cJSON *amounts, const struct model_path *path,
                                struct model_issues *issues)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, amounts) {
        struct ke_str name = ke_str_c(item->string);
        check_name(name, model_path_key(path, name), issues);
        check_quantity(item, model_path_key(path, name), issues);
    }
}

void container_validate_resources(const cJSON *container, const struct model_path *path,
                                  struct model_issues *issues)
{
    const cJSON *resources = ke_json_get(container, "resources");
    const cJSON *limits = ke_json_get(resources, "limits");
    struct model_path at = model_path_child(path, "resources");
    struct model_path limits_at = model_path_child(&at, "limits");
    struct model_path requests_at = model_path_child(&at, "requests");
    container_validate_amounts(limits, &limits_at, issues);
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(resources, "requests")) {
        struct ke_str name = ke_str_c(item->string);
        check_name(name, model_path_key(&requests_at, name), issues);
        check_quantity(item, model_path_key(&requests_at, name), issues);
        check_against_limit(item, limits, &at, issues);
    }
}
