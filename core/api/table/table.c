/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of tables and what their printers share. Pure.
 */
#include "core/api/table.h"

#include <stdarg.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/model/selector.h"

#define MAX_SHOWN 3

static const struct api_column created_columns[] = {
    API_COLUMN_NAME,
    { "Created At", "date", "", 0, "When the object was created." },
};

static void print_created(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_path_str(object, "metadata.creationTimestamp"));
}

static const struct api_table created_table = {
    .columns = created_columns,
    .n_columns = KE_ARRAY_LEN(created_columns),
    .print = print_created,
};

const struct api_table *api_table_of(const struct model_kind *kind)
{
    static const struct api_table *const tables[] = {
        &api_table_pods,
        &api_table_deployments,
        &api_table_replicasets,
        &api_table_replicationcontrollers,
        &api_table_services,
        &api_table_endpoints,
        &api_table_endpointslices,
        &api_table_ingresses,
        &api_table_ingressclasses,
        &api_table_nodes,
        &api_table_certificatesigningrequests,
        &api_table_namespaces,
        &api_table_configmaps,
        &api_table_secrets,
        &api_table_serviceaccounts,
        &api_table_events,
        &api_table_leases,
        &api_table_componentstatuses,
        &api_table_persistentvolumes,
        &api_table_persistentvolumeclaims,
        &api_table_storageclasses,
        &api_table_volumeattributesclasses,
        &api_table_csidrivers,
        &api_table_csinodes,
        &api_table_csistoragecapacities,
        &api_table_resourcequotas,
        &api_table_networkpolicies,
        &api_table_ipaddresses,
        &api_table_servicecidrs,
        &api_table_apiservices,
        &api_table_resourceclaims,
        &api_table_resourceslices,
        &api_table_deviceclasses,
        &api_table_resourceclaimtemplates,
        &api_table_scales,
        &api_table_daemonsets,
        &api_table_statefulsets,
        &api_table_controllerrevisions,
        &api_table_podtemplates,
        &api_table_jobs,
        &api_table_cronjobs,
        &api_table_poddisruptionbudgets,
        &api_table_horizontalpodautoscalers,
        &api_table_priorityclasses,
        &api_table_runtimeclasses,
        &api_table_rolebindings,
        &api_table_clusterrolebindings,
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(tables); i++) {
        if (tables[i]->kind == kind->id) {
            return tables[i];
        }
    }
    return &created_table;
}

void api_table_print_columns(const struct api_table *table, struct ke_buf *out)
{
    ke_buf_add_char(out, '[');
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct api_column *column = &table->columns[i];
        ke_buf_addf(out,
                    "%s{\"name\":\"%s\",\"type\":\"%s\",\"format\":\"%s\",\"description\":\"%s\","
                    "\"priority\":%d}",
                    i > 0 ? "," : "", column->name, column->type, column->format,
                    column->description, column->priority);
    }
    ke_buf_add_char(out, ']');
}

void api_table_print_cells(const struct api_table *table, const cJSON *object, int64_t now_s,
                           struct ke_buf *out)
{
    struct api_cells cells = { .out = out, .now_s = now_s };
    table->print(object, &cells);
    KE_ASSERT(cells.n == table->n_columns);
}

static void next_cell(struct api_cells *cells)
{
    if (cells->n++ > 0) {
        ke_buf_add_char(cells->out, ',');
    }
}

void api_cell_str(struct api_cells *cells, struct ke_str text)
{
    next_cell(cells);
    ke_buf_add_json_str(cells->out, text);
}

void api_cell_str_or(struct api_cells *cells, struct ke_str text, const char *if_empty)
{
    api_cell_str(cells, text.len > 0 ? text : ke_str_c(if_empty));
}

void api_cell_json(struct api_cells *cells, const cJSON *value)
{
    next_cell(cells);
    if (value != NULL) {
        ke_json_print(value, cells->out);
    } else {
        ke_buf_add_c(cells->out, "null");
    }
}

