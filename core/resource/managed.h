/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_MANAGED_H
#define CORE_RESOURCE_MANAGED_H
/*
 * metadata.managedFields of what is written: who owns which fields after an update, and what an
 * applied configuration makes of an object. The rules are core/model/apply's; here is which object
 * they are asked about, in whose name, and in what words a client is answered. Runs on the
 * operation's thread.
 *
 * Writers are named by resource_request.field_manager; empty is kedge itself, "kedge". Objects that
 * kedge derives and can make again (core/model/kind.h, lazy) are created without managedFields, and
 * an object without any is not tracked until somebody applies to it.
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"

struct operation;

#define MANAGED_KEDGE "kedge"

/*
 * Sets managedFields of object (stored version, decoded and defaulted, not yet merged with what it
 * keeps of old) to what they are when old (NULL: it is created) becomes object. What cannot be told
 * is left out: the only failure is KE_NOMEM. After an apply they are what that has made of them.
 */
enum ke_code managed_update(struct operation *op, cJSON *object, const cJSON *old) KE_MUST_CHECK;

/*
 * Applies config to live (both of the client's version, live with its managedFields; NULL: there is
 * none). *out is given the result of the client's version, and *out_managed its managedFields, an
 * array; both are to be freed. Errors, answered: KE_MALFORMED, KE_CONFLICT with causes, KE_BUG with
 * its words, KE_NOMEM.
 */
enum ke_code managed_apply(struct operation *op, const cJSON *config, const cJSON *live,
                           cJSON **out, cJSON **out_managed) KE_MUST_CHECK;

/* Returned: a copy without managedFields. NULL: it has none, or out of memory. */
cJSON *managed_without(const cJSON *object);

/* Puts the times of old back where nothing but times of managedFields differs. False: no memory. */
bool managed_ignore_times(cJSON *object, const cJSON *old) KE_MUST_CHECK;

#endif
