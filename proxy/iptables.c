/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs iptables-restore. A change writes the chains that name all services, and those of the
 * services that changed; nothing is read back but on a full load, which looks for chains that no
 * service has any more.
 */
#include "proxy/iptables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "proxy/command.h"
#include "proxy/iptables_text.h"

#define TIMEOUT_MS   60000
#define CHANGES_MAX  64 /* more than that is a load */
#define LISTED_BYTES (256U << 20)
#define OWN_MARK     ":KUBE-REFUSE "

static const enum ke_family FAMILIES[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };

struct ipt_applier {
    const struct proxy_settings *settings;
    char variant[8]; /* "", "-nft" or "-legacy" */
};

static const char *program(const char *variant, enum ke_family family, const char *suffix,
                           char out[40])
{
    (void)snprintf(out, 40, "%s%s%s", family == KE_FAMILY_IPV6 ? "ip6tables" : "iptables", variant,
                   suffix);
    return out;
}

/* ---- which variant ---- */

/* Asking legacy iptables makes its tables: only where the kernel has them already. */
static bool has_legacy_tables(enum ke_family family)
{
    ke_auto_buf names = KE_BUF_INIT(4096);
    struct ke_err ignored = KE_ERR_INIT;
    const char *path = family == KE_FAMILY_IPV6 ? "/proc/self/net/ip6_tables_names"
                                                : "/proc/self/net/ip_tables_names";
    return ke_file_read(path, &names, &ignored) == KE_OK && names.len > 0;
}

static size_t count_rules(const char *variant)
{
    char name[40];
    const char *argv[] = { program(variant, KE_FAMILY_IPV4, "-save", name), NULL };
    ke_auto_buf rules = KE_BUF_INIT(LISTED_BYTES);
    struct ke_err ignored = KE_ERR_INIT;
    struct ke_str rest;
    struct ke_str line;
    size_t n = 0;
    if (command_run(argv, KE_STR(""), &rules, TIMEOUT_MS, &ignored) != KE_OK)
        return 0;
    rest = ke_buf_str(&rules);
    while (ke_str_split(&rest, '\n', &line))
        n += ke_str_has_prefix(line, KE_STR("-A "));
    return n;
}

/* The one that has the host's rules; where neither has any, what `iptables` is. */
static void choose_variant(struct ipt_applier *ipt)
{
    size_t n_legacy = has_legacy_tables(KE_FAMILY_IPV4) && command_exists("iptables-legacy")
                          ? count_rules("-legacy")
                          : 0;
    size_t n_nft = command_exists("iptables-nft") ? count_rules("-nft") : 0;
    if (n_legacy > n_nft)
        (void)snprintf(ipt->variant, sizeof(ipt->variant), "-legacy");
    else if (n_nft > n_legacy)
        (void)snprintf(ipt->variant, sizeof(ipt->variant), "-nft");
}

enum ke_code ipt_applier_new(const struct proxy_settings *settings, struct ipt_applier **out,
                             struct ke_err *err)
{
    if (!command_exists("iptables-restore"))
        return ke_fail(err, KE_UNAVAILABLE, "iptables-restore is not installed");
    struct ipt_applier *ipt = ke_alloc(sizeof(*ipt));
    if (ipt == NULL)
        return ke_fail(err, KE_NOMEM, "iptables applier");
    ipt->settings = settings;
    choose_variant(ipt);
    *out = ipt;
    return KE_OK;
}

void ipt_applier_free(struct ipt_applier *ipt)
{
    free(ipt);
}

/* ---- applying ---- */

static enum ke_code restore(const struct ipt_applier *ipt, const struct ipt_text *text,
                            struct ke_err *err)
{
    char name[40];
    const char *argv[] = { program(ipt->variant, text->family, "-restore", name),
                           "-w",
                           "30",
                           "--noflush",
                           "--counters",
                           NULL };
    ke_auto_buf file = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = ipt_text_make(text, &file, err);
    return rc == KE_OK ? command_run(argv, ke_buf_str(&file), NULL, TIMEOUT_MS, err) : rc;
}

