/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk adds to the contract: restarts, durabilities, grouping, files that are not ours. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/thread.h"
#include "store/sqlite/sqlite_registry.h"
#include "test/support/objects.h"
#include "test/support/registries.h"
#include "test/support/tmpdir.h"

#define CONFIGMAPS  "/registry/configmaps/"
#define DEADLINE_NS (20 * KE_S)

static struct test_tmpdir tmpdir;

static int set_up(void **state)
{
    (void)state;
    test_tmpdir_make(&tmpdir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_tmpdir_remove(&tmpdir);
    return 0;
}

static struct registry *open_at(const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    if (sqlite_registry_open(test_tmpdir_path(&tmpdir, name), NULL, &registry, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return registry;
}

static struct registry_object *config(const char *name, const char *value)
{
    return test_object(MODEL_CONFIGMAP, "ns", name, value);
}

static void copy_file(const char *from, const char *to)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf bytes = KE_BUF_INIT(LIMIT_FILE_BYTES);
    if (ke_file_read(test_tmpdir_path(&tmpdir, from), &bytes, &err) != KE_OK)
        fail_msg("%s", err.msg);
    if (ke_file_write(test_tmpdir_path(&tmpdir, to), ke_buf_str(&bytes), 0600, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

/* What a crash at this moment would leave of registry.db, as crash.db. */
static struct registry *open_after_crash(void)
{
    copy_file("registry.db-wal", "crash.db-wal");
    copy_file("registry.db", "crash.db");
    return open_at("crash.db");
}

static void assert_value(struct registry *registry, const char *key, const char *value)
{
    ke_auto_object *object = test_object_get(registry, key);
    if (object == NULL)
        fail_msg("%s is not there", key);
    assert_string_equal(test_object_value(object), value);
}

static enum ke_code history_reaches(struct registry *registry, const char *prefix, int64_t after)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_str prefixes[] = { ke_str_c(prefix) };
    struct registry_history_query query = { .prefixes = prefixes, .n_prefixes = 1, .after = after };
    size_t n = 0;
    int64_t through = 0;
    return registry_history(registry, &query, NULL, &n, &through, &err);
}

#define BATCH 100

/* Puts one object BATCH times in one commit; the last revision. */
static int64_t put_batch(struct registry *registry, enum model_kind_id kind)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_op ops[BATCH];
    int64_t revision = 0;
    for (size_t i = 0; i < BATCH; i++) {
        ops[i].object = test_object(kind, "ns", "batch", "some value");
        ops[i].key = ops[i].object->key;
        ops[i].expected = REGISTRY_ANY;
    }
    assert_int_equal(registry_commit_wait(registry, ops, BATCH, &revision, &err), KE_OK);
    return revision;
}

/* ---- restarts -------------------------------------------------------------------------------- */

static void objects_survive_a_restart_byte_for_byte(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("b", "1"));
    (void)test_object_delete(registry, CONFIGMAPS "ns/b");
    ke_auto_object *before = test_object_get(registry, CONFIGMAPS "ns/a");
    registry_free(registry);
    registry = open_at("registry.db");
    ke_auto_object *after = test_object_get(registry, CONFIGMAPS "ns/a");
    assert_non_null(after);
    assert_int_equal(after->revision, before->revision);
    assert_true(ke_str_eq(after->json, before->json));
    assert_null(test_object_get(registry, CONFIGMAPS "ns/b"));
    registry_free(registry);
}

static void revisions_go_on_above_all_that_were_given(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    int64_t last = test_object_put(registry, config("a", "1"));
    struct registry *crashed = open_after_crash();
    /* The crashed one cannot know how far it got: it goes on behind what was reserved. */
    assert_true(registry_revision(crashed) >= last + LIMIT_REVISION_BLOCK / 2);
    assert_true(test_object_put(crashed, config("a", "2")) > registry_oldest_revision(crashed));
    registry_free(crashed);
    registry_free(registry);
    registry = open_at("registry.db");
    assert_true(registry_revision(registry) > last);
    assert_true(registry_revision(registry) < last + 10); /* a clean stop wastes none */
    assert_true(test_object_put(registry, config("a", "2")) > last);
    registry_free(registry);
}

static void memory_kinds_take_no_revision_twice(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    int64_t last = 0;
    for (int i = 0; i < LIMIT_REVISION_BLOCK / BATCH + 2; i++)
        last = put_batch(registry, MODEL_LEASE);
    struct registry *crashed = open_after_crash();
    assert_true(registry_revision(crashed) > last);
    registry_free(crashed);
    registry_free(registry);
}

static void history_of_durable_kinds_survives_a_restart(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    int64_t start = registry_revision(registry);
    int64_t r1 = test_object_put(registry, config("a", "1"));
    int64_t r2 = test_object_put(registry, config("a", "2"));
    int64_t r3 = test_object_delete(registry, CONFIGMAPS "ns/a");
    int64_t r4 = test_object_put(registry, config("a", "3"));
    struct registry *crashed = open_after_crash();
    struct ke_err err = KE_ERR_INIT;
    struct ke_str prefixes[] = { KE_STR(CONFIGMAPS) };
    struct registry_history_query query = {
        .prefixes = prefixes, .n_prefixes = 1, .after = start, .max = 8
    };
    struct registry_change changes[8];
    size_t n = 0;
    int64_t through = 0;
    assert_int_equal(registry_history(crashed, &query, changes, &n, &through, &err), KE_OK);
    assert_int_equal(n, 4);
    int64_t revisions[] = { r1, r2, r3, r4 };
    const char *values[] = { "1", "2", "2", "3" };
    const char *previous[] = { NULL, "1", "2", NULL };
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(changes[i].revision, revisions[i]);
        assert_int_equal(changes[i].object->revision, revisions[i]);
        assert_int_equal(changes[i].type, i == 2 ? REGISTRY_DELETE : REGISTRY_PUT);
        assert_string_equal(test_object_value(changes[i].object), values[i]);
        if (previous[i] != NULL)
            assert_string_equal(test_object_value(changes[i].previous), previous[i]);
        else
            assert_null(changes[i].previous);
        registry_change_clear(&changes[i]);
    }
    struct registry_list list;
    assert_int_equal(registry_list(crashed, KE_STR(CONFIGMAPS), r2, KE_STR(""), 0, &list, &err),
                     KE_OK);
    assert_int_equal(list.n_objects, 1);
    assert_string_equal(test_object_value(list.objects[0]), "2");
    registry_list_free(&list);
    registry_free(crashed);
    registry_free(registry);
}

static void history_of_other_kinds_ends_with_a_restart(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, config("a", "1"));
    int64_t last = test_object_put(registry, config("a", "2"));
    assert_int_equal(history_reaches(registry, "/registry/events/", last), KE_OK);
    registry_free(registry);
    registry = open_at("registry.db");
    assert_int_equal(history_reaches(registry, CONFIGMAPS, last), KE_OK);
    assert_int_equal(history_reaches(registry, CONFIGMAPS "ns/", last), KE_OK);
    assert_int_equal(history_reaches(registry, "/registry/events/", last), KE_GONE);
    assert_int_equal(history_reaches(registry, "/registry/leases/ns/", last), KE_GONE);
    assert_int_equal(history_reaches(registry, "", last), KE_GONE);
    assert_int_equal(history_reaches(registry, "/registry/events/", registry_revision(registry)),
                     KE_OK);
    registry_free(registry);
}

