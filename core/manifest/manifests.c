/* SPDX-License-Identifier: Apache-2.0 */
/* The folder watched, what it asks for written. Thread: kedge-manifest. */
#include "core/manifest/manifests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/base/mem.h"
#include "core/base/thread.h"
#include "core/manifest/decide.h"
#include "core/model/catalog.h"
#include "core/model/names.h"

#define PART          "manifests"
#define FIELD_MANAGER "kedge-manifests"
#define MS            INT64_C(1000000)
/* Editors write, rename and change modes in one go: look once they are done. */
#define SETTLE_NS    (100 * MS)
#define RETRY_NS     (1000 * MS)
#define RETRY_MAX_NS (60000 * MS)
#define WATCHED      (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE)

struct manifests {
    struct resource_store *store;  /* borrowed */
    struct model_catalog *catalog; /* the registry's */
    struct report *report;         /* borrowed */
    char *dir;
    struct ke_thread thread;
    struct ke_loop *loop;
    struct ke_loop_timer *timer; /* the next look */
    struct ke_loop_fd *watch;
    int inotify_fd;
    int64_t retry_ns; /* until the next try after a failure */
    /* of the look that is under way */
    size_t n_failed;
    struct ke_buf first_failure;
};

/* ---- failures */

static void note_failure(struct manifests *self, const char *path, const cJSON *object,
                         const struct ke_err *err)
{
    ke_auto_buf what = KE_BUF_INIT(LIMIT_REPORT_BYTES);
    ke_buf_add_c(&what, path);
    if (object != NULL) {
        struct ke_str kind = ke_json_str(object, "kind");
        struct ke_str name = ke_json_path_str(object, "metadata.name");
        ke_buf_addf(&what, ": %.*s \"%.*s\"", KE_STR_ARG(kind), KE_STR_ARG(name));
    }
    ke_buf_addf(&what, ": %s", err->msg);
    ke_log(KE_LOG_WARN, "manifest.failed", KV_S("what", ke_buf_str(&what)));
    if (self->n_failed++ == 0)
        ke_buf_add_str(&self->first_failure, ke_buf_str(&what));
}

static void tell(struct manifests *self)
{
    ke_auto_buf message = KE_BUF_INIT(LIMIT_REPORT_BYTES);
    ke_buf_add_str(&message, ke_buf_str(&self->first_failure));
    if (self->n_failed > 1)
        ke_buf_addf(&message, " (and %zu more)", self->n_failed - 1);
    report_part(self->report, PART, self->n_failed == 0, ke_buf_str(&message));
}

/* ---- writing */

static const struct model_kind *find_kind(void *ctx, const cJSON *object,
                                          const struct model_version **out_version)
{
    struct manifests *self = ctx;
    struct ke_str group = { NULL, 0 };
    struct ke_str version = { NULL, 0 };
    model_api_version_split(ke_json_str(object, "apiVersion"), &group, &version);
    return model_catalog_by_name(self->catalog, group, version, ke_json_str(object, "kind"),
                                 out_version);
}

static void apply(struct manifests *self, const struct manifest_wanted *wanted)
{
    const cJSON *metadata = ke_json_get(wanted->object, "metadata");
    struct ke_err err = KE_ERR_INIT;
    struct resource_request request = {
        .verb = RESOURCE_PATCH,
        .patch = RESOURCE_PATCH_APPLY,
        .is_forced = true,
        .is_strict = true,
        .field_manager = KE_STR(FIELD_MANAGER),
        .kind = wanted->kind,
        .version = wanted->version,
        .name = ke_json_str(metadata, "name"),
        .body = cJSON_Duplicate(wanted->object, true),
    };
    if (wanted->kind->is_namespaced)
        request.ns = ke_json_str(metadata, "namespace");
    enum ke_code rc = request.body == NULL ? ke_fail(&err, KE_NOMEM, "out of memory")
                                           : resource_call(self->store, &request, NULL, &err);
    if (rc != KE_OK)
        note_failure(self, wanted->path, wanted->object, &err);
}

static void delete_object(struct manifests *self, const struct registry_object *object)
{
    struct ke_err err = KE_ERR_INIT;
    struct resource_request request = {
        .verb = RESOURCE_DELETE,
        .kind = object->kind,
        .ns = object->ns,
        .name = object->name,
        .propagation = RESOURCE_BACKGROUND,
        .grace_period_s = -1,
        .precondition_uid = object->uid,
    };
    ke_log(KE_LOG_INFO, "manifest.pruned", KV_S("key", object->key));
    enum ke_code rc = resource_call(self->store, &request, NULL, &err);
    if (rc != KE_OK && rc != KE_NOT_FOUND)
        note_failure(self, object->name.ptr, NULL, &err);
}

static void prune_kind(struct manifests *self, const struct manifest_plan *plan,
                       const struct model_kind *kind, const struct model_selector *marked)
{
    struct resource_list_options options = { .labels = marked };
    struct resource_list list = { .n_remaining = 0 };
    struct ke_err err = KE_ERR_INIT;
    if (kind->is_computed)
        return;
    if (resource_list(self->store, kind, &options, &list, &err) != KE_OK) {
        note_failure(self, kind->plural, NULL, &err);
        return;
    }
    for (size_t i = 0; i < list.items.n_objects; i++) {
        if (manifest_plan_prunes(plan, list.items.objects[i]))
            delete_object(self, list.items.objects[i]);
    }
    resource_list_free(&list);
}

