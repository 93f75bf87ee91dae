/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H
/*
 * JSON access on top of cJSON: one strict parser entry (UTF-8, depth, size and duplicate keys
 * checked), lookups that are case-sensitive and typed, and printing into a ke_buf. Absent and of
 * the wrong type read alike here: validation has reported wrong types before anyone acts.
 *
 * A number is a double, as in cJSON; an integer of 64 bits that no double is exactly has its digits
 * in valuestring too (cJSON copies and frees that), so that it reads, compares and prints exactly.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

static inline void ke_json_autofree(cJSON **p)
{
    cJSON_Delete(*p);
}
#define ke_auto_json KE_CLEANUP(ke_json_autofree) cJSON

/*
 * Whole text, one value, at most LIMIT_JSON_DEPTH deep. Returned in *out (cJSON_Delete).
 * Errors: KE_MALFORMED (with the position), KE_NOMEM.
 */
enum ke_code ke_json_parse(struct ke_str text, cJSON **out, struct ke_err *err) KE_MUST_CHECK;
/*
 * Did the text that value was parsed from have an earlier member of its name beside it? The last
 * one is kept, as Go does; strict validation wants to know. Copies of the value still say so.
 */
bool ke_json_is_duplicate(const cJSON *value);
/* Compact, in member order, integers without exponent; < > & are printed as they are. */
void ke_json_print(const cJSON *value, struct ke_buf *out);
void ke_json_print_pretty(const cJSON *value, unsigned indent, struct ke_buf *out);

const cJSON *ke_json_get(const cJSON *object, const char *name); /* NULL: absent or not an object */
cJSON *ke_json_get_mut(cJSON *object, const char *name);
/* Dotted path of member names: "spec.template.metadata". */
const cJSON *ke_json_path(const cJSON *object, const char *path);
struct ke_str ke_json_str(const cJSON *object, const char *name); /* {NULL,0}: absent */
struct ke_str ke_json_path_str(const cJSON *object, const char *path);
struct ke_str ke_json_value_str(const cJSON *value);
/* The value is an integer of 64 bits: exactly which. */
bool ke_json_value_i64(const cJSON *value, int64_t *out);
cJSON *ke_json_new_i64(int64_t number); /* returned; NULL: out of memory */
int64_t ke_json_i64(const cJSON *object, const char *name, int64_t if_absent);
bool ke_json_bool(const cJSON *object, const char *name, bool if_absent);
/* Replaces or adds; value is given, also on failure. */
bool ke_json_set(cJSON *object, const char *name, cJSON *value) KE_MUST_CHECK;
bool ke_json_set_str(cJSON *object, const char *name, struct ke_str s) KE_MUST_CHECK;
/* Puts the member first (kind, apiVersion lead). */
bool ke_json_set_first(cJSON *object, const char *name, cJSON *value) KE_MUST_CHECK;
void ke_json_del(cJSON *object, const char *name);
/* The member object, made empty when absent or null; NULL: out of memory or not an object. */
cJSON *ke_json_need_object(cJSON *object, const char *name);
cJSON *ke_json_need_array(cJSON *object, const char *name);
/* Deep, member order ignored, numbers by value. */
bool ke_json_equal(const cJSON *a, const cJSON *b);

#endif
