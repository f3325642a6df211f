/*
 * Any bytes as a policy file.  Oracles: a snapshot or problems, never both;
 * every problem is one printable line with its place; libconfuse reads each
 * value as the guard has seen it; what is shown of a policy, written as a
 * file again, is the same policy, and its store has no password; what the lint
 * says of it has a place and a remedy.
 */
#include "core/policy_lint.h"
#include "core/redis_url.h"
#include "io/policy_confuse.h"
#include "io/policy_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)1 << 22)

/* -- problems ---------------------------------------------------------- */

static void
check_problems(const struct gp_problems *p)
{
	struct gp_str rest = gp_buf_str(&p->text);
	unsigned lines = 0;

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');

		assert(gp_str_starts_nocase(line, GP_STR("c:")) ||
		       lines == GP_CONFIG_PROBLEMS_MAX);
		for (size_t i = 0; i < line.n; i++)
			assert((unsigned char)line.p[i] >= ' ');
		lines++;
	}
	assert(lines == p->count || lines == GP_CONFIG_PROBLEMS_MAX + 1);
}

/* -- the guard and libconfuse ------------------------------------------ */

static void
check_value(struct gp_str raw, const char *value)
{
	bool quoted = raw.n > 0 && (raw.p[0] == '"' || raw.p[0] == '\'');
	size_t at = 0;

	if (quoted)
		raw = gp_str_n(raw.p + 1, raw.n - 2);
	for (size_t i = 0; i < raw.n; i++) {
		if (quoted && raw.p[i] == '\\')
			i++;
		assert(value[at++] == raw.p[i]);
	}
	assert(value[at] == '\0');
}

static void
check_items(const struct gp_scan_item *items)
{
	size_t depth = 0;

	for (const struct gp_scan_item *i = items; i != NULL; i = i->next) {
		const struct gp_scan_value *raw = i->raw;

		assert(i->kind != GP_SCAN_CLOSE || depth > 0);
		if (i->kind == GP_SCAN_OPEN)
			depth++;
		else if (i->kind == GP_SCAN_CLOSE)
			depth--;
		for (size_t v = 0; v < i->values.n; v++, raw = raw->next)
			check_value(raw->raw, i->values.v[v]);
		assert(i->values.n == 0 || raw == NULL);
	}
	assert(depth == 0);
}

/* -- what is shown, as a file ------------------------------------------ */

/* "NAME.REST" into its two; a name without a dot has no rest. */
static struct gp_str
cut(struct gp_str option, size_t dot, struct gp_str *rest)
{
	*rest = gp_str_n(NULL, 0);
	if (dot < option.n)
		*rest = gp_str_n(option.p + dot + 1, option.n - dot - 1);
	return gp_str_n(option.p, dot);
}

struct writer {
	struct gp_buf *out;
	struct gp_str open; /* the section that is open; n == 0: none */
};

static void
close_section(struct writer *w)
{
	if (w->open.n > 0)
		gp_buf_adds(w->out, "}\n");
	w->open.n = 0;
}

/* `section` is "spf", "key.selector" or "top.limit.name". */
static void
write_setting(struct writer *w, struct gp_str section, struct gp_str name,
    struct gp_str value)
{
	struct gp_str title;
	struct gp_str kind = cut(section, gp_str_find(section, '.'), &title);

	if (gp_str_eq(kind, GP_STR("top")))
		kind = cut(title, gp_str_find(title, '.'), &title);
	if (!gp_str_eq(section, w->open))
		close_section(w);
	if (section.n > 0 && w->open.n == 0) {
		gp_buf_add_str(w->out, kind);
		if (title.n > 0)
			gp_buf_addf(w->out, " \"%.*s\"", GP_STR_ARG(title));
		gp_buf_adds(w->out, " {\n");
		w->open = section;
	}
	gp_buf_addf(w->out, "%.*s = %.*s\n", GP_STR_ARG(name),
	    GP_STR_ARG(value));
}

