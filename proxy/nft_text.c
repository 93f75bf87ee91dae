/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules. Order in a packet's life: refuse what cannot be served (guard, before DNAT), DNAT
 * (services), refuse what is left over for a service address (leftovers, after DNAT), masquerade.
 * `$` stands for ip or ip6, `@F@` for a front's key, so that one text serves both families.
 */
#include "proxy/nft_text.h"

#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

const char *nft_family_name(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? "ip6" : "ip";
}

static const char *field_text(char field)
{
    switch (field) {
    case 'a':
        return "$ daddr";
    case 'f':
        return "$ saddr";
    case 'c':
        return "meta l4proto";
    case 'p':
        return "th dport";
    case 's':
        return "numgen random mod 65536";
    case 'b':
        return "$ daddr . th dport";
    default:
        return "meta mark";
    }
}

/* Writes text, putting the family's word for $. */
static void add(struct ke_buf *out, enum ke_family family, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '$')
            ke_buf_add_c(out, nft_family_name(family));
        else
            ke_buf_add_char(out, *text);
    }
}

static const char *type_text(char field, enum ke_family family)
{
    switch (field) {
    case 'c':
        return "inet_proto";
    case 'p':
        return "inet_service";
    case 's':
    case 'm':
        return "mark";
    case 'b':
        return family == KE_FAMILY_IPV6 ? "ipv6_addr . inet_service" : "ipv4_addr . inet_service";
    case 'v':
        return "verdict";
    default:
        return family == KE_FAMILY_IPV6 ? "ipv6_addr" : "ipv4_addr";
    }
}

/*
 * A slot comes from numgen, which nft accepts in a key only where the map is declared by typeof;
 * but it (1.0.6) cannot work with such a map once the kernel has it. So for the kernel a slot is
 * declared as a mark, also four bytes in host order, and the rules that draw it are not text.
 */
static void add_set(enum nft_set_id id, enum ke_family family, bool is_for_reading,
                    struct ke_buf *out)
{
    const struct nft_set_info *info = nft_set_info(id);
    bool is_map = info->data[0] != '\0';
    bool is_drawn = is_for_reading && (id == NFT_BACKENDS || id == NFT_NODE_BACKENDS);
    if (!nft_set_is_used(id, family))
        return;
    ke_buf_addf(out, "\t%s %s {\n\t\t%s ", is_map ? "map" : "set", info->name,
                is_drawn ? "typeof" : "type");
    for (const char *field = info->key; *field != '\0'; field++) {
        if (field != info->key)
            ke_buf_add_c(out, " . ");
        add(out, family, is_drawn ? field_text(*field) : type_text(*field, family));
    }
    if (is_map) {
        ke_buf_add_c(out, " : ");
        add(out, family, is_drawn ? field_text(info->data[0]) : type_text(info->data[0], family));
    }
    ke_buf_add_c(out, ";\n");
    if (info->options[0] != '\0')
        ke_buf_addf(out, "\t\t%s\n", info->options);
    ke_buf_add_c(out, "\t}\n");
}

static void add_cidrs(struct ke_buf *out, const struct ke_cidr *cidrs, size_t n,
                      enum ke_family family)
{
    const char *separator = "{ ";
    for (size_t i = 0; i < n; i++) {
        if (cidrs[i].ip.family != family)
            continue;
        ke_buf_add_c(out, separator);
        struct ke_cidr network = cidrs[i];
        (void)ke_cidr_nth(&cidrs[i], 0, &network.ip);
        ke_cidr_format(&network, out);
        separator = ", ";
    }
    ke_buf_add_c(out, " }");
}

static bool has_family(const struct ke_cidr *cidrs, size_t n, enum ke_family family)
{
    for (size_t i = 0; i < n; i++)
        if (cidrs[i].ip.family == family)
            return true;
    return false;
}

/* ---- chains ---- */

struct base_chain {
    const char *name;
    const char *hook; /* NULL: not a base chain */
};

