/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_APPLY_MANAGERS_IMPL_H
#define CORE_MODEL_APPLY_MANAGERS_IMPL_H
/* Inside of core/model/apply only: the list of managers. */
#include "core/model/apply/managers.h"

bool apply_manager_is_apply(const struct apply_manager *manager);
/* NULL: not there. */
struct apply_manager *apply_managers_find(struct apply_managers *managers,
                                          const struct apply_manager *wanted);
/* NULL: out of memory. Earlier pointers into managers are void. */
struct apply_manager *apply_managers_add(struct apply_work *work, struct apply_managers *managers,
                                         const struct apply_manager *manager);
/* Who owns nothing is no manager. */
void apply_managers_drop_empty(struct apply_managers *managers);

#endif
