/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of the streaming subresources that break the protocol or leave in the middle: the server
 * ends their connection, gives back what they held, and others do not notice.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "test/support/fake_runtime.h"
#include "test/support/http_backend.h"
#include "test/support/stream_client.h"
#include "test/support/tmpdir.h"

#define POD  "/api/v1/namespaces/default/pods/p"
#define CAT  POD "/exec?stdin=1&stdout=1&stderr=1&command=cat"
#define PORT POD "/portforward"

static struct fake_runtime *runtime;
static struct test_tmpdir logs;

static int set_up(void **state)
{
    test_tmpdir_make(&logs);
    runtime = fake_runtime_new(logs.path);
    int rc = test_api_set_up_with(state, fake_runtime_of(runtime), NULL, NULL);
    struct test_api *f = *state;
    unsigned status = test_api_post(f, "/api/v1/namespaces/default/pods",
                                    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\","
                                    "\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}");
    assert_int_equal(status, 201);
    return rc;
}

static int tear_down(void **state)
{
    int rc = test_api_tear_down(state);
    fake_runtime_free(runtime);
    test_tmpdir_remove(&logs);
    return rc;
}

/* No process, no descriptor is left, and the next client is served. */
static void assert_unharmed(struct test_api *f)
{
    struct stream_client c;
    test_api_await_descriptors(f, 1);
    stream_await_idle(f, runtime);
    stream_client_open(&c, f, CAT, "v5.channel.k8s.io", false, false);
    stream_client_say(&c, 0, "still here");
    stream_client_await(&c, 1, "still here");
    stream_client_close(&c);
    test_api_await_descriptors(f, 1);
}

static void garbage_after_an_upgrade_ends_it(void **state)
{
    static const struct {
        const char *path, *protocol;
        bool is_spdy, is_tunnel;
    } ways[] = {
        { CAT, "v5.channel.k8s.io", false, false },
        { CAT, "v4.base64.channel.k8s.io", false, false },
        { CAT, "v4.channel.k8s.io", true, false },
        { PORT, "portforward.k8s.io", true, false },
        { PORT, "SPDY/3.1+portforward.k8s.io", false, true },
    };
    char noise[4096];
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (char)(i * 7 + 0xe1);
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(ways); i++) {
        struct stream_client c;
        stream_client_open(&c, *state, ways[i].path, ways[i].protocol, ways[i].is_spdy,
                           ways[i].is_tunnel);
        assert_int_equal(c.status, 101);
        stream_client_bytes(&c, noise, sizeof(noise));
        (void)shutdown(c.fd, SHUT_WR);
        stream_client_await_over(&c);
        assert_true(ways[i].is_spdy ? c.n_goaways == 1 : c.close_code == WS_CLOSE_PROTOCOL);
        stream_client_close(&c);
    }
    assert_unharmed(*state);
}

static void spdy_garbage_in_good_messages_ends_it(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, PORT, "SPDY/3.1+portforward.k8s.io", false, true);
    stream_client_frame(&c, WS_OP_BINARY, "GET / HTTP/1.1 is no frame of SPDY at all", 36);
    (void)shutdown(c.fd, SHUT_WR);
    stream_client_await_over(&c);
    stream_client_close(&c);
    assert_unharmed(*state);
}

/* A frame that says it is 2^62 bytes long is taken piece by piece, and no more. */
static void a_giant_frame_flows_and_costs_nothing(void **state)
{
    struct stream_client c;
    const char head[] = { (char)0x82, (char)0xff, 0x40, 0, 0, 0, 0, 0,
                          0,          0,          0,    0, 0, 0, 0 /* channel */ };
    char block[16384];
    memset(block, 'z', sizeof(block));
    stream_client_open(&c, *state, CAT, "v5.channel.k8s.io", false, false);
    stream_client_bytes(&c, head, sizeof(head));
    for (int i = 0; i < 64; i++) {
        stream_client_bytes(&c, block, sizeof(block));
        while (c.channels[1].len + 65536 < (size_t)i * sizeof(block)) {
            assert_true(stream_client_turn(&c));
        }
    }
    while (c.channels[1].len < 64 * sizeof(block)) {
        assert_true(stream_client_turn(&c));
    }
    stream_client_close(&c);
    assert_unharmed(*state);
}

static void a_giant_control_frame_of_spdy_ends_it(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, PORT, "portforward.k8s.io", true, false);
    stream_client_bytes(&c, "\x80\x03\x00\x01\x00\xff\xff\xff", 8);
    while (c.n_goaways == 0) {
        assert_true(stream_client_turn(&c));
    }
    stream_client_close(&c);
    assert_unharmed(*state);
}

