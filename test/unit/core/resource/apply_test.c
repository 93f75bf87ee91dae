/* SPDX-License-Identifier: Apache-2.0 */
/* Server-side apply and the managers of all writers, through core/resource. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/model/yaml.h"
#include "test/support/resources.h"

/* Flow YAML to JSON text; valid until the next call. */
static const char *json_of(const char *yaml)
{
    static char text[8192];
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    if (model_yaml_parse(ke_str_c(yaml), &value, NULL, &err) != KE_OK)
        fail_msg("%s: %s", yaml, err.msg);
    struct ke_buf out = KE_BUF_FIXED(text, sizeof(text) - 1);
    ke_json_print(value, &out);
    text[out.len] = '\0';
    return text;
}

struct as {
    const char *manager, *name, *subresource;
    enum model_kind_id kind;
    bool is_forced, is_dry_run, is_strict;
};

static enum ke_code apply(struct test_resources *r, struct as as, const char *yaml)
{
    struct resource_request request = {
        .verb = RESOURCE_PATCH,
        .kind = model_kind_by_id(as.kind),
        .ns = as.kind == MODEL_NAMESPACE ? KE_STR("") : KE_STR("default"),
        .name = ke_str_c(as.name),
        .subresource = ke_str_c(as.subresource != NULL ? as.subresource : ""),
        .patch = RESOURCE_PATCH_APPLY,
        .field_manager = ke_str_c(as.manager),
        .is_forced = as.is_forced,
        .is_dry_run = as.is_dry_run,
        .is_strict = as.is_strict,
    };
    return test_write(r, request, json_of(yaml));
}

static enum ke_code write_as(struct test_resources *r, enum resource_verb verb, struct as as,
                             const char *yaml)
{
    struct resource_request request = {
        .verb = verb,
        .kind = model_kind_by_id(as.kind),
        .ns = KE_STR("default"),
        .name = ke_str_c(as.name),
        .subresource = ke_str_c(as.subresource != NULL ? as.subresource : ""),
        .patch = RESOURCE_PATCH_MERGE,
        .field_manager = ke_str_c(as.manager),
        .is_dry_run = as.is_dry_run,
    };
    return test_write(r, request, json_of(yaml));
}

/* fieldsV1 of the entry; "" when there is none. */
static const char *owned(const struct test_resources *r, const char *manager, const char *operation,
                         const char *subresource)
{
    static char text[4096];
    text[0] = '\0';
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, ke_json_path(r->object, "metadata.managedFields")) {
        if (!ke_str_eq_c(ke_json_str(it, "manager"), manager) ||
            !ke_str_eq_c(ke_json_str(it, "operation"), operation) ||
            !ke_str_eq_c(ke_json_str(it, "subresource"), subresource))
            continue;
        struct ke_buf out = KE_BUF_FIXED(text, sizeof(text) - 1);
        ke_json_print(ke_json_get(it, "fieldsV1"), &out);
        text[out.len] = '\0';
    }
    return text;
}

#define CM_A "apiVersion: v1, kind: ConfigMap, metadata: {name: a}"
static const struct as one = { "one", "a", NULL, MODEL_CONFIGMAP, false, false, false };
static const struct as two = { "two", "a", NULL, MODEL_CONFIGMAP, false, false, false };

