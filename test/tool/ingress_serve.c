/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ingress router alone, for benches: tool_ingress_serve BACKEND-PORT routes every host to
 * 127.0.0.1:BACKEND-PORT with one serving thread, prints the port it listens on, and ends with its
 * standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/snap.h"
#include "test/support/ingress_world.h"

int main(int argc, char **argv)
{
    uint64_t number = 0;
    char byte = 0;
    struct ingress_world world;
    if (argc != 2 || !ke_str_to_u64(ke_str_c(argv[1]), UINT16_MAX, &number)) {
        (void)fprintf(stderr, "usage: %s BACKEND-PORT\n", argv[0]);
        return EXIT_FAILURE;
    }
    const uint16_t port = (uint16_t)number;
    ingress_world_make(&world, NULL, false);
    ingress_world_service(&world, "bench", &port, 1);
    ingress_world_route(&world, "bench", "bench.example", "bench");
    (void)printf("%u\n", world.http_port);
    (void)fflush(stdout);
    ke_snap_offline();
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    ke_snap_online();
    ingress_world_end(&world);
    return EXIT_SUCCESS;
}
