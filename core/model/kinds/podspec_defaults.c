/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults of a PodSpec and all it holds. Source: Kubernetes apis/core/v1/defaults.go. Pure; any
 * thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/values.h"

#define FILE_MODE     420 /* 0644 */
#define TOKEN_SECONDS 3600

/* "latest", said or meant, is pulled each time. A digest names one image for ever. */
static bool is_latest(struct ke_str image)
{
    struct ke_str name = image;
    size_t digest = ke_str_find(image, '@');
    name.len = digest;
    size_t last = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '/')
            last = i + 1;
    }
    struct ke_str base = ke_str_sub(name, last, name.len - last);
    size_t colon = ke_str_find(base, ':');
    if (colon == base.len)
        return digest == image.len;
    return ke_str_eq_c(ke_str_sub(base, colon + 1, base.len - colon - 1), "latest");
}

static bool default_http_get(cJSON *handler)
{
    cJSON *http = ke_json_get_mut(handler, "httpGet");
    if (http != NULL &&
        (!model_default_str(http, "path", "/") || !model_default_str(http, "scheme", "HTTP")))
        return false;
    cJSON *grpc = ke_json_get_mut(handler, "grpc");
    if (grpc == NULL || ke_json_get(grpc, "service") != NULL)
        return true;
    return ke_json_set_str(grpc, "service", KE_STR(""));
}

/* Numbers of Go that are zero when nobody said them. */
static bool default_count(cJSON *object, const char *name, int value)
{
    if (ke_json_i64(object, name, 0) != 0)
        return true;
    cJSON *number = cJSON_CreateNumber(value);
    return number != NULL && ke_json_set(object, name, number);
}

static bool default_probe(cJSON *probe)
{
    return probe == NULL || (default_http_get(probe) && default_count(probe, "timeoutSeconds", 1) &&
                             default_count(probe, "periodSeconds", 10) &&
                             default_count(probe, "successThreshold", 1) &&
                             default_count(probe, "failureThreshold", 3));
}

static bool default_field_ref(cJSON *holder)
{
    cJSON *ref = ke_json_get_mut(holder, "fieldRef");
    return ref == NULL || model_default_str(ref, "apiVersion", "v1");
}

static bool default_ports_and_env(cJSON *container)
{
    cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get_mut(container, "ports")) {
        if (!model_default_str(item, "protocol", "TCP"))
            return false;
    }
    cJSON_ArrayForEach(item, ke_json_get_mut(container, "env")) {
        cJSON *from = ke_json_get_mut(item, "valueFrom");
        if (from != NULL && !default_field_ref(from))
            return false;
    }
    return true;
}

static bool default_container(cJSON *container)
{
    cJSON *lifecycle = ke_json_get_mut(container, "lifecycle");
    cJSON *start = ke_json_get_mut(lifecycle, "postStart");
    cJSON *stop = ke_json_get_mut(lifecycle, "preStop");
    if (!default_ports_and_env(container) ||
        !default_probe(ke_json_get_mut(container, "livenessProbe")) ||
        !default_probe(ke_json_get_mut(container, "readinessProbe")) ||
        !default_probe(ke_json_get_mut(container, "startupProbe")) ||
        (start != NULL && !default_http_get(start)) || (stop != NULL && !default_http_get(stop)))
        return false;
    const char *policy = is_latest(ke_json_str(container, "image")) ? "Always" : "IfNotPresent";
    return model_default_object(container, "resources") &&
           model_default_str(container, "terminationMessagePath", "/dev/termination-log") &&
           model_default_str(container, "terminationMessagePolicy", "File") &&
           model_default_str(container, "imagePullPolicy", policy);
}

static bool default_projection(cJSON *projected)
{
    if (!model_default_num(projected, "defaultMode", FILE_MODE))
        return false;
    cJSON *source;
    cJSON_ArrayForEach(source, ke_json_get_mut(projected, "sources")) {
        cJSON *token = ke_json_get_mut(source, "serviceAccountToken");
        if (token != NULL && !model_default_num(token, "expirationSeconds", TOKEN_SECONDS))
            return false;
        cJSON *item;
        cJSON_ArrayForEach(item, ke_json_get_mut(ke_json_get_mut(source, "downwardAPI"), "items")) {
            if (!default_field_ref(item))
                return false;
        }
    }
    return true;
}

static bool default_volume(cJSON *volume)
{
    static const char *const with_mode[] = { "secret", "configMap", "downwardAPI" };
    for (size_t i = 0; i < KE_ARRAY_LEN(with_mode); i++) {
        cJSON *source = ke_json_get_mut(volume, with_mode[i]);
        if (source != NULL && !model_default_num(source, "defaultMode", FILE_MODE))
            return false;
    }
    cJSON *projected = ke_json_get_mut(volume, "projected");
    if (projected != NULL && !default_projection(projected))
        return false;
    cJSON *host = ke_json_get_mut(volume, "hostPath");
    if (host != NULL && ke_json_get(host, "type") == NULL &&
        !ke_json_set_str(host, "type", KE_STR("")))
        return false;
    cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get_mut(ke_json_get_mut(volume, "downwardAPI"), "items")) {
        if (!default_field_ref(item))
            return false;
    }
    /* A volume that says only its name is an empty directory. */
    bool has_source = cJSON_GetArraySize(volume) > (ke_json_get(volume, "name") != NULL ? 1 : 0);
    return has_source || model_default_object(volume, "emptyDir");
}

/* serviceAccount is what serviceAccountName was once called: both say the same. */
static bool default_service_account(cJSON *spec)
{
    const cJSON *name = ke_json_get(spec, "serviceAccountName");
    if (model_is_unset(spec, "serviceAccountName")) {
        name = ke_json_get(spec, "serviceAccount");
        if (model_is_unset(spec, "serviceAccount"))
            return true;
        return model_set_copy(spec, "serviceAccountName", name);
    }
    return model_set_copy(spec, "serviceAccount", name);
}

bool podspec_set_defaults(cJSON *spec)
{
    static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
    for (size_t i = 0; i < KE_ARRAY_LEN(lists); i++) {
        cJSON *container;
        cJSON_ArrayForEach(container, ke_json_get_mut(spec, lists[i])) {
            if (!default_container(container))
                return false;
        }
    }
    cJSON *volume;
    cJSON_ArrayForEach(volume, ke_json_get_mut(spec, "volumes")) {
        if (!default_volume(volume))
            return false;
    }
    return default_service_account(spec) && model_default_str(spec, "restartPolicy", "Always") &&
           model_default_num(spec, "terminationGracePeriodSeconds", 30) &&
           model_default_str(spec, "dnsPolicy", "ClusterFirst") &&
           model_default_object(spec, "securityContext") &&
           model_default_str(spec, "schedulerName", "default-scheduler");
}
