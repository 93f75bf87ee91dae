/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of volumes, claims, storage classes and what CSI drivers say. Pure. */
#include "core/api/table.h"
#include "core/base/json.h"

/* "RWO,ROX": each mode once, in this order. */
static void format_modes(const cJSON *modes, struct ke_buf *out)
{
    static const struct {
        const char *mode, *shown;
    } all[] = {
        { "ReadWriteOnce", "RWO" },
        { "ReadOnlyMany", "ROX" },
        { "ReadWriteMany", "RWX" },
        { "ReadWriteOncePod", "RWOP" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(all); i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, modes) {
            if (!ke_str_eq_c(ke_json_value_str(item), all[i].mode))
                continue;
            ke_buf_addf(out, "%s%s", out->len > 0 ? "," : "", all[i].shown);
            break;
        }
    }
}

static bool is_leaving(const cJSON *object)
{
    return ke_json_path_str(object, "metadata.deletionTimestamp").len > 0;
}

/* The class may be named by the annotation that was before the member. */
static struct ke_str class_of(const cJSON *object)
{
    const cJSON *notes = ke_json_path(object, "metadata.annotations");
    struct ke_str old = ke_json_str(notes, "volume.beta.kubernetes.io/storage-class");
    return old.len > 0 ? old : ke_json_path_str(object, "spec.storageClassName");
}

static void cell_mode(struct api_cells *cells, const cJSON *object)
{
    api_cell_str_or(cells, ke_json_path_str(object, "spec.volumeMode"), "<unset>");
}

/* ---- persistentvolumes */

static const struct api_column volume_columns[] = {
    API_COLUMN_NAME,
    { "Capacity", "string", "", 0, "How much it holds." },
    { "Access Modes", "string", "", 0, "How it can be mounted." },
    { "Reclaim Policy", "string", "", 0, "What becomes of it when its claim goes." },
    { "Status", "string", "", 0, "Whether it is bound to a claim." },
    { "Claim", "string", "", 0, "The claim it is bound to." },
    { "StorageClass", "string", "", 0, "Its class." },
    { "VolumeAttributesClass", "string", "", 0, "The class of its attributes." },
    { "Reason", "string", "", 0, "Why it is in this state." },
    API_COLUMN_AGE,
    { "VolumeMode", "string", "", 1, "A file system or a block device." },
};

static void print_volume(const cJSON *object, struct api_cells *cells)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *claim = ke_json_get(spec, "claimRef");
    ke_auto_buf modes = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf bound = KE_BUF_INIT(API_CELL_BYTES);
    format_modes(ke_json_get(spec, "accessModes"), &modes);
    if (claim != NULL)
        ke_buf_addf(&bound, "%.*s/%.*s", KE_STR_ARG(ke_json_str(claim, "namespace")),
                    KE_STR_ARG(ke_json_str(claim, "name")));
    struct ke_str phase = ke_json_path_str(object, "status.phase");
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_path_str(spec, "capacity.storage"));
    api_cell_buf(cells, &modes, "");
    api_cell_str(cells, ke_json_str(spec, "persistentVolumeReclaimPolicy"));
    api_cell_str(cells, is_leaving(object) ? KE_STR("Terminating") : phase);
    api_cell_buf(cells, &bound, "");
    api_cell_str(cells, class_of(object));
    api_cell_str_or(cells, ke_json_str(spec, "volumeAttributesClassName"), "<unset>");
    api_cell_str(cells, ke_json_path_str(object, "status.reason"));
    api_cell_age(cells, object);
    cell_mode(cells, object);
}

const struct api_table api_table_persistentvolumes = {
    .kind = MODEL_PERSISTENTVOLUME,
    .columns = volume_columns,
    .n_columns = KE_ARRAY_LEN(volume_columns),
    .print = print_volume,
};

/* ---- persistentvolumeclaims */

