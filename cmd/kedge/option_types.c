/* SPDX-License-Identifier: Apache-2.0 */
/* The types of options: parsers from text to a field. Main thread. */
#include "cmd/kedge/option_types.h"

#include <limits.h>
#include <stdlib.h>

#include "cmd/kedge/options.h"
#include "core/base/limits.h"

#define LISTEN_SHAPE ":PORT, ADDRESS:PORT or [ADDRESS]:PORT with a port from 1 to 65535"
#define RESOLVERS_SHAPE                                                                            \
    "must be addresses of resolvers, for example 192.168.1.1 or 192.168.1.1:5353 (several: with "  \
    "commas)"

static enum ke_code set_text(void *field, struct ke_str value, struct ke_err *err)
{
    char **out = field;
    char *copy = ke_str_dup(value);
    if (copy == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    free(*out);
    *out = copy;
    return KE_OK;
}

bool option_type_is_text(option_parse_fn *parse)
{
    return parse == option_parse_path || parse == option_parse_optional_path ||
           parse == option_parse_dns_name || parse == option_parse_optional_dns_name ||
           parse == option_parse_service_ref || parse == option_parse_path_or_stdout;
}

enum ke_code option_parse_path(void *field, struct ke_str value, struct ke_err *err)
{
    if (value.len == 0 || value.ptr[0] != '/')
        return ke_fail(err, KE_INVALID, "must be an absolute path");
    if (value.len >= PATH_MAX - 64)
        return ke_fail(err, KE_INVALID, "is too long for a path");
    return set_text(field, value, err);
}

enum ke_code option_parse_optional_path(void *field, struct ke_str value, struct ke_err *err)
{
    return value.len == 0 ? set_text(field, value, err) : option_parse_path(field, value, err);
}

enum ke_code option_parse_path_or_stdout(void *field, struct ke_str value, struct ke_err *err)
{
    bool is_stdout = ke_str_eq_c(value, "-");
    return is_stdout ? set_text(field, value, err) : option_parse_optional_path(field, value, err);
}

static bool is_dns_label(struct ke_str label)
{
    if (label.len == 0 || label.len > LIMIT_DNS_LABEL_BYTES)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        bool is_edge = i == 0 || i + 1 == label.len;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && !is_edge)))
            return false;
    }
    return true;
}

enum ke_code option_parse_dns_name(void *field, struct ke_str value, struct ke_err *err)
{
    struct ke_str rest = value;
    struct ke_str label = { 0 };
    bool is_good = value.len > 0 && value.len <= LIMIT_DNS_NAME_BYTES;
    while (is_good && ke_str_split(&rest, '.', &label))
        is_good = is_dns_label(label);
    if (!is_good)
        return ke_fail(err, KE_INVALID,
                       "must be a DNS name in lower case, for example node-1 or cluster.local");
    return set_text(field, value, err);
}

enum ke_code option_parse_optional_dns_name(void *field, struct ke_str value, struct ke_err *err)
{
    return value.len == 0 ? set_text(field, value, err) : option_parse_dns_name(field, value, err);
}

enum ke_code option_parse_service_ref(void *field, struct ke_str value, struct ke_err *err)
{
    struct ke_str port = value;
    struct ke_str name = { 0 };
    struct ke_str ns = { 0 };
    bool is_good = ke_str_split(&port, ':', &name) && ke_str_split(&name, '/', &ns) &&
                   is_dns_label(ns) && is_dns_label(name) &&
                   (port.ptr == NULL || is_dns_label(port));
    if (value.len > 0 && !is_good)
        return ke_fail(err, KE_INVALID, "must be NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT");
    return set_text(field, value, err);
}

enum ke_code option_parse_ip(void *field, struct ke_str value, struct ke_err *err)
{
    struct ke_ip ip = { 0 };
    if (value.len > 0 && ke_ip_parse(value, &ip, err) != KE_OK)
        return ke_fail(err, KE_INVALID, "must be an IP address, for example 10.32.0.10");
    *(struct ke_ip *)field = ip;
    return KE_OK;
}

enum ke_code option_parse_cidrs(void *field, struct ke_str value, struct ke_err *err)
{
    struct cidr_list list = { 0 };
    struct ke_str rest = value;
    struct ke_str item = { 0 };
    while (value.len > 0 && ke_str_split(&rest, ',', &item)) {
        if (list.n == KE_ARRAY_LEN(list.items))
            return ke_fail(err, KE_INVALID, "takes at most %zu ranges", KE_ARRAY_LEN(list.items));
        if (ke_cidr_parse(ke_str_trim(item), &list.items[list.n], err) != KE_OK)
            return ke_fail(err, KE_INVALID,
                           "must be a range, for example 10.32.0.0/16 (several: with commas)");
        list.n++;
    }
    *(struct cidr_list *)field = list;
    return KE_OK;
}

enum ke_code option_parse_dual_cidrs(void *field, struct ke_str value, struct ke_err *err)
{
    struct cidr_list list = { 0 };
    enum ke_code rc = option_parse_cidrs(&list, value, err);
    if (rc != KE_OK)
        return rc;
    bool is_dual = list.n == 2 && list.items[0].ip.family != list.items[1].ip.family;
    if (list.n != 1 && !is_dual)
        return ke_fail(err, KE_INVALID, "must be one range, or two of different IP families");
    *(struct cidr_list *)field = list;
    return KE_OK;
}

