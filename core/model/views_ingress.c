/* SPDX-License-Identifier: Apache-2.0 */
/* Views of Ingress and IngressClass. Pure; any thread. */
#include "core/model/views_decode.h"

static struct model_ingress_backend read_backend(struct view_decoder *d, const cJSON *json)
{
    struct model_ingress_backend backend = { .port = { .number = 0 } };
    const cJSON *service = ke_json_get(json, "service");
    const cJSON *port = ke_json_get(service, "port");
    const cJSON *resource = ke_json_get(json, "resource");
    backend.service = view_str(d, service, "name");
    backend.port.number = view_port(port, "number");
    backend.port.name = view_str(d, port, "name");
    backend.resource_kind = view_str(d, resource, "kind");
    backend.resource_name = view_str(d, resource, "name");
    return backend;
}

static enum model_path_type read_path_type(struct ke_str text)
{
    if (ke_str_eq(text, KE_STR("Exact")))
        return MODEL_PATH_EXACT;
    return ke_str_eq(text, KE_STR("Prefix")) ? MODEL_PATH_PREFIX : MODEL_PATH_IMPLEMENTATION;
}

static void read_paths(struct view_decoder *d, const cJSON *list, struct model_ingress_rule *out)
{
    size_t n = view_list_len(list);
    out->paths = view_array(d, &n, sizeof(*out->paths));
    if (out->paths == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_ingress_path *path = &out->paths[out->n_paths];
        out->n_paths++;
        struct ke_str text = ke_json_str(item, "path");
        path->path = text.len > 0 ? view_copy(d, text) : KE_STR("/");
        path->type = read_path_type(ke_json_str(item, "pathType"));
        path->backend = read_backend(d, ke_json_get(item, "backend"));
    }
}

static void read_rules(struct view_decoder *d, const cJSON *list, struct model_ingress *out)
{
    size_t n = view_list_len(list);
    out->rules = view_array(d, &n, sizeof(*out->rules));
    if (out->rules == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_ingress_rule *rule = &out->rules[out->n_rules];
        out->n_rules++;
        rule->host = view_str(d, item, "host");
        read_paths(d, ke_json_path(item, "http.paths"), rule);
    }
}

static void read_hosts(struct view_decoder *d, const cJSON *list, struct model_ingress_tls *out)
{
    size_t n = view_list_len(list);
    out->hosts = view_array(d, &n, sizeof(*out->hosts));
    if (out->hosts == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_IsString(item))
            out->hosts[out->n_hosts++] = view_copy(d, ke_json_value_str(item));
    }
}

static void read_tls(struct view_decoder *d, const cJSON *list, struct model_ingress *out)
{
    size_t n = view_list_len(list);
    out->tls = view_array(d, &n, sizeof(*out->tls));
    if (out->tls == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_ingress_tls *tls = &out->tls[out->n_tls];
        out->n_tls++;
        tls->secret = view_str(d, item, "secretName");
        read_hosts(d, ke_json_get(item, "hosts"), tls);
    }
}

bool model_ingress_decode(const cJSON *json, struct ke_arena *arena, struct model_ingress *out)
{
    struct view_decoder d = { .arena = arena };
    memset(out, 0, sizeof(*out));
    view_meta(&d, json, &out->meta);
    const cJSON *spec = ke_json_get(json, "spec");
    out->class_name = view_str(&d, spec, "ingressClassName");
    out->class_annotation = model_pairs_get(out->meta.annotations, out->meta.n_annotations,
                                            KE_STR("kubernetes.io/ingress.class"));
    const cJSON *backend = ke_json_get(spec, "defaultBackend");
    out->has_default_backend = cJSON_IsObject(backend);
    if (out->has_default_backend)
        out->default_backend = read_backend(&d, backend);
    read_rules(&d, ke_json_get(spec, "rules"), out);
    read_tls(&d, ke_json_get(spec, "tls"), out);
    return !d.is_out_of_memory;
}

bool model_ingress_class_decode(const cJSON *json, struct ke_arena *arena,
                                struct model_ingress_class *out)
{
    struct view_decoder d = { .arena = arena };
    memset(out, 0, sizeof(*out));
    view_meta(&d, json, &out->meta);
    out->controller = view_copy(&d, ke_json_path_str(json, "spec.controller"));
    struct ke_str is_default =
        model_pairs_get(out->meta.annotations, out->meta.n_annotations,
                        KE_STR("ingressclass.kubernetes.io/is-default-class"));
    out->is_default = ke_str_eq(is_default, KE_STR("true"));
    return !d.is_out_of_memory;
}
