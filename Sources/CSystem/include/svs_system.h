/* System calls and constants that Swift cannot reach: variadic functions, macros, raw syscalls. */
#pragma once
/* No headers of libc here: what they declare depends on feature macros, and clang modules must agree on it. */
#include <stdint.h>

/* setns(2), unshare(2) and mount(2) live behind feature macros that Glibc's module does not set. */
int svs_setns(int fd, int nstype);
int svs_unshare(int flags);

#define SVS_CLONE_NEWNET 0x40000000
#define SVS_CLONE_NEWNS 0x00020000

/* mount(2) of a bpf file system at `path`, in `folder`; 0 or a negative errno. Where the eldest ancestor has another
   mount namespace it is mounted there, from where it spreads: `ip netns exec` throws its own away. */
int svs_mount_bpffs(const char *folder, const char *path);
/* Whether `path` lies on a bpf file system (statfs(2)). */
int svs_is_bpffs(const char *path);
