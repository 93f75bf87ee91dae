/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateSigningRequests: what may be asked of a signer, and how approvers and signers may
 * answer. The request itself is read where keys are known (core/resource/csr.c), which also says
 * who asks. Source: Kubernetes apis/certificates/validation, registry/certificates. Pure; any
 * thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define SIGNER_NAME_MAX (2 * LIMIT_DNS_NAME_BYTES + 1)
#define MIN_SECONDS     600
#define LEGACY_SIGNER   "kubernetes.io/legacy-unknown"

static const char *const usages[] = { "any",
                                      "cert sign",
                                      "client auth",
                                      "code signing",
                                      "content commitment",
                                      "crl sign",
                                      "data encipherment",
                                      "decipher only",
                                      "digital signature",
                                      "email protection",
                                      "encipher only",
                                      "ipsec end system",
                                      "ipsec tunnel",
                                      "ipsec user",
                                      "key agreement",
                                      "key encipherment",
                                      "microsoft sgc",
                                      "netscape sgc",
                                      "ocsp signing",
                                      "s/mime",
                                      "server auth",
                                      "signing",
                                      "timestamping",
                                      NULL };

/* Those that nobody may take back. */
static const char *const decisions[] = { "Approved", "Denied", "Failed" };

/* A new request is nobody's yet, and undecided. */
static bool prepare_create(cJSON *object)
{
    ke_json_del(object, "status");
    return ke_json_set(object, "status", cJSON_CreateObject());
}

static bool copy_member(cJSON *object, const cJSON *old, const char *name)
{
    const cJSON *value = ke_json_get(old, name);
    if (value == NULL) {
        ke_json_del(object, name);
        return true;
    }
    return ke_json_set(object, name, cJSON_Duplicate(value, true));
}

/* What was asked cannot be changed, neither by who asked nor by who answers. */
static bool prepare_update(cJSON *object, const cJSON *old)
{
    return copy_member(object, old, "spec");
}

/* ---- spec --------------------------------------------------------------------------------------
 */

static bool report_label(struct model_issues *issues, const struct model_path *path,
                         struct ke_str shown, struct ke_str label, model_name_fn *rule)
{
    struct model_complaints complaints = rule(label);
    for (size_t i = 0; i < complaints.n; i++) {
        char text[1024];
        struct ke_buf detail = KE_BUF_FIXED(text, sizeof(text) - 1);
        struct ke_str quoted = model_go_quote(issues->arena, label);
        ke_buf_addf(&detail, "validating label %.*s: %s", KE_STR_ARG(quoted), complaints.text[i]);
        text[detail.len] = '\0';
        model_report_invalid(issues, *path, shown, text);
    }
    return complaints.n == 0;
}

/* The labels of a domain or a path, up to the first that is wrong. How many there are. */
static size_t check_labels(struct model_issues *issues, const struct model_path *path,
                           struct ke_str segment, model_name_fn *rule)
{
    struct ke_str rest = segment;
    struct ke_str label;
    size_t n = 0;
    bool is_good = true;
    while (ke_str_split(&rest, '.', &label)) {
        n++;
        is_good = is_good && report_label(issues, path, segment, label, rule);
    }
    return n;
}

/* "example.com/signer". */
static void check_signer(struct model_issues *issues, const struct model_path *spec,
                         struct ke_str name)
{
    struct model_path path = model_path_child(spec, "signerName");
    if (name.len == 0) {
        model_report_required(issues, path, "");
        return;
    }
    if (ke_str_eq_c(name, LEGACY_SIGNER)) {
        model_report_invalid(issues, path, name,
                             "the legacy signerName is not allowed via this API version");
        return;
    }
    size_t slash = ke_str_find(name, '/');
    struct ke_str domain = ke_str_sub(name, 0, slash);
    struct ke_str rest = slash < name.len ? ke_str_sub(name, slash + 1, name.len - slash - 1)
                                          : (struct ke_str){ NULL, 0 };
    if (slash == name.len || ke_str_find(rest, '/') < rest.len) {
        model_report_invalid(
            issues, path, name,
            "must be a fully qualified domain and path of the form 'example.com/signer-name'");
        return;
    }
    if (domain.len > LIMIT_DNS_NAME_BYTES)
        model_report_too_long(issues, path, LIMIT_DNS_NAME_BYTES);
    if (check_labels(issues, &path, domain, model_name_label) < 2)
        model_report_invalid(issues, path, domain,
                             "should be a domain with at least two segments separated by dots");
    (void)check_labels(issues, &path, rest, model_name_subdomain);
    if (name.len > SIGNER_NAME_MAX)
        model_report_too_long(issues, path, SIGNER_NAME_MAX);
}

static bool is_repeated(const cJSON *list, const cJSON *item, struct ke_str value)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (it == item)
            return false;
        if (ke_str_eq(ke_json_value_str(it), value))
            return true;
    }
    return false;
}

static void check_usages(struct model_issues *issues, const struct model_path *spec,
                         const cJSON *list)
{
    struct model_path path = model_path_child(spec, "usages");
    const cJSON *it;
    size_t i = 0;
    if (list == NULL || list->child == NULL) {
        model_report_required(issues, path, "");
        return;
    }
    if (!model_check_count(issues, path, list))
        return;
    cJSON_ArrayForEach(it, list) {
        struct model_path at = model_path_index(&path, i++);
        struct ke_str value = ke_json_value_str(it);
        bool is_known = false;
        for (size_t k = 0; usages[k] != NULL; k++)
            is_known = is_known || ke_str_eq_c(value, usages[k]);
        if (!is_known)
            model_report_not_supported(issues, at, value, usages);
        if (is_repeated(list, it, value))
            model_report_duplicate(issues, at, value);
    }
}

