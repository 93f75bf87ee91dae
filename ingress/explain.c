/* SPDX-License-Identifier: Apache-2.0 */
/* What the routes say to one request, in words. Job threads; reads snapshots only. */
#include "ingress/explain.h"

#include "ingress/path.h"
#include "ingress/upstream.h"

const char *ingress_path_type_name(enum model_path_type type)
{
    switch (type) {
    case MODEL_PATH_EXACT:
        return "Exact";
    case MODEL_PATH_PREFIX:
        return "Prefix";
    case MODEL_PATH_IMPLEMENTATION:
        return "ImplementationSpecific";
    }
    return "?";
}

void ingress_target_print(const struct ingress_target *target, struct ke_buf *out)
{
    ke_buf_addf(out, "%.*s/%.*s", KE_STR_ARG(target->ns), KE_STR_ARG(target->service));
    if (target->port.name.len > 0)
        ke_buf_addf(out, ":%.*s", KE_STR_ARG(target->port.name));
    else if (target->port.number != 0)
        ke_buf_addf(out, ":%u", target->port.number);
}

static void add_losers(struct explain_walk *walk, struct explain_hop *hop,
                       const struct ingress_found *found, struct ke_str path)
{
    for (size_t i = 0; found->host != NULL && i < found->host->n_paths; i++) {
        const struct ingress_path *rule = &found->host->paths[i];
        if (rule == found->path)
            continue;
        bool would_match = ingress_path_matches(rule->type, rule->path, path);
        explain_hop_evidence(walk, hop, "%s %.*s of %.*s: %s", ingress_path_type_name(rule->type),
                             KE_STR_ARG(rule->path), KE_STR_ARG(rule->target.ingress),
                             would_match ? "matches too, but is less precise" : "does not match");
    }
}

/* Ingresses that have the same rule and came later: somebody may wonder why theirs is not used. */
static void add_later(struct explain_walk *walk, struct explain_hop *hop,
                      const struct ingress_routes *routes, const struct ingress_found *found)
{
    for (size_t i = 0; found->host != NULL && found->path != NULL && i < routes->n_problems; i++) {
        const struct ingress_problem *problem = &routes->problems[i];
        if (problem->lost_path.len > 0 && ke_str_eq(problem->lost_host, found->host->name) &&
            ke_str_eq(problem->lost_path, found->path->path))
            explain_hop_evidence(walk, hop, "Ingress %.*s/%.*s: %.*s", KE_STR_ARG(problem->ns),
                                 KE_STR_ARG(problem->name), KE_STR_ARG(problem->message));
    }
}

/* Of an Ingress that names this host and is not served, or lost a path: the likely culprit. */
static void add_problems(struct explain_walk *walk, struct explain_hop *hop,
                         const struct ingress_routes *routes)
{
    for (size_t i = 0; i < routes->n_problems; i++) {
        explain_hop_evidence(
            walk, hop, "Ingress %.*s/%.*s: %.*s", KE_STR_ARG(routes->problems[i].ns),
            KE_STR_ARG(routes->problems[i].name), KE_STR_ARG(routes->problems[i].message));
    }
}

static bool names_host(const struct ingress_problem *problem, struct ke_str host)
{
    for (size_t i = 0; i < problem->n_hosts; i++) {
        if (problem->hosts[i].len == 0 || ingress_host_covers(problem->hosts[i], host))
            return true;
    }
    return false;
}

/* The Ingress that would have served it, had it been ours. */
static const struct ingress_problem *find_unserved(const struct ingress_routes *routes,
                                                   struct ke_str host)
{
    for (size_t i = 0; i < routes->n_problems; i++) {
        if (names_host(&routes->problems[i], host))
            return &routes->problems[i];
    }
    return NULL;
}

static void stop_no_route(struct explain_walk *walk, const struct explain_request *request,
                          const struct ingress_routes *routes, const struct ingress_found *found,
                          struct ke_str path)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    const struct ingress_problem *unserved = find_unserved(routes, request->host);
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_ROUTE, EXPLAIN_STOP, "%.*s%.*s meets no rule: 404",
                        KE_STR_ARG(request->host), KE_STR_ARG(path));
    add_losers(walk, hop, found, path);
    add_problems(walk, hop, routes);
    if (found->host == NULL && unserved != NULL) {
        explain_hop_stop(walk, hop,
                         ke_arena_fmt(arena, "Ingress %.*s/%.*s is %.*s", KE_STR_ARG(unserved->ns),
                                      KE_STR_ARG(unserved->name), KE_STR_ARG(unserved->message)),
                         ke_arena_fmt(arena,
                                      "kubectl -n %.*s patch ingress %.*s --type merge -p "
                                      "'{\"spec\":{\"ingressClassName\":\"kedge\"}}'",
                                      KE_STR_ARG(unserved->ns), KE_STR_ARG(unserved->name)));
        return;
    }
    struct ke_str cause =
        found->host != NULL
            ? ke_arena_fmt(arena, "no path of host %.*s matches %.*s", KE_STR_ARG(request->host),
                           KE_STR_ARG(path))
            : ke_arena_fmt(arena, "no Ingress has a rule for host %.*s", KE_STR_ARG(request->host));
    explain_hop_stop(walk, hop, cause, KE_STR("kubectl get ingress -A"));
}

