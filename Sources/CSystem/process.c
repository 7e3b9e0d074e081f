#define _GNU_SOURCE
#include "svs_process.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int svs_own_etc(const char *folder)
{
    DIR *files = opendir(folder);
    if (!files)
        return -errno;
    /* What is mounted from here on stays here; what others unmount goes here too. */
    int result = unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_SLAVE | MS_REC, NULL) ? -errno : 0;
    struct dirent *entry;
    while (!result && (entry = readdir(files))) {
        char source[4096], target[512];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(source, sizeof source, "%s/%s", folder, entry->d_name);
        snprintf(target, sizeof target, "/etc/%s", entry->d_name);
        if (mount(source, target, NULL, MS_BIND, NULL))
            result = -errno;
    }
    closedir(files);
    return result;
}

static int spawn(pid_t *pid, char *const *arguments, const struct svs_spawn_options *options)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int result = posix_spawn_file_actions_init(&actions);
    if (result)
        return -result;
    result = posix_spawnattr_init(&attributes);
    if (result) {
        posix_spawn_file_actions_destroy(&actions);
        return -result;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int descriptors[] = {options->input, options->output, options->errors};
    for (int number = 0; number < 3 && !result; number++)
        result = posix_spawn_file_actions_adddup2(&actions, descriptors[number], number);
    if (!result)
        result = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (!result && options->folder)
        result = posix_spawn_file_actions_addchdir_np(&actions, options->folder);
    if (!result)
        result = posix_spawnp(pid, arguments[0], &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -result;
}

struct spawning {
    pid_t *pid;
    char *const *arguments;
    const struct svs_spawn_options *options;
    int result;
};

static void *spawn_with_own_etc(void *argument)
{
    struct spawning *spawning = argument;
    spawning->result = svs_own_etc(spawning->options->etc);
    if (!spawning->result)
        spawning->result = spawn(spawning->pid, spawning->arguments, spawning->options);
    return NULL;
}

int svs_spawn(pid_t *pid, char *const *arguments, const struct svs_spawn_options *options)
{
    if (!options->etc)
        return spawn(pid, arguments, options);
    /* On a thread of its own, which is in the caller's network namespace and whose mounts are gone with it. */
    struct spawning spawning = {pid, arguments, options, 0};
    pthread_t thread;
    int result = pthread_create(&thread, NULL, spawn_with_own_etc, &spawning);
    if (result)
        return -result;
    pthread_join(thread, NULL);
    return spawning.result;
}

int svs_pidfd_open(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

int svs_pidfd_signal(int pidfd, int signal)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int svs_lock_file(int fd, int wait)
{
    int result;
    do
        result = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int svs_collect(pid_t pid, int *was_signalled, int *code)
{
    int status = 0;
    pid_t collected = waitpid(pid, &status, WNOHANG);
    if (collected < 0)
        return -errno;
    if (collected == 0)
        return 0;
    *was_signalled = WIFSIGNALED(status);
    *code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    return 1;
}

int svs_memory_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int svs_own_descriptors(void) { return unshare(CLONE_FILES) < 0 ? -errno : 0; }
