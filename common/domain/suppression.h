/*
 * suppression.h: addresses that an organization's messages no longer go to, and why: they bounced for good, their owner
 * complained or unsubscribed, or somebody put them on the list. Mail and text messages only. Mail addresses are
 * compared without regard to case.
 */
#ifndef BELLMAN_SUPPRESSION_H
#define BELLMAN_SUPPRESSION_H

#include <jansson.h>

#include "domain/field.h"
#include "domain/notify.h"
#include "ports/db.h"

extern const struct record suppression_record;      /* suppressions */
extern const struct record suppression_create_body; /* POST /suppressions */
extern const struct record suppression_remove_body; /* POST /suppressions/remove */

#define SUPPRESSION_BOUNCE "bounce"
#define SUPPRESSION_COMPLAINT "complaint"
#define SUPPRESSION_UNSUBSCRIBE "unsubscribe"
#define SUPPRESSION_MANUAL "manual"
extern const char *const suppression_reasons[]; /* ends with NULL */
#define SUPPRESSION_REASON_BYTES 17

/* What the body says fits together: an address of the channel's kind. */
void suppression_check(const json_t *body, struct problems *problems);

struct suppression {
    const char *organization_id;
    const char *channel;
    const char *address;
    const char *reason;
    const char *note;        /* may be NULL */
    const char *delivery_id; /* that led to it; may be NULL */
    const char *actor;       /* a user, or what else put it there, for the audit row */
    const char *request_id;  /* may be NULL */
};

/* Within the caller's transaction, with an audit row. ret_made: false when the address was on the list; a bounce then
 * takes the place of a weaker reason. */
bool suppression_add_within(struct db *db, const struct suppression *s, bool *ret_made, struct err *e) MUST_CHECK;
/* The same as a transaction; ret gets the row as answers show it. */
bool suppression_add(struct db *db, const struct suppression *s, bool *ret_made, json_t **ret, struct err *e)
    MUST_CHECK;
/* Puts the address that the delivery went to on the list, by the recipient's own wish. ERR_NOT_FOUND: the delivery is
 * gone. */
bool suppression_unsubscribe(struct db *db, const char *delivery_id, const char *request_id, struct err *e) MUST_CHECK;
/* Takes it off the list, with an audit row; only these members of s count: organization_id, channel, address, actor,
 * request_id. ERR_NOT_FOUND: it is not on it. */
bool suppression_remove(struct db *db, const struct suppression *s, struct err *e) MUST_CHECK;

/* Why the address gets nothing; "": it is not on the list. */
bool suppression_find(struct db *db, const char *organization_id, const char *channel, const char *address,
                      char ret_reason[SUPPRESSION_REASON_BYTES], struct err *e) MUST_CHECK;
/* Whether the reason keeps back a message of the severity: bounces and what somebody listed by hand all, the others all
 * but critical ones. Pure. */
bool suppression_holds(const char *reason, const char *severity);

struct suppression_filter {
    const char *organization_id;
    const char *channel; /* NULL: any; so with the others */
    const char *address;
    const char *reason;
    int64_t limit;
    const char *cursor; /* NULL: first page */
};
/* {suppressions, limit, next_cursor}, newest first. ERR_INVALID: the cursor is not one of ours. */
bool suppression_list(struct db *db, const struct suppression_filter *filter, json_t **ret, struct err *e) MUST_CHECK;

#endif
