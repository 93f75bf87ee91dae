/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_PATH_H
#define CORE_MODEL_PATH_H
/*
 * Where in an object validation is, as links on the stack: text is made only when there is
 * something to report. And the reports themselves, worded as apimachinery's field.Error words them.
 *
 *   struct model_path ports = model_path_child(&spec, "ports");
 *   struct model_path port = model_path_index(&ports, 3);      spec.ports[3]
 *   model_report_required(issues, model_path_child(&port, "port"), "");
 *
 * Out of memory: a report loses its text but not its effect: the object is refused all the same.
 * One thread.
 */
#include <cjson/cJSON.h>
#include <stdint.h>

#include "core/model/issues.h"

struct model_path {
    const struct model_path *parent; /* NULL: the first */
    const char *name;                /* a member; NULL: an index or a key */
    struct ke_str key;               /* of a map: [key] */
    size_t index;                    /* of a list, when name and key are not set */
};

/* name "": the whole object. */
static inline struct model_path model_path_root(const char *name)
{
    return (struct model_path){ .name = name };
}

/* parent NULL: the same as model_path_root. */
static inline struct model_path model_path_child(const struct model_path *parent, const char *name)
{
    return (struct model_path){ .parent = parent, .name = name };
}

static inline struct model_path model_path_index(const struct model_path *parent, size_t index)
{
    return (struct model_path){ .parent = parent, .index = index };
}

/* key.ptr is not NULL. */
static inline struct model_path model_path_key(const struct model_path *parent, struct ke_str key)
{
    return (struct model_path){ .parent = parent, .key = key };
}

/* Text in the arena of issues: "spec.ports[3].port"; ptr NULL: out of memory. */
struct ke_str model_path_text(struct model_issues *issues, const struct model_path *path);

/* As Go's %q prints it. In the arena; ptr NULL: out of memory. */
struct ke_str model_go_quote(struct ke_arena *arena, struct ke_str s);
/* As Go's %#v prints []string and map[string]string; anything else as JSON. */
struct ke_str model_go_strings(struct ke_arena *arena, const cJSON *list);
struct ke_str model_go_string_map(struct ke_arena *arena, const cJSON *map);

/* detail: borrowed, copied; "" for none. */
void model_report_required(struct model_issues *issues, struct model_path path, const char *detail);
void model_report_forbidden(struct model_issues *issues, struct model_path path,
                            const char *detail);
void model_report_invalid(struct model_issues *issues, struct model_path path, struct ke_str value,
                          const char *detail);
void model_report_invalid_int(struct model_issues *issues, struct model_path path, int64_t value,
                              const char *detail);
/* The value printed already: true, null, map[string]string{...}. */
void model_report_invalid_raw(struct model_issues *issues, struct model_path path,
                              struct ke_str printed, const char *detail);
void model_report_duplicate(struct model_issues *issues, struct model_path path,
                            struct ke_str value);
void model_report_duplicate_raw(struct model_issues *issues, struct model_path path,
                                struct ke_str printed);
/* allowed: in the order in which they are to be printed; NULL-terminated. */
void model_report_not_supported(struct model_issues *issues, struct model_path path,
                                struct ke_str value, const char *const *allowed);
void model_report_not_found(struct model_issues *issues, struct model_path path,
                            struct ke_str value);
void model_report_too_long(struct model_issues *issues, struct model_path path, size_t max_bytes);
void model_report_too_many(struct model_issues *issues, struct model_path path, size_t n,
                           size_t max);
/* A check could not be made: the object is refused for that. */
void model_report_no_memory(struct model_issues *issues);

#endif
