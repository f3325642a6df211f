/* gatepost key new: a key, its place in the policy, its record. */
#include "ctl/key_edit.h"

#include "core/domain.h"
#include "io/clock.h"
#include "io/key_file.h"
#include "io/text_file.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define GROUP         "_gatepost-dkim"
#define KEYS_MODE     0750
#define POLICY_D_MODE 0755
#define TTL_S         3600
#define TRIES_MAX     99    /* selectors of one day */
#define GROUP_BYTES   65536 /* of an entry, with its members */

/* One that is to be made. */
struct made {
	enum gp_dkim_key_type type;
	unsigned bits;
	char letter;          /* at the end of its selector */
	const char *selector; /* normalised */
	const char *relative; /* its file, as the policy says it */
	const char *file;
	struct gp_key_policy policy;
	const struct gp_dkim_public *public;
};

struct making {
	struct ctl_key_call call;
	struct ctl_key_edit edit;
	const char *group_name; /* NULL: none */
	gid_t group;
	const char *after; /* today, when the key shall sign by itself */
	size_t n;
	struct made v[2];
};

/* -- what to make ---------------------------------------------------------- */

static int
read_algorithm(struct making *m)
{
	static const struct {
		const char *name;
		size_t n;
		struct made v[2];
	} choices[] = {
		{ "both", 2,
		    { { .type = GP_DKIM_KEY_RSA, .bits = 2048, .letter = 'r' },
			{ .type = GP_DKIM_KEY_ED25519, .letter = 'e' } } },
		{ "rsa2048", 1,
		    { { .type = GP_DKIM_KEY_RSA,
			.bits = 2048,
			.letter = 'r' } } },
		{ "rsa3072", 1,
		    { { .type = GP_DKIM_KEY_RSA,
			.bits = 3072,
			.letter = 'r' } } },
		{ "rsa4096", 1,
		    { { .type = GP_DKIM_KEY_RSA,
			.bits = 4096,
			.letter = 'r' } } },
		{ "ed25519", 1,
		    { { .type = GP_DKIM_KEY_ED25519, .letter = 'e' } } },
	};
	const char *word = ctl_option(m->call.args, "--algorithm");

	word = word == NULL ? "both" : word;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (strcmp(choices[i].name, word) != 0)
			continue;
		m->n = choices[i].n;
		memcpy(m->v, choices[i].v, sizeof(m->v));
		return 0;
	}
	return ctl_usage("--algorithm: %s: expected rsa2048, rsa3072, rsa4096,"
			 " ed25519 or both",
	    word);
}

/* Who runs it as root means the daemon to read the key. */
static int
read_group(struct making *m)
{
	const char *word = ctl_option(m->call.args, "--group");
	char room[GROUP_BYTES];
	struct group entry;
	struct group *found = NULL;

	m->group = GP_KEEP_GROUP;
	if (word == NULL && geteuid() != 0)
		return 0;
	if (getgrnam_r(word == NULL ? GROUP : word, &entry, room, sizeof(room),
		&found) != 0 ||
	    found == NULL)
		return word == NULL
		           ? 0
		           : ctl_usage("--group: %s: no such group", word);
	m->group = found->gr_gid;
	m->group_name = gp_arena_strdup(m->call.arena, found->gr_name);
	return 0;
}

/* -- selectors ------------------------------------------------------------- */

static void
set_selector(struct making *m, struct made *k, const char *selector)
{
	struct gp_arena *arena = m->call.arena;

	k->selector = selector;
	k->relative =
	    gp_arena_printf(arena, "keys/%s.%s.pem", m->call.domain, selector);
	k->file = gp_arena_printf(arena, "%s%s", ctl_key_directory(&m->call),
	    k->relative);
}

static const struct gp_key_policy *
used_already(const struct making *m, const char *selector)
{
	const struct gp_policy *block = m->call.block;

	for (size_t i = 0; block != NULL && i < block->n_keys; i++)
		if (strcmp(block->keys[i].selector, selector) == 0)
			return &block->keys[i];
	return NULL;
}

static bool
is_free(const struct making *m, const struct made *k)
{
	struct stat st;

	return used_already(m, k->selector) == NULL && lstat(k->file, &st) != 0;
}

/* "gp20261122r", "gp20261122r2" ... */
static int
invent(struct making *m, struct made *k)
{
	struct gp_str day =
	    gp_str(ctl_key_date(gp_clock_wall_s(), m->call.arena));
	struct gp_str year = gp_str_split(&day, '-');
	struct gp_str month = gp_str_split(&day, '-');

	for (unsigned i = 1; i <= TRIES_MAX; i++) {
		const char *selector = gp_arena_printf(m->call.arena,
		    "gp%.*s%.*s%.*s%c", GP_STR_ARG(year), GP_STR_ARG(month),
		    GP_STR_ARG(day), k->letter);

		if (i > 1)
			selector =
			    gp_arena_printf(m->call.arena, "%s%u", selector, i);
		set_selector(m, k, selector);
		if (is_free(m, k))
			return 0;
	}
	return ctl_fail(1, "%s: there are %d keys of today already",
	    m->call.domain, TRIES_MAX);
}

