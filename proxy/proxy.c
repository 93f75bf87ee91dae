/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's thread: what changed in the table becomes plans, plans go to the applier, then stale
 * UDP flows are removed, node ports held and the generation acknowledged. Any failure is followed
 * by everything anew. Nothing is programmed before the table's first full sync, and nothing is
 * taken away when the thread stops.
 */
#include "proxy/proxy.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "proxy/conntrack.h"
#include "proxy/firewall.h"
#include "proxy/nft_text.h"
#include "proxy/proxy_impl.h"

#define RETRY_FIRST_MS 500
#define REPAIR_PAUSE   KE_S
#define MONITOR_BYTES  65536
#define MONITOR_ROOM   (4U << 20)

static void wake(void *ctx)
{
    const struct proxy *proxy = ctx;
    uint64_t one = 1;
    ssize_t written = write(proxy->wake_fd, &one, sizeof(one));
    (void)written; /* full: it is awake */
}

/* ---- planning ---- */

/* Every service of the table planned anew, slots kept. Errors: KE_NOMEM. */
static enum ke_code plan_all(struct proxy *proxy, struct proxy_plans **out, struct ke_err *err)
{
    KE_AUTO(proxy_plans) *plans = proxy_plans_new();
    enum ke_code rc = plans != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "plan all services");
    uint64_t pos = 0;
    const struct endpoint_service *service = NULL;
    ke_snap_read_begin();
    while (rc == KE_OK && (service = endpoint_table_next(proxy->table, &pos)) != NULL) {
        struct proxy_plan *plan = NULL;
        struct proxy_plan *ignored = NULL;
        const struct proxy_plan *old = proxy_plans_get(proxy->plans, service->ns, service->name);
        rc = proxy_plan_make(proxy->table, proxy->settings, service, old, &plan, err);
        if (rc == KE_OK && plan != NULL &&
            !proxy_plans_set(plans, service->ns, service->name, plan, &ignored)) {
            free(plan);
            rc = ke_fail(err, KE_NOMEM, "plan all services");
        }
    }
    ke_snap_read_end();
    if (rc == KE_OK)
        *out = KE_TAKE(plans);
    return rc;
}

/* Plans of one dirty set; the new ones are owned by it until they take effect. */
struct changing {
    struct proxy_change *items;
    struct proxy_plan **made;
    size_t n;
};

static void changing_deinit(struct changing *changing, bool with_plans)
{
    for (size_t i = 0; with_plans && i < changing->n; i++)
        free(changing->made[i]);
    free(changing->items);
    free(changing->made);
}

static enum ke_code plan_dirty(struct proxy *proxy, const struct endpoint_dirty_set *set,
                               struct changing *out, struct ke_err *err)
{
    struct changing changing = { .items = ke_alloc_n(set->n_items + 1, sizeof(*changing.items)),
                                 .made = ke_alloc_n(set->n_items + 1, sizeof(*changing.made)) };
    enum ke_code rc = KE_OK;
    if (changing.items == NULL || changing.made == NULL)
        rc = ke_fail(err, KE_NOMEM, "plan changes");
    ke_snap_read_begin();
    for (size_t i = 0;
         rc == KE_OK && changing.items != NULL && changing.made != NULL && i < set->n_items; i++) {
        const struct endpoint_dirty *dirty = &set->items[i];
        const struct endpoint_service *service =
            endpoint_table_find(proxy->table, dirty->ns, dirty->name);
        struct proxy_plan *plan = NULL;
        const struct proxy_plan *old = proxy_plans_get(proxy->plans, dirty->ns, dirty->name);
        if (service != NULL)
            rc = proxy_plan_make(proxy->table, proxy->settings, service, old, &plan, err);
        changing.made[changing.n] = plan;
        changing.items[changing.n++] = (struct proxy_change){ .old = old, .new = plan };
    }
    ke_snap_read_end();
    if (rc == KE_OK)
        *out = changing;
    else
        changing_deinit(&changing, true);
    return rc;
}

/* ---- foreign changes of our table ---- */

