/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that is really full: a small tmpfs in a mount namespace of this process. Skipped where
 * such a namespace may not be made; the file's own ceiling is tested everywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "store/sqlite/sqlite_registry.h"
#include "test/support/objects.h"
#include "test/support/registries.h"
#include "test/support/tmpdir.h"

#define DEADLINE_NS (20 * KE_S)
#define BALLAST     (256U << 10)
#define KEY         "/registry/configmaps/ns/"

static struct test_tmpdir tmpdir; /* the tmpfs */
static struct test_tmpdir roomy;
static bool has_tmpfs;

/* Root, or a user namespace in which we are. */
static bool enter_namespace(void)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int set_up(void **state)
{
    (void)state;
    test_tmpdir_make(&tmpdir);
    test_tmpdir_make(&roomy);
    has_tmpfs = enter_namespace() && mount("tmpfs", tmpdir.path, "tmpfs", 0, "size=1m") == 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (has_tmpfs)
        (void)umount2(tmpdir.path, MNT_DETACH);
    test_tmpdir_remove(&tmpdir);
    test_tmpdir_remove(&roomy);
    return 0;
}

static enum ke_code put(struct registry *registry, int number, struct ke_err *err)
{
    static char filler[900];
    char name[32];
    (void)snprintf(name, sizeof(name), "c%d", number);
    memset(filler, 'x', sizeof(filler) - 1);
    struct registry_op op = { .expected = REGISTRY_ANY };
    op.object = test_object(MODEL_CONFIGMAP, "ns", name, filler);
    ke_auto_object *held = registry_object_ref(op.object);
    op.key = held->key;
    return registry_commit_wait(registry, &op, 1, NULL, err);
}

/* Puts until one fails; how many were acknowledged. */
static int fill(struct registry *registry, struct ke_err *err)
{
    int n = 0;
    while (put(registry, n, err) == KE_OK) {
        n++;
        assert_true(n < 5000);
    }
    return n;
}

static void assert_all_there(struct registry *registry, int n)
{
    for (int i = 0; i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), KEY "c%d", i);
        ke_auto_object *object = test_object_get(registry, key);
        assert_non_null(object);
    }
}

static void assert_is_full(struct registry *registry, const struct ke_err *err)
{
    char expected[2 * TEST_TMPDIR_BYTES];
    (void)snprintf(expected, sizeof(expected), "registry: no space left on %s", tmpdir.path);
    assert_int_equal(err->code, KE_IO);
    assert_int_equal(err->sys, ENOSPC);
    assert_string_equal(err->msg, expected);
    struct ke_err health = KE_ERR_INIT;
    assert_int_equal(registry_health(registry, &health), KE_IO);
    assert_string_equal(health.msg, expected);
}

static void full_disk_fails_writes_only_and_recovers_by_itself(void **state)
{
    (void)state;
    if (!has_tmpfs)
        skip();
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    char ballast[2 * TEST_TMPDIR_BYTES];
    (void)snprintf(ballast, sizeof(ballast), "%s", test_tmpdir_path(&tmpdir, "ballast"));
    int fd = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, BALLAST), 0);
    (void)close(fd);
    const char *path = test_tmpdir_path(&tmpdir, "registry.db");
    assert_int_equal(sqlite_registry_open(path, NULL, &registry, &err), KE_OK);
    int n = fill(registry, &err);
    assert_true(n > 10);
    assert_is_full(registry, &err);
    /* Reads go on, and so does what needs no disk. */
    assert_all_there(registry, n);
    (void)test_object_put(registry, test_object(MODEL_LEASE, "ns", "l", "1"));
    (void)test_object_put(registry, test_object(MODEL_EVENT, "ns", "e", "1"));
    assert_null(test_object_get(registry, KEY "never"));
    /* Space comes back: health follows without a commit. */
    assert_int_equal(unlink(ballast), 0);
    int64_t deadline_ns = ke_now_ns() + DEADLINE_NS;
    while (registry_health(registry, &err) != KE_OK) {
        assert_true(ke_now_ns() < deadline_ns);
        (void)sched_yield();
    }
    assert_int_equal(put(registry, n, &err), KE_OK);
    registry_free(registry);
    path = test_tmpdir_path(&tmpdir, "registry.db");
    assert_int_equal(sqlite_registry_open(path, NULL, &registry, &err), KE_OK);
    assert_all_there(registry, n + 1);
    ke_auto_object *event = test_object_get(registry, "/registry/events/ns/e");
    assert_non_null(event);
    registry_free(registry);
}

static void ceiling_of_the_file_is_a_full_disk(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    struct sqlite_registry_options options = { .max_bytes = 200U << 10 };
    const char *path = test_tmpdir_path(&roomy, "ceiling.db");
    assert_int_equal(sqlite_registry_open(path, &options, &registry, &err), KE_OK);
    int n = fill(registry, &err);
    assert_true(n > 10);
    assert_int_equal(err.code, KE_IO);
    assert_int_equal(err.sys, ENOSPC);
    assert_all_there(registry, n);
    /* Deleting always works, and makes room. */
    for (int i = 0; i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), KEY "c%d", i);
        assert_int_equal(test_object_commit(registry, key, REGISTRY_ANY, NULL), KE_OK);
    }
    assert_int_equal(registry_health(registry, &err), KE_OK);
    assert_int_equal(put(registry, 1, &err), KE_OK);
    int64_t last = registry_revision(registry);
    registry_free(registry);
    path = test_tmpdir_path(&roomy, "ceiling.db");
    assert_int_equal(sqlite_registry_open(path, NULL, &registry, &err), KE_OK);
    assert_true(registry_revision(registry) > last);
    ke_auto_object *object = test_object_get(registry, KEY "c1");
    assert_non_null(object);
    ke_auto_object *deleted = test_object_get(registry, KEY "c0");
    assert_null(deleted);
    assert_int_equal(put(registry, 1, &err), KE_OK);
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk_fails_writes_only_and_recovers_by_itself),
        cmocka_unit_test(ceiling_of_the_file_is_a_full_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
