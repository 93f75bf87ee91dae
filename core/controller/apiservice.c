/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APIServices: one for each group version that is served, made and kept as upstream's autoregister
 * does; and the word that those of other servers are not available: kedge does not aggregate.
 * Source: kube-aggregator pkg/controllers/autoregister, pkg/controlplane/apiserver (priorities).
 * Controllers thread.
 */
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/controller/controller.h"
#include "core/controller/ensure.h"
#include "core/model/views.h"

#define MANAGED  "kube-aggregator.kubernetes.io/automanaged"
#define JSON_MAX (16U << 10)

struct apiservice_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by name: "v1.apps" */
};

/* The order of groups in discovery; versions by how finished they are. */
static const struct group_priority {
    const char *group;
    int priority;
} priorities[] = {
    { "", 18000 },
    { "apps", 17800 },
    { "events.k8s.io", 17750 },
    { "authentication.k8s.io", 17700 },
    { "authorization.k8s.io", 17600 },
    { "autoscaling", 17500 },
    { "batch", 17400 },
    { "certificates.k8s.io", 17300 },
    { "networking.k8s.io", 17200 },
    { "extensions", 17150 },
    { "policy", 17100 },
    { "rbac.authorization.k8s.io", 17000 },
    { "storage.k8s.io", 16800 },
    { "apiextensions.k8s.io", 16700 },
    { "scheduling.k8s.io", 16600 },
    { "coordination.k8s.io", 16500 },
    { "node.k8s.io", 16300 },
    { "discovery.k8s.io", 16200 },
    { "resource.k8s.io", 16200 },
};

#define CUSTOM_GROUP_PRIORITY   1000
#define CUSTOM_VERSION_PRIORITY 100

static int group_priority(const char *group)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(priorities); i++) {
        if (strcmp(priorities[i].group, group) == 0)
            return priorities[i].priority;
    }
    return CUSTOM_GROUP_PRIORITY;
}

/* v2 before v1 before v1beta1. */
static int version_priority(const struct model_version *version)
{
    struct ke_str name = ke_str_c(version->version);
    if (group_priority(version->group) == CUSTOM_GROUP_PRIORITY)
        return CUSTOM_VERSION_PRIORITY;
    if (version->group[0] == '\0')
        return 1;
    if (ke_str_eq_c(name, "v2"))
        return 30;
    return ke_str_eq_c(name, "v1") ? 15 : 9;
}

/* ---- what is served */

static bool is_registered_here(const struct model_version *version)
{
    /* It registers the others, and so not itself. */
    return strcmp(version->group, "apiregistration.k8s.io") != 0;
}

static void format_name(const struct model_version *version, struct ke_buf *out)
{
    ke_buf_addf(out, "%s.%s", version->version, version->group);
}

typedef void version_fn(void *ctx, const struct model_version *version);

static void each_version(const struct apiservice_controller *self, version_fn *fn, void *ctx)
{
    const struct model_kind *kind;
    size_t pos = 0;
    while ((kind = model_catalog_next(controller_catalog(self->env), &pos)) != NULL) {
        for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
            if (is_registered_here(&kind->versions[i]))
                fn(ctx, &kind->versions[i]);
        }
    }
}

struct search {
    struct ke_str name;
    const struct model_version *found;
};

static void compare(void *ctx, const struct model_version *version)
{
    struct search *search = ctx;
    ke_auto_buf name = KE_BUF_INIT(LIMIT_KEY_BYTES);
    format_name(version, &name);
    if (name.failed == KE_OK && ke_str_eq(ke_buf_str(&name), search->name))
        search->found = version;
}

static const struct model_version *find_served(const struct apiservice_controller *self,
                                               struct ke_str name)
{
    struct search search = { .name = name };
    each_version(self, compare, &search);
    return search.found;
}

static void enqueue(void *ctx, const struct model_version *version)
{
    struct apiservice_controller *self = ctx;
    ke_auto_buf name = KE_BUF_INIT(LIMIT_KEY_BYTES);
    format_name(version, &name);
    if (name.failed == KE_OK)
        work_queue_add(self->queue, ke_buf_str(&name));
}

/* ---- what they should be */

static cJSON *make_service(const struct model_version *version)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    bool is_custom = group_priority(version->group) == CUSTOM_GROUP_PRIORITY;
    ke_buf_add_c(&out, "{\"metadata\":{\"name\":\"");
    format_name(version, &out);
    ke_buf_addf(&out,
                "\",\"labels\":{\"" MANAGED "\":\"%s\"}},\"spec\":{\"group\":\"%s\",\"version\":"
                "\"%s\",\"groupPriorityMinimum\":%d,\"versionPriority\":%d}}",
                is_custom ? "true" : "onstart", version->group, version->version,
                group_priority(version->group), version_priority(version));
    return ensure_parse(&out);
}

