/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread with a loop of its own: accepts on every listener, shakes hands, hands over.
 */
#include "core/api/acceptor.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/api/monitor.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#define BACKLOG        1024
#define ACCEPTS_A_TURN 64
#define HANDSHAKE_NS   (10 * KE_S)
#define PAUSE_NS       (100 * KE_MS) /* when descriptors have run out */
#define MAX_HANDSHAKES 1024

struct listener {
    struct api_acceptor *acceptor;
    int fd;
    bool is_unix;
    struct ke_endpoint address;
    struct ke_loop_fd *watch;
};

struct api_acceptor {
    struct api_server *server;
    struct ke_loop *loop;
    struct ke_thread thread;
    struct listener listeners[API_MAX_LISTEN + 1];
    size_t n_listeners;
    struct ke_loop_timer *pause; /* listens again */
    struct ke_loop_timer *expiry;
    struct ke_list handshakes;
    size_t n_handshakes;
    pthread_mutex_t tls_lock; /* guards tls */
    struct tls_context *tls;
    struct api_monitor *monitor; /* NULL: none */
    struct api_identity *root;   /* of clients on the unix socket, shared by all of them */
};

/* ---- handshakes --------------------------------------------------------------------------------
 */

struct handshake {
    struct ke_list link;
    struct api_acceptor *acceptor;
    int fd;
    struct tls_session *session;
    struct ke_loop_fd *watch;
    int64_t deadline_ns;
};

/* Frees it; what was handed over is set to nothing before. */
static void handshake_free(struct handshake *handshake)
{
    struct api_acceptor *acceptor = handshake->acceptor;
    ke_loop_fd_del(handshake->watch);
    if (handshake->fd >= 0) {
        api_server_give_fds(acceptor->server, 3);
        tls_session_free(handshake->session);
        close(handshake->fd);
    }
    ke_list_remove(&handshake->link);
    acceptor->n_handshakes--;
    free(handshake);
}

/* The client is who its certificate says, or anonymous. */
static void handshake_done(struct handshake *handshake)
{
    struct tls_peer peer;
    struct api_identity *identity = NULL;
    if (tls_session_peer(handshake->session, &peer)) {
        identity = api_identity_from_peer(&peer);
        if (identity == NULL) {
            handshake_free(handshake); /* out of memory: never by mistake anonymous */
            return;
        }
    }
    ke_loop_fd_del(handshake->watch);
    handshake->watch = NULL;
    api_shard_give(api_server_pick_shard(handshake->acceptor->server), handshake->fd,
                   handshake->session, identity);
    handshake->fd = -1;
    handshake_free(handshake);
}

static void on_handshake(void *ctx, uint32_t events)
{
    struct handshake *handshake = ctx;
    enum tls_want want = TLS_WANT_READ;
    struct ke_err err;
    (void)events;
    enum ke_code rc = tls_handshake(handshake->session, &want, &err);
    if (rc == KE_OK) {
        handshake_done(handshake);
        return;
    }
    uint32_t wanted = want == TLS_WANT_READ ? EPOLLIN : EPOLLOUT;
    if (rc == KE_AGAIN && ke_loop_fd_set(handshake->watch, wanted)) {
        return;
    }
    if (rc != KE_CLOSED) {
        ke_log(KE_LOG_DEBUG, "api.handshake_failed", KV_ERR(&err));
    }
    handshake_free(handshake);
}

static void on_expiry(void *ctx)
{
    struct api_acceptor *acceptor = ctx;
    int64_t now_ns = ke_now_ns();
    KE_LIST_EACH_SAFE(it, next, &acceptor->handshakes)
    {
        struct handshake *handshake = KE_CONTAINER_OF(it, struct handshake, link);
        if (handshake->deadline_ns > now_ns) {
            ke_loop_timer_set(acceptor->expiry, handshake->deadline_ns);
            return; /* the others are younger */
        }
        handshake_free(handshake);
    }
}

/*
 * Clients that only connect may not keep others out: when there are too many, or they hold half of
 * the descriptors, the one that has taken longest goes. An honest handshake is over long before.
 */
