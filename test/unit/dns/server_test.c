/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole DNS server on loopback, an upstream that this test plays on a thread of its own, and
 * clients over UDP and TCP. What the upstream does is said by the first label of the name: ok, big
 * (cut over UDP), hold (answers when released).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "dns/dns.h"
#include "dns/wire.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

#define DEADLINE_MS 5000
#define N_MANY      200

/* ---- locks taken, counted: this one comes before the library's ---- */

static _Atomic unsigned long n_locks;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static _Atomic(void *) real;
    void *found = atomic_load(&real);
    int (*lock)(pthread_mutex_t *) = NULL;
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, "pthread_mutex_lock");
        atomic_store(&real, found);
    }
    memcpy(&lock, &found, sizeof(lock));
    atomic_fetch_add(&n_locks, 1);
    return lock(mutex);
}
#endif

/* ---- sockets ---- */

static int open_at(const struct ke_endpoint *at, int type)
{
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(at, &sa);
    int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
    int on = 1;
    assert_true(fd >= 0);
    if (type == SOCK_STREAM)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    if (bind(fd, (const struct sockaddr *)&sa, len) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int connect_to(const struct ke_endpoint *at, int type)
{
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(at, &sa);
    int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, len), 0);
    return fd;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd at = { .fd = fd, .events = POLLIN };
    return poll(&at, 1, timeout_ms) == 1;
}

/* A port of 127.0.0.1 that is free for UDP and TCP. */
static struct ke_endpoint free_port(void)
{
    for (;;) {
        struct ke_endpoint at = { .ip = test_ip("127.0.0.1") };
        int tcp = open_at(&at, SOCK_STREAM);
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);
        assert_int_equal(getsockname(tcp, (struct sockaddr *)&sa, &len), 0);
        assert_true(ke_endpoint_from_sockaddr(&sa, &at));
        int udp = open_at(&at, SOCK_DGRAM);
        (void)close(tcp);
        (void)close(udp);
        if (udp >= 0)
            return at;
    }
}

/* ---- the upstream ---- */

struct upstream {
    struct ke_endpoint at;
    int udp, tcp, wake;
    pthread_t thread;
    _Atomic unsigned n_held;
    _Atomic bool is_released, is_over;
    struct held {
        uint8_t bytes[600];
        size_t len;
        struct sockaddr_storage from;
        socklen_t from_len;
    } held[16];
};

static size_t upstream_reply(const uint8_t *bytes, size_t len, bool is_tcp, uint8_t *out,
                             size_t cap)
{
    static const struct dns_owner owner = { .at = DNS_AT_QUESTION };
    struct dns_query query;
    struct dns_reply reply;
    enum dns_rcode rcode = DNS_NOERROR;
    if (dns_query_parse(bytes, len, &query, &rcode) != DNS_PARSED)
        return 0;
    bool is_big = ke_str_eq_c(dns_name_label(&query.name, 0), "big");
    dns_reply_begin(&reply, &query, out, cap);
    for (unsigned i = 0; i < (is_big ? 100U : 1U) && (!is_big || is_tcp); i++) {
        struct ke_ip ip = { .family = KE_FAMILY_IPV4, .b = { 192, 0, 2, (uint8_t)(i + 1) } };
        dns_reply_address(&reply, &owner, &ip, 30);
    }
    dns_reply_end_rrset(&reply);
    reply.is_tc = is_big && !is_tcp;
    return dns_reply_finish(&reply, &query, cap, true);
}

static void upstream_send(struct upstream *upstream, const struct held *held)
{
    uint8_t reply[1200];
    size_t n = upstream_reply(held->bytes, held->len, false, reply, sizeof(reply));
    if (n > 0)
        (void)sendto(upstream->udp, reply, n, 0, (const struct sockaddr *)&held->from,
                     held->from_len);
}

static void upstream_udp(struct upstream *upstream)
{
    unsigned n_held = atomic_load(&upstream->n_held);
    struct held *slot = &upstream->held[n_held % 16];
    slot->from_len = sizeof(slot->from);
    ssize_t n = recvfrom(upstream->udp, slot->bytes, sizeof(slot->bytes), MSG_DONTWAIT,
                         (struct sockaddr *)&slot->from, &slot->from_len);
    if (n <= DNS_HEADER_BYTES)
        return;
    slot->len = (size_t)n;
    bool is_hold = slot->bytes[DNS_HEADER_BYTES] == 4 &&
                   memcmp(slot->bytes + DNS_HEADER_BYTES + 1, "hold", 4) == 0;
    if (is_hold && !atomic_load(&upstream->is_released))
        atomic_store(&upstream->n_held, n_held + 1);
    else
        upstream_send(upstream, slot);
}

