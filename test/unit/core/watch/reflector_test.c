/* SPDX-License-Identifier: Apache-2.0 */
/* List, then watch; and list again after a cut; against each registry. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/watch/reflector.h"
#include "test/support/objects.h"
#include "test/support/registries.h"

#define DEADLINE_NS (10 * KE_S)

struct fixture {
    struct registry *registry;
    struct watch_hub *hub;
    struct ke_loop *loop;
    struct watch_reflector *reflector;
    struct ke_buf text;
    char memory[8192];
    int n_synced;
    int64_t batch; /* revision of the last */
};

static void on_put(void *ctx, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct fixture *f = ctx;
    ke_buf_addf(&f->text, "+%.*s=%s", KE_STR_ARG(object->name), test_object_value(object));
    ke_buf_addf(&f->text, "<%s ", old != NULL ? test_object_value(old) : "-");
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    struct fixture *f = ctx;
    ke_buf_addf(&f->text, "-%.*s=%s ", KE_STR_ARG(object->name), test_object_value(object));
}

static void on_synced(void *ctx)
{
    struct fixture *f = ctx;
    f->n_synced++;
}

static void on_batch(void *ctx, int64_t revision)
{
    struct fixture *f = ctx;
    assert_true(revision >= f->batch);
    f->batch = revision;
}

static const struct watch_handler handler = {
    .on_put = on_put, .on_delete = on_delete, .on_synced = on_synced, .on_batch = on_batch
};

static void fixture_init(struct fixture *f, struct registry *registry)
{
    static const enum model_kind_id kinds[] = { MODEL_CONFIGMAP, MODEL_SECRET };
    struct ke_err err = KE_ERR_INIT;
    memset(f, 0, sizeof(*f));
    f->registry = registry;
    f->text = (struct ke_buf)KE_BUF_FIXED(f->memory, sizeof(f->memory) - 1);
    f->hub = watch_hub_new(registry, &err);
    f->loop = ke_loop_new(&err);
    assert_non_null(f->hub);
    assert_non_null(f->loop);
    assert_int_equal(
        watch_reflector_new(f->hub, f->loop, kinds, 2, &handler, f, &f->reflector, &err), KE_OK);
    watch_reflector_start(f->reflector);
}

static void fixture_deinit(struct fixture *f)
{
    watch_reflector_free(f->reflector);
    ke_loop_free(f->loop);
    watch_hub_free(f->hub);
}

/* Turns the loop until everything up to now was delivered; what was, as text. */
static const char *catch_up(struct fixture *f)
{
    int64_t deadline_ns = ke_now_ns() + DEADLINE_NS;
    int64_t revision = registry_revision(f->registry);
    ke_buf_clear(&f->text);
    memset(f->memory, 0, sizeof(f->memory));
    while (f->batch < revision) {
        assert_true(ke_now_ns() < deadline_ns);
        ke_loop_turn(f->loop, 100);
    }
    return f->memory;
}

static struct registry_object *config(const char *name, const char *value)
{
    return test_object(MODEL_CONFIGMAP, "ns", name, value);
}

static struct registry_object *secret(const char *name, const char *value)
{
    return test_object(MODEL_SECRET, "ns", name, value);
}

static void lists_first_then_follows(void **state)
{
    struct registry *registry = *state;
    struct fixture f;
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, secret("s", "1"));
    fixture_init(&f, registry);
    assert_false(watch_reflector_is_synced(f.reflector));
    assert_string_equal(catch_up(&f), "+a=1<- +s=1<- ");
    assert_true(watch_reflector_is_synced(f.reflector));
    (void)test_object_put(registry, config("a", "2"));
    (void)test_object_put(registry, config("b", "1"));
    (void)test_object_delete(registry, "/registry/configmaps/ns/a");
    assert_string_equal(catch_up(&f), "+a=2<1 +b=1<- -a=2 ");
    assert_int_equal(f.n_synced, 1);
    assert_int_equal(watch_reflector_revision(f.reflector), registry_revision(registry));
    fixture_deinit(&f);
}

