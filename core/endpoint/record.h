/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_RECORD_H
#define CORE_ENDPOINT_RECORD_H
/*
 * A table record: struct endpoint_service with its arrays and texts in one block of memory, packed
 * from a draft. Immutable once made. Pure.
 */
#include "core/base/err.h"
#include "core/endpoint/draft.h"
#include "core/endpoint/table.h"

struct endpoint_record_input {
    struct endpoint_draft_input from;
    const struct endpoint_service *old; /* the record it replaces, or NULL */
    uint64_t id;
    uint64_t generation;
    uint32_t *last_backend_id; /* the last one given away; moved on */
};

/*
 * out: returned (endpoint_record_free); NULL when nothing differs from old but the generation. A
 * backend that old has in the same service port keeps its id. arena: for work, its content is of no
 * use afterwards. Errors: KE_NOMEM.
 */
enum ke_code endpoint_record_build(const struct endpoint_record_input *in, struct ke_arena *arena,
                                   struct endpoint_service **out, struct ke_err *err) KE_MUST_CHECK;
void endpoint_record_free(struct endpoint_service *service); /* NULL is fine */
/* Freed when no reader can hold it. */
void endpoint_record_retire(struct endpoint_service *service);

#endif