/* iptables -t TABLE VERB CHAIN words... */
static enum ke_code run_jump(const char *variant, enum ke_family family,
                             const struct ipt_jump *jump, const char *verb, struct ke_err *err)
{
    char name[40];
    const char *argv[32] = {
        program(variant, family, "", name), "-w", "30", "-t", jump->table, verb, jump->chain
    };
    size_t n = 7;
    for (size_t i = 0; jump->words[i] != NULL; i++)
        argv[n++] = jump->words[i];
    return command_run(argv, KE_STR(""), NULL, TIMEOUT_MS, err);
}

static enum ke_code ensure_jumps(const struct ipt_applier *ipt, enum ke_family family,
                                 struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (size_t i = 0; i < IPT_N_JUMPS && rc == KE_OK; i++) {
        struct ke_err absent = KE_ERR_INIT;
        if (run_jump(ipt->variant, family, &IPT_JUMPS[i], "-C", &absent) != KE_OK)
            rc = run_jump(ipt->variant, family, &IPT_JUMPS[i], "-I", err);
    }
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool is_known(const struct ipt_chains *chains, const char *name)
{
    return chains->n > 0 &&
           bsearch(name, chains->names, chains->n, sizeof(*chains->names), compare_names) != NULL;
}

static bool add_name(struct ipt_chains *chains, struct ke_str name)
{
    void *names = chains->names;
    if (!ke_grow(&names, &chains->cap, chains->n + 1, sizeof(*chains->names)))
        return false;
    chains->names = names;
    (void)snprintf(chains->names[chains->n++], IPT_CHAIN_MAX, "%.*s", KE_STR_ARG(name));
    return true;
}

static bool is_per_service(struct ke_str name)
{
    size_t dashes = 0;
    for (size_t i = 0; i < name.len; i++)
        dashes += name.ptr[i] == '-';
    return dashes == 2 && ipt_is_own_chain(name) && name.len > 20;
}

/* Chains of services in nat that are not wanted. */
static enum ke_code find_gone(const struct ipt_applier *ipt, enum ke_family family,
                              const struct ipt_chains *wanted, struct ipt_chains *out,
                              struct ke_err *err)
{
    char name[40];
    char chain[IPT_CHAIN_MAX];
    const char *argv[] = { program(ipt->variant, family, "-save", name), "-t", "nat", NULL };
    ke_auto_buf listed = KE_BUF_INIT(LISTED_BYTES);
    enum ke_code rc = command_run(argv, KE_STR(""), &listed, TIMEOUT_MS, err);
    struct ke_str rest = ke_buf_str(&listed);
    struct ke_str line;
    while (rc == KE_OK && ke_str_split(&rest, '\n', &line)) {
        struct ke_str word;
        if (!ke_str_cut_prefix(&line, KE_STR(":")) || !ke_str_split(&line, ' ', &word) ||
            !is_per_service(word) || word.len >= IPT_CHAIN_MAX)
            continue;
        (void)snprintf(chain, sizeof(chain), "%.*s", KE_STR_ARG(word));
        if (!is_known(wanted, chain) && !add_name(out, word))
            rc = ke_fail(err, KE_NOMEM, "find unused chains");
    }
    return rc;
}

static enum ke_code load_family(const struct ipt_applier *ipt, enum ke_family family,
                                const struct proxy_plan *const *plans, size_t n, struct ke_err *err)
{
    struct ipt_chains wanted = { 0 };
    struct ipt_chains gone = { 0 };
    for (size_t i = 0; i < n; i++)
        ipt_chains_of(plans[i], family, &wanted);
    enum ke_code rc = wanted.has_failed ? ke_fail(err, KE_NOMEM, "iptables chains") : KE_OK;
    if (rc == KE_OK)
        rc = find_gone(ipt, family, &wanted, &gone, err);
    struct ipt_text text = {
        .family = family, .settings = ipt->settings, .plans = plans, .n_plans = n, .gone = &gone
    };
    if (rc == KE_OK)
        rc = restore(ipt, &text, err);
    if (rc == KE_OK)
        rc = ensure_jumps(ipt, family, err);
    ipt_chains_deinit(&wanted);
    ipt_chains_deinit(&gone);
    return rc;
}

enum ke_code ipt_applier_load(struct ipt_applier *ipt, const struct proxy_plans *plans,
                              struct ke_err *err)
{
    ke_auto_ptr const struct proxy_plan **sorted = proxy_plans_sorted(plans);
    enum ke_code rc = sorted != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "load iptables");
    for (unsigned i = 0; i < 2 && rc == KE_OK; i++)
        if (proxy_family_is_used(ipt->settings, FAMILIES[i]))
            rc = load_family(ipt, FAMILIES[i], sorted, proxy_plans_count(plans), err);
    return rc;
}

