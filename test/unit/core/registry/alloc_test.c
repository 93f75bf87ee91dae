/* SPDX-License-Identifier: Apache-2.0 */
/* Running out of memory at any point leaves the registry as it was, and says so. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/loop.h"
#include "core/watch/reflector.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"
#include "test/support/mem_registry.h"
#include "test/support/objects.h"

#define KEY     "/registry/configmaps/ns/"
#define MAX_NTH 2000

static struct registry *registry_of(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = mem_registry_new(NULL, &err);
    assert_non_null(registry);
    return registry;
}

static struct registry_object *config(const char *name, const char *value)
{
    return test_object(MODEL_CONFIGMAP, "ns", name, value);
}

static void object_is_built_or_not(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = cJSON_Parse("{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"labels\":"
                              "{\"x\":\"y\"}},\"spec\":{\"nodeName\":\"n\"}}");
    size_t n = 1;
    for (;; n++) {
        struct registry_object *object = NULL;
        test_alloc_fail_at(n);
        enum ke_code rc = registry_object_new(model_kind_by_id(MODEL_POD), json, &object, &err);
        bool has_failed = test_alloc_end();
        registry_object_unref(object);
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
        assert_null(object);
        assert_true(n < MAX_NTH);
    }
    assert_true(n > 1);
    cJSON_Delete(json);
}

/* A batch of a put, a replacement and a delete. */
static enum ke_code commit_batch(struct registry *registry, size_t fail_at, bool *out_has_failed)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_op ops[] = {
        { KE_STR(KEY "new"), REGISTRY_ABSENT, config("new", "1") },
        { KE_STR(KEY "old"), REGISTRY_ANY, config("old", "2") },
        { KE_STR(KEY "gone"), REGISTRY_ANY, NULL },
    };
    test_alloc_fail_at(fail_at);
    enum ke_code rc = registry_commit_wait(registry, ops, 3, NULL, &err);
    *out_has_failed = test_alloc_end();
    return rc;
}

static void commit_is_done_whole_or_not_at_all(void **state)
{
    (void)state;
    size_t n = 1;
    for (;; n++) {
        struct registry *registry = registry_of();
        (void)test_object_put(registry, config("old", "1"));
        (void)test_object_put(registry, config("gone", "1"));
        int64_t before = registry_revision(registry);
        bool has_failed = false;
        enum ke_code rc = commit_batch(registry, n, &has_failed);
        ke_auto_object *new = test_object_get(registry, KEY "new");
        ke_auto_object *old = test_object_get(registry, KEY "old");
        ke_auto_object *gone = test_object_get(registry, KEY "gone");
        bool is_done = rc == KE_OK;
        assert_int_equal(new != NULL, is_done);
        assert_int_equal(gone == NULL, is_done);
        assert_string_equal(test_object_value(old), is_done ? "2" : "1");
        assert_int_equal(registry_revision(registry), is_done ? before + 3 : before);
        if (!is_done) /* nothing stays behind that would disturb the next */
            assert_int_equal(commit_batch(registry, SIZE_MAX, &is_done), KE_OK);
        registry_free(registry);
        if (!has_failed)
            break;
        assert_int_equal(rc, KE_NOMEM);
        assert_true(n < MAX_NTH);
    }
    assert_true(n > 1);
}

static void list_of_the_past_fails_cleanly(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = registry_of();
    for (int i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%d", i);
        (void)test_object_put(registry, config(name, "1"));
    }
    int64_t at = registry_revision(registry);
    for (int i = 0; i < 20; i++)
        (void)test_object_put(registry, config("c1", "2"));
    size_t n = 1;
    for (;; n++) {
        struct registry_list list = { 0 };
        test_alloc_fail_at(n);
        enum ke_code rc = registry_list(registry, KE_STR(KEY), at, KE_STR(""), 0, &list, &err);
        bool has_failed = test_alloc_end();
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            assert_int_equal(list.n_objects, 40);
            registry_list_free(&list);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
        assert_true(n < MAX_NTH);
    }
    assert_true(n > 1);
    registry_free(registry);
}

static void on_wake(void *ctx)
{
    (void)ctx;
}

static void stream_is_opened_or_leaves_nothing(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = registry_of();
    struct watch_hub *hub = watch_hub_new(registry, &err);
    assert_non_null(hub);
    size_t n = 1;
    for (;; n++) {
        struct watch_stream *stream = NULL;
        test_alloc_fail_at(n);
        enum ke_code rc = watch_stream_open(hub, KE_STR(KEY), registry_revision(registry), on_wake,
                                            NULL, &stream, &err);
        bool has_failed = test_alloc_end();
        watch_stream_close(stream);
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
        assert_true(n < MAX_NTH);
    }
    assert_true(n > 1);
    watch_hub_free(hub); /* asserts that no stream is left */
    registry_free(registry);
}

/* ---- the reflector: gets there in the end -----------------------------------------------------
 */

struct seen {
    int n_puts;
    int n_deletes;
    int64_t batch;
};

static void on_put(void *ctx, const struct registry_object *object,
                   const struct registry_object *old)
{
    (void)object;
    (void)old;
    ((struct seen *)ctx)->n_puts++;
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    (void)object;
    ((struct seen *)ctx)->n_deletes++;
}

static void on_synced(void *ctx)
{
    (void)ctx;
}

static void on_batch(void *ctx, int64_t revision)
{
    ((struct seen *)ctx)->batch = revision;
}

static const struct watch_handler handler = {
    .on_put = on_put, .on_delete = on_delete, .on_synced = on_synced, .on_batch = on_batch
};

static void reflector_delivers_each_object_once_after_a_failure(void **state)
{
    (void)state;
    static const enum model_kind_id kinds[] = { MODEL_CONFIGMAP, MODEL_SECRET };
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = registry_of();
    struct watch_hub *hub = watch_hub_new(registry, &err);
    struct ke_loop *loop = ke_loop_new(&err);
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("b", "1"));
    /* A failed list is tried again after a moment: only some of its allocations, to be quick. */
    for (size_t n = 1; n <= 5; n++) {
        struct seen seen = { 0 };
        struct watch_reflector *reflector = NULL;
        assert_int_equal(
            watch_reflector_new(hub, loop, kinds, 2, &handler, &seen, &reflector, &err), KE_OK);
        watch_reflector_start(reflector);
        test_alloc_fail_at(n);
        ke_loop_turn(loop, 0);
        assert_true(test_alloc_end());
        while (seen.batch == 0)
            ke_loop_turn(loop, 1000);
        assert_int_equal(seen.n_puts, 2);
        assert_int_equal(seen.n_deletes, 0);
        watch_reflector_free(reflector);
    }
    ke_loop_free(loop);
    watch_hub_free(hub);
    registry_free(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_is_built_or_not),
        cmocka_unit_test(commit_is_done_whole_or_not_at_all),
        cmocka_unit_test(list_of_the_past_fails_cleanly),
        cmocka_unit_test(stream_is_opened_or_leaves_nothing),
        cmocka_unit_test(reflector_delivers_each_object_once_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
