/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage by ownerReferences: what lost its last owner is deleted, an owner that is deleted in the
 * foreground waits for those who block it, orphans are cut loose. Only objects with references are
 * kept in mind; owners are looked up by name and compared by uid. Controllers thread.
 */
#include <inttypes.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/controller/controller.h"
#include "core/controller/ensure.h"
#include "core/controller/garbage_decide.h"
#include "core/controller/label_index.h"
#include "core/model/names.h"

#define ORPHAN        "orphan"
#define FOREGROUND    "foregroundDeletion"
#define JSON_MAX      (256U << 10)
#define OWNERS_MAX    64 /* references of one object that are looked at */
#define LOOK_AGAIN_NS (50 * KE_MS)

struct owner_ref {
    struct ke_str uid, name;       /* behind the references, in the same block */
    const struct model_kind *kind; /* NULL: not one we know */
    bool is_blocking;
    struct label_entry by_uid;
};

/* An object with owners: one block of memory, as there may be one for every slice. */
struct dependent {
    struct registry_object *object; /* a reference; key, names and uid are read from it */
    size_t n_owners;
    struct owner_ref owners[];
};

struct garbage_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue;  /* keys: of the registry */
    struct ke_map *dependents; /* struct dependent by registry key */
    struct label_index *by_owner;
    bool is_synced; /* until then an owner that is not there is only not listed yet */
};

static struct model_pair uid_pair(struct ke_str uid)
{
    return (struct model_pair){ KE_STR("uid"), uid };
}

static const struct registry_object *find_object(const struct garbage_controller *self,
                                                 struct ke_str key)
{
    return watch_reflector_find_key(self->env->reflector, key);
}

/* ---- what is kept in mind */

static void dependent_free(struct garbage_controller *self, struct dependent *dependent)
{
    if (dependent == NULL)
        return;
    for (size_t i = 0; i < dependent->n_owners; i++)
        label_index_remove(self->by_owner, &dependent->owners[i].by_uid);
    registry_object_unref(dependent->object);
    free(dependent);
}

static const struct model_kind *ref_kind(const struct garbage_controller *self, const cJSON *ref)
{
    struct ke_str group;
    struct ke_str version;
    model_api_version_split(ke_json_str(ref, "apiVersion"), &group, &version);
    return model_catalog_by_name(controller_catalog(self->env), group, version,
                                 ke_json_str(ref, "kind"), NULL);
}

static struct ke_str keep_text(char **at, struct ke_str text)
{
    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    struct ke_str kept = ke_str_of(*at, text.len);
    *at += text.len;
    return kept;
}

/* NULL: out of memory. */
static struct dependent *dependent_new(const struct garbage_controller *self,
                                       const struct registry_object *object, const cJSON *refs)
{
    size_t n = 0;
    size_t n_bytes = 0;
    const cJSON *ref;
    cJSON_ArrayForEach(ref, refs) {
        if (n == OWNERS_MAX)
            break;
        n_bytes += ke_json_str(ref, "uid").len + ke_json_str(ref, "name").len;
        n++;
    }
    struct dependent *dependent =
        ke_alloc(sizeof(*dependent) + n * sizeof(struct owner_ref) + n_bytes);
    if (dependent == NULL)
        return NULL;
    char *text = (char *)&dependent->owners[n];
    dependent->object = registry_object_ref(object);
    cJSON_ArrayForEach(ref, refs) {
        if (dependent->n_owners == n)
            break;
        struct owner_ref *owner = &dependent->owners[dependent->n_owners++];
        owner->uid = keep_text(&text, ke_json_str(ref, "uid"));
        owner->name = keep_text(&text, ke_json_str(ref, "name"));
        owner->kind = ref_kind(self, ref);
        owner->is_blocking = ke_json_bool(ref, "blockOwnerDeletion", false);
    }
    return dependent;
}

/* False: out of memory. */
static bool remember(struct garbage_controller *self, const struct registry_object *object,
                     const cJSON *refs)
{
    struct dependent *dependent = dependent_new(self, object, refs);
    bool is_ok = dependent != NULL;
    for (size_t i = 0; is_ok && i < dependent->n_owners; i++) {
        struct model_pair pair = uid_pair(dependent->owners[i].uid);
        is_ok = label_index_add(self->by_owner, KE_STR(""), &pair, &dependent->owners[i].by_uid,
                                dependent);
    }
    if (!is_ok || !ke_map_set(self->dependents, object->key, dependent, NULL)) {
        dependent_free(self, dependent);
        return false;
    }
    return true;
}

static bool find_dependents(const struct garbage_controller *self, struct ke_str uid,
                            const struct ke_list **out)
{
    struct model_pair pair = uid_pair(uid);
    return label_index_find(self->by_owner, KE_STR(""), &pair, out, NULL);
}

