/* The hot path by hand: what Sources/Dataplane does with a packet of a connection that stands, under NAT and direct
   routing, as one writes it in C. It works on the running director's own maps. All else (new connections, tunnels,
   tagged frames, ways to look up, partial checksums, whatever is wrong with a packet) it leaves to the director before
   it has changed anything, by a tail call. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "svs_types.h"

#define INLINE static inline __attribute__((always_inline))

/* Only the shapes matter to the verifier: every map is replaced by the director's of the same name. */
#define ARRAY(kind, flags, name, n, v)                                                                                 \
    struct {                                                                                                           \
        __uint(type, kind);                                                                                            \
        __uint(map_flags, flags);                                                                                      \
        __uint(max_entries, n);                                                                                        \
        __type(key, uint32_t);                                                                                         \
        __type(value, v);                                                                                              \
    } name SEC(".maps")
#define POOL(name, kind, flags, v)                                                                                     \
    struct name##_chunk {                                                                                              \
        __uint(type, kind);                                                                                            \
        __uint(map_flags, flags);                                                                                      \
        __uint(max_entries, SVS_CHUNK_SIZE);                                                                           \
        __uint(key_size, sizeof(uint32_t));                                                                            \
        __uint(value_size, sizeof(v));                                                                                 \
    };                                                                                                                 \
    struct {                                                                                                           \
        __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                                      \
        __uint(max_entries, SVS_CHUNKS);                                                                               \
        __type(key, uint32_t);                                                                                         \
        __array(values, struct name##_chunk);                                                                          \
    } name SEC(".maps")

#define FLOWS(name, k)                                                                                                 \
    struct {                                                                                                           \
        __uint(type, BPF_MAP_TYPE_HASH);                                                                               \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                                          \
        __uint(max_entries, 1);                                                                                        \
        __type(key, k);                                                                                                \
        __type(value, struct svs_flow_ref);                                                                            \
    } name SEC(".maps")
FLOWS(svs_flows4, struct svs_flow4_key);
FLOWS(svs_flows6, struct svs_flow_key);
ARRAY(BPF_MAP_TYPE_ARRAY, 0, svs_connections, 1, struct svs_connection);
ARRAY(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, svs_config_map, 1, struct svs_config);
POOL(svs_server_pool, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, struct svs_server);
POOL(svs_server_counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, struct svs_counters);
ARRAY(BPF_MAP_TYPE_PROG_ARRAY, 0, director, 1, uint32_t);
/* How many packets were left to the director: a measurement of the twin must not be one of the director. */
ARRAY(BPF_MAP_TYPE_PERCPU_ARRAY, 0, left, 1, uint64_t);

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum { INET = 2, INET6 = 10, TCP = 6, UDP = 17 };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { ESTABLISHED = 1, SYN_SENT, SYN_RECEIVED, FIN_WAIT, TIME_WAIT, CLOSED, CLOSE_WAIT, SYN_ACK = 10 };
enum { NAT, DIRECT };
#define DEAD 0x80
#define INACTIVE 0x40
#define REDIRECT 1
#define FRESH_TICKS 60
#define PROTO(key) ((uint8_t)(key).kind)

/* ---- parsing ---- */

struct frame {
    struct svs_flow_key key;
    uint32_t transport, length;
    uint8_t flags, ttl;
};

INLINE void *at(void *data, void *end, uint32_t offset, uint32_t size) {
    void *p = svs_opaque(data + (offset & 511));
    return p + size > end ? 0 : p;
}

INLINE int parse_ports(void *data, void *end, struct frame *f) {
    if (14 + f->length > end - data) return 0;
    uint32_t header = f->transport - 14;
    if (PROTO(f->key) == TCP) {
        struct svs_tcp *tcp = at(data, end, f->transport, sizeof *tcp);
        if (!tcp || f->length < header + 20 || tcp->offset < 0x50) return 0;
        f->key.ports = tcp->sport | (uint32_t)tcp->dport << 16, f->flags = tcp->flags;
        return 1;
    }
    struct svs_udp *udp = at(data, end, f->transport, sizeof *udp);
    if (!udp || f->length < header + 8) return 0;
    uint32_t size = bpf_ntohs(udp->length);
    if (size < 8 || size + header > f->length) return 0;
    f->key.ports = udp->sport | (uint32_t)udp->dport << 16;
    return 1;
}

INLINE int parse(void *data, void *end, struct frame *f) {
    struct svs_eth *ethernet = data;
    if ((void *)(ethernet + 1) > end) return 0;
    if (ethernet->type == bpf_htons(0x0800)) {
        struct svs_ipv4 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end) return 0;
        uint32_t header = (ip->version_ihl & 15) * 4;
        if (ip->version_ihl >> 4 != 4 || header < 20 || (ip->proto != TCP && ip->proto != UDP)) return 0;
        if (ip->fragment & bpf_htons(0x3fff)) return 0;
        f->length = bpf_ntohs(ip->length), f->transport = 14 + header, f->ttl = ip->ttl;
        f->key.src.w0 = ip->src, f->key.dst.w0 = ip->dst, f->key.kind = ip->proto | INET << 8;
        return parse_ports(data, end, f);
    }
    if (ethernet->type != bpf_htons(0x86dd)) return 0;
    struct svs_ipv6 *ip = (void *)(ethernet + 1);
    if ((void *)(ip + 1) > end || (ip->version_class_flow & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000)) return 0;
    f->length = bpf_ntohs(ip->length) + 40, f->transport = 54, f->ttl = ip->hops;
    f->key.src = ip->src, f->key.dst = ip->dst;
    uint8_t next = ip->next;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (next == TCP || next == UDP) break;
        if (next != 0 && next != 60 && next != 43) return 0;
        uint8_t *option = at(data, end, f->transport, 4);
        if (!option) return 0;
        next = option[0];
        f->transport += (option[1] + 1) * 8;
        if (f->transport > 400) return 0;
    }
    if (next != TCP && next != UDP) return 0;
    f->key.kind = next | INET6 << 8;
    return parse_ports(data, end, f);
}

