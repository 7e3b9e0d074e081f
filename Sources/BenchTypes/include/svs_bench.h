/* What the bench's programs in the kernel are told, and what they tell. */
#pragma once
#include <stdint.h>
#include "svs_wire.h"

/* The frames of a run. Flow i comes from client + i / 16384, port 1024 + i % 16384, and goes to service + i % services;
   replies travel the other way. Addresses, ports and the MAC are in network byte order; only an address's last word
   counts up. */
struct svs_bench_plan {
    struct svs_addr client, service;
    uint32_t flows, services, next;
    uint32_t ifindex;            /* where `generate` sends to */
    uint16_t port;               /* of the service, or of the server that replies */
    uint8_t proto, family;       /* 6 or 17; 2 or 10 */
    uint8_t tcp_flags;
    uint8_t mac[6];              /* of the director's device */
    uint8_t replies;             /* the frames go from service to client */
    uint16_t length;             /* of the frame */
    uint16_t reserved2;
};

/* What arrived at the servers. */
struct svs_bench_arrivals { uint64_t frames, moved; };

#define SVS_BENCH_FLOWS_PER_ADDRESS 16384u
#define SVS_BENCH_FIRST_PORT 1024u
#define SVS_BENCH_MAX_FLOWS (1u << 20)
