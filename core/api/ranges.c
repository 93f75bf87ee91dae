/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bitmaps of allocated service addresses and node ports. Any thread.
 */
#include "core/api/ranges.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/views.h"

#define MAX_BITS (1U << 20) /* as upstream: a larger range is used up to here */

struct bitmap {
    uint8_t *bytes; /* bit i: bytes[i / 8] */
    uint64_t n_bits;
};

struct ke_str api_range_key(enum api_range range)
{
    return range == API_RANGE_SERVICE_IPS ? KE_STR("/registry/ranges/serviceips")
                                          : KE_STR("/registry/ranges/servicenodeports");
}

static void set_bit(struct bitmap *bitmap, uint64_t at)
{
    if (at < bitmap->n_bits) {
        bitmap->bytes[at / 8] |= (uint8_t)(1U << (at % 8));
    }
}

/* Offset 0 is the first address behind the network's own. */
static void mark_ips(const struct ke_cidr *cidr, const struct model_service *service,
                     struct bitmap *bitmap)
{
    for (size_t i = 0; i < service->n_cluster_ips; i++) {
        uint64_t at = 0;
        if (ke_cidr_index(cidr, &service->cluster_ips[i], &at) && at > 0) {
            set_bit(bitmap, at - 1);
        }
    }
}

static void mark_ports(const struct api_options *options, const struct model_service *service,
                       struct bitmap *bitmap)
{
    for (size_t i = 0; i < service->n_ports; i++) {
        uint16_t port = service->ports[i].node_port;
        if (port >= options->node_port_min && port <= options->node_port_max) {
            set_bit(bitmap, (uint64_t)(port - options->node_port_min));
        }
    }
    if (service->health_check_node_port >= options->node_port_min) {
        set_bit(bitmap, (uint64_t)(service->health_check_node_port - options->node_port_min));
    }
}

static enum ke_code mark_service(const struct api_options *options, enum api_range range,
                                 const struct registry_object *object, struct bitmap *bitmap,
                                 struct ke_err *err)
{
    struct model_service service;
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_OBJECT_BYTES * 4);
    ke_auto_json *json = registry_object_parse(object);
    if (arena == NULL || json == NULL || !model_service_decode(json, arena, &service)) {
        return ke_fail(err, KE_NOMEM, "service ranges");
    }
    if (range == API_RANGE_SERVICE_IPS) {
        mark_ips(&options->service_cidrs[0], &service, bitmap);
    } else {
        mark_ports(options, &service, bitmap);
    }
    return KE_OK;
}

static enum ke_code mark_all(const struct api_options *options, enum api_range range,
                             struct bitmap *bitmap, int64_t *out_revision, struct ke_err *err)
{
    struct resource_list list = { .n_remaining = -1 };
    struct resource_list_options all = { .limit = 0 };
    enum ke_code rc =
        resource_list(options->store, model_kind_by_id(MODEL_SERVICE), &all, &list, err);
    if (rc != KE_OK) {
        return rc;
    }
    for (size_t i = 0; i < list.items.n_objects && rc == KE_OK; i++) {
        rc = mark_service(options, range, list.items.objects[i], bitmap, err);
    }
    *out_revision = list.items.revision;
    resource_list_free(&list);
    return rc;
}

static uint64_t range_bits(const struct api_options *options, enum api_range range)
{
    uint64_t n = 0;
    if (range == API_RANGE_NODE_PORTS) {
        n = (uint64_t)options->node_port_max - options->node_port_min + 1;
    } else if (options->n_service_cidrs > 0) {
        uint64_t size = ke_cidr_size(&options->service_cidrs[0]);
        n = size > 2 ? size - 2 : 0;
    }
    return n < MAX_BITS ? n : MAX_BITS;
}

static void print_range_name(const struct api_options *options, enum api_range range,
                             struct ke_buf *out)
{
    if (range == API_RANGE_NODE_PORTS) {
        ke_buf_addf(out, "%u-%u", options->node_port_min, options->node_port_max);
    } else if (options->n_service_cidrs > 0) {
        ke_cidr_format(&options->service_cidrs[0], out);
    }
}

enum ke_code api_range_print(const struct api_options *options, enum api_range range,
                             struct ke_buf *out, struct ke_err *err)
{
    struct bitmap bitmap = { .n_bits = range_bits(options, range) };
    size_t len = (size_t)(bitmap.n_bits / 8 + 1);
    int64_t revision = 0;
    ke_auto_ptr uint8_t *bytes = ke_alloc(len);
    if (bytes == NULL) {
        return ke_fail(err, KE_NOMEM, "service ranges");
    }
    bitmap.bytes = bytes;
    enum ke_code rc = mark_all(options, range, &bitmap, &revision, err);
    if (rc != KE_OK) {
        return rc;
    }
    /* big.Int.Bytes: most significant first, without leading zeros. */
    while (len > 0 && bytes[len - 1] == 0) {
        len--;
    }
    for (size_t i = 0; i < len / 2; i++) {
        uint8_t low = bytes[i];
        bytes[i] = bytes[len - 1 - i];
        bytes[len - 1 - i] = low;
    }
    ke_buf_addf(out,
                "{\"kind\":\"RangeAllocation\",\"apiVersion\":\"v1\",\"metadata\":"
                "{\"resourceVersion\":\"%lld\",\"creationTimestamp\":null},\"range\":\"",
                (long long)revision);
    print_range_name(options, range, out);
    ke_buf_add_c(out, "\",\"data\":\"");
    ke_buf_add_base64(out, bytes, len);
    ke_buf_add_c(out, "\"}\n");
    return KE_OK;
}
