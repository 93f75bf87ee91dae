/* SPDX-License-Identifier: Apache-2.0 */
/* See node_build.h. Source: Kubernetes pkg/kubelet/nodestatus. */
#include "core/controller/node_build.h"

#include <inttypes.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/controller/ensure.h"

#define JSON_MAX  (64U << 10)
#define TIME_MAX  40
#define PODS_MAX  110
#define FACT_FILE (64U << 10)

/* ---- facts */

static void copy_text(char *out, size_t size, struct ke_str text)
{
    struct ke_buf buf = KE_BUF_FIXED(out, size - 1);
    ke_buf_add_str(&buf, ke_str_sub(text, 0, size - 1));
    out[buf.len] = '\0';
}

static void read_line(const char *path, char *out, size_t size)
{
    ke_auto_buf text = KE_BUF_INIT(FACT_FILE);
    struct ke_err err = KE_ERR_INIT;
    out[0] = '\0';
    if (ke_file_read(path, &text, &err) == KE_OK)
        copy_text(out, size, ke_str_trim(ke_buf_str(&text)));
}

/* PRETTY_NAME="Debian GNU/Linux 12 (bookworm)" */
static void read_os_image(char *out, size_t size)
{
    ke_auto_buf text = KE_BUF_INIT(FACT_FILE);
    struct ke_err err = KE_ERR_INIT;
    out[0] = '\0';
    if (ke_file_read("/etc/os-release", &text, &err) != KE_OK)
        return;
    struct ke_str rest = ke_buf_str(&text);
    struct ke_str line;
    while (ke_str_split(&rest, '\n', &line)) {
        if (!ke_str_cut_prefix(&line, KE_STR("PRETTY_NAME=")))
            continue;
        if (line.len >= 2 && line.ptr[0] == '"')
            line = ke_str_sub(line, 1, line.len - 2);
        copy_text(out, size, line);
    }
}

static const char *go_arch(const char *machine)
{
    static const char *const names[][2] = {
        { "x86_64", "amd64" }, { "aarch64", "arm64" },   { "armv7l", "arm" },
        { "armv6l", "arm" },   { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" },
        { "s390x", "s390x" },  { "i686", "386" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        if (strcmp(machine, names[i][0]) == 0)
            return names[i][1];
    }
    return "unknown";
}

void node_facts_read(struct node_facts *out)
{
    memset(out, 0, sizeof(*out));
    read_line("/etc/machine-id", out->machine_id, sizeof(out->machine_id));
    read_line("/proc/sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id));
    read_line("/sys/class/dmi/id/product_uuid", out->system_uuid, sizeof(out->system_uuid));
    if (out->system_uuid[0] == '\0')
        copy_text(out->system_uuid, sizeof(out->system_uuid), ke_str_c(out->machine_id));
    read_os_image(out->os_image, sizeof(out->os_image));
    struct utsname name;
    out->arch = "unknown";
    if (uname(&name) == 0) {
        copy_text(out->kernel, sizeof(out->kernel), ke_str_c(name.release));
        out->arch = go_arch(name.machine);
    }
    long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    out->n_cpus = n_cpus > 0 ? (unsigned)n_cpus : 1;
    struct sysinfo info;
    if (sysinfo(&info) == 0)
        out->memory_kib = (uint64_t)info.totalram * info.mem_unit / 1024;
    struct statvfs disk;
    if (statvfs("/", &disk) == 0)
        out->storage_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
}

/* ---- the object */

static void add_pod_cidrs(const struct controllers_options *options, struct ke_buf *out)
{
    for (size_t i = 0; i < options->n_pod_cidrs; i++) {
        ke_buf_add_c(out, i == 0 ? "\"podCIDR\":\"" : ",\"");
        ke_cidr_format(&options->pod_cidrs[i], out);
        ke_buf_add_char(out, '"');
        if (i == 0) {
            ke_buf_add_c(out, ",\"podCIDRs\":[\"");
            ke_cidr_format(&options->pod_cidrs[i], out);
            ke_buf_add_char(out, '"');
        }
    }
    if (options->n_pod_cidrs > 0)
        ke_buf_add_char(out, ']');
}

cJSON *node_build_object(const struct node_input *input)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    struct ke_str name = input->options->node_name;
    ke_buf_add_c(&out, "{\"metadata\":{\"name\":");
    ke_buf_add_json_str(&out, name);
    ke_buf_add_c(&out, ",\"labels\":{\"kubernetes.io/hostname\":");
    ke_buf_add_json_str(&out, name);
    ke_buf_addf(&out,
                ",\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"%s\","
                "\"beta.kubernetes.io/os\":\"linux\",\"beta.kubernetes.io/arch\":\"%s\","
                "\"node-role.kubernetes.io/control-plane\":\"\"}},\"spec\":{",
                input->facts->arch, input->facts->arch);
    add_pod_cidrs(input->options, &out);
    ke_buf_add_c(&out, "}}");
    return ensure_parse(&out);
}

/* ---- the status */

struct condition {
    const char *type;
    bool is_true;
    const char *reason;
    struct ke_str message;
};

static const cJSON *find_condition(const cJSON *now, struct ke_str type)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(now, "status.conditions")) {
        if (ke_str_eq(ke_json_str(it, "type"), type))
            return it;
    }
    return NULL;
}

