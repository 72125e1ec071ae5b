/*
 * output.h: what the commands print. Every command makes its answer as JSON; --json prints that, without it people get
 * a view of it: a table of an array's objects, or one object's members line by line.
 *
 * Columns are counted as a terminal shows them (wide and combining characters). Control characters never reach the
 * terminal. Colour only on a terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb.
 */
#ifndef BELLMAN_CTL_OUTPUT_H
#define BELLMAN_CTL_OUTPUT_H

#include <glib.h>
#include <jansson.h>

#include "ground/base.h"

struct output {
    bool json;
    bool colour;
    int width; /* columns of the terminal; 0: none, nothing is cut */
};

/* For standard output as it is now. */
struct output output_new(bool json);

enum output_format {
    OUTPUT_PLAIN,   /* text, number or boolean as it is; objects and arrays as compact JSON */
    OUTPUT_COUNT,   /* to the right, "1,200" */
    OUTPUT_PERCENT, /* to the right, "45 %" */
    OUTPUT_TIME,    /* RFC 3339 as "2026-11-23 16:00:00", UTC */
    OUTPUT_STATUS,  /* of a job: coloured */
    OUTPUT_SECONDS, /* to the right, "2 h 05 min" */
};

enum output_gives_way {
    OUTPUT_STAYS = false,
    OUTPUT_SHRINKS = true, /* texts are cut, to eight columns at worst */
    OUTPUT_GOES,           /* is left out, the last one first */
};

struct output_column {
    const char *member; /* of the object; a missing one and null show as "-" */
    const char *title;
    enum output_format format;
    int gives_way; /* when the terminal is too narrow: OUTPUT_STAYS, OUTPUT_SHRINKS or OUTPUT_GOES */
};

/* The rows (an array of objects) as a table with a line of titles; none (a sentence such as "No jobs") when there is no
 * row. Pure; with a newline after each line. */
char *output_table_text(const struct output *o, const struct output_column *columns, size_t n, const json_t *rows,
                        const char *none);
/* One object, a line for each member that is there and not null: "title  value". Pure. */
char *output_pairs_text(const struct output *o, const struct output_column *columns, size_t n, const json_t *object);

/* Standard output: document with --json, else the rows as a table. */
void output_list(const struct output *o, const struct output_column *columns, size_t n, const json_t *document,
                 const json_t *rows, const char *none);
/* Standard output: the object as JSON or as pairs. */
void output_object(const struct output *o, const struct output_column *columns, size_t n, const json_t *object);
/* One JSON document, over several lines. */
void output_document(const json_t *document);
/* One line of a stream, written at once. */
void output_line(const json_t *value);
/* A heading above a part of a longer answer. */
void output_heading(const struct output *o, const char *title);

/* Columns that a terminal uses for UTF-8 text. Pure. */
int output_text_width(const char *text);

/* --- progress on standard error --------------------------------------------------------------------------------- */

/* On a terminal one line that is drawn again and again; elsewhere plain lines, at most one in PROGRESS_LINE_MS. */
#define PROGRESS_LINE_MS 5000

struct progress {
    bool is_terminal;
    int width;
    int64_t next_us;
    bool is_drawn;
    char last[256]; /* what was written last */
};

struct progress progress_new(void);
/* percent below 0: not known, no bar. text says what is done, "cancelled 1,200 of 5,000". */
void progress_show(struct progress *p, int64_t percent, const char *text);
/* The last state stays, on a line of its own. */
void progress_end(struct progress *p);

/* "[#####     ]  45 %  text", at most width columns (0: any). Pure. */
char *progress_text(int64_t percent, const char *text, int width);

#endif
