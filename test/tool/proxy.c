/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real proxy on a table filled by hand, for tests in network namespaces. Commands on standard
 * input, one answer line each on standard output:
 *   put KIND JSON    an object ("Service", "EndpointSlice", ...)
 *   del KIND NS NAME
 *   publish          "applied GENERATION" once the proxy has acknowledged, "timeout" after 10 s
 *   dns on|off       whether the responder holds 10.32.0.10
 *   status           one JSON line
 *   trace NS NAME IP PORT   one JSON line
 *   cleanup          every rule of both modes goes
 *   quit
 * Argument: nftables or iptables; then --manage-forward LEDGER.
 */
#include "proxy/proxy.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/endpoint/derive.h"
#include "core/endpoint/explain.h"
#include "core/model/kind.h"

#define LINE_BYTES (1U << 20)

struct tool {
    struct endpoint_table *table;
    struct report *report;
    struct explain *explain;
    struct endpoint_explain *endpoints;
    struct host_ledger *ledger;
    struct proxy *proxy;
    int64_t revision;
};

static bool find_kind(struct ke_str name, enum model_kind_id *out)
{
    for (unsigned i = 0; i < MODEL_KIND_COUNT; i++) {
        if (ke_str_eq_c(name, model_kind_by_id((enum model_kind_id)i)->kind)) {
            *out = (enum model_kind_id)i;
            return true;
        }
    }
    return false;
}

static const char *put(struct tool *tool, struct ke_str rest)
{
    struct ke_str kind;
    enum model_kind_id id = MODEL_SERVICE;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    if (!ke_str_split(&rest, ' ', &kind) || !find_kind(kind, &id))
        return "no such kind";
    if (ke_json_parse(rest, &json, &err) != KE_OK)
        return "malformed";
    return endpoint_table_put_object(tool->table, id, json) ? "ok" : "out of memory";
}

static const char *delete (struct tool *tool, struct ke_str rest)
{
    struct ke_str kind;
    struct ke_str ns;
    enum model_kind_id id = MODEL_SERVICE;
    if (!ke_str_split(&rest, ' ', &kind) || !ke_str_split(&rest, ' ', &ns) || !find_kind(kind, &id))
        return "no such kind";
    return endpoint_table_delete_object(tool->table, id, ns, rest) ? "ok" : "out of memory";
}

static void on_applied(void *ctx, enum ke_code code)
{
    int fd = *(const int *)ctx;
    char answer = code == KE_OK ? '1' : '0';
    ssize_t written = write(fd, &answer, 1);
    (void)written;
}

static void publish(struct tool *tool)
{
    int pipes[2];
    char answer = '0';
    if (pipe(pipes) != 0)
        return;
    endpoint_table_publish(tool->table, ++tool->revision);
    endpoint_table_await(tool->table, tool->revision, 10000, on_applied, &pipes[1]);
    struct pollfd ready = { .fd = pipes[0], .events = POLLIN };
    ssize_t got = poll(&ready, 1, 11000) == 1 ? read(pipes[0], &answer, 1) : 0;
    (void)printf("%s %lu\n", got == 1 && answer == '1' ? "applied" : "timeout",
                 (unsigned long)endpoint_table_generation(tool->table));
}

static void print_line(struct ke_buf *line)
{
    (void)printf("%.*s\n", KE_STR_ARG(ke_buf_str(line)));
}

static void trace(struct tool *tool, struct ke_str target)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(LINE_BYTES);
    if (explain_run(tool->explain, target, KE_STR(""), KE_STR(""), &out, &err) != KE_OK)
        (void)printf("%s\n", err.msg);
    else
        print_line(&out);
}