static void make_room(struct api_acceptor *acceptor)
{
    size_t max = acceptor->server->fd_budget / 6;
    max = max < MAX_HANDSHAKES ? max : MAX_HANDSHAKES;
    while (acceptor->n_handshakes > 0 && acceptor->n_handshakes >= max) {
        handshake_free(KE_CONTAINER_OF(acceptor->handshakes.next, struct handshake, link));
    }
}

/* fd is given; its descriptors are taken from the budget. */
static bool handshake_begin(struct api_acceptor *acceptor, int fd)
{
    const int on = 1;
    struct handshake *handshake = ke_alloc(sizeof(*handshake));
    if (handshake == NULL) {
        return false;
    }
    /* Handshake messages are written one by one. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    pthread_mutex_lock(&acceptor->tls_lock);
    handshake->session = tls_session_new(acceptor->tls, fd, KE_STR(""));
    pthread_mutex_unlock(&acceptor->tls_lock);
    handshake->watch = ke_loop_fd_add(acceptor->loop, fd, EPOLLIN, on_handshake, handshake);
    if (handshake->session == NULL || handshake->watch == NULL) {
        ke_loop_fd_del(handshake->watch);
        tls_session_free(handshake->session);
        free(handshake);
        return false;
    }
    handshake->acceptor = acceptor;
    handshake->fd = fd;
    handshake->deadline_ns = ke_now_ns() + HANDSHAKE_NS;
    if (ke_list_is_empty(&acceptor->handshakes)) {
        ke_loop_timer_set(acceptor->expiry, handshake->deadline_ns);
    }
    ke_list_append(&acceptor->handshakes, &handshake->link);
    acceptor->n_handshakes++;
    return true;
}

/* ---- accepting ---------------------------------------------------------------------------------
 */

/* Who is on the other end of the unix socket. */
static bool take_unix(struct api_acceptor *acceptor, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return false;
    }
    struct api_identity *identity = NULL;
    if (peer.uid == 0 || peer.uid == geteuid()) {
        identity = api_identity_ref(acceptor->root);
    }
    api_shard_give(api_server_pick_shard(acceptor->server), fd, NULL, identity);
    return true;
}

static void take_client(struct listener *listener, int fd)
{
    struct api_acceptor *acceptor = listener->acceptor;
    unsigned n_fds = listener->is_unix ? 1 : 3;
    if (!listener->is_unix) {
        make_room(acceptor);
    }
    if (!api_server_take_fds(acceptor->server, n_fds, listener->is_unix ? 0 : API_LOCAL_FDS)) {
        ke_log(KE_LOG_WARN, "api.connection_refused", KV_U("limit", acceptor->server->fd_budget));
        close(fd);
        return;
    }
    bool is_taken = listener->is_unix ? take_unix(acceptor, fd) : handshake_begin(acceptor, fd);
    if (!is_taken) {
        api_server_give_fds(acceptor->server, n_fds);
        close(fd);
    }
}

static void on_pause_end(void *ctx)
{
    struct api_acceptor *acceptor = ctx;
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        if (!ke_loop_fd_set(acceptor->listeners[i].watch, EPOLLIN)) {
            ke_loop_timer_after(acceptor->pause, PAUSE_NS);
        }
    }
}

static void on_listener(void *ctx, uint32_t events)
{
    struct listener *listener = ctx;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_client(listener, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            ke_log(KE_LOG_WARN, "api.accept_failed", KV_I("errno", errno));
            if (!ke_loop_fd_set(listener->watch, 0)) {
                return; /* then the loop tries again at once */
            }
            ke_loop_timer_after(listener->acceptor->pause, PAUSE_NS);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- listening ---------------------------------------------------------------------------------
 */

static enum ke_code add_listener(struct api_acceptor *acceptor, int fd, bool is_unix,
                                 struct ke_err *err)
{
    struct listener *listener = &acceptor->listeners[acceptor->n_listeners++];
    *listener = (struct listener){ .acceptor = acceptor, .fd = fd, .is_unix = is_unix };
    if (!is_unix) {
        struct sockaddr_storage bound;
        socklen_t len = sizeof(bound);
        if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0 ||
            !ke_endpoint_from_sockaddr(&bound, &listener->address)) {
            return ke_fail_errno(err, errno, "address of the API listener");
        }
    }
    listener->watch = ke_loop_fd_add(acceptor->loop, fd, EPOLLIN, on_listener, listener);
    return listener->watch != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "API listener");
}

