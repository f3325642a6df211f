/* See siphash.h. */
#include "base/siphash.h"

#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
mix(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void
add(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	s->v0 ^= word;
}

uint64_t
gp_siphash(const uint64_t seed[2], const void *p, size_t n)
{
	const unsigned char *bytes = p;
	struct state s = {
		.v0 = seed[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = seed[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = seed[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = seed[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word;
	size_t left = n;

	for (; left >= sizeof(word); left -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		add(&s, word);
		bytes += sizeof(word);
	}
	word = (uint64_t)n << 56; /* the length, modulo 256 */
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	add(&s, word);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
