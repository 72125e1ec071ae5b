#include "ground/log.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ground/clock.h"

#define STR_MAX_BYTES 2048
#define LINE_START_BYTES 512

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

static _Atomic(const char *) service_name = "bellman";
static atomic_int least_level = LOG_LEVEL_INFO;

void log_init(const char *service, enum log_level level)
{
    atomic_store(&service_name, service);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Control characters of both blocks are escaped, so that a terminal showing the log cannot be steered by it. */
static void append_char(GString *line, gunichar c)
{
    if (c == '"' || c == '\\') {
        g_string_append_c(line, '\\');
        g_string_append_c(line, (char)c);
    } else if (c == '\n') {
        g_string_append(line, "\\n");
    } else if (c == '\t') {
        g_string_append(line, "\\t");
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
        g_string_append_printf(line, "\\u%04x", c);
    } else {
        g_string_append_unichar(line, c);
    }
}

/* Appends the character at text, or U+FFFD for one byte of what is not UTF-8; returns the bytes used, 0 at a sequence
 * that the cap has cut. */
static size_t append_decoded(GString *line, const char *text, size_t left, bool is_cut)
{
    gunichar c = g_utf8_get_char_validated(text, (gssize)left);
    if (c == (gunichar)-2 && is_cut) {
        return 0;
    }
    if (c == (gunichar)-1 || c == (gunichar)-2) {
        g_string_append_unichar(line, 0xFFFD);
        return 1;
    }
    append_char(line, c);
    return (size_t)g_unichar_to_utf8(c, NULL);
}

static void append_text(GString *line, const char *text)
{
    size_t length = strnlen(text, STR_MAX_BYTES + 1);
    bool is_cut = length > STR_MAX_BYTES;
    length = is_cut ? STR_MAX_BYTES : length;
    g_string_append_c(line, '"');
    for (size_t at = 0; at < length;) {
        size_t plain = 0;
        while (at + plain < length && is_plain((unsigned char)text[at + plain])) {
            plain++;
        }
        g_string_append_len(line, text + at, (gssize)plain);
        at += plain;
        if (at < length) {
            size_t used = append_decoded(line, text + at, length - at, is_cut);
            at = used == 0 ? length : at + used;
        }
    }
    g_string_append_c(line, '"');
}

/* The shortest of two precisions that reads back as the same number; JSON has no infinities. */
static void append_real(GString *line, double real)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (!isfinite(real)) {
        g_string_append(line, "null");
        return;
    }
    g_ascii_formatd(text, sizeof(text), "%.15g", real);
    double back = g_ascii_strtod(text, NULL);
    if (back < real || back > real) {
        g_ascii_formatd(text, sizeof(text), "%.17g", real);
    }
    g_string_append(line, text);
}

static void append_null(GString *line, const struct log_field *f UNUSED)
{
    g_string_append(line, "null");
}

static void append_str_field(GString *line, const struct log_field *f)
{
    if (f->str == NULL) {
        append_null(line, f);
    } else {
        append_text(line, f->str);
    }
}

static void append_int_field(GString *line, const struct log_field *f)
{
    g_string_append_printf(line, "%" G_GINT64_FORMAT, f->num);
}

static void append_real_field(GString *line, const struct log_field *f)
{
    append_real(line, f->real);
}

static void append_bool_field(GString *line, const struct log_field *f)
{
    g_string_append(line, f->num != 0 ? "true" : "false");
}

typedef void append_fn(GString *line, const struct log_field *f);

static append_fn *const appenders[] = {
    [LOG_TYPE_NONE] = append_null,       [LOG_TYPE_STR] = append_str_field,   [LOG_TYPE_INT] = append_int_field,
    [LOG_TYPE_REAL] = append_real_field, [LOG_TYPE_BOOL] = append_bool_field,
};

static void append_field(GString *line, const struct log_field *f)
{
    if (f->type == LOG_TYPE_NONE) {
        return;
    }
    g_string_append_c(line, ',');
    append_text(line, f->key);
    g_string_append_c(line, ':');
    appenders[f->type](line, f);
}

/* One write for whole lines keeps lines of several threads and processes apart; a log that cannot be written is
 * lost. */
static void write_whole(const char *line, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        line += written;
        length -= (size_t)written;
    }
}

static void append_line(GString *line, enum log_level level, const char *event, const struct log_field *fields)
{
    char ts[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(clock_wall_us(), ts);
    g_string_append_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":", ts, level_names[level]);
    append_text(line, event);
    g_string_append(line, ",\"service\":");
    append_text(line, atomic_load(&service_name));
    g_string_append_printf(line, ",\"pid\":%d", (int)getpid());
    for (const struct log_field *f = fields; f->key != NULL; f++) {
        append_field(line, f);
    }
    g_string_append(line, "}\n");
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    struct log_lines lines = {0};
    log_lines_add(&lines, level, event, fields);
    log_lines_flush(&lines);
}

void log_lines_add(struct log_lines *lines, enum log_level level, const char *event, const struct log_field *fields)
{
    if (!log_wants(level)) {
        return;
    }
    int saved_errno = errno;
    if (lines->text == NULL) {
        lines->text = g_string_sized_new(LINE_START_BYTES);
    }
    size_t before = lines->text->len;
    append_line(lines->text, level, event, fields);
    if (before > 0 && lines->text->len > PIPE_BUF) {
        write_whole(lines->text->str, before);
        g_string_erase(lines->text, 0, (gssize)before);
    }
    errno = saved_errno;
}

void log_lines_flush(struct log_lines *lines)
{
    int saved_errno = errno;
    if (lines->text != NULL) {
        write_whole(lines->text->str, lines->text->len);
        g_string_free(lines->text, TRUE);
        lines->text = NULL;
    }
    errno = saved_errno;
}
