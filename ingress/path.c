/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts and paths of requests. Pure; any thread. */
#include "ingress/path.h"

#include <string.h>

#include "core/base/limits.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_unreserved(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Does anything need a change? Nearly always not. */
static bool is_plain(struct ke_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '%')
            return false;
        if (path.ptr[i] == '.' && i > 0 && path.ptr[i - 1] == '/')
            return false;
    }
    return true;
}

/* Length of what was decoded into memory; path.len + 1 for a refusal. */
static size_t decode(struct ke_str path, char *memory)
{
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '%') {
            memory[len++] = path.ptr[i];
            continue;
        }
        int high = i + 2 < path.len ? hex_value(path.ptr[i + 1]) : -1;
        int low = i + 2 < path.len ? hex_value(path.ptr[i + 2]) : -1;
        int c = high < 0 || low < 0 ? 0 : high * 16 + low;
        if (c == 0)
            return path.len + 1;
        if (is_unreserved(c)) {
            memory[len++] = (char)c;
        } else {
            memcpy(memory + len, path.ptr + i, 3);
            len += 3;
        }
        i += 2;
    }
    return len;
}

static bool is_escaped_slash(const char *at)
{
    return at[0] == '%' && ((at[1] == '2' && (at[2] == 'f' || at[2] == 'F')) ||
                            (at[1] == '5' && (at[2] == 'c' || at[2] == 'C')));
}

/* "..%2f" and "/..;" would be a way up for a backend that decodes the one, or cuts parameters off
 * the other. */
static bool has_hidden_dots(const char *text, size_t len)
{
    for (size_t i = 0; i + 3 <= len; i++) {
        if (i + 4 <= len && memcmp(text + i, "/..;", 4) == 0)
            return true;
        if (!is_escaped_slash(text + i))
            continue;
        bool before = i >= 2 && text[i - 1] == '.' && text[i - 2] == '.';
        bool after = i + 5 <= len && text[i + 3] == '.' && text[i + 4] == '.';
        if (before || after)
            return true;
    }
    return false;
}

/* RFC 3986 section 5.2.4, in place. Length, or SIZE_MAX: above the root. */
static size_t remove_dots(char *text, size_t len)
{
    size_t out = 0;
    size_t i = 0;
    while (i < len) {
        size_t end = i + 1;
        while (end < len && text[end] != '/')
            end++;
        size_t seg = end - i - 1; /* without its slash */
        bool is_dot = seg == 1 && text[i + 1] == '.';
        bool is_dots = seg == 2 && text[i + 1] == '.' && text[i + 2] == '.';
        if (is_dots) {
            if (out == 0)
                return SIZE_MAX;
            while (out > 0 && text[--out] != '/')
                continue;
        }
        if (is_dot || is_dots) {
            if (end == len)
                text[out++] = '/';
        } else {
            memmove(text + out, text + i, end - i);
            out += end - i;
        }
        i = end;
    }
    return out;
}

bool ingress_path_normalise(struct ke_str path, char *memory, struct ke_str *out)
{
    if (is_plain(path)) {
        *out = path;
        return true;
    }
    size_t len = decode(path, memory);
    if (len > path.len || has_hidden_dots(memory, len))
        return false;
    len = remove_dots(memory, len);
    if (len == SIZE_MAX)
        return false;
    *out = ke_str_of(memory, len);
    return true;
}

bool ingress_path_matches(enum model_path_type type, struct ke_str rule, struct ke_str path)
{
    if (type == MODEL_PATH_EXACT)
        return ke_str_eq(rule, path);
    if (rule.len > 0 && rule.ptr[rule.len - 1] == '/')
        rule.len--; /* "/aaa/bbb/" matches "/aaa/bbb" */
    return ke_str_has_prefix(path, rule) && (path.len == rule.len || path.ptr[rule.len] == '/');
}

bool ingress_host_covers(struct ke_str name, struct ke_str host)
{
    if (ke_str_eq_nocase(name, host))
        return true;
    size_t dot = ke_str_find(host, '.');
    return ke_str_has_prefix(name, KE_STR("*.")) && dot > 0 && dot < host.len &&
           ke_str_eq_nocase(ke_str_sub(name, 1, name.len), ke_str_sub(host, dot, host.len));
}

bool ingress_host_normalise(struct ke_str host, char *memory, struct ke_str *out)
{
    size_t len = 0;
    bool is_bracketed = host.len > 0 && host.ptr[0] == '[';
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (c == ':' && !is_bracketed)
            break;
        if (len == LIMIT_DNS_NAME_BYTES + 1)
            return false;
        memory[len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        if (c == ']')
            break;
    }
    if (len > 1 && memory[len - 1] == '.')
        len--;
    *out = ke_str_of(memory, len);
    return len > 0;
}
