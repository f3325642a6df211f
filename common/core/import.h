/*
 * import - the configuration of another filter as a policy of ours.
 *
 * A mapper reads what the other filter was told, and makes of it values of a
 * policy file, each with the line that it is from; keys to be copied; and a
 * report in four groups: mapped, same as default, ignored, decision.  Where
 * both would act differently there is a decision for the operator, never a
 * silent difference.
 *
 * Source:   opendkim.conf(5), opendmarc.conf(5), policyd-rate-limit.yaml(5).
 * Purity:   pure; files are read by the caller.
 * Threads:  one import, one thread.
 */
#ifndef GP_CORE_IMPORT_H
#define GP_CORE_IMPORT_H

#include "core/finding.h"

#define GP_IMPORT_FILE_MAX  4194304 /* bytes of one file that is read */
#define GP_IMPORT_ROWS_MAX  10000   /* rows of one table, words of one file */
#define GP_IMPORT_HOSTS_MAX 1000    /* prefixes that one list may become */

/* How a mapper gets at other files than the first. */
struct gp_import_files {
	/* The text of `path`, as long as the import lives.  Other results than
	 * GP_OK have a sentence without the path in err. */
	enum gp_rc (*read)(void *arg, const char *path, struct gp_str *text,
	    struct gp_err *err);
	void *arg;
};

/* One value of the policy to be. */
struct gp_import_value {
	const char *section; /* `trust`, `domain "a.example"`; "": top level */
	const char *part;    /* `key "s1"` in it; NULL: none */
	const char *name;    /* NULL: the section is to be there, no more */
	const char *text;    /* as it stands in the file */
	const char *subject; /* word of the other filter */
	struct gp_origin from;
	struct gp_import_value *next;
};

/* A private key that is to be copied. */
struct gp_import_key {
	const char *domain, *selector;
	const char *path;  /* where it is; NULL: it is `pem` */
	struct gp_str pem; /* of one that stands in a table */
	const char *file;  /* below the policy's directory */
	struct gp_origin from;
	struct gp_import_key *next;
};

struct gp_import {
	struct gp_arena *arena;
	struct gp_import_files files;
	const char *program; /* "opendkim" ... */
	const char *base;    /* where relative paths begin; NULL: here */
	struct gp_findings report;
	struct gp_import_value *values, **values_end;
	struct gp_import_key *keys, **keys_end;
	const char *socket; /* where the other filter listens; NULL: not said */
};

/* gp_import_init - `arena` holds all that it becomes; paths and texts that
 * the functions below get must live as long. */
void gp_import_init(struct gp_import *im, struct gp_arena *arena,
    const struct gp_import_files *files, const char *program);

/* -- mappers ------------------------------------------------------------ */

/* What an option on the command line of a service says instead of the file. */
struct gp_import_override {
	const char *name;
	const char *value;
	struct gp_origin from;
	struct gp_import_override *next;
};

/*
 * gp_import_opendkim - read `path` and what it names.
 * GP_OK    values, keys and report are there.
 * other    the file itself can not be read as one of opendkim; see err.
 */
GP_MUST_USE enum gp_rc
gp_import_opendkim(struct gp_import *im, const char *path,
    const struct gp_import_override *overrides, struct gp_err *err);

/* gp_import_opendmarc - likewise. */
GP_MUST_USE enum gp_rc
gp_import_opendmarc(struct gp_import *im, const char *path,
    const struct gp_import_override *overrides, struct gp_err *err);

/* What a YAML text says; a mapping has its keys and values in turn. */
enum gp_import_shape { GP_IMPORT_SCALAR, GP_IMPORT_LIST, GP_IMPORT_MAP };
struct gp_import_node {
	enum gp_import_shape shape;
	const char *text; /* of a scalar */
	bool quoted;
	unsigned line;
	struct gp_import_node *first, *next;
};

/* gp_import_rate - the settings of policyd-rate-limit.  GP_PERM: `root` is no
 * mapping. */
GP_MUST_USE enum gp_rc gp_import_rate(struct gp_import *im, const char *path,
    const struct gp_import_node *root, struct gp_err *err);

/*
 * gp_import_unit - a systemd drop-in that replaces the command line: its
 * options go to the front of *overrides, those of opendkim and opendmarc by
 * the names they have in the file.  *conf is the file of -x, if it names one.
 * False: it does not replace it.
 */
bool gp_import_unit(struct gp_import *im, const char *path, struct gp_str text,
    struct gp_import_override **overrides, const char **conf);

/* gp_import_default - a file of /etc/default, which no unit reads any more:
 * says what it would mean. */
void
gp_import_default(struct gp_import *im, const char *path, struct gp_str text);

/* -- what came of it ---------------------------------------------------- */

/* gp_import_drop_key - leave it out and say why (red). */
void gp_import_drop_key(struct gp_import *im, const struct gp_import_key *key,
    const char *why);

/* gp_import_reconcile - leave out what `config`, the policy that is there,
 * says already, and say so. */
void gp_import_reconcile(struct gp_import *im, const struct gp_config *config);

/* gp_import_section_taken - leave out what belongs into this section, as it is
 * opened at `where` already, "FILE:LINE": one decision for each value. */
void gp_import_section_taken(struct gp_import *im, const char *section,
    const char *where);

/* gp_import_write - append the text of the policy file. */
void gp_import_write(const struct gp_import *im, struct gp_buf *out);

/* gp_import_report - all findings, the four groups one after the other. */
void gp_import_report(const struct gp_import *im, struct gp_findings *out);

#endif