static void upstream_tcp(struct upstream *upstream)
{
    uint8_t in[600];
    uint8_t out[4002];
    int fd = accept4(upstream->tcp, NULL, NULL, SOCK_CLOEXEC);
    size_t len = 0;
    if (fd < 0)
        return;
    while (is_readable(fd, DEADLINE_MS) && (len < 2 || len < 2 + ((size_t)in[0] << 8 | in[1]))) {
        ssize_t n = read(fd, in + len, sizeof(in) - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (len >= 2 && len == 2 + ((size_t)in[0] << 8 | in[1]))
            break;
    }
    size_t n = len > 2 ? upstream_reply(in + 2, len - 2, true, out + 2, sizeof(out) - 2) : 0;
    out[0] = (uint8_t)(n >> 8);
    out[1] = (uint8_t)n;
    (void)send(fd, out, n + 2, MSG_NOSIGNAL);
    (void)close(fd);
}

static void *upstream_run(void *ctx)
{
    struct upstream *upstream = ctx;
    while (!atomic_load(&upstream->is_over)) {
        struct pollfd fds[] = { { .fd = upstream->udp, .events = POLLIN },
                                { .fd = upstream->tcp, .events = POLLIN },
                                { .fd = upstream->wake, .events = POLLIN } };
        (void)poll(fds, 3, -1);
        if (fds[0].revents != 0)
            upstream_udp(upstream);
        if (fds[1].revents != 0)
            upstream_tcp(upstream);
        uint64_t ignored = 0;
        if (fds[2].revents != 0 && read(upstream->wake, &ignored, sizeof(ignored)) > 0 &&
            atomic_load(&upstream->is_released)) {
            for (unsigned i = 0; i < atomic_load(&upstream->n_held) && i < 16; i++)
                upstream_send(upstream, &upstream->held[i]);
        }
    }
    return NULL;
}

static void upstream_wake(struct upstream *upstream)
{
    uint64_t one = 1;
    assert_int_equal(write(upstream->wake, &one, sizeof(one)), sizeof(one));
}

static void upstream_release(struct upstream *upstream)
{
    atomic_store(&upstream->is_released, true);
    upstream_wake(upstream);
}

static void await_held(const struct upstream *upstream, unsigned n)
{
    int64_t until = ke_now_ns() + DEADLINE_MS * KE_MS;
    while (atomic_load(&upstream->n_held) < n) {
        assert_true(ke_now_ns() < until);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- the server ---- */

struct bench {
    struct endpoint_table *table;
    struct report *report;
    struct dns_server *server;
    struct upstream upstream;
    struct ke_endpoint at;
    int held_fd; /* counts on_held(true) */
    _Atomic int n_held, n_not_held;
};

static void on_held(void *ctx, bool is_held)
{
    struct bench *bench = ctx;
    uint64_t one = 1;
    atomic_fetch_add(is_held ? &bench->n_held : &bench->n_not_held, 1);
    if (is_held)
        (void)!write(bench->held_fd, &one, sizeof(one));
}

static bool find_holder(void *ctx, enum ke_proto proto, const struct ke_endpoint *at,
                        struct ke_buf *out)
{
    (void)ctx;
    (void)at;
    ke_buf_add_c(out, proto == KE_PROTO_UDP ? "somebody (pid 1)" : "another (pid 2)");
    return true;
}

static void fill(struct endpoint_table *table)
{
    char endpoints[N_MANY * 64];
    struct ke_buf text = KE_BUF_FIXED(endpoints, sizeof(endpoints) - 1);
    test_put(table, MODEL_NAMESPACE, "{'metadata':{'name':'default'}}");
    test_put_service(table, "default", "web",
                     "'type':'ClusterIP','clusterIP':'10.32.0.1','clusterIPs':['10.32.0.1'],"
                     "'ports':[{'name':'http','port':80},{'name':'https','port':443}]");
    test_put_service(table, "default", "many", "'clusterIP':'None','clusterIPs':['None']");
    for (unsigned i = 0; i < N_MANY; i++)
        ke_buf_addf(&text, "%s{'addresses':['10.200.0.%u'],'conditions':{'ready':true}}",
                    i > 0 ? "," : "", i + 1);
    endpoints[text.len] = '\0';
    test_put_slice(table, "default", "many-1", "many", "", endpoints);
    test_put_service(table, "default", "ext", "'type':'ExternalName','externalName':'ok.example'");
    test_put_service(table, "default", "chain",
                     "'type':'ExternalName','externalName':'ext.default.svc.cluster.local'");
    test_put_service(table, "default", "dead",
                     "'type':'ExternalName','externalName':'hold.example'");
    endpoint_table_publish(table, 1);
}

struct wish {
    bool has_no_upstream;
    unsigned n_threads;
    const char *listen; /* "127.0.0.1" */
    int64_t try_ms, idle_ms;
    struct ke_endpoint at; /* port 0: a free one */
};

static void await_serving(struct bench *bench)
{
    uint64_t ignored = 0;
    assert_true(is_readable(bench->held_fd, DEADLINE_MS));
    assert_int_equal(read(bench->held_fd, &ignored, sizeof(ignored)), sizeof(ignored));
    assert_true(dns_server_is_serving(bench->server));
}

static void prepare(struct bench *bench, const struct wish *wish)
{
    struct upstream *upstream = &bench->upstream;
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr reverse;
    *bench = (struct bench){ .held_fd = eventfd(0, EFD_CLOEXEC) };
    bench->table = test_table_new();
    fill(bench->table);
    bench->report = report_new();
    upstream->at = free_port();
    upstream->udp = open_at(&upstream->at, SOCK_DGRAM);
    upstream->tcp = open_at(&upstream->at, SOCK_STREAM);
    upstream->wake = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(listen(upstream->tcp, 8), 0);
    assert_int_equal(pthread_create(&upstream->thread, NULL, upstream_run, upstream), 0);
    bench->at = wish->at.port != 0 ? wish->at : free_port();
    if (wish->listen != NULL)
        bench->at.ip = test_ip(wish->listen);
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/16"), &reverse, &err), KE_OK);
    struct dns_options options = {
        .settings = { .domain = KE_STR("cluster.local"),
                      .address = test_ip("10.32.0.10"),
                      .reverse = &reverse,
                      .n_reverse = 1,
                      .ttl_s = 5 },
        .listen = &bench->at,
        .n_listen = 1,
        .upstreams = &upstream->at,
        .n_upstreams = wish->has_no_upstream ? 0 : 1,
        .resolv_conf = "/nonexistent",
        .n_threads = wish->n_threads,
        .timing = { wish->try_ms, wish->idle_ms },
        .table = bench->table,
        .report = bench->report,
        .find_holder = find_holder,
        .on_held = on_held,
        .ctx = bench,
    };
    if (dns_server_new(&options, &bench->server, &err) != KE_OK ||
        dns_server_start(bench->server, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void make(struct bench *bench, const struct wish *wish)
{
    prepare(bench, wish);
    await_serving(bench);
}

static void drop(struct bench *bench)
{
    dns_server_stop(bench->server);
    dns_server_free(bench->server);
    atomic_store(&bench->upstream.is_over, true);
    upstream_wake(&bench->upstream);
    assert_int_equal(pthread_join(bench->upstream.thread, NULL), 0);
    (void)close(bench->upstream.udp);
    (void)close(bench->upstream.tcp);
    (void)close(bench->upstream.wake);
    (void)close(bench->held_fd);
    report_free(bench->report);
    test_table_free(bench->table);
}

/* ---- clients ---- */

struct question {
    uint8_t bytes[300];
    size_t len;
};

/* The text's case is kept. */
static struct question question_for(const char *text, uint16_t type)
{
    struct question question;
    struct dns_name name;
    static uint16_t next_id = 100;
    assert_true(dns_name_from_text(ke_str_c(text), &name));
    struct dns_ask ask = { .id = next_id++,
                           .name_wire = name.wire,
                           .name_len = name.len,
                           .type = type,
                           .rr_class = DNS_CLASS_IN };
    question.len = dns_ask_write(&ask, question.bytes, sizeof(question.bytes));
    uint8_t *at = question.bytes + DNS_HEADER_BYTES;
    for (const char *c = text; *c != '\0'; c++) {
        at++;
        if (*c != '.')
            *at = (uint8_t)*c;
    }
    return question;
}

struct reply {
    uint8_t bytes[LIMIT_DNS_TCP_BYTES];
    size_t len;
};

static void take_datagram(int fd, struct reply *reply)
{
    assert_true(is_readable(fd, DEADLINE_MS));
    ssize_t n = recv(fd, reply->bytes, sizeof(reply->bytes), 0);
    assert_true(n > 0);
    reply->len = (size_t)n;
}

static void say(int fd, const struct question *question)
{
    assert_int_equal(send(fd, question->bytes, question->len, 0), question->len);
}

static void ask_udp(struct bench *bench, const struct question *question, struct reply *reply)
{
    int fd = connect_to(&bench->at, SOCK_DGRAM);
    say(fd, question);
    take_datagram(fd, reply);
    (void)close(fd);
}

static void read_all(int fd, uint8_t *bytes, size_t len)
{
    for (size_t pos = 0; pos < len;) {
        assert_true(is_readable(fd, DEADLINE_MS));
        ssize_t n = recv(fd, bytes + pos, len - pos, 0);
        assert_true(n > 0);
        pos += (size_t)n;
    }
}

static void take_message(int fd, struct reply *reply)
{
    uint8_t len[2];
    read_all(fd, len, 2);
    reply->len = (size_t)len[0] << 8 | len[1];
    read_all(fd, reply->bytes, reply->len);
}

static size_t frame(const struct question *question, uint8_t *out)
{
    out[0] = (uint8_t)(question->len >> 8);
    out[1] = (uint8_t)question->len;
    memcpy(out + 2, question->bytes, question->len);
    return question->len + 2;
}

static void say_tcp(int fd, const struct question *question)
{
    uint8_t framed[302];
    size_t len = frame(question, framed);
    assert_int_equal(send(fd, framed, len, MSG_NOSIGNAL), len);
}

static void ask_tcp(struct bench *bench, const struct question *question, struct reply *reply)
{
    int fd = connect_to(&bench->at, SOCK_STREAM);
    say_tcp(fd, question);
    take_message(fd, reply);
    (void)close(fd);
}

static void assert_closed(int fd)
{
    uint8_t byte;
    assert_true(is_readable(fd, DEADLINE_MS));
    assert_true(recv(fd, &byte, 1, 0) <= 0);
}

#define TC 1
static void assert_reply(const struct reply *reply, const struct question *question,
                         enum dns_rcode rcode, unsigned n_answers, unsigned flags)
{
    struct dns_walk walk;
    struct dns_record record;
    int more = 0;
    unsigned n = 0;
    assert_true(dns_walk_begin(&walk, reply->bytes, reply->len));
    assert_memory_equal(reply->bytes, question->bytes, 2);
    assert_int_equal(reply->bytes[3] & 15, rcode);
    assert_int_equal((reply->bytes[2] & 2) != 0, flags == TC);
    while ((more = dns_walk_next(&walk, &record)) == 1)
        n += record.section == DNS_SECTION_ANSWER;
    assert_int_equal(more, 0);
    assert_int_equal(n, n_answers);
}

static void add_opt(struct question *question, unsigned size)
{
    const uint8_t opt[] = { 0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0, 0, 0 };
    memcpy(question->bytes + question->len, opt, sizeof(opt));
    question->len += sizeof(opt);
    question->bytes[11] = 1;
}

#define WEB  "web.default.svc.cluster.local"
#define MANY "many.default.svc.cluster.local"

/* ---- */

static void names_of_the_zone_are_answered_over_udp_and_tcp(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for("WeB.default.SVC.cluster.LOCAL", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    assert_memory_equal(reply.bytes + 12, question.bytes + 12, question.len - 12);
    assert_int_equal(reply.bytes[3] & 0x80, 0x80); /* RA: there is an upstream */
    ask_tcp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    question = question_for("nothing.default.svc.cluster.local", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NXDOMAIN, 0, 0);
    ke_auto_buf status = KE_BUF_INIT(4096);
    dns_print_status(bench.server, &status);
    ke_buf_add_char(&status, '\0');
    assert_non_null(strstr(status.ptr, "\"serving\":true"));
    assert_non_null(strstr(status.ptr, "\"queries\":3,\"forwarded\":0,\"failed\":0}"));
    drop(&bench);
    assert_int_equal(bench.n_held, 1);
    assert_int_equal(bench.n_not_held, 1);
}

static void what_is_not_answered_does_not_hold_up_the_next(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    int fd = connect_to(&bench.at, SOCK_DGRAM);
    struct question good = question_for(WEB, DNS_TYPE_A);
    struct question bad = good;
    bad.bytes[2] |= 0x80;
    say(fd, &bad); /* a reply */
    bad.len = 5;
    say(fd, &bad); /* no header */
    static const uint8_t large[LIMIT_DNS_QUERY_BYTES + 1];
    assert_int_equal(send(fd, large, sizeof(large), 0), sizeof(large));
    say(fd, &good);
    take_datagram(fd, &reply);
    assert_reply(&reply, &good, DNS_NOERROR, 1, 0);
    bad = good;
    bad.bytes[bad.len - 1] = 3; /* CH */
    say(fd, &bad);
    take_datagram(fd, &reply);
    assert_reply(&reply, &bad, DNS_REFUSED, 0, 0);
    bad = question_for("cluster.local", DNS_TYPE_AXFR);
    say(fd, &bad);
    take_datagram(fd, &reply);
    assert_reply(&reply, &bad, DNS_REFUSED, 0, 0);
    bad = good;
    bad.bytes[2] = 0x28; /* UPDATE */
    say(fd, &bad);
    take_datagram(fd, &reply);
    assert_int_equal(reply.bytes[3] & 15, DNS_NOTIMP);
    assert_false(is_readable(fd, 0));
    (void)close(fd);
    drop(&bench);
}

static void large_answers_are_cut_over_udp_and_whole_over_tcp(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for(MANY, DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 0, TC);
    add_opt(&question, 65535);
    ask_udp(&bench, &question, &reply);
    assert_true(reply.len <= LIMIT_DNS_UDP_BYTES);
    assert_reply(&reply, &question, DNS_NOERROR, 0, TC);
    ask_tcp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, N_MANY, 0);
    drop(&bench);
}

static void tcp_takes_several_messages_at_once_and_one_in_pieces(void **state)
{
    struct bench bench;
    struct reply reply;
    uint8_t bytes[1200];
    (void)state;
    make(&bench, &(struct wish){ 0 });
    const struct question questions[] = { question_for(WEB, DNS_TYPE_A),
                                          question_for(MANY, DNS_TYPE_A),
                                          question_for(WEB, DNS_TYPE_SRV) };
    size_t len = 0;
    for (size_t i = 0; i < 3; i++)
        len += frame(&questions[i], bytes + len);
    int fd = connect_to(&bench.at, SOCK_STREAM);
    assert_int_equal(send(fd, bytes, len, 0), len);
    take_message(fd, &reply);
    assert_reply(&reply, &questions[0], DNS_NOERROR, 1, 0);
    take_message(fd, &reply);
    assert_reply(&reply, &questions[1], DNS_NOERROR, N_MANY, 0);
    take_message(fd, &reply);
    assert_reply(&reply, &questions[2], DNS_NOERROR, 2, 0);
    assert_int_equal(reply.bytes[11], 1); /* two SRV, one target: one address */
    for (size_t i = 0; i < frame(&questions[0], bytes); i++)
        assert_int_equal(send(fd, bytes + i, 1, 0), 1);
    take_message(fd, &reply);
    assert_reply(&reply, &questions[0], DNS_NOERROR, 1, 0);
    (void)close(fd);
    drop(&bench);
}

/* A client that writes all it can before it reads: nothing is lost, nothing grows. */
static void a_client_that_pipelines_without_reading_is_held_back(void **state)
{
    enum { N = 3000 };
    struct bench bench;
    struct reply reply;
    uint8_t framed[302];
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for(MANY, DNS_TYPE_A);
    size_t len = frame(&question, framed);
    int fd = connect_to(&bench.at, SOCK_STREAM);
    unsigned n_sent = 0;
    size_t part = 0;
    for (unsigned n_got = 0; n_got < N;) {
        while (n_sent < N) {
            ssize_t n = send(fd, framed + part, len - part, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN)
                break;
            assert_true(n > 0);
            part = (part + (size_t)n) % len;
            n_sent += part == 0;
        }
        take_message(fd, &reply);
        assert_reply(&reply, &question, DNS_NOERROR, N_MANY, 0);
        n_got++;
    }
    (void)close(fd);
    drop(&bench);
}

static void idle_and_slow_tcp_clients_are_closed(void **state)
{
    struct bench bench;
    uint8_t framed[302];
    (void)state;
    make(&bench, &(struct wish){ .idle_ms = 80 });
    int idle = connect_to(&bench.at, SOCK_STREAM);
    int slow = connect_to(&bench.at, SOCK_STREAM);
    struct question question = question_for(WEB, DNS_TYPE_A);
    size_t len = frame(&question, framed);
    int64_t until = ke_now_ns() + DEADLINE_MS * KE_MS;
    /* A byte now and then is no message: it does not buy time. */
    for (size_t i = 0; i + 1 < len && !is_readable(slow, 20); i++) {
        assert_true(ke_now_ns() < until);
        (void)send(slow, framed + i, 1, MSG_NOSIGNAL);
    }
    assert_closed(slow);
    assert_closed(idle);
    (void)close(slow);
    (void)close(idle);
    drop(&bench);
}

static void one_address_has_a_share_of_the_tcp_connections(void **state)
{
    struct bench bench;
    struct reply reply;
    int fds[LIMIT_DNS_TCP_PER_CLIENT];
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for(WEB, DNS_TYPE_A);
    for (int i = 0; i < LIMIT_DNS_TCP_PER_CLIENT; i++) {
        fds[i] = connect_to(&bench.at, SOCK_STREAM);
        say_tcp(fds[i], &question);
        take_message(fds[i], &reply);
    }
    int more = connect_to(&bench.at, SOCK_STREAM);
    assert_closed(more);
    (void)close(more);
    (void)close(fds[0]);
    /* Room again, once the server has seen it leave. */
    bool is_answered = false;
    int64_t until = ke_now_ns() + DEADLINE_MS * KE_MS;
    while (!is_answered) {
        assert_true(ke_now_ns() < until);
        uint8_t byte;
        fds[0] = connect_to(&bench.at, SOCK_STREAM);
        say_tcp(fds[0], &question);
        is_answered = is_readable(fds[0], DEADLINE_MS) && recv(fds[0], &byte, 1, 0) == 1;
        (void)close(fds[0]);
    }
    for (int i = 1; i < LIMIT_DNS_TCP_PER_CLIENT; i++)
        (void)close(fds[i]);
    drop(&bench);
}

static void other_names_are_forwarded_with_the_clients_case_and_id(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for("ok.ExAmPlE", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    assert_memory_equal(reply.bytes + 12, question.bytes + 12, question.len - 12);
    assert_int_equal(reply.bytes[2] & 4, 0); /* not our authority */
    ask_tcp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    question.bytes[2] &= 0xfe; /* no recursion wanted */
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_REFUSED, 0, 0);
    drop(&bench);
}

static void a_cut_reply_of_the_upstream_comes_whole_over_tcp(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for("big.example", DNS_TYPE_A);
    ask_tcp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 100, 0);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 0, TC);
    add_opt(&question, 1232);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 0, TC);
    assert_int_equal(reply.bytes[11], 1); /* OPT for OPT */
    drop(&bench);
}

static void clients_with_the_same_question_share_it(void **state)
{
    struct bench bench;
    struct reply reply;
    int fds[4];
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question lower = question_for("hold.example", DNS_TYPE_A);
    struct question upper = question_for("hold.EXAMPLE", DNS_TYPE_A);
    for (int i = 0; i < 4; i++) {
        fds[i] = connect_to(&bench.at, SOCK_DGRAM);
        say(fds[i], i % 2 == 0 ? &lower : &upper);
    }
    /* All are in once a later question is answered. */
    struct question later = question_for("ok.example", DNS_TYPE_A);
    ask_udp(&bench, &later, &reply);
    await_held(&bench.upstream, 1);
    upstream_release(&bench.upstream);
    for (int i = 0; i < 4; i++) {
        const struct question *question = i % 2 == 0 ? &lower : &upper;
        take_datagram(fds[i], &reply);
        assert_reply(&reply, question, DNS_NOERROR, 1, 0);
        assert_memory_equal(reply.bytes + 12, question->bytes + 12, question->len - 12);
        (void)close(fds[i]);
    }
    assert_int_equal(bench.upstream.n_held, 1);
    drop(&bench);
}

static void a_silent_upstream_is_servfail_after_the_tries(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ .try_ms = 20 });
    struct question question = question_for("hold.example", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_SERVFAIL, 0, 0);
    question = question_for("dead.default.svc.cluster.local", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_SERVFAIL, 1, 0); /* the alias */
    drop(&bench);
}

static void aliases_bring_the_addresses_of_their_target(void **state)
{
    struct bench bench;
    struct reply reply;
    struct dns_walk walk;
    struct dns_record record;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for("ext.default.svc.cluster.local", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 2, 0);
    question = question_for("chain.default.svc.cluster.local", DNS_TYPE_A);
    ask_tcp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 3, 0);
    assert_true(dns_walk_begin(&walk, reply.bytes, reply.len));
    const uint16_t types[] = { DNS_TYPE_CNAME, DNS_TYPE_CNAME, DNS_TYPE_A };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dns_walk_next(&walk, &record), 1);
        assert_int_equal(record.type, types[i]);
    }
    question = question_for("chain.default.svc.cluster.local", DNS_TYPE_CNAME);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    drop(&bench);
}

