/* The seal: nobody else can make one, and none fits another message. */
#include "core/seal.h"
#include "io/seal_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW         INT64_C(29600000)

static const struct gp_seal_key key = { .bytes = { 1, 2, 3, 4, 5, 6, 7, 8 } };
static const struct gp_seal_key other_key = { .bytes = { 2 } };

static struct gp_seal_facts
facts_of_message(void)
{
	static const uint8_t client[] = { 192, 0, 2, 1 };

	return (struct gp_seal_facts){
		.queue_id = GP_STR("4XyZ123"),
		.client = gp_ip_from_bytes(client, sizeof(client)),
		.mail_from = GP_STR("joe@example.com"),
		.minute = NOW,
	};
}

static const char plain[] =
    "mx.example.com; spf=pass smtp.mailfrom=example.com;"
    " dkim=fail reason=\"bad; signature\" header.d=example.com "
    "header.s=\"a/b\"";

static struct gp_authres
parse(const char *text, struct gp_arena *arena)
{
	struct gp_authres ar;
	struct gp_err err = { "" };

	if (gp_authres_parse(gp_str(text), arena, &ar, &err) != GP_OK)
		fail_msg("%s: %s", text, err.msg);
	return ar;
}

static const char *
format(const struct gp_authres *ar, struct gp_arena *arena)
{
	struct gp_buf out;
	const char *text;

	gp_buf_init(&out, GP_FIELD_MAX);
	gp_authres_format(ar, &out);
	text = gp_arena_strdup(arena, gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

/* The field of `plain`, sealed for the message, as it goes to the MTA. */
static const char *
sealed_text(struct gp_arena *arena)
{
	struct gp_authres ar = parse(plain, arena);
	struct gp_seal_facts facts = facts_of_message();

	gp_seal_add(&ar, &facts, gp_seal_key_mac, &key, arena);
	return format(&ar, arena);
}

static bool
check(const char *text, const struct gp_seal_facts *facts,
    const struct gp_seal_key *with)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres ar;
	struct gp_authres before;
	bool sealed = false;
	size_t props;

	if (gp_authres_parse(gp_str(text), arena, &ar, NULL) == GP_OK &&
	    ar.n != 0) {
		before = ar;
		props = ar.result[ar.n - 1].n;
		sealed = gp_seal_check(&ar, facts, gp_seal_key_mac, with);
		assert_int_equal(ar.n, before.n);
		assert_int_equal(ar.result[ar.n - 1].n,
		    sealed ? props - 1 : props);
	}
	gp_arena_free(arena);
	return sealed;
}

static void
seal_round_trip_gives_back_the_plain_results(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();
	const char *text = sealed_text(arena);
	struct gp_authres ar = parse(text, arena);
	const struct gp_authres_prop *seal = gp_authres_prop_find(&ar.result[1],
	    GP_SEAL_PTYPE, GP_SEAL_PROPERTY);

	(void)state;
	assert_non_null(seal);
	assert_int_equal(seal->value.n, 22);
	assert_true(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	assert_string_equal(format(&ar, arena),
	    format(&(struct gp_authres){ ar.id, ar.n,
		       parse(plain, arena).result },
		arena));
	/* taken out once, there is none left to believe */
	assert_false(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	gp_arena_free(arena);
}

static void
seal_fits_no_other_key_or_message(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const char *text = sealed_text(arena);
	struct gp_seal_facts good = facts_of_message();
	struct gp_seal_facts f;

	(void)state;
	assert_true(check(text, &good, &key));
	assert_false(check(text, &good, &other_key));
	f = good;
	f.queue_id = GP_STR("4XyZ124");
	assert_false(check(text, &f, &key));
	f.queue_id = GP_STR("");
	assert_false(check(text, &f, &key));
	f = good;
	f.client.b[3] = 2;
	assert_false(check(text, &f, &key));
	f = good;
	f.client.family = GP_IP_UNKNOWN;
	assert_false(check(text, &f, &key));
	f = good;
	f.mail_from = GP_STR("joe@example.org");
	assert_false(check(text, &f, &key));
	/* the same octets, cut at another place */
	f = good;
	f.queue_id = GP_STR("4XyZ12");
	f.mail_from = GP_STR("3joe@example.com");
	assert_false(check(text, &f, &key));
	gp_arena_free(arena);
}

static void
seal_is_believed_for_its_minutes(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const char *text = sealed_text(arena);

	(void)state;
	for (int64_t age = -3; age <= GP_SEAL_AGE_MIN + 3; age++) {
		struct gp_seal_facts f = facts_of_message();
		bool want = age >= -1 && age <= GP_SEAL_AGE_MIN;

		f.minute += age;
		if (check(text, &f, &key) != want)
			fail_msg("at an age of %d min", (int)age);
	}
	gp_arena_free(arena);
}

struct edit {
	const char *label;
	const char *from;
	const char *to;
	bool still_good;
};

/* What somebody may do to the text between two milters. */
static const struct edit edits[] = {
	{ "nothing", "mx.", "mx.", true },
	{ "folded at properties", " header", "\r\n    header", true },
	{ "unfolded", "\n\t", " ", true },
	{ "no blanks at all", ";\n\t", ";", true },
	{ "a comment", ";\n\t", "; (hello) ", true },
	{ "a version", "mx.example.com", "mx.example.com 1", true },
	{ "keywords in upper case", "spf=pass", "SPF=PASS", true },
	{ "property in upper case", "policy.gatepost-seal",
	    "Policy.Gatepost-Seal", true },
	{ "needless quotes", "smtp.mailfrom=example.com",
	    "smtp.mailfrom=\"example.com\"", true },

	{ "another id", "mx.example.com", "mx.example.org", false },
	{ "id in upper case", "mx.example.com", "MX.EXAMPLE.COM", false },
	{ "another result", "dkim=fail", "dkim=pass", false },
	{ "another method", "spf=", "dmarc=", false },
	{ "another value", "header.d=example.com", "header.d=example.net",
	    false },
	{ "value in upper case", "header.d=example.com", "header.d=EXAMPLE.com",
	    false },
	{ "another property", "header.d", "header.i", false },
	{ "another ptype", "smtp.mailfrom", "header.mailfrom", false },
	{ "another reason", "bad; signature", "bad signature", false },
	{ "reason gone", "reason=\"bad; signature\"", "", false },
	{ "property gone", "header.d=example.com", "", false },
	{ "result gone", "spf=pass smtp.mailfrom=example.com;", "", false },
	{ "result added", "spf=pass", "arc=pass; spf=pass", false },
	{ "property added", "header.d", "header.x=y header.d", false },
	{ "property behind the seal",
	    "gatepost-seal=", "gatepost-seal=x policy.x=", false },
	{ "seal called otherwise", "gatepost-seal", "gatepost-sea", false },
	{ "seal of another ptype", "policy.gatepost", "header.gatepost",
	    false },
	{ "a second seal before", "header.s",
	    "policy.gatepost-seal=AAAAAAAAAAAAAAAAAAAAAA header.s", false },
	{ "a second seal in another result", "smtp.mailfrom",
	    "policy.gatepost-seal=AAAAAAAAAAAAAAAAAAAAAA smtp.mailfrom",
	    false },
	{ "seal a character longer", "gatepost-seal=", "gatepost-seal=A",
	    false },
};

static const char *
replace_all(const char *text, const char *from, const char *to,
    struct gp_arena *arena)
{
	struct gp_buf out;
	const char *at;

	gp_buf_init(&out, GP_FIELD_MAX);
	while ((at = strstr(text, from)) != NULL) {
		gp_buf_add(&out, text, (size_t)(at - text));
		gp_buf_adds(&out, to);
		text = at + strlen(from);
	}
	gp_buf_adds(&out, text);
	text = gp_arena_strdup(arena, gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

static void
seal_survives_refolding_and_nothing_else(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();
	const char *text = sealed_text(arena);

	(void)state;
	for (size_t i = 0; i < ROWS(edits); i++) {
		const char *edited =
		    replace_all(text, edits[i].from, edits[i].to, arena);

		if (strstr(text, edits[i].from) == NULL)
			fail_msg("%s: nothing to edit", edits[i].label);
		if (check(edited, &facts, &key) != edits[i].still_good)
			fail_msg("%s: %s", edits[i].label, edited);
	}
	gp_arena_free(arena);
}

static void
seal_in_another_order_or_place_is_none(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();
	struct gp_authres ar = parse(sealed_text(arena), arena);
	struct gp_authres_result swap = ar.result[0];

	(void)state;
	/* the seal's result first */
	ar.result[0] = ar.result[1];
	ar.result[1] = swap;
	assert_false(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	/* the seal on the last result, the rest in another order */
	ar = parse(sealed_text(arena), arena);
	swap = ar.result[0];
	swap.prop = ar.result[1].prop;
	swap.n = ar.result[1].n;
	ar.result[1].prop = ar.result[0].prop;
	ar.result[1].n = ar.result[0].n;
	ar.result[0] = ar.result[1];
	ar.result[1] = swap;
	assert_false(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	/* a result behind it */
	assert_false(
	    check(gp_arena_printf(arena, "%s; x=y", sealed_text(arena)), &facts,
		&key));
	/* the seal longer, and truncated */
	assert_false(check(gp_arena_printf(arena, "%sA", sealed_text(arena)),
	    &facts, &key));
	for (size_t cut = 1; cut <= 22; cut++) {
		const char *text = sealed_text(arena);

		assert_false(
		    check(gp_arena_strndup(arena, text, strlen(text) - cut),
			&facts, &key));
	}
	gp_arena_free(arena);
}

static void
seal_that_is_not_the_only_one_is_none(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();
	struct gp_authres ar = parse(sealed_text(arena), arena);
	struct gp_authres_result *last = &ar.result[1];

	(void)state;
	/* both are good, each for what stands before it */
	gp_seal_add(&ar, &facts, gp_seal_key_mac, &key, arena);
	assert_false(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	/* the good one under another name, the other one not at the end */
	last->prop[last->n - 1].property = GP_STR("other");
	assert_false(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	gp_arena_free(arena);
}

static void
seal_every_flipped_character_is_found(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();
	const char *text = sealed_text(arena);
	size_t n = strlen(text);

	(void)state;
	for (size_t i = n - 22; i < n; i++) {
		char *forged = gp_arena_strdup(arena, text);

		for (char bit = 1; bit < 64; bit = (char)(bit * 2)) {
			forged[i] = (char)(text[i] ^ bit);
			assert_false(check(forged, &facts, &key));
		}
	}
	gp_arena_free(arena);
}

static void
seal_without_results_or_room_is_not_added(void **state)
{
	struct gp_authres_prop prop[GP_AUTHRES_PROPS_MAX];
	struct gp_authres_result res = { .method = GP_STR("x"),
		.result = GP_STR("y"),
		.n = ROWS(prop),
		.prop = prop };
	struct gp_authres ar = { .id = GP_STR("a"), .n = 0, .result = &res };
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();

	(void)state;
	for (size_t i = 0; i < ROWS(prop); i++)
		prop[i] = (struct gp_authres_prop){ GP_STR("b"), GP_STR("c"),
			GP_STR("d") };
	gp_seal_add(&ar, &facts, gp_seal_key_mac, &key, arena);
	assert_int_equal(res.n, ROWS(prop));
	assert_false(gp_seal_check(&ar, &facts, gp_seal_key_mac, &key));
	ar.n = 1;
	gp_seal_add(&ar, &facts, gp_seal_key_mac, &key, arena);
	assert_int_equal(res.n, ROWS(prop));
	res.n--;
	gp_seal_add(&ar, &facts, gp_seal_key_mac, &key, arena);
	assert_int_equal(res.n, ROWS(prop));
	assert_true(check(format(&ar, arena), &facts, &key));
	gp_arena_free(arena);
}

static void
seal_covers_what_is_written_when_a_value_is_dropped(void **state)
{
	struct gp_authres_prop prop[] = {
		{ GP_STR("smtp"), GP_STR("helo"), GP_STR("a\r\nb") },
	};
	struct gp_authres_result res = { .method = GP_STR("spf"),
		.result = GP_STR("none"),
		.reason = GP_STR("\xff"),
		.n = 1,
		.prop = prop };
	struct gp_authres ar = { .id = GP_STR("a"), .n = 1, .result = &res };
	struct gp_arena *arena = gp_arena_new();
	struct gp_seal_facts facts = facts_of_message();

	(void)state;
	gp_seal_add(&ar, &facts, gp_seal_key_mac, &key, arena);
	assert_true(check(format(&ar, arena), &facts, &key));
	gp_arena_free(arena);
}

/* Made by an implementation of its own (Python's hmac, from the description in
 * seal.h): daemons of two versions must agree while one is being replaced. */
static void
seal_of_known_input_is_known(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const char *text = sealed_text(arena);
	const char *seal = strstr(text, "policy.gatepost-seal=");

	(void)state;
	assert_non_null(seal);
	assert_string_equal(seal,
	    "policy.gatepost-seal=sSwHctfzuOVKnOgIAw6Qng");
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal_round_trip_gives_back_the_plain_results),
		cmocka_unit_test(seal_fits_no_other_key_or_message),
		cmocka_unit_test(seal_is_believed_for_its_minutes),
		cmocka_unit_test(seal_survives_refolding_and_nothing_else),
		cmocka_unit_test(seal_in_another_order_or_place_is_none),
		cmocka_unit_test(seal_that_is_not_the_only_one_is_none),
		cmocka_unit_test(seal_every_flipped_character_is_found),
		cmocka_unit_test(seal_without_results_or_room_is_not_added),
		cmocka_unit_test(
		    seal_covers_what_is_written_when_a_value_is_dropped),
		cmocka_unit_test(seal_of_known_input_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
