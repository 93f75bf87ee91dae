/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge uninstall: stops the agent, removes the rules, then walks the ledger backwards (addresses
 * and routes last), then the data. Goes on after failures and names the first. Main thread.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/kedge/command.h"
#include "cmd/kedge/options.h"
#include "cmd/kedge/service.h"
#include "core/base/file.h"
#include "core/host/ledger.h"
#include "proxy/proxy.h"

static void keep_first(enum ke_code rc, const struct ke_err *now, struct ke_err *first)
{
    if (rc == KE_OK)
        return;
    (void)fprintf(stderr, "kedge uninstall: %s\n", now->msg);
    if (first->code == KE_OK)
        *first = *now;
}

/* Removes a folder with all that is in it; what is not there is fine. */
static enum ke_code remove_tree(const char *path, struct ke_err *err)
{
    char *copy = ke_str_dup(ke_str_c(path));
    char *roots[] = { copy, NULL };
    FTS *walk = copy != NULL ? fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL) : NULL;
    enum ke_code rc = walk != NULL ? KE_OK : ke_fail_errno(err, errno, "remove %s", path);
    for (FTSENT *entry = NULL; walk != NULL && (entry = fts_read(walk)) != NULL;) {
        int failed = 0;
        if (entry->fts_info == FTS_DP)
            failed = rmdir(entry->fts_accpath);
        else if (entry->fts_info == FTS_F || entry->fts_info == FTS_SL ||
                 entry->fts_info == FTS_SLNONE || entry->fts_info == FTS_DEFAULT)
            failed = unlink(entry->fts_accpath);
        if (failed != 0 && errno != ENOENT)
            rc = ke_fail_errno(err, errno, "remove %s", entry->fts_path);
    }
    if (walk != NULL)
        (void)fts_close(walk);
    free(copy);
    return rc;
}

static enum ke_code undo_ledger(const char *data_dir, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(4096);
    struct host_ledger *ledger = NULL;
    ke_buf_addf(&path, "%s/host.ledger", data_dir);
    ke_buf_add_char(&path, '\0');
    if (!ke_file_exists(path.ptr))
        return KE_OK;
    enum ke_code rc = host_ledger_open(path.ptr, &ledger, err);
    if (rc == KE_OK)
        rc = host_ledger_undo(ledger, err);
    host_ledger_close(ledger);
    if (rc == KE_OK)
        (void)unlink(path.ptr); /* nothing is left to undo: the data may stay without it */
    return rc;
}

static void take_away(const struct agent_options *options, bool keep_data, struct ke_err *first)
{
    struct service service = { .run_dir = options->run_dir };
    struct ke_err err = KE_ERR_INIT;
    keep_first(service_stop(&service, &err), &err, first);
    keep_first(proxy_cleanup(&err), &err, first);
    enum ke_code rc = undo_ledger(options->data_dir, &err);
    keep_first(rc, &err, first);
    keep_first(remove_tree(options->run_dir, &err), &err, first);
    if (!keep_data &&
        rc == KE_OK) /* the ledger is in it: keep it while there is something to undo */
        keep_first(remove_tree(options->data_dir, &err), &err, first);
}

int command_uninstall(int argc, char **argv)
{
    bool keep_data = false;
    const struct command_option flags[] = { { "--keep-data", NULL, &keep_data } };
    struct command_args args = { .max_rest = 0 };
    struct agent_options options;
    struct ke_err err = KE_ERR_INIT;
    struct ke_err first = KE_ERR_INIT;
    char flag[] = "--config";
    char file[] = SERVICE_CONFIG;
    char *from_file[] = { flag, file };
    bool help = false;
    if (command_parse(argc, argv, flags, KE_ARRAY_LEN(flags), &args, &err) != KE_OK)
        return command_usage("uninstall", &err);
    if (geteuid() != 0) {
        (void)ke_fail(&err, KE_DENIED, "must be run as root");
        return command_fail("uninstall", &err);
    }
    int n = ke_file_exists(SERVICE_CONFIG) ? 2 : 0;
    if (agent_options_parse(n, from_file, &options, &help, &err) != KE_OK)
        return command_fail("uninstall", &err);
    take_away(&options, keep_data, &first);
    agent_options_deinit(&options);
    if (first.code != KE_OK)
        return EXIT_FAILED;
    (void)printf("kedge is removed%s\n", keep_data ? "; its data was kept" : "");
    return EXIT_DONE;
}
