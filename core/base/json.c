/* SPDX-License-Identifier: Apache-2.0 */
/* Access to parsed JSON: lookups, changes, comparison. A tree belongs to one thread at a time. */
#include "core/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_sort.h"

const cJSON *ke_json_get(const cJSON *object, const char *name)
{
    if (!cJSON_IsObject(object))
        return NULL;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, object) {
        if (it->string != NULL && strcmp(it->string, name) == 0)
            return it;
    }
    return NULL;
}

bool ke_json_is_duplicate(const cJSON *value)
{
    return value != NULL && (value->type & JSON_DUPLICATE) != 0;
}

cJSON *ke_json_get_mut(cJSON *object, const char *name)
{
    if (!cJSON_IsObject(object))
        return NULL;
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const cJSON *get_str(const cJSON *object, struct ke_str name)
{
    if (!cJSON_IsObject(object))
        return NULL;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, object) {
        if (it->string != NULL && ke_str_eq_c(name, it->string))
            return it;
    }
    return NULL;
}

const cJSON *ke_json_path(const cJSON *object, const char *path)
{
    struct ke_str rest = ke_str_c(path);
    struct ke_str name = { NULL, 0 };
    while (object != NULL && ke_str_split(&rest, '.', &name))
        object = get_str(object, name);
    return object;
}

struct ke_str ke_json_value_str(const cJSON *value)
{
    if (!cJSON_IsString(value))
        return (struct ke_str){ NULL, 0 };
    return ke_str_c(value->valuestring);
}

struct ke_str ke_json_str(const cJSON *object, const char *name)
{
    return ke_json_value_str(ke_json_get(object, name));
}

struct ke_str ke_json_path_str(const cJSON *object, const char *path)
{
    return ke_json_value_str(ke_json_path(object, path));
}

bool ke_json_value_i64(const cJSON *value, int64_t *out)
{
    if (!cJSON_IsNumber(value))
        return false;
    if (value->valuestring != NULL)
        return ke_str_to_i64(ke_str_c(value->valuestring), out);
    double d = value->valuedouble;
    if (!(d >= -0x1p63 && d < 0x1p63) || trunc(d) != d)
        return false;
    *out = (int64_t)d;
    return true;
}

cJSON *ke_json_new_i64(int64_t number)
{
    cJSON *value = cJSON_CreateNumber((double)number);
    if (value == NULL || (number >= -JSON_EXACT_MAX && number <= JSON_EXACT_MAX))
        return value;
    char text[24];
    struct ke_buf out = KE_BUF_FIXED(text, sizeof(text) - 1);
    ke_buf_add_i64(&out, number);
    value->valuestring = cJSON_malloc(out.len + 1);
    if (value->valuestring == NULL) {
        cJSON_Delete(value);
        return NULL;
    }
    memcpy(value->valuestring, text, out.len);
    value->valuestring[out.len] = '\0';
    return value;
}

int64_t ke_json_i64(const cJSON *object, const char *name, int64_t if_absent)
{
    int64_t number = if_absent;
    return ke_json_value_i64(ke_json_get(object, name), &number) ? number : if_absent;
}

bool ke_json_bool(const cJSON *object, const char *name, bool if_absent)
{
    const cJSON *value = ke_json_get(object, name);
    return cJSON_IsBool(value) ? cJSON_IsTrue(value) != 0 : if_absent;
}

/* Puts a new node where the old one is; the old one is freed. */
static void replace_node(cJSON *parent, cJSON *old, cJSON *value)
{
    (void)cJSON_ReplaceItemViaPointer(parent, old, value);
}

static bool give_name(cJSON *value, const char *name)
{
    char *copy = cJSON_malloc(strlen(name) + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, strlen(name) + 1);
    if (value->string != NULL && (value->type & cJSON_StringIsConst) == 0)
        cJSON_free(value->string);
    value->string = copy;
    value->type &= ~cJSON_StringIsConst;
    return true;
}

bool ke_json_set(cJSON *object, const char *name, cJSON *value)
{
    if (value == NULL)
        return false;
    if (!cJSON_IsObject(object) || !give_name(value, name)) {
        cJSON_Delete(value);
        return false;
    }
    cJSON *old = ke_json_get_mut(object, name);
    if (old == value)
        return true;
    if (old != NULL)
        replace_node(object, old, value);
    else
        (void)cJSON_AddItemToArray(object, value); /* appends, keeps the name */
    return true;
}

