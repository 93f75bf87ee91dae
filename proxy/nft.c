/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules go through libnftables as text, once; elements as messages of our own. What the kernel
 * should have is not kept here but made again from plans; only backends that several services share
 * (hairpin) are counted.
 */
#include "proxy/nft.h"

#include <nftables/libnftables.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "proxy/nft_text.h"

#define TEXT_BYTES (4U << 20)

static const enum ke_family FAMILIES[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };

struct nft_applier {
    const struct proxy_settings *settings;
    struct nfnl_socket socket;
    struct nft_ctx *ctx;
    struct ke_map *hairpins; /* element key: number of services, as a pointer */
    struct ke_map *chains;   /* that are in the kernel, "ip n3" */
    size_t n_texts;
    bool is_loaded;                            /* the table is of this layout */
    _Atomic size_t expected[2][NFT_SET_COUNT]; /* read by status */
};

static unsigned family_at(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? 1 : 0;
}

static enum ke_code run(struct nft_ctx *ctx, struct ke_buf *text, struct ke_err *err)
{
    ke_buf_add_char(text, '\0');
    enum ke_code rc = ke_buf_check(text, "ruleset", err);
    if (rc != KE_OK)
        return rc;
    if (nft_run_cmd_from_buffer(ctx, text->ptr) == 0)
        return KE_OK;
    const char *words = nft_ctx_get_error_buffer(ctx);
    return ke_fail(err, KE_IO, "nftables: %.300s", words != NULL ? words : "refused");
}

static struct nft_ctx *open_context(void)
{
    struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
    if (ctx == NULL)
        return NULL;
    if (nft_ctx_buffer_error(ctx) != 0 || nft_ctx_buffer_output(ctx) != 0) {
        nft_ctx_free(ctx);
        return NULL;
    }
    return ctx;
}

enum ke_code nft_run_text(struct ke_buf *text, bool is_dry, struct ke_err *err)
{
    struct nft_ctx *ctx = open_context();
    if (ctx == NULL)
        return ke_fail(err, KE_NOMEM, "nftables context");
    nft_ctx_set_dry_run(ctx, is_dry);
    enum ke_code rc = run(ctx, text, err);
    nft_ctx_free(ctx);
    return rc;
}

enum ke_code nft_applier_new(const struct proxy_settings *settings, struct nft_applier **out,
                             struct ke_err *err)
{
    struct nft_applier *nft = ke_alloc(sizeof(*nft));
    if (nft == NULL)
        return ke_fail(err, KE_NOMEM, "nftables applier");
    nft->settings = settings;
    nft->socket.fd = -1;
    nft->hairpins = ke_map_new();
    nft->chains = ke_map_new();
    nft->ctx = open_context();
    enum ke_code rc = nfnl_open(&nft->socket, 0, err);
    if (rc == KE_OK && (nft->hairpins == NULL || nft->chains == NULL || nft->ctx == NULL))
        rc = ke_fail(err, KE_NOMEM, "nftables applier");
    if (rc != KE_OK) {
        nft_applier_free(nft);
        return rc;
    }
    *out = nft;
    return KE_OK;
}

void nft_applier_free(struct nft_applier *nft)
{
    if (nft == NULL)
        return;
    nfnl_close(&nft->socket);
    ke_map_free(nft->hairpins);
    ke_map_free(nft->chains);
    if (nft->ctx != NULL)
        nft_ctx_free(nft->ctx);
    free(nft);
}

size_t nft_applier_expected(const struct nft_applier *nft, enum nft_set_id set,
                            enum ke_family family)
{
    return nft->expected[family_at(family)][set];
}

bool nft_applier_is_own(const struct nft_applier *nft, uint32_t port_id)
{
    return port_id == nft->socket.port_id;
}

size_t nft_applier_texts(const struct nft_applier *nft)
{
    return nft->n_texts;
}

/* ---- chains on demand ---- */

