/* SPDX-License-Identifier: Apache-2.0 */
/* See work.h. Thread: the loop's, and the registry's writer in answered(). */
#include "core/controller/work.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/rand.h"

#define RUNS_PER_TURN   64
#define BACKOFF_MIN_NS  (20 * KE_MS)
#define BACKOFF_MAX_NS  (30 * KE_S)
#define BACKOFF_DOUBLES 11

struct work_pool {
    struct ke_loop *loop;
    struct resource_store *store;
    int event_fd;
    struct ke_loop_fd *watch;
    pthread_mutex_t lock;   /* guards answers */
    struct ke_list answers; /* struct answer, from any thread */
};

enum item_state { ITEM_WAITING, ITEM_RUNNING };

struct work_item {
    struct ke_list link; /* in waiting, by time */
    struct work_queue *queue;
    struct ke_str key; /* owned */
    enum item_state state;
    bool is_added_again; /* while it ran */
    bool is_starting;    /* inside the run function: answers must not end it */
    bool has_failed;
    int64_t at_ns;       /* waiting: not before */
    int64_t again_ns;    /* delay of the next run; -1: none */
    unsigned n_failures; /* in a row */
    unsigned n_writes;   /* not answered yet */
};

struct work_queue {
    struct work_pool *pool;
    const char *name;
    work_run_fn *run;
    void *ctx;
    bool is_open;
    struct ke_map *items;   /* by key */
    struct ke_list waiting; /* sorted by at_ns */
    struct ke_loop_timer *timer;
};

/* One write on its way. */
struct answer {
    struct ke_list link;
    struct work_pool *pool;
    struct work_item *item;
    enum resource_verb verb;
    bool is_terminating; /* the namespace is on its way out */
    enum ke_code code;
    struct ke_err err;
};

int64_t work_backoff_ns(unsigned n_failures)
{
    unsigned doubles = n_failures > 0 ? n_failures - 1 : 0;
    if (doubles > BACKOFF_DOUBLES)
        doubles = BACKOFF_DOUBLES;
    int64_t wait = BACKOFF_MIN_NS << doubles;
    if (wait > BACKOFF_MAX_NS)
        wait = BACKOFF_MAX_NS;
    return wait + (int64_t)ke_rand_below((uint32_t)(wait / 2 / 1000) + 1) * 1000;
}

/* ---- waiting */

static void set_timer(struct work_queue *queue)
{
    if (!queue->is_open || ke_list_is_empty(&queue->waiting)) {
        ke_loop_timer_cancel(queue->timer);
        return;
    }
    const struct work_item *first = KE_CONTAINER_OF(queue->waiting.next, struct work_item, link);
    ke_loop_timer_set(queue->timer, first->at_ns);
}

/* Most items are due at once or last, so the search from the back is short. */
static void wait_until(struct work_item *item, int64_t at_ns)
{
    struct ke_list *before = item->queue->waiting.prev;
    item->at_ns = at_ns;
    item->state = ITEM_WAITING;
    while (before != &item->queue->waiting &&
           KE_CONTAINER_OF(before, struct work_item, link)->at_ns > at_ns)
        before = before->prev;
    ke_list_append(before->next, &item->link);
    set_timer(item->queue);
}

static void item_free(struct work_item *item)
{
    ke_list_remove(&item->link);
    free((void *)(uintptr_t)item->key.ptr);
    free(item);
}

static struct work_item *item_new(struct work_queue *queue, struct ke_str key)
{
    struct work_item *item = ke_alloc(sizeof(*item));
    if (item == NULL)
        return NULL;
    ke_list_init(&item->link);
    item->queue = queue;
    item->again_ns = -1;
    item->key = ke_str_of(ke_str_dup(key), key.len);
    if (item->key.ptr == NULL || !ke_map_set(queue->items, key, item, NULL)) {
        item_free(item);
        return NULL;
    }
    return item;
}

