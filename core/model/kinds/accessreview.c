/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reviews of authorization.k8s.io: a POST asks whether somebody may, and the answer is never
 * stored. core/api answers them. Pure; any thread.
 * Source: pkg/apis/authorization/validation.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/values.h"

#define AUTHORIZATION "authorization.k8s.io"

/* As Go prints the struct: %#v. */
static struct ke_str print_path_attributes(struct ke_arena *arena, const cJSON *attributes)
{
    struct ke_str path = model_go_quote(arena, ke_json_str(attributes, "path"));
    struct ke_str verb = model_go_quote(arena, ke_json_str(attributes, "verb"));
    return ke_arena_fmt(arena, "authorization.NonResourceAttributes{Path:%.*s, Verb:%.*s}",
                        KE_STR_ARG(path), KE_STR_ARG(verb));
}

static void validate_spec(const cJSON *spec, struct model_issues *issues)
{
    struct model_path path = model_path_root("spec");
    struct model_path at = model_path_child(&path, "resourceAttributes");
    const cJSON *resource = ke_json_get(spec, "resourceAttributes");
    const cJSON *other = ke_json_get(spec, "nonResourceAttributes");
    if (resource != NULL && other != NULL) {
        model_report_invalid_raw(issues, model_path_child(&path, "nonResourceAttributes"),
                                 print_path_attributes(issues->arena, other),
                                 "cannot be specified in combination with resourceAttributes");
    }
    if (resource == NULL && other == NULL) {
        model_report_invalid_raw(issues, at, KE_STR("null"),
                                 "exactly one of nonResourceAttributes or resourceAttributes must "
                                 "be specified");
    }
}

/* Whose rights: not asked of the Self kinds. */
static void validate_whose(const cJSON *spec, struct model_issues *issues)
{
    struct model_path path = model_path_root("spec");
    if (model_is_unset(spec, "user") && model_is_unset(spec, "groups"))
        model_report_invalid(issues, model_path_child(&path, "user"), ke_json_str(spec, "user"),
                             "at least one of user or group must be specified");
}

/* A review has no metadata of its own: no server keeps it. */
static void validate_no_metadata(const cJSON *object, struct model_issues *issues)
{
    const cJSON *meta = ke_json_get(object, "metadata");
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, meta) {
        bool is_known = ke_str_eq_c(ke_str_c(member->string), "managedFields") ||
                        ke_str_eq_c(ke_str_c(member->string), "creationTimestamp");
        if (!is_known && !model_is_unset(meta, member->string)) {
            model_report_invalid_raw(issues, model_path_root("metadata"), KE_STR("metadata"),
                                     "must be empty");
            return;
        }
    }
}

static void validate_self(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    validate_spec(ke_json_get(object, "spec"), issues);
    validate_no_metadata(object, issues);
}

static void validate_subject(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    validate_whose(spec, issues);
    validate_spec(spec, issues);
    validate_no_metadata(object, issues);
}

static void validate_local(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct ke_str ns = ke_json_path_str(object, "metadata.namespace");
    struct model_path path = model_path_root("spec");
    struct model_path resource = model_path_child(&path, "resourceAttributes");
    validate_whose(spec, issues);
    if (ke_json_get(spec, "nonResourceAttributes") != NULL) {
        model_report_invalid_raw(
            issues, model_path_child(&path, "nonResourceAttributes"),
            print_path_attributes(issues->arena, ke_json_get(spec, "nonResourceAttributes")),
            "disallowed on this kind of request");
    }
    if (ke_json_get(spec, "resourceAttributes") == NULL)
        validate_spec(spec, issues);
    else if (!ke_str_eq(ke_json_path_str(spec, "resourceAttributes.namespace"), ns)) {
        model_report_invalid(issues, model_path_child(&resource, "namespace"),
                             ke_json_path_str(spec, "resourceAttributes.namespace"),
                             "must match metadata.namespace");
    }
}

const struct model_kind model_kind_subjectaccessreview = {
    .id = MODEL_SUBJECTACCESSREVIEW,
    .kind = "SubjectAccessReview",
    .list_kind = "SubjectAccessReviewList",
    .plural = "subjectaccessreviews",
    .singular = "subjectaccessreview",
    .prefix = "/registry/subjectaccessreviews/",
    .is_computed = true,
    .durability = MODEL_MEMORY,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = AUTHORIZATION, .version = "v1", .message = "authorization.v1.SubjectAccessReview" },
    },
    .validate = validate_subject,
};

const struct model_kind model_kind_selfsubjectaccessreview = {
    .id = MODEL_SELFSUBJECTACCESSREVIEW,
    .kind = "SelfSubjectAccessReview",
    .list_kind = "SelfSubjectAccessReviewList",
    .plural = "selfsubjectaccessreviews",
    .singular = "selfsubjectaccessreview",
    .prefix = "/registry/selfsubjectaccessreviews/",
    .is_computed = true,
    .durability = MODEL_MEMORY,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = AUTHORIZATION, .version = "v1", .message = "authorization.v1.SelfSubjectAccessReview" },
    },
    .validate = validate_self,
};

const struct model_kind model_kind_localsubjectaccessreview = {
    .id = MODEL_LOCALSUBJECTACCESSREVIEW,
    .kind = "LocalSubjectAccessReview",
    .list_kind = "LocalSubjectAccessReviewList",
    .plural = "localsubjectaccessreviews",
    .singular = "localsubjectaccessreview",
    .prefix = "/registry/localsubjectaccessreviews/",
    .is_namespaced = true,
    .is_computed = true,
    .durability = MODEL_MEMORY,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = AUTHORIZATION, .version = "v1", .message = "authorization.v1.LocalSubjectAccessReview" },
    },
    .validate = validate_local,
};

const struct model_kind model_kind_selfsubjectrulesreview = {
    .id = MODEL_SELFSUBJECTRULESREVIEW,
    .kind = "SelfSubjectRulesReview",
    .list_kind = "SelfSubjectRulesReviewList",
    .plural = "selfsubjectrulesreviews",
    .singular = "selfsubjectrulesreview",
    .prefix = "/registry/selfsubjectrulesreviews/",
    .is_computed = true,
    .durability = MODEL_MEMORY,
    .verbs = MODEL_VERB_CREATE,
    .versions = {
        { .group = AUTHORIZATION, .version = "v1", .message = "authorization.v1.SelfSubjectRulesReview" },
    },
};
