/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals, word for word as a kube-apiserver gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <errno.h>

#include "core/api/auth.h"
#include "core/api/status.h"

#define HEAD "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","

static void assert_status(const struct api_status *status, const char *want)
{
    ke_auto_buf out = KE_BUF_INIT(65536);
    api_status_print(status, &out);
    ke_buf_add_char(&out, '\0');
    assert_int_equal(out.failed, KE_OK);
    assert_string_equal(out.ptr, want);
}

static void assert_code(enum ke_code code, const char *message, const char *want)
{
    struct ke_err err;
    (void)ke_fail(&err, code, "%s", message);
    struct api_status status = api_status_from(code, &err);
    assert_status(&status, want);
}

static void details_are_read_from_the_message(void **state)
{
    (void)state;
    assert_code(KE_NOT_FOUND, "configmaps \"zz\" not found",
                HEAD "\"message\":\"configmaps \\\"zz\\\" not found\",\"reason\":\"NotFound\","
                     "\"details\":{\"name\":\"zz\",\"kind\":\"configmaps\"},\"code\":404}");
    assert_code(KE_NOT_FOUND, "deployments.apps \"zz\" not found",
                HEAD "\"message\":\"deployments.apps \\\"zz\\\" not found\",\"reason\":"
                     "\"NotFound\",\"details\":{\"name\":\"zz\",\"group\":\"apps\",\"kind\":"
                     "\"deployments\"},\"code\":404}");
    assert_code(KE_EXISTS, "configmaps \"a\" already exists",
                HEAD "\"message\":\"configmaps \\\"a\\\" already exists\",\"reason\":"
                     "\"AlreadyExists\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\"},"
                     "\"code\":409}");
    assert_code(KE_CONFLICT,
                "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; "
                "please apply your changes to the latest version and try again",
                HEAD "\"message\":\"Operation cannot be fulfilled on configmaps \\\"a\\\": the "
                     "object has been modified; please apply your changes to the latest version "
                     "and try again\",\"reason\":\"Conflict\",\"details\":{\"name\":\"a\",\"kind\":"
                     "\"configmaps\"},\"code\":409}");
    assert_code(KE_DENIED, "namespaces \"default\" is forbidden: this namespace may not be deleted",
                HEAD "\"message\":\"namespaces \\\"default\\\" is forbidden: this namespace may "
                     "not be deleted\",\"reason\":\"Forbidden\",\"details\":{\"name\":\"default\","
                     "\"kind\":\"namespaces\"},\"code\":403}");
}

static void refusals_without_an_object_have_no_names(void **state)
{
    (void)state;
    assert_code(KE_MALFORMED, "strconv.ParseInt: parsing \"x\": invalid syntax",
                HEAD "\"message\":\"strconv.ParseInt: parsing \\\"x\\\": invalid syntax\","
                     "\"reason\":\"BadRequest\",\"code\":400}");
    assert_code(KE_UNAUTHENTICATED, "the token is bad",
                HEAD "\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}");
    assert_code(KE_METHOD, "",
                HEAD "\"message\":\"the server does not allow this method on the requested "
                     "resource\",\"reason\":\"MethodNotAllowed\",\"details\":{},\"code\":405}");
    assert_code(KE_GONE, "too old resource version: 1 (826)",
                HEAD "\"message\":\"too old resource version: 1 (826)\",\"reason\":\"Expired\","
                     "\"code\":410}");
}

static void our_own_faults_say_nothing_but_a_full_disk_does(void **state)
{
    (void)state;
    assert_code(KE_IO, "write /secret/path: broken",
                HEAD "\"message\":\"Internal error occurred\",\"reason\":\"InternalError\","
                     "\"code\":500}");
    struct ke_err err;
    (void)ke_fail(&err, KE_IO, "registry: no space left on /var/lib/kedge");
    err.sys = ENOSPC;
    struct api_status status = api_status_from(KE_IO, &err);
    assert_status(&status, HEAD "\"message\":\"registry: no space left on /var/lib/kedge\","
                                "\"reason\":\"InternalError\",\"code\":500}");
}

static void invalid_objects_list_their_causes(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(65536);
    struct model_issues issues;
    ke_auto_buf message = KE_BUF_INIT(65536);
    model_issues_init(&issues, arena);
    model_issues_add(&issues, MODEL_ISSUE_REQUIRED, KE_STR("metadata.name"),
                     KE_STR("Required value: name or generateName is required"));
    api_status_invalid_message(KE_STR("ConfigMap \"\" is invalid: cut"), &issues, &message);
    struct ke_err err;
    (void)ke_fail(&err, KE_INVALID, "x");
    struct api_status status = api_status_from(KE_INVALID, &err);
    status.message = ke_buf_str(&message);
    status.issues = &issues;
    assert_status(&status,
                  HEAD "\"message\":\"ConfigMap \\\"\\\" is invalid: metadata.name: Required "
                       "value: name or generateName is required\",\"reason\":\"Invalid\","
                       "\"details\":{\"kind\":\"ConfigMap\",\"causes\":[{\"reason\":"
                       "\"FieldValueRequired\",\"message\":\"Required value: name or generateName "
                       "is required\",\"field\":\"metadata.name\"}]},\"code\":422}");
}

static void a_full_queue_says_when_to_try_again(void **state)
{
    (void)state;
    assert_code(KE_LIMIT, "too many writes are waiting",
                HEAD "\"message\":\"too many writes are waiting\",\"reason\":\"TooManyRequests\","
                     "\"details\":{\"retryAfterSeconds\":1},\"code\":429}");
}

static void assert_forbidden(const struct auth_attributes *asked, const char *want)
{
    ke_auto_buf out = KE_BUF_INIT(65536);
    assert_false(api_authorize_default(NULL, asked, NULL));
    api_forbidden_message(asked, &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, want);
}

