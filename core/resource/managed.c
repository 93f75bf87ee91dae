/* SPDX-License-Identifier: Apache-2.0 */
/* See managed.h: updates, and what both they and applies need. */
#include "core/resource/managed.h"

#include "core/model/apply/form.h"
#include "core/model/schema.h"
#include "core/resource/managed_impl.h"
#include "core/resource/operation.h"

/* ---- the write ----------------------------------------------------------------------------- */

static struct apply_scope scope_of(const struct operation *op)
{
    if (op->part == &part_status)
        return (struct apply_scope){ .only = { "metadata", "status" } };
    if (model_version_has_status(op->kind, op->version))
        return (struct apply_scope){ .never = { "status" } };
    return (struct apply_scope){ .never = { NULL } };
}

bool managed_write_init(struct managed_write *write, struct operation *op, const char *operation)
{
    char memory[256];
    struct ke_buf version = KE_BUF_FIXED(memory, sizeof(memory));
    model_version_format(op->version, &version);
    struct ke_str who = op->request.field_manager;
    *write = (struct managed_write){ .versions = apply_versions_of_form(&op->form),
                                     .scope = scope_of(op),
                                     .work = { .arena = ke_arena_new(LIMIT_APPLY_BYTES) } };
    write->apply = (struct apply_write){
        .versions = &write->versions,
        .scope = &write->scope,
        .manager = { .name = who.len > 0 ? who : KE_STR(MANAGED_KEDGE),
                     .operation = ke_str_c(operation),
                     .api_version = write->work.arena != NULL
                                        ? ke_arena_str(write->work.arena, ke_buf_str(&version))
                                        : (struct ke_str){ NULL, 0 },
                     .subresource = ke_str_c(op->part->name) },
        .now = operation_timestamp(op, 0),
    };
    return write->apply.manager.api_version.ptr != NULL && version.failed == KE_OK &&
           write->apply.now.ptr != NULL;
}

void managed_write_deinit(struct managed_write *write)
{
    ke_arena_free(write->work.arena);
    write->work.arena = NULL;
}

/* What Go's zero value of the kind prints: what an object is before it is created. */
static cJSON *zero_object(const struct operation *op)
{
    const struct model_message *message = model_schema_find(ke_str_c(op->version->message));
    struct ke_err err = KE_ERR_INIT;
    cJSON *zero = cJSON_CreateObject();
    if (zero == NULL || message == NULL ||
        model_schema_normalise(message, zero, NULL, &err) == KE_OK)
        return zero;
    cJSON_Delete(zero);
    return NULL;
}

cJSON *managed_in_version(const struct operation *op, const cJSON *object)
{
    if (object == NULL)
        return zero_object(op);
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy == NULL || model_version_from_storage(op->kind, op->version, copy))
        return copy;
    cJSON_Delete(copy);
    return NULL;
}

/* ---- update -------------------------------------------------------------------------------- */

/* Entries that stand now: those of the client where it may say so, else those of old. False: there
 * are none, or none that can be read. */
static bool read_managers(struct operation *op, struct apply_work *work, const cJSON *sent,
                          const cJSON *old, struct apply_managers *out)
{
    const cJSON *stored = ke_json_path(old, "metadata.managedFields");
    struct apply_managers managers = { .items = NULL };
    if (op->part->is_main && op->resets_managed)
        return false;
    bool is_echo = stored != NULL && sent != NULL && ke_json_equal(sent, stored);
    if (op->part->is_main && sent != NULL && !is_echo &&
        apply_managers_parse(work, sent, false, &managers) && managers.n > 0) {
        *out = managers;
        return true;
    }
    return apply_managers_parse(work, stored, true, out) && out->n > 0;
}

/* Objects that are kedge's own and can be made again carry no bookkeeping. */
static bool is_untracked(const struct operation *op, const cJSON *object, const cJSON *old)
{
    if (old != NULL)
        return true;
    return op->request.field_manager.len == 0 &&
           model_kind_durability(op->kind, object) != MODEL_DURABLE;
}

