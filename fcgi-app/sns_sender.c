#include "sns_sender.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "domain/cache.h"
#include "domain/callback_events.h"
#include "ports/http.h"

#define CERTIFICATES_MAX 16
#define CERTIFICATES_TTL_MS (INT64_C(24) * 3600 * 1000)
#define FETCH_MS 3000

struct sns_sender {
    pthread_mutex_t lock; /* of http */
    struct http *http;
    struct cache *certificates;
};

struct sns_sender *sns_sender_new(void)
{
    struct sns_sender *s = g_new0(struct sns_sender, 1);
    pthread_mutex_init(&s->lock, NULL);
    s->http = http_new();
    s->certificates = cache_new(CERTIFICATES_MAX, CERTIFICATES_TTL_MS);
    return s;
}

void sns_sender_free(struct sns_sender *s)
{
    http_free(s->http);
    cache_free(s->certificates);
    pthread_mutex_destroy(&s->lock);
    g_free(s);
}

/* --- where -------------------------------------------------------------------------------------------------------- */

static bool fits(const json_t *config, const char *url, bool (*is_below)(const char *url, const char *base))
{
    const char *region = json_string_value(json_object_get(config, "region"));
    const char *endpoint = json_string_value(json_object_get(config, "endpoint"));
    bool has_region = region != NULL && region[0] != '\0' &&
                      strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region);
    g_autofree char *base = g_strdup_printf("https://sns.%s.amazonaws.com", has_region ? region : "");
    g_autofree char *own = g_strdup(endpoint == NULL ? "" : endpoint);
    if (g_str_has_suffix(own, "/")) {
        own[strlen(own) - 1] = '\0';
    }
    return (has_region && is_below(url, base)) || (own[0] != '\0' && is_below(url, own));
}

bool sns_sender_has_certificate(const json_t *config, const char *url)
{
    return fits(config, url, callback_sns_is_certificate);
}

/* --- fetching ----------------------------------------------------------------------------------------------------- */

static bool fetch(struct sns_sender *s, const struct conf *conf, const char *url, char **ret, struct err *e)
{
    static const char *const headers[] = {"Accept: */*", NULL};
    struct http_reply reply;
    const struct http_request request = {
        .url = url,
        .headers = headers,
        .timeout_ms = FETCH_MS,
        .connect_timeout_ms = FETCH_MS,
        .ca_file = conf->egress.ca_file,
        .allow_private = conf->egress.allow_private,
    };
    if (pthread_mutex_trylock(&s->lock) != 0) {
        return err_set(e, ERR_UNAVAILABLE, "another fetch from SNS is on its way");
    }
    enum http_outcome outcome = http_get(s->http, &request, NULL, &reply);
    pthread_mutex_unlock(&s->lock);
    bool ok = outcome == HTTP_ANSWERED && reply.status == 200 && !reply.is_cut;
    if (ok) {
        *ret = g_strdup(reply.body);
    } else {
        err_set(e, ERR_UNAVAILABLE, "SNS gave status %d: %s", reply.status, reply.text);
    }
    http_reply_release(&reply);
    return ok;
}

char *sns_sender_certificate(struct sns_sender *s, const struct conf *conf, const char *url, struct err *e)
{
    char *pem = NULL;
    json_auto_t *known = cache_get(s->certificates, url);
    if (known != NULL) {
        return g_strdup(json_string_value(known));
    }
    if (!fetch(s, conf, url, &pem, e)) {
        return NULL;
    }
    json_auto_t *text = json_string(pem);
    if (text != NULL) {
        cache_put(s->certificates, url, text);
    }
    return pem;
}

bool sns_sender_confirm(struct sns_sender *s, const struct conf *conf, const json_t *config, const char *url,
                        struct err *e)
{
    g_autofree char *answer = NULL;
    if (!fits(config, url, callback_sns_is_confirmation)) {
        return err_set(e, ERR_INVALID, "SubscribeURL leads elsewhere");
    }
    return fetch(s, conf, url, &answer, e);
}
