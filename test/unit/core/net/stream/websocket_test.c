/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/stream/websocket.h"
#include "test/support/base/test.h"

/* What a decoder says of bytes that come in pieces of `step`. */
struct heard {
    char data[4096];
    size_t data_len;
    unsigned n_messages, n_pings, n_pongs;
    struct ws_event last;
    char reason[WS_CONTROL_MAX];
    size_t reason_len;
};

static void note(const struct ws_event *event, struct heard *out)
{
    out->last = *event;
    if (event->kind == WS_EVENT_DATA) {
        assert_true(out->data_len + event->data.len <= sizeof(out->data));
        memcpy(out->data + out->data_len, event->data.ptr, event->data.len);
        out->data_len += event->data.len;
        out->n_messages += event->is_last ? 1 : 0;
    }
    out->n_pings += event->kind == WS_EVENT_PING ? 1 : 0;
    out->n_pongs += event->kind == WS_EVENT_PONG ? 1 : 0;
    if (event->kind == WS_EVENT_CLOSE || event->kind == WS_EVENT_PING) {
        out->reason_len = event->data.len;
        if (event->data.len > 0) /* a close may have no reason */
            memcpy(out->reason, event->data.ptr, event->data.len);
    }
}

static void hear(struct ws_decoder *d, const char *bytes, size_t len, size_t step,
                 struct heard *out)
{
    char copy[8192];
    assert_true(len <= sizeof(copy));
    memcpy(copy, bytes, len);
    for (size_t at = 0; at < len;) {
        size_t n = len - at < step ? len - at : step;
        size_t done = 0;
        while (done < n) {
            size_t used = 0;
            struct ws_event event = ws_decode(d, copy + at + done, n - done, &used);
            done += used;
            assert_true(done <= n);
            if (event.kind == WS_EVENT_NONE) {
                assert_int_equal(done, n);
                break;
            }
            note(&event, out);
        }
        at += n;
    }
}

/* A client's frame, masked; fin and opcode in the first byte. */
static size_t frame(char *out, unsigned first, const char *payload, size_t len)
{
    static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    size_t at = 0;
    out[at++] = (char)first;
    if (len < 126) {
        out[at++] = (char)(0x80U | len);
    } else {
        out[at++] = (char)(0x80U | 126U);
        out[at++] = (char)(len >> 8);
        out[at++] = (char)len;
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < len; i++) {
        out[at++] = (char)((unsigned char)payload[i] ^ mask[i % 4]);
    }
    return at;
}

