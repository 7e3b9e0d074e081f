/* Headers as they stand on the wire. Fields are in network byte order; sizes are those of the RFCs. */
#pragma once
#include <stdint.h>

struct svs_mac { uint16_t a, b, c; };

/* IEEE 802.3 and 802.1Q */
struct svs_eth { struct svs_mac dst, src; uint16_t type; };
struct svs_vlan { uint16_t tci, type; };

/* An Ethernet header's two addresses, the destination first, as words: three stores instead of six. */
struct svs_macs { uint32_t w0, w1, w2; };

/* RFC 791 */
struct svs_ipv4 {
    uint8_t version_ihl, tos;
    uint16_t length, id, fragment;
    uint8_t ttl, proto;
    uint16_t check;
    uint32_t src, dst;
};

/* An IP address of either family; IPv4 fills w0 and leaves zeros. */
struct svs_addr { uint32_t w0, w1, w2, w3; };

/* RFC 8200 */
struct svs_ipv6 {
    uint32_t version_class_flow;
    uint16_t length;
    uint8_t next, hops;
    struct svs_addr src, dst;
};

/* RFC 9293 */
struct svs_tcp {
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint8_t offset, flags;
    uint16_t window, check, urgent;
};

/* RFC 768 */
struct svs_udp { uint16_t sport, dport, length, check; };

/* RFC 8200, section 4.5 */
struct svs_ipv6_fragment { uint8_t next, reserved; uint16_t place; uint32_t id; };
/* RFC 9260, section 3: the common header, and that of the first chunk */
struct svs_sctp { uint16_t sport, dport; uint32_t tag, check; uint8_t chunk, chunk_flags; uint16_t chunk_length; };

/* RFC 792 and RFC 4443 */
struct svs_icmp { uint8_t type, code; uint16_t check; uint32_t rest; };

/* What XDP puts between the Ethernet header and the packet when the kernel is to send the frame:
   the device to leave by and the next hop there. The program on svs1 takes it out again. */
struct svs_handover {
    uint32_t magic;
    uint32_t ifindex;
    uint32_t family;             /* of the next hop: 2 or 10 */
    uint16_t mtu;                /* 0, or what fragments have to fit */
    uint16_t sent;               /* bytes of the payload that have left in earlier fragments */
    struct svs_addr next_hop;
};
/* What the kernel routes into svs0 is stamped on its way to svs1: the source address of the frame begins with one of
   these, as it stands in memory, and goes on with the packet's firewall mark. */
#define SVS_STAMP_FORWARDED 0x0006u   /* 06:00, with the time to live counted down once by the kernel */
#define SVS_STAMP_DIVERTED 0x0206u    /* 06:02, as it came in at one of the host's devices */
#define SVS_STAMP_OWN 0x0106u         /* 06:01, of a packet that this host sends itself */

/* The addresses of the pair: 02:53:56:53:00:00 and 02:53:56:53:00:01, in words of two bytes. */
#define SVS_OUTER_MAC_A 0x5302u
#define SVS_OUTER_MAC_B 0x5356u
#define SVS_OUTER_MAC_C 0x0000u
#define SVS_INNER_MAC_C 0x0100u

#define SVS_HANDOVER_MAGIC 0x53565300u   /* its first byte in memory is 0, which begins no IP header */
