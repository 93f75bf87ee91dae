/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains and rules of iptables mode, by kube-proxy's names, so that tools and administrators that
 * know them find what they expect. Source: kube-proxy pkg/proxy/iptables/proxier.go. What differs:
 * unused ports and unallocated service addresses are refused here too, TCP with a reset, and the
 * DNS address is kept out of connection tracking while the responder holds it.
 */
#include "proxy/iptables_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "proxy/sha256.h"

#define COMMENT_MAX 1024

#define NEW_        "-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment"
const struct ipt_jump IPT_JUMPS[] = {
    { "raw", "PREROUTING", { "-m", "comment", "--comment", "kedge: DNS", "-j", "KUBE-NOTRACK" } },
    { "raw", "OUTPUT", { "-m", "comment", "--comment", "kedge: DNS", "-j", "KUBE-NOTRACK" } },
    { "filter",
      "INPUT",
      { NEW_, "kubernetes externally-visible service portals", "-j", "KUBE-EXTERNAL-SERVICES" } },
    { "filter",
      "FORWARD",
      { NEW_, "kubernetes externally-visible service portals", "-j", "KUBE-EXTERNAL-SERVICES" } },
    { "filter",
      "OUTPUT",
      { NEW_, "kubernetes externally-visible service portals", "-j", "KUBE-EXTERNAL-SERVICES" } },
    { "filter", "INPUT", { NEW_, "kubernetes service portals", "-j", "KUBE-SERVICES" } },
    { "filter", "FORWARD", { NEW_, "kubernetes service portals", "-j", "KUBE-SERVICES" } },
    { "filter", "OUTPUT", { NEW_, "kubernetes service portals", "-j", "KUBE-SERVICES" } },
    { "filter",
      "FORWARD",
      { "-m", "comment", "--comment", "kubernetes forwarding rules", "-j", "KUBE-FORWARD" } },
    { "filter",
      "INPUT",
      { NEW_, "kubernetes load balancer firewall", "-j", "KUBE-PROXY-FIREWALL" } },
    { "filter",
      "FORWARD",
      { NEW_, "kubernetes load balancer firewall", "-j", "KUBE-PROXY-FIREWALL" } },
    { "filter",
      "OUTPUT",
      { NEW_, "kubernetes load balancer firewall", "-j", "KUBE-PROXY-FIREWALL" } },
    { "nat",
      "PREROUTING",
      { "-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES" } },
    { "nat",
      "OUTPUT",
      { "-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES" } },
    { "nat",
      "POSTROUTING",
      { "-m", "comment", "--comment", "kubernetes postrouting rules", "-j", "KUBE-POSTROUTING" } },
};
const size_t IPT_N_JUMPS = KE_ARRAY_LEN(IPT_JUMPS);

bool ipt_is_own_chain(struct ke_str name)
{
    static const char *const fixed[] = { "KUBE-NOTRACK",        "KUBE-EXTERNAL-SERVICES",
                                         "KUBE-SERVICES",       "KUBE-FORWARD",
                                         "KUBE-PROXY-FIREWALL", "KUBE-NODEPORTS",
                                         "KUBE-MARK-MASQ",      "KUBE-POSTROUTING",
                                         "KUBE-REFUSE" };
    static const char *const prefixes[] = { "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-",
                                            "KUBE-SEP-" };
    for (size_t i = 0; i < KE_ARRAY_LEN(fixed); i++)
        if (ke_str_eq_c(name, fixed[i]))
            return true;
    for (size_t i = 0; i < KE_ARRAY_LEN(prefixes); i++)
        if (ke_str_has_prefix(name, ke_str_c(prefixes[i])))
            return true;
    return false;
}

/* ---- names ---- */

static const char *proto_text(enum ke_proto proto)
{
    if (proto == KE_PROTO_TCP)
        return "tcp";
    return proto == KE_PROTO_UDP ? "udp" : "sctp";
}

/* ns/name:port, and without a colon when the port has no name. */
static void port_text(const struct proxy_plan *plan, const struct proxy_front *front, char *out,
                      size_t size)
{
    (void)snprintf(out, size, "%.*s/%.*s%s%.*s", KE_STR_ARG(plan->ns), KE_STR_ARG(plan->name),
                   front->port_name.len > 0 ? ":" : "", KE_STR_ARG(front->port_name));
}

