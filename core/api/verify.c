/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that checks signatures of tokens, and the way there and back. */
#include "core/api/verify.h"

#include "core/api/server_impl.h"
#include "core/api/stream/stream.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define BATCH 16

struct api_verifier {
    struct ke_queue *queue; /* of struct api_request, suspended */
    struct ke_thread thread;
};

/* In the request's arena: while it waits, it is the verifier's. */
struct verify_work {
    struct api_credentials credentials;
    api_request_fn *next;
    enum ke_code code;
    struct ke_err err;
};

/* ---- the thread --------------------------------------------------------------------------------
 */

static void check(struct api_request *request)
{
    struct verify_work *work = request->work;
    work->code = api_authenticate(&work->credentials, request->arena, &request->user, &work->err);
    api_request_finish(request);
}

static void run(void *ctx)
{
    struct api_verifier *verifier = ctx;
    void *requests[BATCH];
    size_t n = 0;
    while ((n = ke_queue_wait(verifier->queue, requests, BATCH, -1)) > 0) {
        for (size_t i = 0; i < n; i++) {
            check(requests[i]);
        }
    }
}

enum ke_code api_verifier_start(struct api_verifier **out, struct ke_err *err)
{
    struct api_verifier *verifier = ke_alloc(sizeof(*verifier));
    if (verifier == NULL) {
        return ke_fail(err, KE_NOMEM, "API server");
    }
    verifier->queue = ke_queue_new(LIMIT_TOKENS_WAITING, err);
    enum ke_code rc = verifier->queue == NULL ? err->code : KE_OK;
    if (rc == KE_OK) {
        rc = ke_thread_start(&verifier->thread, "kedge-verify", run, verifier, err);
    }
    if (rc != KE_OK) {
        ke_queue_free(verifier->queue);
        free(verifier);
        return rc;
    }
    *out = verifier;
    return KE_OK;
}

void api_verifier_stop(struct api_verifier *verifier)
{
    if (verifier == NULL) {
        return;
    }
    ke_queue_close(verifier->queue);
    ke_thread_join(&verifier->thread);
    ke_queue_free(verifier->queue);
    free(verifier);
}

/* ---- on the request's loop ---------------------------------------------------------------------
 */

static void on_checked(struct api_request *request)
{
    struct verify_work *work = request->work;
    request->work = NULL;
    if (work->code == KE_OK) {
        work->next(request);
    } else {
        api_respond_error(request, work->code, &work->err);
    }
}

static void wait_for_check(struct api_request *request, struct verify_work *work)
{
    work->credentials.is_quick = false;
    request->work = work;
    api_request_start_wait(request, on_checked);
    if (!ke_queue_push(request->server->verifier->queue, request)) {
        work->code = ke_fail(&work->err, KE_LIMIT,
                             "Too many requests, please try again later: too many tokens are being "
                             "checked");
        api_request_finish(request);
    }
    api_request_settle(request);
}

void api_verify(struct api_request *request, api_request_fn *next)
{
    struct verify_work *work = ke_arena_alloc(request->arena, sizeof(*work));
    if (work == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    *work = (struct verify_work){
        .credentials = {
            .identity = request->conn->identity,
            .authorization = api_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION),
            .protocols = api_is_websocket(request)
                             ? api_request_header(request, "Sec-WebSocket-Protocol")
                             : (struct ke_str){ NULL, 0 },
            .bearer = request->server->options.bearer,
            .is_quick = true,
        },
        .next = next,
    };
    work->code = api_authenticate(&work->credentials, request->arena, &request->user, &work->err);
    if (work->code == KE_OK) {
        next(request);
    } else if (work->code != KE_AGAIN) {
        api_respond_error(request, work->code, &work->err);
    } else if (atomic_load(&request->server->is_stopping)) {
        api_respond_code(request, KE_UNAVAILABLE, "the server is shutting down");
    } else {
        wait_for_check(request, work);
    }
}
