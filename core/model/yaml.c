/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON from libyaml's events, so that nothing is kept but the tree that is being built and
 * a text too deep or too large is left where it becomes so. Pure.
 */
#include "core/model/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/base/json.h"
#include "core/base/json_sort.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/yaml_scalar.h"

struct anchor {
    char *name;
    cJSON *value; /* a copy of ours; NULL: its end has not come yet */
};

struct yaml_reader {
    yaml_parser_t parser;
    struct anchor *anchors; /* of this document */
    size_t n_anchors, cap_anchors;
    size_t n_nodes, max_nodes; /* of this document */
    size_t n_aliased_bytes;    /* the same */
    unsigned depth;
    struct ke_buf *duplicates; /* may be NULL */
    struct ke_err *err;
};

/* A mapping being read. */
struct mapping {
    cJSON *object;
    cJSON *merges; /* what "<<" named, in order */
    size_t *lines; /* of each member */
    size_t n, cap;
};

static bool read_value(struct yaml_reader *r, yaml_event_t *event, cJSON **out);

static bool fail_nomem(struct yaml_reader *r)
{
    (void)ke_fail(r->err, KE_NOMEM, "out of memory for YAML");
    return false;
}

static bool fail_line(struct yaml_reader *r, size_t line, const char *what)
{
    (void)ke_fail(r->err, KE_MALFORMED, "yaml: line %zu: %s", line + 1, what);
    return false;
}

static bool next_event(struct yaml_reader *r, yaml_event_t *out)
{
    if (yaml_parser_parse(&r->parser, out) != 0)
        return true;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return fail_nomem(r);
    if (r->parser.error == YAML_READER_ERROR) {
        (void)ke_fail(r->err, KE_MALFORMED, "yaml: %s", r->parser.problem);
        return false;
    }
    return fail_line(r, r->parser.problem_mark.line,
                     r->parser.problem != NULL ? r->parser.problem : "did not find expected node");
}

static bool count_nodes(struct yaml_reader *r, size_t n)
{
    r->n_nodes += n;
    if (r->n_nodes <= r->max_nodes)
        return true;
    (void)ke_fail(r->err, KE_TOO_LARGE, "yaml: more than %zu values", r->max_nodes);
    return false;
}

/* ---- anchors and aliases -----------------------------------------------------------------------
 */

static void forget_anchors(struct yaml_reader *r)
{
    for (size_t i = 0; i < r->n_anchors; i++) {
        free(r->anchors[i].name);
        cJSON_Delete(r->anchors[i].value);
    }
    r->n_anchors = 0;
}

static struct anchor *find_anchor(struct yaml_reader *r, const char *name)
{
    for (size_t i = r->n_anchors; i > 0; i--) {
        if (strcmp(r->anchors[i - 1].name, name) == 0)
            return &r->anchors[i - 1];
    }
    return NULL;
}

/* How much a copy of value costs. Ends when it is more than `most`. */
static size_t weigh(const cJSON *value, size_t most, size_t *out_nodes)
{
    size_t bytes = sizeof(*value);
    bytes += value->string != NULL ? strlen(value->string) : 0;
    bytes += value->valuestring != NULL ? strlen(value->valuestring) : 0;
    (*out_nodes)++;
    for (const cJSON *it = value->child; it != NULL && bytes <= most; it = it->next)
        bytes += weigh(it, most - bytes, out_nodes);
    return bytes;
}

/* A copy of what an anchor or a merge names, within what all of them may cost. */
static cJSON *copy_value(struct yaml_reader *r, const cJSON *value)
{
    size_t n_nodes = 0;
    size_t left = LIMIT_YAML_ALIASED_BYTES - r->n_aliased_bytes;
    size_t bytes = weigh(value, left, &n_nodes);
    if (bytes > left) {
        (void)ke_fail(r->err, KE_TOO_LARGE, "yaml: document contains excessive aliasing");
        return NULL;
    }
    r->n_aliased_bytes += bytes;
    if (!count_nodes(r, n_nodes))
        return NULL;
    cJSON *copy = cJSON_Duplicate(value, true);
    if (copy == NULL)
        (void)fail_nomem(r);
    return copy;
}