static void without_upstream_nothing_is_forwarded(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ .has_no_upstream = true });
    struct question question = question_for("ok.example", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_REFUSED, 0, 0);
    assert_int_equal(reply.bytes[3] & 0x80, 0); /* RA */
    question = question_for("ext.default.svc.cluster.local", DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_SERVFAIL, 1, 0);
    question = question_for(WEB, DNS_TYPE_A);
    ask_udp(&bench, &question, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    drop(&bench);
}

static void a_client_that_only_listens_any_more_still_gets_its_reply(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for("hold.example", DNS_TYPE_A);
    int fd = connect_to(&bench.at, SOCK_STREAM);
    say_tcp(fd, &question);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    await_held(&bench.upstream, 1);
    upstream_release(&bench.upstream);
    take_message(fd, &reply);
    assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    assert_closed(fd);
    (void)close(fd);
    drop(&bench);
}

static void who_waits_is_told_servfail_at_the_stop(void **state)
{
    struct bench bench;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    struct question question = question_for("hold.example", DNS_TYPE_A);
    int udp = connect_to(&bench.at, SOCK_DGRAM);
    int tcp = connect_to(&bench.at, SOCK_STREAM);
    int gone = connect_to(&bench.at, SOCK_STREAM);
    struct question other = question_for("hold.example", DNS_TYPE_AAAA);
    say_tcp(gone, &other);
    await_held(&bench.upstream, 1);
    (void)close(gone);
    say_tcp(tcp, &question);
    await_held(&bench.upstream, 2);
    say(udp, &question);
    struct question later = question_for(WEB, DNS_TYPE_A);
    ask_udp(&bench, &later, &reply); /* the one before is in */
    dns_server_stop(bench.server);
    assert_false(dns_server_is_serving(bench.server));
    take_datagram(udp, &reply);
    assert_reply(&reply, &question, DNS_SERVFAIL, 0, 0);
    take_message(tcp, &reply);
    assert_reply(&reply, &question, DNS_SERVFAIL, 0, 0);
    assert_closed(tcp);
    (void)close(udp);
    (void)close(tcp);
    /* The port is free again. */
    int again = open_at(&bench.at, SOCK_DGRAM);
    assert_true(again >= 0);
    (void)close(again);
    drop(&bench);
}

