/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the clauses of Accept in the order of their q, as listed among equals, and takes the first
 * one that can be served. Pure.
 */
#include "core/api/negotiate.h"

#define MAX_CLAUSES 32
#define Q_ONE       1000 /* q in thousandths */

struct ke_str api_media_type(struct ke_str media)
{
    return ke_str_trim(ke_str_sub(media, 0, ke_str_find(media, ';')));
}

struct ke_str api_media_param(struct ke_str media, const char *name)
{
    struct ke_str rest = media;
    struct ke_str part;
    bool is_first = true;
    while (ke_str_split(&rest, ';', &part)) {
        if (is_first) {
            is_first = false;
            continue;
        }
        size_t eq = ke_str_find(part, '=');
        struct ke_str key = ke_str_trim(ke_str_sub(part, 0, eq));
        if (eq == part.len || !ke_str_eq_nocase(key, ke_str_c(name))) {
            continue;
        }
        struct ke_str value = ke_str_trim(ke_str_sub(part, eq + 1, part.len - eq - 1));
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
            value = ke_str_sub(value, 1, value.len - 2);
        }
        return value;
    }
    return (struct ke_str){ NULL, 0 };
}

/* "0.8" in thousandths; what cannot be read counts as 1. */
static int parse_q(struct ke_str media)
{
    struct ke_str q = api_media_param(media, "q");
    if (q.len == 0 || (q.ptr[0] != '0' && q.ptr[0] != '1')) {
        return Q_ONE;
    }
    int value = q.ptr[0] == '1' ? Q_ONE : 0;
    int unit = Q_ONE / 10;
    for (size_t i = 2; i < q.len && unit > 0; i++) {
        if (q.ptr[1] != '.' || q.ptr[i] < '0' || q.ptr[i] > '9') {
            return Q_ONE;
        }
        value += (q.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return value > Q_ONE ? Q_ONE : value;
}

struct clause {
    struct ke_str media;
    int q;
};

static size_t split_clauses(struct ke_str accept, struct clause clauses[MAX_CLAUSES])
{
    size_t n = 0;
    struct ke_str rest = accept;
    struct ke_str media;
    while (n < MAX_CLAUSES && ke_str_split(&rest, ',', &media)) {
        media = ke_str_trim(media);
        int q = parse_q(media);
        if (media.len == 0 || q == 0) {
            continue;
        }
        size_t at = n++;
        while (at > 0 && clauses[at - 1].q < q) {
            clauses[at] = clauses[at - 1];
            at--;
        }
        clauses[at] = (struct clause){ .media = media, .q = q };
    }
    return n;
}

static bool is_json(struct ke_str type)
{
    return ke_str_eq_nocase(type, KE_STR("application/json")) ||
           ke_str_eq_nocase(type, KE_STR("application/*")) || ke_str_eq_c(type, "*/*");
}

static const char *one_of(struct ke_str value, const char *a, const char *b)
{
    if (ke_str_eq_c(value, a)) {
        return a;
    }
    return ke_str_eq_c(value, b) ? b : NULL;
}

/* The form a clause asks for; false: none that exists. */
static bool clause_form(struct ke_str media, struct api_accept *out)
{
    struct ke_str as = api_media_param(media, "as");
    if (as.len == 0) {
        *out = (struct api_accept){ .form = API_FORM_PLAIN, .version = "" };
        return true;
    }
    struct ke_str group = api_media_param(media, "g");
    struct ke_str version = api_media_param(media, "v");
    if (ke_str_eq_c(group, "apidiscovery.k8s.io") && ke_str_eq_c(as, "APIGroupDiscoveryList")) {
        *out = (struct api_accept){ .form = API_FORM_DISCOVERY,
                                    .version = one_of(version, "v2", "v2beta1") };
        return out->version != NULL;
    }
    if (!ke_str_eq_c(group, "meta.k8s.io")) {
        return false;
    }
    const char *known = one_of(version, "v1", "v1beta1");
    if (ke_str_eq_c(as, "Table")) {
        *out = (struct api_accept){ .form = API_FORM_TABLE, .version = known };
        return known != NULL;
    }
    *out = (struct api_accept){ .form = API_FORM_PARTIAL, .version = known };
    return known != NULL &&
           one_of(as, "PartialObjectMetadata", "PartialObjectMetadataList") != NULL;
}

enum api_negotiated api_negotiate(struct ke_str accept, unsigned forms, struct api_accept *out)
{
    if (ke_str_trim(accept).len == 0) {
        *out = (struct api_accept){ .form = API_FORM_PLAIN, .version = "" };
        return API_NEGOTIATED;
    }
    struct clause clauses[MAX_CLAUSES];
    size_t n = split_clauses(accept, clauses);
    bool has_json = false;
    for (size_t i = 0; i < n; i++) {
        struct api_accept asked;
        struct ke_str type = api_media_type(clauses[i].media);
        bool is_yaml =
            (forms & API_MAY_BE_YAML) != 0 && ke_str_eq_nocase(type, KE_STR("application/yaml"));
        if (!is_json(type) && !is_yaml) {
            continue;
        }
        has_json = true;
        if (clause_form(clauses[i].media, &asked) && (forms & (unsigned)asked.form) != 0) {
            *out = asked;
            out->is_yaml = is_yaml;
            return API_NEGOTIATED;
        }
    }
    return has_json ? API_NOT_FORM : API_NOT_JSON;
}

bool api_accepts(struct ke_str accept, const char *media_type)
{
    if (ke_str_trim(accept).len == 0) {
        return true;
    }
    struct clause clauses[MAX_CLAUSES];
    size_t n = split_clauses(accept, clauses);
    struct ke_str wanted = ke_str_c(media_type);
    size_t slash = ke_str_find(wanted, '/');
    for (size_t i = 0; i < n; i++) {
        struct ke_str type = api_media_type(clauses[i].media);
        bool is_family = type.len == slash + 2 && type.ptr[slash + 1] == '*' &&
                         ke_str_has_prefix(type, ke_str_sub(wanted, 0, slash + 1));
        if (ke_str_eq_c(type, "*/*") || is_family || ke_str_eq_nocase(type, wanted)) {
            return true;
        }
    }
    return false;
}

bool api_accepts_gzip(struct ke_str accept_encoding)
{
    struct ke_str rest = accept_encoding;
    struct ke_str coding;
    while (ke_str_split(&rest, ',', &coding)) {
        struct ke_str name = api_media_type(coding);
        if (ke_str_eq_nocase(name, KE_STR("gzip")) || ke_str_eq_c(name, "*")) {
            return parse_q(coding) > 0;
        }
    }
    return false;
}
