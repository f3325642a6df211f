/*
 * What becomes of header fields: those that may be taken for our results, and
 * the edits that handlers record.  See session.h.
 */
#include "mta/session_private.h"

#include "base/xalloc.h"
#include "io/clock.h"

/* A field of ours is some hundred bytes; nothing longer is kept. */
#define OWN_FIELD_MAX 16384

/* -- arriving results -------------------------------------------------- */

static bool
claims_us(const struct gp_session *s, struct gp_str value)
{
	const struct gp_strings *ids =
	    &gp_config_globals(s->env->config)->own_ids;

	if (gp_authres_claims(value, s->authserv_id))
		return true;
	for (size_t i = 0; i < ids->n; i++)
		if (gp_authres_claims(value, ids->v[i]))
			return true;
	return false;
}

static void
keep_claim(struct gp_session *s, struct gp_str value)
{
	struct gp_session_private *p = s->priv;
	struct gp_claim *c;

	if (p->n_claims >= GP_FIELDS_MAX) {
		gp_session_break(s, "too many " GP_AUTHRES_NAME " fields");
		return;
	}
	if (p->n_claims == p->cap_claims) {
		p->cap_claims = p->cap_claims * 2 + 4;
		p->claims =
		    gp_xrealloc(p->claims, p->cap_claims, sizeof(*p->claims));
	}
	c = &p->claims[p->n_claims++];
	*c = (struct gp_claim){ .index = p->authres_seen };
	if (value.n > OWN_FIELD_MAX ||
	    p->claim_bytes + value.n > GP_FIELDS_BYTES)
		return;
	p->claim_bytes += value.n;
	c->value = gp_arena_dup(s->msg->arena, value);
}

void
gp_session_see_authres(struct gp_session *s, struct gp_str value)
{
	s->priv->authres_seen++;
	if (claims_us(s, value))
		keep_claim(s, value);
}

/* -- edits ------------------------------------------------------------- */

static struct gp_effect *
add_effect(struct gp_session *s, enum gp_effect_kind kind)
{
	struct gp_session_private *p = s->priv;

	if (p->n_effects == p->cap_effects) {
		p->cap_effects = p->cap_effects * 2 + 4;
		p->effects = gp_xrealloc(p->effects, p->cap_effects,
		    sizeof(*p->effects));
	}
	p->effects[p->n_effects] =
	    (struct gp_effect){ .kind = kind, .order = p->n_effects };
	return &p->effects[p->n_effects++];
}

static struct gp_seal_facts
seal_facts(const struct gp_msg *m)
{
	return (struct gp_seal_facts){ .queue_id = gp_str(m->queue_id),
		.client = m->session->connect.client,
		.mail_from = m->sender.raw,
		.minute = gp_clock_wall_s() / 60 };
}

/* Sealed for this message?  Then *ar is what it says. */
static bool
sealed(struct gp_msg *m, const struct gp_claim *c, struct gp_authres *ar)
{
	const struct gp_seal_facts facts = seal_facts(m);

	return c->value.p != NULL &&
	       gp_authres_parse(c->value, m->arena, ar, NULL) == GP_OK &&
	       gp_seal_check(ar, &facts, gp_seal_key_mac,
		   &m->session->app->seal);
}

static void
drop_forged(struct gp_msg *m, const struct gp_claim *c)
{
	gp_msg_delete_field(m, GP_AUTHRES_NAME, c->index);
	gp_metrics_add(m->session->app->metrics, GP_M_FORGED, 0, 1);
}

void
gp_msg_drop_forged_authres(struct gp_msg *m)
{
	const struct gp_session_private *p = m->session->priv;
	struct gp_authres ar;

	for (size_t i = 0; i < p->n_claims; i++)
		if (!sealed(m, &p->claims[i], &ar))
			drop_forged(m, &p->claims[i]);
}

const struct gp_authres *
gp_msg_take_authres(struct gp_msg *m, size_t *n)
{
	const struct gp_session_private *p = m->session->priv;
	struct gp_authres *all =
	    gp_arena_alloc(m->arena, p->n_claims * sizeof(*all));

	*n = 0;
	for (size_t i = 0; i < p->n_claims; i++) {
		const struct gp_claim *c = &p->claims[i];

		if (!sealed(m, c, &all[*n])) {
			drop_forged(m, c);
			continue;
		}
		gp_msg_delete_field(m, GP_AUTHRES_NAME, c->index);
		++*n;
	}
	return all;
}

void
gp_msg_add_last_authres(struct gp_msg *m, struct gp_authres *ar)
{
	struct gp_buf text;

	if (ar->n == 0)
		return;
	ar->id = gp_str(m->session->authserv_id);
	gp_buf_init(&text, GP_FIELD_MAX);
	gp_authres_format(ar, &text);
	gp_msg_insert_field(m, GP_AUTHRES_NAME, gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

void
gp_msg_add_authres(struct gp_msg *m, struct gp_authres *ar)
{
	const struct gp_seal_facts facts = seal_facts(m);

	if (ar->n == 0)
		return;
	ar->id = gp_str(m->session->authserv_id); /* the seal covers it */
	gp_seal_add(ar, &facts, gp_seal_key_mac, &m->session->app->seal,
	    m->arena);
	gp_msg_add_last_authres(m, ar);
}

void
gp_msg_insert_field(struct gp_msg *m, const char *name, const char *value)
{
	struct gp_effect *e = add_effect(m->session, GP_EFFECT_INSERT);

	e->name = gp_arena_strdup(m->arena, name);
	e->value = gp_arena_strdup(m->arena, value);
}

void
gp_msg_delete_field(struct gp_msg *m, const char *name, unsigned index)
{
	struct gp_effect *e = add_effect(m->session, GP_EFFECT_DELETE);

	e->name = gp_arena_strdup(m->arena, name);
	e->index = index;
}

void
gp_msg_hold(struct gp_msg *m, const char *reason)
{
	struct gp_effect *e = add_effect(m->session, GP_EFFECT_HOLD);

	e->name = gp_arena_strdup(m->arena, reason);
	m->session->priv->holding = true;
}
