/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_AUTHORITY_H
#define CORE_AUTH_AUTHORITY_H
/*
 * Who decides: system:masters always may; then the node authoriser, then RBAC. The first that
 * allows has decided; a denial carries the reasons of all, a line each.
 */
#include "core/auth/node.h"
#include "core/auth/rbac.h"

struct auth_authority;

/* hub borrowed, must outlive it. NULL: out of memory. */
struct auth_authority *auth_authority_new(struct watch_hub *hub);
void auth_authority_free(struct auth_authority *authority); /* NULL is fine */
KE_AUTO_DEFINE(auth_authority)
struct rbac *auth_authority_rbac(struct auth_authority *authority);
/* ctx: struct auth_authority. Any thread. */
auth_authorize_fn auth_authority_authorize;

#endif
