/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the struct model_definition of a stored CustomResourceDefinition, all in one arena. */
#include "core/model/definition.h"

#include <stdatomic.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/structural.h"

struct counted {
    struct model_definition definition; /* first: what others hold */
    atomic_uint refs;
    struct ke_arena *arena;
    struct model_structural_owned owned; /* by the schemas */
};

struct builder {
    struct ke_arena *arena;
    struct model_structural_owned *owned;
    struct model_definition *out;
    bool is_ok; /* false: out of memory */
};

static struct counted *counted_of(struct model_definition *definition)
{
    return KE_CONTAINER_OF(definition, struct counted, definition);
}

struct model_definition *model_definition_ref(struct model_definition *definition)
{
    (void)atomic_fetch_add(&counted_of(definition)->refs, 1);
    return definition;
}

void model_definition_unref(struct model_definition *definition)
{
    if (definition == NULL)
        return;
    struct counted *counted = counted_of(definition);
    if (atomic_fetch_sub(&counted->refs, 1) != 1)
        return;
    model_structural_owned_deinit(&counted->owned);
    ke_arena_free(counted->arena);
}

/* NULL stays NULL. */
static const char *keep(struct builder *b, struct ke_str text)
{
    if (text.ptr == NULL)
        return NULL;
    struct ke_str copy = ke_arena_str(b->arena, text);
    b->is_ok = b->is_ok && copy.ptr != NULL;
    return copy.ptr;
}

static const char *keep_or(struct builder *b, struct ke_str text, const char *if_empty)
{
    return keep(b, text.len > 0 ? text : ke_str_c(if_empty));
}

static void keep_list(struct builder *b, const cJSON *list, const char *out[MODEL_MAX_NAMES])
{
    size_t n = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (n < MODEL_MAX_NAMES && cJSON_IsString(it))
            out[n++] = keep(b, ke_json_value_str(it));
    }
}

static void read_names(struct builder *b, const cJSON *object)
{
    struct model_definition *d = b->out;
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *names = ke_json_get(spec, "names");
    const cJSON *accepted = ke_json_path(object, "status.acceptedNames");
    if (accepted == NULL)
        accepted = names;
    d->name = keep(b, ke_json_path_str(object, "metadata.name"));
    d->group = keep(b, ke_json_str(spec, "group"));
    d->plural = keep(b, ke_json_str(names, "plural"));
    d->kind = keep_or(b, ke_json_str(accepted, "kind"), "");
    d->list_kind = keep_or(b, ke_json_str(accepted, "listKind"), "");
    d->singular = keep_or(b, ke_json_str(accepted, "singular"), "");
    keep_list(b, ke_json_get(accepted, "shortNames"), d->short_names);
    keep_list(b, ke_json_get(accepted, "categories"), d->categories);
    d->is_namespaced = ke_str_eq_c(ke_json_str(spec, "scope"), "Namespaced");
    d->keeps_unknown = ke_json_bool(spec, "preserveUnknownFields", false);
    d->is_terminating = ke_json_path_str(object, "metadata.deletionTimestamp").len > 0;
}

static void read_columns(struct builder *b, const cJSON *list, struct model_definition_version *out)
{
    int n = cJSON_GetArraySize(list);
    if (n <= 0)
        return;
    struct model_column *columns = ke_arena_alloc_n(b->arena, (size_t)n, sizeof(*columns));
    b->is_ok = b->is_ok && columns != NULL;
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (columns == NULL)
            return;
        columns[out->n_columns++] = (struct model_column){
            .name = keep_or(b, ke_json_str(it, "name"), ""),
            .type = keep_or(b, ke_json_str(it, "type"), "string"),
            .format = keep_or(b, ke_json_str(it, "format"), ""),
            .description = keep_or(b, ke_json_str(it, "description"), ""),
            .path = keep_or(b, ke_json_str(it, "jsonPath"), ""),
            .priority = (int32_t)ke_json_i64(it, "priority", 0),
        };
    }
    out->columns = columns;
}

static void read_subresources(struct builder *b, const cJSON *sub,
                              struct model_definition_version *out)
{
    out->has_status = ke_json_get(sub, "status") != NULL;
    const cJSON *scale = ke_json_get(sub, "scale");
    out->has_scale = scale != NULL;
    out->scale_spec = keep(b, ke_json_str(scale, "specReplicasPath"));
    out->scale_status = keep(b, ke_json_str(scale, "statusReplicasPath"));
    struct ke_str selector = ke_json_str(scale, "labelSelectorPath");
    out->scale_selector = selector.len > 0 ? keep(b, selector) : NULL;
}

