/* SPDX-License-Identifier: Apache-2.0 */
/* See files.h. */
#include "core/manifest/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/yaml.h"

struct reader {
    struct ke_str root;
    manifest_folder_fn *visit;
    void *ctx;
    struct manifest_files files;
};

static bool add_to(cJSON *list, cJSON *value)
{
    if (value != NULL && cJSON_AddItemToArray(list, value))
        return true;
    cJSON_Delete(value);
    return false;
}

/* A document, or each item of a List. document is given. */
static bool add_document(cJSON *objects, cJSON *document)
{
    cJSON *items = ke_json_get_mut(document, "items");
    bool is_list = ke_str_has_suffix(ke_json_str(document, "kind"), KE_STR("List"));
    if (cJSON_IsNull(document)) { /* nothing between two "---" */
        cJSON_Delete(document);
        return true;
    }
    if (!is_list || !cJSON_IsArray(items))
        return add_to(objects, document);
    bool is_ok = true;
    while (is_ok && items->child != NULL)
        is_ok = add_to(objects, cJSON_DetachItemViaPointer(items, items->child));
    cJSON_Delete(document);
    return is_ok;
}

static enum ke_code parse(struct ke_str text, cJSON **out, struct ke_err *err)
{
    ke_auto_json *documents = NULL;
    enum ke_code rc = model_yaml_parse_stream(text, &documents, err);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *objects = cJSON_CreateArray();
    bool is_ok = objects != NULL;
    while (is_ok && documents->child != NULL)
        is_ok = add_document(objects, cJSON_DetachItemViaPointer(documents, documents->child));
    if (!is_ok)
        return ke_fail(err, KE_NOMEM, "out of memory");
    *out = KE_TAKE(objects);
    return KE_OK;
}

static enum ke_code read_folder(struct reader *reader, const char *path, unsigned depth,
                                struct ke_err *err);

/* What of path is below the root. */
static char *below_root(const struct reader *reader, const char *path)
{
    struct ke_str whole = ke_str_c(path);
    size_t skip = reader->root.len + 1;
    return whole.len > skip ? ke_str_dup(ke_str_sub(whole, skip, whole.len - skip))
                            : ke_str_dup(whole);
}

/* The error of this file, or of a folder that cannot be read, is the file's. */
static enum ke_code add_file(struct reader *reader, const char *path, const struct ke_err *why,
                             struct ke_err *err)
{
    struct manifest_files *files = &reader->files;
    struct manifest_file file = { .path = below_root(reader, path), .err = KE_ERR_INIT };
    if (file.path == NULL ||
        !ke_grow((void **)&files->items, &files->cap, files->n + 1, sizeof(file))) {
        free(file.path);
        return ke_fail(err, KE_NOMEM, "out of memory");
    }
    if (why != NULL) {
        file.err = *why;
    } else {
        ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
        if (ke_file_read(path, &text, &file.err) == KE_OK)
            (void)parse(ke_buf_str(&text), &file.objects, &file.err);
    }
    files->items[files->n++] = file;
    return KE_OK;
}

static bool is_manifest(struct ke_str name)
{
    return ke_str_has_suffix(name, KE_STR(".json")) || ke_str_has_suffix(name, KE_STR(".yaml")) ||
           ke_str_has_suffix(name, KE_STR(".yml"));
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static enum ke_code read_entry(struct reader *reader, const char *folder, const char *name,
                               unsigned depth, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(LIMIT_KEY_BYTES * 8);
    struct stat info;
    ke_buf_addf(&path, "%s/%s", folder, name);
    ke_buf_add_char(&path, '\0');
    enum ke_code rc = ke_buf_check(&path, "path", err);
    if (rc != KE_OK)
        return rc;
    if (stat(path.ptr, &info) != 0) /* gone meanwhile, or a link to nowhere */
        return KE_OK;
    if (S_ISREG(info.st_mode))
        return is_manifest(ke_str_c(name)) ? add_file(reader, path.ptr, NULL, err) : KE_OK;
    if (!S_ISDIR(info.st_mode))
        return KE_OK;
    struct ke_err why = KE_ERR_INIT;
    rc = read_folder(reader, path.ptr, depth + 1, &why);
    if (rc == KE_IO)
        return add_file(reader, path.ptr, &why, err);
    return rc == KE_OK ? KE_OK : ke_fail(err, rc, "%s", why.msg);
}

static enum ke_code read_folder(struct reader *reader, const char *path, unsigned depth,
                                struct ke_err *err)
{
    struct dirent **entries = NULL;
    if (depth > LIMIT_MANIFEST_DEPTH) /* or links that go round */
        return ke_fail(err, KE_IO, "%s: more than %d folders deep", path, LIMIT_MANIFEST_DEPTH);
    if (reader->visit != NULL)
        reader->visit(reader->ctx, path);
    int n = scandir(path, &entries, is_shown, alphasort);
    if (n < 0)
        return ke_fail_errno(err, errno, "%s", path);
    enum ke_code rc = KE_OK;
    for (int i = 0; i < n; i++) {
        if (rc == KE_OK)
            rc = read_entry(reader, path, entries[i]->d_name, depth, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

void manifest_files_deinit(struct manifest_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        free(files->items[i].path);
        cJSON_Delete(files->items[i].objects);
    }
    free(files->items);
    *files = (struct manifest_files){ 0 };
}

enum ke_code manifest_files_read(const char *dir, manifest_folder_fn *visit, void *ctx,
                                 struct manifest_files *out, struct ke_err *err)
{
    struct reader reader = { .root = ke_str_c(dir), .visit = visit, .ctx = ctx };
    enum ke_code rc = read_folder(&reader, dir, 0, err);
    if (rc != KE_OK) {
        manifest_files_deinit(&reader.files);
        return rc;
    }
    *out = reader.files;
    return KE_OK;
}
