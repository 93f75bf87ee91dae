/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the snapshot at the newest change of roles and bindings, and decides on it. Any thread; the
 * first that finds the snapshot behind compiles the next one.
 */
#include "core/auth/rbac.h"

#include <pthread.h>

#include "core/auth/follow.h"
#include "core/auth/rbac_compile.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/snap.h"

struct rbac {
    pthread_mutex_t lock; /* guards all but current */
    struct auth_follow *follow;
    struct ke_map *items;                    /* key to rbac_item, one reference each */
    atomic_bool is_stale;                    /* items were changed and not compiled yet */
    _Atomic(struct rbac_snapshot *) current; /* NULL: nothing was compiled yet */
};

/* ---- following */

static void on_reset(void *ctx)
{
    struct rbac *rbac = ctx;
    size_t pos = 0;
    struct ke_str key;
    void *item = NULL;
    atomic_store(&rbac->is_stale, true);
    while (ke_map_next(rbac->items, &pos, &key, &item)) {
        (void)ke_map_del(rbac->items, key);
        rbac_item_unref(item);
    }
}

static bool on_put(void *ctx, const struct registry_object *object)
{
    struct rbac *rbac = ctx;
    struct rbac_item *item = rbac_item_new(object);
    void *old = NULL;
    atomic_store(&rbac->is_stale, true);
    if (item == NULL)
        return false;
    if (!ke_map_set(rbac->items, item->key, item, &old)) {
        rbac_item_unref(item);
        return false;
    }
    rbac_item_unref(old);
    return true;
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    struct rbac *rbac = ctx;
    atomic_store(&rbac->is_stale, true);
    rbac_item_unref(ke_map_del(rbac->items, object->key));
}

static const struct auth_follow_handler handler = { .reset = on_reset,
                                                    .put = on_put,
                                                    .del = on_delete };

