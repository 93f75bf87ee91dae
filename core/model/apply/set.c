/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of fields and what is done with them: each operation is one walk along two sorted lists of
 * nodes, level by level. Pure.
 */
#include "core/model/apply/set.h"

#include "core/base/limits.h"

/* ---- building ------------------------------------------------------------------------------ */

void apply_builder_add(struct apply_work *work, struct apply_builder *builder,
                       struct apply_element element, bool is_member, const struct apply_set *below)
{
    if (!is_member && below == NULL)
        return;
    if (builder->n == builder->cap) {
        size_t cap = builder->cap == 0 ? 4 : 2 * builder->cap;
        struct apply_node *grown = ke_arena_alloc_n(work->arena, cap, sizeof(*grown));
        if (grown == NULL) {
            work->has_failed = true;
            return;
        }
        if (builder->n > 0)
            memcpy(grown, builder->nodes, builder->n * sizeof(*grown));
        builder->nodes = grown;
        builder->cap = cap;
    }
    builder->nodes[builder->n] =
        (struct apply_node){ .element = element, .is_member = is_member, .below = below };
    builder->n++;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct apply_node *x = a;
    const struct apply_node *y = b;
    return apply_element_compare(&x->element, &y->element);
}

static bool is_sorted(const struct apply_builder *builder)
{
    for (size_t i = 1; i < builder->n; i++) {
        if (compare_nodes(&builder->nodes[i - 1], &builder->nodes[i]) >= 0)
            return false;
    }
    return true;
}

const struct apply_set *apply_builder_finish(struct apply_work *work, struct apply_builder *builder)
{
    if (builder->n == 0)
        return NULL;
    struct apply_set *set = ke_arena_alloc(work->arena, sizeof(*set));
    if (set == NULL) {
        work->has_failed = true;
        return NULL;
    }
    if (!is_sorted(builder))
        qsort(builder->nodes, builder->n, sizeof(*builder->nodes), compare_nodes);
    *set = (struct apply_set){ .n = builder->n, .nodes = builder->nodes };
    return set;
}

/* ---- two sets, side by side ---------------------------------------------------------------- */

struct pair {
    const struct apply_set *a, *b;
    size_t i, k;
};

/* The next element of either; x and y are its nodes, NULL where it is not. */
static bool next_pair(struct pair *pair, const struct apply_node **x, const struct apply_node **y)
{
    bool has_a = pair->a != NULL && pair->i < pair->a->n;
    bool has_b = pair->b != NULL && pair->k < pair->b->n;
    if (!has_a && !has_b)
        return false;
    const struct apply_node *a = has_a ? &pair->a->nodes[pair->i] : NULL;
    const struct apply_node *b = has_b ? &pair->b->nodes[pair->k] : NULL;
    int order = 0;
    if (a == NULL || b == NULL)
        order = a == NULL ? 1 : -1;
    else
        order = apply_element_compare(&a->element, &b->element);
    *x = order <= 0 ? a : NULL;
    *y = order >= 0 ? b : NULL;
    pair->i += order <= 0 ? 1 : 0;
    pair->k += order >= 0 ? 1 : 0;
    return true;
}

const struct apply_set *apply_set_union(struct apply_work *work, const struct apply_set *a,
                                        const struct apply_set *b)
{
    if (a == NULL || b == NULL || a == b)
        return a != NULL ? a : b;
    struct apply_builder out = { .nodes = NULL };
    struct pair pair = { .a = a, .b = b };
    const struct apply_node *x = NULL;
    const struct apply_node *y = NULL;
    while (next_pair(&pair, &x, &y)) {
        const struct apply_node *one = x != NULL ? x : y;
        bool is_both = x != NULL && y != NULL;
        apply_builder_add(work, &out, one->element, one->is_member || (is_both && y->is_member),
                          is_both ? apply_set_union(work, x->below, y->below) : one->below);
    }
    return apply_builder_finish(work, &out);
}

