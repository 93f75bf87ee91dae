/* SPDX-License-Identifier: Apache-2.0 */
/* See mirror_build.h. Pure. */
#include "core/controller/mirror_build.h"

#include "core/base/json.h"
#include "core/controller/endpoints_build.h"

bool mirror_is_wanted(const cJSON *endpoints)
{
    const cJSON *labels = ke_json_path(endpoints, "metadata.labels");
    const cJSON *annotations = ke_json_path(endpoints, "metadata.annotations");
    return !ke_str_eq_c(ke_json_str(labels, ENDPOINTS_SKIP_MIRROR), "true") &&
           ke_json_get(labels, ENDPOINTS_LABEL_MANAGED) == NULL &&
           ke_json_get(annotations, ENDPOINTS_LEADER) == NULL;
}

static bool add_item(cJSON *array, cJSON *item_given)
{
    if (item_given == NULL || !cJSON_AddItemToArray(array, item_given)) {
        cJSON_Delete(item_given);
        return false;
    }
    return true;
}

static bool copy_text(cJSON *out, const char *name, const cJSON *from)
{
    struct ke_str text = ke_json_str(from, name);
    return text.len == 0 || ke_json_set_str(out, name, text);
}

static cJSON *make_port(const cJSON *port)
{
    ke_auto_json *out = cJSON_CreateObject();
    struct ke_str proto = ke_json_str(port, "protocol");
    if (out == NULL || !ke_json_set_str(out, "name", ke_json_str(port, "name")) ||
        !ke_json_set_str(out, "protocol", proto.len > 0 ? proto : KE_STR("TCP")) ||
        !ke_json_set(out, "port", cJSON_CreateNumber((double)ke_json_i64(port, "port", 0))) ||
        !copy_text(out, "appProtocol", port))
        return NULL;
    return KE_TAKE(out);
}

static cJSON *make_ports(const cJSON *subset)
{
    ke_auto_json *list = cJSON_CreateArray();
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(subset, "ports")) {
        if (list == NULL || !add_item(list, make_port(it)))
            return NULL;
    }
    return KE_TAKE(list);
}

static cJSON *make_endpoint(const cJSON *address, bool is_ready)
{
    ke_auto_json *out = cJSON_CreateObject();
    cJSON *addresses = out != NULL ? ke_json_need_array(out, "addresses") : NULL;
    cJSON *conditions = addresses != NULL ? ke_json_need_object(out, "conditions") : NULL;
    const cJSON *ip = ke_json_get(address, "ip");
    const cJSON *target = ke_json_get(address, "targetRef");
    if (conditions == NULL || ip == NULL || !add_item(addresses, cJSON_Duplicate(ip, true)) ||
        !ke_json_set(conditions, "ready", cJSON_CreateBool(is_ready)) ||
        !copy_text(out, "hostname", address) || !copy_text(out, "nodeName", address) ||
        (target != NULL && !ke_json_set(out, "targetRef", cJSON_Duplicate(target, true))))
        return NULL;
    return KE_TAKE(out);
}

/* Subsets with the same ports share slices. */
static struct slice_group *find_group(struct slices_wish *wish, enum ke_family family,
                                      const cJSON *subset)
{
    ke_auto_json *ports = make_ports(subset);
    if (ports == NULL)
        return NULL;
    for (size_t i = 0; i < wish->n_groups; i++) {
        if (wish->groups[i].family == family && ke_json_equal(wish->groups[i].ports, ports))
            return &wish->groups[i];
    }
    return slices_wish_add_group(wish, family, KE_TAKE(ports));
}

static bool add_addresses(struct slices_wish *wish, const cJSON *subset, bool is_ready,
                          size_t *room)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(subset, is_ready ? "addresses" : "notReadyAddresses")) {
        struct ke_ip ip;
        struct ke_err err = KE_ERR_INIT;
        if (*room == 0 || ke_ip_parse(ke_json_str(it, "ip"), &ip, &err) != KE_OK)
            continue;
        (*room)--;
        struct slice_group *group = find_group(wish, ip.family, subset);
        if (group == NULL || !add_item(group->endpoints, make_endpoint(it, is_ready)))
            return false;
    }
    return true;
}

static bool set_labels(const cJSON *endpoints, struct slices_wish *wish)
{
    const cJSON *labels = ke_json_path(endpoints, "metadata.labels");
    wish->labels = labels != NULL ? cJSON_Duplicate(labels, true) : cJSON_CreateObject();
    return wish->labels != NULL && ke_json_set_str(wish->labels, SLICE_LABEL_SERVICE, wish->name) &&
           ke_json_set_str(wish->labels, SLICE_LABEL_MANAGED_BY, KE_STR(SLICE_BY_MIRRORING));
}

bool mirror_build_slices(const cJSON *endpoints, struct slices_wish *wish)
{
    const cJSON *meta = ke_json_get(endpoints, "metadata");
    wish->ns = ke_json_str(meta, "namespace");
    wish->name = ke_json_str(meta, "name");
    wish->uid = ke_json_str(meta, "uid");
    wish->api_version = KE_STR("v1");
    wish->kind = KE_STR("Endpoints");
    if (!set_labels(endpoints, wish))
        return false;
    const cJSON *subset;
    cJSON_ArrayForEach(subset, ke_json_get(endpoints, "subsets")) {
        size_t room = MIRROR_ADDRESSES_MAX;
        if (!add_addresses(wish, subset, true, &room) || !add_addresses(wish, subset, false, &room))
            return false;
    }
    return true;
}
