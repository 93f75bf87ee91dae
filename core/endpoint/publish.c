/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing: each dirty service is decoded, put together and, when that makes a difference, its
 * record replaced. All memory is had before the first step that a reader can see, so a service is
 * replaced whole or, without memory, stays as it was and dirty. The cost is that of the services
 * that changed. Writer only.
 */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/snap.h"
#include "core/endpoint/builder.h"
#include "core/endpoint/derive.h"
#include "core/endpoint/record.h"

#define MIN_SLOTS   64U
#define MANY_SLICES 2U /* from more on they are kept decoded */

void endpoint_entry_free(struct endpoint_entry *entry)
{
    endpoint_record_free(atomic_load_explicit(&entry->record, memory_order_relaxed));
    free(entry);
}

/* The writer's own view: nobody else stores. */
static struct endpoint_service *own_record(const struct endpoint_entry *entry)
{
    return atomic_load_explicit(&entry->record, memory_order_relaxed);
}

/* ---- slots ---------------------------------------------------------------------------------- */

static bool reserve_slot(struct endpoint_table *table)
{
    struct endpoint_builder *builder = table->builder;
    if (builder->n_free_slots > 0)
        return true;
    struct endpoint_slots *old = atomic_load_explicit(&table->slots, memory_order_relaxed);
    uint32_t n_old = old != NULL ? old->cap : 0;
    uint32_t n_new = n_old > 0 ? n_old * 2 : MIN_SLOTS;
    struct endpoint_slots *slots = ke_alloc(sizeof(*slots) + n_new * sizeof(slots->at[0]));
    uint32_t *free_slots = ke_alloc_n(n_new, sizeof(*free_slots));
    if (slots == NULL || free_slots == NULL) {
        free(slots);
        free(free_slots);
        return false;
    }
    slots->cap = n_new;
    for (uint32_t i = 0; i < n_old; i++)
        atomic_init(&slots->at[i], atomic_load_explicit(&old->at[i], memory_order_relaxed));
    free(builder->free_slots);
    builder->free_slots = free_slots;
    for (uint32_t i = n_new; i > n_old; i--)
        free_slots[builder->n_free_slots++] = i - 1;
    ke_snap_publish(&table->slots, slots);
    if (old != NULL)
        ke_snap_retire(old, free);
    return true;
}

static void take_slot(struct endpoint_table *table, struct endpoint_entry *entry)
{
    struct endpoint_builder *builder = table->builder;
    entry->slot = builder->free_slots[--builder->n_free_slots];
}

static void set_slot(struct endpoint_table *table, uint32_t slot, struct endpoint_entry *entry)
{
    struct endpoint_slots *slots = atomic_load_explicit(&table->slots, memory_order_relaxed);
    atomic_store_explicit(&slots->at[slot], entry, memory_order_release);
}

/* ---- one service ---------------------------------------------------------------------------- */

static void mark_changed(struct endpoint_builder *builder, struct endpoint_building *building)
{
    if (ke_list_is_empty(&building->changed))
        ke_list_append(&builder->changed, &building->changed);
}

static void withdraw(struct endpoint_table *table, struct endpoint_building *building)
{
    struct endpoint_entry *entry = building->entry;
    struct endpoint_service *record = own_record(entry);
    bool was_there =
        endpoint_index_remove(&table->names, endpoint_hash_name(record->ns, record->name), entry);
    KE_ASSERT(was_there);
    atomic_store_explicit(&entry->record, NULL, memory_order_release);
    set_slot(table, entry->slot, NULL);
    struct endpoint_builder *builder = table->builder;
    builder->free_slots[builder->n_free_slots++] = entry->slot;
    struct endpoint_claim_change nothing = { 0 };
    endpoint_claims_finish(table, building, &nothing);
    building->entry = NULL;
    endpoint_record_retire(record);
    ke_snap_retire(entry, free);
    mark_changed(builder, building);
}

/* Publishes a record that is given; false: out of memory, nothing changed, the record freed. */
static bool replace(struct endpoint_table *table, struct endpoint_building *building,
                    struct endpoint_service *record)
{
    struct endpoint_entry *entry = building->entry;
    bool is_entering = entry == NULL;
    if (is_entering && reserve_slot(table) && endpoint_index_reserve(&table->names, 1))
        entry = ke_alloc(sizeof(*entry));
    struct endpoint_claim_change change;
    if (entry == NULL || !endpoint_claims_prepare(table, building, entry, record, &change)) {
        endpoint_record_free(record);
        if (is_entering)
            free(entry);
        return false;
    }
    if (is_entering) {
        entry->building = building;
        take_slot(table, entry);
        building->entry = entry;
    }
    struct endpoint_service *old = own_record(entry);
    endpoint_claims_add(table, building, &change);
    ke_snap_publish(&entry->record, record);
    if (is_entering) {
        endpoint_index_add(&table->names, endpoint_hash_name(record->ns, record->name), entry);
        set_slot(table, entry->slot, entry);
    }
    endpoint_claims_finish(table, building, &change);
    if (old != NULL)
        endpoint_record_retire(old);
    mark_changed(table->builder, building);
    return true;
}

