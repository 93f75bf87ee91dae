/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes roles and bindings grants no more than it has. See permission.h. */
#include <stdlib.h>

#include "core/auth/rbac.h"
#include "core/resource/operation.h"
#include "core/resource/permission.h"

#define GROUP         "rbac.authorization.k8s.io"
#define MISSING_BYTES (1U << 20)
#define WORK_BYTES    (16U << 20)

static bool is_role(const struct model_kind *kind)
{
    return kind->id == MODEL_ROLE || kind->id == MODEL_CLUSTERROLE;
}

static bool may(struct operation *op, const char *verb, const char *resource, struct ke_str name)
{
    struct auth_attributes asked = { .user = op->request.asker,
                                     .verb = ke_str_c(verb),
                                     .is_resource = true,
                                     .group = KE_STR(GROUP),
                                     .version = KE_STR("*"),
                                     .resource = ke_str_c(resource),
                                     .ns = op->request.ns,
                                     .name = name };
    return op->store->authorize(op->store->authorize_ctx, &asked, NULL);
}

static int compare_groups(const void *a, const void *b)
{
    return ke_str_cmp(*(const struct ke_str *)a, *(const struct ke_str *)b);
}

static enum ke_code fail_missing(struct operation *op, const struct ke_buf *missing)
{
    const struct auth_user *user = op->request.asker;
    struct ke_str groups[AUTH_MAX_GROUPS];
    ke_auto_buf text = KE_BUF_INIT(MISSING_BYTES);
    for (size_t i = 0; i < user->n_groups; i++)
        groups[i] = user->groups[i];
    qsort(groups, user->n_groups, sizeof(groups[0]), compare_groups);
    ke_buf_add_c(&text, "user ");
    ke_buf_add_json_str(&text, user->name);
    ke_buf_add_c(&text, " (groups=[");
    for (size_t i = 0; i < user->n_groups; i++) {
        ke_buf_add_c(&text, i > 0 ? " " : "");
        ke_buf_add_json_str(&text, groups[i]);
    }
    ke_buf_addf(&text, "]) is attempting to grant RBAC permissions not currently held:\n%.*s",
                KE_STR_ARG(ke_buf_str(missing)));
    if (text.failed != KE_OK)
        return operation_fail_nomem(op);
    return operation_fail_forbidden(op, op->request.name, "%.*s", KE_STR_ARG(ke_buf_str(&text)));
}

/* Does the asker hold all of wanted? */
static enum ke_code confirm(struct operation *op, const struct rbac_rules *wanted,
                            struct ke_arena *arena)
{
    struct rbac_rules held = { NULL, 0 };
    ke_auto_buf missing = KE_BUF_INIT(MISSING_BYTES);
    if (!rbac_rules_of(op->store->rbac, op->request.asker, op->request.ns, arena, &held, NULL))
        return operation_fail_nomem(op);
    struct rbac_held all = { .lists = &held, .n_lists = 1 };
    return rbac_rules_cover(&all, wanted, arena, &missing) ? KE_OK : fail_missing(op, &missing);
}

/* Everything, which a sum of roles may come to give. */
static enum ke_code confirm_sum(struct operation *op, struct ke_arena *arena)
{
    static const struct ke_str star[] = { KE_STR_INIT("*") };
    static const struct rbac_rule all[] = {
        { .verbs = { star, 1 }, .groups = { star, 1 }, .resources = { star, 1 } },
        { .verbs = { star, 1 }, .urls = { star, 1 } },
    };
    const struct rbac_rules wanted = { all, KE_ARRAY_LEN(all) };
    enum ke_code rc = confirm(op, &wanted, arena);
    if (rc != KE_DENIED)
        return rc;
    return operation_fail_forbidden(op, op->request.name,
                                    "must have cluster-admin privileges to use an "
                                    "aggregationRule");
}

