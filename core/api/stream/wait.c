/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests suspended over a runtime's call. On their API loop.
 */
#include "core/api/stream/wait.h"

#include "core/api/server_impl.h"
#include "core/api/stream/call.h"
#include "core/api/stream/stream.h"
#include "core/base/mem.h"

struct wait {
    struct ke_list link; /* of the shard */
    struct api_request *request;
    struct api_call *call; /* NULL: it is over */
    api_wait_fn *fn;
    void *ctx;
    enum ke_code rc;
    struct runtime_streams streams;
    struct ke_err err;
};

static const struct runtime_streams no_streams = { -1, -1, -1 };

/* The request is resumed and answers. */
static void on_resumed(struct api_request *request)
{
    struct wait *wait = request->work;
    request->work = NULL;
    wait->fn(request, wait->ctx, wait->rc, &wait->streams, &wait->err);
    free(wait);
}

static void wait_over(struct wait *wait, enum ke_code rc)
{
    wait->rc = rc;
    ke_list_remove(&wait->link);
    api_call_drop(KE_TAKE(wait->call));
    api_request_finish(wait->request);
}

static void on_news(void *ctx)
{
    struct wait *wait = ctx;
    int exit_code = 0;
    enum api_call_news news = api_call_next(wait->call, &wait->streams, &exit_code, &wait->err);
    if (news == API_CALL_NOTHING) {
        return;
    }
    enum ke_code rc = KE_OK;
    if (news == API_CALL_FAILED) {
        rc = wait->err.code != KE_OK ? wait->err.code : KE_BUG;
    }
    wait_over(wait, rc);
}

void api_wait_start(struct api_request *request, const struct runtime_call *what, api_wait_fn *fn,
                    void *ctx)
{
    struct ke_err err;
    struct wait *wait = ke_alloc(sizeof(*wait));
    if (wait != NULL) {
        wait->call = api_call_new(request->shard, what, on_news, wait);
    }
    if (wait == NULL || wait->call == NULL) {
        free(wait);
        fn(request, ctx, ke_fail(&err, KE_NOMEM, "out of memory"), &no_streams, &err);
        return;
    }
    wait->request = request;
    wait->fn = fn;
    wait->ctx = ctx;
    wait->streams = no_streams;
    ke_list_append(&request->shard->waits, &wait->link);
    request->work = wait;
    api_request_start_wait(request, on_resumed);
    api_call_start(wait->call);
    api_request_settle(request);
}

void api_waits_end(struct api_shard *shard)
{
    KE_LIST_EACH_SAFE(it, next, &shard->waits)
    {
        struct wait *wait = KE_CONTAINER_OF(it, struct wait, link);
        wait_over(wait, ke_fail(&wait->err, KE_UNAVAILABLE, "the server is stopping"));
    }
}
