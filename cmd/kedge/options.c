/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of the agent's options. Runs on the main thread before anything else does. A
 * default is text like any value and goes through the same parser.
 */
#include "cmd/kedge/options.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/kedge/config_file.h"
#include "cmd/kedge/option_types.h"

struct option_row {
    const char *name;  /* flag without the dashes = key in the file */
    const char *shape; /* of the value, for help */
    option_parse_fn *parse;
    size_t offset;
    const char *initial;
    const char *help;
};

#define FIELD(name) offsetof(struct agent_options, name)

static const struct option_row option_rows[] = {
    { "config", "FILE", option_parse_optional_path, FIELD(config), "",
      "YAML file with the options below as keys; flags win over it" },
    { "data-dir", "DIR", option_parse_path, FIELD(data_dir), "/var/lib/kedge",
      "where the registry, keys and the ledger of host changes are" },
    { "run-dir", "DIR", option_parse_path, FIELD(run_dir), "/run/kedge",
      "where the local socket and the pid file are" },
    { "node-name", "NAME", option_parse_optional_dns_name, FIELD(node_name), "",
      "name of this node; empty: the host name" },
    { "node-ip", "ADDRESS", option_parse_ip, FIELD(node_ip), "",
      "address of this node; empty: the source address of the default route" },
    { "service-cidr", "CIDR[,CIDR]", option_parse_dual_cidrs, FIELD(service_cidr), "10.32.0.0/16",
      "range of service addresses" },
    { "service-node-port-range", "FIRST-LAST", option_parse_port_range, FIELD(node_port_range),
      "30000-32767", "range of node ports" },
    { "cluster-cidr", "CIDR[,CIDR]", option_parse_dual_cidrs, FIELD(cluster_cidr), "10.200.0.0/16",
      "range of pod addresses; other sources are masqueraded" },
    { "cluster-dns", "ADDRESS", option_parse_ip, FIELD(cluster_dns), "10.32.0.10",
      "service address at which cluster DNS answers" },
    { "cluster-domain", "NAME", option_parse_dns_name, FIELD(cluster_domain), "cluster.local",
      "DNS domain of the cluster" },
    { "api-listen", "[ADDRESS]:PORT", option_parse_fixed_listen, FIELD(api_listen), ":6443",
      "where the API listens (TLS)" },
    { "encrypt-secrets", "BOOL", option_parse_bool, FIELD(encrypt_secrets), "true",
      "encrypt Secrets in the registry with the key in DATA-DIR/pki/secrets.key" },
    { "max-requests-inflight", "N", option_parse_count, FIELD(max_requests_inflight), "400",
      "reads that the API works on at a time, above it 429; 0: no limit" },
    { "max-mutating-requests-inflight", "N", option_parse_count,
      FIELD(max_mutating_requests_inflight), "200",
      "writes that the API works on at a time, above it 429; 0: no limit" },
    { "kubeconfig-out", "FILE", option_parse_optional_path, FIELD(kubeconfig_out), "",
      "administrator's kubeconfig to write; empty: DATA-DIR/pki/admin.kubeconfig" },
    { "proxy-mode", "MODE", option_parse_proxy_mode, FIELD(proxy_mode), "auto",
      "service proxy: auto, nftables, iptables or none" },
    { "nodeport-addresses", "CIDR[,CIDR]", option_parse_cidrs, FIELD(nodeport_addresses), "",
      "node addresses that serve node ports; empty: all" },
    { "manage-forward", "BOOL", option_parse_bool, FIELD(manage_forward), "false",
      "add an ACCEPT to another firewall's FORWARD chain that drops" },
    { "dns-listen", "[ADDRESS]:PORT", option_parse_switchable_listen, FIELD(dns_listen), ":53",
      "where cluster DNS listens, or none; without address: the cluster DNS address" },
    { "dns-upstream", "ADDRESS[,ADDRESS]", option_parse_resolvers, FIELD(dns_upstream), "",
      "resolvers for other names; empty: as /etc/resolv.conf says" },
    { "ingress-http-listen", "[ADDRESS]:PORT", option_parse_switchable_listen,
      FIELD(ingress_http_listen), ":80", "where the ingress router listens for HTTP, or none" },
    { "ingress-https-listen", "[ADDRESS]:PORT", option_parse_switchable_listen,
      FIELD(ingress_https_listen), ":443", "where the ingress router listens for HTTPS, or none" },
    { "ingress-class", "NAME", option_parse_dns_name, FIELD(ingress_class), "kedge",
      "IngressClass that is served" },
    { "ingress-default-backend", "NS/NAME[:PORT]", option_parse_service_ref,
      FIELD(ingress_default_backend), "", "service for requests that match no rule; empty: 404" },
    { "metrics-listen", "[ADDRESS]:PORT", option_parse_switchable_listen, FIELD(metrics_listen),
      "127.0.0.1:10249", "where health and metrics are served in plain HTTP, or none" },
    { "manifests-dir", "DIR", option_parse_optional_path, FIELD(manifests_dir), "",
      "folder of manifests that are applied at start and on change, pruned when removed" },
    { "log-level", "LEVEL", option_parse_log_level, FIELD(log_level), "info",
      "debug, info, warn or error" },
    { "log-format", "FORMAT", option_parse_log_format, FIELD(log_format), "text", "text or json" },
    { "log-file", "FILE", option_parse_optional_path, FIELD(log_file), "",
      "log file, opened again on SIGHUP; empty: standard error" },
    { "audit-log-path", "FILE", option_parse_path_or_stdout, FIELD(audit_log_path), "",
      "file for audit events, one JSON object a line; \"-\": standard output; empty: none" },
    { "audit-log-level", "LEVEL", option_parse_audit_level, FIELD(audit_log_level), "Metadata",
      "what audit events tell: None, Metadata, or Request (with the objects that are sent)" },
    { "audit-log-maxsize", "MB", option_parse_count, FIELD(audit_log_maxsize), "100",
      "size of an audit log file at which a new one is begun; 0: never" },
    { "audit-log-maxbackup", "N", option_parse_count, FIELD(audit_log_maxbackup), "10",
      "old audit log files to keep; 0: all" },
    { "audit-log-maxage", "DAYS", option_parse_count, FIELD(audit_log_maxage), "0",
      "days to keep old audit log files; 0: for ever" },
};

