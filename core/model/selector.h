/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_SELECTOR_H
#define CORE_MODEL_SELECTOR_H
/*
 * Label and field selectors. Parsed once, then matched against packed key/value pairs. Immutable
 * after parsing; any thread may match.
 * Source: apimachinery labels.Parse, fields.ParseSelector; metav1.LabelSelector.
 */
#include <cjson/cJSON.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

struct model_pair {
    struct ke_str key;
    struct ke_str value;
};

struct model_selector;

/* "a=b,c!=d,e in (f,g),h,!i". Errors: KE_MALFORMED (text as upstream's), KE_NOMEM. */
enum ke_code model_selector_parse_labels(struct ke_str text, struct model_selector **out,
                                         struct ke_err *err) KE_MUST_CHECK;
/* "metadata.name=x,status.phase!=Running". */
enum ke_code model_selector_parse_fields(struct ke_str text, struct model_selector **out,
                                         struct ke_err *err) KE_MUST_CHECK;
/* A JSON object of equalities (Service.spec.selector). */
enum ke_code model_selector_from_map(const cJSON *map, struct model_selector **out,
                                     struct ke_err *err) KE_MUST_CHECK;
/* matchLabels and matchExpressions. No object at all (null, absent) selects nothing. */
enum ke_code model_selector_from_label_selector(const cJSON *json, struct model_selector **out,
                                                struct ke_err *err) KE_MUST_CHECK;
void model_selector_free(struct model_selector *selector);
KE_AUTO_DEFINE(model_selector)
/* pairs sorted by key (ke_str_cmp). NULL selector matches all. */
bool model_selector_matches(const struct model_selector *selector, const struct model_pair *pairs,
                            size_t n_pairs);
/* Walks the keys used: i from 0; false at the end (field selectors: checked against the kind's
 * fields). */
bool model_selector_key(const struct model_selector *selector, size_t i, struct ke_str *out);
/* The value that key must equal, when the selector has key=value; false otherwise. */
bool model_selector_equality(const struct model_selector *selector, struct ke_str key,
                             struct ke_str *out_value);
void model_selector_format(const struct model_selector *selector, struct ke_buf *out);

#endif
