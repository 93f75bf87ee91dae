/* SPDX-License-Identifier: Apache-2.0 */
/* See service_families.h. */
#include "core/resource/service_families.h"

#include "core/resource/operation.h"

#define SINGLE  "SingleStack"
#define PREFER  "PreferDualStack"
#define REQUIRE "RequireDualStack"

struct stack {
    cJSON *spec;
    bool is_free_form; /* headless without a selector: any families, nothing is allocated */
    bool is_dual;      /* policy, after defaulting */
    enum ke_family families[SERVICE_FAMILIES_MAX];
    size_t n_families;
    size_t n_ips;
};

const char *service_family_name(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? "IPv6" : "IPv4";
}

enum ke_family service_family_parse(struct ke_str name)
{
    if (ke_str_eq_c(name, "IPv4"))
        return KE_FAMILY_IPV4;
    return ke_str_eq_c(name, "IPv6") ? KE_FAMILY_IPV6 : KE_FAMILY_NONE;
}

static bool same_member(const cJSON *a, const cJSON *b, const char *name)
{
    const cJSON *left = ke_json_get(a, name);
    const cJSON *right = ke_json_get(b, name);
    if (left == NULL || right == NULL)
        return left == right;
    return ke_json_equal(left, right);
}

void service_trim_families(cJSON *service, const cJSON *old)
{
    cJSON *spec = ke_json_get_mut(service, "spec");
    const cJSON *old_spec = ke_json_get(old, "spec");
    if (!ke_str_eq_c(ke_json_str(spec, "ipFamilyPolicy"), SINGLE) ||
        cJSON_GetArraySize(ke_json_get(old_spec, "ipFamilies")) < SERVICE_FAMILIES_MAX)
        return;
    bool is_same_families = same_member(spec, old_spec, "ipFamilies");
    bool is_same_ips = same_member(spec, old_spec, "clusterIPs");
    if (is_same_families)
        cJSON_DeleteItemFromArray(ke_json_get_mut(spec, "ipFamilies"), 1);
    if (is_same_ips)
        cJSON_DeleteItemFromArray(ke_json_get_mut(spec, "clusterIPs"), 1);
}

/* Validation has seen to it that families and addresses agree. */
static void read_families(struct stack *stack)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(stack->spec, "ipFamilies")) {
        if (stack->n_families < SERVICE_FAMILIES_MAX)
            stack->families[stack->n_families++] = service_family_parse(ke_json_value_str(it));
    }
    cJSON_ArrayForEach(it, ke_json_get(stack->spec, "clusterIPs")) {
        struct ke_ip ip;
        struct ke_err err = KE_ERR_INIT;
        if (stack->n_ips >= SERVICE_FAMILIES_MAX ||
            ke_ip_parse(ke_json_value_str(it), &ip, &err) != KE_OK)
            break;
        if (stack->n_ips >= stack->n_families)
            stack->families[stack->n_families++] = ip.family;
        stack->n_ips++;
    }
}

static void choose_policy(struct stack *stack)
{
    struct ke_str policy = ke_json_str(stack->spec, "ipFamilyPolicy");
    stack->is_dual = policy.len > 0 ? !ke_str_eq_c(policy, SINGLE)
                                    : stack->is_free_form || stack->n_families > 1;
}

static bool is_configured(const struct service_families *cluster, enum ke_family family)
{
    for (size_t i = 0; i < cluster->n_configured; i++) {
        if (cluster->configured[i] == family)
            return true;
    }
    return false;
}

static void check_against_cluster(struct operation *op, const struct service_families *cluster,
                                  const struct stack *stack)
{
    if (stack->is_free_form)
        return;
    for (size_t i = 0; i < stack->n_families; i++) {
        if (is_configured(cluster, stack->families[i]))
            continue;
        char field[32];
        struct ke_buf text = KE_BUF_FIXED(field, sizeof(field) - 1);
        ke_buf_addf(&text, "spec.ipFamilies[%zu]", i);
        field[text.len] = '\0';
        operation_issue(op, MODEL_ISSUE_INVALID, field,
                        "Invalid value: \"%s\": not configured on this cluster",
                        service_family_name(stack->families[i]));
    }
    if (ke_str_eq_c(ke_json_str(stack->spec, "ipFamilyPolicy"), REQUIRE) &&
        cluster->n_configured < 2) {
        operation_issue(op, MODEL_ISSUE_INVALID, "spec.ipFamilyPolicy",
                        "Invalid value: \"" REQUIRE
                        "\": this cluster is not configured for dual-stack services");
    }
}

static void complete_families(const struct service_families *cluster, struct stack *stack)
{
    if (stack->n_families == 0)
        stack->families[stack->n_families++] = cluster->configured[0];
    if (stack->n_families == 1 && stack->is_dual &&
        (cluster->n_configured > 1 || stack->is_free_form)) {
        enum ke_family first = stack->families[0];
        stack->families[stack->n_families++] =
            first == KE_FAMILY_IPV4 ? KE_FAMILY_IPV6 : KE_FAMILY_IPV4;
    }
}

static bool write_families(const struct stack *stack)
{
    if (ke_json_str(stack->spec, "ipFamilyPolicy").len == 0 &&
        !ke_json_set_str(stack->spec, "ipFamilyPolicy",
                         stack->is_dual ? KE_STR(REQUIRE) : KE_STR(SINGLE)))
        return false;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list != NULL && i < stack->n_families; i++) {
        cJSON *item = cJSON_CreateString(service_family_name(stack->families[i]));
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            cJSON_Delete(list);
            return false;
        }
    }
    return list != NULL && ke_json_set(stack->spec, "ipFamilies", list);
}

bool service_set_families(struct operation *op, const struct service_families *cluster,
                          cJSON *service)
{
    struct stack stack = { .spec = ke_json_need_object(service, "spec") };
    if (stack.spec == NULL)
        return false;
    struct ke_str first =
        ke_json_value_str(cJSON_GetArrayItem(ke_json_get(stack.spec, "clusterIPs"), 0));
    const cJSON *selector = ke_json_get(stack.spec, "selector");
    stack.is_free_form =
        ke_str_eq_c(first, "None") && (selector == NULL || selector->child == NULL);
    read_families(&stack);
    choose_policy(&stack);
    check_against_cluster(op, cluster, &stack);
    complete_families(cluster, &stack);
    return op->issues.n_items > 0 || write_families(&stack);
}
