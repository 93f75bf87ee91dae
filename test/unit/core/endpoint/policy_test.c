/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endpoints traffic uses: one row a case, in the words of kube-proxy's rules. An endpoint is
 * written as letters: R ready, S serving, T terminating, L on this node (n1; others are on n2);
 * #z it is in zone z, @z hinted at zone z, >n hinted at node n. This node is n1 in zone a.
 */
#include <stdio.h>
#include <string.h>

#include "core/endpoint/policy.h"
#include "test/support/base/test.h"

#define MAX_ENDPOINTS 6

struct policy_case {
    const char *name;
    const char *endpoints[MAX_ENDPOINTS];
    const char *cluster; /* positions */
    const char *local;
    enum endpoint_preference preference;
    const char *zone; /* NULL: "a" */
};

static const struct policy_case cases[] = {
    { "no endpoints", { NULL }, "", "", ENDPOINT_PREFER_NONE, NULL },
    { "ready ones are used", { "RS", "RSL" }, "01", "1", ENDPOINT_PREFER_NONE, NULL },
    { "not ready ones are not", { "", "S", "RS" }, "2", "", ENDPOINT_PREFER_NONE, NULL },
    { "serving and terminating ones only when none is ready",
      { "ST", "RS", "STL" },
      "1",
      "2",
      ENDPOINT_PREFER_NONE,
      NULL },
    { "fall-back: serving and terminating", { "ST", "S", "T", "" }, "0", "", 0, NULL },
    { "terminating ones that do not serve are never used", { "T", "TL" }, "", "", 0, NULL },
    { "serving but not terminating is not a fall-back", { "S", "SL" }, "", "", 0, NULL },
    { "the local fall-back is independent of others' readiness",
      { "RS", "STL" },
      "0",
      "1",
      ENDPOINT_PREFER_NONE,
      NULL },
    { "local: ready ones hide terminating ones", { "RSL", "STL" }, "0", "0", 0, NULL },
    { "zone hints: every ready one has some, one is ours",
      { "RS@a", "RS@b", "RS@b@a" },
      "02",
      "",
      ENDPOINT_PREFER_NONE,
      NULL },
    { "zone hints: one without, all are used", { "RS@a", "RS" }, "01", "", 0, NULL },
    { "zone hints: none is for our zone", { "RS@b", "RS@c" }, "01", "", 0, NULL },
    { "zone hints: this node has no zone", { "RS@a", "RS@b" }, "01", "", 0, "" },
    { "hints of endpoints that are not ready do not count",
      { "RS@a", "S", "RS@b" },
      "0",
      "",
      ENDPOINT_PREFER_NONE,
      NULL },
    { "hints do not apply to the fall-back", { "ST@b", "ST@a" }, "01", "", 0, NULL },
    { "hints do not apply to the local set", { "RSL@b", "RS@a" }, "1", "0", 0, NULL },
    { "node hints come before zone hints",
      { "RS@a>n1", "RS@a>n2" },
      "0",
      "",
      ENDPOINT_PREFER_NONE,
      NULL },
    { "node hints for other nodes only: zone hints decide",
      { "RS@a>n2", "RS@b>n3" },
      "0",
      "",
      ENDPOINT_PREFER_NONE,
      NULL },
    { "node hints: one without, zone hints decide", { "RS@a>n1", "RS@a" }, "01", "", 0, NULL },
    { "same zone: without hints by the endpoint's zone",
      { "RS#a", "RS#b", "RSL#a" },
      "02",
      "2",
      ENDPOINT_PREFER_SAME_ZONE,
      NULL },
    { "same zone: hints win over the endpoint's zone",
      { "RS#b@a", "RS#a@b" },
      "0",
      "",
      ENDPOINT_PREFER_SAME_ZONE,
      NULL },
    { "same zone: an endpoint without zone lifts it",
      { "RS#a", "RS" },
      "01",
      "",
      ENDPOINT_PREFER_SAME_ZONE,
      NULL },
    { "same node: this node's", { "RS#a", "RSL#a" }, "1", "1", ENDPOINT_PREFER_SAME_NODE, NULL },
    { "same node: none here, then the zone's",
      { "RS#a", "RS#b" },
      "0",
      "",
      ENDPOINT_PREFER_SAME_NODE,
      NULL },
    { "zones without hints or preference mean nothing", { "RS#a", "RS#b" }, "01", "", 0, NULL },
};

