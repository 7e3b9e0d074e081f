#ifndef SVS_OUTPUT_H
#define SVS_OUTPUT_H

/* At the program's end, standard output that could not be written is told on standard error, and the status is 1. */
void svs_guard_output(const char *program);

#endif