static void a_header_bomb_ends_it(void **state)
{
    static char zeros[1 << 20];
    unsigned char packed[8192];
    struct stream_client c;
    z_stream z = { .zalloc = NULL };
    stream_client_open(&c, *state, PORT, "portforward.k8s.io", true, false);
    stream_client_syn(&c, 1, "error", 80, 0); /* sends the dictionary's use */
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)zeros;
    z.avail_in = sizeof(zeros);
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    size_t len = sizeof(packed) - z.avail_out;
    (void)deflateEnd(&z);
    ke_auto_buf frame = KE_BUF_INIT(16384);
    ke_buf_add_be32(&frame, 0x80030001U);
    ke_buf_add_be32(&frame, (uint32_t)(len + 10));
    ke_buf_add(&frame, "\0\0\0\3\0\0\0\0\0\0", 10);
    ke_buf_add(&frame, packed, len);
    stream_client_bytes(&c, frame.ptr, frame.len);
    while (c.n_goaways == 0) {
        assert_true(stream_client_turn(&c));
    }
    stream_client_close(&c);
    assert_unharmed(*state);
}

/* Half pairs, streams that count down, even ones, unknown types, ports and ids that are none. */
static void streams_that_make_no_sense_are_reset(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, PORT, "portforward.k8s.io", true, false);
    stream_client_syn(&c, 5, "error", 80, 1);
    stream_client_syn(&c, 3, "data", 80, 1);  /* counts down */
    stream_client_syn(&c, 6, "data", 80, 1);  /* the server's */
    stream_client_syn(&c, 7, "stdin", 80, 1); /* of no port-forward */
    stream_client_syn(&c, 9, "error", 80, 1); /* a second one */
    stream_client_syn(&c, 11, "data", 81, 1); /* another port in the pair */
    stream_client_syn(&c, 13, "data", 0, 0);  /* no port at all */
    stream_client_data(&c, 99, "to nobody", true);
    while (c.n_resets < 6) {
        assert_true(stream_client_turn(&c));
    }
    assert_int_equal(c.n_replies, 1);
    stream_client_close(&c);
    assert_unharmed(*state);
}

static void two_thousand_streams_are_more_than_one_client_may_have(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, PORT, "portforward.k8s.io", true, false);
    for (uint32_t i = 0; i < 2000; i++) {
        stream_client_syn(&c, 2 * i + 1, "error", 80, i); /* half pairs stay open */
        while (c.n_replies + c.n_resets + 100 < i) {
            assert_true(stream_client_turn(&c));
        }
    }
    while (c.n_replies + c.n_resets < 2000) {
        assert_true(stream_client_turn(&c));
    }
    assert_int_equal(c.n_replies, LIMIT_STREAM_FORWARDS);
    stream_client_close(&c);
    assert_unharmed(*state);
}

static void windows_and_pings_without_end_change_nothing(void **state)
{
    struct stream_client c;
    ke_auto_buf flood = KE_BUF_INIT(1U << 20);
    for (int i = 0; i < 5000; i++) {
        ke_buf_add(&flood, "\x80\x03\x00\x09\x00\x00\x00\x08\x00\x00\x00\x01\x7f\xff\xff\xff", 16);
        ke_buf_add(&flood, "\x80\x03\x00\x09\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00", 16);
        spdy_put_ping(&flood, 1);
    }
    stream_client_open(&c, *state, CAT, "v4.channel.k8s.io", true, false);
    stream_client_bytes(&c, flood.ptr, flood.len);
    stream_client_syn(&c, 1, "error", 0, 0);
    stream_client_syn(&c, 3, "stdin", 0, 0);
    stream_client_syn(&c, 5, "stdout", 0, 0);
    stream_client_syn(&c, 7, "stderr", 0, 0);
    stream_client_data(&c, 3, "through it all", true);
    stream_client_await(&c, 2, "through it all");
    assert_true(c.n_pongs > 1000);
    stream_client_close(&c);
    assert_unharmed(*state);
}

/* ---- clients that leave ------------------------------------------------------------------------
 */

/* Says the first `len` bytes of a talk and is gone; or stays, and only ends its own half. */
static void say_and_leave(struct test_api *f, const struct ke_buf *talk, size_t len, bool is_half)
{
    struct test_reader r;
    test_reader_open(&r, f, "/livez", ""); /* a connection of its own, used once already */
    (void)test_reader_await(&r, "ok");
    assert_true(send(r.fd, talk->ptr, len, MSG_NOSIGNAL) == (ssize_t)len);
    if (is_half) {
        (void)shutdown(r.fd, SHUT_WR);
        while (test_reader_more(&r)) {
        }
    }
    close(r.fd);
}

static void cut_everywhere(struct test_api *f, const struct ke_buf *talk, size_t head_len)
{
    for (size_t len = head_len - 3; len <= talk->len; len++) {
        say_and_leave(f, talk, len, false);
        if (len >= head_len && len % 7 == 0) {
            say_and_leave(f, talk, len, true);
        }
    }
    test_api_await_descriptors(f, 1);
}

