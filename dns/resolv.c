/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf(5). Any thread. */
#include "dns/resolv.h"

#include <ifaddrs.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/limits.h"

static bool next_word(struct ke_str *rest, struct ke_str *out)
{
    *rest = ke_str_trim(*rest);
    if (rest->len == 0)
        return false;
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != '\t')
        len++;
    *out = ke_str_sub(*rest, 0, len);
    *rest = ke_str_sub(*rest, len, rest->len - len);
    return true;
}

void dns_resolv_parse(struct ke_str text, struct dns_upstreams *out)
{
    struct ke_str line = { 0 };
    out->n = 0;
    while (out->n < DNS_MAX_UPSTREAMS && ke_str_split(&text, '\n', &line)) {
        struct ke_str word = { 0 };
        struct ke_err ignored = KE_ERR_INIT;
        struct ke_endpoint *at = &out->items[out->n];
        if (!next_word(&line, &word) || !ke_str_eq_c(word, "nameserver") ||
            !next_word(&line, &word))
            continue;
        /* "fe80::1%eth0": a scope needs an interface that we do not have: left out */
        if (ke_ip_parse(word, &at->ip, &ignored) == KE_OK && !ke_ip_is_unspecified(&at->ip)) {
            at->port = 53;
            out->n++;
        }
    }
}

static bool is_node_address(const struct ke_ip *ip)
{
    struct ifaddrs *list = NULL;
    bool is_found = ke_ip_is_loopback(ip);
    if (getifaddrs(&list) != 0)
        return is_found;
    for (struct ifaddrs *it = list; it != NULL && !is_found; it = it->ifa_next) {
        struct sockaddr_storage sa = { 0 };
        struct ke_endpoint at = { 0 };
        if (it->ifa_addr == NULL)
            continue;
        if (it->ifa_addr->sa_family == AF_INET)
            memcpy(&sa, it->ifa_addr, sizeof(struct sockaddr_in));
        else if (it->ifa_addr->sa_family == AF_INET6)
            memcpy(&sa, it->ifa_addr, sizeof(struct sockaddr_in6));
        is_found = ke_endpoint_from_sockaddr(&sa, &at) && ke_ip_eq(&at.ip, ip);
    }
    freeifaddrs(list);
    return is_found;
}

static bool is_own(const struct ke_endpoint *at, const struct ke_endpoint *own, size_t n_own)
{
    for (size_t i = 0; i < n_own; i++) {
        bool is_any = own[i].ip.family == KE_FAMILY_NONE || ke_ip_is_unspecified(&own[i].ip);
        if (own[i].port != at->port)
            continue;
        if (is_any ? is_node_address(&at->ip) : ke_ip_eq(&own[i].ip, &at->ip))
            return true;
    }
    return false;
}

static void read_file(const char *path, struct dns_upstreams *out)
{
    ke_auto_buf text = KE_BUF_INIT(64U << 10);
    struct ke_err ignored = KE_ERR_INIT;
    out->n = 0;
    if (ke_file_read(path, &text, &ignored) == KE_OK)
        dns_resolv_parse(ke_buf_str(&text), out);
}

static uint64_t file_stamp(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec;
}

uint64_t dns_resolv_stamp(const struct dns_resolv_files *files)
{
    uint64_t stamp = file_stamp(files->resolv_conf);
    return stamp != 0 ? stamp * 2 + 1 + file_stamp(files->behind_stub) * 62 : 0;
}

void dns_resolv_read(const struct dns_resolv_files *files, const struct ke_endpoint *own,
                     size_t n_own, struct dns_upstreams *out)
{
    static const struct ke_ip stub = { .family = KE_FAMILY_IPV4, .b = { 127, 0, 0, 53 } };
    struct dns_upstreams found = { 0 };
    read_file(files->resolv_conf, &found);
    if (found.n > 0 && ke_ip_eq(&found.items[0].ip, &stub))
        read_file(files->behind_stub, &found);
    out->n = 0;
    for (size_t i = 0; i < found.n; i++) {
        if (!ke_ip_eq(&found.items[i].ip, &stub) && !is_own(&found.items[i], own, n_own))
            out->items[out->n++] = found.items[i];
    }
}