static const struct api_column claim_columns[] = {
    API_COLUMN_NAME,
    { "Status", "string", "", 0, "Whether it is bound to a volume." },
    { "Volume", "string", "", 0, "The volume it is bound to." },
    { "Capacity", "string", "", 0, "How much that holds." },
    { "Access Modes", "string", "", 0, "How it can be mounted." },
    { "StorageClass", "string", "", 0, "The class it asks for." },
    { "VolumeAttributesClass", "string", "", 0, "The class of attributes it asks for." },
    API_COLUMN_AGE,
    { "VolumeMode", "string", "", 1, "A file system or a block device." },
};

static void print_claim(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf modes = KE_BUF_INIT(API_CELL_BYTES);
    struct ke_str volume = ke_json_path_str(object, "spec.volumeName");
    struct ke_str phase = ke_json_path_str(object, "status.phase");
    struct ke_str capacity = { NULL, 0 };
    if (volume.len > 0) {
        format_modes(ke_json_path(object, "status.accessModes"), &modes);
        capacity = ke_json_path_str(object, "status.capacity.storage");
        if (capacity.len == 0)
            capacity = KE_STR("0");
    }
    api_cell_name(cells, object);
    api_cell_str(cells, is_leaving(object) ? KE_STR("Terminating") : phase);
    api_cell_str(cells, volume);
    api_cell_str(cells, capacity);
    api_cell_buf(cells, &modes, "");
    api_cell_str(cells, class_of(object));
    api_cell_str_or(cells, ke_json_path_str(object, "spec.volumeAttributesClassName"), "<unset>");
    api_cell_age(cells, object);
    cell_mode(cells, object);
}

const struct api_table api_table_persistentvolumeclaims = {
    .kind = MODEL_PERSISTENTVOLUMECLAIM,
    .columns = claim_columns,
    .n_columns = KE_ARRAY_LEN(claim_columns),
    .print = print_claim,
};

/* ---- storageclasses */

static const struct api_column class_columns[] = {
    API_COLUMN_NAME,
    { "Provisioner", "string", "", 0, "Who makes the volumes." },
    { "ReclaimPolicy", "string", "", 0, "What becomes of them when their claims go." },
    { "VolumeBindingMode", "string", "", 0, "When a volume is made." },
    { "AllowVolumeExpansion", "string", "", 0, "Whether claims may grow." },
    API_COLUMN_AGE,
};

static bool is_default_class(const cJSON *object)
{
    const cJSON *notes = ke_json_path(object, "metadata.annotations");
    return ke_str_eq_c(ke_json_str(notes, "storageclass.kubernetes.io/is-default-class"), "true") ||
           ke_str_eq_c(ke_json_str(notes, "storageclass.beta.kubernetes.io/is-default-class"),
                       "true");
}

static void print_class(const cJSON *object, struct api_cells *cells)
{
    ke_auto_buf name = KE_BUF_INIT(API_CELL_BYTES);
    ke_buf_add_str(&name, ke_json_path_str(object, "metadata.name"));
    if (is_default_class(object))
        ke_buf_add_c(&name, " (default)");
    api_cell_buf(cells, &name, "");
    api_cell_str(cells, ke_json_str(object, "provisioner"));
    api_cell_str_or(cells, ke_json_str(object, "reclaimPolicy"), "Delete");
    api_cell_str_or(cells, ke_json_str(object, "volumeBindingMode"), "Immediate");
    api_cell_bool(cells, ke_json_bool(object, "allowVolumeExpansion", false));
    api_cell_age(cells, object);
}

const struct api_table api_table_storageclasses = {
    .kind = MODEL_STORAGECLASS,
    .columns = class_columns,
    .n_columns = KE_ARRAY_LEN(class_columns),
    .print = print_class,
};

static const struct api_column attributes_columns[] = {
    API_COLUMN_NAME,
    { "DriverName", "string", "", 0, "The driver that knows the attributes." },
    API_COLUMN_AGE,
};

