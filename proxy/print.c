/* SPDX-License-Identifier: Apache-2.0 */
/* The whole ruleset for a table as text, and what cleanup takes away. */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "proxy/iptables_text.h"
#include "proxy/nft.h"
#include "proxy/nft_text.h"
#include "proxy/plan.h"

static const enum ke_family FAMILIES[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };

static int compare_names(const void *a, const void *b)
{
    const struct nft_chain *left = a;
    const struct nft_chain *right = b;
    if (left->base != right->base)
        return left->base < right->base ? -1 : 1;
    if (left->affinity_s != right->affinity_s)
        return left->affinity_s < right->affinity_s ? -1 : 1;
    return left->count < right->count ? -1 : left->count > right->count;
}

/* The chains that the elements of a family lead to, each once. */
static bool print_chains(const struct nft_elements *elements, enum ke_family family,
                         struct ke_buf *out)
{
    size_t n = 0;
    struct nft_chain *chains = ke_alloc_n(elements->n + 1, sizeof(*chains));
    if (chains == NULL)
        return false;
    for (size_t i = 0; i < elements->n; i++)
        if (elements->items[i].family == family && elements->items[i].verdict == NFT_VERDICT_GOTO &&
            nft_chain_parse((const char *)elements->items[i].data, &chains[n]))
            n++;
    qsort(chains, n, sizeof(*chains), compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || compare_names(&chains[i], &chains[i - 1]) != 0)
            nft_text_chain(&chains[i], family, out);
    free(chains);
    return true;
}

static void print_elements(const struct nft_elements *elements, enum ke_family family,
                           struct ke_buf *out)
{
    for (size_t i = 0; i < elements->n; i++) {
        const struct nft_element *element = &elements->items[i];
        if (element->family != family)
            continue;
        ke_buf_addf(out, "add element %s " NFT_TABLE " %s { ", nft_family_name(family),
                    nft_set_info((enum nft_set_id)element->set)->name);
        nft_element_print(element, out);
        ke_buf_add_c(out, " }\n");
    }
}

static enum ke_code print_nft(const struct proxy_plan *const *plans, size_t n,
                              const struct proxy_settings *settings, struct ke_buf *out,
                              struct ke_err *err)
{
    struct nft_elements elements = { 0 };
    for (size_t i = 0; i < n; i++)
        nft_elements_add_plan(&elements, plans[i]);
    nft_elements_sort(&elements);
    bool is_ok = !elements.has_failed;
    for (unsigned i = 0; i < 2 && is_ok; i++) {
        if (!proxy_family_is_used(settings, FAMILIES[i]))
            continue;
        nft_text_static(settings, FAMILIES[i], true, out);
        is_ok = print_chains(&elements, FAMILIES[i], out);
        print_elements(&elements, FAMILIES[i], out);
    }
    nft_elements_deinit(&elements);
    return is_ok ? ke_buf_check(out, "ruleset", err) : ke_fail(err, KE_NOMEM, "print the ruleset");
}

static enum ke_code plan_table(struct endpoint_table *table, const struct proxy_settings *settings,
                               struct proxy_plans *plans, struct ke_err *err)
{
    uint64_t pos = 0;
    enum ke_code rc = KE_OK;
    const struct endpoint_service *service = NULL;
    ke_snap_read_begin();
    while (rc == KE_OK && (service = endpoint_table_next(table, &pos)) != NULL) {
        struct proxy_plan *plan = NULL;
        struct proxy_plan *old = NULL;
        rc = proxy_plan_make(table, settings, service, NULL, &plan, err);
        if (rc == KE_OK && plan != NULL &&
            !proxy_plans_set(plans, service->ns, service->name, plan, &old)) {
            free(plan);
            rc = ke_fail(err, KE_NOMEM, "plan the table");
        }
        free(old);
    }
    ke_snap_read_end();
    return rc;
}

enum ke_code proxy_plan_print(struct endpoint_table *table, enum proxy_backend backend,
                              const struct proxy_settings *settings, struct ke_buf *out,
                              struct ke_err *err)
{
    KE_AUTO(proxy_plans) *plans = proxy_plans_new();
    if (plans == NULL)
        return ke_fail(err, KE_NOMEM, "plan the table");
    enum ke_code rc = plan_table(table, settings, plans, err);
    ke_auto_ptr const struct proxy_plan **sorted = rc == KE_OK ? proxy_plans_sorted(plans) : NULL;
    if (rc != KE_OK)
        return rc;
    if (sorted == NULL)
        return ke_fail(err, KE_NOMEM, "plan the table");
    if (backend == PROXY_NFTABLES)
        return print_nft(sorted, proxy_plans_count(plans), settings, out, err);
    for (unsigned i = 0; i < 2 && rc == KE_OK; i++)
        if (proxy_family_is_used(settings, FAMILIES[i]))
            rc = ipt_text_all(sorted, proxy_plans_count(plans), settings, FAMILIES[i], out, err);
    return rc;
}
