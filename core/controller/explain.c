/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a Service has no endpoint that is ready: no pod matches its selector, the pods that do are
 * not ready (which, and why), or none has the port that the Service names. Ends with the command
 * that mends it. Says nothing when there is a ready endpoint. Job threads: reads snapshots only.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/controller/controller.h"
#include "core/controller/endpoints_build.h"
#include "core/controller/slices.h"

#define EVIDENCE_MAX 20 /* pods named one by one */

struct inquiry {
    struct resource_store *store;
    struct explain_walk *walk;
    struct explain_request *request;
    struct ke_arena *arena;
    struct model_service service;
    const struct model_service_port *port; /* the one asked for */
    size_t port_index;
    struct model_pod *pods; /* of the namespace */
    size_t n_pods;
    struct model_pod **matching;
    size_t n_matching;
};

/* ---- reading */

static bool read_service(struct inquiry *inquiry)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    if (resource_get(inquiry->store, model_kind_by_id(MODEL_SERVICE), inquiry->request->service_ns,
                     inquiry->request->service_name, &object, &err) != KE_OK)
        return false;
    ke_auto_json *json = registry_object_parse(object);
    return json != NULL && model_service_decode(json, inquiry->arena, &inquiry->service) &&
           inquiry->service.type != MODEL_SERVICE_EXTERNAL_NAME;
}

/* By name or number; without one the first. */
static void find_port(struct inquiry *inquiry)
{
    struct ke_str wanted = inquiry->request->service_port;
    uint64_t number = 0;
    if (!ke_str_to_u64(wanted, UINT16_MAX, &number))
        number = 0;
    for (size_t i = 0; i < inquiry->service.n_ports; i++) {
        const struct model_service_port *port = &inquiry->service.ports[i];
        bool is_it = wanted.len == 0 || ke_str_eq(port->name, wanted) ||
                     (number != 0 && port->port == number);
        if (is_it && inquiry->port == NULL) {
            inquiry->port = port;
            inquiry->port_index = i;
        }
    }
}

static bool matches(const struct model_service *service, const struct model_pod *pod)
{
    for (size_t i = 0; i < service->n_selector; i++) {
        struct ke_str value =
            model_pairs_get(pod->meta.labels, pod->meta.n_labels, service->selector[i].key);
        if (value.ptr == NULL || !ke_str_eq(value, service->selector[i].value))
            return false;
    }
    return service->n_selector > 0;
}

static bool read_pods(struct inquiry *inquiry)
{
    struct ke_err err = KE_ERR_INIT;
    struct resource_list_options options = { .ns = inquiry->service.meta.ns };
    struct resource_list list = { .continue_token = NULL };
    if (resource_list(inquiry->store, model_kind_by_id(MODEL_POD), &options, &list, &err) != KE_OK)
        return false;
    size_t n = list.items.n_objects;
    inquiry->pods = ke_arena_alloc_n(inquiry->arena, n + 1, sizeof(*inquiry->pods));
    inquiry->matching = ke_arena_alloc_n(inquiry->arena, n + 1, sizeof(struct model_pod *));
    bool is_ok = inquiry->pods != NULL && inquiry->matching != NULL;
    for (size_t i = 0; is_ok && i < n; i++) {
        ke_auto_json *json = registry_object_parse(list.items.objects[i]);
        struct model_pod *pod = &inquiry->pods[inquiry->n_pods];
        is_ok = json != NULL && model_pod_decode(json, inquiry->arena, pod);
        if (!is_ok)
            break;
        inquiry->n_pods++;
        if (matches(&inquiry->service, pod))
            inquiry->matching[inquiry->n_matching++] = pod;
    }
    resource_list_free(&list);
    return is_ok;
}

/* ---- words */

static struct ke_str selector_text(const struct inquiry *inquiry)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_LABEL_SELECTOR_BYTES);
    for (size_t i = 0; i < inquiry->service.n_selector; i++) {
        ke_buf_addf(&text, "%s%.*s=%.*s", i > 0 ? "," : "",
                    KE_STR_ARG(inquiry->service.selector[i].key),
                    KE_STR_ARG(inquiry->service.selector[i].value));
    }
    return ke_arena_str(inquiry->arena, ke_buf_str(&text));
}

static void stop(struct inquiry *inquiry, struct explain_hop *hop, struct ke_str cause,
                 struct ke_str mend)
{
    explain_hop_stop(inquiry->walk, hop, cause, mend);
}