static bool note_chain(struct nft_applier *nft, enum ke_family family, const char *name,
                       bool *out_is_new)
{
    ke_auto_buf key = KE_BUF_INIT(64);
    ke_buf_addf(&key, "%s %s", nft_family_name(family), name);
    *out_is_new = ke_map_get(nft->chains, ke_buf_str(&key)) == NULL;
    return !*out_is_new || ke_map_set(nft->chains, ke_buf_str(&key), nft, NULL);
}

/* Chains to be made: some as text, some within the batch. */
struct new_chains {
    struct ke_buf text;
    struct nft_family_chain *items;
    size_t n, cap;
};

static void new_chains_deinit(struct new_chains *chains)
{
    ke_buf_free(&chains->text);
    free(chains->items);
}

/* False: out of memory. */
static bool want_chain(struct nft_applier *nft, enum ke_family family,
                       const struct nft_chain *chain, struct new_chains *out)
{
    char name[NFT_CHAIN_NAME_MAX];
    bool is_new = false;
    void *items = out->items;
    nft_chain_name(chain, name);
    if (!note_chain(nft, family, name, &is_new))
        return false;
    if (is_new && chain->affinity_s > 0)
        nft_text_chain(chain, family, &out->text);
    if (!is_new || chain->affinity_s > 0)
        return true;
    if (!ke_grow(&items, &out->cap, out->n + 1, sizeof(*out->items)))
        return false;
    out->items = items;
    out->items[out->n++] = (struct nft_family_chain){ .family = family, .chain = *chain };
    return true;
}

/* What verdicts lead to and is not there. False: out of memory. */
static bool want_chains_of(struct nft_applier *nft, const struct nft_elements *elements,
                           struct new_chains *out)
{
    for (size_t i = 0; i < elements->n; i++) {
        const struct nft_element *element = &elements->items[i];
        struct nft_chain chain;
        if (element->verdict == NFT_VERDICT_GOTO &&
            nft_chain_parse((const char *)element->data, &chain) &&
            !want_chain(nft, (enum ke_family)element->family, &chain, out))
            return false;
    }
    return true;
}

static bool want_ready_chains(struct nft_applier *nft, enum ke_family family,
                              struct new_chains *out)
{
    bool is_ok = true;
    for (uint32_t count = 1; is_ok && count <= NFT_CHAINS_READY; count++) {
        struct nft_chain chain = { .base = NFT_CHAIN_FRONT, .count = count };
        is_ok = want_chain(nft, family, &chain, out);
    }
    return is_ok;
}

/* ---- shared backends ---- */

/* Counts a service more or less; true when the element itself comes or goes. */
static bool count_hairpin(struct nft_applier *nft, const struct nft_element *element, bool is_more,
                          bool *out_is_ok)
{
    struct ke_str key = ke_str_of((const char *)element->key, element->key_len);
    size_t count = (size_t)(uintptr_t)ke_map_get(nft->hairpins, key);
    size_t next = is_more ? count + 1 : count - 1;
    if (next == 0 || (!is_more && count == 0)) {
        (void)ke_map_del(nft->hairpins, key);
        return count == 1;
    }
    *out_is_ok = ke_map_set(nft->hairpins, key, (void *)(uintptr_t)next, NULL);
    return is_more && count == 0;
}

/* Leaves only those that come or go. False: out of memory. */
static bool filter_hairpins(struct nft_applier *nft, struct nft_elements *elements, bool is_more)
{
    size_t kept = 0;
    bool is_ok = true;
    for (size_t i = 0; i < elements->n && is_ok; i++) {
        const struct nft_element *element = &elements->items[i];
        if (element->set != NFT_HAIRPIN || count_hairpin(nft, element, is_more, &is_ok))
            elements->items[kept++] = *element;
    }
    elements->n = kept;
    return is_ok;
}

