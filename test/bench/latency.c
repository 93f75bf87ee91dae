/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an acknowledged write to its effect: bench_latency TARGET N_SERVICES N_CHANGES DNS-IP
 * INGRESS-IP BACKEND-IP, in the agent's network namespace, with svc-0..N_SERVICES-1 there. Four
 * kinds of change, one after the other, each N_CHANGES times: an endpoint replaced and a service
 * made, until the kernel tells of the element with its address (a netlink subscription: it speaks
 * after the rules are in force); a service made, until its name has an address (the question asked
 * again and again); an Ingress made, until a request for its host is answered by the backend.
 * Figures: KIND_N from the acknowledgement, KIND_sent_N from the moment the write was sent. One
 * thread, and one for the backend.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/thread.h"
#include "test/bench/support/client.h"
#include "test/bench/support/figures.h"
#include "test/bench/support/objects.h"

#define SERVICES      "/api/v1/namespaces/" BENCH_NAMESPACE "/services"
#define SLICES        "/apis/discovery.k8s.io/v1/namespaces/" BENCH_NAMESPACE "/endpointslices"
#define INGRESSES     "/apis/networking.k8s.io/v1/namespaces/" BENCH_NAMESPACE "/ingresses"
#define WEB           "bench-web"
#define WEB_PORT      18080
#define DNS_PORT      53
#define INGRESS_PORT  80
#define EFFECT_NS     (10 * KE_S)
#define NAME_BYTES    128
#define NETLINK_BYTES (32 << 20)
#define MAX_COUNT     1000000
#define MAX_CLIENTS   64
#define STEP          7919 /* prime: changes are spread over the services */

struct latency {
    struct bench_target target, ingress_target;
    struct bench_conn writer, ingress;
    int netlink_fd, dns_fd;
    unsigned n_services, n_changes;
    unsigned char ip[4];   /* address whose element is waited for */
    char name[NAME_BYTES]; /* service or host that is waited for */
    char query[512];
    size_t query_len;
    struct ke_buf body;
};

/* ---- writes ---- */

static void put_body(struct latency *at, const char *method, const char *path)
{
    struct bench_request request = { .method = method,
                                     .path = path,
                                     .content_type = "application/json",
                                     .body = ke_buf_str(&at->body) };
    bench_conn_must(&at->writer, &request);
    ke_buf_clear(&at->body);
}

/* What the variant begins with differs between the sizes, so that no address is written again. */
static unsigned first_variant(const struct latency *at)
{
    if (at->n_services >= 10000)
        return 11;
    return at->n_services >= 1000 ? 6 : 1;
}

static void replace_endpoint(struct latency *at, unsigned i)
{
    char path[sizeof(SLICES) + NAME_BYTES];
    unsigned number = i * STEP % at->n_services;
    unsigned variant = first_variant(at) + i / at->n_services;
    (void)snprintf(path, sizeof(path), SLICES "/svc-%u-a", number);
    bench_slice_print(number, variant, &at->body);
    bench_slice_last_ip(number, variant, at->ip);
    put_body(at, "PUT", path);
}

static void make_service(struct latency *at, const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *service = NULL;
    bench_service_print(name, &at->body);
    struct bench_request request = { .method = "POST",
                                     .path = SERVICES,
                                     .content_type = "application/json",
                                     .body = ke_buf_str(&at->body) };
    struct bench_answer answer = bench_conn_call(&at->writer, &request);
    if (answer.status != 201 || ke_json_parse(answer.body, &service, &err) != KE_OK)
        bench_fail("create of a service: %u", answer.status);
    (void)snprintf(at->name, sizeof(at->name), "%.*s",
                   KE_STR_ARG(ke_json_path_str(service, "spec.clusterIP")));
    if (inet_pton(AF_INET, at->name, at->ip) != 1)
        bench_fail("a service without address");
    bench_conn_drop(&at->writer, &answer);
    ke_buf_clear(&at->body);
}

static void make_kernel_service(struct latency *at, unsigned i)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "kernel-%u-%u", at->n_services, i);
    make_service(at, name);
}

