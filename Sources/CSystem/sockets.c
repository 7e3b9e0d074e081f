#define _GNU_SOURCE
#include "svs_sockets.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>

static int checked(int result) { return result < 0 ? -errno : result; }

int svs_tcp_information(int fd, struct svs_tcp_info *info)
{
    struct tcp_info kernel;
    socklen_t length = sizeof kernel;
    memset(&kernel, 0, sizeof kernel);
    memset(info, 0, sizeof *info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &kernel, &length) < 0)
        return -errno;
    info->retransmits = kernel.tcpi_total_retrans;
    info->congestion_window = (uint64_t)kernel.tcpi_snd_cwnd * kernel.tcpi_snd_mss;
    info->rtt = kernel.tcpi_rtt;
    info->rtt_variance = kernel.tcpi_rttvar;
    info->path_mtu = kernel.tcpi_pmtu;
    info->send_mss = kernel.tcpi_snd_mss;
    if (length >= offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof kernel.tcpi_snd_wnd)
        info->send_window = kernel.tcpi_snd_wnd;
    return 0;
}

int svs_congestion_control(int fd, char *name)
{
    socklen_t length = 16;
    memset(name, 0, 16);
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) < 0)
        return -errno;
    name[15] = 0;
    return 0;
}

int svs_set_congestion_control(int fd, const char *name)
{
    return checked(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)));
}

static const struct { int level, name; } options[] = {
    [SVS_NO_DELAY] = { IPPROTO_TCP, TCP_NODELAY },
    [SVS_MAXIMUM_SEGMENT] = { IPPROTO_TCP, TCP_MAXSEG },
    [SVS_SEND_BUFFER] = { SOL_SOCKET, SO_SNDBUF },
    [SVS_RECEIVE_BUFFER] = { SOL_SOCKET, SO_RCVBUF },
    [SVS_REUSE_ADDRESS] = { SOL_SOCKET, SO_REUSEADDR },
    [SVS_ONLY_IPV6] = { IPPROTO_IPV6, IPV6_V6ONLY },
    [SVS_TYPE_OF_SERVICE] = { IPPROTO_IP, IP_TOS },
    [SVS_TRAFFIC_CLASS] = { IPPROTO_IPV6, IPV6_TCLASS },
    [SVS_DO_NOT_FRAGMENT] = { IPPROTO_IP, IP_MTU_DISCOVER },
    [SVS_KEEP_ALIVE] = { SOL_SOCKET, SO_KEEPALIVE },
};

int svs_set_socket_option(int fd, enum svs_socket_option option, int value)
{
    if (option == SVS_DO_NOT_FRAGMENT)
        value = value ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
    return checked(setsockopt(fd, options[option].level, options[option].name, &value, sizeof value));
}

int svs_get_socket_option(int fd, enum svs_socket_option option)
{
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, options[option].level, options[option].name, &value, &length) < 0 ? -errno : value;
}

int svs_set_pacing_rate(int fd, uint64_t rate)
{
    return checked(setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate));
}

int svs_set_socket_timeouts(int fd, unsigned milliseconds)
{
    struct timeval time = { .tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000 };
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) < 0)
        return -errno;
    return checked(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
}

int svs_accept(int fd) { return checked(accept4(fd, NULL, NULL, SOCK_CLOEXEC)); }
int svs_stream_socket(int family) { return checked(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
int svs_datagram_socket(int family) { return checked(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

int64_t svs_send_file(int socket_fd, int file_fd, uint64_t offset, uint64_t count)
{
    off_t place = (off_t)offset;
    ssize_t sent = sendfile(socket_fd, file_fd, &place, count);
    return sent < 0 ? -errno : sent;
}

void svs_thread_usage(uint64_t *user, uint64_t *system)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    *user = (uint64_t)usage.ru_utime.tv_sec * 1000000000 + (uint64_t)usage.ru_utime.tv_usec * 1000;
    *system = (uint64_t)usage.ru_stime.tv_sec * 1000000000 + (uint64_t)usage.ru_stime.tv_usec * 1000;
}

void svs_precise_sleeps(void) { prctl(PR_SET_TIMERSLACK, 1UL); }

void svs_sleep_until(uint64_t nanoseconds)
{
    struct timespec until = { .tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000) };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

int svs_wait_readable(int fd, uint64_t nanoseconds)
{
    struct timespec rest = { .tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000) };
    struct pollfd watched = { .fd = fd, .events = POLLIN };
    return checked(ppoll(&watched, 1, &rest, NULL));
}

int svs_watch_interrupts(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    return code ? -code : checked(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int svs_event(void) { return checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
