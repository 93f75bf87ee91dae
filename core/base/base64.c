/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648, both alphabets. Any thread. */
#include "core/base/buf.h"

static void add_base64(struct ke_buf *buf, const unsigned char *p, size_t len, const char *alphabet,
                       bool is_padded)
{
    size_t at = 0;
    for (; at + 3 <= len; at += 3) {
        uint32_t v = (uint32_t)p[at] << 16 | (uint32_t)p[at + 1] << 8 | p[at + 2];
        const char quad[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
                               alphabet[v & 63] };
        ke_buf_add(buf, quad, sizeof(quad));
    }
    size_t left = len - at;
    if (left == 0)
        return;
    uint32_t v = (uint32_t)p[at] << 16 | (left == 2 ? (uint32_t)p[at + 1] << 8 : 0);
    const char quad[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63],
                           left == 2 ? alphabet[v >> 6 & 63] : '=', '=' };
    ke_buf_add(buf, quad, is_padded ? 4 : left + 1);
}

void ke_buf_add_base64(struct ke_buf *buf, const void *ptr, size_t len)
{
    add_base64(buf, ptr, len, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
               true);
}

void ke_buf_add_base64url(struct ke_buf *buf, const void *ptr, size_t len)
{
    add_base64(buf, ptr, len, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
               false);
}

/* 0..63, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

/* Without its padding; false when the padding is not that of the length. */
static bool base64_cut_padding(struct ke_str *text)
{
    size_t n_pad = 0;
    while (n_pad < 2 && text->len > n_pad && text->ptr[text->len - 1 - n_pad] == '=')
        n_pad++;
    if (n_pad > 0 && text->len % 4 != 0)
        return false;
    text->len -= n_pad;
    return text->len % 4 != 1;
}

enum ke_code ke_base64_decode(struct ke_str text, struct ke_buf *out, struct ke_err *err)
{
    if (!base64_cut_padding(&text))
        return ke_fail(err, KE_MALFORMED, "base64 of a length that cannot be");
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t len_before = out->len;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i]);
        if (value < 0) {
            out->len = len_before;
            return ke_fail(err, KE_MALFORMED, "illegal base64 data at input byte %zu", i);
        }
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            ke_buf_add_u8(out, (uint8_t)(bits >> n_bits));
        }
    }
    return ke_buf_check(out, "base64 data", err);
}
