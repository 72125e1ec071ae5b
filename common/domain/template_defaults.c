#include "domain/template_defaults.h"

#include <string.h>

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* The tags of a section have lines to themselves, so that a field that is not there leaves no empty line. */
#define IF(name, shown) "{{#" name "}}\n" shown "{{/" name "}}\n"
#define LINE(name, label) IF(name, label ": {{" name "}}\n")
#define ROW(name, label) \
    IF(name, "<tr><th align=\"left\" style=\"padding-right:1em\">" label "</th><td>{{" name "}}</td></tr>\n")
#define OR(name, otherwise) "{{" name "}}{{^" name "}}" otherwise "{{/" name "}}"

#define STOP(words) IF("unsubscribe_url", "\n" words ": {{unsubscribe_url}}\n")
#define TEXT_END IF("message", "\n{{message}}\n") IF("url", "\n{{url}}\n")
#define HTML(language, stop, body)                                                                             \
    "<!DOCTYPE html>\n<html lang=\"" language "\">\n<body style=\"font:16px/1.5 sans-serif;color:#1f2430\">\n" \
    "<div style=\"max-width:36em\">\n" body                                                                    \
    "<p style=\"color:#5b6270;font-size:13px\">{{organization}}{{#unsubscribe_url}} &middot; "                 \
    "<a style=\"color:#5b6270\" href=\"{{unsubscribe_url}}\">" stop                                            \
    "</a>{{/unsubscribe_url}}</p>\n</div>\n</body>\n</html>\n"
#define HTML_END(open)                                                   \
    IF("message", "<p style=\"white-space:pre-line\">{{message}}</p>\n") \
    IF("url", "<p><a href=\"{{url}}\">" open "</a></p>\n")
#define TABLE(rows) "<table>\n" rows "</table>\n"
#define SMS_URL "{{#url}} {{url}}{{/url}}"
#define SLACK_URL(open) IF("url", "<{{url}}|" open ">\n")

#define MAIL(event_, locale_, subject_, text_, html_)                                                             \
    {                                                                                                             \
        .event = (event_), .channel = NOTIFY_EMAIL, .locale = (locale_), .texts = {(subject_), (text_), (html_) } \
    }
#define PLAIN(event_, channel_, locale_, text_)                                                         \
    {                                                                                                   \
        .event = (event_), .channel = (channel_), .locale = (locale_), .texts = { NULL, (text_), NULL } \
    }

/* --- English ------------------------------------------------------------------------------------------------------ */

#define STOP_TEXT STOP("Unsubscribe from such messages")
#define HTML_EN(body) HTML("en", "Unsubscribe", body)

#define CREATED_FIRST OR("employee_name", "A new employee") " joins {{organization}}."
#define CREATED(FIELD)                \
    FIELD("position", "Position")     \
    FIELD("department", "Department") \
    FIELD("start_date", "From") FIELD("manager_name", "Manager") FIELD("employee_id", "Employee number")

#define REQUEST_FIRST OR("employee_name", "An employee") " asks for leave."
#define REQUEST(FIELD)               \
    FIELD("leave_type", "Kind")      \
    FIELD("start_date", "First day") \
    FIELD("end_date", "Last day")    \
    FIELD("days", "Days") FIELD("reason", "Reason") FIELD("manager_name", "To be decided by")

#define PAYROLL_FIRST "The payroll{{#period}} for {{period}}{{/period}} is done."
#define PAYROLL(FIELD)                 \
    FIELD("employee_name", "Employee") \
    FIELD("period", "Period") FIELD("pay_date", "Paid on") FIELD("amount", "Amount") FIELD("currency", "Currency")

#define ALERT_FIRST "{{#critical}}CRITICAL: {{/critical}}" OR("title", "Alert")
#define ALERT(FIELD) FIELD("severity", "Severity") FIELD("source", "From") FIELD("time", "At")

#define ALERT_SHORT ALERT_FIRST "{{#source}} ({{source}}){{/source}}{{#message}}: {{message}}{{/message}}" SMS_URL

#define DIGEST_FIRST "What has happened at {{organization}}:"

/* --- German ------------------------------------------------------------------------------------------------------- */

#define STOP_TEXT_DE STOP("Solche Nachrichten abbestellen")
#define HTML_DE(body) HTML("de", "Abbestellen", body)

