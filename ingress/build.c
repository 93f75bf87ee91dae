/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress objects to routes. Ingresses are taken oldest first, so that among equal rules the one
 * that is there stays. Pure but for the certificates it is handed.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/map.h"
#include "ingress/path.h"
#include "ingress/routes.h"

#define ARENA_BYTES (256U << 20)

struct build {
    const struct ingress_input *input;
    struct ingress_routes *routes;
    struct ke_arena *arena;
    struct ke_map *host_index; /* name -> position + 1 */
    struct ke_map *cert_index; /* the same */
    bool has_catch_all;
    size_t cap_hosts, cap_certs, cap_problems;
    bool is_out_of_memory;
};

/* ---- whose it is ---- */

static const struct model_ingress_class *find_class(const struct ingress_input *input,
                                                    struct ke_str name)
{
    for (size_t i = 0; i < input->n_classes; i++) {
        if (ke_str_eq(input->classes[i]->meta.name, name))
            return input->classes[i];
    }
    return NULL;
}

static bool is_own_class(const struct model_ingress_class *ingress_class)
{
    return ke_str_eq_c(ingress_class->controller, INGRESS_CONTROLLER);
}

bool ingress_is_ours(const struct model_ingress *ingress, const struct ingress_input *input,
                     const char **why)
{
    const char *ignored = NULL;
    why = why != NULL ? why : &ignored;
    bool by_field = ingress->class_name.len > 0;
    struct ke_str name = by_field ? ingress->class_name : ingress->class_annotation;
    const struct model_ingress_class *ingress_class = find_class(input, name);
    if (name.len == 0) {
        *why = "it names no class: set spec.ingressClassName";
        return false;
    }
    if (ingress_class != NULL && !is_own_class(ingress_class)) {
        *why = "its class belongs to another controller";
        return false;
    }
    bool is_adopted = ke_str_eq_c(name, INGRESS_LEGACY_CLASS);
    bool is_own_name = ke_str_eq(name, input->settings->class_name);
    if (ingress_class != NULL || is_adopted || (is_own_name && !by_field))
        return true;
    *why = "there is no IngressClass of that name";
    return false;
}

/* ---- parts ---- */

static struct ke_str keep(struct build *build, struct ke_str text)
{
    struct ke_str copy = ke_arena_str(build->arena, text);
    if (copy.ptr == NULL)
        build->is_out_of_memory = true;
    return copy;
}

/* Room for one more item of an array in the arena: doubled by copying, the old one is left behind.
 */
static void *add_item(struct build *build, void **items, size_t *n, size_t *cap, size_t size)
{
    if (*n == *cap) {
        size_t new_cap = *cap == 0 ? 8 : *cap * 2;
        void *grown = ke_arena_alloc_n(build->arena, new_cap, size);
        if (grown == NULL) {
            build->is_out_of_memory = true;
            return NULL;
        }
        if (*n > 0)
            memcpy(grown, *items, *n * size);
        *items = grown;
        *cap = new_cap;
    }
    return (char *)*items + (*n)++ * size;
}

static struct ingress_problem *add_problem(struct build *build, const struct model_ingress *ingress,
                                           const char *reason, struct ke_str message)
{
    struct ingress_problem *problem =
        add_item(build, (void **)&build->routes->problems, &build->routes->n_problems,
                 &build->cap_problems, sizeof(*problem));
    if (problem == NULL)
        return NULL;
    *problem = (struct ingress_problem){ .ns = keep(build, ingress->meta.ns),
                                         .name = keep(build, ingress->meta.name),
                                         .reason = reason,
                                         .message = message };
    return problem;
}

static struct ingress_host *need_host(struct build *build, struct ke_str name)
{
    struct ingress_routes *routes = build->routes;
    char memory[256];
    size_t len = name.len < sizeof(memory) ? name.len : sizeof(memory);
    for (size_t i = 0; i < len; i++)
        memory[i] =
            (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + 32 : name.ptr[i]);
    struct ke_str lower = ke_str_of(memory, len);
    uintptr_t known = (uintptr_t)ke_map_get(build->host_index, lower);
    if (known != 0)
        return &routes->hosts[known - 1];
    struct ingress_host *host = add_item(build, (void **)&routes->hosts, &routes->n_hosts,
                                         &build->cap_hosts, sizeof(*host));
    if (host == NULL)
        return NULL;
    *host = (struct ingress_host){ .name = keep(build, lower) };
    if (!ke_map_set(build->host_index, lower, (void *)(uintptr_t)routes->n_hosts, NULL))
        build->is_out_of_memory = true;
    return host;
}

