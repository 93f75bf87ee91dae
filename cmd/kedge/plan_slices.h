/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_PLAN_SLICES_H
#define CMD_KEDGE_PLAN_SLICES_H
/*
 * The EndpointSlices that the controllers would make of a folder of objects: from Services with a
 * selector and their Pods, and from hand-made Endpoints. By the controllers' own deciding code.
 * Main thread.
 */
#include "cmd/kedge/manifest.h"
#include "core/endpoint/derive.h"

/* Puts them into the table. Errors: KE_NOMEM. */
enum ke_code plan_slices_put(const struct manifest_list *objects, struct endpoint_table *table,
                             struct ke_err *err) KE_MUST_CHECK;

#endif
