/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption of stored values: keys, what is refused, and the key file. */
#include <stdio.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "store/vault.h"
#include "test/support/base/test.h"
#include "test/support/tmpdir.h"

#define KEY   KE_STR("/registry/secrets/default/a")
#define PLAIN KE_STR("{\"kind\":\"Secret\"}")

struct fixture {
    struct test_tmpdir tmpdir;
    char path[TEST_TMPDIR_BYTES + 16];
};

static int set_up(void **state)
{
    static struct fixture f;
    test_tmpdir_make(&f.tmpdir);
    (void)snprintf(f.path, sizeof(f.path), "%s/secrets.key", f.tmpdir.path);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    test_tmpdir_remove(&f->tmpdir);
    return 0;
}

static struct vault *open_vault(const struct fixture *f)
{
    struct vault *vault = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (vault_open(f->path, &vault, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return vault;
}

static void a_value_comes_back(void **state)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf sealed = KE_BUF_INIT(1U << 20);
    ke_auto_buf again = KE_BUF_INIT(1U << 20);
    ke_auto_buf plain = KE_BUF_INIT(1U << 20);
    KE_AUTO(vault) *vault = open_vault(*state);
    assert_false(vault_has_key(vault));
    assert_int_equal(vault_add_key(vault, &err), KE_OK);
    assert_int_equal(vault_seal(vault, KEY, PLAIN, &sealed, &err), KE_OK);
    assert_int_equal(vault_seal(vault, KEY, PLAIN, &again, &err), KE_OK);
    assert_false(ke_str_eq(ke_buf_str(&sealed), ke_buf_str(&again))); /* another nonce */
    assert_null(memmem(sealed.ptr, sealed.len, "Secret", 6));
    assert_true(vault_is_sealed(ke_buf_str(&sealed)));
    assert_true(vault_is_current(vault, ke_buf_str(&sealed)));
    assert_false(vault_is_sealed(PLAIN));
    assert_int_equal(vault_unseal(vault, KEY, ke_buf_str(&sealed), &plain, &err), KE_OK);
    assert_true(ke_str_eq(ke_buf_str(&plain), PLAIN));
}

static void what_was_changed_or_moved_is_refused(void **state)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf sealed = KE_BUF_INIT(1U << 20);
    ke_auto_buf plain = KE_BUF_INIT(1U << 20);
    KE_AUTO(vault) *vault = open_vault(*state);
    assert_int_equal(vault_add_key(vault, &err), KE_OK);
    assert_int_equal(vault_seal(vault, KEY, PLAIN, &sealed, &err), KE_OK);
    assert_int_equal(vault_unseal(vault, KE_STR("/registry/secrets/default/b"), ke_buf_str(&sealed),
                                  &plain, &err),
                     KE_MALFORMED);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.ptr[i] = (char)(sealed.ptr[i] ^ 1);
        assert_int_not_equal(vault_unseal(vault, KEY, ke_buf_str(&sealed), &plain, &err), KE_OK);
        sealed.ptr[i] = (char)(sealed.ptr[i] ^ 1);
    }
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_not_equal(vault_unseal(vault, KEY, ke_str_of(sealed.ptr, len), &plain, &err),
                             KE_OK);
}

static void old_keys_open_and_the_newest_seals(void **state)
{
    struct fixture *f = *state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf old = KE_BUF_INIT(1U << 20);
    ke_auto_buf plain = KE_BUF_INIT(1U << 20);
    KE_AUTO(vault) *vault = open_vault(f);
    assert_int_equal(vault_add_key(vault, &err), KE_OK);
    assert_int_equal(vault_seal(vault, KEY, PLAIN, &old, &err), KE_OK);
    assert_int_equal(vault_add_key(vault, &err), KE_OK);
    assert_false(vault_is_current(vault, ke_buf_str(&old)));
    KE_AUTO(vault) *again = open_vault(f); /* the file holds both */
    assert_int_equal(vault_unseal(again, KEY, ke_buf_str(&old), &plain, &err), KE_OK);
    for (int i = 0; i < VAULT_MAX_KEYS; i++)
        assert_int_equal(vault_add_key(again, &err), KE_OK);
    assert_int_equal(vault_unseal(again, KEY, ke_buf_str(&old), &plain, &err), KE_INVALID);
    assert_non_null(strstr(err.msg, f->path));
    assert_int_equal(vault_unseal(NULL, KEY, ke_buf_str(&old), &plain, &err), KE_INVALID);
}

static void the_file_is_only_for_its_owner(void **state)
{
    struct fixture *f = *state;
    struct ke_err err = KE_ERR_INIT;
    struct stat at;
    KE_AUTO(vault) *vault = open_vault(f);
    assert_int_equal(vault_add_key(vault, &err), KE_OK);
    assert_int_equal(stat(f->path, &at), 0);
    assert_int_equal(at.st_mode & 0777, 0600);
    assert_int_equal(chmod(f->path, 0644), 0);
    KE_AUTO(vault) *again = open_vault(f);
    assert_true(vault_has_key(again));
    assert_int_equal(stat(f->path, &at), 0);
    assert_int_equal(at.st_mode & 0777, 0600);
}

static void what_is_no_key_file_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        "# only words\n",
        "aesgcm:v1 0123 QUJD\n",
        "x\n",
        "aesgcm:v1 0123456789abcdef QUJD\n",
        "aesgcm:v1 0123456789abcdef !!!!\n",
        "aesgcm:v1 0123456789abcdef\n",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(texts); i++) {
        struct ke_err err = KE_ERR_INIT;
        struct vault *vault = NULL;
        assert_int_equal(ke_file_write(f->path, ke_str_c(texts[i]), 0600, &err), KE_OK);
        assert_int_equal(vault_open(f->path, &vault, &err), KE_MALFORMED);
        assert_non_null(strstr(err.msg, f->path));
    }
}

static void only_secrets_are_sealed(void **state)
{
    (void)state;
    assert_true(vault_wants(KEY));
    assert_false(vault_wants(KE_STR("/registry/configmaps/default/a")));
    assert_false(vault_wants(KE_STR("/registry/secretsx/default/a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_changed_or_moved_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_keys_open_and_the_newest_seals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_is_only_for_its_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_key_file_is_refused, set_up, tear_down),
        cmocka_unit_test(only_secrets_are_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
