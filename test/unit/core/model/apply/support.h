/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_UNIT_CORE_MODEL_APPLY_SUPPORT_H
#define TEST_UNIT_CORE_MODEL_APPLY_SUPPORT_H
/* What the tests of core/model/apply share: objects from YAML flow text, sets as JSON, a schema. */
#include "core/base/json.h"
#include "core/model/apply/managers.h"
#include "core/model/yaml.h"
#include "test/support/base/test.h"

/* Freed at the end of a test by bench_free. */
struct bench {
    struct apply_work work;
    struct model_structural_owned owned; /* by the schema */
    cJSON *kept[256];
    size_t n_kept;
};

static inline cJSON *keep_json(struct bench *b, cJSON *value)
{
    assert_non_null(value);
    assert_true(b->n_kept < KE_ARRAY_LEN(b->kept));
    b->kept[b->n_kept++] = value;
    return value;
}

static inline void bench_init(struct bench *b)
{
    *b = (struct bench){ .work = { .arena = ke_arena_new(16U << 20) } };
    assert_non_null(b->work.arena);
}

static inline void bench_free(struct bench *b)
{
    assert_false(b->work.has_failed);
    for (size_t i = 0; i < b->n_kept; i++)
        cJSON_Delete(b->kept[i]);
    model_structural_owned_deinit(&b->owned);
    ke_arena_free(b->work.arena);
}

/* "{spec: {replicas: 3}}" */
static inline cJSON *read_yaml(struct bench *b, const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *value = NULL;
    if (model_yaml_parse(ke_str_c(text), &value, NULL, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return keep_json(b, value);
}

/* {"f:spec":{}} */
static inline const struct apply_set *read_set(struct bench *b, const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *value = NULL;
    const struct apply_set *set = NULL;
    if (ke_json_parse(ke_str_c(text), &value, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    assert_true(apply_set_parse(&b->work, keep_json(b, value), false, &set));
    return set;
}

static inline const char *json_text(struct bench *b, const cJSON *value)
{
    ke_auto_buf out = KE_BUF_INIT(1U << 20);
    ke_json_print(value, &out);
    struct ke_str copy = ke_arena_str(b->work.arena, ke_buf_str(&out));
    assert_non_null(copy.ptr);
    return copy.ptr;
}

static inline const char *set_text(struct bench *b, const struct apply_set *set)
{
    return json_text(b, keep_json(b, apply_set_print(set)));
}

static inline void assert_set(struct bench *b, const struct apply_set *set, const char *expected)
{
    assert_string_equal(set_text(b, set), expected);
}

static inline void assert_same_json(struct bench *b, const cJSON *value, const char *expected)
{
    const cJSON *wanted = read_yaml(b, expected);
    if (!ke_json_equal(value, wanted))
        assert_string_equal(json_text(b, value), json_text(b, wanted));
}

/* An object with one list of each kind, maps, atomic and free parts. */
static inline struct model_shape test_shape(struct bench *b)
{
    struct ke_err err = KE_ERR_INIT;
    const struct model_structural *schema = NULL;
    const cJSON *json = read_yaml(
        b,
        "{type: object, properties: {"
        "num: {type: integer}, s: {type: string}, b: {type: boolean},"
        "map: {type: object, additionalProperties: {type: string}},"
        "struct: {type: object, properties: {a: {type: string}, b: {type: string}}},"
        "atom: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}},"
        "set: {type: array, x-kubernetes-list-type: set, items: {type: string}},"
        "nums: {type: array, x-kubernetes-list-type: set, items: {type: integer}},"
        "plain: {type: array, items: {type: string}},"
        "list: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name],"
        "  items: {type: object, properties: {name: {type: string}, v: {type: integer},"
        "  tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}},"
        "ports: {type: array, x-kubernetes-list-type: map,"
        "  x-kubernetes-list-map-keys: [port, protocol], items: {type: object, properties: {"
        "  port: {type: integer}, protocol: {type: string, default: TCP}, name: {type: string}}}},"
        "free: {type: object, x-kubernetes-preserve-unknown-fields: true}}}");
    if (b->owned.json != NULL || b->owned.n_patterns > 0)
        model_structural_owned_deinit(&b->owned);
    b->owned = (struct model_structural_owned){ .json = NULL };
    assert_int_equal(model_structural_new(json, b->work.arena, &b->owned, &schema, &err), KE_OK);
    return model_shape_of_structural(schema);
}

#endif