static void add_condition(struct ke_buf *out, const struct condition *condition, const cJSON *now,
                          const char *heartbeat)
{
    const char *status = condition->is_true ? "True" : "False";
    const cJSON *was = find_condition(now, ke_str_c(condition->type));
    struct ke_str since = ke_str_c(heartbeat);
    if (ke_str_eq_c(ke_json_str(was, "status"), status) &&
        ke_json_str(was, "lastTransitionTime").len > 0)
        since = ke_json_str(was, "lastTransitionTime");
    ke_buf_addf(out,
                "{\"type\":\"%s\",\"status\":\"%s\",\"lastHeartbeatTime\":\"%s\","
                "\"lastTransitionTime\":\"%.*s\",\"reason\":\"%s\",\"message\":",
                condition->type, status, heartbeat, KE_STR_ARG(since), condition->reason);
    ke_buf_add_json_str(out, condition->message);
    ke_buf_add_char(out, '}');
}

static void add_conditions(const struct node_input *input, const cJSON *now, struct ke_buf *out)
{
    char heartbeat[TIME_MAX];
    struct ke_buf text = KE_BUF_FIXED(heartbeat, sizeof(heartbeat) - 1);
    ke_time_format_s(input->now_s, &text);
    heartbeat[text.len] = '\0';
    bool is_degraded = input->degraded.len > 0;
    const struct condition list[] = {
        { "MemoryPressure", false, "KubeletHasSufficientMemory",
          KE_STR("kubelet has sufficient memory available") },
        { "DiskPressure", false, "KubeletHasNoDiskPressure",
          KE_STR("kubelet has no disk pressure") },
        { "PIDPressure", false, "KubeletHasSufficientPID",
          KE_STR("kubelet has sufficient PID available") },
        { "NetworkUnavailable", false, "KedgeIsUp", KE_STR("kedge programs this node") },
        { "Degraded", is_degraded, is_degraded ? "PartsUnhealthy" : "AllPartsHealthy",
          is_degraded ? input->degraded : KE_STR("every part of kedge works") },
        { "Ready", true, "KubeletReady", KE_STR("kedge is posting ready status") },
    };
    /* Conditions of other writers stay. */
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(now, "status.conditions")) {
        bool is_ours = false;
        for (size_t i = 0; i < KE_ARRAY_LEN(list); i++)
            is_ours = is_ours || ke_str_eq_c(ke_json_str(it, "type"), list[i].type);
        if (is_ours)
            continue;
        ke_json_print(it, out);
        ke_buf_add_char(out, ',');
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(list); i++) {
        if (i > 0)
            ke_buf_add_char(out, ',');
        add_condition(out, &list[i], now, heartbeat);
    }
}

