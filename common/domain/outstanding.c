#include <glib.h>
#include <string.h>

#include "domain/outstanding.h"

enum slot_state { SLOT_SETTLED, SLOT_WAITING, SLOT_RETURNED };

struct slot {
    enum slot_state state;
    int64_t published_us;
    struct dispatch_entry entry;
};

struct outstanding {
    size_t capacity;
    size_t count;   /* unsettled */
    uint64_t first; /* the oldest unsettled number, or next */
    uint64_t next;  /* the number that the next message gets */
    struct slot slots[];
};

static struct slot *slot_of(struct outstanding *o, uint64_t sequence)
{
    return &o->slots[sequence % o->capacity];
}

struct outstanding *outstanding_new(size_t capacity)
{
    struct outstanding *o = g_malloc0(sizeof(*o) + capacity * sizeof(struct slot));
    o->capacity = capacity;
    o->first = 1;
    o->next = 1;
    return o;
}

void outstanding_free(struct outstanding *o)
{
    g_free(o);
}

size_t outstanding_clear(struct outstanding *o)
{
    size_t count = o->count;
    for (size_t i = 0; i < o->capacity; i++) {
        o->slots[i].state = SLOT_SETTLED;
    }
    o->count = 0;
    o->first = 1;
    o->next = 1;
    return count;
}

size_t outstanding_count(const struct outstanding *o)
{
    return o->count;
}

bool outstanding_has_room(const struct outstanding *o)
{
    return o->next - o->first < o->capacity;
}

void outstanding_add(struct outstanding *o, uint64_t sequence, const struct dispatch_entry *entry, int64_t now_us)
{
    g_assert(sequence == o->next && outstanding_has_room(o));
    struct slot *slot = slot_of(o, sequence);
    *slot = (struct slot){.state = SLOT_WAITING, .published_us = now_us, .entry = *entry};
    slot->entry.body = NULL;
    o->next++;
    o->count++;
}

int64_t outstanding_oldest_us(const struct outstanding *o)
{
    return o->count == 0 ? INT64_MAX : o->slots[o->first % o->capacity].published_us;
}

void outstanding_returned(struct outstanding *o, const char *job_id, int64_t attempt)
{
    for (uint64_t s = o->first; s < o->next; s++) {
        struct slot *slot = slot_of(o, s);
        const struct job_ref *ref = &slot->entry.job.ref;
        if (slot->state == SLOT_WAITING && ref->attempt == attempt && strcmp(ref->id, job_id) == 0) {
            slot->state = SLOT_RETURNED;
        }
    }
}

static bool settle_one(struct outstanding *o, uint64_t sequence, outstanding_fn *fn, void *arg)
{
    struct slot *slot = slot_of(o, sequence);
    if (slot->state == SLOT_SETTLED) {
        return false;
    }
    bool is_returned = slot->state == SLOT_RETURNED;
    slot->state = SLOT_SETTLED;
    o->count--;
    fn(arg, &slot->entry, is_returned);
    return true;
}

size_t outstanding_settle(struct outstanding *o, uint64_t tag, bool multiple, outstanding_fn *fn, void *arg)
{
    uint64_t last = tag == 0 && multiple ? o->next - 1 : tag; /* AMQP: 0 with multiple means all */
    if (last < o->first || last >= o->next) {
        return 0;
    }
    size_t settled = 0;
    for (uint64_t s = multiple ? o->first : last; s <= last; s++) {
        settled += settle_one(o, s, fn, arg) ? 1 : 0;
    }
    while (o->first < o->next && slot_of(o, o->first)->state == SLOT_SETTLED) {
        o->first++;
    }
    return settled;
}
