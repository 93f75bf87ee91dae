/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors that come as text: labels ("a=b,c in (d,e),!f") and fields ("metadata.name=x"). The
 * text is copied into the selector once; keys and values point into the copy. Pure; any thread.
 * Source: apimachinery labels.Parse and fields.ParseSelector, whose error texts clients show.
 */
#include "core/base/limits.h"
#include "core/model/selector_build.h"

enum token {
    TOKEN_BAD,
    TOKEN_END,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_NOT,
    TOKEN_DOUBLE_EQUALS,
    TOKEN_EQUALS,
    TOKEN_GREATER,
    TOKEN_WORD,
    TOKEN_IN,
    TOKEN_LESS,
    TOKEN_NOT_EQUALS,
    TOKEN_NOT_IN,
    TOKEN_OPEN
};

struct lexer {
    struct ke_str text;
    size_t pos;
    enum token token; /* the one looked at */
    struct ke_str literal;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
    return c == '=' || c == '!' || c == '(' || c == ')' || c == ',' || c == '>' || c == '<';
}

static enum token special_token(struct ke_str rest, size_t *out_len)
{
    static const struct {
        const char *text;
        enum token token;
    } SPECIALS[] = {
        { "==", TOKEN_DOUBLE_EQUALS }, { "!=", TOKEN_NOT_EQUALS },
        { "=", TOKEN_EQUALS },         { "!", TOKEN_NOT },
        { "(", TOKEN_OPEN },           { ")", TOKEN_CLOSE },
        { ",", TOKEN_COMMA },          { ">", TOKEN_GREATER },
        { "<", TOKEN_LESS },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(SPECIALS); i++) {
        struct ke_str text = ke_str_c(SPECIALS[i].text);
        if (ke_str_has_prefix(rest, text)) {
            *out_len = text.len;
            return SPECIALS[i].token;
        }
    }
    return TOKEN_BAD;
}

static void lexer_advance(struct lexer *lexer)
{
    while (lexer->pos < lexer->text.len && is_blank(lexer->text.ptr[lexer->pos]))
        lexer->pos++;
    struct ke_str rest = ke_str_sub(lexer->text, lexer->pos, lexer->text.len);
    size_t len = 0;
    if (rest.len == 0) {
        lexer->token = TOKEN_END;
    } else if (is_special(rest.ptr[0])) {
        lexer->token = special_token(rest, &len);
    } else {
        while (len < rest.len && !is_special(rest.ptr[len]) && !is_blank(rest.ptr[len]))
            len++;
        struct ke_str word = ke_str_sub(rest, 0, len);
        lexer->token = ke_str_eq_c(word, "in")      ? TOKEN_IN
                       : ke_str_eq_c(word, "notin") ? TOKEN_NOT_IN
                                                    : TOKEN_WORD;
    }
    lexer->literal = ke_str_sub(rest, 0, len);
    lexer->pos += len;
}

/* Outside of an operator's place, "in" and "notin" are words like any other. */
static bool is_word(const struct lexer *lexer)
{
    return lexer->token == TOKEN_WORD || lexer->token == TOKEN_IN || lexer->token == TOKEN_NOT_IN;
}

static enum ke_code fail_found(const struct lexer *lexer, const char *expected, struct ke_err *err)
{
    return ke_fail(err, KE_MALFORMED, "found '%.*s', expected: %s", KE_STR_ARG(lexer->literal),
                   expected);
}

static bool read_operator(const struct lexer *lexer, enum selector_op *out)
{
    static const struct {
        enum token token;
        enum selector_op op;
    } OPERATORS[] = {
        { TOKEN_IN, SELECTOR_IN },
        { TOKEN_NOT_IN, SELECTOR_NOT_IN },
        { TOKEN_EQUALS, SELECTOR_EQUALS },
        { TOKEN_DOUBLE_EQUALS, SELECTOR_DOUBLE_EQUALS },
        { TOKEN_NOT_EQUALS, SELECTOR_NOT_EQUALS },
        { TOKEN_GREATER, SELECTOR_GREATER },
        { TOKEN_LESS, SELECTOR_LESS },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(OPERATORS); i++) {
        if (OPERATORS[i].token == lexer->token) {
            *out = OPERATORS[i].op;
            return true;
        }
    }
    return false;
}

