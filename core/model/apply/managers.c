/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.managedFields as managers and back: identity, order, the ceiling of entries, and how
 * messages name a manager and its conflicts. Pure.
 * Source: apimachinery util/managedfields.
 */
#include "core/model/apply/managers.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/model/apply/managers_impl.h"

#define ANCIENT "ancient-changes"

bool apply_manager_is_apply(const struct apply_manager *manager)
{
    return ke_str_eq_c(manager->operation, "Apply");
}

bool apply_manager_is_same(const struct apply_manager *a, const struct apply_manager *b)
{
    return ke_str_eq(a->name, b->name) && ke_str_eq(a->operation, b->operation) &&
           ke_str_eq(a->subresource, b->subresource) &&
           (apply_manager_is_apply(a) || ke_str_eq(a->api_version, b->api_version));
}

struct apply_manager *apply_managers_find(struct apply_managers *managers,
                                          const struct apply_manager *wanted)
{
    for (size_t i = 0; i < managers->n; i++) {
        if (apply_manager_is_same(&managers->items[i], wanted))
            return &managers->items[i];
    }
    return NULL;
}

struct apply_manager *apply_managers_add(struct apply_work *work, struct apply_managers *managers,
                                         const struct apply_manager *manager)
{
    if (managers->n == managers->cap) {
        size_t cap = managers->cap + 8;
        struct apply_manager *grown = ke_arena_alloc_n(work->arena, cap, sizeof(*grown));
        if (grown == NULL) {
            work->has_failed = true;
            return NULL;
        }
        if (managers->n > 0)
            memcpy(grown, managers->items, managers->n * sizeof(*grown));
        managers->items = grown;
        managers->cap = cap;
    }
    managers->items[managers->n] = *manager;
    managers->n++;
    return &managers->items[managers->n - 1];
}

void apply_managers_drop_empty(struct apply_managers *managers)
{
    size_t n = 0;
    for (size_t i = 0; i < managers->n; i++) {
        if (managers->items[i].fields != NULL)
            managers->items[n++] = managers->items[i];
    }
    managers->n = n;
}

/* ---- parsing ------------------------------------------------------------------------------- */

bool apply_managers_parse(struct apply_work *work, const cJSON *json, bool is_ours,
                          struct apply_managers *out)
{
    struct apply_managers managers = { .items = NULL };
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, json) {
        struct apply_manager manager = { .name = ke_json_str(it, "manager"),
                                         .operation = ke_json_str(it, "operation"),
                                         .api_version = ke_json_str(it, "apiVersion"),
                                         .subresource = ke_json_str(it, "subresource"),
                                         .time = ke_json_str(it, "time") };
        const cJSON *fields = ke_json_get(it, "fieldsV1");
        if (!ke_str_eq_c(ke_json_str(it, "fieldsType"), "FieldsV1") ||
            (fields != NULL && !apply_set_parse(work, fields, is_ours, &manager.fields)))
            return false;
        /* Of two entries of one manager the last counts. */
        struct apply_manager *same = apply_managers_find(&managers, &manager);
        if (same != NULL)
            *same = manager;
        else if (apply_managers_add(work, &managers, &manager) == NULL)
            return false;
    }
    *out = managers;
    return true;
}

/* ---- printing ------------------------------------------------------------------------------ */

static int64_t seconds_of(const struct apply_manager *manager)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t us = 0;
    if (manager->time.len == 0 || ke_time_parse_us(manager->time, &us, &err) != KE_OK)
        return 0;
    return us / 1000000;
}

/* Appliers first, then by time, then by name. */
static int compare_managers(const void *a, const void *b)
{
    const struct apply_manager *x = a;
    const struct apply_manager *y = b;
    int order = ke_str_cmp(x->operation, y->operation);
    if (order != 0)
        return order;
    int64_t x_s = seconds_of(x);
    int64_t y_s = seconds_of(y);
    if (x_s != y_s)
        return x_s < y_s ? -1 : 1;
    order = ke_str_cmp(x->name, y->name);
    if (order == 0)
        order = ke_str_cmp(x->api_version, y->api_version);
    return order != 0 ? order : ke_str_cmp(x->subresource, y->subresource);
}

static bool add_text(cJSON *entry, const char *name, struct ke_str text)
{
    return text.len == 0 || ke_json_set_str(entry, name, text);
}

static cJSON *print_entry(const struct apply_manager *manager)
{
    ke_auto_json *entry = cJSON_CreateObject();
    if (entry == NULL || !add_text(entry, "manager", manager->name) ||
        !add_text(entry, "operation", manager->operation) ||
        !add_text(entry, "apiVersion", manager->api_version) ||
        !add_text(entry, "time", manager->time) ||
        !ke_json_set(entry, "fieldsType", cJSON_CreateString("FieldsV1")) ||
        !ke_json_set(entry, "fieldsV1", apply_set_print(manager->fields)) ||
        !add_text(entry, "subresource", manager->subresource))
        return NULL;
    return KE_TAKE(entry);
}

