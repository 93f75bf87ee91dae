/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NODE_PORT_H
#define PROXY_NODE_PORT_H
/*
 * Holders of node ports: a socket on every node port, so that nobody else takes it and `ss -ltn`
 * shows it. The kernel's rules turn connections away before they get here, all but those to a
 * loopback address: these are accepted and relayed to a backend. Lives on the proxy's loop.
 */
#include "core/base/loop.h"
#include "core/endpoint/table.h"
#include "core/report/report.h"
#include "proxy/plan.h"

struct node_ports;

/* All borrowed. NULL: out of memory. */
struct node_ports *node_ports_new(struct ke_loop *loop, struct endpoint_table *table,
                                  struct report *report);
void node_ports_free(struct node_ports *ports); /* closes all; the loop does not run */
/* Lets go of the node ports of old and holds those of new. */
void node_ports_change(struct node_ports *ports, const struct proxy_change *changes, size_t n);

#endif
