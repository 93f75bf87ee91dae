/* SPDX-License-Identifier: Apache-2.0 */
/* See authority.h. */
#include "core/auth/authority.h"

struct auth_authority {
    struct rbac *rbac;
    struct auth_node *node;
};

struct auth_authority *auth_authority_new(struct watch_hub *hub)
{
    struct auth_authority *authority = ke_alloc(sizeof(*authority));
    if (authority == NULL)
        return NULL;
    authority->rbac = rbac_new(hub);
    authority->node = auth_node_new(hub);
    if (authority->rbac == NULL || authority->node == NULL) {
        auth_authority_free(authority);
        return NULL;
    }
    return authority;
}

void auth_authority_free(struct auth_authority *authority)
{
    if (authority == NULL)
        return;
    rbac_free(authority->rbac);
    auth_node_free(authority->node);
    free(authority);
}

struct rbac *auth_authority_rbac(struct auth_authority *authority)
{
    return authority->rbac;
}

bool auth_authority_authorize(void *ctx, const struct auth_attributes *asked,
                              struct ke_buf *out_reason)
{
    struct auth_authority *authority = ctx;
    if (auth_user_is_in(asked->user, "system:masters"))
        return true;
    size_t before = out_reason != NULL ? out_reason->len : 0;
    if (auth_node_authorize(authority->node, asked, out_reason))
        return true;
    ke_auto_buf reason = KE_BUF_INIT(16384);
    bool is_allowed = rbac_authorize(authority->rbac, asked, out_reason != NULL ? &reason : NULL);
    if (out_reason == NULL)
        return is_allowed;
    if (is_allowed)
        out_reason->len = before; /* why a node may not is of no interest then */
    else if (out_reason->len > before && reason.len > 0)
        ke_buf_add_char(out_reason, '\n');
    ke_buf_add_str(out_reason, ke_buf_str(&reason));
    return is_allowed;
}
