#include "idempotent.h"

#include <stdlib.h>
#include <string.h>

#include "ground/json.h"

#define BUSY_RETRY_S 1

static void text_cleanup(char **text)
{
    free(*text);
}

bool idempotent_key(const struct call *c, int64_t status, struct idempotency *ret)
{
    if (!c->has_idempotency_key) {
        return false;
    }
    char *canonical CLEANUP(text_cleanup) = json_dump_canonical(c->body);
    g_autofree char *asked = g_strconcat(c->path_value, canonical, NULL);
    g_autofree char *scope = g_strconcat(c->route->operation, "\n", c->who.sub, "\n", c->idempotency_key, NULL);
    *ret = (struct idempotency){.organization_id = c->who.org, .status = status};
    seal_sha256(scope, strlen(scope), ret->scope);
    seal_sha256(asked, strlen(asked), ret->request);
    return true;
}

bool idempotent_answer(struct call *c, const struct idempotency *key, bool is_repeated)
{
    struct err e = ERR_INIT;
    enum idempotency_state state = IDEMPOTENCY_NEW;
    CLEANUP(idempotency_answer_release) struct idempotency_answer answer = {.status = 0};
    if (!idempotency_find(c->db, key, &state, &answer, &e)) {
        call_fail(c, &e);
        return true;
    }
    if (state == IDEMPOTENCY_OTHER) {
        response_problem(c->response, 422, "idempotency_key_reused",
                         "This Idempotency-Key was used for a request with another body.");
    } else if (state == IDEMPOTENCY_ANSWERED) {
        if (is_repeated) {
            response_header(c->response, "Idempotency-Replayed", "true");
        }
        if (answer.location != NULL) {
            response_header(c->response, "Location", "%s", answer.location);
        }
        response_json_text(c->response, (int)answer.status, answer.body, strlen(answer.body));
    }
    return state != IDEMPOTENCY_NEW;
}

void idempotent_answer_busy(struct call *c)
{
    response_header(c->response, "Retry-After", "%d", BUSY_RETRY_S);
    response_problem(c->response, 409, "idempotency_key_in_use",
                     "A request with this Idempotency-Key is still being worked on. Try again shortly.");
}
