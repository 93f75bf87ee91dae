/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BACKEND phase: every backend of the port with its readiness, the reason when it is not ready,
 * and what a TCP connect to it says. Job threads: what is needed of the table is copied first, the
 * connects come after the read section.
 */
#include <errno.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/snap.h"
#include "core/endpoint/explain_service.h"
#include "core/endpoint/probe.h"

/* A backend, copied out of the table. Texts in the walk's arena. */
struct seen_backend {
    struct ke_endpoint at;
    bool is_ready, is_serving, is_terminating;
    bool is_used; /* traffic goes there */
    struct ke_str node_name;
    struct ke_str pod_ns, pod_name; /* empty: not a Pod */
};

struct seen_port {
    struct seen_backend backends[LIMIT_PROBED_BACKENDS];
    size_t n_backends;
    size_t n_all; /* also those over the limit */
    size_t n_addresses;
    size_t n_used;
    enum ke_proto proto;
    bool has_service, has_port;
    bool is_external_name;
    bool is_local_only;
    bool has_selector;
    struct ke_str target; /* named target port, or empty */
};

/* ---- copying -------------------------------------------------------------------------------- */

static bool positions_have(const uint32_t *positions, uint32_t n, uint32_t position)
{
    for (uint32_t i = 0; i < n; i++)
        if (positions[i] == position)
            return true;
    return false;
}

static void see_backend(struct ke_arena *arena, const struct endpoint_backend *from, uint16_t port,
                        struct seen_backend *out)
{
    *out = (struct seen_backend){ .at = { .ip = from->ip, .port = port },
                                  .is_ready = from->is_ready,
                                  .is_serving = from->is_serving,
                                  .is_terminating = from->is_terminating,
                                  .node_name = ke_arena_str(arena, from->node_name) };
    if (!ke_str_eq_c(from->target_kind, "Pod"))
        return;
    out->pod_ns = ke_arena_str(arena, from->target_ns);
    out->pod_name = ke_arena_str(arena, from->target_name);
}

static void see_port(struct ke_arena *arena, const struct endpoint_port *port, bool is_local_only,
                     struct seen_port *out)
{
    out->has_port = true;
    out->proto = port->proto;
    out->target = ke_arena_str(arena, port->target_name);
    out->n_all = port->n_backends;
    out->is_local_only = is_local_only;
    const uint32_t *used = is_local_only ? port->local : port->cluster;
    uint32_t n_used = is_local_only ? port->n_local : port->n_cluster;
    out->n_used = n_used;
    for (uint32_t i = 0; i < port->n_backends && i < LIMIT_PROBED_BACKENDS; i++) {
        struct seen_backend *backend = &out->backends[out->n_backends++];
        see_backend(arena, &port->backends[i], port->backends[i].port, backend);
        backend->is_used = positions_have(used, n_used, i);
    }
}

/* A headless service asked for at a port that it does not list: its endpoints, at that port. */
static void see_addresses(struct ke_arena *arena, const struct endpoint_service *service,
                          const struct explain_request *request, struct seen_port *out)
{
    out->has_port = request->port != 0;
    out->proto = request->proto;
    out->n_all = service->n_addresses;
    for (uint32_t i = 0; i < service->n_addresses && i < LIMIT_PROBED_BACKENDS; i++) {
        struct seen_backend *backend = &out->backends[out->n_backends++];
        see_backend(arena, &service->addresses[i], request->port, backend);
        backend->is_used = backend->is_ready;
        out->n_used += backend->is_used;
    }
}

static void see_service(const struct endpoint_explain *self, struct explain_walk *walk,
                        const struct explain_request *request, struct seen_port *out)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    const struct endpoint_service *service =
        endpoint_table_find(self->table, request->service_ns, request->service_name);
    if (service == NULL)
        return;
    out->has_service = true;
    out->is_external_name = service->type == MODEL_SERVICE_EXTERNAL_NAME;
    out->n_addresses = service->n_addresses;
    out->has_selector = service->has_selector;
    /* An ingress goes to the backends itself: the policies of the Service's addresses do not hold.
     */
    bool is_local_only =
        !request->is_http && !request->is_https && service->is_proxied &&
        (request->is_node_port ? service->is_external_local : service->is_internal_local);
    const struct endpoint_port *port = endpoint_explain_find_port(service, request);
    if (port != NULL)
        see_port(arena, port, is_local_only, out);
    else if (service->is_headless)
        see_addresses(arena, service, request, out);
}

/* No service: the address itself, which is an endpoint's. */
static void see_address(const struct explain_request *request, struct seen_port *out)
{
    if (!request->has_address || request->port == 0)
        return;
    out->has_service = out->has_port = true;
    out->proto = request->proto;
    out->n_all = out->n_used = out->n_backends = out->n_addresses = 1;
    out->backends[0] =
        (struct seen_backend){ .at = { .ip = request->address, .port = request->port },
                               .is_ready = true,
                               .is_serving = true,
                               .is_used = true };
}

