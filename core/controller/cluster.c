/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that every cluster has: Service default/kubernetes for the API and Service
 * kube-system/kube-dns for the DNS, each with Endpoints and a slice of this node's address, and the
 * IngressClass; the ServiceCIDR that shows the configured ranges, and the two system
 * PriorityClasses. They are put right when somebody changes or
 * deletes them. Controllers thread.
 */
#include "core/base/json.h"
#include "core/controller/controller.h"
#include "core/controller/ensure.h"

#define JSON_MAX           (16U << 10)
#define INGRESS_CONTROLLER "kedge.io/ingress-controller"
#define RANGES             "kubernetes" /* the ServiceCIDR of the configured ranges */

/* One Service of the cluster itself. */
struct own_service {
    const char *ns, *name;
    const char *labels; /* JSON */
    struct ke_ip ip;
    const char *ports;          /* of the Service, JSON */
    const char *endpoint_ports; /* JSON; of Endpoints and slice */
};

struct cluster_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* keys: "ns/name" of the Service, "class", "ranges", "priorities" */
    struct own_service services[2];
    size_t n_services;
    char api_ports[2][256];
};

#define DNS_PORTS                                                                                  \
    "[{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\",\"targetPort\":53},"                      \
    "{\"name\":\"dns-tcp\",\"port\":53,\"protocol\":\"TCP\",\"targetPort\":53}]"
#define DNS_ENDPOINT_PORTS                                                                         \
    "[{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\"},"                                        \
    "{\"name\":\"dns-tcp\",\"port\":53,\"protocol\":\"TCP\"}]"

/* ---- what they should be */

static void add_head(struct ke_buf *out, const struct own_service *own, const char *labels)
{
    ke_buf_addf(out, "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"labels\":%s},",
                own->name, own->ns, labels);
}

static cJSON *make_service(const struct own_service *own)
{
    char ip[KE_IP_TEXT_MAX];
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    add_head(&out, own, own->labels);
    ke_buf_addf(&out, "\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"%s\",\"ports\":%s}}",
                ke_ip_text(&own->ip, ip), own->ports);
    return ensure_parse(&out);
}

static cJSON *make_endpoints(const struct own_service *own, const struct ke_ip *node)
{
    char ip[KE_IP_TEXT_MAX];
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    add_head(&out, own, "{\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}");
    ke_buf_addf(&out, "\"subsets\":[{\"addresses\":[{\"ip\":\"%s\"}],\"ports\":%s}]}",
                ke_ip_text(node, ip), own->endpoint_ports);
    return ensure_parse(&out);
}

static cJSON *make_slice(const struct own_service *own, const struct ke_ip *node)
{
    char ip[KE_IP_TEXT_MAX];
    char labels[128];
    struct ke_buf text = KE_BUF_FIXED(labels, sizeof(labels) - 1);
    ke_buf_addf(&text, "{\"kubernetes.io/service-name\":\"%s\"}", own->name);
    labels[text.len] = '\0';
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    add_head(&out, own, labels);
    ke_buf_addf(&out,
                "\"addressType\":\"%s\",\"endpoints\":[{\"addresses\":[\"%s\"],\"conditions\":{"
                "\"ready\":true}}],\"ports\":%s}",
                node->family == KE_FAMILY_IPV6 ? "IPv6" : "IPv4", ke_ip_text(node, ip),
                own->endpoint_ports);
    return ensure_parse(&out);
}

static const struct own_priority {
    const char *name;
    long long value;
    const char *description;
} own_priorities[] = {
    { "system-node-critical", 2000001000,
      "Used for system critical pods that must not be moved from their current node." },
    { "system-cluster-critical", 2000000000,
      "Used for system critical pods that must run in the cluster, but can be moved to another "
      "node if necessary." },
};

static cJSON *make_priority(const struct own_priority *own)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_addf(&out, "{\"metadata\":{\"name\":\"%s\"},\"value\":%lld,\"description\":\"%s\"}",
                own->name, own->value, own->description);
    return ensure_parse(&out);
}

static cJSON *make_class(const struct cluster_controller *self)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_add_c(&out, "{\"metadata\":{\"name\":");
    ke_buf_add_json_str(&out, self->env->options.ingress_class);
    ke_buf_add_c(&out, "},\"spec\":{\"controller\":\"" INGRESS_CONTROLLER "\"}}");
    return ensure_parse(&out);
}

static cJSON *make_ranges(const struct cluster_controller *self)
{
    const struct controllers_options *options = &self->env->options;
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_add_c(&out, "{\"metadata\":{\"name\":\"" RANGES "\"},\"spec\":{\"cidrs\":[");
    for (size_t i = 0; i < options->n_service_cidrs; i++) {
        struct ke_cidr masked = options->service_cidrs[i];
        (void)ke_cidr_nth(&options->service_cidrs[i], 0, &masked.ip);
        ke_buf_add_c(&out, i > 0 ? ",\"" : "\"");
        ke_cidr_format(&masked, &out);
        ke_buf_add_char(&out, '"');
    }
    ke_buf_add_c(&out, "]}}");
    return ensure_parse(&out);
}

