/* See milter_refuse.h. */
#include "core/milter_refuse.h"

#include "core/milter_wire.h"

#define OFFER_OCTETS 12
#define VERSION_MIN  2

static const char refusal[] = "421 4.3.2 Too busy, try again later";

static void
add_u32(struct gp_buf *out, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		gp_buf_addc(out, (char)(v >> shift));
}

/* Version, no changes, all steps as they are. */
static enum gp_rc
answer_offer(struct gp_str offer, struct gp_buf *out)
{
	uint32_t version = 0;

	if (offer.n < OFFER_OCTETS)
		return GP_PERM;
	for (size_t i = 0; i < 4; i++)
		version = version << 8 | (unsigned char)offer.p[i];
	if (version < VERSION_MIN)
		return GP_PERM;
	if (version > GP_MILTER_VERSION)
		version = GP_MILTER_VERSION;
	add_u32(out, 1 + OFFER_OCTETS);
	gp_buf_addc(out, GP_MILTER_OFFER);
	add_u32(out, version);
	add_u32(out, 0);
	add_u32(out, 0);
	return GP_NONE;
}

static enum gp_rc
answer_client(struct gp_buf *out)
{
	add_u32(out, 1 + sizeof(refusal));
	gp_buf_addc(out, 'y');
	gp_buf_add(out, refusal, sizeof(refusal)); /* with its NUL */
	return GP_OK;
}

static enum gp_rc
answer(const struct gp_milter_packet *p, bool *offered, struct gp_buf *out)
{
	if (!*offered) {
		*offered = true;
		return p->command == GP_MILTER_OFFER
		           ? answer_offer(p->data, out)
		           : GP_PERM;
	}
	if (p->command == GP_MILTER_MACROS)
		return GP_NONE;
	return p->command == GP_MILTER_CONNECT ? answer_client(out) : GP_PERM;
}

size_t
gp_milter_refuse(struct gp_str in, bool *offered, struct gp_buf *out,
    enum gp_rc *said)
{
	const size_t all = in.n;
	struct gp_milter_packet packet;
	enum gp_rc rc = GP_OK;

	*said = GP_NONE;
	while (*said == GP_NONE && rc == GP_OK) {
		rc = gp_milter_take(&in, &packet, NULL);
		if (rc == GP_OK)
			*said = answer(&packet, offered, out);
		else if (rc == GP_PERM)
			*said = GP_PERM;
	}
	return all - in.n;
}
