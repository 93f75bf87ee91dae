/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_NODE_H
#define CORE_AUTH_NODE_H
/*
 * The node authoriser: system:node:NAME in system:nodes may read what the pods bound to NAME refer
 * to, its own Node, Lease and CSINode, its own pods; and write its own Node and the status of its
 * pods. What pods refer to is a graph that is brought up to date when a node asks (follow.h); where
 * no node ever asks, nothing is kept.
 * Source: Kubernetes node authorizer (plugin/pkg/auth/authorizer/node) and its graph.
 */
#include "core/auth/user.h"
#include "core/watch/hub.h"

struct auth_node;

/* NULL: out of memory. */
struct auth_node *auth_node_new(struct watch_hub *hub);
void auth_node_free(struct auth_node *node); /* NULL is fine */
KE_AUTO_DEFINE(auth_node)
/* ctx: struct auth_node. Denies, without a reason, whoever is no node. Any thread. */
auth_authorize_fn auth_node_authorize;

/* "NAME" of system:node:NAME in system:nodes; false: no node. */
bool auth_node_identify(const struct auth_user *user, struct ke_str *out_name);

#endif