/* ---- work */

/* A Service cannot change its address: one that has another is made anew. True: it is on its way
 * out. */
static bool replace_if_moved(struct cluster_controller *self, struct work_item *item,
                             const struct own_service *own)
{
    char ip[KE_IP_TEXT_MAX];
    const struct registry_object *now = watch_reflector_get(self->env->reflector, MODEL_SERVICE,
                                                            ke_str_c(own->ns), ke_str_c(own->name));
    if (now == NULL)
        return false;
    ke_auto_json *json = registry_object_parse(now);
    if (json == NULL ||
        ke_str_eq_c(ke_json_path_str(json, "spec.clusterIP"), ke_ip_text(&own->ip, ip)))
        return false;
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = now->kind,
                                        .ns = now->ns,
                                        .name = now->name,
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
    return true;
}

/* addressType cannot change either. */
static bool slice_is_of_other_family(const struct cluster_controller *self,
                                     const struct ensure_target *target, const cJSON *wanted)
{
    const struct registry_object *now =
        watch_reflector_get(self->env->reflector, target->kind, target->ns, target->name);
    ke_auto_json *json = now != NULL ? registry_object_parse(now) : NULL;
    return json != NULL &&
           !ke_str_eq(ke_json_str(json, "addressType"), ke_json_str(wanted, "addressType"));
}

static void ensure_slice(struct cluster_controller *self, struct work_item *item,
                         const struct own_service *own)
{
    struct ensure_target target = { .kind = MODEL_ENDPOINTSLICE,
                                    .ns = ke_str_c(own->ns),
                                    .name = ke_str_c(own->name) };
    ke_auto_json *wanted = make_slice(own, &self->env->node_ips[0]);
    if (wanted == NULL || !slice_is_of_other_family(self, &target, wanted)) {
        ensure_object(self->env, item, &target, KE_TAKE(wanted));
        return;
    }
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = model_kind_by_id(target.kind),
                                        .ns = target.ns,
                                        .name = target.name,
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
}

static void ensure_service(struct cluster_controller *self, struct work_item *item,
                           const struct own_service *own)
{
    struct ensure_target target = { .kind = MODEL_SERVICE,
                                    .ns = ke_str_c(own->ns),
                                    .name = ke_str_c(own->name) };
    if (replace_if_moved(self, item, own))
        return;
    ensure_object(self->env, item, &target, make_service(own));
    if (self->env->options.n_node_ips == 0)
        return;
    target.kind = MODEL_ENDPOINTS;
    ensure_object(self->env, item, &target, make_endpoints(own, &self->env->node_ips[0]));
    ensure_slice(self, item, own);
}

static void ensure_priorities(struct cluster_controller *self, struct work_item *item)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(own_priorities); i++) {
        struct ensure_target target = { .kind = MODEL_PRIORITYCLASS,
                                        .name = ke_str_c(own_priorities[i].name) };
        ensure_object(self->env, item, &target, make_priority(&own_priorities[i]));
    }
}

static void say_ready(struct cluster_controller *self, struct work_item *item,
                      const struct registry_object *ranges)
{
    const struct ke_clock *clock = self->env->options.clock;
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_add_c(&out, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
                       "\"reason\":\"\",\"message\":\"Kubernetes default Service CIDR is ready\","
                       "\"lastTransitionTime\":\"");
    ke_time_format_s(clock->wall_us(clock->ctx) / 1000000, &out);
    ke_buf_add_c(&out, "\"}]}}");
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = ranges->kind,
                                        .name = ranges->name,
                                        .subresource = KE_STR("status"),
                                        .body = ensure_parse(&out) };
    if (request.body != NULL)
        work_item_write(item, &request);
}

static bool is_ready(const cJSON *ranges)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(ranges, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(item, "type"), "Ready"))
            return ke_str_eq_c(ke_json_str(item, "status"), "True");
    }
    return false;
}

/* The ranges of an object cannot be changed: when others are configured it is made anew. */
static void ensure_ranges(struct cluster_controller *self, struct work_item *item)
{
    struct ensure_target target = { .kind = MODEL_SERVICECIDR, .name = KE_STR(RANGES) };
    ke_auto_json *wanted = make_ranges(self);
    const struct registry_object *now =
        watch_reflector_get(self->env->reflector, target.kind, KE_STR(""), target.name);
    ke_auto_json *json = now != NULL ? registry_object_parse(now) : NULL;
    if (wanted == NULL || (now != NULL && json == NULL)) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    if (json != NULL &&
        !ke_json_equal(ke_json_path(json, "spec.cidrs"), ke_json_path(wanted, "spec.cidrs"))) {
        struct resource_request request = {
            .verb = RESOURCE_DELETE, .kind = now->kind, .name = now->name, .grace_period_s = -1
        };
        work_item_write(item, &request);
        return;
    }
    ensure_object(self->env, item, &target, KE_TAKE(wanted));
    if (json != NULL && !is_ready(json))
        say_ready(self, item, now);
}

