/* SPDX-License-Identifier: Apache-2.0 */
/* See resources.h. */
#include "test/support/resources.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/mem_registry.h"

static int64_t now_ns(void *ctx)
{
    (void)ctx;
    return ke_now_ns();
}

static int64_t wall_us(void *ctx)
{
    const struct test_resources *r = ctx;
    return r->wall_us;
}

void test_resources_init(struct test_resources *r, bool is_dual)
{
    struct ke_err err = KE_ERR_INIT;
    memset(r, 0, sizeof(*r));
    r->wall_us = (int64_t)1767225600 * 1000000; /* 2026-01-01T00:00:00Z */
    r->clock = (struct ke_clock){ .now_ns = now_ns, .wall_us = wall_us, .ctx = r };
    r->registry = mem_registry_new(NULL, &err);
    assert_non_null(r->registry);
    r->hub = watch_hub_new(r->registry, &err);
    assert_non_null(r->hub);
    struct resource_options options = { .n_service_cidrs = is_dual ? 2 : 1,
                                        .node_port_min = 30000,
                                        .node_port_max = 30099,
                                        .cluster_dns = KE_STR("10.32.0.10"),
                                        .clock = &r->clock };
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/24"), &options.service_cidrs[0], &err), KE_OK);
    assert_int_equal(ke_cidr_parse(KE_STR("fd00:32::/112"), &options.service_cidrs[1], &err),
                     KE_OK);
    if (resource_store_new(r->hub, &options, &r->store, &err) != KE_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(test_create(r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"default\"}}"),
                     KE_OK);
}

void test_resources_deinit(struct test_resources *r)
{
    registry_stop(r->registry);
    cJSON_Delete(r->object);
    resource_store_free(r->store);
    watch_hub_free(r->hub);
    registry_free(r->registry);
}

int test_resources_set_up(void **state)
{
    struct test_resources *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    test_resources_init(r, false);
    *state = r;
    return 0;
}

int test_resources_tear_down(void **state)
{
    test_resources_deinit(*state);
    free(*state);
    return 0;
}

static void keep_issues(struct test_resources *r, const struct model_issues *issues)
{
    struct ke_buf text = KE_BUF_FIXED(r->issues, sizeof(r->issues) - 1);
    for (size_t i = 0; issues != NULL && i < issues->n_items; i++)
        ke_buf_addf(&text, "%.*s: %.*s\n", KE_STR_ARG(issues->items[i].field),
                    KE_STR_ARG(issues->items[i].message));
    r->issues[text.len] = '\0';
}

static void answered(void *ctx, const struct resource_reply *reply)
{
    struct test_resources *r = ctx;
    r->n_answers++;
    r->code = reply->code;
    r->is_created = reply->is_created;
    r->is_deleted = reply->is_deleted;
    r->retry_after_s = reply->retry_after_s;
    snprintf(r->message, sizeof(r->message), "%.*s", KE_STR_ARG(reply->message));
    snprintf(r->details, sizeof(r->details), "%.*s|%.*s|%.*s", KE_STR_ARG(reply->detail_name),
             KE_STR_ARG(reply->detail_group), KE_STR_ARG(reply->detail_kind));
    snprintf(r->cause, sizeof(r->cause), "%.*s|%.*s|%.*s", KE_STR_ARG(reply->cause_reason),
             KE_STR_ARG(reply->cause_message), KE_STR_ARG(reply->cause_field));
    struct ke_buf causes = KE_BUF_FIXED(r->causes, sizeof(r->causes) - 1);
    for (size_t i = 0; i < reply->n_causes; i++)
        ke_buf_addf(&causes, "%.*s|%.*s|%.*s\n", KE_STR_ARG(reply->causes[i].reason),
                    KE_STR_ARG(reply->causes[i].message), KE_STR_ARG(reply->causes[i].field));
    r->causes[causes.len] = '\0';
    keep_issues(r, reply->issues);
    struct ke_buf text = KE_BUF_FIXED(r->warnings, sizeof(r->warnings) - 1);
    for (size_t i = 0; i < reply->n_warnings; i++)
        ke_buf_addf(&text, "%.*s\n", KE_STR_ARG(reply->warnings[i]));
    r->warnings[text.len] = '\0';
    cJSON_Delete(r->object);
    r->object = reply->object != NULL ? registry_object_parse(reply->object) : NULL;
    r->revision = reply->object != NULL ? reply->object->revision : 0;
    r->n_list = reply->list != NULL ? reply->list->n_objects : 0;
}

enum ke_code test_write(struct test_resources *r, struct resource_request request, const char *body)
{
    struct ke_err err = KE_ERR_INIT;
    if (body != NULL && ke_json_parse(ke_str_c(body), &request.body, &err) != KE_OK)
        fail_msg("%s: %s", err.msg, body);
    unsigned before = r->n_answers;
    resource_submit(r->store, &request, answered, r);
    assert_int_equal(r->n_answers, before + 1);
    return r->code;
}

enum ke_code test_create(struct test_resources *r, enum model_kind_id kind, const char *ns,
                         const char *body)
{
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(kind),
                                        .ns = ke_str_c(ns) };
    return test_write(r, request, body);
}

enum ke_code test_update(struct test_resources *r, enum model_kind_id kind, const char *ns,
                         const char *name, const char *body)
{
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = model_kind_by_id(kind),
                                        .ns = ke_str_c(ns),
                                        .name = ke_str_c(name) };
    return test_write(r, request, body);
}

enum ke_code test_merge(struct test_resources *r, enum model_kind_id kind, const char *ns,
                        const char *name, const char *body)
{
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(kind),
                                        .ns = ke_str_c(ns),
                                        .name = ke_str_c(name) };
    return test_write(r, request, body);
}

enum ke_code test_remove(struct test_resources *r, enum model_kind_id kind, const char *ns,
                         const char *name)
{
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = model_kind_by_id(kind),
                                        .ns = ke_str_c(ns),
                                        .name = ke_str_c(name),
                                        .grace_period_s = -1 };
    return test_write(r, request, NULL);
}

const char *test_field(const struct test_resources *r, const char *path)
{
    static char text[1024];
    const cJSON *at = r->object;
    struct ke_str rest = ke_str_c(path);
    struct ke_str part;
    while (at != NULL && ke_str_split(&rest, '.', &part)) {
        char name[128];
        uint64_t index = 0;
        snprintf(name, sizeof(name), "%.*s", KE_STR_ARG(part));
        if (cJSON_IsArray(at) && ke_str_to_u64(part, 1000, &index))
            at = cJSON_GetArrayItem(at, (int)index);
        else
            at = ke_json_get(at, name);
    }
    text[0] = '\0';
    if (at == NULL)
        return text;
    if (cJSON_IsString(at)) {
        snprintf(text, sizeof(text), "%s", at->valuestring);
    } else {
        struct ke_buf out = KE_BUF_FIXED(text, sizeof(text) - 1);
        ke_json_print(at, &out);
        text[out.len] = '\0';
    }
    return text;
}

bool test_exists(struct test_resources *r, enum model_kind_id kind, const char *ns,
                 const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    return resource_get(r->store, model_kind_by_id(kind), ke_str_c(ns), ke_str_c(name), &object,
                        &err) == KE_OK;
}
