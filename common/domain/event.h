/*
 * event.h: what happens in the platform and is told to people: an event becomes one job (notify.event) that makes one
 * delivery for each recipient and channel which the settings want (delivery.h).
 */
#ifndef BELLMAN_EVENT_H
#define BELLMAN_EVENT_H

#include <jansson.h>

#include "domain/job.h"
#include "domain/notify.h"

extern const struct record event_create_body;      /* POST /notifications/events */
extern const struct record event_recipient_record; /* of both */
extern const struct record event_record;           /* notification_events */

#define EVENT_RECIPIENTS_MAX 1000
#define EVENT_DATA_BYTES_MAX 65536
#define EVENT_JOB_TYPE "notify.event"
#define EVENT_MAX_RETRIES 8 /* of the job that makes the deliveries */

/* --- pure (event_fields.c) ---------------------------------------------------------------------------------------- */

/* The fields of data that templates may name for the event; all may be missing. */
const struct record *event_data_record(enum notify_event event);

/* Rules that the record does not know: data's known fields have their types, no recipient comes twice. */
void event_check(const json_t *body, struct problems *problems);

/* --- rows (event.c) ----------------------------------------------------------------------------------------------- */

struct event_new {
    const char *id; /* UUID of the event; stable over tries of one request */
    const char *organization_id;
    const char *created_by;
    const json_t *body; /* has passed event_create_body and event_check */
    struct job_new job; /* its id, type and terms; the payload is set here */
};

enum event_insert {
    EVENT_INSERTED,
    EVENT_KNOWN, /* its dedupe_key has an event already: nothing was changed */
};

/* Event and job in one transaction. ret gets the event as answers show it, this one or the one that was there, with its
 * counts (event_get). */
bool event_create(struct db *db, const struct event_new *event, enum event_insert *ret_outcome, json_t **ret,
                  struct err *e) MUST_CHECK;

/* The event with deliveries: {state: number}. ERR_NOT_FOUND also for another organization's. */
bool event_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e) MUST_CHECK;

#endif
