/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods/exec and pods/attach: between a client's streams and a process's descriptors. On one API
 * loop. Source: kubernetes kubelet/pkg/cri/streaming/remotecommand, apiserver util/proxy, KEP-4006.
 */
#include <stdio.h>

#include "core/api/server_impl.h"
#include "core/api/stream/call.h"
#include "core/api/stream/link.h"
#include "core/api/stream/status.h"
#include "core/api/stream/stream.h"
#include "core/api/stream/tap.h"
#include "core/api/stream/wait.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

enum channel { STDIN, STDOUT, STDERR, ERROR, RESIZE, N_CHANNELS };
#define NO_STREAM UINT32_MAX
#define N_FDS     3

struct protocol {
    const char *name;
    unsigned version;
    enum api_link_form form;
};

static const struct protocol websocket_protocols[] = {
    { "", 1, API_LINK_CHANNELS },
    { "channel.k8s.io", 1, API_LINK_CHANNELS },
    { "base64.channel.k8s.io", 1, API_LINK_CHANNELS_BASE64 },
    { "v2.channel.k8s.io", 2, API_LINK_CHANNELS },
    { "v2.base64.channel.k8s.io", 2, API_LINK_CHANNELS_BASE64 },
    { "v3.channel.k8s.io", 3, API_LINK_CHANNELS },
    { "v3.base64.channel.k8s.io", 3, API_LINK_CHANNELS_BASE64 },
    { "v4.channel.k8s.io", 4, API_LINK_CHANNELS },
    { "v4.base64.channel.k8s.io", 4, API_LINK_CHANNELS_BASE64 },
    { "v5.channel.k8s.io", 5, API_LINK_CHANNELS },
};
static const struct protocol spdy_protocols[] = {
    { "channel.k8s.io", 1, API_LINK_SPDY },    { "v2.channel.k8s.io", 2, API_LINK_SPDY },
    { "v3.channel.k8s.io", 3, API_LINK_SPDY }, { "v4.channel.k8s.io", 4, API_LINK_SPDY },
    { "v5.channel.k8s.io", 5, API_LINK_SPDY },
};

struct session {
    struct api_shard *shard;
    struct protocol protocol;
    bool is_attach, is_tty;
    bool is_wanted[N_CHANNELS];
    struct api_call *call;
    struct api_link *link;
    struct ke_loop_timer *timer; /* SPDY: for the client to open its streams */
    uint32_t streams[N_CHANNELS];
    unsigned n_missing; /* streams that the client has yet to open */
    bool is_begun;      /* the runtime was asked */
    bool is_opened;     /* and has answered */
    bool is_stdin_ended;
    bool is_exited;
    int exit_code;
    struct api_tap taps[3]; /* STDIN, STDOUT, STDERR */
    unsigned n_fds;         /* of the budget */
    struct ke_buf early;    /* of stdin, before there is a process */
    char size[LIMIT_STREAM_RESIZE];
    size_t size_len;
    uint16_t width, height; /* of the terminal; 0: not told */
};

/* ---- end ---------------------------------------------------------------------------------------
 */

static void session_free(struct session *s)
{
    api_call_drop(s->call);
    for (size_t i = 0; i < KE_ARRAY_LEN(s->taps); i++) {
        api_tap_close(&s->taps[i]);
    }
    api_server_give_fds(s->shard->server, s->n_fds);
    ke_loop_timer_free(s->timer);
    ke_buf_free(&s->early);
    free(s);
}

static void send_on(struct session *s, enum channel channel, struct ke_str bytes)
{
    if (s->streams[channel] != NO_STREAM) {
        api_link_send(s->link, s->streams[channel], bytes.ptr, bytes.len);
    }
}

static void end_stream(struct session *s, enum channel channel)
{
    if (s->streams[channel] != NO_STREAM) {
        api_link_end(s->link, s->streams[channel]);
        s->streams[channel] = NO_STREAM;
    }
}

/* The last word to the client, as its protocol says it. */
static void finish(struct session *s, const struct stream_verdict *verdict)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
    stream_verdict_print(verdict, s->protocol.version >= 4, &text);
    send_on(s, ERROR, ke_buf_str(&text));
    for (int i = 0; i < N_CHANNELS; i++) {
        end_stream(s, (enum channel)i);
    }
    api_link_finish(s->link);
    session_free(s);
}

static void finish_failed(struct session *s, const char *what, const char *why)
{
    char message[640];
    (void)snprintf(message, sizeof(message), "%s%s", what, why);
    struct stream_verdict verdict = { .is_failure = true, .message = message };
    finish(s, &verdict);
}