static enum ke_code read_schema(struct builder *b, const cJSON *schema,
                                struct model_definition_version *out, struct ke_err *err)
{
    if (schema == NULL)
        return KE_OK;
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_OBJECT_BYTES);
    ke_json_print(schema, &text);
    if (ke_buf_check(&text, "schema", err) != KE_OK)
        return err->code;
    out->schema_json = keep(b, ke_buf_str(&text));
    return model_structural_new(schema, b->arena, b->owned, &out->schema, err);
}

static enum ke_code read_version(struct builder *b, const cJSON *version,
                                 struct model_definition_version *out, struct ke_err *err)
{
    out->name = keep_or(b, ke_json_str(version, "name"), "");
    out->is_served = ke_json_bool(version, "served", false);
    out->is_storage = ke_json_bool(version, "storage", false);
    out->is_deprecated = ke_json_bool(version, "deprecated", false);
    out->warning = keep(b, ke_json_str(version, "deprecationWarning"));
    read_columns(b, ke_json_get(version, "additionalPrinterColumns"), out);
    read_subresources(b, ke_json_get(version, "subresources"), out);
    return read_schema(b, ke_json_path(version, "schema.openAPIV3Schema"), out, err);
}

/* ".spec.color": clients say "spec.color". */
static bool has_field(const struct model_definition *d, struct ke_str name)
{
    for (size_t i = 0; i < d->n_fields; i++) {
        if (ke_str_eq_c(name, d->fields[i].name))
            return true;
    }
    return false;
}

static void read_fields(struct builder *b, const cJSON *versions)
{
    size_t max = 0;
    const cJSON *version;
    const cJSON *it;
    cJSON_ArrayForEach(version, versions) {
        int n = cJSON_GetArraySize(ke_json_get(version, "selectableFields"));
        max += n > 0 ? (size_t)n : 0;
    }
    if (max == 0)
        return;
    struct model_selectable *fields = ke_arena_alloc_n(b->arena, max, sizeof(*fields));
    b->is_ok = b->is_ok && fields != NULL;
    b->out->fields = fields;
    cJSON_ArrayForEach(version, versions) {
        cJSON_ArrayForEach(it, ke_json_get(version, "selectableFields")) {
            struct ke_str path = ke_json_str(it, "jsonPath");
            if (fields == NULL || !ke_str_cut_prefix(&path, KE_STR(".")) || has_field(b->out, path))
                continue;
            const char *kept = keep(b, path);
            if (kept != NULL)
                fields[b->out->n_fields++] =
                    (struct model_selectable){ .name = kept, .path = kept };
        }
    }
}

static bool has_one_schema(const struct model_definition *d)
{
    for (size_t i = 1; i < d->n_versions; i++) {
        const char *a = d->versions[0].schema_json;
        const char *b = d->versions[i].schema_json;
        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
            return false;
    }
    return true;
}

static enum ke_code check(const struct builder *b, struct ke_err *err)
{
    const struct model_definition *d = b->out;
    if (!b->is_ok)
        return ke_fail(err, KE_NOMEM, "compile a CustomResourceDefinition");
    if (d->name == NULL || d->group == NULL || d->plural == NULL || d->kind == NULL ||
        d->list_kind == NULL || model_definition_storage(d) == NULL)
        return ke_fail(err, KE_MALFORMED, "the definition lacks names or versions");
    return KE_OK;
}

enum ke_code model_definition_new(const cJSON *object, uint32_t number,
                                  struct model_definition **out, struct ke_err *err)
{
    struct ke_arena *arena = ke_arena_new(LIMIT_DEFINITION_BYTES);
    struct counted *counted = arena != NULL ? ke_arena_alloc(arena, sizeof(*counted)) : NULL;
    if (counted == NULL) {
        ke_arena_free(arena);
        return ke_fail(err, KE_NOMEM, "compile a CustomResourceDefinition");
    }
    counted->arena = arena;
    atomic_init(&counted->refs, 1);
    counted->definition.number = number;
    ke_auto_definition *definition = &counted->definition;
    struct builder b = {
        .arena = arena, .owned = &counted->owned, .out = definition, .is_ok = true
    };
    read_names(&b, object);
    const cJSON *versions = ke_json_path(object, "spec.versions");
    const cJSON *version;
    cJSON_ArrayForEach(version, versions) {
        if (definition->n_versions == MODEL_MAX_VERSIONS)
            return ke_fail(err, KE_MALFORMED, "more than %d versions", MODEL_MAX_VERSIONS);
        enum ke_code rc =
            read_version(&b, version, &definition->versions[definition->n_versions++], err);
        if (rc != KE_OK)
            return rc;
    }
    read_fields(&b, versions);
    definition->has_one_schema = has_one_schema(definition);
    enum ke_code rc = check(&b, err);
    if (rc == KE_OK)
        *out = KE_TAKE(definition);
    return rc;
}

