/* SPDX-License-Identifier: Apache-2.0 */
/* A whole ingress router for tests, and a client that speaks bytes. */
#include "test/support/ingress_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/net/http/http1.h"
#include "test/support/base/test.h"

#define DEADLINE_MS 20000

static void pause_shortly(void)
{
    const struct timespec pause = { .tv_nsec = 200000 };
    (void)nanosleep(&pause, NULL);
}

static uint16_t free_port(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    (void)close(fd);
    return ntohs(sa.sin_port);
}

uint64_t ingress_world_counter(struct ingress_world *world, const char *name)
{
    ke_auto_buf text = KE_BUF_INIT(4096);
    ke_auto_json *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    ingress_print_status(world->ingress, &text);
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &json, &err), KE_OK);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    assert_non_null(value);
    return cJSON_IsTrue(value) ? 1 : (uint64_t)cJSON_GetNumberValue(value);
}

static void await_generation(struct ingress_world *world, uint64_t after)
{
    int64_t until = ke_now_ns() + DEADLINE_MS * KE_MS;
    while (ingress_world_counter(world, "generation") <= after) {
        assert_true(ke_now_ns() < until);
        pause_shortly();
    }
}

void ingress_world_make(struct ingress_world *world, const struct ingress_timeouts *timeouts,
                        bool has_https)
{
    struct ke_err err = KE_ERR_INIT;
    *world = (struct ingress_world){ .http_port = free_port(), .https_port = free_port() };
    world->registry = mem_registry_new(NULL, &err);
    assert_non_null(world->registry);
    world->hub = watch_hub_new(world->registry, &err);
    assert_non_null(world->hub);
    world->table = test_table_new();
    world->report = report_new();
    struct ke_endpoint http = { .ip = test_ip("127.0.0.1"), .port = world->http_port };
    struct ke_endpoint https = { .ip = test_ip("127.0.0.1"), .port = world->https_port };
    struct ingress_options options = { .settings = { .class_name = KE_STR("kedge") },
                                       .http_listen = &http,
                                       .n_http_listen = 1,
                                       .https_listen = &https,
                                       .n_https_listen = has_https ? 1 : 0,
                                       .n_threads = 1,
                                       .timeouts = timeouts,
                                       .hub = world->hub,
                                       .table = world->table,
                                       .report = world->report };
    assert_int_equal(ingress_new(&options, &world->ingress, &err), KE_OK);
    assert_int_equal(ingress_start(world->ingress, &err), KE_OK);
    int64_t until = ke_now_ns() + DEADLINE_MS * KE_MS;
    while (!ingress_is_ready(world->ingress)) {
        assert_true(ke_now_ns() < until);
        pause_shortly();
    }
    ingress_world_put(world, MODEL_INGRESSCLASS,
                      "{'metadata':{'name':'kedge'},"
                      "'spec':{'controller':'kedge.io/ingress-controller'}}");
}

void ingress_world_end(struct ingress_world *world)
{
    ingress_stop(world->ingress);
    ingress_free(world->ingress);
    watch_hub_free(world->hub);
    registry_stop(world->registry);
    registry_free(world->registry);
    report_free(world->report);
    test_table_free(world->table);
}

void ingress_world_put(struct ingress_world *world, enum model_kind_id kind, const char *fmt, ...)
{
    char text[16384];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    assert_in_range(len, 1, sizeof(text) - 1);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    uint64_t before = ingress_world_counter(world, "generation");
    (void)test_object_put(world->registry, test_object_json(kind, text));
    await_generation(world, before);
}

void ingress_world_delete(struct ingress_world *world, const char *key)
{
    uint64_t before = ingress_world_counter(world, "generation");
    (void)test_object_delete(world->registry, key);
    await_generation(world, before);
}

void ingress_world_route(struct ingress_world *world, const char *name, const char *host,
                         const char *service)
{
    ingress_world_put(world, MODEL_INGRESS,
                      "{'metadata':{'namespace':'default','name':'%s',"
                      "'creationTimestamp':'2026-01-01T00:00:00Z'},'spec':{"
                      "'ingressClassName':'kedge','rules':[{'host':'%s','http':{'paths':["
                      "{'path':'/','pathType':'Prefix','backend':{'service':{'name':'%s',"
                      "'port':{'number':80}}}}]}}]}}",
                      name, host, service);
}

void ingress_world_service(struct ingress_world *world, const char *service, const uint16_t *ports,
                           size_t n_ports)
{
    char spec[256];
    (void)snprintf(spec, sizeof(spec),
                   "'clusterIP':'10.32.0.9','clusterIPs':['10.32.0.9'],"
                   "'ports':[{'name':'http','protocol':'TCP','port':80}]");
    test_put_service(world->table, "default", service, spec);
    for (size_t i = 0; i < 8; i++) {
        char piece[64];
        char port[64];
        (void)snprintf(piece, sizeof(piece), "%s-%zu", service, i);
        (void)snprintf(port, sizeof(port), "{'name':'http','port':%u}",
                       i < n_ports ? ports[i] : 1U);
        if (i < n_ports) {
            test_put_slice(world->table, "default", piece, service, port,
                           "{'addresses':['127.0.0.1'],'conditions':{'ready':true}}");
        } else {
            test_delete(world->table, MODEL_ENDPOINTSLICE, "default", piece);
        }
    }
    endpoint_table_publish(world->table, ++world->revision);
}

/* ---- the client ---- */

