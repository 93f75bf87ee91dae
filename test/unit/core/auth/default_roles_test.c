/* SPDX-License-Identifier: Apache-2.0 */
/* The default roles: as a kube-apiserver's, and put right without taking away what is there. */
#include "core/auth/default_roles.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "test/support/base/test.h"

static const struct default_role *find(enum model_kind_id kind, const char *name)
{
    const struct default_role *it = NULL;
    for (size_t i = 0; (it = default_roles_at(i)) != NULL; i++) {
        if (it->kind == kind && strcmp(it->name, name) == 0)
            return it;
    }
    fail_msg("no %s", name);
    return NULL;
}

static void assert_member(enum model_kind_id kind, const char *name, const char *member,
                          const char *expected)
{
    ke_auto_json *body = default_roles_body(find(kind, name));
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    assert_non_null(body);
    ke_json_print(ke_json_path(body, member), &text);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
}

/* As recorded of a kube-apiserver. */
static void roles_are_those_of_kubernetes(void **state)
{
    (void)state;
    assert_member(MODEL_CLUSTERROLE, "system:discovery", "rules",
                  "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api\",\"/api/*\",\"/apis\","
                  "\"/apis/*\",\"/healthz\",\"/livez\",\"/openapi\",\"/openapi/*\",\"/readyz\","
                  "\"/version\",\"/version/\"]}]");
    assert_member(
        MODEL_CLUSTERROLE, "system:node-proxier", "rules",
        "[{\"verbs\":[\"list\",\"watch\"],\"apiGroups\":[\"\"],\"resources\":["
        "\"endpoints\",\"services\"]},{\"verbs\":[\"get\",\"list\",\"watch\"],"
        "\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]},{\"verbs\":[\"create\",\"patch\","
        "\"update\"],\"apiGroups\":[\"\",\"events.k8s.io\"],\"resources\":[\"events\"]},{"
        "\"verbs\":[\"list\",\"watch\"],\"apiGroups\":[\"discovery.k8s.io\"],"
        "\"resources\":[\"endpointslices\"]}]");
    assert_member(MODEL_CLUSTERROLE, "edit", "aggregationRule",
                  "{\"clusterRoleSelectors\":[{\"matchLabels\":{"
                  "\"rbac.authorization.k8s.io/aggregate-to-edit\":\"true\"}}]}");
    assert_member(MODEL_CLUSTERROLE, "edit", "metadata.labels",
                  "{\"kubernetes.io/bootstrapping\":\"rbac-defaults\","
                  "\"rbac.authorization.k8s.io/aggregate-to-admin\":\"true\"}");
    assert_member(MODEL_CLUSTERROLEBINDING, "system:kube-dns", "subjects",
                  "[{\"kind\":\"ServiceAccount\",\"namespace\":\"kube-system\",\"name\":"
                  "\"kube-dns\"}]");
    assert_member(MODEL_CLUSTERROLEBINDING, "cluster-admin", "metadata.annotations",
                  "{\"rbac.authorization.kubernetes.io/autoupdate\":\"true\"}");
    ke_auto_json *rules = default_roles_rules(KE_STR("system:node"));
    assert_true(cJSON_GetArraySize(rules) >= 22);
}

static void each_is_valid_and_refers_to_one_of_them(void **state)
{
    (void)state;
    const struct default_role *it = NULL;
    size_t n_roles = 0;
    for (size_t i = 0; (it = default_roles_at(i)) != NULL; i++) {
        const struct model_kind *kind = model_kind_by_id(it->kind);
        KE_AUTO(ke_arena) *arena = ke_arena_new(8U << 20);
        ke_auto_json *body = default_roles_body(it);
        struct model_issues issues;
        model_issues_init(&issues, arena);
        assert_non_null(body);
        kind->validate(body, NULL, &issues);
        assert_int_equal(issues.n_items, 0);
        bool is_binding = it->kind == MODEL_CLUSTERROLEBINDING || it->kind == MODEL_ROLEBINDING;
        n_roles += is_binding ? 0 : 1;
        if (!is_binding)
            continue;
        struct ke_str role = ke_json_path_str(body, "roleRef.name");
        char name[256];
        struct ke_buf text = KE_BUF_FIXED(name, sizeof(name) - 1);
        ke_buf_add_str(&text, role);
        name[text.len] = '\0';
        (void)find(it->ns[0] != '\0' ? MODEL_ROLE : MODEL_CLUSTERROLE, name);
    }
    assert_true(n_roles >= 30);
}

