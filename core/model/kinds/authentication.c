/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TokenReview, SelfSubjectReview and TokenRequest: asked with a POST, answered at once, never
 * stored. Source: Kubernetes apis/authentication. Constant data.
 */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_tokenreview = {
    .id = MODEL_TOKENREVIEW,
    .kind = "TokenReview",
    .list_kind = "",
    .plural = "tokenreviews",
    .singular = "tokenreview",
    .prefix = "",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_computed = true,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = "authentication.k8s.io", .version = "v1",
          .message = "authentication.v1.TokenReview" },
    },
};

const struct model_kind model_kind_selfsubjectreview = {
    .id = MODEL_SELFSUBJECTREVIEW,
    .kind = "SelfSubjectReview",
    .list_kind = "",
    .plural = "selfsubjectreviews",
    .singular = "selfsubjectreview",
    .prefix = "",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_computed = true,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = "authentication.k8s.io", .version = "v1",
          .message = "authentication.v1.SelfSubjectReview" },
    },
};

/* In no table: the subresource token of ServiceAccounts speaks it. */
const struct model_kind model_kind_tokenrequest = {
    .id = MODEL_TOKENREQUEST,
    .kind = "TokenRequest",
    .list_kind = "",
    .plural = "tokenrequests",
    .singular = "tokenrequest",
    .prefix = "",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "authentication.k8s.io", .version = "v1",
          .message = "authentication.v1.TokenRequest" },
    },
};
