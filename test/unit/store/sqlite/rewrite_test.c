/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in the file: never in the clear, with the newest key after a rekey, refused without one.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/rand.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/vault.h"
#include "test/support/base/test.h"
#include "test/support/objects.h"
#include "test/support/tmpdir.h"

#define WORD  "Very-Secret-Word"
#define N_ALL 80

struct fixture {
    struct test_tmpdir tmpdir;
    char db[TEST_TMPDIR_BYTES + 32];
    char keys[TEST_TMPDIR_BYTES + 32];
    struct registry *registry;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){ .registry = NULL };
    test_tmpdir_make(&f.tmpdir);
    (void)snprintf(f.db, sizeof(f.db), "%s/registry.db", f.tmpdir.path);
    (void)snprintf(f.keys, sizeof(f.keys), "%s/secrets.key", f.tmpdir.path);
    *state = &f;
    return 0;
}

static void close_registry(struct fixture *f)
{
    if (f->registry != NULL)
        registry_stop(f->registry);
    registry_free(f->registry);
    f->registry = NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close_registry(f);
    test_tmpdir_remove(&f->tmpdir);
    return 0;
}

static enum ke_code try_open(struct fixture *f, bool has_vault, struct ke_err *err)
{
    struct sqlite_registry_options options = { .vault_path = has_vault ? f->keys : NULL };
    return sqlite_registry_open(f->db, &options, &f->registry, err);
}

static void open_registry(struct fixture *f, bool has_vault)
{
    struct ke_err err = KE_ERR_INIT;
    if (try_open(f, has_vault, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void put_secrets(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "s%d", i);
        (void)test_object_put(f->registry, test_object(MODEL_SECRET, "default", name, WORD));
    }
}

static void assert_secrets(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "/registry/secrets/default/s%d", i);
        ke_auto_object *object = test_object_get(f->registry, key);
        assert_non_null(object);
        assert_string_equal(test_object_value(object), WORD);
    }
}

static bool files_have(struct fixture *f, const char *word)
{
    static const char *const ends[] = { "", "-wal" };
    for (size_t i = 0; i < KE_ARRAY_LEN(ends); i++) {
        char path[TEST_TMPDIR_BYTES + 64];
        ke_auto_buf text = KE_BUF_INIT(64U << 20);
        struct ke_err err = KE_ERR_INIT;
        (void)snprintf(path, sizeof(path), "%s%s", f->db, ends[i]);
        if (ke_file_read(path, &text, &err) == KE_OK && text.len > 0 &&
            memmem(text.ptr, text.len, word, strlen(word)) != NULL)
            return true;
    }
    return false;
}

/* "aesgcm:v1 ID ...": the newest. */
static void read_key_id(struct fixture *f, char out[17])
{
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_file_read(f->keys, &text, &err), KE_OK);
    ke_buf_add_char(&text, '\0');
    const char *line = strstr(text.ptr, "\naesgcm:v1 ");
    assert_non_null(line);
    (void)snprintf(out, 17, "%.16s", line + 11);
}

static void await_rekey(struct fixture *f)
{
    struct ke_err err = KE_ERR_INIT;
    uint64_t n = 0;
    int64_t deadline_ns = ke_now_ns() + 20 * KE_S;
    enum ke_code rc = KE_AGAIN;
    while ((rc = sqlite_registry_rekey_state(f->registry, &n, &err)) == KE_AGAIN) {
        assert_true(ke_now_ns() < deadline_ns);
        (void)usleep(1000);
    }
    assert_int_equal(rc, KE_OK);
}

static void secrets_are_never_in_the_clear(void **state)
{
    struct fixture *f = *state;
    open_registry(f, true);
    put_secrets(f, 3);
    put_secrets(f, 3); /* the history holds what was before */
    (void)test_object_delete(f->registry, "/registry/secrets/default/s2");
    (void)test_object_put(f->registry, test_object(MODEL_CONFIGMAP, "default", "c", "Open-Word"));
    assert_false(files_have(f, WORD));
    assert_true(files_have(f, "Open-Word"));
    assert_true(files_have(f, "k8s:enc:aesgcm:v1:"));
    close_registry(f);
    assert_false(files_have(f, WORD));
    open_registry(f, true);
    assert_secrets(f, 2);
}

