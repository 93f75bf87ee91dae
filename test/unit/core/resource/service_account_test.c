/* SPDX-License-Identifier: Apache-2.0 */
/* What a new pod gets of its service account, and what it may not have. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/resources.h"

static void make_account(struct test_resources *r, const char *body)
{
    assert_int_equal(test_create(r, MODEL_SERVICEACCOUNT, "default", body), KE_OK);
}

/* A pod of account bot, with more of its spec. */
#define POD(more)                                                                                  \
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"serviceAccountName\":\"bot\","                     \
    "\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]" more "}}"
#define ACCOUNT(more) "{\"metadata\":{\"name\":\"bot\"}" more "}"
#define MOUNT_PATH    "/var/run/secrets/kubernetes.io/serviceaccount"

static void every_container_gets_the_token_volume(void **state)
{
    struct test_resources *r = *state;
    make_account(r, ACCOUNT(""));
    assert_int_equal(
        test_create(r, MODEL_POD, "default",
                    POD(",\"initContainers\":[{\"name\":\"i\",\"image\":\"x\"},{\"name\":\"j\","
                        "\"image\":\"x\",\"volumeMounts\":[{\"name\":\"own\",\"mountPath\":"
                        "\"" MOUNT_PATH "\"}]}],\"volumes\":[{\"name\":\"own\",\"emptyDir\":{}}]")),
        KE_OK);
    assert_string_equal(test_field(r, "spec.serviceAccount"), "bot");
    char volume[64];
    (void)snprintf(volume, sizeof(volume), "%s", test_field(r, "spec.volumes.1.name"));
    assert_int_equal(strncmp(volume, "kube-api-access-", 16), 0);
    assert_int_equal(strlen(volume), 21);
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.name"), volume);
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.mountPath"), MOUNT_PATH);
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.readOnly"), "true");
    assert_string_equal(test_field(r, "spec.initContainers.0.volumeMounts.0.name"), volume);
    assert_string_equal(test_field(r, "spec.initContainers.1.volumeMounts.0.name"), "own");
    assert_string_equal(test_field(r, "spec.initContainers.1.volumeMounts.1.name"), "");
    ke_auto_buf text = KE_BUF_INIT(4096);
    ke_json_print(ke_json_get(ke_json_path(r->object, "spec.volumes")->child->next, "projected"),
                  &text);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(
        text.ptr,
        "{\"sources\":[{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},"
        "{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":"
        "\"ca.crt\"}]}},{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{"
        "\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.namespace\"}}]}}],\"defaultMode\":420}");
}

static void a_volume_of_that_name_is_used_as_it_is(void **state)
{
    struct test_resources *r = *state;
    make_account(r, ACCOUNT(""));
    assert_int_equal(test_create(r, MODEL_POD, "default",
                                 POD(",\"volumes\":[{\"name\":\"kube-api-access-mine\","
                                     "\"emptyDir\":{}}]")),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.volumes.1.name"), "");
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.name"),
                        "kube-api-access-mine");
}

static void pod_and_account_can_do_without(void **state)
{
    struct test_resources *r = *state;
    make_account(r, ACCOUNT(",\"automountServiceAccountToken\":false"));
    assert_int_equal(test_create(r, MODEL_POD, "default", POD("")), KE_OK);
    assert_string_equal(test_field(r, "spec.volumes.0.name"), "");
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.name"), "");
    assert_int_equal(test_remove(r, MODEL_POD, "default", "p"), KE_OK);
    /* The pod's word goes before the account's. */
    assert_int_equal(
        test_create(r, MODEL_POD, "default", POD(",\"automountServiceAccountToken\":true")), KE_OK);
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.mountPath"), MOUNT_PATH);
}

static void pull_secrets_are_the_accounts_unless_the_pod_has_its_own(void **state)
{
    struct test_resources *r = *state;
    make_account(r, ACCOUNT(",\"imagePullSecrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]"));
    assert_int_equal(test_create(r, MODEL_POD, "default", POD("")), KE_OK);
    assert_string_equal(test_field(r, "spec.imagePullSecrets.1.name"), "b");
    assert_int_equal(test_remove(r, MODEL_POD, "default", "p"), KE_OK);
    assert_int_equal(
        test_create(r, MODEL_POD, "default", POD(",\"imagePullSecrets\":[{\"name\":\"own\"}]")),
        KE_OK);
    assert_string_equal(test_field(r, "spec.imagePullSecrets.0.name"), "own");
    assert_string_equal(test_field(r, "spec.imagePullSecrets.1.name"), "");
}

