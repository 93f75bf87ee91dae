/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classes a pod names: its priority class is a number, its runtime class has a price and places
 * where it can run. And of the priority classes themselves: one default, and two that stay.
 * Source: Kubernetes plugin/pkg/admission/{priority,runtimeclass}, pkg/util/tolerations,
 * pkg/registry/scheduling/priorityclass/storage. Thread: the operation's.
 */
#include "core/model/kinds/priorityclass.h"
#include "core/model/values.h"
#include "core/resource/operation.h"

static const struct ke_str no_text = { NULL, 0 };

/* KE_NOT_FOUND leaves no message. */
static enum ke_code read_class(struct operation *op, enum model_kind_id kind, struct ke_str name,
                               cJSON **out)
{
    struct ke_str key = no_text;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    enum ke_code rc = operation_key(op, model_kind_by_id(kind), no_text, name, &key);
    if (rc != KE_OK)
        return rc;
    rc = registry_get(op->store->registry, key, &object, &err);
    if (rc != KE_OK)
        return rc == KE_NOT_FOUND ? rc : operation_fail_err(op, &err);
    *out = registry_object_parse(object);
    return *out != NULL ? KE_OK : operation_fail_nomem(op);
}

/* Each new pod asks this of every class: most are not worth parsing. */
static bool may_be_default(const struct registry_object *class)
{
    static const char text[] = "\"globalDefault\":true";
    return memmem(class->json.ptr, class->json.len, text, sizeof(text) - 1) != NULL;
}

/* The class that pods without one are of: with the lowest value where there are several. NULL:
 * none. */
