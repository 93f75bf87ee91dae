/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the file into the object cache. Events are an undo log, so they are walked from the newest:
 * what a key holds "now" starts with the live object and goes back with each event; then the
 * changes are given to the history from the oldest. Runs on the opening thread.
 */
#include "store/sqlite/load.h"

#include <stdio.h>

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"

struct loader {
    struct sqlite_db *db;
    struct registry_cache *cache;
    const struct vault *vault; /* NULL: none */
    struct ke_buf plain;       /* the value being read, when it was sealed */
    uint64_t n_stale;
    struct ke_map *now; /* by key: what it held before the events that were read; referenced */
    struct registry_change *changes; /* newest first */
    size_t n_changes;
    size_t cap;
    size_t bytes;
    size_t max_bytes;
    int64_t floor;
    uint64_t n_unknown;
};

/* What a sealed value says; any other as it is. */
static enum ke_code open_text(struct loader *loader, struct ke_str key, struct ke_str *text,
                              struct ke_err *err)
{
    if (!vault_wants(key))
        return KE_OK;
    if (loader->vault == NULL || !vault_is_current(loader->vault, *text))
        loader->n_stale++;
    if (!vault_is_sealed(*text))
        return KE_OK;
    enum ke_code rc = vault_unseal(loader->vault, key, *text, &loader->plain, err);
    if (rc == KE_OK)
        *text = ke_buf_str(&loader->plain);
    return rc;
}

static enum ke_code load_text(struct loader *loader, struct ke_str key, struct ke_str text,
                              int64_t revision, struct registry_object **out, struct ke_err *err)
{
    enum ke_code opened = open_text(loader, key, &text, err);
    if (opened != KE_OK)
        return opened;
    struct ke_str ns;
    struct ke_str name;
    const struct model_kind *kind = model_catalog_by_key(loader->cache->catalog, key, &ns, &name);
    KE_ASSERT(kind != NULL);
    struct registry_object *object = NULL;
    enum ke_code rc = registry_object_load(kind, text, revision, &object, err);
    if (rc == KE_NOMEM)
        return rc;
    if (rc != KE_OK || !ke_str_eq(object->key, key)) {
        char detail[160];
        (void)snprintf(detail, sizeof(detail), "the object at %.*s cannot be read",
                       (int)(key.len < 100 ? key.len : 100), key.ptr);
        registry_object_unref(object);
        return sqlite_db_damaged(loader->db, detail, err);
    }
    *out = object;
    return KE_OK;
}

/* Kinds of another version of kedge stay on disk as they are. */
static bool is_known(struct loader *loader, struct ke_str key)
{
    struct ke_str ns;
    struct ke_str name;
    if (model_catalog_by_key(loader->cache->catalog, key, &ns, &name) != NULL && name.len > 0)
        return true;
    loader->n_unknown++;
    return false;
}

static enum ke_code on_object(void *ctx, const struct sqlite_db_row *row, struct ke_err *err)
{
    struct loader *loader = ctx;
    if (!is_known(loader, row->key))
        return KE_OK;
    struct registry_object *object = NULL;
    enum ke_code rc = load_text(loader, row->key, row->value, row->revision, &object, err);
    if (rc != KE_OK)
        return rc;
    registry_cache_load(loader->cache, object);
    return KE_OK;
}

/* What the key held after the event being read; a reference. NULL: nothing. */
static struct registry_object *take_now(struct loader *loader, struct ke_str key)
{
    void *value = ke_map_get(loader->now, key);
    if (value != NULL)
        return value == loader ? NULL : registry_object_ref(value);
    struct registry_object *live = registry_cache_find(loader->cache, key);
    return live != NULL ? registry_object_ref(live) : NULL;
}

/* The map holds references; "nothing" is the loader itself. */
static enum ke_code set_now(struct loader *loader, struct ke_str key,
                            struct registry_object *object, struct ke_err *err)
{
    void *old = NULL;
    void *value = loader;
    if (object != NULL)
        value = registry_object_ref(object);
    if (!ke_map_set(loader->now, key, value, &old)) {
        registry_object_unref(object);
        return ke_fail(err, KE_NOMEM, "history");
    }
    if (old != NULL && old != loader)
        registry_object_unref(old);
    return KE_OK;
}

static enum ke_code add_change(struct loader *loader, const struct registry_change *change,
                               struct ke_err *err)
{
    void *changes = loader->changes;
    if (!ke_grow(&changes, &loader->cap, loader->n_changes + 1, sizeof(*loader->changes)))
        return ke_fail(err, KE_NOMEM, "history");
    loader->changes = changes;
    loader->changes[loader->n_changes++] = *change;
    return KE_OK;
}

/*
 * Fills the change from the row; references in it are the caller's to clear, also on failure.
 * *out_fits false: it does not lead to what the key holds (written by a version that kept another
 * history of this kind).
 */
