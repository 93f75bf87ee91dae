/* SPDX-License-Identifier: Apache-2.0 */
/* The server's sockets: answers of the zone, clients that misbehave, ports that are taken. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"
#include "test/support/dns_world.h"
#include "test/support/endpoint_objects.h"

/* ---- locks taken, counted: this one comes before the library's ---- */

static _Atomic unsigned long n_locks;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static _Atomic(void *) real;
    void *found = atomic_load(&real);
    int (*lock)(pthread_mutex_t *) = NULL;
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, "pthread_mutex_lock");
        atomic_store(&real, found);
    }
    memcpy(&lock, &found, sizeof(lock));
    atomic_fetch_add(&n_locks, 1);
    return lock(mutex);
}
#endif

#define WEB  "web.default.svc.cluster.local"
#define MANY "many.default.svc.cluster.local"

/* ---- */

static void names_of_the_zone_are_answered_over_udp_and_tcp(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for("WeB.default.SVC.cluster.LOCAL", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    assert_memory_equal(reply.bytes + 12, question.bytes + 12, question.len - 12);
    assert_int_equal(reply.bytes[3] & 0x80, 0x80); /* RA: there is an upstream */
    dns_world_ask_tcp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    question = dns_world_question_for("nothing.default.svc.cluster.local", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NXDOMAIN, 0, 0);
    ke_auto_buf status = KE_BUF_INIT(4096);
    dns_print_status(bench.server, &status);
    ke_buf_add_char(&status, '\0');
    assert_non_null(strstr(status.ptr, "\"serving\":true"));
    assert_non_null(strstr(status.ptr, "\"queries\":3,\"forwarded\":0,\"failed\":0}"));
    dns_world_drop(&bench);
    assert_int_equal(bench.n_held, 1);
    assert_int_equal(bench.n_not_held, 1);
}

static void what_is_not_answered_does_not_hold_up_the_next(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    int fd = dns_world_connect_to(&bench.at, SOCK_DGRAM);
    struct dns_sent good = dns_world_question_for(WEB, DNS_TYPE_A);
    struct dns_sent bad = good;
    bad.bytes[2] |= 0x80;
    dns_world_say(fd, &bad); /* a reply */
    bad.len = 5;
    dns_world_say(fd, &bad); /* no header */
    static const uint8_t large[LIMIT_DNS_QUERY_BYTES + 1];
    assert_int_equal(send(fd, large, sizeof(large), 0), sizeof(large));
    dns_world_say(fd, &good);
    dns_world_take_datagram(fd, &reply);
    dns_world_assert_reply(&reply, &good, DNS_NOERROR, 1, 0);
    bad = good;
    bad.bytes[bad.len - 1] = 3; /* CH */
    dns_world_say(fd, &bad);
    dns_world_take_datagram(fd, &reply);
    dns_world_assert_reply(&reply, &bad, DNS_REFUSED, 0, 0);
    bad = dns_world_question_for("cluster.local", DNS_TYPE_AXFR);
    dns_world_say(fd, &bad);
    dns_world_take_datagram(fd, &reply);
    dns_world_assert_reply(&reply, &bad, DNS_REFUSED, 0, 0);
    bad = good;
    bad.bytes[2] = 0x28; /* UPDATE */
    dns_world_say(fd, &bad);
    dns_world_take_datagram(fd, &reply);
    assert_int_equal(reply.bytes[3] & 15, DNS_NOTIMP);
    assert_false(dns_world_is_readable(fd, 0));
    (void)close(fd);
    dns_world_drop(&bench);
}

static void large_answers_are_cut_over_udp_and_whole_over_tcp(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for(MANY, DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 0, DNS_WORLD_TC);
    dns_world_add_opt(&question, 65535);
    dns_world_ask_udp(&bench, &question, &reply);
    assert_true(reply.len <= LIMIT_DNS_UDP_BYTES);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 0, DNS_WORLD_TC);
    dns_world_ask_tcp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, DNS_WORLD_MANY, 0);
    dns_world_drop(&bench);
}

