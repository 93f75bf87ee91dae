/* SPDX-License-Identifier: Apache-2.0 */
/* The registry contract, against each implementation. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/thread.h"
#include "test/support/mem_registry.h"
#include "test/support/objects.h"
#include "test/support/registries.h"

#define CM(name) "/registry/configmaps/ns/" name

static struct registry_object *config(const char *name, const char *value)
{
    return test_object(MODEL_CONFIGMAP, "ns", name, value);
}

/* "a=1 b=2" of a list; with the values of the objects. */
static const char *list_text(struct registry *registry, const char *prefix, int64_t at,
                             const char *start_after, size_t limit)
{
    static char text[4096];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text) - 1);
    struct ke_err err = KE_ERR_INIT;
    struct registry_list list;
    memset(text, 0, sizeof(text));
    enum ke_code rc =
        registry_list(registry, ke_str_c(prefix), at, ke_str_c(start_after), limit, &list, &err);
    if (rc != KE_OK)
        return ke_code_name(rc);
    for (size_t i = 0; i < list.n_objects; i++)
        ke_buf_addf(&buf, "%s%.*s=%s", i > 0 ? " " : "", KE_STR_ARG(list.objects[i]->name),
                    test_object_value(list.objects[i]));
    if (list.n_remaining > 0)
        ke_buf_addf(&buf, " +%zu", list.n_remaining);
    registry_list_free(&list);
    return text;
}

static void what_is_put_is_got_with_its_revision(void **state)
{
    struct registry *registry = *state;
    assert_null(test_object_get(registry, CM("a")));
    int64_t revision = test_object_put(registry, config("a", "1"));
    ke_auto_object *object = test_object_get(registry, CM("a"));
    assert_non_null(object);
    assert_int_equal(object->revision, revision);
    assert_string_equal(test_object_value(object), "1");
    assert_int_equal(registry_revision(registry), revision);
}

static void revisions_grow_strictly_and_begin_above_zero(void **state)
{
    struct registry *registry = *state;
    int64_t last = registry_revision(registry);
    assert_true(last > 0);
    for (int i = 0; i < 100; i++) {
        int64_t revision = i % 3 == 2 ? test_object_delete(registry, CM("a"))
                                      : test_object_put(registry, config("a", "x"));
        assert_true(revision > last);
        last = revision;
    }
}

static void expectations_are_checked(void **state)
{
    struct registry *registry = *state;
    assert_int_equal(test_object_commit(registry, CM("a"), 5, config("a", "1")), KE_NOT_FOUND);
    assert_int_equal(test_object_commit(registry, CM("a"), REGISTRY_ANY, NULL), KE_NOT_FOUND);
    assert_int_equal(test_object_commit(registry, CM("a"), REGISTRY_ABSENT, config("a", "1")),
                     KE_OK);
    int64_t first = registry_revision(registry);
    assert_int_equal(test_object_commit(registry, CM("a"), REGISTRY_ABSENT, config("a", "2")),
                     KE_EXISTS);
    assert_int_equal(test_object_commit(registry, CM("a"), first, config("a", "2")), KE_OK);
    assert_int_equal(test_object_commit(registry, CM("a"), first, config("a", "3")), KE_CONFLICT);
    assert_int_equal(test_object_commit(registry, CM("a"), first, NULL), KE_CONFLICT);
    ke_auto_object *object = test_object_get(registry, CM("a"));
    assert_string_equal(test_object_value(object), "2");
    assert_int_equal(test_object_commit(registry, CM("a"), object->revision, NULL), KE_OK);
    assert_null(test_object_get(registry, CM("a")));
}

