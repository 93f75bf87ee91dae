/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates out of Secrets of type kubernetes.io/tls. Any thread. */
#include <string.h>

#include "core/base/json.h"
#include "core/net/tls/x509.h"
#include "ingress/derive.h"

#define PEM_BYTES (1U << 20)

static enum ke_code read_key(const cJSON *secret, const char *key, struct ke_buf *out)
{
    struct ke_err ignored = KE_ERR_INIT;
    struct ke_str text = ke_json_str(ke_json_get(secret, "data"), key);
    if (text.len == 0)
        return KE_NOT_FOUND;
    return ke_base64_decode(text, out, &ignored);
}

struct tls_cert *ingress_cert_from_secret(const cJSON *secret, const char **why)
{
    ke_auto_buf chain = KE_BUF_INIT(PEM_BYTES);
    ke_auto_buf key = KE_BUF_INIT(PEM_BYTES);
    struct tls_cert *cert = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (read_key(secret, "tls.crt", &chain) != KE_OK) {
        *why = "no tls.crt in it";
        return NULL;
    }
    if (read_key(secret, "tls.key", &key) != KE_OK) {
        *why = "no tls.key in it";
        return NULL;
    }
    enum ke_code rc = tls_cert_new(ke_buf_str(&chain), ke_buf_str(&key), &cert, &err);
    if (rc == KE_OK)
        return cert;
    *why = rc == KE_INVALID ? "tls.key belongs to another certificate"
           : rc == KE_NOMEM ? "out of memory"
                            : "tls.crt or tls.key cannot be read";
    return NULL;
}

bool ingress_cert_name(const cJSON *secret, size_t i, char *memory, struct ke_str *out)
{
    ke_auto_buf chain = KE_BUF_INIT(PEM_BYTES);
    struct x509_info info;
    struct ke_err ignored = KE_ERR_INIT;
    if (read_key(secret, "tls.crt", &chain) != KE_OK ||
        x509_read(ke_buf_str(&chain), &info, &ignored) != KE_OK || i >= info.n_dns_names)
        return false;
    size_t len = strlen(info.dns_names[i]);
    memcpy(memory, info.dns_names[i], len);
    *out = ke_str_of(memory, len);
    return true;
}
