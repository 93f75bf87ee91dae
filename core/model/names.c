/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of names. Every pattern here is one upstream states as a regular expression; all of them
 * are character classes with rules about first and last, so they are walked by hand. Pure.
 */
#include "core/model/names.h"

#include "core/base/json.h"
#include "core/base/limits.h"

#define LABEL_FMT     "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SUBDOMAIN_FMT LABEL_FMT "(\\." LABEL_FMT ")*"
#define QUALIFIED_FMT "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define SUBDOMAIN_TEXT                                                                             \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '" SUBDOMAIN_FMT "')"
#define QUALIFIED_TEXT                                                                             \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '" QUALIFIED_FMT "')"

enum {
    CLASS_LOWER = 1,
    CLASS_UPPER = 2,
    CLASS_DIGIT = 4,
    CLASS_DASH = 8,
    CLASS_DOT = 16,
    CLASS_UNDERSCORE = 32
};
#define CLASS_ALNUM (CLASS_LOWER | CLASS_UPPER | CLASS_DIGIT)

static unsigned class_of(char c)
{
    if (c >= 'a' && c <= 'z')
        return CLASS_LOWER;
    if (c >= 'A' && c <= 'Z')
        return CLASS_UPPER;
    if (c >= '0' && c <= '9')
        return CLASS_DIGIT;
    if (c == '-')
        return CLASS_DASH;
    if (c == '.')
        return CLASS_DOT;
    return c == '_' ? CLASS_UNDERSCORE : 0;
}

/* Not empty, all of `inner`, the first of `first`, the last of `last`. */
static bool has_form(struct ke_str s, unsigned first, unsigned inner, unsigned last)
{
    if (s.ptr == NULL || s.len == 0 || (class_of(s.ptr[0]) & first) == 0 ||
        (class_of(s.ptr[s.len - 1]) & last) == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if ((class_of(s.ptr[i]) & inner) == 0)
            return false;
    }
    return true;
}

static bool is_label(struct ke_str s)
{
    unsigned edge = CLASS_LOWER | CLASS_DIGIT;
    return has_form(s, edge, edge | CLASS_DASH, edge);
}

static bool is_subdomain(struct ke_str s)
{
    struct ke_str rest = s.ptr != NULL ? s : KE_STR("");
    struct ke_str part;
    while (ke_str_split(&rest, '.', &part)) {
        if (!is_label(part))
            return false;
    }
    return true;
}

static void complain(struct model_complaints *c, const char *text)
{
    if (c->n < KE_ARRAY_LEN(c->text))
        c->text[c->n++] = text;
}

struct model_complaints model_name_label(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len > LIMIT_DNS_LABEL_BYTES)
        complain(&c, "must be no more than 63 characters");
    if (is_label(value))
        return c;
    if (is_subdomain(value)) {
        complain(&c, "must not contain dots");
        return c;
    }
    complain(&c, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                 "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
                 "'123-abc', regex used for validation is '" LABEL_FMT "')");
    return c;
}

struct model_complaints model_name_subdomain(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len > LIMIT_DNS_NAME_BYTES)
        complain(&c, "must be no more than 253 characters");
    if (!is_subdomain(value))
        complain(&c, SUBDOMAIN_TEXT);
    return c;
}

struct model_complaints model_name_label_1035(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len > LIMIT_DNS_LABEL_BYTES)
        complain(&c, "must be no more than 63 characters");
    unsigned edge = CLASS_LOWER | CLASS_DIGIT;
    if (!has_form(value, CLASS_LOWER, edge | CLASS_DASH, edge)) {
        complain(&c, "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                     "start with an alphabetic character, and end with an alphanumeric character "
                     "(e.g. 'my-name',  or 'abc-123', regex used for validation is "
                     "'[a-z]([-a-z0-9]*[a-z0-9])?')");
    }
    return c;
}

void model_api_version_split(struct ke_str api_version, struct ke_str *out_group,
                             struct ke_str *out_version)
{
    size_t slash = ke_str_find(api_version, '/');
    bool has_group = slash < api_version.len;
    *out_group = has_group ? ke_str_sub(api_version, 0, slash) : KE_STR("");
    *out_version = has_group ? ke_str_sub(api_version, slash + 1, api_version.len) : api_version;
}

struct model_complaints model_name_wildcard(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len > LIMIT_DNS_NAME_BYTES)
        complain(&c, "must be no more than 253 characters");
    struct ke_str rest = value;
    if (!ke_str_cut_prefix(&rest, KE_STR("*.")) || !is_subdomain(rest)) {
        complain(&c, "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS "
                     "subdomain, which must consist of lower case alphanumeric characters, '-' or "
                     "'.' and end with an alphanumeric character (e.g. '*.example.com', regex used "
                     "for validation is '\\*\\." SUBDOMAIN_FMT "')");
    }
    return c;
}

