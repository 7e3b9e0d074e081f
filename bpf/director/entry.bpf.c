/* Maps, licence and sections of the director's object; its code is Swift (Sources/Dataplane, *.swift beside this). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "include/sweep.h"
#include "svs_types.h"

#define HASH(name, n, k, v)                                                                                            \
    struct {                                                                                                           \
        __uint(type, BPF_MAP_TYPE_HASH);                                                                               \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                                          \
        __uint(max_entries, n);                                                                                        \
        __type(key, k);                                                                                                \
        __type(value, v);                                                                                              \
    } name SEC(".maps")

#define ARRAY(kind, flags, name, n, v)                                                                                 \
    struct {                                                                                                           \
        __uint(type, kind);                                                                                            \
        __uint(map_flags, flags);                                                                                      \
        __uint(max_entries, n);                                                                                        \
        __type(key, uint32_t);                                                                                         \
        __type(value, v);                                                                                              \
    } name SEC(".maps")

/* A pool: chunks that user space adds. The template gives the verifier the chunks' shape; clang describes no types
   inside a template, so it goes by sizes. */
#define POOL(name, kind, flags, size, v)                                                                               \
    struct name##_chunk {                                                                                              \
        __uint(type, kind);                                                                                            \
        __uint(map_flags, flags);                                                                                      \
        __uint(max_entries, size);                                                                                     \
        __uint(key_size, sizeof(uint32_t));                                                                            \
        __uint(value_size, sizeof(v));                                                                                 \
    };                                                                                                                 \
    struct {                                                                                                           \
        __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                                      \
        __uint(max_entries, SVS_CHUNKS);                                                                               \
        __type(key, uint32_t);                                                                                         \
        __array(values, struct name##_chunk);                                                                          \
    } name SEC(".maps")

/* Sizes of flows, connections and free slots are set before the object is loaded. */
HASH(svs_flows4, 131072, struct svs_flow4_key, struct svs_flow_ref);
HASH(svs_flows6, 131072, struct svs_flow_key, struct svs_flow_ref);
ARRAY(BPF_MAP_TYPE_ARRAY, 0, svs_connections, 65536, struct svs_connection);
struct {
    __uint(type, BPF_MAP_TYPE_STACK);
    __uint(max_entries, 65536);
    __uint(value_size, sizeof(uint32_t));
} svs_free_slots SEC(".maps");

HASH(svs_services, 65536, struct svs_service_key, uint32_t);
HASH(svs_devices, 4096, uint32_t, struct svs_device);

POOL(svs_service_pool, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SVS_CHUNK_SIZE, struct svs_service);
POOL(svs_server_pool, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SVS_CHUNK_SIZE, struct svs_server);
POOL(svs_table_pool, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SVS_TABLE_CHUNK_SIZE, struct svs_table);
POOL(svs_exchange_pool, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, SVS_EXCHANGE_CHUNK_SIZE, struct svs_exchange);
ARRAY(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_local_ranges, SVS_LOCAL_RANGES, struct svs_local_range);
ARRAY(BPF_MAP_TYPE_PERCPU_ARRAY, 0, svs_way_map, SVS_WAYS, struct svs_way);
POOL(svs_server_counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, SVS_CHUNK_SIZE, struct svs_counters);

/* One table, which user space makes with the first service that needs it. This one, of which only the shape counts,
   lives while the object is loaded. */
struct svs_locality_table {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(struct svs_locality_key));
    __uint(value_size, sizeof(struct svs_locality));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __array(values, struct svs_locality_table);
} svs_locality_pool SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, SVS_FRAGMENTS);
    __type(key, struct svs_flow_key);
    __type(value, struct svs_fragments);
} svs_fragment_map SEC(".maps");