static void add_dependents(struct garbage_controller *self, struct ke_str uid)
{
    const struct ke_list *found = NULL;
    if (!find_dependents(self, uid, &found))
        return;
    KE_LIST_EACH(it, found) {
        const struct dependent *dependent = KE_CONTAINER_OF(it, struct label_entry, link)->owner;
        work_queue_add(self->queue, dependent->object->key);
    }
}

/* ---- how an object is */

struct deletion {
    bool is_deleting, has_foreground, has_orphan;
};

static bool contains(struct ke_str text, const char *what)
{
    return memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

static struct deletion read_deletion(const struct registry_object *object)
{
    struct deletion out = { .is_deleting = false };
    if (!contains(object->json, "\"deletionTimestamp\"") &&
        !contains(object->json, "\"finalizers\""))
        return out;
    ke_auto_json *json = registry_object_parse(object);
    out.is_deleting = ke_json_path_str(json, "metadata.deletionTimestamp").len > 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(json, "metadata.finalizers")) {
        struct ke_str name = ke_json_value_str(it);
        out.has_foreground = out.has_foreground || ke_str_eq_c(name, FOREGROUND);
        out.has_orphan = out.has_orphan || ke_str_eq_c(name, ORPHAN);
    }
    return out;
}

static bool is_waiting(const struct registry_object *object)
{
    struct deletion deletion = read_deletion(object);
    return deletion.is_deleting && deletion.has_foreground;
}

/* A custom kind may have come since the dependent was seen. */
static const struct model_kind *find_kind_again(const struct garbage_controller *self,
                                                const struct dependent *dependent,
                                                const struct owner_ref *owner)
{
    ke_auto_json *json = registry_object_parse(dependent->object);
    const cJSON *ref;
    cJSON_ArrayForEach(ref, ke_json_path(json, "metadata.ownerReferences")) {
        if (ke_str_eq(ke_json_str(ref, "uid"), owner->uid))
            return ref_kind(self, ref);
    }
    return NULL;
}

static enum garbage_owner owner_state(const struct garbage_controller *self,
                                      const struct dependent *dependent, struct owner_ref *owner)
{
    if (owner->kind == NULL)
        owner->kind = find_kind_again(self, dependent, owner);
    /* A kind nobody serves here, or a namespaced owner of a cluster-wide object: not ours to judge.
     */
    if (owner->kind == NULL || owner->kind->is_computed || owner->kind->id == MODEL_EVENT ||
        (owner->kind->is_namespaced && dependent->object->ns.len == 0))
        return GARBAGE_OWNER_SOLID;
    const struct registry_object *object = watch_reflector_find(
        self->env->reflector, owner->kind,
        owner->kind->is_namespaced ? dependent->object->ns : KE_STR(""), owner->name);
    if (object == NULL || !ke_str_eq(object->uid, owner->uid))
        return GARBAGE_OWNER_ABSENT;
    return is_waiting(object) ? GARBAGE_OWNER_WAITING : GARBAGE_OWNER_SOLID;
}

/* ---- writes */

static void patch(struct work_item *item, const struct registry_object *object,
                  enum resource_patch how, struct ke_buf *body)
{
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = how,
                                        .kind = object->kind,
                                        .ns = object->ns,
                                        .name = object->name,
                                        .body = ensure_parse(body) };
    if (request.body != NULL)
        work_item_write(item, &request);
    else
        work_item_again(item, work_backoff_ns(1));
}

/* Takes references away: to one owner, or to all that are not solid (states given). */
static void cut(struct work_item *item, const struct registry_object *object,
                const struct dependent *dependent, const enum garbage_owner *states,
                struct ke_str only_uid)
{
    ke_auto_buf body = KE_BUF_INIT(JSON_MAX);
    bool is_first = true;
    ke_buf_addf(&body, "{\"metadata\":{\"uid\":\"%.*s\",\"ownerReferences\":[",
                KE_STR_ARG(object->uid));
    for (size_t i = 0; i < dependent->n_owners; i++) {
        const struct owner_ref *owner = &dependent->owners[i];
        bool is_cut =
            states != NULL ? states[i] != GARBAGE_OWNER_SOLID : ke_str_eq(owner->uid, only_uid);
        if (!is_cut)
            continue;
        ke_buf_addf(&body, "%s{\"$patch\":\"delete\",\"uid\":", is_first ? "" : ",");
        ke_buf_add_json_str(&body, owner->uid);
        ke_buf_add_char(&body, '}');
        is_first = false;
    }
    ke_buf_add_c(&body, "]}}");
    patch(item, object, RESOURCE_PATCH_STRATEGIC, &body);
}

