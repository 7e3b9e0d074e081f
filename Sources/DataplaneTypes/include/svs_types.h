/* The layouts shared by the packet path, the maps and user space: change one, raise SVS_LAYOUT_VERSION. */
#pragma once
#include <stdint.h>
#include "svs_wire.h"

#ifndef __clang__
#define _Nonnull
#endif

#define SVS_LAYOUT_VERSION 9u

/* Services, servers, hash tables and counters live in pools: an outer array of chunks that user space adds
   as they are needed, so that an empty director is small and a full one has a million servers. */
#define SVS_CHUNK_SHIFT 10
#define SVS_CHUNK_SIZE (1u << SVS_CHUNK_SHIFT)
#define SVS_CHUNKS 1024u

/* Hash tables (sh and its kin) are 1 KiB each, so their chunks are smaller. */
#define SVS_TABLE_CHUNK_SHIFT 6
#define SVS_TABLE_CHUNK_SIZE (1u << SVS_TABLE_CHUNK_SHIFT)
#define SVS_TABLE_BUCKETS 256u

/* One tick is 2^24 ns, about 16.8 ms: 32 bits of ticks last 2.2 years and are compared by their difference. */
#define SVS_TICK_SHIFT 24

/* What FULLNAT connections have beside their records, in chunks of their own: most directors need none. */
#define SVS_EXCHANGE_CHUNK_SHIFT 14
#define SVS_EXCHANGE_CHUNK_SIZE (1u << SVS_EXCHANGE_CHUNK_SHIFT)

/* ---- connections ---- */

struct svs_flow_key {
    struct svs_addr src, dst;
    uint32_t ports;              /* network order, the source's first in memory */
    uint32_t kind;               /* protocol, family << 8, SVS_KIND_TEMPLATE */
};

/* The key of a persistence template: client (masked), VIP or mark, no client port; no packet has it. */
#define SVS_KIND_TEMPLATE (1u << 16)

/* The same by a SIP Call-ID: its hash stands for the client, the family is that of IPv6, the packet's own << 18. */
#define SVS_KIND_CALL (1u << 17)

/* The same of IPv4, a third as long to hash: most packets' only look-up in a large table. */
struct svs_flow4_key {
    uint32_t src, dst;
    uint32_t ports, kind;        /* as above */
};

/* slot << 32 | generation << 8 | direction (0 from the client, 1 from the server) */
struct svs_flow_ref { uint64_t bits; };

/* Where frames of one direction leave, as last looked up. */
struct svs_hop {
    uint32_t ifindex;
    uint32_t tick;               /* of the look-up */
    struct svs_macs macs;
    uint16_t mtu;                /* 0: unknown */
    uint16_t kind_vlan;          /* kind in the high 4 bits, VLAN id in the low 12 */
};

/* A connection, or a persistence template: which server a client's next connections get. */
struct svs_connection {
    uint64_t word;               /* expiry tick << 32 | generation << 8 | flags and state */
    struct svs_addr client, vip, rip;
    uint16_t cport, vport, rport;
    uint8_t proto, family;       /* family of client and VIP */
    uint32_t server;             /* index */
    uint32_t control;            /* the template's slot + 1, 0 without one; of a template: how many connections it controls */
    struct svs_hop to_server, to_client;
    uint8_t method;
    uint8_t tunnel;              /* kind in the low 4 bits, flags in the next 2 */
    uint8_t server_family;
    uint8_t notes;               /* refreshes of the way in the low 4 bits, SVS_DRAINING, SVS_OWN */
    uint32_t rules;              /* generation of the rules under which its server was last seen to stand;
                                    of a template: its timeout in ticks */
};

/* The director's address and port that stand for the client before the server of a FULLNAT connection. */
struct svs_exchange {
    struct svs_addr local;
    uint16_t port;               /* network order */
    uint16_t greeting;           /* bytes of the PROXY protocol's header before the client's stream; of TOA: the MTU of
                                    the way behind the director, where the client cannot be told of it */
    uint32_t range;              /* index of the range it was leased from */
    uint32_t first;              /* sequence number of the client's first byte, as the server's SYN has it */
    uint8_t disclosure;          /* SVS_DISCLOSE_...: how the server learns of the client */
    /* Each is 0 or 1 and a byte of its own, since both directions write at once. */
    uint8_t begun;               /* the server has answered: `first` and `greeting` are known */
    uint8_t sent;                /* the server was told at least once */
    uint8_t heard;               /* it has acknowledged the PROXY header */
};

