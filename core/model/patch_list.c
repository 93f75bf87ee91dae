/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of a strategic merge patch: objects merged by a key, scalars merged as a set, and the
 * order of what comes out: the patch's own items keep the patch's order, the others that of the
 * server, and new ones go to the front. Pure; any thread.
 */
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/model/patch_strategic.h"

/* Where each item of a list is, by what tells items apart. Built once, so that lists of any length
 * cost no more than their length. */
struct index {
    struct ke_map *map; /* of place + 1, as a pointer */
    const char *merge_key;
};

static void index_free(struct index *index)
{
    ke_map_free(index->map);
}

static enum ke_code fail_no_key(const struct smp *s, const cJSON *item, const char *merge_key)
{
    ke_auto_buf printed = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_json_print(item, &printed);
    return ke_fail(s->err, KE_MALFORMED, "map: %.*s does not contain declared merge key: %s",
                   KE_STR_ARG(ke_str_sub(ke_buf_str(&printed), 0, 200)), merge_key);
}

static size_t list_len(const cJSON *list)
{
    return list != NULL ? (size_t)cJSON_GetArraySize(list) : 0;
}

/* What tells items apart: the value of the merge key, or the scalar itself. */
static const cJSON *identity(const cJSON *item, const char *merge_key)
{
    return merge_key != NULL ? ke_json_get(item, merge_key) : item;
}

/* Printed, as a key of the index. False: out of memory, or no identity. */
static bool print_identity(const cJSON *item, const char *merge_key, struct ke_buf *out)
{
    const cJSON *value = identity(item, merge_key);
    ke_buf_clear(out);
    if (value == NULL)
        return false;
    ke_json_print(value, out);
    return out->failed == KE_OK;
}

/* The first of equal items counts, as in a search from the front. */
static bool index_add(struct index *index, const cJSON *item, size_t place)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    if (!print_identity(item, index->merge_key, &text))
        return text.failed != KE_NOMEM;
    if (ke_map_get(index->map, ke_buf_str(&text)) != NULL)
        return true;
    return ke_map_set(index->map, ke_buf_str(&text), (void *)(uintptr_t)(place + 1), NULL);
}

static bool index_init(struct index *index, const cJSON *list, const char *merge_key)
{
    *index = (struct index){ .map = ke_map_new(), .merge_key = merge_key };
    if (index->map == NULL)
        return false;
    size_t place = 0;
    for (const cJSON *item = list != NULL ? list->child : NULL; item != NULL; item = item->next) {
        if (!index_add(index, item, place++))
            return false;
    }
    return true;
}

/* SIZE_MAX: not there. */
static size_t index_find(const struct index *index, const cJSON *item, struct ke_buf *scratch)
{
    if (!print_identity(item, index->merge_key, scratch))
        return SIZE_MAX;
    return (size_t)(uintptr_t)ke_map_get(index->map, ke_buf_str(scratch)) - 1;
}

/* All objects, each with its key; or all scalars. */
static enum ke_code check_items(const struct smp *s, const cJSON *list, const char *merge_key)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_IsArray(item))
            return ke_fail(s->err, KE_MALFORMED, "lists of lists are not supported");
        if (merge_key == NULL && cJSON_IsObject(item))
            return ke_fail(s->err, KE_MALFORMED, "cannot merge lists without merge key for type %s",
                           "struct");
        if (merge_key != NULL && !cJSON_IsObject(item)) {
            return ke_fail(s->err, KE_MALFORMED,
                           "expected a map[string]interface {}, but received a %s",
                           cJSON_IsString(item) ? "string" : "scalar");
        }
        if (merge_key != NULL && ke_json_get(item, merge_key) == NULL &&
            ke_json_get(item, "$patch") == NULL)
            return fail_no_key(s, item, merge_key);
    }
    return KE_OK;
}

/* ---- order --------------------------------------------------------------------------------- */

/* An item of the merged list, with its place in the two orders; SIZE_MAX: not in it. */
struct ranked {
    cJSON *node;
    size_t in_order;
    size_t in_server;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    /* Those in the order come first, sorted by it; the others as the server has them. */
    if (left->in_order != right->in_order)
        return left->in_order < right->in_order ? -1 : 1;
    return left->in_server < right->in_server ? -1 : left->in_server > right->in_server;
}

/*
 * Interleaves the items that are in no order (behind n_ours) with those that are; both keep their
 * order. One of the former goes first only where the server has it before the latter.
 */
