/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What watches cost: bench_watch kedge|etcd TARGET PKI-DIR PREFIX N PID. Opens N watches, each on a
 * connection of its own, prints how much the server's resident memory (of process PID) grew while
 * they are idle, then creates objects and prints how long it takes until the last watch has the
 * event. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "test/bench/support/etcd.h"
#include "test/bench/support/figures.h"
#include "test/bench/support/objects.h"

#define CONFIGMAPS   "/api/v1/namespaces/" BENCH_NAMESPACE "/configmaps"
#define MAX_WATCHES  19000
#define MAX_EVENTS   512
#define N_CHANGES    30
#define WAIT_MS      30000
#define SETTLE_MS    200 /* without an event: the watches are idle */
#define NAME_BYTES   128
#define KB_A_MB      1024.0
#define STATUS_BYTES (64U << 10)
#define VALUE_BYTES  1000

struct watcher {
    struct bench_conn conn;
    bool is_open; /* the server has said so */
    size_t n_events;
};

struct bench {
    bool is_etcd;
    struct bench_target target;
    const char *prefix;
    size_t n_watchers;
    struct watcher *watchers;
    int epoll_fd;
    size_t n_open, n_events; /* of all together */
    struct bench_conn writer;
    struct etcd_client etcd;
    char revision[32];
};

static size_t read_rss_kb(unsigned pid)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(STATUS_BYTES);
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%u/status", pid);
    if (ke_file_read(path, &text, &err) != KE_OK)
        bench_die(path, &err);
    ke_buf_add_char(&text, '\0');
    const char *line = text.ptr != NULL ? strstr(text.ptr, "VmRSS:") : NULL;
    if (line == NULL)
        bench_fail("%s: no VmRSS", path);
    uint64_t kb = 0;
    struct ke_str value = ke_str_trim(ke_str_c(line + 6));
    if (!ke_str_to_u64(ke_str_sub(value, 0, ke_str_find(value, ' ')), UINT32_MAX, &kb))
        bench_fail("%s: VmRSS is no number", path);
    return (size_t)kb;
}

/* The revision from which watches see new events only. */
static void read_revision(struct bench *bench)
{
    struct ke_err err = KE_ERR_INIT;
    struct bench_request request = { .method = "GET", .path = CONFIGMAPS "?limit=1" };
    struct bench_answer answer = bench_conn_call(&bench->writer, &request);
    ke_auto_json *list = NULL;
    if (answer.status != 200 || ke_json_parse(answer.body, &list, &err) != KE_OK)
        bench_fail("list: %u", answer.status);
    (void)snprintf(bench->revision, sizeof(bench->revision), "%.*s",
                   KE_STR_ARG(ke_json_path_str(list, "metadata.resourceVersion")));
    bench_conn_drop(&bench->writer, &answer);
}

static void ask_kedge(struct bench *bench, struct bench_conn *conn)
{
    char path[sizeof(CONFIGMAPS) + NAME_BYTES];
    (void)snprintf(path, sizeof(path), CONFIGMAPS "?watch=1&resourceVersion=%s", bench->revision);
    struct bench_request request = { .method = "GET", .path = path };
    bench_conn_request(conn, &request);
}

/* WatchRequest { create_request { key, range_end } } */
static void ask_etcd(struct bench *bench, struct bench_conn *conn)
{
    char memory[128];
    struct ke_buf create = KE_BUF_FIXED(memory, sizeof(memory));
    etcd_add_bytes(&create, 1, KE_STR("/registry/configmaps/"));
    etcd_add_bytes(&create, 2, KE_STR("/registry/configmaps0"));
    ke_buf_clear(&bench->etcd.message);
    etcd_add_bytes(&bench->etcd.message, 1, ke_buf_str(&create));
    etcd_open(&bench->etcd, conn);
    etcd_call(&bench->etcd, conn, KE_STR("/etcdserverpb.Watch/Watch"), false);
}

/* etcd's first message says "created". */
static size_t take_etcd_events(struct bench *bench, struct watcher *watcher)
{
    size_t n = 0;
    while (etcd_take(&bench->etcd, &watcher->conn) == ETCD_MESSAGE)
        n++;
    if (n == 0 || watcher->is_open)
        return n;
    watcher->is_open = true;
    bench->n_open++;
    return n - 1;
}