static void set_monitor(struct proxy *proxy, bool is_on)
{
    int group = NFNLGRP_NFTABLES;
    if (proxy->monitor.fd >= 0) {
        (void)setsockopt(proxy->monitor.fd, SOL_NETLINK,
                         is_on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
                         sizeof(group));
    }
}

/* Reads what was said; true when somebody else touched our table, or it cannot be known. */
static bool read_monitor(struct proxy *proxy)
{
    _Alignas(struct nlmsghdr) char bytes[MONITOR_BYTES];
    bool is_touched = false;
    for (;;) {
        ssize_t len = recv(proxy->monitor.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (len < 0 && errno == ENOBUFS)
            is_touched = true;
        else if (len <= 0)
            return is_touched;
        size_t at = 0;
        const struct nlmsghdr *message = NULL;
        while (len > 0 && (message = nfnl_next_message(bytes, (size_t)len, &at)) != NULL) {
            struct nft_table_event event;
            if (nft_event_parse(message, &event) && event.is_removal_or_rule &&
                !nft_applier_is_own(proxy->nft, event.port_id))
                is_touched = true;
        }
    }
}

static void on_monitor(void *ctx, uint32_t events)
{
    struct proxy *proxy = ctx;
    (void)events;
    if (!read_monitor(proxy) || !proxy->is_loaded)
        return;
    int64_t now = ke_now_ns();
    int64_t at = proxy->repaired_ns + REPAIR_PAUSE;
    ke_log(KE_LOG_WARN, "proxy.rules_changed_by_others", KV_C("table", NFT_TABLE),
           KV_C("next", "all rules are loaded again"));
    proxy->needs_full = true;
    (void)atomic_fetch_add(&proxy->n_repairs, 1);
    ke_loop_timer_set(proxy->timer, at > now ? at : now);
}

/* ---- applying ---- */

static enum ke_code load(struct proxy *proxy, const struct proxy_plans *plans, struct ke_err *err)
{
    if (proxy->iptables != NULL)
        return ipt_applier_load(proxy->iptables, plans, err);
    set_monitor(proxy, false); /* our own hundred thousand messages are of no interest */
    enum ke_code rc = nft_applier_load(proxy->nft, plans, err);
    (void)read_monitor(proxy);
    set_monitor(proxy, true);
    proxy->repaired_ns = ke_now_ns();
    return rc;
}

static enum ke_code change(struct proxy *proxy, const struct changing *changing, struct ke_err *err)
{
    if (proxy->iptables != NULL)
        return ipt_applier_change(proxy->iptables, proxy->plans, changing->items, changing->n, err);
    size_t n_texts = nft_applier_texts(proxy->nft);
    enum ke_code rc = nft_applier_change(proxy->nft, changing->items, changing->n, err);
    if (n_texts != nft_applier_texts(proxy->nft))
        (void)read_monitor(proxy); /* our own text is heard, too */
    return rc;
}

/* Stale flows are not worth failing for: what cannot be removed is said. */
static void clean_flows(struct proxy *proxy, struct conntrack_search *search)
{
    struct ke_err err = KE_ERR_INIT;
    size_t n = 0;
    if (search->n > 0 && conntrack_clean(&proxy->conntrack, search, &n, &err) != KE_OK) {
        ke_log(KE_LOG_WARN, "proxy.conntrack_failed", KV_ERR(&err),
               KV_C("next", "stale UDP flows end when they time out"));
    } else if (n > 0) {
        ke_log(KE_LOG_DEBUG, "proxy.flows_removed", KV_U("count", n));
    }
    conntrack_search_deinit(search);
}

static enum ke_code apply_changes(struct proxy *proxy, const struct endpoint_dirty_set *set,
                                  struct ke_err *err)
{
    struct changing changing;
    struct conntrack_search search = { 0 };
    enum ke_code rc = plan_dirty(proxy, set, &changing, err);
    if (rc != KE_OK)
        return rc;
    rc = change(proxy, &changing, err);
    if (rc != KE_OK) {
        changing_deinit(&changing, true);
        return rc;
    }
    for (size_t i = 0; i < changing.n; i++)
        conntrack_search_add(&search, &changing.items[i]);
    clean_flows(proxy, &search);
    node_ports_change(proxy->node_ports, changing.items, changing.n);
    for (size_t i = 0; i < changing.n; i++) {
        struct proxy_plan *old = NULL;
        const struct endpoint_dirty *dirty = &set->items[i];
        if (!proxy_plans_set(proxy->plans, dirty->ns, dirty->name, changing.made[i], &old)) {
            rc = ke_fail(err, KE_NOMEM, "remember plans"); /* everything anew */
            continue;
        }
        changing.made[i] = NULL;
        free(old);
    }
    changing_deinit(&changing, true);
    return rc;
}

/* What each service goes from and to, for those who care about differences. */
static void follow_load(struct proxy *proxy, const struct proxy_plans *plans)
{
    struct conntrack_search search = { 0 };
    size_t pos = 0;
    const struct proxy_plan *plan = NULL;
    while ((plan = proxy_plans_next(proxy->plans, &pos)) != NULL) {
        struct proxy_change change = { .old = plan };
        if (proxy_plans_get(plans, plan->ns, plan->name) != NULL)
            continue;
        conntrack_search_add(&search, &change);
        node_ports_change(proxy->node_ports, &change, 1);
    }
    pos = 0;
    while ((plan = proxy_plans_next(plans, &pos)) != NULL) {
        struct proxy_change change = { .new = plan };
        conntrack_search_add(&search, &change);
        change.old = proxy_plans_get(proxy->plans, plan->ns, plan->name);
        node_ports_change(proxy->node_ports, &change, 1);
    }
    clean_flows(proxy, &search);
}

static enum ke_code apply_all(struct proxy *proxy, struct ke_err *err)
{
    struct proxy_plans *plans = NULL;
    proxy->settings->is_dns_held = atomic_load(&proxy->is_dns_held);
    enum ke_code rc = plan_all(proxy, &plans, err);
    if (rc == KE_OK)
        rc = load(proxy, plans, err);
    if (rc != KE_OK) {
        proxy_plans_free(plans);
        return rc;
    }
    follow_load(proxy, plans);
    proxy_plans_free(proxy->plans);
    proxy->plans = plans;
    proxy->needs_full = false;
    proxy->is_loaded = true;
    return KE_OK;
}

static enum ke_code apply_dns(struct proxy *proxy, struct ke_err *err)
{
    proxy->settings->is_dns_held = atomic_load(&proxy->is_dns_held);
    if (proxy->iptables != NULL)
        return ipt_applier_load(proxy->iptables, proxy->plans, err);
    set_monitor(proxy, false);
    enum ke_code rc = nft_applier_set_dns(proxy->nft, err);
    (void)read_monitor(proxy);
    set_monitor(proxy, true);
    return rc;
}

static void note_success(struct proxy *proxy, int64_t started_ns)
{
    int64_t took = ke_now_ns() - started_ns;
    ke_metric_observe_ns(proxy->sync_duration, took);
    atomic_store(&proxy->last_sync_us, took / 1000);
    atomic_store(&proxy->last_sync_wall_us, ke_wall_us());
    atomic_store(&proxy->n_services, proxy_plans_count(proxy->plans));
    if (proxy->retry_ms != 0)
        ke_log(KE_LOG_INFO, "proxy.recovered", KV_U("generation", proxy->taken_generation));
    proxy->retry_ms = 0;
    report_part(proxy->report, "proxy", true, KE_STR(""));
    uint64_t before = atomic_exchange(&proxy->applied_generation, proxy->taken_generation);
    if (before == 0)
        ke_log(KE_LOG_INFO, "proxy.synced", KV_U("generation", proxy->taken_generation),
               KV_U("services", proxy_plans_count(proxy->plans)), KV_I("took_us", took / 1000));
    endpoint_consumer_ack(proxy->consumer, proxy->taken_generation);
}

static void note_failure(struct proxy *proxy, const struct ke_err *err)
{
    ke_metric_add(proxy->sync_failures, 1);
    proxy->needs_full = true;
    proxy->retry_ms = proxy->retry_ms == 0 ? RETRY_FIRST_MS : 2 * proxy->retry_ms;
    if (proxy->retry_ms > LIMIT_PROXY_RETRY_MS)
        proxy->retry_ms = LIMIT_PROXY_RETRY_MS;
    ke_log(KE_LOG_ERROR, "proxy.apply_failed", KV_U("generation", proxy->taken_generation),
           KV_I("retry_ms", proxy->retry_ms), KV_ERR(err));
    report_part(proxy->report, "proxy", false, ke_str_c(err->msg));
    ke_loop_timer_after(proxy->timer, proxy->retry_ms * KE_MS);
}

static void sync_rules(struct proxy *proxy)
{
    struct endpoint_dirty_set set = { 0 };
    struct ke_err err = KE_ERR_INIT;
    int64_t started = ke_now_ns();
    bool has_news = endpoint_consumer_take(proxy->consumer, &set);
    bool is_dns_news =
        proxy->is_loaded && proxy->settings->is_dns_held != atomic_load(&proxy->is_dns_held);
    enum ke_code rc = KE_OK;
    if (has_news) {
        proxy->taken_generation = set.generation;
        proxy->needs_full = proxy->needs_full || set.is_full;
    }
    if (proxy->taken_generation == 0 && !has_news)
        return; /* not synced yet */
    if (proxy->needs_full) {
        rc = apply_all(proxy, &err);
    } else {
        if (is_dns_news)
            rc = apply_dns(proxy, &err);
        if (rc == KE_OK && has_news)
            rc = apply_changes(proxy, &set, &err);
    }
    endpoint_dirty_set_free(&set);
    if (rc == KE_OK)
        note_success(proxy, started);
    else
        note_failure(proxy, &err);
}

static void on_wake(void *ctx, uint32_t events)
{
    struct proxy *proxy = ctx;
    uint64_t count = 0;
    (void)events;
    ssize_t got = read(proxy->wake_fd, &count, sizeof(count));
    (void)got;
    sync_rules(proxy);
}

static void on_timer(void *ctx)
{
    sync_rules(ctx);
}

/* iptables says nothing when it is flushed: it has to be asked. */
static void on_check(void *ctx)
{
    struct proxy *proxy = ctx;
    if (proxy->is_loaded && !proxy->needs_full && !ipt_applier_is_intact(proxy->iptables)) {
        ke_log(KE_LOG_WARN, "proxy.rules_changed_by_others", KV_C("table", "nat"),
               KV_C("next", "all rules are loaded again"));
        proxy->needs_full = true;
        (void)atomic_fetch_add(&proxy->n_repairs, 1);
        sync_rules(proxy);
    }
    ke_loop_timer_after(proxy->check_timer, LIMIT_PROXY_CHECK_MS * KE_MS);
}

/* ---- life ---- */

static enum ke_code open_applier(struct proxy *proxy, struct ke_err *err)
{
    if (proxy->backend == PROXY_IPTABLES) {
        proxy->check_timer = ke_loop_timer_new(proxy->loop, on_check, proxy);
        if (proxy->check_timer == NULL)
            return ke_fail(err, KE_NOMEM, "proxy");
        ke_loop_timer_after(proxy->check_timer, LIMIT_PROXY_CHECK_MS * KE_MS);
        return ipt_applier_new(proxy->settings, &proxy->iptables, err);
    }
    enum ke_code rc = nft_applier_new(proxy->settings, &proxy->nft, err);
    if (rc != KE_OK)
        return rc;
    rc = nfnl_open(&proxy->monitor, 0, err);
    if (rc != KE_OK)
        return rc;
    nfnl_set_receive_room(&proxy->monitor, MONITOR_ROOM);
    proxy->monitor_watch =
        ke_loop_fd_add(proxy->loop, proxy->monitor.fd, EPOLLIN, on_monitor, proxy);
    return proxy->monitor_watch != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "watch nf_tables");
}

