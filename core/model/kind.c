/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in the table of kinds. The rows live in core/model/kinds. Constant data; any thread. */
#include "core/model/kind.h"

#include <stdio.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/meta.h"

/* Groups in the order of upstream's discovery. */
static const struct model_kind *const table[] = {
    &model_kind_binding,
    &model_kind_componentstatus,
    &model_kind_configmap,
    &model_kind_endpoints,
    &model_kind_event,
    &model_kind_limitrange,
    &model_kind_namespace,
    &model_kind_node,
    &model_kind_persistentvolumeclaim,
    &model_kind_persistentvolume,
    &model_kind_pod,
    &model_kind_podtemplate,
    &model_kind_replicationcontroller,
    &model_kind_resourcequota,
    &model_kind_secret,
    &model_kind_serviceaccount,
    &model_kind_service,
    &model_kind_controllerrevision,
    &model_kind_daemonset,
    &model_kind_deployment,
    &model_kind_replicaset,
    &model_kind_statefulset,
    &model_kind_selfsubjectreview,
    &model_kind_tokenreview,
    &model_kind_certificatesigningrequest,
    &model_kind_horizontalpodautoscaler,
    &model_kind_cronjob,
    &model_kind_job,
    &model_kind_ingressclass,
    &model_kind_ingress,
    &model_kind_ipaddress,
    &model_kind_networkpolicy,
    &model_kind_servicecidr,
    &model_kind_poddisruptionbudget,
    &model_kind_priorityclass,
    &model_kind_localsubjectaccessreview,
    &model_kind_selfsubjectaccessreview,
    &model_kind_selfsubjectrulesreview,
    &model_kind_subjectaccessreview,
    &model_kind_clusterrolebinding,
    &model_kind_clusterrole,
    &model_kind_rolebinding,
    &model_kind_role,
    &model_kind_lease,
    &model_kind_runtimeclass,
    &model_kind_endpointslice,
    &model_kind_csidriver,
    &model_kind_csinode,
    &model_kind_csistoragecapacity,
    &model_kind_storageclass,
    &model_kind_volumeattributesclass,
    &model_kind_deviceclass,
    &model_kind_resourceclaim,
    &model_kind_resourceclaimtemplate,
    &model_kind_resourceslice,
    &model_kind_apiservice,
    &model_kind_customresourcedefinition,
};
_Static_assert(KE_ARRAY_LEN(table) == MODEL_KIND_COUNT, "each kind has one row");

const struct model_kind *model_kind_at(unsigned i)
{
    return i < KE_ARRAY_LEN(table) ? table[i] : NULL;
}

const struct model_kind *model_kind_by_id(enum model_kind_id id)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(table); i++) {
        if (table[i]->id == id)
            return table[i];
    }
    return NULL;
}

const struct model_version *model_kind_version(const struct model_kind *kind, struct ke_str group,
                                               struct ke_str version)
{
    for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        if (!kind->versions[i].is_unserved && ke_str_eq_c(group, kind->versions[i].group) &&
            ke_str_eq_c(version, kind->versions[i].version))
            return &kind->versions[i];
    }
    return NULL;
}

/* Which name of a kind is meant. */
enum name_of { NAME_PLURAL, NAME_KIND };

static const struct model_kind *find_kind(struct ke_str group, struct ke_str version,
                                          enum name_of which, struct ke_str name,
                                          const struct model_version **out_version)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(table); i++) {
        const char *its = which == NAME_PLURAL ? table[i]->plural : table[i]->kind;
        if (!ke_str_eq_c(name, its))
            continue;
        const struct model_version *found = model_kind_version(table[i], group, version);
        if (found == NULL)
            continue;
        if (out_version != NULL)
            *out_version = found;
        return table[i];
    }
    return NULL;
}

const struct model_kind *model_kind_by_plural(struct ke_str group, struct ke_str version,
                                              struct ke_str plural,
                                              const struct model_version **out_version)
{
    return find_kind(group, version, NAME_PLURAL, plural, out_version);
}

const struct model_kind *model_kind_by_name(struct ke_str group, struct ke_str version,
                                            struct ke_str kind,
                                            const struct model_version **out_version)
{
    return find_kind(group, version, NAME_KIND, kind, out_version);
}

/* Nothing empty, nothing deeper. */
bool model_kind_split_key(const struct model_kind *kind, struct ke_str rest, struct ke_str *out_ns,
                          struct ke_str *out_name)
{
    size_t slash = ke_str_find(rest, '/');
    if (!kind->is_namespaced) {
        if (rest.len == 0 || slash != rest.len)
            return false;
        *out_ns = KE_STR("");
        *out_name = rest;
        return true;
    }
    if (slash == 0 || slash + 1 >= rest.len)
        return false;
    struct ke_str name = ke_str_of(rest.ptr + slash + 1, rest.len - slash - 1);
    if (ke_str_find(name, '/') != name.len)
        return false;
    *out_ns = ke_str_of(rest.ptr, slash);
    *out_name = name;
    return true;
}

