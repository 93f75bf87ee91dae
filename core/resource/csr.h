/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_CSR_H
#define CORE_RESOURCE_CSR_H
/*
 * CertificateSigningRequests on their way into the registry: who asks is written into them, the
 * request is read, and approvers and signers need the permission for the signer that is named.
 * The operation's thread. Source: Kubernetes registry/certificates/certificates/strategy.go,
 * plugin/pkg/admission/certificates.
 */
#include "core/resource/operation.h"

enum ke_code csr_admit_create(struct operation *op, cJSON *object) KE_MUST_CHECK;
/* A write of /status: object is old with the status of the writer. */
enum ke_code csr_admit_status(struct operation *op, cJSON *object, const cJSON *old) KE_MUST_CHECK;

#endif
