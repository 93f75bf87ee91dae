/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which the agent comes up and goes down. Each step makes one part out of those before
 * it; a step that fails ends the start, and what was made is taken down again. Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "cmd/kedge/wire_parts.h"
#include "core/auth/token_files.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "store/sqlite/sqlite_registry.h"

#define PATH_BYTES 4096

static void path_in(struct ke_buf *out, const char *dir, const char *file)
{
    ke_buf_addf(out, "%s/%s", dir, file);
    ke_buf_add_char(out, '\0');
}

/* One agent a data directory: the lock goes with the process. */
static enum ke_code step_lock(struct wire *wire, struct ke_err *err)
{
    const char *dir = wire->options->data_dir;
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    enum ke_code rc = ke_file_mkdirs(dir, 0700, err);
    if (rc == KE_OK)
        rc = ke_file_mkdirs(wire->options->run_dir, 0755, err);
    if (rc != KE_OK)
        return rc;
    path_in(&path, dir, "lock");
    wire->lock_fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (wire->lock_fd < 0)
        return ke_fail_errno(err, errno, "%s", path.ptr);
    if (flock(wire->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return ke_fail(err, KE_EXISTS, "another agent runs with --data-dir %s", dir);
    return KE_OK;
}

static enum ke_code step_ledger(struct wire *wire, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    path_in(&path, wire->options->data_dir, "host.ledger");
    return host_ledger_open(path.ptr, &wire->ledger, err);
}

static enum ke_code step_reports(struct wire *wire, struct ke_err *err)
{
    wire->report = report_new();
    wire->explain = explain_new();
    if (wire->report == NULL || wire->explain == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    return KE_OK;
}

static enum ke_code step_registry(struct wire *wire, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(PATH_BYTES);
    ke_auto_buf vault = KE_BUF_INIT(PATH_BYTES);
    path_in(&path, wire->options->data_dir, "registry.db");
    path_in(&vault, wire->options->data_dir, "pki/secrets.key");
    struct sqlite_registry_options sqlite = { .vault_path = vault.ptr,
                                              .is_vault_for_reading =
                                                  !wire->options->encrypt_secrets };
    enum ke_code rc = sqlite_registry_open(path.ptr, &sqlite, &wire->registry, err);
    if (rc != KE_OK)
        return rc;
    wire->hub = watch_hub_new(wire->registry, err);
    return wire->hub != NULL ? KE_OK : err->code;
}

/* Service account tokens are for the API under its name in the cluster, as upstream's default. */
static enum ke_code step_tokens(struct wire *wire, struct ke_err *err)
{
    ke_auto_buf dir = KE_BUF_INIT(PATH_BYTES);
    ke_auto_buf issuer = KE_BUF_INIT(PATH_BYTES);
    ke_buf_addf(&dir, "%s/pki", wire->options->data_dir);
    ke_buf_addf(&issuer, "https://kubernetes.default.svc.%s", wire->options->cluster_domain);
    enum ke_code rc = token_keys_open(ke_buf_str(&dir), &wire->token_keys, err);
    if (rc != KE_OK)
        return rc;
    struct auth_bearer_options bearer = { .registry = wire->registry,
                                          .keys = wire->token_keys,
                                          .issuer = ke_buf_str(&issuer) };
    return auth_bearer_new(&bearer, &wire->bearer, err);
}

static enum ke_code step_audit(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    struct audit_log_options audit = { .path = options->audit_log_path,
                                       .level = (enum audit_level)options->audit_log_level,
                                       .max_bytes = (uint64_t)options->audit_log_maxsize << 20,
                                       .max_backups = options->audit_log_maxbackup,
                                       .max_age_days = options->audit_log_maxage };
    if (options->audit_log_path[0] == '\0' || audit.level == AUDIT_NONE)
        return KE_OK;
    return audit_log_open(&audit, &wire->audit, err);
}

static enum ke_code step_authority(struct wire *wire, struct ke_err *err)
{
    wire->authority = auth_authority_new(wire->hub);
    return wire->authority != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "out of memory");
}

static enum ke_code step_resources(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    char text[KE_IP_TEXT_MAX];
    struct resource_options resource = {
        .n_service_cidrs = options->service_cidr.n,
        .node_port_min = options->node_port_range.min,
        .node_port_max = options->node_port_range.max,
        .cluster_dns = ke_str_c(ke_ip_text(&options->cluster_dns, text)),
        .authorize = auth_authority_authorize,
        .authorize_ctx = wire->authority,
        .rbac = auth_authority_rbac(wire->authority),
    };
    for (size_t i = 0; i < options->service_cidr.n; i++)
        resource.service_cidrs[i] = options->service_cidr.items[i];
    return resource_store_new(wire->hub, &resource, &wire->store, err);
}

static enum ke_code step_derive(struct wire *wire, struct ke_err *err)
{
    enum ke_code rc =
        endpoint_derive_new(wire->hub, ke_str_c(wire->options->node_name), &wire->derive, err);
    if (rc != KE_OK)
        return rc;
    rc = endpoint_explain_new(endpoint_derive_table(wire->derive), wire->registry,
                              &wire->endpoint_explain, err);
    if (rc == KE_OK)
        rc = endpoint_explain_register(wire->endpoint_explain, wire->explain, err);
    return rc == KE_OK ? endpoint_derive_start(wire->derive, err) : rc;
}

static enum ke_code step_manifests(struct wire *wire, struct ke_err *err)
{
    const char *dir = wire->options->manifests_dir;
    if (dir[0] == '\0')
        return KE_OK;
    enum ke_code rc = manifests_new(wire->store, wire->report, dir, &wire->manifests, err);
    return rc == KE_OK ? manifests_start(wire->manifests, err) : rc;
}

typedef enum ke_code step_fn(struct wire *wire, struct ke_err *err);

static const struct {
    const char *what;
    step_fn *run;
} steps[] = {
    { "data directory", step_lock },
    { "ledger", step_ledger },
    { "node address", wire_find_node_ip },
    { "reports", step_reports },
    { "certificates", wire_make_pki },
    { "registry", step_registry },
    { "tokens", step_tokens },
    { "permissions", step_authority },
    { "audit log", step_audit },
    { "resources", step_resources },
    { "endpoint table", step_derive },
    { "controllers", wire_start_controllers },
    { "host", wire_prepare_host },
    { "service proxy", wire_start_proxy },
    { "DNS", wire_start_dns },
    { "ingress", wire_start_ingress },
    { "API", wire_start_api },
    { "manifests", step_manifests },
};

static void stop_consumers(struct wire *wire)
{
    if (wire->ingress != NULL)
        ingress_stop(wire->ingress);
    if (wire->dns != NULL)
        dns_server_stop(wire->dns);
    if (wire->proxy != NULL)
        proxy_stop(wire->proxy);
}

/* Everything is stopped before anything is freed: parts look at each other. */
void wire_stop(struct wire *wire)
{
    atomic_store(&wire->is_running, false);
    if (wire->api != NULL)
        api_server_stop(wire->api);
    stop_consumers(wire);
    if (wire->manifests != NULL)
        manifests_stop(wire->manifests);
    if (wire->controllers != NULL)
        controllers_stop(wire->controllers);
    if (wire->derive != NULL)
        endpoint_derive_stop(wire->derive);
    if (wire->registry != NULL)
        registry_stop(wire->registry);
    api_server_free(wire->api);
    audit_log_close(wire->audit);
    explain_free(wire->explain); /* no walk runs without the API */
    ingress_free(wire->ingress);
    dns_server_free(wire->dns);
    proxy_free(wire->proxy);
    manifests_free(wire->manifests);
    controllers_free(wire->controllers);
    endpoint_explain_free(wire->endpoint_explain);
    endpoint_derive_free(wire->derive);
    resource_store_free(wire->store);
    auth_bearer_free(wire->bearer);
    token_keys_free(wire->token_keys);
    auth_authority_free(wire->authority);
    watch_hub_free(wire->hub);
    if (wire->registry != NULL)
        registry_free(wire->registry);
    report_free(wire->report);
    tls_context_unref(wire->api_tls);
    if (wire->has_pki)
        api_pki_deinit(&wire->pki);
    host_ledger_close(wire->ledger);
    if (wire->lock_fd >= 0)
        (void)close(wire->lock_fd);
    free(wire);
}

enum ke_code wire_start(const struct agent_options *options, struct wire **out, struct ke_err *err)
{
    struct wire *wire = ke_alloc(sizeof(*wire));
    if (wire == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    wire->options = options;
    wire->lock_fd = -1;
    for (size_t i = 0; i < KE_ARRAY_LEN(steps); i++) {
        int64_t from = ke_now_ns();
        enum ke_code rc = steps[i].run(wire, err);
        if (rc != KE_OK) {
            wire_stop(wire);
            return ke_wrap(err, "%s", steps[i].what);
        }
        ke_log(KE_LOG_DEBUG, "agent.step", KV_C("step", steps[i].what),
               KV_I("us", (ke_now_ns() - from) / 1000));
    }
    atomic_store(&wire->is_running, true);
    *out = wire;
    return KE_OK;
}

static bool have_consumers_synced(struct wire *wire, struct ke_buf *why)
{
    struct endpoint_consumer_state states[8];
    struct endpoint_table *table = endpoint_derive_table(wire->derive);
    if (!endpoint_table_is_synced(table)) {
        ke_buf_add_c(why, "the endpoint table has not synced");
        return false;
    }
    size_t n = endpoint_table_consumers(table, states, KE_ARRAY_LEN(states));
    for (size_t i = 0; i < n; i++) {
        if (states[i].acked_generation == 0) {
            ke_buf_addf(why, "%s has not synced", states[i].name);
            return false;
        }
    }
    return true;
}

bool wire_is_ready(struct wire *wire, struct ke_buf *why)
{
    if (!atomic_load(&wire->is_running)) {
        ke_buf_add_c(why, "starting");
        return false;
    }
    if (!have_consumers_synced(wire, why))
        return false;
    struct ke_err err = KE_ERR_INIT;
    /* A disk that takes no writes is told elsewhere, and must not keep an old cluster down. */
    if (!controllers_have_roles(wire->controllers) &&
        registry_health(wire->registry, &err) == KE_OK) {
        ke_buf_add_c(why, "the default roles are not there yet");
        return false;
    }
    if (wire->ingress != NULL && !ingress_is_ready(wire->ingress)) {
        ke_buf_add_c(why, "ingress has not synced");
        return false;
    }
    return true;
}

void wire_reopen_logs(struct wire *wire)
{
    audit_log_reopen(wire->audit);
}

void wire_tick(struct wire *wire)
{
    struct ke_err err = KE_ERR_INIT;
    if (wire_renew_pki(wire, &err) != KE_OK)
        ke_log(KE_LOG_ERROR, "pki.renew_failed", KV_ERR(&err));
}
