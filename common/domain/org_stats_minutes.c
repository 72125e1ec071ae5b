/*
 * org_stats_minutes.c: what has ended within the last hour, minute by minute and type by type.
 */
#include <glib.h>
#include <string.h>

#include "domain/job_minutes.h"
#include "domain/org_stats.h"

struct sums {
    int64_t n[JOB_ENDINGS];
};

static void add_sums(struct sums *sums, const struct db_result *r, size_t row)
{
    for (size_t i = 0; i < JOB_ENDINGS; i++) {
        sums->n[i] += db_cell_int(r, row, i + 2);
    }
}

static json_t *json_sums(const char *name, const char *value, const struct sums *sums)
{
    json_t *json = json_pack("{s:s}", name, value);
    for (size_t i = 0; i < JOB_ENDINGS; i++) {
        json_object_set_new(json, job_ending_names[i], json_integer(sums->n[i]));
    }
    return json;
}

/* Every minute is there, also those in which nothing ended; the last one is not over yet. */
static json_t *json_throughput(const struct db_result *r, int64_t from_us)
{
    struct sums minutes[ORG_STATS_MINUTES] = {0};
    json_t *list = json_array();
    for (size_t row = 0; row < r->rows; row++) {
        int64_t at_us = 0;
        (void)clock_parse_sql(db_cell(r, row, 0), &at_us);
        int64_t i = (at_us - from_us) / JOB_MINUTE_US;
        if (i >= 0 && i < ORG_STATS_MINUTES) { /* a worker's clock may be ahead */
            add_sums(&minutes[i], r, row);
        }
    }
    for (int64_t i = 0; i < ORG_STATS_MINUTES; i++) {
        char at[CLOCK_TEXT_BYTES];
        clock_format_rfc3339(from_us + i * JOB_MINUTE_US, at);
        json_array_append_new(list, json_sums("minute", at, &minutes[i]));
    }
    return list;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static json_t *json_by_type(const struct db_result *r)
{
    g_autoptr(GHashTable) types = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    json_t *list = json_array();
    for (size_t row = 0; row < r->rows; row++) {
        char *name = r->cells[row * r->columns + 1];
        struct sums *sums = g_hash_table_lookup(types, name);
        if (sums == NULL) {
            sums = g_new0(struct sums, 1);
            g_hash_table_insert(types, name, sums);
        }
        add_sums(sums, r, row);
    }
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(types), compare_names);
    for (const GList *at = names; at != NULL; at = at->next) {
        json_array_append_new(list, json_sums("job_type", at->data, g_hash_table_lookup(types, at->data)));
    }
    return list;
}

bool org_stats_add_minutes(struct db *db, const char *org, int64_t now_us, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    int64_t from_us = job_minute_of(now_us) - (ORG_STATS_MINUTES - 1) * JOB_MINUTE_US;
    if (!job_minutes_load(db, org, from_us, &r, e)) {
        return false;
    }
    json_object_set_new(stats, "throughput", json_throughput(&r, from_us));
    json_object_set_new(stats, "by_type", json_by_type(&r));
    return true;
}
