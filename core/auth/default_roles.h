/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_DEFAULT_ROLES_H
#define CORE_AUTH_DEFAULT_ROLES_H
/*
 * The roles and bindings that every cluster begins with, as data; and what is to be done so that an
 * object that is there holds them. Pure; any thread.
 * Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy; component-helpers rbac reconciliation;
 * names and rules of a kube-apiserver 1.20, with what came since. Left out: roles of controllers
 * that kedge runs inside itself, which need no user.
 */
#include <cjson/cJSON.h>

#include "core/model/kind.h"

struct default_role {
    enum model_kind_id kind;
    const char *ns; /* "" for cluster-wide */
    const char *name;
};

/* In an order in which roles come before bindings; i from 0; NULL at the end. */
const struct default_role *default_roles_at(size_t i);
/* Its body, without kind and apiVersion; returned. NULL: out of memory. */
cJSON *default_roles_body(const struct default_role *object);
/* The rules of one of the ClusterRoles above; returned. NULL: no such, or out of memory. */
cJSON *default_roles_rules(struct ke_str name);

/*
 * A merge patch that gives `now` what `wanted` (of default_roles_body) has and it lacks: labels and
 * annotations, rules, selectors, subjects; what is there besides is left alone. *out NULL: nothing
 * is lacking, or the annotation autoupdate says "false". is_other_role: the binding refers to
 * another role, and has to be made anew. False: out of memory.
 */
bool default_roles_patch(const cJSON *now, const cJSON *wanted, cJSON **out, bool *is_other_role);

#endif
