/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens made by another implementation are read; hostile ones are refused. */
#include "core/base/limits.h"
#include "core/net/jwt/jwt.h"
#include "core/net/tls/x509.h"
#include "test/support/base/test.h"

/* Keys and signatures by OpenSSL. */
static const char ec_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2EiLCJ"
    "zdWIiOiJiIiwiYXVkIjpbIngiXSwiZXhwIjoxfQ.RIJPeTjd7Ub4wERkhJsHZk0s7TJQRbBjY9r6bCwq"
    "eV8ThjUx0i34LpozyZQGu1MlSGTAe-5fW3IHGdPiIBF52A";
static const char rsa_token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InR3byJ9.eyJpc3MiOiJodHRwczovL2EiLCJzdWIiOiJiIiwiYXV"
    "kIjpbIngiXSwiZXhwIjoxfQ.mwPN1VRM-tHwVka9nNQdnwYk_5aiJD7ZtzgpjHlIQBSSMb4OR1gNxiav"
    "OiD_7We72fZk2dNIhH6cCCKe8OShqGT5fJyzhOToQAWUzIiFCMm-rHMAZWIayp9NfuTTabDT8Di8qhsw"
    "MjBRNVV_e6PM3048GAUipVN1ePXw8NkfUJcB80pvOSq2gvn5Tm53mff7WY_eegifjp_8mR3djTHH1GRg"
    "X6ii1kWpwFTYg4SWmpLzgVXpuGEYIOh7EiqjjgwBkg83y1WCnO6DcgfPPlBs_uRry6HAsFzCVI1zNuW6"
    "7VBLMpn21PpflTn-bTVZTw71fvu4XlOIT_-C1ysed4HN7g";
static const char ec_public[] =
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExZ+OYF+HkQHSQI74R"
    "WYIkMS0b0dv\niQe2WmYQa2bFXmd9X6TWAPVymjrIrXg0Gxm2QutyQdWN5okVAbQLbVF2WQ==\n-----EN"
    "D PUBLIC KEY-----\n";
static const char rsa_public[] =
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzzexCYakX"
    "/IXHKBfMBEp\nsD9OYq0dB4no5OJsygI+Xk2sJVctFrAA+paIFzGrtociH5NkQijpeYuk5QJz9RyI\njp+"
    "HBwVBmpHG4j59VzkcqIK9wtDCESJXgLztonZewsJDVEeDKN2mUPDOTO0Wp2uP\nwfnZgG4fDM7zHEGtCw"
    "3/zokWufuz+KTt3kOdXOlH21vWin2PjOizUYhUavt8a2Gd\n1JH3EgCKPBeVj4Yu1g4q3iYONqdcP51va"
    "5Tt+ehkR6i98RCgXu/XniT3e11Xti/h\nFGFIXue+AcTew/+UevC+yoLoBss3KcQyzOAhYHxN7092IoFi"
    "J5PqXwCEsD+dZnqe\nKwIDAQAB\n-----END PUBLIC KEY-----\n";
static const char rsa_n[] =
    "zzexCYakX_IXHKBfMBEpsD9OYq0dB4no5OJsygI-Xk2sJVctFrAA-paIFzGrtociH5NkQijpeYuk5QJz"
    "9RyIjp-HBwVBmpHG4j59VzkcqIK9wtDCESJXgLztonZewsJDVEeDKN2mUPDOTO0Wp2uPwfnZgG4fDM7z"
    "HEGtCw3_zokWufuz-KTt3kOdXOlH21vWin2PjOizUYhUavt8a2Gd1JH3EgCKPBeVj4Yu1g4q3iYONqdc"
    "P51va5Tt-ehkR6i98RCgXu_XniT3e11Xti_hFGFIXue-AcTew_-UevC-yoLoBss3KcQyzOAhYHxN7092"
    "IoFiJ5PqXwCEsD-dZnqeKw";
static const char ec_id[] = "uKUxwHbCAMu-0H_UqKS7KG7Zw9w0dWjtJqlOus7tgvw";
static const char rsa_id[] = "eHO8ZQBiVBuVtiebnap_S_qqrjqUdTk82sJKfdnYY8U";
static const char ec_x[] = "xZ-OYF-HkQHSQI74RWYIkMS0b0dviQe2WmYQa2bFXmc";
static const char ec_y[] = "fV-k1gD1cpo6yK14NBsZtkLrckHVjeaJFQG0C21Rdlk";

