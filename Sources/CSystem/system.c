#define _GNU_SOURCE
#include "svs_system.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>

int svs_setns(int fd, int nstype) { return setns(fd, nstype); }

int svs_unshare(int flags) { return unshare(flags); }

static int mount_bpffs(const char *path)
{
    return mount("bpf", path, "bpf", 0, "mode=0700") ? -errno : 0;
}

/* The parent of a process, 0 where it cannot be told (proc(5), stat: the fourth field, behind a name in brackets). */
static pid_t parent_of(pid_t process)
{
    char name[40], text[512];
    int parent = 0;
    snprintf(name, sizeof name, "/proc/%d/stat", (int)process);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    text[count > 0 ? count : 0] = 0;
    char *end = strrchr(text, ')');
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/* The mount namespace of this process's eldest ancestor that may be asked, if it is not this one's own. */
static int elder_mounts(void)
{
    struct stat own, theirs;
    int found = -1;
    if (stat("/proc/self/ns/mnt", &own))
        return -1;
    for (pid_t process = getppid(); process > 0; process = parent_of(process)) {
        char name[40];
        snprintf(name, sizeof name, "/proc/%d/ns/mnt", (int)process);
        if (stat(name, &theirs))
            continue;
        if (found >= 0)
            close(found);
        found = theirs.st_ino == own.st_ino ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    }
    return found;
}

int svs_mount_bpffs(const char *folder, const char *path)
{
    int elder = elder_mounts();
    if (elder < 0)
        return mount_bpffs(path);
    pid_t child = fork();
    if (child == 0) {
        if (setns(elder, SVS_CLONE_NEWNS))
            _exit(errno);
        mkdir(folder, 0755);
        mkdir(path, 0755);
        _exit(svs_is_bpffs(path) ? 0 : -mount_bpffs(path));
    }
    int status = 0, result = -errno;
    if (child > 0) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        result = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
    }
    if (result == 0 && !svs_is_bpffs(path)) {
        /* Nothing spreads here: this process goes there, as long as it lives. */
        char *folder_now = getcwd(NULL, 0);
        if (setns(elder, SVS_CLONE_NEWNS) == 0 && folder_now && chdir(folder_now))
            errno = 0;
        free(folder_now);
    }
    close(elder);
    return result;
}

int svs_is_bpffs(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == 0xcafe4a11; /* BPF_FS_MAGIC, linux/magic.h */
}
