/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as nf_tables messages of our own. */
#include "proxy/nft_kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "proxy/nft_text.h"

/* A nested attribute's length has 16 bits. */
#define LIST_BYTES  60000
#define BATCH_BYTES (512U << 20)

static uint8_t wire_family(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
}

static uint16_t wire_type(unsigned message)
{
    return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message);
}

static void add_element(struct ke_buf *buf, const struct nft_element *element, bool has_data)
{
    size_t item = nfnl_nest_begin(buf, NFTA_LIST_ELEM);
    size_t key = nfnl_nest_begin(buf, NFTA_SET_ELEM_KEY);
    nfnl_attr(buf, NFTA_DATA_VALUE, element->key, element->key_len);
    nfnl_nest_end(buf, key);
    if (element->set == NFT_RANGES) {
        size_t end = nfnl_nest_begin(buf, NFTA_SET_ELEM_KEY_END);
        nfnl_attr(buf, NFTA_DATA_VALUE, element->data, element->data_len);
        nfnl_nest_end(buf, end);
    } else if (has_data && element->verdict != NFT_VERDICT_NONE) {
        bool is_drop = element->verdict == NFT_VERDICT_DROP;
        size_t data = nfnl_nest_begin(buf, NFTA_SET_ELEM_DATA);
        size_t verdict = nfnl_nest_begin(buf, NFTA_DATA_VERDICT);
        nfnl_attr_be32(buf, NFTA_VERDICT_CODE, is_drop ? NF_DROP : (uint32_t)NFT_GOTO);
        if (!is_drop)
            nfnl_attr(buf, NFTA_VERDICT_CHAIN, element->data, element->data_len);
        nfnl_nest_end(buf, verdict);
        nfnl_nest_end(buf, data);
    } else if (has_data && element->data_len > 0) {
        size_t data = nfnl_nest_begin(buf, NFTA_SET_ELEM_DATA);
        nfnl_attr(buf, NFTA_DATA_VALUE, element->data, element->data_len);
        nfnl_nest_end(buf, data);
    }
    nfnl_nest_end(buf, item);
}

