/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Status of the error stream. Pure; any thread.
 */
#include "core/api/stream/status.h"

static void add_message(const struct stream_verdict *verdict, struct ke_buf *out)
{
    if (verdict->is_failure) {
        ke_buf_addf(out, "Internal error occurred: %s", verdict->message);
    } else {
        ke_buf_addf(out, "command terminated with non-zero exit code: exit status %d",
                    verdict->exit_code);
    }
}

void stream_verdict_print(const struct stream_verdict *verdict, bool is_json, struct ke_buf *out)
{
    char memory[1024];
    struct ke_buf message = KE_BUF_FIXED(memory, sizeof(memory));
    bool is_success = !verdict->is_failure && verdict->exit_code == 0;
    if (!is_success) {
        add_message(verdict, &message);
    }
    if (!is_json) {
        ke_buf_add_str(out, ke_buf_str(&message));
        return;
    }
    if (is_success) {
        ke_buf_add_c(out, "{\"metadata\":{},\"status\":\"Success\"}");
        return;
    }
    ke_buf_add_c(out, "{\"metadata\":{},\"status\":\"Failure\",\"message\":");
    ke_buf_add_json_str(out, ke_buf_str(&message));
    if (verdict->is_failure) {
        ke_buf_add_c(out, ",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":");
        ke_buf_add_json_str(out, ke_str_c(verdict->message));
        ke_buf_add_c(out, "}]},\"code\":500}");
    } else {
        ke_buf_addf(out,
                    ",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":"
                    "\"ExitCode\",\"message\":\"%d\"}]}}",
                    verdict->exit_code);
    }
}
