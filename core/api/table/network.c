/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of Services, Endpoints, EndpointSlices, Ingresses and IngressClasses. Pure.
 */
#include "core/api/table.h"
#include "core/base/json.h"

/* ---- services ----------------------------------------------------------------------------------
 */

static const struct api_column service_columns[] = {
    API_COLUMN_NAME,
    { "Type", "string", "", 0, "How the service is reached." },
    { "Cluster-IP", "string", "", 0, "Its address inside the cluster." },
    { "External-IP", "string", "", 0, "Its addresses from outside." },
    { "Port(s)", "string", "", 0, "Ports, and node ports behind the colon." },
    API_COLUMN_AGE,
    { "Selector", "string", "", 1, "Labels of the pods behind it." },
};

static void format_ports(const cJSON *ports, struct ke_buf *out)
{
    const cJSON *port;
    size_t n = 0;
    cJSON_ArrayForEach(port, ports) {
        int64_t node_port = ke_json_i64(port, "nodePort", 0);
        struct ke_str proto = ke_json_str(port, "protocol");
        ke_buf_addf(out, "%s%lld", n++ > 0 ? "," : "", (long long)ke_json_i64(port, "port", 0));
        if (node_port > 0) {
            ke_buf_addf(out, ":%lld", (long long)node_port);
        }
        ke_buf_addf(out, "/%.*s", KE_STR_ARG(proto));
    }
}

static void format_strings(const cJSON *array, struct ke_buf *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        ke_buf_add_c(out, out->len > 0 ? "," : "");
        ke_buf_add_str(out, ke_json_value_str(item));
    }
}

/* status.loadBalancer: addresses, or names where there is none. */
static void format_load_balancer(const cJSON *object, struct ke_buf *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(object, "status.loadBalancer.ingress")) {
        struct ke_str address = ke_json_str(item, "ip");
        ke_buf_add_c(out, out->len > 0 ? "," : "");
        ke_buf_add_str(out, address.len > 0 ? address : ke_json_str(item, "hostname"));
    }
}

static void print_external(const cJSON *service, struct api_cells *cells)
{
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    struct ke_str type = ke_json_path_str(service, "spec.type");
    const char *if_empty = "<none>";
    if (ke_str_eq_c(type, "ExternalName")) {
        api_cell_str(cells, ke_json_path_str(service, "spec.externalName"));
        return;
    }
    if (ke_str_eq_c(type, "LoadBalancer")) {
        format_load_balancer(service, &text);
        if_empty = "<pending>";
    }
    format_strings(ke_json_path(service, "spec.externalIPs"), &text);
    api_cell_buf(cells, &text, if_empty);
}

static void print_service(const cJSON *service, struct api_cells *cells)
{
    ke_auto_buf ports = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf selector = KE_BUF_INIT(API_CELL_BYTES);
    format_ports(ke_json_path(service, "spec.ports"), &ports);
    api_table_format_labels(ke_json_path(service, "spec.selector"), &selector);
    api_cell_name(cells, service);
    api_cell_str(cells, ke_json_path_str(service, "spec.type"));
    api_cell_str_or(cells, ke_json_path_str(service, "spec.clusterIP"), "<none>");
    print_external(service, cells);
    api_cell_buf(cells, &ports, "<none>");
    api_cell_age(cells, service);
    api_cell_buf(cells, &selector, "<none>");
}

const struct api_table api_table_services = {
    .kind = MODEL_SERVICE,
    .columns = service_columns,
    .n_columns = KE_ARRAY_LEN(service_columns),
    .print = print_service,
};

/* ---- endpoints ---------------------------------------------------------------------------------
 */

static const struct api_column endpoints_columns[] = {
    API_COLUMN_NAME,
    { "Endpoints", "string", "", 0, "Addresses and ports that are ready." },
    API_COLUMN_AGE,
};

static void add_address(struct api_more *more, const cJSON *address, const cJSON *port)
{
    struct ke_str ip = ke_json_str(address, "ip");
    if (!api_more_add(more)) {
        return;
    }
    bool is_ipv6 = ke_str_find(ip, ':') < ip.len;
    if (port == NULL) {
        ke_buf_add_str(more->out, ip);
    } else {
        ke_buf_addf(more->out, "%s%.*s%s:%lld", is_ipv6 ? "[" : "", KE_STR_ARG(ip),
                    is_ipv6 ? "]" : "", (long long)ke_json_i64(port, "port", 0));
    }
}

static void add_subset(struct api_more *more, const cJSON *subset)
{
    const cJSON *ports = ke_json_get(subset, "ports");
    const cJSON *addresses = ke_json_get(subset, "addresses");
    const cJSON *address;
    const cJSON *port;
    if (cJSON_GetArraySize(ports) == 0) {
        cJSON_ArrayForEach(address, addresses) {
            add_address(more, address, NULL);
        }
        return;
    }
    cJSON_ArrayForEach(port, ports) {
        cJSON_ArrayForEach(address, addresses) {
            add_address(more, address, port);
        }
    }
}

static void print_endpoints(const cJSON *object, struct api_cells *cells)
{
    const cJSON *subsets = ke_json_get(object, "subsets");
    const cJSON *subset;
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    struct api_more more = { .out = &text };
    cJSON_ArrayForEach(subset, subsets) {
        add_subset(&more, subset);
    }
    api_more_end(&more);
    api_cell_name(cells, object);
    api_cell_buf(cells, &text, cJSON_GetArraySize(subsets) == 0 ? "<none>" : "");
    api_cell_age(cells, object);
}

