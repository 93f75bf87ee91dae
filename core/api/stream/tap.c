/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of runtimes. On an API loop.
 */
#include "core/api/stream/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/limits.h"

static void on_event(void *ctx, uint32_t events);

/*
 * A descriptor that nothing is wanted of is not watched at all: epoll reports a hang-up for ever,
 * also to who asks for no event.
 */
static bool watch_again(struct api_tap *tap)
{
    uint32_t events = tap->wants_read ? EPOLLIN : 0U;
    events |= tap->kept.len > 0 ? EPOLLOUT : 0U;
    if (events == tap->watched) {
        return true;
    }
    tap->watched = events;
    if (events == 0) {
        ke_loop_fd_del(tap->watch);
        tap->watch = NULL;
        return true;
    }
    if (tap->watch != NULL) {
        return ke_loop_fd_set(tap->watch, events);
    }
    tap->watch = ke_loop_fd_add(tap->loop, tap->fd, events, on_event, tap);
    if (tap->watch == NULL) {
        tap->watched = 0;
    }
    return tap->watch != NULL;
}

bool api_tap_open(struct api_tap *tap, struct ke_loop *loop, int fd,
                  const struct api_tap_user *user, void *ctx)
{
    struct stat what;
    *tap = (struct api_tap){ .loop = loop, .fd = fd, .user = user, .ctx = ctx };
    tap->kept.max = 4 * LIMIT_STREAM_IN_BYTES;
    if (fd < 0) {
        return true;
    }
    int flags = fcntl(fd, F_GETFL);
    tap->is_socket = fstat(fd, &what) == 0 && S_ISSOCK(what.st_mode);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void api_tap_close(struct api_tap *tap)
{
    ke_loop_fd_del(tap->watch);
    tap->watch = NULL;
    tap->watched = 0;
    if (tap->fd >= 0) {
        close(tap->fd);
        tap->fd = -1;
    }
    ke_buf_free(&tap->kept);
}

bool api_tap_want(struct api_tap *tap, bool wants_read)
{
    tap->wants_read = wants_read && tap->fd >= 0;
    return tap->fd < 0 || watch_again(tap);
}

ssize_t api_tap_read(struct api_tap *tap, char *ptr, size_t max)
{
    for (;;) {
        ssize_t n = read(tap->fd, ptr, max);
        if (n >= 0) {
            return n;
        }
        if (errno == EAGAIN) {
            return -1;
        }
        if (errno != EINTR) {
            return 0; /* EIO of a terminal, ECONNRESET of a socket: it ends here */
        }
    }
}

static void break_off(struct api_tap *tap)
{
    tap->is_broken = true;
    ke_buf_free(&tap->kept);
}

/* Bytes that were taken. */
static size_t write_some(struct api_tap *tap, const char *ptr, size_t len)
{
    size_t at = 0;
    while (at < len && !tap->is_broken) {
        ssize_t n = tap->is_socket ? send(tap->fd, ptr + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT)
                                   : write(tap->fd, ptr + at, len - at);
        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            break;
        } else if (n == 0 || errno != EINTR) {
            break_off(tap);
        }
    }
    return at;
}

static void say_end(struct api_tap *tap)
{
    if (!tap->is_ending || tap->is_ended || tap->kept.len > 0 || tap->fd < 0) {
        return;
    }
    tap->is_ended = true;
    if (tap->is_socket) {
        (void)shutdown(tap->fd, SHUT_WR);
    } else {
        api_tap_close(tap);
    }
}

bool api_tap_write(struct api_tap *tap, const char *ptr, size_t len)
{
    if (tap->fd < 0 || tap->is_broken || tap->is_ending) {
        return true;
    }
    size_t n = tap->kept.len == 0 ? write_some(tap, ptr, len) : 0;
    if (!tap->is_broken && n < len) {
        ke_buf_add(&tap->kept, ptr + n, len - n);
    }
    return tap->kept.failed == KE_OK && watch_again(tap);
}

size_t api_tap_kept(const struct api_tap *tap)
{
    return tap->kept.len;
}

void api_tap_end(struct api_tap *tap)
{
    tap->is_ending = true;
    say_end(tap);
}

static void on_event(void *ctx, uint32_t events)
{
    struct api_tap *tap = ctx;
    bool had = tap->kept.len > 0;
    if (had) {
        size_t n = write_some(tap, tap->kept.ptr, tap->kept.len);
        if (!tap->is_broken && n > 0) {
            ke_buf_drop_front(&tap->kept, n);
        }
        say_end(tap);
    }
    if (tap->fd >= 0 && !watch_again(tap)) {
        break_off(tap);
    }
    /* Either may free what the tap is embedded in: only one a turn, epoll asks again. */
    if (had && tap->kept.len == 0) {
        tap->user->on_drained(tap->ctx, tap);
    } else if (tap->wants_read && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        tap->user->on_readable(tap->ctx, tap);
    }
}
