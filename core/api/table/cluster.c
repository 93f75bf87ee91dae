/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of Nodes, Namespaces, ConfigMaps, Secrets, ServiceAccounts, Events, Leases and
 * ComponentStatuses. Pure.
 */
#include <stdlib.h>

#include "core/api/table.h"
#include "core/base/json.h"

/* ---- nodes -------------------------------------------------------------------------------------
 */

#define MAX_ROLES 16

static const struct api_column node_columns[] = {
    API_COLUMN_NAME,
    { "Status", "string", "", 0, "Whether the node is ready for pods." },
    { "Roles", "string", "", 0, "Roles of the node." },
    API_COLUMN_AGE,
    { "Version", "string", "", 0, "Version of the node's agent." },
    { "Internal-IP", "string", "", 1, "Address inside the cluster." },
    { "External-IP", "string", "", 1, "Address from outside." },
    { "OS-Image", "string", "", 1, "Operating system." },
    { "Kernel-Version", "string", "", 1, "Kernel." },
    { "Container-Runtime", "string", "", 1, "Container runtime and its version." },
};

static void format_node_status(const cJSON *node, struct ke_buf *out)
{
    const cJSON *item;
    const char *status = "Unknown";
    cJSON_ArrayForEach(item, ke_json_path(node, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(item, "type"), "Ready")) {
            status = ke_str_eq_c(ke_json_str(item, "status"), "True") ? "Ready" : "NotReady";
        }
    }
    ke_buf_add_c(out, status);
    if (ke_json_bool(ke_json_get(node, "spec"), "unschedulable", false)) {
        ke_buf_add_c(out, ",SchedulingDisabled");
    }
}

static int compare_roles(const void *a, const void *b)
{
    return ke_str_cmp(*(const struct ke_str *)a, *(const struct ke_str *)b);
}

static void format_roles(const cJSON *node, struct ke_buf *out)
{
    struct ke_str roles[MAX_ROLES];
    size_t n = 0;
    const cJSON *label;
    cJSON_ArrayForEach(label, ke_json_path(node, "metadata.labels")) {
        struct ke_str key = ke_str_c(label->string);
        struct ke_str value = ke_json_value_str(label);
        if (n < MAX_ROLES && ke_str_cut_prefix(&key, KE_STR("node-role.kubernetes.io/")) &&
            key.len > 0) {
            roles[n++] = key;
        } else if (n < MAX_ROLES && ke_str_eq_c(key, "kubernetes.io/role") && value.len > 0) {
            roles[n++] = value;
        }
    }
    qsort(roles, n, sizeof(roles[0]), compare_roles);
    for (size_t i = 0; i < n; i++) {
        ke_buf_addf(out, "%s%.*s", i > 0 ? "," : "", KE_STR_ARG(roles[i]));
    }
}

static struct ke_str node_address(const cJSON *node, const char *type)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(node, "status.addresses")) {
        if (ke_str_eq_c(ke_json_str(item, "type"), type)) {
            return ke_json_str(item, "address");
        }
    }
    return (struct ke_str){ NULL, 0 };
}

static void print_node(const cJSON *node, struct api_cells *cells)
{
    ke_auto_buf status = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf roles = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *info = ke_json_path(node, "status.nodeInfo");
    format_node_status(node, &status);
    format_roles(node, &roles);
    api_cell_name(cells, node);
    api_cell_buf(cells, &status, "");
    api_cell_buf(cells, &roles, "<none>");
    api_cell_age(cells, node);
    api_cell_str(cells, ke_json_str(info, "kubeletVersion"));
    api_cell_str_or(cells, node_address(node, "InternalIP"), "<none>");
    api_cell_str_or(cells, node_address(node, "ExternalIP"), "<none>");
    api_cell_str_or(cells, ke_json_str(info, "osImage"), "<unknown>");
    api_cell_str_or(cells, ke_json_str(info, "kernelVersion"), "<unknown>");
    api_cell_str_or(cells, ke_json_str(info, "containerRuntimeVersion"), "<unknown>");
}

