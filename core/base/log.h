/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H
/*
 * Structured log: an event name and keys. Lines are whole; a line that repeats (same event) more
 * than LIMIT_LOG_REPEAT times in a minute is counted instead. core/base and core/model never log.
 * Any thread.
 *
 *     ke_log(KE_LOG_WARN, "proxy.apply_failed", KV_U("generation", gen), KV_ERR(err));
 */
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

enum ke_log_level { KE_LOG_DEBUG, KE_LOG_INFO, KE_LOG_WARN, KE_LOG_ERROR };
enum ke_log_format { KE_LOG_TEXT, KE_LOG_JSON };

enum ke_kv_type { KE_KV_END, KE_KV_STR, KE_KV_U64, KE_KV_I64 };
struct ke_kv {
    const char *key;
    enum ke_kv_type type;
    struct ke_str str;
    uint64_t u64;
    int64_t i64;
};

#define KV_S(k, s)  ((struct ke_kv){ .key = (k), .type = KE_KV_STR, .str = (s) })
#define KV_C(k, s)  ((struct ke_kv){ .key = (k), .type = KE_KV_STR, .str = ke_str_c(s) })
#define KV_U(k, v)  ((struct ke_kv){ .key = (k), .type = KE_KV_U64, .u64 = (uint64_t)(v) })
#define KV_I(k, v)  ((struct ke_kv){ .key = (k), .type = KE_KV_I64, .i64 = (int64_t)(v) })
#define KV_ERR(err) ((struct ke_kv){ .key = "err", .type = KE_KV_STR, .str = ke_str_c((err)->msg) })

#define ke_log(level, event, ...)                                                                  \
    do {                                                                                           \
        if (ke_log_is_on(level))                                                                   \
            ke_log_write((level), (event),                                                         \
                         (const struct ke_kv[]){ __VA_ARGS__, { .type = KE_KV_END } });            \
    } while (0)

bool ke_log_is_on(enum ke_log_level level);
void ke_log_write(enum ke_log_level level, const char *event, const struct ke_kv *kv);
/* Set up by cmd once, before threads start. path NULL: standard error. */
enum ke_code ke_log_open(enum ke_log_level level, enum ke_log_format format, const char *path,
                         struct ke_err *err) KE_MUST_CHECK;
void ke_log_reopen(void); /* SIGHUP: opens path again; keeps the old file when that fails */
void ke_log_close(void);

#endif
