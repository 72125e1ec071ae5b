/* What a program writes: pieces of lines, then each line as a report of descriptor 3. The first byte is the size of the
 * pieces. */
#include "fuzz.h"

#include <string.h>

#include "exec_report.h"

static void take_line(void *arg, const char *line, bool is_cut UNUSED)
{
    struct exec_report r;
    size_t *lines = arg;
    (*lines)++;
    if (exec_report_parse(line, &r)) {
        MUST_HOLD(r.percent >= 0 && r.percent <= 100 && r.snooze_ms >= 0 && r.retry_after_ms >= 0);
        MUST_HOLD(r.level <= LOG_LEVEL_ERROR);
        MUST_HOLD(memchr(r.text, '\0', sizeof(r.text)) != NULL && memchr(r.message, '\0', sizeof(r.message)) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char line[256];
    struct exec_lines l = {.line = line, .size = sizeof(line)};
    size_t lines = 0;
    size_t newlines = 0;
    size_t step = bytes == 0 ? 1 : (size_t)data[0] + 1;
    for (size_t at = 1; at < bytes; at += step) {
        exec_lines_feed(&l, (const char *)data + at, MIN(step, bytes - at), take_line, &lines);
    }
    for (size_t at = 1; at < bytes; at++) {
        newlines += data[at] == '\n' ? 1 : 0;
    }
    exec_lines_end(&l, take_line, &lines);
    MUST_HOLD(lines == newlines || lines == newlines + 1);
    return 0;
}
