/*
 * provider.h: what a provider's functions get and give. A provider is a row of domain/providers.def and a file
 * provider_<symbol>.c.
 */
#ifndef BELLMAN_PROVIDER_H
#define BELLMAN_PROVIDER_H

#include <jansson.h>
#include <stdatomic.h>

#include "domain/notify.h"
#include "domain/template.h"
#include "ground/conf.h"
#include "ports/db.h"
#include "ports/http.h"
#include "ports/net_times.h"
#include "ports/seal.h"
#include "ports/smtp.h"

/* One message; everything is borrowed. */
struct provider_message {
    const char *id; /* of the delivery: the same on every try, and what receivers can tell a repeated message by */
    const char *to; /* address or number; Slack: channel, or empty for the webhook's own */
    const json_t *settings;
    const struct template_message *content;
    const json_t *delivery;      /* as delivery_load gives it; for the webhook channel */
    const char *unsubscribe_url; /* for List-Unsubscribe (RFC 8058); NULL: none */
    const char *callback_url;    /* where the provider may tell what became of it; NULL: nowhere */
    int64_t created_wall_us;
};

/* What a call may use. */
struct provider_call {
    const struct conf *conf;
    const json_t *config; /* the account's, secrets opened; NULL: the deployment's configuration file has it all */
    const char *organization_id;
    struct db *db;
    const struct seal *seal;
    struct smtp *smtp;
    struct http *http;
    const atomic_bool *stop;
};

enum provider_outcome {
    PROVIDER_SENT,
    PROVIDER_RETRY,     /* surely not taken; another provider may be tried at once, this one after retry_after_ms */
    PROVIDER_AMBIGUOUS, /* no answer: it may have been taken, so no other provider is tried at once */
    PROVIDER_REFUSED,   /* for good: the message or its address */
    PROVIDER_PAUSE,     /* it does not accept us (credentials, account): nothing will pass until that is mended */
    PROVIDER_STOPPED,   /* *stop became true */
    PROVIDER_OUTCOMES,
};

struct provider_reply {
    int code;               /* HTTP status or SMTP reply; 0: none */
    int64_t retry_after_ms; /* 0: none asked for */
    char message_id[256];   /* PROVIDER_SENT: what the provider calls it; may be empty */
    char text[256];         /* its words, or what went wrong; printable, one line, no secret */
    bool is_of_message;     /* PROVIDER_RETRY: it is about this message, and says nothing of the provider's health */
    struct net_times times; /* how far it came, and when */
};

typedef enum provider_outcome provider_send_fn(const struct provider_call *call, const struct provider_message *message,
                                               struct provider_reply *reply);

/* Whether the provider would take messages with the call's configuration, without sending any: PROVIDER_SENT then, else
 * as for a message. */
typedef enum provider_outcome provider_check_fn(const struct provider_call *call, struct provider_reply *reply);

struct provider {
    const char *name;
    enum notify_channel channel;
    provider_send_fn *send;
    provider_check_fn *check; /* NULL: it can only be tried out with a message */
};

/* THE table (providers.c), in the order of the rows. */
extern const struct provider providers[];
extern const size_t providers_n;
const struct provider *provider_find(const char *name);

#define PROVIDER(name, symbol, channel, help) provider_send_fn provider_##symbol##_send;
#include "domain/providers.def"
#undef PROVIDER

/* Of those that can be asked without a message. */
provider_check_fn provider_smtp_check;
provider_check_fn provider_sendgrid_check;
provider_check_fn provider_ses_check;
provider_check_fn provider_twilio_check;
provider_check_fn provider_sns_check;

#endif
