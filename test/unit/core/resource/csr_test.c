/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for a certificate, who may answer, and what stays as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/base/alloc.h"
#include "test/support/base/csr.h"
#include "test/support/resources.h"

static struct auth_user jane(void)
{
    return (
        struct auth_user){ .name = KE_STR("jane"),
                           .uid = KE_STR("u-1"),
                           .groups = { KE_STR("dev"), KE_STR("system:authenticated") },
                           .n_groups = 2,
                           .extra = { { KE_STR("k"), KE_STR("v") }, { KE_STR("k"), KE_STR("w") } },
                           .n_extra = 2 };
}

/* more: members of spec behind the request. */
static enum ke_code create(struct test_resources *r, const char *pem, const char *more,
                           const struct auth_user *asker)
{
    ke_auto_buf body = KE_BUF_INIT(1U << 20);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"request\":\"");
    ke_buf_add_base64(&body, pem, strlen(pem));
    ke_buf_addf(&body, "\"%s}}%c", more, '\0');
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_CERTIFICATESIGNINGREQUEST),
                                        .asker = asker };
    return test_write(r, request, body.ptr);
}

#define GOOD ",\"signerName\":\"kubernetes.io/kube-apiserver-client\",\"usages\":[\"client auth\"]"

static enum ke_code answer(struct test_resources *r, const char *part, const char *status)
{
    ke_auto_buf body = KE_BUF_INIT(1U << 16);
    ke_buf_addf(&body, "{\"status\":%s}%c", status, '\0');
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(MODEL_CERTIFICATESIGNINGREQUEST),
                                        .name = KE_STR("c"),
                                        .subresource = ke_str_c(part) };
    return test_write(r, request, body.ptr);
}

