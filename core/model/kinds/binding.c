/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings: said to a pod, or to the namespace with the pod's name, and never stored. Constant
 * data. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_binding = {
    .id = MODEL_BINDING,
    .kind = "Binding",
    .list_kind = "",
    .plural = "bindings",
    .singular = "binding",
    .prefix = "",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .is_computed = true,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Binding" },
    },
};
