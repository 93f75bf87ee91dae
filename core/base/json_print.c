/* SPDX-License-Identifier: Apache-2.0 */
/* Printing JSON trees into a buffer. Numbers as Go prints them: integers without exponent below
 * 1e21, else the shortest text that reads back the same. Pure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"

struct json_printer {
    struct ke_buf *out;
    unsigned indent; /* blanks a level; 0: compact */
    unsigned level;
};

static void print_number(double d, struct ke_buf *out)
{
    if (!isfinite(d)) {
        ke_buf_add_c(out, "null");
        return;
    }
    if (trunc(d) == d && fabs(d) < 9007199254740993.0) {
        ke_buf_add_i64(out, (int64_t)d);
        return;
    }
    if (trunc(d) == d && fabs(d) < 1e21) {
        ke_buf_addf(out, "%.0f", d);
        return;
    }
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*g", precision, d);
        double back = strtod(text, NULL);
        if (!(back < d) && !(back > d))
            break;
    }
    ke_buf_add_c(out, text);
}

static void new_line(const struct json_printer *p)
{
    if (p->indent == 0)
        return;
    ke_buf_add_char(p->out, '\n');
    for (unsigned i = 0; i < p->indent * p->level; i++)
        ke_buf_add_char(p->out, ' ');
}

static void print_value(struct json_printer *p, const cJSON *value);

static void print_children(struct json_printer *p, const cJSON *value, bool is_object)
{
    ke_buf_add_char(p->out, is_object ? '{' : '[');
    if (value->child != NULL) {
        p->level++;
        for (const cJSON *it = value->child; it != NULL; it = it->next) {
            if (it != value->child)
                ke_buf_add_char(p->out, ',');
            new_line(p);
            if (is_object) {
                ke_buf_add_json_str(p->out, ke_str_c(it->string));
                ke_buf_add_c(p->out, p->indent > 0 ? ": " : ":");
            }
            print_value(p, it);
        }
        p->level--;
        new_line(p);
    }
    ke_buf_add_char(p->out, is_object ? '}' : ']');
}

static void print_value(struct json_printer *p, const cJSON *value)
{
    if (p->out->failed != KE_OK)
        return;
    switch (value->type & 0xff) {
    case cJSON_Object:
        print_children(p, value, true);
        break;
    case cJSON_Array:
        print_children(p, value, false);
        break;
    case cJSON_String:
        ke_buf_add_json_str(p->out, ke_str_c(value->valuestring));
        break;
    case cJSON_Number:
        if (value->valuestring != NULL)
            ke_buf_add_c(p->out, value->valuestring);
        else
            print_number(value->valuedouble, p->out);
        break;
    case cJSON_True:
        ke_buf_add_c(p->out, "true");
        break;
    case cJSON_False:
        ke_buf_add_c(p->out, "false");
        break;
    case cJSON_Raw:
        ke_buf_add_c(p->out, value->valuestring);
        break;
    default:
        ke_buf_add_c(p->out, "null");
        break;
    }
}

void ke_json_print(const cJSON *value, struct ke_buf *out)
{
    struct json_printer printer = { .out = out };
    print_value(&printer, value);
}

void ke_json_print_pretty(const cJSON *value, unsigned indent, struct ke_buf *out)
{
    struct json_printer printer = { .out = out, .indent = indent };
    print_value(&printer, value);
}
