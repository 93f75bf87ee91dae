/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is: Services, their slices, the namespaces and this node. A put or delete only notes
 * the object and marks the service dirty; publish.c does the work. A slice belongs to the service
 * that its label names, which may come later or change. Writer only.
 */
#include "core/endpoint/builder.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/snap.h"

#define LABEL_SERVICE_NAME "kubernetes.io/service-name"
#define LABEL_ZONE         "topology.kubernetes.io/zone"
#define KEY_BYTES          512 /* a namespace and a name, both at most 253 bytes */

/* NOLINTNEXTLINE(readability-non-const-parameter): written through the buffer */
static struct ke_str key_of(struct ke_str ns, struct ke_str name, char memory[KEY_BYTES])
{
    struct ke_buf key = KE_BUF_FIXED(memory, KEY_BYTES);
    ke_buf_add_str(&key, ns);
    ke_buf_add_char(&key, '/');
    ke_buf_add_str(&key, name);
    return key.failed == KE_OK ? ke_buf_str(&key) : (struct ke_str){ 0 };
}

struct endpoint_builder *endpoint_builder_new(struct ke_str node_name)
{
    struct endpoint_builder *builder = ke_alloc(sizeof(*builder));
    if (builder == NULL)
        return NULL;
    ke_list_init(&builder->dirty);
    ke_list_init(&builder->changed);
    builder->services = ke_map_new();
    builder->slices = ke_map_new();
    builder->namespaces = ke_map_new();
    builder->node_name = ke_str_dup(node_name);
    if (builder->services == NULL || builder->slices == NULL || builder->namespaces == NULL ||
        builder->node_name == NULL) {
        endpoint_builder_free(builder);
        return NULL;
    }
    builder->place.node_name = ke_str_c(builder->node_name);
    return builder;
}

void endpoint_building_free(struct endpoint_building *building)
{
    registry_object_unref(building->object);
    free(building->slices);
    free(building->claims);
    free(building);
}

static void free_slice(struct endpoint_building_slice *slice)
{
    ke_arena_free(slice->arena);
    registry_object_unref(slice->object);
    free(slice);
}

static void free_contents(struct endpoint_builder *builder)
{
    size_t pos = 0;
    struct ke_str key;
    void *value;
    while (builder->slices != NULL && ke_map_next(builder->slices, &pos, &key, &value)) {
        free_slice(value);
    }
    pos = 0;
    while (builder->services != NULL && ke_map_next(builder->services, &pos, &key, &value)) {
        struct endpoint_building *building = value;
        for (size_t i = 0; i < building->n_claims; i++)
            free(building->claims[i]);
        if (building->entry != NULL)
            endpoint_entry_free(building->entry);
        endpoint_building_free(building);
    }
    pos = 0;
    while (builder->namespaces != NULL && ke_map_next(builder->namespaces, &pos, &key, &value))
        free(value);
}

void endpoint_builder_free(struct endpoint_builder *builder)
{
    if (builder == NULL)
        return;
    free_contents(builder);
    ke_map_free(builder->services);
    ke_map_free(builder->slices);
    ke_map_free(builder->namespaces);
    free(builder->node_name);
    free(builder->zone);
    free(builder->free_slots);
    free(builder);
}

void endpoint_building_mark_dirty(struct endpoint_builder *builder,
                                  struct endpoint_building *building)
{
    if (ke_list_is_empty(&building->dirty))
        ke_list_append(&builder->dirty, &building->dirty);
}

/* The building of a service, made when it is not there. NULL: out of memory. */
static struct endpoint_building *need_building(struct endpoint_builder *builder, struct ke_str ns,
                                               struct ke_str name)
{
    char memory[KEY_BYTES];
    struct ke_str key = key_of(ns, name, memory);
    struct endpoint_building *building = ke_map_get(builder->services, key);
    if (building != NULL || key.len == 0)
        return building;
    building = ke_alloc(sizeof(*building) + key.len);
    if (building == NULL)
        return NULL;
    ke_list_init(&building->dirty);
    ke_list_init(&building->changed);
    building->key_len = key.len;
    memcpy(building->key, key.ptr, key.len);
    if (!ke_map_set(builder->services, key, building, NULL)) {
        free(building);
        return NULL;
    }
    return building;
}

