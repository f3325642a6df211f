/*
 * drive_records DIR - the records in a folder, in order of their time, while
 * somebody else may write to it.  A line each: "record" and its members, with
 * tabs between; a signature is three of them.  Then
 *
 *     end  NUMBER  DAMAGED
 */
#include "io/record_store.h"
#include "support/line_pipe.h"

#include <inttypes.h>
#include <stdio.h>

#define YEARS_S (INT64_C(100) * 365 * 24 * 3600)

static void
print_word(const char *const *words, unsigned n)
{
	line_print_field(gp_str(words[n]));
}

static void
print_published(const struct gp_record *r)
{
	static const char *const methods[] = { "psl", "treewalk" };
	static const char *const policies[] = { "-", "none", "quarantine",
		"reject" };

	line_print_field(r->policy_published.domain);
	print_word(methods, r->policy_published.discovery_method);
	print_word(policies, r->policy_published.p);
}

static void
print_evaluated(const struct gp_record *r)
{
	static const char *const results[] = { "none", "pass", "fail",
		"temperror", "permerror" };
	static const char *const dispositions[] = { "none", "pass",
		"quarantine", "reject" };
	static const char *const reasons[] = { "-", "local_policy",
		"mailing_list", "other", "policy_test_mode",
		"trusted_forwarder" };
	static const char *const alignments[] = { "fail", "pass" };

	print_word(results, r->policy_evaluated.result);
	print_word(dispositions, r->policy_evaluated.disposition);
	print_word(alignments, r->policy_evaluated.dkim);
	print_word(alignments, r->policy_evaluated.spf);
	print_word(reasons, r->policy_evaluated.reason);
	line_print_field(r->policy_evaluated.comment);
}

static void
print_authentication(const struct gp_record *r)
{
	static const char *const scopes[] = { "-", "mfrom", "helo" };

	print_word(scopes, r->spf.scope);
	line_print_field(gp_str(gp_spf_result_name(r->spf.result)));
	line_print_field(r->spf.domain);
	for (unsigned i = 0; i < r->n_dkim; i++) {
		line_print_field(
		    gp_str(gp_dkim_result_name(r->dkim[i].result)));
		line_print_field(r->dkim[i].domain);
		line_print_field(r->dkim[i].selector);
	}
}

static bool
print_record(void *arg, const struct gp_record *r)
{
	char ip[GP_IP_TEXT];

	++*(unsigned *)arg;
	(void)printf("record\t%" PRId64, r->time_s);
	line_print_field(gp_str(gp_ip_format(&r->source_ip, ip)));
	line_print_field(r->header_from);
	line_print_field(r->envelope_from);
	print_published(r);
	print_evaluated(r);
	print_authentication(r);
	(void)putchar('\n');
	return true;
}

int
main(int argc, char **argv)
{
	struct gp_record_store *s;
	struct gp_err err = { .msg = "" };
	uint64_t damaged = 0;
	unsigned n = 0;

	if (argc != 2)
		line_die("one folder is wanted");
	if (gp_record_store_open(argv[1], INT64_C(256) << 20, YEARS_S, &s,
		&err) != GP_OK ||
	    gp_record_store_walk(s, 0, INT64_MAX, print_record, &n, &damaged) !=
		GP_OK)
		line_die(err.msg);
	(void)printf("end\t%u\t%" PRIu64 "\n", n, damaged);
	gp_record_store_close(s);
	return 0;
}
