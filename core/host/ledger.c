/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's file: JSON lines, appended and synced under a lock on the file. A last line that is
 * cut or cannot be read is what a crash left of an append: its change was never made, and it is cut
 * off. Any thread, one at a time: lock guards all; the file's own lock keeps other processes out
 * meanwhile.
 */
#include "core/host/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/host/record.h"

enum { LEDGER_COMPACT_ABOVE = 256 }; /* records undone, when it is opened */

struct host_ledger {
    pthread_mutex_t lock;
    char *path;
    int fd;        /* -1: not open */
    size_t n_read; /* bytes of the file that are in records */
    struct host_record *records;
    size_t n_records;
    size_t cap_records;
    int64_t last_id;
};

/* ---- reading ---- */

static void forget_records(struct host_ledger *ledger)
{
    for (size_t i = 0; i < ledger->n_records; i++)
        cJSON_Delete(ledger->records[i].json);
    ledger->n_records = 0;
    ledger->n_read = 0;
    ledger->last_id = 0;
}

static struct host_record *find_id(struct host_ledger *ledger, int64_t id)
{
    for (size_t i = 0; i < ledger->n_records; i++) {
        if (ledger->records[i].id == id)
            return &ledger->records[i];
    }
    return NULL;
}

static enum ke_code reserve_record(struct host_ledger *ledger, struct ke_err *err)
{
    void *records = ledger->records;
    if (!ke_grow(&records, &ledger->cap_records, ledger->n_records + 1, sizeof(struct host_record)))
        return ke_fail(err, KE_NOMEM, "a record more of %s", ledger->path);
    ledger->records = records;
    return KE_OK;
}

/* Takes json, given also on failure. KE_MALFORMED: no record. */
static enum ke_code add_record(struct host_ledger *ledger, cJSON *json, struct ke_err *err)
{
    int64_t undone = ke_json_i64(json, "undone", -1);
    int64_t id = ke_json_i64(json, "id", -1);
    if (undone >= 0) {
        struct host_record *record = find_id(ledger, undone);
        if (record != NULL)
            record->is_undone = true;
        cJSON_Delete(json);
        return KE_OK;
    }
    if (id <= ledger->last_id || !cJSON_IsObject(ke_json_get(json, "change"))) {
        cJSON_Delete(json);
        return ke_fail(err, KE_MALFORMED, "not a record");
    }
    enum ke_code rc = reserve_record(ledger, err);
    if (rc != KE_OK) {
        cJSON_Delete(json);
        return rc;
    }
    ledger->records[ledger->n_records++] = (struct host_record){ .id = id, .json = json };
    ledger->last_id = id;
    return KE_OK;
}

static enum ke_code read_line(struct host_ledger *ledger, struct ke_str line, struct ke_err *err)
{
    cJSON *json = NULL;
    enum ke_code rc = ke_json_parse(line, &json, err);
    return rc == KE_OK ? add_record(ledger, json, err) : rc;
}

/* Reads the lines of text, which follows what was read before. */
static enum ke_code read_lines(struct host_ledger *ledger, struct ke_str text, struct ke_err *err)
{
    while (text.len > 0) {
        size_t len = ke_str_find(text, '\n');
        bool is_last = len + 1 >= text.len;
        bool is_whole = len < text.len;
        enum ke_code rc =
            is_whole ? read_line(ledger, ke_str_sub(text, 0, len), err) : KE_MALFORMED;
        if (rc == KE_MALFORMED && is_last) {
            if (ftruncate(ledger->fd, (off_t)ledger->n_read) != 0)
                return ke_fail_errno(err, errno, "cut the torn end of %s", ledger->path);
            return KE_OK;
        }
        if (rc != KE_OK)
            return ke_wrap(err, "%s, byte %zu", ledger->path, ledger->n_read);
        ledger->n_read += len + 1;
        text = ke_str_sub(text, len + 1, text.len);
    }
    return KE_OK;
}

