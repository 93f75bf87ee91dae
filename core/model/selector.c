/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors: how they are kept, matched and printed, and those that come as JSON. Those that come
 * as text are read in selector_parse.c. Immutable once built; any thread may match.
 */
#include "core/model/selector.h"

#include <stdio.h>

#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/names.h"
#include "core/model/selector_build.h"

struct model_selector *selector_new(size_t n_requirements, size_t n_values, size_t n_text)
{
    /* The callers' counts come from inputs bounded by limits.h: the sum cannot overflow. */
    size_t requirements_size = n_requirements * sizeof(struct selector_requirement);
    size_t values_size = n_values * sizeof(struct ke_str);
    struct model_selector *selector =
        ke_alloc(sizeof(*selector) + requirements_size + values_size + n_text + 1);
    if (selector == NULL)
        return NULL;
    char *at = (char *)(selector + 1);
    selector->requirements = (struct selector_requirement *)(void *)at;
    selector->cap_requirements = n_requirements;
    selector->values = (struct ke_str *)(void *)(at + requirements_size);
    selector->cap_values = n_values;
    selector->text = at + requirements_size + values_size;
    return selector;
}

struct selector_requirement *selector_add(struct model_selector *selector, struct ke_str key,
                                          enum selector_op op)
{
    KE_ASSERT(selector->n_requirements < selector->cap_requirements);
    struct selector_requirement *requirement = &selector->requirements[selector->n_requirements];
    selector->n_requirements++;
    *requirement = (struct selector_requirement){ .key = key, .op = op };
    requirement->values = selector->values + selector->n_values;
    return requirement;
}

void selector_add_value(struct model_selector *selector, struct ke_str value)
{
    KE_ASSERT(selector->n_values < selector->cap_values && selector->n_requirements > 0);
    selector->values[selector->n_values] = value;
    selector->n_values++;
    selector->requirements[selector->n_requirements - 1].n_values++;
}

static int compare_strs(const void *a, const void *b)
{
    return ke_str_cmp(*(const struct ke_str *)a, *(const struct ke_str *)b);
}

void selector_close_values(struct model_selector *selector)
{
    struct selector_requirement *requirement =
        &selector->requirements[selector->n_requirements - 1];
    if (requirement->n_values < 2)
        return;
    qsort(requirement->values, requirement->n_values, sizeof(requirement->values[0]), compare_strs);
    size_t n_kept = 1;
    for (size_t i = 1; i < requirement->n_values; i++) {
        if (!ke_str_eq(requirement->values[i], requirement->values[n_kept - 1]))
            requirement->values[n_kept++] = requirement->values[i];
    }
    selector->n_values -= requirement->n_values - n_kept;
    requirement->n_values = n_kept;
}

struct ke_str selector_copy(struct model_selector *selector, struct ke_str s)
{
    char *at = selector->text + selector->text_len;
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    selector->text_len += s.len;
    return ke_str_of(at, s.len);
}

static int compare_requirements(const void *a, const void *b)
{
    const struct selector_requirement *left = a;
    const struct selector_requirement *right = b;
    int order = ke_str_cmp(left->key, right->key);
    if (order != 0)
        return order;
    /* Values were handed out in input order: keeps the sort stable. */
    return left->values < right->values ? -1 : left->values > right->values;
}

void selector_sort(struct model_selector *selector)
{
    if (selector->n_requirements > 1)
        qsort(selector->requirements, selector->n_requirements, sizeof(selector->requirements[0]),
              compare_requirements);
}

static void join_complaints(const struct model_complaints *complaints, struct ke_buf *out)
{
    for (size_t i = 0; i < complaints->n; i++)
        ke_buf_addf(out, "%s%s", i > 0 ? "; " : "", complaints->text[i]);
}

