/* SPDX-License-Identifier: Apache-2.0 */
/* Elements in nft's words. Pure. */
#include <string.h>

#include "core/base/mem.h"
#include "proxy/nft_elements.h"

static const uint8_t *print_ip(const uint8_t *at, enum ke_family family, struct ke_buf *out)
{
    struct ke_ip ip = { .family = family };
    memcpy(ip.b, at, ke_ip_len(&ip));
    ke_ip_format(&ip, out);
    return at + ke_ip_len(&ip);
}

static const uint8_t *print_word(const uint8_t *at, const char *format, struct ke_buf *out)
{
    uint32_t word = 0;
    memcpy(&word, at, sizeof(word));
    if (format[0] == 's')
        ke_buf_add_u64(out, word);
    else
        ke_buf_addf(out, "0x%08x", word);
    return at + sizeof(word);
}

static const uint8_t *print_port(const uint8_t *at, struct ke_buf *out)
{
    ke_buf_add_u64(out, (uint64_t)at[0] << 8 | at[1]);
    return at + 4;
}

static void print_proto(uint8_t proto, struct ke_buf *out)
{
    if (proto == KE_PROTO_TCP)
        ke_buf_add_c(out, "tcp");
    else
        ke_buf_add_c(out, proto == KE_PROTO_UDP ? "udp" : "sctp");
}

static void print_key(const struct nft_element *element, struct ke_buf *out)
{
    const uint8_t *at = element->key;
    const uint8_t *end = element->data;
    bool has_range = element->set == NFT_RANGES;
    for (const char *field = nft_set_info(element->set)->key; *field != '\0'; field++) {
        if (at != element->key)
            ke_buf_add_c(out, " . ");
        if (*field == 'a' || *field == 'f') {
            at = print_ip(at, (enum ke_family)element->family, out);
            if (has_range && *field == 'f') {
                ke_buf_add_char(out, '-');
                (void)print_ip(end + (at - element->key) - (element->family == 4 ? 4 : 16),
                               (enum ke_family)element->family, out);
            }
        } else if (*field == 'c') {
            print_proto(*at, out);
            at += 4;
        } else if (*field == 'p') {
            at = print_port(at, out);
        } else {
            at = print_word(at, field, out);
        }
    }
}

void nft_element_print(const struct nft_element *element, struct ke_buf *out)
{
    print_key(element, out);
    char data = nft_set_info(element->set)->data[0];
    if (data == '\0')
        return;
    ke_buf_add_c(out, " : ");
    if (element->verdict == NFT_VERDICT_DROP) {
        ke_buf_add_c(out, "drop");
    } else if (element->verdict == NFT_VERDICT_GOTO) {
        ke_buf_addf(out, "goto %s", (const char *)element->data);
    } else if (data == 'b') {
        const uint8_t *at = print_ip(element->data, (enum ke_family)element->family, out);
        ke_buf_add_c(out, " . ");
        (void)print_port(at, out);
    } else {
        (void)print_word(element->data, "m", out);
    }
}