static void print_attributes(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_str(object, "driverName"));
    api_cell_age(cells, object);
}

const struct api_table api_table_volumeattributesclasses = {
    .kind = MODEL_VOLUMEATTRIBUTESCLASS,
    .columns = attributes_columns,
    .n_columns = KE_ARRAY_LEN(attributes_columns),
    .print = print_attributes,
};

/* ---- CSI */

static const struct api_column driver_columns[] = {
    API_COLUMN_NAME,
    { "AttachRequired", "boolean", "", 0, "Whether volumes are attached before they are mounted." },
    { "PodInfoOnMount", "boolean", "", 0, "Whether it is told of the pod." },
    { "StorageCapacity", "boolean", "", 0, "Whether it says how much it can still hold." },
    { "TokenRequests", "string", "", 0, "Audiences of the tokens it is given." },
    { "RequiresRepublish", "boolean", "", 0, "Whether it is called again and again." },
    { "Modes", "string", "", 0, "Which life cycles of volumes it knows." },
    API_COLUMN_AGE,
};

static void format_strings(const cJSON *list, const char *member, struct ke_buf *out)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        ke_buf_add_c(out, out->len > 0 ? "," : "");
        ke_buf_add_str(out, member != NULL ? ke_json_str(item, member) : ke_json_value_str(item));
    }
}

static void print_driver(const cJSON *object, struct api_cells *cells)
{
    const cJSON *spec = ke_json_get(object, "spec");
    ke_auto_buf modes = KE_BUF_INIT(API_CELL_BYTES);
    ke_auto_buf tokens = KE_BUF_INIT(API_CELL_BYTES);
    format_strings(ke_json_get(spec, "volumeLifecycleModes"), NULL, &modes);
    format_strings(ke_json_get(spec, "tokenRequests"), "audience", &tokens);
    api_cell_name(cells, object);
    api_cell_bool(cells, ke_json_bool(spec, "attachRequired", true));
    api_cell_bool(cells, ke_json_bool(spec, "podInfoOnMount", false));
    api_cell_bool(cells, ke_json_bool(spec, "storageCapacity", false));
    api_cell_buf(cells, &tokens, "<unset>");
    api_cell_bool(cells, ke_json_bool(spec, "requiresRepublish", false));
    api_cell_buf(cells, &modes, "<none>");
    api_cell_age(cells, object);
}

const struct api_table api_table_csidrivers = {
    .kind = MODEL_CSIDRIVER,
    .columns = driver_columns,
    .n_columns = KE_ARRAY_LEN(driver_columns),
    .print = print_driver,
};

static const struct api_column csinode_columns[] = {
    API_COLUMN_NAME,
    { "Drivers", "integer", "", 0, "How many drivers the node has." },
    API_COLUMN_AGE,
};

static void print_csinode(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_i64(cells, cJSON_GetArraySize(ke_json_path(object, "spec.drivers")));
    api_cell_age(cells, object);
}

const struct api_table api_table_csinodes = {
    .kind = MODEL_CSINODE,
    .columns = csinode_columns,
    .n_columns = KE_ARRAY_LEN(csinode_columns),
    .print = print_csinode,
};

static const struct api_column capacity_columns[] = {
    API_COLUMN_NAME,
    { "StorageClassName", "string", "", 0, "The class of the volumes." },
    { "Capacity", "string", "", 0, "How much they can hold in all." },
};

static void print_capacity(const cJSON *object, struct api_cells *cells)
{
    api_cell_name(cells, object);
    api_cell_str(cells, ke_json_str(object, "storageClassName"));
    api_cell_str_or(cells, ke_json_str(object, "capacity"), "<unset>");
}

const struct api_table api_table_csistoragecapacities = {
    .kind = MODEL_CSISTORAGECAPACITY,
    .columns = capacity_columns,
    .n_columns = KE_ARRAY_LEN(capacity_columns),
    .print = print_capacity,
};
