/* What the decapsulator sees of the kernel: helpers, the context, and the maps of entry.bpf.c. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helper_defs.h>
#include "decapsulator.h"

/* To the helpers a map is an object without a shape; entry.bpf.c gives it one. */
extern char svs_decap_addresses, svs_decap_counts;

/* Hides a value from the optimiser, which else computes a checked pointer anew where the verifier cannot follow. */
static inline __attribute__((always_inline)) void *_Nonnull svs_decap_opaque(void *_Nonnull value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}