#define CREATED_FIRST_DE OR("employee_name", "Eine neue Kollegin oder ein neuer Kollege") " kommt zu {{organization}}."
#define CREATED_DE(FIELD)            \
    FIELD("position", "Stelle")      \
    FIELD("department", "Abteilung") \
    FIELD("start_date", "Ab") FIELD("manager_name", "Vorgesetzt") FIELD("employee_id", "Personalnummer")

#define REQUEST_FIRST_DE OR("employee_name", "Jemand") " beantragt Urlaub oder eine andere Abwesenheit."
#define REQUEST_DE(FIELD)             \
    FIELD("leave_type", "Art")        \
    FIELD("start_date", "Erster Tag") \
    FIELD("end_date", "Letzter Tag")  \
    FIELD("days", "Tage") FIELD("reason", "Grund") FIELD("manager_name", "Entscheidung durch")

#define PAYROLL_FIRST_DE "Die Gehaltsabrechnung{{#period}} für {{period}}{{/period}} ist fertig."
#define PAYROLL_DE(FIELD)         \
    FIELD("employee_name", "Für") \
    FIELD("period", "Zeitraum") FIELD("pay_date", "Zahltag") FIELD("amount", "Betrag") FIELD("currency", "Währung")

#define ALERT_FIRST_DE "{{#critical}}KRITISCH: {{/critical}}" OR("title", "Warnung")
#define ALERT_DE(FIELD) FIELD("severity", "Schwere") FIELD("source", "Von") FIELD("time", "Um")

#define ALERT_SHORT_DE ALERT_FIRST_DE "{{#source}} ({{source}}){{/source}}{{#message}}: {{message}}{{/message}}" SMS_URL

#define DIGEST_FIRST_DE "Das ist bei {{organization}} geschehen:"

/* --- the table ---------------------------------------------------------------------------------------------------- */

#define ITEMS_TEXT IF("items", "- {{time}}  {{subject}}\n")
#define ITEMS_HTML "<ul>\n" IF("items", "<li><small>{{time}}</small> {{subject}}</li>\n") "</ul>\n"