/* A question of one name: RFC 1035 section 4.1. */
static void print_query(struct latency *at, const char *name)
{
    struct ke_buf out = KE_BUF_FIXED(at->query, sizeof(at->query));
    struct ke_str rest = ke_str_c(name);
    struct ke_str label = { 0 };
    ke_buf_add(&out, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    while (ke_str_split(&rest, '.', &label)) {
        ke_buf_add_u8(&out, (uint8_t)label.len);
        ke_buf_add_str(&out, label);
    }
    ke_buf_add(&out, "\x00\x00\x01\x00\x01", 5);
    at->query_len = out.len;
}

static void make_dns_service(struct latency *at, unsigned i)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "dns-%u-%u." BENCH_NAMESPACE ".svc.cluster.local",
                   at->n_services, i);
    print_query(at, name);
    *strchr(name, '.') = '\0';
    make_service(at, name);
}

static void make_ingress(struct latency *at, unsigned i)
{
    unsigned number = at->n_services * 1000 + i;
    bench_ingress_print(number, WEB, &at->body);
    (void)snprintf(at->name, sizeof(at->name), "host-%u.example", number);
    put_body(at, "POST", INGRESSES);
}

/* ---- effects: true once it is there; each blocks for a moment ---- */

static bool names_ip(const struct nlmsghdr *message, const unsigned char ip[4])
{
    return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) &&
           memmem(message, message->nlmsg_len, ip, 4) != NULL;
}

static bool is_in_kernel(struct latency *at)
{
    static _Alignas(struct nlmsghdr) unsigned char buffer[1 << 20];
    struct pollfd pollfd = { .fd = at->netlink_fd, .events = POLLIN };
    if (poll(&pollfd, 1, 100) <= 0)
        return false;
    ssize_t n = recv(at->netlink_fd, buffer, sizeof(buffer), 0);
    if (n < 0)
        bench_fail("netlink: %s", strerrorname_np(errno));
    size_t left = (size_t)n;
    bool is_there = false;
    for (size_t from = 0; left - from >= sizeof(struct nlmsghdr);) {
        const struct nlmsghdr *message = (const void *)(buffer + from);
        if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > left - from)
            break;
        is_there = is_there || names_ip(message, at->ip);
        from += NLMSG_ALIGN(message->nlmsg_len);
        if (from > left)
            break;
    }
    return is_there;
}

static bool is_in_dns(struct latency *at)
{
    unsigned char answer[1500];
    struct pollfd pollfd = { .fd = at->dns_fd, .events = POLLIN };
    if (send(at->dns_fd, at->query, at->query_len, 0) < 0)
        bench_fail("DNS: %s", strerrorname_np(errno));
    if (poll(&pollfd, 1, 100) <= 0)
        return false;
    ssize_t n = recv(at->dns_fd, answer, sizeof(answer), 0);
    bool is_answered = n > 16 && (answer[3] & 15) == 0 && answer[7] > 0;
    return is_answered && memcmp(answer + n - 4, at->ip, 4) == 0;
}

static bool is_in_ingress(struct latency *at)
{
    struct bench_request request = { .method = "GET", .path = "/", .host = at->name };
    if (at->ingress.is_closed) {
        bench_conn_close(&at->ingress);
        bench_conn_open(&at->ingress, &at->ingress_target);
    }
    struct bench_answer answer = bench_conn_call(&at->ingress, &request);
    bench_conn_drop(&at->ingress, &answer);
    return answer.status == 200;
}

/* ---- the backend ---- */

static void answer_requests(struct pollfd *client)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
    char request[4096];
    ssize_t n = recv(client->fd, request, sizeof(request), 0);
    if (n > 0 && send(client->fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL) > 0)
        return;
    (void)close(client->fd);
    client->fd = -1;
}

/* Requests are without body and come one at a time: each piece that arrives is one. */
static void run_backend(void *ctx)
{
    struct pollfd fds[MAX_CLIENTS + 1] = { { .fd = *(int *)ctx, .events = POLLIN } };
    for (size_t i = 1; i <= MAX_CLIENTS; i++)
        fds[i].fd = -1;
    for (;;) {
        if (poll(fds, MAX_CLIENTS + 1, -1) < 0)
            return;
        for (size_t i = 1; i <= MAX_CLIENTS; i++) {
            if (fds[i].fd < 0 && fds[0].revents != 0) {
                fds[i] = (struct pollfd){ .fd = accept(fds[0].fd, NULL, NULL), .events = POLLIN };
                fds[0].revents = 0;
            } else if (fds[i].fd >= 0 && fds[i].revents != 0) {
                answer_requests(&fds[i]);
            }
        }
    }
}