static void tcp_takes_several_messages_at_once_and_one_in_pieces(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    uint8_t bytes[1200];
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    const struct dns_sent questions[] = { dns_world_question_for(WEB, DNS_TYPE_A),
                                          dns_world_question_for(MANY, DNS_TYPE_A),
                                          dns_world_question_for(WEB, DNS_TYPE_SRV) };
    size_t len = 0;
    for (size_t i = 0; i < 3; i++)
        len += dns_world_frame(&questions[i], bytes + len);
    int fd = dns_world_connect_to(&bench.at, SOCK_STREAM);
    assert_int_equal(send(fd, bytes, len, 0), len);
    dns_world_take_message(fd, &reply);
    dns_world_assert_reply(&reply, &questions[0], DNS_NOERROR, 1, 0);
    dns_world_take_message(fd, &reply);
    dns_world_assert_reply(&reply, &questions[1], DNS_NOERROR, DNS_WORLD_MANY, 0);
    dns_world_take_message(fd, &reply);
    dns_world_assert_reply(&reply, &questions[2], DNS_NOERROR, 2, 0);
    assert_int_equal(reply.bytes[11], 1); /* two SRV, one target: one address */
    for (size_t i = 0; i < dns_world_frame(&questions[0], bytes); i++)
        assert_int_equal(send(fd, bytes + i, 1, 0), 1);
    dns_world_take_message(fd, &reply);
    dns_world_assert_reply(&reply, &questions[0], DNS_NOERROR, 1, 0);
    (void)close(fd);
    dns_world_drop(&bench);
}

/* A client that writes all it can before it reads: nothing is lost, nothing grows. */
static void a_client_that_pipelines_without_reading_is_held_back(void **state)
{
    enum { N = 3000 };
    struct dns_world bench;
    struct dns_got reply;
    uint8_t framed[302];
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for(MANY, DNS_TYPE_A);
    size_t len = dns_world_frame(&question, framed);
    int fd = dns_world_connect_to(&bench.at, SOCK_STREAM);
    unsigned n_sent = 0;
    size_t part = 0;
    for (unsigned n_got = 0; n_got < N;) {
        while (n_sent < N) {
            ssize_t n = send(fd, framed + part, len - part, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN)
                break;
            assert_true(n > 0);
            part = (part + (size_t)n) % len;
            n_sent += part == 0;
        }
        dns_world_take_message(fd, &reply);
        dns_world_assert_reply(&reply, &question, DNS_NOERROR, DNS_WORLD_MANY, 0);
        n_got++;
    }
    (void)close(fd);
    dns_world_drop(&bench);
}

static void idle_and_slow_tcp_clients_are_closed(void **state)
{
    struct dns_world bench;
    uint8_t framed[302];
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ .idle_ms = 80 });
    int idle = dns_world_connect_to(&bench.at, SOCK_STREAM);
    int slow = dns_world_connect_to(&bench.at, SOCK_STREAM);
    struct dns_sent question = dns_world_question_for(WEB, DNS_TYPE_A);
    size_t len = dns_world_frame(&question, framed);
    int64_t until = ke_now_ns() + DNS_WORLD_DEADLINE_MS * KE_MS;
    /* A byte now and then is no message: it does not buy time. */
    for (size_t i = 0; i + 1 < len && !dns_world_is_readable(slow, 20); i++) {
        assert_true(ke_now_ns() < until);
        (void)send(slow, framed + i, 1, MSG_NOSIGNAL);
    }
    dns_world_assert_closed(slow);
    dns_world_assert_closed(idle);
    (void)close(slow);
    (void)close(idle);
    dns_world_drop(&bench);
}

static void one_address_has_a_share_of_the_tcp_connections(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    int fds[LIMIT_DNS_TCP_PER_CLIENT];
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for(WEB, DNS_TYPE_A);
    for (int i = 0; i < LIMIT_DNS_TCP_PER_CLIENT; i++) {
        fds[i] = dns_world_connect_to(&bench.at, SOCK_STREAM);
        dns_world_say_tcp(fds[i], &question);
        dns_world_take_message(fds[i], &reply);
    }
    int more = dns_world_connect_to(&bench.at, SOCK_STREAM);
    dns_world_assert_closed(more);
    (void)close(more);
    (void)close(fds[0]);
    /* Room again, once the server has seen it leave. */
    bool is_answered = false;
    int64_t until = ke_now_ns() + DNS_WORLD_DEADLINE_MS * KE_MS;
    while (!is_answered) {
        assert_true(ke_now_ns() < until);
        uint8_t byte;
        fds[0] = dns_world_connect_to(&bench.at, SOCK_STREAM);
        dns_world_say_tcp(fds[0], &question);
        is_answered =
            dns_world_is_readable(fds[0], DNS_WORLD_DEADLINE_MS) && recv(fds[0], &byte, 1, 0) == 1;
        (void)close(fds[0]);
    }
    for (int i = 1; i < LIMIT_DNS_TCP_PER_CLIENT; i++)
        (void)close(fds[i]);
    dns_world_drop(&bench);
}

