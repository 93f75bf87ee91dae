/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge token create | list | delete: bootstrap tokens, in the form and with the words that users
 * of kubeadm know. Talks to the running agent over its local socket.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/kedge/command.h"
#include "core/auth/bootstrap.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/rand.h"

#define SECRETS_PATH  "/api/v1/namespaces/" BOOTSTRAP_NAMESPACE "/secrets"
#define DEFAULT_TTL   "24h"
#define DEFAULT_GROUP BOOTSTRAP_GROUP ":kedge:default-node-token"
#define TEXT_MAX      4096
#define TTL_MAX_S     ((int64_t)100 * 365 * 24 * 60 * 60)

struct token_options {
    const char *run_dir, *ttl, *description, *groups;
};

static int fail_word(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    (void)ke_fail(&err, KE_INVALID, "%s", text);
    return command_usage("token", &err);
}

/* ---- values ------------------------------------------------------------------------------------
 */

/* "24h", "1h30m", "90s", "0". */
static bool parse_ttl(const char *text, int64_t *out_s)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
    struct ke_str rest = ke_str_c(text);
    *out_s = 0;
    if (ke_str_eq_c(rest, "0"))
        return true;
    while (rest.len > 0) {
        size_t n = 0;
        int64_t value = 0;
        int64_t seconds = 0;
        while (n < rest.len && rest.ptr[n] >= '0' && rest.ptr[n] <= '9')
            n++;
        for (size_t i = 0; n < rest.len && i < KE_ARRAY_LEN(units); i++)
            seconds = rest.ptr[n] == units[i].unit ? units[i].seconds : seconds;
        if (seconds == 0 || !ke_str_to_i64(ke_str_sub(rest, 0, n), &value) ||
            value > TTL_MAX_S / seconds)
            return false;
        *out_s += value * seconds;
        rest = ke_str_sub(rest, n + 1, rest.len - n - 1);
    }
    return *out_s > 0 && *out_s <= TTL_MAX_S;
}

static bool are_groups_valid(const char *groups)
{
    struct ke_str rest = ke_str_c(groups);
    struct ke_str group;
    if (rest.len == 0)
        return true;
    while (ke_str_split(&rest, ',', &group)) {
        if (!bootstrap_group_is_valid(group))
            return false;
    }
    return true;
}

/* Letters and digits, each as likely as any other. */
static void make_text(char *out, size_t len)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    size_t n = 0;
    while (n < len) {
        uint8_t byte;
        ke_rand_secure(&byte, sizeof(byte));
        if (byte < 252) /* 7 * 36 */
            out[n++] = alphabet[byte % 36];
    }
}

/* ---- create ------------------------------------------------------------------------------------
 */

static void print_value(struct ke_buf *out, const char *key, struct ke_str value)
{
    ke_buf_addf(out, ",\"%s\":", key);
    ke_buf_add_json_str(out, value);
}

static void print_secret(const struct token_options *options, struct ke_str id,
                         struct ke_str secret, int64_t ttl_s, struct ke_buf *out)
{
    ke_buf_addf(
        out,
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"" BOOTSTRAP_NAME_PREFIX
        "%.*s\"},\"type\":\"" BOOTSTRAP_SECRET_TYPE
        "\",\"stringData\":{\"usage-bootstrap-authentication\":\"true\","
        "\"usage-bootstrap-signing\":\"true\"",
        KE_STR_ARG(id));
    print_value(out, "token-id", id);
    print_value(out, "token-secret", secret);
    if (options->groups[0] != '\0')
        print_value(out, "auth-extra-groups", ke_str_c(options->groups));
    if (options->description != NULL && options->description[0] != '\0')
        print_value(out, "description", ke_str_c(options->description));
    if (ttl_s > 0) {
        char text[64];
        struct ke_buf at = KE_BUF_FIXED(text, sizeof(text));
        ke_time_format_s(ke_wall_s() + ttl_s, &at);
        print_value(out, "expiration", ke_buf_str(&at));
    }
    ke_buf_add_c(out, "}}");
}

