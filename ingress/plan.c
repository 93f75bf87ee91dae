/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of a folder of objects as text. Pure. */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/mem.h"
#include "ingress/explain.h"
#include "ingress/routes.h"

#define VIEW_BYTES (256U << 20)

struct plan {
    const cJSON *const *objects;
    size_t n_objects;
    struct ke_arena *arena;
    const struct model_ingress **ingresses;
    const struct model_ingress_class **classes;
    struct ingress_input input;
    char name_memory[256];
};

static const cJSON *find_secret(const struct plan *plan, struct ke_str ns, struct ke_str name)
{
    for (size_t i = 0; i < plan->n_objects; i++) {
        const cJSON *object = plan->objects[i];
        if (ke_str_eq_c(ke_json_str(object, "kind"), "Secret") &&
            ke_str_eq(ke_json_path_str(object, "metadata.name"), name) &&
            ke_str_eq(ke_json_path_str(object, "metadata.namespace"), ns))
            return object;
    }
    return NULL;
}

static struct tls_cert *find_cert(void *ctx, struct ke_str ns, struct ke_str name, const char **why)
{
    const cJSON *secret = find_secret(ctx, ns, name);
    *why = "it does not exist";
    return secret != NULL ? ingress_cert_from_secret(secret, why) : NULL;
}

static bool cert_name(void *ctx, struct ke_str ns, struct ke_str name, size_t i, struct ke_str *out)
{
    struct plan *plan = ctx;
    const cJSON *secret = find_secret(plan, ns, name);
    return secret != NULL && ingress_cert_name(secret, i, plan->name_memory, out);
}

static bool collect(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_objects; i++) {
        struct ke_str kind = ke_json_str(plan->objects[i], "kind");
        if (ke_str_eq_c(kind, "Ingress")) {
            struct model_ingress *view = ke_arena_alloc(plan->arena, sizeof(*view));
            if (view == NULL || !model_ingress_decode(plan->objects[i], plan->arena, view))
                return false;
            plan->ingresses[plan->input.n_ingresses++] = view;
        } else if (ke_str_eq_c(kind, "IngressClass")) {
            struct model_ingress_class *view = ke_arena_alloc(plan->arena, sizeof(*view));
            if (view == NULL || !model_ingress_class_decode(plan->objects[i], plan->arena, view))
                return false;
            plan->classes[plan->input.n_classes++] = view;
        }
    }
    return true;
}

static void print_target(const struct ingress_target *target, struct ke_buf *out)
{
    ke_buf_add_c(out, " -> ");
    ingress_target_print(target, out);
    ke_buf_addf(out, " (%.*s)%s\n", KE_STR_ARG(target->ingress),
                target->is_redirected ? ", HTTP is redirected to HTTPS" : "");
}

static void print_host(const struct ingress_host *host, struct ke_buf *out)
{
    struct ke_str name = host->name.len > 0 ? host->name : KE_STR("*");
    for (size_t i = 0; i < host->n_paths; i++) {
        const struct ingress_path *path = &host->paths[i];
        ke_buf_addf(out, "host %.*s %s %.*s", KE_STR_ARG(name), ingress_path_type_name(path->type),
                    KE_STR_ARG(path->path));
        print_target(&path->target, out);
    }
    if (host->has_default) {
        ke_buf_addf(out, "host %.*s else", KE_STR_ARG(name));
        print_target(&host->fallback, out);
    }
}

static void print_routes(const struct ingress_routes *routes, struct ke_buf *out)
{
    for (size_t i = 0; i < routes->n_hosts; i++)
        print_host(&routes->hosts[i], out);
    if (routes->has_default) {
        ke_buf_add_c(out, "default");
        print_target(&routes->fallback, out);
    }
    for (size_t i = 0; i < routes->n_certs; i++)
        ke_buf_addf(out, "certificate %.*s%s\n", KE_STR_ARG(routes->certs[i].name),
                    routes->certs[i].cert == NULL ? ": the default one" : "");
    for (size_t i = 0; i < routes->n_problems; i++)
        ke_buf_addf(out, "problem %.*s/%.*s: %.*s\n", KE_STR_ARG(routes->problems[i].ns),
                    KE_STR_ARG(routes->problems[i].name), KE_STR_ARG(routes->problems[i].message));
}

enum ke_code ingress_plan_print(const cJSON *const *objects, size_t n_objects,
                                const struct ingress_settings *settings, struct ke_buf *out,
                                struct ke_err *err)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(VIEW_BYTES);
    if (arena == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    struct plan plan = { .objects = objects, .n_objects = n_objects, .arena = arena };
    plan.ingresses = ke_arena_alloc_n(arena, n_objects + 1, sizeof(*plan.ingresses));
    plan.classes = ke_arena_alloc_n(arena, n_objects + 1, sizeof(*plan.classes));
    if (plan.ingresses == NULL || plan.classes == NULL || !collect(&plan))
        return ke_fail(err, KE_NOMEM, "out of memory");
    plan.input.ingresses = plan.ingresses;
    plan.input.classes = plan.classes;
    plan.input.settings = settings;
    plan.input.find_cert = find_cert;
    plan.input.cert_name = cert_name;
    plan.input.ctx = &plan;
    struct ingress_routes *routes = ingress_routes_build(&plan.input);
    if (routes == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    print_routes(routes, out);
    ingress_routes_free(routes);
    return ke_buf_check(out, "ingress plan", err);
}
