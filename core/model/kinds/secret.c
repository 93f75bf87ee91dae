/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "type", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_secret = {
    .id = MODEL_SECRET,
    .kind = "Secret",
    .list_kind = "SecretList",
    .plural = "secrets",
    .singular = "secret",
    .prefix = "/registry/secrets/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Secret" },
    },
    .fields = fields,
};
