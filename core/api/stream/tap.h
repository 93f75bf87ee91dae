/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_TAP_H
#define CORE_API_STREAM_TAP_H
/*
 * One descriptor of a process or a pod's port, on an API loop: read only when its user has room,
 * and written without blocking, with what did not fit kept here. Embedded. Works for pipes,
 * terminals and sockets.
 */
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/loop.h"

struct api_tap;
struct api_tap_user {
    void (*on_readable)(void *ctx, struct api_tap *tap); /* call api_tap_read */
    void (*on_drained)(void *ctx, struct api_tap *tap);  /* what was kept has gone */
};

struct api_tap {
    struct ke_loop *loop;
    int fd; /* -1: closed, or never there */
    const struct api_tap_user *user;
    void *ctx;
    struct ke_loop_fd *watch;
    uint32_t watched;
    struct ke_buf kept;
    bool wants_read;
    bool is_ending; /* no more will be written: to be said when all is through */
    bool is_ended;  /* it was said */
    bool is_broken; /* the other side takes nothing more */
    bool is_socket;
};

/* fd is given (-1: none) and made non-blocking. */
bool api_tap_open(struct api_tap *tap, struct ke_loop *loop, int fd,
                  const struct api_tap_user *user, void *ctx);
void api_tap_close(struct api_tap *tap); /* twice is fine */
static inline bool api_tap_is_open(const struct api_tap *tap)
{
    return tap->fd >= 0;
}
/* Reading goes on, or waits. False: out of memory. */
bool api_tap_want(struct api_tap *tap, bool wants_read);
/* > 0 bytes; 0: the end (also of a terminal whose processes have gone); -1: nothing now. */
ssize_t api_tap_read(struct api_tap *tap, char *ptr, size_t max);
/* Takes all; what comes to a reader that has gone is thrown away. False: out of memory, or over
 * twice LIMIT_STREAM_IN_BYTES and a piece. */
bool api_tap_write(struct api_tap *tap, const char *ptr, size_t len);
size_t api_tap_kept(const struct api_tap *tap);
/* Nothing more will be written: a pipe is closed, a socket half-closed, when all is through. */
void api_tap_end(struct api_tap *tap);

#endif