static void apply_creates_what_is_not_there(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_true(r->is_created);
    assert_string_equal(test_field(r, "metadata.namespace"), "default");
    assert_int_equal(strlen(test_field(r, "metadata.uid")), 36);
    assert_string_equal(test_field(r, "metadata.managedFields"),
                        "[{\"manager\":\"one\",\"operation\":\"Apply\",\"apiVersion\":\"v1\","
                        "\"time\":\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\","
                        "\"fieldsV1\":{\"f:data\":{\"f:k\":{}}}}]");
    assert_true(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
}

static void applying_the_same_writes_nothing(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    int64_t revision = r->revision;
    r->wall_us += 5000000;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_false(r->is_created);
    assert_int_equal(r->revision, revision);
    assert_string_equal(test_field(r, "metadata.managedFields.0.time"), "2026-01-01T00:00:00Z");
    /* Another applier of the same values changes who owns them, and that is a write. */
    assert_int_equal(apply(r, two, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_true(r->revision > revision);
    assert_string_equal(owned(r, "two", "Apply", ""), "{\"f:data\":{\"f:k\":{}}}");
    revision = r->revision;
    assert_int_equal(apply(r, one, "{" CM_A "}"), KE_OK);
    assert_true(r->revision > revision);
    assert_string_equal(test_field(r, "data.k"), "v");
    assert_string_equal(owned(r, "one", "Apply", ""), "");
}

static void what_is_no_longer_applied_goes(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v, l: w}}"), KE_OK);
    assert_int_equal(apply(r, one, "{" CM_A ", data: {l: w}}"), KE_OK);
    assert_string_equal(test_field(r, "data"), "{\"l\":\"w\"}");
}

static void a_conflict_says_with_whom_and_about_what(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_int_equal(apply(r, two, "{" CM_A ", data: {k: w}}"), KE_CONFLICT);
    assert_string_equal(r->message, "Apply failed with 1 conflict: conflict with \"one\": .data.k");
    assert_string_equal(r->causes, "FieldManagerConflict|conflict with \"one\"|.data.k\n");
    assert_int_equal(write_as(r, RESOURCE_PATCH,
                              (struct as){ "ctl", "a", NULL, MODEL_CONFIGMAP, 0, 0, 0 },
                              "{data: {l: x}}"),
                     KE_OK);
    assert_int_equal(apply(r, two, "{" CM_A ", data: {k: w, l: w}}"), KE_CONFLICT);
    assert_string_equal(r->message,
                        "Apply failed with 2 conflicts: conflicts with \"ctl\" using v1:\n"
                        "- .data.l\nconflicts with \"one\":\n- .data.k");
    assert_string_equal(r->causes, "FieldManagerConflict|conflict with \"ctl\" using v1|.data.l\n"
                                   "FieldManagerConflict|conflict with \"one\"|.data.k\n");
    struct as forced = two;
    forced.is_forced = true;
    assert_int_equal(apply(r, forced, "{" CM_A ", data: {k: w, l: w}}"), KE_OK);
    assert_string_equal(test_field(r, "data"), "{\"k\":\"w\",\"l\":\"w\"}");
    assert_string_equal(owned(r, "one", "Apply", ""), "");
    assert_string_equal(owned(r, "ctl", "Update", ""), "");
}

static void dry_run_stores_nothing(void **state)
{
    struct test_resources *r = *state;
    struct as dry = one;
    dry.is_dry_run = true;
    assert_int_equal(apply(r, dry, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_true(r->is_created);
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    int64_t revision = r->revision;
    assert_int_equal(apply(r, dry, "{" CM_A ", data: {k: w}}"), KE_OK);
    assert_string_equal(test_field(r, "data.k"), "w");
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_int_equal(r->revision, revision);
}

static void a_bad_configuration_is_refused(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{metadata: {name: a}}"), KE_MALFORMED);
    assert_string_equal(r->message, "invalid object type: /, Kind=");
    assert_int_equal(apply(r, one, "{apiVersion: apps/v1, kind: ConfigMap, metadata: {name: a}}"),
                     KE_MALFORMED);
    assert_string_equal(r->message, "invalid object type: apps/v1, Kind=ConfigMap");
    assert_int_equal(
        apply(r, one, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, managedFields: []}}"),
        KE_MALFORMED);
    assert_string_equal(r->message, "metadata.managedFields must be nil");
    assert_int_equal(apply(r, one, "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}"),
                     KE_MALFORMED);
    assert_string_equal(r->message,
                        "the name of the object (b) does not match the name on the URL (a)");
    assert_int_equal(apply(r, one, "{apiVersion: v1, kind: ConfigMap}"), KE_MALFORMED);
    assert_string_equal(r->message, "the name of the object (a based on URL) was undeterminable: "
                                    "name must be provided");
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: 1}}"), KE_BUG);
    assert_string_equal(r->message, "failed to create typed patch object (/a; /v1, Kind=ConfigMap)"
                                    ": .data.k: expected string, got "
                                    "&value.valueUnstructured{Value:1}");
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
}

