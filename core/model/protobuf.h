/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_PROTOBUF_H
#define CORE_MODEL_PROTOBUF_H
/*
 * Inside of core/model only: what the walk over a protobuf message (protobuf.c) and the reading of
 * single values (protobuf_value.c) share.
 */
#include "core/base/cur.h"
#include "core/model/schema.h"

enum protobuf_wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct protobuf_decoder {
    struct ke_err *err;
    size_t n_nodes; /* JSON values made so far */
    size_t n_steps; /* entries of maps walked over so far */
    unsigned depth; /* messages inside of messages */
};

/* One tag and what stands behind it. */
struct protobuf_item {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t number_value; /* of WIRE_VARINT and the fixed ones */
    struct ke_str bytes;   /* of WIRE_BYTES; borrowed from the body */
};

/* Reads the next item; false at the end or when cur has gone bad. Groups make it bad. */
bool protobuf_next(struct ke_cur *cur, struct protobuf_item *out);
enum ke_code protobuf_fail_eof(const struct protobuf_decoder *d);
/* Counts a new JSON value. KE_TOO_LARGE at the limit. */
enum ke_code protobuf_count(struct protobuf_decoder *d) KE_MUST_CHECK;
/* The members of message in bytes, into object. */
enum ke_code protobuf_message(struct protobuf_decoder *d, const struct model_message *message,
                              struct ke_str bytes, cJSON *object) KE_MUST_CHECK;
/* One value of a field that is no plain message. *out NULL: absent (null in Go's JSON). */
enum ke_code protobuf_value(struct protobuf_decoder *d, const struct model_field *field,
                            const struct protobuf_item *item, cJSON **out) KE_MUST_CHECK;
/* What an entry of a map without a value stands for. */
enum ke_code protobuf_empty_value(struct protobuf_decoder *d, const struct model_field *field,
                                  cJSON **out) KE_MUST_CHECK;
bool protobuf_is_varint(const struct model_field *field);

#endif
