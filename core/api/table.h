/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_TABLE_H
#define CORE_API_TABLE_H
/*
 * What `kubectl get` shows: columns and cells of each kind, formatted as upstream's printers do.
 * One file per family of kinds in core/api/table. Pure; any thread. Source:
 * pkg/printers/internalversion/printers.go; columns of a kube-apiserver 1.20.
 */
#include <cjson/cJSON.h>

#include "core/base/buf.h"
#include "core/model/definition.h"
#include "core/model/kind.h"

struct api_column {
    const char *name;
    const char *type;   /* "string", "integer", "date" */
    const char *format; /* "name" or "" */
    int priority;       /* 1: with -o wide */
    const char *description;
};

/* Cells of one row, appended one after the other. */
struct api_cells {
    struct ke_buf *out;
    size_t n;
    int64_t now_s;
};

struct api_table {
    enum model_kind_id kind;
    const struct api_column *columns;
    size_t n_columns;
    /* Must add exactly n_columns cells. object is of the stored version. */
    void (*print)(const cJSON *object, struct api_cells *cells);
};

/* Never NULL: kinds without columns of their own show Name and Created At. */
const struct api_table *api_table_of(const struct model_kind *kind);
/* [{"name":...},...] */
void api_table_print_columns(const struct api_table *table, struct ke_buf *out);
/* Comma-joined, without the brackets. */
void api_table_print_cells(const struct api_table *table, const cJSON *object, int64_t now_s,
                           struct ke_buf *out);

/* The same two of a custom kind, in the version that was asked for. */
void api_table_print_custom_columns(const struct model_definition_version *version,
                                    struct ke_buf *out);
void api_table_print_custom_cells(const struct model_definition_version *version,
                                  const cJSON *object, int64_t now_s, struct ke_buf *out);

/* ---- for the printers ---- */
extern const struct api_table api_table_pods, api_table_deployments, api_table_replicasets,
    api_table_replicationcontrollers, api_table_services, api_table_endpoints,
    api_table_endpointslices, api_table_ingresses, api_table_ingressclasses, api_table_nodes,
    api_table_namespaces, api_table_configmaps, api_table_secrets, api_table_serviceaccounts,
    api_table_events, api_table_leases, api_table_componentstatuses, api_table_scales,
    api_table_daemonsets, api_table_statefulsets, api_table_controllerrevisions,
    api_table_podtemplates, api_table_jobs, api_table_cronjobs, api_table_poddisruptionbudgets,
    api_table_horizontalpodautoscalers, api_table_priorityclasses, api_table_runtimeclasses;

extern const struct api_table api_table_persistentvolumes, api_table_persistentvolumeclaims,
    api_table_storageclasses, api_table_volumeattributesclasses, api_table_csidrivers,
    api_table_csinodes, api_table_csistoragecapacities, api_table_resourcequotas,
    api_table_networkpolicies, api_table_ipaddresses, api_table_servicecidrs, api_table_apiservices,
    api_table_resourceclaims, api_table_resourceslices, api_table_deviceclasses,
    api_table_resourceclaimtemplates;
extern const struct api_table api_table_rolebindings, api_table_clusterrolebindings;
extern const struct api_table api_table_certificatesigningrequests;

void api_cell_str(struct api_cells *cells, struct ke_str text);
void api_cell_str_or(struct api_cells *cells, struct ke_str text, const char *if_empty);
/* As JSON; NULL: null. */
void api_cell_json(struct api_cells *cells, const cJSON *value);
void api_cell_i64(struct api_cells *cells, int64_t value);
void api_cell_bool(struct api_cells *cells, bool value);
void api_cell_f(struct api_cells *cells, const char *fmt, ...) KE_PRINTF(2, 3);
/* What was built in a buffer; if_empty when it is empty. */
void api_cell_buf(struct api_cells *cells, const struct ke_buf *text, const char *if_empty);
/* How long ago: "5m"; absent or odd: "<unknown>". */
void api_cell_since(struct api_cells *cells, struct ke_str timestamp);
void api_cell_name(struct api_cells *cells, const cJSON *object);
void api_cell_age(struct api_cells *cells, const cJSON *object);
/* The text of api_cell_since into a buffer. */
void api_table_format_since(struct ke_str timestamp, int64_t now_s, struct ke_buf *out);
/* "a=b,c=d" of an object of strings, sorted by key. */
void api_table_format_labels(const cJSON *map, struct ke_buf *out);
/* Of a LabelSelector. */
void api_table_format_selector(const cJSON *selector, struct ke_buf *out);
/* Comma-joined member `name` of each element. */
void api_table_format_each(const cJSON *array, const char *name, struct ke_buf *out);
/* As upstream's "a,b,c + 2 more...": up to three shown of those added. */
struct api_more {
    struct ke_buf *out;
    size_t n_shown, n_all;
};
/* True: print it now, the comma is there. */
bool api_more_add(struct api_more *more);
void api_more_end(struct api_more *more);

/* Two cells: names and images of the containers of a pod template. */
void api_cells_template(struct api_cells *cells, const cJSON *template);
/* A LabelSelector; "<none>" when it selects everything, or there is none. */
void api_cell_selector(struct api_cells *cells, const cJSON *selector);

#define API_CELL_BYTES 8192 /* a cell's text */
#define API_COLUMN_NAME                                                                            \
    {                                                                                              \
        "Name", "string", "name", 0, "Name of the object, unique within its namespace."            \
    }
#define API_COLUMN_CONTAINERS                                                                      \
    {                                                                                              \
        "Containers", "string", "", 1, "Names of the containers of the template."                  \
    }
#define API_COLUMN_IMAGES                                                                          \
    {                                                                                              \
        "Images", "string", "", 1, "Images of the containers of the template."                     \
    }
#define API_COLUMN_SELECTOR                                                                        \
    {                                                                                              \
        "Selector", "string", "", 1, "Selector of the pods."                                       \
    }
#define API_COLUMN_AGE                                                                             \
    {                                                                                              \
        "Age", "string", "", 0, "Time since the object was created."                               \
    }

#endif
