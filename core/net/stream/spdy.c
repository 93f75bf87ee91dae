/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDY/3.1 framing. One thread a codec.
 */
#include "core/net/stream/spdy.h"

#define ZLIB_CONST
#include <zlib.h>

#include "core/base/cur.h"
#include "core/base/mem.h"
#include "core/net/stream/spdy_dictionary.h"

#define HEAD_BYTES   8
#define BIT_CONTROL  0x80000000U
#define MASK_STREAM  0x7fffffffU
#define VERSION      3U
#define FLAG_FIN     1U
#define FLAG_ONE_WAY 2U
/* Blocks are a few dozen bytes: a small window and table, 12 KiB instead of 256. */
#define DEFLATE_WINDOW 11
#define DEFLATE_MEMORY 1

struct spdy_decoder {
    uint8_t head[HEAD_BYTES];
    size_t head_len;
    bool is_in_frame;
    bool is_control; /* of the frame at hand */
    bool is_skipped;
    unsigned kind, flags;
    uint32_t stream;       /* of a data frame */
    size_t left;           /* bytes of it to come */
    struct ke_buf control; /* its payload so far */
    struct ke_buf block;   /* inflated */
    struct spdy_header headers[LIMIT_SPDY_HEADERS];
    size_t n_headers;
    z_stream z;
    bool has_z;
    enum ke_code failed;
};