const struct api_table api_table_endpoints = {
    .kind = MODEL_ENDPOINTS,
    .columns = endpoints_columns,
    .n_columns = KE_ARRAY_LEN(endpoints_columns),
    .print = print_endpoints,
};

static const struct api_column slice_columns[] = {
    API_COLUMN_NAME,
    { "AddressType", "string", "", 0, "IPv4, IPv6 or FQDN." },
    { "Ports", "string", "", 0, "Ports of every endpoint." },
    { "Endpoints", "string", "", 0, "Addresses of the endpoints." },
    API_COLUMN_AGE,
};

static void print_slice(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf ports = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf addresses = KE_BUF_INIT(API_CELL_BYTES);
    struct api_more more_ports = { .out = &ports };
    struct api_more more = { .out = &addresses };
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(object, "ports")) {
        int64_t port = ke_json_i64(item, "port", 0);
        if (!api_more_add(&more_ports)) {
            continue;
        }
        if (port > 0) {
            ke_buf_add_i64(&ports, port);
        } else {
            ke_buf_add_char(&ports, '*');
        }
    }
    cJSON_ArrayForEach(item, ke_json_get(object, "endpoints")) {
        const cJSON *address;
        cJSON_ArrayForEach(address, ke_json_get(item, "addresses")) {
            if (api_more_add(&more)) {
                ke_buf_add_str(&addresses, ke_json_value_str(address));
            }
        }
    }
    api_more_end(&more_ports);
    api_more_end(&more);
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_str(object, "addressType"));
    api_cell_buf(cells, &ports, "<unset>");
    api_cell_buf(cells, &addresses, "<unset>");
    api_cell_age(cells, object);
}

const struct api_table api_table_endpointslices = {
    .kind = MODEL_ENDPOINTSLICE,
    .columns = slice_columns,
    .n_columns = KE_ARRAY_LEN(slice_columns),
    .print = print_slice,
};

/* ---- ingresses ---------------------------------------------------------------------------------
 */

static const struct api_column ingress_columns[] = {
    API_COLUMN_NAME,
    { "Class", "string", "", 0, "IngressClass that serves it." },
    { "Hosts", "string", "", 0, "Hosts of its rules." },
    { "Address", "string", "", 0, "Where it is served." },
    { "Ports", "string", "", 0, "80, and 443 where there is TLS." },
    API_COLUMN_AGE,
};

static void format_hosts(const cJSON *rules, struct ke_buf *out)
{
    const cJSON *rule;
    size_t n_shown = 0;
    size_t n_rules = 0;
    cJSON_ArrayForEach(rule, rules) {
        struct ke_str host = ke_json_str(rule, "host");
        n_rules++;
        if (host.len > 0 && n_shown < 3) {
            ke_buf_addf(out, "%s%.*s", n_shown++ > 0 ? "," : "", KE_STR_ARG(host));
        }
    }
    if (n_shown == 3 && n_rules > 3) {
        ke_buf_addf(out, " + %zu more...", n_rules - 3);
    }
}

static void print_ingress(const cJSON *ingress, struct api_cells *cells)
{
    ke_auto_buf hosts = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf address = KE_BUF_INIT(API_CELL_BYTES);
    bool has_tls = cJSON_GetArraySize(ke_json_path(ingress, "spec.tls")) > 0;
    struct ke_str class_name = ke_json_path_str(ingress, "spec.ingressClassName");
    format_hosts(ke_json_path(ingress, "spec.rules"), &hosts);
    format_load_balancer(ingress, &address);
    api_cell_name(cells, ingress);
    api_cell_str_or(cells, class_name, "<none>");
    api_cell_buf(cells, &hosts, "*");
    api_cell_buf(cells, &address, "");
    api_cell_str(cells, has_tls ? KE_STR("80, 443") : KE_STR("80"));
    api_cell_age(cells, ingress);
}

const struct api_table api_table_ingresses = {
    .kind = MODEL_INGRESS,
    .columns = ingress_columns,
    .n_columns = KE_ARRAY_LEN(ingress_columns),
    .print = print_ingress,
};

static const struct api_column class_columns[] = {
    API_COLUMN_NAME,
    { "Controller", "string", "", 0, "Controller that serves the class." },
    { "Parameters", "string", "", 0, "Object with parameters of the controller." },
    API_COLUMN_AGE,
};

static void print_class(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf text = KE_BUF_INIT(API_CELL_BYTES);
    const cJSON *parameters = ke_json_path(object, "spec.parameters");
    if (parameters != NULL) {
        struct ke_str group = ke_json_str(parameters, "apiGroup");
        ke_buf_add_str(&text, ke_json_str(parameters, "kind"));
        if (group.len > 0) {
            ke_buf_addf(&text, ".%.*s", KE_STR_ARG(group));
        }
        ke_buf_addf(&text, "/%.*s", KE_STR_ARG(ke_json_str(parameters, "name")));
    }
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_path_str(object, "spec.controller"));
    api_cell_buf(cells, &text, "<none>");
    api_cell_age(cells, object);
}

const struct api_table api_table_ingressclasses = {
    .kind = MODEL_INGRESSCLASS,
    .columns = class_columns,
    .n_columns = KE_ARRAY_LEN(class_columns),
    .print = print_class,
};