/* ---- words ---------------------------------------------------------------------------------- */

static struct ke_str name_backend(struct ke_arena *arena, const struct seen_backend *backend)
{
    char memory[KE_IP_TEXT_MAX + 8];
    struct ke_buf at = KE_BUF_FIXED(memory, sizeof(memory));
    ke_endpoint_format(&backend->at, &at);
    if (ke_str_is_empty(backend->pod_name))
        return ke_arena_str(arena, ke_buf_str(&at));
    return ke_arena_fmt(arena, "%.*s (Pod %.*s/%.*s)", KE_STR_ARG(ke_buf_str(&at)),
                        KE_STR_ARG(backend->pod_ns), KE_STR_ARG(backend->pod_name));
}

/* "container web: CrashLoopBackOff", of the first that waits; empty: none does. */
static struct ke_str reason_of_container(struct ke_arena *arena, const cJSON *pod)
{
    const cJSON *statuses = ke_json_path(pod, "status.containerStatuses");
    const cJSON *status;
    cJSON_ArrayForEach(status, statuses) {
        struct ke_str reason = ke_json_path_str(status, "state.waiting.reason");
        if (!ke_str_is_empty(reason)) {
            return ke_arena_fmt(arena, "container %.*s: %.*s",
                                KE_STR_ARG(ke_json_str(status, "name")), KE_STR_ARG(reason));
        }
    }
    return (struct ke_str){ 0 };
}

/* The message of the Ready condition says more than its reason. */
static struct ke_str message_of_ready(struct ke_arena *arena, const cJSON *pod)
{
    const cJSON *conditions = ke_json_path(pod, "status.conditions");
    const cJSON *condition;
    cJSON_ArrayForEach(condition, conditions) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), "Ready"))
            return ke_arena_str(arena, ke_json_str(condition, "message"));
    }
    return (struct ke_str){ 0 };
}

/* What the Pod itself says; empty when it cannot be asked. */
static struct ke_str reason_of_pod(const struct endpoint_explain *self, struct ke_arena *arena,
                                   const struct seen_backend *backend)
{
    struct ke_str none = { 0 };
    if (self->registry == NULL || ke_str_is_empty(backend->pod_name))
        return none;
    char memory[LIMIT_KEY_BYTES];
    struct ke_buf key = KE_BUF_FIXED(memory, sizeof(memory));
    model_kind_key(model_kind_by_id(MODEL_POD), backend->pod_ns, backend->pod_name, &key);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    if (key.failed != KE_OK ||
        registry_get(self->registry, ke_buf_str(&key), &object, &err) != KE_OK)
        return KE_STR("its Pod is gone");
    ke_auto_json *json = registry_object_parse(object);
    struct model_pod pod;
    if (json == NULL || !model_pod_decode(json, arena, &pod))
        return none;
    if (pod.is_ready)
        return KE_STR("the Pod says ready, the EndpointSlice does not yet");
    struct ke_str reason = reason_of_container(arena, json);
    if (ke_str_is_empty(reason))
        reason = message_of_ready(arena, json);
    return ke_str_is_empty(reason) ? pod.not_ready_reason : reason;
}

static struct ke_str describe_readiness(const struct endpoint_explain *self, struct ke_arena *arena,
                                        const struct seen_backend *backend)
{
    if (backend->is_terminating)
        return backend->is_used ? KE_STR("terminating, used as none is ready")
                                : KE_STR("terminating");
    if (backend->is_ready)
        return backend->is_used ? KE_STR("ready") : KE_STR("ready, not used from here");
    struct ke_str reason = reason_of_pod(self, arena, backend);
    if (ke_str_is_empty(reason))
        return KE_STR("not ready");
    return ke_arena_fmt(arena, "not ready: %.*s", KE_STR_ARG(reason));
}

static struct ke_str describe_probe(struct ke_arena *arena, const struct endpoint_probe *probe)
{
    if (probe->is_connected)
        return ke_arena_fmt(arena, "connected in %.2f ms", (double)probe->took_ns / (double)KE_MS);
    if (probe->sys == ECONNREFUSED)
        return KE_STR("connection refused");
    if (probe->sys == ETIMEDOUT)
        return ke_arena_fmt(arena, "no answer in %d ms", (int)(probe->took_ns / KE_MS));
    struct ke_err err = KE_ERR_INIT;
    (void)ke_fail_errno(&err, probe->sys, "connect");
    return ke_arena_str(arena, ke_str_c(err.msg));
}

/* ---- the verdicts --------------------------------------------------------------------------- */

static struct ke_str describe_command(struct ke_arena *arena, const struct explain_request *request)
{
    return ke_arena_fmt(arena, "kubectl -n %.*s describe service %.*s",
                        KE_STR_ARG(request->service_ns), KE_STR_ARG(request->service_name));
}

