/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend for tests: tool_echo NAME PORT answers HTTP/1.1 (keep-alive) on all addresses with its
 * name and what it was sent, a line each, and UDP datagrams with its name. One thread, poll.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/buf.h"

#define MAX_CLIENTS 256
#define HEAD_BYTES  16384

struct client {
    struct ke_endpoint peer;
    char head[HEAD_BYTES];
    size_t len;
};

struct echo {
    struct ke_str name;
    struct pollfd polls[MAX_CLIENTS + 2]; /* the two listeners come first */
    struct client clients[MAX_CLIENTS + 2];
    size_t n;
};

static int open_socket(int type, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
        (type != SOCK_STREAM || listen(fd, 128) == 0))
        return fd;
    (void)close(fd);
    return -1;
}

static void accept_client(struct echo *echo)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int fd = accept4(echo->polls[0].fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (echo->n == KE_ARRAY_LEN(echo->polls)) {
        (void)close(fd);
        return;
    }
    echo->clients[echo->n].len = 0;
    (void)ke_endpoint_from_sockaddr(&from, &echo->clients[echo->n].peer);
    echo->polls[echo->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void drop_client(struct echo *echo, size_t i)
{
    (void)close(echo->polls[i].fd);
    echo->n--;
    echo->polls[i] = echo->polls[echo->n];
    echo->clients[i] = echo->clients[echo->n];
}

static bool send_all(int fd, struct ke_str text)
{
    while (text.len > 0) {
        ssize_t sent = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text = ke_str_sub(text, (size_t)sent, text.len - (size_t)sent);
    }
    return true;
}

/* "name a", "peer ADDRESS", the request line, the header lines. */
static bool answer(struct echo *echo, size_t i, struct ke_str head)
{
    char text[64];
    ke_auto_buf body = KE_BUF_INIT(2 * HEAD_BYTES);
    ke_auto_buf reply = KE_BUF_INIT(4 * HEAD_BYTES);
    ke_buf_addf(&body, "name %.*s\npeer %s\n", KE_STR_ARG(echo->name),
                ke_ip_text(&echo->clients[i].peer.ip, text));
    ke_buf_add_str(&body, head);
    ke_buf_addf(&reply,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                body.len);
    ke_buf_add_str(&reply, ke_buf_str(&body));
    struct ke_err err = KE_ERR_INIT;
    return ke_buf_check(&reply, "reply", &err) == KE_OK &&
           send_all(echo->polls[i].fd, ke_buf_str(&reply));
}

/* Answers every whole request that has come; bodies are not for this server. */
static bool serve_client(struct echo *echo, size_t i)
{
    struct client *client = &echo->clients[i];
    ssize_t got = recv(echo->polls[i].fd, client->head + client->len, HEAD_BYTES - client->len, 0);
    if (got <= 0)
        return false;
    client->len += (size_t)got;
    for (;;) {
        struct ke_str all = ke_str_of(client->head, client->len);
        const char *end = memmem(all.ptr, all.len, "\r\n\r\n", 4);
        if (end == NULL)
            return client->len < HEAD_BYTES;
        size_t len = (size_t)(end - all.ptr) + 4;
        if (!answer(echo, i, ke_str_sub(all, 0, len)))
            return false;
        client->len -= len;
        memmove(client->head, client->head + len, client->len);
    }
}

static void serve_datagram(const struct echo *echo)
{
    char bytes[2048];
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int fd = echo->polls[1].fd;
    if (recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len) >= 0)
        (void)sendto(fd, echo->name.ptr, echo->name.len, 0, (const struct sockaddr *)&from, len);
}

static int run(struct echo *echo)
{
    for (;;) {
        if (poll(echo->polls, echo->n, -1) < 0 && errno != EINTR)
            return 1;
        for (size_t i = echo->n; i-- > 2;) {
            if (echo->polls[i].revents != 0 && !serve_client(echo, i))
                drop_client(echo, i);
        }
        if (echo->polls[1].revents != 0)
            serve_datagram(echo);
        if (echo->polls[0].revents != 0)
            accept_client(echo);
    }
}

int main(int argc, char **argv)
{
    static struct echo echo;
    uint64_t port = 0;
    if (argc != 3 || !ke_str_to_u64(ke_str_c(argv[2]), UINT16_MAX, &port) || port == 0) {
        (void)fprintf(stderr, "usage: tool_echo NAME PORT\n");
        return 2;
    }
    echo.name = ke_str_c(argv[1]);
    echo.polls[0] =
        (struct pollfd){ .fd = open_socket(SOCK_STREAM, (uint16_t)port), .events = POLLIN };
    echo.polls[1] =
        (struct pollfd){ .fd = open_socket(SOCK_DGRAM, (uint16_t)port), .events = POLLIN };
    if (echo.polls[0].fd < 0 || echo.polls[1].fd < 0) {
        perror("tool_echo");
        return 1;
    }
    echo.n = 2;
    return run(&echo);
}
