/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, routes, sysctls and facts against a real kernel, in a network namespace that this
 * process makes for itself and that goes with it. Skipped (77) where none can be made.
 */
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/rand.h"
#include "core/host/netlink.h"
#include "test/unit/core/host/scratch.h"

enum { SKIPPED = 77 };
#define SYSCTL      "net.ipv4.conf.lo.rp_filter"
#define SYSCTL_PATH "/proc/sys/net/ipv4/conf/lo/rp_filter"

static struct ke_cidr cidr(const char *text)
{
    struct ke_cidr out = { .prefix = 0 };
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_cidr_parse(ke_str_c(text), &out, &err), KE_OK);
    return out;
}

static struct ke_ip ip(const char *text)
{
    struct ke_ip out = { .family = KE_FAMILY_NONE };
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_ip_parse(ke_str_c(text), &out, &err), KE_OK);
    return out;
}

static void add_address(struct host_ledger *ledger, const char *text)
{
    struct ke_cidr address = cidr(text);
    struct ke_err err = KE_ERR_INIT;
    if (host_add_address(ledger, "lo", &address, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static bool has_address(const char *text)
{
    struct ke_cidr address = cidr(text);
    return netlink_has_address("lo", &address);
}

/* What somebody else does, without the ledger. */
static void foreign_add(const char *text)
{
    struct ke_cidr address = cidr(text);
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(netlink_add_address("lo", &address, &err), KE_OK);
}

static void foreign_del(const char *text)
{
    struct ke_cidr address = cidr(text);
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(netlink_del_address("lo", &address, &err), KE_OK);
}

static void write_sysctl(const char *value)
{
    FILE *file = fopen(SYSCTL_PATH, "we");
    assert_non_null(file);
    assert_true(fputs(value, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_sysctl(const char *want)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(100);
    assert_int_equal(ke_file_read(SYSCTL_PATH, &text, &err), KE_OK);
    assert_true(ke_str_eq_c(ke_str_trim(ke_buf_str(&text)), want));
}

/* ---- sysctls ---- */

static void a_sysctl_goes_back_to_its_old_value(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    write_sysctl("2");
    struct host_ledger *ledger = scratch_open();
    assert_int_equal(host_set_sysctl(ledger, SYSCTL, "2", &err), KE_OK);
    assert_int_equal(scratch_lines(), 0); /* it has the value: nothing to record */
    assert_int_equal(host_set_sysctl(ledger, SYSCTL, "1", &err), KE_OK);
    assert_sysctl("1");
    assert_int_equal(host_set_sysctl(ledger, SYSCTL, "1", &err), KE_OK);
    assert_int_equal(scratch_lines(), 1);
    write_sysctl("2"); /* a reboot */
    assert_int_equal(host_set_sysctl(ledger, "net/ipv4/conf/lo/rp_filter", "1", &err), KE_OK);
    assert_sysctl("1");
    scratch_undo(ledger);
    assert_sysctl("2");
    host_ledger_close(ledger);
}

static void a_sysctl_set_by_somebody_else_since_stays(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    write_sysctl("2");
    struct host_ledger *ledger = scratch_open();
    assert_int_equal(host_set_sysctl(ledger, SYSCTL, "1", &err), KE_OK);
    write_sysctl("0");
    scratch_undo(ledger);
    assert_sysctl("0");
    host_ledger_close(ledger);
}

static void a_sysctl_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct host_ledger *ledger = scratch_open();
    assert_int_equal(host_set_sysctl(ledger, "net.ipv4.no_such_thing", "1", &err), KE_NOT_FOUND);
    assert_int_equal(host_set_sysctl(ledger, "../etc/passwd", "1", &err), KE_INVALID);
    assert_int_equal(host_set_sysctl(ledger, "/etc/passwd", "1", &err), KE_INVALID);
    assert_int_equal(scratch_lines(), 0);
    scratch_undo(ledger);
    host_ledger_close(ledger);
}

/* ---- addresses and routes ---- */

static void an_address_is_added_once_and_taken_away(void **state)
{
    (void)state;
    static const char *const BOTH[] = { "10.32.0.10/32", "fd00:32::a/128" };
    for (size_t i = 0; i < KE_ARRAY_LEN(BOTH); i++) {
        struct host_ledger *ledger = scratch_open();
        add_address(ledger, BOTH[i]);
        add_address(ledger, BOTH[i]);
        assert_true(has_address(BOTH[i]));
        assert_int_equal(scratch_lines(), 1);
        scratch_undo(ledger);
        assert_false(has_address(BOTH[i]));
        host_ledger_close(ledger);
    }
}

static void an_address_can_be_taken_away_alone(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct host_ledger *ledger = scratch_open();
    struct ke_cidr ours = cidr("10.32.0.10/32");
    struct ke_cidr theirs = cidr("10.9.9.9/32");
    foreign_add("10.9.9.9/32");
    add_address(ledger, "10.32.0.10/32");
    assert_int_equal(host_del_address(ledger, "lo", &ours, &err), KE_OK);
    assert_int_equal(host_del_address(ledger, "lo", &ours, &err), KE_OK);
    assert_int_equal(host_del_address(ledger, "lo", &theirs, &err), KE_OK);
    assert_false(has_address("10.32.0.10/32"));
    assert_true(has_address("10.9.9.9/32"));
    foreign_add("10.32.0.10/32"); /* the same address, later, by somebody else */
    scratch_undo(ledger);
    assert_true(has_address("10.32.0.10/32"));
    host_ledger_close(ledger);
    foreign_del("10.32.0.10/32");
    foreign_del("10.9.9.9/32");
}

static void what_was_there_before_is_not_ours(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr range = cidr("10.40.0.0/16");
    foreign_add("10.9.9.9/32");
    struct netlink_route theirs = { .dst = range, .link = "lo", .src = ip("10.9.9.9") };
    assert_int_equal(netlink_add_route(&theirs, &err), KE_OK);
    struct host_ledger *ledger = scratch_open();
    add_address(ledger, "10.9.9.9/32");
    assert_int_equal(host_add_route(ledger, &range, "lo", &theirs.src, &err), KE_OK);
    assert_int_equal(scratch_lines(), 0);
    scratch_undo(ledger);
    assert_true(has_address("10.9.9.9/32"));
    assert_true(netlink_has_exact_route(&range));
    host_ledger_close(ledger);
    assert_int_equal(netlink_del_route(&theirs, &err), KE_OK);
    assert_false(netlink_has_exact_route(&range));
    foreign_del("10.9.9.9/32");
}

static void a_route_is_added_once_and_taken_away(void **state)
{
    (void)state;
    static const struct {
        const char *node;
        const char *range;
    } cases[] = { { "192.0.2.10/32", "10.32.0.0/16" }, { "fd00::10/128", "fd00:32::/108" } };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_err err = KE_ERR_INIT;
        struct ke_cidr node = cidr(cases[i].node);
        struct ke_cidr range = cidr(cases[i].range);
        foreign_add(cases[i].node);
        struct host_ledger *ledger = scratch_open();
        assert_false(host_has_route(&range));
        for (int again = 0; again < 2; again++) {
            if (host_add_route(ledger, &range, "lo", &node.ip, &err) != KE_OK)
                fail_msg("%s", err.msg);
        }
        assert_int_equal(scratch_lines(), 1);
        assert_true(host_has_route(&range));
        scratch_undo(ledger);
        assert_false(host_has_route(&range));
        host_ledger_close(ledger);
        foreign_del(cases[i].node);
    }
}

static void a_change_that_fails_is_not_left_in_the_ledger(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct host_ledger *ledger = scratch_open();
    struct ke_cidr address = cidr("10.32.0.10/32");
    struct ke_cidr range = cidr("10.32.0.0/16");
    struct ke_ip nobody = ip("203.0.113.99"); /* no address of this node */
    assert_int_equal(host_add_address(ledger, "nolink0", &address, &err), KE_NOT_FOUND);
    assert_string_equal(err.msg, "no link nolink0");
    assert_int_equal(host_add_route(ledger, &range, "lo", &nobody, &err), KE_IO);
    scratch_undo(ledger); /* nothing active: the file goes */
    host_ledger_close(ledger);
}

static void a_record_without_its_change_is_harmless(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    write_sysctl("2");
    foreign_add("192.0.2.10/32");
    struct ke_cidr range = cidr("10.32.0.0/16");
    struct ke_ip node = ip("192.0.2.10");
    for (int round = 0; round < 2; round++) {
        struct host_ledger *ledger = scratch_open();
        add_address(ledger, "10.32.0.10/32");
        assert_int_equal(host_add_route(ledger, &range, "lo", &node, &err), KE_OK);
        assert_int_equal(host_set_sysctl(ledger, SYSCTL, "1", &err), KE_OK);
        host_ledger_close(ledger);
        /* As if killed between recording and changing. */
        struct netlink_route route = { .dst = range, .link = "lo", .src = node };
        foreign_del("10.32.0.10/32");
        assert_int_equal(netlink_del_route(&route, &err), KE_OK);
        write_sysctl("2");

        ledger = scratch_open();
        if (round == 1) { /* started again: made now, recorded already */
            add_address(ledger, "10.32.0.10/32");
            assert_int_equal(host_add_route(ledger, &range, "lo", &node, &err), KE_OK);
            assert_int_equal(host_set_sysctl(ledger, SYSCTL, "1", &err), KE_OK);
            assert_true(has_address("10.32.0.10/32"));
            assert_true(host_has_route(&range));
        }
        assert_int_equal(scratch_lines(), 3);
        scratch_undo(ledger);
        assert_false(has_address("10.32.0.10/32"));
        assert_false(host_has_route(&range));
        assert_sysctl("2");
        host_ledger_close(ledger);
    }
    foreign_del("192.0.2.10/32");
}

/* ---- kill -9 at any moment ---- */

_Noreturn static void change_for_ever(void)
{
    struct host_ledger *ledger = scratch_open();
    for (unsigned i = 0;; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "10.33.%u.%u/32", i / 250 % 250, i % 250 + 1);
        struct ke_cidr address = cidr(text);
        struct ke_err err = KE_ERR_INIT;
        if (host_add_address(ledger, "lo", &address, &err) != KE_OK ||
            (i % 3 == 0 && host_del_address(ledger, "lo", &address, &err) != KE_OK) ||
            host_set_sysctl(ledger, SYSCTL, i % 2 == 0 ? "1" : "0", &err) != KE_OK)
            _exit(1);
    }
}

static void after_a_kill_at_any_moment_undo_takes_all_away(void **state)
{
    (void)state;
    write_sysctl("2");
    struct ke_cidr before[64];
    size_t n_before = host_addresses(before, 64);
    for (unsigned round = 0; round < 25; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            change_for_ever();
        const struct timespec some = { .tv_nsec = 100000 + ke_rand_below(12000000) };
        (void)nanosleep(&some, NULL); /* any moment will do: the later, the more to undo */
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        struct host_ledger *ledger = scratch_open();
        scratch_undo(ledger);
        host_ledger_close(ledger);
        struct ke_cidr after[64];
        assert_int_equal(host_addresses(after, 64), n_before);
        assert_sysctl("2");
    }
}

static void a_long_history_is_made_short(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr address = cidr("10.32.0.10/32");
    struct host_ledger *ledger = scratch_open();
    add_address(ledger, "10.32.0.11/32");
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(host_add_address(ledger, "lo", &address, &err), KE_OK);
        assert_int_equal(host_del_address(ledger, "lo", &address, &err), KE_OK);
    }
    assert_int_equal(scratch_lines(), 601);
    struct host_ledger *other = scratch_open(); /* makes it short */
    assert_int_equal(scratch_lines(), 1);
    add_address(ledger, "10.32.0.11/32"); /* the first sees the new file */
    add_address(ledger, "10.32.0.12/32");
    assert_int_equal(scratch_lines(), 2);
    scratch_undo(other);
    assert_false(has_address("10.32.0.11/32"));
    assert_false(has_address("10.32.0.12/32"));
    host_ledger_close(ledger);
    host_ledger_close(other);
}

/* ---- facts ---- */

static void the_node_address_is_the_source_of_the_default_route(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct ke_ip found;
    assert_int_equal(host_default_address(KE_FAMILY_IPV4, &found, &err), KE_NOT_FOUND);
    assert_int_equal(host_default_address(KE_FAMILY_IPV6, &found, &err), KE_NOT_FOUND);
    foreign_add("203.0.113.6/32");
    foreign_add("203.0.113.7/32");
    struct netlink_route route = { .dst = cidr("0.0.0.0/0"),
                                   .link = "lo",
                                   .src = ip("203.0.113.7") };
    assert_int_equal(netlink_add_route(&route, &err), KE_OK);
    assert_int_equal(host_default_address(KE_FAMILY_IPV4, &found, &err), KE_OK);
    assert_true(ke_ip_eq(&found, &route.src));
    struct ke_cidr services = cidr("10.32.0.0/16");
    assert_false(host_has_route(&services)); /* the default route is none that covers it */
    assert_int_equal(netlink_del_route(&route, &err), KE_OK);
    foreign_del("203.0.113.6/32");
    foreign_del("203.0.113.7/32");
}

static void addresses_come_with_their_prefix(void **state)
{
    (void)state;
    foreign_add("10.5.0.1/20");
    foreign_add("fd00:5::1/64");
    struct ke_cidr all[16];
    size_t n = host_addresses(all, 16);
    ke_auto_buf text = KE_BUF_INIT(1000);
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_char(&text, ' ');
        ke_cidr_format(&all[i], &text);
    }
    ke_buf_add_char(&text, '\0');
    assert_non_null(strstr(text.ptr, " 127.0.0.1/8"));
    assert_non_null(strstr(text.ptr, " 10.5.0.1/20"));
    assert_non_null(strstr(text.ptr, " ::1/128"));
    assert_non_null(strstr(text.ptr, " fd00:5::1/64"));
    assert_int_equal(host_addresses(all, 2), 2);
    foreign_del("10.5.0.1/20");
    foreign_del("fd00:5::1/64");
}

