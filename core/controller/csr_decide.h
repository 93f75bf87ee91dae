/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_CSR_DECIDE_H
#define CORE_CONTROLLER_CSR_DECIDE_H
/*
 * What is to be done about a CertificateSigningRequest. Pure; any thread. Times are unix seconds.
 * Source: Kubernetes pkg/controller/certificates/{approver,signer,cleaner},
 * apis/certificates/helpers.
 */
#include <cjson/cJSON.h>

#include "core/net/tls/x509.h"

/* The signers that are this cluster's own. */
enum csr_signer {
    CSR_SIGNER_OTHER,        /* somebody else's, or nobody's: left alone */
    CSR_SIGNER_CLIENT,       /* kubernetes.io/kube-apiserver-client */
    CSR_SIGNER_NODE_CLIENT,  /* kubernetes.io/kube-apiserver-client-kubelet */
    CSR_SIGNER_NODE_SERVING, /* kubernetes.io/kubelet-serving */
};
enum csr_signer csr_signer_of(const cJSON *object);

bool csr_has_condition(const cJSON *object, const char *type);

/*
 * What its signer has against a request; NULL: nothing. Upstream's words, for a condition Failed.
 * Borrowed from constants.
 */
const char *csr_refusal(enum csr_signer signer, const struct x509_csr *csr, const cJSON *usages);
/*
 * The subresource of certificatesigningrequests that a requestor needs `create` on, so that the
 * request is approved at once: "selfnodeclient", "nodeclient"; NULL: it waits for a person. tried 0
 * and 1: what it is to be tried first and then.
 */
const char *csr_approval_of(const cJSON *object, const struct x509_csr *csr, int tried);

/* What the certificate is for and how long: 5 minutes back from now, asked_s (0: a year) but not
 * beyond the authority's end. */
void csr_fill_request(const cJSON *object, const struct x509_csr *csr, int64_t now_s,
                      int64_t ca_not_after_s, struct x509_request *out);

/* When nobody needs it any more: an hour after the answer, a day without one. */
int64_t csr_forget_at_s(const cJSON *object);

#endif
