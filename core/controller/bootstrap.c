/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap tokens that are over are deleted. Controllers thread. Source: Kubernetes
 * pkg/controller/bootstrap/tokencleaner.go.
 */
#include "core/auth/bootstrap.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/controller/controller.h"
#include "core/model/views.h"

#define LOOK_AGAIN_S ((int64_t)24 * 60 * 60) /* an end may be centuries away */

struct bootstrap_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by name, in kube-system */
};

static bool is_token(const struct registry_object *object)
{
    return object->kind->id == MODEL_SECRET && ke_str_eq_c(object->ns, BOOTSTRAP_NAMESPACE) &&
           ke_str_eq_c(model_pairs_get(object->fields, object->n_fields, KE_STR("type")),
                       BOOTSTRAP_SECRET_TYPE);
}

static void run(void *ctx, struct work_item *item)
{
    struct bootstrap_controller *self = ctx;
    const struct ke_clock *clock = self->env->options.clock;
    const struct registry_object *secret = watch_reflector_get(
        self->env->reflector, MODEL_SECRET, KE_STR(BOOTSTRAP_NAMESPACE), work_item_key(item));
    if (secret == NULL || !is_token(secret))
        return;
    ke_auto_json *json = registry_object_parse(secret);
    if (json == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    int64_t now_us = clock->wall_us(clock->ctx);
    int64_t at_s = bootstrap_expiration_s(json);
    if (!bootstrap_is_expired(json, now_us / 1000000)) {
        int64_t left_s = at_s - now_us / 1000000;
        if (at_s > 0)
            work_item_again(item, (left_s < LOOK_AGAIN_S ? left_s : LOOK_AGAIN_S) * KE_S + KE_MS);
        return;
    }
    ke_log(KE_LOG_INFO, "token.expired", KV_S("name", secret->name));
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = secret->kind,
                                        .ns = secret->ns,
                                        .name = secret->name,
                                        .grace_period_s = -1,
                                        .precondition_uid = secret->uid };
    work_item_write(item, &request);
}

static void look(struct controller *controller, const struct registry_object *object)
{
    if (is_token(object))
        work_queue_add(((struct bootstrap_controller *)controller)->queue, object->name);
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    (void)old;
    look(controller, object);
}

/* Nothing waits for its end any more. */
static void on_delete(struct controller *controller, const struct registry_object *object)
{
    look(controller, object);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct bootstrap_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct bootstrap_controller *self = (struct bootstrap_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *bootstrap_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "bootstrap",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct bootstrap_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "bootstrap tokens");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "bootstrap", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
