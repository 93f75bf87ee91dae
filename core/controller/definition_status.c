/* SPDX-License-Identifier: Apache-2.0 */
/* See definition_status.h. Pure. */
#include "core/controller/definition_status.h"

#include "core/base/json.h"

#define NAME_BYTES    320
#define MESSAGE_BYTES 512

/* ---- conditions */

static const cJSON *find_condition(const cJSON *definition, const char *type)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(definition, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(it, "type"), type))
            return it;
    }
    return NULL;
}

bool definition_has_condition(const cJSON *definition, const char *type)
{
    return ke_str_eq_c(ke_json_str(find_condition(definition, type), "status"), "True");
}

static cJSON *make_condition(const char *type, bool status, const char *reason,
                             struct ke_str message, struct ke_str since)
{
    ke_auto_json *condition = cJSON_CreateObject();
    if (condition == NULL || !ke_json_set_str(condition, "type", ke_str_c(type)) ||
        !ke_json_set_str(condition, "status", status ? KE_STR("True") : KE_STR("False")) ||
        !ke_json_set_str(condition, "lastTransitionTime", since) ||
        !ke_json_set_str(condition, "reason", ke_str_c(reason)) ||
        !ke_json_set_str(condition, "message", message))
        return NULL;
    return KE_TAKE(condition);
}

bool definition_set_condition(cJSON *definition, const char *type, bool status, const char *reason,
                              struct ke_str message, struct ke_str now)
{
    cJSON *owner = ke_json_need_object(definition, "status");
    cJSON *list = owner != NULL ? ke_json_need_array(owner, "conditions") : NULL;
    if (list == NULL)
        return false;
    const cJSON *there = find_condition(definition, type);
    bool is_same = there != NULL && definition_has_condition(definition, type) == status;
    struct ke_str since = is_same ? ke_json_str(there, "lastTransitionTime") : now;
    cJSON *made = make_condition(type, status, reason, message, since);
    if (made == NULL)
        return false;
    int at = 0;
    cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (it == there) {
            if (cJSON_ReplaceItemInArray(list, at, made))
                return true;
            cJSON_Delete(made);
            return false;
        }
        at++;
    }
    if (cJSON_AddItemToArray(list, made))
        return true;
    cJSON_Delete(made);
    return false;
}

/* ---- names */

/* NOLINTNEXTLINE(readability-non-const-parameter): the buffer writes into it */
static struct ke_str tagged(char tag, struct ke_str name, char text[NAME_BYTES])
{
    struct ke_buf buf = KE_BUF_FIXED(text, NAME_BYTES);
    ke_buf_add_char(&buf, tag);
    ke_buf_add_char(&buf, ':');
    ke_buf_add_str(&buf, name);
    return buf.failed == KE_OK ? ke_buf_str(&buf) : KE_STR("");
}

static bool claim(struct ke_map *taken, char tag, struct ke_str name)
{
    char text[NAME_BYTES];
    return name.len == 0 || ke_map_set(taken, tagged(tag, name, text), taken, NULL);
}

bool definition_claim_names(struct ke_map *taken, const cJSON *definition)
{
    const cJSON *names = ke_json_path(definition, "status.acceptedNames");
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(names, "shortNames")) {
        if (!claim(taken, 'r', ke_json_value_str(it)))
            return false;
    }
    return claim(taken, 'r', ke_json_str(names, "plural")) &&
           claim(taken, 'r', ke_json_str(names, "singular")) &&
           claim(taken, 'k', ke_json_str(names, "kind")) &&
           claim(taken, 'k', ke_json_str(names, "listKind"));
}

struct settling {
    const struct ke_map *taken;
    const cJSON *wanted; /* spec.names */
    cJSON *accepted;     /* of before, changed in place */
    const char *reason;  /* of the last conflict; NULL: none */
    char message[MESSAGE_BYTES];
};

static bool is_taken(const struct settling *s, char tag, struct ke_str name)
{
    char text[NAME_BYTES];
    return name.len > 0 && ke_map_get(s->taken, tagged(tag, name, text)) != NULL;
}

static void conflict(struct settling *s, const char *reason, struct ke_str name)
{
    struct ke_buf buf = KE_BUF_FIXED(s->message, sizeof(s->message) - 1);
    ke_buf_addf(&buf, "\"%.*s\" is already in use", KE_STR_ARG(name));
    s->message[buf.len] = '\0';
    s->reason = reason;
}

