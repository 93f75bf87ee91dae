/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HOST_LEDGER_H
#define CORE_HOST_LEDGER_H
/*
 * What kedge changes on the host. Every change (sysctl, address, route, file, unit) is written to
 * the ledger with its old value, and fsynced, before it is made; undo walks it backwards. A change
 * that is recorded already is not recorded twice, so starting again changes nothing. One thread at
 * a time (own mutex).
 */
#include <stdbool.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"

struct host_ledger;

/* path: DATA-DIR/host.ledger, JSON lines; made when missing. Errors: KE_IO, KE_MALFORMED. */
enum ke_code host_ledger_open(const char *path, struct host_ledger **out,
                              struct ke_err *err) KE_MUST_CHECK;
void host_ledger_close(struct host_ledger *ledger);

/* "net.ipv4.ip_forward" = "1". */
enum ke_code host_set_sysctl(struct host_ledger *ledger, const char *name, const char *value,
                             struct ke_err *err) KE_MUST_CHECK;
enum ke_code host_add_address(struct host_ledger *ledger, const char *link,
                              const struct ke_cidr *address, struct ke_err *err) KE_MUST_CHECK;
enum ke_code host_del_address(struct host_ledger *ledger, const char *link,
                              const struct ke_cidr *address, struct ke_err *err) KE_MUST_CHECK;
/* Unicast route to dst on link with src as preferred source. */
enum ke_code host_add_route(struct host_ledger *ledger, const struct ke_cidr *dst, const char *link,
                            const struct ke_ip *src, struct ke_err *err) KE_MUST_CHECK;
/* A file or folder made by install: removed by undo; an existing one is kept as PATH.kedge-old and
 * put back. */
enum ke_code host_record_file(struct host_ledger *ledger, const char *path,
                              struct ke_err *err) KE_MUST_CHECK;
/* A shell-free command to run on undo: argv as one JSON array. */
enum ke_code host_record_undo_command(struct host_ledger *ledger, const char *const *argv,
                                      struct ke_err *err) KE_MUST_CHECK;
/* Undoes everything, newest first; goes on after failures and returns the first. */
enum ke_code host_ledger_undo(struct host_ledger *ledger, struct ke_err *err) KE_MUST_CHECK;

/* Facts. */
/* Is there a route that covers dst (not the default route)? */
bool host_has_route(const struct ke_cidr *dst);
/* The node's address: source of the default route, else the first global one. Errors: KE_NOT_FOUND.
 */
enum ke_code host_default_address(enum ke_family family, struct ke_ip *out,
                                  struct ke_err *err) KE_MUST_CHECK;
/* All addresses of all links, at most max. */
size_t host_addresses(struct ke_cidr *out, size_t max);
/* Who holds a port: "nginx (pid 123)"; false: nobody found. proto KE_PROTO_TCP or UDP. */
bool host_port_holder(enum ke_proto proto, const struct ke_endpoint *at, struct ke_buf *out);

#endif
