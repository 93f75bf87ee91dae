/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of label keys and values. Pure; any thread. */
#include "core/model/label_rules.h"

#include "core/base/limits.h"

#define EXAMPLE_NAMES "(e.g. 'MyName',  or 'my.name',  or '123-abc', "
#define NAME_REGEX    "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define LABEL_REGEX   "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define NAME_WORDS                                                                                 \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character "

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_name(struct ke_str s)
{
    if (s.len == 0 || !is_alnum(s.ptr[0]) || !is_alnum(s.ptr[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alnum(c) && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

static bool is_subdomain(struct ke_str s)
{
    struct ke_str label;
    while (ke_str_split(&s, '.', &label)) {
        if (label.len == 0 || !is_lower_alnum(label.ptr[0]) ||
            !is_lower_alnum(label.ptr[label.len - 1]))
            return false;
        for (size_t i = 0; i < label.len; i++) {
            if (!is_lower_alnum(label.ptr[i]) && label.ptr[i] != '-')
                return false;
        }
    }
    return true;
}

static void add_problem(struct ke_buf *out, bool *is_ok, const char *text)
{
    if (!*is_ok)
        ke_buf_add_c(out, "; ");
    ke_buf_add_c(out, text);
    *is_ok = false;
}

static void check_prefix(struct ke_str prefix, struct ke_buf *problems, bool *is_ok)
{
    if (prefix.len == 0) {
        add_problem(problems, is_ok, "prefix part must be non-empty");
        return;
    }
    if (prefix.len > LIMIT_DNS_NAME_BYTES)
        add_problem(problems, is_ok, "prefix part must be no more than 253 bytes");
    if (!is_subdomain(prefix))
        add_problem(problems, is_ok,
                    "prefix part a lowercase RFC 1123 subdomain must consist of lower case "
                    "alphanumeric characters, '-' or '.', and must start and end with an "
                    "alphanumeric character (e.g. 'example.com', regex used for validation is "
                    "'" LABEL_REGEX "(\\." LABEL_REGEX ")*')");
}

bool model_label_key_check(struct ke_str key, struct ke_buf *problems)
{
    bool is_ok = true;
    struct ke_str name = key;
    size_t slash = ke_str_find(key, '/');
    if (slash < key.len) {
        name = ke_str_sub(key, slash + 1, key.len);
        if (ke_str_find(name, '/') < name.len) {
            add_problem(problems, &is_ok,
                        "a qualified name " NAME_WORDS EXAMPLE_NAMES
                        "regex used for validation is '" NAME_REGEX "') with an optional DNS "
                        "subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return false;
        }
        check_prefix(ke_str_sub(key, 0, slash), problems, &is_ok);
    }
    if (name.len == 0)
        add_problem(problems, &is_ok, "name part must be non-empty");
    else if (name.len > LIMIT_DNS_LABEL_BYTES)
        add_problem(problems, &is_ok, "name part must be no more than 63 bytes");
    if (!is_name(name))
        add_problem(problems, &is_ok,
                    "name part " NAME_WORDS EXAMPLE_NAMES "regex used for validation is "
                    "'" NAME_REGEX "')");
    return is_ok;
}

bool model_label_value_check(struct ke_str value, struct ke_buf *problems)
{
    bool is_ok = true;
    if (value.len > LIMIT_DNS_LABEL_BYTES)
        add_problem(problems, &is_ok, "must be no more than 63 bytes");
    if (value.len > 0 && !is_name(value))
        add_problem(problems, &is_ok,
                    "a valid label must be an empty string or consist of alphanumeric "
                    "characters, '-', '_' or '.', and must start and end with an alphanumeric "
                    "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
                    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
    return is_ok;
}
