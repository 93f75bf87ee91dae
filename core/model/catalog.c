/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog: built-in rows are constant and need no lock; custom ones are found through two maps
 * under a read-write lock. A slot is one name ("plural.group") for good; it holds every row that
 * name ever had, and which of them is served now.
 */
#include "core/model/catalog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/model/kinds/kinds.h"

#define NAME_BYTES    384 /* "plural.group" */
#define SURFACE_BYTES (64U << 10)

/* What a custom row points at: the slot that knows its present definition. */
struct model_custom {
    struct model_catalog *catalog;
    struct model_definition *definition; /* NULL: none now */
    const struct model_kind *active;     /* NULL: not served */
    struct row *rows;                    /* newest first */
    struct ke_str by_name;               /* its key in by_name, when active */
    uint64_t hash; /* of what the definition was made from: equal means nothing to do */
};

struct row {
    struct row *next;
    struct ke_str surface; /* everything that the row says, as one text */
    struct model_kind kind;
};

struct model_catalog {
    pthread_rwlock_t lock;    /* guards all but generation */
    struct ke_arena *arena;   /* slots and rows, for good */
    struct ke_map *by_plural; /* slots by "plural.group" */
    struct ke_map *by_name;   /* active slots by "Kind.group" */
    struct model_custom **slots;
    size_t n_slots, cap_slots;
    size_t n_rows;
    uint32_t number; /* of the newest definition */
    atomic_uint_fast64_t generation;
};

enum ke_code model_catalog_new(struct model_catalog **out, struct ke_err *err)
{
    struct model_catalog *catalog = ke_alloc(sizeof(*catalog));
    if (catalog == NULL)
        return ke_fail(err, KE_NOMEM, "catalog of kinds");
    int rc = pthread_rwlock_init(&catalog->lock, NULL);
    if (rc != 0) {
        free(catalog);
        return ke_fail_errno(err, rc, "lock of the catalog");
    }
    atomic_init(&catalog->generation, 1);
    catalog->arena = ke_arena_new((size_t)LIMIT_CUSTOM_ROWS * 8192);
    catalog->by_plural = ke_map_new();
    catalog->by_name = ke_map_new();
    if (catalog->arena == NULL || catalog->by_plural == NULL || catalog->by_name == NULL) {
        model_catalog_free(catalog);
        return ke_fail(err, KE_NOMEM, "catalog of kinds");
    }
    *out = catalog;
    return KE_OK;
}

void model_catalog_free(struct model_catalog *catalog)
{
    if (catalog == NULL)
        return;
    for (size_t i = 0; i < catalog->n_slots; i++)
        model_definition_unref(catalog->slots[i]->definition);
    free(catalog->slots);
    ke_map_free(catalog->by_plural);
    ke_map_free(catalog->by_name);
    ke_arena_free(catalog->arena);
    (void)pthread_rwlock_destroy(&catalog->lock);
    free(catalog);
}

static void read_lock(struct model_catalog *catalog)
{
    int rc = pthread_rwlock_rdlock(&catalog->lock);
    KE_ASSERT(rc == 0);
}

static void write_lock(struct model_catalog *catalog)
{
    int rc = pthread_rwlock_wrlock(&catalog->lock);
    KE_ASSERT(rc == 0);
}

static void unlock(struct model_catalog *catalog)
{
    int rc = pthread_rwlock_unlock(&catalog->lock);
    KE_ASSERT(rc == 0);
}

/* ---- look-ups -------------------------------------------------------------------------------- */

/* "first.group" in text; an empty one that no slot has when it does not fit. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the buffer writes into it */
static struct ke_str dotted(struct ke_str first, struct ke_str group, char text[NAME_BYTES])
{
    struct ke_buf buf = KE_BUF_FIXED(text, NAME_BYTES);
    ke_buf_add_str(&buf, first);
    ke_buf_add_char(&buf, '.');
    ke_buf_add_str(&buf, group);
    return buf.failed == KE_OK ? ke_buf_str(&buf) : KE_STR("");
}

static const struct model_kind *find_custom(struct model_catalog *catalog, struct ke_map *map,
                                            struct ke_str first, struct ke_str group)
{
    char text[NAME_BYTES];
    struct ke_str key = dotted(first, group, text);
    read_lock(catalog);
    const struct model_custom *slot = ke_map_get(map, key);
    const struct model_kind *kind = slot != NULL ? slot->active : NULL;
    unlock(catalog);
    return kind;
}

