/* SPDX-License-Identifier: Apache-2.0 */
/* Time and its text forms. Days are turned into dates by Howard Hinnant's arithmetic: no time zone
 * tables, no shared state. Any thread. */
#include "core/base/clock.h"

#include <time.h>

int64_t ke_now_ns(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * KE_S + t.tv_nsec;
}

int64_t ke_wall_us(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t system_now_ns(void *ctx KE_UNUSED)
{
    return ke_now_ns();
}

static int64_t system_wall_us(void *ctx KE_UNUSED)
{
    return ke_wall_us();
}

const struct ke_clock ke_clock_system = { .now_ns = system_now_ns, .wall_us = system_wall_us };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static void date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = floor_div(days, 146097);
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

static int64_t days_from_date(int64_t year, int month, int day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = floor_div(year, 400);
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void format_seconds(int64_t unix_s, struct ke_buf *out)
{
    int64_t days = floor_div(unix_s, 86400);
    int second = (int)(unix_s - days * 86400);
    int64_t year = 0;
    int month = 0;
    int day = 0;
    date_from_days(days, &year, &month, &day);
    ke_buf_addf(out, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year, month, day, second / 3600,
                second / 60 % 60, second % 60);
}

void ke_time_format_s(int64_t unix_s, struct ke_buf *out)
{
    format_seconds(unix_s, out);
    ke_buf_add_char(out, 'Z');
}

void ke_time_format_us(int64_t unix_us, struct ke_buf *out)
{
    int64_t unix_s = floor_div(unix_us, 1000000);
    format_seconds(unix_s, out);
    ke_buf_addf(out, ".%06dZ", (int)(unix_us - unix_s * 1000000));
}

/* Takes n digits off the front; -1 when they are not there. */
static int take_digits(struct ke_str *text, size_t n)
{
    if (text->len < n)
        return -1;
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return -1;
        value = value * 10 + (text->ptr[i] - '0');
    }
    *text = ke_str_sub(*text, n, text->len);
    return value;
}

static bool take_char(struct ke_str *text, const char *one_of)
{
    if (text->len == 0 || text->ptr[0] == '\0' || strchr(one_of, text->ptr[0]) == NULL)
        return false;
    *text = ke_str_sub(*text, 1, text->len);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int DAYS[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : DAYS[month - 1];
}

static bool take_date(struct ke_str *text, int64_t *out_days)
{
    int year = take_digits(text, 4);
    if (year < 0 || !take_char(text, "-"))
        return false;
    int month = take_digits(text, 2);
    if (month < 1 || month > 12 || !take_char(text, "-"))
        return false;
    int day = take_digits(text, 2);
    if (day < 1 || day > days_in_month(year, month))
        return false;
    *out_days = days_from_date(year, month, day);
    return true;
}

static bool take_time(struct ke_str *text, int64_t *out_us)
{
    int hour = take_digits(text, 2);
    if (hour < 0 || hour > 23 || !take_char(text, ":"))
        return false;
    int minute = take_digits(text, 2);
    if (minute < 0 || minute > 59 || !take_char(text, ":"))
        return false;
    int second = take_digits(text, 2);
    if (second < 0 || second > 59)
        return false;
    int64_t us = 0;
    if (take_char(text, ".")) {
        int64_t scale = 100000;
        int digit = take_digits(text, 1);
        if (digit < 0)
            return false;
        for (; digit >= 0; digit = take_digits(text, 1)) {
            us += digit * scale; /* digits past the sixth are dropped */
            scale /= 10;
        }
    }
    *out_us = ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + us;
    return true;
}

static bool take_offset(struct ke_str *text, int64_t *out_us)
{
    *out_us = 0;
    if (take_char(text, "Zz"))
        return true;
    bool is_west = text->len > 0 && text->ptr[0] == '-';
    if (!take_char(text, "+-"))
        return false;
    int hour = take_digits(text, 2);
    if (hour < 0 || hour > 23 || !take_char(text, ":"))
        return false;
    int minute = take_digits(text, 2);
    if (minute < 0 || minute > 59)
        return false;
    int64_t us = ((int64_t)hour * 60 + minute) * 60 * 1000000;
    *out_us = is_west ? -us : us;
    return true;
}

enum ke_code ke_time_parse_us(struct ke_str text, int64_t *out_us, struct ke_err *err)
{
    struct ke_str rest = text;
    int64_t days = 0;
    int64_t us = 0;
    int64_t offset_us = 0;
    if (!take_date(&rest, &days) || !take_char(&rest, "Tt") || !take_time(&rest, &us) ||
        !take_offset(&rest, &offset_us) || rest.len > 0)
        return ke_fail(err, KE_MALFORMED, "\"%.*s\" is not an RFC 3339 time",
                       text.len > 64 ? 64 : (int)text.len, text.len > 0 ? text.ptr : "");
    *out_us = days * 86400 * 1000000 + us - offset_us;
    return KE_OK;
}

/* "3h12m": the second part is left out when it is nothing. */
static void format_pair(struct ke_buf *out, int64_t a, char unit_a, int64_t b, char unit_b)
{
    ke_buf_add_i64(out, a);
    ke_buf_add_char(out, unit_a);
    if (b == 0 || unit_b == '\0')
        return;
    ke_buf_add_i64(out, b);
    ke_buf_add_char(out, unit_b);
}

/* Source: HumanDuration of k8s.io/apimachinery/pkg/util/duration. */
void ke_time_format_age(int64_t seconds, struct ke_buf *out)
{
    int64_t minutes = seconds / 60;
    int64_t hours = seconds / 3600;
    int64_t days = hours / 24;
    if (seconds < -1)
        ke_buf_add_c(out, "<invalid>");
    else if (seconds < 0)
        ke_buf_add_c(out, "0s");
    else if (seconds < 120)
        format_pair(out, seconds, 's', 0, '\0');
    else if (minutes < 10)
        format_pair(out, minutes, 'm', seconds % 60, 's');
    else if (minutes < 180)
        format_pair(out, minutes, 'm', 0, '\0');
    else if (hours < 8)
        format_pair(out, hours, 'h', minutes % 60, 'm');
    else if (hours < 48)
        format_pair(out, hours, 'h', 0, '\0');
    else if (days < 8)
        format_pair(out, days, 'd', hours % 24, 'h');
    else if (days < 365 * 2)
        format_pair(out, days, 'd', 0, '\0');
    else if (days < 365 * 8)
        format_pair(out, days / 365, 'y', days % 365, 'd');
    else
        format_pair(out, days / 365, 'y', 0, '\0');
}