void work_queue_add_after(struct work_queue *queue, struct ke_str key, int64_t delay_ns)
{
    struct work_item *item = ke_map_get(queue->items, key);
    int64_t at_ns = ke_now_ns() + delay_ns;
    if (item == NULL) {
        item = item_new(queue, key);
        if (item == NULL) {
            ke_log(KE_LOG_ERROR, "controller.key_lost", KV_C("controller", queue->name),
                   KV_S("key", key));
        } else {
            wait_until(item, at_ns);
        }
        return;
    }
    if (item->state == ITEM_RUNNING) {
        if (delay_ns == 0)
            item->is_added_again = true;
        else if (item->again_ns < 0 || delay_ns < item->again_ns)
            item->again_ns = delay_ns;
        return;
    }
    if (at_ns < item->at_ns && item->n_failures == 0) {
        ke_list_remove(&item->link);
        wait_until(item, at_ns);
    }
}

void work_queue_add(struct work_queue *queue, struct ke_str key)
{
    work_queue_add_after(queue, key, 0);
}

void work_queue_add_name(struct work_queue *queue, struct ke_str ns, struct ke_str name)
{
    char text[LIMIT_KEY_BYTES];
    struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_add_str(&key, ns);
    ke_buf_add_char(&key, '/');
    ke_buf_add_str(&key, name);
    if (key.failed == KE_OK)
        work_queue_add(queue, ke_buf_str(&key));
}

/* ---- running */

static void item_end(struct work_item *item)
{
    if (item->n_writes > 0 || item->is_starting)
        return;
    item->n_failures = item->has_failed ? item->n_failures + 1 : 0;
    int64_t delay_ns = -1;
    if (item->has_failed)
        delay_ns = work_backoff_ns(item->n_failures);
    else if (item->is_added_again)
        delay_ns = 0;
    else
        delay_ns = item->again_ns;
    if (delay_ns >= 0) {
        wait_until(item, ke_now_ns() + delay_ns);
        return;
    }
    (void)ke_map_del(item->queue->items, item->key);
    item_free(item);
}

static void item_run(struct work_item *item)
{
    ke_list_remove(&item->link);
    item->state = ITEM_RUNNING;
    item->is_added_again = false;
    item->has_failed = false;
    item->again_ns = -1;
    item->is_starting = true;
    item->queue->run(item->queue->ctx, item);
    item->is_starting = false;
    item_end(item);
}

static void run_due(void *ctx)
{
    struct work_queue *queue = ctx;
    int64_t now = ke_now_ns();
    for (int i = 0; i < RUNS_PER_TURN && !ke_list_is_empty(&queue->waiting); i++) {
        struct work_item *item = KE_CONTAINER_OF(queue->waiting.next, struct work_item, link);
        if (item->at_ns > now)
            break;
        item_run(item);
    }
    set_timer(queue);
}

struct ke_str work_item_key(const struct work_item *item)
{
    return item->key;
}

void work_item_name(const struct work_item *item, struct ke_str *out_ns, struct ke_str *out_name)
{
    size_t slash = ke_str_find(item->key, '/');
    *out_ns = ke_str_sub(item->key, 0, slash);
    *out_name = slash < item->key.len ? ke_str_sub(item->key, slash + 1, item->key.len - slash - 1)
                                      : KE_STR("");
}

void work_item_again(struct work_item *item, int64_t delay_ns)
{
    if (item->again_ns < 0 || delay_ns < item->again_ns)
        item->again_ns = delay_ns;
}

/* ---- writes */

static bool is_as_good_as_done(const struct answer *answer)
{
    return answer->code == KE_OK || answer->is_terminating ||
           (answer->code == KE_NOT_FOUND && answer->verb == RESOURCE_DELETE);
}

static bool means_old_view(enum ke_code code)
{
    return code == KE_CONFLICT || code == KE_EXISTS || code == KE_NOT_FOUND;
}

static void take_answer(struct answer *answer)
{
    struct work_item *item = answer->item;
    if (!is_as_good_as_done(answer)) {
        item->has_failed = true;
        ke_log(means_old_view(answer->code) ? KE_LOG_DEBUG : KE_LOG_WARN, "controller.write_failed",
               KV_C("controller", item->queue->name), KV_S("key", item->key), KV_ERR(&answer->err));
    }
    item->n_writes--;
    free(answer);
    item_end(item);
}