static const struct model_kind *in_version(const struct model_kind *kind, struct ke_str group,
                                           struct ke_str version,
                                           const struct model_version **out_version)
{
    const struct model_version *found =
        kind != NULL ? model_kind_version(kind, group, version) : NULL;
    if (found == NULL)
        return NULL;
    if (out_version != NULL)
        *out_version = found;
    return kind;
}

const struct model_kind *model_catalog_by_plural(struct model_catalog *catalog, struct ke_str group,
                                                 struct ke_str version, struct ke_str plural,
                                                 const struct model_version **out_version)
{
    const struct model_kind *kind = model_kind_by_plural(group, version, plural, out_version);
    if (kind != NULL || group.len == 0)
        return kind;
    kind = find_custom(catalog, catalog->by_plural, plural, group);
    return in_version(kind, group, version, out_version);
}

const struct model_kind *model_catalog_by_name(struct model_catalog *catalog, struct ke_str group,
                                               struct ke_str version, struct ke_str name,
                                               const struct model_version **out_version)
{
    const struct model_kind *kind = model_kind_by_name(group, version, name, out_version);
    if (kind != NULL || group.len == 0)
        return kind;
    kind = find_custom(catalog, catalog->by_name, name, group);
    return in_version(kind, group, version, out_version);
}

const struct model_kind *model_catalog_by_key(struct model_catalog *catalog, struct ke_str key,
                                              struct ke_str *out_ns, struct ke_str *out_name)
{
    const struct model_kind *kind = model_kind_by_key(key, out_ns, out_name);
    struct ke_str rest = key;
    struct ke_str group;
    struct ke_str plural;
    if (kind != NULL || !ke_str_cut_prefix(&rest, KE_STR("/registry/")) ||
        !ke_str_split(&rest, '/', &group) || !ke_str_split(&rest, '/', &plural))
        return kind;
    kind = find_custom(catalog, catalog->by_plural, plural, group);
    return kind != NULL && model_kind_split_key(kind, rest, out_ns, out_name) ? kind : NULL;
}

const struct model_kind *model_catalog_next(struct model_catalog *catalog, size_t *pos)
{
    if (*pos < MODEL_KIND_COUNT)
        return model_kind_at((unsigned)(*pos)++);
    const struct model_kind *kind = NULL;
    read_lock(catalog);
    while (kind == NULL && *pos - MODEL_KIND_COUNT < catalog->n_slots)
        kind = catalog->slots[(*pos)++ - MODEL_KIND_COUNT]->active;
    unlock(catalog);
    return kind;
}

uint64_t model_catalog_generation(const struct model_catalog *catalog)
{
    return atomic_load(&catalog->generation);
}

