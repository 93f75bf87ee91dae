/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_ISSUES_H
#define CORE_MODEL_ISSUES_H
/*
 * What validation found: all problems of an object, each with the reason, field path and words
 * that real clients know (apimachinery field.Error). One thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum model_issue_type {
    MODEL_ISSUE_REQUIRED,      /* FieldValueRequired:     "Required value" */
    MODEL_ISSUE_INVALID,       /* FieldValueInvalid:      "Invalid value: ..." */
    MODEL_ISSUE_NOT_SUPPORTED, /* FieldValueNotSupported: "Unsupported value: ..." */
    MODEL_ISSUE_DUPLICATE,     /* FieldValueDuplicate:    "Duplicate value: ..." */
    MODEL_ISSUE_FORBIDDEN,     /* FieldValueForbidden:    "Forbidden: ..." */
    MODEL_ISSUE_NOT_FOUND,     /* FieldValueNotFound:     "Not found: ..." */
    MODEL_ISSUE_TOO_LONG,      /* FieldValueTooLong:      "Too long: ..." */
    MODEL_ISSUE_TOO_MANY,      /* FieldValueTooMany:      "Too many: ..." */
    MODEL_ISSUE_TYPE_INVALID,  /* FieldValueTypeInvalid:  "Invalid value: ..." */
};

struct model_issue {
    enum model_issue_type type;
    struct ke_str field;   /* "spec.ports[0].port" */
    struct ke_str message; /* whole text behind "field: ", e.g. `Invalid value: 0: must be ...` */
};

/* init with an arena that outlives it; at most 64 are kept, the rest counted. */
struct model_issues {
    struct ke_arena *arena; /* borrowed */
    struct model_issue items[64];
    size_t n_items;
    size_t n_dropped;
};

void model_issues_init(struct model_issues *issues, struct ke_arena *arena);
/* field and detail are printf-formatted by the caller into the arena through ke_arena_fmt, or
 * literals. */
void model_issues_add(struct model_issues *issues, enum model_issue_type type, struct ke_str field,
                      struct ke_str message);
const char *model_issue_reason(enum model_issue_type type); /* "FieldValueRequired" */
/* "spec.a: Required value" or "[x: ..., y: ...]" as upstream's ToAggregate prints it. */
void model_issues_format(const struct model_issues *issues, struct ke_buf *out);

#endif
