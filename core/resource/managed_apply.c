/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-side apply of one configuration: what it may not say, merging, conflicts and their words,
 * and the last-applied annotation of kubectl's client-side apply, which is kept in step and lets
 * kubectl take over what it had applied that way.
 * Source: apimachinery util/managedfields (the chain of managers around structured-merge-diff).
 */
#include "core/resource/managed_impl.h"
#include "core/resource/operation.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define KUBECTL      "kubectl"
#define BEFORE_APPLY "before-first-apply"

/* ---- what a configuration may not say ------------------------------------------------------ */

/* "apps/v1, Kind=Deployment"; of the core group "/v1, Kind=Pod" as Go prints it. */
static void print_type(const cJSON *config, struct ke_buf *out)
{
    struct ke_str version = ke_json_str(config, "apiVersion");
    bool has_group = ke_str_find(version, '/') < version.len;
    ke_buf_addf(out, "%s%.*s, Kind=%.*s", has_group ? "" : "/", KE_STR_ARG(version),
                KE_STR_ARG(ke_json_str(config, "kind")));
}

static enum ke_code check_config(struct operation *op, const struct apply_write *write,
                                 const cJSON *config)
{
    struct ke_str version = ke_json_str(config, "apiVersion");
    struct ke_str kind = ke_json_str(config, "kind");
    if (!ke_str_eq(version, write->manager.api_version) || !ke_str_eq_c(kind, op->kind->kind)) {
        ke_auto_buf type = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
        print_type(config, &type);
        return operation_fail(op, KE_MALFORMED, "invalid object type: %.*s",
                              KE_STR_ARG(ke_buf_str(&type)));
    }
    const cJSON *managed = ke_json_path(config, "metadata.managedFields");
    if (managed != NULL && !cJSON_IsNull(managed))
        return operation_fail(op, KE_MALFORMED, "metadata.managedFields must be nil");
    return KE_OK;
}

static enum ke_code check_shape(struct operation *op, struct managed_write *write,
                                const struct model_shape *shape, const cJSON *config)
{
    ke_auto_buf problems = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (apply_tree_check(&write->work, shape, config, &problems))
        return KE_OK;
    if (write->work.has_failed || problems.failed != KE_OK)
        return operation_fail_nomem(op);
    ke_auto_buf type = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    print_type(config, &type);
    struct ke_str ns = ke_json_path_str(config, "metadata.namespace");
    struct ke_str name = ke_json_path_str(config, "metadata.name");
    return operation_fail_explained(
        op, "failed to create typed patch object (%.*s/%.*s; %.*s): %.*s", KE_STR_ARG(ns),
        KE_STR_ARG(name), KE_STR_ARG(ke_buf_str(&type)), KE_STR_ARG(ke_buf_str(&problems)));
}

/* ---- conflicts ----------------------------------------------------------------------------- */

struct causes {
    struct operation *op;
    struct ke_str message;
    size_t max;
};

static void add_cause(void *ctx, struct ke_str path)
{
    struct causes *causes = ctx;
    struct operation *op = causes->op;
    if (op->n_causes == causes->max)
        return;
    op->causes[op->n_causes] = (struct resource_cause){
        .reason = KE_STR("FieldManagerConflict"),
        .message = causes->message,
        .field = ke_arena_str(op->arena, path),
    };
    op->n_causes++;
}

static enum ke_code fail_conflicts(struct operation *op, const struct apply_conflicts *conflicts)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    apply_conflicts_print(conflicts, &text);
    struct causes causes = { .op = op, .max = conflicts->n_fields };
    op->n_causes = 0;
    op->causes = ke_arena_alloc_n(op->arena, causes.max, sizeof(*op->causes));
    if (op->causes == NULL || text.failed != KE_OK)
        return operation_fail_nomem(op);
    for (size_t i = 0; i < conflicts->n; i++) {
        char memory[1024];
        struct ke_buf manager = KE_BUF_FIXED(memory, sizeof(memory));
        apply_manager_print(&conflicts->items[i], &manager);
        causes.message =
            ke_arena_fmt(op->arena, "conflict with %.*s", KE_STR_ARG(ke_buf_str(&manager)));
        apply_set_visit(conflicts->items[i].fields, add_cause, &causes);
    }
    return operation_fail(op, KE_CONFLICT, "%.*s", KE_STR_ARG(ke_buf_str(&text)));
}

