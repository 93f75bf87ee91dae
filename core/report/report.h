/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REPORT_REPORT_H
#define CORE_REPORT_REPORT_H
/*
 * Observations: how a part that may not write objects says something. Bounded and
 * deduplicated; a controller turns them into Events, node conditions and Ingress status. Degraded
 * parts are kept by name until they are healthy again: /readyz?verbose, `kedge status` and the Node
 * condition read them. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

struct report;

struct report *report_new(void);
void report_free(struct report *report);
KE_AUTO_DEFINE(report)

enum report_event_type { REPORT_NORMAL, REPORT_WARNING };
/* What an Event is about; borrowed texts. */
struct report_object {
    struct ke_str api_version, kind, ns, name;
};
/* Becomes an Event (same object+reason+message are counted). Texts are copied. */
void report_event(struct report *report, enum report_event_type type,
                  const struct report_object *about, const char *reason, struct ke_str message);
/* About a part of this process: "dns", "ingress.http", "proxy", "registry". The latest word counts;
 * message says what is wrong, or is empty. */
void report_part(struct report *report, const char *part, bool is_healthy, struct ke_str message);
/* Addresses an Ingress is served at on this node (status.loadBalancer); the controller writes it.
 */
void report_ingress_served(struct report *report, struct ke_str ns, struct ke_str name,
                           bool is_served);

struct report_item {
    enum { REPORT_ITEM_EVENT, REPORT_ITEM_INGRESS } what;
    enum report_event_type type;
    char *api_version, *kind, *ns, *name, *reason, *message;
    uint32_t count;
    bool is_served;
};
/* Takes the oldest, Ingresses before Events; false when empty. report_item_clear frees the texts
 * (of an Ingress only ns and name are set). wake is called (any thread) when the queue becomes
 * non-empty. */
bool report_take(struct report *report, struct report_item *out);
void report_item_clear(struct report_item *item);
void report_set_wake(struct report *report, void (*wake)(void *ctx), void *ctx);
/* i from 0: name and message (appended) of every part that has reported, healthy or not; false at
 * the end. The name lives as long as report. */
bool report_part_at(struct report *report, size_t i, const char **out_part, bool *out_is_healthy,
                    struct ke_buf *out_message);

#endif