static bool part_is(struct report *report, bool is_healthy, const char *text)
{
    const char *part = NULL;
    bool healthy = false;
    ke_auto_buf message = KE_BUF_INIT(4096);
    if (!report_part_at(report, 0, &part, &healthy, &message))
        return false;
    ke_buf_add_char(&message, '\0');
    return strcmp(part, "dns") == 0 && healthy == is_healthy && strstr(message.ptr, text) != NULL;
}

static void await_part(struct report *report, bool is_healthy, const char *text)
{
    int64_t until = ke_now_ns() + DEADLINE_MS * KE_MS;
    while (!part_is(report, is_healthy, text)) {
        assert_true(ke_now_ns() < until);
        (void)poll(NULL, 0, 1);
    }
}

static void a_port_that_is_taken_is_reported_and_bound_when_free(void **state)
{
    (void)state;
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        struct bench bench;
        struct reply reply;
        struct ke_endpoint at = free_port();
        int holder = open_at(&at, is_tcp ? SOCK_STREAM : SOCK_DGRAM);
        int on = 1;
        /* Even one that would share. */
        assert_int_equal(setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(setsockopt(holder, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
        if (is_tcp)
            assert_int_equal(listen(holder, 1), 0);
        prepare(&bench, &(struct wish){ .at = at, .n_threads = 1U + (unsigned)is_tcp });
        await_part(bench.report, false, is_tcp ? "another (pid 2)" : "somebody (pid 1)");
        assert_true(part_is(bench.report, false, is_tcp ? "/tcp: " : "/udp: "));
        assert_false(dns_server_is_serving(bench.server));
        assert_int_equal(bench.n_held, 0);
        (void)close(holder);
        await_serving(&bench);
        await_part(bench.report, true, "");
        struct question question = question_for(WEB, DNS_TYPE_A);
        ask_udp(&bench, &question, &reply);
        assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        drop(&bench);
    }
}

static void workers_share_a_port_with_each_other_and_with_nobody_else(void **state)
{
    struct bench bench;
    struct bench other;
    struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ .n_threads = 3 });
    struct question question = question_for(WEB, DNS_TYPE_A);
    for (int i = 0; i < 50; i++) {
        ask_udp(&bench, &question, &reply);
        assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        ask_tcp(&bench, &question, &reply);
        assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
    }
    prepare(&other, &(struct wish){ .n_threads = 2, .at = bench.at });
    await_part(other.report, false, "cannot listen on 127.0.0.1");
    drop(&other);
    drop(&bench);
}

