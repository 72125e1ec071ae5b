#include "provider_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/provider_kind.h"
#include "ground/clock.h"
#include "ports/mail_headers.h"

#define RETRY_AFTER_MAX_S INT64_C(86400) /* a provider cannot put a message off for longer */
#define SECRET_MIN_BYTES 4               /* what is shorter cannot be told from other text */

const char *provider_config_text(const struct provider_call *call, const char *name)
{
    const char *text = json_string_value(json_object_get(call->config, name));
    return text == NULL || text[0] == '\0' ? NULL : text;
}

char *provider_url(const struct provider_call *call, const char *own, const char *path)
{
    const char *endpoint = provider_config_text(call, "endpoint");
    g_autofree char *base = g_strdup(endpoint == NULL ? own : endpoint);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') {
        base[--length] = '\0';
    }
    return g_strconcat(base, path, NULL);
}

enum provider_outcome provider_unusable(struct provider_reply *reply, const char *why)
{
    mail_make_printable(reply->text, sizeof(reply->text), why);
    return PROVIDER_PAUSE;
}

char *provider_body(json_t *json, size_t *ret_bytes)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    *ret_bytes = text == NULL ? 0 : strlen(text);
    return text;
}

char *provider_form(const struct provider_form_field *fields)
{
    g_autoptr(GString) body = g_string_new(NULL);
    for (const struct provider_form_field *f = fields; f->name != NULL; f++) {
        if (f->value == NULL) {
            continue;
        }
        if (!g_utf8_validate(f->value, -1, NULL)) {
            return NULL;
        }
        g_string_append_printf(body, "%s%s=", body->len > 0 ? "&" : "", f->name);
        g_string_append_uri_escaped(body, f->value, NULL, FALSE);
    }
    return g_string_free(g_steal_pointer(&body), FALSE);
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

static void scrub_one(GString *text, const char *secret)
{
    if (secret != NULL && strlen(secret) >= SECRET_MIN_BYTES) {
        g_string_replace(text, secret, FIELD_MASK, 0);
    }
}

/* Providers repeat what they were sent, tokens too. Done before anything is cut, so that no half of one is left. */
static void scrub(const struct provider_call *call, const struct provider_exchange *x, GString *text)
{
    const struct provider_kind *kind = provider_kind_find(x->provider);
    for (size_t i = 0; i < PROVIDER_SECRETS_MAX; i++) {
        scrub_one(text, x->secrets[i]);
    }
    for (size_t i = 0; kind != NULL && i < kind->config->n; i++) {
        const struct field *field = &kind->config->fields[i];
        if ((field->flags & FIELD_SECRET) != 0) {
            scrub_one(text, provider_config_text(call, field->name));
        }
    }
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static const struct provider_verdict *find_verdict(const struct provider_verdict *verdicts, int status,
                                                   const char *code)
{
    const struct provider_verdict *verdict = verdicts;
    while (status < verdict->first || status > verdict->last ||
           (verdict->code != NULL && strcmp(verdict->code, code) != 0)) {
        verdict++;
    }
    return verdict;
}

/* The column is ASCII, and the id goes into other people's search fields. */
static void copy_id(char *out, size_t size, const char *id)
{
    g_strlcpy(out, id, size);
    for (char *c = out; *c != '\0'; c++) {
        *c = g_ascii_isgraph(*c) ? *c : '?';
    }
}

static void describe(const struct provider_verdict *verdict, const struct provider_said *said, const char *words,
                     struct provider_reply *reply)
{
    char shown[sizeof(reply->text)];
    mail_make_printable(shown, sizeof(shown), words);
    if (verdict->outcome == PROVIDER_SENT) {
        g_strlcpy(reply->text, shown, sizeof(reply->text));
        return;
    }
    g_autofree char *all = g_strdup_printf("answered %d%s%s, %s%s%s", reply->code, said->code[0] == '\0' ? "" : " ",
                                           said->code, verdict->meaning, shown[0] == '\0' ? "" : ": ", shown);
    mail_make_printable(reply->text, sizeof(reply->text), all);
}

static const struct provider_verdict no_id = {
    .outcome = PROVIDER_AMBIGUOUS,
    .meaning = "but without the id of a message that was taken",
};

static int64_t delay_ms(const struct provider_verdict *verdict, const struct provider_said *said,
                        const struct http_reply *answer)
{
    int64_t asked_s = said->retry_after_s > 0 ? said->retry_after_s : answer->retry_after_s;
    bool again = verdict->outcome == PROVIDER_RETRY || verdict->outcome == PROVIDER_AMBIGUOUS;
    return again ? MIN(asked_s > 0 ? asked_s : verdict->delay_s, RETRY_AFTER_MAX_S) * MS_PER_S : 0;
}

static enum provider_outcome judge(const struct provider_call *call, const struct provider_exchange *x,
                                   const struct http_reply *answer, struct provider_reply *reply)
{
    struct provider_said said = {.code = ""};
    if (x->read != NULL) {
        x->read(answer, &said);
    }
    const struct provider_verdict *verdict = find_verdict(x->verdicts, answer->status, said.code);
    if (verdict->outcome == PROVIDER_SENT && x->needs_id && said.message_id == NULL) {
        verdict = &no_id;
    }
    g_autoptr(GString) words = g_string_new(said.words != NULL ? said.words : answer->body);
    g_autoptr(GString) id = g_string_new(said.message_id);
    scrub(call, x, words);
    scrub(call, x, id);
    reply->code = answer->status;
    reply->retry_after_ms = delay_ms(verdict, &said, answer);
    copy_id(reply->message_id, sizeof(reply->message_id), verdict->outcome == PROVIDER_SENT ? id->str : "");
    describe(verdict, &said, words->str, reply);
    g_free(said.words);
    g_free(said.message_id);
    return verdict->outcome;
}

/* --- the exchange ------------------------------------------------------------------------------------------------- */

static enum provider_outcome judge_silence(const struct provider_call *call, const struct provider_exchange *x,
                                           enum http_outcome outcome, const struct http_reply *answer,
                                           struct provider_reply *reply)
{
    g_autoptr(GString) words = g_string_new(outcome == HTTP_FORBIDDEN ? "nothing was sent: " : "");
    g_string_append(words, answer->text);
    scrub(call, x, words);
    mail_make_printable(reply->text, sizeof(reply->text), words->str);
    if (outcome == HTTP_FORBIDDEN) {
        return PROVIDER_PAUSE;
    }
    if (outcome == HTTP_STOPPED) {
        return PROVIDER_STOPPED;
    }
    return answer->is_sent ? PROVIDER_AMBIGUOUS : PROVIDER_RETRY;
}

static bool has_login(const struct http_request *request)
{
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        if (g_str_has_prefix(request->headers[i], "Authorization:")) {
            return true;
        }
    }
    return request->basic_user != NULL || request->aws != NULL;
}

/* Whoever says what is wrong with a message has accepted its sender. */
static void note_times(const struct http_request *request, const struct http_reply *answer,
                       enum provider_outcome outcome, struct provider_reply *reply)
{
    bool is_let_in = outcome == PROVIDER_SENT || (outcome == PROVIDER_REFUSED && answer->status != 0);
    reply->times = answer->times;
    if (is_let_in && has_login(request)) {
        reply->times.authenticated_ms = answer->times.accepted_ms;
    }
    if (outcome != PROVIDER_SENT) {
        reply->times.accepted_ms = -1;
    }
}

enum provider_outcome provider_post(const struct provider_call *call, struct provider_exchange *x,
                                    struct provider_reply *reply)
{
    struct http_reply answer = {.times = NET_TIMES_NONE};
    if (x->request.body == NULL && !x->is_get) {
        g_strlcpy(reply->text, "the message has text that is not UTF-8", sizeof(reply->text));
        return PROVIDER_REFUSED;
    }
    x->request.timeout_ms = call->conf->egress.send_timeout_s * MS_PER_S;
    x->request.connect_timeout_ms = call->conf->egress.connect_timeout_s * MS_PER_S;
    x->request.ca_file = call->conf->egress.ca_file;
    x->request.allow_private = call->conf->egress.allow_private;
    enum http_outcome outcome = (x->is_get ? http_get : http_post)(call->http, &x->request, call->stop, &answer);
    enum provider_outcome judged = outcome == HTTP_ANSWERED ? judge(call, x, &answer, reply)
                                                            : judge_silence(call, x, outcome, &answer, reply);
    note_times(&x->request, &answer, judged, reply);
    http_reply_release(&answer);
    return judged;
}
