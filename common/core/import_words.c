/* See import_parts.h. */
#include "core/import_parts.h"

#include <string.h>

#define INCLUDES_MAX 5    /* opendkim: one in another */
#define ROW_MAX      1023 /* opendkim: octets of a line in a table */
#define NAME_SHOWN   64

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What stands before a "#" or CR, without blanks around it. */
static struct gp_str
content(struct gp_str line)
{
	line.n = gp_str_find(line, '#');
	line.n = gp_str_find(line, '\r');
	return gp_str_trim(line);
}

/* The first word of the line, and the rest. */
static struct gp_str
first_word(struct gp_str *line)
{
	struct gp_str word = { .p = line->p, .n = 0 };

	while (word.n < line->n && !is_blank(line->p[word.n]))
		word.n++;
	*line = gp_str_trim(gp_str_n(line->p + word.n, line->n - word.n));
	return word;
}

static void
add(struct gp_import *im, struct gp_import_words *words,
    const struct gp_import_word *word)
{
	if (words->v == NULL)
		words->v = gp_arena_alloc(im->arena,
		    (GP_IMPORT_ROWS_MAX + 64) * sizeof(*words->v));
	words->v[words->n++] = *word;
}

static const char *
dup(struct gp_import *im, struct gp_str s)
{
	return s.n == 0 ? "" : gp_arena_strndup(im->arena, s.p, s.n);
}

static enum gp_rc read_file(struct gp_import *im, const char *path,
    unsigned depth, struct gp_import_words *words, struct gp_err *err);

static enum gp_rc
read_line(struct gp_import *im, const struct gp_import_word *word,
    unsigned depth, struct gp_import_words *words, struct gp_err *err)
{
	if (*word->value == '\0') {
		gp_import_decide(im, GP_YELLOW, word->name, word->from,
		    "it has no value, so %s does not read this file",
		    im->program);
		return GP_OK;
	}
	if (strcmp(im->program, "opendkim") == 0 &&
	    gp_str_eq_nocase(gp_str(word->name), GP_STR("Include")))
		return read_file(im, word->value, depth + 1, words, err);
	if (words->n == GP_IMPORT_ROWS_MAX)
		return gp_fail(err, GP_PERM, "%s: more than %d settings",
		    word->from.file, GP_IMPORT_ROWS_MAX);
	add(im, words, word);
	return GP_OK;
}

static enum gp_rc
read_file(struct gp_import *im, const char *path, unsigned depth,
    struct gp_import_words *words, struct gp_err *err)
{
	struct gp_import_word word = { .from = { .file = path } };
	struct gp_err why = { .msg = "" };
	struct gp_str text;
	enum gp_rc rc = GP_OK;

	if (depth > INCLUDES_MAX)
		return gp_fail(err, GP_PERM, "%s: included too deep", path);
	rc = im->files.read(im->files.arg, path, &text, &why);
	if (rc != GP_OK)
		return gp_fail(err, rc, "%s: %s", path, why.msg);
	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return gp_fail(err, GP_PERM, "%s: not a text", path);
	while (rc == GP_OK && text.n > 0) {
		struct gp_str line = content(gp_str_split(&text, '\n'));

		word.from.line++;
		if (line.n == 0)
			continue;
		word.name = dup(im, first_word(&line));
		word.value = dup(im, line);
		rc = read_line(im, &word, depth, words, err);
	}
	return rc;
}

enum gp_rc
gp_import_words_read(struct gp_import *im, const char *path,
    struct gp_import_words *words, struct gp_err *err)
{
	*words = (struct gp_import_words){ .n = 0 };
	return read_file(im, path, 0, words, err);
}

void
gp_import_words_override(struct gp_import *im, struct gp_import_words *words,
    const struct gp_import_override *o)
{
	for (size_t i = 0; o != NULL && i < 64; o = o->next, i++) {
		struct gp_import_word word = { .name = o->name,
			.value = o->value,
			.from = o->from };

		add(im, words, &word);
	}
}

const struct gp_import_word *
gp_import_word(const struct gp_import_words *words, const char *name)
{
	for (size_t i = words->n; i-- > 0;)
		if (gp_str_eq_nocase(gp_str(words->v[i].name), gp_str(name)))
			return &words->v[i];
	return NULL;
}

bool
gp_import_yes(const struct gp_import_word *word)
{
	return word != NULL && *word->value != '\0' &&
	       strchr("tTyY1", *word->value) != NULL;
}

/* -- data sets ---------------------------------------------------------- */

/* What is behind the prefix. */
static bool
cut(struct gp_str *s, struct gp_str prefix)
{
	if (!gp_str_starts_nocase(*s, prefix))
		return false;
	*s = gp_str_n(s->p + prefix.n, s->n - prefix.n);
	return true;
}