static const struct base_chain CHAINS[] = {
    { "refuse", NULL },
    { "node_to_cluster", NULL },
    { "node_to_local", NULL },
    { "external_to_cluster", NULL },
    { "external_to_local", NULL },
    { "guard", NULL },
    { "services", NULL },
    { "leftovers", NULL },
    { "raw_prerouting", "type filter hook prerouting priority -300;" },
    { "raw_output", "type filter hook output priority -300;" },
    { "guard_prerouting", "type filter hook prerouting priority -110;" },
    { "guard_output", "type filter hook output priority -110;" },
    { "nat_prerouting", "type nat hook prerouting priority -100;" },
    { "nat_output", "type nat hook output priority -100;" },
    { "leftovers_prerouting", "type filter hook prerouting priority -90;" },
    { "leftovers_output", "type filter hook output priority -90;" },
    { "nat_postrouting", "type nat hook postrouting priority 100;" },
};

#define F "$ daddr . meta l4proto . th dport"
#define N "meta l4proto . th dport"

static void declare_chains(enum ke_family family, struct ke_buf *out)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(CHAINS); i++)
        ke_buf_addf(out, "add chain %s " NFT_TABLE " %s%s%s%s\n", nft_family_name(family),
                    CHAINS[i].name, CHAINS[i].hook != NULL ? " { " : "",
                    CHAINS[i].hook != NULL ? CHAINS[i].hook : "",
                    CHAINS[i].hook != NULL ? " }" : "");
    for (size_t i = 0; i < KE_ARRAY_LEN(CHAINS); i++)
        ke_buf_addf(out, "flush chain %s " NFT_TABLE " %s\n", nft_family_name(family),
                    CHAINS[i].name);
}

static void open_chain(struct ke_buf *out, const char *name)
{
    ke_buf_addf(out, "\tchain %s {\n", name);
}

static void rule(struct ke_buf *out, enum ke_family family, const char *text)
{
    ke_buf_add_c(out, "\t\t");
    add(out, family, text);
    ke_buf_add_char(out, '\n');
}

static void close_chain(struct ke_buf *out)
{
    ke_buf_add_c(out, "\t}\n");
}

/* Addresses at which node ports are served. Loopback is left to the holders of the ports. */
static void node_port_rule(const struct proxy_settings *settings, enum ke_family family,
                           const char *map, struct ke_buf *out)
{
    bool is_guard = strcmp(map, "@node_refused") == 0;
    ke_buf_add_c(out, "\t\tfib daddr type local ");
    if (!is_guard)
        add(out, family, family == KE_FAMILY_IPV6 ? "$ daddr != ::1 " : "$ daddr != 127.0.0.0/8 ");
    if (!is_guard && settings->n_nodeport_addresses > 0) {
        add(out, family, "$ daddr ");
        add_cidrs(out, settings->nodeport_addresses, settings->n_nodeport_addresses, family);
        ke_buf_add_char(out, ' ');
    }
    ke_buf_addf(out, N " vmap %s\n", map);
}

static bool serves_node_ports(const struct proxy_settings *settings, enum ke_family family)
{
    return settings->n_nodeport_addresses == 0 ||
           has_family(settings->nodeport_addresses, settings->n_nodeport_addresses, family);
}

static void pods_rule(const struct proxy_settings *settings, enum ke_family family,
                      const char *before, const char *after, struct ke_buf *out)
{
    if (!has_family(settings->cluster_cidrs, settings->n_cluster_cidrs, family))
        return;
    ke_buf_add_c(out, "\t\t");
    add(out, family, before);
    add_cidrs(out, settings->cluster_cidrs, settings->n_cluster_cidrs, family);
    ke_buf_add_char(out, ' ');
    add(out, family, after);
    ke_buf_add_char(out, '\n');
}

#define MARK "meta mark set meta mark | 0x00004000"