/* ---- services ------------------------------------------------------------------------------- */

static bool put_service(struct endpoint_builder *builder, const struct registry_object *object)
{
    struct endpoint_building *building = need_building(builder, object->ns, object->name);
    if (building == NULL)
        return false;
    const struct registry_object *old = building->object;
    building->object = registry_object_ref(object);
    registry_object_unref(old);
    endpoint_building_mark_dirty(builder, building);
    return true;
}

static void delete_service(struct endpoint_builder *builder, struct ke_str key)
{
    struct endpoint_building *building = ke_map_get(builder->services, key);
    if (building == NULL)
        return;
    registry_object_unref(building->object);
    building->object = NULL;
    endpoint_building_mark_dirty(builder, building);
}

/* ---- slices --------------------------------------------------------------------------------- */

static void detach_slice(struct endpoint_builder *builder, struct endpoint_building_slice *slice)
{
    struct endpoint_building *building = slice->building;
    if (building == NULL)
        return;
    struct endpoint_building_slice *last = building->slices[--building->n_slices];
    building->slices[slice->position] = last;
    last->position = slice->position;
    slice->building = NULL;
    endpoint_building_mark_dirty(builder, building);
}

static bool attach_slice(struct endpoint_builder *builder, struct endpoint_building_slice *slice,
                         struct endpoint_building *building)
{
    void *slices = building->slices;
    if (!ke_grow(&slices, &building->cap_slices, building->n_slices + 1,
                 sizeof(struct endpoint_building_slice *))) /* NOLINT: of pointers */
        return false;
    building->slices = slices;
    detach_slice(builder, slice);
    slice->building = building;
    slice->position = building->n_slices;
    building->slices[building->n_slices++] = slice;
    return true;
}

static void delete_slice(struct endpoint_builder *builder, struct ke_str key)
{
    struct endpoint_building_slice *slice = ke_map_del(builder->slices, key);
    if (slice == NULL)
        return;
    detach_slice(builder, slice);
    free_slice(slice);
}

static struct endpoint_building_slice *need_slice(struct endpoint_builder *builder,
                                                  struct ke_str key)
{
    struct endpoint_building_slice *slice = ke_map_get(builder->slices, key);
    if (slice != NULL || key.len == 0)
        return slice;
    slice = ke_alloc(sizeof(*slice));
    if (slice == NULL || ke_map_set(builder->slices, key, slice, NULL))
        return slice;
    free(slice);
    return NULL;
}

static bool put_slice(struct endpoint_builder *builder, const struct registry_object *object)
{
    char memory[KEY_BYTES];
    struct ke_str key = key_of(object->ns, object->name, memory);
    struct ke_str service =
        model_pairs_get(object->labels, object->n_labels, KE_STR(LABEL_SERVICE_NAME));
    if (ke_str_is_empty(service)) {
        delete_slice(builder, key);
        return true;
    }
    struct endpoint_building_slice *slice = need_slice(builder, key);
    struct endpoint_building *building =
        slice != NULL ? need_building(builder, object->ns, service) : NULL;
    bool is_attached =
        building != NULL && (slice->building == building || attach_slice(builder, slice, building));
    if (building != NULL)
        endpoint_building_mark_dirty(builder, building); /* also to drop one without anything */
    if (!is_attached) {
        if (slice != NULL && slice->object == NULL)
            delete_slice(builder, key);
        return false;
    }
    const struct registry_object *old = slice->object;
    slice->object = registry_object_ref(object);
    registry_object_unref(old);
    ke_arena_free(slice->arena);
    slice->arena = NULL;
    slice->view = NULL;
    return true;
}

/* ---- namespaces ----------------------------------------------------------------------------- */

