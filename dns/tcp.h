/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_TCP_H
#define DNS_TCP_H
/*
 * DNS over TCP (RFC 7766): length-prefixed messages, several at once on a connection, replies in
 * the order in which they are ready. Limits: clients a thread and of one address, time from one
 * whole message to the next, bytes waiting to be sent. The worker's thread.
 */
#include "dns/client.h"
#include "dns/worker.h"

struct dns_tcp *dns_tcp_new(struct dns_worker *worker);
void dns_tcp_free(struct dns_tcp *tcp); /* closes all connections; NULL is fine */
/* Takes over a listening socket: closes it at the end. */
bool dns_tcp_listen(struct dns_tcp *tcp, int fd) KE_MUST_CHECK;
/* A reply that was to come later (len 0: there is none after all), to the connection if it is still
 * there. Not from inside of dns_worker_handle. */
void dns_tcp_send(struct dns_tcp *tcp, uint64_t id, const uint8_t *bytes, size_t len);

#endif