/* Of two keys each gets its letter behind the word. */
static int
take_word(struct making *m, struct made *k, const char *word)
{
	const char *whole =
	    m->n == 1 ? word
		      : gp_arena_printf(m->call.arena, "%s%c", word, k->letter);
	const struct gp_key_policy *old;
	char normal[GP_DOMAIN_TEXT];
	struct gp_err err;

	if (gp_domain_normalize(gp_str(whole), normal, &err) != GP_OK)
		return ctl_usage("--selector: %s: %s", word, err.msg);
	set_selector(m, k, gp_arena_strdup(m->call.arena, normal));
	old = used_already(m, normal);
	if (old != NULL)
		return ctl_fail(1,
		    "%s:%u: domain \"%s\" has a key \"%s\""
		    " already; a selector is used once",
		    old->origin.file, old->origin.line, m->call.domain, normal);
	return is_free(m, k) ? 0 : ctl_fail(1, "%s: exists already", k->file);
}

static int
choose_selectors(struct making *m)
{
	const char *word = ctl_option(m->call.args, "--selector");
	int code = 0;

	for (size_t i = 0; i < m->n && code == 0; i++)
		code = word == NULL ? invent(m, &m->v[i])
		                    : take_word(m, &m->v[i], word);
	return code;
}

/* -- the policy ------------------------------------------------------------ */

/* A block of its own would take the domain out of that of its parent, with all
 * its limits and senders. */
static int
check_parent(const struct making *m)
{
	const struct gp_policy *p =
	    gp_policy_for(m->call.config, m->call.domain);

	if (m->call.block != NULL || p->domain == NULL)
		return 0;
	return ctl_fail(1,
	    "%s:%u: domain \"%s\" holds for %s, too, and its keys sign; for"
	    " another rule write a block domain \"%s\" { } first",
	    p->origin.file, p->origin.line, p->domain, m->call.domain,
	    m->call.domain);
}

static const char *
statement_of(const struct making *m, const struct made *k)
{
	return gp_arena_printf(m->call.arena,
	    "key \"%s\" { file = \"%s\" state = staged%s%s%s }", k->selector,
	    k->relative, m->after == NULL ? "" : " activate-after = \"",
	    m->after == NULL ? "" : m->after, m->after == NULL ? "" : "\"");
}

static void
write_block(struct making *m)
{
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	gp_buf_addf(&out,
	    "# Begun by `gatepost key new`.  With a key its mail is signed;"
	    " what else may\n# be said of a domain: gatepost.conf(5).\n"
	    "domain \"%s\" {\n",
	    m->call.domain);
	for (size_t i = 0; i < m->n; i++)
		gp_buf_addf(&out, "\t%s\n", statement_of(m, &m->v[i]));
	gp_buf_adds(&out, "}\n");
	m->edit.text = gp_arena_dup(m->call.arena, gp_buf_str(&out));
	gp_buf_clear(&out);
}

static int
edit_policy(struct making *m)
{
	const char *file = NULL;
	int code;

	if (m->call.block == NULL)
		file = gp_arena_printf(m->call.arena, "%spolicy.d/%s.conf",
		    ctl_key_directory(&m->call), m->call.domain);
	code = ctl_key_edit_begin(&m->edit, &m->call, file);
	if (code == 0 && m->edit.is_new)
		write_block(m);
	for (size_t i = 0; i < m->n && code == 0 && !m->edit.is_new; i++)
		code = ctl_key_edit_add(&m->edit, statement_of(m, &m->v[i]));
	return code == 0 ? ctl_key_edit_check(&m->edit) : code;
}

/* -- doing it -------------------------------------------------------------- */

static int
make_folders(const struct making *m)
{
	const char *directory = ctl_key_directory(&m->call);
	struct gp_err err;
	enum gp_rc rc;

	rc = gp_text_file_folder(gp_arena_printf(m->call.arena, "%skeys",
				     directory),
	    KEYS_MODE, m->group, &err);
	if (rc == GP_OK && m->edit.is_new)
		rc = gp_text_file_folder(gp_arena_printf(m->call.arena,
					     "%spolicy.d", directory),
		    POLICY_D_MODE, GP_KEEP_GROUP, &err);
	return rc == GP_OK ? 0 : ctl_fail(ctl_key_code(rc), "%s", err.msg);
}

