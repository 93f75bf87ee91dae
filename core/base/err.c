/* SPDX-License-Identifier: Apache-2.0 */
/* Errors by value. Messages are built in a local buffer first, so that an argument may be the old
 * message of the same error. Any thread. */
#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void err_set_message(struct ke_err *err, const char *text)
{
    size_t len = strnlen(text, sizeof(err->msg) - 1);
    memcpy(err->msg, text, len);
    err->msg[len] = '\0';
}

enum ke_code ke_fail(struct ke_err *err, enum ke_code code, const char *fmt, ...)
{
    char text[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err->code = code;
    err->sys = 0;
    err_set_message(err, text);
    return code;
}

enum ke_code ke_fail_errno(struct ke_err *err, int sys_errno, const char *fmt, ...)
{
    char text[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    char reason_buf[96];
    const char *reason = strerror_r(sys_errno, reason_buf, sizeof(reason_buf));
    char whole[sizeof(text) + 128];
    (void)snprintf(whole, sizeof(whole), "%s: %s", text, reason);
    err->code = sys_errno == ENOMEM ? KE_NOMEM : KE_IO;
    err->sys = sys_errno;
    err_set_message(err, whole);
    return err->code;
}

enum ke_code ke_wrap(struct ke_err *err, const char *fmt, ...)
{
    char prefix[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    char whole[2 * sizeof(err->msg) + 2];
    (void)snprintf(whole, sizeof(whole), "%s: %s", prefix, err->msg);
    err_set_message(err, whole);
    return err->code;
}

static const char *const CODE_NAMES[KE_CODE_COUNT] = {
    [KE_OK] = "OK",
    [KE_NOT_FOUND] = "NOT_FOUND",
    [KE_EXISTS] = "EXISTS",
    [KE_CONFLICT] = "CONFLICT",
    [KE_MALFORMED] = "MALFORMED",
    [KE_INVALID] = "INVALID",
    [KE_TOO_LARGE] = "TOO_LARGE",
    [KE_UNAUTHENTICATED] = "UNAUTHENTICATED",
    [KE_DENIED] = "DENIED",
    [KE_METHOD] = "METHOD",
    [KE_GONE] = "GONE",
    [KE_LIMIT] = "LIMIT",
    [KE_UNAVAILABLE] = "UNAVAILABLE",
    [KE_NOMEM] = "NOMEM",
    [KE_TIMEOUT] = "TIMEOUT",
    [KE_AGAIN] = "AGAIN",
    [KE_CLOSED] = "CLOSED",
    [KE_IO] = "IO",
    [KE_BUG] = "BUG",
};

const char *ke_code_name(enum ke_code code)
{
    if ((unsigned)code >= KE_CODE_COUNT)
        return "UNKNOWN";
    return CODE_NAMES[code];
}

void ke_assert_failed(const char *cond, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "kedge: bug: %s is false at %s:%d\n", cond, file, line);
    if (len > 0) {
        size_t n = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, n);
        (void)written;
    }
    abort();
}
