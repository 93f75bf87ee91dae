/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of values and setters for defaults. Pure; any thread. */
#include "core/model/values.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/names.h"

bool model_check_count(struct model_issues *issues, struct model_path path, const cJSON *list)
{
    size_t n = (size_t)cJSON_GetArraySize(list);
    if (n <= LIMIT_LIST_ITEMS)
        return true;
    model_report_too_many(issues, path, n, LIMIT_LIST_ITEMS);
    return false;
}

bool model_check_enum(struct model_issues *issues, struct model_path path, struct ke_str value,
                      const char *const *allowed)
{
    if (ke_str_is_empty(value)) {
        model_report_required(issues, path, "");
        return false;
    }
    for (size_t i = 0; allowed[i] != NULL; i++) {
        if (ke_str_eq_c(value, allowed[i]))
            return true;
    }
    model_report_not_supported(issues, path, value, allowed);
    return false;
}

bool model_check_protocol(struct model_issues *issues, struct model_path path,
                          struct ke_str protocol)
{
    static const char *const allowed[] = { "SCTP", "TCP", "UDP", NULL };
    return model_check_enum(issues, path, protocol, allowed);
}

bool model_check_ip(struct model_issues *issues, struct model_path path, struct ke_str value,
                    struct ke_ip *out)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_ip ip;
    if (ke_ip_parse(value, &ip, &err) != KE_OK) {
        model_report_invalid(issues, path, value,
                             "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        return false;
    }
    if (out != NULL)
        *out = ip;
    return true;
}

bool model_check_cidr(struct model_issues *issues, struct model_path path, struct ke_str value)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr cidr;
    if (ke_cidr_parse(value, &cidr, &err) == KE_OK)
        return true;
    model_report_invalid(issues, path, value,
                         "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    return false;
}

/* 224.0.0.0/24 and ff02::/16, as Go's IsLinkLocalMulticast. */
static bool is_link_local_multicast(const struct ke_ip *ip)
{
    if (ip->family == KE_FAMILY_IPV4)
        return ip->b[0] == 224 && ip->b[1] == 0 && ip->b[2] == 0;
    return ip->b[0] == 0xff && (ip->b[1] & 0x0f) == 0x02;
}

