/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets on node ports. */
#include "proxy/node_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/host/ledger.h"
#include "proxy/relay.h"

#define CANDIDATES_MAX 4

struct holder {
    struct node_ports *ports;
    enum ke_family family;
    enum ke_proto proto;
    uint16_t port;
    int fd; /* -1: somebody else has it */
    struct ke_loop_fd *watch;
};

struct node_ports {
    struct ke_loop *loop;
    struct endpoint_table *table;
    struct report *report;
    struct ke_map *holders; /* family, protocol, port */
    struct relays relays;
    size_t n_taken; /* by other programs */
};

struct node_ports *node_ports_new(struct ke_loop *loop, struct endpoint_table *table,
                                  struct report *report)
{
    struct node_ports *ports = ke_alloc(sizeof(*ports));
    if (ports == NULL)
        return NULL;
    *ports = (struct node_ports){ .loop = loop, .table = table, .report = report };
    relays_init(&ports->relays, loop);
    ports->holders = ke_map_new();
    if (ports->holders == NULL) {
        free(ports);
        return NULL;
    }
    return ports;
}

static void release(struct holder *holder)
{
    ke_loop_fd_del(holder->watch);
    if (holder->fd >= 0)
        (void)close(holder->fd);
    else
        holder->ports->n_taken--;
    free(holder);
}

void node_ports_free(struct node_ports *ports)
{
    if (ports == NULL)
        return;
    size_t pos = 0;
    struct ke_str key;
    void *holder = NULL;
    while (ke_map_next(ports->holders, &pos, &key, &holder))
        release(holder);
    ke_map_free(ports->holders);
    relays_deinit(&ports->relays);
    free(ports);
}

/* ---- connections ---- */

/* A few backends in random order; the first always the same with affinity: the client is. */
static size_t choose_targets(const struct holder *holder, struct ke_endpoint *out)
{
    const struct endpoint_port *port = NULL;
    size_t n = 0;
    ke_snap_read_begin();
    const struct endpoint_service *service = endpoint_table_find_node_port(
        holder->ports->table, holder->family, holder->proto, holder->port, &port);
    if (service != NULL && port->n_cluster > 0) {
        uint32_t start = service->has_client_ip_affinity ? 0 : ke_rand_below(port->n_cluster);
        for (; n < port->n_cluster && n < CANDIDATES_MAX; n++) {
            const struct endpoint_backend *backend =
                &port->backends[port->cluster[(start + n) % port->n_cluster]];
            out[n] = (struct ke_endpoint){ .ip = backend->ip, .port = backend->port };
        }
    }
    ke_snap_read_end();
    return n;
}

static bool is_loopback(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    struct ke_endpoint at;
    return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
           ke_endpoint_from_sockaddr(&address, &at) && ke_ip_is_loopback(&at.ip);
}

static void on_connection(void *ctx, uint32_t events)
{
    struct holder *holder = ctx;
    (void)events;
    for (int i = 0; i < LIMIT_PROXY_ACCEPTS; i++) {
        int client = accept4(holder->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0)
            return;
        struct ke_endpoint targets[CANDIDATES_MAX];
        size_t n = is_loopback(client) ? choose_targets(holder, targets) : 0;
        if (n == 0) { /* refused, not ended */
            struct linger reset = { .l_onoff = 1 };
            (void)setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
        relays_start(&holder->ports->relays, client, targets, n);
    }
}

/* ---- holding ---- */

static int open_socket(const struct holder *holder)
{
    int one = 1;
    bool is_v6 = holder->family == KE_FAMILY_IPV6;
    bool is_tcp = holder->proto == KE_PROTO_TCP;
    struct ke_endpoint any = { .ip.family = holder->family, .port = holder->port };
    struct sockaddr_storage address;
    socklen_t len = ke_endpoint_to_sockaddr(&any, &address);
    int type = (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(address.ss_family, type, 0);
    if (fd < 0)
        return -1;
    if (is_tcp)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (is_v6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && (!is_tcp || listen(fd, 128) == 0))
        return fd;
    int sys = errno;
    (void)close(fd);
    errno = sys;
    return -1;
}

static void tell_taken(const struct holder *holder, int sys)
{
    ke_auto_buf message = KE_BUF_INIT(1024);
    ke_auto_buf name = KE_BUF_INIT(512);
    struct ke_endpoint at = { .ip.family = holder->family, .port = holder->port };
    ke_buf_addf(&message, "%s node port %u ", ke_proto_name(holder->proto), holder->port);
    if (sys == EADDRINUSE && host_port_holder(holder->proto, &at, &name))
        ke_buf_addf(&message, "is held by %.*s", KE_STR_ARG(ke_buf_str(&name)));
    else
        ke_buf_addf(&message, "cannot be held (errno %d)", sys);
    ke_log(KE_LOG_WARN, "proxy.node_port_taken", KV_U("port", holder->port),
           KV_S("err", ke_buf_str(&message)),
           KV_C("next", "served by the rules; clients on this node reach the other program"));
    report_part(holder->ports->report, "proxy.nodeports", false, ke_buf_str(&message));
}

static struct ke_str key_of(const struct proxy_front *front, char memory[8])
{
    memory[0] = (char)front->ip.family;
    memory[1] = (char)front->proto;
    memory[2] = (char)(front->port >> 8);
    memory[3] = (char)(front->port & 0xff);
    return ke_str_of(memory, 4);
}

static void hold(struct node_ports *ports, const struct proxy_front *front)
{
    char memory[8];
    struct ke_str key = key_of(front, memory);
    if (front->proto == KE_PROTO_SCTP || ke_map_get(ports->holders, key) != NULL)
        return;
    struct holder *holder = ke_alloc(sizeof(*holder));
    if (holder == NULL || !ke_map_set(ports->holders, key, holder, NULL)) {
        free(holder);
        return;
    }
    *holder = (struct holder){
        .ports = ports, .family = front->ip.family, .proto = front->proto, .port = front->port
    };
    holder->fd = open_socket(holder);
    if (holder->fd < 0) {
        ports->n_taken++;
        tell_taken(holder, errno);
        return;
    }
    if (front->proto == KE_PROTO_TCP)
        holder->watch = ke_loop_fd_add(ports->loop, holder->fd, EPOLLIN, on_connection, holder);
}

void node_ports_change(struct node_ports *ports, const struct proxy_change *changes, size_t n)
{
    char memory[8];
    size_t n_taken = ports->n_taken;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t j = 0; changes[i].old != NULL && j < changes[i].old->n_fronts; j++) {
            const struct proxy_front *front = &changes[i].old->fronts[j];
            bool stays = false;
            for (uint32_t k = 0; changes[i].new != NULL &&k < changes[i].new->n_fronts; k++)
                stays = stays ||
                        (changes[i].new->fronts[k].kind ==
                         PROXY_NODE_PORT &&changes[i].new->fronts[k].port ==
                         front->port &&changes[i].new->fronts[k].proto ==
                         front->proto &&changes[i].new->fronts[k].ip.family == front->ip.family);
            struct holder *holder = front->kind == PROXY_NODE_PORT && !stays
                                        ? ke_map_del(ports->holders, key_of(front, memory))
                                        : NULL;
            if (holder != NULL)
                release(holder);
        }
    }
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; changes[i].new != NULL &&j < changes[i].new->n_fronts; j++)
            if (changes[i].new->fronts[j].kind == PROXY_NODE_PORT)
                hold(ports, &changes[i].new->fronts[j]);
    if (n_taken > 0 && ports->n_taken == 0)
        report_part(ports->report, "proxy.nodeports", true, KE_STR(""));
}
