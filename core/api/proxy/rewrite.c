/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewriting of links. The HTML reader follows tags and attributes only as far as finding links
 * takes, and passes on every byte that is not one as it came. Pure; any thread.
 */
#include "core/api/proxy/rewrite.h"

#include <string.h>

/* ---- one URL -----------------------------------------------------------------------------------
 */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Length of "http:", or 0. */
static size_t scheme_len(struct ke_str url)
{
    for (size_t i = 0; i < url.len; i++) {
        char c = url.ptr[i];
        if (c == ':') {
            return i > 0 ? i + 1 : 0;
        }
        bool is_later = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter(c) && (i == 0 || !is_later)) {
            return 0;
        }
    }
    return 0;
}

static struct ke_str host_at(struct ke_str url, size_t at)
{
    size_t end = at;
    while (end < url.len && strchr("/?#", url.ptr[end]) == NULL) {
        end++;
    }
    return ke_str_sub(url, at, end - at);
}

/* As far as path, query and fragment; false: it is somebody else's, or relative. */
static bool find_path(const struct proxy_links *links, struct ke_str url, struct ke_str *out)
{
    size_t at = scheme_len(url);
    struct ke_str rest = ke_str_sub(url, at, url.len - at);
    if (ke_str_has_prefix(rest, KE_STR("//"))) {
        struct ke_str host = host_at(url, at + 2);
        if (host.len > 0 && !ke_str_eq_nocase(host, links->backend) &&
            !ke_str_eq_nocase(host, links->host)) {
            return false;
        }
        at += 2 + host.len;
    } else if (at > 0) {
        return false; /* mailto:, data:, javascript: */
    }
    *out = ke_str_sub(url, at, url.len - at);
    return out->len > 0 && out->ptr[0] == '/';
}

void proxy_rewrite_url(const struct proxy_links *links, struct ke_str url, struct ke_buf *out)
{
    struct ke_str path;
    if (!find_path(links, url, &path)) {
        ke_buf_add_str(out, url);
        return;
    }
    if (!ke_str_has_prefix(path, links->prefix)) {
        ke_buf_add_str(out, links->prefix);
    }
    ke_buf_add_str(out, path);
}

/* ---- HTML --------------------------------------------------------------------------------------
 */

enum {
    TEXT,
    LESS,      /* < */
    BANG,      /* <! */
    BANG_DASH, /* <!- */
    COMMENT,
    COMMENT_DASH,
    COMMENT_DASHES, /* -- of the end */
    DECLARATION,    /* to the next > */
    RAW_END,        /* </ inside script or style */
    TAG,
    INSIDE, /* between attributes */
    NAME,
    AFTER_NAME,
    BEFORE_VALUE,
    VALUE
};

