/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An applied configuration merged into a live object: leaves of the configuration win, objects and
 * maps are merged by name, list sets and maps by item. Pure.
 */
#include "core/base/json.h"
#include "core/model/apply/tree.h"

static cJSON *merge_value(struct apply_work *work, const struct model_shape *shape,
                          const cJSON *live, const cJSON *config);

static cJSON *fail(struct apply_work *work, cJSON *half)
{
    cJSON_Delete(half);
    work->has_failed = true;
    return NULL;
}

/* Keeps the name that value has, or none in a list. */
static bool append(cJSON *parent, cJSON *value)
{
    return value != NULL && cJSON_AddItemToArray(parent, value) != 0;
}

static cJSON *copy(struct apply_work *work, const cJSON *value)
{
    cJSON *made = cJSON_Duplicate(value, true);
    return made != NULL ? made : fail(work, NULL);
}

/* ---- members ------------------------------------------------------------------------------- */

static bool add_member(struct apply_work *work, cJSON *out, const char *name, cJSON *value)
{
    if (value == NULL)
        return false;
    KE_ASSERT(name != NULL);
    if (value->string == NULL || strcmp(value->string, name) != 0) {
        char *copied = cJSON_malloc(strlen(name) + 1);
        if (copied == NULL) {
            (void)fail(work, value);
            return false;
        }
        memcpy(copied, name, strlen(name) + 1);
        if ((value->type & cJSON_StringIsConst) == 0)
            cJSON_free(value->string);
        value->type &= ~cJSON_StringIsConst;
        value->string = copied;
    }
    return append(out, value);
}

static cJSON *merge_members(struct apply_work *work, const struct model_shape *shape,
                            const cJSON *live, const cJSON *config)
{
    cJSON *out = cJSON_CreateObject();
    struct apply_members ours = apply_members_of(work, live);
    struct apply_members theirs = apply_members_of(work, config);
    if (out == NULL)
        return fail(work, out);
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, ours.object) {
        struct model_shape inner = model_shape_member(shape, ke_str_c(it->string));
        const cJSON *other = apply_members_find(&theirs, it->string);
        if (!add_member(work, out, it->string, merge_value(work, &inner, it, other)))
            return fail(work, out);
    }
    cJSON_ArrayForEach(it, theirs.object) {
        if (apply_members_find(&ours, it->string) != NULL)
            continue;
        struct model_shape inner = model_shape_member(shape, ke_str_c(it->string));
        if (!add_member(work, out, it->string, merge_value(work, &inner, NULL, it)))
            return fail(work, out);
    }
    return out;
}

/* ---- items --------------------------------------------------------------------------------- */

/*
 * Items of the configuration stand in its order; items that only the live list has keep their
 * place between those that both have.
 */
struct lists {
    struct apply_work *work;
    struct model_shape item;
    struct apply_items live, config;
    size_t i, k; /* next of live, of config */
    cJSON *out;
};

/* Live items that stand there twice are not merged with what is applied: it replaces them. */
static bool put_config(struct lists *l, const struct apply_item *wanted)
{
    const struct apply_item *there = apply_items_find(&l->live, &wanted->element);
    const cJSON *before = there != NULL && there->n_same == 1 ? there->value : NULL;
    return append(l->out, merge_value(l->work, &l->item, before, wanted->value));
}

/* The next item of the configuration that is live too; NULL: none is left. */
static const struct apply_item *next_shared(const struct lists *l)
{
    for (size_t k = l->k; k < l->config.n; k++) {
        if (apply_items_find(&l->live, &l->config.items[k].element) != NULL)
            return &l->config.items[k];
    }
    return NULL;
}

/* Live items up to the next shared one that are not in the configuration. */
static bool put_live_only(struct lists *l, const struct apply_item *shared)
{
    while (l->i < l->live.n) {
        const struct apply_item *item = &l->live.items[l->i];
        const struct apply_item *same = apply_items_find(&l->config, &item->element);
        if (same != NULL && same == shared)
            return true;
        l->i++;
        if (same != NULL)
            continue; /* put where the configuration has it */
        if (!append(l->out, copy(l->work, item->value)))
            return false;
    }
    return true;
}

static bool merge_lists(struct lists *l)
{
    const struct apply_item *shared = next_shared(l);
    while (l->k < l->config.n) {
        if (!put_live_only(l, shared))
            return false;
        while (l->k < l->config.n) {
            const struct apply_item *wanted = &l->config.items[l->k];
            l->k++;
            if (!put_config(l, wanted))
                return false;
            if (wanted == shared)
                break;
        }
        shared = next_shared(l);
    }
    return put_live_only(l, NULL);
}

static cJSON *merge_items(struct apply_work *work, const struct model_shape *shape,
                          const cJSON *live, const cJSON *config)
{
    struct lists l = { .work = work, .item = model_shape_element(shape) };
    l.live = apply_items_of(work, shape, live);
    l.config = apply_items_of(work, shape, config);
    l.out = cJSON_CreateArray();
    if (l.out == NULL || work->has_failed || !merge_lists(&l))
        return fail(work, l.out);
    return l.out;
}

/* ---- values -------------------------------------------------------------------------------- */

static bool is_empty(const cJSON *value)
{
    return value == NULL || value->child == NULL;
}

static cJSON *merge_value(struct apply_work *work, const struct model_shape *shape,
                          const cJSON *live, const cJSON *config)
{
    if (config == NULL)
        return copy(work, live);
    enum apply_form form = apply_form_of(shape, config);
    /* Null takes nothing away from what is merged by name or item. */
    if (cJSON_IsNull(config) && live != NULL)
        form = apply_form_of(shape, live);
    if (form == APPLY_LEAF || (is_empty(live) && is_empty(config)))
        return copy(work, config);
    return form == APPLY_MAP ? merge_members(work, shape, live, config)
                             : merge_items(work, shape, live, config);
}

cJSON *apply_tree_merge(struct apply_work *work, const struct model_shape *shape, const cJSON *live,
                        const cJSON *config)
{
    cJSON *out = merge_value(work, shape, live, config);
    return out != NULL && !work->has_failed ? out : fail(work, out);
}
