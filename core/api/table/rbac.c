/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of RoleBindings and ClusterRoleBindings. Pure. */
#include "core/api/table.h"
#include "core/base/json.h"

static const struct api_column binding_columns[] = {
    API_COLUMN_NAME,
    { "Role", "string", "", 0, "Role that is granted." },
    API_COLUMN_AGE,
    { "Users", "string", "", 1, "Users that have it." },
    { "Groups", "string", "", 1, "Groups that have it." },
    { "ServiceAccounts", "string", "", 1, "Service accounts that have it." },
};

static void add_subjects(const cJSON *binding, const char *kind, struct api_cells *cells)
{
    ke_auto_buf out = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *subject = NULL;
    cJSON_ArrayForEach(subject, ke_json_get(binding, "subjects")) {
        if (!ke_str_eq_c(ke_json_str(subject, "kind"), kind)) {
            continue;
        }
        ke_buf_add_c(&out, out.len > 0 ? ", " : "");
        if (ke_str_eq_c(KE_STR("ServiceAccount"), kind)) {
            ke_buf_addf(&out, "%.*s/", KE_STR_ARG(ke_json_str(subject, "namespace")));
        }
        ke_buf_add_str(&out, ke_json_str(subject, "name"));
    }
    api_cell_buf(cells, &out, "");
}

static void print_binding(const cJSON *binding, struct api_cells *cells)
{
    api_cell_name(cells, binding);
    api_cell_f(cells, "%.*s/%.*s", KE_STR_ARG(ke_json_path_str(binding, "roleRef.kind")),
               KE_STR_ARG(ke_json_path_str(binding, "roleRef.name")));
    api_cell_age(cells, binding);
    add_subjects(binding, "User", cells);
    add_subjects(binding, "Group", cells);
    add_subjects(binding, "ServiceAccount", cells);
}

const struct api_table api_table_rolebindings = {
    .kind = MODEL_ROLEBINDING,
    .columns = binding_columns,
    .n_columns = KE_ARRAY_LEN(binding_columns),
    .print = print_binding,
};

const struct api_table api_table_clusterrolebindings = {
    .kind = MODEL_CLUSTERROLEBINDING,
    .columns = binding_columns,
    .n_columns = KE_ARRAY_LEN(binding_columns),
    .print = print_binding,
};
