/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_LIMITS_INDEX_H
#define CORE_RESOURCE_LIMITS_INDEX_H
/*
 * Which namespaces have ResourceQuotas or LimitRanges: followed through a watch stream that is read
 * when somebody asks, so that a write into a namespace without them costs one look-up, and one that
 * was answered is seen by every write after it. Any thread; a mutex guards it.
 */
#include "core/base/err.h"
#include "core/base/str.h"

struct limits_index;
struct watch_hub;

struct limits_count {
    size_t n_quotas;
    size_t n_limit_ranges;
};

/* hub borrowed. Errors: KE_NOMEM. Reads nothing yet. */
enum ke_code limits_index_new(struct watch_hub *hub, struct limits_index **out,
                              struct ke_err *err) KE_MUST_CHECK;
void limits_index_free(struct limits_index *index); /* NULL is fine */
/* Of one namespace, with everything committed until now. Errors: KE_NOMEM, as registry_list. */
enum ke_code limits_index_count(struct limits_index *index, struct ke_str ns,
                                struct limits_count *out, struct ke_err *err) KE_MUST_CHECK;

#endif
