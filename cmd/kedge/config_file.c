/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML config file, by libyaml's document API: the file is small, so it is loaded whole. */
#include "cmd/kedge/config_file.h"

#include <yaml.h>

#include "core/base/buf.h"
#include "core/base/file.h"

#define CONFIG_FILE_MAX (256U << 10)

static struct ke_str scalar(const yaml_node_t *node)
{
    return ke_str_of((const char *)node->data.scalar.value, node->data.scalar.length);
}

/* A scalar as it stands, a list of scalars joined by commas. */
static bool node_text(yaml_document_t *document, const yaml_node_t *node, struct ke_buf *out)
{
    if (node->type == YAML_SCALAR_NODE) {
        ke_buf_add_str(out, scalar(node));
        return true;
    }
    if (node->type != YAML_SEQUENCE_NODE)
        return false;
    const yaml_node_item_t *first = node->data.sequence.items.start;
    for (const yaml_node_item_t *item = first; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *value = yaml_document_get_node(document, *item);
        if (value == NULL || value->type != YAML_SCALAR_NODE)
            return false;
        if (item > first)
            ke_buf_add_char(out, ',');
        ke_buf_add_str(out, scalar(value));
    }
    return true;
}

static enum ke_code read_pair(yaml_document_t *document, const yaml_node_pair_t *pair,
                              config_file_fn *fn, void *ctx, struct ke_err *err)
{
    const yaml_node_t *key = yaml_document_get_node(document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(document, pair->value);
    size_t line = key != NULL ? key->start_mark.line + 1 : 0;
    ke_auto_buf text = KE_BUF_INIT(CONFIG_FILE_MAX);
    if (key == NULL || value == NULL || key->type != YAML_SCALAR_NODE ||
        !node_text(document, value, &text))
        return ke_fail(err, KE_INVALID, "line %zu: must be KEY: VALUE or KEY: [VALUE, ...]", line);
    enum ke_code rc = ke_buf_check(&text, "value", err);
    if (rc == KE_OK)
        rc = fn(ctx, scalar(key), ke_buf_str(&text), err);
    return rc == KE_OK ? KE_OK : ke_wrap(err, "line %zu", line);
}

static enum ke_code read_document(yaml_document_t *document, config_file_fn *fn, void *ctx,
                                  struct ke_err *err)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL)
        return KE_OK; /* an empty file */
    if (root->type != YAML_MAPPING_NODE)
        return ke_fail(err, KE_INVALID, "must be a mapping from option names to values");
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        enum ke_code rc = read_pair(document, pair, fn, ctx, err);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

enum ke_code config_file_read(const char *path, config_file_fn *fn, void *ctx, struct ke_err *err)
{
    ke_auto_buf bytes = KE_BUF_INIT(CONFIG_FILE_MAX);
    enum ke_code rc = ke_file_read(path, &bytes, err);
    if (rc != KE_OK)
        return ke_wrap(err, "--config");
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0)
        return ke_fail(err, KE_NOMEM, "--config: out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes.ptr, bytes.len);
    yaml_document_t document;
    if (yaml_parser_load(&parser, &document) == 0) {
        rc = ke_fail(err, KE_INVALID, "line %zu: %s", parser.problem_mark.line + 1,
                     parser.problem != NULL ? parser.problem : "is not YAML");
    } else {
        rc = read_document(&document, fn, ctx, err);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return rc == KE_OK ? KE_OK : ke_wrap(err, "--config %s", path);
}
