/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_world.h. */
#include "test/support/dns_world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

/* ---- sockets ---- */

int dns_world_open_at(const struct ke_endpoint *at, int type)
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

int dns_world_connect_to(const struct ke_endpoint *at, int type)
{
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(at, &sa);
    int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, len), 0);
    return fd;
}

bool dns_world_is_readable(int fd, int timeout_ms)
{
    struct pollfd at = { .fd = fd, .events = POLLIN };
    return poll(&at, 1, timeout_ms) == 1;
}

/* A port of 127.0.0.1 that is free for UDP and TCP. */
struct ke_endpoint dns_world_free_port(void)
{
    for (;;) {
        struct ke_endpoint at = { .ip = test_ip("127.0.0.1") };
        int tcp = dns_world_open_at(&at, SOCK_STREAM);
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);
        assert_int_equal(getsockname(tcp, (struct sockaddr *)&sa, &len), 0);
        assert_true(ke_endpoint_from_sockaddr(&sa, &at));
        int udp = dns_world_open_at(&at, SOCK_DGRAM);
        (void)close(tcp);
        (void)close(udp);
        if (udp >= 0)
            return at;
    }
}

/* ---- the upstream ---- */

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

static void upstream_send(struct dns_upstream *upstream, const struct held *held)
{
    uint8_t reply[1200];
    size_t n = upstream_reply(held->bytes, held->len, false, reply, sizeof(reply));
    if (n > 0)
        (void)sendto(upstream->udp, reply, n, 0, (const struct sockaddr *)&held->from,
                     held->from_len);
}

static void upstream_udp(struct dns_upstream *upstream)
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

