/*
 * Gives messages to providers, one JSON object a line on standard input, and says what came of each, one a line on
 * standard output; test_providers.py runs it. One handle for all of them, as a runner has.
 *
 *     {"provider", "config", "settings", "to", "subject", "text", "html", "delivery", "unsubscribe_url",
 * "callback_url", "allow_private", "timeout_s", "ca_file", "check": true for none of them but whether it would} ->
 * {"outcome", "code", "retry_after_ms", "message_id", "text", "times": [resolved, connected, tls, authenticated,
 * accepted]}
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/service.h"
#include "provider.h"

#define DELIVERY_ID "0190a000-0000-7000-8000-00000000d001"

static const char *const outcomes[PROVIDER_OUTCOMES] = {
    [PROVIDER_SENT] = "sent",       [PROVIDER_RETRY] = "retry",  [PROVIDER_AMBIGUOUS] = "ambiguous",
    [PROVIDER_REFUSED] = "refused", [PROVIDER_PAUSE] = "paused", [PROVIDER_STOPPED] = "stopped",
};

static const char *text(const json_t *order, const char *name)
{
    return json_string_value(json_object_get(order, name));
}

static void fill_conf(struct conf *conf, const json_t *order)
{
    static char nothing[] = "";
    json_int_t timeout_s = json_integer_value(json_object_get(order, "timeout_s"));
    conf->smtp.from_address = conf->smtp.from_name = nothing;
    conf->egress.allow_private = !json_is_false(json_object_get(order, "allow_private"));
    conf->egress.connect_timeout_s = 5;
    conf->egress.send_timeout_s = timeout_s > 0 ? timeout_s : 10;
    conf->egress.ca_file = g_strdup(text(order, "ca_file"));
}

static json_t *send_one(const json_t *order, struct http *http)
{
    struct conf conf = {.job_types = NULL};
    fill_conf(&conf, order);
    const struct template_message content = {.subject = g_strdup(text(order, "subject")),
                                             .text = g_strdup(text(order, "text")),
                                             .html = g_strdup(text(order, "html"))};
    const struct provider_message message = {
        .id = DELIVERY_ID,
        .to = text(order, "to"),
        .settings = json_object_get(order, "settings"),
        .content = &content,
        .delivery = json_object_get(order, "delivery"),
        .unsubscribe_url = text(order, "unsubscribe_url"),
        .callback_url = text(order, "callback_url"),
        .created_wall_us = INT64_C(1795449600123456),
    };
    const struct provider_call call = {
        .conf = &conf, .config = json_object_get(order, "config"), .organization_id = "acme", .http = http};
    struct provider_reply reply = {.times = NET_TIMES_NONE};
    const struct provider *provider = provider_find(text(order, "provider"));
    bool is_check = json_is_true(json_object_get(order, "check"));
    enum provider_outcome outcome = is_check ? provider->check(&call, &reply) : provider->send(&call, &message, &reply);
    g_free(content.subject);
    g_free(content.text);
    g_free(content.html);
    g_free(conf.egress.ca_file);
    return json_pack("{s:s, s:i, s:I, s:s, s:s, s:[I, I, I, I, I]}", "outcome", outcomes[outcome], "code", reply.code,
                     "retry_after_ms", (json_int_t)reply.retry_after_ms, "message_id", reply.message_id, "text",
                     reply.text, "times", (json_int_t)reply.times.resolved_ms, (json_int_t)reply.times.connected_ms,
                     (json_int_t)reply.times.tls_ms, (json_int_t)reply.times.authenticated_ms,
                     (json_int_t)reply.times.accepted_ms);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    service_block_signals();
    struct http *http = http_new();
    while (getline(&line, &room, stdin) > 0) {
        json_auto_t *order = json_loads(line, 0, NULL);
        json_auto_t *end = order == NULL ? NULL : send_one(order, http);
        if (end == NULL || json_dumpf(end, stdout, JSON_COMPACT) != 0) {
            return EXIT_FAILURE;
        }
        (void)putchar('\n');
        (void)fflush(stdout);
    }
    free(line);
    http_free(http);
    return EXIT_SUCCESS;
}
