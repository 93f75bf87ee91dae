/* SPDX-License-Identifier: Apache-2.0 */
/* What a ResourceClaim asks for (spec.devices). Source: as device.h. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/device.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define SUBREQUESTS_MAX 8
#define TOLERATIONS_MAX 16

/* ---- defaults */

static bool default_tolerations(cJSON *request)
{
    cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get_mut(request, "tolerations")) {
        if (!model_default_str(item, "operator", "Equal"))
            return false;
    }
    return true;
}

static bool default_request(cJSON *request)
{
    if (!model_default_str(request, "allocationMode", "ExactCount"))
        return false;
    bool is_exact = ke_str_eq_c(ke_json_str(request, "allocationMode"), "ExactCount");
    if (is_exact && ke_json_i64(request, "count", 0) == 0 &&
        !ke_json_set(request, "count", cJSON_CreateNumber(1)))
        return false;
    return default_tolerations(request);
}

bool device_claim_set_defaults(cJSON *devices)
{
    cJSON *request;
    cJSON_ArrayForEach(request, ke_json_get_mut(devices, "requests")) {
        cJSON *exactly = ke_json_get_mut(request, "exactly");
        if (exactly != NULL && !default_request(exactly))
            return false;
        cJSON *sub;
        cJSON_ArrayForEach(sub, ke_json_get_mut(request, "firstAvailable")) {
            if (!default_request(sub))
                return false;
        }
    }
    return true;
}

/* ---- validation */

static void check_count(const cJSON *request, const struct model_path *path,
                        struct model_issues *issues)
{
    static const char *const modes[] = { "All", "ExactCount", NULL };
    struct ke_str mode = ke_json_str(request, "allocationMode");
    int64_t count = ke_json_i64(request, "count", 0);
    struct model_path at = model_path_child(path, "count");
    if (ke_str_eq_c(mode, "All")) {
        if (count != 0)
            model_report_invalid_int(issues, at, count,
                                     "must not be specified when allocationMode is 'All'");
    } else if (ke_str_eq_c(mode, "ExactCount")) {
        if (count <= 0)
            model_report_invalid_int(issues, at, count, "must be greater than zero");
    } else {
        model_report_not_supported(issues, model_path_child(path, "allocationMode"), mode, modes);
    }
}

static void check_tolerations(const cJSON *request, const struct model_path *path,
                              struct model_issues *issues)
{
    static const char *const operators[] = { "Equal", "Exists", NULL };
    static const char *const effects[] = { "NoExecute", "NoSchedule", "None", NULL };
    const cJSON *tolerations = ke_json_get(request, "tolerations");
    struct model_path list = model_path_child(path, "tolerations");
    if (!device_check_count(tolerations, list, TOLERATIONS_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, tolerations) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_str operator= ke_json_str(item, "operator");
        if (!model_is_unset(item, "key"))
            (void)model_check_name(issues, model_path_child(&at, "key"), ke_json_str(item, "key"),
                                   model_name_qualified);
        (void)model_check_enum(issues, model_path_child(&at, "operator"), operator, operators);
        if (ke_str_eq_c(operator, "Exists") && !model_is_unset(item, "value"))
            model_report_invalid(issues, model_path_child(&at, "value"), ke_json_str(item, "value"),
                                 "must be empty for operator `Exists`");
        if (!model_is_unset(item, "effect"))
            (void)model_check_enum(issues, model_path_child(&at, "effect"),
                                   ke_json_str(item, "effect"), effects);
    }
}

/* exactly, or one of firstAvailable. */
static void check_exact(const cJSON *request, const struct model_path *path,
                        struct model_issues *issues)
{
    struct ke_str class = ke_json_str(request, "deviceClassName");
    struct model_path class_at = model_path_child(path, "deviceClassName");
    if (ke_str_is_empty(class))
        model_report_required(issues, class_at, "");
    else
        (void)model_check_name(issues, class_at, class, model_name_subdomain);
    device_check_selectors(ke_json_get(request, "selectors"), path, issues);
    check_count(request, path, issues);
    check_tolerations(request, path, issues);
}