static void upstream_tcp(struct dns_upstream *upstream)
{
    uint8_t in[600];
    uint8_t out[4002];
    int fd = accept4(upstream->tcp, NULL, NULL, SOCK_CLOEXEC);
    size_t len = 0;
    if (fd < 0)
        return;
    while (dns_world_is_readable(fd, DNS_WORLD_DEADLINE_MS) &&
           (len < 2 || len < 2 + ((size_t)in[0] << 8 | in[1]))) {
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
    struct dns_upstream *upstream = ctx;
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

static void upstream_wake(struct dns_upstream *upstream)
{
    uint64_t one = 1;
    assert_int_equal(write(upstream->wake, &one, sizeof(one)), sizeof(one));
}

void dns_world_upstream_release(struct dns_upstream *upstream)
{
    atomic_store(&upstream->is_released, true);
    upstream_wake(upstream);
}

void dns_world_await_held(const struct dns_upstream *upstream, unsigned n)
{
    int64_t until = ke_now_ns() + DNS_WORLD_DEADLINE_MS * KE_MS;
    while (atomic_load(&upstream->n_held) < n) {
        assert_true(ke_now_ns() < until);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- the server ---- */

static void on_held(void *ctx, bool is_held)
{
    struct dns_world *bench = ctx;
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
    char endpoints[DNS_WORLD_MANY * 64];
    struct ke_buf text = KE_BUF_FIXED(endpoints, sizeof(endpoints) - 1);
    test_put(table, MODEL_NAMESPACE, "{'metadata':{'name':'default'}}");
    test_put_service(table, "default", "web",
                     "'type':'ClusterIP','clusterIP':'10.32.0.1','clusterIPs':['10.32.0.1'],"
                     "'ports':[{'name':'http','port':80},{'name':'https','port':443}]");
    test_put_service(table, "default", "many", "'clusterIP':'None','clusterIPs':['None']");
    for (unsigned i = 0; i < DNS_WORLD_MANY; i++)
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

void dns_world_await_serving(struct dns_world *bench)
{
    uint64_t ignored = 0;
    assert_true(dns_world_is_readable(bench->held_fd, DNS_WORLD_DEADLINE_MS));
    assert_int_equal(read(bench->held_fd, &ignored, sizeof(ignored)), sizeof(ignored));
    assert_true(dns_server_is_serving(bench->server));
}

void dns_world_prepare(struct dns_world *bench, const struct dns_wish *wish)
{
    struct dns_upstream *upstream = &bench->upstream;
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr reverse;
    *bench = (struct dns_world){ .held_fd = eventfd(0, EFD_CLOEXEC) };
    bench->table = test_table_new();
    fill(bench->table);
    bench->report = report_new();
    upstream->at = dns_world_free_port();
    upstream->udp = dns_world_open_at(&upstream->at, SOCK_DGRAM);
    upstream->tcp = dns_world_open_at(&upstream->at, SOCK_STREAM);
    upstream->wake = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(listen(upstream->tcp, 8), 0);
    assert_int_equal(pthread_create(&upstream->thread, NULL, upstream_run, upstream), 0);
    bench->at = wish->at.port != 0 ? wish->at : dns_world_free_port();
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

void dns_world_make(struct dns_world *bench, const struct dns_wish *wish)
{
    dns_world_prepare(bench, wish);
    dns_world_await_serving(bench);
}

void dns_world_drop(struct dns_world *bench)
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

/* The text's case is kept. */
struct dns_sent dns_world_question_for(const char *text, uint16_t type)
{
    struct dns_sent question;
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

void dns_world_take_datagram(int fd, struct dns_got *reply)
{
    assert_true(dns_world_is_readable(fd, DNS_WORLD_DEADLINE_MS));
    ssize_t n = recv(fd, reply->bytes, sizeof(reply->bytes), 0);
    assert_true(n > 0);
    reply->len = (size_t)n;
}

void dns_world_say(int fd, const struct dns_sent *question)
{
    assert_int_equal(send(fd, question->bytes, question->len, 0), question->len);
}

void dns_world_ask_udp(struct dns_world *bench, const struct dns_sent *question,
                       struct dns_got *reply)
{
    int fd = dns_world_connect_to(&bench->at, SOCK_DGRAM);
    dns_world_say(fd, question);
    dns_world_take_datagram(fd, reply);
    (void)close(fd);
}

static void read_all(int fd, uint8_t *bytes, size_t len)
{
    for (size_t pos = 0; pos < len;) {
        assert_true(dns_world_is_readable(fd, DNS_WORLD_DEADLINE_MS));
        ssize_t n = recv(fd, bytes + pos, len - pos, 0);
        assert_true(n > 0);
        pos += (size_t)n;
    }
}

void dns_world_take_message(int fd, struct dns_got *reply)
{
    uint8_t len[2];
    read_all(fd, len, 2);
    reply->len = (size_t)len[0] << 8 | len[1];
    read_all(fd, reply->bytes, reply->len);
}

size_t dns_world_frame(const struct dns_sent *question, uint8_t *out)
{
    out[0] = (uint8_t)(question->len >> 8);
    out[1] = (uint8_t)question->len;
    memcpy(out + 2, question->bytes, question->len);
    return question->len + 2;
}

void dns_world_say_tcp(int fd, const struct dns_sent *question)
{
    uint8_t framed[302];
    size_t len = dns_world_frame(question, framed);
    assert_int_equal(send(fd, framed, len, MSG_NOSIGNAL), len);
}

void dns_world_ask_tcp(struct dns_world *bench, const struct dns_sent *question,
                       struct dns_got *reply)
{
    int fd = dns_world_connect_to(&bench->at, SOCK_STREAM);
    dns_world_say_tcp(fd, question);
    dns_world_take_message(fd, reply);
    (void)close(fd);
}

void dns_world_assert_closed(int fd)
{
    uint8_t byte;
    assert_true(dns_world_is_readable(fd, DNS_WORLD_DEADLINE_MS));
    assert_true(recv(fd, &byte, 1, 0) <= 0);
}

void dns_world_assert_reply(const struct dns_got *reply, const struct dns_sent *question,
                            enum dns_rcode rcode, unsigned n_answers, unsigned flags)
{
    struct dns_walk walk;
    struct dns_record record;
    int more = 0;
    unsigned n = 0;
    assert_true(dns_walk_begin(&walk, reply->bytes, reply->len));
    assert_memory_equal(reply->bytes, question->bytes, 2);
    assert_int_equal(reply->bytes[3] & 15, rcode);
    assert_int_equal((reply->bytes[2] & 2) != 0, flags == DNS_WORLD_TC);
    while ((more = dns_walk_next(&walk, &record)) == 1)
        n += record.section == DNS_SECTION_ANSWER;
    assert_int_equal(more, 0);
    assert_int_equal(n, n_answers);
}

void dns_world_add_opt(struct dns_sent *question, unsigned size)
{
    const uint8_t opt[] = { 0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0, 0, 0 };
    memcpy(question->bytes + question->len, opt, sizeof(opt));
    question->len += sizeof(opt);
    question->bytes[11] = 1;
}
