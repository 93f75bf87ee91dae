/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for certificates, tokens in Secrets and bootstrap tokens: what becomes of them in time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/net/tls/x509.h"
#include "test/support/controllers.h"

/* O=system:nodes, CN=system:node:n1; by OpenSSL. */
static const char node_csr[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                               "MIHrMIGSAgEAMDAxFTATBgNVBAoMDHN5c3RlbTpub2RlczEXMBUGA1UEAwwOc3lz\n"
                               "dGVtOm5vZGU6bjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATFn45gX4eRAdJA\n"
                               "jvhFZgiQxLRvR2+JB7ZaZhBrZsVeZ31fpNYA9XKaOsiteDQbGbZC63JB1Y3miRUB\n"
                               "tAttUXZZoAAwCgYIKoZIzj0EAwIDSAAwRQIgQXtNkitME53LiEdKYs4z8KzH4TIO\n"
                               "CQsZGjmOhmJ9sZECIQCI6Y5MSwKyw0TeaZcfVy1C+7A7ABZPHMhmqbr40IhqBA==\n"
                               "-----END CERTIFICATE REQUEST-----\n";

#define CSR MODEL_CERTIFICATESIGNINGREQUEST

static void ask(struct test_controllers *t, const char *signer, const char *usages)
{
    ke_auto_buf body = KE_BUF_INIT(1U << 16);
    const struct auth_user asker = { .name = KE_STR("system:bootstrap:abcdef") };
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"request\":\"");
    ke_buf_add_base64(&body, node_csr, strlen(node_csr));
    ke_buf_addf(&body, "\",\"signerName\":\"kubernetes.io/%s\",\"usages\":[%s]}}%c", signer, usages,
                '\0');
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(CSR),
                                        .asker = &asker };
    assert_int_equal(test_write(&t->r, request, body.ptr), KE_OK);
}

#define NODE_USAGES "\"client auth\",\"digital signature\""

static void decide(struct test_controllers *t, const char *type)
{
    char body[256];
    (void)snprintf(body, sizeof(body),
                   "{\"status\":{\"conditions\":[{\"type\":\"%s\",\"status\":\"True\"}]}}", type);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(CSR),
                                        .name = KE_STR("c"),
                                        .subresource = KE_STR("approval") };
    assert_int_equal(test_write(&t->r, request, body), KE_OK);
}

static bool is_issued(struct test_controllers *t, void *ctx)
{
    (void)ctx;
    return test_read(t, CSR, "", "c") && strlen(test_field(&t->r, "status.certificate")) > 0;
}

static void a_node_that_may_is_approved_and_signed(void **state)
{
    struct test_controllers *t = *state;
    struct ke_err err = KE_ERR_INIT;
    struct x509_info info;
    ke_auto_buf pem = KE_BUF_INIT(1U << 16);
    ask(t, "kube-apiserver-client-kubelet", NODE_USAGES);
    test_wait(t, is_issued, NULL, "the certificate");
    assert_string_equal(test_field(&t->r, "status.conditions.0.reason"), "AutoApproved");
    assert_int_equal(
        ke_base64_decode(ke_str_c(test_field(&t->r, "status.certificate")), &pem, &err), KE_OK);
    assert_int_equal(x509_read(ke_buf_str(&pem), &info, &err), KE_OK);
    assert_string_equal(info.common_name, "system:node:n1");
    assert_true(x509_is_signed_by(ke_buf_str(&pem), ke_buf_str(&t->ca_pair)));
}

static bool is_settled(struct test_controllers *t, void *ctx)
{
    unsigned *turns = ctx;
    (void)t;
    return ++*turns > 20;
}

static void a_node_that_may_not_waits_for_a_person(void **state)
{
    struct test_controllers *t = *state;
    unsigned turns = 0;
    t->is_forbidding = true;
    ask(t, "kube-apiserver-client-kubelet", NODE_USAGES);
    test_wait(t, is_settled, &turns, "some turns");
    assert_true(test_read(t, CSR, "", "c"));
    assert_string_equal(test_field(&t->r, "status.conditions.0.type"), "");
    decide(t, "Approved");
    test_wait(t, is_issued, NULL, "the certificate");
}

static void what_is_not_signed_fails_with_its_reason(void **state)
{
    struct test_controllers *t = *state;
    ask(t, "kube-apiserver-client", "\"server auth\"");
    decide(t, "Approved");
    test_wait_field(t, CSR, "", "c", "status.conditions.1.type", "Failed");
    assert_string_equal(test_field(&t->r, "status.conditions.1.reason"), "SignerValidationFailure");
    assert_string_equal(test_field(&t->r, "status.certificate"), "");
}