static void run(void *ctx, struct work_item *item)
{
    struct cluster_controller *self = ctx;
    struct ke_str ns;
    struct ke_str name;
    if (ke_str_eq_c(work_item_key(item), "class")) {
        struct ensure_target target = { .kind = MODEL_INGRESSCLASS,
                                        .name = self->env->options.ingress_class };
        ensure_object(self->env, item, &target, make_class(self));
        return;
    }
    if (ke_str_eq_c(work_item_key(item), "ranges")) {
        ensure_ranges(self, item);
        return;
    }
    if (ke_str_eq_c(work_item_key(item), "priorities")) {
        ensure_priorities(self, item);
        return;
    }
    work_item_name(item, &ns, &name);
    for (size_t i = 0; i < self->n_services; i++) {
        if (ke_str_eq_c(ns, self->services[i].ns) && ke_str_eq_c(name, self->services[i].name))
            ensure_service(self, item, &self->services[i]);
    }
}

/* ---- events */

static void look(struct cluster_controller *self, const struct registry_object *object)
{
    if (object->kind->id == MODEL_INGRESSCLASS &&
        ke_str_eq(object->name, self->env->options.ingress_class))
        work_queue_add(self->queue, KE_STR("class"));
    if (object->kind->id == MODEL_SERVICECIDR && ke_str_eq_c(object->name, RANGES) &&
        self->env->options.n_service_cidrs > 0)
        work_queue_add(self->queue, KE_STR("ranges"));
    if (object->kind->id == MODEL_PRIORITYCLASS)
        work_queue_add(self->queue, KE_STR("priorities"));
    if (object->kind->id != MODEL_SERVICE && object->kind->id != MODEL_ENDPOINTS &&
        object->kind->id != MODEL_ENDPOINTSLICE)
        return;
    for (size_t i = 0; i < self->n_services; i++) {
        if (ke_str_eq_c(object->name, self->services[i].name) &&
            ke_str_eq_c(object->ns, self->services[i].ns))
            work_queue_add_name(self->queue, object->ns, object->name);
    }
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    (void)old;
    look((struct cluster_controller *)controller, object);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    look((struct cluster_controller *)controller, object);
}

static void on_synced(struct controller *controller)
{
    struct cluster_controller *self = (struct cluster_controller *)controller;
    for (size_t i = 0; i < self->n_services; i++)
        work_queue_add_name(self->queue, ke_str_c(self->services[i].ns),
                            ke_str_c(self->services[i].name));
    if (self->env->options.ingress_class.len > 0)
        work_queue_add(self->queue, KE_STR("class"));
    if (self->env->options.n_service_cidrs > 0)
        work_queue_add(self->queue, KE_STR("ranges"));
    work_queue_add(self->queue, KE_STR("priorities"));
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct cluster_controller *self = (struct cluster_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

static void set_services(struct cluster_controller *self)
{
    const struct controllers_options *options = &self->env->options;
    for (int i = 0; i < 2; i++) {
        struct ke_buf text = KE_BUF_FIXED(self->api_ports[i], sizeof(self->api_ports[i]) - 1);
        ke_buf_addf(&text, "[{\"name\":\"https\",\"port\":%u,\"protocol\":\"TCP\"",
                    i == 0 ? 443U : (unsigned)options->api_port);
        if (i == 0)
            ke_buf_addf(&text, ",\"targetPort\":%u", (unsigned)options->api_port);
        ke_buf_add_c(&text, "}]");
        self->api_ports[i][text.len] = '\0';
    }
    if (options->api_service_ip.family != KE_FAMILY_NONE) {
        self->services[self->n_services++] =
            (struct own_service){ .ns = "default",
                                  .name = "kubernetes",
                                  .labels = "{\"component\":\"apiserver\",\"provider\":"
                                            "\"kubernetes\"}",
                                  .ip = options->api_service_ip,
                                  .ports = self->api_ports[0],
                                  .endpoint_ports = self->api_ports[1] };
    }
    if (options->has_dns) {
        self->services[self->n_services++] =
            (struct own_service){ .ns = "kube-system",
                                  .name = "kube-dns",
                                  .labels = "{\"k8s-app\":\"kube-dns\",\"kubernetes.io/"
                                            "cluster-service\":\"true\",\"kubernetes.io/name\":"
                                            "\"CoreDNS\"}",
                                  .ip = options->cluster_dns,
                                  .ports = DNS_PORTS,
                                  .endpoint_ports = DNS_ENDPOINT_PORTS };
    }
}

struct controller *cluster_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "cluster",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct cluster_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "cluster objects");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    set_services(self);
    self->queue = work_queue_new(env->pool, "cluster", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
