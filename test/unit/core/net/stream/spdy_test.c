/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>

#include "core/net/stream/spdy.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static enum ke_code next(struct spdy_decoder *d, struct ke_str *input, struct spdy_frame *out)
{
    struct ke_err err;
    size_t used = 0;
    enum ke_code rc = spdy_decode(d, *input, &used, out, &err);
    assert_true(used <= input->len);
    *input = ke_str_sub(*input, used, input->len - used);
    return rc;
}

static void put_stream(struct spdy_encoder *e, uint32_t stream, const char *type,
                       struct ke_buf *out)
{
    const struct spdy_header headers[] = {
        { KE_STR("streamtype"), ke_str_c(type) },
        { KE_STR("port"), KE_STR("80") },
    };
    const struct spdy_frame frame = {
        .kind = SPDY_SYN_STREAM, .stream = stream, .headers = headers, .n_headers = 2
    };
    spdy_put_headers(e, &frame, out);
}

static void header_blocks_share_one_dictionary_and_history(void **state)
{
    (void)state;
    KE_AUTO(spdy_encoder) *e = spdy_encoder_new();
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    ke_auto_buf bytes = KE_BUF_INIT(100000);
    put_stream(e, 1, "error", &bytes);
    size_t first = bytes.len;
    put_stream(e, 3, "data", &bytes);
    assert_true(bytes.len - first < first); /* the second is told by the first */
    struct ke_str input = ke_buf_str(&bytes);
    struct spdy_frame frame;
    assert_int_equal(next(d, &input, &frame), KE_OK);
    assert_int_equal(frame.kind, SPDY_SYN_STREAM);
    assert_int_equal(frame.stream, 1);
    assert_true(ke_str_eq_c(spdy_frame_header(&frame, "streamtype"), "error"));
    assert_int_equal(next(d, &input, &frame), KE_OK);
    assert_int_equal(frame.stream, 3);
    assert_true(ke_str_eq_c(spdy_frame_header(&frame, "streamtype"), "data"));
    assert_true(ke_str_eq_c(spdy_frame_header(&frame, "port"), "80"));
    assert_null(spdy_frame_header(&frame, "other").ptr);
    assert_int_equal(next(d, &input, &frame), KE_AGAIN);
}

/* What the frames of the test below said, put together. */
struct heard {
    char data[16];
    size_t data_len;
    unsigned kinds;
};

static void hear(struct heard *heard, const struct spdy_frame *frame)
{
    heard->kinds |= 1U << (unsigned)frame->kind;
    if (frame->kind == SPDY_DATA) {
        memcpy(heard->data + heard->data_len, frame->data.ptr, frame->data.len);
        heard->data_len += frame->data.len;
        assert_int_equal(frame->is_fin, heard->data_len == 5);
    }
    if (frame->kind == SPDY_PING)
        assert_int_equal(frame->value, 7);
    if (frame->kind == SPDY_RST_STREAM)
        assert_int_equal(frame->value, SPDY_RST_CANCEL);
}

static void assert_read_in_steps(struct ke_str bytes, size_t step)
{
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    struct heard heard = { .data_len = 0 };
    for (size_t at = 0; at < bytes.len; at += step) {
        struct ke_str input = ke_str_sub(bytes, at, step);
        struct spdy_frame frame;
        while (next(d, &input, &frame) == KE_OK)
            hear(&heard, &frame);
        assert_int_equal(input.len, 0);
    }
    assert_memory_equal(heard.data, "hello", 5);
    assert_int_equal(heard.kinds, 1U << SPDY_DATA | 1U << SPDY_SYN_STREAM | 1U << SPDY_PING |
                                      1U << SPDY_RST_STREAM | 1U << SPDY_GOAWAY);
}

static void a_frame_is_read_however_it_is_cut(void **state)
{
    (void)state;
    KE_AUTO(spdy_encoder) *e = spdy_encoder_new();
    ke_auto_buf bytes = KE_BUF_INIT(100000);
    put_stream(e, 1, "stdin", &bytes);
    spdy_put_data_head(&bytes, 1, true, 5);
    ke_buf_add_c(&bytes, "hello");
    spdy_put_ping(&bytes, 7);
    spdy_put_reset(&bytes, 1, SPDY_RST_CANCEL);
    spdy_put_goaway(&bytes, 1, SPDY_GOAWAY_OK);
    for (size_t step = 1; step <= bytes.len; step++)
        assert_read_in_steps(ke_buf_str(&bytes), step);
}

static void assert_fails(const char *bytes, size_t len, enum ke_code code)
{
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    struct ke_str input = ke_str_of(bytes, len);
    struct spdy_frame frame;
    assert_int_equal(next(d, &input, &frame), code);
    /* It stays failed. */
    struct ke_str ping = ke_str_of("\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01", 12);
    assert_int_equal(next(d, &ping, &frame), code);
}

static void bad_frames_end_the_connection(void **state)
{
    (void)state;
    assert_fails("\x80\x02\x00\x06\x00\x00\x00\x04", 8, KE_MALFORMED); /* SPDY/2 */
    assert_fails("\x00\x00\x00\x00\x00\x00\x00\x01", 8, KE_MALFORMED); /* data of stream 0 */
    assert_fails("\x80\x03\x00\x06\x00\x00\x00\x05", 8, KE_MALFORMED); /* a ping of 5 bytes */
    assert_fails("\x80\x03\x00\x03\x00\x00\x00\x04", 8, KE_MALFORMED); /* a short reset */
    assert_fails("\x80\x03\x00\x01\x00\x00\x00\x03", 8, KE_MALFORMED); /* a short SYN_STREAM */
    assert_fails("\x80\x03\x00\x01\x00\xff\xff\xff", 8, KE_TOO_LARGE); /* 16 MiB of it */
    assert_fails("\x80\x03\x00\x08\x00\x00\x00\x08\0\0\0\1junk", 16, KE_MALFORMED); /* no zlib */
}

