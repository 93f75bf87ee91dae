/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinitions: gives them their names, establishes them, and empties those that are
 * being deleted before their finalizer goes. That a definition is established is seen by the
 * catalog as soon as it is stored. Controllers thread.
 */
#include "core/model/definition.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/controller/controller.h"
#include "core/controller/definition_status.h"

#define LOOK_AGAIN_NS (200 * KE_MS) /* what waits for finalizers of instances */

struct definition_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by name */
};

/* NOLINTNEXTLINE(readability-non-const-parameter): the buffer writes into it */
static struct ke_str now_text(const struct definition_controller *self, char text[40])
{
    const struct ke_clock *clock = self->env->options.clock;
    struct ke_buf buf = KE_BUF_FIXED(text, 40);
    ke_time_format_s(clock->wall_us(clock->ctx) / 1000000, &buf);
    return ke_buf_str(&buf);
}

static void write_back(struct work_item *item, const struct registry_object *crd,
                       const char *subresource, cJSON *body_given)
{
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = crd->kind,
                                        .name = crd->name,
                                        .subresource = ke_str_c(subresource),
                                        .body = body_given };
    work_item_write(item, &request);
}

/* ---- names */

/* What the built-in kinds of a group are called is taken too. */
static bool claim_built_in(struct ke_map *taken, struct ke_str group)
{
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL; i++) {
        if (!ke_str_eq_c(group, kind->versions[0].group))
            continue;
        char plural[128];
        char name[128];
        struct ke_buf a = KE_BUF_FIXED(plural, sizeof(plural));
        struct ke_buf b = KE_BUF_FIXED(name, sizeof(name));
        ke_buf_addf(&a, "r:%s", kind->plural);
        ke_buf_addf(&b, "k:%s", kind->kind);
        if (!ke_map_set(taken, ke_buf_str(&a), taken, NULL) ||
            !ke_map_set(taken, ke_buf_str(&b), taken, NULL))
            return false;
    }
    return true;
}

/* Names of all others in the group. NULL: out of memory. */
static struct ke_map *taken_names(const struct definition_controller *self,
                                  const struct registry_object *crd, struct ke_str group)
{
    KE_AUTO(ke_map) *taken = ke_map_new();
    const struct registry_object *other;
    size_t pos = 0;
    if (taken == NULL || !claim_built_in(taken, group))
        return NULL;
    while ((other = watch_reflector_next(self->env->reflector, MODEL_CUSTOMRESOURCEDEFINITION,
                                         &pos)) != NULL) {
        struct ke_str rest = other->name; /* plural.group */
        struct ke_str plural;
        if (ke_str_eq(other->name, crd->name) || !ke_str_split(&rest, '.', &plural) ||
            !ke_str_eq(rest, group))
            continue;
        ke_auto_json *json = registry_object_parse(other);
        if (json == NULL || !definition_claim_names(taken, json))
            return NULL;
    }
    return KE_TAKE(taken);
}

static void establish(struct definition_controller *self, struct work_item *item,
                      const struct registry_object *crd)
{
    char text[40];
    ke_auto_json *old = registry_object_parse(crd);
    ke_auto_json *json = old != NULL ? cJSON_Duplicate(old, true) : NULL;
    KE_AUTO(ke_map) *taken = taken_names(self, crd, ke_json_path_str(json, "spec.group"));
    if (json == NULL || taken == NULL || !definition_settle(json, taken, now_text(self, text))) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    if (!ke_json_equal(json, old))
        write_back(item, crd, "status", KE_TAKE(json));
}

/* ---- the end */

static bool has_finalizer(const cJSON *json)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(json, "metadata.finalizers")) {
        if (ke_str_eq_c(ke_json_value_str(it), MODEL_CUSTOM_CLEANUP))
            return true;
    }
    return false;
}

