/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_METADATA_H
#define CORE_RESOURCE_METADATA_H
/*
 * The part of metadata that the server owns: who sets uid, timestamps, generation and finalizers,
 * and what a client cannot change. Pure, on objects of the stored version; bool results are false
 * when out of memory.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/model/kind.h"

#define METADATA_ORPHAN     "orphan"
#define METADATA_FOREGROUND "foregroundDeletion"

/* Drops what only the server says and puts in uid, creationTimestamp, namespace and generation. */
bool metadata_prepare_create(const struct model_kind *kind, cJSON *object, struct ke_str ns,
                             struct ke_str now) KE_MUST_CHECK;
/* Keeps what an update cannot change as old has it; generation and resourceVersion included. */
bool metadata_prepare_update(const struct model_kind *kind, cJSON *object,
                             const cJSON *old) KE_MUST_CHECK;
/* Does anything but metadata and status differ? */
bool metadata_spec_differs(const cJSON *object, const cJSON *old);
/* generation + 1, where the object has one. */
bool metadata_bump_generation(cJSON *object) KE_MUST_CHECK;

bool metadata_is_deleting(const cJSON *object);
bool metadata_has_finalizer(const cJSON *object, const char *name);
size_t metadata_n_finalizers(const cJSON *object);
/* Sets, replaces or takes away the two finalizers that garbage collection reads; name NULL: none.
 */
bool metadata_set_gc_finalizer(cJSON *object, const char *name) KE_MUST_CHECK;
/* deletionTimestamp and deletionGracePeriodSeconds; generation + 1 the first time. */
bool metadata_mark_deleted(cJSON *object, struct ke_str when, int64_t grace_s) KE_MUST_CHECK;

#endif
