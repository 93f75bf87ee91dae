/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_OPTIONS_H
#define CMD_KEDGE_OPTIONS_H
/*
 * The agent's options: one table says flag, file key, type, default and help. The YAML file has
 * the same names. Every option is checked before anything starts; a wrong one is named with its
 * value and what would be right. The strings belong to the struct (agent_options_deinit).
 */
#include <stdio.h>

#include "core/base/addr.h"
#include "core/base/log.h"

enum proxy_mode { PROXY_MODE_AUTO, PROXY_MODE_NFTABLES, PROXY_MODE_IPTABLES, PROXY_MODE_NONE };

/* Where to listen: family NONE is every address; is_off: not at all. */
struct listen_address {
    struct ke_endpoint at;
    bool is_off;
};

struct cidr_list {
    struct ke_cidr items[8];
    size_t n;
};

struct endpoint_list {
    struct ke_endpoint items[4];
    size_t n;
};

struct port_range {
    uint16_t min, max;
};

struct agent_options {
    char *config;
    char *data_dir;
    char *run_dir;
    char *node_name;
    struct ke_ip node_ip; /* family NONE: found out */
    struct cidr_list service_cidr;
    struct port_range node_port_range;
    struct cidr_list cluster_cidr;
    struct ke_ip cluster_dns;
    char *cluster_domain;
    struct listen_address api_listen;
    char *kubeconfig_out;
    int proxy_mode;                      /* enum proxy_mode */
    struct cidr_list nodeport_addresses; /* n 0: all addresses of the node */
    unsigned max_requests_inflight, max_mutating_requests_inflight;
    bool manage_forward;
    bool encrypt_secrets;
    struct listen_address dns_listen;  /* family NONE: the cluster DNS address itself */
    struct endpoint_list dns_upstream; /* n 0: as /etc/resolv.conf says */
    struct listen_address ingress_http_listen;
    struct listen_address ingress_https_listen;
    char *ingress_class;
    char *ingress_default_backend; /* NS/NAME[:PORT] or empty */
    struct listen_address metrics_listen;
    char *manifests_dir;  /* or empty */
    int log_level;        /* enum ke_log_level */
    int log_format;       /* enum ke_log_format */
    char *log_file;       /* empty: standard error */
    char *audit_log_path; /* empty: none; "-": standard output */
    int audit_log_level;  /* enum audit_level */
    unsigned audit_log_maxsize;
    unsigned audit_log_maxbackup;
    unsigned audit_log_maxage;
};

/*
 * Defaults, then the file named by --config, then argv (which starts behind the subcommand).
 * *help is set when --help was asked for. Errors: KE_INVALID with the option named (exit status 2),
 * KE_NOMEM, KE_IO for the file.
 */
enum ke_code agent_options_parse(int argc, char **argv, struct agent_options *out, bool *help,
                                 struct ke_err *err) KE_MUST_CHECK;
void agent_options_deinit(struct agent_options *options);
void agent_options_help(FILE *to);
/* All flags, one a line, for completion. */
void agent_options_list(FILE *to);

#endif
