/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_PART_H
#define CORE_RESOURCE_PART_H
/*
 * What a request may read and write of an object: the object itself, or one of its subresources. A
 * subresource that is served has a row here (by its name: none means two things) and one in the
 * kind's own row (core/model/kind.h), which says what it speaks and which verbs it has. To add one:
 * a file with its row, a line in part.c. Constant data; hooks run on the operation's thread.
 * Source: apiserver pkg/registry/rest (Getter, Updater, NamedCreater) and the REST storages of
 * pkg/registry/{core,apps,policy}.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/model/kind.h"
#include "core/registry/object.h"

struct operation;

struct operation_part {
    const char *name;       /* of the subresource; "": the object */
    bool is_main;           /* creates where nothing is, takes addresses, needs a resourceVersion */
    bool counts_generation; /* where the kind counts */
    unsigned n_attempts;    /* against conflicts; 0: OPERATION_ATTEMPTS */
    /*
     * What a GET answers and a patch starts from, made from the stored object. NULL: the object as
     * it is. out returned, of the kind that is spoken, with name, namespace, uid and
     * creationTimestamp. False: out of memory.
     */
    bool (*show)(const struct model_kind *kind, const struct model_subresource *subresource,
                 const cJSON *object, cJSON **out);
    /*
     * Update and patch: *object comes as decoded (and defaulted where the kind itself is spoken)
     * and leaves as the whole stored object, with everything of old that this part cannot change.
     */
    enum ke_code (*merge)(struct operation *op, cJSON **object, const cJSON *old);
    /* Reports into op->issues. NULL: all is well. */
    void (*validate)(struct operation *op, const cJSON *object, const cJSON *old);
    /* POST to the subresource, in the turn of the object: reads op->body, answers as any verb does.
     * NULL: no such verb. */
    enum ke_code (*create)(struct operation *op);
};

/* NULL: nobody serves it here. */
const struct operation_part *part_find(struct ke_str subresource);

extern const struct operation_part part_main, part_status, part_finalize, part_scale, part_approval,
    part_binding, part_ephemeral, part_eviction;

/*
 * The object as the part shows it, to be answered: object itself, referenced, where the part has
 * no form of its own. Any thread. Errors: KE_NOMEM, KE_TOO_LARGE.
 */
enum ke_code part_show(const struct operation_part *part, const struct model_kind *kind,
                       const struct model_subresource *subresource,
                       const struct registry_object *object, struct registry_object **out,
                       struct ke_err *err) KE_MUST_CHECK;

#endif
