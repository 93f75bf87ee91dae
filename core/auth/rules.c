/* SPDX-License-Identifier: Apache-2.0 */
/* See rules.h. */
#include "core/auth/rules.h"

#include <stdlib.h>

#include "core/base/json.h"

/* ---- reading */

static bool read_texts(const cJSON *rule, const char *name, struct ke_arena *arena,
                       struct rbac_texts *out)
{
    const cJSON *list = ke_json_get(rule, name);
    const cJSON *it = NULL;
    size_t n = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    if (n == 0)
        return true;
    struct ke_str *items = ke_arena_alloc_n(arena, n, sizeof(*items));
    if (items == NULL)
        return false;
    size_t i = 0;
    cJSON_ArrayForEach(it, list) {
        items[i] = ke_arena_str(arena, ke_json_value_str(it));
        if (items[i++].ptr == NULL)
            return false;
    }
    *out = (struct rbac_texts){ items, n };
    return true;
}

bool rbac_rules_read(const cJSON *json, struct ke_arena *arena, struct rbac_rules *out)
{
    const cJSON *it = NULL;
    size_t n = cJSON_IsArray(json) ? (size_t)cJSON_GetArraySize(json) : 0;
    *out = (struct rbac_rules){ NULL, 0 };
    if (n == 0)
        return true;
    struct rbac_rule *rules = ke_arena_alloc_n(arena, n, sizeof(*rules));
    if (rules == NULL)
        return false;
    size_t i = 0;
    cJSON_ArrayForEach(it, json) {
        struct rbac_rule *rule = &rules[i++];
        if (!read_texts(it, "verbs", arena, &rule->verbs) ||
            !read_texts(it, "apiGroups", arena, &rule->groups) ||
            !read_texts(it, "resources", arena, &rule->resources) ||
            !read_texts(it, "resourceNames", arena, &rule->names) ||
            !read_texts(it, "nonResourceURLs", arena, &rule->urls))
            return false;
    }
    *out = (struct rbac_rules){ rules, n };
    return true;
}

/* ---- matching a request */

static bool has(const struct rbac_texts *texts, struct ke_str text)
{
    for (size_t i = 0; i < texts->n; i++) {
        if (ke_str_eq(texts->items[i], text))
            return true;
    }
    return false;
}

static bool has_or_all(const struct rbac_texts *texts, struct ke_str text)
{
    for (size_t i = 0; i < texts->n; i++) {
        if (ke_str_eq(texts->items[i], text) || ke_str_eq_c(texts->items[i], "*"))
            return true;
    }
    return false;
}

/* Is rule "resource/sub"? Without joining the two. */
static bool is_combined(struct ke_str rule, struct ke_str resource, struct ke_str sub)
{
    return rule.len == resource.len + 1 + sub.len && ke_str_has_prefix(rule, resource) &&
           rule.ptr[resource.len] == '/' && ke_str_has_suffix(rule, sub);
}

static bool resource_matches(const struct rbac_texts *rule, struct ke_str resource,
                             struct ke_str sub)
{
    for (size_t i = 0; i < rule->n; i++) {
        struct ke_str it = rule->items[i];
        if (ke_str_eq_c(it, "*"))
            return true;
        if (sub.len == 0 ? ke_str_eq(it, resource)
                         : is_combined(it, resource, sub) || is_combined(it, KE_STR("*"), sub))
            return true;
    }
    return false;
}

static bool url_matches(struct ke_str rule, struct ke_str path)
{
    if (ke_str_eq_c(rule, "*") || ke_str_eq(rule, path))
        return true;
    if (rule.len == 0 || rule.ptr[rule.len - 1] != '*')
        return false;
    while (rule.len > 0 && rule.ptr[rule.len - 1] == '*')
        rule.len--;
    return ke_str_has_prefix(path, rule);
}

static bool any_url_matches(const struct rbac_texts *urls, struct ke_str path)
{
    for (size_t i = 0; i < urls->n; i++) {
        if (url_matches(urls->items[i], path))
            return true;
    }
    return false;
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct auth_attributes *asked)
{
    if (!has_or_all(&rule->verbs, asked->verb))
        return false;
    if (!asked->is_resource)
        return any_url_matches(&rule->urls, asked->path);
    return has_or_all(&rule->groups, asked->group) &&
           resource_matches(&rule->resources, asked->resource, asked->subresource) &&
           (rule->names.n == 0 || has(&rule->names, asked->name));
}

/* ---- comparing rules */