static bool
is_of_domain(struct gp_str section, struct gp_str name)
{
	static const char *const names[] = { "mode", "fail", "softfail",
		"neutral", "none", "permerror", "temperror", "helo-fail" };
	static const char *const bare[] = { "subdomains", "algorithms", "canon",
		"expire", "sign", "oversign", "on-fragile", "class" };

	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		if (section.n == 0 && gp_str_eq(name, gp_str(bare[i])))
			return true;
	if (gp_str_eq(section, GP_STR("senders")) ||
	    gp_str_eq(section, GP_STR("preflight")) ||
	    gp_str_starts_nocase(section, GP_STR("key.")) ||
	    gp_str_starts_nocase(section, GP_STR("warmup.")) ||
	    gp_str_starts_nocase(section, GP_STR("limit.")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (gp_str_eq(section, GP_STR("spf")) &&
		    gp_str_eq(name, gp_str(names[i])))
			return true;
	return false;
}

enum which { ALL, OF_DOMAIN, NOT_OF_DOMAIN };

static void
write_lines(struct gp_str shown, enum which which, struct gp_buf *out)
{
	struct writer w = { .out = out };

	while (shown.n > 0) {
		struct gp_str value = gp_str_split(&shown, '\n');
		struct gp_str option = gp_str_split(&value, ' ');
		size_t dot = option.n;
		struct gp_str name;
		struct gp_str section;

		while (dot > 0 && option.p[dot - 1] != '.')
			dot--;
		section = cut(option, dot == 0 ? 0 : dot - 1, &name);
		if (dot == 0)
			name = option;
		if (which == ALL ||
		    is_of_domain(section, name) == (which == OF_DOMAIN))
			write_setting(&w, section, name,
			    gp_str_n(value.p + 2, value.n - 2));
	}
	close_section(&w);
}

/* Without origins and the name of the profile, which say how, not what. */
static void
strip(const struct gp_buf *shown, struct gp_buf *out)
{
	struct gp_str rest = gp_buf_str(shown);

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');
		size_t end = line.n;

		while (end > 0 && line.p[end - 1] != '#')
			end--;
		if (gp_str_starts_nocase(line, GP_STR("profile = ")))
			continue;
		gp_buf_add(out, line.p, end);
		gp_buf_addc(out, '\n');
	}
}

/* The store as shown is that of the policy, but for the password. */
static void
check_store(const struct gp_policy *policy, const struct gp_config *shown)
{
	const char *store = gp_config_globals(policy->config)->store;
	const char *again = gp_config_globals(shown)->store;
	struct gp_redis_url one;
	struct gp_redis_url two;

	if (gp_redis_url_parse(gp_str(store), &one, NULL) != GP_OK) {
		assert(strcmp(store, again) == 0);
		return;
	}
	assert(gp_redis_url_parse(gp_str(again), &two, NULL) == GP_OK);
	assert(strcmp(two.password, one.password[0] == '\0' ? "" : "***") == 0);
	assert(one.is_unix == two.is_unix && one.port == two.port &&
	       one.number == two.number && strcmp(one.user, two.user) == 0 &&
	       strcmp(one.place, two.place) == 0);
}

static void
check_shown(const struct gp_policy *policy)
{
	struct gp_config *again = NULL;
	struct gp_problems problems;
	struct gp_buf shown;
	struct gp_buf file;
	struct gp_buf one;
	struct gp_buf two;

	gp_buf_init(&shown, TEXT_MAX);
	gp_buf_init(&file, TEXT_MAX);
	gp_buf_init(&one, TEXT_MAX);
	gp_buf_init(&two, TEXT_MAX);
	gp_problems_init(&problems);
	gp_policy_show(policy, &shown);
	strip(&shown, &one);
	if (policy->domain == NULL) {
		write_lines(gp_buf_str(&one), ALL, &file);
	} else {
		write_lines(gp_buf_str(&one), NOT_OF_DOMAIN, &file);
		gp_buf_addf(&file, "domain \"%s\" {\n", policy->domain);
		write_lines(gp_buf_str(&one), OF_DOMAIN, &file);
		gp_buf_adds(&file, "}\n");
	}
	if (gp_policy_parse(gp_buf_str(&file), "c", &again, &problems) !=
	    GP_OK) {
		(void)fprintf(stderr, "%s%s", gp_buf_cstr(&file),
		    gp_buf_cstr(&problems.text));
		abort();
	}
	check_store(policy, again);
	gp_buf_reset(&shown);
	gp_policy_show(gp_policy_for(again, policy->domain), &shown);
	strip(&shown, &two);
	assert(!one.overflow && !two.overflow && !file.overflow);
	assert(gp_str_eq(gp_buf_str(&one), gp_buf_str(&two)));
	gp_config_unref(again);
	gp_problems_clear(&problems);
	gp_buf_clear(&shown);
	gp_buf_clear(&file);
	gp_buf_clear(&one);
	gp_buf_clear(&two);
}

static void
check_lint(const struct gp_config *config, struct gp_arena *arena)
{
	const struct gp_policy_linting with = { .config = config,
		.now_s = 1795305600 };
	struct gp_findings f;

	gp_findings_init(&f, arena);
	gp_policy_lint(&with, &f);
	for (size_t i = 0; i < f.n; i++) {
		assert(f.v[i].light != GP_GREEN && f.v[i].topic != NULL);
		assert(f.v[i].remedy != NULL && f.v[i].remedy[0] != '\0');
		assert(f.v[i].where.file != NULL && f.v[i].where.line > 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str text = gp_str_n((const char *)data, size);
	struct gp_arena *arena = gp_arena_new();
	struct gp_config *config = NULL;
	struct gp_scan_item *items;
	struct gp_problems problems;
	unsigned found;
	enum gp_rc rc;

	gp_problems_init(&problems);
	items = gp_policy_scan(text, "c", 0, arena, &problems);
	found = problems.count;
	gp_policy_values(items, "c", arena, &problems);
	assert(problems.count == found);
	check_items(items);
	gp_problems_clear(&problems);
	rc = gp_policy_parse(text, "c", &config, &problems);
	assert((rc == GP_OK) == (config != NULL));
	assert((rc == GP_OK) == (problems.count == 0));
	check_problems(&problems);
	if (config != NULL) {
		check_shown(gp_policy_for(config, NULL));
		check_lint(config, arena);
	}
	for (const struct gp_scan_item *i = items; i != NULL && config != NULL;
	     i = i->next)
		if (i->kind == GP_SCAN_OPEN && i->parent == NULL &&
		    strcmp(i->name, "domain") == 0)
			check_shown(gp_policy_for(config, i->title));
	gp_config_unref(config);
	gp_problems_clear(&problems);
	gp_arena_free(arena);
	return 0;
}
