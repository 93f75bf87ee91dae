/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of an OpenAPI v3 document: every verb that is served, with its parameters, its body and
 * its answer. (The old /watch/ paths are served and not described.) Pure; any thread.
 */
#include <string.h>

#include "core/api/docs_print.h"

#define SINK_BYTES (16U << 10)

enum place { PLACE_ALL, PLACE_COLLECTION, PLACE_ITEM, PLACE_SUBRESOURCE };

/* One operation being printed. */
struct operation {
    const struct api_gv_docs *gv;
    const struct api_kind *kind;
    const struct model_subresource *sub; /* NULL: the object itself */
    enum place place;
};

struct parameter {
    const char *name, *type;
};

static const struct parameter list_parameters[] = {
    { "allowWatchBookmarks", "boolean" },
    { "continue", "string" },
    { "fieldSelector", "string" },
    { "labelSelector", "string" },
    { "limit", "integer" },
    { "resourceVersion", "string" },
    { "resourceVersionMatch", "string" },
    { "sendInitialEvents", "boolean" },
    { "timeoutSeconds", "integer" },
    { "watch", "boolean" },
    { NULL, NULL },
};
static const struct parameter write_parameters[] = {
    { "dryRun", "string" },
    { "fieldManager", "string" },
    { "fieldValidation", "string" },
    { NULL, NULL },
};
static const struct parameter patch_parameters[] = {
    { "dryRun", "string" },
    { "fieldManager", "string" },
    { "fieldValidation", "string" },
    { "force", "boolean" },
    { NULL, NULL },
};
static const struct parameter delete_parameters[] = {
    { "dryRun", "string" },
    { "gracePeriodSeconds", "integer" },
    { "orphanDependents", "boolean" },
    { "propagationPolicy", "string" },
    { NULL, NULL },
};
static const struct parameter no_parameters[] = { { NULL, NULL } };

static void print_parameters(const struct parameter *parameters, struct ke_buf *out)
{
    ke_buf_add_c(out, "\"parameters\":[");
    for (size_t i = 0; parameters[i].name != NULL; i++) {
        ke_buf_addf(out,
                    "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"%s\","
                    "\"uniqueItems\":true}}",
                    i > 0 ? "," : "", parameters[i].name, parameters[i].type);
    }
    ke_buf_add_c(out, "],");
}

/* "namespace" and "name" of the path, and "pretty". */
static void print_path_parameters(const struct operation *op, struct ke_buf *out)
{
    static const char in_path[] =
        "{\"name\":\"%s\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\","
        "\"uniqueItems\":true}},";
    ke_buf_add_c(out, "\"parameters\":[");
    if (op->place >= PLACE_ITEM) {
        ke_buf_addf(out, in_path, "name");
    }
    if (op->kind->kind->is_namespaced && op->place != PLACE_ALL) {
        ke_buf_addf(out, in_path, "namespace");
    }
    ke_buf_add_c(out, "{\"name\":\"pretty\",\"in\":\"query\",\"schema\":{\"type\":\"string\","
                      "\"uniqueItems\":true}}]");
}

/* The first letter of each part of s as a capital: "rbac.authorization" -> "RbacAuthorization". */
static void print_camel(const char *s, struct ke_buf *out)
{
    bool is_first = true;
    for (; *s != '\0'; s++) {
        if (*s == '.' || *s == '-') {
            is_first = true;
            continue;
        }
        ke_buf_add_char(out, is_first && *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
        is_first = false;
    }
}

/* "listCoreV1NamespacedPod" */
static void print_operation_id(const struct operation *op, const char *action, struct ke_buf *out)
{
    char group[256];
    struct ke_buf text = KE_BUF_FIXED(group, sizeof(group) - 1);
    struct ke_str name = ke_str_c(op->gv->group[0] != '\0' ? op->gv->group : "core");
    if (ke_str_has_suffix(name, KE_STR(".k8s.io"))) {
        name.len -= sizeof(".k8s.io") - 1;
    }
    ke_buf_add_str(&text, name);
    group[text.len] = '\0';
    ke_buf_addf(out, "\"operationId\":\"%s", action);
    print_camel(group, out);
    print_camel(op->gv->version, out);
    ke_buf_add_c(out, op->kind->kind->is_namespaced && op->place != PLACE_ALL ? "Namespaced" : "");
    ke_buf_add_c(out, op->kind->kind->kind);
    if (op->sub != NULL) {
        print_camel(op->sub->name, out);
    }
    ke_buf_add_c(out,
                 op->kind->kind->is_namespaced && op->place == PLACE_ALL ? "ForAllNamespaces" : "");
    ke_buf_add_c(out, "\",");
}

static struct api_kind spoken_kind(const struct operation *op)
{
    if (op->sub != NULL && op->sub->speaks != NULL) {
        return (struct api_kind){ .kind = op->sub->speaks,
                                  .version = &op->sub->speaks->versions[0] };
    }
    return *op->kind;
}

static void print_ref(const struct operation *op, const char *suffix, struct ke_buf *out)
{
    struct api_kind kind = spoken_kind(op);
    ke_buf_add_c(out, "{\"schema\":{\"$ref\":\"#/components/schemas/");
    api_openapi_print_kind_name(&kind, suffix, out);
    ke_buf_add_c(out, "\"}}");
}

static void print_meta_ref(const char *name, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"schema\":{\"$ref\":\"#/components/schemas/"
                "io.k8s.apimachinery.pkg.apis.meta.v1.%s\"}}",
                name);
}