static enum ke_code open_all(struct proxy *proxy, struct ke_err *err)
{
    proxy->loop = ke_loop_new(err);
    if (proxy->loop == NULL)
        return err->code;
    proxy->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (proxy->wake_fd < 0)
        return ke_fail_errno(err, errno, "proxy wake-up");
    proxy->wake_watch = ke_loop_fd_add(proxy->loop, proxy->wake_fd, EPOLLIN, on_wake, proxy);
    proxy->timer = ke_loop_timer_new(proxy->loop, on_timer, proxy);
    proxy->plans = proxy_plans_new();
    proxy->node_ports = node_ports_new(proxy->loop, proxy->table, proxy->report);
    proxy->consumer = endpoint_consumer_new(proxy->table, "proxy", wake, proxy);
    if (proxy->wake_watch == NULL || proxy->timer == NULL || proxy->plans == NULL ||
        proxy->node_ports == NULL || proxy->consumer == NULL)
        return ke_fail(err, KE_NOMEM, "proxy");
    enum ke_code rc = nfnl_open(&proxy->conntrack, 0, err);
    return rc == KE_OK ? open_applier(proxy, err) : rc;
}

enum ke_code proxy_new(const struct proxy_options *options, struct proxy **out, struct ke_err *err)
{
    struct proxy *proxy = ke_alloc(sizeof(*proxy));
    if (proxy == NULL)
        return ke_fail(err, KE_NOMEM, "proxy");
    proxy->backend = options->backend;
    proxy->manage_forward = options->manage_forward;
    proxy->table = options->table;
    proxy->ledger = options->ledger;
    proxy->report = options->report;
    proxy->wake_fd = proxy->conntrack.fd = proxy->monitor.fd = -1;
    proxy->settings = proxy_settings_copy(&options->settings);
    atomic_store(&proxy->is_dns_held, options->settings.is_dns_held);
    proxy->sync_duration = ke_metric_histogram("kubeproxy_sync_proxy_rules_duration_seconds", "",
                                               "Time from a change to its rules in the kernel");
    proxy->sync_failures = ke_metric_counter("kubeproxy_sync_proxy_rules_failures_total", "",
                                             "Changes that the kernel refused");
    enum ke_code rc =
        proxy->settings != NULL ? open_all(proxy, err) : ke_fail(err, KE_NOMEM, "proxy");
    if (rc != KE_OK) {
        proxy_free(proxy);
        return rc;
    }
    *out = proxy;
    return KE_OK;
}