/* How a server of FULLNAT learns of its client: not, by a TCP option, or by a header of the PROXY protocol. */
#define SVS_DISCLOSE_NOTHING 0u
#define SVS_DISCLOSE_TOA 1u
#define SVS_DISCLOSE_PROXY_1 2u
#define SVS_DISCLOSE_PROXY_2 3u
#define SVS_DISCLOSE_KIND 3u
#define SVS_DISCLOSE_KEEP 4u     /* a TOA option that the client sends stays */
#define SVS_DISCLOSE_ALONE 8u    /* of a connection: no segment of its client's leaves the PROXY header room on the way */

#define SVS_DRAINING 0x80u       /* UDP whose server has weight 0 */
#define SVS_CALL 0x20u           /* a template by Call-ID, whose hash stands in to_server and to_client */
#define SVS_ASSURED 0x10u        /* UDP that has been answered, as its template knows */
#define SVS_OWN 0x40u            /* its client is the director's own host */
#define SVS_AMENDS 0x40u         /* in `tunnel`, under FULLNAT: segments of its stream are amended on their way */

#define SVS_CROSSES 0x80u        /* in `tunnel`, under FULLNAT: client and server are of different address families */

/* ---- services and servers ---- */

struct svs_service_key {
    struct svs_addr vip;         /* or the mark in w0 */
    uint16_t port;               /* network order */
    uint8_t proto, family;       /* proto 0: a firewall mark */
};

struct svs_counters { uint64_t connections, packets_in, bytes_in, packets_out, bytes_out; };

/* status of a service or server record */
#define SVS_FREE 0u
#define SVS_LIVE 1u
#define SVS_REMOVED 2u           /* still referred to by connections */

struct svs_service {
    struct svs_service_key key;
    uint32_t status;
    uint32_t first;              /* server index + 1, 0 ends */
    uint32_t server_count;
    uint32_t table;              /* table index + 1 */
    uint8_t scheduler, scheduler_flags, one_packet;
    uint8_t engine;              /* persistence engine: 0 none, 1 SIP */
    uint32_t persistence;        /* seconds, 0 for none */
    uint32_t netmask;            /* of clients: IPv4 in network order, or the length of an IPv6 prefix */
    uint32_t max_weight, weight_gcd;
    uint64_t cursor;             /* the scheduler's own */
    uint32_t number;             /* its own index */
    uint32_t memory;             /* counts what this record's schedulers have forgotten, for locality keys */
    uint32_t disclosure;         /* SVS_DISCLOSE_..., of its FULLNAT servers */
    uint32_t reserved;
    struct svs_counters carried; /* what servers that have left counted for it; its own count is this and its servers' */
};

struct svs_server {
    uint32_t status;
    uint32_t service;            /* index */
    uint32_t next;               /* server index + 1 */
    int32_t weight;
    uint32_t active, inactive;   /* written by the packet path */
    uint32_t persistent;
    uint32_t overloaded;         /* 1 from the upper threshold on until below the lower one; schedulers look no farther */
    struct svs_addr addr;
    uint16_t port;               /* network order */
    uint8_t family, method;
    uint8_t tunnel, tunnel_flags;
    uint16_t tunnel_port;
    uint32_t upper, lower;
    struct svs_addr tunnel_source;   /* under NAT: its own address, where that is this host's; else 0 */
    struct svs_service_key home; /* the service it was removed from, for a return */
    uint32_t probe_tick;         /* when a packet last went through the kernel's neighbour table */
    int32_t last_weight;         /* the last that was not 0, or what it came with */
    uint32_t quiesced;           /* tick at which its weight became 0 */
    uint32_t incarnation;        /* counts the servers that this record has been */
    uint32_t local;              /* the first range of local addresses for it, index + 1; 0 without FULLNAT */
    uint32_t exhausted;          /* tick at which no local port was free for it */
    uint32_t reserved;
    struct svs_counters zero;    /* what its counters were when last zeroed */
    struct svs_counters joined;  /* and when it began to count for its service */
};

/* Local addresses of the director: a power of two of them, and a range of ports. */
#define SVS_LOCAL_RANGES 256u

