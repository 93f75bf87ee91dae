/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KIND_H
#define CORE_MODEL_KIND_H
/*
 * The table of kinds: one row a resource that is stored, and under it one row for each group
 * version in which it is served. Adding a kind is adding a row: a file of its own in
 * core/model/kinds and its name in kinds/kinds.h (and, where kedge acts on it, a typed view). All
 * constant data; any thread.
 *
 * A write passes through a row in this order (core/resource drives it):
 *   create: normalise, to_storage, set_defaults, metadata, prepare_create, model_kind_validate
 *   update: normalise, to_storage, set_defaults, (status of old kept), prepare_update, metadata,
 *           model_kind_validate
 *   status: normalise, to_storage, set_defaults, (all but status of old kept), prepare_status,
 *           model_kind_validate_status
 * A new object's status is whatever prepare_create leaves: rows that trust no client with it reset
 * it there.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/model/issues.h"

struct model_message; /* core/model/schema.h */
struct model_custom;  /* core/model/catalog.h */
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
    MODEL_PERSISTENTVOLUME,
    MODEL_PERSISTENTVOLUMECLAIM,
    MODEL_LIMITRANGE,
    MODEL_RESOURCEQUOTA,
    MODEL_NETWORKPOLICY,
    MODEL_IPADDRESS,
    MODEL_SERVICECIDR,
    MODEL_STORAGECLASS,
    MODEL_VOLUMEATTRIBUTESCLASS,
    MODEL_CSIDRIVER,
    MODEL_CSINODE,
    MODEL_CSISTORAGECAPACITY,
    MODEL_DEVICECLASS,
    MODEL_RESOURCECLAIM,
    MODEL_RESOURCECLAIMTEMPLATE,
    MODEL_RESOURCESLICE,
    MODEL_APISERVICE,
    MODEL_CUSTOMRESOURCEDEFINITION,
    MODEL_TOKENREVIEW,
    MODEL_CERTIFICATESIGNINGREQUEST,
    MODEL_SELFSUBJECTREVIEW,
    MODEL_BINDING,
    MODEL_CONTROLLERREVISION,
    MODEL_CRONJOB,
    MODEL_DAEMONSET,
    MODEL_HORIZONTALPODAUTOSCALER,
    MODEL_JOB,
    MODEL_PODDISRUPTIONBUDGET,
    MODEL_PODTEMPLATE,
    MODEL_PRIORITYCLASS,
    MODEL_RUNTIMECLASS,
    MODEL_STATEFULSET,
    MODEL_ROLE,
    MODEL_ROLEBINDING,
    MODEL_CLUSTERROLE,
    MODEL_CLUSTERROLEBINDING,
    MODEL_SUBJECTACCESSREVIEW,
    MODEL_SELFSUBJECTACCESSREVIEW,
    MODEL_LOCALSUBJECTACCESSREVIEW,
    MODEL_SELFSUBJECTRULESREVIEW,
    MODEL_KIND_COUNT,
    /* Spoken by subresources and in no table. */
    MODEL_SCALE,
    MODEL_TOKENREQUEST,
    MODEL_EVICTION,
    MODEL_CONNECT_OPTIONS, /* the query of exec, attach, portforward, proxy */
    MODEL_CUSTOM           /* all kinds of CustomResourceDefinitions share it */
};

enum model_durability {
    MODEL_DURABLE, /* acknowledged when on disk */
    MODEL_LAZY,    /* rebuildable: written behind, may be lost in a crash */
    MODEL_MEMORY   /* never on disk */
};

/* Which names metadata.name may have; the words of a refusal follow from it (core/model/meta.h). */
enum model_name_rule {
    MODEL_NAME_SUBDOMAIN,    /* RFC 1123 subdomain, 253 bytes */
    MODEL_NAME_LABEL,        /* RFC 1123 label, 63 bytes: namespaces */
    MODEL_NAME_LABEL_1035,   /* RFC 1035 label, begins with a letter: services */
    MODEL_NAME_PATH_SEGMENT, /* anything that can be one segment of a path */
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
    const char *group;       /* "" for core */
    const char *version;     /* "v1" */
    const char *message;     /* schema name: "core.v1.Pod"; "" of custom kinds */
    bool is_unserved;        /* only stored in it: no look-up finds it, discovery leaves it out */
    bool orphans_dependents; /* a delete that says nothing about dependents leaves them behind */
    bool lacks_status,
        lacks_scale; /* custom kinds: subresources of the kind, not of this version */
    /* In place, between this version and the stored one, apiVersion included; NULL where they are
     * equal but for apiVersion. False: out of memory. Use model_version_to_storage and
     * _from_storage, which set apiVersion too. */
    bool (*to_storage)(cJSON *object);
    bool (*from_storage)(cJSON *object);
};

/* One field that a fieldSelector may name. */
struct model_selectable {
    const char *name;      /* as clients name it; NULL: end of the list */
    const char *path;      /* dotted, in the stored object; NULL: the same as the name */
    const char *if_absent; /* its value when the member is not there; NULL: "" */
};

/* How Scale reads a kind: dotted paths in the stored object. */
struct model_scale {
    const char *spec_replicas, *status_replicas;
    const char *selector; /* NULL: none */
    enum {
        MODEL_SCALE_LABEL_SELECTOR, /* a LabelSelector */
        MODEL_SCALE_LABELS,         /* a map of labels */
        MODEL_SCALE_TEXT            /* a selector as text */
    } selector_form;
};

struct model_subresource {
    const char *name; /* "status"; NULL: end of the list */
    unsigned verbs;
    const struct model_kind *speaks; /* of bodies and answers; NULL: the kind itself */
    const struct model_scale *scale; /* of "scale" */
    bool is_connection;              /* no object: bytes of a process, a port or another server */
};

