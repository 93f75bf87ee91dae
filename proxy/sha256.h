/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_SHA256_H
#define PROXY_SHA256_H
/* SHA-256 for names of chains: kube-proxy's are made of it. Not for secrets. Pure. */
#include <stddef.h>
#include <stdint.h>

void proxy_sha256(const void *bytes, size_t len, uint8_t out[32]);

#endif
