/*
 * smtp.c: the only place that speaks SMTP (RFC 5321), by libcurl.
 *
 * libcurl's result codes tell too little: a refused recipient is a "send error", a refused body a "weird reply". So the
 * replies are read here as they pass, together with the command that each one answers, and the outcome is judged by
 * them.
 */
#include "ports/smtp.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>

#include "ground/clock.h"
#include "ports/curl_once.h"
#include "ports/http_address.h"
#include "ports/mail_headers.h"

#define REPLY_BYTES_MAX 65536        /* of all replies to one mail: a peer that never ends its reply is cut off */
#define CONNECTION_IDLE_MAX_S 20L    /* servers under load close idle connections after 10 to 300 s */
#define NON_ASCII_SHARE_FOR_BASE64 6 /* more than one byte in six: base64 is shorter than quoted-printable */

/* How far a dialogue has come: the last command that was sent. */
enum stage { STAGE_CONNECT, STAGE_HELLO, STAGE_STARTTLS, STAGE_AUTH, STAGE_MAIL, STAGE_RCPT, STAGE_DATA, STAGE_BODY };

struct smtp {
    CURL *curl;     /* for the deployment's own server */
    CURL *curl_own; /* for those of organizations; NULL until the first */
};

/* One attempt at one mail. */
struct dialogue {
    const atomic_bool *stop;
    const struct smtp_server *server;
    int64_t begun_us;
    int64_t deadline_us;
    bool stopped;
    bool late;
    bool is_private; /* the address behind the name is one that must not be reached */
    struct net_times times;
    enum stage stage;
    bool quitting; /* what comes now answers QUIT and says nothing of the mail */
    int code;      /* of the reply to the last command, 0 while there is none */
    bool in_reply; /* the reply goes on in the next line */
    GString *text; /* its words, lines joined by a space */
    size_t reply_bytes;
    char error[CURL_ERROR_SIZE];
};

struct smtp *smtp_new(void)
{
    curl_once();
    struct smtp *smtp = g_new0(struct smtp, 1);
    smtp->curl = curl_easy_init();
    g_assert(smtp->curl != NULL);
    return smtp;
}

/* libcurl says QUIT and waits up to two minutes for the answer. With the reading side shut it says QUIT and goes. */
static void hang_up(CURL *curl)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD) {
        (void)shutdown(fd, SHUT_RD);
    }
}

void smtp_free(struct smtp *smtp)
{
    if (smtp == NULL) {
        return;
    }
    hang_up(smtp->curl);
    curl_easy_cleanup(smtp->curl);
    if (smtp->curl_own != NULL) {
        hang_up(smtp->curl_own);
        curl_easy_cleanup(smtp->curl_own);
    }
    g_free(smtp);
}

/* --- watching the dialogue ------------------------------------------------------------------------------------- */

static const struct {
    const char *command;
    enum stage from; /* only after this one, so that a base64 line of AUTH is never taken for a command */
    enum stage to;
} steps[] = {
    {"EHLO ", STAGE_CONNECT, STAGE_HELLO},       {"HELO ", STAGE_HELLO, STAGE_HELLO},
    {"STARTTLS\r", STAGE_HELLO, STAGE_STARTTLS}, {"EHLO ", STAGE_STARTTLS, STAGE_HELLO},
    {"AUTH ", STAGE_HELLO, STAGE_AUTH},          {"AUTH ", STAGE_AUTH, STAGE_AUTH},
    {"MAIL FROM:", STAGE_CONNECT, STAGE_MAIL},   {"MAIL FROM:", STAGE_HELLO, STAGE_MAIL},
    {"MAIL FROM:", STAGE_AUTH, STAGE_MAIL},      {"RCPT TO:", STAGE_MAIL, STAGE_RCPT},
    {"DATA\r", STAGE_RCPT, STAGE_DATA},          {"NOOP\r", STAGE_HELLO, STAGE_MAIL},
    {"NOOP\r", STAGE_AUTH, STAGE_MAIL},
};

static void note_time(const struct dialogue *d, int64_t *at_ms)
{
    if (*at_ms < 0) {
        *at_ms = (clock_mono_us() - d->begun_us) / US_PER_MS;
    }
}