/* Names of the design that this build does not have. */
static const char *const unavailable[] = {
    "registry",      "etcd-endpoints", "etcd-cafile",
    "etcd-certfile", "etcd-keyfile",   "join",
    "token",         "upstream",       "container-runtime-endpoint"
};

static const struct option_row *find_row(struct ke_str name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(option_rows); i++) {
        if (ke_str_eq_c(name, option_rows[i].name))
            return &option_rows[i];
    }
    return NULL;
}

static enum ke_code fail_unknown(struct ke_str name, struct ke_err *err)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(unavailable); i++) {
        if (ke_str_eq_c(name, unavailable[i]))
            return ke_fail(err, KE_INVALID, "--%s: not available in this version", unavailable[i]);
    }
    return ke_fail(err, KE_INVALID, "unknown option --%.*s (see kedge agent --help)",
                   KE_STR_ARG(name));
}

static enum ke_code set_option(struct agent_options *options, struct ke_str name,
                               struct ke_str value, struct ke_err *err)
{
    const struct option_row *row = find_row(name);
    if (row == NULL)
        return fail_unknown(name, err);
    struct ke_err why = KE_ERR_INIT;
    if (row->parse((char *)options + row->offset, value, &why) == KE_OK)
        return KE_OK;
    return ke_fail(err, KE_INVALID, "--%s: \"%.*s\": %s", row->name, KE_STR_ARG(value), why.msg);
}

/* "--name=value" or "--name value"; *i advances over what was used. */
static enum ke_code split_flag(int argc, char **argv, int *i, struct ke_str *name,
                               struct ke_str *value, struct ke_err *err)
{
    struct ke_str arg = ke_str_c(argv[*i]);
    if (!ke_str_cut_prefix(&arg, KE_STR("--")) || arg.len == 0)
        return ke_fail(err, KE_INVALID, "unexpected argument \"%s\"", argv[*i]);
    size_t eq = ke_str_find(arg, '=');
    *name = ke_str_sub(arg, 0, eq);
    const struct option_row *row = find_row(*name);
    if (row == NULL)
        return fail_unknown(*name, err);
    bool has_next = *i + 1 < argc;
    if (eq < arg.len)
        *value = ke_str_sub(arg, eq + 1, arg.len - eq - 1);
    else if (row->parse == option_parse_bool && (!has_next || argv[*i + 1][0] == '-'))
        *value = KE_STR("true");
    else if (has_next)
        *value = ke_str_c(argv[++*i]);
    else
        return ke_fail(err, KE_INVALID, "--%s needs a value", row->name);
    return KE_OK;
}

static enum ke_code set_from_file(void *ctx, struct ke_str key, struct ke_str value,
                                  struct ke_err *err)
{
    if (ke_str_eq_c(key, "config"))
        return ke_fail(err, KE_INVALID, "config: a file cannot name another one");
    return set_option(ctx, key, value, err);
}

