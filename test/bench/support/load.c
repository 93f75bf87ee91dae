/* SPDX-License-Identifier: Apache-2.0 */
/* A closed loop of requests over many connections, on epoll. One thread. */
#include "test/bench/support/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

#define MAX_EVENTS 256
#define WAIT_MS    30000

struct client {
    struct bench_conn conn;
    int64_t asked_ns; /* 0: nothing under way */
    uint32_t events;
};

struct load {
    const struct load_plan *plan;
    const struct load_protocol *protocol;
    struct load_result *result;
    struct client *clients;
    int epoll_fd;
    size_t n_asked, n_waiting;
    int64_t end_ns;
};

static void watch(struct load *load, struct client *client, int op)
{
    uint32_t events = client->conn.wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (op == EPOLL_CTL_MOD && events == client->events)
        return;
    struct epoll_event event = { .events = events, .data.ptr = client };
    if (epoll_ctl(load->epoll_fd, op, client->conn.fd, &event) != 0)
        bench_fail("epoll_ctl: %s", strerrorname_np(errno));
    client->events = events;
}

static void ask(struct load *load, struct client *client)
{
    const struct load_plan *plan = load->plan;
    client->asked_ns = 0;
    if (plan->n_requests > 0 ? load->n_asked >= plan->n_requests : ke_now_ns() >= load->end_ns)
        return;
    load->protocol->ask(load->protocol->ctx, &client->conn, load->n_asked++);
    client->asked_ns = ke_now_ns();
    load->n_waiting++;
    bench_conn_flush(&client->conn);
}

static void take(struct load *load, struct client *client)
{
    while (client->asked_ns != 0 && load->protocol->take(load->protocol->ctx, &client->conn)) {
        bench_times_add(&load->result->times, ke_now_ns() - client->asked_ns);
        load->result->n_answers++;
        load->n_waiting--;
        ask(load, client);
    }
}

static void serve(struct load *load, struct client *client)
{
    bench_conn_flush(&client->conn);
    (void)bench_conn_fill(&client->conn);
    take(load, client);
    if (client->conn.is_closed)
        bench_fail("the server closed a connection");
    watch(load, client, EPOLL_CTL_MOD);
}

static void open_all(struct load *load)
{
    for (size_t i = 0; i < load->plan->n_conns; i++) {
        struct client *client = &load->clients[i];
        bench_conn_open(&client->conn, load->plan->target);
        if (load->protocol->open != NULL)
            load->protocol->open(load->protocol->ctx, &client->conn);
        bench_conn_flush(&client->conn);
        watch(load, client, EPOLL_CTL_ADD);
    }
}

void load_run(const struct load_plan *plan, const struct load_protocol *protocol,
              struct load_result *out)
{
    struct load load = { .plan = plan, .protocol = protocol, .result = out };
    struct epoll_event events[MAX_EVENTS];
    *out = (struct load_result){ 0 };
    load.clients = ke_alloc_n(plan->n_conns, sizeof(*load.clients));
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load.clients == NULL || load.epoll_fd < 0)
        bench_fail("out of memory or descriptors");
    open_all(&load);
    int64_t began_ns = ke_now_ns();
    load.end_ns = began_ns + plan->duration_ms * KE_MS;
    for (size_t i = 0; i < plan->n_conns; i++) {
        ask(&load, &load.clients[i]);
        watch(&load, &load.clients[i], EPOLL_CTL_MOD);
    }
    while (load.n_waiting > 0) {
        int n = epoll_wait(load.epoll_fd, events, MAX_EVENTS, WAIT_MS);
        if (n == 0)
            bench_fail("no answer within %d ms", WAIT_MS);
        for (int i = 0; i < n; i++)
            serve(&load, events[i].data.ptr);
    }
    out->seconds = (double)(ke_now_ns() - began_ns) / (double)KE_S;
    for (size_t i = 0; i < plan->n_conns; i++)
        bench_conn_close(&load.clients[i].conn);
    free(load.clients);
    (void)close(load.epoll_fd);
}

void load_print(struct load_result *result, const char *name)
{
    char text[128];
    bench_print(name, (double)result->n_answers / result->seconds, "/s");
    (void)snprintf(text, sizeof(text), "%s_p50", name);
    bench_print(text, (double)bench_times_at(&result->times, 50) / (double)KE_MS, "ms");
    (void)snprintf(text, sizeof(text), "%s_p99", name);
    bench_print(text, (double)bench_times_at(&result->times, 99) / (double)KE_MS, "ms");
    bench_times_free(&result->times);
}
