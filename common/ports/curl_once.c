#include "ports/curl_once.h"

#include <curl/curl.h>
#include <glib.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    g_assert(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK);
}

void curl_once(void)
{
    pthread_once(&once, init_curl);
}
