/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_AUDIT_LOG_H
#define CORE_API_AUDIT_LOG_H
/*
 * The audit log's file: lines are queued, and one thread writes them, so that a slow disk never
 * holds up a request. When the queue is full lines are dropped, counted
 * (apiserver_audit_error_total) and logged. A file that has grown is renamed NAME-TIME.EXT and a
 * new one begun; old ones go by number and age, as with kube-apiserver's --audit-log-max...
 * options.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

enum audit_level { AUDIT_NONE, AUDIT_METADATA, AUDIT_REQUEST };

struct audit_log_options {
    const char *path; /* "-": standard output */
    enum audit_level level;
    uint64_t max_bytes;    /* of one file; 0: it grows */
    unsigned max_backups;  /* 0: all are kept */
    unsigned max_age_days; /* 0: for ever */
};

struct audit_log;

/* Opens the file (appending) and starts the thread. path copied. Errors: KE_IO, KE_NOMEM. */
enum ke_code audit_log_open(const struct audit_log_options *options, struct audit_log **out,
                            struct ke_err *err) KE_MUST_CHECK;
/* Writes what is queued, then ends. NULL is fine. */
void audit_log_close(struct audit_log *log);
enum audit_level audit_log_level(const struct audit_log *log);
/* line (heap, with its newline) is given. Never blocks. Any thread. */
void audit_log_add(struct audit_log *log, char *line, size_t len);
/* Opens path again: somebody has moved the file away. Any thread. */
void audit_log_reopen(struct audit_log *log);

#endif
