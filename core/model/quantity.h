/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_QUANTITY_H
#define CORE_MODEL_QUANTITY_H
/*
 * Quantities of resources ("500m", "1Gi"): exact decimal numbers that remember how they were
 * written. At most 38 significant digits; finer than nano is rounded away from zero; a binary one
 * is capped at 2^63-1, as upstream does. Pure; any thread.
 * Source: apimachinery api/resource.Quantity.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

enum model_quantity_format {
    MODEL_QUANTITY_DECIMAL_SI,
    MODEL_QUANTITY_BINARY_SI,
    MODEL_QUANTITY_DECIMAL_EXPONENT
};

__extension__ typedef unsigned __int128 model_u128;

struct model_quantity {
    model_u128 value; /* times 10^scale; without trailing zeros */
    int32_t scale;
    bool is_negative; /* never of zero */
    enum model_quantity_format format;
};

/* Errors: KE_MALFORMED, in upstream's words. */
enum ke_code model_quantity_parse(struct ke_str text, struct model_quantity *out,
                                  struct ke_err *err) KE_MUST_CHECK;
/* The canonical form: "1000m" was 1, "1024Mi" was 1Gi. */
void model_quantity_format(const struct model_quantity *quantity, struct ke_buf *out);
/*
 * a + b and a - b, written as a was (as b, when a is zero). What no model_u128 holds saturates at
 * 38 digits. out may be one of both.
 */
void model_quantity_add(const struct model_quantity *a, const struct model_quantity *b,
                        struct model_quantity *out);
void model_quantity_sub(const struct model_quantity *a, const struct model_quantity *b,
                        struct model_quantity *out);
int model_quantity_cmp(const struct model_quantity *a, const struct model_quantity *b);
static inline bool model_quantity_is_zero(const struct model_quantity *quantity)
{
    return quantity->value == 0;
}

#endif
