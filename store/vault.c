/* SPDX-License-Identifier: Apache-2.0 */
/* See vault.h. */
#include "store/vault.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/net/tls/seal.h"

#define SEALED     "k8s:enc:aesgcm:v1:"
#define LINE       "aesgcm:v1 "
#define SECRETS    "/registry/secrets/"
#define ID_BYTES   8
#define ID_CHARS   (2 * ID_BYTES)
#define FILE_BYTES 65536
#define COMMENT                                                                                    \
    "# Keys of the Secrets in the registry, newest first. Without them the Secrets are lost:\n"    \
    "# keep a copy with every backup of the registry, and keep it as secret.\n"

struct vault_key {
    char id[ID_CHARS + 1];
    uint8_t bytes[TLS_SEAL_KEY_BYTES];
};

struct vault {
    char *path;
    struct vault_key keys[VAULT_MAX_KEYS]; /* newest first */
    size_t n_keys;
};

/* ---- the key file */

static enum ke_code fail_file(const struct vault *vault, size_t line, struct ke_err *err)
{
    return ke_fail(err, KE_MALFORMED, "%s: line %zu is no key: restore the file from a backup",
                   vault->path, line);
}

static enum ke_code read_line(struct vault *vault, struct ke_str line, size_t number,
                              struct ke_err *err)
{
    struct ke_str id;
    KE_CLEANUP(ke_buf_free) struct ke_buf bytes = KE_BUF_INIT(FILE_BYTES);
    struct ke_err why = KE_ERR_INIT;
    if (!ke_str_cut_prefix(&line, KE_STR(LINE)) || !ke_str_split(&line, ' ', &id) ||
        id.len != ID_CHARS || vault->n_keys == VAULT_MAX_KEYS)
        return fail_file(vault, number, err);
    enum ke_code rc = ke_base64_decode(line, &bytes, &why);
    if (rc == KE_NOMEM)
        return ke_fail(err, rc, "%s: out of memory", vault->path);
    if (rc != KE_OK || bytes.len != TLS_SEAL_KEY_BYTES)
        return fail_file(vault, number, err);
    struct vault_key *key = &vault->keys[vault->n_keys++];
    memcpy(key->id, id.ptr, ID_CHARS);
    memcpy(key->bytes, bytes.ptr, TLS_SEAL_KEY_BYTES);
    tls_wipe(bytes.ptr, bytes.len);
    return KE_OK;
}

static enum ke_code read_lines(struct vault *vault, struct ke_str text, struct ke_err *err)
{
    struct ke_str line;
    size_t number = 0;
    while (ke_str_split(&text, '\n', &line)) {
        number++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        enum ke_code rc = read_line(vault, line, number, err);
        if (rc != KE_OK)
            return rc;
    }
    return vault->n_keys > 0
               ? KE_OK
               : ke_fail(err, KE_MALFORMED, "%s: no key in it: restore the file from a backup",
                         vault->path);
}

static enum ke_code close_to_others(const char *path, struct ke_err *err)
{
    struct stat at;
    if (stat(path, &at) != 0)
        return ke_fail_errno(err, errno, "%s", path);
    if ((at.st_mode & (S_IRWXG | S_IRWXO)) != 0 && chmod(path, S_IRUSR | S_IWUSR) != 0)
        return ke_fail_errno(err, errno, "%s", path);
    return KE_OK;
}

enum ke_code vault_open(const char *path, struct vault **out, struct ke_err *err)
{
    KE_AUTO(vault) *vault = ke_alloc(sizeof(*vault));
    if (vault == NULL || (vault->path = ke_str_dup(ke_str_c(path))) == NULL)
        return ke_fail(err, KE_NOMEM, "%s: out of memory", path);
    ke_auto_buf text = KE_BUF_INIT(FILE_BYTES);
    enum ke_code rc = ke_file_read(path, &text, err);
    if (rc == KE_NOT_FOUND) {
        *out = KE_TAKE(vault);
        return KE_OK;
    }
    if (rc == KE_OK)
        rc = close_to_others(path, err);
    if (rc == KE_OK)
        rc = read_lines(vault, ke_buf_str(&text), err);
    if (text.ptr != NULL)
        tls_wipe(text.ptr, text.len);
    if (rc == KE_OK)
        *out = KE_TAKE(vault);
    return rc;
}

void vault_free(struct vault *vault)
{
    if (vault == NULL)
        return;
    tls_wipe(vault->keys, sizeof(vault->keys));
    free(vault->path);
    free(vault);
}

const char *vault_path(const struct vault *vault)
{
    return vault->path;
}

bool vault_has_key(const struct vault *vault)
{
    return vault->n_keys > 0;
}

