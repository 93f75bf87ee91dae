/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice of the server behind a proxy request. Any thread.
 */
#include "core/api/proxy/address.h"

#include "core/base/json.h"
#include "core/base/rand.h"
#include "core/model/selector.h"

#define SERVICE_LABEL  "kubernetes.io/service-name"
#define SELECTOR_BYTES 512

bool proxy_name_parse(struct ke_str text, struct proxy_name *out)
{
    struct ke_str parts[4] = { { NULL, 0 } };
    size_t n = 0;
    struct ke_str rest = text;
    while (n < KE_ARRAY_LEN(parts) && ke_str_split(&rest, ':', &parts[n])) {
        n++;
    }
    struct proxy_name found = { .is_tls = false };
    if (n == 1) {
        found.name = parts[0];
    } else if (n == 2) {
        found.name = parts[0];
        found.port = parts[1];
    } else if (n == 3) {
        found.is_tls = ke_str_eq_c(parts[0], "https");
        found.name = parts[1];
        found.port = parts[2];
        if (!found.is_tls && parts[0].len > 0 && !ke_str_eq_c(parts[0], "http")) {
            return false;
        }
    }
    if (found.name.len == 0) {
        return false;
    }
    *out = found;
    return true;
}

static bool is_allowed(const struct ke_ip *ip)
{
    return !ke_ip_is_loopback(ip) && !ke_ip_is_unspecified(ip) && !ke_ip_is_link_local(ip) &&
           !ke_ip_is_multicast(ip) &&
           !(ip->family == KE_FAMILY_IPV4 && ip->b[0] == 255 && ip->b[1] == 255 &&
             ip->b[2] == 255 && ip->b[3] == 255);
}

static enum ke_code get(struct resource_store *store, enum model_kind_id kind, struct ke_str ns,
                        struct ke_str name, cJSON **out, struct ke_err *err)
{
    ke_auto_object *object = NULL;
    enum ke_code rc = resource_get(store, model_kind_by_id(kind), ns, name, &object, err);
    if (rc != KE_OK) {
        return rc;
    }
    *out = registry_object_parse(object);
    return *out != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "out of memory");
}

/* ---- pods --------------------------------------------------------------------------------------
 */

/* The first port that any container names. */
static uint16_t first_port(const cJSON *pod)
{
    const cJSON *container;
    cJSON_ArrayForEach(container, ke_json_path(pod, "spec.containers")) {
        const cJSON *ports = ke_json_get(container, "ports");
        int64_t port = ke_json_i64(ports != NULL ? ports->child : NULL, "containerPort", 0);
        if (port > 0 && port <= UINT16_MAX) {
            return (uint16_t)port;
        }
    }
    return 0;
}

static enum ke_code find_pod(struct resource_store *store, struct ke_str ns,
                             const struct proxy_name *name, struct proxy_address *out,
                             struct ke_err *err)
{
    ke_auto_json *pod = NULL;
    uint64_t port = 0;
    struct proxy_address found = { .is_tls = name->is_tls };
    enum ke_code rc = get(store, MODEL_POD, ns, name->name, &pod, err);
    if (rc != KE_OK) {
        return rc;
    }
    struct ke_str ip = ke_json_path_str(pod, "status.podIP");
    if (ke_ip_parse(ip, &found.at.ip, err) != KE_OK || !is_allowed(&found.at.ip)) {
        return ke_fail(err, KE_MALFORMED, "address not allowed");
    }
    if (name->port.len > 0) {
        if (!ke_str_to_u64(name->port, UINT16_MAX, &port)) {
            return ke_fail(err, KE_MALFORMED, "invalid pod request \"%.*s:%.*s\"",
                           KE_STR_ARG(name->name), KE_STR_ARG(name->port));
        }
        found.at.port = (uint16_t)port;
    } else {
        found.at.port = first_port(pod);
    }
    if (found.at.port == 0) {
        found.at.port = found.is_tls ? 443 : 80;
    }
    *out = found;
    return KE_OK;
}

/* ---- services ----------------------------------------------------------------------------------
 */

/* The name of the port that is asked for by number or name. */
static enum ke_code find_port(const cJSON *service, const struct proxy_name *name,
                              struct ke_str *out, struct ke_err *err)
{
    uint64_t number = 0;
    if (!ke_str_to_u64(name->port, UINT16_MAX, &number)) {
        *out = name->port;
        return KE_OK;
    }
    const cJSON *port;
    cJSON_ArrayForEach(port, ke_json_path(service, "spec.ports")) {
        if (ke_json_i64(port, "port", 0) == (int64_t)number) {
            *out = ke_json_str(port, "name");
            return KE_OK;
        }
    }
    return ke_fail(err, KE_UNAVAILABLE, "no service port %u found for service \"%.*s\"",
                   (unsigned)number, KE_STR_ARG(name->name));
}

/* The number that a slice gives the port; 0: it has none of that name. */
static uint16_t slice_port(const cJSON *slice, struct ke_str name)
{
    const cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get(slice, "ports")) {
        struct ke_str protocol = ke_json_str(port, "protocol");
        int64_t number = ke_json_i64(port, "port", 0);
        bool is_tcp = protocol.len == 0 || ke_str_eq_c(protocol, "TCP");
        if (is_tcp && ke_str_eq(ke_json_str(port, "name"), name) && number > 0 &&
            number <= UINT16_MAX) {
            return (uint16_t)number;
        }
    }
    return 0;
}

