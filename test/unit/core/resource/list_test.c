/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: selectors, pages that are one snapshot, revisions; and the continue token itself. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/resource/token.h"
#include "test/support/mem_registry.h"
#include "test/support/resources.h"

static int setup(void **state)
{
    struct test_resources *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    test_resources_init(r, false);
    for (int i = 0; i < 6; i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"metadata\":{\"name\":\"pg%d\",\"labels\":{\"odd\":\"%d\"}}}", i, i % 2);
        assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", text), KE_OK);
    }
    *state = r;
    return 0;
}

struct page {
    enum ke_code code;
    struct ke_err err;
    char names[256];
    char token[512];
    int64_t n_remaining, revision;
};

static void read_page(struct test_resources *r, const struct resource_list_options *options,
                      struct page *out)
{
    struct resource_list list = { .continue_token = NULL };
    memset(out, 0, sizeof(*out));
    out->code =
        resource_list(r->store, model_kind_by_id(MODEL_CONFIGMAP), options, &list, &out->err);
    struct ke_buf names = KE_BUF_FIXED(out->names, sizeof(out->names) - 1);
    for (size_t i = 0; i < list.items.n_objects; i++)
        ke_buf_addf(&names, "%.*s ", KE_STR_ARG(list.items.objects[i]->name));
    if (list.continue_token != NULL)
        snprintf(out->token, sizeof(out->token), "%s", list.continue_token);
    out->n_remaining = list.n_remaining;
    out->revision = list.items.revision;
    resource_list_free(&list);
}

static void pages_are_one_snapshot(void **state)
{
    struct test_resources *r = *state;
    struct page page;
    struct resource_list_options options = { .ns = KE_STR("default"), .limit = 2 };
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg0 pg1 ");
    assert_int_equal(page.n_remaining, 4);
    int64_t revision = page.revision;
    assert_int_equal(
        test_create(r, MODEL_CONFIGMAP, "default", "{\"metadata\":{\"name\":\"pg3a\"}}"), KE_OK);
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "pg4"), KE_OK);
    char token[512];
    snprintf(token, sizeof(token), "%s", page.token);
    options.continue_token = ke_str_c(token);
    options.limit = 3;
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg2 pg3 pg4 ");
    assert_int_equal(page.revision, revision);
    assert_int_equal(page.n_remaining, 1);
    char last[512];
    snprintf(last, sizeof(last), "%s", page.token);
    options.continue_token = ke_str_c(last);
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg5 ");
    assert_string_equal(page.token, "");
}

static void all_namespaces_are_listed_in_pages_too(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"zz\"}}"),
                     KE_OK);
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "zz", "{\"metadata\":{\"name\":\"z\"}}"),
                     KE_OK);
    struct page page;
    struct resource_list_options options = { .limit = 6 };
    read_page(r, &options, &page);
    char token[512];
    snprintf(token, sizeof(token), "%s", page.token);
    options.continue_token = ke_str_c(token);
    read_page(r, &options, &page);
    assert_string_equal(page.names, "z ");
}

static void selectors_filter_before_the_limit(void **state)
{
    struct test_resources *r = *state;
    struct page page;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(model_selector) *odd = NULL;
    assert_int_equal(model_selector_parse_labels(KE_STR("odd=1"), &odd, &err), KE_OK);
    struct resource_list_options options = { .ns = KE_STR("default"), .labels = odd, .limit = 2 };
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg1 pg3 ");
    assert_int_equal(page.n_remaining, -1);
    char token[512];
    snprintf(token, sizeof(token), "%s", page.token);
    options.continue_token = ke_str_c(token);
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg5 ");
}

static void fields_select_by_name_and_unknown_ones_are_refused(void **state)
{
    struct test_resources *r = *state;
    struct page page;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(model_selector) *name = NULL;
    KE_AUTO(model_selector) *none = NULL;
    KE_AUTO(model_selector) *bad = NULL;
    assert_int_equal(model_selector_parse_fields(KE_STR("metadata.name=pg3"), &name, &err), KE_OK);
    assert_int_equal(model_selector_parse_fields(KE_STR("metadata.name=no"), &none, &err), KE_OK);
    assert_int_equal(model_selector_parse_fields(KE_STR("spec.foo=1"), &bad, &err), KE_OK);
    struct resource_list_options options = { .ns = KE_STR("default"), .fields = name };
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg3 ");
    options.ns = (struct ke_str){ NULL, 0 };
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg3 ");
    options.ns = KE_STR("default");
    options.fields = none;
    read_page(r, &options, &page);
    assert_string_equal(page.names, "");
    assert_int_equal(page.revision, registry_revision(r->registry));
    options.fields = bad;
    read_page(r, &options, &page);
    assert_int_equal(page.code, KE_MALFORMED);
    assert_string_equal(page.err.msg, "field label not supported: spec.foo");
}

