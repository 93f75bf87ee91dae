/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of codes and the printing of metav1.Status. Pure.
 */
#include "core/api/status.h"

#include <errno.h>

struct status_row {
    unsigned http;
    enum api_details details;
    const char *reason;
    const char *message; /* fixed text; NULL: the error's own */
};

static const struct status_row rows[KE_CODE_COUNT] = {
    [KE_OK] = { 200, API_DETAILS_NONE, "", NULL },
    [KE_NOT_FOUND] = { 404, API_DETAILS_OF_MESSAGE, "NotFound", NULL },
    [KE_EXISTS] = { 409, API_DETAILS_OF_MESSAGE, "AlreadyExists", NULL },
    [KE_CONFLICT] = { 409, API_DETAILS_OF_MESSAGE, "Conflict", NULL },
    [KE_MALFORMED] = { 400, API_DETAILS_NONE, "BadRequest", NULL },
    [KE_INVALID] = { 422, API_DETAILS_OF_MESSAGE, "Invalid", NULL },
    [KE_TOO_LARGE] = { 413, API_DETAILS_NONE, "RequestEntityTooLarge", NULL },
    [KE_UNAUTHENTICATED] = { 401, API_DETAILS_NONE, "Unauthorized", "Unauthorized" },
    [KE_DENIED] = { 403, API_DETAILS_OF_MESSAGE, "Forbidden", NULL },
    [KE_METHOD] = { 405, API_DETAILS_EMPTY, "MethodNotAllowed",
                    "the server does not allow this method on the requested resource" },
    [KE_GONE] = { 410, API_DETAILS_NONE, "Expired", NULL },
    [KE_LIMIT] = { 429, API_DETAILS_EMPTY, "TooManyRequests", NULL },
    [KE_UNAVAILABLE] = { 503, API_DETAILS_NONE, "ServiceUnavailable", NULL },
    [KE_NOMEM] = { 503, API_DETAILS_NONE, "ServiceUnavailable", "out of memory" },
    [KE_TIMEOUT] = { 504, API_DETAILS_EMPTY, "Timeout", NULL },
    [KE_AGAIN] = { 500, API_DETAILS_NONE, "InternalError", "Internal error occurred" },
    [KE_CLOSED] = { 503, API_DETAILS_NONE, "ServiceUnavailable", NULL },
    [KE_IO] = { 500, API_DETAILS_NONE, "InternalError", "Internal error occurred" },
    [KE_BUG] = { 500, API_DETAILS_NONE, "InternalError", "Internal error occurred" },
};

unsigned api_status_http(enum ke_code code)
{
    return rows[code].http;
}

struct api_status api_status_from(enum ke_code code, const struct ke_err *err)
{
    const struct status_row *row = &rows[code];
    struct api_status status = {
        .http = row->http,
        .reason = row->reason,
        .details = row->details,
        .message = ke_str_c(row->message != NULL ? row->message : err->msg),
    };
    /* A full disk is for the user to mend, so it is the one I/O error told outside; and why a verb
     * is not served just now is told, when it is known. */
    if ((code == KE_IO && err->sys == ENOSPC) || (code == KE_METHOD && err->msg[0] != '\0')) {
        status.message = ke_str_c(err->msg);
    }
    if (code == KE_LIMIT) {
        status.retry_after_s = 1;
    }
    return status;
}

/*
 * `[Operation cannot be fulfilled on ]deployments.apps "x" ...` or `pods is forbidden: ...`: the
 * resource and group before the blank, the name in the quotes behind it.
 */
static void details_of_message(struct api_status *status)
{
    struct ke_str rest = status->message;
    (void)ke_str_cut_prefix(&rest, KE_STR("Operation cannot be fulfilled on "));
    struct ke_str what = ke_str_sub(rest, 0, ke_str_find(rest, ' '));
    struct ke_str behind = ke_str_sub(rest, what.len, rest.len - what.len);
    bool has_name = ke_str_cut_prefix(&behind, KE_STR(" \""));
    if (!has_name && !ke_str_has_prefix(behind, KE_STR(" is forbidden: "))) {
        return;
    }
    size_t dot = ke_str_find(what, '.');
    status->kind = ke_str_sub(what, 0, dot);
    if (dot < what.len) {
        status->group = ke_str_sub(what, dot + 1, what.len - dot - 1);
    }
    if (has_name) {
        status->name = ke_str_sub(behind, 0, ke_str_find(behind, '"'));
    }
}

