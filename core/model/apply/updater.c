/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a write makes of the managers of an object, and what an apply makes of the object. An object
 * is looked at in the version of each manager: what it owns is named in that version. Pure.
 * Source: KEP-555; structured-merge-diff (merge.Updater).
 */
#include "core/base/json.h"
#include "core/model/apply/managers_impl.h"

/* An object in one version. */
struct typed {
    struct ke_str version;
    struct model_shape shape;
    const cJSON *object; /* owned or made */
    cJSON *made;         /* NULL: borrowed */
};

static void typed_deinit(struct typed *typed)
{
    cJSON_Delete(typed->made);
    typed->made = NULL;
}

/* False: that version is not served (or out of memory: the work says so). */
static bool convert(struct apply_work *work, const struct apply_versions *versions,
                    const cJSON *object, struct ke_str from, struct ke_str to, struct typed *out)
{
    out->version = to;
    if (!versions->shape(versions->ctx, to, &out->shape))
        return false;
    out->object = object;
    if (ke_str_eq(from, to))
        return true;
    out->made = versions->convert(versions->ctx, object, from, to);
    out->object = out->made;
    if (out->made == NULL)
        work->has_failed = true;
    return out->made != NULL;
}

/* ---- scope --------------------------------------------------------------------------------- */

static bool is_one_of(struct ke_str name, const char *const names[4])
{
    for (size_t i = 0; i < 4 && names[i] != NULL; i++) {
        if (ke_str_eq_c(name, names[i]))
            return true;
    }
    return false;
}

static const struct apply_set *within_scope(struct apply_work *work,
                                            const struct apply_scope *scope,
                                            const struct apply_set *set)
{
    struct apply_builder out = { .nodes = NULL };
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        const struct apply_node *node = &set->nodes[i];
        bool is_in = scope->only[0] != NULL ? is_one_of(node->element.text, scope->only)
                                            : !is_one_of(node->element.text, scope->never);
        if (is_in)
            apply_builder_add(work, &out, node->element, node->is_member, node->below);
    }
    return apply_builder_finish(work, &out);
}

/* Members of metadata, and of the top, that the server alone decides. */
static bool is_servers(struct ke_str name)
{
    static const char *const NAMES[] = { "name",       "namespace",     "creationTimestamp",
                                         "selfLink",   "uid",           "clusterName",
                                         "generation", "managedFields", "resourceVersion" };
    for (size_t i = 0; i < KE_ARRAY_LEN(NAMES); i++) {
        if (ke_str_eq_c(name, NAMES[i]))
            return true;
    }
    return false;
}

static const struct apply_set *without_servers(struct apply_work *work, const struct apply_set *set)
{
    struct apply_builder out = { .nodes = NULL };
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        const struct apply_node *node = &set->nodes[i];
        struct apply_builder meta = { .nodes = NULL };
        bool is_type = ke_str_eq_c(node->element.text, "kind") ||
                       ke_str_eq_c(node->element.text, "apiVersion");
        if (!ke_str_eq_c(node->element.text, "metadata")) {
            apply_builder_add(work, &out, node->element, node->is_member && !is_type, node->below);
            continue;
        }
        for (size_t k = 0; node->below != NULL && k < node->below->n; k++) {
            const struct apply_node *inner = &node->below->nodes[k];
            apply_builder_add(work, &meta, inner->element,
                              inner->is_member && !is_servers(inner->element.text), inner->below);
        }
        apply_builder_add(work, &out, node->element, false, apply_builder_finish(work, &meta));
    }
    return apply_builder_finish(work, &out);
}

/* ---- schemas that change ------------------------------------------------------------------- */

/* Fields below what has become atomic count as the whole. */
static const struct apply_set *fit_schema(struct apply_work *work, const struct model_shape *shape,
                                          const struct apply_set *set)
{
    struct apply_builder out = { .nodes = NULL };
    bool is_changed = false;
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        const struct apply_node *node = &set->nodes[i];
        bool is_field = node->element.type == APPLY_FIELD;
        struct model_shape inner =
            is_field ? model_shape_member(shape, node->element.text) : model_shape_element(shape);
        bool is_one_value = node->below != NULL && inner.is_atomic;
        const struct apply_set *below = is_one_value ? NULL : fit_schema(work, &inner, node->below);
        is_changed = is_changed || is_one_value || below != node->below;
        apply_builder_add(work, &out, node->element, node->is_member || is_one_value, below);
    }
    return is_changed ? apply_builder_finish(work, &out) : set;
}

