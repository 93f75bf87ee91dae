/* SPDX-License-Identifier: Apache-2.0 */
/* Rewriting of links: the same however the text is cut, and nothing is lost: without prefixes the
 * result is the input. First byte: the size of a piece. */
#include <string.h>

#include "core/api/proxy/rewrite.h"
#include "core/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(const struct proxy_links *links, const uint8_t *data, size_t size, size_t step,
                    struct ke_buf *out)
{
    struct proxy_html html = { .state = 0 };
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        proxy_html_feed(&html, links, ke_str_of((const char *)data + at, n), out);
    }
    proxy_html_end(&html, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct proxy_links links = { { "/p", 2 }, { "10.0.0.1:80", 11 }, { "h", 1 } };
    static const struct proxy_links none = { { "", 0 }, { "", 0 }, { "", 0 } };
    if (size < 1 || size > 65536) {
        return 0;
    }
    size_t max = 64 * size + 1024;
    ke_auto_buf whole = KE_BUF_INIT(max);
    ke_auto_buf cut = KE_BUF_INIT(max);
    ke_auto_buf same = KE_BUF_INIT(max);
    rewrite(&links, data + 1, size - 1, size, &whole);
    rewrite(&links, data + 1, size - 1, data[0] + 1U, &cut);
    KE_ASSERT(whole.failed == KE_OK && ke_str_eq(ke_buf_str(&whole), ke_buf_str(&cut)));
    KE_ASSERT(whole.len >= size - 1 || memmem(data, size, "//", 2) != NULL);
    /* A link to the very server loses its name; any other text stays. */
    rewrite(&none, data + 1, size - 1, size, &same);
    KE_ASSERT(same.len <= size - 1);
    return 0;
}
