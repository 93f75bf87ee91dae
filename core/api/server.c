/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the server together and takes it apart. Called by cmd's thread.
 */
#include "core/api/server.h"

#include <sys/resource.h>

#include "core/api/acceptor.h"
#include "core/api/server_impl.h"
#include "core/api/verify.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#define ARENA_BYTES   65536
#define DEFAULT_LOOPS 2
/* Descriptors that the rest of the process needs, at least. */
#define RESERVED_FDS 128

static bool copy_str(struct ke_arena *arena, struct ke_str *text)
{
    *text = ke_arena_str(arena, *text);
    return text->ptr != NULL;
}

static enum ke_code copy_options(struct api_server *server, const struct api_options *options,
                                 struct ke_err *err)
{
    struct api_options *own = &server->options;
    *own = *options;
    if (options->n_listen > API_MAX_LISTEN) {
        return ke_fail(err, KE_INVALID, "more than %d API listeners", API_MAX_LISTEN);
    }
    if (options->n_listen > 0 && options->tls == NULL) {
        return ke_fail(err, KE_INVALID, "API listeners need TLS");
    }
    bool is_copied =
        copy_str(server->arena, &own->git_version) && copy_str(server->arena, &own->git_commit) &&
        copy_str(server->arena, &own->build_date) && copy_str(server->arena, &own->external_url);
    if (is_copied && options->unix_path != NULL) {
        struct ke_str path = ke_arena_str(server->arena, ke_str_c(options->unix_path));
        own->unix_path = path.ptr;
        is_copied = path.ptr != NULL;
    }
    struct ke_endpoint *listen =
        ke_arena_alloc_n(server->arena, options->n_listen + 2, sizeof(*listen));
    if (!is_copied || listen == NULL) {
        return ke_fail(err, KE_NOMEM, "API server");
    }
    if (options->n_listen > 0) {
        memcpy(listen, options->listen, options->n_listen * sizeof(*listen));
    }
    own->listen = listen;
    if (options->monitor != NULL) {
        listen[options->n_listen] = *options->monitor;
        own->monitor = &listen[options->n_listen];
    }
    if (own->authorize == NULL) {
        own->authorize = api_authorize_default;
    }
    return KE_OK;
}

static unsigned fd_budget(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return RESERVED_FDS;
    }
    rlim_t n = limit.rlim_cur < 1U << 20 ? limit.rlim_cur : 1U << 20;
    rlim_t reserved = RESERVED_FDS + n / 8;
    return n > reserved + RESERVED_FDS ? (unsigned)(n - reserved) : RESERVED_FDS;
}

static enum ke_code make_metrics(struct api_server *server, struct ke_err *err)
{
    static const char dropped[] = "Requests refused because too many were under way.";
    server->started_s = ke_wall_s();
    server->requests_failed = ke_metric_counter("kedge_api_server_errors_total", "",
                                                "Requests answered with a status of 500 or above.");
    server->watchers = ke_metric_counter("kedge_api_watches_total", "", "Watches begun.");
    server->connections =
        ke_metric_gauge("kedge_api_descriptors", "", "Descriptors that API clients hold.");
    server->dropped[API_FLOW_READ] =
        ke_metric_counter("apiserver_dropped_requests_total", "request_kind=\"readOnly\"", dropped);
    server->dropped[API_FLOW_WRITE] =
        ke_metric_counter("apiserver_dropped_requests_total", "request_kind=\"mutating\"", dropped);
    enum ke_code rc = api_metrics_new(&server->metrics, err);
    if (rc != KE_OK) {
        return rc;
    }
    return api_flow_new(server->options.max_reads, server->options.max_writes, &server->flow, err);
}

static enum ke_code init_docs(struct api_server *server, struct ke_err *err)
{
    char memory[64];
    struct ke_buf address = KE_BUF_FIXED(memory, sizeof(memory));
    if (server->options.n_listen > 0) {
        ke_endpoint_format(&server->options.listen[0], &address);
    }
    server->docs_options = (struct api_docs_options){
        .catalog = resource_store_catalog(server->options.store),
        .git_version = ke_arena_str(server->arena, server->options.git_version),
        .git_commit = ke_arena_str(server->arena, server->options.git_commit),
        .build_date = ke_arena_str(server->arena, server->options.build_date),
        .address = ke_arena_str(server->arena, ke_buf_str(&address)),
    };
    return api_docs_new(&server->docs_options, NULL, &server->docs, err);
}

struct api_docs *api_server_docs(struct api_server *server)
{
    struct ke_err err;
    struct api_docs *fresh = NULL;
    struct api_docs *old = NULL;
    (void)pthread_mutex_lock(&server->docs_lock);
    if (server->docs->generation != model_catalog_generation(server->docs_options.catalog) &&
        api_docs_new(&server->docs_options, server->docs, &fresh, &err) == KE_OK) {
        old = server->docs; /* out of memory: those of before have to do */
        server->docs = fresh;
    }
    struct api_docs *docs = api_docs_ref(server->docs);
    (void)pthread_mutex_unlock(&server->docs_lock);
    api_docs_unref(old);
    return docs;
}

