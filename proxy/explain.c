/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases POLICY and KERNEL of a walk. What should be is planned again from the table by the
 * same code that programs the kernel; what is comes from the kernel, element by element. Job
 * threads.
 */
#include <stdlib.h>

#include "core/base/limits.h"
#include "proxy/firewall.h"
#include "proxy/iptables_text.h"
#include "proxy/proxy_impl.h"

#define LINE_BYTES 512

/* ---- which front the request meets ---- */

static bool is_met(const struct proxy_front *front, const struct explain_request *request)
{
    if (front->proto != request->proto && request->proto != 0)
        return false;
    if (request->is_node_port)
        return front->kind == PROXY_NODE_PORT && front->port == request->port;
    return front->kind != PROXY_NODE_PORT && ke_ip_eq(&front->ip, &request->address) &&
           (request->port == 0 || front->port == request->port);
}

static const struct proxy_front *find_front(const struct proxy_plan *plan,
                                            const struct explain_request *request)
{
    for (uint32_t i = 0; plan != NULL && i < plan->n_fronts; i++)
        if (is_met(&plan->fronts[i], request))
            return &plan->fronts[i];
    return NULL;
}

/* Returned (free), or NULL: nothing is known of the service, or no memory. */
static struct proxy_plan *plan_for(struct proxy *proxy, const struct explain_request *request)
{
    struct proxy_plan *plan = NULL;
    struct ke_err err = KE_ERR_INIT;
    ke_snap_read_begin();
    const struct endpoint_service *service =
        endpoint_table_find(proxy->table, request->service_ns, request->service_name);
    if (service != NULL &&
        proxy_plan_make(proxy->table, proxy->settings, service, NULL, &plan, &err) != KE_OK)
        plan = NULL;
    ke_snap_read_end();
    return plan;
}

static const char *kind_text(enum proxy_front_kind kind)
{
    switch (kind) {
    case PROXY_CLUSTER_IP:
        return "ClusterIP";
    case PROXY_EXTERNAL_IP:
        return "external IP";
    case PROXY_LB_IP:
        return "load-balancer IP";
    case PROXY_NODE_PORT:
        return "node port";
    }
    return "?";
}

static bool is_dns(const struct proxy *proxy, const struct explain_request *request)
{
    return request->has_address && proxy->settings->dns_address.family != KE_FAMILY_NONE &&
           ke_ip_eq(&proxy->settings->dns_address, &request->address);
}

/* ---- policy ---- */

static void stop_empty(struct explain_walk *walk, const struct proxy_plan *plan,
                       const struct proxy_front *front)
{
    bool is_drop = front->deny == PROXY_DENY_DROP;
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_POLICY, EXPLAIN_STOP, "%s: %s",
                        is_drop ? "internalTrafficPolicy Local" : "no usable backend",
                        is_drop ? "dropped" : "refused");
    if (hop == NULL)
        return;
    struct ke_arena *arena = explain_walk_arena(walk);
    explain_hop_stop(walk, hop,
                     is_drop
                         ? ke_arena_fmt(arena,
                                        "service %.*s/%.*s serves only from backends on this node, "
                                        "and there is none",
                                        KE_STR_ARG(plan->ns), KE_STR_ARG(plan->name))
                         : ke_arena_fmt(arena, "service %.*s/%.*s has no usable backend",
                                        KE_STR_ARG(plan->ns), KE_STR_ARG(plan->name)),
                     ke_arena_fmt(arena, "kubectl -n %.*s get endpoints %.*s", KE_STR_ARG(plan->ns),
                                  KE_STR_ARG(plan->name)));
}