static void add_addresses(const struct controllers_options *options, struct ke_buf *out)
{
    for (size_t i = 0; i < options->n_node_ips; i++) {
        char ip[KE_IP_TEXT_MAX];
        ke_buf_addf(out, "{\"type\":\"InternalIP\",\"address\":\"%s\"},",
                    ke_ip_text(&options->node_ips[i], ip));
    }
    ke_buf_add_c(out, "{\"type\":\"Hostname\",\"address\":");
    ke_buf_add_json_str(out, options->node_name);
    ke_buf_add_char(out, '}');
}

static void add_amounts(const struct node_facts *facts, const char *name, struct ke_buf *out)
{
    ke_buf_addf(out,
                "\"%s\":{\"cpu\":\"%u\",\"memory\":\"%" PRIu64
                "Ki\",\"ephemeral-storage\":\"%" PRIu64 "\",\"pods\":\"%d\"},",
                name, facts->n_cpus, facts->memory_kib, facts->storage_bytes, PODS_MAX);
}

static void add_member(struct ke_buf *out, const char *name, struct ke_str value)
{
    ke_buf_addf(out, "\"%s\":", name);
    ke_buf_add_json_str(out, value);
    ke_buf_add_char(out, ',');
}

cJSON *node_build_status(const struct node_input *input, const cJSON *now)
{
    const struct node_facts *facts = input->facts;
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_add_c(&out, "{\"status\":{");
    add_amounts(facts, "capacity", &out);
    add_amounts(facts, "allocatable", &out);
    ke_buf_add_c(&out, "\"addresses\":[");
    add_addresses(input->options, &out);
    ke_buf_add_c(&out, "],\"conditions\":[");
    add_conditions(input, now, &out);
    ke_buf_add_c(&out, "],\"nodeInfo\":{");
    add_member(&out, "machineID", ke_str_c(facts->machine_id));
    add_member(&out, "systemUUID", ke_str_c(facts->system_uuid));
    add_member(&out, "bootID", ke_str_c(facts->boot_id));
    add_member(&out, "kernelVersion", ke_str_c(facts->kernel));
    add_member(&out, "osImage", ke_str_c(facts->os_image));
    add_member(&out, "containerRuntimeVersion", input->options->runtime);
    add_member(&out, "kubeletVersion", input->options->kubelet_version);
    add_member(&out, "kubeProxyVersion", input->options->kubelet_version);
    ke_buf_addf(&out, "\"operatingSystem\":\"linux\",\"architecture\":\"%s\"}}}", facts->arch);
    return ensure_parse(&out);
}

/* Without heartbeats; NULL: out of memory. */
static cJSON *without_heartbeats(const cJSON *status)
{
    cJSON *copy = cJSON_Duplicate(status, true);
    cJSON *conditions = ke_json_get_mut(copy, "conditions");
    for (cJSON *it = conditions != NULL ? conditions->child : NULL; it != NULL; it = it->next)
        ke_json_del(it, "lastHeartbeatTime");
    return copy;
}

static int64_t heartbeat_s(const cJSON *now)
{
    int64_t at_us = 0;
    struct ke_err err = KE_ERR_INIT;
    const cJSON *ready = find_condition(now, KE_STR("Ready"));
    if (ke_time_parse_us(ke_json_str(ready, "lastHeartbeatTime"), &at_us, &err) != KE_OK)
        return 0;
    return at_us / 1000000;
}

bool node_status_is_news(const cJSON *wanted, const cJSON *now, int64_t now_s, int64_t max_age_s)
{
    ke_auto_json *a = without_heartbeats(ke_json_get(wanted, "status"));
    ke_auto_json *b = without_heartbeats(ke_json_get(now, "status"));
    if (a == NULL || b == NULL || !ensure_is_within(a, b))
        return true;
    return now_s - heartbeat_s(now) >= max_age_s;
}