/* Events in what came in; the head of the answer is the first thing in it. */
static size_t take_events(struct bench *bench, struct watcher *watcher)
{
    static const char mark[] = "\"type\":\"ADDED\"";
    static const char head[] = "HTTP/1.1 200 ";
    struct bench_conn *conn = &watcher->conn;
    size_t n = 0;
    if (bench->is_etcd)
        return take_etcd_events(bench, watcher);
    if (!watcher->is_open && conn->in.len >= sizeof(head) - 1) {
        if (memcmp(conn->in.ptr, head, sizeof(head) - 1) != 0)
            bench_fail("a watch was refused: %.*s", (int)conn->in.len, conn->in.ptr);
        watcher->is_open = true;
        bench->n_open++;
    }
    struct ke_str rest = ke_buf_str(&conn->in);
    const char *at = NULL;
    while ((at = memmem(rest.ptr, rest.len, mark, sizeof(mark) - 1)) != NULL) {
        n++;
        rest = ke_str_sub(rest, (size_t)(at - rest.ptr) + sizeof(mark) - 1, rest.len);
    }
    size_t keep = rest.len < sizeof(mark) ? rest.len : sizeof(mark); /* half a mark */
    ke_buf_drop_front(&conn->in, conn->in.len - keep);
    return n;
}

/* False: nothing came within timeout_ms. */
static bool turn(struct bench *bench, int timeout_ms)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(bench->epoll_fd, events, MAX_EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct watcher *watcher = events[i].data.ptr;
        bench_conn_flush(&watcher->conn);
        (void)bench_conn_fill(&watcher->conn);
        if (watcher->conn.is_closed)
            bench_fail("the server ended a watch: %.*s", (int)watcher->conn.in.len,
                       watcher->conn.in.ptr != NULL ? watcher->conn.in.ptr : "");
        size_t n_events = take_events(bench, watcher);
        watcher->n_events += n_events;
        bench->n_events += n_events;
    }
    return n > 0;
}

static void open_watches(struct bench *bench)
{
    for (size_t i = 0; i < bench->n_watchers; i++) {
        struct watcher *watcher = &bench->watchers[i];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = watcher };
        bench_conn_open(&watcher->conn, &bench->target);
        if (bench->is_etcd)
            ask_etcd(bench, &watcher->conn);
        else
            ask_kedge(bench, &watcher->conn);
        bench_conn_flush(&watcher->conn);
        if (epoll_ctl(bench->epoll_fd, EPOLL_CTL_ADD, watcher->conn.fd, &event) != 0)
            bench_fail("epoll_ctl failed");
        (void)turn(bench, 0);
    }
    while (bench->n_open < bench->n_watchers) {
        if (!turn(bench, WAIT_MS))
            bench_fail("%zu of %zu watches are open", bench->n_open, bench->n_watchers);
    }
    while (turn(bench, SETTLE_MS)) {
    }
}

static void write_kedge(struct bench *bench, const char *name)
{
    ke_auto_buf body = KE_BUF_INIT(1U << 20);
    bench_configmap_print(name, &body);
    struct bench_request request = { .method = "POST",
                                     .path = CONFIGMAPS,
                                     .content_type = "application/json",
                                     .body = ke_buf_str(&body) };
    bench_conn_must(&bench->writer, &request);
}

static void write_etcd(struct bench *bench, const char *name)
{
    char key[NAME_BYTES * 2];
    char value[VALUE_BYTES];
    int len = snprintf(key, sizeof(key), "/registry/configmaps/bench/%s", name);
    memset(value, 'x', sizeof(value));
    ke_buf_clear(&bench->etcd.message);
    etcd_add_bytes(&bench->etcd.message, 1, ke_str_of(key, (size_t)len));
    etcd_add_bytes(&bench->etcd.message, 2, ke_str_of(value, sizeof(value)));
    etcd_call(&bench->etcd, &bench->writer, KE_STR("/etcdserverpb.KV/Put"), true);
    bench_conn_flush(&bench->writer);
    enum etcd_event event = ETCD_NOTHING;
    while ((event = etcd_take(&bench->etcd, &bench->writer)) != ETCD_END) {
        if (event == ETCD_MESSAGE)
            continue;
        if (!bench_conn_wait(&bench->writer, WAIT_MS))
            bench_fail("put: no answer");
        (void)bench_conn_fill(&bench->writer);
    }
}

