/* SPDX-License-Identifier: Apache-2.0 */
/* Packing endpoints into slices: little changes, nothing is lost, nothing is twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/base/json.h"
#include "core/controller/slices.h"
#include "test/support/base/alloc.h"

#define SLICES_MAX 64

/* The slices an imagined API has, brought up to date by plans. */
struct world {
    cJSON *slices[SLICES_MAX];
    size_t n;
    size_t n_created, n_updated, n_deleted; /* by the last plan */
};

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    return json;
}

static void wish_init(struct slices_wish *wish)
{
    *wish = (struct slices_wish){ .ns = KE_STR("default"),
                                  .name = KE_STR("web"),
                                  .uid = KE_STR("u1"),
                                  .api_version = KE_STR("v1"),
                                  .kind = KE_STR("Service"),
                                  .labels = parse("{\"kubernetes.io/service-name\":\"web\"}") };
}

/* Endpoints 10.0.0.FROM up to TO, of which `unready` is not ready. */
static void add_endpoints(struct slices_wish *wish, int port, int from, int to, int unready)
{
    char text[256];
    snprintf(text, sizeof(text), "[{\"name\":\"\",\"protocol\":\"TCP\",\"port\":%d}]", port);
    struct slice_group *group = slices_wish_add_group(wish, KE_FAMILY_IPV4, parse(text));
    assert_non_null(group);
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof(text),
                 "{\"addresses\":[\"10.0.%d.%d\"],\"conditions\":{\"ready\":%s},\"targetRef\":{"
                 "\"uid\":\"p%d\"}}",
                 i / 256, i % 256, i == unready ? "false" : "true", i);
        cJSON_AddItemToArray(group->endpoints, parse(text));
    }
}

static size_t find_slice(const struct world *world, struct ke_str name)
{
    for (size_t i = 0; i < world->n; i++) {
        if (ke_str_eq(ke_json_path_str(world->slices[i], "metadata.name"), name))
            return i;
    }
    fail_msg("no slice %.*s", KE_STR_ARG(name));
    return 0;
}

static void apply(struct world *world, struct slices_wish *wish)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 20);
    struct slices_plan plan = { .n_changes = 0 };
    assert_true(
        slices_plan_make(wish, (const cJSON *const *)world->slices, world->n, arena, &plan));
    world->n_created = world->n_updated = world->n_deleted = 0;
    cJSON *deleted[SLICES_MAX];
    for (size_t i = 0; i < plan.n_changes; i++) {
        struct slices_change *change = &plan.changes[i];
        if (change->type == SLICES_CREATE) {
            assert_true(world->n < SLICES_MAX);
            world->slices[world->n++] = KE_TAKE(change->object);
            world->n_created++;
            continue;
        }
        size_t at = find_slice(world, change->name);
        if (change->type == SLICES_UPDATE) {
            deleted[i] = world->slices[at];
            world->slices[at] = KE_TAKE(change->object);
            cJSON_Delete(deleted[i]);
            world->n_updated++;
        } else {
            cJSON *gone = world->slices[at];
            world->slices[at] = world->slices[--world->n];
            /* names point into it until the plan is done */
            deleted[world->n_deleted++] = gone;
        }
    }
    for (size_t i = 0; i < world->n_deleted; i++)
        cJSON_Delete(deleted[i]);
    slices_plan_deinit(&plan);
    slices_wish_deinit(wish);
}

static void world_deinit(struct world *world)
{
    for (size_t i = 0; i < world->n; i++)
        cJSON_Delete(world->slices[i]);
}

static size_t size_of(const struct world *world, size_t i)
{
    return (size_t)cJSON_GetArraySize(ke_json_get(world->slices[i], "endpoints"));
}

