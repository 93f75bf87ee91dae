/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host program of the build: reads kubernetes-types.json and writes the constant tables behind
 * core/model/schema.h. Every name is an offset into one text, every reference an index: the tables
 * need no relocation and stay in shared, read-only pages. Any doubt about the input ends the build.
 *   model_schema_gen kubernetes-types.json tables.c
 */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGES 2000
#define MAX_EXTRAS   255
#define MAX_TEXT     65535
#define MAX_TEXTS    8000
#define NO_REFERENCE 0
#define KIND_COUNT   20
#define INPUT_MAX    (8 << 20)

static const char *const KINDS[KIND_COUNT] = {
    "bool", "int32",     "int64",    "double",        "string",       "bytes",           "message",
    "time", "microtime", "duration", "quantity",      "intorstring",  "rawextension",    "fieldsv1",
    "json", "strings",   "any",      "schemaorarray", "schemaorbool", "schemaorstrings",
};

struct generator {
    FILE *out;
    const cJSON *root;
    const cJSON *messages[MAX_MESSAGES]; /* sorted by name; references are index + 1 */
    size_t n_messages;
    char text[MAX_TEXT];
    size_t text_len;
    size_t texts[MAX_TEXTS];
    size_t n_texts;
    char *extras[MAX_EXTRAS]; /* printed rows; references are index + 1 */
    size_t n_extras;
};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("model_schema_gen: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static size_t intern(struct generator *g, const char *text)
{
    for (size_t i = 0; i < g->n_texts; i++) {
        if (strcmp(g->text + g->texts[i], text) == 0)
            return g->texts[i];
    }
    size_t size = strlen(text) + 1;
    if (g->text_len + size > MAX_TEXT || g->n_texts == MAX_TEXTS)
        fail("the names need more than %d bytes: widen the offsets", MAX_TEXT);
    size_t at = g->text_len;
    memcpy(g->text + at, text, size);
    g->text_len += size;
    g->texts[g->n_texts++] = at;
    return at;
}

/* Packages of unfinished versions are never served. */
static bool is_wanted(const struct generator *g, const char *message)
{
    const char *dot = strrchr(message, '.');
    char package[128];
    if (dot == NULL || (size_t)(dot - message) >= sizeof(package))
        fail("message name %s", message);
    memcpy(package, message, (size_t)(dot - message));
    package[dot - message] = '\0';
    const cJSON *packages = cJSON_GetObjectItemCaseSensitive(g->root, "packages");
    const cJSON *row = cJSON_GetObjectItemCaseSensitive(packages, package);
    const cJSON *stage = cJSON_GetObjectItemCaseSensitive(row, "stage");
    if (!cJSON_IsString(stage))
        fail("package %s has no stage", package);
    return strcmp(stage->valuestring, "alpha") != 0;
}

static int compare_messages(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void collect_messages(struct generator *g)
{
    const cJSON *message;
    cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(g->root, "messages")) {
        if (!is_wanted(g, message->string))
            continue;
        if (g->n_messages == MAX_MESSAGES)
            fail("more than %d messages", MAX_MESSAGES);
        g->messages[g->n_messages++] = message;
    }
    qsort(g->messages, g->n_messages, sizeof(g->messages[0]), compare_messages);
}

static size_t message_reference(const struct generator *g, const char *name)
{
    for (size_t i = 0; i < g->n_messages; i++) {
        if (strcmp(g->messages[i]->string, name) == 0)
            return i + 1;
    }
    fail("no message %s", name);
}

static size_t enum_reference(const struct generator *g, const char *name)
{
    size_t i = 0;
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(g->root, "enums")) {
        i++;
        if (strcmp(row->string, name) == 0)
            return i;
    }
    fail("no enum %s", name);
}

