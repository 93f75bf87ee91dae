/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers this node: the Node object, its status when that is news or an hour old, and every
 * ten seconds the Lease that says it lives. Parts that are degraded show as a condition.
 * Controllers thread.
 */
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/controller/controller.h"
#include "core/controller/ensure.h"
#include "core/controller/node_build.h"

#define RENEW_NS         (10 * KE_S)
#define LEASE_SECONDS    40
#define STATUS_MAX_AGE_S 3600 /* the Lease says that it lives; a status is 20 KB on the disk */
#define LEASE_NS         "kube-node-lease"
#define DEGRADED_MAX     (8U << 10)
#define JSON_MAX         (4U << 10)

struct node_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* keys: "node", "lease" */
    struct node_facts facts;
};

static const struct registry_object *find_node(const struct node_controller *self)
{
    return watch_reflector_get(self->env->reflector, MODEL_NODE, KE_STR(""),
                               self->env->options.node_name);
}

/* "dns: port 53 is held by dnsmasq; proxy: ..." */
static void list_degraded(struct report *report, struct ke_buf *out)
{
    const char *part = NULL;
    bool is_healthy = true;
    for (size_t i = 0; report != NULL; i++) {
        ke_auto_buf message = KE_BUF_INIT(DEGRADED_MAX);
        if (!report_part_at(report, i, &part, &is_healthy, &message))
            return;
        if (is_healthy)
            continue;
        if (out->len > 0)
            ke_buf_add_c(out, "; ");
        ke_buf_addf(out, "%s: ", part);
        ke_buf_add_str(out, ke_buf_str(&message));
    }
}

static void write_status(struct node_controller *self, struct work_item *item,
                         const struct node_input *input, const cJSON *now)
{
    ke_auto_json *wanted = node_build_status(input, now);
    if (wanted == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    if (!node_status_is_news(wanted, now, input->now_s, STATUS_MAX_AGE_S))
        return;
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(MODEL_NODE),
                                        .name = self->env->options.node_name,
                                        .subresource = KE_STR("status"),
                                        .body = KE_TAKE(wanted) };
    work_item_write(item, &request);
}

static void run_node(struct node_controller *self, struct work_item *item)
{
    const struct ke_clock *clock = self->env->options.clock;
    ke_auto_buf degraded = KE_BUF_INIT(DEGRADED_MAX);
    list_degraded(self->env->options.report, &degraded);
    struct node_input input = { .options = &self->env->options,
                                .facts = &self->facts,
                                .degraded = ke_buf_str(&degraded),
                                .now_s = clock->wall_us(clock->ctx) / 1000000 };
    struct ensure_target target = { .kind = MODEL_NODE, .name = self->env->options.node_name };
    ensure_object(self->env, item, &target, node_build_object(&input));
    const struct registry_object *node = find_node(self);
    ke_auto_json *now = node != NULL ? registry_object_parse(node) : NULL;
    if (now != NULL) /* else the event of its creation brings us back */
        write_status(self, item, &input, now);
}

/* A Lease that goes with the Node. */
static cJSON *make_lease(const struct node_controller *self, const struct registry_object *node,
                         bool is_new)
{
    const struct ke_clock *clock = self->env->options.clock;
    struct ke_str name = self->env->options.node_name;
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_add_c(&out, "{\"metadata\":{");
    if (is_new) {
        ke_buf_add_c(&out, "\"name\":");
        ke_buf_add_json_str(&out, name);
        ke_buf_add_c(&out,
                     ",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":");
        ke_buf_add_json_str(&out, name);
        ke_buf_addf(&out, ",\"uid\":\"%.*s\"}]", KE_STR_ARG(node->uid));
    }
    ke_buf_add_c(&out, "},\"spec\":{\"holderIdentity\":");
    ke_buf_add_json_str(&out, name);
    ke_buf_addf(&out, ",\"leaseDurationSeconds\":%d,\"renewTime\":\"", LEASE_SECONDS);
    ke_time_format_us(clock->wall_us(clock->ctx), &out);
    ke_buf_add_c(&out, "\"}}");
    return ensure_parse(&out);
}

static void run_lease(struct node_controller *self, struct work_item *item)
{
    const struct registry_object *node = find_node(self);
    work_item_again(item, RENEW_NS);
    work_queue_add(self->queue, KE_STR("node")); /* is anything degraded? */
    if (node == NULL)
        return;
    struct ke_str name = self->env->options.node_name;
    bool is_new =
        watch_reflector_get(self->env->reflector, MODEL_LEASE, KE_STR(LEASE_NS), name) == NULL;
    struct resource_request request = { .verb = is_new ? RESOURCE_CREATE : RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(MODEL_LEASE),
                                        .ns = KE_STR(LEASE_NS),
                                        .name = is_new ? KE_STR("") : name,
                                        .body = make_lease(self, node, is_new) };
    if (request.body != NULL)
        work_item_write(item, &request);
}

static void run(void *ctx, struct work_item *item)
{
    struct node_controller *self = ctx;
    if (ke_str_eq_c(work_item_key(item), "lease"))
        run_lease(self, item);
    else
        run_node(self, item);
}

static bool is_this_node(const struct node_controller *self, const struct registry_object *object)
{
    return object->kind->id == MODEL_NODE && ke_str_eq(object->name, self->env->options.node_name);
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct node_controller *self = (struct node_controller *)controller;
    if (!is_this_node(self, object))
        return;
    work_queue_add(self->queue, KE_STR("node"));
    if (old == NULL)
        work_queue_add(self->queue, KE_STR("lease"));
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct node_controller *self = (struct node_controller *)controller;
    if (is_this_node(self, object))
        work_queue_add(self->queue, KE_STR("node"));
}

static void on_synced(struct controller *controller)
{
    struct node_controller *self = (struct node_controller *)controller;
    if (self->env->options.node_name.len == 0)
        return;
    work_queue_add(self->queue, KE_STR("node"));
    work_queue_add(self->queue, KE_STR("lease"));
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct node_controller *self = (struct node_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *node_controller_new(struct controller_env *env, struct ke_err *err)
{
    /* Never idle: the Lease is renewed for ever. */
    static const struct controller_vtbl vtbl = { .name = "node",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct node_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "node");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    node_facts_read(&self->facts);
    self->queue = work_queue_new(env->pool, "node", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