static void accept_is_that_of_the_rfc(void **state)
{
    char accept[WS_ACCEPT_TEXT];
    (void)state;
    ws_accept_key(KE_STR("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(ws_key_is_valid(KE_STR("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_false(ws_key_is_valid(KE_STR("dGhlIHNhbXBsZSBub25j")));
    assert_false(ws_key_is_valid(KE_STR("dGhlIHNhbXBsZSBub25jZQ=!")));
    assert_false(ws_key_is_valid(KE_STR("")));
}

static void a_message_in_fragments_with_a_ping_inside_arrives_however_it_is_cut(void **state)
{
    (void)state;
    char bytes[512];
    size_t len = frame(bytes, 0x02, "one ", 4);
    len += frame(bytes + len, 0x89, "hi", 2);
    len += frame(bytes + len, 0x00, "", 0);
    len += frame(bytes + len, 0x80, "two", 3);
    for (size_t step = 1; step <= len; step++) {
        struct ws_decoder d = { .is_client = false };
        struct heard heard = { .n_messages = 0 };
        hear(&d, bytes, len, step, &heard);
        assert_int_equal(heard.data_len, 7);
        assert_memory_equal(heard.data, "one two", 7);
        assert_int_equal(heard.n_messages, 1);
        assert_int_equal(heard.n_pings, 1);
        assert_int_equal(heard.reason_len, 2);
    }
}

static void an_empty_message_is_one(void **state)
{
    (void)state;
    char bytes[16];
    size_t len = frame(bytes, 0x82, "", 0);
    struct ws_decoder d = { .is_client = false };
    struct heard heard = { .n_messages = 0 };
    hear(&d, bytes, len, 1, &heard);
    assert_int_equal(heard.n_messages, 1);
    assert_true(heard.last.is_first && heard.last.is_last);
    assert_int_equal(heard.last.opcode, WS_OP_BINARY);
}

static void what_we_make_a_client_reads(void **state)
{
    (void)state;
    ke_auto_buf out = KE_BUF_INIT(70000);
    char payload[300];
    memset(payload, 'x', sizeof(payload));
    ws_put_head(&out, WS_OP_BINARY, sizeof(payload));
    ke_buf_add(&out, payload, sizeof(payload));
    ws_put_control(&out, WS_OP_PONG, KE_STR("abc"));
    ws_put_close(&out, WS_CLOSE_NORMAL, KE_STR("bye"));
    struct ws_decoder d = { .is_client = true };
    struct heard heard = { .n_messages = 0 };
    hear(&d, out.ptr, out.len, 7, &heard);
    assert_int_equal(heard.data_len, sizeof(payload));
    assert_int_equal(heard.n_pongs, 1);
    assert_int_equal(heard.last.kind, WS_EVENT_CLOSE);
    assert_int_equal(heard.last.code, WS_CLOSE_NORMAL);
    assert_int_equal(heard.reason_len, 3);
    ke_buf_clear(&out);
    ws_put_head(&out, WS_OP_BINARY, 65536);
    assert_int_equal(out.len, 10);
    assert_int_equal((unsigned char)out.ptr[1], 127);
}

static void a_frame_of_any_length_costs_no_memory(void **state)
{
    (void)state;
    /* 2^62 bytes to come. */
    const char head[] = { (char)0x82, (char)0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'a', 'b' };
    struct ws_decoder d = { .is_client = false };
    struct heard heard = { .n_messages = 0 };
    hear(&d, head, sizeof(head), 3, &heard);
    assert_int_equal(heard.data_len, 2);
    assert_int_equal(heard.n_messages, 0);
}

static void assert_bad(const char *bytes, size_t len, unsigned code)
{
    struct ws_decoder d = { .is_client = false };
    struct heard heard = { .n_messages = 0 };
    hear(&d, bytes, len, 1, &heard);
    assert_int_equal(heard.last.kind, WS_EVENT_BAD);
    assert_int_equal(heard.last.code, code);
    assert_non_null(heard.last.why);
    /* Nothing counts after it. */
    char more[32];
    size_t n = frame(more, 0x82, "x", 1);
    heard.last.kind = WS_EVENT_NONE;
    hear(&d, more, n, n, &heard);
    assert_int_equal(heard.last.kind, WS_EVENT_NONE);
}

static void what_the_rfc_forbids_ends_the_connection(void **state)
{
    (void)state;
    char bytes[300];
    char payload[200] = { 0 };
    static const unsigned firsts[] = { 0xc2 /* reserved bit */, 0x83 /* opcode 3 */,
                                       0x80 /* continues nothing */, 0x09 /* a ping in parts */,
                                       0x8b /* control opcode 11 */ };
    for (size_t i = 0; i < KE_ARRAY_LEN(firsts); i++) {
        assert_bad(bytes, frame(bytes, firsts[i], "x", 1), WS_CLOSE_PROTOCOL);
    }
    assert_bad(bytes, frame(bytes, 0x89, payload, 126), WS_CLOSE_PROTOCOL);
    size_t len = frame(bytes, 0x02, "a", 1);
    assert_bad(bytes, len + frame(bytes + len, 0x82, "b", 1), WS_CLOSE_PROTOCOL);
    const char unmasked[] = { (char)0x82, 1, 'x' };
    assert_bad(unmasked, sizeof(unmasked), WS_CLOSE_PROTOCOL);
    const char longer[] = { (char)0x82, (char)0xfe, 0, 5, 0, 0, 0, 0, 'x' };
    assert_bad(longer, sizeof(longer), WS_CLOSE_PROTOCOL);
    const char longest[] = { (char)0x82, (char)0xff, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    assert_bad(longest, sizeof(longest), WS_CLOSE_PROTOCOL);
}

static void close_frames_are_held_to_the_rules(void **state)
{
    (void)state;
    char bytes[64];
    assert_bad(bytes, frame(bytes, 0x88, "\x03", 1), WS_CLOSE_PROTOCOL);
    assert_bad(bytes, frame(bytes, 0x88, "\x03\xed", 2), WS_CLOSE_PROTOCOL); /* 1005 */
    assert_bad(bytes, frame(bytes, 0x88, "\x03\xe8\xff\xfe", 4), WS_CLOSE_BAD_DATA);
    struct ws_decoder d = { .is_client = false };
    struct heard heard = { .n_messages = 0 };
    hear(&d, bytes, frame(bytes, 0x88, "", 0), 1, &heard);
    assert_int_equal(heard.last.kind, WS_EVENT_CLOSE);
    assert_int_equal(heard.last.code, WS_CLOSE_NO_CODE);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char reason[200];
    for (size_t i = 0; i + 1 < sizeof(reason); i += 2) {
        memcpy(reason + i, "\xc3\xa4", 2);
    }
    ke_auto_buf out = KE_BUF_INIT(1000);
    ws_put_close(&out, WS_CLOSE_INTERNAL, ke_str_of(reason, sizeof(reason)));
    struct ws_decoder d = { .is_client = true };
    struct heard heard = { .n_messages = 0 };
    hear(&d, out.ptr, out.len, 1, &heard);
    assert_int_equal(heard.last.kind, WS_EVENT_CLOSE);
    assert_int_equal(heard.reason_len, 122);
}

static void the_first_protocol_of_the_client_that_is_ours_is_chosen(void **state)
{
    (void)state;
    static const char *const ours[] = { "a", "b", NULL };
    static const char *const any[] = { "", "b", NULL };
    assert_string_equal(ws_choose_protocol(KE_STR("x, b ,a"), ours), "b");
    assert_null(ws_choose_protocol(KE_STR("x"), ours));
    assert_null(ws_choose_protocol(KE_STR(""), ours));
    assert_string_equal(ws_choose_protocol(KE_STR(" "), any), "");
    assert_null(ws_choose_protocol(KE_STR("x,"), any));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_is_that_of_the_rfc),
        cmocka_unit_test(a_message_in_fragments_with_a_ping_inside_arrives_however_it_is_cut),
        cmocka_unit_test(an_empty_message_is_one),
        cmocka_unit_test(what_we_make_a_client_reads),
        cmocka_unit_test(a_frame_of_any_length_costs_no_memory),
        cmocka_unit_test(what_the_rfc_forbids_ends_the_connection),
        cmocka_unit_test(close_frames_are_held_to_the_rules),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(the_first_protocol_of_the_client_that_is_ours_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
