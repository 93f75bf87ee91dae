/* SPDX-License-Identifier: Apache-2.0 */
/* SPDY frames: what is decoded does not depend on how the bytes are cut. First byte: the size of a
 * piece. */
#include "core/net/stream/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t n_data, n_control, n_header_bytes;
    enum ke_code code;
};

static void note(struct seen *seen, const struct spdy_frame *frame)
{
    seen->n_data += frame->data.len;
    seen->n_control += frame->kind != SPDY_DATA ? 1 : 0;
    for (size_t i = 0; i < frame->n_headers; i++)
        seen->n_header_bytes += frame->headers[i].name.len + frame->headers[i].value.len;
}

/* All frames of a piece of the input. */
static enum ke_code decode_piece(struct spdy_decoder *d, struct ke_str rest, struct seen *seen)
{
    for (;;) {
        struct spdy_frame frame;
        struct ke_err err;
        size_t used = 0;
        enum ke_code rc = spdy_decode(d, rest, &used, &frame, &err);
        KE_ASSERT(used <= rest.len);
        rest = ke_str_sub(rest, used, rest.len - used);
        KE_ASSERT(rc != KE_AGAIN || rest.len == 0);
        if (rc != KE_OK)
            return rc;
        note(seen, &frame);
    }
}

static struct seen decode(const uint8_t *data, size_t size, size_t step)
{
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    KE_ASSERT(d != NULL);
    struct seen seen = { .code = KE_AGAIN };
    for (size_t at = 0; at < size && seen.code == KE_AGAIN; at += step) {
        size_t n = size - at < step ? size - at : step;
        seen.code = decode_piece(d, ke_str_of((const char *)data + at, n), &seen);
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct seen whole = decode(data + 1, size - 1, size);
    struct seen cut = decode(data + 1, size - 1, data[0] + 1U);
    KE_ASSERT(whole.code == cut.code && whole.n_data == cut.n_data &&
              whole.n_control == cut.n_control && whole.n_header_bytes == cut.n_header_bytes);
    return 0;
}
