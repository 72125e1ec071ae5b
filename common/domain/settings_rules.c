/*
 * settings_rules.c: what settings mean together, without a database.
 */
#include <string.h>

#include "domain/record_patch.h"
#include "domain/settings.h"
#include "ground/json.h"

json_t *settings_merge(const json_t *row, const json_t *changes)
{
    return record_merge(&settings_record, row, changes);
}

json_t *settings_diff(const json_t *before, const json_t *after)
{
    return record_diff(&settings_record, before, after);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool is_on(const json_t *row, const char *name)
{
    return json_is_true(json_object_get(row, name));
}

static void check_quiet_hours(const json_t *merged, struct problems *problems)
{
    const char *start = json_text(merged, "quiet_hours_start");
    const char *end = json_text(merged, "quiet_hours_end");
    if (start == NULL && end != NULL) {
        problems_add(problems, "/quiet_hours_start", "required", "must be given together with quiet_hours_end");
    } else if (start != NULL && end == NULL) {
        problems_add(problems, "/quiet_hours_end", "required", "must be given together with quiet_hours_start");
    } else if (start != NULL && strcmp(start, end) == 0) {
        problems_add(problems, "/quiet_hours_end", "range",
                     "must differ from quiet_hours_start; dnd_enabled is for the whole day");
    }
}

static void check_channels(const json_t *merged, struct problems *problems)
{
    bool twilio = g_strcmp0(json_text(merged, "sms_provider"), "twilio") == 0;
    if (is_on(merged, "sms_enabled") && twilio && json_text(merged, "sms_from_number") == NULL) {
        problems_add(problems, "/sms_from_number", "required", "is needed while sms_enabled is true with twilio");
    }
    if (is_on(merged, "slack_enabled") && json_text(merged, "slack_webhook_url") == NULL) {
        problems_add(problems, "/slack_webhook_url", "required", "is needed while slack_enabled is true");
    }
}

void settings_check_rules(const json_t *merged, struct problems *problems)
{
    check_quiet_hours(merged, problems);
    check_channels(merged, problems);
    const struct field *custom = record_field(&settings_record, "custom_settings");
    const json_t *value = json_object_get(merged, custom->name);
    if (value != NULL) {
        field_check_value(custom, value, "/custom_settings", problems);
    }
}

/* --- what is shown ------------------------------------------------------------------------------------------------ */

void settings_mask(json_t *row)
{
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        bool secret = (field->flags & FIELD_SECRET) != 0;
        if (secret && json_is_string(json_object_get(row, field->name))) {
            json_object_set_new(row, field->name, json_string(SETTINGS_MASK));
        }
    }
}
