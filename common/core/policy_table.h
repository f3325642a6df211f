/*
 * policy_table - what may stand in a policy file, as data.
 *
 * One row for each option says its type, its range, its default and where
 * the value goes.  Reading, defaults, merging, showing and the reader's
 * schema all follow from these rows.
 *
 * Purity:   constants.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_TABLE_H
#define GP_CORE_POLICY_TABLE_H

#include "core/policy.h"

/* The structure that an option's value is stored in. */
enum gp_target {
	GP_IN_GLOBALS,
	GP_IN_POLICY,
	GP_IN_KEY,
	GP_IN_LIMIT,
	GP_IN_OVERRIDE,
	GP_IN_WARMUP,
	GP_IN_PROVIDER,
	GP_TARGETS /* how many */
};

/* How many options each of them has. */
#define GP_GLOBALS_OPTIONS  48
#define GP_POLICY_OPTIONS   33
#define GP_KEY_OPTIONS      6
#define GP_LIMIT_OPTIONS    6
#define GP_OVERRIDE_OPTIONS 8
#define GP_WARMUP_OPTIONS   6
#define GP_PROVIDER_OPTIONS 3

enum gp_value_kind {
	GP_WORD,       /* enum, one of `words` */
	GP_BOOL,       /* bool */
	GP_NUMBER,     /* unsigned */
	GP_DURATION,   /* int64_t, milliseconds */
	GP_SIZE,       /* int64_t, bytes */
	GP_AMOUNT,     /* int64_t, how many of anything */
	GP_FACTOR,     /* unsigned, thousandths */
	GP_DATE,       /* int64_t, seconds since 1970 at 00:00 UTC */
	GP_LINE,       /* printable US-ASCII of at most `max` bytes */
	GP_NAME,       /* text without white space */
	GP_FIELD_NAME, /* of a header field that can be signed, or "default" */
	GP_FIELD,      /* name of any header field */
	GP_DOMAIN,     /* normalised */
	GP_DOMAINS,    /* normalised, may have "*." in front */
	GP_HOST,       /* normalised; a dot in front is dropped */
	GP_PATH,       /* relative ones begin at the source's directory */
	GP_SOCKET,     /* where a milter listens */
	GP_SERVER,     /* address of a name server */
	GP_STORE,      /* where the limits' state lives */
	GP_PREFIX,     /* struct gp_prefix */
	GP_ADDRESS,    /* struct gp_prefix of a single address */
	GP_ALIAS,      /* struct gp_alias */
	GP_RATE,       /* struct gp_rate */
};

struct gp_word {
	const char *name; /* NULL ends the list */
	int value;
};

struct gp_option {
	const char *name;
	enum gp_value_kind kind;
	bool is_list;  /* the value is a structure of a count and an array */
	bool required; /* must be written */
	bool or_zero;  /* of a number: 0 is allowed below `min`, too */
	bool distinct; /* of a list of words: each of them once */
	const char *expected;
	const char *fallback; /* NULL: unset, which "" means in a file, too */
	const struct gp_word *words;
	int64_t min, max; /* of a number; of a list: its elements, where `max`
	                   * is 0 any number of them */
	size_t offset;    /* of the value in its target */
};

struct gp_option_group {
	enum gp_target target;
	size_t first; /* option number, in its target, of the first one */
	size_t n;
	const struct gp_option *options;
};

#define GP_SECTIONS       ((size_t)26)
#define GP_SECTION_GROUPS ((size_t)2)

struct gp_section {
	const char *path; /* "" is the top level */
	const char *kind; /* last word of the path */
	const struct gp_section *parent;
	bool titled;
	const char *expected; /* what the title is, or what the section holds */
	const struct gp_option_group *groups[GP_SECTION_GROUPS]; /* or NULL */
};

/* The table; element 0 is the top level, parents come before children. */
extern const struct gp_section gp_sections[GP_SECTIONS];

/* gp_section_child - the section of that kind in `parent`, or NULL. */
const struct gp_section *
gp_section_child(const struct gp_section *parent, const char *kind);

/* gp_section_option - the option of that name in it, or NULL; `*group` is
 * set with it. */
const struct gp_option *gp_section_option(const struct gp_section *section,
    const char *name, const struct gp_option_group **group);

/* gp_option_number - its number among the options of its target. */
size_t gp_option_number(const struct gp_option_group *group,
    const struct gp_option *option);

#endif
