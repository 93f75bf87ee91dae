/* SPDX-License-Identifier: Apache-2.0 */
/* The fake backend: one thread, poll, blocking writes. lock guards what both sides look at. */
#include "test/support/http_backend.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/net/http/http1.h"
#include "test/support/base/test.h"

enum { MAX_CONNS = 512, READ_BYTES = 65536 };

struct conn {
    int fd; /* -1: free */
    struct ke_buf in, body;
    char head[LIMIT_HTTP_HEAD_BYTES + 1];
    bool has_head;
    bool is_echo;
    enum http_framing framing;
    uint64_t left;
    struct http_chunked chunked;
    bool is_done; /* the body */
};

struct http_backend {
    const char *name;
    const struct http_backend_rule *rules;
    int listener, wake[2];
    uint16_t port;
    pthread_t thread;
    struct conn *conns;
    struct http_head parsed; /* scratch */

    pthread_mutex_t lock;
    size_t n_requests, n_connections;
    struct ke_buf last;
    char *copy;
    bool must_stop, must_cut;
    pthread_cond_t has_cut;
};

static void say(const struct conn *conn, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(conn->fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static void end(struct conn *conn)
{
    (void)close(conn->fd);
    conn->fd = -1;
    ke_buf_free(&conn->in);
    ke_buf_free(&conn->body);
}

static void say_big(const struct conn *conn, size_t len)
{
    char head[128];
    static char block[READ_BYTES];
    int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    say(conn, head, (size_t)n);
    memset(block, 'x', sizeof(block));
    for (; len > 0; len -= len < sizeof(block) ? len : sizeof(block))
        say(conn, block, len < sizeof(block) ? len : sizeof(block));
}

static const struct http_backend_rule *find_rule(const struct http_backend *backend,
                                                 const struct conn *conn)
{
    const char *path = strchr(conn->head, ' ');
    for (const struct http_backend_rule *rule = backend->rules;
         path != NULL && rule != NULL && rule->path != NULL; rule++) {
        size_t len = strlen(rule->path);
        if (strncmp(path + 1, rule->path, len) == 0 && path[1 + len] == ' ')
            return rule;
    }
    return NULL;
}

static void remember(struct http_backend *backend, const struct conn *conn)
{
    (void)pthread_mutex_lock(&backend->lock);
    backend->n_requests++;
    ke_buf_clear(&backend->last);
    ke_buf_add_c(&backend->last, conn->head);
    ke_buf_add_str(&backend->last, ke_buf_str(&conn->body));
    (void)pthread_mutex_unlock(&backend->lock);
}

/* The request is whole. */
static void answer(struct http_backend *backend, struct conn *conn)
{
    const struct http_backend_rule *rule = find_rule(backend, conn);
    remember(backend, conn);
    conn->has_head = false;
    ke_buf_clear(&conn->body);
    if (rule == NULL) {
        char text[256];
        int n = snprintf(text, sizeof(text),
                         "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nX-Backend: %s\r\n\r\n%s",
                         strlen(backend->name), backend->name, backend->name);
        bool is_head = strncmp(conn->head, "HEAD ", 5) == 0;
        say(conn, text, (size_t)n - (is_head ? strlen(backend->name) : 0));
        return;
    }
    if (rule->act == BACKEND_ECHO_LIVE)
        say(conn, "0\r\n\r\n", 5);
    else if (rule->act == BACKEND_BIG)
        say_big(conn, (size_t)strtoull(rule->text, NULL, 10));
    else if (rule->act != BACKEND_HANG)
        say(conn, rule->text, strlen(rule->text));
    if (rule->act == BACKEND_SAY_CLOSE)
        end(conn);
}

/* True: a head was taken. */
static bool take_head(struct http_backend *backend, struct conn *conn)
{
    static const char echo[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct http_head *head = &backend->parsed;
    if (conn->in.len == 0 || http_parse_request(ke_buf_str(&conn->in), head) != HTTP_OK)
        return false;
    memcpy(conn->head, conn->in.ptr, head->len);
    conn->head[head->len] = '\0';
    conn->has_head = true;
    conn->framing = head->framing;
    conn->left = head->content_length;
    conn->chunked = (struct http_chunked){ 0 };
    conn->is_done =
        head->framing == HTTP_BODY_NONE || (head->framing == HTTP_BODY_LENGTH && conn->left == 0);
    ke_buf_drop_front(&conn->in, head->len);
    const struct http_backend_rule *rule = find_rule(backend, conn);
    conn->is_echo = rule != NULL && rule->act == BACKEND_ECHO_LIVE;
    if (conn->is_echo)
        say(conn, echo, sizeof(echo) - 1);
    if (rule == NULL || rule->act != BACKEND_SAY_AT_HEAD)
        return true;
    remember(backend, conn);
    say(conn, rule->text, strlen(rule->text));
    end(conn);
    return false;
}

static bool take_body(struct conn *conn)
{
    while (!conn->is_done && conn->in.len > 0) {
        struct ke_str data = ke_buf_str(&conn->in);
        size_t used = 0;
        if (conn->framing == HTTP_BODY_CHUNKED) {
            if (http_chunked_next(&conn->chunked, data, &data, &used, &conn->is_done) != HTTP_OK)
                return false;
        } else {
            data.len = data.len < conn->left ? data.len : (size_t)conn->left;
            used = data.len;
            conn->left -= data.len;
            conn->is_done = conn->left == 0;
        }
        if (conn->is_echo && data.len > 0) {
            char size[32];
            int n = snprintf(size, sizeof(size), "%zx\r\n", data.len);
            say(conn, size, (size_t)n);
            say(conn, data.ptr, data.len);
            say(conn, "\r\n", 2);
        } else {
            ke_buf_add_str(&conn->body, data);
        }
        ke_buf_drop_front(&conn->in, used);
    }
    return conn->is_done;
}

static void serve(struct http_backend *backend, struct conn *conn)
{
    void *room = ke_buf_reserve(&conn->in, READ_BYTES);
    ssize_t n = room != NULL ? recv(conn->fd, room, READ_BYTES, 0) : 0;
    if (n <= 0) {
        end(conn);
        return;
    }
    conn->in.len += (size_t)n;
    while (conn->fd >= 0 && (conn->has_head || take_head(backend, conn)) && take_body(conn))
        answer(backend, conn);
}

static void let_in(struct http_backend *backend)
{
    int fd = accept(backend->listener, NULL, NULL);
    for (size_t i = 0; i < MAX_CONNS; i++) {
        struct conn *conn = &backend->conns[i];
        if (fd < 0 || conn->fd >= 0)
            continue;
        memset(conn, 0, sizeof(*conn));
        conn->fd = fd;
        conn->in = (struct ke_buf)KE_BUF_INIT(64U << 20);
        conn->body = (struct ke_buf)KE_BUF_INIT(64U << 20);
        (void)pthread_mutex_lock(&backend->lock);
        backend->n_connections++;
        (void)pthread_mutex_unlock(&backend->lock);
        return;
    }
    (void)close(fd);
}

/* False: stop. */
static bool obey(struct http_backend *backend)
{
    char c = 0;
    (void)!read(backend->wake[0], &c, 1);
    (void)pthread_mutex_lock(&backend->lock);
    for (size_t i = 0; (backend->must_cut || backend->must_stop) && i < MAX_CONNS; i++) {
        if (backend->conns[i].fd >= 0)
            end(&backend->conns[i]);
    }
    backend->must_cut = false;
    (void)pthread_cond_broadcast(&backend->has_cut);
    bool goes_on = !backend->must_stop;
    (void)pthread_mutex_unlock(&backend->lock);
    return goes_on;
}

static void *run(void *ctx)
{
    struct http_backend *backend = ctx;
    for (;;) {
        struct pollfd fds[MAX_CONNS + 2] = { { backend->listener, POLLIN, 0 },
                                             { backend->wake[0], POLLIN, 0 } };
        for (size_t i = 0; i < MAX_CONNS; i++)
            fds[i + 2] = (struct pollfd){ backend->conns[i].fd, POLLIN, 0 };
        (void)poll(fds, MAX_CONNS + 2, -1);
        if (fds[1].revents != 0 && !obey(backend))
            return NULL;
        for (size_t i = 0; i < MAX_CONNS; i++) {
            if (fds[i + 2].revents != 0 && backend->conns[i].fd == fds[i + 2].fd)
                serve(backend, &backend->conns[i]);
        }
        if (fds[0].revents != 0)
            let_in(backend);
    }
}

struct http_backend *http_backend_new(const char *name, const struct http_backend_rule *rules)
{
    return http_backend_new_at(name, rules, "127.0.0.1");
}

struct http_backend *http_backend_new_at(const char *name, const struct http_backend_rule *rules,
                                         const char *ipv4)
{
    struct sockaddr_in sa = { .sin_family = AF_INET };
    socklen_t len = sizeof(sa);
    assert_int_equal(inet_pton(AF_INET, ipv4, &sa.sin_addr), 1);
    struct http_backend *backend = ke_alloc(sizeof(*backend));
    assert_non_null(backend);
    backend->name = name;
    backend->rules = rules;
    backend->conns = ke_alloc_n(MAX_CONNS, sizeof(*backend->conns));
    assert_non_null(backend->conns);
    for (size_t i = 0; i < MAX_CONNS; i++)
        backend->conns[i].fd = -1;
    backend->last = (struct ke_buf)KE_BUF_INIT(64U << 20);
    (void)pthread_mutex_init(&backend->lock, NULL);
    (void)pthread_cond_init(&backend->has_cut, NULL);
    backend->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(backend->listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(backend->listener, 128), 0);
    assert_int_equal(getsockname(backend->listener, (struct sockaddr *)&sa, &len), 0);
    backend->port = ntohs(sa.sin_port);
    assert_int_equal(pipe(backend->wake), 0);
    assert_int_equal(pthread_create(&backend->thread, NULL, run, backend), 0);
    return backend;
}

static void wake(struct http_backend *backend)
{
    assert_int_equal(write(backend->wake[1], "", 1), 1);
}

void http_backend_free(struct http_backend *backend)
{
    if (backend == NULL)
        return;
    (void)pthread_mutex_lock(&backend->lock);
    backend->must_stop = true;
    (void)pthread_mutex_unlock(&backend->lock);
    wake(backend);
    (void)pthread_join(backend->thread, NULL);
    (void)close(backend->listener);
    (void)close(backend->wake[0]);
    (void)close(backend->wake[1]);
    (void)pthread_mutex_destroy(&backend->lock);
    (void)pthread_cond_destroy(&backend->has_cut);
    ke_buf_free(&backend->last);
    free(backend->copy);
    free(backend->conns);
    free(backend);
}

uint16_t http_backend_port(const struct http_backend *backend)
{
    return backend->port;
}

size_t http_backend_requests(struct http_backend *backend)
{
    (void)pthread_mutex_lock(&backend->lock);
    size_t n = backend->n_requests;
    (void)pthread_mutex_unlock(&backend->lock);
    return n;
}

size_t http_backend_connections(struct http_backend *backend)
{
    (void)pthread_mutex_lock(&backend->lock);
    size_t n = backend->n_connections;
    (void)pthread_mutex_unlock(&backend->lock);
    return n;
}

void http_backend_clear(struct http_backend *backend)
{
    (void)pthread_mutex_lock(&backend->lock);
    backend->n_requests = 0;
    backend->n_connections = 0;
    ke_buf_clear(&backend->last);
    (void)pthread_mutex_unlock(&backend->lock);
}

const char *http_backend_last(struct http_backend *backend)
{
    (void)pthread_mutex_lock(&backend->lock);
    free(backend->copy);
    backend->copy = ke_str_dup(ke_buf_str(&backend->last));
    (void)pthread_mutex_unlock(&backend->lock);
    assert_non_null(backend->copy);
    return backend->copy;
}

void http_backend_cut(struct http_backend *backend)
{
    (void)pthread_mutex_lock(&backend->lock);
    backend->must_cut = true;
    wake(backend);
    while (backend->must_cut)
        (void)pthread_cond_wait(&backend->has_cut, &backend->lock);
    (void)pthread_mutex_unlock(&backend->lock);
}