/* Why nothing has the port. */
static struct ke_str cause_of_none(struct ke_arena *arena, const struct explain_request *request,
                                   const struct seen_port *seen)
{
    struct ke_str ns = request->service_ns;
    struct ke_str name = request->service_name;
    if (seen->n_addresses > 0 && !ke_str_is_empty(seen->target)) {
        return ke_arena_fmt(
            arena,
            "no endpoint of Service %.*s/%.*s has a port named %.*s, which is its targetPort",
            KE_STR_ARG(ns), KE_STR_ARG(name), KE_STR_ARG(seen->target));
    }
    if (seen->n_addresses > 0) {
        return ke_arena_fmt(arena, "the endpoints of Service %.*s/%.*s do not have this port",
                            KE_STR_ARG(ns), KE_STR_ARG(name));
    }
    if (seen->has_selector) {
        return ke_arena_fmt(
            arena,
            "Service %.*s/%.*s has no endpoints: no Pod with an address matches its selector",
            KE_STR_ARG(ns), KE_STR_ARG(name));
    }
    return ke_arena_fmt(arena, "Service %.*s/%.*s has no endpoints, and no selector to find any",
                        KE_STR_ARG(ns), KE_STR_ARG(name));
}

static void stop_at_none(struct explain_walk *walk, const struct explain_request *request,
                         const struct seen_port *seen)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    struct explain_hop *hop = explain_hop_add(walk, EXPLAIN_BACKEND, EXPLAIN_STOP, "no backends");
    explain_hop_stop(walk, hop, cause_of_none(arena, request, seen),
                     describe_command(arena, request));
}

static struct ke_str command_for_pod(struct ke_arena *arena, const struct explain_request *request,
                                     const struct seen_backend *backend)
{
    if (ke_str_is_empty(backend->pod_name))
        return describe_command(arena, request);
    return ke_arena_fmt(arena, "kubectl -n %.*s describe pod %.*s", KE_STR_ARG(backend->pod_ns),
                        KE_STR_ARG(backend->pod_name));
}

/* There are some, and none may be used. */
static void stop_at_unused(const struct endpoint_explain *self, struct explain_walk *walk,
                           const struct explain_request *request, const struct seen_port *seen,
                           struct explain_hop *hop)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    const struct seen_backend *first = &seen->backends[0];
    for (size_t i = 0; i < seen->n_backends; i++) {
        if (!seen->is_local_only || !seen->backends[i].is_ready)
            continue;
        explain_hop_stop(
            walk, hop,
            KE_STR("no backend that is ready runs on this node, and the traffic policy is Local"),
            describe_command(arena, request));
        return;
    }
    struct ke_str name = name_backend(arena, first);
    struct ke_str readiness = describe_readiness(self, arena, first);
    explain_hop_stop(walk, hop,
                     seen->n_all == 1
                         ? ke_arena_fmt(arena, "the only backend, %.*s, is %.*s", KE_STR_ARG(name),
                                        KE_STR_ARG(readiness))
                         : ke_arena_fmt(arena, "none of the %zu backends is ready; %.*s is %.*s",
                                        seen->n_all, KE_STR_ARG(name), KE_STR_ARG(readiness)),
                     command_for_pod(arena, request, first));
}

static void stop_at_connect(struct explain_walk *walk, const struct explain_request *request,
                            const struct seen_backend *backend, const struct endpoint_probe *probe,
                            struct explain_hop *hop)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    struct ke_str name = name_backend(arena, backend);
    if (probe->sys == ECONNREFUSED) {
        explain_hop_stop(
            walk, hop,
            ke_arena_fmt(arena, "target port %u refuses connections on %.*s: nothing listens there",
                         backend->at.port, KE_STR_ARG(name)),
            ke_str_is_empty(request->service_name)
                ? (struct ke_str){ 0 }
                : ke_arena_fmt(arena,
                               "kubectl -n %.*s edit service %.*s  # targetPort: the port the "
                               "container listens on",
                               KE_STR_ARG(request->service_ns), KE_STR_ARG(request->service_name)));
        return;
    }
    struct ke_str answer = describe_probe(arena, probe);
    explain_hop_stop(walk, hop,
                     ke_arena_fmt(arena, "%.*s cannot be reached from this node: %.*s",
                                  KE_STR_ARG(name), KE_STR_ARG(answer)),
                     ke_str_is_empty(request->service_name)
                         ? (struct ke_str){ 0 }
                         : command_for_pod(arena, request, backend));
}

/* ---- the phase ------------------------------------------------------------------------------ */

struct tally {
    size_t n_connected; /* of those in use */
    size_t n_used;
    size_t first_failed; /* of those in use; n_backends: none */
};

