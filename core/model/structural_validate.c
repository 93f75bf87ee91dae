/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a value against a compiled schema, in the words of go-openapi's validators as
 * apiextensions-apiserver hands them on. What did not change since `old` is not looked into
 * (KEP-4008, validation ratcheting). Pure; the number of steps is bounded.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/structural.h"

#define DETAIL_BYTES (64U << 10)

struct validation {
    struct model_issues *issues;
    unsigned steps;
    unsigned n_slow; /* see model_pattern_match */
    bool is_trial;   /* only whether it fits is asked: see n_found */
    size_t n_found;
};

static void check(struct validation *v, const struct model_structural *schema,
                  const struct model_path *at, const cJSON *value, const cJSON *old);

/* ---- reports --------------------------------------------------------------------------------- */

static struct model_path place(const struct model_path *at)
{
    return at != NULL ? *at : model_path_root("<nil>");
}

static struct ke_str place_text(struct validation *v, const struct model_path *at)
{
    return at != NULL ? model_path_text(v->issues, at) : KE_STR("");
}

/* True: the problem is to be worded, not only counted. */
static bool finds(struct validation *v)
{
    v->n_found++;
    return !v->is_trial;
}

static const char *type_name(const cJSON *value)
{
    if (cJSON_IsNull(value))
        return "null";
    if (cJSON_IsString(value))
        return "string";
    if (cJSON_IsBool(value))
        return "boolean";
    if (cJSON_IsArray(value))
        return "array";
    if (cJSON_IsObject(value))
        return "object";
    return floor(value->valuedouble) == value->valuedouble ? "integer" : "number";
}

/* `spec.x in body WORDS` */
static struct ke_str detail(struct validation *v, const struct model_path *at, const char *words)
{
    struct ke_str path = place_text(v, at);
    struct ke_str text = ke_arena_fmt(v->issues->arena, "%.*s in body %s", KE_STR_ARG(path), words);
    return text.ptr != NULL ? text : KE_STR("out of memory");
}

/* `must be of type TYPE: "found"` */
static void report_type(struct validation *v, const struct model_path *at, const char *type,
                        struct ke_str found)
{
    if (!finds(v))
        return;
    struct ke_str quoted = model_go_quote(v->issues->arena, found);
    struct ke_str words =
        ke_arena_fmt(v->issues->arena, "must be of type %s: %.*s", type, KE_STR_ARG(quoted));
    struct ke_str why = detail(v, at, words.ptr != NULL ? words.ptr : "out of memory");
    struct model_path path = place(at);
    struct ke_str text = ke_arena_fmt(v->issues->arena, "Invalid value: %.*s: %.*s",
                                      KE_STR_ARG(quoted), KE_STR_ARG(why));
    model_issues_add(v->issues, MODEL_ISSUE_TYPE_INVALID, model_path_text(v->issues, &path), text);
}

static void print_number(double number, struct ke_buf *out)
{
    cJSON value = { .type = cJSON_Number, .valuedouble = number };
    ke_json_print(&value, out);
}

static void report_value(struct validation *v, const struct model_path *at, const cJSON *value,
                         const char *words)
{
    if (!finds(v))
        return;
    struct ke_str why = detail(v, at, words);
    if (cJSON_IsString(value)) {
        model_report_invalid(v->issues, place(at), ke_json_value_str(value), why.ptr);
        return;
    }
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    ke_json_print(value, &text);
    model_report_invalid_raw(v->issues, place(at), ke_buf_str(&text), why.ptr);
}

static void report_count(struct validation *v, const struct model_path *at, size_t n,
                         const char *words, int64_t limit, const char *unit)
{
    char text[128];
    if (!finds(v))
        return;
    (void)snprintf(text, sizeof(text), "should have %s %" PRId64 " %s", words, limit, unit);
    struct ke_str why = detail(v, at, text);
    model_report_invalid_int(v->issues, place(at), (int64_t)n, why.ptr);
}

/* Of the whole: upstream names no field there. */
static void report_junctor(struct validation *v, const struct model_path *at, const char *words)
{
    if (!finds(v))
        return;
    struct ke_str path = place_text(v, at);
    struct ke_str why = ke_arena_fmt(v->issues->arena, "\"%.*s\" %s", KE_STR_ARG(path), words);
    model_report_invalid(v->issues, model_path_root("<nil>"), KE_STR(""),
                         why.ptr != NULL ? why.ptr : "out of memory");
}

