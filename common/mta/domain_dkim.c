/* domain_check: what is published of each key. */
#include "mta/domain_private.h"

#include "core/dkim_record.h"
#include "core/domain.h"
#include "io/key_file.h"

#define TOPIC "dkim"

/* One key of the block. */
struct signer {
	struct gp_domain_job *j;
	const struct gp_key_policy *policy;
	struct gp_private_key *key; /* NULL: its file can not be used, ... */
	struct gp_err why;          /* ... for this reason */
	char name[GP_DKIM_RECORD_NAME];
};

static const struct gp_dkim_public *
ours(const struct signer *s)
{
	return gp_private_key_public(s->key);
}

static bool
switched_on(const struct signer *s)
{
	const struct gp_signing_algorithms *on =
	    &s->j->block->signing.algorithms;
	const enum gp_signing_algorithm wanted =
	    s->key == NULL                     ? s->policy->algorithm
	    : ours(s)->type == GP_DKIM_KEY_RSA ? GP_SIGN_RSA_SHA256
					       : GP_SIGN_ED25519_SHA256;

	for (size_t i = 0; i < on->n; i++)
		if (on->v[i] == wanted)
			return true;
	return wanted == GP_SIGN_ANY;
}

/* Does mail bear its signature today, as far as the policy says? */
static bool
signs(const struct signer *s)
{
	const struct gp_key_policy *p = s->policy;
	const bool due = p->state == GP_KEY_STAGED && !p->require_dns &&
	                 p->activate_after_s != 0 &&
	                 p->activate_after_s <= s->j->with->now_s;

	return (p->state == GP_KEY_ACTIVE || due) && switched_on(s);
}

/* -- what to do ----------------------------------------------------------- */

static void
remedy(const struct signer *s, const char *verb)
{
	struct gp_buf value;

	if (s->key == NULL)
		return;
	gp_buf_init(&value, SIZE_MAX);
	gp_dkim_key_format(ours(s), &value);
	gp_findings_remedy(s->j->out, "%s TXT %s %s", verb, s->name,
	    gp_buf_cstr(&value));
	gp_buf_clear(&value);
}

/* Is our key at this name? */
static bool
is_at(const struct signer *s, const char *name)
{
	struct gp_dkim_published p;
	struct gp_dns_answer a;

	(void)gp_dns_query(&s->j->scope, name, GP_DNS_TXT, &a);
	gp_dkim_record_compare(ours(s), &a, &p);
	return gp_dkim_published_works(&p);
}

/* Records of sub-domains land in the zone above, and a name without its final
 * dot has the zone behind it a second time. */
static const char *
misplaced(const struct signer *s)
{
	const char *domain = s->j->block->domain;

	for (const char *zone = domain;
	     zone != NULL && gp_domain_labels(zone) >= 2;
	     zone = gp_domain_parent(zone)) {
		const char *above = gp_arena_printf(s->j->arena,
		    "%s._domainkey.%s", s->policy->selector, zone);
		const char *twice =
		    gp_arena_printf(s->j->arena, "%s.%s", s->name, zone);

		if (zone != domain && is_at(s, above))
			return above;
		if (is_at(s, twice))
			return twice;
	}
	return NULL;
}

/* -- the verdicts --------------------------------------------------------- */

static void
add(const struct signer *s, enum gp_light light, const char *what)
{
	gp_findings_add(s->j->out, light, TOPIC, s->name, "%s", what);
	gp_domain_where(s->j, s->policy->origin);
}

static const char *
describe(const struct signer *s, const struct gp_dkim_published *p)
{
	struct gp_buf text;
	const char *place;
	const char *out;

	gp_buf_init(&text, SIZE_MAX);
	gp_dkim_published_say(p, &text);
	if (p->verdict == GP_DKIM_PUBLISHED_TRUNCATED && p->n_foreign > 0)
		gp_buf_adds(&text, "; the rest may be the other TXT record "
				   "there, and must be a further string of "
				   "this one");
	if (p->verdict == GP_DKIM_PUBLISHED_MISSING) {
		place = misplaced(s);
		if (place != NULL)
			gp_buf_addf(&text, "; it is at %s instead", place);
	}
	out = gp_arena_strdup(s->j->arena, gp_buf_cstr(&text));
	gp_buf_clear(&text);
	return out;
}