static void history_on_disk_is_trimmed(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct sqlite_registry_options options = { .history_bytes = 16U << 10 };
    struct registry *registry = NULL;
    const char *path = test_tmpdir_path(&tmpdir, "registry.db");
    assert_int_equal(sqlite_registry_open(path, &options, &registry, &err), KE_OK);
    for (int i = 0; i < 30; i++)
        (void)put_batch(registry, MODEL_CONFIGMAP);
    registry_free(registry);
    sqlite3 *handle = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(test_tmpdir_path(&tmpdir, "registry.db"), &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, "SELECT count(*) FROM event", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int n = sqlite3_column_int(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(handle);
    assert_in_range(n, 1, 400);
}

/* ---- durabilities ---------------------------------------------------------------------------- */

static void durable_write_is_on_disk_when_answered(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, config("a", "1"));
    struct registry *crashed = open_after_crash();
    assert_value(crashed, CONFIGMAPS "ns/a", "1");
    registry_free(crashed);
    registry_free(registry);
}

static void wait_for_writes(struct registry *registry, uint64_t before)
{
    int64_t deadline_ns = ke_now_ns() + DEADLINE_NS;
    while (registry_bytes_written(registry) == before) {
        assert_true(ke_now_ns() < deadline_ns);
        (void)sched_yield();
    }
}

static void lazy_write_is_on_disk_soon_without_another(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    uint64_t before = registry_bytes_written(registry);
    (void)test_object_put(registry, test_object(MODEL_EVENT, "ns", "e", "1"));
    (void)test_object_put(registry, test_object(MODEL_EVENT, "ns", "gone", "1"));
    (void)test_object_delete(registry, "/registry/events/ns/gone");
    int64_t begin_ns = ke_now_ns();
    wait_for_writes(registry, before);
    assert_true(ke_now_ns() - begin_ns < 5 * KE_S);
    struct registry *crashed = open_after_crash();
    assert_value(crashed, "/registry/events/ns/e", "1");
    assert_null(test_object_get(crashed, "/registry/events/ns/gone"));
    registry_free(crashed);
    registry_free(registry);
}

static void lazy_writes_are_flushed_by_stop(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    for (int i = 0; i < 2500; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "e%d", i);
        (void)test_object_put(registry, test_object(MODEL_EVENT, "ns", name, "1"));
    }
    registry_free(registry);
    registry = open_at("registry.db");
    assert_value(registry, "/registry/events/ns/e0", "1");
    assert_value(registry, "/registry/events/ns/e2499", "1");
    registry_free(registry);
}