/* ---- type and enum --------------------------------------------------------------------------- */

static bool has_type(const struct model_structural *schema, const cJSON *value)
{
    switch ((enum model_structural_type)schema->type) {
    case MODEL_STRUCTURAL_ANY:
        return true;
    case MODEL_STRUCTURAL_OBJECT:
        return cJSON_IsObject(value);
    case MODEL_STRUCTURAL_ARRAY:
        return cJSON_IsArray(value);
    case MODEL_STRUCTURAL_STRING:
        return cJSON_IsString(value);
    case MODEL_STRUCTURAL_INTEGER:
        return cJSON_IsNumber(value) && floor(value->valuedouble) == value->valuedouble;
    case MODEL_STRUCTURAL_NUMBER:
        return cJSON_IsNumber(value);
    case MODEL_STRUCTURAL_BOOLEAN:
        return cJSON_IsBool(value);
    }
    return false;
}

static void check_type(struct validation *v, const struct model_structural *schema,
                       const struct model_path *at, const cJSON *value)
{
    static const char *const names[] = { "",        "object", "array",  "string",
                                         "integer", "number", "boolean" };
    if (cJSON_IsNull(value) && schema->is_nullable)
        return;
    if (schema->is_int_or_string) {
        bool is_int = cJSON_IsNumber(value) && floor(value->valuedouble) == value->valuedouble;
        if (!is_int && !cJSON_IsString(value))
            report_type(v, at, "integer,string", ke_str_c(type_name(value)));
        return;
    }
    if (!has_type(schema, value))
        report_type(v, at, names[schema->type], ke_str_c(type_name(value)));
}

static void check_enum(struct validation *v, const struct model_structural_checks *checks,
                       const struct model_path *at, const cJSON *value)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, checks->enumeration) {
        if (ke_json_equal(it, value))
            return;
    }
    if (!finds(v))
        return;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    ke_buf_add_c(&text, "Unsupported value: ");
    if (cJSON_IsString(value)) {
        struct ke_str quoted = model_go_quote(v->issues->arena, ke_json_value_str(value));
        ke_buf_add_str(&text, quoted);
    } else {
        ke_json_print(value, &text);
    }
    ke_buf_add_c(&text, ": supported values: ");
    bool is_first = true;
    cJSON_ArrayForEach(it, checks->enumeration) {
        ke_auto_buf one = KE_BUF_INIT(DETAIL_BYTES);
        if (cJSON_IsString(it))
            ke_buf_add_str(&one, ke_json_value_str(it));
        else
            ke_json_print(it, &one);
        ke_buf_add_c(&text, is_first ? "" : ", ");
        ke_buf_add_str(&text, model_go_quote(v->issues->arena, ke_buf_str(&one)));
        is_first = false;
    }
    struct model_path path = place(at);
    model_issues_add(v->issues, MODEL_ISSUE_NOT_SUPPORTED, model_path_text(v->issues, &path),
                     ke_arena_str(v->issues->arena, ke_buf_str(&text)));
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void report_bound(struct validation *v, const struct model_path *at, const cJSON *value,
                         const char *words, double bound)
{
    char text[160];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_addf(&buf, "should be %s ", words);
    print_number(bound, &buf);
    ke_buf_add_char(&buf, '\0');
    report_value(v, at, value, text);
}

static bool is_in_range(const char *format, double number)
{
    if (strcmp(format, "int32") == 0)
        return number >= INT32_MIN && number <= INT32_MAX;
    if (strcmp(format, "int64") == 0)
        return number >= -9223372036854775808.0 && number < 9223372036854775808.0;
    if (strcmp(format, "float") == 0)
        return fabs(number) <= 3.40282346638528859811704183484516925440e+38;
    return true;
}

