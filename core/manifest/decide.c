/* SPDX-License-Identifier: Apache-2.0 */
/* See decide.h. */
#include "core/manifest/decide.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

/* What others need to be there goes first. */
static unsigned rank_of(const struct manifest_wanted *wanted)
{
    struct ke_str kind = ke_json_str(wanted->object, "kind");
    if (ke_str_eq_c(kind, "Namespace"))
        return 0;
    return ke_str_eq_c(kind, "CustomResourceDefinition") ? 1 : 2;
}

#define RANKS 3

static bool mark(cJSON *object, const char *path, const struct model_kind *kind)
{
    cJSON *metadata = ke_json_need_object(object, "metadata");
    cJSON *labels = metadata != NULL ? ke_json_need_object(metadata, "labels") : NULL;
    cJSON *annotations = metadata != NULL ? ke_json_need_object(metadata, "annotations") : NULL;
    if (labels == NULL || annotations == NULL)
        return false;
    if (kind->is_namespaced && ke_json_str(metadata, "namespace").len == 0 &&
        !ke_json_set_str(metadata, "namespace", KE_STR("default")))
        return false;
    return ke_json_set_str(labels, MANIFEST_LABEL, KE_STR("true")) &&
           ke_json_set_str(annotations, MANIFEST_ANNOTATION, ke_str_c(path));
}

static bool set_key(struct manifest_wanted *wanted)
{
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    const cJSON *metadata = ke_json_get(wanted->object, "metadata");
    struct ke_str ns = { NULL, 0 };
    if (wanted->kind->is_namespaced)
        ns = ke_json_str(metadata, "namespace");
    model_kind_key(wanted->kind, ns, ke_json_str(metadata, "name"), &key);
    if (key.failed == KE_TOO_LARGE) {
        (void)ke_fail(&wanted->err, KE_INVALID, "metadata.name is too long");
        return true;
    }
    wanted->key = ke_buf_take(&key, NULL);
    return wanted->key != NULL;
}

/* Of two that ask for the same object the first has it. */
static bool claim(struct manifest_plan *plan, struct manifest_wanted *wanted)
{
    const char *other = ke_map_get(plan->keys, ke_str_c(wanted->key));
    if (other == NULL) /* values of a map are not const */
        return ke_map_set(plan->keys, ke_str_c(wanted->key), (void *)(uintptr_t)wanted->path, NULL);
    (void)ke_fail(&wanted->err, KE_INVALID, "is in %s too", other);
    free(wanted->key);
    wanted->key = NULL;
    return true;
}

static bool decide_one(struct manifest_plan *plan, struct manifest_wanted *wanted,
                       manifest_find_kind_fn *find_kind, void *ctx)
{
    cJSON *object = wanted->object;
    wanted->kind = find_kind(ctx, object, &wanted->version);
    if (wanted->kind == NULL) {
        struct ke_str kind = ke_json_str(object, "kind");
        struct ke_str api_version = ke_json_str(object, "apiVersion");
        (void)ke_fail(&wanted->err, KE_NOT_FOUND, "no kind \"%.*s\" in \"%.*s\"", KE_STR_ARG(kind),
                      KE_STR_ARG(api_version));
        return true;
    }
    const cJSON *ns = ke_json_path(object, "metadata.namespace");
    if (ke_json_path_str(object, "metadata.name").len == 0) {
        (void)ke_fail(&wanted->err, KE_INVALID, "metadata.name: a name is required");
        return true;
    }
    if (ns != NULL && !cJSON_IsNull(ns) && !cJSON_IsString(ns)) {
        (void)ke_fail(&wanted->err, KE_INVALID, "metadata.namespace: must be a string");
        return true;
    }
    if (!mark(object, wanted->path, wanted->kind) || !set_key(wanted))
        return false;
    return wanted->key == NULL || claim(plan, wanted);
}

/* All objects of all files, by rank. False: out of memory. */
static bool collect(struct manifest_plan *plan, struct manifest_files *files)
{
    size_t cap = 0;
    for (unsigned rank = 0; rank < RANKS; rank++) {
        for (size_t i = 0; i < files->n; i++) {
            cJSON *object;
            cJSON_ArrayForEach(object, files->items[i].objects) {
                struct manifest_wanted wanted = { .path = files->items[i].path,
                                                  .object = object,
                                                  .err = KE_ERR_INIT };
                if (rank_of(&wanted) != rank)
                    continue;
                if (!ke_grow((void **)&plan->items, &cap, plan->n + 1, sizeof(wanted)))
                    return false;
                plan->items[plan->n++] = wanted;
            }
        }
    }
    return true;
}

static bool note_broken(struct manifest_plan *plan, const struct manifest_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        const struct manifest_file *file = &files->items[i];
        if (file->objects == NULL && !ke_map_set(plan->broken, ke_str_c(file->path), plan, NULL))
            return false;
    }
    return true;
}

void manifest_plan_deinit(struct manifest_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        free(plan->items[i].key);
    free(plan->items);
    ke_map_free(plan->keys);
    ke_map_free(plan->broken);
    *plan = (struct manifest_plan){ 0 };
}

enum ke_code manifest_plan_make(struct manifest_files *files, manifest_find_kind_fn *find_kind,
                                void *ctx, struct manifest_plan *out, struct ke_err *err)
{
    struct manifest_plan plan = { .keys = ke_map_new(), .broken = ke_map_new() };
    bool is_ok = plan.keys != NULL && plan.broken != NULL && note_broken(&plan, files) &&
                 collect(&plan, files);
    for (size_t i = 0; is_ok && i < plan.n; i++) {
        struct manifest_wanted *wanted = &plan.items[i];
        is_ok = decide_one(&plan, wanted, find_kind, ctx);
        if (is_ok && wanted->err.code != KE_OK) /* which object it was cannot be told */
            is_ok = ke_map_set(plan.broken, ke_str_c(wanted->path), wanted, NULL);
    }
    if (!is_ok) {
        manifest_plan_deinit(&plan);
        return ke_fail(err, KE_NOMEM, "out of memory");
    }
    *out = plan;
    return KE_OK;
}

/* A folder that cannot be read speaks for everything below it. */
static bool is_broken(const struct manifest_plan *plan, struct ke_str path)
{
    size_t pos = 0;
    struct ke_str broken;
    void *value;
    while (ke_map_next(plan->broken, &pos, &broken, &value)) {
        if (ke_str_has_prefix(path, broken) &&
            (path.len == broken.len || path.ptr[broken.len] == '/'))
            return true;
    }
    return false;
}

bool manifest_plan_prunes(const struct manifest_plan *plan, const struct registry_object *object)
{
    if (ke_map_get(plan->keys, object->key) != NULL)
        return false;
    ke_auto_json *json = registry_object_parse(object);
    const cJSON *metadata = ke_json_get(json, "metadata");
    struct ke_str path = ke_json_str(ke_json_get(metadata, "annotations"), MANIFEST_ANNOTATION);
    bool is_derived = cJSON_GetArraySize(ke_json_get(metadata, "ownerReferences")) > 0;
    bool is_going = ke_json_str(metadata, "deletionTimestamp").len > 0;
    return path.len > 0 && !is_derived && !is_going && !is_broken(plan, path);
}
