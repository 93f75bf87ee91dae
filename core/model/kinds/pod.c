/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: defaults that only a Pod's own spec has, and its status. What admission adds to a new one
 * (service account, tolerations, priority) is core/resource's. Source: Kubernetes
 * apis/core/v1/defaults.go, registry/core/pod. Pure; any thread.
 */
#include "core/model/kinds/pod.h"

#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

/* What is limited is also requested, unless said otherwise. */
static bool default_requests(cJSON *container)
{
    cJSON *resources = ke_json_get_mut(container, "resources");
    const cJSON *limits = ke_json_get(resources, "limits");
    if (limits == NULL || limits->child == NULL)
        return true;
    cJSON *requests = ke_json_need_object(resources, "requests");
    if (requests == NULL)
        return false;
    const cJSON *limit;
    cJSON_ArrayForEach(limit, limits) {
        if (ke_json_get(requests, limit->string) == NULL &&
            !model_set_copy(requests, limit->string, limit))
            return false;
    }
    return true;
}

static bool default_host_ports(cJSON *container)
{
    cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get_mut(container, "ports")) {
        if (ke_json_i64(port, "hostPort", 0) == 0 &&
            !model_set_copy(port, "hostPort", ke_json_get(port, "containerPort")))
            return false;
    }
    return true;
}

static bool default_containers(cJSON *spec, const char *list, bool is_host)
{
    cJSON *container;
    cJSON_ArrayForEach(container, ke_json_get_mut(spec, list)) {
        if (!default_requests(container) || (is_host && !default_host_ports(container)))
            return false;
    }
    return true;
}

/* podIP is the first of podIPs; clients may know only one of the two. The same for hostIP. */
static bool default_ips(cJSON *status, const char *one, const char *many)
{
    const cJSON *list = ke_json_get(status, many);
    struct ke_str first = ke_json_str(list != NULL ? list->child : NULL, "ip");
    if (model_is_unset(status, one))
        return ke_str_is_empty(first) || ke_json_set_str(status, one, first);
    if (ke_str_eq(ke_json_str(status, one), first))
        return true;
    ke_json_del(status, many);
    cJSON *fresh = ke_json_need_array(status, many);
    cJSON *item = cJSON_CreateObject();
    if (fresh == NULL || item == NULL || !cJSON_AddItemToArray(fresh, item)) {
        cJSON_Delete(item);
        return false;
    }
    return model_set_copy(item, "ip", ke_json_get(status, one));
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *status = ke_json_need_object(object, "status");
    if (spec == NULL || status == NULL || !podspec_set_defaults(spec) ||
        !model_default_bool(spec, "enableServiceLinks", true))
        return false;
    bool is_host = ke_json_bool(spec, "hostNetwork", false);
    return default_containers(spec, "containers", is_host) &&
           default_containers(spec, "initContainers", is_host) &&
           default_ips(status, "podIP", "podIPs") && default_ips(status, "hostIP", "hostIPs");
}

static bool prepare_create(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !model_set_empty(object, "status"))
        return false;
    cJSON *status = ke_json_get_mut(object, "status");
    return model_default_str(status, "phase", "Pending") &&
           model_default_str(status, "qosClass", pod_qos_class(spec));
}

/* What admission has put into a pod stays where a client does not know of it. */
static bool prepare_update(cJSON *object, const cJSON *old)
{
    static const char *const kept[] = { "priority", "preemptionPolicy" };
    cJSON *spec = ke_json_need_object(object, "spec");
    const cJSON *was = ke_json_get(old, "spec");
    for (size_t i = 0; spec != NULL && i < KE_ARRAY_LEN(kept); i++) {
        if (ke_json_get(spec, kept[i]) == NULL &&
            !model_set_copy(spec, kept[i], ke_json_get(was, kept[i])))
            return false;
    }
    return spec != NULL;
}

