/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_DEFINITION_STATUS_H
#define CORE_CONTROLLER_DEFINITION_STATUS_H
/*
 * What the status of a CustomResourceDefinition is to say: which of its names it gets, and whether
 * it is established. Pure. Source: apiextensions-apiserver pkg/controller/{status,establish,
 * apiapproval,finalizer}.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/map.h"
#include "core/base/str.h"

/* Names that others in the group have: "r:" and a plural, singular or short name; "k:" and a kind
 * or list kind. Values mean nothing. */
bool definition_claim_names(struct ke_map *taken, const cJSON *definition) KE_MUST_CHECK;

/* Brings status.acceptedNames and the conditions about names to what they are to be. now: RFC 3339.
 * False: out of memory. */
bool definition_settle(cJSON *definition, const struct ke_map *taken,
                       struct ke_str now) KE_MUST_CHECK;
/* Sets a condition; lastTransitionTime moves when status does. False: out of memory. */
bool definition_set_condition(cJSON *definition, const char *type, bool status, const char *reason,
                              struct ke_str message, struct ke_str now) KE_MUST_CHECK;
bool definition_has_condition(const cJSON *definition, const char *type);

#endif