/* Its owners need not wait for it any more. */
static void unblock(struct work_item *item, const struct registry_object *object,
                    const struct dependent *dependent)
{
    ke_auto_buf body = KE_BUF_INIT(JSON_MAX);
    ke_buf_addf(&body, "{\"metadata\":{\"uid\":\"%.*s\",\"ownerReferences\":[",
                KE_STR_ARG(object->uid));
    for (size_t i = 0; i < dependent->n_owners; i++) {
        ke_buf_add_c(&body, i == 0 ? "{\"uid\":" : ",{\"uid\":");
        ke_buf_add_json_str(&body, dependent->owners[i].uid);
        ke_buf_add_c(&body, ",\"blockOwnerDeletion\":false}");
    }
    ke_buf_add_c(&body, "]}}");
    patch(item, object, RESOURCE_PATCH_STRATEGIC, &body);
}

static void remove_finalizer(struct work_item *item, const struct registry_object *object,
                             const char *finalizer)
{
    ke_auto_json *json = registry_object_parse(object);
    ke_auto_buf body = KE_BUF_INIT(JSON_MAX);
    bool is_first = true;
    ke_buf_addf(&body, "{\"metadata\":{\"resourceVersion\":\"%" PRId64 "\",\"finalizers\":[",
                object->revision);
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(json, "metadata.finalizers")) {
        if (ke_str_eq_c(ke_json_value_str(it), finalizer))
            continue;
        if (!is_first)
            ke_buf_add_char(&body, ',');
        ke_buf_add_json_str(&body, ke_json_value_str(it));
        is_first = false;
    }
    ke_buf_add_c(&body, "]}}");
    if (json != NULL)
        patch(item, object, RESOURCE_PATCH_MERGE, &body);
    else
        work_item_again(item, work_backoff_ns(1));
}

static void delete_object(struct work_item *item, const struct registry_object *object,
                          enum resource_propagation propagation)
{
    char rv[24];
    struct ke_buf text = KE_BUF_FIXED(rv, sizeof(rv));
    ke_buf_add_i64(&text, object->revision);
    /* The revision too: somebody may just be giving it another owner. */
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = object->kind,
                                        .ns = object->ns,
                                        .name = object->name,
                                        .propagation = propagation,
                                        .grace_period_s = -1,
                                        .precondition_uid = object->uid,
                                        .precondition_rv = ke_buf_str(&text) };
    work_item_write(item, &request);
}

/* ---- as a dependent */

static bool has_waiting_dependent(const struct garbage_controller *self, struct ke_str uid,
                                  bool *out_has_any)
{
    const struct ke_list *found = NULL;
    *out_has_any = find_dependents(self, uid, &found);
    if (!*out_has_any)
        return false;
    KE_LIST_EACH(it, found) {
        const struct dependent *dependent = KE_CONTAINER_OF(it, struct label_entry, link)->owner;
        const struct registry_object *object = find_object(self, dependent->object->key);
        if (object != NULL && is_waiting(object))
            return true;
    }
    return false;
}

static void run_dependent(struct garbage_controller *self, struct work_item *item,
                          const struct registry_object *object, const struct deletion *deletion)
{
    struct dependent *dependent = ke_map_get(self->dependents, object->key);
    enum garbage_owner states[OWNERS_MAX];
    if (dependent == NULL || !ke_str_eq(dependent->object->uid, object->uid))
        return;
    for (size_t i = 0; i < dependent->n_owners; i++)
        states[i] = owner_state(self, dependent, &dependent->owners[i]);
    struct garbage_view view = { .owners = states,
                                 .n_owners = dependent->n_owners,
                                 .is_deleting = deletion->is_deleting,
                                 .has_foreground = deletion->has_foreground,
                                 .has_orphan = deletion->has_orphan };
    view.has_waiting_dependent = has_waiting_dependent(self, object->uid, &view.has_dependents);
    struct garbage_decision decision = garbage_decide(&view);
    if (decision.action == GARBAGE_CUT)
        cut(item, object, dependent, states, KE_STR(""));
    if (decision.action != GARBAGE_DELETE)
        return;
    bool is_blocking = false;
    for (size_t i = 0; i < dependent->n_owners; i++)
        is_blocking = is_blocking || dependent->owners[i].is_blocking;
    if (decision.is_unblocking && is_blocking) {
        unblock(item, object, dependent);
        work_item_again(item, LOOK_AGAIN_NS); /* delete what is then stored */
        return;
    }
    delete_object(item, object, decision.propagation);
}

/* ---- as an owner that is being deleted */

