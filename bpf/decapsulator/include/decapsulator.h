/* What the decapsulator and the program that loads it agree on. */
#pragma once
#include <stdint.h>

/* IPv4 stands as an IPv4-mapped IPv6 address, ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). Network byte order. */
struct svs_decap_address {
    uint32_t words[4];
};

/* What an address is to a real server. */
enum {
    /* RIP: the outer destination of what is unpacked. */
    SVS_DECAP_TUNNEL_END = 1,
    /* VIP: the inner destination of what is unpacked. */
    SVS_DECAP_VIP = 2,
};

/* Why packets of the tunnels' protocols went the way they did. */
enum {
    SVS_DECAP_UNPACKED = 0,
    /* Meant for a tunnel of somebody else's. */
    SVS_DECAP_OTHER_TUNNEL = 1,
    /* To a RIP, but what is inside is not for a VIP. */
    SVS_DECAP_OTHER_DESTINATION = 2,
    SVS_DECAP_FRAGMENT = 3,
    SVS_DECAP_MALFORMED = 4,
    /* A router saw congestion and the inner packet cannot say so (RFC 6040, 4.2). */
    SVS_DECAP_CONGESTED = 5,
    SVS_DECAP_REASONS = 6,
};
