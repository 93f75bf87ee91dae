/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_FLOW_H
#define CORE_API_FLOW_H
/*
 * How many requests are being worked on at a time, of all clients and of each one. A user may have
 * three times as many as are still free: alone three quarters of the limit, and whoever comes next
 * finds room however many a flooding client sends. What takes long by nature (watches, streams) is
 * not counted, nor are kedge's own paths: they tell what goes on.
 * Threads: any. Cost: one look-up under a lock.
 * Source: kube-apiserver --max-requests-inflight, --max-mutating-requests-inflight; the thresholds
 * are those of Choudhury and Hahne (1998) for shared buffers.
 */
#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/str.h"

enum api_flow_kind { API_FLOW_READ, API_FLOW_WRITE, API_FLOW_KINDS };

struct api_flow;
struct api_flow_user; /* one user's share while it has any request */

/* Limits of API_FLOW_READ and _WRITE; 0: none. Errors: KE_NOMEM. */
enum ke_code api_flow_new(unsigned max_reads, unsigned max_writes, struct api_flow **out,
                          struct ke_err *err) KE_MUST_CHECK;
void api_flow_free(struct api_flow *flow); /* NULL is fine; nothing is under way */

/* A request of user begins: *out is given back to api_flow_leave. False: too many, or out of
 * memory. */
bool api_flow_enter(struct api_flow *flow, enum api_flow_kind kind, struct ke_str user,
                    struct api_flow_user **out) KE_MUST_CHECK;
void api_flow_leave(struct api_flow *flow, enum api_flow_kind kind, struct api_flow_user *user);
/* Under way now. */
unsigned api_flow_count(struct api_flow *flow, enum api_flow_kind kind);

#endif
