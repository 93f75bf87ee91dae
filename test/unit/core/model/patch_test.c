/* SPDX-License-Identifier: Apache-2.0 */
/* The three patch engines: results, and what is refused. */
#include "core/base/json.h"
#include "core/model/patch.h"
#include "core/model/schema.h"
#include "test/support/base/test.h"

enum engine { JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH };

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (ke_json_parse(ke_str_c(text), &json, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return json;
}

/* Single quotes stand for double ones: patches are easier to read. */
static char *unquote(const char *text)
{
    char *copy = ke_str_dup(ke_str_c(text));
    assert_non_null(copy);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static cJSON *parse_quoted(const char *text)
{
    char *unquoted = unquote(text);
    cJSON *json = parse(unquoted);
    free(unquoted);
    return json;
}

static enum ke_code apply(enum engine engine, const char *message, cJSON **target,
                          const cJSON *patch, struct ke_err *err)
{
    if (engine == JSON_PATCH)
        return model_patch_json(target, patch, err);
    if (engine == MERGE_PATCH)
        return model_patch_merge(target, patch, err);
    const struct model_message *schema = model_schema_find(ke_str_c(message));
    assert_non_null(schema);
    return model_patch_strategic(target, patch, schema, err);
}

static void assert_patched(enum engine engine, const char *message, const char *const texts[3])
{
    ke_auto_json *target = parse_quoted(texts[0]);
    ke_auto_json *patch = parse_quoted(texts[1]);
    ke_auto_json *expected = parse_quoted(texts[2]);
    struct ke_err err = KE_ERR_INIT;
    if (apply(engine, message, &target, patch, &err) != KE_OK)
        fail_msg("%s: %s", texts[1], err.msg);
    if (!ke_json_equal(target, expected)) {
        ke_auto_buf printed = KE_BUF_INIT(1 << 20);
        ke_json_print(target, &printed);
        fail_msg("%s: became %.*s", texts[1], KE_STR_ARG(ke_buf_str(&printed)));
    }
}

static void assert_refused(enum engine engine, const char *message, const char *const texts[3],
                           enum ke_code code)
{
    ke_auto_json *target = parse_quoted(texts[0]);
    ke_auto_json *before = parse_quoted(texts[0]);
    ke_auto_json *patch = parse_quoted(texts[1]);
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = apply(engine, message, &target, patch, &err);
    if (rc != code || strstr(err.msg, texts[2]) == NULL)
        fail_msg("%s: %d %s", texts[1], (int)rc, err.msg);
    assert_true(ke_json_equal(target, before));
}

static void json_patch_does_each_operation(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][3] = {
        /* the examples of RFC 6902, appendix A */
        { "{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux'}]",
          "{'baz':'qux','foo':'bar'}" },
        { "{'foo':['bar','baz']}", "[{'op':'add','path':'/foo/1','value':'qux'}]",
          "{'foo':['bar','qux','baz']}" },
        { "{'baz':'qux','foo':'bar'}", "[{'op':'remove','path':'/baz'}]", "{'foo':'bar'}" },
        { "{'foo':['bar','qux','baz']}", "[{'op':'remove','path':'/foo/1'}]",
          "{'foo':['bar','baz']}" },
        { "{'baz':'qux','foo':'bar'}", "[{'op':'replace','path':'/baz','value':'boo'}]",
          "{'baz':'boo','foo':'bar'}" },
        { "{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}",
          "[{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]",
          "{'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}" },
        { "{'foo':['all','grass','cows','eat']}", "[{'op':'move','from':'/foo/1','path':'/foo/3'}]",
          "{'foo':['all','cows','eat','grass']}" },
        { "{'baz':'qux','foo':['a',2,'c']}",
          "[{'op':'test','path':'/baz','value':'qux'},{'op':'test','path':'/foo/1','value':2}]",
          "{'baz':'qux','foo':['a',2,'c']}" },
        { "{'foo':'bar'}", "[{'op':'add','path':'/child','value':{'grandchild':{}}}]",
          "{'foo':'bar','child':{'grandchild':{}}}" },
        { "{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux','xyz':123}]",
          "{'foo':'bar','baz':'qux'}" },
        { "{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':10}]", "{'/':9,'~1':10}" },
        { "{'foo':['bar']}", "[{'op':'add','path':'/foo/-','value':['abc','def']}]",
          "{'foo':['bar',['abc','def']]}" },
        /* ours */
        { "{'a':{'b/c':1}}", "[{'op':'replace','path':'/a/b~1c','value':null}]",
          "{'a':{'b/c':null}}" },
        { "{'a':[1]}",
          "[{'op':'copy','from':'/a','path':'/b'},{'op':'add','path':'/b/-','value':2}]",
          "{'a':[1],'b':[1,2]}" },
        { "{'a':1}", "[{'op':'replace','path':'','value':{'b':2}}]", "{'b':2}" },
        { "{'a':1}", "[{'op':'test','path':'/b','value':null}]", "{'a':1}" },
        { "{'a':1}", "[{'op':'add','path':'/','value':1}]", "{'a':1,'':1}" },
        { "{'a':1}", "[{'op':'move','from':'/a','path':'/a'}]", "{'a':1}" },
        { "{'a':[1,2]}", "[{'op':'replace','path':'/a/1','value':3}]", "{'a':[1,3]}" },
        { "{}", "[]", "{}" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_patched(JSON_PATCH, NULL, EXAMPLES[i]);
}

static void json_patch_refuses_whole_when_one_operation_fails(void **state)
{
    (void)state;
    static const struct {
        const char *texts[3];
        enum ke_code code;
    } EXAMPLES[] = {
        { { "{'a':1}", "[{'op':'add','path':'/b','value':1},{'op':'test','path':'/a','value':2}]",
            "testing value /a failed: test failed" },
          KE_INVALID },
        { { "{'a':1}", "[{'op':'remove','path':'/b'}]", "missing path: \"/b\"" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'replace','path':'/b','value':1}]", "missing key" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'add','path':'/b/c','value':1}]", "missing path" }, KE_INVALID },
        { { "{'a':[1]}", "[{'op':'add','path':'/a/3','value':1}]", "invalid index" }, KE_INVALID },
        { { "{'a':[1]}", "[{'op':'add','path':'/a/01','value':1}]", "invalid index" }, KE_INVALID },
        { { "{'a':[1]}", "[{'op':'add','path':'/a/-1','value':1}]", "invalid index" }, KE_INVALID },
        { { "{'a':[1]}", "[{'op':'remove','path':'/a/-'}]", "missing path" }, KE_INVALID },
        { { "{'a':[1]}", "[{'op':'remove','path':'/a/1'}]", "missing path" }, KE_INVALID },
        { { "{'a':{'b':1}}", "[{'op':'move','from':'/a','path':'/a/b'}]", "inside" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'copy','from':'/x','path':'/b'}]", "missing path" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'remove','path':''}]", "whole object" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'jump','path':'/a'}]", "Unexpected kind: jump" }, KE_INVALID },
        { { "{'a':1}", "[{'path':'/a'}]", "Unexpected kind" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'remove','path':'a'}]", "missing path" }, KE_INVALID },
        { { "{'a':1}", "[{'op':'remove'}]", "without a path" }, KE_MALFORMED },
        { { "{'a':1}", "[{'op':'add','path':'/a'}]", "without a value" }, KE_MALFORMED },
        { { "{'a':1}", "[{'op':'move','path':'/a'}]", "without a from" }, KE_MALFORMED },
        { { "{'a':1}", "[1]", "without a path" }, KE_MALFORMED },
        { { "{'a':1}", "{'op':'add'}", "jsonpatch.Patch" }, KE_MALFORMED },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_refused(JSON_PATCH, NULL, EXAMPLES[i].texts, EXAMPLES[i].code);
}