static bool pod_has_ip(const cJSON *pod, const struct ke_ip *ip)
{
    struct ke_ip one;
    struct ke_err err;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(pod, "status.podIPs")) {
        if (ke_ip_parse(ke_json_str(item, "ip"), &one, &err) == KE_OK && ke_ip_eq(&one, ip)) {
            return true;
        }
    }
    return false;
}

/* A ready endpoint that may be gone to. */
static bool is_good_endpoint(struct resource_store *store, struct ke_str ns, const cJSON *endpoint,
                             struct ke_ip *out)
{
    struct ke_err err;
    const cJSON *addresses = ke_json_get(endpoint, "addresses");
    const cJSON *target = ke_json_get(endpoint, "targetRef");
    struct ke_str target_ns = ke_json_str(target, "namespace");
    if (!ke_json_bool(ke_json_get(endpoint, "conditions"), "ready", true) || addresses == NULL ||
        addresses->child == NULL || !ke_str_eq_c(ke_json_str(target, "kind"), "Pod") ||
        (target_ns.len > 0 && !ke_str_eq(target_ns, ns))) {
        return false;
    }
    if (ke_ip_parse(ke_json_value_str(addresses->child), out, &err) != KE_OK || !is_allowed(out)) {
        return false;
    }
    ke_auto_json *pod = NULL;
    return get(store, MODEL_POD, ns, ke_json_str(target, "name"), &pod, &err) == KE_OK &&
           pod_has_ip(pod, out);
}

/* One of the slice's endpoints, each with the same chance: the search begins anywhere. */
static bool pick_endpoint(struct resource_store *store, struct ke_str ns, const cJSON *slice,
                          struct ke_ip *out)
{
    const cJSON *endpoints = ke_json_get(slice, "endpoints");
    int n = cJSON_GetArraySize(endpoints);
    const cJSON *first = endpoints != NULL ? endpoints->child : NULL;
    const cJSON *at = first;
    for (uint32_t skip = n > 0 ? ke_rand_below((uint32_t)n) : 0; at != NULL && skip > 0; skip--) {
        at = at->next;
    }
    for (int i = 0; i < n && at != NULL; i++) {
        if (is_good_endpoint(store, ns, at, out)) {
            return true;
        }
        at = at->next != NULL ? at->next : first;
    }
    return false;
}

static enum ke_code list_slices(struct resource_store *store, struct ke_str ns, struct ke_str name,
                                struct resource_list *out, struct ke_err *err)
{
    char memory[SELECTOR_BYTES];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    struct model_selector *labels = NULL;
    ke_buf_addf(&text, SERVICE_LABEL "=%.*s", KE_STR_ARG(name));
    enum ke_code rc = ke_buf_check(&text, "selector", err);
    if (rc == KE_OK) {
        rc = model_selector_parse_labels(ke_buf_str(&text), &labels, err);
    }
    if (rc == KE_OK) {
        struct resource_list_options options = { .ns = ns, .labels = labels };
        rc = resource_list(store, model_kind_by_id(MODEL_ENDPOINTSLICE), &options, out, err);
    }
    model_selector_free(labels);
    return rc;
}

static bool pick_in_slices(struct resource_store *store, const struct resource_list *slices,
                           struct ke_str ns, struct ke_str port, struct ke_endpoint *out)
{
    size_t n = slices->items.n_objects;
    size_t begin = n > 0 ? ke_rand_below((uint32_t)n) : 0;
    for (size_t i = 0; i < n; i++) {
        ke_auto_json *slice = registry_object_parse(slices->items.objects[(begin + i) % n]);
        out->port = slice_port(slice, port);
        if (out->port != 0 && pick_endpoint(store, ns, slice, &out->ip)) {
            return true;
        }
    }
    return false;
}

static enum ke_code find_service(struct resource_store *store, struct ke_str ns,
                                 const struct proxy_name *name, struct proxy_address *out,
                                 struct ke_err *err)
{
    ke_auto_json *service = NULL;
    struct ke_str port = { NULL, 0 };
    struct resource_list slices = { .n_remaining = -1 };
    struct proxy_address found = { .is_tls = name->is_tls };
    enum ke_code rc = get(store, MODEL_SERVICE, ns, name->name, &service, err);
    if (rc == KE_OK) {
        rc = find_port(service, name, &port, err);
    }
    if (rc == KE_OK) {
        rc = list_slices(store, ns, name->name, &slices, err);
    }
    if (rc != KE_OK) {
        return rc;
    }
    bool is_found = pick_in_slices(store, &slices, ns, port, &found.at);
    resource_list_free(&slices);
    if (!is_found) {
        return ke_fail(err, KE_UNAVAILABLE, "no endpoints available for service \"%.*s\"",
                       KE_STR_ARG(name->name));
    }
    *out = found;
    return KE_OK;
}

enum ke_code proxy_find_address(struct resource_store *store, const struct api_target *target,
                                struct proxy_address *out, struct ke_err *err)
{
    struct proxy_name name;
    bool is_pod = ke_str_eq_c(target->resource, "pods");
    if (!proxy_name_parse(target->name, &name)) {
        return ke_fail(err, KE_MALFORMED, "invalid %s request \"%.*s\"", is_pod ? "pod" : "service",
                       KE_STR_ARG(target->name));
    }
    return is_pod ? find_pod(store, target->ns, &name, out, err)
                  : find_service(store, target->ns, &name, out, err);
}
