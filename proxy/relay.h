/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H
/*
 * Relays of loopback clients to backends: two sockets, bytes both ways, half-closes passed on. Each
 * tries a few backends in turn. Lives on one loop; their number is capped.
 */
#include "core/base/list.h"
#include "core/base/loop.h"
#include "core/endpoint/table.h"

struct relays {
    struct ke_loop *loop;
    struct ke_list all;
    size_t n;
};

void relays_init(struct relays *relays, struct ke_loop *loop);
void relays_deinit(struct relays *relays); /* closes all */
/* client: given; closed at once when the cap is reached or nothing answers. targets: copied. */
void relays_start(struct relays *relays, int client, const struct ke_endpoint *targets, size_t n);

#endif
