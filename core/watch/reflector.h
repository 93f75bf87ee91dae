/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_WATCH_REFLECTOR_H
#define CORE_WATCH_REFLECTOR_H
/*
 * List, then watch, for several kinds at once, on the caller's loop. When it is cut off it lists
 * again and delivers what was missed, deletes included. Objects stay referenced by the reflector
 * until deleted, so `object` is valid until the next event of the same key.
 */
#include "core/base/loop.h"
#include "core/watch/hub.h"

struct watch_reflector;

struct watch_handler {
    /* old NULL: new. */
    void (*on_put)(void *ctx, const struct registry_object *object,
                   const struct registry_object *old);
    void (*on_delete)(void *ctx, const struct registry_object *object);
    void (*on_synced)(void *ctx);                  /* once: all kinds were listed the first time */
    void (*on_batch)(void *ctx, int64_t revision); /* after each burst of events: everything up to
                                                      revision was delivered; may be NULL */
};

/* MODEL_CUSTOM among kinds stands for all custom kinds, also those that are yet to come.
 * Runs on loop's thread; all calls from there. handler and ctx borrowed. */
enum ke_code watch_reflector_new(struct watch_hub *hub, struct ke_loop *loop,
                                 const enum model_kind_id *kinds, size_t n_kinds,
                                 const struct watch_handler *handler, void *ctx,
                                 struct watch_reflector **out, struct ke_err *err) KE_MUST_CHECK;
/* Starts listing on the loop's next turn. */
void watch_reflector_start(struct watch_reflector *reflector);
void watch_reflector_free(struct watch_reflector *reflector);
KE_AUTO_DEFINE(watch_reflector)
bool watch_reflector_is_synced(const struct watch_reflector *reflector);
int64_t watch_reflector_revision(const struct watch_reflector *reflector);
/* Borrowed, or NULL. */
const struct registry_object *watch_reflector_get(const struct watch_reflector *reflector,
                                                  enum model_kind_id kind, struct ke_str ns,
                                                  struct ke_str name);
/* The same for any kind, custom ones included. */
const struct registry_object *watch_reflector_find(const struct watch_reflector *reflector,
                                                   const struct model_kind *kind, struct ke_str ns,
                                                   struct ke_str name);
/* By registry key, whatever the kind. */
const struct registry_object *watch_reflector_find_key(const struct watch_reflector *reflector,
                                                       struct ke_str key);
/* MODEL_CUSTOM: of all custom kinds. Walks the objects of a kind in no order: *pos from 0. NULL at
 * the end. */
const struct registry_object *watch_reflector_next(const struct watch_reflector *reflector,
                                                   enum model_kind_id kind, size_t *pos);

#endif
