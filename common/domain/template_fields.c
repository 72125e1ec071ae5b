#include "domain/template_fields.h"

#include <string.h>

#include "domain/event.h"
#include "domain/template_syntax.h"
#include "ground/clock.h"
#include "ground/json.h"

#define TIME_FORMAT "%Y-%m-%d %H:%M"

/* --- names -------------------------------------------------------------------------------------------------------- */

struct name {
    const char *name;
    const char *help;
};

static const struct name common[] = {
    {"event", "What has happened, as in the API: payroll, alert, ... or digest"},
    {"severity", "info, warning or critical"},
    {"critical", "There only when severity is critical, for sections"},
    {"organization", "The organization's name"},
    {"recipient", "Who is told: the user_id; not there in a message to a channel"},
    {"time", "When it happened, in the recipient's time zone: 2026-11-25 09:30"},
};
static const struct name of_mail[] = {
    {TEMPLATE_UNSUBSCRIBE, "Where to get no more of such messages; not there when it is critical"},
};
static const struct name of_digest[] = {
    {"count", "How many messages it gathers"},
    {"more", "How many of them it does not list; there only when there are any"},
    {TEMPLATE_LIST, "The list of them, oldest first: {{#items}}...{{/items}}"},
};
static const struct name of_item[] = {
    {"subject", "What its own mail would have as its subject"},
    {"event", "What has happened"},
    {"severity", "info or warning"},
    {"critical", "There only when severity is critical"},
    {"time", "When it happened"},
};

static bool is_among(const struct name *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool template_knows(int event, enum notify_channel channel, const char *name, bool in_item)
{
    if ((channel == NOTIFY_EMAIL && is_among(of_mail, ARRAY_SIZE(of_mail), name)) ||
        (in_item && is_among(of_item, ARRAY_SIZE(of_item), name)) || is_among(common, ARRAY_SIZE(common), name)) {
        return true;
    }
    if (event == TEMPLATE_DIGEST) {
        return is_among(of_digest, ARRAY_SIZE(of_digest), name);
    }
    return record_field(event_data_record((enum notify_event)event), name) != NULL;
}

static void describe(json_t *list, const char *prefix, const char *name, const char *help)
{
    json_array_append_new(list, json_pack("{s:s+, s:s}", "name", prefix, name, "help", help));
}

json_t *template_describe_fields(int event, enum notify_channel channel)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
        describe(list, "", common[i].name, common[i].help);
    }
    for (size_t i = 0; channel == NOTIFY_EMAIL && i < ARRAY_SIZE(of_mail); i++) {
        describe(list, "", of_mail[i].name, of_mail[i].help);
    }
    if (event != TEMPLATE_DIGEST) {
        const struct record *data = event_data_record((enum notify_event)event);
        for (size_t i = 0; i < data->n; i++) {
            describe(list, "", data->fields[i].name, data->fields[i].help);
        }
        return list;
    }
    for (size_t i = 0; i < ARRAY_SIZE(of_digest); i++) {
        describe(list, "", of_digest[i].name, of_digest[i].help);
    }
    for (size_t i = 0; i < ARRAY_SIZE(of_item); i++) {
        describe(list, TEMPLATE_LIST ".", of_item[i].name, of_item[i].help);
    }
    return list;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool has_scheme(const char *url, const char *scheme)
{
    size_t n = strlen(scheme);
    return g_ascii_strncasecmp(url, scheme, n) == 0 && url[n] != '\0' && url[n] != '/';
}

/* What no URL has as it is: blanks, controls, everything that is not ASCII, and "<>\^`{|}. NULL: no web address. */
static char *safe_url(const char *url)
{
    if (!has_scheme(url, "http://") && !has_scheme(url, "https://")) {
        return NULL;
    }
    GString *safe = g_string_new(NULL);
    for (const char *p = url; *p != '\0'; p++) {
        bool is_plain = *p > ' ' && *p < 0x7F && strchr("\"<>\\^`{|}", *p) == NULL;
        if (is_plain) {
            g_string_append_c(safe, *p);
        } else {
            g_string_append_printf(safe, "%%%02X", (unsigned)(unsigned char)*p);
        }
    }
    return g_string_free(safe, FALSE);
}

static json_t *safe_value(const char *name, json_t *value)
{
    if (!template_is_url(name)) {
        return json_incref(value);
    }
    g_autofree char *url = json_is_string(value) ? safe_url(json_string_value(value)) : NULL;
    return url == NULL ? json_null() : json_string(url);
}

static json_t *local_time(const char *at, const char *zone)
{
    int64_t at_us = 0;
    if (at == NULL || (!clock_parse_rfc3339(at, &at_us) && !clock_parse_sql(at, &at_us))) {
        return json_null();
    }
    g_autoptr(GTimeZone) tz = zone == NULL ? NULL : g_time_zone_new_identifier(zone);
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(at_us / US_PER_S);
    g_autoptr(GDateTime) local = tz == NULL ? g_date_time_ref(utc) : g_date_time_to_timezone(utc, tz);
    g_autofree char *shown = local == NULL ? NULL : g_date_time_format(local, TIME_FORMAT);
    return shown == NULL ? json_null() : json_string(shown);
}