static void a_named_revision_must_be_the_one_of_now(void **state)
{
    struct test_resources *r = *state;
    const char *wrong = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, resourceVersion: "
                        "'999'}, data: {k: w}}";
    assert_int_equal(apply(r, one, wrong), KE_CONFLICT);
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    assert_int_equal(apply(r, one, wrong), KE_CONFLICT);
    char right[256];
    snprintf(right, sizeof(right),
             "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, resourceVersion: '%s'}, data: "
             "{k: w}}",
             test_field(r, "metadata.resourceVersion"));
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    snprintf(right, sizeof(right),
             "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, resourceVersion: '%s'}, data: "
             "{k: w}}",
             test_field(r, "metadata.resourceVersion"));
    assert_int_equal(apply(r, one, right), KE_OK);
    assert_string_equal(test_field(r, "data.k"), "w");
}

#define DEPLOY                                                                                     \
    "apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {selector: {matchLabels: "  \
    "{app: d}}, template: {metadata: {labels: {app: d}}, spec: {containers: [{name: c, image: i"

static const struct as deploy = { "one", "d", NULL, MODEL_DEPLOYMENT, false, false, false };

static void defaults_belong_to_nobody_who_applies(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, deploy, "{" DEPLOY "}]}}}}"), KE_OK);
    assert_string_equal(test_field(r, "spec.replicas"), "1");
    assert_string_equal(
        owned(r, "one", "Apply", ""),
        "{\"f:spec\":{\"f:selector\":{},\"f:template\":{\"f:metadata\":{\"f:labels\""
        ":{\"f:app\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\""
        ":{\".\":{},\"f:image\":{},\"f:name\":{}}}}}}}");
    /* So another may set them without a conflict. */
    struct as other = deploy;
    other.manager = "two";
    assert_int_equal(apply(r, other,
                           "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, "
                           "spec: {replicas: 3}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.replicas"), "3");
    assert_string_equal(test_field(r, "metadata.generation"), "2");
    assert_int_equal(apply(r, deploy, "{" DEPLOY "}]}}, replicas: 2}}"), KE_CONFLICT);
    assert_string_equal(r->message,
                        "Apply failed with 1 conflict: conflict with \"two\": .spec.replicas");
}

static void a_create_owns_what_it_says_and_its_defaults(void **state)
{
    struct test_resources *r = *state;
    struct as create = { "kubectl-create", "", NULL, MODEL_SERVICE, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_CREATE, create,
                              "{metadata: {name: s, labels: {a: b}}, spec: {selector: {app: x}, "
                              "ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: "
                              "1.2.3.4}]}}}"),
                     KE_OK);
    /* As a kube-apiserver: not the address, which is allocated later, nor status. */
    assert_string_equal(
        owned(r, "kubectl-create", "Update", ""),
        "{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a\":{}}},\"f:spec\":{\"f:internalTrafficPolicy"
        "\":{},\"f:ports\":{\".\":{},\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},"
        "\"f:port\":{},\"f:protocol\":{},\"f:targetPort\":{}}},\"f:selector\":{},"
        "\"f:sessionAffinity\":{},\"f:type\":{}}}");
}

static void a_subresource_has_an_entry_of_its_own(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, deploy, "{" DEPLOY "}]}}}}"), KE_OK);
    struct as status = { "ctl", "d", "status", MODEL_DEPLOYMENT, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_PATCH, status,
                              "{status: {observedGeneration: 1}, spec: {replicas: 7}}"),
                     KE_OK);
    assert_string_equal(owned(r, "ctl", "Update", "status"),
                        "{\"f:status\":{\"f:observedGeneration\":{}}}");
    assert_string_equal(test_field(r, "spec.replicas"), "1");
    struct as scale = { "kubectl", "d", "scale", MODEL_DEPLOYMENT, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_PATCH, scale, "{spec: {replicas: 4}}"), KE_OK);
    struct as touch = { "x", "d", NULL, MODEL_DEPLOYMENT, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_PATCH, touch, "{metadata: {labels: {x: z}}}"), KE_OK);
    assert_string_equal(test_field(r, "spec.replicas"), "4");
    assert_string_equal(owned(r, "kubectl", "Update", "scale"), "{\"f:spec\":{\"f:replicas\":{}}}");
    /* Status through the object is not taken, and so not owned. */
    assert_int_equal(apply(r, deploy, "{" DEPLOY "}]}}}, status: {replicas: 9}}"), KE_OK);
    assert_null(strstr(owned(r, "one", "Apply", ""), "status"));
}

