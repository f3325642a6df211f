/* See dns_rows.h. */
#include "support/dns_rows.h"

#include "io/dns_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void
dns_row_none(struct dns_message *m)
{
	(void)m;
}

void
dns_row_address(struct dns_message *m, const char *owner, const char *text,
    uint32_t ttl_s)
{
	struct gp_ip ip;

	if (gp_ip_parse(gp_str(text), &ip) != GP_OK)
		abort();
	dns_message_address(m, owner, ttl_s, &ip);
}

void
dns_row_raw(struct dns_message *m, unsigned type, const void *data, size_t n)
{
	const size_t mark =
	    dns_message_rr(m, DNS_ANSWER, DNS_ROW_NAME, type, 300);

	dns_message_put(m, data, n);
	dns_message_rr_end(m, mark);
}

static void
check_row(const struct dns_row *row, const struct dns_message *m)
{
	const struct gp_dns_question q = { "example.com", row->type };
	struct gp_arena *arena = gp_arena_new();
	uint8_t *exact = malloc(m->n);
	struct gp_dns_answer a;
	char text[GP_IP_TEXT];
	const char *alias;

	assert_non_null(exact);
	memcpy(exact, m->b, m->n);
	gp_dns_parse(exact, m->n, &q, arena, &a, &alias);
	free(exact);
	assert_int_equal(a.rc, row->rc);
	assert_int_equal(a.nxdomain, row->nxdomain);
	assert_int_equal(a.ttl_s, row->ttl_s);
	assert_int_equal(a.n, row->n);
	assert_string_equal(a.why == NULL ? "" : a.why,
	    row->why == NULL ? "" : row->why);
	assert_string_equal(alias == NULL ? "" : alias,
	    row->alias == NULL ? "" : row->alias);
	if (row->text != NULL)
		assert_string_equal(a.rr[0].ip.family == GP_IP_UNKNOWN
					? a.rr[0].text.p
					: gp_ip_format(&a.rr[0].ip, text),
		    row->text);
	gp_arena_free(arena);
}

void
dns_rows_check(const struct dns_row *rows, size_t n)
{
	static struct dns_message m;

	for (size_t i = 0; i < n; i++) {
		for (int compress = 0; compress < 2; compress++) {
			print_message("# %s%s\n", rows[i].label,
			    compress ? ", compressed" : "");
			dns_message_start(&m, compress != 0, rows[i].flags,
			    DNS_ROW_NAME, rows[i].type);
			rows[i].fill(&m);
			assert_false(m.overflow);
			check_row(&rows[i], &m);
		}
	}
}
