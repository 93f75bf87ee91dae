/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps Endpoints and EndpointSlices of Services that have a selector. Two label indexes (which
 * Services ask for a label, which Pods carry it) make the change of a Pod cost what the Services
 * that select it cost. Controllers thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/controller/endpoints_build.h"
#include "core/controller/label_index.h"
#include "core/controller/slice_index.h"

#define VIEW_BYTES (8U << 20)
#define ZONE_LABEL "topology.kubernetes.io/zone"

struct pod_entry {
    struct ke_arena *arena;
    struct model_pod pod;
    struct label_entry *labels; /* one a label of the pod */
};

/* A Service with a selector; one block of memory, the texts behind the pairs. */
struct service_entry {
    struct registry_object *object; /* a reference; its names are read from it */
    struct label_entry by_first;    /* under the first pair of its selector */
    size_t n_selector;
    struct model_pair selector[];
};

struct endpoints_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue;
    struct ke_map *pods;     /* struct pod_entry by registry key */
    struct ke_map *services; /* struct service_entry by registry key */
    struct label_index *pod_index;
    struct label_index *service_index;
    struct slice_index *slices;
};

/* ---- which Services a Pod belongs to */

static bool selector_matches(const struct model_pair *selector, size_t n_selector,
                             const struct model_meta *meta)
{
    for (size_t i = 0; i < n_selector; i++) {
        struct ke_str value = model_pairs_get(meta->labels, meta->n_labels, selector[i].key);
        if (value.ptr == NULL || !ke_str_eq(value, selector[i].value))
            return false;
    }
    return true;
}

static void add_services_of(struct endpoints_controller *self, const struct model_meta *meta)
{
    for (size_t i = 0; i < meta->n_labels; i++) {
        const struct ke_list *found = NULL;
        if (!label_index_find(self->service_index, meta->ns, &meta->labels[i], &found, NULL))
            continue;
        KE_LIST_EACH(it, found) {
            const struct service_entry *service =
                KE_CONTAINER_OF(it, struct label_entry, link)->owner;
            if (selector_matches(service->selector, service->n_selector, meta))
                work_queue_add_name(self->queue, service->object->ns, service->object->name);
        }
    }
}

/* ---- pods */

static void pod_entry_free(struct endpoints_controller *self, struct pod_entry *entry)
{
    if (entry == NULL)
        return;
    for (size_t i = 0; entry->labels != NULL && i < entry->pod.meta.n_labels; i++)
        label_index_remove(self->pod_index, &entry->labels[i]);
    ke_arena_free(entry->arena);
    free(entry);
}

static struct pod_entry *pod_entry_new(const struct registry_object *object)
{
    ke_auto_json *json = registry_object_parse(object);
    struct pod_entry *entry = json != NULL ? ke_alloc(sizeof(*entry)) : NULL;
    if (entry == NULL)
        return NULL;
    entry->arena = ke_arena_new(VIEW_BYTES);
    if (entry->arena == NULL || !model_pod_decode(json, entry->arena, &entry->pod)) {
        ke_arena_free(entry->arena);
        free(entry);
        return NULL;
    }
    return entry;
}

static bool same_pairs(const struct model_meta *a, const struct model_meta *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (!ke_str_eq(a->labels[i].key, b->labels[i].key) ||
            !ke_str_eq(a->labels[i].value, b->labels[i].value))
            return false;
    }
    return true;
}

static bool same_ips(const struct model_pod *a, const struct model_pod *b)
{
    if (a->n_ips != b->n_ips)
        return false;
    for (size_t i = 0; i < a->n_ips; i++) {
        if (!ke_ip_eq(&a->ips[i], &b->ips[i]))
            return false;
    }
    return true;
}

/* Would no Service see a difference? */
static bool is_same_endpoint(const struct model_pod *a, const struct model_pod *b)
{
    return same_pairs(&a->meta, &b->meta) && same_ips(a, b) && a->is_ready == b->is_ready &&
           (a->meta.deleted_us == 0) == (b->meta.deleted_us == 0) &&
           ke_str_eq(a->phase, b->phase) && ke_str_eq(a->meta.uid, b->meta.uid) &&
           ke_str_eq(a->node_name, b->node_name) && ke_str_eq(a->hostname, b->hostname) &&
           ke_str_eq(a->subdomain, b->subdomain);
}

static bool index_pod(struct endpoints_controller *self, struct pod_entry *entry, struct ke_str key)
{
    const struct model_meta *meta = &entry->pod.meta;
    entry->labels = ke_arena_alloc_n(entry->arena, meta->n_labels + 1, sizeof(*entry->labels));
    if (entry->labels == NULL)
        return false;
    for (size_t i = 0; i < meta->n_labels; i++) {
        if (!label_index_add(self->pod_index, meta->ns, &meta->labels[i], &entry->labels[i], entry))
            return false;
    }
    return ke_map_set(self->pods, key, entry, NULL);
}