static enum ke_code read_more(struct host_ledger *ledger, struct ke_err *err)
{
    struct stat st;
    if (fstat(ledger->fd, &st) != 0)
        return ke_fail_errno(err, errno, "read %s", ledger->path);
    if ((size_t)st.st_size == ledger->n_read)
        return KE_OK;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    enum ke_code rc = ke_file_read(ledger->path, &text, err);
    if (rc != KE_OK)
        return rc;
    if (text.len < ledger->n_read)
        return ke_fail(err, KE_MALFORMED, "%s has become shorter", ledger->path);
    return read_lines(ledger, ke_str_sub(ke_buf_str(&text), ledger->n_read, text.len), err);
}

/* ---- opening and locking ---- */

static void close_fd(struct host_ledger *ledger)
{
    if (ledger->fd >= 0)
        (void)close(ledger->fd); /* gives the lock back too */
    ledger->fd = -1;
}

/* Whether fd is still the file at path: undo removes it, compacting replaces it. */
static bool is_current(const struct host_ledger *ledger)
{
    struct stat mine;
    struct stat there;
    return fstat(ledger->fd, &mine) == 0 && stat(ledger->path, &there) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* Opens the file, making it, and locks it: until the locked one is the one at path. */
static enum ke_code open_locked(struct host_ledger *ledger, struct ke_err *err)
{
    for (;;) {
        if (ledger->fd < 0) {
            forget_records(ledger);
            ledger->fd = open(ledger->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
            if (ledger->fd < 0)
                return ke_fail_errno(err, errno, "open %s", ledger->path);
            enum ke_code rc = ke_file_sync_folder_of(ledger->path, err);
            if (rc != KE_OK)
                return rc;
        }
        int locked = flock(ledger->fd, LOCK_EX);
        if (locked != 0 && errno == EINTR)
            continue;
        if (locked != 0)
            return ke_fail_errno(err, errno, "lock %s", ledger->path);
        if (is_current(ledger))
            return KE_OK;
        close_fd(ledger);
    }
}

enum ke_code ledger_begin(struct host_ledger *ledger, struct ke_err *err)
{
    (void)pthread_mutex_lock(&ledger->lock);
    enum ke_code rc = open_locked(ledger, err);
    if (rc == KE_OK)
        rc = read_more(ledger, err);
    if (rc != KE_OK) {
        close_fd(ledger);
        (void)pthread_mutex_unlock(&ledger->lock);
    }
    return rc;
}

void ledger_end(struct host_ledger *ledger)
{
    if (ledger->fd >= 0)
        (void)flock(ledger->fd, LOCK_UN);
    (void)pthread_mutex_unlock(&ledger->lock);
}

/* Writes the file anew without what is undone, when that is much. */
static enum ke_code compact(struct host_ledger *ledger, struct ke_err *err)
{
    size_t n_undone = 0;
    for (size_t i = 0; i < ledger->n_records; i++)
        n_undone += ledger->records[i].is_undone ? 1 : 0;
    if (n_undone <= LEDGER_COMPACT_ABOVE)
        return KE_OK;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    for (size_t i = 0; i < ledger->n_records; i++) {
        if (ledger->records[i].is_undone)
            continue;
        ke_json_print(ledger->records[i].json, &text);
        ke_buf_add_char(&text, '\n');
    }
    enum ke_code rc = ke_buf_check(&text, ledger->path, err);
    if (rc == KE_OK)
        rc = ke_file_write(ledger->path, ke_buf_str(&text), 0600, err);
    return rc; /* the next begin opens the new file */
}

enum ke_code host_ledger_open(const char *path, struct host_ledger **out, struct ke_err *err)
{
    struct host_ledger *ledger = ke_alloc(sizeof(*ledger));
    if (ledger == NULL)
        return ke_fail(err, KE_NOMEM, "open %s", path);
    ledger->fd = -1;
    (void)pthread_mutex_init(&ledger->lock, NULL);
    ledger->path = ke_str_dup(ke_str_c(path));
    enum ke_code rc = ledger->path != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "open %s", path);
    if (rc == KE_OK)
        rc = ledger_begin(ledger, err);
    if (rc == KE_OK) {
        rc = compact(ledger, err);
        ledger_end(ledger);
    }
    if (rc != KE_OK) {
        host_ledger_close(ledger);
        return rc;
    }
    *out = ledger;
    return KE_OK;
}

void host_ledger_close(struct host_ledger *ledger)
{
    if (ledger == NULL)
        return;
    close_fd(ledger);
    forget_records(ledger);
    free(ledger->records);
    free(ledger->path);
    (void)pthread_mutex_destroy(&ledger->lock);
    free(ledger);
}

/* ---- writing ---- */

struct host_record *ledger_find(struct host_ledger *ledger, const cJSON *change)
{
    for (size_t i = ledger->n_records; i > 0; i--) {
        struct host_record *record = &ledger->records[i - 1];
        if (!record->is_undone && ke_json_equal(ke_json_get(record->json, "change"), change))
            return record;
    }
    return NULL;
}

struct host_record *ledger_before(struct host_ledger *ledger, int64_t id)
{
    for (size_t i = ledger->n_records; i > 0; i--) {
        struct host_record *record = &ledger->records[i - 1];
        if (!record->is_undone && record->id < id)
            return record;
    }
    return NULL;
}

/* One write, so that a line is whole or is the last; synced before anything is changed. */
static enum ke_code write_line(struct host_ledger *ledger, const cJSON *json, struct ke_err *err)
{
    ke_auto_buf line = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_json_print(json, &line);
    ke_buf_add_char(&line, '\n');
    enum ke_code rc = ke_buf_check(&line, "a line of the ledger", err);
    if (rc != KE_OK)
        return rc;
    ssize_t n = write(ledger->fd, line.ptr, line.len);
    if (n != (ssize_t)line.len || fdatasync(ledger->fd) != 0) {
        int sys = n >= 0 && n != (ssize_t)line.len ? ENOSPC : errno;
        (void)ke_fail_errno(err, sys, "write %s", ledger->path);
        if (ftruncate(ledger->fd, (off_t)ledger->n_read) != 0)
            close_fd(ledger); /* the torn end is cut off when it is opened again */
        return err->code;
    }
    ledger->n_read += line.len;
    return KE_OK;
}

enum ke_code ledger_append(struct host_ledger *ledger, cJSON *change, const char *old,
                           struct ke_err *err)
{
    cJSON *json = cJSON_CreateObject();
    bool is_made =
        json != NULL && ke_json_set(json, "id", cJSON_CreateNumber((double)ledger->last_id + 1));
    if (!is_made) {
        cJSON_Delete(change);
        cJSON_Delete(json);
        return ke_fail(err, KE_NOMEM, "record a change of the host");
    }
    is_made = ke_json_set(json, "change", change) &&
              (old == NULL || ke_json_set_str(json, "old", ke_str_c(old)));
    if (!is_made) {
        cJSON_Delete(json);
        return ke_fail(err, KE_NOMEM, "record a change of the host");
    }
    /* The room first: a line of the file that is no record would give its id to the next one too.
     */
    enum ke_code rc = reserve_record(ledger, err);
    if (rc == KE_OK)
        rc = write_line(ledger, json, err);
    if (rc != KE_OK) {
        cJSON_Delete(json);
        return rc;
    }
    return add_record(ledger, json, err);
}

enum ke_code ledger_mark_undone(struct host_ledger *ledger, struct host_record *record,
                                struct ke_err *err)
{
    ke_auto_json *json = cJSON_CreateObject();
    if (json == NULL || !ke_json_set(json, "undone", cJSON_CreateNumber((double)record->id)))
        return ke_fail(err, KE_NOMEM, "record what was undone");
    enum ke_code rc = write_line(ledger, json, err);
    if (rc == KE_OK)
        record->is_undone = true;
    return rc;
}

enum ke_code ledger_clear(struct host_ledger *ledger, struct ke_err *err)
{
    if (unlink(ledger->path) != 0 && errno != ENOENT)
        return ke_fail_errno(err, errno, "remove %s", ledger->path);
    close_fd(ledger);
    return KE_OK;
}
