/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_WIRE_H
#define CMD_KEDGE_WIRE_H
/*
 * The composition root: makes every part of the agent, hands each what it needs, starts them in
 * the order in which data flows and stops them in the reverse. Main thread; only print_status and
 * is_ready run on others.
 */
#include "cmd/kedge/options.h"
#include "core/base/buf.h"

struct wire;

/*
 * Everything up and running, listeners that could not bind excepted: those degrade. Fatal: no data
 * directory, no API listener, a registry that cannot be read. Errors: KE_IO, KE_MALFORMED,
 * KE_EXISTS (another agent runs), ...
 */
enum ke_code wire_start(const struct agent_options *options, struct wire **out,
                        struct ke_err *err) KE_MUST_CHECK;
/* Rules stay in the kernel, addresses on the node. */
void wire_stop(struct wire *wire); /* also frees */
/* Listeners that can serve do, and every consumer has done its first full sync; else one line to
 * why. */
bool wire_is_ready(struct wire *wire, struct ke_buf *why);
/* What needs doing now and then: certificates that run out. */
void wire_tick(struct wire *wire);
/* The audit log was moved away by somebody. */
void wire_reopen_logs(struct wire *wire);

#endif
