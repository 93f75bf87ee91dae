/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the snapshots of documents; hands out, and makes when they are first asked for, the gzipped
 * OpenAPI documents. Any thread.
 */
#include "core/api/docs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/api/docs_print.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/net/tls/x509.h"

/* Below the best of zlib, a quarter of its time. */
#define GZIP_LEVEL  4
#define GZIP_WINDOW (15 + 16) /* gzip framing */
#define GZIP_BYTES  (32U << 10)
#define TEXT_BYTES  1024
#define PIECE_BYTES (16U << 10)

/* ---- gzipped documents -------------------------------------------------------------------------
 */

static struct api_gzip *gzip_new(void)
{
    struct api_gzip *gzip = ke_alloc(sizeof(*gzip));
    if (gzip != NULL) {
        atomic_init(&gzip->refs, 1);
        atomic_init(&gzip->is_made, false);
        (void)pthread_mutex_init(&gzip->lock, NULL);
        gzip->body.max = LIMIT_FILE_BYTES;
    }
    return gzip;
}

static struct api_gzip *gzip_ref(struct api_gzip *gzip)
{
    atomic_fetch_add(&gzip->refs, 1);
    return gzip;
}

static void gzip_unref(struct api_gzip *gzip)
{
    if (gzip != NULL && atomic_fetch_sub(&gzip->refs, 1) == 1) {
        (void)pthread_mutex_destroy(&gzip->lock);
        ke_buf_free(&gzip->body);
        free(gzip);
    }
}

struct gzip_writer {
    z_stream z;
    struct ke_buf *out;
};

static enum ke_code gzip_write(void *ctx, struct ke_str bytes, struct ke_err *err)
{
    struct gzip_writer *writer = ctx;
    writer->z.next_in = (z_const Bytef *)bytes.ptr;
    writer->z.avail_in = (uInt)bytes.len;
    int flush = bytes.len == 0 ? Z_FINISH : Z_NO_FLUSH;
    do {
        void *room = ke_buf_reserve(writer->out, GZIP_BYTES);
        if (room == NULL) {
            return ke_fail(err, KE_NOMEM, "gzip a document");
        }
        writer->z.next_out = room;
        writer->z.avail_out = GZIP_BYTES;
        if (deflate(&writer->z, flush) == Z_STREAM_ERROR) {
            return ke_fail(err, KE_BUG, "gzip a document");
        }
        writer->out->len += GZIP_BYTES - writer->z.avail_out;
    } while (writer->z.avail_out == 0);
    return KE_OK;
}

void api_sink_flush(struct api_sink *sink, size_t more_than)
{
    if (sink->failed != KE_OK || sink->piece.len < more_than) {
        return;
    }
    sink->failed = ke_buf_check(&sink->piece, "document", sink->err);
    if (sink->failed == KE_OK) {
        sink->failed = sink->write(sink->ctx, ke_buf_str(&sink->piece), sink->err);
    }
    ke_buf_clear(&sink->piece);
}

/* gv NULL: v2. */
static void print_openapi(const struct api_docs *docs, const struct api_gv_docs *gv,
                          const struct api_gzip *gzip, struct api_sink *sink)
{
    if (gv != NULL) {
        api_openapi_v3_print(docs, gv, sink);
    } else if (gzip == docs->openapi_v2_json) {
        api_openapi_v2_json_print(docs, sink);
    } else {
        api_openapi_v2_print(docs, sink);
    }
}

