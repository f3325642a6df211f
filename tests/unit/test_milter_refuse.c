/* What an MTA is told that is not let in, octet by octet. */
#include "core/milter_refuse.h"
#include "core/milter_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REFUSAL "421 4.3.2 Too busy, try again later"

static struct gp_buf
dialogue(void)
{
	const struct gp_str macros[] = { GP_STR("j"), GP_STR("mx.example") };
	const struct gp_ip client =
	    gp_ip_from_bytes((const uint8_t[]){ 192, 0, 2, 1 }, 4);
	struct gp_buf b;

	gp_buf_init(&b, GP_MILTER_REFUSE_BYTES);
	gp_milter_put_offer(&b);
	gp_milter_put_macros(&b, GP_MILTER_CONNECT, macros, 2);
	gp_milter_put_connect(&b, GP_STR("client.example"), &client, 25);
	return b;
}

/* The two answers, as the MTA's end reads them. */
static void
judge(const struct gp_buf *said)
{
	struct gp_str rest = gp_buf_str(said);
	struct gp_milter_agreed agreed;
	struct gp_milter_packet packet;
	struct gp_milter_reply reply;
	struct gp_err err;

	assert_int_equal(gp_milter_take(&rest, &packet, &err), GP_OK);
	assert_int_equal(gp_milter_agree(&packet, &agreed, &err), GP_OK);
	assert_int_equal(agreed.version, GP_MILTER_VERSION);
	assert_int_equal(agreed.actions, 0);
	assert_int_equal(agreed.steps, 0);
	assert_int_equal(gp_milter_take(&rest, &packet, &err), GP_OK);
	assert_int_equal(rest.n, 0);
	assert_int_equal(gp_milter_read(&packet, &agreed, GP_MILTER_CONNECT,
			     &reply, &err),
	    GP_OK);
	assert_int_equal(reply.answer, GP_MILTER_REPLY);
	assert_true(gp_str_eq(reply.value, GP_STR(REFUSAL)));
}

/* However the octets come, the same is said. */
static void
refuse_says_it_whatever_the_pieces(void **state)
{
	struct gp_buf all = dialogue();

	(void)state;
	for (size_t piece = 1; piece <= all.n; piece++) {
		bool offered = false;
		enum gp_rc said = GP_NONE;
		struct gp_buf out;
		size_t done = 0;

		gp_buf_init(&out, 256);
		for (size_t n = piece; said == GP_NONE; n += piece) {
			if (n > all.n)
				n = all.n;
			done +=
			    gp_milter_refuse(gp_str_n(all.p + done, n - done),
				&offered, &out, &said);
			assert_true(said == GP_OK || n < all.n);
		}
		assert_int_equal(said, GP_OK);
		assert_int_equal(done, all.n);
		judge(&out);
		gp_buf_clear(&out);
	}
	gp_buf_clear(&all);
}

struct row {
	const char *what;
	const char *octets;
	size_t n;
	enum gp_rc said;
	size_t answered;
};

#define ROW(what, octets, said, answered)                                      \
	{                                                                      \
		what, octets, sizeof(octets) - 1, said, answered               \
	}

static void
refuse_judges_what_is_no_offer(void **state)
{
	static const struct row rows[] = {
		ROW("nothing", "", GP_NONE, 0),
		ROW("half a length", "\0\0", GP_NONE, 0),
		ROW("no octet", "\0\0\0\0", GP_PERM, 0),
		ROW("too long", "\xff\xff\xff\xffO", GP_PERM, 0),
		ROW("another command", "\0\0\0\1Q", GP_PERM, 0),
		ROW("a short offer", "\0\0\0\5O\0\0\0\6", GP_PERM, 0),
		ROW("version 1", "\0\0\0\15O\0\0\0\1\0\0\0\0\0\0\0\0", GP_PERM,
		    0),
		ROW("version 2", "\0\0\0\15O\0\0\0\2\0\0\0\0\0\0\0\0", GP_NONE,
		    17),
		ROW("a longer offer", "\0\0\0\16O\0\0\0\11\0\0\0\0\0\0\0\0x",
		    GP_NONE, 17),
		ROW("and two of them",
		    "\0\0\0\15O\0\0\0\2\0\0\0\0\0\0\0\0"
		    "\0\0\0\15O\0\0\0\2\0\0\0\0\0\0\0\0",
		    GP_PERM, 17),
		ROW("an end", "\0\0\0\15O\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\1Q",
		    GP_PERM, 17),
		ROW("no macros", "\0\0\0\15O\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\1C",
		    GP_OK, 17 + 5 + sizeof(REFUSAL)),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool offered = false;
		enum gp_rc said;
		struct gp_buf out;

		gp_buf_init(&out, 256);
		(void)gp_milter_refuse(gp_str_n(rows[i].octets, rows[i].n),
		    &offered, &out, &said);
		if (said != rows[i].said || out.n != rows[i].answered)
			print_error("%s: %d, %zu octets\n", rows[i].what,
			    (int)said, out.n);
		assert_int_equal(said, rows[i].said);
		assert_int_equal(out.n, rows[i].answered);
		if (out.n == 17) /* the version is the lower one */
			assert_int_equal(out.p[8],
			    rows[i].octets[8] < 6 ? rows[i].octets[8] : 6);
		gp_buf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuse_says_it_whatever_the_pieces),
		cmocka_unit_test(refuse_judges_what_is_no_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