static enum ke_code fail_complaints(const char *where, struct ke_str value,
                                    const struct model_complaints *complaints, struct ke_err *err)
{
    char memory[1024];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    join_complaints(complaints, &text);
    return ke_fail(err, KE_MALFORMED, "%s: Invalid value: \"%.*s\": %.*s", where, KE_STR_ARG(value),
                   KE_STR_ARG(ke_buf_str(&text)));
}

enum ke_code selector_check_key(const char *where, struct ke_str key, struct ke_err *err)
{
    struct model_complaints complaints = model_name_qualified(key);
    return complaints.n == 0 ? KE_OK : fail_complaints(where, key, &complaints, err);
}

enum ke_code selector_check_requirement(const struct selector_requirement *requirement,
                                        struct ke_err *err)
{
    enum ke_code rc = selector_check_key("key", requirement->key, err);
    if (rc != KE_OK)
        return rc;
    bool is_ordered = requirement->op == SELECTOR_GREATER || requirement->op == SELECTOR_LESS;
    for (size_t i = 0; i < requirement->n_values; i++) {
        int64_t number;
        if (is_ordered && !ke_str_to_i64(requirement->values[i], &number)) {
            return ke_fail(err, KE_MALFORMED,
                           "values[%zu]: Invalid value: \"%.*s\": for 'Gt', 'Lt' operators, the "
                           "value must be an integer",
                           i, KE_STR_ARG(requirement->values[i]));
        }
        struct model_complaints complaints = model_name_label_value(requirement->values[i]);
        if (complaints.n > 0) {
            char where[512];
            (void)snprintf(where, sizeof(where), "values[%zu][%.*s]", i,
                           KE_STR_ARG(requirement->key));
            return fail_complaints(where, requirement->values[i], &complaints, err);
        }
    }
    return KE_OK;
}

enum ke_code model_selector_from_map(const cJSON *map, struct model_selector **out,
                                     struct ke_err *err)
{
    size_t n = 0;
    size_t n_text = 0;
    if (!cJSON_IsObject(map))
        map = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        if (!cJSON_IsString(item))
            continue;
        n++;
        n_text += strlen(item->string) + strlen(item->valuestring);
    }
    struct model_selector *selector = selector_new(n, n, n_text);
    if (selector == NULL)
        return ke_fail(err, KE_NOMEM, "selector");
    cJSON_ArrayForEach(item, map) {
        if (!cJSON_IsString(item))
            continue;
        (void)selector_add(selector, selector_copy(selector, ke_str_c(item->string)),
                           SELECTOR_EQUALS);
        selector_add_value(selector, selector_copy(selector, ke_str_c(item->valuestring)));
    }
    selector_sort(selector);
    *out = selector;
    return KE_OK;
}

/* What the parts of a LabelSelector need at most. */
static void measure_label_selector(const cJSON *labels, const cJSON *expressions, size_t *out_n,
                                   size_t *out_values, size_t *out_text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, labels) {
        (*out_n)++;
        (*out_values)++;
        *out_text += strlen(item->string) + ke_json_value_str(item).len;
    }
    cJSON_ArrayForEach(item, expressions) {
        (*out_n)++;
        *out_text += ke_json_str(item, "key").len;
        const cJSON *value;
        cJSON_ArrayForEach(value, ke_json_get(item, "values")) {
            (*out_values)++;
            *out_text += ke_json_value_str(value).len;
        }
    }
}

static bool parse_operator(struct ke_str text, enum selector_op *out)
{
    static const struct {
        const char *name;
        enum selector_op op;
    } NAMES[] = {
        { "In", SELECTOR_IN },
        { "NotIn", SELECTOR_NOT_IN },
        { "Exists", SELECTOR_EXISTS },
        { "DoesNotExist", SELECTOR_NOT_EXISTS },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(NAMES); i++) {
        if (ke_str_eq_c(text, NAMES[i].name)) {
            *out = NAMES[i].op;
            return true;
        }
    }
    return false;
}

