/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the requests under way, by user. Any thread. */
#include "core/api/flow.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/map.h"
#include "core/base/mem.h"

#define SHARE 3 /* a user may have so many times what is free */

struct api_flow_user {
    char *name;
    unsigned n[API_FLOW_KINDS];
};

struct api_flow {
    pthread_mutex_t lock; /* guards all below */
    struct ke_map *users; /* by name, while they have requests */
    unsigned n[API_FLOW_KINDS];
    unsigned max[API_FLOW_KINDS]; /* 0: none */
};

enum ke_code api_flow_new(unsigned max_reads, unsigned max_writes, struct api_flow **out,
                          struct ke_err *err)
{
    struct api_flow *flow = ke_alloc(sizeof(*flow));
    struct ke_map *users = ke_map_new();
    if (flow == NULL || users == NULL) {
        free(flow);
        ke_map_free(users);
        return ke_fail(err, KE_NOMEM, "request limits");
    }
    (void)pthread_mutex_init(&flow->lock, NULL);
    flow->users = users;
    flow->max[API_FLOW_READ] = max_reads;
    flow->max[API_FLOW_WRITE] = max_writes;
    *out = flow;
    return KE_OK;
}

void api_flow_free(struct api_flow *flow)
{
    if (flow == NULL) {
        return;
    }
    ke_map_free(flow->users);
    (void)pthread_mutex_destroy(&flow->lock);
    free(flow);
}

static void user_free(struct api_flow_user *user)
{
    if (user != NULL) {
        free(user->name);
        free(user);
    }
}

/* Under the lock. NULL: out of memory. */
static struct api_flow_user *need_user(struct api_flow *flow, struct ke_str name)
{
    struct api_flow_user *user = ke_map_get(flow->users, name);
    if (user != NULL) {
        return user;
    }
    user = ke_alloc(sizeof(*user));
    if (user == NULL) {
        return NULL;
    }
    user->name = ke_str_dup(name);
    if (user->name == NULL || !ke_map_set(flow->users, ke_str_c(user->name), user, NULL)) {
        user_free(user);
        return NULL;
    }
    return user;
}

/* Under the lock. */
static void drop_if_idle(struct api_flow *flow, struct api_flow_user *user)
{
    if (user->n[API_FLOW_READ] + user->n[API_FLOW_WRITE] == 0) {
        (void)ke_map_del(flow->users, ke_str_c(user->name));
        user_free(user);
    }
}

static bool has_room(const struct api_flow *flow, enum api_flow_kind kind,
                     const struct api_flow_user *user)
{
    unsigned max = flow->max[kind];
    if (max == 0) {
        return true;
    }
    unsigned n_free = flow->n[kind] < max ? max - flow->n[kind] : 0;
    return user->n[kind] < SHARE * n_free;
}

bool api_flow_enter(struct api_flow *flow, enum api_flow_kind kind, struct ke_str user,
                    struct api_flow_user **out)
{
    (void)pthread_mutex_lock(&flow->lock);
    struct api_flow_user *own = need_user(flow, user);
    bool is_in = own != NULL && has_room(flow, kind, own);
    if (is_in) {
        own->n[kind]++;
        flow->n[kind]++;
        *out = own;
    } else if (own != NULL) {
        drop_if_idle(flow, own);
    }
    (void)pthread_mutex_unlock(&flow->lock);
    return is_in;
}

void api_flow_leave(struct api_flow *flow, enum api_flow_kind kind, struct api_flow_user *user)
{
    (void)pthread_mutex_lock(&flow->lock);
    user->n[kind]--;
    flow->n[kind]--;
    drop_if_idle(flow, user);
    (void)pthread_mutex_unlock(&flow->lock);
}

unsigned api_flow_count(struct api_flow *flow, enum api_flow_kind kind)
{
    (void)pthread_mutex_lock(&flow->lock);
    unsigned n = flow->n[kind];
    (void)pthread_mutex_unlock(&flow->lock);
    return n;
}