static void a_reply_leaves_from_the_address_that_was_asked(void **state)
{
    static const char *const listens[] = { "0.0.0.0", "::" };
    struct reply reply;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        int probe = socket(AF_INET6, SOCK_DGRAM, 0);
        if (i == 1 && probe < 0)
            break;
        make(&bench, &(struct wish){ .listen = listens[i] });
        struct ke_endpoint at = bench.at;
        at.ip = test_ip(i == 0 ? "127.3.2.1" : "::1");
        struct question question = question_for(WEB, DNS_TYPE_A);
        struct question late = question_for("ok.example", DNS_TYPE_A);
        int fd = connect_to(&at, SOCK_DGRAM); /* takes replies from there only */
        say(fd, &question);
        take_datagram(fd, &reply);
        assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        say(fd, &late);
        take_datagram(fd, &reply);
        assert_reply(&reply, &late, DNS_NOERROR, 1, 0);
        (void)close(fd);
        (void)close(probe);
        drop(&bench);
    }
}

static void every_address_of_both_families_is_one_listener(void **state)
{
    static const char *const asked[] = { "127.4.5.6", "127.0.0.1" };
    struct bench bench;
    struct reply reply;
    (void)state;
    struct ke_endpoint at = free_port();
    at.ip = (struct ke_ip){ .family = KE_FAMILY_NONE };
    make(&bench, &(struct wish){ .at = at });
    for (size_t i = 0; i < 2; i++) {
        at.ip = test_ip(asked[i]);
        struct question question = question_for(WEB, DNS_TYPE_A);
        int fd = connect_to(&at, SOCK_DGRAM);
        say(fd, &question);
        take_datagram(fd, &reply);
        assert_reply(&reply, &question, DNS_NOERROR, 1, 0);
        (void)close(fd);
    }
    drop(&bench);
}