static bool decode_slice(const struct endpoint_building_slice *slice, struct ke_arena *arena,
                         const struct model_endpoint_slice **out)
{
    ke_auto_json *json = registry_object_parse(slice->object);
    struct model_endpoint_slice *view = ke_arena_alloc(arena, sizeof(*view));
    if (json == NULL || view == NULL || !model_endpoint_slice_decode(json, arena, view))
        return false;
    *out = view;
    return true;
}

/* A slice of many stays decoded: a change of one of them costs one. */
static bool keep_slice(struct endpoint_building_slice *slice,
                       const struct model_endpoint_slice **out)
{
    if (slice->view == NULL) {
        KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_ENDPOINT_BUILD_BYTES);
        if (arena == NULL || !decode_slice(slice, arena, &slice->view))
            return false;
        slice->arena = KE_TAKE(arena);
    }
    *out = slice->view;
    return true;
}

/* Decodes the objects of a building into the arena. False: out of memory. */
static bool decode(const struct endpoint_building *building, struct ke_arena *arena,
                   struct model_service *service, const struct model_endpoint_slice ***out_slices)
{
    ke_auto_json *json = registry_object_parse(building->object);
    if (json == NULL || !model_service_decode(json, arena, service))
        return false;
    const struct model_endpoint_slice **slices =
        ke_arena_alloc_n(arena, building->n_slices, sizeof(const struct model_endpoint_slice *));
    if (slices == NULL)
        return false;
    for (size_t i = 0; i < building->n_slices; i++) {
        bool is_decoded = building->n_slices > MANY_SLICES
                              ? keep_slice(building->slices[i], &slices[i])
                              : decode_slice(building->slices[i], arena, &slices[i]);
        if (!is_decoded)
            return false;
    }
    *out_slices = slices;
    return true;
}

static enum ke_code rebuild(struct endpoint_table *table, struct endpoint_building *building,
                            struct ke_err *err)
{
    struct endpoint_builder *builder = table->builder;
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_ENDPOINT_BUILD_BYTES);
    struct model_service service;
    const struct model_endpoint_slice **slices;
    if (arena == NULL || !decode(building, arena, &service, &slices))
        return ke_fail(err, KE_NOMEM, "decode a service and its slices");
    const struct endpoint_service *old =
        building->entry != NULL ? own_record(building->entry) : NULL;
    struct endpoint_record_input in = {
        .from = { .service = &service,
                  .slices = slices,
                  .n_slices = building->n_slices,
                  .place = &builder->place },
        .old = old,
        .id = old != NULL ? old->id : builder->last_service_id + 1,
        .generation = endpoint_table_generation(table) + 1,
        .last_backend_id = &builder->last_backend_id,
    };
    struct endpoint_service *record = NULL;
    enum ke_code code = endpoint_record_build(&in, arena, &record, err);
    if (code != KE_OK || record == NULL)
        return code;
    if (!replace(table, building, record))
        return ke_fail(err, KE_NOMEM, "publish a service record");
    if (old == NULL)
        builder->last_service_id++;
    return KE_OK;
}

/* Frees a building that nothing holds any more; while it is in a list, that comes later. */
static void drop_empty(struct endpoint_builder *builder, struct endpoint_building *building)
{
    if (building->object != NULL || building->n_slices > 0 || building->entry != NULL ||
        !ke_list_is_empty(&building->dirty) || !ke_list_is_empty(&building->changed))
        return;
    (void)ke_map_del(builder->services, ke_str_of(building->key, building->key_len));
    endpoint_building_free(building);
}

static enum ke_code publish_building(struct endpoint_table *table,
                                     struct endpoint_building *building, struct ke_err *err)
{
    if (building->object != NULL)
        return rebuild(table, building, err);
    if (building->entry != NULL)
        withdraw(table, building);
    drop_empty(table->builder, building);
    return KE_OK;
}

/* ---- a publish ------------------------------------------------------------------------------ */

