/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, bindings and access reviews: defaults, and the words of refusals. */
#include "test/unit/core/model/kinds/write.h"

#define RBAC(kind, rest)                                                                           \
    "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"" kind                            \
    "\",\"metadata\":{\"name\":\"a:b\"}," rest "}"
#define REVIEW(kind, spec)                                                                         \
    "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"" kind "\",\"spec\":{" spec "}}"
#define REF      "\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"r\"}"
#define RESOURCE "\"resourceAttributes\":{\"namespace\":\"default\",\"verb\":\"get\"}"
#define PATH     "\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"}"

static void rules_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { RBAC("Role",
               "\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]"
               "}]"),
          "" },
        { RBAC("ClusterRole", "\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/x\"]}]"),
          "" },
        { RBAC("ClusterRole", "\"rules\":[]"), "" },
        { RBAC("Role", "\"rules\":[{}]"),
          "[rules[0].verbs: Required value: verbs must contain at least one value, "
          "rules[0].apiGroups: Required value: resource rules must supply at least one api group, "
          "rules[0].resources: Required value: resource rules must supply at least one resource]" },
        { RBAC("Role", "\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/x\"]}]"),
          "rules[0].nonResourceURLs: Invalid value: []string{\"/x\"}: namespaced rules cannot apply "
          "to non-resource URLs" },
        { RBAC("ClusterRole", "\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/x\"],"
                              "\"resources\":[\"pods\"]}]"),
          "rules[0].nonResourceURLs: Invalid value: []string{\"/x\"}: rules cannot apply to both "
          "regular resources and non-resource URLs" },
        { RBAC("ClusterRole", "\"aggregationRule\":{}"),
          "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector "
          "required if aggregationRule is non-nil" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void bindings_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { RBAC("RoleBinding", REF ",\"subjects\":[{\"kind\":\"User\",\"name\":\"u\"}]"), "" },
        { RBAC("RoleBinding", REF ",\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"s\"}]"),
          "" },
        { RBAC("ClusterRoleBinding",
               REF ",\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"s\"}]"),
          "subjects[0].namespace: Required value" },
        { RBAC("ClusterRoleBinding", "\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"}"),
          "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"" },
        { RBAC("RoleBinding",
               "\"roleRef\":{\"apiGroup\":\"x\",\"kind\":\"User\",\"name\":\"a/b\"}"),
          "[roleRef.apiGroup: Unsupported value: \"x\": supported values: "
          "\"rbac.authorization.k8s.io\", roleRef.kind: Unsupported value: \"User\": supported "
          "values: \"Role\", \"ClusterRole\", roleRef.name: Invalid value: \"a/b\": may not contain "
          "'/']" },
        { RBAC("RoleBinding", REF ",\"subjects\":[{\"kind\":\"Users\",\"name\":\"u\"}]"),
          "subjects[0].kind: Unsupported value: \"Users\": supported values: \"ServiceAccount\", "
          "\"User\", \"Group\"" },
        { RBAC("RoleBinding", REF ",\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"x\"}]"),
          "[subjects[0].name: Required value, subjects[0].apiGroup: Unsupported value: \"x\": "
          "supported values: \"rbac.authorization.k8s.io\"]" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void groups_of_the_api_are_filled_in(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, RBAC("RoleBinding", REF ",\"subjects\":[{\"kind\":\"Group\",\"name\":"
                                                   "\"g\"},{\"kind\":\"ServiceAccount\",\"name\":"
                                                   "\"s\"}]"));
    const cJSON *subjects = ke_json_get(w.object, "subjects");
    assert_true(
        ke_str_eq_c(ke_json_path_str(w.object, "roleRef.apiGroup"), "rbac.authorization.k8s.io"));
    assert_true(ke_str_eq_c(ke_json_str(subjects->child, "apiGroup"), "rbac.authorization.k8s.io"));
    assert_int_equal(ke_json_str(subjects->child->next, "apiGroup").len, 0);
}

static void a_binding_keeps_its_role(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *old = NULL;
    const struct model_kind *kind = write_create(&w, RBAC("RoleBinding", REF));
    assert_int_equal(ke_json_parse(KE_STR(RBAC("RoleBinding", "\"roleRef\":{\"apiGroup\":\"rbac."
                                                              "authorization.k8s.io\",\"kind\":"
                                                              "\"Role\",\"name\":\"r\"}")),
                                   &old, &err),
                     KE_OK);
    kind->validate(w.object, old, &w.issues);
    assert_issues(&w, "update",
                  "roleRef: Invalid value: rbac.RoleRef{APIGroup:\"rbac.authorization.k8s.io\", "
                  "Kind:\"ClusterRole\", Name:\"r\"}: cannot change roleRef");
}

static void a_review_asks_one_thing(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { REVIEW("SelfSubjectAccessReview", RESOURCE), "" },
        { REVIEW("SelfSubjectAccessReview", PATH), "" },
        { REVIEW("SelfSubjectAccessReview", ""),
          "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
          "resourceAttributes must be specified" },
        { REVIEW("SubjectAccessReview", "\"user\":\"u\"," RESOURCE "," PATH),
          "spec.nonResourceAttributes: Invalid value: authorization.NonResourceAttributes{Path:"
          "\"/x\", Verb:\"get\"}: cannot be specified in combination with resourceAttributes" },
        { REVIEW("SubjectAccessReview", PATH),
          "spec.user: Invalid value: \"\": at least one of user or group must be specified" },
        { REVIEW("SubjectAccessReview", "\"groups\":[\"g\"]," PATH), "" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        WRITE_AUTO w = { 0 };
        const struct model_kind *kind = write_decode(&w, cases[i].object);
        kind->validate(w.object, NULL, &w.issues);
        assert_issues(&w, cases[i].object, cases[i].issues);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_checked),
        cmocka_unit_test(bindings_are_checked),
        cmocka_unit_test(groups_of_the_api_are_filled_in),
        cmocka_unit_test(a_binding_keeps_its_role),
        cmocka_unit_test(a_review_asks_one_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
