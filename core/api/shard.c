/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API loop. libmicrohttpd runs in external mode inside our own loop: its internal epoll threads
 * stall when exactly 128 connections become ready at once.
 */
#include "core/api/shard.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/api/audit.h"
#include "core/api/request.h"
#include "core/api/server_impl.h"
#include "core/api/stream/stream.h"
#include "core/api/stream/wire.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/snap.h"

#define SWEEP_NS     (1 * KE_S)
#define END_NS       (15 * KE_S) /* longer than any trace takes */
#define END_WATCH_NS (500 * KE_MS)

/* libmicrohttpd hands an address through; ours carries the connection it belongs to. */
static struct sockaddr_in6 fake_address(struct api_conn *conn)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
    const uintptr_t bits = (uintptr_t)conn;
    memcpy(&address.sin6_addr.s6_addr[8], &bits, sizeof(bits));
    return address;
}

static struct api_conn *conn_of_address(const struct sockaddr *address)
{
    uintptr_t bits = 0;
    const unsigned char *bytes = (const unsigned char *)address;
    memcpy(&bits, bytes + offsetof(struct sockaddr_in6, sin6_addr) + 8, sizeof(bits));
    return (struct api_conn *)bits; /* NOLINT(performance-no-int-to-ptr): it was one */
}

/* ---- strangers ---------------------------------------------------------------------------------
 */

/* Anonymous clients get a quarter of the descriptors: they may not keep those out who can say who
 * they are. Which of them that will be shows with the first token. */
#define STRANGERS_SHARE 4
#define STRANGER_FDS    3

void api_conn_prove(struct api_conn *conn)
{
    if (!ke_list_is_empty(&conn->stranger_link)) {
        ke_list_remove(&conn->stranger_link);
        conn->shard->n_strangers--;
    }
}

static void add_stranger(struct api_conn *conn)
{
    struct api_shard *shard = conn->shard;
    const struct api_server *server = shard->server;
    unsigned max = server->fd_budget / STRANGERS_SHARE / STRANGER_FDS / server->n_shards + 1;
    if (shard->n_strangers >= max && !ke_list_is_empty(&shard->strangers)) {
        struct api_conn *oldest =
            KE_CONTAINER_OF(shard->strangers.next, struct api_conn, stranger_link);
        api_conn_prove(oldest);
        (void)shutdown(oldest->fd, SHUT_RDWR);
    }
    ke_list_append(&shard->strangers, &conn->stranger_link);
    shard->n_strangers++;
}

/* It says something: others have been idle for longer. */
static void move_stranger(struct api_conn *conn)
{
    if (!ke_list_is_empty(&conn->stranger_link)) {
        ke_list_remove(&conn->stranger_link);
        ke_list_append(&conn->shard->strangers, &conn->stranger_link);
    }
}

static void conn_free(struct api_conn *conn)
{
    api_server_give_fds(conn->shard->server, conn->n_fds);
    api_conn_prove(conn);
    ke_list_remove(&conn->link);
    api_wire_forsake(conn->wire);
    /* libmicrohttpd does not tell of the end of a request whose first line it could not parse. */
    api_request_free(conn->request);
    api_audit_end(conn->audit, NULL);
    api_identity_free(conn->identity);
    free(conn);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        struct api_conn *conn = conn_of_address(info->client_addr);
        conn->is_started = true;
        *socket_context = conn;
    } else if (*socket_context != NULL) {
        conn_free(*socket_context);
        *socket_context = NULL;
    }
}

/* The raw URI is ours to decode; libmicrohttpd's copy stays as it came. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *daemon_new(struct api_shard *shard, unsigned max_conns)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_NO_LISTEN_SOCKET, 0,
        NULL, NULL, api_on_request, shard, MHD_OPTION_CONNECTION_LIMIT, max_conns,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)API_IDLE_S, MHD_OPTION_NOTIFY_COMPLETED,
        api_on_completed, shard, MHD_OPTION_NOTIFY_CONNECTION, on_connection, shard,
        MHD_OPTION_URI_LOG_CALLBACK, api_on_uri, shard, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_END);
}

/* ---- waking ------------------------------------------------------------------------------------
 */