/* False: some are still to do. */
static bool publish_dirty(struct endpoint_table *table)
{
    struct ke_list *dirty = &table->builder->dirty;
    struct ke_list failed;
    ke_list_init(&failed);
    while (!ke_list_is_empty(dirty)) {
        struct endpoint_building *building =
            KE_CONTAINER_OF(dirty->next, struct endpoint_building, dirty);
        struct ke_err err = KE_ERR_INIT;
        ke_list_remove(&building->dirty);
        if (publish_building(table, building, &err) == KE_OK)
            continue;
        ke_list_append(&failed, &building->dirty);
        ke_log(KE_LOG_WARN, "endpoint.build_failed",
               KV_S("service", ke_str_of(building->key, building->key_len)), KV_ERR(&err));
    }
    bool is_done = ke_list_is_empty(&failed);
    while (!ke_list_is_empty(&failed)) {
        struct ke_list *item = failed.next;
        ke_list_remove(item);
        ke_list_append(dirty, item);
    }
    return is_done;
}

struct walk {
    struct ke_list *at;
    struct ke_list *end;
};

static bool next_changed(void *ctx, struct ke_str *out_key)
{
    struct walk *walk = ctx;
    if (walk->at == walk->end)
        return false;
    const struct endpoint_building *building =
        KE_CONTAINER_OF(walk->at, struct endpoint_building, changed);
    *out_key = ke_str_of(building->key, building->key_len);
    walk->at = walk->at->next;
    return true;
}

static void forget_changed(struct endpoint_builder *builder)
{
    while (!ke_list_is_empty(&builder->changed)) {
        struct endpoint_building *building =
            KE_CONTAINER_OF(builder->changed.next, struct endpoint_building, changed);
        ke_list_remove(&building->changed);
        drop_empty(builder, building);
    }
}

bool endpoint_builder_publish(struct endpoint_table *table, int64_t revision)
{
    struct endpoint_builder *builder = table->builder;
    bool is_done = publish_dirty(table);
    bool is_sync = is_done && revision >= 0 && !endpoint_table_is_synced(table);
    bool is_changed = !ke_list_is_empty(&builder->changed);
    if (is_changed || is_sync || builder->is_namespace_changed)
        atomic_store_explicit(&table->changed_wall_s, ke_wall_s(), memory_order_relaxed);
    builder->is_namespace_changed = false;
    struct walk walk = { .at = builder->changed.next, .end = &builder->changed };
    struct endpoint_changes changes = { .next = next_changed, .ctx = &walk };
    endpoint_consumers_publish(table, is_changed ? &changes : NULL, is_sync,
                               is_done ? revision : -1);
    forget_changed(builder);
    return is_done;
}

/* ---- a table without a thread --------------------------------------------------------------- */

struct endpoint_table *endpoint_table_new(struct ke_str node_name, struct ke_err *err)
{
    struct endpoint_table *table = ke_alloc(sizeof(*table));
    if (table != NULL) {
        table->builder = endpoint_builder_new(node_name);
        table->consumers = endpoint_consumers_new();
    }
    if (table != NULL && table->builder != NULL && table->consumers != NULL)
        return table;
    endpoint_table_free(table);
    (void)ke_fail(err, KE_NOMEM, "make an endpoint table");
    return NULL;
}

void endpoint_table_free(struct endpoint_table *table)
{
    if (table == NULL)
        return;
    if (table->consumers != NULL)
        endpoint_consumers_close(table);
    endpoint_consumers_free(table->consumers);
    endpoint_builder_free(table->builder);
    endpoint_index_deinit(&table->names);
    endpoint_index_deinit(&table->claims);
    endpoint_index_deinit(&table->namespaces);
    free(atomic_load_explicit(&table->slots, memory_order_relaxed));
    free(atomic_load_explicit(&table->own_node, memory_order_relaxed));
    free(table);
}

bool endpoint_table_put_object(struct endpoint_table *table, enum model_kind_id kind,
                               const cJSON *object)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *stored = NULL;
    if (registry_object_new(model_kind_by_id(kind), object, &stored, &err) != KE_OK)
        return false;
    int64_t revision = 0;
    if (ke_str_to_i64(ke_json_path_str(object, "metadata.resourceVersion"), &revision) &&
        revision > 0)
        registry_object_set_revision(stored, revision);
    bool is_put = endpoint_builder_put(table, stored);
    registry_object_unref(stored);
    return is_put;
}

bool endpoint_table_delete_object(struct endpoint_table *table, enum model_kind_id kind,
                                  struct ke_str ns, struct ke_str name)
{
    endpoint_builder_delete(table, kind, ns, name);
    return true;
}

void endpoint_table_publish(struct endpoint_table *table, int64_t revision)
{
    (void)endpoint_builder_publish(table, revision);
}