/* Remembers the name; *out its place. The value follows when it is whole. */
static bool begin_anchor(struct yaml_reader *r, const yaml_char_t *name, size_t line, size_t *out)
{
    if (r->n_anchors == LIMIT_YAML_ANCHORS) {
        (void)ke_fail(r->err, KE_TOO_LARGE, "yaml: line %zu: more than %d anchors", line + 1,
                      LIMIT_YAML_ANCHORS);
        return false;
    }
    char *copy = ke_str_dup(ke_str_c((const char *)name));
    if (copy == NULL ||
        !ke_grow((void **)&r->anchors, &r->cap_anchors, r->n_anchors + 1, sizeof(*r->anchors))) {
        free(copy);
        return fail_nomem(r);
    }
    *out = r->n_anchors;
    r->anchors[r->n_anchors++] = (struct anchor){ .name = copy };
    return true;
}

static bool read_alias(struct yaml_reader *r, const yaml_event_t *event, cJSON **out)
{
    size_t line = event->start_mark.line;
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = find_anchor(r, name);
    if (anchor == NULL || anchor->value == NULL) {
        (void)ke_fail(r->err, KE_MALFORMED,
                      anchor == NULL ? "yaml: line %zu: unknown anchor '%s' referenced"
                                     : "yaml: line %zu: anchor '%s' value contains itself",
                      line + 1, name);
        return false;
    }
    *out = copy_value(r, anchor->value);
    return *out != NULL;
}

/* ---- scalars -----------------------------------------------------------------------------------
 */

static bool keep(struct yaml_reader *r, cJSON *made, cJSON **out)
{
    *out = made;
    return made != NULL || fail_nomem(r);
}

static bool make_string(struct yaml_reader *r, struct ke_str text, size_t line, cJSON **out)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return fail_line(r, line, "a string with a NUL character");
    return keep(r, cJSON_CreateString(text.ptr), out); /* libyaml ends it with NUL */
}

static bool make_binary(struct yaml_reader *r, struct ke_str text, size_t line, cJSON **out)
{
    ke_auto_buf bytes = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    struct ke_err why;
    if (ke_base64_decode(text, &bytes, &why) != KE_OK)
        return fail_line(r, line, "!!binary value contains invalid base64 data");
    ke_buf_add_char(&bytes, '\0');
    if (bytes.failed != KE_OK)
        return fail_nomem(r);
    struct ke_str decoded = ke_str_of(bytes.ptr, bytes.len - 1);
    for (size_t i = 0; i < decoded.len;) {
        size_t step = ke_str_utf8_step(decoded, i);
        if (step == 0)
            return fail_line(r, line, "!!binary value is not text");
        i += step;
    }
    return make_string(r, decoded, line, out);
}

