/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 6902 JSON patch. All operations work on a copy that takes the target's place at the end, so
 * that a patch is applied whole or not at all. Pure; any thread.
 * Texts: those of evanphx/json-patch, which API servers pass on.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/depth.h"
#include "core/model/patch.h"

/* The document hangs under "root" of a wrapper: then "" is a path like any other. */
struct json_patch {
    cJSON *wrapper;
    size_t n_copied; /* bytes that copy operations have made, so far */
    size_t n_steps;  /* elements of lists walked over, so far */
    struct ke_err *err;
};

struct operation {
    const char *op;
    struct ke_str path;
    struct ke_str from;
    const cJSON *value; /* NULL: absent */
};

/* A place in the document: a member of an object or an element of a list. */
struct target {
    cJSON *parent;
    struct ke_str key; /* decoded, of an object; "root" for the whole */
    size_t index;      /* of a list: index == length is the end */
    cJSON *node;       /* NULL: not there */
};

static enum ke_code fail_missing(const struct json_patch *p, const struct operation *op,
                                 struct ke_str path)
{
    return ke_fail(p->err, KE_INVALID,
                   "%s operation does not apply: doc is missing path: \"%.*s\": missing value",
                   op->op, KE_STR_ARG(path));
}

/* "~1" is a slash and "~0" a tilde. In place: text is ours. */
static struct ke_str unescape(char *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '~' && i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1')) {
            i++;
            c = text[i] == '0' ? '~' : '/';
        }
        text[out++] = c;
    }
    text[out] = '\0';
    return ke_str_of(text, out);
}

/* RFC 6901: digits without a leading zero, or "-" for the end. */
static bool read_index(struct ke_str key, size_t len, size_t *out)
{
    uint64_t index;
    if (ke_str_eq(key, KE_STR("-"))) {
        *out = len;
        return true;
    }
    if ((key.len > 1 && key.ptr[0] == '0') || !ke_str_to_u64(key, len, &index))
        return false;
    *out = (size_t)index;
    return true;
}

/* Lists and objects are linked: every look at one costs its length. */
static size_t count_elements(struct json_patch *p, const cJSON *list)
{
    size_t len = (size_t)cJSON_GetArraySize(list);
    p->n_steps += len;
    return len;
}

static cJSON *child_of(struct json_patch *p, cJSON *parent, struct ke_str key, size_t *out_index)
{
    size_t len = count_elements(p, parent);
    if (cJSON_IsObject(parent))
        return ke_json_get_mut(parent, key.ptr);
    if (!cJSON_IsArray(parent) || !read_index(key, len, out_index) || *out_index >= len)
        return NULL;
    return cJSON_GetArrayItem(parent, (int)*out_index);
}

/*
 * Finds the place that path names. memory receives a terminated copy of it, of which the key is
 * part. KE_INVALID when something above the last step is missing.
 */
static enum ke_code locate(struct json_patch *p, const struct operation *op, struct ke_str path,
                           char **memory, struct target *out)
{
    *out = (struct target){ .parent = p->wrapper,
                            .key = KE_STR("root"),
                            .node = ke_json_get_mut(p->wrapper, "root") };
    *memory = ke_str_dup(path);
    if (*memory == NULL)
        return ke_fail(p->err, KE_NOMEM, "JSON patch");
    if (path.len > 0 && path.ptr[0] != '/')
        return fail_missing(p, op, path);
    size_t at = 0;
    while (at < path.len) {
        size_t end = at + 1;
        while (end < path.len && path.ptr[end] != '/')
            end++;
        if (!cJSON_IsObject(out->node) && !cJSON_IsArray(out->node))
            return fail_missing(p, op, path);
        out->parent = out->node;
        out->key = unescape(*memory + at + 1, end - at - 1);
        out->index = 0;
        out->node = child_of(p, out->parent, out->key, &out->index);
        at = end;
        /* unescape has put a NUL over the next slash: only path is read from here on. */
    }
    return KE_OK;
}

/* cJSON_InsertItemInArray of 1.7.15 refuses every place but the first. */
static void insert_before(cJSON *list, cJSON *at, cJSON *value)
{
    value->next = at;
    value->prev = at->prev; /* of the first: the last */
    if (at == list->child)
        list->child = value;
    else
        at->prev->next = value;
    at->prev = value;
}

static enum ke_code put(struct json_patch *p, const struct operation *op,
                        const struct target *target, cJSON *value)
{
    if (cJSON_IsObject(target->parent)) {
        if (!ke_json_set(target->parent, target->key.ptr, value))
            return ke_fail(p->err, KE_NOMEM, "JSON patch");
        return KE_OK;
    }
    size_t len = count_elements(p, target->parent);
    size_t index;
    if (!read_index(target->key, len, &index)) {
        cJSON_Delete(value);
        return ke_fail(p->err, KE_INVALID,
                       "%s operation does not apply: doc is missing path: \"%.*s\": Unable to "
                       "access invalid index: %.*s: invalid index referenced",
                       op->op, KE_STR_ARG(op->path), KE_STR_ARG(target->key));
    }
    if (index == len)
        (void)cJSON_AddItemToArray(target->parent, value);
    else
        insert_before(target->parent, cJSON_GetArrayItem(target->parent, (int)index), value);
    return KE_OK;
}

