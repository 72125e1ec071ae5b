#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ground/json.h"
#include "ground/text.h"

#define GAP 2
#define LEAST_WIDTH 8
#define NOTHING "-"
#define BOLD "1"

static int terminal_width(int fd)
{
    struct winsize size = {0};
    bool is_known = isatty(fd) == 1 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : 0;
}

struct output output_new(bool json)
{
    const char *no_colour = g_getenv("NO_COLOR");
    bool wants = (no_colour == NULL || no_colour[0] == '\0') && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
    return (struct output){
        .json = json,
        .colour = wants && isatty(STDOUT_FILENO) == 1,
        .width = terminal_width(STDOUT_FILENO),
    };
}

/* --- text -------------------------------------------------------------------------------------------------------- */

static int char_width(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

int output_text_width(const char *text)
{
    int width = 0;
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c)) {
        width += char_width(g_utf8_get_char(c));
    }
    return width;
}

/* One line of valid UTF-8: a job's texts are anybody's, and an escape sequence could do anything to a terminal. */
static char *clean(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);
    for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        g_string_append_unichar(out, u == '\n' || u == '\t' ? ' ' : g_unichar_iscntrl(u) ? '?' : u);
    }
    return g_string_free(out, FALSE);
}

/* The beginning of text in at most width columns; the last of them is an ellipsis when something is left out. */
static char *cut(const char *text, int width)
{
    if (output_text_width(text) <= width) {
        return g_strdup(text);
    }
    GString *out = g_string_new(NULL);
    int used = 1;
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (used + char_width(u) > width) {
            break;
        }
        used += char_width(u);
        g_string_append_unichar(out, u);
    }
    return g_strchomp(g_string_free(g_string_append(out, "…"), FALSE));
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static char *plain(const json_t *value)
{
    if (json_is_string(value)) {
        return clean(json_string_value(value));
    }
    json_auto_text char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    return text == NULL ? g_strdup(NOTHING) : clean(text);
}

static char *format_count(const json_t *value)
{
    char out[TEXT_COUNT_BYTES];
    text_count(json_integer_value(value), out);
    return g_strdup(out);
}

static char *format_percent(const json_t *value)
{
    return g_strdup_printf("%" JSON_INTEGER_FORMAT " %%", json_integer_value(value));
}

static char *format_time(const json_t *value)
{
    int64_t at_us = 0;
    char sql[CLOCK_TEXT_BYTES];
    if (!json_is_string(value) || !clock_parse_rfc3339(json_string_value(value), &at_us)) {
        return plain(value);
    }
    clock_format_sql(at_us, sql);
    return g_strndup(sql, strlen("2026-11-23 16:00:00"));
}

