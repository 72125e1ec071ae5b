#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ground/base.h"
#include "listen.h"

struct place {
    char *directory;
    char *path;
};

static int place_make(void **state)
{
    struct place *p = g_new0(struct place, 1);
    p->directory = g_dir_make_tmp("bellman-listen-XXXXXX", NULL);
    assert_non_null(p->directory);
    p->path = g_build_filename(p->directory, "api.sock", NULL);
    *state = p;
    return 0;
}

static int place_remove(void **state)
{
    struct place *p = *state;
    (void)g_unlink(p->path);
    assert_int_equal(g_rmdir(p->directory), 0);
    g_free(p->path);
    g_free(p->directory);
    g_free(p);
    return 0;
}

static void test_a_socket_for_owner_and_group(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    struct listener l;
    struct stat st;
    assert_true(listener_open(&l, p->path, &e));
    assert_int_equal(stat(p->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    listener_close(&l);
    assert_int_equal(stat(p->path, &st), -1);
}

static void test_a_listening_process_is_left_alone(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    struct listener first;
    struct listener second;
    assert_true(listener_open(&first, p->path, &e));
    assert_false(listener_open(&second, p->path, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    listener_close(&second);
    assert_true(g_file_test(p->path, G_FILE_TEST_EXISTS));
    listener_close(&first);
}

static void test_a_file_is_not_replaced(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    struct listener l;
    g_autofree char *text = NULL;
    assert_true(g_file_set_contents(p->path, "precious", -1, NULL));
    assert_false(listener_open(&l, p->path, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    listener_close(&l);
    assert_true(g_file_get_contents(p->path, &text, NULL, NULL));
    assert_string_equal(text, "precious");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_socket_for_owner_and_group, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_a_listening_process_is_left_alone, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_a_file_is_not_replaced, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