/* ---- kubectl's client-side apply ----------------------------------------------------------- */

static struct ke_str last_applied(const cJSON *object)
{
    return ke_json_str(ke_json_path(object, "metadata.annotations"), LAST_APPLIED);
}

/*
 * Fields that kubectl has applied client-side and that nobody has changed since: applying them
 * server-side is no conflict. Texts of the set live in *kept.
 */
static const struct apply_set *applied_before(struct managed_write *write,
                                              const struct model_shape *shape, const cJSON *live,
                                              cJSON **kept)
{
    struct ke_err err = KE_ERR_INIT;
    struct apply_changes changes = { .added = NULL };
    struct ke_str text = last_applied(live);
    if (text.len == 0 || ke_json_parse(text, kept, &err) != KE_OK ||
        !ke_str_eq(ke_json_str(*kept, "apiVersion"), write->apply.manager.api_version))
        return NULL;
    struct apply_work *work = &write->work;
    const struct apply_set *fields = apply_tree_fields(work, shape, *kept);
    apply_tree_compare(work, shape, *kept, live, &changes);
    fields = apply_set_difference(work, fields, changes.modified);
    fields = apply_set_difference(work, fields, changes.added);
    return apply_set_difference(work, fields, changes.removed);
}

/* Takes out of the conflicts what kubectl may take over; none left: it may go on by force. */
static void allow_taken_over(struct managed_write *write, const struct apply_set *allowed,
                             struct apply_conflicts *conflicts)
{
    size_t n = 0;
    conflicts->n_fields = 0;
    for (size_t i = 0; i < conflicts->n; i++) {
        struct apply_manager left = conflicts->items[i];
        left.fields = apply_set_difference(&write->work, left.fields, allowed);
        if (left.fields == NULL)
            continue;
        conflicts->n_fields += apply_set_count(left.fields);
        conflicts->items[n++] = left;
    }
    conflicts->n = n;
}