static void assert_patch(const char *now_json, enum model_kind_id kind, const char *name,
                         const char *expected)
{
    ke_auto_json *now = NULL;
    ke_auto_json *patch = NULL;
    ke_auto_json *wanted = default_roles_body(find(kind, name));
    struct ke_err err = KE_ERR_INIT;
    bool is_other = false;
    assert_int_equal(ke_json_parse(ke_str_c(now_json), &now, &err), KE_OK);
    assert_true(default_roles_patch(now, wanted, &patch, &is_other));
    assert_false(is_other);
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    if (patch != NULL)
        ke_json_print(patch, &text);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
}

#define META(more)                                                                                 \
    "{\"metadata\":{\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"},"               \
    "\"annotations\":{\"rbac.authorization.kubernetes.io/autoupdate\":\"" more "\"}}"

static void only_what_is_lacking_is_added(void **state)
{
    (void)state;
    /* More rights than wanted, in one rule: nothing to do. */
    assert_patch(META("true") ",\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"\"],\"resources\":["
                              "\"*\"]}]}",
                 MODEL_CLUSTERROLE, "system:kube-dns", "");
    assert_patch(META("true") ",\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"x\"],"
                              "\"resources\":[\"y\"]}]}",
                 MODEL_CLUSTERROLE, "system:kube-dns",
                 "{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"x\"],\"resources\":[\"y\"]},{"
                 "\"verbs\":[\"list\",\"watch\"],\"apiGroups\":[\"\"],\"resources\":[\"endpoints\","
                 "\"services\"]}]}");
    /* "false" is the owner's word. */
    assert_patch(META("false") ",\"rules\":[]}", MODEL_CLUSTERROLE, "system:kube-dns", "");
    assert_patch(
        "{\"metadata\":{},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":"
        "\"ClusterRole\",\"name\":\"cluster-admin\"},\"subjects\":[{\"kind\":\"User\","
        "\"name\":\"me\"}]}",
        MODEL_CLUSTERROLEBINDING, "cluster-admin",
        "{\"metadata\":{\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"},"
        "\"annotations\":{\"rbac.authorization.kubernetes.io/autoupdate\":\"true\"}},"
        "\"subjects\":[{\"kind\":\"User\",\"name\":\"me\"},{\"kind\":\"Group\",\"apiGroup\":"
        "\"rbac.authorization.k8s.io\",\"name\":\"system:masters\"}]}");
    assert_patch(
        META("true") ",\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{"
                     "\"mine\":\"1\"}}]},\"rules\":[]}",
        MODEL_CLUSTERROLE, "admin",
        "{\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{\"mine\":\"1\"}},"
        "{\"matchLabels\":{\"rbac.authorization.k8s.io/aggregate-to-admin\":\"true\"}}]}}");
}

static void a_binding_to_another_role_is_seen(void **state)
{
    (void)state;
    ke_auto_json *wanted = default_roles_body(find(MODEL_CLUSTERROLEBINDING, "system:discovery"));
    ke_auto_json *now = cJSON_Duplicate(wanted, true);
    ke_auto_json *patch = NULL;
    bool is_other = true;
    assert_true(default_roles_patch(now, wanted, &patch, &is_other));
    assert_true(!is_other && patch == NULL);
    assert_true(ke_json_set_str(ke_json_get_mut(now, "roleRef"), "name", KE_STR("view")));
    assert_true(default_roles_patch(now, wanted, &patch, &is_other));
    assert_true(is_other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_are_those_of_kubernetes),
        cmocka_unit_test(each_is_valid_and_refers_to_one_of_them),
        cmocka_unit_test(only_what_is_lacking_is_added),
        cmocka_unit_test(a_binding_to_another_role_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
