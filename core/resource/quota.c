/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceQuotas at work. A write that quotas count waits for its namespace's turn, reads the
 * quotas, and is committed in one batch with their new status.used: nothing is used without being
 * charged, nor charged without being there. Writes of the quotas themselves take the same turns, so
 * a charge meets no conflict that this process makes. The order is always: the turn of the object,
 * then that of the namespace; who holds the second waits for nothing but its commit, so nobody
 * waits in a circle. Source: apiserver pkg/admission/plugin/resourcequota. Thread: the operation's.
 */
#include "core/model/values.h"
#include "core/resource/limits.h"
#include "core/resource/operation.h"
#include "core/resource/quota_usage.h"

#define CHARGE_ATTEMPTS 16

enum ke_code limits_list(struct operation *op, enum model_kind_id kind, struct registry_list *out)
{
    struct ke_str prefix = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = operation_key(op, model_kind_by_id(kind), op->request.ns,
                                    (struct ke_str){ NULL, 0 }, &prefix);
    if (rc != KE_OK)
        return rc;
    rc = registry_list(op->store->registry, prefix, 0, (struct ke_str){ NULL, 0 }, 0, out, &err);
    return rc == KE_OK ? KE_OK : operation_fail_err(op, &err);
}

enum ke_code quota_turn_key(struct operation *op, struct ke_str *out)
{
    return operation_key(op, model_kind_by_id(MODEL_RESOURCEQUOTA), op->request.ns,
                         (struct ke_str){ NULL, 0 }, out);
}

/* ---- one quota */

/* An object that is written, parsed. */
struct write {
    struct operation *op;
    cJSON *now; /* owned; NULL: delete */
    cJSON *was; /* owned; NULL: create */
    int64_t now_s;
};

/* Lists of "name=amount", each behind the other: what is asked, used and allowed of what is too
 * much. */
struct excess {
    struct ke_buf requested, used, limited;
};

static void add_amount(struct ke_buf *out, const char *name, const struct model_quantity *value)
{
    ke_buf_addf(out, "%s%s=", out->len > 0 ? "," : "", name);
    model_quantity_format(value, out);
}

static void note_excess(struct excess *excess, const cJSON *hard,
                        const struct model_quantity *requested, const struct model_quantity *used)
{
    struct model_quantity limit = { .value = 0 };
    (void)model_quantity_of(hard, &limit);
    add_amount(&excess->requested, hard->string, requested);
    add_amount(&excess->used, hard->string, used);
    add_amount(&excess->limited, hard->string, &limit);
}

/* What the write adds to a resource; less than nothing when it gives some back. */
static struct model_quantity delta_of(const struct write *write, struct ke_str resource)
{
    const struct model_kind *kind = write->op->kind;
    struct model_quantity now = { .value = 0 };
    struct model_quantity was = { .value = 0 };
    if (write->now != NULL)
        now = quota_amount(kind, write->now, resource, write->now_s);
    if (write->was != NULL)
        was = quota_amount(kind, write->was, resource, write->now_s);
    model_quantity_sub(&now, &was, &now);
    return now;
}

static bool set_amount(cJSON *used, const char *name, const struct model_quantity *value)
{
    char text[64];
    struct ke_buf out = KE_BUF_FIXED(text, sizeof(text));
    model_quantity_format(value, &out);
    return out.failed == KE_OK && ke_json_set_str(used, name, ke_buf_str(&out));
}

/* The least name of hard that is greater than last: excess is told in order. */
static const cJSON *next_name(const cJSON *hard, const char *last)
{
    const cJSON *next = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, hard) {
        if ((last == NULL || strcmp(item->string, last) > 0) &&
            (next == NULL || strcmp(item->string, next->string) < 0))
            next = item;
    }
    return next;
}

