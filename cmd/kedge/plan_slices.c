/* SPDX-License-Identifier: Apache-2.0 */
/* EndpointSlices for a plan, by the controllers' deciding code. Main thread. */
#include "cmd/kedge/plan_slices.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/controller/endpoints_build.h"
#include "core/controller/mirror_build.h"

#define ARENA_BYTES (64U << 20)

struct putting {
    const struct manifest_list *objects;
    struct endpoint_table *table;
    struct ke_arena *arena; /* of one service */
};

static bool put_wish(struct putting *putting, const struct slices_wish *wish)
{
    struct slices_plan plan = { 0 };
    bool is_good = slices_plan_make(wish, NULL, 0, putting->arena, &plan);
    for (size_t i = 0; i < plan.n_changes && is_good; i++)
        is_good =
            endpoint_table_put_object(putting->table, MODEL_ENDPOINTSLICE, plan.changes[i].object);
    slices_plan_deinit(&plan);
    return is_good;
}

/* Pods of the service's namespace that its selector matches, appended to input. */
static bool select_pods(struct putting *putting, struct endpoints_input *input)
{
    const struct model_service *service = input->service;
    struct endpoints_pod *pods =
        ke_arena_alloc_n(putting->arena, putting->objects->n + 1, sizeof(*pods));
    if (pods == NULL)
        return false;
    for (size_t i = 0; i < putting->objects->n; i++) {
        const struct manifest *item = &putting->objects->items[i];
        struct model_pod *pod = NULL;
        if (item->kind->id != MODEL_POD)
            continue;
        pod = ke_arena_alloc(putting->arena, sizeof(*pod));
        if (pod == NULL || !model_pod_decode(item->object, putting->arena, pod))
            return false;
        bool is_selected = ke_str_eq(pod->meta.ns, service->meta.ns);
        for (size_t j = 0; j < service->n_selector && is_selected; j++) {
            const struct model_pair *want = &service->selector[j];
            struct ke_str have = model_pairs_get(pod->meta.labels, pod->meta.n_labels, want->key);
            is_selected = ke_str_eq(have, want->value);
        }
        if (is_selected)
            pods[input->n_pods++] = (struct endpoints_pod){ .pod = pod };
    }
    input->pods = pods;
    return true;
}

static bool put_selected(struct putting *putting, const cJSON *object)
{
    struct model_service service;
    struct slices_wish wish = { 0 };
    if (!model_service_decode(object, putting->arena, &service))
        return false;
    if (service.n_selector == 0 || service.type == MODEL_SERVICE_EXTERNAL_NAME)
        return true;
    struct endpoints_input input = { .service = &service };
    for (size_t i = 0; i < service.n_cluster_ips && i < KE_ARRAY_LEN(input.families); i++)
        input.families[input.n_families++] = service.cluster_ips[i].family;
    if (input.n_families == 0)
        input.families[input.n_families++] = KE_FAMILY_IPV4;
    bool is_good = select_pods(putting, &input) && endpoints_build_slices(&input, &wish) &&
                   put_wish(putting, &wish);
    slices_wish_deinit(&wish);
    return is_good;
}

static bool put_mirrored(struct putting *putting, const cJSON *object)
{
    struct slices_wish wish = { 0 };
    if (!mirror_is_wanted(object))
        return true;
    bool is_good = mirror_build_slices(object, &wish) && put_wish(putting, &wish);
    slices_wish_deinit(&wish);
    return is_good;
}

enum ke_code plan_slices_put(const struct manifest_list *objects, struct endpoint_table *table,
                             struct ke_err *err)
{
    for (size_t i = 0; i < objects->n; i++) {
        const struct manifest *item = &objects->items[i];
        KE_AUTO(ke_arena) *arena = ke_arena_new(ARENA_BYTES);
        struct putting putting = { .objects = objects, .table = table, .arena = arena };
        bool is_good = arena != NULL;
        if (is_good && item->kind->id == MODEL_SERVICE)
            is_good = put_selected(&putting, item->object);
        else if (is_good && item->kind->id == MODEL_ENDPOINTS)
            is_good = put_mirrored(&putting, item->object);
        if (!is_good)
            return ke_fail(err, KE_NOMEM, "out of memory");
    }
    return KE_OK;
}