/* "(a,b)"; an empty place counts as the empty value: "(a,)", "()". */
static enum ke_code read_values(struct lexer *lexer, struct model_selector *selector,
                                struct ke_err *err)
{
    if (lexer->token != TOKEN_OPEN)
        return ke_fail(err, KE_MALFORMED, "found '%.*s' expected: '('", KE_STR_ARG(lexer->literal));
    lexer_advance(lexer);
    if (lexer->token != TOKEN_CLOSE && lexer->token != TOKEN_COMMA && !is_word(lexer))
        return fail_found(lexer, "',', ')' or identifier", err);
    for (;;) {
        struct ke_str value = ke_str_of(NULL, 0);
        if (is_word(lexer)) {
            value = lexer->literal;
            lexer_advance(lexer);
            if (lexer->token != TOKEN_COMMA && lexer->token != TOKEN_CLOSE)
                return fail_found(lexer, "',' or ')'", err);
        } else if (lexer->token != TOKEN_COMMA && lexer->token != TOKEN_CLOSE) {
            return fail_found(lexer, "',', or identifier", err);
        }
        selector_add_value(selector, value);
        bool is_last = lexer->token == TOKEN_CLOSE;
        lexer_advance(lexer);
        if (is_last)
            return KE_OK;
    }
}

static enum ke_code read_exact_value(struct lexer *lexer, struct model_selector *selector,
                                     struct ke_err *err)
{
    if (lexer->token == TOKEN_END || lexer->token == TOKEN_COMMA) {
        selector_add_value(selector, ke_str_of(NULL, 0));
        return KE_OK;
    }
    if (!is_word(lexer))
        return fail_found(lexer, "identifier", err);
    selector_add_value(selector, lexer->literal);
    lexer_advance(lexer);
    return KE_OK;
}

static enum ke_code read_key(struct lexer *lexer, struct ke_str *out, struct ke_err *err)
{
    if (!is_word(lexer))
        return fail_found(lexer, "identifier", err);
    enum ke_code rc = selector_check_key("<nil>", lexer->literal, err);
    if (rc != KE_OK)
        return rc;
    *out = lexer->literal;
    lexer_advance(lexer);
    return KE_OK;
}

static enum ke_code read_requirement(struct lexer *lexer, struct model_selector *selector,
                                     struct ke_err *err)
{
    bool is_negated = lexer->token == TOKEN_NOT;
    if (is_negated)
        lexer_advance(lexer);
    struct ke_str key = ke_str_of(NULL, 0);
    enum ke_code rc = read_key(lexer, &key, err);
    if (rc != KE_OK)
        return rc;
    if (lexer->token == TOKEN_END || lexer->token == TOKEN_COMMA) {
        (void)selector_add(selector, key, is_negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS);
        return KE_OK;
    }
    enum selector_op op;
    if (!read_operator(lexer, &op))
        return fail_found(lexer, "in, notin, =, ==, !=, gt, lt", err);
    lexer_advance(lexer);
    const struct selector_requirement *requirement = selector_add(selector, key, op);
    if (op == SELECTOR_IN || op == SELECTOR_NOT_IN)
        rc = read_values(lexer, selector, err);
    else
        rc = read_exact_value(lexer, selector, err);
    if (rc != KE_OK)
        return rc;
    selector_close_values(selector);
    return selector_check_requirement(requirement, err);
}

static enum ke_code read_labels(struct lexer *lexer, struct model_selector *selector,
                                struct ke_err *err)
{
    while (lexer->token != TOKEN_END) {
        if (!is_word(lexer) && lexer->token != TOKEN_NOT)
            return fail_found(lexer, "!, identifier, or 'end of string'", err);
        enum ke_code rc = read_requirement(lexer, selector, err);
        if (rc != KE_OK)
            return ke_wrap(err, "unable to parse requirement");
        if (lexer->token == TOKEN_END)
            return KE_OK;
        if (lexer->token != TOKEN_COMMA)
            return fail_found(lexer, "',' or 'end of string'", err);
        lexer_advance(lexer);
        if (!is_word(lexer) && lexer->token != TOKEN_NOT)
            return fail_found(lexer, "identifier after ','", err);
    }
    return KE_OK;
}

/* Every requirement and every value but the first is behind a comma. */
static struct model_selector *new_for_text(struct ke_str text)
{
    size_t n_commas = 0;
    for (size_t i = 0; i < text.len; i++)
        n_commas += text.ptr[i] == ',' ? 1 : 0;
    return selector_new(n_commas + 1, n_commas + 1, text.len);
}