static enum ke_code write_file(const char *path, const struct vault_key *keys, size_t n_keys,
                               struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(FILE_BYTES);
    ke_buf_add_c(&text, COMMENT);
    for (size_t i = 0; i < n_keys; i++) {
        ke_buf_addf(&text, LINE "%s ", keys[i].id);
        ke_buf_add_base64(&text, keys[i].bytes, TLS_SEAL_KEY_BYTES);
        ke_buf_add_char(&text, '\n');
    }
    enum ke_code rc = ke_buf_check(&text, "key file", err);
    if (rc == KE_OK)
        rc = ke_file_write(path, ke_buf_str(&text), S_IRUSR | S_IWUSR, err);
    if (text.ptr != NULL)
        tls_wipe(text.ptr, text.len);
    return rc;
}

enum ke_code vault_add_key(struct vault *vault, struct ke_err *err)
{
    struct vault_key keys[VAULT_MAX_KEYS] = { { .id = "" } };
    uint8_t id[ID_BYTES];
    struct ke_buf text = KE_BUF_FIXED(keys[0].id, ID_CHARS);
    size_t n_kept = vault->n_keys < VAULT_MAX_KEYS ? vault->n_keys : VAULT_MAX_KEYS - 1;
    ke_rand_secure(id, sizeof(id));
    ke_buf_add_hex(&text, id, sizeof(id));
    ke_rand_secure(keys[0].bytes, sizeof(keys[0].bytes));
    memcpy(&keys[1], vault->keys, n_kept * sizeof(keys[0]));
    enum ke_code rc = write_file(vault->path, keys, n_kept + 1, err);
    if (rc == KE_OK) {
        memcpy(vault->keys, keys, sizeof(keys));
        vault->n_keys = n_kept + 1;
    }
    tls_wipe(keys, sizeof(keys));
    return rc;
}

/* ---- values */

bool vault_wants(struct ke_str key)
{
    return ke_str_has_prefix(key, KE_STR(SECRETS));
}

bool vault_is_sealed(struct ke_str value)
{
    return ke_str_has_prefix(value, KE_STR(SEALED));
}

/* The key's name and what is behind it; false: not of this shape. */
static bool split(struct ke_str value, struct ke_str *id, struct ke_str *sealed)
{
    struct ke_str rest = value;
    if (!ke_str_cut_prefix(&rest, KE_STR(SEALED)) || rest.len <= ID_CHARS ||
        rest.ptr[ID_CHARS] != ':')
        return false;
    *id = ke_str_sub(rest, 0, ID_CHARS);
    *sealed = ke_str_sub(rest, ID_CHARS + 1, rest.len - ID_CHARS - 1);
    return true;
}

bool vault_is_current(const struct vault *vault, struct ke_str value)
{
    struct ke_str id;
    struct ke_str sealed;
    return vault->n_keys > 0 && split(value, &id, &sealed) && ke_str_eq_c(id, vault->keys[0].id);
}

enum ke_code vault_seal(const struct vault *vault, struct ke_str key, struct ke_str plain,
                        struct ke_buf *out, struct ke_err *err)
{
    KE_ASSERT(vault->n_keys > 0);
    ke_buf_clear(out);
    ke_buf_addf(out, SEALED "%s:", vault->keys[0].id);
    enum ke_code rc = tls_seal(vault->keys[0].bytes, key, plain, out, err);
    return rc == KE_OK ? ke_buf_check(out, "sealed value", err) : rc;
}

enum ke_code vault_unseal(const struct vault *vault, struct ke_str key, struct ke_str value,
                          struct ke_buf *out, struct ke_err *err)
{
    struct ke_str id;
    struct ke_str sealed;
    const char *path = vault != NULL ? vault->path : "the key file";
    ke_buf_clear(out);
    if (!split(value, &id, &sealed))
        return ke_fail(err, KE_MALFORMED, "%.*s: the encrypted value is cut off", KE_STR_ARG(key));
    for (size_t i = 0; vault != NULL && i < vault->n_keys; i++) {
        if (!ke_str_eq_c(id, vault->keys[i].id))
            continue;
        enum ke_code rc = tls_unseal(vault->keys[i].bytes, key, sealed, out, err);
        return rc == KE_MALFORMED
                   ? ke_fail(err, rc,
                             "%.*s: cannot be decrypted with key %.*s of %s: either is not what it "
                             "was",
                             KE_STR_ARG(key), KE_STR_ARG(id), path)
                   : rc;
    }
    return ke_fail(
        err, KE_INVALID,
        "%.*s is encrypted with key %.*s, which is not in %s: put the key file back that "
        "belongs to this registry (nothing was changed)",
        KE_STR_ARG(key), KE_STR_ARG(id), path);
}