static void interleave(cJSON *list, const struct ranked *items, size_t n, size_t n_ours)
{
    size_t ours = 0;
    size_t theirs = n_ours;
    while (ours < n_ours || theirs < n) {
        bool is_ours = ours < n_ours;
        if (ours < n_ours && theirs < n)
            is_ours = items[ours].in_server == SIZE_MAX || items[theirs].in_server == SIZE_MAX ||
                      items[theirs].in_server >= items[ours].in_server;
        cJSON *node = is_ours ? items[ours++].node : items[theirs++].node;
        (void)cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(list, node));
    }
}

static enum ke_code put_in_order(struct smp *s, cJSON *list, const struct index *order,
                                 const struct index *server)
{
    size_t n = list_len(list);
    ke_auto_ptr struct ranked *items = ke_alloc_n(n + 1, sizeof(*items));
    ke_auto_buf scratch = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    if (items == NULL)
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    size_t i = 0;
    size_t n_ours = 0;
    for (cJSON *item = list->child; item != NULL; item = item->next) {
        items[i].node = item;
        items[i].in_order = index_find(order, item, &scratch);
        bool is_found = scratch.failed == KE_OK;
        items[i].in_server = index_find(server, item, &scratch);
        if (!is_found || scratch.failed != KE_OK)
            return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
        n_ours += items[i].in_order != SIZE_MAX ? 1 : 0;
        i++;
    }
    qsort(items, n, sizeof(*items), compare_ranked);
    interleave(list, items, n, n_ours);
    return KE_OK;
}

/* ---- merging ------------------------------------------------------------------------------- */

static bool is_same_item(const cJSON *a, const cJSON *b, const char *merge_key)
{
    const cJSON *left = identity(a, merge_key);
    const cJSON *right = identity(b, merge_key);
    return left != NULL && right != NULL && ke_json_equal(left, right);
}

static void delete_matching(struct smp *s, cJSON *list, const cJSON *item, const char *merge_key)
{
    cJSON *next = NULL;
    for (cJSON *old = list->child; old != NULL; old = next) {
        next = old->next;
        if (is_same_item(old, item, merge_key))
            smp_discard(s, list, old);
    }
}

/* Elements with $patch: orders about the list, which leave it here. */
static enum ke_code apply_special(struct smp *s, const struct smp_lists *lists, bool *out_replace)
{
    size_t n_special = 0;
    cJSON *next = NULL;
    for (cJSON *item = lists->patch->child; item != NULL; item = next) {
        next = item->next;
        const cJSON *directive = ke_json_get(item, "$patch");
        struct ke_str text = ke_json_value_str(directive);
        if (directive == NULL)
            continue;
        if (++n_special > LIMIT_PATCH_LIST)
            return ke_fail(s->err, KE_TOO_LARGE, "more than %d directives in a list",
                           LIMIT_PATCH_LIST);
        if (ke_str_eq(text, KE_STR("replace"))) {
            *out_replace = true;
        } else if (ke_str_eq(text, KE_STR("merge"))) {
            return ke_fail(s->err, KE_MALFORMED,
                           "merging lists cannot yet be specified in the patch");
        } else if (!ke_str_eq(text, KE_STR("delete"))) {
            return ke_fail(s->err, KE_MALFORMED, "unknown patch type: %.*s in map",
                           KE_STR_ARG(text));
        } else if (lists->merge_key == NULL || ke_json_get(item, lists->merge_key) == NULL) {
            return fail_no_key(s, item, lists->merge_key != NULL ? lists->merge_key : "");
        } else {
            delete_matching(s, lists->original, item, lists->merge_key);
        }
        smp_discard(s, lists->patch, item);
    }
    return KE_OK;
}

/* The patch's item goes to the list as it is. */
static void append(struct smp *s, const struct smp_lists *lists, cJSON *item)
{
    (void)smp_clean_value(s, item);
    (void)cJSON_AddItemToArray(lists->original, cJSON_DetachItemViaPointer(lists->patch, item));
}

/* Items of the list by their identity; grows with what is appended. */
struct known_item {
    cJSON *node;
};

struct known_items {
    struct index index;
    struct known_item *items;
};

static void known_items_free(struct known_items *known)
{
    index_free(&known->index);
    free(known->items);
}

static bool known_items_init(struct known_items *known, const struct smp_lists *lists)
{
    *known = (struct known_items){ .items = NULL };
    if (!index_init(&known->index, lists->original, lists->merge_key))
        return false;
    size_t n = list_len(lists->original) + list_len(lists->patch);
    known->items = ke_alloc_n(n + 1, sizeof(*known->items));
    size_t i = 0;
    for (cJSON *item = lists->original->child; known->items != NULL && item != NULL;
         item = item->next)
        known->items[i++].node = item;
    return known->items != NULL;
}

