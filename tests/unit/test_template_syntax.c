#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "domain/template_syntax.h"

static char *filled(const char *source, enum template_place place, const json_t *values, size_t max_bytes,
                    bool *ret_cut)
{
    CLEANUP(template_code_release) struct template_code code = {0};
    struct err e = ERR_INIT;
    if (!template_parse(source, place, &code, &e)) {
        fail_msg("%s: %s", source, e.text);
    }
    return template_fill(&code, values, max_bytes, ret_cut);
}

static void assert_filled(const char *source, enum template_place place, const char *values_text, const char *wanted)
{
    json_auto_t *values = json_loads(values_text, 0, NULL);
    bool is_cut = false;
    assert_non_null(values);
    g_autofree char *text = filled(source, place, values, 100000, &is_cut);
    if (strcmp(text, wanted) != 0) {
        fail_msg("%s with %s: \"%s\", not \"%s\"", source, values_text, text, wanted);
    }
    assert_false(is_cut);
}

/* --- the language ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *source;
    const char *values;
    const char *wanted;
} meanings[] = {
    {"", "{}", ""},
    {"plain", "{}", "plain"},
    {"Hello {{name}}!", "{\"name\": \"Ada\"}", "Hello Ada!"},
    {"{{name}}{{ name }}{{\tname }}", "{\"name\": \"x\"}", "xxx"},
    {"[{{name}}]", "{}", "[]"},
    {"[{{name}}]", "{\"name\": null}", "[]"},
    {"{{n}} {{r}} {{t}} {{f}}", "{\"n\": -12, \"r\": 1.5, \"t\": true, \"f\": false}", "-12 1.5 true false"},
    /* braces */
    {"a { b } c }} {", "{}", "a { b } c }} {"},
    {"{{{{name}}", "{\"name\": \"x\"}", "{{name}}"},
    {"{{{{{{{{", "{}", "{{{{"},
    {"{{{{{{name}}}}", "{\"name\": \"x\"}", "{{x}}"},
    /* values are not templates */
    {"{{a}}", "{\"a\": \"{{b}}\", \"b\": \"x\"}", "{{b}}"},
    /* sections */
    {"{{#a}}yes {{a}}{{/a}}{{^a}}no{{/a}}", "{\"a\": \"1\"}", "yes 1"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{}", "no"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": \"\"}", "no"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": false}", "no"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": 0}", "yes"},
    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\": {}}", "no"},
    {"{{#a}}1{{#b}}2{{/b}}3{{/a}}4", "{\"a\": \"x\"}", "134"},
    {"{{#a}}1{{#a}}2{{/a}}3{{/a}}4", "{\"a\": \"x\"}", "1234"},
    /* lines of their own */
    {"a\n{{#x}}\nb\n{{/x}}\nc", "{\"x\": \"1\"}", "a\nb\nc"},
    {"a\n{{#x}}\nb\n{{/x}}\nc", "{}", "a\nc"},
    {"a\r\n  {{#x}}  \r\nb\r\n\t{{/x}}\r\nc", "{\"x\": \"1\"}", "a\r\nb\r\nc"},
    {"{{#x}}\n{{#x}}\nb\n{{/x}}\n{{/x}}", "{\"x\": \"1\"}", "b\n"},
    {"a {{#x}}\nb {{/x}}\nc", "{\"x\": \"1\"}", "a \nb \nc"},
    {"  {{x}}\n", "{\"x\": \"1\"}", "  1\n"},
    /* the list */
    {"{{#items}}<{{s}}{{o}}>{{/items}}", "{\"o\": \"!\", \"items\": [{\"s\": \"a\"}, {\"s\": \"b\", \"o\": \"?\"}]}",
     "<a!><b?>"},
    {"{{#items}}{{s}}{{/items}}{{^items}}none{{/items}}", "{\"items\": []}", "none"},
    {"{{#items}}{{#s}}{{s}},{{/s}}{{^s}}-,{{/s}}{{/items}}", "{\"items\": [{\"s\": \"a\"}, {}]}", "a,-,"},
    {"{{s}}{{#items}}{{/items}}{{s}}", "{\"items\": [{\"s\": \"a\"}]}", ""},
};

