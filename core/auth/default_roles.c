/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See default_roles.h. Words in the tables are separated by blanks; "core" is the core group. Lists
 * are sorted when they become JSON, as upstream sorts them.
 */
#include "core/auth/default_roles.h"

#include <stdlib.h>

#include "core/auth/default_roles_data.h"
#include "core/auth/rules.h"
#include "core/base/json.h"

#define MAX_WORDS   48 /* of one list; the tables are ours */
#define RULES_BYTES (1U << 20)
#define AUTOUPDATE  "rbac.authorization.kubernetes.io/autoupdate"

/* ---- the list */

const struct default_role *default_roles_at(size_t i)
{
    return i < default_roles_n_rows ? &default_roles_rows[i].object : NULL;
}

static int compare_words(const void *a, const void *b)
{
    return ke_str_cmp(*(const struct ke_str *)a, *(const struct ke_str *)b);
}

static bool add_words(cJSON *object, const char *member, const char *words)
{
    struct ke_str list[MAX_WORDS];
    struct ke_str rest = ke_str_c(words);
    struct ke_str word;
    size_t n = 0;
    if (words == NULL)
        return true;
    while (ke_str_split(&rest, ' ', &word)) {
        KE_ASSERT(n < MAX_WORDS);
        list[n++] = ke_str_eq_c(word, "core") ? KE_STR("") : word;
    }
    qsort(list, n, sizeof(list[0]), compare_words);
    cJSON *array = ke_json_need_array(object, member);
    for (size_t i = 0; array != NULL && i < n; i++) {
        char text[128];
        struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text) - 1);
        ke_buf_add_str(&buf, list[i]);
        text[buf.len] = '\0';
        if (!cJSON_AddItemToArray(array, cJSON_CreateString(text)))
            return false;
    }
    return array != NULL;
}

static bool add_rules(cJSON *rules, const struct default_rule *rule)
{
    for (; rule->verbs != NULL; rule++) {
        cJSON *it = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(rules, it)) {
            cJSON_Delete(it);
            return false;
        }
        if (!add_words(it, "verbs", rule->verbs) || !add_words(it, "apiGroups", rule->groups) ||
            !add_words(it, "resources", rule->resources) ||
            !add_words(it, "resourceNames", rule->names) ||
            !add_words(it, "nonResourceURLs", rule->urls))
            return false;
    }
    return true;
}

static bool add_selector(cJSON *body, const char *label)
{
    cJSON *aggregation = ke_json_need_object(body, "aggregationRule");
    cJSON *selectors = ke_json_need_array(aggregation, "clusterRoleSelectors");
    cJSON *selector = cJSON_CreateObject();
    if (selectors == NULL || !cJSON_AddItemToArray(selectors, selector)) {
        cJSON_Delete(selector);
        return false;
    }
    cJSON *labels = ke_json_need_object(selector, "matchLabels");
    return labels != NULL && ke_json_set_str(labels, label, KE_STR("true"));
}

static bool add_subjects(cJSON *body, const char *words)
{
    struct ke_str rest = ke_str_c(words);
    struct ke_str word;
    while (words != NULL && ke_str_split(&rest, ' ', &word)) {
        cJSON *subjects = ke_json_need_array(body, "subjects");
        cJSON *it = cJSON_CreateObject();
        if (subjects == NULL || !cJSON_AddItemToArray(subjects, it)) {
            cJSON_Delete(it);
            return false;
        }
        size_t equals = ke_str_find(word, '=');
        struct ke_str kind = ke_str_sub(word, 0, equals);
        struct ke_str name = ke_str_sub(word, equals + 1, word.len - equals - 1);
        size_t slash = ke_str_find(name, '/');
        bool is_ok = ke_json_set_str(it, "kind", kind);
        if (slash < name.len) {
            is_ok = is_ok && ke_json_set_str(it, "namespace", ke_str_sub(name, 0, slash));
            name = ke_str_sub(name, slash + 1, name.len - slash - 1);
        } else {
            is_ok = is_ok && ke_json_set_str(it, "apiGroup", KE_STR("rbac.authorization.k8s.io"));
        }
        if (!is_ok || !ke_json_set_str(it, "name", name))
            return false;
    }
    return true;
}

