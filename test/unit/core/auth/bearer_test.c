/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens against a registry in memory, with a clock that is moved: who comes with them, and when
 * they end. */
#include <stdlib.h>

#include "core/auth/bearer.h"
#include "core/auth/bootstrap.h"
#include "core/auth/token_request.h"
#include "core/base/limits.h"
#include "core/base/thread.h"
#include "core/net/tls/x509.h"
#include "test/support/resources.h"

#define ISSUER "https://kubernetes.default.svc.cluster.local"

struct world {
    struct test_resources r;
    struct token_keys *keys;
    struct auth_bearer *bearer;
    struct ke_arena *arena;
    struct auth_bearer_result result;
    struct ke_err err;
    struct ke_buf token; /* of the last request, terminated */
    cJSON *answer;
};

static struct token_keys *keys_new(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct token_keys *keys = NULL;
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    assert_int_equal(x509_key_new(&pem, &err), KE_OK);
    assert_int_equal(token_keys_new(ke_buf_str(&pem), NULL, 0, &keys, &err), KE_OK);
    return keys;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    test_resources_init(&w->r, false);
    w->keys = keys_new();
    w->token = (struct ke_buf)KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    w->arena = ke_arena_new(1U << 20);
    struct auth_bearer_options options = {
        .registry = w->r.registry, .keys = w->keys, .issuer = KE_STR(ISSUER), .clock = &w->r.clock
    };
    assert_int_equal(auth_bearer_new(&options, &w->bearer, &w->err), KE_OK);
    assert_int_equal(
        test_create(&w->r, MODEL_SERVICEACCOUNT, "default", "{\"metadata\":{\"name\":\"bot\"}}"),
        KE_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cJSON_Delete(w->answer);
    ke_buf_free(&w->token);
    ke_arena_free(w->arena);
    auth_bearer_free(w->bearer);
    token_keys_free(w->keys);
    test_resources_deinit(&w->r);
    free(w);
    return 0;
}

static enum ke_code ask(struct world *w, const char *spec, const struct auth_user *asker,
                        struct model_issues *issues)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    cJSON_Delete(w->answer);
    w->answer = NULL;
    ke_buf_addf(&text, "{\"spec\":%s}", spec);
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &w->answer, &w->err), KE_OK);
    model_issues_init(issues, w->arena);
    struct token_request request = { .ns = KE_STR("default"),
                                     .name = KE_STR("bot"),
                                     .asker = asker,
                                     .body = w->answer,
                                     .arena = w->arena,
                                     .issues = issues };
    enum ke_code rc = token_request_run(w->bearer, &request, &w->err);
    ke_buf_clear(&w->token);
    ke_buf_add_str(&w->token, ke_json_path_str(w->answer, "status.token"));
    return rc;
}

static void issue(struct world *w, const char *spec)
{
    struct model_issues issues;
    if (ask(w, spec, NULL, &issues) != KE_OK)
        fail_msg("%s", w->err.msg);
}

static enum ke_code check_for(struct world *w, struct ke_str audience)
{
    struct auth_bearer_question question = { .token = ke_buf_str(&w->token),
                                             .audiences = &audience,
                                             .n_audiences = audience.len > 0 ? 1 : 0 };
    return auth_bearer_check(w->bearer, &question, w->arena, &w->result, &w->err);
}

static enum ke_code check(struct world *w)
{
    return check_for(w, (struct ke_str){ NULL, 0 });
}

static void assert_refused(struct world *w, const char *why)
{
    assert_int_equal(check(w), KE_UNAUTHENTICATED);
    if (strstr(w->err.msg, why) == NULL)
        fail_msg("%s", w->err.msg);
}

static struct ke_str extra_of(const struct world *w, const char *key)
{
    for (size_t i = 0; i < w->result.user.n_extra; i++) {
        if (ke_str_eq_c(w->result.user.extra[i].key, key))
            return w->result.user.extra[i].value;
    }
    return (struct ke_str){ NULL, 0 };
}