static void explain_policy(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    struct proxy *proxy = ctx;
    if (!request->has_address || request->service_name.len == 0 || is_dns(proxy, request))
        return;
    struct proxy_plan *plan = plan_for(proxy, request);
    const struct proxy_front *front = find_front(plan, request);
    if (front == NULL) {
        free(plan);
        return;
    }
    if (front->deny != PROXY_DENY_NONE) {
        stop_empty(walk, plan, front);
        free(plan);
        return;
    }
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_POLICY, EXPLAIN_PASS, "%s: one of %u backends, %s",
                        kind_text(front->kind), front->group->n_targets,
                        plan->affinity_s > 0 ? "the same for each client address" : "at random");
    if (hop != NULL && plan->affinity_s > 0)
        explain_hop_evidence(walk, hop, "ClientIP affinity for %u s", plan->affinity_s);
    if (hop != NULL && front->group->is_local)
        explain_hop_evidence(walk, hop, "internalTrafficPolicy Local: backends on this node only");
    if (hop != NULL && front->outside != NULL)
        explain_hop_evidence(walk, hop,
                             "externalTrafficPolicy Local: clients from outside reach the %u "
                             "backends on this node%s",
                             front->outside->n_targets,
                             front->outside->n_targets == 0 ? ", so they are dropped" : "");
    if (hop != NULL && front->has_ranges)
        explain_hop_evidence(walk, hop, "loadBalancerSourceRanges: %u ranges let through",
                             plan->n_ranges);
    free(plan);
}

/* ---- kernel ---- */

struct looking {
    struct explain_walk *walk;
    struct explain_hop *hop;
    struct nfnl_socket *socket;
    const struct proxy_plan *plan;
    const struct proxy_front *front;
    bool has_stopped;
};

static void stop_missing(struct looking *looking, const struct nft_element *element)
{
    char memory[LINE_BYTES];
    struct ke_buf line = KE_BUF_FIXED(memory, sizeof(memory));
    nft_element_print(element, &line);
    explain_hop_evidence(looking->walk, looking->hop, "missing: %s kedge %s { %.*s }",
                         element->family == KE_FAMILY_IPV6 ? "ip6" : "ip",
                         nft_set_info((enum nft_set_id)element->set)->name,
                         KE_STR_ARG(ke_buf_str(&line)));
    if (!looking->has_stopped)
        explain_hop_stop(looking->walk, looking->hop,
                         ke_arena_fmt(explain_walk_arena(looking->walk),
                                      "rule missing in the kernel: table %s kedge, %s { %.*s }",
                                      element->family == KE_FAMILY_IPV6 ? "ip6" : "ip",
                                      nft_set_info((enum nft_set_id)element->set)->name,
                                      KE_STR_ARG(ke_buf_str(&line))),
                         KE_STR("kedge status"));
    looking->has_stopped = true;
}

static void look_at_element(struct looking *looking, const struct nft_element *wanted)
{
    char memory[LINE_BYTES];
    struct ke_buf line = KE_BUF_FIXED(memory, sizeof(memory));
    struct nft_element found;
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = nft_element_read(looking->socket, wanted, &found, &err);
    if (rc == KE_NOT_FOUND) {
        stop_missing(looking, wanted);
        return;
    }
    if (rc != KE_OK) {
        explain_hop_evidence(looking->walk, looking->hop, "not read back: %s", err.msg);
        return;
    }
    nft_element_print(&found, &line);
    explain_hop_evidence(looking->walk, looking->hop, "%s { %.*s }",
                         nft_set_info((enum nft_set_id)found.set)->name,
                         KE_STR_ARG(ke_buf_str(&line)));
}

static void read_back(struct looking *looking)
{
    struct nft_elements all = { 0 };
    struct proxy_plan one = *looking->plan;
    struct proxy_front front = *looking->front;
    one.fronts = &front;
    one.n_fronts = 1;
    nft_elements_add_plan(&all, &one);
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].set == NFT_HAIRPIN || all.items[i].set == NFT_RANGES)
            continue;
        look_at_element(looking, &all.items[i]);
    }
    nft_elements_deinit(&all);
}

