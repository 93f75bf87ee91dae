/* SPDX-License-Identifier: Apache-2.0 */
/* See api.h. */
#include "test/support/api.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/net/tls/x509.h"
#include "test/support/mem_registry.h"
#include "test/support/tmpdir.h"

static struct ke_str text_of(struct ke_buf *buf)
{
    return ke_buf_str(buf);
}

static bool is_ready(void *ctx, struct ke_buf *out_why)
{
    struct test_api *f = ctx;
    if (f->is_not_ready) {
        ke_buf_add_c(out_why, "the table was not synced");
    }
    return !f->is_not_ready;
}

static void print_status(void *ctx, struct ke_buf *out)
{
    (void)ctx;
    ke_buf_add_c(out, "{\"ok\":true}");
}

static void sign(const struct x509_request *asked, struct test_api *f, struct ke_buf *key,
                 struct ke_buf *cert)
{
    struct ke_err err;
    struct x509_request request = *asked;
    request.not_before_s = ke_wall_s() - 60;
    request.not_after_s = ke_wall_s() + 3600;
    key->max = cert->max = 65536;
    assert_int_equal(x509_key_new(key, &err), KE_OK);
    struct ke_str ca = request.is_ca ? KE_STR("") : text_of(&f->ca);
    struct ke_str ca_key = request.is_ca ? KE_STR("") : text_of(&f->ca_key);
    assert_int_equal(x509_sign(&request, ke_buf_str(key), ca, ca_key, cert, &err), KE_OK);
}

static void make_tls(struct test_api *f)
{
    static const char *const alpn[] = { "http/1.1", NULL };
    struct ke_err err;
    struct ke_ip loopback;
    struct ke_str groups[] = { KE_STR("system:masters") };
    assert_int_equal(ke_ip_parse(KE_STR("127.0.0.1"), &loopback, &err), KE_OK);
    struct x509_request ca = { .common_name = KE_STR("ca"), .is_ca = true };
    struct x509_request server = {
        .common_name = KE_STR("kedge"), .ips = &loopback, .n_ips = 1, .is_server = true
    };
    struct x509_request client = { .common_name = KE_STR("admin"),
                                   .organizations = groups,
                                   .n_organizations = 1,
                                   .is_client = true };
    sign(&ca, f, &f->ca_key, &f->ca);
    sign(&server, f, &f->key, &f->cert);
    sign(&client, f, &f->client_key, &f->client_cert);
    assert_int_equal(tls_cert_new(text_of(&f->cert), text_of(&f->key), &f->tls_cert, &err), KE_OK);
    struct tls_server_options options = { .cert = f->tls_cert,
                                          .client_ca_pem = text_of(&f->ca),
                                          .alpn = alpn };
    assert_int_equal(tls_server_new(&options, &f->tls, &err), KE_OK);
}

void test_api_make_namespace(struct test_api *f, const char *name)
{
    struct ke_err err;
    char json[128];
    cJSON *body = NULL;
    (void)snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"%s\"}}", name);
    assert_int_equal(ke_json_parse(ke_str_c(json), &body, &err), KE_OK);
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_NAMESPACE),
                                        .body = body,
                                        .grace_period_s = -1 };
    assert_int_equal(resource_call(f->store, &request, NULL, &err), KE_OK);
}

static void make_tokens(struct test_api *f)
{
    struct ke_err err;
    struct auth_bearer_options options = {
        .registry = f->registry,
        .issuer = KE_STR("https://kubernetes.default.svc.cluster.local"),
    };
    assert_int_equal(token_keys_new(text_of(&f->key), NULL, 0, &f->token_keys, &err), KE_OK);
    options.keys = f->token_keys;
    assert_int_equal(auth_bearer_new(&options, &f->bearer, &err), KE_OK);
}

static bool keeps_audit_log;

int test_api_set_up(void **state)
{
    return test_api_set_up_with(state, NULL, NULL, NULL);
}

int test_api_set_up_audited(void **state)
{
    keeps_audit_log = true;
    int rc = test_api_set_up(state);
    keeps_audit_log = false;
    return rc;
}