static enum ke_code add_expression(struct model_selector *selector, const cJSON *expression,
                                   struct ke_err *err)
{
    struct ke_str operator_text = ke_json_str(expression, "operator");
    enum selector_op op;
    if (!parse_operator(operator_text, &op))
        return ke_fail(err, KE_MALFORMED, "\"%.*s\" is not a valid label selector operator",
                       KE_STR_ARG(operator_text));
    struct ke_str key = selector_copy(selector, ke_json_str(expression, "key"));
    struct selector_requirement *requirement = selector_add(selector, key, op);
    const cJSON *value;
    cJSON_ArrayForEach(value, ke_json_get(expression, "values")) {
        selector_add_value(selector, selector_copy(selector, ke_json_value_str(value)));
    }
    bool is_unary = op == SELECTOR_EXISTS || op == SELECTOR_NOT_EXISTS;
    if (is_unary && requirement->n_values > 0) {
        return ke_fail(err, KE_MALFORMED,
                       "values: Invalid value: values set must be empty for exists and does not "
                       "exist");
    }
    if (!is_unary && requirement->n_values == 0) {
        return ke_fail(err, KE_MALFORMED,
                       "values: Invalid value: []: for 'in', 'notin' operators, values set can't "
                       "be empty");
    }
    enum ke_code rc = selector_check_requirement(requirement, err);
    selector_close_values(selector);
    return rc;
}

enum ke_code model_selector_from_label_selector(const cJSON *json, struct model_selector **out,
                                                struct ke_err *err)
{
    const cJSON *labels = ke_json_get(json, "matchLabels");
    const cJSON *expressions = ke_json_get(json, "matchExpressions");
    if (!cJSON_IsObject(labels))
        labels = NULL;
    if (!cJSON_IsArray(expressions))
        expressions = NULL;
    size_t n = 0;
    size_t n_values = 0;
    size_t n_text = 0;
    measure_label_selector(labels, expressions, &n, &n_values, &n_text);
    KE_AUTO(model_selector) *selector = selector_new(n, n_values, n_text);
    if (selector == NULL)
        return ke_fail(err, KE_NOMEM, "selector");
    selector->is_nothing = !cJSON_IsObject(json);

    const cJSON *item;
    cJSON_ArrayForEach(item, labels) {
        const struct selector_requirement *requirement = selector_add(
            selector, selector_copy(selector, ke_str_c(item->string)), SELECTOR_EQUALS);
        selector_add_value(selector, selector_copy(selector, ke_json_value_str(item)));
        enum ke_code rc = selector_check_requirement(requirement, err);
        if (rc != KE_OK)
            return rc;
    }
    cJSON_ArrayForEach(item, expressions) {
        enum ke_code rc = add_expression(selector, item, err);
        if (rc != KE_OK)
            return rc;
    }
    selector_sort(selector);
    *out = KE_TAKE(selector);
    return KE_OK;
}

void model_selector_free(struct model_selector *selector)
{
    free(selector);
}

