/* Starting and ending processes where posix_spawn(3)'s extensions or raw system calls are needed. */
#pragma once

/* A process id is an int, as in glibc; no headers of libc for the reason given in svs_system.h. */

struct svs_spawn_options {
    /* Descriptors that become 0, 1 and 2; every other one is closed in the child. */
    int input, output, errors;
    /* The child's working directory, or NULL for the parent's. */
    const char *folder;
    /* A folder whose files stand in /etc for the child alone, as /etc/netns/NAME does for ip-netns(8); or NULL. */
    const char *etc;
};

/* Lets the files of `folder` stand in /etc for the calling thread and what it starts or becomes: a negative errno where
 * one of them cannot. The thread has a mount namespace of its own from here on. */
int svs_own_etc(const char *folder);

/* Starts a program, found along PATH, in a session of its own with default signals and this environment: 0, or a negative errno.
 * The child belongs to the calling thread's network namespace. */
int svs_spawn(int *pid, char *const *arguments, const struct svs_spawn_options *options);

/* pidfd_open(2) and pidfd_send_signal(2): glibc 2.36 has them, but not in a header that Swift imports. */
int svs_pidfd_open(int pid);
int svs_pidfd_signal(int pidfd, int signal);

/* 0 for the only lock, -EWOULDBLOCK where somebody holds it and `wait` is 0, another negative errno. */
int svs_lock_file(int fd, int wait);

/* waitpid(2) without waiting, with the macros that Swift cannot see: 1 if it ended and was collected, 0 if it runs,
 * a negative errno; `code` is the exit code or the signal's number. */
int svs_collect(int pid, int *was_signalled, int *code);

/* memfd_create(2), closed on exec: a file without a name; a negative errno on failure. */
int svs_memory_file(const char *name);

/* unshare(2) of CLONE_FILES: from here on the calling thread has a table of descriptors, and a limit, of its own. */
int svs_own_descriptors(void);