static enum ke_code merge_items(struct smp *s, const struct smp_lists *lists)
{
    KE_CLEANUP(known_items_free) struct known_items known;
    ke_auto_buf scratch = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    if (!known_items_init(&known, lists))
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    size_t n = list_len(lists->original);
    cJSON *next = NULL;
    for (cJSON *item = lists->patch->child; item != NULL; item = next) {
        next = item->next;
        size_t place = index_find(&known.index, item, &scratch);
        if (scratch.failed != KE_OK)
            return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
        if (place == SIZE_MAX) {
            if (!index_add(&known.index, item, n))
                return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
            known.items[n++].node = item;
            append(s, lists, item);
        } else if (lists->merge_key != NULL) {
            enum ke_code rc = smp_merge_map(s, known.items[place].node, item, lists->element);
            if (rc != KE_OK)
                return rc;
        }
    }
    return KE_OK;
}

enum ke_code smp_merge_list(struct smp *s, const struct smp_lists *lists)
{
    enum ke_code rc = check_items(s, lists->original, lists->merge_key);
    if (rc == KE_OK)
        rc = check_items(s, lists->patch, lists->merge_key);
    bool is_replaced = false;
    if (rc == KE_OK)
        rc = apply_special(s, lists, &is_replaced);
    if (rc != KE_OK)
        return rc;
    if (is_replaced) {
        while (lists->original->child != NULL)
            smp_discard(s, lists->original, lists->original->child);
        while (lists->patch->child != NULL)
            append(s, lists, lists->patch->child);
        return KE_OK;
    }
    /* Both before merging, which takes the patch's items apart. */
    KE_CLEANUP(index_free) struct index server = { .map = NULL };
    KE_CLEANUP(index_free) struct index order = { .map = NULL };
    if (!index_init(&server, lists->original, lists->merge_key) ||
        !index_init(&order, lists->patch, lists->merge_key))
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    rc = merge_items(s, lists);
    if (rc != KE_OK)
        return rc;
    return put_in_order(s, lists->original, &order, &server);
}

void smp_delete_from_list(struct smp *s, cJSON *original, const cJSON *patch)
{
    cJSON *next = NULL;
    for (cJSON *item = original->child; item != NULL; item = next) {
        next = item->next;
        const cJSON *gone = patch->child;
        while (gone != NULL && !ke_json_equal(gone, item))
            gone = gone->next;
        if (gone != NULL)
            smp_discard(s, original, item);
    }
}

/* ---- $setElementOrder ---------------------------------------------------------------------- */

enum ke_code smp_check_element_order(struct smp *s, const struct smp_lists *lists,
                                     const cJSON *order)
{
    enum ke_code rc = check_items(s, order, lists->merge_key);
    if (rc == KE_OK && lists->original != NULL)
        rc = check_items(s, lists->original, lists->merge_key);
    if (rc == KE_OK && lists->patch != NULL)
        rc = check_items(s, lists->patch, lists->merge_key);
    if (rc != KE_OK || order->child == NULL || lists->patch == NULL)
        return rc;
    const cJSON *wanted = order->child;
    const cJSON *item = lists->patch->child;
    while (item != NULL && wanted != NULL) {
        if (cJSON_IsObject(item) && ke_json_get(item, "$patch") != NULL) {
            item = item->next;
            continue;
        }
        if (is_same_item(item, wanted, lists->merge_key))
            item = item->next;
        wanted = wanted->next;
    }
    while (item != NULL && cJSON_IsObject(item) && ke_json_get(item, "$patch") != NULL)
        item = item->next;
    if (item == NULL)
        return KE_OK;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_json_print(lists->patch, &text);
    ke_auto_buf order_text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_json_print(order, &order_text);
    return ke_fail(s->err, KE_MALFORMED,
                   "The order in patch list:\n%.*s\n doesn't match $setElementOrder list:\n%.*s\n",
                   KE_STR_ARG(ke_str_sub(ke_buf_str(&text), 0, 150)),
                   KE_STR_ARG(ke_str_sub(ke_buf_str(&order_text), 0, 150)));
}

enum ke_code smp_apply_element_order(struct smp *s, cJSON *list, const cJSON *order,
                                     const cJSON *server_order, const char *merge_key)
{
    KE_CLEANUP(index_free) struct index server = { .map = NULL };
    KE_CLEANUP(index_free) struct index wanted = { .map = NULL };
    if (!index_init(&server, server_order, merge_key) || !index_init(&wanted, order, merge_key))
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    return put_in_order(s, list, &wanted, &server);
}
