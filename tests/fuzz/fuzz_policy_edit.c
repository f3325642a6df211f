/*
 * Any bytes as a policy file, of which each key is edited.  Oracles: what is
 * changed reads as the policy before but for that option; what is set twice
 * is as set once; a text that was only added to still has all its bytes, and
 * what is added and removed again leaves the same policy.
 */
#include "core/policy_edit.h"
#include "core/policy_form.h"
#include "io/policy_file.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)1 << 16)
#define DAY      INT64_C(1795305600)

static struct gp_config *
read_policy(struct gp_str text)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;

	gp_problems_init(&problems);
	(void)gp_policy_parse(text, "c", &config, &problems);
	gp_problems_clear(&problems);
	return config;
}

/* -- two policies --------------------------------------------------------- */

/* What is shown of the block, without the places, and of this key without the
 * options that are edited. */
static void
show(const struct gp_policy *p, const char *selector, struct gp_buf *out)
{
	static const char *const edited[] = { "state", "activate-after",
		"retired-on" };
	struct gp_buf text;
	struct gp_str rest;

	gp_buf_init(&text, SIZE_MAX);
	gp_policy_show(p, &text);
	rest = gp_buf_str(&text);
	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');
		bool skip = false;
		char name[200];

		for (size_t i = 0; i < 3; i++) {
			(void)snprintf(name, sizeof(name),
			    "key.%s.%s = ", selector, edited[i]);
			skip = skip || gp_str_starts_nocase(line, gp_str(name));
		}
		while (line.n > 1 && !gp_str_ends_nocase(line, GP_STR("  # c")))
			line.n--;
		if (!skip)
			gp_buf_addf(out, "%.*s\n", GP_STR_ARG(line));
	}
	gp_buf_clear(&text);
}

static void
check_same(const struct gp_policy *a, const struct gp_policy *b,
    const char *selector)
{
	struct gp_buf one, two;

	gp_buf_init(&one, SIZE_MAX);
	gp_buf_init(&two, SIZE_MAX);
	show(a, selector, &one);
	show(b, selector, &two);
	assert(gp_str_eq(gp_buf_str(&one), gp_buf_str(&two)));
	gp_buf_clear(&one);
	gp_buf_clear(&two);
}

/* Every byte of `part` is in `whole`, in the same order. */
static void
check_contains(struct gp_str whole, struct gp_str part)
{
	size_t n = 0;

	for (size_t i = 0; i < whole.n && n < part.n; i++)
		n += whole.p[i] == part.p[n];
	assert(n == part.n);
}

/* -- edits ------------------------------------------------------------------
 */

/* Set the state, drop the day, and write another one. */
static void
turn(struct gp_policy_key key, const char *state, struct gp_buf *out)
{
	struct gp_buf one, two;
	size_t before = key.text.n;

	gp_buf_init(&one, SIZE_MAX);
	gp_buf_init(&two, SIZE_MAX);
	assert(gp_policy_edit_set(&key, "state", state, &one) == GP_OK);
	key.text = gp_buf_str(&one);
	assert(gp_policy_edit_set(&key, "state", state, &two) == GP_OK);
	assert(gp_str_eq(gp_buf_str(&one), gp_buf_str(&two)));
	gp_buf_reset(&two);
	assert(gp_policy_edit_remove(&key, "activate-after", &two) == GP_OK);
	check_contains(gp_buf_str(&one), gp_buf_str(&two));
	key.text = gp_buf_str(&two);
	if (strcmp(state, "retired") == 0)
		assert(gp_policy_edit_set(&key, "retired-on", "2026-11-22",
			   out) == GP_OK);
	else
		assert(gp_policy_edit_remove(&key, "retired-on", out) == GP_OK);
	assert(out->n <= before + 100);
	gp_buf_clear(&one);
	gp_buf_clear(&two);
}

static void
check_turn(struct gp_str text, const struct gp_policy *p, size_t which,
    const char *state)
{
	const struct gp_policy_key key = { .text = text,
		.domain = p->domain,
		.selector = p->keys[which].selector };
	struct gp_config *config;
	const struct gp_policy *now;
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	turn(key, state, &out);
	config = read_policy(gp_buf_str(&out));
	assert(config != NULL);
	now = gp_policy_for(config, p->domain);
	assert(now->n_keys == p->n_keys);
	assert(now->keys[which].activate_after_s == 0);
	if (strcmp(state, "retired") == 0)
		assert(now->keys[which].state == GP_KEY_RETIRED &&
		       now->keys[which].retired_on_s == DAY);
	else
		assert(now->keys[which].state == GP_KEY_ACTIVE &&
		       now->keys[which].retired_on_s == 0);
	check_same(p, now, key.selector);
	gp_config_unref(config);
	gp_buf_clear(&out);
}

static void
check_add(struct gp_str text, const struct gp_policy *p)
{
	const struct gp_policy_key key = { .text = text, .domain = p->domain };
	struct gp_config *config;
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	assert(gp_policy_edit_add(&key, "key \"q-q\" { file = \"/x}\" }",
		   &out) == GP_OK);
	check_contains(gp_buf_str(&out), text);
	config = read_policy(gp_buf_str(&out));
	for (size_t i = 0; i < p->n_keys; i++)
		if (strcmp(p->keys[i].selector, "q-q") == 0 || i == 99) {
			assert(config == NULL);
			gp_buf_clear(&out);
			return;
		}
	/* its name in DNS may be too long for this domain */
	if (config != NULL) {
		const struct gp_policy *now = gp_policy_for(config, p->domain);
		bool found = false;

		assert(now->n_keys == p->n_keys + 1);
		for (size_t i = 0; i < now->n_keys; i++)
			found =
			    found || strcmp(now->keys[i].selector, "q-q") == 0;
		assert(found);
	} else {
		assert(strlen(p->domain) > 200);
	}
	gp_config_unref(config);
	gp_buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_str text = gp_str_n((const char *)data, size);
	struct gp_policy_key any = { .text = text,
		.domain = "a.example",
		.selector = "s" };
	const struct gp_policy *blocks;
	struct gp_config *config;
	struct gp_buf out;
	size_t n;

	if (size > TEXT_MAX)
		return 0;
	/* whatever it is, it must not crash */
	gp_buf_init(&out, SIZE_MAX);
	(void)!gp_policy_edit_set(&any, "state", "active", &out);
	(void)!gp_policy_edit_remove(&any, "state", &out);
	(void)!gp_policy_edit_add(&any, "key t { }", &out);
	gp_buf_clear(&out);
	config = read_policy(text);
	if (config == NULL)
		return 0;
	blocks = gp_config_domains(config, &n);
	for (size_t b = 0; b < n; b++) {
		check_add(text, &blocks[b]);
		for (size_t k = 0; k < blocks[b].n_keys; k++) {
			check_turn(text, &blocks[b], k, "active");
			check_turn(text, &blocks[b], k, "retired");
		}
	}
	gp_config_unref(config);
	return 0;
}
