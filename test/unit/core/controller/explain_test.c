/* SPDX-License-Identifier: Apache-2.0 */
/* Why a Service has no ready endpoint: the cause in a sentence and the command that mends it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/controllers.h"

struct fixture {
    struct test_controllers t;
    struct explain *explain;
    char cause[512], mend[512], evidence[2048];
};

/* Stands for DNS and the endpoint table: the target is the Service "web". */
static void find_service(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    (void)ctx;
    (void)explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_PASS, "found");
    request->service_ns = KE_STR("default");
    request->service_name = KE_STR("web");
}

static int setup(void **state)
{
    struct ke_err err = KE_ERR_INIT;
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    test_controllers_init(&f->t);
    f->explain = explain_new();
    assert_non_null(f->explain);
    assert_int_equal(explain_register(f->explain, EXPLAIN_SERVICE, find_service, NULL, &err),
                     KE_OK);
    assert_int_equal(controllers_explain_register(f->t.controllers, f->explain, &err), KE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    explain_free(f->explain);
    test_controllers_deinit(&f->t);
    free(f);
    return 0;
}

static void keep(char *out, size_t size, struct ke_str text)
{
    snprintf(out, size, "%.*s", KE_STR_ARG(text));
}

static void walk(struct fixture *f)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(1U << 20);
    ke_auto_json *json = NULL;
    if (explain_run(f->explain, KE_STR("web"), KE_STR(""), KE_STR(""), &out, &err) != KE_OK ||
        ke_json_parse(ke_buf_str(&out), &json, &err) != KE_OK)
        fail_msg("%s", err.msg);
    keep(f->cause, sizeof(f->cause), ke_json_path_str(json, "verdict.cause"));
    keep(f->mend, sizeof(f->mend), ke_json_path_str(json, "verdict.mend"));
    const cJSON *hops = ke_json_get(json, "hops");
    const cJSON *last = cJSON_GetArrayItem(hops, cJSON_GetArraySize(hops) - 1);
    struct ke_buf text = KE_BUF_FIXED(f->evidence, sizeof(f->evidence) - 1);
    ke_json_print(ke_json_get(last, "evidence"), &text);
    f->evidence[text.len] = '\0';
}

static void make_service(struct fixture *f, const char *spec)
{
    char text[1024];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"web\"},\"spec\":{%s}}", spec);
    if (test_create(&f->t.r, MODEL_SERVICE, "default", text) != KE_OK)
        fail_msg("%s", f->t.r.message);
}

static void make_pod(struct fixture *f, const char *name, const char *labels, const char *status)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"labels\":{%s}},\"spec\":{\"nodeName\":\"n1\","
             "\"containers\":[{\"name\":\"c\",\"image\":\"x:1\",\"ports\":[{\"name\":\"http\","
             "\"containerPort\":8080}]}]}}",
             name, labels);
    if (test_create(&f->t.r, MODEL_POD, "default", text) != KE_OK)
        fail_msg("%s", f->t.r.message);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(MODEL_POD),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .subresource = KE_STR("status") };
    snprintf(text, sizeof(text), "{\"status\":{%s}}", status);
    if (test_write(&f->t.r, request, text) != KE_OK)
        fail_msg("%s", f->t.r.message);
}

#define READY                                                                                      \
    "\"phase\":\"Running\",\"podIP\":\"10.200.0.5\",\"podIPs\":[{\"ip\":\"10.200.0.5\"}],"         \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]"
#define UNREADY                                                                                    \
    "\"phase\":\"Running\",\"podIP\":\"10.200.0.5\",\"podIPs\":[{\"ip\":\"10.200.0.5\"}],"         \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"ContainersNotReady\"}]"
#define WEB "\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]"

static void a_selector_that_matches_nothing(void **state)
{
    struct fixture *f = *state;
    make_service(f, WEB);
    walk(f);
    assert_string_equal(f->cause, "the selector app=web of Service default/web matches no pod");
    assert_string_equal(f->mend, "kubectl -n default get pods --show-labels");
    make_pod(f, "p", "\"app\":\"wbe\"", READY);
    walk(f);
    assert_string_equal(f->mend, "kubectl -n default set selector service web app=wbe");
    assert_non_null(strstr(f->evidence, "nearest: pod p with app=wbe"));
}

static void pods_that_are_not_ready_and_why(void **state)
{
    struct fixture *f = *state;
    make_service(f, WEB);
    make_pod(f, "web-1", "\"app\":\"web\"", UNREADY);
    make_pod(f, "web-2", "\"app\":\"web\"", "\"phase\":\"Pending\"");
    walk(f);
    assert_string_equal(f->cause, "none of the 2 pods behind Service default/web is ready: web-1: "
                                  "ContainersNotReady");
    assert_string_equal(f->mend, "kubectl -n default describe pod web-1");
    assert_non_null(strstr(f->evidence, "pod web-2: it has no address yet (phase Pending)"));
}

static void a_named_port_that_no_pod_declares(void **state)
{
    struct fixture *f = *state;
    make_service(f,
                 "\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":\"htp\"}]");
    make_pod(f, "web-1", "\"app\":\"web\"", READY);
    walk(f);
    assert_string_equal(f->cause, "port 80 of Service default/web leads to the port named htp, "
                                  "which no pod declares: web-1");
    assert_string_equal(f->mend,
                        "kubectl -n default patch service web --type=json -p '[{\"op\":\"replace\","
                        "\"path\":\"/spec/ports/0/targetPort\",\"value\":8080}]'");
}

static void no_selector_and_no_endpoints(void **state)
{
    struct fixture *f = *state;
    make_service(f, "\"ports\":[{\"port\":80}]");
    walk(f);
    assert_string_equal(f->cause, "Service default/web has no selector and nobody made Endpoints "
                                  "or an EndpointSlice for it");
}

static void a_healthy_service_names_no_cause(void **state)
{
    struct fixture *f = *state;
    make_service(f, WEB);
    make_pod(f, "web-1", "\"app\":\"web\"", READY);
    make_pod(f, "web-2", "\"app\":\"web\"", UNREADY);
    walk(f);
    assert_string_equal(f->cause, "");
    assert_string_equal(f->mend, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_selector_that_matches_nothing),   TEST(pods_that_are_not_ready_and_why),
        TEST(a_named_port_that_no_pod_declares), TEST(no_selector_and_no_endpoints),
        TEST(a_healthy_service_names_no_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
