/* SPDX-License-Identifier: Apache-2.0 */
/* The program: a word names the subcommand. Exit status 2 for wrong usage, 1 for failure. */
#include <stdio.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "core/base/attr.h"

static const struct command_row commands[] = {
    { "agent", command_agent, "[--config FILE] [--option VALUE ...]", "run in the foreground" },
    { "install", command_install, "[--option VALUE ...]",
      "set this node up and start the agent; options go to /etc/kedge/config.yaml" },
    { "uninstall", command_uninstall, "[--keep-data]",
      "take the node down and leave nothing behind" },
    { "status", command_status, "[-o json] [--run-dir DIR]", "say how this node is" },
    { "trace", command_trace,
      "http://HOST/PATH | NAME[.NS][:PORT] | IP:PORT [--from [NS/]POD] [-o json]",
      "follow one request and say what stops it" },
    { "plan", command_plan, "DIR [--proxy-mode MODE] [--option VALUE ...]",
      "print ruleset, DNS answers and routes for a folder of objects" },
    { "registry", command_registry, "ls [--recursive] PREFIX | get KEY | watch PREFIX | rekey",
      "look into the registry of the running agent" },
    { "token", command_token,
      "create [ID.SECRET] [--ttl 24h] [--description TEXT] [--groups GROUP,...] | list | "
      "delete ID|ID.SECRET",
      "tokens with which nodes ask for their certificate" },
    { "join", NULL, "", "" },
    { "certs", NULL, "", "" },
    { "migrate", NULL, "", "" },
    { "promote", NULL, "", "" },
    { "version", command_version, "", "print the version" },
    { "completion", command_completion, "bash", "print a shell completion script" },
};

const struct command_row *command_at(size_t i)
{
    return i < KE_ARRAY_LEN(commands) ? &commands[i] : NULL;
}

static void print_help(FILE *to)
{
    (void)fprintf(to, "kedge: the whole path of a Kubernetes service request in one process\n\n");
    for (size_t i = 0; i < KE_ARRAY_LEN(commands); i++) {
        if (commands[i].run != NULL)
            (void)fprintf(to, "  kedge %s %s\n      %s\n", commands[i].name, commands[i].usage,
                          commands[i].help);
    }
    (void)fprintf(to, "\nkedge agent --help lists the agent's options.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (commands[i].run != NULL)
            return commands[i].run(argc - 2, argv + 2);
        (void)fprintf(stderr, "kedge %s: not available in this version\n", argv[1]);
        return EXIT_USAGE;
    }
    (void)fprintf(stderr, "kedge: unknown command \"%s\" (see kedge --help)\n", argv[1]);
    return EXIT_USAGE;
}
