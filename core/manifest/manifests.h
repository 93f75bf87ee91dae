/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MANIFEST_MANIFESTS_H
#define CORE_MANIFEST_MANIFESTS_H
/*
 * A folder of manifests as the user's word: its objects are applied (server-side, as field manager
 * kedge-manifests, whose word wins) at start and whenever a file changes, and deleted when no file
 * has them any more. A file that cannot be read keeps what it asked for; an object that is refused
 * does not hold up the others, and is tried again. A thread of its own; what fails is the part
 * "manifests" of the report.
 */
#include "core/report/report.h"
#include "core/resource/resource.h"

struct manifests;

/* store and report borrowed, outlive it; dir is copied and may come to be later. Errors: KE_NOMEM,
 * KE_IO. */
enum ke_code manifests_new(struct resource_store *store, struct report *report, const char *dir,
                           struct manifests **out, struct ke_err *err) KE_MUST_CHECK;
enum ke_code manifests_start(struct manifests *self, struct ke_err *err) KE_MUST_CHECK;
/* Ends the thread. Before registry_stop, so that its last write is answered. */
void manifests_stop(struct manifests *self);
void manifests_free(struct manifests *self); /* NULL is fine */
KE_AUTO_DEFINE(manifests)

#endif
