/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_DERIVE_H
#define INGRESS_DERIVE_H
/*
 * The thread that keeps the routes equal to the objects: a reflector of Ingresses, IngressClasses
 * and Secrets; after each burst of changes new routes are built and published.
 */
#include "ingress/routes.h"

struct ingress_derive;

struct ingress_derive_options {
    const struct ingress_settings *settings; /* borrowed, as is all below */
    struct watch_hub *hub;
    struct report *report;
};
enum ke_code ingress_derive_new(const struct ingress_derive_options *options,
                                struct ingress_derive **out, struct ke_err *err) KE_MUST_CHECK;
enum ke_code ingress_derive_start(struct ingress_derive *derive, struct ke_err *err) KE_MUST_CHECK;
void ingress_derive_stop(struct ingress_derive *derive);
void ingress_derive_free(struct ingress_derive *derive);
/* Between ke_snap_read_begin and _end. NULL: not synced yet. */
const struct ingress_routes *ingress_derive_routes(struct ingress_derive *derive);
bool ingress_derive_is_synced(struct ingress_derive *derive);

/* One Secret's certificate. Referenced; NULL with *why. For derive and plan. */
struct tls_cert *ingress_cert_from_secret(const cJSON *secret, const char **why);
/* Name i in its certificate; false at the end. *out is in memory of 256 bytes. */
bool ingress_cert_name(const cJSON *secret, size_t i, char *memory, struct ke_str *out);

#endif
