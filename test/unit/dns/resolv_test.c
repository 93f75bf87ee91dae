/* SPDX-License-Identifier: Apache-2.0 */
/* The node's resolvers: what resolv.conf says, the stub followed, ourselves left out. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "dns/resolv.h"
#include "test/support/base/test.h"
#include "test/support/tmpdir.h"

static void assert_endpoints(const struct dns_upstreams *found, const char *wanted)
{
    char memory[512];
    struct ke_buf out = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    for (size_t i = 0; i < found->n; i++) {
        ke_buf_add_c(&out, i > 0 ? " " : "");
        ke_endpoint_format(&found->items[i], &out);
    }
    memory[out.len] = '\0';
    assert_string_equal(memory, wanted);
}

static struct ke_endpoint at(const char *text)
{
    struct ke_endpoint endpoint = { 0 };
    struct ke_err err = KE_ERR_INIT;
    if (ke_endpoint_parse(ke_str_c(text), &endpoint, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return endpoint;
}

static void nameservers_are_taken_in_order(void **state)
{
    struct dns_upstreams found;
    (void)state;
    dns_resolv_parse(KE_STR("# c\n; d\nsearch a b\nnameserver 1.1.1.1\n nameserver\t2606::1 # x\r\n"
                            "nameserver fe80::1%eth0\nnameserver\nnameserver 300.1.1.1\n"
                            "nameserver 0.0.0.0\nnameservers 9.9.9.9\noptions ndots:5\n"
                            "nameserver 8.8.8.8"),
                     &found);
    assert_endpoints(&found, "1.1.1.1:53 [2606::1]:53 8.8.8.8:53");
    dns_resolv_parse(KE_STR(""), &found);
    assert_int_equal(found.n, 0);
}

static void no_more_than_the_maximum_is_taken(void **state)
{
    struct dns_upstreams found;
    (void)state;
    dns_resolv_parse(KE_STR("nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"
                            "nameserver 10.0.0.4\nnameserver 10.0.0.5\n"),
                     &found);
    assert_int_equal(found.n, DNS_MAX_UPSTREAMS);
}

struct files {
    struct test_tmpdir dir;
    char conf[TEST_TMPDIR_BYTES + 16], behind[TEST_TMPDIR_BYTES + 16];
    struct dns_resolv_files names;
};

static void make_files(struct files *files, const char *conf, const char *behind)
{
    struct ke_err err = KE_ERR_INIT;
    test_tmpdir_make(&files->dir);
    (void)snprintf(files->conf, sizeof(files->conf), "%s",
                   test_tmpdir_path(&files->dir, "resolv.conf"));
    (void)snprintf(files->behind, sizeof(files->behind), "%s",
                   test_tmpdir_path(&files->dir, "behind.conf"));
    files->names = (struct dns_resolv_files){ files->conf, files->behind };
    if ((conf != NULL && ke_file_write(files->conf, ke_str_c(conf), 0600, &err) != KE_OK) ||
        (behind != NULL && ke_file_write(files->behind, ke_str_c(behind), 0600, &err) != KE_OK))
        fail_msg("%s", err.msg);
}

static void a_stub_is_followed_to_the_resolvers_behind_it(void **state)
{
    struct files files;
    struct dns_upstreams found;
    (void)state;
    make_files(&files, "nameserver 127.0.0.53\noptions edns0\n",
               "nameserver 192.0.2.1\nnameserver 127.0.0.53\nnameserver 192.0.2.2\n");
    dns_resolv_read(&files.names, NULL, 0, &found);
    assert_endpoints(&found, "192.0.2.1:53 192.0.2.2:53");
    test_tmpdir_remove(&files.dir);
}

static void a_stub_with_nothing_behind_it_gives_nobody(void **state)
{
    struct files files;
    struct dns_upstreams found;
    (void)state;
    make_files(&files, "nameserver 127.0.0.53\n", NULL);
    dns_resolv_read(&files.names, NULL, 0, &found);
    assert_int_equal(found.n, 0);
    test_tmpdir_remove(&files.dir);
}

static void where_we_listen_is_left_out(void **state)
{
    struct files files;
    struct dns_upstreams found;
    (void)state;
    make_files(&files, "nameserver 10.32.0.10\nnameserver 127.0.0.1\nnameserver 192.0.2.1\n", NULL);
    const struct ke_endpoint one = at("10.32.0.10:53");
    dns_resolv_read(&files.names, &one, 1, &found);
    assert_endpoints(&found, "127.0.0.1:53 192.0.2.1:53");
    /* Everywhere: the node's own addresses are ours too. */
    const struct ke_endpoint every = { .port = 53 };
    dns_resolv_read(&files.names, &every, 1, &found);
    assert_endpoints(&found, "10.32.0.10:53 192.0.2.1:53");
    const struct ke_endpoint any4 = at("0.0.0.0:53");
    dns_resolv_read(&files.names, &any4, 1, &found);
    assert_endpoints(&found, "10.32.0.10:53 192.0.2.1:53");
    /* Another port is somebody else. */
    const struct ke_endpoint other = at("0.0.0.0:5353");
    dns_resolv_read(&files.names, &other, 1, &found);
    assert_int_equal(found.n, 3);
    test_tmpdir_remove(&files.dir);
}

static void set_mtime(const char *path, time_t s)
{
    const struct timespec times[2] = { { .tv_sec = s }, { .tv_sec = s } };
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void the_stamp_follows_both_files(void **state)
{
    struct files files;
    (void)state;
    make_files(&files, "nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n");
    set_mtime(files.conf, 1000);
    set_mtime(files.behind, 1000);
    uint64_t first = dns_resolv_stamp(&files.names);
    assert_int_equal(dns_resolv_stamp(&files.names), first);
    set_mtime(files.behind, 1001);
    uint64_t second = dns_resolv_stamp(&files.names);
    assert_int_not_equal(second, first);
    set_mtime(files.conf, 1001);
    assert_int_not_equal(dns_resolv_stamp(&files.names), second);
    assert_int_equal(remove(files.conf), 0);
    assert_int_equal(dns_resolv_stamp(&files.names), 0);
    test_tmpdir_remove(&files.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nameservers_are_taken_in_order),
        cmocka_unit_test(no_more_than_the_maximum_is_taken),
        cmocka_unit_test(a_stub_is_followed_to_the_resolvers_behind_it),
        cmocka_unit_test(a_stub_with_nothing_behind_it_gives_nobody),
        cmocka_unit_test(where_we_listen_is_left_out),
        cmocka_unit_test(the_stamp_follows_both_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