static bool add_ref(cJSON *body, const struct default_role_row *row)
{
    cJSON *ref = ke_json_need_object(body, "roleRef");
    return ref != NULL && ke_json_set_str(ref, "apiGroup", KE_STR("rbac.authorization.k8s.io")) &&
           ke_json_set_str(ref, "kind",
                           row->object.ns[0] != '\0' ? KE_STR("Role") : KE_STR("ClusterRole")) &&
           ke_json_set_str(ref, "name", ke_str_c(row->role));
}

static bool fill_meta(cJSON *body, const struct default_role_row *row)
{
    cJSON *meta = ke_json_need_object(body, "metadata");
    cJSON *labels = ke_json_need_object(meta, "labels");
    cJSON *annotations = ke_json_need_object(meta, "annotations");
    bool is_ok = labels != NULL && annotations != NULL &&
                 ke_json_set_str(meta, "name", ke_str_c(row->object.name)) &&
                 ke_json_set_str(annotations, AUTOUPDATE, KE_STR("true")) &&
                 ke_json_set_str(labels, "kubernetes.io/bootstrapping", KE_STR("rbac-defaults"));
    if (is_ok && row->object.ns[0] != '\0')
        is_ok = ke_json_set_str(meta, "namespace", ke_str_c(row->object.ns));
    if (is_ok && row->label != NULL)
        is_ok = ke_json_set_str(labels, row->label, KE_STR("true"));
    return is_ok;
}

static bool fill_body(cJSON *body, const struct default_role_row *row)
{
    if (!fill_meta(body, row))
        return false;
    if (row->role != NULL)
        return add_subjects(body, row->subjects) && add_ref(body, row);
    if (row->selects != NULL)
        return add_selector(body, row->selects);
    cJSON *rules = ke_json_need_array(body, "rules");
    return rules != NULL && (row->rules == NULL || add_rules(rules, row->rules));
}

cJSON *default_roles_body(const struct default_role *object)
{
    ke_auto_json *body = cJSON_CreateObject();
    size_t i = 0;
    while (&default_roles_rows[i].object != object)
        i++;
    return body != NULL && fill_body(body, &default_roles_rows[i]) ? KE_TAKE(body) : NULL;
}

cJSON *default_roles_rules(struct ke_str name)
{
    for (size_t i = 0; i < default_roles_n_rows; i++) {
        const struct default_role_row *row = &default_roles_rows[i];
        if (row->object.kind != MODEL_CLUSTERROLE || !ke_str_eq_c(name, row->object.name))
            continue;
        ke_auto_json *rules = cJSON_CreateArray();
        return rules != NULL && row->rules != NULL && add_rules(rules, row->rules) ? KE_TAKE(rules)
                                                                                   : NULL;
    }
    return NULL;
}

/* ---- what is lacking */

/* Members of wanted that now does not have, set in patch. */
static bool lack_members(const cJSON *now, const cJSON *wanted, cJSON *patch, const char *member,
                         bool *is_lacking)
{
    const cJSON *it = NULL;
    const cJSON *has = ke_json_path(now, "metadata");
    has = ke_json_get(has, member);
    cJSON_ArrayForEach(it, ke_json_get(ke_json_get(wanted, "metadata"), member)) {
        if (ke_json_get(has, it->string) != NULL)
            continue;
        cJSON *map = ke_json_need_object(ke_json_need_object(patch, "metadata"), member);
        if (map == NULL || !ke_json_set_str(map, it->string, ke_json_value_str(it)))
            return false;
        *is_lacking = true;
    }
    return true;
}