static void test_meanings(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        assert_filled(meanings[i].source, TEMPLATE_TEXT, meanings[i].values, meanings[i].wanted);
    }
}

#define EIGHT(tag) tag tag tag tag tag tag tag tag
#define NINE(tag) EIGHT(tag) tag

static const struct {
    const char *source;
    const char *where;
} faults[] = {
    {"{{", "1:1:"},
    {"a {{", "1:3:"},
    {"{{}}", "1:1:"},
    {"{{name", "1:1:"},
    {"{{name}", "1:1:"},
    {"{{name }x}", "1:1:"},
    {"{{na me}}", "1:1:"},
    {"{{Name}}", "1:1:"},
    {"{{1a}}", "1:1:"},
    {"{{_a}}", "1:1:"},
    {"{{a.b}}", "1:1:"},
    {"{{!comment}}", "1:1:"},
    {"{{>partial}}", "1:1:"},
    {"{{&raw}}", "1:1:"},
    {"{{=<% %>=}}", "1:1:"},
    {"{{{raw}}}", "1:1:"},
    {"x\n\xc3\xa4\xc3\xb6{{# }}", "2:3:"},
    {"{{/a}}", "1:1:"},
    {"x\ny {{#a}} z", "2:3:"},
    {"{{#a}}{{^b}}{{/a}}{{/b}}", "1:13:"},
    {"{{#a}}{{/a}}{{/a}}", "1:13:"},
    {NINE("{{#a}}") NINE("{{/a}}"), "1:49:"},
    {"{{aaaaaaaaaabbbbbbbbbbccccccccccddddddddddx}}", "1:1:"},
    {"a\001b", "1:1:"},
    {"a\x7f", "1:1:"},
    {"a\xc2\x85", "1:1:"},
    {"\xff", "1:1:"},
    {"\xed\xa0\x80", "1:1:"},
};

static void assert_refused(const char *source, enum template_place place, const char *where)
{
    CLEANUP(template_code_release) struct template_code code = {0};
    struct err e = ERR_INIT;
    if (template_parse(source, place, &code, &e)) {
        fail_msg("taken: %s", source);
    }
    assert_int_equal(e.code, ERR_INVALID);
    if (!g_str_has_prefix(e.text, where)) {
        fail_msg("%s: \"%s\", not at %s", source, e.text, where);
    }
}

static void test_faults(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        assert_refused(faults[i].source, TEMPLATE_TEXT, faults[i].where);
    }
    assert_filled(EIGHT("{{#a}}") "x" EIGHT("{{/a}}"), TEMPLATE_TEXT, "{\"a\": 1}", "x");
    assert_refused("two\nlines", TEMPLATE_HEADER, "1:1:");
    assert_refused("a\ttab", TEMPLATE_HEADER, "1:1:");
}

static void test_sizes_are_capped(void **state UNUSED)
{
    g_autofree char *huge = g_strnfill(TEMPLATE_SOURCE_BYTES_MAX + 1, 'x');
    assert_refused(huge, TEMPLATE_TEXT, "1:1:");
    g_autoptr(GString) many = g_string_new(NULL);
    for (size_t i = 0; i < TEMPLATE_NODES_MAX + 1; i++) {
        g_string_append(many, "{{a}}");
    }
    assert_refused(many->str, TEMPLATE_TEXT, "1:10001:");
}

/* --- escaping ----------------------------------------------------------------------------------------------------- */

/* U+202E, U+2066, U+FEFF; U+200F is a part of honest Hebrew and Arabic. */
#define HIDDEN "\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf"
#define RLM "\xe2\x80\x8f"

