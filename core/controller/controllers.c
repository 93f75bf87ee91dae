/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of the controllers: one loop, one reflector over all kinds, every event handed to each
 * controller in turn.
 */
#include "core/controller/controllers.h"

#include <stdatomic.h>

#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/controller/controller.h"

#define TEXTS_MAX (256U << 10)

static controller_new_fn *const makers[] = {
    endpoints_controller_new,     mirror_controller_new,    namespace_controller_new,
    cluster_controller_new,       node_controller_new,      garbage_controller_new,
    event_controller_new,         rbac_controller_new,      csr_controller_new,
    account_token_controller_new, bootstrap_controller_new, definition_controller_new,
    disruption_controller_new,    quota_controller_new,     volume_controller_new,
    apiservice_controller_new,
};

struct controllers {
    struct controller_env env;
    struct ke_arena *arena; /* texts of env.options */
    struct ke_thread thread;
    struct watch_reflector *reflector;
    struct controller *list[KE_ARRAY_LEN(makers)];
    atomic_bool is_synced;
};

static void on_put(void *ctx, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct controllers *controllers = ctx;
    for (size_t i = 0; i < KE_ARRAY_LEN(makers); i++) {
        struct controller *it = controllers->list[i];
        if (it->vtbl->on_put != NULL)
            it->vtbl->on_put(it, object, old);
    }
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    struct controllers *controllers = ctx;
    for (size_t i = 0; i < KE_ARRAY_LEN(makers); i++) {
        struct controller *it = controllers->list[i];
        if (it->vtbl->on_delete != NULL)
            it->vtbl->on_delete(it, object);
    }
}

static void on_synced(void *ctx)
{
    struct controllers *controllers = ctx;
    for (size_t i = 0; i < KE_ARRAY_LEN(makers); i++) {
        struct controller *it = controllers->list[i];
        if (it->vtbl->on_synced != NULL)
            it->vtbl->on_synced(it);
    }
    atomic_store(&controllers->is_synced, true);
    ke_log(KE_LOG_INFO, "controllers.synced",
           KV_I("revision", watch_reflector_revision(controllers->reflector)));
}

static const struct watch_handler handler = { .on_put = on_put,
                                              .on_delete = on_delete,
                                              .on_synced = on_synced };

enum ke_code controllers_explain_register(struct controllers *controllers, struct explain *explain,
                                          struct ke_err *err)
{
    return explain_register(explain, EXPLAIN_POLICY, explain_no_endpoints,
                            controllers->env.options.store, err);
}

/* ---- life */

static enum ke_code copy_options(struct controllers *controllers,
                                 const struct controllers_options *options, struct ke_err *err)
{
    struct controller_env *env = &controllers->env;
    env->options = *options;
    struct ke_str *texts[] = { &env->options.node_name,       &env->options.ingress_class,
                               &env->options.ca_pem,          &env->options.ca_pair_pem,
                               &env->options.kubelet_version, &env->options.runtime };
    for (size_t i = 0; i < KE_ARRAY_LEN(texts); i++) {
        *texts[i] = ke_arena_str(controllers->arena, *texts[i]);
        if (texts[i]->ptr == NULL)
            return ke_fail(err, KE_NOMEM, "controllers");
    }
    for (size_t i = 0; i < options->n_node_ips && i < CONTROLLERS_NODE_IPS; i++)
        env->node_ips[i] = options->node_ips[i];
    for (size_t i = 0; i < options->n_pod_cidrs && i < CONTROLLERS_NODE_IPS; i++)
        env->pod_cidrs[i] = options->pod_cidrs[i];
    for (size_t i = 0; i < options->n_service_cidrs && i < CONTROLLERS_NODE_IPS; i++)
        env->service_cidrs[i] = options->service_cidrs[i];
    env->options.node_ips = env->node_ips;
    env->options.service_cidrs = env->service_cidrs;
    env->options.pod_cidrs = env->pod_cidrs;
    if (env->options.clock == NULL)
        env->options.clock = &ke_clock_system;
    return KE_OK;
}

/* All kinds but those that are computed and Events, which nothing here reads. */
static enum ke_code make_reflector(struct controllers *controllers, struct ke_err *err)
{
    enum model_kind_id kinds[MODEL_KIND_COUNT + 1];
    size_t n = 0;
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL && n < MODEL_KIND_COUNT; i++) {
        if (!kind->is_computed && kind->id != MODEL_EVENT)
            kinds[n++] = kind->id;
    }
    kinds[n++] = MODEL_CUSTOM;
    struct watch_hub *hub = resource_store_hub(controllers->env.options.store);
    return watch_reflector_new(hub, controllers->env.loop, kinds, n, &handler, controllers,
                               &controllers->reflector, err);
}

static enum ke_code make_parts(struct controllers *controllers, struct ke_err *err)
{
    struct controller_env *env = &controllers->env;
    env->loop = ke_loop_new(err);
    if (env->loop == NULL)
        return err->code;
    env->pool = work_pool_new(env->loop, env->options.store, err);
    if (env->pool == NULL)
        return err->code;
    for (size_t i = 0; i < KE_ARRAY_LEN(makers); i++) {
        controllers->list[i] = makers[i](env, err);
        if (controllers->list[i] == NULL)
            return err->code;
    }
    enum ke_code rc = make_reflector(controllers, err);
    env->reflector = controllers->reflector;
    return rc;
}

enum ke_code controllers_new(const struct controllers_options *options, struct controllers **out,
                             struct ke_err *err)
{
    KE_AUTO(controllers) *controllers = ke_alloc(sizeof(*controllers));
    if (controllers == NULL)
        return ke_fail(err, KE_NOMEM, "controllers");
    atomic_init(&controllers->is_synced, false);
    atomic_init(&controllers->env.are_roles_there, false);
    controllers->arena = ke_arena_new(TEXTS_MAX);
    if (controllers->arena == NULL)
        return ke_fail(err, KE_NOMEM, "controllers");
    enum ke_code rc = copy_options(controllers, options, err);
    if (rc == KE_OK)
        rc = make_parts(controllers, err);
    if (rc == KE_OK)
        *out = KE_TAKE(controllers);
    return rc;
}

static void run(void *ctx)
{
    struct controllers *controllers = ctx;
    controllers_begin(controllers);
    ke_loop_run(controllers->env.loop);
}

enum ke_code controllers_start(struct controllers *controllers, struct ke_err *err)
{
    return ke_thread_start(&controllers->thread, "controllers", run, controllers, err);
}

void controllers_begin(struct controllers *controllers)
{
    watch_reflector_start(controllers->reflector);
}

void controllers_turn(struct controllers *controllers, int timeout_ms)
{
    ke_loop_turn(controllers->env.loop, timeout_ms);
}

bool controllers_have_roles(const struct controllers *controllers)
{
    return atomic_load(&controllers->env.are_roles_there);
}

bool controllers_is_ready(const struct controllers *controllers)
{
    return atomic_load(&controllers->is_synced);
}

void controllers_stop(struct controllers *controllers)
{
    ke_loop_stop(controllers->env.loop);
    ke_thread_join(&controllers->thread);
}

void controllers_free(struct controllers *controllers)
{
    if (controllers == NULL)
        return;
    watch_reflector_free(controllers->reflector);
    for (size_t i = 0; i < KE_ARRAY_LEN(makers); i++) {
        if (controllers->list[i] != NULL)
            controllers->list[i]->vtbl->free(controllers->list[i]);
    }
    work_pool_free(controllers->env.pool);
    ke_loop_free(controllers->env.loop);
    ke_arena_free(controllers->arena);
    free(controllers);
}
