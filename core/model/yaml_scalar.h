/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_YAML_SCALAR_H
#define CORE_MODEL_YAML_SCALAR_H
/* Private to yaml*.c: what an unquoted scalar means. Pure. */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/str.h"

enum yaml_scalar_type {
    YAML_SCALAR_STRING,
    YAML_SCALAR_NULL,
    YAML_SCALAR_BOOL,
    YAML_SCALAR_INT,
    YAML_SCALAR_FLOAT,
    YAML_SCALAR_NO_JSON, /* .inf, .nan */
    YAML_SCALAR_MERGE,
};

struct yaml_scalar {
    enum yaml_scalar_type type;
    bool boolean;
    int64_t integer;
    double number;
};

struct yaml_scalar yaml_scalar_resolve(struct ke_str text);
/* Text to readers of JSON, but a time or a number to base 60 to some of YAML: printed in quotes. */
bool yaml_scalar_is_ambiguous(struct ke_str text);

#endif
