/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_BASE_CSR_H
#define TEST_SUPPORT_BASE_CSR_H
/* A request for a certificate that somebody else made: CN=jane, O=dev, O=ops, RSA, by OpenSSL. */

static const char rsa_csr[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                              "MIICcDCCAVgCAQAwKzENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MQwwCgYD\n"
                              "VQQKDANvcHMwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDPN7EJhqRf\n"
                              "8hccoF8wESmwP05irR0Hiejk4mzKAj5eTawlVy0WsAD6logXMau2hyIfk2RCKOl5\n"
                              "i6TlAnP1HIiOn4cHBUGakcbiPn1XORyogr3C0MIRIleAvO2idl7CwkNUR4Mo3aZQ\n"
                              "8M5M7Rana4/B+dmAbh8MzvMcQa0LDf/OiRa5+7P4pO3eQ51c6UfbW9aKfY+M6LNR\n"
                              "iFRq+3xrYZ3UkfcSAIo8F5WPhi7WDireJg42p1w/nW9rlO356GRHqL3xEKBe79ee\n"
                              "JPd7XVe2L+EUYUhe574BxN7D/5R68L7KgugGyzcpxDLM4CFgfE3vT3YigWInk+pf\n"
                              "AISwP51mep4rAgMBAAGgADANBgkqhkiG9w0BAQsFAAOCAQEAovWUd1qsdsjUfxW8\n"
                              "QZIzBoIKvL5lyGGMbzZqzp3D4VIOsV3kDRUkfzBdAItqRQtZYJa3ahJZAVNPETjl\n"
                              "MG2+wUAnAEPHY5NmSGijzc0LroyZMmGP/lRklVp8jBG2EXDb2AhIBUz8sr8c6Kho\n"
                              "mG4vn4GMuN7kv2WnEqe4Afm59U5cPiNJjWOjWaUGRR3lPs3nfNVtVCwjg3a0VN0a\n"
                              "bs1NAXY9p2E9AMSIpSVyJUE7beE2OZA3be4M9vocOW1Z0wGvLSvQbgWf9Yo0mNMk\n"
                              "ipHmeyeObs5Gk9Dknm2OwHv6XixRwn3nL3mokqtgF8VfUvgeGKCGY4kOG7PWER1a\n"
                              "/NYVfg==\n"
                              "-----END CERTIFICATE REQUEST-----\n";

#endif
