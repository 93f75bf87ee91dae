/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a path while it reads it; recursion only where several things may be meant. */
#include "core/model/jsonpath.h"

#include "core/base/json.h"
#include "core/base/limits.h"

enum step_type { STEP_END, STEP_NAME, STEP_INDEX, STEP_ALL, STEP_FILTER, STEP_BAD };

struct step {
    enum step_type type;
    char name[LIMIT_JSONPATH_NAME_BYTES]; /* without escapes */
    size_t name_len;
    int64_t index;
    struct ke_str left, right; /* of a filter: a path behind @, a value; right.ptr NULL: exists */
    bool is_unequal;
};

static bool add_char(struct step *step, char c)
{
    if (step->name_len + 1 >= sizeof(step->name))
        return false;
    step->name[step->name_len++] = c;
    step->name[step->name_len] = '\0';
    return true;
}

/* ".name" without the dot, up to the next dot or bracket. */
static enum step_type take_name(struct ke_str *rest, struct step *step)
{
    size_t i = 0;
    for (; i < rest->len && rest->ptr[i] != '.' && rest->ptr[i] != '['; i++) {
        if (rest->ptr[i] == '\\' && i + 1 < rest->len)
            i++;
        if (!add_char(step, rest->ptr[i]))
            return STEP_BAD;
    }
    *rest = ke_str_sub(*rest, i, rest->len - i);
    if (step->name_len == 1 && step->name[0] == '*')
        return STEP_ALL;
    return step->name_len > 0 ? STEP_NAME : STEP_BAD;
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

/* ?(@.type=="Ready") */
static enum step_type take_filter(struct ke_str inner, struct step *step)
{
    if (inner.len < 4 || inner.ptr[1] != '(' || inner.ptr[inner.len - 1] != ')')
        return STEP_BAD;
    struct ke_str text = ke_str_trim(ke_str_sub(inner, 2, inner.len - 3));
    if (!ke_str_cut_prefix(&text, KE_STR("@")))
        return STEP_BAD;
    step->left = text;
    step->right = (struct ke_str){ NULL, 0 };
    for (size_t i = 0; i + 1 < text.len; i++) {
        bool is_equal = text.ptr[i] == '=' && text.ptr[i + 1] == '=';
        step->is_unequal = text.ptr[i] == '!' && text.ptr[i + 1] == '=';
        if (!is_equal && !step->is_unequal)
            continue;
        step->left = ke_str_trim(ke_str_sub(text, 0, i));
        step->right = ke_str_trim(ke_str_sub(text, i + 2, text.len - i - 2));
        return step->right.len > 0 ? STEP_FILTER : STEP_BAD;
    }
    return STEP_FILTER;
}

/* What stands in brackets. */
static enum step_type take_bracket(struct ke_str inner, struct step *step)
{
    if (ke_str_eq_c(inner, "*"))
        return STEP_ALL;
    if (inner.len > 0 && inner.ptr[0] == '?')
        return take_filter(inner, step);
    if (inner.len >= 2 && is_quote(inner.ptr[0]) && inner.ptr[inner.len - 1] == inner.ptr[0]) {
        for (size_t i = 1; i + 1 < inner.len; i++) {
            if (!add_char(step, inner.ptr[i]))
                return STEP_BAD;
        }
        return STEP_NAME;
    }
    return ke_str_to_i64(inner, &step->index) ? STEP_INDEX : STEP_BAD;
}

/* Where the bracket that is open closes; len: nowhere. */
static size_t find_close(struct ke_str s)
{
    char quote = '\0';
    unsigned depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
            continue;
        }
        if (is_quote(c))
            quote = c;
        depth += c == '[' ? 1 : 0;
        if (c == ']' && depth-- == 0)
            return i;
    }
    return s.len;
}