struct endpoint_text {
    struct model_slice_endpoint endpoint;
    struct ke_str zones[2], nodes[2];
};

static void add_name(struct ke_str *names, size_t *n, struct ke_str name)
{
    assert_true(*n < 2);
    names[(*n)++] = name;
}

static struct ke_str name_at(const char *text)
{
    return ke_str_of(text, strcspn(text, "#@>RSTL"));
}

static void read_endpoint(const char *text, struct endpoint_text *out)
{
    struct model_slice_endpoint *ep = &out->endpoint;
    ep->node_name = strchr(text, 'L') != NULL ? KE_STR("n1") : KE_STR("n2");
    ep->is_ready = strchr(text, 'R') != NULL;
    ep->is_serving = strchr(text, 'S') != NULL;
    ep->is_terminating = strchr(text, 'T') != NULL;
    ep->zone_hints = out->zones;
    ep->node_hints = out->nodes;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '#')
            ep->zone = name_at(c + 1);
        if (*c == '@')
            add_name(out->zones, &ep->n_zone_hints, name_at(c + 1));
        if (*c == '>')
            add_name(out->nodes, &ep->n_node_hints, name_at(c + 1));
    }
}

static void assert_positions(const char *what, const uint32_t *positions, uint32_t n,
                             const char *expected)
{
    char text[MAX_ENDPOINTS + 1] = "";
    for (uint32_t i = 0; i < n; i++)
        text[i] = (char)('0' + positions[i]);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", what, text, expected);
}

static void traffic_uses_what_kube_proxy_would(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        const struct policy_case *c = &cases[i];
        struct endpoint_text texts[MAX_ENDPOINTS] = { 0 };
        struct endpoint_candidate candidates[MAX_ENDPOINTS] = { 0 };
        uint32_t n = 0;
        for (; n < MAX_ENDPOINTS && c->endpoints[n] != NULL; n++) {
            read_endpoint(c->endpoints[n], &texts[n]);
            candidates[n].endpoint = &texts[n].endpoint;
            candidates[n].is_local = ke_str_eq_c(texts[n].endpoint.node_name, "n1");
        }
        struct endpoint_place place = { .node_name = KE_STR("n1"),
                                        .zone = ke_str_c(c->zone != NULL ? c->zone : "a") };
        uint32_t cluster[MAX_ENDPOINTS];
        uint32_t local[MAX_ENDPOINTS];
        struct endpoint_pick pick = { .cluster = cluster, .local = local };
        endpoint_policy_pick(candidates, n, &place, c->preference, &pick);
        assert_positions(c->name, pick.cluster, pick.n_cluster, c->cluster);
        assert_positions(c->name, pick.local, pick.n_local, c->local);
    }
}

static void reads_traffic_distribution(void **state)
{
    (void)state;
    assert_int_equal(endpoint_preference_parse(KE_STR("PreferClose")), ENDPOINT_PREFER_SAME_ZONE);
    assert_int_equal(endpoint_preference_parse(KE_STR("PreferSameZone")),
                     ENDPOINT_PREFER_SAME_ZONE);
    assert_int_equal(endpoint_preference_parse(KE_STR("PreferSameNode")),
                     ENDPOINT_PREFER_SAME_NODE);
    assert_int_equal(endpoint_preference_parse(KE_STR("")), ENDPOINT_PREFER_NONE);
    assert_int_equal(endpoint_preference_parse(KE_STR("Else")), ENDPOINT_PREFER_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traffic_uses_what_kube_proxy_would),
        cmocka_unit_test(reads_traffic_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
