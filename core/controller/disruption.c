/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of PodDisruptionBudgets: counted anew when a budget, one of its pods or one of their
 * controllers changes. Evictions count it down meanwhile under the revision they saw; so does this
 * under its own: who comes second looks again. Controllers thread.
 */
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/controller/controller.h"
#include "core/controller/disruption_build.h"
#include "core/model/names.h"
#include "core/model/selector.h"

#define GATHER_NS  (100 * KE_MS) /* what changes at once is counted once */
#define OWNERS_MAX 256           /* controllers of the pods of one budget */

struct disruption_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* "ns/name" of budgets */
};

/* ---- what controllers want */

/* Controllers that were counted for one budget. */
struct owners {
    struct ke_str uids[OWNERS_MAX]; /* borrowed from the reflector's objects */
    size_t n;
};

static const cJSON *controller_ref(const cJSON *object)
{
    const cJSON *ref;
    cJSON_ArrayForEach(ref, ke_json_path(object, "metadata.ownerReferences")) {
        if (ke_json_bool(ref, "controller", false))
            return ref;
    }
    return NULL;
}

/* The object a reference means, of a kind that scales; NULL: none that we know. */
static const struct registry_object *find_owner(const struct disruption_controller *self,
                                                struct ke_str ns, const cJSON *ref)
{
    struct ke_str group;
    struct ke_str version;
    model_api_version_split(ke_json_str(ref, "apiVersion"), &group, &version);
    const struct model_kind *kind = model_catalog_by_name(controller_catalog(self->env), group,
                                                          version, ke_json_str(ref, "kind"), NULL);
    if (kind == NULL || model_kind_subresource(kind, KE_STR("scale")) == NULL)
        return NULL;
    const struct registry_object *owner =
        watch_reflector_find(self->env->reflector, kind, ns, ke_json_str(ref, "name"));
    return owner != NULL && ke_str_eq(owner->uid, ke_json_str(ref, "uid")) ? owner : NULL;
}

/* Of a ReplicaSet that a Deployment owns, the Deployment. */
static const struct registry_object *topmost(const struct disruption_controller *self,
                                             const struct registry_object *owner, cJSON **out_json)
{
    ke_auto_json *json = registry_object_parse(owner);
    const cJSON *ref = controller_ref(json);
    const struct registry_object *above = ref != NULL ? find_owner(self, owner->ns, ref) : NULL;
    *out_json = above != NULL ? registry_object_parse(above) : KE_TAKE(json);
    return above != NULL ? above : owner;
}

/* False: out of memory. */
static bool add_scale(const struct disruption_controller *self, struct disruption_tally *tally,
                      const struct registry_object *pod, const cJSON *json, struct owners *owners)
{
    const cJSON *ref = controller_ref(json);
    if (ref == NULL) /* on its own: nobody says how many there should be */
        return true;
    const struct registry_object *owner = find_owner(self, pod->ns, ref);
    if (owner == NULL || owners->n == OWNERS_MAX) {
        tally->failure = "found no controllers for pod";
        tally->failed_pod = pod->name;
        return true;
    }
    ke_auto_json *top = NULL;
    owner = topmost(self, owner, &top);
    if (top == NULL)
        return false;
    for (size_t i = 0; i < owners->n; i++) {
        if (ke_str_eq(owners->uids[i], owner->uid))
            return true;
    }
    owners->uids[owners->n++] = owner->uid;
    const struct model_subresource *sub = model_kind_subresource(owner->kind, KE_STR("scale"));
    const cJSON *replicas = ke_json_path(top, sub->scale->spec_replicas);
    tally->scale += cJSON_IsNumber(replicas) ? (int64_t)replicas->valuedouble : 0;
    return true;
}

/* ---- work */

