/* Layouts that only the kernel and its build know. */
#pragma once
#include <linux/bpf.h>
#include <stdint.h>

/* The sweep's timer and how far it has come. Loop state lives here, not on the stack: the verifier's dead-code
   pass may remove a branch on a counter kept in the callback's stack context. */
struct svs_sweep {
    struct bpf_timer timer;
    uint64_t cursor, end_ns, seen, ended, limit;
    uint32_t tick, armed;
};

/* Room for sums over packet data, which helpers take from maps only. */
struct svs_scratch_buffer { uint8_t bytes[1024]; };