static void a_token_says_which_account_it_is_of(void **state)
{
    struct world *w = *state;
    issue(w, "{}");
    assert_int_equal(check(w), KE_OK);
    assert_true(ke_str_eq_c(w->result.user.name, "system:serviceaccount:default:bot"));
    assert_true(ke_str_eq_c(w->result.user.uid, test_field(&w->r, "metadata.uid")));
    assert_int_equal(w->result.user.n_groups, 3);
    assert_true(auth_user_is_in(&w->result.user, "system:serviceaccounts:default"));
    assert_true(ke_str_has_prefix(extra_of(w, "authentication.kubernetes.io/credential-id"),
                                  KE_STR("JTI=")));
    assert_int_equal(w->result.n_audiences, 1);
    assert_true(ke_str_eq_c(w->result.audiences[0], ISSUER));
}

static void a_signature_is_checked_once(void **state)
{
    struct world *w = *state;
    issue(w, "{}");
    struct auth_bearer_question quick = { .token = ke_buf_str(&w->token), .is_quick = true };
    assert_int_equal(auth_bearer_check(w->bearer, &quick, w->arena, &w->result, &w->err), KE_AGAIN);
    for (int i = 0; i < 4; i++)
        assert_int_equal(check(w), KE_OK);
    assert_int_equal(auth_bearer_check(w->bearer, &quick, w->arena, &w->result, &w->err), KE_OK);
    struct auth_bearer_counts counts = auth_bearer_counts(w->bearer);
    assert_int_equal(counts.n_verified, 1);
    assert_int_equal(counts.n_remembered, 4);
}

static void times_are_kept_with_a_minute_of_leeway(void **state)
{
    struct world *w = *state;
    issue(w, "{\"expirationSeconds\":600}");
    int64_t issued_us = w->r.wall_us;
    w->r.wall_us = issued_us + (int64_t)659 * 1000000;
    assert_int_equal(check(w), KE_OK);
    w->r.wall_us = issued_us + (int64_t)661 * 1000000;
    assert_refused(w, "service account token has expired");
    w->r.wall_us = issued_us - (int64_t)61 * 1000000;
    assert_refused(w, "service account token is not valid yet");
}

static void a_token_is_for_its_audiences_only(void **state)
{
    struct world *w = *state;
    issue(w, "{\"audiences\":[\"vault\",\"x\"]}");
    assert_refused(w, "token audiences [\"vault\" \"x\"] is invalid for the target audiences "
                      "[\"" ISSUER "\"]");
    assert_int_equal(check_for(w, KE_STR("vault")), KE_OK);
    assert_int_equal(w->result.n_audiences, 1);
    assert_true(ke_str_eq_c(w->result.audiences[0], "vault"));
}

static void a_token_ends_with_its_account_though_it_is_remembered(void **state)
{
    struct world *w = *state;
    issue(w, "{}");
    assert_int_equal(check(w), KE_OK);
    assert_int_equal(test_remove(&w->r, MODEL_SERVICEACCOUNT, "default", "bot"), KE_OK);
    assert_refused(w, "serviceaccounts \"bot\" not found");
    assert_int_equal(
        test_create(&w->r, MODEL_SERVICEACCOUNT, "default", "{\"metadata\":{\"name\":\"bot\"}}"),
        KE_OK);
    assert_refused(w, "does not match claim");
}

static const char pod_body[] = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\","
                               "\"serviceAccountName\":\"bot\",\"containers\":[{\"name\":\"c\","
                               "\"image\":\"x\"}]}}";
#define BOUND_TO_POD "\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\"}"

static void a_pods_token_ends_a_minute_behind_the_pods_deletion(void **state)
{
    struct world *w = *state;
    assert_int_equal(test_create(&w->r, MODEL_NODE, "", "{\"metadata\":{\"name\":\"n1\"}}"), KE_OK);
    assert_int_equal(test_create(&w->r, MODEL_POD, "default", pod_body), KE_OK);
    issue(w, "{" BOUND_TO_POD "}");
    assert_int_equal(check(w), KE_OK);
    assert_true(ke_str_eq_c(extra_of(w, "authentication.kubernetes.io/pod-name"), "p"));
    assert_true(ke_str_eq_c(extra_of(w, "authentication.kubernetes.io/pod-uid"),
                            test_field(&w->r, "metadata.uid")));
    assert_true(ke_str_eq_c(extra_of(w, "authentication.kubernetes.io/node-name"), "n1"));
    assert_true(extra_of(w, "authentication.kubernetes.io/node-uid").len > 0);
    /* Scheduled: it is marked, to be gone in 30 seconds, and may say good-bye a minute longer. */
    assert_int_equal(test_remove(&w->r, MODEL_POD, "default", "p"), KE_OK);
    assert_int_equal(check(w), KE_OK);
    w->r.wall_us += (int64_t)95 * 1000000;
    assert_refused(w, "service account token has been invalidated");
}

