/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens over TLS: made, shown, used by many clients at once, and refused. */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/thread.h"
#include "test/support/api.h"

#define ACCOUNTS "/api/v1/namespaces/default/serviceaccounts"
#define REVIEWS  "/apis/authentication.k8s.io/v1/tokenreviews"
#define WHO_AM_I "/apis/authentication.k8s.io/v1/selfsubjectreviews"

struct call {
    const char *method, *path, *authorization, *body;
};

/* As a client without a certificate. */
static unsigned call_tls(const struct test_api *f, const struct call *call, struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    unsigned status = 0;
    struct tls_context *tls = NULL;
    struct tls_client_options client = { .ca_pem = { NULL, 0 } };
    if (tls_client_new(&client, &tls, &err) != KE_OK)
        return 0;
    struct http_client_target target = { .host = KE_STR("127.0.0.1"),
                                         .port = f->address.port,
                                         .tls = tls,
                                         .timeout_ms = TEST_API_DEADLINE_MS };
    struct http_client_request request = { .method = ke_str_c(call->method),
                                           .path = ke_str_c(call->path),
                                           .content_type = ke_str_c(
                                               call->body != NULL ? "application/json" : NULL),
                                           .authorization = ke_str_c(call->authorization),
                                           .body = ke_str_c(call->body) };
    ke_buf_clear(out);
    enum ke_code rc = http_client_call(&target, &request, &status, out, &err);
    tls_context_unref(tls);
    ke_buf_add_char(out, '\0');
    return rc == KE_OK ? status : 0;
}

/* "Bearer TOKEN" of account bot, which is made. */
static void make_token(struct test_api *f, struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    assert_int_equal(test_api_post(f, ACCOUNTS, "{\"metadata\":{\"name\":\"bot\"}}"), 201);
    assert_int_equal(test_api_post(f, ACCOUNTS "/bot/token", "{}"), 201);
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
    assert_true(ke_str_eq_c(ke_json_str(json, "kind"), "TokenRequest"));
    assert_true(ke_json_path_str(json, "status.expirationTimestamp").len > 0);
    ke_buf_add_c(out, "Bearer ");
    ke_buf_add_str(out, ke_json_path_str(json, "status.token"));
    ke_buf_add_char(out, '\0');
}

static void a_token_says_who_asks(void **state)
{
    struct test_api *f = *state;
    ke_auto_buf token = KE_BUF_INIT(16384);
    ke_auto_buf answer = KE_BUF_INIT(1U << 20);
    make_token(f, &token);
    struct call who = { "POST", WHO_AM_I, token.ptr, "{}" };
    assert_int_equal(call_tls(f, &who, &answer), 201);
    assert_non_null(strstr(answer.ptr, "\"username\":\"system:serviceaccount:default:bot\""));
    assert_non_null(strstr(answer.ptr, "\"authentication.kubernetes.io/credential-id\":[\"JTI="));
    /* A second time it is remembered. */
    assert_int_equal(call_tls(f, &who, &answer), 201);
    assert_int_equal(auth_bearer_counts(f->bearer).n_verified, 1);
    /* It may no more than its account may. */
    struct call list = { "GET", "/api/v1/pods", token.ptr, NULL };
    assert_int_equal(call_tls(f, &list, &answer), 403);
    assert_non_null(
        strstr(answer.ptr, "User \\\"system:serviceaccount:default:bot\\\" cannot list"));
}

static void bad_tokens_are_refused_everywhere(void **state)
{
    struct test_api *f = *state;
    static const char *const bad[] = { "Bearer x", "Bearer a.b.c", "bearer abcdef.0123456789abcdef",
                                       "Bearer eyJhbGciOiJub25lIn0.e30." };
    ke_auto_buf answer = KE_BUF_INIT(1U << 20);
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        struct call call = { "GET", "/healthz", bad[i], NULL };
        assert_int_equal(call_tls(f, &call, &answer), 401);
        assert_non_null(strstr(answer.ptr, "\"message\":\"Unauthorized\""));
    }
    struct call anonymous = { "GET", "/healthz", NULL, NULL };
    assert_int_equal(call_tls(f, &anonymous, &answer), 200);
}

struct client {
    struct test_api *f;
    const char *token;
    struct ke_thread thread;
    unsigned n_good, n_refused, n_other;
};

static void client_run(void *ctx)
{
    struct client *client = ctx;
    struct call who = { "POST", WHO_AM_I, client->token, "{}" };
    for (int i = 0; i < 10; i++) {
        ke_auto_buf answer = KE_BUF_INIT(1U << 20);
        unsigned status = call_tls(client->f, &who, &answer);
        client->n_good += status == 201 ? 1 : 0;
        client->n_refused += status == 401 ? 1 : 0;
        client->n_other += status != 201 && status != 401 ? 1 : 0;
    }
}