enum ke_code option_parse_resolvers(void *field, struct ke_str value, struct ke_err *err)
{
    struct endpoint_list list = { 0 };
    struct ke_str rest = value;
    struct ke_str item = { 0 };
    while (value.len > 0 && ke_str_split(&rest, ',', &item)) {
        if (list.n == KE_ARRAY_LEN(list.items))
            return ke_fail(err, KE_INVALID, "takes at most %zu addresses",
                           KE_ARRAY_LEN(list.items));
        struct ke_endpoint *at = &list.items[list.n];
        at->port = 53;
        if (ke_ip_parse(ke_str_trim(item), &at->ip, err) != KE_OK &&
            (ke_endpoint_parse(ke_str_trim(item), at, err) != KE_OK || at->port == 0))
            return ke_fail(err, KE_INVALID, RESOLVERS_SHAPE);
        list.n++;
    }
    *(struct endpoint_list *)field = list;
    return KE_OK;
}

enum ke_code option_parse_port_range(void *field, struct ke_str value, struct ke_err *err)
{
    struct ke_str rest = value;
    struct ke_str low = { 0 };
    uint64_t min = 0;
    uint64_t max = 0;
    bool is_good = ke_str_split(&rest, '-', &low) && ke_str_to_u64(low, UINT16_MAX, &min) &&
                   ke_str_to_u64(rest, UINT16_MAX, &max) && min >= 1 && min <= max;
    if (!is_good)
        return ke_fail(err, KE_INVALID, "must be FIRST-LAST, for example 30000-32767");
    *(struct port_range *)field = (struct port_range){ (uint16_t)min, (uint16_t)max };
    return KE_OK;
}

static bool parse_listen(struct ke_str value, struct listen_address *out)
{
    struct listen_address listen = { 0 };
    struct ke_err why = KE_ERR_INIT;
    struct ke_str port_text = value;
    uint64_t port = 0;
    if (ke_str_cut_prefix(&port_text, KE_STR(":")) && ke_str_to_u64(port_text, UINT16_MAX, &port) &&
        port > 0)
        listen.at.port = (uint16_t)port;
    else if (ke_endpoint_parse(value, &listen.at, &why) != KE_OK || listen.at.port == 0)
        return false;
    *out = listen;
    return true;
}

enum ke_code option_parse_fixed_listen(void *field, struct ke_str value, struct ke_err *err)
{
    if (!parse_listen(value, field))
        return ke_fail(err, KE_INVALID, "must be " LISTEN_SHAPE);
    return KE_OK;
}

enum ke_code option_parse_switchable_listen(void *field, struct ke_str value, struct ke_err *err)
{
    if (ke_str_eq_c(value, "none")) {
        *(struct listen_address *)field = (struct listen_address){ .is_off = true };
        return KE_OK;
    }
    if (!parse_listen(value, field))
        return ke_fail(err, KE_INVALID, "must be none, or " LISTEN_SHAPE);
    return KE_OK;
}

enum ke_code option_parse_count(void *field, struct ke_str value, struct ke_err *err)
{
    uint64_t number = 0;
    if (!ke_str_to_u64(value, 100000, &number))
        return ke_fail(err, KE_INVALID, "must be a number from 0 to 100000");
    *(unsigned *)field = (unsigned)number;
    return KE_OK;
}

enum ke_code option_parse_bool(void *field, struct ke_str value, struct ke_err *err)
{
    if (!ke_str_eq_c(value, "true") && !ke_str_eq_c(value, "false"))
        return ke_fail(err, KE_INVALID, "must be true or false");
    *(bool *)field = ke_str_eq_c(value, "true");
    return KE_OK;
}

static enum ke_code parse_word(int *out, struct ke_str value, const char *const *words,
                               struct ke_err *err)
{
    char list[128];
    struct ke_buf text = KE_BUF_FIXED(list, sizeof(list));
    for (int i = 0; words[i] != NULL; i++) {
        if (ke_str_eq_c(value, words[i])) {
            *out = i;
            return KE_OK;
        }
        ke_buf_addf(&text, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return ke_fail(err, KE_INVALID, "must be one of: %.*s", KE_STR_ARG(ke_buf_str(&text)));
}

enum ke_code option_parse_proxy_mode(void *field, struct ke_str value, struct ke_err *err)
{
    static const char *const words[] = { "auto", "nftables", "iptables", "none", NULL };
    if (ke_str_eq_c(value, "userspace"))
        return ke_fail(err, KE_INVALID, "not available in this version");
    return parse_word(field, value, words, err);
}

enum ke_code option_parse_log_level(void *field, struct ke_str value, struct ke_err *err)
{
    static const char *const words[] = { "debug", "info", "warn", "error", NULL };
    return parse_word(field, value, words, err);
}

enum ke_code option_parse_log_format(void *field, struct ke_str value, struct ke_err *err)
{
    static const char *const words[] = { "text", "json", NULL };
    return parse_word(field, value, words, err);
}

enum ke_code option_parse_audit_level(void *field, struct ke_str value, struct ke_err *err)
{
    static const char *const words[] = { "None", "Metadata", "Request", NULL };
    return parse_word(field, value, words, err);
}
