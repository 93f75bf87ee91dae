/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of TLS over a socket pair, driven in turn by one thread. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/thread.h"
#include "core/net/tls/tls.h"
#include "core/net/tls/x509.h"
#include "test/support/base/test.h"

/* ---- certificates of the tests -----------------------------------------------------------------
 */

enum { DAY_S = 24 * 60 * 60 };
static const struct ke_str nothing;

struct identity {
    struct ke_buf key, cert;
};

static struct identity identity_make(struct x509_request request, const struct identity *ca)
{
    struct identity id = { KE_BUF_INIT(4096), KE_BUF_INIT(4096) };
    struct ke_err err = KE_ERR_INIT;
    if (request.not_after_s == 0) {
        request.not_before_s = ke_wall_s() - DAY_S;
        request.not_after_s = ke_wall_s() + DAY_S;
    }
    assert_int_equal(x509_key_new(&id.key, &err), KE_OK);
    if (x509_sign(&request, ke_buf_str(&id.key), ca != NULL ? ke_buf_str(&ca->cert) : nothing,
                  ca != NULL ? ke_buf_str(&ca->key) : nothing, &id.cert, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return id;
}

static struct tls_cert *load(const struct identity *id)
{
    struct tls_cert *cert = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(tls_cert_new(ke_buf_str(&id->cert), ke_buf_str(&id->key), &cert, &err), KE_OK);
    return cert;
}

/* Made once for all tests. */
static struct {
    struct identity ca, other_ca, a, b, expired, address, admin, stranger;
    struct tls_cert *cert_a, *cert_b;
} world;

static int world_make(void **state)
{
    (void)state;
    struct x509_request ca = { .common_name = KE_STR("ca"), .is_ca = true };
    world.ca = identity_make(ca, NULL);
    world.other_ca = identity_make(ca, NULL);
    const struct ke_str name_a[] = { KE_STR("a.example"), KE_STR("*.w.example") };
    const struct ke_str name_b[] = { KE_STR("b.example") };
    struct x509_request server = { .dns_names = name_a, .n_dns_names = 2, .is_server = true };
    world.a = identity_make(server, &world.ca);
    server.not_before_s = ke_wall_s() - 2 * DAY_S;
    server.not_after_s = ke_wall_s() - DAY_S;
    world.expired = identity_make(server, &world.ca);
    server = (struct x509_request){ .dns_names = name_b, .n_dns_names = 1, .is_server = true };
    world.b = identity_make(server, &world.ca);
    const struct ke_ip ips[] = { { KE_FAMILY_IPV4, { 10, 0, 0, 1 } },
                                 { KE_FAMILY_IPV6, { 0xfd, [15] = 1 } } };
    server = (struct x509_request){
        .common_name = KE_STR("10.0.0.9"), .ips = ips, .n_ips = 2, .is_server = true
    };
    world.address = identity_make(server, &world.ca);
    const struct ke_str groups[] = { KE_STR("system:masters"), KE_STR("ops") };
    struct x509_request client = { .common_name = KE_STR("admin"),
                                   .organizations = groups,
                                   .n_organizations = 2,
                                   .is_client = true };
    world.admin = identity_make(client, &world.ca);
    world.stranger = identity_make(client, &world.other_ca);
    world.cert_a = load(&world.a);
    world.cert_b = load(&world.b);
    return 0;
}

static int world_free(void **state)
{
    (void)state;
    tls_cert_unref(world.cert_a);
    tls_cert_unref(world.cert_b);
    struct identity *all[] = { &world.ca,      &world.other_ca, &world.a,     &world.b,
                               &world.expired, &world.address,  &world.admin, &world.stranger };
    for (size_t i = 0; i < KE_ARRAY_LEN(all); i++) {
        ke_buf_free(&all[i]->key);
        ke_buf_free(&all[i]->cert);
    }
    return 0;
}

/* ---- two ends ----------------------------------------------------------------------------------
 */

struct pair {
    int fds[2];
    struct tls_session *server, *client;
    enum ke_code server_rc, client_rc;
    struct ke_err server_err, client_err;
};

/* Runs both sides until each has ended. */
static void pair_shake(struct pair *pair)
{
    pair->server_rc = pair->client_rc = KE_AGAIN;
    for (int turn = 0; turn < 100; turn++) {
        enum tls_want want;
        if (pair->client_rc == KE_AGAIN)
            pair->client_rc = tls_handshake(pair->client, &want, &pair->client_err);
        if (pair->client_rc != KE_OK && pair->client_rc != KE_AGAIN)
            assert_int_equal(shutdown(pair->fds[1], SHUT_WR), 0);
        if (pair->server_rc == KE_AGAIN)
            pair->server_rc = tls_handshake(pair->server, &want, &pair->server_err);
        if (pair->server_rc != KE_OK && pair->server_rc != KE_AGAIN)
            (void)shutdown(pair->fds[0], SHUT_WR);
        if (pair->server_rc != KE_AGAIN && pair->client_rc != KE_AGAIN)
            return;
    }
    fail_msg("the handshake does not end");
}

static struct pair pair_open(struct tls_context *server, struct tls_context *client,
                             const char *name)
{
    struct pair pair = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.fds),
                     0);
    pair.server = tls_session_new(server, pair.fds[0], nothing);
    pair.client = tls_session_new(client, pair.fds[1], ke_str_c(name));
    assert_non_null(pair.server);
    assert_non_null(pair.client);
    pair_shake(&pair);
    return pair;
}

