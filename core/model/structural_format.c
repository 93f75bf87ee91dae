/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of strings that apiextensions-apiserver checks (pkg/apiserver/validation/formats.go,
 * version 1.0 of its list). Pure.
 */
#include <stddef.h>

#include "core/base/addr.h"
#include "core/base/clock.h"
#include "core/model/structural.h"

#define HOSTNAME_BYTES 255

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* n hexadecimal digits from at. */
static bool has_hex(struct ke_str s, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        if (i >= s.len || !is_hex(s.ptr[i]))
            return false;
    }
    return true;
}

/* shape: d a digit, anything else itself. */
static bool has_shape(struct ke_str s, const char *shape)
{
    if (s.len != strlen(shape))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (shape[i] == 'd' ? !is_digit(s.ptr[i]) : s.ptr[i] != shape[i])
            return false;
    }
    return true;
}

static bool is_date(struct ke_str s)
{
    static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (!has_shape(s, "dddd-dd-dd"))
        return false;
    unsigned year = (unsigned)(s.ptr[0] - '0') * 1000 + (unsigned)(s.ptr[1] - '0') * 100 +
                    (unsigned)(s.ptr[2] - '0') * 10 + (unsigned)(s.ptr[3] - '0');
    unsigned month = (unsigned)(s.ptr[5] - '0') * 10 + (unsigned)(s.ptr[6] - '0');
    unsigned day = (unsigned)(s.ptr[8] - '0') * 10 + (unsigned)(s.ptr[9] - '0');
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12)
        return false;
    return day >= 1 && day <= days[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

static bool is_datetime(struct ke_str s)
{
    int64_t us = 0;
    struct ke_err err = KE_ERR_INIT;
    return ke_time_parse_us(s, &us, &err) == KE_OK;
}

/* As Go's time.ParseDuration ("1h30m"), or a number and a word ("3 days"). */
static bool is_duration(struct ke_str s)
{
    static const char *const units[] = {
        "ns",     "us",      "\xc2\xb5s", "ms",     "s",      "m",       "h",
        "d",      "w",       "nanos",     "micros", "millis", "sec",     "secs",
        "second", "seconds", "min",       "mins",   "minute", "minutes", "hr",
        "hrs",    "hour",    "hours",     "day",    "days",   "week",    "weeks",
    };
    struct ke_str rest = s;
    if (!ke_str_cut_prefix(&rest, KE_STR("-")))
        (void)ke_str_cut_prefix(&rest, KE_STR("+"));
    if (ke_str_eq_c(rest, "0"))
        return true;
    size_t n_parts = 0;
    while (rest.len > 0) {
        size_t n = 0;
        size_t n_digits = 0;
        while (n < rest.len && (is_digit(rest.ptr[n]) || rest.ptr[n] == '.'))
            n_digits += is_digit(rest.ptr[n++]) ? 1 : 0;
        while (n < rest.len && rest.ptr[n] == ' ')
            n++;
        size_t from = n;
        while (n < rest.len && !is_digit(rest.ptr[n]) && rest.ptr[n] != '.')
            n++;
        struct ke_str unit = ke_str_sub(rest, from, n - from);
        bool is_known = false;
        for (size_t i = 0; i < KE_ARRAY_LEN(units); i++)
            is_known = is_known || ke_str_eq_c(unit, units[i]);
        if (n_digits == 0 || !is_known)
            return false;
        rest = ke_str_sub(rest, n, rest.len - n);
        n_parts++;
    }
    return n_parts > 0;
}

static bool is_ip_of(struct ke_str s, bool is_v4)
{
    struct ke_ip ip;
    struct ke_err err = KE_ERR_INIT;
    return (ke_str_find(s, ':') == s.len) == is_v4 && ke_ip_parse(s, &ip, &err) == KE_OK;
}

static bool is_ipv4(struct ke_str s)
{
    return is_ip_of(s, true);
}

static bool is_ipv6(struct ke_str s)
{
    return is_ip_of(s, false);
}

/* Bits below the mask may be set, as Go's net.ParseCIDR allows. */
static bool is_cidr(struct ke_str s)
{
    struct ke_str rest = s;
    struct ke_str address;
    uint64_t bits = 0;
    if (ke_str_find(s, '/') == s.len || !ke_str_split(&rest, '/', &address))
        return false;
    if (is_ipv4(address))
        return ke_str_to_u64(rest, 32, &bits);
    return is_ipv6(address) && ke_str_to_u64(rest, 128, &bits);
}

static bool is_mac(struct ke_str s)
{
    if (s.len == 14) { /* 0000.5e00.5301 */
        return has_hex(s, 0, 4) && s.ptr[4] == '.' && has_hex(s, 5, 4) && s.ptr[9] == '.' &&
               has_hex(s, 10, 4);
    }
    if (s.len != 17 && s.len != 23 && s.len != 59)
        return false;
    char separator = s.ptr[2];
    if (separator != ':' && separator != '-')
        return false;
    for (size_t i = 0; i < s.len; i += 3) {
        if (!has_hex(s, i, 2) || (i + 2 < s.len && s.ptr[i + 2] != separator))
            return false;
    }
    return true;
}

static bool is_hostname(struct ke_str s)
{
    struct ke_str rest = s;
    struct ke_str label;
    if (s.len == 0 || s.len > HOSTNAME_BYTES)
        return false;
    while (ke_str_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > 63 || !is_alnum(label.ptr[0]) ||
            !is_alnum(label.ptr[label.len - 1]))
            return false;
        for (size_t i = 0; i < label.len; i++) {
            if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-')
                return false;
        }
    }
    return s.ptr[s.len - 1] != '.';
}