/* What has been reached when a command is sent. */
static void note_progress(struct dialogue *d, enum stage from, enum stage to)
{
    note_time(d, &d->times.resolved_ms);
    note_time(d, &d->times.connected_ms);
    bool is_tls = d->server->tls == CONF_SMTP_TLS_IMPLICIT || (from == STAGE_STARTTLS && to == STAGE_HELLO);
    if (is_tls) {
        note_time(d, &d->times.tls_ms);
    }
    if (to == STAGE_MAIL) {
        note_time(d, &d->times.authenticated_ms);
    }
}

static void on_command(struct dialogue *d, const char *line, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        size_t n = strlen(steps[i].command);
        if (d->stage == steps[i].from && size >= n && memcmp(line, steps[i].command, n) == 0) {
            note_progress(d, d->stage, steps[i].to);
            d->stage = steps[i].to;
            d->code = 0;
            return;
        }
    }
    d->quitting = d->quitting || (size >= 5 && memcmp(line, "QUIT\r", 5) == 0);
}

static int on_debug(CURL *curl UNUSED, curl_infotype type, char *data, size_t size, void *arg)
{
    if (type == CURLINFO_HEADER_OUT) {
        on_command(arg, data, size);
    }
    return 0;
}

/* One line of a reply: "250-more to come" or "250 the last". */
static void on_reply_line(struct dialogue *d, const char *line, size_t size)
{
    while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == '\n')) {
        size--;
    }
    if (size < 3 || !g_ascii_isdigit(line[0]) || !g_ascii_isdigit(line[1]) || !g_ascii_isdigit(line[2])) {
        return;
    }
    if (!d->in_reply) {
        g_string_truncate(d->text, 0);
    }
    if (size > 4) {
        g_string_append_printf(d->text, "%s%.*s", d->text->len > 0 ? " " : "", (int)(size - 4), line + 4);
    }
    d->in_reply = size > 3 && line[3] == '-';
    d->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (d->stage == STAGE_DATA && d->code == 354 && !d->in_reply) {
        d->stage = STAGE_BODY;
    }
}

static size_t on_reply(char *line, size_t unit, size_t n, void *arg)
{
    struct dialogue *d = arg;
    size_t size = unit * n;
    d->reply_bytes += size;
    if (d->reply_bytes > REPLY_BYTES_MAX) {
        return 0;
    }
    if (!d->quitting) {
        on_reply_line(d, line, size);
    }
    return size;
}

static int on_progress(void *arg, curl_off_t dltotal UNUSED, curl_off_t dlnow UNUSED, curl_off_t ultotal UNUSED,
                       curl_off_t ulnow UNUSED)
{
    struct dialogue *d = arg;
    d->stopped = d->stopped || (d->stop != NULL && atomic_load(d->stop));
    d->late = d->late || clock_mono_us() >= d->deadline_us;
    return d->stopped || d->late;
}

/* --- the mail ---------------------------------------------------------------------------------------------------- */

/* What makes the mail unfit to be sent, or NULL. */
static const char *find_fault(const struct smtp_mail *mail)
{
    if (!mail_address_is_safe(mail->to)) {
        return "the recipient's address is not one that can be sent to";
    }
    if (!mail_address_is_safe(mail->from_address)) {
        return "the sender's address is not one that can be sent from";
    }
    if (mail->from_name != NULL && !mail_text_is_safe(mail->from_name)) {
        return "the sender's name has control characters";
    }
    if (!mail_text_is_safe(mail->subject)) {
        return "the subject has control characters";
    }
    if (!mail_address_is_safe(mail->message_id)) {
        return "the message id is malformed";
    }
    if (mail->unsubscribe_url != NULL &&
        (!mail_text_is_safe(mail->unsubscribe_url) || strpbrk(mail->unsubscribe_url, "<> ") != NULL)) {
        return "the unsubscribe URL is malformed";
    }
    return mail->text == NULL && mail->html == NULL ? "the mail has no body" : NULL;
}

static struct curl_slist *add_header(struct curl_slist *list, GString *line)
{
    struct curl_slist *longer = curl_slist_append(list, line->str);
    g_assert(longer != NULL);
    g_string_truncate(line, 0);
    return longer;
}