static void print_body(const struct operation *op, const char *action, struct ke_buf *out)
{
    static const char *const patches[] = {
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    };
    if (strcmp(action, "patch") == 0) {
        size_t n = KE_ARRAY_LEN(patches) - (op->kind->kind->custom != NULL);
        ke_buf_add_c(out, "\"requestBody\":{\"content\":{");
        for (size_t i = 0; i < n; i++) {
            ke_buf_addf(out, "%s\"%s\":", i > 0 ? "," : "", patches[i]);
            print_meta_ref("Patch", out);
        }
        ke_buf_add_c(out, "},\"required\":true},");
    } else if (strcmp(action, "post") == 0 || strcmp(action, "put") == 0) {
        ke_buf_add_c(out, "\"requestBody\":{\"content\":{\"*/*\":");
        print_ref(op, "", out);
        ke_buf_add_c(out, "},\"required\":true},");
    } else if (strncmp(action, "delete", 6) == 0) {
        ke_buf_add_c(out, "\"requestBody\":{\"content\":{\"*/*\":");
        print_meta_ref("DeleteOptions", out);
        ke_buf_add_c(out, "}},");
    }
}

static void print_answer(const struct operation *op, const char *action, const char *status,
                         struct ke_buf *out)
{
    static const char *const types[] = { "application/json", "application/yaml" };
    ke_buf_addf(out, "\"%s\":{\"description\":\"%s\",\"content\":{", status,
                strcmp(status, "201") == 0 ? "Created" : "OK");
    for (size_t i = 0; i < KE_ARRAY_LEN(types); i++) {
        ke_buf_addf(out, "%s\"%s\":", i > 0 ? "," : "", types[i]);
        if (strncmp(action, "delete", 6) == 0) {
            print_meta_ref("Status", out);
        } else {
            print_ref(op, strcmp(action, "list") == 0 ? "List" : "", out);
        }
    }
    ke_buf_add_c(out, "}}");
}

