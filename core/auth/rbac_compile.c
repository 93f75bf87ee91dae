/* SPDX-License-Identifier: Apache-2.0 */
/* See rbac_compile.h. */
#include "core/auth/rbac_compile.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"

/* ---- items */

static bool is_binding(enum model_kind_id kind)
{
    return kind == MODEL_ROLEBINDING || kind == MODEL_CLUSTERROLEBINDING;
}

static bool read_subject(const struct rbac_item *item, const cJSON *json, struct rbac_subject *out)
{
    struct ke_str kind = ke_json_str(json, "kind");
    out->name = ke_arena_str(item->arena, ke_json_str(json, "name"));
    out->kind = ke_str_eq_c(kind, "Group") ? RBAC_GROUP : RBAC_USER;
    if (!ke_str_eq_c(kind, "ServiceAccount"))
        return out->name.ptr != NULL;
    struct ke_str ns = ke_json_str(json, "namespace");
    out->kind = RBAC_ACCOUNT;
    out->account = out->name;
    out->ns = ns.len > 0 ? ke_arena_str(item->arena, ns) : item->ns;
    out->name = ke_arena_fmt(item->arena, "system:serviceaccount:%.*s:%.*s", KE_STR_ARG(out->ns),
                             KE_STR_ARG(out->account));
    return out->account.ptr != NULL && out->ns.ptr != NULL && out->name.ptr != NULL;
}

static bool read_role_key(struct rbac_item *item, struct ke_str name)
{
    enum model_kind_id id = item->is_cluster_role ? MODEL_CLUSTERROLE : MODEL_ROLE;
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(model_kind_by_id(id), item->is_cluster_role ? KE_STR("") : item->ns, name, &key);
    item->role_name = ke_arena_str(item->arena, name);
    item->role_key = ke_arena_str(item->arena, ke_buf_str(&key));
    return key.failed != KE_NOMEM && item->role_name.ptr != NULL && item->role_key.ptr != NULL;
}

static bool read_binding(struct rbac_item *item, const cJSON *json)
{
    const cJSON *list = ke_json_get(json, "subjects");
    const cJSON *it = NULL;
    size_t n = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    struct rbac_subject *subjects = ke_arena_alloc_n(item->arena, n + 1, sizeof(*subjects));
    if (subjects == NULL)
        return false;
    cJSON_ArrayForEach(it, list) {
        if (!read_subject(item, it, &subjects[item->n_subjects++]))
            return false;
    }
    item->subjects = subjects;
    item->is_cluster_role = ke_str_eq_c(ke_json_path_str(json, "roleRef.kind"), "ClusterRole");
    return read_role_key(item, ke_json_path_str(json, "roleRef.name"));
}

static bool read_item(struct rbac_item *item, const struct registry_object *object,
                      const cJSON *json)
{
    item->kind = object->kind->id;
    item->key = ke_arena_str(item->arena, object->key);
    item->ns = ke_arena_str(item->arena, object->ns);
    item->name = ke_arena_str(item->arena, object->name);
    if (item->key.ptr == NULL || item->ns.ptr == NULL || item->name.ptr == NULL)
        return false;
    return is_binding(item->kind)
               ? read_binding(item, json)
               : rbac_rules_read(ke_json_get(json, "rules"), item->arena, &item->rules);
}

struct rbac_item *rbac_item_new(const struct registry_object *object)
{
    ke_auto_json *json = registry_object_parse(object);
    struct rbac_item *item = json != NULL ? ke_alloc(sizeof(*item)) : NULL;
    if (item == NULL)
        return NULL;
    atomic_init(&item->n_refs, 1);
    item->arena = ke_arena_new(32 * (size_t)LIMIT_OBJECT_BYTES);
    if (item->arena == NULL || !read_item(item, object, json)) {
        rbac_item_unref(item);
        return NULL;
    }
    return item;
}

void rbac_item_unref(struct rbac_item *item)
{
    if (item == NULL || atomic_fetch_sub(&item->n_refs, 1) != 1)
        return;
    ke_arena_free(item->arena);
    free(item);
}

/* ---- snapshots */

/* Accounts ask under their user name. */
struct rbac_asker rbac_asker_of(enum rbac_subject_kind kind, struct ke_str name, struct ke_str ns)
{
    uint64_t hash = ke_str_hash(name);
    if (kind == RBAC_GROUP)
        hash ^= 0x9e3779b97f4a7c15ULL;
    if (ns.len > 0)
        hash ^= ke_str_hash(ns) * 31;
    return (struct rbac_asker){ .kind = kind, .name = name, .ns = ns, .hash = hash };
}

