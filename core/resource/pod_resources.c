/* SPDX-License-Identifier: Apache-2.0 */
/* See pod_resources.h. Pure; any thread. */
#include "core/resource/pod_resources.h"

#include "core/base/json.h"
#include "core/model/values.h"

const cJSON *pod_resources_of(const cJSON *container, enum pod_resources_side side)
{
    return ke_json_get(ke_json_get(container, "resources"),
                       side == POD_REQUESTS ? "requests" : "limits");
}

static bool read_one(const cJSON *container, enum pod_resources_side side, const char *name,
                     struct model_quantity *out)
{
    return model_quantity_of(ke_json_get(pod_resources_of(container, side), name), out);
}

static void raise_to(struct model_quantity *sum, const struct model_quantity *other)
{
    if (model_quantity_cmp(other, sum) > 0)
        *sum = *other;
}

/*
 * Init containers run one after the other; those that restart always go on running, beside all that
 * come after them and the pod's own.
 */
static bool add_init(const cJSON *spec, enum pod_resources_side side, const char *name,
                     struct model_quantity *sum)
{
    bool has_any = false;
    struct model_quantity sidecars = { .value = 0 };
    struct model_quantity most = { .value = 0 };
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "initContainers")) {
        struct model_quantity one = { .value = 0 };
        has_any = read_one(it, side, name, &one) || has_any;
        bool is_sidecar = ke_str_eq_c(ke_json_str(it, "restartPolicy"), "Always");
        struct model_quantity now;
        model_quantity_add(&one, &sidecars, &now);
        if (is_sidecar)
            sidecars = now;
        raise_to(&most, &now);
    }
    model_quantity_add(sum, &sidecars, sum);
    raise_to(sum, &most);
    return has_any;
}

/* Which resources a pod may ask for as a whole. */
static bool is_of_pod(const char *name)
{
    struct ke_str text = ke_str_c(name);
    return ke_str_eq_c(text, "cpu") || ke_str_eq_c(text, "memory") ||
           ke_str_has_prefix(text, KE_STR("hugepages-"));
}

bool pod_resources_sum(const cJSON *pod, enum pod_resources_side side, const char *name,
                       struct model_quantity *out)
{
    const cJSON *spec = ke_json_get(pod, "spec");
    struct model_quantity sum = { .value = 0 };
    bool has_any = false;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "containers")) {
        struct model_quantity one;
        if (!read_one(it, side, name, &one))
            continue;
        has_any = true;
        model_quantity_add(&sum, &one, &sum);
    }
    has_any = add_init(spec, side, name, &sum) || has_any;
    struct model_quantity whole;
    if (is_of_pod(name) && read_one(spec, side, name, &whole)) {
        sum = whole;
        has_any = true;
    }
    struct model_quantity overhead;
    if (model_quantity_of(ke_json_get(ke_json_get(spec, "overhead"), name), &overhead) &&
        (side == POD_REQUESTS || !model_quantity_is_zero(&sum))) {
        model_quantity_add(&sum, &overhead, &sum);
        has_any = true;
    }
    *out = sum;
    return has_any;
}
