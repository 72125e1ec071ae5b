/*
 * provider_slack.c: an incoming webhook of Slack (docs.slack.dev, "Sending messages using incoming webhooks", "Handling
 * errors"; api.slack.com/changelog/2016-05-17).
 *
 *     POST <slack_webhook_url>   {"text": mrkdwn, "channel": when one is set}        200 ok
 *
 * Slack knows no id of ours: a message whose answer was lost may come twice. The URL is the secret.
 */
#include <stdlib.h>
#include <string.h>

#include "domain/settings.h"
#include "ground/json.h"
#include "provider_http.h"

#define PER_HOOK_S 1 /* "1 per second" for each webhook */

static const struct provider_verdict verdicts[] = {
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    {400, 499, "invalid_token", PROVIDER_PAUSE, 0, "the webhook's address is not valid"},
    {400, 499, "no_active_hooks", PROVIDER_PAUSE, 0, "the webhook is switched off"},
    {400, 499, "no_service", PROVIDER_PAUSE, 0, "the webhook is switched off or gone"},
    {400, 499, "no_service_id", PROVIDER_PAUSE, 0, "the webhook's address is not valid"},
    {400, 499, "no_team", PROVIDER_PAUSE, 0, "the workspace is not valid"},
    {400, 499, "team_disabled", PROVIDER_PAUSE, 0, "the workspace is switched off"},
    {400, 499, "channel_not_found", PROVIDER_PAUSE, 0, "there is no such channel"},
    {400, 499, "channel_is_archived", PROVIDER_PAUSE, 0, "the channel is archived"},
    {400, 499, "action_prohibited", PROVIDER_PAUSE, 0, "the workspace does not allow it"},
    {400, 499, "posting_to_general_channel_denied", PROVIDER_PAUSE, 0, "the workspace does not allow it"},
    {400, 400, "user_not_found", PROVIDER_REFUSED, 0, "there is no such user"},
    {400, 400, "invalid_payload", PROVIDER_REFUSED, 0, "it cannot read the message"},
    {400, 400, "no_text", PROVIDER_REFUSED, 0, "the message is empty"},
    {410, 410, NULL, PROVIDER_PAUSE, 0, "the webhook or its channel is gone"},
    {429, 429, NULL, PROVIDER_RETRY, PER_HOOK_S, "too many at once"},
    PROVIDER_COMMON_VERDICTS,
};

/* The body is the code, and nothing else. */
static void read_answer(const struct http_reply *answer, struct provider_said *said)
{
    size_t length = strspn(answer->body, "abcdefghijklmnopqrstuvwxyz_");
    if (answer->status >= 400 && length < sizeof(said->code) && answer->body[length] == '\0') {
        g_strlcpy(said->code, answer->body, length + 1);
        said->words = g_strdup("");
    }
}

/* A delivery's address is the channel that was set when it was made, or the name of the way when there was none. */
static const char *channel_of(const struct provider_message *m)
{
    const char *set = json_string_value(json_object_get(m->settings, "slack_channel"));
    bool is_none = m->to == NULL || m->to[0] == '\0' ||
                   (strcmp(m->to, notify_channel_names[NOTIFY_SLACK]) == 0 && g_strcmp0(set, m->to) != 0);
    return is_none ? NULL : m->to;
}

/* Whoever tries settings out before they are saved has the address open; otherwise it is masked. */
static char *open_address(const struct provider_call *call, const struct provider_message *m, struct err *e)
{
    const char *given = json_string_value(json_object_get(m->settings, "slack_webhook_url"));
    if (given == NULL) {
        err_set(e, ERR_NOT_FOUND, "slack_webhook_url is not set");
        return NULL;
    }
    if (strcmp(given, SETTINGS_MASK) != 0) {
        return g_strdup(given);
    }
    char *opened = settings_slack_url(call->db, call->seal, call->organization_id, e);
    char *copy = g_strdup(opened);
    seal_text_free(opened);
    return copy;
}

/* From the host's end on: the secret part, whatever stands before it. */
static const char *path_of(const char *address)
{
    const char *host = strstr(address, "://");
    const char *path = host == NULL ? NULL : strchr(host + 3, '/');
    return path == NULL ? "/" : path;
}

static void wipe(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
        g_free(*text);
    }
}

enum provider_outcome provider_slack_send(const struct provider_call *call, const struct provider_message *m,
                                          struct provider_reply *reply)
{
    static const char *const headers[] = {"Content-Type: application/json; charset=utf-8", "Accept: */*",
                                          "User-Agent: bellman/" BELLMAN_VERSION, NULL};
    struct err e = ERR_INIT;
    CLEANUP(wipe) char *address = open_address(call, m, &e);
    if (address == NULL) {
        (void)provider_unusable(reply, e.text);
        return e.code == ERR_NOT_FOUND ? PROVIDER_REFUSED : PROVIDER_RETRY; /* neither is an account's fault */
    }
    const char *path = path_of(address);
    CLEANUP(wipe)
    char *url = provider_config_text(call, "endpoint") == NULL ? g_strdup(address) : provider_url(call, "", path);
    size_t bytes = 0;
    json_auto_text char *body = provider_body(
        json_pack("{s:s, s:s*}", "text", m->content->text, "channel", channel_of(m)), &bytes);
    struct provider_exchange x = {
        .provider = "slack",
        .request = {.url = url, .headers = headers, .body = body, .body_bytes = bytes},
        .verdicts = verdicts,
        .read = read_answer,
        .secrets = {address, url, path, strrchr(path, '/') + 1},
    };
    return provider_post(call, &x, reply);
}