struct model_complaints model_name_path_segment(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (ke_str_eq_c(value, "."))
        complain(&c, "may not be '.'");
    else if (ke_str_eq_c(value, ".."))
        complain(&c, "may not be '..'");
    if (ke_str_find(value, '/') != value.len)
        complain(&c, "may not contain '/'");
    if (ke_str_find(value, '%') != value.len)
        complain(&c, "may not contain '%'");
    return c;
}

static bool is_qualified_part(struct ke_str s)
{
    return has_form(s, CLASS_ALNUM, CLASS_ALNUM | CLASS_DASH | CLASS_DOT | CLASS_UNDERSCORE,
                    CLASS_ALNUM);
}

struct model_complaints model_name_qualified(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    struct ke_str name = value;
    size_t slash = ke_str_find(value, '/');
    if (slash != value.len) {
        struct ke_str prefix = ke_str_of(value.ptr, slash);
        name = ke_str_of(value.ptr + slash + 1, value.len - slash - 1);
        if (ke_str_find(name, '/') != name.len) {
            complain(&c, "a qualified name " QUALIFIED_TEXT
                         " with an optional DNS subdomain prefix and '/' (e.g. "
                         "'example.com/MyName')");
            return c;
        }
        if (prefix.len == 0)
            complain(&c, "prefix part must be non-empty");
        if (prefix.len > LIMIT_DNS_NAME_BYTES)
            complain(&c, "prefix part must be no more than 253 characters");
        if (prefix.len > 0 && !is_subdomain(prefix))
            complain(&c, "prefix part " SUBDOMAIN_TEXT);
    }
    if (name.len == 0)
        complain(&c, "name part must be non-empty");
    else if (name.len > 63)
        complain(&c, "name part must be no more than 63 characters");
    if (!is_qualified_part(name))
        complain(&c, "name part " QUALIFIED_TEXT);
    return c;
}

struct model_complaints model_name_label_value(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len > 63)
        complain(&c, "must be no more than 63 characters");
    if (value.len > 0 && !is_qualified_part(value)) {
        complain(&c, "a valid label must be an empty string or consist of alphanumeric characters, "
                     "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
                     "'MyValue',  or 'my_value',  or '12345', regex used for validation is "
                     "'(" QUALIFIED_FMT ")?')");
    }
    return c;
}

/* Names that a file system would take for a directory. */
static void complain_of_dots(struct model_complaints *c, struct ke_str value)
{
    if (ke_str_eq_c(value, "."))
        complain(c, "must not be '.'");
    else if (ke_str_eq_c(value, ".."))
        complain(c, "must not be '..'");
    else if (ke_str_has_prefix(value, KE_STR("..")))
        complain(c, "must not start with '..'");
}

struct model_complaints model_name_config_key(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    unsigned all = CLASS_ALNUM | CLASS_DASH | CLASS_DOT | CLASS_UNDERSCORE;
    if (value.len > LIMIT_DNS_NAME_BYTES)
        complain(&c, "must be no more than 253 characters");
    if (!has_form(value, all, all, all)) {
        complain(&c, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                     "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation "
                     "is '[-._a-zA-Z0-9]+')");
    }
    complain_of_dots(&c, value);
    return c;
}

/* As of 1.34 and by default in 1.32: any printable ASCII but '='. */
struct model_complaints model_name_env_var(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len == 0)
        complain(&c, "environment variable name must be non-empty");
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e || value.ptr[i] == '=') {
            complain(&c, "a valid environment variable name must consist only of printable ASCII "
                         "characters other than '='");
            break;
        }
    }
    return c;
}

struct model_complaints model_name_port(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    bool is_charset = value.len > 0;
    bool has_letter = false;
    bool has_double = false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned k = class_of(value.ptr[i]);
        is_charset = is_charset && (k & (CLASS_LOWER | CLASS_DIGIT | CLASS_DASH)) != 0;
        has_letter = has_letter || k == CLASS_LOWER;
        has_double = has_double || (i > 0 && k == CLASS_DASH && value.ptr[i - 1] == '-');
    }
    if (value.len > 15)
        complain(&c, "must be no more than 15 characters");
    if (!is_charset)
        complain(&c, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!has_letter)
        complain(&c, "must contain at least one letter (a-z)");
    if (has_double)
        complain(&c, "must not contain consecutive hyphens");
    if (value.len > 0 && (value.ptr[0] == '-' || value.ptr[value.len - 1] == '-'))
        complain(&c, "must not begin or end with a hyphen");
    return c;
}