static void take_answers(void *ctx, uint32_t events)
{
    struct work_pool *pool = ctx;
    uint64_t n = 0;
    (void)events;
    if (read(pool->event_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        ke_log(KE_LOG_ERROR, "controller.wake_failed", KV_I("errno", errno));
    struct ke_list taken;
    ke_list_init(&taken);
    pthread_mutex_lock(&pool->lock);
    while (!ke_list_is_empty(&pool->answers)) {
        struct ke_list *first = pool->answers.next;
        ke_list_remove(first);
        ke_list_append(&taken, first);
    }
    pthread_mutex_unlock(&pool->lock);
    while (!ke_list_is_empty(&taken)) {
        struct answer *answer = KE_CONTAINER_OF(taken.next, struct answer, link);
        ke_list_remove(&answer->link);
        take_answer(answer);
    }
}

/* Writer's thread, or the loop's own when nothing had to be committed. */
static void answered(void *ctx, const struct resource_reply *reply)
{
    struct answer *answer = ctx;
    struct work_pool *pool = answer->pool;
    answer->code = reply->code;
    answer->err = reply->err;
    answer->is_terminating =
        reply->code == KE_DENIED && ke_str_eq_c(reply->cause_reason, "NamespaceTerminating");
    pthread_mutex_lock(&pool->lock);
    ke_list_append(&pool->answers, &answer->link);
    pthread_mutex_unlock(&pool->lock);
    uint64_t one = 1;
    ssize_t n = write(pool->event_fd, &one, sizeof(one));
    (void)n; /* a full counter wakes as well */
}

void work_item_write(struct work_item *item, struct resource_request *request)
{
    struct answer *answer = ke_alloc(sizeof(*answer));
    if (answer == NULL) {
        cJSON_Delete(request->body);
        request->body = NULL;
        item->has_failed = true;
        return;
    }
    ke_list_init(&answer->link);
    answer->pool = item->queue->pool;
    answer->item = item;
    answer->verb = request->verb;
    item->n_writes++;
    resource_submit(item->queue->pool->store, request, answered, answer);
}

/* ---- life */

struct work_pool *work_pool_new(struct ke_loop *loop, struct resource_store *store,
                                struct ke_err *err)
{
    KE_AUTO(work_pool) *pool = ke_alloc(sizeof(*pool));
    if (pool == NULL) {
        (void)ke_fail(err, KE_NOMEM, "controllers");
        return NULL;
    }
    pool->loop = loop;
    pool->store = store;
    ke_list_init(&pool->answers);
    pthread_mutex_init(&pool->lock, NULL);
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->event_fd < 0) {
        (void)ke_fail_errno(err, errno, "eventfd");
        return NULL;
    }
    pool->watch = ke_loop_fd_add(loop, pool->event_fd, EPOLLIN, take_answers, pool);
    if (pool->watch == NULL) {
        (void)ke_fail(err, KE_NOMEM, "controllers");
        return NULL;
    }
    return KE_TAKE(pool);
}

void work_pool_free(struct work_pool *pool)
{
    if (pool == NULL)
        return;
    ke_loop_fd_del(pool->watch);
    if (pool->event_fd >= 0)
        close(pool->event_fd);
    KE_LIST_EACH_SAFE(it, next, &pool->answers)
    {
        free(KE_CONTAINER_OF(it, struct answer, link));
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct resource_store *work_pool_store(struct work_pool *pool)
{
    return pool->store;
}

struct work_queue *work_queue_new(struct work_pool *pool, const char *name, work_run_fn *run,
                                  void *ctx, struct ke_err *err)
{
    KE_AUTO(work_queue) *queue = ke_alloc(sizeof(*queue));
    if (queue != NULL) {
        ke_list_init(&queue->waiting);
        queue->pool = pool;
        queue->name = name;
        queue->run = run;
        queue->ctx = ctx;
        queue->items = ke_map_new();
        queue->timer = ke_loop_timer_new(pool->loop, run_due, queue);
    }
    if (queue == NULL || queue->items == NULL || queue->timer == NULL) {
        (void)ke_fail(err, KE_NOMEM, "queue of %s", name);
        return NULL;
    }
    return KE_TAKE(queue);
}

void work_queue_open(struct work_queue *queue)
{
    queue->is_open = true;
    set_timer(queue);
}

void work_queue_free(struct work_queue *queue)
{
    if (queue == NULL)
        return;
    size_t pos = 0;
    struct ke_str key;
    void *item;
    while (queue->items != NULL && ke_map_next(queue->items, &pos, &key, &item))
        item_free(item);
    ke_map_free(queue->items);
    ke_loop_timer_free(queue->timer);
    free(queue);
}