static enum step_type take_step(struct ke_str *rest, struct step *step)
{
    step->name_len = 0;
    step->name[0] = '\0';
    if (rest->len == 0)
        return STEP_END;
    if (ke_str_cut_prefix(rest, KE_STR("["))) {
        size_t close = find_close(*rest);
        if (close == rest->len)
            return STEP_BAD;
        struct ke_str inner = ke_str_trim(ke_str_sub(*rest, 0, close));
        *rest = ke_str_sub(*rest, close + 1, rest->len - close - 1);
        return take_bracket(inner, step);
    }
    if (!ke_str_cut_prefix(rest, KE_STR(".")))
        return STEP_BAD;
    if (rest->len > 0 && rest->ptr[0] == '[')
        return take_step(rest, step);
    return take_name(rest, step);
}

/* Does an element pass a filter? */
static bool passes(const struct step *step, const cJSON *element)
{
    const cJSON *value = model_jsonpath_find(element, step->left);
    struct ke_str right = step->right;
    if (right.ptr == NULL)
        return value != NULL;
    if (right.len >= 2 && is_quote(right.ptr[0]))
        right = ke_str_sub(right, 1, right.len - 2);
    bool is_equal = false;
    if (cJSON_IsString(value)) {
        is_equal = ke_str_eq(ke_json_value_str(value), right);
    } else if (value != NULL) {
        ke_auto_buf text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
        ke_json_print(value, &text);
        is_equal = ke_str_eq(ke_buf_str(&text), right);
    }
    return value != NULL && is_equal != step->is_unequal;
}

static const cJSON *at_index(const cJSON *list, int64_t index)
{
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    int64_t at = index < 0 ? index + n : index;
    return at >= 0 && at < n ? cJSON_GetArrayItem(list, (int)at) : NULL;
}

static const cJSON *find(const cJSON *value, struct ke_str rest, unsigned depth)
{
    struct step step;
    while (value != NULL) {
        enum step_type type = take_step(&rest, &step);
        if (type == STEP_END)
            return value;
        if (type == STEP_NAME) {
            value = ke_json_get(value, step.name);
        } else if (type == STEP_INDEX) {
            value = at_index(value, step.index);
        } else if (type == STEP_BAD || depth == 0) {
            return NULL;
        } else {
            const cJSON *it;
            cJSON_ArrayForEach(it, value) {
                const cJSON *found =
                    type == STEP_ALL || passes(&step, it) ? find(it, rest, depth - 1) : NULL;
                if (found != NULL)
                    return found;
            }
            return NULL;
        }
    }
    return NULL;
}

static struct ke_str strip(struct ke_str path)
{
    (void)ke_str_cut_prefix(&path, KE_STR("$"));
    return path;
}

const cJSON *model_jsonpath_find(const cJSON *object, struct ke_str path)
{
    return find(object, strip(path), LIMIT_JSONPATH_DEPTH);
}

enum ke_code model_jsonpath_check(struct ke_str path, struct ke_err *err)
{
    struct ke_str rest = strip(path);
    struct step step;
    if (path.len == 0 || (path.ptr[0] != '.' && path.ptr[0] != '[' && path.ptr[0] != '$'))
        return ke_fail(err, KE_MALFORMED, "must be a simple json path starting with .");
    for (;;) {
        enum step_type type = take_step(&rest, &step);
        if (type == STEP_END)
            return KE_OK;
        if (type == STEP_BAD)
            return ke_fail(err, KE_MALFORMED, "must be a valid json path");
    }
}

bool model_jsonpath_is_simple(struct ke_str path)
{
    struct ke_str rest = path;
    if (!ke_str_cut_prefix(&rest, KE_STR(".")) || rest.len == 0)
        return false;
    struct ke_str name;
    while (ke_str_split(&rest, '.', &name)) {
        if (name.len == 0)
            return false;
        for (size_t i = 0; i < name.len; i++) {
            if (memchr("[]*?()'\"\\@$", name.ptr[i], 11) != NULL)
                return false;
        }
    }
    return path.ptr[path.len - 1] != '.';
}
