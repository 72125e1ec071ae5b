/*
 * delivery_fanout.c: from an event to its deliveries.
 */
#include <string.h>

#include "domain/delivery.h"
#include "ground/json.h"

#define CHUNK 250

/* One message that is wanted; borrows from event, settings and whoever calls. */
struct target {
    enum notify_channel channel;
    const char *recipient;
    const char *address;
    const char *locale;
    const char *timezone;
};

/* --- what is wanted ----------------------------------------------------------------------------------------------- */

static void add_personal(GArray *targets, const json_t *recipients, enum notify_channel channel, json_t *skipped)
{
    static const char *const members[NOTIFY_CHANNELS] = {[NOTIFY_EMAIL] = "email", [NOTIFY_SMS] = "phone"};
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        const json_t *r = json_array_get(recipients, i);
        const struct target target = {.channel = channel,
                                      .recipient = json_text_or_null(r, "user_id"),
                                      .address = json_text_or_null(r, members[channel]),
                                      .locale = json_text_or_null(r, "locale"),
                                      .timezone = json_text_or_null(r, "timezone")};
        if (target.address != NULL) {
            g_array_append_val(targets, target);
        } else {
            json_array_append_new(skipped, json_pack("{s:s?, s:s, s:s}", "user_id", target.recipient, "channel",
                                                     notify_channel_names[channel], "reason", "no_address"));
        }
    }
}

/* For a message that all read: the locale that every recipient of the event has, else the language, else NULL. New. */
static char *shared_locale(const json_t *recipients)
{
    const char *first = json_text_or_null(json_array_get(recipients, 0), "locale");
    size_t n = first == NULL ? 0 : strlen(first);
    for (size_t i = 1; i < json_array_size(recipients) && n > 0; i++) {
        const char *locale = json_text_or_null(json_array_get(recipients, i), "locale");
        size_t language = strcspn(first, "-");
        if (locale != NULL && strlen(locale) == n && g_ascii_strncasecmp(first, locale, n) == 0) {
            continue;
        }
        bool is_language = locale != NULL && strcspn(locale, "-") == language &&
                           g_ascii_strncasecmp(first, locale, language) == 0;
        n = is_language ? language : 0;
    }
    return n == 0 ? NULL : g_strndup(first, n);
}

static void add_shared(GArray *targets, const struct delivery_fanout *f, enum notify_channel channel,
                       const char *locale)
{
    const char *slack_channel = json_text_or_null(f->settings, "slack_channel");
    const struct target target = {
        .channel = channel,
        .recipient = "",
        .address = channel == NOTIFY_SLACK && slack_channel != NULL ? slack_channel : notify_channel_names[channel],
        .locale = locale,
    };
    g_array_append_val(targets, target);
}

/* locale: of messages that all read. */
static GArray *targets_new(const struct delivery_fanout *f, const char *locale, json_t *skipped)
{
    GArray *targets = g_array_new(FALSE, FALSE, sizeof(struct target));
    int event = notify_parse(notify_event_names, json_text_or_null(f->event, "event"));
    int severity = notify_parse(notify_severity_names, json_text_or_null(f->event, "severity"));
    for (int c = 0; c < NOTIFY_CHANNELS && event >= 0 && severity >= 0; c++) {
        enum notify_channel channel = (enum notify_channel)c;
        bool wanted = notify_wants(f->settings, (enum notify_event)event, (enum notify_severity)severity, channel);
        if (!wanted || (channel == NOTIFY_WEBHOOK && !f->has_webhook)) {
            continue;
        }
        if (notify_is_shared(channel)) {
            add_shared(targets, f, channel, locale);
        } else {
            add_personal(targets, json_object_get(f->event, "recipients"), channel, skipped);
        }
    }
    return targets;
}

/* --- a chunk of it ------------------------------------------------------------------------------------------------ */

enum { DELIVERY_COLUMNS = 12 };

struct chunk {
    const struct delivery_fanout *fanout;
    const struct target *targets;
    size_t n;
};

struct made {
    char id[UUID_TEXT_BYTES];
    char job_id[UUID_TEXT_BYTES];
};

static char *key_of(const char *channel, const char *recipient)
{
    return g_strconcat(channel, "\n", recipient, NULL);
}

