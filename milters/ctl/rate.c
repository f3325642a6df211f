/* gatepost rate: refusals and meters, for the operator. */
#include "ctl/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define REQUEST_MAX 280
#define METERS_MAX  1000 /* that a daemon shows */

/* -- questions to the daemon ------------------------------------------- */

int
ctl_rate_ask(const struct ctl *ctl, const char *request, struct gp_buf *answer)
{
	static const int codes[] = {
		[GP_OK] = 0,
		[GP_NONE] = 1,
		[GP_TEMP] = EX_TEMPFAIL,
		[GP_PERM] = EX_NOPERM,
	};
	struct gp_err err;
	enum gp_rc rc = ctl_request(ctl, "rate", request, answer, &err);
	struct gp_str text = gp_buf_str(answer);
	struct gp_str why = gp_str_split(&text, '\n');

	if (rc == GP_NONE)
		return ctl_fail(1, "%.*s", GP_STR_ARG(why));
	if (rc != GP_OK)
		return ctl_fail(codes[rc], "%s", err.msg);
	return 0;
}

/* "WORD ARGUMENT", as a request; 0, or 64. */
static int
ask(const struct ctl *ctl, const char *word, const struct ctl_args *args,
    struct gp_buf *answer)
{
	char request[REQUEST_MAX];
	int n = snprintf(request, sizeof(request), "%s%s%s", word,
	    args->n > 0 ? " " : "", args->n > 0 ? args->v[0] : "");

	if (n < 0 || (size_t)n >= sizeof(request))
		return ctl_usage("rate: %s: the word is too long", args->v[0]);
	return ctl_rate_ask(ctl, request, answer);
}

/* -- lines "KEY VALUE" ---------------------------------------------------- */

static void
json_lines(struct gp_str text)
{
	struct gp_buf out;
	struct gp_buf name;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	gp_buf_init(&name, SIZE_MAX);
	j = ctl_json_begin(&out);
	while (text.n > 0) {
		struct gp_str value = gp_str_split(&text, '\n');

		gp_buf_reset(&name);
		gp_buf_add_str(&name, gp_str_split(&value, ' '));
		if (name.n > 0)
			gp_json_str(&j, gp_buf_cstr(&name), value);
	}
	ctl_json_end(&j);
	gp_buf_clear(&name);
	gp_buf_clear(&out);
}

static int
print_lines(const struct ctl *ctl, const char *word,
    const struct ctl_args *args)
{
	struct gp_buf answer;
	int code;

	gp_buf_init(&answer, SIZE_MAX);
	code = ask(ctl, word, args, &answer);
	if (code == 0 && ctl->json)
		json_lines(gp_buf_str(&answer));
	else if (code == 0)
		ctl_print_text(gp_buf_str(&answer));
	gp_buf_clear(&answer);
	return code;
}

static int
why(const struct ctl *ctl, const struct ctl_args *args)
{
	return print_lines(ctl, "why", args);
}

static int
store(const struct ctl *ctl, const struct ctl_args *args)
{
	return print_lines(ctl, "store", args);
}

/* -- meters --------------------------------------------------------------- */

struct meter {
	struct gp_str name, level, age;
};

struct meters {
	size_t n;
	struct meter v[METERS_MAX];
};

