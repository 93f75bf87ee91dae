/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is read and printed reads back the same, and printing that again gives the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(const cJSON *value, unsigned indent)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf first = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_buf second = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_json *again = NULL;
    ke_json_print_pretty(value, indent, &first);
    if (first.failed != KE_OK)
        return;
    if (ke_json_parse(ke_buf_str(&first), &again, &err) != KE_OK || !ke_json_equal(value, again))
        abort();
    ke_json_print_pretty(again, indent, &second);
    if (!ke_str_eq(ke_buf_str(&first), ke_buf_str(&second)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    enum ke_code rc = ke_json_parse(ke_str_of((const char *)data, size), &value, &err);
    if (rc != KE_OK)
        return 0;
    check_print(value, 0);
    check_print(value, 2);
    return 0;
}
