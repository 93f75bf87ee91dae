/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of PersistentVolumes: one each, and what each needs. Source: Kubernetes
 * apis/core/validation (ValidatePersistentVolumeSpec), apis/core/v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/storage.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define MAX_NEEDED 4

/* In the order in which upstream looks at them. */
static const struct source {
    const char *name;
    const char *needed[MAX_NEEDED]; /* members that must say something */
} sources[] = {
    { "hostPath", { NULL } },
    { "gcePersistentDisk", { "pdName" } },
    { "awsElasticBlockStore", { "volumeID" } },
    { "glusterfs", { "endpoints", "path" } },
    { "flocker", { NULL } },
    { "nfs", { "server", "path" } },
    { "rbd", { "monitors", "image" } },
    { "quobyte", { "registry", "volume" } },
    { "cephfs", { "monitors" } },
    { "iscsi", { "targetPortal", "iqn" } },
    { "cinder", { "volumeID" } },
    { "fc", { NULL } },
    { "flexVolume", { "driver" } },
    { "azureFile", { "secretName", "shareName" } },
    { "vsphereVolume", { "volumePath" } },
    { "photonPersistentDisk", { "pdID" } },
    { "portworxVolume", { "volumeID" } },
    { "azureDisk", { "diskName", "diskURI" } },
    { "scaleIO", { "gateway", "system", "volumeName" } },
    { "local", { "path" } },
    { "storageos", { NULL } },
    { "csi", { NULL } },
};

bool volume_source_is_one(const char *name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(sources); i++) {
        if (strcmp(sources[i].name, name) == 0)
            return true;
    }
    return false;
}

static void check_no_backsteps(const cJSON *source, const struct model_path *path,
                               struct model_issues *issues)
{
    struct ke_str text = ke_json_str(source, "path");
    struct ke_str rest = text;
    struct ke_str part;
    while (ke_str_split(&rest, '/', &part)) {
        if (ke_str_eq_c(part, "..")) {
            model_report_invalid(issues, model_path_child(path, "path"), text,
                                 "must not contain '..'");
            return;
        }
    }
}

static void check_host_path(const cJSON *source, const struct model_path *path,
                            struct model_issues *issues)
{
    static const char *const types[] = {
        "",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
        "File", "FileOrCreate", "Socket",     NULL
    };
    if (!model_check_required(issues, path, source, "path"))
        return;
    check_no_backsteps(source, path, issues);
    if (!model_is_unset(source, "type"))
        (void)model_check_enum(issues, model_path_child(path, "type"), ke_json_str(source, "type"),
                               types);
}

static void check_csi(const cJSON *source, const struct model_path *path,
                      struct model_issues *issues)
{
    static const char *const refs[] = { "controllerPublishSecretRef", "controllerExpandSecretRef",
                                        "nodePublishSecretRef", "nodeExpandSecretRef" };
    model_check_csi_driver(issues, model_path_child(path, "driver"), ke_json_str(source, "driver"));
    (void)model_check_required(issues, path, source, "volumeHandle");
    for (size_t i = 0; i < KE_ARRAY_LEN(refs); i++) {
        const cJSON *ref = ke_json_get(source, refs[i]);
        struct model_path at = model_path_child(path, refs[i]);
        if (ref == NULL)
            continue;
        (void)model_check_required(issues, &at, ref, "name");
        (void)model_check_required(issues, &at, ref, "namespace");
    }
}

static void check_nfs(const cJSON *source, const struct model_path *path,
                      struct model_issues *issues)
{
    struct ke_str text = ke_json_str(source, "path");
    if (text.len > 0 && text.ptr[0] != '/')
        model_report_invalid(issues, model_path_child(path, "path"), text,
                             "must be an absolute path");
}

static void check_source(const struct source *source, const cJSON *value,
                         const struct model_path *path, struct model_issues *issues)
{
    struct ke_str name = ke_str_c(source->name);
    for (size_t i = 0; i < MAX_NEEDED && source->needed[i] != NULL; i++)
        (void)model_check_required(issues, path, value, source->needed[i]);
    if (ke_str_eq_c(name, "hostPath"))
        check_host_path(value, path, issues);
    else if (ke_str_eq_c(name, "local"))
        check_no_backsteps(value, path, issues);
    else if (ke_str_eq_c(name, "csi"))
        check_csi(value, path, issues);
    else if (ke_str_eq_c(name, "nfs"))
        check_nfs(value, path, issues);
}

void volume_source_validate(const cJSON *spec, const struct model_path *path,
                            struct model_issues *issues)
{
    size_t n = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(sources); i++) {
        const cJSON *value = ke_json_get(spec, sources[i].name);
        struct model_path at = model_path_child(path, sources[i].name);
        if (value == NULL)
            continue;
        if (n++ > 0)
            model_report_forbidden(issues, at, "may not specify more than 1 volume type");
        else
            check_source(&sources[i], value, &at, issues);
    }
    if (n == 0)
        model_report_required(issues, *path, "must specify a volume type");
    if (ke_json_get(spec, "local") != NULL && ke_json_get(spec, "nodeAffinity") == NULL)
        model_report_required(issues, model_path_child(path, "nodeAffinity"),
                              "Local volume requires node affinity");
}

bool volume_source_set_defaults(cJSON *spec)
{
    cJSON *host = ke_json_get_mut(spec, "hostPath");
    cJSON *iscsi = ke_json_get_mut(spec, "iscsi");
    cJSON *rbd = ke_json_get_mut(spec, "rbd");
    cJSON *azure = ke_json_get_mut(spec, "azureDisk");
    cJSON *scale = ke_json_get_mut(spec, "scaleIO");
    if (host != NULL && !model_default_str(host, "type", ""))
        return false;
    if (iscsi != NULL && !model_default_str(iscsi, "iscsiInterface", "default"))
        return false;
    if (rbd != NULL &&
        (!model_default_str(rbd, "pool", "rbd") || !model_default_str(rbd, "user", "admin") ||
         !model_default_str(rbd, "keyring", "/etc/ceph/keyring")))
        return false;
    if (scale != NULL && (!model_default_str(scale, "storageMode", "ThinProvisioned") ||
                          !model_default_str(scale, "fsType", "xfs")))
        return false;
    return azure == NULL || (model_default_str(azure, "cachingMode", "ReadWrite") &&
                             model_default_str(azure, "kind", "Shared") &&
                             model_default_str(azure, "fsType", "ext4") &&
                             model_default_bool(azure, "readOnly", false));
}
