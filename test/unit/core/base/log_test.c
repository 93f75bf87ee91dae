/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "test/support/base/test.h"

static char log_path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(log_path, sizeof(log_path), "/tmp/kedge-log-test.XXXXXX");
    int fd = mkstemp(log_path);
    if (fd < 0)
        return -1;
    return close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    ke_log_close();
    return unlink(log_path);
}

static void start_log(enum ke_log_level level, enum ke_log_format format)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_log_open(level, format, log_path, &err), KE_OK);
}

/* The file's lines; the caller frees the buffer. */
static void read_log(struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_file_read(log_path, out, &err), KE_OK);
}

/* Takes a line off the front, checks its time and gives the rest. */
static struct ke_str next_line(struct ke_str *rest)
{
    struct ke_str line = { NULL, 0 };
    assert_true(ke_str_split(rest, '\n', &line));
    assert_true(line.len > 28);
    assert_int_equal(line.ptr[26], 'Z');
    return ke_str_sub(line, 28, line.len);
}

static void text_lines_quote_what_needs_it(void **state)
{
    (void)state;
    start_log(KE_LOG_DEBUG, KE_LOG_TEXT);
    struct ke_err err = KE_ERR_INIT;
    (void)ke_fail(&err, KE_IO, "no \"space\"\nleft");
    ke_log(KE_LOG_WARN, "proxy.apply_failed", KV_U("generation", UINT64_MAX), KV_ERR(&err));
    ke_log(KE_LOG_INFO, "ready", KV_I("delta", -5), KV_C("name", "web-1"),
           KV_S("empty", KE_STR("")));
    ke_auto_buf text = KE_BUF_INIT(1 << 16);
    read_log(&text);
    struct ke_str rest = ke_buf_str(&text);
    assert_true(ke_str_eq_c(
        next_line(&rest),
        "warn  proxy.apply_failed generation=18446744073709551615 err=\"no \\\"space\\\"\\nleft\""));
    assert_true(ke_str_eq_c(next_line(&rest), "info  ready delta=-5 name=web-1 empty=\"\""));
    assert_true(ke_str_is_empty(rest));
}

static void json_lines_are_json(void **state)
{
    (void)state;
    start_log(KE_LOG_INFO, KE_LOG_JSON);
    ke_log(KE_LOG_ERROR, "store.disk_full", KV_C("path", "/x \"y\""), KV_U("bytes", 5),
           KV_S("raw", KE_STR("\xff")));
    ke_auto_buf text = KE_BUF_INIT(1 << 16);
    read_log(&text);
    ke_auto_json *line = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &line, &err), KE_OK);
    assert_true(ke_str_eq_c(ke_json_str(line, "level"), "error"));
    assert_true(ke_str_eq_c(ke_json_str(line, "event"), "store.disk_full"));
    assert_true(ke_str_eq_c(ke_json_str(line, "path"), "/x \"y\""));
    assert_true(ke_json_i64(line, "bytes", 0) == 5);
    assert_true(ke_str_eq_c(ke_json_str(line, "raw"), "\xef\xbf\xbd"));
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    start_log(KE_LOG_WARN, KE_LOG_TEXT);
    assert_false(ke_log_is_on(KE_LOG_INFO));
    assert_true(ke_log_is_on(KE_LOG_WARN));
    ke_log(KE_LOG_INFO, "quiet", KV_U("n", 1));
    ke_auto_buf text = KE_BUF_INIT(1 << 16);
    read_log(&text);
    assert_int_equal(text.len, 0);
}

static void long_lines_stay_whole_json_within_the_limit(void **state)
{
    (void)state;
    start_log(KE_LOG_INFO, KE_LOG_JSON);
    static char big[20000];
    memset(big, '\x01', sizeof(big) - 1);
    ke_log(KE_LOG_INFO, "big", KV_C("a", big), KV_C("b", big), KV_U("n", 7));
    ke_auto_buf text = KE_BUF_INIT(1 << 16);
    read_log(&text);
    assert_true(text.len <= LIMIT_LOG_LINE_BYTES);
    ke_auto_json *line = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &line, &err), KE_OK);
    assert_true(ke_json_i64(line, "cut", 0) == 1);
    assert_true(ke_json_i64(line, "n", 0) == 7);
}