static void memory_kinds_never_touch_the_disk(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, test_object(MODEL_LEASE, "ns", "l", "0"));
    (void)test_object_put(registry, test_object(MODEL_LEASE, "ns", "l", "0"));
    uint64_t before = registry_bytes_written(registry);
    for (int i = 0; i < 500; i++)
        (void)test_object_put(registry, test_object(MODEL_LEASE, "ns", "l", "1"));
    assert_int_equal(registry_bytes_written(registry), before);
    assert_value(registry, "/registry/leases/ns/l", "1");
    registry_free(registry);
    registry = open_at("registry.db");
    assert_null(test_object_get(registry, "/registry/leases/ns/l"));
    registry_free(registry);
}

static void object_that_becomes_lazy_leaves_no_durable_row(void **state)
{
    (void)state;
    const char *made =
        "{\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\"},\"data\":{\"value\":\"1\"}}";
    const char *derived =
        "{\"metadata\":{\"name\":\"e\",\"namespace\":\"ns\",\"labels\":{"
        "\"endpoints.kubernetes.io/managed-by\":\"endpoint-controller\"}},\"data\":{\"value\":\"2\"}}";
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, test_object_json(MODEL_ENDPOINTS, made));
    (void)test_object_put(registry, test_object_json(MODEL_ENDPOINTS, derived));
    (void)test_object_put(registry, test_object_json(MODEL_ENDPOINTS, made));
    struct registry *crashed = open_after_crash();
    assert_value(crashed, "/registry/services/endpoints/ns/e", "1");
    registry_free(crashed);
    (void)test_object_delete(registry, "/registry/services/endpoints/ns/e");
    crashed = open_after_crash();
    assert_null(test_object_get(crashed, "/registry/services/endpoints/ns/e"));
    registry_free(crashed);
    registry_free(registry);
}