/* A Secret that cannot be used does not stop the request, but its clients will not trust it. */
static bool stop_bad_certificate(struct explain_walk *walk, const struct explain_request *request,
                                 const struct ingress_routes *routes,
                                 const struct ingress_found *found)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    if (!request->is_https || ingress_routes_find_cert(routes, request->host) != NULL)
        return false;
    for (size_t i = 0; i < routes->n_problems; i++) {
        const struct ingress_problem *problem = &routes->problems[i];
        struct ke_str full =
            ke_arena_fmt(arena, "%.*s/%.*s", KE_STR_ARG(problem->ns), KE_STR_ARG(problem->name));
        if (problem->reason == NULL || !ke_str_eq_c(KE_STR("TLSSecretInvalid"), problem->reason) ||
            found->target == NULL || !ke_str_eq(full, found->target->ingress))
            continue;
        struct explain_hop *hop =
            explain_hop_add(walk, EXPLAIN_ROUTE, EXPLAIN_STOP, "no certificate for %.*s",
                            KE_STR_ARG(request->host));
        explain_hop_stop(
            walk, hop, problem->message,
            ke_arena_fmt(arena, "kubectl -n %.*s create secret tls NAME --cert=FILE --key=FILE",
                         KE_STR_ARG(problem->ns)));
        return true;
    }
    return false;
}

static void take_target(struct ke_arena *arena, struct explain_request *request,
                        const struct ingress_target *target)
{
    request->service_ns = ke_arena_str(arena, target->ns);
    request->service_name = ke_arena_str(arena, target->service);
    request->service_port = target->port.name.len > 0
                                ? ke_arena_str(arena, target->port.name)
                                : ke_arena_fmt(arena, "%u", target->port.number);
    if (target->port.name.len == 0 && target->port.number == 0)
        request->service_port = (struct ke_str){ 0 };
    request->proto = KE_PROTO_TCP;
    request->has_address = false;
}

static void explain_found(const struct ingress_routes *routes, struct explain_walk *walk,
                          struct explain_request *request, const struct ingress_found *found,
                          struct ke_str path)
{
    char text[512];
    struct ke_buf target = KE_BUF_FIXED(text, sizeof(text));
    ingress_target_print(found->target, &target);
    struct explain_hop *hop = explain_hop_add(walk, EXPLAIN_ROUTE, EXPLAIN_PASS, "%.*s%.*s -> %.*s",
                                              KE_STR_ARG(request->host), KE_STR_ARG(path),
                                              KE_STR_ARG(ke_buf_str(&target)));
    if (found->path != NULL) {
        explain_hop_evidence(walk, hop, "rule %s %.*s of Ingress %.*s",
                             ingress_path_type_name(found->path->type),
                             KE_STR_ARG(found->path->path), KE_STR_ARG(found->target->ingress));
    } else {
        explain_hop_evidence(walk, hop, "default backend of %.*s",
                             KE_STR_ARG(found->target->ingress));
    }
    add_losers(walk, hop, found, path);
    add_later(walk, hop, routes, found);
    if (!stop_bad_certificate(walk, request, routes, found))
        take_target(explain_walk_arena(walk), request, found->target);
}

void ingress_explain_route(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    const struct ingress_explainer *explainer = ctx;
    char memory[4096];
    struct ke_str path = request->path.len > 0 ? request->path : KE_STR("/");
    struct ingress_found found = { 0 };
    if (!request->is_http && !request->is_https)
        return;
    path = ke_str_sub(path, 0, ke_str_find(path, '?'));
    if (path.len > sizeof(memory) || !ingress_path_normalise(path, memory, &path))
        return;
    ke_snap_read_begin();
    const struct ingress_routes *routes = ingress_derive_routes(explainer->derive);
    if (routes == NULL) {
        struct explain_hop *hop =
            explain_hop_add(walk, EXPLAIN_ROUTE, EXPLAIN_STOP, "no routes yet");
        explain_hop_stop(walk, hop, KE_STR("the ingress router has not synced yet"), KE_STR(""));
    } else if (ingress_routes_find(routes, request->host, path, &found) == INGRESS_MATCH_NONE) {
        stop_no_route(walk, request, routes, &found, path);
    } else {
        explain_found(routes, walk, request, &found, path);
    }
    ke_snap_read_end();
}