static struct explain_hop *add_hop(struct inquiry *inquiry)
{
    const struct model_meta *meta = &inquiry->service.meta;
    return explain_hop_add(inquiry->walk, EXPLAIN_POLICY, EXPLAIN_STOP,
                           "Service %.*s/%.*s has no endpoint that is ready", KE_STR_ARG(meta->ns),
                           KE_STR_ARG(meta->name));
}

/* ---- selector matches nothing */

static size_t n_shared(const struct model_service *service, const struct model_pod *pod)
{
    size_t n = 0;
    for (size_t i = 0; i < service->n_selector; i++) {
        struct ke_str value =
            model_pairs_get(pod->meta.labels, pod->meta.n_labels, service->selector[i].key);
        n += value.ptr != NULL && ke_str_eq(value, service->selector[i].value) ? 1 : 0;
    }
    return n;
}

static bool has_all_keys(const struct model_service *service, const struct model_pod *pod)
{
    for (size_t i = 0; i < service->n_selector; i++) {
        if (model_pairs_get(pod->meta.labels, pod->meta.n_labels, service->selector[i].key).ptr ==
            NULL)
            return false;
    }
    return true;
}

/* The pod whose labels come nearest; NULL: none shares a key or a pair. */
static const struct model_pod *nearest_pod(const struct inquiry *inquiry)
{
    const struct model_pod *best = NULL;
    size_t best_score = 0;
    for (size_t i = 0; i < inquiry->n_pods; i++) {
        const struct model_pod *pod = &inquiry->pods[i];
        size_t score =
            2 * n_shared(&inquiry->service, pod) + (has_all_keys(&inquiry->service, pod) ? 1 : 0);
        if (score > best_score) {
            best = pod;
            best_score = score;
        }
    }
    return best;
}

static struct ke_str labels_text(const struct inquiry *inquiry, const struct model_pod *pod)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_LABEL_SELECTOR_BYTES);
    for (size_t i = 0; i < pod->meta.n_labels; i++)
        ke_buf_addf(&text, "%s%.*s=%.*s", i > 0 ? "," : "", KE_STR_ARG(pod->meta.labels[i].key),
                    KE_STR_ARG(pod->meta.labels[i].value));
    return ke_arena_str(inquiry->arena, ke_buf_str(&text));
}

/* kubectl set selector with what the nearest pod has, or a look at what there is. */
static struct ke_str selector_mend(const struct inquiry *inquiry, const struct model_pod *nearest)
{
    const struct model_meta *meta = &inquiry->service.meta;
    if (nearest == NULL || !has_all_keys(&inquiry->service, nearest))
        return ke_arena_fmt(inquiry->arena, "kubectl -n %.*s get pods --show-labels",
                            KE_STR_ARG(meta->ns));
    ke_auto_buf text = KE_BUF_INIT(LIMIT_LABEL_SELECTOR_BYTES);
    ke_buf_addf(&text, "kubectl -n %.*s set selector service %.*s ", KE_STR_ARG(meta->ns),
                KE_STR_ARG(meta->name));
    for (size_t i = 0; i < inquiry->service.n_selector; i++) {
        struct ke_str key = inquiry->service.selector[i].key;
        ke_buf_addf(&text, "%s%.*s=%.*s", i > 0 ? "," : "", KE_STR_ARG(key),
                    KE_STR_ARG(model_pairs_get(nearest->meta.labels, nearest->meta.n_labels, key)));
    }
    return ke_arena_str(inquiry->arena, ke_buf_str(&text));
}

static void explain_no_match(struct inquiry *inquiry)
{
    const struct model_meta *meta = &inquiry->service.meta;
    struct explain_hop *hop = add_hop(inquiry);
    struct ke_str selector = selector_text(inquiry);
    const struct model_pod *nearest = nearest_pod(inquiry);
    explain_hop_evidence(inquiry->walk, hop, "selector %.*s", KE_STR_ARG(selector));
    explain_hop_evidence(inquiry->walk, hop, "%zu pods in namespace %.*s, none with these labels",
                         inquiry->n_pods, KE_STR_ARG(meta->ns));
    if (nearest != NULL) {
        explain_hop_evidence(inquiry->walk, hop, "nearest: pod %.*s with %.*s",
                             KE_STR_ARG(nearest->meta.name),
                             KE_STR_ARG(labels_text(inquiry, nearest)));
    }
    stop(inquiry, hop,
         ke_arena_fmt(inquiry->arena, "the selector %.*s of Service %.*s/%.*s matches no pod",
                      KE_STR_ARG(selector), KE_STR_ARG(meta->ns), KE_STR_ARG(meta->name)),
         selector_mend(inquiry, nearest));
}