static int create(const struct token_options *options, const char *token)
{
    struct ke_err err = KE_ERR_INIT;
    char made[BOOTSTRAP_ID_BYTES + 1 + BOOTSTRAP_SECRET_BYTES];
    struct ke_str text = token != NULL ? ke_str_c(token) : ke_str_of(made, sizeof(made));
    struct ke_str id;
    struct ke_str secret;
    int64_t ttl_s = 0;
    make_text(made, BOOTSTRAP_ID_BYTES);
    made[BOOTSTRAP_ID_BYTES] = '.';
    make_text(made + BOOTSTRAP_ID_BYTES + 1, BOOTSTRAP_SECRET_BYTES);
    if (!bootstrap_token_split(text, &id, &secret))
        return fail_word("the token must be like abcdef.0123456789abcdef");
    if (!parse_ttl(options->ttl, &ttl_s))
        return fail_word("--ttl must be like 24h, 1h30m or 90s; 0: for ever");
    if (!are_groups_valid(options->groups))
        return fail_word("--groups must be like " BOOTSTRAP_GROUP ":NAME, with commas between");
    ke_auto_buf body = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_auto_buf answer = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    print_secret(options, id, secret, ttl_s, &body);
    enum ke_code rc = ke_buf_check(&body, "token", &err);
    if (rc == KE_OK)
        rc = command_send(options->run_dir, KE_STR("POST"), KE_STR(SECRETS_PATH), ke_buf_str(&body),
                          &answer, &err);
    if (rc != KE_OK)
        return command_fail("token", &err);
    (void)printf("%.*s\n", KE_STR_ARG(text));
    return EXIT_DONE;
}

/* ---- list --------------------------------------------------------------------------------------
 */

/* data.KEY in buf, shown; "<none>" when there is none. */
static struct ke_str value_of(const cJSON *secret, const char *key, struct ke_buf *buf)
{
    if (!bootstrap_value(secret, key, buf) || buf->len == 0)
        return KE_STR("<none>");
    /* It goes to a terminal. */
    for (size_t i = 0; i < buf->len; i++) {
        if ((unsigned char)buf->ptr[i] < ' ' || buf->ptr[i] == 0x7f)
            buf->ptr[i] = '?';
    }
    return ke_buf_str(buf);
}

static void print_ttl(const cJSON *secret, struct ke_buf *out)
{
    int64_t at_s = bootstrap_expiration_s(secret);
    if (bootstrap_is_expired(secret, ke_wall_s()))
        ke_buf_add_c(out, "<invalid>");
    else if (at_s == 0)
        ke_buf_add_c(out, "<forever>");
    else
        ke_time_format_age(at_s - ke_wall_s(), out);
}

static void print_usages(const cJSON *secret, struct ke_buf *out)
{
    static const char *const usages[] = { "authentication", "signing" };
    const char *comma = "";
    for (size_t i = 0; i < KE_ARRAY_LEN(usages); i++) {
        char key[64];
        ke_auto_buf value = KE_BUF_INIT(TEXT_MAX);
        (void)snprintf(key, sizeof(key), "usage-bootstrap-%s", usages[i]);
        if (bootstrap_value(secret, key, &value) && ke_str_eq_c(ke_buf_str(&value), "true")) {
            ke_buf_addf(out, "%s%s", comma, usages[i]);
            comma = ",";
        }
    }
}

