/* Frames for the bench: replayed into a program by BPF_PROG_TEST_RUN, or sent as live frames, and counted where they
   arrive. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "svs_wire.h"
#include "svs_bench.h"

#define INLINE static inline __attribute__((always_inline))

#define ARRAY(kind, name, n, v)                                                                                        \
    struct {                                                                                                           \
        __uint(type, kind);                                                                                            \
        __uint(max_entries, n);                                                                                        \
        __type(key, uint32_t);                                                                                         \
        __type(value, v);                                                                                              \
    } name SEC(".maps")

ARRAY(BPF_MAP_TYPE_ARRAY, plan, 1, struct svs_bench_plan);
ARRAY(BPF_MAP_TYPE_PERCPU_ARRAY, arrivals, 1, struct svs_bench_arrivals);
/* By flow, the last byte of the server that its frames reach; 0 before the first. */
ARRAY(BPF_MAP_TYPE_ARRAY, reached, SVS_BENCH_MAX_FLOWS, uint8_t);
/* The program that `replay` measures. */
ARRAY(BPF_MAP_TYPE_PROG_ARRAY, measured, 1, uint32_t);

char LICENSE[] SEC("license") = "Dual MIT/GPL";

INLINE uint16_t checksum(uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

/* Writes the plan's next frame over whatever the last run left. */
INLINE int write_frame(struct xdp_md *context, struct svs_bench_plan *p) {
    long surplus = (long)context->data_end - (long)context->data - p->length;
    if (surplus && bpf_xdp_adjust_head(context, surplus)) return -1;   /* a tunnel's header */
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    uint32_t flow = p->next;
    p->next = flow + 1 < p->flows ? flow + 1 : 0;
    uint32_t client = bpf_htonl(p->client + flow / SVS_BENCH_FLOWS_PER_ADDRESS);
    uint32_t service = bpf_htonl(p->service + (p->services > 1 ? flow % p->services : 0));
    uint16_t port = bpf_htons(SVS_BENCH_FIRST_PORT + flow % SVS_BENCH_FLOWS_PER_ADDRESS);
    uint16_t check = checksum(p->transport_sum + client + service + port);

    struct svs_udp *ports;   /* TCP's begin alike */
    if (p->family == 2) {
        if (data + SVS_BENCH_IPV4_FRAME > end) return -1;
        __builtin_memcpy(data, p->head, SVS_BENCH_IPV4_FRAME);
        struct svs_ipv4 *ip = data + 14;
        ip->src = p->replies ? service : client;
        ip->dst = p->replies ? client : service;
        ip->check = checksum(p->network_sum + client + service);
        ports = data + 34;
    } else {
        if (data + SVS_BENCH_IPV6_FRAME > end) return -1;
        __builtin_memcpy(data, p->head, SVS_BENCH_IPV6_FRAME);
        struct svs_ipv6 *ip = data + 14;
        ip->src.w3 = p->replies ? service : client;
        ip->dst.w3 = p->replies ? client : service;
        ports = data + 54;
    }
    if (p->replies) ports->dport = port; else ports->sport = port;
    if (p->proto == 6) ((struct svs_tcp *)ports)->check = check;
    else ports->check = check ? check : 0xffff;
    return 0;
}

/* Under BPF_PROG_TEST_RUN: restores the frame and goes on in the program that is measured. */
SEC("xdp") int replay(struct xdp_md *context) {
    uint32_t zero = 0;
    struct svs_bench_plan *p = bpf_map_lookup_elem(&plan, &zero);
    if (!p || write_frame(context, p)) return XDP_ABORTED;
    bpf_tail_call(context, &measured, 0);
    return XDP_ABORTED;
}

/* What `replay` itself costs. */
SEC("xdp") int nothing(struct xdp_md *context) { return XDP_PASS; }

/* With live frames: sends the plan's frames out of a device. */
SEC("xdp") int generate(struct xdp_md *context) {
    uint32_t zero = 0;
    struct svs_bench_plan *p = bpf_map_lookup_elem(&plan, &zero);
    if (!p || write_frame(context, p)) return XDP_ABORTED;
    return bpf_redirect(p->ifindex, 0);
}

/* In the director's place: what sender, devices and receiver cost by themselves. */
SEC("xdp") int bounce(struct xdp_md *context) {
    uint32_t zero = 0;
    struct svs_bench_plan *p = bpf_map_lookup_elem(&plan, &zero);
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    struct svs_eth *ethernet = data;
    if (!p || (void *)(ethernet + 1) > end || ethernet->type != bpf_htons(0x0800)) return XDP_PASS;
    return bpf_redirect(p->ifindex, 0);
}

/* At the servers: counts the frames of known flows and whether each flow keeps its server. */
SEC("xdp") int arrive(struct xdp_md *context) {
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    uint32_t zero = 0;
    struct svs_bench_plan *p = bpf_map_lookup_elem(&plan, &zero);
    struct svs_bench_arrivals *a = bpf_map_lookup_elem(&arrivals, &zero);
    struct svs_eth *ethernet = data;
    if (!p || !a || (void *)(ethernet + 1) > end) return XDP_PASS;
    uint32_t src, first, server;
    struct svs_udp *ports;
    if (ethernet->type == bpf_htons(0x0800)) {
        struct svs_ipv4 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end || (ip->proto != 6 && ip->proto != 17)) return XDP_PASS;
        src = bpf_ntohl(ip->src), first = p->arriving, server = bpf_ntohl(ip->dst);
        ports = (void *)(ip + 1);
    } else if (ethernet->type == bpf_htons(0x86dd)) {
        struct svs_ipv6 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end || (ip->next != 6 && ip->next != 17)) return XDP_PASS;
        src = bpf_ntohl(ip->src.w3), first = p->arriving, server = bpf_ntohl(ip->dst.w3);
        ports = (void *)(ip + 1);
    } else return XDP_PASS;
    if ((void *)(ports + 1) > end || src - first > SVS_BENCH_MAX_FLOWS / SVS_BENCH_FLOWS_PER_ADDRESS) return XDP_PASS;
    a->frames++;
    if (!p->marks) return XDP_DROP;
    uint32_t flow = (src - first) * SVS_BENCH_FLOWS_PER_ADDRESS + bpf_ntohs(ports->sport) - SVS_BENCH_FIRST_PORT;
    uint8_t *seen = bpf_map_lookup_elem(&reached, &flow);
    if (!seen) return XDP_DROP;
    uint8_t name = (uint8_t)server ? server : 1;
    if (*seen && *seen != name) a->moved++;
    *seen = name;
    return XDP_DROP;
}