/* Parsing bounds the depth of what comes in; adding must not go around it: trees are recursed. */
static bool is_too_deep(struct ke_str path, const cJSON *value)
{
    size_t depth = model_json_depth(value);
    for (size_t i = 0; i < path.len; i++)
        depth += path.ptr[i] == '/' ? 1 : 0;
    return depth > LIMIT_JSON_DEPTH;
}

static enum ke_code add_value(struct json_patch *p, const struct operation *op, cJSON *value)
{
    ke_auto_ptr char *memory = NULL;
    struct target target;
    enum ke_code rc = KE_OK;
    if (is_too_deep(op->path, value))
        rc = ke_fail(p->err, KE_TOO_LARGE, "the patched object is nested more than %d deep",
                     LIMIT_JSON_DEPTH);
    if (rc == KE_OK)
        rc = locate(p, op, op->path, &memory, &target);
    if (rc != KE_OK) {
        cJSON_Delete(value);
        return rc;
    }
    return put(p, op, &target, value);
}

static enum ke_code copy_value(struct json_patch *p, const cJSON *value, cJSON **out)
{
    *out = cJSON_Duplicate(value, true);
    return *out != NULL ? KE_OK : ke_fail(p->err, KE_NOMEM, "JSON patch");
}

static enum ke_code run_add(struct json_patch *p, const struct operation *op)
{
    cJSON *copy = NULL;
    enum ke_code rc = copy_value(p, op->value, &copy);
    return rc == KE_OK ? add_value(p, op, copy) : rc;
}

static enum ke_code run_remove(struct json_patch *p, const struct operation *op)
{
    ke_auto_ptr char *memory = NULL;
    struct target target;
    enum ke_code rc = locate(p, op, op->path, &memory, &target);
    if (rc != KE_OK)
        return rc;
    if (target.node == NULL) {
        return ke_fail(p->err, KE_INVALID,
                       "remove operation does not apply: doc is missing path: \"%.*s\": missing "
                       "value",
                       KE_STR_ARG(op->path));
    }
    cJSON_Delete(cJSON_DetachItemViaPointer(target.parent, target.node));
    return KE_OK;
}

static enum ke_code run_replace(struct json_patch *p, const struct operation *op)
{
    ke_auto_ptr char *memory = NULL;
    struct target target;
    cJSON *copy = NULL;
    enum ke_code rc = locate(p, op, op->path, &memory, &target);
    if (rc == KE_OK && target.node == NULL) {
        rc = ke_fail(p->err, KE_INVALID,
                     "replace operation does not apply: doc is missing key: %.*s: missing value",
                     KE_STR_ARG(op->path));
    }
    if (rc == KE_OK && is_too_deep(op->path, op->value))
        rc = ke_fail(p->err, KE_TOO_LARGE, "the patched object is nested more than %d deep",
                     LIMIT_JSON_DEPTH);
    if (rc == KE_OK)
        rc = copy_value(p, op->value, &copy);
    if (rc != KE_OK)
        return rc;
    if (cJSON_IsObject(target.parent))
        return put(p, op, &target, copy);
    (void)cJSON_ReplaceItemViaPointer(target.parent, target.node, copy);
    return KE_OK;
}

static bool is_prefix_of(struct ke_str from, struct ke_str path)
{
    return ke_str_has_prefix(path, from) && path.len > from.len && path.ptr[from.len] == '/';
}

static enum ke_code run_move(struct json_patch *p, const struct operation *op)
{
    ke_auto_ptr char *memory = NULL;
    struct target target;
    enum ke_code rc = locate(p, op, op->from, &memory, &target);
    if (rc == KE_OK && target.node == NULL)
        rc = fail_missing(p, op, op->from);
    if (rc == KE_OK && is_prefix_of(op->from, op->path))
        rc = ke_fail(p->err, KE_INVALID, "move operation does not apply: \"%.*s\" is inside of it",
                     KE_STR_ARG(op->path));
    if (rc != KE_OK || ke_str_eq(op->from, op->path))
        return rc;
    cJSON *moved = cJSON_DetachItemViaPointer(target.parent, target.node);
    return add_value(p, op, moved);
}