static void a_token_ends_with_what_it_is_bound_to(void **state)
{
    struct world *w = *state;
    static const struct {
        enum model_kind_id kind;
        const char *ns, *name;
    } cases[] = { { MODEL_SECRET, "default", "Secret" }, { MODEL_NODE, "", "Node" } };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_buf spec = KE_BUF_INIT(1024);
        assert_int_equal(
            test_create(&w->r, cases[i].kind, cases[i].ns, "{\"metadata\":{\"name\":\"thing\"}}"),
            KE_OK);
        ke_buf_addf(&spec,
                    "{\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"%s\",\"name\":"
                    "\"thing\"}}%c",
                    cases[i].name, '\0');
        issue(w, spec.ptr);
        assert_int_equal(check(w), KE_OK);
        assert_int_equal(test_remove(&w->r, cases[i].kind, cases[i].ns, "thing"), KE_OK);
        assert_refused(w, "service account token has been invalidated");
    }
}

static void a_pods_own_token_warns_after_its_hour_and_lives_a_year(void **state)
{
    struct world *w = *state;
    assert_int_equal(test_create(&w->r, MODEL_POD, "default", pod_body), KE_OK);
    issue(w, "{\"expirationSeconds\":3607," BOUND_TO_POD "}");
    struct jwt jwt;
    struct token_claims claims;
    assert_int_equal(jwt_parse(ke_buf_str(&w->token), &jwt, &w->err), KE_OK);
    assert_int_equal(token_claims_read(jwt.claims, &claims, &w->err), KE_OK);
    assert_int_equal(claims.warn_after_s - claims.issued_s, 3607);
    assert_int_equal(claims.expires_s - claims.issued_s, (int64_t)365 * 24 * 60 * 60);
    jwt_clear(&jwt);
    /* One for somebody else does not. */
    issue(w, "{\"expirationSeconds\":3607,\"audiences\":[\"vault\"]," BOUND_TO_POD "}");
    assert_int_equal(jwt_parse(ke_buf_str(&w->token), &jwt, &w->err), KE_OK);
    assert_int_equal(token_claims_read(jwt.claims, &claims, &w->err), KE_OK);
    assert_int_equal(claims.expires_s - claims.issued_s, 3607);
    jwt_clear(&jwt);
}

static void a_node_is_given_tokens_of_its_own_pods_only(void **state)
{
    struct world *w = *state;
    struct model_issues issues;
    struct auth_user node = { .name = KE_STR("system:node:n1"),
                              .groups = { KE_STR("system:nodes") },
                              .n_groups = 1 };
    struct auth_user other = node;
    ke_auto_buf spec = KE_BUF_INIT(1024);
    other.name = KE_STR("system:node:n2");
    assert_int_equal(test_create(&w->r, MODEL_POD, "default", pod_body), KE_OK);
    ke_buf_addf(&spec,
                "{\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\","
                "\"uid\":\"%s\"}}%c",
                test_field(&w->r, "metadata.uid"), '\0');
    assert_int_equal(ask(w, spec.ptr, &node, &issues), KE_OK);
    assert_int_equal(ask(w, spec.ptr, &other, &issues), KE_DENIED);
    assert_int_equal(ask(w, "{" BOUND_TO_POD "}", &node, &issues), KE_DENIED);
    assert_int_equal(ask(w, "{}", &node, &issues), KE_DENIED);
}