struct svs_local_range {
    struct svs_addr first;
    uint8_t status, family;
    uint8_t bits;                /* 2^bits addresses */
    uint8_t is_own;              /* an address of the director that nobody named */
    uint16_t first_port;         /* host order */
    uint16_t reserved;
    uint32_t ports;              /* how many, for each address */
    uint32_t next;               /* of the same pool: index + 1 */
    uint32_t used;               /* leases that stand, to all servers together */
    uint32_t pool;               /* service index + 1, 0 for the default pool */
    uint64_t cursor;             /* counts places given out */
    uint64_t exhausted;          /* how often no place was free */
};

/* A look-up of the way from a local address to a server, for the connections that come next. */
#define SVS_WAY_SHIFT 10
#define SVS_WAYS (1u << SVS_WAY_SHIFT)

struct svs_way {
    struct svs_addr source, destination;
    struct svs_hop hop;
    uint32_t rules;              /* the rules' generation then */
    uint32_t family;
};

/* A TCP header in the making, and what comes between it and its data. */
struct svs_workbench {
    uint8_t before[64], after[64];   /* zero behind the header's end */
    uint8_t text[128];               /* of the PROXY protocol */
    uint8_t headers[256];            /* on their way to another place */
    uint64_t size;                   /* of what is copied next */
    uint32_t length;                 /* of the text */
    uint32_t zeros;                  /* groups of an address that are written as :: */
    uint32_t at, end;                /* of the walk along the options */
    uint32_t erasing;                /* bytes of an option still to be blanked */
    uint32_t edges;                  /* of a SACK option, still to be moved */
    uint32_t first, shift;           /* the stream's first byte, and how far it was moved */
    uint32_t cut;                    /* by how much the largest segment is made smaller */
    uint32_t erased;                 /* options that were blanked */
    uint8_t blanks_toa, blanks_fast_open, fills, found_toa;
    uint8_t settled, reserved[7];    /* all numbers are behind the text */
};

struct svs_table { uint32_t bucket[SVS_TABLE_BUCKETS]; };   /* server index + 1 */

/* What lblc and lblcr remember: which servers the clients of a destination have been given. */
struct svs_locality_key {
    struct svs_addr destination;
    uint32_t service;            /* index */
    uint32_t family;             /* the service's memory << 8 */
};

#define SVS_LOCALITIES 16384u
#define SVS_LOCALITY_PLACES 32u

struct svs_locality {
    uint32_t used, modified;     /* ticks */
    uint32_t count, reserved;
    uint32_t servers[SVS_LOCALITY_PLACES];   /* (index + 1) | incarnation << 21, the oldest first */
};

/* Which connection a packet's first fragment belongs to; the key is a flow's with the packet's id for ports. */
#define SVS_FRAGMENTS 8192u

struct svs_fragments {
    struct svs_flow_ref reference;
    uint32_t tick, reserved;
};

/* How many answers a host may still have, in a table by the hash of its address. */
#define SVS_ALLOWANCE_SHIFT 12
#define SVS_ALLOWANCES (1u << SVS_ALLOWANCE_SHIFT)

struct svs_allowance {
    uint32_t tick;               /* of the last answer; 0: there was none */
    uint32_t saved;              /* ticks since, and what was left then */
};

/* ---- devices ---- */

#define SVS_DEVICE_REDIRECT 1u   /* takes redirected frames itself */
#define SVS_DEVICE_TAGGED 2u     /* a VLAN: tag the frame and use the lower device */

struct svs_device {
    uint32_t flags;
    uint32_t lower;              /* ifindex that takes the frame */
    uint16_t vlan;               /* id, host order */
    uint16_t reserved;
};

/* ---- one per director ---- */

