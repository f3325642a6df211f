/* See words.h. */
#include "ctl/words.h"

#include <string.h>

/* -- one option -------------------------------------------------------- */

/* The row of this option, "--name" or "--name=value"; NULL: there is none. */
static const struct ctl_option *
find(const struct ctl_option *options, const char *word)
{
	size_t n = strcspn(word, "=");

	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == n &&
		    strncmp(options->name, word, n) == 0)
			return options;
	return NULL;
}

static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* The value of the option at argv[*i], which moves on to its last word; NULL
 * with *why when it has none or must not have one. */
static const char *
value_of(const struct ctl_option *o, int argc, char **argv, int *i,
    const char **why)
{
	const char *equals = strchr(argv[*i], '=');

	if (o->value == NULL) {
		*why = "it has no value";
		return equals == NULL ? "" : NULL;
	}
	*why = "a value is missing";
	if (equals != NULL)
		return equals + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

/* -- the first words --------------------------------------------------- */

void
ctl_words_take(struct ctl_words *words, int argc, char **argv,
    const struct ctl_option *shared)
{
	*words = (struct ctl_words){ .n = 0 };
	for (int i = 0; i < argc && words->n < 3; i++) {
		const struct ctl_option *o;

		if (strcmp(argv[i], "--") == 0)
			continue;
		if (!is_option(argv[i])) {
			words->v[words->n++] = argv[i];
			continue;
		}
		o = find(shared, argv[i]);
		words->odd = argv[i];
		words->odd_why = "no such option";
		if (o == NULL ||
		    value_of(o, argc, argv, &i, &words->odd_why) == NULL)
			return;
		words->odd = NULL;
		words->help = words->help || strcmp(o->name, "--help") == 0;
		words->version =
		    words->version || strcmp(o->name, "--version") == 0;
	}
}

const char *
ctl_words_next(const char *row, const struct ctl_words *words)
{
	for (size_t i = 0; i < words->n; i++) {
		size_t n = strcspn(row, " ");

		if (n == 0)
			return row; /* the rest are arguments */
		if (strlen(words->v[i]) != n ||
		    strncmp(words->v[i], row, n) != 0)
			return NULL;
		row += n;
		row += *row == ' ';
	}
	return row;
}

bool
ctl_words_match(const char *row, const struct ctl_words *words)
{
	const char *next = ctl_words_next(row, words);

	return next != NULL && *next == '\0';
}

bool
ctl_words_begin(const char *row, const char *first)
{
	size_t n = strlen(first);

	return n == 0 ||
	       (strcspn(row, " ") == n && strncmp(row, first, n) == 0);
}

/* -- all of them ------------------------------------------------------- */

static int
read_option(struct ctl_args *args, const struct ctl_option *o, int argc,
    char **argv, int *i)
{
	const char *word = argv[*i];
	const char *why;
	const char *value = value_of(o, argc, argv, i, &why);

	if (value == NULL)
		return ctl_usage("%s: %s", word, why);
	if (args->n_options == CTL_OPTIONS_MAX)
		return ctl_usage("more than %d options", CTL_OPTIONS_MAX);
	args->options[args->n_options++] =
	    (struct ctl_given){ .option = o, .value = value };
	return 0;
}

int
ctl_args_read(struct ctl_args *args, int argc, char **argv,
    const struct ctl_option *shared, const struct ctl_option *own)
{
	bool more = true;
	int code = 0;

	*args = (struct ctl_args){ .v = argv };
	for (int i = 0; i < argc && code == 0; i++) {
		char *word = argv[i];
		const struct ctl_option *o;

		if (more && strcmp(word, "--") == 0) {
			more = false;
			continue;
		}
		if (!more || !is_option(word)) {
			argv[args->n++] = word;
			continue;
		}
		o = find(own, word);
		if (o == NULL)
			o = find(shared, word);
		code = o == NULL ? ctl_usage("%s: no such option", word)
		                 : read_option(args, o, argc, argv, &i);
	}
	return code;
}

int
ctl_args_behind(struct ctl_args *args, const struct ctl_command *c)
{
	size_t own = 1;

	for (const char *p = c->words; *p != '\0'; p++)
		own += *p == ' ';
	args->v += own;
	args->n -= own;
	if (args->n < c->min_args)
		return ctl_usage("%s: expected %s", c->words, c->args);
	if (args->n > c->max_args)
		return ctl_usage("%s: %s: %s", c->words, args->v[c->max_args],
		    c->max_args == 0 ? "no argument is expected"
				     : "one argument too many");
	return 0;
}

const char *
ctl_next_option(const struct ctl_args *args, const char *name, size_t *i)
{
	while (*i < args->n_options) {
		const struct ctl_given *g = &args->options[(*i)++];

		if (strcmp(g->option->name, name) == 0)
			return g->value;
	}
	return NULL;
}

const char *
ctl_option(const struct ctl_args *args, const char *name)
{
	const char *last = NULL;
	size_t i = 0;

	for (const char *v = ctl_next_option(args, name, &i); v != NULL;
	     v = ctl_next_option(args, name, &i))
		last = v;
	return last;
}
