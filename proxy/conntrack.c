/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stale UDP flows. One walk through the tracked flows of a family, compared here with the fronts
 * that changed; the kernel is asked to leave out other protocols where it can (5.8).
 * Source: kube-proxy pkg/proxy/conntrack/cleanup.go.
 */
#include "proxy/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"

#define FILTER_PROTO_NUM (1U << 3) /* nf_conntrack_netlink.c: CTA_FILTER_F_CTA_PROTO_NUM */
#define DELETES_BYTES    (64U << 20)

/* ---- what to look for ---- */

static const struct proxy_front *find_front(const struct proxy_plan *plan,
                                            const struct proxy_front *wanted)
{
    for (uint32_t i = 0; plan != NULL && i < plan->n_fronts; i++) {
        const struct proxy_front *front = &plan->fronts[i];
        if (front->proto == wanted->proto && front->port == wanted->port &&
            (front->kind == PROXY_NODE_PORT) == (wanted->kind == PROXY_NODE_PORT) &&
            ke_ip_eq(&front->ip, &wanted->ip))
            return front;
    }
    return NULL;
}

static bool serves_same(const struct proxy_front *a, const struct proxy_front *b)
{
    if (a == NULL || a->serving->n_targets != b->serving->n_targets || a->deny != b->deny)
        return false;
    for (uint32_t i = 0; i < a->serving->n_targets; i++) {
        const struct proxy_target *left = &a->serving->targets[i];
        const struct proxy_target *right = &b->serving->targets[i];
        if (left->port != right->port || !ke_ip_eq(&left->ip, &right->ip))
            return false;
    }
    return true;
}

static void add_front(struct conntrack_search *search, const struct proxy_front *front,
                      const struct proxy_group *serving)
{
    void *fronts = search->fronts;
    if (!ke_grow(&fronts, &search->cap, search->n + 1, sizeof(*search->fronts))) {
        search->has_failed = true;
        return;
    }
    search->fronts = fronts;
    search->fronts[search->n++] =
        (struct conntrack_front){ .ip = front->ip,
                                  .port = front->port,
                                  .is_node_port = front->kind == PROXY_NODE_PORT,
                                  .is_foreign_space = front->kind != PROXY_CLUSTER_IP,
                                  .serving = serving };
}

void conntrack_search_add(struct conntrack_search *search, const struct proxy_change *change)
{
    for (uint32_t i = 0; change->old != NULL && i < change->old->n_fronts; i++) {
        const struct proxy_front *front = &change->old->fronts[i];
        if (front->proto == KE_PROTO_UDP && find_front(change->new, front) == NULL)
            add_front(search, front, NULL);
    }
    for (uint32_t i = 0; change->new != NULL &&i < change->new->n_fronts; i++) {
        const struct proxy_front *front = &change->new->fronts[i];
        if (front->proto == KE_PROTO_UDP && !serves_same(find_front(change->old, front), front))
            add_front(search, front, front->serving);
    }
}

void conntrack_search_deinit(struct conntrack_search *search)
{
    free(search->fronts);
    *search = (struct conntrack_search){ 0 };
}

static int compare_fronts(const void *left, const void *right)
{
    const struct conntrack_front *a = left;
    const struct conntrack_front *b = right;
    if (a->is_node_port != b->is_node_port)
        return a->is_node_port ? 1 : -1;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return ke_ip_cmp(&a->ip, &b->ip);
}

/* ---- flows ---- */

struct flow {
    uint8_t proto;
    struct ke_endpoint to;       /* as the client sent it */
    struct ke_endpoint answered; /* where answers come from */
};

