/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_DERIVE_H
#define CORE_ENDPOINT_DERIVE_H
/*
 * The derive thread: a reflector of Services, EndpointSlices, Namespaces and the own Node feeds the
 * builder, which publishes table records. start/stop own the thread.
 */
#include "core/endpoint/table.h"
#include "core/watch/hub.h"

struct endpoint_derive;

/*
 * hub: borrowed, must outlive it. The table is there from new on, for consumers to be made; it is
 * synced once the thread has listed everything. stop joins the thread and ends all awaits. free,
 * after stop and after all consumers were freed, frees the table too.
 * Errors: KE_NOMEM, KE_IO.
 */
enum ke_code endpoint_derive_new(struct watch_hub *hub, struct ke_str node_name,
                                 struct endpoint_derive **out, struct ke_err *err) KE_MUST_CHECK;
enum ke_code endpoint_derive_start(struct endpoint_derive *derive,
                                   struct ke_err *err) KE_MUST_CHECK;
void endpoint_derive_stop(struct endpoint_derive *derive);
void endpoint_derive_free(struct endpoint_derive *derive);
struct endpoint_table *endpoint_derive_table(struct endpoint_derive *derive);

/*
 * Without a registry or thread: a table made from whole objects (kedge plan, golden tests, unit
 * tests of consumers). The calling thread is the writer.
 */
struct endpoint_table *endpoint_table_new(struct ke_str node_name, struct ke_err *err);
void endpoint_table_free(struct endpoint_table *table);
/* object: Service, EndpointSlice, Namespace or Node; replaces the one of the same name; false: out
 * of memory. */
bool endpoint_table_put_object(struct endpoint_table *table, enum model_kind_id kind,
                               const cJSON *object) KE_MUST_CHECK;
bool endpoint_table_delete_object(struct endpoint_table *table, enum model_kind_id kind,
                                  struct ke_str ns, struct ke_str name) KE_MUST_CHECK;
/* Publishes what was put since; the first call marks the table synced. revision: what the objects
 * correspond to. */
void endpoint_table_publish(struct endpoint_table *table, int64_t revision);

#endif