/* A tag other than !!str decides nothing that the text does not say itself. */
static bool read_scalar(struct yaml_reader *r, const yaml_event_t *event, bool *out_is_merge,
                        cJSON **out)
{
    const char *tag = (const char *)event->data.scalar.tag;
    struct ke_str text =
        ke_str_of((const char *)event->data.scalar.value, event->data.scalar.length);
    size_t line = event->start_mark.line;
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!count_nodes(r, 1))
        return false;
    if (tag != NULL && strcmp(tag, "tag:yaml.org,2002:binary") == 0)
        return make_binary(r, text, line, out);
    bool is_resolved = tag == NULL ? is_plain
                                   : strcmp(tag, "tag:yaml.org,2002:int") == 0 ||
                                         strcmp(tag, "tag:yaml.org,2002:float") == 0 ||
                                         strcmp(tag, "tag:yaml.org,2002:bool") == 0 ||
                                         strcmp(tag, "tag:yaml.org,2002:null") == 0;
    if (!is_resolved || (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL))
        return make_string(r, text, line, out);
    struct yaml_scalar scalar = yaml_scalar_resolve(text);
    switch (scalar.type) {
    case YAML_SCALAR_NULL:
        return keep(r, cJSON_CreateNull(), out);
    case YAML_SCALAR_BOOL:
        return keep(r, cJSON_CreateBool(scalar.boolean), out);
    case YAML_SCALAR_INT:
        return keep(r, ke_json_new_i64(scalar.integer), out);
    case YAML_SCALAR_FLOAT:
        return keep(r, cJSON_CreateNumber(scalar.number), out);
    case YAML_SCALAR_NO_JSON:
        return fail_line(r, line, "a number that JSON does not have");
    case YAML_SCALAR_MERGE:
        *out_is_merge = true;
        break;
    case YAML_SCALAR_STRING:
        break;
    }
    return make_string(r, text, line, out);
}

/* ---- lists and mappings ------------------------------------------------------------------------
 */