struct spdy_decoder *spdy_decoder_new(void)
{
    struct spdy_decoder *d = ke_alloc(sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    d->control.max = LIMIT_SPDY_CONTROL_BYTES;
    d->block.max = LIMIT_SPDY_BLOCK_BYTES;
    d->has_z = inflateInit(&d->z) == Z_OK;
    if (!d->has_z) {
        spdy_decoder_free(d);
        return NULL;
    }
    return d;
}

void spdy_decoder_free(struct spdy_decoder *d)
{
    if (d == NULL) {
        return;
    }
    if (d->has_z) {
        (void)inflateEnd(&d->z);
    }
    ke_buf_free(&d->control);
    ke_buf_free(&d->block);
    free(d);
}

/* ---- header blocks -----------------------------------------------------------------------------
 */

/* The whole block; one byte more than is allowed says that it is too large. */
static enum ke_code inflate_block(struct spdy_decoder *d, struct ke_str in, struct ke_err *err)
{
    ke_buf_clear(&d->block);
    char *out = ke_buf_reserve(&d->block, LIMIT_SPDY_BLOCK_BYTES);
    if (out == NULL) {
        return ke_fail(err, KE_NOMEM, "SPDY header block");
    }
    z_stream *z = &d->z;
    z->next_in = (const Bytef *)in.ptr;
    z->avail_in = (uInt)in.len;
    z->next_out = (Bytef *)out;
    z->avail_out = LIMIT_SPDY_BLOCK_BYTES;
    while (z->avail_in > 0) {
        int rc = inflate(z, Z_SYNC_FLUSH);
        if (rc == Z_NEED_DICT) {
            rc = inflateSetDictionary(z, (const Bytef *)spdy_dictionary, SPDY_DICTIONARY_BYTES);
        }
        if (rc == Z_MEM_ERROR) {
            return ke_fail(err, KE_NOMEM, "SPDY header block");
        }
        if (z->avail_out == 0) {
            break;
        }
        if (rc != Z_OK) {
            return ke_fail(err, KE_MALFORMED, "SPDY header block cannot be inflated");
        }
    }
    if (z->avail_out == 0) { /* there may be more inside zlib */
        return ke_fail(err, KE_TOO_LARGE, "SPDY header block over %u bytes",
                       LIMIT_SPDY_BLOCK_BYTES);
    }
    d->block.len = LIMIT_SPDY_BLOCK_BYTES - z->avail_out;
    return KE_OK;
}

static bool is_header_name(struct ke_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c <= ' ' || c > '~' || (c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return name.len > 0;
}

static enum ke_code parse_block(struct spdy_decoder *d, struct ke_err *err)
{
    struct ke_cur cur = ke_cur_of(d->block.ptr, d->block.len);
    uint32_t n = ke_cur_be32(&cur);
    d->n_headers = 0;
    if (n > LIMIT_SPDY_HEADERS) {
        return ke_fail(err, KE_TOO_LARGE, "more than %d SPDY headers", LIMIT_SPDY_HEADERS);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct spdy_header *header = &d->headers[i];
        header->name = ke_cur_bytes(&cur, ke_cur_be32(&cur));
        header->value = ke_cur_bytes(&cur, ke_cur_be32(&cur));
        if (cur.is_bad || !is_header_name(header->name)) {
            return ke_fail(err, KE_MALFORMED, "bad SPDY header");
        }
    }
    if (cur.is_bad || ke_cur_left(&cur) > 0) {
        return ke_fail(err, KE_MALFORMED, "bad SPDY header block");
    }
    d->n_headers = n;
    return KE_OK;
}

struct ke_str spdy_frame_header(const struct spdy_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->n_headers; i++) {
        if (ke_str_eq_c(frame->headers[i].name, name)) {
            struct ke_str value = frame->headers[i].value;
            return ke_str_sub(value, 0, ke_str_find(value, '\0'));
        }
    }
    return (struct ke_str){ NULL, 0 };
}

/* ---- decoding ----------------------------------------------------------------------------------
 */

/* Payload in front of the block, or all of it; SIZE_MAX: not a kind we know. */
static size_t fixed_size(unsigned kind)
{
    static const uint8_t sizes[] = {
        [SPDY_SYN_STREAM] = 10, [SPDY_SYN_REPLY] = 4, [SPDY_RST_STREAM] = 8,    [SPDY_SETTINGS] = 4,
        [SPDY_PING] = 4,        [SPDY_GOAWAY] = 8,    [SPDY_WINDOW_UPDATE] = 8, [SPDY_HEADERS] = 4,
    };
    return kind < KE_ARRAY_LEN(sizes) && sizes[kind] > 0 ? sizes[kind] : SIZE_MAX;
}

static bool has_block(unsigned kind)
{
    return kind == SPDY_SYN_STREAM || kind == SPDY_SYN_REPLY || kind == SPDY_HEADERS;
}

static enum ke_code begin_frame(struct spdy_decoder *d, struct ke_err *err)
{
    struct ke_cur cur = ke_cur_of(d->head, HEAD_BYTES);
    uint32_t first = ke_cur_be32(&cur);
    uint32_t second = ke_cur_be32(&cur);
    d->flags = second >> 24;
    d->left = second & 0xffffffU;
    d->is_control = (first & BIT_CONTROL) != 0;
    d->is_in_frame = true;
    d->is_skipped = false;
    d->head_len = 0;
    ke_buf_clear(&d->control);
    if (!d->is_control) {
        d->stream = first;
        return d->stream != 0 ? KE_OK : ke_fail(err, KE_MALFORMED, "SPDY data of stream 0");
    }
    unsigned version = first >> 16 & 0x7fffU;
    d->kind = first & 0xffffU;
    if (version != VERSION) {
        return ke_fail(err, KE_MALFORMED, "SPDY version %u", version);
    }
    size_t fixed = fixed_size(d->kind);
    d->is_skipped = fixed == SIZE_MAX;
    if (d->is_skipped) {
        return KE_OK;
    }
    bool is_exact = d->kind != SPDY_SETTINGS && !has_block(d->kind);
    if (d->left < fixed || (is_exact && d->left != fixed)) {
        return ke_fail(err, KE_MALFORMED, "SPDY frame %u of %zu bytes", d->kind, d->left);
    }
    if (d->left > LIMIT_SPDY_CONTROL_BYTES) {
        return ke_fail(err, KE_TOO_LARGE, "SPDY frame over %u bytes", LIMIT_SPDY_CONTROL_BYTES);
    }
    return KE_OK;
}

/* The payload is whole. KE_AGAIN: nothing to tell of it. */
static enum ke_code end_control(struct spdy_decoder *d, struct spdy_frame *out, struct ke_err *err)
{
    d->is_in_frame = false;
    if (d->is_skipped) {
        return KE_AGAIN;
    }
    struct ke_cur cur = ke_cur_of(d->control.ptr, d->control.len);
    struct spdy_frame frame = {
        .kind = (enum spdy_kind)d->kind,
        .is_fin = (d->flags & FLAG_FIN) != 0,
        .is_one_way = (d->flags & FLAG_ONE_WAY) != 0,
    };
    uint32_t first = ke_cur_be32(&cur);
    if (frame.kind == SPDY_PING) {
        frame.value = first;
    } else if (frame.kind == SPDY_GOAWAY) {
        frame.value = first & MASK_STREAM;
    } else if (frame.kind != SPDY_SETTINGS) {
        frame.stream = first & MASK_STREAM;
    }
    if (frame.kind == SPDY_RST_STREAM || frame.kind == SPDY_WINDOW_UPDATE) {
        frame.value = ke_cur_be32(&cur);
    }
    if (frame.kind == SPDY_SYN_STREAM) {
        (void)ke_cur_be32(&cur); /* the stream it belongs to: nobody uses it */
        (void)ke_cur_be16(&cur); /* priority */
    }
    if (has_block(d->kind)) {
        enum ke_code rc = inflate_block(d, ke_cur_bytes(&cur, ke_cur_left(&cur)), err);
        if (rc == KE_OK) {
            rc = parse_block(d, err);
        }
        if (rc != KE_OK) {
            return rc;
        }
        frame.headers = d->headers;
        frame.n_headers = d->n_headers;
    }
    ke_buf_free(&d->control); /* between frames nothing is held */
    *out = frame;
    return KE_OK;
}

static enum ke_code take_control(struct spdy_decoder *d, struct ke_str input, size_t *used,
                                 struct spdy_frame *out, struct ke_err *err)
{
    size_t n = d->left < input.len ? d->left : input.len;
    if (!d->is_skipped && n > 0) {
        ke_buf_add(&d->control, input.ptr, n);
    }
    *used += n;
    d->left -= n;
    enum ke_code rc = ke_buf_check(&d->control, "SPDY frame", err);
    if (rc != KE_OK || d->left > 0) {
        return rc != KE_OK ? rc : KE_AGAIN;
    }
    return end_control(d, out, err);
}

static enum ke_code take_data(struct spdy_decoder *d, struct ke_str input, size_t *used,
                              struct spdy_frame *out)
{
    size_t n = d->left < input.len ? d->left : input.len;
    if (n == 0 && d->left > 0) {
        return KE_AGAIN;
    }
    *used += n;
    d->left -= n;
    d->is_in_frame = d->left > 0;
    *out = (struct spdy_frame){
        .kind = SPDY_DATA,
        .stream = d->stream,
        .is_fin = d->left == 0 && (d->flags & FLAG_FIN) != 0,
        .data = ke_str_sub(input, 0, n),
    };
    return KE_OK;
}

static enum ke_code decode(struct spdy_decoder *d, struct ke_str input, size_t *used,
                           struct spdy_frame *out, struct ke_err *err)
{
    for (;;) {
        while (!d->is_in_frame) {
            if (*used == input.len) {
                return KE_AGAIN;
            }
            d->head[d->head_len++] = (uint8_t)input.ptr[(*used)++];
            enum ke_code rc = d->head_len == HEAD_BYTES ? begin_frame(d, err) : KE_OK;
            if (rc != KE_OK) {
                return rc;
            }
        }
        struct ke_str rest = ke_str_sub(input, *used, input.len - *used);
        if (!d->is_control) {
            return take_data(d, rest, used, out);
        }
        enum ke_code rc = take_control(d, rest, used, out, err);
        bool is_next = rc == KE_AGAIN && !d->is_in_frame; /* a skipped one is through */
        if (!is_next) {
            return rc;
        }
    }
}

enum ke_code spdy_decode(struct spdy_decoder *d, struct ke_str input, size_t *used,
                         struct spdy_frame *out, struct ke_err *err)
{
    *used = 0;
    if (d->failed != KE_OK) {
        return ke_fail(err, d->failed, "SPDY connection has failed");
    }
    enum ke_code rc = decode(d, input, used, out, err);
    if (rc != KE_OK && rc != KE_AGAIN) {
        d->failed = rc;
    }
    return rc;
}

/* ---- encoding ----------------------------------------------------------------------------------
 */

struct spdy_encoder {
    z_stream z;
};

struct spdy_encoder *spdy_encoder_new(void)
{
    struct spdy_encoder *e = ke_alloc(sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    if (deflateInit2(&e->z, Z_BEST_SPEED, Z_DEFLATED, DEFLATE_WINDOW, DEFLATE_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(e);
        return NULL;
    }
    if (deflateSetDictionary(&e->z, (const Bytef *)spdy_dictionary, SPDY_DICTIONARY_BYTES) !=
        Z_OK) {
        spdy_encoder_free(e);
        return NULL;
    }
    return e;
}

void spdy_encoder_free(struct spdy_encoder *e)
{
    if (e != NULL) {
        (void)deflateEnd(&e->z);
        free(e);
    }
}

static void put_control_head(struct ke_buf *out, enum spdy_kind kind, unsigned flags, size_t len)
{
    ke_buf_add_be32(out, BIT_CONTROL | VERSION << 16 | (uint32_t)kind);
    ke_buf_add_be32(out, (uint32_t)flags << 24 | (uint32_t)len);
}

static void deflate_block(struct spdy_encoder *e, struct ke_str block, struct ke_buf *out)
{
    /* Z_SYNC_FLUSH adds an empty stored block: 5 bytes, and a header the first time. */
    size_t bound = deflateBound(&e->z, (uLong)block.len) + 16;
    char *room = ke_buf_reserve(out, bound);
    if (room == NULL) {
        return;
    }
    e->z.next_in = (const Bytef *)block.ptr;
    e->z.avail_in = (uInt)block.len;
    e->z.next_out = (Bytef *)room;
    e->z.avail_out = (uInt)bound;
    if (deflate(&e->z, Z_SYNC_FLUSH) != Z_OK || e->z.avail_in > 0 || e->z.avail_out == 0) {
        out->failed = KE_NOMEM; /* cannot be: the bound is kept */
        return;
    }
    out->len += bound - e->z.avail_out;
}

void spdy_put_headers(struct spdy_encoder *e, const struct spdy_frame *frame, struct ke_buf *out)
{
    ke_auto_buf block = KE_BUF_INIT(LIMIT_SPDY_BLOCK_BYTES);
    ke_auto_buf payload = KE_BUF_INIT(2 * LIMIT_SPDY_BLOCK_BYTES);
    ke_buf_add_be32(&block, (uint32_t)frame->n_headers);
    for (size_t i = 0; i < frame->n_headers; i++) {
        ke_buf_add_be32(&block, (uint32_t)frame->headers[i].name.len);
        ke_buf_add_str(&block, frame->headers[i].name);
        ke_buf_add_be32(&block, (uint32_t)frame->headers[i].value.len);
        ke_buf_add_str(&block, frame->headers[i].value);
    }
    ke_buf_add_be32(&payload, frame->stream);
    if (frame->kind == SPDY_SYN_STREAM) {
        ke_buf_add_be32(&payload, 0);
        ke_buf_add_be16(&payload, 0);
    }
    if (block.failed == KE_OK) {
        deflate_block(e, ke_buf_str(&block), &payload);
    }
    if (block.failed != KE_OK || payload.failed != KE_OK) {
        out->failed = block.failed != KE_OK ? block.failed : payload.failed;
        return;
    }
    put_control_head(out, frame->kind, frame->is_fin ? FLAG_FIN : 0, payload.len);
    ke_buf_add_str(out, ke_buf_str(&payload));
}

void spdy_put_data_head(struct ke_buf *out, uint32_t stream, bool is_fin, size_t len)
{
    ke_buf_add_be32(out, stream & MASK_STREAM);
    ke_buf_add_be32(out, (is_fin ? FLAG_FIN << 24 : 0U) | (uint32_t)(len & 0xffffffU));
}

void spdy_put_reset(struct ke_buf *out, uint32_t stream, uint32_t status)
{
    put_control_head(out, SPDY_RST_STREAM, 0, 8);
    ke_buf_add_be32(out, stream);
    ke_buf_add_be32(out, status);
}

void spdy_put_ping(struct ke_buf *out, uint32_t id)
{
    put_control_head(out, SPDY_PING, 0, 4);
    ke_buf_add_be32(out, id);
}

void spdy_put_goaway(struct ke_buf *out, uint32_t last_stream, uint32_t status)
{
    put_control_head(out, SPDY_GOAWAY, 0, 8);
    ke_buf_add_be32(out, last_stream);
    ke_buf_add_be32(out, status);
}