static void prune(struct manifests *self, const struct manifest_plan *plan)
{
    struct model_selector *marked = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (model_selector_parse_labels(KE_STR(MANIFEST_LABEL "=true"), &marked, &err) != KE_OK) {
        note_failure(self, self->dir, NULL, &err);
        return;
    }
    const struct model_kind *kind;
    size_t pos = 0;
    while ((kind = model_catalog_next(self->catalog, &pos)) != NULL)
        prune_kind(self, plan, kind, marked);
    model_selector_free(marked);
}

static void write_plan(struct manifests *self, const struct manifest_files *files,
                       const struct manifest_plan *plan)
{
    for (size_t i = 0; i < files->n; i++) {
        if (files->items[i].objects == NULL)
            note_failure(self, files->items[i].path, NULL, &files->items[i].err);
    }
    for (size_t i = 0; i < plan->n; i++) {
        const struct manifest_wanted *wanted = &plan->items[i];
        if (wanted->err.code != KE_OK)
            note_failure(self, wanted->path, wanted->object, &wanted->err);
        else
            apply(self, wanted);
    }
    prune(self, plan);
}

/* ---- looking */

static void watch_folder(void *ctx, const char *path)
{
    struct manifests *self = ctx;
    if (inotify_add_watch(self->inotify_fd, path, WATCHED | IN_ONLYDIR) < 0 && errno != ENOENT)
        ke_log(KE_LOG_WARN, "manifest.unwatched", KV_C("path", path), KV_I("errno", errno));
}

static void look(void *ctx)
{
    struct manifests *self = ctx;
    struct manifest_files files = { 0 };
    struct manifest_plan plan = { 0 };
    struct ke_err err = KE_ERR_INIT;
    self->n_failed = 0;
    ke_buf_clear(&self->first_failure);
    enum ke_code rc = manifest_files_read(self->dir, watch_folder, self, &files, &err);
    if (rc == KE_OK)
        rc = manifest_plan_make(&files, find_kind, self, &plan, &err);
    if (rc == KE_OK)
        write_plan(self, &files, &plan);
    else
        note_failure(self, self->dir, NULL, &err);
    manifest_plan_deinit(&plan);
    manifest_files_deinit(&files);
    tell(self);
    if (self->n_failed == 0) {
        self->retry_ns = RETRY_NS;
        return;
    }
    ke_loop_timer_after(self->timer, self->retry_ns);
    self->retry_ns = 2 * self->retry_ns < RETRY_MAX_NS ? 2 * self->retry_ns : RETRY_MAX_NS;
}

static void on_change(void *ctx, uint32_t events)
{
    struct manifests *self = ctx;
    char buffer[4096];
    (void)events;
    while (read(self->inotify_fd, buffer, sizeof(buffer)) > 0) {
    }
    self->retry_ns = RETRY_NS;
    ke_loop_timer_after(self->timer, SETTLE_NS);
}

static void run(void *ctx)
{
    struct manifests *self = ctx;
    look(self);
    ke_loop_run(self->loop);
}

enum ke_code manifests_new(struct resource_store *store, struct report *report, const char *dir,
                           struct manifests **out, struct ke_err *err)
{
    KE_AUTO(manifests) *self = ke_alloc(sizeof(*self));
    if (self == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    self->store = store;
    self->catalog = registry_catalog(watch_hub_registry(resource_store_hub(store)));
    self->report = report;
    self->retry_ns = RETRY_NS;
    self->first_failure = (struct ke_buf)KE_BUF_INIT(LIMIT_REPORT_BYTES);
    self->dir = ke_str_dup(ke_str_c(dir));
    self->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->inotify_fd < 0)
        return ke_fail_errno(err, errno, "inotify");
    self->loop = ke_loop_new(err);
    if (self->loop == NULL)
        return err->code;
    self->timer = ke_loop_timer_new(self->loop, look, self);
    self->watch = ke_loop_fd_add(self->loop, self->inotify_fd, EPOLLIN, on_change, self);
    if (self->dir == NULL || self->timer == NULL || self->watch == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    *out = KE_TAKE(self);
    return KE_OK;
}

enum ke_code manifests_start(struct manifests *self, struct ke_err *err)
{
    return ke_thread_start(&self->thread, "kedge-manifest", run, self, err);
}

void manifests_stop(struct manifests *self)
{
    ke_loop_stop(self->loop);
    ke_thread_join(&self->thread);
}

void manifests_free(struct manifests *self)
{
    if (self == NULL)
        return;
    ke_loop_timer_free(self->timer);
    ke_loop_fd_del(self->watch);
    ke_loop_free(self->loop);
    if (self->inotify_fd >= 0)
        (void)close(self->inotify_fd);
    ke_buf_clear(&self->first_failure);
    free(self->dir);
    free(self);
}
