/*
 * template_store.h: the organizations' own templates, and the product's beside them, as people see and change them.
 */
#ifndef BELLMAN_TEMPLATE_STORE_H
#define BELLMAN_TEMPLATE_STORE_H

#include <jansson.h>

#include "domain/field.h"
#include "domain/template_key.h"
#include "ports/db.h"

extern const struct record template_record;         /* notification_templates */
extern const struct record template_summary_record; /* the same without its longer texts */
extern const struct record template_put_body;
extern const struct record template_texts_record; /* subject, text and html alone */

#define TEMPLATES_MAX 500 /* of an organization */
#define TEMPLATE_SUBJECT_CHARS_MAX 400
#define TEMPLATE_TEXT_CHARS_MAX 20000
#define TEMPLATE_HTML_CHARS_MAX 100000

/* The version of the product's templates. Others begin with the time of their making in microseconds, so that one that
 * is made again after it was deleted is no version of the former. */
#define TEMPLATE_DEFAULT_VERSION 1

struct template_call {
    const char *organization_id;
    const struct template_key *key;
    const char *user;
    const char *request_id; /* may be NULL */
    int64_t if_version;     /* -1: any */
};

/* {templates: [...]} as template_summary_record has them, by event, channel and locale: each of the organization's own,
 * and those of the product that it has none for. */
bool template_list(struct db *db, const char *organization_id, json_t **ret, struct err *e) MUST_CHECK;

/* The organization's own, else the product's, as template_record has it, with default ({subject, text, html} of the
 * product's, or null). ERR_NOT_FOUND: there is neither. */
bool template_get(struct db *db, const char *organization_id, const struct template_key *key, json_t **ret,
                  int64_t *ret_version, struct err *e) MUST_CHECK;

/* Makes or replaces the organization's own by body (template_put_body, checked by template_check), with an audit row.
 * ERR_CONFLICT: if_version is not what there is. TEMPLATE_FULL: the organization has TEMPLATES_MAX of them; nothing was
 * changed. */
enum template_put { TEMPLATE_MADE, TEMPLATE_CHANGED, TEMPLATE_FULL };
bool template_put(struct db *db, const struct template_call *call, const json_t *body, enum template_put *ret_outcome,
                  json_t **ret, int64_t *ret_version, struct err *e) MUST_CHECK;

/* Deletes the organization's own; the product's, if there is one, serves again. ERR_NOT_FOUND: it has none. */
bool template_delete(struct db *db, const struct template_call *call, struct err *e) MUST_CHECK;

#endif
