/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_UNIT_CORE_MODEL_KINDS_WRITE_H
#define TEST_UNIT_CORE_MODEL_KINDS_WRITE_H
/*
 * A write of an object as core/resource drives it, without storing: decoding, conversion, defaults,
 * preparation and validation, for tests of the kinds.
 */
#include <cjson/cJSON.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/kind.h"
#include "core/model/schema.h"
#include "test/support/base/carry.h"
#include "test/support/base/test.h"

struct write {
    struct ke_arena *arena;
    struct model_issues issues;
    cJSON *object; /* of the stored version */
};

static inline void write_end(struct write *w)
{
    cJSON_Delete(w->object);
    ke_arena_free(w->arena);
}
#define WRITE_AUTO KE_CLEANUP(write_end) struct write

static inline const struct model_kind *write_decode(struct write *w, const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    w->arena = ke_arena_new(8U << 20);
    assert_non_null(w->arena);
    model_issues_init(&w->issues, w->arena);
    if (ke_json_parse(ke_str_c(text), &w->object, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    struct ke_str gv = ke_json_str(w->object, "apiVersion");
    struct ke_str version;
    struct ke_str rest = gv;
    assert_true(ke_str_split(&rest, '/', &version));
    struct ke_str group = KE_STR("");
    if (rest.ptr != NULL) {
        group = version;
        version = rest;
    }
    const struct model_version *served = NULL;
    const struct model_kind *kind =
        model_kind_by_name(group, version, ke_json_str(w->object, "kind"), &served);
    assert_non_null(kind);
    const struct model_message *schema = model_schema_find(ke_str_c(served->message));
    assert_non_null(schema);
    if (model_schema_normalise(schema, w->object, NULL, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    assert_true(model_version_to_storage(kind, served, w->object));
    if (kind->is_namespaced) {
        cJSON *meta = ke_json_need_object(w->object, "metadata");
        assert_true(ke_json_get(meta, "namespace") != NULL ||
                    ke_json_set_str(meta, "namespace", KE_STR("default")));
    }
    assert_true(kind->set_defaults == NULL || kind->set_defaults(w->object));
    return kind;
}

/* The problems of creating text are in w->issues, the object in w->object. */
static inline const struct model_kind *write_create(struct write *w, const char *text)
{
    const struct model_kind *kind = write_decode(w, text);
    assert_true(kind->prepare_create == NULL || kind->prepare_create(w->object));
    model_kind_validate(kind, w->object, NULL, &w->issues);
    return kind;
}

/* Replaces what `old` created by text. */
static inline void write_update(struct write *w, const cJSON *old, const char *text)
{
    const struct model_kind *kind = write_decode(w, text);
    assert_true(carry_over(w->object, old));
    if (kind->has_status) {
        cJSON *status = cJSON_Duplicate(ke_json_get(old, "status"), true);
        assert_true(status == NULL || ke_json_set(w->object, "status", status));
    }
    assert_true(kind->prepare_update == NULL || kind->prepare_update(w->object, old));
    model_kind_validate(kind, w->object, old, &w->issues);
}

static inline void assert_issues(const struct write *w, const char *what, const char *expected)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    model_issues_format(&w->issues, &text);
    assert_int_equal(w->issues.n_dropped, 0);
    if (!ke_str_eq_c(ke_buf_str(&text), expected))
        fail_msg("%s\n  gives %.*s\n  not   %s", what, KE_STR_ARG(ke_buf_str(&text)), expected);
}

/* text is refused with these problems; "" none. */
static inline void assert_create_gives(const char *text, const char *expected)
{
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, text);
    assert_issues(&w, text, expected);
}

static inline void assert_update_gives(const char *old, const char *text, const char *expected)
{
    WRITE_AUTO before = { 0 };
    (void)write_create(&before, old);
    assert_issues(&before, old, "");
    WRITE_AUTO w = { 0 };
    write_update(&w, before.object, text);
    assert_issues(&w, text, expected);
}

/* The JSON text, parsed. */
static inline cJSON *write_parse(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *out = NULL;
    if (ke_json_parse(ke_str_c(text), &out, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return out;
}

/* An update of status, of the kind of that name, from old to text; both as they are stored. */
static inline void assert_status_gives(const char *name, const char *text, const char *old,
                                       const char *expected)
{
    WRITE_AUTO w = { .arena = ke_arena_new(1U << 20), .object = write_parse(text) };
    ke_auto_json *before = write_parse(old);
    unsigned i = 0;
    const struct model_kind *kind = NULL;
    while ((kind = model_kind_at(i++)) != NULL && strcmp(kind->kind, name) != 0)
        continue;
    assert_non_null(w.arena);
    model_issues_init(&w.issues, w.arena);
    if (kind == NULL || kind->validate_status == NULL) {
        fail_msg("no status of %s", name);
        return;
    }
    kind->validate_status(w.object, before, &w.issues);
    assert_issues(&w, text, expected);
}

/* Members of expected are in the object, with these values; others may be there too. */
static inline void assert_has(const cJSON *object, const char *expected)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *wanted = NULL;
    if (ke_json_parse(ke_str_c(expected), &wanted, &err) != KE_OK)
        fail_msg("%s: %s", expected, err.msg);
    const cJSON *member;
    cJSON_ArrayForEach(member, wanted) {
        if (ke_json_equal(ke_json_get(object, member->string), member))
            continue;
        ke_auto_buf text = KE_BUF_INIT(1U << 20);
        const cJSON *is = ke_json_get(object, member->string);
        if (is != NULL)
            ke_json_print(is, &text);
        fail_msg("%s is %.*s, expected in %s", member->string, KE_STR_ARG(ke_buf_str(&text)),
                 expected);
    }
}

static inline void assert_defaults_change_nothing(const struct model_kind *kind,
                                                  const cJSON *object)
{
    ke_auto_json *copy = cJSON_Duplicate(object, true);
    assert_non_null(copy);
    assert_true(kind->set_defaults == NULL || kind->set_defaults(copy));
    assert_true(ke_json_equal(copy, object));
}

/* Creating text is fine, fills this in, and would fill in nothing more. */
static inline void assert_create_fills(const char *text, const char *has)
{
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind = write_create(&w, text);
    assert_issues(&w, text, "");
    assert_has(w.object, has);
    assert_defaults_change_nothing(kind, w.object);
}

#endif