static void run_orphaning(struct garbage_controller *self, struct work_item *item,
                          const struct registry_object *object)
{
    const struct ke_list *found = NULL;
    if (!find_dependents(self, object->uid, &found)) {
        remove_finalizer(item, object, ORPHAN);
        return;
    }
    KE_LIST_EACH(it, found) {
        const struct dependent *dependent = KE_CONTAINER_OF(it, struct label_entry, link)->owner;
        const struct registry_object *its = find_object(self, dependent->object->key);
        if (its != NULL)
            cut(item, its, dependent, NULL, object->uid);
    }
    work_item_again(item, LOOK_AGAIN_NS);
}

static void run_foreground(struct garbage_controller *self, struct work_item *item,
                           const struct registry_object *object)
{
    const struct ke_list *found = NULL;
    size_t n_blocking = 0;
    if (find_dependents(self, object->uid, &found)) {
        KE_LIST_EACH(it, found) {
            struct label_entry *entry = KE_CONTAINER_OF(it, struct label_entry, link);
            const struct owner_ref *owner = KE_CONTAINER_OF(entry, struct owner_ref, by_uid);
            const struct dependent *dependent = entry->owner;
            n_blocking += owner->is_blocking ? 1 : 0;
            work_queue_add(self->queue, dependent->object->key);
        }
    }
    if (n_blocking == 0)
        remove_finalizer(item, object, FOREGROUND);
}

static void run(void *ctx, struct work_item *item)
{
    struct garbage_controller *self = ctx;
    const struct registry_object *object = find_object(self, work_item_key(item));
    if (object == NULL)
        return;
    struct deletion deletion = read_deletion(object);
    if (deletion.is_deleting && deletion.has_orphan)
        run_orphaning(self, item, object);
    else if (deletion.is_deleting && deletion.has_foreground)
        run_foreground(self, item, object);
    else
        run_dependent(self, item, object, &deletion);
}

/* ---- events */

/* Owners that wait for it look again. */
static void add_owners(struct garbage_controller *self, const struct dependent *dependent)
{
    for (size_t i = 0; i < dependent->n_owners; i++) {
        const struct owner_ref *owner = &dependent->owners[i];
        if (owner->kind == NULL)
            continue;
        ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
        model_kind_key(owner->kind, owner->kind->is_namespaced ? dependent->object->ns : KE_STR(""),
                       owner->name, &key);
        const struct registry_object *object =
            key.failed == KE_OK ? find_object(self, ke_buf_str(&key)) : NULL;
        if (object != NULL && read_deletion(object).is_deleting)
            work_queue_add(self->queue, object->key);
    }
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct garbage_controller *self = (struct garbage_controller *)controller;
    bool has_owners = contains(object->json, "\"ownerReferences\":[");
    bool is_deleting = contains(object->json, "\"deletionTimestamp\"");
    if (old != NULL && !ke_str_eq(old->uid, object->uid))
        add_dependents(self, old->uid); /* deleted and made again while nobody looked */
    struct dependent *was = ke_map_del(self->dependents, object->key);
    if (was != NULL && self->is_synced)
        add_owners(self, was);
    dependent_free(self, was);
    if (has_owners) {
        ke_auto_json *json = registry_object_parse(object);
        const cJSON *refs = ke_json_path(json, "metadata.ownerReferences");
        if (json == NULL || (refs != NULL && !remember(self, object, refs)))
            ke_log(KE_LOG_ERROR, "controller.owner_lost", KV_S("namespace", object->ns),
                   KV_S("name", object->name));
    }
    if (has_owners || is_deleting)
        work_queue_add(self->queue, object->key);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct garbage_controller *self = (struct garbage_controller *)controller;
    struct dependent *was = ke_map_del(self->dependents, object->key);
    if (was != NULL)
        add_owners(self, was);
    dependent_free(self, was);
    add_dependents(self, object->uid);
}

static void on_synced(struct controller *controller)
{
    struct garbage_controller *self = (struct garbage_controller *)controller;
    self->is_synced = true;
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct garbage_controller *self = (struct garbage_controller *)controller;
    size_t pos = 0;
    struct ke_str key;
    void *dependent;
    while (self->dependents != NULL && ke_map_next(self->dependents, &pos, &key, &dependent))
        dependent_free(self, dependent);
    ke_map_free(self->dependents);
    label_index_free(self->by_owner);
    work_queue_free(self->queue);
    free(self);
}

struct controller *garbage_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "garbage",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct garbage_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "garbage");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "garbage", run, self, err);
    self->dependents = ke_map_new();
    self->by_owner = label_index_new();
    if (self->queue == NULL || self->dependents == NULL || self->by_owner == NULL) {
        (void)ke_fail(err, KE_NOMEM, "garbage");
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
