#include "versioned.h"

static void add_tag(struct call *c, int64_t version)
{
    char tag[ETAG_BYTES];
    etag_format(version, tag);
    response_header(c->response, "ETag", "%s", tag);
}

void versioned_answer(struct call *c, int status, const json_t *row, int64_t version)
{
    add_tag(c, version);
    response_json(c->response, status, row);
}

static void answer_stale(struct call *c, const struct versioned *v, int64_t version)
{
    if (version > 0) {
        add_tag(c, version);
    }
    response_problem(c->response, 412, "precondition_failed", v->stale);
}

/* 0: there is no row, and there need not be one. False: the failure has been answered. */
static bool read_now(struct call *c, const struct versioned *v, int64_t *ret)
{
    struct err e = ERR_INIT;
    *ret = 0;
    if (v->read(c, v->key, ret, &e) || (v->may_be_missing && e.code == ERR_NOT_FOUND)) {
        return true;
    }
    call_fail(c, &e);
    return false;
}

bool versioned_choose(struct call *c, const struct versioned *v, int64_t *ret)
{
    int64_t version = 0;
    *ret = -1;
    if (!c->has_if_match) {
        return true;
    }
    if (!read_now(c, v, &version)) {
        return false;
    }
    if (version == 0 || !(c->if_match.any || etag_matches_strongly(&c->if_match, version))) {
        answer_stale(c, v, version);
        return false;
    }
    *ret = c->if_match.any ? -1 : version;
    return true;
}

void versioned_fail(struct call *c, const struct versioned *v, const struct err *e)
{
    int64_t version = 0;
    if (e->code != ERR_CONFLICT) {
        call_fail(c, e);
    } else if (read_now(c, v, &version)) {
        answer_stale(c, v, version);
    }
}