static void an_answer_from_the_table_takes_no_memory_and_no_lock(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
    } rows[] = { { WEB, DNS_TYPE_A },
                 { WEB, DNS_TYPE_AAAA },
                 { WEB, DNS_TYPE_SRV },
                 { MANY, DNS_TYPE_A },
                 { "none.default.svc.cluster.local", DNS_TYPE_A },
                 { "10-200-0-7.many.default.svc.cluster.local", DNS_TYPE_A },
                 { "1.0.32.10.in-addr.arpa", DNS_TYPE_PTR },
                 { "10-1-2-3.default.pod.cluster.local", DNS_TYPE_A },
                 { "cluster.local", DNS_TYPE_SOA } };
    struct bench bench;
    static struct reply reply;
    (void)state;
    make(&bench, &(struct wish){ 0 });
    int fd = connect_to(&bench.at, SOCK_DGRAM);
    unsigned long before = 0;
    unsigned long locks_before = 0;
    for (int round = 0; round < 20; round++) {
        if (round == 1) {      /* the first round is the one that may */
            ke_snap_offline(); /* nothing retired waits for this thread any more */
            ke_snap_drain();
            before = test_alloc_count();
            locks_before = atomic_load(&n_locks);
        }
        for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
            struct question question = question_for(rows[i].name, rows[i].type);
            say(fd, &question);
            take_datagram(fd, &reply);
            assert_memory_equal(reply.bytes, question.bytes, 2);
        }
    }
    assert_int_equal(test_alloc_count(), before);
    assert_int_equal(atomic_load(&n_locks), locks_before);
    ke_snap_online();
    (void)close(fd);
    drop(&bench);
}

