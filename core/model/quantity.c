/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing, printing and comparing quantities. Pure; any thread. */
#include "core/model/quantity.h"

#define MAX_DIGITS    38 /* of what a model_u128 holds for sure */
#define NANO          (-9)
#define MAX_EXPONENT  999999 /* upstream's is larger and as useless */
#define MAX_BINARY    ((model_u128)INT64_MAX)
#define BINARY_DIGITS 18 /* decimal places kept in front of a binary suffix */

static const struct {
    const char *name;
    int exponent;
    enum model_quantity_format format;
} SUFFIXES[] = {
    { "n", -9, MODEL_QUANTITY_DECIMAL_SI }, { "u", -6, MODEL_QUANTITY_DECIMAL_SI },
    { "m", -3, MODEL_QUANTITY_DECIMAL_SI }, { "", 0, MODEL_QUANTITY_DECIMAL_SI },
    { "k", 3, MODEL_QUANTITY_DECIMAL_SI },  { "M", 6, MODEL_QUANTITY_DECIMAL_SI },
    { "G", 9, MODEL_QUANTITY_DECIMAL_SI },  { "T", 12, MODEL_QUANTITY_DECIMAL_SI },
    { "P", 15, MODEL_QUANTITY_DECIMAL_SI }, { "E", 18, MODEL_QUANTITY_DECIMAL_SI },
    { "Ki", 10, MODEL_QUANTITY_BINARY_SI }, { "Mi", 20, MODEL_QUANTITY_BINARY_SI },
    { "Gi", 30, MODEL_QUANTITY_BINARY_SI }, { "Ti", 40, MODEL_QUANTITY_BINARY_SI },
    { "Pi", 50, MODEL_QUANTITY_BINARY_SI }, { "Ei", 60, MODEL_QUANTITY_BINARY_SI },
};

/* Text taken apart: sign, digits on both sides of the point, suffix. */
struct parts {
    bool is_negative;
    struct ke_str whole; /* without leading zeros */
    struct ke_str fraction;
    struct ke_str suffix;
};

static enum ke_code fail_form(struct ke_err *err)
{
    return ke_fail(err, KE_MALFORMED,
                   "quantities must match the regular expression "
                   "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

static enum ke_code fail_number(struct ke_err *err)
{
    return ke_fail(err, KE_MALFORMED, "unable to parse numeric part of quantity");
}

static struct ke_str cut_digits(struct ke_str *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] >= '0' && rest->ptr[n] <= '9')
        n++;
    struct ke_str digits = ke_str_sub(*rest, 0, n);
    *rest = ke_str_sub(*rest, n, rest->len);
    return digits;
}

static bool is_suffix_form(struct ke_str s)
{
    static const struct ke_str LETTERS = { "eEinumkKMGTP", 12 };
    size_t i = 0;
    while (i < s.len && ke_str_find(LETTERS, s.ptr[i]) < LETTERS.len)
        i++;
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        i++;
    struct ke_str rest = ke_str_sub(s, i, s.len);
    (void)cut_digits(&rest);
    return rest.len == 0;
}

static enum ke_code split(struct ke_str text, struct parts *out, struct ke_err *err)
{
    if (text.len == 0)
        return fail_form(err);
    struct ke_str rest = text;
    out->is_negative = rest.ptr[0] == '-';
    if (out->is_negative || rest.ptr[0] == '+')
        rest = ke_str_sub(rest, 1, rest.len);
    out->whole = cut_digits(&rest);
    out->fraction = ke_str_of(NULL, 0);
    bool has_point = rest.len > 0 && rest.ptr[0] == '.';
    if (has_point) {
        rest = ke_str_sub(rest, 1, rest.len);
        out->fraction = cut_digits(&rest);
    }
    out->suffix = rest;
    if (!is_suffix_form(rest) || (out->whole.len == 0 && !has_point))
        return fail_form(err);
    if (out->whole.len + out->fraction.len == 0)
        return fail_number(err);
    while (out->whole.len > 0 && out->whole.ptr[0] == '0')
        out->whole = ke_str_sub(out->whole, 1, out->whole.len);
    return KE_OK;
}

