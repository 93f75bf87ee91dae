/* SPDX-License-Identifier: Apache-2.0 */
/* Requests made by another implementation are read, and signed for; bad ones are refused. */
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/net/tls/x509.h"
#include "test/support/base/csr.h"
#include "test/support/base/test.h"

/* By OpenSSL. */
static const char ec_csr[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                             "MIIBGTCBwAIBADAwMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxFzAVBgNVBAMMDnN5\n"
                             "c3RlbTpub2RlOm4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExZ+OYF+HkQHS\n"
                             "QI74RWYIkMS0b0dviQe2WmYQa2bFXmd9X6TWAPVymjrIrXg0Gxm2QutyQdWN5okV\n"
                             "AbQLbVF2WaAuMCwGCSqGSIb3DQEJDjEfMB0wGwYDVR0RBBQwEoIKbjEuZXhhbXBs\n"
                             "ZYcECgAAATAKBggqhkjOPQQDAgNIADBFAiA6w5y3R9NpLxRYbxMcVKlW8GpeGJbA\n"
                             "Ugcrp/asunf4zQIhAJsgQRxLn5C7J1/cLLtmfPtHuUdCX5K7rHLiCci4Js1H\n"
                             "-----END CERTIFICATE REQUEST-----\n";
static const char mail_csr[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                               "MIH5MIGfAgEAMAwxCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
                               "AATFn45gX4eRAdJAjvhFZgiQxLRvR2+JB7ZaZhBrZsVeZ31fpNYA9XKaOsiteDQb\n"
                               "GbZC63JB1Y3miRUBtAttUXZZoDEwLwYJKoZIhvcNAQkOMSIwIDAeBgNVHREEFzAV\n"
                               "gQVhQGIuY4YMc3BpZmZlOi8vYS9iMAoGCCqGSM49BAMCA0kAMEYCIQCfdlVgjlZ8\n"
                               "vW+7vDR6/8lMaaZjoqYhAqt21/ozgZvQJAIhAK7vY0pOc1LKXeTz1QZjOUPrpaXY\n"
                               "x+Ty8JWTW1XSu9js\n"
                               "-----END CERTIFICATE REQUEST-----\n";
static const char other_csr[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                                "MIHvMIGWAgEAMAwxCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
                                "AATFn45gX4eRAdJAjvhFZgiQxLRvR2+JB7ZaZhBrZsVeZ31fpNYA9XKaOsiteDQb\n"
                                "GbZC63JB1Y3miRUBtAttUXZZoCgwJgYJKoZIhvcNAQkOMRkwFzAVBgNVHREEDjAM\n"
                                "oAoGAyoDBKADDAFhMAoGCCqGSM49BAMCA0gAMEUCIQD04XSPtsw/9N8UmwXFQEhA\n"
                                "DskA13K2MN+0p1kr7D6a3QIgVmuYCvguKUW8YcOjPiJuBl2U4X5xAp167OmSczT+\n"
                                "jDA=\n"
                                "-----END CERTIFICATE REQUEST-----\n";
static const char sha1_csr[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                               "MIICUTCCATkCAQAwDDEKMAgGA1UEAwwBeDCCASIwDQYJKoZIhvcNAQEBBQADggEP\n"
                               "ADCCAQoCggEBAM83sQmGpF/yFxygXzARKbA/TmKtHQeJ6OTibMoCPl5NrCVXLRaw\n"
                               "APqWiBcxq7aHIh+TZEIo6XmLpOUCc/UciI6fhwcFQZqRxuI+fVc5HKiCvcLQwhEi\n"
                               "V4C87aJ2XsLCQ1RHgyjdplDwzkztFqdrj8H52YBuHwzO8xxBrQsN/86JFrn7s/ik\n"
                               "7d5DnVzpR9tb1op9j4zos1GIVGr7fGthndSR9xIAijwXlY+GLtYOKt4mDjanXD+d\n"
                               "b2uU7fnoZEeovfEQoF7v154k93tdV7Yv4RRhSF7nvgHE3sP/lHrwvsqC6AbLNynE\n"
                               "MszgIWB8Te9PdiKBYieT6l8AhLA/nWZ6nisCAwEAAaAAMA0GCSqGSIb3DQEBBQUA\n"
                               "A4IBAQA3m3KMMsxcryH9g16xZRU2y1xPSM8/ytAjW2Y/5iE6x6j/cAiZkqzj3f/S\n"
                               "M7cAcKynFZj65QxJKGRn7RDijDUp/lBvGKoNovY1Ex5k8NBkQK2W/1uo+4l5bDRa\n"
                               "s/qPToPZzxtYjZSsA1hwPmT4/Zj/Fuuob9/DcerUaZVbIbDMVapV8ITDhGs9Hi6d\n"
                               "ZPrIxTKGuynUtNA32wlLHquv/vw9l72hlRRjfBj3JHtf4lIRihOj87FdWzc9z5/a\n"
                               "wugT4AuxuiVMzPIKZ2a/TSwe1lcrX36lkdDk29CZp4WG08zXUu92sg5gBU0kEQ7H\n"
                               "usIHOHcMIBoDbSlit1dY4TJY937D\n"
                               "-----END CERTIFICATE REQUEST-----\n";

static const char two_names_csr[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBAjCBqQIBADBHMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxFjAUBgNVBAMMDXN5\n"
    "c3RlbTpub2RlOmExFjAUBgNVBAMMDXN5c3RlbTpub2RlOmIwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAATFn45gX4eRAdJAjvhFZgiQxLRvR2+JB7ZaZhBrZsVeZ31f\n"
    "pNYA9XKaOsiteDQbGbZC63JB1Y3miRUBtAttUXZZoAAwCgYIKoZIzj0EAwIDSAAw\n"
    "RQIgRxKVXgwhxfzu1akv4PMZFV7yZQbDOswFVuobaTBNjzoCIQDLYYVAtFjbvQLL\n"
    "HZNmEnQfWrTUkPOVUY+Z2Nxfz0BM3g==\n"
    "-----END CERTIFICATE REQUEST-----\n";

enum { DAY_S = 24 * 60 * 60 };

static void read_csr(const char *pem, struct x509_csr *out)
{
    struct ke_err err = KE_ERR_INIT;
    if (x509_csr_read(ke_str_c(pem), out, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void subjects_names_and_keys_are_read(void **state)
{
    (void)state;
    struct x509_csr csr;
    read_csr(ec_csr, &csr);
    assert_string_equal(csr.common_name, "system:node:n1");
    assert_int_equal(csr.n_organizations, 1);
    assert_string_equal(csr.organizations[0], "system:nodes");
    assert_int_equal(csr.n_dns_names, 1);
    assert_int_equal(csr.n_ips, 1);
    x509_csr_clear(&csr);
    read_csr(rsa_csr, &csr);
    assert_string_equal(csr.common_name, "jane");
    assert_int_equal(csr.n_organizations, 2);
    assert_string_equal(csr.organizations[1], "ops");
    assert_int_equal(csr.names_der.len, 0);
    x509_csr_clear(&csr);
    read_csr(mail_csr, &csr);
    assert_int_equal(csr.n_emails, 1);
    assert_int_equal(csr.n_uris, 1);
    x509_csr_clear(&csr);
}

static void sign(const struct x509_csr *csr, struct ke_buf *ca_cert, struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf ca_key = KE_BUF_INIT(LIMIT_PEM_BYTES);
    const struct ke_str none = { 0 };
    struct x509_request ca = { .common_name = KE_STR("test-ca"),
                               .is_ca = true,
                               .not_before_s = ke_wall_s() - DAY_S,
                               .not_after_s = ke_wall_s() + DAY_S };
    struct x509_request leaf = { .subject_der = ke_buf_str(&csr->subject_der),
                                 .names_der = ke_buf_str(&csr->names_der),
                                 .is_client = true,
                                 .is_encipherer = true,
                                 .not_before_s = ca.not_before_s,
                                 .not_after_s = ca.not_after_s };
    assert_int_equal(x509_key_new(&ca_key, &err), KE_OK);
    assert_int_equal(x509_sign(&ca, ke_buf_str(&ca_key), none, none, ca_cert, &err), KE_OK);
    if (x509_sign(&leaf, ke_buf_str(&csr->public_key_pem), ke_buf_str(ca_cert), ke_buf_str(&ca_key),
                  out, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void certificates_carry_what_was_asked_for(void **state)
{
    (void)state;
    static const char *const pems[] = { ec_csr, rsa_csr };
    for (size_t i = 0; i < KE_ARRAY_LEN(pems); i++) {
        struct ke_err err = KE_ERR_INIT;
        struct x509_csr csr;
        struct x509_info info;
        ke_auto_buf ca = KE_BUF_INIT(LIMIT_PEM_BYTES);
        ke_auto_buf cert = KE_BUF_INIT(LIMIT_PEM_BYTES);
        read_csr(pems[i], &csr);
        sign(&csr, &ca, &cert);
        assert_int_equal(x509_read(ke_buf_str(&cert), &info, &err), KE_OK);
        assert_string_equal(info.common_name, csr.common_name);
        assert_int_equal(info.n_dns_names, csr.n_dns_names);
        assert_int_equal(info.n_ips, csr.n_ips);
        assert_false(info.is_ca);
        assert_true(x509_is_signed_by(ke_buf_str(&cert), ke_buf_str(&ca)));
        x509_csr_clear(&csr);
    }
}

static void assert_refused(const char *pem)
{
    struct ke_err err = KE_ERR_INIT;
    struct x509_csr csr;
    if (x509_csr_read(ke_str_c(pem), &csr, &err) != KE_MALFORMED)
        fail_msg("read: %.80s", pem);
    x509_csr_clear(&csr);
}

static void what_is_no_good_request_is_refused(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("hello");
    assert_refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_refused(
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    assert_refused(other_csr); /* a kind of name that nobody here understands */
    assert_refused(sha1_csr);
    /* Who would it be? Readers differ. */
    assert_refused(two_names_csr);
}

/* Each byte of the DER changed, one at a time: the signature covers what the form does not. */
static void changed_requests_are_refused(void **state)
{
    (void)state;
    char pem[sizeof(ec_csr)];
    const char *body = strchr(ec_csr, '\n') + 1;
    const char *end = strstr(ec_csr, "-----END");
    for (const char *at = body; at < end; at++) {
        size_t i = (size_t)(at - ec_csr);
        memcpy(pem, ec_csr, sizeof(pem));
        if (*at == '\n' || *at == '=')
            continue;
        pem[i] = *at == 'A' ? 'B' : 'A';
        assert_refused(pem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_names_and_keys_are_read),
        cmocka_unit_test(certificates_carry_what_was_asked_for),
        cmocka_unit_test(what_is_no_good_request_is_refused),
        cmocka_unit_test(changed_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