struct model_complaints model_name_header(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    unsigned all = CLASS_ALNUM | CLASS_DASH;
    if (!has_form(value, all, all, all)) {
        complain(&c, "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
                     "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')");
    }
    return c;
}

struct model_complaints model_name_percent(struct ke_str value)
{
    struct model_complaints c = { .n = 0 };
    if (value.len < 2 || value.ptr[value.len - 1] != '%' ||
        !has_form(ke_str_of(value.ptr, value.len - 1), CLASS_DIGIT, CLASS_DIGIT, CLASS_DIGIT)) {
        complain(&c, "a valid percent string must be a numeric string followed by an ending '%' "
                     "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
    }
    return c;
}

bool model_check_name(struct model_issues *issues, struct model_path path, struct ke_str value,
                      model_name_fn *rule)
{
    struct model_complaints c = rule(value);
    for (size_t i = 0; i < c.n; i++)
        model_report_invalid(issues, path, value, c.text[i]);
    return c.n == 0;
}

bool model_check_port(struct model_issues *issues, struct model_path path, int64_t port)
{
    if (port >= 1 && port <= 65535)
        return true;
    model_report_invalid_int(issues, path, port, "must be between 1 and 65535, inclusive");
    return false;
}

bool model_check_not_negative(struct model_issues *issues, struct model_path path, int64_t value)
{
    if (value >= 0)
        return true;
    model_report_invalid_int(issues, path, value, "must be greater than or equal to 0");
    return false;
}

void model_check_labels(struct model_issues *issues, struct model_path path, const cJSON *map)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        model_check_name(issues, path, ke_str_c(item->string), model_name_qualified);
        model_check_name(issues, path, ke_json_value_str(item), model_name_label_value);
    }
}

/* Annotation keys may have upper case where a label key's prefix may not. */
static void check_annotation_key(struct model_issues *issues, struct model_path path,
                                 struct ke_str key)
{
    char *text = ke_arena_alloc(issues->arena, key.len + 1);
    if (text == NULL) {
        model_report_no_memory(issues);
        return;
    }
    for (size_t i = 0; i < key.len; i++)
        text[i] = class_of(key.ptr[i]) == CLASS_UPPER ? (char)(key.ptr[i] - 'A' + 'a') : key.ptr[i];
    struct model_complaints c = model_name_qualified(ke_str_of(text, key.len));
    for (size_t i = 0; i < c.n; i++)
        model_report_invalid(issues, path, key, c.text[i]);
}

void model_check_annotations(struct model_issues *issues, struct model_path path, const cJSON *map)
{
    size_t total = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, map) {
        struct ke_str key = ke_str_c(item->string);
        check_annotation_key(issues, path, key);
        total += key.len + ke_json_value_str(item).len;
    }
    if (total > LIMIT_ANNOTATIONS_BYTES)
        model_report_too_long(issues, path, LIMIT_ANNOTATIONS_BYTES);
}

static void check_requirement(struct model_issues *issues, const struct model_path *path,
                              const cJSON *requirement)
{
    struct ke_str op = ke_json_str(requirement, "operator");
    int n = cJSON_GetArraySize(ke_json_get(requirement, "values"));
    if (ke_str_eq_c(op, "In") || ke_str_eq_c(op, "NotIn")) {
        if (n == 0) {
            model_report_required(issues, model_path_child(path, "values"),
                                  "must be specified when `operator` is 'In' or 'NotIn'");
        }
    } else if (ke_str_eq_c(op, "Exists") || ke_str_eq_c(op, "DoesNotExist")) {
        if (n > 0) {
            model_report_forbidden(
                issues, model_path_child(path, "values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
    } else {
        model_report_invalid(issues, model_path_child(path, "operator"), op,
                             "not a valid selector operator");
    }
    model_check_name(issues, model_path_child(path, "key"), ke_json_str(requirement, "key"),
                     model_name_qualified);
    struct model_path values = model_path_child(path, "values");
    size_t i = 0;
    const cJSON *value;
    cJSON_ArrayForEach(value, ke_json_get(requirement, "values")) {
        model_check_name(issues, model_path_index(&values, i), ke_json_value_str(value),
                         model_name_label_value);
        i++;
    }
}

void model_check_label_selector(struct model_issues *issues, struct model_path path,
                                const cJSON *selector)
{
    model_check_labels(issues, model_path_child(&path, "matchLabels"),
                       ke_json_get(selector, "matchLabels"));
    struct model_path list = model_path_child(&path, "matchExpressions");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(selector, "matchExpressions")) {
        struct model_path at = model_path_index(&list, i);
        check_requirement(issues, &at, item);
        i++;
    }
}