static void json_patch_cannot_nest_or_grow_without_end(void **state)
{
    (void)state;
    ke_auto_json *target = parse("{\"a\":{}}");
    ke_auto_json *patch = cJSON_CreateArray();
    ke_auto_json *doubling = cJSON_CreateArray();
    for (int i = 0; i < 400; i++) {
        (void)cJSON_AddItemToArray(patch,
                                   parse("{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}"));
        (void)cJSON_AddItemToArray(patch, parse("{\"op\":\"add\",\"path\":\"/a\",\"value\":{}}"));
        (void)cJSON_AddItemToArray(patch,
                                   parse("{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/a/b\"}"));
        (void)cJSON_AddItemToArray(doubling,
                                   parse("{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}"));
    }
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(model_patch_json(&target, patch, &err), KE_TOO_LARGE);
    ke_auto_json *list = parse("{\"a\":[\"some text\"]}");
    assert_int_equal(model_patch_json(&list, doubling, &err), KE_TOO_LARGE);
}

static void merge_patch_follows_rfc_7396(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][3] = {
        { "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
        { "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}" },
        { "{'a':'b'}", "{'a':null}", "{}" },
        { "{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}" },
        { "{'a':['b']}", "{'a':'c'}", "{'a':'c'}" },
        { "{'a':'c'}", "{'a':['b']}", "{'a':['b']}" },
        { "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}" },
        { "{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}" },
        { "{'e':null}", "{'a':1}", "{'e':null,'a':1}" },
        { "{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_patched(MERGE_PATCH, NULL, EXAMPLES[i]);
    static const char *const LIST[3] = { "{'a':1}", "['c']", "Invalid JSON Patch" };
    assert_refused(MERGE_PATCH, NULL, LIST, KE_MALFORMED);
}

static void strategic_merges_lists_by_key_with_new_items_in_front(void **state)
{
    (void)state;
    static const char *const PORTS[3] = {
        "{'ports':[{'port':80,'protocol':'TCP','targetPort':80}]}",
        "{'ports':[{'port':81,'name':'b'},{'port':80,'name':'a'}]}",
        "{'ports':[{'port':81,'name':'b'},{'port':80,'protocol':'TCP','targetPort':80,"
        "'name':'a'}]}",
    };
    static const char *const NEW_PORT[3] = {
        "{'ports':[{'port':80}]}",
        "{'ports':[{'port':81}]}",
        "{'ports':[{'port':81},{'port':80}]}",
    };
    static const char *const ATOMIC[3] = { "{'loadBalancerSourceRanges':['10.0.0.0/8']}",
                                           "{'loadBalancerSourceRanges':['11.0.0.0/8']}",
                                           "{'loadBalancerSourceRanges':['11.0.0.0/8']}" };
    static const char *const SET[3] = { "{'finalizers':['a','b']}", "{'finalizers':['c','b']}",
                                        "{'finalizers':['c','a','b']}" };
    static const char *const MAP[3] = { "{'labels':{'a':'1','b':'2'}}",
                                        "{'labels':{'a':null,'c':'3'}}",
                                        "{'labels':{'b':'2','c':'3'}}" };
    static const char *const NULLS[3] = { "{'metadata':{'name':'a'}}",
                                          "{'spec':{'type':'NodePort','clusterIP':null}}",
                                          "{'metadata':{'name':'a'},'spec':{'type':'NodePort'}}" };
    assert_patched(STRATEGIC_PATCH, "core.v1.ServiceSpec", PORTS);
    assert_patched(STRATEGIC_PATCH, "core.v1.ServiceSpec", NEW_PORT);
    assert_patched(STRATEGIC_PATCH, "core.v1.ServiceSpec", ATOMIC);
    assert_patched(STRATEGIC_PATCH, "meta.v1.ObjectMeta", SET);
    assert_patched(STRATEGIC_PATCH, "meta.v1.ObjectMeta", MAP);
    assert_patched(STRATEGIC_PATCH, "core.v1.Service", NULLS);
}

static void strategic_obeys_patch_directives(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][3] = {
        { "{'containers':[{'name':'a','image':'1'},{'name':'b','image':'2'}]}",
          "{'containers':[{'name':'a','$patch':'delete'}]}",
          "{'containers':[{'name':'b','image':'2'}]}" },
        { "{'containers':[{'name':'a','image':'1'}]}",
          "{'containers':[{'$patch':'replace'},{'name':'c','image':'3'}]}",
          "{'containers':[{'name':'c','image':'3'}]}" },
        { "{'containers':[{'name':'a','image':'1','tty':true}]}",
          "{'containers':[{'name':'a','$patch':'delete'},{'name':'a','image':'2'}]}",
          "{'containers':[{'name':'a','image':'2'}]}" },
        { "{'nodeSelector':{'a':'1','b':'2'}}", "{'nodeSelector':{'$patch':'replace','c':'3'}}",
          "{'nodeSelector':{'c':'3'}}" },
        { "{'nodeSelector':{'a':'1'}}", "{'nodeSelector':{'$patch':'delete'}}",
          "{'nodeSelector':{}}" },
        { "{'hostname':'x'}", "{'nodeSelector':{'$patch':'delete'}}", "{'hostname':'x'}" },
        { "{'hostname':'x'}", "{'containers':[{'name':'a','$patch':'delete'},{'name':'b'}]}",
          "{'hostname':'x','containers':[{'name':'b'}]}" },
        { "{'containers':[{'name':'a','image':'1'}]}", "{'$patch':'replace','hostname':'y'}",
          "{'hostname':'y'}" },
        /* emptyDir goes when another source is set with $retainKeys */
        { "{'volumes':[{'name':'v','emptyDir':{}},{'name':'w','emptyDir':{}}]}",
          "{'volumes':[{'name':'v','$retainKeys':['name','hostPath'],'hostPath':{'path':'/x'}}]}",
          "{'volumes':[{'name':'v','hostPath':{'path':'/x'}},{'name':'w','emptyDir':{}}]}" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_patched(STRATEGIC_PATCH, "core.v1.PodSpec", EXAMPLES[i]);
    static const char *const STRATEGY[3] = {
        "{'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':1}}}",
        "{'strategy':{'$retainKeys':['type'],'type':'Recreate'}}",
        "{'strategy':{'type':'Recreate'}}",
    };
    assert_patched(STRATEGIC_PATCH, "apps.v1.DeploymentSpec", STRATEGY);
    static const char *const FINALIZERS[3] = { "{'finalizers':['a','b','c']}",
                                               "{'$deleteFromPrimitiveList/finalizers':['b','z']}",
                                               "{'finalizers':['a','c']}" };
    assert_patched(STRATEGIC_PATCH, "meta.v1.ObjectMeta", FINALIZERS);
}

static void strategic_obeys_set_element_order(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][3] = {
        { "{'containers':[{'name':'a'},{'name':'b'}]}",
          "{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}]}",
          "{'containers':[{'name':'b'},{'name':'a'}]}" },
        /* an item that only the server knows keeps its place between its neighbours */
        { "{'containers':[{'name':'a'},{'name':'s'},{'name':'b'}]}",
          "{'$setElementOrder/containers':[{'name':'a'},{'name':'b'},{'name':'c'}],"
          "'containers':[{'name':'c','image':'1'}]}",
          "{'containers':[{'name':'a'},{'name':'s'},{'name':'b'},{'name':'c','image':'1'}]}" },
        /* what kubectl apply sends when a container changed and one was removed */
        { "{'containers':[{'name':'a','image':'1'},{'name':'b','image':'1'}]}",
          "{'$setElementOrder/containers':[{'name':'a'}],'containers':[{'name':'a','image':'2'},"
          "{'$patch':'delete','name':'b'}]}",
          "{'containers':[{'name':'a','image':'2'}]}" },
        { "{'hostname':'x'}",
          "{'$setElementOrder/containers':[{'name':'a'},{'name':'b'}],"
          "'containers':[{'name':'a'},{'name':'b'}]}",
          "{'hostname':'x','containers':[{'name':'a'},{'name':'b'}]}" },
        { "{'hostname':'x'}", "{'$setElementOrder/containers':[{'name':'a'}]}",
          "{'hostname':'x'}" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_patched(STRATEGIC_PATCH, "core.v1.PodSpec", EXAMPLES[i]);
    static const char *const SET[3] = {
        "{'finalizers':['a','b','s']}",
        "{'$setElementOrder/finalizers':['c','b','a'],'finalizers':['c']}",
        "{'finalizers':['c','b','a','s']}",
    };
    assert_patched(STRATEGIC_PATCH, "meta.v1.ObjectMeta", SET);
}

static void strategic_refuses_what_upstream_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *texts[3];
        enum ke_code code;
    } EXAMPLES[] = {
        { { "{'containers':[{'name':'a'}]}", "{'containers':[{'image':'x'}]}",
            "does not contain declared merge key: name" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'containers':['x']}",
            "expected a map[string]interface {}, but received a string" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'containers':[{'name':'a','$patch':'merge'}]}",
            "merging lists cannot yet be specified in the patch" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'containers':[{'name':'a','$patch':'x'}]}",
            "unknown patch type: x" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'containers':[{'$patch':'delete'}]}",
            "does not contain declared merge key: name" },
          KE_MALFORMED },
        { { "{'nodeSelector':{'a':'b'}}", "{'nodeSelector':{'$patch':'x'}}",
            "unknown patch type: \"x\" in map" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'containers':[[1]]}",
            "lists of lists are not supported" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}",
            "{'$setElementOrder/containers':[{'name':'a'}],'containers':[{'name':'b'}]}",
            "The order in patch list:\n" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'$setElementOrder/containers':'a'}",
            "invalid patch format of setElementOrder list" },
          KE_MALFORMED },
        { { "{'containers':[{'name':'a'}]}", "{'$setElementOrder':['a']}",
            "invalid patch format of setElementOrder list" },
          KE_MALFORMED },
        { { "{'nodeSelector':{'a':'b'}}", "{'$deleteFromPrimitiveList':['a']}",
            "invalid patch format of primitive list" },
          KE_MALFORMED },
        { { "{'volumes':[{'name':'v'}]}",
            "{'volumes':[{'name':'v','$retainKeys':['name'],'emptyDir':{}}]}",
            "invalid patch format of retainKeys" },
          KE_MALFORMED },
        { { "{'foo':{}}", "{'foo':{}}",
            "unable to find api field in struct PodSpec for the json field \"foo\"" },
          KE_INVALID },
        { { "{'a':1}", "[]", "invalid JSON document" }, KE_MALFORMED },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_refused(STRATEGIC_PATCH, "core.v1.PodSpec", EXAMPLES[i].texts, EXAMPLES[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_patch_does_each_operation),
        cmocka_unit_test(json_patch_refuses_whole_when_one_operation_fails),
        cmocka_unit_test(json_patch_cannot_nest_or_grow_without_end),
        cmocka_unit_test(merge_patch_follows_rfc_7396),
        cmocka_unit_test(strategic_merges_lists_by_key_with_new_items_in_front),
        cmocka_unit_test(strategic_obeys_patch_directives),
        cmocka_unit_test(strategic_obeys_set_element_order),
        cmocka_unit_test(strategic_refuses_what_upstream_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
