/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_ROUTES_H
#define INGRESS_ROUTES_H
/*
 * The routes: an immutable value made from the Ingress objects of our class, published whole
 * through core/base/snap. Readers: any thread, between ke_snap_read_begin and _end. Built by one
 * thread. Source: Kubernetes Ingress v1 (networking/v1/types.go).
 */
#include <stdint.h>

#include "core/base/mem.h"
#include "core/model/views.h"
#include "core/net/tls/tls.h"
#include "ingress/ingress.h"

#define INGRESS_CONTROLLER   "kedge.io/ingress-controller"
#define INGRESS_LEGACY_CLASS "nginx"

/* Where a request goes. */
struct ingress_target {
    struct ke_str ns;
    struct ke_str service; /* empty: a backend that is no Service */
    struct model_port_ref port;
    struct ke_str ingress; /* NS/NAME of the object, or "--ingress-default-backend" */
    bool is_redirected;    /* HTTP to HTTPS: its Ingress has tls for the host */
};

struct ingress_path {
    struct ke_str path;
    enum model_path_type type;
    struct ingress_target target;
    int64_t created_us; /* of the Ingress: the oldest wins among equals */
};

struct ingress_host {
    struct ke_str name;         /* "" every host; "*.x" one label in front */
    struct ingress_path *paths; /* in order of precedence */
    size_t n_paths, cap_paths;
    bool has_default;
    struct ingress_target fallback; /* of the Ingress that names this host */
};

struct ingress_cert {
    struct ke_str name;    /* host or "*.x" */
    struct tls_cert *cert; /* referenced; NULL: the default one, not that of a wildcard */
};

/* Why something is not served: for plan, trace and Events. */
struct ingress_problem {
    struct ke_str ns, name; /* of the Ingress */
    const char *reason;     /* CamelCase, for the Event */
    struct ke_str message;
    struct ke_str lost_host, lost_path; /* a rule that an older Ingress has already; else empty */
    const struct ke_str *hosts;         /* of its rules, when it is not served at all */
    size_t n_hosts;
};

struct ingress_served {
    struct ke_str ns, name;
};
/* Order of struct ingress_served, for qsort and bsearch. */
int ingress_compare_served(const void *a, const void *b);

struct ingress_routes {
    struct ke_arena *arena; /* all below is in it */
    uint64_t generation;
    struct ingress_host *hosts; /* sorted by name */
    size_t n_hosts;
    bool has_default;
    struct ingress_target fallback;
    struct ingress_cert *certs; /* sorted by name */
    size_t n_certs;
    struct ingress_problem *problems;
    size_t n_problems;
    struct ingress_served *served; /* Ingresses of ours, sorted */
    size_t n_served;
};

/* What the builder is given. Views borrowed during the build only. */
struct ingress_input {
    const struct model_ingress *const *ingresses;
    size_t n_ingresses;
    const struct model_ingress_class *const *classes;
    size_t n_classes;
    const struct ingress_settings *settings;
    /* The certificate of a Secret, referenced; NULL with *why set. */
    struct tls_cert *(*find_cert)(void *ctx, struct ke_str ns, struct ke_str secret,
                                  const char **why);
    /* Names in a certificate of that Secret, for tls entries without hosts: i from 0; false at the
     * end. */
    bool (*cert_name)(void *ctx, struct ke_str ns, struct ke_str secret, size_t i,
                      struct ke_str *out);
    void *ctx;
};
/* NULL: out of memory. */
struct ingress_routes *ingress_routes_build(const struct ingress_input *input);
void ingress_routes_free(struct ingress_routes *routes);

/* Is this Ingress ours? why (may be NULL) is set to a sentence when not. */
bool ingress_is_ours(const struct model_ingress *ingress, const struct ingress_input *input,
                     const char **why);

enum ingress_match {
    INGRESS_MATCH_PATH,    /* a rule */
    INGRESS_MATCH_DEFAULT, /* a default backend */
    INGRESS_MATCH_NONE     /* 404 */
};
struct ingress_found {
    const struct ingress_host *host;     /* NULL: no host fits */
    const struct ingress_path *path;     /* NULL: not by a rule */
    const struct ingress_target *target; /* NULL: 404 */
};
/* host and path normalised. */
enum ingress_match ingress_routes_find(const struct ingress_routes *routes, struct ke_str host,
                                       struct ke_str path, struct ingress_found *out);
/* Borrowed; NULL: the default certificate. */
struct tls_cert *ingress_routes_find_cert(const struct ingress_routes *routes, struct ke_str host);

#endif
