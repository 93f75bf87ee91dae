/* SPDX-License-Identifier: Apache-2.0 */
/* kedge completion bash: words of the commands and of the agent's options, from their tables. */
#include <stdio.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "cmd/kedge/options.h"

int command_completion(int argc, char **argv)
{
    struct command_args args = { .max_rest = 1 };
    struct ke_err err = KE_ERR_INIT;
    if (command_parse(argc, argv, NULL, 0, &args, &err) != KE_OK)
        return command_usage("completion", &err);
    if (args.n_rest != 1 || strcmp(args.rest[0], "bash") != 0) {
        (void)ke_fail(&err, KE_INVALID, "the shell must be bash");
        return command_usage("completion", &err);
    }
    (void)printf("_kedge() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n"
                 "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; command_at(i) != NULL; i++) {
        if (command_at(i)->run != NULL)
            (void)printf("%s ", command_at(i)->name);
    }
    (void)printf("\" -- \"$cur\"))\n  elif [ \"${COMP_WORDS[1]}\" = agent ] || "
                 "[ \"${COMP_WORDS[1]}\" = install ]; then\n    COMPREPLY=($(compgen -W \"");
    agent_options_list(stdout);
    (void)printf("\" -- \"$cur\"))\n  fi\n}\ncomplete -o default -F _kedge kedge\n");
    return EXIT_DONE;
}
