/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities: examples from apimachinery's documentation and tests of its own rules. */
#include "core/model/quantity.h"
#include "test/support/base/test.h"

static void assert_canonical(const char *text, const char *expected)
{
    struct model_quantity quantity;
    struct ke_err err = KE_ERR_INIT;
    if (model_quantity_parse(ke_str_c(text), &quantity, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    char memory[128];
    struct ke_buf out = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    model_quantity_format(&quantity, &out);
    memory[out.len] = '\0';
    if (strcmp(memory, expected) != 0)
        fail_msg("%s: %s, expected %s", text, memory, expected);
}

static struct model_quantity parse(const char *text)
{
    struct model_quantity quantity = { .value = 0 };
    struct ke_err err = KE_ERR_INIT;
    if (model_quantity_parse(ke_str_c(text), &quantity, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return quantity;
}

static void canonical_form_has_the_largest_suffix_without_a_fraction(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][2] = {
        { "0", "0" },
        { "0n", "0" },
        { "-0", "0" },
        { "0Ki", "0" },
        { "1000m", "1" },
        { "1.5", "1500m" },
        { "0.5", "500m" },
        { "100m", "100m" },
        { "1024Mi", "1Gi" },
        { "1.5Gi", "1536Mi" },
        { "512Mi", "512Mi" },
        { "1000Ki", "1000Ki" },
        { "1Ki", "1Ki" },
        { "0.5Ki", "512" },
        { "1000k", "1M" },
        { "12e6", "12e6" },
        { "1e3", "1e3" },
        { "1E3", "1e3" },
        { "1E", "1E" },
        { "1000E", "1e21" },
        { "123456", "123456" },
        { "1234567890", "1234567890" },
        { "100Ti", "100Ti" },
        { "-1.5", "-1500m" },
        { "-1024Mi", "-1Gi" },
        { "+2", "2" },
        { "007", "7" },
        { ".5", "500m" },
        { "5.", "5" },
        { "1.1Ki", "1126400m" },
        { "0.9n", "1n" },
        { "0.0000000001", "1n" },
        { "1.0000000001", "1000000001n" },
        { "1.2345", "1234500u" },
        { "1e-9", "1e-9" },
        { "1.5e-3", "1500e-6" },
        { "18446744073709551616", "18446744073709551616" },
        { "8Ei", "9223372036854775807" },
        { "100000Ei", "9223372036854775807" },
        { "10", "10" },
        { "1000", "1k" },
        { "100e-1", "10" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_canonical(EXAMPLES[i][0], EXAMPLES[i][1]);
}

static void refuses_what_is_no_quantity_in_upstreams_words(void **state)
{
    (void)state;
    static const char FORM[] = "quantities must match the regular expression "
                               "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    static const char SUFFIX[] = "unable to parse quantity's suffix";
    static const char NUMBER[] = "unable to parse numeric part of quantity";
    static const struct {
        const char *text;
        const char *message;
    } EXAMPLES[] = {
        { "", FORM },
        { "abc", FORM },
        { "1 Gi", FORM },
        { "1.2.3", FORM },
        { "1Gix", FORM },
        { "--1", FORM },
        { "1KiKi", SUFFIX },
        { "1mi", SUFFIX },
        { "1K", SUFFIX },
        { "1ee3", SUFFIX },
        { "1e", SUFFIX },
        { "1Gi3", SUFFIX },
        { ".", NUMBER },
        { "1e99999999999999999999", SUFFIX },
        { "1234567890123456789012345678901234567890", NUMBER },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        struct model_quantity quantity;
        struct ke_err err = KE_ERR_INIT;
        enum ke_code rc = model_quantity_parse(ke_str_c(EXAMPLES[i].text), &quantity, &err);
        if (rc != KE_MALFORMED || strcmp(err.msg, EXAMPLES[i].message) != 0)
            fail_msg("%s: %d %s", EXAMPLES[i].text, (int)rc, err.msg);
    }
}

static void compares_by_value(void **state)
{
    (void)state;
    /* Rising; each is compared with each. */
    static const char *const RISING[] = {
        "-1Gi", "-1",  "-1n", "0",   "1n", "1m",   "999m", "1",
        "1k",   "1Ki", "1M",  "1Mi", "1G", "1.5G", "1E",   "1e30"
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(RISING); i++) {
        for (size_t k = 0; k < KE_ARRAY_LEN(RISING); k++) {
            struct model_quantity a = parse(RISING[i]);
            struct model_quantity b = parse(RISING[k]);
            assert_int_equal(model_quantity_cmp(&a, &b), i < k ? -1 : i > k);
        }
    }
    struct model_quantity a = parse("1000m");
    struct model_quantity b = parse("1");
    assert_int_equal(model_quantity_cmp(&a, &b), 0);
}

static void adds_and_subtracts_in_the_form_of_the_first(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *sum, *difference;
    } EXAMPLES[] = {
        { "1Gi", "512Mi", "1536Mi", "512Mi" },
        { "1", "500m", "1500m", "500m" },
        { "500m", "1", "1500m", "-500m" },
        { "0", "1Gi", "1Gi", "-1Gi" },
        { "1Gi", "0", "1Gi", "1Gi" },
        { "1", "1", "2", "0" },
        { "-1", "2", "1", "-3" },
        { "1Gi", "1", "1073741825", "1073741823" },
        { "1", "1Ki", "1025", "-1023" },
        { "0", "0", "0", "0" },
        { "1n", "1", "1000000001n", "-999999999n" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        struct model_quantity a = parse(EXAMPLES[i].a);
        struct model_quantity b = parse(EXAMPLES[i].b);
        struct model_quantity result;
        char text[64];
        struct ke_buf out = KE_BUF_FIXED(text, sizeof(text));
        model_quantity_add(&a, &b, &result);
        model_quantity_format(&result, &out);
        if (!ke_str_eq_c(ke_buf_str(&out), EXAMPLES[i].sum))
            fail_msg("%s + %s = %.*s", EXAMPLES[i].a, EXAMPLES[i].b, KE_STR_ARG(ke_buf_str(&out)));
        ke_buf_clear(&out);
        model_quantity_sub(&a, &b, &result);
        model_quantity_format(&result, &out);
        if (!ke_str_eq_c(ke_buf_str(&out), EXAMPLES[i].difference))
            fail_msg("%s - %s = %.*s", EXAMPLES[i].a, EXAMPLES[i].b, KE_STR_ARG(ke_buf_str(&out)));
    }
}

/* What is too large for its digits is the largest there is, and never wraps. */
static void sums_saturate(void **state)
{
    (void)state;
    struct model_quantity huge = parse("99999999999999999999999999999999999999");
    struct model_quantity far = parse("1e900000");
    struct model_quantity tiny = parse("1n");
    struct model_quantity result;
    model_quantity_add(&huge, &huge, &result);
    assert_int_equal(model_quantity_cmp(&result, &huge), 0);
    model_quantity_add(&far, &tiny, &result);
    assert_true(model_quantity_cmp(&result, &tiny) > 0);
    model_quantity_sub(&tiny, &far, &result);
    assert_true(result.is_negative);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form_has_the_largest_suffix_without_a_fraction),
        cmocka_unit_test(refuses_what_is_no_quantity_in_upstreams_words),
        cmocka_unit_test(compares_by_value),
        cmocka_unit_test(adds_and_subtracts_in_the_form_of_the_first),
        cmocka_unit_test(sums_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
