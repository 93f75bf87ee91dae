/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_RESOURCE_H
#define CORE_RESOURCE_RESOURCE_H
/*
 * The verbs without HTTP: create, get, list, update, patch, delete, status on any kind, with
 * admission, defaulting, validation, finalizers and allocation of addresses and ports inside the
 * call. Every writer uses it: the API, the controllers, the manifests directory. Objects in and out
 * are of the stored version unless a version is named. Any thread may call; answers to writes come
 * on the writer's thread and must not block there.
 */
#include <cjson/cJSON.h>

#include "core/auth/user.h"
#include "core/base/addr.h"
#include "core/base/clock.h"
#include "core/model/issues.h"
#include "core/model/kind.h"
#include "core/registry/registry.h"
#include "core/watch/hub.h"

struct rbac;           /* core/auth/rbac.h */
struct resource_store; /* "the resources": one a process */

struct resource_options {
    struct ke_cidr service_cidrs[2];
    size_t n_service_cidrs;
    uint16_t node_port_min, node_port_max;
    struct ke_str cluster_dns;    /* reserved in the range for kube-system/kube-dns; empty: none */
    const struct ke_clock *clock; /* of timestamps; NULL: the system's */
    /* For what admission asks on its own (escalation, signers); NULL: everything is allowed. */
    auth_authorize_fn *authorize;
    void *authorize_ctx;
    /* Who writes roles may not grant more than these rules give it; NULL: it may. Borrowed, as long
     * as the store; goes with authorize. */
    struct rbac *rbac;
};

/*
 * hub borrowed, must outlive the store. Reads all Services to learn which addresses and ports are
 * taken. Errors: KE_NOMEM, KE_MALFORMED (cluster_dns), KE_IO.
 */
enum ke_code resource_store_new(struct watch_hub *hub, const struct resource_options *options,
                                struct resource_store **out, struct ke_err *err) KE_MUST_CHECK;
/* After registry_stop: no write is under way. */
void resource_store_free(struct resource_store *store);
KE_AUTO_DEFINE(resource_store)
struct watch_hub *resource_store_hub(struct resource_store *store);
struct model_catalog *resource_store_catalog(struct resource_store *store); /* borrowed */

enum resource_verb {
    RESOURCE_CREATE,
    RESOURCE_UPDATE,
    RESOURCE_PATCH,
    RESOURCE_DELETE,
    RESOURCE_DELETE_COLLECTION
};
enum resource_patch {
    RESOURCE_PATCH_JSON,
    RESOURCE_PATCH_MERGE,
    RESOURCE_PATCH_STRATEGIC,
    RESOURCE_PATCH_APPLY /* server-side apply: body is the configuration, as it came */
};
enum resource_propagation {
    RESOURCE_BACKGROUND,
    RESOURCE_FOREGROUND,
    RESOURCE_ORPHAN,
    RESOURCE_PROPAGATION_UNSET /* what an earlier delete asked for stays */
};

/* One write. Everything is borrowed during the call except body. */
struct resource_request {
    enum resource_verb verb;
    const struct model_kind *kind;
    const struct model_version *version; /* of body and of the answer; NULL: stored */
    struct ke_str ns;
    struct ke_str name;        /* empty on create: taken from the body or generateName */
    struct ke_str subresource; /* "", "status", "finalize", ... */
    cJSON *body;               /* object or patch; given, also on failure; NULL for delete */
    enum resource_patch patch;
    bool is_dry_run;
    bool is_strict;                /* fieldValidation: unknown fields are an error */
    bool is_warning;               /* fieldValidation: unknown fields are reported in warnings */
    const struct auth_user *asker; /* NULL: kedge itself, who may everything */
    struct ke_str field_manager;   /* who owns what is written; empty: kedge itself */
    bool is_forced;                /* apply: takes over what others own */
    /* Lines that say which keys of a YAML body stand there twice (core/model/yaml.h); empty: none
     */
    struct ke_str yaml_duplicates;
    /* delete */
    enum resource_propagation propagation;
    int64_t grace_period_s; /* -1: the default of the kind (a client that says -1 means 1) */
    struct ke_str precondition_uid;
    struct ke_str precondition_rv;
    struct ke_str label_selector, field_selector; /* deletecollection */
};

struct resource_cause {
    struct ke_str reason, message, field;
};

