/* SPDX-License-Identifier: Apache-2.0 */
/* Growing bytes with a ceiling and a sticky failure. A buffer belongs to one thread. */
#include "core/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_BYTES = 64 };

void ke_buf_free(struct ke_buf *buf)
{
    if (buf == NULL)
        return;
    buf->len = 0;
    buf->failed = KE_OK;
    if (buf->is_fixed)
        return;
    free(buf->ptr);
    buf->ptr = NULL;
    buf->cap = 0;
}

void ke_buf_clear(struct ke_buf *buf)
{
    buf->len = 0;
    buf->failed = KE_OK;
}

/* Makes room for len more bytes; false after any failure. */
static bool buf_make_room(struct ke_buf *buf, size_t len)
{
    if (buf->failed != KE_OK)
        return false;
    if (len > buf->max || buf->max - len < buf->len) {
        buf->failed = KE_TOO_LARGE;
        return false;
    }
    size_t need = buf->len + len;
    if (need <= buf->cap)
        return true;
    if (buf->is_fixed) {
        buf->failed = KE_TOO_LARGE;
        return false;
    }
    size_t cap = buf->cap < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : buf->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > buf->max)
        cap = buf->max;
    char *grown = realloc(buf->ptr, cap);
    if (grown == NULL) {
        buf->failed = KE_NOMEM;
        return false;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

void ke_buf_add(struct ke_buf *buf, const void *ptr, size_t len)
{
    if (len == 0 || !buf_make_room(buf, len))
        return;
    memcpy(buf->ptr + buf->len, ptr, len);
    buf->len += len;
}

void ke_buf_add_str(struct ke_buf *buf, struct ke_str s)
{
    ke_buf_add(buf, s.ptr, s.len);
}

void ke_buf_add_c(struct ke_buf *buf, const char *cstr)
{
    ke_buf_add_str(buf, ke_str_c(cstr));
}

void ke_buf_add_char(struct ke_buf *buf, char c)
{
    if (!buf_make_room(buf, 1))
        return;
    buf->ptr[buf->len++] = c;
}

void ke_buf_add_u8(struct ke_buf *buf, uint8_t v)
{
    ke_buf_add(buf, &v, 1);
}

void ke_buf_add_be16(struct ke_buf *buf, uint16_t v)
{
    const uint8_t bytes[2] = { (uint8_t)(v >> 8), (uint8_t)v };
    ke_buf_add(buf, bytes, sizeof(bytes));
}

void ke_buf_add_be32(struct ke_buf *buf, uint32_t v)
{
    const uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
                               (uint8_t)v };
    ke_buf_add(buf, bytes, sizeof(bytes));
}

void ke_buf_add_u64(struct ke_buf *buf, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    ke_buf_add(buf, digits + at, sizeof(digits) - at);
}

void ke_buf_add_i64(struct ke_buf *buf, int64_t v)
{
    if (v < 0)
        ke_buf_add_char(buf, '-');
    ke_buf_add_u64(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void ke_buf_addf(struct ke_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(buf, fmt, ap);
    va_end(ap);
}

void ke_buf_vaddf(struct ke_buf *buf, const char *fmt, va_list ap)
{
    if (buf->failed != KE_OK)
        return;
    char small[256];
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(small, sizeof(small), fmt, ap);
    if (len < 0) {
        buf->failed = KE_NOMEM;
    } else if ((size_t)len < sizeof(small)) {
        ke_buf_add(buf, small, (size_t)len);
    } else {
        /* vsnprintf ends with a NUL, which may not fit under the ceiling: print aside. */
        char *text = malloc((size_t)len + 1);
        if (text == NULL) {
            buf->failed = KE_NOMEM;
        } else {
            (void)vsnprintf(text, (size_t)len + 1, fmt, again);
            ke_buf_add(buf, text, (size_t)len);
            free(text);
        }
    }
    va_end(again);
}

/* The short escape of a byte in JSON, or 0. */
static char json_escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void buf_add_json_escaped(struct ke_buf *buf, unsigned char c)
{
    char escape = json_escape_of(c);
    if (escape != 0) {
        const char pair[2] = { '\\', escape };
        ke_buf_add(buf, pair, 2);
        return;
    }
    static const char DIGITS[] = "0123456789abcdef";
    const char text[6] = { '\\', 'u', '0', '0', DIGITS[c >> 4], DIGITS[c & 15] };
    ke_buf_add(buf, text, sizeof(text));
}

void ke_buf_add_json_str(struct ke_buf *buf, struct ke_str s)
{
    ke_buf_add_char(buf, '"');
    size_t plain_from = 0; /* bytes since here are copied as they are */
    size_t at = 0;
    while (at < s.len) {
        unsigned char c = (unsigned char)s.ptr[at];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        size_t step = c < 0x80 ? 0 : ke_str_utf8_step(s, at);
        if (step > 0) {
            at += step;
            continue;
        }
        ke_buf_add(buf, s.ptr + plain_from, at - plain_from);
        if (c < 0x80)
            buf_add_json_escaped(buf, c);
        else
            ke_buf_add_c(buf, "\xef\xbf\xbd"); /* U+FFFD */
        at++;
        plain_from = at;
    }
    if (s.len > 0)
        ke_buf_add(buf, s.ptr + plain_from, at - plain_from);
    ke_buf_add_char(buf, '"');
}

void ke_buf_add_hex(struct ke_buf *buf, const void *ptr, size_t len)
{
    static const char DIGITS[] = "0123456789abcdef";
    const unsigned char *p = ptr;
    for (size_t i = 0; i < len; i++) {
        const char pair[2] = { DIGITS[p[i] >> 4], DIGITS[p[i] & 15] };
        ke_buf_add(buf, pair, 2);
    }
}

void *ke_buf_reserve(struct ke_buf *buf, size_t len)
{
    if (!buf_make_room(buf, len > 0 ? len : 1))
        return NULL;
    return buf->ptr + buf->len;
}

void ke_buf_drop_front(struct ke_buf *buf, size_t len)
{
    if (len == 0)
        return;
    if (len >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->ptr, buf->ptr + len, buf->len - len);
    buf->len -= len;
}

enum ke_code ke_buf_check(const struct ke_buf *buf, const char *what, struct ke_err *err)
{
    if (buf->failed == KE_OK)
        return KE_OK;
    if (buf->failed == KE_TOO_LARGE)
        return ke_fail(err, KE_TOO_LARGE, "%s is over %zu bytes", what, buf->max);
    return ke_fail(err, buf->failed, "out of memory for %s", what);
}

char *ke_buf_take(struct ke_buf *buf, size_t *out_len)
{
    KE_ASSERT(!buf->is_fixed);
    if (buf->failed != KE_OK)
        return NULL;
    char *text = realloc(buf->ptr, buf->len + 1);
    if (text == NULL)
        return NULL;
    text[buf->len] = '\0';
    if (out_len != NULL)
        *out_len = buf->len;
    buf->ptr = NULL;
    buf->len = 0;
    buf->cap = 0;
    return text;
}