static enum ke_code make_openapi(const struct api_docs *docs, const struct api_gv_docs *gv,
                                 struct api_gzip *gzip, struct ke_err *err)
{
    struct gzip_writer writer = { .out = &gzip->body };
    struct api_sink sink = {
        .ctx = &writer, .write = gzip_write, .piece = KE_BUF_INIT(LIMIT_FILE_BYTES), .err = err
    };
    if (deflateInit2(&writer.z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return ke_fail(err, KE_NOMEM, "gzip a document");
    }
    print_openapi(docs, gv, gzip, &sink);
    api_sink_flush(&sink, 1);
    api_sink_flush(&sink, 0); /* nothing: the end */
    (void)deflateEnd(&writer.z);
    ke_buf_free(&sink.piece);
    if (sink.failed != KE_OK) {
        ke_buf_free(&gzip->body);
        gzip->body.max = LIMIT_FILE_BYTES;
    }
    return sink.failed;
}

static enum ke_code need_openapi(const struct api_docs *docs, const struct api_gv_docs *gv,
                                 struct api_gzip *gzip, struct ke_str *out, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    if (!atomic_load(&gzip->is_made)) {
        (void)pthread_mutex_lock(&gzip->lock);
        if (!atomic_load(&gzip->is_made)) {
            rc = make_openapi(docs, gv, gzip, err);
            atomic_store(&gzip->is_made, rc == KE_OK);
        }
        (void)pthread_mutex_unlock(&gzip->lock);
    }
    if (rc == KE_OK) {
        *out = ke_buf_str(&gzip->body);
    }
    return rc;
}

enum ke_code api_docs_openapi(const struct api_docs *docs, const struct api_gv_docs *gv,
                              struct ke_str *out, struct ke_err *err)
{
    return need_openapi(docs, gv, gv->openapi, out, err);
}

enum ke_code api_docs_openapi_v2(const struct api_docs *docs, struct ke_str *out,
                                 struct ke_err *err)
{
    return need_openapi(docs, NULL, docs->openapi_v2, out, err);
}

enum ke_code api_docs_openapi_v2_json(const struct api_docs *docs, struct ke_str *out,
                                      struct ke_err *err)
{
    return need_openapi(docs, NULL, docs->openapi_v2_json, out, err);
}

/* ---- snapshots ---------------------------------------------------------------------------------
 */

/* Keeps groups in the order of the catalog and, within one, the preferred version first. False: out
 * of memory. */
static bool add_gv(struct api_docs *docs, const char *group, const char *version, bool is_built_in)
{
    size_t at = docs->n_gvs;
    for (size_t i = docs->n_gvs; i > 0; i--) {
        const struct api_gv_docs *gv = &docs->gvs[i - 1];
        if (strcmp(gv->group, group) != 0) {
            continue;
        }
        int order = model_version_compare(version, gv->version);
        if (order == 0) {
            return true; /* built-in kinds come first */
        }
        if (at == docs->n_gvs) {
            at = i; /* behind the last of its group */
        }
        if (order < 0) {
            at = i - 1;
        }
    }
    if (!ke_grow((void **)&docs->gvs, &docs->cap_gvs, docs->n_gvs + 1, sizeof(docs->gvs[0]))) {
        return false;
    }
    memmove(&docs->gvs[at + 1], &docs->gvs[at], (docs->n_gvs - at) * sizeof(docs->gvs[0]));
    docs->gvs[at] =
        (struct api_gv_docs){ .group = group, .version = version, .is_built_in = is_built_in };
    docs->n_gvs++;
    return true;
}

static bool add_group(struct api_docs *docs, const char *group)
{
    if (group[0] == '\0' || api_docs_find_group(docs, ke_str_c(group)) != NULL) {
        return true;
    }
    if (!ke_grow((void **)&docs->groups, &docs->cap_groups, docs->n_groups + 1,
                 sizeof(docs->groups[0]))) {
        return false;
    }
    docs->groups[docs->n_groups++] = (struct api_group_docs){ .group = group };
    return true;
}

static bool collect_gvs(struct api_docs *docs)
{
    const struct model_kind *kind;
    size_t pos = 0;
    while ((kind = model_catalog_next(docs->catalog, &pos)) != NULL) {
        for (size_t j = 0; j < MODEL_MAX_VERSIONS && kind->versions[j].group != NULL; j++) {
            const struct model_version *version = &kind->versions[j];
            if (!version->is_unserved &&
                !add_gv(docs, version->group, version->version, kind->custom == NULL)) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < docs->n_gvs; i++) {
        if (!add_group(docs, docs->gvs[i].group)) {
            return false;
        }
    }
    return true;
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

/* The gzipped document of before, when it would be the same again. */
static struct api_gzip *share_openapi(const struct api_docs *previous, const struct api_gv_docs *gv)
{
    const struct api_gv_docs *was =
        previous == NULL ? NULL
                         : api_docs_find_gv(previous, ke_str_c(gv->group), ke_str_c(gv->version));
    bool is_same = was != NULL && strcmp(was->openapi_hash, gv->openapi_hash) == 0;
    return is_same ? gzip_ref(was->openapi) : gzip_new();
}

static enum ke_code make_per_group(struct api_docs *docs, const struct api_docs *previous,
                                   struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (size_t i = 0; i < docs->n_gvs && rc == KE_OK; i++) {
        struct api_gv_docs *gv = &docs->gvs[i];
        api_discovery_print_resources(docs, gv, begin(&gv->resources));
        rc = doc_seal(&gv->resources, err);
        if (rc == KE_OK) {
            api_openapi_hash(docs, gv);
            gv->openapi = share_openapi(previous, gv);
            rc = gv->openapi != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "documents");
        }
    }
    for (size_t i = 0; i < docs->n_groups && rc == KE_OK; i++) {
        api_discovery_print_group(docs, docs->groups[i].group, begin(&docs->groups[i].group_doc));
        rc = doc_seal(&docs->groups[i].group_doc, err);
    }
    return rc;
}

#define ALL_DOCS(docs)                                                                             \
    {                                                                                              \
        &(docs)->core_versions, &(docs)->group_list, &(docs)->core_v2, &(docs)->core_v2beta1,      \
            &(docs)->groups_v2, &(docs)->groups_v2beta1, &(docs)->openapi_v3_index,                \
            &(docs)->version                                                                       \
    }

/* Made of what the documents of custom kinds are made of: their hashes say when it changes. */
static enum ke_code make_v2_json(struct api_docs *docs, const struct api_docs *previous,
                                 struct ke_err *err)
{
    struct api_doc of = { .body = KE_BUF_INIT(LIMIT_FILE_BYTES) };
    for (size_t i = 0; i < docs->n_gvs; i++) {
        ke_buf_addf(&of.body, "%s/%s %s\n", docs->gvs[i].group, docs->gvs[i].version,
                    docs->gvs[i].openapi_hash);
    }
    enum ke_code rc = doc_seal(&of, err);
    ke_buf_free(&of.body);
    if (rc != KE_OK) {
        return rc;
    }
    memcpy(docs->openapi_v2_json_hash, of.hash, sizeof(of.hash));
    bool is_same = previous != NULL && strcmp(previous->openapi_v2_json_hash, of.hash) == 0;
    docs->openapi_v2_json = is_same ? gzip_ref(previous->openapi_v2_json) : gzip_new();
    return docs->openapi_v2_json != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "documents");
}

/* What is served built in does not change: nor does the document that has only that. */
static enum ke_code make_v2(struct api_docs *docs, const struct api_docs *previous,
                            struct ke_err *err)
{
    struct api_doc of = { .body = KE_BUF_INIT(TEXT_BYTES) };
    ke_buf_addf(&of.body, "%.*s %016" PRIx64, KE_STR_ARG(docs->git_version),
                model_schema_fingerprint());
    enum ke_code rc = doc_seal(&of, err);
    ke_buf_free(&of.body);
    memcpy(docs->openapi_v2_hash, of.hash, sizeof(of.hash));
    docs->openapi_v2 = previous != NULL ? gzip_ref(previous->openapi_v2) : gzip_new();
    if (rc == KE_OK && docs->openapi_v2 == NULL) {
        rc = ke_fail(err, KE_NOMEM, "documents");
    }
    return rc == KE_OK ? make_v2_json(docs, previous, err) : rc;
}

static enum ke_code make_all(struct api_docs *docs, const struct api_docs_options *options,
                             const struct api_docs *previous, struct ke_err *err)
{
    if (!collect_gvs(docs)) {
        return ke_fail(err, KE_NOMEM, "documents");
    }
    enum ke_code rc = make_per_group(docs, previous, err);
    if (rc != KE_OK) {
        return rc;
    }
    api_discovery_print_core(options->address, begin(&docs->core_versions));
    api_discovery_print_groups(docs, begin(&docs->group_list));
    api_discovery_print_found(docs, true, "v2", begin(&docs->core_v2));
    api_discovery_print_found(docs, true, "v2beta1", begin(&docs->core_v2beta1));
    api_discovery_print_found(docs, false, "v2", begin(&docs->groups_v2));
    api_discovery_print_found(docs, false, "v2beta1", begin(&docs->groups_v2beta1));
    api_openapi_index_print(docs, begin(&docs->openapi_v3_index));
    api_discovery_print_version(options, begin(&docs->version));
    struct api_doc *const all[] = ALL_DOCS(docs);
    for (size_t i = 0; i < KE_ARRAY_LEN(all) && rc == KE_OK; i++) {
        rc = doc_seal(all[i], err);
    }
    return rc == KE_OK ? make_v2(docs, previous, err) : rc;
}

enum ke_code api_docs_new(const struct api_docs_options *options, const struct api_docs *previous,
                          struct api_docs **out, struct ke_err *err)
{
    struct api_docs *docs = ke_alloc(sizeof(*docs));
    if (docs == NULL) {
        return ke_fail(err, KE_NOMEM, "documents");
    }
    atomic_init(&docs->refs, 1);
    docs->catalog = options->catalog;
    docs->git_version = options->git_version;
    /* Read first: what changes while they are made makes them again. */
    docs->generation = model_catalog_generation(options->catalog);
    enum ke_code rc = make_all(docs, options, previous, err);
    if (rc != KE_OK) {
        api_docs_unref(docs);
        return rc;
    }
    *out = docs;
    return KE_OK;
}

struct api_docs *api_docs_ref(struct api_docs *docs)
{
    atomic_fetch_add(&docs->refs, 1);
    return docs;
}

void api_docs_unref(struct api_docs *docs)
{
    if (docs == NULL || atomic_fetch_sub(&docs->refs, 1) != 1) {
        return;
    }
    struct api_doc *const all[] = ALL_DOCS(docs);
    for (size_t i = 0; i < KE_ARRAY_LEN(all); i++) {
        ke_buf_free(&all[i]->body);
    }
    for (size_t i = 0; i < docs->n_gvs; i++) {
        ke_buf_free(&docs->gvs[i].resources.body);
        gzip_unref(docs->gvs[i].openapi);
    }
    for (size_t i = 0; i < docs->n_groups; i++) {
        ke_buf_free(&docs->groups[i].group_doc.body);
    }
    gzip_unref(docs->openapi_v2);
    gzip_unref(docs->openapi_v2_json);
    free(docs->gvs);
    free(docs->groups);
    free(docs);
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
