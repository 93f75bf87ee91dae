/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HOST_RECORD_H
#define CORE_HOST_RECORD_H
/*
 * Private to core/host: the ledger as a list of records. One JSON line each:
 *   {"id":3,"change":{"what":"sysctl","name":"net.ipv4.ip_forward","value":"1"},"old":"0"}
 *   {"undone":3}
 * `change` identifies what was changed; `old` is what undoing needs. All calls between ledger_begin
 * and ledger_end, which hold the mutex and the file's lock: several processes may have the same
 * ledger open.
 */
#include "core/base/json.h"
#include "core/host/ledger.h"

struct host_record {
    int64_t id;
    cJSON *json;
    bool is_undone;
};

/* Locks and reads what other processes added. On failure nothing is locked. */
enum ke_code ledger_begin(struct host_ledger *ledger, struct ke_err *err) KE_MUST_CHECK;
void ledger_end(struct host_ledger *ledger);
/* The record of this change that is not undone; NULL: none. */
struct host_record *ledger_find(struct host_ledger *ledger, const cJSON *change);
/* The newest record that is older than id (INT64_MAX: the newest) and not undone; NULL: none. */
struct host_record *ledger_before(struct host_ledger *ledger, int64_t id);
/* On disk when it returns. change is given; old may be NULL. */
enum ke_code ledger_append(struct host_ledger *ledger, cJSON *change, const char *old,
                           struct ke_err *err) KE_MUST_CHECK;
enum ke_code ledger_mark_undone(struct host_ledger *ledger, struct host_record *record,
                                struct ke_err *err) KE_MUST_CHECK;
/* Nothing is left to undo: the file goes. */
enum ke_code ledger_clear(struct host_ledger *ledger, struct ke_err *err) KE_MUST_CHECK;

#endif
