/* SPDX-License-Identifier: Apache-2.0 */
/* The resources of one process: what all operations share, and the read of one object. Any thread.
 */
#include "core/resource/operation.h"

enum ke_code resource_store_new(struct watch_hub *hub, const struct resource_options *options,
                                struct resource_store **out, struct ke_err *err)
{
    KE_AUTO(resource_store) *store = ke_alloc(sizeof(*store));
    if (store == NULL)
        return ke_fail(err, KE_NOMEM, "resources");
    store->hub = hub;
    store->registry = watch_hub_registry(hub);
    store->clock = options->clock != NULL ? options->clock : &ke_clock_system;
    store->authorize = options->authorize;
    store->authorize_ctx = options->authorize_ctx;
    store->rbac = options->authorize != NULL ? options->rbac : NULL;
    store->turns = turns_new();
    if (store->turns == NULL)
        return ke_fail(err, KE_NOMEM, "resources");
    enum ke_code rc = service_alloc_new(hub, options, &store->alloc, err);
    if (rc != KE_OK)
        return ke_wrap(err, "addresses of services");
    rc = limits_index_new(hub, &store->limits, err);
    if (rc != KE_OK)
        return rc;
    *out = KE_TAKE(store);
    return KE_OK;
}

void resource_store_free(struct resource_store *store)
{
    if (store == NULL)
        return;
    service_alloc_free(store->alloc);
    limits_index_free(store->limits);
    turns_free(store->turns);
    free(store);
}

struct watch_hub *resource_store_hub(struct resource_store *store)
{
    return store->hub;
}

struct model_catalog *resource_store_catalog(struct resource_store *store)
{
    return registry_catalog(store->registry);
}

enum ke_code resource_get(struct resource_store *store, const struct model_kind *kind,
                          struct ke_str ns, struct ke_str name, struct registry_object **out,
                          struct ke_err *err)
{
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(kind, ns, name, &key);
    enum ke_code rc = KE_NOT_FOUND; /* no object has a name that makes too long a key */
    if (key.failed == KE_NOMEM)
        return ke_fail(err, KE_NOMEM, "read %s", kind->plural);
    if (key.failed == KE_OK)
        rc = registry_get(store->registry, ke_buf_str(&key), out, err);
    if (rc != KE_NOT_FOUND)
        return rc;
    const char *group = kind->versions[0].group;
    return ke_fail(err, KE_NOT_FOUND, "%s%s%s \"%.*s\" not found", kind->plural,
                   group[0] != '\0' ? "." : "", group, KE_STR_ARG(name));
}

enum ke_code resource_get_part(struct resource_store *store, const struct model_kind *kind,
                               struct ke_str subresource, struct ke_str ns, struct ke_str name,
                               struct registry_object **out, struct ke_err *err)
{
    const struct operation_part *part = part_find(subresource);
    const struct model_subresource *sub = model_kind_subresource(kind, subresource);
    if (part == NULL || (sub == NULL && !part->is_main))
        return ke_fail(err, KE_NOT_FOUND, "the server could not find the requested resource");
    ke_auto_object *object = NULL;
    enum ke_code rc = resource_get(store, kind, ns, name, &object, err);
    /* As upstream names what is missing, and only there: `deployments/scale.apps "x" not found`. */
    if (rc == KE_NOT_FOUND && ke_str_eq_c(subresource, "scale") && kind->custom == NULL) {
        const char *group = kind->versions[0].group;
        return ke_fail(err, rc, "%s/scale%s%s \"%.*s\" not found", kind->plural,
                       group[0] != '\0' ? "." : "", group, KE_STR_ARG(name));
    }
    return rc == KE_OK ? part_show(part, kind, sub, object, out, err) : rc;
}