cJSON *apply_managers_print(struct apply_work *work, struct apply_managers *managers)
{
    ke_auto_json *list = cJSON_CreateArray();
    if (list == NULL || work->has_failed)
        return NULL;
    if (managers->n > 1)
        qsort(managers->items, managers->n, sizeof(*managers->items), compare_managers);
    for (size_t i = 0; i < managers->n; i++) {
        cJSON *entry = print_entry(&managers->items[i]);
        if (entry == NULL || !cJSON_AddItemToArray(list, entry))
            return NULL;
    }
    return KE_TAKE(list);
}

/* ---- the ceiling --------------------------------------------------------------------------- */

/* The bucket of a version, made from the first updater of it that was seen. */
struct ancients {
    struct ke_str *versions;
    struct apply_manager **first;
    size_t n;
};

static struct apply_manager **first_of(struct ancients *seen, struct ke_str version)
{
    for (size_t i = 0; i < seen->n; i++) {
        if (ke_str_eq(seen->versions[i], version))
            return &seen->first[i];
    }
    return NULL;
}

static void merge_into(struct apply_work *work, struct apply_manager *bucket,
                       struct apply_manager *manager)
{
    bucket->name = KE_STR(ANCIENT);
    bucket->subresource = KE_STR("");
    bucket->fields = apply_set_union(work, bucket->fields, manager->fields);
    bucket->time = manager->time; /* the younger of the two */
    manager->fields = NULL;
}

static struct apply_manager *find_ancient(struct apply_managers *managers, struct ke_str version)
{
    struct apply_manager wanted = { .name = KE_STR(ANCIENT),
                                    .operation = KE_STR("Update"),
                                    .api_version = version };
    return apply_managers_find(managers, &wanted);
}

/* Managers are sorted: the Update entries stand behind the others, the oldest first. */
static void merge_oldest(struct apply_work *work, struct apply_managers *managers, size_t n_updates,
                         size_t max, struct ancients *seen)
{
    for (size_t i = managers->n - n_updates; i < managers->n && n_updates > max; i++) {
        struct apply_manager *manager = &managers->items[i];
        struct apply_manager **first = first_of(seen, manager->api_version);
        KE_ASSERT(seen->versions != NULL && seen->first != NULL);
        if (first == NULL) {
            seen->versions[seen->n] = manager->api_version;
            seen->first[seen->n] = manager;
            seen->n++;
            continue;
        }
        struct apply_manager *bucket = find_ancient(managers, manager->api_version);
        if (bucket == NULL || bucket == manager)
            bucket = *first;
        merge_into(work, bucket, manager);
        n_updates--;
    }
}

void apply_managers_cap(struct apply_work *work, struct apply_managers *managers, size_t max)
{
    size_t n_updates = 0;
    for (size_t i = 0; i < managers->n; i++)
        n_updates += ke_str_eq_c(managers->items[i].operation, "Update") ? 1 : 0;
    if (n_updates <= max || work->has_failed)
        return;
    qsort(managers->items, managers->n, sizeof(*managers->items), compare_managers);
    struct ancients seen = {
        .versions = ke_arena_alloc_n(work->arena, managers->n, sizeof(struct ke_str)),
        .first = ke_arena_alloc_n(work->arena, managers->n, sizeof(struct apply_manager *))
    };
    if (seen.versions == NULL || seen.first == NULL) {
        work->has_failed = true;
        return;
    }
    merge_oldest(work, managers, n_updates, max, &seen);
    apply_managers_drop_empty(managers);
}

/* ---- words --------------------------------------------------------------------------------- */

void apply_manager_print(const struct apply_manager *manager, struct ke_buf *out)
{
    ke_buf_add_json_str(out, manager->name);
    if (manager->subresource.len > 0) {
        ke_buf_add_c(out, " with subresource ");
        ke_buf_add_json_str(out, manager->subresource);
    }
    if (ke_str_eq_c(manager->operation, "Update"))
        ke_buf_addf(out, " using %.*s", KE_STR_ARG(manager->api_version));
}

struct printer {
    struct ke_buf *out;
    const char *before; /* each path */
};

static void print_path(void *ctx, struct ke_str path)
{
    struct printer *printer = ctx;
    ke_buf_addf(printer->out, "%s%.*s", printer->before, KE_STR_ARG(path));
}

void apply_conflicts_print(const struct apply_conflicts *conflicts, struct ke_buf *out)
{
    if (conflicts->n_fields == 1) {
        struct printer one = { out, ": " };
        ke_buf_add_c(out, "Apply failed with 1 conflict: conflict with ");
        apply_manager_print(&conflicts->items[0], out);
        apply_set_visit(conflicts->items[0].fields, print_path, &one);
        return;
    }
    ke_buf_addf(out, "Apply failed with %zu conflicts: ", conflicts->n_fields);
    struct printer line = { out, "\n- " };
    for (size_t i = 0; i < conflicts->n; i++) {
        ke_buf_add_c(out, i > 0 ? "\nconflicts with " : "conflicts with ");
        apply_manager_print(&conflicts->items[i], out);
        ke_buf_add_char(out, ':');
        apply_set_visit(conflicts->items[i].fields, print_path, &line);
    }
}
