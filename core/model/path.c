/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field paths and the reports of validation, in the words of apimachinery's field.Error
 * (util/validation/field/errors.go). One thread.
 */
#include "core/model/path.h"

#include <inttypes.h>

#include "core/base/json.h"
#include "core/base/limits.h"

static void add_path(const struct model_path *path, struct ke_buf *out)
{
    if (path->parent != NULL)
        add_path(path->parent, out);
    if (path->name != NULL && path->name[0] != '\0') {
        if (path->parent != NULL)
            ke_buf_add_char(out, '.');
        ke_buf_add_c(out, path->name);
        return;
    }
    ke_buf_add_char(out, '[');
    if (path->key.ptr != NULL)
        ke_buf_add_str(out, path->key);
    else if (path->name == NULL) /* upstream calls the whole object "[]" */
        ke_buf_add_u64(out, path->index);
    ke_buf_add_char(out, ']');
}

/* Copies what a buffer holds into the arena; {NULL,0} when either failed. */
static struct ke_str settle(struct ke_arena *arena, const struct ke_buf *buf)
{
    if (buf->failed != KE_OK)
        return (struct ke_str){ NULL, 0 };
    return ke_arena_str(arena, ke_buf_str(buf));
}

struct ke_str model_path_text(struct model_issues *issues, const struct model_path *path)
{
    ke_auto_buf buf = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    add_path(path, &buf);
    return settle(issues->arena, &buf);
}

/* The letter behind the backslash, or 0. */
static char escape_letter(unsigned char c)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    if (c >= 7 && c <= 13)
        return letters[c - 7];
    return c == '"' || c == '\\' ? (char)c : '\0';
}

/* Text beyond ASCII passes as it is: JSON input is checked UTF-8. */
static void add_quoted(struct ke_buf *out, struct ke_str s)
{
    ke_buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char letter = escape_letter(c);
        if (letter != '\0') {
            ke_buf_add_char(out, '\\');
            ke_buf_add_char(out, letter);
        } else if (c < 0x20 || c == 0x7f) {
            ke_buf_addf(out, "\\x%02x", c);
        } else {
            ke_buf_add_char(out, (char)c);
        }
    }
    ke_buf_add_char(out, '"');
}

struct ke_str model_go_quote(struct ke_arena *arena, struct ke_str s)
{
    ke_auto_buf buf = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    add_quoted(&buf, s);
    return settle(arena, &buf);
}

static void add_json(struct ke_buf *out, const cJSON *value)
{
    if (cJSON_IsString(value))
        add_quoted(out, ke_json_value_str(value));
    else
        ke_json_print(value, out);
}

struct ke_str model_go_strings(struct ke_arena *arena, const cJSON *list)
{
    ke_auto_buf buf = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (list == NULL) {
        ke_buf_add_c(&buf, "[]string(nil)");
        return settle(arena, &buf);
    }
    ke_buf_add_c(&buf, "[]string{");
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (item != list->child)
            ke_buf_add_c(&buf, ", ");
        add_json(&buf, item);
    }
    ke_buf_add_char(&buf, '}');
    return settle(arena, &buf);
}

struct ke_str model_go_string_map(struct ke_arena *arena, const cJSON *map)
{
    ke_auto_buf buf = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (map == NULL) {
        ke_buf_add_c(&buf, "map[string]string(nil)");
        return settle(arena, &buf);
    }
    if (cJSON_GetArraySize(map) > LIMIT_LIST_ITEMS)
        return KE_STR("map[string]string{...}");
    /* Go prints maps sorted by key: each turn prints the smallest that is greater than the last. */
    ke_buf_add_c(&buf, "map[string]string{");
    struct ke_str last = { NULL, 0 };
    for (;;) {
        const cJSON *next = NULL;
        const cJSON *item;
        cJSON_ArrayForEach(item, map) {
            struct ke_str key = ke_str_c(item->string);
            if ((last.ptr == NULL || ke_str_cmp(key, last) > 0) &&
                (next == NULL || ke_str_cmp(key, ke_str_c(next->string)) < 0))
                next = item;
        }
        if (next == NULL)
            break;
        if (last.ptr != NULL)
            ke_buf_add_c(&buf, ", ");
        last = ke_str_c(next->string);
        add_quoted(&buf, last);
        ke_buf_add_char(&buf, ':');
        add_json(&buf, next);
    }
    ke_buf_add_char(&buf, '}');
    return settle(arena, &buf);
}

