/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the built-in signers, who is approved, and for how long requests are kept. Pure. */
#include "core/controller/csr_decide.h"

#include "core/base/clock.h"
#include "core/base/json.h"

#define NODES        "system:nodes"
#define NODE_PREFIX  "system:node:"
#define BACKDATE_S   300
#define DEFAULT_S    ((int64_t)365 * 24 * 60 * 60)
#define MIN_S        600
#define ANSWERED_S   3600
#define UNANSWERED_S (24 * 3600)

enum csr_signer csr_signer_of(const cJSON *object)
{
    struct ke_str name = ke_json_path_str(object, "spec.signerName");
    if (ke_str_eq_c(name, "kubernetes.io/kube-apiserver-client"))
        return CSR_SIGNER_CLIENT;
    if (ke_str_eq_c(name, "kubernetes.io/kube-apiserver-client-kubelet"))
        return CSR_SIGNER_NODE_CLIENT;
    return ke_str_eq_c(name, "kubernetes.io/kubelet-serving") ? CSR_SIGNER_NODE_SERVING
                                                              : CSR_SIGNER_OTHER;
}

bool csr_has_condition(const cJSON *object, const char *type)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(it, "type"), type))
            return true;
    }
    return false;
}

static bool has_usage(const cJSON *usages, const char *usage)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, usages) {
        if (ke_str_eq_c(ke_json_value_str(it), usage))
            return true;
    }
    return false;
}

/* Signing is asked for with its purpose, and perhaps with encipherment: an RSA key may do both. */
static bool is_usual(const cJSON *usages, const char *purpose)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, usages) {
        struct ke_str usage = ke_json_value_str(it);
        if (!ke_str_eq_c(usage, "digital signature") && !ke_str_eq_c(usage, "key encipherment") &&
            !ke_str_eq_c(usage, purpose))
            return false;
    }
    return has_usage(usages, purpose);
}

static const char *node_name_refusal(const struct x509_csr *csr)
{
    if (csr->n_organizations != 1 || strcmp(csr->organizations[0], NODES) != 0)
        return "subject organization is not system:nodes";
    return ke_str_has_prefix(ke_str_c(csr->common_name), KE_STR(NODE_PREFIX))
               ? NULL
               : "subject common name does not begin with system:node:";
}

static const char *node_client_refusal(const struct x509_csr *csr, const cJSON *usages)
{
    const char *why = node_name_refusal(csr);
    if (why != NULL)
        return why;
    if (csr->n_dns_names > 0)
        return "DNS subjectAltNames are not allowed";
    if (csr->n_emails > 0)
        return "Email subjectAltNames are not allowed";
    if (csr->n_ips > 0)
        return "IP subjectAltNames are not allowed";
    if (csr->n_uris > 0)
        return "URI subjectAltNames are not allowed";
    return is_usual(usages, "client auth") && has_usage(usages, "digital signature")
               ? NULL
               : "usages did not match [client auth digital signature key encipherment]";
}

static const char *node_serving_refusal(const struct x509_csr *csr, const cJSON *usages)
{
    const char *why = node_name_refusal(csr);
    if (why != NULL)
        return why;
    if (csr->n_dns_names + csr->n_ips == 0)
        return "DNS or IP subjectAltName is required";
    if (csr->n_emails > 0)
        return "Email subjectAltNames are not allowed";
    if (csr->n_uris > 0)
        return "URI subjectAltNames are not allowed";
    return is_usual(usages, "server auth") && has_usage(usages, "digital signature")
               ? NULL
               : "usages did not match [digital signature key encipherment server auth]";
}

const char *csr_refusal(enum csr_signer signer, const struct x509_csr *csr, const cJSON *usages)
{
    switch (signer) {
    case CSR_SIGNER_CLIENT:
        return is_usual(usages, "client auth")
                   ? NULL
                   : "usages did not match [client auth digital signature key encipherment]";
    case CSR_SIGNER_NODE_CLIENT:
        return node_client_refusal(csr, usages);
    case CSR_SIGNER_NODE_SERVING:
        return node_serving_refusal(csr, usages);
    case CSR_SIGNER_OTHER:
        break;
    }
    return "the signer is not known";
}

const char *csr_approval_of(const cJSON *object, const struct x509_csr *csr, int tried)
{
    const cJSON *usages = ke_json_path(object, "spec.usages");
    if (csr_signer_of(object) != CSR_SIGNER_NODE_CLIENT || node_client_refusal(csr, usages) != NULL)
        return NULL;
    bool is_self = ke_str_eq_c(ke_json_path_str(object, "spec.username"), csr->common_name);
    if (tried == 0)
        return is_self ? "selfnodeclient" : "nodeclient";
    return tried == 1 && is_self ? "nodeclient" : NULL;
}

void csr_fill_request(const cJSON *object, const struct x509_csr *csr, int64_t now_s,
                      int64_t ca_not_after_s, struct x509_request *out)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *usages = ke_json_get(spec, "usages");
    int64_t seconds = ke_json_i64(spec, "expirationSeconds", DEFAULT_S);
    if (seconds > DEFAULT_S)
        seconds = DEFAULT_S;
    if (seconds < MIN_S)
        seconds = MIN_S;
    int64_t not_after_s = now_s + seconds;
    *out = (struct x509_request){ .subject_der = ke_buf_str(&csr->subject_der),
                                  .names_der = ke_buf_str(&csr->names_der),
                                  .is_server = has_usage(usages, "server auth"),
                                  .is_client = has_usage(usages, "client auth"),
                                  .is_encipherer = has_usage(usages, "key encipherment"),
                                  .not_before_s = now_s - BACKDATE_S,
                                  .not_after_s =
                                      not_after_s < ca_not_after_s ? not_after_s : ca_not_after_s };
}

static int64_t time_of(const cJSON *object, const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t us = 0;
    return ke_time_parse_us(ke_json_str(object, name), &us, &err) == KE_OK ? us / 1000000 : 0;
}

/* The end of the first certificate that was issued; 0: none, or it cannot be read. */
static int64_t issued_until_s(const cJSON *object)
{
    struct ke_err err = KE_ERR_INIT;
    struct x509_info info;
    struct ke_str text = ke_json_path_str(object, "status.certificate");
    ke_auto_buf pem = KE_BUF_INIT(1U << 20);
    if (text.len == 0 || ke_base64_decode(text, &pem, &err) != KE_OK ||
        x509_read(ke_buf_str(&pem), &info, &err) != KE_OK)
        return 0;
    return info.not_after_s;
}

int64_t csr_forget_at_s(const cJSON *object)
{
    const cJSON *it;
    int64_t at_s = time_of(ke_json_get(object, "metadata"), "creationTimestamp") + UNANSWERED_S;
    bool is_issued = ke_json_path_str(object, "status.certificate").len > 0;
    cJSON_ArrayForEach(it, ke_json_path(object, "status.conditions")) {
        struct ke_str type = ke_json_str(it, "type");
        bool is_answer = ke_str_eq_c(type, "Denied") || ke_str_eq_c(type, "Failed") ||
                         (ke_str_eq_c(type, "Approved") && is_issued);
        int64_t answered_s = time_of(it, "lastUpdateTime") + ANSWERED_S;
        if (is_answer && answered_s < at_s)
            at_s = answered_s;
    }
    int64_t until_s = issued_until_s(object);
    return until_s > 0 && until_s < at_s ? until_s : at_s;
}
