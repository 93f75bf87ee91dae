/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HOST_LEDGER_H
#define CORE_HOST_LEDGER_H
/*
 * What kedge changes on the host. Every change (sysctl, address, route, file, unit) is written to
 * the ledger with its old value, and fsynced, before it is made; undo walks it backwards. A change
 * that is recorded already is not recorded twice, so starting again changes nothing. What was there
 * before, made by somebody else, is neither recorded nor undone. Any thread (own mutex), several
 * processes (the file is locked a call): install may record while the agent runs.
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

/*
 * "net.ipv4.ip_forward" = "1"; with slashes where a part has dots. Nothing is recorded when it has
 * the value; undo puts the old one back unless somebody has set a third since. Errors:
 * KE_NOT_FOUND, KE_IO.
 */
enum ke_code host_set_sysctl(struct host_ledger *ledger, const char *name, const char *value,
                             struct ke_err *err) KE_MUST_CHECK;
/* Errors: KE_NOT_FOUND (no such link), KE_IO. */
enum ke_code host_add_address(struct host_ledger *ledger, const char *link,
                              const struct ke_cidr *address, struct ke_err *err) KE_MUST_CHECK;
/* Takes away one that host_add_address added; KE_OK without doing anything for others'. */
enum ke_code host_del_address(struct host_ledger *ledger, const char *link,
                              const struct ke_cidr *address, struct ke_err *err) KE_MUST_CHECK;
/* Unicast route to dst on link with src as preferred source. Errors: KE_NOT_FOUND (no such link),
 * KE_IO. */
enum ke_code host_add_route(struct host_ledger *ledger, const struct ke_cidr *dst, const char *link,
                            const struct ke_ip *src, struct ke_err *err) KE_MUST_CHECK;
/*
 * A file or folder about to be made: removed by undo, a folder with all that is in it. An existing
 * file is moved to PATH.kedge-old and put back; an existing folder is not ours and not recorded.
 * Absolute paths. Errors: KE_EXISTS (PATH.kedge-old is in the way), KE_INVALID, KE_IO.
 */
enum ke_code host_record_file(struct host_ledger *ledger, const char *path,
                              struct ke_err *err) KE_MUST_CHECK;
/* A command to run on undo, without a shell; argv ends with NULL. A program that is gone by then is
 * no failure, an exit status is. */
enum ke_code host_record_undo_command(struct host_ledger *ledger, const char *const *argv,
                                      struct ke_err *err) KE_MUST_CHECK;
/* Undoes everything, newest first; goes on after failures and returns the first: what failed stays
 * recorded. The file is removed when nothing is left. */
enum ke_code host_ledger_undo(struct host_ledger *ledger, struct ke_err *err) KE_MUST_CHECK;

/* Facts. */
/* Is there a route that covers dst (not the default route)? */
bool host_has_route(const struct ke_cidr *dst);
/* The node's address: source of the default route, else the first global one. Errors: KE_NOT_FOUND.
 */
enum ke_code host_default_address(enum ke_family family, struct ke_ip *out,
                                  struct ke_err *err) KE_MUST_CHECK;
/* The addresses of all links that are up, at most max; how many is returned. */
size_t host_addresses(struct ke_cidr *out, size_t max);
/* Who holds a port: "nginx (pid 123)", appended; false: nobody found. proto KE_PROTO_TCP or UDP. An
 * unspecified address (or none), asked for or held, meets every address. */
bool host_port_holder(enum ke_proto proto, const struct ke_endpoint *at, struct ke_buf *out);

#endif
