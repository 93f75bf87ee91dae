/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H
/*
 * struct ke_buf: growing bytes with a ceiling. Appends report nothing; the first failure sticks
 * and is asked for once at the end with ke_buf_check. Owned by one thread. A fixed buffer
 * (KE_BUF_FIXED) writes into the caller's memory and never allocates.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct ke_buf {
    char *ptr;
    size_t len;          /* bytes used */
    size_t cap;          /* bytes allocated */
    size_t max;          /* ceiling of len */
    enum ke_code failed; /* KE_OK, KE_TOO_LARGE or KE_NOMEM: sticky */
    bool is_fixed;
};

#define KE_BUF_INIT(max_bytes)                                                                     \
    {                                                                                              \
        .max = (max_bytes)                                                                         \
    }
#define KE_BUF_FIXED(memory, size)                                                                 \
    {                                                                                              \
        .ptr = (memory), .cap = (size), .max = (size), .is_fixed = true                            \
    }
#define ke_auto_buf KE_CLEANUP(ke_buf_free) struct ke_buf

void ke_buf_free(struct ke_buf *buf);  /* also makes it usable again, empty */
void ke_buf_clear(struct ke_buf *buf); /* keeps the memory, forgets the failure */

void ke_buf_add(struct ke_buf *buf, const void *ptr, size_t len);
void ke_buf_add_str(struct ke_buf *buf, struct ke_str s);
void ke_buf_add_c(struct ke_buf *buf, const char *cstr);
void ke_buf_add_char(struct ke_buf *buf, char c);
void ke_buf_add_u8(struct ke_buf *buf, uint8_t v);
void ke_buf_add_be16(struct ke_buf *buf, uint16_t v);
void ke_buf_add_be32(struct ke_buf *buf, uint32_t v);
void ke_buf_add_u64(struct ke_buf *buf, uint64_t v); /* decimal text */
void ke_buf_add_i64(struct ke_buf *buf, int64_t v);  /* decimal text */
void ke_buf_addf(struct ke_buf *buf, const char *fmt, ...) KE_PRINTF(2, 3);
void ke_buf_vaddf(struct ke_buf *buf, const char *fmt, va_list ap) KE_PRINTF(2, 0);
/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void ke_buf_add_json_str(struct ke_buf *buf, struct ke_str s);
void ke_buf_add_base64(struct ke_buf *buf, const void *ptr, size_t len);    /* standard, padded */
void ke_buf_add_base64url(struct ke_buf *buf, const void *ptr, size_t len); /* unpadded */
void ke_buf_add_hex(struct ke_buf *buf, const void *ptr, size_t len);
/* Room for len more bytes at ptr+len, to be filled by the caller who then adds to len; or NULL. */
void *ke_buf_reserve(struct ke_buf *buf, size_t len);
void ke_buf_drop_front(struct ke_buf *buf, size_t len);

static inline struct ke_str ke_buf_str(const struct ke_buf *buf)
{
    return ke_str_of(buf->ptr, buf->len);
}

/* Errors: KE_TOO_LARGE, KE_NOMEM; what names the thing built. */
enum ke_code ke_buf_check(const struct ke_buf *buf, const char *what,
                          struct ke_err *err) KE_MUST_CHECK;
/* Returned: the bytes, terminated by a NUL that len does not count; the buffer is empty after.
 * NULL when the buffer had failed. */
char *ke_buf_take(struct ke_buf *buf, size_t *out_len);

/* Decoding. Both kinds of base64, padding optional. Errors: KE_MALFORMED, as ke_buf_check. */
enum ke_code ke_base64_decode(struct ke_str text, struct ke_buf *out,
                              struct ke_err *err) KE_MUST_CHECK;

#endif
