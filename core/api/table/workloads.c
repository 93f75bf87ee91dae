/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of Deployments, ReplicaSets and ReplicationControllers. Pure.
 */
#include "core/api/table.h"
#include "core/base/json.h"

static const struct api_column deployment_columns[] = {
    API_COLUMN_NAME,
    { "Ready", "string", "", 0, "Pods that are ready, of those desired." },
    { "Up-to-date", "string", "", 0, "Pods of the latest template." },
    { "Available", "string", "", 0, "Pods that have been ready for long enough." },
    API_COLUMN_AGE,
    API_COLUMN_CONTAINERS,
    API_COLUMN_IMAGES,
    API_COLUMN_SELECTOR,
};

static const struct api_column replica_columns[] = {
    API_COLUMN_NAME,
    { "Desired", "integer", "", 0, "Pods that shall run." },
    { "Current", "integer", "", 0, "Pods there are." },
    { "Ready", "integer", "", 0, "Pods that are ready." },
    API_COLUMN_AGE,
    API_COLUMN_CONTAINERS,
    API_COLUMN_IMAGES,
    API_COLUMN_SELECTOR,
};

static const struct api_column scale_columns[] = {
    API_COLUMN_NAME,
    { "Desired", "integer", "", 0, "Pods that shall run." },
    { "Available", "integer", "", 0, "Pods there are." },
    API_COLUMN_AGE,
};

static int64_t status_count(const cJSON *object, const char *name)
{
    return ke_json_i64(ke_json_path(object, "status"), name, 0);
}

static int64_t desired(const cJSON *object)
{
    return ke_json_i64(ke_json_path(object, "spec"), "replicas", 0);
}

static void print_deployment(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_f(cells, "%lld/%lld", (long long)status_count(object, "readyReplicas"),
               (long long)desired(object));
    api_cell_i64(cells, status_count(object, "updatedReplicas"));
    api_cell_i64(cells, status_count(object, "availableReplicas"));
    api_cell_age(cells, object);
    api_cells_template(cells, ke_json_path(object, "spec.template"));
    api_cell_selector(cells, ke_json_path(object, "spec.selector"));
}

static void print_replicas(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_i64(cells, desired(object));
    api_cell_i64(cells, status_count(object, "replicas"));
    api_cell_i64(cells, status_count(object, "readyReplicas"));
    api_cell_age(cells, object);
    api_cells_template(cells, ke_json_path(object, "spec.template"));
}

static void print_replicaset(const cJSON *object, struct api_cells *cells)
{
    print_replicas(object, cells);
    api_cell_selector(cells, ke_json_path(object, "spec.selector"));
}

static void print_replicationcontroller(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf selector = KE_BUF_INIT(API_CELL_BYTES);
    print_replicas(object, cells);
    api_table_format_labels(ke_json_path(object, "spec.selector"), &selector);
    api_cell_buf(cells, &selector, "<none>");
}

static void print_scale(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_i64(cells, desired(object));
    api_cell_i64(cells, status_count(object, "replicas"));
    api_cell_age(cells, object);
}

const struct api_table api_table_deployments = {
    .kind = MODEL_DEPLOYMENT,
    .columns = deployment_columns,
    .n_columns = KE_ARRAY_LEN(deployment_columns),
    .print = print_deployment,
};

const struct api_table api_table_replicasets = {
    .kind = MODEL_REPLICASET,
    .columns = replica_columns,
    .n_columns = KE_ARRAY_LEN(replica_columns),
    .print = print_replicaset,
};

const struct api_table api_table_replicationcontrollers = {
    .kind = MODEL_REPLICATIONCONTROLLER,
    .columns = replica_columns,
    .n_columns = KE_ARRAY_LEN(replica_columns),
    .print = print_replicationcontroller,
};

const struct api_table api_table_scales = {
    .kind = MODEL_SCALE,
    .columns = scale_columns,
    .n_columns = KE_ARRAY_LEN(scale_columns),
    .print = print_scale,
};
