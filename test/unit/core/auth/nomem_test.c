/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of issuing and of checking a token fails once: it says so, and nothing is left
 * behind. (Those inside of mbedTLS are its own.) */
#include <stdlib.h>

#include "core/auth/token_request.h"
#include "core/base/limits.h"
#include "core/net/tls/x509.h"
#include "test/support/base/alloc.h"
#include "test/support/resources.h"

#define ROUNDS_MAX 2000

struct world {
    struct test_resources r;
    struct token_keys *keys;
    struct auth_bearer *bearer;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    assert_non_null(w);
    test_resources_init(&w->r, false);
    assert_int_equal(x509_key_new(&pem, &err), KE_OK);
    assert_int_equal(token_keys_new(ke_buf_str(&pem), NULL, 0, &w->keys, &err), KE_OK);
    struct auth_bearer_options options = { .registry = w->r.registry,
                                           .keys = w->keys,
                                           .issuer = KE_STR("https://issuer"),
                                           .clock = &w->r.clock };
    assert_int_equal(auth_bearer_new(&options, &w->bearer, &err), KE_OK);
    assert_int_equal(
        test_create(&w->r, MODEL_SERVICEACCOUNT, "default", "{\"metadata\":{\"name\":\"bot\"}}"),
        KE_OK);
    assert_int_equal(test_create(&w->r, MODEL_POD, "default",
                                 "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"serviceAccountName\":"
                                 "\"bot\",\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\","
                                 "\"image\":\"x\"}]}}"),
                     KE_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    auth_bearer_free(w->bearer);
    token_keys_free(w->keys);
    test_resources_deinit(&w->r);
    free(w);
    return 0;
}

static enum ke_code request_token(struct world *w, cJSON *body, struct ke_err *err)
{
    struct model_issues issues;
    struct ke_arena *arena = ke_arena_new(1U << 20);
    if (arena == NULL)
        return ke_fail(err, KE_NOMEM, "arena");
    model_issues_init(&issues, arena);
    struct token_request request = { .ns = KE_STR("default"),
                                     .name = KE_STR("bot"),
                                     .body = body,
                                     .arena = arena,
                                     .issues = &issues };
    enum ke_code rc = token_request_run(w->bearer, &request, err);
    ke_arena_free(arena);
    return rc;
}

/* The token, terminated. */
static void issue_failing(struct world *w, struct ke_buf *out)
{
    static const char text[] =
        "{\"spec\":{\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
        "\"name\":\"p\"}}}";
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_json *body = NULL;
        assert_true(n < ROUNDS_MAX);
        assert_int_equal(ke_json_parse(KE_STR(text), &body, &err), KE_OK);
        test_alloc_fail_at(n);
        enum ke_code rc = request_token(w, body, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            ke_buf_add_str(out, ke_json_path_str(body, "status.token"));
            return;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
}

static void tokens_are_issued_or_not_at_all(void **state)
{
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    issue_failing(*state, &token);
    assert_true(token.len > 100);
}

static void tokens_are_not_refused_for_want_of_memory(void **state)
{
    struct world *w = *state;
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    issue_failing(w, &token);
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        struct auth_bearer_question question = { .token = ke_buf_str(&token) };
        struct auth_bearer_result *result = calloc(1, sizeof(*result));
        KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 16);
        assert_true(n < ROUNDS_MAX);
        test_alloc_fail_at(n);
        enum ke_code rc = auth_bearer_check(w->bearer, &question, arena, result, &err);
        bool has_failed = test_alloc_end();
        free(result);
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            return;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tokens_are_issued_or_not_at_all),
        TEST(tokens_are_not_refused_for_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
