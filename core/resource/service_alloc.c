/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See service_alloc.h: follows the committed Services, and gives out claims. Threads: any, under
 * the lock.
 */
#include "core/resource/service_alloc.h"

#include "core/resource/service_taking.h"

/* ---- following what is committed */

static void mark(struct service_alloc *alloc, const struct service_holding *holding, bool is_taken)
{
    void (*change)(struct slots *, uint32_t) = is_taken ? slots_take : slots_give;
    for (size_t i = 0; i < holding->n_ips; i++) {
        struct service_range *range = service_alloc_find_range(alloc, holding->ips[i].family);
        uint32_t slot = 0;
        if (service_alloc_ip_slot(range, &holding->ips[i], &slot))
            change(range->slots, slot);
    }
    for (size_t i = 0; i < holding->n_ports; i++) {
        uint16_t port = holding->ports[i];
        if (port >= alloc->port_min && port <= alloc->port_max)
            change(alloc->ports, (uint32_t)(port - alloc->port_min));
    }
}

static bool mark_object(struct service_alloc *alloc, const struct registry_object *object,
                        bool is_taken)
{
    if (object == NULL)
        return true;
    ke_auto_json *json = registry_object_parse(object);
    struct service_holding holding = { .n_ips = 0 };
    bool is_ok = json != NULL && service_holding_read(json, &holding);
    if (is_ok)
        mark(alloc, &holding, is_taken);
    service_holding_deinit(&holding);
    return is_ok;
}

static void reset(struct service_alloc *alloc)
{
    for (size_t i = 0; i < alloc->n_ranges; i++) {
        slots_clear(alloc->ranges[i].slots);
        slots_take(alloc->ranges[i].slots, 0);
        uint64_t size = ke_cidr_size(&alloc->ranges[i].cidr);
        if (alloc->ranges[i].cidr.ip.family == KE_FAMILY_IPV4 &&
            size <= slots_size(alloc->ranges[i].slots))
            slots_take(alloc->ranges[i].slots, (uint32_t)size - 1);
    }
    slots_clear(alloc->ports);
}

/* The stream is read when somebody asks for an address, not before. */
static void ignore_wake(void *ctx)
{
    (void)ctx;
}

/* From scratch: at start, or when the stream was cut off. */
static enum ke_code list_again(struct service_alloc *alloc, struct ke_err *err)
{
    struct ke_str prefix = ke_str_c(model_kind_by_id(MODEL_SERVICE)->prefix);
    struct registry_list list = { .objects = NULL };
    enum ke_code rc = registry_list(watch_hub_registry(alloc->hub), prefix, 0,
                                    (struct ke_str){ NULL, 0 }, 0, &list, err);
    if (rc != KE_OK)
        return rc;
    reset(alloc);
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < list.n_objects; i++)
        is_ok = mark_object(alloc, list.objects[i], true);
    if (!is_ok)
        rc = ke_fail(err, KE_NOMEM, "read services");
    else
        rc = watch_stream_open(alloc->hub, prefix, list.revision, ignore_wake, NULL, &alloc->stream,
                               err);
    registry_list_free(&list);
    return rc;
}

/* Applies everything that was committed until now. */
static enum ke_code catch_up(struct service_alloc *alloc, struct ke_err *err)
{
    while (alloc->stream != NULL) {
        struct watch_event event;
        enum ke_code rc = watch_stream_next(alloc->stream, &event, err);
        if (rc == KE_AGAIN)
            return KE_OK;
        bool is_ok = rc == KE_OK;
        if (is_ok) {
            bool is_put = event.type == REGISTRY_PUT;
            is_ok = mark_object(alloc, is_put ? event.previous : event.object, false) &&
                    (!is_put || mark_object(alloc, event.object, true));
            watch_event_clear(&event);
        }
        if (!is_ok) {
            watch_stream_close(alloc->stream);
            alloc->stream = NULL;
        }
    }
    return list_again(alloc, err);
}

/* ---- taking */

/* Under the lock. KE_OK with issues: refused. */
static enum ke_code take_locked(struct service_taking *taking, const cJSON *old, struct ke_err *err)
{
    enum ke_code rc = catch_up(taking->alloc, err);
    if (rc != KE_OK)
        return rc;
    struct service_claim *claim = ke_alloc(sizeof(*claim));
    if (claim == NULL || (old != NULL && !service_holding_read(old, &taking->before)) ||
        !service_take_ips(taking) || !service_take_ports(taking)) {
        free(claim);
        return ke_fail(err, KE_NOMEM, "out of memory");
    }
    bool is_needed = taking->wanted.n_ips > 0 || taking->wanted.n_ports > 0;
    if (taking->op->issues.n_items > 0 || !is_needed) {
        free(claim);
        return KE_OK;
    }
    claim->alloc = taking->alloc;
    claim->holding = taking->wanted;
    taking->wanted = (struct service_holding){ .n_ips = 0 };
    ke_list_append(&taking->alloc->claims, &claim->link);
    taking->op->claim = claim;
    return KE_OK;
}

