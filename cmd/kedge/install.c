/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge install: copies this binary, writes config and unit, starts the agent, waits until it is
 * ready. On an installed node it upgrades, and goes back to the previous binary when the new one
 * does not become ready. Every file is in the ledger before it is made. Main thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/kedge/command.h"
#include "cmd/kedge/options.h"
#include "cmd/kedge/service.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/limits.h"

#define READY_MS 30000
#define NODE_MS  5000

struct install {
    struct agent_options options;
    struct service service;
    struct host_ledger *ledger;
    bool is_upgrade;
    bool is_replaced;         /* the binary before this one is SERVICE_PREVIOUS */
    struct ke_buf old_config; /* put back when the new one does not work */
    bool has_old_config;
};

/* The file that install writes: what was given on the command line, and where the kubeconfig goes.
 */
static enum ke_code write_config(int argc, char **argv, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(256U << 10);
    bool has_kubeconfig = false;
    ke_buf_add_c(&text, "# options of kedge agent: kedge agent --help\n");
    for (int i = 0; i < argc; i++) {
        struct ke_str arg = ke_str_c(argv[i]);
        (void)ke_str_cut_prefix(&arg, KE_STR("--"));
        size_t eq = ke_str_find(arg, '=');
        struct ke_str name = ke_str_sub(arg, 0, eq);
        struct ke_str value = KE_STR("true");
        if (eq < arg.len)
            value = ke_str_sub(arg, eq + 1, arg.len - eq - 1);
        else if (i + 1 < argc && argv[i + 1][0] != '-')
            value = ke_str_c(argv[++i]);
        has_kubeconfig = has_kubeconfig || ke_str_eq_c(name, "kubeconfig-out");
        ke_buf_addf(&text, "%.*s: ", KE_STR_ARG(name));
        ke_buf_add_json_str(&text, value); /* a JSON string is a YAML string */
        ke_buf_add_char(&text, '\n');
    }
    if (!has_kubeconfig)
        ke_buf_add_c(&text, "kubeconfig-out: " SERVICE_KUBECONFIG "\n");
    enum ke_code rc = ke_buf_check(&text, "config", err);
    return rc == KE_OK ? ke_file_write(SERVICE_CONFIG, ke_buf_str(&text), 0600, err) : rc;
}

