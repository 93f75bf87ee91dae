/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_USER_H
#define CORE_AUTH_USER_H
/*
 * Who asks, what is asked, and the question whether it may: what authentication yields and
 * authorisers judge. Values with borrowed texts; any thread.
 * Source: apiserver pkg/authentication/user, pkg/authorization/authorizer.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

#define AUTH_MAX_GROUPS 20
#define AUTH_MAX_EXTRA  16

/* One value of user.extra ("authentication.kubernetes.io/pod-name": "a"); a key may come again. */
struct auth_extra {
    struct ke_str key, value;
};

struct ke_arena;
struct ke_buf;

struct auth_user {
    struct ke_str name;
    struct ke_str uid; /* empty: not known */
    struct ke_str groups[AUTH_MAX_GROUPS];
    size_t n_groups;
    struct auth_extra extra[AUTH_MAX_EXTRA];
    size_t n_extra;
};

bool auth_user_is_in(const struct auth_user *user, const char *group);
/* A copy whose texts live in arena; NULL: out of memory. */
struct auth_user *auth_user_copy(const struct auth_user *user, struct ke_arena *arena);

/* What is asked: a resource, or a path (is_resource false). */
struct auth_attributes {
    const struct auth_user *user;
    struct ke_str verb; /* get list watch create update patch delete deletecollection; or a method
                           in small letters */
    bool is_resource;
    struct ke_str group, version, resource, subresource, ns, name;
    struct ke_str path;           /* of the URL, decoded, without query */
    struct ke_str field_selector; /* of list and watch, as sent; empty: none */
};

/*
 * May it? Must not block: it is asked on API loops and on the registry's writer thread. out_reason
 * (may be NULL) receives why, as upstream words it; empty: nothing to say.
 */
typedef bool auth_authorize_fn(void *ctx, const struct auth_attributes *attributes,
                               struct ke_buf *out_reason);

#endif