/* Does list have an item equal to it? */
static bool has_equal(const cJSON *list, const cJSON *wanted)
{
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, list) {
        if (ke_json_equal(it, wanted))
            return true;
    }
    return false;
}

/* Do the rules of now give all that this one gives? */
static bool is_rule_held(const cJSON *rules, const cJSON *wanted)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(RULES_BYTES);
    ke_auto_json *list = cJSON_CreateArray();
    cJSON *copy = cJSON_Duplicate(wanted, true);
    ke_auto_buf missing = KE_BUF_INIT(1U << 20);
    struct rbac_rules held;
    struct rbac_rules asked;
    if (arena == NULL || list == NULL || !cJSON_AddItemToArray(list, copy)) {
        cJSON_Delete(copy);
        return false;
    }
    if (!rbac_rules_read(rules, arena, &held) || !rbac_rules_read(list, arena, &asked))
        return false;
    return rbac_rules_cover(&(struct rbac_held){ .lists = &held, .n_lists = 1 }, &asked, arena,
                            &missing);
}

typedef bool is_there_fn(const cJSON *list, const cJSON *wanted);

/* The list of now and what it lacks, set as member of patch. */
static bool lack_items(const cJSON *now, const cJSON *wanted, const char *member, cJSON *patch,
                       is_there_fn *is_there, bool *is_lacking)
{
    const cJSON *has = ke_json_get(now, member);
    const cJSON *it = NULL;
    cJSON *whole = NULL;
    cJSON_ArrayForEach(it, ke_json_get(wanted, member)) {
        if (is_there(has, it))
            continue;
        if (whole == NULL) {
            whole = has != NULL ? cJSON_Duplicate(has, true) : cJSON_CreateArray();
            if (whole == NULL || !ke_json_set(patch, member, whole))
                return false;
        }
        cJSON *copy = cJSON_Duplicate(it, true);
        if (!cJSON_AddItemToArray(whole, copy)) {
            cJSON_Delete(copy);
            return false;
        }
        *is_lacking = true;
    }
    return true;
}

static bool lack_selectors(const cJSON *now, const cJSON *wanted, cJSON *patch, bool *is_lacking)
{
    const cJSON *selectors = ke_json_get(wanted, "aggregationRule");
    if (selectors == NULL)
        return true;
    bool lacks = false;
    ke_auto_json *rule = cJSON_CreateObject();
    if (rule == NULL || !lack_items(ke_json_get(now, "aggregationRule"), selectors,
                                    "clusterRoleSelectors", rule, has_equal, &lacks))
        return false;
    if (!lacks)
        return true;
    *is_lacking = true;
    return ke_json_set(patch, "aggregationRule", KE_TAKE(rule));
}

static bool is_protected(const cJSON *now)
{
    const cJSON *annotations = ke_json_path(now, "metadata.annotations");
    return ke_str_eq_c(ke_json_str(annotations, AUTOUPDATE), "false");
}

bool default_roles_patch(const cJSON *now, const cJSON *wanted, cJSON **out, bool *is_other_role)
{
    ke_auto_json *patch = cJSON_CreateObject();
    const cJSON *ref = ke_json_get(wanted, "roleRef");
    bool is_lacking = false;
    *out = NULL;
    *is_other_role = false;
    if (is_protected(now))
        return true;
    if (ref != NULL && !ke_json_equal(ref, ke_json_get(now, "roleRef"))) {
        *is_other_role = true;
        return true;
    }
    if (patch == NULL || !lack_members(now, wanted, patch, "labels", &is_lacking) ||
        !lack_members(now, wanted, patch, "annotations", &is_lacking) ||
        !lack_items(now, wanted, "rules", patch, is_rule_held, &is_lacking) ||
        !lack_items(now, wanted, "subjects", patch, has_equal, &is_lacking) ||
        !lack_selectors(now, wanted, patch, &is_lacking))
        return false;
    if (is_lacking)
        *out = KE_TAKE(patch);
    return true;
}
