/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgraded connections. On their API loop.
 */
#include "core/api/stream/wire.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/api/audit.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define READS_A_TURN 4
#define COMPACT_OVER (64U << 10)

struct api_wire {
    struct ke_list link; /* of the shard, once handed over */
    struct api_shard *shard;
    struct api_conn *conn;
    struct MHD_UpgradeResponseHandle *handle; /* NULL: not handed over */
    struct api_waiter waiter;
    api_wire_start_fn *start;
    void *start_ctx;
    const struct api_wire_user *user; /* NULL: nobody: what comes is thrown away */
    void *ctx;
    int fd;
    struct ke_loop_fd *watch;
    struct ke_loop_timer *timer; /* idle, or lingering */
    struct ke_buf in;            /* read and not used */
    struct ke_buf out;
    size_t out_at;
    int64_t moved_ns;
    unsigned depth; /* inside a user's call */
    bool is_blocked, is_finishing, is_lingering, is_closed;
    bool is_low_wanted; /* room had run out */
    bool is_broken;     /* nothing can be sent */
};

static void wire_turn(struct api_wire *wire);

/* ---- end ---------------------------------------------------------------------------------------
 */

static void wire_free(struct api_wire *wire)
{
    ke_loop_fd_del(wire->watch);
    ke_loop_timer_free(wire->timer);
    api_shard_forget(wire->shard, &wire->waiter);
    ke_list_remove(&wire->link);
    if (wire->conn != NULL) {
        wire->conn->wire = NULL;
    }
    if (wire->handle != NULL) {
        (void)MHD_upgrade_action(wire->handle, MHD_UPGRADE_ACTION_CLOSE);
    }
    ke_buf_free(&wire->in);
    ke_buf_free(&wire->out);
    free(wire);
}

void api_wire_close(struct api_wire *wire)
{
    if (wire == NULL) {
        return;
    }
    wire->is_closed = true;
    wire->user = NULL;
    if (wire->depth == 0) {
        wire_free(wire);
    }
}

