/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of tokens on disk: made once, kept, changed by moving files, and never overwritten. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/auth/token_files.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/net/tls/x509.h"
#include "test/support/base/test.h"
#include "test/support/tmpdir.h"

static int setup(void **state)
{
    struct test_tmpdir *dir = calloc(1, sizeof(*dir));
    assert_non_null(dir);
    test_tmpdir_make(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    test_tmpdir_remove(*state);
    free(*state);
    return 0;
}

static struct token_keys *open_keys(struct test_tmpdir *dir)
{
    struct ke_err err = KE_ERR_INIT;
    struct token_keys *keys = NULL;
    if (token_keys_open(ke_str_c(dir->path), &keys, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return keys;
}

static size_t count(const struct token_keys *keys)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_json *json = NULL;
    token_keys_print_jwks(keys, &text);
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &json, &err), KE_OK);
    return (size_t)cJSON_GetArraySize(ke_json_get(json, "keys"));
}

static bool is_signed_by(struct token_keys *keys, struct ke_str token)
{
    struct ke_err err = KE_ERR_INIT;
    struct jwt jwt;
    assert_int_equal(jwt_parse(token, &jwt, &err), KE_OK);
    bool is_good = token_keys_verify(keys, &jwt);
    jwt_clear(&jwt);
    return is_good;
}

static void the_first_start_makes_a_key_that_stays(void **state)
{
    struct test_tmpdir *dir = *state;
    struct ke_err err = KE_ERR_INIT;
    struct stat status;
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    KE_AUTO(token_keys) *first = open_keys(dir);
    assert_int_equal(stat(test_tmpdir_path(dir, "sa.key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(token_keys_sign(first, KE_STR("{}"), &token, &err), KE_OK);
    KE_AUTO(token_keys) *again = open_keys(dir);
    assert_true(is_signed_by(again, ke_buf_str(&token)));
}

static void keys_beside_it_verify(void **state)
{
    struct test_tmpdir *dir = *state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    char old[512];
    KE_AUTO(token_keys) *first = open_keys(dir);
    assert_int_equal(token_keys_sign(first, KE_STR("{}"), &token, &err), KE_OK);
    (void)snprintf(old, sizeof(old), "%s", test_tmpdir_path(dir, "sa-old.key"));
    assert_int_equal(rename(test_tmpdir_path(dir, "sa.key"), old), 0);
    KE_AUTO(token_keys) *second = open_keys(dir);
    assert_int_equal(count(second), 2);
    assert_true(is_signed_by(second, ke_buf_str(&token)));
    assert_int_equal(remove(old), 0);
    KE_AUTO(token_keys) *third = open_keys(dir);
    assert_int_equal(count(third), 1);
    assert_false(is_signed_by(third, ke_buf_str(&token)));
}

static void assert_damaged(struct test_tmpdir *dir, const char *file, const char *words)
{
    struct ke_err err = KE_ERR_INIT;
    struct token_keys *keys = NULL;
    assert_int_equal(token_keys_open(ke_str_c(dir->path), &keys, &err), KE_MALFORMED);
    assert_null(keys);
    assert_non_null(strstr(err.msg, file));
    assert_non_null(strstr(err.msg, words));
}

static void damaged_files_are_named_and_left_alone(void **state)
{
    struct test_tmpdir *dir = *state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    char path[512];
    (void)snprintf(path, sizeof(path), "%s", test_tmpdir_path(dir, "sa.key"));
    assert_int_equal(ke_file_write(path, KE_STR("half a key"), 0600, &err), KE_OK);
    assert_damaged(dir, "sa.key", "is damaged");
    assert_int_equal(ke_file_read(path, &text, &err), KE_OK);
    assert_true(ke_str_eq_c(ke_buf_str(&text), "half a key"));
    assert_int_equal(remove(path), 0);
    (void)snprintf(path, sizeof(path), "%s", test_tmpdir_path(dir, "sa-x.pub"));
    assert_int_equal(ke_file_write(path, KE_STR("none"), 0644, &err), KE_OK);
    assert_damaged(dir, "sa-x.pub", "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_start_makes_a_key_that_stays),
        TEST(keys_beside_it_verify),
        TEST(damaged_files_are_named_and_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
