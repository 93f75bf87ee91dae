/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_BLOCK_H
#define CORE_REGISTRY_BLOCK_H
/*
 * The memory behind an object, private to core/registry: the count of references, and the links of
 * the cache's tree. The links sit in the object so that publishing a commit that is on disk needs
 * no memory and cannot fail. The links belong to the cache: only its writer changes them, under its
 * lock; everything else never changes after publication.
 */
#include <stdatomic.h>

#include "core/registry/object.h"

struct registry_block {
    atomic_uint refs;
    uint32_t size; /* bytes of the whole block */
    struct registry_object *left;
    struct registry_object *right;
    uint32_t priority; /* of the treap: a hash of the key */
    uint32_t count;    /* objects in this subtree */
    struct registry_object object;
};

static inline struct registry_block *registry_block_of(const struct registry_object *object)
{
    return (struct registry_block *)((uintptr_t)object - offsetof(struct registry_block, object));
}

#endif
