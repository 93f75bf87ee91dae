/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and commits for tests. */
#include "test/support/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/base/json.h"

struct registry_object *test_object_json(enum model_kind_id kind, const char *json)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *parsed = NULL;
    struct registry_object *object = NULL;
    if (ke_json_parse(ke_str_c(json), &parsed, &err) != KE_OK ||
        registry_object_new(model_kind_by_id(kind), parsed, &object, &err) != KE_OK)
        fail_msg("%s", err.msg);
    cJSON_Delete(parsed);
    return object;
}

struct registry_object *test_object(enum model_kind_id kind, const char *ns, const char *name,
                                    const char *value)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    ke_buf_addf(&text,
                "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\"},\"data\":{\"value\":", name,
                ns);
    ke_buf_add_json_str(&text, ke_str_c(value));
    ke_buf_add(&text, "}}", 3); /* with its NUL */
    assert_int_equal(text.failed, KE_OK);
    return test_object_json(kind, text.ptr);
}

const char *test_object_value(const struct registry_object *object)
{
    static _Thread_local char value[1024];
    cJSON *json = registry_object_parse(object);
    assert_non_null(json);
    struct ke_str s = ke_json_path_str(json, "data.value");
    assert_true(s.len < sizeof(value));
    memset(value, 0, sizeof(value));
    if (s.len > 0)
        memcpy(value, s.ptr, s.len);
    cJSON_Delete(json);
    return value;
}

struct registry_object *test_object_get(struct registry *registry, const char *key)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *object = NULL;
    enum ke_code rc = registry_get(registry, ke_str_c(key), &object, &err);
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
    return object;
}

int64_t test_object_put(struct registry *registry, struct registry_object *object)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t revision = 0;
    ke_auto_object *held = registry_object_ref(object);
    struct registry_op op = { .key = held->key, .expected = REGISTRY_ANY, .object = object };
    if (registry_commit_wait(registry, &op, 1, &revision, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return revision;
}

int64_t test_object_delete(struct registry *registry, const char *key)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t revision = 0;
    struct registry_op op = { .key = ke_str_c(key), .expected = REGISTRY_ANY };
    if (registry_commit_wait(registry, &op, 1, &revision, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return revision;
}

enum ke_code test_object_commit(struct registry *registry, const char *key, int64_t expected,
                                struct registry_object *object)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_op op = { .key = ke_str_c(key), .expected = expected, .object = object };
    return registry_commit_wait(registry, &op, 1, NULL, &err);
}
