#define _GNU_SOURCE
#include "svs_processors.h"
#include <errno.h>
#include <sched.h>

int svs_get_processors(struct svs_processors *processors) {
    *processors = (struct svs_processors){0};
    return sched_getaffinity(0, sizeof *processors, (cpu_set_t *)processors) < 0 ? -errno : 0;
}

int svs_set_processors(const struct svs_processors *processors) {
    return sched_setaffinity(0, sizeof *processors, (const cpu_set_t *)processors) < 0 ? -errno : 0;
}
