/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds a port: the socket's inode from /proc/net, then the process that has it open. Without
 * root only our own processes can be looked into. Any thread.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/limits.h"
#include "core/host/ledger.h"

enum { TCP_LISTEN = 0x0a, UDP_UNCONNECTED = 0x07 };

static bool hex_u32(struct ke_str text, uint32_t *out)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 8)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = ke_hex_value(text.ptr[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *out = value;
    return true;
}

/* "0100007F:1F90": the address as 32-bit words of the host's byte order, the port. */
static bool parse_endpoint(struct ke_str text, struct ke_endpoint *out)
{
    size_t colon = ke_str_find(text, ':');
    if (colon != 8 && colon != 32)
        return false;
    struct ke_endpoint ep = { .ip.family = colon == 8 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6 };
    for (size_t i = 0; i < colon / 8; i++) {
        uint32_t word = 0;
        if (!hex_u32(ke_str_sub(text, i * 8, 8), &word))
            return false;
        memcpy(ep.ip.b + i * 4, &word, 4);
    }
    uint32_t port = 0;
    if (!hex_u32(ke_str_sub(text, colon + 1, text.len), &port) || port > 65535)
        return false;
    ep.port = (uint16_t)port;
    *out = ep;
    return true;
}

static bool next_field(struct ke_str *line, struct ke_str *out)
{
    do {
        if (!ke_str_split(line, ' ', out))
            return false;
    } while (out->len == 0);
    return true;
}

struct port_row {
    struct ke_endpoint local;
    uint32_t state;
    uint64_t inode;
};

/* sl local rem st tx:rx tr:tm retrnsmt uid timeout inode ... */
static bool parse_row(struct ke_str line, struct port_row *out)
{
    struct ke_str fields[10];
    for (size_t i = 0; i < KE_ARRAY_LEN(fields); i++) {
        if (!next_field(&line, &fields[i]))
            return false;
    }
    return parse_endpoint(fields[1], &out->local) && hex_u32(fields[3], &out->state) &&
           ke_str_to_u64(fields[9], UINT64_MAX, &out->inode);
}

static bool is_any_ipv6(const struct ke_ip *ip)
{
    return ip->family == KE_FAMILY_IPV6 && ke_ip_is_unspecified(ip);
}

static bool addresses_meet(const struct ke_ip *held, const struct ke_ip *wanted)
{
    if (wanted->family == KE_FAMILY_NONE) /* every address of both families */
        return true;
    if (is_any_ipv6(held) || is_any_ipv6(wanted)) /* [::] takes IPv4 too, unless told otherwise */
        return true;
    if (ke_ip_is_unspecified(held) || ke_ip_is_unspecified(wanted))
        return held->family == wanted->family;
    return ke_ip_eq(held, wanted);
}

/* The inode of the socket that holds the port, by one file of /proc/net; 0: none. */
static uint64_t find_inode(const char *path, uint32_t state, const struct ke_endpoint *at)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    struct ke_err err = KE_ERR_INIT;
    if (ke_file_read(path, &text, &err) != KE_OK)
        return 0;
    struct ke_str rest = ke_buf_str(&text);
    struct ke_str line = { NULL, 0 };
    while (ke_str_split(&rest, '\n', &line)) {
        struct port_row row;
        if (parse_row(line, &row) && row.state == state && row.local.port == at->port &&
            row.inode != 0 && addresses_meet(&row.local.ip, &at->ip))
            return row.inode;
    }
    return 0;
}

static bool is_number(const char *text)
{
    uint64_t number = 0;
    return ke_str_to_u64(ke_str_c(text), INT32_MAX, &number);
}

static bool process_has(const char *pid, struct ke_str wanted)
{
    char folder[64];
    (void)snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return false;
    bool is_found = false;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this thread's own */
    for (const struct dirent *it = readdir(dir); it != NULL && !is_found; it = readdir(dir)) {
        char target[64];
        ssize_t len = readlinkat(dirfd(dir), it->d_name, target, sizeof(target));
        is_found = len > 0 && ke_str_eq(ke_str_of(target, (size_t)len), wanted);
    }
    (void)closedir(dir);
    return is_found;
}

static void print_process(const char *pid, struct ke_buf *out)
{
    char path[64];
    ke_auto_buf name = KE_BUF_INIT(256);
    struct ke_err err = KE_ERR_INIT;
    (void)snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    if (ke_file_read(path, &name, &err) != KE_OK)
        ke_buf_add_c(&name, "a process");
    ke_buf_add_str(out, ke_str_trim(ke_buf_str(&name)));
    ke_buf_addf(out, " (pid %s)", pid);
}

static bool find_process(uint64_t inode, struct ke_buf *out)
{
    char wanted[40];
    int len = snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
    DIR *dir = opendir("/proc");
    if (dir == NULL)
        return false;
    bool is_found = false;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this thread's own */
    for (const struct dirent *it = readdir(dir); it != NULL && !is_found; it = readdir(dir)) {
        is_found = is_number(it->d_name) && process_has(it->d_name, ke_str_of(wanted, (size_t)len));
        if (is_found)
            print_process(it->d_name, out);
    }
    (void)closedir(dir);
    return is_found;
}

bool host_port_holder(enum ke_proto proto, const struct ke_endpoint *at, struct ke_buf *out)
{
    static const char *const TCP[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };
    static const char *const UDP[] = { "/proc/self/net/udp", "/proc/self/net/udp6" };
    bool is_tcp = proto == KE_PROTO_TCP;
    if (!is_tcp && proto != KE_PROTO_UDP)
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(TCP); i++) {
        uint64_t inode =
            find_inode(is_tcp ? TCP[i] : UDP[i], is_tcp ? TCP_LISTEN : UDP_UNCONNECTED, at);
        if (inode != 0 && find_process(inode, out))
            return true;
    }
    return false;
}
