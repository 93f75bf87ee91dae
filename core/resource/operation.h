/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_OPERATION_H
#define CORE_RESOURCE_OPERATION_H
/*
 * One write on its way: what was asked, what was found out, and what is to be answered. Made by
 * resource_submit, freed when it is answered. A step either returns an error (the driver answers
 * it) or KE_OK, and then the operation was answered or handed to the registry: the step must not
 * touch it any more. One thread at a time: the caller's, then the writer's.
 */
#include <cjson/cJSON.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/form.h"
#include "core/model/views.h"
#include "core/resource/limits.h"
#include "core/resource/part.h"
#include "core/resource/resource.h"
#include "core/resource/service_alloc.h"
#include "core/resource/turns.h"

#define OPERATION_ATTEMPTS 5 /* of a patch or an unconditional write that meets a conflict */

struct resource_store {
    struct watch_hub *hub;       /* borrowed */
    struct registry *registry;   /* borrowed */
    struct service_alloc *alloc; /* owned */
    struct turns *turns;         /* owned: writes of one object, one after the other */
    struct limits_index *limits; /* owned: which namespaces have quotas and LimitRanges */
    const struct ke_clock *clock;
    auth_authorize_fn *authorize; /* NULL: everything is allowed */
    void *authorize_ctx;
    struct rbac *rbac; /* borrowed: what rules a user has; NULL: nobody is held to them */
};

/* A write that waits to be charged to the quotas of its namespace, or is being committed so. */
struct quota_charge {
    struct turn_waiter waiter;    /* its turn among those of the namespace */
    struct registry_object *made; /* a reference; NULL: delete, or nothing is charged */
    struct registry_object *old;  /* a reference; NULL: create */
    int64_t expected;
    unsigned n_attempts;
};

struct operation {
    struct resource_store *store;
    struct turn_waiter waiter; /* its turn among the writes of the same object */
    struct ke_arena *arena;
    struct resource_request request; /* texts live in arena; body is in op->body */
    const struct model_kind *kind;
    const struct model_version *version; /* of the answer, and of body and patch in most parts */
    struct model_form form;              /* of kind and version, for the whole operation */
    const struct operation_part *part;   /* what is written: the object or a subresource */
    const struct model_subresource *subresource; /* of it; NULL: the object itself */
    const struct model_kind *spoken; /* the kind of body and patch: kind in most parts */
    cJSON *body;         /* the object (after decoding of the stored version) or the patch */
    bool is_decoded;     /* body */
    bool resets_managed; /* the body says that nobody is to own anything */
    cJSON *managed;      /* owned: managedFields as an apply makes them; NULL: no apply */
    bool is_conditional; /* the caller named a revision: a conflict is the answer */
    unsigned n_attempts; /* that met a conflict or a taken name */
    bool is_name_generated;
    struct quota_charge charge;
    struct service_claim *claim; /* addresses and ports held until the commit is known */
    /* what the answer says when the commit succeeds */
    bool is_created;
    bool is_deleted;
    bool answers_status;            /* a bare Status instead of an object */
    struct registry_object *answer; /* instead of what the registry returns; NULL: that */
    /* failure */
    struct model_issues issues;
    bool has_issues; /* they are the causes */
    bool is_told;    /* of KE_BUG: the message is for the client */
    int sys;         /* errno behind the message: a full disk is told to clients */
    struct ke_str message;
    struct ke_str detail_name, detail_group, detail_kind;
    struct ke_str cause_reason, cause_message, cause_field;
    struct resource_cause *causes;
    size_t n_causes;
    bool is_explained; /* KE_BUG whose message is for the client */
    uint32_t retry_after_s;
    struct ke_str warnings[LIMIT_WARNINGS];
    size_t n_warnings;
    resource_done_fn *done;
    void *ctx;
};