static void batch_is_done_whole_or_not_at_all(void **state)
{
    struct registry *registry = *state;
    struct ke_err err = KE_ERR_INIT;
    (void)test_object_put(registry, config("c", "old"));
    int64_t before = registry_revision(registry);
    struct registry_op ops[] = {
        { KE_STR(CM("a")), REGISTRY_ABSENT, config("a", "1") },
        { KE_STR(CM("c")), REGISTRY_ANY, NULL },
        { KE_STR(CM("b")), 77, config("b", "1") },
    };
    assert_int_equal(registry_commit_wait(registry, ops, 3, NULL, &err), KE_NOT_FOUND);
    assert_string_equal(list_text(registry, "/registry/configmaps/", 0, "", 0), "c=old");
    assert_int_equal(registry_revision(registry), before);
    ops[0].object = config("a", "1");
    ops[2] = (struct registry_op){ KE_STR(CM("b")), REGISTRY_ABSENT, config("b", "1") };
    int64_t revision = 0;
    assert_int_equal(registry_commit_wait(registry, ops, 3, &revision, &err), KE_OK);
    assert_string_equal(list_text(registry, "/registry/configmaps/", 0, "", 0), "a=1 b=1");
    assert_int_equal(revision, registry_revision(registry));
}

static void later_op_of_a_batch_sees_the_earlier(void **state)
{
    struct registry *registry = *state;
    struct ke_err err = KE_ERR_INIT;
    struct registry_op ops[] = {
        { KE_STR(CM("a")), REGISTRY_ABSENT, config("a", "1") },
        { KE_STR(CM("a")), REGISTRY_ANY, NULL },
        { KE_STR(CM("a")), REGISTRY_ABSENT, config("a", "2") },
    };
    assert_int_equal(registry_commit_wait(registry, ops, 3, NULL, &err), KE_OK);
    assert_string_equal(list_text(registry, "/registry/configmaps/", 0, "", 0), "a=2");
}

struct seen {
    pthread_mutex_t lock;
    size_t n_observed;
    size_t n_observed_when_done;
    size_t n_objects;
    int64_t last;
    bool is_in_order;
    size_t failed_op;
    enum ke_code code;
    bool is_done;
    pthread_cond_t changed;
};

static void observe(void *ctx, const struct registry_change *changes, size_t n)
{
    struct seen *seen = ctx;
    (void)pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < n; i++) {
        if (changes[i].revision <= seen->last || changes[i].object->revision != changes[i].revision)
            seen->is_in_order = false;
        seen->last = changes[i].revision;
    }
    seen->n_observed += n;
    (void)pthread_mutex_unlock(&seen->lock);
}

static void on_done(void *ctx, const struct registry_result *result)
{
    struct seen *seen = ctx;
    (void)pthread_mutex_lock(&seen->lock);
    seen->n_observed_when_done = seen->n_observed;
    seen->n_objects = result->n_objects;
    seen->failed_op = result->failed_op;
    seen->code = result->code;
    seen->is_done = true;
    (void)pthread_cond_broadcast(&seen->changed);
    (void)pthread_mutex_unlock(&seen->lock);
}

static void wait_done(struct seen *seen)
{
    (void)pthread_mutex_lock(&seen->lock);
    while (!seen->is_done)
        (void)pthread_cond_wait(&seen->changed, &seen->lock);
    seen->is_done = false;
    (void)pthread_mutex_unlock(&seen->lock);
}

static void observer_is_told_in_order_before_the_answer(void **state)
{
    struct registry *registry = *state;
    struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER,
                         .is_in_order = true };
    registry_set_observer(registry, observe, &seen);
    struct registry_op ops[] = {
        { KE_STR(CM("a")), REGISTRY_ABSENT, config("a", "1") },
        { KE_STR(CM("b")), REGISTRY_ABSENT, config("b", "1") },
        { KE_STR(CM("a")), REGISTRY_ANY, NULL },
    };
    registry_commit(registry, ops, 3, on_done, &seen);
    wait_done(&seen);
    assert_int_equal(seen.n_observed_when_done, 3);
    assert_int_equal(seen.n_objects, 3);
    assert_true(seen.is_in_order);
    struct registry_op bad[] = {
        { KE_STR(CM("c")), REGISTRY_ABSENT, config("c", "1") },
        { KE_STR(CM("b")), REGISTRY_ABSENT, config("b", "1") },
    };
    registry_commit(registry, bad, 2, on_done, &seen);
    wait_done(&seen);
    assert_int_equal(seen.code, KE_EXISTS);
    assert_int_equal(seen.failed_op, 1);
    assert_int_equal(seen.n_observed, 3);
    registry_set_observer(registry, NULL, NULL);
}

