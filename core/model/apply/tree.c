/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walks over objects share (how a value is walked, members and items found without
 * quadratic work), the fields of an object, and taking fields out. Pure.
 */
#include "core/model/apply/tree.h"

#include "core/base/json.h"

enum { SEARCH_MEMBERS_ABOVE = 16 };

enum apply_form apply_form_of(const struct model_shape *shape, const cJSON *value)
{
    switch (shape->kind) {
    case MODEL_SHAPE_OBJECT:
        return shape->is_atomic ? APPLY_LEAF : APPLY_MAP;
    case MODEL_SHAPE_LIST:
        return shape->is_atomic ? APPLY_LEAF : APPLY_LIST;
    case MODEL_SHAPE_DEDUCED:
        return cJSON_IsObject(value) && !shape->is_atomic ? APPLY_MAP : APPLY_LEAF;
    case MODEL_SHAPE_SCALAR:
    case MODEL_SHAPE_UNDECLARED:
        break;
    }
    return APPLY_LEAF;
}

/* ---- members ------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const cJSON *const *x = a;
    const cJSON *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

struct apply_members apply_members_of(struct apply_work *work, const cJSON *object)
{
    struct apply_members members = { .object = cJSON_IsObject(object) ? object : NULL };
    if (members.object == NULL)
        return members;
    for (const cJSON *it = object->child; it != NULL; it = it->next)
        members.n++;
    if (members.n <= SEARCH_MEMBERS_ABOVE)
        return members;
    members.sorted = ke_arena_alloc_n(work->arena, members.n, sizeof(cJSON *));
    if (members.sorted == NULL) {
        work->has_failed = true;
        return members;
    }
    size_t i = 0;
    for (const cJSON *it = object->child; it != NULL; it = it->next)
        members.sorted[i++] = it;
    qsort(members.sorted, i, sizeof(cJSON *), compare_names);
    return members;
}

const cJSON *apply_members_find(const struct apply_members *members, const char *name)
{
    if (members->sorted == NULL)
        return ke_json_get(members->object, name);
    size_t low = 0;
    size_t high = members->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(members->sorted[middle]->string, name);
        if (order == 0)
            return members->sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- items --------------------------------------------------------------------------------- */

static int compare_items(const void *a, const void *b)
{
    const struct apply_item *const *x = a;
    const struct apply_item *const *y = b;
    int order = apply_element_compare(&(*x)->element, &(*y)->element);
    if (order != 0)
        return order;
    return ((*x)->place > (*y)->place) - ((*x)->place < (*y)->place);
}

static void count_same(struct apply_items *items)
{
    for (size_t i = 0; i < items->n;) {
        size_t end = i + 1;
        while (end < items->n &&
               apply_element_compare(&items->sorted[i]->element, &items->sorted[end]->element) == 0)
            end++;
        for (size_t k = i; k < end; k++) {
            items->sorted[k]->n_same = end - i;
            items->sorted[k]->rank = k;
            items->sorted[k]->is_first = k == i;
        }
        i = end;
    }
}

struct apply_items apply_items_of(struct apply_work *work, const struct model_shape *list,
                                  const cJSON *array)
{
    struct apply_items items = { .items = NULL };
    int size = cJSON_IsArray(array) ? cJSON_GetArraySize(array) : 0;
    if (size <= 0)
        return items;
    items.items = ke_arena_alloc_n(work->arena, (size_t)size, sizeof(*items.items));
    items.sorted = ke_arena_alloc_n(work->arena, (size_t)size, sizeof(struct apply_item *));
    if (items.items == NULL || items.sorted == NULL) {
        work->has_failed = true;
        return items;
    }
    for (const cJSON *it = array->child; it != NULL; it = it->next) {
        struct apply_item *item = &items.items[items.n];
        struct ke_str why = { NULL, 0 };
        if (!apply_element_of_item(work, list, it, &item->element, &why))
            continue;
        item->value = it;
        item->place = items.n;
        items.sorted[items.n] = item;
        items.n++;
    }
    qsort(items.sorted, items.n, sizeof(struct apply_item *), compare_items);
    count_same(&items);
    return items;
}

const struct apply_item *apply_items_find(const struct apply_items *items,
                                          const struct apply_element *element)
{
    size_t low = 0;
    size_t high = items->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (apply_element_compare(&items->sorted[middle]->element, element) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == items->n || apply_element_compare(&items->sorted[low]->element, element) != 0)
        return NULL;
    return items->sorted[low];
}

/* ---- fields -------------------------------------------------------------------------------- */

/* What lies below a value, and whether the place itself is a field of its own accord. */
static const struct apply_set *fields_below(struct apply_work *work,
                                            const struct model_shape *shape, const cJSON *value,
                                            bool *is_member);

