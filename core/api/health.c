/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health: /healthz and /livez say that the loops turn, /readyz that the process serves; with
 * ?verbose each part by name. ComponentStatuses are the same as objects. On the request's API loop.
 */
#include "core/api/options.h"
#include "core/api/read.h"
#include "core/api/server_impl.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define TEXT       "text/plain; charset=utf-8"
#define TEXT_BYTES 65536

struct check {
    bool is_ok;
    struct ke_buf *verbose;
    const struct api_query *query; /* exclude=NAME, each */
    uint64_t excluded;             /* by the place of the parameter */
    struct ke_str only;            /* the one check that is asked for; empty: all */
    bool is_found, is_only_ok;     /* of only */
};

static bool is_excluded(struct check *check, const char *name)
{
    bool is_named = false;
    for (size_t i = 0; i < check->query->n_params; i++) {
        const struct api_param *param = &check->query->params[i];
        if (ke_str_eq_c(param->key, "exclude") && ke_str_eq_c(param->value, name)) {
            check->excluded |= UINT64_C(1) << (i % 64);
            is_named = true;
        }
    }
    return is_named;
}

/* is_fatal: fails the whole. */
static void add_check(struct check *check, const char *name, bool is_ok, bool is_fatal,
                      struct ke_str why)
{
    if (ke_str_eq_c(check->only, name)) {
        check->is_found = true;
        check->is_only_ok = is_ok || !is_fatal;
    }
    if (is_excluded(check, name)) {
        ke_buf_addf(check->verbose, "[+]%s excluded: ok\n", name);
        return;
    }
    ke_buf_addf(check->verbose, "[%s]%s ", is_ok ? "+" : "-", name);
    if (is_ok) {
        ke_buf_add_c(check->verbose, "ok\n");
        return;
    }
    ke_buf_addf(check->verbose, "%s: %.*s\n", is_fatal ? "failed" : "degraded", KE_STR_ARG(why));
    check->is_ok = check->is_ok && !is_fatal;
}

/* As upstream: what was to be left out and is not there is told. */
static void add_unknown_excludes(struct check *check)
{
    const char *before = "warn: some health checks cannot be excluded: no matches for ";
    bool has_any = false;
    for (size_t i = 0; i < check->query->n_params; i++) {
        const struct api_param *param = &check->query->params[i];
        bool is_matched = (check->excluded & UINT64_C(1) << (i % 64)) != 0;
        if (ke_str_eq_c(param->key, "exclude") && param->value.len > 0 && !is_matched) {
            ke_buf_addf(check->verbose, "%s\"%.*s\"", before, KE_STR_ARG(param->value));
            before = ",";
            has_any = true;
        }
    }
    ke_buf_add_c(check->verbose, has_any ? "\n" : "");
}

static struct registry *registry_of(struct api_server *server)
{
    return watch_hub_registry(resource_store_hub(server->options.store));
}

/* Degraded parts are told, and do not make the node unready: the others go on serving. */
static void add_parts(struct check *check, struct report *report)
{
    const char *part = NULL;
    bool is_healthy = false;
    ke_auto_buf why = KE_BUF_INIT(TEXT_BYTES);
    for (size_t i = 0; report != NULL && report_part_at(report, i, &part, &is_healthy, &why); i++) {
        add_check(check, part, is_healthy, false, ke_buf_str(&why));
        ke_buf_clear(&why);
    }
}

static void add_readiness(struct check *check, struct api_server *server)
{
    struct ke_err err = KE_ERR_INIT;
    bool can_write = registry_health(registry_of(server), &err) == KE_OK;
    add_check(check, "registry", can_write, false, ke_str_c(err.msg));
    add_parts(check, server->options.report);
    if (server->options.hooks.is_ready != NULL) {
        ke_auto_buf why = KE_BUF_INIT(TEXT_BYTES);
        bool is_ready = server->options.hooks.is_ready(server->options.hooks.ctx, &why);
        add_check(check, "ready", is_ready, true, ke_buf_str(&why));
    }
}

/* /readyz/NAME: one check alone. */
static void respond_only(struct api_request *request, const struct check *check)
{
    if (!check->is_found) {
        api_respond_str(request, 404, TEXT, KE_STR("404 page not found\n"));
    } else if (check->is_only_ok) {
        api_respond_str(request, 200, TEXT, KE_STR("ok"));
    } else {
        struct ke_buf why = KE_BUF_INIT(TEXT_BYTES);
        ke_buf_addf(&why, "internal server error: %.*s failed\n", KE_STR_ARG(check->only));
        api_respond(request, 500, TEXT, &why);
    }
}

void api_handle_health(struct api_request *request)
{
    struct ke_buf verbose = KE_BUF_INIT(TEXT_BYTES);
    struct ke_str rest = ke_str_sub(request->target.path, 1, request->target.path.len - 1);
    struct ke_str name = { NULL, 0 };
    (void)ke_str_split(&rest, '/', &name);
    struct check check = {
        .is_ok = true, .verbose = &verbose, .query = &request->query, .only = rest
    };
    add_check(&check, "ping", true, true, KE_STR(""));
    if (ke_str_eq_c(name, "readyz")) {
        add_readiness(&check, request->server);
    }
    if (rest.len > 0) {
        ke_buf_free(&verbose);
        respond_only(request, &check);
        return;
    }
    add_unknown_excludes(&check);
    ke_buf_addf(&verbose, "%.*s check %s\n", KE_STR_ARG(name), check.is_ok ? "passed" : "failed");
    if (check.is_ok && api_query_get(&request->query, "verbose").ptr == NULL) {
        ke_buf_free(&verbose);
        api_respond_str(request, 200, TEXT, KE_STR("ok"));
        return;
    }
    api_respond(request, check.is_ok ? 200 : 500, TEXT, &verbose);
}

