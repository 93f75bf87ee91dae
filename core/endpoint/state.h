/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_STATE_H
#define CORE_ENDPOINT_STATE_H
/*
 * What the files of this folder share: the read side (table.c), the writer's builder (builder.c)
 * and the consumers (consumer.c). Nobody outside includes it.
 */
#include <stdatomic.h>

#include "core/base/list.h"
#include "core/endpoint/index.h"
#include "core/endpoint/table.h"

struct endpoint_builder;
struct endpoint_consumers;
struct endpoint_building; /* what the builder keeps of a service: builder.h */

/* ---- read side ------------------------------------------------------------------------------ */

/* A service in the table. Stays where it is while its records come and go. */
struct endpoint_entry {
    _Atomic(struct endpoint_service *) record; /* NULL: it has left */
    struct endpoint_building *building;        /* writer only */
    uint32_t slot;                             /* in the walk; never changes */
};

enum endpoint_claim_kind {
    ENDPOINT_CLAIM_ADDRESS,    /* ip, proto, port */
    ENDPOINT_CLAIM_CLUSTER_IP, /* ip */
    ENDPOINT_CLAIM_NODE_PORT,  /* proto, port */
    ENDPOINT_CLAIM_BACKEND     /* ip */
};

/* Without padding: compared and hashed as bytes. */
struct endpoint_claim_key {
    struct ke_ip ip;
    uint16_t port;
    uint8_t proto;
    uint8_t kind;
};
_Static_assert(sizeof(struct endpoint_claim_key) == 24, "hashed as bytes: no padding");

/* "This service is found by that." Immutable. */
struct endpoint_claim {
    struct endpoint_claim_key key;
    struct endpoint_entry *entry;
};

struct endpoint_namespace {
    size_t len;
    char name[];
};

/* All services, for walks: a service keeps its slot for life. */
struct endpoint_slots {
    uint32_t cap;
    _Atomic(struct endpoint_entry *) at[];
};

struct endpoint_own_node {
    size_t n_ips;
    struct ke_ip ips[];
};

struct endpoint_table {
    struct endpoint_index names; /* of struct endpoint_entry */
    struct endpoint_index claims;
    struct endpoint_index namespaces;
    _Atomic(struct endpoint_slots *) slots;
    _Atomic(struct endpoint_own_node *) own_node; /* NULL: not known */
    _Atomic bool is_synced;
    _Atomic uint64_t generation;
    _Atomic int64_t changed_wall_s;

    struct endpoint_builder *builder;
    struct endpoint_consumers *consumers;
};

uint64_t endpoint_hash_name(struct ke_str ns, struct ke_str name);
uint64_t endpoint_hash_claim(const struct endpoint_claim_key *key);
bool endpoint_claim_key_eq(const struct endpoint_claim_key *a, const struct endpoint_claim_key *b);

/* ---- consumers ------------------------------------------------------------------------------ */

struct endpoint_consumers *endpoint_consumers_new(void);
/* All awaits end with KE_CLOSED. */
void endpoint_consumers_close(struct endpoint_table *table);
void endpoint_consumers_free(struct endpoint_consumers *all); /* all consumers freed before */

/* What one publish changed: gives each key "ns/name" once, then false. */
struct endpoint_changes {
    bool (*next)(void *ctx, struct ke_str *out_key);
    void *ctx;
};
/*
 * The writer has published records: moves the table's generation when it is given changes (NULL:
 * none) or this is the sync, remembers the revision they complete (-1: none), tells the consumers.
 */
void endpoint_consumers_publish(struct endpoint_table *table,
                                const struct endpoint_changes *changes, bool is_sync,
                                int64_t revision);
/* The derive thread times awaits: arm runs on any thread after an await was added; only wakes. */
void endpoint_consumers_set_arm(struct endpoint_consumers *all, void (*arm)(void *ctx), void *ctx);
/* Ends what is due; returns the next deadline (monotonic), INT64_MAX: none. */
int64_t endpoint_consumers_expire(struct endpoint_table *table);

#endif