static void count_expected(struct nft_applier *nft, const struct nft_elements *elements,
                           bool is_more)
{
    for (size_t i = 0; i < elements->n; i++) {
        _Atomic size_t *count = &nft->expected[family_at((enum ke_family)elements->items[i].family)]
                                              [elements->items[i].set];
        atomic_store(count, atomic_load(count) + (is_more ? 1 : (size_t)-1));
    }
}

/* ---- load ---- */

/* Elements of one set side by side: a stable counting sort. */
static bool gather_by_set(struct nft_elements *elements)
{
    size_t starts[2 * NFT_SET_COUNT + 1] = { 0 };
    struct nft_element *sorted = ke_alloc_n(elements->n + 1, sizeof(*sorted));
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < elements->n; i++)
        starts[family_at((enum ke_family)elements->items[i].family) * NFT_SET_COUNT +
               elements->items[i].set + 1]++;
    for (size_t i = 1; i < KE_ARRAY_LEN(starts); i++)
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < elements->n; i++) {
        const struct nft_element *element = &elements->items[i];
        sorted[starts[family_at((enum ke_family)element->family) * NFT_SET_COUNT +
                      element->set]++] = *element;
    }
    free(elements->items);
    elements->items = sorted;
    elements->cap = elements->n + 1;
    return true;
}

static enum ke_code run_static(struct nft_applier *nft, const struct nft_elements *elements,
                               bool is_fresh, struct new_chains *out, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(TEXT_BYTES);
    struct ke_map *chains = ke_map_new();
    bool is_ok = chains != NULL;
    if (!is_ok)
        return ke_fail(err, KE_NOMEM, "nftables chains");
    ke_map_free(nft->chains);
    nft->chains = chains;
    for (unsigned i = 0; i < 2 && is_ok; i++) {
        const char *family = nft_family_name(FAMILIES[i]);
        if (!proxy_family_is_used(nft->settings, FAMILIES[i]))
            continue;
        if (is_fresh)
            ke_buf_addf(&text, "add table %s " NFT_TABLE "\ndelete table %s " NFT_TABLE "\n",
                        family, family);
        nft_text_static(nft->settings, FAMILIES[i], false, &text);
        is_ok = want_ready_chains(nft, FAMILIES[i], out);
    }
    if (!is_ok || !want_chains_of(nft, elements, out))
        return ke_fail(err, KE_NOMEM, "nftables chains");
    ke_buf_add_str(&text, ke_buf_str(&out->text));
    return run(nft->ctx, &text, err);
}

/* A family that is not used any more is taken away. */
static enum ke_code drop_unused(struct nft_applier *nft, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (unsigned i = 0; i < 2 && rc == KE_OK; i++)
        if (!proxy_family_is_used(nft->settings, FAMILIES[i]))
            rc = nft_table_delete(&nft->socket, FAMILIES[i], err);
    return rc;
}

static enum ke_code try_commit(struct nft_applier *nft, const struct nft_elements *elements,
                               bool is_fresh, struct ke_err *err)
{
    struct new_chains chains = { .text = KE_BUF_INIT(TEXT_BYTES) };
    enum ke_code rc = run_static(nft, elements, is_fresh, &chains, err);
    struct nft_batch batch = {
        .is_full = true, .added = elements, .chains = chains.items, .n_chains = chains.n
    };
    for (unsigned i = 0; i < 2; i++)
        if (proxy_family_is_used(nft->settings, FAMILIES[i]))
            batch.families |= 1U << i;
    if (rc == KE_OK)
        rc = nft_batch_commit(&nft->socket, &batch, err);
    new_chains_deinit(&chains);
    return rc;
}

static enum ke_code commit_all(struct nft_applier *nft, const struct nft_elements *elements,
                               struct ke_err *err)
{
    enum ke_code rc = try_commit(nft, elements, false, err);
    if (rc == KE_OK || rc == KE_NOMEM || nft->is_loaded)
        return rc;
    /* A table of another layout (an older kedge's) cannot be changed in place. */
    return try_commit(nft, elements, true, err);
}

