/* SPDX-License-Identifier: Apache-2.0 */
/* What an unquoted scalar means, by the tables of YAML 1.1 as Go's decoder (v2) reads them. Pure.
 */
#include "core/model/yaml_scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_TEXT_MAX 512

static bool is_one_of(struct ke_str text, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (ke_str_eq_c(text, words[i]))
            return true;
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* strconv.ParseInt(text, 0, 64) after the sign: 0x, 0o and 0b, 0 for octal. */
static bool parse_magnitude(struct ke_str digits, uint64_t max, uint64_t *out)
{
    unsigned base = 10;
    if (digits.len > 1 && digits.ptr[0] == '0') {
        char c = digits.ptr[1] | 0x20;
        bool has_letter = c == 'x' || c == 'o' || c == 'b';
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        digits = ke_str_sub(digits, has_letter ? 2 : 1, digits.len);
    }
    if (digits.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        unsigned digit = 99;
        if (is_digit(c))
            digit = (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (unsigned)((c | 0x20) - 'a') + 10;
        if (digit >= base || value > (max - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

static bool parse_int(struct ke_str text, struct yaml_scalar *out)
{
    bool is_negative = text.ptr[0] == '-';
    if (is_negative || text.ptr[0] == '+')
        text = ke_str_sub(text, 1, text.len);
    uint64_t value = 0;
    if (!parse_magnitude(text, UINT64_MAX, &value))
        return false;
    uint64_t most = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    if (value <= most) {
        *out = (struct yaml_scalar){ .type = YAML_SCALAR_INT };
        out->integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
        return true;
    }
    if (is_negative)
        return false; /* may be a float yet */
    *out = (struct yaml_scalar){ .type = YAML_SCALAR_FLOAT, .number = (double)value };
    return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_float(const char *at)
{
    size_t n_before = 0;
    size_t n_after = 0;
    at += *at == '-' || *at == '+';
    for (; is_digit(*at); at++)
        n_before++;
    if (*at == '.') {
        for (at++; is_digit(*at); at++)
            n_after++;
    }
    if (n_before + n_after == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (!is_digit(*at))
            return false;
        while (is_digit(*at))
            at++;
    }
    return *at == '\0';
}

static struct yaml_scalar resolve_number(struct ke_str text)
{
    struct yaml_scalar out = { .type = YAML_SCALAR_STRING };
    char plain[NUMBER_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_')
            continue;
        if (len + 1 == sizeof(plain))
            return out;
        plain[len++] = text.ptr[i];
    }
    plain[len] = '\0';
    if (parse_int(ke_str_of(plain, len), &out) || !looks_float(plain))
        return out;
    double number = strtod(plain, NULL);
    if (isfinite(number))
        out = (struct yaml_scalar){ .type = YAML_SCALAR_FLOAT, .number = number };
    return out;
}

struct yaml_scalar yaml_scalar_resolve(struct ke_str text)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const trues[] = { "y",    "Y",    "yes", "Yes", "YES", "true",
                                         "True", "TRUE", "on",  "On",  "ON",  NULL };
    static const char *const falses[] = { "n",     "N",     "no",  "No",  "NO",  "false",
                                          "False", "FALSE", "off", "Off", "OFF", NULL };
    static const char *const no_json[] = { ".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",
                                           ".INF",  "+.inf", "+.Inf", "+.INF", "-.inf",
                                           "-.Inf", "-.INF", NULL };
    struct yaml_scalar out = { .type = YAML_SCALAR_STRING };
    if (is_one_of(text, nulls)) {
        out.type = YAML_SCALAR_NULL;
    } else if (ke_str_eq_c(text, "<<")) {
        out.type = YAML_SCALAR_MERGE;
    } else if (is_one_of(text, trues) || is_one_of(text, falses)) {
        out.type = YAML_SCALAR_BOOL;
        out.boolean = is_one_of(text, trues);
    } else if (is_one_of(text, no_json)) {
        out.type = YAML_SCALAR_NO_JSON;
    } else if (is_digit(text.ptr[0]) || strchr("+-.", text.ptr[0]) != NULL) {
        out = resolve_number(text);
    }
    return out;
}

bool yaml_scalar_is_ambiguous(struct ke_str text)
{
    bool has_colon = false;
    size_t n_digits = 0;
    while (n_digits < text.len && is_digit(text.ptr[n_digits]))
        n_digits++;
    if (n_digits == 4 && text.len > 5 && text.ptr[4] == '-' && is_digit(text.ptr[5]))
        return true; /* 2006-1-2 and on */
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        has_colon = has_colon || c == ':';
        if (!is_digit(c) && strchr("+-_:.", c) == NULL)
            return false;
    }
    return has_colon;
}
