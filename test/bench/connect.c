/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connect() takes: bench_connect TARGET BACKEND-IP N, in the agent's network namespace. Makes
 * the service "bench-connect" with a listener of its own at BACKEND-IP as its endpoint, then
 * connects N times to the listener and N times to the service, in turns. Prints connect_direct_*
 * and connect_service_*. One thread: the kernel accepts into the backlog.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "test/bench/support/client.h"
#include "test/bench/support/figures.h"
#include "test/bench/support/objects.h"

#define BASE      "/api/v1/namespaces/" BENCH_NAMESPACE "/services"
#define SLICES    "/apis/discovery.k8s.io/v1/namespaces/" BENCH_NAMESPACE "/endpointslices"
#define NAME      "bench-connect"
#define PORT      18081
#define MAX_COUNT 100000
#define EFFECT_NS (10 * KE_S)

static int listen_at(const char *ip, struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT) };
    if (inet_pton(AF_INET, ip, &at->sin_addr) != 1 || fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 || listen(fd, 16) != 0)
        bench_fail("listen at %s: %s", ip, strerrorname_np(errno));
    return fd;
}

/* Nanoseconds; -1: refused. */
static int64_t connect_once(const struct sockaddr_in *to, int listener)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        bench_fail("no socket");
    int64_t began_ns = ke_now_ns();
    int rc = connect(fd, (const struct sockaddr *)to, sizeof(*to));
    int64_t ns = ke_now_ns() - began_ns;
    const struct linger reset = { .l_onoff = 1 }; /* no port stays behind in TIME_WAIT */
    int peer = rc == 0 ? accept(listener, NULL, NULL) : -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)close(fd);
    if (peer >= 0)
        (void)close(peer);
    return rc == 0 ? ns : -1;
}

static void make_service(const struct bench_target *target, const char *backend_ip,
                         struct sockaddr_in *out)
{
    struct ke_err err = KE_ERR_INIT;
    struct bench_conn conn;
    char ip[64];
    ke_auto_json *service = NULL;
    ke_auto_buf body = KE_BUF_INIT(1U << 20);
    bench_conn_open(&conn, target);
    bench_backend_print(NAME, backend_ip, PORT, &body);
    struct bench_request request = { "POST", SLICES, "application/json", NULL, ke_buf_str(&body) };
    bench_conn_must(&conn, &request);
    ke_buf_clear(&body);
    bench_service_print(NAME, &body);
    request.path = BASE;
    request.body = ke_buf_str(&body);
    struct bench_answer answer = bench_conn_call(&conn, &request);
    if (answer.status != 201 || ke_json_parse(answer.body, &service, &err) != KE_OK)
        bench_fail("create of the service: %u", answer.status);
    (void)snprintf(ip, sizeof(ip), "%.*s", KE_STR_ARG(ke_json_path_str(service, "spec.clusterIP")));
    *out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(80) };
    if (inet_pton(AF_INET, ip, &out->sin_addr) != 1)
        bench_fail("a service without address");
    bench_conn_close(&conn);
}

int main(int argc, char **argv)
{
    struct sockaddr_in direct;
    struct sockaddr_in service;
    struct bench_times times[2] = { 0 };
    if (argc != 4)
        bench_fail("usage: bench_connect TARGET BACKEND-IP N");
    struct bench_target target = bench_target_parse(argv[1], NULL);
    uint64_t n = bench_number(argv[3], MAX_COUNT);
    int listener = listen_at(argv[2], &direct);
    make_service(&target, argv[2], &service);
    int64_t end_ns = ke_now_ns() + EFFECT_NS;
    while (connect_once(&service, listener) < 0) {
        if (ke_now_ns() > end_ns)
            bench_fail("the service does not lead to its endpoint");
    }
    for (uint64_t i = 0; i < 2 * n; i++) {
        int64_t ns = connect_once(i % 2 == 0 ? &direct : &service, listener);
        if (ns < 0)
            bench_fail("a connection was refused");
        bench_times_add(&times[i % 2], ns);
    }
    bench_times_print(&times[0], "connect_direct");
    bench_times_print(&times[1], "connect_service");
    bench_times_free(&times[0]);
    bench_times_free(&times[1]);
    (void)close(listener);
    return 0;
}