/* Every endpoint from..to is there once; no slice has more than 100. */
static void check_whole(const struct world *world, int from, int to)
{
    char seen[2048] = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < world->n; i++) {
        assert_true(size_of(world, i) <= SLICE_ENDPOINTS_MAX);
        const cJSON *it;
        cJSON_ArrayForEach(it, ke_json_get(world->slices[i], "endpoints")) {
            uint64_t id = 0;
            struct ke_str uid = ke_json_path_str(it, "targetRef.uid");
            assert_true(ke_str_cut_prefix(&uid, KE_STR("p")) &&
                        ke_str_to_u64(uid, sizeof(seen) - 1, &id));
            assert_int_equal(seen[id], 0);
            seen[id] = 1;
            n++;
        }
    }
    for (int i = from; i < to; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(n, to - from);
}

static void first_plan_fills_slices_of_a_hundred(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 250, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 3);
    check_whole(&world, 0, 250);
    assert_string_equal(ke_json_get(world.slices[0], "addressType")->valuestring, "IPv4");
    assert_true(ke_str_eq_c(ke_json_path_str(world.slices[0], "metadata.namespace"), "default"));
    const cJSON *owner =
        cJSON_GetArrayItem(ke_json_path(world.slices[0], "metadata.ownerReferences"), 0);
    assert_true(ke_str_eq_c(ke_json_str(owner, "uid"), "u1"));
    assert_true(ke_json_bool(owner, "controller", false));
    world_deinit(&world);
}

static void the_same_wish_changes_nothing(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    for (int i = 0; i < 2; i++) {
        struct slices_wish wish;
        wish_init(&wish);
        add_endpoints(&wish, 80, 0, 150, -1);
        apply(&world, &wish);
    }
    assert_int_equal(world.n_created + world.n_updated + world.n_deleted, 0);
    world_deinit(&world);
}

static void one_change_writes_one_slice(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 300, -1);
    apply(&world, &wish);
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 300, 150);
    apply(&world, &wish);
    assert_int_equal(world.n_updated, 1);
    assert_int_equal(world.n_created + world.n_deleted, 0);
    check_whole(&world, 0, 300);
    world_deinit(&world);
}

static void a_replaced_endpoint_takes_the_freed_place(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 200, -1);
    apply(&world, &wish);
    wish_init(&wish);
    add_endpoints(&wish, 80, 1, 201, -1);
    apply(&world, &wish);
    assert_int_equal(world.n_updated, 1);
    assert_int_equal(world.n_created, 0);
    check_whole(&world, 1, 201);
    world_deinit(&world);
}

static void new_endpoints_use_room_before_new_slices(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 150, -1);
    apply(&world, &wish);
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 200, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 2);
    assert_int_equal(world.n_updated, 1);
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 201, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 3);
    assert_int_equal(world.n_updated, 0);
    check_whole(&world, 0, 201);
    world_deinit(&world);
}

static void no_endpoint_leaves_one_empty_slice(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 150, -1);
    apply(&world, &wish);
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 0, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 1);
    assert_int_equal(size_of(&world, 0), 0);
    world_deinit(&world);
}

static void other_ports_are_other_slices(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 3, -1);
    add_endpoints(&wish, 81, 3, 5, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 2);
    char name[128];
    snprintf(name, sizeof(name), "%.*s",
             KE_STR_ARG(ke_json_path_str(world.slices[1], "metadata.name")));
    wish_init(&wish);
    add_endpoints(&wish, 81, 0, 5, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 1);
    assert_int_equal(world.n_deleted, 1);
    assert_true(ke_str_eq_c(ke_json_path_str(world.slices[0], "metadata.name"), name));
    check_whole(&world, 0, 5);
    world_deinit(&world);
}

static void a_slice_that_goes_lends_its_name_to_one_that_comes(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    assert_non_null(slices_wish_add_group(&wish, KE_FAMILY_IPV4, parse("[]")));
    apply(&world, &wish);
    char name[128];
    snprintf(name, sizeof(name), "%.*s",
             KE_STR_ARG(ke_json_path_str(world.slices[0], "metadata.name")));
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 1, -1);
    apply(&world, &wish);
    assert_int_equal(world.n, 1);
    assert_int_equal(world.n_updated, 1);
    assert_true(ke_str_eq_c(ke_json_path_str(world.slices[0], "metadata.name"), name));
    check_whole(&world, 0, 1);
    world_deinit(&world);
}

