/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_FOLLOW_H
#define CORE_AUTH_FOLLOW_H
/*
 * Objects followed only when somebody asks: nothing happens on a change but that a counter grows,
 * before the write that made it is answered. Who is asked looks at the counter (one atomic load)
 * and, when it is behind, reads what came meanwhile. So the request after an answered write always
 * sees it, whichever loop it comes to, and no thread is needed. When the history has gone on too
 * far everything is listed again.
 */
#include "core/watch/hub.h"

struct auth_follow;

struct auth_follow_handler {
    /* Everything is listed anew: forget what was put before. */
    void (*reset)(void *ctx);
    bool (*put)(void *ctx, const struct registry_object *object); /* false: out of memory */
    void (*del)(void *ctx, const struct registry_object *object);
};

/* handler and ctx borrowed. NULL: out of memory. */
struct auth_follow *auth_follow_new(struct watch_hub *hub, const struct model_kind *const *kinds,
                                    size_t n_kinds, const struct auth_follow_handler *handler,
                                    void *ctx);
void auth_follow_free(struct auth_follow *follow); /* NULL is fine */
KE_AUTO_DEFINE(auth_follow)
/* Any thread. */
bool auth_follow_is_behind(const struct auth_follow *follow);
/*
 * One thread at a time: the caller holds the lock that guards what the handler changes. When it
 * fails follow stays behind. What the handler writes is seen by whoever sees follow no longer
 * behind. Errors: KE_NOMEM, and those of registry_list.
 */
enum ke_code auth_follow_catch_up(struct auth_follow *follow, struct ke_err *err) KE_MUST_CHECK;

#endif