static bool is_link(const struct proxy_html *html)
{
    /* The attributes that hold a URL, as upstream lists them. */
    static const struct {
        const char *tag;
        const char *attributes[5];
    } links[] = {
        { "a", { "href" } },
        { "applet", { "codebase" } },
        { "area", { "href" } },
        { "audio", { "src" } },
        { "base", { "href" } },
        { "blockquote", { "cite" } },
        { "body", { "background" } },
        { "button", { "formaction" } },
        { "command", { "icon" } },
        { "del", { "cite" } },
        { "embed", { "src" } },
        { "form", { "action" } },
        { "frame", { "longdesc", "src" } },
        { "head", { "profile" } },
        { "html", { "manifest" } },
        { "iframe", { "longdesc", "src" } },
        { "img", { "longdesc", "src", "usemap" } },
        { "input", { "formaction", "src", "usemap" } },
        { "ins", { "cite" } },
        { "link", { "href" } },
        { "object", { "classid", "codebase", "data", "usemap" } },
        { "q", { "cite" } },
        { "script", { "src" } },
        { "source", { "src" } },
        { "video", { "poster", "src" } },
    };
    struct ke_str tag = ke_str_of(html->tag, html->tag_len);
    struct ke_str attribute = ke_str_of(html->attribute, html->attribute_len);
    for (size_t i = 0; i < KE_ARRAY_LEN(links); i++) {
        if (!ke_str_eq_c(tag, links[i].tag)) {
            continue;
        }
        for (size_t j = 0; links[i].attributes[j] != NULL; j++) {
            if (ke_str_eq_c(attribute, links[i].attributes[j])) {
                return true;
            }
        }
    }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void add_name(char *name, size_t *len, char c)
{
    if (*len < PROXY_HTML_NAME) {
        name[(*len)++] = lower(c);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static int begin_name(struct proxy_html *html, char c)
{
    html->attribute_len = 0;
    add_name(html->attribute, &html->attribute_len, c);
    return NAME;
}

/* > of a start tag. */
static int end_tag(struct proxy_html *html)
{
    struct ke_str tag = ke_str_of(html->tag, html->tag_len);
    html->raw_len = 0;
    if (ke_str_eq_c(tag, "script") || ke_str_eq_c(tag, "style")) {
        memcpy(html->raw, html->tag, html->tag_len);
        html->raw_len = html->tag_len;
    }
    return TEXT;
}

static int step_less(struct proxy_html *html, char c)
{
    html->tag_len = 0;
    if (html->raw_len > 0) {
        return c == '/' ? RAW_END : TEXT;
    }
    if (is_letter(c)) {
        add_name(html->tag, &html->tag_len, c);
        return TAG;
    }
    if (c == '!') {
        return BANG;
    }
    return c == '/' || c == '?' ? DECLARATION : TEXT;
}

static int step_raw_end(struct proxy_html *html, char c)
{
    if (is_letter(c)) {
        add_name(html->tag, &html->tag_len, c);
        return RAW_END;
    }
    bool is_same =
        html->tag_len == html->raw_len && memcmp(html->tag, html->raw, html->raw_len) == 0;
    if (!is_same) {
        return TEXT;
    }
    html->raw_len = 0;
    return c == '>' ? TEXT : DECLARATION;
}

static int step_comment(int state, char c)
{
    switch (state) {
    case BANG:
        return c == '-' ? BANG_DASH : c == '>' ? TEXT : DECLARATION;
    case BANG_DASH:
        return c == '-' ? COMMENT : c == '>' ? TEXT : DECLARATION;
    case COMMENT:
        return c == '-' ? COMMENT_DASH : COMMENT;
    case COMMENT_DASH:
        return c == '-' ? COMMENT_DASHES : COMMENT;
    case COMMENT_DASHES:
        return c == '>' ? TEXT : c == '-' ? COMMENT_DASHES : COMMENT;
    default: /* DECLARATION */
        return c == '>' ? TEXT : DECLARATION;
    }
}

static int step_attributes(struct proxy_html *html, char c)
{
    if (c == '>') {
        return end_tag(html);
    }
    switch (html->state) {
    case TAG:
        if (is_blank(c) || c == '/') {
            return INSIDE;
        }
        add_name(html->tag, &html->tag_len, c);
        return TAG;
    case NAME:
        if (c == '=') {
            return BEFORE_VALUE;
        }
        if (is_blank(c) || c == '/') {
            return c == '/' ? INSIDE : AFTER_NAME;
        }
        add_name(html->attribute, &html->attribute_len, c);
        return NAME;
    case AFTER_NAME:
        if (c == '=') {
            return BEFORE_VALUE;
        }
        return is_blank(c) ? AFTER_NAME : begin_name(html, c);
    default: /* INSIDE */
        return is_blank(c) || c == '/' ? INSIDE : begin_name(html, c);
    }
}

static void flush_value(struct proxy_html *html, const struct proxy_links *links,
                        struct ke_buf *out)
{
    struct ke_str value = ke_str_of(html->value, html->value_len);
    if (links != NULL) {
        proxy_rewrite_url(links, value, out);
    } else {
        ke_buf_add_str(out, value);
    }
    html->value_len = 0;
}

/* True: the byte is kept back. */
static bool step_value(struct proxy_html *html, const struct proxy_links *links, char c,
                       struct ke_buf *out)
{
    bool is_end = html->quote != 0 ? c == html->quote : is_blank(c) || c == '>';
    if (is_end) {
        if (html->is_link) {
            flush_value(html, links, out);
        }
        html->state = html->quote == 0 && c == '>' ? end_tag(html) : INSIDE;
        return false;
    }
    if (html->is_link && html->value_len == PROXY_HTML_VALUE) {
        flush_value(html, NULL, out);
        html->is_link = false;
    }
    if (html->is_link) {
        html->value[html->value_len++] = c;
    }
    return html->is_link;
}

static bool step(struct proxy_html *html, const struct proxy_links *links, char c,
                 struct ke_buf *out)
{
    switch (html->state) {
    case TEXT:
        html->state = c == '<' ? LESS : TEXT;
        break;
    case LESS:
        html->state = step_less(html, c);
        break;
    case RAW_END:
        html->state = step_raw_end(html, c);
        break;
    case TAG:
    case INSIDE:
    case NAME:
    case AFTER_NAME:
        html->state = step_attributes(html, c);
        break;
    case BEFORE_VALUE:
        if (is_blank(c)) {
            break;
        }
        if (c == '>') {
            html->state = end_tag(html);
            break;
        }
        html->state = VALUE;
        html->is_link = is_link(html);
        html->value_len = 0;
        html->quote = c == '"' || c == '\'' ? c : '\0';
        return html->quote == 0 && step_value(html, links, c, out);
    case VALUE:
        return step_value(html, links, c, out);
    default:
        html->state = step_comment(html->state, c);
        break;
    }
    return false;
}

void proxy_html_feed(struct proxy_html *html, const struct proxy_links *links, struct ke_str text,
                     struct ke_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!step(html, links, text.ptr[i], out)) {
            ke_buf_add_char(out, text.ptr[i]);
        }
    }
}

void proxy_html_end(struct proxy_html *html, struct ke_buf *out)
{
    if (html->state == VALUE && html->is_link) {
        flush_value(html, NULL, out);
    }
}
