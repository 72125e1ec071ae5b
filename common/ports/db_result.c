#include <stdlib.h>

#include "ports/db_internal.h"

#define CHUNK_BYTES 4096

struct memory {
    GPtrArray *cells;
    GArray *lengths_bytes;
    GStringChunk *chunk;
};

void db_cells_init(struct db_cells *cells, size_t columns)
{
    *cells = (struct db_cells){
        .columns = columns,
        .cells = g_ptr_array_new(),
        .lengths_bytes = g_array_new(FALSE, FALSE, sizeof(size_t)),
        .chunk = g_string_chunk_new(CHUNK_BYTES),
    };
}

void db_cells_add(struct db_cells *cells, const char *bytes, size_t length_bytes)
{
    char *copy = bytes == NULL ? NULL : g_string_chunk_insert_len(cells->chunk, bytes, (gssize)length_bytes);
    g_ptr_array_add(cells->cells, copy);
    g_array_append_val(cells->lengths_bytes, length_bytes);
}

static void memory_free(struct memory *memory)
{
    g_ptr_array_unref(memory->cells);
    g_array_unref(memory->lengths_bytes);
    g_string_chunk_free(memory->chunk);
    g_free(memory);
}

void db_cells_release(struct db_cells *cells)
{
    if (cells->cells == NULL) {
        return;
    }
    struct memory *memory = g_new0(struct memory, 1);
    *memory = (struct memory){cells->cells, cells->lengths_bytes, cells->chunk};
    memory_free(memory);
    *cells = (struct db_cells){0};
}

void db_cells_finish(struct db_cells *cells, struct db_result *result, uint64_t affected)
{
    struct memory *memory = g_new0(struct memory, 1);
    *memory = (struct memory){cells->cells, cells->lengths_bytes, cells->chunk};
    *result = (struct db_result){
        .rows = cells->columns == 0 ? 0 : cells->cells->len / cells->columns,
        .columns = cells->columns,
        .affected = affected,
        .cells = (char **)memory->cells->pdata,
        .lengths_bytes = (size_t *)(void *)memory->lengths_bytes->data,
        .memory = memory,
    };
    *cells = (struct db_cells){0};
}

void db_result_release(struct db_result *r)
{
    if (r->memory != NULL) {
        memory_free(r->memory);
    }
    *r = (struct db_result){0};
}

const char *db_cell(const struct db_result *r, size_t row, size_t column)
{
    g_assert(row < r->rows && column < r->columns);
    return r->cells[row * r->columns + column];
}

int64_t db_cell_int(const struct db_result *r, size_t row, size_t column)
{
    const char *text = db_cell(r, row, column);
    return text == NULL ? 0 : g_ascii_strtoll(text, NULL, 10);
}
