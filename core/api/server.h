/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_SERVER_H
#define CORE_API_SERVER_H
/*
 * The API server: HTTP in front of core/resource. Its threads: `n_loops` API loops (each owns its
 * connections, requests and watches) and one handshake thread. Everything borrowed in the options
 * must outlive the server. cmd makes it, starts it and stops it.
 *
 * kedge's own endpoints, authorised like any non-resource URL (system:masters may):
 *
 *   /kedge/v1/registry/ls?prefix=P[&recursive=true]
 *       text: one key a line of the folder P; without recursive its next segment only ("x/")
 *   /kedge/v1/registry/get?key=K
 *       the stored JSON; 404 Status
 *   /kedge/v1/registry/watch?prefix=P[&revision=N]
 *       P: a folder (ends with "/") or one key. Lines {"type":"PUT"|"DELETE","revision":N,"key":K,
 *       "object":{...}}: changes after N, or from now on
 *   /kedge/v1/registry/rekey
 *       POST: begin to encrypt all Secrets with a new key; 409 when that is under way. GET:
 *       {"state":"done"|"running"|"failed","message":"..."}
 *   /kedge/v1/trace?target=T[&from=NS/POD]
 *       JSON of explain_run; 429 when four are running
 *   /kedge/v1/status
 *       JSON of the print_status hook
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/bearer.h"
#include "core/auth/user.h"
#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/explain/explain.h"
#include "core/net/tls/tls.h"
#include "core/report/report.h"
#include "core/resource/resource.h"

struct api_runtime;
struct api_server;
struct rbac;      /* core/auth/rbac.h */
struct audit_log; /* core/api/audit_log.h */

/* The default: system:masters everything; who is known may ask who they are; everybody /healthz
 * /livez /readyz /version, and system:monitoring /metrics too; nothing else. */
bool api_authorize_default(void *ctx, const struct auth_attributes *attributes,
                           struct ke_buf *out_reason);

/* What the server asks of the process around it. Called on API loops and must not block. */
struct api_hooks {
    void *ctx;
    /* /readyz answers 200 only when it says true; else one line to *out_why. NULL: always. */
    bool (*is_ready)(void *ctx, struct ke_buf *out_why);
    /* JSON of /kedge/v1/status. NULL: 404. */
    void (*print_status)(void *ctx, struct ke_buf *out_json);
    /* Begins to rewrite the Secrets with a new key. Errors: as 409, 422 and others. NULL: 404. */
    enum ke_code (*rekey)(void *ctx, struct ke_err *err);
    /* KE_OK: done; KE_AGAIN: under way; else why it failed, and is tried again. */
    enum ke_code (*rekey_state)(void *ctx, struct ke_err *err);
    /* Who holds a TCP port, appended; false: nobody found. NULL: holders go unnamed. */
    bool (*find_holder)(void *ctx, const struct ke_endpoint *at, struct ke_buf *out);
};

struct api_options {
    struct resource_store *store;
    struct report *report;   /* may be NULL: no parts */
    struct explain *explain; /* may be NULL: /kedge/v1/trace answers 404 */
    struct api_hooks hooks;
    const struct api_runtime *runtime; /* NULL: no container runs here */
    auth_authorize_fn *authorize;      /* NULL: api_authorize_default */
    void *authorize_ctx;
    struct auth_bearer *bearer; /* tokens; NULL: none is good, and none is issued */
    struct ke_str external_url; /* "https://192.0.2.1:6443", where others find the keys of tokens;
                                   empty: their issuer */
    struct rbac *rbac;          /* of SelfSubjectRulesReview; NULL: nobody has any. Borrowed */

    struct audit_log *audit; /* NULL: no audit log. Borrowed */

    const char *unix_path;   /* NULL: none. Mode 0600; root (and our own user) is system:masters */
    struct tls_context *tls; /* of `listen`; ask for client certificates, ALPN http/1.1 */
    const struct ke_endpoint *listen; /* TCP with TLS; port 0: any; no family: all addresses */
    size_t n_listen;
    /* Plain HTTP for /healthz /livez /readyz /metrics, to everybody who gets there; NULL: none. A
     * port that is taken degrades the part "metrics" and is tried again. */
    const struct ke_endpoint *monitor;
    unsigned n_loops; /* 0: two */
    /* Requests under way at a time, watches and streams apart, above which 429 is answered; 0: no
     * limit. */
    unsigned max_reads, max_writes;
    /* Of /version: "v1.33.0+kedge.0.1.0"; git_commit and build_date may be empty. */
    struct ke_str git_version, git_commit, build_date;

    /* For /registry/ranges/..., as given to resource_store_new. */
    struct ke_cidr service_cidrs[2];
    size_t n_service_cidrs;
    uint16_t node_port_min, node_port_max;
};

/* Copies what it needs of the options' arrays and texts. Errors: KE_NOMEM, KE_IO. */
enum ke_code api_server_new(const struct api_options *options, struct api_server **out,
                            struct ke_err *err) KE_MUST_CHECK;
/* Binds all listeners (what is there under unix_path is replaced when nobody listens on it) and
 * starts the threads. Errors: KE_IO (address named), KE_EXISTS (somebody serves on unix_path). */
enum ke_code api_server_start(struct api_server *server, struct ke_err *err) KE_MUST_CHECK;
/* Ends watches, waits for writes in flight, closes connections, joins the threads. The registry
 * must still answer commits. */
void api_server_stop(struct api_server *server);
void api_server_free(struct api_server *server); /* NULL is fine */
KE_AUTO_DEFINE(api_server)
/* Address of listener i once started (its real port). */
bool api_server_address(const struct api_server *server, size_t i, struct ke_endpoint *out);
/* Replaces the TLS settings for new connections (a renewed certificate). Any thread. */
void api_server_set_tls(struct api_server *server, struct tls_context *tls);
/* Connections that are accepted at once, computed from RLIMIT_NOFILE at start. */
unsigned api_server_connection_limit(const struct api_server *server);

#endif