static void pod_put(struct endpoints_controller *self, const struct registry_object *object)
{
    struct pod_entry *old = ke_map_del(self->pods, object->key);
    struct pod_entry *entry = pod_entry_new(object);
    bool is_same = old != NULL && entry != NULL && is_same_endpoint(&old->pod, &entry->pod);
    if (old != NULL && !is_same)
        add_services_of(self, &old->pod.meta);
    pod_entry_free(self, old);
    if (entry == NULL || !index_pod(self, entry, object->key)) {
        ke_log(KE_LOG_ERROR, "controller.pod_lost", KV_S("namespace", object->ns),
               KV_S("name", object->name));
        pod_entry_free(self, entry);
        return;
    }
    if (!is_same)
        add_services_of(self, &entry->pod.meta);
}

static void pod_delete(struct endpoints_controller *self, const struct registry_object *object)
{
    struct pod_entry *old = ke_map_del(self->pods, object->key);
    if (old != NULL)
        add_services_of(self, &old->pod.meta);
    pod_entry_free(self, old);
}

/* ---- services */

static void service_entry_free(struct endpoints_controller *self, struct service_entry *entry)
{
    if (entry == NULL)
        return;
    label_index_remove(self->service_index, &entry->by_first);
    registry_object_unref(entry->object);
    free(entry);
}

static struct ke_str keep_text(char **at, struct ke_str text)
{
    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    struct ke_str kept = ke_str_of(*at, text.len);
    *at += text.len;
    return kept;
}

static struct service_entry *service_entry_new(const struct registry_object *object,
                                               const cJSON *selector)
{
    size_t n = 0;
    size_t n_bytes = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, selector) {
        n_bytes += strlen(it->string) + ke_json_value_str(it).len;
        n++;
    }
    struct service_entry *entry =
        ke_alloc(sizeof(*entry) + n * sizeof(struct model_pair) + n_bytes);
    if (entry == NULL)
        return NULL;
    char *text = (char *)&entry->selector[n];
    entry->object = registry_object_ref(object);
    cJSON_ArrayForEach(it, selector) {
        struct model_pair *pair = &entry->selector[entry->n_selector++];
        pair->key = keep_text(&text, ke_str_c(it->string));
        pair->value = keep_text(&text, ke_json_value_str(it));
    }
    return entry;
}

static void service_put(struct endpoints_controller *self, const struct registry_object *object)
{
    service_entry_free(self, ke_map_del(self->services, object->key));
    /* Most hand-made Services have none: no need to parse them to know. */
    if (memmem(object->json.ptr, object->json.len, "\"selector\":", 11) == NULL)
        return;
    ke_auto_json *json = registry_object_parse(object);
    const cJSON *selector = ke_json_path(json, "spec.selector");
    if (json != NULL && (selector == NULL || selector->child == NULL))
        return;
    struct service_entry *entry = json != NULL ? service_entry_new(object, selector) : NULL;
    if (entry == NULL ||
        !label_index_add(self->service_index, object->ns, &entry->selector[0], &entry->by_first,
                         entry) ||
        !ke_map_set(self->services, object->key, entry, NULL)) {
        ke_log(KE_LOG_ERROR, "controller.service_lost", KV_S("namespace", object->ns),
               KV_S("name", object->name));
        service_entry_free(self, entry);
        return;
    }
    work_queue_add_name(self->queue, entry->object->ns, entry->object->name);
}

/* ---- reconciling one Service */

struct reconcile {
    struct endpoints_controller *self;
    struct work_item *item;
    struct ke_arena *arena;
    struct model_service service;
    struct endpoints_pod *pods;
    size_t n_pods;
    struct endpoints_input input;
};

static struct ke_str zone_of(const struct endpoints_controller *self, struct ke_str node_name)
{
    const struct registry_object *node =
        node_name.len > 0
            ? watch_reflector_get(self->env->reflector, MODEL_NODE, KE_STR(""), node_name)
            : NULL;
    return node != NULL ? model_pairs_get(node->labels, node->n_labels, KE_STR(ZONE_LABEL))
                        : (struct ke_str){ NULL, 0 };
}