static void
judge_known(const struct signer *s, const struct gp_dns_answer *a)
{
	const bool active = signs(s);
	const char *verb = "replace what is there by:";
	struct gp_dkim_published p;

	gp_dkim_record_compare(ours(s), a, &p);
	switch (p.verdict) {
	case GP_DKIM_PUBLISHED_SAME:
		add(s, GP_GREEN,
		    active ? "published, and it is the key that signs"
			   : "published, and does not sign yet");
		return;
	case GP_DKIM_PUBLISHED_TESTING:
		add(s, GP_YELLOW, describe(s, &p));
		break;
	case GP_DKIM_PUBLISHED_MISSING:
		add(s, active ? GP_RED : GP_YELLOW, describe(s, &p));
		verb = "publish:";
		break;
	case GP_DKIM_PUBLISHED_UNKNOWN:
		gp_domain_untold(s->j, TOPIC, s->name, a, s->name);
		gp_domain_where(s->j, s->policy->origin);
		return;
	case GP_DKIM_PUBLISHED_SEVERAL:
	case GP_DKIM_PUBLISHED_REVOKED:
	case GP_DKIM_PUBLISHED_TRUNCATED:
	case GP_DKIM_PUBLISHED_QUOTED:
	case GP_DKIM_PUBLISHED_TYPE:
	case GP_DKIM_PUBLISHED_HASH:
	case GP_DKIM_PUBLISHED_SERVICE:
	case GP_DKIM_PUBLISHED_OTHER:
	case GP_DKIM_PUBLISHED_BROKEN:
	case GP_DKIM_PUBLISHED_VERDICTS:
		add(s, active ? GP_RED : GP_YELLOW, describe(s, &p));
		break;
	}
	remedy(s, verb);
}

static void
remedy_unknown(const struct signer *s)
{
	gp_findings_remedy(s->j->out,
	    gp_key_file_denied(s->policy->file)
		? "run this as root or as the user of gatepost-dkim"
		: "mend the key's file first");
}

/* Without the private key: is there anything that could be its record? */
static void
judge_unknown(const struct signer *s, const struct gp_dns_answer *a)
{
	struct gp_dkim_key_record record;
	size_t n = 0;

	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++)
		n += gp_dkim_key_parse(a->rr[i].text, s->j->arena, &record,
			 NULL) == GP_OK &&
		     !record.revoked;
	if (a->rc != GP_OK && a->rc != GP_NONE) {
		gp_domain_untold(s->j, TOPIC, s->name, a, s->name);
	} else if (n == 0) {
		gp_findings_add(s->j->out, signs(s) ? GP_RED : GP_YELLOW, TOPIC,
		    s->name,
		    "no usable key is published, and ours is not known: %s",
		    s->why.msg);
		remedy_unknown(s);
	} else {
		gp_findings_add(s->j->out, GP_YELLOW, TOPIC, s->name,
		    "a key is published; not compared with ours: %s",
		    s->why.msg);
		remedy_unknown(s);
	}
	gp_domain_where(s->j, s->policy->origin);
}

void
gp_domain_check_dkim(struct gp_domain_job *j)
{
	for (size_t i = 0; i < j->block->n_keys; i++) {
		struct signer s = { .j = j, .policy = &j->block->keys[i] };
		struct gp_dns_answer a;

		if (s.policy->state == GP_KEY_RETIRED)
			continue;
		gp_dkim_record_name(s.policy->selector, j->block->domain,
		    s.name);
		if (gp_key_file_load(s.policy->file, &s.key, &s.why) != GP_OK)
			s.key = NULL;
		(void)gp_dns_query(&j->scope, s.name, GP_DNS_TXT, &a);
		if (s.key != NULL)
			judge_known(&s, &a);
		else
			judge_unknown(&s, &a);
		gp_private_key_unref(s.key);
	}
}
