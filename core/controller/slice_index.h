/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_SLICE_INDEX_H
#define CORE_CONTROLLER_SLICE_INDEX_H
/* The EndpointSlices that one controller manages, by the Service they are for; and writing what
 * slices_plan_make decided. Controllers thread. */
#include "core/controller/controller.h"
#include "core/controller/slices.h"

struct slice_index;

/* managed_by: literal. NULL: out of memory. */
struct slice_index *slice_index_new(const char *managed_by);
void slice_index_free(struct slice_index *index);
/* True when the slice is one of ours (out_service: borrowed from it). object: any kind. */
bool slice_index_put(struct slice_index *index, const struct registry_object *object,
                     struct ke_str *out_service);
bool slice_index_delete(struct slice_index *index, const struct registry_object *object,
                        struct ke_str *out_service);
/* Brings the slices of wish's owner (named as the Service) to what it says. False: out of memory.
 */
bool slice_index_apply(struct slice_index *index, const struct slices_wish *wish,
                       struct work_item *item) KE_MUST_CHECK;
/* Deletes all slices of a Service. */
void slice_index_remove_all(struct slice_index *index, struct ke_str ns, struct ke_str service,
                            struct work_item *item);

#endif
