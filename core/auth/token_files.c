/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the keys, and makes the first one. Blocking; main thread. */
#include "core/auth/token_files.h"

#include <dirent.h>
#include <errno.h>

#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/net/tls/x509.h"

#define PATH_BYTES 4096

struct files {
    struct ke_str dir;
    struct ke_buf signing;
    struct ke_buf others[TOKEN_KEYS_MAX];
    size_t n_others;
};

static enum ke_code path_of(const struct files *files, const char *file, struct ke_buf *out,
                            struct ke_err *err)
{
    ke_buf_clear(out);
    ke_buf_addf(out, "%.*s/%s", KE_STR_ARG(files->dir), file);
    ke_buf_add_char(out, '\0');
    return ke_buf_check(out, "the path of a key", err);
}

static enum ke_code make_signing_key(const char *path, struct files *files, struct ke_err *err)
{
    enum ke_code rc = x509_key_new(&files->signing, err);
    if (rc == KE_OK)
        rc = ke_file_write(path, ke_buf_str(&files->signing), 0600, err);
    if (rc == KE_OK)
        ke_log(KE_LOG_INFO, "pki.made", KV_C("file", path));
    return rc;
}

static enum ke_code read_signing_key(struct files *files, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    enum ke_code rc = path_of(files, "sa.key", &path, err);
    if (rc == KE_OK)
        rc = ke_file_read(path.ptr, &files->signing, err);
    return rc == KE_NOT_FOUND ? make_signing_key(path.ptr, files, err) : rc;
}

static bool is_other(const char *file)
{
    struct ke_str name = ke_str_c(file);
    return ke_str_has_prefix(name, KE_STR("sa-")) &&
           (ke_str_has_suffix(name, KE_STR(".pub")) || ke_str_has_suffix(name, KE_STR(".key")));
}

static enum ke_code read_other(struct files *files, const char *file, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    if (files->n_others == KE_ARRAY_LEN(files->others))
        return ke_fail(err, KE_TOO_LARGE, "over %d keys of tokens", TOKEN_KEYS_MAX);
    struct ke_buf *other = &files->others[files->n_others++];
    *other = (struct ke_buf)KE_BUF_INIT(LIMIT_PEM_BYTES);
    enum ke_code rc = path_of(files, file, &path, err);
    if (rc == KE_OK)
        rc = ke_file_read(path.ptr, other, err);
    if (rc != KE_OK)
        return rc;
    /* Read here alone so that a damaged file is named. */
    KE_AUTO(jws_key) *key = NULL;
    rc = jws_key_new(ke_buf_str(other), &key, err);
    return rc == KE_OK ? KE_OK : ke_wrap(err, "%s", path.ptr);
}

static enum ke_code read_others(struct files *files, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    enum ke_code rc = path_of(files, "", &path, err);
    if (rc != KE_OK)
        return rc;
    DIR *dir = opendir(path.ptr);
    if (dir == NULL)
        return ke_fail_errno(err, errno, "%s", path.ptr);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this thread's own */
    for (const struct dirent *it = readdir(dir); it != NULL && rc == KE_OK; it = readdir(dir)) {
        if (is_other(it->d_name))
            rc = read_other(files, it->d_name, err);
    }
    (void)closedir(dir);
    return rc;
}

/* What was read is secret. */
static void wipe(struct ke_buf *buf)
{
    if (buf->ptr != NULL)
        explicit_bzero(buf->ptr, buf->cap);
    ke_buf_free(buf);
}

static enum ke_code make_set(const struct files *files, struct token_keys **out, struct ke_err *err)
{
    struct ke_str others[TOKEN_KEYS_MAX];
    for (size_t i = 0; i < files->n_others; i++)
        others[i] = ke_buf_str(&files->others[i]);
    enum ke_code rc =
        token_keys_new(ke_buf_str(&files->signing), others, files->n_others, out, err);
    if (rc != KE_MALFORMED)
        return rc;
    return ke_wrap(
        err,
        "%.*s/sa.key is damaged: restore it from a backup, or move it away to have a new "
        "one made",
        KE_STR_ARG(files->dir));
}

enum ke_code token_keys_open(struct ke_str dir, struct token_keys **out, struct ke_err *err)
{
    struct files files = { .dir = dir, .signing = KE_BUF_INIT(LIMIT_PEM_BYTES) };
    enum ke_code rc = read_signing_key(&files, err);
    if (rc == KE_OK)
        rc = read_others(&files, err);
    if (rc == KE_OK)
        rc = make_set(&files, out, err);
    wipe(&files.signing);
    for (size_t i = 0; i < files.n_others; i++)
        wipe(&files.others[i]);
    return rc;
}
