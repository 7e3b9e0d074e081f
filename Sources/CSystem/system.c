#define _GNU_SOURCE
#include "svs_system.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>

int svs_setns(int fd, int nstype) { return setns(fd, nstype); }

int svs_unshare(int flags) { return unshare(flags); }

int svs_mount_bpffs(const char *path)
{
    return mount("bpf", path, "bpf", 0, "mode=0700") ? -errno : 0;
}

int svs_is_bpffs(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == 0xcafe4a11; /* BPF_FS_MAGIC, linux/magic.h */
}