static void measure_memory(struct bench *bench, unsigned pid)
{
    char name[NAME_BYTES];
    size_t before_kb = read_rss_kb(pid);
    open_watches(bench);
    size_t after_kb = read_rss_kb(pid);
    double grown_kb = after_kb > before_kb ? (double)(after_kb - before_kb) : 0;
    (void)snprintf(name, sizeof(name), "%s_watches_%zu", bench->prefix, bench->n_watchers);
    bench_print(name, grown_kb / KB_A_MB, "MB");
    (void)snprintf(name, sizeof(name), "%s_watch_%zu", bench->prefix, bench->n_watchers);
    bench_print(name, grown_kb / (double)bench->n_watchers, "KB");
}

static void measure_fan_out(struct bench *bench)
{
    struct bench_times from_sent = { 0 };
    struct bench_times from_ack = { 0 };
    char name[NAME_BYTES];
    for (unsigned i = 0; i < N_CHANGES; i++) {
        (void)snprintf(name, sizeof(name), "%s-watched-%zu-%u", bench->prefix, bench->n_watchers,
                       i);
        size_t end = bench->n_events + bench->n_watchers;
        int64_t sent_ns = ke_now_ns();
        if (bench->is_etcd)
            write_etcd(bench, name);
        else
            write_kedge(bench, name);
        int64_t ack_ns = ke_now_ns();
        while (bench->n_events < end) {
            if (!turn(bench, WAIT_MS))
                bench_fail("%zu watches were not told", end - bench->n_events);
        }
        bench_times_add(&from_sent, ke_now_ns() - sent_ns);
        bench_times_add(&from_ack, ke_now_ns() - ack_ns);
    }
    for (size_t i = 1; i < bench->n_watchers; i++)
        if (bench->watchers[i].n_events != bench->watchers[0].n_events)
            bench_fail("watches were told different things");
    (void)snprintf(name, sizeof(name), "%s_fan_out_%zu", bench->prefix, bench->n_watchers);
    bench_times_print(&from_sent, name);
    (void)snprintf(name, sizeof(name), "%s_fan_out_acked_%zu", bench->prefix, bench->n_watchers);
    bench_times_print(&from_ack, name);
    bench_times_free(&from_sent);
    bench_times_free(&from_ack);
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        bench_fail("getrlimit failed");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        bench_fail("setrlimit failed");
}

int main(int argc, char **argv)
{
    static struct bench bench;
    if (argc != 7)
        bench_fail("usage: bench_watch kedge|etcd TARGET PKI-DIR PREFIX N PID");
    raise_descriptors();
    bench.is_etcd = strcmp(argv[1], "etcd") == 0;
    bench.target = bench_target_parse(argv[2], argv[3]);
    bench.prefix = argv[4];
    bench.n_watchers = bench_number(argv[5], MAX_WATCHES);
    bench.watchers = ke_alloc_n(bench.n_watchers, sizeof(*bench.watchers));
    bench.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bench.etcd.message = (struct ke_buf)KE_BUF_INIT(1U << 20);
    if (bench.watchers == NULL || bench.epoll_fd < 0)
        bench_fail("out of memory or descriptors");
    bench_conn_open(&bench.writer, &bench.target);
    if (bench.is_etcd)
        etcd_open(&bench.etcd, &bench.writer);
    else
        read_revision(&bench);
    measure_memory(&bench, (unsigned)bench_number(argv[6], UINT32_MAX));
    measure_fan_out(&bench);
    for (size_t i = 0; i < bench.n_watchers; i++)
        bench_conn_close(&bench.watchers[i].conn);
    bench_conn_close(&bench.writer);
    free(bench.watchers);
    (void)close(bench.epoll_fd);
    ke_buf_free(&bench.etcd.message);
    return 0;
}