static enum ke_code server_init(struct api_server *server, const struct api_options *options,
                                struct ke_err *err)
{
    server->arena = ke_arena_new(ARENA_BYTES);
    if (server->arena == NULL) {
        return ke_fail(err, KE_NOMEM, "API server");
    }
    enum ke_code rc = copy_options(server, options, err);
    if (rc == KE_OK) {
        rc = init_docs(server, err);
    }
    if (rc != KE_OK) {
        return rc;
    }
    struct tls_client_options client = { .cert = NULL };
    rc = tls_client_new(&client, &server->proxy_tls, err);
    if (rc != KE_OK) {
        return rc;
    }
    rc = make_metrics(server, err);
    if (rc != KE_OK) {
        return rc;
    }
    server->fd_budget = fd_budget();
    unsigned n = options->n_loops > 0 ? options->n_loops : DEFAULT_LOOPS;
    n = n < API_MAX_LOOPS ? n : API_MAX_LOOPS;
    server->shards = ke_alloc_n(n, sizeof(*server->shards));
    if (server->shards == NULL) {
        return ke_fail(err, KE_NOMEM, "API loops");
    }
    for (; server->n_shards < n && rc == KE_OK; server->n_shards++) {
        rc = api_shard_init(&server->shards[server->n_shards], server, server->fd_budget, err);
    }
    return rc;
}

enum ke_code api_server_new(const struct api_options *options, struct api_server **out,
                            struct ke_err *err)
{
    struct api_server *server = ke_alloc(sizeof(*server));
    if (server == NULL) {
        return ke_fail(err, KE_NOMEM, "API server");
    }
    pthread_mutex_init(&server->jobs_lock, NULL);
    pthread_mutex_init(&server->docs_lock, NULL);
    enum ke_code rc = server_init(server, options, err);
    if (rc != KE_OK) {
        api_server_free(server);
        return rc;
    }
    *out = server;
    return KE_OK;
}

static void stop_shards(struct api_server *server)
{
    for (unsigned i = 0; i < server->n_shards; i++) {
        if (server->shards[i].thread.is_started) {
            api_shard_stop(&server->shards[i]);
        }
    }
    for (unsigned i = 0; i < server->n_shards; i++) {
        ke_thread_join(&server->shards[i].thread);
    }
}

enum ke_code api_server_start(struct api_server *server, struct ke_err *err)
{
    static const char *const names[API_MAX_LOOPS] = {
        "kedge-api-0", "kedge-api-1", "kedge-api-2", "kedge-api-3",
        "kedge-api-4", "kedge-api-5", "kedge-api-6", "kedge-api-7",
    };
    enum ke_code rc = api_acceptor_new(server, &server->acceptor, err);
    if (rc == KE_OK) {
        rc = api_verifier_start(&server->verifier, err);
    }
    for (unsigned i = 0; i < server->n_shards && rc == KE_OK; i++) {
        rc = api_shard_start(&server->shards[i], names[i], err);
    }
    if (rc == KE_OK) {
        rc = api_acceptor_start(server->acceptor, err);
    }
    if (rc != KE_OK) {
        stop_shards(server);
        api_verifier_stop(server->verifier);
        server->verifier = NULL;
        api_acceptor_free(server->acceptor);
        server->acceptor = NULL;
        return rc;
    }
    ke_log(KE_LOG_INFO, "api.listening", KV_U("listeners", server->options.n_listen),
           KV_U("connections_max", server->fd_budget));
    return KE_OK;
}

void api_server_stop(struct api_server *server)
{
    if (server->acceptor == NULL) {
        return;
    }
    atomic_store(&server->is_stopping, true);
    api_acceptor_stop(server->acceptor);
    stop_shards(server);
    api_verifier_stop(server->verifier);
    server->verifier = NULL;
    api_jobs_join(server);
}

void api_server_free(struct api_server *server)
{
    if (server == NULL) {
        return;
    }
    for (unsigned i = 0; i < server->n_shards; i++) {
        api_shard_deinit(&server->shards[i]);
    }
    free(server->shards);
    api_acceptor_free(server->acceptor);
    api_docs_unref(server->docs);
    api_flow_free(server->flow);
    api_metrics_free(server->metrics);
    pthread_mutex_destroy(&server->docs_lock);
    tls_context_unref(server->proxy_tls);
    ke_arena_free(server->arena);
    pthread_mutex_destroy(&server->jobs_lock);
    free(server);
}

bool api_server_address(const struct api_server *server, size_t i, struct ke_endpoint *out)
{
    return server->acceptor != NULL && api_acceptor_address(server->acceptor, i, out);
}

void api_server_set_tls(struct api_server *server, struct tls_context *tls)
{
    if (server->acceptor != NULL) {
        api_acceptor_set_tls(server->acceptor, tls);
    }
}

unsigned api_server_connection_limit(const struct api_server *server)
{
    return server->fd_budget;
}

bool api_server_take_fds(struct api_server *server, unsigned n, unsigned n_left)
{
    unsigned used = atomic_fetch_add(&server->fds_used, n) + n;
    if (used + n_left > server->fd_budget) {
        atomic_fetch_sub(&server->fds_used, n);
        return false;
    }
    ke_metric_set(server->connections, (int64_t)used);
    return true;
}

void api_server_give_fds(struct api_server *server, unsigned n)
{
    unsigned used = atomic_fetch_sub(&server->fds_used, n) - n;
    ke_metric_set(server->connections, (int64_t)used);
}

struct api_shard *api_server_pick_shard(struct api_server *server)
{
    unsigned next = atomic_fetch_add(&server->next_shard, 1);
    return &server->shards[next % server->n_shards];
}
