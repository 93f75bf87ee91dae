/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CSI drivers say of themselves: CSIDriver, CSINode, CSIStorageCapacity. Stored for others to
 * read. Source: Kubernetes apis/storage/validation, apis/storage/v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define NODE_ID_BYTES_MAX 256 /* what upstream takes since CSI 1.4: 256 */
#define TOKEN_MIN_S       600
#define TOKEN_MAX_S       ((int64_t)1 << 32)

/* ---- CSIDriver */

static bool driver_set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !model_default_bool(spec, "attachRequired", true) ||
        !model_default_bool(spec, "podInfoOnMount", false) ||
        !model_default_bool(spec, "storageCapacity", false) ||
        !model_default_str(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType") ||
        !model_default_bool(spec, "requiresRepublish", false) ||
        !model_default_bool(spec, "seLinuxMount", false))
        return false;
    cJSON *modes = ke_json_need_array(spec, "volumeLifecycleModes");
    if (modes == NULL || modes->child != NULL)
        return modes != NULL;
    cJSON *item = cJSON_CreateString("Persistent");
    if (item == NULL || !cJSON_AddItemToArray(modes, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

static void check_tokens(const cJSON *spec, const struct model_path *path,
                         struct model_issues *issues)
{
    const cJSON *list = ke_json_get(spec, "tokenRequests");
    struct model_path list_at = model_path_child(path, "tokenRequests");
    if (!model_check_count(issues, list_at, list))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_path at = model_path_index(&list_at, i++);
        struct ke_str audience = ke_json_str(item, "audience");
        const cJSON *earlier = list->child;
        while (earlier != item && !ke_str_eq(ke_json_str(earlier, "audience"), audience))
            earlier = earlier->next;
        if (earlier != item)
            model_report_duplicate(issues, model_path_child(&at, "audience"), audience);
        int64_t seconds = ke_json_i64(item, "expirationSeconds", TOKEN_MIN_S);
        struct model_path seconds_at = model_path_child(&at, "expirationSeconds");
        if (seconds < TOKEN_MIN_S)
            model_report_invalid_int(issues, seconds_at, seconds,
                                     "may not specify a duration less than 10 minutes");
        if (seconds > TOKEN_MAX_S)
            model_report_invalid_int(issues, seconds_at, seconds,
                                     "may not specify a duration larger than 2^32 seconds");
    }
}

static void driver_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const policies[] = { "File", "None", "ReadWriteOnceWithFSType", NULL };
    static const char *const modes[] = { "Ephemeral", "Persistent", NULL };
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct model_path modes_at = model_path_child(&path, "volumeLifecycleModes");
    model_check_csi_driver(issues, model_path_root("name"),
                           ke_json_path_str(object, "metadata.name"));
    (void)model_check_enum(issues, model_path_child(&path, "fsGroupPolicy"),
                           ke_json_str(spec, "fsGroupPolicy"), policies);
    check_tokens(spec, &path, issues);
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(spec, "volumeLifecycleModes")) {
        if (!ke_str_eq_c(ke_json_value_str(item), "Persistent") &&
            !ke_str_eq_c(ke_json_value_str(item), "Ephemeral"))
            model_report_not_supported(issues, modes_at, ke_json_value_str(item), modes);
    }
    if (old == NULL)
        return;
    const cJSON *old_spec = ke_json_get(old, "spec");
    model_check_immutable(issues, model_path_child(&path, "attachedRequired"), spec, old_spec,
                          "attachRequired");
    model_check_immutable(issues, modes_at, spec, old_spec, "volumeLifecycleModes");
}

const struct model_kind model_kind_csidriver = {
    .id = MODEL_CSIDRIVER,
    .kind = "CSIDriver",
    .list_kind = "CSIDriverList",
    .plural = "csidrivers",
    .singular = "csidriver",
    .prefix = "/registry/csidrivers/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "storage.k8s.io", .version = "v1", .message = "storage.v1.CSIDriver" },
    },
    .set_defaults = driver_set_defaults,
    .validate = driver_validate,
};

/* ---- CSINode */

static void check_topology_keys(const cJSON *driver, const struct model_path *path,
                                struct model_issues *issues)
{
    const cJSON *keys = ke_json_get(driver, "topologyKeys");
    struct model_path at = model_path_child(path, "topologyKeys");
    if (!model_check_count(issues, at, keys))
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, keys) {
        struct ke_str key = ke_json_value_str(item);
        const cJSON *earlier = keys->child;
        while (earlier != item && !ke_str_eq(ke_json_value_str(earlier), key))
            earlier = earlier->next;
        if (earlier != item)
            model_report_duplicate(issues, at, key);
        if (ke_str_is_empty(key))
            model_report_required(issues, at, "");
        (void)model_check_name(issues, at, key, model_name_qualified);
    }
}

