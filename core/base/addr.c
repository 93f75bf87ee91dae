/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, ranges and endpoints: parsing, text and arithmetic. Pure; any thread. */
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- text to value ---- */

static bool parse_ipv4(struct ke_str text, uint8_t out[4])
{
    struct ke_str rest = text;
    struct ke_str part = { NULL, 0 };
    unsigned n = 0;
    while (ke_str_split(&rest, '.', &part)) {
        uint64_t value = 0;
        if (n == 4 || part.len > 3 || !ke_str_to_u64(part, 255, &value))
            return false;
        if (part.len > 1 && part.ptr[0] == '0')
            return false; /* octal to some, decimal to others: neither */
        out[n++] = (uint8_t)value;
    }
    return n == 4;
}

static bool is_mapped(const uint8_t b[16])
{
    static const uint8_t PREFIX[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    return memcmp(b, PREFIX, sizeof(PREFIX)) == 0;
}

static struct ke_ip ip_from_ipv6(const uint8_t b[16])
{
    struct ke_ip ip = { .family = KE_FAMILY_IPV6 };
    if (is_mapped(b)) {
        ip.family = KE_FAMILY_IPV4;
        memcpy(ip.b, b + 12, 4);
    } else {
        memcpy(ip.b, b, 16);
    }
    return ip;
}

static bool parse_ipv6(struct ke_str text, uint8_t out[16])
{
    char copy[KE_IP_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET6, copy, out) == 1;
}

static bool parse_ip(struct ke_str text, struct ke_ip *out)
{
    if (ke_str_find(text, ':') == text.len) {
        struct ke_ip ip = { .family = KE_FAMILY_IPV4 };
        if (text.ptr == NULL || !parse_ipv4(text, ip.b))
            return false;
        *out = ip;
        return true;
    }
    uint8_t b[16];
    if (!parse_ipv6(text, b))
        return false;
    *out = ip_from_ipv6(b);
    return true;
}

/* For messages: input may be long. */
static int shown_len(struct ke_str text)
{
    return text.len > 64 ? 64 : (int)text.len;
}

static const char *shown_ptr(struct ke_str text)
{
    return text.len > 0 ? text.ptr : "";
}

enum ke_code ke_ip_parse(struct ke_str text, struct ke_ip *out, struct ke_err *err)
{
    if (!parse_ip(text, out))
        return ke_fail(err, KE_MALFORMED, "\"%.*s\" is not an IP address", shown_len(text),
                       shown_ptr(text));
    return KE_OK;
}

static bool parse_prefix(struct ke_str text, unsigned max, unsigned *out)
{
    uint64_t value = 0;
    if (text.len > 3 || (text.len > 1 && text.ptr[0] == '0') || !ke_str_to_u64(text, max, &value))
        return false;
    *out = (unsigned)value;
    return true;
}

enum ke_code ke_cidr_parse(struct ke_str text, struct ke_cidr *out, struct ke_err *err)
{
    size_t slash = ke_str_find(text, '/');
    struct ke_str address = ke_str_sub(text, 0, slash);
    struct ke_cidr cidr = { .prefix = 0 };
    bool is_text_ipv6 = ke_str_find(address, ':') < address.len;
    bool is_good =
        slash < text.len && parse_ip(address, &cidr.ip) &&
        parse_prefix(ke_str_sub(text, slash + 1, text.len), is_text_ipv6 ? 128 : 32, &cidr.prefix);
    if (is_good && is_text_ipv6 && cidr.ip.family == KE_FAMILY_IPV4) {
        /* A range of mapped addresses is a range of IPv4 when it lies within them. */
        is_good = cidr.prefix >= 96;
        cidr.prefix -= is_good ? 96 : 0;
    }
    if (!is_good)
        return ke_fail(err, KE_MALFORMED, "\"%.*s\" is not a range like 10.32.0.0/16",
                       shown_len(text), shown_ptr(text));
    *out = cidr;
    return KE_OK;
}

static bool split_endpoint(struct ke_str text, struct ke_str *host, struct ke_str *port)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = ke_str_find(text, ']');
        if (close + 1 >= text.len || text.ptr[close + 1] != ':')
            return false;
        *host = ke_str_sub(text, 1, close - 1);
        *port = ke_str_sub(text, close + 2, text.len);
        return ke_str_find(*host, ':') < host->len;
    }
    size_t colon = ke_str_find(text, ':');
    if (colon == text.len)
        return false;
    *host = ke_str_sub(text, 0, colon);
    *port = ke_str_sub(text, colon + 1, text.len);
    return true;
}