static enum ke_code read_change(struct loader *loader, const struct sqlite_db_row *row,
                                struct registry_change *change, bool *out_fits, struct ke_err *err)
{
    if (row->previous_revision > 0) {
        enum ke_code rc = load_text(loader, row->key, row->previous, row->previous_revision,
                                    &change->previous, err);
        if (rc != KE_OK)
            return rc;
    }
    change->object = take_now(loader, row->key);
    if (!row->is_delete) {
        *out_fits = change->object != NULL && change->object->revision == row->revision;
        return KE_OK;
    }
    *out_fits = change->object == NULL && change->previous != NULL;
    if (!*out_fits)
        return KE_OK;
    change->object = registry_object_at_revision(change->previous, row->revision);
    return change->object != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "history");
}

static enum ke_code take_change(struct loader *loader, const struct sqlite_db_row *row,
                                struct ke_err *err)
{
    struct registry_change change = { .type = row->is_delete ? REGISTRY_DELETE : REGISTRY_PUT,
                                      .revision = row->revision };
    bool fits = false;
    enum ke_code rc = read_change(loader, row, &change, &fits, err);
    if (rc == KE_OK && !fits) {
        ke_log(KE_LOG_WARN, "store.history_cut", KV_I("rv", row->revision));
        loader->floor = row->revision;
        registry_change_clear(&change);
        return KE_OK;
    }
    if (rc == KE_OK)
        rc = set_now(loader, row->key, change.previous, err);
    if (rc == KE_OK)
        rc = add_change(loader, &change, err);
    if (rc != KE_OK)
        registry_change_clear(&change);
    return rc;
}

static enum ke_code on_event(void *ctx, const struct sqlite_db_row *row, struct ke_err *err)
{
    struct loader *loader = ctx;
    if (loader->floor != 0)
        return KE_OK; /* the history begins behind it */
    loader->bytes += row->key.len + row->previous.len + sizeof(struct registry_history_entry);
    if (loader->bytes <= loader->max_bytes && is_known(loader, row->key))
        return take_change(loader, row, err);
    loader->floor = row->revision;
    return KE_OK;
}

static enum ke_code give_changes(struct loader *loader, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    while (loader->n_changes > 0 && rc == KE_OK) {
        loader->n_changes--;
        rc = registry_cache_load_change(loader->cache, &loader->changes[loader->n_changes], err);
    }
    return rc;
}

static void loader_deinit(struct loader *loader)
{
    size_t pos = 0;
    struct ke_str key;
    void *value = NULL;
    while (loader->now != NULL && ke_map_next(loader->now, &pos, &key, &value)) {
        if (value != loader)
            registry_object_unref(value);
    }
    ke_map_free(loader->now);
    for (size_t i = 0; i < loader->n_changes; i++)
        registry_change_clear(&loader->changes[i]);
    free(loader->changes);
    ke_buf_free(&loader->plain);
}

/* Definitions before their objects, whose keys are only known by them. */
static enum ke_code on_definition(void *ctx, const struct sqlite_db_row *row, struct ke_err *err)
{
    struct loader *loader = ctx;
    struct ke_str prefix = ke_str_c(model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION)->prefix);
    if (!ke_str_has_prefix(row->key, prefix))
        return KE_OK;
    ke_auto_object *object = NULL;
    enum ke_code rc = load_text(loader, row->key, row->value, row->revision, &object, err);
    if (rc != KE_OK || object == NULL)
        return rc;
    struct ke_err why = KE_ERR_INIT;
    if (registry_cache_define(loader->cache, object, &why) != KE_OK)
        ke_log(KE_LOG_ERROR, "store.definition_not_served", KV_S("name", object->name),
               KV_ERR(&why));
    return KE_OK;
}

static enum ke_code load(struct loader *loader, int64_t *out_floor, struct ke_err *err)
{
    enum ke_code rc = sqlite_db_each_object(loader->db, on_definition, loader, err);
    if (rc == KE_OK)
        rc = sqlite_db_each_object(loader->db, on_object, loader, err);
    if (rc == KE_OK)
        rc = sqlite_db_each_event(loader->db, on_event, loader, err);
    if (rc != KE_OK)
        return rc;
    /* Events are trimmed from the oldest: what is there is whole. */
    int64_t floor = INT64_MAX;
    if (loader->floor != 0)
        floor = loader->floor;
    else if (loader->n_changes > 0)
        floor = loader->changes[loader->n_changes - 1].revision - 1;
    if (loader->n_unknown > 0)
        ke_log(KE_LOG_WARN, "store.unknown_kinds_kept", KV_U("rows", loader->n_unknown));
    rc = give_changes(loader, err);
    if (rc == KE_OK)
        *out_floor = floor;
    return rc;
}

enum ke_code sqlite_load(struct sqlite_db *db, struct registry_cache *cache,
                         const struct vault *vault, size_t history_bytes, struct sqlite_loaded *out,
                         struct ke_err *err)
{
    struct loader loader = { .db = db,
                             .cache = cache,
                             .vault = vault,
                             .plain = KE_BUF_INIT(4 * LIMIT_OBJECT_BYTES),
                             .max_bytes = history_bytes,
                             .now = ke_map_new() };
    if (loader.now == NULL)
        return ke_fail(err, KE_NOMEM, "history");
    enum ke_code rc = load(&loader, &out->floor, err);
    out->n_stale = loader.n_stale;
    loader_deinit(&loader);
    return rc;
}
