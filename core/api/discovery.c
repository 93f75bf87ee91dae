/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery documents out of the catalog of kinds. Pure but for reading it; any thread.
 */
#include <stdlib.h>

#include "core/api/docs_print.h"
#include "core/base/mem.h"

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

/* What of a kind is served in a group version; NULL: nothing. */
static const struct model_version *served_in(const struct model_kind *kind, const char *group,
                                             const char *version)
{
    for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        const struct model_version *v = &kind->versions[i];
        if (!v->is_unserved && strcmp(v->group, group) == 0 && strcmp(v->version, version) == 0) {
            return v;
        }
    }
    return NULL;
}

static int compare_plurals(const void *a, const void *b)
{
    const struct api_kind *x = a;
    const struct api_kind *y = b;
    return strcmp(x->kind->plural, y->kind->plural);
}

struct api_kinds api_kinds_of(const struct api_docs *docs, const char *group, const char *version)
{
    struct api_kinds kinds = { .n = 0 };
    const struct model_kind *kind;
    size_t pos = 0;
    while ((kind = model_catalog_next(docs->catalog, &pos)) != NULL) {
        const struct model_version *served = served_in(kind, group, version);
        if (served == NULL) {
            continue;
        }
        if (!ke_grow((void **)&kinds.items, &kinds.cap, kinds.n + 1, sizeof(*kinds.items))) {
            kinds.has_failed = true;
            break;
        }
        kinds.items[kinds.n++] = (struct api_kind){ .kind = kind, .version = served };
    }
    if (kinds.n > 1) {
        qsort(kinds.items, kinds.n, sizeof(*kinds.items), compare_plurals);
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

/* Versions of a custom kind may differ in their subresources. */
static bool has_subresource(const struct api_kind *kind, const struct model_subresource *sub)
{
    return model_version_subresource(kind->kind, kind->version, ke_str_c(sub->name)) != NULL;
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

void api_discovery_print_resources(const struct api_docs *docs, const struct api_gv_docs *gv,
                                   struct ke_buf *out)
{
    ke_auto_kinds kinds = api_kinds_of(docs, gv->group, gv->version);
    ke_buf_add_c(out, "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"");
    print_gv(gv->group, gv->version, out);
    ke_buf_add_c(out, "\",\"resources\":[");
    for (size_t i = 0; i < kinds.n; i++) {
        const struct model_kind *kind = kinds.items[i].kind;
        ke_buf_add_c(out, i > 0 ? "," : "");
        print_resource(kind, gv->group, out);
        const struct model_subresource *sub = kind->subresources;
        for (size_t j = 0; j < MODEL_MAX_SUBRESOURCES && sub[j].name != NULL; j++) {
            if (has_subresource(&kinds.items[i], &sub[j])) {
                print_subresource(kind, &sub[j], out);
            }
        }
    }
    ke_buf_add_c(out, "]}\n");
    if (kinds.has_failed) {
        out->failed = KE_NOMEM;
    }
}

/* ---- aggregated --------------------------------------------------------------------------------
 */

static void print_response_kind(const char *group, const char *version, const char *kind,
                                struct ke_buf *out)
{
    ke_buf_addf(out, "\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}",
                group, version, kind);
}

static void print_found_subresources(const struct api_kind *kind, const struct api_gv_docs *gv,
                                     struct ke_buf *out)
{
    const struct model_subresource *sub = kind->kind->subresources;
    bool has_any = false;
    for (size_t i = 0; i < MODEL_MAX_SUBRESOURCES && sub[i].name != NULL; i++) {
        if (!has_subresource(kind, &sub[i])) {
            continue;
        }
        const struct model_kind *spoken = sub[i].speaks;
        ke_buf_addf(out, "%s{\"subresource\":\"%s\",", has_any ? "," : ",\"subresources\":[",
                    sub[i].name);
        print_response_kind(spoken == NULL ? gv->group : spoken->versions[0].group,
                            spoken == NULL ? gv->version : spoken->versions[0].version,
                            spoken == NULL ? kind->kind->kind : spoken->kind, out);
        ke_buf_add_char(out, ',');
        print_verbs(sub[i].verbs, out);
        ke_buf_add_char(out, '}');
        has_any = true;
    }
    ke_buf_add_c(out, has_any ? "]" : "");
}

static void print_found_version(const struct api_docs *docs, const struct api_gv_docs *gv,
                                struct ke_buf *out)
{
    ke_auto_kinds kinds = api_kinds_of(docs, gv->group, gv->version);
    ke_buf_addf(out, "{\"version\":\"%s\",\"resources\":[", gv->version);
    for (size_t i = 0; i < kinds.n; i++) {
        const struct model_kind *kind = kinds.items[i].kind;
        ke_buf_addf(out, "%s{\"resource\":\"%s\",", i > 0 ? "," : "", kind->plural);
        print_response_kind(gv->group, gv->version, kind->kind, out);
        ke_buf_addf(out, ",\"scope\":\"%s\",\"singularResource\":\"%s\",",
                    kind->is_namespaced ? "Namespaced" : "Cluster", kind->singular);
        print_verbs(kind->verbs, out);
        print_short_forms(kind, gv->group, out);
        print_found_subresources(&kinds.items[i], gv, out);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_c(out, "],\"freshness\":\"Current\"}");
    if (kinds.has_failed) {
        out->failed = KE_NOMEM;
    }
}

void api_discovery_print_found(const struct api_docs *docs, bool is_core, const char *version,
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
        print_found_version(docs, gv, out);
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

void api_discovery_print_group(const struct api_docs *docs, const char *group, struct ke_buf *out)
{
    ke_buf_addf(out, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"%s\",", group);
    print_group_versions(docs, group, out);
    ke_buf_add_c(out, "}\n");
}

void api_discovery_print_groups(const struct api_docs *docs, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
    for (size_t i = 0; i < docs->n_groups; i++) {
        ke_buf_addf(out, "%s{\"name\":\"%s\",", i > 0 ? "," : "", docs->groups[i].group);
        print_group_versions(docs, docs->groups[i].group, out);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_c(out, "]}\n");
}

void api_discovery_print_core(struct ke_str address, struct ke_buf *out)
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
void api_discovery_print_version(const struct api_docs_options *info, struct ke_buf *out)
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