static void idle_registry_writes_nothing(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, config("a", "1"));
    /* When this is answered the writer has turned since. */
    (void)test_object_put(registry, test_object(MODEL_LEASE, "ns", "l", "1"));
    uint64_t before = registry_bytes_written(registry);
    struct stat db;
    struct stat log;
    assert_int_equal(stat(test_tmpdir_path(&tmpdir, "registry.db"), &db), 0);
    assert_int_equal(stat(test_tmpdir_path(&tmpdir, "registry.db-wal"), &log), 0);
    for (int i = 0; i < 100; i++)
        (void)test_object_put(registry, test_object(MODEL_LEASE, "ns", "l", "1"));
    struct stat now;
    assert_int_equal(stat(test_tmpdir_path(&tmpdir, "registry.db"), &now), 0);
    assert_int_equal(now.st_mtim.tv_nsec, db.st_mtim.tv_nsec);
    assert_int_equal(stat(test_tmpdir_path(&tmpdir, "registry.db-wal"), &now), 0);
    assert_int_equal(now.st_mtim.tv_nsec, log.st_mtim.tv_nsec);
    assert_int_equal(registry_bytes_written(registry), before);
    registry_free(registry);
}

/* ---- grouping -------------------------------------------------------------------------------- */

#define N_CLIENTS 64
#define N_CREATES 40

struct client {
    struct registry *registry;
    struct ke_thread thread;
    int number;
    int n_created;
};

static void create_many(void *ctx)
{
    struct client *client = ctx;
    for (int i = 0; i < N_CREATES; i++) {
        char name[32];
        char key[64];
        (void)snprintf(name, sizeof(name), "c%d-%d", client->number, i);
        (void)snprintf(key, sizeof(key), CONFIGMAPS "ns/%s", name);
        if (test_object_commit(client->registry, key, REGISTRY_ABSENT, config(name, "x")) == KE_OK)
            client->n_created++;
    }
}

static void concurrent_creates_are_grouped(void **state)
{
    (void)state;
    static struct client clients[N_CLIENTS];
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = open_at("registry.db");
    for (int i = 0; i < N_CLIENTS; i++) {
        clients[i] = (struct client){ .registry = registry, .number = i };
        assert_int_equal(
            ke_thread_start(&clients[i].thread, "client", create_many, &clients[i], &err), KE_OK);
    }
    for (int i = 0; i < N_CLIENTS; i++) {
        ke_thread_join(&clients[i].thread);
        assert_int_equal(clients[i].n_created, N_CREATES);
    }
    struct sqlite_registry_stats stats;
    sqlite_registry_get_stats(registry, &stats);
    assert_int_equal(stats.n_batches, N_CLIENTS * N_CREATES);
    print_message("average group: %.1f\n", (double)stats.n_batches / (double)stats.n_groups);
    assert_true(stats.n_batches > 8 * stats.n_groups);
    registry_free(registry);
}

/* ---- the queue ------------------------------------------------------------------------------- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    bool is_open;
    atomic_int n_ok;
    atomic_int n_limit;
    atomic_int n_other;
};

/* Holds the writer where it is until the gate opens. */
static void hold(void *ctx, const struct registry_result *result)
{
    struct gate *gate = ctx;
    (void)result;
    (void)pthread_mutex_lock(&gate->lock);
    gate->is_held = true;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open)
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    (void)pthread_mutex_unlock(&gate->lock);
}

static void count(void *ctx, const struct registry_result *result)
{
    struct gate *gate = ctx;
    if (result->code == KE_OK)
        atomic_fetch_add(&gate->n_ok, 1);
    else if (result->code == KE_LIMIT)
        atomic_fetch_add(&gate->n_limit, 1);
    else
        atomic_fetch_add(&gate->n_other, 1);
}

