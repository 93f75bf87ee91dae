/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_OPTIONS_H
#define CORE_API_OPTIONS_H
/*
 * The query parameters of reads and writes (metav1.ListOptions and its siblings), checked with
 * upstream's rules and words. Pure; texts are borrowed from the query.
 * Source: apimachinery meta/internalversion/validation; metav1 validation.
 */
#include "core/api/target.h"
#include "core/model/issues.h"
#include "core/model/kind.h"
#include "core/resource/resource.h"

struct api_list_options {
    struct model_selector *labels, *fields; /* api_list_options_clear frees; NULL: all */
    int64_t limit;
    struct ke_str continue_token;
    bool has_revision;
    int64_t revision;
    bool is_bad_revision; /* revision_text is no number: the caller refuses it */
    struct ke_str revision_text;
    struct ke_str revision_match;
    bool has_initial_events; /* of a watch: what there is comes first, as ADDED */
    bool is_watch_list;      /* of a watch: and a bookmark says when that was all */
    int64_t timeout_s;       /* 0: the server's */
    bool allow_bookmarks;
};

/*
 * is_watch: of a watch. Errors: KE_MALFORMED (400), KE_INVALID (422: issues filled, err says
 * `ListOptions.meta.k8s.io "" is invalid`), KE_NOMEM.
 */
enum ke_code api_list_options_parse(const struct api_query *query, const struct model_kind *kind,
                                    bool is_watch, struct api_list_options *out,
                                    struct model_issues *issues, struct ke_err *err) KE_MUST_CHECK;
void api_list_options_clear(struct api_list_options *options);

/* dryRun, fieldValidation, fieldManager and force of a write; what names the options:
 * "CreateOptions". out->verb and out->patch are set. */
enum ke_code api_write_options_parse(const struct api_query *query, const char *what,
                                     struct resource_request *out, struct model_issues *issues,
                                     struct ke_err *err) KE_MUST_CHECK;
/* DeleteOptions out of the query and the body (NULL: none). Texts borrowed from both. */
enum ke_code api_delete_options_parse(const struct api_query *query, const cJSON *body,
                                      struct resource_request *out, struct model_issues *issues,
                                      struct ke_err *err) KE_MUST_CHECK;

#endif
