/*
 * template.c: which template renders a delivery.
 */
#include "domain/template.h"

#include <string.h>

#include "domain/delivery.h"
#include "domain/template_fields.h"
#include "ground/json.h"

/* --- rows --------------------------------------------------------------------------------------------------------- */

enum { COL_EVENT, COL_LOCALE, COL_SUBJECT, COL_TEXT, COL_HTML, COL_NAME, COL_ZONE };

/* What is known of the organization: its name and zone, and its templates that may be wanted. */
struct found {
    struct template_locales locales;
    enum notify_channel channel;
    struct db_result rows; /* at least one; without templates its columns up to COL_HTML are NULL */
};

static void found_release(struct found *f)
{
    db_result_release(&f->rows);
}

/* One statement for both kinds of message: of a digest the subjects of all events are wanted too. */
static bool load(struct db *db, const char *organization_id, int event, struct found *f, struct err *e)
{
    static const char sql[] =
        "SELECT t.event, t.locale, t.subject, t.text, t.html, o.name, s.timezone FROM organizations o"
        " LEFT JOIN notification_settings s ON s.organization_id = o.id"
        " LEFT JOIN notification_templates t ON t.organization_id = o.id AND t.channel = ?"
        " AND t.event IN (?, ?, ?, ?, ?, ?) AND t.locale IN (?, ?, ?, ?) WHERE o.id = ?";
    struct db_param params[1 + TEMPLATE_EVENTS + TEMPLATE_LOCALES_MAX + 1];
    size_t n = 0;
    params[n++] = db_text(notify_channel_names[f->channel]);
    for (int i = 0; i < TEMPLATE_EVENTS; i++) {
        params[n++] = db_text(template_event_names[event == TEMPLATE_DIGEST ? i : event]);
    }
    for (size_t i = 0; i < TEMPLATE_LOCALES_MAX; i++) {
        params[n++] = db_text(f->locales.names[i]);
    }
    params[n++] = db_text(organization_id);
    if (!db_run(db, &f->rows, e, sql, params, n)) {
        return false;
    }
    return f->rows.rows > 0 || err_set(e, ERR_INVALID, "There is no such organization");
}

/* --- choice ------------------------------------------------------------------------------------------------------- */

struct choice {
    struct template_texts texts;
    const char *source;
    const char *locale;
};

static bool choose_own(const struct found *f, int event, const char *locale, struct choice *ret)
{
    for (size_t i = 0; i < f->rows.rows; i++) {
        const char *row_event = db_cell(&f->rows, i, COL_EVENT);
        if (g_strcmp0(row_event, template_event_names[event]) == 0 &&
            g_strcmp0(db_cell(&f->rows, i, COL_LOCALE), locale) == 0) {
            *ret = (struct choice){
                .texts = {db_cell(&f->rows, i, COL_SUBJECT), db_cell(&f->rows, i, COL_TEXT),
                          db_cell(&f->rows, i, COL_HTML)},
                .source = "organization",
                .locale = locale,
            };
            return true;
        }
    }
    return false;
}

static bool choose_default(const struct found *f, int event, const char *locale, struct choice *ret)
{
    const struct template_default *d = template_default_find(event, f->channel, locale);
    if (d != NULL) {
        *ret = (struct choice){.texts = d->texts, .source = "default", .locale = d->locale};
    }
    return d != NULL;
}

/* The organization's first, whatever its locale: who has written one text for all means it. */
static bool choose(const struct found *f, int event, struct choice *ret)
{
    for (size_t i = 0; i < TEMPLATE_LOCALES_MAX; i++) {
        if (choose_own(f, event, f->locales.names[i], ret)) {
            return true;
        }
    }
    for (size_t i = 0; i < TEMPLATE_LOCALES_MAX; i++) {
        if (choose_default(f, event, f->locales.names[i], ret)) {
            return true;
        }
    }
    return false;
}

