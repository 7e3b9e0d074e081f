/* The processors that a thread may run on (sched_setaffinity(2)), which Glibc's module leaves out. */
#pragma once

struct svs_processors { unsigned long bits[16]; };

/* Of the calling thread; 0, or a negative errno. */
int svs_get_processors(struct svs_processors *processors);
int svs_set_processors(const struct svs_processors *processors);