static int
by_name(const void *a, const void *b)
{
	const struct meter *x = a;
	const struct meter *y = b;
	const size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	const int order = n == 0 ? 0 : memcmp(x->name.p, y->name.p, n);

	return order != 0 ? order
	                  : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* "NAME level 2.0 age_s 17" */
static void
read_meters(struct gp_str text, struct meters *m)
{
	while (text.n > 0 && m->n < METERS_MAX) {
		struct gp_str line = gp_str_split(&text, '\n');
		struct meter *one = &m->v[m->n];

		one->name = gp_str_split(&line, ' ');
		(void)gp_str_split(&line, ' ');
		one->level = gp_str_split(&line, ' ');
		(void)gp_str_split(&line, ' ');
		one->age = line;
		m->n += one->age.n > 0;
	}
	qsort(m->v, m->n, sizeof(m->v[0]), by_name);
}

static void
print_meters(const struct meters *m)
{
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	if (m->n > 0)
		gp_buf_adds(&out, "METER\tLEVEL\tSECONDS AGO\n");
	for (size_t i = 0; i < m->n; i++)
		gp_buf_addf(&out, "%.*s\t%.*s\t%.*s\n",
		    GP_STR_ARG(m->v[i].name), GP_STR_ARG(m->v[i].level),
		    GP_STR_ARG(m->v[i].age));
	ctl_print_table(gp_buf_str(&out));
	gp_buf_clear(&out);
}

/* A level is a string: it has parts. */
static void
json_meters(const struct meters *m)
{
	struct gp_buf out;
	struct gp_json j;
	uint64_t age;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_array(&j, "meters");
	for (size_t i = 0; i < m->n; i++) {
		gp_json_object(&j, NULL);
		gp_json_str(&j, "meter", m->v[i].name);
		gp_json_str(&j, "level", m->v[i].level);
		if (gp_parse_u64(m->v[i].age, INT64_MAX, &age) == GP_OK)
			gp_json_int(&j, "age_s", (int64_t)age);
		gp_json_end(&j);
	}
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

static int
show(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_arena *arena;
	struct meters *m;
	struct gp_buf answer;
	int code;

	gp_buf_init(&answer, SIZE_MAX);
	code = ask(ctl, "meters", args, &answer);
	if (code == 0) {
		arena = gp_arena_new();
		m = gp_arena_alloc(arena, sizeof(*m));
		read_meters(gp_buf_str(&answer), m);
		if (ctl->json)
			json_meters(m);
		else
			print_meters(m);
		if (m->n == METERS_MAX)
			(void)ctl_fail(0,
			    "there are more than %d meters; "
			    "name the beginning of some",
			    METERS_MAX);
		gp_arena_free(arena);
	}
	gp_buf_clear(&answer);
	return code;
}

/* -- reset ------------------------------------------------------------------
 */

/* Exactly one of METER, --login and --domain. */
static int
reset_request(const struct ctl_args *args, char request[REQUEST_MAX])
{
	const char *login = ctl_option(args, "--login");
	const char *domain = ctl_option(args, "--domain");
	const bool yes = ctl_option(args, "--yes") != NULL;
	char name[GP_DOMAIN_TEXT];
	const char *value = login != NULL    ? login
	                    : domain != NULL ? name
	                    : args->n > 0    ? args->v[0]
	                                     : NULL;
	int n;

	if ((login != NULL) + (domain != NULL) + (args->n > 0) != 1)
		return ctl_usage("rate reset: expected METER, --login or "
				 "--domain");
	if (domain != NULL && ctl_domain(domain, name) != 0)
		return EX_USAGE;
	n = snprintf(request, REQUEST_MAX, "reset %s %s %s",
	    yes ? "now" : "show",
	    login != NULL    ? "login"
	    : domain != NULL ? "domain"
			     : "meter",
	    value);
	return n > 0 && n < REQUEST_MAX
	           ? 0
	           : ctl_usage("rate reset: the word is too long");
}

static int
reset(const struct ctl *ctl, const struct ctl_args *args)
{
	const bool yes = ctl_option(args, "--yes") != NULL;
	char request[REQUEST_MAX];
	struct gp_buf answer;
	int code = reset_request(args, request);

	if (code != 0)
		return code;
	gp_buf_init(&answer, SIZE_MAX);
	code = ctl_rate_ask(ctl, request, &answer);
	if (code == 0)
		ctl_print_text(gp_buf_str(&answer));
	if (code == 0 && answer.n == 0)
		code = ctl_fail(1, "no such meter is in use");
	else if (code == 0 && !yes)
		code = ctl_fail(1, "nothing was changed; the same with --yes "
				   "empties these");
	gp_buf_clear(&answer);
	return code;
}

/* -- table -------------------------------------------------------------- */

static const struct ctl_option plan_options[] = {
	{ "--volume", "N", "recipients of the whole list" },
	{ "--mix", "P=PERCENT,...", "what part of it each provider has" },
	{ .name = NULL },
};

static const struct ctl_option reset_options[] = {
	{ "--login", "LOGIN", "all meters of this login" },
	{ "--domain", "DOMAIN", "all limits of this domain's block" },
	{ "--yes", NULL, "do it, not only show what it would be" },
	{ .name = NULL },
};

const struct ctl_command ctl_rate_commands[] = {
	{ "rate why", "REFERENCE", 1, 1, "the refusal with this reference",
	    NULL, why },
	{ "rate show", "[PREFIX]", 0, 1, "meters and their levels", NULL,
	    show },
	{ "rate reset", "[METER]", 0, 1, "empty meters", reset_options, reset },
	{ "rate store", "", 0, 0, "where they are, and its state", NULL,
	    store },
	{ "rate warmup", "DOMAIN", 1, 1, "what warm-up has come to today", NULL,
	    ctl_rate_warmup },
	{ "rate warmup plan", "DOMAIN", 1, 1, "the caps of the days to come",
	    plan_options, ctl_rate_plan },
	{ .words = NULL },
};
