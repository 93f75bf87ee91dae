/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write under another verb that would create: who asks needs leave to create as well. See
 * permission.h. Source: apiserver pkg/endpoints/handlers (withAuthorization).
 */
#include "core/resource/operation.h"
#include "core/resource/permission.h"

enum ke_code creation_admit(struct operation *op)
{
    const struct model_kind *kind = op->kind;
    struct auth_attributes asked = { .user = op->request.asker,
                                     .verb = KE_STR("create"),
                                     .is_resource = true,
                                     .group = ke_str_c(op->version->group),
                                     .version = ke_str_c(op->version->version),
                                     .resource = ke_str_c(kind->plural),
                                     .ns = op->request.ns,
                                     .name = op->request.name };
    if (op->request.asker == NULL || op->store->authorize == NULL ||
        op->store->authorize(op->store->authorize_ctx, &asked, NULL))
        return KE_OK;
    ke_auto_buf where = KE_BUF_INIT(LIMIT_KEY_BYTES);
    if (asked.ns.len > 0)
        ke_buf_addf(&where, "in the namespace \"%.*s\"", KE_STR_ARG(asked.ns));
    else
        ke_buf_add_c(&where, "at the cluster scope");
    return operation_fail_forbidden(
        op, op->request.name,
        "User \"%.*s\" cannot create resource \"%s\" in API group \"%s\" %.*s",
        KE_STR_ARG(op->request.asker->name), kind->plural, op->version->group,
        KE_STR_ARG(ke_buf_str(&where)));
}