static void prefixes_end_at_their_slash(void **state)
{
    struct registry *registry = *state;
    (void)test_object_put(registry, test_object(MODEL_POD, "ns", "a", "pod"));
    (void)test_object_put(registry, test_object(MODEL_POD, "ns", "ab", "pod2"));
    (void)test_object_put(registry, test_object(MODEL_POD, "ns2", "a", "other"));
    (void)test_object_put(registry, test_object(MODEL_SERVICE, "ns", "a", "service"));
    (void)test_object_put(registry, test_object(MODEL_ENDPOINTS, "ns", "a", "endpoints"));
    assert_string_equal(list_text(registry, "/registry/pods/ns/", 0, "", 0), "a=pod ab=pod2");
    assert_string_equal(list_text(registry, "/registry/pods/", 0, "", 0), "a=pod ab=pod2 a=other");
    assert_string_equal(list_text(registry, "/registry/pods/ns/a", 0, "", 0), "a=pod");
    assert_string_equal(list_text(registry, "/registry/pod", 0, "", 0), "");
    assert_string_equal(list_text(registry, "/registry/services/", 0, "", 0),
                        "a=endpoints a=service");
    assert_string_equal(list_text(registry, "/registry/pods/ns/", 0, "", 1), "a=pod +1");
    assert_string_equal(list_text(registry, "/registry/pods/ns/", 0, "/registry/pods/ns/a", 0),
                        "ab=pod2");
}

static void list_at_a_revision_shows_what_was(void **state)
{
    struct registry *registry = *state;
    const char *prefix = "/registry/configmaps/";
    int64_t r1 = test_object_put(registry, config("b", "1"));
    int64_t r2 = test_object_put(registry, config("a", "1"));
    int64_t r3 = test_object_put(registry, config("b", "2"));
    int64_t r4 = test_object_delete(registry, CM("a"));
    int64_t r5 = test_object_put(registry, config("c", "1"));
    int64_t r6 = test_object_put(registry, config("a", "2"));
    (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "a", "no"));
    assert_string_equal(list_text(registry, prefix, r1, "", 0), "b=1");
    assert_string_equal(list_text(registry, prefix, r2, "", 0), "a=1 b=1");
    assert_string_equal(list_text(registry, prefix, r3, "", 0), "a=1 b=2");
    assert_string_equal(list_text(registry, prefix, r4, "", 0), "b=2");
    assert_string_equal(list_text(registry, prefix, r5, "", 0), "b=2 c=1");
    assert_string_equal(list_text(registry, prefix, r6, "", 0), "a=2 b=2 c=1");
    assert_string_equal(list_text(registry, prefix, r3, "", 1), "a=1 +1");
    assert_string_equal(list_text(registry, prefix, r3, CM("a"), 1), "b=2");
    assert_string_equal(list_text(registry, prefix, r6 + 100, "", 0), "TIMEOUT");
}

static void pages_are_one_snapshot(void **state)
{
    struct registry *registry = *state;
    const char *prefix = "/registry/configmaps/";
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("c", "1"));
    (void)test_object_put(registry, config("e", "1"));
    int64_t at = test_object_put(registry, config("g", "1"));
    assert_string_equal(list_text(registry, prefix, at, "", 2), "a=1 c=1 +2");
    (void)test_object_put(registry, config("d", "new"));
    (void)test_object_delete(registry, CM("e"));
    (void)test_object_put(registry, config("g", "changed"));
    assert_string_equal(list_text(registry, prefix, at, CM("c"), 1), "e=1 +1");
    assert_string_equal(list_text(registry, prefix, at, CM("e"), 1), "g=1");
    assert_string_equal(list_text(registry, prefix, 0, CM("c"), 2), "d=new g=changed");
}