static void check_request(const cJSON *request, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *exactly = ke_json_get(request, "exactly");
    const cJSON *first = ke_json_get(request, "firstAvailable");
    struct model_path exactly_at = model_path_child(path, "exactly");
    struct model_path first_at = model_path_child(path, "firstAvailable");
    bool has_first = cJSON_GetArraySize(first) > 0;
    if (exactly != NULL)
        check_exact(exactly, &exactly_at, issues);
    if (has_first && device_check_count(first, first_at, SUBREQUESTS_MAX, issues)) {
        device_check_names(first, &first_at, issues);
        size_t i = 0;
        const cJSON *sub;
        cJSON_ArrayForEach(sub, first) {
            struct model_path at = model_path_index(&first_at, i++);
            check_exact(sub, &at, issues);
        }
    }
    if (exactly == NULL && !has_first)
        model_report_required(issues, *path,
                              "exactly one of `exactly` or `firstAvailable` is required");
    if (exactly != NULL && has_first) {
        model_report_invalid_raw(issues, *path, KE_STR("null"),
                                 "exactly one of `exactly` or `firstAvailable` is required, but "
                                 "multiple fields are set");
    }
}

/* "request" or "request/subrequest". */
static bool is_known_request(const cJSON *requests, struct ke_str name)
{
    struct ke_str rest = name;
    struct ke_str first = { NULL, 0 };
    (void)ke_str_split(&rest, '/', &first);
    const cJSON *request;
    cJSON_ArrayForEach(request, requests) {
        if (!ke_str_eq(ke_json_str(request, "name"), first))
            continue;
        if (rest.ptr == NULL)
            return true;
        const cJSON *sub;
        cJSON_ArrayForEach(sub, ke_json_get(request, "firstAvailable")) {
            if (ke_str_eq(ke_json_str(sub, "name"), rest))
                return true;
        }
    }
    return false;
}

static void check_references(const cJSON *names, const cJSON *requests,
                             const struct model_path *path, struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "requests");
    if (!device_check_count(names, list, DEVICE_LIST_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, names) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_str name = ke_json_value_str(item);
        const cJSON *earlier = names->child;
        while (earlier != item && !ke_str_eq(ke_json_value_str(earlier), name))
            earlier = earlier->next;
        if (earlier != item)
            model_report_duplicate(issues, at, name);
        if (!is_known_request(requests, name)) {
            model_report_invalid(issues, at, name,
                                 "must be the name of a request in the claim or the name of a "
                                 "request and a subrequest separated by '/'");
        }
    }
}

static void check_constraints(const cJSON *devices, const struct model_path *path,
                              struct model_issues *issues)
{
    const cJSON *constraints = ke_json_get(devices, "constraints");
    struct model_path list = model_path_child(path, "constraints");
    if (!device_check_count(constraints, list, DEVICE_LIST_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, constraints) {
        struct model_path at = model_path_index(&list, i++);
        check_references(ke_json_get(item, "requests"), ke_json_get(devices, "requests"), &at,
                         issues);
        struct ke_str attribute = ke_json_str(item, "matchAttribute");
        struct model_path attribute_at = model_path_child(&at, "matchAttribute");
        if (ke_str_is_empty(attribute)) {
            if (model_is_unset(item, "distinctAttribute"))
                model_report_required(issues, attribute_at, "");
        } else if (ke_str_find(attribute, '/') == attribute.len) {
            model_report_invalid(issues, attribute_at, attribute, "must include a domain");
        }
    }
}

static void check_configs(const cJSON *devices, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *configs = ke_json_get(devices, "config");
    struct model_path list = model_path_child(path, "config");
    if (!device_check_count(configs, list, DEVICE_LIST_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, configs) {
        struct model_path at = model_path_index(&list, i++);
        check_references(ke_json_get(item, "requests"), ke_json_get(devices, "requests"), &at,
                         issues);
        device_check_config(item, &at, issues);
    }
}

void device_claim_validate(const cJSON *devices, const struct model_path *path,
                           struct model_issues *issues)
{
    const cJSON *requests = ke_json_get(devices, "requests");
    struct model_path list = model_path_child(path, "requests");
    if (!device_check_count(requests, list, DEVICE_LIST_MAX, issues))
        return;
    device_check_names(requests, &list, issues);
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, requests) {
        struct model_path at = model_path_index(&list, i++);
        check_request(item, &at, issues);
    }
    check_constraints(devices, path, issues);
    check_configs(devices, path, issues);
}
