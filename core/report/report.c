/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observations: two queues, of Events and of Ingresses served, each with an index so that the same
 * observation is counted and not queued twice, and the list of parts. Any thread; lock guards all
 * of it, and wake is called outside of it.
 */
#include "core/report/report.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/metrics.h"

struct report_entry {
    struct ke_list link;
    struct report_item item;
    char *key; /* in the index */
    size_t key_len;
};

struct report_queue {
    struct ke_list entries; /* oldest first */
    struct ke_map *index;   /* key to entry */
    size_t max;
};

struct report_part_state {
    char *name;
    char *message; /* NULL: none, or no memory for it */
    bool is_healthy;
};

struct report {
    pthread_mutex_t lock; /* guards all below */
    struct report_queue events;
    struct report_queue served;
    struct report_part_state parts[LIMIT_REPORT_PARTS];
    size_t n_parts;
    void (*wake)(void *ctx);
    void *wake_ctx;
    struct ke_metric *dropped;
};

/* ---- entries ---- */

void report_item_clear(struct report_item *item)
{
    free(item->api_version);
    free(item->kind);
    free(item->ns);
    free(item->name);
    free(item->reason);
    free(item->message);
    *item = (struct report_item){ .count = 0 };
}

static void entry_free(struct report_entry *entry)
{
    if (entry == NULL)
        return;
    report_item_clear(&entry->item);
    free(entry->key);
    free(entry);
}

static void queue_remove(struct report_queue *queue, struct report_entry *entry)
{
    ke_list_remove(&entry->link);
    (void)ke_map_del(queue->index, ke_str_of(entry->key, entry->key_len));
}

static struct report_entry *queue_first(struct report_queue *queue)
{
    if (ke_list_is_empty(&queue->entries))
        return NULL;
    return KE_CONTAINER_OF(queue->entries.next, struct report_entry, link);
}

static bool queue_init(struct report_queue *queue, size_t max)
{
    ke_list_init(&queue->entries);
    queue->index = ke_map_new();
    queue->max = max;
    return queue->index != NULL;
}

static void queue_deinit(struct report_queue *queue)
{
    if (queue->index == NULL)
        return;
    for (struct report_entry *entry = queue_first(queue); entry != NULL;
         entry = queue_first(queue)) {
        queue_remove(queue, entry);
        entry_free(entry);
    }
    ke_map_free(queue->index);
}

/* Appends a whole entry, at the price of the oldest when full. Given. */
static void queue_or_drop(struct report *report, struct report_queue *queue,
                          struct report_entry *entry, bool is_whole)
{
    if (!is_whole ||
        !ke_map_set(queue->index, ke_str_of(entry->key, entry->key_len), entry, NULL)) {
        entry_free(entry);
        ke_metric_add(report->dropped, 1);
        return;
    }
    ke_list_append(&queue->entries, &entry->link);
    if (ke_map_count(queue->index) > queue->max) {
        struct report_entry *oldest = queue_first(queue);
        queue_remove(queue, oldest);
        entry_free(oldest);
        ke_metric_add(report->dropped, 1);
    }
}

static bool is_empty(const struct report *report)
{
    return ke_list_is_empty(&report->events.entries) && ke_list_is_empty(&report->served.entries);
}

/* ---- life ---- */

struct report *report_new(void)
{
    struct report *report = ke_alloc(sizeof(*report));
    if (report == NULL)
        return NULL;
    (void)pthread_mutex_init(&report->lock, NULL);
    bool has_events = queue_init(&report->events, LIMIT_REPORT_ITEMS);
    bool has_served = queue_init(&report->served, LIMIT_REPORT_SERVED);
    if (!has_events || !has_served) {
        report_free(report);
        return NULL;
    }
    report->dropped =
        ke_metric_counter("kedge_observations_dropped_total", "",
                          "Observations lost because too many waited or memory was short.");
    return report;
}

void report_free(struct report *report)
{
    if (report == NULL)
        return;
    queue_deinit(&report->events);
    queue_deinit(&report->served);
    for (size_t i = 0; i < report->n_parts; i++) {
        free(report->parts[i].name);
        free(report->parts[i].message);
    }
    (void)pthread_mutex_destroy(&report->lock);
    free(report);
}

void report_set_wake(struct report *report, void (*wake)(void *ctx), void *ctx)
{
    (void)pthread_mutex_lock(&report->lock);
    report->wake = wake;
    report->wake_ctx = ctx;
    (void)pthread_mutex_unlock(&report->lock);
}

/* ---- reporting ---- */

/* Parts of a key cannot run into each other: each begins with its length. */
static void key_add(struct ke_buf *key, struct ke_str part)
{
    ke_buf_add_u64(key, part.len);
    ke_buf_add_char(key, ':');
    ke_buf_add_str(key, part);
}

static struct report_entry *entry_new(const struct ke_buf *key)
{
    struct report_entry *entry = ke_alloc(sizeof(*entry));
    if (entry == NULL)
        return NULL;
    ke_list_init(&entry->link);
    entry->key = ke_str_dup(ke_buf_str(key));
    entry->key_len = key->len;
    if (entry->key == NULL) {
        entry_free(entry);
        return NULL;
    }
    return entry;
}

/* A message is cut at its limit, between characters. */
static struct ke_str cut_message(struct ke_str message)
{
    if (message.len <= LIMIT_REPORT_BYTES)
        return message;
    size_t len = LIMIT_REPORT_BYTES;
    while (len > 0 && ((unsigned char)message.ptr[len] & 0xc0) == 0x80)
        len--;
    return ke_str_sub(message, 0, len);
}

