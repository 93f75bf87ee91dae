/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the one block an object lives in. The text always begins
 *     {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7"                  ,
 * so the slot sits at a place that follows from the kind alone, in memory and on disk. Any thread.
 */
#include "core/registry/object.h"

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/registry/block.h"

#define SLOT_LEN   21 /* two quotes and the 19 digits of INT64_MAX */
#define SLOT_LABEL "\"metadata\":{\"resourceVersion\":"
#define HEAD_BYTES 512 /* kind, group and version of any length that is allowed */

/* Strings and pairs of a block: measured in a first run with memory == NULL, copied in a second. */
struct packer {
    char *memory;
    size_t used;
};

static struct ke_str pack_text(struct packer *packer, struct ke_str s)
{
    struct ke_str out = { NULL, s.len };
    if (packer->memory != NULL) {
        out.ptr = packer->memory + packer->used;
        if (s.len > 0)
            memcpy(packer->memory + packer->used, s.ptr, s.len);
    }
    packer->used += s.len;
    return out;
}

static int pair_compare(const void *a, const void *b)
{
    return ke_str_cmp(((const struct model_pair *)a)->key, ((const struct model_pair *)b)->key);
}

static uint32_t pack_labels(struct packer *packer, const cJSON *labels, struct model_pair *out)
{
    uint32_t n = 0;
    const cJSON *label = NULL;
    cJSON_ArrayForEach(label, labels) {
        if (!cJSON_IsString(label) || label->string == NULL)
            continue;
        struct ke_str key = pack_text(packer, ke_str_c(label->string));
        struct ke_str value = pack_text(packer, ke_json_value_str(label));
        if (out != NULL)
            out[n] = (struct model_pair){ key, value };
        n++;
    }
    if (out != NULL && n > 1)
        qsort(out, n, sizeof(*out), pair_compare);
    return n;
}

static uint32_t pack_fields(struct packer *packer, const struct model_kind *kind, const cJSON *json,
                            const struct registry_object *object, struct model_pair *out)
{
    uint32_t n = 0;
    for (const struct model_selectable *f = kind->fields; f != NULL && f->name != NULL; f++) {
        char scratch[MODEL_SELECTABLE_SCRATCH];
        struct ke_str value = pack_text(packer, model_selectable_value(f, json, scratch));
        if (out != NULL)
            out[n] = (struct model_pair){ ke_str_c(f->name), value };
        n++;
    }
    if (out != NULL) {
        out[n] = (struct model_pair){ KE_STR("metadata.name"), object->name };
        out[n + 1] = (struct model_pair){ KE_STR("metadata.namespace"), object->ns };
        qsort(out, n + 2, sizeof(*out), pair_compare);
    }
    return n + 2;
}

/* The key, with the namespace and the name as parts of it. */
static void pack_key(struct packer *packer, const struct model_kind *kind, const cJSON *metadata,
                     struct registry_object *object)
{
    struct ke_str ns = ke_json_str(metadata, "namespace");
    struct ke_str name = ke_json_str(metadata, "name");
    struct ke_str prefix = pack_text(packer, ke_str_c(kind->prefix));
    object->ns = KE_STR("");
    if (kind->is_namespaced) {
        object->ns = pack_text(packer, ns);
        (void)pack_text(packer, KE_STR("/"));
    }
    object->name = pack_text(packer, name);
    object->key = ke_str_of(prefix.ptr, prefix.len + object->ns.len +
                                            (kind->is_namespaced ? 1 : 0) + object->name.len);
}

static enum ke_code check_metadata(const struct model_kind *kind, const cJSON *metadata,
                                   struct ke_err *err)
{
    struct ke_str ns = ke_json_str(metadata, "namespace");
    struct ke_str name = ke_json_str(metadata, "name");
    if (name.len == 0 || (kind->is_namespaced && ns.len == 0))
        return ke_fail(err, KE_MALFORMED, "%s without metadata.name or namespace", kind->kind);
    if (strlen(kind->prefix) + ns.len + 1 + name.len > LIMIT_KEY_BYTES)
        return ke_fail(err, KE_TOO_LARGE, "key of %s is longer than %d bytes", kind->kind,
                       LIMIT_KEY_BYTES);
    return KE_OK;
}

/* {"kind":"Pod","apiVersion":"v1", */
static void print_head(const struct model_kind *kind, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"kind\":");
    ke_buf_add_json_str(out, ke_str_c(kind->kind));
    ke_buf_add_c(out, ",\"apiVersion\":\"");
    model_version_format(&kind->versions[0], out);
    ke_buf_add_c(out, "\",");
}