static void a_new_key_takes_over(void **state)
{
    struct fixture *f = *state;
    struct ke_err err = KE_ERR_INIT;
    char old[17];
    char now[17];
    open_registry(f, true);
    put_secrets(f, N_ALL);
    read_key_id(f, old);
    assert_int_equal(sqlite_registry_rekey(f->registry, &err), KE_OK);
    put_secrets(f, 50); /* under load */
    await_rekey(f);
    read_key_id(f, now);
    assert_string_not_equal(old, now);
    close_registry(f);
    assert_true(files_have(f, now));
    assert_false(files_have(f, old));
    open_registry(f, true);
    assert_secrets(f, N_ALL);
}

static void a_registry_in_the_clear_is_encrypted_at_start(void **state)
{
    struct fixture *f = *state;
    struct ke_err err = KE_ERR_INIT;
    open_registry(f, false);
    put_secrets(f, N_ALL);
    assert_int_equal(sqlite_registry_rekey(f->registry, &err), KE_INVALID);
    close_registry(f);
    assert_true(files_have(f, WORD));
    open_registry(f, true);
    await_rekey(f);
    assert_secrets(f, N_ALL);
    close_registry(f);
    assert_false(files_have(f, WORD));
    open_registry(f, true);
    assert_secrets(f, N_ALL);
}

static void without_its_key_nothing_is_touched(void **state)
{
    struct fixture *f = *state;
    struct ke_err err = KE_ERR_INIT;
    char aside[TEST_TMPDIR_BYTES + 64];
    open_registry(f, true);
    put_secrets(f, 3);
    close_registry(f);
    (void)snprintf(aside, sizeof(aside), "%s.aside", f->keys);
    assert_int_equal(rename(f->keys, aside), 0);
    assert_int_equal(try_open(f, true, &err), KE_INVALID);
    assert_non_null(strstr(err.msg, f->keys));
    assert_false(ke_file_exists(f->keys)); /* no new key hides that the old one is gone */
    err = (struct ke_err)KE_ERR_INIT;
    assert_int_equal(try_open(f, false, &err), KE_INVALID);
    assert_int_equal(rename(aside, f->keys), 0);
    open_registry(f, true);
    assert_secrets(f, 3);
}

/* A child rekeys without end and is killed at any moment. */
static pid_t start_rekeying(struct fixture *f)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) {
        char c = 0;
        (void)close(ready[1]);
        assert_int_equal(read(ready[0], &c, 1), 1);
        (void)close(ready[0]);
        return child;
    }
    struct ke_err err = KE_ERR_INIT;
    uint64_t n = 0;
    if (try_open(f, true, &err) != KE_OK || write(ready[1], "x", 1) != 1)
        _exit(1);
    for (;;) {
        enum ke_code rc = sqlite_registry_rekey(f->registry, &err);
        if (rc != KE_OK && rc != KE_CONFLICT) /* the one before may be finished first */
            _exit(2);
        while (sqlite_registry_rekey_state(f->registry, &n, &err) == KE_AGAIN)
            (void)usleep(100);
    }
}

static void a_crash_in_between_loses_nothing(void **state)
{
    struct fixture *f = *state;
    open_registry(f, true);
    put_secrets(f, N_ALL);
    close_registry(f);
    for (int i = 0; i < 10; i++) {
        int status = 0;
        pid_t child = start_rekeying(f);
        (void)usleep(ke_rand_below(30000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
    }
    open_registry(f, true);
    assert_secrets(f, N_ALL);
    await_rekey(f); /* what the last one has left */
    char now[17];
    read_key_id(f, now);
    close_registry(f);
    open_registry(f, true);
    assert_secrets(f, N_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secrets_are_never_in_the_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_key_takes_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_registry_in_the_clear_is_encrypted_at_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_its_key_nothing_is_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_in_between_loses_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