static void fit_schemas(struct apply_work *work, const struct apply_versions *versions,
                        struct apply_managers *managers)
{
    for (size_t i = 0; i < managers->n; i++) {
        struct apply_manager *manager = &managers->items[i];
        struct model_shape shape;
        bool is_served = versions->shape(versions->ctx, manager->api_version, &shape);
        manager->fields = is_served ? fit_schema(work, &shape, manager->fields) : NULL;
    }
    apply_managers_drop_empty(managers);
}

/* ---- what others lose ---------------------------------------------------------------------- */

struct write {
    struct apply_work *work;
    const struct apply_write *as;
    const cJSON *old, *object; /* of the version of the writer */
    struct apply_changes changes;
    /* the changes in the version that was asked for last */
    struct ke_str other_version;
    struct apply_changes other_changes;
};

static void restrict_changes(struct write *w, struct apply_changes *changes)
{
    changes->added = within_scope(w->work, w->as->scope, changes->added);
    changes->modified = within_scope(w->work, w->as->scope, changes->modified);
    changes->removed = within_scope(w->work, w->as->scope, changes->removed);
}

/* The sets made of a version borrow names from its objects: they are copied where they are kept. */
static const struct apply_set *keep(struct apply_work *work, const struct apply_set *set)
{
    struct apply_builder out = { .nodes = NULL };
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        struct apply_node node = set->nodes[i];
        node.element.text = ke_arena_str(work->arena, node.element.text);
        if (node.element.text.ptr == NULL)
            work->has_failed = true;
        apply_builder_add(work, &out, node.element, node.is_member, keep(work, node.below));
    }
    return apply_builder_finish(work, &out);
}

static const struct apply_changes *changes_in(struct write *w, struct ke_str version)
{
    if (ke_str_eq(version, w->as->manager.api_version))
        return &w->changes;
    if (w->other_version.len > 0 && ke_str_eq(version, w->other_version))
        return &w->other_changes;
    KE_CLEANUP(typed_deinit) struct typed before = { .made = NULL };
    KE_CLEANUP(typed_deinit) struct typed after = { .made = NULL };
    struct ke_str from = w->as->manager.api_version;
    if (!convert(w->work, w->as->versions, w->old, from, version, &before) ||
        !convert(w->work, w->as->versions, w->object, from, version, &after))
        return NULL;
    struct apply_changes changes = { .added = NULL };
    apply_tree_compare(w->work, &after.shape, before.object, after.object, &changes);
    restrict_changes(w, &changes);
    w->other_changes.added = keep(w->work, changes.added);
    w->other_changes.modified = keep(w->work, changes.modified);
    w->other_changes.removed = keep(w->work, changes.removed);
    w->other_version = version;
    return &w->other_changes;
}

static void add_conflict(struct apply_work *work, struct apply_conflicts *conflicts,
                         const struct apply_manager *manager, const struct apply_set *fields,
                         size_t max)
{
    if (conflicts->items == NULL)
        conflicts->items = ke_arena_alloc_n(work->arena, max, sizeof(*conflicts->items));
    if (conflicts->items == NULL) {
        work->has_failed = true;
        return;
    }
    conflicts->items[conflicts->n] = *manager;
    conflicts->items[conflicts->n].fields = fields;
    conflicts->n++;
    conflicts->n_fields += apply_set_count(fields);
}

static int compare_names(const void *a, const void *b)
{
    const struct apply_manager *x = a;
    const struct apply_manager *y = b;
    int order = ke_str_cmp(x->name, y->name);
    return order != 0 ? order : ke_str_cmp(x->operation, y->operation);
}

/* Takes from all others what the write changes or removes; conflicts are what is changed. */
static void take_from_others(struct write *w, struct apply_managers *managers,
                             struct apply_conflicts *conflicts)
{
    struct apply_work *work = w->work;
    for (size_t i = 0; i < managers->n; i++) {
        struct apply_manager *other = &managers->items[i];
        if (apply_manager_is_same(other, &w->as->manager))
            continue;
        const struct apply_changes *changes = changes_in(w, other->api_version);
        if (changes == NULL) {
            other->fields = NULL; /* of a version that is no more */
            continue;
        }
        const struct apply_set *taken = apply_set_intersection(
            work, other->fields, apply_set_union(work, changes->modified, changes->added));
        if (taken != NULL)
            add_conflict(work, conflicts, other, taken, managers->n);
        other->fields = apply_set_difference(work, other->fields, taken);
        other->fields = apply_set_difference(work, other->fields, changes->removed);
    }
    if (conflicts->n > 1)
        qsort(conflicts->items, conflicts->n, sizeof(*conflicts->items), compare_names);
}