ARRAY(BPF_MAP_TYPE_PERCPU_ARRAY, 0, svs_events, SVS_DROPS, struct svs_drop);
ARRAY(BPF_MAP_TYPE_ARRAY, 0, svs_allowance_map, SVS_ALLOWANCES, struct svs_allowance);
ARRAY(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_config_map, 1, struct svs_config);
ARRAY(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_diverted_ports, SVS_DIVERTED_PROTOCOLS, struct svs_ports);
ARRAY(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_runtime_map, 1, struct svs_runtime);
ARRAY(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_operator_map, 1, struct svs_operator);
ARRAY(BPF_MAP_TYPE_ARRAY, 0, svs_sweep_map, 1, struct svs_sweep);
ARRAY(BPF_MAP_TYPE_PERCPU_ARRAY, 0, svs_scratch, 6, struct svs_scratch_buffer);

/* The helpers that rewrite packets are for GPL-compatible programs; the source stays under the MIT licence too. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";

extern int svs_swift_director(struct xdp_md *context);
extern int svs_swift_arm(struct xdp_md *context);
extern int svs_swift_stamp(struct __sk_buff *context);
extern int svs_swift_handover(struct __sk_buff *context);
extern int svs_swift_divert(struct __sk_buff *context, uint32_t is_port);

/* The steps are global functions: the verifier checks each once and for all, not anew for every path that leads to
   it, and their stacks do not add up. What they share lives in svs_scratch. The barrier keeps the compiler from
   passing on nothing where a step does not look at its context: the verifier wants it all the same. */
#define STEP(name, parameters, arguments)                                                                              \
    extern int svs_swift_##name parameters;                                                                            \
    __attribute__((noinline)) int svs_##name parameters                                                                \
    {                                                                                                                  \
        __asm__ volatile("" : : "r"(context));                                                                         \
        return svs_swift_##name arguments;                                                                             \
    }

STEP(relate, (struct xdp_md *context), (context))
STEP(cross_error, (struct xdp_md *context), (context))
STEP(follow, (struct xdp_md *context), (context))
STEP(revisit, (struct xdp_md *context), (context))
STEP(move, (struct xdp_md *context, uint32_t slot, uint32_t rest, uint32_t flags, uint32_t tick),
     (context, slot, rest, flags, tick))
STEP(sum, (struct xdp_md *context, uint32_t offset, uint32_t length), (context, offset, length))
STEP(multiply, (struct xdp_md *context, uint32_t a, uint32_t b), (context, a, b))
STEP(open, (struct xdp_md *context), (context))
STEP(persist, (struct xdp_md *context), (context))
STEP(schedule, (struct xdp_md *context), (context))
STEP(keep, (struct xdp_md *context), (context))
STEP(enter, (struct xdp_md *context), (context))
STEP(lease, (struct xdp_md *context), (context))
STEP(walk, (struct xdp_md *context, uint32_t limit), (context, limit))
STEP(least_load, (struct xdp_md *context, uint32_t servers, uint32_t kind), (context, servers, kind))
STEP(route, (struct xdp_md *context), (context))
STEP(amend, (struct xdp_md *context), (context))
STEP(greeting, (struct xdp_md *context, uint32_t slot), (context, slot))
STEP(append, (struct xdp_md *context, uint32_t value, uint32_t base, uint32_t separator),
     (context, value, base, separator))
STEP(forward, (struct xdp_md *context), (context))
STEP(cross, (struct xdp_md *context), (context))
STEP(emit, (struct xdp_md *context), (context))
STEP(answer, (struct xdp_md *context), (context))

SEC("xdp") int svs_director(struct xdp_md *context) { return svs_swift_director(context); }

/* Run once by user space: starts the sweep. */
SEC("xdp") int svs_arm(struct xdp_md *context) { return svs_swift_arm(context); }

/* At svs1: sends what XDP handed over by the kernel's own neighbour table and devices. */
SEC("tc") int svs_handover(struct __sk_buff *context) { return svs_swift_handover(context); }

/* At the host's own devices, for a director that none of them bears: sends what is services' into svs0. */
SEC("tc") int svs_divert(struct __sk_buff *context) { return svs_swift_divert(context, 0); }

/* At the ports of bridges. */
SEC("tc") int svs_divert_port(struct __sk_buff *context) { return svs_swift_divert(context, 1); }

/* At svs0: notes the mark of what the kernel routes there, for svs_director at svs1. */
SEC("tc") int svs_stamp(struct __sk_buff *context) { return svs_swift_stamp(context); }
