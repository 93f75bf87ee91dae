/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirrors hand-made Endpoints of Services without a selector into EndpointSlices, which is what the
 * endpoint table reads. Controllers thread.
 */
#include "core/base/json.h"
#include "core/controller/endpoints_build.h"
#include "core/controller/mirror_build.h"
#include "core/controller/slice_index.h"

struct mirror_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue;
    struct slice_index *slices;
};

/* There is a Service of this name, and it has no selector. 1, 0, or -1: out of memory. */
static int is_without_selector(const struct mirror_controller *self, struct ke_str ns,
                               struct ke_str name)
{
    const struct registry_object *object =
        watch_reflector_get(self->env->reflector, MODEL_SERVICE, ns, name);
    if (object == NULL)
        return 0;
    if (memmem(object->json.ptr, object->json.len, "\"selector\":", 11) == NULL)
        return 1;
    ke_auto_json *json = registry_object_parse(object);
    if (json == NULL)
        return -1;
    const cJSON *selector = ke_json_path(json, "spec.selector");
    return selector == NULL || selector->child == NULL;
}

static void run(void *ctx, struct work_item *item)
{
    struct mirror_controller *self = ctx;
    struct ke_str ns;
    struct ke_str name;
    work_item_name(item, &ns, &name);
    const struct registry_object *object =
        watch_reflector_get(self->env->reflector, MODEL_ENDPOINTS, ns, name);
    ke_auto_json *json = object != NULL ? registry_object_parse(object) : NULL;
    int is_ours = object != NULL ? is_without_selector(self, ns, name) : 0;
    bool is_ok = is_ours >= 0 && (object == NULL || json != NULL);
    if (is_ok && is_ours == 1 && mirror_is_wanted(json)) {
        struct slices_wish wish = { .n_groups = 0 };
        is_ok = mirror_build_slices(json, &wish) && slice_index_apply(self->slices, &wish, item);
        slices_wish_deinit(&wish);
    } else if (is_ok) {
        slice_index_remove_all(self->slices, ns, name, item);
    }
    if (!is_ok)
        work_item_again(item, work_backoff_ns(1));
}

/* Those that a controller made are never mirrored: the common case costs nothing. */
static bool is_made_by_controller(const struct registry_object *endpoints)
{
    return model_pairs_get(endpoints->labels, endpoints->n_labels, KE_STR(ENDPOINTS_LABEL_MANAGED))
               .ptr != NULL;
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct mirror_controller *self = (struct mirror_controller *)controller;
    struct ke_str service;
    bool is_mirrored =
        object->kind->id == MODEL_ENDPOINTS &&
        (!is_made_by_controller(object) || (old != NULL && !is_made_by_controller(old)));
    if (is_mirrored || object->kind->id == MODEL_SERVICE)
        work_queue_add_name(self->queue, object->ns, object->name);
    else if (slice_index_put(self->slices, object, &service))
        work_queue_add_name(self->queue, object->ns, service);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct mirror_controller *self = (struct mirror_controller *)controller;
    struct ke_str service;
    if (object->kind->id == MODEL_ENDPOINTS || object->kind->id == MODEL_SERVICE)
        work_queue_add_name(self->queue, object->ns, object->name);
    else if (slice_index_delete(self->slices, object, &service))
        work_queue_add_name(self->queue, object->ns, service);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct mirror_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct mirror_controller *self = (struct mirror_controller *)controller;
    slice_index_free(self->slices);
    work_queue_free(self->queue);
    free(self);
}

struct controller *mirror_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "mirror",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct mirror_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "mirror");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "mirror", run, self, err);
    self->slices = slice_index_new(SLICE_BY_MIRRORING);
    if (self->queue == NULL || self->slices == NULL) {
        (void)ke_fail(err, KE_NOMEM, "mirror");
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