static enum ke_code find_default(struct operation *op, cJSON **out)
{
    struct registry_list list = { 0 };
    struct ke_err err = KE_ERR_INIT;
    struct ke_str prefix = no_text;
    const struct model_kind *kind = model_kind_by_id(MODEL_PRIORITYCLASS);
    enum ke_code rc = operation_key(op, kind, no_text, no_text, &prefix);
    if (rc != KE_OK)
        return rc;
    rc = registry_list(op->store->registry, prefix, 0, no_text, 0, &list, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    ke_auto_json *best = NULL;
    for (size_t i = 0; i < list.n_objects && rc == KE_OK; i++) {
        if (!may_be_default(list.objects[i]))
            continue;
        cJSON *class = registry_object_parse(list.objects[i]);
        bool is_better =
            ke_json_bool(class, "globalDefault", false) &&
            (best == NULL || ke_json_i64(class, "value", 0) < ke_json_i64(best, "value", 0));
        if (class == NULL)
            rc = operation_fail_nomem(op);
        if (is_better) {
            cJSON_Delete(best);
            best = class;
        } else {
            cJSON_Delete(class);
        }
    }
    registry_list_free(&list);
    if (rc == KE_OK)
        *out = KE_TAKE(best);
    return rc;
}

static enum ke_code find_priority(struct operation *op, cJSON *spec, cJSON **out)
{
    struct ke_str name = ke_json_str(spec, "priorityClassName");
    if (name.len > 0) {
        enum ke_code rc = read_class(op, MODEL_PRIORITYCLASS, name, out);
        if (rc != KE_NOT_FOUND)
            return rc;
        return operation_fail_forbidden(
            op, op->request.name, "no PriorityClass with name %.*s was found", KE_STR_ARG(name));
    }
    enum ke_code rc = find_default(op, out);
    if (rc != KE_OK || *out == NULL)
        return rc;
    return ke_json_set_str(spec, "priorityClassName", ke_json_path_str(*out, "metadata.name"))
               ? KE_OK
               : operation_fail_nomem(op);
}

enum ke_code priority_admit_pod(struct operation *op, cJSON *spec)
{
    ke_auto_json *class = NULL;
    enum ke_code rc = find_priority(op, spec, &class);
    if (rc != KE_OK)
        return rc;
    const cJSON *said = ke_json_get(spec, "priority");
    struct ke_str said_policy = ke_json_str(spec, "preemptionPolicy");
    int64_t value = ke_json_i64(class, "value", 0);
    struct ke_str policy = ke_json_str(class, "preemptionPolicy");
    if (policy.len == 0)
        policy = KE_STR("PreemptLowerPriority");
    if (said != NULL && (int64_t)said->valuedouble != value) {
        return operation_fail_forbidden(op, op->request.name,
                                        "the integer value of priority (%lld) must not be provided "
                                        "in pod spec; priority admission controller computed %lld "
                                        "from the given PriorityClass name",
                                        (long long)said->valuedouble, (long long)value);
    }
    if (said_policy.len > 0 && !ke_str_eq(said_policy, policy)) {
        return operation_fail_forbidden(op, op->request.name,
                                        "the string value of PreemptionPolicy (%.*s) must not be "
                                        "provided in pod spec; priority admission controller "
                                        "computed %.*s from the given PriorityClass name",
                                        KE_STR_ARG(said_policy), KE_STR_ARG(policy));
    }
    if (!ke_json_set(spec, "priority", cJSON_CreateNumber((double)value)) ||
        !ke_json_set_str(spec, "preemptionPolicy", policy))
        return operation_fail_nomem(op);
    return KE_OK;
}

enum ke_code priority_admit_class(struct operation *op, const cJSON *object)
{
    ke_auto_json *now = NULL;
    if (op->kind->id != MODEL_PRIORITYCLASS || !ke_json_bool(object, "globalDefault", false))
        return KE_OK;
    enum ke_code rc = find_default(op, &now);
    struct ke_str name = ke_json_path_str(now, "metadata.name");
    if (rc != KE_OK || now == NULL || ke_str_eq(name, op->request.name))
        return rc;
    return operation_fail_forbidden(op, op->request.name,
                                    "PriorityClass %.*s is already marked as default. Only one "
                                    "default can exist",
                                    KE_STR_ARG(name));
}

enum ke_code priority_admit_delete(struct operation *op)
{
    if (op->kind->id != MODEL_PRIORITYCLASS || !priorityclass_is_system(op->request.name))
        return KE_OK;
    return operation_fail_forbidden(op, op->request.name,
                                    "this is a system priority class and cannot be deleted");
}

/* ---- runtime classes */

static enum ke_code set_overhead(struct operation *op, const cJSON *class, cJSON *spec)
{
    const cJSON *fixed = ke_json_path(class, "overhead.podFixed");
    const cJSON *said = ke_json_get(spec, "overhead");
    bool is_said = !model_is_unset(spec, "overhead");
    if (fixed == NULL || fixed->child == NULL) {
        if (is_said) {
            return operation_fail_forbidden(op, op->request.name,
                                            "pod rejected: Pod Overhead set without corresponding "
                                            "RuntimeClass defined Overhead");
        }
        return KE_OK;
    }
    if (is_said && !ke_json_equal(said, fixed)) {
        return operation_fail_forbidden(op, op->request.name,
                                        "pod rejected: Pod's Overhead doesn't match RuntimeClass's "
                                        "defined Overhead");
    }
    return model_set_copy(spec, "overhead", fixed) ? KE_OK : operation_fail_nomem(op);
}

static enum ke_code merge_node_selector(struct operation *op, const cJSON *class, cJSON *spec)
{
    const cJSON *label;
    cJSON_ArrayForEach(label, ke_json_path(class, "scheduling.nodeSelector")) {
        cJSON *selector = ke_json_need_object(spec, "nodeSelector");
        struct ke_str said = ke_json_str(selector, label->string);
        struct ke_str value = ke_json_value_str(label);
        if (selector == NULL)
            return operation_fail_nomem(op);
        if (ke_json_get(selector, label->string) != NULL && !ke_str_eq(said, value)) {
            return operation_fail_forbidden(op, op->request.name,
                                            "conflict: runtimeClass.scheduling.nodeSelector[%s] = "
                                            "%.*s; pod.spec.nodeSelector[%s] = %.*s",
                                            label->string, KE_STR_ARG(value), label->string,
                                            KE_STR_ARG(said));
        }
        if (!ke_json_set_str(selector, label->string, value))
            return operation_fail_nomem(op);
    }
    return KE_OK;
}

static bool is_exists(const cJSON *toleration)
{
    return ke_str_eq_c(ke_json_str(toleration, "operator"), "Exists");
}

/* Does a tolerate all that b does? */
static bool covers(const cJSON *a, const cJSON *b)
{
    if (ke_json_equal(a, b))
        return true;
    bool is_any_key = model_is_unset(a, "key") && is_exists(a);
    if (!is_any_key && !model_same_member(a, b, "key"))
        return false;
    if (!model_is_unset(a, "effect") && !model_same_member(a, b, "effect"))
        return false;
    const cJSON *longest = ke_json_get(a, "tolerationSeconds");
    const cJSON *asked = ke_json_get(b, "tolerationSeconds");
    if (ke_str_eq_c(ke_json_str(a, "effect"), "NoExecute") && longest != NULL &&
        (asked == NULL || asked->valuedouble > longest->valuedouble))
        return false;
    return is_exists(a) || (!is_exists(b) && model_same_member(a, b, "value"));
}

/* Is item of list said by one before it, or, better, by one behind it? */
static bool is_redundant(const cJSON *list, const cJSON *item)
{
    for (const cJSON *other = list->child; other != item; other = other->next) {
        if (covers(other, item))
            return true;
    }
    for (const cJSON *other = item->next; other != NULL; other = other->next) {
        if (!ke_json_equal(other, item) && covers(other, item))
            return true;
    }
    return false;
}

static enum ke_code merge_tolerations(struct operation *op, const cJSON *class, cJSON *spec)
{
    const cJSON *more = ke_json_path(class, "scheduling.tolerations");
    if (more == NULL || more->child == NULL)
        return KE_OK;
    cJSON *list = ke_json_need_array(spec, "tolerations");
    if (list == NULL)
        return operation_fail_nomem(op);
    const cJSON *it;
    cJSON_ArrayForEach(it, more) {
        cJSON *copy = cJSON_Duplicate(it, true);
        if (copy == NULL || !cJSON_AddItemToArray(list, copy)) {
            cJSON_Delete(copy);
            return operation_fail_nomem(op);
        }
    }
    if (cJSON_GetArraySize(list) > LIMIT_LIST_ITEMS) /* validation refuses it */
        return KE_OK;
    cJSON *next = NULL;
    for (cJSON *item = list->child; item != NULL; item = next) {
        next = item->next;
        if (is_redundant(list, item))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
    }
    return KE_OK;
}

enum ke_code runtime_class_admit(struct operation *op, cJSON *spec)
{
    ke_auto_json *class = NULL;
    struct ke_str name = ke_json_str(spec, "runtimeClassName");
    enum ke_code rc = name.len > 0 ? read_class(op, MODEL_RUNTIMECLASS, name, &class) : KE_OK;
    if (rc == KE_NOT_FOUND) {
        return operation_fail_forbidden(op, op->request.name,
                                        "pod rejected: RuntimeClass \"%.*s\" not found",
                                        KE_STR_ARG(name));
    }
    if (rc == KE_OK)
        rc = set_overhead(op, class, spec);
    if (rc == KE_OK)
        rc = merge_node_selector(op, class, spec);
    return rc == KE_OK ? merge_tolerations(op, class, spec) : rc;
}