/* Changes status.used of quota. *out_changed: something was added or given back. */
static enum ke_code charge_resources(const struct write *write, cJSON *quota, struct excess *excess,
                                     bool *out_changed)
{
    struct operation *op = write->op;
    cJSON *status = ke_json_need_object(quota, "status");
    const cJSON *hard = ke_json_get(status, "hard");
    cJSON *used = status != NULL ? ke_json_need_object(status, "used") : NULL;
    if (used == NULL)
        return operation_fail_nomem(op);
    for (const cJSON *it = next_name(hard, NULL); it != NULL; it = next_name(hard, it->string)) {
        struct model_quantity delta = delta_of(write, ke_str_c(it->string));
        if (model_quantity_is_zero(&delta))
            continue;
        struct model_quantity before = { .value = 0 };
        struct model_quantity after;
        struct model_quantity limit = { .value = 0 };
        (void)model_quantity_of(ke_json_get(used, it->string), &before);
        (void)model_quantity_of(it, &limit);
        model_quantity_add(&before, &delta, &after);
        if (!delta.is_negative && model_quantity_cmp(&after, &limit) > 0)
            note_excess(excess, it, &delta, &before);
        if (after.is_negative) /* the count was off: it is made right by the controller */
            after = (struct model_quantity){ .value = 0 };
        if (!set_amount(used, it->string, &after))
            return operation_fail_nomem(op);
        *out_changed = true;
    }
    return KE_OK;
}

static enum ke_code fail_excess(struct operation *op, struct ke_str name,
                                const struct excess *excess)
{
    return operation_fail_forbidden(
        op, op->request.name, "exceeded quota: %.*s, requested: %.*s, used: %.*s, limited: %.*s",
        KE_STR_ARG(name), KE_STR_ARG(ke_buf_str(&excess->requested)),
        KE_STR_ARG(ke_buf_str(&excess->used)), KE_STR_ARG(ke_buf_str(&excess->limited)));
}

static enum ke_code check_said(const struct write *write, const cJSON *quota, struct ke_str name)
{
    struct operation *op = write->op;
    ke_auto_buf missing = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    if (op->kind->id != MODEL_POD)
        return KE_OK;
    quota_list_missing(ke_json_path(quota, "status.hard"), write->now, &missing);
    if (missing.failed != KE_OK)
        return operation_fail_nomem(op);
    if (missing.len == 0)
        return KE_OK;
    return operation_fail_forbidden(op, op->request.name, "failed quota: %.*s: must specify %.*s",
                                    KE_STR_ARG(name), KE_STR_ARG(ke_buf_str(&missing)));
}

/* Is a resource of spec.hard about this kind, and has it not been counted yet? */
static enum ke_code check_known(const struct write *write, const cJSON *quota, struct ke_str name)
{
    struct operation *op = write->op;
    const cJSON *known = ke_json_path(quota, "status.hard");
    ke_auto_buf unknown = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    const cJSON *hard = ke_json_path(quota, "spec.hard");
    for (const cJSON *it = next_name(hard, NULL); it != NULL; it = next_name(hard, it->string)) {
        if (quota_relation_of(op->kind, ke_str_c(it->string)) != QUOTA_NONE &&
            ke_json_get(known, it->string) == NULL)
            ke_buf_addf(&unknown, "%s%s", unknown.len > 0 ? "," : "", it->string);
    }
    if (unknown.len == 0)
        return KE_OK;
    return operation_fail_forbidden(op, op->request.name,
                                    "status unknown for quota: %.*s, resources: %.*s",
                                    KE_STR_ARG(name), KE_STR_ARG(ke_buf_str(&unknown)));
}

