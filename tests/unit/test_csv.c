/* Cells as RFC 4180 writes them, and none that a spreadsheet would calculate. */
#include "domain/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *cell;
} cells[] = {
    {NULL, ""},
    {"", ""},
    {"plain", "plain"},
    {"a,b", "\"a,b\""},
    {"say \"x\"", "\"say \"\"x\"\"\""},
    {"two\nlines", "\"two\nlines\""},
    {"cr\rhere", "\"cr\rhere\""},
    {"=1+1", "'=1+1"},
    {"+4915112345678", "'+4915112345678"},
    {"-2", "'-2"},
    {"@SUM(A1)", "'@SUM(A1)"},
    {"\tx", "'\tx"},
    {"\rx", "\"'\rx\""},
    {"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
    {"a=b", "a=b"},
    {"'=1", "'=1"},
    {" =1", " =1"},
};

static void test_cells(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        csv_cell(out, cells[i].text, true);
        assert_string_equal(out->str, cells[i].cell);
    }
}

static void test_rows(void **state UNUSED)
{
    g_autoptr(GString) out = g_string_new(NULL);
    csv_cell(out, "a", true);
    csv_cell(out, NULL, false);
    csv_cell(out, "c", false);
    csv_end_row(out);
    assert_string_equal(out->str, "a,,c\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cells), cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
