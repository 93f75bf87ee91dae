/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of problems that validation fills, and its text: what a client reads behind
 * `Service "x" is invalid: `. One thread a list.
 * Source: apimachinery util/validation/field (Error, ErrorList.ToAggregate).
 */
#include "core/model/issues.h"

#include "core/base/attr.h"

static const char *const ISSUE_REASONS[] = {
    [MODEL_ISSUE_REQUIRED] = "FieldValueRequired",
    [MODEL_ISSUE_INVALID] = "FieldValueInvalid",
    [MODEL_ISSUE_NOT_SUPPORTED] = "FieldValueNotSupported",
    [MODEL_ISSUE_DUPLICATE] = "FieldValueDuplicate",
    [MODEL_ISSUE_FORBIDDEN] = "FieldValueForbidden",
    [MODEL_ISSUE_NOT_FOUND] = "FieldValueNotFound",
    [MODEL_ISSUE_TOO_LONG] = "FieldValueTooLong",
    [MODEL_ISSUE_TOO_MANY] = "FieldValueTooMany",
    [MODEL_ISSUE_TYPE_INVALID] = "FieldValueTypeInvalid",
};

void model_issues_init(struct model_issues *issues, struct ke_arena *arena)
{
    issues->arena = arena;
    issues->n_items = 0;
    issues->n_dropped = 0;
}

void model_issues_add(struct model_issues *issues, enum model_issue_type type, struct ke_str field,
                      struct ke_str message)
{
    /* A text that found no memory must still refuse the object: it is counted. */
    if (issues->n_items == KE_ARRAY_LEN(issues->items)) {
        issues->n_dropped++;
        return;
    }
    issues->items[issues->n_items] =
        (struct model_issue){ .type = type, .field = field, .message = message };
    issues->n_items++;
}

const char *model_issue_reason(enum model_issue_type type)
{
    KE_ASSERT((size_t)type < KE_ARRAY_LEN(ISSUE_REASONS));
    return ISSUE_REASONS[type];
}

static void add_item(const struct model_issue *item, struct ke_buf *out)
{
    if (item->field.len > 0) {
        ke_buf_add_str(out, item->field);
        ke_buf_add_c(out, ": ");
    }
    ke_buf_add_str(out, item->message);
}

static bool is_repeated(const struct model_issues *issues, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (ke_str_eq(issues->items[k].field, issues->items[i].field) &&
            ke_str_eq(issues->items[k].message, issues->items[i].message))
            return true;
    }
    return false;
}

void model_issues_format(const struct model_issues *issues, struct ke_buf *out)
{
    size_t n_different = 0;
    for (size_t i = 0; i < issues->n_items; i++)
        n_different += is_repeated(issues, i) ? 0 : 1;
    bool is_list = n_different + issues->n_dropped > 1;

    if (is_list)
        ke_buf_add_char(out, '[');
    const char *between = "";
    for (size_t i = 0; i < issues->n_items; i++) {
        if (is_repeated(issues, i))
            continue;
        ke_buf_add_c(out, between);
        between = ", ";
        add_item(&issues->items[i], out);
    }
    if (issues->n_dropped > 0)
        ke_buf_addf(out, "%sand %zu more", between, issues->n_dropped);
    if (is_list)
        ke_buf_add_char(out, ']');
}
