/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumers and the barrier. Each consumer has a set of the names that changed since it last took
 * it; a name that cannot be noted for want of memory turns the set into "everything". The
 * generation moves and the names are noted in one locked step, so whoever takes a set knows exactly
 * up to where it reaches. Any thread; the lock guards everything here but never a callback.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/endpoint/state.h"

struct endpoint_consumers {
    pthread_mutex_t lock; /* guards all below, and the contents of consumers */
    pthread_cond_t woken; /* a wake has returned */
    struct ke_list consumers;
    struct ke_list awaits;
    int64_t revision; /* published completely; -1: none */
    bool is_closed;
    void (*arm)(void *ctx);
    void *arm_ctx;
};

struct endpoint_consumer {
    struct ke_list link;
    struct endpoint_table *table;
    const char *name;
    endpoint_wake_fn *wake;
    void *ctx;
    struct ke_map *names; /* "ns/name", the value means nothing */
    bool wants_all;
    bool is_idle;   /* has taken all: the next change wakes it */
    bool must_wake; /* noted under the lock, done without it */
    bool is_waking; /* its wake runs */
    uint64_t acked_generation;
};

struct await {
    struct ke_list link;
    int64_t revision;
    uint64_t generation; /* to be acknowledged; 0: the revision is not published yet */
    int64_t deadline_ns;
    endpoint_await_fn *fn;
    void *ctx;
    enum ke_code code;
};

struct endpoint_consumers *endpoint_consumers_new(void)
{
    struct endpoint_consumers *all = ke_alloc(sizeof(*all));
    if (all == NULL)
        return NULL;
    if (pthread_mutex_init(&all->lock, NULL) != 0) {
        free(all);
        return NULL;
    }
    if (pthread_cond_init(&all->woken, NULL) != 0) {
        (void)pthread_mutex_destroy(&all->lock);
        free(all);
        return NULL;
    }
    ke_list_init(&all->consumers);
    ke_list_init(&all->awaits);
    all->revision = -1;
    return all;
}

