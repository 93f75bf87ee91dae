/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_EXPLAIN_H
#define INGRESS_EXPLAIN_H
/* The ROUTE phase of a trace: which rule a request meets, which lose against it, and why an Ingress
 * is not served. Job threads. */
#include "core/explain/explain.h"
#include "ingress/derive.h"

struct ingress_explainer {
    struct ingress_derive *derive;
    struct endpoint_table *table;
};
explain_provider_fn ingress_explain_route;

const char *ingress_path_type_name(enum model_path_type type);
/* "default/nginx-svc:8080" */
void ingress_target_print(const struct ingress_target *target, struct ke_buf *out);

#endif