/* ---- operation.c */
/* Runs the verb from the start; answers failures. op is gone or waiting when it returns. */
void operation_run(struct operation *op);
/* As operation_run, when it is the turn of this operation. */
void operation_take_turn(struct turn_waiter *waiter);
/* Frees it unanswered and ends its turn; NULL is fine. */
void operation_discard(struct operation *op);
void operation_answer_failure(struct operation *op, enum ke_code code);
/* Answers with object (borrowed; NULL where the answer is a bare Status). */
void operation_answer(struct operation *op, struct registry_object *object);
/*
 * Commits one change of the object of this operation; object given, NULL deletes. The answer, or
 * another attempt after a conflict, follows on the writer's thread.
 */
enum ke_code operation_commit(struct operation *op, int64_t expected,
                              struct registry_object *object) KE_MUST_CHECK;
/*
 * As operation_commit, several changes at once, all or nothing; the first is of the object of this
 * operation. Keys borrowed, objects given.
 */
void operation_commit_all(struct operation *op, struct registry_op *changes, size_t n);
/* The key of kind, ns and name in the arena; KE_TOO_LARGE, KE_NOMEM. */
enum ke_code operation_key(struct operation *op, const struct model_kind *kind, struct ke_str ns,
                           struct ke_str name, struct ke_str *out) KE_MUST_CHECK;
/* What is stored under the request's name; KE_NOT_FOUND leaves no message. */
enum ke_code operation_current(struct operation *op, struct registry_object **out) KE_MUST_CHECK;
/* What is stored, parsed and as the operation's form sees it; NULL: out of memory. */
cJSON *operation_parse(const struct operation *op, const struct registry_object *stored);
/* The object to be stored. Errors: as registry_object_new, recorded. */
enum ke_code operation_make(struct operation *op, const cJSON *json,
                            struct registry_object **out) KE_MUST_CHECK;
/* Whole seconds as objects carry them, in the arena. */
struct ke_str operation_timestamp(struct operation *op, int64_t plus_s);

/* ---- failures (failure.c): each records the message and returns the code. */
enum ke_code operation_fail(struct operation *op, enum ke_code code, const char *fmt, ...)
    KE_PRINTF(3, 4);
enum ke_code operation_fail_nomem(struct operation *op);
/* 500 in upstream's words for the client, without a reason. */
enum ke_code operation_fail_explained(struct operation *op, const char *fmt, ...) KE_PRINTF(2, 3);
enum ke_code operation_fail_err(struct operation *op, const struct ke_err *err);
enum ke_code operation_fail_not_found(struct operation *op, const struct model_kind *kind,
                                      struct ke_str name);
enum ke_code operation_fail_exists(struct operation *op, struct ke_str name, bool is_deleting);
/* "Operation cannot be fulfilled on configmaps "a": REASON". */
enum ke_code operation_fail_conflict(struct operation *op, const char *fmt, ...) KE_PRINTF(2, 3);
enum ke_code operation_fail_modified(struct operation *op);
/* `configmaps "a" is forbidden: REASON`. */
enum ke_code operation_fail_forbidden(struct operation *op, struct ke_str name, const char *fmt,
                                      ...) KE_PRINTF(3, 4);
/* Reports `duplicate field "spec.a"` for each member that stood twice in the text of value. */
void operation_find_duplicates(const cJSON *value, struct model_issues *issues);
/* Name and namespace of an object are those of the request (update.c). */
enum ke_code operation_check_names(struct operation *op, const cJSON *object) KE_MUST_CHECK;
/* text: of the arena or constant; told once, however often the write is tried again. */
void operation_warn(struct operation *op, struct ke_str text);
/* Each line on its own. */
void operation_warn_lines(struct operation *op, struct ke_str lines);
/* From op->issues: `Deployment.apps "d" is invalid: ...`. */
enum ke_code operation_fail_invalid(struct operation *op, struct ke_str name);
/* The same about what was sent to a subresource: `Scale.autoscaling "d" is invalid: ...`. */
enum ke_code operation_fail_invalid_kind(struct operation *op, const struct model_kind *kind,
                                         struct ke_str name);
void operation_issue(struct operation *op, enum model_issue_type type, const char *field,
                     const char *fmt, ...) KE_PRINTF(4, 5);