struct svs_config {
    uint32_t layout_version;
    uint32_t connection_capacity;
    uint32_t services_used, servers_used, tables_used;   /* high-water marks of the pools */
    uint32_t handover_ifindex;   /* svs0 */
    uint32_t lookup_ifindex;     /* svs1: forwarding is on there, whatever the operator's devices have */
    uint32_t sweep_period_us;
    uint32_t timeout[16];        /* ticks, by connection state */
    uint32_t rules_generation;   /* bumped by every change of rules */
    uint32_t attach_mode;        /* how it gets packets: 1 attached by name, 2 by the first service, 3 diverted */
    uint32_t probe_ticks;        /* how often a server's packet goes through the neighbour table; 0: never */
    uint32_t features;           /* SVS_HAS_...: look-ups that services have made necessary; never cleared */
    uint32_t services4, services6;   /* live services of each family */
    uint32_t marks4, marks6;     /* those of them that go by firewall marks */
    /* net.ipv4.vs. */
    uint8_t conn_reuse_mode, expire_nodest_conn, expire_quiescent_template, sloppy_tcp;
    uint32_t sloppy_sctp;
    uint32_t lblc_expiration, lblcr_expiration;   /* ticks */
    uint32_t udp_drain_limit;    /* ticks after which UDP is not kept with a server of weight 0; 0: never */
    uint32_t fragment_lifetime;  /* ticks after a first fragment that later ones may still come */
    uint32_t offers_twos;        /* whether commands know the scheduler twos */
    uint32_t unfinished;         /* a command has left work for its end; whoever finds this, does it */
    uint32_t routed_marks;       /* SVS_ROUTED_...: the operator's own rules route services' marks */
    uint32_t answer_interval4, answer_interval6;   /* ticks between ICMP answers to one host; 0: no limit */
    /* What is diverted to a director that no interface bears, as addresses stand on the wire; 0: nothing. */
    uint32_t diverted_network, diverted_mask;   /* virtual addresses that nobody has */
    uint32_t diverted_local;     /* FULLNAT's local address */
    uint32_t diverted_host;      /* an address of this host's own, with the services' ports of svs_diverted_ports */
    uint32_t diverted_fragments; /* protocols of services' ports there: bit SVS_DIVERTED_TCP, bit SVS_DIVERTED_UDP */
};

/* What svs_divert tells svs_stamp by a packet's tc_index. */
#define SVS_DIVERTED_MARK 0x5356u

/* Which ports of the host's address are services': bit N of port N, the port in host order. */
struct svs_ports { uint64_t words[1024]; };
#define SVS_DIVERTED_TCP 0u
#define SVS_DIVERTED_UDP 1u
#define SVS_DIVERTED_PROTOCOLS 2u

#define SVS_ROUTED_4 1u
#define SVS_ROUTED_6 2u

#define SVS_HAS_PORT_ZERO 1u     /* a service for all ports of its VIP */
#define SVS_HAS_LOCAL 4u         /* a server under NAT on this very host */
#define SVS_HAS_FTP 2u           /* a service at port 21, which takes passive data connections too */

struct svs_runtime {
    uint32_t fresh;              /* slots never used so far */
    uint32_t generation;
    uint32_t live;               /* connections in the table */
    uint32_t reserved;
};

/* What commands keep here for each other; no packet looks at it. */
struct svs_sync_daemon {
    struct svs_addr group;
    char interface[16];
    uint16_t port, maximum_length;   /* host order */
    uint8_t running, family;         /* family of the group */
    uint8_t sync_id, ttl;
};

struct svs_operator {
    struct svs_counters zeroed;      /* what all servers' counters were when last zeroed together */
    struct svs_sync_daemon master, backup;
    uint64_t reserved[16];
};

#define SVS_DROPS 64u
struct svs_drop { uint64_t packets; };

/* ---- helpers ---- */

/* Optimisation barrier: the verifier ties a bounds check to one register value; this keeps the compiler
   from recomputing the checked pointer elsewhere. Costs nothing. */
static inline __attribute__((always_inline)) void *_Nonnull svs_opaque(void *_Nonnull p) {
    __asm__ volatile("" : "+r"(p));
    return p;
}

/* `actual`, by way of a branch on whether it is what was guessed: the processor foretells the branch and goes on with
   the guess, instead of waiting for `actual` to come from memory. A compiler would see through it in any other form.
   The Swift of the packet path is compiled for RISC-V on its way to eBPF. */
static inline __attribute__((always_inline)) uint64_t svs_guessed(uint64_t guess, uint64_t actual) {
#if defined(__bpf__) || defined(__riscv) && !defined(__linux__)
    __asm__ volatile("if %0 == %1 goto +1\n%0 = %1" : "+r"(guess) : "r"(actual));
    return guess;
#else
    return actual;
#endif
}

_Static_assert(sizeof(struct svs_flow_key) == 40, "flow key");
_Static_assert(sizeof(struct svs_flow4_key) == 16, "flow key of IPv4");
_Static_assert(sizeof(struct svs_hop) == 24, "hop");
_Static_assert(sizeof(struct svs_connection) == 128, "connection");
_Static_assert(sizeof(struct svs_exchange) == 32, "exchange");
_Static_assert(sizeof(struct svs_local_range) == 56, "local range");
_Static_assert(sizeof(struct svs_way) == 64, "way");
_Static_assert(sizeof(struct svs_locality) == 144, "locality");
_Static_assert(sizeof(struct svs_service_key) == 20, "service key");
