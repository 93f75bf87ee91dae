/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_NFT_ELEMENTS_H
#define PROXY_NFT_ELEMENTS_H
/*
 * The maps layout: which sets and maps the table `kedge` of a family has, and which elements a
 * service has in them. No chain per service: a front's element leads to a chain per number of
 * backends, which draws a slot and finds the backend of (front, slot) in another map. Pure.
 */
#include "proxy/plan.h"

enum nft_set_id {
    NFT_CLUSTER_IPS,   /* addresses of services */
    NFT_HAIRPIN,       /* (backend, backend): talking to oneself */
    NFT_RANGED,        /* fronts with source ranges */
    NFT_RANGES,        /* (front, source range) */
    NFT_REFUSED,       /* front -> refuse or drop */
    NFT_SERVICES,      /* ClusterIP front -> chain */
    NFT_EXTERNAL_KIND, /* external front -> external_cluster or external_local */
    NFT_EXTERNAL,      /* external front -> chain of all backends */
    NFT_EXTERNAL_LOCAL /* external front -> chain of those on this node, or drop */,
    NFT_NODE_REFUSED, /* the same four for node ports */
    NFT_NODE_KIND,
    NFT_NODE,
    NFT_NODE_LOCAL,
    NFT_BACKENDS,      /* (front, slot) -> backend */
    NFT_NODE_BACKENDS, /* (node port, slot) -> backend */
    NFT_MARKS,         /* with affinity: (front, slot) -> mark */
    NFT_NODE_MARKS,
    NFT_MARKED, /* (front, mark) -> backend */
    NFT_NODE_MARKED,
    NFT_AFFINITY, /* (client, front) -> mark, with a timeout: learned by the kernel */
    NFT_NODE_AFFINITY,
    NFT_SET_COUNT
};

/* Letters of keys and data: a address, c protocol, p port, s slot, m mark, f client address,
 * b backend (address and port), v verdict. */
struct nft_set_info {
    const char *name;
    const char *key;
    const char *data;    /* empty: a set */
    const char *options; /* text after the type */
};
const struct nft_set_info *nft_set_info(enum nft_set_id id);
/* Exists in the table of the family? Learned affinity does not fit into registers for IPv6. */
bool nft_set_is_used(enum nft_set_id id, enum ke_family family);

#define NFT_KEY_MAX 40

enum nft_verdict { NFT_VERDICT_NONE, NFT_VERDICT_GOTO, NFT_VERDICT_DROP };

struct nft_element {
    uint8_t family; /* enum ke_family */
    uint8_t set;
    uint8_t key_len;
    uint8_t data_len; /* of data, or of the end of an interval; the chain's name has a NUL */
    uint8_t verdict;
    uint8_t key[NFT_KEY_MAX];
    uint8_t data[NFT_KEY_MAX];
};

struct nft_elements {
    struct nft_element *items;
    size_t n, cap;
    bool has_failed; /* out of memory */
};

/* Appends all elements of a plan, each once. */
void nft_elements_add_plan(struct nft_elements *elements, const struct proxy_plan *plan);
void nft_elements_sort(struct nft_elements *elements);
void nft_elements_deinit(struct nft_elements *elements);
int nft_element_cmp_key(const struct nft_element *a, const struct nft_element *b);
bool nft_element_eq(const struct nft_element *a, const struct nft_element *b);
/* What is to be taken away and what to be added; an element with new data is in both. */
void nft_elements_diff(const struct nft_elements *old, const struct nft_elements *new,
                       struct nft_elements *out_gone, struct nft_elements *out_added);

/* Chains a plan leads to: the same as a verdict's name. */
enum nft_chain_base {
    NFT_CHAIN_FRONT,      /* n3: ClusterIP and external, 3 backends */
    NFT_CHAIN_LOCAL,      /* l3: external, those on this node */
    NFT_CHAIN_NODE,       /* p3: node port */
    NFT_CHAIN_NODE_LOCAL, /* q3 */
};
#define NFT_CHAIN_NAME_MAX 32
struct nft_chain {
    enum nft_chain_base base;
    uint32_t count;
    uint32_t affinity_s; /* 0: none */
};
void nft_chain_name(const struct nft_chain *chain, char out[NFT_CHAIN_NAME_MAX]);
/* False: not the name of such a chain. */
bool nft_chain_parse(const char *name, struct nft_chain *out) KE_MUST_CHECK;

/* Slots of backends on this node only begin here. */
#define NFT_LOCAL_SLOT 32768U

/* "10.32.0.1 . tcp . 80 : goto n3" */
void nft_element_print(const struct nft_element *element, struct ke_buf *out);

#endif
