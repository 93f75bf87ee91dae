/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict parser that builds cJSON trees. cJSON's own takes control characters, bad UTF-8, "01",
 * trailing bytes and cuts strings at \u0000; this one says where the text is wrong (RFC 8259). Of
 * members with the same name the last is kept, as Go does. Recursion ends at LIMIT_JSON_DEPTH.
 * Pure.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hex.h"
#include "core/base/json.h"
#include "core/base/json_sort.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

enum { NUMBER_TEXT_MAX = 1024, SORT_MEMBERS_ABOVE = 8 };

struct json_parser {
    struct ke_str text;
    size_t at;
    unsigned depth;
    struct ke_err *err;
};

static bool parse_value(struct json_parser *p, cJSON **out);

static bool fail_at(struct json_parser *p, size_t at, const char *what)
{
    (void)ke_fail(p->err, KE_MALFORMED, "JSON: %s at byte %zu", what, at);
    return false;
}

static bool fail_nomem(struct json_parser *p)
{
    (void)ke_fail(p->err, KE_NOMEM, "out of memory for JSON");
    return false;
}

/* The next byte, 0 at the end (a NUL byte is never legal, so it need not be told apart). */
static char peek(const struct json_parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static void skip_blanks(struct json_parser *p)
{
    while (p->at < p->text.len) {
        char c = p->text.ptr[p->at];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return;
        p->at++;
    }
}

static cJSON *node_new(int type)
{
    cJSON *node = cJSON_malloc(sizeof(*node));
    if (node == NULL)
        return NULL;
    memset(node, 0, sizeof(*node));
    node->type = type;
    return node;
}

/* ---- strings ---- */

/* The four digits at at, or -1. */
static int hex_quad(const struct json_parser *p, size_t at)
{
    if (p->text.len - at < 4)
        return -1;
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = ke_hex_value(p->text.ptr[at + i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* After "\u": a code point, a surrogate pair, or U+FFFD for half a pair, as Go reads it. */
static bool parse_unicode_escape(struct json_parser *p, char **to)
{
    int first = hex_quad(p, p->at);
    if (first < 0)
        return fail_at(p, p->at, "a \\u escape without four hex digits");
    if (first == 0)
        return fail_at(p, p->at, "a string with a NUL character");
    p->at += 4;
    unsigned c = (unsigned)first;
    if (c >= 0xd800 && c <= 0xdfff) {
        bool is_pair = c < 0xdc00 && p->text.len - p->at >= 6 && p->text.ptr[p->at] == '\\' &&
                       p->text.ptr[p->at + 1] == 'u';
        int second = is_pair ? hex_quad(p, p->at + 2) : -1;
        if (second >= 0xdc00 && second <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + ((unsigned)second - 0xdc00);
            p->at += 6;
        } else {
            c = 0xfffd;
        }
    }
    *to = put_utf8(*to, c);
    return true;
}

static bool parse_escape(struct json_parser *p, char **to)
{
    static const char FROM[] = "\"\\/bfnrt";
    static const char TO[] = "\"\\/\b\f\n\r\t";
    char c = peek(p);
    if (c == 'u') {
        p->at++;
        return parse_unicode_escape(p, to);
    }
    const char *found = c == '\0' ? NULL : strchr(FROM, c);
    if (found == NULL)
        return fail_at(p, p->at, "an unknown escape in a string");
    *(*to)++ = TO[found - FROM];
    p->at++;
    return true;
}

/* The length of the string's text up to its closing quote, escapes counted as written. */
static bool measure_string(struct json_parser *p, size_t *out_len)
{
    size_t at = p->at;
    while (at < p->text.len) {
        unsigned char c = (unsigned char)p->text.ptr[at];
        if (c == '"') {
            *out_len = at - p->at;
            return true;
        }
        if (c < 0x20)
            return fail_at(p, at, "a control character in a string");
        if (c == '\\') {
            at += 2;
            continue;
        }
        size_t step = c < 0x80 ? 1 : ke_str_utf8_step(p->text, at);
        if (step == 0)
            return fail_at(p, at, "invalid UTF-8");
        at += step;
    }
    return fail_at(p, p->text.len, "a string without an end");
}

/* At the opening quote. An unescaped string is never longer than it is written. */
static bool parse_string(struct json_parser *p, char **out)
{
    p->at++;
    size_t len = 0;
    if (!measure_string(p, &len))
        return false;
    char *copy = cJSON_malloc(len + 1);
    if (copy == NULL)
        return fail_nomem(p);
    char *to = copy;
    size_t end = p->at + len;
    while (p->at < end) {
        const char *from = p->text.ptr + p->at;
        const char *backslash = memchr(from, '\\', end - p->at);
        size_t plain = backslash == NULL ? end - p->at : (size_t)(backslash - from);
        memcpy(to, from, plain);
        to += plain;
        p->at += plain;
        if (backslash == NULL)
            break;
        p->at++;
        if (!parse_escape(p, &to)) {
            cJSON_free(copy);
            return false;
        }
    }
    *to = '\0';
    p->at = end + 1;
    *out = copy;
    return true;
}

/* ---- numbers and words ---- */

static size_t skip_digits(struct json_parser *p)
{
    size_t from = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at - from;
}

/* Moves past a number of RFC 8259's grammar. */
static bool skip_number(struct json_parser *p, bool *out_is_integer)
{
    *out_is_integer = true;
    if (peek(p) == '-')
        p->at++;
    if (peek(p) == '0')
        p->at++;
    else if (skip_digits(p) == 0)
        return fail_at(p, p->at, "a number without digits");
    if (peek(p) == '.') {
        *out_is_integer = false;
        p->at++;
        if (skip_digits(p) == 0)
            return fail_at(p, p->at, "a number without digits after the point");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        *out_is_integer = false;
        p->at++;
        if (peek(p) == '+' || peek(p) == '-')
            p->at++;
        if (skip_digits(p) == 0)
            return fail_at(p, p->at, "a number without digits in the exponent");
    }
    return true;
}

static bool convert_number(struct json_parser *p, struct ke_str text, double *out)
{
    char copy[NUMBER_TEXT_MAX];
    if (text.len >= sizeof(copy))
        return fail_at(p, p->at, "a number that is too long");
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double d = strtod(copy, NULL);
    if (!isfinite(d))
        return fail_at(p, p->at, "a number that is too large");
    *out = d;
    return true;
}

static int clamp_int(double d)
{
    if (d >= 2147483647.0)
        return INT32_MAX;
    if (d <= -2147483648.0)
        return INT32_MIN;
    return (int)d;
}

static bool parse_number(struct json_parser *p, cJSON **out)
{
    size_t from = p->at;
    bool is_integer = false;
    if (!skip_number(p, &is_integer))
        return false;
    struct ke_str text = ke_str_sub(p->text, from, p->at - from);
    double d = 0;
    int64_t whole = 0;
    if (is_integer && text.len <= 20 && ke_str_to_i64(text, &whole)) {
        if (whole > JSON_EXACT_MAX || whole < -JSON_EXACT_MAX) {
            *out = ke_json_new_i64(whole);
            return *out != NULL || fail_nomem(p);
        }
        d = (double)whole;
    } else if (!convert_number(p, text, &d)) {
        return false;
    }
    cJSON *node = node_new(cJSON_Number);
    if (node == NULL)
        return fail_nomem(p);
    node->valuedouble = d;
    node->valueint = clamp_int(d);
    *out = node;
    return true;
}

static bool parse_word(struct json_parser *p, const char *word, int type, cJSON **out)
{
    struct ke_str rest = ke_str_sub(p->text, p->at, p->text.len);
    if (!ke_str_has_prefix(rest, ke_str_c(word)))
        return fail_at(p, p->at, "an unknown word");
    p->at += strlen(word);
    *out = node_new(type);
    if (*out == NULL)
        return fail_nomem(p);
    if (type == cJSON_True)
        (*out)->valueint = 1;
    return true;
}

/* ---- arrays and objects ---- */

/* cJSON keeps the tail of a list in prev of its first node. */
static void append_child(cJSON *parent, cJSON *child)
{
    if (parent->child == NULL) {
        parent->child = child;
        child->prev = child;
        return;
    }
    cJSON *tail = parent->child->prev;
    tail->next = child;
    child->prev = tail;
    parent->child->prev = child;
}

static int compare_members(const void *a, const void *b)
{
    const struct json_member *x = a;
    const struct json_member *y = b;
    int order = strcmp(x->node->string, y->node->string);
    if (order != 0)
        return order;
    return (x->place > y->place) - (x->place < y->place);
}

struct json_member *json_sort_members(const cJSON *object, size_t n)
{
    struct json_member *members = ke_alloc_n(n, sizeof(*members));
    if (members == NULL)
        return NULL;
    size_t i = 0;
    for (cJSON *it = object->child; it != NULL && i < n; it = it->next, i++)
        members[i] = (struct json_member){ .node = it, .place = i };
    qsort(members, i, sizeof(*members), compare_members);
    return members;
}

static void drop_member(cJSON *object, cJSON *member)
{
    cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
}

/* Drops earlier members of the same name as this, the last. For objects that are still small. */
static void drop_same_name(cJSON *object, cJSON *last)
{
    for (cJSON *it = object->child; it != last; it = it->next) {
        if (strcmp(it->string, last->string) == 0) {
            last->type |= JSON_DUPLICATE;
            drop_member(object, it);
            return; /* it was the only one: this runs for each member */
        }
    }
}

static bool drop_duplicates_sorted(struct json_parser *p, cJSON *object, size_t n)
{
    struct json_member *members = json_sort_members(object, n);
    if (members == NULL)
        return fail_nomem(p);
    for (size_t i = 0; i + 1 < n; i++) {
        if (strcmp(members[i].node->string, members[i + 1].node->string) == 0) {
            members[i + 1].node->type |= JSON_DUPLICATE;
            drop_member(object, members[i].node);
        }
    }
    free(members);
    return true;
}

static bool parse_member(struct json_parser *p, cJSON *object)
{
    if (peek(p) != '"')
        return fail_at(p, p->at, "no member name");
    char *name = NULL;
    if (!parse_string(p, &name))
        return false;
    skip_blanks(p);
    if (peek(p) != ':') {
        cJSON_free(name);
        return fail_at(p, p->at, "no ':' after a member name");
    }
    p->at++;
    cJSON *value = NULL;
    if (!parse_value(p, &value)) {
        cJSON_free(name);
        return false;
    }
    value->string = name;
    append_child(object, value);
    return true;
}

static bool parse_members(struct json_parser *p, cJSON *object)
{
    size_t n = 0;
    for (;;) {
        skip_blanks(p);
        if (!parse_member(p, object))
            return false;
        n++;
        if (n <= SORT_MEMBERS_ABOVE)
            drop_same_name(object, object->child->prev);
        skip_blanks(p);
        if (peek(p) == '}')
            break;
        if (peek(p) != ',')
            return fail_at(p, p->at, "no ',' or '}' after a member");
        p->at++;
    }
    p->at++;
    if (n <= SORT_MEMBERS_ABOVE)
        return true;
    size_t n_left = 0;
    for (const cJSON *it = object->child; it != NULL; it = it->next)
        n_left++;
    return drop_duplicates_sorted(p, object, n_left);
}

static bool parse_items(struct json_parser *p, cJSON *array)
{
    for (;;) {
        cJSON *item = NULL;
        if (!parse_value(p, &item))
            return false;
        append_child(array, item);
        skip_blanks(p);
        if (peek(p) == ']')
            break;
        if (peek(p) != ',')
            return fail_at(p, p->at, "no ',' or ']' after an item");
        p->at++;
    }
    p->at++;
    return true;
}

/* At the opening bracket. */
static bool parse_container(struct json_parser *p, int type, cJSON **out)
{
    if (p->depth >= LIMIT_JSON_DEPTH)
        return fail_at(p, p->at, "too many levels");
    cJSON *node = node_new(type);
    if (node == NULL)
        return fail_nomem(p);
    p->at++;
    p->depth++;
    skip_blanks(p);
    bool is_good = true;
    if (peek(p) == (type == cJSON_Object ? '}' : ']'))
        p->at++;
    else
        is_good = type == cJSON_Object ? parse_members(p, node) : parse_items(p, node);
    p->depth--;
    if (!is_good) {
        cJSON_Delete(node);
        return false;
    }
    *out = node;
    return true;
}

static bool parse_value(struct json_parser *p, cJSON **out)
{
    skip_blanks(p);
    char c = peek(p);
    switch (c) {
    case '{':
        return parse_container(p, cJSON_Object, out);
    case '[':
        return parse_container(p, cJSON_Array, out);
    case 't':
        return parse_word(p, "true", cJSON_True, out);
    case 'f':
        return parse_word(p, "false", cJSON_False, out);
    case 'n':
        return parse_word(p, "null", cJSON_NULL, out);
    case '"': {
        char *text = NULL;
        if (!parse_string(p, &text))
            return false;
        cJSON *node = node_new(cJSON_String);
        if (node == NULL) {
            cJSON_free(text);
            return fail_nomem(p);
        }
        node->valuestring = text;
        *out = node;
        return true;
    }
    default:
        break;
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return parse_number(p, out);
    return fail_at(p, p->at, p->at < p->text.len ? "no value" : "an unexpected end");
}

enum ke_code ke_json_parse(struct ke_str text, cJSON **out, struct ke_err *err)
{
    struct json_parser parser = { .text = text, .err = err };
    cJSON *value = NULL;
    if (!parse_value(&parser, &value))
        return err->code;
    skip_blanks(&parser);
    if (parser.at < text.len) {
        cJSON_Delete(value);
        return ke_fail(err, KE_MALFORMED, "JSON: more after the value at byte %zu", parser.at);
    }
    *out = value;
    return KE_OK;
}
