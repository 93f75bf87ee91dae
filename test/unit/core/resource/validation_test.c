/* SPDX-License-Identifier: Apache-2.0 */
/* fieldValidation: unknown and repeated fields of every kind of write, refused, told or ignored. */
#include <stdio.h>

#include "test/support/resources.h"

enum how { STRICT, WARN, IGNORE };

static enum ke_code write_as(struct test_resources *r, struct resource_request request,
                             enum how how, const char *body)
{
    request.ns = KE_STR("default");
    request.is_strict = how == STRICT;
    request.is_warning = how == WARN;
    return test_write(r, request, body);
}

static struct resource_request create_of(enum model_kind_id kind)
{
    return (struct resource_request){ .verb = RESOURCE_CREATE, .kind = model_kind_by_id(kind) };
}

static struct resource_request patch_of(enum resource_patch patch)
{
    return (struct resource_request){ .verb = RESOURCE_PATCH,
                                      .kind = model_kind_by_id(MODEL_DEPLOYMENT),
                                      .name = KE_STR("d"),
                                      .patch = patch };
}

#define BAD                                                                                        \
    "{\"metadata\":{\"name\":\"d\",\"nope\":1},\"spec\":{\"unknown1\":\"a\",\"unknownDupe\":"      \
    "\"b\",\"unknownDupe\":\"c\",\"paused\":true,\"paused\":false,\"selector\":{\"matchLabels\":"  \
    "{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\",\"a\":\"b\"}},\"spec\":{"  \
    "\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"unknownNested\":1,\"imagePullPolicy\":"     \
    "\"Always\",\"imagePullPolicy\":\"Never\"}]}}}}"
#define GOOD                                                                                       \
    "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"       \
    "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"   \
    "\"c\",\"image\":\"i\"}]}}}}"

static void strict_refuses_unknown_and_repeated_fields(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write_as(r, create_of(MODEL_DEPLOYMENT), STRICT, BAD), KE_MALFORMED);
    assert_string_equal(
        r->message,
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: "
        "unknown field \"metadata.nope\", unknown field \"spec.unknown1\", unknown field "
        "\"spec.unknownDupe\", duplicate field \"spec.paused\", duplicate field "
        "\"spec.template.metadata.labels.a\", unknown field "
        "\"spec.template.spec.containers[0].unknownNested\", duplicate field "
        "\"spec.template.spec.containers[0].imagePullPolicy\"");
    assert_false(test_exists(r, MODEL_DEPLOYMENT, "default", "d"));
}

static void warn_tells_and_takes_the_last(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write_as(r, create_of(MODEL_DEPLOYMENT), WARN, BAD), KE_OK);
    assert_string_equal(r->warnings, "unknown field \"metadata.nope\"\n"
                                     "unknown field \"spec.unknown1\"\n"
                                     "unknown field \"spec.unknownDupe\"\n"
                                     "duplicate field \"spec.paused\"\n"
                                     "duplicate field \"spec.template.metadata.labels.a\"\n"
                                     "unknown field \"spec.template.spec.containers[0]."
                                     "unknownNested\"\n"
                                     "duplicate field \"spec.template.spec.containers[0]."
                                     "imagePullPolicy\"\n");
    assert_string_equal(test_field(r, "spec.template.spec.containers.0.imagePullPolicy"), "Never");
    assert_string_equal(test_field(r, "spec.unknown1"), "");
}

static void ignore_says_nothing(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write_as(r, create_of(MODEL_DEPLOYMENT), IGNORE, BAD), KE_OK);
    assert_string_equal(r->warnings, "");
}

