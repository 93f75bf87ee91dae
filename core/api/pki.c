/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes and keeps the CA, the server certificate, the administrator's certificate and the
 * kubeconfig. Blocking; main thread.
 */
#include "core/api/pki.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/net/tls/x509.h"

#define PEM_MAX     (64U << 10)
#define DAY_S       ((int64_t)24 * 60 * 60)
#define RENEW_S     (30 * DAY_S)
#define CA_LIFE_S   (3650 * DAY_S)
#define CERT_LIFE_S (365 * DAY_S)

struct pair {
    struct ke_buf pem; /* certificate, then key */
    struct x509_info info;
    bool is_new;
};

static enum ke_code path_of(struct ke_buf *out, const struct api_pki_options *options,
                            const char *file, struct ke_err *err)
{
    ke_buf_clear(out);
    ke_buf_addf(out, "%.*s/%s", KE_STR_ARG(options->dir), file);
    ke_buf_add_char(out, '\0');
    return ke_buf_check(out, "the path of a certificate", err);
}

/* The certificate's part of a pair. */
static struct ke_str cert_part(const struct pair *pair)
{
    static const char end[] = "-----END CERTIFICATE-----";
    struct ke_str pem = ke_buf_str(&pair->pem);
    const char *at = pem.len > 0 ? memmem(pem.ptr, pem.len, end, sizeof(end) - 1) : NULL;
    return at == NULL ? pem : ke_str_of(pem.ptr, (size_t)(at - pem.ptr) + sizeof(end) - 1);
}

static enum ke_code read_pair(const char *path, struct pair *pair, struct ke_err *err)
{
    enum ke_code rc = ke_file_read(path, &pair->pem, err);
    if (rc != KE_OK)
        return rc;
    rc = x509_read(ke_buf_str(&pair->pem), &pair->info, err);
    if (rc == KE_OK || rc == KE_NOMEM)
        return rc;
    return ke_fail(err, KE_MALFORMED,
                   "%s is damaged (%s): restore it from a backup, or move it away to have a new "
                   "one made",
                   path, ke_code_name(rc));
}

/* ca NULL: one that signs itself, the CA. */
static enum ke_code make_pair(const char *path, struct x509_request *request, const struct pair *ca,
                              struct pair *pair, const struct api_pki_options *options,
                              struct ke_err *err)
{
    int64_t now = ke_wall_s() > options->build_time_s ? ke_wall_s() : options->build_time_s;
    request->not_before_s = now - DAY_S;
    request->not_after_s = now + (ca == NULL ? CA_LIFE_S : CERT_LIFE_S);
    ke_auto_buf key = KE_BUF_INIT(PEM_MAX);
    ke_buf_clear(&pair->pem);
    struct ke_str ca_pem = ca != NULL ? ke_buf_str(&ca->pem) : (struct ke_str){ 0 };
    enum ke_code rc = x509_key_new(&key, err);
    if (rc == KE_OK)
        rc = x509_sign(request, ke_buf_str(&key), ca_pem, ca_pem, &pair->pem, err);
    if (rc != KE_OK)
        return ke_wrap(err, "make %s", path);
    ke_buf_add_str(&pair->pem, ke_buf_str(&key));
    rc = ke_buf_check(&pair->pem, path, err);
    if (rc == KE_OK)
        rc = ke_file_write(path, ke_buf_str(&pair->pem), 0600, err);
    if (rc == KE_OK)
        rc = x509_read(ke_buf_str(&pair->pem), &pair->info, err);
    if (rc != KE_OK)
        return rc;
    pair->is_new = true;
    ke_log(KE_LOG_INFO, "pki.made", KV_C("file", path), KV_S("cn", request->common_name));
    return KE_OK;
}

static bool has_name(const struct x509_info *info, struct ke_str name)
{
    for (size_t i = 0; i < info->n_dns_names; i++) {
        if (ke_str_eq_c(name, info->dns_names[i]))
            return true;
    }
    return false;
}

static bool has_ip(const struct x509_info *info, const struct ke_ip *ip)
{
    for (size_t i = 0; i < info->n_ips; i++) {
        if (ke_ip_eq(ip, &info->ips[i]))
            return true;
    }
    return false;
}

