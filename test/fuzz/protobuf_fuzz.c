/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bodies: whatever comes in, decoding ends, and what it makes can be normalised. */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/model/schema.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *object = NULL;
    const struct model_message *pod = model_schema_find(KE_STR("core.v1.Pod"));
    struct ke_str body = ke_str_of((const char *)data, size);
    if (model_protobuf_decode(body, pod, &object, &err) != KE_OK)
        return 0;
    const struct model_message *message =
        model_schema_find_kind(ke_json_str(object, "apiVersion"), ke_json_str(object, "kind"));
    if (model_schema_normalise(message != NULL ? message : pod, object, NULL, &err) == KE_OK &&
        !cJSON_IsObject(object))
        abort();
    return 0;
}
