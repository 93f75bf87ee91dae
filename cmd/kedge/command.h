/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_COMMAND_H
#define CMD_KEDGE_COMMAND_H
/*
 * What the subcommands share: their signatures, their simple options, exit statuses, and the call
 * to the running agent over its local socket. Main thread.
 */
#include "core/base/buf.h"
#include "core/base/err.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* argv begins behind the subcommand. Returns the exit status. */
typedef int command_fn(int argc, char **argv);
command_fn command_agent;
command_fn command_install;
command_fn command_uninstall;
command_fn command_status;
command_fn command_trace;
command_fn command_plan;
command_fn command_registry;
command_fn command_token;
command_fn command_version;
command_fn command_completion;

struct command_row {
    const char *name;
    command_fn *run; /* NULL: known, and not available in this version */
    const char *usage;
    const char *help;
};
/* i from 0; NULL at the end. */
const struct command_row *command_at(size_t i);

/*
 * "--name VALUE", "--name=VALUE" and switches; other arguments go to rest. Errors: KE_INVALID.
 */
struct command_option {
    const char *name;   /* "--from" */
    const char **value; /* set when given; NULL: a switch */
    bool *is_set;       /* may be NULL */
};
struct command_args {
    size_t max_rest; /* set before: how many other arguments are allowed, at most 4 */
    const char *rest[4];
    size_t n_rest;
};
enum ke_code command_parse(int argc, char **argv, const struct command_option *options,
                           size_t n_options, struct command_args *out,
                           struct ke_err *err) KE_MUST_CHECK;
/* Prints "kedge NAME: text" and the usage line; EXIT_USAGE. */
int command_usage(const char *name, const struct ke_err *err);
/* Prints "kedge NAME: text"; EXIT_FAILED, or EXIT_USAGE for KE_INVALID. */
int command_fail(const char *name, const struct ke_err *err);

#define COMMAND_RUN_DIR  "/run/kedge"
#define COMMAND_DATA_DIR "/var/lib/kedge"
/*
 * GET path (with query) from the agent whose socket is RUN_DIR/kedge.sock. A Status answer becomes
 * the error. Errors: KE_UNAVAILABLE (no agent there), KE_NOT_FOUND, KE_IO...
 */
enum ke_code command_get(const char *run_dir, struct ke_str path, int timeout_ms,
                         struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* POST without a body; else the same. */
enum ke_code command_post(const char *run_dir, struct ke_str path, int timeout_ms,
                          struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* The same with a method and a JSON body (empty: none). Errors: KE_EXISTS too. */
enum ke_code command_send(const char *run_dir, struct ke_str method, struct ke_str path,
                          struct ke_str body, struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* The same as command_get, printing pieces to standard output as they come. */
enum ke_code command_stream(const char *run_dir, struct ke_str path,
                            struct ke_err *err) KE_MUST_CHECK;
/* "%2F"-style, for query values. */
void command_add_escaped(struct ke_buf *out, struct ke_str text);

#endif