static const char *flag_names(const char *letters, const cJSON *extra, char *out, size_t size)
{
    static const struct {
        char letter;
        const char *name;
    } FLAGS[] = {
        { 'a', "MODEL_FIELD_LIST" },     { 'm', "MODEL_FIELD_MAP" },
        { 'p', "MODEL_FIELD_POINTER" },  { 'o', "MODEL_FIELD_OMITEMPTY" },
        { 'z', "MODEL_FIELD_OMITZERO" }, { 'i', "MODEL_FIELD_INLINE" },
        { 'R', "MODEL_FIELD_REQUIRED" },
    };
    out[0] = '0';
    out[1] = '\0';
    for (size_t i = 0; i < sizeof(FLAGS) / sizeof(FLAGS[0]); i++) {
        if (strchr(letters, FLAGS[i].letter) != NULL)
            (void)snprintf(out + strlen(out), size - strlen(out), " | %s", FLAGS[i].name);
    }
    const cJSON *ps = cJSON_GetObjectItemCaseSensitive(extra, "ps");
    char strategies[64];
    (void)snprintf(strategies, sizeof(strategies), ",%s,",
                   cJSON_IsString(ps) ? ps->valuestring : "");
    if (strstr(strategies, ",merge,") != NULL)
        (void)snprintf(out + strlen(out), size - strlen(out), " | MODEL_FIELD_PATCH_MERGE");
    if (strstr(strategies, ",retainKeys,") != NULL)
        (void)snprintf(out + strlen(out), size - strlen(out), " | MODEL_FIELD_PATCH_RETAIN_KEYS");
    if (strstr(strategies, ",replace,") != NULL)
        (void)snprintf(out + strlen(out), size - strlen(out), " | MODEL_FIELD_PATCH_REPLACE");
    return out;
}

/* Offset of a member's text, 0 (the empty text) for none; lists are joined by commas. */
static size_t extra_text(struct generator *g, const cJSON *extra, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(extra, name);
    if (value == NULL)
        return 0;
    if (cJSON_IsString(value) && strcmp(name, "def") != 0)
        return intern(g, value->valuestring);
    if (cJSON_IsArray(value)) {
        char joined[256] = "";
        const cJSON *item;
        cJSON_ArrayForEach(item, value) {
            (void)snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s",
                           joined[0] != '\0' ? "," : "", item->valuestring);
        }
        return intern(g, joined);
    }
    char *text = cJSON_PrintUnformatted(value);
    if (text == NULL)
        fail("no memory");
    size_t at = intern(g, text);
    free(text);
    return at;
}

static size_t extra_reference(struct generator *g, const cJSON *extra)
{
    const cJSON *map_type = cJSON_GetObjectItemCaseSensitive(extra, "mt");
    size_t row[5] = { extra_text(g, extra, "pk"), extra_text(g, extra, "lt"),
                      extra_text(g, extra, "lk"),
                      extra_text(g, extra, map_type != NULL ? "mt" : "st"),
                      extra_text(g, extra, "def") };
    char text[128];
    (void)snprintf(text, sizeof(text), "{ %zu, %zu, %zu, %zu, %zu }", row[0], row[1], row[2],
                   row[3], row[4]);
    if (row[0] + row[1] + row[2] + row[3] + row[4] == 0)
        return NO_REFERENCE;
    for (size_t i = 0; i < g->n_extras; i++) {
        if (strcmp(g->extras[i], text) == 0)
            return i + 1;
    }
    if (g->n_extras == MAX_EXTRAS)
        fail("more than %d kinds of markers", MAX_EXTRAS);
    g->extras[g->n_extras] = strdup(text);
    if (g->extras[g->n_extras] == NULL)
        fail("no memory");
    return ++g->n_extras;
}

static size_t kind_number(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(KINDS[i], name) == 0)
            return i;
    }
    fail("no kind of field %s", name);
}

static void write_field(struct generator *g, const cJSON *field)
{
    const char *name = cJSON_GetArrayItem(field, 0)->valuestring;
    double number = cJSON_GetArrayItem(field, 1)->valuedouble;
    const char *kind = cJSON_GetArrayItem(field, 2)->valuestring;
    const char *type = cJSON_GetArrayItem(field, 3)->valuestring;
    const char *letters = cJSON_GetArrayItem(field, 4)->valuestring;
    const cJSON *extra = cJSON_GetArrayItem(field, 5);
    if (number < 0 || number > 255)
        fail("field %s has number %g: widen the column", name, number);
    size_t reference = NO_REFERENCE;
    if (strcmp(kind, "message") == 0)
        reference = message_reference(g, type);
    else if (type[0] != '\0')
        reference = enum_reference(g, type);
    char flags[512];
    (void)fprintf(g->out, "    { %zu, %zu, %s, %d, %zu, %zu },\n", intern(g, name), reference,
                  flag_names(letters, extra, flags, sizeof(flags)), (int)number, kind_number(kind),
                  extra_reference(g, extra));
}

