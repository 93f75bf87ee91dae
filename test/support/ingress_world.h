/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_INGRESS_WORLD_H
#define TEST_SUPPORT_INGRESS_WORLD_H
/*
 * A whole ingress router on loopback ports: registry in memory, endpoint table, one serving thread;
 * and a client that speaks bytes. Used from the test's thread, which is the table's writer.
 */
#include "core/net/tls/tls.h"
#include "ingress/ingress.h"
#include "test/support/endpoint_objects.h"
#include "test/support/http_backend.h"
#include "test/support/mem_registry.h"
#include "test/support/objects.h"

struct ingress_world {
    struct registry *registry;
    struct watch_hub *hub;
    struct endpoint_table *table;
    struct report *report;
    struct ingress *ingress;
    uint16_t http_port, https_port;
    int64_t revision;
};

/* timeouts NULL: as the limits say. has_https: also listens for TLS. */
void ingress_world_make(struct ingress_world *world, const struct ingress_timeouts *timeouts,
                        bool has_https);
void ingress_world_end(struct ingress_world *world);
/* JSON with ' for ". Returns once the routes have it. */
void ingress_world_put(struct ingress_world *world, enum model_kind_id kind, const char *fmt, ...)
    KE_PRINTF(3, 4);
void ingress_world_delete(struct ingress_world *world, const char *key);
/* Ingress default/NAME of our class for HOST, everything to service:80. */
void ingress_world_route(struct ingress_world *world, const char *name, const char *host,
                         const char *service);
/* Service default/SERVICE, port 80, with endpoints 127.0.0.1:PORT for each port; n 0: none. */
void ingress_world_service(struct ingress_world *world, const char *service, const uint16_t *ports,
                           size_t n_ports);
/* A number of the status, "requests" or the like. */
uint64_t ingress_world_counter(struct ingress_world *world, const char *name);

/* ---- the client ---- */

struct ingress_reply {
    unsigned status;
    char head[20000]; /* terminated */
    size_t head_len;
    struct ke_buf body; /* decoded */
    bool is_cut;        /* ended before it was whole */
};
struct ingress_talk {
    int fd;
    struct tls_session *tls;
    struct ke_buf in;
};
void ingress_talk_open(struct ingress_talk *talk, uint16_t port);
/* ca_pem empty: does not verify. False: the handshake failed. */
bool ingress_talk_open_tls(struct ingress_talk *talk, uint16_t port, struct tls_context *context,
                           const char *sni);
void ingress_talk_close(struct ingress_talk *talk);
void ingress_talk_send(struct ingress_talk *talk, const void *bytes, size_t len);
void ingress_talk_say(struct ingress_talk *talk, const char *text);
/* One response to a request of that method; interim ones are skipped. False: the connection ended
 * before a head. The reply is cleared first. */
bool ingress_talk_hear(struct ingress_talk *talk, const char *method, struct ingress_reply *reply);
/* True: the peer closed, and nothing more came. */
bool ingress_talk_is_closed(struct ingress_talk *talk);
void ingress_reply_clear(struct ingress_reply *reply);

#endif
