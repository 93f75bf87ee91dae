/* SPDX-License-Identifier: Apache-2.0 */
/* See slice_index.h. */
#include "core/controller/slice_index.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/controller/label_index.h"
#include "core/model/views.h"

#define PLAN_BYTES (1U << 20)

struct slice_entry {
    struct label_entry by_service;
    struct registry_object *object; /* a reference */
};

struct slice_index {
    const char *managed_by;
    struct ke_map *entries; /* by registry key */
    struct label_index *by_service;
};

struct slice_index *slice_index_new(const char *managed_by)
{
    struct slice_index *index = ke_alloc(sizeof(*index));
    if (index == NULL)
        return NULL;
    index->managed_by = managed_by;
    index->entries = ke_map_new();
    index->by_service = label_index_new();
    if (index->entries == NULL || index->by_service == NULL) {
        slice_index_free(index);
        return NULL;
    }
    return index;
}

static void entry_free(struct slice_index *index, struct slice_entry *entry)
{
    if (entry == NULL)
        return;
    label_index_remove(index->by_service, &entry->by_service);
    registry_object_unref(entry->object);
    free(entry);
}

void slice_index_free(struct slice_index *index)
{
    if (index == NULL)
        return;
    size_t pos = 0;
    struct ke_str key;
    void *entry;
    while (index->entries != NULL && ke_map_next(index->entries, &pos, &key, &entry))
        entry_free(index, entry);
    ke_map_free(index->entries);
    label_index_free(index->by_service);
    free(index);
}

static bool is_ours(const struct slice_index *index, const struct registry_object *object,
                    struct ke_str *out_service)
{
    if (object->kind->id != MODEL_ENDPOINTSLICE)
        return false;
    *out_service = model_pairs_get(object->labels, object->n_labels, KE_STR(SLICE_LABEL_SERVICE));
    struct ke_str by =
        model_pairs_get(object->labels, object->n_labels, KE_STR(SLICE_LABEL_MANAGED_BY));
    return ke_str_eq_c(by, index->managed_by) && out_service->len > 0;
}

bool slice_index_delete(struct slice_index *index, const struct registry_object *object,
                        struct ke_str *out_service)
{
    if (object->kind->id == MODEL_ENDPOINTSLICE)
        entry_free(index, ke_map_del(index->entries, object->key));
    return is_ours(index, object, out_service);
}

bool slice_index_put(struct slice_index *index, const struct registry_object *object,
                     struct ke_str *out_service)
{
    if (object->kind->id != MODEL_ENDPOINTSLICE)
        return false;
    entry_free(index, ke_map_del(index->entries, object->key));
    if (!is_ours(index, object, out_service))
        return false;
    struct slice_entry *entry = ke_alloc(sizeof(*entry));
    struct model_pair label = { KE_STR(SLICE_LABEL_SERVICE), *out_service };
    if (entry == NULL)
        return true;
    entry->object = registry_object_ref(object);
    if (!label_index_add(index->by_service, object->ns, &label, &entry->by_service, entry) ||
        !ke_map_set(index->entries, object->key, entry, NULL))
        entry_free(index, entry); /* it will be found by name when it is made again: EXISTS */
    return true;
}

static size_t find_all(const struct slice_index *index, struct ke_str ns, struct ke_str service,
                       const struct ke_list **out)
{
    struct model_pair label = { KE_STR(SLICE_LABEL_SERVICE), service };
    size_t n = 0;
    return label_index_find(index->by_service, ns, &label, out, &n) ? n : 0;
}

static void write_change(struct slices_change *change, struct ke_str ns, struct work_item *item)
{
    static const enum resource_verb verbs[] = { [SLICES_CREATE] = RESOURCE_CREATE,
                                                [SLICES_UPDATE] = RESOURCE_UPDATE,
                                                [SLICES_DELETE] = RESOURCE_DELETE };
    struct resource_request request = { .verb = verbs[change->type],
                                        .kind = model_kind_by_id(MODEL_ENDPOINTSLICE),
                                        .ns = ns,
                                        .name = change->type != SLICES_CREATE ? change->name
                                                                              : KE_STR(""),
                                        .body = KE_TAKE(change->object),
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
}

static bool plan_and_write(const struct slices_wish *wish, const cJSON *const *slices, size_t n,
                           struct work_item *item)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(PLAN_BYTES);
    struct slices_plan plan = { .n_changes = 0 };
    bool is_ok = arena != NULL && slices_plan_make(wish, slices, n, arena, &plan);
    for (size_t i = 0; is_ok && i < plan.n_changes; i++)
        write_change(&plan.changes[i], wish->ns, item);
    slices_plan_deinit(&plan);
    return is_ok;
}

bool slice_index_apply(struct slice_index *index, const struct slices_wish *wish,
                       struct work_item *item)
{
    const struct ke_list *found = NULL;
    size_t n = find_all(index, wish->ns, wish->name, &found);
    cJSON **slices = ke_alloc_n(n + 1, sizeof(cJSON *));
    bool is_ok = slices != NULL;
    size_t i = 0;
    if (is_ok && n > 0) {
        KE_LIST_EACH(it, found) {
            const struct label_entry *entry = KE_CONTAINER_OF(it, struct label_entry, link);
            const struct slice_entry *slice = entry->owner;
            slices[i] = registry_object_parse(slice->object);
            is_ok = slices[i] != NULL && is_ok;
            i++;
        }
    }
    is_ok = is_ok && plan_and_write(wish, (const cJSON *const *)slices, n, item);
    for (size_t j = 0; j < i; j++)
        cJSON_Delete(slices[j]);
    free(slices);
    return is_ok;
}

void slice_index_remove_all(struct slice_index *index, struct ke_str ns, struct ke_str service,
                            struct work_item *item)
{
    const struct ke_list *found = NULL;
    if (find_all(index, ns, service, &found) == 0)
        return;
    KE_LIST_EACH(it, found) {
        const struct label_entry *entry = KE_CONTAINER_OF(it, struct label_entry, link);
        const struct slice_entry *slice = entry->owner;
        struct resource_request request = { .verb = RESOURCE_DELETE,
                                            .kind = slice->object->kind,
                                            .ns = ns,
                                            .name = slice->object->name,
                                            .grace_period_s = -1 };
        work_item_write(item, &request);
    }
}