static void guard(const struct proxy_settings *settings, enum ke_family family, struct ke_buf *out)
{
    open_chain(out, "refuse");
    rule(out, family, "meta l4proto tcp reject with tcp reset");
    rule(out, family, "reject");
    close_chain(out);
    open_chain(out, "guard");
    rule(out, family, F " @ranged " F " . $ saddr != @ranges drop");
    rule(out, family, F " vmap @refused");
    rule(out, family, "$ daddr @cluster_ips return");
    if (serves_node_ports(settings, family))
        node_port_rule(settings, family, "@node_refused", out);
    close_chain(out);
    open_chain(out, "leftovers");
    rule(out, family, "ct state new $ daddr @cluster_ips goto refuse");
    if (has_family(settings->service_cidrs, settings->n_service_cidrs, family)) {
        add(out, family, "\t\tct state new $ daddr ");
        add_cidrs(out, settings->service_cidrs, settings->n_service_cidrs, family);
        ke_buf_add_c(out, " goto refuse\n");
    }
    if (settings->dns_address.family == family) {
        add(out, family, "\t\tct state new $ daddr ");
        ke_ip_format(&settings->dns_address, out);
        ke_buf_add_c(out, " goto refuse\n");
    }
    rule(out, family, "ct state invalid $ daddr @cluster_ips drop");
    close_chain(out);
}

/* External policy Local: pods and the node go anywhere, others only to backends of this node. */
static void local_chain(const struct proxy_settings *settings, enum ke_family family,
                        const char *const *parts, struct ke_buf *out)
{
    const char *key = parts[1];
    char everywhere[128];
    (void)snprintf(everywhere, sizeof(everywhere), "%s vmap %s", key, parts[2]);
    open_chain(out, parts[0]);
    pods_rule(settings, family, "$ saddr ", everywhere, out);
    rule(out, family, "fib saddr type local " MARK);
    ke_buf_add_c(out, "\t\tfib saddr type local ");
    add(out, family, everywhere);
    ke_buf_add_c(out, "\n\t\t");
    add(out, family, key);
    ke_buf_addf(out, " vmap %s\n", parts[3]);
    close_chain(out);
}

static void services(const struct proxy_settings *settings, enum ke_family family,
                     struct ke_buf *out)
{
    static const char *const external[] = { "external_to_local", F, "@external",
                                            "@external_local" };
    static const char *const node[] = { "node_to_local", N, "@node_ports", "@node_local" };
    open_chain(out, "external_to_cluster");
    rule(out, family, MARK);
    rule(out, family, F " vmap @external");
    close_chain(out);
    local_chain(settings, family, external, out);
    open_chain(out, "node_to_cluster");
    rule(out, family, MARK);
    rule(out, family, N " vmap @node_ports");
    close_chain(out);
    local_chain(settings, family, node, out);
    open_chain(out, "services");
    pods_rule(settings, family, "$ daddr @cluster_ips $ saddr != ", MARK, out);
    rule(out, family, F " vmap @services");
    rule(out, family, "$ daddr @cluster_ips return");
    rule(out, family, F " vmap @external_kind");
    if (serves_node_ports(settings, family))
        node_port_rule(settings, family, "@node_kind", out);
    close_chain(out);
}

