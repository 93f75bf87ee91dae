/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a folder ask for, and what is pruned. */
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/manifest/decide.h"
#include "core/model/names.h"
#include "test/support/base/test.h"
#include "test/support/tmpdir.h"

static struct test_tmpdir dir;

static int setup(void **state)
{
    (void)state;
    test_tmpdir_make(&dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_tmpdir_remove(&dir);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_file_write(test_tmpdir_path(&dir, name), ke_str_c(text), 0600, &err),
                     KE_OK);
}

static const struct model_kind *find_kind(void *ctx, const cJSON *object,
                                          const struct model_version **out_version)
{
    (void)ctx;
    struct ke_str group;
    struct ke_str version;
    model_api_version_split(ke_json_str(object, "apiVersion"), &group, &version);
    return model_kind_by_name(group, version, ke_json_str(object, "kind"), out_version);
}

static void read_all(struct manifest_files *files, struct manifest_plan *plan)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(manifest_files_read(dir.path, NULL, NULL, files, &err), KE_OK);
    assert_int_equal(manifest_plan_make(files, find_kind, NULL, plan, &err), KE_OK);
}

static void clear(struct manifest_files *files, struct manifest_plan *plan)
{
    manifest_plan_deinit(plan);
    manifest_files_deinit(files);
}

#define MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

static void namespaces_are_written_first_and_lists_are_taken_apart(void **state)
{
    (void)state;
    struct manifest_files files;
    struct manifest_plan plan;
    write_file("a.yaml", MAP("m") "---\n---\napiVersion: v1\nkind: List\nitems:\n"
                                  "- {apiVersion: v1, kind: ConfigMap, metadata: {name: l, "
                                  "namespace: ns}}\n");
    write_file("b.json", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":"
                         "\"ns\"}}");
    write_file("c.txt", "not one of ours");
    write_file(".hidden.yaml", "{");
    read_all(&files, &plan);
    assert_int_equal(plan.n, 3);
    assert_string_equal(plan.items[0].key, "/registry/namespaces/ns");
    assert_string_equal(plan.items[1].key, "/registry/configmaps/default/m");
    assert_string_equal(plan.items[2].key, "/registry/configmaps/ns/l");
    const cJSON *metadata = ke_json_get(plan.items[1].object, "metadata");
    assert_true(ke_str_eq_c(ke_json_str(ke_json_get(metadata, "annotations"), MANIFEST_ANNOTATION),
                            "a.yaml"));
    clear(&files, &plan);
}

static void what_cannot_be_written_says_why_and_holds_up_nothing(void **state)
{
    (void)state;
    struct manifest_files files;
    struct manifest_plan plan;
    write_file("a.yaml",
               "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n---\n"
               "apiVersion: v1\nkind: ConfigMap\n---\n" MAP(
                   "m") "---\n"
                        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: o, namespace: n}\n");
    write_file("b.yaml", MAP("m"));
    read_all(&files, &plan);
    assert_int_equal(plan.n, 5);
    assert_string_equal(plan.items[0].err.msg, "no kind \"Thing\" in \"example.com/v1\"");
    assert_string_equal(plan.items[1].err.msg, "metadata.name: a name is required");
    assert_int_equal(plan.items[2].err.code, KE_OK);
    /* YAML's n is a boolean: it is not taken for the default namespace */
    assert_string_equal(plan.items[3].err.msg, "metadata.namespace: must be a string");
    assert_string_equal(plan.items[4].err.msg, "is in a.yaml too");
    clear(&files, &plan);
}

static bool prunes(const struct manifest_plan *plan, const char *metadata)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *object = NULL;
    ke_auto_buf text = KE_BUF_INIT(4096);
    ke_auto_json *json = NULL;
    ke_buf_addf(&text, "{\"metadata\":%s}", metadata);
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &json, &err), KE_OK);
    assert_int_equal(registry_object_new(model_kind_by_id(MODEL_CONFIGMAP), json, &object, &err),
                     KE_OK);
    bool is_pruned = manifest_plan_prunes(plan, object);
    registry_object_unref(object);
    return is_pruned;
}

#define FROM(file)                                                                                    \
    "\"labels\":{\"kedge.io/manifest\":\"true\"},\"annotations\":{\"kedge.io/manifest-file\":\"" file \
    "\"}"

static void only_what_no_file_has_any_more_is_pruned(void **state)
{
    (void)state;
    struct manifest_files files;
    struct manifest_plan plan;
    write_file("a.yaml", MAP("kept"));
    write_file("broken.yaml", "a: [");
    assert_int_equal(mkdir(test_tmpdir_path(&dir, "deep"), 0700), 0);
    write_file("deep/x.yml", MAP("moved"));
    read_all(&files, &plan);
    assert_false(prunes(&plan, "{\"name\":\"kept\",\"namespace\":\"default\"," FROM("a.yaml") "}"));
    assert_false(
        prunes(&plan, "{\"name\":\"moved\",\"namespace\":\"default\"," FROM("a.yaml") "}"));
    assert_true(prunes(&plan, "{\"name\":\"gone\",\"namespace\":\"default\"," FROM("a.yaml") "}"));
    assert_true(prunes(&plan, "{\"name\":\"kept\",\"namespace\":\"other\"," FROM("a.yaml") "}"));
    /* of a file that cannot be read now */
    assert_false(
        prunes(&plan, "{\"name\":\"b\",\"namespace\":\"default\"," FROM("broken.yaml") "}"));
    /* inherited the label, or is owned by what did */
    assert_false(prunes(&plan, "{\"name\":\"gone\",\"namespace\":\"default\",\"labels\":"
                               "{\"kedge.io/manifest\":\"true\"}}"));
    assert_false(prunes(&plan, "{\"name\":\"gone\",\"namespace\":\"default\",\"ownerReferences\":"
                               "[{\"uid\":\"u\"}]," FROM("a.yaml") "}"));
    clear(&files, &plan);
    assert_int_equal(unlink(test_tmpdir_path(&dir, "deep/x.yml")), 0);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct manifest_files files;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(manifest_files_read(test_tmpdir_path(&dir, "none"), NULL, NULL, &files, &err),
                     KE_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(namespaces_are_written_first_and_lists_are_taken_apart,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_says_why_and_holds_up_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_what_no_file_has_any_more_is_pruned, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
