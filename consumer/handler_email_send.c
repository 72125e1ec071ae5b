/*
 * handler_email_send.c: one mail, from the organization's sender address, through the configured server.
 */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "org_settings.h"

#define PROVIDER "smtp"
#define MESSAGE_ID_BYTES (UUID_TEXT_BYTES + 256)

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

/* <job id>@<domain of the sender>: the same on every attempt, so that a receiver can tell a repeated mail. */
static void name_message(char out[MESSAGE_ID_BYTES], const char *job_id, const char *from_address)
{
    const char *at = strrchr(from_address, '@');
    (void)snprintf(out, MESSAGE_ID_BYTES, "%s@%s", job_id, at == NULL ? "localhost" : at + 1);
}

static enum job_outcome send_mail(struct job_context *ctx, const struct smtp_mail *mail)
{
    static const struct {
        enum job_outcome outcome;
        const char *what;
    } ends[] = {
        [SMTP_ACCEPTED] = {JOB_DONE, ""},
        [SMTP_TRY_LATER] = {JOB_RETRY, "the mail could not be sent now"},
        [SMTP_PERMANENT] = {JOB_PERMANENT, "the mail was refused"},
        /* Mending the configuration heals it, so the job waits for that as long as it may. */
        [SMTP_MISCONFIGURED] = {JOB_RETRY, "the mail server does not accept us ([smtp] in the configuration)"},
        [SMTP_STOPPED] = {JOB_STOPPED, "the sending was stopped"},
    };
    struct smtp_reply reply = {0};
    enum smtp_outcome sent = smtp_send(ctx->smtp, ctx->conf, mail, &ctx->stop, &reply);
    if (sent != SMTP_ACCEPTED) {
        return job_error(ctx, ends[sent].outcome, "%s: %s", ends[sent].what, reply.text);
    }
    ctx->result = json_pack("{s:s, s:s, s:o}", "provider", PROVIDER, "reply", reply.text, "message_id",
                            json_sprintf("<%s>", mail->message_id));
    return JOB_DONE;
}

enum job_outcome handler_email_send(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    json_auto_t *settings = org_settings(ctx, &e);
    if (settings == NULL) {
        return job_error(ctx, JOB_RETRY, "the notification settings cannot be read: %s", e.text);
    }
    if (json_is_false(json_object_get(settings, "email_enabled"))) {
        return job_error(ctx, JOB_PERMANENT, "mail is switched off in the notification settings (email_enabled)");
    }
    const char *provider = text_or_null(settings, "email_provider");
    if (provider != NULL && strcmp(provider, PROVIDER) != 0) {
        return job_error(ctx, JOB_PERMANENT, "the e-mail provider \"%s\" is not available; only " PROVIDER " is",
                         provider);
    }
    struct smtp_mail mail = {
        .to = json_string_value(json_object_get(ctx->payload, "to")),
        .subject = json_string_value(json_object_get(ctx->payload, "subject")),
        .text = text_or_null(ctx->payload, "text"),
        .html = text_or_null(ctx->payload, "html"),
        .date_wall_us = ctx->claim->created_wall_us,
    };
    choose_sender(ctx->conf, settings, &mail);
    if (mail.from_address == NULL || mail.from_address[0] == '\0') {
        return job_error(ctx, JOB_PERMANENT,
                         "there is no sender address: neither email_from_address in the notification "
                         "settings nor [smtp] from_address in the configuration");
    }
    char message_id[MESSAGE_ID_BYTES];
    name_message(message_id, ctx->claim->id, mail.from_address);
    mail.message_id = message_id;
    return send_mail(ctx, &mail);
}