static bool read_tuple(const struct nlattr *attr, enum ke_family family, struct ke_ip out_ips[2],
                       uint16_t out_ports[2], uint8_t *out_proto)
{
    const struct nlattr *tuple[CTA_TUPLE_MAX + 1];
    const struct nlattr *ip[CTA_IP_MAX + 1];
    const struct nlattr *proto[CTA_PROTO_MAX + 1];
    if (attr == NULL)
        return false;
    nfnl_parse_nested(attr, tuple, CTA_TUPLE_MAX);
    nfnl_parse_nested(tuple[CTA_TUPLE_IP], ip, CTA_IP_MAX);
    nfnl_parse_nested(tuple[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX);
    bool is_v6 = family == KE_FAMILY_IPV6;
    const struct nlattr *ips[2] = { ip[is_v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC],
                                    ip[is_v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST] };
    const struct nlattr *ports[2] = { proto[CTA_PROTO_SRC_PORT], proto[CTA_PROTO_DST_PORT] };
    if (proto[CTA_PROTO_NUM] == NULL || nfnl_len(proto[CTA_PROTO_NUM]) < 1)
        return false;
    *out_proto = *nfnl_data(proto[CTA_PROTO_NUM]);
    for (int i = 0; i < 2; i++) {
        out_ips[i] = (struct ke_ip){ .family = family };
        if (ips[i] == NULL || nfnl_len(ips[i]) != ke_ip_len(&out_ips[i]) || ports[i] == NULL ||
            nfnl_len(ports[i]) != 2)
            return false;
        memcpy(out_ips[i].b, nfnl_data(ips[i]), ke_ip_len(&out_ips[i]));
        out_ports[i] = (uint16_t)(nfnl_data(ports[i])[0] << 8 | nfnl_data(ports[i])[1]);
    }
    return true;
}

static bool read_flow(const struct nlattr *const *attrs, enum ke_family family, struct flow *out)
{
    struct ke_ip ips[2];
    uint16_t ports[2];
    if (!read_tuple(attrs[CTA_TUPLE_ORIG], family, ips, ports, &out->proto))
        return false;
    out->to = (struct ke_endpoint){ .ip = ips[1], .port = ports[1] };
    if (!read_tuple(attrs[CTA_TUPLE_REPLY], family, ips, ports, &out->proto))
        return false;
    out->answered = (struct ke_endpoint){ .ip = ips[0], .port = ports[0] };
    return true;
}

/* An address of this node is one that a socket can be bound to. */
static bool is_own_address(const struct ke_ip *ip)
{
    struct sockaddr_storage address;
    struct ke_endpoint at = { .ip = *ip };
    socklen_t len = ke_endpoint_to_sockaddr(&at, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_own = bind(fd, (struct sockaddr *)&address, len) == 0;
    (void)close(fd);
    return is_own;
}

static bool is_stale(const struct flow *flow, const struct conntrack_front *front)
{
    bool is_translated =
        flow->to.port != flow->answered.port || !ke_ip_eq(&flow->to.ip, &flow->answered.ip);
    if (!is_translated && front->is_foreign_space &&
        (front->serving == NULL || !front->is_node_port || !is_own_address(&flow->to.ip)))
        return front->serving != NULL && !front->is_node_port;
    for (uint32_t i = 0; front->serving != NULL && i < front->serving->n_targets; i++) {
        const struct proxy_target *target = &front->serving->targets[i];
        if (target->port == flow->answered.port && ke_ip_eq(&target->ip, &flow->answered.ip))
            return false;
    }
    return true;
}

struct walk {
    const struct conntrack_search *search;
    enum ke_family family;
    struct ke_buf deletes; /* lengths and messages' attributes */
    size_t n_deletes;
};

static const struct conntrack_front *find_search(const struct walk *walk, const struct flow *flow)
{
    struct conntrack_front key = { .ip = flow->to.ip, .port = flow->to.port };
    const struct conntrack_front *found =
        bsearch(&key, walk->search->fronts, walk->search->n, sizeof(key), compare_fronts);
    if (found != NULL)
        return found;
    key = (struct conntrack_front){ .ip.family = walk->family,
                                    .port = flow->to.port,
                                    .is_node_port = true };
    return bsearch(&key, walk->search->fronts, walk->search->n, sizeof(key), compare_fronts);
}

static bool on_flow(void *ctx, const struct nlmsghdr *message)
{
    struct walk *walk = ctx;
    const struct nlattr *attrs[CTA_MAX + 1];
    struct flow flow;
    if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
        return true;
    nfnl_parse(message, attrs, CTA_MAX);
    if (!read_flow(attrs, walk->family, &flow) || flow.proto != KE_PROTO_UDP)
        return true;
    const struct conntrack_front *front = find_search(walk, &flow);
    if (front == NULL || !is_stale(&flow, front))
        return true;
    static const uint16_t kept[] = { CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE };
    struct nfnl_head head = { .type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                              .flags = NLM_F_ACK,
                              .family = walk->family == KE_FAMILY_IPV6 ? AF_INET6 : AF_INET };
    size_t at = nfnl_begin(&walk->deletes, &head);
    for (size_t i = 0; i < KE_ARRAY_LEN(kept); i++)
        if (attrs[kept[i]] != NULL)
            nfnl_attr(&walk->deletes, attrs[kept[i]]->nla_type, nfnl_data(attrs[kept[i]]),
                      nfnl_len(attrs[kept[i]]));
    nfnl_end(&walk->deletes, at);
    walk->n_deletes++;
    return true;
}

static enum ke_code dump(struct nfnl_socket *socket, struct walk *walk, bool is_filtered,
                         struct ke_err *err)
{
    ke_auto_buf buf = KE_BUF_INIT(4096);
    uint8_t udp = KE_PROTO_UDP;
    uint32_t orig = FILTER_PROTO_NUM;
    uint32_t reply = 0;
    struct nfnl_head head = { .type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
                              .flags = NLM_F_DUMP,
                              .seq = ++socket->last_seq,
                              .family = walk->family == KE_FAMILY_IPV6 ? AF_INET6 : AF_INET };
    size_t at = nfnl_begin(&buf, &head);
    if (is_filtered) {
        size_t tuple = nfnl_nest_begin(&buf, CTA_TUPLE_ORIG);
        size_t proto = nfnl_nest_begin(&buf, CTA_TUPLE_PROTO);
        nfnl_attr(&buf, CTA_PROTO_NUM, &udp, sizeof(udp));
        nfnl_nest_end(&buf, proto);
        nfnl_nest_end(&buf, tuple);
        size_t filter = nfnl_nest_begin(&buf, CTA_FILTER);
        nfnl_attr(&buf, CTA_FILTER_ORIG_FLAGS, &orig, sizeof(orig));
        nfnl_attr(&buf, CTA_FILTER_REPLY_FLAGS, &reply, sizeof(reply));
        nfnl_nest_end(&buf, filter);
    }
    nfnl_end(&buf, at);
    enum ke_code rc = nfnl_send(socket, &buf, err);
    if (rc == KE_OK)
        rc = nfnl_receive(socket, head.seq, head.seq, on_flow, walk, err);
    return rc;
}

/* Each on its own: one that has ended by itself meanwhile is no failure. */
static enum ke_code delete_all(struct nfnl_socket *socket, struct walk *walk, struct ke_err *err)
{
    size_t at = 0;
    enum ke_code rc = ke_buf_check(&walk->deletes, "flows to remove", err);
    while (rc == KE_OK && at < walk->deletes.len) {
        struct nlmsghdr message;
        memcpy(&message, walk->deletes.ptr + at, sizeof(message));
        message.nlmsg_seq = ++socket->last_seq;
        memcpy(walk->deletes.ptr + at, &message, sizeof(message));
        struct ke_buf one = KE_BUF_FIXED(walk->deletes.ptr + at, message.nlmsg_len);
        one.len = message.nlmsg_len;
        rc = nfnl_send(socket, &one, err);
        if (rc == KE_OK)
            rc = nfnl_receive(socket, message.nlmsg_seq, message.nlmsg_seq, NULL, NULL, err);
        if (rc == KE_NOT_FOUND)
            rc = KE_OK;
        at += nfnl_align(message.nlmsg_len);
    }
    return rc;
}

enum ke_code conntrack_clean(struct nfnl_socket *socket, struct conntrack_search *search,
                             size_t *out_n, struct ke_err *err)
{
    static const enum ke_family families[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };
    enum ke_code rc = KE_OK;
    *out_n = 0;
    if (search->has_failed)
        return ke_fail(err, KE_NOMEM, "look for stale flows");
    if (search->n > 0)
        qsort(search->fronts, search->n, sizeof(*search->fronts), compare_fronts);
    for (unsigned i = 0; rc == KE_OK && i < 2; i++) {
        struct walk walk = { .search = search,
                             .family = families[i],
                             .deletes = KE_BUF_INIT(DELETES_BYTES) };
        bool is_needed = false;
        for (size_t j = 0; j < search->n && !is_needed; j++)
            is_needed = search->fronts[j].ip.family == families[i];
        if (!is_needed)
            continue;
        rc = dump(socket, &walk, true, err);
        if (rc == KE_IO && (err->sys == EINVAL || err->sys == EOPNOTSUPP))
            rc = dump(socket, &walk, false, err);
        if (rc == KE_OK)
            rc = delete_all(socket, &walk, err);
        *out_n += walk.n_deletes;
        ke_buf_free(&walk.deletes);
    }
    return rc;
}