static struct curl_slist *make_headers(const struct smtp_mail *mail)
{
    g_autoptr(GString) line = g_string_new("Date: ");
    mail_append_date(line, mail->date_wall_us);
    struct curl_slist *list = add_header(NULL, line);
    g_string_append(line, "From: ");
    mail_append_mailbox(line, mail->from_name, mail->from_address, line->len);
    list = add_header(list, line);
    g_string_append_printf(line, "To: %s", mail->to);
    list = add_header(list, line);
    g_string_append(line, "Subject: ");
    mail_append_unstructured(line, mail->subject, line->len);
    list = add_header(list, line);
    g_string_append_printf(line, "Message-ID: <%s>", mail->message_id);
    list = add_header(list, line);
    g_string_append(line, "Auto-Submitted: auto-generated"); /* RFC 3834: no vacation notes in return */
    list = add_header(list, line);
    if (mail->unsubscribe_url != NULL) {
        g_string_append_printf(line, "List-Unsubscribe: <%s>", mail->unsubscribe_url);
        list = add_header(list, line);
        g_string_append(line, "List-Unsubscribe-Post: List-Unsubscribe=One-Click"); /* RFC 8058 3.1 */
        list = add_header(list, line);
    }
    g_string_append(line, mail->text != NULL && mail->html != NULL ? "Content-Type: multipart/alternative"
                                                                   : "Content-Type: multipart/mixed");
    return add_header(list, line);
}

static const char *choose_encoder(const char *text, size_t length)
{
    size_t high = 0;
    for (size_t i = 0; i < length; i++) {
        high += (unsigned char)text[i] >= 0x80;
    }
    return high > length / NON_ASCII_SHARE_FOR_BASE64 ? "base64" : "quoted-printable";
}

static CURLcode add_part(curl_mime *mime, const char *text, const char *type)
{
    if (text == NULL) {
        return CURLE_OK;
    }
    size_t length = 0;
    g_autofree char *body = mail_crlf(text, &length);
    curl_mimepart *part = curl_mime_addpart(mime);
    CURLcode rc = part == NULL ? CURLE_OUT_OF_MEMORY : curl_mime_data(part, body, length);
    rc = rc != CURLE_OK ? rc : curl_mime_type(part, type);
    return rc != CURLE_OK ? rc : curl_mime_encoder(part, choose_encoder(body, length));
}

static curl_mime *make_body(CURL *curl, const struct smtp_mail *mail)
{
    curl_mime *mime = curl_mime_init(curl);
    g_assert(mime != NULL);
    CURLcode rc = add_part(mime, mail->text, "text/plain; charset=utf-8");
    rc = rc != CURLE_OK ? rc : add_part(mime, mail->html, "text/html; charset=utf-8");
    g_assert(rc == CURLE_OK); /* only memory can run out here */
    return mime;
}

/* --- the server -------------------------------------------------------------------------------------------------- */

struct smtp_server smtp_server_of(const struct conf *conf)
{
    return (struct smtp_server){
        .host = conf->smtp.host,
        .port = conf->smtp.port,
        .tls = (enum conf_smtp_tls)conf->smtp.tls,
        .user = conf->smtp.user,
        .password = conf->smtp.password,
        .ca_file = conf->smtp.ca_file,
        .timeout_s = conf->smtp.timeout_s,
    };
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool set_url(CURL *curl, const struct smtp_server *server)
{
    bool is_ipv6 = strchr(server->host, ':') != NULL && server->host[0] != '[';
    g_autofree char *url = g_strdup_printf(is_ipv6 ? "%s://[%s]:%d" : "%s://%s:%d",
                                           server->tls == CONF_SMTP_TLS_IMPLICIT ? "smtps" : "smtp", server->host,
                                           (int)server->port);
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
}

/* The one place behind the name server: whatever name was given, this is where the bytes would go. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose UNUSED, struct curl_sockaddr *address)
{
    struct dialogue *d = arg;
    note_time(d, &d->times.resolved_ms);
    if (d->server->must_be_public && !http_address_is_public(&address->addr, address->addrlen)) {
        d->is_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_server(CURL *curl, const struct smtp_server *server)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     (long)(server->tls == CONF_SMTP_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (is_set(server->ca_file)) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, server->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    if (is_set(server->user)) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, server->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password == NULL ? "" : server->password);
    }
}

static void set_limits(CURL *curl, const struct smtp_server *server)
{
    long timeout_s = (long)server->timeout_s;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, timeout_s);
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, timeout_s);
    curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_MAX_S);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a slow name server must not hold back a stop */
}