/* As Go's url.ParseRequestURI: absolute, or a path. */
static bool is_uri(struct ke_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == 0x7f || (c == '%' && !has_hex(s, i + 1, 2)))
            return false;
    }
    if (s.len == 0)
        return false;
    if (s.ptr[0] == '/')
        return true;
    while (n < s.len && (is_alnum(s.ptr[n]) || memchr("+-.", s.ptr[n], 3) != NULL))
        n++;
    return n > 0 && !is_digit(s.ptr[0]) && n < s.len && s.ptr[n] == ':';
}

static bool is_email(struct ke_str s)
{
    size_t at = ke_str_find(s, '@');
    struct ke_str domain = at < s.len ? ke_str_sub(s, at + 1, s.len - at - 1) : KE_STR("");
    if (at == 0 || domain.len == 0 || ke_str_find(domain, '@') != domain.len || s.ptr[0] == '.' ||
        s.ptr[at - 1] == '.' || domain.ptr[0] == '.' || domain.ptr[domain.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == 0x7f || memchr("()<>[]:;,\\\"", c, 11) != NULL)
            return false;
    }
    return true;
}

/* version '\0': any. */
static bool is_uuid_of(struct ke_str s, char version)
{
    bool has_dashes = s.len == 36;
    size_t dash = has_dashes ? 1 : 0;
    if (s.len != 32 && s.len != 36)
        return false;
    static const size_t parts[] = { 8, 4, 4, 4, 12 };
    size_t at = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(parts); i++) {
        if (!has_hex(s, at, parts[i]))
            return false;
        at += parts[i];
        if (dash == 1 && i + 1 < KE_ARRAY_LEN(parts) && s.ptr[at++] != '-')
            return false;
    }
    char found = s.ptr[12 + 2 * dash];
    char variant = s.ptr[16 + 3 * dash];
    if (version == '\0')
        return true;
    return found == version && (version == '3' || memchr("89abAB", variant, 6) != NULL);
}

static bool is_uuid(struct ke_str s)
{
    return is_uuid_of(s, '\0');
}

static bool is_uuid3(struct ke_str s)
{
    return is_uuid_of(s, '3');
}

static bool is_uuid4(struct ke_str s)
{
    return is_uuid_of(s, '4');
}

static bool is_uuid5(struct ke_str s)
{
    return is_uuid_of(s, '5');
}

static bool is_bsonobjectid(struct ke_str s)
{
    return s.len == 24 && has_hex(s, 0, 24);
}

/* Standard base64 with padding. */
static bool is_byte(struct ke_str s)
{
    size_t n = s.len;
    if (s.len % 4 != 0)
        return false;
    while (n > 0 && s.len - n < 2 && s.ptr[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '+' && s.ptr[i] != '/')
            return false;
    }
    return true;
}

/* Without blanks and dashes; what does not fit is cut, and then too long. */
static size_t squeeze(struct ke_str s, char out[24])
{
    size_t n = 0;
    for (size_t i = 0; i < s.len && n < 24; i++) {
        if (s.ptr[i] != ' ' && s.ptr[i] != '-')
            out[n++] = s.ptr[i];
    }
    return n;
}