/* ---- connections ---- */

/* The next state of state n stands in hexadecimal digit n. */
INLINE uint8_t next_state(uint8_t state, uint8_t flags, int from_server, int input_only) {
    uint64_t row;
    if (!(flags & (RST | SYN | FIN | ACK))) row = 0x66666666666;
    else if (from_server)
        row = flags & RST ? 0x69866566266 : flags & SYN ? 0x32222223212 : flags & FIN ? 0x59856545245 : 0x19676541211;
    else if (flags & RST) row = 0x69866663666;
    else if (flags & SYN) row = 0x33333333113;
    else if (flags & FIN) row = input_only ? 0x59876545246 : 0x59876555276;
    else row = 0x19676541211;
    return row >> (state & 15) * 4 & 15;
}

INLINE int is_active(uint8_t state) {
    return state == ESTABLISHED || state == SYN_SENT || state == SYN_RECEIVED || state == SYN_ACK;
}

INLINE void *pooled(void *pool, uint32_t index) {
    uint32_t outer = index >> SVS_CHUNK_SHIFT, inner = index & (SVS_CHUNK_SIZE - 1);
    void *chunk = bpf_map_lookup_elem(pool, &outer);
    return chunk ? bpf_map_lookup_elem(chunk, &inner) : 0;
}

/* Moves the connection's word; 0 if it ended meanwhile. */
INLINE int advance(struct svs_connection *c, uint32_t generation, const struct frame *f,
                   int from_server, const struct svs_config *config, uint32_t tick) {
    /* Most packets change nothing: they come in the same tick as the one before. */
    uint64_t seen = c->word;
    int settled = c->proto != TCP || ((seen & 15) == ESTABLISHED && (f->flags & (RST | SYN | FIN | ACK)) == ACK);
    if (settled && seen >> 32 == (uint32_t)(tick + config->timeout[seen & 15])) return 1;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        uint64_t word = c->word;
        if ((word >> 8 & 0xffffff) != generation || word & DEAD) return 0;
        uint8_t state = word & 15;
        int inactive = 1;
        if (c->proto == TCP) {
            state = next_state(state, f->flags, from_server, c->method != NAT);
            inactive = !is_active(state);
        }
        uint64_t new = (uint64_t)(tick + config->timeout[state & 15]) << 32 | generation << 8 | (inactive ? INACTIVE : 0) | state;
        if (new == word) return 1;
        if (__sync_val_compare_and_swap(&c->word, word, new) != word) continue;
        struct svs_server *server;
        if (!!(word & INACTIVE) != inactive && (server = pooled(&svs_server_pool, c->server))) {
            __sync_fetch_and_add(inactive ? &server->active : &server->inactive, -1);
            __sync_fetch_and_add(inactive ? &server->inactive : &server->active, 1);
        }
        return 1;
    }
    return 1;
}

INLINE void count(uint32_t server, uint32_t bytes, int from_server) {
    struct svs_counters *counters = pooled(&svs_server_counters, server);
    if (!counters) return;
    if (from_server) counters->packets_out++, counters->bytes_out += bytes;
    else counters->packets_in++, counters->bytes_in += bytes;
}

/* ---- checksums (RFC 1624) ---- */