static void start_backend(const char *ip)
{
    static int fd;
    static struct ke_thread thread;
    struct ke_err err = KE_ERR_INIT;
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(WEB_PORT) };
    int on = 1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, ip, &sa.sin_addr) != 1 || fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, MAX_CLIENTS) != 0)
        bench_fail("backend at %s: %s", ip, strerrorname_np(errno));
    if (ke_thread_start(&thread, "backend", run_backend, &fd, &err) != KE_OK)
        bench_die("backend", &err);
}

/* The service that Ingresses lead to; an earlier run may have made it. */
static void make_web(struct latency *at, const char *backend_ip)
{
    struct bench_request request = { .method = "GET", .path = SERVICES "/" WEB };
    struct bench_answer answer = bench_conn_call(&at->writer, &request);
    bench_conn_drop(&at->writer, &answer);
    if (answer.status == 200)
        return;
    bench_service_print(WEB, &at->body);
    put_body(at, "POST", SERVICES);
    bench_backend_print(WEB, backend_ip, WEB_PORT, &at->body);
    put_body(at, "POST", SLICES);
}

/* ---- */

struct kind {
    const char *name;
    void (*write)(struct latency *at, unsigned i);
    bool (*is_there)(struct latency *at);
};

static void measure(struct latency *at, const struct kind *kind)
{
    struct bench_times from_ack = { 0 };
    struct bench_times from_sent = { 0 };
    char name[NAME_BYTES];
    for (unsigned i = 0; i < at->n_changes; i++) {
        int64_t sent_ns = ke_now_ns();
        kind->write(at, i);
        int64_t ack_ns = ke_now_ns();
        while (!kind->is_there(at)) {
            if (ke_now_ns() - ack_ns > EFFECT_NS)
                bench_fail("%s: change %u had no effect", kind->name, i);
        }
        int64_t now_ns = ke_now_ns();
        bench_times_add(&from_ack, now_ns - ack_ns);
        bench_times_add(&from_sent, now_ns - sent_ns);
    }
    (void)snprintf(name, sizeof(name), "%s_%u", kind->name, at->n_services);
    bench_times_print(&from_ack, name);
    (void)snprintf(name, sizeof(name), "%s_sent_%u", kind->name, at->n_services);
    bench_times_print(&from_sent, name);
    bench_times_free(&from_ack);
    bench_times_free(&from_sent);
}

static int open_netlink(void)
{
    struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
    int group = NFNLGRP_NFTABLES;
    int bytes = NETLINK_BYTES;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
        bench_fail("netlink: %s", strerrorname_np(errno));
    return fd;
}

static int open_dns(const char *ip)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, ip, &sa.sin_addr) != 1 || fd < 0 ||
        connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
        bench_fail("DNS at %s: %s", ip, strerrorname_np(errno));
    return fd;
}

int main(int argc, char **argv)
{
    static struct latency at;
    static const struct kind kinds[] = {
        { "kernel_endpoint", replace_endpoint, is_in_kernel },
        { "kernel_service", make_kernel_service, is_in_kernel },
        { "dns_service", make_dns_service, is_in_dns },
        { "ingress_route", make_ingress, is_in_ingress },
    };
    if (argc != 7)
        bench_fail("usage: bench_latency TARGET N_SERVICES N_CHANGES DNS-IP INGRESS-IP BACKEND-IP");
    at.target = bench_target_parse(argv[1], NULL);
    at.n_services = (unsigned)bench_number(argv[2], MAX_COUNT);
    at.n_changes = (unsigned)bench_number(argv[3], MAX_COUNT);
    if (at.n_services == 0)
        bench_fail("at least one service");
    at.ingress_target = (struct bench_target){ .ip = argv[5], .port = INGRESS_PORT };
    at.body = (struct ke_buf)KE_BUF_INIT(1U << 20);
    at.netlink_fd = open_netlink();
    at.dns_fd = open_dns(argv[4]);
    bench_conn_open(&at.writer, &at.target);
    bench_conn_open(&at.ingress, &at.ingress_target);
    start_backend(argv[6]);
    make_web(&at, argv[6]);
    for (size_t i = 0; i < KE_ARRAY_LEN(kinds); i++)
        measure(&at, &kinds[i]);
    return 0;
}