static void set_watch(CURL *curl, struct dialogue *d)
{
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, d->error);
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, d);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, d);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, d);
}

/* --- the verdict ------------------------------------------------------------------------------------------------- */

static bool is_tls_trouble(CURLcode rc)
{
    static const CURLcode codes[] = {CURLE_USE_SSL_FAILED,     CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR,
                                     CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,          CURLE_SSL_CIPHER,
                                     CURLE_SSL_ISSUER_ERROR,   CURLE_SSL_PINNEDPUBKEYNOTMATCH};
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (rc == codes[i]) {
            return true;
        }
    }
    return false;
}

/* RFC 4954: 530 authentication required, 534 mechanism too weak, 535 credentials invalid, 538 encryption required. */
static bool is_credentials_code(int code)
{
    return code == 530 || code == 534 || code == 535 || code == 538;
}

static enum smtp_outcome judge(CURLcode rc, const struct dialogue *d, bool refused)
{
    if (rc == CURLE_OK) {
        return SMTP_ACCEPTED;
    }
    if (d->stopped) {
        return SMTP_STOPPED;
    }
    if (d->is_private) {
        return SMTP_MISCONFIGURED;
    }
    if (d->stage == STAGE_BODY && !refused) {
        return SMTP_UNANSWERED;
    }
    if (d->late || (refused && d->code < 500)) {
        return SMTP_TRY_LATER;
    }
    if (is_tls_trouble(rc) || rc == CURLE_LOGIN_DENIED || rc == CURLE_URL_MALFORMAT) {
        return SMTP_MISCONFIGURED;
    }
    if (!refused) {
        return SMTP_TRY_LATER;
    }
    /* A refusal before MAIL FROM is of us, not of this mail. */
    return d->stage < STAGE_MAIL || is_credentials_code(d->code) ? SMTP_MISCONFIGURED : SMTP_PERMANENT;
}

/* A server that repeats our password must not bring it into a job's error. */
static void hide_secret(GString *text, const struct smtp_server *server)
{
    if (is_set(server->password)) {
        g_string_replace(text, server->password, "********", 0);
    }
}

/* What went wrong when the server did not say it. */
static const char *explain(CURLcode rc, const struct dialogue *d)
{
    if (d->is_private) {
        return "the server's address is not a public one";
    }
    if (rc == CURLE_RECV_ERROR || rc == CURLE_GOT_NOTHING) {
        return "the connection was lost";
    }
    if (d->late || rc == CURLE_OPERATION_TIMEDOUT) {
        return "no end in time";
    }
    if (rc == CURLE_WRITE_ERROR) {
        return "a reply without an end";
    }
    return d->error[0] != '\0' ? d->error : curl_easy_strerror(rc);
}

static void fill_reply(struct smtp_reply *reply, CURLcode rc, struct dialogue *d, bool refused)
{
    static const char *const stages[] = {
        [STAGE_CONNECT] = "connect",   [STAGE_HELLO] = "EHLO",
        [STAGE_STARTTLS] = "STARTTLS", [STAGE_AUTH] = "AUTH",
        [STAGE_MAIL] = "MAIL FROM",    [STAGE_RCPT] = "RCPT TO",
        [STAGE_DATA] = "DATA",         [STAGE_BODY] = "the end of the mail",
    };
    g_autoptr(GString) text = g_string_new(NULL);
    if (rc == CURLE_OK) {
        g_string_printf(text, "%d %s", d->code, d->text->str);
    } else if (d->stopped) {
        g_string_printf(text, "told to stop (at %s)", stages[d->stage]);
    } else if (refused) {
        g_string_printf(text, "%d %s (at %s)", d->code, d->text->str, stages[d->stage]);
    } else {
        g_string_printf(text, "%s (at %s)", explain(rc, d), stages[d->stage]);
    }
    hide_secret(text, d->server);
    if (rc == CURLE_OK) {
        note_time(d, &d->times.accepted_ms);
    }
    reply->times = d->times;
    reply->code = rc == CURLE_OK || refused ? d->code : 0;
    reply->is_of_message = refused && d->stage >= STAGE_MAIL && d->code != 421 && !is_credentials_code(d->code);
    mail_make_printable(reply->text, sizeof(reply->text), text->str);
}

