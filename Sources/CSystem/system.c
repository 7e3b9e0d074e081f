#define _GNU_SOURCE
#include "svs_system.h"

#include <sched.h>

int svs_setns(int fd, int nstype) { return setns(fd, nstype); }

int svs_unshare(int flags) { return unshare(flags); }
