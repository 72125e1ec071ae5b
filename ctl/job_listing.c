/*
 * job_listing.c: lists of jobs and dead letters, read page after page.
 */
#include <stdio.h>
#include <sysexits.h>

#include "jobs.h"

#define PAGE 200

/* Until there are enough. */
static bool load(struct db *db, const struct job_listing *l, int64_t limit, json_t **ret, struct err *e)
{
    g_autofree char *cursor = NULL;
    json_auto_t *all = json_array();
    json_auto_t *total = NULL;
    do {
        json_auto_t *page = NULL;
        if (!l->page(db, l->filter, cursor, MIN(PAGE, limit - (int64_t)json_array_size(all)), &page, e)) {
            return false;
        }
        json_array_extend(all, json_object_get(page, l->member));
        json_decref(total);
        total = json_incref(json_object_get(page, "total"));
        g_free(cursor);
        cursor = g_strdup(json_string_value(json_object_get(page, "next_cursor")));
    } while (cursor != NULL && (int64_t)json_array_size(all) < limit);
    *ret = json_pack("{s:O, s:O, s:s?}", l->member, all, "total", total, "next_cursor", cursor);
    return true;
}

int job_listing_print(struct ctl *ctl, const struct job_args *args, const struct job_listing *l)
{
    struct err e = ERR_INIT;
    json_auto_t *document = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!load(db, l, args->limit, &document, &e)) {
        return ctl_fail(&e);
    }
    const struct output o = output_new(args->json);
    const json_t *rows = json_object_get(document, l->member);
    output_list(&o, l->columns, l->n_columns, document, rows, l->none);
    int64_t total = json_integer_value(json_object_get(document, "total"));
    if (!args->json && total > (int64_t)json_array_size(rows)) {
        (void)printf("%zu of %lld; --limit shows more\n", json_array_size(rows), (long long)total);
    }
    return EX_OK;
}