static const struct model_pair *find_pair(const struct model_pair *pairs, size_t n_pairs,
                                          struct ke_str key)
{
    size_t low = 0;
    size_t high = n_pairs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = ke_str_cmp(pairs[middle].key, key);
        if (order == 0)
            return &pairs[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool has_value(const struct selector_requirement *requirement, struct ke_str value)
{
    for (size_t i = 0; i < requirement->n_values; i++) {
        if (ke_str_eq(requirement->values[i], value))
            return true;
    }
    return false;
}

static bool is_ordered_match(const struct selector_requirement *requirement, struct ke_str value)
{
    int64_t left;
    int64_t right;
    if (requirement->n_values != 1 || !ke_str_to_i64(value, &left) ||
        !ke_str_to_i64(requirement->values[0], &right))
        return false;
    return requirement->op == SELECTOR_GREATER ? left > right : left < right;
}

static bool is_match(const struct selector_requirement *requirement, const struct model_pair *pair)
{
    switch (requirement->op) {
    case SELECTOR_EQUALS:
    case SELECTOR_DOUBLE_EQUALS:
    case SELECTOR_IN:
        return pair != NULL && has_value(requirement, pair->value);
    case SELECTOR_NOT_EQUALS:
    case SELECTOR_NOT_IN:
        return pair == NULL || !has_value(requirement, pair->value);
    case SELECTOR_EXISTS:
        return pair != NULL;
    case SELECTOR_NOT_EXISTS:
        return pair == NULL;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        return pair != NULL && is_ordered_match(requirement, pair->value);
    }
    return false;
}

bool model_selector_matches(const struct model_selector *selector, const struct model_pair *pairs,
                            size_t n_pairs)
{
    static const struct model_pair ABSENT_FIELD = { .key = { NULL, 0 }, .value = { NULL, 0 } };
    if (selector == NULL)
        return true;
    if (selector->is_nothing)
        return false;
    for (size_t i = 0; i < selector->n_requirements; i++) {
        const struct selector_requirement *requirement = &selector->requirements[i];
        const struct model_pair *pair = find_pair(pairs, n_pairs, requirement->key);
        if (pair == NULL && selector->is_on_fields)
            pair = &ABSENT_FIELD;
        if (!is_match(requirement, pair))
            return false;
    }
    return true;
}

bool model_selector_key(const struct model_selector *selector, size_t i, struct ke_str *out)
{
    if (selector == NULL || i >= selector->n_requirements)
        return false;
    *out = selector->requirements[i].key;
    return true;
}

bool model_selector_equality(const struct model_selector *selector, struct ke_str key,
                             struct ke_str *out_value)
{
    for (size_t i = 0; selector != NULL && i < selector->n_requirements; i++) {
        const struct selector_requirement *requirement = &selector->requirements[i];
        bool is_equality = requirement->op == SELECTOR_EQUALS ||
                           requirement->op == SELECTOR_DOUBLE_EQUALS ||
                           requirement->op == SELECTOR_IN;
        if (is_equality && requirement->n_values == 1 && ke_str_eq(requirement->key, key)) {
            *out_value = requirement->values[0];
            return true;
        }
    }
    return false;
}

/* Field values are escaped so that the text parses again. */
static void format_value(struct ke_str value, bool is_escaped, struct ke_buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (is_escaped && (c == '\\' || c == ',' || c == '='))
            ke_buf_add_char(out, '\\');
        ke_buf_add_char(out, c);
    }
}

static void format_requirement(const struct selector_requirement *requirement, bool is_escaped,
                               struct ke_buf *out)
{
    static const char *const BETWEEN[] = {
        [SELECTOR_EQUALS] = "=",    [SELECTOR_DOUBLE_EQUALS] = "==", [SELECTOR_NOT_EQUALS] = "!=",
        [SELECTOR_IN] = " in (",    [SELECTOR_NOT_IN] = " notin (",  [SELECTOR_EXISTS] = "",
        [SELECTOR_NOT_EXISTS] = "", [SELECTOR_GREATER] = ">",        [SELECTOR_LESS] = "<",
    };
    if (requirement->op == SELECTOR_NOT_EXISTS)
        ke_buf_add_char(out, '!');
    ke_buf_add_str(out, requirement->key);
    ke_buf_add_c(out, BETWEEN[requirement->op]);
    for (size_t i = 0; i < requirement->n_values; i++) {
        if (i > 0)
            ke_buf_add_char(out, ',');
        format_value(requirement->values[i], is_escaped, out);
    }
    if (requirement->op == SELECTOR_IN || requirement->op == SELECTOR_NOT_IN)
        ke_buf_add_char(out, ')');
}

void model_selector_format(const struct model_selector *selector, struct ke_buf *out)
{
    for (size_t i = 0; selector != NULL && i < selector->n_requirements; i++) {
        if (i > 0)
            ke_buf_add_char(out, ',');
        format_requirement(&selector->requirements[i], selector->is_on_fields, out);
    }
}