bool ke_json_set_str(cJSON *object, const char *name, struct ke_str s)
{
    if (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL)
        return false; /* cJSON ends strings with NUL */
    char *copy = ke_str_dup(s);
    cJSON *value = copy == NULL ? NULL : cJSON_CreateString(copy);
    free(copy);
    return ke_json_set(object, name, value);
}

bool ke_json_set_first(cJSON *object, const char *name, cJSON *value)
{
    if (value == NULL)
        return false;
    if (!cJSON_IsObject(object) || !give_name(value, name)) {
        cJSON_Delete(value);
        return false;
    }
    ke_json_del(object, name);
    if (object->child == NULL)
        (void)cJSON_AddItemToArray(object, value);
    else
        (void)cJSON_InsertItemInArray(object, 0, value);
    return true;
}

void ke_json_del(cJSON *object, const char *name)
{
    cJSON *old = ke_json_get_mut(object, name);
    if (old != NULL)
        cJSON_Delete(cJSON_DetachItemViaPointer(object, old));
}

static cJSON *need_member(cJSON *object, const char *name, int type)
{
    if (!cJSON_IsObject(object))
        return NULL;
    cJSON *member = ke_json_get_mut(object, name);
    if (member != NULL && !cJSON_IsNull(member))
        return (member->type & 0xff) == type ? member : NULL;
    cJSON *made = type == cJSON_Object ? cJSON_CreateObject() : cJSON_CreateArray();
    return ke_json_set(object, name, made) ? made : NULL;
}

cJSON *ke_json_need_object(cJSON *object, const char *name)
{
    return need_member(object, name, cJSON_Object);
}

cJSON *ke_json_need_array(cJSON *object, const char *name)
{
    return need_member(object, name, cJSON_Array);
}

/* ---- equality ---- */

enum { JSON_SORT_ABOVE = 16 };

static size_t count_members(const cJSON *value)
{
    size_t n = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, value)
        n++;
    return n;
}

static bool arrays_equal(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a->child;
    const cJSON *y = b->child;
    while (x != NULL && y != NULL) {
        if (!ke_json_equal(x, y))
            return false;
        x = x->next;
        y = y->next;
    }
    return x == NULL && y == NULL;
}

static bool objects_equal_sorted(const cJSON *a, const cJSON *b, size_t n, bool *out)
{
    struct json_member *x = json_sort_members(a, n);
    struct json_member *y = json_sort_members(b, n);
    bool is_sorted = x != NULL && y != NULL;
    bool is_equal = is_sorted;
    for (size_t i = 0; is_equal && i < n; i++) {
        is_equal = strcmp(x[i].node->string, y[i].node->string) == 0 &&
                   ke_json_equal(x[i].node, y[i].node);
    }
    free(x);
    free(y);
    *out = is_equal;
    return is_sorted;
}

static bool objects_equal(const cJSON *a, const cJSON *b)
{
    size_t n = count_members(a);
    if (n != count_members(b))
        return false;
    bool is_equal = false;
    if (n > JSON_SORT_ABOVE && objects_equal_sorted(a, b, n, &is_equal))
        return is_equal;
    /* Few, or no memory to sort with: names are unique, so looking up one way is enough. */
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, a) {
        const cJSON *other = ke_json_get(b, it->string);
        if (other == NULL || !ke_json_equal(it, other))
            return false;
    }
    return true;
}

static bool numbers_equal(const cJSON *a, const cJSON *b)
{
    int64_t x = 0;
    int64_t y = 0;
    if (ke_json_value_i64(a, &x) && ke_json_value_i64(b, &y))
        return x == y;
    return !(a->valuedouble < b->valuedouble) && !(a->valuedouble > b->valuedouble);
}

bool ke_json_equal(const cJSON *a, const cJSON *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if ((a->type & 0xff) != (b->type & 0xff))
        return false;
    switch (a->type & 0xff) {
    case cJSON_Object:
        return objects_equal(a, b);
    case cJSON_Array:
        return arrays_equal(a, b);
    case cJSON_Number:
        return numbers_equal(a, b);
    case cJSON_String:
    case cJSON_Raw:
        return strcmp(a->valuestring, b->valuestring) == 0;
    default:
        return true;
    }
}
