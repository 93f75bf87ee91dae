/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of changes: each is recorded, then made; undoing takes away what is still as it was
 * made and leaves alone what somebody else has changed since. Any thread, one at a time (the
 * ledger's mutex).
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/host/ledger.h"
#include "core/host/netlink.h"
#include "core/host/record.h"

#define KEPT_SUFFIX ".kedge-old"
enum { SYSCTL_BYTES = 4096 };

/* ---- what is recorded ---- */

/* {"what":what, ...}: NULL when out of memory. */
static cJSON *change_new(const char *what)
{
    cJSON *change = cJSON_CreateObject();
    if (change != NULL && ke_json_set_str(change, "what", ke_str_c(what)))
        return change;
    cJSON_Delete(change);
    return NULL;
}

static bool change_set(cJSON *change, const char *name, const char *value)
{
    return change != NULL && ke_json_set_str(change, name, ke_str_c(value));
}

static bool change_set_cidr(cJSON *change, const char *name, const struct ke_cidr *cidr)
{
    char memory[KE_IP_TEXT_MAX + 8];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    ke_cidr_format(cidr, &text);
    return change != NULL && ke_json_set_str(change, name, ke_buf_str(&text));
}

static enum ke_code fail_nomem(struct ke_err *err)
{
    return ke_fail(err, KE_NOMEM, "record a change of the host");
}

/* A text member, terminated as cJSON has it; "" when there is none. */
static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *value = ke_json_get(object, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

/* ---- sysctl ---- */

/* net.ipv4.ip_forward, or with slashes where a part has dots: net/ipv4/conf/eth0.5/rp_filter. */
static enum ke_code sysctl_path(const char *name, char path[PATH_MAX], struct ke_err *err)
{
    bool has_slashes = strchr(name, '/') != NULL;
    int len = snprintf(path, PATH_MAX, "/proc/sys/%s", name);
    if (len < 0 || len >= PATH_MAX || name[0] == '/' || strstr(name, "..") != NULL)
        return ke_fail(err, KE_INVALID, "\"%s\" is no name of a sysctl", name);
    for (char *at = path + strlen("/proc/sys/"); !has_slashes && *at != '\0'; at++) {
        if (*at == '.')
            *at = '/';
    }
    return KE_OK;
}

/* The value, blanks between its parts made one. */
static enum ke_code sysctl_read(const char *path, struct ke_buf *out, struct ke_err *err)
{
    ke_auto_buf raw = KE_BUF_INIT(SYSCTL_BYTES);
    enum ke_code rc = ke_file_read(path, &raw, err);
    if (rc != KE_OK)
        return rc;
    struct ke_str text = ke_str_trim(ke_buf_str(&raw));
    for (size_t i = 0; i < text.len; i++) {
        bool is_blank = text.ptr[i] == '\t' || text.ptr[i] == ' ' || text.ptr[i] == '\n';
        if (!is_blank)
            ke_buf_add_char(out, text.ptr[i]);
        else if (out->len > 0 && out->ptr[out->len - 1] != ' ')
            ke_buf_add_char(out, ' ');
    }
    ke_buf_add_char(out, '\0');
    return ke_buf_check(out, path, err);
}

static enum ke_code sysctl_write(const char *path, const char *value, struct ke_err *err)
{
    ke_auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return ke_fail_errno(err, errno, "write %s", path);
    size_t len = strlen(value);
    if (write(fd, value, len) != (ssize_t)len)
        return ke_fail_errno(err, errno, "write %s to %s", value, path);
    return KE_OK;
}

static enum ke_code set_sysctl(struct host_ledger *ledger, cJSON *change, const char *path,
                               struct ke_err *err)
{
    ke_auto_json *given = change;
    const char *value = text_of(change, "value");
    ke_auto_buf old = KE_BUF_INIT(SYSCTL_BYTES);
    enum ke_code rc = sysctl_read(path, &old, err);
    if (rc != KE_OK || strcmp(old.ptr, value) == 0)
        return rc;
    char copy[SYSCTL_BYTES];
    (void)snprintf(copy, sizeof(copy), "%s", value);
    if (ledger_find(ledger, change) == NULL)
        rc = ledger_append(ledger, KE_TAKE(given), old.ptr, err);
    return rc == KE_OK ? sysctl_write(path, copy, err) : rc;
}

enum ke_code host_set_sysctl(struct host_ledger *ledger, const char *name, const char *value,
                             struct ke_err *err)
{
    char path[PATH_MAX];
    enum ke_code rc = sysctl_path(name, path, err);
    if (rc != KE_OK)
        return rc;
    cJSON *change = change_new("sysctl");
    if (!change_set(change, "name", name) || !change_set(change, "value", value)) {
        cJSON_Delete(change);
        return fail_nomem(err);
    }
    rc = ledger_begin(ledger, err);
    if (rc != KE_OK) {
        cJSON_Delete(change);
        return rc;
    }
    rc = set_sysctl(ledger, change, path, err);
    ledger_end(ledger);
    return rc;
}

/* Puts the old value back where ours still is; one that somebody else has set stays. */
static enum ke_code undo_sysctl(const cJSON *change, const char *old, struct ke_err *err)
{
    char path[PATH_MAX];
    enum ke_code rc = sysctl_path(text_of(change, "name"), path, err);
    if (rc != KE_OK)
        return rc;
    ke_auto_buf now = KE_BUF_INIT(SYSCTL_BYTES);
    rc = sysctl_read(path, &now, err);
    if (rc == KE_NOT_FOUND)
        return KE_OK; /* its link or module is gone */
    if (rc != KE_OK || strcmp(now.ptr, text_of(change, "value")) != 0)
        return rc;
    return sysctl_write(path, old, err);
}

/* ---- addresses and routes ---- */

static cJSON *address_change(const char *link, const struct ke_cidr *address)
{
    cJSON *change = change_new("address");
    if (change_set(change, "link", link) && change_set_cidr(change, "address", address))
        return change;
    cJSON_Delete(change);
    return NULL;
}

static cJSON *route_change(const struct netlink_route *route)
{
    char src[KE_IP_TEXT_MAX];
    cJSON *change = change_new("route");
    if (change_set_cidr(change, "dst", &route->dst) && change_set(change, "link", route->link) &&
        change_set(change, "src", ke_ip_text(&route->src, src)))
        return change;
    cJSON_Delete(change);
    return NULL;
}

/* A change that the kernel refuses when it is there already. */
struct kernel_change {
    bool (*is_there)(const void *what);
    enum ke_code (*add)(const void *what, struct ke_err *err);
    const void *what;
};

/* Takes back the newest record: its change was not made. Keeps the first error. */
static enum ke_code take_back(struct host_ledger *ledger, enum ke_code rc, struct ke_err *err)
{
    struct ke_err second = KE_ERR_INIT;
    enum ke_code marked = ledger_mark_undone(ledger, ledger_before(ledger, INT64_MAX), &second);
    if (rc != KE_EXISTS || marked == KE_OK)
        return rc;
    *err = second;
    return marked;
}

static enum ke_code add_locked(struct host_ledger *ledger, cJSON *change,
                               const struct kernel_change *it, struct ke_err *err)
{
    ke_auto_json *given = change;
    bool is_ours = ledger_find(ledger, change) != NULL;
    if (it->is_there(it->what))
        return KE_OK; /* ours, or somebody else's, who keeps it: not recorded */
    enum ke_code rc = is_ours ? KE_OK : ledger_append(ledger, KE_TAKE(given), NULL, err);
    if (rc != KE_OK)
        return rc;
    rc = it->add(it->what, err);
    if (rc != KE_OK && !is_ours)
        rc = take_back(ledger, rc, err);
    return rc == KE_EXISTS ? KE_OK : rc;
}

/* change is given; NULL: out of memory. */
static enum ke_code record_and_add(struct host_ledger *ledger, cJSON *change,
                                   const struct kernel_change *it, struct ke_err *err)
{
    if (change == NULL)
        return fail_nomem(err);
    enum ke_code rc = ledger_begin(ledger, err);
    if (rc != KE_OK) {
        cJSON_Delete(change);
        return rc;
    }
    rc = add_locked(ledger, change, it, err);
    ledger_end(ledger);
    return rc;
}

struct link_address {
    const char *link;
    struct ke_cidr address;
};

static bool has_address(const void *what)
{
    const struct link_address *it = what;
    return netlink_has_address(it->link, &it->address);
}

static bool has_route(const void *what)
{
    const struct netlink_route *route = what;
    return netlink_has_exact_route(&route->dst);
}

static enum ke_code add_address(const void *what, struct ke_err *err)
{
    const struct link_address *it = what;
    return netlink_add_address(it->link, &it->address, err);
}

static enum ke_code add_route(const void *what, struct ke_err *err)
{
    return netlink_add_route(what, err);
}

enum ke_code host_add_address(struct host_ledger *ledger, const char *link,
                              const struct ke_cidr *address, struct ke_err *err)
{
    const struct link_address what = { .link = link, .address = *address };
    const struct kernel_change it = { .is_there = has_address, .add = add_address, .what = &what };
    return record_and_add(ledger, address_change(link, address), &it, err);
}

enum ke_code host_add_route(struct host_ledger *ledger, const struct ke_cidr *dst, const char *link,
                            const struct ke_ip *src, struct ke_err *err)
{
    const struct netlink_route route = { .dst = *dst, .link = link, .src = *src };
    const struct kernel_change it = { .is_there = has_route, .add = add_route, .what = &route };
    return record_and_add(ledger, route_change(&route), &it, err);
}

static enum ke_code del_address(const char *link, const struct ke_cidr *address, struct ke_err *err)
{
    enum ke_code rc = netlink_del_address(link, address, err);
    return rc == KE_NOT_FOUND ? KE_OK : rc;
}

enum ke_code host_del_address(struct host_ledger *ledger, const char *link,
                              const struct ke_cidr *address, struct ke_err *err)
{
    ke_auto_json *change = address_change(link, address);
    if (change == NULL)
        return fail_nomem(err);
    enum ke_code rc = ledger_begin(ledger, err);
    if (rc != KE_OK)
        return rc;
    struct host_record *record = ledger_find(ledger, change);
    if (record != NULL) {
        rc = del_address(link, address, err);
        if (rc == KE_OK)
            rc = ledger_mark_undone(ledger, record, err);
    }
    ledger_end(ledger);
    return rc;
}

static enum ke_code undo_address(const cJSON *change, struct ke_err *err)
{
    struct ke_cidr address;
    enum ke_code rc = ke_cidr_parse(ke_json_str(change, "address"), &address, err);
    return rc == KE_OK ? del_address(text_of(change, "link"), &address, err) : rc;
}

static enum ke_code undo_route(const cJSON *change, struct ke_err *err)
{
    struct netlink_route route = { .link = text_of(change, "link") };
    enum ke_code rc = ke_cidr_parse(ke_json_str(change, "dst"), &route.dst, err);
    if (rc == KE_OK)
        rc = ke_ip_parse(ke_json_str(change, "src"), &route.src, err);
    if (rc == KE_OK)
        rc = netlink_del_route(&route, err);
    return rc == KE_NOT_FOUND ? KE_OK : rc;
}

/* ---- files ---- */

static enum ke_code kept_path(const char *path, char out[PATH_MAX], struct ke_err *err)
{
    int len = snprintf(out, PATH_MAX, "%s%s", path, KEPT_SUFFIX);
    if (len < 0 || len >= PATH_MAX || path[0] != '/')
        return ke_fail(err, KE_INVALID, "\"%s\" is not an absolute path that can be kept", path);
    return KE_OK;
}

/* Symbolic links count, wherever they lead. */
static bool path_is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static enum ke_code record_file(struct host_ledger *ledger, cJSON *change, const char *path,
                                struct ke_err *err)
{
    ke_auto_json *given = change;
    char kept[PATH_MAX];
    enum ke_code rc = kept_path(path, kept, err);
    if (rc != KE_OK || ledger_find(ledger, change) != NULL)
        return rc;
    struct stat st;
    bool is_there = lstat(path, &st) == 0;
    if (is_there && S_ISDIR(st.st_mode))
        return KE_OK; /* a folder that was there is not ours */
    if (is_there && path_is_there(kept))
        return ke_fail(err, KE_EXISTS, "%s is in the way: move it", kept);
    rc = ledger_append(ledger, KE_TAKE(given), is_there ? kept : NULL, err);
    if (rc == KE_OK && is_there && rename(path, kept) != 0)
        return ke_fail_errno(err, errno, "keep %s as %s", path, kept);
    return rc;
}

enum ke_code host_record_file(struct host_ledger *ledger, const char *path, struct ke_err *err)
{
    cJSON *change = change_new("file");
    if (!change_set(change, "path", path)) {
        cJSON_Delete(change);
        return fail_nomem(err);
    }
    enum ke_code rc = ledger_begin(ledger, err);
    if (rc != KE_OK) {
        cJSON_Delete(change);
        return rc;
    }
    rc = record_file(ledger, change, path, err);
    ledger_end(ledger);
    return rc;
}

static int remove_entry(const char *path, const struct stat *st KE_UNUSED, int type KE_UNUSED,
                        struct FTW *ftw KE_UNUSED)
{
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* A file, or a folder with what is in it; not across mounts, not through symbolic links. */
static enum ke_code remove_tree(const char *path, struct ke_err *err)
{
    enum { OPEN_FOLDERS = 16 };
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? KE_OK : ke_fail_errno(err, errno, "remove %s", path);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): safe as long as nobody changes the working folder */
    if (nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        return ke_fail_errno(err, errno, "remove %s", path);
    return KE_OK;
}

static enum ke_code undo_file(const cJSON *change, const char *kept, struct ke_err *err)
{
    const char *path = text_of(change, "path");
    if (path[0] != '/')
        return ke_fail(err, KE_MALFORMED, "the ledger names no absolute path");
    if (kept[0] == '\0')
        return remove_tree(path, err);
    if (!path_is_there(kept))
        return KE_OK; /* never moved away: what is at path is the old one */
    if (rename(kept, path) != 0)
        return ke_fail_errno(err, errno, "put %s back", path);
    return KE_OK;
}

/* ---- commands ---- */

enum ke_code host_record_undo_command(struct host_ledger *ledger, const char *const *argv,
                                      struct ke_err *err)
{
    ke_auto_json *change = change_new("command");
    cJSON *list = change == NULL ? NULL : ke_json_need_array(change, "argv");
    bool is_made = list != NULL;
    for (size_t i = 0; is_made && argv[i] != NULL; i++) {
        cJSON *arg = cJSON_CreateString(argv[i]);
        is_made = arg != NULL && cJSON_AddItemToArray(list, arg);
    }
    if (!is_made)
        return fail_nomem(err);
    enum ke_code rc = ledger_begin(ledger, err);
    if (rc != KE_OK)
        return rc;
    if (ledger_find(ledger, change) == NULL)
        rc = ledger_append(ledger, KE_TAKE(change), NULL, err);
    ledger_end(ledger);
    return rc;
}

static enum ke_code wait_for(pid_t pid, const char *name, struct ke_err *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return ke_fail_errno(err, errno, "wait for %s", name);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return ke_fail(err, KE_IO, "%s failed with status %d", name,
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return KE_OK;
}

static enum ke_code undo_command(const cJSON *change, struct ke_err *err)
{
    enum { ARGS_MAX = 64 };
    char *argv[ARGS_MAX + 1] = { NULL };
    size_t n = 0;
    const cJSON *arg = NULL;
    cJSON_ArrayForEach(arg, ke_json_get(change, "argv")) {
        if (!cJSON_IsString(arg) || n == ARGS_MAX)
            return ke_fail(err, KE_MALFORMED, "a command of the ledger cannot be read");
        argv[n++] = arg->valuestring;
    }
    if (n == 0)
        return ke_fail(err, KE_MALFORMED, "an empty command in the ledger");
    pid_t pid = 0;
    int rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (rc == ENOENT)
        return KE_OK; /* the program is gone, and its work with it */
    if (rc != 0)
        return ke_fail_errno(err, rc, "run %s", argv[0]);
    return wait_for(pid, argv[0], err);
}

/* ---- undo ---- */

static enum ke_code undo_record(const struct host_record *record, struct ke_err *err)
{
    const cJSON *change = ke_json_get(record->json, "change");
    const char *old = text_of(record->json, "old");
    struct ke_str what = ke_json_str(change, "what");
    if (ke_str_eq_c(what, "sysctl"))
        return undo_sysctl(change, old, err);
    if (ke_str_eq_c(what, "address"))
        return undo_address(change, err);
    if (ke_str_eq_c(what, "route"))
        return undo_route(change, err);
    if (ke_str_eq_c(what, "file"))
        return undo_file(change, old, err);
    if (ke_str_eq_c(what, "command"))
        return undo_command(change, err);
    return ke_fail(err, KE_MALFORMED,
                   "the ledger has a change that this version does not know: %.*s",
                   KE_STR_ARG(what));
}

enum ke_code host_ledger_undo(struct host_ledger *ledger, struct ke_err *err)
{
    enum ke_code first = ledger_begin(ledger, err);
    if (first != KE_OK)
        return first;
    struct host_record *record = ledger_before(ledger, INT64_MAX);
    while (record != NULL) {
        struct ke_err this_err = KE_ERR_INIT;
        enum ke_code rc = undo_record(record, &this_err);
        if (rc == KE_OK)
            rc = ledger_mark_undone(ledger, record, &this_err);
        if (rc != KE_OK && first == KE_OK) {
            first = rc;
            *err = this_err;
        }
        record = ledger_before(ledger, record->id);
    }
    if (first == KE_OK)
        first = ledger_clear(ledger, err);
    ledger_end(ledger);
    return first;
}
