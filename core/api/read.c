/* SPDX-License-Identifier: Apache-2.0 */
/*
 * get and list. Stored bytes go out as they lie in the object cache: one object without a copy, a
 * list as an I/O vector over its objects. What has to be converted, printed as a table or gzipped
 * is produced piece by piece while the client reads. On the request's API loop.
 */
#include <inttypes.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/api/encode.h"
#include "core/api/options.h"
#include "core/api/read.h"
#include "core/api/revision.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define PIECE_BYTES   (32U << 10) /* encoded at a time */
#define WHOLE_OBJECTS 64          /* lists up to this many are encoded in one go */

struct api_encoder api_request_encoder(const struct api_request *request)
{
    struct ke_str include = api_query_get(&request->query, "includeObject");
    const struct model_subresource *sub = request->subresource;
    bool is_spoken = sub != NULL && sub->speaks != NULL;
    struct api_encoder encoder = {
        .kind = is_spoken ? sub->speaks : request->kind,
        .version = is_spoken ? &sub->speaks->versions[0] : request->version,
        .accept = request->accept,
        .now_s = ke_wall_s(),
    };
    if (ke_str_eq_c(include, "None")) {
        encoder.include = API_INCLUDE_NONE;
    } else if (ke_str_eq_c(include, "Object")) {
        encoder.include = API_INCLUDE_OBJECT;
    }
    return encoder;
}

/* ---- one object --------------------------------------------------------------------------------
 */

static void unref_object(void *cls)
{
    registry_object_unref(cls);
}

void api_respond_object(struct api_request *request, unsigned http,
                        const struct registry_object *object)
{
    struct api_encoder encoder = api_request_encoder(request);
    bool is_compact = api_request_style(request) == API_STYLE_COMPACT;
    if (is_compact && api_encoder_is_stored_bytes(&encoder, object) &&
        !api_wants_gzip(request, object->json.len)) {
        struct registry_object *shared = registry_object_ref(object);
        /* libmicrohttpd only reads it; its parameter just is not const. */
        union {
            const char *in;
            void *out;
        } bytes = { .in = shared->json.ptr };
        struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
            shared->json.len, bytes.out, unref_object, shared);
        if (response == NULL) {
            registry_object_unref(shared);
        }
        api_respond_with(request, http, "application/json", response);
        return;
    }
    struct ke_err err;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = api_encode_object(&encoder, object, true, &body, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    api_respond_json(request, http, &body);
}

