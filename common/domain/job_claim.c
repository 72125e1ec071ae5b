#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/job_gate.h"
#include "domain/job_settle.h"
#include "domain/sql_ids.h"
#include "ground/clock.h"

/* A larger payload is not read with the row, but by itself. */
#define SMALL_PAYLOAD "65536"
/* Payloads of one batch, beyond the first: a statement must end in its time, and all of them are in memory. */
#define BATCH_PAYLOAD_BYTES (INT64_C(16) * 1024 * 1024)

static void copy_cell(char *to, size_t bytes, const char *cell)
{
    g_strlcpy(to, cell == NULL ? "" : cell, bytes);
}

void job_claim_release(struct job_claim *claim)
{
    g_free(claim->payload);
    claim->payload = NULL;
}

/* --- claim ------------------------------------------------------------------------------------------------------- */

struct claim_batch {
    const struct job_claim_terms *terms;
    struct job_claim **sorted; /* by id: every transaction locks rows in this order */
    size_t n;
};

enum claim_column {
    CLAIM_ID,
    CLAIM_STATUS,
    CLAIM_ATTEMPT,
    CLAIM_WORKER,
    CLAIM_ORG,
    CLAIM_TYPE,
    CLAIM_PRIORITY,
    CLAIM_RETRY_COUNT,
    CLAIM_MAX_RETRIES,
    CLAIM_TIMEOUT,
    CLAIM_CREATED,
    CLAIM_PAYLOAD,
    CLAIM_TRACE,
    CLAIM_CAUSE,
    CLAIM_CRASHES,
    CLAIM_PAYLOAD_BYTES,
    CLAIM_RETRY,
};

static int compare_claims(const void *a, const void *b)
{
    const struct job_claim *const *x = a;
    const struct job_claim *const *y = b;
    int by_id = strcmp((*x)->id, (*y)->id);
    if (by_id != 0) {
        return by_id;
    }
    return (*x)->message_attempt < (*y)->message_attempt ? -1 : (*x)->message_attempt > (*y)->message_attempt;
}

/* Distinct well-formed ids of the batch, in order; borrowed from the claims. */
static GPtrArray *list_ids(const struct claim_batch *batch)
{
    GPtrArray *ids = g_ptr_array_new();
    const char *last = "";
    for (size_t i = 0; i < batch->n; i++) {
        char *id = batch->sorted[i]->id;
        if (uuid_is_valid(id) && strcmp(id, last) != 0) {
            g_ptr_array_add(ids, id);
            last = id;
        }
    }
    return ids;
}

static bool is_ours(const struct claim_batch *batch, const struct db_result *r, size_t row)
{
    const char *worker = db_cell(r, row, CLAIM_WORKER);
    return strcmp(db_cell(r, row, CLAIM_STATUS), "processing") == 0 && worker != NULL &&
           strcmp(worker, batch->terms->worker_id) == 0;
}

static enum job_claim_result decide_claim(const struct claim_batch *batch, const struct job_claim *claim,
                                          const struct db_result *r, size_t row)
{
    enum job_status status = JOB_STATUSES;
    (void)job_status_parse(db_cell(r, row, CLAIM_STATUS), &status);
    int64_t attempt = db_cell_int(r, row, CLAIM_ATTEMPT);
    const char *cause = db_cell(r, row, CLAIM_CAUSE);

    if (status == JOB_QUEUED && attempt == claim->message_attempt) {
        return JOB_CLAIMED;
    }
    if (attempt != claim->message_attempt + 1) {
        return JOB_STALE;
    }
    if (is_ours(batch, r, row)) {
        return JOB_OURS;
    }
    /* The dead letter of a job that its rescue failed is the relay's to publish (dispatch_at). */
    if (status == JOB_FAILED && (cause == NULL || strcmp(cause, "crashed_worker") != 0)) {
        return JOB_STALE_DEAD;
    }
    return JOB_STALE;
}

static void fill_claim(struct job_claim *claim, const struct db_result *r, size_t row)
{
    claim->attempt = claim->message_attempt + 1;
    copy_cell(claim->organization_id, sizeof(claim->organization_id), db_cell(r, row, CLAIM_ORG));
    copy_cell(claim->job_type, sizeof(claim->job_type), db_cell(r, row, CLAIM_TYPE));
    copy_cell(claim->traceparent, sizeof(claim->traceparent), db_cell(r, row, CLAIM_TRACE));
    copy_cell(claim->retry, sizeof(claim->retry), db_cell(r, row, CLAIM_RETRY));
    claim->priority = db_cell_int(r, row, CLAIM_PRIORITY);
    claim->retry_count = db_cell_int(r, row, CLAIM_RETRY_COUNT);
    claim->max_retries = db_cell_int(r, row, CLAIM_MAX_RETRIES);
    claim->timeout_s = db_cell_int(r, row, CLAIM_TIMEOUT);
    claim->crash_count = db_cell_int(r, row, CLAIM_CRASHES);
    (void)clock_parse_sql(db_cell(r, row, CLAIM_CREATED), &claim->created_wall_us);
    job_claim_release(claim);
    claim->payload = g_strdup(db_cell(r, row, CLAIM_PAYLOAD));
}

bool job_is_suspect(int64_t crash_count, int64_t crash_limit)
{
    return crash_count > 0 && crash_count >= crash_limit - 1;
}

static bool is_held(const struct job_claim *claim)
{
    return claim->result == JOB_CLAIMED || claim->result == JOB_OURS;
}

