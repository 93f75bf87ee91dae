/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits an URL as apiserver's RequestInfoFactory does. Pure.
 */
#include "core/api/target.h"

#include "core/base/hex.h"

#define MAX_PARTS 12

/* Percent-decoding into the arena; plus: '+' is a blank. */
static enum ke_code decode(struct ke_str raw, bool plus, struct ke_arena *arena, struct ke_str *out,
                           struct ke_err *err)
{
    char *text = ke_arena_alloc(arena, raw.len + 1);
    if (text == NULL) {
        return ke_fail(err, KE_NOMEM, "decode URL");
    }
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            int hi = -1;
            int lo = -1;
            if (raw.len - i >= 3) {
                hi = ke_hex_value(raw.ptr[i + 1]);
                lo = ke_hex_value(raw.ptr[i + 2]);
            }
            if (hi < 0 || lo < 0) {
                struct ke_str bad = ke_str_sub(raw, i, 3);
                return ke_fail(err, KE_MALFORMED, "invalid URL escape \"%.*s\"", KE_STR_ARG(bad));
            }
            c = (char)(hi * 16 + lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0') {
            return ke_fail(err, KE_MALFORMED, "URL contains a NUL byte");
        }
        text[len++] = c;
    }
    *out = ke_str_of(text, len);
    return KE_OK;
}

struct parts {
    struct ke_str part[MAX_PARTS];
    size_t n;
    size_t at;
    struct ke_str end; /* what follows the last part taken apart */
};

/* Empty segments vanish, so a trailing slash means nothing. */
static struct parts split_path(struct ke_str path)
{
    struct parts parts = { .n = 0 };
    struct ke_str rest = path;
    struct ke_str part;
    while (parts.n < MAX_PARTS && ke_str_split(&rest, '/', &part)) {
        if (part.len > 0) {
            parts.part[parts.n++] = part;
        }
    }
    parts.end = rest;
    return parts;
}

static struct ke_str next_part(struct parts *parts)
{
    return parts->at < parts->n ? parts->part[parts->at++] : (struct ke_str){ NULL, 0 };
}

static size_t parts_left(const struct parts *parts)
{
    return parts->n - parts->at;
}

/* Behind group and version: [watch/][namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE[/REST]]]. */
static void parse_resource(struct parts *parts, struct api_target *out)
{
    if (ke_str_eq_c(parts->part[parts->at], "watch") && parts_left(parts) > 1) {
        out->is_old_watch = true;
        parts->at++;
    }
    struct ke_str first = next_part(parts);
    if (ke_str_eq_c(first, "namespaces") && parts_left(parts) >= 2) {
        struct ke_str second = parts->part[parts->at + 1];
        /* namespaces/x/status and /finalize are of the Namespace itself. */
        if (!ke_str_eq_c(second, "status") && !ke_str_eq_c(second, "finalize")) {
            out->ns = next_part(parts);
            first = next_part(parts);
        }
    }
    out->resource = first;
    out->name = next_part(parts);
    out->subresource = next_part(parts);
    if (parts->at < parts->n) {
        struct ke_str from = parts->part[parts->at];
        out->rest = ke_str_of(from.ptr, (size_t)(out->path.ptr + out->path.len - from.ptr));
    }
    out->is_resource = true;
}

enum ke_code api_target_parse(struct ke_str raw_path, struct ke_arena *arena,
                              struct api_target *out, struct ke_err *err)
{
    struct api_target target = { .is_resource = false };
    enum ke_code rc = decode(raw_path, false, arena, &target.path, err);
    if (rc != KE_OK) {
        return rc;
    }
    struct parts parts = split_path(target.path);
    struct ke_str root = next_part(&parts);
    if (ke_str_eq_c(root, "api") && parts_left(&parts) >= 2) {
        target.version = next_part(&parts);
        parse_resource(&parts, &target);
    } else if (ke_str_eq_c(root, "apis") && parts_left(&parts) >= 3) {
        target.group = next_part(&parts);
        target.version = next_part(&parts);
        parse_resource(&parts, &target);
    }
    *out = target;
    return KE_OK;
}

enum ke_code api_query_parse(struct ke_str raw_query, struct ke_arena *arena, struct api_query *out,
                             struct ke_err *err)
{
    struct api_query query = { .n_params = 0 };
    if (raw_query.len == 0) {
        *out = query;
        return KE_OK;
    }
    size_t max = 1;
    for (size_t i = 0; i < raw_query.len && max < API_MAX_QUERY; i++) {
        max += raw_query.ptr[i] == '&' ? 1 : 0;
    }
    query.params = ke_arena_alloc_n(arena, max, sizeof(*query.params));
    if (query.params == NULL) {
        return ke_fail(err, KE_NOMEM, "parse query");
    }
    struct ke_str rest = raw_query;
    struct ke_str pair;
    while (ke_str_split(&rest, '&', &pair)) {
        if (pair.len == 0) {
            continue;
        }
        if (query.n_params == API_MAX_QUERY) {
            return ke_fail(err, KE_MALFORMED, "more than %d query parameters", API_MAX_QUERY);
        }
        size_t eq = ke_str_find(pair, '=');
        struct ke_str value = { "", 0 };
        if (eq < pair.len) {
            value = ke_str_sub(pair, eq + 1, pair.len - eq - 1);
        }
        struct api_param *param = &query.params[query.n_params];
        enum ke_code rc = decode(ke_str_sub(pair, 0, eq), true, arena, &param->key, err);
        if (rc == KE_OK) {
            rc = decode(value, true, arena, &param->value, err);
        }
        if (rc != KE_OK) {
            return rc;
        }
        query.n_params++;
    }
    *out = query;
    return KE_OK;
}

struct ke_str api_query_get(const struct api_query *query, const char *key)
{
    for (size_t i = 0; i < query->n_params; i++) {
        if (ke_str_eq_c(query->params[i].key, key)) {
            return query->params[i].value;
        }
    }
    return (struct ke_str){ NULL, 0 };
}

bool api_query_bool(const struct api_query *query, const char *key)
{
    struct ke_str value = api_query_get(query, key);
    if (value.ptr == NULL) {
        return false;
    }
    return !ke_str_eq_c(value, "0") && !ke_str_eq_nocase(value, KE_STR("f")) &&
           !ke_str_eq_nocase(value, KE_STR("false"));
}

enum ke_code api_query_i64(const struct api_query *query, const char *key, int64_t *out,
                           struct ke_err *err)
{
    struct ke_str value = api_query_get(query, key);
    int64_t number = 0;
    if (value.len > 0 && !ke_str_to_i64(value, &number)) {
        return ke_fail(err, KE_MALFORMED, "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
                       KE_STR_ARG(value));
    }
    *out = number;
    return KE_OK;
}