static bool read_list(struct yaml_reader *r, cJSON **out)
{
    ke_auto_json *list = cJSON_CreateArray();
    if (list == NULL)
        return fail_nomem(r);
    for (;;) {
        yaml_event_t event;
        cJSON *value = NULL;
        if (!next_event(r, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        if (!read_value(r, &event, &value))
            return false;
        (void)cJSON_AddItemToArray(list, value);
    }
    *out = KE_TAKE(list);
    return true;
}

/* Text of a key; a number or a boolean becomes its JSON text. */
static bool key_text(struct yaml_reader *r, const cJSON *key, size_t line, struct ke_buf *out)
{
    if (cJSON_IsString(key))
        ke_buf_add_c(out, key->valuestring);
    else if (cJSON_IsNumber(key) || cJSON_IsBool(key))
        ke_json_print(key, out);
    else
        return fail_line(r, line, "a key must be a text, a number or a boolean");
    ke_buf_add_char(out, '\0');
    return out->failed == KE_OK || fail_nomem(r);
}

static bool add_merge(struct yaml_reader *r, struct mapping *mapping, cJSON *value, size_t line)
{
    bool is_good = cJSON_IsObject(value) || cJSON_IsArray(value);
    for (const cJSON *it = value->child; cJSON_IsArray(value) && it != NULL; it = it->next)
        is_good = is_good && cJSON_IsObject(it);
    if (!is_good) {
        cJSON_Delete(value);
        return fail_line(r, line, "map merge requires map or sequence of maps as the value");
    }
    if (mapping->merges == NULL)
        mapping->merges = cJSON_CreateArray();
    if (mapping->merges == NULL) {
        cJSON_Delete(value);
        return fail_nomem(r);
    }
    (void)cJSON_AddItemToArray(mapping->merges, value);
    return true;
}

/* key is the event of the key and given. */
static bool read_member(struct yaml_reader *r, struct mapping *mapping, yaml_event_t *key)
{
    ke_auto_buf name = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_json *key_value = NULL;
    bool is_merge = false;
    size_t line = key->start_mark.line;
    bool is_good = true;
    if (key->type == YAML_SCALAR_EVENT && key->data.scalar.anchor == NULL) {
        is_good = read_scalar(r, key, &is_merge, &key_value);
        yaml_event_delete(key);
    } else {
        is_good = read_value(r, key, &key_value);
    }
    yaml_event_t event;
    cJSON *value = NULL;
    if (!is_good || !key_text(r, key_value, line, &name) || !next_event(r, &event) ||
        !read_value(r, &event, &value))
        return false;
    if (is_merge)
        return add_merge(r, mapping, value, line);
    if (!ke_grow((void **)&mapping->lines, &mapping->cap, mapping->n + 1, sizeof(size_t))) {
        cJSON_Delete(value);
        return fail_nomem(r);
    }
    mapping->lines[mapping->n++] = line;
    value->string = ke_buf_take(&name, &(size_t){ 0 });
    (void)cJSON_AddItemToArray(mapping->object, value);
    return true;
}

/* Of members with the same name the last one stays. */
static bool drop_duplicates(struct yaml_reader *r, struct mapping *mapping)
{
    if (mapping->n < 2)
        return true;
    struct json_member *members = json_sort_members(mapping->object, mapping->n);
    if (members == NULL)
        return fail_nomem(r);
    for (size_t i = 0; i + 1 < mapping->n; i++) {
        if (strcmp(members[i].node->string, members[i + 1].node->string) != 0)
            continue;
        if (r->duplicates != NULL) {
            ke_buf_addf(r->duplicates, "%s  line %zu: key \"%s\" already set in map",
                        r->duplicates->len > 0 ? "\n" : "",
                        mapping->lines[members[i + 1].place] + 1, members[i].node->string);
        }
        cJSON_Delete(cJSON_DetachItemViaPointer(mapping->object, members[i].node));
    }
    free(members);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    const struct json_member *x = a;
    const struct json_member *y = b;
    return strcmp(x->node->string, y->node->string);
}

/* Members of `from` that the object does not have. Sorted lookups: both may be large. */
static bool merge_object(struct yaml_reader *r, cJSON *object, const cJSON *from)
{
    size_t n = (size_t)cJSON_GetArraySize(object);
    if (!count_nodes(r, n)) /* each merge costs a sort: bounded as a copy is */
        return false;
    struct json_member *own = n > 0 ? json_sort_members(object, n) : NULL;
    if (n > 0 && own == NULL)
        return fail_nomem(r);
    bool is_good = true;
    for (cJSON *it = from->child; is_good && it != NULL; it = it->next) {
        struct json_member wanted = { .node = it };
        if (n > 0 && bsearch(&wanted, own, n, sizeof(*own), compare_names) != NULL)
            continue;
        cJSON *copy = copy_value(r, it);
        is_good = copy != NULL && cJSON_AddItemToArray(object, copy);
    }
    free(own);
    return is_good;
}

static bool apply_merges(struct yaml_reader *r, const struct mapping *mapping)
{
    const cJSON *merge = NULL;
    cJSON_ArrayForEach(merge, mapping->merges) {
        if (cJSON_IsObject(merge)) {
            if (!merge_object(r, mapping->object, merge))
                return false;
            continue;
        }
        const cJSON *it = NULL;
        cJSON_ArrayForEach(it, merge) {
            if (!merge_object(r, mapping->object, it))
                return false;
        }
    }
    return true;
}

static bool read_mapping(struct yaml_reader *r, cJSON **out)
{
    struct mapping mapping = { .object = cJSON_CreateObject() };
    bool is_good = mapping.object != NULL || fail_nomem(r);
    while (is_good) {
        yaml_event_t event;
        is_good = next_event(r, &event);
        if (!is_good)
            break;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        is_good = read_member(r, &mapping, &event);
    }
    is_good = is_good && drop_duplicates(r, &mapping) && apply_merges(r, &mapping);
    free(mapping.lines);
    cJSON_Delete(mapping.merges);
    if (is_good)
        *out = mapping.object;
    else
        cJSON_Delete(mapping.object);
    return is_good;
}

/* ---- values and documents ----------------------------------------------------------------------
 */

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        return event->data.scalar.anchor;
    return event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                                                    : event->data.mapping_start.anchor;
}

static bool read_container(struct yaml_reader *r, yaml_event_type_t type, size_t line, cJSON **out)
{
    if (r->depth >= LIMIT_JSON_DEPTH)
        return fail_line(r, line, "too many levels");
    if (!count_nodes(r, 1))
        return false;
    r->depth++;
    bool is_good = type == YAML_SEQUENCE_START_EVENT ? read_list(r, out) : read_mapping(r, out);
    r->depth--;
    return is_good;
}

/* event is given. */
static bool read_value(struct yaml_reader *r, yaml_event_t *event, cJSON **out)
{
    yaml_event_type_t type = event->type;
    size_t line = event->start_mark.line;
    size_t place = SIZE_MAX;
    bool is_merge = false;
    bool is_good = false;
    cJSON *value = NULL;
    if (type == YAML_ALIAS_EVENT) {
        is_good = read_alias(r, event, out);
        yaml_event_delete(event);
        return is_good;
    }
    const yaml_char_t *anchor = anchor_of(event);
    is_good = anchor == NULL || begin_anchor(r, anchor, line, &place);
    if (is_good && type == YAML_SCALAR_EVENT)
        is_good = read_scalar(r, event, &is_merge, &value);
    yaml_event_delete(event);
    if (is_good && type != YAML_SCALAR_EVENT)
        is_good = read_container(r, type, line, &value);
    if (is_good && place != SIZE_MAX) {
        r->anchors[place].value = copy_value(r, value);
        is_good = r->anchors[place].value != NULL;
    }
    if (!is_good) {
        cJSON_Delete(value);
        return false;
    }
    *out = value;
    return true;
}

enum document { DOCUMENT_ERROR, DOCUMENT_END, DOCUMENT_READ };

static enum document read_document(struct yaml_reader *r, cJSON **out)
{
    yaml_event_t event;
    forget_anchors(r);
    r->n_nodes = 0;
    r->n_aliased_bytes = 0;
    for (;;) {
        if (!next_event(r, &event))
            return DOCUMENT_ERROR;
        yaml_event_type_t type = event.type;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT) {
            yaml_event_delete(&event);
            continue;
        }
        if (type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT) {
            yaml_event_delete(&event);
            return DOCUMENT_END;
        }
        return read_value(r, &event, out) ? DOCUMENT_READ : DOCUMENT_ERROR;
    }
}