/* *out_quota (returned) is NULL when the quota has nothing to do with the write. */
static enum ke_code charge_one(const struct write *write, const struct registry_object *object,
                               cJSON **out_quota)
{
    struct operation *op = write->op;
    ke_auto_json *quota = registry_object_parse(object);
    if (quota == NULL)
        return operation_fail_nomem(op);
    if (!quota_matches(quota, op->kind, write->now != NULL ? write->now : write->was))
        return KE_OK;
    enum ke_code rc = write->now != NULL ? check_known(write, quota, object->name) : KE_OK;
    if (rc == KE_OK && write->was == NULL)
        rc = check_said(write, quota, object->name);
    if (rc != KE_OK)
        return rc;
    struct excess excess = { .requested = KE_BUF_INIT(LIMIT_OBJECT_BYTES),
                             .used = KE_BUF_INIT(LIMIT_OBJECT_BYTES),
                             .limited = KE_BUF_INIT(LIMIT_OBJECT_BYTES) };
    bool is_changed = false;
    rc = charge_resources(write, quota, &excess, &is_changed);
    if (rc == KE_OK && excess.requested.len > 0)
        rc = fail_excess(op, object->name, &excess);
    ke_buf_free(&excess.requested);
    ke_buf_free(&excess.used);
    ke_buf_free(&excess.limited);
    if (rc == KE_OK && is_changed)
        *out_quota = KE_TAKE(quota);
    return rc;
}

/* ---- all quotas of a namespace */

/* The quotas as they are after the write, one change each. */
struct charges {
    struct registry_op changes[LIMIT_QUOTAS + 1]; /* [0] is for the object itself */
    size_t n;                                     /* with it */
};

static void charges_deinit(struct charges *charges)
{
    for (size_t i = 0; i < charges->n; i++)
        registry_object_unref(charges->changes[i].object);
}

