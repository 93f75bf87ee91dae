/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete: preconditions, finalizers, grace periods (pods), namespaces. delete_decide is pure; the
 * rest runs on the operation's thread.
 */
#include "core/resource/delete.h"

#include <inttypes.h>

#include "core/model/definition.h"
#include "core/resource/metadata.h"
#include "core/resource/operation.h"
#include "core/resource/permission.h"

/* ---- deciding */

/* NOLINTNEXTLINE(readability-non-const-parameter): the buffer writes into it */
static bool format_time(int64_t unix_s, char text[static 40], struct ke_str *out)
{
    struct ke_buf buf = KE_BUF_FIXED(text, 40);
    ke_time_format_s(unix_s, &buf);
    *out = ke_buf_str(&buf);
    return buf.failed == KE_OK;
}

static bool mark(cJSON *object, int64_t at_s, int64_t grace_s)
{
    char text[40];
    struct ke_str when;
    return format_time(at_s, text, &when) && metadata_mark_deleted(object, when, grace_s);
}

/* What garbage collection is to do with dependents, kept as a finalizer. */
static bool set_propagation(cJSON *object, const struct delete_wish *wish)
{
    switch (wish->propagation) {
    case RESOURCE_FOREGROUND:
        return metadata_has_finalizer(object, METADATA_FOREGROUND) ||
               metadata_set_gc_finalizer(object, METADATA_FOREGROUND);
    case RESOURCE_ORPHAN:
        return metadata_has_finalizer(object, METADATA_ORPHAN) ||
               metadata_set_gc_finalizer(object, METADATA_ORPHAN);
    case RESOURCE_BACKGROUND:
        return (!metadata_has_finalizer(object, METADATA_ORPHAN) &&
                !metadata_has_finalizer(object, METADATA_FOREGROUND)) ||
               metadata_set_gc_finalizer(object, NULL);
    case RESOURCE_PROPAGATION_UNSET:
        return !wish->orphans_by_default || metadata_has_finalizer(object, METADATA_ORPHAN) ||
               metadata_has_finalizer(object, METADATA_FOREGROUND) ||
               metadata_set_gc_finalizer(object, METADATA_ORPHAN);
    }
    return true;
}

/* How long a pod gets: as asked, else as it says itself; nothing when no kubelet has it. */
static int64_t pod_grace_s(const cJSON *pod, const struct delete_wish *wish)
{
    int64_t grace = wish->has_grace_period
                        ? wish->grace_period_s
                        : ke_json_i64(ke_json_get(pod, "spec"), "terminationGracePeriodSeconds", 0);
    struct ke_str phase = ke_json_path_str(pod, "status.phase");
    if (ke_json_path_str(pod, "spec.nodeName").len == 0 || ke_str_eq_c(phase, "Failed") ||
        ke_str_eq_c(phase, "Succeeded"))
        grace = 0;
    return grace < 0 ? 1 : grace;
}

/* A pod that is being deleted: the period can only be shortened. */
static bool pod_decide_again(cJSON *pod, const struct delete_wish *wish, enum delete_outcome *out)
{
    const cJSON *meta = ke_json_get(pod, "metadata");
    int64_t grace = ke_json_i64(meta, "deletionGracePeriodSeconds", 0);
    int64_t asked = wish->has_grace_period ? wish->grace_period_s : grace;
    if (asked < 0)
        asked = 1;
    if (asked < grace) {
        int64_t when_us = 0;
        struct ke_err err = KE_ERR_INIT;
        if (ke_time_parse_us(ke_json_str(meta, "deletionTimestamp"), &when_us, &err) != KE_OK)
            when_us = (wish->now_s + grace) * 1000000;
        if (!mark(pod, when_us / 1000000 - grace + asked, asked))
            return false;
        grace = asked;
        *out = DELETE_MARK;
    } else {
        *out = DELETE_NOTHING;
    }
    if (grace == 0 && metadata_n_finalizers(pod) == 0)
        *out = DELETE_REMOVE;
    return true;
}

static bool pod_decide(cJSON *pod, const struct delete_wish *wish, enum delete_outcome *out)
{
    bool has_period = ke_json_path(pod, "metadata.deletionGracePeriodSeconds") != NULL;
    if (metadata_is_deleting(pod) && has_period)
        return pod_decide_again(pod, wish, out);
    int64_t grace = pod_grace_s(pod, wish);
    if (!mark(pod, wish->now_s + grace, grace))
        return false;
    *out = grace > 0 || metadata_n_finalizers(pod) > 0 ? DELETE_MARK : DELETE_REMOVE;
    return true;
}

