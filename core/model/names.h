/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_NAMES_H
#define CORE_MODEL_NAMES_H
/*
 * The forms that names, keys and values may have, and upstream's words when they do not
 * (apimachinery util/validation). Pure; any thread.
 */
#include <stdbool.h>

#include "core/base/str.h"
#include "core/model/path.h"

/* "apps/v1" is group "apps", version "v1"; "v1" is of the group "". Parts of api_version, borrowed.
 */
void model_api_version_split(struct ke_str api_version, struct ke_str *out_group,
                             struct ke_str *out_version);

/* What is wrong with one text; constants. n 0: nothing. */
struct model_complaints {
    const char *text[5];
    size_t n;
};

typedef struct model_complaints model_name_fn(struct ke_str value);

struct model_complaints model_name_label(struct ke_str value);      /* RFC 1123 label */
struct model_complaints model_name_subdomain(struct ke_str value);  /* RFC 1123 subdomain */
struct model_complaints model_name_label_1035(struct ke_str value); /* RFC 1035 label */
struct model_complaints model_name_wildcard(struct ke_str value);   /* "*." and a subdomain */
struct model_complaints model_name_path_segment(struct ke_str value);
/* "name" or "prefix.example/name": keys of labels, finalizers, conditions. */
struct model_complaints model_name_qualified(struct ke_str value);
struct model_complaints model_name_label_value(struct ke_str value);
struct model_complaints model_name_config_key(struct ke_str value); /* of ConfigMap and Secret */
struct model_complaints model_name_env_var(struct ke_str value);
struct model_complaints model_name_port(struct ke_str value);   /* RFC 6335, 15 bytes */
struct model_complaints model_name_header(struct ke_str value); /* HTTP */
struct model_complaints model_name_percent(struct ke_str value);

/* Reports each complaint about value at path as "Invalid value". True: none. */
bool model_check_name(struct model_issues *issues, struct model_path path, struct ke_str value,
                      model_name_fn *rule);
/* "must be between 1 and 65535, inclusive" unless it is. */
bool model_check_port(struct model_issues *issues, struct model_path path, int64_t port);
bool model_check_not_negative(struct model_issues *issues, struct model_path path, int64_t value);
/* Labels, and other maps held to the same rules (selectors). map NULL: none. */
void model_check_labels(struct model_issues *issues, struct model_path path, const cJSON *map);
/* Annotations: keys in any case, 256 KiB in all. */
void model_check_annotations(struct model_issues *issues, struct model_path path, const cJSON *map);
/* metav1.LabelSelector. */
void model_check_label_selector(struct model_issues *issues, struct model_path path,
                                const cJSON *selector);

#endif
