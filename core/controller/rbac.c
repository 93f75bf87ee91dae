/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default roles and bindings, put right once at start; and ClusterRoles that are sums of
 * others, kept at the sum. Controllers thread. Source: pkg/registry/rbac/rest bootstrap hook;
 * pkg/controller/clusterroleaggregation.
 */
#include "core/auth/default_roles.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/controller/controller.h"
#include "core/model/selector.h"

#define MAX_DEFAULTS 128

struct rbac_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *defaults; /* keys: positions in the list */
    struct work_queue *sums;     /* keys: names of ClusterRoles */
    bool is_there[MAX_DEFAULTS]; /* was seen once */
    size_t n_missing;
};

/* ---- defaults */

static const struct default_role *find_default(struct ke_str key)
{
    const struct default_role *it = NULL;
    uint64_t i = 0;
    if (ke_str_to_u64(key, UINT32_MAX, &i))
        it = default_roles_at((size_t)i);
    return it;
}

static const struct registry_object *now_of(const struct rbac_controller *self,
                                            const struct default_role *it)
{
    return watch_reflector_get(self->env->reflector, it->kind, ke_str_c(it->ns),
                               ke_str_c(it->name));
}

/* roleRef cannot change: the binding goes, and the run after that makes it anew. */
static void remove_binding(struct work_item *item, const struct registry_object *now)
{
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = now->kind,
                                        .ns = now->ns,
                                        .name = now->name,
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
    work_item_again(item, work_backoff_ns(1));
}

static void run_default(void *ctx, struct work_item *item)
{
    struct rbac_controller *self = ctx;
    const struct default_role *it = find_default(work_item_key(item));
    if (it == NULL)
        return;
    const struct registry_object *now = now_of(self, it);
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(it->kind),
                                        .ns = ke_str_c(it->ns) };
    ke_auto_json *body = default_roles_body(it);
    ke_auto_json *patch = NULL;
    bool is_other_role = false;
    if (now != NULL) {
        ke_auto_json *json = registry_object_parse(now);
        if (json == NULL || body == NULL ||
            !default_roles_patch(json, body, &patch, &is_other_role)) {
            work_item_again(item, work_backoff_ns(1));
            return;
        }
        if (is_other_role) {
            remove_binding(item, now);
            return;
        }
        if (patch == NULL)
            return;
        request.verb = RESOURCE_PATCH;
        request.patch = RESOURCE_PATCH_MERGE;
        request.name = ke_str_c(it->name);
        request.body = KE_TAKE(patch);
        work_item_write(item, &request);
        return;
    }
    if (body == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    request.body = KE_TAKE(body);
    work_item_write(item, &request);
}

/* ---- sums */

static bool has_rule(const cJSON *rules, const cJSON *rule)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, rules) {
        if (ke_json_equal(it, rule))
            return true;
    }
    return false;
}

static bool add_rules(cJSON *sum, const struct registry_object *object)
{
    ke_auto_json *json = registry_object_parse(object);
    const cJSON *rule = NULL;
    cJSON_ArrayForEach(rule, ke_json_get(json, "rules")) {
        if (has_rule(sum, rule))
            continue;
        cJSON *copy = cJSON_Duplicate(rule, true);
        if (!cJSON_AddItemToArray(sum, copy)) {
            cJSON_Delete(copy);
            return false;
        }
    }
    return json != NULL;
}

static int compare_names(const void *a, const void *b)
{
    const struct registry_object *const *left = a;
    const struct registry_object *const *right = b;
    return ke_str_cmp((*left)->name, (*right)->name);
}

/* The ClusterRoles that one selector means, by name; its own name is left out. */
static bool add_selected(const struct rbac_controller *self, const struct registry_object *own,
                         const cJSON *selector_json, cJSON *sum)
{
    KE_AUTO(model_selector) *selector = NULL;
    struct ke_err err = KE_ERR_INIT;
    const struct registry_object *it = NULL;
    size_t pos = 0;
    size_t n = 0;
    size_t cap = 0;
    ke_auto_ptr void *memory = NULL;
    if (model_selector_from_label_selector(selector_json, &selector, &err) != KE_OK)
        return err.code != KE_NOMEM;
    while ((it = watch_reflector_next(self->env->reflector, MODEL_CLUSTERROLE, &pos)) != NULL) {
        if (it == own || !model_selector_matches(selector, it->labels, it->n_labels))
            continue;
        if (!ke_grow(&memory, &cap, n + 1, sizeof(it)))
            return false;
        ((const struct registry_object **)memory)[n++] = it;
    }
    const struct registry_object **found = memory;
    if (n > 0)
        qsort(found, n, sizeof(found[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        if (!add_rules(sum, found[i]))
            return false;
    }
    return true;
}

static cJSON *make_sum(const struct rbac_controller *self, const struct registry_object *own,
                       const cJSON *selectors)
{
    ke_auto_json *sum = cJSON_CreateArray();
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, selectors) {
        if (sum == NULL || !add_selected(self, own, it, sum))
            return NULL;
    }
    return KE_TAKE(sum);
}

static void write_sum(struct work_item *item, const struct registry_object *own, cJSON *given)
{
    ke_auto_json *sum = given;
    ke_auto_json *body = cJSON_CreateObject();
    if (body == NULL || !ke_json_set(body, "rules", KE_TAKE(sum))) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = own->kind,
                                        .name = own->name,
                                        .body = KE_TAKE(body) };
    work_item_write(item, &request);
}