/* base32(sha256(text))[:16] behind a prefix. */
static void hash_name(const char *prefix, const char *text, char out[IPT_CHAIN_MAX])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t hash[32];
    char base32[17] = { 0 };
    proxy_sha256(text, strlen(text), hash);
    for (unsigned i = 0; i < 16; i++) {
        unsigned bit = 5 * i;
        unsigned word = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];
        base32[i] = alphabet[word >> (11 - bit % 8) & 31];
    }
    (void)snprintf(out, IPT_CHAIN_MAX, "%s%s", prefix, base32);
}

struct names {
    char port[COMMENT_MAX];
    char svc[IPT_CHAIN_MAX], svl[IPT_CHAIN_MAX], ext[IPT_CHAIN_MAX], fw[IPT_CHAIN_MAX];
};

static void names_of(const struct proxy_plan *plan, const struct proxy_front *front,
                     struct names *out)
{
    char text[COMMENT_MAX + 8];
    port_text(plan, front, out->port, sizeof(out->port));
    (void)snprintf(text, sizeof(text), "%s%s", out->port, proto_text(front->proto));
    hash_name("KUBE-SVC-", text, out->svc);
    hash_name("KUBE-SVL-", text, out->svl);
    hash_name("KUBE-EXT-", text, out->ext);
    hash_name("KUBE-FW-", text, out->fw);
}

static void target_text(const struct proxy_target *target, char *out, size_t size)
{
    struct ke_buf buf = KE_BUF_FIXED(out, size - 1);
    struct ke_endpoint at = { .ip = target->ip, .port = target->port };
    ke_endpoint_format(&at, &buf);
    out[buf.len] = '\0';
}

static void sep_name(const struct names *names, const struct proxy_front *front,
                     const struct proxy_target *target, char out[IPT_CHAIN_MAX])
{
    char at[80];
    char text[COMMENT_MAX + 96];
    target_text(target, at, sizeof(at));
    (void)snprintf(text, sizeof(text), "%s%s%s", names->port, proto_text(front->proto), at);
    hash_name("KUBE-SEP-", text, out);
}

/* ---- what a service port has, drawn from its fronts ---- */

struct port_view {
    const struct proxy_front *first; /* any of its fronts */
    const struct proxy_group *cluster, *local;
    bool is_external, is_external_local, is_ranged, is_used;
};

static bool is_same_port(const struct proxy_front *a, const struct proxy_front *b)
{
    return a->proto == b->proto && a->service_port == b->service_port &&
           a->ip.family == b->ip.family;
}

/* Position of the next front that begins a port of the family, from *pos on; false: no more. */
static bool next_port(const struct proxy_plan *plan, enum ke_family family, uint32_t *pos,
                      struct port_view *out)
{
    while (*pos < plan->n_fronts && plan->fronts[*pos].ip.family != family)
        (*pos)++;
    if (*pos == plan->n_fronts)
        return false;
    *out = (struct port_view){ .first = &plan->fronts[*pos] };
    for (; *pos < plan->n_fronts && is_same_port(&plan->fronts[*pos], out->first); (*pos)++) {
        const struct proxy_front *front = &plan->fronts[*pos];
        if (front->deny != PROXY_DENY_NONE)
            continue;
        out->is_used = true;
        if (front->group->is_local)
            out->local = front->group;
        else
            out->cluster = front->group;
        if (front->kind == PROXY_CLUSTER_IP)
            continue;
        out->is_external = true;
        out->is_ranged = out->is_ranged || front->has_ranges;
        if (front->outside != NULL) {
            out->is_external_local = true;
            out->local = front->outside;
        }
    }
    return true;
}

/* ---- writing ---- */

struct writing {
    const struct ipt_text *in;
    struct ke_buf filter, nat_heads, nat; /* nat: rules behind all heads */
};

static void rule(struct ke_buf *out, const char *fmt, ...) KE_PRINTF(2, 3);
static void rule(struct ke_buf *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    ke_buf_add_c(out, "-A ");
    ke_buf_vaddf(out, fmt, ap);
    ke_buf_add_char(out, '\n');
    va_end(ap);
}