/* ---- ComponentStatus ---------------------------------------------------------------------------
 */

static bool add_component(cJSON *all, const char *name, bool is_healthy, struct ke_str why)
{
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || !cJSON_AddItemToArray(all, object)) {
        cJSON_Delete(object);
        return false;
    }
    cJSON *metadata = ke_json_need_object(object, "metadata");
    cJSON *conditions = ke_json_need_array(object, "conditions");
    cJSON *condition = cJSON_CreateObject();
    if (metadata == NULL || conditions == NULL || condition == NULL ||
        !cJSON_AddItemToArray(conditions, condition)) {
        cJSON_Delete(condition);
        return false;
    }
    return ke_json_set_str(object, "kind", KE_STR("ComponentStatus")) &&
           ke_json_set_str(object, "apiVersion", KE_STR("v1")) &&
           ke_json_set_str(metadata, "name", ke_str_c(name)) &&
           ke_json_set_str(condition, "type", KE_STR("Healthy")) &&
           ke_json_set_str(condition, "status", is_healthy ? KE_STR("True") : KE_STR("False")) &&
           ke_json_set_str(condition, "message", is_healthy ? KE_STR("ok") : why);
}

/* The registry and every part of this process that has reported. */
static cJSON *components(struct api_server *server)
{
    struct ke_err err = KE_ERR_INIT;
    const char *part = NULL;
    bool is_healthy = registry_health(registry_of(server), &err) == KE_OK;
    ke_auto_buf why = KE_BUF_INIT(TEXT_BYTES);
    ke_auto_json *all = cJSON_CreateArray();
    if (all == NULL || !add_component(all, "registry", is_healthy, ke_str_c(err.msg))) {
        return NULL;
    }
    struct report *report = server->options.report;
    for (size_t i = 0; report != NULL && report_part_at(report, i, &part, &is_healthy, &why); i++) {
        if (strcmp(part, "registry") != 0 &&
            !add_component(all, part, is_healthy, ke_buf_str(&why))) {
            return NULL;
        }
        ke_buf_clear(&why);
    }
    return KE_TAKE(all);
}

static enum ke_code list_components(struct api_request *request, struct resource_list *out,
                                    struct ke_err *err)
{
    ke_auto_json *all = components(request->server);
    size_t n = (size_t)cJSON_GetArraySize(all);
    struct registry_list list = { .revision = registry_revision(registry_of(request->server)) };
    list.objects = ke_alloc_n(n + 1, sizeof(struct registry_object *));
    if (all == NULL || list.objects == NULL) {
        free(list.objects);
        return ke_fail(err, KE_NOMEM, "component statuses");
    }
    const cJSON *item;
    enum ke_code rc = KE_OK;
    cJSON_ArrayForEach(item, all) {
        struct registry_object *object = NULL;
        rc = rc == KE_OK ? registry_object_new(request->kind, item, &object, err) : rc;
        if (object != NULL) {
            list.objects[list.n_objects++] = object;
        }
    }
    if (rc != KE_OK) {
        registry_list_free(&list);
        return rc;
    }
    *out = (struct resource_list){ .items = list, .n_remaining = -1 };
    return KE_OK;
}

/* Keeps what the selectors of the request want. False: they are refused. */
static bool select_components(struct api_request *request, struct resource_list *list)
{
    struct ke_err err;
    struct api_list_options options;
    struct model_issues issues;
    model_issues_init(&issues, request->arena);
    enum ke_code rc =
        api_list_options_parse(&request->query, request->kind, false, &options, &issues, &err);
    if (rc != KE_OK) {
        api_respond_invalid(request, rc, &err, &issues);
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < list->items.n_objects; i++) {
        struct registry_object *object = list->items.objects[i];
        if (model_selector_matches(options.labels, object->labels, object->n_labels) &&
            model_selector_matches(options.fields, object->fields, object->n_fields)) {
            list->items.objects[n++] = object;
        } else {
            registry_object_unref(object);
        }
    }
    list->items.n_objects = n;
    api_list_options_clear(&options);
    return true;
}

void api_handle_componentstatus(struct api_request *request)
{
    struct ke_err err;
    struct resource_list list = { .n_remaining = -1 };
    enum ke_code rc = list_components(request, &list, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    struct ke_str name = request->target.name;
    if (name.len == 0 && select_components(request, &list)) {
        api_respond_list(request, &list);
        return;
    }
    if (name.len == 0) {
        resource_list_free(&list);
        return;
    }
    for (size_t i = 0; i < list.items.n_objects; i++) {
        if (ke_str_eq(list.items.objects[i]->name, name)) {
            api_respond_object(request, 200, list.items.objects[i]);
            resource_list_free(&list);
            return;
        }
    }
    resource_list_free(&list);
    (void)ke_fail(&err, KE_NOT_FOUND, "componentstatuses \"%.*s\" not found", KE_STR_ARG(name));
    api_respond_error(request, KE_NOT_FOUND, &err);
}
