/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_api_serve DIR: an API server on a registry in memory with a runtime whose containers are
 * processes here (test/support/fake_runtime.h; their logs in DIR). Writes DIR/kubeconfig of a
 * master and DIR/socket, prints the port, ends with its standard input.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "test/support/api.h"
#include "test/support/fake_runtime.h"

static void add_data(struct ke_buf *out, const char *key, const struct ke_buf *pem)
{
    ke_buf_addf(out, "    %s: ", key);
    ke_buf_add_base64(out, pem->ptr, pem->len);
    ke_buf_add_char(out, '\n');
}

static bool write_kubeconfig(const struct test_api *f, const char *dir)
{
    char path[512];
    ke_auto_buf out = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_buf_addf(&out,
                "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n"
                "  context: {cluster: k, user: u}\nclusters:\n- name: k\n  cluster:\n"
                "    server: https://127.0.0.1:%u\n",
                f->address.port);
    add_data(&out, "certificate-authority-data", &f->ca);
    ke_buf_add_c(&out, "users:\n- name: u\n  user:\n");
    add_data(&out, "client-certificate-data", &f->client_cert);
    add_data(&out, "client-key-data", &f->client_key);
    (void)snprintf(path, sizeof(path), "%s/kubeconfig", dir);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    bool is_written = fwrite(out.ptr, 1, out.len, file) == out.len;
    (void)snprintf(path, sizeof(path), "%s/socket", dir);
    (void)unlink(path);
    return fclose(file) == 0 && is_written && symlink(f->socket, path) == 0;
}

int main(int argc, char **argv)
{
    void *state = NULL;
    char byte;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: tool_api_serve DIR\n");
        return 2;
    }
    struct fake_runtime *runtime = fake_runtime_new(argv[1]);
    (void)test_api_set_up_with(&state, fake_runtime_of(runtime), NULL, NULL);
    struct test_api *f = state;
    if (!write_kubeconfig(f, argv[1])) {
        perror(argv[1]);
        return 1;
    }
    (void)printf("%u\n", f->address.port);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    (void)test_api_tear_down(&state);
    fake_runtime_free(runtime);
    return 0;
}
