/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests: as PEM, and as the DER behind it. What is read can be signed for. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/net/tls/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct ke_str pem)
{
    struct ke_err err = KE_ERR_INIT;
    struct x509_csr csr;
    if (x509_csr_read(pem, &csr, &err) == KE_OK &&
        (csr.public_key_pem.len == 0 || csr.subject_der.len == 0 ||
         (csr.names_der.len > 0) != (csr.n_dns_names + csr.n_ips + csr.n_emails + csr.n_uris > 0)))
        abort();
    x509_csr_clear(&csr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    check(ke_str_of((const char *)data, size));
    ke_buf_add_c(&pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
    ke_buf_add_base64(&pem, data, size);
    ke_buf_add_c(&pem, "\n-----END CERTIFICATE REQUEST-----\n");
    if (pem.failed == KE_OK)
        check(ke_buf_str(&pem));
    return 0;
}