void api_shard_wake(struct api_shard *shard, struct api_waiter *waiter)
{
    bool is_first = false;
    pthread_mutex_lock(&shard->wake_lock);
    if (!waiter->is_woken) {
        is_first = ke_list_is_empty(&shard->woken);
        waiter->is_woken = true;
        ke_list_append(&shard->woken, &waiter->link);
    }
    if (is_first) {
        /* Under the lock: once the loop has run the waiter, the shard may be taken apart. */
        const uint64_t one = 1;
        (void)!write(shard->wake_fd, &one, sizeof(one));
    }
    pthread_mutex_unlock(&shard->wake_lock);
}

void api_shard_forget(struct api_shard *shard, struct api_waiter *waiter)
{
    pthread_mutex_lock(&shard->wake_lock);
    if (waiter->is_woken) {
        ke_list_remove(&waiter->link);
        waiter->is_woken = false;
    }
    pthread_mutex_unlock(&shard->wake_lock);
}

static struct api_waiter *next_woken(struct api_shard *shard)
{
    struct api_waiter *waiter = NULL;
    pthread_mutex_lock(&shard->wake_lock);
    if (!ke_list_is_empty(&shard->woken)) {
        waiter = KE_CONTAINER_OF(shard->woken.next, struct api_waiter, link);
        ke_list_remove(&waiter->link);
        waiter->is_woken = false;
    }
    pthread_mutex_unlock(&shard->wake_lock);
    return waiter;
}

static void on_wake(void *ctx, uint32_t events)
{
    struct api_shard *shard = ctx;
    uint64_t count;
    (void)events;
    (void)!read(shard->wake_fd, &count, sizeof(count));
    struct api_waiter *waiter;
    while ((waiter = next_woken(shard)) != NULL) {
        waiter->run(waiter);
    }
}

static void on_daemon(void *ctx, uint32_t events)
{
    /* The loop's turn runs the daemon; the descriptor only ends the wait. */
    (void)ctx;
    (void)events;
}

/* ---- new clients -------------------------------------------------------------------------------
 */

struct newcomer {
    struct api_shard *shard;
    int fd;
    struct tls_session *session;
    struct api_identity *identity;
};

static void newcomer_drop(struct newcomer *newcomer)
{
    api_server_give_fds(newcomer->shard->server, newcomer->session != NULL ? 3 : 1);
    tls_session_free(newcomer->session);
    if (newcomer->fd >= 0) {
        close(newcomer->fd);
    }
    api_identity_free(newcomer->identity);
    free(newcomer);
}

static struct ke_ip peer_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct ke_endpoint at = { .port = 0 };
    if (getpeername(fd, (struct sockaddr *)&sa, &len) != 0 ||
        !ke_endpoint_from_sockaddr(&sa, &at)) {
        return (struct ke_ip){ .family = KE_FAMILY_NONE };
    }
    return at.ip;
}

static void newcomer_add(void *ctx)
{
    struct newcomer *newcomer = ctx;
    struct api_shard *shard = newcomer->shard;
    struct api_conn *conn = shard->is_ending ? NULL : ke_alloc(sizeof(*conn));
    if (conn == NULL) {
        newcomer_drop(newcomer);
        return;
    }
    bool is_tls = newcomer->session != NULL;
    *conn = (struct api_conn){
        .shard = shard, .identity = newcomer->identity, .n_fds = 1, /* the bridge has the others */
    };
    ke_list_init(&conn->stranger_link);
    conn->peer = peer_of(newcomer->fd);
    api_conn_begin_request(conn);
    conn->fd = is_tls ? api_bridge_open(shard, newcomer->fd, newcomer->session) : newcomer->fd;
    ke_list_append(&shard->conns, &conn->link);
    free(newcomer);
    if (conn->fd < 0) {
        conn_free(conn);
        return;
    }
    if (conn->identity == NULL) {
        add_stranger(conn);
    }
    struct sockaddr_in6 address = fake_address(conn);
    /* Refused connections are closed by libmicrohttpd; on_connection has freed a started one. */
    conn->is_started = false;
    struct ke_list *link = &conn->link;
    if (MHD_add_connection(shard->daemon, conn->fd, (const struct sockaddr *)&address,
                           sizeof(address)) == MHD_NO &&
        shard->conns.prev == link && !conn->is_started) {
        conn_free(conn);
    }
}

