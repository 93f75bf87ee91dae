/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STYLE_H
#define CORE_API_STYLE_H
/*
 * How a JSON answer is written: compact, with line breaks for people (?pretty=true, curl,
 * browsers), or as YAML. Pure. Source: apiserver's isPrettyPrint; Go's json.MarshalIndent with two
 * blanks.
 */
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"

enum api_style { API_STYLE_COMPACT, API_STYLE_PRETTY, API_STYLE_YAML };

/* pretty: the parameter, {NULL,0} when absent; is_yaml: what Accept prefers. */
enum api_style api_style_choose(struct ke_str pretty, struct ke_str user_agent, bool is_yaml);
const char *api_style_type(enum api_style style); /* of Content-Type */

/* Line breaks for JSON text that comes in pieces. Zeroed: the beginning. */
struct api_indenter {
    unsigned depth;
    bool is_string, is_escaped;
    bool is_open; /* behind { or [, and nothing else yet */
};
void api_indent(struct api_indenter *indenter, struct ke_str json, struct ke_buf *out);

/* A whole JSON text in the style. What gets too large with line breaks stays as it is: that is YAML
 * too. Errors: KE_NOMEM. */
enum ke_code api_style_convert(enum api_style style, struct ke_str json, struct ke_buf *out,
                               struct ke_err *err) KE_MUST_CHECK;
/* One element of a YAML list at the left margin. Errors: KE_NOMEM. */
enum ke_code api_style_yaml_item(struct ke_str json, struct ke_buf *out,
                                 struct ke_err *err) KE_MUST_CHECK;
/* A list's JSON head up to its open bracket: as YAML, ready for the elements. Errors: KE_NOMEM. */
enum ke_code api_style_yaml_head(struct ke_str json, bool is_empty, struct ke_buf *out,
                                 struct ke_err *err) KE_MUST_CHECK;

#endif
