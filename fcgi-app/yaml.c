#include "yaml.h"

#include <stdlib.h>
#include <string.h>

#include "ground/base.h"

static void text_cleanup(char **text)
{
    free(*text);
}

static void append_scalar(GString *out, const json_t *value)
{
    char *text CLEANUP(text_cleanup) = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    g_string_append(out, text);
}

/* Words that YAML 1.1 readers take for booleans or null. */
static bool is_word_of_yaml(const char *key)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (g_ascii_strcasecmp(words[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void append_key(GString *out, const char *key)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/-+.{}";
    bool is_plain = (g_ascii_isalpha(key[0]) || key[0] == '/') && strspn(key, plain) == strlen(key) &&
                    !is_word_of_yaml(key);
    g_string_append_printf(out, is_plain ? "%s:" : "\"%s\":", key);
}

static bool is_block(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0;
}

static void append_block(GString *out, const json_t *value, int indent, bool at_line_start);

static void append_value(GString *out, const json_t *value, int indent, bool is_item)
{
    if (!is_block(value)) {
        g_string_append_c(out, ' ');
        append_scalar(out, value);
        g_string_append_c(out, '\n');
    } else if (is_item) {
        g_string_append_c(out, ' ');
        append_block(out, value, indent + 2, false);
    } else {
        g_string_append_c(out, '\n');
        append_block(out, value, indent + 2, true);
    }
}

static void append_indent(GString *out, int indent)
{
    g_string_append_printf(out, "%*s", indent, "");
}

static void append_block(GString *out, const json_t *value, int indent, bool at_line_start)
{
    bool is_indented = !at_line_start;
    for (size_t i = 0; i < json_array_size(value); i++) {
        append_indent(out, is_indented ? 0 : indent);
        g_string_append_c(out, '-');
        append_value(out, json_array_get(value, i), indent, true);
        is_indented = false;
    }
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        append_indent(out, is_indented ? 0 : indent);
        append_key(out, key);
        append_value(out, member, indent, false);
        is_indented = false;
    }
}

void yaml_append(GString *out, const json_t *value)
{
    append_block(out, value, 0, true);
}