static void check_spec(const cJSON *object, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    check_usages(issues, &path, ke_json_get(spec, "usages"));
    check_signer(issues, &path, ke_json_str(spec, "signerName"));
    int64_t seconds = ke_json_i64(spec, "expirationSeconds", MIN_SECONDS);
    if (seconds < MIN_SECONDS)
        model_report_invalid_int(issues, model_path_child(&path, "expirationSeconds"), seconds,
                                 "may not specify a duration less than 600 seconds (10 minutes)");
}

/* ---- status ------------------------------------------------------------------------------------
 */

static size_t count_type(const cJSON *conditions, const char *type)
{
    const cJSON *it;
    size_t n = 0;
    cJSON_ArrayForEach(it, conditions)
        n += ke_str_eq_c(ke_json_str(it, "type"), type) ? 1 : 0;
    return n;
}

static bool is_decision(struct ke_str type)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(decisions); i++) {
        if (ke_str_eq_c(type, decisions[i]))
            return true;
    }
    return false;
}

static void check_condition_status(struct model_issues *issues, const struct model_path *at,
                                   const cJSON *condition)
{
    static const char *const known[] = { "False", "True", "Unknown", NULL };
    struct ke_str type = ke_json_str(condition, "type");
    struct ke_str status = ke_json_str(condition, "status");
    struct model_path path = model_path_child(at, "status");
    if (status.len == 0) {
        model_report_required(issues, path, "");
    } else if (is_decision(type) && !ke_str_eq_c(status, "True")) {
        static const char *const only[] = { "True", NULL };
        model_report_not_supported(issues, path, status, only);
    } else {
        (void)model_check_enum(issues, path, status, known);
    }
}

static bool is_type_repeated(const cJSON *conditions, const cJSON *condition)
{
    const cJSON *it;
    struct ke_str type = ke_json_str(condition, "type");
    cJSON_ArrayForEach(it, conditions) {
        if (it == condition)
            return false;
        if (ke_str_eq(ke_json_str(it, "type"), type))
            return true;
    }
    return false;
}

static void check_conditions(const cJSON *conditions, struct model_issues *issues)
{
    struct model_path status = model_path_root("status");
    struct model_path path = model_path_child(&status, "conditions");
    const cJSON *it;
    size_t i = 0;
    bool has_approved = false;
    bool has_denied = false;
    if (!model_check_count(issues, path, conditions))
        return;
    cJSON_ArrayForEach(it, conditions) {
        struct model_path at = model_path_index(&path, i++);
        struct ke_str type = ke_json_str(it, "type");
        if (type.len == 0)
            model_report_required(issues, model_path_child(&at, "type"), "");
        check_condition_status(issues, &at, it);
        bool is_approved = ke_str_eq_c(type, "Approved");
        bool is_denied = ke_str_eq_c(type, "Denied");
        if ((is_approved && has_denied) || (is_denied && has_approved))
            model_report_invalid(issues, model_path_child(&at, "type"), type,
                                 "Approved and Denied conditions are mutually exclusive");
        has_approved = has_approved || is_approved;
        has_denied = has_denied || is_denied;
        if (type.len > 0 && is_type_repeated(conditions, it))
            model_report_duplicate(issues, model_path_child(&at, "type"), type);
    }
}

/* What was decided stays, and so does what was issued. */
static void check_answer(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *now = ke_json_path(object, "status.conditions");
    const cJSON *before = ke_json_path(old, "status.conditions");
    struct model_path status = model_path_root("status");
    check_conditions(now, issues);
    for (size_t i = 0; i < KE_ARRAY_LEN(decisions); i++) {
        if (count_type(now, decisions[i]) >= count_type(before, decisions[i]))
            continue;
        char text[96];
        struct ke_buf detail = KE_BUF_FIXED(text, sizeof(text) - 1);
        ke_buf_addf(&detail, "updates may not remove a condition of type \"%s\"", decisions[i]);
        text[detail.len] = '\0';
        model_report_forbidden(issues, model_path_child(&status, "conditions"), text);
    }
    struct ke_str issued = ke_json_path_str(old, "status.certificate");
    if (issued.len > 0 && !ke_str_eq(issued, ke_json_path_str(object, "status.certificate")))
        model_report_forbidden(issues, model_path_child(&status, "certificate"),
                               "updates may not modify a set certificate");
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    if (old == NULL)
        check_spec(object, issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    check_answer(object, old, issues);
}

static const struct model_selectable fields[] = {
    { "spec.signerName", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_certificatesigningrequest = {
    .id = MODEL_CERTIFICATESIGNINGREQUEST,
    .kind = "CertificateSigningRequest",
    .list_kind = "CertificateSigningRequestList",
    .plural = "certificatesigningrequests",
    .singular = "certificatesigningrequest",
    .short_names = { "csr" },
    .prefix = "/registry/certificatesigningrequests/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "certificates.k8s.io", .version = "v1",
          .message = "certificates.v1.CertificateSigningRequest" },
    },
    .subresources = {
        { .name = "approval", .verbs = VERBS_STATUS },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status = validate_status,
};
