/*
 * notify_check.h: trying a provider out (job type notify.check): its payload, and the stages that are told.
 */
#ifndef BELLMAN_NOTIFY_CHECK_H
#define BELLMAN_NOTIFY_CHECK_H

#include <jansson.h>

#include "domain/field.h"
#include "ports/net_times.h"
#include "ports/seal.h"

#define NOTIFY_CHECK_JOB_TYPE "notify.check"
#define NOTIFY_CHECK_SUBJECT "Test mail from Bellman"
#define NOTIFY_CHECK_TEXT                                                           \
    "This is the test mail that was asked for on the notification settings page.\n" \
    "Since you can read it, mail from this organization is delivered.\n"
#define NOTIFY_CHECK_LINE "This is the test message that was asked for on the notification settings page."

extern const struct record notify_check_payload;

/* A change that is tried out before it is saved, {"config": {...} or null, "settings": {...}}, as the payload carries
 * it: sealed, bound to the job. To be freed with seal_text_free; NULL with e. */
char *notify_check_seal(const struct seal *seal, const char *organization_id, const char *job_id, const json_t *change,
                        struct err *e);
/* New reference, or NULL with e. */
json_t *notify_check_open(const struct seal *seal, const char *organization_id, const char *job_id, const char *sealed,
                          struct err *e);

/* What was seen of a try. Pure. */
struct notify_check_view {
    struct net_times times; /* negative: not reached */
    bool has_tls;           /* false: the stage is left out; so with the next two */
    bool has_login;
    bool has_message;
    const char *words; /* of the stage that was not reached, or of the last one */
};
/* A new array of {stage, ok, detail, ms} up to the first that was not reached. */
json_t *notify_check_stages(const struct notify_check_view *view);

#endif
