/* Sockets, threads and signals as measuring programs need them, where Glibc's module shows too little to Swift. */
#pragma once
#include <stdint.h>

/* What TCP_INFO (tcp(7), linux/tcp.h) says of a connection's sender; 0 in a field that the kernel does not have. */
struct svs_tcp_info {
    uint64_t retransmits;         /* segments, since the connection began */
    uint64_t send_window;         /* octets that the peer offers (kernel 5.4) */
    uint64_t congestion_window;   /* octets */
    uint32_t rtt, rtt_variance;   /* microseconds */
    uint32_t path_mtu;            /* octets */
    uint32_t send_mss;            /* octets */
};
int svs_tcp_information(int fd, struct svs_tcp_info *info);

/* TCP_CONGESTION: the name that is in use; `name` has 16 octets. 0, or a negative errno. */
int svs_congestion_control(int fd, char *name);
int svs_set_congestion_control(int fd, const char *name);

enum svs_socket_option {
    SVS_NO_DELAY, SVS_MAXIMUM_SEGMENT, SVS_SEND_BUFFER, SVS_RECEIVE_BUFFER, SVS_REUSE_ADDRESS, SVS_ONLY_IPV6,
    SVS_TYPE_OF_SERVICE, SVS_TRAFFIC_CLASS, SVS_DO_NOT_FRAGMENT, SVS_KEEP_ALIVE,
};
/* One integer option of setsockopt(2) and getsockopt(2); 0 or the value, or a negative errno. */
int svs_set_socket_option(int fd, enum svs_socket_option option, int value);
int svs_get_socket_option(int fd, enum svs_socket_option option);
/* SO_MAX_PACING_RATE, octets a second. */
int svs_set_pacing_rate(int fd, uint64_t rate);
/* SO_SNDTIMEO and SO_RCVTIMEO. */
int svs_set_socket_timeouts(int fd, unsigned milliseconds);

/* accept4(2) and socket(2) with SOCK_CLOEXEC; `type` is SOCK_STREAM or SOCK_DGRAM. A negative errno on failure. */
int svs_accept(int fd);
int svs_stream_socket(int family);
int svs_datagram_socket(int family);

/* sendfile(2) from the beginning of a file: octets sent, or a negative errno. */
int64_t svs_send_file(int socket_fd, int file_fd, uint64_t offset, uint64_t count);

/* Processor time of the calling thread, nanoseconds (getrusage(2), RUSAGE_THREAD). */
void svs_thread_usage(uint64_t *user, uint64_t *system);
/* Sleeps until a moment of CLOCK_MONOTONIC, nanoseconds; sleeps of this thread are no longer rounded up by 50 us. */
void svs_precise_sleeps(void);
void svs_sleep_until(uint64_t nanoseconds);
/* ppoll(2): 1 if the descriptor became readable within so many nanoseconds, else 0 or a negative errno. */
int svs_wait_readable(int fd, uint64_t nanoseconds);

/* Blocks SIGINT, SIGTERM and SIGHUP for this thread and those it starts, ignores SIGPIPE, and makes a descriptor that
 * becomes readable when one of the three comes. A negative errno on failure. */
int svs_watch_interrupts(void);
/* eventfd(2), not blocking. */
int svs_event(void);