static void head(struct writing *writing, const char *chain)
{
    ke_buf_addf(&writing->nat_heads, ":%s - [0:0]\n", chain);
}

/* Runs fn for every range of pods. Without one: no source is a pod's. */
static void pod_rules(struct writing *writing, const char *chain, const char *before,
                      const char *after)
{
    const struct proxy_settings *settings = writing->in->settings;
    for (size_t i = 0; i < settings->n_cluster_cidrs; i++) {
        char memory[80];
        struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
        if (settings->cluster_cidrs[i].ip.family != writing->in->family)
            continue;
        ke_cidr_format(&settings->cluster_cidrs[i], &text);
        rule(&writing->nat, "%s %s-s %.*s %s", chain, before, KE_STR_ARG(ke_buf_str(&text)), after);
    }
}

static size_t count_pods(const struct writing *writing)
{
    const struct proxy_settings *settings = writing->in->settings;
    size_t n = 0;
    for (size_t i = 0; i < settings->n_cluster_cidrs; i++)
        n += settings->cluster_cidrs[i].ip.family == writing->in->family;
    return n;
}

static void write_group(struct writing *writing, const struct proxy_plan *plan,
                        const struct port_view *port, const struct proxy_group *group,
                        const char *chain)
{
    struct names names;
    char sep[IPT_CHAIN_MAX];
    char at[80];
    names_of(plan, port->first, &names);
    for (uint32_t i = 0; plan->affinity_s > 0 && i < group->n_targets; i++) {
        sep_name(&names, port->first, &group->targets[i], sep);
        rule(
            &writing->nat,
            "%s -m comment --comment \"%s\" -m recent --name %s --rcheck --seconds %u --reap -j %s",
            chain, names.port, sep, plan->affinity_s, sep);
    }
    for (uint32_t i = 0; i < group->n_targets; i++) {
        uint32_t left = group->n_targets - i;
        char chance[80] = "";
        sep_name(&names, port->first, &group->targets[i], sep);
        target_text(&group->targets[i], at, sizeof(at));
        if (left > 1)
            (void)snprintf(chance, sizeof(chance),
                           " -m statistic --mode random --probability %.10f", 1.0 / left);
        rule(&writing->nat, "%s -m comment --comment \"%s -> %s\"%s -j %s", chain, names.port, at,
             chance, sep);
    }
}

static void write_endpoint(struct writing *writing, const struct proxy_plan *plan,
                           const struct port_view *port, const struct proxy_target *target)
{
    struct names names;
    char sep[IPT_CHAIN_MAX];
    char at[80];
    char ip[KE_IP_TEXT_MAX];
    char recent[80] = "";
    names_of(plan, port->first, &names);
    sep_name(&names, port->first, target, sep);
    target_text(target, at, sizeof(at));
    head(writing, sep);
    rule(&writing->nat, "%s -s %s -m comment --comment \"%s\" -j KUBE-MARK-MASQ", sep,
         ke_ip_text(&target->ip, ip), names.port);
    if (plan->affinity_s > 0)
        (void)snprintf(recent, sizeof(recent), "-m recent --name %s --set ", sep);
    const char *proto = proto_text(port->first->proto);
    rule(&writing->nat, "%s -p %s -m comment --comment \"%s\" %s-m %s -j DNAT --to-destination %s",
         sep, proto, names.port, recent, proto, at);
}

static void write_external(struct writing *writing, const struct proxy_plan *plan,
                           const struct port_view *port, const struct names *names)
{
    head(writing, names->ext);
    if (!port->is_external_local) {
        rule(&writing->nat,
             "%s -m comment --comment \"masquerade traffic for %s external destinations\" -j "
             "KUBE-MARK-MASQ",
             names->ext, names->port);
        rule(&writing->nat, "%s -j %s", names->ext, names->svc);
    } else {
        char jump[64];
        (void)snprintf(jump, sizeof(jump), "-j %s", names->svc);
        pod_rules(writing, names->ext, "", jump);
        rule(&writing->nat, "%s -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ", names->ext);
        rule(&writing->nat, "%s -m addrtype --src-type LOCAL -j %s", names->ext, names->svc);
        if (port->local->n_targets > 0)
            rule(&writing->nat, "%s -j %s", names->ext, names->svl);
    }
    if (!port->is_ranged)
        return;
    head(writing, names->fw);
    for (uint32_t i = 0; i < plan->n_ranges; i++) {
        char memory[80];
        struct ke_buf range = KE_BUF_FIXED(memory, sizeof(memory));
        if (plan->ranges[i].ip.family != writing->in->family)
            continue;
        ke_cidr_format(&plan->ranges[i], &range);
        rule(&writing->nat, "%s -s %.*s -m comment --comment \"%s loadbalancer IP\" -j %s",
             names->fw, KE_STR_ARG(ke_buf_str(&range)), names->port, names->ext);
    }
}