static bool is_isbn10(struct ke_str s)
{
    char text[24];
    unsigned sum = 0;
    if (squeeze(s, text) != 10)
        return false;
    for (unsigned i = 0; i < 10; i++) {
        bool is_x = i == 9 && text[i] == 'X';
        if (!is_x && !is_digit(text[i]))
            return false;
        sum += (i + 1) * (is_x ? 10U : (unsigned)(text[i] - '0'));
    }
    return sum % 11 == 0;
}

static bool is_isbn13(struct ke_str s)
{
    char text[24];
    unsigned sum = 0;
    if (squeeze(s, text) != 13)
        return false;
    for (unsigned i = 0; i < 13; i++) {
        if (!is_digit(text[i]))
            return false;
        sum += (i % 2 == 0 ? 1U : 3U) * (unsigned)(text[i] - '0');
    }
    return sum % 10 == 0;
}

static bool is_isbn(struct ke_str s)
{
    return is_isbn10(s) || is_isbn13(s);
}

/* The sum of Luhn. */
static bool is_creditcard(struct ke_str s)
{
    char text[24];
    size_t n = squeeze(s, text);
    unsigned sum = 0;
    if (n < 13 || n > 19)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(text[n - 1 - i]))
            return false;
        unsigned digit = (unsigned)(text[n - 1 - i] - '0') * (i % 2 == 0 ? 1U : 2U);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

static bool is_ssn(struct ke_str s)
{
    return has_shape(s, "ddd-dd-dddd") || has_shape(s, "ddd dd dddd") || has_shape(s, "ddddddddd");
}

static bool is_hexcolor(struct ke_str s)
{
    struct ke_str rest = s;
    (void)ke_str_cut_prefix(&rest, KE_STR("#"));
    return (rest.len == 3 || rest.len == 6) && has_hex(rest, 0, rest.len);
}

/* "rgb(255, 0, 10)" */
static bool is_rgbcolor(struct ke_str s)
{
    struct ke_str rest = s;
    if (!ke_str_cut_prefix(&rest, KE_STR("rgb(")) || rest.len == 0 || rest.ptr[rest.len - 1] != ')')
        return false;
    rest.len--;
    for (unsigned i = 0; i < 3; i++) {
        struct ke_str part;
        uint64_t value = 0;
        if (!ke_str_split(&rest, ',', &part) || !ke_str_to_u64(ke_str_trim(part), 255, &value))
            return false;
    }
    return rest.len == 0;
}

static const struct {
    const char *name;
    bool (*matches)(struct ke_str text); /* NULL: anything, or not of strings */
} formats[] = {
    { "bsonobjectid", is_bsonobjectid },
    { "uri", is_uri },
    { "email", is_email },
    { "hostname", is_hostname },
    { "ipv4", is_ipv4 },
    { "ipv6", is_ipv6 },
    { "cidr", is_cidr },
    { "mac", is_mac },
    { "uuid", is_uuid },
    { "uuid3", is_uuid3 },
    { "uuid4", is_uuid4 },
    { "uuid5", is_uuid5 },
    { "isbn", is_isbn },
    { "isbn10", is_isbn10 },
    { "isbn13", is_isbn13 },
    { "creditcard", is_creditcard },
    { "ssn", is_ssn },
    { "hexcolor", is_hexcolor },
    { "rgbcolor", is_rgbcolor },
    { "byte", is_byte },
    { "password", NULL },
    { "date", is_date },
    { "duration", is_duration },
    { "datetime", is_datetime },
    { "int32", NULL },
    { "int64", NULL },
    { "float", NULL },
    { "double", NULL },
};

/* Index, or the number of formats. */
static size_t find_format(const char *format)
{
    size_t i = 0;
    for (; i < KE_ARRAY_LEN(formats); i++) {
        const char *a = format;
        const char *b = formats[i].name;
        while (*a != '\0' && (*a == '-' || *a == *b)) {
            b += *a == '-' ? 0 : 1;
            a++;
        }
        if (*a == '\0' && *b == '\0')
            break;
    }
    return i;
}

bool model_format_is_known(const char *format)
{
    return find_format(format) < KE_ARRAY_LEN(formats);
}

bool model_format_matches(const char *format, struct ke_str text)
{
    size_t i = find_format(format);
    return i == KE_ARRAY_LEN(formats) || formats[i].matches == NULL || formats[i].matches(text);
}
