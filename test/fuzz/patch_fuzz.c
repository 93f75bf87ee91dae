/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three patch engines. Input: a byte that chooses the engine, the object as JSON, a NUL, the
 * patch as JSON. Held to be true: a refused patch leaves the object as it was; what comes out
 * prints and parses again.
 */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/patch.h"
#include "core/model/schema.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum ke_code apply(uint8_t engine, cJSON **target, const cJSON *patch, struct ke_err *err)
{
    static const char *const MESSAGES[] = { "core.v1.Pod", "core.v1.Service",
                                            "apps.v1.Deployment" };
    if (engine == 'j')
        return model_patch_json(target, patch, err);
    if (engine == 'm')
        return model_patch_merge(target, patch, err);
    const struct model_message *message = model_schema_find(ke_str_c(MESSAGES[engine % 3]));
    return model_patch_strategic(target, patch, message, err);
}

static void check(const cJSON *target)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_auto_json *again = NULL;
    ke_json_print(target, &text);
    if (text.failed == KE_OK && ke_json_parse(ke_buf_str(&text), &again, &err) != KE_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    struct ke_str rest = ke_str_of((const char *)data + 1, size - 1);
    size_t split = ke_str_find(rest, '\0');
    if (split == rest.len)
        return 0;
    struct ke_str object_text = ke_str_sub(rest, 0, split);
    struct ke_str patch_text = ke_str_sub(rest, split + 1, rest.len);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *object = NULL;
    ke_auto_json *before = NULL;
    ke_auto_json *patch = NULL;
    if (ke_json_parse(object_text, &object, &err) != KE_OK ||
        ke_json_parse(object_text, &before, &err) != KE_OK ||
        ke_json_parse(patch_text, &patch, &err) != KE_OK)
        return 0;
    if (apply(data[0], &object, patch, &err) == KE_OK)
        check(object);
    else if (!ke_json_equal(object, before))
        abort();
    return 0;
}