struct condition {
    const char *status, *reason, *message;
};

static const struct condition local = { "True", "Local", "Local APIServices are always available" };
static const struct condition foreign = { "False", "AggregationNotSupported",
                                          "kedge does not pass requests on to other API servers" };
static const struct condition unserved = { "False", "NotServed",
                                           "no kind of this group and version is served here" };

/* when empty: without the time, for comparison. */
static cJSON *make_status(const struct condition *condition, struct ke_str when)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_addf(&out,
                "{\"status\":{\"conditions\":[{\"type\":\"Available\",\"status\":\"%s\",\"reason\":"
                "\"%s\",\"message\":\"%s\"",
                condition->status, condition->reason, condition->message);
    if (when.len > 0)
        ke_buf_addf(&out, ",\"lastTransitionTime\":\"%.*s\"", KE_STR_ARG(when));
    ke_buf_add_c(&out, "}]}}");
    return ensure_parse(&out);
}

/* ---- work */

static void ensure_status(struct apiservice_controller *self, struct work_item *item,
                          const struct registry_object *now, const struct condition *condition)
{
    ke_auto_json *json = registry_object_parse(now);
    ke_auto_json *wanted = make_status(condition, (struct ke_str){ NULL, 0 });
    if (json == NULL || wanted == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    if (ensure_is_within(wanted, json))
        return;
    char text[40];
    struct ke_buf when = KE_BUF_FIXED(text, sizeof(text));
    const struct ke_clock *clock = self->env->options.clock;
    ke_time_format_s(clock->wall_us(clock->ctx) / 1000000, &when);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = now->kind,
                                        .name = now->name,
                                        .subresource = KE_STR("status"),
                                        .body = make_status(condition, ke_buf_str(&when)) };
    if (request.body != NULL)
        work_item_write(item, &request);
    else
        work_item_again(item, work_backoff_ns(1));
}

static bool is_managed(const struct registry_object *object)
{
    return model_pairs_get(object->labels, object->n_labels, KE_STR(MANAGED)).len > 0;
}

static bool is_foreign(const struct registry_object *object)
{
    ke_auto_json *json = registry_object_parse(object);
    return ke_json_path(json, "spec.service") != NULL;
}

static void run(void *ctx, struct work_item *item)
{
    struct apiservice_controller *self = ctx;
    struct ke_str name = work_item_key(item);
    const struct model_version *served = find_served(self, name);
    const struct registry_object *now =
        watch_reflector_get(self->env->reflector, MODEL_APISERVICE, KE_STR(""), name);
    if (now != NULL && is_foreign(now)) {
        ensure_status(self, item, now, &foreign);
        return;
    }
    if (served == NULL && now != NULL && is_managed(now)) {
        struct resource_request request = {
            .verb = RESOURCE_DELETE, .kind = now->kind, .name = now->name, .grace_period_s = -1
        };
        work_item_write(item, &request);
        return;
    }
    struct ensure_target target = { .kind = MODEL_APISERVICE, .name = name };
    if (served != NULL)
        ensure_object(self->env, item, &target, make_service(served));
    if (now != NULL)
        ensure_status(self, item, now, served != NULL ? &local : &unserved);
}

/* ---- events */

/* All that are served, and all that are there. */
static void look_at_all(struct apiservice_controller *self)
{
    const struct registry_object *object;
    size_t pos = 0;
    each_version(self, enqueue, self);
    while ((object = watch_reflector_next(self->env->reflector, MODEL_APISERVICE, &pos)) != NULL)
        work_queue_add(self->queue, object->name);
}

static void look(struct apiservice_controller *self, const struct registry_object *object)
{
    if (object->kind->id == MODEL_APISERVICE)
        work_queue_add(self->queue, object->name);
    else if (object->kind->id == MODEL_CUSTOMRESOURCEDEFINITION)
        look_at_all(self);
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    (void)old;
    look((struct apiservice_controller *)controller, object);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    look((struct apiservice_controller *)controller, object);
}

static void on_synced(struct controller *controller)
{
    struct apiservice_controller *self = (struct apiservice_controller *)controller;
    look_at_all(self);
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct apiservice_controller *self = (struct apiservice_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *apiservice_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "apiservice",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct apiservice_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "APIServices");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "apiservice", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