/* "PUT a 1<- PUT a 2<1 DELETE a 2<2", through. */
static const char *history_text(struct registry *registry, const char *prefix, int64_t after,
                                size_t max, int64_t *through)
{
    static char text[4096];
    struct registry_change changes[16];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text) - 1);
    struct ke_err err = KE_ERR_INIT;
    struct ke_str prefixes[] = { ke_str_c(prefix) };
    struct registry_history_query query = {
        .prefixes = prefixes, .n_prefixes = 1, .after = after, .max = max
    };
    size_t n = 0;
    memset(text, 0, sizeof(text));
    assert_true(max <= KE_ARRAY_LEN(changes));
    enum ke_code rc = registry_history(registry, &query, changes, &n, through, &err);
    if (rc != KE_OK)
        return ke_code_name(rc);
    for (size_t i = 0; i < n; i++) {
        ke_buf_addf(&buf, "%s%s %.*s %s<", i > 0 ? " " : "",
                    changes[i].type == REGISTRY_PUT ? "PUT" : "DELETE",
                    KE_STR_ARG(changes[i].object->name), test_object_value(changes[i].object));
        ke_buf_add_c(&buf,
                     changes[i].previous != NULL ? test_object_value(changes[i].previous) : "-");
        assert_int_equal(changes[i].object->revision, changes[i].revision);
        registry_change_clear(&changes[i]);
    }
    return text;
}

static void history_holds_values_before_and_after(void **state)
{
    struct registry *registry = *state;
    const char *prefix = "/registry/configmaps/";
    int64_t start = registry_revision(registry);
    int64_t r1 = test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, test_object(MODEL_SECRET, "ns", "a", "no"));
    int64_t r3 = test_object_put(registry, config("a", "2"));
    int64_t r4 = test_object_delete(registry, CM("a"));
    int64_t r5 = test_object_put(registry, test_object(MODEL_SECRET, "ns", "b", "no"));
    int64_t through = 0;
    assert_string_equal(history_text(registry, prefix, start, 16, &through),
                        "PUT a 1<- PUT a 2<1 DELETE a 2<2");
    assert_int_equal(through, r5);
    assert_string_equal(history_text(registry, prefix, r1, 1, &through), "PUT a 2<1");
    assert_int_equal(through, r3);
    assert_string_equal(history_text(registry, prefix, r4, 16, &through), "");
    assert_int_equal(through, r5);
    assert_string_equal(history_text(registry, prefix, r5 + 50, 16, &through), "");
    assert_int_equal(through, r5 + 50);
}

static void history_is_bounded_and_says_so(void **state)
{
    struct registry *registry = *state;
    int64_t first = test_object_put(registry, config("a", "first"));
    for (int i = 0; i < 400; i++)
        (void)test_object_put(registry, config("a", "a value of some length to fill the history"));
    assert_true(registry_oldest_revision(registry) > first);
    int64_t through = 0;
    assert_string_equal(history_text(registry, "/registry/configmaps/", first, 1, &through),
                        "GONE");
    assert_string_equal(list_text(registry, "/registry/configmaps/", first, "", 0), "GONE");
    int64_t oldest = registry_oldest_revision(registry);
    assert_string_not_equal(history_text(registry, "/registry/configmaps/", oldest, 1, &through),
                            "GONE");
    assert_int_equal(through, oldest + 1);
}

static void commits_after_stop_are_refused(void **state)
{
    struct registry *registry = *state;
    (void)test_object_put(registry, config("a", "1"));
    registry_stop(registry);
    assert_int_equal(test_object_commit(registry, CM("b"), REGISTRY_ANY, config("b", "1")),
                     KE_UNAVAILABLE);
    assert_string_equal(list_text(registry, "/registry/configmaps/", 0, "", 0), "a=1");
}

