#include "svs_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char program_name[32];

static void judge_output(void)
{
    /* What was lost earlier has no reason any more, only its mark. */
    int lost = ferror(stdout);
    int reason = fflush(stdout) ? errno : 0;
    if (!lost && !reason)
        return;
    dprintf(STDERR_FILENO, "%s: standard output could not be written%s%s\n", program_name, reason ? ": " : "",
            reason ? strerror(reason) : "");
    _exit(1);
}

void svs_guard_output(const char *program)
{
    snprintf(program_name, sizeof program_name, "%s", program);
    atexit(judge_output);
}