static bool part_is(struct report *report, bool is_healthy, const char *text)
{
    const char *part = NULL;
    bool healthy = false;
    ke_auto_buf message = KE_BUF_INIT(4096);
    if (!report_part_at(report, 0, &part, &healthy, &message))
        return false;
    ke_buf_add_char(&message, '\0');
    return strcmp(part, "dns") == 0 && healthy == is_healthy && strstr(message.ptr, text) != NULL;
}

static void await_part(struct report *report, bool is_healthy, const char *text)
{
    int64_t until = ke_now_ns() + DNS_WORLD_DEADLINE_MS * KE_MS;
    while (!part_is(report, is_healthy, text)) {
        assert_true(ke_now_ns() < until);
        (void)poll(NULL, 0, 1);
    }
}

static void a_port_that_is_taken_is_reported_and_bound_when_free(void **state)
{
    (void)state;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        struct dns_world bench;
        struct dns_got reply;
        struct ke_endpoint at = dns_world_free_port();
        int holder = dns_world_open_at(&at, is_tcp ? SOCK_STREAM : SOCK_DGRAM);
        int on = 1;
        /* Even one that would share. */
        assert_int_equal(setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(setsockopt(holder, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
        if (is_tcp)
            assert_int_equal(listen(holder, 1), 0);
        dns_world_prepare(&bench,
                          &(struct dns_wish){ .at = at, .n_threads = 1U + (unsigned)is_tcp });
        await_part(bench.report, false, is_tcp ? "another (pid 2)" : "somebody (pid 1)");
        assert_true(part_is(bench.report, false, is_tcp ? "/tcp: " : "/udp: "));
        assert_false(dns_server_is_serving(bench.server));
        assert_int_equal(bench.n_held, 0);
        (void)close(holder);
        dns_world_await_serving(&bench);
        await_part(bench.report, true, "");
        struct dns_sent question = dns_world_question_for(WEB, DNS_TYPE_A);
        dns_world_ask_udp(&bench, &question, &reply);
        dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        dns_world_drop(&bench);
    }
}

static void workers_share_a_port_with_each_other_and_with_nobody_else(void **state)
{
    struct dns_world bench;
    struct dns_world other;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ .n_threads = 3 });
    struct dns_sent question = dns_world_question_for(WEB, DNS_TYPE_A);
    for (int i = 0; i < 50; i++) {
        dns_world_ask_udp(&bench, &question, &reply);
        dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        dns_world_ask_tcp(&bench, &question, &reply);
        dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    }
    dns_world_prepare(&other, &(struct dns_wish){ .n_threads = 2, .at = bench.at });
    await_part(other.report, false, "cannot listen on 127.0.0.1");
    dns_world_drop(&other);
    dns_world_drop(&bench);
}

static void a_reply_leaves_from_the_address_that_was_asked(void **state)
{
    static const char *const listens[] = { "0.0.0.0", "::" };
    struct dns_got reply;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct dns_world bench;
        int probe = socket(AF_INET6, SOCK_DGRAM, 0);
        if (i == 1 && probe < 0)
            break;
        dns_world_make(&bench, &(struct dns_wish){ .listen = listens[i] });
        struct ke_endpoint at = bench.at;
        at.ip = test_ip(i == 0 ? "127.3.2.1" : "::1");
        struct dns_sent question = dns_world_question_for(WEB, DNS_TYPE_A);
        struct dns_sent late = dns_world_question_for("ok.example", DNS_TYPE_A);
        int fd = dns_world_connect_to(&at, SOCK_DGRAM); /* takes replies from there only */
        dns_world_say(fd, &question);
        dns_world_take_datagram(fd, &reply);
        dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        dns_world_say(fd, &late);
        dns_world_take_datagram(fd, &reply);
        dns_world_assert_reply(&reply, &late, DNS_NOERROR, 1, 0);
        (void)close(fd);
        (void)close(probe);
        dns_world_drop(&bench);
    }
}

static void every_address_of_both_families_is_one_listener(void **state)
{
    static const char *const asked[] = { "127.4.5.6", "127.0.0.1" };
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    struct ke_endpoint at = dns_world_free_port();
    at.ip = (struct ke_ip){ .family = KE_FAMILY_NONE };
    dns_world_make(&bench, &(struct dns_wish){ .at = at });
    for (size_t i = 0; i < 2; i++) {
        at.ip = test_ip(asked[i]);
        struct dns_sent question = dns_world_question_for(WEB, DNS_TYPE_A);
        int fd = dns_world_connect_to(&at, SOCK_DGRAM);
        dns_world_say(fd, &question);
        dns_world_take_datagram(fd, &reply);
        dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        (void)close(fd);
    }
    dns_world_drop(&bench);
}

