/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of four records, found by the hash. Any thread. */
#include "core/auth/token_cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

enum { WAYS = 4, SETS = LIMIT_CACHED_TOKENS / WAYS };

struct token_record {
    atomic_uint n_refs;
    cJSON *json;
    struct token_claims claims; /* of json */
};

struct token_slot {
    uint8_t hash[SHA256_BYTES];
    struct token_record *record; /* NULL: free */
    int64_t until_ns;
};

struct token_cache {
    pthread_mutex_t lock; /* guards slots; held for a comparison or an exchange, never longer */
    struct token_slot slots[SETS][WAYS];
};

struct token_cache *token_cache_new(void)
{
    struct token_cache *cache = ke_alloc(sizeof(*cache));
    if (cache == NULL || pthread_mutex_init(&cache->lock, NULL) != 0) {
        free(cache);
        return NULL;
    }
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SETS; i++) {
        for (size_t k = 0; k < WAYS; k++)
            token_record_free(cache->slots[i][k].record);
    }
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

struct token_record *token_record_new(cJSON *json, const struct token_claims *claims)
{
    struct token_record *record = ke_alloc(sizeof(*record));
    if (record == NULL) {
        cJSON_Delete(json);
        return NULL;
    }
    atomic_init(&record->n_refs, 1);
    record->json = json;
    record->claims = *claims;
    return record;
}

static struct token_record *record_ref(struct token_record *record)
{
    atomic_fetch_add(&record->n_refs, 1);
    return record;
}

void token_record_free(struct token_record *record)
{
    if (record == NULL || atomic_fetch_sub(&record->n_refs, 1) != 1)
        return;
    cJSON_Delete(record->json);
    free(record);
}

const struct token_claims *token_record_claims(const struct token_record *record)
{
    return &record->claims;
}

/* The hash spreads evenly: its first bytes choose the set. */
static struct token_slot *set_of(struct token_cache *cache, const uint8_t hash[SHA256_BYTES])
{
    return cache->slots[((size_t)hash[0] << 8 | hash[1]) % SETS];
}

struct token_record *token_cache_get(struct token_cache *cache, const uint8_t hash[SHA256_BYTES],
                                     int64_t now_ns)
{
    struct token_record *found = NULL;
    struct token_slot *set = set_of(cache, hash);
    (void)pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < WAYS && found == NULL; i++) {
        const struct token_slot *slot = &set[i];
        if (slot->record != NULL && slot->until_ns > now_ns &&
            memcmp(slot->hash, hash, SHA256_BYTES) == 0)
            found = record_ref(slot->record);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return found;
}

void token_cache_put(struct token_cache *cache, const uint8_t hash[SHA256_BYTES],
                     struct token_record *record, int64_t until_ns)
{
    struct token_slot *set = set_of(cache, hash);
    struct token_slot *chosen = &set[0];
    (void)pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < WAYS; i++) {
        bool is_same = set[i].record != NULL && memcmp(set[i].hash, hash, SHA256_BYTES) == 0;
        if (is_same || set[i].until_ns < chosen->until_ns)
            chosen = &set[i];
        if (is_same)
            break;
    }
    struct token_record *old = chosen->record;
    memcpy(chosen->hash, hash, SHA256_BYTES);
    chosen->record = record_ref(record);
    chosen->until_ns = until_ns;
    (void)pthread_mutex_unlock(&cache->lock);
    token_record_free(old);
}
