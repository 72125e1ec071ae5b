/* Templates, and what follows from those that are taken. The input is one byte for the place (modulo their number), the
 * source, and behind a unit separator (0x1F) a value. */
#include "fuzz.h"

#include <string.h>

#include "domain/sms_text.h"
#include "domain/template_syntax.h"

#define OUTPUT_BYTES_MAX 2000

static bool is_known(const void *arg, const char *name, bool in_item)
{
    return arg == NULL && (in_item || strcmp(name, TEMPLATE_LIST) == 0 || name[0] < 'n');
}

static void check_refusal(const struct err *e)
{
    unsigned line = 0;
    unsigned column = 0;
    MUST_HOLD(e->code == ERR_INVALID && sscanf(e->text, "%u:%u: ", &line, &column) == 2 && line > 0 && column > 0);
}

/* Every name of one letter has the value, "url" an address; the list has two items. */
static json_t *values_of(const char *value)
{
    json_t *values = json_object();
    for (char name[2] = "a"; name[0] <= 'z'; name[0]++) {
        json_object_set_new(values, name, json_string(value));
    }
    json_object_set_new(values, "url", json_string("https://a.example/?b"));
    json_object_set_new(values, TEMPLATE_LIST, json_pack("[{s:s?}, {}]", "a", value));
    return values;
}

static size_t count(const char *text, const char *set)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += strchr(set, *text) != NULL ? 1 : 0;
    }
    return n;
}

static char *fill(const struct template_code *code, const char *value, size_t max_bytes)
{
    bool is_cut = false;
    json_auto_t *values = values_of(value);
    char *text = template_fill(code, values, max_bytes, &is_cut);
    MUST_HOLD(strlen(text) <= max_bytes && g_utf8_validate(text, -1, NULL));
    return text;
}

/* A value brings nothing that means something in its place. */
static void check_output(const struct template_code *code, enum template_place place, const char *value)
{
    static const char *const meaningful[TEMPLATE_PLACES] = {
        [TEMPLATE_HEADER] = "\r\n", [TEMPLATE_TEXT] = "", [TEMPLATE_HTML] = "<>\"'", [TEMPLATE_SLACK] = "<>"};
    g_autofree char *harmless = fill(code, "x", SIZE_MAX);
    g_autofree char *hostile = fill(code, value, SIZE_MAX);
    g_autofree char *cut = fill(code, value, OUTPUT_BYTES_MAX);
    MUST_HOLD(count(harmless, meaningful[place]) == count(hostile, meaningful[place]));
    MUST_HOLD(place != TEMPLATE_HEADER || !format_has_control(hostile, false));
    MUST_HOLD(g_str_has_prefix(hostile, cut));
    struct sms_measure measure;
    g_autofree char *sms = sms_fit(hostile, SMS_SEGMENTS_MAX);
    sms_measure(sms, &measure);
    MUST_HOLD(measure.segments <= SMS_SEGMENTS_MAX && g_utf8_validate(sms, -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    CLEANUP(template_code_release) struct template_code code = {0};
    struct problems problems CLEANUP(problems_release) = {0};
    struct err e = ERR_INIT;
    if (bytes == 0) {
        return 0;
    }
    enum template_place place = (enum template_place)(data[0] % TEMPLATE_PLACES);
    g_autofree char *source = g_strndup((const char *)data + 1, bytes - 1);
    char *value = strchr(source, 0x1F);
    if (value != NULL) {
        *value++ = '\0';
    }
    if (!template_parse(source, place, &code, &e)) {
        check_refusal(&e);
        return 0;
    }
    template_check_names(&code, is_known, NULL, "/text", &problems);
    bool has_value = value != NULL && value[0] != '\0' && g_utf8_validate(value, -1, NULL);
    check_output(&code, place, has_value ? value : "\r\n<!channel>\"'&{{a}}\xe2\x80\xae");
    return 0;
}
