#include "svs_output.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char program_name[32];
/* Why svs_write_output first lost something; any thread may have. */
static atomic_int first_loss;

static void judge_output(void)
{
    /* What was lost earlier has no reason any more, only its mark. */
    int lost = ferror(stdout);
    int reason = fflush(stdout) ? errno : 0;
    if (!reason)
        reason = atomic_load(&first_loss);
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

void svs_write_output(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t count = write(STDOUT_FILENO, text, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            int none = 0;
            atomic_compare_exchange_strong(&first_loss, &none, count < 0 ? errno : EIO);
            return;
        }
        text += count;
        length -= (size_t)count;
    }
}
