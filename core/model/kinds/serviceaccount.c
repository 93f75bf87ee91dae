/* SPDX-License-Identifier: Apache-2.0 */
/* ServiceAccounts. Pure; any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_serviceaccount = {
    .id = MODEL_SERVICEACCOUNT,
    .kind = "ServiceAccount",
    .list_kind = "ServiceAccountList",
    .plural = "serviceaccounts",
    .singular = "serviceaccount",
    .short_names = { "sa" },
    .prefix = "/registry/serviceaccounts/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ServiceAccount" },
    },
    .subresources = {
        { .name = "token", .verbs = MODEL_VERB_CREATE, .speaks = &model_kind_tokenrequest },
    },
};