static void run_sum(void *ctx, struct work_item *item)
{
    struct rbac_controller *self = ctx;
    const struct registry_object *own = watch_reflector_get(self->env->reflector, MODEL_CLUSTERROLE,
                                                            KE_STR(""), work_item_key(item));
    ke_auto_json *json = own != NULL ? registry_object_parse(own) : NULL;
    const cJSON *selectors = ke_json_path(json, "aggregationRule.clusterRoleSelectors");
    if (own == NULL || (json != NULL && selectors == NULL))
        return;
    ke_auto_json *sum = json != NULL ? make_sum(self, own, selectors) : NULL;
    const cJSON *now = ke_json_get(json, "rules");
    if (sum == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    bool is_empty = sum->child == NULL && (now == NULL || now->child == NULL);
    if (!is_empty && !ke_json_equal(sum, now))
        write_sum(item, own, KE_TAKE(sum));
}

/* ---- events */

/* Any ClusterRole may be part of any sum: there are few sums, and few changes. */
static void look(struct rbac_controller *self, const struct registry_object *object)
{
    const struct registry_object *it = NULL;
    size_t pos = 0;
    /* While a new cluster's parts come one by one, they are added up once. */
    int64_t delay_ns = self->n_missing > 0 ? 20 * KE_MS : 0;
    if (object->kind->id != MODEL_CLUSTERROLE)
        return;
    while ((it = watch_reflector_next(self->env->reflector, MODEL_CLUSTERROLE, &pos)) != NULL) {
        if (memmem(it->json.ptr, it->json.len, "\"aggregationRule\"", 17) != NULL)
            work_queue_add_after(self->sums, it->name, delay_ns);
    }
}

static void tick_off(struct rbac_controller *self, const struct registry_object *object)
{
    const struct default_role *it = NULL;
    for (size_t i = 0; self->n_missing > 0 && (it = default_roles_at(i)) != NULL; i++) {
        if (it->kind != object->kind->id || self->is_there[i] ||
            !ke_str_eq_c(object->name, it->name) || !ke_str_eq_c(object->ns, it->ns))
            continue;
        self->is_there[i] = true;
        self->n_missing--;
    }
    if (self->n_missing == 0)
        atomic_store(&self->env->are_roles_there, true);
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct rbac_controller *self = (struct rbac_controller *)controller;
    if (old == NULL && self->n_missing > 0)
        tick_off(self, object);
    look(self, object);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    look((struct rbac_controller *)controller, object);
}

static void on_synced(struct controller *controller)
{
    struct rbac_controller *self = (struct rbac_controller *)controller;
    for (size_t i = 0; default_roles_at(i) != NULL; i++) {
        char text[24];
        struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
        ke_buf_add_u64(&key, i);
        work_queue_add(self->defaults, ke_buf_str(&key));
    }
    work_queue_open(self->defaults);
    work_queue_open(self->sums);
}

static void self_free(struct controller *controller)
{
    struct rbac_controller *self = (struct rbac_controller *)controller;
    work_queue_free(self->defaults);
    work_queue_free(self->sums);
    free(self);
}

struct controller *rbac_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "rbac",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct rbac_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "rbac controller");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    while (default_roles_at(self->n_missing) != NULL)
        self->n_missing++;
    KE_ASSERT(self->n_missing <= MAX_DEFAULTS);
    self->defaults = work_queue_new(env->pool, "rbac.defaults", run_default, self, err);
    if (self->defaults != NULL)
        self->sums = work_queue_new(env->pool, "rbac.sums", run_sum, self, err);
    if (self->sums == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
