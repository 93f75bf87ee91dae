/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side apply. Input: a byte that chooses the kind, then JSON texts with a NUL between them:
 * the live object, a configuration, another's configuration, fieldsV1. Held to be true: what is
 * applied by force and applied again changes nothing and conflicts with nobody; a set of fields
 * prints and parses to itself; operations on two sets agree with each other.
 */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/apply/managers.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_TEXTS 4

static bool shape_of(const void *ctx, struct ke_str api_version, struct model_shape *out)
{
    (void)api_version;
    *out = *(const struct model_shape *)ctx;
    return true;
}

static cJSON *copy_of(const void *ctx, const cJSON *object, struct ke_str from, struct ke_str to)
{
    (void)ctx;
    (void)from;
    (void)to;
    return cJSON_Duplicate(object, true);
}

static struct model_shape choose_shape(uint8_t byte)
{
    static const char *const MESSAGES[] = { "core.v1.Pod", "core.v1.Service", "apps.v1.Deployment",
                                            "core.v1.ConfigMap" };
    if (byte % 5 == 4)
        return model_shape_of_structural(NULL);
    return model_shape_of_message(model_schema_find(ke_str_c(MESSAGES[byte % 5])));
}

static bool same_set(struct apply_work *work, const struct apply_set *set)
{
    const struct apply_set *again = NULL;
    ke_auto_json *json = apply_set_print(set);
    if (json == NULL || !apply_set_parse(work, json, false, &again))
        return work->has_failed;
    return apply_set_equal(set, again);
}

static void check_sets(struct apply_work *work, const struct apply_set *a,
                       const struct apply_set *b)
{
    const struct apply_set *both = apply_set_intersection(work, a, b);
    const struct apply_set *only = apply_set_difference(work, a, b);
    const struct apply_set *all = apply_set_union(work, a, b);
    bool is_good = apply_set_equal(apply_set_union(work, both, only), a) &&
                   apply_set_count(all) == apply_set_count(only) + apply_set_count(b) &&
                   apply_set_intersection(work, only, b) == NULL && same_set(work, all);
    if (!is_good && !work->has_failed)
        abort();
}

struct scene {
    struct apply_work work;
    struct model_shape shape;
    struct apply_managers managers;
};

static bool apply(struct scene *s, const char *who, const cJSON *live, const cJSON *config,
                  cJSON **out)
{
    const struct apply_versions versions = { &s->shape, shape_of, copy_of };
    const struct apply_scope scope = { .never = { "status" } };
    struct apply_write write = { .versions = &versions,
                                 .scope = &scope,
                                 .manager = { .name = ke_str_c(who),
                                              .operation = KE_STR("Apply"),
                                              .api_version = KE_STR("v1") },
                                 .now = KE_STR("2026-01-01T00:00:00Z"),
                                 .is_forced = true };
    struct apply_outcome outcome;
    if (!apply_managers_apply(&s->work, &write, live, config, &s->managers, &outcome))
        return false;
    *out = outcome.object;
    if (*out == NULL)
        return true;
    /* The same again: nothing changes, and nobody is in the way. */
    write.is_forced = false;
    bool is_done = apply_managers_apply(&s->work, &write, *out, config, &s->managers, &outcome);
    bool is_steady = is_done && outcome.object == NULL && outcome.conflicts.n == 0;
    if (is_done)
        cJSON_Delete(outcome.object);
    if (is_done && !is_steady)
        abort();
    return is_done;
}

static void check_apply(struct scene *s, cJSON *const texts[N_TEXTS])
{
    ke_auto_buf problems = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (!apply_tree_check(&s->work, &s->shape, texts[1], &problems) ||
        !apply_tree_check(&s->work, &s->shape, texts[2], &problems))
        return;
    ke_auto_json *first = NULL;
    ke_auto_json *second = NULL;
    if (!apply(s, "one", texts[0], texts[1], &first))
        return;
    const cJSON *live = first != NULL ? first : texts[0];
    (void)apply(s, "two", live, texts[2], &second);
    const struct apply_set *fields = apply_tree_fields(&s->work, &s->shape, live);
    check_sets(&s->work, fields, apply_tree_fields(&s->work, &s->shape, texts[2]));
}

static void run(struct scene *s, cJSON *const texts[N_TEXTS])
{
    const struct apply_set *set = NULL;
    if (apply_set_parse(&s->work, texts[3], false, &set)) {
        if (!same_set(&s->work, set))
            abort();
        check_sets(&s->work, set, apply_tree_fields(&s->work, &s->shape, texts[0]));
    }
    if (cJSON_IsObject(texts[0]) && cJSON_IsObject(texts[1]) && cJSON_IsObject(texts[2]))
        check_apply(s, texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct ke_str rest = ke_str_of((const char *)data + 1, size - 1);
    struct ke_str text = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    cJSON *texts[N_TEXTS] = { NULL };
    size_t n = 0;
    while (n < N_TEXTS && ke_str_split(&rest, '\0', &text) &&
           ke_json_parse(text, &texts[n], &err) == KE_OK)
        n++;
    struct scene scene = { .work = { .arena = ke_arena_new(LIMIT_APPLY_BYTES) },
                           .shape = choose_shape(data[0]) };
    if (n == N_TEXTS && scene.work.arena != NULL)
        run(&scene, texts);
    for (size_t i = 0; i < N_TEXTS; i++)
        cJSON_Delete(texts[i]);
    ke_arena_free(scene.work.arena);
    return 0;
}
