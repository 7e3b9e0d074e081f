/* The layouts of the first release (version 3), as far as the bench writes them: those of its object, never to change. */
#pragma once
#include <stdint.h>

#define FOUNDATION_CHUNK_SIZE 1024u
#define FOUNDATION_LIVE 1u
#define FOUNDATION_ROUND_ROBIN 1u
#define FOUNDATION_DEVICE_REDIRECT 1u
#define FOUNDATION_TICK_SHIFT 24

struct foundation_addr { uint32_t w0, w1, w2, w3; };

struct foundation_service_key {
    struct foundation_addr vip;
    uint16_t port;               /* network order */
    uint8_t proto, family;
};

struct foundation_counters { uint64_t connections, packets_in, bytes_in, packets_out, bytes_out; };

struct foundation_service {
    struct foundation_service_key key;
    uint32_t status;
    uint32_t first;              /* server index + 1 */
    uint32_t server_count;
    uint32_t table;
    uint8_t scheduler, scheduler_flags, one_packet, reserved0;
    uint32_t persistence, netmask;
    uint32_t max_weight, weight_gcd;
    uint64_t cursor;
    uint64_t reserved1;
    struct foundation_counters carried;
};

struct foundation_server {
    uint32_t status;
    uint32_t service;            /* index */
    uint32_t next;
    int32_t weight;
    uint32_t active, inactive;
    uint32_t persistent;
    uint32_t probe_tick;
    struct foundation_addr addr;
    uint16_t port;               /* network order */
    uint8_t family, method;
    uint8_t tunnel, tunnel_flags;
    uint16_t tunnel_port;
    uint32_t upper, lower;
    struct foundation_addr tunnel_source;
    struct foundation_service_key home;
    uint32_t overloaded;
    int32_t last_weight;
    uint32_t reserved;
    struct foundation_counters zero;
    struct foundation_counters joined;
};

struct foundation_device {
    uint32_t flags;
    uint32_t lower;              /* ifindex that takes the frame */
    uint16_t vlan;
    uint16_t reserved;
};

struct foundation_config {
    uint32_t layout_version;
    uint32_t connection_capacity;
    uint32_t services_used, servers_used, tables_used;
    uint32_t handover_ifindex;   /* svs0 */
    uint32_t lookup_ifindex;     /* svs1 */
    uint32_t sweep_period_us;
    uint32_t timeout[16];        /* ticks, by connection state */
    uint32_t rules_generation;
    uint32_t attach_mode;
    uint32_t probe_ticks;
    uint32_t reserved[5];
};

_Static_assert(sizeof(struct foundation_service) == 112, "service");
_Static_assert(sizeof(struct foundation_server) == 192, "server");
_Static_assert(sizeof(struct foundation_config) == 128, "configuration");
