#include "flows.h"

struct flow {
    uint32_t key;
    GQueue items;
};

void flows_init(struct flows *f)
{
    g_queue_init(&f->turns);
    f->by_key = g_hash_table_new(NULL, NULL);
    f->length = 0;
}

void flows_release(struct flows *f, GDestroyNotify free_item)
{
    for (void *item = flows_pop(f); item != NULL; item = flows_pop(f)) {
        free_item(item);
    }
    g_hash_table_unref(f->by_key);
}

void flows_push(struct flows *f, uint32_t key, void *item)
{
    struct flow *flow = g_hash_table_lookup(f->by_key, GUINT_TO_POINTER(key));
    if (flow == NULL) {
        flow = g_new0(struct flow, 1);
        flow->key = key;
        g_queue_push_tail(&f->turns, flow);
        g_hash_table_insert(f->by_key, GUINT_TO_POINTER(key), flow);
    }
    g_queue_push_tail(&flow->items, item);
    f->length++;
}

void *flows_peek(const struct flows *f)
{
    const struct flow *flow = f->turns.head == NULL ? NULL : f->turns.head->data;
    return flow == NULL ? NULL : flow->items.head->data;
}

/* Of a flow that is in nobody's queue at the moment. */
static void *pop_of(struct flows *f, struct flow *flow)
{
    void *item = g_queue_pop_head(&flow->items);
    f->length--;
    if (g_queue_is_empty(&flow->items)) {
        g_hash_table_remove(f->by_key, GUINT_TO_POINTER(flow->key));
        g_free(flow);
    } else {
        g_queue_push_tail(&f->turns, flow);
    }
    return item;
}

void *flows_pop(struct flows *f)
{
    struct flow *flow = g_queue_pop_head(&f->turns);
    return flow == NULL ? NULL : pop_of(f, flow);
}

static GList *find(const struct flows *f, bool (*is_wanted)(const void *item, const void *arg), const void *arg)
{
    for (GList *link = f->turns.head; link != NULL; link = link->next) {
        const struct flow *flow = link->data;
        if (is_wanted(flow->items.head->data, arg)) {
            return link;
        }
    }
    return NULL;
}

void *flows_peek_if(const struct flows *f, bool (*is_wanted)(const void *item, const void *arg), const void *arg)
{
    const GList *link = find(f, is_wanted, arg);
    return link == NULL ? NULL : ((const struct flow *)link->data)->items.head->data;
}

void *flows_pop_if(struct flows *f, bool (*is_wanted)(const void *item, const void *arg), const void *arg)
{
    GList *link = find(f, is_wanted, arg);
    if (link == NULL) {
        return NULL;
    }
    struct flow *flow = link->data;
    g_queue_delete_link(&f->turns, link);
    return pop_of(f, flow);
}
