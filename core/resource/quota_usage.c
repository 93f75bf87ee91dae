/* SPDX-License-Identifier: Apache-2.0 */
/* See quota_usage.h: the amounts. Scopes are quota_scope.c's. Pure; any thread. */
#include "core/resource/quota_usage.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/values.h"
#include "core/resource/pod_resources.h"

#define STORAGE_CLASS ".storageclass.storage.k8s.io/"

bool quota_counts_kind(const struct model_kind *kind)
{
    return kind->is_namespaced && !kind->is_computed && kind->id != MODEL_EVENT;
}

/* "count/pods", "count/deployments.apps" */
static bool is_count_of(const struct model_kind *kind, struct ke_str resource)
{
    if (!ke_str_cut_prefix(&resource, KE_STR("count/")) ||
        !ke_str_cut_prefix(&resource, ke_str_c(kind->plural)))
        return false;
    /* Any of the groups in which the kind is served. */
    for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        const char *group = kind->versions[i].group;
        if (group[0] == '\0' ? resource.len == 0
                             : resource.len > 1 && resource.ptr[0] == '.' &&
                                   ke_str_eq_c(ke_str_sub(resource, 1, resource.len), group))
            return true;
    }
    return false;
}

/* Kinds that have gone by their plain plural since before "count/". */
static bool is_old_count_of(const struct model_kind *kind, struct ke_str resource)
{
    static const char *const plurals[] = { "configmaps",
                                           "persistentvolumeclaims",
                                           "replicationcontrollers",
                                           "resourcequotas",
                                           "secrets",
                                           "services" };
    if (kind->versions[0].group[0] != '\0' || !ke_str_eq_c(resource, kind->plural))
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(plurals); i++) {
        if (ke_str_eq_c(resource, plurals[i]))
            return true;
    }
    return false;
}

/* ---- pods */

/* The resource that containers name, and on which side: "limits.cpu" is cpu of the limits. */
static bool split_compute(struct ke_str resource, enum pod_resources_side *out_side,
                          struct ke_str *out_name)
{
    static const char *const standard[] = { "cpu", "memory", "ephemeral-storage" };
    bool is_request = ke_str_cut_prefix(&resource, KE_STR("requests."));
    bool is_limit = !is_request && ke_str_cut_prefix(&resource, KE_STR("limits."));
    *out_side = is_limit ? POD_LIMITS : POD_REQUESTS;
    *out_name = resource;
    for (size_t i = 0; i < KE_ARRAY_LEN(standard); i++) {
        if (ke_str_eq_c(resource, standard[i]))
            return true;
    }
    if (is_limit)
        return false;
    if (ke_str_has_prefix(resource, KE_STR("hugepages-")))
        return true;
    /* Resources of others have a domain; what is counted has one too. */
    return is_request && ke_str_find(resource, '/') < resource.len;
}

static bool has_ended(const cJSON *pod, int64_t now_s)
{
    struct ke_str phase = ke_json_path_str(pod, "status.phase");
    if (ke_str_eq_c(phase, "Succeeded") || ke_str_eq_c(phase, "Failed"))
        return true;
    /* One whose time to end is over counts no more, though nobody has said yet that it is gone. */
    const cJSON *meta = ke_json_get(pod, "metadata");
    int64_t deleted_us = 0;
    struct ke_err err = KE_ERR_INIT;
    const cJSON *grace = ke_json_get(meta, "deletionGracePeriodSeconds");
    if (grace == NULL ||
        ke_time_parse_us(ke_json_str(meta, "deletionTimestamp"), &deleted_us, &err) != KE_OK)
        return false;
    return now_s > deleted_us / 1000000 + (int64_t)grace->valuedouble;
}

static struct model_quantity pod_amount(const cJSON *pod, struct ke_str resource, int64_t now_s)
{
    struct model_quantity amount = { .value = 0 };
    enum pod_resources_side side = POD_REQUESTS;
    struct ke_str name;
    if (has_ended(pod, now_s))
        return amount;
    if (ke_str_eq_c(resource, "pods")) {
        amount.value = 1;
        return amount;
    }
    char text[LIMIT_DNS_NAME_BYTES + LIMIT_DNS_LABEL_BYTES + 2];
    if (!split_compute(resource, &side, &name) || name.len >= sizeof(text))
        return amount;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    (void)pod_resources_sum(pod, side, text, &amount);
    return amount;
}

/* ---- claims */

