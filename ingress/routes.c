/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up routes: precise host, then wildcard, then every host; then the path. Readers only. */
#include "ingress/routes.h"

#include <stdlib.h>

#include "ingress/path.h"

int ingress_compare_served(const void *a, const void *b)
{
    const struct ingress_served *left = a;
    const struct ingress_served *right = b;
    int order = ke_str_cmp(left->ns, right->ns);
    return order != 0 ? order : ke_str_cmp(left->name, right->name);
}

static int compare_host(const void *key, const void *item)
{
    return ke_str_cmp(*(const struct ke_str *)key, ((const struct ingress_host *)item)->name);
}

static const struct ingress_host *find_exact(const struct ingress_routes *routes,
                                             struct ke_str name)
{
    if (routes->n_hosts == 0)
        return NULL;
    return bsearch(&name, routes->hosts, routes->n_hosts, sizeof(routes->hosts[0]), compare_host);
}

/* "*.rest" for "label.rest"; empty when there is only one label. memory: 256 bytes. */
static struct ke_str wildcard_of(struct ke_str host, char *memory)
{
    size_t dot = ke_str_find(host, '.');
    if (dot == 0 || dot + 1 >= host.len || host.len - dot + 1 > 256)
        return (struct ke_str){ 0 };
    memory[0] = '*';
    memcpy(memory + 1, host.ptr + dot, host.len - dot);
    return ke_str_of(memory, host.len - dot + 1);
}

static const struct ingress_host *find_host(const struct ingress_routes *routes, struct ke_str name)
{
    char memory[256];
    const struct ingress_host *host = find_exact(routes, name);
    if (host != NULL && name.len > 0)
        return host;
    struct ke_str wildcard = wildcard_of(name, memory);
    host = wildcard.len > 0 ? find_exact(routes, wildcard) : NULL;
    return host != NULL ? host : find_exact(routes, KE_STR(""));
}

enum ingress_match ingress_routes_find(const struct ingress_routes *routes, struct ke_str host,
                                       struct ke_str path, struct ingress_found *out)
{
    *out = (struct ingress_found){ .host = find_host(routes, host) };
    for (size_t i = 0; out->host != NULL && i < out->host->n_paths; i++) {
        const struct ingress_path *rule = &out->host->paths[i];
        if (ingress_path_matches(rule->type, rule->path, path)) {
            out->path = rule;
            out->target = &rule->target;
            return INGRESS_MATCH_PATH;
        }
    }
    if (out->host != NULL && out->host->has_default)
        out->target = &out->host->fallback;
    else if (routes->has_default)
        out->target = &routes->fallback;
    return out->target != NULL ? INGRESS_MATCH_DEFAULT : INGRESS_MATCH_NONE;
}

static int compare_cert(const void *key, const void *item)
{
    return ke_str_cmp(*(const struct ke_str *)key, ((const struct ingress_cert *)item)->name);
}

struct tls_cert *ingress_routes_find_cert(const struct ingress_routes *routes, struct ke_str host)
{
    char memory[256];
    if (routes->n_certs == 0 || host.len == 0)
        return NULL;
    const struct ingress_cert *found =
        bsearch(&host, routes->certs, routes->n_certs, sizeof(routes->certs[0]), compare_cert);
    struct ke_str wildcard = wildcard_of(host, memory);
    if (found == NULL && wildcard.len > 0)
        found = bsearch(&wildcard, routes->certs, routes->n_certs, sizeof(routes->certs[0]),
                        compare_cert);
    return found != NULL ? found->cert : NULL;
}

void ingress_routes_free(struct ingress_routes *routes)
{
    if (routes == NULL)
        return;
    for (size_t i = 0; i < routes->n_certs; i++)
        tls_cert_unref(routes->certs[i].cert);
    ke_arena_free(routes->arena); /* routes itself is in it */
}
