/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions by PCRE2; the only file that knows it. */
#include "core/model/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

#define HEAP_KIB           1024 /* of one match */

#define QUICK_STEPS        256
#define QUICK_STEPS_A_BYTE 32

struct model_pattern {
    pcre2_code *code;
};

/* The character behind a backslash: does it refer to what was matched, or mean what RE2 has not? */
static bool is_reference(char c)
{
    return (c >= '1' && c <= '9') || c == 'k' || c == 'g' || c == 'K' || c == 'R';
}

/* Where a class that begins at text[at] has its first character that may end it. */
static size_t class_begin(struct ke_str text, size_t at)
{
    size_t first = at + 1 < text.len && text.ptr[at + 1] == '^' ? at + 2 : at + 1;
    return first < text.len && text.ptr[first] == ']' ? first + 1 : first;
}

/* The group that text begins with, if RE2 has no such. */
static struct ke_str odd_group(struct ke_str text)
{
    static const char *const groups[] = { "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?(", "(?#", "(*" };
    for (size_t i = 0; i < KE_ARRAY_LEN(groups); i++) {
        if (ke_str_has_prefix(text, ke_str_c(groups[i])))
            return ke_str_c(groups[i]);
    }
    return (struct ke_str){ NULL, 0 };
}

/* What PCRE2 would take and RE2 does not: the first such piece, or nothing. */
static struct ke_str find_unsupported(struct ke_str text)
{
    bool is_in_class = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        struct ke_str odd = { NULL, 0 };
        if (c == '\\') {
            if (!is_in_class && i + 1 < text.len && is_reference(text.ptr[i + 1]))
                return ke_str_sub(text, i, 2);
            i++;
        } else if (is_in_class) {
            is_in_class = c != ']';
        } else if (c == '[') {
            is_in_class = true;
            i = class_begin(text, i) - 1;
        } else if (c == '(') {
            odd = odd_group(ke_str_sub(text, i, text.len - i));
        }
        if (odd.ptr != NULL)
            return odd;
    }
    return (struct ke_str){ NULL, 0 };
}

enum ke_code model_pattern_new(struct ke_str text, struct model_pattern **out, struct ke_err *err)
{
    struct ke_str odd = find_unsupported(text);
    if (odd.ptr != NULL) {
        return ke_fail(err, KE_MALFORMED,
                       "error parsing regexp: invalid or unsupported Perl syntax: `%.*s`",
                       KE_STR_ARG(odd));
    }
    if (text.len > LIMIT_PATTERN_BYTES)
        return ke_fail(err, KE_MALFORMED, "error parsing regexp: expression too large");
    struct model_pattern *pattern = ke_alloc(sizeof(*pattern));
    int code = 0;
    PCRE2_SIZE at = 0;
    if (pattern == NULL)
        return ke_fail(err, KE_NOMEM, "regular expression");
    uint32_t options =
        PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_POSSESS | PCRE2_NEVER_BACKSLASH_C;
    pattern->code = pcre2_compile((PCRE2_SPTR)(text.len > 0 ? text.ptr : ""), text.len, options,
                                  &code, &at, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR why[128];
        (void)pcre2_get_error_message(code, why, sizeof(why));
        free(pattern);
        if (code == PCRE2_ERROR_HEAP_FAILED)
            return ke_fail(err, KE_NOMEM, "regular expression");
        return ke_fail(err, KE_MALFORMED, "error parsing regexp: %s at %zu", (const char *)why,
                       (size_t)at);
    }
    *out = pattern;
    return KE_OK;
}

void model_pattern_free(struct model_pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

static int run(const struct model_pattern *pattern, struct ke_str text, uint32_t max_steps)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int rc = PCRE2_ERROR_NOMEMORY;
    if (data != NULL && context != NULL) {
        (void)pcre2_set_match_limit(context, max_steps);
        (void)pcre2_set_depth_limit(context, max_steps);
        (void)pcre2_set_heap_limit(context, HEAP_KIB);
        rc = pcre2_match(pattern->code, (PCRE2_SPTR)(text.len > 0 ? text.ptr : ""), text.len, 0,
                         PCRE2_NO_UTF_CHECK, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    return rc;
}

enum model_match model_pattern_match(const struct model_pattern *pattern, struct ke_str text,
                                     unsigned *n_slow)
{
    size_t quick = QUICK_STEPS + QUICK_STEPS_A_BYTE * text.len;
    bool is_short = quick < LIMIT_PATTERN_STEPS;
    int rc = is_short ? run(pattern, text, (uint32_t)quick) : PCRE2_ERROR_MATCHLIMIT;
    bool is_slow = rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT;
    if (is_slow && *n_slow > 0) {
        --*n_slow;
        rc = run(pattern, text, LIMIT_PATTERN_STEPS);
    }
    if (rc == PCRE2_ERROR_NOMATCH)
        return MODEL_MATCH_NO;
    return rc >= 0 ? MODEL_MATCH_YES : MODEL_MATCH_UNKNOWN;
}
