/*
 * template_fill.c: the parts of a message by the parts of its template.
 */
#include <string.h>

#include "domain/sms_text.h"
#include "domain/template.h"
#include "domain/template_fields.h"
#include "domain/template_syntax.h"

#define ELLIPSIS "\u2026"

void template_message_release(struct template_message *message)
{
    g_free(message->subject);
    g_free(message->text);
    g_free(message->html);
    *message = (struct template_message){0};
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static enum template_place text_place(enum notify_channel channel)
{
    return channel == NOTIFY_SLACK ? TEMPLATE_SLACK : TEMPLATE_TEXT;
}

struct part {
    const char *name;
    const char *source;
    enum template_place place;
    size_t max_bytes;
    const char *ellipsis; /* behind what was cut */
};

/* New text, with an ellipsis when it was cut; NULL with an error. */
static char *fill(const struct part *part, const json_t *values, bool *ret_is_cut, struct err *e)
{
    CLEANUP(template_code_release) struct template_code code = {0};
    struct err cause = ERR_INIT;
    if (!template_parse(part->source, part->place, &code, &cause)) {
        (void)err_set(e, ERR_INVALID, "The template's %s cannot be read: %s", part->name, cause.text);
        return NULL;
    }
    g_autofree char *filled = template_fill(&code, values, part->max_bytes - strlen(part->ellipsis), ret_is_cut);
    return *ret_is_cut ? g_strconcat(filled, part->ellipsis, NULL) : g_steal_pointer(&filled);
}

/* A mail without a subject, or a message without a word, is of no use: then it says what kind of event it is. */
static char *or_event(char *text, int event)
{
    g_autofree char *own = text;
    g_autofree char *words = g_strdup(text);
    return g_strstrip(words)[0] == '\0' ? g_strdup(template_event_names[event]) : g_steal_pointer(&own);
}

static bool fill_subject(int event, const char *source, const json_t *values, char **ret, struct err *e)
{
    const struct part part = {"subject", source, TEMPLATE_HEADER, TEMPLATE_SUBJECT_BYTES_MAX, ELLIPSIS};
    bool is_cut = false;
    char *subject = fill(&part, values, &is_cut, e);
    if (subject != NULL) {
        *ret = or_event(g_strstrip(subject), event);
    }
    return subject != NULL;
}

static bool fill_text(int event, enum notify_channel channel, const char *source, const json_t *values, char **ret,
                      struct err *e)
{
    /* sms_fit has an ellipsis of its own. */
    const struct part part = {"text", source, text_place(channel),
                              channel == NOTIFY_SLACK ? TEMPLATE_SLACK_BYTES_MAX : TEMPLATE_TEXT_BYTES_MAX,
                              channel == NOTIFY_SMS ? "" : ELLIPSIS};
    bool is_cut = false;
    char *text = fill(&part, values, &is_cut, e);
    if (text == NULL) {
        return false;
    }
    text = or_event(channel == NOTIFY_EMAIL ? text : g_strstrip(text), event);
    *ret = channel == NOTIFY_SMS ? sms_fit(text, SMS_SEGMENTS_MAX) : g_strdup(text);
    g_free(text);
    return true;
}

/* HTML that was cut may have lost more than words; the text says it all anyway. */
static bool fill_html(const char *source, const json_t *values, char **ret, struct err *e)
{
    const struct part part = {"html", source, TEMPLATE_HTML, TEMPLATE_HTML_BYTES_MAX, ""};
    bool is_cut = false;
    char *html = fill(&part, values, &is_cut, e);
    if (html == NULL) {
        return false;
    }
    if (is_cut) {
        g_free(html);
    } else {
        *ret = html;
    }
    return true;
}

bool template_fill_message(int event, enum notify_channel channel, const struct template_texts *texts,
                           const json_t *values, struct template_message *ret, struct err *e)
{
    struct template_message message = {0};
    bool is_mail = channel == NOTIFY_EMAIL;
    if (texts->text == NULL || (is_mail && texts->subject == NULL)) {
        return err_set(e, ERR_INVALID, "The template has no text or no subject");
    }
    bool ok = (!is_mail || fill_subject(event, texts->subject, values, &message.subject, e)) &&
              fill_text(event, channel, texts->text, values, &message.text, e) &&
              (!is_mail || texts->html == NULL || fill_html(texts->html, values, &message.html, e));
    if (!ok) {
        template_message_release(&message);
        return false;
    }
    *ret = message;
    return true;
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

struct kind {
    int event;
    enum notify_channel channel;
};

static bool is_known(const void *arg, const char *name, bool in_item)
{
    const struct kind *kind = arg;
    return template_knows(kind->event, kind->channel, name, in_item);
}

static void check_part(const struct kind *kind, const char *pointer, const char *source, enum template_place place,
                       struct problems *problems)
{
    CLEANUP(template_code_release) struct template_code code = {0};
    struct err e = ERR_INIT;
    if (template_parse(source, place, &code, &e)) {
        template_check_names(&code, is_known, kind, pointer, problems);
    } else {
        problems_add(problems, pointer, "syntax", "%s", e.text);
    }
}

void template_check(int event, enum notify_channel channel, const json_t *body, bool is_whole,
                    struct problems *problems)
{
    static const char *const names[] = {"subject", "text", "html"};
    static const char *const pointers[] = {"/subject", "/text", "/html"};
    const enum template_place places[] = {TEMPLATE_HEADER, text_place(channel), TEMPLATE_HTML};
    const struct kind kind = {event, channel};
    bool is_mail = channel == NOTIFY_EMAIL;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *source = json_string_value(json_object_get(body, names[i]));
        bool is_text = places[i] == text_place(channel);
        if (source != NULL && !is_mail && !is_text) {
            problems_add(problems, pointers[i], "not_allowed", "only mail has this");
        } else if (source != NULL) {
            check_part(&kind, pointers[i], source, places[i], problems);
        }
    }
    if (is_whole && is_mail && !json_is_string(json_object_get(body, "subject"))) {
        problems_add(problems, "/subject", "required", "must be given: a mail has a subject");
    }
}
