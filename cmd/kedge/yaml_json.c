/* SPDX-License-Identifier: Apache-2.0 */
/* YAML documents as JSON values: the JSON schema's plain scalars (YAML 1.2, section 10.2), as
 * manifests use them. */
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

#include "cmd/kedge/manifest.h"
#include "core/base/json.h"
#include "core/base/limits.h"

static cJSON *convert(yaml_document_t *document, const yaml_node_t *node, unsigned depth);

static cJSON *plain_scalar(struct ke_str text, const char *terminated)
{
    int64_t integer = 0;
    if (text.len == 0 || ke_str_eq_c(text, "~") || ke_str_eq_c(text, "null"))
        return cJSON_CreateNull();
    if (ke_str_eq_c(text, "true") || ke_str_eq_c(text, "false"))
        return cJSON_CreateBool(ke_str_eq_c(text, "true"));
    if (ke_str_to_i64(text, &integer))
        return cJSON_CreateNumber((double)integer);
    bool looks_numeric = (text.ptr[0] >= '0' && text.ptr[0] <= '9') || text.ptr[0] == '-';
    char *end = NULL;
    double number = looks_numeric ? strtod(terminated, &end) : 0;
    if (looks_numeric && end == terminated + text.len && isfinite(number) &&
        ke_str_find(text, 'x') == text.len)
        return cJSON_CreateNumber(number);
    return cJSON_CreateString(terminated);
}

static cJSON *convert_scalar(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return cJSON_CreateString(text);
    return plain_scalar(ke_str_of(text, node->data.scalar.length), text);
}

static cJSON *convert_list(yaml_document_t *document, const yaml_node_t *node, unsigned depth)
{
    cJSON *list = cJSON_CreateArray();
    const yaml_node_item_t *top = node->data.sequence.items.top;
    for (const yaml_node_item_t *item = node->data.sequence.items.start; list != NULL && item < top;
         item++) {
        cJSON *value = convert(document, yaml_document_get_node(document, *item), depth + 1);
        if (value == NULL || !cJSON_AddItemToArray(list, value)) {
            cJSON_Delete(value);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

static cJSON *convert_mapping(yaml_document_t *document, const yaml_node_t *node, unsigned depth)
{
    cJSON *object = cJSON_CreateObject();
    const yaml_node_pair_t *top = node->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         object != NULL && pair < top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        bool is_good = key != NULL && key->type == YAML_SCALAR_NODE;
        cJSON *value =
            is_good ? convert(document, yaml_document_get_node(document, pair->value), depth + 1)
                    : NULL;
        if (value == NULL || !ke_json_set(object, (const char *)key->data.scalar.value, value)) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

/* NULL: too deep, a key that is no text, or out of memory. Anchors are followed, and the depth
 * bounds them. */
static cJSON *convert(yaml_document_t *document, const yaml_node_t *node, unsigned depth)
{
    if (node == NULL || depth > LIMIT_JSON_DEPTH)
        return NULL;
    if (node->type == YAML_SCALAR_NODE)
        return convert_scalar(node);
    if (node->type == YAML_SEQUENCE_NODE)
        return convert_list(document, node, depth);
    return node->type == YAML_MAPPING_NODE ? convert_mapping(document, node, depth) : NULL;
}

/* 1: one more document was added to list; 0: the end; -1: err is set. */
static int next_document(yaml_parser_t *parser, cJSON *list, struct ke_err *err)
{
    yaml_document_t document;
    if (yaml_parser_load(parser, &document) == 0) {
        (void)ke_fail(err, KE_MALFORMED, "line %zu: %s", parser->problem_mark.line + 1,
                      parser->problem != NULL ? parser->problem : "is not YAML");
        return -1;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    cJSON *value = root != NULL ? convert(&document, root, 0) : NULL;
    bool is_end = root == NULL;
    size_t line = is_end ? 0 : root->start_mark.line + 1;
    yaml_document_delete(&document);
    if (is_end)
        return 0;
    if (value == NULL || !cJSON_AddItemToArray(list, value)) {
        cJSON_Delete(value);
        (void)ke_fail(err, KE_MALFORMED, "line %zu: nested too deep, or a key that is no text",
                      line);
        return -1;
    }
    return 1;
}

enum ke_code manifest_parse_yaml(struct ke_str text, cJSON **out, struct ke_err *err)
{
    ke_auto_json *list = cJSON_CreateArray();
    yaml_parser_t parser;
    if (list == NULL || yaml_parser_initialize(&parser) == 0)
        return ke_fail(err, KE_NOMEM, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    int more = 1;
    while (more == 1)
        more = next_document(&parser, list, err);
    yaml_parser_delete(&parser);
    if (more < 0)
        return err->code;
    *out = KE_TAKE(list);
    return KE_OK;
}