static const struct {
    enum template_place place;
    const char *value;
    const char *wanted;
} escapes[] = {
    {TEMPLATE_HEADER, "a\r\nBcc: x@example.com", "a Bcc: x@example.com"},
    {TEMPLATE_HEADER, "a\nb\rc\td\v\fe", "a b c d  e"},
    {TEMPLATE_HEADER,
     "a\x01\x1b\x7f"
     "b",
     "a   b"},
    {TEMPLATE_HEADER,
     "a\xc2\x85"
     "b\xe2\x80\xa8"
     "c\xe2\x80\xa9"
     "d",
     "a b c d"},
    {TEMPLATE_HEADER, "<b> & \"q\"", "<b> & \"q\""},
    {TEMPLATE_HEADER, "x" HIDDEN "y" RLM, "xy" RLM},
    {TEMPLATE_HEADER, "=?utf-8?q?x?=", "=?utf-8?q?x?="},
    {TEMPLATE_TEXT, "a\r\nb\rc\n\td", "a\nb\nc\n\td"},
    {TEMPLATE_TEXT, "a\x01\x1b[31m\x7f", "a[31m"},
    {TEMPLATE_TEXT,
     "a\xc2\x85"
     "b\xe2\x80\xa8"
     "c\xe2\x80\xa9"
     "d\ve\ff\xc2\x9bg",
     "a\nb\nc\nd\ne\nfg"},
    {TEMPLATE_TEXT, "<script>&amp;*x*", "<script>&amp;*x*"},
    {TEMPLATE_TEXT, "x" HIDDEN "y" RLM, "xy" RLM},
    {TEMPLATE_HTML, "<script>alert(\"x\" + 'y')</script>&amp;",
     "&lt;script&gt;alert(&quot;x&quot; + &#39;y&#39;)&lt;/script&gt;&amp;amp;"},
    {TEMPLATE_HTML, "a\r\nb\x08", "a\nb"},
    {TEMPLATE_HTML, "x" HIDDEN "y", "xy"},
    {TEMPLATE_HTML, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {TEMPLATE_SLACK, "<!channel> <@U123> <#C1> <https://evil.example|bank>",
     "&lt;!channel&gt; &lt;@U123&gt; &lt;#C1&gt; &lt;https://evil.example|bank&gt;"},
    {TEMPLATE_SLACK, "&lt;!here&gt; \"'", "&amp;lt;!here&amp;gt; \"'"},
    {TEMPLATE_SLACK, "a\r\n<!every\x01one>" HIDDEN, "a\n&lt;!everyone&gt;"},
};

static void test_escapes(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
        CLEANUP(template_code_release) struct template_code code = {0};
        struct err e = ERR_INIT;
        bool is_cut = false;
        json_auto_t *values = json_pack("{s:s}", "v", escapes[i].value);
        assert_true(template_parse("{{v}}", escapes[i].place, &code, &e));
        g_autofree char *text = template_fill(&code, values, 1000, &is_cut);
        if (strcmp(text, escapes[i].wanted) != 0) {
            fail_msg("%zu: \"%s\"", i, text);
        }
    }
}

/* Literals are the author's: they stay. */
static void test_literals_stay(void **state UNUSED)
{
    assert_filled("<b>&amp;{{v}}</b>", TEMPLATE_HTML, "{\"v\": \"<\"}", "<b>&amp;&lt;</b>");
    assert_filled("<!channel> *{{v}}* <{{url}}|Open>", TEMPLATE_SLACK, "{\"v\": \"<\", \"url\": \"https://a/?b&c\"}",
                  "<!channel> *&lt;* <https://a/?b&amp;c|Open>");
}