static bool is_still_good(const struct pair *pair, const struct x509_request *request,
                          const struct pair *ca, const struct api_pki_options *options)
{
    int64_t now = ke_wall_s() > options->build_time_s ? ke_wall_s() : options->build_time_s;
    bool is_good = pair->info.not_after_s - now > RENEW_S &&
                   ke_str_eq_c(request->common_name, pair->info.common_name) &&
                   x509_is_signed_by(cert_part(pair), cert_part(ca));
    for (size_t i = 0; is_good && i < request->n_dns_names; i++)
        is_good = has_name(&pair->info, request->dns_names[i]);
    for (size_t i = 0; is_good && i < request->n_ips; i++)
        is_good = has_ip(&pair->info, &request->ips[i]);
    return is_good;
}

static enum ke_code ensure_ca(const struct api_pki_options *options, struct pair *ca,
                              struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(4096);
    enum ke_code rc = path_of(&path, options, "ca.pem", err);
    if (rc == KE_OK)
        rc = read_pair(path.ptr, ca, err);
    if (rc == KE_NOT_FOUND) {
        struct x509_request request = { .common_name = KE_STR("kedge-ca"), .is_ca = true };
        rc = make_pair(path.ptr, &request, NULL, ca, options, err);
    }
    if (rc == KE_OK)
        rc = path_of(&path, options, "ca.crt", err);
    if (rc != KE_OK)
        return rc;
    if (!ca->is_new && ke_file_exists(path.ptr))
        return KE_OK;
    return ke_file_write(path.ptr, cert_part(ca), 0644, err);
}

static enum ke_code ensure_leaf(const struct api_pki_options *options, const char *file,
                                struct x509_request *request, const struct pair *ca,
                                struct pair *pair, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(4096);
    enum ke_code rc = path_of(&path, options, file, err);
    if (rc == KE_OK)
        rc = read_pair(path.ptr, pair, err);
    if (rc == KE_OK && is_still_good(pair, request, ca, options))
        return KE_OK;
    if (rc != KE_OK && rc != KE_NOT_FOUND)
        return rc;
    return make_pair(path.ptr, request, ca, pair, options, err);
}

#define MAX_SERVER_IPS 16

static enum ke_code ensure_server(const struct api_pki_options *options, const struct pair *ca,
                                  struct pair *server, struct ke_err *err)
{
    ke_auto_buf long_name = KE_BUF_INIT(512);
    ke_buf_addf(&long_name, "kubernetes.default.svc.%.*s", KE_STR_ARG(options->cluster_domain));
    enum ke_code rc = ke_buf_check(&long_name, "server name", err);
    if (rc != KE_OK)
        return rc;
    const struct ke_str names[] = { KE_STR("localhost"),
                                    options->node_name,
                                    KE_STR("kubernetes"),
                                    KE_STR("kubernetes.default"),
                                    KE_STR("kubernetes.default.svc"),
                                    ke_buf_str(&long_name) };
    struct ke_ip ips[MAX_SERVER_IPS] = { { .family = KE_FAMILY_IPV4, .b = { 127, 0, 0, 1 } },
                                         { .family = KE_FAMILY_IPV6, .b = { [15] = 1 } } };
    size_t n_ips = 2;
    for (size_t i = 0; i < options->n_ips && n_ips < MAX_SERVER_IPS; i++)
        ips[n_ips++] = options->ips[i];
    struct x509_request request = { .common_name = KE_STR("kedge-apiserver"),
                                    .dns_names = names,
                                    .n_dns_names = KE_ARRAY_LEN(names),
                                    .ips = ips,
                                    .n_ips = n_ips,
                                    .is_server = true };
    return ensure_leaf(options, "server.pem", &request, ca, server, err);
}

static void print_kubeconfig(const struct api_pki_options *options, const struct pair *ca,
                             const struct pair *admin, struct ke_buf *out)
{
    struct ke_str cert = cert_part(admin);
    struct ke_str key = ke_str_sub(ke_buf_str(&admin->pem), cert.len, admin->pem.len - cert.len);
    while (key.len > 0 && key.ptr[0] == '\n')
        key = ke_str_sub(key, 1, key.len - 1);
    ke_buf_addf(out,
                "apiVersion: v1\nkind: Config\nclusters:\n- name: kedge\n  cluster:\n"
                "    server: %.*s\n    certificate-authority-data: ",
                KE_STR_ARG(options->kubeconfig_server));
    ke_buf_add_base64(out, cert_part(ca).ptr, cert_part(ca).len);
    ke_buf_add_c(out, "\nusers:\n- name: kedge-admin\n  user:\n    client-certificate-data: ");
    ke_buf_add_base64(out, cert.ptr, cert.len);
    ke_buf_add_c(out, "\n    client-key-data: ");
    ke_buf_add_base64(out, key.ptr, key.len);
    ke_buf_add_c(out, "\ncontexts:\n- name: kedge\n  context:\n    cluster: kedge\n"
                      "    user: kedge-admin\ncurrent-context: kedge\n");
}

