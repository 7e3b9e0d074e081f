/* What the socket hooks see of the kernel: helpers, the context, and the maps of entry.bpf.c. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helper_defs.h>
#include "svs_sockets.h"

/* To the helpers a map is an object without a shape; entry.bpf.c gives it one. */
extern char svs_sock_places, svs_sock_addresses, svs_sock_services, svs_sock_slots, svs_sock_endpoints;
extern char svs_sock_affinity, svs_sock_senders, svs_sock_sources, svs_sock_peers;

#define SVS_INLINE static inline __attribute__((always_inline))

/* Fields of the context are read and written one by one, at offsets the verifier knows: nothing may join or move these
   accesses, hence volatile. */
typedef volatile struct bpf_sock_addr svs_hook;

SVS_INLINE uint32_t svs_hook_protocol(struct bpf_sock_addr *_Nonnull c) { return ((svs_hook *)c)->protocol; }

SVS_INLINE uint16_t svs_hook_port(struct bpf_sock_addr *_Nonnull c) { return (uint16_t)((svs_hook *)c)->user_port; }

SVS_INLINE void svs_hook_set_port(struct bpf_sock_addr *_Nonnull c, uint16_t port)
{
    ((svs_hook *)c)->user_port = port;
}

SVS_INLINE uint32_t svs_hook_word(struct bpf_sock_addr *_Nonnull c) { return ((svs_hook *)c)->user_ip4; }

SVS_INLINE void svs_hook_set_word(struct bpf_sock_addr *_Nonnull c, uint32_t word)
{
    ((svs_hook *)c)->user_ip4 = word;
}

SVS_INLINE void svs_hook_words(struct bpf_sock_addr *_Nonnull c, uint32_t *_Nonnull words)
{
    words[0] = ((svs_hook *)c)->user_ip6[0];
    words[1] = ((svs_hook *)c)->user_ip6[1];
    words[2] = ((svs_hook *)c)->user_ip6[2];
    words[3] = ((svs_hook *)c)->user_ip6[3];
}

SVS_INLINE void svs_hook_set_words(struct bpf_sock_addr *_Nonnull c, const uint32_t *_Nonnull words)
{
    ((svs_hook *)c)->user_ip6[0] = words[0];
    ((svs_hook *)c)->user_ip6[1] = words[1];
    ((svs_hook *)c)->user_ip6[2] = words[2];
    ((svs_hook *)c)->user_ip6[3] = words[3];
}

SVS_INLINE uint32_t *_Nonnull svs_sock_words(struct svs_sock_address *_Nonnull address) { return address->words; }

/* What the kernel keeps with a socket until that is closed; made if asked. */
SVS_INLINE struct svs_sock_peer *_Nullable svs_hook_peer(struct bpf_sock_addr *_Nonnull c, uint64_t flags)
{
    struct bpf_sock *socket = c->sk;
    return socket ? (struct svs_sock_peer *)bpf_sk_storage_get(&svs_sock_peers, socket, 0, flags) : 0;
}

SVS_INLINE void svs_hook_forget_peer(struct bpf_sock_addr *_Nonnull c)
{
    struct bpf_sock *socket = c->sk;
    if (socket)
        bpf_sk_storage_delete(&svs_sock_peers, socket);
}

/* A word that another processor may write meanwhile, read once. */
SVS_INLINE uint64_t svs_read_once(const uint64_t *_Nonnull word) { return *(const volatile uint64_t *)word; }