static void format_slot(char slot[SLOT_LEN], int64_t revision)
{
    struct ke_buf buf = KE_BUF_FIXED(slot, SLOT_LEN);
    ke_buf_add_char(&buf, '"');
    ke_buf_add_i64(&buf, revision);
    ke_buf_add_char(&buf, '"');
    memset(slot + buf.len, ' ', SLOT_LEN - buf.len);
}

static void print_member(const cJSON *member, struct ke_buf *out)
{
    ke_buf_add_char(out, ',');
    ke_buf_add_json_str(out, ke_str_c(member->string));
    ke_buf_add_char(out, ':');
    ke_json_print(member, out);
}

static void print_object(const struct model_kind *kind, const cJSON *json, struct ke_buf *out)
{
    char slot[SLOT_LEN];
    format_slot(slot, 0);
    print_head(kind, out);
    ke_buf_add_c(out, SLOT_LABEL);
    ke_buf_add(out, slot, SLOT_LEN);
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, ke_json_get(json, "metadata")) {
        if (strcmp(member->string, "resourceVersion") != 0)
            print_member(member, out);
    }
    ke_buf_add_char(out, '}');
    cJSON_ArrayForEach(member, json) {
        if (strcmp(member->string, "kind") != 0 && strcmp(member->string, "apiVersion") != 0 &&
            strcmp(member->string, "metadata") != 0)
            print_member(member, out);
    }
    ke_buf_add_char(out, '}');
}

/* Whether stored text has the head and the slot where this build looks for them. */
static bool has_layout(struct ke_str head, struct ke_str json)
{
    struct ke_str rest = json;
    if (!ke_str_cut_prefix(&rest, head) || !ke_str_cut_prefix(&rest, KE_STR(SLOT_LABEL)) ||
        rest.len <= SLOT_LEN || rest.ptr[0] != '"' || rest.ptr[SLOT_LEN] != ',')
        return false;
    struct ke_str slot = ke_str_sub(rest, 1, SLOT_LEN - 1);
    size_t digits = ke_str_find(slot, '"');
    uint64_t ignored = 0;
    if (!ke_str_to_u64(ke_str_sub(slot, 0, digits), INT64_MAX, &ignored))
        return false;
    return ke_str_trim(ke_str_sub(slot, digits + 1, SLOT_LEN)).len == 0;
}

static void fill_block(struct packer *packer, struct registry_object *object, const cJSON *json,
                       struct model_pair *pairs)
{
    const cJSON *metadata = ke_json_get(json, "metadata");
    pack_key(packer, object->kind, metadata, object);
    object->uid = pack_text(packer, ke_json_str(metadata, "uid"));
    object->n_labels = pack_labels(packer, ke_json_get(metadata, "labels"), pairs);
    object->labels = pairs;
    struct model_pair *fields = pairs != NULL ? pairs + object->n_labels : NULL;
    object->n_fields = pack_fields(packer, object->kind, json, object, fields);
    object->fields = fields;
    object->json = pack_text(packer, object->json);
}

