/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of PodDisruptionBudgets, HorizontalPodAutoscalers, PriorityClasses and RuntimeClasses. Pure.
 */
#include "core/api/table.h"
#include "core/base/json.h"

#define METRICS_SHOWN 2

static const struct api_column budget_columns[] = {
    API_COLUMN_NAME,
    { "Min Available", "string", "", 0, "Pods that must stay." },
    { "Max Unavailable", "string", "", 0, "Pods that may be gone." },
    { "Allowed Disruptions", "integer", "", 0, "Pods that may be evicted now." },
    API_COLUMN_AGE,
};

static const struct api_column autoscaler_columns[] = {
    API_COLUMN_NAME,
    { "Reference", "string", "", 0, "What is scaled." },
    { "Targets", "string", "", 0, "What is measured, of what is wanted." },
    { "MinPods", "string", "", 0, "Least number of pods." },
    { "MaxPods", "string", "", 0, "Greatest number of pods." },
    { "Replicas", "string", "", 0, "Pods there are." },
    API_COLUMN_AGE,
};

static const struct api_column priority_columns[] = {
    API_COLUMN_NAME,
    { "Value", "integer", "", 0, "The priority that pods of this class get." },
    { "Global-Default", "boolean", "", 0, "Pods that name no class are of this one." },
    { "PreemptionPolicy", "string", "", 0, "Whether they may take the place of others." },
    API_COLUMN_AGE,
};

static const struct api_column runtime_columns[] = {
    API_COLUMN_NAME,
    { "Handler", "string", "", 0, "What the container runtime calls it." },
    API_COLUMN_AGE,
};

/* An IntOrString. */
static void print_amount(const cJSON *value, const char *if_absent, struct api_cells *cells)
{
    if (cJSON_IsNumber(value)) {
        api_cell_f(cells, "%lld", (long long)value->valuedouble);
    } else {
        api_cell_str_or(cells, ke_json_value_str(value), if_absent);
    }
}

static void print_budget(const cJSON *object, struct api_cells *cells)
{
    const cJSON *spec = ke_json_get(object, "spec");
    api_cell_name(cells, object);
    print_amount(ke_json_get(spec, "minAvailable"), "N/A", cells);
    print_amount(ke_json_get(spec, "maxUnavailable"), "N/A", cells);
    api_cell_i64(cells, ke_json_i64(ke_json_get(object, "status"), "disruptionsAllowed", 0));
    api_cell_age(cells, object);
}

/* ---- autoscalers */

static void add_value(const cJSON *values, const char *name, const char *unit,
                      const char *if_absent, struct ke_buf *out)
{
    const cJSON *value = ke_json_get(values, name);
    if (cJSON_IsNumber(value)) {
        ke_buf_addf(out, "%lld%s", (long long)value->valuedouble, unit);
    } else if (cJSON_IsString(value)) {
        ke_buf_add_str(out, ke_json_value_str(value));
    } else {
        ke_buf_add_c(out, if_absent);
    }
}

/* "cpu: 12%/80%", "3/10 (avg)" */
static void add_metric(const cJSON *metric, const cJSON *measured, struct ke_buf *out)
{
    static const struct {
        const char *type, *member;
        bool is_resource;
    } types[] = {
        { "Resource", "resource", true },  { "ContainerResource", "containerResource", true },
        { "External", "external", false }, { "Object", "object", false },
        { "Pods", "pods", false },
    };
    struct ke_str type = ke_json_str(metric, "type");
    size_t i = 0;
    while (i < KE_ARRAY_LEN(types) && !ke_str_eq_c(type, types[i].type)) {
        i++;
    }
    if (i == KE_ARRAY_LEN(types)) {
        ke_buf_add_c(out, "<unknown type>");
        return;
    }
    const cJSON *source = ke_json_get(metric, types[i].member);
    const cJSON *target = ke_json_get(source, "target");
    const cJSON *current = ke_json_get(ke_json_get(measured, types[i].member), "current");
    bool is_average = ke_json_get(target, "averageValue") != NULL;
    const char *value = is_average ? "averageValue" : "value";
    const char *absent = "<unknown>";
    if (types[i].is_resource) {
        ke_buf_add_str(out, ke_json_str(source, "name"));
        ke_buf_add_c(out, ": ");
        value = is_average ? "averageValue" : "averageUtilization";
        absent = "<auto>";
    }
    add_value(current, value, "%", "<unknown>", out);
    ke_buf_add_char(out, '/');
    add_value(target, value, "%", absent, out);
    bool is_pods = ke_str_eq_c(type, "Pods");
    ke_buf_add_c(out, is_average && !types[i].is_resource && !is_pods ? " (avg)" : "");
}

static void print_metrics(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *current = ke_json_path(object, "status.currentMetrics");
    const cJSON *measured = current != NULL ? current->child : NULL;
    size_t n = 0;
    const cJSON *metric;
    cJSON_ArrayForEach(metric, ke_json_path(object, "spec.metrics")) {
        if (n < METRICS_SHOWN) {
            ke_buf_add_c(&text, n > 0 ? ", " : "");
            add_metric(metric, measured, &text);
        }
        measured = measured != NULL ? measured->next : NULL;
        n++;
    }
    if (n > METRICS_SHOWN) {
        ke_buf_addf(&text, " + %zu more...", n - METRICS_SHOWN);
    }
    api_cell_buf(cells, &text, "<none>");
}

static void print_autoscaler(const cJSON *object, struct api_cells *cells)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *ref = ke_json_get(spec, "scaleTargetRef");
    struct ke_str kind = ke_json_str(ref, "kind");
    struct ke_str name = ke_json_str(ref, "name");
    api_cell_name(cells, object);
    api_cell_f(cells, "%.*s/%.*s", KE_STR_ARG(kind), KE_STR_ARG(name));
    print_metrics(object, cells);
    print_amount(ke_json_get(spec, "minReplicas"), "<unset>", cells);
    api_cell_i64(cells, ke_json_i64(spec, "maxReplicas", 0));
    api_cell_i64(cells, ke_json_i64(ke_json_get(object, "status"), "currentReplicas", 0));
    api_cell_age(cells, object);
}

static void print_priority(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_i64(cells, ke_json_i64(object, "value", 0));
    api_cell_bool(cells, ke_json_bool(object, "globalDefault", false));
    api_cell_str(cells, ke_json_str(object, "preemptionPolicy"));
    api_cell_age(cells, object);
}

static void print_runtime(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_str(object, "handler"));
    api_cell_age(cells, object);
}

const struct api_table api_table_poddisruptionbudgets = {
    .kind = MODEL_PODDISRUPTIONBUDGET,
    .columns = budget_columns,
    .n_columns = KE_ARRAY_LEN(budget_columns),
    .print = print_budget,
};

const struct api_table api_table_horizontalpodautoscalers = {
    .kind = MODEL_HORIZONTALPODAUTOSCALER,
    .columns = autoscaler_columns,
    .n_columns = KE_ARRAY_LEN(autoscaler_columns),
    .print = print_autoscaler,
};

const struct api_table api_table_priorityclasses = {
    .kind = MODEL_PRIORITYCLASS,
    .columns = priority_columns,
    .n_columns = KE_ARRAY_LEN(priority_columns),
    .print = print_priority,
};

const struct api_table api_table_runtimeclasses = {
    .kind = MODEL_RUNTIMECLASS,
    .columns = runtime_columns,
    .n_columns = KE_ARRAY_LEN(runtime_columns),
    .print = print_runtime,
};