static void a_websocket_client_may_leave_at_any_byte(void **state)
{
    ke_auto_buf talk = KE_BUF_INIT(16384);
    stream_client_head(&talk, CAT, "v5.channel.k8s.io", false);
    size_t head_len = talk.len;
    stream_client_put_frame(&talk, WS_OP_BINARY, "\0hello", 6);
    stream_client_put_frame(&talk, WS_OP_PING, "x", 1);
    stream_client_put_frame(&talk, WS_OP_BINARY, "\xff\0", 2);
    stream_client_put_frame(&talk, WS_OP_CLOSE, "\x03\xe8", 2);
    cut_everywhere(*state, &talk, head_len);
    assert_unharmed(*state);
}

static void a_spdy_client_may_leave_at_any_byte(void **state)
{
    static const char *const types[] = { "error", "stdin", "stdout", "stderr" };
    KE_AUTO(spdy_encoder) *encoder = spdy_encoder_new();
    ke_auto_buf talk = KE_BUF_INIT(16384);
    stream_client_head(&talk, CAT, "v4.channel.k8s.io", true);
    size_t head_len = talk.len;
    for (uint32_t i = 0; i < KE_ARRAY_LEN(types); i++) {
        const struct spdy_header header = { KE_STR("streamtype"), ke_str_c(types[i]) };
        const struct spdy_frame syn = {
            .kind = SPDY_SYN_STREAM, .stream = 2 * i + 1, .headers = &header, .n_headers = 1
        };
        spdy_put_headers(encoder, &syn, &talk);
    }
    spdy_put_data_head(&talk, 3, false, 5);
    ke_buf_add_c(&talk, "hello");
    spdy_put_reset(&talk, 5, SPDY_RST_CANCEL);
    spdy_put_data_head(&talk, 3, true, 0);
    spdy_put_goaway(&talk, 0, SPDY_GOAWAY_OK);
    cut_everywhere(*state, &talk, head_len);
    assert_unharmed(*state);
}

static void a_forwarding_client_may_leave_at_any_byte(void **state)
{
    struct http_backend *backend = http_backend_new("x", NULL);
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", http_backend_port(backend));
    KE_AUTO(spdy_encoder) *encoder = spdy_encoder_new();
    ke_auto_buf talk = KE_BUF_INIT(16384);
    stream_client_head(&talk, PORT, "portforward.k8s.io", true);
    size_t head_len = talk.len;
    for (uint32_t i = 0; i < 2; i++) {
        const struct spdy_header headers[] = {
            { KE_STR("streamtype"), ke_str_c(i == 0 ? "error" : "data") },
            { KE_STR("port"), ke_str_c(port) },
            { KE_STR("requestid"), KE_STR("0") },
        };
        const struct spdy_frame syn = { .kind = SPDY_SYN_STREAM,
                                        .stream = 2 * i + 1,
                                        .is_fin = i == 0,
                                        .headers = headers,
                                        .n_headers = 3 };
        spdy_put_headers(encoder, &syn, &talk);
    }
    const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    spdy_put_data_head(&talk, 3, false, sizeof(request) - 1);
    ke_buf_add_c(&talk, request);
    spdy_put_data_head(&talk, 3, true, 0);
    cut_everywhere(*state, &talk, head_len);
    assert_unharmed(*state);
    http_backend_free(backend);
}

static void output_to_a_client_that_does_not_read_waits_and_ends_with_it(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, POD "/exec?stdout=1&command=cat&command=/dev/zero",
                       "v5.channel.k8s.io", false, false);
    assert_int_equal(c.status, 101);
    assert_true(stream_client_turn(&c)); /* it flows; then nobody reads */
    for (int i = 0; i < 50; i++) {
        assert_int_equal(test_api_get(*state, "/livez"), 200); /* others are served */
    }
    stream_client_close(&c);
    assert_unharmed(*state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(garbage_after_an_upgrade_ends_it),
        TEST(spdy_garbage_in_good_messages_ends_it),
        TEST(a_giant_frame_flows_and_costs_nothing),
        TEST(a_giant_control_frame_of_spdy_ends_it),
        TEST(a_header_bomb_ends_it),
        TEST(streams_that_make_no_sense_are_reset),
        TEST(two_thousand_streams_are_more_than_one_client_may_have),
        TEST(windows_and_pings_without_end_change_nothing),
        TEST(a_websocket_client_may_leave_at_any_byte),
        TEST(a_spdy_client_may_leave_at_any_byte),
        TEST(a_forwarding_client_may_leave_at_any_byte),
        TEST(output_to_a_client_that_does_not_read_waits_and_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
