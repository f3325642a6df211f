/*
 * gp_dns_parse: any bytes as the answer to a question.
 *
 * The first byte chooses the type, the rest is the message.  What is read must
 * keep the bounds; written again, compressed and plain, it must read the same.
 */
#include "io/dns_parse.h"

#include "support/dns_message.h"

#include <assert.h>

static const enum gp_dns_type types[] = { GP_DNS_TXT, GP_DNS_A, GP_DNS_MX,
	GP_DNS_PTR, GP_DNS_AAAA, GP_DNS_CNAME, GP_DNS_NS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_bounds(const struct gp_dns_answer *a, const char *alias)
{
	size_t bytes = 0;

	assert(a->rc != GP_PERM);
	assert((a->rc == GP_TEMP) == (a->why != NULL));
	assert((a->rc == GP_OK && alias == NULL) == (a->n != 0));
	assert(!a->nxdomain || a->rc == GP_NONE);
	assert(alias == NULL || gp_dns_name_valid(gp_str(alias)));
	assert(a->ttl_s <= GP_DNS_TTL_MAX_S);
	assert(a->n <= GP_DNS_RRS_MAX);
	for (size_t i = 0; i < a->n; i++) {
		assert(a->rr[i].text.n <= GP_DNS_TXT_MAX);
		assert(a->rr[i].text.p[a->rr[i].text.n] == '\0');
		bytes += a->rr[i].text.n;
	}
	assert(bytes <= GP_DNS_ANSWER_MAX);
}

static void
write_answer(struct dns_message *m, const struct gp_dns_question *q,
    const struct gp_dns_answer *a, bool compress)
{
	dns_message_start(m, compress, 0x8180, q->name, q->type);
	for (size_t i = 0; i < a->n; i++) {
		const struct gp_dns_rr *rr = &a->rr[i];

		if (rr->ip.family != GP_IP_UNKNOWN)
			dns_message_address(m, q->name, a->ttl_s, &rr->ip);
		else if (q->type == GP_DNS_TXT)
			dns_message_txt(m, q->name, a->ttl_s, rr->text);
		else
			dns_message_target(m, q->name, q->type, a->ttl_s,
			    rr->preference, rr->text.p);
	}
}

static void
check_same(const struct gp_dns_answer *a, const struct gp_dns_answer *b)
{
	assert(b->rc == GP_OK && a->n == b->n && a->ttl_s == b->ttl_s);
	for (size_t i = 0; i < a->n; i++) {
		assert(gp_str_eq(a->rr[i].text, b->rr[i].text));
		assert(a->rr[i].preference == b->rr[i].preference);
		assert(a->rr[i].ip.family == b->rr[i].ip.family);
		assert(memcmp(a->rr[i].ip.b, b->rr[i].ip.b, 16) == 0);
	}
}

static void
check_again(const struct gp_dns_question *q, const struct gp_dns_answer *a,
    bool compress)
{
	static struct dns_message m;
	struct gp_arena *arena = gp_arena_new();
	struct gp_dns_answer again;
	const char *alias;

	write_answer(&m, q, a, compress);
	if (!m.overflow) {
		gp_dns_parse(m.b, m.n, q, arena, &again, &alias);
		assert(alias == NULL);
		check_same(a, &again);
	}
	gp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_dns_question q = { .name = "example.com" };
	struct gp_dns_answer a;
	struct gp_arena *arena;
	const char *alias;
	uint8_t *exact;

	if (size < 1)
		return 0;
	q.type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	exact = malloc(size - 1);
	if (exact == NULL)
		return 0;
	memcpy(exact, data + 1, size - 1);
	arena = gp_arena_new();
	gp_dns_parse(exact, size - 1, &q, arena, &a, &alias);
	free(exact);
	check_bounds(&a, alias);
	if (a.rc == GP_OK && alias == NULL) {
		check_again(&q, &a, true);
		check_again(&q, &a, false);
	}
	gp_arena_free(arena);
	return 0;
}