static struct ingress_target make_target(struct build *build, const struct model_ingress *ingress,
                                         const struct model_ingress_backend *backend)
{
    struct ingress_target target = { .ns = keep(build, ingress->meta.ns),
                                     .service = keep(build, backend->service),
                                     .port = { .number = backend->port.number,
                                               .name = keep(build, backend->port.name) } };
    target.ingress = ke_arena_fmt(build->arena, "%.*s/%.*s", KE_STR_ARG(ingress->meta.ns),
                                  KE_STR_ARG(ingress->meta.name));
    if (backend->service.len == 0) {
        add_problem(build, ingress, "BackendNotSupported",
                    ke_arena_fmt(build->arena, "backend %.*s %.*s is no Service: answered with 503",
                                 KE_STR_ARG(backend->resource_kind),
                                 KE_STR_ARG(backend->resource_name)));
    }
    return target;
}

static const struct ingress_path *find_same(const struct ingress_host *host,
                                            const struct model_ingress_path *path)
{
    for (size_t i = 0; i < host->n_paths; i++) {
        const struct ingress_path *have = &host->paths[i];
        bool is_exact = have->type == MODEL_PATH_EXACT;
        if (ke_str_eq(have->path, path->path) && is_exact == (path->type == MODEL_PATH_EXACT))
            return have;
    }
    return NULL;
}

static void add_path(struct build *build, const struct model_ingress *ingress,
                     struct ingress_host *host, const struct model_ingress_path *path,
                     bool redirects)
{
    const struct ingress_path *same = find_same(host, path);
    if (same != NULL) {
        struct ke_str message = ke_arena_fmt(
            build->arena, "host \"%.*s\" path %.*s is lost to %.*s, which is older",
            KE_STR_ARG(host->name), KE_STR_ARG(path->path), KE_STR_ARG(same->target.ingress));
        struct ingress_problem *problem = add_problem(build, ingress, "PathConflict", message);
        if (problem != NULL) {
            problem->lost_host = host->name;
            problem->lost_path = same->path;
        }
        return;
    }
    struct ingress_path *added =
        add_item(build, (void **)&host->paths, &host->n_paths, &host->cap_paths, sizeof(*added));
    if (added == NULL)
        return;
    *added = (struct ingress_path){ .path = keep(build, path->path),
                                    .type = path->type,
                                    .target = make_target(build, ingress, &path->backend),
                                    .created_us = ingress->meta.created_us };
    added->target.is_redirected = redirects;
}

static bool is_redirect_off(const struct model_ingress *ingress)
{
    struct ke_str nginx = model_pairs_get(ingress->meta.annotations, ingress->meta.n_annotations,
                                          KE_STR("nginx.ingress.kubernetes.io/ssl-redirect"));
    struct ke_str own = model_pairs_get(ingress->meta.annotations, ingress->meta.n_annotations,
                                        KE_STR("ingress.kedge.io/ssl-redirect"));
    return ke_str_eq_c(nginx, "false") || ke_str_eq_c(own, "false");
}

/* Name i that a tls entry is for: as it says, else as its certificate does. */
static bool tls_name(const struct ingress_input *input, const struct model_ingress *ingress,
                     const struct model_ingress_tls *tls, size_t i, struct ke_str *out)
{
    if (tls->n_hosts == 0)
        return tls->secret.len > 0 &&
               input->cert_name(input->ctx, ingress->meta.ns, tls->secret, i, out);
    if (i < tls->n_hosts)
        *out = tls->hosts[i];
    return i < tls->n_hosts;
}

static bool is_redirected(const struct ingress_input *input, const struct model_ingress *ingress,
                          struct ke_str host)
{
    if (ingress->n_tls == 0 || is_redirect_off(ingress))
        return false;
    for (size_t i = 0; i < ingress->n_tls; i++) {
        struct ke_str name = { 0 };
        for (size_t j = 0; tls_name(input, ingress, &ingress->tls[i], j, &name); j++) {
            if (ingress_host_covers(name, host))
                return true;
        }
    }
    return false;
}

static void add_rule(struct build *build, const struct model_ingress *ingress,
                     const struct model_ingress_rule *rule)
{
    struct ingress_host *host = need_host(build, rule->host);
    if (host == NULL)
        return;
    bool redirects = is_redirected(build->input, ingress, rule->host);
    for (size_t i = 0; i < rule->n_paths; i++)
        add_path(build, ingress, host, &rule->paths[i], redirects);
    if (ingress->has_default_backend && !host->has_default) {
        host->fallback = make_target(build, ingress, &ingress->default_backend);
        host->fallback.is_redirected = redirects;
        host->has_default = true;
    }
}

