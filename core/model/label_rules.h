/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_LABEL_RULES_H
#define CORE_MODEL_LABEL_RULES_H
/*
 * What a label key and a label value may look like, with the words that clients know. Pure.
 * Source: apimachinery util/validation (IsQualifiedName, IsValidLabelValue).
 */
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/str.h"

/* Each: true when fine; else the problems, joined by "; ", are appended to problems. */
bool model_label_key_check(struct ke_str key, struct ke_buf *problems) KE_MUST_CHECK;
bool model_label_value_check(struct ke_str value, struct ke_buf *problems) KE_MUST_CHECK;

#endif