/* A bound socket that listens, or -1 with errno. */
static int listen_at(const struct ke_endpoint *address)
{
    struct sockaddr_storage bound;
    const int on = 1;
    const int off = 0;
    socklen_t len = ke_endpoint_to_sockaddr(address, &bound);
    int fd = socket(bound.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bound.ss_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, (const struct sockaddr *)&bound, len) != 0 || listen(fd, BACKLOG) != 0) {
        int failed = errno;
        close(fd);
        errno = failed;
        return -1;
    }
    return fd;
}

int api_acceptor_listen_at(const struct ke_endpoint *address)
{
    struct ke_endpoint at = *address;
    int fd = -1;
    if (address->ip.family == KE_FAMILY_NONE) {
        /* Every address: of both families where the host has both. */
        at.ip = (struct ke_ip){ .family = KE_FAMILY_IPV6 };
        fd = listen_at(&at);
        at.ip.family = KE_FAMILY_IPV4;
    }
    return fd >= 0 ? fd : listen_at(&at);
}

static enum ke_code fail_listen(struct api_acceptor *acceptor, const struct ke_endpoint *address,
                                int failed, struct ke_err *err)
{
    const struct api_hooks *hooks = &acceptor->server->options.hooks;
    char memory[128];
    char text[KE_IP_TEXT_MAX];
    struct ke_buf holder = KE_BUF_FIXED(memory, sizeof(memory));
    const char *where = address->ip.family == KE_FAMILY_NONE ? "*" : ke_ip_text(&address->ip, text);
    if (failed == EADDRINUSE && hooks->find_holder != NULL &&
        hooks->find_holder(hooks->ctx, address, &holder)) {
        return ke_fail(err, KE_IO, "listen on %s port %u for the API: held by %.*s", where,
                       address->port, KE_STR_ARG(ke_buf_str(&holder)));
    }
    return ke_fail_errno(err, failed, "listen on %s port %u for the API", where, address->port);
}

static enum ke_code listen_tcp(struct api_acceptor *acceptor, const struct ke_endpoint *address,
                               struct ke_err *err)
{
    int fd = api_acceptor_listen_at(address);
    if (fd < 0) {
        return fail_listen(acceptor, address, errno, err);
    }
    return add_listener(acceptor, fd, false, err);
}

/* What lies under the path is ours to replace only when nobody answers there. */
static enum ke_code clear_unix_path(const struct sockaddr_un *address, struct ke_err *err)
{
    ke_auto_fd probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat there;
    if (lstat(address->sun_path, &there) != 0) {
        return KE_OK;
    }
    if (!S_ISSOCK(there.st_mode)) {
        return ke_fail(err, KE_EXISTS, "%s is there and no socket", address->sun_path);
    }
    if (probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0) {
        return ke_fail(err, KE_EXISTS, "somebody serves on %s already", address->sun_path);
    }
    if (unlink(address->sun_path) != 0 && errno != ENOENT) {
        return ke_fail_errno(err, errno, "remove the old socket %s", address->sun_path);
    }
    return KE_OK;
}

static enum ke_code listen_unix(struct api_acceptor *acceptor, const char *path, struct ke_err *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path)) {
        return ke_fail(err, KE_IO, "socket path %s is longer than %zu bytes", path,
                       sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    enum ke_code rc = clear_unix_path(&address, err);
    if (rc != KE_OK) {
        return rc;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ke_fail_errno(err, errno, "API socket");
    }
    /* Nobody can connect before listen, so the mode is right from the first client on. */
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        int failed = errno;
        close(fd);
        return ke_fail_errno(err, failed, "listen on %s", path);
    }
    return add_listener(acceptor, fd, true, err);
}

