/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of what rules a cluster: quotas, network policies, ranges of addresses, APIServices, claims
 * of devices. Pure.
 */
#include <stdlib.h>

#include "core/api/table.h"
#include "core/base/json.h"
#include "core/base/limits.h"

/* ---- resourcequotas */

static const struct api_column quota_columns[] = {
    API_COLUMN_NAME,
    API_COLUMN_AGE,
    { "Request", "string", "", 0, "What is used of what may be, in requests and objects." },
    { "Limit", "string", "", 0, "What is used of what may be, in limits." },
};

static int compare_names(const void *a, const void *b)
{
    const cJSON *const *left = a;
    const cJSON *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

static void print_quota(const cJSON *object, struct api_cells *cells)
{
    const cJSON *hard = ke_json_path(object, "status.hard");
    const cJSON *used = ke_json_path(object, "status.used");
    const cJSON *sorted[LIMIT_RESOURCE_NAMES];
    size_t n = 0;
    ke_auto_buf requests = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf limits = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *item;
    cJSON_ArrayForEach(item, hard) {
        if (n < LIMIT_RESOURCE_NAMES)
            sorted[n++] = item;
    }
    if (n > 0)
        qsort(sorted, n, sizeof(sorted[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        struct ke_str name = ke_str_c(sorted[i]->string);
        struct ke_buf *out = ke_str_has_prefix(name, KE_STR("limits.")) ? &limits : &requests;
        struct ke_str is_used = ke_json_str(used, sorted[i]->string);
        ke_buf_addf(out, "%s%.*s: %.*s/%.*s", out->len > 0 ? ", " : "", KE_STR_ARG(name),
                    KE_STR_ARG(is_used.len > 0 ? is_used : KE_STR("0")),
                    KE_STR_ARG(ke_json_value_str(sorted[i])));
    }
    api_cell_name(cells, object);
    api_cell_age(cells, object);
    api_cell_buf(cells, &requests, "");
    api_cell_buf(cells, &limits, "");
}

const struct api_table api_table_resourcequotas = {
    .kind = MODEL_RESOURCEQUOTA,
    .columns = quota_columns,
    .n_columns = KE_ARRAY_LEN(quota_columns),
    .print = print_quota,
};

/* ---- networkpolicies */

static const struct api_column netpol_columns[] = {
    API_COLUMN_NAME,
    { "Pod-Selector", "string", "", 0, "The pods it is for." },
    API_COLUMN_AGE,
};

static void print_netpol(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf selector = KE_BUF_INIT(API_CELL_BYTES);
    api_table_format_selector(ke_json_path(object, "spec.podSelector"), &selector);
    api_cell_name(cells, object);
    api_cell_buf(cells, &selector, "<none>");
    api_cell_age(cells, object);
}

const struct api_table api_table_networkpolicies = {
    .kind = MODEL_NETWORKPOLICY,
    .columns = netpol_columns,
    .n_columns = KE_ARRAY_LEN(netpol_columns),
    .print = print_netpol,
};

/* ---- ipaddresses, servicecidrs */

static const struct api_column address_columns[] = {
    API_COLUMN_NAME,
    { "ParentRef", "string", "", 0, "The object that holds it." },
    API_COLUMN_AGE,
};

static void print_address(const cJSON *object, struct api_cells *cells)
{
    static const char *const parts[] = { "group", "resource", "namespace", "name" };
    const cJSON *ref = ke_json_path(object, "spec.parentRef");
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    for (size_t i = 0; i < KE_ARRAY_LEN(parts); i++) {
        struct ke_str part = ke_json_str(ref, parts[i]);
        if (part.len > 0)
            ke_buf_addf(&text, "%s%.*s", text.len > 0 ? "/" : "", KE_STR_ARG(part));
    }
    api_cell_name(cells, object);
    api_cell_buf(cells, &text, "<none>");
    api_cell_age(cells, object);
}

const struct api_table api_table_ipaddresses = {
    .kind = MODEL_IPADDRESS,
    .columns = address_columns,
    .n_columns = KE_ARRAY_LEN(address_columns),
    .print = print_address,
};

static const struct api_column range_columns[] = {
    API_COLUMN_NAME,
    { "CIDRs", "string", "", 0, "The ranges of addresses." },
    API_COLUMN_AGE,
};

static void print_range(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(object, "spec.cidrs")) {
        ke_buf_add_c(&text, text.len > 0 ? "," : "");
        ke_buf_add_str(&text, ke_json_value_str(item));
    }
    api_cell_name(cells, object);
    api_cell_buf(cells, &text, "");
    api_cell_age(cells, object);
}

const struct api_table api_table_servicecidrs = {
    .kind = MODEL_SERVICECIDR,
    .columns = range_columns,
    .n_columns = KE_ARRAY_LEN(range_columns),
    .print = print_range,
};

/* ---- apiservices */

static const struct api_column apiservice_columns[] = {
    API_COLUMN_NAME,
    { "Service", "string", "", 0, "Who serves it." },
    { "Available", "string", "", 0, "Whether it is served, and why not." },
    API_COLUMN_AGE,
};

static void print_apiservice(const cJSON *object, struct api_cells *cells)
{
    const cJSON *service = ke_json_path(object, "spec.service");
    ke_auto_buf who = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf available = KE_BUF_INIT(API_CELL_BYTES);
    if (service != NULL)
        ke_buf_addf(&who, "%.*s/%.*s", KE_STR_ARG(ke_json_str(service, "namespace")),
                    KE_STR_ARG(ke_json_str(service, "name")));
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(object, "status.conditions")) {
        struct ke_str status = ke_json_str(item, "status");
        if (!ke_str_eq_c(ke_json_str(item, "type"), "Available"))
            continue;
        ke_buf_add_str(&available, status);
        if (!ke_str_eq_c(status, "True"))
            ke_buf_addf(&available, " (%.*s)", KE_STR_ARG(ke_json_str(item, "reason")));
    }
    api_cell_name(cells, object);
    api_cell_buf(cells, &who, "Local");
    api_cell_buf(cells, &available, "Unknown");
    api_cell_age(cells, object);
}

const struct api_table api_table_apiservices = {
    .kind = MODEL_APISERVICE,
    .columns = apiservice_columns,
    .n_columns = KE_ARRAY_LEN(apiservice_columns),
    .print = print_apiservice,
};

/* ---- resourceclaims, resourceslices */

static const struct api_column device_claim_columns[] = {
    API_COLUMN_NAME,
    { "State", "string", "", 0, "Whether devices were found, and who uses them." },
    API_COLUMN_AGE,
};

static void print_device_claim(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf state = KE_BUF_INIT(API_CELL_BYTES);
    bool is_leaving = ke_json_path_str(object, "metadata.deletionTimestamp").len > 0;
    bool is_allocated = ke_json_path(object, "status.allocation") != NULL;
    bool is_reserved = cJSON_GetArraySize(ke_json_path(object, "status.reservedFor")) > 0;
    if (is_leaving)
        ke_buf_add_c(&state, "deleted");
    if (is_allocated)
        ke_buf_addf(&state, "%sallocated%s", is_leaving ? "," : "", is_reserved ? ",reserved" : "");
    else if (!is_leaving)
        ke_buf_add_c(&state, "pending");
    api_cell_name(cells, object);
    api_cell_buf(cells, &state, "");
    api_cell_age(cells, object);
}

const struct api_table api_table_resourceclaims = {
    .kind = MODEL_RESOURCECLAIM,
    .columns = device_claim_columns,
    .n_columns = KE_ARRAY_LEN(device_claim_columns),
    .print = print_device_claim,
};

static const struct api_column slice_columns[] = {
    API_COLUMN_NAME,
    { "Node", "string", "", 0, "Where the devices are." },
    { "Driver", "string", "", 0, "Who manages them." },
    { "Pool", "string", "", 0, "What they are a part of." },
    API_COLUMN_AGE,
};

static void print_slice(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str_or(cells, ke_json_path_str(object, "spec.nodeName"), "<unset>");
    api_cell_str(cells, ke_json_path_str(object, "spec.driver"));
    api_cell_str(cells, ke_json_path_str(object, "spec.pool.name"));
    api_cell_age(cells, object);
}

const struct api_table api_table_resourceslices = {
    .kind = MODEL_RESOURCESLICE,
    .columns = slice_columns,
    .n_columns = KE_ARRAY_LEN(slice_columns),
    .print = print_slice,
};

static const struct api_column aged_columns[] = { API_COLUMN_NAME, API_COLUMN_AGE };

static void print_aged(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_age(cells, object);
}

const struct api_table api_table_deviceclasses = {
    .kind = MODEL_DEVICECLASS,
    .columns = aged_columns,
    .n_columns = KE_ARRAY_LEN(aged_columns),
    .print = print_aged,
};

const struct api_table api_table_resourceclaimtemplates = {
    .kind = MODEL_RESOURCECLAIMTEMPLATE,
    .columns = aged_columns,
    .n_columns = KE_ARRAY_LEN(aged_columns),
    .print = print_aged,
};