static bool
is_database(struct gp_str value)
{
	static const char *const prefixes[] = { "db:", "dsn:", "ldap:",
		"ldaps:", "ldapi:", "lua:", "memcache:", "erlang:", "mdb:",
		"socket:", "repute:" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (gp_str_starts_nocase(value, gp_str(prefixes[i])))
			return true;
	return gp_str_ends_nocase(value, GP_STR(".db")) &&
	       !gp_str_starts_nocase(value, GP_STR("file:")) &&
	       !gp_str_starts_nocase(value, GP_STR("refile:"));
}

static void
add_row(struct gp_import *im, struct gp_import_set *set, struct gp_str key,
    struct gp_str value, struct gp_origin from)
{
	set->v[set->n++] = (struct gp_import_row){ .key = dup(im, key),
		.value = value.n == 0 ? NULL : dup(im, value),
		.from = from };
}

static void
read_list(struct gp_import *im, struct gp_str text, struct gp_origin from,
    struct gp_import_set *set)
{
	while (text.n > 0 && set->n < GP_IMPORT_ROWS_MAX) {
		struct gp_str value = gp_str_trim(gp_str_split(&text, ','));
		struct gp_str key = gp_str_split(&value, '=');

		key = gp_str_trim(key);
		if (key.n > 0)
			add_row(im, set, key, gp_str_trim(value), from);
	}
}

/* Its buffer ends there, and what follows is a row of its own. */
static void
say_long(struct gp_import *im, struct gp_str key, struct gp_origin from)
{
	gp_import_decide(im, GP_YELLOW,
	    gp_arena_printf(im->arena, "%.*s",
		(int)(key.n < NAME_SHOWN ? key.n : NAME_SHOWN), key.p),
	    from,
	    "a row of more than %d octets, which %s can not read; here it is "
	    "read",
	    ROW_MAX, im->program);
	gp_findings_remedy(&im->report,
	    "put the key into a file of its own, or nothing");
}

static bool
read_rows(struct gp_import *im, struct gp_str text, struct gp_import_set *set)
{
	struct gp_origin from = { .file = set->path };

	while (text.n > 0) {
		struct gp_str line = content(gp_str_split(&text, '\n'));
		struct gp_str key;
		bool long_row;

		from.line++;
		if (line.n == 0)
			continue;
		if (set->n == GP_IMPORT_ROWS_MAX)
			return false;
		long_row = line.n > ROW_MAX;
		key = first_word(&line);
		if (long_row)
			say_long(im, key, from);
		add_row(im, set, key, line, from);
	}
	return true;
}

static enum gp_rc
read_table(struct gp_import *im, const struct gp_import_word *word,
    struct gp_import_set *set)
{
	struct gp_err err = { .msg = "" };
	struct gp_str text;

	if (im->files.read(im->files.arg, set->path, &text, &err) != GP_OK)
		gp_import_decide(im, GP_RED, word->name, word->from, "%s: %s",
		    set->path, err.msg);
	else if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		gp_import_decide(im, GP_RED, word->name, word->from,
		    "%s: not a text", set->path);
	else if (!read_rows(im, text, set))
		gp_import_decide(im, GP_RED, word->name, word->from,
		    "%s: more than %d rows", set->path, GP_IMPORT_ROWS_MAX);
	else
		return GP_OK;
	gp_findings_remedy(&im->report,
	    "nothing of it was imported; mend it and import again");
	return GP_NONE;
}

enum gp_rc
gp_import_set_read(struct gp_import *im, const struct gp_import_word *word,
    struct gp_import_set *set)
{
	struct gp_str value = gp_str(word->value);

	*set = (struct gp_import_set){ .kind = GP_IMPORT_CSL };
	if (is_database(value)) {
		gp_import_decide(im, GP_YELLOW, word->name, word->from,
		    "%.*s: a database or program, which is not read here",
		    (int)(gp_str_find(value, ':') < value.n
			      ? gp_str_find(value, ':')
			      : value.n),
		    value.p);
		gp_findings_remedy(&im->report,
		    "write its rows to a text file, KEY and VALUE a line, "
		    "name that as %s refile:FILE in a copy of the "
		    "configuration, and import the copy with --conf",
		    word->name);
		return GP_NONE;
	}
	set->v =
	    gp_arena_alloc(im->arena, GP_IMPORT_ROWS_MAX * sizeof(*set->v));
	if (cut(&value, GP_STR("refile:")))
		set->kind = GP_IMPORT_REFILE;
	else if (cut(&value, GP_STR("file:")) ||
		 gp_str_starts_nocase(value, GP_STR("/")))
		set->kind = GP_IMPORT_FILE;
	if (set->kind == GP_IMPORT_CSL) {
		(void)cut(&value, GP_STR("csl:"));
		read_list(im, value, word->from, set);
		return GP_OK;
	}
	set->path = dup(im, value);
	return read_table(im, word, set);
}