static struct jws_key *key_of(const char *pem)
{
    struct ke_err err = KE_ERR_INIT;
    struct jws_key *key = NULL;
    if (jws_key_new(ke_str_c(pem), &key, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return key;
}

static struct jws_key *new_key(void)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    assert_int_equal(x509_key_new(&pem, &err), KE_OK);
    ke_buf_add_char(&pem, '\0');
    return key_of(pem.ptr);
}

static bool is_good(const char *token, struct jws_key *key)
{
    struct ke_err err = KE_ERR_INIT;
    struct jwt jwt;
    bool is_ok = jwt_parse(ke_str_c(token), &jwt, &err) == KE_OK && jwt_verify(&jwt, key);
    jwt_clear(&jwt);
    return is_ok;
}

static void tokens_of_another_implementation_are_verified(void **state)
{
    (void)state;
    KE_AUTO(jws_key) *ec = key_of(ec_public);
    KE_AUTO(jws_key) *rsa = key_of(rsa_public);
    struct ke_err err = KE_ERR_INIT;
    struct jwt jwt;
    assert_int_equal(jwt_parse(ke_str_c(ec_token), &jwt, &err), KE_OK);
    assert_true(jwt_verify(&jwt, ec));
    assert_true(ke_str_eq_c(jwt.key_id, "one"));
    assert_true(ke_str_eq_c(ke_json_str(jwt.claims, "iss"), "https://a"));
    jwt_clear(&jwt);
    assert_int_equal(jwt_parse(ke_str_c(rsa_token), &jwt, &err), KE_OK);
    assert_true(jwt_verify(&jwt, rsa));
    assert_true(ke_str_eq_c(jwt.key_id, "two"));
    jwt_clear(&jwt);
}

static void key_sets_show_what_others_need(void **state)
{
    (void)state;
    KE_AUTO(jws_key) *ec = key_of(ec_public);
    KE_AUTO(jws_key) *rsa = key_of(rsa_public);
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *ec_json = NULL;
    ke_auto_json *rsa_json = NULL;
    jws_key_print_jwk(ec, &text);
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &ec_json, &err), KE_OK);
    ke_buf_clear(&text);
    jws_key_print_jwk(rsa, &text);
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &rsa_json, &err), KE_OK);
    assert_true(ke_str_eq_c(ke_json_str(ec_json, "kid"), ec_id));
    assert_true(ke_str_eq_c(ke_json_str(ec_json, "x"), ec_x));
    assert_true(ke_str_eq_c(ke_json_str(ec_json, "y"), ec_y));
    assert_true(ke_str_eq_c(ke_json_str(ec_json, "alg"), "ES256"));
    assert_true(ke_str_eq_c(ke_json_str(rsa_json, "kid"), rsa_id));
    assert_true(ke_str_eq_c(ke_json_str(rsa_json, "n"), rsa_n));
    assert_true(ke_str_eq_c(ke_json_str(rsa_json, "e"), "AQAB"));
}

static void what_is_signed_is_verified_by_its_key_only(void **state)
{
    (void)state;
    KE_AUTO(jws_key) *key = new_key();
    KE_AUTO(jws_key) *other = new_key();
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    struct ke_err err = KE_ERR_INIT;
    assert_true(jws_key_can_sign(key));
    assert_int_equal(jwt_sign(key, KE_STR("{\"a\":1}"), &token, &err), KE_OK);
    ke_buf_add_char(&token, '\0');
    assert_true(is_good(token.ptr, key));
    assert_false(is_good(token.ptr, other));
    /* The public half alone verifies too, and cannot sign. */
    KE_AUTO(jws_key) *public_key = key_of(ec_public);
    assert_true(is_good(ec_token, public_key));
    assert_int_equal(jwt_sign(public_key, KE_STR("{}"), &token, &err), KE_INVALID);
}

static void every_changed_byte_breaks_a_token(void **state)
{
    (void)state;
    KE_AUTO(jws_key) *ec = key_of(ec_public);
    char token[sizeof(ec_token)];
    memcpy(token, ec_token, sizeof(token));
    assert_true(is_good(token, ec));
    for (size_t i = 0; i < sizeof(token) - 1; i++) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        if (is_good(token, ec))
            fail_msg("byte %zu", i);
        token[i] = was;
    }
}

/* header and claims as given, with a signature that is none. */
static enum ke_code parse_made(const char *header, const char *claims, struct ke_err *err)
{
    ke_auto_buf token = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct jwt jwt;
    ke_buf_add_base64url(&token, header, strlen(header));
    ke_buf_add_char(&token, '.');
    ke_buf_add_base64url(&token, claims, strlen(claims));
    ke_buf_add_c(&token, ".AAAA");
    enum ke_code rc = jwt_parse(ke_buf_str(&token), &jwt, err);
    jwt_clear(&jwt);
    return rc;
}