/* Sources that are no pods' are masqueraded. With several ranges of pods: marked, and then not. */
static void write_cluster_masquerade(struct writing *writing, const char *chain,
                                     const struct proxy_plan *plan, const struct port_view *port)
{
    char ip[KE_IP_TEXT_MAX];
    const char *proto = proto_text(port->first->proto);
    size_t n_pods = count_pods(writing);
    for (uint32_t i = 0; n_pods > 0 && i < plan->n_cluster_ips; i++) {
        char to[160];
        char mark[200];
        if (plan->cluster_ips[i].family != writing->in->family)
            continue;
        (void)snprintf(to, sizeof(to), "-d %s -p %s -m %s --dport %u",
                       ke_ip_text(&plan->cluster_ips[i], ip), proto, proto,
                       port->first->service_port);
        (void)snprintf(mark, sizeof(mark), "%s -j KUBE-MARK-MASQ", to);
        if (n_pods == 1) {
            pod_rules(writing, chain, "! ", mark);
            continue;
        }
        rule(&writing->nat, "%s %s", chain, mark);
        (void)snprintf(mark, sizeof(mark), "%s -j MARK --and-mark 0xffffbfff", to);
        pod_rules(writing, chain, "", mark);
    }
}

static bool has_other_targets(const struct proxy_group *group, const struct proxy_target *target)
{
    for (uint32_t i = 0; group != NULL && i < group->n_targets; i++)
        if (group->targets[i].port == target->port && ke_ip_eq(&group->targets[i].ip, &target->ip))
            return true;
    return false;
}

static void write_port(struct writing *writing, const struct proxy_plan *plan,
                       const struct port_view *port)
{
    struct names names;
    if (!port->is_used)
        return;
    names_of(plan, port->first, &names);
    if (port->cluster != NULL) {
        head(writing, names.svc);
        write_cluster_masquerade(writing, names.svc, plan, port);
        write_group(writing, plan, port, port->cluster, names.svc);
    }
    if (port->local != NULL) {
        head(writing, names.svl);
        write_cluster_masquerade(writing, names.svl, plan, port);
        write_group(writing, plan, port, port->local, names.svl);
    }
    if (port->is_external)
        write_external(writing, plan, port, &names);
    for (uint32_t i = 0; port->cluster != NULL && i < port->cluster->n_targets; i++)
        write_endpoint(writing, plan, port, &port->cluster->targets[i]);
    for (uint32_t i = 0; port->local != NULL && i < port->local->n_targets; i++)
        if (!has_other_targets(port->cluster, &port->local->targets[i]))
            write_endpoint(writing, plan, port, &port->local->targets[i]);
}

/* ---- where requests come in ---- */

static const char *kind_comment(const struct proxy_front *front)
{
    switch (front->kind) {
    case PROXY_CLUSTER_IP:
        return "cluster IP";
    case PROXY_EXTERNAL_IP:
        return "external IP";
    case PROXY_LB_IP:
        return "loadbalancer IP";
    case PROXY_NODE_PORT:
        break;
    }
    return "node port";
}

static void match_text(const struct proxy_front *front, char *out, size_t size)
{
    char ip[KE_IP_TEXT_MAX];
    const char *proto = proto_text(front->proto);
    if (front->kind == PROXY_NODE_PORT)
        (void)snprintf(out, size, "-m addrtype --dst-type LOCAL -p %s -m %s --dport %u", proto,
                       proto, front->port);
    else
        (void)snprintf(out, size, "-d %s -p %s -m %s --dport %u", ke_ip_text(&front->ip, ip), proto,
                       proto, front->port);
}

