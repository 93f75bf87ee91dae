/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that are no resource: discovery, OpenAPI, version, metrics; health and kedge's own have
 * files of their own. On the request's API loop.
 */
#include <time.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/api/computed.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define YEAR_S (365 * 24 * 3600)
#define JSON   "application/json"
#define TYPES  "application/json, application/yaml"

static void respond_no_path(struct api_request *request)
{
    struct api_status status = {
        .http = 404,
        .reason = "NotFound",
        .message = KE_STR("the server could not find the requested resource"),
        .details = API_DETAILS_EMPTY,
    };
    api_respond_status(request, &status);
}

static void unref_docs(void *cls)
{
    api_docs_unref(cls);
}

/* Bytes of the documents, which live as long as the answer. NULL: out of memory. */
static struct MHD_Response *docs_response(struct api_request *request, struct ke_str body)
{
    struct api_docs *docs = api_docs_ref(api_request_docs(request));
    /* libmicrohttpd only reads them; its parameter just is not const. */
    union {
        const char *in;
        void *out;
    } bytes = { .in = body.ptr };
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        body.len, bytes.out, unref_docs, docs);
    if (response == NULL) {
        api_docs_unref(docs);
    }
    return response;
}

/* `"HASH"`, alone or in a list, weak or not; or *. */
static bool is_known_to_client(const struct api_request *request, const char *hash)
{
    struct ke_str rest = api_request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    struct ke_str tag;
    while (ke_str_split(&rest, ',', &tag)) {
        tag = ke_str_trim(tag);
        (void)ke_str_cut_prefix(&tag, KE_STR("W/"));
        bool is_quoted = tag.len >= 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"';
        if (ke_str_eq_c(tag, "*") ||
            (is_quoted && ke_str_eq_c(ke_str_sub(tag, 1, tag.len - 2), hash))) {
            return true;
        }
    }
    return false;
}

static void add_etag(struct MHD_Response *response, const char *hash)
{
    char etag[API_HASH_TEXT + 2];
    struct ke_buf out = KE_BUF_FIXED(etag, sizeof(etag) - 1);
    ke_buf_addf(&out, "\"%s\"", hash);
    etag[out.len] = '\0';
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, etag);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept");
}

static void respond_doc(struct api_request *request, const struct api_doc *doc, const char *type)
{
    bool is_json = strcmp(type, JSON) == 0;
    if (api_wants_gzip(request, doc->body.len) ||
        (is_json && api_request_style(request) != API_STYLE_COMPACT)) {
        struct ke_buf copy = KE_BUF_INIT(LIMIT_FILE_BYTES);
        ke_buf_add_str(&copy, ke_buf_str(&doc->body));
        if (is_json) {
            api_respond_json(request, 200, &copy);
        } else {
            api_respond(request, 200, type, &copy);
        }
        return;
    }
    bool is_known = is_known_to_client(request, doc->hash);
    struct MHD_Response *response =
        docs_response(request, is_known ? KE_STR("") : ke_buf_str(&doc->body));
    if (response != NULL) {
        add_etag(response, doc->hash);
    }
    api_respond_with(request, is_known ? 304 : 200, type, response);
}

/* JSON of one form only; a Table of it is not to be had. */
static bool wants_json(struct api_request *request)
{
    struct api_accept accept;
    enum api_negotiated negotiated =
        api_negotiate(api_request_header(request, MHD_HTTP_HEADER_ACCEPT),
                      (unsigned)API_FORM_PLAIN | API_MAY_BE_YAML, &accept);
    if (negotiated != API_NEGOTIATED) {
        api_respond_not_acceptable(request, negotiated, TYPES);
    }
    return negotiated == API_NEGOTIATED;
}

static void respond_json_doc(struct api_request *request, const struct api_doc *doc)
{
    if (wants_json(request)) {
        respond_doc(request, doc, JSON);
    }
}