struct model_definition *model_kind_definition(const struct model_kind *kind)
{
    if (kind->custom == NULL)
        return NULL;
    struct model_catalog *catalog = kind->custom->catalog;
    read_lock(catalog);
    struct model_definition *definition = kind->custom->definition;
    if (definition != NULL)
        (void)model_definition_ref(definition);
    unlock(catalog);
    return definition;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void add_text(struct ke_buf *out, const char *text)
{
    ke_buf_add_c(out, text);
    ke_buf_add_char(out, '\n');
}

static void print_surface(const struct model_definition *d, struct ke_buf *out)
{
    ke_buf_addf(out, "%d\n", d->is_namespaced ? 1 : 0);
    add_text(out, d->kind);
    add_text(out, d->list_kind);
    add_text(out, d->singular);
    for (size_t i = 0; i < MODEL_MAX_NAMES && d->short_names[i] != NULL; i++)
        add_text(out, d->short_names[i]);
    add_text(out, "");
    for (size_t i = 0; i < MODEL_MAX_NAMES && d->categories[i] != NULL; i++)
        add_text(out, d->categories[i]);
    add_text(out, "");
    for (size_t i = 0; i < d->n_versions; i++) {
        const struct model_definition_version *v = &d->versions[i];
        ke_buf_addf(out, "%s %d%d%d%d\n", v->name, v->is_served, v->is_storage, v->has_status,
                    v->has_scale);
        if (v->has_scale) {
            add_text(out, v->scale_spec != NULL ? v->scale_spec : "");
            add_text(out, v->scale_status != NULL ? v->scale_status : "");
            add_text(out, v->scale_selector != NULL ? v->scale_selector : "");
        }
    }
    for (size_t i = 0; i < d->n_fields; i++) {
        add_text(out, d->fields[i].name);
        add_text(out, d->fields[i].path);
    }
}

/* Copies for the row, which outlives the definition. NULL in *is_ok: out of memory. */
struct keeper {
    struct ke_arena *arena;
    bool is_ok;
};

static const char *keep(struct keeper *keeper, const char *text)
{
    struct ke_str copy = ke_arena_str(keeper->arena, ke_str_c(text));
    keeper->is_ok = keeper->is_ok && copy.ptr != NULL;
    return copy.ptr;
}

static void fill_versions(struct keeper *keeper, const struct model_definition *d,
                          struct model_kind *kind)
{
    const char *group = keep(keeper, d->group);
    size_t n = 1;
    for (size_t i = 0; i < d->n_versions; i++) {
        const struct model_definition_version *v = &d->versions[i];
        if (!v->is_served && !v->is_storage)
            continue;
        /* The stored one first, the others in the order of preference. */
        size_t at = 0;
        if (!v->is_storage) {
            at = n++;
            while (at > 1 && model_version_compare(v->name, kind->versions[at - 1].version) < 0) {
                kind->versions[at] = kind->versions[at - 1];
                at--;
            }
        }
        kind->versions[at] = (struct model_version){ .group = group,
                                                     .version = keep(keeper, v->name),
                                                     .message = "",
                                                     .is_unserved = !v->is_served,
                                                     .lacks_status = !v->has_status,
                                                     .lacks_scale = !v->has_scale };
    }
}

/* ".spec.replicas" as the row says it; NULL stays NULL. */
static const char *keep_path(struct keeper *keeper, const char *path)
{
    return path != NULL ? keep(keeper, path + (path[0] == '.' ? 1 : 0)) : NULL;
}

static const struct model_scale *keep_scale(struct keeper *keeper,
                                            const struct model_definition_version *v)
{
    struct model_scale *scale = ke_arena_alloc(keeper->arena, sizeof(*scale));
    keeper->is_ok = keeper->is_ok && scale != NULL;
    if (scale != NULL) {
        *scale = (struct model_scale){ .spec_replicas = keep_path(keeper, v->scale_spec),
                                       .status_replicas = keep_path(keeper, v->scale_status),
                                       .selector = keep_path(keeper, v->scale_selector),
                                       .selector_form = MODEL_SCALE_TEXT };
    }
    return scale;
}

static void fill_subresources(struct keeper *keeper, const struct model_definition *d,
                              struct model_kind *kind)
{
    const struct model_definition_version *scaled = NULL;
    for (size_t i = 0; i < d->n_versions; i++) {
        const struct model_definition_version *v = &d->versions[i];
        kind->has_status = kind->has_status || (v->has_status && (v->is_served || v->is_storage));
        if (v->has_scale && v->is_served && (scaled == NULL || v->is_storage))
            scaled = v;
    }
    size_t n = 0;
    if (scaled != NULL) {
        kind->subresources[n++] = (struct model_subresource){ .name = "scale",
                                                              .verbs = VERBS_STATUS,
                                                              .speaks = &model_kind_scale,
                                                              .scale = keep_scale(keeper, scaled) };
    }
    if (kind->has_status)
        kind->subresources[n++] =
            (struct model_subresource){ .name = "status", .verbs = VERBS_STATUS };
}

static void fill_names(struct keeper *keeper, const struct model_definition *d,
                       struct model_kind *kind)
{
    char prefix[NAME_BYTES + 16];
    (void)snprintf(prefix, sizeof(prefix), "/registry/%s/%s/", d->group, d->plural);
    kind->kind = keep(keeper, d->kind);
    kind->list_kind = keep(keeper, d->list_kind);
    kind->plural = keep(keeper, d->plural);
    kind->singular = keep(keeper, d->singular);
    kind->prefix = keep(keeper, prefix);
    for (size_t i = 0; i < MODEL_MAX_NAMES && d->short_names[i] != NULL; i++)
        kind->short_names[i] = keep(keeper, d->short_names[i]);
    for (size_t i = 0; i < MODEL_MAX_NAMES && d->categories[i] != NULL; i++)
        kind->categories[i] = keep(keeper, d->categories[i]);
}

static void fill_fields(struct keeper *keeper, const struct model_definition *d,
                        struct model_kind *kind)
{
    if (d->n_fields == 0)
        return;
    struct model_selectable *fields =
        ke_arena_alloc_n(keeper->arena, d->n_fields + 1, sizeof(*fields));
    for (size_t i = 0; fields != NULL && i < d->n_fields; i++) {
        fields[i] = (struct model_selectable){ .name = keep(keeper, d->fields[i].name),
                                               .path = keep(keeper, d->fields[i].path) };
    }
    keeper->is_ok = keeper->is_ok && fields != NULL;
    kind->fields = fields;
}

/* NULL: err says why. */
static struct row *row_new(struct model_custom *slot, const struct model_definition *d,
                           struct ke_str surface, struct ke_err *err)
{
    struct model_catalog *catalog = slot->catalog;
    struct keeper keeper = { .arena = catalog->arena, .is_ok = true };
    if (catalog->n_rows >= LIMIT_CUSTOM_ROWS) {
        (void)ke_fail(err, KE_LIMIT,
                      "%d custom kinds were defined since the start: restart to define more",
                      LIMIT_CUSTOM_ROWS);
        return NULL;
    }
    struct row *row = ke_arena_alloc(catalog->arena, sizeof(*row));
    struct ke_str kept = ke_arena_str(catalog->arena, surface);
    if (row == NULL || kept.ptr == NULL) {
        (void)ke_fail(err, KE_NOMEM, "custom kind %s", d->name);
        return NULL;
    }
    row->surface = kept;
    struct model_kind *kind = &row->kind;
    kind->id = MODEL_CUSTOM;
    kind->custom = slot;
    kind->name_rule = MODEL_NAME_SUBDOMAIN;
    kind->is_namespaced = d->is_namespaced;
    kind->has_generation = true;
    kind->durability = MODEL_DURABLE;
    kind->verbs = VERBS_ALL;
    fill_names(&keeper, d, kind);
    fill_versions(&keeper, d, kind);
    fill_subresources(&keeper, d, kind);
    fill_fields(&keeper, d, kind);
    if (!keeper.is_ok) {
        (void)ke_fail(err, KE_NOMEM, "custom kind %s", d->name);
        return NULL;
    }
    catalog->n_rows++;
    return row;
}

/* The row of the slot that says the same, or a new one. NULL: err says why. */
static struct row *need_row(struct model_custom *slot, const struct model_definition *d,
                            struct ke_err *err)
{
    ke_auto_buf surface = KE_BUF_INIT(SURFACE_BYTES);
    print_surface(d, &surface);
    if (ke_buf_check(&surface, "names of a custom kind", err) != KE_OK)
        return NULL;
    for (struct row *row = slot->rows; row != NULL; row = row->next) {
        if (ke_str_eq(row->surface, ke_buf_str(&surface)))
            return row;
    }
    return row_new(slot, d, ke_buf_str(&surface), err);
}

/* ---- changes --------------------------------------------------------------------------------- */

/* NULL: out of memory. */
static struct model_custom *need_slot(struct model_catalog *catalog, struct ke_str name)
{
    struct model_custom *slot = ke_map_get(catalog->by_plural, name);
    if (slot != NULL)
        return slot;
    slot = ke_arena_alloc(catalog->arena, sizeof(*slot));
    if (slot == NULL)
        return NULL;
    write_lock(catalog);
    bool is_ok = ke_grow((void **)&catalog->slots, &catalog->cap_slots, catalog->n_slots + 1,
                         sizeof(struct model_custom *)) &&
                 ke_map_set(catalog->by_plural, name, slot, NULL);
    if (is_ok) {
        slot->catalog = catalog;
        catalog->slots[catalog->n_slots++] = slot;
    }
    unlock(catalog);
    return is_ok ? slot : NULL;
}

/* Lock held for writing. What was there before is returned, to be released without the lock. */
static struct model_definition *deactivate(struct model_catalog *catalog, struct model_custom *slot)
{
    struct model_definition *before = slot->definition;
    if (slot->active != NULL && ke_map_get(catalog->by_name, slot->by_name) == slot)
        (void)ke_map_del(catalog->by_name, slot->by_name);
    slot->definition = NULL;
    slot->active = NULL;
    slot->hash = 0;
    return before;
}

static enum ke_code activate(struct model_custom *slot, struct row *row,
                             struct model_definition *definition, uint64_t hash, struct ke_err *err)
{
    struct model_catalog *catalog = slot->catalog;
    char text[NAME_BYTES];
    struct ke_str by_name =
        dotted(ke_str_c(row->kind.kind), ke_str_c(row->kind.versions[0].group), text);
    struct ke_str kept = slot->by_name;
    if (!ke_str_eq(by_name, kept))
        kept = ke_arena_str(catalog->arena, by_name);
    if (kept.ptr == NULL)
        return ke_fail(err, KE_NOMEM, "custom kind");
    write_lock(catalog);
    struct model_definition *before = NULL;
    bool is_ok = true;
    if (slot->active == NULL || !ke_str_eq(by_name, slot->by_name)) {
        is_ok = ke_map_set(catalog->by_name, kept, slot, NULL);
        if (is_ok)
            before = deactivate(catalog, slot);
        /* The same name under which it was found before is found on. */
        is_ok = is_ok && ke_map_set(catalog->by_name, kept, slot, NULL);
    } else {
        before = slot->definition;
    }
    if (is_ok) {
        slot->by_name = kept;
        slot->definition = definition;
        slot->active = &row->kind;
        slot->hash = hash;
        bool is_new = true;
        for (struct row *it = slot->rows; it != NULL; it = it->next)
            is_new = is_new && it != row;
        if (is_new) {
            row->next = slot->rows;
            slot->rows = row;
        }
    }
    unlock(catalog);
    model_definition_unref(before);
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "custom kind");
}