enum ke_code nft_applier_load(struct nft_applier *nft, const struct proxy_plans *plans,
                              struct ke_err *err)
{
    struct nft_elements elements = { 0 };
    size_t pos = 0;
    const struct proxy_plan *plan = NULL;
    struct ke_map *hairpins = ke_map_new();
    if (hairpins == NULL)
        return ke_fail(err, KE_NOMEM, "load nftables");
    ke_map_free(nft->hairpins);
    nft->hairpins = hairpins;
    while ((plan = proxy_plans_next(plans, &pos)) != NULL)
        nft_elements_add_plan(&elements, plan);
    enum ke_code rc = KE_OK;
    if (elements.has_failed || !filter_hairpins(nft, &elements, true) || !gather_by_set(&elements))
        rc = ke_fail(err, KE_NOMEM, "load nftables");
    if (rc == KE_OK)
        rc = commit_all(nft, &elements, err);
    if (rc == KE_OK)
        rc = drop_unused(nft, err);
    if (rc == KE_OK) {
        for (unsigned i = 0; i < 2; i++)
            for (unsigned set = 0; set < NFT_SET_COUNT; set++)
                atomic_store(&nft->expected[i][set], 0);
        count_expected(nft, &elements, true);
        nft->is_loaded = true;
    }
    nft_elements_deinit(&elements);
    return rc;
}

/* ---- change ---- */

static bool diff_all(const struct proxy_change *changes, size_t n, struct nft_elements *gone,
                     struct nft_elements *added)
{
    bool is_ok = true;
    for (size_t i = 0; i < n && is_ok; i++) {
        struct nft_elements old = { 0 };
        struct nft_elements new = { 0 };
        nft_elements_add_plan(&old, changes[i].old);
        nft_elements_add_plan(&new, changes[i].new);
        nft_elements_diff(&old, &new, gone, added);
        is_ok = !old.has_failed && !new.has_failed && !gone->has_failed && !added->has_failed;
        nft_elements_deinit(&old);
        nft_elements_deinit(&new);
    }
    return is_ok;
}

enum ke_code nft_applier_change(struct nft_applier *nft, const struct proxy_change *changes,
                                size_t n, struct ke_err *err)
{
    struct nft_elements gone = { 0 };
    struct nft_elements added = { 0 };
    struct new_chains chains = { .text = KE_BUF_INIT(TEXT_BYTES) };
    enum ke_code rc = KE_OK;
    if (!diff_all(changes, n, &gone, &added) || !filter_hairpins(nft, &gone, false) ||
        !filter_hairpins(nft, &added, true) || !gather_by_set(&gone) || !gather_by_set(&added) ||
        !want_chains_of(nft, &added, &chains))
        rc = ke_fail(err, KE_NOMEM, "change nftables");
    if (rc == KE_OK && chains.text.len > 0) {
        nft->n_texts++;
        rc = run(nft->ctx, &chains.text, err);
    }
    struct nft_batch batch = {
        .chains = chains.items, .n_chains = chains.n, .gone = &gone, .added = &added
    };
    if (rc == KE_OK)
        rc = nft_batch_commit(&nft->socket, &batch, err);
    if (rc == KE_OK) {
        count_expected(nft, &gone, false);
        count_expected(nft, &added, true);
    }
    new_chains_deinit(&chains);
    nft_elements_deinit(&gone);
    nft_elements_deinit(&added);
    return rc;
}

enum ke_code nft_applier_set_dns(struct nft_applier *nft, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(TEXT_BYTES);
    for (unsigned i = 0; i < 2; i++)
        if (proxy_family_is_used(nft->settings, FAMILIES[i]))
            nft_text_dns(nft->settings, FAMILIES[i], &text);
    nft->n_texts++;
    return run(nft->ctx, &text, err);
}