/* ---- threads --------------------------------------------------------------------------------- */

#define N_WRITERS 4
#define N_PUTS    50

struct worker {
    struct registry *registry;
    struct ke_thread thread;
    int number;
    size_t n_won;
    _Atomic(bool) *is_over;
};

/* Adds one to the counter in an object, by compare and swap. */
static void count_up(void *ctx)
{
    struct worker *worker = ctx;
    while (worker->n_won < N_PUTS) {
        ke_auto_object *object = test_object_get(worker->registry, CM("counter"));
        uint64_t value = 0;
        if (!ke_str_to_u64(ke_str_c(test_object_value(object)), UINT32_MAX, &value))
            return;
        char next[24];
        (void)snprintf(next, sizeof(next), "%llu", (unsigned long long)value + 1);
        enum ke_code rc = test_object_commit(worker->registry, CM("counter"), object->revision,
                                             config("counter", next));
        if (rc == KE_OK)
            worker->n_won++;
        else if (rc != KE_CONFLICT)
            return;
    }
}

/* A list must always be whole: the sum of all members of a batch is constant. */
static void read_lists(void *ctx)
{
    struct worker *worker = ctx;
    while (!atomic_load(worker->is_over)) {
        struct ke_err err = KE_ERR_INIT;
        struct registry_list list;
        if (registry_list(worker->registry, KE_STR("/registry/secrets/"), 0, KE_STR(""), 0, &list,
                          &err) != KE_OK)
            return;
        size_t n = list.n_objects;
        char left[32] = "";
        if (n == 2)
            (void)snprintf(left, sizeof(left), "%s", test_object_value(list.objects[0]));
        if (n == 2 && strcmp(left, test_object_value(list.objects[1])) == 0)
            worker->n_won++;
        else if (n != 0)
            worker->number = -1;
        registry_list_free(&list);
    }
}

static void concurrent_writers_lose_no_update(void **state)
{
    struct registry *registry = *state;
    struct ke_err err = KE_ERR_INIT;
    (void)test_object_put(registry, config("counter", "0"));
    struct worker workers[N_WRITERS] = { 0 };
    for (int i = 0; i < N_WRITERS; i++) {
        workers[i].registry = registry;
        assert_int_equal(ke_thread_start(&workers[i].thread, "writer", count_up, &workers[i], &err),
                         KE_OK);
    }
    for (int i = 0; i < N_WRITERS; i++) {
        ke_thread_join(&workers[i].thread);
        assert_int_equal(workers[i].n_won, N_PUTS);
    }
    ke_auto_object *object = test_object_get(registry, CM("counter"));
    assert_string_equal(test_object_value(object), "200");
}

static void readers_see_batches_whole_while_they_are_written(void **state)
{
    struct registry *registry = *state;
    struct ke_err err = KE_ERR_INIT;
    _Atomic(bool) is_over = false;
    struct worker reader = { .registry = registry, .is_over = &is_over };
    assert_int_equal(ke_thread_start(&reader.thread, "reader", read_lists, &reader, &err), KE_OK);
    for (int i = 1; i <= 200; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "%d", i);
        struct registry_op ops[] = {
            { KE_STR("/registry/secrets/ns/a"), REGISTRY_ANY,
              test_object(MODEL_SECRET, "ns", "a", value) },
            { KE_STR("/registry/secrets/ns/b"), REGISTRY_ANY,
              test_object(MODEL_SECRET, "ns", "b", value) },
        };
        assert_int_equal(registry_commit_wait(registry, ops, 2, NULL, &err), KE_OK);
    }
    atomic_store(&is_over, true);
    ke_thread_join(&reader.thread);
    assert_int_equal(reader.number, 0);
}

