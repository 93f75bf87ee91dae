/* SPDX-License-Identifier: Apache-2.0 */
/* kedge version. */
#include "cmd/kedge/version.h"

#include <stdio.h>

#include "cmd/kedge/command.h"

int command_version(int argc, char **argv)
{
    struct command_args args = { .max_rest = 0 };
    struct ke_err err = KE_ERR_INIT;
    if (command_parse(argc, argv, NULL, 0, &args, &err) != KE_OK)
        return command_usage("version", &err);
    (void)printf("kedge %s (Kubernetes %s)\n", KEDGE_VERSION, KEDGE_KUBERNETES_VERSION);
    return EXIT_DONE;
}