const struct api_table api_table_nodes = {
    .kind = MODEL_NODE,
    .columns = node_columns,
    .n_columns = KE_ARRAY_LEN(node_columns),
    .print = print_node,
};

/* ---- small ones --------------------------------------------------------------------------------
 */

static const struct api_column namespace_columns[] = {
    API_COLUMN_NAME,
    { "Status", "string", "", 0, "Active or Terminating." },
    API_COLUMN_AGE,
};

static void print_namespace(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_path_str(object, "status.phase"));
    api_cell_age(cells, object);
}

const struct api_table api_table_namespaces = {
    .kind = MODEL_NAMESPACE,
    .columns = namespace_columns,
    .n_columns = KE_ARRAY_LEN(namespace_columns),
    .print = print_namespace,
};

static const struct api_column configmap_columns[] = {
    API_COLUMN_NAME,
    { "Data", "string", "", 0, "Number of keys." },
    API_COLUMN_AGE,
};

static void print_configmap(const cJSON *object, struct api_cells *cells)
{
    int n_keys = cJSON_GetArraySize(ke_json_get(object, "data")) +
                 cJSON_GetArraySize(ke_json_get(object, "binaryData"));
    api_cell_name(cells, object);
    api_cell_i64(cells, n_keys);
    api_cell_age(cells, object);
}

const struct api_table api_table_configmaps = {
    .kind = MODEL_CONFIGMAP,
    .columns = configmap_columns,
    .n_columns = KE_ARRAY_LEN(configmap_columns),
    .print = print_configmap,
};

static const struct api_column secret_columns[] = {
    API_COLUMN_NAME,
    { "Type", "string", "", 0, "What the secret is for." },
    { "Data", "string", "", 0, "Number of keys." },
    API_COLUMN_AGE,
};

static void print_secret(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_str(object, "type"));
    api_cell_i64(cells, cJSON_GetArraySize(ke_json_get(object, "data")));
    api_cell_age(cells, object);
}

const struct api_table api_table_secrets = {
    .kind = MODEL_SECRET,
    .columns = secret_columns,
    .n_columns = KE_ARRAY_LEN(secret_columns),
    .print = print_secret,
};

static const struct api_column serviceaccount_columns[] = {
    API_COLUMN_NAME,
    { "Secrets", "string", "", 0, "Number of secrets." },
    API_COLUMN_AGE,
};

static void print_serviceaccount(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_i64(cells, cJSON_GetArraySize(ke_json_get(object, "secrets")));
    api_cell_age(cells, object);
}

const struct api_table api_table_serviceaccounts = {
    .kind = MODEL_SERVICEACCOUNT,
    .columns = serviceaccount_columns,
    .n_columns = KE_ARRAY_LEN(serviceaccount_columns),
    .print = print_serviceaccount,
};

static const struct api_column lease_columns[] = {
    API_COLUMN_NAME,
    { "Holder", "string", "", 0, "Who holds it." },
    API_COLUMN_AGE,
};

static void print_lease(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_path_str(object, "spec.holderIdentity"));
    api_cell_age(cells, object);
}

const struct api_table api_table_leases = {
    .kind = MODEL_LEASE,
    .columns = lease_columns,
    .n_columns = KE_ARRAY_LEN(lease_columns),
    .print = print_lease,
};

static const struct api_column component_columns[] = {
    API_COLUMN_NAME,
    { "Status", "string", "", 0, "Healthy or Unhealthy." },
    { "Message", "string", "", 0, "What it says." },
    { "Error", "string", "", 0, "What went wrong." },
};

