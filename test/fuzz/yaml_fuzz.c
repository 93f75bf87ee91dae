/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: no text brings the parser down, and what it makes of one reads back the same after it was
 * printed. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(const cJSON *value)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_json *again = NULL;
    if (model_yaml_print(value, &text, &err) != KE_OK || text.failed != KE_OK)
        return;
    if (model_yaml_parse(ke_buf_str(&text), &again, NULL, &err) != KE_OK ||
        !ke_json_equal(value, again))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_str text = ke_str_of((const char *)data, size);
    ke_auto_buf duplicates = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_json *value = NULL;
    ke_auto_json *all = NULL;
    if (model_yaml_parse(text, &value, &duplicates, &err) == KE_OK)
        check_print(value);
    if (model_yaml_parse_stream(text, &all, &err) == KE_OK && all->child != NULL &&
        (value == NULL || !ke_json_equal(all->child, value)))
        abort();
    return 0;
}
