/*
 * libspf2 behind the front: each line of the input is the TXT record of
 * d0.test, d1.test and so on, and d0.test is checked by both engines.
 * Besides not crashing: no check asks more than it may, and both agree on
 * what is a syntax error of the first record, since the front is one reader.
 */
#include "base/buf.h"
#include "core/spf_record.h"
#include "io/clock.h"
#include "mta/spf_check.h"

#include <assert.h>

#define RECORDS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add_record(struct gp_buf *zone, unsigned i, struct gp_str text)
{
	gp_buf_addf(zone, "d%u.test TXT \"", i);
	for (size_t k = 0; k < text.n; k++)
		gp_buf_addf(zone, "\\%03u", (unsigned)(uint8_t)text.p[k]);
	gp_buf_adds(zone, "\"\n");
}

static struct gp_dns *
open_zone(struct gp_str input, struct gp_str *first)
{
	struct gp_dns *dns = NULL;
	struct gp_buf zone;

	gp_buf_init(&zone, 1 << 20);
	gp_buf_adds(&zone, "a.test A 192.0.2.1\na.test MX 1 a.test\n"
			   "1.2.0.192.in-addr.arpa PTR a.test\n"
			   "*.x.test A 192.0.2.1\n");
	*first = gp_str("");
	for (unsigned i = 0; i < RECORDS && input.p != NULL; i++) {
		struct gp_str line = gp_str_split(&input, '\n');

		if (line.n > GP_SPF_RECORD_MAX)
			line.n = GP_SPF_RECORD_MAX;
		if (i == 0)
			*first = line;
		add_record(&zone, i, line);
	}
	assert(!zone.overflow);
	assert(gp_dns_open_zone(gp_buf_str(&zone), NULL, &dns, NULL) == GP_OK);
	gp_buf_clear(&zone);
	return dns;
}

static void
judge(const struct gp_spf_outcome *out)
{
	assert(out->result > GP_SPF_SKIPPED && out->result < GP_SPF_RESULTS);
	assert(out->queries <= GP_SPF_QUERIES_MAX);
	assert(out->reason != NULL);
	for (const char *p = out->reason; *p != '\0'; p++)
		assert(gp_is_print(*p));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_spf_outcome builtin, second;
	struct gp_spf_record record;
	struct gp_dns_scope scope;
	struct gp_spf_query q = { .client = { .family = GP_IP_V4,
				      .b = { 192, 0, 2, 1 } },
		.local = GP_STR("a-b.c"),
		.domain = "d0.test",
		.helo = "helo.test",
		.receiver = "receiver.test",
		.now_s = 1800000000,
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX,
		.max_queries = GP_SPF_QUERIES_MAX };
	struct gp_str first;

	scope = (struct gp_dns_scope){
		.dns = open_zone(gp_str_n((const char *)data, size), &first),
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = 1000,
	};
	gp_spf_libspf2(&q, &scope, &second);
	gp_spf_builtin(&q, &scope, &builtin);
	judge(&second);
	judge(&builtin);
	switch (gp_spf_record_parse(first, scope.arena, &record, NULL)) {
	case GP_NONE:
		assert(second.result == GP_SPF_NONE);
		assert(builtin.result == GP_SPF_NONE);
		break;
	case GP_PERM:
		assert(second.result == GP_SPF_PERMERROR);
		assert(builtin.result == GP_SPF_PERMERROR);
		break;
	case GP_OK:
	case GP_TEMP:
		assert(second.result != GP_SPF_NONE);
		break;
	}
	gp_arena_free(scope.arena);
	gp_dns_close(scope.dns);
	return 0;
}
