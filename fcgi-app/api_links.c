/*
 * api_links.c: the links in messages: read, clicked, unsubscribed. Public: their tokens say whose they are.
 */
#include <string.h>

#include "api.h"
#include "domain/delivery_callback.h"
#include "domain/delivery_link.h"
#include "domain/suppression.h"

#define PAGE_TYPE "text/html; charset=utf-8"
#define PAGE_HEAD                                                                                           \
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "               \
    "content=\"width=device-width\"><title>Unsubscribe</title></head><body style=\"font-family:sans-serif;" \
    "max-width:32em;margin:3em auto;padding:0 1em\">"
#define PAGE_END "</body></html>"

/* clang-format off */
static const struct field click_fields[] = {
    {.name = "to", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1,
     .max = 2000, .help = "Where the link leads"},
};
/* clang-format on */
const struct record link_click_query = {
    .name = "LinkClickQuery", .fields = click_fields, .n = ARRAY_SIZE(click_fields), .help = "Where to"};

static void answer_unknown(struct call *c)
{
    response_problem(c->response, 404, "not_found", "There is nothing at this address.");
}

/* What fails here fails for the record alone: the reader gets what the link promises. */
static void note(struct call *c, enum callback_kind kind, const char *what, const char *id)
{
    struct err e = ERR_INIT;
    size_t known = 0;
    g_autofree char *callback_id = g_strconcat(what, "/", id, NULL);
    const struct delivery_callback callback = {.callback_id = callback_id, .delivery_id = id, .kind = kind};
    if (!c->is_head && !delivery_callbacks_apply(c->db, &callback, 1, &known, &e)) {
        c->cause = e;
    }
}

void api_link_open(struct call *c)
{
    static const char gif[] = "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";
    char id[UUID_TEXT_BYTES];
    if (!delivery_link_read(c->api->seal, DELIVERY_LINK_OPEN, c->path_value, NULL, id)) {
        answer_unknown(c);
        return;
    }
    note(c, CALLBACK_OPENED, "open", id);
    response_text(c->response, 200, "image/gif", gif, sizeof(gif) - 1);
}

void api_link_click(struct call *c)
{
    char id[UUID_TEXT_BYTES];
    const char *target = json_string_value(json_object_get(c->query, "to"));
    if (target == NULL || !delivery_link_read(c->api->seal, DELIVERY_LINK_CLICK, c->path_value, target, id)) {
        answer_unknown(c);
        return;
    }
    note(c, CALLBACK_CLICKED, "click", id);
    response_header(c->response, "Location", "%s", target);
    response_empty(c->response, 302);
}

/* --- unsubscribe (RFC 8058) --------------------------------------------------------------------------------------- */

static void answer_page(struct call *c, const char *page)
{
    response_header(c->response, "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'");
    response_text(c->response, 200, PAGE_TYPE, page, strlen(page));
}

/* Programs fetch links to look at them: reading changes nothing. */
void api_link_unsubscribe_page(struct call *c)
{
    char id[UUID_TEXT_BYTES];
    if (delivery_link_read(c->api->seal, DELIVERY_LINK_UNSUBSCRIBE, c->path_value, NULL, id)) {
        answer_page(c, PAGE_HEAD
                    "<h1>Unsubscribe</h1><p>You will get no more of these messages at this address. Critical"
                    " alerts still come.</p><form method=\"post\"><button>Unsubscribe</button></form>" PAGE_END);
    } else {
        answer_unknown(c);
    }
}

void api_link_unsubscribe(struct call *c)
{
    struct err e = ERR_INIT;
    char id[UUID_TEXT_BYTES];
    bool known = delivery_link_read(c->api->seal, DELIVERY_LINK_UNSUBSCRIBE, c->path_value, NULL, id);
    if (known && suppression_unsubscribe(c->db, id, c->request->id, &e)) {
        answer_page(c, PAGE_HEAD "<h1>Unsubscribed</h1><p>You get no more of these messages.</p>" PAGE_END);
    } else if (!known || e.code == ERR_NOT_FOUND) {
        answer_unknown(c);
    } else {
        call_fail(c, &e);
    }
}
