/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_WIRE_PARTS_H
#define CMD_KEDGE_WIRE_PARTS_H
/* The parts of a running agent: shared by the wire_*.c files and by nobody else. NULL: not made
 * (yet, or off). */
#include <stdatomic.h>

#include "cmd/kedge/wire.h"
#include "core/api/audit_log.h"
#include "core/api/pki.h"
#include "core/api/server.h"
#include "core/auth/authority.h"
#include "core/auth/bearer.h"
#include "core/controller/controllers.h"
#include "core/endpoint/derive.h"
#include "core/endpoint/explain.h"
#include "core/explain/explain.h"
#include "core/host/ledger.h"
#include "core/manifest/manifests.h"
#include "core/report/report.h"
#include "core/resource/resource.h"
#include "core/watch/hub.h"
#include "dns/dns.h"
#include "ingress/ingress.h"
#include "proxy/proxy.h"

struct wire {
    const struct agent_options *options; /* borrowed */
    int lock_fd;                         /* DATA-DIR/lock: one agent a data directory */
    struct host_ledger *ledger;
    struct ke_ip node_ip;
    struct ke_ip api_service_ip; /* the first of the service range */
    struct api_pki pki;
    bool has_pki;
    struct tls_context *api_tls;
    struct registry *registry;
    struct watch_hub *hub;
    struct token_keys *token_keys;
    struct auth_bearer *bearer;
    struct auth_authority *authority;
    struct audit_log *audit; /* NULL: none */
    struct resource_store *store;
    struct report *report;
    struct explain *explain;
    struct api_server *api;
    struct endpoint_derive *derive;
    struct endpoint_explain *endpoint_explain;
    struct controllers *controllers;
    struct manifests *manifests;
    enum proxy_backend proxy_backend;
    struct proxy *proxy;
    struct dns_server *dns;
    struct ingress *ingress;
    _Atomic bool is_running; /* all parts are made: the hooks may look at them */
};

/* wire_host.c: what the node needs before the consumers start. */
enum ke_code wire_find_node_ip(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
enum ke_code wire_prepare_host(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
/* wire_api.c: certificates and the API server. */
enum ke_code wire_make_pki(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
enum ke_code wire_start_api(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
/* Certificates that run out within a month are made again; new connections get them. */
enum ke_code wire_renew_pki(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
enum ke_code wire_start_controllers(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
/* wire_consumers.c */
enum ke_code wire_start_proxy(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
enum ke_code wire_start_dns(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
enum ke_code wire_start_ingress(struct wire *wire, struct ke_err *err) KE_MUST_CHECK;
/* wire_status.c: JSON of /kedge/v1/status. ctx is the wire; any thread. */
void wire_print_status(void *ctx, struct ke_buf *out);

#endif
