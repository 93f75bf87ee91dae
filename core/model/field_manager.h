/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_FIELD_MANAGER_H
#define CORE_MODEL_FIELD_MANAGER_H
/* Names of those who write fields (fieldManager, managedFields). Pure; any thread. */
#include "core/model/path.h"

/* At most LIMIT_FIELD_MANAGER_BYTES of printable characters. Empty is fine. */
void model_check_field_manager(struct model_issues *issues, struct model_path path,
                               struct ke_str manager);
/* "kubectl" of "kubectl/v1.33.0 (linux/amd64)": who owns what a client writes that names no
 * manager; "unknown" when it says nothing. Of the arena, or a constant. */
struct ke_str model_field_manager_of_agent(struct ke_str user_agent, struct ke_arena *arena);

#endif
