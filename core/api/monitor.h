/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_MONITOR_H
#define CORE_API_MONITOR_H
/*
 * The listener for those who watch the process: plain HTTP, for /healthz, /livez, /readyz and
 * /metrics (group system:monitoring, which may read these and nothing else). A port that is taken
 * degrades the process, names the holder, and is tried again. On the acceptor's loop.
 */
#include "core/base/err.h"
#include "core/base/loop.h"

struct api_monitor;
struct api_server;

/* Listens at the options' `monitor` address, or begins to try. Errors: KE_NOMEM. */
enum ke_code api_monitor_new(struct api_server *server, struct ke_loop *loop,
                             struct api_monitor **out, struct ke_err *err) KE_MUST_CHECK;
/* Closes the listener; the loop does not run any more. NULL is fine. */
void api_monitor_free(struct api_monitor *monitor);

#endif