/* The objects as their client knows them: conversion is for the few kinds that differ. */
static void update_managers(struct operation *op, struct managed_write *write, const cJSON *object,
                            const cJSON *old, struct managed_pair *pair,
                            struct apply_managers *managers)
{
    bool is_same = op->version->from_storage == NULL;
    pair->after = is_same ? NULL : managed_in_version(op, object);
    pair->before = is_same && old != NULL ? NULL : managed_in_version(op, old);
    const cJSON *after = is_same ? object : pair->after;
    const cJSON *before = is_same && old != NULL ? old : pair->before;
    if (after == NULL || before == NULL) {
        write->work.has_failed = true;
        return;
    }
    apply_managers_update(&write->work, &write->apply, before, after, managers);
    apply_managers_cap(&write->work, managers, LIMIT_MANAGED_UPDATES);
}

static cJSON *detach_managed(cJSON *object)
{
    cJSON *meta = ke_json_get_mut(object, "metadata");
    cJSON *managed = ke_json_get_mut(meta, "managedFields");
    return managed != NULL ? cJSON_DetachItemViaPointer(meta, managed) : NULL;
}

bool managed_set(cJSON *object, cJSON *managed)
{
    if (managed == NULL || managed->child == NULL) {
        cJSON_Delete(managed);
        return true;
    }
    cJSON *meta = ke_json_need_object(object, "metadata");
    if (meta == NULL) {
        cJSON_Delete(managed);
        return false;
    }
    return ke_json_set(meta, "managedFields", managed);
}

enum ke_code managed_update(struct operation *op, cJSON *object, const cJSON *old)
{
    ke_auto_json *sent = detach_managed(object);
    if (op->managed != NULL) {
        cJSON *copy = cJSON_Duplicate(op->managed, true);
        return copy != NULL && managed_set(object, copy) ? KE_OK : operation_fail_nomem(op);
    }
    KE_CLEANUP(managed_write_deinit) struct managed_write write;
    if (!managed_write_init(&write, op, "Update"))
        return operation_fail_nomem(op);
    struct apply_managers managers = { .items = NULL };
    KE_CLEANUP(managed_pair_deinit) struct managed_pair pair = { .before = NULL };
    bool has_any = read_managers(op, &write.work, sent, old, &managers);
    if (!has_any && !write.work.has_failed && is_untracked(op, object, old))
        return KE_OK;
    if (!has_any)
        managers.n = 0;
    update_managers(op, &write, object, old, &pair, &managers);
    cJSON *managed = apply_managers_print(&write.work, &managers);
    if (managed == NULL || !managed_set(object, managed))
        return operation_fail_nomem(op);
    return KE_OK;
}

cJSON *managed_without(const cJSON *object)
{
    if (ke_json_path(object, "metadata.managedFields") == NULL)
        return NULL;
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy != NULL)
        cJSON_Delete(detach_managed(copy));
    return copy;
}

/* ---- times --------------------------------------------------------------------------------- */

static bool same_but_time(const cJSON *a, const cJSON *b)
{
    static const char *const MEMBERS[] = { "manager",    "operation", "apiVersion",
                                           "fieldsType", "fieldsV1",  "subresource" };
    for (size_t i = 0; i < KE_ARRAY_LEN(MEMBERS); i++) {
        const cJSON *x = ke_json_get(a, MEMBERS[i]);
        const cJSON *y = ke_json_get(b, MEMBERS[i]);
        if ((x == NULL) != (y == NULL) || (x != NULL && !ke_json_equal(x, y)))
            return false;
    }
    return true;
}

/* The order of entries follows their times: each is looked for. */
static bool has_entry(const cJSON *list, const cJSON *entry)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, list) {
        if (same_but_time(it, entry))
            return true;
    }
    return false;
}

static bool differ_in_times_only(const cJSON *a, const cJSON *b)
{
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b) || ke_json_equal(a, b))
        return false;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, a) {
        if (!has_entry(b, it))
            return false;
    }
    return true;
}

bool managed_ignore_times(cJSON *object, const cJSON *old)
{
    const cJSON *before = ke_json_path(old, "metadata.managedFields");
    cJSON *meta = ke_json_get_mut(object, "metadata");
    const cJSON *now = ke_json_get(meta, "managedFields");
    if (before == NULL || now == NULL || !differ_in_times_only(now, before))
        return true;
    ke_auto_json *newer = detach_managed(object);
    if (!ke_json_set(meta, "managedFields", cJSON_Duplicate(before, true)))
        return false;
    if (ke_json_equal(object, old))
        return true;
    return ke_json_set(meta, "managedFields", KE_TAKE(newer));
}