/* iptables mode: the chain that the front leads to, as the kernel has it. */
static void read_chain_back(const struct proxy *proxy, struct looking *looking)
{
    struct ipt_chains chains = { 0 };
    struct ke_err err = KE_ERR_INIT;
    ipt_chains_of(looking->plan, looking->front->ip.family, &chains);
    for (size_t i = 0; i < chains.n; i++) {
        ke_auto_buf rules = KE_BUF_INIT(1U << 20);
        struct ke_str line;
        enum ke_code rc = ipt_chain_read(proxy->iptables, looking->front->ip.family,
                                         chains.names[i], &rules, &err);
        if (rc != KE_OK && !looking->has_stopped) {
            explain_hop_stop(looking->walk, looking->hop,
                             ke_arena_fmt(explain_walk_arena(looking->walk),
                                          "rule missing in the kernel: table nat, chain %s",
                                          chains.names[i]),
                             KE_STR("kedge status"));
            looking->has_stopped = true;
        }
        struct ke_str rest = ke_buf_str(&rules);
        while (rc == KE_OK && ke_str_split(&rest, '\n', &line))
            if (ke_str_has_prefix(line, KE_STR("-A ")))
                explain_hop_evidence(looking->walk, looking->hop, "%.*s", KE_STR_ARG(line));
    }
    ipt_chains_deinit(&chains);
}

/* Backends that are this node itself are reached without forwarding. */
static bool is_forwarded(const struct proxy *proxy, const struct proxy_front *front)
{
    bool is_forwarded = false;
    ke_snap_read_begin();
    for (uint32_t i = 0; i < front->group->n_targets && !is_forwarded; i++)
        is_forwarded = !endpoint_table_is_node_address(proxy->table, &front->group->targets[i].ip);
    ke_snap_read_end();
    return is_forwarded;
}

static void look_at_firewalls(const struct proxy *proxy, struct looking *looking)
{
    bool is_in_the_way = is_forwarded(proxy, looking->front);
    struct firewall_finding findings[FIREWALL_FINDINGS_MAX];
    size_t n = firewall_look(proxy->settings, findings, FIREWALL_FINDINGS_MAX);
    for (size_t i = 0; i < n; i++) {
        explain_hop_evidence(looking->walk, looking->hop, "%s", findings[i].what);
        if (!findings[i].drops_forward || !is_in_the_way || looking->has_stopped)
            continue;
        struct ke_arena *arena = explain_walk_arena(looking->walk);
        explain_hop_stop(looking->walk, looking->hop,
                         ke_arena_fmt(arena, "another firewall drops forwarded connections: %s",
                                      findings[i].what),
                         ke_arena_str(arena, ke_str_c(findings[i].mend)));
        looking->has_stopped = true;
    }
}

static void explain_kernel(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    struct proxy *proxy = ctx;
    struct ke_err err = KE_ERR_INIT;
    if (!request->has_address || request->service_name.len == 0 || is_dns(proxy, request))
        return;
    struct proxy_plan *plan = plan_for(proxy, request);
    struct looking looking = { .walk = walk, .plan = plan, .front = find_front(plan, request) };
    struct nfnl_socket socket = { .fd = -1 };
    if (looking.front != NULL)
        looking.hop = explain_hop_add(walk, EXPLAIN_KERNEL, EXPLAIN_PASS, "%s",
                                      proxy->nft != NULL ? "nftables, table kedge"
                                                         : "iptables, KUBE-* chains");
    if (looking.hop != NULL && proxy->nft != NULL && nfnl_open(&socket, 0, &err) == KE_OK) {
        looking.socket = &socket;
        read_back(&looking);
    }
    if (looking.hop != NULL && proxy->iptables != NULL)
        read_chain_back(proxy, &looking);
    if (looking.hop != NULL)
        look_at_firewalls(proxy, &looking);
    nfnl_close(&socket);
    free(plan);
}

enum ke_code proxy_explain_register(struct proxy *proxy, struct explain *explain,
                                    struct ke_err *err)
{
    enum ke_code rc = explain_register(explain, EXPLAIN_POLICY, explain_policy, proxy, err);
    return rc == KE_OK ? explain_register(explain, EXPLAIN_KERNEL, explain_kernel, proxy, err) : rc;
}
