/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_VIEWS_DECODE_H
#define CORE_MODEL_VIEWS_DECODE_H
/*
 * Inside of core/model only: what the decoders of views share. Running out of memory sticks in the
 * decoder and is asked for once at the end.
 */
#include "core/base/json.h"
#include "core/model/views.h"

struct view_decoder {
    struct ke_arena *arena;
    bool is_out_of_memory;
};

/* A copy in the arena; empty for what is absent or no string. */
struct ke_str view_copy(struct view_decoder *d, struct ke_str s);
struct ke_str view_str(struct view_decoder *d, const cJSON *object, const char *name);
/* Zeroed room for the elements of a list, NULL for none. n is set to 0 when out of memory. */
void *view_array(struct view_decoder *d, size_t *n, size_t size);
/* The list, or NULL for anything else: safe to walk. */
const cJSON *view_list(const cJSON *json);
/* Elements of the list; 0 for anything else. */
size_t view_list_len(const cJSON *list);
uint16_t view_port(const cJSON *object, const char *name); /* 0: absent or out of range */
enum ke_proto view_proto(const cJSON *object);             /* TCP when absent */
bool view_ip(struct ke_str text, struct ke_ip *out);
bool view_cidr(struct ke_str text, struct ke_cidr *out);
/* String members of an object as pairs, sorted by key. */
void view_pairs(struct view_decoder *d, const cJSON *object, struct model_pair **out,
                size_t *out_n);
void view_meta(struct view_decoder *d, const cJSON *json, struct model_meta *out);
/* The entry of status.conditions, or NULL. */
const cJSON *view_condition(const cJSON *json, const char *type);

#endif
