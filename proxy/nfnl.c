/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netfilter's netlink without a library: what is needed is a header, nested attributes and one
 * send for a whole batch, which message objects of libraries make harder, not easier.
 */
#include "proxy/nfnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"

#define RECEIVE_BYTES   65536
#define RECEIVE_TIMEOUT (10 * KE_S)

enum ke_code nfnl_open(struct nfnl_socket *out, uint32_t groups, struct ke_err *err)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
    socklen_t len = sizeof(address);
    int one = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0)
        return ke_fail_errno(err, errno, "open a netfilter socket");
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        int sys = errno;
        (void)close(fd);
        return ke_fail_errno(err, sys, "bind a netfilter socket");
    }
    *out = (struct nfnl_socket){ .fd = fd, .port_id = address.nl_pid };
    return KE_OK;
}

void nfnl_close(struct nfnl_socket *socket)
{
    if (socket->fd >= 0)
        (void)close(socket->fd);
    socket->fd = -1;
}

static void set_room(int fd, int force_option, int option, size_t n)
{
    int value = n < INT32_MAX / 2 ? (int)n : INT32_MAX / 2;
    if (setsockopt(fd, SOL_SOCKET, force_option, &value, sizeof(value)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

void nfnl_set_send_room(const struct nfnl_socket *socket, size_t n)
{
    set_room(socket->fd, SO_SNDBUFFORCE, SO_SNDBUF, n);
}

void nfnl_set_receive_room(const struct nfnl_socket *socket, size_t n)
{
    set_room(socket->fd, SO_RCVBUFFORCE, SO_RCVBUF, n);
}

/* ---- writing ---- */

static void pad(struct ke_buf *buf)
{
    static const char zeros[NLMSG_ALIGNTO];
    ke_buf_add(buf, zeros, nfnl_align(buf->len) - buf->len);
}

size_t nfnl_begin(struct ke_buf *buf, const struct nfnl_head *head)
{
    size_t at = buf->len;
    struct nlmsghdr message = { .nlmsg_type = head->type,
                                .nlmsg_flags = (uint16_t)(head->flags | NLM_F_REQUEST),
                                .nlmsg_seq = head->seq };
    struct nfgenmsg netfilter = { .nfgen_family = head->family,
                                  .version = NFNETLINK_V0,
                                  .res_id = htons(head->res_id) };
    ke_buf_add(buf, &message, sizeof(message));
    ke_buf_add(buf, &netfilter, sizeof(netfilter));
    return at;
}

void nfnl_end(struct ke_buf *buf, size_t at)
{
    uint32_t len = (uint32_t)(buf->len - at);
    if (buf->failed == KE_OK)
        memcpy(buf->ptr + at + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

void nfnl_attr(struct ke_buf *buf, uint16_t type, const void *data, size_t len)
{
    struct nlattr attr = { .nla_len = (uint16_t)(NFNL_ATTR + len), .nla_type = type };
    ke_buf_add(buf, &attr, sizeof(attr));
    ke_buf_add(buf, data, len);
    pad(buf);
}

void nfnl_attr_str(struct ke_buf *buf, uint16_t type, const char *text)
{
    nfnl_attr(buf, type, text, strlen(text) + 1);
}

void nfnl_attr_be32(struct ke_buf *buf, uint16_t type, uint32_t value)
{
    uint32_t wire = htonl(value);
    nfnl_attr(buf, type, &wire, sizeof(wire));
}

size_t nfnl_nest_begin(struct ke_buf *buf, uint16_t type)
{
    size_t at = buf->len;
    nfnl_attr(buf, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
    return at;
}

void nfnl_nest_end(struct ke_buf *buf, size_t at)
{
    uint16_t len = (uint16_t)(buf->len - at);
    if (buf->failed == KE_OK)
        memcpy(buf->ptr + at + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

enum ke_code nfnl_send(const struct nfnl_socket *socket, const struct ke_buf *buf,
                       struct ke_err *err)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    ssize_t sent =
        sendto(socket->fd, buf->ptr, buf->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    if (sent < 0)
        return ke_fail_errno(err, errno, "send %zu bytes to netfilter", buf->len);
    return KE_OK;
}

/* ---- reading ---- */

const struct nlmsghdr *nfnl_next_message(const char *bytes, size_t len, size_t *at)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)(bytes + *at);
    if (*at >= len || len - *at < NFNL_HEADER || message->nlmsg_len < NFNL_HEADER ||
        message->nlmsg_len > len - *at)
        return NULL;
    *at += nfnl_align(message->nlmsg_len);
    return message;
}

/* The kernel's words, when it has any. */
static const char *extended_text(const struct nlmsghdr *message)
{
    const struct nlmsgerr *answer = (const struct nlmsgerr *)(const void *)(message + 1);
    size_t skip = sizeof(*answer);
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return "";
    if (!(message->nlmsg_flags & NLM_F_CAPPED))
        skip += nfnl_align(answer->msg.nlmsg_len - NFNL_HEADER);
    const char *end = (const char *)message + message->nlmsg_len;
    const char *at = (const char *)answer + nfnl_align(skip);
    while (at + NFNL_ATTR <= end) {
        const struct nlattr *attr = (const struct nlattr *)(const void *)at;
        if (attr->nla_len < NFNL_ATTR || at + attr->nla_len > end)
            break;
        if ((attr->nla_type & 0x3fffU) == NLMSGERR_ATTR_MSG && nfnl_len(attr) > 0 &&
            at[attr->nla_len - 1] == '\0')
            return (const char *)nfnl_data(attr);
        at += nfnl_align(attr->nla_len);
    }
    return "";
}

static enum ke_code answer_code(const struct nlmsghdr *message, struct ke_err *err)
{
    const struct nlmsgerr *answer = (const struct nlmsgerr *)(const void *)(message + 1);
    const char *text = extended_text(message);
    int sys = -answer->error;
    if (sys == 0)
        return KE_OK;
    if (sys == ENOENT) {
        (void)ke_fail_errno(err, sys, "netfilter: not there%s%s", *text != '\0' ? ": " : "", text);
        err->code = KE_NOT_FOUND;
        return KE_NOT_FOUND;
    }
    enum ke_code rc =
        ke_fail_errno(err, sys, "netfilter refused message %u%s%s", answer->msg.nlmsg_type & 0xffU,
                      *text != '\0' ? ": " : "", text);
    err->sys = sys;
    return rc;
}

struct reading {
    uint32_t first_seq, until_seq;
    nfnl_message_fn *fn;
    void *ctx;
    bool is_done;
};

static enum ke_code read_messages(struct reading *reading, const char *bytes, size_t len,
                                  struct ke_err *err)
{
    size_t at = 0;
    const struct nlmsghdr *message = NULL;
    while (!reading->is_done && (message = nfnl_next_message(bytes, len, &at)) != NULL) {
        bool is_ours =
            message->nlmsg_seq - reading->first_seq <= reading->until_seq - reading->first_seq;
        if (is_ours && message->nlmsg_type == NLMSG_ERROR) {
            enum ke_code rc = answer_code(message, err);
            if (rc != KE_OK)
                return rc;
            reading->is_done = message->nlmsg_seq == reading->until_seq;
        } else if (is_ours && message->nlmsg_type == NLMSG_DONE) {
            reading->is_done = true;
        } else if (is_ours && reading->fn != NULL && !reading->fn(reading->ctx, message)) {
            reading->is_done = true;
        }
    }
    return KE_OK;
}

enum ke_code nfnl_receive(const struct nfnl_socket *socket, uint32_t first_seq, uint32_t until_seq,
                          nfnl_message_fn *fn, void *ctx, struct ke_err *err)
{
    _Alignas(struct nlmsghdr) char bytes[RECEIVE_BYTES];
    struct reading reading = {
        .first_seq = first_seq, .until_seq = until_seq, .fn = fn, .ctx = ctx
    };
    int64_t deadline = ke_now_ns() + RECEIVE_TIMEOUT;
    while (!reading.is_done) {
        struct pollfd ready = { .fd = socket->fd, .events = POLLIN };
        int64_t left_ms = (deadline - ke_now_ns()) / KE_MS;
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            return ke_fail(err, KE_TIMEOUT, "netfilter does not answer");
        ssize_t len = recv(socket->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (len < 0)
            return ke_fail_errno(err, errno, "read netfilter's answer");
        enum ke_code rc = read_messages(&reading, bytes, (size_t)len, err);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static void parse(const uint8_t *at, const uint8_t *end, const struct nlattr **out,
                  uint16_t max_type)
{
    memset(out, 0, ((size_t)max_type + 1) * sizeof(const struct nlattr *));
    while (at + NFNL_ATTR <= end) {
        const struct nlattr *attr = (const struct nlattr *)(const void *)at;
        unsigned type = attr->nla_type & 0x3fffU;
        if (attr->nla_len < NFNL_ATTR || attr->nla_len > end - at)
            return;
        if (type <= max_type)
            out[type] = attr;
        at += nfnl_align(attr->nla_len);
    }
}

void nfnl_parse(const struct nlmsghdr *message, const struct nlattr **out, uint16_t max_type)
{
    const uint8_t *start = (const uint8_t *)message;
    size_t skip = NFNL_HEADER + nfnl_align(sizeof(struct nfgenmsg));
    if (message->nlmsg_len < skip)
        skip = message->nlmsg_len;
    parse(start + skip, start + message->nlmsg_len, out, max_type);
}

void nfnl_parse_nested(const struct nlattr *attr, const struct nlattr **out, uint16_t max_type)
{
    if (attr == NULL)
        parse(NULL, NULL, out, max_type);
    else
        parse(nfnl_data(attr), nfnl_data(attr) + nfnl_len(attr), out, max_type);
}

static const struct nlattr *check(const struct nlattr *nest, const uint8_t *at)
{
    const uint8_t *end = nfnl_data(nest) + nfnl_len(nest);
    const struct nlattr *attr = (const struct nlattr *)(const void *)at;
    if (at + NFNL_ATTR > end || attr->nla_len < NFNL_ATTR || attr->nla_len > end - at)
        return NULL;
    return attr;
}

const struct nlattr *nfnl_first(const struct nlattr *nest)
{
    return check(nest, nfnl_data(nest));
}

const struct nlattr *nfnl_next(const struct nlattr *nest, const struct nlattr *attr)
{
    return check(nest, (const uint8_t *)attr + nfnl_align(attr->nla_len));
}