static enum ke_code build(const struct model_kind *kind, const cJSON *json, struct ke_str text,
                          struct registry_object **out, struct ke_err *err)
{
    struct registry_object sizes = { .kind = kind,
                                     .durability = model_kind_durability(kind, json),
                                     .json = text };
    struct packer measure = { 0 };
    fill_block(&measure, &sizes, json, NULL);
    size_t pairs_bytes = (size_t)(sizes.n_labels + sizes.n_fields) * sizeof(struct model_pair);
    size_t size = sizeof(struct registry_block) + pairs_bytes + measure.used;
    struct registry_block *block = malloc(size);
    if (block == NULL)
        return ke_fail(err, KE_NOMEM, "object of %zu bytes", size);
    *block = (struct registry_block){ .size = (uint32_t)size, .object = sizes };
    atomic_init(&block->refs, 1);
    struct model_pair *pairs = (struct model_pair *)(void *)(block + 1);
    struct packer packer = { .memory = (char *)(block + 1) + pairs_bytes };
    block->object.json = text;
    fill_block(&packer, &block->object, json, pairs);
    block->priority = (uint32_t)ke_str_hash(block->object.key);
    char head[HEAD_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(head, sizeof(head));
    print_head(kind, &buf);
    block->object.head_len = (uint32_t)buf.len;
    *out = &block->object;
    return KE_OK;
}

enum ke_code registry_object_new(const struct model_kind *kind, const cJSON *json,
                                 struct registry_object **out, struct ke_err *err)
{
    if (check_metadata(kind, ke_json_get(json, "metadata"), err) != KE_OK)
        return err->code;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    print_object(kind, json, &text);
    if (ke_buf_check(&text, kind->kind, err) != KE_OK)
        return err->code;
    return build(kind, json, ke_buf_str(&text), out, err);
}

enum ke_code registry_object_load(const struct model_kind *kind, struct ke_str json,
                                  int64_t revision, struct registry_object **out,
                                  struct ke_err *err)
{
    ke_auto_json *parsed = NULL;
    if (ke_json_parse(json, &parsed, err) != KE_OK)
        return err->code;
    if (check_metadata(kind, ke_json_get(parsed, "metadata"), err) != KE_OK)
        return ke_fail(err, KE_MALFORMED, "stored %s has no name", kind->kind);
    char head[HEAD_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(head, sizeof(head));
    print_head(kind, &buf);
    enum ke_code rc = has_layout(ke_buf_str(&buf), json)
                          ? build(kind, parsed, json, out, err)
                          : registry_object_new(kind, parsed, out, err);
    if (rc == KE_OK)
        registry_object_set_revision(*out, revision);
    return rc;
}

void registry_object_set_form(struct registry_object *object, uint32_t mark)
{
    object->form = mark;
}

void registry_object_set_revision(struct registry_object *object, int64_t revision)
{
    object->revision = revision;
    size_t at = object->head_len + sizeof(SLOT_LABEL) - 1;
    struct registry_block *block = registry_block_of(object);
    /* json is const for everyone else; here it is our own memory. */
    char *json = (char *)block + (object->json.ptr - (const char *)block);
    format_slot(json + at, revision);
}

/* Moves a pointer into one block to the same place of its copy; static text stays. */
static void move_str(struct ke_str *s, const struct registry_block *from, struct registry_block *to)
{
    const char *begin = (const char *)from;
    if (s->ptr >= begin && s->ptr <= begin + from->size)
        s->ptr = (const char *)to + (s->ptr - begin);
}

struct registry_object *registry_object_at_revision(const struct registry_object *object,
                                                    int64_t revision)
{
    const struct registry_block *from = registry_block_of(object);
    struct registry_block *to = malloc(from->size);
    if (to == NULL)
        return NULL;
    memcpy(to + 1, from + 1, from->size - sizeof(*from));
    *to = (struct registry_block){ .size = from->size,
                                   .priority = from->priority,
                                   .object = from->object };
    atomic_init(&to->refs, 1);
    struct registry_object *copy = &to->object;
    struct model_pair *pairs = (struct model_pair *)(void *)(to + 1);
    for (uint32_t i = 0; i < copy->n_labels + copy->n_fields; i++) {
        move_str(&pairs[i].key, from, to);
        move_str(&pairs[i].value, from, to);
    }
    copy->labels = pairs;
    copy->fields = pairs + copy->n_labels;
    move_str(&copy->key, from, to);
    move_str(&copy->ns, from, to);
    move_str(&copy->name, from, to);
    move_str(&copy->uid, from, to);
    move_str(&copy->json, from, to);
    registry_object_set_revision(copy, revision);
    return copy;
}

struct registry_object *registry_object_ref(const struct registry_object *object)
{
    struct registry_block *block = registry_block_of(object);
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return &block->object;
}

void registry_object_unref(const struct registry_object *object)
{
    if (object == NULL)
        return;
    struct registry_block *block = registry_block_of(object);
    if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1)
        free(block);
}

cJSON *registry_object_parse(const struct registry_object *object)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    return ke_json_parse(object->json, &json, &err) == KE_OK ? json : NULL;
}

/* ---- fields of now --------------------------------------------------------------------------- */

bool registry_object_matches(const struct registry_object *object, const struct model_kind *kind,
                             const struct model_selector *fields)
{
    if (fields == NULL || kind->custom == NULL || object->kind == kind)
        return model_selector_matches(fields, object->fields, object->n_fields);
    ke_auto_json *json = registry_object_parse(object);
    struct registry_object sizes = *object;
    struct packer measure = { .memory = NULL };
    uint32_t n = json != NULL ? pack_fields(&measure, kind, json, &sizes, NULL) : 0;
    size_t pairs_bytes = n * sizeof(struct model_pair);
    ke_auto_ptr char *memory = n > 0 ? ke_alloc(pairs_bytes + measure.used) : NULL;
    if (memory == NULL)
        return false;
    struct model_pair *pairs = (struct model_pair *)(void *)memory;
    struct packer packer = { .memory = memory + pairs_bytes };
    n = pack_fields(&packer, kind, json, &sizes, pairs);
    return model_selector_matches(fields, pairs, n);
}
