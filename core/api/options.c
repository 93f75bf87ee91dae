/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of reads and writes. Pure.
 */
#include "core/api/options.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/field_manager.h"

static void forbid(struct model_issues *issues, const char *field, const char *why)
{
    struct ke_str message = ke_arena_fmt(issues->arena, "Forbidden: %s", why);
    model_issues_add(issues, MODEL_ISSUE_FORBIDDEN, ke_str_c(field), message);
}

static enum ke_code invalid(const struct model_issues *issues, const char *what, struct ke_err *err)
{
    if (issues->n_items == 0) {
        return KE_OK;
    }
    return ke_fail(err, KE_INVALID, "%s.meta.k8s.io \"\" is invalid", what);
}

static void parse_revision(struct ke_str text, struct api_list_options *out)
{
    uint64_t revision = 0;
    out->revision_text = text;
    if (text.len == 0) {
        return;
    }
    out->is_bad_revision = !ke_str_to_u64(text, INT64_MAX, &revision);
    out->has_revision = !out->is_bad_revision;
    out->revision = (int64_t)revision;
}

static void unsupported_match(struct model_issues *issues, struct ke_str match,
                              const char *supported)
{
    model_issues_add(issues, MODEL_ISSUE_NOT_SUPPORTED, KE_STR("resourceVersionMatch"),
                     ke_arena_fmt(issues->arena,
                                  "Unsupported value: \"%.*s\": supported values: %s",
                                  KE_STR_ARG(match), supported));
}