/* --- places in HTML ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *source;
    const char *wanted; /* with v = "a b<'\"&/" and url = https://x/?a&b */
} places[] = {
    {"<p>{{v}}</p>", "<p>a b&lt;&#39;&quot;&amp;/</p>"},
    {"<p title=\"{{v}}\">", "<p title=\"a b&lt;&#39;&quot;&amp;/\">"},
    {"<p title='x {{v}}'>", "<p title='x a b&lt;&#39;&quot;&amp;/'>"},
    {"<p title = \"{{v}}\" >", "<p title = \"a b&lt;&#39;&quot;&amp;/\" >"},
    {"<a href=\"{{url}}\">", "<a href=\"https://x/?a&amp;b\">"},
    {"<a HREF='{{url}}'>", "<a HREF='https://x/?a&amp;b'>"},
    {"<a href=\"{{#url}}{{url}}{{/url}}\">", "<a href=\"https://x/?a&amp;b\">"},
    {"<a href=\"https://h/{{v}}?u={{url}}\">",
     "<a href=\"https://h/a%20b%3C%27%22%26%2F?u=https%3A%2F%2Fx%2F%3Fa%26b\">"},
    {"<a b c=\"1\" d='2'e=\"{{v}}\"/>{{v}}",
     "<a b c=\"1\" d='2'e=\"a b&lt;&#39;&quot;&amp;/\"/>a b&lt;&#39;&quot;&amp;/"},
    {"<!-- {{v}} --><a href=\"{{url}}\">", "<!-- a b&lt;&#39;&quot;&amp;/ --><a href=\"https://x/?a&amp;b\">"},
    {"<!DOCTYPE html>{{v}}", "<!DOCTYPE html>a b&lt;&#39;&quot;&amp;/"},
    {"<style>a{b}</style>{{v}}", "<style>a{b}</style>a b&lt;&#39;&quot;&amp;/"},
    {"<title>{{v}}</title>", "<title>a b&lt;&#39;&quot;&amp;/</title>"},
    {"1 < 2 {{v}}", "1 < 2 a b&lt;&#39;&quot;&amp;/"},
    {"{{#v}}<p>{{/v}}{{^v}}<div>{{/v}}", "<p>"},
    {"<p{{#v}} class=\"c\"{{/v}}>", NULL}, /* begins behind a name, ends between attributes */
    {"<p {{#v}}class=\"c\" {{/v}}>", "<p class=\"c\" >"},
};

static void test_html_places(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (places[i].wanted == NULL) {
            assert_refused(places[i].source, TEMPLATE_HTML, "1:");
            continue;
        }
        json_auto_t *values = json_pack("{s:s, s:s}", "v", "a b<'\"&/", "url", "https://x/?a&b");
        bool is_cut = false;
        g_autofree char *text = filled(places[i].source, TEMPLATE_HTML, values, 1000, &is_cut);
        if (strcmp(text, places[i].wanted) != 0) {
            fail_msg("%s: \"%s\"", places[i].source, text);
        }
    }
}

static const struct {
    const char *source;
    const char *where;
} unsafe[] = {
    {"<script>{{v}}</script>", "1:9:"},
    {"<SCRIPT src='x'>\nvar x = '{{v}}'", "2:10:"},
    {"<script>\"</scripty>\"{{v}}", "1:21:"},
    {"<style>p{color:{{v}}}</style>", "1:16:"},
    {"<p style=\"color:{{v}}\">", "1:17:"},
    {"<p onclick=\"f('{{v}}')\">", "1:16:"},
    {"<img srcset=\"{{v}}\">", "1:14:"},
    {"<p title={{v}}>", "1:10:"},
    {"<p title=x{{v}}>", "1:11:"},
    {"<{{v}}>", "1:2:"},
    {"</{{v}}>", "1:3:"},
    {"<p{{v}}>", "1:3:"},
    {"<p {{v}}>", "1:4:"},
    {"<p {{v}}=\"1\">", "1:4:"},
    {"<p title{{v}}>", "1:9:"},
    {"<!DOCTYPE {{v}}>", "1:11:"},
    {"<a href=\"{{v}}\">", "1:10:"},
    {"<a href=\"  {{v}}\">", "1:12:"},
    {"<a href='{{#v}}https:{{/v}}{{v}}'>", "1:28:"},
    {"<img src=\"{{v}}\">", "1:11:"},
    {"<form action=\"{{v}}\">", "1:15:"},
    {"<<a href=\"{{v}}\">", "1:11:"},
    {"<!--><a href=\"{{v}}\">", "1:15:"},
    {"{{#v}}<p title=\"{{/v}}", "1:17:"},
    {"{{#v}}<script>{{/v}}{{v}}", "1:15:"},
    {"<p title=\"{{#v}}\" {{/v}}\">", "1:19:"},
};

