/* SPDX-License-Identifier: Apache-2.0 */
/* The quality of service class of a Pod. Source: Kubernetes apis/core/helper/qos. Pure. */
#include "core/base/json.h"
#include "core/model/kinds/pod.h"
#include "core/model/quantity.h"

/* Absent and zero ask for nothing. */
static bool get_quantity(const cJSON *list, const char *name, struct model_quantity *out)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_str text = ke_json_str(list, name);
    return text.len > 0 && model_quantity_parse(text, out, &err) == KE_OK &&
           !model_quantity_is_zero(out) && !out->is_negative;
}

struct demand {
    bool has_any;    /* something is asked for */
    bool is_limited; /* every container limits cpu and memory, and requests just that */
};

static void add_container(const cJSON *container, struct demand *demand)
{
    static const char *const names[] = { "cpu", "memory" };
    const cJSON *resources = ke_json_get(container, "resources");
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        struct model_quantity request;
        struct model_quantity limit;
        bool has_request = get_quantity(ke_json_get(resources, "requests"), names[i], &request);
        bool has_limit = get_quantity(ke_json_get(resources, "limits"), names[i], &limit);
        demand->has_any = demand->has_any || has_request || has_limit;
        if (!has_limit || (has_request && model_quantity_cmp(&request, &limit) != 0))
            demand->is_limited = false;
    }
}

const char *pod_qos_class(const cJSON *spec)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct demand demand = { .has_any = false, .is_limited = true };
    for (size_t i = 0; i < KE_ARRAY_LEN(lists); i++) {
        const cJSON *container;
        cJSON_ArrayForEach(container, ke_json_get(spec, lists[i]))
            add_container(container, &demand);
    }
    if (!demand.has_any)
        return "BestEffort";
    return demand.is_limited ? "Guaranteed" : "Burstable";
}