static void requests_are_held_to_their_bounds(void **state)
{
    struct world *w = *state;
    struct model_issues issues;
    assert_int_equal(ask(w, "{\"expirationSeconds\":599}", NULL, &issues), KE_INVALID);
    assert_int_equal(ask(w, "{\"expirationSeconds\":4294967297}", NULL, &issues), KE_INVALID);
    assert_int_equal(ask(w,
                         "{\"audiences\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\","
                         "\"j\",\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\"]}",
                         NULL, &issues),
                     KE_INVALID);
    assert_int_equal(
        ask(w, "{\"boundObjectRef\":{\"kind\":\"Pod\",\"name\":\"p\"}}", NULL, &issues),
        KE_NOT_FOUND);
    assert_int_equal(
        ask(w, "{\"boundObjectRef\":{\"kind\":\"Pod\",\"name\":\"a/b\"}}", NULL, &issues),
        KE_NOT_FOUND);
    assert_int_equal(ask(w,
                         "{\"boundObjectRef\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
                         "\"name\":\"p\"}}",
                         NULL, &issues),
                     KE_MALFORMED);
    /* Over a year is cut. */
    assert_int_equal(ask(w, "{\"expirationSeconds\":4294967296}", NULL, &issues), KE_OK);
    assert_int_equal((int64_t)ke_json_path(w->answer, "spec.expirationSeconds")->valuedouble,
                     (int64_t)365 * 24 * 60 * 60);
}

/* ---- tokens of Secrets */

static void fill_secret(struct world *w, struct ke_str token)
{
    ke_auto_buf body = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"s\",\"annotations\":{"
                        "\"kubernetes.io/service-account.name\":\"bot\"}},"
                        "\"type\":\"kubernetes.io/service-account-token\",\"data\":{\"token\":\"");
    ke_buf_add_base64(&body, token.ptr, token.len);
    ke_buf_addf(&body, "\"}}%c", '\0');
    assert_int_equal(test_create(&w->r, MODEL_SECRET, "default", body.ptr), KE_OK);
}

static void a_secrets_token_lives_as_long_as_it_is_in_there(void **state)
{
    struct world *w = *state;
    ke_auto_buf uid = KE_BUF_INIT(64);
    ke_buf_add_c(&uid, test_field(&w->r, "metadata.uid"));
    struct token_claims claims = { .is_legacy = true,
                                   .ns = KE_STR("default"),
                                   .account = { KE_STR("bot"), ke_buf_str(&uid) },
                                   .secret = { KE_STR("s"), { NULL, 0 } } };
    ke_buf_clear(&w->token);
    assert_int_equal(auth_bearer_issue(w->bearer, &claims, &w->token, &w->err), KE_OK);
    assert_refused(w, "Token has been invalidated");
    fill_secret(w, ke_buf_str(&w->token));
    assert_int_equal(check(w), KE_OK);
    assert_true(ke_str_eq_c(w->result.user.name, "system:serviceaccount:default:bot"));
    w->r.wall_us += (int64_t)10 * 365 * 24 * 3600 * 1000000;
    assert_int_equal(check(w), KE_OK);
    assert_int_equal(test_remove(&w->r, MODEL_SECRET, "default", "s"), KE_OK);
    fill_secret(w, KE_STR("another"));
    assert_refused(w, "Token does not match server's copy");
}

static void keys_of_strangers_open_nothing(void **state)
{
    struct world *w = *state;
    struct token_keys *others = keys_new();
    issue(w, "{}");
    struct jwt jwt;
    ke_auto_buf claims = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    assert_int_equal(jwt_parse(ke_buf_str(&w->token), &jwt, &w->err), KE_OK);
    ke_json_print(jwt.claims, &claims);
    jwt_clear(&jwt);
    ke_buf_clear(&w->token);
    assert_int_equal(token_keys_sign(others, ke_buf_str(&claims), &w->token, &w->err), KE_OK);
    assert_refused(w, "invalid token");
    /* The same claims by the right key are good. */
    ke_buf_clear(&w->token);
    assert_int_equal(token_keys_sign(w->keys, ke_buf_str(&claims), &w->token, &w->err), KE_OK);
    assert_int_equal(check(w), KE_OK);
    token_keys_free(others);
}

