/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KIND_H
#define CORE_MODEL_KIND_H
/*
 * The table of kinds: one row a resource that is stored, and under it one row for each group
 * version in which it is served. Adding a kind is adding a row (and, where kedge acts on it, a
 * typed view). All constant data; any thread.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/str.h"
#include "core/model/issues.h"

struct model_message; /* core/model/schema.h */
struct model_kind;

/* The kinds that code names. Others are found by group, version and plural. */
enum model_kind_id {
    MODEL_NAMESPACE,
    MODEL_NODE,
    MODEL_SERVICE,
    MODEL_ENDPOINTS,
    MODEL_POD,
    MODEL_CONFIGMAP,
    MODEL_SECRET,
    MODEL_SERVICEACCOUNT,
    MODEL_EVENT,
    MODEL_REPLICATIONCONTROLLER,
    MODEL_DEPLOYMENT,
    MODEL_REPLICASET,
    MODEL_ENDPOINTSLICE,
    MODEL_INGRESS,
    MODEL_INGRESSCLASS,
    MODEL_LEASE,
    MODEL_COMPONENTSTATUS,
    MODEL_KIND_COUNT
};

enum model_durability {
    MODEL_DURABLE, /* acknowledged when on disk */
    MODEL_LAZY,    /* rebuildable: written behind, may be lost in a crash */
    MODEL_MEMORY   /* never on disk */
};

enum model_verb {
    MODEL_VERB_GET = 1 << 0,
    MODEL_VERB_LIST = 1 << 1,
    MODEL_VERB_WATCH = 1 << 2,
    MODEL_VERB_CREATE = 1 << 3,
    MODEL_VERB_UPDATE = 1 << 4,
    MODEL_VERB_PATCH = 1 << 5,
    MODEL_VERB_DELETE = 1 << 6,
    MODEL_VERB_DELETECOLLECTION = 1 << 7,
};

/* One group version in which a kind is served. The first of a kind is the version it is stored in.
 */
struct model_version {
    const char *group;   /* "" for core */
    const char *version; /* "v1" */
    const char *message; /* schema name: "core.v1.Pod" */
    /* In place, between this version and the stored one; NULL where they are equal but for
     * apiVersion. */
    void (*to_storage)(cJSON *object);
    void (*from_storage)(cJSON *object);
};

struct model_subresource {
    const char *name; /* "status" */
    unsigned verbs;
    const char *group, *version, *kind; /* of what it speaks: NULL: the kind itself */
};

#define MODEL_MAX_VERSIONS     4
#define MODEL_MAX_SUBRESOURCES 8

struct model_kind {
    enum model_kind_id id;
    const char *kind;      /* "Pod" */
    const char *list_kind; /* "PodList" */
    const char *plural;    /* "pods" */
    const char *singular;  /* "pod" */
    const char *short_names[4];
    const char *categories[2];
    const char *prefix; /* "/registry/pods/": with the slash; then NS/NAME or NAME */
    bool is_namespaced;
    bool has_status;     /* PUT of the object keeps status; /status changes only status */
    bool has_generation; /* metadata.generation counts changes of spec */
    bool can_update_unconditionally; /* PUT without resourceVersion overwrites */
    bool can_create_on_update;       /* PUT of a missing one creates (Lease, Event, Endpoints...) */
    enum model_durability durability;
    unsigned verbs; /* enum model_verb, or-ed */
    struct model_version versions[MODEL_MAX_VERSIONS];
    struct model_subresource subresources[MODEL_MAX_SUBRESOURCES];

    /* All on the stored version, in place, pure. NULL: nothing to do. */
    void (*set_defaults)(cJSON *object);
    /* old NULL: create. Reports every problem with its field. */
    void (*validate)(const cJSON *object, const cJSON *old, struct model_issues *issues);
    void (*validate_status)(const cJSON *object, const cJSON *old, struct model_issues *issues);
    /* Selectable fields besides metadata.name and metadata.namespace: NULL-terminated paths. */
    const char *const *fields;
};

const struct model_kind *model_kind_by_id(enum model_kind_id id);
/* NULL: not served. version receives the served row when not NULL. Never the stored row by luck:
 * exact group version. */
const struct model_kind *model_kind_by_plural(struct ke_str group, struct ke_str version,
                                              struct ke_str plural,
                                              const struct model_version **out_version);
const struct model_kind *model_kind_by_name(struct ke_str group, struct ke_str version,
                                            struct ke_str kind,
                                            const struct model_version **out_version);
/* Of all rows, in the order of discovery; i from 0; NULL at the end. */
const struct model_kind *model_kind_at(unsigned i);
/* The kind a registry key belongs to, and its namespace ("" when cluster-wide) and name; NULL: not
 * a key of ours. */
const struct model_kind *model_kind_by_key(struct ke_str key, struct ke_str *out_ns,
                                           struct ke_str *out_name);
/* "/registry/pods/NS/NAME"; name empty: the prefix of a namespace; both empty: of the kind. */
void model_kind_key(const struct model_kind *kind, struct ke_str ns, struct ke_str name,
                    struct ke_buf *out);
/* "apps/v1" or "v1". */
void model_version_format(const struct model_version *version, struct ke_buf *out);

#endif
