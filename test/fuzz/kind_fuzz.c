/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole write of a hostile object: decoding, conversion, defaults, preparation and validation, as
 * a create and as an update of itself, of whatever kind it names. Nothing here may crash, and
 * defaults of what was defaulted change nothing.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/kind.h"
#include "core/model/kinds/pod.h"
#include "core/model/schema.h"
#include "test/support/base/carry.h"

static const struct model_kind *find(const cJSON *object, const struct model_version **out)
{
    struct ke_str rest = ke_json_str(object, "apiVersion");
    struct ke_str first;
    if (!ke_str_split(&rest, '/', &first))
        return NULL;
    struct ke_str group = rest.ptr != NULL ? first : KE_STR("");
    struct ke_str version = rest.ptr != NULL ? rest : first;
    return model_kind_by_name(group, version, ke_json_str(object, "kind"), out);
}

static void check(const struct model_kind *kind, const cJSON *object, const cJSON *old)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(64U << 20);
    if (arena == NULL)
        return;
    struct model_issues issues;
    model_issues_init(&issues, arena);
    model_kind_validate(kind, object, old, &issues);
    if (old != NULL)
        model_kind_validate_status(kind, object, old, &issues);
    if (old != NULL && kind->id == MODEL_POD)
        pod_validate_ephemeral(object, old, &issues);
    ke_auto_buf text = KE_BUF_INIT(64U << 20);
    model_issues_format(&issues, &text);
    (void)model_kind_durability(kind, object);
    char scratch[MODEL_SELECTABLE_SCRATCH];
    for (const struct model_selectable *f = kind->fields; f != NULL && f->name != NULL; f++)
        (void)model_selectable_value(f, object, scratch);
}

static void write_object(const struct model_kind *kind, const struct model_version *version,
                         cJSON *stored)
{
    struct ke_err err = KE_ERR_INIT;
    const struct model_message *schema = model_schema_find(ke_str_c(version->message));
    if (schema == NULL || model_schema_normalise(schema, stored, NULL, &err) != KE_OK ||
        !model_version_to_storage(kind, version, stored))
        return;
    if (kind->set_defaults != NULL && !kind->set_defaults(stored))
        return;
    ke_auto_json *changed = cJSON_Duplicate(stored, true);
    KE_ASSERT(changed == NULL || kind->set_defaults == NULL ||
              (kind->set_defaults(changed) && ke_json_equal(changed, stored)));
    if (kind->prepare_create != NULL && !kind->prepare_create(stored))
        return;
    check(kind, stored, NULL);
    if (changed == NULL || !carry_over(changed, stored) ||
        (kind->prepare_update != NULL && !kind->prepare_update(changed, stored)) ||
        (kind->prepare_status != NULL && !kind->prepare_status(changed, stored)))
        return;
    check(kind, changed, stored);
    KE_ASSERT(model_version_from_storage(kind, version, changed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *object = NULL;
    if (size > (64U << 10) ||
        ke_json_parse(ke_str_of((const char *)data, size), &object, &err) != KE_OK)
        return 0;
    const struct model_version *version = NULL;
    const struct model_kind *kind = find(object, &version);
    if (kind != NULL)
        write_object(kind, version, object);
    return 0;
}
