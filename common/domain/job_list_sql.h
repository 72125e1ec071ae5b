/*
 * job_list_sql.h: the statements of a list of jobs, as pure functions of the filter.
 *
 * A filter is cut into ranges of one index, in each of which the order of the index is the order of the list. A page is
 * the merge of the first rows of every range; only the rows that are shown are then read by their primary key. So a
 * page costs what its ranges cost, whatever number of rows there is and wherever a cursor stands.
 *
 * Which ranges: job_type and priority of a job never change, its status does. With a status in the filter the ranges
 * are the types and priorities that have a job of this status. Without one they are the types and priorities that have
 * any job, with every status, so that a job which changes its status between two statements is not missed. With
 * neither of the three the one range is ix_jobs_created.
 */
#ifndef BELLMAN_JOB_LIST_SQL_H
#define BELLMAN_JOB_LIST_SQL_H

#include <glib.h>

#include "domain/job.h"
#include "ground/clock.h"

/* Jobs of one type and priority that a filter may show, as job_counts has them. */
struct job_slice {
    char job_type[JOB_TYPE_BYTES];
    int64_t priority;
    int64_t jobs;
};

/* One range of ix_jobs_filter. */
struct job_range {
    const char *status;
    const char *job_type; /* borrowed */
    int64_t priority;
};

/* Whether the filter needs ranges of ix_jobs_filter. */
bool job_filter_has_ranges(const struct job_filter *filter);

/* The ranges of the slices that hold jobs; the caller frees the array. It borrows the slices' names. */
GArray *job_ranges_new(const struct job_filter *filter, const struct job_slice *slices, size_t n);

/* How many branches a statement for n ranges has: n, or a little more, so that there are few different statements to
 * prepare. Branches past n are given parameters for which there is no row. */
size_t job_list_branches(size_t n);

/* The rows a list may show: created_at > after and (created_at, id) < (before, before_id). */
struct job_span {
    char after[CLOCK_TEXT_BYTES];
    char before[CLOCK_TEXT_BYTES];
    char before_id[UUID_TEXT_BYTES];
};

/* The span of the filter's times and its cursor, whichever ends first. False: the cursor is not one of ours. */
bool job_span_init(struct job_span *span, const struct job_filter *filter);
/* The cursor that begins behind a row, from its created_at as MariaDB prints it; freed with g_free. */
char *job_cursor_new(const char *created_sql, const char *id);

/* Appends "j.id, j.organization_id, ...": the columns of a job with large values left out. */
void job_list_columns(GString *sql);

/* SELECT of the columns of one page, newest first. branches 0: over ix_jobs_created, and the last column is the number
 * of all jobs of the organization, so that the common list is one statement. */
char *job_list_page_sql(size_t branches, bool skips);
/* Its parameters, as struct db_param; borrows everything. */
GArray *job_list_page_params(const struct job_filter *filter, const GArray *ranges, const struct job_span *span,
                             bool skips);

/* SELECT of the number of rows in one range, counted up to a limit; range NULL: over ix_jobs_created. span is one
 * without a cursor: times alone are compared, which costs a third less a row. */
char *job_list_count_sql(bool has_range);
GArray *job_list_count_params(const struct job_filter *filter, const struct job_range *range,
                              const struct job_span *span, int64_t limit);

#endif