/* True: the session is over. */
static bool finish_if_done(struct session *s)
{
    if (!s->is_exited || api_tap_is_open(&s->taps[STDOUT]) || api_tap_is_open(&s->taps[STDERR])) {
        return false;
    }
    struct stream_verdict verdict = { .exit_code = s->is_attach ? 0 : s->exit_code };
    finish(s, &verdict);
    return true;
}

/* ---- the process -------------------------------------------------------------------------------
 */

static void on_output(void *ctx, struct api_tap *tap)
{
    struct session *s = ctx;
    enum channel channel = (enum channel)(tap - s->taps);
    size_t room = api_link_room(s->link);
    if (room == 0) {
        (void)api_tap_want(tap, false); /* until on_space */
        return;
    }
    char *scratch = s->shard->scratch;
    ssize_t n = api_tap_read(tap, scratch, room < API_SCRATCH_BYTES ? room : API_SCRATCH_BYTES);
    if (n > 0) {
        send_on(s, channel, ke_str_of(scratch, (size_t)n));
    } else if (n == 0) {
        api_tap_close(tap);
        end_stream(s, channel);
        (void)finish_if_done(s);
    }
}

static void on_input_drained(void *ctx, struct api_tap *tap)
{
    struct session *s = ctx;
    (void)tap;
    api_link_resume(s->link);
}

static const struct api_tap_user tap_user = { on_output, on_input_drained };

static bool open_taps(struct session *s, const struct runtime_streams *streams)
{
    const int fds[] = { streams->in, streams->out, streams->err };
    bool is_open = true;
    for (size_t i = 0; i < KE_ARRAY_LEN(s->taps); i++) {
        is_open &= api_tap_open(&s->taps[i], s->shard->loop, fds[i], &tap_user, s);
    }
    return is_open && api_tap_want(&s->taps[STDOUT], true) &&
           api_tap_want(&s->taps[STDERR], true) &&
           api_tap_write(&s->taps[STDIN], s->early.ptr, s->early.len);
}

/* Clients say it at once, before there is a terminal: then it is told when there is. */
static void tell_size(struct session *s)
{
    if (s->is_opened && s->width > 0) {
        api_call_resize(s->call, s->width, s->height);
    }
}

/* False: the session is over. */
static bool opened(struct session *s, const struct runtime_streams *streams)
{
    bool is_good = open_taps(s, streams);
    s->is_opened = true;
    ke_buf_free(&s->early);
    if (!is_good) {
        finish_failed(s, "out of memory", "");
        return false;
    }
    if (s->is_stdin_ended) {
        api_tap_end(&s->taps[STDIN]);
    }
    tell_size(s);
    api_link_resume(s->link);
    return true;
}

static void on_news(void *ctx)
{
    struct session *s = ctx;
    struct runtime_streams streams = { -1, -1, -1 };
    struct ke_err err;
    int exit_code = 0;
    enum api_call_news news = api_call_next(s->call, &streams, &exit_code, &err);
    if (news == API_CALL_OPENED) {
        if (!opened(s, &streams)) {
            return;
        }
        news = api_call_next(s->call, &streams, &exit_code, &err);
    }
    if (news == API_CALL_EXITED) {
        s->is_exited = true;
        s->exit_code = exit_code;
        (void)finish_if_done(s);
    } else if (news == API_CALL_FAILED) {
        finish_failed(s,
                      s->is_attach ? "error attaching to container: "
                                   : "error executing command in container: ",
                      err.msg);
    }
}

/* ---- the client --------------------------------------------------------------------------------
 */

static void begin(struct session *s)
{
    s->is_begun = true;
    ke_loop_timer_free(s->timer);
    s->timer = NULL;
    api_call_start(s->call);
}

static bool take_stdin(struct session *s, const char *ptr, size_t len)
{
    if (!s->is_wanted[STDIN] || s->is_stdin_ended) {
        return true;
    }
    if (!s->is_opened) {
        ke_buf_add(&s->early, ptr, len);
        return s->early.len < LIMIT_STREAM_IN_BYTES; /* its other streams come behind it */
    }
    struct api_tap *tap = &s->taps[STDIN];
    return api_tap_write(tap, ptr, len) && api_tap_kept(tap) == 0;
}

static uint16_t side(const cJSON *size, const char *name)
{
    int64_t n = ke_json_i64(size, name, 0);
    return n < 0 || n > UINT16_MAX ? 0 : (uint16_t)n;
}

/* {"Width":80,"Height":24}, one object after the other. */
static void take_size(struct session *s, const char *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s->size_len == sizeof(s->size)) {
            s->size_len = 0; /* no terminal's size is as long as that */
        }
        s->size[s->size_len++] = ptr[i];
        if (ptr[i] != '}') {
            continue;
        }
        ke_auto_json *size = NULL;
        struct ke_err err;
        enum ke_code rc = ke_json_parse(ke_str_of(s->size, s->size_len), &size, &err);
        s->size_len = 0;
        uint16_t width = rc == KE_OK ? side(size, "Width") : 0;
        uint16_t height = rc == KE_OK ? side(size, "Height") : 0;
        if (width > 0 && height > 0 && s->is_tty) {
            s->width = width;
            s->height = height;
            tell_size(s);
        }
    }
}