static void check_list_match(const struct api_list_options *list, struct ke_str revision,
                             struct model_issues *issues)
{
    static const char field[] = "resourceVersionMatch";
    struct ke_str match = list->revision_match;
    if (match.len == 0) {
        return;
    }
    if (revision.len == 0) {
        forbid(issues, field,
               "resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if (list->continue_token.len > 0) {
        forbid(issues, field, "resourceVersionMatch is forbidden when continue is provided");
    }
    if (!ke_str_eq_c(match, "Exact") && !ke_str_eq_c(match, "NotOlderThan")) {
        unsupported_match(issues, match, "\"Exact\", \"NotOlderThan\", \"\"");
    }
    if (ke_str_eq_c(match, "Exact") && ke_str_eq_c(revision, "0")) {
        forbid(issues, field,
               "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
}

static void check_watch_match(const struct api_list_options *list, bool is_initial_given,
                              struct model_issues *issues)
{
    static const char field[] = "resourceVersionMatch";
    struct ke_str match = list->revision_match;
    bool is_not_older = ke_str_eq_c(match, "NotOlderThan");
    if (is_initial_given && !is_not_older) {
        forbid(issues, field,
               "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if (match.len == 0) {
        return;
    }
    if (!is_initial_given) {
        forbid(issues, field,
               "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
    if (!is_not_older) {
        unsupported_match(issues, match, "\"NotOlderThan\"");
    }
    if (list->continue_token.len > 0) {
        forbid(issues, field, "resourceVersionMatch is forbidden when continue is provided");
    }
}

/* sendInitialEvents unset: as old clients expect, a watch from nowhere or 0 begins with the list.
 */
static void parse_initial_events(const struct api_query *query, bool is_watch,
                                 struct api_list_options *list, struct model_issues *issues)
{
    bool is_given = api_query_get(query, "sendInitialEvents").ptr != NULL;
    if (!is_watch) {
        if (is_given) {
            forbid(issues, "sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
        return;
    }
    check_watch_match(list, is_given, issues);
    list->is_watch_list = is_given && api_query_bool(query, "sendInitialEvents");
    list->has_initial_events =
        is_given ? list->is_watch_list : !list->has_revision || list->revision == 0;
}

static enum ke_code parse_selectors(const struct api_query *query, const struct model_kind *kind,
                                    struct api_list_options *out, struct ke_err *err)
{
    struct ke_str labels = api_query_get(query, "labelSelector");
    struct ke_str fields = api_query_get(query, "fieldSelector");
    enum ke_code rc = KE_OK;
    if (labels.len > LIMIT_LABEL_SELECTOR_BYTES || fields.len > LIMIT_LABEL_SELECTOR_BYTES) {
        return ke_fail(err, KE_MALFORMED, "selector is longer than %d bytes",
                       LIMIT_LABEL_SELECTOR_BYTES);
    }
    if (labels.len > 0) {
        rc = model_selector_parse_labels(labels, &out->labels, err);
    }
    if (rc == KE_OK && fields.len > 0) {
        rc = model_selector_parse_fields(fields, &out->fields, err);
    }
    if (rc == KE_OK && out->fields != NULL) {
        rc = resource_check_fields(kind, out->fields, err);
    }
    return rc;
}

static enum ke_code parse_numbers(const struct api_query *query, struct api_list_options *out,
                                  struct ke_err *err)
{
    enum ke_code rc = api_query_i64(query, "limit", &out->limit, err);
    if (rc == KE_OK) {
        rc = api_query_i64(query, "timeoutSeconds", &out->timeout_s, err);
    }
    if (rc == KE_OK && (out->limit < 0 || out->timeout_s < 0)) {
        rc = ke_fail(err, KE_MALFORMED, "limit and timeoutSeconds must not be negative");
    }
    return rc;
}

enum ke_code api_list_options_parse(const struct api_query *query, const struct model_kind *kind,
                                    bool is_watch, struct api_list_options *out,
                                    struct model_issues *issues, struct ke_err *err)
{
    struct ke_str revision = api_query_get(query, "resourceVersion");
    struct api_list_options list = {
        .continue_token = api_query_get(query, "continue"),
        .revision_match = api_query_get(query, "resourceVersionMatch"),
        .allow_bookmarks = api_query_bool(query, "allowWatchBookmarks"),
    };
    enum ke_code rc = parse_numbers(query, &list, err);
    if (rc == KE_OK) {
        parse_revision(revision, &list);
        if (!is_watch) {
            check_list_match(&list, revision, issues);
        }
        parse_initial_events(query, is_watch, &list, issues);
        rc = invalid(issues, "ListOptions", err);
    }
    if (rc == KE_OK) {
        rc = parse_selectors(query, kind, &list, err);
    }
    if (rc != KE_OK) {
        api_list_options_clear(&list);
        return rc;
    }
    *out = list;
    return KE_OK;
}

void api_list_options_clear(struct api_list_options *options)
{
    model_selector_free(options->labels);
    model_selector_free(options->fields);
    options->labels = NULL;
    options->fields = NULL;
}

/* ---- writes ------------------------------------------------------------------------------------
 */

static void parse_validation(const struct api_query *query, struct resource_request *out,
                             struct model_issues *issues)
{
    struct ke_str value = api_query_get(query, "fieldValidation");
    if (ke_str_eq_c(value, "Strict")) {
        out->is_strict = true;
    } else if (value.len == 0 || ke_str_eq_c(value, "Warn")) {
        out->is_warning = true;
    } else if (!ke_str_eq_c(value, "Ignore")) {
        model_issues_add(issues, MODEL_ISSUE_NOT_SUPPORTED, KE_STR("fieldValidation"),
                         ke_arena_fmt(issues->arena,
                                      "Unsupported value: \"%.*s\": supported values: \"Ignore\", "
                                      "\"Strict\", \"Warn\"",
                                      KE_STR_ARG(value)));
    }
}

static void parse_apply(const struct api_query *query, struct resource_request *out,
                        struct model_issues *issues)
{
    bool is_apply = out->verb == RESOURCE_PATCH && out->patch == RESOURCE_PATCH_APPLY;
    bool says_force = api_query_get(query, "force").len > 0;
    out->is_forced = is_apply && api_query_bool(query, "force");
    if (out->verb == RESOURCE_PATCH && !is_apply && says_force) {
        model_report_forbidden(issues, model_path_root("force"),
                               "may not be specified for non-apply patch");
    }
    if (is_apply && out->field_manager.len == 0) {
        model_report_required(issues, model_path_root("fieldManager"),
                              "is required for apply patch");
    }
}

enum ke_code api_write_options_parse(const struct api_query *query, const char *what,
                                     struct resource_request *out, struct model_issues *issues,
                                     struct ke_err *err)
{
    struct ke_str dry_run = api_query_get(query, "dryRun");
    out->field_manager = api_query_get(query, "fieldManager");
    parse_apply(query, out, issues);
    model_check_field_manager(issues, model_path_root("fieldManager"), out->field_manager);
    if (dry_run.ptr != NULL) {
        (void)resource_dry_run_set(dry_run, out, issues);
    }
    parse_validation(query, out, issues);
    return invalid(issues, what, err);
}

enum ke_code api_delete_options_parse(const struct api_query *query, const cJSON *body,
                                      struct resource_request *out, struct model_issues *issues,
                                      struct ke_err *err)
{
    struct ke_str dry_run = api_query_get(query, "dryRun");
    struct ke_str grace = api_query_get(query, "gracePeriodSeconds");
    out->grace_period_s = -1;
    if (grace.len > 0) {
        enum ke_code rc = api_query_i64(query, "gracePeriodSeconds", &out->grace_period_s, err);
        if (rc != KE_OK) {
            return rc;
        }
    }
    if (dry_run.ptr != NULL) {
        (void)resource_dry_run_set(dry_run, out, issues);
    }
    resource_propagation_set(api_query_get(query, "propagationPolicy"), out, issues);
    if (api_query_get(query, "orphanDependents").len > 0) {
        out->propagation =
            api_query_bool(query, "orphanDependents") ? RESOURCE_ORPHAN : RESOURCE_BACKGROUND;
    }
    if (body != NULL) {
        resource_delete_options_apply(body, out, issues);
    }
    return invalid(issues, "DeleteOptions", err);
}
