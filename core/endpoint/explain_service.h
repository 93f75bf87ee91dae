/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_EXPLAIN_SERVICE_H
#define CORE_ENDPOINT_EXPLAIN_SERVICE_H
/* What the two providers of this folder share. */
#include "core/endpoint/explain.h"

struct endpoint_explain {
    struct endpoint_table *table;
    struct registry *registry; /* NULL: reasons are left out */
};

/* The phases. ctx: struct endpoint_explain. */
void endpoint_explain_service(void *ctx, struct explain_walk *walk,
                              struct explain_request *request);
void endpoint_explain_backends(void *ctx, struct explain_walk *walk,
                               struct explain_request *request);

/* In a read section: the port that the request means, or NULL. */
const struct endpoint_port *endpoint_explain_find_port(const struct endpoint_service *service,
                                                       const struct explain_request *request);

#endif
