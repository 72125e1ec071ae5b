/*
 * provider_smtp.c: mail through a mail server.
 */
#include <stdio.h>
#include <string.h>

#include "provider.h"

#define MESSAGE_ID_BYTES 320

static const char *text_or_null(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* The organization's own sender, else the server's. The server's name never goes with the organization's address. */
static void choose_sender(const struct conf *conf, const json_t *settings, struct smtp_mail *mail)
{
    mail->from_address = text_or_null(settings, "email_from_address");
    mail->from_name = text_or_null(settings, "email_from_name");
    if (mail->from_address != NULL) {
        return;
    }
    mail->from_address = conf->smtp.from_address;
    if (mail->from_name == NULL) {
        mail->from_name = conf->smtp.from_name;
    }
}

/* 4yz and network trouble before the end of DATA are sure; smtp.h cannot tell a lost answer to it from the rest, so a
 * reply code is what makes it sure. */
static enum provider_outcome judge(enum smtp_outcome sent, const struct smtp_reply *reply)
{
    static const enum provider_outcome outcomes[] = {
        [SMTP_ACCEPTED] = PROVIDER_SENT,       [SMTP_TRY_LATER] = PROVIDER_RETRY, [SMTP_PERMANENT] = PROVIDER_REFUSED,
        [SMTP_MISCONFIGURED] = PROVIDER_PAUSE, [SMTP_STOPPED] = PROVIDER_STOPPED,
    };
    return sent == SMTP_TRY_LATER && reply->code == 0 ? PROVIDER_AMBIGUOUS : outcomes[sent];
}

enum provider_outcome provider_smtp_send(const struct provider_call *call, const struct provider_message *m,
                                         struct provider_reply *reply)
{
    char message_id[MESSAGE_ID_BYTES];
    struct smtp_reply said = {0};
    struct smtp_mail mail = {
        .to = m->to,
        .subject = m->content->subject,
        .text = m->content->text,
        .html = m->content->html,
        .date_wall_us = m->created_wall_us,
    };
    choose_sender(call->conf, m->settings, &mail);
    if (mail.from_address == NULL || mail.from_address[0] == '\0') {
        g_strlcpy(reply->text, "there is no sender address: neither email_from_address nor [smtp] from_address",
                  sizeof(reply->text));
        return PROVIDER_PAUSE;
    }
    const char *at = strrchr(mail.from_address, '@');
    (void)snprintf(message_id, sizeof(message_id), "%s@%s", m->id, at == NULL ? "localhost" : at + 1);
    mail.message_id = message_id;
    enum provider_outcome outcome = judge(smtp_send(call->smtp, call->conf, &mail, call->stop, &said), &said);
    reply->code = said.code;
    g_strlcpy(reply->text, said.text, sizeof(reply->text));
    (void)snprintf(reply->message_id, sizeof(reply->message_id), "<%.250s>", message_id);
    return outcome;
}