static void write_messages(struct generator *g)
{
    (void)fputs("const struct model_field model_schema_fields[] = {\n", g->out);
    for (size_t i = 0; i < g->n_messages; i++) {
        const cJSON *field;
        cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(g->messages[i], "f")) {
            if (cJSON_GetArraySize(field) < 5)
                fail("short field in %s", g->messages[i]->string);
            write_field(g, field);
        }
    }
    (void)fputs("};\nconst struct model_message model_schema_messages[] = {\n", g->out);
    size_t first = 0;
    for (size_t i = 0; i < g->n_messages; i++) {
        const cJSON *message = g->messages[i];
        int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(message, "f"));
        bool has_meta = cJSON_HasObjectItem(message, "tm");
        bool is_atomic = cJSON_HasObjectItem(message, "atomic");
        (void)fprintf(g->out, "    { %zu, %zu, %d, %s, %s },\n", intern(g, message->string), first,
                      n, has_meta ? "true" : "false", is_atomic ? "true" : "false");
        first += (size_t)n;
    }
    (void)fprintf(g->out, "};\nconst size_t model_schema_n_messages = %zu;\n", g->n_messages);
}

static void write_enums(struct generator *g)
{
    const cJSON *enums = cJSON_GetObjectItemCaseSensitive(g->root, "enums");
    const cJSON *row;
    const cJSON *value;
    (void)fputs("const uint16_t model_schema_enum_values[] = {\n", g->out);
    cJSON_ArrayForEach(row, enums) {
        cJSON_ArrayForEach(value, row) {
            (void)fprintf(g->out, "    %zu,\n", intern(g, value->valuestring));
        }
    }
    (void)fputs("};\nconst struct model_enum model_schema_enums[] = {\n", g->out);
    int first = 0;
    cJSON_ArrayForEach(row, enums) {
        (void)fprintf(g->out, "    { %zu, %d, %d },\n", intern(g, row->string), first,
                      cJSON_GetArraySize(row));
        first += cJSON_GetArraySize(row);
    }
    (void)fputs("};\n", g->out);
}

/* Which group version a package is: protobuf envelopes name the former. */
static void write_packages(struct generator *g)
{
    size_t n = 0;
    const cJSON *package;
    (void)fputs("const struct model_package model_schema_packages[] = {\n", g->out);
    cJSON_ArrayForEach(package, cJSON_GetObjectItemCaseSensitive(g->root, "packages")) {
        const cJSON *group = cJSON_GetObjectItemCaseSensitive(package, "group");
        const cJSON *version = cJSON_GetObjectItemCaseSensitive(package, "version");
        if (!cJSON_IsString(group) || !cJSON_IsString(version))
            continue;
        (void)fprintf(g->out, "    { %zu, %zu, %zu },\n", intern(g, package->string),
                      intern(g, group->valuestring), intern(g, version->valuestring));
        n++;
    }
    (void)fprintf(g->out, "};\nconst size_t model_schema_n_packages = %zu;\n", n);
}

static void write_extras(struct generator *g)
{
    (void)fputs("const struct model_field_extra model_schema_extras[] = {\n", g->out);
    for (size_t i = 0; i < g->n_extras; i++) {
        (void)fprintf(g->out, "    %s,\n", g->extras[i]);
        free(g->extras[i]);
    }
    (void)fputs("};\n", g->out);
}

static void write_text(struct generator *g)
{
    (void)fputs("const char model_schema_text[] = {", g->out);
    for (size_t i = 0; i < g->text_len; i++)
        (void)fprintf(g->out, "%s%d,", i % 24 == 0 ? "\n    " : " ", g->text[i]);
    (void)fputs("\n};\n", g->out);
}

static cJSON *read_input(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = malloc(INPUT_MAX + 1);
    if (in == NULL || text == NULL)
        fail("cannot read %s", path);
    size_t len = fread(text, 1, INPUT_MAX, in);
    text[len] = '\0';
    (void)fclose(in);
    cJSON *root = cJSON_Parse(text);
    free(text);
    if (root == NULL)
        fail("%s is not JSON", path);
    return root;
}

int main(int argc, char **argv)
{
    static struct generator g;
    if (argc != 3)
        fail("usage: model_schema_gen INPUT OUTPUT");
    cJSON *root = read_input(argv[1]);
    g.root = root;
    g.out = fopen(argv[2], "w");
    if (g.out == NULL)
        fail("cannot write %s", argv[2]);
    (void)intern(&g, ""); /* offset 0: none */
    collect_messages(&g);
    (void)fputs("/* Generated from kubernetes-types.json: do not edit. */\n"
                "#include \"core/model/schema_tables.h\"\n\n",
                g.out);
    write_messages(&g);
    write_enums(&g);
    write_extras(&g);
    write_packages(&g);
    write_text(&g);
    if (fclose(g.out) != 0)
        fail("cannot write %s", argv[2]);
    cJSON_Delete(root);
    return 0;
}