const struct model_definition_version *model_definition_find(
    const struct model_definition *definition, struct ke_str version)
{
    for (size_t i = 0; i < definition->n_versions; i++) {
        if (ke_str_eq_c(version, definition->versions[i].name))
            return &definition->versions[i];
    }
    return NULL;
}

const struct model_definition_version *model_definition_storage(
    const struct model_definition *definition)
{
    for (size_t i = 0; i < definition->n_versions; i++) {
        if (definition->versions[i].is_storage)
            return &definition->versions[i];
    }
    return NULL;
}

static bool add_condition(cJSON *object, struct ke_str now)
{
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *list = status != NULL ? ke_json_need_array(status, "conditions") : NULL;
    cJSON *next = NULL;
    if (list == NULL)
        return false;
    for (cJSON *it = list->child; it != NULL; it = next) {
        next = it->next;
        if (ke_str_eq_c(ke_json_str(it, "type"), "Terminating"))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    ke_auto_json *made = cJSON_CreateObject();
    if (made == NULL || !ke_json_set_str(made, "type", KE_STR("Terminating")) ||
        !ke_json_set_str(made, "status", KE_STR("True")) ||
        !ke_json_set_str(made, "lastTransitionTime", now) ||
        !ke_json_set_str(made, "reason", KE_STR("InstanceDeletionPending")) ||
        !ke_json_set_str(made, "message",
                         KE_STR("CustomResourceDefinition marked for deletion; CustomResource "
                                "deletion will begin soon")) ||
        !cJSON_AddItemToArray(list, made))
        return false;
    (void)KE_TAKE(made);
    return true;
}

bool model_definition_mark_terminating(cJSON *object, struct ke_str now)
{
    cJSON *meta = ke_json_need_object(object, "metadata");
    cJSON *list = meta != NULL ? ke_json_need_array(meta, "finalizers") : NULL;
    const cJSON *it;
    if (list == NULL)
        return false;
    cJSON_ArrayForEach(it, list) {
        if (ke_str_eq_c(ke_json_value_str(it), MODEL_CUSTOM_CLEANUP))
            return add_condition(object, now);
    }
    cJSON *made = cJSON_CreateString(MODEL_CUSTOM_CLEANUP);
    if (made == NULL || !cJSON_AddItemToArray(list, made)) {
        cJSON_Delete(made);
        return false;
    }
    return add_condition(object, now);
}

/* ---- order of versions ----------------------------------------------------------------------- */

enum stage { STAGE_NONE, STAGE_ALPHA, STAGE_BETA, STAGE_GA };
struct parsed {
    enum stage stage;
    uint64_t major, minor;
};

static bool take_number(struct ke_str *rest, uint64_t *out)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] >= '0' && rest->ptr[n] <= '9')
        n++;
    struct ke_str digits = ke_str_sub(*rest, 0, n);
    *rest = ke_str_sub(*rest, n, rest->len - n);
    return n > 0 && digits.ptr[0] != '0' && ke_str_to_u64(digits, INT64_MAX, out);
}

/* v1, v1beta1, v2alpha3 */
static struct parsed parse_version(const char *text)
{
    struct parsed none = { .stage = STAGE_NONE };
    struct parsed out = { .stage = STAGE_GA };
    struct ke_str rest = ke_str_c(text);
    if (!ke_str_cut_prefix(&rest, KE_STR("v")) || !take_number(&rest, &out.major))
        return none;
    if (rest.len == 0)
        return out;
    if (ke_str_cut_prefix(&rest, KE_STR("alpha")))
        out.stage = STAGE_ALPHA;
    else if (ke_str_cut_prefix(&rest, KE_STR("beta")))
        out.stage = STAGE_BETA;
    else
        return none;
    return take_number(&rest, &out.minor) && rest.len == 0 ? out : none;
}

int model_version_compare(const char *a, const char *b)
{
    struct parsed x = parse_version(a);
    struct parsed y = parse_version(b);
    if (x.stage != y.stage)
        return x.stage > y.stage ? -1 : 1;
    if (x.stage == STAGE_NONE)
        return strcmp(a, b);
    if (x.major != y.major)
        return x.major > y.major ? -1 : 1;
    if (x.minor != y.minor)
        return x.minor > y.minor ? -1 : 1;
    return 0;
}