/* ---- verbs */
enum ke_code operation_create(struct operation *op) KE_MUST_CHECK;
/* given: the object, owned from here on, decoded, its namespace open: what creates end with, also
 * those of an apply. */
enum ke_code operation_create_object(struct operation *op, cJSON *given) KE_MUST_CHECK;
enum ke_code operation_update(struct operation *op) KE_MUST_CHECK;
enum ke_code operation_patch(struct operation *op) KE_MUST_CHECK;
enum ke_code operation_apply(struct operation *op) KE_MUST_CHECK;
enum ke_code operation_delete(struct operation *op) KE_MUST_CHECK;
enum ke_code operation_delete_collection(struct operation *op) KE_MUST_CHECK;
/* The common end of update and patch: object (given, decoded) goes into current as the part says.
 */
enum ke_code operation_replace(struct operation *op, struct registry_object *current,
                               cJSON *object) KE_MUST_CHECK;
/* Stores object (complete, checked) instead of current, or answers current when nothing changed. */
enum ke_code operation_store(struct operation *op, struct registry_object *current,
                             const cJSON *old, const cJSON *object) KE_MUST_CHECK;

/* ---- delete.c */
/*
 * Deletes current as the request says, once what is to be checked before is checked. from: what is
 * stored when it is only marked, current with changes; NULL: current itself. also: another change
 * of the same commit, its object given; NULL: none.
 */
enum ke_code operation_delete_current(struct operation *op, struct registry_object *current,
                                      const cJSON *from, struct registry_op *also) KE_MUST_CHECK;

/* ---- decode.c */
/*
 * Checks kind and apiVersion (of what the part speaks), types and unknown fields, and converts to
 * the stored version.
 */
enum ke_code operation_decode(struct operation *op, cJSON *object,
                              const cJSON *patch) KE_MUST_CHECK;

/* ---- definition.c: warnings */
void definition_warn(struct operation *op, const cJSON *object); /* what is not done with it */
void definition_warn_version(struct operation *op);              /* a deprecated one */

/* ---- admission of single kinds */
enum ke_code namespace_admit_create(struct operation *op) KE_MUST_CHECK; /* is ns open? */
enum ke_code namespace_admit_delete(struct operation *op) KE_MUST_CHECK;
bool namespace_is_empty_of_finalizers(const cJSON *object);
/* The pod's service account: its name, token volume and secrets. */
enum ke_code service_account_admit(struct operation *op, const cJSON *pod,
                                   cJSON *spec) KE_MUST_CHECK;
/* The number of the pod's priority class; the class that is to be the default is the only one; the
 * system's stay. */
enum ke_code priority_admit_pod(struct operation *op, cJSON *spec) KE_MUST_CHECK;
enum ke_code priority_admit_class(struct operation *op, const cJSON *object) KE_MUST_CHECK;
enum ke_code priority_admit_delete(struct operation *op) KE_MUST_CHECK;
/* What the pod's runtime class costs and where it can run. */
enum ke_code runtime_class_admit(struct operation *op, cJSON *spec) KE_MUST_CHECK;
/* What containers added later may reach for. */
enum ke_code service_account_admit_ephemeral(struct operation *op, const cJSON *spec) KE_MUST_CHECK;
enum ke_code pod_admit_create(struct operation *op, cJSON *object) KE_MUST_CHECK;
/* Volumes and claims: finalizers, when they came about, and the default class of a claim. */
enum ke_code volume_admit_create(struct operation *op, cJSON *object) KE_MUST_CHECK;
/* A valid claim may grow only when it is bound and its class lets it. */
enum ke_code volume_check_growth(struct operation *op, const cJSON *claim,
                                 const cJSON *old) KE_MUST_CHECK;
/* When the phase of a volume changed. */
bool volume_note_phase(struct operation *op, cJSON *object, const cJSON *old) KE_MUST_CHECK;
/* A Binding that is posted to the namespace is one to the pod it names. */
enum ke_code binding_redirect(struct operation *op) KE_MUST_CHECK;
/* An Ingress without a class gets the default one. */
enum ke_code ingress_admit_create(struct operation *op, cJSON *object) KE_MUST_CHECK;

#endif
