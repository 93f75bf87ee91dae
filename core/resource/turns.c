/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn a key that is being written. A thread that runs writes of a turn is its driver; a write
 * that ends while it is still being started, perhaps on another thread, leaves word for the driver
 * instead of starting the next one itself.
 */
#include "core/resource/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/map.h"
#include "core/base/mem.h"

struct turn {
    struct ke_list waiting;
    bool is_driven; /* a thread is starting a write */
    bool is_over;   /* and that write has ended already */
    struct ke_str key;
};

struct turns {
    pthread_mutex_t lock; /* guards all below, and the turns */
    struct ke_map *by_key;
};

struct turns *turns_new(void)
{
    struct turns *turns = ke_alloc(sizeof(*turns));
    if (turns == NULL)
        return NULL;
    turns->by_key = ke_map_new();
    if (turns->by_key == NULL || pthread_mutex_init(&turns->lock, NULL) != 0) {
        ke_map_free(turns->by_key);
        free(turns);
        return NULL;
    }
    return turns;
}

void turns_free(struct turns *turns)
{
    if (turns == NULL)
        return;
    KE_ASSERT(ke_map_count(turns->by_key) == 0);
    ke_map_free(turns->by_key);
    (void)pthread_mutex_destroy(&turns->lock);
    free(turns);
}

/* Under the lock: the next in line, or NULL and the turn is gone. */
static struct turn_waiter *take_next(struct turns *turns, struct turn *turn)
{
    turn->is_over = false;
    if (ke_list_is_empty(&turn->waiting)) {
        (void)ke_map_del(turns->by_key, turn->key);
        free(turn);
        return NULL;
    }
    struct turn_waiter *next = KE_CONTAINER_OF(turn->waiting.next, struct turn_waiter, link);
    ke_list_remove(&next->link);
    return next;
}

/* Runs writes for as long as each ends before its start returns. */
static void drive(struct turns *turns, struct turn *turn, struct turn_waiter *next)
{
    while (next != NULL) {
        next->run(next);
        (void)pthread_mutex_lock(&turns->lock);
        turn->is_driven = turn->is_over;
        next = turn->is_over ? take_next(turns, turn) : NULL;
        (void)pthread_mutex_unlock(&turns->lock);
    }
}

static struct turn *add_turn(struct turns *turns, struct ke_str key)
{
    struct turn *turn = ke_alloc(sizeof(*turn) + key.len);
    if (turn == NULL)
        return NULL;
    char *copy = (char *)(turn + 1);
    memcpy(copy, key.ptr, key.len);
    turn->key = ke_str_of(copy, key.len);
    turn->is_driven = true;
    ke_list_init(&turn->waiting);
    if (!ke_map_set(turns->by_key, key, turn, NULL)) {
        free(turn);
        return NULL;
    }
    return turn;
}

enum ke_code turns_enter(struct turns *turns, struct ke_str key, struct turn_waiter *waiter,
                         struct ke_err *err)
{
    (void)pthread_mutex_lock(&turns->lock);
    struct turn *turn = ke_map_get(turns->by_key, key);
    bool must_wait = turn != NULL;
    if (must_wait)
        ke_list_append(&turn->waiting, &waiter->link);
    else
        turn = add_turn(turns, key);
    waiter->turn = turn;
    (void)pthread_mutex_unlock(&turns->lock);
    if (turn == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    if (!must_wait)
        drive(turns, turn, waiter);
    return KE_OK;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
    struct turn_waiter *next = NULL;
    (void)pthread_mutex_lock(&turns->lock);
    if (turn->is_driven) {
        turn->is_over = true; /* the driver goes on */
    } else {
        turn->is_driven = true;
        next = take_next(turns, turn);
    }
    (void)pthread_mutex_unlock(&turns->lock);
    if (next != NULL)
        drive(turns, turn, next);
}
