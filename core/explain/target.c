/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace is asked for: an URL, a name or an address, read into a request. Pure. */
#include "core/base/limits.h"
#include "core/explain/explain.h"

static enum ke_code malformed(struct ke_err *err, struct ke_str target, const char *why)
{
    return ke_fail(err, KE_MALFORMED, "\"%.*s\": %s", target.len > 100 ? 100 : (int)target.len,
                   target.len > 0 ? target.ptr : "", why);
}

/* A lower-case copy of a host name or address; ptr NULL when out of memory. */
static struct ke_str copy_lower(struct ke_arena *arena, struct ke_str s)
{
    char *copy = ke_arena_alloc(arena, s.len + 1);
    if (copy == NULL)
        return (struct ke_str){ NULL, 0 };
    for (size_t i = 0; i < s.len; i++)
        copy[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] - 'A' + 'a') : s.ptr[i];
    return ke_str_of(copy, s.len);
}

/* Labels of letters, digits, '-' and '_' (as SRV names have), with dots between; one dot may end
 * it. */
static bool is_host_name(struct ke_str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len == 0 || host.len > LIMIT_DNS_NAME_BYTES)
        return false;
    struct ke_str rest = host;
    struct ke_str label = { NULL, 0 };
    while (ke_str_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > LIMIT_DNS_LABEL_BYTES)
            return false;
        for (size_t i = 0; i < label.len; i++) {
            char c = label.ptr[i];
            bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_';
            if (!is_good)
                return false;
        }
    }
    return true;
}

/* 1.2.3 is no address and no name either: a name does not end in a label of digits (RFC 1123 2.1).
 */
static bool ends_in_digits(struct ke_str host)
{
    size_t at = host.len;
    while (at > 0 && host.ptr[at - 1] >= '0' && host.ptr[at - 1] <= '9')
        at--;
    return at < host.len && at > 0 && host.ptr[at - 1] == '.';
}

/* HOST, HOST:PORT, [IP6], [IP6]:PORT or IP6 alone, in two parts; port is {NULL,0} when there is
 * none. */
static bool split_authority(struct ke_str text, struct ke_str *host, struct ke_str *port)
{
    *port = (struct ke_str){ NULL, 0 };
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = ke_str_find(text, ']');
        if (close == text.len)
            return false;
        *host = ke_str_sub(text, 1, close - 1);
        struct ke_str rest = ke_str_sub(text, close + 1, text.len);
        if (rest.len == 0)
            return true;
        *port = ke_str_sub(rest, 1, rest.len);
        return rest.ptr[0] == ':' && port->len > 0;
    }
    size_t colon = ke_str_find(text, ':');
    *host = ke_str_sub(text, 0, colon);
    if (colon == text.len)
        return true;
    *port = ke_str_sub(text, colon + 1, text.len);
    if (ke_str_find(*port, ':') < port->len) { /* more than one: IPv6 without brackets */
        *host = text;
        *port = (struct ke_str){ NULL, 0 };
        return true;
    }
    return port->len > 0;
}

static enum ke_code read_host(struct ke_str target, struct ke_str host, struct ke_arena *arena,
                              struct explain_request *out, struct ke_err *err)
{
    struct ke_err not_ip = KE_ERR_INIT;
    if (ke_ip_parse(host, &out->address, &not_ip) == KE_OK) {
        out->has_address = true;
        return KE_OK;
    }
    if (!is_host_name(host) || ends_in_digits(host))
        return malformed(err, target, "not an URL, a name or an address with a port");
    out->host = copy_lower(arena, host);
    return out->host.ptr != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "read the target");
}

/* A number, or for names the name of a port (RFC 6335: it has a letter). */
static enum ke_code read_port(struct ke_str target, struct ke_str port, struct ke_arena *arena,
                              struct explain_request *out, struct ke_err *err)
{
    uint64_t number = 0;
    if (ke_str_to_u64(port, 65535, &number) && number > 0) {
        out->port = (uint16_t)number;
        return KE_OK;
    }
    bool is_name = !out->is_http && !out->is_https && !out->has_address && port.len <= 15 &&
                   is_host_name(port) && ke_str_find(port, '.') == port.len &&
                   !ke_str_to_u64(port, UINT64_MAX, &number);
    if (!is_name)
        return malformed(err, target, "the port is not 1 to 65535");
    out->service_port = copy_lower(arena, port);
    return out->service_port.ptr != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "read the target");
}

static enum ke_code read_authority(struct ke_str target, struct ke_str text, struct ke_arena *arena,
                                   struct explain_request *out, struct ke_err *err)
{
    struct ke_str host = { NULL, 0 };
    struct ke_str port = { NULL, 0 };
    if (!split_authority(text, &host, &port))
        return malformed(err, target, "the part behind the host is not :PORT");
    enum ke_code rc = read_host(target, host, arena, out, err);
    if (rc == KE_OK && port.len > 0)
        rc = read_port(target, port, arena, out, err);
    return rc;
}

static enum ke_code read_url(struct ke_str target, struct ke_str rest, struct ke_arena *arena,
                             struct explain_request *out, struct ke_err *err)
{
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    struct ke_str authority = ke_str_sub(rest, 0, end);
    if (ke_str_find(authority, '@') < authority.len)
        return malformed(err, target, "an URL with a user is not traced");
    struct ke_str path = ke_str_sub(rest, end, rest.len);
    path.len = ke_str_find(path, '#');
    path.len = ke_str_find(path, '?');
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] <= ' ' || path.ptr[i] == 0x7f)
            return malformed(err, target, "the path has a blank or a control character");
    }
    out->path = ke_arena_str(arena, path.len > 0 ? path : KE_STR("/"));
    if (out->path.ptr == NULL)
        return ke_fail(err, KE_NOMEM, "read the target");
    out->port = out->is_https ? 443 : 80;
    return read_authority(target, authority, arena, out, err);
}

static bool cut_scheme(struct ke_str *rest, struct ke_str scheme)
{
    if (!ke_str_eq_nocase(ke_str_sub(*rest, 0, scheme.len), scheme))
        return false;
    *rest = ke_str_sub(*rest, scheme.len, rest->len);
    return true;
}

enum ke_code explain_target_parse(struct ke_str target, struct ke_arena *arena,
                                  struct explain_request *out, struct ke_err *err)
{
    struct explain_request request = { .proto = KE_PROTO_TCP };
    struct ke_str rest = target;
    if (target.len == 0 || target.len > LIMIT_TRACE_TARGET)
        return malformed(err, target, target.len == 0 ? "no target" : "too long for a target");
    request.is_https = cut_scheme(&rest, KE_STR("https://"));
    request.is_http = !request.is_https && cut_scheme(&rest, KE_STR("http://"));
    enum ke_code rc = request.is_http || request.is_https
                          ? read_url(target, rest, arena, &request, err)
                          : read_authority(target, rest, arena, &request, err);
    if (rc == KE_OK)
        *out = request;
    return rc;
}
