/* Maps, licence and sections of the socket hooks' object; the code is Swift (Sources/SocketDataplane, hooks.swift). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "svs_sockets.h"

#define MAP(kind, flags, name, n, k, v)                                                                                \
    struct {                                                                                                           \
        __uint(type, kind);                                                                                            \
        __uint(map_flags, flags);                                                                                      \
        __uint(max_entries, n);                                                                                        \
        __type(key, k);                                                                                                \
        __type(value, v);                                                                                              \
    } name SEC(".maps")

/* Sizes are set before the object is loaded, but for the first. */
MAP(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, svs_sock_places, 65536, uint64_t, struct svs_sock_place);
MAP(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, svs_sock_addresses, 65536, struct svs_sock_address, struct svs_sock_entry);
MAP(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_sock_services, 1024, uint32_t, struct svs_sock_service);
MAP(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_sock_slots, 1024, uint32_t, uint64_t);
MAP(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_sock_endpoints, 1024, uint32_t, struct svs_sock_endpoint);
MAP(BPF_MAP_TYPE_LRU_HASH, 0, svs_sock_affinity, 1024, struct svs_sock_owner, struct svs_sock_memory);
MAP(BPF_MAP_TYPE_LRU_HASH, 0, svs_sock_senders, 1024, struct svs_sock_owner, struct svs_sock_memory);
MAP(BPF_MAP_TYPE_LRU_HASH, 0, svs_sock_sources, 1024, struct svs_sock_source, struct svs_sock_address);
MAP(BPF_MAP_TYPE_SK_STORAGE, BPF_F_NO_PREALLOC, svs_sock_peers, 0, int, struct svs_sock_peer);
MAP(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_sock_state, 1, uint32_t, struct svs_sock_state);

/* bpf_sk_storage_get is for GPL-compatible programs; the source stays under the MIT licence too. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define HOOK(name, section)                                                                                            \
    extern int svs_swift_##name(struct bpf_sock_addr *context);                                                        \
    SEC(section) int svs_##name(struct bpf_sock_addr *context) { return svs_swift_##name(context); }

HOOK(connect4, "cgroup/connect4")
HOOK(connect6, "cgroup/connect6")
HOOK(sendmsg4, "cgroup/sendmsg4")
HOOK(sendmsg6, "cgroup/sendmsg6")
HOOK(recvmsg4, "cgroup/recvmsg4")
HOOK(recvmsg6, "cgroup/recvmsg6")
HOOK(getpeername4, "cgroup/getpeername4")
HOOK(getpeername6, "cgroup/getpeername6")