static const char *operation_name(const char *action)
{
    static const char *const names[][2] = {
        { "get", "read" },
        { "list", "list" },
        { "post", "create" },
        { "put", "replace" },
        { "patch", "patch" },
        { "delete", "delete" },
        { "deletecollection", "deleteCollection" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        if (strcmp(names[i][0], action) == 0) {
            return names[i][1];
        }
    }
    return action;
}

static const struct parameter *parameters_of(const char *action)
{
    if (strcmp(action, "list") == 0 || strcmp(action, "deletecollection") == 0) {
        return list_parameters;
    }
    if (strcmp(action, "delete") == 0) {
        return delete_parameters;
    }
    if (strcmp(action, "patch") == 0) {
        return patch_parameters;
    }
    return strcmp(action, "get") == 0 ? no_parameters : write_parameters;
}

static void print_operation(const struct operation *op, const char *method, const char *action,
                            struct ke_buf *out)
{
    struct api_kind kind = spoken_kind(op);
    ke_buf_addf(out, "\"%s\":{\"tags\":[\"", method);
    if (op->gv->group[0] == '\0') {
        ke_buf_addf(out, "core_%s\"],", op->gv->version);
    } else {
        ke_buf_addf(out, "%s_%s\"],", op->gv->group, op->gv->version);
    }
    print_operation_id(op, operation_name(action), out);
    print_parameters(parameters_of(action), out);
    print_body(op, action, out);
    ke_buf_add_c(out, "\"responses\":{");
    print_answer(op, action, "200", out);
    if (strcmp(action, "post") == 0 || strcmp(action, "put") == 0 || strcmp(action, "patch") == 0) {
        ke_buf_add_char(out, ',');
        print_answer(op, action, "201", out);
    }
    ke_buf_addf(out,
                "},\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":{\"group\":"
                "\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}},",
                action, kind.version->group, kind.version->version, kind.kind->kind);
}

static void print_url(const struct operation *op, struct ke_buf *out)
{
    bool is_core = op->gv->group[0] == '\0';
    const struct model_kind *kind = op->kind->kind;
    ke_buf_addf(out, "\"/%s%s%s/%s/%s%s%s", is_core ? "api" : "apis", is_core ? "" : "/",
                op->gv->group, op->gv->version,
                kind->is_namespaced && op->place != PLACE_ALL ? "namespaces/{namespace}/" : "",
                kind->plural, op->place >= PLACE_ITEM ? "/{name}" : "");
    if (op->sub != NULL) {
        ke_buf_addf(out, "/%s", op->sub->name);
    }
    ke_buf_add_c(out, "\":{");
}

/* A path with the operations that verbs allow at its place. */
static void print_path(const struct operation *op, unsigned verbs, bool *is_first,
                       struct api_sink *sink)
{
    static const struct {
        unsigned verb;
        bool is_of_collection;
        const char *method, *action;
    } rows[] = {
        { MODEL_VERB_GET, false, "get", "get" },
        { MODEL_VERB_UPDATE, false, "put", "put" },
        { MODEL_VERB_DELETE, false, "delete", "delete" },
        { MODEL_VERB_PATCH, false, "patch", "patch" },
        { MODEL_VERB_LIST, true, "get", "list" },
        { MODEL_VERB_CREATE, true, "post", "post" },
        { MODEL_VERB_DELETECOLLECTION, true, "delete", "deletecollection" },
    };
    struct ke_buf *out = &sink->piece;
    ke_buf_add_c(out, *is_first ? "" : ",");
    *is_first = false;
    print_url(op, out);
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        bool is_here =
            op->place == PLACE_SUBRESOURCE || (op->place == PLACE_ITEM) != rows[i].is_of_collection;
        bool is_listed = op->place != PLACE_ALL || rows[i].verb == MODEL_VERB_LIST;
        if ((verbs & rows[i].verb) != 0 && is_here && is_listed) {
            print_operation(op, rows[i].method, rows[i].action, out);
        }
    }
    print_path_parameters(op, out);
    ke_buf_add_char(out, '}');
    api_sink_flush(sink, SINK_BYTES);
}

static void print_kind(const struct api_gv_docs *gv, const struct api_kind *kind, bool *is_first,
                       struct api_sink *sink)
{
    struct operation op = { .gv = gv, .kind = kind };
    unsigned verbs = kind->kind->verbs;
    unsigned in_collection = MODEL_VERB_LIST | MODEL_VERB_CREATE | MODEL_VERB_DELETECOLLECTION;
    unsigned of_item = MODEL_VERB_GET | MODEL_VERB_UPDATE | MODEL_VERB_DELETE | MODEL_VERB_PATCH;
    if (kind->kind->is_namespaced && (verbs & MODEL_VERB_LIST) != 0) {
        op.place = PLACE_ALL;
        print_path(&op, verbs, is_first, sink);
    }
    if ((verbs & in_collection) != 0) {
        op.place = PLACE_COLLECTION;
        print_path(&op, verbs, is_first, sink);
    }
    if ((verbs & of_item) != 0) {
        op.place = PLACE_ITEM;
        print_path(&op, verbs, is_first, sink);
    }
    const struct model_subresource *sub = kind->kind->subresources;
    for (size_t i = 0; i < MODEL_MAX_SUBRESOURCES && sub[i].name != NULL; i++) {
        if (model_version_subresource(kind->kind, kind->version, ke_str_c(sub[i].name)) != NULL) {
            op.place = PLACE_SUBRESOURCE;
            op.sub = &sub[i];
            print_path(&op, sub[i].verbs, is_first, sink);
        }
    }
}

void api_openapi_print_paths(const struct api_gv_docs *gv, const struct api_kinds *kinds,
                             struct api_sink *sink)
{
    bool is_core = gv->group[0] == '\0';
    bool is_first = false;
    ke_buf_addf(&sink->piece,
                "\"paths\":{\"/%s%s%s/%s/\":{\"get\":{\"description\":\"get available resources\","
                "\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{\"application/json\":",
                is_core ? "api" : "apis", is_core ? "" : "/", gv->group, gv->version);
    print_meta_ref("APIResourceList", &sink->piece);
    ke_buf_add_c(&sink->piece, "}}}}}");
    for (size_t i = 0; i < kinds->n; i++) {
        print_kind(gv, &kinds->items[i], &is_first, sink);
    }
    ke_buf_add_char(&sink->piece, '}');
}
