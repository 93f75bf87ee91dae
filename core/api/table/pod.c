/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of a Pod: STATUS as upstream's printPod puts it together from phase, conditions and the
 * states of the containers. Pure.
 */
#include "core/api/table.h"
#include "core/base/clock.h"
#include "core/base/json.h"

static const struct api_column columns[] = {
    API_COLUMN_NAME,
    { "Ready", "string", "", 0, "Containers that are ready, of all." },
    { "Status", "string", "", 0, "Phase of the pod, or what keeps it from running." },
    { "Restarts", "string", "", 0, "How often its containers were restarted, and when last." },
    API_COLUMN_AGE,
    { "IP", "string", "", 1, "Address of the pod." },
    { "Node", "string", "", 1, "Node the pod runs on." },
    { "Nominated Node", "string", "", 1, "Node that resources are being freed on for the pod." },
    { "Readiness Gates", "string", "", 1, "Readiness gates that are passed, of all." },
};

struct pod_row {
    const cJSON *pod;
    char memory[256];
    struct ke_buf reason;
    int64_t restarts, sidecar_restarts;
    int64_t last_us, sidecar_last_us; /* of the last restart; 0: none known */
    int64_t n_ready, n_containers;
    bool is_initializing;
};

static void set_reason(struct pod_row *row, const char *prefix, struct ke_str text)
{
    ke_buf_clear(&row->reason);
    ke_buf_add_c(&row->reason, prefix);
    ke_buf_add_str(&row->reason, text);
}

static const cJSON *find_named(const cJSON *array, struct ke_str name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (ke_str_eq(ke_json_str(item, "name"), name)) {
            return item;
        }
    }
    return NULL;
}

static const cJSON *condition(const cJSON *pod, const char *type)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(pod, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(item, "type"), type)) {
            return item;
        }
    }
    return NULL;
}

static bool is_condition_true(const cJSON *pod, const char *type)
{
    return ke_str_eq_c(ke_json_str(condition(pod, type), "status"), "True");
}

static bool is_sidecar(const cJSON *container)
{
    return ke_str_eq_c(ke_json_str(container, "restartPolicy"), "Always");
}

/* When the container's last run ended; 0: not known. */
static int64_t last_end_us(const cJSON *status)
{
    int64_t at_us = 0;
    struct ke_err err;
    struct ke_str text = ke_json_path_str(status, "lastState.terminated.finishedAt");
    return text.len > 0 && ke_time_parse_us(text, &at_us, &err) == KE_OK ? at_us : 0;
}

static void later(int64_t *latest_us, int64_t at_us)
{
    if (at_us > *latest_us) {
        *latest_us = at_us;
    }
}

/* "Init:Error", "ExitCode:3", "Signal:9": how a container that ended did. */
static void set_ended(struct pod_row *row, const char *prefix, const cJSON *terminated)
{
    struct ke_str why = ke_json_str(terminated, "reason");
    int64_t signal = ke_json_i64(terminated, "signal", 0);
    set_reason(row, prefix, why);
    if (why.len > 0) {
        return;
    }
    if (signal != 0) {
        ke_buf_addf(&row->reason, "Signal:%lld", (long long)signal);
    } else {
        ke_buf_addf(&row->reason, "ExitCode:%lld",
                    (long long)ke_json_i64(terminated, "exitCode", 0));
    }
}

/* One init container's status; false: the pod hangs on this one. */
static bool add_init(struct pod_row *row, const cJSON *status, int index, int n_init)
{
    const cJSON *spec =
        find_named(ke_json_path(row->pod, "spec.initContainers"), ke_json_str(status, "name"));
    const cJSON *terminated = ke_json_path(status, "state.terminated");
    struct ke_str waiting = ke_json_path_str(status, "state.waiting.reason");
    row->restarts += ke_json_i64(status, "restartCount", 0);
    later(&row->last_us, last_end_us(status));
    if (is_sidecar(spec)) {
        row->sidecar_restarts += ke_json_i64(status, "restartCount", 0);
        later(&row->sidecar_last_us, last_end_us(status));
    }
    if (terminated != NULL && ke_json_i64(terminated, "exitCode", 0) == 0) {
        return true;
    }
    if (is_sidecar(spec) && ke_json_bool(status, "started", false)) {
        row->n_ready += ke_json_bool(status, "ready", false) ? 1 : 0;
        return true;
    }
    row->is_initializing = true;
    if (terminated != NULL) {
        set_ended(row, "Init:", terminated);
    } else if (waiting.len > 0 && !ke_str_eq_c(waiting, "PodInitializing")) {
        set_reason(row, "Init:", waiting);
    } else {
        set_reason(row, "Init:", KE_STR(""));
        ke_buf_addf(&row->reason, "%d/%d", index, n_init);
    }
    return false;
}

static void add_inits(struct pod_row *row)
{
    const cJSON *specs = ke_json_path(row->pod, "spec.initContainers");
    const cJSON *item;
    int n_init = cJSON_GetArraySize(specs);
    int index = 0;
    cJSON_ArrayForEach(item, specs) {
        row->n_containers += is_sidecar(item) ? 1 : 0;
    }
    cJSON_ArrayForEach(item, ke_json_path(row->pod, "status.initContainerStatuses")) {
        if (!add_init(row, item, index++, n_init)) {
            return;
        }
    }
}

