/* SPDX-License-Identifier: Apache-2.0 */
/* See observation.h. Pure. */
#include "core/controller/observation.h"

#include "core/base/json.h"
#include "core/controller/ensure.h"

#define JSON_MAX  (64U << 10)
#define TTL_S     3600
#define COMPONENT "kedge"

/* ---- Events */

static uint64_t fnv(uint64_t hash, const char *text)
{
    for (const char *p = text != NULL ? text : ""; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 0x100000001b3U;
    return (hash ^ 0xff) * 0x100000001b3U;
}

/* The same words about the same object have the same name, whoever runs. */
void observation_event_name(const struct report_item *it, struct ke_buf *out)
{
    uint64_t hash = 0xcbf29ce484222325U;
    hash = fnv(hash, it->api_version);
    hash = fnv(hash, it->kind);
    hash = fnv(hash, it->reason);
    hash = fnv(hash, it->message);
    hash = fnv(hash, it->type == REPORT_WARNING ? "Warning" : "Normal");
    ke_buf_add_str(out, ke_str_sub(ke_str_c(it->name), 0, 200));
    ke_buf_addf(out, ".%016llx", (unsigned long long)hash);
}

static void add_member(struct ke_buf *out, const char *name, struct ke_str value)
{
    ke_buf_addf(out, "\"%s\":", name);
    ke_buf_add_json_str(out, value);
    ke_buf_add_char(out, ',');
}

cJSON *observation_event(const struct report_item *it, struct ke_str name, struct ke_str uid,
                         const struct observation_source *source)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    ke_buf_add_c(&out, "{\"metadata\":{\"name\":");
    ke_buf_add_json_str(&out, name);
    ke_buf_add_c(&out, "},\"involvedObject\":{");
    add_member(&out, "apiVersion", ke_str_c(it->api_version));
    add_member(&out, "kind", ke_str_c(it->kind));
    if (it->ns != NULL && it->ns[0] != '\0')
        add_member(&out, "namespace", ke_str_c(it->ns));
    if (uid.len > 0)
        add_member(&out, "uid", uid);
    ke_buf_add_c(&out, "\"name\":");
    ke_buf_add_json_str(&out, ke_str_c(it->name));
    ke_buf_add_c(&out, "},");
    add_member(&out, "reason", ke_str_c(it->reason));
    add_member(&out, "message", ke_str_c(it->message));
    add_member(&out, "type", it->type == REPORT_WARNING ? KE_STR("Warning") : KE_STR("Normal"));
    add_member(&out, "reportingComponent", KE_STR(COMPONENT));
    add_member(&out, "reportingInstance", source->node);
    ke_buf_add_c(&out, "\"source\":{\"component\":\"" COMPONENT "\",\"host\":");
    ke_buf_add_json_str(&out, source->node);
    ke_buf_addf(&out, "},\"count\":%u,\"firstTimestamp\":\"", it->count > 0 ? it->count : 1);
    ke_time_format_s(source->now_s, &out);
    ke_buf_add_c(&out, "\",\"lastTimestamp\":\"");
    ke_time_format_s(source->now_s, &out);
    ke_buf_add_c(&out, "\"}");
    return ensure_parse(&out);
}

cJSON *observation_event_again(const cJSON *event, uint32_t n, int64_t now_s)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    int64_t count = ke_json_i64(event, "count", 1);
    ke_buf_add_c(&out, "{\"count\":");
    ke_buf_add_i64(&out, count + (n > 0 ? n : 1));
    ke_buf_add_c(&out, ",\"lastTimestamp\":\"");
    ke_time_format_s(now_s, &out);
    ke_buf_add_c(&out, "\"}");
    return ensure_parse(&out);
}

bool observation_event_is_old(const cJSON *event, int64_t now_s)
{
    static const char *const times[] = { "lastTimestamp", "eventTime", "firstTimestamp" };
    struct ke_err err = KE_ERR_INIT;
    int64_t at_us = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(times); i++) {
        struct ke_str text = ke_json_str(event, times[i]);
        if (text.len > 0 && ke_time_parse_us(text, &at_us, &err) == KE_OK)
            return now_s - at_us / 1000000 >= TTL_S;
    }
    struct ke_str made = ke_json_path_str(event, "metadata.creationTimestamp");
    return ke_time_parse_us(made, &at_us, &err) == KE_OK && now_s - at_us / 1000000 >= TTL_S;
}

/* ---- Ingresses */

static bool is_node_address(const struct controllers_options *options, struct ke_str text)
{
    struct ke_ip ip;
    struct ke_err err = KE_ERR_INIT;
    if (ke_ip_parse(text, &ip, &err) != KE_OK)
        return false;
    for (size_t i = 0; i < options->n_node_ips; i++) {
        if (ke_ip_eq(&options->node_ips[i], &ip))
            return true;
    }
    return false;
}

cJSON *observation_ingress_status(const struct controllers_options *options, bool is_served,
                                  const cJSON *ingress)
{
    ke_auto_buf out = KE_BUF_INIT(JSON_MAX);
    bool is_first = true;
    ke_buf_add_c(&out, "{\"status\":{\"loadBalancer\":{\"ingress\":[");
    for (size_t i = 0; is_served && i < options->n_node_ips; i++) {
        char ip[KE_IP_TEXT_MAX];
        ke_buf_addf(&out, "%s{\"ip\":\"%s\"}", is_first ? "" : ",",
                    ke_ip_text(&options->node_ips[i], ip));
        is_first = false;
    }
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(ingress, "status.loadBalancer.ingress")) {
        if (is_node_address(options, ke_json_str(it, "ip")))
            continue;
        if (!is_first)
            ke_buf_add_char(&out, ',');
        ke_json_print(it, &out);
        is_first = false;
    }
    ke_buf_add_c(&out, "]}}}");
    return ensure_parse(&out);
}
