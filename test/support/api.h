/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_API_H
#define TEST_SUPPORT_API_H
/*
 * An API server in this process, on a registry in memory, over a unix socket and TLS; and clients
 * for it: calls in one line, and a reader of answers that go on. Everything asserts (cmocka). One
 * thread, one server at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/api/audit_log.h"
#include "core/api/server.h"
#include "core/net/http/client.h"

#define TEST_API_DEADLINE_MS 10000
#define CONFIGMAPS           "/api/v1/namespaces/default/configmaps"

struct test_api {
    char dir[256];
    char socket[300];
    struct registry *registry; /* test/support/mem_registry */
    struct watch_hub *hub;
    struct resource_store *store;
    struct token_keys *token_keys;
    struct auth_bearer *bearer; /* issuer "https://kubernetes.default.svc.cluster.local" */
    struct report *report;
    struct api_server *server;
    struct ke_buf ca, ca_key, cert, key, client_cert, client_key; /* the client is a master */
    struct tls_cert *tls_cert;
    struct tls_context *tls;
    struct ke_endpoint address; /* of the TLS listener */
    bool is_not_ready;          /* what the is_ready hook says */
    struct ke_buf body;         /* of the last answer, terminated */
    struct audit_log *audit;    /* NULL: none is kept */
    char audit_path[300];
};

/* cmocka fixtures: *state is a struct test_api with the namespace "default". */
int test_api_set_up(void **state);
/* The same with a runtime and an authoriser (borrowed; either may be NULL). */
struct api_runtime;
int test_api_set_up_with(void **state, const struct api_runtime *runtime,
                         auth_authorize_fn *authorize, void *authorize_ctx);
/* The same as the first with an audit log at f->audit_path. */
int test_api_set_up_audited(void **state);
int test_api_tear_down(void **state);

/* The HTTP status; body NULL: type is what is accepted. */
unsigned test_api_call(struct test_api *f, const char *method, const char *path, const char *type,
                       const char *body);
unsigned test_api_get(struct test_api *f, const char *path);
unsigned test_api_post(struct test_api *f, const char *path, const char *body);
void test_api_assert_has(struct test_api *f, const char *part);
void test_api_assert_lacks(struct test_api *f, const char *part);
void test_api_make_namespace(struct test_api *f, const char *name);
/* With the label x=label and data k=v. */
void test_api_make_configmap(struct test_api *f, const char *name, const char *label);
/* Waits until clients hold n descriptors, the one that asks included. */
void test_api_await_descriptors(struct test_api *f, unsigned n);

/* A client on the unix socket that reads as it comes. */
struct test_reader {
    int fd;
    char text[524288]; /* all so far, head included */
    size_t len;
};
/* headers: whole lines, each with CRLF. */
void test_reader_open(struct test_reader *r, struct test_api *f, const char *path,
                      const char *headers);
/* By HTTP/1.0: no mark of a chunk is in the text. */
void test_reader_open_unchunked(struct test_reader *r, struct test_api *f, const char *path);
bool test_reader_more(struct test_reader *r); /* false: the end of the stream */
/* Waits until part is there; where it is. */
const char *test_reader_await(struct test_reader *r, const char *part);

#endif