static bool settle_name(struct settling *s, char tag, const char *member, const char *reason)
{
    struct ke_str name = ke_json_str(s->wanted, member);
    if (ke_str_eq(name, ke_json_str(s->accepted, member)))
        return true;
    if (is_taken(s, tag, name)) {
        conflict(s, reason, name);
        return true;
    }
    return ke_json_set_str(s->accepted, member, name);
}

static bool settle_short_names(struct settling *s)
{
    const cJSON *wanted = ke_json_get(s->wanted, "shortNames");
    const cJSON *before = ke_json_get(s->accepted, "shortNames");
    const cJSON *it;
    if (before != NULL && wanted != NULL && ke_json_equal(before, wanted))
        return true;
    cJSON_ArrayForEach(it, wanted) {
        if (is_taken(s, 'r', ke_json_value_str(it))) {
            conflict(s, "ShortNamesConflict", ke_json_value_str(it));
            return true;
        }
    }
    if (wanted == NULL) {
        ke_json_del(s->accepted, "shortNames");
        return true;
    }
    return ke_json_set(s->accepted, "shortNames", cJSON_Duplicate(wanted, true));
}

static bool settle_categories(struct settling *s)
{
    const cJSON *wanted = ke_json_get(s->wanted, "categories");
    if (wanted == NULL) {
        ke_json_del(s->accepted, "categories");
        return true;
    }
    return ke_json_set(s->accepted, "categories", cJSON_Duplicate(wanted, true));
}

/* Groups of the project itself are for what its reviewers agreed to (KEP-1111). */
static bool settle_approval(cJSON *definition, struct ke_str now)
{
    struct ke_str group = ke_json_path_str(definition, "spec.group");
    if (!ke_str_eq_c(group, "k8s.io") && !ke_str_has_suffix(group, KE_STR(".k8s.io")) &&
        !ke_str_eq_c(group, "kubernetes.io") && !ke_str_has_suffix(group, KE_STR(".kubernetes.io")))
        return true;
    struct ke_str text =
        ke_json_str(ke_json_path(definition, "metadata.annotations"), "api-approved.kubernetes.io");
    bool is_approved = text.len > 0 && !ke_str_has_prefix(text, KE_STR("unapproved"));
    ke_auto_buf message = KE_BUF_INIT(8192);
    if (text.len == 0) {
        ke_buf_add_c(&message, "protected groups must have approval annotation "
                               "\"api-approved.kubernetes.io\", see "
                               "https://github.com/kubernetes/enhancements/pull/1111");
    } else {
        ke_buf_addf(&message, is_approved ? "approved in %.*s" : "not approved: \"%.*s\"",
                    KE_STR_ARG(text));
    }
    const char *reason = "MissingAnnotation";
    if (text.len > 0)
        reason = is_approved ? "ApprovedAnnotation" : "UnapprovedAnnotation";
    return message.failed == KE_OK &&
           definition_set_condition(definition, "KubernetesAPIApprovalPolicyConformant",
                                    is_approved, reason, ke_buf_str(&message), now);
}

static bool settle_conditions(cJSON *definition, const struct settling *s, struct ke_str now)
{
    bool is_ok = s->reason == NULL;
    if (!definition_set_condition(definition, "NamesAccepted", is_ok,
                                  is_ok ? "NoConflicts" : s->reason,
                                  is_ok ? KE_STR("no conflicts found") : ke_str_c(s->message), now))
        return false;
    if (definition_has_condition(definition, "Established"))
        return true; /* for good: names that are refused later are just not given */
    return definition_set_condition(definition, "Established", is_ok,
                                    is_ok ? "InitialNamesAccepted" : "NotAccepted",
                                    is_ok ? KE_STR("the initial names have been accepted")
                                          : KE_STR("not all names are accepted"),
                                    now);
}

bool definition_settle(cJSON *definition, const struct ke_map *taken, struct ke_str now)
{
    cJSON *status = ke_json_need_object(definition, "status");
    struct settling s = { .taken = taken, .wanted = ke_json_path(definition, "spec.names") };
    s.accepted = status != NULL ? ke_json_need_object(status, "acceptedNames") : NULL;
    if (s.accepted == NULL || !settle_name(&s, 'r', "plural", "PluralConflict") ||
        !settle_name(&s, 'r', "singular", "SingularConflict") || !settle_short_names(&s) ||
        !settle_name(&s, 'k', "kind", "KindConflict") ||
        !settle_name(&s, 'k', "listKind", "ListKindConflict") || !settle_categories(&s))
        return false;
    return settle_conditions(definition, &s, now) && settle_approval(definition, now);
}