/* Tells the user, who may not use the wire afterwards. */
static void wire_gone(struct api_wire *wire, bool is_stop)
{
    const struct api_wire_user *user = wire->user;
    wire->user = NULL;
    if (user != NULL) {
        wire->depth++;
        user->on_gone(wire->ctx, is_stop);
        wire->depth--;
    }
    api_wire_close(wire);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

struct ke_buf *api_wire_out(struct api_wire *wire)
{
    return &wire->out;
}

struct api_shard *api_wire_shard(struct api_wire *wire)
{
    return wire->shard;
}

static size_t out_len(const struct api_wire *wire)
{
    return wire->out.len - wire->out_at;
}

size_t api_wire_room(const struct api_wire *wire)
{
    size_t len = out_len(wire);
    return len < API_WIRE_HIGH ? API_WIRE_HIGH - len : 0;
}

/* Who waits for room is told in a turn: one must come, also when what was sent just now was all. */
static bool watch_again(struct api_wire *wire)
{
    bool wants_turn = out_len(wire) > 0 || wire->is_low_wanted;
    uint32_t events = EPOLLRDHUP;
    events |= wire->is_blocked ? 0U : EPOLLIN;
    events |= wants_turn ? EPOLLOUT : 0U;
    return ke_loop_fd_set(wire->watch, events);
}

static void send_some(struct api_wire *wire)
{
    if (wire->out.failed != KE_OK) {
        wire->is_broken = true; /* a frame is missing a part: no frame may follow */
    }
    while (!wire->is_broken && out_len(wire) > 0) {
        ssize_t n = send(wire->fd, wire->out.ptr + wire->out_at, out_len(wire),
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n <= 0) {
            wire->is_broken = true;
            break;
        }
        wire->out_at += (size_t)n;
        wire->moved_ns = ke_now_ns();
    }
    if (out_len(wire) == 0) {
        ke_buf_free(&wire->out);
        wire->out.max = LIMIT_STREAM_OUT_BYTES;
        wire->out_at = 0;
    } else if (wire->out_at > COMPACT_OVER) {
        ke_buf_drop_front(&wire->out, wire->out_at);
        wire->out_at = 0;
    }
}

void api_wire_flush(struct api_wire *wire)
{
    if (wire->is_closed) {
        return;
    }
    send_some(wire);
    wire->is_low_wanted = wire->is_low_wanted || api_wire_room(wire) == 0;
    if (wire->is_broken || !watch_again(wire)) {
        /* Whoever flushes may be in the middle of something: the end comes with a turn of its own.
         */
        wire->is_broken = true;
        api_shard_wake(wire->shard, &wire->waiter);
    }
}

static void offer_space(struct api_wire *wire)
{
    if (!wire->is_low_wanted || out_len(wire) >= API_WIRE_LOW) {
        return;
    }
    wire->is_low_wanted = false;
    if (wire->user != NULL) {
        wire->depth++;
        wire->user->on_space(wire->ctx);
        wire->depth--;
    }
}

/* ---- receiving ---------------------------------------------------------------------------------
 */

/* False: not all was used. */
static bool offer_bytes(struct api_wire *wire, char *ptr, size_t len, size_t *used)
{
    *used = len;
    if (wire->user != NULL) {
        wire->depth++;
        *used = wire->user->on_bytes(wire->ctx, ptr, len);
        wire->depth--;
    }
    wire->is_blocked = *used < len;
    return !wire->is_blocked;
}

static bool offer_kept(struct api_wire *wire)
{
    if (wire->in.len == 0) {
        return true;
    }
    size_t used = 0;
    bool is_all = offer_bytes(wire, wire->in.ptr, wire->in.len, &used);
    if (is_all) {
        ke_buf_free(&wire->in);
        wire->in.max = API_SCRATCH_BYTES;
    } else {
        ke_buf_drop_front(&wire->in, used);
    }
    return is_all;
}

/* False: the client is gone. */
static bool receive_some(struct api_wire *wire)
{
    char *scratch = wire->shard->scratch;
    bool may_read = !wire->is_closed && !wire->is_blocked && offer_kept(wire);
    for (int i = 0; i < READS_A_TURN && may_read && !wire->is_closed; i++) {
        ssize_t n = recv(wire->fd, scratch, API_SCRATCH_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (n <= 0) {
            return false;
        }
        wire->moved_ns = ke_now_ns();
        size_t used = 0;
        may_read = offer_bytes(wire, scratch, (size_t)n, &used);
        if (!may_read) {
            ke_buf_add(&wire->in, scratch + used, (size_t)n - used);
            if (wire->in.failed != KE_OK) {
                return false;
            }
        }
    }
    return true;
}

void api_wire_resume(struct api_wire *wire)
{
    if (wire->is_blocked && !wire->is_closed) {
        wire->is_blocked = false;
        api_shard_wake(wire->shard, &wire->waiter);
    }
}

/* ---- turns -------------------------------------------------------------------------------------
 */

static void wire_turn(struct api_wire *wire)
{
    send_some(wire);
    offer_space(wire);
    bool is_here = !wire->is_broken && receive_some(wire);
    if (wire->is_closed) {
        wire_free(wire);
        return;
    }
    send_some(wire);
    if (wire->is_finishing && out_len(wire) == 0) {
        /* Only the client's end is waited for, and not for long. */
        wire->is_finishing = false;
        is_here = is_here && wire->is_lingering;
        ke_loop_timer_after(wire->timer, LIMIT_STREAM_LINGER_MS * KE_MS);
    }
    if (!is_here || wire->is_broken || !watch_again(wire)) {
        wire_gone(wire, false);
    }
}

static void on_ready(void *ctx, uint32_t events)
{
    struct api_wire *wire = ctx;
    bool is_left = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (is_left && (wire->is_blocked || (events & EPOLLIN) == 0)) {
        wire_gone(wire, false);
        return;
    }
    wire_turn(wire);
}

/* Idle for too long; or it has lingered. */
static void on_timer(void *ctx)
{
    struct api_wire *wire = ctx;
    int64_t idle_ns = ke_now_ns() - wire->moved_ns;
    if (wire->user != NULL && idle_ns < LIMIT_STREAM_IDLE_MS * KE_MS) {
        ke_loop_timer_after(wire->timer, LIMIT_STREAM_IDLE_MS * KE_MS - idle_ns);
        return;
    }
    wire_gone(wire, false);
}

void api_wire_finish(struct api_wire *wire, bool is_lingering)
{
    if (wire->is_closed) {
        return;
    }
    wire->user = NULL;
    wire->is_finishing = true;
    wire->is_lingering = is_lingering;
    wire->is_blocked = false;
    ke_loop_timer_after(wire->timer, API_STALL_MS * KE_MS);
    api_shard_wake(wire->shard, &wire->waiter);
}

void api_wire_use(struct api_wire *wire, const struct api_wire_user *user, void *ctx)
{
    wire->user = user;
    wire->ctx = ctx;
}

/* ---- beginning ---------------------------------------------------------------------------------
 */

static void on_woken(struct api_waiter *waiter)
{
    struct api_wire *wire = KE_CONTAINER_OF(waiter, struct api_wire, waiter);
    if (wire->start != NULL) {
        api_wire_start_fn *start = wire->start;
        wire->start = NULL;
        if (wire->is_broken) {
            start(wire->start_ctx, NULL);
            wire_free(wire);
            return;
        }
        wire->depth++;
        start(wire->start_ctx, wire);
        wire->depth--;
    }
    wire_turn(wire);
}

/* libmicrohttpd sets the number of parameters. NOLINTNEXTLINE(readability-function-size) */
static void on_upgrade(void *cls, struct MHD_Connection *mhd, void *req_cls, const char *extra,
                       size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct api_wire *wire = cls;
    struct api_shard *shard = wire->shard;
    (void)mhd;
    (void)req_cls;
    wire->handle = handle;
    wire->fd = fd;
    wire->moved_ns = ke_now_ns();
    wire->in.max = API_SCRATCH_BYTES;
    ke_buf_add(&wire->in, extra, extra_len);
    ke_list_append(&shard->wires, &wire->link);
    wire->timer = ke_loop_timer_new(shard->loop, on_timer, wire);
    wire->watch = ke_loop_fd_add(shard->loop, fd, EPOLLRDHUP, on_ready, wire);
    if (wire->timer == NULL || wire->watch == NULL || wire->in.failed != KE_OK) {
        wire->is_broken = true;
    } else {
        ke_loop_timer_after(wire->timer, LIMIT_STREAM_IDLE_MS * KE_MS);
    }
    /* Not from inside libmicrohttpd, which may not be told to close here. */
    api_shard_wake(shard, &wire->waiter);
}

void api_wire_forsake(struct api_wire *wire)
{
    if (wire == NULL) {
        return;
    }
    wire->conn = NULL;
    if (wire->start != NULL && wire->handle == NULL) {
        wire->start(wire->start_ctx, NULL);
        wire_free(wire);
    }
}

bool api_wire_accept(struct api_request *request, const struct api_wire_header *headers,
                     size_t n_headers, api_wire_start_fn *start, void *ctx)
{
    struct api_wire *wire = ke_alloc(sizeof(*wire));
    struct MHD_Response *response =
        wire == NULL || request->is_lost ? NULL : MHD_create_response_for_upgrade(on_upgrade, wire);
    bool is_made = response != NULL;
    for (size_t i = 0; is_made && i < n_headers; i++) {
        ke_auto_ptr char *name = ke_str_dup(headers[i].name);
        ke_auto_ptr char *value = ke_str_dup(headers[i].value);
        is_made = name != NULL && value != NULL &&
                  MHD_add_response_header(response, name, value) == MHD_YES;
    }
    if (is_made) {
        *wire = (struct api_wire){
            .shard = request->shard,
            .conn = request->conn,
            .start = start,
            .start_ctx = ctx,
            .fd = -1,
        };
        wire->waiter.run = on_woken;
        wire->out.max = LIMIT_STREAM_OUT_BYTES;
        ke_list_init(&wire->link);
        ke_list_init(&wire->waiter.link);
        if (request->audit != NULL) {
            (void)MHD_add_response_header(response, "Audit-Id", api_audit_id(request->audit));
            api_audit_answered(request->audit, MHD_HTTP_SWITCHING_PROTOCOLS);
        }
        is_made =
            MHD_queue_response(request->mhd, MHD_HTTP_SWITCHING_PROTOCOLS, response) == MHD_YES;
    }
    if (response != NULL) {
        MHD_destroy_response(response);
    }
    if (!is_made) {
        free(wire);
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    request->conn->wire = wire;
    request->http = MHD_HTTP_SWITCHING_PROTOCOLS;
    request->is_queued = true;
    request->is_over = true;
    return true;
}

void api_wires_end(struct api_shard *shard)
{
    KE_LIST_EACH_SAFE(it, next, &shard->wires)
    {
        struct api_wire *wire = KE_CONTAINER_OF(it, struct api_wire, link);
        if (wire->start != NULL) { /* handed over, and not begun */
            api_wire_start_fn *start = wire->start;
            wire->start = NULL;
            start(wire->start_ctx, NULL);
        }
        /* The last words go out if the socket takes them. */
        const struct api_wire_user *user = wire->user;
        wire->user = NULL;
        wire->depth++;
        if (user != NULL) {
            user->on_gone(wire->ctx, true);
        }
        send_some(wire);
        wire->depth--;
        wire_free(wire);
    }
}