enum ke_code service_alloc_take(struct operation *op, cJSON *service, const cJSON *old)
{
    struct service_alloc *alloc = op->store->alloc;
    struct service_taking taking = { .alloc = alloc,
                                     .op = op,
                                     .spec = ke_json_need_object(service, "spec") };
    if (taking.spec == NULL)
        return operation_fail_nomem(op);
    if (ke_str_eq_c(ke_json_str(taking.spec, "type"), "ExternalName"))
        return KE_OK;
    if (!service_set_families(op, &alloc->families, service))
        return operation_fail_nomem(op);
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = KE_OK;
    if (op->issues.n_items == 0) {
        pthread_mutex_lock(&alloc->lock);
        rc = take_locked(&taking, old, &err);
        pthread_mutex_unlock(&alloc->lock);
    }
    service_holding_deinit(&taking.before);
    service_holding_deinit(&taking.wanted);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    return op->issues.n_items > 0 ? operation_fail_invalid(op, op->request.name) : KE_OK;
}

void service_claim_settle(struct service_claim *claim)
{
    if (claim == NULL)
        return;
    pthread_mutex_lock(&claim->alloc->lock);
    ke_list_remove(&claim->link);
    pthread_mutex_unlock(&claim->alloc->lock);
    service_holding_deinit(&claim->holding);
    free(claim);
}

/* ---- life */

static enum ke_code add_range(struct service_alloc *alloc, const struct ke_cidr *cidr,
                              struct ke_err *err)
{
    uint64_t size = ke_cidr_size(cidr);
    uint32_t n_slots = size < LIMIT_SERVICE_RANGE ? (uint32_t)size : LIMIT_SERVICE_RANGE;
    struct service_range *range = &alloc->ranges[alloc->n_ranges];
    range->cidr = *cidr;
    range->slots = slots_new(n_slots, slots_low_band(n_slots, 16, 256));
    if (range->slots == NULL)
        return ke_fail(err, KE_NOMEM, "service range");
    alloc->families.configured[alloc->families.n_configured++] = cidr->ip.family;
    alloc->n_ranges++;
    return KE_OK;
}

static enum ke_code set_own(struct service_alloc *alloc, const struct resource_options *options,
                            struct ke_err *err)
{
    struct own_address *api = &alloc->own[alloc->n_own];
    *api = (struct own_address){ .ns = "default", .name = "kubernetes" };
    if (alloc->n_ranges > 0 && ke_cidr_nth(&alloc->ranges[0].cidr, 1, &api->ip))
        alloc->n_own++;
    if (options->cluster_dns.len == 0)
        return KE_OK;
    struct own_address *dns = &alloc->own[alloc->n_own++];
    *dns = (struct own_address){ .ns = "kube-system", .name = "kube-dns" };
    return ke_ip_parse(options->cluster_dns, &dns->ip, err);
}

enum ke_code service_alloc_new(struct watch_hub *hub, const struct resource_options *options,
                               struct service_alloc **out, struct ke_err *err)
{
    struct service_alloc *alloc = ke_alloc(sizeof(*alloc));
    if (alloc == NULL)
        return ke_fail(err, KE_NOMEM, "service addresses");
    pthread_mutex_init(&alloc->lock, NULL);
    ke_list_init(&alloc->claims);
    alloc->hub = hub;
    alloc->port_min = options->node_port_min;
    alloc->port_max = options->node_port_max;
    uint32_t n_ports = (uint32_t)(alloc->port_max - alloc->port_min) + 1;
    alloc->ports = slots_new(n_ports, slots_low_band(n_ports, 32, 128));
    enum ke_code rc = alloc->ports != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "node ports");
    for (size_t i = 0; rc == KE_OK && i < options->n_service_cidrs; i++)
        rc = add_range(alloc, &options->service_cidrs[i], err);
    if (rc == KE_OK)
        rc = set_own(alloc, options, err);
    if (rc == KE_OK)
        rc = list_again(alloc, err);
    if (rc != KE_OK) {
        service_alloc_free(alloc);
        return rc;
    }
    *out = alloc;
    return KE_OK;
}

void service_alloc_free(struct service_alloc *alloc)
{
    if (alloc == NULL)
        return;
    KE_ASSERT(ke_list_is_empty(&alloc->claims));
    watch_stream_close(alloc->stream);
    for (size_t i = 0; i < SERVICE_FAMILIES_MAX; i++)
        slots_free(alloc->ranges[i].slots);
    slots_free(alloc->ports);
    pthread_mutex_destroy(&alloc->lock);
    free(alloc);
}