static enum ke_code walk_args(int argc, char **argv, struct agent_options *options,
                              bool is_config_only, bool *help, struct ke_err *err)
{
    for (int i = 0; i < argc; i++) {
        struct ke_str name = { 0 };
        struct ke_str value = { 0 };
        if (ke_str_eq_c(KE_STR("--help"), argv[i]) || ke_str_eq_c(KE_STR("-h"), argv[i])) {
            *help = true;
            return KE_OK;
        }
        enum ke_code rc = split_flag(argc, argv, &i, &name, &value, err);
        if (rc == KE_OK && (!is_config_only || ke_str_eq_c(name, "config")))
            rc = set_option(options, name, value, err);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static enum ke_code set_node_name(struct agent_options *options, struct ke_err *err)
{
    if (options->node_name[0] != '\0')
        return KE_OK;
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0)
        return ke_fail_errno(err, errno, "read the host name");
    for (char *c = host; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    if (option_parse_dns_name(&options->node_name, ke_str_c(host), err) != KE_OK)
        return ke_fail(err, KE_INVALID,
                       "--node-name: the host name \"%s\" is no DNS name: give one", host);
    return KE_OK;
}

/* What only the whole set of options can tell. */
static enum ke_code check_together(const struct agent_options *options, struct ke_err *err)
{
    bool is_in_range = false;
    for (size_t i = 0; i < options->service_cidr.n; i++) {
        const struct ke_cidr *range = &options->service_cidr.items[i];
        is_in_range = is_in_range || ke_cidr_contains(range, &options->cluster_dns);
        if (ke_cidr_size(range) < 16)
            return ke_fail(err, KE_INVALID, "--service-cidr: a range needs 16 addresses or more");
        for (size_t j = 0; j < options->cluster_cidr.n; j++) {
            if (ke_cidr_overlaps(range, &options->cluster_cidr.items[j]))
                return ke_fail(err, KE_INVALID,
                               "--service-cidr and --cluster-cidr overlap: they must not");
        }
    }
    struct ke_ip first = { 0 };
    if (!is_in_range)
        return ke_fail(err, KE_INVALID, "--cluster-dns: must be an address of --service-cidr");
    if (ke_cidr_nth(&options->service_cidr.items[0], 1, &first) &&
        ke_ip_eq(&first, &options->cluster_dns))
        return ke_fail(err, KE_INVALID,
                       "--cluster-dns: the first address of --service-cidr is the API's");
    return KE_OK;
}

static enum ke_code set_defaults(struct agent_options *options, struct ke_err *err)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(option_rows); i++) {
        enum ke_code rc = set_option(options, ke_str_c(option_rows[i].name),
                                     ke_str_c(option_rows[i].initial), err);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

enum ke_code agent_options_parse(int argc, char **argv, struct agent_options *out, bool *help,
                                 struct ke_err *err)
{
    struct agent_options options = { 0 };
    *help = false;
    enum ke_code rc = set_defaults(&options, err);
    if (rc == KE_OK)
        rc = walk_args(argc, argv, &options, true, help, err);
    if (rc == KE_OK && !*help && options.config[0] != '\0')
        rc = config_file_read(options.config, set_from_file, &options, err);
    if (rc == KE_OK && !*help)
        rc = walk_args(argc, argv, &options, false, help, err);
    if (rc == KE_OK && !*help)
        rc = set_node_name(&options, err);
    if (rc == KE_OK && !*help)
        rc = check_together(&options, err);
    if (rc != KE_OK) {
        agent_options_deinit(&options);
        return rc;
    }
    *out = options;
    return KE_OK;
}

void agent_options_deinit(struct agent_options *options)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(option_rows); i++) {
        if (option_type_is_text(option_rows[i].parse)) {
            char **text = (char **)(void *)((char *)options + option_rows[i].offset);
            free(*text);
            *text = NULL;
        }
    }
}

void agent_options_help(FILE *to)
{
    (void)fprintf(to, "kedge agent [--option VALUE ...]   run in the foreground\n\n");
    for (size_t i = 0; i < KE_ARRAY_LEN(option_rows); i++) {
        const struct option_row *row = &option_rows[i];
        bool has_initial = row->initial[0] != '\0';
        (void)fprintf(to, "  --%s %s\n      %s%s%s%s\n", row->name, row->shape, row->help,
                      has_initial ? " (default " : "", row->initial, has_initial ? ")" : "");
    }
}

void agent_options_list(FILE *to)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(option_rows); i++)
        (void)fprintf(to, "--%s\n", option_rows[i].name);
}
