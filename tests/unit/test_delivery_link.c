/* Links in messages: tokens that hold for one delivery, one purpose and one target; HTML that is led through them. */
#include "domain/delivery_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ground/err.h"

#define BASE "https://notify.example.com"
#define ID "01a20f5b-cc36-71ef-bb62-e2d52930493b"

static struct seal *ring(const char *name)
{
    struct err e = ERR_INIT;
    g_autofree char *file = g_strdup_printf("/tmp/bellman-link-%d-%s", (int)getpid(), name);
    assert_true(seal_create_keyring(file, &e));
    struct seal *seal = seal_open_keyring(file, &e);
    assert_non_null(seal);
    (void)unlink(file);
    return seal;
}

/* What stands behind the path of its kind. */
static void token_of(const char *link, const char *path, char out[64])
{
    const char *at = strstr(link, path);
    assert_non_null(at);
    g_strlcpy(out, at + strlen(path), 64);
    out[strcspn(out, "?")] = '\0';
}

static void test_a_token_holds_for_what_it_was_made_for(void **state UNUSED)
{
    struct seal *seal = ring("a");
    struct seal *stranger = ring("b");
    char id[UUID_TEXT_BYTES];
    char token[64];
    g_autofree char *link = delivery_link_new(seal, BASE, DELIVERY_LINK_UNSUBSCRIBE, ID, NULL);
    assert_true(g_str_has_prefix(link, BASE "/api/system/u/"));
    token_of(link, "/u/", token);
    assert_int_equal(strlen(token), DELIVERY_LINK_TOKEN_CHARS);
    assert_true(delivery_link_read(seal, DELIVERY_LINK_UNSUBSCRIBE, token, NULL, id));
    assert_string_equal(id, ID);
    assert_false(delivery_link_read(seal, DELIVERY_LINK_OPEN, token, NULL, id));
    assert_false(delivery_link_read(stranger, DELIVERY_LINK_UNSUBSCRIBE, token, NULL, id));
    for (size_t i = 0; i < DELIVERY_LINK_TOKEN_CHARS - 1; i++) {
        char before = token[i];
        token[i] = before == 'A' ? 'B' : 'A';
        assert_false(delivery_link_read(seal, DELIVERY_LINK_UNSUBSCRIBE, token, NULL, id));
        token[i] = before;
    }
    assert_false(delivery_link_read(seal, DELIVERY_LINK_UNSUBSCRIBE, "", NULL, id));
    seal_free(seal);
    seal_free(stranger);
}

static void test_a_click_leads_where_it_was_made_to_lead(void **state UNUSED)
{
    struct seal *seal = ring("c");
    char id[UUID_TEXT_BYTES];
    char token[64];
    g_autofree char *link = delivery_link_new(seal, BASE, DELIVERY_LINK_CLICK, ID, "https://example.com/?a=1&b=2");
    assert_non_null(strstr(link, "?to=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2"));
    token_of(link, "/t/c/", token);
    assert_true(delivery_link_read(seal, DELIVERY_LINK_CLICK, token, "https://example.com/?a=1&b=2", id));
    assert_false(delivery_link_read(seal, DELIVERY_LINK_CLICK, token, "https://example.com/?a=1&b=3", id));
    assert_false(delivery_link_read(seal, DELIVERY_LINK_CLICK, token, "https://evil.example/", id));
    seal_free(seal);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what)) {
        n++;
    }
    return n;
}

static void test_html(void **state UNUSED)
{
    struct seal *seal = ring("d");
    static const char html[] =
        "<html><body><a href=\"https://example.com/?a=1&amp;b=2\">x</a> <a href=\"mailto:a@b.c\">y</a>"
        "<a class=\"k\" href=\"http://example.com/z\">z</a>"
        "<a href=\"" BASE "/api/system/u/token\">no more</a></body></html>";
    struct delivery_tracking t = {.seal = seal, .base = BASE, .id = ID};
    g_autofree char *plain = delivery_link_track(&t, html);
    assert_string_equal(plain, html);
    t.open = true;
    g_autofree char *opened = delivery_link_track(&t, html);
    assert_int_equal(count(opened, "/t/o/"), 1);
    assert_int_equal(count(opened, "alt=\"\"></body></html>"), 1);
    t.click = true;
    g_autofree char *both = delivery_link_track(&t, html);
    assert_int_equal(count(both, BASE "/api/system/t/c/"), 2);
    assert_int_equal(count(both, "mailto:a@b.c"), 1);
    assert_int_equal(count(both, "href=\"" BASE "/api/system/u/token\""), 1);
    assert_int_equal(count(both, "?to=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2\""), 1);
    g_autofree char *bare = delivery_link_track(&t, "no body");
    assert_true(g_str_has_prefix(bare, "no body<img "));
    seal_free(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_holds_for_what_it_was_made_for),
        cmocka_unit_test(test_a_click_leads_where_it_was_made_to_lead),
        cmocka_unit_test(test_html),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