/* Unlocks, and wakes the taker when there was nothing and now there is. */
static void unlock_and_wake(struct report *report, bool was_empty)
{
    void (*wake)(void *ctx) = was_empty && !is_empty(report) ? report->wake : NULL;
    void *ctx = report->wake_ctx;
    (void)pthread_mutex_unlock(&report->lock);
    if (wake != NULL)
        wake(ctx);
}

static bool has_all_texts(const struct report_item *item)
{
    return item->api_version != NULL && item->kind != NULL && item->ns != NULL &&
           item->name != NULL && item->reason != NULL && item->message != NULL;
}

static void event_key(struct ke_buf *key, enum report_event_type type,
                      const struct report_object *about, struct ke_str reason,
                      struct ke_str message)
{
    ke_buf_add_char(key, type == REPORT_WARNING ? 'W' : 'N');
    key_add(key, about->api_version);
    key_add(key, about->kind);
    key_add(key, about->ns);
    key_add(key, about->name);
    key_add(key, reason);
    key_add(key, message);
}

/* Counts an observation that is queued already. Caller holds the lock. */
static bool count_again(const struct report_queue *queue, const struct ke_buf *key,
                        struct report_entry **out)
{
    *out = key->failed == KE_OK ? ke_map_get(queue->index, ke_buf_str(key)) : NULL;
    if (*out == NULL)
        return false;
    (*out)->item.count++;
    return true;
}

void report_event(struct report *report, enum report_event_type type,
                  const struct report_object *about, const char *reason, struct ke_str message)
{
    message = cut_message(message);
    ke_auto_buf key = KE_BUF_INIT(4 * LIMIT_REPORT_BYTES);
    event_key(&key, type, about, ke_str_c(reason), message);
    (void)pthread_mutex_lock(&report->lock);
    bool was_empty = is_empty(report);
    struct report_entry *entry = NULL;
    if (!count_again(&report->events, &key, &entry)) {
        entry = key.failed == KE_OK ? entry_new(&key) : NULL;
        if (entry != NULL) {
            entry->item = (struct report_item){
                .what = REPORT_ITEM_EVENT,
                .type = type,
                .api_version = ke_str_dup(about->api_version),
                .kind = ke_str_dup(about->kind),
                .ns = ke_str_dup(about->ns),
                .name = ke_str_dup(about->name),
                .reason = ke_str_dup(ke_str_c(reason)),
                .message = ke_str_dup(message),
                .count = 1,
            };
        }
        queue_or_drop(report, &report->events, entry, entry != NULL && has_all_texts(&entry->item));
    }
    unlock_and_wake(report, was_empty);
}

void report_ingress_served(struct report *report, struct ke_str ns, struct ke_str name,
                           bool is_served)
{
    ke_auto_buf key = KE_BUF_INIT(4 * LIMIT_REPORT_BYTES);
    key_add(&key, ns);
    key_add(&key, name);
    (void)pthread_mutex_lock(&report->lock);
    bool was_empty = is_empty(report);
    struct report_entry *entry = NULL;
    if (count_again(&report->served, &key, &entry)) {
        entry->item.is_served = is_served; /* the latest word counts */
    } else {
        entry = key.failed == KE_OK ? entry_new(&key) : NULL;
        if (entry != NULL) {
            entry->item = (struct report_item){ .what = REPORT_ITEM_INGRESS,
                                                .ns = ke_str_dup(ns),
                                                .name = ke_str_dup(name),
                                                .count = 1,
                                                .is_served = is_served };
        }
        queue_or_drop(report, &report->served, entry,
                      entry != NULL && entry->item.ns != NULL && entry->item.name != NULL);
    }
    unlock_and_wake(report, was_empty);
}

bool report_take(struct report *report, struct report_item *out)
{
    (void)pthread_mutex_lock(&report->lock);
    /* What is served comes first: it is state, and there is at most one an Ingress. */
    struct report_queue *queue = &report->served;
    struct report_entry *entry = queue_first(queue);
    if (entry == NULL) {
        queue = &report->events;
        entry = queue_first(queue);
    }
    if (entry != NULL)
        queue_remove(queue, entry);
    (void)pthread_mutex_unlock(&report->lock);
    if (entry == NULL)
        return false;
    *out = entry->item;
    entry->item = (struct report_item){ .count = 0 };
    entry_free(entry);
    return true;
}

/* ---- parts ---- */

static struct report_part_state *part_get(struct report *report, const char *name)
{
    for (size_t i = 0; i < report->n_parts; i++) {
        if (ke_str_eq_c(ke_str_c(name), report->parts[i].name))
            return &report->parts[i];
    }
    if (report->n_parts == LIMIT_REPORT_PARTS)
        return NULL;
    char *copy = ke_str_dup(ke_str_c(name));
    if (copy == NULL)
        return NULL;
    struct report_part_state *part = &report->parts[report->n_parts++];
    part->name = copy;
    return part;
}

void report_part(struct report *report, const char *part, bool is_healthy, struct ke_str message)
{
    message = cut_message(message);
    char *copy = message.len > 0 ? ke_str_dup(message) : NULL;
    (void)pthread_mutex_lock(&report->lock);
    struct report_part_state *state = part_get(report, part);
    if (state != NULL) {
        char *old = state->message;
        state->message = copy;
        state->is_healthy = is_healthy;
        copy = old;
    }
    (void)pthread_mutex_unlock(&report->lock);
    free(copy);
}

bool report_part_at(struct report *report, size_t i, const char **out_part, bool *out_is_healthy,
                    struct ke_buf *out_message)
{
    (void)pthread_mutex_lock(&report->lock);
    bool is_there = i < report->n_parts;
    if (is_there) {
        const struct report_part_state *state = &report->parts[i];
        *out_part = state->name;
        *out_is_healthy = state->is_healthy;
        ke_buf_add_c(out_message, state->message);
    }
    (void)pthread_mutex_unlock(&report->lock);
    return is_there;
}
