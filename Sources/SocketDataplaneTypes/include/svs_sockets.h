/* What the socket hooks and the program that loads them agree on: change a layout, raise SVS_SOCK_LAYOUT. */
#pragma once
#include <stdint.h>

#define SVS_SOCK_LAYOUT 1u

/* An address with a port, or a service by them. IPv4 stands as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2); network order. */
struct svs_sock_address {
    uint32_t words[4];
    uint16_t port;
    uint8_t protocol;            /* 6 or 17 */
    uint8_t zero;
};

/* What an address leads to: read whole, as one word. */
struct svs_sock_entry {
    uint32_t service;            /* index of svs_sock_services */
    uint32_t echo;               /* of the address it stands under; see ServiceEntry */
};

/* One service, however many addresses lead to it. */
struct svs_sock_service {
    uint64_t turn;               /* of round robin: how many were chosen so far */
    uint64_t list;               /* first slot << 32 | how many endpoints: read and written whole */
    uint64_t connections;        /* sockets that were given an endpoint */
    uint64_t refusals;           /* for want of an endpoint */
    struct svs_sock_address address;   /* the cluster IP's; protocol 0: nobody's record */
    uint32_t affinity_seconds;   /* 0: none */
    uint64_t zero;
};

/* One endpoint of one service. */
struct svs_sock_endpoint {
    struct svs_sock_address address;
    uint32_t service;
    uint32_t serial;             /* of this life of the record; 0: the endpoint is gone */
    uint32_t zero;
    uint64_t connections;
};

/* An endpoint that somebody remembers: still there if the record's serial is the same. */
struct svs_sock_memory {
    uint32_t endpoint;
    uint32_t serial;
    uint64_t used_ns;            /* since boot */
};

/* Who remembers: a client, by its network namespace's cookie, or a socket that sends, by its own. */
struct svs_sock_owner {
    uint64_t cookie;
    uint32_t service;
    uint32_t zero;
};

/* Whence datagrams come to a socket that sends to many. */
struct svs_sock_source {
    uint64_t cookie;
    struct svs_sock_address address;
    uint32_t zero;
};

/* What a connected socket addressed, and what it was given. */
struct svs_sock_peer {
    struct svs_sock_address service, endpoint;
};

/* A namespace whose sockets are translated. */
struct svs_sock_place {
    uint64_t flags;              /* none yet */
};

/* One record, for user space alone. */
struct svs_sock_state {
    uint32_t layout;
    uint32_t serial;             /* the last one given out */
    uint64_t edition;            /* grows with each change; odd while one is under way */
};
