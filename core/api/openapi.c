/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI: the v3 document of a group version around its paths and schemas, and the index of them.
 * Pure; any thread.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/api/docs_print.h"
#include "core/base/limits.h"
#include "core/model/schema.h"
#include "core/net/tls/x509.h"

void api_openapi_v3_print(const struct api_docs *docs, const struct api_gv_docs *gv,
                          struct api_sink *sink)
{
    ke_auto_kinds kinds = api_kinds_of(docs, gv->group, gv->version);
    struct ke_buf *out = &sink->piece;
    if (kinds.has_failed) {
        sink->failed = ke_fail(sink->err, KE_NOMEM, "OpenAPI");
        return;
    }
    ke_buf_add_c(out, "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":");
    ke_buf_add_json_str(out, docs->git_version);
    ke_buf_add_c(out, "},");
    api_openapi_print_paths(gv, &kinds, sink);
    ke_buf_add_c(out, ",\"components\":{");
    api_openapi_print_schemas(docs, gv, &kinds, sink);
    ke_buf_add_c(out, ",\"securitySchemes\":{\"BearerToken\":{\"type\":\"apiKey\",\"description\":"
                      "\"Bearer Token authentication\",\"name\":\"authorization\",\"in\":"
                      "\"header\"}}}}\n");
}

/* Custom kinds are made of what is stored; all else is in the program. */
static void add_custom_schemas(const struct api_docs *docs, const struct api_gv_docs *gv,
                               struct ke_buf *out)
{
    ke_auto_kinds kinds = api_kinds_of(docs, gv->group, gv->version);
    for (size_t i = 0; i < kinds.n; i++) {
        ke_auto_definition *definition = model_kind_definition(kinds.items[i].kind);
        const struct model_definition_version *version =
            definition == NULL ? NULL : model_definition_find(definition, ke_str_c(gv->version));
        if (version != NULL && version->schema_json != NULL) {
            ke_buf_addf(out, "\n%s\n", kinds.items[i].kind->plural);
            ke_buf_add_c(out, version->schema_json);
        }
    }
    if (kinds.has_failed) {
        out->failed = KE_NOMEM;
    }
}

void api_openapi_hash(const struct api_docs *docs, struct api_gv_docs *gv)
{
    uint8_t digest[SHA256_BYTES];
    ke_auto_buf all = KE_BUF_INIT(LIMIT_FILE_BYTES);
    struct ke_buf hex = KE_BUF_FIXED(gv->openapi_hash, API_HASH_TEXT - 1);
    ke_buf_add_str(&all, docs->git_version);
    ke_buf_addf(&all, "\n%016" PRIx64 "\n%s\n", model_schema_fingerprint(), gv->resources.hash);
    add_custom_schemas(docs, gv, &all);
    sha256(all.ptr, all.len, digest);
    ke_buf_add_hex(&hex, digest, sizeof(digest));
    gv->openapi_hash[hex.len] = '\0';
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
                    gv->version, gv->openapi_hash);
    }
    ke_buf_add_c(out, "}}\n");
}
