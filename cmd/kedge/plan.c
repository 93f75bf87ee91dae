/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge plan DIR: what the agent would make of a folder of objects (ruleset, DNS records, ingress
 * routes) by the same deciding code, without root and without an agent. Services without an address
 * get one, in order of their names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "cmd/kedge/manifest.h"
#include "cmd/kedge/options.h"
#include "cmd/kedge/plan_slices.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/snap.h"
#include "core/endpoint/derive.h"
#include "dns/dns.h"
#include "ingress/ingress.h"
#include "proxy/proxy.h"

#define FIRST_ADDRESS 256 /* addresses for services that have none begin here */

struct plan {
    struct agent_options options;
    struct manifest_list objects;
    struct endpoint_table *table;
    uint64_t next_address;
    uint16_t next_node_port;
};

static int compare_names(const void *a, const void *b)
{
    const struct manifest *left = a;
    const struct manifest *right = b;
    int order = ke_str_cmp(ke_json_path_str(left->object, "metadata.namespace"),
                           ke_json_path_str(right->object, "metadata.namespace"));
    return order != 0 ? order
                      : ke_str_cmp(ke_json_path_str(left->object, "metadata.name"),
                                   ke_json_path_str(right->object, "metadata.name"));
}

/* The addresses and ports that the API would have given. */
static bool allocate(struct plan *plan, cJSON *service)
{
    cJSON *spec = ke_json_need_object(service, "spec");
    struct ke_str type = ke_json_str(spec, "type");
    char text[KE_IP_TEXT_MAX];
    struct ke_ip ip = { 0 };
    if (spec == NULL || ke_str_eq_c(type, "ExternalName"))
        return spec != NULL;
    if (ke_json_str(spec, "clusterIP").len == 0) {
        if (!ke_cidr_nth(&plan->options.service_cidr.items[0], plan->next_address++, &ip) ||
            !ke_json_set_str(spec, "clusterIP", ke_str_c(ke_ip_text(&ip, text))))
            return false;
    }
    if (ke_json_get(spec, "clusterIPs") == NULL) {
        cJSON *list = ke_json_need_array(spec, "clusterIPs");
        cJSON *value = cJSON_Duplicate(ke_json_get(spec, "clusterIP"), true);
        if (list == NULL || value == NULL || !cJSON_AddItemToArray(list, value))
            return false;
    }
    cJSON *port = NULL;
    cJSON_ArrayForEach(port, ke_json_get_mut(spec, "ports")) {
        bool needs_port = ke_str_eq_c(type, "NodePort") || ke_str_eq_c(type, "LoadBalancer");
        if (needs_port && ke_json_i64(port, "nodePort", 0) == 0 &&
            !ke_json_set(port, "nodePort", cJSON_CreateNumber(plan->next_node_port++)))
            return false;
    }
    return true;
}

static bool is_in_table(enum model_kind_id kind)
{
    return kind == MODEL_SERVICE || kind == MODEL_ENDPOINTSLICE || kind == MODEL_NAMESPACE ||
           kind == MODEL_NODE;
}

/* The namespaces of a folder are those that its objects are in. */
static bool put_namespace(struct plan *plan, struct ke_str name)
{
    ke_auto_json *object = cJSON_CreateObject();
    cJSON *metadata = object != NULL ? ke_json_need_object(object, "metadata") : NULL;
    return metadata != NULL && ke_json_set_str(metadata, "name", name) &&
           endpoint_table_put_object(plan->table, MODEL_NAMESPACE, object);
}

static enum ke_code fill_table(struct plan *plan, struct ke_err *err)
{
    plan->table = endpoint_table_new(ke_str_c(plan->options.node_name), err);
    if (plan->table == NULL)
        return err->code;
    qsort(plan->objects.items, plan->objects.n, sizeof(plan->objects.items[0]), compare_names);
    plan->next_address = FIRST_ADDRESS;
    plan->next_node_port = plan->options.node_port_range.min;
    for (size_t i = 0; i < plan->objects.n; i++) {
        struct manifest *item = &plan->objects.items[i];
        bool is_good = item->kind->id != MODEL_SERVICE || allocate(plan, item->object);
        struct ke_str ns = ke_json_path_str(item->object, "metadata.namespace");
        is_good = is_good && (ns.len == 0 || put_namespace(plan, ns));
        if (is_good && is_in_table(item->kind->id))
            is_good = endpoint_table_put_object(plan->table, item->kind->id, item->object);
        if (!is_good)
            return ke_fail(err, KE_NOMEM, "out of memory or out of service addresses");
    }
    enum ke_code rc = plan_slices_put(&plan->objects, plan->table, err);
    if (rc == KE_OK)
        endpoint_table_publish(plan->table, 1);
    return rc;
}