static void status_and_scale_can_be_applied(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, deploy, "{" DEPLOY "}]}}}}"), KE_OK);
    struct as status = { "ctl", "d", "status", MODEL_DEPLOYMENT, false, false, false };
    assert_int_equal(apply(r, status,
                           "{apiVersion: apps/v1, kind: Deployment, metadata: {name: "
                           "d}, status: {conditions: [{type: X, status: 'True'}]}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "status.conditions.0.type"), "X");
    assert_string_equal(owned(r, "ctl", "Apply", "status"),
                        "{\"f:status\":{\"f:conditions\":{\"k:{\\\"type\\\":\\\"X\\\"}\":{\".\":{},"
                        "\"f:status\":{},\"f:type\":{}}}}}");
    struct as scale = { "hpa", "d", "scale", MODEL_DEPLOYMENT, false, false, false };
    assert_int_equal(apply(r, scale,
                           "{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: "
                           "d}, spec: {replicas: 6}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.replicas"), "6");
    struct as missing = { "hpa", "nope", "status", MODEL_DEPLOYMENT, false, false, false };
    assert_int_equal(apply(r, missing,
                           "{apiVersion: apps/v1, kind: Deployment, metadata: {name: "
                           "nope}}"),
                     KE_NOT_FOUND);
}

static void an_update_keeps_entries_it_does_not_mention(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    struct as put = { "ctl", "a", NULL, MODEL_CONFIGMAP, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_UPDATE, put, "{metadata: {name: a}, data: {k: v, l: w}}"),
                     KE_OK);
    assert_string_equal(owned(r, "one", "Apply", ""), "{\"f:data\":{\"f:k\":{}}}");
    assert_string_equal(owned(r, "ctl", "Update", ""), "{\"f:data\":{\"f:l\":{}}}");
    int64_t revision = r->revision;
    r->wall_us += 5000000;
    assert_int_equal(write_as(r, RESOURCE_UPDATE, put, "{metadata: {name: a}, data: {k: v, l: w}}"),
                     KE_OK);
    assert_int_equal(r->revision, revision);
}

static void an_empty_entry_gives_up_all_ownership(void **state)
{
    struct test_resources *r = *state;
    struct as put = { "ctl", "a", NULL, MODEL_CONFIGMAP, false, false, false };
    const char *const resets[] = { "{metadata: {managedFields: [{}]}}",
                                   "{metadata: {managedFields: []}}" };
    for (size_t i = 0; i < KE_ARRAY_LEN(resets); i++) {
        struct as forced = one;
        forced.is_forced = true;
        assert_int_equal(
            apply(r, forced, i == 0 ? "{" CM_A ", data: {k: v}}" : "{" CM_A ", data: {k: w}}"),
            KE_OK);
        assert_int_equal(write_as(r, RESOURCE_PATCH, put, resets[i]), KE_OK);
        assert_string_equal(test_field(r, "metadata.managedFields"), "");
        /* Nobody is tracked until the next apply, which finds all that is there with one name. */
        assert_int_equal(write_as(r, RESOURCE_PATCH, put, "{data: {l: w}}"), KE_OK);
        assert_string_equal(test_field(r, "metadata.managedFields"), "");
        assert_int_equal(apply(r, two, "{" CM_A ", data: {z: z}}"), KE_OK);
        assert_string_equal(owned(r, "before-first-apply", "Update", ""),
                            "{\"f:data\":{\".\":{},\"f:k\":{},\"f:l\":{}}}");
        assert_int_equal(apply(r, two, "{" CM_A "}"), KE_OK);
    }
}

static void entries_of_a_client_replace_those_there(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(apply(r, one, "{" CM_A ", data: {k: v}}"), KE_OK);
    struct as put = { "ctl", "a", NULL, MODEL_CONFIGMAP, false, false, false };
    assert_int_equal(
        write_as(r, RESOURCE_PATCH, put,
                 "{metadata: {managedFields: [{manager: new, operation: Apply, apiVersion: v1, "
                 "fieldsType: FieldsV1, fieldsV1: {'f:data': {'f:k': {}}}}]}}"),
        KE_OK);
    assert_string_equal(owned(r, "one", "Apply", ""), "");
    assert_string_equal(owned(r, "new", "Apply", ""), "{\"f:data\":{\"f:k\":{}}}");
    /* What cannot be read leaves them as they are. */
    assert_int_equal(
        write_as(r, RESOURCE_PATCH, put,
                 "{metadata: {managedFields: [{manager: x, operation: Apply, apiVersion: v1, "
                 "fieldsType: FieldsV1, fieldsV1: {data: {}}}]}}"),
        KE_OK);
    assert_string_equal(owned(r, "new", "Apply", ""), "{\"f:data\":{\"f:k\":{}}}");
    assert_int_equal(
        write_as(r, RESOURCE_PATCH, put,
                 "{metadata: {managedFields: [{manager: x, operation: Nope, apiVersion: v1, "
                 "fieldsType: FieldsV1, fieldsV1: {'f:data': {'f:k': {}}}}]}}"),
        KE_INVALID);
    assert_string_equal(r->issues, "metadata.managedFields[0].operation: Invalid value: \"Nope\": "
                                   "must be `Apply` or `Update`\n");
}

