/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_MANAGED_IMPL_H
#define CORE_RESOURCE_MANAGED_IMPL_H
/* Shared by managed.c (updates) and managed_apply.c alone. */
#include "core/model/apply/managers.h"
#include "core/resource/managed.h"

/* One write as core/model/apply sees it, with the memory it works in. Do not copy: it points into
 * itself. */
struct managed_write {
    struct apply_versions versions;
    struct apply_scope scope;
    struct apply_write apply;
    struct apply_work work;
};

/* operation: "Apply" or "Update". False: out of memory; deinit it all the same. */
bool managed_write_init(struct managed_write *write, struct operation *op, const char *operation);
void managed_write_deinit(struct managed_write *write);

/* Objects that were made for a comparison; what sets borrow must outlive their printing. */
struct managed_pair {
    cJSON *before, *after;
};

static inline void managed_pair_deinit(struct managed_pair *pair)
{
    cJSON_Delete(pair->before);
    cJSON_Delete(pair->after);
}

/* Returned: object (stored version; NULL: not there yet) as the client's version shows it. NULL:
 * out of memory. */
cJSON *managed_in_version(const struct operation *op, const cJSON *object);
/* managed given; NULL or empty: nothing is set. False: out of memory. */
bool managed_set(cJSON *object, cJSON *managed);

#endif
