/* SPDX-License-Identifier: Apache-2.0 */
/* Line breaks and YAML for JSON answers. Pure. */
#include "core/api/style.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/yaml.h"

/* A few bytes at every level of a deep object grow to hundreds: beyond this it stays compact. */
#define PRETTY_MAX_BYTES (8U << 20)

/* strconv.ParseBool, what it does not know is false. */
static bool parse_bool(struct ke_str text)
{
    static const char *const words[] = { "1", "t", "T", "true", "True", "TRUE" };
    for (size_t i = 0; i < KE_ARRAY_LEN(words); i++) {
        if (ke_str_eq_c(text, words[i])) {
            return true;
        }
    }
    return false;
}

enum api_style api_style_choose(struct ke_str pretty, struct ke_str user_agent, bool is_yaml)
{
    if (is_yaml) {
        return API_STYLE_YAML;
    }
    bool is_person = ke_str_has_prefix(user_agent, KE_STR("curl")) ||
                     ke_str_has_prefix(user_agent, KE_STR("Wget")) ||
                     ke_str_has_prefix(user_agent, KE_STR("Mozilla/5.0"));
    bool is_pretty = pretty.len > 0 ? parse_bool(pretty) : is_person;
    return is_pretty ? API_STYLE_PRETTY : API_STYLE_COMPACT;
}

const char *api_style_type(enum api_style style)
{
    return style == API_STYLE_YAML ? "application/yaml" : "application/json";
}

static void new_line(const struct api_indenter *indenter, struct ke_buf *out)
{
    static const char blanks[] = "                                ";
    unsigned left = 2 * indenter->depth;
    ke_buf_add_char(out, '\n');
    while (left > 0) {
        unsigned n = left < sizeof(blanks) - 1 ? left : (unsigned)sizeof(blanks) - 1;
        ke_buf_add(out, blanks, n);
        left -= n;
    }
}

/* Outside of strings. */
static void indent_char(struct api_indenter *indenter, char c, struct ke_buf *out)
{
    bool is_end = c == '}' || c == ']';
    if (is_end) {
        indenter->depth -= indenter->depth > 0;
    }
    if (is_end ? !indenter->is_open : indenter->is_open) {
        new_line(indenter, out);
    }
    indenter->is_open = c == '{' || c == '[';
    indenter->is_string = c == '"';
    ke_buf_add_char(out, c);
    if (indenter->is_open) {
        indenter->depth++;
    } else if (c == ',') {
        new_line(indenter, out);
    } else if (c == ':') {
        ke_buf_add_char(out, ' ');
    }
}

/* The bytes of a string up to and with its closing quote, or all there are. */
static size_t string_len(struct api_indenter *indenter, struct ke_str json, size_t at)
{
    size_t i = at;
    while (i < json.len && indenter->is_string) {
        char c = json.ptr[i++];
        if (indenter->is_escaped) {
            indenter->is_escaped = false;
        } else if (c == '\\') {
            indenter->is_escaped = true;
        } else if (c == '"') {
            indenter->is_string = false;
        }
    }
    return i - at;
}

void api_indent(struct api_indenter *indenter, struct ke_str json, struct ke_buf *out)
{
    for (size_t i = 0; i < json.len;) {
        if (indenter->is_string) {
            size_t n = string_len(indenter, json, i);
            ke_buf_add(out, json.ptr + i, n);
            i += n;
            continue;
        }
        char c = json.ptr[i++];
        if (c == '\n') {
            ke_buf_add_char(out, c); /* behind the last value */
        } else if (c != ' ') {
            indent_char(indenter, c, out);
        }
    }
}

static enum ke_code convert_yaml(struct ke_str json, struct ke_buf *out, struct ke_err *err)
{
    ke_auto_json *value = NULL;
    enum ke_code rc = ke_json_parse(json, &value, err);
    return rc == KE_OK ? model_yaml_print(value, out, err) : rc;
}

enum ke_code api_style_convert(enum api_style style, struct ke_str json, struct ke_buf *out,
                               struct ke_err *err)
{
    ke_auto_buf text =
        KE_BUF_INIT(json.len < PRETTY_MAX_BYTES / 4 ? PRETTY_MAX_BYTES : 4 * json.len);
    if (style == API_STYLE_COMPACT) {
        ke_buf_add_str(out, json);
        return KE_OK;
    }
    if (style == API_STYLE_PRETTY) {
        struct api_indenter indenter = { .depth = 0 };
        api_indent(&indenter, json, &text);
    } else {
        enum ke_code rc = convert_yaml(json, &text, err);
        if (rc != KE_OK) {
            return rc;
        }
    }
    if (text.failed == KE_NOMEM) {
        return ke_fail(err, KE_NOMEM, "answer");
    }
    ke_buf_add_str(out, text.failed == KE_OK ? ke_buf_str(&text) : json);
    return KE_OK;
}

enum ke_code api_style_yaml_item(struct ke_str json, struct ke_buf *out, struct ke_err *err)
{
    ke_auto_json *value = NULL;
    enum ke_code rc = ke_json_parse(json, &value, err);
    return rc == KE_OK ? model_yaml_print_item(value, out, err) : rc;
}

enum ke_code api_style_yaml_head(struct ke_str json, bool is_empty, struct ke_buf *out,
                                 struct ke_err *err)
{
    ke_auto_buf whole = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_json *value = NULL;
    ke_buf_add_str(&whole, json);
    ke_buf_add_c(&whole, "]}");
    enum ke_code rc = ke_buf_check(&whole, "list", err);
    if (rc == KE_OK) {
        rc = ke_json_parse(ke_buf_str(&whole), &value, err);
    }
    if (rc != KE_OK) {
        return rc;
    }
    const char *name = ke_json_get(value, "rows") != NULL ? "rows" : "items";
    ke_json_del(value, name);
    rc = model_yaml_print(value, out, err);
    ke_buf_addf(out, "%s:%s\n", name, is_empty ? " []" : "");
    return rc;
}
