/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_PERMISSION_H
#define CORE_RESOURCE_PERMISSION_H
/*
 * What the asker of a write may write, beyond the verb that was authorised: no more rights than it
 * has itself, and, for a node, only what is its own. On the operation's thread. Without asker
 * (kedge itself) everything is allowed.
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"

struct operation;

/*
 * A Role or binding does not grant what its writer has not, unless it may `escalate` or `bind`.
 * old NULL: create. Source: policybased of pkg/registry/rbac.
 */
enum ke_code escalation_admit(struct operation *op, const cJSON *object,
                              const cJSON *old) KE_MUST_CHECK;
/*
 * A node writes its own Node, Lease and CSINode, and the pods bound to it. old NULL: create;
 * object NULL: delete. Source: plugin/pkg/admission/noderestriction.
 */
enum ke_code node_restriction_admit(struct operation *op, const cJSON *object,
                                    const cJSON *old) KE_MUST_CHECK;
/* An update or apply of what is not there creates it: that needs leave of its own. */
enum ke_code creation_admit(struct operation *op) KE_MUST_CHECK;
/* POST to a subresource of object: evictions and tokens. */
enum ke_code node_restriction_admit_post(struct operation *op, const cJSON *object) KE_MUST_CHECK;

#endif
