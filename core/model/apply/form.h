/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_APPLY_FORM_H
#define CORE_MODEL_APPLY_FORM_H
/* The versions of a kind, built in or custom, as core/model/apply walks them. Any thread. */
#include "core/model/apply/managers.h"
#include "core/model/form.h"

/* Borrows form, which is open as long as the versions are used. */
struct apply_versions apply_versions_of_form(const struct model_form *form);

#endif
