/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side apply as a verb: the object as the client's version shows it (or none), the
 * configuration applied, and from there the way of an update or of a create.
 * Source: apiserver pkg/endpoints/handlers/patch.go (applyPatcher). Thread: the operation's.
 */
#include "core/resource/managed.h"
#include "core/resource/operation.h"
#include "core/resource/permission.h"

/* ---- a Scale as part of what it scales ----------------------------------------------------- */

/* Makes the objects on the way; value given. */
static bool set_at(cJSON *object, const char *path, cJSON *value)
{
    struct ke_str rest = ke_str_c(path);
    struct ke_str part = { NULL, 0 };
    cJSON *at = object;
    while (at != NULL && ke_str_split(&rest, '.', &part)) {
        char name[LIMIT_SCALE_PATH_BYTES];
        if (part.len >= sizeof(name))
            break;
        memcpy(name, part.ptr, part.len);
        name[part.len] = '\0';
        if (rest.len == 0)
            return ke_json_set(at, name, value);
        at = ke_json_need_object(at, name);
    }
    cJSON_Delete(value);
    return false;
}

/* The replicas of an applied Scale, said of the object itself: they are owned there. */
static enum ke_code config_of_scale(struct operation *op, cJSON **out)
{
    char memory[256];
    struct ke_buf version = KE_BUF_FIXED(memory, sizeof(memory));
    model_version_format(op->version, &version);
    if (!ke_str_eq_c(ke_json_str(op->body, "kind"), op->spoken->kind)) {
        return operation_fail(op, KE_MALFORMED, "invalid object type: %.*s, Kind=%.*s",
                              KE_STR_ARG(ke_json_str(op->body, "apiVersion")),
                              KE_STR_ARG(ke_json_str(op->body, "kind")));
    }
    ke_auto_json *config = cJSON_CreateObject();
    const cJSON *replicas = ke_json_path(op->body, "spec.replicas");
    const cJSON *meta = ke_json_get(op->body, "metadata");
    if (config == NULL || !ke_json_set_str(config, "apiVersion", ke_buf_str(&version)) ||
        !ke_json_set(config, "kind", cJSON_CreateString(op->kind->kind)) ||
        (meta != NULL && !ke_json_set(config, "metadata", cJSON_Duplicate(meta, true))) ||
        (replicas != NULL &&
         !set_at(config, op->subresource->scale->spec_replicas, cJSON_Duplicate(replicas, true))))
        return operation_fail_nomem(op);
    *out = KE_TAKE(config);
    return KE_OK;
}

/* The object after it, as its subresource shows it: what a merge of the part starts from. */
static enum ke_code show_part(struct operation *op, cJSON **object)
{
    cJSON *shown = NULL;
    if (op->part->show == NULL)
        return KE_OK;
    if (!model_version_to_storage(op->kind, op->version, *object) ||
        !op->part->show(op->kind, op->subresource, *object, &shown))
        return operation_fail_nomem(op);
    cJSON_Delete(*object);
    *object = shown;
    return KE_OK;
}

/* ---- what the body says -------------------------------------------------------------------- */

/* Keys that stand there twice: refused, told or ignored. */
static enum ke_code check_duplicates(struct operation *op)
{
    struct ke_str lines = op->request.yaml_duplicates;
    if (lines.len == 0)
        return KE_OK;
    if (op->request.is_strict) {
        return operation_fail(op, KE_MALFORMED,
                              "error strict decoding patch: error converting YAML to JSON: yaml: "
                              "unmarshal errors:\n%.*s",
                              KE_STR_ARG(lines));
    }
    if (op->request.is_warning)
        operation_warn_lines(op, lines);
    return KE_OK;
}

static enum ke_code check_body(struct operation *op)
{
    if (cJSON_IsObject(op->body))
        return KE_OK;
    if (cJSON_IsNull(op->body))
        return operation_fail(op, KE_MALFORMED, "invalid object type: /, Kind=");
    const char *what = cJSON_IsArray(op->body) ? "array" : "string";
    if (cJSON_IsNumber(op->body))
        what = "number";
    else if (cJSON_IsBool(op->body))
        what = "bool";
    return operation_fail(op, KE_MALFORMED,
                          "error decoding patch: error unmarshaling JSON: while decoding JSON: "
                          "json: cannot unmarshal %s into Go value of type map[string]interface {}",
                          what);
}

/* A configuration that names an object (uid, revision) does not create another. */
static enum ke_code check_names_none(struct operation *op, const cJSON *object)
{
    struct ke_str uid = ke_json_path_str(object, "metadata.uid");
    struct ke_str revision = ke_json_path_str(op->body, "metadata.resourceVersion");
    if (uid.len > 0) {
        return operation_fail_conflict(op,
                                       "Precondition failed: UID in precondition: %.*s, UID in "
                                       "object meta: ",
                                       KE_STR_ARG(uid));
    }
    return revision.len > 0 && !ke_str_eq_c(revision, "0") ? operation_fail_modified(op) : KE_OK;
}

/* ---- the verb ------------------------------------------------------------------------------ */

/* live NULL: there is none. */
static enum ke_code apply_to(struct operation *op, const cJSON *live, cJSON **out)
{
    ke_auto_json *converted = NULL;
    if (op->spoken != op->kind) {
        enum ke_code rc = config_of_scale(op, &converted);
        if (rc != KE_OK)
            return rc;
    }
    ke_auto_json *object = NULL;
    const cJSON *config = converted != NULL ? converted : op->body;
    enum ke_code rc = managed_apply(op, config, live, &object, &op->managed);
    if (rc == KE_OK)
        rc = check_duplicates(op);
    if (rc == KE_OK)
        rc = show_part(op, &object);
    if (rc == KE_OK)
        rc = operation_decode(op, object, NULL);
    if (rc == KE_OK)
        rc = operation_check_names(op, object);
    if (rc == KE_OK)
        *out = KE_TAKE(object);
    return rc;
}

enum ke_code operation_apply(struct operation *op)
{
    ke_auto_object *current = NULL;
    enum ke_code rc = operation_current(op, &current);
    bool is_new = rc == KE_NOT_FOUND;
    if (rc != KE_OK && !is_new)
        return rc;
    if (is_new && (!op->part->is_main || (op->kind->verbs & MODEL_VERB_CREATE) == 0))
        return operation_fail_not_found(op, op->kind, op->request.name);
    rc = check_body(op);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *live = is_new ? NULL : operation_parse(op, current);
    if (!is_new && (live == NULL || !model_version_from_storage(op->kind, op->version, live)))
        return operation_fail_nomem(op);
    cJSON *object = NULL;
    rc = apply_to(op, live, &object);
    if (rc != KE_OK)
        return rc;
    op->is_conditional = ke_json_path_str(op->body, "metadata.resourceVersion").len > 0;
    if (!is_new)
        return operation_replace(op, current, object);
    rc = check_names_none(op, object);
    if (rc == KE_OK)
        rc = creation_admit(op);
    if (rc == KE_OK)
        rc = namespace_admit_create(op);
    if (rc != KE_OK) {
        cJSON_Delete(object);
        return rc;
    }
    return operation_create_object(op, object);
}
