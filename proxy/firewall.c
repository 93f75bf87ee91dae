/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other firewalls do with forwarded and incoming connections, read through the programs that
 * administrators use, so that what is named is what they see.
 */
#include "proxy/firewall.h"

#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "proxy/command.h"

#define OUTPUT_BYTES (8U << 20)
#define TIMEOUT_MS   5000
#define COMMENT      "kedge: forwarded service traffic"

/* The variants differ in the kernel's tables, so each has a policy of its own. */
struct variant {
    const char *program;
    enum ke_family family;
    bool is_nft;
};
static const struct variant VARIANTS[] = {
    { "iptables-nft", KE_FAMILY_IPV4, true },
    { "iptables-legacy", KE_FAMILY_IPV4, false },
    { "ip6tables-nft", KE_FAMILY_IPV6, true },
    { "ip6tables-legacy", KE_FAMILY_IPV6, false },
};

/* Asking a legacy variant would make its tables where there are none. */
static bool is_in_use(const struct variant *variant)
{
    ke_auto_buf names = KE_BUF_INIT(4096);
    struct ke_err ignored = KE_ERR_INIT;
    const char *path = variant->family == KE_FAMILY_IPV6 ? "/proc/self/net/ip6_tables_names"
                                                         : "/proc/self/net/ip_tables_names";
    if (!command_exists(variant->program))
        return false;
    if (variant->is_nft)
        return true;
    struct ke_str rest = { 0 };
    struct ke_str line;
    if (ke_file_read(path, &names, &ignored) != KE_OK)
        return false;
    rest = ke_buf_str(&names);
    while (ke_str_split(&rest, '\n', &line))
        if (ke_str_eq_c(line, "filter"))
            return true;
    return false;
}

struct chain_facts {
    bool is_dropping;  /* policy DROP, or a last rule for all that drops or rejects */
    bool is_opened;    /* an accept for marked or commented service traffic is there */
    const char *owner; /* who is known to make such rules */
};

static const char *owner_of(struct ke_str rules)
{
    static const char *const owners[][2] = { { "DOCKER", "Docker" },
                                             { "ufw", "ufw" },
                                             { "LIBVIRT", "libvirt" },
                                             { "FIREWALLD", "firewalld" } };
    for (size_t i = 0; i < KE_ARRAY_LEN(owners); i++)
        if (rules.len > 0 &&
            memmem(rules.ptr, rules.len, owners[i][0], strlen(owners[i][0])) != NULL)
            return owners[i][1];
    return NULL;
}