/* Returns whether this container runs and is ready. */
static bool add_container(struct pod_row *row, const cJSON *status)
{
    const cJSON *terminated = ke_json_path(status, "state.terminated");
    struct ke_str waiting = ke_json_path_str(status, "state.waiting.reason");
    row->restarts += ke_json_i64(status, "restartCount", 0);
    later(&row->last_us, last_end_us(status));
    if (waiting.len > 0) {
        set_reason(row, "", waiting);
    } else if (terminated != NULL) {
        set_ended(row, "", terminated);
    } else if (ke_json_bool(status, "ready", false) &&
               ke_json_path(status, "state.running") != NULL) {
        row->n_ready++;
        return true;
    }
    return false;
}

static void add_containers(struct pod_row *row)
{
    const cJSON *statuses = ke_json_path(row->pod, "status.containerStatuses");
    bool has_running = false;
    row->restarts = row->sidecar_restarts;
    row->last_us = row->sidecar_last_us;
    /* The first container's reason is the one that stays. */
    const cJSON *last = statuses != NULL ? statuses->child : NULL;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    while (last != NULL) {
        has_running = add_container(row, last) || has_running;
        last = last == statuses->child ? NULL : last->prev;
    }
    if (has_running && ke_str_eq_c(ke_buf_str(&row->reason), "Completed")) {
        set_reason(row, "",
                   is_condition_true(row->pod, "Ready") ? KE_STR("Running") : KE_STR("NotReady"));
    }
}

static void decide_status(struct pod_row *row)
{
    struct ke_str phase = ke_json_path_str(row->pod, "status.phase");
    struct ke_str reason = ke_json_path_str(row->pod, "status.reason");
    set_reason(row, "", reason.len > 0 ? reason : phase);
    if (ke_str_eq_c(ke_json_str(condition(row->pod, "PodScheduled"), "reason"),
                    "SchedulingGated")) {
        set_reason(row, "", KE_STR("SchedulingGated"));
    }
    add_inits(row);
    if (!row->is_initializing || is_condition_true(row->pod, "Initialized")) {
        add_containers(row);
    }
    if (ke_json_path(row->pod, "metadata.deletionTimestamp") == NULL) {
        return;
    }
    if (ke_str_eq_c(reason, "NodeLost")) {
        set_reason(row, "", KE_STR("Unknown"));
    } else if (!ke_str_eq_c(phase, "Failed") && !ke_str_eq_c(phase, "Succeeded")) {
        set_reason(row, "", KE_STR("Terminating"));
    }
}

static void print_restarts(const struct pod_row *row, struct api_cells *cells)
{
    char memory[64];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    ke_buf_add_i64(&text, row->restarts);
    if (row->restarts != 0 && row->last_us != 0) {
        ke_buf_add_c(&text, " (");
        ke_time_format_age(cells->now_s - row->last_us / 1000000, &text);
        ke_buf_add_c(&text, " ago)");
    }
    api_cell_str(cells, ke_buf_str(&text));
}

static void print_gates(const cJSON *pod, struct api_cells *cells)
{
    const cJSON *gates = ke_json_path(pod, "spec.readinessGates");
    const cJSON *gate;
    int n_passed = 0;
    if (cJSON_GetArraySize(gates) == 0) {
        api_cell_str(cells, KE_STR("<none>"));
        return;
    }
    cJSON_ArrayForEach(gate, gates) {
        const cJSON *item;
        struct ke_str type = ke_json_str(gate, "conditionType");
        cJSON_ArrayForEach(item, ke_json_path(pod, "status.conditions")) {
            if (ke_str_eq(ke_json_str(item, "type"), type)) {
                n_passed += ke_str_eq_c(ke_json_str(item, "status"), "True") ? 1 : 0;
                break;
            }
        }
    }
    api_cell_f(cells, "%d/%d", n_passed, cJSON_GetArraySize(gates));
}

static void print(const cJSON *pod, struct api_cells *cells)
{
    struct pod_row row = { .pod = pod };
    struct ke_buf reason = KE_BUF_FIXED(row.memory, sizeof(row.memory));
    row.reason = reason;
    row.n_containers = cJSON_GetArraySize(ke_json_path(pod, "spec.containers"));
    decide_status(&row);
    struct ke_str ip = ke_json_str(ke_json_path(pod, "status"), "podIP");
    api_cell_name(cells, pod);
    api_cell_f(cells, "%lld/%lld", (long long)row.n_ready, (long long)row.n_containers);
    api_cell_str(cells, ke_buf_str(&row.reason));
    print_restarts(&row, cells);
    api_cell_age(cells, pod);
    api_cell_str_or(cells, ip, "<none>");
    api_cell_str_or(cells, ke_json_path_str(pod, "spec.nodeName"), "<none>");
    api_cell_str_or(cells, ke_json_path_str(pod, "status.nominatedNodeName"), "<none>");
    print_gates(pod, cells);
}

const struct api_table api_table_pods = {
    .kind = MODEL_POD,
    .columns = columns,
    .n_columns = KE_ARRAY_LEN(columns),
    .print = print,
};
