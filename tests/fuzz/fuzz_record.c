/*
 * A body without its head.  As it stands it is no record; with the head that
 * belongs to it, what is read is written to the same octets; and one bit of
 * them changed, at a place that the first two octets choose, is no record.
 */
#include "base/siphash.h"
#include "core/record.h"

#include <assert.h>
#include <string.h>

#define HEAD_BYTES 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gp_str
span(const uint8_t *p, size_t n)
{
	return gp_str_n((const char *)p, n);
}

/* As core/record.c writes it. */
static void
put_head(uint8_t *bytes, size_t n)
{
	static const uint64_t seed[2] = { UINT64_C(0x7265636f72642031),
		UINT64_C(0x67617465706f7374) };
	const uint64_t sum =
	    gp_siphash(seed, bytes + HEAD_BYTES, n - HEAD_BYTES);

	bytes[0] = 2;
	for (unsigned i = 0; i < 8; i++)
		bytes[1 + i] = (uint8_t)(sum >> (56 - 8 * i));
}

static void
check_record(const struct gp_record *r, uint8_t *bytes, size_t n, size_t bit)
{
	uint8_t again[GP_RECORD_BYTES_MAX];
	struct gp_record none;
	size_t n_again;

	assert(r->time_s >= 0 && r->header_from.n != 0);
	assert(r->n_dkim <= GP_RECORD_DKIM_MAX);
	assert(r->policy_evaluated.comment.n <= GP_RECORD_COMMENT_MAX);
	assert(gp_record_encode(r, again, &n_again, NULL) == GP_OK);
	assert(n_again == n && memcmp(again, bytes, n) == 0);
	again[bit / 8 % n] ^= (uint8_t)(1 << bit % 8);
	assert(gp_record_decode(span(again, n), &none) == GP_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[HEAD_BYTES + GP_RECORD_BYTES_MAX + 8];
	struct gp_record r;
	size_t bit, n;

	if (size < 2 || size - 2 > sizeof(bytes) - HEAD_BYTES)
		return 0;
	bit = (size_t)data[0] << 8 | data[1];
	n = HEAD_BYTES + size - 2;
	assert(gp_record_decode(span(data, size), &r) == GP_NONE);
	memcpy(bytes + HEAD_BYTES, data + 2, size - 2);
	put_head(bytes, n);
	if (gp_record_decode(span(bytes, n), &r) == GP_OK)
		check_record(&r, bytes, n, bit);
	else
		assert(r.header_from.n == 0 && r.n_dkim == 0);
	return 0;
}