/* Marked and Terminating until both lists of finalizers are empty; no grace period is shown. */
static bool namespace_decide(cJSON *ns, const struct delete_wish *wish, enum delete_outcome *out)
{
    bool is_pending = metadata_n_finalizers(ns) > 0 || !namespace_is_empty_of_finalizers(ns);
    *out = is_pending ? DELETE_MARK : DELETE_REMOVE;
    if (metadata_is_deleting(ns))
        return true;
    char text[40];
    struct ke_str when;
    cJSON *meta = ke_json_need_object(ns, "metadata");
    cJSON *status = ke_json_need_object(ns, "status");
    return meta != NULL && status != NULL && format_time(wish->now_s, text, &when) &&
           ke_json_set_str(meta, "deletionTimestamp", when) &&
           ke_json_set_str(status, "phase", KE_STR("Terminating"));
}

/* A definition waits until a controller has deleted its instances. */
static bool hold_definition(cJSON *object, const struct delete_wish *wish)
{
    char text[40];
    struct ke_str now;
    if (metadata_is_deleting(object))
        return true;
    return format_time(wish->now_s, text, &now) && model_definition_mark_terminating(object, now);
}

bool delete_decide(const struct model_kind *kind, cJSON *object, const struct delete_wish *wish,
                   enum delete_outcome *out)
{
    if (!set_propagation(object, wish))
        return false;
    if (kind->id == MODEL_POD)
        return pod_decide(object, wish, out);
    if (kind->id == MODEL_NAMESPACE)
        return namespace_decide(object, wish, out);
    if (kind->id == MODEL_CUSTOMRESOURCEDEFINITION && !hold_definition(object, wish))
        return false;
    if (metadata_n_finalizers(object) == 0) {
        *out = DELETE_REMOVE;
        return true;
    }
    *out = DELETE_MARK;
    return metadata_is_deleting(object) || mark(object, wish->now_s, 0);
}

/* ---- doing */

static enum ke_code check_preconditions(struct operation *op, const struct registry_object *current)
{
    struct ke_str uid = op->request.precondition_uid;
    struct ke_str rv = op->request.precondition_rv;
    char now[24];
    struct ke_buf text = KE_BUF_FIXED(now, sizeof(now));
    ke_buf_add_i64(&text, current->revision);
    bool is_other = uid.len > 0 && !ke_str_eq(uid, current->uid);
    bool is_changed = rv.len > 0 && !ke_str_eq(rv, ke_buf_str(&text));
    if (!is_other && !is_changed)
        return KE_OK;
    /* Here upstream names the kind where it names the resource elsewhere. */
    const char *kind = op->kind->kind;
    op->detail_name = op->request.name;
    op->detail_group = ke_str_c(op->kind->versions[0].group);
    op->detail_kind = ke_str_c(kind);
    const char *dot = op->detail_group.len > 0 ? "." : "";
    if (is_other) {
        return operation_fail(op, KE_CONFLICT,
                              "Operation cannot be fulfilled on %s%s%s \"%.*s\": the UID in the "
                              "precondition (%.*s) does not match the UID in record (%.*s). The "
                              "object might have been deleted and then recreated",
                              kind, dot, op->detail_group.ptr, KE_STR_ARG(op->request.name),
                              KE_STR_ARG(uid), KE_STR_ARG(current->uid));
    }
    return operation_fail(
        op, KE_CONFLICT,
        "Operation cannot be fulfilled on %s%s%s \"%.*s\": the ResourceVersion in "
        "the precondition (%.*s) does not match the ResourceVersion in record "
        "(%" PRId64 "). The object might have been modified",
        kind, dot, op->detail_group.ptr, KE_STR_ARG(op->request.name), KE_STR_ARG(rv),
        current->revision);
}

/* The change of the object itself, and what is to be changed with it (given; NULL: nothing). */
static enum ke_code commit(struct operation *op, const struct registry_object *current,
                           struct registry_object *object, struct registry_op *also)
{
    if (also == NULL && object == NULL)
        return quota_commit(op, current->revision, current, NULL);
    if (also == NULL)
        return operation_commit(op, current->revision, object);
    struct registry_op changes[2] = { { .expected = current->revision, .object = object }, *also };
    changes[0].key = ke_arena_str(op->arena, current->key);
    if (changes[0].key.ptr == NULL) {
        registry_object_unref(object);
        registry_object_unref(also->object);
        return operation_fail_nomem(op);
    }
    operation_commit_all(op, changes, KE_ARRAY_LEN(changes));
    return KE_OK;
}

