/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_OPTION_TYPES_H
#define CMD_KEDGE_OPTION_TYPES_H
/*
 * The types of options: each checks a value and stores it in its field, or says what would be right
 * (KE_INVALID) and leaves the field. Main thread.
 */
#include "core/base/err.h"

typedef enum ke_code option_parse_fn(void *field, struct ke_str value, struct ke_err *err);

/* char * (heap) */
option_parse_fn option_parse_path;
option_parse_fn option_parse_optional_path;
option_parse_fn option_parse_path_or_stdout; /* empty or "-" too */
option_parse_fn option_parse_dns_name;
option_parse_fn option_parse_optional_dns_name;
option_parse_fn option_parse_service_ref;
bool option_type_is_text(option_parse_fn *parse);

option_parse_fn option_parse_ip;                /* struct ke_ip; empty: family NONE */
option_parse_fn option_parse_cidrs;             /* struct cidr_list */
option_parse_fn option_parse_dual_cidrs;        /* struct cidr_list: one, or one a family */
option_parse_fn option_parse_resolvers;         /* struct endpoint_list */
option_parse_fn option_parse_port_range;        /* struct port_range */
option_parse_fn option_parse_fixed_listen;      /* struct listen_address */
option_parse_fn option_parse_switchable_listen; /* the same, or "none" */
option_parse_fn option_parse_bool;              /* bool */
option_parse_fn option_parse_count;             /* unsigned, 0 to 100000 */
option_parse_fn option_parse_proxy_mode;        /* int */
option_parse_fn option_parse_log_level;         /* int */
option_parse_fn option_parse_log_format;        /* int */
option_parse_fn option_parse_audit_level;       /* int */

#endif
