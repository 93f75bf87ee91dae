/* SPDX-License-Identifier: Apache-2.0 */
/* kedge trace: asks the running agent to follow one request, and prints the hops for people or as
 * JSON. */
#include <stdio.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "core/base/json.h"
#include "core/base/limits.h"

#define TRACE_TIMEOUT_MS 15000

static const char *outcome_mark(struct ke_str outcome)
{
    if (ke_str_eq_c(outcome, "pass"))
        return "ok  ";
    if (ke_str_eq_c(outcome, "stop"))
        return "STOP";
    return ke_str_eq_c(outcome, "note") ? "note" : "-   ";
}

static void print_hop(const cJSON *hop)
{
    struct ke_str phase = ke_json_str(hop, "phase");
    struct ke_str decision = ke_json_str(hop, "decision");
    (void)printf("%s %-8.*s %.*s\n", outcome_mark(ke_json_str(hop, "outcome")), KE_STR_ARG(phase),
                 KE_STR_ARG(decision));
    const cJSON *line = NULL;
    cJSON_ArrayForEach(line, ke_json_get(hop, "evidence")) {
        struct ke_str text = ke_json_value_str(line);
        (void)printf("                %.*s\n", KE_STR_ARG(text));
    }
}

static int print_trace(const cJSON *trace)
{
    const cJSON *hop = NULL;
    cJSON_ArrayForEach(hop, ke_json_get(trace, "hops")) {
        print_hop(hop);
    }
    const cJSON *verdict = ke_json_get(trace, "verdict");
    struct ke_str cause = ke_json_str(verdict, "cause");
    struct ke_str mend = ke_json_str(verdict, "mend");
    if (ke_json_bool(verdict, "reachable", false)) {
        (void)printf("\nreachable\n");
        return EXIT_DONE;
    }
    (void)printf("\nnot reachable: %.*s\n", KE_STR_ARG(cause));
    if (mend.len > 0)
        (void)printf("to mend it:    %.*s\n", KE_STR_ARG(mend));
    return EXIT_FAILED;
}

static int print_answer(struct ke_str text, bool is_json, struct ke_err *err)
{
    ke_auto_json *trace = NULL;
    if (ke_json_parse(text, &trace, err) != KE_OK)
        return command_fail("trace", err);
    if (!is_json)
        return print_trace(trace);
    ke_auto_buf pretty = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_json_print_pretty(trace, 2, &pretty);
    (void)printf("%.*s\n", KE_STR_ARG(ke_buf_str(&pretty)));
    return ke_json_bool(ke_json_get(trace, "verdict"), "reachable", false) ? EXIT_DONE
                                                                           : EXIT_FAILED;
}

int command_trace(int argc, char **argv)
{
    const char *run_dir = COMMAND_RUN_DIR;
    const char *from = NULL;
    const char *output = "";
    const struct command_option options[] = { { "--run-dir", &run_dir, NULL },
                                              { "--from", &from, NULL },
                                              { "-o", &output, NULL } };
    struct command_args args = { .max_rest = 1 };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = command_parse(argc, argv, options, KE_ARRAY_LEN(options), &args, &err);
    if (rc == KE_OK && args.n_rest != 1)
        rc = ke_fail(&err, KE_INVALID, "a TARGET is needed");
    if (rc == KE_OK && output[0] != '\0' && strcmp(output, "json") != 0)
        rc = ke_fail(&err, KE_INVALID, "-o: \"%s\": must be json", output);
    if (rc != KE_OK)
        return command_usage("trace", &err);
    ke_auto_buf path = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
    ke_auto_buf answer = KE_BUF_INIT(LIMIT_FILE_BYTES);
    ke_buf_add_c(&path, "/kedge/v1/trace?target=");
    command_add_escaped(&path, ke_str_c(args.rest[0]));
    if (from != NULL) {
        ke_buf_add_c(&path, "&from=");
        command_add_escaped(&path, ke_str_c(from));
    }
    rc = ke_buf_check(&path, "target", &err);
    if (rc == KE_OK)
        rc = command_get(run_dir, ke_buf_str(&path), TRACE_TIMEOUT_MS, &answer, &err);
    if (rc != KE_OK)
        return command_fail("trace", &err);
    return print_answer(ke_buf_str(&answer), output[0] != '\0', &err);
}
