/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of DaemonSets, StatefulSets, their revisions, PodTemplates, Jobs and CronJobs. Pure.
 */
#include "core/api/table.h"
#include "core/base/clock.h"
#include "core/base/json.h"

static const struct api_column daemonset_columns[] = {
    API_COLUMN_NAME,
    { "Desired", "integer", "", 0, "Nodes that shall run a pod." },
    { "Current", "integer", "", 0, "Nodes that have the pod they shall run." },
    { "Ready", "integer", "", 0, "Nodes whose pod is ready." },
    { "Up-to-date", "integer", "", 0, "Nodes with a pod of the latest template." },
    { "Available", "integer", "", 0, "Nodes whose pod has been ready for long enough." },
    { "Node Selector", "string", "", 0, "Labels of the nodes." },
    API_COLUMN_AGE,
    API_COLUMN_CONTAINERS,
    API_COLUMN_IMAGES,
    API_COLUMN_SELECTOR,
};

static const struct api_column statefulset_columns[] = {
    API_COLUMN_NAME,   { "Ready", "string", "", 0, "Pods that are ready, of those desired." },
    API_COLUMN_AGE,    API_COLUMN_CONTAINERS,
    API_COLUMN_IMAGES,
};

static const struct api_column revision_columns[] = {
    API_COLUMN_NAME,
    { "Controller", "string", "", 0, "Whose state it is." },
    { "Revision", "string", "", 0, "Its number." },
    API_COLUMN_AGE,
};

static const struct api_column podtemplate_columns[] = {
    API_COLUMN_NAME,
    { "Containers", "string", "", 0, "Names of the containers of the template." },
    { "Images", "string", "", 0, "Images of the containers of the template." },
    { "Pod Labels", "string", "", 0, "Labels of the template." },
};

static const struct api_column job_columns[] = {
    API_COLUMN_NAME,
    { "Status", "string", "", 0, "How far it is." },
    { "Completions", "string", "", 0, "Pods that have succeeded, of those wanted." },
    { "Duration", "string", "", 0, "How long it has run." },
    API_COLUMN_AGE,
    API_COLUMN_CONTAINERS,
    API_COLUMN_IMAGES,
    API_COLUMN_SELECTOR,
};

static const struct api_column cronjob_columns[] = {
    API_COLUMN_NAME,
    { "Schedule", "string", "", 0, "When a Job is made." },
    { "Timezone", "string", "", 0, "Whose time that is." },
    { "Suspend", "boolean", "", 0, "No more Jobs are made." },
    { "Active", "integer", "", 0, "Jobs that run." },
    { "Last Schedule", "string", "", 0, "Time since the last Job was made." },
    API_COLUMN_AGE,
    API_COLUMN_CONTAINERS,
    API_COLUMN_IMAGES,
    API_COLUMN_SELECTOR,
};

static int64_t count_at(const cJSON *object, const char *name)
{
    return ke_json_i64(ke_json_get(object, "status"), name, 0);
}

static void print_daemonset(const cJSON *object, struct api_cells *cells)
{
    static const char *const counts[] = { "desiredNumberScheduled", "currentNumberScheduled",
                                          "numberReady", "updatedNumberScheduled",
                                          "numberAvailable" };
    ke_auto_buf nodes = KE_BUF_INIT(API_CELL_BYTES);
    api_cell_name(cells, object);
    for (size_t i = 0; i < KE_ARRAY_LEN(counts); i++) {
        api_cell_i64(cells, count_at(object, counts[i]));
    }
    api_table_format_labels(ke_json_path(object, "spec.template.spec.nodeSelector"), &nodes);
    api_cell_buf(cells, &nodes, "<none>");
    api_cell_age(cells, object);
    api_cells_template(cells, ke_json_path(object, "spec.template"));
    api_cell_selector(cells, ke_json_path(object, "spec.selector"));
}

static void print_statefulset(const cJSON *object, struct api_cells *cells)
{
    int64_t desired = ke_json_i64(ke_json_get(object, "spec"), "replicas", 0);
    api_cell_name(cells, object);
    api_cell_f(cells, "%lld/%lld", (long long)count_at(object, "readyReplicas"),
               (long long)desired);
    api_cell_age(cells, object);
    api_cells_template(cells, ke_json_path(object, "spec.template"));
}

/* "daemonset.apps/web" */
static void print_owner(const cJSON *owner, struct ke_buf *out)
{
    struct ke_str kind = ke_json_str(owner, "kind");
    struct ke_str version = ke_json_str(owner, "apiVersion");
    size_t slash = ke_str_find(version, '/');
    for (size_t i = 0; i < kind.len; i++) {
        char c = kind.ptr[i];
        ke_buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    if (slash < version.len) {
        ke_buf_add_char(out, '.');
        ke_buf_add_str(out, ke_str_sub(version, 0, slash));
    }
    ke_buf_add_char(out, '/');
    ke_buf_add_str(out, ke_json_str(owner, "name"));
}

static void print_revision(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf controller = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *owner;
    cJSON_ArrayForEach(owner, ke_json_path(object, "metadata.ownerReferences")) {
        if (ke_json_bool(owner, "controller", false) && controller.len == 0) {
            print_owner(owner, &controller);
        }
    }
    api_cell_name(cells, object);
    api_cell_buf(cells, &controller, "<none>");
    api_cell_i64(cells, ke_json_i64(object, "revision", 0));
    api_cell_age(cells, object);
}

static void print_podtemplate(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf labels = KE_BUF_INIT(API_CELL_BYTES);
    api_table_format_labels(ke_json_path(object, "template.metadata.labels"), &labels);
    api_cell_name(cells, object);
    api_cells_template(cells, ke_json_get(object, "template"));
    api_cell_buf(cells, &labels, "<none>");
}

/* ---- jobs */

static bool has_condition(const cJSON *object, const char *type)
{
    const cJSON *condition;
    cJSON_ArrayForEach(condition, ke_json_path(object, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), type)) {
            return ke_str_eq_c(ke_json_str(condition, "status"), "True");
        }
    }
    return false;
}