static void full_queue_refuses_and_stop_finishes_what_was_queued(void **state)
{
    (void)state;
    struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct registry *registry = open_at("registry.db");
    struct registry_op op = { KE_STR(CONFIGMAPS "ns/a"), REGISTRY_ANY, config("a", "0") };
    registry_commit(registry, &op, 1, hold, &gate);
    (void)pthread_mutex_lock(&gate.lock);
    while (!gate.is_held)
        (void)pthread_cond_wait(&gate.changed, &gate.lock);
    (void)pthread_mutex_unlock(&gate.lock);
    for (int i = 0; i < LIMIT_COMMIT_QUEUE + 5; i++) {
        op.object = config("a", "1");
        registry_commit(registry, &op, 1, count, &gate);
    }
    assert_int_equal(gate.n_limit, 5);
    (void)pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    (void)pthread_cond_broadcast(&gate.changed);
    (void)pthread_mutex_unlock(&gate.lock);
    registry_stop(registry);
    assert_int_equal(gate.n_ok, LIMIT_COMMIT_QUEUE);
    assert_int_equal(gate.n_other, 0);
    registry_free(registry);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Opening fails with the code and a message with the path and part; the file stays as it was. */
static void assert_refused(const char *name, enum ke_code code, const char *part)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    ke_auto_buf before = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_buf after = KE_BUF_INIT(LIMIT_FILE_BYTES);
    const char *path = test_tmpdir_path(&tmpdir, name);
    assert_int_equal(ke_file_read(path, &before, &err), KE_OK);
    assert_int_equal(sqlite_registry_open(path, NULL, &registry, &err), code);
    assert_non_null(strstr(err.msg, name));
    if (strstr(err.msg, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.msg, part);
    assert_int_equal(ke_file_read(path, &after, &err), KE_OK);
    assert_true(ke_str_eq(ke_buf_str(&before), ke_buf_str(&after)));
}

static void write_file(const char *name, struct ke_str bytes)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_file_write(test_tmpdir_path(&tmpdir, name), bytes, 0600, &err), KE_OK);
}