static void revisions_mean_what_upstream_says(void **state)
{
    struct test_resources *r = *state;
    struct page page;
    int64_t revision = registry_revision(r->registry);
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "pg4"), KE_OK);
    struct resource_list_options options = { .ns = KE_STR("default"),
                                             .has_revision = true,
                                             .revision = revision,
                                             .match = RESOURCE_MATCH_EXACT };
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg0 pg1 pg2 pg3 pg4 pg5 ");
    options.match = RESOURCE_MATCH_NOT_OLDER;
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg0 pg1 pg2 pg3 pg5 ");
    options.revision = 0;
    options.limit = 2;
    options.match = RESOURCE_MATCH_UNSET;
    read_page(r, &options, &page);
    assert_string_equal(page.names, "pg0 pg1 pg2 pg3 pg5 ");
    options.revision = 999999;
    read_page(r, &options, &page);
    assert_int_equal(page.code, KE_TIMEOUT);
    assert_non_null(strstr(page.err.msg, "Too large resource version: 999999, current: "));
}

/* Writes until the history no longer reaches back to where it was. */
static void forget_history(struct test_resources *r)
{
    int64_t revision = registry_revision(r->registry);
    char text[40000];
    memset(text, 'x', sizeof(text));
    char body[41000];
    for (int i = 0; i < 2000 && registry_oldest_revision(r->registry) <= revision; i++) {
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"big\"},\"data\":{\"i\":\"%d\",\"k\":\"%.39000s\"}}", i,
                 text);
        if (i == 0)
            assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", body), KE_OK);
        else
            assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "big", body), KE_OK);
    }
    assert_true(registry_oldest_revision(r->registry) > revision);
}

static void an_expired_page_offers_to_go_on_without_consistency(void **state)
{
    struct test_resources *r = *state;
    struct page page;
    struct resource_list_options options = { .ns = KE_STR("default"), .limit = 4 };
    read_page(r, &options, &page);
    char token[512];
    snprintf(token, sizeof(token), "%s", page.token);
    int64_t revision = page.revision;
    forget_history(r);
    options.continue_token = ke_str_c(token);
    read_page(r, &options, &page);
    assert_int_equal(page.code, KE_GONE);
    snprintf(token, sizeof(token), "%s", page.token);
    options.continue_token = ke_str_c(token);
    read_page(r, &options, &page);
    if (page.code != KE_OK)
        fail_msg("%s: %s", page.err.msg, token);
    assert_string_equal(page.names, "pg4 pg5 ");
    options = (struct resource_list_options){ .ns = KE_STR("default"),
                                              .has_revision = true,
                                              .revision = revision,
                                              .match = RESOURCE_MATCH_EXACT };
    read_page(r, &options, &page);
    assert_int_equal(page.code, KE_GONE);
    assert_string_equal(page.token, "");
}

static void tokens_have_upstreams_format(void **state)
{
    (void)state;
    ke_auto_buf out = KE_BUF_INIT(4096);
    resource_token_encode(KE_STR("/registry/configmaps/default/"),
                          KE_STR("/registry/configmaps/default/pg0"), 4112, &out);
    assert_true(ke_str_eq_c(ke_buf_str(&out), "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NDExMiwic3RhcnQi"
                                              "OiJwZzBcdTAwMDAifQ"));
    struct resource_token token;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(resource_token_decode(ke_buf_str(&out),
                                           KE_STR("/registry/configmaps/default/"), &token, &err),
                     KE_OK);
    assert_int_equal(token.revision, 4112);
    assert_true(ke_str_eq_c(ke_buf_str(&token.start_key), "/registry/configmaps/default/pg0"));
    ke_buf_free(&token.start_key);
}

static void bad_tokens_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "!!!",
        "{\"v\":\"meta.k8s.io/v1\",\"rv\":1,\"start\":\"../secrets/x\\u0000\"}",
        "{\"v\":\"meta.k8s.io/v1\",\"rv\":1,\"start\":\"/x\\u0000\"}",
        "{\"v\":\"meta.k8s.io/v1\",\"rv\":1,\"start\":\"\\u0000\"}",
        "{\"v\":\"meta.k8s.io/v1\",\"rv\":0,\"start\":\"x\\u0000\"}",
        "{\"v\":\"other\",\"rv\":1,\"start\":\"x\\u0000\"}",
        "{\"v\":\"meta.k8s.io/v1\",\"rv\":1,\"start\":\"x\"}",
        "[]",
        "{\"v\":",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        ke_auto_buf text = KE_BUF_INIT(4096);
        if (bad[i][0] == '!')
            ke_buf_add_c(&text, bad[i]);
        else
            ke_buf_add_base64url(&text, bad[i], strlen(bad[i]));
        struct resource_token token;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(
            resource_token_decode(ke_buf_str(&text), KE_STR("/registry/pods/"), &token, &err),
            KE_MALFORMED);
        assert_int_equal(strncmp(err.msg, "invalid continue token: continue key is not valid", 49),
                         0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, test_resources_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_are_one_snapshot),
        TEST(all_namespaces_are_listed_in_pages_too),
        TEST(selectors_filter_before_the_limit),
        TEST(fields_select_by_name_and_unknown_ones_are_refused),
        TEST(revisions_mean_what_upstream_says),
        TEST(an_expired_page_offers_to_go_on_without_consistency),
        cmocka_unit_test(tokens_have_upstreams_format),
        cmocka_unit_test(bad_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
