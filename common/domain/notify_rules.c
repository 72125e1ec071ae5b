/*
 * notify_rules.c: which events the settings want on which channels.
 */
#include "domain/notify.h"

#include <string.h>

const char *const notify_event_names[] = {"employee_created", "leave_request", "leave_approval",
                                          "payroll",          "alert",         NULL};
const char *const notify_severity_names[] = {"info", "warning", "critical", NULL};
const char *const notify_channel_names[] = {"email", "sms", "slack", "webhook", NULL};

int notify_parse(const char *const *names, const char *name)
{
    for (int i = 0; name != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static const char *const channel_switches[NOTIFY_CHANNELS] = {
    [NOTIFY_EMAIL] = "email_enabled",
    [NOTIFY_SMS] = "sms_enabled",
    [NOTIFY_SLACK] = "slack_enabled",
};

static const char *const event_switches[NOTIFY_EVENTS][NOTIFY_CHANNELS] = {
    [NOTIFY_EMPLOYEE_CREATED] = {[NOTIFY_EMAIL] = "email_on_employee_created"},
    [NOTIFY_LEAVE_REQUEST] = {[NOTIFY_EMAIL] = "email_on_leave_request"},
    [NOTIFY_LEAVE_APPROVAL] = {[NOTIFY_SMS] = "sms_on_leave_approval"},
    [NOTIFY_PAYROLL] = {[NOTIFY_EMAIL] = "email_on_payroll", [NOTIFY_SMS] = "sms_on_payroll"},
    [NOTIFY_ALERT] =
        {[NOTIFY_EMAIL] = "email_on_alert", [NOTIFY_SMS] = "sms_on_alert", [NOTIFY_SLACK] = "slack_on_critical_alert"},
};

const char *notify_toggle(enum notify_event event, enum notify_channel channel)
{
    return event_switches[event][channel];
}

bool notify_is_shared(enum notify_channel channel)
{
    return channel == NOTIFY_SLACK || channel == NOTIFY_WEBHOOK;
}

bool notify_wants(const json_t *settings, enum notify_event event, enum notify_severity severity,
                  enum notify_channel channel)
{
    const char *toggle = notify_toggle(event, channel);
    if (channel == NOTIFY_WEBHOOK) {
        return true;
    }
    if (toggle == NULL || (channel == NOTIFY_SLACK && severity != NOTIFY_CRITICAL)) {
        return false;
    }
    return json_is_true(json_object_get(settings, channel_switches[channel])) &&
           json_is_true(json_object_get(settings, toggle));
}
