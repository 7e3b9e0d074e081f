#define _GNU_SOURCE
#include "svs_events.h"

#include <stddef.h>
#include <time.h>

int svs_epoll_wait(int epoll, struct epoll_event *events, int room, int64_t nanoseconds) {
  if (nanoseconds < 0) return epoll_pwait2(epoll, events, room, NULL, NULL);
  struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  return epoll_pwait2(epoll, events, room, &time, NULL);
}