/* Everything is borrowed during the callback. */
struct resource_reply {
    enum ke_code code;
    struct ke_err err;     /* message in upstream's words, cut where it is longer than fits */
    struct ke_str message; /* the same, whole */
    struct ke_str detail_name, detail_group, detail_kind; /* Status.details; empty: left out */
    const struct model_issues *issues;                    /* causes of KE_INVALID; NULL otherwise */
    /* A cause that is not an issue (NamespaceTerminating); reason empty: none. */
    struct ke_str cause_reason, cause_message, cause_field;
    const struct resource_cause *causes; /* of conflicts of an apply */
    size_t n_causes;
    bool is_explained; /* KE_BUG: the message is for the client, as upstream's plain errors are */
    struct registry_object *object; /* what is stored now (or would be: revision 0 for a dry-run
                                       create); for a finished delete the tombstone; ref to keep */
    bool is_created;                /* create, or update that created */
    bool is_deleted; /* delete: answer Status with the object's uid; false: answer the object (it is
                        only marked, or a pod, which upstream answers whole) */
    bool is_status;  /* answer a bare Status of success; there is no object */
    const struct ke_str *warnings;
    size_t n_warnings;
    struct registry_list *list; /* deletecollection: what was deleted or marked */
    uint32_t retry_after_s;     /* 0: none */
    bool is_told;               /* of KE_BUG: the message is for the client, who has caused it */
};
typedef void resource_done_fn(void *ctx, const struct resource_reply *reply);

/* DeleteOptions of a body, normalised, into out, whose texts then borrow from options. */
void resource_delete_options_apply(const cJSON *options, struct resource_request *out,
                                   struct model_issues *issues);
/* The same from one value. */
void resource_propagation_set(struct ke_str value, struct resource_request *out,
                              struct model_issues *issues);
bool resource_dry_run_set(struct ke_str value, struct resource_request *out,
                          struct model_issues *issues);

/* done runs exactly once: at once on the caller's thread for what needs no commit (errors, dry run,
 * no change), else on the writer's. */
void resource_submit(struct resource_store *store, struct resource_request *request,
                     resource_done_fn *done, void *ctx);
/*
 * Blocks until done; for threads that may block (controllers, agent, tests). out (may be NULL)
 * receives a reference. Errors: as the reply.
 */
enum ke_code resource_call(struct resource_store *store, struct resource_request *request,
                           struct registry_object **out, struct ke_err *err) KE_MUST_CHECK;

/* Reads. Errors: KE_NOT_FOUND with upstream's message (`services "x" not found`). */
enum ke_code resource_get(struct resource_store *store, const struct model_kind *kind,
                          struct ke_str ns, struct ke_str name, struct registry_object **out,
                          struct ke_err *err) KE_MUST_CHECK;

/* The same through a subresource: what a GET of it answers, of the kind it speaks. Errors: also
 * KE_NOT_FOUND when kind has no such subresource that can be read here. */
enum ke_code resource_get_part(struct resource_store *store, const struct model_kind *kind,
                               struct ke_str subresource, struct ke_str ns, struct ke_str name,
                               struct registry_object **out, struct ke_err *err) KE_MUST_CHECK;

struct resource_list_options {
    struct ke_str ns;                             /* empty: all */
    const struct model_selector *labels, *fields; /* NULL: all */
    int64_t limit;                                /* 0: no limit */
    struct ke_str continue_token;
    bool has_revision;
    int64_t revision;
    enum { RESOURCE_MATCH_UNSET, RESOURCE_MATCH_EXACT, RESOURCE_MATCH_NOT_OLDER } match;
};
struct resource_list {
    struct registry_list items;
    char *continue_token; /* NULL: at the end */
    int64_t n_remaining;  /* after this page; -1: not known (a selector was given) */
};
/*
 * Errors: KE_MALFORMED (token, a field that the kind does not have), KE_GONE (the revision is no
 * longer in the history; when a continue token was given out->continue_token, and nothing else, is
 * set to one that goes on at the revision of now, and the message is
 * resource_continue_expired_message), KE_TIMEOUT (the revision is yet to come), KE_NOMEM.
 */
enum ke_code resource_list(struct resource_store *store, const struct model_kind *kind,
                           const struct resource_list_options *options, struct resource_list *out,
                           struct ke_err *err) KE_MUST_CHECK;
void resource_list_free(struct resource_list *list); /* contents; the struct is the caller's */
extern const char resource_continue_expired_message[];
/* KE_MALFORMED `field label not supported: x` when the kind has no such selectable field. */
enum ke_code resource_check_fields(const struct model_kind *kind,
                                   const struct model_selector *fields,
                                   struct ke_err *err) KE_MUST_CHECK;

#endif
