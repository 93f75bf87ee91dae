/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_SELECTOR_BUILD_H
#define CORE_MODEL_SELECTOR_BUILD_H
/*
 * Inside of core/model only: the body of a selector, for the parsers that fill it. A selector is
 * one heap block: requirements, their values and the text that both point into.
 */
#include "core/model/selector.h"

enum selector_op {
    SELECTOR_EQUALS,
    SELECTOR_DOUBLE_EQUALS,
    SELECTOR_NOT_EQUALS,
    SELECTOR_IN,
    SELECTOR_NOT_IN,
    SELECTOR_EXISTS,
    SELECTOR_NOT_EXISTS,
    SELECTOR_GREATER,
    SELECTOR_LESS
};

struct selector_requirement {
    struct ke_str key;
    enum selector_op op;
    struct ke_str *values; /* sorted, different */
    size_t n_values;
};

struct model_selector {
    bool is_nothing;   /* matches no object at all */
    bool is_on_fields; /* an absent field reads as "" */
    size_t n_requirements;
    size_t n_values; /* handed out so far, of all requirements */
    size_t cap_requirements;
    size_t cap_values;
    struct selector_requirement *requirements;
    struct ke_str *values;
    char *text;
    size_t text_len;
};

/* Room for as many. NULL: out of memory. */
struct model_selector *selector_new(size_t n_requirements, size_t n_values, size_t n_text);
/* The next requirement, whose values start where the last one's ended. */
struct selector_requirement *selector_add(struct model_selector *selector, struct ke_str key,
                                          enum selector_op op);
void selector_add_value(struct model_selector *selector, struct ke_str value);
/* Sorts and dedupes the values of the requirement added last. */
void selector_close_values(struct model_selector *selector);
/* A copy of s in the selector's own text. */
struct ke_str selector_copy(struct model_selector *selector, struct ke_str s);
void selector_sort(struct model_selector *selector);
/* The rules of a label requirement; fill err with upstream's words; where names the field. */
enum ke_code selector_check_key(const char *where, struct ke_str key,
                                struct ke_err *err) KE_MUST_CHECK;
enum ke_code selector_check_requirement(const struct selector_requirement *requirement,
                                        struct ke_err *err) KE_MUST_CHECK;

#endif
