/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers on their own thread, while others write: started, busy, stopped in order. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/controller/controllers.h"
#include "test/support/resources.h"

#define DEADLINE_NS (20 * KE_S)
#define SERVICES    20

static int64_t slices_of(struct test_resources *r)
{
    struct ke_err err = KE_ERR_INIT;
    struct resource_list_options options = { .ns = KE_STR("default") };
    struct resource_list list = { .continue_token = NULL };
    assert_int_equal(
        resource_list(r->store, model_kind_by_id(MODEL_ENDPOINTSLICE), &options, &list, &err),
        KE_OK);
    int64_t n = (int64_t)list.items.n_objects;
    resource_list_free(&list);
    return n;
}

/* Waits by a stream of the slices, not by the clock. */
struct waiter {
    struct test_resources *r;
    struct watch_stream *stream;
    int pipe[2];
};

static void wake(void *ctx)
{
    struct waiter *waiter = ctx;
    char byte = 0;
    ssize_t n = write(waiter->pipe[1], &byte, 1);
    (void)n;
}

static void wait_for_slices(struct test_resources *r, int64_t wanted)
{
    struct ke_err err = KE_ERR_INIT;
    struct waiter waiter = { .r = r };
    int64_t deadline = ke_now_ns() + DEADLINE_NS;
    assert_int_equal(pipe(waiter.pipe), 0);
    assert_int_equal(watch_stream_open(r->hub, KE_STR("/registry/endpointslices/"),
                                       registry_revision(r->registry), wake, &waiter,
                                       &waiter.stream, &err),
                     KE_OK);
    for (;;) {
        struct watch_event event;
        while (watch_stream_next(waiter.stream, &event, &err) == KE_OK)
            watch_event_clear(&event);
        if (slices_of(r) == wanted)
            break;
        assert_true(ke_now_ns() < deadline);
        struct pollfd fd = { .fd = waiter.pipe[0], .events = POLLIN };
        if (poll(&fd, 1, 1000) == 1) {
            char byte;
            assert_int_equal(read(fd.fd, &byte, 1), 1);
        }
    }
    watch_stream_close(waiter.stream);
    close(waiter.pipe[0]);
    close(waiter.pipe[1]);
}

static void services_come_and_go_while_it_runs(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct test_resources r;
    KE_AUTO(report) *report = report_new();
    struct controllers *controllers = NULL;
    test_resources_init(&r, false);
    struct controllers_options options = { .store = r.store,
                                           .report = report,
                                           .node_name = KE_STR("n1"),
                                           .kubelet_version = KE_STR("v1") };
    assert_int_equal(controllers_new(&options, &controllers, &err), KE_OK);
    assert_int_equal(controllers_start(controllers, &err), KE_OK);
    for (int i = 0; i < SERVICES; i++) {
        char body[256];
        snprintf(
            body, sizeof(body),
            "{\"metadata\":{\"name\":\"s%d\"},\"spec\":{\"selector\":{\"a\":\"b\"},\"ports\":[{"
            "\"port\":80}]}}",
            i);
        struct resource_request request = { .verb = RESOURCE_CREATE,
                                            .kind = model_kind_by_id(MODEL_SERVICE),
                                            .ns = KE_STR("default") };
        assert_int_equal(ke_json_parse(ke_str_c(body), &request.body, &err), KE_OK);
        assert_int_equal(resource_call(r.store, &request, NULL, &err), KE_OK);
        report_event(report, REPORT_NORMAL,
                     &(struct report_object){ KE_STR("v1"), KE_STR("Service"), KE_STR("default"),
                                              KE_STR("s0") },
                     "Made", KE_STR("another one"));
    }
    wait_for_slices(&r, SERVICES);
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = model_kind_by_id(MODEL_SERVICE),
                                        .ns = KE_STR("default"),
                                        .grace_period_s = -1 };
    assert_int_equal(resource_call(r.store, &request, NULL, &err), KE_OK);
    wait_for_slices(&r, 0);
    controllers_stop(controllers);
    registry_stop(r.registry);
    controllers_free(controllers);
    test_resources_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_come_and_go_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
