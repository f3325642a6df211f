/*
 * import_parts - what the mappers of import.h are made of.
 *
 * Purity:   pure.
 * Threads:  one import, one thread.
 */
#ifndef GP_CORE_IMPORT_PARTS_H
#define GP_CORE_IMPORT_PARTS_H

#include "core/import.h"

/* -- the report and the values ------------------------------------------ */

/* gp_import_set - a value; `text` is as it stands in a file, copied. */
void gp_import_set(struct gp_import *im, const struct gp_import_value *value);

/* Findings of the groups "same as default", "ignored" and "decision";
 * gp_findings_remedy(&im->report, ...) adds what to write. */
void gp_import_same(struct gp_import *im, const char *subject,
    struct gp_origin from, const char *fmt, ...) GP_PRINTF(4, 5);
void gp_import_ignored(struct gp_import *im, const char *subject,
    struct gp_origin from, const char *fmt, ...) GP_PRINTF(4, 5);
void
gp_import_decide(struct gp_import *im, enum gp_light light, const char *subject,
    struct gp_origin from, const char *fmt, ...) GP_PRINTF(5, 6);

/* gp_import_quote - with the quotes of the policy file. */
const char *gp_import_quote(struct gp_import *im, const char *s);

/* -- files of words ----------------------------------------------------- */

struct gp_import_word {
	const char *name; /* as written */
	const char *value;
	struct gp_origin from;
};
struct gp_import_words {
	size_t n;
	struct gp_import_word *v; /* GP_IMPORT_ROWS_MAX of them have room */
};

/*
 * gp_import_words_read - `path` and what it includes: a word and its value on
 * each line, "#" begins a comment.  GP_PERM: NUL in it, or too much of it.
 */
GP_MUST_USE enum gp_rc gp_import_words_read(struct gp_import *im,
    const char *path, struct gp_import_words *words, struct gp_err *err);

/* gp_import_words_override - put these behind all others. */
void gp_import_words_override(struct gp_import *im,
    struct gp_import_words *words, const struct gp_import_override *overrides);

/* gp_import_word - the last of that name, in any case, which holds; NULL. */
const struct gp_import_word *
gp_import_word(const struct gp_import_words *words, const char *name);

/* gp_import_yes - "t", "y" or "1" begins it; NULL is false. */
bool gp_import_yes(const struct gp_import_word *word);

/* -- a file of words, mapped --------------------------------------------- */

struct gp_import_mapper {
	struct gp_import *im;
	struct gp_import_words words;
};

enum gp_import_what {
	GP_IMPORT_MAPPED,  /* by a function of the mapper */
	GP_IMPORT_IGNORED, /* `text` says why */
	GP_IMPORT_SAME,    /* so it is anyway */
	GP_IMPORT_DECIDE,  /* unless its value is no */
};
struct gp_import_rule {
	const char *name;
	enum gp_import_what what;
	const char *text;
	const char *remedy; /* of GP_IMPORT_DECIDE */
};

/* gp_import_follow - one finding for each word that no function maps, or that
 * a later one replaces; `rules` ends with a name that is NULL. */
void gp_import_follow(struct gp_import_mapper *m,
    const struct gp_import_rule *rules);

/* gp_import_put - one value that is from this word. */
void gp_import_put(struct gp_import_mapper *m, const char *section,
    const char *name, const struct gp_import_word *w, const char *text);

/* gp_import_authserv_id - AuthservID of both programs. */
void gp_import_authserv_id(struct gp_import_mapper *m);

/* Of opendkim: the table of its words, and all that is about signing. */
extern const struct gp_import_rule gp_import_opendkim_rules[];
void gp_import_opendkim_signing(struct gp_import_mapper *m);

/* -- data sets ---------------------------------------------------------- */

enum gp_import_kind {
	GP_IMPORT_CSL,    /* a list in the value itself */
	GP_IMPORT_FILE,   /* a row a line */
	GP_IMPORT_REFILE, /* the same, with patterns */
};
struct gp_import_row {
	const char *key;
	const char *value; /* NULL: none */
	struct gp_origin from;
};
struct gp_import_set {
	enum gp_import_kind kind;
	const char *path; /* NULL: a list */
	size_t n;
	struct gp_import_row *v;
};

/*
 * gp_import_set_read - what the value of `word` stands for.
 * GP_NONE: a database, or a file that can not be read: a decision was added.
 */
GP_MUST_USE enum gp_rc gp_import_set_read(struct gp_import *im,
    const struct gp_import_word *word, struct gp_import_set *set);

/* -- hosts -------------------------------------------------------------- */

struct gp_import_host {
	struct gp_prefix prefix;
	bool negated; /* "!" in front */
	bool alone;   /* an address: it comes before every prefix */
	const char *from;
};
struct gp_import_hosts {
	struct gp_import_host *v;
	size_t n, cap;
};

/* gp_import_hosts_add - addresses and prefixes of the set; a decision for each
 * of its names. */
void gp_import_hosts_add(struct gp_import *im, const char *word,
    const struct gp_import_set *set, struct gp_import_hosts *hosts);

/*
 * gp_import_hosts_text - the addresses whose most precise entry has no "!", as
 * a list of the policy file.  NULL: they would need too many prefixes.
 * *n is their count.
 */
const char *gp_import_hosts_text(struct gp_import *im,
    const struct gp_import_hosts *hosts, size_t *n);

/* -- what signs what ---------------------------------------------------- */

/* Tables of opendkim as they were read. */
struct gp_import_signing {
	struct gp_import_set signing, keys; /* n 0: none */
	bool multiple;                      /* MultipleSignatures */
	const char *profile;                /* of each block; NULL: none */
};

/* gp_import_sign - blocks and keys of two tables. */
void
gp_import_sign(struct gp_import *im, const struct gp_import_signing *tables);

/* gp_import_inline_key - a key as it stands in a table, as PEM; the empty span
 * when it is none that we can read. */
struct gp_str gp_import_inline_key(struct gp_import *im, struct gp_str text);

#endif