static bool reader_begin(struct yaml_reader *r, struct ke_str text)
{
    if (yaml_parser_initialize(&r->parser) == 0)
        return fail_nomem(r);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""),
                                 text.len);
    return true;
}

static void reader_end(struct yaml_reader *r)
{
    yaml_parser_delete(&r->parser);
    forget_anchors(r);
    free(r->anchors);
}

enum ke_code model_yaml_parse(struct ke_str text, cJSON **out, struct ke_buf *out_duplicates,
                              struct ke_err *err)
{
    struct yaml_reader reader = { .max_nodes = LIMIT_YAML_NODES,
                                  .duplicates = out_duplicates,
                                  .err = err };
    cJSON *value = NULL;
    if (!reader_begin(&reader, text))
        return err->code;
    enum document what = read_document(&reader, &value);
    reader_end(&reader);
    if (what == DOCUMENT_ERROR)
        return err->code;
    if (what == DOCUMENT_END)
        value = cJSON_CreateNull();
    if (value == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory for YAML");
    *out = value;
    return KE_OK;
}

enum ke_code model_yaml_parse_stream(struct ke_str text, cJSON **out, struct ke_err *err)
{
    struct yaml_reader reader = { .max_nodes = LIMIT_YAML_FILE_NODES, .err = err };
    ke_auto_json *list = cJSON_CreateArray();
    if (list == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory for YAML");
    if (!reader_begin(&reader, text))
        return err->code;
    enum document what = DOCUMENT_READ;
    while (what == DOCUMENT_READ) {
        cJSON *value = NULL;
        what = read_document(&reader, &value);
        if (what == DOCUMENT_READ)
            (void)cJSON_AddItemToArray(list, value);
    }
    reader_end(&reader);
    if (what == DOCUMENT_ERROR)
        return err->code;
    *out = KE_TAKE(list);
    return KE_OK;
}