static bool put_namespace(struct endpoint_table *table, struct ke_str name)
{
    struct endpoint_builder *builder = table->builder;
    if (ke_map_get(builder->namespaces, name) != NULL)
        return true;
    struct endpoint_namespace *item = ke_alloc(sizeof(*item) + name.len);
    if (item == NULL)
        return false;
    item->len = name.len;
    memcpy(item->name, name.ptr, name.len);
    if (!endpoint_index_reserve(&table->namespaces, 1) ||
        !ke_map_set(builder->namespaces, name, item, NULL)) {
        free(item);
        return false;
    }
    endpoint_index_add(&table->namespaces, ke_str_hash(name), item);
    builder->is_namespace_changed = true;
    return true;
}

static void delete_namespace(struct endpoint_table *table, struct ke_str name)
{
    struct endpoint_namespace *item = ke_map_del(table->builder->namespaces, name);
    if (item == NULL)
        return;
    (void)endpoint_index_remove(&table->namespaces, ke_str_hash(name), item);
    ke_snap_retire(item, free);
    table->builder->is_namespace_changed = true;
}

/* ---- this node ------------------------------------------------------------------------------ */

/* False: out of memory. */
static bool set_node_addresses(struct endpoint_table *table, const struct model_node *node)
{
    struct endpoint_own_node *own =
        ke_alloc(sizeof(*own) + node->n_internal_ips * sizeof(own->ips[0]));
    if (own == NULL)
        return false;
    own->n_ips = node->n_internal_ips;
    for (size_t i = 0; i < own->n_ips; i++)
        own->ips[i] = node->internal_ips[i];
    struct endpoint_own_node *old = atomic_load_explicit(&table->own_node, memory_order_relaxed);
    ke_snap_publish(&table->own_node, own);
    if (old != NULL)
        ke_snap_retire(old, free);
    return true;
}

/* The zone decides which backends are near: all services are put together again. */
static bool set_zone(struct endpoint_builder *builder, struct ke_str zone)
{
    if (ke_str_eq(builder->place.zone, zone))
        return true;
    char *copy = ke_str_dup(zone);
    if (copy == NULL)
        return false;
    free(builder->zone);
    builder->zone = copy;
    builder->place.zone = ke_str_c(copy);
    size_t pos = 0;
    struct ke_str key;
    void *value;
    while (ke_map_next(builder->services, &pos, &key, &value))
        endpoint_building_mark_dirty(builder, value);
    return true;
}

static bool put_node(struct endpoint_table *table, const struct registry_object *object)
{
    if (!ke_str_eq(object->name, table->builder->place.node_name))
        return true;
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_ENDPOINT_BUILD_BYTES);
    ke_auto_json *json = registry_object_parse(object);
    struct model_node node;
    return arena != NULL && json != NULL && model_node_decode(json, arena, &node) &&
           set_node_addresses(table, &node) &&
           set_zone(table->builder,
                    model_pairs_get(object->labels, object->n_labels, KE_STR(LABEL_ZONE)));
}

/* ---- by kind -------------------------------------------------------------------------------- */

bool endpoint_builder_put(struct endpoint_table *table, const struct registry_object *object)
{
    if (object->kind->id == MODEL_SERVICE)
        return put_service(table->builder, object);
    if (object->kind->id == MODEL_ENDPOINTSLICE)
        return put_slice(table->builder, object);
    if (object->kind->id == MODEL_NAMESPACE)
        return put_namespace(table, object->name);
    return object->kind->id != MODEL_NODE || put_node(table, object);
}

void endpoint_builder_delete(struct endpoint_table *table, enum model_kind_id kind,
                             struct ke_str ns, struct ke_str name)
{
    char memory[KEY_BYTES];
    struct ke_str key = key_of(ns, name, memory);
    if (kind == MODEL_SERVICE)
        delete_service(table->builder, key);
    else if (kind == MODEL_ENDPOINTSLICE)
        delete_slice(table->builder, key);
    else if (kind == MODEL_NAMESPACE)
        delete_namespace(table, name);
    /* The own Node, gone: its last zone and addresses remain true until it is back. */
}