const struct apply_set *apply_set_intersection(struct apply_work *work, const struct apply_set *a,
                                               const struct apply_set *b)
{
    if (a == NULL || b == NULL || a == b)
        return a == b ? a : NULL;
    struct apply_builder out = { .nodes = NULL };
    struct pair pair = { .a = a, .b = b };
    const struct apply_node *x = NULL;
    const struct apply_node *y = NULL;
    while (next_pair(&pair, &x, &y)) {
        if (x != NULL && y != NULL)
            apply_builder_add(work, &out, x->element, x->is_member && y->is_member,
                              apply_set_intersection(work, x->below, y->below));
    }
    return apply_builder_finish(work, &out);
}

const struct apply_set *apply_set_difference(struct apply_work *work, const struct apply_set *a,
                                             const struct apply_set *b)
{
    if (a == NULL || b == NULL)
        return a;
    struct apply_builder out = { .nodes = NULL };
    struct pair pair = { .a = a, .b = b };
    const struct apply_node *x = NULL;
    const struct apply_node *y = NULL;
    while (next_pair(&pair, &x, &y)) {
        if (x == NULL)
            continue;
        if (y == NULL)
            apply_builder_add(work, &out, x->element, x->is_member, x->below);
        else
            apply_builder_add(work, &out, x->element, x->is_member && !y->is_member,
                              apply_set_difference(work, x->below, y->below));
    }
    return apply_builder_finish(work, &out);
}

/* ---- one set ------------------------------------------------------------------------------- */

const struct apply_set *apply_set_with_named(struct apply_work *work, const struct apply_set *set,
                                             const struct model_shape *shape)
{
    if (set == NULL)
        return NULL;
    struct apply_builder out = { .nodes = NULL };
    for (size_t i = 0; i < set->n; i++) {
        const struct apply_node *node = &set->nodes[i];
        bool is_field = node->element.type == APPLY_FIELD;
        bool is_named = is_field && model_shape_names(shape, node->element.text);
        struct model_shape inner =
            is_field ? model_shape_member(shape, node->element.text) : model_shape_element(shape);
        apply_builder_add(work, &out, node->element, node->is_member || is_named,
                          apply_set_with_named(work, node->below, &inner));
    }
    return apply_builder_finish(work, &out);
}

bool apply_set_equal(const struct apply_set *a, const struct apply_set *b)
{
    if (a == NULL || b == NULL || a == b)
        return a == b;
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct apply_node *x = &a->nodes[i];
        const struct apply_node *y = &b->nodes[i];
        if (x->is_member != y->is_member || compare_nodes(x, y) != 0 ||
            !apply_set_equal(x->below, y->below))
            return false;
    }
    return true;
}

const struct apply_node *apply_set_find(const struct apply_set *set,
                                        const struct apply_element *element)
{
    size_t low = 0;
    size_t high = set != NULL ? set->n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = apply_element_compare(&set->nodes[middle].element, element);
        if (order == 0)
            return &set->nodes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t apply_set_count(const struct apply_set *set)
{
    size_t n = 0;
    for (size_t i = 0; set != NULL && i < set->n; i++)
        n += (set->nodes[i].is_member ? 1U : 0U) + apply_set_count(set->nodes[i].below);
    return n;
}

struct visitor {
    struct ke_buf path;
    apply_visit_fn *visit;
    void *ctx;
};

static void visit_level(struct visitor *visitor, const struct apply_set *set)
{
    size_t len = visitor->path.len;
    for (size_t i = 0; i < set->n; i++) {
        if (!set->nodes[i].is_member)
            continue;
        apply_element_print(&set->nodes[i].element, &visitor->path);
        visitor->visit(visitor->ctx, ke_buf_str(&visitor->path));
        visitor->path.len = len;
    }
    for (size_t i = 0; i < set->n; i++) {
        if (set->nodes[i].below == NULL)
            continue;
        apply_element_print(&set->nodes[i].element, &visitor->path);
        visit_level(visitor, set->nodes[i].below);
        visitor->path.len = len;
    }
}

void apply_set_visit(const struct apply_set *set, apply_visit_fn *visit, void *ctx)
{
    if (set == NULL)
        return;
    struct visitor visitor = { .path = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES),
                               .visit = visit,
                               .ctx = ctx };
    visit_level(&visitor, set);
    ke_buf_free(&visitor.path);
}
