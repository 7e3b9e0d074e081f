/* What the bench's programs in the kernel are told, and what they tell. */
#pragma once
#include <stdint.h>

#define SVS_BENCH_IPV4_FRAME 64u
#define SVS_BENCH_IPV6_FRAME 84u

/* The frames of a run. Flow i comes from client + i / 16384, port 1024 + i % 16384, and goes to service + i % services;
   replies travel the other way. */
struct svs_bench_plan {
    uint8_t head[88];            /* the frame as it is but for what a flow changes: both addresses' last words, the
                                    client's port, checksums */
    uint64_t network_sum;        /* of the IPv4 header, without what changes */
    uint64_t transport_sum;      /* of the transport's pseudo-header and segment, without what changes */
    uint32_t client, service;    /* the last words of the first addresses, host order */
    uint32_t flows, services, next;
    uint32_t ifindex;            /* where `generate` sends to */
    uint8_t proto, family;       /* 6 or 17; 2 or 10 */
    uint8_t replies;             /* the frames go from service to client */
    uint8_t marks;               /* the receiver notes which flow has reached which server */
    uint16_t length;             /* of the frame */
    uint16_t reserved;
    uint32_t arriving;           /* the first of the addresses that frames arrive from, host order */
};

/* What arrived at the servers. */
struct svs_bench_arrivals { uint64_t frames, moved; };

#define SVS_BENCH_FLOWS_PER_ADDRESS 16384u
#define SVS_BENCH_FIRST_PORT 1024u
#define SVS_BENCH_MAX_FLOWS (1u << 20)
