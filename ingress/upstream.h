/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_UPSTREAM_H
#define INGRESS_UPSTREAM_H
/*
 * A worker's connections to endpoints: which endpoint a request goes to, and a pool of idle
 * connections by the endpoint's stable id. The worker's thread.
 */
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/endpoint/table.h"
#include "ingress/routes.h"
#include "ingress/stream.h"

struct ingress_upstreams;
struct ingress_upstream; /* one endpoint: its idle connections and its requests in flight */

struct ingress_upstream_conn {
    struct ke_list idle; /* in the pool */
    struct ke_list all_idle;
    struct ingress_upstreams *pool;
    struct ingress_upstream *upstream;
    struct ingress_stream stream;
    bool is_connecting;
    bool is_reused;
    int64_t idle_since_ns;
    void *owner; /* the client that uses it; NULL: idle */
};

/* on_event is called with the connection for everything that happens on one in use. */
struct ingress_upstreams *ingress_upstreams_new(struct ke_loop *loop, ke_loop_fd_fn *on_event);
void ingress_upstreams_free(struct ingress_upstreams *upstreams);

/* What a request keeps of its target: copied out of the routes. */
struct ingress_destination {
    char ns[LIMIT_DNS_LABEL_BYTES + 1];
    char service[LIMIT_DNS_LABEL_BYTES + 1];
    char port_name[LIMIT_DNS_LABEL_BYTES + 1];
    uint16_t port_number;
};

enum ingress_pick {
    INGRESS_PICKED,
    INGRESS_NO_SERVICE,  /* 503 */
    INGRESS_NO_PORT,     /* 503 */
    INGRESS_NO_ENDPOINT, /* 503 */
};
/*
 * The port of a Service that a target means; NULL with *why. In a read section of the table.
 */
const struct endpoint_port *ingress_find_port(struct endpoint_table *table, struct ke_str ns,
                                              struct ke_str service,
                                              const struct model_port_ref *ref,
                                              enum ingress_pick *why);
/* Endpoints that one request has been tried with. */
struct ingress_tried {
    uint32_t ids[LIMIT_INGRESS_TRIES];
    size_t n;
};
struct ingress_picked {
    uint32_t id;
    struct ke_endpoint at;
};
/* Two random endpoints that were not tried, the one with fewer requests in flight here. */
enum ingress_pick ingress_pick_endpoint(struct ingress_upstreams *upstreams,
                                        struct endpoint_table *table,
                                        const struct ingress_destination *to,
                                        const struct ingress_tried *tried,
                                        struct ingress_picked *out);

/*
 * A connection to the endpoint: an idle one where there is one (and may_reuse), else a new one,
 * connecting. NULL: no descriptor or no memory. The caller is its owner until _release or _drop.
 */
struct ingress_upstream_conn *ingress_upstream_acquire(struct ingress_upstreams *upstreams,
                                                       uint32_t id, const struct ke_endpoint *at,
                                                       bool may_reuse, void *owner);
/* Back to the pool: nothing may be unread or unsent. */
void ingress_upstream_release(struct ingress_upstreams *upstreams,
                              struct ingress_upstream_conn *conn);
void ingress_upstream_drop(struct ingress_upstreams *upstreams, struct ingress_upstream_conn *conn);
/* Closes what has been idle for too long; call about once a second. */
void ingress_upstreams_expire(struct ingress_upstreams *upstreams, int64_t now_ns);

#endif