/* What is about to be made. A config that somebody has prepared is used, and stays theirs. */
static enum ke_code record_files(struct install *install, struct ke_err *err)
{
    const char *log_file = install->options.log_file;
    const struct {
        const char *path;
        bool is_made;
    } files[] = { { SERVICE_BINARY, true },
                  { SERVICE_PREVIOUS, true },
                  { SERVICE_CONFIG_DIR, true },
                  { SERVICE_CONFIG, !ke_file_exists(SERVICE_CONFIG) },
                  { SERVICE_KUBECONFIG, !ke_file_exists(SERVICE_KUBECONFIG) },
                  { SERVICE_LOG, !service_has_systemd() },
                  { log_file, log_file[0] != '\0' && !ke_file_exists(log_file) } };
    for (size_t i = 0; i < KE_ARRAY_LEN(files); i++) {
        if (!files[i].is_made)
            continue;
        enum ke_code rc = host_record_file(install->ledger, files[i].path, err);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static enum ke_code keep_config(struct install *install, struct ke_err *err)
{
    install->has_old_config = ke_file_exists(SERVICE_CONFIG);
    return install->has_old_config ? ke_file_read(SERVICE_CONFIG, &install->old_config, err)
                                   : KE_OK;
}

static enum ke_code copy_file(const char *from, const char *to, mode_t mode, struct ke_err *err)
{
    ke_auto_buf bytes = KE_BUF_INIT(LIMIT_FILE_BYTES);
    enum ke_code rc = ke_file_read(from, &bytes, err);
    return rc == KE_OK ? ke_file_write(to, ke_buf_str(&bytes), mode, err) : rc;
}

/* Running from the installed place is a new start with new options, not a copy. */
static bool is_self_installed(void)
{
    struct stat self;
    struct stat installed;
    return stat("/proc/self/exe", &self) == 0 && stat(SERVICE_BINARY, &installed) == 0 &&
           self.st_dev == installed.st_dev && self.st_ino == installed.st_ino;
}

static enum ke_code place_binary(struct install *install, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    if (is_self_installed())
        return KE_OK;
    if (install->is_upgrade) {
        rc = copy_file(SERVICE_BINARY, SERVICE_PREVIOUS, 0755, err);
        install->is_replaced = rc == KE_OK;
    }
    return rc == KE_OK ? copy_file("/proc/self/exe", SERVICE_BINARY, 0755, err) : rc;
}

static enum ke_code restart(struct install *install, struct ke_err *err)
{
    enum ke_code rc = service_stop(&install->service, err);
    if (rc == KE_OK)
        rc = service_start(&install->service, err);
    return rc == KE_OK ? service_wait_ready(&install->service, READY_MS, err) : rc;
}

/* Binary and config as they were. */
static enum ke_code restore(struct install *install, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    if (install->is_replaced)
        rc = copy_file(SERVICE_PREVIOUS, SERVICE_BINARY, 0755, err);
    if (rc == KE_OK && install->has_old_config)
        rc = ke_file_write(SERVICE_CONFIG, ke_buf_str(&install->old_config), 0600, err);
    return rc == KE_OK ? restart(install, err) : rc;
}

static enum ke_code go_back(struct install *install, struct ke_err *err)
{
    struct ke_err why = *err;
    struct ke_err again = KE_ERR_INIT;
    if (!install->is_upgrade)
        return why.code;
    enum ke_code rc = restore(install, &again);
    if (rc == KE_OK)
        return ke_fail(err, why.code, "%s; went back to what was before, which runs", why.msg);
    return ke_fail(err, why.code, "%s; what was before does not run either: %s", why.msg,
                   again.msg);
}

static enum ke_code run(struct install *install, int argc, char **argv, struct ke_err *err)
{
    ke_auto_buf ledger = KE_BUF_INIT(4096);
    ke_buf_addf(&ledger, "%s/host.ledger", install->options.data_dir);
    ke_buf_add_char(&ledger, '\0');
    install->is_upgrade = ke_file_exists(ledger.ptr) && ke_file_exists(SERVICE_BINARY);
    enum ke_code rc = ke_file_mkdirs(install->options.data_dir, 0700, err);
    if (rc == KE_OK)
        rc = host_ledger_open(ledger.ptr, &install->ledger, err);
    if (rc == KE_OK)
        rc = record_files(install, err);
    if (rc == KE_OK)
        rc = ke_file_mkdirs(SERVICE_CONFIG_DIR, 0755, err);
    if (rc == KE_OK)
        rc = keep_config(install, err);
    if (rc == KE_OK && (argc > 0 || !ke_file_exists(SERVICE_CONFIG)))
        rc = write_config(argc, argv, err);
    if (rc == KE_OK)
        rc = place_binary(install, err);
    if (rc == KE_OK)
        rc = service_write_unit(install->ledger, err);
    host_ledger_close(install->ledger); /* the agent opens it next */
    install->ledger = NULL;
    if (rc != KE_OK)
        return rc;
    rc = restart(install, err);
    return rc == KE_OK ? KE_OK : go_back(install, err);
}

/* The node registers itself a moment after the agent is ready. */
static bool read_nodes(const struct install *install, cJSON **out)
{
    int64_t deadline_ns = ke_now_ns() + NODE_MS * KE_MS;
    for (;;) {
        ke_auto_buf answer = KE_BUF_INIT(LIMIT_FILE_BYTES);
        ke_auto_json *list = NULL;
        struct ke_err err = KE_ERR_INIT;
        if (command_get(install->service.run_dir, KE_STR("/api/v1/nodes"), 10000, &answer, &err) ==
                KE_OK &&
            ke_json_parse(ke_buf_str(&answer), &list, &err) == KE_OK &&
            cJSON_GetArraySize(ke_json_get(list, "items")) > 0) {
            *out = KE_TAKE(list);
            return true;
        }
        if (ke_now_ns() > deadline_ns)
            return false;
        service_pause();
    }
}

static const char *kubeconfig_path(const struct install *install)
{
    const char *path = install->options.kubeconfig_out;
    return path[0] != '\0' ? path : SERVICE_KUBECONFIG;
}

/* By kubectl where it is: its caches go where uninstall removes them. */
static void print_nodes(const struct install *install)
{
    ke_auto_json *list = NULL;
    ke_auto_buf cache = KE_BUF_INIT(4096);
    struct ke_err err = KE_ERR_INIT;
    const cJSON *node = NULL;
    if (!read_nodes(install, &list))
        return;
    ke_buf_addf(&cache, "%s/kubectl", install->service.run_dir);
    ke_buf_add_char(&cache, '\0');
    const char *const argv[] = { "kubectl",
                                 "--kubeconfig",
                                 kubeconfig_path(install),
                                 "--cache-dir",
                                 cache.ptr,
                                 "get",
                                 "nodes",
                                 NULL };
    if (ke_buf_check(&cache, "cache", &err) == KE_OK && service_run(argv, false, &err) == KE_OK)
        return;
    cJSON_ArrayForEach(node, ke_json_get(list, "items")) {
        struct ke_str name = ke_json_path_str(node, "metadata.name");
        (void)printf("node %.*s is ready\n", KE_STR_ARG(name));
    }
}

static void print_next(const struct install *install)
{
    (void)printf("\nnext:\n  export KUBECONFIG=%s\n  kubectl get nodes\n  kedge status\n",
                 kubeconfig_path(install));
}

/* With options given they are the whole config; without, the one that is there stays. */
static enum ke_code parse_options(int argc, char **argv, struct install *install, bool *help,
                                  struct ke_err *err)
{
    char flag[] = "--config";
    char file[] = SERVICE_CONFIG;
    char *from_file[] = { flag, file };
    bool has_file = argc == 0 && ke_file_exists(SERVICE_CONFIG);
    return has_file ? agent_options_parse(2, from_file, &install->options, help, err)
                    : agent_options_parse(argc, argv, &install->options, help, err);
}

int command_install(int argc, char **argv)
{
    struct install install = { .old_config = KE_BUF_INIT(256U << 10) };
    struct ke_err err = KE_ERR_INIT;
    bool help = false;
    if (parse_options(argc, argv, &install, &help, &err) != KE_OK)
        return command_usage("install", &err);
    install.service = (struct service){ .run_dir = install.options.run_dir };
    enum ke_code rc = KE_OK;
    if (help)
        agent_options_help(stdout);
    else if (geteuid() != 0)
        rc = ke_fail(&err, KE_DENIED, "must be run as root");
    else
        rc = run(&install, argc, argv, &err);
    if (rc == KE_OK && !help) {
        print_nodes(&install);
        print_next(&install);
    }
    agent_options_deinit(&install.options);
    ke_buf_free(&install.old_config);
    return rc == KE_OK ? EXIT_DONE : command_fail("install", &err);
}
