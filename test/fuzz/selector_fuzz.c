/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label and field selectors. Held to be true: what parses prints to text that parses to the same
 * text again, and matches the same objects.
 */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/model/selector.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum ke_code parse_fn(struct ke_str text, struct model_selector **out, struct ke_err *err);

static void check(parse_fn *parse, struct ke_str text)
{
    static const struct model_pair PAIRS[] = {
        { { "a", 1 }, { "b", 1 } },
        { { "metadata.name", 13 }, { "x", 1 } },
        { { "n", 1 }, { "5", 1 } },
    };
    KE_AUTO(model_selector) *first = NULL;
    KE_AUTO(model_selector) *second = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (parse(text, &first, &err) != KE_OK)
        return;
    ke_auto_buf printed = KE_BUF_INIT(4 * LIMIT_LABEL_SELECTOR_BYTES);
    ke_auto_buf again = KE_BUF_INIT(4 * LIMIT_LABEL_SELECTOR_BYTES);
    model_selector_format(first, &printed);
    /* Sorting and escaping may lengthen it. */
    if (printed.len > LIMIT_LABEL_SELECTOR_BYTES)
        return;
    if (parse(ke_buf_str(&printed), &second, &err) != KE_OK)
        abort();
    model_selector_format(second, &again);
    if (!ke_str_eq(ke_buf_str(&printed), ke_buf_str(&again)))
        abort();
    if (model_selector_matches(first, PAIRS, 3) != model_selector_matches(second, PAIRS, 3))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_str text = ke_str_of((const char *)data, size);
    check(model_selector_parse_labels, text);
    check(model_selector_parse_fields, text);
    return 0;
}
