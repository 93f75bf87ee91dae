/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlices between v1beta1, where an endpoint's place is a map (topology), and v1, where node
 * and zone are members and the rest of the map is deprecatedTopology. In place. Source: KEP-0752,
 * Kubernetes apis/discovery/v1beta1/conversion.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/endpointslice.h"
#include "core/model/values.h"

#define TOPOLOGY   "topology"
#define DEPRECATED "deprecatedTopology"

#define HOSTNAME   "kubernetes.io/hostname"
#define ZONE       "topology.kubernetes.io/zone"

/* A host name that is not the node's stays in the map: v1beta1 could say both. */
static bool endpoint_to_v1(cJSON *endpoint)
{
    ke_auto_json *topology = cJSON_DetachItemFromObjectCaseSensitive(endpoint, TOPOLOGY);
    if (topology == NULL)
        return true;
    const cJSON *zone = ke_json_get(topology, ZONE);
    if (zone != NULL) {
        if (!model_set_copy(endpoint, "zone", zone))
            return false;
        ke_json_del(topology, ZONE);
    }
    struct ke_str host = ke_json_str(topology, HOSTNAME);
    if (ke_json_get(endpoint, "nodeName") != NULL &&
        ke_str_eq(host, ke_json_str(endpoint, "nodeName")))
        ke_json_del(topology, HOSTNAME);
    return topology->child == NULL || ke_json_set(endpoint, DEPRECATED, KE_TAKE(topology));
}

/* nodeName is a member of both. */
static bool endpoint_to_v1beta1(cJSON *endpoint)
{
    cJSON *topology = cJSON_DetachItemFromObjectCaseSensitive(endpoint, DEPRECATED);
    if (topology != NULL && !ke_json_set(endpoint, TOPOLOGY, topology))
        return false;
    const cJSON *zone = ke_json_get(endpoint, "zone");
    const cJSON *node = ke_json_get(endpoint, "nodeName");
    if (zone == NULL && node == NULL)
        return true;
    cJSON *map = ke_json_need_object(endpoint, TOPOLOGY);
    if (map == NULL || (zone != NULL && !model_set_copy(map, ZONE, zone)) ||
        (node != NULL && ke_json_get(map, HOSTNAME) == NULL &&
         !model_set_copy(map, HOSTNAME, node)))
        return false;
    ke_json_del(endpoint, "zone");
    return true;
}

static bool each(cJSON *object, bool (*fn)(cJSON *endpoint))
{
    cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, ke_json_get_mut(object, "endpoints")) {
        if (!fn(endpoint))
            return false;
    }
    return true;
}

bool endpointslice_from_v1beta1(cJSON *object)
{
    return each(object, endpoint_to_v1);
}

bool endpointslice_to_v1beta1(cJSON *object)
{
    return each(object, endpoint_to_v1beta1);
}