static enum channel channel_of(const struct session *s, uint32_t stream)
{
    for (int i = 0; i < N_CHANNELS; i++) {
        if (s->streams[i] == stream) {
            return (enum channel)i;
        }
    }
    return N_CHANNELS;
}

static bool on_data(void *ctx, uint32_t stream, const char *ptr, size_t len)
{
    struct session *s = ctx;
    enum channel channel = channel_of(s, stream);
    if (channel == STDIN) {
        return take_stdin(s, ptr, len);
    }
    if (channel == RESIZE) {
        take_size(s, ptr, len);
    }
    return true;
}

static void on_message_end(void *ctx, uint32_t stream)
{
    (void)ctx;
    (void)stream;
}

static void on_end(void *ctx, uint32_t stream)
{
    struct session *s = ctx;
    if (channel_of(s, stream) == STDIN) {
        s->is_stdin_ended = true;
        if (s->is_opened) {
            api_tap_end(&s->taps[STDIN]);
        }
    }
}

static void on_reset(void *ctx, uint32_t stream)
{
    struct session *s = ctx;
    enum channel channel = channel_of(s, stream);
    on_end(ctx, stream);
    if (channel != N_CHANNELS) {
        s->streams[channel] = NO_STREAM;
    }
}

static bool on_open(void *ctx, uint32_t stream, const struct spdy_frame *frame)
{
    static const char *const types[] = { "stdin", "stdout", "stderr", "error", "resize" };
    struct session *s = ctx;
    struct ke_str type = spdy_frame_header(frame, "streamtype");
    for (int i = 0; i < N_CHANNELS; i++) {
        if (!ke_str_eq_c(type, types[i])) {
            continue;
        }
        if (!s->is_wanted[i] || s->streams[i] != NO_STREAM || s->is_begun) {
            return false;
        }
        s->streams[i] = stream;
        if (--s->n_missing == 0) {
            begin(s); /* what it says comes with a later turn, behind our SYN_REPLY */
        }
        return true;
    }
    return false;
}

static void on_space(void *ctx)
{
    struct session *s = ctx;
    if (!api_tap_want(&s->taps[STDOUT], true) || !api_tap_want(&s->taps[STDERR], true)) {
        finish_failed(s, "out of memory", "");
    }
}

static void on_gone(void *ctx)
{
    session_free(ctx);
}

static const struct api_link_user link_user = {
    .on_open = on_open,
    .on_data = on_data,
    .on_message_end = on_message_end,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_space = on_space,
    .on_gone = on_gone,
};

/* ---- beginning ---------------------------------------------------------------------------------
 */

static void on_timer(void *ctx)
{
    struct session *s = ctx;
    finish_failed(s, "timed out waiting for client to create streams", "");
}

/* Old WebSocket clients are told that the connection stands by an empty message on the lowest
 * channel that is written to. */
static void greet(struct session *s)
{
    static const enum channel order[] = { STDOUT, STDERR, ERROR };
    for (size_t i = 0; i < KE_ARRAY_LEN(order); i++) {
        if (s->is_wanted[order[i]]) {
            api_link_send_empty(s->link, (uint32_t)order[i]);
            return;
        }
    }
}

static void on_wire(void *ctx, struct api_wire *wire)
{
    struct session *s = ctx;
    if (wire == NULL) {
        session_free(s);
        return;
    }
    s->link = api_link_new(wire, s->protocol.form, s->protocol.version >= 5, &link_user, s);
    if (s->link == NULL) {
        session_free(s);
        api_wire_close(wire);
        return;
    }
    if (s->protocol.form == API_LINK_SPDY) {
        ke_loop_timer_after(s->timer, LIMIT_STREAM_OPEN_MS * KE_MS);
        return;
    }
    for (int i = 0; i < N_CHANNELS; i++) {
        s->streams[i] = s->is_wanted[i] ? (uint32_t)i : NO_STREAM;
    }
    if (s->protocol.version < 5) {
        greet(s);
    }
    begin(s);
}

/* A request on its way, in its arena. */
struct plan {
    struct stream_pod pod;
    struct runtime_call call;
    enum stream_upgrade upgrade;
    struct protocol protocol;
};