INLINE uint16_t fold(uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

INLINE uint64_t replaced(uint32_t old, uint32_t new) { return (uint64_t)(uint32_t)~old + new; }

INLINE uint64_t replaced_address(const struct svs_addr *old, const struct svs_addr *new) {
    return replaced(old->w0, new->w0) + replaced(old->w1, new->w1) + replaced(old->w2, new->w2) + replaced(old->w3, new->w3);
}

/* Whether the transport's checksum is whole, as it is of every packet that came over a wire. */
INLINE int checksum_is_whole(const struct frame *f, uint16_t field) {
    const struct svs_addr *s = &f->key.src, *d = &f->key.dst;
    uint64_t pseudo = (uint64_t)s->w0 + s->w1 + s->w2 + s->w3 + d->w0 + d->w1 + d->w2 + d->w3
                      + bpf_htons(PROTO(f->key)) + bpf_htons(f->length - (f->transport - 14));
    return field != fold(pseudo) && !(PROTO(f->key) == UDP && field == 0);
}

/* ---- the path ---- */

INLINE int forward(struct xdp_md *context) {
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    struct frame f = {};
    if (!parse(data, end, &f)) return -1;

    uint32_t zero = 0;
    struct svs_config *config = bpf_map_lookup_elem(&svs_config_map, &zero);
    struct svs_flow_ref *reference;
    if (f.key.kind >> 8 == INET) {
        struct svs_flow4_key key = {.src = f.key.src.w0, .dst = f.key.dst.w0, .ports = f.key.ports, .kind = f.key.kind};
        reference = bpf_map_lookup_elem(&svs_flows4, &key);
    } else reference = bpf_map_lookup_elem(&svs_flows6, &f.key);
    if (!config || !reference) return -1;
    uint32_t slot = reference->bits >> 32, generation = reference->bits >> 8 & 0xffffff;
    int from_server = reference->bits & 1;
    struct svs_connection *c = bpf_map_lookup_elem(&svs_connections, &slot);
    if (!c) return -1;

    /* Only what goes through without a question is ours. */
    uint64_t word = c->word;
    uint32_t tick = bpf_ktime_get_coarse_ns() >> SVS_TICK_SHIFT;
    struct svs_hop *hop = from_server ? &c->to_client : &c->to_server;
    if ((word >> 8 & 0xffffff) != generation || word & DEAD) return -1;
    if (c->cport != (uint16_t)(from_server ? f.key.ports >> 16 : f.key.ports)) return -1;
    uint8_t state = word & 15;
    if (PROTO(f.key) == TCP && f.flags & SYN && !from_server && (state == TIME_WAIT || state == CLOSED)) return -1;
    if (c->method > DIRECT || hop->kind_vlan != REDIRECT << 12 || tick - hop->tick >= FRESH_TICKS) return -1;
    if (f.ttl <= 1 || (hop->mtu && f.length > hop->mtu)) return -1;
    uint16_t *field = at(data, end, f.transport + (PROTO(f.key) == TCP ? 16 : 6), 2);
    if (!field || !checksum_is_whole(&f, *field)) return -1;
    if (c->rules != config->rules_generation) return -1;

    if (!advance(c, generation, &f, from_server, config, tick)) return -1;
    count(c->server, f.length, from_server);

    struct svs_eth *ethernet = data;
    if ((void *)(ethernet + 1) > end) return XDP_DROP;
    const struct svs_addr *old = from_server ? &f.key.src : &f.key.dst;
    const struct svs_addr *new = c->method != NAT ? old : from_server ? &c->vip : &c->rip;
    if (f.key.kind >> 8 == INET) {
        struct svs_ipv4 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end) return XDP_DROP;
        uint64_t sum = (uint16_t)~ip->check;
        /* One less in the time to live is one less in the word that it begins. */
        sum += (uint16_t)~(uint16_t)ip->ttl + (uint32_t)(ip->ttl - 1);
        if (c->method == NAT) {
            sum += replaced(old->w0, new->w0);
            if (from_server) ip->src = new->w0; else ip->dst = new->w0;
        }
        ip->ttl--;
        ip->check = ~fold(sum);
    } else {
        struct svs_ipv6 *ip = (void *)(ethernet + 1);
        if ((void *)(ip + 1) > end) return XDP_DROP;
        if (c->method == NAT) { if (from_server) ip->src = *new; else ip->dst = *new; }
        ip->hops--;
    }
    if (c->method == NAT) {
        uint16_t port = from_server ? c->vport : c->rport;
        if (PROTO(f.key) == TCP) {
            struct svs_tcp *tcp = at(data, end, f.transport, sizeof *tcp);
            if (!tcp) return XDP_DROP;
            uint16_t old_port = from_server ? tcp->sport : tcp->dport;
            tcp->check = ~fold((uint16_t)~tcp->check + replaced_address(old, new) + (uint16_t)~old_port + port);
            if (from_server) tcp->sport = port; else tcp->dport = port;
        } else {
            struct svs_udp *udp = at(data, end, f.transport, sizeof *udp);
            if (!udp) return XDP_DROP;
            uint16_t old_port = from_server ? udp->sport : udp->dport;
            uint16_t check = ~fold((uint16_t)~udp->check + replaced_address(old, new) + (uint16_t)~old_port + port);
            udp->check = check ? check : 0xffff;
            if (from_server) udp->sport = port; else udp->dport = port;
        }
    }
    *(struct svs_macs *)ethernet = hop->macs;
    return bpf_redirect(hop->ifindex, 0);
}

SEC("xdp") int twin(struct xdp_md *context) {
    int verdict = forward(context);
    if (verdict >= 0) return verdict;
    uint32_t zero = 0;
    uint64_t *count = bpf_map_lookup_elem(&left, &zero);
    if (count) ++*count;
    bpf_tail_call(context, &director, 0);
    return XDP_ABORTED;
}
