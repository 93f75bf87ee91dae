/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies (RFC 9112 section 7.1), a state machine over bytes; data is passed through in
 * pieces. States up to SIZE_MAX_DIGITS count the digits of a size, so a zeroed decoder stands at
 * the start. Extensions and trailers are checked and dropped. No thread: pure.
 *
 * Stricter than the grammar: no blanks around sizes and extensions, at most 16 digits.
 */
#include "core/base/hex.h"
#include "core/net/http/chars.h"
#include "core/net/http/http1.h"

enum {
    SIZE_MAX_DIGITS = 16,
    SIZE_LF,
    EXT_NAME_FIRST,
    EXT_NAME,
    EXT_VALUE_FIRST,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_QUOTED_END,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE,
    BAD
};

/* state: digits read so far. */
static int step_size(struct http_chunked *chunked, char c)
{
    int n_digits = chunked->state;
    if (HTTP_IS(c, HTTP_CHAR_HEX)) {
        if (n_digits == SIZE_MAX_DIGITS)
            return BAD;
        chunked->left = chunked->left << 4 | (unsigned)ke_hex_value(c);
        return chunked->left > INT64_MAX ? BAD : n_digits + 1;
    }
    if (n_digits == 0)
        return BAD;
    if (c == '\r')
        return SIZE_LF;
    return c == ';' ? EXT_NAME_FIRST : BAD;
}

/* Behind a whole name or value of an extension. */
static int after_ext_word(char c)
{
    if (c == '\r')
        return SIZE_LF;
    return c == ';' ? EXT_NAME_FIRST : BAD;
}

static int step_ext(int state, char c)
{
    bool is_token = HTTP_IS(c, HTTP_CHAR_TOKEN);
    switch (state) {
    case EXT_NAME_FIRST:
        return is_token ? EXT_NAME : BAD;
    case EXT_NAME:
        if (is_token)
            return EXT_NAME;
        return c == '=' ? EXT_VALUE_FIRST : after_ext_word(c);
    case EXT_VALUE_FIRST:
        if (c == '"')
            return EXT_QUOTED;
        return is_token ? EXT_VALUE : BAD;
    case EXT_VALUE:
        return is_token ? EXT_VALUE : after_ext_word(c);
    case EXT_QUOTED:
        if (c == '"')
            return EXT_QUOTED_END;
        if (!HTTP_IS(c, HTTP_CHAR_TEXT))
            return BAD;
        return c == '\\' ? EXT_ESCAPED : EXT_QUOTED;
    case EXT_ESCAPED:
        return HTTP_IS(c, HTTP_CHAR_TEXT) ? EXT_QUOTED : BAD;
    default:
        return after_ext_word(c);
    }
}

static int step_trailer(int state, char c)
{
    switch (state) {
    case TRAILER_FIRST:
        if (c == '\r')
            return END_LF;
        return HTTP_IS(c, HTTP_CHAR_TOKEN) ? TRAILER_NAME : BAD;
    case TRAILER_NAME:
        if (c == ':')
            return TRAILER_VALUE;
        return HTTP_IS(c, HTTP_CHAR_TOKEN) ? TRAILER_NAME : BAD;
    case TRAILER_VALUE:
        if (c == '\r')
            return TRAILER_LF;
        return HTTP_IS(c, HTTP_CHAR_TEXT) ? TRAILER_VALUE : BAD;
    default:
        return c == '\n' ? TRAILER_FIRST : BAD;
    }
}

/* One byte that is not data. */
static int step(struct http_chunked *chunked, char c)
{
    int state = chunked->state;
    if (state <= SIZE_MAX_DIGITS)
        return step_size(chunked, c);
    if (state >= EXT_NAME_FIRST && state <= EXT_QUOTED_END)
        return ++chunked->ext_len > LIMIT_HTTP_CHUNK_EXT_BYTES ? BAD : step_ext(state, c);
    if (state >= TRAILER_FIRST && state <= TRAILER_LF)
        return ++chunked->trailer_len > LIMIT_HTTP_TRAILER_BYTES ? BAD : step_trailer(state, c);
    switch (state) {
    case SIZE_LF:
        if (c != '\n')
            return BAD;
        return chunked->left == 0 ? TRAILER_FIRST : DATA;
    case DATA_CR:
        return c == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return c == '\n' ? 0 : BAD;
    case END_LF:
        return c == '\n' ? DONE : BAD;
    default:
        return BAD;
    }
}

enum http_result http_chunked_next(struct http_chunked *chunked, struct ke_str input,
                                   struct ke_str *out_data, size_t *out_used, bool *out_done)
{
    struct ke_str data = { 0 };
    size_t i = 0;
    while (i < input.len && chunked->state < DONE) {
        if (chunked->state != DATA) {
            chunked->state = step(chunked, input.ptr[i++]);
            continue;
        }
        if (data.len > 0) /* a piece a call */
            break;
        size_t len = input.len - i;
        if (len > chunked->left)
            len = (size_t)chunked->left;
        data = ke_str_of(input.ptr + i, len);
        chunked->left -= len;
        i += len;
        if (chunked->left == 0)
            chunked->state = DATA_CR;
    }
    if (chunked->state == BAD)
        return HTTP_BAD;
    *out_data = data;
    *out_used = i;
    *out_done = chunked->state == DONE;
    return HTTP_OK;
}