void api_handle_get(struct api_request *request)
{
    struct ke_err err;
    struct ke_str revision_text = api_query_get(&request->query, "resourceVersion");
    uint64_t revision = 0;
    bool is_number = ke_str_to_u64(revision_text, INT64_MAX, &revision);
    if (api_hold_for_revision(request, revision_text, revision_text.len > 0 && !is_number,
                              (int64_t)revision, api_handle_get)) {
        return;
    }
    ke_auto_object *object = NULL;
    enum ke_code rc = resource_get_part(request->server->options.store, request->kind,
                                        request->target.subresource, request->target.ns,
                                        request->target.name, &object, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    api_respond_object(request, 200, object);
}

/* ---- lists -------------------------------------------------------------------------------------
 */

/* A list on its way out. */
struct answer {
    struct api_encoder encoder;
    struct resource_list list;
    struct ke_buf head; /* everything before the first item */
    struct ke_buf out;  /* encoded, not yet read */
    size_t out_at;
    size_t next; /* item to encode; spliced: segment to copy */
    bool is_head_out, is_tail_out;
    enum api_style style;
    struct api_indenter indenter;
    bool is_gzip, is_gzip_done;
    z_stream z;
};

static void answer_free(void *cls)
{
    struct answer *answer = cls;
    if (answer->is_gzip) {
        (void)deflateEnd(&answer->z);
    }
    resource_list_free(&answer->list);
    ke_buf_free(&answer->head);
    ke_buf_free(&answer->out);
    free(answer);
}

static enum ke_code encode_item(struct answer *answer, const struct registry_object *object,
                                struct ke_buf *out, struct ke_err *err)
{
    if (answer->style != API_STYLE_YAML) {
        ke_buf_add_c(out, answer->next > 0 ? "," : "");
        return api_encode_item(&answer->encoder, object, out, err);
    }
    ke_auto_buf json = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = api_encode_item(&answer->encoder, object, &json, err);
    if (rc == KE_OK) {
        rc = ke_buf_check(&json, "list", err);
    }
    return rc == KE_OK ? api_style_yaml_item(ke_buf_str(&json), out, err) : rc;
}

/* Encodes on, up to about PIECE_BYTES, without line breaks. */
static enum ke_code encode_json(struct answer *answer, struct ke_buf *out, struct ke_err *err)
{
    size_t n = answer->list.items.n_objects;
    if (!answer->is_head_out) {
        ke_buf_add_str(out, ke_buf_str(&answer->head));
        answer->is_head_out = true;
    }
    while (answer->next < n && out->len < PIECE_BYTES) {
        const struct registry_object *object = answer->list.items.objects[answer->next];
        enum ke_code rc = encode_item(answer, object, out, err);
        if (rc != KE_OK) {
            return rc;
        }
        answer->next++;
    }
    if (answer->next == n && !answer->is_tail_out && out->len < PIECE_BYTES) {
        if (answer->style != API_STYLE_YAML) {
            api_encode_list_tail(&answer->encoder, out);
        }
        answer->is_tail_out = true;
    }
    return ke_buf_check(out, "list", err);
}

static enum ke_code encode_more(struct answer *answer, struct ke_buf *out, struct ke_err *err)
{
    if (answer->style != API_STYLE_PRETTY) {
        return encode_json(answer, out, err);
    }
    ke_auto_buf json = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = encode_json(answer, &json, err);
    if (rc == KE_OK) {
        api_indent(&answer->indenter, ke_buf_str(&json), out);
        rc = ke_buf_check(out, "list", err);
    }
    return rc;
}

/* The same through deflate. */
static enum ke_code gzip_more(struct answer *answer, struct ke_err *err)
{
    ke_auto_buf plain = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = encode_more(answer, &plain, err);
    if (rc != KE_OK) {
        return rc;
    }
    answer->z.next_in = (const Bytef *)plain.ptr;
    answer->z.avail_in = (uInt)plain.len;
    int flush = answer->is_tail_out ? Z_FINISH : Z_NO_FLUSH;
    do {
        void *room = ke_buf_reserve(&answer->out, PIECE_BYTES);
        if (room == NULL) {
            return ke_fail(err, KE_NOMEM, "gzip");
        }
        answer->z.next_out = room;
        answer->z.avail_out = PIECE_BYTES;
        int done = deflate(&answer->z, flush);
        if (done == Z_STREAM_ERROR) {
            return ke_fail(err, KE_BUG, "gzip");
        }
        answer->out.len += PIECE_BYTES - answer->z.avail_out;
        answer->is_gzip_done = done == Z_STREAM_END;
    } while (answer->z.avail_out == 0);
    return KE_OK;
}

static bool is_answered(const struct answer *answer)
{
    return answer->is_gzip ? answer->is_gzip_done : answer->is_tail_out;
}

/* libmicrohttpd asks for the next bytes. */
static ssize_t read_answer(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct answer *answer = cls;
    struct ke_err err;
    (void)pos;
    while (answer->out_at == answer->out.len) {
        if (is_answered(answer)) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        ke_buf_clear(&answer->out);
        answer->out_at = 0;
        enum ke_code rc =
            answer->is_gzip ? gzip_more(answer, &err) : encode_more(answer, &answer->out, &err);
        if (rc != KE_OK) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
    }
    size_t n = answer->out.len - answer->out_at;
    n = n < max ? n : max;
    memcpy(buf, answer->out.ptr + answer->out_at, n);
    answer->out_at += n;
    return (ssize_t)n;
}

/* The segments of a spliced list: head, then "{" or ",{" and the rest of each item, then the tail.
 * {NULL,0}: behind the last one. */
static struct ke_str segment_at(const struct answer *answer, size_t i)
{
    size_t n = answer->list.items.n_objects;
    if (i == 0) {
        return ke_buf_str(&answer->head);
    }
    if (i > 2 * n) {
        return i == 2 * n + 1 ? KE_STR("]}\n") : (struct ke_str){ NULL, 0 };
    }
    if (i % 2 == 1) {
        return i == 1 ? KE_STR("{") : KE_STR(",{");
    }
    const struct registry_object *object = answer->list.items.objects[i / 2 - 1];
    return ke_str_sub(object->json, object->head_len, object->json.len - object->head_len);
}

/* Copies from where the objects lie. (Not an I/O vector: libmicrohttpd 0.9.75 copies it into the
 * connection's memory, and when it does not fit there, aborts.) */
static ssize_t read_splice(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct answer *answer = cls;
    size_t len = 0;
    (void)pos;
    while (len < max) {
        struct ke_str segment = segment_at(answer, answer->next);
        if (segment.ptr == NULL) {
            break;
        }
        size_t left = segment.len - answer->out_at;
        size_t n = left < max - len ? left : max - len;
        memcpy(buf + len, segment.ptr + answer->out_at, n);
        len += n;
        answer->out_at += n;
        if (answer->out_at == segment.len) {
            answer->out_at = 0;
            answer->next++;
        }
    }
    return len > 0 ? (ssize_t)len : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *splice_response(struct answer *answer)
{
    uint64_t total = 0;
    struct ke_str segment;
    for (size_t i = 0; (segment = segment_at(answer, i)).ptr != NULL; i++) {
        total += segment.len;
    }
    size_t block = total < PIECE_BYTES ? (size_t)total : PIECE_BYTES;
    return MHD_create_response_from_callback(total, block, read_splice, answer, answer_free);
}

static struct MHD_Response *stream_response(struct answer *answer)
{
    if (answer->is_gzip &&
        deflateInit2(&answer->z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        answer->is_gzip = false;
        return NULL;
    }
    answer->out.max = LIMIT_RESPONSE_BYTES;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, PIECE_BYTES, read_answer, answer, answer_free);
    if (response != NULL && answer->is_gzip) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    }
    return response;
}

static size_t stored_bytes(const struct resource_list *list)
{
    size_t sum = 0;
    for (size_t i = 0; i < list->items.n_objects; i++) {
        sum += list->items.objects[i]->json.len;
    }
    return sum;
}

static struct MHD_Response *whole_response(struct answer *answer, struct ke_err *err)
{
    struct ke_buf body = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = KE_OK;
    while (!answer->is_tail_out && rc == KE_OK) {
        ke_auto_buf piece = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
        rc = encode_more(answer, &piece, err);
        ke_buf_add_str(&body, ke_buf_str(&piece));
    }
    size_t len = 0;
    char *bytes = rc == KE_OK ? ke_buf_take(&body, &len) : NULL;
    ke_buf_free(&body);
    struct MHD_Response *response = NULL;
    if (bytes != NULL) {
        response = MHD_create_response_from_buffer_with_free_callback(len, bytes, free);
    }
    if (response == NULL) {
        free(bytes);
        return NULL;
    }
    answer_free(answer);
    return response;
}

static enum ke_code encode_head(struct answer *answer, const struct api_list_meta *meta,
                                struct ke_err *err)
{
    api_encode_list_head(&answer->encoder, meta, &answer->head);
    enum ke_code rc = ke_buf_check(&answer->head, "list", err);
    if (rc != KE_OK || answer->style != API_STYLE_YAML) {
        return rc;
    }
    struct ke_buf yaml = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
    rc = api_style_yaml_head(ke_buf_str(&answer->head), answer->list.items.n_objects == 0, &yaml,
                             err);
    ke_buf_free(&answer->head);
    answer->head = yaml;
    return rc == KE_OK ? ke_buf_check(&answer->head, "list", err) : rc;
}

/* list is given. */
void api_respond_list(struct api_request *request, struct resource_list *list)
{
    struct ke_err err;
    struct answer *answer = ke_alloc(sizeof(*answer));
    if (answer == NULL) {
        resource_list_free(list);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    answer->encoder = api_request_encoder(request);
    answer->list = *list;
    answer->head.max = LIMIT_HTTP_HEAD_BYTES;
    struct api_list_meta meta = {
        .revision = list->items.revision,
        .continue_token = list->continue_token,
        .n_remaining = list->n_remaining,
    };
    answer->style = api_request_style(request);
    const char *type = api_style_type(answer->style);
    enum ke_code rc = encode_head(answer, &meta, &err);
    answer->is_gzip = api_wants_gzip(request, stored_bytes(list));
    struct MHD_Response *response = NULL;
    if (rc == KE_OK) {
        bool is_stored = !request->kind->is_computed;
        if (is_stored && api_encoder_is_splice(&answer->encoder) && !answer->is_gzip &&
            answer->style == API_STYLE_COMPACT) {
            response = splice_response(answer);
        } else if (answer->is_gzip || list->items.n_objects > WHOLE_OBJECTS) {
            response = stream_response(answer);
        } else {
            response = whole_response(answer, &err);
        }
    }
    if (response == NULL) {
        answer_free(answer);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_respond_with(request, 200, type, response);
}

void api_respond_invalid(struct api_request *request, enum ke_code code, const struct ke_err *err,
                         const struct model_issues *issues)
{
    struct api_status status = api_status_from(code, err);
    ke_auto_buf message = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    if (code == KE_INVALID && issues != NULL && issues->n_items > 0) {
        api_status_invalid_message(ke_str_c(err->msg), issues, &message);
        status.message = ke_buf_str(&message);
        status.issues = issues;
    }
    api_respond_status(request, &status);
}

void api_handle_list(struct api_request *request)
{
    struct ke_err err;
    struct api_list_options options;
    struct model_issues issues;
    model_issues_init(&issues, request->arena);
    enum ke_code rc =
        api_list_options_parse(&request->query, request->kind, false, &options, &issues, &err);
    if (rc != KE_OK) {
        api_respond_invalid(request, rc, &err, &issues);
        return;
    }
    struct resource_list_options asked = {
        .ns = request->target.ns,
        .labels = options.labels,
        .fields = options.fields,
        .limit = options.limit,
        .continue_token = options.continue_token,
        .has_revision = options.has_revision,
        .revision = options.revision,
    };
    if (ke_str_eq_c(options.revision_match, "Exact")) {
        asked.match = RESOURCE_MATCH_EXACT;
    } else if (options.revision_match.len > 0) {
        asked.match = RESOURCE_MATCH_NOT_OLDER;
    }
    struct resource_list list = { .n_remaining = -1 };
    if (api_hold_for_revision(request, options.revision_text, options.is_bad_revision,
                              options.revision, api_handle_list)) {
        api_list_options_clear(&options);
        return;
    }
    rc = resource_list(request->server->options.store, request->kind, &asked, &list, &err);
    api_list_options_clear(&options);
    if (rc != KE_OK) {
        struct api_status status = api_status_from(rc, &err);
        if (rc == KE_GONE && list.continue_token != NULL) {
            status.message = ke_str_c(resource_continue_expired_message);
            status.continue_token = list.continue_token;
        }
        api_respond_status(request, &status);
        resource_list_free(&list);
        return;
    }
    api_respond_list(request, &list);
}
