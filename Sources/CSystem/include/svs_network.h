/* What the Netlink and Lab modules need of the kernel beyond what Glibc's module shows to Swift. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* mount(2) and umount2(2); a negative errno on failure. */
int svs_bind_mount(const char *source, const char *target);
/* Makes `path` a mount of its own, shared with other mount namespaces, as iproute2 does for /run/netns. */
int svs_share_mount(const char *path);
int svs_unmount(const char *path);

/* setsockopt/getsockopt SO_NETNS_COOKIE (socket(7), kernel 5.14): the cookie, or a negative errno. */
int svs_netns_cookie(int socket_fd, uint64_t *cookie);

/* One ethtool_value command of SIOCETHTOOL (linux/ethtool.h): sets or gets a 32-bit value; negative errno on failure. */
int svs_ethtool_set(int socket_fd, const char *interface, uint32_t command, uint32_t value);
int svs_ethtool_get(int socket_fd, const char *interface, uint32_t command, uint32_t *value);
/* ETHTOOL_GDRVINFO: the driver's name, always terminated. */
int svs_ethtool_driver(int socket_fd, const char *interface, char *name, size_t capacity);

/* ETHTOOL_S*; the ETHTOOL_G* that reads the same thing is the number before. */
enum {
    SVS_SET_RX_CHECKSUM = 0x15,
    SVS_SET_TX_CHECKSUM = 0x17,
    SVS_SET_SCATTER_GATHER = 0x19,
    SVS_SET_TSO = 0x1f,
    SVS_SET_GSO = 0x24,
    SVS_SET_GRO = 0x2c,
};
