/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_PATTERN_H
#define CORE_MODEL_PATTERN_H
/*
 * Regular expressions of schemas, in the syntax of Go (RE2): PCRE2 runs them, with what RE2 does
 * not have refused (look-around, back references) and a bound on the steps of a match, since PCRE2
 * backtracks where RE2 does not. A compiled pattern is immutable; any thread.
 */
#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct model_pattern;

/* Errors: KE_MALFORMED with the words behind "must be a valid regular expression, but isn't: ",
 * KE_NOMEM. */
enum ke_code model_pattern_new(struct ke_str text, struct model_pattern **out,
                               struct ke_err *err) KE_MUST_CHECK;
void model_pattern_free(struct model_pattern *pattern); /* NULL is fine */
KE_AUTO_DEFINE(model_pattern)

enum model_match {
    MODEL_MATCH_NO,
    MODEL_MATCH_YES,
    MODEL_MATCH_UNKNOWN /* out of memory, or more than LIMIT_PATTERN_STEPS */
};
/*
 * Anywhere in text, which is UTF-8. n_slow: how many matches may take more steps than in proportion
 * to their text; counted down, and at 0 such a match is UNKNOWN at once. Shared by all matches of
 * one validation, for an object holds very many strings.
 */
enum model_match model_pattern_match(const struct model_pattern *pattern, struct ke_str text,
                                     unsigned *n_slow);

#endif