static void settings_that_cannot_be_are_refused(void **state)
{
    struct dns_server *server = NULL;
    struct ke_err err = KE_ERR_INIT;
    struct ke_endpoint at[9] = { { .ip = test_ip("127.0.0.1"), .port = 1 } };
    struct dns_options options = { .settings.domain = KE_STR("a..b"), .listen = at, .n_listen = 1 };
    (void)state;
    assert_int_equal(dns_server_new(&options, &server, &err), KE_INVALID);
    options.settings.domain = KE_STR("cluster.local");
    options.n_listen = 0;
    assert_int_equal(dns_server_new(&options, &server, &err), KE_INVALID);
    options.n_listen = 9;
    assert_int_equal(dns_server_new(&options, &server, &err), KE_INVALID);
    assert_null(server);
    dns_server_free(NULL);
}

static void running_out_of_memory_at_the_start_is_an_error(void **state)
{
    struct dns_server *server = NULL;
    struct ke_err err = KE_ERR_INIT;
    struct ke_endpoint at = { .ip = test_ip("127.0.0.1"), .port = 1 };
    struct dns_options options = {
        .settings.domain = KE_STR("cluster.local"), .listen = &at, .n_listen = 1, .n_threads = 2
    };
    (void)state;
    for (size_t n = 1;; n++) {
        test_alloc_fail_at(n);
        enum ke_code rc = dns_server_new(&options, &server, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
    dns_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_zone_are_answered_over_udp_and_tcp),
        cmocka_unit_test(what_is_not_answered_does_not_hold_up_the_next),
        cmocka_unit_test(large_answers_are_cut_over_udp_and_whole_over_tcp),
        cmocka_unit_test(tcp_takes_several_messages_at_once_and_one_in_pieces),
        cmocka_unit_test(a_client_that_pipelines_without_reading_is_held_back),
        cmocka_unit_test(idle_and_slow_tcp_clients_are_closed),
        cmocka_unit_test(one_address_has_a_share_of_the_tcp_connections),
        cmocka_unit_test(other_names_are_forwarded_with_the_clients_case_and_id),
        cmocka_unit_test(a_cut_reply_of_the_upstream_comes_whole_over_tcp),
        cmocka_unit_test(clients_with_the_same_question_share_it),
        cmocka_unit_test(a_silent_upstream_is_servfail_after_the_tries),
        cmocka_unit_test(aliases_bring_the_addresses_of_their_target),
        cmocka_unit_test(without_upstream_nothing_is_forwarded),
        cmocka_unit_test(a_client_that_only_listens_any_more_still_gets_its_reply),
        cmocka_unit_test(who_waits_is_told_servfail_at_the_stop),
        cmocka_unit_test(a_port_that_is_taken_is_reported_and_bound_when_free),
        cmocka_unit_test(workers_share_a_port_with_each_other_and_with_nobody_else),
        cmocka_unit_test(a_reply_leaves_from_the_address_that_was_asked),
        cmocka_unit_test(every_address_of_both_families_is_one_listener),
        cmocka_unit_test(an_answer_from_the_table_takes_no_memory_and_no_lock),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
        cmocka_unit_test(running_out_of_memory_at_the_start_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