static void run(void *ctx)
{
    struct proxy *proxy = ctx;
    ke_loop_run(proxy->loop);
}

enum ke_code proxy_start(struct proxy *proxy, struct ke_err *err)
{
    if (proxy->manage_forward) {
        enum ke_code rc = firewall_open_forward(proxy->ledger, proxy->settings, err);
        if (rc != KE_OK) {
            ke_log(KE_LOG_ERROR, "proxy.forward_not_opened", KV_ERR(err),
                   KV_C("next", "going on; kedge status names the command"));
            report_part(proxy->report, "proxy.firewall", false, ke_str_c(err->msg));
        }
    }
    wake(proxy);
    return ke_thread_start(&proxy->thread, "proxy", run, proxy, err);
}

void proxy_stop(struct proxy *proxy)
{
    if (proxy == NULL || !proxy->thread.is_started)
        return;
    ke_loop_stop(proxy->loop);
    ke_thread_join(&proxy->thread);
}

void proxy_free(struct proxy *proxy)
{
    if (proxy == NULL)
        return;
    endpoint_consumer_free(proxy->consumer);
    node_ports_free(proxy->node_ports);
    nft_applier_free(proxy->nft);
    ipt_applier_free(proxy->iptables);
    proxy_plans_free(proxy->plans);
    ke_loop_fd_del(proxy->monitor_watch);
    ke_loop_fd_del(proxy->wake_watch);
    ke_loop_timer_free(proxy->timer);
    ke_loop_timer_free(proxy->check_timer);
    nfnl_close(&proxy->monitor);
    nfnl_close(&proxy->conntrack);
    if (proxy->wake_fd >= 0)
        (void)close(proxy->wake_fd);
    ke_loop_free(proxy->loop);
    free(proxy->settings);
    free(proxy);
}

void proxy_set_dns_held(struct proxy *proxy, bool is_held)
{
    if (atomic_exchange(&proxy->is_dns_held, is_held) != is_held)
        wake(proxy);
}
