/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_PATCH_STRATEGIC_H
#define CORE_MODEL_PATCH_STRATEGIC_H
/*
 * Inside of core/model only: what the two halves of the strategic merge share: objects
 * (patch_strategic.c) and lists (patch_list.c). Both work on copies that may be torn apart; what
 * leaves an object goes to the trash and stays alive until the end.
 */
#include "core/base/json.h"
#include "core/model/patch.h"
#include "core/model/schema.h"

struct smp {
    cJSON *trash; /* a list: nodes that left the object, alive until the end */
    struct ke_err *err;
};

/* What the schema knows of a value; both NULL: nothing, merged as plain JSON. */
struct smp_type {
    const struct model_message *message; /* an object, or the elements of a list */
    const struct model_field *map;       /* a map, whose values are of this field */
};

/* The two lists of one field, and how to merge them. */
struct smp_lists {
    cJSON *original;
    cJSON *patch;
    struct smp_type element;
    const char *merge_key; /* NULL: scalars */
};

/* Members are looked up one by one: large objects cost the product of their sizes. KE_TOO_LARGE. */
enum ke_code patch_check_steps(const cJSON *target, const cJSON *patch,
                               struct ke_err *err) KE_MUST_CHECK;
enum ke_code smp_merge_map(struct smp *s, cJSON *original, cJSON *patch,
                           struct smp_type type) KE_MUST_CHECK;
/* Merges lists->patch into lists->original. */
enum ke_code smp_merge_list(struct smp *s, const struct smp_lists *lists) KE_MUST_CHECK;
/* $deleteFromPrimitiveList: takes the elements of patch out of original. */
void smp_delete_from_list(struct smp *s, cJSON *original, const cJSON *patch);
/* Does the order of patch agree with $setElementOrder? Before the two are merged. */
enum ke_code smp_check_element_order(struct smp *s, const struct smp_lists *lists,
                                     const cJSON *order) KE_MUST_CHECK;
/* Puts list in the order that order asks for; server_order: the list as it was. */
enum ke_code smp_apply_element_order(struct smp *s, cJSON *list, const cJSON *order,
                                     const cJSON *server_order,
                                     const char *merge_key) KE_MUST_CHECK;
/* Takes directives and nulls out of a value that becomes data. False: nothing is left of it. */
bool smp_clean_value(struct smp *s, cJSON *value);
void smp_discard(struct smp *s, cJSON *parent, cJSON *node);

#endif