static enum ke_code add_charge(struct operation *op, const struct registry_object *object,
                               const cJSON *quota, struct charges *charges)
{
    struct ke_err err = KE_ERR_INIT;
    if (charges->n > LIMIT_QUOTAS)
        return operation_fail_forbidden(
            op, op->request.name, "more than %d quotas of the namespace count it", LIMIT_QUOTAS);
    struct registry_op *change = &charges->changes[charges->n];
    enum ke_code rc = registry_object_new(object->kind, quota, &change->object, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    charges->n++;
    registry_object_set_form(change->object, object->form);
    change->expected = object->revision;
    change->key = ke_arena_str(op->arena, object->key);
    return change->key.ptr != NULL ? KE_OK : operation_fail_nomem(op);
}

static enum ke_code charge_all(const struct write *write, struct charges *charges)
{
    struct registry_list quotas = { .objects = NULL };
    enum ke_code rc = limits_list(write->op, MODEL_RESOURCEQUOTA, &quotas);
    for (size_t i = 0; rc == KE_OK && i < quotas.n_objects; i++) {
        ke_auto_json *quota = NULL;
        /* One that goes is not charged for its own going. */
        if (write->op->kind->id == MODEL_RESOURCEQUOTA &&
            ke_str_eq(quotas.objects[i]->name, write->op->request.name))
            continue;
        rc = charge_one(write, quotas.objects[i], &quota);
        if (rc == KE_OK && quota != NULL)
            rc = add_charge(write->op, quotas.objects[i], quota, charges);
    }
    registry_list_free(&quotas);
    return rc;
}

/* What is to be committed with the write; [0] is left free. */
static enum ke_code find_charges(struct operation *op, const struct registry_object *old,
                                 const struct registry_object *made, struct charges *charges)
{
    const struct ke_clock *clock = op->store->clock;
    struct write write = { .op = op, .now_s = clock->wall_us(clock->ctx) / 1000000 };
    write.now = made != NULL ? registry_object_parse(made) : NULL;
    write.was = old != NULL ? registry_object_parse(old) : NULL;
    charges->n = 1;
    bool is_whole = (made == NULL || write.now != NULL) && (old == NULL || write.was != NULL);
    enum ke_code rc = is_whole ? charge_all(&write, charges) : operation_fail_nomem(op);
    cJSON_Delete(write.now);
    cJSON_Delete(write.was);
    return rc;
}

/* ---- commit */

/* Creates and deletes of all kinds; of updates those that can ask for more. */
static bool may_count(const struct operation *op, const struct registry_object *old,
                      const struct registry_object *made)
{
    if (!quota_counts_kind(op->kind))
        return false;
    if (made == NULL || old == NULL)
        return true;
    if (op->kind->id == MODEL_POD)
        return ke_str_eq_c(op->request.subresource, "resize");
    return op->part->is_main &&
           (op->kind->id == MODEL_SERVICE || op->kind->id == MODEL_PERSISTENTVOLUMECLAIM);
}

static enum ke_code has_quotas(struct operation *op, const struct registry_object *old,
                               const struct registry_object *made, bool *out)
{
    struct limits_count count = { .n_quotas = 0 };
    struct ke_err err = KE_ERR_INIT;
    *out = false;
    if (!may_count(op, old, made))
        return KE_OK;
    enum ke_code rc = limits_index_count(op->store->limits, op->request.ns, &count, &err);
    *out = count.n_quotas > 0;
    return rc == KE_OK ? KE_OK : operation_fail_err(op, &err);
}

enum ke_code quota_check(struct operation *op, const struct registry_object *old,
                         const struct registry_object *made)
{
    bool is_counted = false;
    enum ke_code rc = has_quotas(op, old, made, &is_counted);
    if (rc != KE_OK || !is_counted)
        return rc;
    struct charges charges = { .n = 0 };
    rc = find_charges(op, old, made, &charges);
    charges_deinit(&charges);
    return rc;
}

/* In the turn of the namespace. */
static enum ke_code charge_and_commit(struct operation *op)
{
    struct quota_charge *charge = &op->charge;
    struct charges charges = { .n = 0 };
    enum ke_code rc = find_charges(op, charge->old, charge->made, &charges);
    if (rc == KE_OK)
        rc = operation_key(op, op->kind, op->request.ns, op->request.name, &charges.changes[0].key);
    if (rc != KE_OK) {
        charges_deinit(&charges);
        return rc;
    }
    charges.changes[0].expected = charge->expected;
    charges.changes[0].object = charge->made != NULL ? registry_object_ref(charge->made) : NULL;
    operation_commit_all(op, charges.changes, charges.n);
    return KE_OK;
}

static void take_turn(struct turn_waiter *waiter)
{
    struct operation *op = KE_CONTAINER_OF(waiter, struct operation, charge.waiter);
    enum ke_code rc = charge_and_commit(op);
    if (rc != KE_OK)
        operation_answer_failure(op, rc);
}

bool quota_try_again(struct operation *op)
{
    if (op->charge.waiter.turn == NULL || op->charge.n_attempts++ >= CHARGE_ATTEMPTS)
        return false;
    take_turn(&op->charge.waiter);
    return true;
}

void quota_forget(struct operation *op)
{
    registry_object_unref(op->charge.made);
    registry_object_unref(op->charge.old);
    op->charge.made = NULL;
    op->charge.old = NULL;
    op->charge.n_attempts = 0;
}

enum ke_code quota_commit(struct operation *op, int64_t expected, const struct registry_object *old,
                          struct registry_object *made)
{
    bool is_counted = false;
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = has_quotas(op, old, made, &is_counted);
    if (rc == KE_OK && !is_counted)
        return operation_commit(op, expected, made);
    if (rc == KE_OK)
        rc = quota_turn_key(op, &key);
    if (rc != KE_OK) {
        registry_object_unref(made);
        return rc;
    }
    op->charge.made = made;
    op->charge.old = old != NULL ? registry_object_ref(old) : NULL;
    op->charge.expected = expected;
    op->charge.waiter.run = take_turn;
    /* A quota that is deleted, or made by a patch, has the turn of its namespace already. */
    if (op->kind->id == MODEL_RESOURCEQUOTA && op->waiter.turn != NULL)
        return charge_and_commit(op);
    if (turns_enter(op->store->turns, key, &op->charge.waiter, &err) != KE_OK)
        return operation_fail_nomem(op);
    return KE_OK;
}
