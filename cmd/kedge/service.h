/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_SERVICE_H
#define CMD_KEDGE_SERVICE_H
/*
 * The installed agent as a service of this node: under systemd where it runs, else as a detached
 * process with a pid file. Used by install and uninstall. Blocking; main thread.
 */
#include <stdbool.h>

#include "core/base/err.h"
#include "core/host/ledger.h"

#define SERVICE_BINARY     "/usr/local/bin/kedge"
#define SERVICE_PREVIOUS   "/usr/local/bin/kedge.previous"
#define SERVICE_UNIT       "/etc/systemd/system/kedge.service"
#define SERVICE_CONFIG_DIR "/etc/kedge"
#define SERVICE_CONFIG     SERVICE_CONFIG_DIR "/config.yaml"
#define SERVICE_KUBECONFIG SERVICE_CONFIG_DIR "/kubeconfig"
#define SERVICE_LOG        "/var/log/kedge.log"

/* Where the agent's socket and pid file are: as its config says. */
struct service {
    const char *run_dir;
};

bool service_has_systemd(void);
/* Writes the unit where systemd runs, recorded in the ledger. Errors: KE_IO. */
enum ke_code service_write_unit(struct host_ledger *ledger, struct ke_err *err) KE_MUST_CHECK;
/* Starts the installed binary. Errors: KE_IO. */
enum ke_code service_start(const struct service *service, struct ke_err *err) KE_MUST_CHECK;
/* TERM, then KILL after 15 s; returns when it is gone. Not running is fine. */
enum ke_code service_stop(const struct service *service, struct ke_err *err) KE_MUST_CHECK;
/* Waits until /readyz says 200, at most timeout_ms. Errors: KE_TIMEOUT with what /readyz said last.
 */
enum ke_code service_wait_ready(const struct service *service, int timeout_ms,
                                struct ke_err *err) KE_MUST_CHECK;
/* A few milliseconds, between two looks at something that is about to change. */
void service_pause(void);
/* The text of cmd/kedge/kedge.service, put in by the build. */
extern const char service_unit[];

/* Runs a program to its end, output discarded when is_quiet. Errors: KE_IO (its exit status named).
 */
enum ke_code service_run(const char *const *argv, bool is_quiet, struct ke_err *err) KE_MUST_CHECK;

#endif
