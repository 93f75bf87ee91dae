/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_LABEL_INDEX_H
#define CORE_CONTROLLER_LABEL_INDEX_H
/*
 * From (namespace, key, value) to the objects that carry that label, or ask for it: so that the
 * change of a Pod costs the Services that select it, not all Services. One thread.
 */
#include "core/base/list.h"
#include "core/model/selector.h"

struct label_index;

/* One owner under one label; embedded in the owner. */
struct label_entry {
    struct ke_list link;
    struct label_bucket *bucket; /* NULL: not in the index */
    void *owner;
};

struct label_index *label_index_new(void); /* NULL: out of memory */
void label_index_free(struct label_index *index);
KE_AUTO_DEFINE(label_index)
/* False: out of memory. entry must not be in an index. */
bool label_index_add(struct label_index *index, struct ke_str ns, const struct model_pair *pair,
                     struct label_entry *entry, void *owner) KE_MUST_CHECK;
void label_index_remove(struct label_index *index, struct label_entry *entry);
/* The entries under a label: walk *out with KE_LIST_EACH; false: none. n may be NULL. */
bool label_index_find(const struct label_index *index, struct ke_str ns,
                      const struct model_pair *pair, const struct ke_list **out, size_t *n);

#endif
