/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an object what its shape says? The words are those that clients of a kube-apiserver read
 * behind "failed to create typed patch object". Pure.
 */
#include <math.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/apply/tree.h"

enum { PROBLEMS_MAX = 64 };

/* Where the walk is, as links on the stack. */
struct place {
    const struct place *parent; /* NULL: the object itself */
    struct apply_element element;
};

struct checker {
    struct apply_work *work;
    struct ke_buf *out; /* all problems, a line each */
    size_t n;
};

static void check_value(struct checker *c, const struct place *at, const struct model_shape *shape,
                        const cJSON *value);

/* ---- words --------------------------------------------------------------------------------- */

static void print_place(const struct place *at, struct ke_buf *out)
{
    if (at->parent == NULL)
        return;
    print_place(at->parent, out);
    apply_element_print(&at->element, out);
}

/* Begins a problem; false: enough were told. */
static bool begin(struct checker *c, const struct place *at)
{
    c->n++;
    if (c->n > PROBLEMS_MAX)
        return false;
    if (c->n > 1)
        ke_buf_add_char(c->out, '\n');
    size_t len = c->out->len;
    print_place(at, c->out);
    if (c->out->len > len)
        ke_buf_add_c(c->out, ": ");
    return true;
}

static void print_go(const cJSON *value, bool is_quoted, struct ke_buf *out);

static int compare_names(const void *a, const void *b)
{
    const cJSON *const *x = a;
    const cJSON *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

static void print_go_map(const cJSON *value, bool is_quoted, struct ke_buf *out)
{
    int n = cJSON_GetArraySize(value);
    const cJSON **members = ke_alloc_n((size_t)n, sizeof(cJSON *));
    ke_buf_add_c(out, is_quoted ? "map[string]interface {}{" : "map[");
    size_t i = 0;
    for (const cJSON *it = value->child; members != NULL && it != NULL; it = it->next)
        members[i++] = it;
    if (i > 1)
        qsort(members, i, sizeof(cJSON *), compare_names);
    for (size_t k = 0; k < i; k++) {
        if (k > 0)
            ke_buf_add_c(out, is_quoted ? ", " : " ");
        if (is_quoted)
            ke_buf_add_json_str(out, ke_str_c(members[k]->string));
        else
            ke_buf_add_c(out, members[k]->string);
        ke_buf_add_char(out, ':');
        print_go(members[k], is_quoted, out);
    }
    free(members);
    ke_buf_add_char(out, is_quoted ? '}' : ']');
}

static void print_go_list(const cJSON *value, bool is_quoted, struct ke_buf *out)
{
    ke_buf_add_c(out, is_quoted ? "[]interface {}{" : "[");
    for (const cJSON *it = value->child; it != NULL; it = it->next) {
        print_go(it, is_quoted, out);
        if (it->next != NULL)
            ke_buf_add_c(out, is_quoted ? ", " : " ");
    }
    ke_buf_add_char(out, is_quoted ? '}' : ']');
}

/* As Go's %v prints it, or %#v. */
static void print_go(const cJSON *value, bool is_quoted, struct ke_buf *out)
{
    if (cJSON_IsObject(value))
        print_go_map(value, is_quoted, out);
    else if (cJSON_IsArray(value))
        print_go_list(value, is_quoted, out);
    else if (cJSON_IsNull(value))
        ke_buf_add_c(out, is_quoted ? "interface {}(nil)" : "<nil>");
    else if (cJSON_IsString(value) && !is_quoted)
        ke_buf_add_str(out, ke_json_value_str(value));
    else
        ke_json_print(value, out);
}

static const char *go_type(const cJSON *value)
{
    if (cJSON_IsString(value))
        return "string";
    if (cJSON_IsBool(value))
        return "bool";
    return cJSON_IsArray(value) ? "[]interface {}" : "map[string]interface {}";
}

static void fail_type(struct checker *c, const struct place *at, const char *expected,
                      const cJSON *value)
{
    if (!begin(c, at))
        return;
    ke_buf_addf(c->out, "expected %s, got &{", expected);
    print_go(value, false, c->out);
    ke_buf_add_char(c->out, '}');
}

/* ---- the walk ------------------------------------------------------------------------------ */

static void check_scalar(struct checker *c, const struct place *at, enum model_shape_scalar type,
                         const cJSON *value)
{
    switch (type) {
    case MODEL_SHAPE_NUMBER:
        if (!cJSON_IsNumber(value) && begin(c, at))
            ke_buf_addf(c->out, "expected numeric (int or float), got %s", go_type(value));
        break;
    case MODEL_SHAPE_STRING:
        if (!cJSON_IsString(value) && begin(c, at)) {
            ke_buf_add_c(c->out, "expected string, got &value.valueUnstructured{Value:");
            print_go(value, true, c->out);
            ke_buf_add_char(c->out, '}');
        }
        break;
    case MODEL_SHAPE_BOOL:
        if (!cJSON_IsBool(value))
            fail_type(c, at, "boolean", value);
        break;
    case MODEL_SHAPE_ANY_SCALAR:
        if (cJSON_IsObject(value) || cJSON_IsArray(value))
            fail_type(c, at, "any scalar", value);
        break;
    }
}

static void check_members(struct checker *c, const struct place *at,
                          const struct model_shape *shape, const cJSON *object)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, object) {
        struct place inner = { at, { APPLY_FIELD, ke_str_c(it->string) } };
        struct model_shape member = model_shape_member(shape, inner.element.text);
        if (member.kind != MODEL_SHAPE_UNDECLARED)
            check_value(c, &inner, &member, it);
        else if (begin(c, &inner))
            ke_buf_add_c(c->out, "field not declared in schema");
    }
}