static void pair_close(struct pair *pair)
{
    tls_session_free(pair->server);
    tls_session_free(pair->client);
    (void)close(pair->fds[0]);
    (void)close(pair->fds[1]);
}

static struct tls_context *server_of(const struct tls_server_options *options)
{
    struct tls_context *context = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(tls_server_new(options, &context, &err), KE_OK);
    return context;
}

static struct tls_context *client_of(const struct identity *ca, struct tls_cert *cert)
{
    struct tls_client_options options = { .cert = cert };
    if (ca != NULL)
        options.ca_pem = ke_buf_str(&ca->cert);
    struct tls_context *context = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(tls_client_new(&options, &context, &err), KE_OK);
    return context;
}

/* What each side makes of a server with this certificate. */
static enum ke_code client_verdict(const struct identity *id, const struct identity *ca,
                                   const char *name)
{
    struct tls_cert *cert = load(id);
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = cert });
    struct tls_context *client = client_of(ca, NULL);
    struct pair pair = pair_open(server, client, name);
    enum ke_code rc = pair.client_rc;
    if (rc != KE_OK)
        assert_int_not_equal(pair.server_rc, KE_OK);
    pair_close(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
    tls_cert_unref(cert);
    return rc;
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void a_client_takes_only_a_certificate_that_holds(void **state)
{
    (void)state;
    assert_int_equal(client_verdict(&world.a, &world.ca, "a.example"), KE_OK);
    assert_int_equal(client_verdict(&world.a, &world.ca, "A.Example"), KE_OK);
    assert_int_equal(client_verdict(&world.a, &world.ca, "x.w.example"), KE_OK);
    assert_int_equal(client_verdict(&world.a, &world.ca, ""), KE_OK);
    assert_int_equal(client_verdict(&world.a, &world.ca, "y.x.w.example"), KE_DENIED);
    assert_int_equal(client_verdict(&world.a, &world.ca, "b.example"), KE_DENIED);
    assert_int_equal(client_verdict(&world.a, &world.other_ca, "a.example"), KE_DENIED);
    assert_int_equal(client_verdict(&world.expired, &world.ca, "a.example"), KE_DENIED);
    /* a certificate for clients: the server does not offer it */
    assert_int_equal(client_verdict(&world.admin, NULL, "a.example"), KE_CLOSED);
    assert_int_equal(client_verdict(&world.expired, NULL, "b.example"), KE_OK); /* not verifying */
}

static void addresses_are_matched_against_address_names_only(void **state)
{
    (void)state;
    assert_int_equal(client_verdict(&world.address, &world.ca, "10.0.0.1"), KE_OK);
    assert_int_equal(client_verdict(&world.address, &world.ca, "fd00::1"), KE_OK);
    assert_int_equal(client_verdict(&world.address, &world.ca, "10.0.0.2"), KE_DENIED);
    assert_int_equal(client_verdict(&world.address, &world.ca, "fd00::2"), KE_DENIED);
    assert_int_equal(client_verdict(&world.address, &world.ca, "10.0.0.9"), KE_DENIED); /* its CN */
    assert_int_equal(client_verdict(&world.a, &world.ca, "10.0.0.1"), KE_DENIED);
    assert_int_equal(client_verdict(&world.address, &world.other_ca, "10.0.0.1"), KE_DENIED);
}

static void the_error_says_what_is_wrong_with_the_certificate(void **state)
{
    (void)state;
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    struct tls_context *client = client_of(&world.ca, NULL);
    struct pair pair = pair_open(server, client, "b.example");
    assert_int_equal(pair.client_rc, KE_DENIED);
    assert_non_null(strstr(pair.client_err.msg, "peer certificate: "));
    assert_non_null(strstr(pair.client_err.msg, "does not match"));
    assert_null(strchr(pair.client_err.msg, '\n'));
    enum tls_want want;
    char byte = 0;
    assert_int_equal(tls_read(pair.client, &byte, 1, &want), -2);
    assert_int_equal(tls_write(pair.client, &byte, 1, &want), -2);
    pair_close(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

static void bytes_pass_both_ways_and_the_end_is_seen(void **state)
{
    (void)state;
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    struct tls_context *client = client_of(&world.ca, NULL);
    struct pair pair = pair_open(server, client, "a.example");
    enum tls_want want = TLS_WANT_WRITE;
    char buf[64];
    assert_int_equal(tls_read(pair.server, buf, sizeof(buf), &want), -1);
    assert_int_equal(want, TLS_WANT_READ);
    assert_int_equal(tls_write(pair.client, "hello", 5, &want), 5);
    assert_int_equal(tls_read(pair.server, buf, 2, &want), 2);
    assert_int_equal(tls_pending(pair.server), 3);
    assert_int_equal(tls_read(pair.server, buf + 2, sizeof(buf) - 2, &want), 3);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(tls_write(pair.server, "world", 5, &want), 5);
    assert_int_equal(tls_read(pair.client, buf, sizeof(buf), &want), 5);
    tls_close_notify(pair.client);
    assert_int_equal(tls_read(pair.server, buf, sizeof(buf), &want), 0);
    /* a connection that is cut is not an end */
    assert_int_equal(shutdown(pair.fds[0], SHUT_WR), 0);
    assert_int_equal(tls_read(pair.client, buf, sizeof(buf), &want), -2);
    pair_close(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

/* A writer that is told to try again may come back with more bytes: none is lost or doubled. */
static void a_full_socket_loses_no_byte(void **state)
{
    (void)state;
    enum { TOTAL = 1 << 20 };
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    struct tls_context *client = client_of(&world.ca, NULL);
    struct pair pair = pair_open(server, client, "a.example");
    unsigned char *out = malloc(TOTAL);
    unsigned char *in = malloc(TOTAL);
    assert_non_null(out);
    assert_non_null(in);
    for (size_t i = 0; i < TOTAL; i++)
        out[i] = (unsigned char)(i * 31 + (i >> 9));
    size_t sent = 0;
    size_t got = 0;
    size_t offered = 1000; /* grows while the socket is full */
    size_t n_full = 0;
    enum tls_want want;
    while (got < TOTAL) {
        size_t len = sent + offered < TOTAL ? offered : TOTAL - sent;
        ssize_t n = len > 0 ? tls_write(pair.server, out + sent, len, &want) : -1;
        if (n > 0) {
            sent += (size_t)n;
            offered = 1000 + sent % 30000;
            continue;
        }
        assert_int_equal(n, -1);
        n_full += len > 0;
        offered += 500;
        n = tls_read(pair.client, in + got, TOTAL - got < 7000 ? TOTAL - got : 7000, &want);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_true(n_full > 0);
    assert_int_equal(sent, TOTAL);
    assert_memory_equal(in, out, TOTAL);
    free(out);
    free(in);
    pair_close(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

struct chooser {
    char asked[300];
    size_t n_asked;
};

static struct tls_cert *choose(void *ctx, struct ke_str name)
{
    struct chooser *chooser = ctx;
    chooser->n_asked++;
    (void)snprintf(chooser->asked, sizeof(chooser->asked), "%.*s", KE_STR_ARG(name));
    if (ke_str_eq_c(name, "b.example"))
        return tls_cert_ref(world.cert_b);
    return name.len == 0 ? tls_cert_ref(world.cert_a) : NULL;
}

static void the_name_asked_for_chooses_the_certificate(void **state)
{
    (void)state;
    struct chooser chooser = { 0 };
    struct tls_cert *const defaults[] = { NULL, world.cert_a };
    for (size_t i = 0; i < KE_ARRAY_LEN(defaults); i++) {
        struct tls_context *server = server_of(&(struct tls_server_options){
            .cert = defaults[i], .sni = choose, .sni_ctx = &chooser });
        struct tls_context *client = client_of(&world.ca, NULL);
        struct tls_context *blind = client_of(NULL, NULL);
        struct pair pair = pair_open(server, client, "B.example");
        assert_int_equal(pair.client_rc, KE_OK);
        assert_int_equal(pair.server_rc, KE_OK);
        assert_string_equal(chooser.asked, "b.example");
        assert_true(ke_str_eq_c(tls_session_sni(pair.server), "b.example"));
        pair_close(&pair);
        pair = pair_open(server, blind, "c.example"); /* refused by NULL */
        assert_int_not_equal(pair.client_rc, KE_OK);
        assert_int_not_equal(pair.server_rc, KE_OK);
        pair_close(&pair);
        pair = pair_open(server, client, ""); /* no name: a serves */
        assert_int_equal(pair.client_rc, KE_OK);
        assert_int_equal(tls_session_sni(pair.server).len, 0);
        pair_close(&pair);
        tls_context_unref(server);
        tls_context_unref(client);
        tls_context_unref(blind);
    }
    assert_int_equal(chooser.n_asked, 7); /* two names twice, three sessions without default */
}

static void a_name_without_certificate_of_its_own_gets_the_default(void **state)
{
    (void)state;
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    struct tls_context *client = client_of(&world.ca, NULL);
    struct pair pair = pair_open(server, client, "x.w.example");
    assert_int_equal(pair.client_rc, KE_OK);
    assert_true(ke_str_eq_c(tls_session_sni(pair.server), "x.w.example"));
    pair_close(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

static struct tls_context *verifying_server(void)
{
    return server_of(&(struct tls_server_options){ .cert = world.cert_a,
                                                   .client_ca_pem = ke_buf_str(&world.ca.cert) });
}

static void assert_is_admin(struct tls_session *session)
{
    struct tls_peer peer;
    assert_true(tls_session_peer(session, &peer));
    assert_true(ke_str_eq_c(peer.common_name, "admin"));
    assert_int_equal(peer.n_organizations, 2);
    assert_true(ke_str_eq_c(peer.organizations[0], "system:masters"));
    assert_true(ke_str_eq_c(peer.organizations[1], "ops"));
}

static void a_client_certificate_names_the_user(void **state)
{
    (void)state;
    struct tls_context *server = verifying_server();
    struct tls_cert *admin = load(&world.admin);
    struct tls_context *client = client_of(&world.ca, admin);
    struct pair pair = pair_open(server, client, "a.example");
    assert_int_equal(pair.server_rc, KE_OK);
    assert_is_admin(pair.server);
    pair_close(&pair);
    /* still known after the session is taken up again */
    pair = pair_open(server, client, "a.example");
    assert_int_equal(pair.server_rc, KE_OK);
    assert_is_admin(pair.server);
    pair_close(&pair);
    tls_context_unref(client);
    tls_cert_unref(admin);
    /* optional */
    client = client_of(&world.ca, NULL);
    pair = pair_open(server, client, "a.example");
    assert_int_equal(pair.server_rc, KE_OK);
    struct tls_peer peer;
    assert_false(tls_session_peer(pair.server, &peer));
    pair_close(&pair);
    tls_context_unref(client);
    tls_context_unref(server);
}

static void a_client_certificate_of_another_authority_is_refused(void **state)
{
    (void)state;
    struct tls_context *server = verifying_server();
    struct tls_cert *cert = load(&world.stranger);
    struct tls_context *client = client_of(&world.ca, cert);
    for (int i = 0; i < 2; i++) { /* also when the client tries to take the session up */
        struct pair pair = pair_open(server, client, "a.example");
        assert_int_equal(pair.server_rc, KE_DENIED);
        struct tls_peer peer;
        assert_false(tls_session_peer(pair.server, &peer));
        enum tls_want want;
        char byte = 0;
        assert_int_equal(tls_read(pair.server, &byte, 1, &want), -2);
        pair_close(&pair);
    }
    tls_context_unref(client);
    tls_cert_unref(cert);
    /* nor is a server's certificate one of a client */
    client = client_of(&world.ca, world.cert_b);
    struct pair pair = pair_open(server, client, "a.example");
    assert_int_equal(pair.server_rc, KE_DENIED);
    pair_close(&pair);
    tls_context_unref(client);
    tls_context_unref(server);
}

/* One byte each way, after which a TLS 1.3 client has its ticket as well. */
static void exchange(struct pair *pair)
{
    enum tls_want want;
    char byte = 'x';
    assert_int_equal(tls_write(pair->server, &byte, 1, &want), 1);
    assert_int_equal(tls_read(pair->client, &byte, 1, &want), 1);
}

static void a_second_connection_takes_up_the_session(void **state)
{
    (void)state;
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    struct tls_context *client = client_of(&world.ca, NULL);
    const char *names[] = { "a.example", "a.example", "x.w.example" };
    const uint64_t n_resumed[] = { 0, 1, 1 };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        struct pair pair = pair_open(server, client, names[i]);
        assert_int_equal(pair.client_rc, KE_OK);
        assert_int_equal(pair.server_rc, KE_OK);
        exchange(&pair);
        pair_close(&pair);
        struct tls_counts counts = tls_context_counts(server);
        assert_int_equal(counts.n_handshakes, i + 1);
        assert_int_equal(counts.n_resumed, n_resumed[i]);
    }
    tls_context_unref(server);
    /* another server knows nothing of it: a full handshake, not a failure */
    server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    struct pair pair = pair_open(server, client, "x.w.example");
    assert_int_equal(pair.client_rc, KE_OK);
    assert_int_equal(tls_context_counts(server).n_resumed, 0);
    pair_close(&pair);
    tls_context_unref(server);
    tls_context_unref(client);
}

static void contexts_and_certificates_are_checked_when_made(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct tls_cert *cert = NULL;
    struct tls_context *context = NULL;
    assert_int_equal(tls_cert_new(ke_buf_str(&world.a.cert), ke_buf_str(&world.b.key), &cert, &err),
                     KE_INVALID);
    assert_int_equal(tls_cert_new(KE_STR("x"), ke_buf_str(&world.b.key), &cert, &err),
                     KE_MALFORMED);
    assert_int_equal(tls_cert_new(ke_buf_str(&world.a.cert), nothing, &cert, &err), KE_MALFORMED);
    struct tls_server_options server = { 0 };
    assert_int_equal(tls_server_new(&server, &context, &err), KE_INVALID);
    server.cert = world.cert_a;
    server.client_ca_pem = KE_STR("x");
    assert_int_equal(tls_server_new(&server, &context, &err), KE_MALFORMED);
    const char *const many[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL };
    server = (struct tls_server_options){ .cert = world.cert_a, .alpn = many };
    assert_int_equal(tls_server_new(&server, &context, &err), KE_INVALID);
    struct tls_client_options client = { .ca_pem = KE_STR("x") };
    assert_int_equal(tls_client_new(&client, &context, &err), KE_MALFORMED);
    assert_null(cert);
    assert_null(context);
}

static void bytes_that_are_not_tls_are_malformed(void **state)
{
    (void)state;
    struct tls_context *server = server_of(&(struct tls_server_options){ .cert = world.cert_a });
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct tls_session *session = tls_session_new(server, fds[0], nothing);
    enum tls_want want = TLS_WANT_WRITE;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(tls_handshake(session, &want, &err), KE_AGAIN);
    assert_int_equal(want, TLS_WANT_READ);
    assert_int_equal(write(fds[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(tls_handshake(session, &want, &err), KE_MALFORMED);
    assert_int_equal(tls_handshake(session, &want, &err), KE_CLOSED);
    tls_session_free(session);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    session = tls_session_new(server, fds[0], nothing);
    (void)close(fds[1]);
    assert_int_equal(tls_handshake(session, &want, &err), KE_CLOSED);
    tls_session_free(session);
    (void)close(fds[0]);
    tls_context_unref(server);
}

static void names_that_cannot_be_make_no_session(void **state)
{
    (void)state;
    struct tls_context *client = client_of(NULL, NULL);
    char name[300];
    memset(name, 'a', sizeof(name));
    assert_null(tls_session_new(client, 0, ke_str_of(name, LIMIT_DNS_NAME_BYTES + 1)));
    assert_null(tls_session_new(client, 0, KE_STR("a\0b")));
    tls_context_unref(client);
}

/* ---- threads share contexts --------------------------------------------------------------------
 */

struct shared {
    struct tls_context *server, *client;
    atomic_uint n_good;
};

static void shake_some(void *ctx)
{
    struct shared *shared = ctx;
    for (int i = 0; i < 8; i++) {
        const char *names[] = { "a.example", "x.w.example", "y.w.example" };
        struct pair pair = pair_open(shared->server, shared->client, names[i % 3]);
        if (pair.server_rc == KE_OK && pair.client_rc == KE_OK)
            atomic_fetch_add(&shared->n_good, 1);
        pair_close(&pair);
    }
}

static void threads_share_contexts(void **state)
{
    (void)state;
    struct tls_cert *admin = load(&world.admin);
    struct shared shared = { .server = verifying_server(), .client = client_of(&world.ca, admin) };
    struct ke_thread threads[4];
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < KE_ARRAY_LEN(threads); i++)
        assert_int_equal(ke_thread_start(&threads[i], "shake", shake_some, &shared, &err), KE_OK);
    for (size_t i = 0; i < KE_ARRAY_LEN(threads); i++)
        ke_thread_join(&threads[i]);
    assert_int_equal(atomic_load(&shared.n_good), 8 * KE_ARRAY_LEN(threads));
    tls_context_unref(shared.server);
    tls_context_unref(shared.client);
    tls_cert_unref(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_takes_only_a_certificate_that_holds),
        cmocka_unit_test(addresses_are_matched_against_address_names_only),
        cmocka_unit_test(the_error_says_what_is_wrong_with_the_certificate),
        cmocka_unit_test(bytes_pass_both_ways_and_the_end_is_seen),
        cmocka_unit_test(a_full_socket_loses_no_byte),
        cmocka_unit_test(the_name_asked_for_chooses_the_certificate),
        cmocka_unit_test(a_name_without_certificate_of_its_own_gets_the_default),
        cmocka_unit_test(a_client_certificate_names_the_user),
        cmocka_unit_test(a_client_certificate_of_another_authority_is_refused),
        cmocka_unit_test(a_second_connection_takes_up_the_session),
        cmocka_unit_test(contexts_and_certificates_are_checked_when_made),
        cmocka_unit_test(bytes_that_are_not_tls_are_malformed),
        cmocka_unit_test(names_that_cannot_be_make_no_session),
        cmocka_unit_test(threads_share_contexts),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
