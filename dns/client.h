/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_CLIENT_H
#define DNS_CLIENT_H
/*
 * Who asked, and how a reply goes back: a datagram from the address that was asked, or a message on
 * a TCP connection that may be gone by then. Values; the owning worker's thread.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/base/addr.h"

struct dns_tcp;

struct dns_client {
    struct dns_tcp *tcp;                 /* NULL: UDP */
    uint64_t tcp_id;                     /* of the connection */
    int fd;                              /* UDP socket */
    const struct sockaddr_storage *peer; /* borrowed */
    socklen_t peer_len;
    struct ke_ip local; /* the address asked, family NONE: the socket is bound to one */
};

/* Room for IP_PKTINFO or IPV6_PKTINFO. */
struct dns_control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};
/* Reads the address asked from a received message; family NONE where there is none. */
void dns_control_read(struct msghdr *message, struct ke_ip *out);
/* Makes the message leave from this address; nothing for family NONE. */
void dns_control_write(struct msghdr *message, struct dns_control *control,
                       const struct ke_ip *from);

#endif