/* "Invalid value: printed: detail", each part left out when empty. */
static void report(struct model_issues *issues, enum model_issue_type type,
                   const struct model_path *path, struct ke_str printed, const char *detail)
{
    static const char *const heads[] = {
        [MODEL_ISSUE_REQUIRED] = "Required value",
        [MODEL_ISSUE_INVALID] = "Invalid value",
        [MODEL_ISSUE_NOT_SUPPORTED] = "Unsupported value",
        [MODEL_ISSUE_DUPLICATE] = "Duplicate value",
        [MODEL_ISSUE_FORBIDDEN] = "Forbidden",
        [MODEL_ISSUE_NOT_FOUND] = "Not found",
        [MODEL_ISSUE_TOO_LONG] = "Too long",
        [MODEL_ISSUE_TOO_MANY] = "Too many",
        [MODEL_ISSUE_TYPE_INVALID] = "Invalid value",
    };
    struct ke_str field = model_path_text(issues, path);
    struct ke_str message =
        ke_arena_fmt(issues->arena, "%s%s%.*s%s%s", heads[type], printed.len > 0 ? ": " : "",
                     KE_STR_ARG(printed), detail[0] != '\0' ? ": " : "", detail);
    model_issues_add(issues, type, field, message.ptr != NULL ? message : ke_str_c(heads[type]));
}

void model_report_required(struct model_issues *issues, struct model_path path, const char *detail)
{
    report(issues, MODEL_ISSUE_REQUIRED, &path, KE_STR(""), detail);
}

void model_report_forbidden(struct model_issues *issues, struct model_path path, const char *detail)
{
    report(issues, MODEL_ISSUE_FORBIDDEN, &path, KE_STR(""), detail);
}

void model_report_invalid(struct model_issues *issues, struct model_path path, struct ke_str value,
                          const char *detail)
{
    report(issues, MODEL_ISSUE_INVALID, &path, model_go_quote(issues->arena, value), detail);
}

void model_report_invalid_int(struct model_issues *issues, struct model_path path, int64_t value,
                              const char *detail)
{
    report(issues, MODEL_ISSUE_INVALID, &path, ke_arena_fmt(issues->arena, "%" PRId64, value),
           detail);
}

void model_report_invalid_raw(struct model_issues *issues, struct model_path path,
                              struct ke_str printed, const char *detail)
{
    report(issues, MODEL_ISSUE_INVALID, &path, printed, detail);
}

void model_report_duplicate(struct model_issues *issues, struct model_path path,
                            struct ke_str value)
{
    report(issues, MODEL_ISSUE_DUPLICATE, &path, model_go_quote(issues->arena, value), "");
}

void model_report_duplicate_raw(struct model_issues *issues, struct model_path path,
                                struct ke_str printed)
{
    report(issues, MODEL_ISSUE_DUPLICATE, &path, printed, "");
}

void model_report_not_supported(struct model_issues *issues, struct model_path path,
                                struct ke_str value, const char *const *allowed)
{
    ke_auto_buf detail = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    ke_buf_add_c(&detail, "supported values: ");
    for (size_t i = 0; allowed[i] != NULL; i++) {
        if (i > 0)
            ke_buf_add_c(&detail, ", ");
        add_quoted(&detail, ke_str_c(allowed[i]));
    }
    struct ke_str text = settle(issues->arena, &detail);
    report(issues, MODEL_ISSUE_NOT_SUPPORTED, &path, model_go_quote(issues->arena, value),
           text.ptr != NULL ? text.ptr : "");
}

void model_report_not_found(struct model_issues *issues, struct model_path path,
                            struct ke_str value)
{
    report(issues, MODEL_ISSUE_NOT_FOUND, &path, model_go_quote(issues->arena, value), "");
}

void model_report_too_long(struct model_issues *issues, struct model_path path, size_t max_bytes)
{
    struct ke_str detail = ke_arena_fmt(issues->arena, "may not be more than %zu bytes", max_bytes);
    report(issues, MODEL_ISSUE_TOO_LONG, &path, KE_STR(""), detail.ptr != NULL ? detail.ptr : "");
}

void model_report_too_many(struct model_issues *issues, struct model_path path, size_t n,
                           size_t max)
{
    struct ke_str detail = ke_arena_fmt(issues->arena, "must have at most %zu items", max);
    report(issues, MODEL_ISSUE_TOO_MANY, &path, ke_arena_fmt(issues->arena, "%zu", n),
           detail.ptr != NULL ? detail.ptr : "");
}

void model_report_no_memory(struct model_issues *issues)
{
    model_issues_add(issues, MODEL_ISSUE_INVALID, KE_STR(""),
                     KE_STR("Internal error: out of memory"));
}