static int compare_names(const void *a, const void *b)
{
    const cJSON *const *x = a;
    const cJSON *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

/* As kubectl writes the annotation: keys sorted. */
static bool print_sorted(const cJSON *value, struct ke_buf *out)
{
    if ((!cJSON_IsObject(value) && !cJSON_IsArray(value)) || value->child == NULL) {
        ke_json_print(value, out);
        return true;
    }
    bool is_object = cJSON_IsObject(value);
    int size = cJSON_GetArraySize(value);
    const cJSON **members = ke_alloc_n((size_t)size, sizeof(cJSON *));
    bool is_good = members != NULL;
    size_t n = 0;
    for (const cJSON *it = value->child; is_good && it != NULL; it = it->next)
        members[n++] = it;
    if (is_good && is_object)
        qsort(members, n, sizeof(cJSON *), compare_names);
    for (size_t i = 0; is_good && i < n; i++) {
        ke_buf_add_char(out, i == 0 ? (is_object ? '{' : '[') : ',');
        if (is_object) {
            ke_buf_add_json_str(out, ke_str_c(members[i]->string));
            ke_buf_add_char(out, ':');
        }
        is_good = print_sorted(members[i], out);
    }
    ke_buf_add_char(out, is_object ? '}' : ']');
    free(members);
    return is_good;
}

/* The annotation says what is applied now, so that a client-side apply could go on from here. */
static bool sync_last_applied(const struct operation *op, const cJSON *applied, cJSON *object)
{
    if (!ke_str_eq_c(op->request.field_manager, KUBECTL) || last_applied(object).len == 0)
        return true;
    ke_auto_json *config = cJSON_Duplicate(applied, true);
    ke_auto_buf text = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    cJSON *meta = ke_json_get_mut(config, "metadata");
    cJSON *annotations = ke_json_get_mut(meta, "annotations");
    ke_json_del(annotations, LAST_APPLIED);
    if (annotations != NULL && annotations->child == NULL)
        ke_json_del(meta, "annotations");
    if (config == NULL || !print_sorted(config, &text))
        return false;
    ke_buf_add_char(&text, '\n');
    cJSON *there = ke_json_get_mut(ke_json_get_mut(object, "metadata"), "annotations");
    return text.failed == KE_OK && ke_json_set_str(there, LAST_APPLIED, ke_buf_str(&text));
}

/* ---- applying ------------------------------------------------------------------------------ */

/* Managers of an object that was not tracked: all that is there belongs to one of no name. */
static bool read_managers(struct managed_write *write, const cJSON *live, const cJSON *zero,
                          struct apply_managers *out)
{
    *out = (struct apply_managers){ .items = NULL };
    const cJSON *stored = ke_json_path(live, "metadata.managedFields");
    if (stored != NULL && apply_managers_parse(&write->work, stored, true, out) && out->n > 0)
        return true;
    *out = (struct apply_managers){ .items = NULL };
    struct apply_write before = write->apply;
    before.manager.name = KE_STR(BEFORE_APPLY);
    before.manager.operation = KE_STR("Update");
    apply_managers_update(&write->work, &before, zero, live, out);
    return !write->work.has_failed;
}

/* What an apply works on and comes to. */
struct attempt {
    struct managed_write *write;
    struct model_shape shape;
    const cJSON *config, *live, *zero; /* zero: the object before anybody wrote it */
    struct apply_conflicts conflicts;
    cJSON *merged, *managed;
};

/* One try; conflicts.n: it failed by them. */
static enum ke_code try_apply(struct operation *op, struct attempt *a)
{
    struct managed_write *write = a->write;
    struct apply_managers managers;
    struct apply_outcome outcome;
    if (!read_managers(write, a->live, a->zero, &managers) ||
        !apply_managers_apply(&write->work, &write->apply, a->live, a->config, &managers, &outcome))
        return operation_fail_nomem(op);
    ke_auto_json *merged = outcome.object;
    a->conflicts = outcome.conflicts;
    if (a->conflicts.n > 0)
        return KE_OK;
    if (merged == NULL)
        merged = cJSON_Duplicate(a->live, true);
    ke_auto_json *managed = apply_managers_print(&write->work, &managers);
    if (merged == NULL || managed == NULL || !sync_last_applied(op, a->config, merged))
        return operation_fail_nomem(op);
    a->merged = KE_TAKE(merged);
    a->managed = KE_TAKE(managed);
    return KE_OK;
}

/* As try_apply; kubectl may take over what it had applied client-side. */
static enum ke_code apply_checked(struct operation *op, struct attempt *a)
{
    struct managed_write *write = a->write;
    enum ke_code rc = try_apply(op, a);
    if (rc != KE_OK || a->conflicts.n == 0)
        return rc;
    ke_auto_json *kept = NULL;
    if (ke_str_eq_c(op->request.field_manager, KUBECTL))
        allow_taken_over(write, applied_before(write, &a->shape, a->live, &kept), &a->conflicts);
    if (write->work.has_failed)
        return operation_fail_nomem(op);
    if (a->conflicts.n > 0)
        return fail_conflicts(op, &a->conflicts);
    write->apply.is_forced = true;
    return try_apply(op, a);
}

enum ke_code managed_apply(struct operation *op, const cJSON *config, const cJSON *live,
                           cJSON **out, cJSON **out_managed)
{
    KE_CLEANUP(managed_write_deinit) struct managed_write write;
    if (!managed_write_init(&write, op, "Apply"))
        return operation_fail_nomem(op);
    write.apply.is_forced = op->request.is_forced;
    enum ke_code rc = check_config(op, &write.apply, config);
    if (rc != KE_OK)
        return rc;
    struct attempt a = { .write = &write, .config = config };
    if (!write.versions.shape(write.versions.ctx, write.apply.manager.api_version, &a.shape))
        return operation_fail(op, KE_BUG, "no schema for %s", op->version->message);
    rc = check_shape(op, &write, &a.shape, config);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *zero = managed_in_version(op, NULL);
    if (zero == NULL)
        return operation_fail_nomem(op);
    a.zero = zero;
    a.live = live != NULL ? live : zero;
    rc = apply_checked(op, &a);
    if (rc == KE_OK) {
        *out = a.merged;
        *out_managed = a.managed;
    }
    return rc;
}