/* ---- changes ---- */

struct changed_plans {
    const struct proxy_plan **plans;
    bool *is_changed;
    size_t n;
};

static bool is_replaced(const struct proxy_plan *plan, const struct proxy_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (changes[i].old == plan)
            return true;
    return false;
}

/* All plans as they will be, the changed ones behind the others. */
static bool gather(const struct proxy_plans *plans, const struct proxy_change *changes, size_t n,
                   struct changed_plans *out)
{
    size_t pos = 0;
    size_t max = proxy_plans_count(plans) + n + 1;
    const struct proxy_plan *plan = NULL;
    out->plans = ke_alloc_n(max, sizeof(*out->plans));
    out->is_changed = ke_alloc_n(max, sizeof(*out->is_changed));
    if (out->plans == NULL || out->is_changed == NULL)
        return false;
    while ((plan = proxy_plans_next(plans, &pos)) != NULL)
        if (!is_replaced(plan, changes, n))
            out->plans[out->n++] = plan;
    for (size_t i = 0; i < n; i++) {
        if (changes[i].new == NULL)
            continue;
        out->is_changed[out->n] = true;
        out->plans[out->n++] = changes[i].new;
    }
    return true;
}

static bool find_left(const struct proxy_change *changes, size_t n, enum ke_family family,
                      struct ipt_chains *out)
{
    bool is_ok = true;
    for (size_t i = 0; i < n && is_ok; i++) {
        struct ipt_chains old = { 0 };
        struct ipt_chains new = { 0 };
        ipt_chains_of(changes[i].old, family, &old);
        ipt_chains_of(changes[i].new, family, &new);
        is_ok = !old.has_failed && !new.has_failed;
        for (size_t j = 0; j < old.n && is_ok; j++)
            is_ok = is_known(&new, old.names[j]) || add_name(out, ke_str_c(old.names[j]));
        ipt_chains_deinit(&old);
        ipt_chains_deinit(&new);
    }
    return is_ok;
}

enum ke_code ipt_applier_change(struct ipt_applier *ipt, const struct proxy_plans *plans,
                                const struct proxy_change *changes, size_t n, struct ke_err *err)
{
    struct changed_plans all = { 0 };
    enum ke_code rc =
        gather(plans, changes, n, &all) ? KE_OK : ke_fail(err, KE_NOMEM, "change iptables");
    for (unsigned i = 0; i < 2 && rc == KE_OK; i++) {
        if (!proxy_family_is_used(ipt->settings, FAMILIES[i]))
            continue;
        struct ipt_chains gone = { 0 };
        struct ipt_text text = { .family = FAMILIES[i],
                                 .settings = ipt->settings,
                                 .plans = all.plans,
                                 .n_plans = all.n,
                                 .is_changed = n <= CHANGES_MAX ? all.is_changed : NULL,
                                 .gone = &gone };
        rc = find_left(changes, n, FAMILIES[i], &gone) ? restore(ipt, &text, err)
                                                       : ke_fail(err, KE_NOMEM, "change iptables");
        ipt_chains_deinit(&gone);
    }
    free(all.plans);
    free(all.is_changed);
    return rc;
}

bool ipt_applier_is_intact(const struct ipt_applier *ipt)
{
    static const struct ipt_jump chain = { "nat",
                                           "KUBE-MARK-MASQ",
                                           { "-j", "MARK", "--or-mark", "0x4000" } };
    struct ke_err ignored = KE_ERR_INIT;
    for (unsigned i = 0; i < 2; i++) {
        if (!proxy_family_is_used(ipt->settings, FAMILIES[i]))
            continue;
        if (run_jump(ipt->variant, FAMILIES[i], &chain, "-C", &ignored) != KE_OK)
            return false;
        for (size_t j = IPT_N_JUMPS - 3; j < IPT_N_JUMPS; j++)
            if (run_jump(ipt->variant, FAMILIES[i], &IPT_JUMPS[j], "-C", &ignored) != KE_OK)
                return false;
    }
    return true;
}