enum ke_code ke_endpoint_parse(struct ke_str text, struct ke_endpoint *out, struct ke_err *err)
{
    struct ke_str host = { NULL, 0 };
    struct ke_str port_text = { NULL, 0 };
    struct ke_endpoint ep = { .port = 0 };
    uint64_t port = 0;
    if (!split_endpoint(text, &host, &port_text) || !parse_ip(host, &ep.ip) || port_text.len > 5 ||
        !ke_str_to_u64(port_text, 65535, &port))
        return ke_fail(err, KE_MALFORMED, "\"%.*s\" is not an address and port like 10.0.0.1:80",
                       shown_len(text), shown_ptr(text));
    ep.port = (uint16_t)port;
    *out = ep;
    return KE_OK;
}

/* ---- value to text ---- */

/* The longest run of two or more zero groups, the first of equals (RFC 5952 section 4.2). */
static void longest_zero_run(const uint8_t b[16], unsigned *from, unsigned *len)
{
    *from = 8;
    *len = 1;
    unsigned run = 0;
    for (unsigned i = 0; i < 8; i++) {
        run = (b[2 * i] | b[2 * i + 1]) == 0 ? run + 1 : 0;
        if (run > *len) {
            *len = run;
            *from = i + 1 - run;
        }
    }
}

static void format_ipv6(const uint8_t b[16], struct ke_buf *out)
{
    unsigned skip_from = 8;
    unsigned skip_len = 0;
    longest_zero_run(b, &skip_from, &skip_len);
    for (unsigned i = 0; i < 8; i++) {
        if (i == skip_from) {
            ke_buf_add_c(out, "::");
            i += skip_len - 1;
            continue;
        }
        if (i > 0 && (skip_from == 8 || i != skip_from + skip_len))
            ke_buf_add_char(out, ':');
        ke_buf_addf(out, "%x", (unsigned)(b[2 * i] << 8 | b[2 * i + 1]));
    }
}

void ke_ip_format(const struct ke_ip *ip, struct ke_buf *out)
{
    if (ip->family == KE_FAMILY_IPV4) {
        for (unsigned i = 0; i < 4; i++) {
            if (i > 0)
                ke_buf_add_char(out, '.');
            ke_buf_add_u64(out, ip->b[i]);
        }
    } else if (ip->family == KE_FAMILY_IPV6) {
        format_ipv6(ip->b, out);
    }
}

const char *ke_ip_text(const struct ke_ip *ip, char buf[KE_IP_TEXT_MAX])
{
    struct ke_buf text = KE_BUF_FIXED(buf, KE_IP_TEXT_MAX);
    ke_ip_format(ip, &text);
    buf[text.len] = '\0'; /* at most 39 bytes */
    return buf;
}

void ke_cidr_format(const struct ke_cidr *cidr, struct ke_buf *out)
{
    ke_ip_format(&cidr->ip, out);
    ke_buf_add_char(out, '/');
    ke_buf_add_u64(out, cidr->prefix);
}

void ke_endpoint_format(const struct ke_endpoint *ep, struct ke_buf *out)
{
    bool is_ipv6 = ep->ip.family == KE_FAMILY_IPV6;
    if (is_ipv6)
        ke_buf_add_char(out, '[');
    ke_ip_format(&ep->ip, out);
    ke_buf_add_c(out, is_ipv6 ? "]:" : ":");
    ke_buf_add_u64(out, ep->port);
}

/* ---- comparing ---- */

bool ke_ip_eq(const struct ke_ip *a, const struct ke_ip *b)
{
    return ke_ip_cmp(a, b) == 0;
}

int ke_ip_cmp(const struct ke_ip *a, const struct ke_ip *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->b, b->b, a->family == KE_FAMILY_NONE ? 0 : ke_ip_len(a));
}

bool ke_ip_is_loopback(const struct ke_ip *ip)
{
    static const uint8_t ONE[16] = { [15] = 1 };
    if (ip->family == KE_FAMILY_IPV4)
        return ip->b[0] == 127;
    return ip->family == KE_FAMILY_IPV6 && memcmp(ip->b, ONE, 16) == 0;
}

bool ke_ip_is_unspecified(const struct ke_ip *ip)
{
    static const uint8_t ZERO[16] = { 0 };
    return ip->family != KE_FAMILY_NONE && memcmp(ip->b, ZERO, ke_ip_len(ip)) == 0;
}