static enum ke_code listen_all(struct api_acceptor *acceptor, struct ke_err *err)
{
    const struct api_options *options = &acceptor->server->options;
    enum ke_code rc = KE_OK;
    for (size_t i = 0; i < options->n_listen && rc == KE_OK; i++) {
        rc = listen_tcp(acceptor, &options->listen[i], err);
    }
    if (rc == KE_OK && options->unix_path != NULL) {
        rc = listen_unix(acceptor, options->unix_path, err);
    }
    if (rc == KE_OK && options->monitor != NULL) {
        rc = api_monitor_new(acceptor->server, acceptor->loop, &acceptor->monitor, err);
    }
    return rc;
}

enum ke_code api_acceptor_new(struct api_server *server, struct api_acceptor **out,
                              struct ke_err *err)
{
    struct api_acceptor *acceptor = ke_alloc(sizeof(*acceptor));
    if (acceptor == NULL) {
        return ke_fail(err, KE_NOMEM, "API listeners");
    }
    acceptor->server = server;
    ke_list_init(&acceptor->handshakes);
    pthread_mutex_init(&acceptor->tls_lock, NULL);
    if (server->options.tls != NULL) {
        acceptor->tls = tls_context_ref(server->options.tls);
    }
    enum ke_code rc = KE_OK;
    acceptor->root = api_identity_local_root();
    acceptor->loop = ke_loop_new(err);
    if (acceptor->loop == NULL) {
        rc = err->code;
    } else if (acceptor->root == NULL) {
        rc = ke_fail(err, KE_NOMEM, "API listeners");
    } else {
        acceptor->pause = ke_loop_timer_new(acceptor->loop, on_pause_end, acceptor);
        acceptor->expiry = ke_loop_timer_new(acceptor->loop, on_expiry, acceptor);
        rc = acceptor->pause != NULL && acceptor->expiry != NULL
                 ? listen_all(acceptor, err)
                 : ke_fail(err, KE_NOMEM, "API listeners");
    }
    if (rc != KE_OK) {
        api_acceptor_free(acceptor);
        return rc;
    }
    *out = acceptor;
    return KE_OK;
}

static void acceptor_run(void *ctx)
{
    struct api_acceptor *acceptor = ctx;
    ke_loop_run(acceptor->loop);
}

enum ke_code api_acceptor_start(struct api_acceptor *acceptor, struct ke_err *err)
{
    return ke_thread_start(&acceptor->thread, "kedge-accept", acceptor_run, acceptor, err);
}

static void close_listeners(struct api_acceptor *acceptor)
{
    api_monitor_free(acceptor->monitor);
    acceptor->monitor = NULL;
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        struct listener *listener = &acceptor->listeners[i];
        ke_loop_fd_del(listener->watch);
        close(listener->fd);
        if (listener->is_unix) {
            (void)unlink(acceptor->server->options.unix_path);
        }
    }
    acceptor->n_listeners = 0;
}

void api_acceptor_stop(struct api_acceptor *acceptor)
{
    ke_loop_stop(acceptor->loop);
    ke_thread_join(&acceptor->thread);
    close_listeners(acceptor);
    KE_LIST_EACH_SAFE(it, next, &acceptor->handshakes)
    {
        handshake_free(KE_CONTAINER_OF(it, struct handshake, link));
    }
}

void api_acceptor_free(struct api_acceptor *acceptor)
{
    if (acceptor == NULL) {
        return;
    }
    close_listeners(acceptor);
    ke_loop_timer_free(acceptor->pause);
    ke_loop_timer_free(acceptor->expiry);
    ke_loop_free(acceptor->loop);
    tls_context_unref(acceptor->tls);
    api_identity_free(acceptor->root);
    pthread_mutex_destroy(&acceptor->tls_lock);
    free(acceptor);
}

bool api_acceptor_address(const struct api_acceptor *acceptor, size_t i, struct ke_endpoint *out)
{
    if (i >= acceptor->n_listeners || acceptor->listeners[i].is_unix) {
        return false;
    }
    *out = acceptor->listeners[i].address;
    return true;
}

void api_acceptor_set_tls(struct api_acceptor *acceptor, struct tls_context *tls)
{
    pthread_mutex_lock(&acceptor->tls_lock);
    struct tls_context *old = acceptor->tls;
    acceptor->tls = tls_context_ref(tls);
    pthread_mutex_unlock(&acceptor->tls_lock);
    tls_context_unref(old);
}