static void claims_that_are_not_an_accounts_are_refused(void **state)
{
    struct world *w = *state;
    static const char *const cases[] = {
        "{}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"system:admin\",\"aud\":\"" ISSUER "\",\"exp\":9e9,"
        "\"iat\":1,\"nbf\":1}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"system:serviceaccount:default:bot\",\"aud\":[],"
        "\"exp\":9e9,\"iat\":1,\"nbf\":1,\"kubernetes.io\":{\"namespace\":\"default\","
        "\"serviceaccount\":{\"name\":\"bot\",\"uid\":\"u\"}}}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"system:serviceaccount:default:other\",\"aud\":\"" ISSUER
        "\",\"exp\":9e9,\"iat\":1,\"nbf\":1,\"kubernetes.io\":{\"namespace\":\"default\","
        "\"serviceaccount\":{\"name\":\"bot\",\"uid\":\"u\"}}}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"system:serviceaccount:default:bot\",\"aud\":\"" ISSUER
        "\",\"exp\":\"never\",\"iat\":1,\"nbf\":1,\"kubernetes.io\":{\"namespace\":\"default\","
        "\"serviceaccount\":{\"name\":\"bot\",\"uid\":\"u\"}}}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"system:serviceaccount:default:bot\",\"aud\":\"" ISSUER
        "\",\"exp\":1e300,\"iat\":1,\"nbf\":1,\"kubernetes.io\":{\"namespace\":\"default\","
        "\"serviceaccount\":{\"name\":\"bot\",\"uid\":\"u\"}}}",
        "{\"iss\":\"kubernetes/serviceaccount\",\"sub\":\"system:serviceaccount:default:bot\"}",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_buf_clear(&w->token);
        assert_int_equal(token_keys_sign(w->keys, ke_str_c(cases[i]), &w->token, &w->err), KE_OK);
        assert_refused(w, "invalid token");
    }
}

/* ---- bootstrap tokens */

#define BOOTSTRAP(extra)                                                                              \
    "{\"metadata\":{\"name\":\"bootstrap-token-abcdef\"},\"type\":\"bootstrap.kubernetes.io/token\"," \
    "\"stringData\":{\"token-id\":\"abcdef\",\"token-secret\":\"0123456789abcdef\"" extra "}}"

static enum ke_code check_text(struct world *w, const char *token)
{
    ke_buf_clear(&w->token);
    ke_buf_add_c(&w->token, token);
    return check(w);
}

static void bootstrap_tokens_are_those_of_their_secret(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        test_create(&w->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"kube-system\"}}"),
        KE_OK);
    assert_int_equal(check_text(w, "abcdef.0123456789abcdef"), KE_UNAUTHENTICATED);
    assert_int_equal(
        test_create(
            &w->r, MODEL_SECRET, "kube-system",
            BOOTSTRAP(",\"usage-bootstrap-authentication\":\"true\","
                      "\"auth-extra-groups\":\"system:bootstrappers:a,system:bootstrappers:b\"")),
        KE_OK);
    assert_int_equal(check_text(w, "abcdef.0123456789abcdef"), KE_OK);
    assert_true(ke_str_eq_c(w->result.user.name, "system:bootstrap:abcdef"));
    assert_int_equal(w->result.user.n_groups, 4);
    assert_true(auth_user_is_in(&w->result.user, "system:bootstrappers:b"));
    assert_int_equal(check_text(w, "abcdef.0123456789abcdee"), KE_UNAUTHENTICATED);
    assert_int_equal(check_text(w, "abcdef.0123456789abcdef0"), KE_UNAUTHENTICATED);
    assert_int_equal(check_text(w, "ABCDEF.0123456789abcdef"), KE_UNAUTHENTICATED);
}

static void bootstrap_tokens_without_use_or_time_are_refused(void **state)
{
    struct world *w = *state;
    static const char *const bodies[] = {
        BOOTSTRAP(""),
        BOOTSTRAP(",\"usage-bootstrap-authentication\":\"yes\""),
        BOOTSTRAP(",\"usage-bootstrap-authentication\":\"true\",\"expiration\":"
                  "\"2001-01-01T00:00:00Z\""),
        BOOTSTRAP(",\"usage-bootstrap-authentication\":\"true\",\"expiration\":\"soon\""),
        BOOTSTRAP(",\"usage-bootstrap-authentication\":\"true\",\"auth-extra-groups\":"
                  "\"system:masters\""),
    };
    assert_int_equal(
        test_create(&w->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"kube-system\"}}"),
        KE_OK);
    for (size_t i = 0; i < KE_ARRAY_LEN(bodies); i++) {
        assert_int_equal(test_create(&w->r, MODEL_SECRET, "kube-system", bodies[i]), KE_OK);
        if (check_text(w, "abcdef.0123456789abcdef") != KE_UNAUTHENTICATED)
            fail_msg("%s", bodies[i]);
        assert_int_equal(test_remove(&w->r, MODEL_SECRET, "kube-system", "bootstrap-token-abcdef"),
                         KE_OK);
    }
}