/* /api and /apis: the old list, or all in one. */
static void respond_root(struct api_request *request, const struct api_doc *plain,
                         const struct api_doc *v2, const struct api_doc *v2beta1)
{
    struct api_accept accept;
    enum api_negotiated negotiated = api_negotiate(
        api_request_header(request, MHD_HTTP_HEADER_ACCEPT),
        (unsigned)API_FORM_PLAIN | (unsigned)API_FORM_DISCOVERY | API_MAY_BE_YAML, &accept);
    if (negotiated != API_NEGOTIATED) {
        api_respond_not_acceptable(request, negotiated, TYPES);
    } else if (accept.form == API_FORM_PLAIN) {
        respond_doc(request, plain, JSON);
    } else if (strcmp(accept.version, "v2") == 0) {
        respond_doc(request, v2,
                    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    } else {
        respond_doc(request, v2beta1,
                    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList");
    }
}

/* rest: behind "/apis/" or "/api/": GROUP or GROUP/VERSION; core: VERSION. */
static void respond_group(struct api_request *request, struct ke_str rest, bool is_core)
{
    const struct api_docs *docs = api_request_docs(request);
    size_t slash = ke_str_find(rest, '/');
    struct ke_str first = ke_str_sub(rest, 0, slash);
    struct ke_str second = { "", 0 };
    if (slash < rest.len) {
        second = ke_str_sub(rest, slash + 1, rest.len - slash - 1);
    }
    const struct api_doc *doc = NULL;
    if (is_core || second.len > 0) {
        const struct api_gv_docs *gv = is_core ? api_docs_find_gv(docs, KE_STR(""), first)
                                               : api_docs_find_gv(docs, first, second);
        doc = gv != NULL ? &gv->resources : NULL;
    } else {
        const struct api_group_docs *group = api_docs_find_group(docs, first);
        doc = group != NULL ? &group->group_doc : NULL;
    }
    if (doc == NULL) {
        api_respond_str(request, 404, "text/plain; charset=utf-8", KE_STR("404 page not found\n"));
        return;
    }
    respond_json_doc(request, doc);
}

/* A gzipped document read back for a client that does not know gzip. */
struct inflater {
    z_stream z;
    struct api_docs *docs;
};

static void inflater_free(void *cls)
{
    struct inflater *inflater = cls;
    (void)inflateEnd(&inflater->z);
    api_docs_unref(inflater->docs);
    free(inflater);
}

static ssize_t read_inflated(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct inflater *inflater = cls;
    (void)pos;
    inflater->z.next_out = (Bytef *)buf;
    inflater->z.avail_out = (uInt)max;
    int done = inflate(&inflater->z, Z_NO_FLUSH);
    if (done != Z_OK && done != Z_STREAM_END) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t n = max - inflater->z.avail_out;
    return n > 0 ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *gzip_response(struct api_request *request, struct ke_str gzip)
{
    struct ke_str asked = api_request_header(request, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    if (api_accepts_gzip(asked)) {
        struct MHD_Response *response = docs_response(request, gzip);
        if (response != NULL) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
        }
        return response;
    }
    struct inflater *inflater = ke_alloc(sizeof(*inflater));
    if (inflater == NULL || inflateInit2(&inflater->z, 15 + 16) != Z_OK) {
        free(inflater);
        return NULL;
    }
    inflater->docs = api_docs_ref(api_request_docs(request));
    inflater->z.next_in = (z_const Bytef *)gzip.ptr;
    inflater->z.avail_in = (uInt)gzip.len;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 32U << 10, read_inflated, inflater, inflater_free);
    if (response == NULL) {
        inflater_free(inflater);
    }
    return response;
}

/* For a year, as upstream; in the place of what other answers say. */
static void add_immutable(struct api_request *request, struct MHD_Response *response)
{
    char date[40];
    struct tm parts;
    time_t at = (time_t)(ke_wall_s() + YEAR_S);
    if (response == NULL || gmtime_r(&at, &parts) == NULL ||
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts) == 0) {
        return;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_EXPIRES, date);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "public, immutable");
    request->has_cache_control = true;
}

/* rest: behind "/openapi/v3/": "api/v1" or "apis/GROUP/VERSION". */
static void respond_openapi_v3(struct api_request *request, struct ke_str rest)
{
    const struct api_gv_docs *gv = NULL;
    struct ke_str group = { "", 0 };
    if (ke_str_cut_prefix(&rest, KE_STR("api/")) ||
        (ke_str_cut_prefix(&rest, KE_STR("apis/")) && ke_str_split(&rest, '/', &group))) {
        gv = api_docs_find_gv(api_request_docs(request), group, rest);
    }
    if (gv == NULL) {
        respond_no_path(request);
        return;
    }
    if (!wants_json(request)) {
        return;
    }
    bool is_known = is_known_to_client(request, gv->openapi_hash);
    struct MHD_Response *response = NULL;
    if (is_known) {
        response = docs_response(request, KE_STR(""));
    } else {
        struct ke_err err;
        struct ke_str gzip;
        enum ke_code rc = api_docs_openapi(api_request_docs(request), gv, &gzip, &err);
        if (rc != KE_OK) {
            api_respond_error(request, rc, &err);
            return;
        }
        response = gzip_response(request, gzip);
    }
    if (response != NULL) {
        add_etag(response, gv->openapi_hash);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    }
    struct ke_str hash = api_query_get(&request->query, "hash");
    /* An address with the right hash never changes its content: clients keep it on disk. */
    if (ke_str_eq_c(hash, gv->openapi_hash)) {
        add_immutable(request, response);
    }
    api_respond_with(request, is_known ? 304 : 200, JSON, response);
}