static enum ke_code print_ruleset(struct plan *plan, struct ke_buf *out, struct ke_err *err)
{
    const struct agent_options *options = &plan->options;
    struct proxy_settings settings = { .service_cidrs = options->service_cidr.items,
                                       .n_service_cidrs = options->service_cidr.n,
                                       .cluster_cidrs = options->cluster_cidr.items,
                                       .n_cluster_cidrs = options->cluster_cidr.n,
                                       .nodeport_addresses = options->nodeport_addresses.items,
                                       .n_nodeport_addresses = options->nodeport_addresses.n,
                                       .is_dns_held = !options->dns_listen.is_off };
    if (!options->dns_listen.is_off)
        settings.dns_address = options->cluster_dns;
    enum proxy_backend backend =
        options->proxy_mode == PROXY_MODE_IPTABLES ? PROXY_IPTABLES : PROXY_NFTABLES;
    if (options->proxy_mode == PROXY_MODE_NONE)
        return KE_OK;
    ke_buf_addf(out, "# ruleset: %s\n", backend == PROXY_IPTABLES ? "iptables" : "nftables");
    return proxy_plan_print(plan->table, backend, &settings, out, err);
}

static enum ke_code print_dns(struct plan *plan, struct ke_buf *out, struct ke_err *err)
{
    const struct agent_options *options = &plan->options;
    struct dns_settings settings = { .domain = ke_str_c(options->cluster_domain),
                                     .address = options->cluster_dns,
                                     .reverse = options->service_cidr.items,
                                     .n_reverse = options->service_cidr.n,
                                     .ttl_s = 5 };
    if (options->dns_listen.is_off)
        return KE_OK;
    ke_buf_add_c(out, "# DNS\n");
    return dns_plan_print(plan->table, &settings, out, err);
}

static enum ke_code print_ingress(struct plan *plan, struct ke_buf *out, struct ke_err *err)
{
    const struct agent_options *options = &plan->options;
    struct ingress_settings settings = { .class_name = ke_str_c(options->ingress_class),
                                         .default_backend =
                                             ke_str_c(options->ingress_default_backend) };
    ke_auto_ptr const cJSON **objects = ke_alloc_n(plan->objects.n + 1, sizeof(*objects));
    if (objects == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    for (size_t i = 0; i < plan->objects.n; i++)
        objects[i] = plan->objects.items[i].object;
    ke_buf_add_c(out, "# ingress\n");
    return ingress_plan_print(objects, plan->objects.n, &settings, out, err);
}

static enum ke_code run(struct plan *plan, const char *dir, struct ke_buf *out, struct ke_err *err)
{
    enum ke_code rc = manifest_read_dir(dir, &plan->objects, err);
    if (rc == KE_OK)
        rc = fill_table(plan, err);
    if (rc == KE_OK)
        rc = print_ruleset(plan, out, err);
    if (rc == KE_OK)
        rc = print_dns(plan, out, err);
    if (rc == KE_OK)
        rc = print_ingress(plan, out, err);
    return rc;
}

int command_plan(int argc, char **argv)
{
    struct plan plan = { 0 };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    bool help = false;
    if (argc < 1 || argv[0][0] == '-') {
        (void)ke_fail(&err, KE_INVALID, "a folder is needed");
        return command_usage("plan", &err);
    }
    if (agent_options_parse(argc - 1, argv + 1, &plan.options, &help, &err) != KE_OK)
        return command_usage("plan", &err);
    ke_snap_thread_register();
    enum ke_code rc = help ? KE_OK : run(&plan, argv[0], &out, &err);
    endpoint_table_free(plan.table);
    ke_snap_thread_unregister();
    manifest_list_deinit(&plan.objects);
    agent_options_deinit(&plan.options);
    if (rc != KE_OK) {
        (void)fprintf(stderr, "kedge plan: %s\n", err.msg);
        return EXIT_FAILED;
    }
    if (help)
        agent_options_help(stdout);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    return EXIT_DONE;
}
