/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs: a user in four groups, with 0, 300 and 3,000 bindings of others and the
 * default roles, allowed by the last rule of a long role or by none; and the first decision after a
 * change. Prints "name value unit" lines.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/auth/default_roles.h"
#include "core/auth/rbac.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/snap.h"
#include "store/sqlite/sqlite_registry.h"

enum { N_ASKED = 300000, N_CHANGES = 100 };

static void die(const char *what, const struct ke_err *err)
{
    (void)fprintf(stderr, "bench authorize: %s: %s\n", what, err->msg);
    exit(1);
}

static void put(struct registry *registry, enum model_kind_id kind, cJSON *json)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *object = NULL;
    if (registry_object_new(model_kind_by_id(kind), json, &object, &err) != KE_OK)
        die("object", &err);
    struct registry_op op = { .key = object->key, .expected = REGISTRY_ANY, .object = object };
    char key[512];
    struct ke_buf text = KE_BUF_FIXED(key, sizeof(key));
    ke_buf_add_str(&text, object->key);
    op.key = ke_buf_str(&text);
    if (registry_commit_wait(registry, &op, 1, NULL, &err) != KE_OK)
        die("commit", &err);
    cJSON_Delete(json);
}

static void put_binding(struct registry *registry, unsigned i, const char *user, const char *role)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = NULL;
    char text[512];
    (void)snprintf(
        text, sizeof(text),
        "{\"metadata\":{\"name\":\"b%u\",\"namespace\":\"default\"},\"roleRef\":{\"kind\":"
        "\"ClusterRole\",\"name\":\"%s\"},\"subjects\":[{\"kind\":\"User\",\"name\":"
        "\"%s\"},{\"kind\":\"Group\",\"name\":\"team-%u\"}]}",
        i, role, user, i);
    if (ke_json_parse(ke_str_c(text), &json, &err) != KE_OK)
        die("binding", &err);
    put(registry, MODEL_ROLEBINDING, json);
}

static const struct auth_user jane = {
    .name = KE_STR_INIT("jane@example.com"),
    .groups = { KE_STR_INIT("developers"), KE_STR_INIT("on-call"), KE_STR_INIT("berlin"),
                KE_STR_INIT("system:authenticated") },
    .n_groups = 4,
};

static bool ask(struct rbac *rbac, const char *verb, const char *resource)
{
    struct auth_attributes asked = { .user = &jane,
                                     .verb = ke_str_c(verb),
                                     .is_resource = true,
                                     .group = KE_STR("coordination.k8s.io"),
                                     .version = KE_STR("v1"),
                                     .resource = ke_str_c(resource),
                                     .ns = KE_STR("default"),
                                     .name = KE_STR("a") };
    return rbac_authorize(rbac, &asked, NULL);
}

static void measure(struct rbac *rbac, const char *what, unsigned n, const char *verb)
{
    unsigned n_allowed = 0;
    int64_t from_ns = ke_now_ns();
    for (int i = 0; i < N_ASKED; i++)
        n_allowed += ask(rbac, verb, "leases") ? 1 : 0;
    double each_ns = (double)(ke_now_ns() - from_ns) / N_ASKED;
    (void)printf("%s_%u %.0f ns\n", what, n, each_ns);
    if (n_allowed != 0 && n_allowed != N_ASKED)
        exit(1);
}

static void measure_changes(struct registry *registry, struct rbac *rbac, unsigned n)
{
    int64_t took_ns = 0;
    for (unsigned i = 0; i < N_CHANGES; i++) {
        put_binding(registry, 0, i % 2 == 0 ? "jane@example.com" : "other", "edit-all");
        int64_t from_ns = ke_now_ns();
        bool is_allowed = ask(rbac, "delete", "leases");
        took_ns += ke_now_ns() - from_ns;
        if (is_allowed != (i % 2 == 0)) {
            (void)fprintf(stderr, "bench authorize: a change was not seen\n");
            exit(1);
        }
    }
    (void)printf("after_change_%u %.0f us\n", n, (double)took_ns / N_CHANGES / 1000);
}

static void put_roles(struct registry *registry)
{
    const struct default_role *it = NULL;
    for (size_t i = 0; (it = default_roles_at(i)) != NULL; i++)
        put(registry, it->kind, default_roles_body(it));
    cJSON *all = default_roles_body(default_roles_at(0));
    cJSON *rules = default_roles_rules(KE_STR("system:aggregate-to-edit"));
    if (!ke_json_set(all, "rules", rules) ||
        !ke_json_set_str(ke_json_get_mut(all, "metadata"), "name", KE_STR("edit-all")))
        exit(1);
    put(registry, MODEL_CLUSTERROLE, all);
}

int main(int argc, char **argv)
{
    static const unsigned counts[] = { 0, 300, 3000 };
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    char path[4096];
    unsigned n = 0;
    (void)snprintf(path, sizeof(path), "%s/authorize.db", argc > 1 ? argv[1] : "/tmp");
    if (sqlite_registry_open(path, NULL, &registry, &err) != KE_OK)
        die("open", &err);
    struct watch_hub *hub = watch_hub_new(registry, &err);
    struct rbac *rbac = hub != NULL ? rbac_new(hub) : NULL;
    if (rbac == NULL)
        die("rbac", &err);
    ke_snap_thread_register();
    put_roles(registry);
    for (size_t i = 0; i < KE_ARRAY_LEN(counts); i++) {
        for (; n < counts[i]; n++) {
            char user[32];
            (void)snprintf(user, sizeof(user), "user-%u", n);
            put_binding(registry, n + 1, user, "edit-all");
        }
        put_binding(registry, 0, "jane@example.com", "edit-all");
        measure(rbac, "allowed", n, "delete");
        measure(rbac, "denied", n, "escalate");
        measure_changes(registry, rbac, n);
    }
    ke_snap_thread_unregister();
    registry_stop(registry);
    rbac_free(rbac);
    watch_hub_free(hub);
    registry_free(registry);
    (void)unlink(path);
    return 0;
}
