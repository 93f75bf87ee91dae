/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_WATCH_HUB_H
#define CORE_WATCH_HUB_H
/*
 * The watch stream. The hub is the registry's observer: it wakes the streams that a change
 * concerns. The log that all streams share is the registry's history. A stream is one subscriber: a
 * position in that log, never a queue of its own, so a slow reader costs nothing and never delays a
 * commit; when its position falls off the log it is cut off (KE_GONE) and must list again.
 */
#include <stdint.h>

#include "core/registry/registry.h"

struct watch_hub;
struct watch_stream;

/* registry borrowed, must outlive the hub; registers itself as its observer. NULL: err. */
struct watch_hub *watch_hub_new(struct registry *registry, struct ke_err *err);
void watch_hub_free(struct watch_hub *hub); /* all streams closed before */
KE_AUTO_DEFINE(watch_hub)
struct registry *watch_hub_registry(struct watch_hub *hub);

/* Called on the registry's writer thread when there is something new for a stream that had been
 * read empty; must only wake (ke_loop_post, eventfd): not call the stream. */
typedef void watch_wake_fn(void *ctx);

/*
 * Changes under prefix (core/registry/registry.h) with revision > after; an after in the future
 * waits. Read it until KE_AGAIN: the first wake comes after that. Errors: KE_GONE, KE_NOMEM.
 */
enum ke_code watch_stream_open(struct watch_hub *hub, struct ke_str prefix, int64_t after,
                               watch_wake_fn *wake, void *ctx, struct watch_stream **out,
                               struct ke_err *err) KE_MUST_CHECK;
/* The same for several prefixes at once, that do not overlap: their changes come in one order. */
struct watch_stream_spec {
    const struct ke_str *prefixes; /* borrowed during the call */
    size_t n_prefixes;
    int64_t after;
    watch_wake_fn *wake;
    void *ctx;
};
enum ke_code watch_stream_open_spec(struct watch_hub *hub, const struct watch_stream_spec *spec,
                                    struct watch_stream **out, struct ke_err *err) KE_MUST_CHECK;
/* Not from its own wake. */
void watch_stream_close(struct watch_stream *stream); /* NULL is fine; no wake after it returns */

struct watch_event {
    enum registry_change_type type;
    int64_t revision;
    struct registry_object *object;   /* referenced: unref both (watch_event_clear) */
    struct registry_object *previous; /* NULL: it did not exist */
};
void watch_event_clear(struct watch_event *event);
/* Errors: KE_AGAIN nothing now (a wake will come; err is not set), KE_GONE cut off. One thread a
 * stream. */
enum ke_code watch_stream_next(struct watch_stream *stream, struct watch_event *out,
                               struct ke_err *err) KE_MUST_CHECK;
/* Everything up to this revision has been delivered (bookmarks). */
int64_t watch_stream_revision(const struct watch_stream *stream);

#endif
