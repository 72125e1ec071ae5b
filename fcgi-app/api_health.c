/*
 * api_health.c: for load balancers and supervisors. Not authenticated, and says nothing that would need it.
 */
#include "api.h"
#include "ground/clock.h"

void api_healthz(struct call *c)
{
    json_auto_t *body = json_pack("{s:s}", "status", "ok");
    response_json(c->response, 200, body);
}

static bool database_answers(struct call *c)
{
    if (clock_mono_us() < atomic_load(&c->api->db_down_until_us)) {
        return false;
    }
    bool answers = db_run(c->db, NULL, &c->cause, "SELECT 1", DB_NO_PARAMS);
    if (!answers) {
        struct err cause = c->cause;
        call_fail(c, &cause);
    }
    return answers;
}

void api_readyz(struct call *c)
{
    bool has_database = database_answers(c);
    bool has_broker = dispatcher_is_ready(c->api->dispatcher);
    const char *status = !has_database ? "unavailable" : has_broker ? "ready" : "degraded";
    json_auto_t *body = json_pack("{s:s, s:{s:s, s:s}}", "status", status, "components", "database",
                                  has_database ? "ok" : "unavailable", "broker", has_broker ? "ok" : "unavailable");
    response_json(c->response, has_database ? 200 : 503, body);
}