static void kinds_come_in_the_order_of_their_commits(void **state)
{
    struct registry *registry = *state;
    struct fixture f;
    fixture_init(&f, registry);
    (void)catch_up(&f);
    (void)test_object_put(registry, secret("s", "1"));
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, secret("s", "2"));
    (void)test_object_put(registry, config("a", "2"));
    assert_string_equal(catch_up(&f), "+s=1<- +a=1<- +s=2<1 +a=2<1 ");
    fixture_deinit(&f);
}

static void empty_registry_is_synced_too(void **state)
{
    struct registry *registry = *state;
    struct fixture f;
    fixture_init(&f, registry);
    assert_string_equal(catch_up(&f), "");
    assert_int_equal(f.n_synced, 1);
    fixture_deinit(&f);
}

static void cut_off_reflector_delivers_the_deletes_it_missed(void **state)
{
    struct registry *registry = *state;
    struct fixture f;
    (void)test_object_put(registry, config("gone", "1"));
    (void)test_object_put(registry, config("kept", "1"));
    (void)test_object_put(registry, config("changed", "1"));
    (void)test_object_put(registry, secret("gone", "1"));
    fixture_init(&f, registry);
    (void)catch_up(&f);
    int64_t before = registry_revision(registry);
    (void)test_object_delete(registry, "/registry/configmaps/ns/gone");
    (void)test_object_delete(registry, "/registry/secrets/ns/gone");
    (void)test_object_put(registry, config("changed", "2"));
    (void)test_object_put(registry, config("new", "1"));
    while (registry_oldest_revision(registry) <= before + 4)
        (void)test_object_put(registry,
                              test_object(MODEL_POD, "ns", "filler", "takes room in the history"));
    assert_string_equal(catch_up(&f), "-gone=1 +changed=2<1 +new=1<- -gone=1 ");
    assert_int_equal(f.n_synced, 1);
    (void)test_object_put(registry, config("kept", "2"));
    assert_string_equal(catch_up(&f), "+kept=2<1 ");
    fixture_deinit(&f);
}

static void long_burst_is_delivered_whole(void **state)
{
    struct registry *registry = *state;
    struct fixture f;
    fixture_init(&f, registry);
    (void)catch_up(&f);
    for (int i = 0; i < 40; i++) {
        (void)test_object_put(registry, config("a", "1"));
        (void)test_object_delete(registry, "/registry/configmaps/ns/a");
    }
    const char *text = catch_up(&f);
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, "-a=1 ")) != NULL; at++)
        n++;
    assert_int_equal(n, 40);
    fixture_deinit(&f);
}

static void objects_are_found_by_name_and_walked(void **state)
{
    struct registry *registry = *state;
    struct fixture f;
    fixture_init(&f, registry);
    (void)test_object_put(registry, config("a", "1"));
    (void)test_object_put(registry, config("b", "1"));
    (void)catch_up(&f);
    const struct registry_object *a =
        watch_reflector_get(f.reflector, MODEL_CONFIGMAP, KE_STR("ns"), KE_STR("a"));
    assert_non_null(a);
    assert_true(ke_str_eq_c(a->name, "a"));
    assert_null(watch_reflector_get(f.reflector, MODEL_CONFIGMAP, KE_STR("ns"), KE_STR("c")));
    assert_null(watch_reflector_get(f.reflector, MODEL_SECRET, KE_STR("ns"), KE_STR("a")));
    assert_null(watch_reflector_get(f.reflector, MODEL_POD, KE_STR("ns"), KE_STR("a")));
    size_t pos = 0;
    size_t n = 0;
    while (watch_reflector_next(f.reflector, MODEL_CONFIGMAP, &pos) != NULL)
        n++;
    assert_int_equal(n, 2);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_first_then_follows),
        cmocka_unit_test(kinds_come_in_the_order_of_their_commits),
        cmocka_unit_test(empty_registry_is_synced_too),
        cmocka_unit_test(cut_off_reflector_delivers_the_deletes_it_missed),
        cmocka_unit_test(long_burst_is_delivered_whole),
        cmocka_unit_test(objects_are_found_by_name_and_walked),
    };
    return test_each_registry("reflector", tests, KE_ARRAY_LEN(tests));
}