static bool has_all(const struct rbac_texts *held, const struct rbac_texts *wanted)
{
    if (has(held, KE_STR("*")))
        return true;
    for (size_t i = 0; i < wanted->n; i++) {
        if (!has(held, wanted->items[i]))
            return false;
    }
    return true;
}

static bool covers_resources(const struct rbac_texts *held, const struct rbac_texts *wanted)
{
    if (has(held, KE_STR("*")))
        return true;
    for (size_t i = 0; i < wanted->n; i++) {
        struct ke_str it = wanted->items[i];
        size_t slash = ke_str_find(it, '/');
        if (has(held, it))
            continue;
        if (slash == it.len)
            return false;
        struct ke_str sub = ke_str_sub(it, slash + 1, it.len - slash - 1);
        bool is_covered = false;
        for (size_t j = 0; j < held->n && !is_covered; j++)
            is_covered = is_combined(held->items[j], KE_STR("*"), sub);
        if (!is_covered)
            return false;
    }
    return true;
}

static bool covers_urls(const struct rbac_texts *held, const struct rbac_texts *wanted)
{
    for (size_t i = 0; i < wanted->n; i++) {
        if (!any_url_matches(held, wanted->items[i]))
            return false;
    }
    return true;
}

static bool rule_covers(const struct rbac_rule *held, const struct rbac_rule *wanted)
{
    /* names of wanted empty: it gives all, which only a rule without names covers */
    bool is_name_covered = held->names.n == 0;
    if (!is_name_covered && wanted->names.n > 0) {
        is_name_covered = true;
        for (size_t i = 0; i < wanted->names.n && is_name_covered; i++)
            is_name_covered = has(&held->names, wanted->names.items[i]);
    }
    return is_name_covered && has_all(&held->verbs, &wanted->verbs) &&
           has_all(&held->groups, &wanted->groups) &&
           covers_resources(&held->resources, &wanted->resources) &&
           covers_urls(&held->urls, &wanted->urls);
}

static bool is_held(const struct rbac_held *held, const struct rbac_rule *wanted)
{
    for (size_t i = 0; i < held->n_lists; i++) {
        for (size_t j = 0; j < held->lists[i].n; j++) {
            if (rule_covers(&held->lists[i].items[j], wanted))
                return true;
        }
    }
    return false;
}

/* ---- what is missing */

#define MAX_PARTS   8192 /* single rights that a comparison looks at */
#define MAX_MISSING 256  /* that are told */
#define MAX_VERBS   32   /* of one that is told */

/* One group, resource and name (or one URL), and the verbs that are missing of it. */
struct missing {
    const struct ke_str *group, *resource, *name, *url; /* NULL: not of this one */
    struct ke_str verbs[MAX_VERBS];
    size_t n_verbs;
    struct ke_str text;
};

struct comparison {
    const struct rbac_held *held;
    size_t n_parts;
    struct missing *missing;
    size_t n_missing;
    bool is_cut;
};

static bool same(const struct ke_str *a, const struct ke_str *b)
{
    return a == NULL || b == NULL ? a == b : ke_str_eq(*a, *b);
}

/* Parts that differ only in the verb are told as one, but for URLs. */
static struct missing *find_missing(struct comparison *c, const struct missing *part)
{
    for (size_t i = 0; i < c->n_missing && part->url == NULL; i++) {
        struct missing *it = &c->missing[i];
        if (it->url == NULL && same(it->group, part->group) && same(it->resource, part->resource) &&
            same(it->name, part->name))
            return it;
    }
    if (c->n_missing == MAX_MISSING) {
        c->is_cut = true;
        return NULL;
    }
    c->missing[c->n_missing] = *part;
    return &c->missing[c->n_missing++];
}

static void compare_part(struct comparison *c, const struct missing *part,
                         const struct ke_str *verb)
{
    static const struct rbac_texts none = { NULL, 0 };
    struct rbac_rule wanted = { .verbs = { verb, 1 } };
    wanted.groups = part->group != NULL ? (struct rbac_texts){ part->group, 1 } : none;
    wanted.resources = part->resource != NULL ? (struct rbac_texts){ part->resource, 1 } : none;
    wanted.names = part->name != NULL ? (struct rbac_texts){ part->name, 1 } : none;
    wanted.urls = part->url != NULL ? (struct rbac_texts){ part->url, 1 } : none;
    if (c->n_parts++ >= MAX_PARTS) {
        c->is_cut = true;
        return;
    }
    if (is_held(c->held, &wanted))
        return;
    struct missing *it = find_missing(c, part);
    struct rbac_texts verbs = { it != NULL ? it->verbs : NULL, it != NULL ? it->n_verbs : 0 };
    if (it != NULL && it->n_verbs < MAX_VERBS && !has(&verbs, *verb))
        it->verbs[it->n_verbs++] = *verb;
}

