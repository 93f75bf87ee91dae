/* SPDX-License-Identifier: Apache-2.0 */
/* Reads schedules field by field, in the order in which upstream complains. Pure; any thread. */
#include "core/model/cron.h"

#include <stdbool.h>
#include <stdint.h>

#define N_FIELDS 5

struct field {
    uint64_t min, max;
    const char *names; /* three letters each; NULL: none */
    uint64_t first_name;
};

static const struct field fields[N_FIELDS] = {
    { 0, 59, NULL, 0 },
    { 0, 23, NULL, 0 },
    { 1, 31, NULL, 0 },
    { 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1 },
    { 0, 6, "sunmontuewedthufrisat", 0 },
};

static const char no_memory[] = "out of memory";

static const char *text_of(struct ke_str text)
{
    return text.ptr != NULL ? text.ptr : no_memory;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* The next word of rest; false: none. */
static bool next_word(struct ke_str *rest, struct ke_str *out)
{
    size_t at = 0;
    while (at < rest->len && is_space(rest->ptr[at]))
        at++;
    size_t end = at;
    while (end < rest->len && !is_space(rest->ptr[end]))
        end++;
    *out = ke_str_sub(*rest, at, end - at);
    *rest = ke_str_sub(*rest, end, rest->len - end);
    return out->len > 0;
}

static const char *read_number(struct ke_str text, struct ke_arena *arena, uint64_t *out)
{
    struct ke_str digits = text;
    bool is_negative = ke_str_cut_prefix(&digits, KE_STR("-"));
    if (!is_negative)
        (void)ke_str_cut_prefix(&digits, KE_STR("+"));
    if (!ke_str_to_u64(digits, INT64_MAX, out)) {
        return text_of(ke_arena_fmt(arena,
                                    "failed to parse int from %.*s: strconv.Atoi: parsing "
                                    "\"%.*s\": invalid syntax",
                                    KE_STR_ARG(text), KE_STR_ARG(text)));
    }
    if (is_negative && *out > 0)
        return text_of(ke_arena_fmt(arena, "negative number (%.*s) not allowed: %.*s",
                                    KE_STR_ARG(text), KE_STR_ARG(text)));
    return NULL;
}

static const char *read_value(const struct field *field, struct ke_str text, struct ke_arena *arena,
                              uint64_t *out)
{
    struct ke_str names = ke_str_c(field->names != NULL ? field->names : "");
    for (size_t i = 0; i + 3 <= names.len && text.len == 3; i += 3) {
        if (ke_str_eq_nocase(text, ke_str_sub(names, i, 3))) {
            *out = field->first_name + i / 3;
            return NULL;
        }
    }
    return read_number(text, arena, out);
}

static size_t count_of(struct ke_str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == c;
    return n;
}

struct range {
    uint64_t start, end, step;
    bool is_single; /* "a": with a step it goes on to the end */
};

/* "a", "a-b", "*". */
static const char *read_bounds(const struct field *field, struct ke_str text, struct ke_str expr,
                               struct ke_arena *arena, struct range *out)
{
    size_t hyphen = ke_str_find(text, '-');
    struct ke_str low = ke_str_sub(text, 0, hyphen);
    *out = (struct range){ .start = field->min, .end = field->max, .step = 1 };
    out->is_single = hyphen == text.len;
    if (ke_str_eq_c(low, "*") || ke_str_eq_c(low, "?"))
        return NULL;
    const char *complaint = read_value(field, low, arena, &out->start);
    out->end = out->start;
    if (complaint != NULL || out->is_single)
        return complaint;
    if (count_of(text, '-') > 1)
        return text_of(ke_arena_fmt(arena, "too many hyphens: %.*s", KE_STR_ARG(expr)));
    return read_value(field, ke_str_sub(text, hyphen + 1, text.len - hyphen - 1), arena, &out->end);
}

static const char *judge(const struct field *field, const struct range *range, struct ke_str expr,
                         struct ke_arena *arena)
{
    unsigned long long start = range->start;
    unsigned long long end = range->end;
    if (start < field->min) {
        return text_of(ke_arena_fmt(arena, "beginning of range (%llu) below minimum (%llu): %.*s",
                                    start, (unsigned long long)field->min, KE_STR_ARG(expr)));
    }
    if (end > field->max) {
        return text_of(ke_arena_fmt(arena, "end of range (%llu) above maximum (%llu): %.*s", end,
                                    (unsigned long long)field->max, KE_STR_ARG(expr)));
    }
    if (start > end) {
        return text_of(ke_arena_fmt(arena,
                                    "beginning of range (%llu) beyond end of range (%llu): %.*s",
                                    start, end, KE_STR_ARG(expr)));
    }
    if (range->step == 0) {
        return text_of(ke_arena_fmt(arena, "step of range should be a positive number: %.*s",
                                    KE_STR_ARG(expr)));
    }
    return NULL;
}

/* A range, perhaps with "/step". */
static const char *check_range(const struct field *field, struct ke_str expr,
                               struct ke_arena *arena)
{
    size_t slash = ke_str_find(expr, '/');
    struct range range;
    const char *complaint = read_bounds(field, ke_str_sub(expr, 0, slash), expr, arena, &range);
    if (complaint != NULL)
        return complaint;
    if (count_of(expr, '/') > 1)
        return text_of(ke_arena_fmt(arena, "too many slashes: %.*s", KE_STR_ARG(expr)));
    if (slash < expr.len) {
        complaint =
            read_number(ke_str_sub(expr, slash + 1, expr.len - slash - 1), arena, &range.step);
        if (range.is_single)
            range.end = field->max;
    }
    return complaint != NULL ? complaint : judge(field, &range, expr, arena);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "1h30m", "1.5s": numbers with a unit each, at least one. */
static bool is_duration(struct ke_str text)
{
    static const char *const units[] = { "ns", "us", "\xc2\xb5s", "ms", "s", "m", "h" };
    struct ke_str rest = text;
    if (!ke_str_cut_prefix(&rest, KE_STR("-")))
        (void)ke_str_cut_prefix(&rest, KE_STR("+"));
    if (ke_str_eq_c(rest, "0"))
        return true;
    bool has_any = false;
    while (rest.len > 0) {
        size_t n = 0;
        size_t n_digits = 0;
        for (; n < rest.len && (is_digit(rest.ptr[n]) || rest.ptr[n] == '.'); n++)
            n_digits += is_digit(rest.ptr[n]);
        struct ke_str number = ke_str_sub(rest, 0, n);
        rest = ke_str_sub(rest, n, rest.len - n);
        bool has_unit = false;
        for (size_t i = 0; i < KE_ARRAY_LEN(units) && !has_unit; i++) {
            struct ke_str after = rest;
            has_unit = ke_str_cut_prefix(&after, ke_str_c(units[i])) &&
                       (after.len == 0 || is_digit(after.ptr[0]) || after.ptr[0] == '.');
            if (has_unit)
                rest = after;
        }
        if (n_digits == 0 || count_of(number, '.') > 1 || !has_unit)
            return false;
        has_any = true;
    }
    return has_any;
}

static const char *check_named(struct ke_str schedule, struct ke_arena *arena)
{
    static const char *const names[] = { "@yearly", "@annually", "@monthly", "@weekly",
                                         "@daily",  "@midnight", "@hourly" };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        if (ke_str_eq_c(schedule, names[i]))
            return NULL;
    }
    struct ke_str duration = schedule;
    if (!ke_str_cut_prefix(&duration, KE_STR("@every ")))
        return text_of(ke_arena_fmt(arena, "unrecognized descriptor: %.*s", KE_STR_ARG(schedule)));
    if (is_duration(duration))
        return NULL;
    return text_of(ke_arena_fmt(arena,
                                "failed to parse duration %.*s: time: invalid duration \"%.*s\"",
                                KE_STR_ARG(schedule), KE_STR_ARG(duration)));
}

/* Behind "TZ=zone " or "CRON_TZ=zone ". */
static struct ke_str without_zone(struct ke_str schedule)
{
    if (!ke_str_has_prefix(schedule, KE_STR("TZ=")) &&
        !ke_str_has_prefix(schedule, KE_STR("CRON_TZ=")))
        return schedule;
    size_t blank = ke_str_find(schedule, ' ');
    return ke_str_trim(ke_str_sub(schedule, blank, schedule.len - blank));
}

/* A list, its empty items left out. */
static const char *check_field(const struct field *field, struct ke_str word,
                               struct ke_arena *arena)
{
    struct ke_str rest = word;
    struct ke_str expr;
    while (ke_str_split(&rest, ',', &expr)) {
        const char *complaint = expr.len > 0 ? check_range(field, expr, arena) : NULL;
        if (complaint != NULL)
            return complaint;
    }
    return NULL;
}

const char *model_cron_complaint(struct ke_str schedule, struct ke_arena *arena)
{
    struct ke_str spec = without_zone(schedule);
    if (ke_str_has_prefix(spec, KE_STR("@")))
        return check_named(spec, arena);
    struct ke_str rest = spec;
    struct ke_str word;
    size_t n = 0;
    while (next_word(&rest, &word))
        n++;
    if (n != N_FIELDS)
        return text_of(ke_arena_fmt(arena, "expected exactly 5 fields, found %zu: [%.*s]", n,
                                    KE_STR_ARG(spec)));
    rest = spec;
    for (size_t i = 0; i < N_FIELDS && next_word(&rest, &word); i++) {
        const char *complaint = check_field(&fields[i], word, arena);
        if (complaint != NULL)
            return complaint;
    }
    return NULL;
}
