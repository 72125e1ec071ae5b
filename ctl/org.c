#include <stdio.h>
#include <sysexits.h>

#include "ctl.h"
#include "domain/organization.h"

int org_add_command(struct ctl *ctl)
{
    static const GOptionEntry none[] = {{.long_name = NULL}};
    int exit_code = EX_OK;
    if (!ctl_parse(ctl, none, 1, 2, &exit_code)) {
        return exit_code;
    }
    const char *id = ctl->argv[1];
    const char *name = ctl->argc > 2 ? ctl->argv[2] : NULL;
    struct err e = ERR_INIT;
    bool added = false;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!organization_add(db, id, name, &added, &e)) {
        return e.code == ERR_INVALID ? ctl_usage(ctl, "%s", e.text) : ctl_fail(&e);
    }
    (void)printf("Organization %s %s\n", id, added ? "added" : "is there already");
    return EX_OK;
}