static const struct apply_set *fields_of_members(struct apply_work *work,
                                                 const struct model_shape *shape,
                                                 const cJSON *object)
{
    struct apply_builder out = { .nodes = NULL };
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, object) {
        struct ke_str name = ke_str_c(it->string);
        struct model_shape inner = model_shape_member(shape, name);
        bool is_member = false;
        const struct apply_set *below = fields_below(work, &inner, it, &is_member);
        bool is_empty = cJSON_IsNull(it) || (cJSON_IsObject(it) && it->child == NULL);
        is_member = is_member || is_empty || !model_shape_names(shape, name);
        apply_builder_add(work, &out, (struct apply_element){ APPLY_FIELD, name }, is_member,
                          below);
    }
    return apply_builder_finish(work, &out);
}

static const struct apply_set *fields_of_items(struct apply_work *work,
                                               const struct model_shape *shape, const cJSON *array)
{
    struct apply_builder out = { .nodes = NULL };
    struct model_shape inner = model_shape_element(shape);
    struct apply_items items = apply_items_of(work, shape, array);
    for (size_t i = 0; i < items.n; i++) {
        const struct apply_item *item = items.sorted[i];
        if (!item->is_first)
            continue;
        bool is_member = false;
        const struct apply_set *below =
            item->n_same == 1 ? fields_below(work, &inner, item->value, &is_member) : NULL;
        apply_builder_add(work, &out, item->element, true, below);
    }
    return apply_builder_finish(work, &out);
}

static const struct apply_set *fields_below(struct apply_work *work,
                                            const struct model_shape *shape, const cJSON *value,
                                            bool *is_member)
{
    enum apply_form form = apply_form_of(shape, value);
    *is_member = form == APPLY_LEAF;
    if (form == APPLY_MAP && cJSON_IsObject(value))
        return fields_of_members(work, shape, value);
    if (form == APPLY_LIST && cJSON_IsArray(value))
        return fields_of_items(work, shape, value);
    return NULL;
}

const struct apply_set *apply_tree_fields(struct apply_work *work, const struct model_shape *shape,
                                          const cJSON *object)
{
    bool is_member = false;
    return fields_below(work, shape, object, &is_member);
}

/* ---- removal ------------------------------------------------------------------------------- */

static void drop(cJSON *parent, cJSON *child)
{
    cJSON_Delete(cJSON_DetachItemViaPointer(parent, child));
}

/* In cJSON's type, beyond its own bits and those of core/base/json_sort.h; copies keep it. */
enum { TREE_EMPTIED = 1 << 17 };

/* Takes out of child what the node says: all of it, or what lies below. */
static void remove_at(struct apply_work *work, const struct model_shape *shape, cJSON *parent,
                      cJSON *child, const struct apply_node *node)
{
    bool had_children = child->child != NULL;
    if (!node->is_member)
        apply_tree_remove(work, shape, child, node->below);
    bool is_emptied = !node->is_member && had_children && child->child == NULL;
    if (node->is_member || (is_emptied && cJSON_IsArray(parent)))
        drop(parent, child);
    else if (is_emptied)
        child->type = cJSON_NULL | TREE_EMPTIED;
}

void apply_tree_drop_emptied(cJSON *object)
{
    cJSON *next = NULL;
    for (cJSON *it = object->child; it != NULL; it = next) {
        next = it->next;
        if (cJSON_IsNull(it) && (it->type & TREE_EMPTIED) != 0)
            drop(object, it);
        else
            apply_tree_drop_emptied(it);
    }
}

static void remove_members(struct apply_work *work, const struct model_shape *shape, cJSON *object,
                           const struct apply_set *set)
{
    cJSON *next = NULL;
    for (cJSON *it = object->child; it != NULL; it = next) {
        next = it->next;
        struct apply_element element = { APPLY_FIELD, ke_str_c(it->string) };
        const struct apply_node *node = apply_set_find(set, &element);
        if (node == NULL)
            continue;
        struct model_shape inner = model_shape_member(shape, element.text);
        remove_at(work, &inner, object, it, node);
    }
}

static void remove_items(struct apply_work *work, const struct model_shape *shape, cJSON *array,
                         const struct apply_set *set)
{
    struct model_shape inner = model_shape_element(shape);
    cJSON *next = NULL;
    for (cJSON *it = array->child; it != NULL; it = next) {
        next = it->next;
        struct apply_element element = { .type = APPLY_VALUE };
        struct ke_str why = { NULL, 0 };
        if (!apply_element_of_item(work, shape, it, &element, &why))
            continue;
        const struct apply_node *node = apply_set_find(set, &element);
        if (node != NULL)
            remove_at(work, &inner, array, it, node);
    }
}

void apply_tree_remove(struct apply_work *work, const struct model_shape *shape, cJSON *object,
                       const struct apply_set *set)
{
    enum apply_form form = apply_form_of(shape, object);
    if (set == NULL)
        return;
    if (form == APPLY_MAP && cJSON_IsObject(object))
        remove_members(work, shape, object, set);
    else if (form == APPLY_LIST && cJSON_IsArray(object))
        remove_items(work, shape, object, set);
}