static void check_driver(const cJSON *drivers, const cJSON *driver, const struct model_path *path,
                         struct model_issues *issues)
{
    struct model_path name_at = model_path_child(path, "name");
    struct model_path id_at = model_path_child(path, "nodeID");
    struct ke_str name = ke_json_str(driver, "name");
    struct ke_str node_id = ke_json_str(driver, "nodeID");
    model_check_csi_driver(issues, name_at, name);
    if (ke_str_is_empty(node_id))
        model_report_required(issues, id_at, "");
    else if (node_id.len > NODE_ID_BYTES_MAX)
        model_report_invalid(issues, id_at, node_id, "must be 256 characters or less");
    int64_t count = ke_json_i64(ke_json_get(driver, "allocatable"), "count", 0);
    struct model_path allocatable = model_path_child(path, "allocatable");
    (void)model_check_not_negative(issues, model_path_child(&allocatable, "count"), count);
    check_topology_keys(driver, path, issues);
    const cJSON *earlier = drivers->child;
    while (earlier != driver && !ke_str_eq(ke_json_str(earlier, "name"), name))
        earlier = earlier->next;
    if (earlier != driver)
        model_report_duplicate(issues, name_at, name);
}

/* A driver that is there stays as it is; it may go. */
static void check_drivers_kept(const cJSON *drivers, const cJSON *old, struct model_issues *issues)
{
    const cJSON *was;
    cJSON_ArrayForEach(was, old) {
        const cJSON *now;
        cJSON_ArrayForEach(now, drivers) {
            if (!ke_str_eq(ke_json_str(was, "name"), ke_json_str(now, "name")) ||
                ke_json_equal(was, now))
                continue;
            ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
            ke_json_print(now, &text);
            model_report_invalid_raw(issues, model_path_root("CSINodeDriver"), ke_buf_str(&text),
                                     "field is immutable");
        }
    }
}

static void node_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    struct model_path spec = model_path_root("spec");
    struct model_path list = model_path_child(&spec, "drivers");
    const cJSON *drivers = ke_json_path(object, "spec.drivers");
    if (!model_check_count(issues, list, drivers))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, drivers) {
        struct model_path at = model_path_index(&list, i++);
        check_driver(drivers, item, &at, issues);
    }
    if (old != NULL)
        check_drivers_kept(drivers, ke_json_path(old, "spec.drivers"), issues);
}

const struct model_kind model_kind_csinode = {
    .id = MODEL_CSINODE,
    .kind = "CSINode",
    .list_kind = "CSINodeList",
    .plural = "csinodes",
    .singular = "csinode",
    .prefix = "/registry/csinodes/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "storage.k8s.io", .version = "v1", .message = "storage.v1.CSINode" },
    },
    .validate = node_validate,
};

/* ---- CSIStorageCapacity */

static void capacity_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const sizes[] = { "capacity", "maximumVolumeSize" };
    static const char *const fixed[] = { "nodeTopology", "storageClassName" };
    if (ke_json_get(object, "nodeTopology") != NULL)
        model_check_label_selector(issues, model_path_root("nodeTopology"),
                                   ke_json_get(object, "nodeTopology"));
    (void)model_check_name(issues, model_path_root("storageClassName"),
                           ke_json_str(object, "storageClassName"), model_name_subdomain);
    for (size_t i = 0; i < KE_ARRAY_LEN(sizes); i++)
        (void)model_check_quantity(issues, model_path_root(sizes[i]), ke_json_get(object, sizes[i]),
                                   false);
    for (size_t i = 0; old != NULL && i < KE_ARRAY_LEN(fixed); i++)
        model_check_immutable(issues, model_path_root(fixed[i]), object, old, fixed[i]);
}

const struct model_kind model_kind_csistoragecapacity = {
    .id = MODEL_CSISTORAGECAPACITY,
    .kind = "CSIStorageCapacity",
    .list_kind = "CSIStorageCapacityList",
    .plural = "csistoragecapacities",
    .singular = "csistoragecapacity",
    .prefix = "/registry/csistoragecapacities/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "storage.k8s.io", .version = "v1", .message = "storage.v1.CSIStorageCapacity" },
    },
    .validate = capacity_validate,
};
