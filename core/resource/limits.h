/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_LIMITS_H
#define CORE_RESOURCE_LIMITS_H
/*
 * What a namespace allows: LimitRanges, one object at a time, and ResourceQuotas, all together.
 * Thread: the operation's. Failures are op's, in upstream's words.
 */
#include "core/model/kind.h"
#include "core/registry/registry.h"
#include "core/resource/limits_index.h"

struct operation;

/* The objects of a kind in the operation's namespace; contents of out to be freed. */
enum ke_code limits_list(struct operation *op, enum model_kind_id kind,
                         struct registry_list *out) KE_MUST_CHECK;

/* ---- limit_range.c */
/* A new pod gets what its containers leave out. Before prepare_create, which reads it. */
enum ke_code limit_range_default(struct operation *op, cJSON *pod) KE_MUST_CHECK;
/* A valid object: KE_DENIED when a LimitRange does not allow it. old NULL: create. */
enum ke_code limit_range_check(struct operation *op, const cJSON *object,
                               const cJSON *old) KE_MUST_CHECK;

/* ---- quota.c */
/*
 * Instead of operation_commit, for what is created, changed or deleted: when quotas of the
 * namespace count it, waits for the namespace's turn and commits it together with what the quotas
 * then have used. made given, NULL: delete; old borrowed, NULL: create.
 */
enum ke_code quota_commit(struct operation *op, int64_t expected, const struct registry_object *old,
                          struct registry_object *made) KE_MUST_CHECK;
/* The same, asked only (dry run). Both borrowed. */
enum ke_code quota_check(struct operation *op, const struct registry_object *old,
                         const struct registry_object *made) KE_MUST_CHECK;
/* The key by which writes of quotas, and those that are charged to them, take turns. */
enum ke_code quota_turn_key(struct operation *op, struct ke_str *out) KE_MUST_CHECK;
/* A quota changed under a commit (somebody else's registry): charged again. False: too often. */
bool quota_try_again(struct operation *op);
/* What the charge holds is let go; its turn is the caller's to leave. */
void quota_forget(struct operation *op);

#endif