static void check_plain_items(struct checker *c, const struct place *at,
                              const struct model_shape *shape, const cJSON *array)
{
    struct model_shape item = model_shape_element(shape);
    size_t i = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, array) {
        struct ke_str index = ke_arena_fmt(c->work->arena, "%zu", i++);
        struct place inner = { at, { APPLY_INDEX, index } };
        check_value(c, &inner, &item, it);
    }
}

static void check_items(struct checker *c, const struct place *at, const struct model_shape *shape,
                        const cJSON *array)
{
    struct model_shape item = model_shape_element(shape);
    struct apply_items items = apply_items_of(c->work, shape, array);
    size_t i = 0;
    size_t place = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, array) {
        struct apply_element element = { .type = APPLY_VALUE };
        struct ke_str why = { NULL, 0 };
        if (!apply_element_of_item(c->work, shape, it, &element, &why)) {
            if (begin(c, at))
                ke_buf_addf(c->out, "element %zu: %.*s", i, KE_STR_ARG(why));
            return; /* what follows cannot be named */
        }
        const struct apply_item *same = place < items.n ? &items.items[place++] : NULL;
        if (same != NULL && !same->is_first && begin(c, at)) {
            ke_buf_add_c(c->out, "duplicate entries for key ");
            apply_element_print(&element, c->out);
        }
        struct place inner = { at, element };
        check_value(c, &inner, &item, it);
        i++;
    }
}

static void check_value(struct checker *c, const struct place *at, const struct model_shape *shape,
                        const cJSON *value)
{
    if (cJSON_IsNull(value))
        return;
    switch (shape->kind) {
    case MODEL_SHAPE_SCALAR:
        check_scalar(c, at, shape->scalar, value);
        break;
    case MODEL_SHAPE_OBJECT:
        if (cJSON_IsObject(value))
            check_members(c, at, shape, value);
        else
            fail_type(c, at, "map", value);
        break;
    case MODEL_SHAPE_LIST:
        if (!cJSON_IsArray(value))
            fail_type(c, at, "list", value);
        else if (shape->is_atomic)
            check_plain_items(c, at, shape, value);
        else
            check_items(c, at, shape, value);
        break;
    case MODEL_SHAPE_DEDUCED:
    case MODEL_SHAPE_UNDECLARED:
        break;
    }
}

/* "errors:", and each line two blanks in. */
static void make_list(struct ke_buf *out, size_t from)
{
    ke_auto_buf lines = KE_BUF_INIT(out->max);
    struct ke_str all = ke_str_of(out->ptr + from, out->len - from);
    struct ke_str line = { NULL, 0 };
    ke_buf_add_c(&lines, "errors:");
    while (ke_str_split(&all, '\n', &line))
        ke_buf_addf(&lines, "\n  %.*s", KE_STR_ARG(line));
    out->len = from;
    ke_buf_add_str(out, ke_buf_str(&lines));
}

bool apply_tree_check(struct apply_work *work, const struct model_shape *shape, const cJSON *object,
                      struct ke_buf *out)
{
    struct checker c = { .work = work, .out = out };
    struct place root = { .parent = NULL };
    size_t from = out->len;
    check_value(&c, &root, shape, object);
    if (c.n > 1 && out->failed == KE_OK)
        make_list(out, from);
    return c.n == 0 && !work->has_failed;
}
