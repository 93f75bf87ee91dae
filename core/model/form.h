/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_FORM_H
#define CORE_MODEL_FORM_H
/*
 * A kind in one version as it is at this moment: what decodes, defaults and validates objects,
 * built-in and custom kinds alike. It holds the definition of a custom kind, so that one request
 * sees one schema from its beginning to its end, however often the definition changes meanwhile.
 * Small, by value; one thread each.
 */
#include <cjson/cJSON.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/definition.h"
#include "core/model/issues.h"
#include "core/model/kind.h"

struct model_form {
    const struct model_kind *kind;
    const struct model_version *version;
    struct model_definition *definition;           /* a reference; NULL: built in */
    const struct model_definition_version *custom; /* of it; NULL: built in */
};

/* version NULL: the stored one. Errors: KE_NOT_FOUND: no longer defined. */
enum ke_code model_form_open(const struct model_kind *kind, const struct model_version *version,
                             struct model_form *out, struct ke_err *err) KE_MUST_CHECK;
void model_form_close(struct model_form *form); /* zeroed is fine */

/*
 * As model_schema_normalise. Custom kinds: metadata is brought to its types, the rest is cut to
 * what the schema declares (unknown is told); types are left to validation, as upstream does.
 */
enum ke_code model_form_normalise(const struct model_form *form, cJSON *object,
                                  struct model_issues *unknown, struct ke_err *err) KE_MUST_CHECK;
/* False: out of memory. */
bool model_form_set_defaults(const struct model_form *form, cJSON *object) KE_MUST_CHECK;
/* As model_kind_validate and model_kind_validate_status. */
void model_form_validate(const struct model_form *form, const cJSON *object, const cJSON *old,
                         struct model_issues *issues);
void model_form_validate_status(const struct model_form *form, const cJSON *object,
                                const cJSON *old, struct model_issues *issues);

/* What is to be said of a deprecated version; false: nothing, or it does not fit into out. */
bool model_form_deprecation(const struct model_form *form, struct ke_buf *out);

/*
 * What a stored object is to a reader: one that was written under another state of the definition
 * (or in another version) is cut and defaulted as the schema is now. Nothing for built-in kinds.
 * False: out of memory.
 */
bool model_form_refresh(const struct model_form *form, cJSON *object) KE_MUST_CHECK;
/* The mark of objects written in this form: those need no refresh in a form whose mark is the same.
 * 0: none can be given. */
uint32_t model_form_mark(const struct model_form *form);

#endif
