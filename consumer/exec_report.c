#include "exec_report.h"

#include <math.h>
#include <string.h>

#include "ground/json.h"

#define SECONDS_MAX 31536000.0

/* --- lines ------------------------------------------------------------------------------------------------------ */

static void give_line(struct exec_lines *l, exec_line_fn *fn, void *arg)
{
    l->line[l->length] = '\0';
    fn(arg, l->line, l->is_cut);
    l->length = 0;
    l->is_cut = false;
}

void exec_lines_feed(struct exec_lines *l, const char *bytes, size_t n, exec_line_fn *fn, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            give_line(l, fn, arg);
        } else if (l->length + 1 < l->size) {
            l->line[l->length++] = bytes[i] == '\0' ? ' ' : bytes[i];
        } else {
            l->is_cut = true;
        }
    }
}

void exec_lines_end(struct exec_lines *l, exec_line_fn *fn, void *arg)
{
    if (l->length > 0) {
        give_line(l, fn, arg);
    }
}

/* --- one line of descriptor 3 ----------------------------------------------------------------------------------- */

/* A number from least to most; false when the member is not there or anything else. */
static bool read_number(const json_t *object, const char *name, double least, double most, double *ret)
{
    const json_t *value = json_object_get(object, name);
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= least && number <= most)) {
        return false;
    }
    *ret = number;
    return true;
}

static bool read_progress(const json_t *object, struct exec_report *r)
{
    double percent = 0;
    const char *message = json_string_value(json_object_get(object, "message"));
    if (!read_number(object, "progress", 0, 100, &percent)) {
        return false;
    }
    r->has_progress = true;
    r->percent = (int64_t)percent;
    (void)g_strlcpy(r->message, message == NULL ? "" : message, sizeof(r->message));
    return true;
}

static bool read_log(const json_t *object, struct exec_report *r)
{
    const char *text = json_string_value(json_object_get(object, "log"));
    if (text == NULL) {
        return false;
    }
    r->has_log = true;
    r->level = LOG_LEVEL_INFO;
    (void)job_log_level_parse(json_string_value(json_object_get(object, "level")), &r->level);
    (void)g_strlcpy(r->text, text, sizeof(r->text));
    return true;
}

static bool read_wait(const json_t *object, const char *name, int64_t *ret_ms)
{
    double seconds = 0;
    if (!read_number(object, name, 0, SECONDS_MAX, &seconds)) {
        return false;
    }
    *ret_ms = MAX((int64_t)(seconds * (double)MS_PER_S), 1);
    return true;
}

bool exec_report_parse(const char *line, struct exec_report *ret)
{
    struct err e = ERR_INIT;
    json_auto_t *object = json_parse_limited(line, strlen(line), &e);
    *ret = (struct exec_report){.level = LOG_LEVEL_INFO};
    if (!json_is_object(object)) {
        return false;
    }
    bool has_progress = read_progress(object, ret);
    bool has_log = read_log(object, ret);
    bool has_snooze = read_wait(object, "snooze_s", &ret->snooze_ms);
    bool has_retry = read_wait(object, "retry_after_s", &ret->retry_after_ms);
    return has_progress || has_log || has_snooze || has_retry;
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

enum job_outcome exec_exit_outcome(const struct conf_job_type *conf, int exit_code)
{
    if (conf_exits_contain(conf->retry_exits, exit_code)) {
        return JOB_RETRY;
    }
    return conf_exits_contain(conf->permanent_exits, exit_code) ? JOB_PERMANENT : JOB_RETRY;
}