/* ---- certificates ---- */

/* cert NULL: the name is taken, but by nobody who can show a certificate. */
static void add_cert(struct build *build, struct ke_str name, struct tls_cert *cert)
{
    struct ingress_routes *routes = build->routes;
    uintptr_t known = (uintptr_t)ke_map_get(build->cert_index, name);
    struct ingress_cert *item = known != 0 ? &routes->certs[known - 1] : NULL;
    if (item != NULL && (item->cert != NULL || cert == NULL))
        return; /* the oldest Ingress has it */
    if (item == NULL) {
        item = add_item(build, (void **)&routes->certs, &routes->n_certs, &build->cap_certs,
                        sizeof(*item));
        if (item == NULL)
            return;
        *item = (struct ingress_cert){ .name = keep(build, name) };
        if (!ke_map_set(build->cert_index, name, (void *)(uintptr_t)routes->n_certs, NULL))
            build->is_out_of_memory = true;
    }
    item->cert = cert != NULL ? tls_cert_ref(cert) : NULL;
}

static void add_tls(struct build *build, const struct model_ingress *ingress,
                    const struct model_ingress_tls *tls)
{
    const struct ingress_input *input = build->input;
    const char *why = NULL;
    struct ke_str name = { 0 };
    struct tls_cert *cert = NULL;
    if (tls->secret.len == 0)
        return; /* the default certificate, as for a name that nobody has */
    cert = input->find_cert(input->ctx, ingress->meta.ns, tls->secret, &why);
    if (cert == NULL) {
        add_problem(build, ingress, "TLSSecretInvalid",
                    ke_arena_fmt(build->arena,
                                 "Secret %.*s/%.*s: %s: the default certificate is served",
                                 KE_STR_ARG(ingress->meta.ns), KE_STR_ARG(tls->secret), why));
    }
    for (size_t i = 0; tls_name(input, ingress, tls, i, &name); i++)
        add_cert(build, name, cert);
    tls_cert_unref(cert);
}

/* ---- whole ---- */

/* The oldest that is nothing but a default backend has it, else the oldest with rules besides. */
static void add_default(struct build *build, const struct model_ingress *ingress)
{
    struct ingress_routes *routes = build->routes;
    bool is_catch_all = ingress->n_rules == 0;
    if (routes->has_default && (build->has_catch_all || !is_catch_all)) {
        if (is_catch_all) {
            add_problem(build, ingress, "DefaultBackendConflict",
                        ke_arena_fmt(build->arena,
                                     "the default backend is that of %.*s, which is older",
                                     KE_STR_ARG(routes->fallback.ingress)));
        }
        return;
    }
    routes->fallback = make_target(build, ingress, &ingress->default_backend);
    routes->has_default = true;
    build->has_catch_all = is_catch_all;
}

static void add_ingress(struct build *build, const struct model_ingress *ingress)
{
    struct ingress_routes *routes = build->routes;
    for (size_t i = 0; i < ingress->n_rules; i++)
        add_rule(build, ingress, &ingress->rules[i]);
    for (size_t i = 0; i < ingress->n_tls; i++)
        add_tls(build, ingress, &ingress->tls[i]);
    if (ingress->has_default_backend)
        add_default(build, ingress);
    routes->served[routes->n_served++] =
        (struct ingress_served){ keep(build, ingress->meta.ns), keep(build, ingress->meta.name) };
}

static void add_unserved(struct build *build, const struct model_ingress *ingress, const char *why)
{
    struct ingress_routes *routes = build->routes;
    size_t n_before = routes->n_problems;
    struct ke_str *hosts = ke_arena_alloc_n(build->arena, ingress->n_rules + 1, sizeof(*hosts));
    add_problem(build, ingress, NULL, ke_arena_fmt(build->arena, "not served: %s", why));
    if (hosts == NULL || routes->n_problems == n_before) {
        build->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < ingress->n_rules; i++)
        hosts[i] = keep(build, ingress->rules[i].host);
    routes->problems[n_before].hosts = hosts;
    routes->problems[n_before].n_hosts = ingress->n_rules;
}

