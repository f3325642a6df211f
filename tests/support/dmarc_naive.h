/*
 * dmarc_naive - DMARC by the letter of RFC 9989 over a table of records: what
 * core/dmarc is held against.  It shares no code with it: it knows the whole
 * zone at once, asks nothing and shortens nothing.
 */
#ifndef GP_TESTS_DMARC_NAIVE_H
#define GP_TESTS_DMARC_NAIVE_H

#include "core/dmarc.h"

#define DMARC_ENTRIES 8
#define DMARC_SIGNERS 4

enum dmarc_word {
	DMARC_WORD_ABSENT,
	DMARC_WORD_NONE,
	DMARC_WORD_QUARANTINE,
	DMARC_WORD_REJECT,
	DMARC_WORD_BROKEN, /* there, and no policy */
	DMARC_WORDS
};

/* One record at _dmarc.NAME; two entries of one name are two records. */
struct dmarc_entry {
	char name[GP_DOMAIN_TEXT];
	enum dmarc_word p, sp, np;
	bool adkim_s, aspf_s, test, rua;
	char psd;  /* 'u' (the tag is absent), 'n' or 'y' */
	bool temp; /* DNS gives no answer there */
};

struct dmarc_case {
	char author[GP_DOMAIN_TEXT];
	bool author_exists; /* also when no record says so */
	bool author_temp;   /* DNS does not say whether */
	bool is_long;       /* has names that are too long for a question */
	bool has_spf;
	char spf[GP_DOMAIN_TEXT];
	size_t n_dkim, n;
	char dkim[DMARC_SIGNERS][GP_DOMAIN_TEXT];
	struct dmarc_entry entry[DMARC_ENTRIES];
};

/* The zero of it is "none": DMARC does not apply. */
struct dmarc_verdict {
	enum gp_dmarc_result result;
	enum dmarc_word policy; /* with pass and fail; after t= */
	bool spf_aligned, dkim_aligned;
};

/* dmarc_naive - what RFC 9989 says about it. */
struct dmarc_verdict dmarc_naive(const struct dmarc_case *c);

/*
 * dmarc_ask - what core/dmarc says, fed from the same table.  Asserts that it
 * ends, that no walk has more than eight questions, that every name can be
 * asked for, and what holds for every outcome.
 */
struct dmarc_verdict dmarc_ask(const struct dmarc_case *c, bool every);

/* dmarc_case_read - a case out of any bytes; names close to one another. */
void dmarc_case_read(struct dmarc_case *c, const uint8_t *data, size_t n);

/*
 * dmarc_case_check - asserts that core/dmarc says what the naive code says,
 * that a stricter record neither makes a fail a pass nor lowers a policy, and
 * that what DNS did not answer could not have changed the outcome.
 */
void dmarc_case_check(const struct dmarc_case *c);

#endif