enum ke_code model_selector_parse_labels(struct ke_str text, struct model_selector **out,
                                         struct ke_err *err)
{
    if (text.len > LIMIT_LABEL_SELECTOR_BYTES)
        return ke_fail(err, KE_MALFORMED, "the label selector is longer than %d bytes",
                       LIMIT_LABEL_SELECTOR_BYTES);
    KE_AUTO(model_selector) *selector = new_for_text(text);
    if (selector == NULL)
        return ke_fail(err, KE_NOMEM, "label selector");
    struct lexer lexer = { .text = selector_copy(selector, text) };
    lexer_advance(&lexer);
    enum ke_code rc = read_labels(&lexer, selector, err);
    if (rc != KE_OK)
        return rc;
    selector_sort(selector);
    *out = KE_TAKE(selector);
    return KE_OK;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The part up to the next comma that no backslash escapes; escapes stay. */
static struct ke_str cut_term(struct ke_str *rest)
{
    bool is_escaped = false;
    size_t i = 0;
    while (i < rest->len) {
        char c = rest->ptr[i];
        if (!is_escaped && c == ',')
            break;
        is_escaped = !is_escaped && c == '\\';
        i++;
    }
    struct ke_str term = ke_str_sub(*rest, 0, i);
    *rest = i < rest->len ? ke_str_sub(*rest, i + 1, rest->len) : ke_str_of(NULL, 0);
    return term;
}

static bool split_term(struct ke_str term, struct ke_str *out_key, enum selector_op *out_op,
                       struct ke_str *out_value)
{
    for (size_t i = 0; i < term.len; i++) {
        struct ke_str rest = ke_str_sub(term, i, term.len);
        size_t len = 0;
        if (ke_str_has_prefix(rest, KE_STR("!="))) {
            *out_op = SELECTOR_NOT_EQUALS;
            len = 2;
        } else if (ke_str_has_prefix(rest, KE_STR("=="))) {
            *out_op = SELECTOR_EQUALS;
            len = 2;
        } else if (rest.ptr[0] == '=') {
            *out_op = SELECTOR_EQUALS;
            len = 1;
        }
        if (len > 0) {
            *out_key = ke_str_sub(term, 0, i);
            *out_value = ke_str_sub(rest, len, rest.len);
            return true;
        }
    }
    return false;
}

static enum ke_code unescape(struct model_selector *selector, struct ke_str value,
                             struct ke_str *out, struct ke_err *err)
{
    char *start = selector->text + selector->text_len;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == ',' || c == '=')
            return ke_fail(err, KE_MALFORMED,
                           "invalid field selector: unescaped character in value: %c", c);
        if (c == '\\') {
            i++;
            char escaped = i < value.len ? value.ptr[i] : '\0';
            if (escaped != '\\' && escaped != ',' && escaped != '=') {
                return ke_fail(err, KE_MALFORMED,
                               "invalid field selector: invalid escape sequence: %.*s",
                               KE_STR_ARG(ke_str_sub(value, i - 1, 2)));
            }
            c = escaped;
        }
        selector->text[selector->text_len] = c;
        selector->text_len++;
    }
    *out = ke_str_of(start, (size_t)(selector->text + selector->text_len - start));
    return KE_OK;
}

enum ke_code model_selector_parse_fields(struct ke_str text, struct model_selector **out,
                                         struct ke_err *err)
{
    if (text.len > LIMIT_LABEL_SELECTOR_BYTES)
        return ke_fail(err, KE_MALFORMED, "the field selector is longer than %d bytes",
                       LIMIT_LABEL_SELECTOR_BYTES);
    KE_AUTO(model_selector) *selector = new_for_text(text);
    if (selector == NULL)
        return ke_fail(err, KE_NOMEM, "field selector");
    selector->is_on_fields = true;
    struct ke_str rest = text;
    while (rest.len > 0) {
        struct ke_str term = cut_term(&rest);
        if (term.len == 0)
            continue;
        struct ke_str key;
        struct ke_str value;
        enum selector_op op;
        if (!split_term(term, &key, &op, &value))
            return ke_fail(err, KE_MALFORMED, "invalid selector: '%.*s'; can't understand '%.*s'",
                           KE_STR_ARG(text), KE_STR_ARG(term));
        (void)selector_add(selector, selector_copy(selector, key), op);
        enum ke_code rc = unescape(selector, value, &value, err);
        if (rc != KE_OK)
            return rc;
        selector_add_value(selector, value);
    }
    *out = KE_TAKE(selector);
    return KE_OK;
}