bool ke_ip_is_link_local(const struct ke_ip *ip)
{
    if (ip->family == KE_FAMILY_IPV4)
        return ip->b[0] == 169 && ip->b[1] == 254;
    return ip->family == KE_FAMILY_IPV6 && ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

bool ke_ip_is_multicast(const struct ke_ip *ip)
{
    if (ip->family == KE_FAMILY_IPV4)
        return (ip->b[0] & 0xf0) == 0xe0;
    return ip->family == KE_FAMILY_IPV6 && ip->b[0] == 0xff;
}

static bool same_prefix(const struct ke_ip *a, const struct ke_ip *b, unsigned prefix)
{
    unsigned whole = prefix / 8;
    if (a->family != b->family || memcmp(a->b, b->b, whole) != 0)
        return false;
    if (prefix % 8 == 0)
        return true;
    unsigned mask = 0xffU << (8 - prefix % 8) & 0xffU;
    return ((unsigned)(a->b[whole] ^ b->b[whole]) & mask) == 0;
}

bool ke_cidr_contains(const struct ke_cidr *cidr, const struct ke_ip *ip)
{
    return same_prefix(&cidr->ip, ip, cidr->prefix);
}

bool ke_cidr_overlaps(const struct ke_cidr *a, const struct ke_cidr *b)
{
    return same_prefix(&a->ip, &b->ip, a->prefix < b->prefix ? a->prefix : b->prefix);
}

/* ---- counting ---- */

static unsigned host_bits(const struct ke_cidr *cidr)
{
    return ke_ip_len(&cidr->ip) * 8 - cidr->prefix;
}

static struct ke_ip network_of(const struct ke_cidr *cidr)
{
    struct ke_ip ip = cidr->ip;
    for (unsigned bit = cidr->prefix; bit < ke_ip_len(&ip) * 8; bit++)
        ip.b[bit / 8] &= (uint8_t) ~(0x80U >> (bit % 8));
    return ip;
}

uint64_t ke_cidr_size(const struct ke_cidr *cidr)
{
    unsigned bits = host_bits(cidr);
    return (uint64_t)1 << (bits > 32 ? 32 : bits);
}

bool ke_cidr_nth(const struct ke_cidr *cidr, uint64_t n, struct ke_ip *out)
{
    unsigned bits = host_bits(cidr);
    if (bits < 64 && n >> bits != 0)
        return false;
    struct ke_ip ip = network_of(cidr);
    /* The host bits are zero: or-ing the number in is adding it. */
    for (unsigned i = ke_ip_len(&ip); i > 0 && n > 0; i--) {
        ip.b[i - 1] = (uint8_t)(ip.b[i - 1] | (n & 0xff));
        n >>= 8;
    }
    *out = ip;
    return true;
}

bool ke_cidr_index(const struct ke_cidr *cidr, const struct ke_ip *ip, uint64_t *out)
{
    if (!ke_cidr_contains(cidr, ip))
        return false;
    struct ke_ip network = network_of(cidr);
    uint64_t index = 0;
    for (unsigned i = 0; i < ke_ip_len(ip); i++) {
        if (index >> 32 != 0)
            return false;
        index = index << 8 | (uint64_t)(ip->b[i] ^ network.b[i]);
    }
    if (index >> 32 != 0)
        return false;
    *out = index;
    return true;
}

/* ---- socket addresses ---- */

socklen_t ke_endpoint_to_sockaddr(const struct ke_endpoint *ep, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (ep->ip.family == KE_FAMILY_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(ep->port);
        memcpy(&in->sin_addr, ep->ip.b, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(ep->port);
    memcpy(&in6->sin6_addr, ep->ip.b, 16);
    return sizeof(*in6);
}

bool ke_endpoint_from_sockaddr(const struct sockaddr_storage *sa, struct ke_endpoint *out)
{
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        struct ke_endpoint ep = { .ip.family = KE_FAMILY_IPV4, .port = ntohs(in->sin_port) };
        memcpy(ep.ip.b, &in->sin_addr, 4);
        *out = ep;
        return true;
    }
    if (sa->ss_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
    uint8_t b[16];
    memcpy(b, &in6->sin6_addr, 16);
    *out = (struct ke_endpoint){ .ip = ip_from_ipv6(b), .port = ntohs(in6->sin6_port) };
    return true;
}

/* ---- protocols ---- */

const char *ke_proto_name(enum ke_proto proto)
{
    switch (proto) {
    case KE_PROTO_TCP:
        return "TCP";
    case KE_PROTO_UDP:
        return "UDP";
    case KE_PROTO_SCTP:
        return "SCTP";
    default:
        return "?";
    }
}

bool ke_proto_parse(struct ke_str text, enum ke_proto *out)
{
    static const enum ke_proto ALL[] = { KE_PROTO_TCP, KE_PROTO_UDP, KE_PROTO_SCTP };
    for (size_t i = 0; i < KE_ARRAY_LEN(ALL); i++) {
        if (ke_str_eq_c(text, ke_proto_name(ALL[i]))) {
            *out = ALL[i];
            return true;
        }
    }
    return false;
}