/* False: quit. */
static bool obey(struct tool *tool, struct ke_str line)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(LINE_BYTES);
    struct ke_str verb;
    if (!ke_str_split(&line, ' ', &verb) || ke_str_eq_c(verb, "quit"))
        return false;
    if (ke_str_eq_c(verb, "put")) {
        (void)printf("%s\n", put(tool, line));
    } else if (ke_str_eq_c(verb, "del")) {
        (void)printf("%s\n", delete (tool, line));
    } else if (ke_str_eq_c(verb, "publish")) {
        publish(tool);
    } else if (ke_str_eq_c(verb, "dns")) {
        proxy_set_dns_held(tool->proxy, ke_str_eq_c(line, "on"));
        (void)printf("ok\n");
    } else if (ke_str_eq_c(verb, "status")) {
        proxy_print_status(tool->proxy, &out);
        print_line(&out);
    } else if (ke_str_eq_c(verb, "trace")) {
        trace(tool, line);
    } else if (ke_str_eq_c(verb, "cleanup")) {
        (void)printf("%s\n", proxy_cleanup(&err) == KE_OK ? "ok" : err.msg);
    } else {
        (void)printf("what?\n");
    }
    return true;
}

static void obey_all(struct tool *tool)
{
    char *line = NULL;
    size_t cap = 0;
    for (;;) {
        ke_snap_offline();
        ssize_t len = getline(&line, &cap, stdin);
        ke_snap_online();
        if (len <= 0)
            break;
        if (!obey(tool, ke_str_trim(ke_str_of(line, (size_t)len))))
            break;
        (void)fflush(stdout);
        ke_snap_quiescent();
    }
    free(line);
}

static enum ke_code set_up(struct tool *tool, int argc, char **argv, struct ke_err *err)
{
    static struct ke_cidr services[2];
    static struct ke_cidr pods[2];
    struct proxy_options options = { .report = tool->report, .table = tool->table };
    options.backend =
        argc > 1 && strcmp(argv[1], "iptables") == 0 ? PROXY_IPTABLES : PROXY_NFTABLES;
    enum ke_code rc = ke_cidr_parse(KE_STR("10.32.0.0/16"), &services[0], err);
    if (rc == KE_OK)
        rc = ke_cidr_parse(KE_STR("fd32::/108"), &services[1], err);
    if (rc == KE_OK)
        rc = ke_cidr_parse(KE_STR("10.200.0.0/16"), &pods[0], err);
    if (rc == KE_OK)
        rc = ke_cidr_parse(KE_STR("fd00::/48"), &pods[1], err);
    if (rc == KE_OK)
        rc = ke_ip_parse(KE_STR("10.32.0.10"), &options.settings.dns_address, err);
    options.settings.service_cidrs = services;
    options.settings.n_service_cidrs = 2;
    options.settings.cluster_cidrs = pods;
    options.settings.n_cluster_cidrs = 2;
    if (rc == KE_OK && argc > 3 && strcmp(argv[2], "--manage-forward") == 0) {
        options.manage_forward = true;
        rc = host_ledger_open(argv[3], &tool->ledger, err);
        options.ledger = tool->ledger;
    }
    if (rc == KE_OK)
        rc = proxy_new(&options, &tool->proxy, err);
    if (rc == KE_OK)
        rc = endpoint_explain_new(tool->table, NULL, &tool->endpoints, err);
    if (rc == KE_OK)
        rc = endpoint_explain_register(tool->endpoints, tool->explain, err);
    if (rc == KE_OK)
        rc = proxy_explain_register(tool->proxy, tool->explain, err);
    return rc == KE_OK ? proxy_start(tool->proxy, err) : rc;
}

int main(int argc, char **argv)
{
    struct ke_err err = KE_ERR_INIT;
    if (ke_log_open(KE_LOG_DEBUG, KE_LOG_TEXT, NULL, &err) != KE_OK)
        return 1;
    ke_snap_thread_register();
    struct tool tool = { .table = endpoint_table_new(KE_STR("n1"), &err),
                         .report = report_new(),
                         .explain = explain_new() };
    if (tool.table == NULL || tool.report == NULL || tool.explain == NULL ||
        set_up(&tool, argc, argv, &err) != KE_OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    obey_all(&tool);
    proxy_stop(tool.proxy);
    proxy_free(tool.proxy);
    explain_free(tool.explain);
    endpoint_explain_free(tool.endpoints);
    report_free(tool.report);
    host_ledger_close(tool.ledger);
    endpoint_table_free(tool.table);
    return 0;
}
