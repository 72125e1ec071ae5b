/* Cron expressions, and what follows from those that are taken. The input is "EXPRESSION LF ZONE"; its size is in the
 * time from which firings are sought. */
#include "fuzz.h"

#include <string.h>

#include "domain/cron.h"
#include "domain/field.h"

#define FIRINGS 20
#define START_US (INT64_C(1700000000) * US_PER_S)

static void walk(const struct cron *cron, GTimeZone *zone, int64_t at_us)
{
    for (int i = 0; i < FIRINGS; i++) {
        int64_t next_us = 0;
        char text[CRON_LOCAL_TEXT_BYTES];
        if (!cron_next(cron, zone, at_us, &next_us)) {
            return;
        }
        MUST_HOLD(next_us > at_us && next_us % US_PER_S == 0);
        MUST_HOLD(next_us - at_us < INT64_C(3300) * 86400 * US_PER_S);
        int64_t again_us = 0;
        MUST_HOLD(cron_next(cron, zone, next_us - 1, &again_us) && again_us == next_us);
        cron_format_local(zone, next_us, text);
        MUST_HOLD(strlen(text) == strlen("2026-11-24T09:00:00+01:00"));
        at_us = next_us;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct cron cron;
    struct err e = ERR_INIT;
    g_autofree char *text = g_strndup((const char *)data, bytes);
    char *name = strchr(text, '\n');
    if (name != NULL) {
        *name++ = '\0';
    }
    if (!cron_parse(text, &cron, &e)) {
        MUST_HOLD(e.code == ERR_INVALID && e.text[0] != '\0');
        return 0;
    }
    for (int field = 0; field < CRON_FIELDS; field++) {
        MUST_HOLD(cron.sets[field] != 0);
    }
    bool has_zone = name != NULL && format_is_zone(name);
    g_autoptr(GTimeZone) zone = has_zone ? g_time_zone_new_identifier(name) : g_time_zone_new_utc();
    walk(&cron, zone, START_US + (int64_t)bytes * 86400 * 7 * US_PER_S);
    return 0;
}
