/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning and defaulting of custom objects. Source: apiextensions-apiserver
 * pkg/apiserver/schema/{pruning,defaulting}. Pure.
 */
#include "core/base/json.h"
#include "core/model/structural.h"

/* ---- pruning --------------------------------------------------------------------------------- */

struct pruning {
    struct model_issues *unknown; /* NULL: nobody asks */
    bool is_ok;
};

static void prune(struct pruning *p, const struct model_structural *schema,
                  const struct model_path *at, cJSON *value, bool is_root);

static void report_unknown(struct pruning *p, const struct model_path *at)
{
    if (p->unknown == NULL)
        return;
    struct ke_str path = model_path_text(p->unknown, at);
    struct ke_str text =
        ke_arena_fmt(p->unknown->arena, "unknown field \"%.*s\"", KE_STR_ARG(path));
    p->is_ok = p->is_ok && path.ptr != NULL && text.ptr != NULL;
    model_issues_add(p->unknown, MODEL_ISSUE_INVALID, KE_STR(""), text);
}

static bool is_type_member(const char *name)
{
    return strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
           strcmp(name, "metadata") == 0;
}

/* By which schema a member is cut; false: it stays as it is, or goes when *out_goes. */
static bool choose(const struct model_structural *schema, const char *name,
                   const struct model_structural **out, bool *out_goes)
{
    *out = schema != NULL ? model_structural_member(schema, ke_str_c(name)) : NULL;
    *out_goes = false;
    if (*out != NULL)
        return true;
    if (schema != NULL && schema->has_additional) {
        *out = schema->additional; /* NULL: names below are declared by nobody */
        return true;
    }
    *out_goes = schema == NULL || !schema->keeps_unknown;
    return false;
}

static void prune_object(struct pruning *p, const struct model_structural *schema,
                         const struct model_path *at, cJSON *value, bool is_root)
{
    bool has_type = is_root || (schema != NULL && schema->is_embedded);
    cJSON *next = NULL;
    for (cJSON *it = value->child; it != NULL; it = next) {
        next = it->next;
        if (has_type && is_type_member(it->string))
            continue;
        const struct model_structural *below = NULL;
        bool goes = false;
        struct model_path path = model_path_child(at, it->string);
        if (choose(schema, it->string, &below, &goes))
            prune(p, below, &path, it, false);
        else if (goes) {
            report_unknown(p, &path);
            cJSON_Delete(cJSON_DetachItemViaPointer(value, it));
        }
    }
}

static void prune(struct pruning *p, const struct model_structural *schema,
                  const struct model_path *at, cJSON *value, bool is_root)
{
    if (cJSON_IsObject(value)) {
        prune_object(p, schema, at, value, is_root);
        return;
    }
    /* Lists of free form below a member that keeps unknown ones stay as they are. */
    if (!cJSON_IsArray(value) || (schema != NULL && schema->keeps_unknown && schema->items == NULL))
        return;
    size_t i = 0;
    cJSON *it = NULL;
    cJSON_ArrayForEach(it, value) {
        struct model_path path = model_path_index(at, i++);
        prune(p, schema != NULL ? schema->items : NULL, &path, it, false);
        if (!p->is_ok)
            return;
    }
}

bool model_structural_prune(const struct model_structural *schema, cJSON *value, bool is_root,
                            struct model_issues *unknown)
{
    struct pruning pruning = { .unknown = unknown, .is_ok = true };
    prune(&pruning, schema, NULL, value, is_root);
    return pruning.is_ok;
}

/* ---- defaulting ------------------------------------------------------------------------------ */

static bool is_odd_null(const struct model_structural *schema, const cJSON *value)
{
    return schema != NULL && cJSON_IsNull(value) && !schema->is_nullable;
}

static bool default_members(const struct model_structural *schema, cJSON *value)
{
    for (uint32_t i = 0; i < schema->n_members; i++) {
        const struct model_structural_member *member = &schema->members[i];
        const cJSON *now = ke_json_get(value, member->name);
        if (member->schema->default_value == NULL ||
            (now != NULL && !is_odd_null(member->schema, now)))
            continue;
        if (!ke_json_set(value, member->name, cJSON_Duplicate(member->schema->default_value, true)))
            return false;
    }
    return true;
}

static bool default_object(const struct model_structural *schema, cJSON *value)
{
    if (!default_members(schema, value))
        return false;
    cJSON *next = NULL;
    for (cJSON *it = value->child; it != NULL; it = next) {
        next = it->next;
        const struct model_structural *below =
            model_structural_member(schema, ke_str_c(it->string));
        if (below == NULL)
            below = schema->additional;
        if (below == NULL)
            continue;
        if (is_odd_null(below, it)) {
            cJSON *detached = cJSON_DetachItemViaPointer(value, it);
            bool is_ok =
                below->default_value == NULL ||
                ke_json_set(value, detached->string, cJSON_Duplicate(below->default_value, true));
            cJSON_Delete(detached);
            if (!is_ok)
                return false;
            continue;
        }
        if (!model_structural_default(below, it))
            return false;
    }
    return true;
}

bool model_structural_default(const struct model_structural *schema, cJSON *value)
{
    if (cJSON_IsObject(value))
        return default_object(schema, value);
    if (!cJSON_IsArray(value) || schema->items == NULL)
        return true;
    cJSON *next = NULL;
    for (cJSON *it = value->child; it != NULL; it = next) {
        next = it->next;
        if (is_odd_null(schema->items, it) && schema->items->default_value != NULL) {
            cJSON *made = cJSON_Duplicate(schema->items->default_value, true);
            if (made == NULL || !cJSON_ReplaceItemViaPointer(value, it, made))
                return false;
            it = made;
        }
        if (!model_structural_default(schema->items, it))
            return false;
    }
    return true;
}
