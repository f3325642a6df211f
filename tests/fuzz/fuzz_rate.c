/* Meters' names from whatever a sender writes: they have one form, two that
 * differ in a value have different names, and notes and replies stay text. */
#include "core/rate.h"
#include "core/rate_reply.h"
#include "io/policy_file.h"

#include <stdlib.h>
#include <string.h>

static const char policy[] =
    "limit s { by = { sender, auth } rate = 60/1m }\n"
    "limit u { count = unique-recipients by = all rate = 60/1m }\n"
    "limit p { by = { provider, rcpt-domain } rate = 60/1m }\n";

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
check_name(struct gp_str name)
{
	check(name.n > 2 && name.n <= GP_CHARGE_KEY_MAX);
	for (size_t i = 0; i < name.n; i++)
		check(name.p[i] > ' ' && name.p[i] < 0x7f);
}

static const struct gp_config *
config(void)
{
	static struct gp_config *c;
	struct gp_problems problems;

	if (c == NULL) {
		gp_problems_init(&problems);
		check(gp_policy_parse(gp_str(policy), "p", &c, &problems) ==
		      GP_OK);
		gp_problems_clear(&problems);
	}
	return c;
}

static void
make_plan(struct gp_rate_plan *plan, const char *login, const char *address,
    struct gp_str local, struct gp_arena *arena)
{
	const struct gp_rate_rcpt rcpt = { .local = local,
		.domain = "x.test",
		.provider = "other" };
	const struct gp_rate_mail mail = { .config = config(),
		.sender = { .login = login, .address = address },
		.n = 1,
		.rcpts = &rcpt,
		.counts = { true, true, true, true } };

	gp_rate_add_all(plan, &mail, gp_policy_for(config(), NULL), arena);
}

static void
check_texts(const struct gp_rate_plan *plan, const char *login,
    const char *address, struct gp_arena *arena)
{
	const struct gp_charged made = { .level = 1 };
	const struct gp_rate_refusal r = { .item = &plan->items[0],
		.charge = &plan->charges[0],
		.made = &made,
		.wait_ms = 1,
		.ref = "2222222222" };
	const struct gp_rate_sender sender = { .login = login,
		.address = address };
	struct gp_buf note;

	gp_buf_init(&note, 65536);
	gp_rate_note(&r, &sender, &note);
	for (size_t i = 0; i < note.n; i++)
		check(note.p[i] == '\n' ||
		      (note.p[i] >= ' ' && note.p[i] < 0x7f));
	check(gp_rate_verdict(&r, arena).action == GP_TEMPFAIL);
	gp_buf_clear(&note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_str rest = gp_str_n((const char *)data, size);
	struct gp_str one = gp_str_split(&rest, '\n');
	struct gp_str two = gp_str_split(&rest, '\n');
	const char *a = gp_arena_strndup(arena, one.p, one.n);
	const char *b = gp_arena_strndup(arena, two.p, two.n);
	struct gp_rate_plan first = { .n = 0 };
	struct gp_rate_plan second = { .n = 0 };

	make_plan(&first, "l", a, one, arena);
	make_plan(&second, "l", b, two, arena);
	check(first.n == second.n && first.n > 0);
	for (size_t i = 0; i < first.n; i++) {
		check_name(first.charges[i].key);
		if (first.charges[i].mark.n > 0)
			check_name(first.charges[i].mark);
	}
	/* behind the built-in limit of logins, by sender */
	check(gp_str_eq(first.charges[1].key, second.charges[1].key) ==
	      (strcmp(a, b) == 0));
	check_texts(&first, a, b, arena);
	(void)gp_rate_ref_valid(one);
	gp_arena_free(arena);
	return 0;
}