static bool begin_write(struct write *w)
{
    struct model_shape shape;
    const struct apply_versions *versions = w->as->versions;
    if (!versions->shape(versions->ctx, w->as->manager.api_version, &shape))
        return false;
    apply_tree_compare(w->work, &shape, w->old, w->object, &w->changes);
    restrict_changes(w, &w->changes);
    return true;
}

/* ---- update -------------------------------------------------------------------------------- */

void apply_managers_update(struct apply_work *work, const struct apply_write *write,
                           const cJSON *old, const cJSON *object, struct apply_managers *managers)
{
    struct write w = { .work = work, .as = write, .old = old, .object = object };
    struct apply_conflicts taken = { .items = NULL };
    fit_schemas(work, write->versions, managers);
    if (!begin_write(&w))
        return;
    take_from_others(&w, managers, &taken);
    struct apply_manager *self = apply_managers_find(managers, &write->manager);
    const struct apply_set *mine = apply_set_union(work, w.changes.modified, w.changes.added);
    mine = without_servers(work, mine);
    if (self != NULL) {
        self->fields = apply_set_difference(work, self->fields, w.changes.removed);
        if (mine != NULL) {
            self->fields = apply_set_union(work, self->fields, mine);
            self->time = write->now;
        }
    } else if (mine != NULL) {
        struct apply_manager added = write->manager;
        added.fields = mine;
        added.time = write->now;
        (void)apply_managers_add(work, managers, &added);
    }
    apply_managers_drop_empty(managers);
}

/* ---- apply --------------------------------------------------------------------------------- */

/* What of merged is neither in pruned nor owned by anybody goes; the rest comes back to pruned. */
static bool add_back_owned(struct apply_work *work, const struct typed *merged,
                           const struct apply_set *owned, cJSON **pruned)
{
    const struct model_shape *shape = &merged->shape;
    const struct apply_set *all =
        apply_set_with_named(work, apply_tree_fields(work, shape, merged->object), shape);
    const struct apply_set *left =
        apply_set_with_named(work, apply_tree_fields(work, shape, *pruned), shape);
    owned = apply_set_with_named(work, owned, shape);
    const struct apply_set *gone =
        apply_set_difference(work, all, apply_set_union(work, left, owned));
    cJSON *again = cJSON_Duplicate(merged->object, true);
    if (again == NULL || work->has_failed) {
        cJSON_Delete(again);
        work->has_failed = true;
        return false;
    }
    /* The sets borrow names from what is freed next. */
    apply_tree_remove(work, shape, again, gone);
    cJSON_Delete(*pruned);
    *pruned = again;
    return true;
}

/* What all managers of a version own, the writer's new configuration included. */
static const struct apply_set *owned_in(struct apply_work *work,
                                        const struct apply_managers *managers,
                                        struct ke_str version)
{
    const struct apply_set *owned = NULL;
    for (size_t i = 0; i < managers->n; i++) {
        if (ke_str_eq(managers->items[i].api_version, version))
            owned = apply_set_union(work, owned, managers->items[i].fields);
    }
    return owned;
}

/* Is the version of managers[i] one that an earlier manager has, or this one? */
static bool is_done(const struct apply_managers *managers, size_t i, struct ke_str done)
{
    struct ke_str version = managers->items[i].api_version;
    bool is_seen = ke_str_eq(version, done);
    for (size_t k = 0; k < i && !is_seen; k++)
        is_seen = ke_str_eq(version, managers->items[k].api_version);
    return is_seen;
}

/* pruned and merged are of version at on entry, and pruned on return. */
static bool add_back_all_owned(struct apply_work *work, const struct apply_versions *versions,
                               const struct typed *merged, const struct apply_managers *managers,
                               cJSON **pruned)
{
    struct ke_str at = merged->version;
    if (!add_back_owned(work, merged, owned_in(work, managers, at), pruned))
        return false;
    for (size_t i = 0; i < managers->n; i++) {
        struct ke_str version = managers->items[i].api_version;
        KE_CLEANUP(typed_deinit) struct typed merged_there = { .made = NULL };
        KE_CLEANUP(typed_deinit) struct typed pruned_there = { .made = NULL };
        if (is_done(managers, i, at))
            continue;
        if (!convert(work, versions, merged->object, at, version, &merged_there) ||
            !convert(work, versions, *pruned, at, version, &pruned_there)) {
            if (work->has_failed)
                return false;
            continue;
        }
        if (!add_back_owned(work, &merged_there, owned_in(work, managers, version),
                            &pruned_there.made))
            return false;
        cJSON *back = versions->convert(versions->ctx, pruned_there.made, version, at);
        if (back == NULL) {
            work->has_failed = true;
            return false;
        }
        cJSON_Delete(*pruned);
        *pruned = back;
    }
    return true;
}