static enum ke_code run_copy(struct json_patch *p, const struct operation *op)
{
    ke_auto_ptr char *memory = NULL;
    struct target target;
    cJSON *copy = NULL;
    enum ke_code rc = locate(p, op, op->from, &memory, &target);
    if (rc == KE_OK && target.node == NULL)
        rc = fail_missing(p, op, op->from);
    if (rc != KE_OK)
        return rc;
    /* Copies can double the document at each step. */
    ke_auto_buf printed = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_json_print(target.node, &printed);
    p->n_copied += printed.len;
    if (printed.failed == KE_NOMEM)
        return ke_fail(p->err, KE_NOMEM, "JSON patch");
    if (printed.failed != KE_OK || p->n_copied > LIMIT_REQUEST_BODY_BYTES) {
        return ke_fail(p->err, KE_TOO_LARGE,
                       "Unable to complete the copy, the accumulated size increase of copy is "
                       "larger than the limit %u",
                       LIMIT_REQUEST_BODY_BYTES);
    }
    rc = copy_value(p, target.node, &copy);
    return rc == KE_OK ? add_value(p, op, copy) : rc;
}

static enum ke_code run_test(struct json_patch *p, const struct operation *op)
{
    ke_auto_ptr char *memory = NULL;
    struct target target;
    enum ke_code rc = locate(p, op, op->path, &memory, &target);
    if (rc != KE_OK)
        return rc;
    /* A member that is not there equals null. */
    bool is_equal =
        target.node == NULL ? cJSON_IsNull(op->value) : ke_json_equal(target.node, op->value);
    if (is_equal)
        return KE_OK;
    return ke_fail(p->err, KE_INVALID, "testing value %.*s failed: test failed",
                   KE_STR_ARG(op->path));
}

typedef enum ke_code run_fn(struct json_patch *p, const struct operation *op);

static const struct {
    const char *name;
    run_fn *run;
    bool needs_value;
    bool needs_from;
} OPERATIONS[] = {
    { "add", run_add, true, false },         { "remove", run_remove, false, false },
    { "replace", run_replace, true, false }, { "move", run_move, false, true },
    { "copy", run_copy, false, true },       { "test", run_test, true, false },
};

static enum ke_code run_operation(struct json_patch *p, const cJSON *json)
{
    const cJSON *path = ke_json_get(json, "path");
    const cJSON *from = ke_json_get(json, "from");
    struct ke_str name = ke_json_str(json, "op");
    struct operation op = { .path = ke_json_value_str(path),
                            .from = ke_json_value_str(from),
                            .value = ke_json_get(json, "value") };
    if (!cJSON_IsString(path))
        return ke_fail(p->err, KE_MALFORMED, "jsonpatch: operation without a path");
    for (size_t i = 0; i < KE_ARRAY_LEN(OPERATIONS); i++) {
        if (!ke_str_eq_c(name, OPERATIONS[i].name))
            continue;
        if (OPERATIONS[i].needs_value && op.value == NULL)
            return ke_fail(p->err, KE_MALFORMED, "jsonpatch %s operation without a value",
                           OPERATIONS[i].name);
        if (OPERATIONS[i].needs_from && !cJSON_IsString(from))
            return ke_fail(p->err, KE_MALFORMED, "jsonpatch %s operation without a from",
                           OPERATIONS[i].name);
        op.op = OPERATIONS[i].name;
        return OPERATIONS[i].run(p, &op);
    }
    return ke_fail(p->err, KE_INVALID, "Unexpected kind: %.*s", KE_STR_ARG(name));
}

enum ke_code model_patch_json(cJSON **target, const cJSON *patch, struct ke_err *err)
{
    if (!cJSON_IsArray(patch))
        return ke_fail(err, KE_MALFORMED,
                       "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
    int n = cJSON_GetArraySize(patch);
    if (n > LIMIT_PATCH_OPS) {
        return ke_fail(err, KE_TOO_LARGE,
                       "The allowed maximum operations in a JSON patch is %d, got %d",
                       LIMIT_PATCH_OPS, n);
    }
    ke_auto_json *wrapper = cJSON_CreateObject();
    cJSON *copy = cJSON_Duplicate(*target, true);
    if (wrapper == NULL || copy == NULL || !ke_json_set(wrapper, "root", copy)) {
        if (wrapper == NULL)
            cJSON_Delete(copy);
        return ke_fail(err, KE_NOMEM, "JSON patch");
    }
    struct json_patch p = { .wrapper = wrapper, .err = err };
    const cJSON *operation;
    cJSON_ArrayForEach(operation, patch) {
        enum ke_code rc = run_operation(&p, operation);
        if (rc == KE_OK && p.n_steps > LIMIT_PATCH_STEPS)
            rc =
                ke_fail(err, KE_TOO_LARGE, "the patch takes more than %u steps", LIMIT_PATCH_STEPS);
        if (rc != KE_OK)
            return rc;
    }
    cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(wrapper, "root");
    if (result == NULL)
        return ke_fail(err, KE_INVALID, "the patch removes the whole object");
    cJSON_Delete(*target);
    *target = result;
    return KE_OK;
}
