/*
 * csv.h: rows of comma-separated values (RFC 4180). Pure.
 */
#ifndef BELLMAN_CSV_H
#define BELLMAN_CSV_H

#include <glib.h>

#include "ground/base.h"

/* Appends one cell, with a comma before it unless it is the first of its row. NULL is an empty cell. A text that a
 * spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets an apostrophe before
 * it, which spreadsheets do not show. */
void csv_cell(GString *out, const char *text, bool is_first);
void csv_end_row(GString *out); /* CR LF */

#endif
