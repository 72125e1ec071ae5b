#include <curl/curl.h>
#include <glib.h>
#include <string.h>

#include "ports/http.h"
#include "ports/http_address.h"

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_part(char **part)
{
    curl_free(*part);
}

static bool has_control(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool check_host(CURLU *parsed, bool allow_private, struct err *e)
{
    CLEANUP(free_part) char *host = NULL;
    if (curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0') {
        return err_set(e, ERR_INVALID, "the URL has no host");
    }
    size_t length = strlen(host);
    bool in_brackets = host[0] == '[' && host[length - 1] == ']';
    g_autofree char *bare = in_brackets ? g_strndup(host + 1, length - 2) : g_strdup(host);
    if (!allow_private && http_address_is_private_text(bare)) {
        return err_set(e, ERR_INVALID, "%s is a private address", bare);
    }
    return true;
}

bool http_url_check(const char *url, bool allow_private, struct err *e)
{
    if (strlen(url) > HTTP_URL_MAX_BYTES) {
        return err_set(e, ERR_INVALID, "the URL has more than %d bytes", HTTP_URL_MAX_BYTES);
    }
    if (has_control(url)) {
        return err_set(e, ERR_INVALID, "the URL has a blank or a control character");
    }
    CLEANUP(free_url) CURLU *parsed = curl_url();
    g_assert(parsed != NULL);
    CURLUcode rc = curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    if (rc == CURLUE_USER_NOT_ALLOWED) {
        return err_set(e, ERR_INVALID, "the URL has a user in it");
    }
    if (rc != CURLUE_OK) {
        return err_set(e, ERR_INVALID, "the URL cannot be read: %s", curl_url_strerror(rc));
    }
    CLEANUP(free_part) char *scheme = NULL;
    bool is_known = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                    (strcmp(scheme, "https") == 0 || (allow_private && strcmp(scheme, "http") == 0));
    if (!is_known) {
        return err_set(e, ERR_INVALID, "the URL must begin with %s",
                       allow_private ? "https:// or http://" : "https://");
    }
    return check_host(parsed, allow_private, e);
}