static size_t begin_set(struct ke_buf *buf, const struct nfnl_head *head, enum nft_set_id set)
{
    size_t at = nfnl_begin(buf, head);
    nfnl_attr_str(buf, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
    nfnl_attr_str(buf, NFTA_SET_ELEM_LIST_SET, nft_set_info(set)->name);
    return at;
}

struct writing {
    struct ke_buf buf;
    uint32_t seq;
    uint32_t first_seq;
    size_t last; /* where the last message begins */
};

static void add_control(struct writing *writing, uint16_t type)
{
    struct nfnl_head head = {
        .type = type, .seq = writing->seq++, .family = AF_UNSPEC, .res_id = NFNL_SUBSYS_NFTABLES
    };
    nfnl_end(&writing->buf, nfnl_begin(&writing->buf, &head));
}

static void add_flush(struct writing *writing, enum nft_set_id set, enum ke_family family)
{
    struct nfnl_head head = { .type = wire_type(NFT_MSG_DELSETELEM),
                              .seq = writing->seq++,
                              .family = wire_family(family) };
    writing->last = begin_set(&writing->buf, &head, set);
    nfnl_end(&writing->buf, writing->last);
}

/* A run of elements of one set is one message, or several when it gets too long. */
static size_t add_run(struct writing *writing, const struct nft_elements *elements, size_t from,
                      bool is_addition)
{
    const struct nft_element *first = &elements->items[from];
    struct nfnl_head head = { .type =
                                  wire_type(is_addition ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
                              .flags = is_addition ? NLM_F_CREATE : 0,
                              .seq = writing->seq++,
                              .family = wire_family((enum ke_family)first->family) };
    writing->last = begin_set(&writing->buf, &head, (enum nft_set_id)first->set);
    size_t list = nfnl_nest_begin(&writing->buf, NFTA_SET_ELEM_LIST_ELEMENTS);
    size_t i = from;
    while (i < elements->n && elements->items[i].set == first->set &&
           elements->items[i].family == first->family && writing->buf.len - list < LIST_BYTES)
        add_element(&writing->buf, &elements->items[i++], is_addition);
    nfnl_nest_end(&writing->buf, list);
    nfnl_end(&writing->buf, writing->last);
    return i;
}

static void add_runs(struct writing *writing, const struct nft_elements *elements, bool is_addition)
{
    for (size_t i = 0; elements != NULL && i < elements->n;)
        i = add_run(writing, elements, i, is_addition);
}

/* ---- chains ---- */

struct field {
    uint16_t type;
    uint32_t value;
};

static void add_expression(struct ke_buf *buf, const char *name, const struct field *fields,
                           size_t n, const char *set)
{
    size_t item = nfnl_nest_begin(buf, NFTA_LIST_ELEM);
    nfnl_attr_str(buf, NFTA_EXPR_NAME, name);
    size_t data = nfnl_nest_begin(buf, NFTA_EXPR_DATA);
    if (set != NULL)
        nfnl_attr_str(buf, NFTA_LOOKUP_SET, set);
    for (size_t i = 0; i < n; i++)
        nfnl_attr_be32(buf, fields[i].type, fields[i].value);
    nfnl_nest_end(buf, data);
    nfnl_nest_end(buf, item);
}

/* dnat to (front . numgen random mod count) map: what nft makes of that text. */
static void add_draw(struct ke_buf *buf, const struct nft_family_chain *of)
{
    bool is_v6 = of->family == KE_FAMILY_IPV6;
    bool is_node = of->chain.base == NFT_CHAIN_NODE || of->chain.base == NFT_CHAIN_NODE_LOCAL;
    bool is_local = of->chain.base == NFT_CHAIN_LOCAL || of->chain.base == NFT_CHAIN_NODE_LOCAL;
    uint32_t address_words = is_v6 ? 4 : 1;
    uint32_t next = NFT_REG32_00 + (is_node ? 0 : address_words);
    const struct field address[] = { { NFTA_PAYLOAD_DREG, NFT_REG32_00 },
                                     { NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER },
                                     { NFTA_PAYLOAD_OFFSET, is_v6 ? 24 : 16 },
                                     { NFTA_PAYLOAD_LEN, is_v6 ? 16 : 4 } };
    const struct field proto[] = { { NFTA_META_DREG, next }, { NFTA_META_KEY, NFT_META_L4PROTO } };
    const struct field port[] = { { NFTA_PAYLOAD_DREG, next + 1 },
                                  { NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER },
                                  { NFTA_PAYLOAD_OFFSET, 2 },
                                  { NFTA_PAYLOAD_LEN, 2 } };
    const struct field slot[] = { { NFTA_NG_DREG, next + 2 },
                                  { NFTA_NG_MODULUS, of->chain.count },
                                  { NFTA_NG_TYPE, NFT_NG_RANDOM },
                                  { NFTA_NG_OFFSET, is_local ? NFT_LOCAL_SLOT : 0 } };
    const struct field lookup[] = { { NFTA_LOOKUP_SREG, NFT_REG32_00 },
                                    { NFTA_LOOKUP_DREG, NFT_REG32_00 } };
    const struct field nat[] = { { NFTA_NAT_TYPE, NFT_NAT_DNAT },
                                 { NFTA_NAT_FAMILY, wire_family(of->family) },
                                 { NFTA_NAT_REG_ADDR_MIN, NFT_REG32_00 },
                                 { NFTA_NAT_REG_PROTO_MIN, NFT_REG32_00 + address_words } };
    if (!is_node)
        add_expression(buf, "payload", address, KE_ARRAY_LEN(address), NULL);
    add_expression(buf, "meta", proto, KE_ARRAY_LEN(proto), NULL);
    add_expression(buf, "payload", port, KE_ARRAY_LEN(port), NULL);
    add_expression(buf, "numgen", slot, KE_ARRAY_LEN(slot), NULL);
    add_expression(buf, "lookup", lookup, KE_ARRAY_LEN(lookup),
                   nft_set_info(is_node ? NFT_NODE_BACKENDS : NFT_BACKENDS)->name);
    add_expression(buf, "nat", nat, KE_ARRAY_LEN(nat), NULL);
}

/* The chain, emptied, with its one rule. */
static void add_chain(struct writing *writing, const struct nft_family_chain *of)
{
    struct ke_buf *buf = &writing->buf;
    char name[NFT_CHAIN_NAME_MAX];
    nft_chain_name(&of->chain, name);
    struct nfnl_head head = { .type = wire_type(NFT_MSG_NEWCHAIN),
                              .flags = NLM_F_CREATE,
                              .seq = writing->seq++,
                              .family = wire_family(of->family) };
    size_t at = nfnl_begin(buf, &head);
    nfnl_attr_str(buf, NFTA_CHAIN_TABLE, NFT_TABLE);
    nfnl_attr_str(buf, NFTA_CHAIN_NAME, name);
    nfnl_end(buf, at);
    head.type = wire_type(NFT_MSG_DELRULE);
    head.flags = 0;
    head.seq = writing->seq++;
    at = nfnl_begin(buf, &head);
    nfnl_attr_str(buf, NFTA_RULE_TABLE, NFT_TABLE);
    nfnl_attr_str(buf, NFTA_RULE_CHAIN, name);
    nfnl_end(buf, at);
    head.type = wire_type(NFT_MSG_NEWRULE);
    head.flags = NLM_F_CREATE | NLM_F_APPEND;
    head.seq = writing->seq++;
    at = writing->last = nfnl_begin(buf, &head);
    nfnl_attr_str(buf, NFTA_RULE_TABLE, NFT_TABLE);
    nfnl_attr_str(buf, NFTA_RULE_CHAIN, name);
    size_t expressions = nfnl_nest_begin(buf, NFTA_RULE_EXPRESSIONS);
    add_draw(buf, of);
    nfnl_nest_end(buf, expressions);
    nfnl_end(buf, at);
}

static void write_batch(struct writing *writing, const struct nft_batch *batch)
{
    static const enum ke_family families[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };
    add_control(writing, NFNL_MSG_BATCH_BEGIN);
    for (size_t i = 0; i < batch->n_chains; i++)
        add_chain(writing, &batch->chains[i]);
    for (unsigned i = 0; batch->is_full && i < 2; i++)
        for (unsigned set = 0; (batch->families & (1U << i)) != 0 && set < NFT_SET_COUNT; set++)
            if (nft_set_is_used((enum nft_set_id)set, families[i]) && set != NFT_AFFINITY &&
                set != NFT_NODE_AFFINITY)
                add_flush(writing, (enum nft_set_id)set, families[i]);
    if (!batch->is_full)
        add_runs(writing, batch->gone, false);
    add_runs(writing, batch->added, true);
}

enum ke_code nft_batch_commit(struct nfnl_socket *socket, const struct nft_batch *batch,
                              struct ke_err *err)
{
    struct writing writing = { .buf = KE_BUF_INIT(BATCH_BYTES),
                               .seq = socket->last_seq + 1,
                               .first_seq = socket->last_seq + 1 };
    write_batch(&writing, batch);
    if (writing.last == 0) {
        ke_buf_free(&writing.buf);
        return KE_OK; /* nothing to do */
    }
    uint32_t ack_seq = writing.seq - 1;
    if (writing.buf.failed == KE_OK) {
        uint16_t flags = 0;
        char *at = writing.buf.ptr + writing.last + offsetof(struct nlmsghdr, nlmsg_flags);
        memcpy(&flags, at, sizeof(flags));
        flags |= NLM_F_ACK;
        memcpy(at, &flags, sizeof(flags));
    }
    add_control(&writing, NFNL_MSG_BATCH_END);
    socket->last_seq = writing.seq;
    enum ke_code rc = ke_buf_check(&writing.buf, "batch of elements", err);
    if (rc == KE_OK) {
        nfnl_set_send_room(socket, writing.buf.len + writing.buf.len / 4 + 65536);
        rc = nfnl_send(socket, &writing.buf, err);
    }
    ke_buf_free(&writing.buf);
    if (rc == KE_OK)
        rc = nfnl_receive(socket, writing.first_seq, ack_seq, NULL, NULL, err);
    return rc;
}

/* ---- reading back ---- */

static void read_data(const struct nlattr *attr, struct nft_element *out)
{
    const struct nlattr *data[NFTA_DATA_MAX + 1];
    const struct nlattr *verdict[NFTA_VERDICT_MAX + 1];
    nfnl_parse_nested(attr, data, NFTA_DATA_MAX);
    const struct nlattr *value = data[NFTA_DATA_VALUE];
    if (data[NFTA_DATA_VERDICT] != NULL) {
        nfnl_parse_nested(data[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX);
        value = verdict[NFTA_VERDICT_CHAIN];
        out->verdict = value != NULL ? NFT_VERDICT_GOTO : NFT_VERDICT_DROP;
    }
    if (value == NULL || nfnl_len(value) > sizeof(out->data))
        return;
    memcpy(out->data, nfnl_data(value), nfnl_len(value));
    out->data_len = (uint8_t)nfnl_len(value);
}

struct read_one {
    struct nft_element *element;
    bool is_found;
};

static bool on_element(void *ctx, const struct nlmsghdr *message)
{
    struct read_one *one = ctx;
    const struct nlattr *list[NFTA_SET_ELEM_LIST_MAX + 1];
    const struct nlattr *element[NFTA_SET_ELEM_MAX + 1];
    if (message->nlmsg_type != wire_type(NFT_MSG_NEWSETELEM))
        return true;
    nfnl_parse(message, list, NFTA_SET_ELEM_LIST_MAX);
    const struct nlattr *elements = list[NFTA_SET_ELEM_LIST_ELEMENTS];
    const struct nlattr *item = elements != NULL ? nfnl_first(elements) : NULL;
    if (item == NULL)
        return true;
    nfnl_parse_nested(item, element, NFTA_SET_ELEM_MAX);
    if (element[NFTA_SET_ELEM_DATA] != NULL)
        read_data(element[NFTA_SET_ELEM_DATA], one->element);
    one->is_found = true;
    return true;
}

enum ke_code nft_element_read(struct nfnl_socket *socket, const struct nft_element *wanted,
                              struct nft_element *out, struct ke_err *err)
{
    ke_auto_buf buf = KE_BUF_INIT(4096);
    struct nft_element found = *wanted;
    struct read_one one = { .element = &found };
    struct nfnl_head head = { .type = wire_type(NFT_MSG_GETSETELEM),
                              .flags = NLM_F_ACK,
                              .seq = ++socket->last_seq,
                              .family = wire_family((enum ke_family)wanted->family) };
    size_t at = begin_set(&buf, &head, (enum nft_set_id)wanted->set);
    size_t list = nfnl_nest_begin(&buf, NFTA_SET_ELEM_LIST_ELEMENTS);
    add_element(&buf, wanted, false);
    nfnl_nest_end(&buf, list);
    nfnl_end(&buf, at);
    if (wanted->set != NFT_RANGES) {
        found.verdict = NFT_VERDICT_NONE;
        found.data_len = 0;
        memset(found.data, 0, sizeof(found.data));
    }
    enum ke_code rc = nfnl_send(socket, &buf, err);
    if (rc == KE_OK)
        rc = nfnl_receive(socket, head.seq, head.seq, on_element, &one, err);
    if (rc != KE_OK)
        return rc;
    if (!one.is_found)
        return ke_fail(err, KE_NOT_FOUND, "the kernel does not have the element");
    *out = found;
    return KE_OK;
}

static bool on_count(void *ctx, const struct nlmsghdr *message)
{
    const struct nlattr *list[NFTA_SET_ELEM_LIST_MAX + 1];
    size_t *count = ctx;
    if (message->nlmsg_type != wire_type(NFT_MSG_NEWSETELEM))
        return true;
    nfnl_parse(message, list, NFTA_SET_ELEM_LIST_MAX);
    const struct nlattr *elements = list[NFTA_SET_ELEM_LIST_ELEMENTS];
    if (elements == NULL)
        return true;
    for (const struct nlattr *item = nfnl_first(elements); item != NULL;
         item = nfnl_next(elements, item))
        (*count)++;
    return true;
}

enum ke_code nft_set_count_elements(struct nfnl_socket *socket, enum nft_set_id set,
                                    enum ke_family family, size_t *out, struct ke_err *err)
{
    ke_auto_buf buf = KE_BUF_INIT(4096);
    size_t count = 0;
    struct nfnl_head head = { .type = wire_type(NFT_MSG_GETSETELEM),
                              .flags = NLM_F_DUMP,
                              .seq = ++socket->last_seq,
                              .family = wire_family(family) };
    nfnl_end(&buf, begin_set(&buf, &head, set));
    enum ke_code rc = nfnl_send(socket, &buf, err);
    if (rc == KE_OK)
        rc = nfnl_receive(socket, head.seq, head.seq, on_count, &count, err);
    if (rc == KE_OK)
        *out = count;
    return rc;
}

/* ---- the table ---- */

static enum ke_code ask_table(struct nfnl_socket *socket, enum ke_family family, struct ke_err *err)
{
    ke_auto_buf buf = KE_BUF_INIT(4096);
    struct nfnl_head head = { .type = wire_type(NFT_MSG_GETTABLE),
                              .flags = NLM_F_ACK,
                              .seq = ++socket->last_seq,
                              .family = wire_family(family) };
    size_t at = nfnl_begin(&buf, &head);
    nfnl_attr_str(&buf, NFTA_TABLE_NAME, NFT_TABLE);
    nfnl_end(&buf, at);
    enum ke_code rc = nfnl_send(socket, &buf, err);
    return rc == KE_OK ? nfnl_receive(socket, head.seq, head.seq, NULL, NULL, err) : rc;
}

enum ke_code nft_table_delete(struct nfnl_socket *socket, enum ke_family family, struct ke_err *err)
{
    struct ke_err absent = KE_ERR_INIT;
    if (ask_table(socket, family, &absent) != KE_OK)
        return KE_OK; /* no table, or no nf_tables at all */
    struct writing writing = { .buf = KE_BUF_INIT(4096), .seq = socket->last_seq + 1 };
    uint32_t first_seq = writing.seq;
    add_control(&writing, NFNL_MSG_BATCH_BEGIN);
    struct nfnl_head head = { .type = wire_type(NFT_MSG_DELTABLE),
                              .flags = NLM_F_ACK,
                              .seq = writing.seq++,
                              .family = wire_family(family) };
    size_t at = nfnl_begin(&writing.buf, &head);
    nfnl_attr_str(&writing.buf, NFTA_TABLE_NAME, NFT_TABLE);
    nfnl_end(&writing.buf, at);
    add_control(&writing, NFNL_MSG_BATCH_END);
    socket->last_seq = writing.seq;
    enum ke_code rc = nfnl_send(socket, &writing.buf, err);
    ke_buf_free(&writing.buf);
    if (rc == KE_OK)
        rc = nfnl_receive(socket, first_seq, head.seq, NULL, NULL, err);
    return rc == KE_NOT_FOUND ? KE_OK : rc;
}

bool nft_event_parse(const struct nlmsghdr *message, struct nft_table_event *out)
{
    const struct nlattr *attrs[2];
    unsigned type = message->nlmsg_type & 0xffU;
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || type == NFT_MSG_NEWGEN)
        return false;
    /* In every message of nf_tables attribute 1 names the table. */
    nfnl_parse(message, attrs, 1);
    if (attrs[1] == NULL || nfnl_len(attrs[1]) != sizeof(NFT_TABLE) ||
        memcmp(nfnl_data(attrs[1]), NFT_TABLE, sizeof(NFT_TABLE)) != 0)
        return false;
    *out = (struct nft_table_event){ .is_ours = true,
                                     .is_removal_or_rule =
                                         type == NFT_MSG_DELTABLE || type == NFT_MSG_DELCHAIN ||
                                         type == NFT_MSG_DELRULE || type == NFT_MSG_DELSET ||
                                         type == NFT_MSG_DELSETELEM || type == NFT_MSG_NEWRULE ||
                                         type == NFT_MSG_NEWSETELEM,
                                     .port_id = message->nlmsg_pid };
    return true;
}