void api_shard_give(struct api_shard *shard, int fd, struct tls_session *session,
                    struct api_identity *identity)
{
    struct newcomer *newcomer = malloc(sizeof(*newcomer));
    if (newcomer == NULL) {
        api_server_give_fds(shard->server, session != NULL ? 3 : 1);
        tls_session_free(session);
        close(fd);
        api_identity_free(identity);
        return;
    }
    *newcomer = (struct newcomer){ shard, fd, session, identity };
    if (!ke_loop_post(shard->loop, newcomer_add, newcomer)) {
        newcomer_drop(newcomer);
    }
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

void api_shard_arm_sweep(struct api_shard *shard)
{
    if (!shard->is_sweeping) {
        shard->is_sweeping = true;
        ke_loop_timer_after(shard->sweep, SWEEP_NS);
    }
}

void api_conn_begin_request(struct api_conn *conn)
{
    conn->deadline_ns = ke_now_ns() + API_SLOW_REQUEST_MS * KE_MS;
    move_stranger(conn);
    api_shard_arm_sweep(conn->shard);
}

void api_conn_end_request(struct api_conn *conn)
{
    conn->deadline_ns = 0;
}

/* Cuts off clients that take too long over a request (libmicrohttpd only knows silence), or take
 * nothing of an answer. */
static void on_sweep(void *ctx)
{
    struct api_shard *shard = ctx;
    int64_t now_ns = ke_now_ns();
    bool is_any = false;
    shard->is_sweeping = false;
    KE_LIST_EACH(it, &shard->conns) {
        struct api_conn *conn = KE_CONTAINER_OF(it, struct api_conn, link);
        if (conn->deadline_ns == 0) {
            continue;
        }
        is_any = true;
        if (now_ns >= conn->deadline_ns) {
            conn->deadline_ns = 0;
            (void)shutdown(conn->fd, SHUT_RDWR);
        }
    }
    is_any |= api_bridges_sweep(shard, now_ns);
    if (is_any) {
        api_shard_arm_sweep(shard);
    }
}

/* How long the loop may wait. */
static int turn_timeout(struct api_shard *shard)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    if (MHD_get_timeout(shard->daemon, &timeout_ms) == MHD_NO) {
        return -1;
    }
    return timeout_ms > 60000 ? 60000 : (int)timeout_ms;
}

/* Also those that began since: connections that are there still bring requests. */
static void end_long_answers(struct api_shard *shard)
{
    api_watches_end(shard);
    api_waits_end(shard);
    KE_LIST_EACH_SAFE(it, next, &shard->ongoing)
    {
        struct api_ongoing *ongoing = KE_CONTAINER_OF(it, struct api_ongoing, link);
        ongoing->end(ongoing);
    }
}

static void run_end(struct api_shard *shard)
{
    shard->is_ending = true;
    /* Waiting requests are resumed by those who work for them; watches end with their next turn. */
    int64_t begin_ns = ke_now_ns();
    for (;;) {
        end_long_answers(shard);
        int64_t took_ns = ke_now_ns() - begin_ns;
        bool is_waiting = atomic_load(&shard->server->n_waiting) > 0 && took_ns < END_NS;
        /* A client that does not read its watch may not keep us. */
        bool is_watched =
            (!ke_list_is_empty(&shard->watches) || !ke_list_is_empty(&shard->ongoing)) &&
            took_ns < END_WATCH_NS;
        if (!is_waiting && !is_watched) {
            break;
        }
        ke_loop_turn(shard->loop, 10);
        (void)MHD_run(shard->daemon);
    }
    do { /* what is handed over last is ended too: the daemon may not stop before */
        api_wires_end(shard);
        (void)MHD_run(shard->daemon);
    } while (!ke_list_is_empty(&shard->wires));
    end_long_answers(shard); /* so none is suspended when the daemon stops */
    ke_loop_fd_del(shard->daemon_watch);
    shard->daemon_watch = NULL;
    if (atomic_load(&shard->server->n_waiting) == 0) {
        MHD_stop_daemon(shard->daemon);
    } else {
        /* It aborts over suspended connections: rather leave it to the end of the process. */
        ke_log(KE_LOG_ERROR, "api.stop_incomplete",
               KV_U("waiting", atomic_load(&shard->server->n_waiting)));
    }
    shard->daemon = NULL;
    api_bridge_close_all(shard);
}

