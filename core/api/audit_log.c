/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_log.h. */
#include "core/api/audit_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/metrics.h"
#include "core/base/thread.h"

#define PATH_BYTES  4096
#define BATCH       64
#define MAX_BACKUPS 1024 /* that are looked at in the folder */
#define STAMP_CHARS 24   /* 2026-11-23T07:00:00.123Z with - for : */

struct line {
    size_t len;
    char *text;
};

struct audit_log {
    struct audit_log_options options;
    char *path;
    struct ke_queue *queue; /* of struct line */
    struct ke_thread thread;
    atomic_size_t queued_bytes;
    atomic_bool wants_reopen;
    struct ke_metric *written, *dropped;
    /* the thread's: */
    int fd;
    uint64_t size;
};

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_stdout(const struct audit_log *log)
{
    return ke_str_eq_c(ke_str_c(log->path), "-");
}

static enum ke_code open_file(struct audit_log *log, struct ke_err *err)
{
    struct stat at;
    if (is_stdout(log)) {
        log->fd = STDOUT_FILENO;
        return KE_OK;
    }
    int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &at) != 0) {
        enum ke_code rc = ke_fail_errno(err, errno, "audit log %s", log->path);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    log->fd = fd;
    log->size = at.st_size > 0 ? (uint64_t)at.st_size : 0;
    return KE_OK;
}

static void close_file(struct audit_log *log)
{
    if (log->fd >= 0 && !is_stdout(log)) {
        close(log->fd);
    }
    log->fd = -1;
}

static void try_open(struct audit_log *log)
{
    struct ke_err err = KE_ERR_INIT;
    if (open_file(log, &err) != KE_OK) {
        ke_log(KE_LOG_ERROR, "audit.open_failed", KV_ERR(&err));
    }
}

/* ---- rotation -------------------------------------------------------------------------------- */

/* "/var/log/audit.log": folder "/var/log", stem "audit", ext ".log". */
struct parts {
    struct ke_str folder, stem, ext;
};

static struct parts split_path(const char *path)
{
    struct ke_str whole = ke_str_c(path);
    size_t slash = whole.len;
    while (slash > 0 && whole.ptr[slash - 1] != '/') {
        slash--;
    }
    struct ke_str name = ke_str_sub(whole, slash, whole.len - slash);
    size_t dot = name.len;
    while (dot > 0 && name.ptr[dot - 1] != '.') {
        dot--;
    }
    size_t stem = dot > 1 ? dot - 1 : name.len;
    return (struct parts){ .folder = slash > 0 ? ke_str_sub(whole, 0, slash) : KE_STR("./"),
                           .stem = ke_str_sub(name, 0, stem),
                           .ext = ke_str_sub(name, stem, name.len - stem) };
}

