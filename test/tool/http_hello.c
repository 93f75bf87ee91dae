/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cheapest backend there is, so that a bench of what stands before it measures that:
 * tool_http_hello answers each empty line with twelve bytes, on one thread, over connections that
 * are kept. Prints the port it listens on; ends with its standard input.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 12\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                             "Server: hello\r\n\r\nHello world\n";

static int listen_somewhere(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
        perror("listen");
        exit(EXIT_FAILURE);
    }
    (void)printf("%u\n", ntohs(sa.sin_port));
    (void)fflush(stdout);
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        (void)close(fd);
}

static void let_in(int epoll, int listener)
{
    int on = 1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(epoll, fd);
}

/* A request is taken to come in one piece: what asks here is a proxy in a bench. */
static void serve(int fd)
{
    char bytes[16384];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    if (n <= 0) {
        (void)close(fd);
        return;
    }
    if (n >= 4 && memcmp(bytes + n - 4, "\r\n\r\n", 4) == 0 &&
        send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
        (void)close(fd);
}

int main(void)
{
    int listener = listen_somewhere();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    watch(epoll, STDIN_FILENO);
    for (;;) {
        struct epoll_event events[128];
        int n = epoll_wait(epoll, events, 128, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == STDIN_FILENO)
                return EXIT_SUCCESS;
            if (events[i].data.fd == listener)
                let_in(epoll, listener);
            else
                serve(events[i].data.fd);
        }
    }
}