static void check_number(struct validation *v, const struct model_structural *schema,
                         const struct model_path *at, const cJSON *value)
{
    const struct model_structural_checks *checks = schema->checks;
    double n = value->valuedouble;
    if (checks->has_multiple_of) {
        double quotient = n / checks->multiple_of;
        if (floor(quotient) != quotient)
            report_bound(v, at, value, "a multiple of", checks->multiple_of);
    }
    if (checks->has_maximum &&
        (checks->is_maximum_exclusive ? n >= checks->maximum : n > checks->maximum)) {
        report_bound(v, at, value,
                     checks->is_maximum_exclusive ? "less than" : "less than or equal to",
                     checks->maximum);
    }
    if (checks->has_minimum &&
        (checks->is_minimum_exclusive ? n <= checks->minimum : n < checks->minimum)) {
        report_bound(v, at, value,
                     checks->is_minimum_exclusive ? "greater than" : "greater than or equal to",
                     checks->minimum);
    }
    if (checks->format != NULL && !is_in_range(checks->format, n) && finds(v)) {
        struct ke_str path = place_text(v, at);
        struct ke_str why = ke_arena_fmt(
            v->issues->arena, "Checked value must be of type %s with format %s in %.*s",
            schema->type == MODEL_STRUCTURAL_NUMBER ? "number" : "integer", checks->format,
            KE_STR_ARG(path));
        model_report_invalid(v->issues, model_path_root("<nil>"), KE_STR(""),
                             why.ptr != NULL ? why.ptr : "out of memory");
    }
}

/* ---- strings --------------------------------------------------------------------------------- */

static int64_t count_characters(struct ke_str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xC0U) != 0x80U;
    return n;
}

static void check_pattern(struct validation *v, const struct model_structural_checks *checks,
                          const struct model_path *at, const cJSON *value)
{
    enum model_match match =
        model_pattern_match(checks->pattern, ke_json_value_str(value), &v->n_slow);
    if (match == MODEL_MATCH_YES)
        return;
    ke_auto_buf words = KE_BUF_INIT(LIMIT_PATTERN_BYTES + 128);
    if (match == MODEL_MATCH_UNKNOWN)
        ke_buf_addf(&words, "takes too many steps to match against '%s'", checks->pattern_text);
    else
        ke_buf_addf(&words, "should match '%s'", checks->pattern_text);
    ke_buf_add_char(&words, '\0');
    report_value(v, at, value, words.failed == KE_OK ? words.ptr : "should match its pattern");
}

static void check_string(struct validation *v, const struct model_structural_checks *checks,
                         const struct model_path *at, const cJSON *value)
{
    struct ke_str text = ke_json_value_str(value);
    char words[96];
    if (checks->max_length >= 0 && count_characters(text) > checks->max_length && finds(v))
        model_report_too_long(v->issues, place(at), (size_t)checks->max_length);
    if (checks->min_length >= 0 && count_characters(text) < checks->min_length) {
        (void)snprintf(words, sizeof(words), "should be at least %" PRId64 " chars long",
                       checks->min_length);
        report_value(v, at, value, words);
    }
    if (checks->pattern != NULL)
        check_pattern(v, checks, at, value);
    if (checks->format != NULL && !model_format_matches(checks->format, text))
        report_type(v, at, checks->format, text);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static bool has_same_keys(const struct model_structural_checks *checks, const cJSON *x,
                          const cJSON *y)
{
    for (size_t i = 0; i < checks->n_list_keys; i++) {
        const cJSON *a = ke_json_get(x, checks->list_keys[i]);
        const cJSON *b = ke_json_get(y, checks->list_keys[i]);
        if ((a == NULL) != (b == NULL) || (a != NULL && !ke_json_equal(a, b)))
            return false;
    }
    return true;
}

static bool is_keyed(const struct model_structural *schema)
{
    return schema->list == MODEL_STRUCTURAL_LIST_MAP && schema->checks != NULL &&
           schema->checks->n_list_keys > 0;
}

static void report_duplicate(struct validation *v, const struct model_structural *schema,
                             const struct model_path *at, const cJSON *element)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (!finds(v))
        return;
    if (!is_keyed(schema)) {
        if (cJSON_IsString(element)) {
            model_report_duplicate(v->issues, *at, ke_json_value_str(element));
            return;
        }
        ke_json_print(element, &text);
        model_report_duplicate_raw(v->issues, *at, ke_buf_str(&text));
        return;
    }
    ke_buf_add_char(&text, '{');
    for (size_t i = 0; i < schema->checks->n_list_keys; i++) {
        const cJSON *key = ke_json_get(element, schema->checks->list_keys[i]);
        if (key == NULL)
            continue;
        ke_buf_add_c(&text, text.len > 1 ? "," : "");
        ke_buf_add_json_str(&text, ke_str_c(schema->checks->list_keys[i]));
        ke_buf_add_char(&text, ':');
        ke_json_print(key, &text);
    }
    ke_buf_add_char(&text, '}');
    model_report_duplicate_raw(v->issues, *at, ke_buf_str(&text));
}