/* False: out of memory. */
static bool count_pods(const struct disruption_controller *self, struct disruption_tally *tally,
                       const struct registry_object *budget, const struct model_selector *selector)
{
    const struct registry_object *pod;
    struct owners owners = { .n = 0 };
    size_t pos = 0;
    while ((pod = watch_reflector_next(self->env->reflector, MODEL_POD, &pos)) != NULL) {
        if (!ke_str_eq(pod->ns, budget->ns) ||
            !model_selector_matches(selector, pod->labels, pod->n_labels))
            continue;
        ke_auto_json *json = registry_object_parse(pod);
        if (json == NULL || !disruption_tally_add(tally, json) ||
            (disruption_tally_needs_scale(tally) && !add_scale(self, tally, pod, json, &owners)))
            return false;
    }
    return true;
}

static bool write_status(struct work_item *item, const struct registry_object *object,
                         cJSON *budget, cJSON *status)
{
    if (status == NULL)
        return false;
    if (ke_json_equal(status, ke_json_get(budget, "status"))) {
        cJSON_Delete(status);
        return true;
    }
    ke_auto_json *body = cJSON_Duplicate(budget, true);
    if (body == NULL) {
        cJSON_Delete(status);
        return false;
    }
    if (!ke_json_set(body, "status", status))
        return false;
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = object->kind,
                                        .ns = object->ns,
                                        .name = object->name,
                                        .subresource = KE_STR("status"),
                                        .body = KE_TAKE(body) };
    work_item_write(item, &request);
    return true;
}

/* False: out of memory. */
static bool sync(struct disruption_controller *self, struct work_item *item,
                 const struct registry_object *object)
{
    const struct ke_clock *clock = self->env->options.clock;
    int64_t now_s = clock->wall_us(clock->ctx) / 1000000;
    char text[64];
    struct ke_buf now = KE_BUF_FIXED(text, sizeof(text));
    ke_time_format_s(now_s, &now);
    KE_AUTO(model_selector) *selector = NULL;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *budget = registry_object_parse(object);
    if (budget == NULL)
        return false;
    enum ke_code rc =
        model_selector_from_label_selector(ke_json_path(budget, "spec.selector"), &selector, &err);
    if (rc == KE_MALFORMED) /* validation lets none through */
        return true;
    struct disruption_tally tally;
    if (rc != KE_OK || !disruption_tally_init(&tally, budget, now_s))
        return false;
    bool is_ok =
        count_pods(self, &tally, object, selector) &&
        write_status(item, object, budget, disruption_tally_status(&tally, ke_buf_str(&now)));
    if (is_ok && tally.recheck_s > 0)
        work_item_again(item, tally.recheck_s * KE_S);
    disruption_tally_deinit(&tally);
    return is_ok;
}

static void run(void *ctx, struct work_item *item)
{
    struct disruption_controller *self = ctx;
    struct ke_str ns;
    struct ke_str name;
    work_item_name(item, &ns, &name);
    const struct registry_object *object =
        watch_reflector_get(self->env->reflector, MODEL_PODDISRUPTIONBUDGET, ns, name);
    if (object != NULL && !sync(self, item, object))
        work_item_again(item, work_backoff_ns(1));
}

/* ---- events */

static void look(struct disruption_controller *self, const struct registry_object *object)
{
    if (object->kind->id == MODEL_PODDISRUPTIONBUDGET) {
        work_queue_add_name(self->queue, object->ns, object->name);
        return;
    }
    if (object->kind->id != MODEL_POD &&
        model_kind_subresource(object->kind, KE_STR("scale")) == NULL)
        return;
    const struct registry_object *budget;
    size_t pos = 0;
    while ((budget = watch_reflector_next(self->env->reflector, MODEL_PODDISRUPTIONBUDGET, &pos)) !=
           NULL) {
        if (!ke_str_eq(budget->ns, object->ns))
            continue;
        char text[LIMIT_KEY_BYTES];
        struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
        ke_buf_add_str(&key, budget->ns);
        ke_buf_add_char(&key, '/');
        ke_buf_add_str(&key, budget->name);
        if (key.failed == KE_OK)
            work_queue_add_after(self->queue, ke_buf_str(&key), GATHER_NS);
    }
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    (void)old;
    look((struct disruption_controller *)controller, object);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    look((struct disruption_controller *)controller, object);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct disruption_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct disruption_controller *self = (struct disruption_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *disruption_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "disruption",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct disruption_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "disruption budgets");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "disruption", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
