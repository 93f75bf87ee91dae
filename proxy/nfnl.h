/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NFNL_H
#define PROXY_NFNL_H
/*
 * Netfilter's netlink: messages written into a buffer, attributes walked, one socket. Used for
 * nf_tables elements and for conntrack. A socket belongs to one thread.
 */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct nfnl_socket {
    int fd;
    uint32_t port_id;
    uint32_t last_seq;
};

/* groups: a mask as in sockaddr_nl. Errors: KE_IO. */
enum ke_code nfnl_open(struct nfnl_socket *out, uint32_t groups, struct ke_err *err) KE_MUST_CHECK;
void nfnl_close(struct nfnl_socket *socket); /* closed or zeroed with fd -1 is fine */
/* Room for messages of n bytes in one send, past the limits of the system. */
void nfnl_set_send_room(const struct nfnl_socket *socket, size_t n);
void nfnl_set_receive_room(const struct nfnl_socket *socket, size_t n);

/* The system's macros mix signs; these are the same sums. */
#define NFNL_HEADER 16U /* of a message */
#define NFNL_ATTR   4U  /* of an attribute */
static inline size_t nfnl_align(size_t len)
{
    return (len + 3U) & ~(size_t)3U;
}
/* The message at *at, within len bytes; moves *at behind it. NULL: no more. */
const struct nlmsghdr *nfnl_next_message(const char *bytes, size_t len, size_t *at);

/* Writing. A message begins at the returned position; ends fill in the lengths. */
struct nfnl_head {
    uint16_t type; /* subsystem << 8 | message */
    uint16_t flags;
    uint32_t seq;
    uint8_t family;
    uint16_t res_id;
};
size_t nfnl_begin(struct ke_buf *buf, const struct nfnl_head *head);
void nfnl_end(struct ke_buf *buf, size_t at);
void nfnl_attr(struct ke_buf *buf, uint16_t type, const void *data, size_t len);
void nfnl_attr_str(struct ke_buf *buf, uint16_t type, const char *text); /* with its NUL */
void nfnl_attr_be32(struct ke_buf *buf, uint16_t type, uint32_t value);
size_t nfnl_nest_begin(struct ke_buf *buf, uint16_t type);
void nfnl_nest_end(struct ke_buf *buf, size_t at);

/* Sends all of buf at once. Errors: KE_IO. */
enum ke_code nfnl_send(const struct nfnl_socket *socket, const struct ke_buf *buf,
                       struct ke_err *err) KE_MUST_CHECK;

/* One received message: false stops the reading. */
typedef bool nfnl_message_fn(void *ctx, const struct nlmsghdr *message);
/*
 * Reads answers until the acknowledgement of until_seq, the end of a dump, or an error in any
 * answer to seq first_seq and later. fn (may be NULL) is given what is neither. Errors: KE_IO with
 * sys set, KE_NOT_FOUND (ENOENT), KE_TIMEOUT after 10 s.
 */
enum ke_code nfnl_receive(const struct nfnl_socket *socket, uint32_t first_seq, uint32_t until_seq,
                          nfnl_message_fn *fn, void *ctx, struct ke_err *err) KE_MUST_CHECK;

/* Attributes after the nfgenmsg of a message, by type: at most max_type; missing ones are NULL. */
void nfnl_parse(const struct nlmsghdr *message, const struct nlattr **out, uint16_t max_type);
void nfnl_parse_nested(const struct nlattr *attr, const struct nlattr **out, uint16_t max_type);
static inline const uint8_t *nfnl_data(const struct nlattr *attr)
{
    return (const uint8_t *)attr + NFNL_ATTR;
}
static inline size_t nfnl_len(const struct nlattr *attr)
{
    return (size_t)attr->nla_len - NFNL_ATTR;
}
/* The first attribute of a nest, then the next; NULL at the end. */
const struct nlattr *nfnl_first(const struct nlattr *nest);
const struct nlattr *nfnl_next(const struct nlattr *nest, const struct nlattr *attr);

#endif
