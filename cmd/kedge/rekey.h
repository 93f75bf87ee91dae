/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_REKEY_H
#define CMD_KEDGE_REKEY_H
/* kedge registry rekey: by the running agent, else in its data directory. Main thread. */
#include "core/base/err.h"

/* Waits for the end. Errors: those of the agent, or of sqlite_registry_open. */
enum ke_code rekey_run(const char *run_dir, const char *data_dir, struct ke_err *err) KE_MUST_CHECK;

#endif