/* The shortest of the lists under the labels that the selector asks for; false: one is empty. */
static bool find_fewest(const struct reconcile *rc, const struct ke_list **out, size_t *out_n)
{
    *out_n = SIZE_MAX;
    for (size_t i = 0; i < rc->service.n_selector; i++) {
        const struct ke_list *found = NULL;
        size_t n = 0;
        if (!label_index_find(rc->self->pod_index, rc->service.meta.ns, &rc->service.selector[i],
                              &found, &n))
            return false;
        if (n < *out_n) {
            *out = found;
            *out_n = n;
        }
    }
    return *out_n != SIZE_MAX;
}

static bool select_pods(struct reconcile *rc)
{
    const struct ke_list *found = NULL;
    size_t n = 0;
    if (!find_fewest(rc, &found, &n))
        return true;
    rc->pods = ke_arena_alloc_n(rc->arena, n, sizeof(*rc->pods));
    if (rc->pods == NULL)
        return false;
    KE_LIST_EACH(it, found) {
        const struct pod_entry *entry = KE_CONTAINER_OF(it, struct label_entry, link)->owner;
        if (!selector_matches(rc->service.selector, rc->service.n_selector, &entry->pod.meta))
            continue;
        rc->pods[rc->n_pods++] =
            (struct endpoints_pod){ &entry->pod, zone_of(rc->self, entry->pod.node_name) };
    }
    return true;
}

static void read_families(struct reconcile *rc, const cJSON *json)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(json, "spec.ipFamilies")) {
        if (rc->input.n_families < 2)
            rc->input.families[rc->input.n_families++] =
                ke_str_eq_c(ke_json_value_str(it), "IPv6") ? KE_FAMILY_IPV6 : KE_FAMILY_IPV4;
    }
    if (rc->input.n_families == 0)
        rc->input.families[rc->input.n_families++] = KE_FAMILY_IPV4;
}

static bool same_or_absent(const cJSON *a, const cJSON *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return ke_json_equal(a, b);
}

static bool is_right(const cJSON *now, const cJSON *wanted)
{
    const char *over = ENDPOINTS_OVER_CAPACITY;
    const cJSON *now_notes = ke_json_path(now, "metadata.annotations");
    const cJSON *wanted_notes = ke_json_path(wanted, "metadata.annotations");
    return same_or_absent(ke_json_get(now, "subsets"), ke_json_get(wanted, "subsets")) &&
           same_or_absent(ke_json_path(now, "metadata.labels"),
                          ke_json_path(wanted, "metadata.labels")) &&
           (ke_json_get(now_notes, over) == NULL) == (ke_json_get(wanted_notes, over) == NULL);
}

/* wanted given. */
static bool write_endpoints(struct reconcile *rc, cJSON *wanted)
{
    ke_auto_json *object = wanted;
    const struct model_meta *meta = &rc->service.meta;
    const struct registry_object *current =
        watch_reflector_get(rc->self->env->reflector, MODEL_ENDPOINTS, meta->ns, meta->name);
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_ENDPOINTS),
                                        .ns = meta->ns };
    if (object == NULL)
        return false;
    if (current != NULL) {
        ke_auto_json *now = registry_object_parse(current);
        if (now == NULL)
            return false;
        if (is_right(now, object))
            return true;
        cJSON *rv = cJSON_Duplicate(ke_json_path(now, "metadata.resourceVersion"), true);
        if (!ke_json_set(ke_json_get_mut(object, "metadata"), "resourceVersion", rv))
            return false;
        request.verb = RESOURCE_UPDATE;
        request.name = meta->name;
    }
    request.body = KE_TAKE(object);
    work_item_write(rc->item, &request);
    return true;
}

static bool reconcile_service(struct reconcile *rc, const struct registry_object *object)
{
    ke_auto_json *json = registry_object_parse(object);
    if (json == NULL || !model_service_decode(json, rc->arena, &rc->service))
        return false;
    if (rc->service.n_selector == 0 || rc->service.type == MODEL_SERVICE_EXTERNAL_NAME)
        return true; /* the user's, or what it had stays */
    if (!select_pods(rc))
        return false;
    rc->input.service = &rc->service;
    rc->input.pods = rc->pods;
    rc->input.n_pods = rc->n_pods;
    read_families(rc, json);
    struct slices_wish wish = { .n_groups = 0 };
    bool is_ok = endpoints_build_slices(&rc->input, &wish) &&
                 slice_index_apply(rc->self->slices, &wish, rc->item) &&
                 write_endpoints(rc, endpoints_build_object(&rc->input));
    slices_wish_deinit(&wish);
    return is_ok;
}

/* Slices have an owner and go with it; Endpoints never had one. */
static void remove_endpoints(struct endpoints_controller *self, struct work_item *item,
                             struct ke_str ns, struct ke_str name)
{
    if (watch_reflector_get(self->env->reflector, MODEL_ENDPOINTS, ns, name) == NULL)
        return;
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = model_kind_by_id(MODEL_ENDPOINTS),
                                        .ns = ns,
                                        .name = name,
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
}