/* Of everything a definition is made from. 0 is never a hash. */
static enum ke_code hash_of(const cJSON *object, uint64_t *out, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_OBJECT_BYTES);
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *names = ke_json_path(object, "status.acceptedNames");
    if (spec != NULL)
        ke_json_print(spec, &text);
    ke_buf_add_char(&text, '\n');
    if (names != NULL)
        ke_json_print(names, &text);
    ke_buf_add_str(&text, ke_json_path_str(object, "metadata.deletionTimestamp"));
    if (ke_buf_check(&text, "definition", err) != KE_OK)
        return err->code;
    *out = ke_hash_bytes(text.ptr, text.len) | 1U;
    return KE_OK;
}

static bool is_established(const cJSON *object)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(it, "type"), "Established"))
            return ke_str_eq_c(ke_json_str(it, "status"), "True");
    }
    return false;
}

enum ke_code model_catalog_put(struct model_catalog *catalog, const cJSON *object,
                               struct ke_err *err)
{
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    if (!is_established(object)) {
        model_catalog_remove(catalog, name);
        return KE_OK;
    }
    struct model_custom *slot = need_slot(catalog, name);
    if (slot == NULL)
        return ke_fail(err, KE_NOMEM, "custom kind");
    uint64_t hash = 0;
    enum ke_code rc = hash_of(object, &hash, err);
    if (rc != KE_OK || slot->hash == hash)
        return rc;
    ke_auto_definition *definition = NULL;
    rc = model_definition_new(object, catalog->number + 1, &definition, err);
    if (rc != KE_OK)
        return rc;
    struct row *row = need_row(slot, definition, err);
    if (row == NULL)
        return err->code;
    rc = activate(slot, row, definition, hash, err);
    if (rc != KE_OK)
        return rc;
    catalog->number++;
    (void)KE_TAKE(definition);
    (void)atomic_fetch_add(&catalog->generation, 1);
    return KE_OK;
}

void model_catalog_remove(struct model_catalog *catalog, struct ke_str name)
{
    struct model_definition *before = NULL;
    write_lock(catalog);
    struct model_custom *slot = ke_map_get(catalog->by_plural, name);
    bool was_served = slot != NULL && slot->active != NULL;
    if (was_served)
        before = deactivate(catalog, slot);
    unlock(catalog);
    model_definition_unref(before);
    if (was_served)
        (void)atomic_fetch_add(&catalog->generation, 1);
}