static void who_asks_is_written_by_the_server(void **state)
{
    struct test_resources *r = *state;
    struct auth_user user = jane();
    assert_int_equal(create(r, rsa_csr,
                            GOOD ",\"username\":\"system:admin\",\"groups\":[\"system:masters\"],"
                                 "\"uid\":\"x\",\"extra\":{\"scope\":[\"all\"]}",
                            &user),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.username"), "jane");
    assert_string_equal(test_field(r, "spec.uid"), "u-1");
    assert_string_equal(test_field(r, "spec.groups.0"), "dev");
    assert_string_equal(test_field(r, "spec.groups.2"), "");
    assert_string_equal(test_field(r, "spec.extra.k.1"), "w");
    assert_string_equal(test_field(r, "spec.extra.scope.0"), "");
}

static void what_is_asked_never_changes(void **state)
{
    struct test_resources *r = *state;
    struct auth_user user = jane();
    assert_int_equal(create(r, rsa_csr, GOOD, &user), KE_OK);
    assert_int_equal(test_merge(r, MODEL_CERTIFICATESIGNINGREQUEST, "", "c",
                                "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"username\":"
                                "\"other\",\"usages\":[\"any\"]},\"status\":{\"certificate\":"
                                "\"eA==\"}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "metadata.labels.a"), "b");
    assert_string_equal(test_field(r, "spec.username"), "jane");
    assert_string_equal(test_field(r, "spec.usages.0"), "client auth");
    assert_string_equal(test_field(r, "status.certificate"), "");
}

#define APPROVED "{\"type\":\"Approved\",\"status\":\"True\",\"reason\":\"r\"}"
#define DENIED   "{\"type\":\"Denied\",\"status\":\"True\"}"
#define FAILED   "{\"type\":\"Failed\",\"status\":\"True\"}"

static void approval_decides_approved_and_denied_and_status_the_rest(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(create(r, rsa_csr, GOOD, NULL), KE_OK);
    /* Each part leaves alone what is the other's. */
    assert_int_equal(answer(r, "status", "{\"conditions\":[" APPROVED "]}"), KE_OK);
    assert_string_equal(test_field(r, "status.conditions.0.type"), "");
    assert_int_equal(answer(r, "approval",
                            "{\"conditions\":[" FAILED "," APPROVED "],\"certificate\":\"eA==\"}"),
                     KE_OK);
    assert_string_equal(test_field(r, "status.conditions.0.type"), "Approved");
    assert_string_equal(test_field(r, "status.conditions.1.type"), "");
    assert_string_equal(test_field(r, "status.certificate"), "");
    assert_int_not_equal(strlen(test_field(r, "status.conditions.0.lastUpdateTime")), 0);
    assert_int_not_equal(strlen(test_field(r, "status.conditions.0.lastTransitionTime")), 0);
    assert_int_equal(answer(r, "status", "{\"conditions\":[" FAILED "]}"), KE_OK);
    assert_string_equal(test_field(r, "status.conditions.0.type"), "Approved");
    assert_string_equal(test_field(r, "status.conditions.1.type"), "Failed");
}

static void decisions_are_not_taken_back(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(create(r, rsa_csr, GOOD, NULL), KE_OK);
    assert_int_equal(answer(r, "approval", "{\"conditions\":[" APPROVED "]}"), KE_OK);
    assert_int_equal(answer(r, "approval", "{\"conditions\":[]}"), KE_INVALID);
    assert_non_null(strstr(r->message, "updates may not remove a condition of type \"Approved\""));
    assert_int_equal(answer(r, "approval", "{\"conditions\":[" APPROVED "," DENIED "]}"),
                     KE_INVALID);
    assert_non_null(strstr(r->message, "Approved and Denied conditions are mutually exclusive"));
    assert_int_equal(
        answer(r, "approval", "{\"conditions\":[{\"type\":\"Approved\",\"status\":\"False\"}]}"),
        KE_INVALID);
    assert_int_equal(answer(r, "status", "{\"certificate\":\"eA==\"}"), KE_INVALID);
    assert_non_null(strstr(r->message, "must contain at least one CERTIFICATE PEM block"));
}

static void requests_that_cannot_be_are_refused(void **state)
{
    struct test_resources *r = *state;
    static const struct {
        const char *pem, *more, *words;
    } cases[] = {
        { "x", GOOD,
          "spec.request: Invalid value: []byte{0x78}: PEM block type must be CERTIFICATE REQUEST" },
        { rsa_csr, "", "spec.usages: Required value" },
        { rsa_csr, "", "spec.signerName: Required value" },
        { rsa_csr, ",\"signerName\":\"a/b\",\"usages\":[\"any\",\"any\"]",
          "should be a domain with at least two segments separated by dots" },
        { rsa_csr, ",\"signerName\":\"a/b\",\"usages\":[\"any\",\"any\"]",
          "spec.usages[1]: Duplicate value: \"any\"" },
        { rsa_csr, ",\"signerName\":\"a_b.c/d\",\"usages\":[\"any\"]", "validating label \"a_b\"" },
        { rsa_csr, GOOD ",\"expirationSeconds\":599",
          "may not specify a duration less than 600 seconds (10 minutes)" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        assert_int_equal(create(r, cases[i].pem, cases[i].more, NULL), KE_INVALID);
        if (strstr(r->message, cases[i].words) == NULL)
            fail_msg("%s", r->message);
    }
}

#define ROUNDS_MAX 20000

static void keep_code(void *ctx, const struct resource_reply *reply)
{
    *(enum ke_code *)ctx = reply->code;
}

/* Asked and approved again and again, each time with one allocation less. */
static void want_of_memory_is_no_refusal(void **state)
{
    struct test_resources *r = *state;
    struct auth_user user = jane();
    static const char *const bodies[] = { NULL, "{\"status\":{\"conditions\":[" APPROVED "]}}" };
    for (size_t i = 0; i < KE_ARRAY_LEN(bodies); i++) {
        enum ke_code code = KE_BUG;
        bool has_failed = true;
        for (size_t n = 1; has_failed; n++) {
            struct ke_err err = KE_ERR_INIT;
            struct resource_request request = { .verb = RESOURCE_CREATE,
                                                .kind = model_kind_by_id(
                                                    MODEL_CERTIFICATESIGNINGREQUEST),
                                                .asker = &user };
            ke_auto_buf body = KE_BUF_INIT(1U << 20);
            assert_true(n < ROUNDS_MAX);
            ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"request\":\"");
            ke_buf_add_base64(&body, rsa_csr, strlen(rsa_csr));
            ke_buf_add_c(&body, "\"" GOOD "}}");
            if (bodies[i] != NULL) {
                request.verb = RESOURCE_PATCH;
                request.patch = RESOURCE_PATCH_MERGE;
                request.name = KE_STR("c");
                request.subresource = KE_STR("approval");
                ke_buf_clear(&body);
                ke_buf_add_c(&body, bodies[i]);
            }
            assert_int_equal(ke_json_parse(ke_buf_str(&body), &request.body, &err), KE_OK);
            test_alloc_fail_at(n);
            resource_submit(r->store, &request, keep_code, &code);
            has_failed = test_alloc_end();
            if (code != KE_NOMEM && code != KE_OK)
                fail_msg("allocation %zu: %s", n, ke_code_name(code));
            if (code == KE_OK && has_failed && bodies[i] == NULL)
                assert_int_equal(test_remove(r, MODEL_CERTIFICATESIGNINGREQUEST, "", "c"), KE_OK);
        }
        assert_true(test_exists(r, MODEL_CERTIFICATESIGNINGREQUEST, "", "c"));
    }
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_asks_is_written_by_the_server),
        TEST(what_is_asked_never_changes),
        TEST(approval_decides_approved_and_denied_and_status_the_rest),
        TEST(decisions_are_not_taken_back),
        TEST(requests_that_cannot_be_are_refused),
        TEST(want_of_memory_is_no_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