#define MODEL_MAX_VERSIONS     8
#define MODEL_MAX_SUBRESOURCES 16
#define MODEL_MAX_NAMES        8 /* short names, categories */

struct model_kind {
    enum model_kind_id id;
    const struct model_custom *custom; /* NULL: built in */
    const char *kind;                  /* "Pod" */
    const char *list_kind;             /* "PodList" */
    const char *plural;                /* "pods" */
    const char *singular;              /* "pod" */
    const char *short_names[MODEL_MAX_NAMES];
    const char *categories[MODEL_MAX_NAMES];
    const char *prefix; /* "/registry/pods/": with the slash; then NS/NAME or NAME */
    enum model_name_rule name_rule;
    bool is_namespaced;
    bool is_computed;    /* never stored: who serves it makes it up (ComponentStatus) */
    bool has_status;     /* PUT of the object keeps status; /status changes only status */
    bool has_generation; /* metadata.generation counts changes of spec */
    bool can_update_unconditionally; /* PUT without resourceVersion overwrites */
    bool can_create_on_update;       /* PUT of a missing one creates (Lease, Event, Endpoints...) */
    enum model_durability durability; /* of most; ask model_kind_durability for one object */
    unsigned verbs;                   /* enum model_verb, or-ed */
    struct model_version versions[MODEL_MAX_VERSIONS]; /* ends with group NULL, or when full */
    /* Only what is served: what clients see in discovery must answer. */
    struct model_subresource subresources[MODEL_MAX_SUBRESOURCES];
    /* Besides metadata.name and metadata.namespace. NULL: none. */
    const struct model_selectable *fields;

    /* All on the stored version, in place, pure. NULL: nothing to do. False: out of memory. */
    bool (*set_defaults)(cJSON *object);
    /* What a client may not say on create (the status of a new object), and what is only then
     * computed from the rest (qosClass). */
    bool (*prepare_create)(cJSON *object);
    /* What an update keeps of old where the client left it out (allocated addresses and ports), and
     * what a change of type drops. */
    bool (*prepare_update)(cJSON *object, const cJSON *old);
    /* What an update of status keeps of old where the client left it out. */
    bool (*prepare_status)(cJSON *object, const cJSON *old);
    /* Everything but metadata; old NULL: create. Reports every problem with its field. Call
     * model_kind_validate, which does metadata first. */
    void (*validate)(const cJSON *object, const cJSON *old, struct model_issues *issues);
    void (*validate_status)(const cJSON *object, const cJSON *old, struct model_issues *issues);
    /* NULL: all objects of the kind have its durability. */
    enum model_durability (*durability_of)(const cJSON *object);
};

const struct model_kind *model_kind_by_id(enum model_kind_id id);
/*
 * The built-in rows alone: for what works without a registry. Whoever serves, stores or follows
 * objects asks the catalog (core/model/catalog.h), which knows the custom kinds too.
 */
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

/*
 * How durable this object is. Endpoints and slices that a controller derives (they carry its
 * managed-by label) can be made again and are lazy; hand-made ones are durable like any other.
 */
enum model_durability model_kind_durability(const struct model_kind *kind, const cJSON *object);

/*
 * The text a fieldSelector compares: strings as they are, numbers in decimal, booleans as true and
 * false. Borrowed from object, scratch or constants.
 */
#define MODEL_SELECTABLE_SCRATCH 24
struct ke_str model_selectable_value(const struct model_selectable *field, const cJSON *object,
                                     char scratch[MODEL_SELECTABLE_SCRATCH]);
/* Is name selectable for this kind (metadata.name and metadata.namespace always are)? */
bool model_kind_has_field(const struct model_kind *kind, struct ke_str name);

/* NULL: the kind has no such subresource. */
const struct model_subresource *model_kind_subresource(const struct model_kind *kind,
                                                       struct ke_str name);
/* The same in one version (NULL: the stored one): those of custom kinds may differ by version. */
const struct model_subresource *model_version_subresource(const struct model_kind *kind,
                                                          const struct model_version *version,
                                                          struct ke_str name);
/* PUT of the object in this version (NULL: the stored one) keeps status. */
bool model_version_has_status(const struct model_kind *kind, const struct model_version *version);
/* The served version of that name; NULL: none. */
const struct model_version *model_kind_version(const struct model_kind *kind, struct ke_str group,
                                               struct ke_str version);
/* The rest of a registry key behind kind->prefix: NS/NAME or NAME. False: neither. */
bool model_kind_split_key(const struct model_kind *kind, struct ke_str rest, struct ke_str *out_ns,
                          struct ke_str *out_name);

/*
 * In place, with apiVersion set; object is of kind and of version on entry (to_storage) or of the
 * stored version (from_storage). False: out of memory, object is then in neither.
 */
bool model_version_to_storage(const struct model_kind *kind, const struct model_version *version,
                              cJSON *object) KE_MUST_CHECK;
bool model_version_from_storage(const struct model_kind *kind, const struct model_version *version,
                                cJSON *object) KE_MUST_CHECK;

/*
 * Metadata and the whole object of the stored version; old NULL: create. Every problem is reported
 * in upstream's words and order. Any thread.
 */
void model_kind_validate(const struct model_kind *kind, const cJSON *object, const cJSON *old,
                         struct model_issues *issues);
/* An update through /status: metadata and status. */
void model_kind_validate_status(const struct model_kind *kind, const cJSON *object,
                                const cJSON *old, struct model_issues *issues);

#endif