static enum ke_code compile(struct rbac *rbac, struct ke_err *err)
{
    size_t n = 0;
    size_t pos = 0;
    struct ke_str key;
    void *item = NULL;
    ke_auto_ptr struct rbac_item **items =
        ke_alloc_n(ke_map_count(rbac->items) + 1, sizeof(struct rbac_item *));
    if (items == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    while (ke_map_next(rbac->items, &pos, &key, &item))
        items[n++] = item;
    struct rbac_snapshot *made = rbac_snapshot_new(items, n);
    if (made == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    struct rbac_snapshot *old = atomic_load(&rbac->current);
    ke_snap_publish(&rbac->current, made);
    ke_snap_retire(old, rbac_snapshot_free);
    return KE_OK;
}

static bool catch_up(struct rbac *rbac)
{
    struct ke_err err = KE_ERR_INIT;
    if (!auth_follow_is_behind(rbac->follow) && !atomic_load(&rbac->is_stale))
        return true;
    (void)pthread_mutex_lock(&rbac->lock);
    enum ke_code rc = auth_follow_catch_up(rbac->follow, &err);
    if (rc == KE_OK && atomic_load(&rbac->is_stale)) {
        rc = compile(rbac, &err);
        atomic_store(&rbac->is_stale, rc != KE_OK);
    }
    (void)pthread_mutex_unlock(&rbac->lock);
    if (rc != KE_OK)
        ke_log(KE_LOG_ERROR, "rbac.not_current", KV_ERR(&err));
    return rc == KE_OK;
}

struct rbac *rbac_new(struct watch_hub *hub)
{
    const struct model_kind *kinds[] = { model_kind_by_id(MODEL_ROLE),
                                         model_kind_by_id(MODEL_ROLEBINDING),
                                         model_kind_by_id(MODEL_CLUSTERROLE),
                                         model_kind_by_id(MODEL_CLUSTERROLEBINDING) };
    struct rbac *rbac = ke_alloc(sizeof(*rbac));
    if (rbac == NULL)
        return NULL;
    (void)pthread_mutex_init(&rbac->lock, NULL);
    atomic_init(&rbac->current, NULL);
    atomic_init(&rbac->is_stale, false);
    rbac->items = ke_map_new();
    rbac->follow = auth_follow_new(hub, kinds, KE_ARRAY_LEN(kinds), &handler, rbac);
    if (rbac->items == NULL || rbac->follow == NULL) {
        rbac_free(rbac);
        return NULL;
    }
    return rbac;
}

void rbac_free(struct rbac *rbac)
{
    if (rbac == NULL)
        return;
    auth_follow_free(rbac->follow);
    if (rbac->items != NULL)
        on_reset(rbac);
    ke_map_free(rbac->items);
    rbac_snapshot_free(atomic_load(&rbac->current));
    (void)pthread_mutex_destroy(&rbac->lock);
    free(rbac);
}

/* ---- deciding */

/* The registry's writer asks too, and is no reader of snapshots otherwise. */
static bool begin(void)
{
    bool is_visitor = !ke_snap_thread_is_registered();
    if (is_visitor)
        ke_snap_thread_register();
    ke_snap_read_begin();
    return is_visitor;
}

static void end(bool is_visitor)
{
    ke_snap_read_end();
    if (is_visitor)
        ke_snap_thread_unregister();
}

/* name, groups; each cluster-wide and then in ns. Returns false at the end. */
static bool next_asker(const struct auth_user *user, struct ke_str ns, size_t *pos,
                       struct rbac_asker *out)
{
    size_t n_names = user->n_groups + 1;
    size_t i = *pos;
    if (i >= (ns.len > 0 ? 2 * n_names : n_names))
        return false;
    struct ke_str scope = i < n_names ? KE_STR("") : ns;
    size_t which = i % n_names;
    *out = which == 0 ? rbac_asker_of(RBAC_USER, user->name, scope)
                      : rbac_asker_of(RBAC_GROUP, user->groups[which - 1], scope);
    (*pos)++;
    return true;
}

static void print_subject(const struct rbac_subject *subject, struct ke_buf *out)
{
    static const char *const kinds[] = { "User", "Group", "ServiceAccount" };
    if (subject->kind == RBAC_ACCOUNT) {
        ke_buf_addf(out, "%s \"%.*s/%.*s\"", kinds[subject->kind], KE_STR_ARG(subject->account),
                    KE_STR_ARG(subject->ns));
    } else {
        ke_buf_addf(out, "%s \"%.*s\"", kinds[subject->kind], KE_STR_ARG(subject->name));
    }
}

static void print_allowed(const struct rbac_grant *grant, struct ke_buf *out)
{
    const struct rbac_item *binding = grant->binding;
    const char *role = binding->is_cluster_role ? "ClusterRole" : "Role";
    if (binding->kind == MODEL_CLUSTERROLEBINDING) {
        ke_buf_addf(out, "RBAC: allowed by ClusterRoleBinding \"%.*s\" of ",
                    KE_STR_ARG(binding->name));
    } else {
        ke_buf_addf(out, "RBAC: allowed by RoleBinding \"%.*s/%.*s\" of ",
                    KE_STR_ARG(binding->name), KE_STR_ARG(binding->ns));
    }
    ke_buf_addf(out, "%s \"%.*s\" to ", role, KE_STR_ARG(binding->role_name));
    print_subject(grant->subject, out);
}

static void print_problem(const struct rbac_item *binding, struct ke_buf *out)
{
    ke_buf_addf(out, "%s.rbac.authorization.k8s.io \"%.*s\" not found",
                binding->is_cluster_role ? "clusterrole" : "role", KE_STR_ARG(binding->role_name));
}

static const struct rbac_grant *find_grant(const struct rbac_snapshot *snapshot,
                                           const struct auth_attributes *asked)
{
    struct rbac_asker asker;
    size_t pos = 0;
    while (next_asker(asked->user, asked->ns, &pos, &asker)) {
        const struct rbac_grant *grant = NULL;
        while ((grant = rbac_snapshot_next(snapshot, &asker, grant)) != NULL) {
            const struct rbac_rules *rules = grant->role != NULL ? &grant->role->rules : NULL;
            for (size_t i = 0; rules != NULL && i < rules->n; i++) {
                if (rbac_rule_allows(&rules->items[i], asked))
                    return grant;
            }
        }
    }
    return NULL;
}

/* What the user's bindings refer to in vain, as utilerrors.Aggregate prints it. Returns how many.
 */
static size_t print_problems(const struct rbac_snapshot *snapshot, const struct auth_user *user,
                             struct ke_str ns, struct ke_buf *out)
{
    struct rbac_asker asker;
    ke_auto_buf list = KE_BUF_INIT(8192);
    size_t pos = 0;
    size_t n = 0;
    while (next_asker(user, ns, &pos, &asker)) {
        const struct rbac_grant *grant = NULL;
        while ((grant = rbac_snapshot_next(snapshot, &asker, grant)) != NULL) {
            if (grant->role != NULL)
                continue;
            ke_buf_add_c(&list, n++ > 0 ? ", " : "");
            print_problem(grant->binding, &list);
        }
    }
    if (n > 0)
        ke_buf_addf(out, n > 1 ? "[%.*s]" : "%.*s", KE_STR_ARG(ke_buf_str(&list)));
    return n;
}

bool rbac_authorize(void *ctx, const struct auth_attributes *asked, struct ke_buf *out_reason)
{
    struct rbac *rbac = ctx;
    if (!catch_up(rbac)) {
        /* What may have been taken back is not given. */
        if (out_reason != NULL)
            ke_buf_add_c(out_reason, "RBAC: the rules are not known");
        return false;
    }
    bool is_visitor = begin();
    const struct rbac_snapshot *snapshot = ke_snap_load(&rbac->current);
    const struct rbac_grant *grant = find_grant(snapshot, asked);
    if (grant != NULL && out_reason != NULL) {
        print_allowed(grant, out_reason);
    } else if (grant == NULL && out_reason != NULL) {
        ke_auto_buf problems = KE_BUF_INIT(16384);
        if (print_problems(snapshot, asked->user, asked->ns, &problems) > 0)
            ke_buf_addf(out_reason, "RBAC: %.*s", KE_STR_ARG(ke_buf_str(&problems)));
    }
    end(is_visitor);
    return grant != NULL;
}

/* ---- all rules of somebody */

struct collected {
    struct ke_arena *arena;
    struct rbac_rule *items;
    size_t n;
    const struct rbac_item **seen; /* bindings */
    size_t n_seen;
};

static bool copy_texts(struct rbac_texts *texts, struct ke_arena *arena)
{
    if (texts->n == 0)
        return true;
    struct ke_str *copies = ke_arena_alloc_n(arena, texts->n, sizeof(*copies));
    for (size_t i = 0; copies != NULL && i < texts->n; i++) {
        copies[i] = ke_arena_str(arena, texts->items[i]);
        if (copies[i].ptr == NULL)
            return false;
    }
    texts->items = copies;
    return copies != NULL;
}

static bool copy_rule(const struct rbac_rule *rule, struct collected *out)
{
    struct rbac_rule copy = *rule;
    bool is_ok = copy_texts(&copy.verbs, out->arena) && copy_texts(&copy.groups, out->arena) &&
                 copy_texts(&copy.resources, out->arena) && copy_texts(&copy.names, out->arena) &&
                 copy_texts(&copy.urls, out->arena);
    if (is_ok && out->items != NULL)
        out->items[out->n] = copy;
    out->n++;
    return is_ok;
}

static bool was_seen(struct collected *out, const struct rbac_item *binding)
{
    for (size_t i = 0; i < out->n_seen; i++) {
        if (out->seen[i] == binding)
            return true;
    }
    out->seen[out->n_seen++] = binding;
    return false;
}

/* out->items NULL: only counts. */
static bool collect(const struct rbac_snapshot *snapshot, const struct auth_user *user,
                    struct ke_str ns, struct collected *out)
{
    struct rbac_asker asker;
    size_t pos = 0;
    out->n = 0;
    out->n_seen = 0;
    while (next_asker(user, ns, &pos, &asker)) {
        const struct rbac_grant *grant = NULL;
        while ((grant = rbac_snapshot_next(snapshot, &asker, grant)) != NULL) {
            if (grant->role == NULL || was_seen(out, grant->binding))
                continue;
            for (size_t i = 0; i < grant->role->rules.n; i++) {
                if (out->items == NULL)
                    out->n++;
                else if (!copy_rule(&grant->role->rules.items[i], out))
                    return false;
            }
        }
    }
    return true;
}

static bool collect_all(const struct rbac_snapshot *snapshot, const struct auth_user *user,
                        struct ke_str ns, struct ke_arena *arena, struct rbac_rules *out)
{
    struct collected found = { .arena = arena };
    found.seen = ke_arena_alloc_n(arena, snapshot->n_grants + 1, sizeof(struct rbac_item *));
    if (found.seen == NULL)
        return false;
    (void)collect(snapshot, user, ns, &found);
    found.items = ke_arena_alloc_n(arena, found.n + 1, sizeof(*found.items));
    if (found.items == NULL || !collect(snapshot, user, ns, &found))
        return false;
    *out = (struct rbac_rules){ found.items, found.n };
    return true;
}

bool rbac_rules_of(struct rbac *rbac, const struct auth_user *user, struct ke_str ns,
                   struct ke_arena *arena, struct rbac_rules *out, struct ke_buf *out_problems)
{
    if (!catch_up(rbac))
        return false;
    bool is_visitor = begin();
    const struct rbac_snapshot *snapshot = ke_snap_load(&rbac->current);
    bool is_ok = collect_all(snapshot, user, ns, arena, out);
    if (is_ok && out_problems != NULL)
        (void)print_problems(snapshot, user, ns, out_problems);
    end(is_visitor);
    return is_ok;
}
