/* SPDX-License-Identifier: Apache-2.0 */
/* ResourceQuotas at work: what is charged, together with what, and who is refused in which words.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/thread.h"
#include "test/support/resources.h"

static struct resource_request status_of(const char *name)
{
    return (struct resource_request){ .verb = RESOURCE_PATCH,
                                      .patch = RESOURCE_PATCH_MERGE,
                                      .kind = model_kind_by_id(MODEL_RESOURCEQUOTA),
                                      .ns = KE_STR("default"),
                                      .name = ke_str_c(name),
                                      .subresource = KE_STR("status") };
}

/* A quota, counted: nothing is used. */
static void quota(struct test_resources *r, const char *name, const char *hard, const char *rest)
{
    char body[1024];
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"hard\":{%s}%s}}",
             name, hard, rest);
    assert_int_equal(test_create(r, MODEL_RESOURCEQUOTA, "default", body), KE_OK);
    snprintf(body, sizeof(body), "{\"status\":{\"hard\":{%s},\"used\":{}}}", hard);
    assert_int_equal(test_write(r, status_of(name), body), KE_OK);
}

static const char *used(struct test_resources *r, const char *name, const char *resource)
{
    static char text[64];
    struct registry_object *object = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(resource_get(r->store, model_kind_by_id(MODEL_RESOURCEQUOTA),
                                  KE_STR("default"), ke_str_c(name), &object, &err),
                     KE_OK);
    ke_auto_object *ref = object;
    ke_auto_json *json = registry_object_parse(ref);
    struct ke_str value = ke_json_str(ke_json_path(json, "status.used"), resource);
    snprintf(text, sizeof(text), "%.*s", KE_STR_ARG(value));
    return text;
}

static enum ke_code pod(struct test_resources *r, const char *name, const char *resources,
                        const char *rest)
{
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
             "\"x\",\"resources\":{%s}}]%s}}",
             name, resources, rest);
    return test_create(r, MODEL_POD, "default", body);
}

static enum ke_code configmap(struct test_resources *r, const char *name)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", name);
    return test_create(r, MODEL_CONFIGMAP, "default", body);
}

static void objects_are_counted_and_refused_beyond_hard(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q", "\"configmaps\":\"2\",\"count/secrets\":\"1\"", "");
    assert_int_equal(configmap(r, "a"), KE_OK);
    assert_string_equal(used(r, "q", "configmaps"), "1");
    assert_int_equal(configmap(r, "b"), KE_OK);
    assert_int_equal(configmap(r, "c"), KE_DENIED);
    assert_string_equal(r->message, "configmaps \"c\" is forbidden: exceeded quota: q, requested: "
                                    "configmaps=1, used: configmaps=2, limited: configmaps=2");
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "c"));
    assert_string_equal(used(r, "q", "configmaps"), "2");
    assert_string_equal(used(r, "q", "count/secrets"), "");
    /* A name that is taken is charged to nobody. */
    assert_int_equal(test_create(r, MODEL_SECRET, "default", "{\"metadata\":{\"name\":\"s\"}}"),
                     KE_OK);
    assert_int_equal(test_create(r, MODEL_SECRET, "default", "{\"metadata\":{\"name\":\"t\"}}"),
                     KE_DENIED);
    /* An update asks for nothing more. */
    assert_int_equal(test_merge(r, MODEL_CONFIGMAP, "default", "a", "{\"data\":{\"x\":\"y\"}}"),
                     KE_OK);
    assert_string_equal(used(r, "q", "configmaps"), "2");
}

static void what_fails_is_charged_to_nobody(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q", "\"configmaps\":\"3\"", "");
    assert_int_equal(configmap(r, "a"), KE_OK);
    assert_int_equal(configmap(r, "a"), KE_EXISTS);
    assert_string_equal(r->message, "configmaps \"a\" already exists");
    assert_int_equal(configmap(r, "B"), KE_INVALID);
    assert_string_equal(used(r, "q", "configmaps"), "1");
    struct resource_request dry = { .verb = RESOURCE_CREATE,
                                    .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                    .ns = KE_STR("default"),
                                    .is_dry_run = true };
    assert_int_equal(test_write(r, dry, "{\"metadata\":{\"name\":\"d\"}}"), KE_OK);
    assert_string_equal(used(r, "q", "configmaps"), "1");
    assert_int_equal(configmap(r, "b"), KE_OK);
    assert_int_equal(configmap(r, "c"), KE_OK);
    assert_int_equal(test_write(r, dry, "{\"metadata\":{\"name\":\"d\"}}"), KE_DENIED);
    assert_string_equal(r->message, "configmaps \"d\" is forbidden: exceeded quota: q, requested: "
                                    "configmaps=1, used: configmaps=3, limited: configmaps=3");
}

