/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_PRIORITYCLASS_H
#define CORE_MODEL_KINDS_PRIORITYCLASS_H
/* Which priority classes are the system's. Pure; any thread. */
#include <stdbool.h>

#include "core/base/str.h"

bool priorityclass_is_system(struct ke_str name);

#endif
