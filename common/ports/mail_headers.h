/*
 * mail_headers.h: header fields of a mail as RFC 5322 and RFC 2047 want them. Pure; no I/O.
 *
 * Nothing here ever writes a control character that came from outside: the checks come first, and the writers assert
 * them.
 */
#ifndef BELLMAN_MAIL_HEADERS_H
#define BELLMAN_MAIL_HEADERS_H

#include <glib.h>

#include "ground/base.h"

/* Valid UTF-8 without C0, DEL and C1 characters: nothing that could end a header line. */
bool mail_text_is_safe(const char *text);
/* Printable ASCII without angle brackets, exactly what may stand between < and > in an envelope, with an @ that is
 * neither first nor last, at most 254 bytes; spaces only in a quoted local part. Says less than whether such a mailbox
 * may exist. */
bool mail_address_is_safe(const char *address);
/* The part after the last @; "localhost" when there is none. Borrowed from address. */
const char *mail_address_domain(const char *address);

/* Appends text as the value of an unstructured field (Subject): plain ASCII as it is, folded at single spaces; anything
 * else as RFC 2047 encoded words of at most 75 characters, one a line, never splitting a character. column is where the
 * value begins. */
void mail_append_unstructured(GString *out, const char *text, size_t column);
/* Appends "name <address>" with the name quoted or encoded; only the bare address when name is NULL or empty. */
void mail_append_mailbox(GString *out, const char *name, const char *address, size_t column);
/* Appends "Mon, 23 Nov 2026 16:00:00 +0000", whatever the locale. */
void mail_append_date(GString *out, int64_t wall_us);

/* The text with every CRLF, lone CR and lone LF turned into CRLF, ending in one unless empty. Free with g_free. */
char *mail_crlf(const char *text, size_t *ret_length_bytes);
/* Copies text as one line of valid UTF-8 with a space for whatever is not printable, cut at a whole character. */
void mail_make_printable(char *out, size_t size_bytes, const char *text);

#endif