enum ke_code ipt_chain_read(const struct ipt_applier *ipt, enum ke_family family, const char *chain,
                            struct ke_buf *out, struct ke_err *err)
{
    char name[40];
    const char *argv[] = {
        program(ipt->variant, family, "", name), "-w", "5", "-t", "nat", "-S", chain, NULL
    };
    return command_run(argv, KE_STR(""), out, TIMEOUT_MS, err);
}

/* ---- cleanup ---- */

/* Our chains of a table: emptied, so that none refers to another, then deleted. */
static void add_removal(struct ke_str listed, struct ke_buf *out)
{
    struct ke_str line;
    struct ke_str rest = listed;
    ke_auto_buf deletes = KE_BUF_INIT(LISTED_BYTES);
    ke_auto_buf heads = KE_BUF_INIT(LISTED_BYTES);
    while (ke_str_split(&rest, '\n', &line)) {
        struct ke_str name;
        if (ke_str_has_prefix(line, KE_STR("*"))) {
            ke_buf_clear(&heads);
            ke_buf_clear(&deletes);
            ke_buf_add_str(&heads, line);
            ke_buf_add_char(&heads, '\n');
        } else if (ke_str_eq_c(line, "COMMIT")) {
            if (deletes.len > 0) {
                ke_buf_add_str(out, ke_buf_str(&heads));
                ke_buf_add_str(out, ke_buf_str(&deletes));
                ke_buf_add_c(out, "COMMIT\n");
            }
        } else if (ke_str_cut_prefix(&line, KE_STR(":")) && ke_str_split(&line, ' ', &name) &&
                   ipt_is_own_chain(name)) {
            ke_buf_addf(&heads, ":%.*s - [0:0]\n", KE_STR_ARG(name));
            ke_buf_addf(&deletes, "-X %.*s\n", KE_STR_ARG(name));
        }
    }
}

static enum ke_code cleanup_variant(const char *variant, enum ke_family family, struct ke_err *err)
{
    char save[40];
    char load[40];
    const char *list[] = { program(variant, family, "-save", save), NULL };
    const char *apply[] = { program(variant, family, "-restore", load), "-w", "30", "--noflush",
                            NULL };
    ke_auto_buf listed = KE_BUF_INIT(LISTED_BYTES);
    ke_auto_buf text = KE_BUF_INIT(LISTED_BYTES);
    struct ke_err ignored = KE_ERR_INIT;
    if (!command_exists(save) ||
        command_run(list, KE_STR(""), &listed, TIMEOUT_MS, &ignored) != KE_OK)
        return KE_OK; /* no such iptables: nothing of ours is there */
    /* Without the chain that only kedge makes these are a real kube-proxy's, if anybody's. */
    if (listed.len == 0 || memmem(listed.ptr, listed.len, OWN_MARK, sizeof(OWN_MARK) - 1) == NULL)
        return KE_OK;
    for (size_t i = 0; i < IPT_N_JUMPS; i++)
        while (run_jump(variant, family, &IPT_JUMPS[i], "-D", &ignored) == KE_OK)
            continue;
    add_removal(ke_buf_str(&listed), &text);
    enum ke_code rc = ke_buf_check(&text, "chains to remove", err);
    return rc == KE_OK ? command_run(apply, ke_buf_str(&text), NULL, TIMEOUT_MS, err) : rc;
}

enum ke_code ipt_cleanup(struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (unsigned i = 0; i < 2; i++) {
        if (rc == KE_OK)
            rc = cleanup_variant("-nft", FAMILIES[i], err);
        if (rc == KE_OK && has_legacy_tables(FAMILIES[i]))
            rc = cleanup_variant("-legacy", FAMILIES[i], err);
    }
    return rc;
}