static enum ke_code read_suffix(struct ke_str suffix, int *out_exponent,
                                enum model_quantity_format *out_format, struct ke_err *err)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(SUFFIXES); i++) {
        if (ke_str_eq_c(suffix, SUFFIXES[i].name)) {
            *out_exponent = SUFFIXES[i].exponent;
            *out_format = SUFFIXES[i].format;
            return KE_OK;
        }
    }
    if (suffix.len > 1 && (suffix.ptr[0] == 'e' || suffix.ptr[0] == 'E')) {
        struct ke_str digits = ke_str_sub(suffix, 1, suffix.len);
        if (digits.ptr[0] == '+')
            digits = ke_str_sub(digits, 1, digits.len);
        int64_t exponent;
        if (ke_str_to_i64(digits, &exponent) && exponent >= -MAX_EXPONENT &&
            exponent <= MAX_EXPONENT) {
            *out_exponent = (int)exponent;
            *out_format = MODEL_QUANTITY_DECIMAL_EXPONENT;
            return KE_OK;
        }
    }
    return ke_fail(err, KE_MALFORMED, "unable to parse quantity's suffix");
}

static void append_digits(model_u128 *value, struct ke_str digits)
{
    for (size_t i = 0; i < digits.len; i++)
        *value = *value * 10 + (unsigned char)(digits.ptr[i] - '0');
}

static void strip_zeros(struct model_quantity *q)
{
    if (q->value == 0) {
        q->scale = 0;
        q->is_negative = false;
        return;
    }
    while (q->value % 10 == 0) {
        q->value /= 10;
        q->scale++;
    }
}

/* Finer than nano is rounded away from zero: who asks for little gets something. */
static void round_to_nano(struct model_quantity *q)
{
    bool is_inexact = false;
    while (q->scale < NANO && q->value > 0) {
        is_inexact = is_inexact || q->value % 10 != 0;
        q->value /= 10;
        q->scale++;
    }
    if (q->scale < NANO) /* all digits are gone */
        q->scale = NANO;
    q->value += is_inexact ? 1 : 0;
}

static enum ke_code read_decimal(const struct parts *parts, int exponent,
                                 struct model_quantity *out, struct ke_err *err)
{
    struct ke_str fraction = parts->fraction;
    while (fraction.len > 0 && fraction.ptr[fraction.len - 1] == '0')
        fraction.len--;
    struct ke_str whole = parts->whole;
    if (whole.len == 0) {
        size_t n_zeros = 0;
        while (n_zeros < fraction.len && fraction.ptr[n_zeros] == '0')
            n_zeros++;
        /* Zeros behind the point count for the scale, not for the digits. */
        if (fraction.len - n_zeros > MAX_DIGITS)
            return fail_number(err);
    } else if (whole.len + fraction.len > MAX_DIGITS) {
        return fail_number(err);
    }
    append_digits(&out->value, whole);
    append_digits(&out->value, fraction);
    if (fraction.len > MAX_EXPONENT)
        return fail_number(err);
    out->scale = exponent - (int)fraction.len;
    return KE_OK;
}

static void read_binary(const struct parts *parts, int exponent, struct model_quantity *out)
{
    struct ke_str fraction = ke_str_sub(parts->fraction, 0, BINARY_DIGITS);
    model_u128 whole = 0;
    append_digits(&whole, ke_str_sub(parts->whole, 0, 20));
    if (parts->whole.len > 19 || (whole << exponent) > MAX_BINARY) {
        out->value = MAX_BINARY;
        return;
    }
    out->value = whole;
    append_digits(&out->value, fraction);
    out->value <<= exponent; /* below 2^63 * 10^18 */
    out->scale = -(int)fraction.len;
}

enum ke_code model_quantity_parse(struct ke_str text, struct model_quantity *out,
                                  struct ke_err *err)
{
    struct parts parts = { .is_negative = false };
    int exponent = 0;
    struct model_quantity q = { .value = 0 };
    enum ke_code rc = split(text, &parts, err);
    if (rc == KE_OK)
        rc = read_suffix(parts.suffix, &exponent, &q.format, err);
    if (rc != KE_OK)
        return rc;
    if (q.format == MODEL_QUANTITY_BINARY_SI)
        read_binary(&parts, exponent, &q);
    else
        rc = read_decimal(&parts, exponent, &q, err);
    if (rc != KE_OK)
        return rc;
    q.is_negative = parts.is_negative;
    round_to_nano(&q);
    strip_zeros(&q);
    *out = q;
    return KE_OK;
}

static size_t count_digits(model_u128 value)
{
    size_t n = 0;
    for (; value > 0; value /= 10)
        n++;
    return n;
}

static void add_u128(struct ke_buf *out, model_u128 value)
{
    char text[40];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value > 0);
    ke_buf_add(out, text + at, sizeof(text) - at);
}

/* The whole number, when it is one and fits. */
static bool to_whole(const struct model_quantity *q, model_u128 *out)
{
    if (q->scale < 0 || count_digits(q->value) + (size_t)q->scale > MAX_DIGITS)
        return false;
    *out = q->value;
    for (int i = 0; i < q->scale; i++)
        *out *= 10;
    return true;
}