static unsigned count_lines(void)
{
    ke_auto_buf text = KE_BUF_INIT(1 << 22);
    read_log(&text);
    unsigned n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n' ? 1 : 0;
    return n;
}

static void repeats_are_counted_instead_of_written(void **state)
{
    (void)state;
    start_log(KE_LOG_DEBUG, KE_LOG_TEXT);
    for (unsigned i = 0; i < LIMIT_LOG_REPEAT + 50; i++)
        ke_log(KE_LOG_WARN, "flood", KV_U("i", i));
    assert_int_equal(count_lines(), LIMIT_LOG_REPEAT);
    ke_log(KE_LOG_WARN, "another", KV_U("i", 0));
    for (unsigned i = 0; i < 100; i++) /* who asks for debug wants all */
        ke_log(KE_LOG_DEBUG, "request", KV_U("i", i));
    assert_int_equal(count_lines(), LIMIT_LOG_REPEAT + 101);
}

static void reopen_follows_a_rotated_file(void **state)
{
    (void)state;
    start_log(KE_LOG_INFO, KE_LOG_TEXT);
    ke_log(KE_LOG_INFO, "before", KV_U("n", 1));
    char old_path[80];
    (void)snprintf(old_path, sizeof(old_path), "%s.1", log_path);
    assert_int_equal(rename(log_path, old_path), 0);
    ke_log(KE_LOG_INFO, "still.old", KV_U("n", 2));
    ke_log_reopen();
    ke_log(KE_LOG_INFO, "after", KV_U("n", 3));
    assert_int_equal(count_lines(), 1);
    assert_int_equal(unlink(old_path), 0);
}

static void a_log_that_cannot_be_opened_is_an_error(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_log_open(KE_LOG_INFO, KE_LOG_TEXT, "/nonexistent/x.log", &err), KE_IO);
    assert_string_equal(err.msg, "open the log /nonexistent/x.log: No such file or directory");
}

enum { N_WRITERS = 4, N_LINES = 500 };

static void write_lines(void *ctx)
{
    for (unsigned i = 0; i < N_LINES; i++)
        ke_log(KE_LOG_DEBUG, "line", KV_C("fill", ctx), KV_C("end", "END"));
}

static void lines_of_many_threads_are_whole(void **state)
{
    (void)state;
    start_log(KE_LOG_DEBUG, KE_LOG_TEXT);
    struct ke_thread threads[N_WRITERS] = { { .is_started = false } };
    struct ke_err err = KE_ERR_INIT;
    char fill[] = "0123456789abcdef0123456789abcdef0123456789abcdef";
    for (size_t i = 0; i < N_WRITERS; i++)
        assert_int_equal(ke_thread_start(&threads[i], "writer", write_lines, fill, &err), KE_OK);
    for (size_t i = 0; i < N_WRITERS; i++)
        ke_thread_join(&threads[i]);
    ke_auto_buf text = KE_BUF_INIT(1 << 22);
    read_log(&text);
    struct ke_str rest = ke_buf_str(&text);
    for (unsigned i = 0; i < N_WRITERS * N_LINES; i++) {
        struct ke_str line = next_line(&rest);
        assert_true(ke_str_has_prefix(line, KE_STR("debug line fill=0123")));
        assert_true(ke_str_has_suffix(line, KE_STR(" end=END")));
    }
    assert_true(ke_str_is_empty(rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_lines_quote_what_needs_it, make_path, remove_path),
        cmocka_unit_test_setup_teardown(json_lines_are_json, make_path, remove_path),
        cmocka_unit_test_setup_teardown(lines_below_the_level_are_not_written, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(long_lines_stay_whole_json_within_the_limit, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(repeats_are_counted_instead_of_written, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(reopen_follows_a_rotated_file, make_path, remove_path),
        cmocka_unit_test(a_log_that_cannot_be_opened_is_an_error),
        cmocka_unit_test_setup_teardown(lines_of_many_threads_are_whole, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
