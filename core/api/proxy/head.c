/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads on their way through the proxy. Pure; any thread.
 */
#include "core/api/proxy/head.h"

#include "core/api/auth.h"

/* api v1 namespaces NS pods NAME proxy */
#define PARTS_IN_FRONT 7

bool proxy_split_path(struct ke_str raw_path, struct ke_str *out_prefix, struct ke_str *out_path)
{
    size_t at = 0;
    for (int parts = 0; parts < PARTS_IN_FRONT; parts++) {
        while (at < raw_path.len && raw_path.ptr[at] == '/') {
            at++;
        }
        if (at == raw_path.len) {
            return false;
        }
        while (at < raw_path.len && raw_path.ptr[at] != '/') {
            at++;
        }
    }
    *out_prefix = ke_str_sub(raw_path, 0, at);
    *out_path = ke_str_sub(raw_path, at, raw_path.len - at);
    return true;
}

static bool is_one_of(struct ke_str name, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (ke_str_eq_nocase(name, ke_str_c(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_hop_by_hop(struct ke_str name)
{
    static const char *const names[] = { "Connection",
                                         "Keep-Alive",
                                         "Proxy-Authenticate",
                                         "Proxy-Authorization",
                                         "Proxy-Connection",
                                         "TE",
                                         "Trailer",
                                         "Transfer-Encoding",
                                         "Upgrade",
                                         NULL };
    return is_one_of(name, names);
}

static bool is_in_list(struct ke_str list, struct ke_str name)
{
    struct ke_str rest = list;
    struct ke_str one;
    while (rest.ptr != NULL && ke_str_split(&rest, ',', &one)) {
        if (ke_str_eq_nocase(ke_str_trim(one), name)) {
            return true;
        }
    }
    return false;
}

bool proxy_passes_request(const struct proxy_request *request, struct ke_str name)
{
    static const char *const ours[] = { "Authorization",   "Expect",
                                        "X-Forwarded-For", "X-Forwarded-Uri",
                                        "X-Remote-User",   "X-Remote-Group",
                                        "X-Remote-Uid",    NULL };
    if (is_one_of(name, ours) ||
        ke_str_eq_nocase(ke_str_sub(name, 0, 12), KE_STR("Impersonate-")) ||
        ke_str_eq_nocase(ke_str_sub(name, 0, 15), KE_STR("X-Remote-Extra-"))) {
        return false;
    }
    if (request->is_chunked && ke_str_eq_nocase(name, KE_STR("Content-Length"))) {
        return false; /* RFC 9112 section 6.3: never both */
    }
    if (request->wants_html && ke_str_eq_nocase(name, KE_STR("Accept-Encoding"))) {
        return false;
    }
    return !is_hop_by_hop(name) && !is_in_list(request->connection, name);
}

static void put_protocols(struct ke_str name, struct ke_str value, struct ke_buf *out)
{
    struct ke_str rest = value;
    struct ke_str one;
    bool is_any = false;
    while (rest.ptr != NULL && ke_str_split(&rest, ',', &one)) {
        struct ke_str protocol = ke_str_trim(one);
        if (protocol.len == 0 || api_protocol_is_token(protocol)) {
            continue;
        }
        if (!is_any) {
            ke_buf_addf(out, "%.*s: ", KE_STR_ARG(name));
        }
        ke_buf_addf(out, "%s%.*s", is_any ? ", " : "", KE_STR_ARG(protocol));
        is_any = true;
    }
    ke_buf_add_c(out, is_any ? "\r\n" : "");
}

void proxy_put_field(struct ke_str name, struct ke_str value, struct ke_buf *out)
{
    if (ke_str_eq_nocase(name, KE_STR("Sec-WebSocket-Protocol"))) {
        put_protocols(name, value, out);
        return;
    }
    ke_buf_addf(out, "%.*s: %.*s\r\n", KE_STR_ARG(name), KE_STR_ARG(value));
}

void proxy_begin_request(const struct proxy_request *request, struct ke_buf *out)
{
    struct ke_str path = request->path.len > 0 ? request->path : KE_STR("/");
    ke_buf_addf(out, "%.*s %.*s", KE_STR_ARG(request->method), KE_STR_ARG(path));
    if (request->query.len > 0) {
        ke_buf_addf(out, "?%.*s", KE_STR_ARG(request->query));
    }
    ke_buf_add_c(out, " HTTP/1.1\r\n");
}

void proxy_end_head(const struct proxy_request *request, struct ke_buf *out)
{
    struct ke_str seen = request->forwarded;
    ke_buf_addf(out, "X-Forwarded-Uri: %.*s%.*s\r\n", KE_STR_ARG(request->prefix),
                KE_STR_ARG(request->path));
    if (seen.len > 0 || request->client.len > 0) {
        ke_buf_addf(out, "X-Forwarded-For: %.*s%s%.*s\r\n", KE_STR_ARG(seen),
                    seen.len > 0 && request->client.len > 0 ? ", " : "",
                    KE_STR_ARG(request->client));
    }
    if (request->is_chunked) {
        ke_buf_add_c(out, "Transfer-Encoding: chunked\r\n");
    }
    if (!request->is_upgrade) {
        ke_buf_add_c(out, "Connection: close\r\n");
    }
    ke_buf_add_c(out, "\r\n");
}

bool proxy_passes_answer(const struct http_head *head, struct ke_str name, bool is_upgrade)
{
    static const char *const dropped[] = { "Content-Length",
                                           "Access-Control-Allow-Credentials",
                                           "Access-Control-Allow-Headers",
                                           "Access-Control-Allow-Methods",
                                           "Access-Control-Allow-Origin",
                                           NULL };
    if (is_upgrade && ke_str_eq_nocase(name, KE_STR("Upgrade"))) {
        return true;
    }
    return !is_one_of(name, dropped) && !is_hop_by_hop(name) &&
           !is_in_list(http_head_get(head, KE_STR("Connection")), name);
}