static void strangers_are_refused_in_upstreams_words(void **state)
{
    (void)state;
    const struct auth_user bob = { .name = KE_STR("bob"),
                                   .groups = { KE_STR("system:authenticated") },
                                   .n_groups = 1 };
    struct auth_attributes asked = {
        .user = &bob,
        .verb = KE_STR("list"),
        .is_resource = true,
        .group = KE_STR(""),
        .resource = KE_STR("pods"),
        .ns = KE_STR("default"),
    };
    assert_forbidden(&asked, "pods is forbidden: User \"bob\" cannot list resource \"pods\" in API "
                             "group \"\" in the namespace \"default\"");
    asked.verb = KE_STR("update");
    asked.group = KE_STR("apps");
    asked.resource = KE_STR("deployments");
    asked.subresource = KE_STR("status");
    asked.name = KE_STR("web");
    asked.ns = KE_STR("");
    assert_forbidden(&asked, "deployments.apps \"web\" is forbidden: User \"bob\" cannot update "
                             "resource \"deployments/status\" in API group \"apps\" at the cluster "
                             "scope");
    struct auth_attributes path = { .user = &bob,
                                    .verb = KE_STR("get"),
                                    .path = KE_STR("/metrics") };
    assert_forbidden(&path, "forbidden: User \"bob\" cannot get path \"/metrics\"");
}

static void health_and_version_are_for_all_and_masters_may_all(void **state)
{
    (void)state;
    const struct auth_user nobody = { .name = KE_STR("system:anonymous"),
                                      .groups = { KE_STR("system:unauthenticated") },
                                      .n_groups = 1 };
    const struct auth_user master = { .name = KE_STR("x"),
                                      .groups = { KE_STR("a"), KE_STR("system:masters") },
                                      .n_groups = 2 };
    static const char *const open[] = { "/healthz", "/livez", "/readyz", "/version", "/version/" };
    struct auth_attributes asked = { .user = &nobody, .verb = KE_STR("get") };
    for (size_t i = 0; i < KE_ARRAY_LEN(open); i++) {
        asked.path = ke_str_c(open[i]);
        assert_true(api_authorize_default(NULL, &asked, NULL));
    }
    static const char *const closed[] = { "/", "/api", "/metrics", "/healthz/x",
                                          "/kedge/v1/status" };
    for (size_t i = 0; i < KE_ARRAY_LEN(closed); i++) {
        asked.path = ke_str_c(closed[i]);
        asked.user = &nobody;
        assert_false(api_authorize_default(NULL, &asked, NULL));
        asked.user = &master;
        assert_true(api_authorize_default(NULL, &asked, NULL));
    }
}

static void bad_tokens_are_not_anonymous(void **state)
{
    (void)state;
    const struct auth_user *user = NULL;
    struct ke_err err;
    static const struct api_credentials bad[] = {
        { .authorization = KE_STR_INIT("Bearer nonsense") },
        { .authorization = KE_STR_INIT("  bearer   nonsense ") },
        { .protocols = KE_STR_INIT("v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.YQ") },
        { .protocols = KE_STR_INIT("base64url.bearer.authorization.k8s.io.YQ") },
        { .protocols = KE_STR_INIT("a,base64url.bearer.authorization.k8s.io.,b") },
    };
    static const struct api_credentials none[] = {
        { .authorization = KE_STR_INIT("") },
        { .authorization = KE_STR_INIT("Basic YTpi") },
        { .authorization = KE_STR_INIT("Bearer") },
        { .protocols = KE_STR_INIT("v5.channel.k8s.io, v4.channel.k8s.io") },
    };
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 16);
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        assert_int_equal(api_authenticate(&bad[i], arena, &user, &err), KE_UNAUTHENTICATED);
        assert_null(user);
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(none); i++) {
        assert_int_equal(api_authenticate(&none[i], arena, &user, &err), KE_OK);
        assert_true(ke_str_eq_c(user->name, "system:anonymous"));
    }
    KE_AUTO(api_identity) *root = api_identity_local_root();
    struct api_credentials both = { .identity = root, .authorization = KE_STR("Bearer nonsense") };
    assert_int_equal(api_authenticate(&both, arena, &user, &err), KE_OK);
    assert_true(ke_str_eq_c(user->groups[0], "system:masters"));
}

static void certificates_give_user_and_groups(void **state)
{
    (void)state;
    const struct tls_peer peer = { .common_name = KE_STR("jane"),
                                   .organizations = { KE_STR("dev"), KE_STR("ops") },
                                   .n_organizations = 2 };
    KE_AUTO(api_identity) *identity = api_identity_from_peer(&peer);
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 16);
    struct api_credentials shown = { .identity = identity };
    const struct auth_user *user = NULL;
    assert_int_equal(api_authenticate(&shown, arena, &user, &err), KE_OK);
    assert_true(ke_str_eq_c(user->name, "jane"));
    assert_int_equal(user->n_groups, 3);
    assert_true(ke_str_eq_c(user->groups[0], "dev"));
    assert_true(ke_str_eq_c(user->groups[2], "system:authenticated"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(details_are_read_from_the_message),
        cmocka_unit_test(refusals_without_an_object_have_no_names),
        cmocka_unit_test(our_own_faults_say_nothing_but_a_full_disk_does),
        cmocka_unit_test(invalid_objects_list_their_causes),
        cmocka_unit_test(a_full_queue_says_when_to_try_again),
        cmocka_unit_test(strangers_are_refused_in_upstreams_words),
        cmocka_unit_test(health_and_version_are_for_all_and_masters_may_all),
        cmocka_unit_test(bad_tokens_are_not_anonymous),
        cmocka_unit_test(certificates_give_user_and_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