const struct model_kind *model_kind_by_key(struct ke_str key, struct ke_str *out_ns,
                                           struct ke_str *out_name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(table); i++) {
        struct ke_str rest = key;
        if (table[i]->is_computed || !ke_str_cut_prefix(&rest, ke_str_c(table[i]->prefix)))
            continue;
        return model_kind_split_key(table[i], rest, out_ns, out_name) ? table[i] : NULL;
    }
    return NULL;
}

void model_kind_key(const struct model_kind *kind, struct ke_str ns, struct ke_str name,
                    struct ke_buf *out)
{
    ke_buf_add_c(out, kind->prefix);
    if (kind->is_namespaced && !ke_str_is_empty(ns)) {
        ke_buf_add_str(out, ns);
        ke_buf_add_char(out, '/');
    }
    ke_buf_add_str(out, name);
}

void model_version_format(const struct model_version *version, struct ke_buf *out)
{
    if (version->group[0] != '\0') {
        ke_buf_add_c(out, version->group);
        ke_buf_add_char(out, '/');
    }
    ke_buf_add_c(out, version->version);
}

enum model_durability model_kind_durability(const struct model_kind *kind, const cJSON *object)
{
    return kind->durability_of != NULL ? kind->durability_of(object) : kind->durability;
}

struct ke_str model_selectable_value(const struct model_selectable *field, const cJSON *object,
                                     char scratch[MODEL_SELECTABLE_SCRATCH])
{
    const cJSON *value = ke_json_path(object, field->path != NULL ? field->path : field->name);
    if (cJSON_IsString(value))
        return ke_json_value_str(value);
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) ? KE_STR("true") : KE_STR("false");
    if (cJSON_IsNumber(value)) {
        int n = snprintf(scratch, MODEL_SELECTABLE_SCRATCH, "%.0f", value->valuedouble);
        if (n > 0 && n < MODEL_SELECTABLE_SCRATCH)
            return ke_str_of(scratch, (size_t)n);
    }
    return ke_str_c(field->if_absent != NULL ? field->if_absent : "");
}

bool model_kind_has_field(const struct model_kind *kind, struct ke_str name)
{
    if (ke_str_eq_c(name, "metadata.name") || ke_str_eq_c(name, "metadata.namespace"))
        return true;
    for (const struct model_selectable *f = kind->fields; f != NULL && f->name != NULL; f++) {
        if (ke_str_eq_c(name, f->name))
            return true;
    }
    return false;
}

const struct model_subresource *model_kind_subresource(const struct model_kind *kind,
                                                       struct ke_str name)
{
    for (size_t i = 0; i < MODEL_MAX_SUBRESOURCES && kind->subresources[i].name != NULL; i++) {
        if (ke_str_eq_c(name, kind->subresources[i].name))
            return &kind->subresources[i];
    }
    return NULL;
}

const struct model_subresource *model_version_subresource(const struct model_kind *kind,
                                                          const struct model_version *version,
                                                          struct ke_str name)
{
    const struct model_version *in = version != NULL ? version : &kind->versions[0];
    if ((in->lacks_status && ke_str_eq_c(name, "status")) ||
        (in->lacks_scale && ke_str_eq_c(name, "scale")))
        return NULL;
    return model_kind_subresource(kind, name);
}

bool model_version_has_status(const struct model_kind *kind, const struct model_version *version)
{
    return kind->has_status && !(version != NULL ? version : &kind->versions[0])->lacks_status;
}

static bool set_api_version(const struct model_version *version, cJSON *object)
{
    char text[LIMIT_API_VERSION_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text));
    model_version_format(version, &buf);
    return ke_json_set_str(object, "apiVersion", ke_buf_str(&buf));
}

bool model_version_to_storage(const struct model_kind *kind, const struct model_version *version,
                              cJSON *object)
{
    if (version != NULL && version->to_storage != NULL && !version->to_storage(object))
        return false;
    return set_api_version(&kind->versions[0], object);
}

bool model_version_from_storage(const struct model_kind *kind, const struct model_version *version,
                                cJSON *object)
{
    if (version != NULL && version->from_storage != NULL && !version->from_storage(object))
        return false;
    return set_api_version(version != NULL ? version : &kind->versions[0], object);
}

void model_kind_validate(const struct model_kind *kind, const cJSON *object, const cJSON *old,
                         struct model_issues *issues)
{
    model_meta_validate(kind, object, old, issues);
    if (kind->validate != NULL)
        kind->validate(object, old, issues);
}

void model_kind_validate_status(const struct model_kind *kind, const cJSON *object,
                                const cJSON *old, struct model_issues *issues)
{
    model_meta_validate(kind, object, old, issues);
    if (kind->validate_status != NULL)
        kind->validate_status(object, old, issues);
}
