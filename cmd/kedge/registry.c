/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge registry ls | get | watch: a look into the registry of the running agent. rekey: another
 * key for its Secrets.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "cmd/kedge/rekey.h"
#include "core/base/limits.h"

static int fail_word(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    (void)ke_fail(&err, KE_INVALID, "%s", text);
    return command_usage("registry", &err);
}

static enum ke_code print_answer(const char *run_dir, struct ke_str path, struct ke_err *err)
{
    ke_auto_buf out = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    enum ke_code rc = command_get(run_dir, path, 30000, &out, err);
    if (rc != KE_OK)
        return rc;
    (void)fwrite(out.ptr, 1, out.len, stdout);
    if (out.len > 0 && out.ptr[out.len - 1] != '\n')
        (void)putchar('\n');
    return KE_OK;
}

int command_registry(int argc, char **argv)
{
    const char *run_dir = COMMAND_RUN_DIR;
    const char *data_dir = COMMAND_DATA_DIR;
    const char *revision = NULL;
    bool is_recursive = false;
    struct command_option options[] = { { "--run-dir", &run_dir, NULL },
                                        { "--data-dir", &data_dir, NULL },
                                        { "--revision", &revision, NULL },
                                        { "--recursive", NULL, &is_recursive } };
    struct command_args args = { .max_rest = 2 };
    struct ke_err err = KE_ERR_INIT;
    if (command_parse(argc, argv, options, KE_ARRAY_LEN(options), &args, &err) != KE_OK)
        return command_usage("registry", &err);
    if (args.n_rest == 1 && strcmp(args.rest[0], "rekey") == 0) {
        enum ke_code done = rekey_run(run_dir, data_dir, &err);
        return done == KE_OK ? EXIT_DONE : command_fail("registry", &err);
    }
    if (args.n_rest != 2)
        return fail_word("what to do and a PREFIX or KEY are needed");
    const char *what = args.rest[0];
    ke_auto_buf path = KE_BUF_INIT(LIMIT_KEY_BYTES * 4);
    enum ke_code rc = KE_OK;
    ke_buf_addf(&path, "/kedge/v1/registry/%s?%s=", what,
                strcmp(what, "get") == 0 ? "key" : "prefix");
    command_add_escaped(&path, ke_str_c(args.rest[1]));
    if (is_recursive)
        ke_buf_add_c(&path, "&recursive=true");
    if (revision != NULL) {
        ke_buf_add_c(&path, "&revision=");
        command_add_escaped(&path, ke_str_c(revision));
    }
    rc = ke_buf_check(&path, "path", &err);
    if (rc != KE_OK)
        return command_fail("registry", &err);
    if (strcmp(what, "ls") == 0 || strcmp(what, "get") == 0)
        rc = print_answer(run_dir, ke_buf_str(&path), &err);
    else if (strcmp(what, "watch") == 0)
        rc = command_stream(run_dir, ke_buf_str(&path), &err);
    else if (strcmp(what, "check") == 0 || strcmp(what, "backup") == 0 ||
             strcmp(what, "restore") == 0 || strcmp(what, "migrate") == 0)
        return fail_word("not available in this version");
    else
        return fail_word("must be ls, get or watch");
    return rc == KE_OK ? EXIT_DONE : command_fail("registry", &err);
}