static void add_happened(json_t *values, const json_t *from, const char *zone)
{
    const char *severity = json_text(from, "severity");
    json_object_set(values, "event", json_object_get(from, "event"));
    json_object_set(values, "severity", json_object_get(from, "severity"));
    json_object_set_new(values, "critical",
                        json_boolean(g_strcmp0(severity, notify_severity_names[NOTIFY_CRITICAL]) == 0));
    json_object_set_new(values, "time", local_time(json_text(from, "created_at"), zone));
}

static void add_items(json_t *values, const json_t *delivery, const char *zone)
{
    json_t *items = json_array();
    const json_t *members = json_object_get(delivery, "members");
    json_int_t n = json_integer_value(json_object_get(delivery, "members_n"));
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        json_t *item = json_object();
        add_happened(item, member, zone);
        json_object_set(item, "subject", json_object_get(member, "subject"));
        json_array_append_new(items, item);
    }
    json_int_t more = n - (json_int_t)json_array_size(items);
    json_object_set_new(values, "count", json_integer(n));
    json_object_set_new(values, "more", more > 0 ? json_integer(more) : json_null());
    json_object_set_new(values, TEMPLATE_LIST, items);
}

/* What an event's data calls so is none of it. */
static json_t *unsubscribe_of(const json_t *delivery)
{
    const char *url = json_text(delivery, TEMPLATE_UNSUBSCRIBE);
    return url == NULL ? json_null() : json_string(url);
}

json_t *template_values(const json_t *delivery, const struct template_about *about)
{
    json_t *values = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    const char *zone = json_text(delivery, "timezone") != NULL ? json_text(delivery, "timezone") : about->zone;
    json_object_foreach(json_object_get(delivery, "data"), name, value)
    {
        json_object_set_new(values, name, safe_value(name, value));
    }
    add_happened(values, delivery, zone);
    json_object_set_new(values, "organization", json_string(about->organization));
    json_object_set(values, "recipient", json_object_get(delivery, "recipient"));
    json_object_set_new(values, TEMPLATE_UNSUBSCRIBE, unsubscribe_of(delivery));
    if (g_strcmp0(json_text(delivery, "event"), template_event_names[TEMPLATE_DIGEST]) == 0) {
        add_items(values, delivery, zone);
    }
    return values;
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

static const struct name samples[] = {
    {"employee_name", "Grace Hopper"},
    {"employee_id", "E-1042"},
    {"department", "Engineering"},
    {"position", "Rear admiral"},
    {"manager_name", "Ada Lovelace"},
    {"approver_name", "Ada Lovelace"},
    {"leave_type", "Vacation"},
    {"start_date", "2027-01-04"},
    {"end_date", "2027-01-15"},
    {"days", "10"},
    {"reason", "Sailing"},
    {"status", "approved"},
    {"period", "November 2026"},
    {"pay_date", "2026-11-30"},
    {"amount", "4,200.00"},
    {"currency", "EUR"},
    {"title", "Disk almost full"},
    {"message", "Volume /data has 3 % left."},
    {"source", "db-1"},
    {"url", "https://hr.example.com/items/1042"},
};
#define SAMPLE_TIME "2026-11-25T08:30:00Z"
#define SAMPLE_UNSUBSCRIBE "https://notify.example.com/api/system/u/example"

static json_t *sample_data(int event)
{
    json_t *data = json_object();
    if (event == TEMPLATE_DIGEST) {
        return data;
    }
    const struct record *record = event_data_record((enum notify_event)event);
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        if (record_field(record, samples[i].name) != NULL) {
            json_object_set_new(data, samples[i].name, json_string(samples[i].help));
        }
    }
    return data;
}

static json_t *sample_member(enum notify_event event, enum notify_severity severity)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "event", notify_event_names[event], "severity",
                     notify_severity_names[severity], "created_at", SAMPLE_TIME, "data", sample_data((int)event));
}

json_t *template_sample(int event, enum notify_channel channel)
{
    bool is_shared = notify_is_shared(channel);
    json_t *delivery = json_pack("{s:s, s:s, s:s, s:s, s:s, s:n, s:o}", "event", template_event_names[event],
                                 "severity", notify_severity_names[is_shared ? NOTIFY_CRITICAL : NOTIFY_INFO],
                                 "channel", notify_channel_names[channel], "recipient", is_shared ? "" : "grace",
                                 "created_at", SAMPLE_TIME, "timezone", "data", sample_data(event));
    if (channel == NOTIFY_EMAIL) {
        json_object_set_new(delivery, TEMPLATE_UNSUBSCRIBE, json_string(SAMPLE_UNSUBSCRIBE));
    }
    if (event == TEMPLATE_DIGEST) {
        json_object_set_new(delivery, "members",
                            json_pack("[o, o]", sample_member(NOTIFY_PAYROLL, NOTIFY_INFO),
                                      sample_member(NOTIFY_ALERT, NOTIFY_WARNING)));
        json_object_set_new(delivery, "members_n", json_integer(2));
    }
    return delivery;
}