void endpoint_consumers_free(struct endpoint_consumers *all)
{
    if (all == NULL)
        return;
    KE_ASSERT(ke_list_is_empty(&all->consumers) && ke_list_is_empty(&all->awaits));
    (void)pthread_cond_destroy(&all->woken);
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

static void lock(struct endpoint_consumers *all)
{
    (void)pthread_mutex_lock(&all->lock);
}

static void unlock(struct endpoint_consumers *all)
{
    (void)pthread_mutex_unlock(&all->lock);
}

/* ---- the barrier ---------------------------------------------------------------------------- */

static bool all_have_acked(const struct endpoint_consumers *all, uint64_t generation)
{
    KE_LIST_EACH(item, &all->consumers)
        if (KE_CONTAINER_OF(item, struct endpoint_consumer, link)->acked_generation < generation)
            return false;
    return true;
}

static bool is_settled(struct endpoint_table *table, struct await *await, int64_t now_ns)
{
    struct endpoint_consumers *all = table->consumers;
    if (await->generation == 0 && all->revision >= await->revision)
        await->generation = endpoint_table_generation(table);
    if (await->generation != 0 && all_have_acked(all, await->generation)) {
        await->code = KE_OK;
        return true;
    }
    await->code = all->is_closed ? KE_CLOSED : KE_TIMEOUT;
    return all->is_closed || now_ns >= await->deadline_ns;
}

/* Locked: moves what is settled to done. */
static void collect_settled(struct endpoint_table *table, struct ke_list *done)
{
    int64_t now_ns = ke_now_ns();
    KE_LIST_EACH_SAFE(item, next, &table->consumers->awaits)
    {
        if (!is_settled(table, KE_CONTAINER_OF(item, struct await, link), now_ns))
            continue;
        ke_list_remove(item);
        ke_list_append(done, item);
    }
}

/* Not locked. */
static void complete(struct ke_list *done)
{
    KE_LIST_EACH_SAFE(item, next, done)
    {
        struct await *await = KE_CONTAINER_OF(item, struct await, link);
        ke_list_remove(item);
        await->fn(await->ctx, await->code);
        free(await);
    }
}

static void settle(struct endpoint_table *table)
{
    struct ke_list done;
    ke_list_init(&done);
    lock(table->consumers);
    collect_settled(table, &done);
    unlock(table->consumers);
    complete(&done);
}

void endpoint_table_await(struct endpoint_table *table, int64_t revision, int64_t timeout_ms,
                          endpoint_await_fn *fn, void *ctx)
{
    struct endpoint_consumers *all = table->consumers;
    struct await *await = ke_alloc(sizeof(*await));
    if (await == NULL) {
        fn(ctx, KE_NOMEM);
        return;
    }
    await->revision = revision;
    await->deadline_ns = ke_now_ns() + timeout_ms * KE_MS;
    await->fn = fn;
    await->ctx = ctx;
    lock(all);
    ke_list_append(&all->awaits, &await->link);
    void (*arm)(void *ctx) = all->arm;
    void *arm_ctx = all->arm_ctx;
    unlock(all);
    settle(table);
    if (arm != NULL)
        arm(arm_ctx);
}

void endpoint_consumers_set_arm(struct endpoint_consumers *all, void (*arm)(void *ctx), void *ctx)
{
    lock(all);
    all->arm = arm;
    all->arm_ctx = ctx;
    unlock(all);
}

int64_t endpoint_consumers_expire(struct endpoint_table *table)
{
    settle(table);
    int64_t next_ns = INT64_MAX;
    lock(table->consumers);
    KE_LIST_EACH(item, &table->consumers->awaits) {
        const struct await *await = KE_CONTAINER_OF(item, struct await, link);
        next_ns = await->deadline_ns < next_ns ? await->deadline_ns : next_ns;
    }
    unlock(table->consumers);
    return next_ns;
}

void endpoint_consumers_close(struct endpoint_table *table)
{
    lock(table->consumers);
    table->consumers->is_closed = true;
    unlock(table->consumers);
    settle(table);
}

/* ---- publishing ----------------------------------------------------------------------------- */

static void note_name(struct endpoint_consumers *all, struct ke_str key)
{
    KE_LIST_EACH(item, &all->consumers) {
        struct endpoint_consumer *consumer = KE_CONTAINER_OF(item, struct endpoint_consumer, link);
        if (!consumer->wants_all && !ke_map_set(consumer->names, key, consumer, NULL))
            consumer->wants_all = true;
    }
}

static bool has_news(const struct endpoint_consumer *consumer)
{
    return consumer->wants_all || ke_map_count(consumer->names) > 0;
}

static void note_wakes(struct endpoint_consumers *all)
{
    KE_LIST_EACH(item, &all->consumers) {
        struct endpoint_consumer *consumer = KE_CONTAINER_OF(item, struct endpoint_consumer, link);
        if (!consumer->is_idle || !has_news(consumer))
            continue;
        consumer->is_idle = false;
        consumer->must_wake = true;
    }
}

static struct endpoint_consumer *next_to_wake(const struct endpoint_consumers *all)
{
    KE_LIST_EACH(item, &all->consumers) {
        struct endpoint_consumer *consumer = KE_CONTAINER_OF(item, struct endpoint_consumer, link);
        if (consumer->must_wake)
            return consumer;
    }
    return NULL;
}

/* A consumer is not freed while its wake runs. */
static void wake_all(struct endpoint_consumers *all)
{
    lock(all);
    struct endpoint_consumer *consumer;
    while ((consumer = next_to_wake(all)) != NULL) {
        consumer->must_wake = false;
        consumer->is_waking = true;
        unlock(all);
        consumer->wake(consumer->ctx);
        lock(all);
        consumer->is_waking = false;
        (void)pthread_cond_broadcast(&all->woken);
    }
    unlock(all);
}

void endpoint_consumers_publish(struct endpoint_table *table,
                                const struct endpoint_changes *changes, bool is_sync,
                                int64_t revision)
{
    struct endpoint_consumers *all = table->consumers;
    struct ke_list done;
    ke_list_init(&done);
    lock(all);
    if (changes != NULL || is_sync)
        atomic_fetch_add_explicit(&table->generation, 1, memory_order_release);
    struct ke_str key;
    while (changes != NULL && changes->next(changes->ctx, &key))
        note_name(all, key);
    if (is_sync)
        atomic_store_explicit(&table->is_synced, true, memory_order_release);
    if (revision > all->revision)
        all->revision = revision;
    if (endpoint_table_is_synced(table))
        note_wakes(all);
    collect_settled(table, &done);
    unlock(all);
    wake_all(all);
    complete(&done);
}

/* ---- one consumer --------------------------------------------------------------------------- */

struct endpoint_consumer *endpoint_consumer_new(struct endpoint_table *table, const char *name,
                                                endpoint_wake_fn *wake, void *ctx)
{
    struct endpoint_consumer *consumer = ke_alloc(sizeof(*consumer));
    if (consumer == NULL)
        return NULL;
    consumer->names = ke_map_new();
    if (consumer->names == NULL) {
        free(consumer);
        return NULL;
    }
    consumer->table = table;
    consumer->name = name;
    consumer->wake = wake;
    consumer->ctx = ctx;
    consumer->wants_all = true;
    consumer->is_idle = true;
    lock(table->consumers);
    ke_list_append(&table->consumers->consumers, &consumer->link);
    unlock(table->consumers);
    return consumer;
}

void endpoint_consumer_free(struct endpoint_consumer *consumer)
{
    if (consumer == NULL)
        return;
    struct endpoint_table *table = consumer->table;
    lock(table->consumers);
    consumer->must_wake = false;
    while (consumer->is_waking)
        (void)pthread_cond_wait(&table->consumers->woken, &table->consumers->lock);
    ke_list_remove(&consumer->link);
    unlock(table->consumers);
    ke_map_free(consumer->names);
    free(consumer);
    settle(table); /* awaits no longer wait for this one */
}

/* A dirty set in the making: texts in one buffer, so pointers are set at the end. */
struct gathering {
    struct endpoint_dirty *items;
    size_t n, cap;
    struct ke_buf text; /* ns, name, ns, name, ... */
};

static bool gather(struct gathering *gathering, struct ke_str ns, struct ke_str name)
{
    void *items = gathering->items;
    if (!ke_grow(&items, &gathering->cap, gathering->n + 1, sizeof(*gathering->items)))
        return false;
    gathering->items = items;
    gathering->items[gathering->n++] =
        (struct endpoint_dirty){ .ns.len = ns.len, .name.len = name.len };
    ke_buf_add_str(&gathering->text, ns);
    ke_buf_add_str(&gathering->text, name);
    return gathering->text.failed == KE_OK;
}

static bool gather_all(struct endpoint_table *table, struct gathering *gathering)
{
    uint64_t pos = 0;
    bool is_complete = true;
    ke_snap_thread_register();
    ke_snap_read_begin();
    const struct endpoint_service *service;
    while (is_complete && (service = endpoint_table_next(table, &pos)) != NULL)
        is_complete = gather(gathering, service->ns, service->name);
    ke_snap_read_end();
    ke_snap_thread_unregister();
    return is_complete;
}

static bool gather_names(const struct ke_map *names, struct gathering *gathering)
{
    size_t pos = 0;
    struct ke_str key;
    void *value;
    while (ke_map_next(names, &pos, &key, &value)) {
        size_t slash = ke_str_find(key, '/');
        if (!gather(gathering, ke_str_sub(key, 0, slash), ke_str_sub(key, slash + 1, key.len)))
            return false;
    }
    return true;
}

static void hand_over(struct gathering *gathering, struct endpoint_dirty_set *out)
{
    const char *at = gathering->text.ptr;
    for (size_t i = 0; i < gathering->n; i++) {
        struct endpoint_dirty *item = &gathering->items[i];
        item->ns.ptr = at;
        at += item->ns.len;
        item->name.ptr = at;
        at += item->name.len;
    }
    out->items = gathering->items;
    out->n_items = gathering->n;
    out->memory = gathering->text.ptr;
}

bool endpoint_consumer_take(struct endpoint_consumer *consumer, struct endpoint_dirty_set *out)
{
    struct endpoint_table *table = consumer->table;
    struct ke_map *names = ke_map_new();
    lock(table->consumers);
    consumer->is_idle = true;
    if (names == NULL || !endpoint_table_is_synced(table) || !has_news(consumer)) {
        unlock(table->consumers);
        ke_map_free(names);
        return false;
    }
    struct ke_map *taken = consumer->names;
    consumer->names = names;
    struct endpoint_dirty_set set = { .generation = endpoint_table_generation(table),
                                      .is_full = consumer->wants_all };
    consumer->wants_all = false;
    unlock(table->consumers);

    struct gathering gathering = { .text = KE_BUF_INIT(SIZE_MAX) };
    bool is_complete =
        set.is_full ? gather_all(table, &gathering) : gather_names(taken, &gathering);
    ke_map_free(taken);
    if (!is_complete) {
        free(gathering.items);
        ke_buf_free(&gathering.text);
        lock(table->consumers);
        consumer->wants_all = true; /* the names are lost */
        unlock(table->consumers);
        return false;
    }
    hand_over(&gathering, &set);
    *out = set;
    return true;
}

void endpoint_dirty_set_free(struct endpoint_dirty_set *set)
{
    free(set->items);
    free(set->memory);
    *set = (struct endpoint_dirty_set){ 0 };
}

void endpoint_consumer_ack(struct endpoint_consumer *consumer, uint64_t generation)
{
    struct endpoint_table *table = consumer->table;
    lock(table->consumers);
    if (generation > consumer->acked_generation)
        consumer->acked_generation = generation;
    unlock(table->consumers);
    settle(table);
}

size_t endpoint_table_consumers(struct endpoint_table *table, struct endpoint_consumer_state *out,
                                size_t max)
{
    size_t n = 0;
    lock(table->consumers);
    KE_LIST_EACH(item, &table->consumers->consumers) {
        const struct endpoint_consumer *consumer =
            KE_CONTAINER_OF(item, struct endpoint_consumer, link);
        if (n == max)
            break;
        out[n++] =
            (struct endpoint_consumer_state){ .name = consumer->name,
                                              .acked_generation = consumer->acked_generation };
    }
    unlock(table->consumers);
    return n;
}
