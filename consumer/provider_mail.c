#include "provider_mail.h"

#include <stdio.h>
#include <string.h>

#include "ground/json.h"
#include "ports/mail_headers.h"

static const char *not_empty(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

bool provider_sender(const struct provider_call *call, const struct provider_message *message,
                     struct provider_sender *ret, struct provider_reply *reply)
{
    ret->address = json_text_or_null(message->settings, "email_from_address");
    ret->name = json_text_or_null(message->settings, "email_from_name");
    if (ret->address == NULL) {
        ret->address = not_empty(call->conf->smtp.from_address);
        ret->name = ret->name == NULL ? not_empty(call->conf->smtp.from_name) : ret->name;
    }
    if (ret->address == NULL) {
        g_strlcpy(reply->text, "there is no sender address: neither email_from_address nor [smtp] from_address",
                  sizeof(reply->text));
    }
    return ret->address != NULL;
}

void provider_message_id(const struct provider_message *message, const struct provider_sender *sender,
                         char out[PROVIDER_MESSAGE_ID_BYTES])
{
    (void)snprintf(out, PROVIDER_MESSAGE_ID_BYTES, "%s@%s", message->id, mail_address_domain(sender->address));
}

json_t *provider_mail_headers(const struct provider_message *message, const struct provider_sender *sender)
{
    char id[PROVIDER_MESSAGE_ID_BYTES];
    provider_message_id(message, sender, id);
    g_autofree char *in_brackets = g_strdup_printf("<%s>", id);
    json_t *headers = json_pack("{s:s}", "Message-ID", in_brackets);
    if (message->unsubscribe_url != NULL) {
        g_autofree char *url = g_strdup_printf("<%s>", message->unsubscribe_url);
        json_object_set_new(headers, "List-Unsubscribe", json_string(url));
        json_object_set_new(headers, "List-Unsubscribe-Post", json_string("List-Unsubscribe=One-Click"));
    }
    return headers;
}
