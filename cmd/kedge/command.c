/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the subcommands: options, messages, calls to the running agent. Main thread. */
#include "cmd/kedge/command.h"

#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/net/http/client.h"

#define SEND_TIMEOUT_MS 30000

static const struct command_option *find_option(const struct command_option *options,
                                                size_t n_options, struct ke_str name)
{
    for (size_t i = 0; i < n_options; i++) {
        if (ke_str_eq_c(name, options[i].name))
            return &options[i];
    }
    return NULL;
}

static enum ke_code parse_option(int argc, char **argv, int *i,
                                 const struct command_option *options, size_t n_options,
                                 struct ke_err *err)
{
    struct ke_str arg = ke_str_c(argv[*i]);
    size_t eq = ke_str_find(arg, '=');
    struct ke_str name = ke_str_sub(arg, 0, eq);
    const struct command_option *option = find_option(options, n_options, name);
    if (option == NULL)
        return ke_fail(err, KE_INVALID, "unknown option %.*s", KE_STR_ARG(name));
    if (option->value == NULL && eq < arg.len)
        return ke_fail(err, KE_INVALID, "%s takes no value", option->name);
    if (option->value != NULL && eq == arg.len && *i + 1 == argc)
        return ke_fail(err, KE_INVALID, "%s needs a value", option->name);
    if (option->is_set != NULL)
        *option->is_set = true;
    if (option->value != NULL)
        *option->value = eq < arg.len ? arg.ptr + eq + 1 : argv[++*i];
    return KE_OK;
}

enum ke_code command_parse(int argc, char **argv, const struct command_option *options,
                           size_t n_options, struct command_args *out, struct ke_err *err)
{
    KE_ASSERT(out->max_rest <= KE_ARRAY_LEN(out->rest));
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            enum ke_code rc = parse_option(argc, argv, &i, options, n_options, err);
            if (rc != KE_OK)
                return rc;
        } else if (out->n_rest == out->max_rest) {
            return ke_fail(err, KE_INVALID, "unexpected argument \"%s\"", argv[i]);
        } else {
            out->rest[out->n_rest++] = argv[i];
        }
    }
    return KE_OK;
}

int command_usage(const char *name, const struct ke_err *err)
{
    (void)fprintf(stderr, "kedge %s: %s\n", name, err->msg);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command_row *row = command_at(i);
        if (strcmp(row->name, name) == 0)
            (void)fprintf(stderr, "usage: kedge %s %s\n", name, row->usage);
    }
    return EXIT_USAGE;
}

int command_fail(const char *name, const struct ke_err *err)
{
    (void)fprintf(stderr, "kedge %s: %s\n", name, err->msg);
    return err->code == KE_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

void command_add_escaped(struct ke_buf *out, struct ke_str text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(plain, text.ptr[i], sizeof(plain) - 1) != NULL)
            ke_buf_add_char(out, text.ptr[i]);
        else
            ke_buf_addf(out, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
    }
}

static void socket_path(const char *run_dir, struct ke_buf *out)
{
    ke_buf_addf(out, "%s/kedge.sock", run_dir);
    ke_buf_add_char(out, '\0');
}

/* The message of a Status, or the text as it is. */
static enum ke_code fail_status(unsigned status, struct ke_str body, struct ke_err *err)
{
    ke_auto_json *json = NULL;
    struct ke_err ignored = KE_ERR_INIT;
    struct ke_str message = ke_str_trim(body);
    if (ke_json_parse(body, &json, &ignored) == KE_OK && ke_json_str(json, "message").len > 0)
        message = ke_json_str(json, "message");
    enum ke_code code = KE_IO;
    if (status == 404)
        code = KE_NOT_FOUND;
    else if (status == 400)
        code = KE_INVALID;
    else if (status == 409)
        code = KE_EXISTS;
    return ke_fail(err, code, "%.*s", KE_STR_ARG(message));
}

static enum ke_code explain_no_agent(const char *run_dir, enum ke_code rc, struct ke_err *err)
{
    if (rc == KE_UNAVAILABLE)
        return ke_fail(err, rc, "no agent answers on %s/kedge.sock: is kedge agent running?",
                       run_dir);
    return rc;
}

static enum ke_code call(const char *run_dir, const struct http_client_request *request,
                         int timeout_ms, struct ke_buf *out, struct ke_err *err)
{
    ke_auto_buf unix_path = KE_BUF_INIT(4096);
    socket_path(run_dir, &unix_path);
    enum ke_code rc = ke_buf_check(&unix_path, "socket path", err);
    if (rc != KE_OK)
        return rc;
    struct http_client_target target = { .unix_path = unix_path.ptr,
                                         .host = KE_STR("kedge"),
                                         .timeout_ms = timeout_ms };
    unsigned status = 0;
    rc = http_client_call(&target, request, &status, out, err);
    if (rc != KE_OK)
        return explain_no_agent(run_dir, rc, err);
    return status == 200 || status == 201 ? KE_OK : fail_status(status, ke_buf_str(out), err);
}

enum ke_code command_get(const char *run_dir, struct ke_str path, int timeout_ms,
                         struct ke_buf *out, struct ke_err *err)
{
    struct http_client_request request = { .method = KE_STR("GET"), .path = path };
    return call(run_dir, &request, timeout_ms, out, err);
}

enum ke_code command_post(const char *run_dir, struct ke_str path, int timeout_ms,
                          struct ke_buf *out, struct ke_err *err)
{
    struct http_client_request request = { .method = KE_STR("POST"), .path = path };
    return call(run_dir, &request, timeout_ms, out, err);
}

enum ke_code command_send(const char *run_dir, struct ke_str method, struct ke_str path,
                          struct ke_str body, struct ke_buf *out, struct ke_err *err)
{
    struct http_client_request request = { .method = method, .path = path, .body = body };
    if (body.len > 0)
        request.content_type = KE_STR("application/json");
    return call(run_dir, &request, SEND_TIMEOUT_MS, out, err);
}

static bool print_piece(void *ctx, struct ke_str piece)
{
    (void)ctx;
    return fwrite(piece.ptr, 1, piece.len, stdout) == piece.len && fflush(stdout) == 0;
}

enum ke_code command_stream(const char *run_dir, struct ke_str path, struct ke_err *err)
{
    ke_auto_buf unix_path = KE_BUF_INIT(4096);
    socket_path(run_dir, &unix_path);
    enum ke_code rc = ke_buf_check(&unix_path, "socket path", err);
    if (rc != KE_OK)
        return rc;
    struct http_client_target target = { .unix_path = unix_path.ptr,
                                         .host = KE_STR("kedge"),
                                         .timeout_ms = -1 };
    struct http_client_request request = { .method = KE_STR("GET"), .path = path };
    unsigned status = 0;
    rc = http_client_stream(&target, &request, &status, print_piece, NULL, err);
    if (rc != KE_OK)
        return explain_no_agent(run_dir, rc, err);
    return status == 200 ? KE_OK : ke_fail(err, KE_IO, "the agent answered %u", status);
}
