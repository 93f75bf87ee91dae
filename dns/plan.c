/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every name and record that a table gives: each possible question is asked of the deciding code,
 * and its replies are printed. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "dns/dns.h"
#include "dns/told.h"

#define MAX_PLAN_BYTES (64U << 20)

struct plan {
    const struct dns_zone *zone;
    struct endpoint_table *table;
    struct ke_map *lines; /* as a set */
    struct dns_told *told;
    bool is_out_of_memory;
};

static void add_line(struct plan *plan, struct ke_str line)
{
    if (!ke_map_set(plan->lines, line, plan, NULL))
        plan->is_out_of_memory = true;
}

static void ask(struct plan *plan, struct ke_str name, enum dns_type type)
{
    struct dns_told *told = plan->told;
    struct dns_walk records;
    struct dns_record record;
    if (!dns_ask_table(plan->zone, plan->table, name, type, told) ||
        told->verdict == DNS_NOT_OURS || !dns_walk_begin(&records, told->bytes, told->len))
        return;
    while (dns_walk_next(&records, &record) == 1) {
        char text[4 * DNS_NAME_MAX * 2 + 64]; /* two names, each byte escaped */
        struct ke_buf line = KE_BUF_FIXED(text, sizeof(text));
        if (record.section == DNS_SECTION_AUTHORITY)
            continue; /* the SOA of what is not there: its serial is a time */
        dns_record_print(told->bytes, told->len, &record, &line);
        add_line(plan, ke_buf_str(&line));
    }
}

static void ask_reverse(struct plan *plan, const struct ke_ip *ip)
{
    char text[128];
    struct ke_buf name = KE_BUF_FIXED(text, sizeof(text));
    if (ip->family == KE_FAMILY_IPV4) {
        ke_buf_addf(&name, "%u.%u.%u.%u.in-addr.arpa", ip->b[3], ip->b[2], ip->b[1], ip->b[0]);
    } else {
        for (int i = 15; i >= 0; i--)
            ke_buf_addf(&name, "%x.%x.", ip->b[i] & 0x0fU, ip->b[i] >> 4);
        ke_buf_add_c(&name, "ip6.arpa");
    }
    ask(plan, ke_buf_str(&name), DNS_TYPE_PTR);
}

/* prefix + SERVICE.NS.svc.ZONE */
static void ask_below(struct plan *plan, const struct endpoint_service *service,
                      struct ke_str prefix, enum dns_type type)
{
    char text[DNS_NAME_MAX * 4 + 4];
    struct ke_buf name = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_addf(&name, "%.*s%.*s.%.*s.svc.", KE_STR_ARG(prefix), KE_STR_ARG(service->name),
                KE_STR_ARG(service->ns));
    dns_name_print(&plan->zone->domain, &name);
    ask(plan, ke_buf_str(&name), type);
}

static void ask_ports(struct plan *plan, const struct endpoint_service *service)
{
    for (int family = 0; family < 2; family++) {
        for (uint32_t i = 0; i < service->n_ports[family]; i++) {
            const struct endpoint_port *port = &service->ports[family][i];
            char text[2 * DNS_LABEL_MAX];
            struct ke_buf prefix = KE_BUF_FIXED(text, sizeof(text));
            const char *proto = port->proto == KE_PROTO_TCP   ? "tcp"
                                : port->proto == KE_PROTO_UDP ? "udp"
                                                              : "sctp";
            if (port->name.len == 0)
                continue;
            ke_buf_addf(&prefix, "_%.*s._%s.", KE_STR_ARG(port->name), proto);
            ask_below(plan, service, ke_buf_str(&prefix), DNS_TYPE_SRV);
        }
    }
}

static void ask_endpoints(struct plan *plan, const struct endpoint_service *service)
{
    for (uint32_t i = 0; i < service->n_addresses; i++) {
        const struct endpoint_backend *endpoint = &service->addresses[i];
        char text[DNS_LABEL_MAX + 2];
        size_t len = 0;
        if (endpoint->hostname.len > 0 && endpoint->hostname.len <= DNS_LABEL_MAX) {
            memcpy(text, endpoint->hostname.ptr, endpoint->hostname.len);
            len = endpoint->hostname.len;
        } else {
            len = dns_endpoint_label(&endpoint->ip, text);
        }
        text[len++] = '.';
        ask_below(plan, service, ke_str_of(text, len), DNS_TYPE_A);
        ask_below(plan, service, ke_str_of(text, len), DNS_TYPE_AAAA);
        ask_reverse(plan, &endpoint->ip);
    }
}

static void ask_service(struct plan *plan, const struct endpoint_service *service)
{
    static const struct ke_str none = { "", 0 };
    ask_below(plan, service, none, DNS_TYPE_A);
    ask_below(plan, service, none, DNS_TYPE_AAAA);
    ask_below(plan, service, none, DNS_TYPE_SRV);
    ask_ports(plan, service);
    ask_endpoints(plan, service);
    for (uint32_t i = 0; i < service->n_cluster_ips; i++)
        ask_reverse(plan, &service->cluster_ips[i]);
}

static int compare(const void *a, const void *b)
{
    return ke_str_cmp(*(const struct ke_str *)a, *(const struct ke_str *)b);
}

static enum ke_code print_sorted(const struct plan *plan, struct ke_buf *out, struct ke_err *err)
{
    size_t n = ke_map_count(plan->lines);
    ke_auto_ptr struct ke_str *lines = ke_alloc_n(n + 1, sizeof(*lines));
    if (lines == NULL || plan->is_out_of_memory)
        return ke_fail(err, KE_NOMEM, "out of memory");
    size_t pos = 0;
    void *value = NULL;
    for (size_t i = 0; i < n && ke_map_next(plan->lines, &pos, &lines[i], &value); i++)
        continue;
    qsort(lines, n, sizeof(*lines), compare);
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_str(out, lines[i]);
        ke_buf_add_char(out, '\n');
    }
    return ke_buf_check(out, "DNS plan", err);
}

enum ke_code dns_plan_print(struct endpoint_table *table, const struct dns_settings *settings,
                            struct ke_buf *out, struct ke_err *err)
{
    struct dns_zone zone;
    enum ke_code rc = dns_zone_init(&zone, settings, err);
    if (rc != KE_OK)
        return rc;
    KE_AUTO(ke_map) *lines = ke_map_new();
    ke_auto_ptr struct dns_told *told = ke_alloc(sizeof(*told));
    if (lines == NULL || told == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    struct plan plan = { .zone = &zone, .table = table, .lines = lines, .told = told };
    uint64_t pos = 0;
    const struct endpoint_service *service = NULL;
    ke_snap_read_begin();
    while ((service = endpoint_table_next(table, &pos)) != NULL)
        ask_service(&plan, service);
    ke_snap_read_end();
    return print_sorted(&plan, out, err);
}