static void hostile_headers_and_claims_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *claims;
    } cases[] = {
        { "{\"alg\":\"none\"}", "{}" },
        { "{\"alg\":\"None\"}", "{}" },
        { "{\"alg\":\"HS256\"}", "{}" },
        { "{\"alg\":\"ES384\"}", "{}" },
        { "{\"alg\":\"es256\"}", "{}" },
        { "{\"alg\":256}", "{}" },
        { "{}", "{}" },
        { "[]", "{}" },
        { "\"ES256\"", "{}" },
        { "{\"alg\":\"none\",\"alg\":\"ES256\"}", "{}" },
        { "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", "{}" },
        { "{\"alg\":\"ES256\",\"b64\":false}", "{}" },
        { "{\"alg\":\"ES256\",\"zip\":\"DEF\"}", "{}" },
        { "{\"alg\":\"ES256\",\"kid\":\"\"}", "{}" },
        { "{\"alg\":\"ES256\",\"kid\":7}", "{}" },
        { "{\"alg\":\"ES256\"", "{}" },
        { "{\"alg\":\"ES256\"}", "" },
        { "{\"alg\":\"ES256\"}", "[]" },
        { "{\"alg\":\"ES256\"}", "null" },
        { "{\"alg\":\"ES256\"}", "{\"sub\":\"a\",\"sub\":\"b\"}" },
        { "{\"alg\":\"ES256\"}", "{\"a\":{\"b\":1,\"b\":\"\\\":\"}}" },
        { "{\"alg\":\"ES256\"}", "{\"a\":\"\xff\"}" },
        { "{\"alg\":\"ES256\"}", "{} {}" },
    };
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(parse_made("{\"alg\":\"ES256\"}", "{\"a\":\":\\\":\"}", &err), KE_OK);
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        if (parse_made(cases[i].header, cases[i].claims, &err) != KE_MALFORMED)
            fail_msg("%s %s", cases[i].header, cases[i].claims);
    }
}

static void other_spellings_of_a_token_are_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "e30.e30.",
        "eyJhbGciOiJFUzI1NiJ9.e30",
        "eyJhbGciOiJFUzI1NiJ9.e30.",      /* no signature */
        "eyJhbGciOiJFUzI1NiJ9=.e30.AAAA", /* padding */
        "eyJhbGciOiJFUzI1NiJ9.e31.AAAA",  /* spare bits */
        "eyJhbGciOiJFUzI1NiJ9.e30.AA+A",  /* the other alphabet */
        "eyJhbGciOiJFUzI1NiJ9. e30.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA\n",
    };
    KE_AUTO(jws_key) *ec = key_of(ec_public);
    for (size_t i = 0; i < KE_ARRAY_LEN(tokens); i++) {
        struct ke_err err = KE_ERR_INIT;
        struct jwt jwt;
        if (jwt_parse(ke_str_c(tokens[i]), &jwt, &err) != KE_MALFORMED)
            fail_msg("%s", tokens[i]);
        jwt_clear(&jwt);
        assert_false(is_good(tokens[i], ec));
    }
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static char token[LIMIT_TOKEN_BYTES + 1];
    struct ke_err err = KE_ERR_INIT;
    struct jwt jwt;
    memset(token, 'A', sizeof(token));
    assert_int_equal(jwt_parse(ke_str_of(token, sizeof(token)), &jwt, &err), KE_TOO_LARGE);
    jwt_clear(&jwt);
    /* A signature longer than any key makes. */
    static const char head[] = "eyJhbGciOiJFUzI1NiJ9.e30.";
    memcpy(token, head, sizeof(head) - 1);
    assert_int_not_equal(jwt_parse(ke_str_of(token, 4096), &jwt, &err), KE_OK);
    jwt_clear(&jwt);
}

/* A token signed with HMAC over the text of a public key, or for the other kind of key. */
static void a_key_is_used_with_its_own_algorithm_only(void **state)
{
    (void)state;
    KE_AUTO(jws_key) *ec = key_of(ec_public);
    KE_AUTO(jws_key) *rsa = key_of(rsa_public);
    assert_false(is_good(ec_token, rsa));
    assert_false(is_good(rsa_token, ec));
}

static void signatures_of_zeros_are_refused(void **state)
{
    (void)state;
    KE_AUTO(jws_key) *ec = key_of(ec_public);
    char zeros[JWS_ES256_BYTES] = { 0 };
    assert_false(jws_key_verify(ec, KE_STR("a"), ke_str_of(zeros, sizeof(zeros))));
    memset(zeros, 0xff, sizeof(zeros));
    assert_false(jws_key_verify(ec, KE_STR("a"), ke_str_of(zeros, sizeof(zeros))));
    assert_false(jws_key_verify(ec, KE_STR("a"), ke_str_of(zeros, 63)));
    assert_false(jws_key_verify(ec, KE_STR("a"), KE_STR("")));
}

static void weak_and_foreign_keys_are_refused(void **state)
{
    (void)state;
    static const char *const pems[] = {
        "",
        "x",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        /* RSA of 512 bits */
        "-----BEGIN PUBLIC KEY-----\n"
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf\n"
        "9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==\n"
        "-----END PUBLIC KEY-----\n",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(pems); i++) {
        struct ke_err err = KE_ERR_INIT;
        struct jws_key *key = NULL;
        assert_int_equal(jws_key_new(ke_str_c(pems[i]), &key, &err), KE_MALFORMED);
        assert_null(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_another_implementation_are_verified),
        cmocka_unit_test(key_sets_show_what_others_need),
        cmocka_unit_test(what_is_signed_is_verified_by_its_key_only),
        cmocka_unit_test(every_changed_byte_breaks_a_token),
        cmocka_unit_test(hostile_headers_and_claims_are_refused),
        cmocka_unit_test(other_spellings_of_a_token_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(a_key_is_used_with_its_own_algorithm_only),
        cmocka_unit_test(signatures_of_zeros_are_refused),
        cmocka_unit_test(weak_and_foreign_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