static void an_update_is_held_to_the_same(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write_as(r, create_of(MODEL_DEPLOYMENT), STRICT, GOOD), KE_OK);
    struct resource_request update = { .verb = RESOURCE_UPDATE,
                                       .kind = model_kind_by_id(MODEL_DEPLOYMENT),
                                       .name = KE_STR("d") };
    assert_int_equal(write_as(r, update, STRICT, BAD), KE_MALFORMED);
    assert_non_null(strstr(r->message, "duplicate field \"spec.paused\""));
    assert_int_equal(write_as(r, update, WARN, BAD), KE_OK);
    assert_non_null(strstr(r->warnings, "duplicate field \"spec.paused\"\n"));
}

/* In patches what stands twice is found in the patch; what is unknown in what comes of it. */
static void patches_are_held_to_the_same(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write_as(r, create_of(MODEL_DEPLOYMENT), STRICT, GOOD), KE_OK);
    const enum resource_patch patches[] = { RESOURCE_PATCH_MERGE, RESOURCE_PATCH_STRATEGIC };
    for (size_t i = 0; i < KE_ARRAY_LEN(patches); i++) {
        const char *body = "{\"spec\":{\"paused\":true,\"paused\":false},\"metadata\":{\"labels\":"
                           "{\"x\":null,\"x\":null}}}";
        assert_int_equal(write_as(r, patch_of(patches[i]), STRICT, body), KE_INVALID);
        assert_non_null(strstr(r->issues, "patch: Invalid value: "));
        assert_non_null(strstr(r->issues, "strict decoding error: duplicate field \"spec.paused\", "
                                          "duplicate field \"metadata.labels.x\"\n"));
        assert_int_equal(write_as(r, patch_of(patches[i]), WARN, body), KE_OK);
        assert_string_equal(r->warnings, "duplicate field \"spec.paused\"\n"
                                         "duplicate field \"metadata.labels.x\"\n");
    }
    assert_int_equal(
        write_as(r, patch_of(RESOURCE_PATCH_MERGE), STRICT, "{\"spec\":{\"nope\":1,\"nope\":2}}"),
        KE_INVALID);
    assert_non_null(strstr(r->issues, "strict decoding error: duplicate field \"spec.nope\", "
                                      "unknown field \"spec.nope\"\n"));
    assert_int_equal(write_as(r, patch_of(RESOURCE_PATCH_JSON), STRICT,
                              "[{\"op\":\"add\",\"path\":\"/spec/nope\",\"value\":1}]"),
                     KE_INVALID);
    assert_non_null(strstr(r->issues, "strict decoding error: unknown field \"spec.nope\"\n"));
    assert_int_equal(write_as(r, patch_of(RESOURCE_PATCH_JSON), WARN,
                              "[{\"op\":\"add\",\"path\":\"/spec/nope\",\"value\":1}]"),
                     KE_OK);
    assert_string_equal(r->warnings, "unknown field \"spec.nope\"\n");
}

static void yaml_is_refused_in_the_words_of_its_decoder(void **state)
{
    struct test_resources *r = *state;
    struct resource_request create = create_of(MODEL_DEPLOYMENT);
    create.yaml_duplicates =
        KE_STR("  line 3: key \"a\" already set in map\n  line 9: key \"b\" already set in map");
    assert_int_equal(write_as(r, create, STRICT, GOOD), KE_MALFORMED);
    assert_string_equal(r->message,
                        "Deployment in version \"v1\" cannot be handled as a Deployment: strict "
                        "decoding error: yaml: unmarshal errors:\n  line 3: key \"a\" already set "
                        "in map\n  line 9: key \"b\" already set in map");
    assert_int_equal(write_as(r, create, WARN, GOOD), KE_OK);
    assert_string_equal(r->warnings, "line 3: key \"a\" already set in map\n"
                                     "line 9: key \"b\" already set in map\n");
}

int main(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(strict_refuses_unknown_and_repeated_fields),
        CASE(warn_tells_and_takes_the_last),
        CASE(ignore_says_nothing),
        CASE(an_update_is_held_to_the_same),
        CASE(patches_are_held_to_the_same),
        CASE(yaml_is_refused_in_the_words_of_its_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
