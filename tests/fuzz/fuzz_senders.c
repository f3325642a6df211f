/*
 * Seven lines: OPTIONS, the login, the local part and the domain of the
 * address, one entry of senders.auth, the login and the address of an alias.
 * OPTIONS are letters: g given, o own-address, c client listed, b bounce,
 * r reject, t tempfail.
 *
 * Oracles: normalising is idempotent and changes no answer, nor does the case
 * of the login or a tag more in the address; who may with own-address may
 * without; a login and an address that share nothing do not match; the reply
 * shows the domain and no octet of the login.
 */
#include "core/senders.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct setup {
	struct gp_senders_policy policy;
	struct gp_sender_facts facts;
	struct gp_mailbox address;
	const char *auth[1];
	struct gp_alias alias[1];
	struct gp_prefix client;
};

static const char *
line(struct gp_str *rest, struct gp_arena *arena)
{
	struct gp_str one = gp_str_n("", 0);

	if (rest->p != NULL)
		one = gp_str_split(rest, '\n');
	/* what comes here are C strings */
	return gp_arena_strndup(arena, one.p, gp_str_find(one, '\0'));
}

static void
read_setup(struct gp_str in, struct gp_arena *arena, struct setup *s)
{
	const char *options = line(&in, arena);
	bool listed = strchr(options, 'c') != NULL;

	*s = (struct setup){ .facts.login = line(&in, arena) };
	s->address.local = gp_str(line(&in, arena));
	s->address.domain = line(&in, arena);
	s->auth[0] = line(&in, arena);
	s->alias[0].login = line(&in, arena);
	s->alias[0].address = line(&in, arena);
	assert(
	    gp_prefix_parse(GP_STR("192.0.2.0/24"), &s->client, NULL) == GP_OK);
	assert(gp_ip_parse(listed ? GP_STR("192.0.2.1") : GP_STR("::1"),
		   &s->facts.client) == GP_OK);
	s->facts.bounce = strchr(options, 'b') != NULL;
	s->policy = (struct gp_senders_policy){
		.given = strchr(options, 'g') != NULL,
		.own_address = strchr(options, 'o') != NULL,
		.auth = { s->auth[0][0] != '\0', s->auth },
		.clients = { 1, &s->client },
		.aliases = { s->alias[0].login[0] != '\0', s->alias },
		.otherwise = strchr(options, 'r') != NULL   ? GP_ELSE_REJECT
		             : strchr(options, 't') != NULL ? GP_ELSE_TEMPFAIL
		                                            : GP_ELSE_UNSIGNED,
	};
}

static bool
may(const struct setup *s, struct gp_arena *arena)
{
	const char *why = "untouched";
	bool yes =
	    gp_senders_allow(&s->policy, &s->facts, &s->address, arena, &why);

	assert(yes == (why == NULL));
	return yes;
}

static void
check_login(const struct setup *s, struct gp_arena *arena)
{
	const char *once = gp_login_normalize(s->facts.login, arena);
	struct setup other = *s;
	char *upper = gp_arena_strdup(arena, s->facts.login);

	assert(strcmp(gp_login_normalize(once, arena), once) == 0);
	assert((once[0] == '\0') == (s->facts.login[0] == '\0'));
	other.facts.login = once;
	assert(may(&other, arena) == may(s, arena));
	for (char *p = upper; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	other.facts.login = upper;
	assert(may(&other, arena) == may(s, arena));
}

static void
check_address(const struct setup *s, struct gp_arena *arena)
{
	struct setup other = *s;

	if (s->address.local.n > 0 &&
	    gp_str_find(s->address.local, '+') == s->address.local.n) {
		other.address.local = gp_str(gp_arena_printf(arena, "%.*s+tag",
		    GP_STR_ARG(s->address.local)));
		assert(!may(s, arena) || may(&other, arena));
	}
	if (s->policy.auth.n > 0) {
		other = *s;
		other.policy.own_address = false;
		assert(!may(s, arena) || may(&other, arena));
	}
	if (!s->policy.given || !s->policy.own_address ||
	    s->facts.login[0] == '\0' || s->policy.aliases.n > 0)
		return;
	other = *s;
	other.address.local = GP_STR("nobody at all, with a blank");
	other.address.domain = "nowhere.invalid";
	if (strchr(s->facts.login, ' ') == NULL)
		assert(!may(&other, arena));
}

static void
check_reply(const struct setup *s, struct gp_arena *arena)
{
	const char *why;
	struct gp_verdict v;

	if (gp_senders_allow(&s->policy, &s->facts, &s->address, arena, &why))
		return;
	v = gp_senders_refuse(&s->policy, &s->facts, "x--0.example", why,
	    arena);
	assert(v.why != NULL);
	assert((v.action == GP_CONTINUE) ==
	       (s->facts.bounce || s->policy.otherwise == GP_ELSE_UNSIGNED));
	if (v.action == GP_CONTINUE)
		return;
	assert(strstr(v.text, "x--0.example") != NULL);
	for (const char *p = v.text; *p != '\0'; p++)
		assert(gp_is_print(*p) && *p != '@' && *p != '+');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct setup s;

	read_setup(gp_str_n((const char *)data, size), arena, &s);
	if (!s.policy.given)
		assert(may(&s, arena));
	check_login(&s, arena);
	check_address(&s, arena);
	check_reply(&s, arena);
	gp_arena_free(arena);
	return 0;
}