static bool contains(struct ke_str text, const char *word)
{
    return text.len > 0 && memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

/* Rules as `iptables -S CHAIN` prints them. */
static void read_rules(struct ke_str rules, const char *chain, struct chain_facts *out)
{
    char policy[64];
    char drop[64];
    char reject[64];
    struct ke_str rest = rules;
    struct ke_str line;
    (void)snprintf(policy, sizeof(policy), "-P %s DROP", chain);
    (void)snprintf(drop, sizeof(drop), "-A %s -j DROP", chain);
    (void)snprintf(reject, sizeof(reject), "-A %s -j REJECT", chain);
    *out = (struct chain_facts){ .owner = owner_of(rules) };
    while (ke_str_split(&rest, '\n', &line)) {
        if (ke_str_has_prefix(line, ke_str_c(policy)) || ke_str_has_prefix(line, ke_str_c(drop)) ||
            ke_str_has_prefix(line, ke_str_c(reject)))
            out->is_dropping = true;
        if (contains(line, COMMENT) && contains(line, "-j ACCEPT") && !out->is_dropping)
            out->is_opened = true;
        if (contains(line, COMMENT))
            out->is_opened = true;
    }
}

static bool look_at(const struct variant *variant, const char *chain, struct chain_facts *out)
{
    const char *argv[] = { variant->program, "-w", "5", "-S", chain, NULL };
    ke_auto_buf rules = KE_BUF_INIT(OUTPUT_BYTES);
    struct ke_err ignored = KE_ERR_INIT;
    if (!is_in_use(variant) || command_run(argv, KE_STR(""), &rules, TIMEOUT_MS, &ignored) != KE_OK)
        return false;
    read_rules(ke_buf_str(&rules), chain, out);
    return true;
}

static void name_forward(const struct variant *variant, const struct chain_facts *facts,
                         struct firewall_finding *out)
{
    out->drops_forward = true;
    (void)snprintf(out->what, sizeof(out->what),
                   "%s: chain FORWARD drops what no rule accepts%s%s%s", variant->program,
                   facts->owner != NULL ? " (" : "", facts->owner != NULL ? facts->owner : "",
                   facts->owner != NULL ? ")" : "");
    (void)snprintf(out->mend, sizeof(out->mend),
                   "%s -I FORWARD -m conntrack --ctstate DNAT,ESTABLISHED,RELATED -m comment "
                   "--comment '" COMMENT "' -j ACCEPT",
                   variant->program);
}

static void name_input(const struct variant *variant, const struct chain_facts *facts,
                       struct firewall_finding *out)
{
    out->drops_input = true;
    (void)snprintf(out->what, sizeof(out->what), "%s: chain INPUT drops what no rule accepts%s%s%s",
                   variant->program, facts->owner != NULL ? " (" : "",
                   facts->owner != NULL ? facts->owner : "", facts->owner != NULL ? ")" : "");
    (void)snprintf(out->mend, sizeof(out->mend),
                   "%s -I INPUT -p udp --dport 53 -m comment --comment 'kedge: DNS' -j ACCEPT",
                   variant->program);
}

static size_t look_for_firewalld(struct firewall_finding *out)
{
    if (!ke_file_exists("/run/firewalld.pid") && !ke_file_exists("/run/firewalld/firewalld.pid"))
        return 0;
    *out = (struct firewall_finding){ .drops_forward = true };
    (void)snprintf(out->what, sizeof(out->what),
                   "firewalld runs: its zones drop forwarded traffic they do not know");
    (void)snprintf(out->mend, sizeof(out->mend),
                   "firewall-cmd --permanent --zone=trusted --add-source=POD-RANGE && "
                   "firewall-cmd --reload");
    return 1;
}

size_t firewall_look(const struct proxy_settings *settings, struct firewall_finding *out,
                     size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(VARIANTS) && n + 2 <= max; i++) {
        const struct variant *variant = &VARIANTS[i];
        struct chain_facts facts;
        if (!proxy_family_is_used(settings, variant->family))
            continue;
        memset(&out[n], 0, 2 * sizeof(*out));
        if (look_at(variant, "FORWARD", &facts) && facts.is_dropping && !facts.is_opened)
            name_forward(variant, &facts, &out[n++]);
        memset(&out[n], 0, sizeof(*out));
        if (look_at(variant, "INPUT", &facts) && facts.is_dropping && !facts.is_opened)
            name_input(variant, &facts, &out[n++]);
    }
    if (n < max)
        n += look_for_firewalld(&out[n]);
    return n;
}

/* iptables -I FORWARD ... or, for undo, -D FORWARD ... */
static void forward_rule(const char *program, const char *verb, const char *argv[20])
{
    const char *const words[] = { program,     "-w",        "5",
                                  verb,        "FORWARD",   "-m",
                                  "conntrack", "--ctstate", "DNAT,ESTABLISHED,RELATED",
                                  "-m",        "comment",   "--comment",
                                  COMMENT,     "-j",        "ACCEPT",
                                  NULL };
    memcpy(argv, words, sizeof(words));
}

enum ke_code firewall_open_forward(struct host_ledger *ledger,
                                   const struct proxy_settings *settings, struct ke_err *err)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(VARIANTS); i++) {
        const char *argv[20];
        struct chain_facts facts;
        if (!proxy_family_is_used(settings, VARIANTS[i].family) ||
            !look_at(&VARIANTS[i], "FORWARD", &facts) || !facts.is_dropping || facts.is_opened)
            continue;
        forward_rule(VARIANTS[i].program, "-D", argv);
        enum ke_code rc = host_record_undo_command(ledger, argv, err);
        if (rc != KE_OK)
            return rc;
        forward_rule(VARIANTS[i].program, "-I", argv);
        rc = command_run(argv, KE_STR(""), NULL, TIMEOUT_MS, err);
        if (rc != KE_OK)
            return ke_wrap(err, "open FORWARD");
    }
    return KE_OK;
}
