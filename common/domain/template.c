/*
 * template.c: renders deliveries.
 */
#include "domain/template.h"

#include "domain/delivery.h"

void template_message_release(struct template_message *message)
{
    g_free(message->subject);
    g_free(message->text);
    g_free(message->html);
    *message = (struct template_message){0};
}

bool template_render(struct db *db UNUSED, const json_t *delivery, struct template_message *ret, struct err *e UNUSED)
{
    const char *event = json_string_value(json_object_get(delivery, "event"));
    const char *name = NULL;
    json_t *value = NULL;
    GString *text = g_string_new(event);
    json_object_foreach(json_object_get(delivery, "data"), name, value)
    {
        if (json_is_string(value)) {
            g_string_append_printf(text, "\n%s: %s", name, json_string_value(value));
        }
    }
    ret->subject = g_strdup(event);
    ret->text = g_string_free(text, FALSE);
    return true;
}
