/*
 * import_tables - the tables of opendkim, between import_sign and
 * import_blocks.
 *
 * Purity:   constants.
 */
#ifndef GP_CORE_IMPORT_TABLES_H
#define GP_CORE_IMPORT_TABLES_H

#include "core/import_parts.h"
#include "core/policy_index.h"

#define GP_IMPORT_SIGNATURES_MAX 32 /* of one class */

enum gp_import_reach { GP_IMPORT_EXACT, GP_IMPORT_BELOW, GP_IMPORT_EVERY };

/* A row of the signing table, read. */
struct gp_import_table_row {
	enum gp_import_reach reach;
	const char *domain; /* NULL: GP_IMPORT_EVERY */
	const char *user;   /* NULL: any */
	const char *key;    /* name in the key table, or "%" */
	bool said;          /* its problem is in the report */
	struct gp_origin from;
};

struct gp_import_class {
	const char *domain; /* NULL: every other one */
	bool below;
	const char *user; /* NULL: those without a row of their own */
	struct gp_origin from;
};

/* What one row asks for, of one class. */
struct gp_import_request {
	const char *domain; /* d=; NULL: the From: domain of each mail */
	const char *selector;
	const char *key;       /* a path or a key */
	struct gp_origin from; /* of the key */
	struct gp_origin row;  /* what asked for it */
};

struct gp_import_requests {
	size_t n;
	struct gp_import_request v[GP_IMPORT_SIGNATURES_MAX];
};

struct gp_import_block {
	const char *domain;
	bool subdomains;
	struct gp_origin from;
	size_t n;
	struct gp_import_request keys[GP_IMPORT_SIGNATURES_MAX];
	struct gp_import_block *next;
};

struct gp_import_tables {
	struct gp_import *im;
	const struct gp_import_signing *in;
	bool patterns;
	bool building; /* problems of rows are new to the report */
	size_t n_rows, n_classes;
	struct gp_import_table_row *rows;
	struct gp_import_class *classes;
	struct gp_index *class_index, *key_index, *block_index;
	struct gp_import_block *blocks, **blocks_end;
};

/* gp_import_class_add - unless it is there. */
void gp_import_class_add(struct gp_import_tables *t,
    const struct gp_import_class *class);

/* gp_import_domain_add - the class of this name and, with `below`, that of the
 * names below it. */
void gp_import_domain_add(struct gp_import_tables *t, const char *domain,
    bool below, struct gp_origin from);

/* gp_import_class_name - for a reader. */
const char *gp_import_class_name(struct gp_import_tables *t,
    const struct gp_import_class *c);

/* gp_import_ask - what opendkim signs of this class. */
void gp_import_ask(struct gp_import_tables *t, const struct gp_import_class *c,
    struct gp_import_requests *out);

/* gp_import_blocks - make blocks, compare, and put them out. */
void gp_import_blocks(struct gp_import_tables *t);

#endif