void api_cell_i64(struct api_cells *cells, int64_t value)
{
    next_cell(cells);
    ke_buf_add_i64(cells->out, value);
}

void api_cell_bool(struct api_cells *cells, bool value)
{
    next_cell(cells);
    ke_buf_add_c(cells->out, value ? "true" : "false");
}

void api_cell_f(struct api_cells *cells, const char *fmt, ...)
{
    char memory[256];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    api_cell_str(cells, ke_buf_str(&text));
}

void api_cell_buf(struct api_cells *cells, const struct ke_buf *text, const char *if_empty)
{
    api_cell_str_or(cells, ke_buf_str(text), if_empty);
}

void api_table_format_since(struct ke_str timestamp, int64_t now_s, struct ke_buf *out)
{
    int64_t then_us = 0;
    struct ke_err err;
    if (timestamp.len == 0 || ke_time_parse_us(timestamp, &then_us, &err) != KE_OK) {
        ke_buf_add_c(out, "<unknown>");
        return;
    }
    int64_t age_s = now_s - then_us / 1000000;
    /* A clock that lags the writer's by a second is no reason to say <invalid>. */
    ke_time_format_age(age_s == -1 ? 0 : age_s, out);
}

void api_cell_since(struct api_cells *cells, struct ke_str timestamp)
{
    char memory[32];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    api_table_format_since(timestamp, cells->now_s, &text);
    api_cell_str(cells, ke_buf_str(&text));
}

void api_cell_name(struct api_cells *cells, const cJSON *object)
{
    api_cell_str(cells, ke_json_path_str(object, "metadata.name"));
}

void api_cell_age(struct api_cells *cells, const cJSON *object)
{
    api_cell_since(cells, ke_json_path_str(object, "metadata.creationTimestamp"));
}

static void format_selector(struct model_selector *selector, enum ke_code rc, struct ke_buf *out)
{
    if (rc == KE_OK) {
        model_selector_format(selector, out);
        model_selector_free(selector);
    }
}

void api_table_format_labels(const cJSON *map, struct ke_buf *out)
{
    struct model_selector *selector = NULL;
    struct ke_err err;
    if (map != NULL && map->child != NULL) {
        enum ke_code rc = model_selector_from_map(map, &selector, &err);
        format_selector(selector, rc, out);
    }
}

void api_table_format_selector(const cJSON *label_selector, struct ke_buf *out)
{
    struct model_selector *selector = NULL;
    struct ke_err err;
    if (label_selector != NULL) {
        enum ke_code rc = model_selector_from_label_selector(label_selector, &selector, &err);
        format_selector(selector, rc, out);
    }
}

void api_table_format_each(const cJSON *array, const char *name, struct ke_buf *out)
{
    const cJSON *item;
    size_t n = 0;
    cJSON_ArrayForEach(item, array) {
        ke_buf_add_c(out, n++ > 0 ? "," : "");
        ke_buf_add_str(out, ke_json_str(item, name));
    }
}

void api_cells_template(struct api_cells *cells, const cJSON *template)
{
    const cJSON *containers = ke_json_path(template, "spec.containers");
    ke_auto_buf names = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf images = KE_BUF_INIT(API_CELL_BYTES);
    api_table_format_each(containers, "name", &names);
    api_table_format_each(containers, "image", &images);
    api_cell_buf(cells, &names, "");
    api_cell_buf(cells, &images, "");
}

void api_cell_selector(struct api_cells *cells, const cJSON *selector)
{
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    api_table_format_selector(selector, &text);
    api_cell_buf(cells, &text, "<none>");
}

bool api_more_add(struct api_more *more)
{
    if (more->n_all++ >= MAX_SHOWN) {
        return false;
    }
    if (more->n_shown++ > 0) {
        ke_buf_add_char(more->out, ',');
    }
    return true;
}

void api_more_end(struct api_more *more)
{
    if (more->n_all > more->n_shown) {
        ke_buf_addf(more->out, " + %zu more...", more->n_all - more->n_shown);
    }
}