static int compare_items(const void *a, const void *b)
{
    const struct rbac_item *const *left = a;
    const struct rbac_item *const *right = b;
    return ke_str_cmp((*left)->key, (*right)->key);
}

static const struct rbac_item *find_item(const struct rbac_snapshot *snapshot, struct ke_str key)
{
    size_t low = 0;
    size_t high = snapshot->n_items;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = ke_str_cmp(snapshot->items[mid]->key, key);
        if (order == 0)
            return snapshot->items[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static void add_grants(struct rbac_snapshot *snapshot, const struct rbac_item *binding)
{
    const struct rbac_item *role = find_item(snapshot, binding->role_key);
    for (size_t i = binding->n_subjects; i > 0; i--) {
        struct rbac_grant *grant = &snapshot->grants[snapshot->n_grants++];
        const struct rbac_subject *subject = &binding->subjects[i - 1];
        struct ke_str ns = binding->kind == MODEL_ROLEBINDING ? binding->ns : KE_STR("");
        grant->binding = binding;
        grant->role = role;
        grant->subject = subject;
        grant->hash = rbac_asker_of(subject->kind, subject->name, ns).hash;
        const struct rbac_grant **bucket = &snapshot->buckets[grant->hash & snapshot->mask];
        grant->next = *bucket;
        *bucket = grant;
    }
}

struct rbac_snapshot *rbac_snapshot_new(struct rbac_item *const *items, size_t n_items)
{
    size_t n_grants = 0;
    size_t n_buckets = 16;
    struct rbac_snapshot *snapshot = ke_alloc(sizeof(*snapshot));
    if (snapshot == NULL)
        return NULL;
    for (size_t i = 0; i < n_items; i++)
        n_grants += items[i]->n_subjects;
    while (n_buckets < 2 * n_grants)
        n_buckets *= 2;
    snapshot->mask = n_buckets - 1;
    snapshot->items = ke_alloc_n(n_items + 1, sizeof(struct rbac_item *));
    snapshot->grants = ke_alloc_n(n_grants + 1, sizeof(*snapshot->grants));
    snapshot->buckets = ke_alloc_n(n_buckets, sizeof(struct rbac_grant *));
    if (snapshot->items == NULL || snapshot->grants == NULL || snapshot->buckets == NULL) {
        rbac_snapshot_free(snapshot);
        return NULL;
    }
    for (size_t i = 0; i < n_items; i++) {
        (void)atomic_fetch_add(&items[i]->n_refs, 1);
        snapshot->items[snapshot->n_items++] = items[i];
    }
    qsort(snapshot->items, n_items, sizeof(struct rbac_item *), compare_items);
    /* Backwards: each is put in front, so that a walk goes forwards. */
    for (size_t i = n_items; i > 0; i--) {
        if (is_binding(snapshot->items[i - 1]->kind))
            add_grants(snapshot, snapshot->items[i - 1]);
    }
    return snapshot;
}

void rbac_snapshot_free(void *ptr)
{
    struct rbac_snapshot *snapshot = ptr;
    if (snapshot == NULL)
        return;
    for (size_t i = 0; snapshot->items != NULL && i < snapshot->n_items; i++)
        rbac_item_unref(snapshot->items[i]);
    free(snapshot->items);
    free(snapshot->grants);
    free(snapshot->buckets);
    free(snapshot);
}

static bool is_of(const struct rbac_grant *grant, const struct rbac_asker *asker)
{
    if (grant->hash != asker->hash || !ke_str_eq(grant->subject->name, asker->name) ||
        (grant->subject->kind == RBAC_GROUP) != (asker->kind == RBAC_GROUP))
        return false;
    bool is_cluster_wide = grant->binding->kind == MODEL_CLUSTERROLEBINDING;
    return is_cluster_wide ? asker->ns.len == 0
                           : asker->ns.len > 0 && ke_str_eq(grant->binding->ns, asker->ns);
}

const struct rbac_grant *rbac_snapshot_next(const struct rbac_snapshot *snapshot,
                                            const struct rbac_asker *asker,
                                            const struct rbac_grant *at)
{
    const struct rbac_grant *it =
        at == NULL ? snapshot->buckets[asker->hash & snapshot->mask] : at->next;
    while (it != NULL && !is_of(it, asker))
        it = it->next;
    return it;
}