/* What an earlier run has made. */
static GHashTable *load_known(struct db *db, const char *event_id, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT channel, recipient FROM deliveries WHERE event_id = ?",
                DB_PARAMS(db_text(event_id)))) {
        return NULL;
    }
    GHashTable *known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < r.rows; i++) {
        g_hash_table_add(known, key_of(db_cell(&r, i, 0), db_cell(&r, i, 1)));
    }
    return known;
}

static bool insert_deliveries(struct db *db, const struct chunk *c, const struct target *const *targets,
                              const struct made *made, size_t n, struct err *e)
{
    static const char sql[] =
        "INSERT INTO deliveries (id, organization_id, event_id, event, severity, channel, recipient, address, locale,"
        " timezone, state, job_id, copy, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))";
    const json_t *event = c->fanout->event;
    g_autofree struct db_param *params = g_new(struct db_param, n * DELIVERY_COLUMNS);
    struct db_param *p = params;
    for (size_t i = 0; i < n; i++) {
        const struct target *t = targets[i];
        *p++ = db_text(made[i].id);
        *p++ = db_text(json_text_or_null(event, "organization_id"));
        *p++ = db_text(json_text_or_null(event, "id"));
        *p++ = db_text(json_text_or_null(event, "event"));
        *p++ = db_text(json_text_or_null(event, "severity"));
        *p++ = db_text(notify_channel_names[t->channel]);
        *p++ = db_text(t->recipient);
        *p++ = db_text(t->address);
        *p++ = db_text(t->locale);
        *p++ = db_text(t->timezone);
        *p++ = db_text("queued");
        *p++ = db_text(made[i].job_id);
    }
    return db_run_rows(db, NULL, e, sql, params, DELIVERY_COLUMNS, n);
}

static bool insert_jobs(struct db *db, const struct chunk *c, const struct made *made, size_t n, struct err *e)
{
    const json_t *event = c->fanout->event;
    bool urgent = g_strcmp0(json_text_or_null(event, "severity"), notify_severity_names[NOTIFY_CRITICAL]) == 0;
    g_autofree struct job_new *jobs = g_new0(struct job_new, n);
    g_autoptr(GPtrArray) payloads = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(payloads, g_strdup_printf("{\"delivery_id\":\"%s\"}", made[i].id));
        jobs[i] = delivery_job(json_text_or_null(event, "organization_id"), made[i].job_id,
                               g_ptr_array_index(payloads, i), json_text_or_null(event, "created_by"));
        jobs[i].priority = urgent ? 1 : 0;
    }
    return job_insert_within(db, jobs, n, e);
}

static bool insert_chunk(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct chunk *c = arg;
    const struct target *fresh[CHUNK];
    struct made made[CHUNK];
    size_t n = 0;
    g_autoptr(GHashTable) known = load_known(db, json_text_or_null(c->fanout->event, "id"), e);
    if (known == NULL) {
        return false;
    }
    for (size_t i = 0; i < c->n; i++) {
        g_autofree char *key = key_of(notify_channel_names[c->targets[i].channel], c->targets[i].recipient);
        if (!g_hash_table_contains(known, key)) {
            uuid7_new(made[n].id);
            uuid7_new(made[n].job_id);
            fresh[n++] = &c->targets[i];
        }
    }
    return n == 0 || (insert_deliveries(db, c, fresh, made, n, e) && insert_jobs(db, c, made, n, e));
}

bool delivery_fan_out(struct db *db, const struct delivery_fanout *fanout, size_t *ret_n, json_t **ret_skipped,
                      struct err *e)
{
    json_auto_t *skipped = json_array();
    g_autofree char *locale = shared_locale(json_object_get(fanout->event, "recipients"));
    g_autoptr(GArray) targets = targets_new(fanout, locale, skipped);
    for (size_t first = 0; first < targets->len; first += CHUNK) {
        struct chunk chunk = {
            .fanout = fanout,
            .targets = &g_array_index(targets, struct target, first),
            .n = MIN(CHUNK, targets->len - first),
        };
        if (!db_transaction(db, insert_chunk, &chunk, e)) {
            return false;
        }
    }
    *ret_n = targets->len;
    *ret_skipped = json_incref(skipped);
    return true;
}