const struct template_default template_defaults[] = {
    MAIL(NOTIFY_EMPLOYEE_CREATED, "", "New employee{{#employee_name}}: {{employee_name}}{{/employee_name}}",
         CREATED_FIRST "\n\n" CREATED(LINE) TEXT_END STOP_TEXT,
         HTML_EN("<p>" CREATED_FIRST "</p>\n" TABLE(CREATED(ROW)) HTML_END("Open"))),
    MAIL(NOTIFY_EMPLOYEE_CREATED, "de", "Neu im Team{{#employee_name}}: {{employee_name}}{{/employee_name}}",
         CREATED_FIRST_DE "\n\n" CREATED_DE(LINE) TEXT_END STOP_TEXT_DE,
         HTML_DE("<p>" CREATED_FIRST_DE "</p>\n" TABLE(CREATED_DE(ROW)) HTML_END("Öffnen"))),

    MAIL(NOTIFY_LEAVE_REQUEST, "",
         "Leave request{{#employee_name}}: {{employee_name}}{{/employee_name}}"
         "{{#start_date}} from {{start_date}}{{/start_date}}",
         REQUEST_FIRST "\n\n" REQUEST(LINE) TEXT_END STOP_TEXT,
         HTML_EN("<p>" REQUEST_FIRST "</p>\n" TABLE(REQUEST(ROW)) HTML_END("Decide"))),
    MAIL(NOTIFY_LEAVE_REQUEST, "de",
         "Urlaubsantrag{{#employee_name}}: {{employee_name}}{{/employee_name}}"
         "{{#start_date}} ab {{start_date}}{{/start_date}}",
         REQUEST_FIRST_DE "\n\n" REQUEST_DE(LINE) TEXT_END STOP_TEXT_DE,
         HTML_DE("<p>" REQUEST_FIRST_DE "</p>\n" TABLE(REQUEST_DE(ROW)) HTML_END("Entscheiden"))),

    PLAIN(NOTIFY_LEAVE_APPROVAL, NOTIFY_SMS, "",
          "Leave request{{#start_date}} {{start_date}}{{#end_date}} to {{end_date}}{{/end_date}}{{/start_date}}"
          "{{#status}}: {{status}}{{/status}}{{^status}}: decided{{/status}}"
          "{{#approver_name}} by {{approver_name}}{{/approver_name}}.{{#message}} {{message}}{{/message}}" SMS_URL),
    PLAIN(NOTIFY_LEAVE_APPROVAL, NOTIFY_SMS, "de",
          "Urlaubsantrag{{#start_date}} {{start_date}}{{#end_date}} bis {{end_date}}{{/end_date}}{{/start_date}}"
          "{{#status}}: {{status}}{{/status}}{{^status}}: entschieden{{/status}}"
          "{{#approver_name}} ({{approver_name}}){{/approver_name}}.{{#message}} {{message}}{{/message}}" SMS_URL),

    MAIL(NOTIFY_PAYROLL, "", "Payroll{{#period}} for {{period}}{{/period}}",
         PAYROLL_FIRST "\n\n" PAYROLL(LINE) TEXT_END STOP_TEXT,
         HTML_EN("<p>" PAYROLL_FIRST "</p>\n" TABLE(PAYROLL(ROW)) HTML_END("Open"))),
    MAIL(NOTIFY_PAYROLL, "de", "Gehaltsabrechnung{{#period}} für {{period}}{{/period}}",
         PAYROLL_FIRST_DE "\n\n" PAYROLL_DE(LINE) TEXT_END STOP_TEXT_DE,
         HTML_DE("<p>" PAYROLL_FIRST_DE "</p>\n" TABLE(PAYROLL_DE(ROW)) HTML_END("Öffnen"))),
    PLAIN(NOTIFY_PAYROLL, NOTIFY_SMS, "",
          PAYROLL_FIRST "{{#pay_date}} It is paid on {{pay_date}}.{{/pay_date}}" SMS_URL),
    PLAIN(NOTIFY_PAYROLL, NOTIFY_SMS, "de",
          PAYROLL_FIRST_DE "{{#pay_date}} Zahltag ist {{pay_date}}.{{/pay_date}}" SMS_URL),

    MAIL(NOTIFY_ALERT, "", ALERT_FIRST, ALERT_FIRST "\n\n" ALERT(LINE) TEXT_END STOP_TEXT,
         HTML_EN("<p><strong>" ALERT_FIRST "</strong></p>\n" TABLE(ALERT(ROW)) HTML_END("Open"))),
    MAIL(NOTIFY_ALERT, "de", ALERT_FIRST_DE, ALERT_FIRST_DE "\n\n" ALERT_DE(LINE) TEXT_END STOP_TEXT_DE,
         HTML_DE("<p><strong>" ALERT_FIRST_DE "</strong></p>\n" TABLE(ALERT_DE(ROW)) HTML_END("Öffnen"))),
    PLAIN(NOTIFY_ALERT, NOTIFY_SMS, "", ALERT_SHORT),
    PLAIN(NOTIFY_ALERT, NOTIFY_SMS, "de", ALERT_SHORT_DE),
    PLAIN(NOTIFY_ALERT, NOTIFY_SLACK, "",
          "*" ALERT_FIRST "*{{#source}} ({{source}}){{/source}}\n" IF("message", "{{message}}\n") SLACK_URL("Open")),
    PLAIN(NOTIFY_ALERT, NOTIFY_SLACK, "de",
          "*" ALERT_FIRST_DE "*{{#source}} ({{source}}){{/source}}\n" IF("message", "{{message}}\n")
              SLACK_URL("Öffnen")),

    MAIL(TEMPLATE_DIGEST, "", "{{organization}}: your digest ({{count}})",
         DIGEST_FIRST "\n\n" ITEMS_TEXT IF("more", "\nand {{more}} more\n") STOP_TEXT,
         HTML_EN("<p>" DIGEST_FIRST "</p>\n" ITEMS_HTML IF("more", "<p>and {{more}} more</p>\n"))),
    MAIL(TEMPLATE_DIGEST, "de", "{{organization}}: Ihre Übersicht ({{count}})",
         DIGEST_FIRST_DE "\n\n" ITEMS_TEXT IF("more", "\nund {{more}} weitere\n") STOP_TEXT_DE,
         HTML_DE("<p>" DIGEST_FIRST_DE "</p>\n" ITEMS_HTML IF("more", "<p>und {{more}} weitere</p>\n"))),
};
const size_t template_defaults_n = ARRAY_SIZE(template_defaults);

const struct template_default *template_default_find(int event, enum notify_channel channel, const char *locale)
{
    for (size_t i = 0; i < template_defaults_n; i++) {
        const struct template_default *d = &template_defaults[i];
        if (d->event == event && d->channel == channel && strcmp(d->locale, locale) == 0) {
            return d;
        }
    }
    return NULL;
}
