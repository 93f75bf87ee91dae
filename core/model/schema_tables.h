/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_SCHEMA_TABLES_H
#define CORE_MODEL_SCHEMA_TABLES_H
/* Inside of core/model only: the generated tables behind schema.h. Constant. */
#include "core/model/schema.h"

struct model_field_extra {
    uint16_t merge_key;
    uint16_t list_type;
    uint16_t list_keys;
    uint16_t map_type;
    uint16_t default_value;
};

struct model_enum {
    uint16_t name;
    uint16_t first_value;
    uint16_t n_values;
};

struct model_package {
    uint16_t name; /* "networking.v1" */
    uint16_t group;
    uint16_t version;
};

extern const struct model_message model_schema_messages[]; /* sorted by name */
extern const size_t model_schema_n_messages;
extern const struct model_field model_schema_fields[];
extern const struct model_field_extra model_schema_extras[];
extern const struct model_enum model_schema_enums[];
extern const uint16_t model_schema_enum_values[];
extern const struct model_package model_schema_packages[];
extern const size_t model_schema_n_packages;
extern const char model_schema_text[];

#endif
