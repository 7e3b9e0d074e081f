#ifndef SVS_OUTPUT_H
#define SVS_OUTPUT_H
#include <stddef.h>

/* At the program's end, standard output that could not be written is told on standard error, and the status is 1. */
void svs_guard_output(const char *program);

/* Writes all of a text to standard output at once, past stdio; what is lost is told at the end as everything else. */
void svs_write_output(const char *text, size_t length);

#endif