struct members {
    struct ke_buf *out;
    bool has_any;
};

static void add_key(struct members *members, const char *key)
{
    ke_buf_addf(members->out, "%s\"%s\":", members->has_any ? "," : "", key);
    members->has_any = true;
}

static void add_member(struct members *members, const char *key, struct ke_str value)
{
    if (value.len > 0) {
        add_key(members, key);
        ke_buf_add_json_str(members->out, value);
    }
}

static void print_cause(struct ke_buf *out, struct ke_str reason, struct ke_str message,
                        struct ke_str field)
{
    struct members members = { .out = out };
    ke_buf_add_char(out, '{');
    add_member(&members, "reason", reason);
    add_member(&members, "message", message);
    add_member(&members, "field", field);
    ke_buf_add_char(out, '}');
}

static void print_causes(const struct api_status *status, struct members *members)
{
    size_t n_issues = status->issues != NULL ? status->issues->n_items : 0;
    if (n_issues + status->n_causes == 0) {
        return;
    }
    add_key(members, "causes");
    ke_buf_add_char(members->out, '[');
    for (size_t i = 0; i < n_issues; i++) {
        const struct model_issue *issue = &status->issues->items[i];
        ke_buf_add_c(members->out, i > 0 ? "," : "");
        print_cause(members->out, ke_str_c(model_issue_reason(issue->type)), issue->message,
                    issue->field);
    }
    for (size_t i = 0; i < status->n_causes; i++) {
        const struct api_cause *cause = &status->causes[i];
        ke_buf_add_c(members->out, n_issues + i > 0 ? "," : "");
        print_cause(members->out, cause->reason, cause->message, cause->field);
    }
    ke_buf_add_char(members->out, ']');
}

static void print_details(const struct api_status *status, struct ke_buf *out)
{
    struct api_status named = *status;
    if (named.details == API_DETAILS_OF_MESSAGE && named.kind.len == 0) {
        details_of_message(&named);
    }
    struct members members = { .out = out };
    ke_buf_add_c(out, ",\"details\":{");
    add_member(&members, "name", named.name);
    add_member(&members, "group", named.group);
    add_member(&members, "kind", named.kind);
    add_member(&members, "uid", named.uid);
    print_causes(&named, &members);
    if (named.retry_after_s > 0) {
        add_key(&members, "retryAfterSeconds");
        ke_buf_add_u64(out, named.retry_after_s);
    }
    ke_buf_add_char(out, '}');
}

void api_status_print(const struct api_status *status, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
    if (status->continue_token != NULL) {
        ke_buf_add_c(out, "\"continue\":");
        ke_buf_add_json_str(out, ke_str_c(status->continue_token));
    }
    ke_buf_addf(out, "},\"status\":\"%s\"", status->is_success ? "Success" : "Failure");
    struct members members = { .out = out, .has_any = true };
    add_member(&members, "message", status->message);
    add_member(&members, "reason", ke_str_c(status->reason));
    if (status->details != API_DETAILS_NONE || status->retry_after_s > 0 || status->n_causes > 0) {
        print_details(status, out);
    }
    /* A finished delete has details and no code. */
    if (!status->is_success || status->details == API_DETAILS_NONE) {
        ke_buf_addf(out, ",\"code\":%u", status->http);
    }
    ke_buf_add_char(out, '}');
}

void api_status_invalid_message(struct ke_str prefix, const struct model_issues *issues,
                                struct ke_buf *out)
{
    static const char marker[] = " is invalid";
    if (issues == NULL || issues->n_items == 0) {
        ke_buf_add_str(out, prefix);
        return;
    }
    const char *at =
        prefix.len > 0 ? memmem(prefix.ptr, prefix.len, marker, sizeof(marker) - 1) : NULL;
    if (at != NULL) {
        ke_buf_add(out, prefix.ptr, (size_t)(at - prefix.ptr) + sizeof(marker) - 1);
        ke_buf_add_c(out, ": ");
    }
    model_issues_format(issues, out);
}
