/* SPDX-License-Identifier: Apache-2.0 */
/* What the built-in signers sign, who is approved, for how long, and when requests are forgotten.
 */
#include "core/base/json.h"
#include "core/controller/csr_decide.h"
#include "test/support/base/test.h"

#define DAY_S ((int64_t)24 * 60 * 60)

static cJSON *parse(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    return json;
}

static struct x509_csr node_csr(void)
{
    return (struct x509_csr){ .common_name = "system:node:n1",
                              .organizations = { "system:nodes" },
                              .n_organizations = 1 };
}

static void signers_sign_what_fits_them(void **state)
{
    (void)state;
    struct x509_csr plain = node_csr();
    struct x509_csr named = node_csr();
    struct x509_csr mail = node_csr();
    struct x509_csr alien = node_csr();
    struct x509_csr person = { .common_name = "jane" };
    named.n_dns_names = 1;
    mail.n_ips = 1;
    mail.n_emails = 1;
    alien.n_organizations = 2;
    const struct {
        enum csr_signer signer;
        const struct x509_csr *csr;
        const char *usages, *refusal;
    } cases[] = {
        { CSR_SIGNER_CLIENT, &person, "[\"client auth\"]", NULL },
        { CSR_SIGNER_CLIENT, &person, "[\"client auth\",\"key encipherment\"]", NULL },
        { CSR_SIGNER_CLIENT, &person, "[\"client auth\",\"server auth\"]", "usages did not match" },
        { CSR_SIGNER_CLIENT, &person, "[\"digital signature\"]", "usages did not match" },
        { CSR_SIGNER_NODE_CLIENT, &plain, "[\"client auth\",\"digital signature\"]", NULL },
        { CSR_SIGNER_NODE_CLIENT, &plain, "[\"client auth\"]", "usages did not match" },
        { CSR_SIGNER_NODE_CLIENT, &named, "[\"client auth\",\"digital signature\"]",
          "DNS subjectAltNames are not allowed" },
        { CSR_SIGNER_NODE_CLIENT, &alien, "[\"client auth\",\"digital signature\"]",
          "subject organization is not system:nodes" },
        { CSR_SIGNER_NODE_CLIENT, &person, "[\"client auth\",\"digital signature\"]",
          "subject organization is not system:nodes" },
        { CSR_SIGNER_NODE_SERVING, &named, "[\"server auth\",\"digital signature\"]", NULL },
        { CSR_SIGNER_NODE_SERVING, &plain, "[\"server auth\",\"digital signature\"]",
          "DNS or IP subjectAltName is required" },
        { CSR_SIGNER_NODE_SERVING, &mail, "[\"server auth\",\"digital signature\"]",
          "Email subjectAltNames are not allowed" },
        { CSR_SIGNER_NODE_SERVING, &named, "[\"client auth\",\"digital signature\"]",
          "usages did not match" },
        { CSR_SIGNER_OTHER, &named, "[\"client auth\"]", "not known" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_json *usages = parse(cases[i].usages);
        const char *why = csr_refusal(cases[i].signer, cases[i].csr, usages);
        if (cases[i].refusal == NULL)
            assert_null(why);
        else if (why == NULL || strstr(why, cases[i].refusal) == NULL)
            fail_msg("%zu: %s", i, why != NULL ? why : "signed");
    }
}

#define NODE_OBJECT(user)                                                                            \
    "{\"spec\":{\"signerName\":\"kubernetes.io/kube-apiserver-client-kubelet\",\"username\":\"" user \
    "\",\"usages\":[\"client auth\",\"digital signature\"]}}"

static void nodes_alone_are_approved_by_themselves(void **state)
{
    (void)state;
    struct x509_csr csr = node_csr();
    ke_auto_json *first = parse(NODE_OBJECT("system:bootstrap:abcdef"));
    ke_auto_json *renewal = parse(NODE_OBJECT("system:node:n1"));
    ke_auto_json *person =
        parse("{\"spec\":{\"signerName\":\"kubernetes.io/kube-apiserver-client\","
              "\"usages\":[\"client auth\",\"digital signature\"]}}");
    assert_string_equal(csr_approval_of(first, &csr, 0), "nodeclient");
    assert_null(csr_approval_of(first, &csr, 1));
    assert_string_equal(csr_approval_of(renewal, &csr, 0), "selfnodeclient");
    assert_string_equal(csr_approval_of(renewal, &csr, 1), "nodeclient");
    assert_null(csr_approval_of(renewal, &csr, 2));
    assert_null(csr_approval_of(person, &csr, 0));
    csr.n_uris = 1;
    assert_null(csr_approval_of(first, &csr, 0));
}

static void certificates_last_as_asked_within_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        int64_t ca_end_s, seconds;
    } cases[] = {
        { "{\"spec\":{}}", 3650 * DAY_S, 365 * DAY_S },
        { "{\"spec\":{\"expirationSeconds\":3600}}", 3650 * DAY_S, 3600 },
        { "{\"spec\":{\"expirationSeconds\":60}}", 3650 * DAY_S, 600 },
        { "{\"spec\":{\"expirationSeconds\":99999999}}", 3650 * DAY_S, 365 * DAY_S },
        { "{\"spec\":{}}", 10 * DAY_S, 10 * DAY_S },
    };
    const int64_t now_s = 1700000000;
    struct x509_csr csr = node_csr();
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_json *object = parse(cases[i].object);
        struct x509_request request;
        csr_fill_request(object, &csr, now_s, now_s + cases[i].ca_end_s, &request);
        assert_int_equal(request.not_after_s, now_s + cases[i].seconds);
        assert_int_equal(request.not_before_s, now_s - 300);
        assert_false(request.is_ca || request.is_client || request.is_server);
    }
}

static void usages_are_those_asked_for(void **state)
{
    (void)state;
    struct x509_csr csr = node_csr();
    struct x509_request request;
    ke_auto_json *object = parse("{\"spec\":{\"usages\":[\"server auth\",\"key encipherment\"]}}");
    csr_fill_request(object, &csr, 1, 10000, &request);
    assert_true(request.is_server);
    assert_true(request.is_encipherer);
    assert_false(request.is_client);
}

#define AT(time)        "\"" time "T00:00:00Z\""
#define CREATED         "\"metadata\":{\"creationTimestamp\":" AT("2026-01-01") "}"
#define CONDITION(type) "{\"type\":\"" type "\",\"lastUpdateTime\":" AT("2026-01-01") "}"
#define CREATED_S       1767225600

static void requests_are_forgotten_after_their_answer_or_a_day(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        int64_t after_s;
    } cases[] = {
        { "{" CREATED "}", DAY_S },
        { "{" CREATED ",\"status\":{\"conditions\":[" CONDITION("Denied") "]}}", 3600 },
        { "{" CREATED ",\"status\":{\"conditions\":[" CONDITION("Approved") "]}}", DAY_S },
        { "{" CREATED
          ",\"status\":{\"certificate\":\"eA==\",\"conditions\":[" CONDITION("Approved") "]}}",
          3600 },
        { "{" CREATED
          ",\"status\":{\"conditions\":[" CONDITION("Approved") "," CONDITION("Failed") "]}}",
          3600 },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_json *object = parse(cases[i].object);
        assert_int_equal(csr_forget_at_s(object), CREATED_S + cases[i].after_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signers_sign_what_fits_them),
        cmocka_unit_test(nodes_alone_are_approved_by_themselves),
        cmocka_unit_test(certificates_last_as_asked_within_bounds),
        cmocka_unit_test(usages_are_those_asked_for),
        cmocka_unit_test(requests_are_forgotten_after_their_answer_or_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
