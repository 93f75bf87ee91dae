/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PROXY_REWRITE_H
#define CORE_API_PROXY_REWRITE_H
/*
 * Links of a proxied answer: what names the server behind by an absolute path would miss the proxy,
 * so the proxy's own path is put in front. Pure; any thread.
 * Source: apimachinery util/proxy transport.go.
 */
#include "core/base/buf.h"

struct proxy_links {
    struct ke_str prefix;  /* "/api/v1/namespaces/n/services/s/proxy" */
    struct ke_str backend; /* host[:port] of the server behind */
    struct ke_str host;    /* that the client has sent */
};

/* Appends url, rewritten where it is an absolute path or names backend or host. */
void proxy_rewrite_url(const struct proxy_links *links, struct ke_str url, struct ke_buf *out);

/* Links in HTML, as the text comes. Start with a zeroed one for each answer. */
#define PROXY_HTML_NAME  16
#define PROXY_HTML_VALUE 4096 /* a longer link is left as it is */
struct proxy_html {
    int state;
    char tag[PROXY_HTML_NAME], attribute[PROXY_HTML_NAME];
    size_t tag_len, attribute_len; /* PROXY_HTML_NAME: too long for any we look for */
    char raw[PROXY_HTML_NAME];     /* element whose content is text: script, style */
    size_t raw_len;
    char quote; /* 0: none */
    bool is_link;
    char value[PROXY_HTML_VALUE];
    size_t value_len;
};
void proxy_html_feed(struct proxy_html *html, const struct proxy_links *links, struct ke_str text,
                     struct ke_buf *out);
/* What was held back of a link that has no end. */
void proxy_html_end(struct proxy_html *html, struct ke_buf *out);

#endif
