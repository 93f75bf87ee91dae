/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns of custom kinds, as their definition says. Source: apiextensions-apiserver
 * pkg/registry/customresource/tableconvertor. Pure.
 */
#include "core/api/table.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/model/jsonpath.h"

#define OBJECT_TEXT_BYTES (64U << 10) /* of a list or object shown in a cell */

static const struct model_column age_column = {
    .name = "Age",
    .type = "date",
    .format = "",
    .description = "CreationTimestamp is a timestamp representing the server time when this object "
                   "was created. It is not guaranteed to be set in happens-before order across "
                   "separate operations. Clients may not set this value. It is represented in "
                   "RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for "
                   "lists. More info: https://git.k8s.io/community/contributors/devel/"
                   "sig-architecture/api-conventions.md#metadata",
    .path = ".metadata.creationTimestamp",
};

/* Those of the definition, or the one that all have. */
static const struct model_column *columns_of(const struct model_definition_version *version,
                                             size_t *out_n)
{
    if (version->n_columns == 0) {
        *out_n = 1;
        return &age_column;
    }
    *out_n = version->n_columns;
    return version->columns;
}

static void print_column(const struct model_column *column, struct ke_buf *out)
{
    ke_buf_add_c(out, ",{\"name\":");
    ke_buf_add_json_str(out, ke_str_c(column->name));
    ke_buf_add_c(out, ",\"type\":");
    ke_buf_add_json_str(out, ke_str_c(column->type));
    ke_buf_add_c(out, ",\"format\":");
    ke_buf_add_json_str(out, ke_str_c(column->format));
    ke_buf_add_c(out, ",\"description\":");
    if (column->description[0] != '\0') {
        ke_buf_add_json_str(out, ke_str_c(column->description));
    } else {
        ke_auto_buf text = KE_BUF_INIT(OBJECT_TEXT_BYTES);
        ke_buf_addf(&text, "Custom resource definition column (in JSONPath format): %s",
                    column->path);
        ke_buf_add_json_str(out, ke_buf_str(&text));
    }
    ke_buf_addf(out, ",\"priority\":%d}", column->priority);
}

void api_table_print_custom_columns(const struct model_definition_version *version,
                                    struct ke_buf *out)
{
    size_t n = 0;
    const struct model_column *columns = columns_of(version, &n);
    ke_buf_add_c(out,
                 "[{\"name\":\"Name\",\"type\":\"string\",\"format\":\"name\",\"description\":"
                 "\"Name must be unique within a namespace. Is required when creating "
                 "resources, although some resources may allow a client to request the "
                 "generation of an appropriate name automatically. Name is primarily intended "
                 "for creation idempotence and configuration definition. Cannot be updated. "
                 "More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/"
                 "names#names\",\"priority\":0}");
    for (size_t i = 0; i < n; i++) {
        print_column(&columns[i], out);
    }
    ke_buf_add_char(out, ']');
}

static void print_date(const cJSON *value, struct api_cells *cells)
{
    char memory[64];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    int64_t us = 0;
    struct ke_err err;
    if (!cJSON_IsString(value) || ke_time_parse_us(ke_json_value_str(value), &us, &err) != KE_OK) {
        api_cell_str(cells, KE_STR("<invalid>"));
        return;
    }
    api_table_format_since(ke_json_value_str(value), cells->now_s, &text);
    api_cell_str(cells, ke_buf_str(&text));
}

static void print_string(const cJSON *value, struct api_cells *cells)
{
    ke_auto_buf text = KE_BUF_INIT(OBJECT_TEXT_BYTES);
    if (cJSON_IsString(value)) {
        api_cell_str(cells, ke_json_value_str(value));
        return;
    }
    ke_json_print(value, &text);
    api_cell_str(cells, text.failed == KE_OK ? ke_buf_str(&text) : KE_STR("<too long>"));
}

static void print_cell(const struct model_column *column, const cJSON *object,
                       struct api_cells *cells)
{
    struct ke_str type = ke_str_c(column->type);
    const cJSON *value = model_jsonpath_find(object, ke_str_c(column->path));
    bool is_number = ke_str_eq_c(type, "number");
    if (value != NULL && !cJSON_IsNull(value) && ke_str_eq_c(type, "string")) {
        print_string(value, cells);
    } else if (value != NULL && !cJSON_IsNull(value) && ke_str_eq_c(type, "date")) {
        print_date(value, cells);
    } else if (cJSON_IsNumber(value) && ke_str_eq_c(type, "integer")) {
        api_cell_i64(cells, (int64_t)value->valuedouble);
    } else if ((cJSON_IsNumber(value) && is_number) ||
               (cJSON_IsBool(value) && ke_str_eq_c(type, "boolean"))) {
        api_cell_json(cells, value);
    } else {
        api_cell_json(cells, NULL);
    }
}

void api_table_print_custom_cells(const struct model_definition_version *version,
                                  const cJSON *object, int64_t now_s, struct ke_buf *out)
{
    struct api_cells cells = { .out = out, .now_s = now_s };
    size_t n = 0;
    const struct model_column *columns = columns_of(version, &n);
    api_cell_name(&cells, object);
    for (size_t i = 0; i < n; i++) {
        print_cell(&columns[i], object, &cells);
    }
}