static void print_stamp(int64_t us, struct ke_buf *out)
{
    char text[40];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text));
    ke_time_format_us(us, &buf);
    for (size_t i = 0; i < STAMP_CHARS - 1 && i < buf.len; i++) {
        ke_buf_add_char(out, text[i] == ':' ? '-' : text[i]);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

/* Is it "STEM-TIME.EXT"? */
static bool is_backup(const struct parts *parts, struct ke_str name)
{
    return ke_str_has_prefix(name, parts->stem) && ke_str_has_suffix(name, parts->ext) &&
           name.len == parts->stem.len + 1 + (STAMP_CHARS - 1) + parts->ext.len &&
           name.ptr[parts->stem.len] == '-';
}

static void remove_backup(const struct audit_log *log, const struct parts *parts, const char *name)
{
    char path[PATH_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(path, sizeof(path) - 1);
    ke_buf_addf(&buf, "%.*s%s", KE_STR_ARG(parts->folder), name);
    path[buf.len] = '\0';
    if (buf.failed == KE_OK && unlink(path) != 0 && errno != ENOENT) {
        ke_log(KE_LOG_WARN, "audit.remove_failed", KV_C("file", path), KV_C("log", log->path));
    }
}

/* Names sort by their time: the newest first. */
static void remove_old(const struct audit_log *log, const struct parts *parts, char **names,
                       size_t n)
{
    char oldest[STAMP_CHARS] = "";
    struct ke_buf buf = KE_BUF_FIXED(oldest, sizeof(oldest) - 1);
    int64_t age_us = (int64_t)log->options.max_age_days * 24 * 3600 * 1000000;
    print_stamp(ke_clock_system.wall_us(ke_clock_system.ctx) - age_us, &buf);
    qsort(names, n, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        bool is_surplus = log->options.max_backups > 0 && i >= log->options.max_backups;
        struct ke_str stamp = ke_str_of(names[i] + parts->stem.len + 1, STAMP_CHARS - 1);
        bool is_old = log->options.max_age_days > 0 && ke_str_cmp(stamp, ke_str_c(oldest)) < 0;
        if (is_surplus || is_old) {
            remove_backup(log, parts, names[i]);
        }
    }
}

/* The stream is this thread's own. */
static struct dirent *next_entry(DIR *dir)
{
    return readdir(dir); /* NOLINT(concurrency-mt-unsafe) */
}

static void clean_up(const struct audit_log *log)
{
    struct parts parts = split_path(log->path);
    char *names[MAX_BACKUPS];
    size_t n = 0;
    ke_auto_ptr char *folder = ke_str_dup(parts.folder);
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    struct dirent *entry = NULL;
    if (dir == NULL) {
        return;
    }
    while (n < MAX_BACKUPS && (entry = next_entry(dir)) != NULL) {
        char *name = is_backup(&parts, ke_str_c(entry->d_name)) ? strdup(entry->d_name) : NULL;
        if (name != NULL) {
            names[n++] = name;
        }
    }
    closedir(dir);
    remove_old(log, &parts, names, n);
    for (size_t i = 0; i < n; i++) {
        free(names[i]);
    }
}

static void rotate(struct audit_log *log)
{
    struct parts parts = split_path(log->path);
    char path[PATH_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(path, sizeof(path) - 1);
    ke_buf_addf(&buf, "%.*s%.*s-", KE_STR_ARG(parts.folder), KE_STR_ARG(parts.stem));
    print_stamp(ke_clock_system.wall_us(ke_clock_system.ctx), &buf);
    ke_buf_add_str(&buf, parts.ext);
    path[buf.len] = '\0';
    /* Two rotations in one millisecond: the file goes on until the next. */
    if (buf.failed != KE_OK || ke_file_exists(path)) {
        return;
    }
    if (rename(log->path, path) != 0) {
        ke_log(KE_LOG_WARN, "audit.rotate_failed", KV_C("file", path), KV_I("errno", errno));
        return;
    }
    close_file(log);
    try_open(log);
    clean_up(log);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static bool write_all(int fd, const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = write(fd, text + at, len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

static void write_line(struct audit_log *log, const struct line *line)
{
    uint64_t max = log->options.max_bytes;
    if (log->fd < 0) {
        try_open(log);
    }
    if (max > 0 && log->size > 0 && log->size + line->len > max && !is_stdout(log)) {
        rotate(log);
    }
    if (log->fd < 0 || !write_all(log->fd, line->text, line->len)) {
        ke_metric_add(log->dropped, 1);
        ke_log(KE_LOG_ERROR, "audit.write_failed", KV_C("log", log->path), KV_I("errno", errno));
        return;
    }
    log->size += line->len;
    ke_metric_add(log->written, 1);
}

static void run(void *ctx)
{
    struct audit_log *log = ctx;
    void *lines[BATCH];
    size_t n = 0;
    while ((n = ke_queue_wait(log->queue, lines, BATCH, -1)) > 0) {
        if (atomic_exchange(&log->wants_reopen, false)) {
            close_file(log);
        }
        for (size_t i = 0; i < n; i++) {
            struct line *line = lines[i];
            write_line(log, line);
            (void)atomic_fetch_sub(&log->queued_bytes, line->len);
            free(line->text);
            free(line);
        }
    }
}

/* ---- its users ------------------------------------------------------------------------------- */

static void log_free(struct audit_log *log)
{
    close_file(log);
    ke_queue_free(log->queue);
    free(log->path);
    free(log);
}

enum ke_code audit_log_open(const struct audit_log_options *options, struct audit_log **out,
                            struct ke_err *err)
{
    struct audit_log *log = ke_alloc(sizeof(*log));
    if (log == NULL) {
        return ke_fail(err, KE_NOMEM, "audit log");
    }
    log->fd = -1;
    log->options = *options;
    log->path = ke_str_dup(ke_str_c(options->path));
    log->queue = ke_queue_new(LIMIT_AUDIT_LINES, err);
    log->written = ke_metric_counter("apiserver_audit_event_total", "", "Audit events written.");
    log->dropped = ke_metric_counter("apiserver_audit_error_total", "plugin=\"log\"",
                                     "Audit events that were not written.");
    enum ke_code rc = log->path != NULL && log->queue != NULL ? open_file(log, err)
                                                              : ke_fail(err, KE_NOMEM, "audit log");
    if (rc == KE_OK) {
        rc = ke_thread_start(&log->thread, "kedge-audit", run, log, err);
    }
    if (rc != KE_OK) {
        log_free(log);
        return rc;
    }
    *out = log;
    return KE_OK;
}

void audit_log_close(struct audit_log *log)
{
    if (log == NULL) {
        return;
    }
    ke_queue_close(log->queue);
    ke_thread_join(&log->thread);
    log_free(log);
}

enum audit_level audit_log_level(const struct audit_log *log)
{
    return log != NULL ? log->options.level : AUDIT_NONE;
}

void audit_log_add(struct audit_log *log, char *line, size_t len)
{
    struct line *item = malloc(sizeof(*item));
    if (item != NULL) {
        *item = (struct line){ len, line };
        size_t before = atomic_fetch_add(&log->queued_bytes, len);
        if (before + len <= LIMIT_AUDIT_BYTES && ke_queue_push(log->queue, item)) {
            return;
        }
        (void)atomic_fetch_sub(&log->queued_bytes, len);
    }
    free(item);
    free(line);
    ke_metric_add(log->dropped, 1);
    ke_log(KE_LOG_WARN, "audit.dropped", KV_U("total", ke_metric_value(log->dropped)));
}

void audit_log_reopen(struct audit_log *log)
{
    if (log != NULL) {
        atomic_store(&log->wants_reopen, true);
    }
}
