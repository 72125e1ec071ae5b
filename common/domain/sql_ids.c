#include "domain/sql_ids.h"

#include "ground/base.h"

static const size_t lengths[] = {1, 4, 16, 64, 256};

size_t sql_ids_slots(size_t n)
{
    g_assert(n > 0);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        if (n <= lengths[i]) {
            return lengths[i];
        }
    }
    size_t step = lengths[ARRAY_SIZE(lengths) - 1];
    return (n + step - 1) / step * step;
}

void sql_ids_append(GString *sql, size_t n)
{
    size_t slots = sql_ids_slots(n);
    g_string_append_c(sql, '(');
    for (size_t i = 0; i < slots; i++) {
        g_string_append(sql, i == 0 ? "?" : ", ?");
    }
    g_string_append_c(sql, ')');
}

void sql_ids_fill(struct db_param *params, const char *const *ids, size_t n)
{
    size_t slots = sql_ids_slots(n);
    for (size_t i = 0; i < slots; i++) {
        params[i] = db_text(ids[MIN(i, n - 1)]);
    }
}

GPtrArray *sql_ids_of(const char *id)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(ids, g_strdup(id));
    return ids;
}

bool sql_ids_run(struct db *db, struct db_result *ret, struct err *e, const char *head, const struct db_param *params,
                 size_t n_params, const GPtrArray *ids, const char *tail)
{
    size_t slots = sql_ids_slots(ids->len);
    g_autoptr(GString) sql = g_string_sized_new(1024);
    g_autofree struct db_param *all = g_new(struct db_param, n_params + slots);
    for (size_t i = 0; i < n_params; i++) {
        all[i] = params[i];
    }
    sql_ids_fill(&all[n_params], (const char *const *)(void *)ids->pdata, ids->len);
    g_string_append(sql, head);
    sql_ids_append(sql, ids->len);
    g_string_append(sql, tail);
    return db_run(db, ret, e, sql->str, all, n_params + slots);
}
