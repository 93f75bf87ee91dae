/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_SERVICE_TAKING_H
#define CORE_RESOURCE_SERVICE_TAKING_H
/*
 * Inside of service_alloc: what is held and claimed, and one Service looking for what it needs.
 * Everything is under the lock of the service_alloc.
 */
#include <pthread.h>

#include "core/base/list.h"
#include "core/resource/operation.h"
#include "core/resource/service_families.h"
#include "core/resource/slots.h"

#define MAX_OWN 2 /* addresses kept for one Service by name */

/* What one Service holds, or one write wants to hold. */
struct service_holding {
    struct ke_ip ips[SERVICE_FAMILIES_MAX];
    size_t n_ips;
    uint16_t *ports;
    size_t n_ports, cap_ports;
};

struct service_claim {
    struct ke_list link;
    struct service_alloc *alloc;
    struct service_holding holding;
};

struct service_range {
    struct ke_cidr cidr;
    struct slots *slots; /* the network address, and the broadcast address of IPv4, stay taken */
};

/* An address that only one Service may have. */
struct own_address {
    struct ke_ip ip;
    const char *ns, *name;
};

struct service_alloc {
    pthread_mutex_t lock; /* guards everything below */
    struct watch_hub *hub;
    struct watch_stream *stream; /* NULL: list again */
    struct service_range ranges[SERVICE_FAMILIES_MAX];
    size_t n_ranges;
    struct service_families families;
    struct slots *ports;
    uint16_t port_min, port_max;
    struct own_address own[MAX_OWN];
    size_t n_own;
    struct ke_list claims;
};

/* False: out of memory. */
bool service_holding_read(const cJSON *service, struct service_holding *out) KE_MUST_CHECK;
void service_holding_deinit(struct service_holding *holding);
struct service_range *service_alloc_find_range(struct service_alloc *alloc, enum ke_family family);
/* The slot of an address that Services may have; false: outside. range NULL is fine. */
bool service_alloc_ip_slot(const struct service_range *range, const struct ke_ip *ip,
                           uint32_t *out);

/* One Service looking for addresses and ports. */
struct service_taking {
    struct service_alloc *alloc;
    struct operation *op;
    cJSON *spec;
    struct service_holding before; /* what it holds already */
    struct service_holding wanted; /* what it is given now */
    struct service_range *range;   /* being searched */
};

/* Refusals become issues of the operation; false: out of memory. */
bool service_take_ips(struct service_taking *taking) KE_MUST_CHECK;
bool service_take_ports(struct service_taking *taking) KE_MUST_CHECK;

#endif