/* A kept connection may have been closed by the server, or be good for no further mail: then a fresh one is worth a
 * try, as long as the server cannot have taken the mail. */
static bool is_worn_out(CURL *curl, const struct dialogue *d)
{
    long connects = 1;
    (void)curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
    return connects == 0 && !d->stopped && !d->late && d->stage < STAGE_BODY && (d->code < 400 || d->code == 421);
}

static CURLcode perform(CURL *curl, struct dialogue *d)
{
    CURLcode rc = curl_easy_perform(curl);
    if (rc != CURLE_OK && is_worn_out(curl, d)) {
        d->stage = STAGE_CONNECT;
        d->quitting = false;
        d->in_reply = false;
        d->code = 0;
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
        rc = curl_easy_perform(curl);
    }
    return rc;
}

static enum smtp_outcome run(CURL *curl, struct dialogue *d, struct smtp_reply *reply)
{
    set_server(curl, d->server);
    set_limits(curl, d->server);
    set_watch(curl, d);
    CURLcode rc = set_url(curl, d->server) ? perform(curl, d) : CURLE_URL_MALFORMAT;
    bool refused = rc != CURLE_OK && d->code >= 400 && !d->in_reply;
    fill_reply(reply, rc, d, refused);
    curl_easy_reset(curl); /* the handle must not remember d; the connection stays */
    return judge(rc, d, refused);
}

static enum smtp_outcome converse(CURL *curl, const struct smtp_mail *mail, struct dialogue *d,
                                  struct smtp_reply *reply)
{
    struct curl_slist *headers = make_headers(mail);
    struct curl_slist *to = curl_slist_append(NULL, mail->to);
    curl_mime *mime = make_body(curl, mail);
    g_assert(to != NULL);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from_address);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
    enum smtp_outcome outcome = run(curl, d, reply);
    curl_mime_free(mime);
    curl_slist_free_all(to);
    curl_slist_free_all(headers);
    return outcome;
}

static struct dialogue begin(const struct smtp_server *server, const atomic_bool *stop, GString *words)
{
    int64_t now_us = clock_mono_us();
    return (struct dialogue){
        .stop = stop,
        .server = server,
        .begun_us = now_us,
        .deadline_us = now_us + server->timeout_s * US_PER_S,
        .times = NET_TIMES_NONE,
        .text = words,
    };
}

static CURL *handle_for(struct smtp *smtp, const struct smtp_server *server)
{
    if (!server->is_own) {
        return smtp->curl;
    }
    if (smtp->curl_own == NULL) {
        smtp->curl_own = curl_easy_init();
        g_assert(smtp->curl_own != NULL);
    }
    return smtp->curl_own;
}

enum smtp_outcome smtp_send(struct smtp *smtp, const struct smtp_server *server, const struct smtp_mail *mail,
                            const atomic_bool *stop, struct smtp_reply *reply)
{
    const char *fault = find_fault(mail);
    if (fault != NULL) {
        *reply = (struct smtp_reply){.times = NET_TIMES_NONE, .is_of_message = true};
        g_strlcpy(reply->text, fault, sizeof(reply->text));
        return SMTP_PERMANENT;
    }
    g_autoptr(GString) words = g_string_new(NULL);
    struct dialogue d = begin(server, stop, words);
    return converse(handle_for(smtp, server), mail, &d, reply);
}

/* NOOP (RFC 5321 4.1.1.9) where a mail would begin. */
enum smtp_outcome smtp_check(struct smtp *smtp, const struct smtp_server *server, const atomic_bool *stop,
                             struct smtp_reply *reply)
{
    g_autoptr(GString) words = g_string_new(NULL);
    struct dialogue d = begin(server, stop, words);
    CURL *curl = handle_for(smtp, server);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    enum smtp_outcome outcome = run(curl, &d, reply);
    reply->times.accepted_ms = -1;
    return outcome;
}
