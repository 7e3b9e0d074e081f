/* What the kernel build of the packet path sees of the kernel: helpers, contexts, and the maps of entry.bpf.c. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helper_defs.h>
#include "sweep.h"
#include "svs_types.h"

/* BPF_FIB_LOOKUP_MARK, which headers before Linux 6.10 do not have. */
#define SVS_FIB_LOOKUP_MARK (1u << 5)

/* Maps are objects to the helpers; their types are declared in entry.bpf.c, where BTF is made of them. */
extern char svs_flows4, svs_flows6, svs_connections, svs_free_slots, svs_services, svs_devices;
extern char svs_service_pool, svs_server_pool, svs_table_pool, svs_locality_pool;
extern char svs_exchange_pool, svs_local_ranges, svs_way_map;
extern char svs_fragment_map, svs_allowance_map, svs_server_counters, svs_events;
extern char svs_config_map, svs_diverted_ports, svs_runtime_map, svs_sweep_map, svs_scratch;

/* The steps of the packet path, functions of their own in entry.bpf.c. */
int svs_relate(struct xdp_md *_Nonnull context);
int svs_cross_error(struct xdp_md *_Nonnull context);
int svs_follow(struct xdp_md *_Nonnull context);
int svs_revisit(struct xdp_md *_Nonnull context);
int svs_move(
    struct xdp_md *_Nonnull context, uint32_t slot, uint32_t rest, uint32_t flags, uint32_t tick);
int svs_sum(struct xdp_md *_Nonnull context, uint32_t offset, uint32_t length);
int svs_multiply(struct xdp_md *_Nonnull context, uint32_t a, uint32_t b);
int svs_open(struct xdp_md *_Nonnull context);
int svs_persist(struct xdp_md *_Nonnull context);
int svs_schedule(struct xdp_md *_Nonnull context);
int svs_keep(struct xdp_md *_Nonnull context);
int svs_enter(struct xdp_md *_Nonnull context);
int svs_route(struct xdp_md *_Nonnull context);
int svs_amend(struct xdp_md *_Nonnull context);
int svs_greeting(struct xdp_md *_Nonnull context, uint32_t slot);
int svs_append(struct xdp_md *_Nonnull context, uint32_t value, uint32_t base, uint32_t separator);
int svs_forward(struct xdp_md *_Nonnull context);
int svs_cross(struct xdp_md *_Nonnull context);
int svs_emit(struct xdp_md *_Nonnull context);
int svs_answer(struct xdp_md *_Nonnull context);
int svs_least_load(struct xdp_md *_Nonnull context, uint32_t servers, uint32_t kind);
int svs_lease(struct xdp_md *_Nonnull context);
int svs_walk(struct xdp_md *_Nonnull context, uint32_t limit);