void model_check_not_special_ip(struct model_issues *issues, struct model_path path,
                                struct ke_str value)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_ip ip;
    if (ke_ip_parse(value, &ip, &err) != KE_OK) {
        model_report_invalid(issues, path, value, "must be a valid IP address");
        return;
    }
    if (ke_ip_is_unspecified(&ip)) {
        struct ke_str detail =
            ke_arena_fmt(issues->arena, "may not be unspecified (%.*s)", KE_STR_ARG(value));
        model_report_invalid(issues, path, value, detail.ptr != NULL ? detail.ptr : "");
    }
    if (ke_ip_is_loopback(&ip)) {
        model_report_invalid(issues, path, value,
                             "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if (is_link_local_multicast(&ip)) {
        model_report_invalid(issues, path, value,
                             "may not be in the link-local multicast range (224.0.0.0/24, "
                             "ff02::/10)");
    } else if (ke_ip_is_link_local(&ip)) {
        model_report_invalid(issues, path, value,
                             "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
}

bool model_quantity_of(const cJSON *value, struct model_quantity *out)
{
    struct ke_err err = KE_ERR_INIT;
    return cJSON_IsString(value) &&
           model_quantity_parse(ke_json_value_str(value), out, &err) == KE_OK;
}

bool model_check_quantity(struct model_issues *issues, struct model_path path, const cJSON *value,
                          bool is_positive)
{
    struct model_quantity quantity;
    if (!model_quantity_of(value, &quantity))
        return true;
    if (!quantity.is_negative && !(is_positive && model_quantity_is_zero(&quantity)))
        return true;
    model_report_invalid(issues, path, ke_json_value_str(value),
                         is_positive ? "must be greater than zero"
                                     : "must be greater than or equal to 0");
    return false;
}

void model_check_csi_driver(struct model_issues *issues, struct model_path path, struct ke_str name)
{
    if (ke_str_is_empty(name)) {
        model_report_required(issues, path, "");
        return;
    }
    if (name.len > LIMIT_DNS_LABEL_BYTES) {
        model_report_too_long(issues, path, LIMIT_DNS_LABEL_BYTES);
        return;
    }
    char lower[LIMIT_DNS_LABEL_BYTES];
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    (void)model_check_name(issues, path, ke_str_of(lower, name.len), model_name_subdomain);
}

bool model_check_required(struct model_issues *issues, const struct model_path *path,
                          const cJSON *object, const char *name)
{
    if (!model_is_unset(object, name))
        return true;
    model_report_required(issues, model_path_child(path, name), "");
    return false;
}

void model_check_immutable(struct model_issues *issues, struct model_path path, const cJSON *object,
                           const cJSON *old, const char *name)
{
    if (model_same_member(object, old, name))
        return;
    const cJSON *value = ke_json_get(object, name);
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (value != NULL)
        ke_json_print(value, &text);
    else
        ke_buf_add_c(&text, "null");
    struct ke_str printed = text.failed == KE_OK ? ke_buf_str(&text) : KE_STR("null");
    model_report_invalid_raw(issues, path, printed, "field is immutable");
}

int64_t model_int_or_percent(const cJSON *value)
{
    if (cJSON_IsNumber(value))
        return (int64_t)value->valuedouble;
    struct ke_str text = ke_json_value_str(value);
    uint64_t number = 0;
    if (text.len < 2 || !ke_str_to_u64(ke_str_sub(text, 0, text.len - 1), INT32_MAX, &number))
        return 0;
    return (int64_t)number;
}

struct ke_str model_print_int_or_string(struct ke_arena *arena, const cJSON *value)
{
    if (cJSON_IsString(value))
        return ke_json_value_str(value);
    return ke_arena_fmt(arena, "%d", (int)model_int_or_percent(value));
}

void model_check_int_or_percent(struct model_issues *issues, struct model_path path,
                                const cJSON *value)
{
    if (!cJSON_IsString(value)) {
        (void)model_check_not_negative(issues, path, model_int_or_percent(value));
        return;
    }
    struct ke_str text = ke_json_value_str(value);
    struct model_complaints c = model_name_percent(text);
    for (size_t i = 0; i < c.n; i++)
        model_report_invalid_raw(issues, path, text, c.text[i]);
}

void model_check_at_most_all(struct model_issues *issues, struct model_path path,
                             const cJSON *value)
{
    if (cJSON_IsString(value) && model_int_or_percent(value) > 100)
        model_report_invalid_raw(issues, path, ke_json_value_str(value),
                                 "must not be greater than 100%");
}

void model_check_port_or_name(struct model_issues *issues, struct model_path path,
                              const cJSON *value)
{
    if (cJSON_IsString(value))
        (void)model_check_name(issues, path, ke_json_value_str(value), model_name_port);
    else
        (void)model_check_port(issues, path,
                               cJSON_IsNumber(value) ? (int64_t)value->valuedouble : 0);
}

void model_check_lb_ingress(struct model_issues *issues, struct model_path path,
                            const cJSON *ingress)
{
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ingress) {
        struct model_path at = model_path_index(&path, i++);
        struct ke_str ip = ke_json_str(item, "ip");
        if (!ke_str_is_empty(ip))
            (void)model_check_ip(issues, model_path_child(&at, "ip"), ip, NULL);
        struct ke_str host = ke_json_str(item, "hostname");
        if (ke_str_is_empty(host))
            continue;
        (void)model_check_name(issues, model_path_child(&at, "hostname"), host,
                               model_name_subdomain);
        struct ke_err err = KE_ERR_INIT;
        struct ke_ip parsed;
        if (ke_ip_parse(host, &parsed, &err) == KE_OK) {
            model_report_invalid(issues, model_path_child(&at, "hostname"), host,
                                 "must be a DNS name, not an IP address");
        }
    }
}

static bool is_blank(const cJSON *value)
{
    return value == NULL || cJSON_IsNull(value) ||
           (cJSON_IsString(value) && value->valuestring[0] == '\0');
}

bool model_default_str(cJSON *object, const char *name, const char *value)
{
    if (!is_blank(ke_json_get(object, name)))
        return true;
    return ke_json_set_str(object, name, ke_str_c(value));
}

bool model_default_num(cJSON *object, const char *name, double value)
{
    if (!is_blank(ke_json_get(object, name)))
        return true;
    cJSON *item = cJSON_CreateNumber(value);
    return item != NULL && ke_json_set(object, name, item);
}

bool model_default_bool(cJSON *object, const char *name, bool value)
{
    if (!is_blank(ke_json_get(object, name)))
        return true;
    cJSON *item = cJSON_CreateBool(value);
    return item != NULL && ke_json_set(object, name, item);
}

bool model_default_object(cJSON *object, const char *name)
{
    return ke_json_need_object(object, name) != NULL;
}

bool model_set_copy(cJSON *object, const char *name, const cJSON *value)
{
    if (value == NULL) {
        ke_json_del(object, name);
        return true;
    }
    cJSON *copy = cJSON_Duplicate(value, true);
    return copy != NULL && ke_json_set(object, name, copy);
}

bool model_set_empty(cJSON *object, const char *name)
{
    cJSON *empty = cJSON_CreateObject();
    return empty != NULL && ke_json_set(object, name, empty);
}

bool model_is_unset(const cJSON *object, const char *name)
{
    const cJSON *value = ke_json_get(object, name);
    return is_blank(value) ||
           ((cJSON_IsArray(value) || cJSON_IsObject(value)) && value->child == NULL);
}

bool model_same_member(const cJSON *a, const cJSON *b, const char *name)
{
    bool is_unset = model_is_unset(a, name);
    if (is_unset || model_is_unset(b, name))
        return is_unset == model_is_unset(b, name);
    return ke_json_equal(ke_json_get(a, name), ke_json_get(b, name));
}