/* The type that clients name in Accept has an @ that no MIME type may have: answered without it. */
static void respond_openapi_v2(struct api_request *request)
{
    static const char type[] = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    const struct api_docs *docs = api_request_docs(request);
    struct ke_str accept = api_request_header(request, MHD_HTTP_HEADER_ACCEPT);
    bool is_json = api_accepts(accept, JSON);
    const char *hash = is_json ? docs->openapi_v2_json_hash : docs->openapi_v2_hash;
    if (!is_json &&
        !api_accepts(accept, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")) {
        api_respond_not_acceptable(request, API_NOT_JSON, JSON);
        return;
    }
    struct ke_err err;
    struct ke_str gzip = KE_STR("");
    bool is_known = is_known_to_client(request, hash);
    enum ke_code rc = KE_OK;
    if (!is_known) {
        rc = is_json ? api_docs_openapi_v2_json(docs, &gzip, &err)
                     : api_docs_openapi_v2(docs, &gzip, &err);
    }
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    struct MHD_Response *response =
        is_known ? docs_response(request, gzip) : gzip_response(request, gzip);
    if (response != NULL) {
        add_etag(response, hash);
    }
    api_respond_with(request, is_known ? 304 : 200, is_json ? JSON : type, response);
}

static void respond_metrics(struct api_request *request)
{
    struct ke_buf body = KE_BUF_INIT(LIMIT_FILE_BYTES);
    api_metrics_print(request->server, &body);
    api_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static bool is_health(struct ke_str path)
{
    struct ke_str rest = ke_str_sub(path, 1, path.len);
    struct ke_str first = { NULL, 0 };
    (void)ke_str_split(&rest, '/', &first);
    return ke_str_eq_c(first, "healthz") || ke_str_eq_c(first, "livez") ||
           ke_str_eq_c(first, "readyz");
}

static void dispatch_docs(struct api_request *request, struct ke_str path)
{
    const struct api_docs *docs = api_request_docs(request);
    struct ke_str rest = path;
    if (ke_str_eq_c(path, "/api")) {
        respond_root(request, &docs->core_versions, &docs->core_v2, &docs->core_v2beta1);
    } else if (ke_str_eq_c(path, "/apis")) {
        respond_root(request, &docs->group_list, &docs->groups_v2, &docs->groups_v2beta1);
    } else if (ke_str_cut_prefix(&rest, KE_STR("/api/"))) {
        respond_group(request, rest, true);
    } else if (ke_str_cut_prefix(&rest, KE_STR("/apis/"))) {
        respond_group(request, rest, false);
    } else if (ke_str_eq_c(path, "/openapi/v2")) {
        respond_openapi_v2(request);
    } else if (ke_str_eq_c(path, "/openapi/v3")) {
        respond_json_doc(request, &docs->openapi_v3_index);
    } else if (ke_str_cut_prefix(&rest, KE_STR("/openapi/v3/"))) {
        respond_openapi_v3(request, rest);
    } else if (ke_str_eq_c(path, "/version")) {
        respond_json_doc(request, &docs->version);
    } else {
        respond_no_path(request);
    }
}

/* "/" tells what there is, as upstream. */
static void respond_paths(struct api_request *request)
{
    const struct api_docs *docs = api_request_docs(request);
    struct ke_buf body = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_buf_add_c(&body, "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\"");
    for (size_t i = 0; i < docs->n_groups; i++) {
        ke_buf_addf(&body, ",\"/apis/%s\"", docs->groups[i].group);
    }
    for (size_t i = 0; i < docs->n_gvs; i++) {
        if (docs->gvs[i].group[0] != '\0') {
            ke_buf_addf(&body, ",\"/apis/%s/%s\"", docs->gvs[i].group, docs->gvs[i].version);
        }
    }
    ke_buf_add_c(&body, ",\"/healthz\",\"/livez\",\"/metrics\",\"/openapi/v2\",\"/openapi/v3\","
                        "\"/readyz\",\"/version\"]}\n");
    api_respond(request, 200, JSON, &body);
}

void api_handle_path(struct api_request *request)
{
    struct ke_str path = request->target.path;
    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    bool is_rekey = ke_str_eq_c(path, "/kedge/v1/registry/rekey");
    bool is_read = ke_str_eq_c(request->method, "GET") || ke_str_eq_c(request->method, "HEAD");
    if (!is_read && !is_rekey) {
        api_respond_code(request, KE_METHOD, "");
    } else if (ke_str_eq_c(path, "/")) {
        respond_paths(request);
    } else if (is_health(path)) {
        request->target.path = path;
        api_handle_health(request);
    } else if (ke_str_eq_c(path, "/metrics")) {
        respond_metrics(request);
    } else if (ke_str_has_prefix(path, KE_STR("/kedge/"))) {
        request->target.path = path;
        api_handle_kedge(request);
    } else if (!api_handle_openid(request)) {
        dispatch_docs(request, path);
    }
}
