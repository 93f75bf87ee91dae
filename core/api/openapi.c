/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI, as little of it as clients need: v3 with each kind's PATCH operation, its parameters and
 * its group, version and kind (kubectl asks there whether the server validates fields); v2 with no
 * path at all (kubectl before 1.29 wants it to exist). Runs once, at start.
 */
#include "core/api/docs.h"
#include "core/model/kind.h"

static void print_parameter(const char *name, const char *type, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"%s\","
                "\"uniqueItems\":true}}",
                name, type);
}

/* "/apis/apps/v1[/namespaces/{namespace}]/deployments/{name}" with its PATCH. */
static void print_patch_path(const struct model_kind *kind, const struct api_gv_docs *gv,
                             struct ke_buf *out)
{
    bool is_core = gv->group[0] == '\0';
    ke_buf_addf(out, "\"/%s%s%s/%s/%s%s/{name}\":{", is_core ? "api" : "apis", is_core ? "" : "/",
                gv->group, gv->version, kind->is_namespaced ? "namespaces/{namespace}/" : "",
                kind->plural);
    ke_buf_addf(out,
                "\"patch\":{\"description\":\"partially update the specified %s\","
                "\"operationId\":\"patch%s%s\",\"parameters\":[",
                kind->kind, kind->is_namespaced ? "Namespaced" : "", kind->kind);
    print_parameter("dryRun", "string", out);
    ke_buf_add_char(out, ',');
    print_parameter("fieldManager", "string", out);
    ke_buf_add_char(out, ',');
    print_parameter("fieldValidation", "string", out);
    ke_buf_addf(out,
                "],\"responses\":{\"200\":{\"description\":\"OK\"}},"
                "\"x-kubernetes-action\":\"patch\",\"x-kubernetes-group-version-kind\":"
                "{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}}}",
                gv->group, gv->version, kind->kind);
}

static bool is_patched_in(const struct model_kind *kind, const struct api_gv_docs *gv)
{
    const struct model_version *version = NULL;
    return (kind->verbs & MODEL_VERB_PATCH) != 0 &&
           model_kind_by_plural(ke_str_c(gv->group), ke_str_c(gv->version), ke_str_c(kind->plural),
                                &version) == kind;
}

void api_openapi_v3_print(const struct api_gv_docs *gv, struct ke_str git_version,
                          struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":");
    ke_buf_add_json_str(out, git_version);
    ke_buf_add_c(out, "},\"paths\":{");
    bool is_first = true;
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL; i++) {
        if (is_patched_in(kind, gv)) {
            ke_buf_add_c(out, is_first ? "" : ",");
            print_patch_path(kind, gv, out);
            is_first = false;
        }
    }
    ke_buf_add_c(out, "}}\n");
}

void api_openapi_index_print(const struct api_docs *docs, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"paths\":{");
    for (size_t i = 0; i < docs->n_gvs; i++) {
        const struct api_gv_docs *gv = &docs->gvs[i];
        bool is_core = gv->group[0] == '\0';
        const char *root = is_core ? "api" : "apis";
        const char *slash = is_core ? "" : "/";
        ke_buf_addf(out,
                    "%s\"%s%s%s/%s\":{\"serverRelativeURL\":\"/openapi/v3/%s%s%s/%s?hash=%s\"}",
                    i > 0 ? "," : "", root, slash, gv->group, gv->version, root, slash, gv->group,
                    gv->version, gv->openapi.hash);
    }
    ke_buf_add_c(out, "}}\n");
}

static void add_field(struct ke_buf *out, uint8_t tag, struct ke_str value)
{
    ke_buf_add_u8(out, tag);
    ke_buf_add_u8(out, (uint8_t)value.len);
    ke_buf_add_str(out, value);
}

/* openapi.v2.Document: 1 swagger, 2 info {1 title, 2 version}, 8 paths; all lengths below 128. */
void api_openapi_v2_pb(struct ke_str git_version, struct ke_buf *out)
{
    static const struct ke_str title = { "Kubernetes", 10 };
    struct ke_str version = ke_str_sub(git_version, 0, git_version.len < 64 ? git_version.len : 64);
    add_field(out, 0x0a, KE_STR("2.0"));
    ke_buf_add_u8(out, 0x12);
    ke_buf_add_u8(out, (uint8_t)(4 + title.len + version.len));
    add_field(out, 0x0a, title);
    add_field(out, 0x12, version);
    add_field(out, 0x42, KE_STR(""));
}

void api_openapi_v2_json(struct ke_str git_version, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":");
    ke_buf_add_json_str(out, git_version);
    ke_buf_add_c(out, "},\"paths\":{}}\n");
}
