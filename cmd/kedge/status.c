/* SPDX-License-Identifier: Apache-2.0 */
/* kedge status: how this node is, for people or as the agent's JSON. */
#include <stdio.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "core/base/json.h"
#include "core/base/limits.h"

static void print_list(const char *title, const cJSON *list)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list) {
        struct ke_str text = ke_json_value_str(item);
        (void)printf("%-14s%.*s\n", title, KE_STR_ARG(text));
        title = "";
    }
}

static void print_parts(const cJSON *parts)
{
    const char *title = "parts";
    const cJSON *part = NULL;
    cJSON_ArrayForEach(part, parts) {
        struct ke_str name = ke_json_str(part, "name");
        struct ke_str message = ke_json_str(part, "message");
        bool is_healthy = ke_json_bool(part, "healthy", false);
        (void)printf("%-14s%-16.*s %s%s%.*s\n", title, KE_STR_ARG(name),
                     is_healthy ? "ok" : "DEGRADED", message.len > 0 ? ": " : "",
                     KE_STR_ARG(message));
        title = "";
    }
}

static void print_consumers(const cJSON *status)
{
    const char *title = "consumers";
    int64_t now = ke_json_i64(ke_json_get(status, "table"), "generation", 0);
    const cJSON *consumer = NULL;
    cJSON_ArrayForEach(consumer, ke_json_get(ke_json_get(status, "table"), "consumers")) {
        struct ke_str name = ke_json_str(consumer, "name");
        int64_t acked = ke_json_i64(consumer, "generation", 0);
        (void)printf("%-14s%-16.*s generation %lld of %lld\n", title, KE_STR_ARG(name),
                     (long long)acked, (long long)now);
        title = "";
    }
}

static void print_certificates(const cJSON *list)
{
    const char *title = "certificates";
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list) {
        struct ke_str name = ke_json_str(item, "name");
        (void)printf("%-14s%-16.*s %lld days left\n", title, KE_STR_ARG(name),
                     (long long)ke_json_i64(item, "days_left", 0));
        title = "";
    }
}

static void print_counts(const char *part, const cJSON *counters, const char *first,
                         const char *second)
{
    if (counters == NULL)
        return;
    (void)printf("%-14s%lld %s, %lld %s\n", part, (long long)ke_json_i64(counters, first, 0), first,
                 (long long)ke_json_i64(counters, second, 0), second);
}

static void print_status(const cJSON *status)
{
    const cJSON *registry = ke_json_get(status, "registry");
    const cJSON *proxy = ke_json_get(status, "proxy");
    const cJSON *dns = ke_json_get(status, "dns");
    const cJSON *ingress = ke_json_get(status, "ingress");
    struct ke_str node = ke_json_str(status, "node");
    struct ke_str version = ke_json_str(status, "version");
    struct ke_str backend = ke_json_str(proxy, "backend");
    (void)printf("%-14s%.*s (%s), kedge %.*s\n", "node", KE_STR_ARG(node),
                 ke_json_bool(status, "ready", false) ? "ready" : "not ready", KE_STR_ARG(version));
    print_list("listeners", ke_json_get(status, "listeners"));
    print_parts(ke_json_get(status, "parts"));
    print_consumers(status);
    if (proxy != NULL)
        (void)printf("%-14s%.*s, %lld services\n", "proxy", KE_STR_ARG(backend),
                     (long long)ke_json_i64(proxy, "services", 0));
    print_list("drift", ke_json_get(proxy, "drift"));
    print_list("firewalls", ke_json_get(proxy, "foreign_firewalls"));
    print_counts("dns", dns, "queries", "forwarded");
    print_counts("ingress", ingress, "routes", "requests");
    (void)printf("%-14srevision %lld, %lld bytes written since start\n", "registry",
                 (long long)ke_json_i64(registry, "revision", 0),
                 (long long)ke_json_i64(registry, "bytes_written", 0));
    print_certificates(ke_json_get(status, "certificates"));
}

int command_status(int argc, char **argv)
{
    const char *run_dir = COMMAND_RUN_DIR;
    const char *output = "";
    const struct command_option options[] = { { "--run-dir", &run_dir, NULL },
                                              { "-o", &output, NULL } };
    struct command_args args = { .max_rest = 0 };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = command_parse(argc, argv, options, KE_ARRAY_LEN(options), &args, &err);
    if (rc == KE_OK && output[0] != '\0' && strcmp(output, "json") != 0)
        rc = ke_fail(&err, KE_INVALID, "-o: \"%s\": must be json", output);
    if (rc != KE_OK)
        return command_usage("status", &err);
    ke_auto_buf answer = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_json *status = NULL;
    rc = command_get(run_dir, KE_STR("/kedge/v1/status"), 10000, &answer, &err);
    if (rc == KE_OK)
        rc = ke_json_parse(ke_buf_str(&answer), &status, &err);
    if (rc != KE_OK)
        return command_fail("status", &err);
    if (output[0] != '\0') {
        ke_auto_buf pretty = KE_BUF_INIT(LIMIT_FILE_BYTES);
        ke_json_print_pretty(status, 2, &pretty);
        (void)printf("%.*s\n", KE_STR_ARG(ke_buf_str(&pretty)));
    } else {
        print_status(status);
    }
    return ke_json_bool(status, "ready", false) ? EXIT_DONE : EXIT_FAILED;
}