/* The file is read again: what the daemon will say of it is said now. */
static int
make_key(struct making *m, struct made *k)
{
	struct gp_err err;
	const struct gp_private_key *key;
	enum gp_rc rc =
	    gp_key_file_create(k->file, k->type, k->bits, m->group, &err);

	if (rc != GP_OK)
		return ctl_fail(ctl_key_code(rc), "%s", err.msg);
	k->policy.file = k->file;
	rc = ctl_key_load(&m->call, &k->policy, &key, &err);
	if (rc == GP_OK) {
		k->public = gp_private_key_public(key);
		return 0;
	}
	(void)unlink(k->file);
	return ctl_fail(ctl_key_code(rc), "%s", err.msg);
}

/* All of it or nothing. */
static int
make_all(struct making *m)
{
	int code = make_folders(m);
	size_t n = 0;

	while (code == 0 && n < m->n) {
		code = make_key(m, &m->v[n]);
		n += code == 0;
	}
	if (code == 0)
		code = ctl_key_edit_write(&m->edit);
	for (size_t i = 0; i < n && code != 0; i++)
		(void)unlink(m->v[i].file);
	return code;
}

/* -- saying it ------------------------------------------------------------- */

static void
print_key_json(struct making *m, const struct made *k, struct gp_json *j)
{
	char name[GP_DKIM_RECORD_NAME];

	gp_json_object(j, NULL);
	gp_json_string(j, "selector", k->selector);
	gp_json_string(j, "file", k->file);
	gp_json_string(j, "name",
	    gp_dkim_record_name(k->selector, m->call.domain, name));
	if (k->public != NULL) {
		gp_json_string(j, "algorithm", ctl_key_algorithm(k->public));
		gp_json_int(j, "bits", k->public->bits);
		gp_json_str(j, "record",
		    ctl_key_record(k->public, m->call.arena));
	}
	gp_json_end(j);
}

static void
print_json(struct making *m, bool dry)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "domain", m->call.domain);
	gp_json_bool(&j, "dry_run", dry);
	gp_json_string(&j, "policy_file", m->edit.file);
	gp_json_bool(&j, "policy_file_is_new", m->edit.is_new);
	gp_json_array(&j, "keys");
	for (size_t i = 0; i < m->n; i++)
		print_key_json(m, &m->v[i], &j);
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

static void
print_files(const struct making *m, bool dry)
{
	const char *would = dry ? "would be " : "";

	for (size_t i = 0; i < m->n; i++)
		(void)printf("%smade: %s, mode %s%s%s\n", would, m->v[i].file,
		    m->group_name == NULL ? "0600" : "0640",
		    m->group_name == NULL ? "" : ", group ",
		    m->group_name == NULL ? "" : m->group_name);
	if (m->edit.is_new)
		(void)printf("%smade: %s, with\n", would, m->edit.file);
	else
		(void)printf("%schanged: %s (the old text is in %s~), now"
			     " with\n",
		    would, m->edit.file, m->edit.file);
	for (size_t i = 0; i < m->n; i++)
		(void)printf("\t%s\n", statement_of(m, &m->v[i]));
}

static void
print_next(const struct making *m)
{
	const char *domain = m->call.domain;
	struct gp_buf out;
	char name[GP_DKIM_RECORD_NAME];

	gp_buf_init(&out, SIZE_MAX);
	for (size_t i = 0; i < m->n; i++)
		gp_dkim_record_zone(gp_dkim_record_name(m->v[i].selector,
					domain, name),
		    TTL_S, ctl_key_record(m->v[i].public, m->call.arena), &out);
	(void)printf("\nPublish in DNS (other forms: gatepost key dns %s):\n\n"
		     "%s\nThen:\n",
	    domain, gp_buf_cstr(&out));
	gp_buf_clear(&out);
	(void)printf("  gatepost key check %s --wait\n"
		     "      until every name server has it\n"
		     "  gatepost key activate %s --reload\n"
		     "      the key signs\n",
	    domain, domain);
	if (m->after != NULL)
		(void)printf("or, at once:\n  gatepost reload\n"
			     "      the key signs as soon as DNS has its"
			     " record, and never before\n");
}

static int
make(struct making *m)
{
	const bool dry = ctl_option(m->call.args, "--dry-run") != NULL;
	int code = check_parent(m);

	if (code == 0)
		code = choose_selectors(m);
	if (ctl_option(m->call.args, "--hold") == NULL)
		m->after = ctl_key_date(gp_clock_wall_s(), m->call.arena);
	if (code == 0)
		code = edit_policy(m);
	if (code == 0 && !dry)
		code = make_all(m);
	if (code != 0)
		return code;
	if (m->call.ctl->json) {
		print_json(m, dry);
		return 0;
	}
	print_files(m, dry);
	if (!dry)
		print_next(m);
	return 0;
}

int
ctl_key_new(const struct ctl *ctl, const struct ctl_args *args)
{
	struct making m = { .n = 0 };
	int code = ctl_key_begin(&m.call, ctl, args);

	if (code == 0)
		code = read_algorithm(&m);
	if (code == 0)
		code = read_group(&m);
	if (code == 0)
		code = make(&m);
	ctl_key_end(&m.call);
	return code;
}