static void test_unsafe_places(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(unsafe); i++) {
        assert_refused(unsafe[i].source, TEMPLATE_HTML, unsafe[i].where);
    }
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static void test_output_is_capped(void **state UNUSED)
{
    static const struct {
        size_t max_bytes;
        const char *wanted;
        bool is_cut;
    } rows[] = {{0, "", true},
                {1, "<", true},
                {2, "<", true},
                {5, "<", true},
                {6, "<&amp;", true},
                {7, "<&amp;", true},
                {8, "<&amp;\xc3\xa4", true},
                {9, "<&amp;\xc3\xa4x", false},
                {99, "<&amp;\xc3\xa4x", false}};
    json_auto_t *values = json_pack("{s:s}", "v", "&\xc3\xa4");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool is_cut = false;
        g_autofree char *text = filled("<{{v}}x", TEMPLATE_SLACK, values, rows[i].max_bytes, &is_cut);
        assert_string_equal(text, rows[i].wanted);
        assert_int_equal(is_cut, rows[i].is_cut);
        g_autofree char *literal = filled("<&amp;\xc3\xa4x", TEMPLATE_TEXT, values, rows[i].max_bytes, &is_cut);
        assert_true(strlen(literal) <= rows[i].max_bytes && g_utf8_validate(literal, -1, NULL));
    }
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool is_known(const void *arg UNUSED, const char *name, bool in_item)
{
    return strcmp(name, "a") == 0 || strcmp(name, "items") == 0 || (in_item && strcmp(name, "s") == 0);
}

static const struct {
    const char *source;
    size_t n;
    const char *first;
} named[] = {
    {"{{a}}{{#a}}{{/a}}{{^items}}{{/items}}", 0, NULL},
    {"{{#items}}{{s}}{{a}}{{/items}}{{a}}", 0, NULL},
    {"x\n {{b}}{{#c}}{{a}}{{/c}}", 2, "2:2: b "},
    {"{{items}}", 1, "1:1: items "},
    {"{{#items}}{{#items}}{{/items}}{{/items}}", 1, "1:11: items "},
    {"{{#items}}{{/items}}{{s}}", 1, "1:21: s "},
    {"{{^items}}{{s}}{{/items}}", 1, "1:11: s "},
};

static void test_names(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        CLEANUP(template_code_release) struct template_code code = {0};
        struct problems problems CLEANUP(problems_release) = {0};
        struct err e = ERR_INIT;
        assert_true(template_parse(named[i].source, TEMPLATE_TEXT, &code, &e));
        template_check_names(&code, is_known, NULL, "/text", &problems);
        assert_int_equal(json_array_size(problems.list), named[i].n);
        if (named[i].n > 0) {
            const json_t *first = json_array_get(problems.list, 0);
            assert_string_equal(json_string_value(json_object_get(first, "pointer")), "/text");
            assert_string_equal(json_string_value(json_object_get(first, "code")), "unknown_field");
            assert_true(g_str_has_prefix(json_string_value(json_object_get(first, "detail")), named[i].first));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_sizes_are_capped),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_literals_stay),
        cmocka_unit_test(test_html_places),
        cmocka_unit_test(test_unsafe_places),
        cmocka_unit_test(test_output_is_capped),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
