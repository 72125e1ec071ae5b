#include "ctl.h"
int verify_command(struct ctl *ctl)
{
    return ctl_usage(ctl, "not written yet");
}
