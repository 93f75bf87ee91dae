/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of one connection. The worker's thread. */
#include "ingress/stream.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/limits.h"

#define READ_BYTES 16384

bool ingress_stream_open(struct ingress_stream *stream, int fd, uint32_t events)
{
    stream->fd = fd;
    stream->events = events;
    stream->in = (struct ke_buf)KE_BUF_INIT(LIMIT_INGRESS_BUFFER_BYTES);
    /* One pass adds at most a whole input buffer, in chunks, to what is below the limit. */
    stream->out = (struct ke_buf)KE_BUF_INIT(4 * LIMIT_INGRESS_BUFFER_BYTES);
    stream->watch = ke_loop_fd_add(stream->loop, fd, events, stream->fn, stream->ctx);
    if (stream->watch != NULL)
        return true;
    (void)close(fd);
    stream->fd = -1;
    return false;
}

void ingress_stream_close(struct ingress_stream *stream)
{
    if (stream->fd < 0)
        return;
    ke_loop_fd_del(stream->watch);
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    if (stream->is_cut)
        (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    else if (stream->tls != NULL && !stream->has_failed && !stream->is_unwritable)
        tls_close_notify(stream->tls);
    tls_session_free(stream->tls);
    (void)close(stream->fd);
    ke_buf_free(&stream->in);
    ke_buf_free(&stream->out);
    stream->watch = NULL;
    stream->tls = NULL;
    stream->fd = -1;
}

/* > 0 bytes, 0 end, -1 nothing now, -2 failed */
static ssize_t read_once(struct ingress_stream *stream, void *room, size_t len)
{
    if (stream->tls != NULL) {
        enum tls_want want = TLS_WANT_READ;
        ssize_t n = tls_read(stream->tls, room, len, &want);
        stream->tls_wants_write = n == -1 && want == TLS_WANT_WRITE;
        return n;
    }
    ssize_t n = recv(stream->fd, room, len, 0);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

bool ingress_stream_fill(struct ingress_stream *stream)
{
    bool is_new = false;
    while (!stream->has_eof && !stream->has_failed && stream->in.max - stream->in.len > 0) {
        size_t len = stream->in.max - stream->in.len;
        len = len < READ_BYTES ? len : READ_BYTES;
        void *room = ke_buf_reserve(&stream->in, len);
        ssize_t n = room != NULL ? read_once(stream, room, len) : -2;
        if (n == -1)
            break;
        is_new = true;
        if (n == 0)
            stream->has_eof = true;
        else if (n < 0)
            stream->has_failed = true;
        else
            stream->in.len += (size_t)n;
        if (n > 0 && (size_t)n < len && stream->tls == NULL)
            break; /* the socket is empty: spare a call that would say so */
    }
    return is_new;
}

bool ingress_stream_flush(struct ingress_stream *stream)
{
    bool has_written = false;
    while (stream->out.len > 0 && !stream->is_unwritable) {
        enum tls_want want = TLS_WANT_WRITE;
        ssize_t n = 0;
        if (stream->tls != NULL) {
            n = tls_write(stream->tls, stream->out.ptr, stream->out.len, &want);
        } else {
            n = send(stream->fd, stream->out.ptr, stream->out.len, MSG_NOSIGNAL);
            if (n < 0)
                n = errno == EAGAIN || errno == EINTR ? -1 : -2;
        }
        if (n == -1)
            break;
        if (n <= 0) {
            stream->is_unwritable = true;
            ke_buf_clear(&stream->out);
            break;
        }
        has_written = true;
        ke_buf_drop_front(&stream->out, (size_t)n);
    }
    return has_written;
}

void ingress_stream_want(struct ingress_stream *stream, bool wants_input)
{
    uint32_t events = wants_input ? EPOLLIN | EPOLLRDHUP : 0U;
    if (stream->out.len > 0 || stream->tls_wants_write)
        events |= EPOLLOUT;
    bool is_looked_at = events != 0 || !stream->is_hung;
    if (stream->watch != NULL && is_looked_at && events == stream->events)
        return;
    stream->events = events;
    if (!is_looked_at) {
        ke_loop_fd_del(stream->watch);
        stream->watch = NULL;
    } else if (stream->watch == NULL) {
        stream->watch = ke_loop_fd_add(stream->loop, stream->fd, events, stream->fn, stream->ctx);
        stream->has_failed = stream->has_failed || stream->watch == NULL;
    } else if (!ke_loop_fd_set(stream->watch, events)) {
        stream->has_failed = true;
    }
}

void ingress_stream_trim(struct ingress_stream *stream)
{
    if (stream->in.len == 0)
        ke_buf_free(&stream->in);
    if (stream->out.len == 0)
        ke_buf_free(&stream->out);
}