static void open_audit_log(struct test_api *f, const struct test_tmpdir *dir)
{
    struct ke_err err;
    struct ke_buf path = KE_BUF_FIXED(f->audit_path, sizeof(f->audit_path) - 1);
    ke_buf_add_c(&path, test_tmpdir_path(dir, "audit.log"));
    struct audit_log_options options = { .path = f->audit_path, .level = AUDIT_METADATA };
    assert_int_equal(audit_log_open(&options, &f->audit, &err), KE_OK);
}

int test_api_set_up_with(void **state, const struct api_runtime *runtime,
                         auth_authorize_fn *authorize, void *authorize_ctx)
{
    static struct test_api fixture;
    struct test_api *f = &fixture;
    struct ke_err err;
    *f = (struct test_api){ .body = KE_BUF_INIT(LIMIT_FILE_BYTES) };
    struct test_tmpdir dir;
    test_tmpdir_make(&dir);
    memcpy(f->dir, dir.path, sizeof(dir.path));
    struct ke_buf path = KE_BUF_FIXED(f->socket, sizeof(f->socket) - 1);
    ke_buf_add_c(&path, test_tmpdir_path(&dir, "s"));
    if (keeps_audit_log) {
        open_audit_log(f, &dir);
    }
    f->registry = mem_registry_new(NULL, &err);
    assert_non_null(f->registry);
    f->hub = watch_hub_new(f->registry, &err);
    assert_non_null(f->hub);
    struct resource_options resources = { .n_service_cidrs = 1,
                                          .node_port_min = 30000,
                                          .node_port_max = 30099 };
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/24"), &resources.service_cidrs[0], &err),
                     KE_OK);
    assert_int_equal(resource_store_new(f->hub, &resources, &f->store, &err), KE_OK);
    test_api_make_namespace(f, "default");
    make_tls(f);
    make_tokens(f);
    f->report = report_new();
    assert_int_equal(ke_endpoint_parse(KE_STR("127.0.0.1:0"), &f->address, &err), KE_OK);
    struct api_options options = {
        .store = f->store,
        .report = f->report,
        .runtime = runtime,
        .bearer = f->bearer,
        .audit = f->audit,
        .authorize = authorize,
        .authorize_ctx = authorize_ctx,
        .hooks = { .ctx = f, .is_ready = is_ready, .print_status = print_status },
        .unix_path = f->socket,
        .tls = f->tls,
        .listen = &f->address,
        .n_listen = 1,
        .git_version = KE_STR("v1.33.0+kedge"),
        .service_cidrs = { resources.service_cidrs[0] },
        .n_service_cidrs = 1,
        .node_port_min = 30000,
        .node_port_max = 30099,
    };
    assert_int_equal(api_server_new(&options, &f->server, &err), KE_OK);
    assert_int_equal(api_server_start(f->server, &err), KE_OK);
    assert_true(api_server_address(f->server, 0, &f->address));
    *state = f;
    return 0;
}

int test_api_tear_down(void **state)
{
    struct test_api *f = *state;
    api_server_stop(f->server);
    registry_stop(f->registry);
    api_server_free(f->server);
    audit_log_close(f->audit);
    resource_store_free(f->store);
    auth_bearer_free(f->bearer);
    token_keys_free(f->token_keys);
    watch_hub_free(f->hub);
    registry_free(f->registry);
    report_free(f->report);
    tls_context_unref(f->tls);
    tls_cert_unref(f->tls_cert);
    struct ke_buf *const bufs[] = { &f->ca,   &f->ca_key,      &f->cert,      &f->key,
                                    &f->body, &f->client_cert, &f->client_key };
    for (size_t i = 0; i < KE_ARRAY_LEN(bufs); i++) {
        ke_buf_free(bufs[i]);
    }
    struct test_tmpdir dir;
    memcpy(dir.path, f->dir, sizeof(dir.path));
    test_tmpdir_remove(&dir);
    return 0;
}