static struct session *session_new(struct api_request *request, const struct plan *plan)
{
    struct api_server *server = request->server;
    if (!api_server_take_fds(server, N_FDS, 0)) {
        return NULL;
    }
    struct session *s = ke_alloc(sizeof(*s));
    if (s == NULL) {
        api_server_give_fds(server, N_FDS);
        return NULL;
    }
    const struct runtime_call *call = &plan->call;
    *s = (struct session){
        .shard = request->shard,
        .protocol = plan->protocol,
        .is_attach = call->what == RUNTIME_ATTACH,
        .is_tty = call->is_tty,
        .is_wanted = { call->has_stdin, call->has_stdout, call->has_stderr, true,
                       call->is_tty && plan->protocol.version >= 3 },
        .n_fds = N_FDS,
        .early = KE_BUF_INIT(2 * LIMIT_STREAM_IN_BYTES),
        .taps = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } },
    };
    for (int i = 0; i < N_CHANNELS; i++) {
        s->streams[i] = NO_STREAM;
        s->n_missing += s->is_wanted[i] ? 1 : 0;
    }
    s->call = api_call_new(s->shard, call, on_news, s);
    s->timer = ke_loop_timer_new(s->shard->loop, on_timer, s);
    if (s->call == NULL || s->timer == NULL) {
        session_free(s);
        return NULL;
    }
    return s;
}

/* The container runs, or not. */
static void on_found(struct api_request *request, void *ctx, enum ke_code rc,
                     const struct runtime_streams *streams, const struct ke_err *err)
{
    const struct plan *plan = ctx;
    (void)streams;
    if (rc != KE_OK) {
        stream_respond_plain(request, rc, err);
        return;
    }
    struct session *s = session_new(request, plan);
    if (s == NULL) {
        api_respond_code(request, KE_UNAVAILABLE, "out of memory or descriptors");
        return;
    }
    if (!stream_accept(request, plan->upgrade, plan->protocol.name, on_wire, s)) {
        session_free(s);
    }
}

static bool take_command(struct api_request *request, struct runtime_call *call)
{
    const struct api_query *query = &request->query;
    struct ke_str *command =
        ke_arena_alloc_n(request->arena, query->n_params + 1, sizeof(*command));
    if (command == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    for (size_t i = 0; i < query->n_params; i++) {
        if (ke_str_eq_c(query->params[i].key, "command")) {
            command[call->n_command++] = query->params[i].value;
        }
    }
    call->command = command;
    if (call->n_command == 0) {
        api_respond_code(request, KE_MALFORMED, "you must specify at least one command");
        return false;
    }
    return true;
}

static bool take_options(struct api_request *request, struct runtime_call *call)
{
    const struct api_query *query = &request->query;
    call->has_stdin = api_query_bool(query, "stdin");
    call->has_stdout = api_query_bool(query, "stdout");
    call->is_tty = api_query_bool(query, "tty");
    /* A terminal has one output; asked for with stderr, as upstream, it is left out. */
    call->has_stderr = api_query_bool(query, "stderr") && !call->is_tty;
    if (!call->has_stdin && !call->has_stdout && !call->has_stderr) {
        api_respond_code(request, KE_MALFORMED,
                         "you must specify at least 1 of stdin, stdout, stderr");
        return false;
    }
    return call->what == RUNTIME_ATTACH || take_command(request, call);
}

static bool choose_protocol(struct api_request *request, struct plan *plan)
{
    bool is_spdy = plan->upgrade == STREAM_UPGRADE_SPDY;
    const struct protocol *table = is_spdy ? spdy_protocols : websocket_protocols;
    size_t n = is_spdy ? KE_ARRAY_LEN(spdy_protocols) : KE_ARRAY_LEN(websocket_protocols);
    const char *names[KE_ARRAY_LEN(websocket_protocols) + 1] = { NULL };
    for (size_t i = 0; i < n; i++) {
        names[i] = table[i].name;
    }
    const char *chosen = stream_choose(request, plan->upgrade, names);
    for (size_t i = 0; i < n && chosen != NULL; i++) {
        if (chosen == table[i].name) {
            plan->protocol = table[i];
        }
    }
    return chosen != NULL;
}

void stream_handle_exec(struct api_request *request, bool is_attach)
{
    struct plan *plan = ke_arena_alloc(request->arena, sizeof(*plan));
    if (plan == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    plan->upgrade = stream_upgrade_of(request);
    if (!stream_find_pod(request, true, &plan->pod)) {
        return;
    }
    plan->call = stream_call(&plan->pod, is_attach ? RUNTIME_ATTACH : RUNTIME_EXEC);
    if (!take_options(request, &plan->call) || !stream_has_runtime(request, &plan->pod) ||
        !choose_protocol(request, plan)) {
        return;
    }
    struct runtime_call find = stream_call(&plan->pod, RUNTIME_FIND);
    api_wait_start(request, &find, on_found, plan);
}
