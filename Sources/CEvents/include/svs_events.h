/* The kernel's readiness interface, which the Glibc module leaves out. */
#ifndef SVS_EVENTS_H
#define SVS_EVENTS_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <stdint.h>

/* What every connection is watched for: edges, so that one registration lasts for its life. */
static const uint32_t SVS_WATCH_VALUE = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

/* epoll_pwait2(2) with nanoseconds (Linux 5.11); negative waits for ever. */
int svs_epoll_wait(int epoll, struct epoll_event *events, int room, int64_t nanoseconds);

#endif