/* ---- pods not ready */

static struct ke_str why_not_ready(const struct inquiry *inquiry, const struct model_pod *pod)
{
    if (pod->meta.deleted_us != 0)
        return KE_STR("it is being deleted");
    if (ke_str_eq_c(pod->phase, "Succeeded") || ke_str_eq_c(pod->phase, "Failed"))
        return ke_arena_fmt(inquiry->arena, "it has ended (%.*s)", KE_STR_ARG(pod->phase));
    if (pod->node_name.len == 0)
        return KE_STR("it is not scheduled to a node");
    if (pod->n_ips == 0)
        return ke_arena_fmt(inquiry->arena, "it has no address yet (phase %.*s)",
                            KE_STR_ARG(pod->phase));
    if (pod->not_ready_reason.len > 0)
        return pod->not_ready_reason;
    return KE_STR("its Ready condition is not True");
}

static bool is_ready(const struct model_service *service, const struct model_pod *pod)
{
    return endpoints_pod_counts(pod) &&
           (service->publish_not_ready || (pod->is_ready && pod->meta.deleted_us == 0));
}

static void explain_not_ready(struct inquiry *inquiry)
{
    const struct model_meta *meta = &inquiry->service.meta;
    struct explain_hop *hop = add_hop(inquiry);
    for (size_t i = 0; i < inquiry->n_matching && i < EVIDENCE_MAX; i++) {
        explain_hop_evidence(inquiry->walk, hop, "pod %.*s: %.*s",
                             KE_STR_ARG(inquiry->matching[i]->meta.name),
                             KE_STR_ARG(why_not_ready(inquiry, inquiry->matching[i])));
    }
    if (inquiry->n_matching > EVIDENCE_MAX)
        explain_hop_evidence(inquiry->walk, hop, "and %zu more",
                             inquiry->n_matching - EVIDENCE_MAX);
    const struct model_pod *first = inquiry->matching[0];
    stop(inquiry, hop,
         ke_arena_fmt(inquiry->arena,
                      "none of the %zu pods behind Service %.*s/%.*s is ready: %.*s: %.*s",
                      inquiry->n_matching, KE_STR_ARG(meta->ns), KE_STR_ARG(meta->name),
                      KE_STR_ARG(first->meta.name), KE_STR_ARG(why_not_ready(inquiry, first))),
         ke_arena_fmt(inquiry->arena, "kubectl -n %.*s describe pod %.*s", KE_STR_ARG(meta->ns),
                      KE_STR_ARG(first->meta.name)));
}

/* ---- named target port missing */

static void explain_no_port(struct inquiry *inquiry)
{
    const struct model_meta *meta = &inquiry->service.meta;
    const struct model_service_port *port = inquiry->port;
    struct explain_hop *hop = add_hop(inquiry);
    uint16_t offered = 0;
    ke_auto_buf names = KE_BUF_INIT(LIMIT_LABEL_SELECTOR_BYTES);
    for (size_t i = 0; i < inquiry->n_matching && i < EVIDENCE_MAX; i++) {
        const struct model_pod *pod = inquiry->matching[i];
        ke_buf_addf(&names, "%s%.*s", i > 0 ? ", " : "", KE_STR_ARG(pod->meta.name));
        explain_hop_evidence(inquiry->walk, hop, "pod %.*s declares %zu ports, none named %.*s/%s",
                             KE_STR_ARG(pod->meta.name), pod->n_ports,
                             KE_STR_ARG(port->target_port.name), ke_proto_name(port->proto));
        for (size_t p = 0; p < pod->n_ports && offered == 0; p++) {
            if (pod->ports[p].proto == port->proto)
                offered = pod->ports[p].port;
        }
    }
    stop(inquiry, hop,
         ke_arena_fmt(inquiry->arena,
                      "port %u of Service %.*s/%.*s leads to the port named %.*s, which no pod "
                      "declares: %.*s",
                      (unsigned)port->port, KE_STR_ARG(meta->ns), KE_STR_ARG(meta->name),
                      KE_STR_ARG(port->target_port.name), KE_STR_ARG(ke_buf_str(&names))),
         ke_arena_fmt(inquiry->arena,
                      "kubectl -n %.*s patch service %.*s --type=json -p '[{\"op\":\"replace\","
                      "\"path\":\"/spec/ports/%zu/targetPort\",\"value\":%u}]'",
                      KE_STR_ARG(meta->ns), KE_STR_ARG(meta->name), inquiry->port_index,
                      (unsigned)(offered != 0 ? offered : port->port)));
}