static void base_chains(enum ke_family family, struct ke_buf *out)
{
    static const char *const rules[][2] = {
        { "guard_prerouting", "ct state new jump guard" },
        { "guard_output", "ct state new jump guard" },
        { "nat_prerouting", "jump services" },
        { "nat_output", "jump services" },
        { "leftovers_prerouting", "ct state new,invalid jump leftovers" },
        { "leftovers_output", "ct state new,invalid jump leftovers" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(rules); i++) {
        open_chain(out, rules[i][0]);
        rule(out, family, rules[i][1]);
        close_chain(out);
    }
    open_chain(out, "nat_postrouting");
    rule(out, family,
         "meta mark & 0x00004000 == 0x00004000 meta mark set meta mark & 0xffffbfff "
         "masquerade fully-random");
    rule(out, family, "ct status dnat $ saddr . $ daddr @hairpin masquerade fully-random");
    close_chain(out);
}

/* Questions and answers of the responder need no tracking, in either direction. */
static void dns_rules(const struct proxy_settings *settings, enum ke_family family,
                      struct ke_buf *out)
{
    static const char *const chains[] = { "raw_prerouting", "raw_output" };
    static const char *const directions[][2] = { { "$ daddr ", "th dport" },
                                                 { "$ saddr ", "th sport" } };
    if (settings->dns_address.family != family || !settings->is_dns_held)
        return;
    for (size_t i = 0; i < KE_ARRAY_LEN(chains); i++) {
        for (size_t j = 0; j < KE_ARRAY_LEN(directions); j++) {
            ke_buf_addf(out, "add rule %s " NFT_TABLE " %s ", nft_family_name(family), chains[i]);
            add(out, family, directions[j][0]);
            ke_ip_format(&settings->dns_address, out);
            ke_buf_addf(out, " meta l4proto { tcp, udp } %s 53 notrack\n", directions[j][1]);
        }
    }
}

void nft_text_dns(const struct proxy_settings *settings, enum ke_family family, struct ke_buf *out)
{
    ke_buf_addf(out, "flush chain %s " NFT_TABLE " raw_prerouting\n", nft_family_name(family));
    ke_buf_addf(out, "flush chain %s " NFT_TABLE " raw_output\n", nft_family_name(family));
    dns_rules(settings, family, out);
}

void nft_text_static(const struct proxy_settings *settings, enum ke_family family,
                     bool is_for_reading, struct ke_buf *out)
{
    const char *name = nft_family_name(family);
    ke_buf_addf(out, "table %s " NFT_TABLE " {\n", name);
    for (unsigned id = 0; id < NFT_SET_COUNT; id++)
        add_set((enum nft_set_id)id, family, is_for_reading, out);
    ke_buf_add_c(out, "}\n");
    declare_chains(family, out);
    ke_buf_addf(out, "table %s " NFT_TABLE " {\n", name);
    guard(settings, family, out);
    services(settings, family, out);
    base_chains(family, out);
    ke_buf_add_c(out, "}\n");
    dns_rules(settings, family, out);
}

/* ---- chains per number of backends ---- */

struct pick {
    const char *key;      /* of the front */
    const char *backends; /* without affinity */
    const char *marks, *marked, *affinity;
    unsigned offset; /* of slots */
};

static const struct pick PICKS[] = {
    [NFT_CHAIN_FRONT] = { F, "backends", "marks", "marked", "affinity", 0 },
    [NFT_CHAIN_LOCAL] = { F, "backends", "marks", "marked", "affinity", NFT_LOCAL_SLOT },
    [NFT_CHAIN_NODE] = { N, "node_backends", "node_marks", "node_marked", "node_affinity", 0 },
    [NFT_CHAIN_NODE_LOCAL] = { N, "node_backends", "node_marks", "node_marked", "node_affinity",
                               NFT_LOCAL_SLOT },
};

/* A slot, and by it the mark of a backend. */
static void draw_mark(const struct pick *pick, const struct nft_chain *chain, struct ke_buf *line)
{
    ke_buf_addf(line, "\t\tmeta mark set numgen random mod %u offset %u\n", chain->count,
                pick->offset);
    ke_buf_addf(line, "\t\tmeta mark set %s . meta mark map @%s\n", pick->key, pick->marks);
}

/*
 * The kernel remembers a client's backend as a mark. One that is gone is not in the map of marks
 * any more: no DNAT, the memory is deleted and another is drawn. `update` in a rule of its own: a
 * full map costs affinity, not the connection.
 */
static void learned_rules(const struct pick *pick, const struct nft_chain *chain,
                          bool is_masqueraded, struct ke_buf *out)
{
    const char *to = is_masqueraded ? "\t\tmeta mark set meta mark | 0x00004000\n" : "";
    ke_buf_add_c(out, "\t\tmeta mark set 0x00000000\n");
    ke_buf_addf(out, "\t\tmeta mark set ip saddr . %s map @%s\n", pick->key, pick->affinity);
    for (int attempt = 0; attempt < 2; attempt++) {
        const char *known = attempt == 0 ? "meta mark != 0x00000000 " : "";
        if (attempt == 1) {
            ke_buf_addf(out, "\t\tdelete @%s { ip saddr . %s : meta mark }\n", pick->affinity,
                        pick->key);
            draw_mark(pick, chain, out);
        }
        ke_buf_addf(out, "\t\t%supdate @%s { ip saddr . %s timeout %us : meta mark }\n", known,
                    pick->affinity, pick->key, chain->affinity_s);
        ke_buf_add_c(out, to);
        ke_buf_addf(out, "\t\tdnat ip to %s . meta mark map @%s\n", pick->key, pick->marked);
    }
}

/* IPv6: client and front do not fit into the registers together; the client's address decides. */
static void hashed_rules(const struct pick *pick, const struct nft_chain *chain,
                         bool is_masqueraded, struct ke_buf *out)
{
    ke_buf_addf(out, "\t\tmeta mark set jhash ip6 saddr mod %u seed 0x6b656467 offset %u\n",
                chain->count, pick->offset);
    if (is_masqueraded)
        ke_buf_add_c(out, "\t\tmeta mark set meta mark | 0x00004000\n");
    ke_buf_addf(out, "\t\tdnat ip6 to %s . meta mark map @%s\n", pick->key, pick->marked);
}

static void chain_text(const struct nft_chain *chain, enum ke_family family, const char *name,
                       struct ke_buf *out)
{
    const struct pick *pick = &PICKS[chain->base];
    bool is_learned = family == KE_FAMILY_IPV4;
    ke_auto_buf line = KE_BUF_INIT(4096);
    if (chain->affinity_s == 0) {
        ke_buf_addf(&line, "\t\tdnat $ to %s . numgen random mod %u offset %u map @%s\n", pick->key,
                    chain->count, pick->offset, pick->backends);
    } else {
        ke_buf_addf(&line, "\t\tmeta mark & 0x00004000 == 0x00004000 goto %s_masq\n", name);
        (is_learned ? learned_rules : hashed_rules)(pick, chain, false, &line);
    }
    ke_buf_add_char(&line, '\0');
    open_chain(out, name);
    if (line.failed == KE_OK)
        add(out, family, line.ptr);
    else
        out->failed = line.failed;
    close_chain(out);
    if (chain->affinity_s == 0)
        return;
    ke_buf_clear(&line);
    (is_learned ? learned_rules : hashed_rules)(pick, chain, true, &line);
    ke_buf_add_char(&line, '\0');
    ke_buf_addf(out, "\tchain %s_masq {\n", name);
    if (line.failed == KE_OK)
        add(out, family, line.ptr);
    else
        out->failed = line.failed;
    close_chain(out);
}

void nft_text_chain(const struct nft_chain *chain, enum ke_family family, struct ke_buf *out)
{
    char name[NFT_CHAIN_NAME_MAX];
    const char *suffixes[] = { "", "_masq" };
    nft_chain_name(chain, name);
    for (size_t i = 0; i < (chain->affinity_s > 0 ? 2 : 1); i++) {
        ke_buf_addf(out, "add chain %s " NFT_TABLE " %s%s\n", nft_family_name(family), name,
                    suffixes[i]);
        ke_buf_addf(out, "flush chain %s " NFT_TABLE " %s%s\n", nft_family_name(family), name,
                    suffixes[i]);
    }
    ke_buf_addf(out, "table %s " NFT_TABLE " {\n", nft_family_name(family));
    chain_text(chain, family, name, out);
    ke_buf_add_c(out, "}\n");
}
