/*
 * api_deliveries_csv.c: the record of deliveries for spreadsheets.
 */
#include "api.h"
#include "api_deliveries.h"
#include "domain/csv.h"

#define PAGE_ROWS 500

/* clang-format off */
static const struct field export_fields[] = {
    DELIVERY_FILTER_FIELDS,
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 10000, .def = "10000",
     .help = "Rows at most; when there are more, X-Next-Cursor of the answer is the cursor that goes on"},
    {.name = "cursor", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS | FIELD_CURSOR, .min = 1,
     .max = FIELD_CURSOR_BYTES_MAX, .help = "X-Next-Cursor of the export before"},
};
/* clang-format on */

const struct record delivery_export_query = {
    .name = "DeliveryExportQuery",
    .fields = export_fields,
    .n = ARRAY_SIZE(export_fields),
    .help = "Which deliveries",
};

static bool is_shown(const struct field *field)
{
    return (field->flags & FIELD_INTERNAL) == 0;
}

static void write_head(GString *out)
{
    bool is_first = true;
    for (size_t i = 0; i < delivery_record.n; i++) {
        if (is_shown(&delivery_record.fields[i])) {
            csv_cell(out, delivery_record.fields[i].name, is_first);
            is_first = false;
        }
    }
    csv_end_row(out);
}

static void write_row(GString *out, const json_t *delivery)
{
    bool is_first = true;
    for (size_t i = 0; i < delivery_record.n; i++) {
        const struct field *field = &delivery_record.fields[i];
        if (is_shown(field)) {
            csv_cell(out, json_string_value(json_object_get(delivery, field->name)), is_first);
            is_first = false;
        }
    }
    csv_end_row(out);
}

static void write_page(GString *out, const json_t *page)
{
    size_t i = 0;
    json_t *delivery = NULL;
    json_array_foreach(json_object_get(page, "deliveries"), i, delivery)
    {
        write_row(out, delivery);
    }
}

/* Page by page, so that only the text of all is held. cursor gets where the next export begins; NULL: there is nothing
 * more. */
static bool write_all(struct call *c, struct delivery_filter *filter, GString *out, char **cursor, struct err *e)
{
    int64_t left = filter->limit;
    while (left > 0) {
        json_auto_t *page = NULL;
        filter->limit = MIN(left, PAGE_ROWS);
        if (!delivery_list(c->db, filter, &page, e)) {
            return false;
        }
        write_page(out, page);
        g_free(*cursor);
        *cursor = g_strdup(json_string_value(json_object_get(page, "next_cursor")));
        filter->cursor = *cursor;
        left = *cursor == NULL ? 0 : left - filter->limit;
    }
    return true;
}

void api_deliveries_export(struct call *c)
{
    struct err e = ERR_INIT;
    g_autofree char *cursor = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    struct delivery_filter filter = api_delivery_filter(c);
    write_head(out);
    if (!write_all(c, &filter, out, &cursor, &e)) {
        api_delivery_list_fail(c, &e);
        return;
    }
    if (cursor != NULL) {
        response_header(c->response, "X-Next-Cursor", "%s", cursor);
    }
    response_header(c->response, "Content-Disposition", "attachment; filename=\"deliveries.csv\"");
    response_text(c->response, 200, "text/csv; charset=utf-8; header=present", out->str, out->len);
}