static bool is_repeated(struct validation *v, const struct model_structural *schema,
                        const cJSON *list, const cJSON *element)
{
    for (const cJSON *it = list->child; it != element; it = it->next) {
        if (++v->steps > LIMIT_SCHEMA_STEPS)
            return false;
        if (is_keyed(schema) ? cJSON_IsObject(element) && has_same_keys(schema->checks, it, element)
                             : ke_json_equal(it, element))
            return true;
    }
    return false;
}

static const cJSON *old_element(const struct model_structural *schema, const cJSON *old,
                                const cJSON *element)
{
    if (!is_keyed(schema) || !cJSON_IsArray(old))
        return NULL;
    const cJSON *it;
    cJSON_ArrayForEach(it, old) {
        if (has_same_keys(schema->checks, it, element))
            return it;
    }
    return NULL;
}

static void check_array(struct validation *v, const struct model_structural *schema,
                        const struct model_path *at, const cJSON *value, const cJSON *old)
{
    const struct model_structural_checks *checks = schema->checks;
    size_t n = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, value) {
        struct model_path path = model_path_index(at, n++);
        if (schema->items != NULL)
            check(v, schema->items, &path, it, old_element(schema, old, it));
        if (schema->list != MODEL_STRUCTURAL_LIST_ATOMIC && is_repeated(v, schema, value, it))
            report_duplicate(v, schema, &path, it);
    }
    if (checks == NULL)
        return;
    if (checks->min_items >= 0 && (int64_t)n < checks->min_items)
        report_count(v, at, n, "at least", checks->min_items, "items");
    if (checks->max_items >= 0 && (int64_t)n > checks->max_items && finds(v))
        model_report_too_many(v->issues, place(at), n, (size_t)checks->max_items);
}

/* ---- objects --------------------------------------------------------------------------------- */

static void check_embedded(struct validation *v, const struct model_path *at, const cJSON *value)
{
    static const char *const needed[] = { "apiVersion", "kind" };
    for (size_t i = 0; i < KE_ARRAY_LEN(needed); i++) {
        if (ke_json_str(value, needed[i]).len == 0 && finds(v))
            model_report_required(v->issues, model_path_child(at, needed[i]), "must not be empty");
    }
}

static void check_sizes(struct validation *v, const struct model_structural_checks *checks,
                        const struct model_path *at, const cJSON *value)
{
    int64_t n = cJSON_GetArraySize(value);
    if (checks->min_properties >= 0 && n < checks->min_properties)
        report_count(v, at, (size_t)n, "at least", checks->min_properties, "properties");
    if (checks->max_properties >= 0 && n > checks->max_properties && finds(v))
        model_report_too_many(v->issues, place(at), (size_t)n, (size_t)checks->max_properties);
}

static void check_object(struct validation *v, const struct model_structural *schema,
                         const struct model_path *at, const cJSON *value, const cJSON *old)
{
    if (schema->checks != NULL)
        check_sizes(v, schema->checks, at, value);
    const cJSON *it;
    cJSON_ArrayForEach(it, value) {
        const struct model_structural *below =
            model_structural_member(schema, ke_str_c(it->string));
        struct model_path path = model_path_child(at, it->string);
        if (below == NULL && schema->forbids_additional) {
            report_value(v, &path, it, "is a forbidden property");
            continue;
        }
        if (below == NULL)
            below = schema->additional;
        if (below != NULL)
            check(v, below, &path, it, ke_json_get(old, it->string));
    }
    for (uint32_t i = 0; i < schema->n_required; i++) {
        if (ke_json_get(value, schema->required[i]) == NULL && finds(v))
            model_report_required(v->issues, model_path_child(at, schema->required[i]), "");
    }
    if (schema->is_embedded)
        check_embedded(v, at, value);
}

/* ---- allOf and its like ---------------------------------------------------------------------- */

/* How many problems value has with schema, unworded. */
static size_t try_schema(struct validation *v, const struct model_structural *schema,
                         const struct model_path *at, const cJSON *value)
{
    struct validation trial = {
        .issues = v->issues, .steps = v->steps, .n_slow = v->n_slow, .is_trial = true
    };
    check(&trial, schema, at, value, NULL);
    v->steps = trial.steps;
    v->n_slow = trial.n_slow;
    return trial.n_found;
}

struct outcome {
    size_t n_valid;
    const struct model_structural *best; /* of those that do not fit the one that fits best */
};