/* ---- threads */

struct reader {
    struct world *w;
    struct ke_thread thread;
    unsigned n_good, n_refused;
};

static void read_loop(void *ctx)
{
    struct reader *reader = ctx;
    struct world *w = reader->w;
    for (int i = 0; i < 300; i++) {
        KE_AUTO(ke_arena) *arena = ke_arena_new(64U << 10);
        struct auth_bearer_result *result = calloc(1, sizeof(*result));
        struct ke_err err = KE_ERR_INIT;
        struct auth_bearer_question question = { .token = ke_buf_str(&w->token) };
        enum ke_code rc = auth_bearer_check(w->bearer, &question, arena, result, &err);
        if (rc == KE_OK)
            reader->n_good++;
        else if (rc == KE_UNAUTHENTICATED)
            reader->n_refused++;
        free(result);
    }
}

static void threads_share_what_is_remembered(void **state)
{
    struct world *w = *state;
    struct reader readers[4] = { 0 };
    issue(w, "{}");
    for (size_t i = 0; i < KE_ARRAY_LEN(readers); i++) {
        readers[i].w = w;
        assert_int_equal(
            ke_thread_start(&readers[i].thread, "reader", read_loop, &readers[i], &w->err), KE_OK);
    }
    assert_int_equal(test_remove(&w->r, MODEL_SERVICEACCOUNT, "default", "bot"), KE_OK);
    for (size_t i = 0; i < KE_ARRAY_LEN(readers); i++) {
        ke_thread_join(&readers[i].thread);
        assert_int_equal(readers[i].n_good + readers[i].n_refused, 300);
    }
    assert_refused(w, "not found");
    /* Each thread may have checked it once before the first one had remembered it. */
    assert_in_range(auth_bearer_counts(w->bearer).n_verified, 1, KE_ARRAY_LEN(readers));
}

/* ---- key sets */

static void old_keys_verify_and_one_key_counts_once(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf new_pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf old_pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf jwks = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_json *json = NULL;
    KE_AUTO(token_keys) *keys = NULL;
    assert_int_equal(x509_key_new(&new_pem, &err), KE_OK);
    assert_int_equal(x509_key_new(&old_pem, &err), KE_OK);
    const struct ke_str others[] = { ke_buf_str(&old_pem), ke_buf_str(&old_pem),
                                     ke_buf_str(&new_pem) };
    assert_int_equal(
        token_keys_new(ke_buf_str(&new_pem), others, KE_ARRAY_LEN(others), &keys, &err), KE_OK);
    token_keys_print_jwks(keys, &jwks);
    assert_int_equal(ke_json_parse(ke_buf_str(&jwks), &json, &err), KE_OK);
    assert_int_equal(cJSON_GetArraySize(ke_json_get(json, "keys")), 2);
    assert_null(ke_json_get(ke_json_get(json, "keys")->child, "d"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_says_which_account_it_is_of),
        TEST(a_signature_is_checked_once),
        TEST(times_are_kept_with_a_minute_of_leeway),
        TEST(a_token_is_for_its_audiences_only),
        TEST(a_token_ends_with_its_account_though_it_is_remembered),
        TEST(a_pods_token_ends_a_minute_behind_the_pods_deletion),
        TEST(a_token_ends_with_what_it_is_bound_to),
        TEST(a_pods_own_token_warns_after_its_hour_and_lives_a_year),
        TEST(a_node_is_given_tokens_of_its_own_pods_only),
        TEST(requests_are_held_to_their_bounds),
        TEST(a_secrets_token_lives_as_long_as_it_is_in_there),
        TEST(keys_of_strangers_open_nothing),
        TEST(claims_that_are_not_an_accounts_are_refused),
        TEST(bootstrap_tokens_are_those_of_their_secret),
        TEST(bootstrap_tokens_without_use_or_time_are_refused),
        TEST(threads_share_what_is_remembered),
        cmocka_unit_test(old_keys_verify_and_one_key_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