static void eleven_updaters_are_ten(void **state)
{
    struct test_resources *r = *state;
    for (int i = 0; i < 14; i++) {
        char manager[8];
        char body[64];
        snprintf(manager, sizeof(manager), "m%02d", i);
        snprintf(body, sizeof(body), "{metadata: {name: a}, data: {k%02d: v}}", i);
        struct as as = { manager, "a", NULL, MODEL_CONFIGMAP, false, false, false };
        r->wall_us += 1000000;
        assert_int_equal(write_as(r, i == 0 ? RESOURCE_CREATE : RESOURCE_PATCH, as, body), KE_OK);
    }
    assert_int_equal(cJSON_GetArraySize(ke_json_path(r->object, "metadata.managedFields")), 10);
    assert_string_equal(
        owned(r, "ancient-changes", "Update", ""),
        "{\"f:data\":{\".\":{},\"f:k00\":{},\"f:k01\":{},\"f:k02\":{},\"f:k03\":{},\"f:k04\":{}}}");
    assert_string_equal(owned(r, "m13", "Update", ""), "{\"f:data\":{\"f:k13\":{}}}");
}

#define LAST "kubectl.kubernetes.io/last-applied-configuration"

static void kubectl_takes_over_what_it_applied_client_side(void **state)
{
    struct test_resources *r = *state;
    const char *config =
        "{\\\"apiVersion\\\":\\\"v1\\\",\\\"data\\\":{\\\"k\\\":\\\"v\\\",\\\"l\\\":\\\"v\\\"},"
        "\\\"kind\\\":\\\"ConfigMap\\\",\\\"metadata\\\":{\\\"name\\\":\\\"a\\\"}}\\n";
    char body[1024];
    snprintf(body, sizeof(body),
             "{metadata: {name: a, annotations: {" LAST ": \"%s\"}}, data: {k: v, l: v}}", config);
    struct as csa = { "kubectl-client-side-apply", "", NULL, MODEL_CONFIGMAP, 0, 0, 0 };
    assert_int_equal(write_as(r, RESOURCE_CREATE, csa, body), KE_OK);
    struct as other = { "other", "a", NULL, MODEL_CONFIGMAP, false, false, false };
    assert_int_equal(apply(r, other, "{" CM_A ", data: {k: w}}"), KE_CONFLICT);
    assert_string_equal(r->message, "Apply failed with 1 conflict: conflict with "
                                    "\"kubectl-client-side-apply\" using v1: .data.k");
    struct as kubectl = { "kubectl", "a", NULL, MODEL_CONFIGMAP, false, false, false };
    assert_int_equal(apply(r, kubectl, "{" CM_A ", data: {k: w, l: v}}"), KE_OK);
    assert_string_equal(test_field(r, "data.k"), "w");
    /* And the annotation says what is applied now. */
    const cJSON *annotations = ke_json_path(r->object, "metadata.annotations");
    assert_true(ke_str_eq_c(ke_json_str(annotations, LAST),
                            "{\"apiVersion\":\"v1\",\"data\":{\"k\":\"w\",\"l\":\"v\"},\"kind\":"
                            "\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}\n"));
    /* What somebody else has changed since is a conflict for kubectl too. */
    struct as ctl = { "ctl", "a", NULL, MODEL_CONFIGMAP, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_PATCH, ctl, "{data: {k: ctl}}"), KE_OK);
    assert_int_equal(apply(r, kubectl, "{" CM_A ", data: {k: x, l: v}}"), KE_CONFLICT);
}