static void a_missing_account_is_refused_but_the_default_one_may_be_late(void **state)
{
    struct test_resources *r = *state;
    static const char plain[] = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{"
                                "\"name\":\"c\",\"image\":\"x\"}]}}";
    assert_int_equal(test_create(r, MODEL_POD, "default", POD("")), KE_DENIED);
    assert_string_equal(r->message, "pods \"p\" is forbidden: error looking up service account "
                                    "default/bot: serviceaccount \"bot\" not found");
    assert_int_equal(test_create(r, MODEL_POD, "default", plain), KE_OK);
    assert_string_equal(test_field(r, "spec.serviceAccountName"), "default");
    assert_string_equal(test_field(r, "spec.containers.0.volumeMounts.0.mountPath"), MOUNT_PATH);
    assert_int_equal(test_remove(r, MODEL_POD, "default", "p"), KE_OK);
    r->wall_us += 11 * 1000000;
    assert_int_equal(test_create(r, MODEL_POD, "default", plain), KE_DENIED);
}

static void secrets_are_limited_where_the_account_says_so(void **state)
{
    struct test_resources *r = *state;
    static const struct {
        const char *body, *words;
    } cases[] = {
        { POD(",\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"no\"}}]"),
          "volume with secret.secretName=\"no\" is not allowed because service account bot does "
          "not reference that secret" },
        { POD(",\"initContainers\":[{\"name\":\"i\",\"image\":\"x\",\"env\":[{\"name\":\"E\","
              "\"valueFrom\":{\"secretKeyRef\":{\"name\":\"no\",\"key\":\"k\"}}}]}]"),
          "init container i with envVar E referencing secret.secretName=\"no\" is not allowed "
          "because service account bot does not reference that secret" },
        { POD(",\"imagePullSecrets\":[{\"name\":\"yes\"}]"),
          "imagePullSecrets[0].name=\"yes\" is not allowed because service account bot does not "
          "reference that imagePullSecret" },
    };
    make_account(r, "{\"metadata\":{\"name\":\"bot\",\"annotations\":{"
                    "\"kubernetes.io/enforce-mountable-secrets\":\"true\"}},"
                    "\"secrets\":[{\"name\":\"yes\"}]}");
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        assert_int_equal(test_create(r, MODEL_POD, "default", cases[i].body), KE_DENIED);
        if (strstr(r->message, cases[i].words) == NULL)
            fail_msg("%s", r->message);
    }
    assert_int_equal(test_create(r, MODEL_POD, "default",
                                 POD(",\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":"
                                     "\"yes\"}}]")),
                     KE_OK);
}

static void containers_added_later_are_limited_too(void **state)
{
    struct test_resources *r = *state;
    make_account(r, "{\"metadata\":{\"name\":\"bot\",\"annotations\":{"
                    "\"kubernetes.io/enforce-mountable-secrets\":\"true\"}},"
                    "\"secrets\":[{\"name\":\"yes\"}]}");
    assert_int_equal(test_create(r, MODEL_POD, "default", POD("")), KE_OK);
    static const char *const names[] = { "no", "yes" };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        char body[512];
        (void)snprintf(body, sizeof(body),
                       "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"d\",\"image\":\"x\","
                       "\"env\":[{\"name\":\"E\",\"valueFrom\":{\"secretKeyRef\":{\"name\":"
                       "\"%s\",\"key\":\"k\"}}}]}]}}",
                       names[i]);
        struct resource_request request = { .verb = RESOURCE_PATCH,
                                            .patch = RESOURCE_PATCH_STRATEGIC,
                                            .kind = model_kind_by_id(MODEL_POD),
                                            .ns = KE_STR("default"),
                                            .name = KE_STR("p"),
                                            .subresource = KE_STR("ephemeralcontainers") };
        assert_int_equal(test_write(r, request, body), i == 0 ? KE_DENIED : KE_OK);
        if (i == 0)
            assert_non_null(strstr(r->message, "ephemeral container d with envVar E referencing"));
    }
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_container_gets_the_token_volume),
        TEST(a_volume_of_that_name_is_used_as_it_is),
        TEST(pod_and_account_can_do_without),
        TEST(pull_secrets_are_the_accounts_unless_the_pod_has_its_own),
        TEST(a_missing_account_is_refused_but_the_default_one_may_be_late),
        TEST(secrets_are_limited_where_the_account_says_so),
        TEST(containers_added_later_are_limited_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
