#include "pace.h"

#define PACE_TYPES_MAX 1024

void pace_init(struct pace *p)
{
    p->mean_us = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void pace_release(struct pace *p)
{
    g_clear_pointer(&p->mean_us, g_hash_table_unref);
}

int64_t pace_expect_us(const struct pace *p, const char *job_type)
{
    const int64_t *mean = g_hash_table_lookup(p->mean_us, job_type);
    return mean == NULL ? PACE_UNKNOWN_US : *mean;
}

void pace_record(struct pace *p, const char *job_type, int64_t took_us)
{
    int64_t *mean = g_hash_table_lookup(p->mean_us, job_type);
    if (mean != NULL) {
        *mean += (took_us - *mean) / 8;
    } else if (g_hash_table_size(p->mean_us) < PACE_TYPES_MAX) {
        mean = g_new(int64_t, 1);
        *mean = took_us;
        g_hash_table_insert(p->mean_us, g_strdup(job_type), mean);
    }
}
