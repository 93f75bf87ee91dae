/* SPDX-License-Identifier: Apache-2.0 */
/* Source addresses of datagrams: a reply leaves from the address that was asked. */
#include "dns/client.h"

#include <string.h>

void dns_control_read(struct msghdr *message, struct ke_ip *out)
{
    *out = (struct ke_ip){ 0 };
    for (struct cmsghdr *it = CMSG_FIRSTHDR(message); it != NULL; it = CMSG_NXTHDR(message, it)) {
        if (it->cmsg_level == IPPROTO_IP && it->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(it), sizeof(info));
            out->family = KE_FAMILY_IPV4;
            memcpy(out->b, &info.ipi_addr, 4);
        } else if (it->cmsg_level == IPPROTO_IPV6 && it->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(it), sizeof(info));
            out->family = KE_FAMILY_IPV6;
            memcpy(out->b, &info.ipi6_addr, 16);
        }
    }
}

void dns_control_write(struct msghdr *message, struct dns_control *control,
                       const struct ke_ip *from)
{
    message->msg_control = NULL;
    message->msg_controllen = 0;
    if (from->family == KE_FAMILY_NONE)
        return;
    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (from->family == KE_FAMILY_IPV4) {
        struct in_pktinfo info = { 0 };
        memcpy(&info.ipi_spec_dst, from->b, 4);
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(header), &info, sizeof(info));
        message->msg_controllen = CMSG_SPACE(sizeof(info));
    } else {
        struct in6_pktinfo info = { 0 };
        memcpy(&info.ipi6_addr, from->b, 16);
        header->cmsg_level = IPPROTO_IPV6;
        header->cmsg_type = IPV6_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(header), &info, sizeof(info));
    }
}