static void unknown_control_frames_are_skipped(void **state)
{
    (void)state;
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    struct ke_str input = ke_str_of("\x80\x03\x00\x0b\x00\x00\x00\x02xy"
                                    "\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01",
                                    22);
    struct spdy_frame frame;
    assert_int_equal(next(d, &input, &frame), KE_OK);
    assert_int_equal(frame.kind, SPDY_PING);
    assert_int_equal(frame.value, 1);
}

/* A window may be opened as far as one likes: it is not counted. */
static void windows_are_read_and_not_counted(void **state)
{
    (void)state;
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    struct ke_str input = ke_str_of("\x80\x03\x00\x09\x00\x00\x00\x08\0\0\0\1\x7f\xff\xff\xff", 16);
    struct spdy_frame frame;
    assert_int_equal(next(d, &input, &frame), KE_OK);
    assert_int_equal(frame.kind, SPDY_WINDOW_UPDATE);
    assert_int_equal(frame.value, 0x7fffffff);
}

/* A block whose few bytes inflate to many: cut off at the limit. */
static void a_header_bomb_is_refused(void **state)
{
    (void)state;
    static char zeros[1 << 20];
    KE_AUTO(spdy_encoder) *e = spdy_encoder_new();
    KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
    ke_auto_buf out = KE_BUF_INIT(100000);
    put_stream(e, 1, "error", &out); /* primes both with the dictionary */
    struct spdy_frame frame;
    struct ke_str input = ke_buf_str(&out);
    assert_int_equal(next(d, &input, &frame), KE_OK);
    z_stream z = { .zalloc = NULL };
    unsigned char packed[8192];
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)zeros;
    z.avail_in = sizeof(zeros);
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    size_t len = sizeof(packed) - z.avail_out;
    assert_int_equal(z.avail_in, 0);
    (void)deflateEnd(&z);
    ke_buf_clear(&out);
    ke_buf_add_be32(&out, 0x80030001U);
    ke_buf_add_be32(&out, (uint32_t)(len + 10));
    ke_buf_add(&out, "\0\0\0\3\0\0\0\0\0\0", 10);
    ke_buf_add(&out, packed, len);
    input = ke_buf_str(&out);
    assert_int_equal(next(d, &input, &frame), KE_TOO_LARGE);
}

static void too_many_headers_and_upper_case_are_refused(void **state)
{
    (void)state;
    struct spdy_header headers[LIMIT_SPDY_HEADERS + 1];
    for (size_t i = 0; i < KE_ARRAY_LEN(headers); i++) {
        headers[i] = (struct spdy_header){ KE_STR("a"), KE_STR("b") };
    }
    for (size_t n = LIMIT_SPDY_HEADERS; n <= LIMIT_SPDY_HEADERS + 1; n++) {
        KE_AUTO(spdy_encoder) *e = spdy_encoder_new();
        KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
        ke_auto_buf out = KE_BUF_INIT(100000);
        struct spdy_frame frame;
        frame = (struct spdy_frame){
            .kind = SPDY_HEADERS, .stream = 1, .is_fin = true, .headers = headers, .n_headers = n
        };
        spdy_put_headers(e, &frame, &out);
        struct ke_str input = ke_buf_str(&out);
        assert_int_equal(next(d, &input, &frame), n == LIMIT_SPDY_HEADERS ? KE_OK : KE_TOO_LARGE);
    }
    KE_AUTO(spdy_encoder) *e = spdy_encoder_new();
    ke_auto_buf out = KE_BUF_INIT(100000);
    headers[0].name = KE_STR("Aa");
    const struct spdy_frame upper = {
        .kind = SPDY_HEADERS, .stream = 1, .headers = headers, .n_headers = 1
    };
    spdy_put_headers(e, &upper, &out);
    assert_fails(out.ptr, out.len, KE_MALFORMED);
}

/* Whichever allocation fails, the answer is NULL or KE_NOMEM, and nothing leaks. */
static void out_of_memory_is_said(void **state)
{
    (void)state;
    KE_AUTO(spdy_encoder) *encoder = spdy_encoder_new();
    ke_auto_buf bytes = KE_BUF_INIT(100000);
    put_stream(encoder, 1, "error", &bytes);
    for (size_t n = 1;; n++) {
        struct spdy_frame frame = { .n_headers = 0 };
        struct ke_str input = ke_buf_str(&bytes);
        test_alloc_fail_at(n);
        KE_AUTO(spdy_encoder) *e = spdy_encoder_new();
        KE_AUTO(spdy_decoder) *d = spdy_decoder_new();
        ke_auto_buf out = KE_BUF_INIT(100000);
        enum ke_code rc = d != NULL ? next(d, &input, &frame) : KE_NOMEM;
        if (e != NULL) {
            put_stream(e, 1, "error", &out);
        }
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            assert_int_equal(out.failed, KE_OK);
            break;
        }
        assert_true(e == NULL || rc == KE_NOMEM || out.failed == KE_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_blocks_share_one_dictionary_and_history),
        cmocka_unit_test(a_frame_is_read_however_it_is_cut),
        cmocka_unit_test(bad_frames_end_the_connection),
        cmocka_unit_test(unknown_control_frames_are_skipped),
        cmocka_unit_test(windows_are_read_and_not_counted),
        cmocka_unit_test(a_header_bomb_is_refused),
        cmocka_unit_test(too_many_headers_and_upper_case_are_refused),
        cmocka_unit_test(out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