static void shard_run(void *ctx)
{
    struct api_shard *shard = ctx;
    ke_snap_thread_register();
    while (!atomic_load(&shard->is_stopping)) {
        (void)MHD_run(shard->daemon);
        ke_loop_turn(shard->loop, turn_timeout(shard));
    }
    run_end(shard);
    ke_snap_thread_unregister();
}

enum ke_code api_shard_init(struct api_shard *shard, struct api_server *server, unsigned max_conns,
                            struct ke_err *err)
{
    shard->server = server;
    shard->wake_fd = -1;
    shard->watch_next_ns = INT64_MAX;
    ke_list_init(&shard->conns);
    ke_list_init(&shard->strangers);
    ke_list_init(&shard->bridges);
    ke_list_init(&shard->watches);
    ke_list_init(&shard->wires);
    ke_list_init(&shard->waits);
    ke_list_init(&shard->ongoing);
    ke_list_init(&shard->woken);
    pthread_mutex_init(&shard->wake_lock, NULL);
    shard->loop = ke_loop_new(err);
    if (shard->loop == NULL) {
        return err->code;
    }
    shard->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (shard->wake_fd < 0) {
        return ke_fail_errno(err, errno, "API loop");
    }
    shard->daemon = daemon_new(shard, max_conns);
    const union MHD_DaemonInfo *info =
        shard->daemon == NULL ? NULL : MHD_get_daemon_info(shard->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        return ke_fail(err, KE_IO, "start the HTTP server");
    }
    shard->daemon_watch = ke_loop_fd_add(shard->loop, info->epoll_fd, EPOLLIN, on_daemon, shard);
    shard->wake_watch = ke_loop_fd_add(shard->loop, shard->wake_fd, EPOLLIN, on_wake, shard);
    shard->sweep = ke_loop_timer_new(shard->loop, on_sweep, shard);
    if (shard->daemon_watch == NULL || shard->wake_watch == NULL || shard->sweep == NULL) {
        return ke_fail(err, KE_NOMEM, "API loop");
    }
    return KE_OK;
}

enum ke_code api_shard_start(struct api_shard *shard, const char *name, struct ke_err *err)
{
    return ke_thread_start(&shard->thread, name, shard_run, shard, err);
}

static void wake_only(void *ctx)
{
    (void)ctx;
}

void api_shard_stop(struct api_shard *shard)
{
    atomic_store(&shard->is_stopping, true);
    if (shard->loop != NULL && !ke_loop_post(shard->loop, wake_only, NULL)) {
        const uint64_t one = 1;
        (void)!write(shard->wake_fd, &one, sizeof(one));
    }
}

void api_shard_deinit(struct api_shard *shard)
{
    ke_loop_fd_del(shard->daemon_watch);
    ke_loop_fd_del(shard->wake_watch);
    ke_loop_timer_free(shard->sweep);
    ke_loop_timer_free(shard->watch_timer);
    if (shard->daemon != NULL) {
        MHD_stop_daemon(shard->daemon);
    }
    if (shard->wake_fd >= 0) {
        close(shard->wake_fd);
    }
    ke_loop_free(shard->loop);
    pthread_mutex_lock(&shard->wake_lock); /* the last to wake us has left it */
    pthread_mutex_unlock(&shard->wake_lock);
    pthread_mutex_destroy(&shard->wake_lock);
}
