/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which fields two objects differ. A place that only one of them has is added or removed, and so
 * is all below it; a leaf that both have is modified when its value is another. Pure.
 */
#include "core/base/json.h"
#include "core/model/apply/tree.h"

/* Of one place: is it in a set itself, and what is below it. */
struct verdict {
    bool is_added, is_modified, is_removed;
    struct apply_changes below;
};

struct level {
    struct apply_builder added, modified, removed;
};

static struct verdict compare_value(struct apply_work *work, const struct model_shape *shape,
                                    const cJSON *a, const cJSON *b);

static void add_verdict(struct apply_work *work, struct level *level, struct apply_element element,
                        const struct verdict *verdict)
{
    apply_builder_add(work, &level->added, element, verdict->is_added, verdict->below.added);
    apply_builder_add(work, &level->modified, element, verdict->is_modified,
                      verdict->below.modified);
    apply_builder_add(work, &level->removed, element, verdict->is_removed, verdict->below.removed);
}

static void finish_level(struct apply_work *work, struct level *level, struct apply_changes *out)
{
    out->added = apply_builder_finish(work, &level->added);
    out->modified = apply_builder_finish(work, &level->modified);
    out->removed = apply_builder_finish(work, &level->removed);
}

/* ---- members ------------------------------------------------------------------------------- */

/* What Go prints as null we do not store; it is there all the same while its parent is. */
static const cJSON *or_null(const struct model_shape *shape, const cJSON *value, bool has_parent)
{
    static const cJSON NOTHING = { .type = cJSON_NULL };
    return value == NULL && has_parent && shape->is_null_when_absent ? &NOTHING : value;
}

static void compare_members(struct apply_work *work, const struct model_shape *shape,
                            const cJSON *a, const cJSON *b, struct apply_changes *out)
{
    struct level level = { .added = { .nodes = NULL } };
    struct apply_members before = apply_members_of(work, a);
    struct apply_members after = apply_members_of(work, b);
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, before.object) {
        struct apply_element element = { APPLY_FIELD, ke_str_c(it->string) };
        struct model_shape inner = model_shape_member(shape, element.text);
        const cJSON *other = apply_members_find(&after, it->string);
        other = or_null(&inner, other, after.object != NULL);
        struct verdict verdict = compare_value(work, &inner, it, other);
        add_verdict(work, &level, element, &verdict);
    }
    cJSON_ArrayForEach(it, after.object) {
        if (apply_members_find(&before, it->string) != NULL)
            continue;
        struct apply_element element = { APPLY_FIELD, ke_str_c(it->string) };
        struct model_shape inner = model_shape_member(shape, element.text);
        const cJSON *other = or_null(&inner, NULL, before.object != NULL);
        struct verdict verdict = compare_value(work, &inner, other, it);
        add_verdict(work, &level, element, &verdict);
    }
    finish_level(work, &level, out);
}

/* ---- items --------------------------------------------------------------------------------- */

/* The items of one element, in both lists, have the same values in the same order. */
static bool same_items(const struct apply_items *a, const struct apply_item *x,
                       const struct apply_items *b, const struct apply_item *y)
{
    if (x->n_same != y->n_same)
        return false;
    for (size_t n = 0; n < x->n_same; n++) {
        if (!ke_json_equal(a->sorted[x->rank + n]->value, b->sorted[y->rank + n]->value))
            return false;
    }
    return true;
}

/* An item that stands there twice is one leaf, not looked into; x or y may be NULL. */
static struct verdict compare_item(struct apply_work *work, const struct model_shape *shape,
                                   const struct apply_items *before, const struct apply_item *x,
                                   const struct apply_items *after, const struct apply_item *y)
{
    size_t n_before = x != NULL ? x->n_same : 0;
    size_t n_after = y != NULL ? y->n_same : 0;
    const cJSON *a = n_before == 1 ? x->value : NULL;
    const cJSON *b = n_after == 1 ? y->value : NULL;
    struct verdict verdict = { .is_added = false };
    if (n_before > 1 && n_after > 1) {
        verdict.is_modified = !same_items(before, x, after, y);
        return verdict;
    }
    if (a != NULL || b != NULL)
        verdict = compare_value(work, shape, a, b);
    verdict.is_removed = verdict.is_removed || n_before > 1;
    verdict.is_added = verdict.is_added || n_after > 1;
    return verdict;
}

static void compare_items(struct apply_work *work, const struct model_shape *shape, const cJSON *a,
                          const cJSON *b, struct apply_changes *out)
{
    struct level level = { .added = { .nodes = NULL } };
    struct model_shape inner = model_shape_element(shape);
    struct apply_items before = apply_items_of(work, shape, a);
    struct apply_items after = apply_items_of(work, shape, b);
    for (size_t i = 0; i < before.n; i++) {
        const struct apply_item *x = before.sorted[i];
        if (!x->is_first)
            continue;
        const struct apply_item *y = apply_items_find(&after, &x->element);
        struct verdict verdict = compare_item(work, &inner, &before, x, &after, y);
        add_verdict(work, &level, x->element, &verdict);
    }
    for (size_t i = 0; i < after.n; i++) {
        const struct apply_item *y = after.sorted[i];
        if (!y->is_first || apply_items_find(&before, &y->element) != NULL)
            continue;
        struct verdict verdict = compare_item(work, &inner, &before, NULL, &after, y);
        add_verdict(work, &level, y->element, &verdict);
    }
    finish_level(work, &level, out);
}

/* ---- values -------------------------------------------------------------------------------- */

static bool is_nothing(const cJSON *value)
{
    return value == NULL || cJSON_IsNull(value) ||
           ((cJSON_IsObject(value) || cJSON_IsArray(value)) && value->child == NULL);
}

static void compare_leaf(const cJSON *a, const cJSON *b, struct verdict *out)
{
    if (a == NULL)
        out->is_added = true;
    else if (b == NULL)
        out->is_removed = true;
    else if (!ke_json_equal(a, b))
        out->is_modified = true;
}

/* How both are walked; free form may be walked as an object on one side and be a leaf on the
 * other. */
static struct verdict compare_value(struct apply_work *work, const struct model_shape *shape,
                                    const cJSON *a, const cJSON *b)
{
    struct verdict verdict = { .is_added = false };
    enum apply_form form_a = apply_form_of(shape, a);
    enum apply_form form_b = apply_form_of(shape, b);
    enum apply_form form = a == NULL || (form_a == APPLY_LEAF && b != NULL) ? form_b : form_a;
    bool is_mixed = a != NULL && b != NULL && form_a != form_b;
    if (form != APPLY_LEAF && is_nothing(a) && is_nothing(b))
        form = APPLY_LEAF;
    if (form == APPLY_LEAF) {
        compare_leaf(a, b, &verdict);
        return verdict;
    }
    if (form == APPLY_MAP)
        compare_members(work, shape, a, b, &verdict.below);
    else
        compare_items(work, shape, a, b, &verdict.below);
    verdict.is_added = a == NULL;
    verdict.is_removed = b == NULL;
    if (is_mixed && !cJSON_IsNull(a) && !cJSON_IsNull(b))
        compare_leaf(a, b, &verdict);
    return verdict;
}

void apply_tree_compare(struct apply_work *work, const struct model_shape *shape, const cJSON *a,
                        const cJSON *b, struct apply_changes *out)
{
    *out = compare_value(work, shape, a, b).below;
}