static struct ke_str class_of(const cJSON *claim)
{
    const cJSON *notes = ke_json_path(claim, "metadata.annotations");
    struct ke_str old = ke_json_str(notes, "volume.beta.kubernetes.io/storage-class");
    return old.len > 0 ? old : ke_json_path_str(claim, "spec.storageClassName");
}

/* "gold.storageclass.storage.k8s.io/requests.storage" is requests.storage of class gold. */
static bool split_class(struct ke_str resource, struct ke_str *out_class, struct ke_str *out_rest)
{
    struct ke_str mark = KE_STR(STORAGE_CLASS);
    for (size_t i = 0; i + mark.len < resource.len; i++) {
        if (!ke_str_has_prefix(ke_str_sub(resource, i, resource.len), mark))
            continue;
        *out_class = ke_str_sub(resource, 0, i);
        *out_rest = ke_str_sub(resource, i + mark.len, resource.len);
        return true;
    }
    return false;
}

static struct model_quantity claim_amount(const cJSON *claim, struct ke_str resource)
{
    struct model_quantity amount = { .value = 0 };
    struct ke_str class;
    struct ke_str rest = resource;
    if (split_class(resource, &class, &rest) && !ke_str_eq(class, class_of(claim)))
        return amount;
    if (ke_str_eq_c(rest, "persistentvolumeclaims")) {
        amount.value = 1;
        return amount;
    }
    if (!ke_str_eq_c(rest, "requests.storage"))
        return amount;
    struct model_quantity allocated;
    (void)model_quantity_of(ke_json_path(claim, "spec.resources.requests.storage"), &amount);
    if (model_quantity_of(ke_json_path(claim, "status.allocatedResources.storage"), &allocated) &&
        model_quantity_cmp(&allocated, &amount) > 0)
        amount = allocated;
    return amount;
}

/* ---- services */

static struct model_quantity service_amount(const cJSON *service, struct ke_str resource)
{
    struct model_quantity amount = { .value = 0 };
    const cJSON *spec = ke_json_get(service, "spec");
    struct ke_str type = ke_json_str(spec, "type");
    bool is_balanced = ke_str_eq_c(type, "LoadBalancer");
    const cJSON *ports = ke_json_get(spec, "ports");
    if (ke_str_eq_c(resource, "services.loadbalancers")) {
        amount.value = is_balanced ? 1 : 0;
    } else if (ke_str_eq_c(type, "NodePort") ||
               (is_balanced && ke_json_bool(spec, "allocateLoadBalancerNodePorts", true))) {
        amount.value = (model_u128)cJSON_GetArraySize(ports);
    } else if (is_balanced) {
        const cJSON *port;
        cJSON_ArrayForEach(port, ports)
            amount.value += ke_json_i64(port, "nodePort", 0) != 0 ? 1 : 0;
    }
    return amount;
}

/* ---- all */

static bool is_within(const struct model_kind *kind, struct ke_str resource)
{
    enum pod_resources_side side;
    struct ke_str a;
    struct ke_str b;
    if (kind->id == MODEL_POD)
        return ke_str_eq_c(resource, "pods") || split_compute(resource, &side, &a);
    if (kind->id == MODEL_SERVICE)
        return ke_str_eq_c(resource, "services.nodeports") ||
               ke_str_eq_c(resource, "services.loadbalancers");
    if (kind->id == MODEL_PERSISTENTVOLUMECLAIM)
        return ke_str_eq_c(resource, "requests.storage") || split_class(resource, &a, &b);
    return false;
}

enum quota_relation quota_relation_of(const struct model_kind *kind, struct ke_str resource)
{
    if (!quota_counts_kind(kind))
        return QUOTA_NONE;
    if (is_count_of(kind, resource) || is_old_count_of(kind, resource))
        return QUOTA_ONE;
    return is_within(kind, resource) ? QUOTA_WITHIN : QUOTA_NONE;
}

struct model_quantity quota_amount(const struct model_kind *kind, const cJSON *object,
                                   struct ke_str resource, int64_t now_s)
{
    struct model_quantity amount = { .value = 0 };
    enum quota_relation relation = quota_relation_of(kind, resource);
    if (relation == QUOTA_ONE)
        amount.value = 1;
    else if (relation == QUOTA_WITHIN && kind->id == MODEL_POD)
        amount = pod_amount(object, resource, now_s);
    else if (relation == QUOTA_WITHIN && kind->id == MODEL_SERVICE)
        amount = service_amount(object, resource);
    else if (relation == QUOTA_WITHIN)
        amount = claim_amount(object, resource);
    return amount;
}
