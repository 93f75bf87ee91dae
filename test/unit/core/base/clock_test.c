/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/clock.h"
#include "test/support/base/test.h"

static void assert_age(int64_t seconds, const char *want)
{
    ke_auto_buf out = KE_BUF_INIT(100);
    ke_time_format_age(seconds, &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, want);
}

static void ages_are_those_of_kubectl(void **state)
{
    (void)state;
    enum { M = 60, H = 3600, D = 24 * H };
    const int64_t y = (int64_t)365 * D;
    assert_age(-2, "<invalid>");
    assert_age(-1, "0s");
    assert_age(0, "0s");
    assert_age(119, "119s");
    assert_age(2 * M, "2m");
    assert_age(2 * M + 5, "2m5s");
    assert_age(10 * M - 1, "9m59s");
    assert_age(10 * M + 5, "10m");
    assert_age(3 * H - 1, "179m");
    assert_age(3 * H, "3h");
    assert_age(3 * H + 12 * M, "3h12m");
    assert_age(8 * H - 1, "7h59m");
    assert_age(8 * H + 59 * M, "8h");
    assert_age(2 * D - 1, "47h");
    assert_age(2 * D, "2d");
    assert_age(2 * D + 3 * H, "2d3h");
    assert_age(8 * D - 1, "7d23h");
    assert_age(8 * D + 5 * H, "8d");
    assert_age(2 * y - 1, "729d");
    assert_age(2 * y, "2y");
    assert_age(2 * y + D, "2y1d");
    assert_age(8 * y - 1, "7y364d");
    assert_age(8 * y + 100 * D, "8y");
}

static void assert_time(int64_t unix_s, const char *want)
{
    ke_auto_buf out = KE_BUF_INIT(100);
    ke_time_format_s(unix_s, &out);
    int64_t back_us = 0;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_time_parse_us(ke_buf_str(&out), &back_us, &err), KE_OK);
    assert_true(back_us == unix_s * 1000000);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, want);
}

static void times_format_in_utc_and_parse_back(void **state)
{
    (void)state;
    assert_time(0, "1970-01-01T00:00:00Z");
    assert_time(-1, "1969-12-31T23:59:59Z");
    assert_time(951782400, "2000-02-29T00:00:00Z");
    assert_time(1709251199, "2024-02-29T23:59:59Z");
    assert_time(4107542400, "2100-03-01T00:00:00Z");
    assert_time(253402300799, "9999-12-31T23:59:59Z");
    assert_time(-62135596800, "0001-01-01T00:00:00Z"); /* Go's zero time */
}

static void micro_times_have_six_digits(void **state)
{
    (void)state;
    ke_auto_buf out = KE_BUF_INIT(100);
    ke_time_format_us(1500000000000042, &out);
    assert_true(ke_str_eq_c(ke_buf_str(&out), "2017-07-14T02:40:00.000042Z"));
    ke_buf_clear(&out);
    ke_time_format_us(-1, &out);
    assert_true(ke_str_eq_c(ke_buf_str(&out), "1969-12-31T23:59:59.999999Z"));
}

static void offsets_and_fractions_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_us;
    } cases[] = {
        { "2017-07-14T04:40:00+02:00", 1500000000000000 },
        { "2017-07-13T21:10:00-05:30", 1500000000000000 },
        { "2017-07-14t02:40:00z", 1500000000000000 },
        { "2017-07-14T02:40:00.5Z", 1500000000500000 },
        { "2017-07-14T02:40:00.123456789Z", 1500000000123456 },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        int64_t us = 0;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_time_parse_us(ke_str_c(cases[i].text), &us, &err), KE_OK);
        assert_true(us == cases[i].want_us);
    }
}

static void what_is_not_a_time_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "2017-07-14",
        "2017-07-14T02:40:00",
        "2017-07-14 02:40:00Z",
        "2017-13-14T02:40:00Z",
        "2017-00-14T02:40:00Z",
        "2017-02-29T02:40:00Z",
        "1900-02-29T02:40:00Z",
        "2017-07-32T02:40:00Z",
        "2017-07-14T24:00:00Z",
        "2017-07-14T02:60:00Z",
        "2017-07-14T02:40:60Z",
        "2017-07-14T02:40:00.Z",
        "2017-07-14T02:40:00+0200",
        "2017-07-14T02:40:00+24:00",
        "2017-07-14T02:40:00ZZ",
        "2017-7-14T02:40:00Z",
        "-017-07-14T02:40:00Z",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(BAD); i++) {
        int64_t us = 7;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_time_parse_us(ke_str_c(BAD[i]), &us, &err), KE_MALFORMED);
        assert_true(us == 7);
    }
}

static void the_system_clock_moves_forward(void **state)
{
    (void)state;
    int64_t before_ns = ke_now_ns();
    assert_true(ke_clock_system.now_ns(ke_clock_system.ctx) >= before_ns);
    int64_t wall_us = ke_clock_system.wall_us(ke_clock_system.ctx);
    assert_true(wall_us > 1600000000000000);
    assert_true(ke_wall_s() >= wall_us / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_are_those_of_kubectl),
        cmocka_unit_test(times_format_in_utc_and_parse_back),
        cmocka_unit_test(micro_times_have_six_digits),
        cmocka_unit_test(offsets_and_fractions_are_read),
        cmocka_unit_test(what_is_not_a_time_is_refused),
        cmocka_unit_test(the_system_clock_moves_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