static void every_quota_is_charged_or_none(void **state)
{
    struct test_resources *r = *state;
    quota(r, "a", "\"configmaps\":\"5\"", "");
    quota(r, "b", "\"count/configmaps\":\"1\"", "");
    assert_int_equal(configmap(r, "x"), KE_OK);
    assert_string_equal(used(r, "a", "configmaps"), "1");
    assert_string_equal(used(r, "b", "count/configmaps"), "1");
    assert_int_equal(configmap(r, "y"), KE_DENIED);
    assert_string_equal(used(r, "a", "configmaps"), "1");
}

static void pods_are_charged_for_what_they_ask(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q",
          "\"pods\":\"5\",\"requests.cpu\":\"1\",\"limits.memory\":\"1Gi\","
          "\"requests.x.io/gpu\":\"2\"",
          "");
    assert_int_equal(pod(r, "a", "\"requests\":{\"cpu\":\"600m\"}", ""), KE_DENIED);
    assert_string_equal(r->message, "pods \"a\" is forbidden: failed quota: q: must specify "
                                    "limits.memory for: c");
    assert_int_equal(pod(r, "a", "", ""), KE_DENIED);
    assert_string_equal(r->message, "pods \"a\" is forbidden: failed quota: q: must specify "
                                    "limits.memory for: c; requests.cpu for: c");
    assert_int_equal(pod(r, "a",
                         "\"requests\":{\"cpu\":\"600m\"},\"limits\":{\"memory\":\"512Mi\","
                         "\"x.io/gpu\":\"1\"}",
                         ""),
                     KE_OK);
    assert_string_equal(used(r, "q", "pods"), "1");
    assert_string_equal(used(r, "q", "requests.cpu"), "600m");
    assert_string_equal(used(r, "q", "limits.memory"), "512Mi");
    assert_string_equal(used(r, "q", "requests.x.io/gpu"), "1");
    assert_int_equal(
        pod(r, "b", "\"requests\":{\"cpu\":\"500m\"},\"limits\":{\"memory\":\"768Mi\"}", ""),
        KE_DENIED);
    assert_string_equal(r->message, "pods \"b\" is forbidden: exceeded quota: q, requested: "
                                    "limits.memory=768Mi,requests.cpu=500m, used: "
                                    "limits.memory=512Mi,requests.cpu=600m, limited: "
                                    "limits.memory=1Gi,requests.cpu=1");
}

static void scopes_choose_pods(void **state)
{
    struct test_resources *r = *state;
    quota(r, "best", "\"pods\":\"9\"", ",\"scopes\":[\"BestEffort\"]");
    quota(r, "rest", "\"pods\":\"9\"", ",\"scopes\":[\"NotBestEffort\"]");
    quota(r, "ends", "\"pods\":\"9\"", ",\"scopes\":[\"Terminating\"]");
    quota(r, "stays", "\"pods\":\"9\"", ",\"scopes\":[\"NotTerminating\"]");
    quota(r, "high", "\"pods\":\"1\"",
          ",\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"CrossNamespacePodAffinity\","
          "\"operator\":\"Exists\"}]}");
    assert_int_equal(pod(r, "a", "", ""), KE_OK);
    assert_int_equal(pod(r, "b", "\"requests\":{\"cpu\":\"1\"}", ",\"activeDeadlineSeconds\":60"),
                     KE_OK);
    assert_int_equal(
        pod(r, "c", "\"requests\":{\"cpu\":\"1\"}",
            ",\"affinity\":{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
            "\"topologyKey\":\"z\",\"namespaces\":[\"x\"]}]}}"),
        KE_OK);
    assert_string_equal(used(r, "best", "pods"), "1");
    assert_string_equal(used(r, "rest", "pods"), "2");
    assert_string_equal(used(r, "ends", "pods"), "1");
    assert_string_equal(used(r, "stays", "pods"), "2");
    assert_string_equal(used(r, "high", "pods"), "1");
}

