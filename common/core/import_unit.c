/*
 * What stands beside the configuration file: drop-ins of systemd, whose
 * command line holds, and /etc/default, which holds no more.
 *
 * Source:   systemd.service(5), opendkim(8), opendmarc(8).
 */
#include "core/import_parts.h"

#include <string.h>

#define WORDS_MAX 64

/* An option of the command line and its name in the file. */
struct option {
	char letter;
	const char *name;  /* NULL: passed over */
	const char *value; /* of one that takes no argument; NULL: takes one */
};

static const struct option opendkim[] = {
	{ 'A', "AutoRestart", "yes" },
	{ 'b', "Mode", NULL },
	{ 'c', "Canonicalization", NULL },
	{ 'd', "Domain", NULL },
	{ 'D', "SubDomains", "yes" },
	{ 'e', NULL, NULL },
	{ 'f', NULL, "" },
	{ 'F', NULL, NULL },
	{ 'k', "KeyFile", NULL },
	{ 'l', "Syslog", "yes" },
	{ 'L', "Minimum", NULL },
	{ 'o', "OmitHeaders", NULL },
	{ 'p', "Socket", NULL },
	{ 'P', "PidFile", NULL },
	{ 'Q', NULL, "" },
	{ 'r', "RequiredHeaders", "yes" },
	{ 's', "Selector", NULL },
	{ 'S', "SignatureAlgorithm", NULL },
	{ 'T', "DNSTimeout", NULL },
	{ 'u', "UserID", NULL },
	{ 'v', NULL, "" },
	{ 'W', "LogWhy", "yes" },
	{ .letter = '\0' },
};

static const struct option opendmarc[] = {
	{ 'A', "AutoRestart", "yes" },
	{ 'f', NULL, "" },
	{ 'l', "Syslog", "yes" },
	{ 'p', "Socket", NULL },
	{ 'P', "PidFile", NULL },
	{ 'u', "UserID", NULL },
	{ 'v', NULL, "" },
	{ .letter = '\0' },
};

struct reading {
	struct gp_import *im;
	struct gp_origin from;
	struct gp_import_override **overrides;
	const char **conf;
};

static const struct option *
option_of(const struct gp_import *im, char letter)
{
	const struct option *o =
	    strcmp(im->program, "opendkim") == 0 ? opendkim : opendmarc;

	for (; o->letter != '\0'; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static void
replace(struct reading *r, const char *name, const char *value)
{
	struct gp_import_override *o = gp_arena_alloc(r->im->arena, sizeof(*o));

	*o = (struct gp_import_override){ .name = name,
		.value = value,
		.from = r->from,
		.next = *r->overrides };
	*r->overrides = o;
}

static size_t
split(struct gp_import *im, struct gp_str line, const char *words[WORDS_MAX])
{
	size_t n = 0;

	while (line.n > 0 && n < WORDS_MAX) {
		size_t end = 0;

		while (end < line.n && !gp_is_space(line.p[end]))
			end++;
		if (end > 0)
			words[n++] = gp_arena_strndup(im->arena, line.p, end);
		line = gp_str_n(line.p + end, line.n - end);
		while (line.n > 0 && gp_is_space(line.p[0]))
			line = gp_str_n(line.p + 1, line.n - 1);
	}
	return n;
}

static void
odd(struct reading *r, const char *word)
{
	gp_import_decide(r->im, GP_YELLOW, "ExecStart", r->from,
	    "%s: an option that is not known here", word);
	gp_findings_remedy(&r->im->report, "see %s(8)", r->im->program);
}

/* The argument of words[*i], in the same word or in the next one. */
static const char *
argument(const char *const *words, size_t n, size_t *i)
{
	if (words[*i][2] != '\0')
		return words[*i] + 2;
	return *i + 1 < n ? words[++*i] : "";
}

static void
read_options(struct reading *r, const char *const *words, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const char *word = words[i];
		const struct option *o;

		if (word[0] != '-' || word[1] == '\0') {
			odd(r, word);
			continue;
		}
		if (word[1] == 'x') {
			*r->conf = argument(words, n, &i);
			continue;
		}
		o = option_of(r->im, word[1]);
		if (o == NULL)
			odd(r, word);
		else if (o->value == NULL)
			word = argument(words, n, &i);
		if (o != NULL && o->name != NULL)
			replace(r, o->name, o->value == NULL ? word : o->value);
	}
}

bool
gp_import_unit(struct gp_import *im, const char *path, struct gp_str text,
    struct gp_import_override **overrides, const char **conf)
{
	struct reading r = { .im = im,
		.from = { .file = path },
		.overrides = overrides,
		.conf = conf };
	const char *words[WORDS_MAX];
	bool any = false;

	while (text.n > 0) {
		struct gp_str line = gp_str_trim(gp_str_split(&text, '\n'));
		struct gp_str name = gp_str_split(&line, '=');
		size_t n;

		r.from.line++;
		if (!gp_str_eq(gp_str_trim(name), GP_STR("ExecStart")))
			continue;
		/* the last command holds, an empty one forgets the others */
		*overrides = NULL;
		*conf = NULL;
		n = split(im, gp_str_trim(line), words);
		if (n == 0)
			continue;
		any = true;
		read_options(&r, words, n);
		gp_import_ignored(im, "ExecStart", r.from,
		    "this command line starts %s; what it says holds over "
		    "the file",
		    im->program);
	}
	return any;
}

void
gp_import_default(struct gp_import *im, const char *path, struct gp_str text)
{
	struct gp_origin from = { .file = path };

	while (text.n > 0) {
		struct gp_str value = gp_str_trim(gp_str_split(&text, '\n'));

		from.line++;
		if (!gp_str_eq(gp_str_split(&value, '='),
			GP_STR("DAEMON_OPTS")) ||
		    value.n == 0 || gp_str_eq(value, GP_STR("\"\"")))
			continue;
		gp_import_decide(im, GP_YELLOW, "DAEMON_OPTS", from,
		    "%.*s: systemd does not read this file, an init script "
		    "does",
		    GP_STR_ARG(value));
		gp_findings_remedy(&im->report,
		    "if an init script starts %s, put these options into its "
		    "configuration file and import again",
		    im->program);
		return;
	}
	from.line = 1;
	gp_import_ignored(im, path, from, "systemd does not read this file");
}
