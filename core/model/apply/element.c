/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path elements: how items of lists are told apart, their order and how people see them. Pure.
 * Source: KEP-555; structured-merge-diff, package fieldpath.
 */
#include <math.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/apply/set.h"

/* ---- order --------------------------------------------------------------------------------- */

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Where the JSON value begins that text[at] belongs to, if that is plain to see; else at. */
static size_t token_start(struct ke_str text, size_t at)
{
    size_t start = at;
    while (start > 0 && is_number_char(text.ptr[start - 1]))
        start--;
    bool is_value = start == 0 || (start >= 3 && text.ptr[start - 1] == ':' &&
                                   text.ptr[start - 2] == '"' && text.ptr[start - 3] != '\\');
    return is_value ? start : at;
}

/* Numbers, strings, booleans: the order of types. */
static int type_rank(char c)
{
    if (c == '"')
        return 1;
    if (c == 't' || c == 'f')
        return 2;
    return c == '-' || (c >= '0' && c <= '9') ? 0 : 3;
}

static bool read_number(struct ke_str text, size_t start, double *out)
{
    char digits[64];
    size_t n = 0;
    while (start + n < text.len && n < sizeof(digits) - 1 && is_number_char(text.ptr[start + n])) {
        digits[n] = text.ptr[start + n];
        n++;
    }
    digits[n] = '\0';
    if (n == 0 || type_rank(digits[0]) != 0)
        return false;
    *out = strtod(digits, NULL);
    return true;
}

/* Two JSON texts: by the first value in which they differ. */
static int compare_json(struct ke_str a, struct ke_str b)
{
    size_t at = 0;
    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
        at++;
    if (at == a.len || at == b.len)
        return (a.len > b.len) - (a.len < b.len);
    size_t start = token_start(a, at);
    double x = 0;
    double y = 0;
    bool is_start = start == 0 || a.ptr[start - 1] == ':';
    if (is_start && read_number(a, start, &x) && read_number(b, start, &y) && (x < y || x > y))
        return x < y ? -1 : 1;
    int by_type = is_start && start == at ? type_rank(a.ptr[at]) - type_rank(b.ptr[at]) : 0;
    return by_type != 0 ? by_type : ke_str_cmp(a, b);
}

int apply_element_compare(const struct apply_element *a, const struct apply_element *b)
{
    if (a->type != b->type)
        return (int)a->type - (int)b->type;
    return a->type == APPLY_FIELD ? ke_str_cmp(a->text, b->text) : compare_json(a->text, b->text);
}

/* ---- as text ------------------------------------------------------------------------------- */

static void print_value(const cJSON *value, struct ke_buf *out)
{
    if (cJSON_IsString(value))
        ke_buf_add_json_str(out, ke_json_value_str(value));
    else
        ke_json_print(value, out);
}

static void print_key(const cJSON *keys, struct ke_buf *out)
{
    const char *between = "[";
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, keys) {
        ke_buf_addf(out, "%s%s=", between, it->string);
        print_value(it, out);
        between = ",";
    }
    ke_buf_add_char(out, ']');
}

void apply_element_print(const struct apply_element *element, struct ke_buf *out)
{
    if (element->type == APPLY_FIELD) {
        ke_buf_addf(out, ".%.*s", KE_STR_ARG(element->text));
        return;
    }
    if (element->type == APPLY_INDEX) {
        ke_buf_addf(out, "[%.*s]", KE_STR_ARG(element->text));
        return;
    }
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    if (ke_json_parse(element->text, &value, &err) != KE_OK) {
        ke_buf_addf(out, "[%.*s]", KE_STR_ARG(element->text));
        return;
    }
    if (element->type == APPLY_KEY) {
        print_key(value, out);
        return;
    }
    ke_buf_add_c(out, "[=");
    print_value(value, out);
    ke_buf_add_char(out, ']');
}

/* ---- of items ------------------------------------------------------------------------------ */

enum { ITEM_KEYS_MAX = 16 };

static bool keep_text(struct apply_work *work, const struct ke_buf *text, struct ke_str *out)
{
    *out = ke_arena_str(work->arena, ke_buf_str(text));
    if (text->failed != KE_OK || out->ptr == NULL)
        work->has_failed = true;
    return !work->has_failed;
}

static bool fail_item(struct ke_str *why, const char *text)
{
    *why = ke_str_c(text);
    return false;
}

static bool set_item(struct apply_work *work, const cJSON *item, struct apply_element *out,
                     struct ke_str *why)
{
    if (cJSON_IsObject(item))
        return fail_item(why, "associative list without keys has an element that's a map type");
    if (cJSON_IsArray(item))
        return fail_item(why, "not supported: associative list with lists as elements");
    if (cJSON_IsNull(item))
        return fail_item(why,
                         "associative list without keys has an element that's an explicit null");
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    ke_json_print(item, &text);
    out->type = APPLY_VALUE;
    return keep_text(work, &text, &out->text);
}

/* The names of the list's keys in alphabetical order; how many. */
static size_t sorted_keys(const struct model_shape *list, struct ke_str names[ITEM_KEYS_MAX])
{
    size_t n = 0;
    struct ke_str name = { NULL, 0 };
    while (n < ITEM_KEYS_MAX && model_shape_key(list, n, &name)) {
        size_t at = n;
        while (at > 0 && ke_str_cmp(name, names[at - 1]) < 0) {
            names[at] = names[at - 1];
            at--;
        }
        names[at] = name;
        n++;
    }
    return n;
}

static const cJSON *find_member(const cJSON *object, struct ke_str name)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, object) {
        if (ke_str_eq_c(name, it->string))
            return it;
    }
    return NULL;
}

static bool map_item(struct apply_work *work, const struct model_shape *list, const cJSON *item,
                     struct apply_element *out, struct ke_str *why)
{
    if (cJSON_IsNull(item))
        return fail_item(why, "associative list with keys may not have a null element");
    if (!cJSON_IsObject(item))
        return fail_item(why, "associative list with keys may not have non-map elements");
    struct ke_str names[ITEM_KEYS_MAX];
    size_t n = sorted_keys(list, names);
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_char(&text, i == 0 ? '{' : ',');
        ke_buf_add_json_str(&text, names[i]);
        ke_buf_add_char(&text, ':');
        const cJSON *value = find_member(item, names[i]);
        if (value != NULL) {
            ke_json_print(value, &text);
        } else if (!model_shape_key_default(list, names[i], &text)) {
            *why = ke_arena_fmt(work->arena,
                                "associative list with keys has an element that omits key field "
                                "\"%.*s\" (and doesn't have default value)",
                                KE_STR_ARG(names[i]));
            return false;
        }
    }
    ke_buf_add_char(&text, '}');
    out->type = APPLY_KEY;
    return keep_text(work, &text, &out->text);
}

bool apply_element_of_item(struct apply_work *work, const struct model_shape *list,
                           const cJSON *item, struct apply_element *out, struct ke_str *why)
{
    if (list->list == MODEL_SHAPE_LIST_MAP)
        return map_item(work, list, item, out, why);
    return set_item(work, item, out, why);
}
