/* SPDX-License-Identifier: Apache-2.0 */
/* Which class a new Ingress gets when it names none. */
#include <stdlib.h>

#include "test/support/resources.h"

static const char plain[] = "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"defaultBackend\":"
                            "{\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}}}}";

static void make_class(struct test_resources *r, const char *body)
{
    assert_int_equal(test_create(r, MODEL_INGRESSCLASS, "", body), KE_OK);
}

#define DEFAULT_CLASS(name)                                                                        \
    "{\"metadata\":{\"name\":\"" name                                                              \
    "\",\"annotations\":{\"ingressclass.kubernetes.io/is-default-class\":\"true\"}},"              \
    "\"spec\":{\"controller\":\"example.com/c\"}}"

static void without_a_default_class_it_stays_without(void **state)
{
    struct test_resources *r = *state;
    make_class(r,
               "{\"metadata\":{\"name\":\"plain\"},\"spec\":{\"controller\":\"example.com/c\"}}");
    assert_int_equal(test_create(r, MODEL_INGRESS, "default", plain), KE_OK);
    assert_string_equal(test_field(r, "spec.ingressClassName"), "");
}

static void the_default_class_is_filled_in(void **state)
{
    struct test_resources *r = *state;
    make_class(r, DEFAULT_CLASS("first"));
    assert_int_equal(test_create(r, MODEL_INGRESS, "default", plain), KE_OK);
    assert_string_equal(test_field(r, "spec.ingressClassName"), "first");
}

static void the_newest_default_class_wins_and_then_the_lower_name(void **state)
{
    struct test_resources *r = *state;
    make_class(r, DEFAULT_CLASS("aaa"));
    r->wall_us += 5000000;
    make_class(r, DEFAULT_CLASS("zzz"));
    make_class(r, DEFAULT_CLASS("mmm"));
    assert_int_equal(test_create(r, MODEL_INGRESS, "default", plain), KE_OK);
    assert_string_equal(test_field(r, "spec.ingressClassName"), "mmm");
}

static void a_named_class_or_annotation_is_left_alone(void **state)
{
    struct test_resources *r = *state;
    make_class(r, DEFAULT_CLASS("first"));
    assert_int_equal(test_create(r, MODEL_INGRESS, "default",
                                 "{\"metadata\":{\"name\":\"a\",\"annotations\":"
                                 "{\"kubernetes.io/ingress.class\":\"nginx\"}},\"spec\":"
                                 "{\"defaultBackend\":{\"service\":{\"name\":\"s\",\"port\":"
                                 "{\"number\":80}}}}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.ingressClassName"), "");
    assert_int_equal(test_create(r, MODEL_INGRESS, "default",
                                 "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"ingressClassName\":"
                                 "\"other\",\"defaultBackend\":{\"service\":{\"name\":\"s\","
                                 "\"port\":{\"number\":80}}}}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.ingressClassName"), "other");
}

int main(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(without_a_default_class_it_stays_without),
        CASE(the_default_class_is_filled_in),
        CASE(the_newest_default_class_wins_and_then_the_lower_name),
        CASE(a_named_class_or_annotation_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