static struct outcome try_all(struct validation *v, const struct model_structural *const *schemas,
                              size_t n, const struct model_path *at, const cJSON *value)
{
    struct outcome out = { .n_valid = 0 };
    size_t fewest = 0;
    for (size_t i = 0; i < n; i++) {
        size_t n_found = try_schema(v, schemas[i], at, value);
        if (n_found == 0) {
            out.n_valid++;
        } else if (out.best == NULL || n_found < fewest) {
            out.best = schemas[i];
            fewest = n_found;
        }
    }
    return out;
}

static void check_one_of(struct validation *v, const struct model_structural_checks *checks,
                         const struct model_path *at, const cJSON *value)
{
    char words[128];
    struct outcome outcome = try_all(v, checks->one_of, checks->n_one_of, at, value);
    if (outcome.n_valid == 1)
        return;
    if (outcome.n_valid == 0) {
        (void)snprintf(words, sizeof(words),
                       "must validate one and only one schema (oneOf). Found none valid");
    } else {
        (void)snprintf(
            words, sizeof(words),
            "must validate one and only one schema (oneOf). Found %zu valid alternatives",
            outcome.n_valid);
    }
    report_junctor(v, at, words);
    if (outcome.n_valid == 0 && outcome.best != NULL)
        check(v, outcome.best, at, value, NULL);
}

static void check_any_of(struct validation *v, const struct model_structural_checks *checks,
                         const struct model_path *at, const cJSON *value)
{
    struct outcome outcome = try_all(v, checks->any_of, checks->n_any_of, at, value);
    if (outcome.n_valid > 0)
        return;
    report_junctor(v, at, "must validate at least one schema (anyOf)");
    if (outcome.best != NULL)
        check(v, outcome.best, at, value, NULL);
}

static void check_all_of(struct validation *v, const struct model_structural_checks *checks,
                         const struct model_path *at, const cJSON *value)
{
    size_t n_valid = 0;
    for (size_t i = 0; i < checks->n_all_of; i++) {
        size_t before = v->n_found;
        check(v, checks->all_of[i], at, value, NULL);
        n_valid += v->n_found == before ? 1 : 0;
    }
    if (n_valid < checks->n_all_of) {
        report_junctor(v, at,
                       n_valid == 0 ? "must validate all the schemas (allOf). None validated"
                                    : "must validate all the schemas (allOf)");
    }
}

static void check_junctors(struct validation *v, const struct model_structural_checks *checks,
                           const struct model_path *at, const cJSON *value)
{
    if (checks->n_any_of > 0)
        check_any_of(v, checks, at, value);
    if (checks->n_one_of > 0)
        check_one_of(v, checks, at, value);
    if (checks->n_all_of > 0)
        check_all_of(v, checks, at, value);
    if (checks->negated != NULL && try_schema(v, checks->negated, at, value) == 0)
        report_junctor(v, at, "must not validate the schema (not)");
}

/* ---- all ------------------------------------------------------------------------------------- */

static void check(struct validation *v, const struct model_structural *schema,
                  const struct model_path *at, const cJSON *value, const cJSON *old)
{
    const struct model_structural_checks *checks = schema->checks;
    if (++v->steps > LIMIT_SCHEMA_STEPS)
        return;
    if (old != NULL && ke_json_equal(value, old))
        return;
    check_type(v, schema, at, value);
    if (checks != NULL && !cJSON_IsNull(value))
        check_junctors(v, checks, at, value);
    if (checks != NULL && cJSON_IsString(value))
        check_string(v, checks, at, value);
    if (checks != NULL && cJSON_IsNumber(value))
        check_number(v, schema, at, value);
    if (cJSON_IsArray(value))
        check_array(v, schema, at, value, old);
    if (checks != NULL && checks->enumeration != NULL &&
        !(cJSON_IsNull(value) && schema->is_nullable))
        check_enum(v, checks, at, value);
    if (cJSON_IsObject(value))
        check_object(v, schema, at, value, old);
}

void model_structural_validate(const struct model_structural *schema, const struct model_path *at,
                               const cJSON *value, const cJSON *old, struct model_issues *issues)
{
    struct validation validation = { .issues = issues, .n_slow = LIMIT_SLOW_PATTERNS };
    check(&validation, schema, at, value, old);
    if (validation.steps > LIMIT_SCHEMA_STEPS)
        model_report_invalid(issues, model_path_root("<nil>"), KE_STR(""),
                             "takes too many steps to validate");
}