static void names_are_the_same_every_time(void **state)
{
    (void)state;
    char name[128] = "";
    for (int i = 0; i < 2; i++) {
        struct world world = { .n = 0 };
        struct slices_wish wish;
        wish_init(&wish);
        add_endpoints(&wish, 80, 0, 1, -1);
        apply(&world, &wish);
        struct ke_str made = ke_json_path_str(world.slices[0], "metadata.name");
        assert_int_equal(made.len, 9);
        assert_true(ke_str_has_prefix(made, KE_STR("web-")));
        if (i == 0)
            snprintf(name, sizeof(name), "%.*s", KE_STR_ARG(made));
        else
            assert_true(ke_str_eq_c(made, name));
        world_deinit(&world);
    }
}

static void changed_labels_are_written(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 1, -1);
    apply(&world, &wish);
    wish_init(&wish);
    assert_true(ke_json_set_str(wish.labels, "tier", KE_STR("front")));
    add_endpoints(&wish, 80, 0, 1, -1);
    apply(&world, &wish);
    assert_int_equal(world.n_updated, 1);
    assert_true(ke_str_eq_c(ke_json_path_str(world.slices[0], "metadata.labels.tier"), "front"));
    world_deinit(&world);
}

/* Any sequence of sets ends in exactly the set asked for last. */
static void random_changes_lose_nothing(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    unsigned seed = 7;
    for (int round = 0; round < 200; round++) {
        seed = seed * 1103515245 + 12345;
        int from = (int)(seed >> 16) % 300;
        int to = from + (int)(seed >> 8) % 350;
        struct slices_wish wish;
        wish_init(&wish);
        add_endpoints(&wish, 80, from, to, from + 3);
        apply(&world, &wish);
        check_whole(&world, from, to);
    }
    world_deinit(&world);
}

/* One plan with every allocation failing once: false, and everything can still be freed. */
static void memory_running_out_is_survived(void **state)
{
    (void)state;
    struct world world = { .n = 0 };
    struct slices_wish wish;
    wish_init(&wish);
    add_endpoints(&wish, 80, 0, 120, -1);
    apply(&world, &wish);
    wish_init(&wish);
    add_endpoints(&wish, 80, 5, 130, 7);
    add_endpoints(&wish, 81, 0, 3, -1);
    for (size_t n = 1;; n++) {
        KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 20);
        struct slices_plan plan = { .n_changes = 0 };
        test_alloc_fail_at(n);
        bool is_ok =
            slices_plan_make(&wish, (const cJSON *const *)world.slices, world.n, arena, &plan);
        bool has_failed = test_alloc_end();
        slices_plan_deinit(&plan);
        if (!has_failed) {
            assert_true(is_ok);
            break;
        }
        assert_false(is_ok);
    }
    slices_wish_deinit(&wish);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_plan_fills_slices_of_a_hundred),
        cmocka_unit_test(the_same_wish_changes_nothing),
        cmocka_unit_test(one_change_writes_one_slice),
        cmocka_unit_test(a_replaced_endpoint_takes_the_freed_place),
        cmocka_unit_test(new_endpoints_use_room_before_new_slices),
        cmocka_unit_test(no_endpoint_leaves_one_empty_slice),
        cmocka_unit_test(other_ports_are_other_slices),
        cmocka_unit_test(a_slice_that_goes_lends_its_name_to_one_that_comes),
        cmocka_unit_test(names_are_the_same_every_time),
        cmocka_unit_test(changed_labels_are_written),
        cmocka_unit_test(random_changes_lose_nothing),
        cmocka_unit_test(memory_running_out_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