/* ---- no selector */

/* Has some slice an endpoint that is ready? */
static bool has_ready_slice(struct inquiry *inquiry, size_t *n_endpoints)
{
    struct ke_err err = KE_ERR_INIT;
    struct model_pair pair = { KE_STR(SLICE_LABEL_SERVICE), inquiry->service.meta.name };
    struct resource_list_options options = { .ns = inquiry->service.meta.ns };
    struct resource_list list = { .continue_token = NULL };
    bool is_found = false;
    if (resource_list(inquiry->store, model_kind_by_id(MODEL_ENDPOINTSLICE), &options, &list,
                      &err) != KE_OK)
        return true; /* not known: say nothing */
    for (size_t i = 0; i < list.items.n_objects && !is_found; i++) {
        const struct registry_object *object = list.items.objects[i];
        if (!ke_str_eq(model_pairs_get(object->labels, object->n_labels, pair.key), pair.value))
            continue;
        ke_auto_json *json = registry_object_parse(object);
        struct model_endpoint_slice slice;
        if (json == NULL || !model_endpoint_slice_decode(json, inquiry->arena, &slice))
            continue;
        *n_endpoints += slice.n_endpoints;
        for (size_t e = 0; e < slice.n_endpoints; e++)
            is_found = is_found || slice.endpoints[e].is_ready;
    }
    resource_list_free(&list);
    return is_found;
}

static void explain_hand_made(struct inquiry *inquiry)
{
    const struct model_meta *meta = &inquiry->service.meta;
    size_t n_endpoints = 0;
    if (has_ready_slice(inquiry, &n_endpoints))
        return;
    struct explain_hop *hop = add_hop(inquiry);
    explain_hop_evidence(inquiry->walk, hop,
                         "it has no selector: its endpoints are made by hand, and there are %zu",
                         n_endpoints);
    stop(inquiry, hop,
         ke_arena_fmt(inquiry->arena,
                      n_endpoints == 0
                          ? "Service %.*s/%.*s has no selector and nobody made Endpoints or an "
                            "EndpointSlice for it"
                          : "no endpoint in the hand-made slices of Service %.*s/%.*s is ready",
                      KE_STR_ARG(meta->ns), KE_STR_ARG(meta->name)),
         ke_arena_fmt(inquiry->arena, "kubectl -n %.*s get endpoints %.*s -o yaml",
                      KE_STR_ARG(meta->ns), KE_STR_ARG(meta->name)));
}

/* ---- the provider */

static size_t count_with_port(const struct inquiry *inquiry)
{
    size_t n = 0;
    uint16_t number = 0;
    for (size_t i = 0; i < inquiry->n_matching; i++) {
        n += inquiry->port == NULL ||
                     endpoints_find_port(inquiry->matching[i], inquiry->port, &number)
                 ? 1
                 : 0;
    }
    return n;
}

void explain_no_endpoints(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    struct inquiry inquiry = {
        .store = ctx, .walk = walk, .request = request, .arena = explain_walk_arena(walk)
    };
    if (request->service_name.len == 0 || !read_service(&inquiry))
        return;
    find_port(&inquiry);
    if (inquiry.service.n_selector == 0) {
        explain_hand_made(&inquiry);
        return;
    }
    if (!read_pods(&inquiry))
        return;
    bool has_ready = false;
    for (size_t i = 0; i < inquiry.n_matching; i++)
        has_ready = has_ready || is_ready(&inquiry.service, inquiry.matching[i]);
    if (inquiry.n_matching == 0)
        explain_no_match(&inquiry);
    else if (count_with_port(&inquiry) == 0)
        explain_no_port(&inquiry);
    else if (!has_ready)
        explain_not_ready(&inquiry);
}