static void an_answer_from_the_table_takes_no_memory_and_no_lock(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
    } rows[] = { { WEB, DNS_TYPE_A },
                 { WEB, DNS_TYPE_AAAA },
                 { WEB, DNS_TYPE_SRV },
                 { MANY, DNS_TYPE_A },
                 { "none.default.svc.cluster.local", DNS_TYPE_A },
                 { "10-200-0-7.many.default.svc.cluster.local", DNS_TYPE_A },
                 { "1.0.32.10.in-addr.arpa", DNS_TYPE_PTR },
                 { "10-1-2-3.default.pod.cluster.local", DNS_TYPE_A },
                 { "cluster.local", DNS_TYPE_SOA } };
    struct dns_world bench;
    static struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    int fd = dns_world_connect_to(&bench.at, SOCK_DGRAM);
    unsigned long before = 0;
    unsigned long locks_before = 0;
    for (int round = 0; round < 20; round++) {
        if (round == 1) {      /* the first round is the one that may */
            ke_snap_offline(); /* nothing retired waits for this thread any more */
            ke_snap_drain();
            before = test_alloc_count();
            locks_before = atomic_load(&n_locks);
        }
        for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
            struct dns_sent question = dns_world_question_for(rows[i].name, rows[i].type);
            dns_world_say(fd, &question);
            dns_world_take_datagram(fd, &reply);
            assert_memory_equal(reply.bytes, question.bytes, 2);
        }
    }
    assert_int_equal(test_alloc_count(), before);
    assert_int_equal(atomic_load(&n_locks), locks_before);
    ke_snap_online();
    (void)close(fd);
    dns_world_drop(&bench);
}

static void settings_that_cannot_be_are_refused(void **state)
{
    struct dns_server *server = NULL;
    struct ke_err err = KE_ERR_INIT;
    struct ke_endpoint at[9] = { { .ip = test_ip("127.0.0.1"), .port = 1 } };
    struct dns_options options = { .settings.domain = KE_STR("a..b"), .listen = at, .n_listen = 1 };
    (void)state;
    assert_int_equal(dns_server_new(&options, &server, &err), KE_INVALID);
    options.settings.domain = KE_STR("cluster.local");
    options.n_listen = 0;
    assert_int_equal(dns_server_new(&options, &server, &err), KE_INVALID);
    options.n_listen = 9;
    assert_int_equal(dns_server_new(&options, &server, &err), KE_INVALID);
    assert_null(server);
    dns_server_free(NULL);
}

static void running_out_of_memory_at_the_start_is_an_error(void **state)
{
    struct dns_server *server = NULL;
    struct ke_err err = KE_ERR_INIT;
    struct ke_endpoint at = { .ip = test_ip("127.0.0.1"), .port = 1 };
    struct dns_options options = {
        .settings.domain = KE_STR("cluster.local"), .listen = &at, .n_listen = 1, .n_threads = 2
    };
    (void)state;
    for (size_t n = 1;; n++) {
        test_alloc_fail_at(n);
        enum ke_code rc = dns_server_new(&options, &server, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
    dns_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_zone_are_answered_over_udp_and_tcp),
        cmocka_unit_test(what_is_not_answered_does_not_hold_up_the_next),
        cmocka_unit_test(large_answers_are_cut_over_udp_and_whole_over_tcp),
        cmocka_unit_test(tcp_takes_several_messages_at_once_and_one_in_pieces),
        cmocka_unit_test(a_client_that_pipelines_without_reading_is_held_back),
        cmocka_unit_test(idle_and_slow_tcp_clients_are_closed),
        cmocka_unit_test(one_address_has_a_share_of_the_tcp_connections),
        cmocka_unit_test(a_port_that_is_taken_is_reported_and_bound_when_free),
        cmocka_unit_test(workers_share_a_port_with_each_other_and_with_nobody_else),
        cmocka_unit_test(a_reply_leaves_from_the_address_that_was_asked),
        cmocka_unit_test(every_address_of_both_families_is_one_listener),
        cmocka_unit_test(an_answer_from_the_table_takes_no_memory_and_no_lock),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
        cmocka_unit_test(running_out_of_memory_at_the_start_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
