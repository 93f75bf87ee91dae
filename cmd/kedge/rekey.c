/* SPDX-License-Identifier: Apache-2.0 */
/* See rekey.h. */
#include "cmd/kedge/rekey.h"

#include <poll.h>
#include <stdio.h>

#include "cmd/kedge/command.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "store/sqlite/sqlite_registry.h"

#define PATH       "/kedge/v1/registry/rekey"
#define ASK_MS     20 /* between questions whether it is done */
#define ANSWER_MS  30000
#define PATH_BYTES 4096

static void pause_a_little(void)
{
    (void)poll(NULL, 0, ASK_MS);
}

/* ---- by the agent */

static enum ke_code await_agent(const char *run_dir, struct ke_err *err)
{
    for (;;) {
        ke_auto_buf answer = KE_BUF_INIT(65536);
        ke_auto_json *json = NULL;
        enum ke_code rc = command_get(run_dir, KE_STR(PATH), ANSWER_MS, &answer, err);
        if (rc == KE_OK)
            rc = ke_json_parse(ke_buf_str(&answer), &json, err);
        if (rc != KE_OK)
            return rc;
        struct ke_str state = ke_json_str(json, "state");
        if (ke_str_eq_c(state, "done"))
            return KE_OK;
        if (ke_str_eq_c(state, "failed"))
            return ke_fail(err, KE_IO, "%.*s (the agent tries again)",
                           KE_STR_ARG(ke_json_str(json, "message")));
        pause_a_little();
    }
}

/* ---- without one */

static enum ke_code rekey_file(const char *data_dir, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    ke_auto_buf vault = KE_BUF_INIT(PATH_BYTES);
    uint64_t n_written = 0;
    ke_buf_addf(&path, "%s/registry.db", data_dir);
    ke_buf_add_char(&path, '\0');
    ke_buf_addf(&vault, "%s/pki/secrets.key", data_dir);
    ke_buf_add_char(&vault, '\0');
    if (ke_buf_check(&path, "path", err) != KE_OK || ke_buf_check(&vault, "path", err) != KE_OK)
        return err->code;
    if (!ke_file_exists(path.ptr))
        return ke_fail(err, KE_NOT_FOUND, "no agent answers, and there is no %s", path.ptr);
    KE_AUTO(registry) *registry = NULL;
    struct sqlite_registry_options options = { .vault_path = vault.ptr };
    enum ke_code rc = sqlite_registry_open(path.ptr, &options, &registry, err);
    /* What a run before this one has left is finished first. */
    while (rc == KE_OK && (rc = sqlite_registry_rekey(registry, err)) == KE_CONFLICT) {
        rc = KE_OK;
        pause_a_little();
    }
    if (rc == KE_OK)
        rc = KE_AGAIN;
    while (rc == KE_AGAIN &&
           (rc = sqlite_registry_rekey_state(registry, &n_written, err)) == KE_AGAIN)
        pause_a_little();
    if (registry != NULL)
        registry_stop(registry);
    return rc;
}

enum ke_code rekey_run(const char *run_dir, const char *data_dir, struct ke_err *err)
{
    ke_auto_buf answer = KE_BUF_INIT(65536);
    enum ke_code rc = command_post(run_dir, KE_STR(PATH), ANSWER_MS, &answer, err);
    if (rc == KE_OK)
        return await_agent(run_dir, err);
    return rc == KE_UNAVAILABLE ? rekey_file(data_dir, err) : rc;
}