static void print_component(const cJSON *object, struct api_cells *cells)
{
    const cJSON *condition = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(object, "conditions")) {
        if (ke_str_eq_c(ke_json_str(item, "type"), "Healthy")) {
            condition = item;
        }
    }
    bool is_healthy = ke_str_eq_c(ke_json_str(condition, "status"), "True");
    api_cell_name(cells, object);
    api_cell_str(cells, is_healthy ? KE_STR("Healthy") : KE_STR("Unhealthy"));
    api_cell_str(cells, ke_json_str(condition, "message"));
    api_cell_str(cells, ke_json_str(condition, "error"));
}

const struct api_table api_table_componentstatuses = {
    .kind = MODEL_COMPONENTSTATUS,
    .columns = component_columns,
    .n_columns = KE_ARRAY_LEN(component_columns),
    .print = print_component,
};

/* ---- events ------------------------------------------------------------------------------------
 */

static const struct api_column event_columns[] = {
    { "Last Seen", "string", "", 0, "Time since it was last seen." },
    { "Type", "string", "", 0, "Normal or Warning." },
    { "Reason", "string", "", 0, "Why, in one word." },
    { "Object", "string", "", 0, "Object it is about." },
    { "Subobject", "string", "", 1, "Part of the object it is about." },
    { "Source", "string", "", 1, "Who reports it." },
    { "Message", "string", "", 0, "What happened." },
    { "First Seen", "string", "", 1, "Time since it was first seen." },
    { "Count", "string", "", 1, "How often it was seen." },
    { "Name", "string", "name", 1, "Name of the event." },
};

/* "pod/web-1" */
static void format_object(const cJSON *involved, struct ke_buf *out)
{
    struct ke_str kind = ke_json_str(involved, "kind");
    struct ke_str name = ke_json_str(involved, "name");
    for (size_t i = 0; i < kind.len; i++) {
        char c = kind.ptr[i];
        ke_buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    if (name.len > 0) {
        ke_buf_addf(out, "/%.*s", KE_STR_ARG(name));
    }
}

static void format_source(const cJSON *event, struct ke_buf *out)
{
    const cJSON *source = ke_json_get(event, "source");
    struct ke_str component = ke_json_str(source, "component");
    struct ke_str host = ke_json_str(source, "host");
    if (component.len == 0) {
        component = ke_json_str(event, "reportingComponent");
        host = ke_json_str(event, "reportingInstance");
    }
    ke_buf_add_str(out, component);
    if (host.len > 0) {
        ke_buf_addf(out, ", %.*s", KE_STR_ARG(host));
    }
}

static struct ke_str first_of(const cJSON *event, const char *member)
{
    struct ke_str at = ke_json_str(event, member);
    return at.len > 0 ? at : ke_json_str(event, "eventTime");
}

static void print_event(const cJSON *event, struct api_cells *cells)
{
    ke_auto_buf object = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf source = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *involved = ke_json_get(event, "involvedObject");
    const cJSON *series = ke_json_get(event, "series");
    int64_t count = ke_json_i64(event, "count", 1);
    struct ke_str last = first_of(event, "lastTimestamp");
    if (series != NULL) {
        last = ke_json_str(series, "lastObservedTime");
        count = ke_json_i64(series, "count", 1);
    }
    format_object(involved, &object);
    format_source(event, &source);
    api_cell_since(cells, last);
    api_cell_str(cells, ke_json_str(event, "type"));
    api_cell_str(cells, ke_json_str(event, "reason"));
    api_cell_buf(cells, &object, "");
    api_cell_str(cells, ke_json_str(involved, "fieldPath"));
    api_cell_buf(cells, &source, "");
    api_cell_str(cells, ke_str_trim(ke_json_str(event, "message")));
    api_cell_since(cells, first_of(event, "firstTimestamp"));
    api_cell_i64(cells, count > 0 ? count : 1);
    api_cell_name(cells, event);
}

const struct api_table api_table_events = {
    .kind = MODEL_EVENT,
    .columns = event_columns,
    .n_columns = KE_ARRAY_LEN(event_columns),
    .print = print_event,
};
