/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_RUNTIME_H
#define CORE_API_RUNTIME_H
/*
 * What the API asks of whoever runs containers: exec, attach, port-forward and logs. The API knows
 * clients and their protocols; the runtime knows processes; between them are file descriptors,
 * which carry bytes, ends of streams and back-pressure both ways without a word of ours.
 *
 * A call is started by the API on one of its loops (start must not block) and answered from any
 * thread with the functions below. Which of them, for each thing asked:
 *
 *   FIND           done                 the container runs: exec and attach may be accepted
 *   EXEC, ATTACH   opened, then exited  the process, and how it ended
 *   FORWARD        opened               one connection to a port of the pod, in streams.in
 *   LOGS           opened               the text, in streams.out, up to its end
 *   any            failed               instead of each of these, also of exited
 *
 * done, failed, exited, and opened of FORWARD and LOGS are the last word: the call is the runtime's
 * no more behind them. Until then its texts may be read.
 *
 * The client may leave at any time: the API closes its ends of the descriptors and calls abandon
 * once, unless the last word has been seen; abandon and the last word may cross, so the runtime
 * looks under its own lock whether the call is still known to it. It still owes the last word.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

enum runtime_what { RUNTIME_FIND, RUNTIME_EXEC, RUNTIME_ATTACH, RUNTIME_FORWARD, RUNTIME_LOGS };
enum runtime_log_stream { RUNTIME_LOG_ALL, RUNTIME_LOG_STDOUT, RUNTIME_LOG_STDERR };

struct runtime_logs {
    bool is_followed;  /* the end is the container's */
    bool is_previous;  /* of the container's last instance */
    bool has_times;    /* each line begins with an RFC 3339 time */
    int64_t since_us;  /* unix; INT64_MIN: from the beginning */
    int64_t tail;      /* lines; -1: all */
    int64_t max_bytes; /* -1: any number */
    enum runtime_log_stream stream;
};

struct runtime_call {
    enum runtime_what what;
    struct ke_str node, ns, pod, uid;
    struct ke_str container; /* FORWARD: empty */
    /* EXEC, and but for the command ATTACH. With a terminal there is no stderr. */
    const struct ke_str *command;
    size_t n_command;
    bool has_stdin, has_stdout, has_stderr, is_tty;
    uint16_t port;            /* FORWARD */
    struct runtime_logs logs; /* LOGS */
    void *of_runtime;         /* the runtime's own note; NULL at first */
};

struct api_runtime {
    void *ctx;
    void (*start)(void *ctx, struct runtime_call *call);
    /* The terminal of an EXEC or ATTACH that is opened. Characters. May come after its end. */
    void (*resize)(void *ctx, struct runtime_call *call, uint16_t width, uint16_t height);
    void (*abandon)(void *ctx, struct runtime_call *call);
};

/*
 * The API's ends, given; -1: not asked for. They must be of a kind that epoll takes, and each a
 * descriptor of its own (a terminal's is duplicated): they are closed one by one.
 */
struct runtime_streams {
    int in;  /* written: what the process reads; FORWARD: a socket, written and read */
    int out; /* read */
    int err; /* read */
};

void runtime_call_done(struct runtime_call *call);
void runtime_call_opened(struct runtime_call *call, const struct runtime_streams *streams);
/* code: of the process; 128 + n when signal n ended it. */
void runtime_call_exited(struct runtime_call *call, int code);
/* In kubelet's words: `container not found ("web")`. Before a client is accepted the code makes the
 * HTTP status (KE_NOT_FOUND, KE_MALFORMED, ...; KE_IO for 500); afterwards the text alone counts.
 */
void runtime_call_failed(struct runtime_call *call, enum ke_code code, const char *message);

#endif
