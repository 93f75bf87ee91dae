/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_APPLY_KIND_H
#define CORE_MODEL_APPLY_KIND_H
/* The versions of a kind of the catalog, as core/model/apply walks them. Any thread. */
#include "core/model/apply/managers.h"
#include "core/model/kind.h"

/* Borrows kind, which lives as long as the process. */
struct apply_versions apply_versions_of_kind(const struct model_kind *kind);

#endif