/* The class is computed once; old clients drop it. Owners are not for whoever tells how it is. */
static bool prepare_status(cJSON *object, const cJSON *old)
{
    static const char owners[] = "ownerReferences";
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *meta = ke_json_need_object(object, "metadata");
    const cJSON *owned = ke_json_get(ke_json_get(old, "metadata"), owners);
    const cJSON *class = ke_json_path(old, "status.qosClass");
    if (status == NULL || meta == NULL)
        return false;
    ke_json_del(meta, owners);
    if (owned != NULL && !model_set_copy(meta, owners, owned))
        return false;
    return !model_is_unset(status, "qosClass") || model_set_copy(status, "qosClass", class);
}

static void check_ips(const cJSON *status, const char *name, struct model_issues *issues)
{
    struct model_path root = model_path_root("status");
    struct model_path list = model_path_child(&root, name);
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(status, name)) {
        (void)model_check_ip(issues, model_path_index(&list, i++), ke_json_str(item, "ip"), NULL);
    }
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *status = ke_json_get(object, "status");
    const cJSON *old_status = ke_json_get(old, "status");
    struct model_path root = model_path_root("status");
    struct ke_str nominated = ke_json_str(status, "nominatedNodeName");
    if (!ke_str_is_empty(nominated))
        (void)model_check_name(issues, model_path_child(&root, "nominatedNodeName"), nominated,
                               model_name_subdomain);
    if (!model_is_unset(old_status, "qosClass") &&
        !model_same_member(status, old_status, "qosClass"))
        model_report_invalid(issues, model_path_child(&root, "qosClass"),
                             ke_json_str(status, "qosClass"), "field is immutable");
    check_ips(status, "podIPs", issues);
    check_ips(status, "hostIPs", issues);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    podspec_validate(spec, &path, true, issues);
    if (old != NULL) {
        pod_validate_update(spec, ke_json_get(old, "spec"), issues);
        return;
    }
    if (!model_is_unset(spec, "ephemeralContainers"))
        model_report_forbidden(issues, model_path_child(&path, "ephemeralContainers"),
                               "cannot be set on create");
    if (!model_is_unset(spec, "nodeName") && !model_is_unset(spec, "schedulingGates"))
        model_report_forbidden(issues, model_path_child(&path, "nodeName"),
                               "cannot be set until all schedulingGates have been cleared");
}

static const struct model_selectable fields[] = {
    { "spec.nodeName", NULL, NULL },
    { "spec.restartPolicy", NULL, NULL },
    { "spec.schedulerName", NULL, NULL },
    { "spec.serviceAccountName", NULL, NULL },
    { "spec.hostNetwork", NULL, "false" },
    { "status.phase", NULL, NULL },
    { "status.podIP", NULL, NULL },
    { "status.podIPs", "status.podIP", NULL },
    { "status.nominatedNodeName", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_pod = {
    .id = MODEL_POD,
    .kind = "Pod",
    .list_kind = "PodList",
    .plural = "pods",
    .singular = "pod",
    .short_names = { "po" },
    .categories = { "all" },
    .prefix = "/registry/pods/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Pod" },
    },
    .subresources = {
        { .name = "attach", .verbs = VERBS_CONNECT, .speaks = &model_kind_pod_attach_options, .is_connection = true },
        { .name = "binding", .verbs = MODEL_VERB_CREATE, .speaks = &model_kind_binding },
        { .name = "ephemeralcontainers", .verbs = VERBS_STATUS },
        { .name = "eviction", .verbs = MODEL_VERB_CREATE, .speaks = &model_kind_eviction },
        { .name = "exec", .verbs = VERBS_CONNECT, .speaks = &model_kind_pod_exec_options, .is_connection = true },
        { .name = "log", .verbs = MODEL_VERB_GET, .is_connection = true },
        { .name = "portforward", .verbs = VERBS_CONNECT, .speaks = &model_kind_pod_portforward_options, .is_connection = true },
        { .name = "proxy",
          .verbs = VERBS_PROXY,
          .speaks = &model_kind_pod_proxy_options,
          .is_connection = true },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .prepare_status = prepare_status,
    .validate = validate,
    .validate_status = validate_status,
};