unsigned test_api_call(struct test_api *f, const char *method, const char *path, const char *type,
                       const char *body)
{
    struct ke_err err;
    unsigned status = 0;
    struct http_client_target target = { .unix_path = f->socket,
                                         .host = KE_STR("kedge"),
                                         .timeout_ms = TEST_API_DEADLINE_MS };
    struct http_client_request request = {
        .method = ke_str_c(method),
        .path = ke_str_c(path),
        .content_type = ke_str_c(body != NULL ? type : NULL),
        .accept = ke_str_c(body == NULL ? type : NULL),
        .body = ke_str_c(body),
    };
    ke_buf_clear(&f->body);
    enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
    if (rc != KE_OK) {
        fail_msg("%s %s: %s", method, path, err.msg);
    }
    ke_buf_add_char(&f->body, '\0');
    f->body.len--;
    return status;
}

unsigned test_api_get(struct test_api *f, const char *path)
{
    return test_api_call(f, "GET", path, "application/json", NULL);
}

unsigned test_api_post(struct test_api *f, const char *path, const char *body)
{
    return test_api_call(f, "POST", path, "application/json", body);
}

void test_api_assert_has(struct test_api *f, const char *part)
{
    if (strstr(f->body.ptr, part) == NULL) {
        fail_msg("no %s in %.2000s", part, f->body.ptr);
    }
}

void test_api_assert_lacks(struct test_api *f, const char *part)
{
    if (strstr(f->body.ptr, part) != NULL) {
        fail_msg("%s in %.2000s", part, f->body.ptr);
    }
}

void test_api_make_configmap(struct test_api *f, const char *name, const char *label)
{
    char json[256];
    (void)snprintf(
        json, sizeof(json),
        "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"x\":\"%s\"}},\"data\":{\"k\":\"v\"}}", name,
        label);
    assert_int_equal(test_api_post(f, CONFIGMAPS, json), 201);
}

static void open_reader(struct test_reader *r, struct test_api *f, const char *path,
                        const char *rest)
{
    char head[1024];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    assert_true(strlen(f->socket) < sizeof(address.sun_path));
    memcpy(address.sun_path, f->socket, strlen(f->socket) + 1);
    r->len = 0;
    r->text[0] = '\0';
    r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(r->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int n = snprintf(head, sizeof(head), "GET %s HTTP/%s\r\n", path, rest);
    assert_int_equal(send(r->fd, head, (size_t)n, MSG_NOSIGNAL), n);
}

void test_reader_open(struct test_reader *r, struct test_api *f, const char *path,
                      const char *headers)
{
    char rest[512];
    assert_true(snprintf(rest, sizeof(rest), "1.1\r\nHost: x\r\n%s", headers) < 512);
    open_reader(r, f, path, rest);
}

void test_reader_open_unchunked(struct test_reader *r, struct test_api *f, const char *path)
{
    open_reader(r, f, path, "1.0\r\n");
}

/* False: the end of the stream. */
bool test_reader_more(struct test_reader *r)
{
    struct pollfd wait = { .fd = r->fd, .events = POLLIN };
    if (poll(&wait, 1, TEST_API_DEADLINE_MS) != 1) {
        fail_msg("nothing came behind %s", r->text);
    }
    ssize_t n = recv(r->fd, r->text + r->len, sizeof(r->text) - r->len - 1, 0);
    assert_true(n >= 0);
    r->len += (size_t)n;
    r->text[r->len] = '\0';
    return n > 0;
}

/* Waits until part is there and returns where. */
const char *test_reader_await(struct test_reader *r, const char *part)
{
    const char *at;
    while ((at = strstr(r->text, part)) == NULL) {
        if (!test_reader_more(r)) {
            fail_msg("ended without %s: %s", part, r->text);
        }
    }
    return at;
}

/* Descriptors that clients hold, as the metrics say; waits until it is n. */
void test_api_await_descriptors(struct test_api *f, unsigned n)
{
    char want[64];
    int64_t until_ns = ke_now_ns() + TEST_API_DEADLINE_MS * KE_MS;
    (void)snprintf(want, sizeof(want), "\nkedge_api_descriptors %u\n", n);
    do {
        assert_int_equal(test_api_get(f, "/metrics"), 200);
        assert_true(ke_now_ns() < until_ns);
    } while (strstr(f->body.ptr, want) == NULL);
}
