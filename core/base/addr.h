/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_ADDR_H
#define CORE_BASE_ADDR_H
/*
 * IP addresses, ranges and transport endpoints as small values. IPv4 addresses are kept as four
 * bytes, never as mapped IPv6. Text forms: RFC 5952 for IPv6; IPv4 without leading zeros.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/buf.h"
#include "core/base/err.h"

enum ke_family { KE_FAMILY_NONE = 0, KE_FAMILY_IPV4 = 4, KE_FAMILY_IPV6 = 6 };
enum ke_proto { KE_PROTO_TCP = 6, KE_PROTO_UDP = 17, KE_PROTO_SCTP = 132 };

struct ke_ip {
    enum ke_family family;
    uint8_t b[16]; /* network order; IPv4 uses the first four, the rest is zero */
};

struct ke_cidr {
    struct ke_ip ip; /* host bits kept as given */
    unsigned prefix; /* bits */
};

struct ke_endpoint {
    struct ke_ip ip;
    uint16_t port; /* host order */
};

#define KE_IP_TEXT_MAX 46 /* with NUL */
enum ke_code ke_ip_parse(struct ke_str text, struct ke_ip *out, struct ke_err *err) KE_MUST_CHECK;
void ke_ip_format(const struct ke_ip *ip, struct ke_buf *out);
/* Terminated text in buf; returns buf. */
const char *ke_ip_text(const struct ke_ip *ip, char buf[KE_IP_TEXT_MAX]);
bool ke_ip_eq(const struct ke_ip *a, const struct ke_ip *b);
int ke_ip_cmp(const struct ke_ip *a, const struct ke_ip *b); /* IPv4 before IPv6, then bytes */
bool ke_ip_is_loopback(const struct ke_ip *ip);
bool ke_ip_is_unspecified(const struct ke_ip *ip);
bool ke_ip_is_link_local(const struct ke_ip *ip);
bool ke_ip_is_multicast(const struct ke_ip *ip);
static inline unsigned ke_ip_len(const struct ke_ip *ip)
{
    return ip->family == KE_FAMILY_IPV4 ? 4 : 16;
}

/* "10.32.0.0/16"; Errors: KE_MALFORMED. */
enum ke_code ke_cidr_parse(struct ke_str text, struct ke_cidr *out,
                           struct ke_err *err) KE_MUST_CHECK;
void ke_cidr_format(const struct ke_cidr *cidr, struct ke_buf *out);
bool ke_cidr_contains(const struct ke_cidr *cidr, const struct ke_ip *ip);
bool ke_cidr_overlaps(const struct ke_cidr *a, const struct ke_cidr *b);
/* The nth address counted from the network address; false when outside. */
bool ke_cidr_nth(const struct ke_cidr *cidr, uint64_t n, struct ke_ip *out);
/* Number of addresses, capped at 2^32. */
uint64_t ke_cidr_size(const struct ke_cidr *cidr);
/* Position of ip from the network address; false when outside or over 2^32. */
bool ke_cidr_index(const struct ke_cidr *cidr, const struct ke_ip *ip, uint64_t *out);

/* "10.0.0.1:80", "[fd00::1]:80". Errors: KE_MALFORMED. */
enum ke_code ke_endpoint_parse(struct ke_str text, struct ke_endpoint *out,
                               struct ke_err *err) KE_MUST_CHECK;
void ke_endpoint_format(const struct ke_endpoint *ep, struct ke_buf *out);
socklen_t ke_endpoint_to_sockaddr(const struct ke_endpoint *ep, struct sockaddr_storage *out);
bool ke_endpoint_from_sockaddr(const struct sockaddr_storage *sa, struct ke_endpoint *out);

const char *ke_proto_name(enum ke_proto proto); /* "TCP" */
bool ke_proto_parse(struct ke_str text, enum ke_proto *out) KE_MUST_CHECK;

#endif
