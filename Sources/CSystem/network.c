#define _GNU_SOURCE
#include "svs_network.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define CHECK(name, command)                                                                                          \
    _Static_assert(SVS_SET_##name == ETHTOOL_S##command && SVS_SET_##name == ETHTOOL_G##command + 1, #name)
CHECK(RX_CHECKSUM, RXCSUM);
CHECK(TX_CHECKSUM, TXCSUM);
CHECK(SCATTER_GATHER, SG);
CHECK(TSO, TSO);
CHECK(GSO, GSO);
CHECK(GRO, GRO);

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h since 5.14 */
#endif

int svs_bind_mount(const char *source, const char *target)
{
    return mount(source, target, "none", MS_BIND, NULL) < 0 ? -errno : 0;
}

int svs_share_mount(const char *path)
{
    if (mount("", path, "none", MS_SHARED | MS_REC, NULL) == 0)
        return 0;
    /* EINVAL: not a mount point yet. */
    if (errno != EINVAL)
        return -errno;
    if (mount(path, path, "none", MS_BIND | MS_REC, NULL) < 0)
        return -errno;
    return mount("", path, "none", MS_SHARED | MS_REC, NULL) < 0 ? -errno : 0;
}

int svs_unmount(const char *path)
{
    return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

int svs_netns_cookie(int socket_fd, uint64_t *cookie)
{
    socklen_t size = sizeof(*cookie);
    return getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size) < 0 ? -errno : 0;
}

static int ethtool(int socket_fd, const char *interface, void *command)
{
    struct ifreq request = {.ifr_data = command};
    if (strlen(interface) >= sizeof(request.ifr_name))
        return -EINVAL;
    strcpy(request.ifr_name, interface);
    return ioctl(socket_fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int svs_ethtool_set(int socket_fd, const char *interface, uint32_t command, uint32_t value)
{
    struct ethtool_value request = {.cmd = command, .data = value};
    return ethtool(socket_fd, interface, &request);
}

int svs_ethtool_get(int socket_fd, const char *interface, uint32_t command, uint32_t *value)
{
    struct ethtool_value request = {.cmd = command};
    int result = ethtool(socket_fd, interface, &request);
    *value = request.data;
    return result;
}

int svs_ethtool_driver(int socket_fd, const char *interface, char *name, size_t capacity)
{
    struct ethtool_drvinfo request = {.cmd = ETHTOOL_GDRVINFO};
    int result = ethtool(socket_fd, interface, &request);
    if (result < 0 || capacity == 0)
        return result;
    size_t length = strnlen(request.driver, sizeof(request.driver));
    if (length >= capacity)
        length = capacity - 1;
    memcpy(name, request.driver, length);
    name[length] = 0;
    return 0;
}