/* ---- ports ---- */

static int hold(enum ke_proto proto, const char *address, uint16_t port)
{
    struct ke_endpoint at = { .ip = ip(address), .port = port };
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(&at, &sa);
    int fd =
        socket(sa.ss_family, (proto == KE_PROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sa, len), 0);
    if (proto == KE_PROTO_TCP)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void the_holder_of_a_port_is_named(void **state)
{
    (void)state;
    static const struct {
        enum ke_proto proto;
        const char *held;
        const char *asked;
        bool is_held;
    } cases[] = {
        { KE_PROTO_TCP, "127.0.0.1", "127.0.0.1", true },
        { KE_PROTO_TCP, "127.0.0.1", "127.0.0.2", false },
        { KE_PROTO_TCP, "127.0.0.1", "0.0.0.0", true },
        { KE_PROTO_TCP, "0.0.0.0", "127.0.0.9", true },
        { KE_PROTO_TCP, "::", "127.0.0.1", true },
        { KE_PROTO_TCP, "::1", "::", true },
        { KE_PROTO_TCP, "::1", "127.0.0.1", false },
        { KE_PROTO_UDP, "127.0.0.1", "127.0.0.1", true },
        { KE_PROTO_UDP, "0.0.0.0", "::", true },
        { KE_PROTO_TCP, "0.0.0.0", NULL, true }, /* no family: every address */
        { KE_PROTO_TCP, "127.0.0.1", NULL, true },
    };
    char want[64];
    (void)snprintf(want, sizeof(want), "core_host_netns (pid %d)", (int)getpid());
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        int fd = hold(cases[i].proto, cases[i].held, 5353);
        struct ke_endpoint at = { .port = 5353 };
        if (cases[i].asked != NULL)
            at.ip = ip(cases[i].asked);
        ke_auto_buf holder = KE_BUF_INIT(300);
        assert_int_equal(host_port_holder(cases[i].proto, &at, &holder), cases[i].is_held);
        ke_buf_add_char(&holder, '\0');
        assert_string_equal(holder.ptr, cases[i].is_held ? want : "");
        ke_buf_clear(&holder);
        enum ke_proto other = cases[i].proto == KE_PROTO_TCP ? KE_PROTO_UDP : KE_PROTO_TCP;
        assert_false(host_port_holder(other, &at, &holder));
        at.port = 5354;
        assert_false(host_port_holder(cases[i].proto, &at, &holder));
        (void)close(fd);
    }
}

/* ---- */

static bool bring_lo_up(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    ke_auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return false;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

int main(void)
{
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        (void)fprintf(stderr, "no network namespace can be made here\n");
        return SKIPPED;
    }
    if (!bring_lo_up()) {
        (void)fprintf(stderr, "no loopback link in the namespace\n");
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sysctl_goes_back_to_its_old_value, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_sysctl_set_by_somebody_else_since_stays, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_sysctl_that_is_not_there_is_said, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(an_address_is_added_once_and_taken_away, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(an_address_can_be_taken_away_alone, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(what_was_there_before_is_not_ours, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_route_is_added_once_and_taken_away, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_change_that_fails_is_not_left_in_the_ledger, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_record_without_its_change_is_harmless, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(after_a_kill_at_any_moment_undo_takes_all_away,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_long_history_is_made_short, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(the_node_address_is_the_source_of_the_default_route,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(addresses_come_with_their_prefix, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(the_holder_of_a_port_is_named, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