/* Only what the manager had applied before may go. */
static void keep_dangling(struct apply_work *work, const struct typed *merged,
                          const struct apply_set *last, cJSON **pruned)
{
    const struct model_shape *shape = &merged->shape;
    const struct apply_set *all =
        apply_set_with_named(work, apply_tree_fields(work, shape, merged->object), shape);
    const struct apply_set *left =
        apply_set_with_named(work, apply_tree_fields(work, shape, *pruned), shape);
    const struct apply_set *gone = apply_set_intersection(
        work, apply_set_difference(work, all, left), apply_set_with_named(work, last, shape));
    cJSON *again = cJSON_Duplicate(merged->object, true);
    if (again == NULL || work->has_failed) {
        cJSON_Delete(again);
        work->has_failed = true;
        return;
    }
    apply_tree_remove(work, shape, again, gone);
    cJSON_Delete(*pruned);
    *pruned = again;
}

/*
 * Takes out of *object (of the writer's version) what the manager applied last, applies no more,
 * and nobody else owns. last: its entry before this apply.
 */
static bool prune(struct apply_work *work, const struct apply_write *write,
                  const struct apply_manager *last, const struct apply_managers *managers,
                  cJSON **object)
{
    struct ke_str version = write->manager.api_version;
    KE_CLEANUP(typed_deinit) struct typed merged = { .made = NULL };
    if (last->fields == NULL)
        return true;
    if (!convert(work, write->versions, *object, version, last->api_version, &merged))
        return !work->has_failed;
    ke_auto_json *pruned = cJSON_Duplicate(merged.object, true);
    if (pruned == NULL)
        return false;
    apply_tree_remove(work, &merged.shape, pruned,
                      apply_set_with_named(work, last->fields, &merged.shape));
    if (!add_back_all_owned(work, write->versions, &merged, managers, &pruned))
        return false;
    keep_dangling(work, &merged, last->fields, &pruned);
    if (work->has_failed)
        return false;
    cJSON *back =
        ke_str_eq(version, last->api_version)
            ? KE_TAKE(pruned)
            : write->versions->convert(write->versions->ctx, pruned, last->api_version, version);
    if (back == NULL)
        return false;
    cJSON_Delete(*object);
    *object = back;
    return true;
}

/* The writer's entry: what config says, as far as it can be owned. Returns what it was before. */
static struct apply_manager own_config(struct apply_work *work, const struct apply_write *write,
                                       const struct model_shape *shape, const cJSON *config,
                                       struct apply_managers *managers)
{
    const struct apply_set *fields = apply_tree_fields(work, shape, config);
    fields = within_scope(work, write->scope, fields);
    struct apply_manager last = { .fields = NULL };
    struct apply_manager *self = apply_managers_find(managers, &write->manager);
    if (self != NULL)
        last = *self;
    else
        self = apply_managers_add(work, managers, &write->manager);
    if (self != NULL) {
        self->api_version = write->manager.api_version;
        self->fields = fields;
        self->time = write->now;
    }
    return last;
}

static void strip_servers(struct apply_work *work, const struct apply_write *write,
                          struct apply_managers *managers)
{
    struct apply_manager *self = apply_managers_find(managers, &write->manager);
    if (self != NULL)
        self->fields = without_servers(work, self->fields);
    apply_managers_drop_empty(managers);
}

bool apply_managers_apply(struct apply_work *work, const struct apply_write *write,
                          const cJSON *live, const cJSON *config, struct apply_managers *managers,
                          struct apply_outcome *out)
{
    struct model_shape shape;
    *out = (struct apply_outcome){ .object = NULL };
    if (!write->versions->shape(write->versions->ctx, write->manager.api_version, &shape))
        return false;
    fit_schemas(work, write->versions, managers);
    ke_auto_json *merged = apply_tree_merge(work, &shape, live, config);
    struct apply_manager last = own_config(work, write, &shape, config, managers);
    if (merged == NULL || work->has_failed || !prune(work, write, &last, managers, &merged))
        return false;
    struct write w = { .work = work, .as = write, .old = live, .object = merged };
    if (!begin_write(&w))
        return false;
    take_from_others(&w, managers, &out->conflicts);
    if (write->is_forced)
        out->conflicts.n = 0;
    apply_managers_drop_empty(managers);
    strip_servers(work, write, managers);
    apply_tree_drop_emptied(merged);
    if (work->has_failed)
        return false;
    if (out->conflicts.n == 0 && !ke_json_equal(live, merged))
        out->object = KE_TAKE(merged);
    return true;
}