/* Stores or removes what was decided. */
static enum ke_code carry_out(struct operation *op, struct registry_object *current,
                              const cJSON *object, enum delete_outcome outcome,
                              struct registry_op *also)
{
    bool answers_object = op->kind->id == MODEL_POD || outcome != DELETE_REMOVE;
    op->is_deleted = !answers_object;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *made = NULL;
    if (answers_object && outcome != DELETE_NOTHING) {
        enum ke_code rc = registry_object_new(op->kind, object, &made, &err);
        if (rc != KE_OK)
            return operation_fail_err(op, &err);
        registry_object_set_form(made, current->form);
        registry_object_set_revision(made, current->revision);
    }
    if (op->request.is_dry_run || outcome == DELETE_NOTHING) {
        operation_answer(op, made != NULL ? made : current);
        return KE_OK;
    }
    struct registry_op *with = also != NULL && also->object != NULL ? also : NULL;
    struct registry_op given = { .expected = 0 };
    if (with != NULL) { /* the commit takes it over, also when it fails */
        given = *with;
        also->object = NULL;
    }
    if (outcome == DELETE_MARK)
        return commit(op, current, KE_TAKE(made), with != NULL ? &given : NULL);
    op->answer = KE_TAKE(made);
    return commit(op, current, NULL, with != NULL ? &given : NULL);
}

static enum ke_code delete_as_found(struct operation *op, struct registry_object *current,
                                    const cJSON *from, struct registry_op *also)
{
    enum ke_code rc = check_preconditions(op, current);
    if (rc != KE_OK)
        return rc;
    op->is_conditional = op->request.precondition_rv.len > 0;
    ke_auto_json *old = registry_object_parse(current);
    ke_auto_json *object = cJSON_Duplicate(from != NULL ? from : old, true);
    const struct ke_clock *clock = op->store->clock;
    struct delete_wish wish = { .propagation = op->request.propagation,
                                .orphans_by_default = op->version->orphans_dependents,
                                .grace_period_s = op->request.grace_period_s,
                                .has_grace_period = op->request.grace_period_s != -1,
                                .now_s = clock->wall_us(clock->ctx) / 1000000 };
    enum delete_outcome outcome = DELETE_NOTHING;
    if (old == NULL || object == NULL || !delete_decide(op->kind, object, &wish, &outcome))
        return operation_fail_nomem(op);
    rc = node_restriction_admit(op, NULL, old);
    if (rc != KE_OK)
        return rc;
    if (outcome == DELETE_MARK && ke_json_equal(object, old))
        outcome = DELETE_NOTHING;
    return carry_out(op, current, object, outcome, also);
}

enum ke_code operation_delete_current(struct operation *op, struct registry_object *current,
                                      const cJSON *from, struct registry_op *also)
{
    struct registry_op none = { .expected = 0 };
    struct registry_op *given = also != NULL ? also : &none;
    enum ke_code rc = delete_as_found(op, current, from, given);
    registry_object_unref(given->object); /* of a change that did not come to be */
    return rc;
}

/* Those who do not say what becomes of the Pods of a Job are told. */
static void warn_of_orphans(struct operation *op)
{
    if (op->kind->id == MODEL_JOB && op->version->orphans_dependents &&
        op->request.propagation == RESOURCE_PROPAGATION_UNSET && op->n_attempts == 0 &&
        op->n_warnings < LIMIT_WARNINGS) {
        op->warnings[op->n_warnings++] =
            KE_STR("child pods are preserved by default when jobs are deleted; set "
                   "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to "
                   "suppress this warning");
    }
}

enum ke_code operation_delete(struct operation *op)
{
    ke_auto_object *current = NULL;
    enum ke_code rc = namespace_admit_delete(op);
    if (rc == KE_OK)
        rc = priority_admit_delete(op);
    if (rc != KE_OK)
        return rc;
    rc = operation_current(op, &current);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, op->kind, op->request.name);
    if (rc != KE_OK)
        return rc;
    warn_of_orphans(op);
    return operation_delete_current(op, current, NULL, NULL);
}
