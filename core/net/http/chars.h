/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_HTTP_CHARS_H
#define CORE_NET_HTTP_CHARS_H
/*
 * Character classes of HTTP/1 and the scan over field values: private to the codec. Pure.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    HTTP_CHAR_TOKEN = 1,  /* RFC 9110 section 5.6.2 */
    HTTP_CHAR_TARGET = 2, /* what a request target may hold: visible ASCII without # and \ */
    HTTP_CHAR_HOST = 4,   /* name or IPv4 address */
    HTTP_CHAR_IPV6 = 8,   /* inside brackets */
    HTTP_CHAR_HEX = 16,
    HTTP_CHAR_UNDERSCORE = 32,
    HTTP_CHAR_TEXT = 64 /* field value: visible, blank, tab, 0x80 and above */
};
extern const uint8_t http_chars[256];
#define HTTP_IS(c, which) ((http_chars[(unsigned char)(c)] & (which)) != 0)

/* First byte of p..end that is not TEXT, or end. */
static inline const char *http_scan_text(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101U;
    while (end - p >= 8) {
        uint64_t word = 0;
        memcpy(&word, p, sizeof(word));
        /* The top bit of a byte is set for a byte below 0x20, and for one that is 0x7f. A byte that
         * follows such a one may be marked falsely: the table has the last word. */
        uint64_t low = (word - ones * 0x20) & ~word;
        uint64_t del = ((word ^ (ones * 0x7f)) - ones) & ~(word ^ (ones * 0x7f));
        if (((low | del) & (ones * 0x80)) == 0) {
            p += 8;
            continue;
        }
        for (int i = 0; i < 8; i++, p++)
            if (!HTTP_IS(*p, HTTP_CHAR_TEXT))
                return p;
    }
    while (p < end && HTTP_IS(*p, HTTP_CHAR_TEXT))
        p++;
    return p;
}

#endif
