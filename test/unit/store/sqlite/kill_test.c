/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9 in the middle of concurrent writes, again and again on one file: no acknowledged durable
 * write is lost and no revision is given twice.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/rand.h"
#include "core/base/thread.h"
#include "store/sqlite/sqlite_registry.h"
#include "test/support/objects.h"
#include "test/support/registries.h"
#include "test/support/tmpdir.h"

#define N_THREADS 4
#define N_KEYS    5 /* a thread */

/* Under TSan a start takes ten times as long, and what a killed process leaves is the same. */
#ifdef __SANITIZE_THREAD__
#    define N_ROUNDS 40
#else
#    define N_ROUNDS 200
#endif

/* One acknowledgement, written in one piece. */
struct ack {
    int thread;
    int key;
    int64_t value;
    int64_t revision;
};

struct writer {
    struct registry *registry;
    struct ke_thread thread;
    int number;
    int64_t first_value;
    int pipe;
};

struct known {
    int64_t acked[N_THREADS][N_KEYS]; /* the last value acknowledged */
    int64_t revisions[N_THREADS][N_KEYS];
    int64_t last_value;
    int64_t last_revision; /* the highest seen */
    int64_t round_begin;   /* the highest seen when the child was started */
    unsigned n_acks;
};

static void write_for_ever(void *ctx)
{
    struct writer *writer = ctx;
    struct ke_err err = KE_ERR_INIT;
    for (int64_t i = 0;; i++) {
        struct ack ack = { writer->number, (int)(i % N_KEYS), writer->first_value + i, 0 };
        char name[32];
        char value[32];
        (void)snprintf(name, sizeof(name), "k%d-%d", ack.thread, ack.key);
        (void)snprintf(value, sizeof(value), "%lld", (long long)ack.value);
        struct registry_op op = { .expected = REGISTRY_ANY };
        op.object = test_object(MODEL_CONFIGMAP, "ns", name, value);
        ke_auto_object *held = registry_object_ref(op.object);
        op.key = held->key;
        if (registry_commit_wait(writer->registry, &op, 1, &ack.revision, &err) != KE_OK ||
            write(writer->pipe, &ack, sizeof(ack)) != (ssize_t)sizeof(ack))
            return;
    }
}

static _Noreturn void child(const char *path, int64_t first_value, int pipe)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    struct writer writers[N_THREADS];
    if (sqlite_registry_open(path, NULL, &registry, &err) != KE_OK)
        _exit(1);
    for (int i = 0; i < N_THREADS; i++) {
        writers[i] = (struct writer){
            .registry = registry, .number = i, .first_value = first_value, .pipe = pipe
        };
        if (ke_thread_start(&writers[i].thread, "writer", write_for_ever, &writers[i], &err) !=
            KE_OK)
            _exit(1);
    }
    for (int i = 0; i < N_THREADS; i++)
        ke_thread_join(&writers[i].thread);
    _exit(1);
}

static void note(struct known *known, const struct ack *ack)
{
    known->n_acks++;
    known->acked[ack->thread][ack->key] = ack->value;
    known->revisions[ack->thread][ack->key] = ack->revision;
    if (ack->value > known->last_value)
        known->last_value = ack->value;
    /* Nothing that was ever seen may come again; acks of one child arrive in no order. */
    assert_true(ack->revision > known->round_begin);
    if (ack->revision > known->last_revision)
        known->last_revision = ack->revision;
}

/* Lets the child live for some acknowledgements, then kills it and reads what it had still said. */
static void run_and_kill(const char *path, struct known *known)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    known->round_begin = known->last_revision;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        child(path, known->last_value + 1, fds[1]);
    }
    (void)close(fds[1]);
    unsigned n_before_kill = 1 + ke_rand_below(60);
    struct ack ack;
    unsigned n = 0;
    while (read(fds[0], &ack, sizeof(ack)) == (ssize_t)sizeof(ack)) {
        note(known, &ack);
        if (++n == n_before_kill)
            assert_int_equal(kill(pid, SIGKILL), 0);
    }
    (void)close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void check(const char *path, struct known *known)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    if (sqlite_registry_open(path, NULL, &registry, &err) != KE_OK)
        fail_msg("%s", err.msg);
    assert_true(registry_revision(registry) > known->last_revision);
    for (int t = 0; t < N_THREADS; t++) {
        for (int k = 0; k < N_KEYS; k++) {
            if (known->acked[t][k] == 0)
                continue;
            char key[64];
            (void)snprintf(key, sizeof(key), "/registry/configmaps/ns/k%d-%d", t, k);
            ke_auto_object *object = test_object_get(registry, key);
            assert_non_null(object);
            uint64_t value = 0;
            assert_true(ke_str_to_u64(ke_str_c(test_object_value(object)), INT64_MAX, &value));
            /* At least what was acknowledged; perhaps one more that was on its way. */
            assert_true((int64_t)value >= known->acked[t][k]);
            assert_true(object->revision >= known->revisions[t][k]);
            assert_true(((int64_t)value == known->acked[t][k]) ==
                        (object->revision == known->revisions[t][k]));
            if (object->revision > known->last_revision)
                known->last_revision = object->revision;
            if ((int64_t)value > known->last_value)
                known->last_value = (int64_t)value;
        }
    }
    int64_t revision = test_object_put(registry, test_object(MODEL_CONFIGMAP, "ns", "mine", "1"));
    assert_true(revision > known->last_revision);
    known->last_revision = revision;
    registry_free(registry);
}

static void kill_9_loses_no_acknowledged_write_and_gives_no_revision_twice(void **state)
{
    (void)state;
    struct test_tmpdir tmpdir;
    struct known known = { 0 };
    test_tmpdir_make(&tmpdir);
    char path[2 * TEST_TMPDIR_BYTES];
    (void)snprintf(path, sizeof(path), "%s", test_tmpdir_path(&tmpdir, "registry.db"));
    for (unsigned i = 0; i < N_ROUNDS; i++) {
        run_and_kill(path, &known);
        check(path, &known);
    }
    print_message("%u kills, %u acknowledged writes\n", N_ROUNDS, known.n_acks);
    test_tmpdir_remove(&tmpdir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_9_loses_no_acknowledged_write_and_gives_no_revision_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