/* Written again only when it would differ: a start on an unchanged node touches no disk. */
static enum ke_code ensure_kubeconfig(const struct api_pki_options *options, const struct pair *ca,
                                      const struct pair *admin, struct ke_err *err)
{
    ke_auto_buf path = KE_BUF_INIT(4096);
    ke_auto_buf text = KE_BUF_INIT(PEM_MAX);
    ke_auto_buf present = KE_BUF_INIT(PEM_MAX);
    ke_buf_add_str(&path, options->kubeconfig_path);
    ke_buf_add_char(&path, '\0');
    print_kubeconfig(options, ca, admin, &text);
    enum ke_code rc = ke_buf_check(&path, "the path of the kubeconfig", err);
    if (rc == KE_OK)
        rc = ke_buf_check(&text, "kubeconfig", err);
    if (rc != KE_OK)
        return rc;
    struct ke_err ignored = KE_ERR_INIT;
    if (ke_file_read(path.ptr, &present, &ignored) == KE_OK &&
        ke_str_eq(ke_buf_str(&present), ke_buf_str(&text)))
        return KE_OK;
    return ke_file_write(path.ptr, ke_buf_str(&text), 0600, err);
}

static enum ke_code ensure_all(const struct api_pki_options *options, struct pair *ca,
                               struct pair *server, struct pair *admin, struct ke_err *err)
{
    static const struct ke_str masters[] = { { "system:masters", sizeof("system:masters") - 1 } };
    ke_auto_buf dir = KE_BUF_INIT(4096);
    enum ke_code rc = path_of(&dir, options, "", err);
    if (rc == KE_OK)
        rc = ke_file_mkdirs(dir.ptr, 0700, err);
    if (rc == KE_OK)
        rc = ensure_ca(options, ca, err);
    if (rc == KE_OK)
        rc = ensure_server(options, ca, server, err);
    struct x509_request admin_request = { .common_name = KE_STR("kedge-admin"),
                                          .organizations = masters,
                                          .n_organizations = 1,
                                          .is_client = true };
    if (rc == KE_OK)
        rc = ensure_leaf(options, "admin.pem", &admin_request, ca, admin, err);
    if (rc == KE_OK)
        rc = ensure_kubeconfig(options, ca, admin, err);
    return rc;
}

enum ke_code api_pki_ensure(const struct api_pki_options *options, struct api_pki *out,
                            struct ke_err *err)
{
    struct pair ca = { .pem = KE_BUF_INIT(PEM_MAX) };
    struct pair server = { .pem = KE_BUF_INIT(PEM_MAX) };
    struct pair admin = { .pem = KE_BUF_INIT(PEM_MAX) };
    enum ke_code rc = ensure_all(options, &ca, &server, &admin, err);
    if (rc == KE_OK) {
        *out = (struct api_pki){ .ca_pem = KE_BUF_INIT(PEM_MAX),
                                 .server_pem = server.pem,
                                 .ca_not_after_s = ca.info.not_after_s,
                                 .server_not_after_s = server.info.not_after_s,
                                 .admin_not_after_s = admin.info.not_after_s,
                                 .is_server_new = server.is_new };
        ke_buf_add_str(&out->ca_pem, cert_part(&ca));
        ke_buf_add_char(&out->ca_pem, '\n');
        server.pem = (struct ke_buf)KE_BUF_INIT(PEM_MAX);
        rc = ke_buf_check(&out->ca_pem, "CA certificate", err);
        if (rc != KE_OK)
            api_pki_deinit(out);
    }
    if (rc == KE_OK)
        out->ca_pair_pem = ca.pem;
    else
        ke_buf_free(&ca.pem);
    ke_buf_free(&server.pem);
    ke_buf_free(&admin.pem);
    return rc == KE_OK ? KE_OK : ke_wrap(err, "certificates");
}

void api_pki_deinit(struct api_pki *pki)
{
    ke_buf_free(&pki->ca_pem);
    ke_buf_free(&pki->ca_pair_pem);
    ke_buf_free(&pki->server_pem);
}
