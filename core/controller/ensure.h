/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_ENSURE_H
#define CORE_CONTROLLER_ENSURE_H
/* Keeping an object as it should be without touching what others put into it. Controllers thread.
 */
#include <cjson/cJSON.h>

#include "core/controller/controller.h"

/*
 * Is everything that wanted says in object too? Lists must agree whole. Pure. So a field that the
 * API defaults, or another writer owns, is no difference.
 */
bool ensure_is_within(const cJSON *wanted, const cJSON *object);

/* The JSON text in buf, parsed; NULL: out of memory (or not JSON: a bug). Empties buf. */
cJSON *ensure_parse(struct ke_buf *buf);

struct ensure_target {
    enum model_kind_id kind;
    struct ke_str ns, name;
    struct ke_str subresource; /* of the patch; the create is of the whole object */
};
/* Creates or patches what is missing; wanted given (NULL: tried again later). */
void ensure_object(struct controller_env *env, struct work_item *item,
                   const struct ensure_target *target, cJSON *wanted);

#endif
