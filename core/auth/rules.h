/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_RULES_H
#define CORE_AUTH_RULES_H
/*
 * Rules of roles: read once from an object, matched against requests, compared with each other
 * (may somebody who holds these grant those?). Pure; any thread.
 * Source: pkg/apis/rbac/v1/evaluation_helpers.go, component-helpers auth/rbac/validation.
 */
#include <cjson/cJSON.h>

#include "core/auth/user.h"
#include "core/base/buf.h"
#include "core/base/mem.h"

struct rbac_texts {
    const struct ke_str *items;
    size_t n;
};

struct rbac_rule {
    struct rbac_texts verbs, groups, resources, names, urls;
};

struct rbac_rules {
    const struct rbac_rule *items;
    size_t n;
};

/* From the array `rules`, all texts copied into arena. False: out of memory. */
bool rbac_rules_read(const cJSON *json, struct ke_arena *arena, struct rbac_rules *out);

/* Does one rule allow it? (all but user and ns of attributes) */
bool rbac_rule_allows(const struct rbac_rule *rule, const struct auth_attributes *attributes);

/*
 * Does a holder of all rules of `held` have everything that `wanted` gives? What is missing is
 * printed as upstream: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`, one a line,
 * sorted. False also when it is too much to compare or memory is out: *out_missing says so then.
 */
struct rbac_held {
    const struct rbac_rules *lists;
    size_t n_lists;
};
bool rbac_rules_cover(const struct rbac_held *held, const struct rbac_rules *wanted,
                      struct ke_arena *arena, struct ke_buf *out_missing);

#endif
