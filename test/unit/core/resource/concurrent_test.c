/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads write at once: no address is given twice, no patch is lost, no budget overdrawn. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/thread.h"
#include "test/support/resources.h"

#define THREADS 8
#define ROUNDS  20
#define PODS    24
#define ALLOWED 15 /* fewer than the attempts of one eviction */

struct worker {
    struct test_resources *r;
    struct ke_thread thread;
    int number;
    atomic_int *n_failed;
};

/* cmocka's asserts belong to the test's own thread: workers count. */
static void call(struct worker *worker, struct resource_request request, const char *body)
{
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = ke_json_parse(ke_str_c(body), &request.body, &err);
    if (rc == KE_OK)
        rc = resource_call(worker->r->store, &request, NULL, &err);
    if (rc != KE_OK) {
        fprintf(stderr, "%s\n", err.msg);
        atomic_fetch_add(worker->n_failed, 1);
    }
}

static void create_services(void *ctx)
{
    struct worker *worker = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"s%d-%d\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{"
                 "\"port\":80}]}}",
                 worker->number, i);
        struct resource_request request = { .verb = RESOURCE_CREATE,
                                            .kind = model_kind_by_id(MODEL_SERVICE),
                                            .ns = KE_STR("default") };
        if (i % 2 == 0) /* there are 100 ports only */
            call(worker, request, body);
    }
}

static void patch_one(void *ctx)
{
    struct worker *worker = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"data\":{\"k%d-%d\":\"v\"}}", worker->number, i);
        struct resource_request request = { .verb = RESOURCE_PATCH,
                                            .patch = RESOURCE_PATCH_MERGE,
                                            .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                            .ns = KE_STR("default"),
                                            .name = KE_STR("a") };
        call(worker, request, body); /* named no revision: a conflict would be nobody's fault */
    }
}

/* Every so many pods; refused is fine, anything else is not. */
static void evict_some(void *ctx)
{
    struct worker *worker = ctx;
    for (int i = worker->number; i < PODS; i += THREADS) {
        char name[16];
        char body[64];
        struct ke_err err = KE_ERR_INIT;
        snprintf(name, sizeof(name), "p%d", i);
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", name);
        struct resource_request request = { .verb = RESOURCE_CREATE,
                                            .kind = model_kind_by_id(MODEL_POD),
                                            .ns = KE_STR("default"),
                                            .name = ke_str_c(name),
                                            .subresource = KE_STR("eviction") };
        enum ke_code rc = ke_json_parse(ke_str_c(body), &request.body, &err);
        if (rc == KE_OK)
            rc = resource_call(worker->r->store, &request, NULL, &err);
        if (rc != KE_OK && rc != KE_LIMIT) {
            fprintf(stderr, "%s\n", err.msg);
            atomic_fetch_add(worker->n_failed, 1);
        }
    }
}

static void run_all(struct test_resources *r, ke_thread_fn *fn)
{
    struct worker workers[THREADS];
    struct ke_err err = KE_ERR_INIT;
    atomic_int n_failed;
    atomic_init(&n_failed, 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .r = r, .number = i, .n_failed = &n_failed };
        assert_int_equal(ke_thread_start(&workers[i].thread, "worker", fn, &workers[i], &err),
                         KE_OK);
    }
    for (int i = 0; i < THREADS; i++)
        ke_thread_join(&workers[i].thread);
    assert_int_equal(atomic_load(&n_failed), 0);
}

static void no_address_is_given_twice(void **state)
{
    struct test_resources *r = *state;
    struct ke_err err = KE_ERR_INIT;
    char ips[256] = { 0 };
    char ports[100] = { 0 };
    run_all(r, create_services);
    struct resource_list_options options = { .ns = KE_STR("default") };
    struct resource_list list = { .continue_token = NULL };
    assert_int_equal(
        resource_list(r->store, model_kind_by_id(MODEL_SERVICE), &options, &list, &err), KE_OK);
    assert_int_equal(list.items.n_objects, THREADS * ROUNDS / 2);
    for (size_t i = 0; i < list.items.n_objects; i++) {
        ke_auto_json *json = registry_object_parse(list.items.objects[i]);
        struct ke_ip ip;
        assert_int_equal(ke_ip_parse(ke_json_path_str(json, "spec.clusterIP"), &ip, &err), KE_OK);
        int64_t port =
            ke_json_i64(cJSON_GetArrayItem(ke_json_path(json, "spec.ports"), 0), "nodePort", 0);
        assert_int_equal(ips[ip.b[3]]++, 0);
        assert_in_range(port, 30000, 30099);
        assert_int_equal(ports[port - 30000]++, 0);
    }
    resource_list_free(&list);
}

static void no_patch_is_lost_or_refused(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_create(r, MODEL_CONFIGMAP, "default", "{\"metadata\":{\"name\":\"a\"},\"data\":{}}"),
        KE_OK);
    run_all(r, patch_one);
    assert_int_equal(test_merge(r, MODEL_CONFIGMAP, "default", "a", "{}"), KE_OK);
    assert_int_equal(cJSON_GetArraySize(ke_json_get(r->object, "data")), THREADS * ROUNDS);
}

static void write_status(struct test_resources *r, enum model_kind_id kind, const char *name,
                         const char *body)
{
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(kind),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .subresource = KE_STR("status") };
    assert_int_equal(test_write(r, request, body), KE_OK);
}

static void no_budget_is_overdrawn(void **state)
{
    struct test_resources *r = *state;
    char text[512];
    int n_left = 0;
    for (int i = 0; i < PODS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        snprintf(text, sizeof(text),
                 "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"nodeName\":\"n\","
                 "\"terminationGracePeriodSeconds\":0,\"containers\":[{\"name\":\"c\",\"image\":"
                 "\"x:1\"}]}}",
                 name);
        assert_int_equal(test_create(r, MODEL_POD, "default", text), KE_OK);
        write_status(r, MODEL_POD, name,
                     "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
                     "\"status\":\"True\"}]}}");
    }
    assert_int_equal(test_create(r, MODEL_PODDISRUPTIONBUDGET, "default",
                                 "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"selector\":{}}}"),
                     KE_OK);
    snprintf(text, sizeof(text),
             "{\"status\":{\"observedGeneration\":1,\"disruptionsAllowed\":%d}}", ALLOWED);
    write_status(r, MODEL_PODDISRUPTIONBUDGET, "b", text);
    run_all(r, evict_some);
    for (int i = 0; i < PODS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        n_left += test_exists(r, MODEL_POD, "default", name) ? 1 : 0;
    }
    assert_int_equal(n_left, PODS - ALLOWED);
    assert_int_equal(test_merge(r, MODEL_PODDISRUPTIONBUDGET, "default", "b", "{}"), KE_OK);
    assert_string_equal(test_field(r, "status.disruptionsAllowed"), "0");
    assert_int_equal(cJSON_GetArraySize(ke_json_path(r->object, "status.disruptedPods")), ALLOWED);
}

int main(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(no_address_is_given_twice),
        CASE(no_patch_is_lost_or_refused),
        CASE(no_budget_is_overdrawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