/* The secret half is shown, as kubeadm does: who may list may read it anyway. */
static void print_row(const cJSON *secret)
{
    ke_auto_buf id = KE_BUF_INIT(TEXT_MAX);
    ke_auto_buf half = KE_BUF_INIT(TEXT_MAX);
    ke_auto_buf ttl = KE_BUF_INIT(TEXT_MAX);
    ke_auto_buf expires = KE_BUF_INIT(TEXT_MAX);
    ke_auto_buf usages = KE_BUF_INIT(TEXT_MAX);
    ke_auto_buf description = KE_BUF_INIT(TEXT_MAX);
    ke_auto_buf groups = KE_BUF_INIT(TEXT_MAX);
    print_ttl(secret, &ttl);
    print_usages(secret, &usages);
    (void)printf("%.*s.%.*s   %-11.*s %-22.*s %-24.*s %-20.*s %.*s\n",
                 KE_STR_ARG(value_of(secret, "token-id", &id)),
                 KE_STR_ARG(value_of(secret, "token-secret", &half)), KE_STR_ARG(ke_buf_str(&ttl)),
                 KE_STR_ARG(value_of(secret, "expiration", &expires)),
                 KE_STR_ARG(ke_buf_str(&usages)),
                 KE_STR_ARG(value_of(secret, "description", &description)),
                 KE_STR_ARG(value_of(secret, "auth-extra-groups", &groups)));
}

static int list(const struct token_options *options)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf answer = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    ke_auto_json *json = NULL;
    enum ke_code rc =
        command_get(options->run_dir,
                    KE_STR(SECRETS_PATH "?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken"),
                    30000, &answer, &err);
    if (rc == KE_OK)
        rc = ke_json_parse(ke_buf_str(&answer), &json, &err);
    if (rc != KE_OK)
        return command_fail("token", &err);
    (void)printf("%-25s %-11s %-22s %-24s %-20s %s\n", "TOKEN", "TTL", "EXPIRES", "USAGES",
                 "DESCRIPTION", "EXTRA GROUPS");
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(json, "items"))
        print_row(it);
    return EXIT_DONE;
}

/* ---- delete ------------------------------------------------------------------------------------
 */

static int delete_token(const struct token_options *options, const char *token)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf path = KE_BUF_INIT(LIMIT_KEY_BYTES);
    ke_auto_buf answer = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    struct ke_str text = ke_str_c(token);
    struct ke_str id = ke_str_sub(text, 0, ke_str_find(text, '.'));
    if (id.len != BOOTSTRAP_ID_BYTES)
        return fail_word("the token must be like abcdef, or abcdef.0123456789abcdef");
    ke_buf_add_c(&path, SECRETS_PATH "/" BOOTSTRAP_NAME_PREFIX);
    command_add_escaped(&path, id);
    enum ke_code rc = ke_buf_check(&path, "token", &err);
    if (rc == KE_OK)
        rc = command_send(options->run_dir, KE_STR("DELETE"), ke_buf_str(&path), KE_STR(""),
                          &answer, &err);
    if (rc != KE_OK)
        return command_fail("token", &err);
    (void)printf("bootstrap token \"%.*s\" deleted\n", KE_STR_ARG(id));
    return EXIT_DONE;
}

int command_token(int argc, char **argv)
{
    struct token_options options = { .run_dir = COMMAND_RUN_DIR,
                                     .ttl = DEFAULT_TTL,
                                     .groups = DEFAULT_GROUP };
    struct command_option table[] = { { "--run-dir", &options.run_dir, NULL },
                                      { "--ttl", &options.ttl, NULL },
                                      { "--description", &options.description, NULL },
                                      { "--groups", &options.groups, NULL } };
    struct command_args args = { .max_rest = 2 };
    struct ke_err err = KE_ERR_INIT;
    if (command_parse(argc, argv, table, KE_ARRAY_LEN(table), &args, &err) != KE_OK)
        return command_usage("token", &err);
    const char *what = args.n_rest > 0 ? args.rest[0] : "";
    const char *token = args.n_rest > 1 ? args.rest[1] : NULL;
    if (strcmp(what, "create") == 0)
        return create(&options, token);
    if (strcmp(what, "list") == 0 && token == NULL)
        return list(&options);
    if (strcmp(what, "delete") == 0 && token != NULL)
        return delete_token(&options, token);
    return fail_word("what to do is needed: create, list, or delete with a token");
}