static bool format_binary(const struct model_quantity *q, struct ke_buf *out)
{
    model_u128 whole;
    if (!to_whole(q, &whole) || whole < 1024)
        return false;
    int exponent = 0;
    while (whole % 1024 == 0) {
        whole /= 1024;
        exponent += 10;
    }
    add_u128(out, whole);
    for (size_t i = 0; exponent > 0 && i < KE_ARRAY_LEN(SUFFIXES); i++) {
        if (SUFFIXES[i].format == MODEL_QUANTITY_BINARY_SI && SUFFIXES[i].exponent == exponent)
            ke_buf_add_c(out, SUFFIXES[i].name);
    }
    return true;
}

static const char *decimal_suffix(int exponent)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(SUFFIXES); i++) {
        if (SUFFIXES[i].format == MODEL_QUANTITY_DECIMAL_SI && SUFFIXES[i].exponent == exponent)
            return SUFFIXES[i].name;
    }
    return NULL;
}

void model_quantity_format(const struct model_quantity *quantity, struct ke_buf *out)
{
    if (quantity->value == 0) {
        ke_buf_add_char(out, '0');
        return;
    }
    if (quantity->is_negative)
        ke_buf_add_char(out, '-');
    if (quantity->format == MODEL_QUANTITY_BINARY_SI && format_binary(quantity, out))
        return;
    /* The largest exponent that is a multiple of three: fill up with zeros. */
    int exponent = quantity->scale;
    add_u128(out, quantity->value);
    for (; exponent % 3 != 0; exponent--)
        ke_buf_add_char(out, '0');
    const char *suffix = decimal_suffix(exponent);
    if (quantity->format == MODEL_QUANTITY_DECIMAL_EXPONENT && exponent != 0)
        suffix = NULL;
    if (suffix != NULL)
        ke_buf_add_c(out, suffix);
    else
        ke_buf_addf(out, "e%d", exponent);
}

static int cmp_magnitude(const struct model_quantity *a, const struct model_quantity *b)
{
    size_t n_a = count_digits(a->value);
    size_t n_b = count_digits(b->value);
    int64_t top_a = (int64_t)n_a + a->scale;
    int64_t top_b = (int64_t)n_b + b->scale;
    if (top_a != top_b)
        return top_a < top_b ? -1 : 1;
    /* Same place of the first digit: bring both to as many digits. */
    model_u128 left = a->value;
    model_u128 right = b->value;
    for (; n_a < n_b; n_a++)
        left *= 10;
    for (; n_b < n_a; n_b++)
        right *= 10;
    return left < right ? -1 : left > right;
}

int model_quantity_cmp(const struct model_quantity *a, const struct model_quantity *b)
{
    if (a->value == 0 || b->value == 0) {
        int left = a->value == 0 ? 0 : a->is_negative ? -1 : 1;
        int right = b->value == 0 ? 0 : b->is_negative ? -1 : 1;
        return left < right ? -1 : left > right;
    }
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    int order = cmp_magnitude(a, b);
    return a->is_negative ? -order : order;
}

/* The value at a scale that is not above its own, or the largest there is. */
static model_u128 value_at_scale(const struct model_quantity *q, int32_t scale, model_u128 max)
{
    model_u128 value = q->value;
    for (int32_t at = q->scale; at > scale; at--) {
        if (value > max / 10)
            return max;
        value *= 10;
    }
    return value;
}

void model_quantity_add(const struct model_quantity *a, const struct model_quantity *b,
                        struct model_quantity *out)
{
    model_u128 max = 1;
    for (int i = 0; i < MAX_DIGITS; i++)
        max *= 10;
    max -= 1;
    struct model_quantity sum = { .format = a->value == 0 ? b->format : a->format };
    /* A zero has no say in how fine the sum is. */
    sum.scale = a->value == 0 || (b->value != 0 && b->scale < a->scale) ? b->scale : a->scale;
    model_u128 left = a->value == 0 ? 0 : value_at_scale(a, sum.scale, max);
    model_u128 right = b->value == 0 ? 0 : value_at_scale(b, sum.scale, max);
    if (a->is_negative == b->is_negative) {
        sum.value = left > max - right ? max : left + right;
        sum.is_negative = a->is_negative;
    } else {
        sum.value = left > right ? left - right : right - left;
        sum.is_negative = left > right ? a->is_negative : b->is_negative;
    }
    strip_zeros(&sum);
    *out = sum;
}

void model_quantity_sub(const struct model_quantity *a, const struct model_quantity *b,
                        struct model_quantity *out)
{
    struct model_quantity negated = *b;
    negated.is_negative = b->value != 0 && !b->is_negative;
    model_quantity_add(a, &negated, out);
}