static void run_sql(const char *name, const char *sql)
{
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(test_tmpdir_path(&tmpdir, name), &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static void file_that_is_no_registry_is_left_alone(void **state)
{
    (void)state;
    write_file("notes.txt", KE_STR("remember the milk\n"));
    assert_refused("notes.txt", KE_MALFORMED, "not a registry");
    run_sql("other.db", "CREATE TABLE t(x); PRAGMA application_id = 42;");
    assert_refused("other.db", KE_MALFORMED, "another program");
    registry_free(open_at("newer.db"));
    run_sql("newer.db", "PRAGMA user_version = 9;");
    assert_refused("newer.db", KE_INVALID, "newer kedge");
}

static void damaged_file_is_left_alone(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    for (int i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%d", i);
        (void)test_object_put(registry, config(name, "some value to fill pages with, and more"));
    }
    registry_free(registry);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf bytes = KE_BUF_INIT(LIMIT_FILE_BYTES);
    const char *path = test_tmpdir_path(&tmpdir, "registry.db");
    assert_int_equal(ke_file_read(path, &bytes, &err), KE_OK);
    assert_true(bytes.len > 20 * 4096);
    memset(bytes.ptr + 5 * 4096, 0xa5, 8 * 4096); /* some pages of the middle */
    write_file("damaged.db", ke_buf_str(&bytes));
    assert_refused("damaged.db", KE_MALFORMED, "damaged");
    write_file("short.db", ke_str_of(bytes.ptr, 50));
    assert_refused("short.db", KE_MALFORMED, "short.db");
    write_file("cut.db", ke_str_of(bytes.ptr, 3 * 4096));
    assert_refused("cut.db", KE_MALFORMED, "damaged");
    run_sql("registry.db", "UPDATE state SET value = '{\"kind\":' WHERE key LIKE '%c7'");
    assert_refused("registry.db", KE_MALFORMED, "/ns/c7");
}

/* Overwrites what holds the keys' index, which a start does not read by itself. */
static void damage_index(struct ke_buf *bytes)
{
    unsigned n = 0;
    for (size_t at = 4096; at + 4096 <= bytes->len; at += 4096) {
        if (bytes->ptr[at] == 0x0a && bytes->ptr[at + 4] > 0) { /* a leaf with many cells */
            memset(bytes->ptr + at + 8, 0xee, 64);
            n++;
        }
    }
    assert_true(n > 0);
}

static void file_is_checked_after_a_stop_that_was_not_clean(void **state)
{
    (void)state;
    struct registry *registry = open_at("registry.db");
    for (int i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%d", i);
        (void)test_object_put(registry, config(name, "x"));
    }
    registry_free(registry);
    run_sql("registry.db", "UPDATE meta SET value = 0 WHERE name = 1"); /* not closed cleanly */
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf bytes = KE_BUF_INIT(LIMIT_FILE_BYTES);
    const char *path = test_tmpdir_path(&tmpdir, "registry.db");
    assert_int_equal(ke_file_read(path, &bytes, &err), KE_OK);
    write_file("whole.db", ke_buf_str(&bytes));
    damage_index(&bytes);
    write_file("damaged.db", ke_buf_str(&bytes));
    assert_refused("damaged.db", KE_MALFORMED, "damaged");
    registry_free(open_at("whole.db"));
}

static void empty_file_becomes_a_registry(void **state)
{
    (void)state;
    write_file("registry.db", KE_STR(""));
    struct registry *registry = open_at("registry.db");
    (void)test_object_put(registry, config("a", "1"));
    registry_free(registry);
    struct stat st;
    assert_int_equal(stat(test_tmpdir_path(&tmpdir, "registry.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void second_process_is_told_that_it_is_in_use(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry *second = NULL;
    struct registry *registry = open_at("registry.db");
    const char *path = test_tmpdir_path(&tmpdir, "registry.db");
    assert_int_equal(sqlite_registry_open(path, NULL, &second, &err), KE_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "in use"));
    (void)test_object_put(registry, config("a", "1"));
    registry_free(registry);
}

static void missing_folder_is_an_error_that_names_it(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    const char *path = test_tmpdir_path(&tmpdir, "missing/registry.db");
    assert_int_equal(sqlite_registry_open(path, NULL, &registry, &err), KE_IO);
    assert_int_equal(err.sys, ENOENT);
    assert_non_null(strstr(err.msg, "missing/registry.db"));
}

static void rows_of_unknown_kinds_are_kept(void **state)
{
    (void)state;
    registry_free(open_at("registry.db"));
    run_sql("registry.db", "INSERT INTO state(key, revision, value)"
                           " VALUES('/registry/futures/ns/a', 3, '{\"kind\":\"Future\"}')");
    struct registry *registry = open_at("registry.db");
    assert_null(test_object_get(registry, "/registry/futures/ns/a"));
    (void)test_object_put(registry, config("a", "1"));
    registry_free(registry);
    sqlite3 *handle = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(test_tmpdir_path(&tmpdir, "registry.db"), &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, "SELECT count(*) FROM state", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 2);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(handle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_survive_a_restart_byte_for_byte),
        TEST(revisions_go_on_above_all_that_were_given),
        TEST(memory_kinds_take_no_revision_twice),
        TEST(history_of_durable_kinds_survives_a_restart),
        TEST(history_of_other_kinds_ends_with_a_restart),
        TEST(history_on_disk_is_trimmed),
        TEST(durable_write_is_on_disk_when_answered),
        TEST(lazy_write_is_on_disk_soon_without_another),
        TEST(lazy_writes_are_flushed_by_stop),
        TEST(memory_kinds_never_touch_the_disk),
        TEST(object_that_becomes_lazy_leaves_no_durable_row),
        TEST(idle_registry_writes_nothing),
        TEST(concurrent_creates_are_grouped),
        TEST(full_queue_refuses_and_stop_finishes_what_was_queued),
        TEST(file_that_is_no_registry_is_left_alone),
        TEST(damaged_file_is_left_alone),
        TEST(file_is_checked_after_a_stop_that_was_not_clean),
        TEST(empty_file_becomes_a_registry),
        TEST(second_process_is_told_that_it_is_in_use),
        TEST(missing_folder_is_an_error_that_names_it),
        TEST(rows_of_unknown_kinds_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