static void compare_verbs(struct comparison *c, const struct rbac_rule *rule,
                          const struct missing *part)
{
    for (size_t i = 0; i < rule->verbs.n && !c->is_cut; i++) {
        compare_part(c, part, &rule->verbs.items[i]);
    }
}

/* In the order in which upstream takes a rule to pieces: group, resource, verb, name; the URLs. */
static void compare_resource(struct comparison *c, const struct rbac_rule *rule,
                             struct missing *part)
{
    if (rule->names.n == 0) {
        compare_verbs(c, rule, part);
        return;
    }
    for (size_t i = 0; i < rule->verbs.n; i++) {
        for (size_t j = 0; j < rule->names.n && !c->is_cut; j++) {
            part->name = &rule->names.items[j];
            compare_part(c, part, &rule->verbs.items[i]);
        }
    }
}

static void compare_rule(struct comparison *c, const struct rbac_rule *rule)
{
    if (is_held(c->held, rule))
        return; /* one rule covers all of it: nothing to take to pieces */
    for (size_t i = 0; i < rule->groups.n && !c->is_cut; i++) {
        for (size_t j = 0; j < rule->resources.n && !c->is_cut; j++) {
            struct missing part = { .group = &rule->groups.items[i],
                                    .resource = &rule->resources.items[j] };
            compare_resource(c, rule, &part);
        }
    }
    for (size_t i = 0; i < rule->urls.n && !c->is_cut; i++) {
        struct missing part = { .url = &rule->urls.items[i] };
        compare_verbs(c, rule, &part);
    }
}

static void print_quoted(const struct ke_str *texts, size_t n, struct ke_buf *out)
{
    ke_buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_c(out, i > 0 ? " " : "");
        ke_buf_add_json_str(out, texts[i]);
    }
    ke_buf_add_char(out, ']');
}

static void print_member(const char *name, const struct ke_str *text, struct ke_buf *out)
{
    if (text == NULL)
        return;
    ke_buf_addf(out, "%s:", name);
    print_quoted(text, 1, out);
    ke_buf_add_c(out, ", ");
}

static bool print_missing(struct missing *it, struct ke_arena *arena)
{
    ke_auto_buf text = KE_BUF_INIT(65536);
    ke_buf_add_char(&text, '{');
    print_member("APIGroups", it->group, &text);
    print_member("Resources", it->resource, &text);
    print_member("NonResourceURLs", it->url, &text);
    print_member("ResourceNames", it->name, &text);
    ke_buf_add_c(&text, "Verbs:");
    print_quoted(it->verbs, it->n_verbs, &text);
    ke_buf_add_char(&text, '}');
    it->text = ke_arena_str(arena, ke_buf_str(&text));
    return text.failed == KE_OK && it->text.ptr != NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return ke_str_cmp(((const struct missing *)a)->text, ((const struct missing *)b)->text);
}

bool rbac_rules_cover(const struct rbac_held *held, const struct rbac_rules *wanted,
                      struct ke_arena *arena, struct ke_buf *out_missing)
{
    struct comparison c = { .held = held };
    c.missing = ke_arena_alloc_n(arena, MAX_MISSING, sizeof(*c.missing));
    if (c.missing == NULL) {
        ke_buf_add_c(out_missing, "out of memory");
        return false;
    }
    for (size_t i = 0; i < wanted->n && !c.is_cut; i++)
        compare_rule(&c, &wanted->items[i]);
    if (c.n_missing == 0 && !c.is_cut)
        return true;
    for (size_t i = 0; i < c.n_missing; i++) {
        if (!print_missing(&c.missing[i], arena)) {
            ke_buf_add_c(out_missing, "out of memory");
            return false;
        }
    }
    qsort(c.missing, c.n_missing, sizeof(c.missing[0]), compare_texts);
    for (size_t i = 0; i < c.n_missing; i++)
        ke_buf_addf(out_missing, "%s%.*s", i > 0 ? "\n" : "", KE_STR_ARG(c.missing[i].text));
    if (c.is_cut)
        ke_buf_addf(out_missing, "%s(and more: the rules are too many to compare)",
                    c.n_missing > 0 ? "\n" : "");
    return false;
}
