/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STATUS_H
#define CORE_API_STATUS_H
/*
 * metav1.Status: how every refusal reads on the wire, word for word as real clients know it. Holds
 * the one table from ke_code to HTTP status and reason. Pure; any thread.
 * Source: apimachinery api/errors and metav1.Status.
 */
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/issues.h"

enum api_details {
    API_DETAILS_NONE,      /* no details member */
    API_DETAILS_EMPTY,     /* "details":{} */
    API_DETAILS_OF_MESSAGE /* name, group and kind as the message names them:
                              `deployments.apps "x" ...`, `Service "x" is invalid: ...` */
};

struct api_cause {
    struct ke_str reason, message, field;
};

/* A Status about to be printed. Texts borrowed. */
struct api_status {
    unsigned http;
    const char *reason; /* "" : none */
    struct ke_str message;
    enum api_details details;
    struct ke_str kind, group, name, uid; /* used when one is set, instead of the message's */
    const struct model_issues *issues;    /* causes, or NULL */
    const struct api_cause *causes;       /* more causes */
    size_t n_causes;
    const char *continue_token; /* of metadata, or NULL */
    uint32_t retry_after_s;
    bool is_success;
};

/* The row of a code: HTTP status, reason, details. message borrowed from err. */
struct api_status api_status_from(enum ke_code code, const struct ke_err *err);
unsigned api_status_http(enum ke_code code);
void api_status_print(const struct api_status *status, struct ke_buf *out);

/* The whole message of a KE_INVALID: `Service "s" is invalid: spec.ports: Required value`. prefix
 * is what err said; only its part up to "is invalid" counts when there are issues. */
void api_status_invalid_message(struct ke_str prefix, const struct model_issues *issues,
                                struct ke_buf *out);

#endif
