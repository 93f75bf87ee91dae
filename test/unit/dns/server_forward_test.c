/* SPDX-License-Identifier: Apache-2.0 */
/* A whole server and its upstream: forwarded names, shared questions, silence, aliases. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "test/support/base/test.h"
#include "test/support/dns_world.h"
#include "test/support/endpoint_objects.h"

#define WEB "web.default.svc.cluster.local"

static void other_names_are_forwarded_with_the_clients_case_and_id(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for("ok.ExAmPlE", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    assert_memory_equal(reply.bytes + 12, question.bytes + 12, question.len - 12);
    assert_int_equal(reply.bytes[2] & 4, 0); /* not our authority */
    dns_world_ask_tcp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    question.bytes[2] &= 0xfe; /* no recursion wanted */
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_REFUSED, 0, 0);
    dns_world_drop(&bench);
}

static void a_cut_reply_of_the_upstream_comes_whole_over_tcp(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for("big.example", DNS_TYPE_A);
    dns_world_ask_tcp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 100, 0);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 0, DNS_WORLD_TC);
    dns_world_add_opt(&question, 1232);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 0, DNS_WORLD_TC);
    assert_int_equal(reply.bytes[11], 1); /* OPT for OPT */
    dns_world_drop(&bench);
}

static void clients_with_the_same_question_share_it(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    int fds[4];
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent lower = dns_world_question_for("hold.example", DNS_TYPE_A);
    struct dns_sent upper = dns_world_question_for("hold.EXAMPLE", DNS_TYPE_A);
    for (int i = 0; i < 4; i++) {
        fds[i] = dns_world_connect_to(&bench.at, SOCK_DGRAM);
        dns_world_say(fds[i], i % 2 == 0 ? &lower : &upper);
    }
    /* All are in once a later question is answered. */
    struct dns_sent later = dns_world_question_for("ok.example", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &later, &reply);
    dns_world_await_held(&bench.upstream, 1);
    dns_world_upstream_release(&bench.upstream);
    for (int i = 0; i < 4; i++) {
        const struct dns_sent *question = i % 2 == 0 ? &lower : &upper;
        dns_world_take_datagram(fds[i], &reply);
        dns_world_assert_reply(&reply, question, DNS_NOERROR, 1, 0);
        assert_memory_equal(reply.bytes + 12, question->bytes + 12, question->len - 12);
        (void)close(fds[i]);
    }
    assert_int_equal(bench.upstream.n_held, 1);
    dns_world_drop(&bench);
}

static void a_silent_upstream_is_servfail_after_the_tries(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ .try_ms = 20 });
    struct dns_sent question = dns_world_question_for("hold.example", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_SERVFAIL, 0, 0);
    question = dns_world_question_for("dead.default.svc.cluster.local", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_SERVFAIL, 1, 0); /* the alias */
    dns_world_drop(&bench);
}

static void aliases_bring_the_addresses_of_their_target(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    struct dns_walk walk;
    struct dns_record record;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for("ext.default.svc.cluster.local", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 2, 0);
    question = dns_world_question_for("chain.default.svc.cluster.local", DNS_TYPE_A);
    dns_world_ask_tcp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 3, 0);
    assert_true(dns_walk_begin(&walk, reply.bytes, reply.len));
    const uint16_t types[] = { DNS_TYPE_CNAME, DNS_TYPE_CNAME, DNS_TYPE_A };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dns_walk_next(&walk, &record), 1);
        assert_int_equal(record.type, types[i]);
    }
    question = dns_world_question_for("chain.default.svc.cluster.local", DNS_TYPE_CNAME);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    dns_world_drop(&bench);
}

static void without_upstream_nothing_is_forwarded(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ .has_no_upstream = true });
    struct dns_sent question = dns_world_question_for("ok.example", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_REFUSED, 0, 0);
    assert_int_equal(reply.bytes[3] & 0x80, 0); /* RA */
    question = dns_world_question_for("ext.default.svc.cluster.local", DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_SERVFAIL, 1, 0);
    question = dns_world_question_for(WEB, DNS_TYPE_A);
    dns_world_ask_udp(&bench, &question, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    dns_world_drop(&bench);
}

static void a_client_that_only_listens_any_more_still_gets_its_reply(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for("hold.example", DNS_TYPE_A);
    int fd = dns_world_connect_to(&bench.at, SOCK_STREAM);
    dns_world_say_tcp(fd, &question);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    dns_world_await_held(&bench.upstream, 1);
    dns_world_upstream_release(&bench.upstream);
    dns_world_take_message(fd, &reply);
    dns_world_assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    dns_world_assert_closed(fd);
    (void)close(fd);
    dns_world_drop(&bench);
}

static void who_waits_is_told_servfail_at_the_stop(void **state)
{
    struct dns_world bench;
    struct dns_got reply;
    (void)state;
    dns_world_make(&bench, &(struct dns_wish){ 0 });
    struct dns_sent question = dns_world_question_for("hold.example", DNS_TYPE_A);
    int udp = dns_world_connect_to(&bench.at, SOCK_DGRAM);
    int tcp = dns_world_connect_to(&bench.at, SOCK_STREAM);
    int gone = dns_world_connect_to(&bench.at, SOCK_STREAM);
    struct dns_sent other = dns_world_question_for("hold.example", DNS_TYPE_AAAA);
    dns_world_say_tcp(gone, &other);
    dns_world_await_held(&bench.upstream, 1);
    (void)close(gone);
    dns_world_say_tcp(tcp, &question);
    dns_world_await_held(&bench.upstream, 2);
    dns_world_say(udp, &question);
    struct dns_sent later = dns_world_question_for(WEB, DNS_TYPE_A);
    dns_world_ask_udp(&bench, &later, &reply); /* the one before is in */
    dns_server_stop(bench.server);
    assert_false(dns_server_is_serving(bench.server));
    dns_world_take_datagram(udp, &reply);
    dns_world_assert_reply(&reply, &question, DNS_SERVFAIL, 0, 0);
    dns_world_take_message(tcp, &reply);
    dns_world_assert_reply(&reply, &question, DNS_SERVFAIL, 0, 0);
    dns_world_assert_closed(tcp);
    (void)close(udp);
    (void)close(tcp);
    /* The port is free again. */
    int again = dns_world_open_at(&bench.at, SOCK_DGRAM);
    assert_true(again >= 0);
    (void)close(again);
    dns_world_drop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_names_are_forwarded_with_the_clients_case_and_id),
        cmocka_unit_test(a_cut_reply_of_the_upstream_comes_whole_over_tcp),
        cmocka_unit_test(clients_with_the_same_question_share_it),
        cmocka_unit_test(a_silent_upstream_is_servfail_after_the_tries),
        cmocka_unit_test(aliases_bring_the_addresses_of_their_target),
        cmocka_unit_test(without_upstream_nothing_is_forwarded),
        cmocka_unit_test(a_client_that_only_listens_any_more_still_gets_its_reply),
        cmocka_unit_test(who_waits_is_told_servfail_at_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
