/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: handshake, bytes, who the peer is. One thread at a time. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "core/base/mem.h"
#include "core/net/tls/tls_internal.h"

/* ---- the descriptor ----------------------------------------------------------------------------
 */

static int errno_to_ret(int want)
{
    if (errno == EAGAIN)
        return want;
    bool is_reset = errno == EPIPE || errno == ECONNRESET;
    if (is_reset)
        return MBEDTLS_ERR_NET_CONN_RESET;
    return want == MBEDTLS_ERR_SSL_WANT_READ ? MBEDTLS_ERR_NET_RECV_FAILED
                                             : MBEDTLS_ERR_NET_SEND_FAILED;
}

static int send_bytes(void *arg, const unsigned char *buf, size_t len)
{
    const struct tls_session *session = arg;
    ssize_t n = 0;
    do {
        n = send(session->fd, buf, len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? (int)n : errno_to_ret(MBEDTLS_ERR_SSL_WANT_WRITE);
}

static int recv_bytes(void *arg, unsigned char *buf, size_t len)
{
    struct tls_session *session = arg;
    ssize_t n = 0;
    do {
        n = recv(session->fd, buf, len, 0);
    } while (n < 0 && errno == EINTR);
    session->is_drained = n < 0 && errno == EAGAIN;
    return n >= 0 ? (int)n : errno_to_ret(MBEDTLS_ERR_SSL_WANT_READ);
}

/* ---- certificates of a server ------------------------------------------------------------------
 */

/* 0, or why not. */
static int ask_for_cert(struct tls_session *session, struct ke_str name)
{
    const struct tls_context *context = session->context;
    struct tls_cert *cert = context->sni(context->sni_ctx, name);
    if (cert == NULL)
        return MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE;
    tls_cert_unref(session->cert);
    session->cert = cert;
    return mbed_set_handshake_cert(&session->ssl, &cert->chain, &cert->key);
}

int tls_session_choose_cert(void *arg, mbedtls_ssl_context *ssl, const unsigned char *name,
                            size_t len)
{
    (void)arg;
    struct tls_session *session = KE_CONTAINER_OF(ssl, struct tls_session, ssl);
    if (len == 0 || len > LIMIT_DNS_NAME_BYTES || memchr(name, '\0', len) != NULL)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = name[i];
        session->name_text[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    session->name_text[len] = '\0';
    session->name = ke_str_of(session->name_text, len);
    return session->context->sni != NULL ? ask_for_cert(session, session->name) : 0;
}

/* ---- names of a client -------------------------------------------------------------------------
 */

/* Called for each certificate of the chain; depth 0 is the server's own. mbedTLS 2.28 knows no
 * addresses. */
static int check_address(void *arg, mbedtls_x509_crt *cert, int depth, uint32_t *flags)
{
    const struct tls_session *session = arg;
    if (depth != 0)
        return 0;
    struct mbed_names at = { 0 };
    unsigned tag = 0;
    struct ke_str value;
    struct ke_ip ip;
    while (mbed_names_next(&at, cert, &tag, &value))
        if (tag == MBED_NAME_IP && mbed_name_to_ip(value, &ip) && ke_ip_eq(&ip, &session->peer_ip))
            return 0;
    *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    return 0;
}

static bool client_setup(struct tls_session *session, struct ke_str server_name)
{
    if (server_name.len > LIMIT_DNS_NAME_BYTES ||
        (server_name.len > 0 && memchr(server_name.ptr, '\0', server_name.len) != NULL))
        return false;
    if (server_name.len > 0)
        memcpy(session->name_text, server_name.ptr, server_name.len);
    session->name = ke_str_of(session->name_text, server_name.len);
    struct ke_err ignored = KE_ERR_INIT;
    bool is_ip = ke_ip_parse(server_name, &session->peer_ip, &ignored) == KE_OK;
    bool has_name = !is_ip && server_name.len > 0;
    /* NULL is said too: 3.6 wants to know that no name is meant. */
    if (mbedtls_ssl_set_hostname(&session->ssl, has_name ? session->name_text : NULL) != 0)
        return false;
    if (is_ip && session->context->does_verify)
        mbedtls_ssl_set_verify(&session->ssl, check_address, session);
    return tls_context_resume(session->context, session);
}

static bool server_setup(struct tls_session *session)
{
    const struct tls_context *context = session->context;
    if (context->sni == NULL || context->cert != NULL)
        return true;
    int ret = ask_for_cert(session, KE_STR(""));
    return ret == 0 || ret == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE;
}

struct tls_session *tls_session_new(struct tls_context *context, int fd, struct ke_str server_name)
{
    struct tls_session *session = ke_alloc(sizeof(*session));
    if (session == NULL)
        return NULL;
    session->context = tls_context_ref(context);
    session->fd = fd;
    mbedtls_ssl_init(&session->ssl);
    bool is_ok = mbedtls_ssl_setup(&session->ssl, &context->conf) == 0;
    if (is_ok) {
        mbedtls_ssl_set_bio(&session->ssl, session, send_bytes, recv_bytes, NULL);
        is_ok = context->is_server ? server_setup(session) : client_setup(session, server_name);
    }
    if (!is_ok) {
        tls_session_free(session);
        return NULL;
    }
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    mbedtls_ssl_free(&session->ssl);
    tls_cert_unref(session->cert);
    tls_context_unref(session->context);
    free(session);
}

/* ---- handshake ---------------------------------------------------------------------------------
 */

static enum ke_code fail_verify(uint32_t flags, struct ke_err *err)
{
    char text[160] = "";
    int len = mbedtls_x509_crt_verify_info(text, sizeof(text), "", flags);
    for (int i = 0; i < len && text[i] != '\0'; i++)
        if (text[i] == '\n')
            text[i] = text[i + 1] == '\0' ? '\0' : ' ';
    return ke_fail(err, KE_DENIED, "peer certificate: %s", text);
}

static enum ke_code fail_handshake(struct tls_session *session, int ret, struct ke_err *err)
{
    session->is_failed = true;
    switch (ret) {
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
        return fail_verify(mbedtls_ssl_get_verify_result(&session->ssl), err);
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    case MBEDTLS_ERR_NET_CONN_RESET:
        return ke_fail(err, KE_CLOSED, "the peer closed during the TLS handshake");
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return mbed_fail(err, KE_CLOSED, ret, "TLS handshake: refused by the peer");
    case MBEDTLS_ERR_NET_SEND_FAILED:
    case MBEDTLS_ERR_NET_RECV_FAILED:
        return ke_fail_errno(err, errno, "TLS handshake");
    default:
        return mbed_fail(err, KE_MALFORMED, ret, "TLS handshake");
    }
}

/* OPTIONAL lets a bad client certificate pass: not here. */
static enum ke_code check_client_cert(struct tls_session *session, struct ke_err *err)
{
    const struct tls_context *context = session->context;
    if (!context->does_verify || mbedtls_ssl_get_peer_cert(&session->ssl) == NULL)
        return KE_OK;
    uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);
    if (flags == 0)
        return KE_OK;
    session->is_failed = true;
    (void)mbedtls_ssl_send_alert_message(&session->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                         MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
    return fail_verify(flags, err);
}

static bool set_want(int ret, enum tls_want *want)
{
    if (ret != MBEDTLS_ERR_SSL_WANT_READ && ret != MBEDTLS_ERR_SSL_WANT_WRITE)
        return false;
    *want = ret == MBEDTLS_ERR_SSL_WANT_READ ? TLS_WANT_READ : TLS_WANT_WRITE;
    return true;
}

enum ke_code tls_handshake(struct tls_session *session, enum tls_want *want, struct ke_err *err)
{
    if (session->is_open)
        return KE_OK;
    if (session->is_failed)
        return ke_fail(err, KE_CLOSED, "the TLS handshake has failed");
    int ret = mbedtls_ssl_handshake(&session->ssl);
    if (set_want(ret, want))
        return KE_AGAIN;
    if (ret != 0)
        return fail_handshake(session, ret, err);
    struct tls_context *context = session->context;
    if (!context->is_server) {
        tls_context_save(context, session);
    } else {
        enum ke_code rc = check_client_cert(session, err);
        if (rc != KE_OK)
            return rc;
        atomic_fetch_add_explicit(&context->n_handshakes, 1, memory_order_relaxed);
    }
    session->is_open = true;
    return KE_OK;
}

/* ---- bytes -------------------------------------------------------------------------------------
 */

enum { READ_MAX = 1 << 30, MAX_RECORDS_WITHOUT_DATA = 32 };

ssize_t tls_read(struct tls_session *session, void *buf, size_t len, enum tls_want *want)
{
    if (session->is_failed || !session->is_open)
        return -2;
    int ret = 0;
    /* 3.6 says WANT_READ after a record without data too (a ticket), with more in the socket: a
     * caller that waits for the next edge of the descriptor would wait for ever. */
    for (int i = 0; i < MAX_RECORDS_WITHOUT_DATA; i++) {
        session->is_drained = false;
        ret = mbedtls_ssl_read(&session->ssl, buf, len < READ_MAX ? len : READ_MAX);
        if (mbed_is_new_ticket(ret))
            tls_context_save(session->context, session);
        else if (ret != MBEDTLS_ERR_SSL_WANT_READ || session->is_drained)
            break;
    }
    if (mbed_is_new_ticket(ret))
        ret = MBEDTLS_ERR_SSL_WANT_READ;
    if (ret > 0)
        return ret;
    if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || len == 0)
        return 0;
    /* 0: the descriptor ended, and nobody said that this was all. */
    if (set_want(ret, want))
        return -1;
    session->is_failed = true;
    return -2;
}

/*
 * After WANT_WRITE mbedTLS holds a finished record and forgets how many bytes went into it: the
 * next call sends it on and returns whatever length it is given. So that length is kept here.
 */
ssize_t tls_write(struct tls_session *session, const void *buf, size_t len, enum tls_want *want)
{
    if (session->is_failed || !session->is_open || len < session->write_len)
        return -2;
    size_t n = session->write_len;
    if (n == 0) {
        int max = mbedtls_ssl_get_max_out_record_payload(&session->ssl);
        n = max > 0 && len > (size_t)max ? (size_t)max : len;
    }
    if (n == 0)
        return 0;
    int ret = mbedtls_ssl_write(&session->ssl, buf, n);
    session->write_len = 0;
    if (ret > 0)
        return ret;
    if (set_want(ret, want)) {
        session->write_len = n;
        return -1;
    }
    session->is_failed = true;
    return -2;
}

size_t tls_pending(const struct tls_session *session)
{
    return mbedtls_ssl_get_bytes_avail(&session->ssl);
}

void tls_close_notify(struct tls_session *session)
{
    if (session->is_open && !session->is_failed)
        (void)mbedtls_ssl_close_notify(&session->ssl); /* as much as the socket takes now */
}

/* ---- the peer ----------------------------------------------------------------------------------
 */

bool tls_session_peer(struct tls_session *session, struct tls_peer *out)
{
    if (!session->is_open || !session->context->does_verify)
        return false;
    const mbedtls_x509_crt *cert = mbedtls_ssl_get_peer_cert(&session->ssl);
    if (cert == NULL || mbedtls_ssl_get_verify_result(&session->ssl) != 0)
        return false;
    *out = (struct tls_peer){ 0 };
    for (const mbedtls_x509_name *name = &cert->subject; name != NULL; name = name->next) {
        struct ke_str text;
        if (mbed_attribute(name, MBED_OID_CN, &text))
            out->common_name = text;
        else if (out->n_organizations < KE_ARRAY_LEN(out->organizations) &&
                 mbed_attribute(name, MBED_OID_O, &text))
            out->organizations[out->n_organizations++] = text;
    }
    return true;
}

struct ke_str tls_session_sni(struct tls_session *session)
{
    return session->context->is_server ? session->name : (struct ke_str){ 0 };
}