static void an_old_version_owns_in_its_own_words(void **state)
{
    struct test_resources *r = *state;
    const struct model_version *beta = NULL;
    const struct model_kind *ingress = model_kind_by_name(
        KE_STR("networking.k8s.io"), KE_STR("v1beta1"), KE_STR("Ingress"), &beta);
    assert_non_null(ingress);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .kind = ingress,
                                        .version = beta,
                                        .ns = KE_STR("default"),
                                        .name = KE_STR("i"),
                                        .patch = RESOURCE_PATCH_APPLY,
                                        .field_manager = KE_STR("old") };
    assert_int_equal(test_write(r, request,
                                json_of("{apiVersion: networking.k8s.io/v1beta1, kind: Ingress, "
                                        "metadata: {name: i}, spec: {backend: {serviceName: s, "
                                        "servicePort: 80}}}")),
                     KE_OK);
    assert_string_equal(owned(r, "old", "Apply", ""),
                        "{\"f:spec\":{\"f:backend\":{\"f:serviceName\":{},\"f:servicePort\":{}}}}");
    assert_string_equal(test_field(r, "spec.defaultBackend.service.name"), "s");
    request.version = &ingress->versions[0];
    request.field_manager = KE_STR("new");
    assert_int_equal(test_write(r, request,
                                json_of("{apiVersion: networking.k8s.io/v1, kind: Ingress, "
                                        "metadata: {name: i}, spec: {defaultBackend: {service: "
                                        "{name: other}}}}")),
                     KE_CONFLICT);
    assert_string_equal(r->message, "Apply failed with 1 conflict: conflict with \"old\": "
                                    ".spec.backend.serviceName");
}

#define SLICE                                                                                      \
    "labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}, "         \
    "addressType: IPv4, endpoints: []}"

static void what_kedge_derives_is_not_tracked(void **state)
{
    struct test_resources *r = *state;
    struct as kedge = { "", "", NULL, MODEL_ENDPOINTSLICE, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_CREATE, kedge, "{metadata: {name: derived, " SLICE),
                     KE_OK);
    assert_string_equal(test_field(r, "metadata.managedFields"), "");
    struct as client = { "client", "", NULL, MODEL_ENDPOINTSLICE, false, false, false };
    assert_int_equal(write_as(r, RESOURCE_CREATE, client, "{metadata: {name: made, " SLICE), KE_OK);
    assert_true(strlen(owned(r, "client", "Update", "")) > 0);
}

static void an_object_too_large_for_its_entries_goes_without(void **state)
{
    struct test_resources *r = *state;
    ke_auto_buf body = KE_BUF_INIT(4U << 20);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"big\"},\"data\":{");
    for (int i = 0; i < 60000; i++)
        ke_buf_addf(&body, "%s\"k%05d\":\"x\"", i > 0 ? "," : "", i);
    ke_buf_add_c(&body, "}}");
    ke_buf_add_char(&body, '\0');
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                        .ns = KE_STR("default"),
                                        .field_manager = KE_STR("m") };
    assert_int_equal(test_write(r, request, body.ptr), KE_OK);
    assert_string_equal(test_field(r, "data.k59999"), "x");
    assert_string_equal(test_field(r, "metadata.managedFields"), "");
}

int main(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(apply_creates_what_is_not_there),
        CASE(applying_the_same_writes_nothing),
        CASE(what_is_no_longer_applied_goes),
        CASE(a_conflict_says_with_whom_and_about_what),
        CASE(dry_run_stores_nothing),
        CASE(a_bad_configuration_is_refused),
        CASE(a_named_revision_must_be_the_one_of_now),
        CASE(defaults_belong_to_nobody_who_applies),
        CASE(a_create_owns_what_it_says_and_its_defaults),
        CASE(a_subresource_has_an_entry_of_its_own),
        CASE(status_and_scale_can_be_applied),
        CASE(an_update_keeps_entries_it_does_not_mention),
        CASE(an_empty_entry_gives_up_all_ownership),
        CASE(entries_of_a_client_replace_those_there),
        CASE(eleven_updaters_are_ten),
        CASE(kubectl_takes_over_what_it_applied_client_side),
        CASE(an_old_version_owns_in_its_own_words),
        CASE(what_kedge_derives_is_not_tracked),
        CASE(an_object_too_large_for_its_entries_goes_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