/* "NS/NAME[:PORT]" */
static void add_option_default(struct build *build)
{
    struct ke_str port = build->input->settings->default_backend;
    struct ke_str name = { 0 };
    struct ke_str ns = { 0 };
    uint64_t number = 0;
    if (build->routes->has_default || port.len == 0 || !ke_str_split(&port, ':', &name) ||
        !ke_str_split(&name, '/', &ns))
        return;
    bool is_number = port.ptr != NULL && ke_str_to_u64(port, UINT16_MAX, &number);
    build->routes->fallback = (struct ingress_target){
        .ns = keep(build, ns),
        .service = keep(build, name),
        .port = { .number = (uint16_t)number,
                  .name = is_number ? (struct ke_str){ 0 } : keep(build, port) },
        .ingress = KE_STR("--ingress-default-backend"),
    };
    build->routes->has_default = true;
}

static int compare_age(const void *a, const void *b)
{
    const struct model_ingress *left = *(const struct model_ingress *const *)a;
    const struct model_ingress *right = *(const struct model_ingress *const *)b;
    if (left->meta.created_us != right->meta.created_us)
        return left->meta.created_us < right->meta.created_us ? -1 : 1;
    int order = ke_str_cmp(left->meta.ns, right->meta.ns);
    return order != 0 ? order : ke_str_cmp(left->meta.name, right->meta.name);
}

/* Longest first, Exact before Prefix on equal length, the oldest among equals. */
static int compare_path(const void *a, const void *b)
{
    const struct ingress_path *left = a;
    const struct ingress_path *right = b;
    if (left->path.len != right->path.len)
        return left->path.len > right->path.len ? -1 : 1;
    bool left_exact = left->type == MODEL_PATH_EXACT;
    bool right_exact = right->type == MODEL_PATH_EXACT;
    if (left_exact != right_exact)
        return left_exact ? -1 : 1;
    int order = ke_str_cmp(left->path, right->path);
    if (order != 0)
        return order;
    return left->created_us < right->created_us ? -1 : left->created_us > right->created_us;
}

static int compare_host(const void *a, const void *b)
{
    return ke_str_cmp(((const struct ingress_host *)a)->name,
                      ((const struct ingress_host *)b)->name);
}

static int compare_cert(const void *a, const void *b)
{
    return ke_str_cmp(((const struct ingress_cert *)a)->name,
                      ((const struct ingress_cert *)b)->name);
}

static void sort_routes(struct ingress_routes *routes)
{
    for (size_t i = 0; i < routes->n_hosts; i++) {
        if (routes->hosts[i].n_paths > 1)
            qsort(routes->hosts[i].paths, routes->hosts[i].n_paths,
                  sizeof(routes->hosts[i].paths[0]), compare_path);
    }
    if (routes->n_hosts > 1)
        qsort(routes->hosts, routes->n_hosts, sizeof(routes->hosts[0]), compare_host);
    if (routes->n_certs > 1)
        qsort(routes->certs, routes->n_certs, sizeof(routes->certs[0]), compare_cert);
    if (routes->n_served > 1)
        qsort(routes->served, routes->n_served, sizeof(routes->served[0]), ingress_compare_served);
}

struct ingress_routes *ingress_routes_build(const struct ingress_input *input)
{
    struct ke_arena *arena = ke_arena_new(ARENA_BYTES);
    struct ingress_routes *routes = arena != NULL ? ke_arena_alloc(arena, sizeof(*routes)) : NULL;
    size_t n = input->n_ingresses;
    ke_auto_ptr const struct model_ingress **sorted = ke_alloc_n(n + 1, sizeof(*sorted));
    KE_AUTO(ke_map) *host_index = ke_map_new();
    KE_AUTO(ke_map) *cert_index = ke_map_new();
    if (routes == NULL || sorted == NULL || host_index == NULL || cert_index == NULL) {
        ke_arena_free(arena);
        return NULL;
    }
    routes->arena = arena;
    routes->served = ke_arena_alloc_n(arena, n + 1, sizeof(*routes->served));
    struct build build = { .input = input,
                           .routes = routes,
                           .arena = arena,
                           .host_index = host_index,
                           .cert_index = cert_index };
    if (n > 0)
        memcpy(sorted, input->ingresses, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare_age);
    build.is_out_of_memory = routes->served == NULL;
    for (size_t i = 0; i < n && !build.is_out_of_memory; i++) {
        const char *why = NULL;
        if (ingress_is_ours(sorted[i], input, &why))
            add_ingress(&build, sorted[i]);
        else
            add_unserved(&build, sorted[i], why);
    }
    add_option_default(&build);
    if (build.is_out_of_memory) {
        ingress_routes_free(routes);
        return NULL;
    }
    sort_routes(routes);
    return routes;
}