static void write_denied(struct writing *writing, const struct proxy_front *front,
                         const struct names *names)
{
    char match[160];
    bool is_internal = front->kind == PROXY_CLUSTER_IP;
    match_text(front, match, sizeof(match));
    rule(&writing->filter, "%s -m comment --comment \"%s has no %sendpoints\" %s -j %s",
         is_internal ? "KUBE-SERVICES" : "KUBE-EXTERNAL-SERVICES", names->port,
         front->deny == PROXY_DENY_DROP ? "local " : "", match,
         front->deny == PROXY_DENY_DROP ? "DROP" : "KUBE-REFUSE");
}

static void write_front(struct writing *writing, const struct proxy_plan *plan,
                        const struct proxy_front *front)
{
    struct names names;
    char match[160];
    names_of(plan, front, &names);
    if (front->deny != PROXY_DENY_NONE) {
        write_denied(writing, front, &names);
        return;
    }
    match_text(front, match, sizeof(match));
    if (front->kind == PROXY_NODE_PORT) {
        rule(&writing->nat,
             "KUBE-NODEPORTS -p %s -m comment --comment \"%s\" -m %s --dport %u -j %s",
             proto_text(front->proto), names.port, proto_text(front->proto), front->port,
             names.ext);
    } else {
        const char *chain = names.ext;
        if (front->kind == PROXY_CLUSTER_IP)
            chain = front->group->is_local ? names.svl : names.svc;
        else if (front->has_ranges)
            chain = names.fw;
        rule(&writing->nat, "KUBE-SERVICES -m comment --comment \"%s %s\" %s -j %s", names.port,
             kind_comment(front), match, chain);
    }
    if (front->has_ranges)
        rule(
            &writing->filter,
            "KUBE-PROXY-FIREWALL -m comment --comment \"%s traffic not accepted by %s\" %s -j DROP",
            names.port, names.fw, match);
    if (front->outside != NULL && front->outside->n_targets == 0)
        rule(&writing->filter,
             "KUBE-EXTERNAL-SERVICES -m comment --comment \"%s has no local endpoints\" %s -j DROP",
             names.port, match);
}

/* ---- the whole file ---- */

static void write_raw(const struct ipt_text *in, struct ke_buf *out)
{
    static const char *const protocols[] = { "udp", "tcp" };
    char ip[KE_IP_TEXT_MAX];
    ke_buf_add_c(out, "*raw\n:KUBE-NOTRACK - [0:0]\n");
    for (size_t i = 0;
         in->settings->is_dns_held && in->settings->dns_address.family == in->family && i < 2;
         i++) {
        const char *address = ke_ip_text(&in->settings->dns_address, ip);
        rule(out, "KUBE-NOTRACK -d %s -p %s -m %s --dport 53 -j CT --notrack", address,
             protocols[i], protocols[i]);
        rule(out, "KUBE-NOTRACK -s %s -p %s -m %s --sport 53 -j CT --notrack", address,
             protocols[i], protocols[i]);
    }
    ke_buf_add_c(out, "COMMIT\n");
}

/* What is left over for a service address after DNAT is refused. */
static void write_leftovers(struct writing *writing)
{
    const struct proxy_settings *settings = writing->in->settings;
    char text[KE_IP_TEXT_MAX];
    for (size_t i = 0; i < settings->n_service_cidrs; i++) {
        char memory[80];
        struct ke_buf range = KE_BUF_FIXED(memory, sizeof(memory));
        if (settings->service_cidrs[i].ip.family != writing->in->family)
            continue;
        ke_cidr_format(&settings->service_cidrs[i], &range);
        rule(&writing->filter,
             "KUBE-SERVICES -m comment --comment \"no service port here\" -d %.*s -j KUBE-REFUSE",
             KE_STR_ARG(ke_buf_str(&range)));
    }
    if (settings->dns_address.family == writing->in->family)
        rule(&writing->filter,
             "KUBE-SERVICES -m comment --comment \"nothing but DNS here\" -d %s -j KUBE-REFUSE",
             ke_ip_text(&settings->dns_address, text));
    for (size_t i = 0; i < writing->in->n_plans; i++)
        for (uint32_t j = 0; j < writing->in->plans[i]->n_cluster_ips; j++) {
            const struct ke_ip *ip = &writing->in->plans[i]->cluster_ips[j];
            bool is_covered = ip->family != writing->in->family;
            for (size_t k = 0; k < settings->n_service_cidrs && !is_covered; k++)
                is_covered = ke_cidr_contains(&settings->service_cidrs[k], ip);
            if (!is_covered)
                rule(&writing->filter, "KUBE-SERVICES -d %s -j KUBE-REFUSE", ke_ip_text(ip, text));
        }
}

