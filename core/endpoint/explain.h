/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_EXPLAIN_H
#define CORE_ENDPOINT_EXPLAIN_H
/*
 * What the endpoint table has to say in a walk: which service and port a request is for, and each
 * of its backends, connected to. Reads snapshots only; runs on job threads.
 */
#include "core/endpoint/table.h"
#include "core/explain/explain.h"
#include "core/registry/registry.h"

struct endpoint_explain;

/*
 * table, registry: borrowed, must outlive it. registry may be NULL: then the reason why a Pod is
 * not ready is left out. Errors: KE_NOMEM.
 */
enum ke_code endpoint_explain_new(struct endpoint_table *table, struct registry *registry,
                                  struct endpoint_explain **out, struct ke_err *err) KE_MUST_CHECK;
void endpoint_explain_free(struct endpoint_explain *self); /* no walk runs any more */
KE_AUTO_DEFINE(endpoint_explain)
/* Registers the providers of the phases SERVICE and BACKEND. Errors: as explain_register. */
enum ke_code endpoint_explain_register(struct endpoint_explain *self, struct explain *explain,
                                       struct ke_err *err) KE_MUST_CHECK;

#endif