static bool drop_finalizer(cJSON *json)
{
    cJSON *meta = ke_json_need_object(json, "metadata");
    cJSON *list = meta != NULL ? ke_json_need_array(meta, "finalizers") : NULL;
    if (list == NULL)
        return false;
    cJSON *next = NULL;
    for (cJSON *it = list->child; it != NULL; it = next) {
        next = it->next;
        if (ke_str_eq_c(ke_json_value_str(it), MODEL_CUSTOM_CLEANUP))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    return true;
}

/* The kind that the definition stands for, as it is served; NULL: it is not. */
static const struct model_kind *served_kind(const struct definition_controller *self,
                                            const cJSON *json)
{
    struct ke_str group = ke_json_path_str(json, "spec.group");
    struct ke_str plural = ke_json_path_str(json, "spec.names.plural");
    const cJSON *version;
    cJSON_ArrayForEach(version, ke_json_path(json, "spec.versions")) {
        const struct model_kind *kind = model_catalog_by_plural(
            controller_catalog(self->env), group, ke_json_str(version, "name"), plural, NULL);
        if (kind != NULL)
            return kind->custom != NULL ? kind : NULL;
    }
    return NULL;
}

/* True: nothing is left (or never was); else the instances are on their way. */
static bool is_empty(struct definition_controller *self, struct work_item *item, const cJSON *json)
{
    const struct model_kind *kind = served_kind(self, json);
    struct resource_list_options options = { .limit = 1 };
    struct resource_list list = { .continue_token = NULL };
    struct ke_err err = KE_ERR_INIT;
    if (kind == NULL)
        return true;
    if (resource_list(work_pool_store(self->env->pool), kind, &options, &list, &err) != KE_OK)
        return false;
    size_t n = list.items.n_objects;
    resource_list_free(&list);
    if (n == 0)
        return true;
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = kind,
                                        .propagation = RESOURCE_BACKGROUND,
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
    return false;
}

static void end(struct definition_controller *self, struct work_item *item,
                const struct registry_object *crd)
{
    char text[40];
    ke_auto_json *json = registry_object_parse(crd);
    if (json == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    if (!has_finalizer(json))
        return;
    if (!is_empty(self, item, json)) {
        work_item_again(item, LOOK_AGAIN_NS); /* the last deletion brings it back sooner */
        return;
    }
    /* Conditions first: without its last finalizer the object is gone. */
    if (!definition_has_condition(json, "Terminating")) {
        if (drop_finalizer(json))
            write_back(item, crd, "", KE_TAKE(json));
        return;
    }
    if (definition_set_condition(json, "Terminating", false, "InstanceDeletionCompleted",
                                 KE_STR("removed all instances"), now_text(self, text)))
        write_back(item, crd, "status", KE_TAKE(json));
}

/* ---- work */

static void run(void *ctx, struct work_item *item)
{
    struct definition_controller *self = ctx;
    const struct registry_object *crd = watch_reflector_get(
        self->env->reflector, MODEL_CUSTOMRESOURCEDEFINITION, KE_STR(""), work_item_key(item));
    if (crd == NULL)
        return;
    ke_auto_json *json = registry_object_parse(crd);
    if (ke_json_path_str(json, "metadata.deletionTimestamp").len > 0)
        end(self, item, crd);
    else
        establish(self, item, crd);
}

/* All others of a group, whose names may be free now. */
static void add_group(struct definition_controller *self, struct ke_str name)
{
    struct ke_str group = name;
    struct ke_str plural;
    const struct registry_object *other;
    size_t pos = 0;
    if (!ke_str_split(&group, '.', &plural))
        return;
    while ((other = watch_reflector_next(self->env->reflector, MODEL_CUSTOMRESOURCEDEFINITION,
                                         &pos)) != NULL) {
        if (ke_str_has_suffix(other->name, group))
            work_queue_add(self->queue, other->name);
    }
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct definition_controller *self = (struct definition_controller *)controller;
    (void)old;
    if (object->kind->id == MODEL_CUSTOMRESOURCEDEFINITION)
        work_queue_add(self->queue, object->name);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct definition_controller *self = (struct definition_controller *)controller;
    if (object->kind->id == MODEL_CUSTOMRESOURCEDEFINITION) {
        add_group(self, object->name);
        return;
    }
    if (object->kind->id != MODEL_CUSTOM)
        return;
    char text[320];
    struct ke_buf name = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_addf(&name, "%s.%s", object->kind->plural, object->kind->versions[0].group);
    const struct registry_object *crd = watch_reflector_get(
        self->env->reflector, MODEL_CUSTOMRESOURCEDEFINITION, KE_STR(""), ke_buf_str(&name));
    if (crd != NULL && memmem(crd->json.ptr, crd->json.len, MODEL_CUSTOM_CLEANUP,
                              sizeof(MODEL_CUSTOM_CLEANUP) - 1) != NULL)
        work_queue_add(self->queue, crd->name);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct definition_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct definition_controller *self = (struct definition_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *definition_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "definition",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct definition_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "definitions");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "definition", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
