/* Maps, licence and section of the decapsulator's object; its code is decapsulator.swift. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "decapsulator.h"

/* The addresses of one host: a few RIPs and its VIPs. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, struct svs_decap_address);
    __type(value, uint32_t);
} svs_decap_addresses SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, SVS_DECAP_REASONS);
    __type(key, uint32_t);
    __type(value, uint64_t);
} svs_decap_counts SEC(".maps");

/* The helpers that rewrite packets are for GPL-compatible programs; the source stays under the MIT licence too. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

extern int svs_swift_decapsulator(struct xdp_md *context);

SEC("xdp") int svs_decapsulator(struct xdp_md *context) { return svs_swift_decapsulator(context); }
