/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress between v1beta1 (backend with serviceName and servicePort, pathType optional) and v1
 * (defaultBackend, service.name and service.port). In place. Source: Kubernetes
 * apis/networking/v1beta1/conversion.go and defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/ingress.h"
#include "core/model/values.h"

typedef bool backend_fn(cJSON *backend);
typedef bool path_fn(cJSON *path);

/* The member moves to another name; nothing when it is not there. */
static bool rename_member(cJSON *object, const char *from, const char *to)
{
    cJSON *member = cJSON_DetachItemFromObjectCaseSensitive(object, from);
    return member == NULL || ke_json_set(object, to, member);
}

/* fn on the default backend (which goes by name) and every path's; path_fn, if any, on each path.
 */
static bool each_backend(cJSON *spec, const char *name, backend_fn *fn, path_fn *on_path)
{
    cJSON *backend = ke_json_get_mut(spec, name);
    if (backend != NULL && !fn(backend))
        return false;
    cJSON *rule;
    cJSON_ArrayForEach(rule, ke_json_get_mut(spec, "rules")) {
        cJSON *path;
        cJSON_ArrayForEach(path, ke_json_get_mut(ke_json_get_mut(rule, "http"), "paths")) {
            backend = ke_json_get_mut(path, "backend");
            if ((backend != NULL && !fn(backend)) || (on_path != NULL && !on_path(path)))
                return false;
        }
    }
    return true;
}

/* {serviceName, servicePort} becomes {service: {name, port: {name} or {number}}}. */
static bool backend_to_v1(cJSON *backend)
{
    const cJSON *port = ke_json_get(backend, "servicePort");
    bool has_number = cJSON_IsNumber(port) && port->valuedouble != 0;
    bool has_name = cJSON_IsString(port);
    if (model_is_unset(backend, "serviceName") && !has_number && !has_name) {
        ke_json_del(backend, "serviceName");
        ke_json_del(backend, "servicePort");
        return true;
    }
    cJSON *service = ke_json_need_object(backend, "service");
    cJSON *target = service != NULL ? ke_json_need_object(service, "port") : NULL;
    if (target == NULL)
        return false;
    const char *member = has_name ? "name" : "number";
    if (!model_set_copy(service, "name", ke_json_get(backend, "serviceName")) ||
        !model_set_copy(target, member, has_name || has_number ? port : NULL))
        return false;
    ke_json_del(backend, "serviceName");
    ke_json_del(backend, "servicePort");
    return true;
}

static bool path_to_v1(cJSON *path)
{
    return model_default_str(path, "pathType", "ImplementationSpecific");
}

static bool backend_to_v1beta1(cJSON *backend)
{
    cJSON *service = cJSON_DetachItemFromObjectCaseSensitive(backend, "service");
    if (service == NULL)
        return true;
    const cJSON *port = ke_json_get(service, "port");
    const cJSON *value = ke_json_get(port, "name");
    if (model_is_unset(port, "name"))
        value = ke_json_get(port, "number");
    bool is_done = model_set_copy(backend, "serviceName", ke_json_get(service, "name")) &&
                   model_set_copy(backend, "servicePort", value);
    cJSON_Delete(service);
    return is_done;
}

bool ingress_from_v1beta1(cJSON *object)
{
    cJSON *spec = ke_json_get_mut(object, "spec");
    return spec == NULL || (each_backend(spec, "backend", backend_to_v1, path_to_v1) &&
                            rename_member(spec, "backend", "defaultBackend"));
}

bool ingress_to_v1beta1(cJSON *object)
{
    cJSON *spec = ke_json_get_mut(object, "spec");
    return spec == NULL || (each_backend(spec, "defaultBackend", backend_to_v1beta1, NULL) &&
                            rename_member(spec, "defaultBackend", "backend"));
}
