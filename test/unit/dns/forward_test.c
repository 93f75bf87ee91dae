/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to upstream resolvers that this test plays itself: silent ones, forged replies, cut
 * replies, refusals. Loop and upstreams are driven by the test's own thread.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/snap.h"
#include "dns/forward.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

#define TRY_MS      60
#define DEADLINE_NS (5 * KE_S)

struct upstream {
    int udp;
    int tcp; /* listening, -1: none */
    struct ke_endpoint at;
};

struct bench {
    struct ke_loop *loop;
    struct dns_forwarder *forwarder;
    struct upstream upstreams[2];
};

/* A question as an upstream has it. */
struct asked {
    uint8_t bytes[600];
    size_t len;
    struct sockaddr_storage from;
    socklen_t from_len;
};

struct answer {
    unsigned n_calls;
    bool has_reply;
    uint8_t bytes[LIMIT_DNS_TCP_BYTES];
    size_t len;
};

static void upstream_open(struct upstream *upstream)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    struct sockaddr_storage got = { 0 };
    upstream->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    upstream->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(upstream->tcp, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(getsockname(upstream->tcp, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(bind(upstream->udp, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(upstream->tcp, 8), 0);
    memcpy(&got, &sa, sizeof(sa));
    assert_true(ke_endpoint_from_sockaddr(&got, &upstream->at));
}

static void make(struct bench *bench, size_t n_upstreams)
{
    struct ke_err err = KE_ERR_INIT;
    ke_snap_thread_register();
    bench->loop = ke_loop_new(&err);
    struct dns_forwarder_options options = { .loop = bench->loop,
                                             .fixed.n = n_upstreams,
                                             .files = { "/nonexistent", "/nonexistent" },
                                             .try_ms = TRY_MS };
    for (size_t i = 0; i < 2; i++) {
        upstream_open(&bench->upstreams[i]);
        options.fixed.items[i] = bench->upstreams[i].at;
    }
    bench->forwarder = dns_forwarder_new(&options);
    assert_non_null(bench->forwarder);
}

static void drop(struct bench *bench)
{
    dns_forwarder_free(bench->forwarder);
    ke_loop_free(bench->loop);
    for (size_t i = 0; i < 2; i++) {
        (void)close(bench->upstreams[i].udp);
        (void)close(bench->upstreams[i].tcp);
    }
    ke_snap_thread_unregister();
}

static void on_answer(void *ctx, const uint8_t *reply, size_t len)
{
    struct answer *answer = ctx;
    answer->n_calls++;
    answer->has_reply = reply != NULL;
    answer->len = len;
    if (reply != NULL)
        memcpy(answer->bytes, reply, len);
}

static bool ask_type(struct bench *bench, const char *text, uint16_t type, struct answer *answer)
{
    struct dns_name name;
    assert_true(dns_name_from_text(ke_str_c(text), &name));
    struct dns_ask ask = {
        .name_wire = name.wire, .name_len = name.len, .type = type, .rr_class = DNS_CLASS_IN
    };
    return dns_forward(bench->forwarder, &ask, on_answer, answer);
}

static void ask(struct bench *bench, const char *text, struct answer *answer)
{
    *answer = (struct answer){ 0 };
    assert_true(ask_type(bench, text, DNS_TYPE_A, answer));
    assert_int_equal(answer->n_calls, 0); /* never from inside */
}

/* Turns the loop until the descriptor is readable. */
static void await_fd(struct bench *bench, int fd)
{
    int64_t until = ke_now_ns() + DEADLINE_NS;
    struct pollfd at = { .fd = fd, .events = POLLIN };
    while (poll(&at, 1, 0) == 0) {
        assert_true(ke_now_ns() < until);
        ke_loop_turn(bench->loop, 1);
    }
}

static void await_answer(struct bench *bench, const struct answer *answer)
{
    int64_t until = ke_now_ns() + DEADLINE_NS;
    while (answer->n_calls == 0) {
        assert_true(ke_now_ns() < until);
        ke_loop_turn(bench->loop, 1);
    }
}

static struct asked take(struct bench *bench, size_t i)
{
    struct asked asked = { .from_len = sizeof(asked.from) };
    await_fd(bench, bench->upstreams[i].udp);
    ssize_t n = recvfrom(bench->upstreams[i].udp, asked.bytes, sizeof(asked.bytes), 0,
                         (struct sockaddr *)&asked.from, &asked.from_len);
    assert_true(n > DNS_HEADER_BYTES);
    asked.len = (size_t)n;
    return asked;
}

/* One A record 192.0.2.LAST; returns the length. */
static size_t reply_to(const struct asked *asked, uint8_t last, uint8_t out[1024])
{
    struct dns_query query;
    struct dns_reply reply;
    static const struct dns_owner owner = { .at = DNS_AT_QUESTION };
    const struct ke_ip ip = { .family = KE_FAMILY_IPV4, .b = { 192, 0, 2, last } };
    enum dns_rcode rcode = DNS_NOERROR;
    assert_int_equal(dns_query_parse(asked->bytes, asked->len, &query, &rcode), DNS_PARSED);
    dns_reply_begin(&reply, &query, out, 1024);
    dns_reply_address(&reply, &owner, &ip, 30);
    dns_reply_end_rrset(&reply);
    return dns_reply_finish(&reply, &query, 1024, true);
}

static void say(struct bench *bench, size_t i, const struct asked *asked, const uint8_t *bytes,
                size_t len)
{
    assert_int_equal(sendto(bench->upstreams[i].udp, bytes, len, 0,
                            (const struct sockaddr *)&asked->from, asked->from_len),
                     len);
}

static void say_address(struct bench *bench, size_t i, const struct asked *asked, uint8_t last)
{
    uint8_t bytes[1024];
    size_t len = reply_to(asked, last, bytes);
    say(bench, i, asked, bytes, len);
}

static void assert_address(const struct answer *answer, uint8_t last)
{
    struct dns_walk walk;
    struct dns_record record;
    assert_int_equal(answer->n_calls, 1);
    assert_true(answer->has_reply);
    assert_true(dns_walk_begin(&walk, answer->bytes, answer->len));
    assert_int_equal(dns_walk_next(&walk, &record), 1);
    assert_int_equal(record.type, DNS_TYPE_A);
    assert_int_equal(answer->bytes[record.data_at + 3], last);
}

/* ---- */

static void a_question_is_answered_by_the_first_upstream(void **state)
{
    struct bench bench;
    struct answer answer;
    (void)state;
    make(&bench, 2);
    assert_true(dns_forwarder_has_upstream(bench.forwarder));
    ask(&bench, "example.com", &answer);
    struct asked asked = take(&bench, 0);
    say_address(&bench, 0, &asked, 1);
    await_answer(&bench, &answer);
    assert_address(&answer, 1);
    drop(&bench);
}

static void the_next_upstream_is_asked_when_one_is_silent_and_stays_first(void **state)
{
    struct bench bench;
    struct answer answer;
    (void)state;
    make(&bench, 2);
    ask(&bench, "example.com", &answer);
    struct asked first = take(&bench, 0);
    struct asked second = take(&bench, 1);
    assert_memory_not_equal(&first.from, &second.from, sizeof(struct sockaddr_in)); /* the port */
    say_address(&bench, 1, &second, 2);
    await_answer(&bench, &answer);
    assert_address(&answer, 2);
    ask(&bench, "example.org", &answer);
    struct asked third = take(&bench, 1);
    say_address(&bench, 1, &third, 3);
    await_answer(&bench, &answer);
    assert_address(&answer, 3);
    drop(&bench);
}

static void silence_ends_with_nothing_after_the_tries(void **state)
{
    struct bench bench;
    struct answer answer;
    (void)state;
    make(&bench, 1);
    int64_t before = ke_now_ns();
    ask(&bench, "example.com", &answer);
    await_answer(&bench, &answer);
    int64_t took = ke_now_ns() - before;
    assert_false(answer.has_reply);
    assert_true(took >= (int64_t)LIMIT_DNS_FORWARD_TRIES * TRY_MS * KE_MS);
    for (int i = 0; i < LIMIT_DNS_FORWARD_TRIES; i++)
        (void)take(&bench, 0);
    struct pollfd more = { .fd = bench.upstreams[0].udp, .events = POLLIN };
    assert_int_equal(poll(&more, 1, 0), 0);
    drop(&bench);
}

static void a_closed_port_is_not_waited_for(void **state)
{
    struct bench bench;
    struct answer answer;
    (void)state;
    make(&bench, 2);
    (void)close(bench.upstreams[0].udp);
    bench.upstreams[0].udp = -1;
    int64_t before = ke_now_ns();
    ask(&bench, "example.com", &answer);
    struct asked asked = take(&bench, 1);
    assert_true(ke_now_ns() - before < TRY_MS * KE_MS);
    say_address(&bench, 1, &asked, 4);
    await_answer(&bench, &answer);
    assert_address(&answer, 4);
    drop(&bench);
}

static void forged_replies_are_ignored_and_the_true_one_is_taken(void **state)
{
    struct bench bench;
    struct answer answer;
    uint8_t bytes[1024];
    (void)state;
    make(&bench, 1);
    ask(&bench, "example.com", &answer);
    struct asked asked = take(&bench, 0);
    size_t len = reply_to(&asked, 66, bytes);
    bytes[0] ^= 0x80; /* another ID */
    say(&bench, 0, &asked, bytes, len);
    bytes[0] ^= 0x80;
    bytes[13] ^= 1; /* another name */
    say(&bench, 0, &asked, bytes, len);
    bytes[13] ^= 1;
    bytes[DNS_HEADER_BYTES + 13 + 1] ^= 3; /* another type */
    say(&bench, 0, &asked, bytes, len);
    bytes[DNS_HEADER_BYTES + 13 + 1] ^= 3;
    bytes[2] &= 0x7f; /* no reply */
    say(&bench, 0, &asked, bytes, len);
    bytes[2] |= 0x80;
    bytes[5] = 0; /* no question */
    say(&bench, 0, &asked, bytes, len);
    say(&bench, 0, &asked, bytes, 3);
    /* From another address: the kernel keeps it from the connected socket. */
    bytes[5] = 1;
    say(&bench, 1, &asked, bytes, len);
    for (int i = 0; i < 5; i++)
        ke_loop_turn(bench.loop, 1);
    assert_int_equal(answer.n_calls, 0);
    say_address(&bench, 0, &asked, 5);
    await_answer(&bench, &answer);
    assert_address(&answer, 5);
    drop(&bench);
}

static void equal_questions_share_one_and_other_types_do_not(void **state)
{
    struct bench bench;
    struct answer answers[3];
    struct answer other = { 0 };
    (void)state;
    make(&bench, 1);
    ask(&bench, "example.com", &answers[0]);
    ask(&bench, "EXAMPLE.com", &answers[1]);
    ask(&bench, "example.com.", &answers[2]);
    assert_true(ask_type(&bench, "example.com", DNS_TYPE_AAAA, &other));
    struct asked one = take(&bench, 0);
    struct asked two = take(&bench, 0);
    struct pollfd more = { .fd = bench.upstreams[0].udp, .events = POLLIN };
    for (int i = 0; i < 5; i++)
        ke_loop_turn(bench.loop, 1);
    assert_int_equal(poll(&more, 1, 0), 0);
    bool is_first = one.bytes[DNS_HEADER_BYTES + 13 + 1] == DNS_TYPE_A;
    say_address(&bench, 0, is_first ? &one : &two, 6);
    for (int i = 0; i < 3; i++) {
        await_answer(&bench, &answers[i]);
        assert_address(&answers[i], 6);
    }
    assert_int_equal(other.n_calls, 0);
    /* Answered: the same is a new question. */
    ask(&bench, "example.com", &answers[0]);
    struct asked again = take(&bench, 0);
    assert_memory_not_equal(&again.from, &one.from, sizeof(struct sockaddr_in));
    drop(&bench);
    assert_int_equal(other.n_calls, 1);
    assert_false(other.has_reply);
}

static void what_shares_a_question_is_bounded(void **state)
{
    struct bench bench;
    static struct answer answer;
    (void)state;
    make(&bench, 1);
    ask(&bench, "example.com", &answer);
    for (unsigned i = 1; i < LIMIT_DNS_WAITERS; i++)
        assert_true(ask_type(&bench, "example.com", DNS_TYPE_A, &answer));
    assert_false(ask_type(&bench, "example.com", DNS_TYPE_A, &answer));
    struct asked asked = take(&bench, 0);
    say_address(&bench, 0, &asked, 7);
    await_answer(&bench, &answer);
    assert_int_equal(answer.n_calls, LIMIT_DNS_WAITERS);
    drop(&bench);
}

static void what_is_outstanding_is_bounded(void **state)
{
    struct bench bench;
    static struct answer answer;
    (void)state;
    make(&bench, 1);
    answer.n_calls = 0;
    for (unsigned i = 0; i < LIMIT_DNS_FORWARDS; i++) {
        char name[32];
        struct ke_buf text = KE_BUF_FIXED(name, sizeof(name) - 1);
        ke_buf_addf(&text, "n%u.example", i);
        name[text.len] = '\0';
        assert_true(ask_type(&bench, name, DNS_TYPE_A, &answer));
    }
    assert_false(ask_type(&bench, "more.example", DNS_TYPE_A, &answer));
    drop(&bench); /* tells all of them */
    assert_int_equal(answer.n_calls, LIMIT_DNS_FORWARDS);
    assert_false(answer.has_reply);
}

static void say_rcode(struct bench *bench, size_t i, const struct asked *asked, unsigned rcode)
{
    uint8_t bytes[1024];
    (void)reply_to(asked, 0, bytes);
    bytes[3] = (uint8_t)((bytes[3] & 0xf0) | rcode);
    bytes[7] = 0;
    say(bench, i, asked, bytes, asked->len);
}

static void an_upstream_that_refuses_or_fails_is_passed_over(void **state)
{
    static const unsigned rcodes[] = { DNS_SERVFAIL, DNS_REFUSED, DNS_NOTIMP };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(rcodes); i++) {
        struct bench bench;
        struct answer answer;
        make(&bench, 2);
        ask(&bench, "example.com", &answer);
        struct asked asked = take(&bench, 0);
        say_rcode(&bench, 0, &asked, rcodes[i]);
        asked = take(&bench, 1);
        say_address(&bench, 1, &asked, 8);
        await_answer(&bench, &answer);
        assert_address(&answer, 8);
        drop(&bench);
    }
}

static void the_refusal_of_all_upstreams_is_the_answer_at_once(void **state)
{
    struct bench bench;
    struct answer answer;
    (void)state;
    make(&bench, 2);
    ask(&bench, "example.com", &answer);
    for (size_t i = 0; i < 2; i++) {
        struct asked asked = take(&bench, i);
        say_rcode(&bench, i, &asked, DNS_SERVFAIL);
    }
    await_answer(&bench, &answer);
    assert_true(answer.has_reply);
    assert_int_equal(answer.bytes[3] & 15, DNS_SERVFAIL);
    drop(&bench);
}

static void nxdomain_is_an_answer(void **state)
{
    struct bench bench;
    struct answer answer;
    (void)state;
    make(&bench, 2);
    ask(&bench, "example.com", &answer);
    struct asked asked = take(&bench, 0);
    say_rcode(&bench, 0, &asked, DNS_NXDOMAIN);
    await_answer(&bench, &answer);
    assert_true(answer.has_reply);
    assert_int_equal(answer.bytes[3] & 15, DNS_NXDOMAIN);
    drop(&bench);
}

/* Accepts, reads the framed question in full. */
static int take_tcp(struct bench *bench, size_t i, struct asked *asked)
{
    await_fd(bench, bench->upstreams[i].tcp);
    int fd = accept4(bench->upstreams[i].tcp, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    uint8_t framed[602];
    size_t len = 0;
    while (len < 2 || len < 2 + ((size_t)framed[0] << 8 | framed[1])) {
        await_fd(bench, fd);
        ssize_t n = read(fd, framed + len, sizeof(framed) - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    *asked = (struct asked){ .len = len - 2 };
    memcpy(asked->bytes, framed + 2, len - 2);
    return fd;
}

static void write_all(int fd, const uint8_t *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), len);
}

static void a_cut_reply_is_asked_for_again_over_tcp(void **state)
{
    struct bench bench;
    struct answer answer;
    uint8_t bytes[1026];
    (void)state;
    make(&bench, 1);
    ask(&bench, "example.com", &answer);
    struct asked asked = take(&bench, 0);
    size_t len = reply_to(&asked, 9, bytes);
    bytes[2] |= 2;
    say(&bench, 0, &asked, bytes, len);
    struct asked over_tcp;
    int fd = take_tcp(&bench, 0, &over_tcp);
    len = reply_to(&over_tcp, 10, bytes + 2);
    bytes[0] = (uint8_t)(len >> 8);
    bytes[1] = (uint8_t)len;
    /* In three pieces, the first within the length. */
    write_all(fd, bytes, 1);
    for (int i = 0; i < 3; i++)
        ke_loop_turn(bench.loop, 1);
    write_all(fd, bytes + 1, 9);
    for (int i = 0; i < 3; i++)
        ke_loop_turn(bench.loop, 1);
    assert_int_equal(answer.n_calls, 0);
    write_all(fd, bytes + 10, len - 8);
    await_answer(&bench, &answer);
    assert_address(&answer, 10);
    (void)close(fd);
    drop(&bench);
}

static void a_reply_larger_than_the_room_is_asked_for_over_tcp(void **state)
{
    struct bench bench;
    struct answer answer;
    static uint8_t bytes[6000];
    (void)state;
    make(&bench, 1);
    ask(&bench, "example.com", &answer);
    struct asked asked = take(&bench, 0);
    (void)reply_to(&asked, 11, bytes);
    say(&bench, 0, &asked, bytes, sizeof(bytes));
    struct asked over_tcp;
    int fd = take_tcp(&bench, 0, &over_tcp);
    size_t len = reply_to(&over_tcp, 12, bytes + 2);
    bytes[0] = 0;
    bytes[1] = (uint8_t)len;
    write_all(fd, bytes, len + 2);
    await_answer(&bench, &answer);
    assert_address(&answer, 12);
    (void)close(fd);
    drop(&bench);
}

static void tcp_that_breaks_or_lies_goes_to_the_next_upstream(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct bench bench;
        struct answer answer;
        uint8_t bytes[1026];
        make(&bench, 2);
        ask(&bench, "example.com", &answer);
        struct asked asked = take(&bench, 0);
        size_t len = reply_to(&asked, 1, bytes);
        bytes[2] |= 2;
        if (how == 2) { /* nobody listens there */
            (void)close(bench.upstreams[0].tcp);
            bench.upstreams[0].tcp = -1;
        }
        say(&bench, 0, &asked, bytes, len);
        struct asked over_tcp;
        int fd = how < 2 ? take_tcp(&bench, 0, &over_tcp) : -1;
        if (how == 1) { /* another ID */
            len = reply_to(&over_tcp, 1, bytes + 2);
            bytes[0] = 0;
            bytes[1] = (uint8_t)len;
            bytes[2] ^= 1;
            write_all(fd, bytes, len + 2);
        } else if (how == 0) {
            (void)close(fd);
        }
        asked = take(&bench, 1);
        say_address(&bench, 1, &asked, 13);
        await_answer(&bench, &answer);
        assert_address(&answer, 13);
        if (how == 1)
            (void)close(fd);
        drop(&bench);
    }
}

static void nobody_to_ask_is_said_at_once(void **state)
{
    struct bench bench;
    struct answer answer = { 0 };
    (void)state;
    make(&bench, 0);
    assert_false(dns_forwarder_has_upstream(bench.forwarder));
    assert_false(ask_type(&bench, "example.com", DNS_TYPE_A, &answer));
    drop(&bench);
    assert_int_equal(answer.n_calls, 0);
}

static void ids_and_ports_differ_from_question_to_question(void **state)
{
    struct bench bench;
    static struct answer answer;
    unsigned n_same_id = 0;
    unsigned n_same_port = 0;
    struct asked before = { 0 };
    (void)state;
    make(&bench, 1);
    for (unsigned i = 0; i < 32; i++) {
        ask(&bench, "example.com", &answer);
        struct asked asked = take(&bench, 0);
        const struct sockaddr_in *a = (const void *)&before.from;
        const struct sockaddr_in *b = (const void *)&asked.from;
        n_same_id += memcmp(asked.bytes, before.bytes, 2) == 0;
        n_same_port += a->sin_port == b->sin_port;
        before = asked;
        say_address(&bench, 0, &asked, 1);
        await_answer(&bench, &answer);
    }
    assert_true(n_same_id <= 1 && n_same_port <= 1);
    drop(&bench);
}

static void memory_that_runs_out_refuses_or_ends_a_question(void **state)
{
    bool has_failed = true;
    (void)state;
    for (size_t n = 1; has_failed; n++) {
        struct bench bench;
        static struct answer answer;
        answer.n_calls = 0;
        make(&bench, 1);
        test_alloc_fail_at(n);
        bool is_taken = ask_type(&bench, "example.com", DNS_TYPE_A, &answer);
        ke_loop_turn(bench.loop, 1);
        has_failed = test_alloc_end();
        if (!is_taken)
            ke_loop_turn(bench.loop, 0);
        drop(&bench);
        assert_int_equal(answer.n_calls, is_taken ? 1 : 0);
        assert_true(is_taken || has_failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_answered_by_the_first_upstream),
        cmocka_unit_test(the_next_upstream_is_asked_when_one_is_silent_and_stays_first),
        cmocka_unit_test(silence_ends_with_nothing_after_the_tries),
        cmocka_unit_test(a_closed_port_is_not_waited_for),
        cmocka_unit_test(forged_replies_are_ignored_and_the_true_one_is_taken),
        cmocka_unit_test(equal_questions_share_one_and_other_types_do_not),
        cmocka_unit_test(what_shares_a_question_is_bounded),
        cmocka_unit_test(what_is_outstanding_is_bounded),
        cmocka_unit_test(an_upstream_that_refuses_or_fails_is_passed_over),
        cmocka_unit_test(the_refusal_of_all_upstreams_is_the_answer_at_once),
        cmocka_unit_test(nxdomain_is_an_answer),
        cmocka_unit_test(a_cut_reply_is_asked_for_again_over_tcp),
        cmocka_unit_test(a_reply_larger_than_the_room_is_asked_for_over_tcp),
        cmocka_unit_test(tcp_that_breaks_or_lies_goes_to_the_next_upstream),
        cmocka_unit_test(nobody_to_ask_is_said_at_once),
        cmocka_unit_test(memory_that_runs_out_refuses_or_ends_a_question),
        cmocka_unit_test(ids_and_ports_differ_from_question_to_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
