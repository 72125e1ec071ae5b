/*
 * provider_smtp.c: mail through a mail server: the account's, else the one in [smtp].
 *
 * What its replies mean is smtp.h's to judge (RFC 5321 4.2.1, RFC 4954 6): 4yz and network trouble before the end of
 * DATA are tried again, 5yz about the mail is final, a refusal of us or of TLS pauses, and an answer to the end of DATA
 * that did not come is ambiguous.
 */
#include <stdio.h>
#include <string.h>

#include "ground/json.h"
#include "provider_mail.h"

static enum conf_smtp_tls security_of(const json_t *config)
{
    const char *word = json_text_or_null(config, "security");
    if (g_strcmp0(word, "none") == 0) {
        return CONF_SMTP_TLS_NONE;
    }
    return g_strcmp0(word, "tls") == 0 ? CONF_SMTP_TLS_IMPLICIT : CONF_SMTP_TLS_STARTTLS;
}

static struct smtp_server server_of(const struct provider_call *call)
{
    if (call->config == NULL) {
        return smtp_server_of(call->conf);
    }
    return (struct smtp_server){
        .host = json_text_or_null(call->config, "host"),
        .port = json_integer_value(json_object_get(call->config, "port")),
        .tls = security_of(call->config),
        .user = json_text_or_null(call->config, "username"),
        .password = json_text_or_null(call->config, "password"),
        .ca_file = call->conf->egress.ca_file,
        .timeout_s = call->conf->smtp.timeout_s,
        .must_be_public = !call->conf->egress.allow_private,
        .is_own = true,
    };
}

static enum provider_outcome refuse_account(struct provider_reply *reply, const char *why)
{
    g_strlcpy(reply->text, why, sizeof(reply->text));
    return PROVIDER_PAUSE;
}

/* The account as it is stored was made where plain text was allowed, or by hand. */
static const char *find_fault(const struct provider_call *call, const struct smtp_server *server)
{
    if (server->host == NULL || server->port < 1 || server->port > 65535) {
        return "the account names no mail server";
    }
    return server->must_be_public && server->tls == CONF_SMTP_TLS_NONE && call->config != NULL
               ? "the account sends without TLS, which is not allowed here"
               : NULL;
}

static enum provider_outcome conclude(enum smtp_outcome sent, const struct smtp_reply *said,
                                      struct provider_reply *reply)
{
    static const enum provider_outcome outcomes[] = {
        [SMTP_ACCEPTED] = PROVIDER_SENT,        [SMTP_TRY_LATER] = PROVIDER_RETRY,
        [SMTP_UNANSWERED] = PROVIDER_AMBIGUOUS, [SMTP_PERMANENT] = PROVIDER_REFUSED,
        [SMTP_MISCONFIGURED] = PROVIDER_PAUSE,  [SMTP_STOPPED] = PROVIDER_STOPPED,
    };
    reply->code = said->code;
    reply->times = said->times;
    reply->is_of_message = said->is_of_message;
    g_strlcpy(reply->text, said->text, sizeof(reply->text));
    return outcomes[sent];
}

enum provider_outcome provider_smtp_send(const struct provider_call *call, const struct provider_message *m,
                                         struct provider_reply *reply)
{
    char message_id[PROVIDER_MESSAGE_ID_BYTES];
    struct provider_sender sender;
    struct smtp_reply said = {.times = NET_TIMES_NONE};
    const struct smtp_server server = server_of(call);
    struct smtp_mail mail = {
        .to = m->to,
        .subject = m->content->subject,
        .text = m->content->text,
        .html = m->content->html,
        .date_wall_us = m->created_wall_us,
        .unsubscribe_url = m->unsubscribe_url,
    };
    const char *fault = find_fault(call, &server);
    if (!provider_sender(call, m, &sender, reply)) {
        return PROVIDER_REFUSED;
    }
    if (fault != NULL) {
        return refuse_account(reply, fault);
    }
    provider_message_id(m, &sender, message_id);
    mail.from_address = sender.address;
    mail.from_name = sender.name;
    mail.message_id = message_id;
    (void)snprintf(reply->message_id, sizeof(reply->message_id), "<%.250s>", message_id);
    return conclude(smtp_send(call->smtp, &server, &mail, call->stop, &said), &said, reply);
}

enum provider_outcome provider_smtp_check(const struct provider_call *call, struct provider_reply *reply)
{
    struct smtp_reply said = {.times = NET_TIMES_NONE};
    const struct smtp_server server = server_of(call);
    const char *fault = find_fault(call, &server);
    return fault != NULL ? refuse_account(reply, fault)
                         : conclude(smtp_check(call->smtp, &server, call->stop, &said), &said, reply);
}
