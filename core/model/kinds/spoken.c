/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds that only subresources speak: in no table, never stored, found through the row of the kind
 * they are a part of. Source: Kubernetes apis/autoscaling, apis/policy. Constant data.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"

static void validate_scale(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path spec = model_path_root("spec");
    (void)model_check_not_negative(issues, model_path_child(&spec, "replicas"),
                                   ke_json_i64(ke_json_get(object, "spec"), "replicas", 0));
}

const struct model_kind model_kind_scale = {
    .id = MODEL_SCALE,
    .kind = "Scale",
    .list_kind = "",
    .plural = "scales",
    .singular = "scale",
    .prefix = "",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "autoscaling", .version = "v1", .message = "autoscaling.v1.Scale" },
    },
    .validate = validate_scale,
};

const struct model_kind model_kind_eviction = {
    .id = MODEL_EVICTION,
    .kind = "Eviction",
    .list_kind = "",
    .plural = "evictions",
    .singular = "eviction",
    .prefix = "",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "policy", .version = "v1", .message = "policy.v1.Eviction" },
        { .group = "policy", .version = "v1beta1", .message = "policy.v1beta1.Eviction" },
    },
};

const struct model_kind model_kind_pod_attach_options = {
    .id = MODEL_CONNECT_OPTIONS,
    .kind = "PodAttachOptions",
    .list_kind = "",
    .plural = "podattachoptions",
    .singular = "podattachoptions",
    .prefix = "",
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PodAttachOptions" },
    },
};

const struct model_kind model_kind_pod_exec_options = {
    .id = MODEL_CONNECT_OPTIONS,
    .kind = "PodExecOptions",
    .list_kind = "",
    .plural = "podexecoptions",
    .singular = "podexecoptions",
    .prefix = "",
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PodExecOptions" },
    },
};

const struct model_kind model_kind_pod_portforward_options = {
    .id = MODEL_CONNECT_OPTIONS,
    .kind = "PodPortForwardOptions",
    .list_kind = "",
    .plural = "podportforwardoptions",
    .singular = "podportforwardoptions",
    .prefix = "",
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PodPortForwardOptions" },
    },
};

const struct model_kind model_kind_pod_proxy_options = {
    .id = MODEL_CONNECT_OPTIONS,
    .kind = "PodProxyOptions",
    .list_kind = "",
    .plural = "podproxyoptions",
    .singular = "podproxyoptions",
    .prefix = "",
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PodProxyOptions" },
    },
};

const struct model_kind model_kind_service_proxy_options = {
    .id = MODEL_CONNECT_OPTIONS,
    .kind = "ServiceProxyOptions",
    .list_kind = "",
    .plural = "serviceproxyoptions",
    .singular = "serviceproxyoptions",
    .prefix = "",
    .is_namespaced = true,
    .is_computed = true,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ServiceProxyOptions" },
    },
};
