/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PKI_H
#define CORE_API_PKI_H
/*
 * The node's certificates: a CA made at first start, the API's server certificate and the
 * administrator's client certificate, with the kubeconfig that carries it. Each is one PEM file of
 * certificate and key, mode 0600, written whole or not at all: a crash leaves the old pair or the
 * new one. Certificates that run out within 30 days, were signed by another CA or lack a name are
 * made again. Main thread, at start and once an hour.
 */
#include <stdbool.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"

struct api_pki_options {
    struct ke_str dir; /* DATA-DIR/pki */
    struct ke_str node_name;
    struct ke_str cluster_domain;
    const struct ke_ip *ips; /* of the node and of the kubernetes Service; loopback is added */
    size_t n_ips;
    int64_t build_time_s; /* unix: a clock behind it is not trusted */
    struct ke_str kubeconfig_path;
    struct ke_str kubeconfig_server; /* "https://192.0.2.1:6443" */
};

struct api_pki {
    struct ke_buf ca_pem;      /* certificate only */
    struct ke_buf ca_pair_pem; /* certificate and key: signs */
    struct ke_buf server_pem;  /* certificate and key */
    int64_t ca_not_after_s;
    int64_t server_not_after_s;
    int64_t admin_not_after_s;
    bool is_server_new; /* made by this call: new connections need it */
};

/*
 * Errors: KE_IO, KE_MALFORMED (a damaged file: named, with what to do; nothing is overwritten),
 * KE_TOO_LARGE (a path or a name), KE_NOMEM.
 */
enum ke_code api_pki_ensure(const struct api_pki_options *options, struct api_pki *out,
                            struct ke_err *err) KE_MUST_CHECK;
void api_pki_deinit(struct api_pki *pki);

#endif