static void run(void *ctx, struct work_item *item)
{
    struct endpoints_controller *self = ctx;
    struct ke_str ns;
    struct ke_str name;
    work_item_name(item, &ns, &name);
    const struct registry_object *object =
        watch_reflector_get(self->env->reflector, MODEL_SERVICE, ns, name);
    if (object == NULL) {
        remove_endpoints(self, item, ns, name);
        return;
    }
    KE_AUTO(ke_arena) *arena = ke_arena_new(VIEW_BYTES);
    struct reconcile rc = { .self = self, .item = item, .arena = arena };
    if (arena == NULL || !reconcile_service(&rc, object))
        work_item_again(item, work_backoff_ns(1));
}

/* ---- events */

static void add_all_services(struct endpoints_controller *self)
{
    size_t pos = 0;
    struct ke_str key;
    void *value;
    while (ke_map_next(self->services, &pos, &key, &value)) {
        const struct service_entry *entry = value;
        work_queue_add_name(self->queue, entry->object->ns, entry->object->name);
    }
}

static bool is_zone_changed(const struct registry_object *node, const struct registry_object *old)
{
    struct ke_str zone = model_pairs_get(node->labels, node->n_labels, KE_STR(ZONE_LABEL));
    struct ke_str was = { NULL, 0 };
    if (old != NULL)
        was = model_pairs_get(old->labels, old->n_labels, KE_STR(ZONE_LABEL));
    return !ke_str_eq(zone, was);
}

/* Left over from a Service that was deleted while nobody looked; hand-made ones stay. */
static bool is_made_here(const struct registry_object *endpoints)
{
    return ke_str_eq_c(
        model_pairs_get(endpoints->labels, endpoints->n_labels, KE_STR(ENDPOINTS_LABEL_MANAGED)),
        ENDPOINTS_BY);
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct endpoints_controller *self = (struct endpoints_controller *)controller;
    enum model_kind_id kind = object->kind->id;
    struct ke_str service;
    if (kind == MODEL_POD)
        pod_put(self, object);
    else if (kind == MODEL_SERVICE)
        service_put(self, object);
    else if (kind == MODEL_NODE && is_zone_changed(object, old))
        add_all_services(self); /* rare: a node was labelled */
    else if (kind == MODEL_ENDPOINTS && is_made_here(object))
        work_queue_add_name(self->queue, object->ns, object->name);
    else if (slice_index_put(self->slices, object, &service))
        work_queue_add_name(self->queue, object->ns, service);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct endpoints_controller *self = (struct endpoints_controller *)controller;
    enum model_kind_id kind = object->kind->id;
    struct ke_str service;
    if (kind == MODEL_POD) {
        pod_delete(self, object);
    } else if (kind == MODEL_SERVICE) {
        service_entry_free(self, ke_map_del(self->services, object->key));
        work_queue_add_name(self->queue, object->ns, object->name);
    } else if (kind == MODEL_ENDPOINTS) {
        work_queue_add_name(self->queue, object->ns, object->name);
    } else if (slice_index_delete(self->slices, object, &service)) {
        work_queue_add_name(self->queue, object->ns, service);
    }
}

static void on_synced(struct controller *controller)
{
    struct endpoints_controller *self = (struct endpoints_controller *)controller;
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct endpoints_controller *self = (struct endpoints_controller *)controller;
    size_t pos = 0;
    struct ke_str key;
    void *entry;
    while (self->pods != NULL && ke_map_next(self->pods, &pos, &key, &entry))
        pod_entry_free(self, entry);
    pos = 0;
    while (self->services != NULL && ke_map_next(self->services, &pos, &key, &entry))
        service_entry_free(self, entry);
    ke_map_free(self->pods);
    ke_map_free(self->services);
    label_index_free(self->pod_index);
    label_index_free(self->service_index);
    slice_index_free(self->slices);
    work_queue_free(self->queue);
    free(self);
}

struct controller *endpoints_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "endpoints",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct endpoints_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "endpoints");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "endpoints", run, self, err);
    self->pods = ke_map_new();
    self->services = ke_map_new();
    self->pod_index = label_index_new();
    self->service_index = label_index_new();
    self->slices = slice_index_new(SLICE_BY_ENDPOINTS);
    if (self->queue == NULL || self->pods == NULL || self->services == NULL ||
        self->pod_index == NULL || self->service_index == NULL || self->slices == NULL) {
        (void)ke_fail(err, KE_NOMEM, "endpoints");
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
