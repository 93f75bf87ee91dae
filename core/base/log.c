/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structured log: one write(2) a line, so that lines of several threads never mix and a line is
 * whole or absent. Any thread: log_lock guards the descriptor and the table of repeats; the level
 * is atomic. Before ke_log_open: INFO and above as text on standard error.
 */
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/limits.h"

enum { LOG_EVENTS = 128, LOG_EVENT_NAME_BYTES = 64, LOG_TAIL_BYTES = 32, LOG_VALUE_BYTES = 1024 };
static const int64_t LOG_WINDOW_NS = 60 * KE_S;

/* How often an event was seen in its minute; a slot is taken over by another event of its hash. */
struct log_repeat {
    char event[LOG_EVENT_NAME_BYTES];
    int64_t since_ns;
    uint64_t n_seen;
};

/* The log is the process's: a global by nature. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int log_level = KE_LOG_INFO;
static enum ke_log_format log_format = KE_LOG_TEXT;
static int log_fd = STDERR_FILENO;
static char *log_path;
static struct log_repeat log_repeats[LOG_EVENTS];

static const char *const LEVEL_NAMES[] = { "debug", "info", "warn", "error" };

bool ke_log_is_on(enum ke_log_level level)
{
    return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* ---- lines ---- */

/* Text values are quoted when a reader could not tell their end. */
static bool is_plain(struct ke_str s)
{
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return true;
}

static void add_value(struct ke_buf *line, enum ke_log_format format, const struct ke_kv *kv)
{
    if (kv->type == KE_KV_U64) {
        ke_buf_add_u64(line, kv->u64);
    } else if (kv->type == KE_KV_I64) {
        ke_buf_add_i64(line, kv->i64);
    } else {
        struct ke_str s = ke_str_sub(kv->str, 0, LOG_VALUE_BYTES);
        if (format == KE_LOG_TEXT && is_plain(s))
            ke_buf_add_str(line, s);
        else
            ke_buf_add_json_str(line, s);
    }
}

static void add_pair(struct ke_buf *line, enum ke_log_format format, const struct ke_kv *kv)
{
    if (format == KE_LOG_JSON) {
        ke_buf_add_char(line, ',');
        ke_buf_add_json_str(line, ke_str_c(kv->key));
        ke_buf_add_char(line, ':');
    } else {
        ke_buf_add_char(line, ' ');
        ke_buf_add_c(line, kv->key);
        ke_buf_add_char(line, '=');
    }
    add_value(line, format, kv);
}

static void add_head(struct ke_buf *line, enum ke_log_format format, enum ke_log_level level,
                     const char *event)
{
    if (format == KE_LOG_JSON)
        ke_buf_add_c(line, "{\"ts\":\"");
    ke_time_format_us(ke_wall_us(), line);
    if (format == KE_LOG_JSON) {
        ke_buf_addf(line, "\",\"level\":\"%s\",\"event\":", LEVEL_NAMES[level]);
        ke_buf_add_json_str(line, ke_str_c(event));
    } else {
        ke_buf_addf(line, " %-5s %s", LEVEL_NAMES[level], event);
    }
}

/* The line without its end: pairs that do not fit are left out, and that is said. */
static void build_line(struct ke_buf *line, enum ke_log_format format, const struct ke_kv *kv,
                       uint64_t n_repeated)
{
    bool is_cut = false;
    for (; kv->type != KE_KV_END; kv++) {
        size_t len_before = line->len;
        add_pair(line, format, kv);
        if (line->failed != KE_OK) {
            line->failed = KE_OK;
            line->len = len_before;
            is_cut = true;
        }
    }
    line->max = line->cap; /* the tail always fits */
    if (is_cut)
        add_pair(line, format, &KV_U("cut", 1));
    if (n_repeated > 0 && line->len + 48 < line->cap)
        add_pair(line, format, &KV_U("repeated", n_repeated));
    ke_buf_add_c(line, format == KE_LOG_JSON ? "}\n" : "\n");
}

/* ---- repeats ---- */

/*
 * Whether this line is written. *out_n_repeated: how many of its kind were counted instead in the
 * minute that ended. DEBUG is never held back: who asks for it wants all. Caller holds log_lock.
 */
static bool count_repeat(const char *event, enum ke_log_level level, uint64_t *out_n_repeated)
{
    *out_n_repeated = 0;
    size_t len = strnlen(event, LOG_EVENT_NAME_BYTES - 1);
    if (level == KE_LOG_DEBUG)
        return true;
    struct log_repeat *slot = &log_repeats[ke_hash_bytes(event, len) % LOG_EVENTS];
    int64_t now_ns = ke_now_ns();
    bool is_same = strncmp(slot->event, event, len) == 0 && slot->event[len] == '\0';
    if (!is_same || now_ns - slot->since_ns >= LOG_WINDOW_NS) {
        if (is_same && slot->n_seen > LIMIT_LOG_REPEAT)
            *out_n_repeated = slot->n_seen - LIMIT_LOG_REPEAT;
        memcpy(slot->event, event, len);
        slot->event[len] = '\0';
        slot->since_ns = now_ns;
        slot->n_seen = 0;
    }
    return ++slot->n_seen <= LIMIT_LOG_REPEAT;
}

static void write_line(struct ke_str line)
{
    ssize_t n = -1;
    do {
        n = write(log_fd, line.ptr, line.len);
    } while (n < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to say so. */
}

void ke_log_write(enum ke_log_level level, const char *event, const struct ke_kv *kv)
{
    int saved = errno;
    (void)pthread_mutex_lock(&log_lock);
    uint64_t n_repeated = 0;
    if (count_repeat(event, level, &n_repeated)) {
        char memory[LIMIT_LOG_LINE_BYTES];
        struct ke_buf line = KE_BUF_FIXED(memory, sizeof(memory));
        line.max -= LOG_TAIL_BYTES;
        add_head(&line, log_format, level, event);
        build_line(&line, log_format, kv, n_repeated);
        write_line(ke_buf_str(&line));
    }
    (void)pthread_mutex_unlock(&log_lock);
    errno = saved;
}

/* ---- where to ---- */

static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/* Caller holds log_lock. */
static void replace_fd(int fd)
{
    if (log_fd != STDERR_FILENO)
        (void)close(log_fd);
    log_fd = fd;
}

enum ke_code ke_log_open(enum ke_log_level level, enum ke_log_format format, const char *path,
                         struct ke_err *err)
{
    char *copy = NULL;
    int fd = STDERR_FILENO;
    if (path != NULL) {
        copy = ke_str_dup(ke_str_c(path));
        if (copy == NULL)
            return ke_fail(err, KE_NOMEM, "open the log %s", path);
        fd = open_path(path);
        if (fd < 0) {
            free(copy);
            return ke_fail_errno(err, errno, "open the log %s", path);
        }
    }
    (void)pthread_mutex_lock(&log_lock);
    replace_fd(fd);
    free(log_path);
    log_path = copy;
    log_format = format;
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
    memset(log_repeats, 0, sizeof(log_repeats));
    (void)pthread_mutex_unlock(&log_lock);
    return KE_OK;
}

void ke_log_reopen(void)
{
    (void)pthread_mutex_lock(&log_lock);
    if (log_path != NULL) {
        int fd = open_path(log_path);
        if (fd >= 0)
            replace_fd(fd);
    }
    (void)pthread_mutex_unlock(&log_lock);
}

void ke_log_close(void)
{
    (void)pthread_mutex_lock(&log_lock);
    replace_fd(STDERR_FILENO);
    free(log_path);
    log_path = NULL;
    (void)pthread_mutex_unlock(&log_lock);
}
