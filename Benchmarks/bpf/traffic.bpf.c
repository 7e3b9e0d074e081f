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

struct ends { struct svs_addr src, dst; uint16_t sport, dport; };

/* The addresses and ports of a flow's frames. */
INLINE struct ends ends_of(const struct svs_bench_plan *p, uint32_t flow) {
    uint32_t step = flow / SVS_BENCH_FLOWS_PER_ADDRESS, service = p->services > 1 ? flow % p->services : 0;
    struct svs_addr client = p->client, vip = p->service;
    uint16_t port = bpf_htons(SVS_BENCH_FIRST_PORT + flow % SVS_BENCH_FLOWS_PER_ADDRESS);
    if (p->family == 2) {
        client.w0 = bpf_htonl(bpf_ntohl(client.w0) + step);
        vip.w0 = bpf_htonl(bpf_ntohl(vip.w0) + service);
    } else {
        client.w3 = bpf_htonl(bpf_ntohl(client.w3) + step);
        vip.w3 = bpf_htonl(bpf_ntohl(vip.w3) + service);
    }
    if (p->replies) return (struct ends){ vip, client, p->port, port };
    return (struct ends){ client, vip, port, p->port };
}

INLINE uint64_t sum_of(const struct svs_addr *a) { return (uint64_t)a->w0 + a->w1 + a->w2 + a->w3; }

INLINE int write_transport(void *l4, void *end, const struct svs_bench_plan *p, const struct ends *e, uint16_t length) {
    uint64_t sum = sum_of(&e->src) + sum_of(&e->dst) + e->sport + e->dport + bpf_htons(p->proto) + bpf_htons(length);
    if (p->proto == 6) {
        struct svs_tcp *tcp = l4;
        if ((void *)(tcp + 1) > end) return -1;
        uint16_t window = bpf_htons(8192);
        *tcp = (struct svs_tcp){ .sport = e->sport, .dport = e->dport, .offset = 0x50, .flags = p->tcp_flags, .window = window };
        tcp->check = checksum(sum + (0x50 | (uint32_t)p->tcp_flags << 8) + window);
        return 0;
    }
    struct svs_udp *udp = l4;
    if ((void *)(udp + 1) > end) return -1;
    uint16_t check = checksum(sum + bpf_htons(length));
    *udp = (struct svs_udp){ .sport = e->sport, .dport = e->dport, .length = bpf_htons(length), .check = check ? check : 0xffff };
    return 0;
}

/* Writes the plan's next frame over whatever the last run left. The payload is taken to be zeros. */
INLINE int write_frame(struct xdp_md *context, struct svs_bench_plan *p) {
    long surplus = (long)context->data_end - (long)context->data - p->length;
    if (surplus && bpf_xdp_adjust_head(context, surplus)) return -1;   /* a tunnel's header */
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    uint32_t flow = p->next;
    p->next = flow + 1 < p->flows ? flow + 1 : 0;
    struct ends e = ends_of(p, flow);

    struct svs_eth *ethernet = data;
    if ((void *)(ethernet + 1) > end) return -1;
    __builtin_memcpy(&ethernet->dst, p->mac, 6);
    ethernet->src = (struct svs_mac){ 2, 0, bpf_htons(0xbe) };
    if (p->family == 2) {
        struct svs_ipv4 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end) return -1;
        ethernet->type = bpf_htons(0x0800);
        uint16_t length = p->length - 14;
        *ip = (struct svs_ipv4){ .version_ihl = 0x45, .length = bpf_htons(length), .ttl = 64, .proto = p->proto, .src = e.src.w0, .dst = e.dst.w0 };
        ip->check = checksum((uint64_t)e.src.w0 + e.dst.w0 + 0x45 + bpf_htons(length) + (64 | (uint32_t)p->proto << 8));
        return write_transport(ip + 1, end, p, &e, length - 20);
    }
    struct svs_ipv6 *ip = (void *)(ethernet + 1);
    if ((void *)(ip + 1) > end) return -1;
    ethernet->type = bpf_htons(0x86dd);
    uint16_t length = p->length - 54;
    ip->version_class_flow = bpf_htonl(0x60000000);
    ip->length = bpf_htons(length);
    ip->next = p->proto;
    ip->hops = 64;
    ip->src = e.src;
    ip->dst = e.dst;
    return write_transport(ip + 1, end, p, &e, length);
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
        src = bpf_ntohl(ip->src), first = bpf_ntohl(p->client.w0), server = bpf_ntohl(ip->dst);
        ports = (void *)(ip + 1);
    } else if (ethernet->type == bpf_htons(0x86dd)) {
        struct svs_ipv6 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end || (ip->next != 6 && ip->next != 17)) return XDP_PASS;
        src = bpf_ntohl(ip->src.w3), first = bpf_ntohl(p->client.w3), server = bpf_ntohl(ip->dst.w3);
        ports = (void *)(ip + 1);
    } else return XDP_PASS;
    if ((void *)(ports + 1) > end || src - first > SVS_BENCH_MAX_FLOWS / SVS_BENCH_FLOWS_PER_ADDRESS) return XDP_PASS;
    a->frames++;
    uint32_t flow = (src - first) * SVS_BENCH_FLOWS_PER_ADDRESS + bpf_ntohs(ports->sport) - SVS_BENCH_FIRST_PORT;
    uint8_t *seen = bpf_map_lookup_elem(&reached, &flow);
    if (!seen) return XDP_DROP;
    uint8_t name = (uint8_t)server ? server : 1;
    if (*seen && *seen != name) a->moved++;
    *seen = name;
    return XDP_DROP;
}
