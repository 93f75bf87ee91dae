/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_CONTROLLER_H
#define CORE_CONTROLLER_CONTROLLER_H
/* Inside core/controller: what one controller is, and what it is given. Controllers thread. */
#include <stdatomic.h>

#include "core/controller/controllers.h"
#include "core/controller/work.h"
#include "core/watch/reflector.h"

/* What all controllers are given; valid as long as they live. */
struct controller_env {
    struct controllers_options options; /* its own copy */
    struct ke_ip node_ips[CONTROLLERS_NODE_IPS];
    struct ke_cidr pod_cidrs[CONTROLLERS_NODE_IPS];
    struct ke_cidr service_cidrs[CONTROLLERS_NODE_IPS];
    struct ke_loop *loop;
    struct work_pool *pool;
    const struct watch_reflector *reflector; /* set before any event */
    atomic_bool are_roles_there;             /* the default roles were seen; any thread reads */
};

static inline struct model_catalog *controller_catalog(const struct controller_env *env)
{
    return resource_store_catalog(env->options.store);
}

struct controller;

struct controller_vtbl {
    const char *name;
    /* Events of all kinds, in order; NULL: not wanted. */
    void (*on_put)(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old);
    void (*on_delete)(struct controller *controller, const struct registry_object *object);
    void (*on_synced)(struct controller *controller); /* everything was listed: open the queue */
    void (*free)(struct controller *controller);
};

/* First member of each. */
struct controller {
    const struct controller_vtbl *vtbl;
};

/* Each: NULL and err when out of memory. */
typedef struct controller *controller_new_fn(struct controller_env *env, struct ke_err *err);
controller_new_fn endpoints_controller_new;
controller_new_fn mirror_controller_new;
controller_new_fn namespace_controller_new;
controller_new_fn cluster_controller_new; /* the objects every cluster has */
controller_new_fn node_controller_new;
controller_new_fn garbage_controller_new;
controller_new_fn rbac_controller_new;          /* default roles, and sums of roles */
controller_new_fn csr_controller_new;           /* approves, signs and forgets requests */
controller_new_fn account_token_controller_new; /* Secrets with tokens of service accounts */
controller_new_fn bootstrap_controller_new;     /* bootstrap tokens that are over */
controller_new_fn definition_controller_new;
controller_new_fn quota_controller_new;
controller_new_fn disruption_controller_new; /* status of disruption budgets */
controller_new_fn volume_controller_new;     /* finalizers of claims and volumes */
controller_new_fn apiservice_controller_new;
controller_new_fn event_controller_new; /* and the status of Ingresses */

/* Why a Service has no ready endpoint; ctx: struct resource_store. Any thread: reads snapshots. */
explain_provider_fn explain_no_endpoints;

/* Moves the loop's work on: for tests, instead of controllers_start. */
void controllers_begin(struct controllers *controllers);
void controllers_turn(struct controllers *controllers, int timeout_ms);

#endif