static void write_filter_end(struct writing *writing)
{
    struct ke_buf *filter = &writing->filter;
    write_leftovers(writing);
    rule(filter, "KUBE-REFUSE -p tcp -j REJECT --reject-with tcp-reset");
    rule(filter, "KUBE-REFUSE -j REJECT");
    rule(filter, "KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
    rule(filter, "KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark "
                 "0x4000/0x4000 -j ACCEPT");
    rule(filter, "KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" -m "
                 "conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
}

/* Node ports come last: everything for an own address that is no service's. */
static void write_node_ports_jump(struct writing *writing)
{
    const struct proxy_settings *settings = writing->in->settings;
    const char *loopback = writing->in->family == KE_FAMILY_IPV6 ? "::1/128" : "127.0.0.0/8";
    const char *comment = "-m comment --comment \"kubernetes service nodeports; NOTE: this must be "
                          "the last rule in this chain\"";
    if (settings->n_nodeport_addresses == 0) {
        rule(&writing->nat,
             "KUBE-SERVICES %s -m addrtype --dst-type LOCAL ! -d %s -j KUBE-NODEPORTS", comment,
             loopback);
        return;
    }
    for (size_t i = 0; i < settings->n_nodeport_addresses; i++) {
        char memory[80];
        struct ke_buf range = KE_BUF_FIXED(memory, sizeof(memory));
        if (settings->nodeport_addresses[i].ip.family != writing->in->family ||
            ke_ip_is_loopback(&settings->nodeport_addresses[i].ip))
            continue;
        ke_cidr_format(&settings->nodeport_addresses[i], &range);
        rule(&writing->nat,
             "KUBE-SERVICES %s -m addrtype --dst-type LOCAL -d %.*s -j KUBE-NODEPORTS", comment,
             KE_STR_ARG(ke_buf_str(&range)));
    }
}

static void write_nat_end(struct writing *writing)
{
    write_node_ports_jump(writing);
    rule(&writing->nat, "KUBE-MARK-MASQ -j MARK --or-mark 0x4000");
    rule(&writing->nat, "KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN");
    rule(&writing->nat, "KUBE-POSTROUTING -j MARK --xor-mark 0x4000");
    rule(&writing->nat, "KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic "
                        "requiring SNAT\" -j MASQUERADE --random-fully");
}

static void write_plan(struct writing *writing, size_t at)
{
    const struct proxy_plan *plan = writing->in->plans[at];
    uint32_t pos = 0;
    struct port_view port;
    for (uint32_t i = 0; i < plan->n_fronts; i++)
        if (plan->fronts[i].ip.family == writing->in->family)
            write_front(writing, plan, &plan->fronts[i]);
    while ((writing->in->is_changed == NULL || writing->in->is_changed[at]) &&
           next_port(plan, writing->in->family, &pos, &port))
        write_port(writing, plan, &port);
}

static void write_all(struct writing *writing)
{
    static const char *const fixed[] = { "KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING",
                                         "KUBE-MARK-MASQ" };
    for (size_t i = 0; i < KE_ARRAY_LEN(fixed); i++)
        head(writing, fixed[i]);
    for (size_t i = 0; i < writing->in->n_plans; i++)
        write_plan(writing, i);
    write_filter_end(writing);
    write_nat_end(writing);
    for (size_t i = 0; writing->in->gone != NULL && i < writing->in->gone->n; i++)
        head(writing, writing->in->gone->names[i]);
    for (size_t i = 0; writing->in->gone != NULL && i < writing->in->gone->n; i++)
        ke_buf_addf(&writing->nat, "-X %s\n", writing->in->gone->names[i]);
}

enum ke_code ipt_text_make(const struct ipt_text *in, struct ke_buf *out, struct ke_err *err)
{
    struct writing writing = { .in = in,
                               .filter = KE_BUF_INIT(LIMIT_RESPONSE_BYTES),
                               .nat_heads = KE_BUF_INIT(LIMIT_RESPONSE_BYTES),
                               .nat = KE_BUF_INIT(LIMIT_RESPONSE_BYTES) };
    write_all(&writing);
    write_raw(in, out);
    ke_buf_add_c(out,
                 "*filter\n:KUBE-SERVICES - [0:0]\n:KUBE-EXTERNAL-SERVICES - [0:0]\n"
                 ":KUBE-FORWARD - [0:0]\n:KUBE-PROXY-FIREWALL - [0:0]\n:KUBE-REFUSE - [0:0]\n");
    ke_buf_add_str(out, ke_buf_str(&writing.filter));
    ke_buf_add_c(out, "COMMIT\n*nat\n");
    ke_buf_add_str(out, ke_buf_str(&writing.nat_heads));
    ke_buf_add_str(out, ke_buf_str(&writing.nat));
    ke_buf_add_c(out, "COMMIT\n");
    enum ke_code rc = ke_buf_check(&writing.filter, "iptables rules", err);
    if (rc == KE_OK)
        rc = ke_buf_check(&writing.nat_heads, "iptables chains", err);
    if (rc == KE_OK)
        rc = ke_buf_check(&writing.nat, "iptables rules", err);
    if (rc == KE_OK)
        rc = ke_buf_check(out, "iptables rules", err);
    ke_buf_free(&writing.filter);
    ke_buf_free(&writing.nat_heads);
    ke_buf_free(&writing.nat);
    return rc;
}

enum ke_code ipt_text_all(const struct proxy_plan *const *plans, size_t n,
                          const struct proxy_settings *settings, enum ke_family family,
                          struct ke_buf *out, struct ke_err *err)
{
    struct ipt_text in = { .family = family, .settings = settings, .plans = plans, .n_plans = n };
    return ipt_text_make(&in, out, err);
}

/* ---- names of a plan's chains ---- */

static void add_name(struct ipt_chains *chains, const char *name)
{
    void *names = chains->names;
    if (!ke_grow(&names, &chains->cap, chains->n + 1, sizeof(*chains->names))) {
        chains->has_failed = true;
        return;
    }
    chains->names = names;
    (void)snprintf(chains->names[chains->n++], IPT_CHAIN_MAX, "%s", name);
}

static void add_seps(struct ipt_chains *chains, const struct names *names,
                     const struct port_view *port, const struct proxy_group *group)
{
    char sep[IPT_CHAIN_MAX];
    for (uint32_t i = 0; group != NULL && i < group->n_targets; i++) {
        sep_name(names, port->first, &group->targets[i], sep);
        add_name(chains, sep);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

void ipt_chains_of(const struct proxy_plan *plan, enum ke_family family, struct ipt_chains *out)
{
    uint32_t pos = 0;
    struct port_view port;
    struct names names;
    while (plan != NULL && next_port(plan, family, &pos, &port)) {
        if (!port.is_used)
            continue;
        names_of(plan, port.first, &names);
        if (port.cluster != NULL)
            add_name(out, names.svc);
        if (port.local != NULL)
            add_name(out, names.svl);
        if (port.is_external)
            add_name(out, names.ext);
        if (port.is_external && port.is_ranged)
            add_name(out, names.fw);
        add_seps(out, &names, &port, port.cluster);
        add_seps(out, &names, &port, port.local);
    }
    if (out->n == 0)
        return;
    qsort(out->names, out->n, sizeof(*out->names), compare);
    size_t kept = 1;
    for (size_t i = 1; i < out->n; i++)
        if (strcmp(out->names[i], out->names[kept - 1]) != 0)
            memmove(out->names[kept++], out->names[i], sizeof(*out->names));
    out->n = kept;
}

void ipt_chains_deinit(struct ipt_chains *chains)
{
    free(chains->names);
    *chains = (struct ipt_chains){ 0 };
}