static enum ke_code admit_role(struct operation *op, const cJSON *object, const cJSON *old,
                               struct ke_arena *arena)
{
    /* A create has no name yet when it is authorised. */
    struct ke_str name = old != NULL ? op->request.name : KE_STR("");
    if (may(op, "escalate", op->kind->plural, name))
        return KE_OK;
    struct rbac_rules wanted = { NULL, 0 };
    if (!rbac_rules_read(ke_json_get(object, "rules"), arena, &wanted))
        return operation_fail_nomem(op);
    enum ke_code rc = confirm(op, &wanted, arena);
    const cJSON *sum = ke_json_get(object, "aggregationRule");
    const cJSON *old_sum = ke_json_get(old, "aggregationRule");
    bool is_sum_new = sum != NULL && (old_sum == NULL || !ke_json_equal(sum, old_sum));
    bool is_sum_gone = sum == NULL && old_sum != NULL;
    if (rc != KE_OK || (!is_sum_new && !is_sum_gone))
        return rc;
    return confirm_sum(op, arena);
}

static enum ke_code admit_binding(struct operation *op, const cJSON *object, struct ke_arena *arena)
{
    struct ke_str name = ke_json_path_str(object, "roleRef.name");
    bool is_cluster_role = ke_str_eq_c(ke_json_path_str(object, "roleRef.kind"), "ClusterRole");
    const struct model_kind *kind =
        model_kind_by_id(is_cluster_role ? MODEL_CLUSTERROLE : MODEL_ROLE);
    if (may(op, "bind", kind->plural, name))
        return KE_OK;
    struct ke_str key = { NULL, 0 };
    struct ke_str ns = is_cluster_role ? KE_STR("") : op->request.ns;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *role = NULL;
    enum ke_code rc = operation_key(op, kind, ns, name, &key);
    if (rc != KE_OK)
        return rc;
    rc = registry_get(op->store->registry, key, &role, &err);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, kind, name);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    ke_auto_json *json = registry_object_parse(role);
    struct rbac_rules wanted = { NULL, 0 };
    if (json == NULL || !rbac_rules_read(ke_json_get(json, "rules"), arena, &wanted))
        return operation_fail_nomem(op);
    return confirm(op, &wanted, arena);
}

static bool same_but_metadata(const cJSON *object, const cJSON *old)
{
    static const char *const members[] = { "rules", "aggregationRule", "subjects", "roleRef" };
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        const cJSON *a = ke_json_get(object, members[i]);
        const cJSON *b = ke_json_get(old, members[i]);
        if (a == NULL || b == NULL ? a != b : !ke_json_equal(a, b))
            return false;
    }
    return true;
}

/* Only what the garbage collector changes: owners and finalizers. */
static bool is_for_collector(const cJSON *object, const cJSON *old)
{
    static const char *const kept[] = { "labels", "annotations" };
    const cJSON *now = ke_json_get(object, "metadata");
    const cJSON *before = ke_json_get(old, "metadata");
    for (size_t i = 0; i < KE_ARRAY_LEN(kept); i++) {
        const cJSON *a = ke_json_get(now, kept[i]);
        const cJSON *b = ke_json_get(before, kept[i]);
        if (a == NULL || b == NULL ? a != b : !ke_json_equal(a, b))
            return false;
    }
    return same_but_metadata(object, old);
}

enum ke_code escalation_admit(struct operation *op, const cJSON *object, const cJSON *old)
{
    bool is_binding = op->kind->id == MODEL_ROLEBINDING || op->kind->id == MODEL_CLUSTERROLEBINDING;
    if ((!is_role(op->kind) && !is_binding) || op->request.asker == NULL ||
        op->store->rbac == NULL || auth_user_is_in(op->request.asker, "system:masters"))
        return KE_OK;
    if (old != NULL && is_for_collector(object, old))
        return KE_OK;
    KE_AUTO(ke_arena) *arena = ke_arena_new(WORK_BYTES);
    if (arena == NULL)
        return operation_fail_nomem(op);
    return is_binding ? admit_binding(op, object, arena) : admit_role(op, object, old, arena);
}