/* Rows and sorted claims run in step. Of two deliveries of one message the second is stale. */
static void decide_all(const struct claim_batch *batch, const struct db_result *r)
{
    size_t row = 0;
    const char *claimed_id = "";
    bool has_suspect = batch->terms->has_suspect;
    int64_t payload_bytes = 0;
    for (size_t i = 0; i < batch->n; i++) {
        struct job_claim *claim = batch->sorted[i];
        claim->result = JOB_MISSING;
        while (row < r->rows && g_ascii_strcasecmp(db_cell(r, row, CLAIM_ID), claim->id) < 0) {
            row++;
        }
        if (row == r->rows || g_ascii_strcasecmp(db_cell(r, row, CLAIM_ID), claim->id) != 0) {
            continue;
        }
        claim->result = strcmp(claimed_id, claim->id) == 0 ? JOB_STALE : decide_claim(batch, claim, r, row);
        bool is_suspect = job_is_suspect(db_cell_int(r, row, CLAIM_CRASHES), batch->terms->crash_limit);
        if (!is_held(claim)) {
            continue;
        }
        int64_t more_bytes = db_cell_int(r, row, CLAIM_PAYLOAD_BYTES);
        bool is_too_much = payload_bytes > 0 && payload_bytes + more_bytes > BATCH_PAYLOAD_BYTES;
        if (is_too_much || (claim->result == JOB_CLAIMED && is_suspect && has_suspect)) {
            claim->result = JOB_HELD;
        } else {
            payload_bytes += more_bytes;
            fill_claim(claim, r, row);
            claimed_id = claim->id;
            has_suspect = has_suspect || is_suspect;
        }
    }
}

/* The payloads that were too large to come with their rows. */
static bool read_large(struct db *db, const struct claim_batch *batch, struct err *e)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    for (size_t i = 0; i < batch->n; i++) {
        if (is_held(batch->sorted[i]) && batch->sorted[i]->payload == NULL) {
            g_ptr_array_add(ids, batch->sorted[i]->id);
        }
    }
    CLEANUP(db_result_release) struct db_result r = {0};
    if (ids->len == 0) {
        return true;
    }
    if (!sql_ids_run(db, &r, e, "SELECT id, payload FROM background_jobs FORCE INDEX (PRIMARY) WHERE id IN ", NULL, 0,
                     ids, " ORDER BY id")) {
        return false;
    }
    for (size_t i = 0, row = 0; i < batch->n && row < r.rows; i++) {
        struct job_claim *claim = batch->sorted[i];
        if (is_held(claim) && claim->payload == NULL && g_ascii_strcasecmp(claim->id, db_cell(&r, row, 0)) == 0) {
            claim->payload = g_strdup(db_cell(&r, row, 1));
            row++;
        }
    }
    return true;
}

/* The rows are locked and their attempt is the message's: decide_claim has seen it. */
static bool write_claims(struct db *db, const struct claim_batch *batch, struct err *e)
{
    static const char head[] =
        "UPDATE background_jobs FORCE INDEX (PRIMARY) SET status = 'processing', attempt = attempt + 1, worker_id = ?,"
        " started_at = UTC_TIMESTAMP(6), dispatch_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, next_retry_at = NULL,"
        " progress = NULL, progress_message = NULL, updated_at = UTC_TIMESTAMP(6) WHERE id IN ";

    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    g_autofree struct job_count_delta *deltas = g_new0(struct job_count_delta, 2 * batch->n);
    size_t n = 0;
    for (size_t i = 0; i < batch->n; i++) {
        struct job_claim *c = batch->sorted[i];
        if (c->result != JOB_CLAIMED) {
            continue;
        }
        g_ptr_array_add(ids, c->id);
        deltas[n++] = (struct job_count_delta){c->organization_id, c->job_type, JOB_QUEUED, c->priority, -1};
        deltas[n++] = (struct job_count_delta){c->organization_id, c->job_type, JOB_PROCESSING, c->priority, 1};
    }
    if (n == 0) {
        return true;
    }
    const struct db_param params[] = {db_text(batch->terms->worker_id), DB_INT(batch->terms->lease_ms * US_PER_MS)};
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!sql_ids_run(db, &r, e, head, params, ARRAY_SIZE(params), ids, " AND status = 'queued'")) {
        return false;
    }
    if (r.affected != ids->len) {
        return err_set(e, ERR_INTERNAL, "A claim changed %llu of %u rows that it had locked",
                       (unsigned long long)r.affected, ids->len);
    }
    return job_counts_add(db, deltas, n, e);
}

/* A repetition finds what the run before it has claimed, if that did commit, as JOB_OURS. */
static bool claim_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    static const char head[] =
        "SELECT id, status, attempt, worker_id, organization_id, job_type, priority, retry_count, max_retries,"
        " timeout_s, created_at, IF(OCTET_LENGTH(payload) <= " SMALL_PAYLOAD ", payload, NULL), traceparent, cause,"
        " crash_count, OCTET_LENGTH(payload), retry FROM background_jobs FORCE INDEX (PRIMARY) WHERE id IN ";

    const struct claim_batch *batch = arg;
    g_autoptr(GPtrArray) ids = list_ids(batch);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (ids->len > 0 && !sql_ids_run(db, &r, e, head, NULL, 0, ids, " ORDER BY id FOR UPDATE")) {
        return false;
    }
    decide_all(batch, &r);
    return job_gate_claims(db, batch->terms->gates, batch->sorted, batch->n, e) && read_large(db, batch, e) &&
           write_claims(db, batch, e);
}

bool job_claim_batch(struct db *db, const struct job_claim_terms *terms, struct job_claim *claims, size_t n,
                     struct err *e)
{
    g_autofree struct job_claim **sorted = g_new0(struct job_claim *, n);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &claims[i];
    }
    qsort(sorted, n, sizeof(struct job_claim *), compare_claims);
    struct claim_batch batch = {.terms = terms, .sorted = sorted, .n = n};
    if (db_transaction(db, claim_body, &batch, e)) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        job_claim_release(&claims[i]);
    }
    return false;
}
