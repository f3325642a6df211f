/*
 * gp_dns_zone_parse: any text as a zone.  What is refused names a line; what
 * is accepted answers each of some questions within the bounds, and says the
 * same when it is read again.
 */
#include "io/dns_zone.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "a.test", "b.a.test", "test", "x", "z.x" };

static const enum gp_dns_type types[] = { GP_DNS_TXT, GP_DNS_A, GP_DNS_MX,
	GP_DNS_PTR, GP_DNS_AAAA, GP_DNS_CNAME, GP_DNS_NS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answer(const struct gp_dns_zone *z, const struct gp_dns_zone *other,
    const struct gp_dns_question *q)
{
	const struct gp_dns_zone_reply r = gp_dns_zone_answer(z, q);
	const struct gp_dns_zone_reply s = gp_dns_zone_answer(other, q);
	const struct gp_dns_answer *a = &r.answer;

	assert(a->rc != GP_PERM);
	assert((a->rc == GP_TEMP) == (a->why != NULL));
	assert((a->rc == GP_OK) == (a->n != 0));
	assert(a->n <= GP_DNS_RRS_MAX && a->ttl_s <= GP_DNS_TTL_MAX_S);
	assert(r.delay_us >= 0);
	assert(r.delay_us == 0 || gp_dns_zone_delays(z));
	assert(s.answer.rc == a->rc && s.answer.n == a->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct gp_dns_rr *rr = &a->rr[i];
		const bool address =
		    q->type == GP_DNS_A || q->type == GP_DNS_AAAA;

		assert(address == (rr->ip.family != GP_IP_UNKNOWN));
		assert(rr->text.n <= GP_DNS_TXT_MAX);
		assert(gp_str_eq(rr->text, s.answer.rr[i].text));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_dns_zone *z, *other;
	struct gp_err err = { "" };
	char *text = malloc(size == 0 ? 1 : size);
	enum gp_rc rc;

	if (text == NULL)
		return 0;
	if (size != 0)
		memcpy(text, data, size);
	rc = gp_dns_zone_parse(gp_str_n(text, size), &z, &err);
	if (rc != GP_OK) {
		assert(rc == GP_PERM && z == NULL);
		assert(strncmp(err.msg, "zone", 4) == 0);
		free(text);
		return 0;
	}
	assert(gp_dns_zone_parse(gp_str_n(text, size), &other, NULL) == GP_OK);
	free(text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			struct gp_dns_question q = { .type = types[j] };

			memcpy(q.name, names[i], strlen(names[i]) + 1);
			check_answer(z, other, &q);
		}
	}
	gp_dns_zone_free(z);
	gp_dns_zone_free(other);
	return 0;
}
