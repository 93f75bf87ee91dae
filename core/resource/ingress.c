/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new Ingress that names no class gets the default one: the class that is annotated so, the
 * newest where there are several, by name among equals. Source:
 * plugin/pkg/admission/network/defaultingressclass. Thread: the operation's.
 */
#include "core/resource/operation.h"

#define CLASS_BYTES (256U << 10)

struct choice {
    bool is_found;
    int64_t created_us;
    char name[LIMIT_DNS_NAME_BYTES + 1];
    size_t name_len;
};

static bool is_better(const struct choice *best, const struct model_ingress_class *candidate)
{
    if (!best->is_found || candidate->meta.created_us != best->created_us)
        return !best->is_found || candidate->meta.created_us > best->created_us;
    return ke_str_cmp(candidate->meta.name, ke_str_of(best->name, best->name_len)) < 0;
}

static void consider(struct choice *best, const struct registry_object *object)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(CLASS_BYTES);
    ke_auto_json *json = registry_object_parse(object);
    struct model_ingress_class candidate;
    if (arena == NULL || json == NULL || !model_ingress_class_decode(json, arena, &candidate) ||
        !candidate.is_default || candidate.meta.name.len > LIMIT_DNS_NAME_BYTES ||
        !is_better(best, &candidate))
        return;
    best->is_found = true;
    best->created_us = candidate.meta.created_us;
    best->name_len = candidate.meta.name.len;
    memcpy(best->name, candidate.meta.name.ptr, candidate.meta.name.len);
}

static bool names_a_class(const cJSON *object)
{
    const cJSON *annotations = ke_json_path(object, "metadata.annotations");
    return ke_json_get(ke_json_get(object, "spec"), "ingressClassName") != NULL ||
           ke_json_get(annotations, "kubernetes.io/ingress.class") != NULL;
}

enum ke_code ingress_admit_create(struct operation *op, cJSON *object)
{
    struct choice best = { 0 };
    struct registry_list classes = { 0 };
    struct ke_err err = KE_ERR_INIT;
    if (names_a_class(object))
        return KE_OK;
    ke_auto_buf prefix = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(model_kind_by_id(MODEL_INGRESSCLASS), (struct ke_str){ 0 }, (struct ke_str){ 0 },
                   &prefix);
    enum ke_code rc = registry_list(op->store->registry, ke_buf_str(&prefix), 0,
                                    (struct ke_str){ 0 }, 0, &classes, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    for (size_t i = 0; i < classes.n_objects; i++)
        consider(&best, classes.objects[i]);
    registry_list_free(&classes);
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || (best.is_found && !ke_json_set_str(spec, "ingressClassName",
                                                           ke_str_of(best.name, best.name_len))))
        return operation_fail_nomem(op);
    return KE_OK;
}
