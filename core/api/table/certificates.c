/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of CertificateSigningRequests. Pure. */
#include "core/api/table.h"
#include "core/base/clock.h"
#include "core/base/json.h"

static const struct api_column csr_columns[] = {
    API_COLUMN_NAME,
    API_COLUMN_AGE,
    { "SignerName", "string", "", 0, "Who is asked to sign." },
    { "Requestor", "string", "", 0, "Who asks." },
    { "RequestedDuration", "string", "", 0, "How long the certificate shall be good." },
    { "Condition", "string", "", 0, "What was decided." },
};

static bool has_condition(const cJSON *csr, const char *type)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(csr, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(it, "type"), type)) {
            return true;
        }
    }
    return false;
}

static void print_csr(const cJSON *csr, struct api_cells *cells)
{
    ke_auto_buf duration = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *spec = ke_json_get(csr, "spec");
    int64_t seconds = ke_json_i64(spec, "expirationSeconds", 0);
    if (seconds > 0) {
        ke_time_format_age(seconds, &duration);
    }
    const char *decision = "Pending";
    if (has_condition(csr, "Denied")) {
        decision = "Denied";
    } else if (has_condition(csr, "Approved")) {
        decision = "Approved";
    }
    bool is_issued = ke_json_path_str(csr, "status.certificate").len > 0;
    api_cell_name(cells, csr);
    api_cell_age(cells, csr);
    api_cell_str_or(cells, ke_json_str(spec, "signerName"), "<none>");
    api_cell_str(cells, ke_json_str(spec, "username"));
    api_cell_buf(cells, &duration, "<none>");
    api_cell_f(cells, "%s%s%s", decision, has_condition(csr, "Failed") ? ",Failed" : "",
               is_issued ? ",Issued" : "");
}

const struct api_table api_table_certificatesigningrequests = {
    .kind = MODEL_CERTIFICATESIGNINGREQUEST,
    .columns = csr_columns,
    .n_columns = KE_ARRAY_LEN(csr_columns),
    .print = print_csr,
};