static char *format_seconds(const json_t *value)
{
    double exact = json_number_value(value);
    int64_t s = (int64_t)exact;
    if (s < 60) {
        return s < 10 ? g_strdup_printf("%.1f s", exact) : g_strdup_printf("%" PRId64 " s", s);
    }
    if (s < 3600) {
        return g_strdup_printf("%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    }
    if (s < 86400) {
        return g_strdup_printf("%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
    }
    return g_strdup_printf("%" PRId64 " d %02" PRId64 " h", s / 86400, s / 3600 % 24);
}

static const struct {
    char *(*text)(const json_t *value);
    bool is_right;
} formats[] = {
    [OUTPUT_PLAIN] = {plain, false},           [OUTPUT_COUNT] = {format_count, true},
    [OUTPUT_PERCENT] = {format_percent, true}, [OUTPUT_TIME] = {format_time, false},
    [OUTPUT_STATUS] = {plain, false},          [OUTPUT_SECONDS] = {format_seconds, true},
};

static char *cell_text(const struct output_column *column, const json_t *row)
{
    const json_t *value = json_object_get(row, column->member);
    return value == NULL || json_is_null(value) ? g_strdup(NOTHING) : formats[column->format].text(value);
}

/* SGR parameters (ECMA-48); NULL: as it is. */
static const char *colour_of(const char *status)
{
    static const struct {
        const char *status;
        const char *sgr;
    } colours[] = {
        {"completed", "32"}, {"failed", "31"}, {"cancelled", "33"}, {"processing", "36"}, {"queued", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(colours); i++) {
        if (strcmp(colours[i].status, status) == 0) {
            return colours[i].sgr;
        }
    }
    return NULL;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

static void append_cell(GString *out, const struct output *o, const char *text, int width, bool is_right, bool is_last,
                        const char *sgr)
{
    g_autofree char *shown = cut(text, width);
    int padding = width - output_text_width(shown);
    if (is_right) {
        g_string_append_printf(out, "%*s", padding, "");
    }
    if (o->colour && sgr != NULL) {
        g_string_append_printf(out, "\033[%sm%s\033[0m", sgr, shown);
    } else {
        g_string_append(out, shown);
    }
    if (!is_last) {
        g_string_append_printf(out, "%*s", (is_right ? 0 : padding) + GAP, "");
    }
}

#define LEFT_OUT (-1)

static int total_width(const int *widths, size_t n)
{
    int total = -GAP;
    for (size_t i = 0; i < n; i++) {
        total += widths[i] == LEFT_OUT ? 0 : widths[i] + GAP;
    }
    return total;
}

/* What the columns need at least. */
static int least_width(const struct output_column *columns, const int *widths, size_t n)
{
    int total = total_width(widths, n);
    for (size_t i = 0; i < n; i++) {
        total -= columns[i].gives_way == OUTPUT_SHRINKS ? MAX(widths[i] - LEAST_WIDTH, 0) : 0;
    }
    return total;
}

static void leave_out(const struct output *o, const struct output_column *columns, int *widths, size_t n)
{
    for (size_t i = n; i > 0 && least_width(columns, widths, n) > o->width; i--) {
        if (columns[i - 1].gives_way == OUTPUT_GOES) {
            widths[i - 1] = LEFT_OUT;
        }
    }
}

/* Takes from the widest of those that give way until the line fits. */
static void fit(const struct output *o, const struct output_column *columns, int *widths, size_t n)
{
    if (o->width == 0) {
        return;
    }
    leave_out(o, columns, widths, n);
    for (int total = total_width(widths, n); total > o->width; total--) {
        size_t widest = n;
        for (size_t i = 0; i < n; i++) {
            bool is_wider = columns[i].gives_way == OUTPUT_SHRINKS &&
                            widths[i] > (widest == n ? LEAST_WIDTH : widths[widest]);
            widest = is_wider ? i : widest;
        }
        if (widest == n) {
            return;
        }
        widths[widest]--;
    }
}

static size_t last_shown(const int *widths, size_t n)
{
    while (n > 1 && widths[n - 1] == LEFT_OUT) {
        n--;
    }
    return n - 1;
}

static void append_titles(GString *out, const struct output *o, const struct output_column *columns, const int *widths,
                          size_t n)
{
    size_t last = last_shown(widths, n);
    for (size_t i = 0; i <= last; i++) {
        if (widths[i] != LEFT_OUT) {
            append_cell(out, o, columns[i].title, widths[i], formats[columns[i].format].is_right, i == last, BOLD);
        }
    }
    g_string_append_c(out, '\n');
}

static void append_row(GString *out, const struct output *o, const struct output_column *columns, const int *widths,
                       size_t n, char *const *cells)
{
    size_t last = last_shown(widths, n);
    for (size_t i = 0; i <= last; i++) {
        const char *sgr = columns[i].format == OUTPUT_STATUS ? colour_of(cells[i]) : NULL;
        if (widths[i] != LEFT_OUT) {
            append_cell(out, o, cells[i], widths[i], formats[columns[i].format].is_right, i == last, sgr);
        }
    }
    g_string_append_c(out, '\n');
}

char *output_table_text(const struct output *o, const struct output_column *columns, size_t n, const json_t *rows,
                        const char *none)
{
    size_t rows_n = json_array_size(rows);
    if (rows_n == 0) {
        return g_strdup_printf("%s\n", none);
    }
    g_autofree int *widths = g_new0(int, n);
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < rows_n * n; i++) {
        char *text = cell_text(&columns[i % n], json_array_get(rows, i / n));
        g_ptr_array_add(cells, text);
        widths[i % n] = MAX(widths[i % n], output_text_width(text));
    }
    for (size_t i = 0; i < n; i++) {
        widths[i] = MAX(widths[i], output_text_width(columns[i].title));
    }
    fit(o, columns, widths, n);
    GString *out = g_string_new(NULL);
    append_titles(out, o, columns, widths, n);
    for (size_t i = 0; i < rows_n; i++) {
        append_row(out, o, columns, widths, n, (char *const *)&cells->pdata[i * n]);
    }
    return g_string_free(out, FALSE);
}

char *output_pairs_text(const struct output *o, const struct output_column *columns, size_t n, const json_t *object)
{
    GString *out = g_string_new(NULL);
    int width = 0;
    for (size_t i = 0; i < n; i++) {
        width = MAX(width, output_text_width(columns[i].title));
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(object, columns[i].member);
        if (value == NULL || json_is_null(value)) {
            continue;
        }
        g_autofree char *text = cell_text(&columns[i], object);
        append_cell(out, o, columns[i].title, width, false, false, BOLD);
        append_cell(out, o, text, output_text_width(text), false, true,
                    columns[i].format == OUTPUT_STATUS ? colour_of(text) : NULL);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

/* --- standard output --------------------------------------------------------------------------------------------- */

void output_document(const json_t *document)
{
    (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    (void)putchar('\n');
}

void output_line(const json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    (void)putchar('\n');
    (void)fflush(stdout);
}

void output_list(const struct output *o, const struct output_column *columns, size_t n, const json_t *document,
                 const json_t *rows, const char *none)
{
    if (o->json) {
        output_document(document);
        return;
    }
    g_autofree char *text = output_table_text(o, columns, n, rows, none);
    (void)fputs(text, stdout);
}

void output_object(const struct output *o, const struct output_column *columns, size_t n, const json_t *object)
{
    if (o->json) {
        output_document(object);
        return;
    }
    g_autofree char *text = output_pairs_text(o, columns, n, object);
    (void)fputs(text, stdout);
}

void output_heading(const struct output *o, const char *title)
{
    (void)printf(o->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", title);
}

/* --- progress ---------------------------------------------------------------------------------------------------- */

#define BAR_COLUMNS 24
#define REDRAW_MS 100

struct progress progress_new(void)
{
    return (struct progress){
        .is_terminal = isatty(STDERR_FILENO) == 1 && g_strcmp0(g_getenv("TERM"), "dumb") != 0,
        .width = terminal_width(STDERR_FILENO),
    };
}

char *progress_text(int64_t percent, const char *text, int width)
{
    g_autofree char *words = clean(text);
    g_autofree char *all = NULL;
    if (percent < 0) {
        all = g_strdup(words);
    } else {
        int filled = (int)(MIN(percent, 100) * BAR_COLUMNS / 100);
        g_autofree char *bar = g_strnfill((gsize)filled, '#');
        all = g_strdup_printf("[%-*s] %3d %%  %s", BAR_COLUMNS, bar, (int)MIN(percent, 100), words);
    }
    return width > 0 ? cut(all, width) : g_strdup(all);
}

static void draw(struct progress *p, const char *text)
{
    if (p->is_terminal) {
        (void)fprintf(stderr, "\r\033[K%s", text);
        (void)fflush(stderr);
    } else {
        (void)fprintf(stderr, "%s\n", text);
    }
    p->is_drawn = true;
    g_strlcpy(p->last, text, sizeof(p->last));
}

void progress_show(struct progress *p, int64_t percent, const char *text)
{
    int64_t now_us = clock_mono_us();
    g_autofree char *line = progress_text(p->is_terminal ? percent : -1, text, p->is_terminal ? p->width - 1 : 0);
    if (now_us < p->next_us || strncmp(line, p->last, sizeof(p->last) - 1) == 0) {
        return;
    }
    p->next_us = now_us + (p->is_terminal ? REDRAW_MS : PROGRESS_LINE_MS) * US_PER_MS;
    draw(p, line);
}

void progress_end(struct progress *p)
{
    if (p->is_terminal && p->is_drawn) {
        (void)fputc('\n', stderr);
    }
    p->is_drawn = false;
}