static struct tally count(const struct seen_port *seen, const struct endpoint_probe *probes)
{
    struct tally tally = { .first_failed = seen->n_backends };
    for (size_t i = 0; i < seen->n_backends; i++) {
        if (!seen->backends[i].is_used)
            continue;
        tally.n_used++;
        if (probes[i].is_connected)
            tally.n_connected++;
        else if (tally.first_failed == seen->n_backends)
            tally.first_failed = i;
    }
    return tally;
}

static void list_backends(const struct endpoint_explain *self, struct explain_walk *walk,
                          struct explain_hop *hop, const struct seen_port *seen,
                          const struct endpoint_probe *probes)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    for (size_t i = 0; i < seen->n_backends; i++) {
        const struct seen_backend *backend = &seen->backends[i];
        struct ke_str name = name_backend(arena, backend);
        struct ke_str readiness = describe_readiness(self, arena, backend);
        struct ke_str answer = seen->proto == KE_PROTO_TCP ? describe_probe(arena, &probes[i])
                                                           : KE_STR("not TCP: not connected to");
        bool has_node = !ke_str_is_empty(backend->node_name);
        explain_hop_evidence(walk, hop, "%.*s%s%.*s: %.*s; %.*s", KE_STR_ARG(name),
                             has_node ? " on " : "", KE_STR_ARG(backend->node_name),
                             KE_STR_ARG(readiness), KE_STR_ARG(answer));
    }
    if (seen->n_all > seen->n_backends)
        explain_hop_evidence(walk, hop, "and %zu more, not connected to",
                             seen->n_all - seen->n_backends);
}

static void judge(const struct endpoint_explain *self, struct explain_walk *walk,
                  const struct explain_request *request, const struct seen_port *seen,
                  const struct endpoint_probe *probes)
{
    struct tally tally = count(seen, probes);
    bool is_tcp = seen->proto == KE_PROTO_TCP;
    bool goes_on = seen->n_used > 0 && (!is_tcp || tally.n_used == 0 || tally.n_connected > 0);
    struct explain_hop *hop =
        is_tcp && seen->n_used > 0
            ? explain_hop_add(walk, EXPLAIN_BACKEND, goes_on ? EXPLAIN_PASS : EXPLAIN_STOP,
                              "%zu of %zu backends are used, %zu of them accept connections",
                              seen->n_used, seen->n_all, tally.n_connected)
            : explain_hop_add(walk, EXPLAIN_BACKEND, goes_on ? EXPLAIN_PASS : EXPLAIN_STOP,
                              "%zu of %zu backends are used", seen->n_used, seen->n_all);
    list_backends(self, walk, hop, seen, probes);
    if (seen->n_used == 0) {
        stop_at_unused(self, walk, request, seen, hop);
        return;
    }
    if (!is_tcp || tally.first_failed == seen->n_backends)
        return;
    const struct seen_backend *failed = &seen->backends[tally.first_failed];
    const struct endpoint_probe *probe = &probes[tally.first_failed];
    if (!goes_on) {
        stop_at_connect(walk, request, failed, probe, hop);
        return;
    }
    struct ke_arena *arena = explain_walk_arena(walk);
    struct ke_str name = name_backend(arena, failed);
    struct ke_str answer = describe_probe(arena, probe);
    (void)explain_hop_add(walk, EXPLAIN_BACKEND, EXPLAIN_NOTE,
                          "%zu of %zu connections go to a backend that does not accept them, "
                          "first %.*s: %.*s",
                          tally.n_used - tally.n_connected, tally.n_used, KE_STR_ARG(name),
                          KE_STR_ARG(answer));
}

void endpoint_explain_backends(void *ctx, struct explain_walk *walk,
                               struct explain_request *request)
{
    const struct endpoint_explain *self = ctx;
    struct seen_port *seen = ke_arena_alloc(explain_walk_arena(walk), sizeof(*seen));
    if (seen == NULL) {
        (void)explain_hop_add(walk, EXPLAIN_BACKEND, EXPLAIN_STOP, "no memory to look at backends");
        return;
    }
    if (ke_str_is_empty(request->service_name)) {
        see_address(request, seen);
    } else {
        ke_snap_read_begin();
        see_service(self, walk, request, seen);
        ke_snap_read_end();
    }
    if (!seen->has_service || seen->is_external_name)
        return;
    if (seen->n_all == 0 || !seen->has_port) {
        stop_at_none(walk, request, seen);
        return;
    }
    struct endpoint_probe probes[LIMIT_PROBED_BACKENDS] = { 0 };
    for (size_t i = 0; i < seen->n_backends; i++)
        probes[i].to = seen->backends[i].at;
    if (seen->proto == KE_PROTO_TCP)
        endpoint_probe_run(probes, seen->n_backends, explain_walk_deadline_ns(walk));
    judge(self, walk, request, seen, probes);
}
