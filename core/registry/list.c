/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: the keys of a range as they are, or as they were: the first change of a key after a
 * revision knows what the key held then. Any thread, under the cache's read lock while references
 * are taken.
 */
#include <inttypes.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/registry/cache.h"

/* What a key held at the revision asked for; object NULL: it was not there. */
struct undo {
    struct ke_str key;
    struct registry_object *object;
    size_t order;
};

struct lister {
    struct ke_str prefix;
    struct ke_str start_after;
    size_t limit;
    struct registry_list list;
    size_t cap;
    struct undo *undos; /* sorted by key, one a key */
    size_t n_undos;
    size_t next_undo;
    bool is_out_of_memory;
    bool has_counted; /* the objects after the limit were counted by rank */
};

static bool is_wanted(const struct lister *lister, struct ke_str key)
{
    return registry_key_is_under(key, lister->prefix) &&
           (lister->start_after.len == 0 || ke_str_cmp(key, lister->start_after) > 0);
}

/* False ends the walk. */
static bool take(struct lister *lister, struct registry_object *object)
{
    struct registry_list *list = &lister->list;
    if (lister->limit > 0 && list->n_objects == lister->limit) {
        list->n_remaining++;
        return true;
    }
    if (list->n_objects == lister->cap) {
        void *grown = list->objects;
        if (!ke_grow(&grown, &lister->cap, list->n_objects + 1, sizeof(struct registry_object *))) {
            lister->is_out_of_memory = true;
            return false;
        }
        list->objects = grown;
    }
    list->objects[list->n_objects++] = registry_object_ref(object);
    return true;
}

/* Gives what was there before key (or, with an empty key, all that is left) from the undos. */
static bool take_undos_before(struct lister *lister, struct ke_str key)
{
    while (lister->next_undo < lister->n_undos) {
        const struct undo *undo = &lister->undos[lister->next_undo];
        if (key.len > 0 && ke_str_cmp(undo->key, key) >= 0)
            return true;
        lister->next_undo++;
        if (undo->object != NULL && !take(lister, undo->object))
            return false;
    }
    return true;
}

static bool visit(void *ctx, struct registry_object *object)
{
    struct lister *lister = ctx;
    if (!registry_key_is_under(object->key, lister->prefix))
        return false; /* the walk began in the range: this is behind it */
    if (lister->start_after.len > 0 && ke_str_cmp(object->key, lister->start_after) <= 0)
        return true;
    if (!take_undos_before(lister, object->key))
        return false;
    if (lister->next_undo < lister->n_undos &&
        ke_str_eq(lister->undos[lister->next_undo].key, object->key)) {
        const struct undo *undo = &lister->undos[lister->next_undo++];
        return undo->object == NULL || take(lister, undo->object);
    }
    /* Without undos what follows the limit is counted by rank, not by walking. */
    if (lister->n_undos == 0 && lister->limit > 0 && lister->list.n_objects == lister->limit) {
        lister->has_counted = true;
        return false;
    }
    return take(lister, object);
}

static int undo_compare(const void *a, const void *b)
{
    const struct undo *x = a;
    const struct undo *y = b;
    int order = ke_str_cmp(x->key, y->key);
    if (order != 0)
        return order;
    return x->order < y->order ? -1 : 1;
}

/* The first change of each key after the revision. */
static enum ke_code collect_undos(struct lister *lister, const struct registry_history *history,
                                  int64_t revision, struct ke_err *err)
{
    size_t cap = 0;
    for (size_t i = registry_history_seek(history, revision); i < history->n; i++) {
        const struct registry_change *change = registry_history_at(history, i);
        if (!is_wanted(lister, change->object->key))
            continue;
        void *grown = lister->undos;
        if (!ke_grow(&grown, &cap, lister->n_undos + 1, sizeof(*lister->undos)))
            return ke_fail(err, KE_NOMEM, "list at revision %" PRId64, revision);
        lister->undos = grown;
        lister->undos[lister->n_undos++] =
            (struct undo){ change->object->key, change->previous, i };
    }
    if (lister->n_undos < 2)
        return KE_OK;
    qsort(lister->undos, lister->n_undos, sizeof(*lister->undos), undo_compare);
    size_t n = 1;
    for (size_t i = 1; i < lister->n_undos; i++) {
        if (!ke_str_eq(lister->undos[i].key, lister->undos[n - 1].key))
            lister->undos[n++] = lister->undos[i];
    }
    lister->n_undos = n;
    return KE_OK;
}

/* How many keys of the prefix come after the last one taken. */
static size_t count_rest(const struct lister *lister, const struct registry_tree *tree)
{
    char text[LIMIT_KEY_BYTES];
    struct ke_str last = lister->list.objects[lister->list.n_objects - 1]->key;
    size_t taken = registry_tree_rank(tree, last) + 1;
    size_t len = lister->prefix.len;
    size_t end = registry_tree_count(tree);
    if (len > 0 && len <= sizeof(text)) {
        memcpy(text, lister->prefix.ptr, len);
        text[len - 1]++; /* '/' becomes '0': the first key behind the range */
        end = registry_tree_rank(tree, ke_str_of(text, len));
    }
    return end - taken;
}

static enum ke_code fill(struct lister *lister, struct registry_cache *cache, int64_t revision,
                         struct ke_err *err)
{
    int64_t now = lister->list.revision;
    if (revision > now)
        return ke_fail(err, KE_TIMEOUT,
                       "Too large resource version: %" PRId64 ", current: %" PRId64, revision, now);
    if (revision > 0 && revision < now) {
        if (registry_cache_check_reach(cache, lister->prefix, revision, err) != KE_OK ||
            collect_undos(lister, &cache->history, revision, err) != KE_OK)
            return err->code;
        lister->list.revision = revision;
    }
    struct ke_str from =
        ke_str_cmp(lister->start_after, lister->prefix) > 0 ? lister->start_after : lister->prefix;
    registry_tree_walk(&cache->tree, from, visit, lister);
    if (!lister->is_out_of_memory && !lister->has_counted)
        (void)take_undos_before(lister, KE_STR(""));
    if (lister->is_out_of_memory)
        return ke_fail(err, KE_NOMEM, "list of %zu objects", lister->list.n_objects);
    if (lister->has_counted)
        lister->list.n_remaining = count_rest(lister, &cache->tree);
    return KE_OK;
}

/* The contract spells a list out in one call; a struct for it would be made up at each call. */
enum ke_code /* NOLINTNEXTLINE(readability-function-size) */
registry_list(struct registry *registry, struct ke_str prefix, int64_t at_revision,
              struct ke_str start_after, size_t limit, struct registry_list *out,
              struct ke_err *err)
{
    struct registry_cache *cache = registry->cache;
    struct lister lister = { .prefix = prefix, .start_after = start_after, .limit = limit };
    int rc = pthread_rwlock_rdlock(&cache->lock);
    KE_ASSERT(rc == 0);
    lister.list.revision = atomic_load(&cache->revision);
    enum ke_code code = fill(&lister, cache, at_revision, err);
    rc = pthread_rwlock_unlock(&cache->lock);
    KE_ASSERT(rc == 0);
    free(lister.undos);
    if (code != KE_OK) {
        registry_list_free(&lister.list);
        return code;
    }
    *out = lister.list;
    return KE_OK;
}

void registry_list_free(struct registry_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n_objects; i++)
        registry_object_unref(list->objects[i]);
    free(list->objects);
    list->objects = NULL;
    list->n_objects = 0;
}