/* --- digests ------------------------------------------------------------------------------------------------------ */

/* The member with the subject of its own mail. One that cannot be made must not keep the digest: its event's name
 * stands for it. */
static json_t *with_subject(const struct found *f, const struct template_about *about, json_t *member)
{
    CLEANUP(template_message_release) struct template_message message = {0};
    struct err none = ERR_INIT;
    struct choice choice = {0};
    int event = notify_parse(notify_event_names, json_text(member, "event"));
    json_auto_t *values = template_values(member, about);
    const char *subject = json_text(member, "event");
    if (event >= 0 && choose(f, event, &choice)) {
        const struct template_texts only = {.subject = choice.texts.subject, .text = ""};
        if (template_fill_message(event, NOTIFY_EMAIL, &only, values, &message, &none)) {
            subject = message.subject;
        }
    }
    json_t *item = json_copy(member);
    json_object_set_new(item, "subject", json_string(subject));
    return item;
}

static json_t *with_subjects(const struct found *f, const struct template_about *about, const json_t *delivery)
{
    struct template_about local = *about;
    json_t *copy = json_copy((json_t *)(uintptr_t)delivery);
    const json_t *members = json_object_get(delivery, "members");
    json_t *items = json_array();
    if (json_text(delivery, "timezone") != NULL) {
        local.zone = json_text(delivery, "timezone");
    }
    for (size_t i = 0; i < json_array_size(members); i++) {
        json_array_append_new(items, with_subject(f, &local, json_array_get(members, i)));
    }
    json_object_set_new(copy, "members", items);
    return copy;
}

/* --- render ------------------------------------------------------------------------------------------------------- */

static const char *over(const json_t *texts, const char *name, const char *otherwise)
{
    const json_t *value = json_object_get(texts, name);
    return value == NULL ? otherwise : json_string_value(value);
}

static bool render(const struct found *f, int event, struct template_try *try, struct template_message *ret,
                   struct err *e)
{
    struct choice choice = {0};
    const struct template_about about = {db_cell(&f->rows, 0, COL_NAME), db_cell(&f->rows, 0, COL_ZONE)};
    if (!choose(f, event, &choice)) {
        return err_set(e, ERR_INVALID, "There is no template for %s over %s", template_event_names[event],
                       notify_channel_names[f->channel]);
    }
    try->source = choice.source;
    g_strlcpy(try->locale, choice.locale, sizeof(try->locale));
    const struct template_texts texts = {
        .subject = over(try->over, "subject", choice.texts.subject),
        .text = over(try->over, "text", choice.texts.text),
        .html = over(try->over, "html", choice.texts.html),
    };
    json_auto_t *delivery = with_subjects(f, &about, try->delivery);
    json_auto_t *values = template_values(delivery, &about);
    return template_fill_message(event, f->channel, &texts, values, ret, e);
}

bool template_try_out(struct db *db, struct template_try *try, struct template_message *ret, struct err *e)
{
    CLEANUP(found_release) struct found f = {0};
    int event = notify_parse(template_event_names, json_text(try->delivery, "event"));
    int channel = notify_parse(template_channel_names, json_text(try->delivery, "channel"));
    if (event < 0 || channel < 0) {
        return err_set(e, ERR_INVALID, "There is no template for such a message");
    }
    f.channel = (enum notify_channel)channel;
    template_locales_of(json_text(try->delivery, "locale"), &f.locales);
    return load(db, try->organization_id, event, &f, e) && render(&f, event, try, ret, e);
}

bool template_render(struct db *db, const json_t *delivery, struct template_message *ret, struct err *e)
{
    struct template_try try = {.organization_id = json_text(delivery, "organization_id"), .delivery = delivery};
    if (g_strcmp0(json_text(delivery, "channel"), notify_channel_names[NOTIFY_WEBHOOK]) == 0) {
        ret->text = g_strdup("");
        return true;
    }
    return template_try_out(db, &try, ret, e);
}
