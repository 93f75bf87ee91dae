/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_YAML_H
#define CORE_MODEL_YAML_H
/*
 * YAML to JSON values and back, as sigs.k8s.io/yaml does it: plain scalars by the rules of YAML 1.1
 * that Go's decoder knows (yes, on and y are true, 0644 is octal, a time is a string), keys that
 * are numbers or booleans become text, "<<" merges, of equal keys the last one counts. JSON is
 * YAML.
 *
 * Hostile texts are refused early: depth, values, anchors and what aliases copy have a ceiling each
 * (core/base/limits.h), and no work is quadratic. Pure; any thread.
 * Source: YAML 1.1 and its merge keys; sigs.k8s.io/yaml and its goyaml.v2.
 */
#include <cjson/cJSON.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/*
 * The first document of text; none: null. Returned in *out (cJSON_Delete).
 * @out_duplicates: NULL, or gets a line `  line 3: key "a" already set in map` for each key that an
 *                  object had before, joined by newlines, as strict decoding words it.
 * Errors: KE_MALFORMED (`yaml: line 2: ...`), KE_TOO_LARGE (a ceiling named), KE_NOMEM.
 */
enum ke_code model_yaml_parse(struct ke_str text, cJSON **out, struct ke_buf *out_duplicates,
                              struct ke_err *err) KE_MUST_CHECK;
/* All documents of text, as a JSON array. Errors: the same. */
enum ke_code model_yaml_parse_stream(struct ke_str text, cJSON **out,
                                     struct ke_err *err) KE_MUST_CHECK;

/* Block style, keys sorted, a new line at the end. Errors: KE_NOMEM; the ceiling of out is asked
 * for by the caller. */
enum ke_code model_yaml_print(const cJSON *value, struct ke_buf *out,
                              struct ke_err *err) KE_MUST_CHECK;
/* The same as one element of a list: "- a: 1\n  b: 2\n". */
enum ke_code model_yaml_print_item(const cJSON *value, struct ke_buf *out,
                                   struct ke_err *err) KE_MUST_CHECK;

#endif
