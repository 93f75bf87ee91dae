/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery documents out of the table of kinds. Runs once, at start.
 */
#include <stdio.h>

#include "core/api/docs.h"
#include "core/base/limits.h"
#include "core/model/kind.h"
#include "core/net/tls/x509.h"

#define MAX_KINDS 64

struct kinds {
    const struct model_kind *kind[MAX_KINDS];
    size_t n;
};

static const struct {
    unsigned verb;
    const char *name;
} verbs[] = {
    { MODEL_VERB_CREATE, "create" },
    { MODEL_VERB_DELETE, "delete" },
    { MODEL_VERB_DELETECOLLECTION, "deletecollection" },
    { MODEL_VERB_GET, "get" },
    { MODEL_VERB_LIST, "list" },
    { MODEL_VERB_PATCH, "patch" },
    { MODEL_VERB_UPDATE, "update" },
    { MODEL_VERB_WATCH, "watch" },
};

static void print_verbs(unsigned mask, struct ke_buf *out)
{
    bool is_first = true;
    ke_buf_add_c(out, "\"verbs\":[");
    for (size_t i = 0; i < KE_ARRAY_LEN(verbs); i++) {
        if ((mask & verbs[i].verb) != 0) {
            ke_buf_addf(out, "%s\"%s\"", is_first ? "" : ",", verbs[i].name);
            is_first = false;
        }
    }
    ke_buf_add_char(out, ']');
}

/* ,"shortNames":["po"] ; nothing when there are none. */
static void print_names(const char *key, const char *const *names, size_t max, struct ke_buf *out)
{
    if (names[0] == NULL) {
        return;
    }
    ke_buf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < max && names[i] != NULL; i++) {
        ke_buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", names[i]);
    }
    ke_buf_add_char(out, ']');
}

static bool is_served_in(const struct model_kind *kind, const char *group, const char *version)
{
    for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        if (strcmp(kind->versions[i].group, group) == 0 &&
            strcmp(kind->versions[i].version, version) == 0) {
            return true;
        }
    }
    return false;
}

/* The kinds of a group version, by plural. */
static struct kinds kinds_of(const char *group, const char *version)
{
    struct kinds kinds = { .n = 0 };
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL && kinds.n < MAX_KINDS; i++) {
        if (!is_served_in(kind, group, version)) {
            continue;
        }
        size_t at = kinds.n++;
        while (at > 0 && strcmp(kinds.kind[at - 1]->plural, kind->plural) > 0) {
            kinds.kind[at] = kinds.kind[at - 1];
            at--;
        }
        kinds.kind[at] = kind;
    }
    return kinds;
}

static void print_gv(const char *group, const char *version, struct ke_buf *out)
{
    ke_buf_addf(out, "%s%s%s", group, group[0] != '\0' ? "/" : "", version);
}

/* In the group it is stored in only: clients find a short name twice ambiguous, and a category's
 * members would be listed twice. */
static void print_short_forms(const struct model_kind *kind, const char *group, struct ke_buf *out)
{
    if (strcmp(kind->versions[0].group, group) == 0) {
        print_names("shortNames", kind->short_names, KE_ARRAY_LEN(kind->short_names), out);
        print_names("categories", kind->categories, KE_ARRAY_LEN(kind->categories), out);
    }
}

static void print_resource(const struct model_kind *kind, const char *group, struct ke_buf *out)
{
    ke_buf_addf(out, "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",",
                kind->plural, kind->singular, kind->is_namespaced ? "true" : "false", kind->kind);
    print_verbs(kind->verbs, out);
    print_short_forms(kind, group, out);
    ke_buf_add_char(out, '}');
}

static void print_subresource(const struct model_kind *kind, const struct model_subresource *sub,
                              struct ke_buf *out)
{
    ke_buf_addf(out, ",{\"name\":\"%s/%s\",\"singularName\":\"\",\"namespaced\":%s,", kind->plural,
                sub->name, kind->is_namespaced ? "true" : "false");
    const struct model_kind *spoken = sub->speaks != NULL ? sub->speaks : kind;
    if (sub->speaks != NULL && strcmp(spoken->versions[0].group, kind->versions[0].group) != 0) {
        ke_buf_addf(out, "\"group\":\"%s\",\"version\":\"%s\",", spoken->versions[0].group,
                    spoken->versions[0].version);
    }
    ke_buf_addf(out, "\"kind\":\"%s\",", spoken->kind);
    print_verbs(sub->verbs, out);
    ke_buf_add_char(out, '}');
}