/* Looked at again when it changes. */
static void touch(struct test_controllers *t)
{
    assert_int_equal(test_merge(&t->r, CSR, "", "c", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
                     KE_OK);
}

static void answered_requests_are_forgotten_after_an_hour(void **state)
{
    struct test_controllers *t = *state;
    ask(t, "kube-apiserver-client", "\"client auth\"");
    decide(t, "Denied");
    t->r.wall_us += (int64_t)3601 * 1000000;
    touch(t);
    test_wait_gone(t, CSR, "", "c");
}

static void unanswered_requests_are_forgotten_after_a_day(void **state)
{
    struct test_controllers *t = *state;
    unsigned turns = 0;
    ask(t, "kube-apiserver-client", "\"client auth\"");
    t->r.wall_us += (int64_t)23 * 3600 * 1000000;
    touch(t);
    test_wait(t, is_settled, &turns, "some turns");
    assert_true(test_exists(&t->r, CSR, "", "c"));
    t->r.wall_us += (int64_t)3601 * 1000000;
    assert_int_equal(test_merge(&t->r, CSR, "", "c", "{\"metadata\":{\"labels\":{\"a\":\"c\"}}}"),
                     KE_OK);
    test_wait_gone(t, CSR, "", "c");
}

#define TOKEN_SECRET                                                                               \
    "{\"metadata\":{\"name\":\"s\",\"annotations\":{\"kubernetes.io/service-account.name\":"       \
    "\"bot\"}},\"type\":\"kubernetes.io/service-account-token\"}"

static bool has_token(struct test_controllers *t, void *ctx)
{
    (void)ctx;
    return test_read(t, MODEL_SECRET, "default", "s") &&
           strlen(test_field(&t->r, "data.token")) > 0;
}

static void secrets_of_accounts_are_filled_and_go_with_them(void **state)
{
    struct test_controllers *t = *state;
    struct ke_err err = KE_ERR_INIT;
    struct auth_bearer_result *result = calloc(1, sizeof(*result));
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 16);
    ke_auto_buf token = KE_BUF_INIT(1U << 16);
    assert_int_equal(
        test_create(&t->r, MODEL_SERVICEACCOUNT, "default", "{\"metadata\":{\"name\":\"bot\"}}"),
        KE_OK);
    assert_int_equal(test_create(&t->r, MODEL_SECRET, "default", TOKEN_SECRET), KE_OK);
    test_wait(t, has_token, NULL, "the token");
    assert_string_equal(test_field(&t->r, "data.namespace"), "ZGVmYXVsdA==");
    assert_int_equal(ke_base64_decode(ke_str_c(test_field(&t->r, "data.token")), &token, &err),
                     KE_OK);
    struct auth_bearer_question question = { .token = ke_buf_str(&token) };
    assert_int_equal(auth_bearer_check(t->bearer, &question, arena, result, &err), KE_OK);
    assert_true(ke_str_eq_c(result->user.name, "system:serviceaccount:default:bot"));
    free(result);
    assert_int_equal(test_remove(&t->r, MODEL_SERVICEACCOUNT, "default", "bot"), KE_OK);
    test_wait_gone(t, MODEL_SECRET, "default", "s");
}

static void bootstrap_tokens_that_are_over_are_deleted(void **state)
{
    struct test_controllers *t = *state;
    unsigned turns = 0;
    test_wait_field(t, MODEL_NAMESPACE, "", "kube-system", "status.phase", "Active");
    assert_int_equal(test_create(&t->r, MODEL_SECRET, "kube-system",
                                 "{\"metadata\":{\"name\":\"bootstrap-token-abcdef\"},\"type\":"
                                 "\"bootstrap.kubernetes.io/token\",\"stringData\":{\"expiration\":"
                                 "\"2001-01-01T00:00:00Z\"}}"),
                     KE_OK);
    assert_int_equal(test_create(&t->r, MODEL_SECRET, "kube-system",
                                 "{\"metadata\":{\"name\":\"bootstrap-token-ffffff\"},\"type\":"
                                 "\"bootstrap.kubernetes.io/token\",\"stringData\":{\"expiration\":"
                                 "\"9999-01-01T00:00:00Z\"}}"),
                     KE_OK);
    test_wait_gone(t, MODEL_SECRET, "kube-system", "bootstrap-token-abcdef");
    test_wait(t, is_settled, &turns, "some turns");
    assert_true(test_exists(&t->r, MODEL_SECRET, "kube-system", "bootstrap-token-ffffff"));
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_controllers_set_up, test_controllers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_node_that_may_is_approved_and_signed),
        TEST(a_node_that_may_not_waits_for_a_person),
        TEST(what_is_not_signed_fails_with_its_reason),
        TEST(answered_requests_are_forgotten_after_an_hour),
        TEST(unanswered_requests_are_forgotten_after_a_day),
        TEST(secrets_of_accounts_are_filled_and_go_with_them),
        TEST(bootstrap_tokens_that_are_over_are_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