static void many_keys_stay_in_order(void **state)
{
    struct registry *registry = *state;
    struct ke_err err = KE_ERR_INIT;
    enum { N = 2000 };
    struct registry_op *ops = calloc(N, sizeof(*ops));
    assert_non_null(ops);
    for (unsigned i = 0; i < N; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%u", (i * 7919) % N);
        ops[i].object = config(name, "x");
        ops[i].key = ops[i].object->key;
        ops[i].expected = REGISTRY_ABSENT;
    }
    assert_int_equal(registry_commit_wait(registry, ops, N, NULL, &err), KE_OK);
    free(ops);
    struct registry_list list;
    assert_int_equal(
        registry_list(registry, KE_STR("/registry/configmaps/ns/"), 0, KE_STR(""), 0, &list, &err),
        KE_OK);
    assert_int_equal(list.n_objects, N);
    for (size_t i = 1; i < N; i++)
        assert_true(ke_str_cmp(list.objects[i - 1]->key, list.objects[i]->key) < 0);
    struct registry_list page;
    assert_int_equal(registry_list(registry, KE_STR("/registry/configmaps/ns/"), 0,
                                   list.objects[499]->key, 500, &page, &err),
                     KE_OK);
    assert_int_equal(page.n_objects, 500);
    assert_int_equal(page.n_remaining, 1000);
    assert_ptr_equal(page.objects[0], list.objects[500]);
    registry_list_free(&page);
    registry_list_free(&list);
}

/* ---- age, by a clock that is moved ------------------------------------------------------------
 */

static int64_t test_now_ns;

static int64_t now_ns(void *ctx)
{
    (void)ctx;
    return test_now_ns;
}

static void history_forgets_what_is_too_old(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct ke_clock clock = { .now_ns = now_ns };
    struct mem_registry_options options = { .clock = &clock };
    struct registry *registry = mem_registry_new(&options, &err);
    assert_non_null(registry);
    int64_t start = registry_revision(registry);
    (void)test_object_put(registry, config("a", "1"));
    test_now_ns += LIMIT_HISTORY_MS * KE_MS;
    int64_t recent = test_object_put(registry, config("a", "2"));
    int64_t through = 0;
    assert_string_equal(history_text(registry, "/registry/configmaps/", start, 4, &through),
                        "PUT a 1<- PUT a 2<1");
    test_now_ns += KE_S;
    (void)test_object_put(registry, config("a", "3"));
    assert_string_equal(history_text(registry, "/registry/configmaps/", start, 4, &through),
                        "GONE");
    assert_string_equal(history_text(registry, "/registry/configmaps/", recent - 1, 4, &through),
                        "PUT a 2<1 PUT a 3<2");
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_got_with_its_revision),
        cmocka_unit_test(revisions_grow_strictly_and_begin_above_zero),
        cmocka_unit_test(expectations_are_checked),
        cmocka_unit_test(batch_is_done_whole_or_not_at_all),
        cmocka_unit_test(later_op_of_a_batch_sees_the_earlier),
        cmocka_unit_test(observer_is_told_in_order_before_the_answer),
        cmocka_unit_test(prefixes_end_at_their_slash),
        cmocka_unit_test(list_at_a_revision_shows_what_was),
        cmocka_unit_test(pages_are_one_snapshot),
        cmocka_unit_test(history_holds_values_before_and_after),
        cmocka_unit_test(history_is_bounded_and_says_so),
        cmocka_unit_test(commits_after_stop_are_refused),
        cmocka_unit_test(concurrent_writers_lose_no_update),
        cmocka_unit_test(readers_see_batches_whole_while_they_are_written),
        cmocka_unit_test(many_keys_stay_in_order),
    };
    const struct CMUnitTest memory_tests[] = {
        cmocka_unit_test(history_forgets_what_is_too_old),
    };
    return test_each_registry("registry", tests, KE_ARRAY_LEN(tests)) +
           cmocka_run_group_tests(memory_tests, NULL, NULL);
}