void ingress_talk_open(struct ingress_talk *talk, uint16_t port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval limit = { .tv_sec = DEADLINE_MS / 1000 };
    int on = 1;
    *talk = (struct ingress_talk){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                   .in = KE_BUF_INIT(256U << 20) };
    assert_int_equal(connect(talk->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    (void)setsockopt(talk->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(talk->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)setsockopt(talk->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool ingress_talk_open_tls(struct ingress_talk *talk, uint16_t port, struct tls_context *context,
                           const char *sni)
{
    struct ke_err err = KE_ERR_INIT;
    enum tls_want want = TLS_WANT_READ;
    ingress_talk_open(talk, port);
    talk->tls = tls_session_new(context, talk->fd, ke_str_c(sni));
    assert_non_null(talk->tls);
    enum ke_code rc = KE_AGAIN;
    while (rc == KE_AGAIN)
        rc = tls_handshake(talk->tls, &want, &err);
    return rc == KE_OK;
}

void ingress_talk_close(struct ingress_talk *talk)
{
    tls_session_free(talk->tls);
    if (talk->fd >= 0)
        (void)close(talk->fd);
    talk->fd = -1;
    talk->tls = NULL;
    ke_buf_free(&talk->in);
}

void ingress_talk_send(struct ingress_talk *talk, const void *bytes, size_t len)
{
    const char *p = bytes;
    enum tls_want want = TLS_WANT_WRITE;
    while (len > 0) {
        ssize_t n = talk->tls != NULL ? tls_write(talk->tls, p, len, &want)
                                      : send(talk->fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the peer had enough: what it said tells why */
        p += n;
        len -= (size_t)n;
    }
}

void ingress_talk_say(struct ingress_talk *talk, const char *text)
{
    ingress_talk_send(talk, text, strlen(text));
}

/* More bytes: > 0, 0 end, -1 cut. */
static ssize_t read_more(struct ingress_talk *talk)
{
    enum tls_want want = TLS_WANT_READ;
    void *room = ke_buf_reserve(&talk->in, 65536);
    assert_non_null(room);
    ssize_t n = talk->tls != NULL ? tls_read(talk->tls, room, 65536, &want)
                                  : recv(talk->fd, room, 65536, 0);
    if (n < 0 && (talk->tls != NULL ? n == -1 : errno == EAGAIN))
        fail_msg("no answer within %d ms", DEADLINE_MS);
    talk->in.len += n > 0 ? (size_t)n : 0;
    return n;
}

static bool hear_head(struct ingress_talk *talk, const char *method, struct http_head *head)
{
    for (;;) {
        enum http_result result =
            talk->in.len > 0 ? http_parse_response(ke_buf_str(&talk->in), ke_str_c(method), head)
                             : HTTP_MORE;
        if (result == HTTP_OK && head->status >= 200)
            return true;
        if (result == HTTP_OK) {
            ke_buf_drop_front(&talk->in, head->len);
            continue;
        }
        if (result != HTTP_MORE)
            fail_msg("no good response head: %.*s", (int)talk->in.len, talk->in.ptr);
        if (read_more(talk) <= 0)
            return false;
    }
}

static void hear_body(struct ingress_talk *talk, enum http_framing framing, uint64_t left,
                      struct ingress_reply *reply)
{
    struct http_chunked chunked = { 0 };
    bool is_done = framing == HTTP_BODY_NONE || (framing == HTTP_BODY_LENGTH && left == 0);
    while (!is_done) {
        struct ke_str data = ke_buf_str(&talk->in);
        size_t used = 0;
        ssize_t n = data.len > 0 ? 1 : read_more(talk);
        data = ke_buf_str(&talk->in);
        if (n <= 0) {
            reply->is_cut = n < 0 || framing != HTTP_BODY_UNTIL_CLOSE;
            return;
        }
        if (framing == HTTP_BODY_CHUNKED) {
            assert_int_equal(http_chunked_next(&chunked, data, &data, &used, &is_done), HTTP_OK);
        } else {
            data.len = framing == HTTP_BODY_LENGTH && left < data.len ? (size_t)left : data.len;
            used = data.len;
            left -= framing == HTTP_BODY_LENGTH ? data.len : 0;
            is_done = framing == HTTP_BODY_LENGTH && left == 0;
        }
        ke_buf_add_str(&reply->body, data);
        ke_buf_drop_front(&talk->in, used);
    }
}

void ingress_reply_clear(struct ingress_reply *reply)
{
    ke_buf_free(&reply->body);
    reply->body = (struct ke_buf)KE_BUF_INIT(256U << 20);
    reply->status = 0;
    reply->is_cut = false;
    reply->head[0] = '\0';
}

bool ingress_talk_hear(struct ingress_talk *talk, const char *method, struct ingress_reply *reply)
{
    static struct http_head head;
    ingress_reply_clear(reply);
    if (!hear_head(talk, method, &head))
        return false;
    reply->status = head.status;
    memcpy(reply->head, talk->in.ptr, head.len);
    reply->head[head.len] = '\0';
    reply->head_len = head.len;
    enum http_framing framing = head.framing;
    uint64_t left = head.content_length;
    ke_buf_drop_front(&talk->in, head.len);
    hear_body(talk, framing, left, reply);
    return true;
}

bool ingress_talk_is_closed(struct ingress_talk *talk)
{
    return talk->in.len == 0 && read_more(talk) <= 0;
}
