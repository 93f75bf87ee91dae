/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_RBAC_H
#define CORE_AUTH_RBAC_H
/*
 * The authoriser of Roles and bindings. A request is judged on an immutable compiled snapshot that
 * all threads read without a lock; it is compiled anew by the first request after a change, before
 * that one is judged: who got an answer to a change of roles sees it with the next request, on any
 * connection. A decision allocates nothing and costs well under a microsecond for each group.
 * Source: Kubernetes RBAC v1; plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation.
 */
#include "core/auth/rules.h"
#include "core/watch/hub.h"

struct rbac;

/* hub borrowed, must outlive it. NULL: out of memory. */
struct rbac *rbac_new(struct watch_hub *hub);
/* After all who ask are stopped. NULL is fine. */
void rbac_free(struct rbac *rbac);
KE_AUTO_DEFINE(rbac)

/*
 * ctx: struct rbac. Reasons: `RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to User
 * "c"`; of a denial what could not be resolved: `RBAC: clusterrole.rbac.authorization.k8s.io "x"
 * not found`. Any thread.
 */
auth_authorize_fn rbac_authorize;

/*
 * All rules that user holds cluster-wide and in ns (empty: cluster-wide only), each binding once,
 * copied into arena. out_problems: what could not be resolved, comma-joined; may be NULL. False:
 * out of memory. Any thread.
 */
bool rbac_rules_of(struct rbac *rbac, const struct auth_user *user, struct ke_str ns,
                   struct ke_arena *arena, struct rbac_rules *out, struct ke_buf *out_problems);

#endif