static void print_resource_list(const char *group, const char *version, struct ke_buf *out)
{
    struct kinds kinds = kinds_of(group, version);
    ke_buf_add_c(out, "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"");
    print_gv(group, version, out);
    ke_buf_add_c(out, "\",\"resources\":[");
    for (size_t i = 0; i < kinds.n; i++) {
        ke_buf_add_c(out, i > 0 ? "," : "");
        print_resource(kinds.kind[i], group, out);
        const struct model_subresource *sub = kinds.kind[i]->subresources;
        for (size_t j = 0; j < MODEL_MAX_SUBRESOURCES && sub[j].name != NULL; j++) {
            print_subresource(kinds.kind[i], &sub[j], out);
        }
    }
    ke_buf_add_c(out, "]}\n");
}

/* ---- aggregated --------------------------------------------------------------------------------
 */

static void print_response_kind(const char *group, const char *version, const char *kind,
                                struct ke_buf *out)
{
    ke_buf_addf(out, "\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}",
                group, version, kind);
}

static void print_found_subresources(const struct model_kind *kind, const struct api_gv_docs *gv,
                                     struct ke_buf *out)
{
    const struct model_subresource *sub = kind->subresources;
    if (sub[0].name == NULL) {
        return;
    }
    ke_buf_add_c(out, ",\"subresources\":[");
    for (size_t i = 0; i < MODEL_MAX_SUBRESOURCES && sub[i].name != NULL; i++) {
        const struct model_kind *spoken = sub[i].speaks;
        ke_buf_addf(out, "%s{\"subresource\":\"%s\",", i > 0 ? "," : "", sub[i].name);
        print_response_kind(spoken == NULL ? gv->group : spoken->versions[0].group,
                            spoken == NULL ? gv->version : spoken->versions[0].version,
                            spoken == NULL ? kind->kind : spoken->kind, out);
        ke_buf_add_char(out, ',');
        print_verbs(sub[i].verbs, out);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_char(out, ']');
}

static void print_found_version(const struct api_gv_docs *gv, struct ke_buf *out)
{
    struct kinds kinds = kinds_of(gv->group, gv->version);
    ke_buf_addf(out, "{\"version\":\"%s\",\"resources\":[", gv->version);
    for (size_t i = 0; i < kinds.n; i++) {
        const struct model_kind *kind = kinds.kind[i];
        ke_buf_addf(out, "%s{\"resource\":\"%s\",", i > 0 ? "," : "", kind->plural);
        print_response_kind(gv->group, gv->version, kind->kind, out);
        ke_buf_addf(out, ",\"scope\":\"%s\",\"singularResource\":\"%s\",",
                    kind->is_namespaced ? "Namespaced" : "Cluster", kind->singular);
        print_verbs(kind->verbs, out);
        print_short_forms(kind, gv->group, out);
        print_found_subresources(kind, gv, out);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_c(out, "],\"freshness\":\"Current\"}");
}

static void print_found(const struct api_docs *docs, bool is_core, const char *version,
                        struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/%s\","
                "\"metadata\":{},\"items\":[",
                version);
    const char *open = NULL; /* the group whose versions are being printed */
    for (size_t i = 0; i < docs->n_gvs; i++) {
        const struct api_gv_docs *gv = &docs->gvs[i];
        if ((gv->group[0] == '\0') != is_core) {
            continue;
        }
        if (open != NULL && strcmp(open, gv->group) == 0) {
            ke_buf_add_char(out, ',');
        } else {
            ke_buf_addf(out,
                        "%s{\"metadata\":{\"name\":\"%s\",\"creationTimestamp\":null},"
                        "\"versions\":[",
                        open != NULL ? "]}," : "", gv->group);
            open = gv->group;
        }
        print_found_version(gv, out);
    }
    ke_buf_add_c(out, open != NULL ? "]}]}\n" : "]}\n");
}

/* ---- groups ------------------------------------------------------------------------------------
 */

/* "versions":[...],"preferredVersion":{...}: the first of a group is the preferred one. */
static void print_group_versions(const struct api_docs *docs, const char *group, struct ke_buf *out)
{
    const char *preferred = NULL;
    ke_buf_add_c(out, "\"versions\":[");
    for (size_t i = 0; i < docs->n_gvs; i++) {
        const char *version = docs->gvs[i].version;
        if (strcmp(docs->gvs[i].group, group) != 0) {
            continue;
        }
        ke_buf_addf(out, "%s{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}",
                    preferred != NULL ? "," : "", group, version, version);
        preferred = preferred != NULL ? preferred : version;
    }
    ke_buf_addf(out, "],\"preferredVersion\":{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}",
                group, preferred, preferred);
}

static void print_group(const struct api_docs *docs, const char *group, struct ke_buf *out)
{
    ke_buf_addf(out, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"%s\",", group);
    print_group_versions(docs, group, out);
    ke_buf_add_c(out, "}\n");
}

static void print_group_list(const struct api_docs *docs, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
    for (size_t i = 0; i < docs->n_groups; i++) {
        ke_buf_addf(out, "%s{\"name\":\"%s\",", i > 0 ? "," : "", docs->groups[i].group);
        print_group_versions(docs, docs->groups[i].group, out);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_c(out, "]}\n");
}

static void print_core_versions(struct ke_str address, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":"
                "[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"%.*s\"}]}\n",
                KE_STR_ARG(address));
}

static const char *platform(void)
{
#if defined(__x86_64__)
    return "linux/amd64";
#elif defined(__aarch64__)
    return "linux/arm64";
#elif defined(__arm__)
    return "linux/arm";
#else
    return "linux/unknown";
#endif
}

/* major and minor out of "v1.33.0+...". */
static void print_version(const struct api_version_info *info, struct ke_buf *out)
{
    struct ke_str rest = info->git_version;
    struct ke_str major = { "", 0 };
    struct ke_str minor = { "", 0 };
    (void)ke_str_cut_prefix(&rest, KE_STR("v"));
    (void)ke_str_split(&rest, '.', &major);
    (void)ke_str_split(&rest, '.', &minor);
    ke_buf_addf(out, "{\"major\":\"%.*s\",\"minor\":\"%.*s\",\"gitVersion\":", KE_STR_ARG(major),
                KE_STR_ARG(minor));
    ke_buf_add_json_str(out, info->git_version);
    ke_buf_add_c(out, ",\"gitCommit\":");
    ke_buf_add_json_str(out, info->git_commit);
    ke_buf_add_c(out, ",\"gitTreeState\":\"clean\",\"buildDate\":");
    ke_buf_add_json_str(out, info->build_date);
    ke_buf_addf(out, ",\"goVersion\":\"\",\"compiler\":\"\",\"platform\":\"%s\"}\n", platform());
}

/* ---- making ------------------------------------------------------------------------------------
 */

static int stage_rank(const char *version)
{
    if (strstr(version, "alpha") != NULL) {
        return 2;
    }
    return strstr(version, "beta") != NULL ? 1 : 0;
}

/* Keeps groups in the order of the table and, within one, stable versions before betas. */
static void add_gv(struct api_docs *docs, const char *group, const char *version)
{
    size_t at = docs->n_gvs;
    for (size_t i = 0; i < docs->n_gvs; i++) {
        if (strcmp(docs->gvs[i].group, group) != 0) {
            continue;
        }
        if (strcmp(docs->gvs[i].version, version) == 0) {
            return;
        }
        at = stage_rank(version) < stage_rank(docs->gvs[i].version) && at > i ? i : i + 1;
    }
    if (docs->n_gvs == API_MAX_GV) {
        return;
    }
    memmove(&docs->gvs[at + 1], &docs->gvs[at], (docs->n_gvs - at) * sizeof(docs->gvs[0]));
    docs->gvs[at] = (struct api_gv_docs){ .group = group, .version = version };
    docs->n_gvs++;
}

static void collect_gvs(struct api_docs *docs)
{
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL; i++) {
        for (size_t j = 0; j < MODEL_MAX_VERSIONS && kind->versions[j].group != NULL; j++) {
            add_gv(docs, kind->versions[j].group, kind->versions[j].version);
        }
    }
    for (size_t i = 0; i < docs->n_gvs; i++) {
        const char *group = docs->gvs[i].group;
        if (group[0] != '\0' && api_docs_find_group(docs, ke_str_c(group)) == NULL) {
            docs->groups[docs->n_groups++].group = group;
        }
    }
}

static enum ke_code doc_seal(struct api_doc *doc, struct ke_err *err)
{
    uint8_t digest[SHA256_BYTES];
    struct ke_buf hex = KE_BUF_FIXED(doc->hash, API_HASH_TEXT - 1);
    sha256(doc->body.ptr, doc->body.len, digest);
    ke_buf_add_hex(&hex, digest, sizeof(digest));
    doc->hash[hex.len] = '\0';
    return ke_buf_check(&doc->body, "discovery document", err);
}

static struct ke_buf *begin(struct api_doc *doc)
{
    doc->body.max = LIMIT_FILE_BYTES;
    return &doc->body;
}

static enum ke_code make_per_group(struct api_docs *docs, struct ke_str git_version,
                                   struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (size_t i = 0; i < docs->n_gvs && rc == KE_OK; i++) {
        struct api_gv_docs *gv = &docs->gvs[i];
        print_resource_list(gv->group, gv->version, begin(&gv->resources));
        rc = doc_seal(&gv->resources, err);
        if (rc == KE_OK) {
            api_openapi_v3_print(gv, git_version, begin(&gv->openapi));
            rc = doc_seal(&gv->openapi, err);
        }
    }
    for (size_t i = 0; i < docs->n_groups && rc == KE_OK; i++) {
        print_group(docs, docs->groups[i].group, begin(&docs->groups[i].group_doc));
        rc = doc_seal(&docs->groups[i].group_doc, err);
    }
    return rc;
}

enum ke_code api_docs_init(struct api_docs *docs, const struct api_version_info *info,
                           struct ke_err *err)
{
    collect_gvs(docs);
    enum ke_code rc = make_per_group(docs, info->git_version, err);
    if (rc != KE_OK) {
        return rc;
    }
    print_core_versions(info->address, begin(&docs->core_versions));
    print_group_list(docs, begin(&docs->group_list));
    print_found(docs, true, "v2", begin(&docs->core_v2));
    print_found(docs, true, "v2beta1", begin(&docs->core_v2beta1));
    print_found(docs, false, "v2", begin(&docs->groups_v2));
    print_found(docs, false, "v2beta1", begin(&docs->groups_v2beta1));
    api_openapi_v2_pb(info->git_version, begin(&docs->openapi_v2_pb));
    api_openapi_v2_json(info->git_version, begin(&docs->openapi_v2_json));
    api_openapi_index_print(docs, begin(&docs->openapi_v3_index));
    print_version(info, begin(&docs->version));
    struct api_doc *const all[] = {
        &docs->core_versions, &docs->group_list,      &docs->core_v2,
        &docs->core_v2beta1,  &docs->groups_v2,       &docs->groups_v2beta1,
        &docs->openapi_v2_pb, &docs->openapi_v2_json, &docs->openapi_v3_index,
        &docs->version,
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(all) && rc == KE_OK; i++) {
        rc = doc_seal(all[i], err);
    }
    return rc;
}

void api_docs_deinit(struct api_docs *docs)
{
    struct api_doc *const all[] = {
        &docs->core_versions, &docs->group_list,      &docs->core_v2,
        &docs->core_v2beta1,  &docs->groups_v2,       &docs->groups_v2beta1,
        &docs->openapi_v2_pb, &docs->openapi_v2_json, &docs->openapi_v3_index,
        &docs->version,
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(all); i++) {
        ke_buf_free(&all[i]->body);
    }
    for (size_t i = 0; i < docs->n_gvs; i++) {
        ke_buf_free(&docs->gvs[i].resources.body);
        ke_buf_free(&docs->gvs[i].openapi.body);
    }
    for (size_t i = 0; i < docs->n_groups; i++) {
        ke_buf_free(&docs->groups[i].group_doc.body);
    }
}

const struct api_gv_docs *api_docs_find_gv(const struct api_docs *docs, struct ke_str group,
                                           struct ke_str version)
{
    for (size_t i = 0; i < docs->n_gvs; i++) {
        if (ke_str_eq_c(group, docs->gvs[i].group) && ke_str_eq_c(version, docs->gvs[i].version)) {
            return &docs->gvs[i];
        }
    }
    return NULL;
}

const struct api_group_docs *api_docs_find_group(const struct api_docs *docs, struct ke_str group)
{
    for (size_t i = 0; i < docs->n_groups; i++) {
        if (ke_str_eq_c(group, docs->groups[i].group)) {
            return &docs->groups[i];
        }
    }
    return NULL;
}
