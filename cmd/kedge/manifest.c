/* SPDX-License-Identifier: Apache-2.0 */
/* Objects from the files of a folder, made ready as the API would make them. Main thread. */
#include "cmd/kedge/manifest.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/manifest/files.h"
#include "core/model/names.h"
#include "core/model/schema.h"

#define ISSUE_BYTES (256U << 10)

void manifest_list_deinit(struct manifest_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        cJSON_Delete(list->items[i].object);
    free(list->items);
    *list = (struct manifest_list){ 0 };
}

static enum ke_code check(const struct model_kind *kind, const cJSON *object, struct ke_err *err)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(ISSUE_BYTES);
    struct model_issues issues;
    ke_auto_buf text = KE_BUF_INIT(ISSUE_BYTES);
    if (arena == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    model_issues_init(&issues, arena);
    if (kind->validate != NULL)
        kind->validate(object, NULL, &issues);
    if (issues.n_items == 0)
        return KE_OK;
    model_issues_format(&issues, &text);
    return ke_fail(err, KE_INVALID, "%.*s", KE_STR_ARG(ke_buf_str(&text)));
}

/* Converts, defaults and checks; *out_kind NULL: a kind that is not served. */
static enum ke_code prepare(cJSON *object, const struct model_kind **out_kind, struct ke_err *err)
{
    const struct model_version *version = NULL;
    struct ke_str group = { 0 };
    struct ke_str version_name = { 0 };
    struct ke_str api_version = ke_json_str(object, "apiVersion");
    model_api_version_split(api_version, &group, &version_name);
    struct ke_str name = ke_json_str(object, "kind");
    const struct model_kind *kind = model_kind_by_name(group, version_name, name, &version);
    if (kind == NULL)
        return ke_fail(err, KE_INVALID, "no kind \"%.*s\" in \"%.*s\"", KE_STR_ARG(name),
                       KE_STR_ARG(api_version));
    const struct model_message *schema = model_schema_find(ke_str_c(version->message));
    enum ke_code rc = schema == NULL ? ke_fail(err, KE_BUG, "no schema for %s", version->message)
                                     : model_schema_normalise(schema, object, NULL, err);
    if (rc != KE_OK)
        return rc;
    if (!model_version_to_storage(kind, version, object))
        return ke_fail(err, KE_NOMEM, "out of memory");
    cJSON *metadata = ke_json_need_object(object, "metadata");
    if (metadata == NULL)
        return ke_fail(err, KE_INVALID, "metadata: Required value");
    if (kind->is_namespaced && ke_json_str(metadata, "namespace").len == 0 &&
        !ke_json_set_str(metadata, "namespace", KE_STR("default")))
        return ke_fail(err, KE_NOMEM, "out of memory");
    if (kind->set_defaults != NULL && !kind->set_defaults(object))
        return ke_fail(err, KE_NOMEM, "out of memory");
    *out_kind = kind;
    return check(kind, object, err);
}

static enum ke_code add_object(struct manifest_list *list, cJSON *object, struct ke_err *err)
{
    struct manifest item = { .object = object };
    struct ke_err why = KE_ERR_INIT;
    enum ke_code rc = prepare(object, &item.kind, &why);
    if (rc == KE_OK && !ke_grow((void **)&list->items, &list->cap, list->n + 1, sizeof(item)))
        rc = ke_fail(&why, KE_NOMEM, "out of memory");
    if (rc != KE_OK) {
        struct ke_str name = ke_json_path_str(object, "metadata.name");
        (void)ke_fail(err, rc == KE_MALFORMED ? KE_INVALID : rc, "%.*s: %s", KE_STR_ARG(name),
                      why.msg);
        cJSON_Delete(object);
        return err->code;
    }
    list->items[list->n++] = item;
    return KE_OK;
}

/* All objects of one file. */
static enum ke_code add_file(struct manifest_list *list, struct manifest_file *file,
                             struct ke_err *err)
{
    if (file->objects == NULL)
        return ke_fail(err, file->err.code, "%s", file->err.msg);
    enum ke_code rc = KE_OK;
    while (rc == KE_OK && file->objects->child != NULL)
        rc = add_object(list, cJSON_DetachItemViaPointer(file->objects, file->objects->child), err);
    return rc;
}

enum ke_code manifest_read_dir(const char *dir, struct manifest_list *out, struct ke_err *err)
{
    struct manifest_list list = { 0 };
    struct manifest_files files = { 0 };
    enum ke_code rc = manifest_files_read(dir, NULL, NULL, &files, err);
    for (size_t i = 0; rc == KE_OK && i < files.n; i++) {
        rc = add_file(&list, &files.items[i], err);
        if (rc != KE_OK)
            (void)ke_wrap(err, "%s/%s", dir, files.items[i].path);
    }
    manifest_files_deinit(&files);
    if (rc != KE_OK) {
        manifest_list_deinit(&list);
        return rc;
    }
    *out = list;
    return KE_OK;
}
