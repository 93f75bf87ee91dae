/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_BUILDER_H
#define CORE_ENDPOINT_BUILDER_H
/*
 * The writer's side of the table: which objects there are, which services have to be put together
 * again, and the publishing of their records. It keeps references to the stored objects and, but
 * for services of many slices, no decoded copy: a service is decoded when it changes. One thread:
 * the derive thread, or whoever made a table without one.
 */
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/endpoint/policy.h"
#include "core/endpoint/state.h"
#include "core/registry/object.h"

/* One EndpointSlice. */
struct endpoint_building_slice {
    const struct registry_object *object;
    struct endpoint_building *building;
    size_t position; /* in its slices */
    /* Decoded, in an arena of its own: only where a service has many slices. NULL: not now. */
    struct ke_arena *arena;
    const struct model_endpoint_slice *view;
};

/* One Service, or slices that wait for theirs. */
struct endpoint_building {
    struct ke_list dirty;                 /* in builder.dirty, or alone */
    struct ke_list changed;               /* in builder.changed, or alone */
    const struct registry_object *object; /* NULL: no Service */
    struct endpoint_building_slice **slices;
    size_t n_slices, cap_slices;
    struct endpoint_entry *entry;   /* NULL: not in the table */
    struct endpoint_claim **claims; /* in the index; sorted by key */
    size_t n_claims;
    size_t key_len;
    char key[]; /* "ns/name" */
};

struct endpoint_builder {
    struct ke_map *services;   /* "ns/name": struct endpoint_building */
    struct ke_map *slices;     /* "ns/name": struct endpoint_building_slice */
    struct ke_map *namespaces; /* struct endpoint_namespace */
    struct ke_list dirty;
    struct ke_list changed;
    struct endpoint_place place;
    char *node_name;
    char *zone;
    bool is_namespace_changed;
    uint32_t *free_slots; /* a stack with room for all */
    size_t n_free_slots;
    uint32_t last_backend_id;
    uint64_t last_service_id;
};

struct endpoint_builder *endpoint_builder_new(struct ke_str node_name);
/* Frees what it holds, the table's entries too: no reader is left. */
void endpoint_builder_free(struct endpoint_builder *builder);

/* object: borrowed, referenced. False: out of memory, nothing changed. */
bool endpoint_builder_put(struct endpoint_table *table,
                          const struct registry_object *object) KE_MUST_CHECK;
void endpoint_builder_delete(struct endpoint_table *table, enum model_kind_id kind,
                             struct ke_str ns, struct ke_str name);

/*
 * Publishes what changed. revision: what it completes; -1: nothing, as objects are missing; the
 * first that completes one is the sync. False: without memory for some, which stay to be done: call
 * again.
 */
bool endpoint_builder_publish(struct endpoint_table *table, int64_t revision);

/* Puts a building into its lists. */
void endpoint_building_mark_dirty(struct endpoint_builder *builder,
                                  struct endpoint_building *building);
void endpoint_building_free(struct endpoint_building *building);
void endpoint_entry_free(struct endpoint_entry *entry); /* with its record */

/* claim.c: the index entries of one service. */

/* What changes in the index when a record replaces another. */
struct endpoint_claim_change {
    struct endpoint_claim **claims; /* all claims from now on, sorted; kept and new ones */
    size_t n_claims;
    size_t n_new;
};
/* Prepares; nothing changes yet. False: out of memory. */
bool endpoint_claims_prepare(struct endpoint_table *table, const struct endpoint_building *building,
                             struct endpoint_entry *entry, const struct endpoint_service *record,
                             struct endpoint_claim_change *out) KE_MUST_CHECK;
void endpoint_claims_discard(const struct endpoint_building *building,
                             struct endpoint_claim_change *change);
/* Before the record is published: what is new. */
void endpoint_claims_add(struct endpoint_table *table, const struct endpoint_building *building,
                         const struct endpoint_claim_change *change);
/* After it: what is gone; the building takes over change. A zeroed change takes all away. */
void endpoint_claims_finish(struct endpoint_table *table, struct endpoint_building *building,
                            struct endpoint_claim_change *change);

#endif
