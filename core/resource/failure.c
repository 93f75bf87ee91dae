/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a failed write says: the messages and details of upstream's Status errors
 * (apimachinery pkg/api/errors), written once. Thread: the operation's.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/resource/operation.h"

#define MESSAGE_MAX (64U << 10)

static const char out_of_memory[] = "out of memory";

static void set_message(struct operation *op, const struct ke_buf *text)
{
    op->message = text->failed == KE_OK ? ke_arena_str(op->arena, ke_buf_str(text))
                                        : (struct ke_str){ NULL, 0 };
    if (op->message.ptr == NULL)
        op->message = KE_STR(out_of_memory);
}

static void set_details(struct operation *op, struct ke_str name, const char *kind)
{
    op->detail_name = ke_arena_str(op->arena, name);
    op->detail_group = ke_str_c(op->kind->versions[0].group);
    op->detail_kind = ke_str_c(kind);
}

/* "deployments.apps", "Deployment.apps", "configmaps" */
static void add_qualified(struct ke_buf *out, const struct model_kind *kind, const char *what)
{
    ke_buf_add_c(out, what);
    if (kind->versions[0].group[0] != '\0')
        ke_buf_addf(out, ".%s", kind->versions[0].group);
}

enum ke_code operation_fail(struct operation *op, enum ke_code code, const char *fmt, ...)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    set_message(op, &text);
    return code;
}

enum ke_code operation_fail_explained(struct operation *op, const char *fmt, ...)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    set_message(op, &text);
    op->is_explained = true;
    return KE_BUG;
}

enum ke_code operation_fail_nomem(struct operation *op)
{
    op->message = KE_STR(out_of_memory);
    return KE_NOMEM;
}

enum ke_code operation_fail_err(struct operation *op, const struct ke_err *err)
{
    op->sys = err->sys;
    return operation_fail(op, err->code, "%s", err->msg);
}

enum ke_code operation_fail_not_found(struct operation *op, const struct model_kind *kind,
                                      struct ke_str name)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    add_qualified(&text, kind, kind->plural);
    ke_buf_addf(&text, " \"%.*s\" not found", KE_STR_ARG(name));
    set_message(op, &text);
    op->detail_name = ke_arena_str(op->arena, name);
    op->detail_group = ke_str_c(kind->versions[0].group);
    op->detail_kind = ke_str_c(kind->plural);
    return KE_NOT_FOUND;
}

enum ke_code operation_fail_exists(struct operation *op, struct ke_str name, bool is_deleting)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    if (is_deleting)
        ke_buf_add_c(&text, "object is being deleted: ");
    add_qualified(&text, op->kind, op->kind->plural);
    ke_buf_addf(&text, " \"%.*s\" already exists", KE_STR_ARG(name));
    if (op->is_name_generated)
        ke_buf_add_c(&text, ", the server was not able to generate a unique name for the object");
    set_message(op, &text);
    set_details(op, name, op->kind->plural);
    return KE_EXISTS;
}

enum ke_code operation_fail_conflict(struct operation *op, const char *fmt, ...)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    ke_buf_add_c(&text, "Operation cannot be fulfilled on ");
    add_qualified(&text, op->kind, op->kind->plural);
    ke_buf_addf(&text, " \"%.*s\": ", KE_STR_ARG(op->request.name));
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    set_message(op, &text);
    set_details(op, op->request.name, op->kind->plural);
    return KE_CONFLICT;
}

enum ke_code operation_fail_modified(struct operation *op)
{
    return operation_fail_conflict(op, "the object has been modified; please apply your changes to "
                                       "the latest version and try again");
}

enum ke_code operation_fail_forbidden(struct operation *op, struct ke_str name, const char *fmt,
                                      ...)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    add_qualified(&text, op->kind, op->kind->plural);
    ke_buf_addf(&text, " \"%.*s\" is forbidden: ", KE_STR_ARG(name));
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    set_message(op, &text);
    set_details(op, name, op->kind->plural);
    return KE_DENIED;
}

enum ke_code operation_fail_invalid_kind(struct operation *op, const struct model_kind *kind,
                                         struct ke_str name)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    add_qualified(&text, kind, kind->kind);
    ke_buf_addf(&text, " \"%.*s\" is invalid: ", KE_STR_ARG(name));
    model_issues_format(&op->issues, &text);
    set_message(op, &text);
    op->detail_name = ke_arena_str(op->arena, name);
    op->detail_group = ke_str_c(kind->versions[0].group);
    op->detail_kind = ke_str_c(kind->kind);
    op->has_issues = true;
    return KE_INVALID;
}

enum ke_code operation_fail_invalid(struct operation *op, struct ke_str name)
{
    return operation_fail_invalid_kind(op, op->kind, name);
}

void operation_warn(struct operation *op, struct ke_str text)
{
    if (op->n_attempts == 0 && op->n_warnings < LIMIT_WARNINGS)
        op->warnings[op->n_warnings++] = text;
}

void operation_warn_lines(struct operation *op, struct ke_str lines)
{
    struct ke_str line = { NULL, 0 };
    while (lines.len > 0 && ke_str_split(&lines, '\n', &line))
        operation_warn(op, ke_str_trim(line));
}

void operation_issue(struct operation *op, enum model_issue_type type, const char *field,
                     const char *fmt, ...)
{
    ke_auto_buf text = KE_BUF_INIT(MESSAGE_MAX);
    va_list ap;
    va_start(ap, fmt);
    ke_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    struct ke_str message = KE_STR(out_of_memory);
    if (text.failed == KE_OK) {
        struct ke_str copy = ke_arena_str(op->arena, ke_buf_str(&text));
        if (copy.ptr != NULL)
            message = copy;
    }
    model_issues_add(&op->issues, type, ke_arena_str(op->arena, ke_str_c(field)), message);
}