static void many_clients_share_a_token_until_its_account_goes(void **state)
{
    struct test_api *f = *state;
    struct client clients[4] = { 0 };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf token = KE_BUF_INIT(16384);
    ke_auto_buf answer = KE_BUF_INIT(1U << 20);
    make_token(f, &token);
    for (size_t i = 0; i < KE_ARRAY_LEN(clients); i++) {
        clients[i].f = f;
        clients[i].token = token.ptr;
        assert_int_equal(
            ke_thread_start(&clients[i].thread, "client", client_run, &clients[i], &err), KE_OK);
    }
    assert_int_equal(test_api_call(f, "DELETE", ACCOUNTS "/bot", "application/json", NULL), 200);
    struct call who = { "POST", WHO_AM_I, token.ptr, "{}" };
    assert_int_equal(call_tls(f, &who, &answer), 401);
    for (size_t i = 0; i < KE_ARRAY_LEN(clients); i++) {
        ke_thread_join(&clients[i].thread);
        assert_int_equal(clients[i].n_other, 0);
        assert_int_equal(clients[i].n_good + clients[i].n_refused, 10);
    }
}

static void reviews_say_whose_token_it_is_or_why_not(void **state)
{
    struct test_api *f = *state;
    static const char path[] = REVIEWS;
    ke_auto_buf token = KE_BUF_INIT(16384);
    ke_auto_buf body = KE_BUF_INIT(32768);
    make_token(f, &token);
    ke_buf_addf(&body, "{\"spec\":{\"token\":\"%s\"}}%c", token.ptr + strlen("Bearer "), '\0');
    assert_int_equal(test_api_post(f, path, body.ptr), 201);
    test_api_assert_has(f, "\"authenticated\":true");
    test_api_assert_has(f, "\"audiences\":[\"https://kubernetes.default.svc.cluster.local\"]");
    assert_int_equal(test_api_post(f, path, "{\"spec\":{\"token\":\"x\"}}"), 201);
    test_api_assert_has(f, "\"error\":\"[invalid bearer token, ");
    test_api_assert_lacks(f, "\"authenticated\":true");
    assert_int_equal(test_api_post(f, path, "{\"spec\":{}}"), 400);
    test_api_assert_has(f, "token is required for TokenReview in authentication");
    assert_int_equal(test_api_post(f, path, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}"), 400);
    assert_int_equal(test_api_post(f, path, "[]"), 400);
    assert_int_equal(test_api_post(f, path, "{\"spec\":{\"token\":7}}"), 400);
    assert_int_equal(test_api_get(f, path), 405);
    assert_int_equal(test_api_post(f, REVIEWS "?fieldValidation=Strict",
                                   "{\"spec\":{\"token\":\"x\",\"tokn\":\"y\"}}"),
                     400);
    test_api_assert_has(f, "unknown field \\\"spec.tokn\\\"");
}

static void requests_for_tokens_are_refused_in_upstreams_words(void **state)
{
    struct test_api *f = *state;
    ke_auto_buf token = KE_BUF_INIT(16384);
    make_token(f, &token);
    assert_int_equal(
        test_api_post(f, ACCOUNTS "/bot/token", "{\"spec\":{\"expirationSeconds\":60}}"), 422);
    test_api_assert_has(f, "TokenRequest.authentication.k8s.io \\\"\\\" is invalid: "
                           "spec.expirationSeconds: Invalid value: 60: may not specify a duration "
                           "less than 10 minutes");
    assert_int_equal(test_api_post(f, ACCOUNTS "/nobody/token", "{}"), 404);
    test_api_assert_has(f, "serviceaccounts \\\"nobody\\\" not found");
    assert_int_equal(test_api_post(f, ACCOUNTS "/bot/token", "{\"metadata\":{\"name\":\"other\"}}"),
                     422);
    test_api_assert_has(f, "must match the service account name if specified");
    assert_int_equal(test_api_get(f, ACCOUNTS "/bot/token"), 405);
}

static void keys_are_there_for_verifiers_elsewhere(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_get(f, "/openid/v1/jwks"), 200);
    test_api_assert_has(f, "\"alg\":\"ES256\"");
    test_api_assert_lacks(f, "\"d\":");
    assert_int_equal(test_api_get(f, "/.well-known/openid-configuration"), 200);
    test_api_assert_has(f, "\"issuer\":\"https://kubernetes.default.svc.cluster.local\"");
    test_api_assert_has(f, "/openid/v1/jwks\"");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_api_set_up, test_api_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_token_says_who_asks),
        CASE(bad_tokens_are_refused_everywhere),
        CASE(many_clients_share_a_token_until_its_account_goes),
        CASE(reviews_say_whose_token_it_is_or_why_not),
        CASE(requests_for_tokens_are_refused_in_upstreams_words),
        CASE(keys_are_there_for_verifiers_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