static const char *job_state(const cJSON *object)
{
    static const char *const after_deletion[] = { "Suspended", "FailureTarget",
                                                  "SuccessCriteriaMet" };
    if (has_condition(object, "Complete")) {
        return "Complete";
    }
    if (has_condition(object, "Failed")) {
        return "Failed";
    }
    if (ke_json_path(object, "metadata.deletionTimestamp") != NULL) {
        return "Terminating";
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(after_deletion); i++) {
        if (has_condition(object, after_deletion[i])) {
            return after_deletion[i];
        }
    }
    return "Running";
}

static void print_completions(const cJSON *object, struct api_cells *cells)
{
    const cJSON *spec = ke_json_get(object, "spec");
    long long done = (long long)count_at(object, "succeeded");
    long long parallelism = (long long)ke_json_i64(spec, "parallelism", 0);
    if (ke_json_get(spec, "completions") != NULL) {
        api_cell_f(cells, "%lld/%lld", done, (long long)ke_json_i64(spec, "completions", 0));
    } else if (parallelism > 1) {
        api_cell_f(cells, "%lld/1 of %lld", done, parallelism);
    } else {
        api_cell_f(cells, "%lld/1", done);
    }
}

static void print_duration(const cJSON *object, struct api_cells *cells)
{
    struct ke_str started = ke_json_path_str(object, "status.startTime");
    struct ke_str ended = ke_json_path_str(object, "status.completionTime");
    int64_t ended_us = 0;
    struct ke_err err;
    char memory[32];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    int64_t until_s = cells->now_s;
    if (ended.len > 0 && ke_time_parse_us(ended, &ended_us, &err) == KE_OK) {
        until_s = ended_us / 1000000;
    }
    if (started.len > 0) {
        api_table_format_since(started, until_s, &text);
    }
    api_cell_buf(cells, &text, "");
}

static void print_job(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_str_c(job_state(object)));
    print_completions(object, cells);
    print_duration(object, cells);
    api_cell_age(cells, object);
    api_cells_template(cells, ke_json_path(object, "spec.template"));
    api_cell_selector(cells, ke_json_path(object, "spec.selector"));
}

static void print_cronjob(const cJSON *object, struct api_cells *cells)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *status = ke_json_get(object, "status");
    struct ke_str last = ke_json_str(status, "lastScheduleTime");
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_str(spec, "schedule"));
    api_cell_str_or(cells, ke_json_str(spec, "timeZone"), "<none>");
    api_cell_str(cells, ke_str_c(ke_json_bool(spec, "suspend", false) ? "True" : "False"));
    api_cell_i64(cells, cJSON_GetArraySize(ke_json_get(status, "active")));
    if (last.len > 0) {
        api_cell_since(cells, last);
    } else {
        api_cell_str(cells, KE_STR("<none>"));
    }
    api_cell_age(cells, object);
    api_cells_template(cells, ke_json_path(spec, "jobTemplate.spec.template"));
    api_cell_selector(cells, ke_json_path(spec, "jobTemplate.spec.selector"));
}

const struct api_table api_table_daemonsets = {
    .kind = MODEL_DAEMONSET,
    .columns = daemonset_columns,
    .n_columns = KE_ARRAY_LEN(daemonset_columns),
    .print = print_daemonset,
};

const struct api_table api_table_statefulsets = {
    .kind = MODEL_STATEFULSET,
    .columns = statefulset_columns,
    .n_columns = KE_ARRAY_LEN(statefulset_columns),
    .print = print_statefulset,
};

const struct api_table api_table_controllerrevisions = {
    .kind = MODEL_CONTROLLERREVISION,
    .columns = revision_columns,
    .n_columns = KE_ARRAY_LEN(revision_columns),
    .print = print_revision,
};

const struct api_table api_table_podtemplates = {
    .kind = MODEL_PODTEMPLATE,
    .columns = podtemplate_columns,
    .n_columns = KE_ARRAY_LEN(podtemplate_columns),
    .print = print_podtemplate,
};

const struct api_table api_table_jobs = {
    .kind = MODEL_JOB,
    .columns = job_columns,
    .n_columns = KE_ARRAY_LEN(job_columns),
    .print = print_job,
};

const struct api_table api_table_cronjobs = {
    .kind = MODEL_CRONJOB,
    .columns = cronjob_columns,
    .n_columns = KE_ARRAY_LEN(cronjob_columns),
    .print = print_cronjob,
};