static void services_are_charged_for_ports_and_change_with_their_type(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q",
          "\"services\":\"5\",\"services.nodeports\":\"2\",\"services.loadbalancers\":"
          "\"1\"",
          "");
    assert_int_equal(test_create(r, MODEL_SERVICE, "default",
                                 "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":"
                                 "\"LoadBalancer\",\"ports\":[{\"port\":80,\"name\":\"a\"},{"
                                 "\"port\":81,\"name\":\"b\"}]}}"),
                     KE_OK);
    assert_string_equal(used(r, "q", "services.nodeports"), "2");
    assert_string_equal(used(r, "q", "services.loadbalancers"), "1");
    assert_int_equal(test_create(r, MODEL_SERVICE, "default",
                                 "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"type\":\"NodePort\","
                                 "\"ports\":[{\"port\":80}]}}"),
                     KE_DENIED);
    assert_string_equal(r->message, "services \"t\" is forbidden: exceeded quota: q, requested: "
                                    "services.nodeports=1, used: services.nodeports=2, limited: "
                                    "services.nodeports=2");
    assert_int_equal(
        test_merge(r, MODEL_SERVICE, "default", "s", "{\"spec\":{\"type\":\"ClusterIP\"}}"), KE_OK);
    assert_string_equal(used(r, "q", "services.nodeports"), "0");
    assert_string_equal(used(r, "q", "services.loadbalancers"), "0");
    assert_string_equal(used(r, "q", "services"), "1");
}

#define CLAIM                                                                                      \
    "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"               \
    "\"storageClassName\":\"%s\",\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}"

static void claims_are_charged_by_class(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q",
          "\"persistentvolumeclaims\":\"9\",\"requests.storage\":\"10Gi\","
          "\"gold.storageclass.storage.k8s.io/requests.storage\":\"1Gi\"",
          "");
    char body[512];
    snprintf(body, sizeof(body), CLAIM, "a", "gold");
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body), KE_OK);
    snprintf(body, sizeof(body), CLAIM, "b", "tin");
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body), KE_OK);
    assert_string_equal(used(r, "q", "requests.storage"), "2Gi");
    snprintf(body, sizeof(body), CLAIM, "c", "gold");
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body), KE_DENIED);
    assert_string_equal(r->message,
                        "persistentvolumeclaims \"c\" is forbidden: exceeded quota: q, requested: "
                        "gold.storageclass.storage.k8s.io/requests.storage=1Gi, used: "
                        "gold.storageclass.storage.k8s.io/requests.storage=1Gi, limited: "
                        "gold.storageclass.storage.k8s.io/requests.storage=1Gi");
}

static void what_was_never_counted_is_not_allowed(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_RESOURCEQUOTA, "default",
                                 "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":"
                                 "\"5\",\"configmaps\":\"1\"}}}"),
                     KE_OK);
    assert_int_equal(pod(r, "a", "", ""), KE_DENIED);
    assert_string_equal(r->message, "pods \"a\" is forbidden: status unknown for quota: q, "
                                    "resources: pods");
    assert_int_equal(test_create(r, MODEL_SECRET, "default", "{\"metadata\":{\"name\":\"s\"}}"),
                     KE_OK);
    assert_int_equal(test_remove(r, MODEL_RESOURCEQUOTA, "default", "q"), KE_OK);
    assert_int_equal(pod(r, "a", "", ""), KE_OK);
}

static void quotas_count_themselves(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q", "\"resourcequotas\":\"1\"", "");
    assert_int_equal(test_create(r, MODEL_RESOURCEQUOTA, "default",
                                 "{\"metadata\":{\"name\":\"p\"},\"spec\":{}}"),
                     KE_OK);
    assert_int_equal(test_create(r, MODEL_RESOURCEQUOTA, "default",
                                 "{\"metadata\":{\"name\":\"o\"},\"spec\":{}}"),
                     KE_DENIED);
    assert_string_equal(used(r, "q", "resourcequotas"), "1");
    assert_int_equal(test_remove(r, MODEL_RESOURCEQUOTA, "default", "p"), KE_OK);
    assert_string_equal(used(r, "q", "resourcequotas"), "0");
    /* The turn of the namespace, which a patch has from its beginning, is not waited for twice. */
    struct resource_request apply = { .verb = RESOURCE_PATCH,
                                      .patch = RESOURCE_PATCH_APPLY,
                                      .kind = model_kind_by_id(MODEL_RESOURCEQUOTA),
                                      .ns = KE_STR("default"),
                                      .name = KE_STR("a"),
                                      .field_manager = KE_STR("m") };
    const char *applied = "{\"apiVersion\":\"v1\",\"kind\":\"ResourceQuota\",\"metadata\":{"
                          "\"name\":\"a\"},\"spec\":{\"hard\":{\"pods\":\"1\"}}}";
    assert_int_equal(test_write(r, apply, applied), KE_OK);
    assert_string_equal(used(r, "q", "resourcequotas"), "1");
    assert_int_equal(test_remove(r, MODEL_RESOURCEQUOTA, "default", "q"), KE_OK);
}

