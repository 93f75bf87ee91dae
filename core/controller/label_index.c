/* SPDX-License-Identifier: Apache-2.0 */
/* See label_index.h. */
#include "core/controller/label_index.h"

#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/mem.h"

struct label_bucket {
    struct ke_list entries;
    size_t n_entries;
    struct ke_str key; /* owned */
};

struct label_index {
    struct ke_map *buckets;
};

#define KEY_MAX (4 * LIMIT_KEY_BYTES)

/* A NUL is in none of the three. */
static void format_key(struct ke_str ns, const struct model_pair *pair, struct ke_buf *out)
{
    ke_buf_add_str(out, ns);
    ke_buf_add_char(out, '\0');
    ke_buf_add_str(out, pair->key);
    ke_buf_add_char(out, '\0');
    ke_buf_add_str(out, pair->value);
}

struct label_index *label_index_new(void)
{
    KE_AUTO(label_index) *index = ke_alloc(sizeof(*index));
    if (index == NULL)
        return NULL;
    index->buckets = ke_map_new();
    return index->buckets != NULL ? KE_TAKE(index) : NULL;
}

static void bucket_free(struct label_bucket *bucket)
{
    if (bucket == NULL)
        return;
    free((void *)(uintptr_t)bucket->key.ptr);
    free(bucket);
}

void label_index_free(struct label_index *index)
{
    if (index == NULL)
        return;
    size_t pos = 0;
    struct ke_str key;
    void *bucket;
    while (index->buckets != NULL && ke_map_next(index->buckets, &pos, &key, &bucket))
        bucket_free(bucket);
    ke_map_free(index->buckets);
    free(index);
}

static struct label_bucket *bucket_new(struct label_index *index, struct ke_str key)
{
    struct label_bucket *bucket = ke_alloc(sizeof(*bucket));
    if (bucket == NULL)
        return NULL;
    ke_list_init(&bucket->entries);
    bucket->key = ke_str_of(ke_str_dup(key), key.len);
    if (bucket->key.ptr == NULL || !ke_map_set(index->buckets, key, bucket, NULL)) {
        bucket_free(bucket);
        return NULL;
    }
    return bucket;
}

bool label_index_add(struct label_index *index, struct ke_str ns, const struct model_pair *pair,
                     struct label_entry *entry, void *owner)
{
    char text[KEY_MAX];
    struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
    format_key(ns, pair, &key);
    if (key.failed != KE_OK)
        return true; /* no valid label is so long: it matches nothing */
    struct label_bucket *bucket = ke_map_get(index->buckets, ke_buf_str(&key));
    if (bucket == NULL)
        bucket = bucket_new(index, ke_buf_str(&key));
    if (bucket == NULL)
        return false;
    entry->owner = owner;
    entry->bucket = bucket;
    ke_list_append(&bucket->entries, &entry->link);
    bucket->n_entries++;
    return true;
}

void label_index_remove(struct label_index *index, struct label_entry *entry)
{
    struct label_bucket *bucket = entry->bucket;
    if (bucket == NULL)
        return;
    ke_list_remove(&entry->link);
    entry->bucket = NULL;
    if (--bucket->n_entries > 0)
        return;
    (void)ke_map_del(index->buckets, bucket->key);
    bucket_free(bucket);
}

bool label_index_find(const struct label_index *index, struct ke_str ns,
                      const struct model_pair *pair, const struct ke_list **out, size_t *n)
{
    char text[KEY_MAX];
    struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
    format_key(ns, pair, &key);
    const struct label_bucket *bucket =
        key.failed == KE_OK ? ke_map_get(index->buckets, ke_buf_str(&key)) : NULL;
    if (bucket == NULL)
        return false;
    *out = &bucket->entries;
    if (n != NULL)
        *n = bucket->n_entries;
    return true;
}
