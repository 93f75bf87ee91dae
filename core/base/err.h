/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H
/*
 * The one error type. A function that can fail returns enum ke_code and fills a struct ke_err
 * that its caller holds by value: making an error never allocates and never fails. Context is
 * put in front on the way up (ke_wrap); the message is logged once, where it is handled.
 */
#include "core/base/attr.h"
#include "core/base/str.h"

enum ke_code {
    KE_OK = 0,
    KE_NOT_FOUND,       /* the thing named does not exist */
    KE_EXISTS,          /* the thing to make exists already */
    KE_CONFLICT,        /* it changed since it was read */
    KE_MALFORMED,       /* input that cannot be parsed */
    KE_INVALID,         /* input that parses and breaks a rule */
    KE_TOO_LARGE,       /* over a named limit of size */
    KE_UNAUTHENTICATED, /* who is asking is not known */
    KE_DENIED,          /* who is asking may not */
    KE_METHOD,          /* not a thing one can ask here */
    KE_GONE,            /* the revision is no longer in the history */
    KE_LIMIT,           /* too much at once: try again */
    KE_UNAVAILABLE,     /* not ready, or a peer is away */
    KE_NOMEM,           /* allocation failed */
    KE_TIMEOUT,         /* a deadline passed */
    KE_AGAIN,           /* non-blocking: nothing there now; never leaves a module */
    KE_CLOSED,          /* the peer or the owner closed it */
    KE_IO,              /* the system refused; sys holds the errno */
    KE_BUG,             /* our own fault */
    KE_CODE_COUNT
};

struct ke_err {
    enum ke_code code;
    int sys;       /* errno, or 0 */
    char msg[480]; /* room for the longest rule a client is quoted */
};

#define KE_ERR_INIT                                                                                \
    {                                                                                              \
        .code = KE_OK                                                                              \
    }

/* Each sets *err and returns the code. err is never NULL. */
enum ke_code ke_fail(struct ke_err *err, enum ke_code code, const char *fmt, ...) KE_PRINTF(3, 4);
/* "fmt: text of sys_errno"; ENOSPC, EACCES and the like keep their errno in err->sys. */
enum ke_code ke_fail_errno(struct ke_err *err, int sys_errno, const char *fmt, ...) KE_PRINTF(3, 4);
/* Puts "fmt: " in front of err->msg, keeps code and sys, returns the code. */
enum ke_code ke_wrap(struct ke_err *err, const char *fmt, ...) KE_PRINTF(2, 3);

/* "NOT_FOUND", for logs. */
const char *ke_code_name(enum ke_code code);

#endif