/* What is given back as it goes, also when a finalizer kept it for a while. */
static void what_goes_is_given_back(void **state)
{
    struct test_resources *r = *state;
    quota(r, "q", "\"configmaps\":\"2\"", "");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default",
                                 "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x.y/z\"]}}"),
                     KE_OK);
    assert_int_equal(configmap(r, "b"), KE_OK);
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "b"), KE_OK);
    assert_string_equal(used(r, "q", "configmaps"), "1");
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "a"), KE_OK);
    assert_string_equal(used(r, "q", "configmaps"), "1");
    assert_int_equal(
        test_merge(r, MODEL_CONFIGMAP, "default", "a", "{\"metadata\":{\"finalizers\":null}}"),
        KE_OK);
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
    assert_string_equal(used(r, "q", "configmaps"), "0");
}

/* ---- many at once */

#define THREADS 16
#define ROUNDS  40
#define HARD    200

struct worker {
    struct test_resources *r;
    struct ke_thread thread;
    int number;
    atomic_int *n_made, *n_odd;
};

static enum ke_code call(struct worker *worker, struct resource_request request, const char *body)
{
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = ke_json_parse(ke_str_c(body), &request.body, &err);
    return rc == KE_OK ? resource_call(worker->r->store, &request, NULL, &err) : rc;
}

/* Creates until the quota says no; every third also changes the quota's labels, as users do. */
static void work(void *ctx)
{
    struct worker *worker = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"c%d-%d\"}}", worker->number, i);
        struct resource_request create = { .verb = RESOURCE_CREATE,
                                           .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                           .ns = KE_STR("default") };
        enum ke_code rc = call(worker, create, body);
        if (rc == KE_OK)
            atomic_fetch_add(worker->n_made, 1);
        else if (rc != KE_DENIED)
            atomic_fetch_add(worker->n_odd, 1);
        if (i % 3 != 0)
            continue;
        snprintf(body, sizeof(body), "{\"metadata\":{\"labels\":{\"l%d-%d\":\"x\"}}}",
                 worker->number, i);
        struct resource_request label = { .verb = RESOURCE_PATCH,
                                          .patch = RESOURCE_PATCH_MERGE,
                                          .kind = model_kind_by_id(MODEL_RESOURCEQUOTA),
                                          .ns = KE_STR("default"),
                                          .name = KE_STR("q") };
        if (call(worker, label, body) != KE_OK)
            atomic_fetch_add(worker->n_odd, 1);
    }
}

static void nothing_is_exceeded_nor_lost_when_many_write(void **state)
{
    struct test_resources *r = *state;
    struct worker workers[THREADS];
    struct ke_err err = KE_ERR_INIT;
    atomic_int n_made;
    atomic_int n_odd;
    atomic_init(&n_made, 0);
    atomic_init(&n_odd, 0);
    quota(r, "q", "\"configmaps\":\"200\"", "");
    quota(r, "p", "\"count/configmaps\":\"1000\"", "");
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .r = r, .number = i, .n_made = &n_made, .n_odd = &n_odd };
        assert_int_equal(ke_thread_start(&workers[i].thread, "worker", work, &workers[i], &err),
                         KE_OK);
    }
    for (int i = 0; i < THREADS; i++)
        ke_thread_join(&workers[i].thread);
    assert_int_equal(atomic_load(&n_odd), 0);
    assert_int_equal(atomic_load(&n_made), HARD);
    assert_string_equal(used(r, "q", "configmaps"), "200");
    assert_string_equal(used(r, "p", "count/configmaps"), "200");
    assert_int_equal(test_merge(r, MODEL_RESOURCEQUOTA, "default", "q", "{}"), KE_OK);
    assert_int_equal(cJSON_GetArraySize(ke_json_path(r->object, "metadata.labels")),
                     THREADS * ((ROUNDS + 2) / 3));
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(objects_are_counted_and_refused_beyond_hard),
        TEST(what_fails_is_charged_to_nobody),
        TEST(every_quota_is_charged_or_none),
        TEST(pods_are_charged_for_what_they_ask),
        TEST(scopes_choose_pods),
        TEST(services_are_charged_for_ports_and_change_with_their_type),
        TEST(claims_are_charged_by_class),
        TEST(what_was_never_counted_is_not_allowed),
        TEST(quotas_count_themselves),
        TEST(what_goes_is_given_back),
        TEST(nothing_is_exceeded_nor_lost_when_many_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
