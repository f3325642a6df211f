/*
 * milterload, the ruler of the benchmarks: what it sends against what Postfix
 * sends, what it makes of answers, and its arithmetic.
 *
 * The filter is a thread of this program; it notes each packet as a word.
 */
#include "bench/lib/mail.h"
#include "bench/lib/options.h"
#include "bench/lib/play.h"
#include "bench/lib/stats.h"
#include "bench/lib/wire.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define SILENT                                                                 \
	(ML_NR_CONNECT | ML_NR_HELO | ML_NR_MAIL | ML_NR_DATA | ML_NR_HEADER | \
	    ML_NR_EOH | ML_NR_BODY)

static char folder[] = "/tmp/gp-milterload-XXXXXX";
static char mail_path[64];

/* One filter: what it negotiates, and what it answers to one event. */
struct filter {
	uint32_t actions, steps;
	char event;         /* with `answer`: 'E', 'R' ...; 0: never */
	const char *answer; /* packet: a letter and its data */
	size_t n;
	const char *edit; /* packet before the answer to E; NULL: none */
	size_t n_edit;
	const char *macros_at_eom; /* list asked for; NULL: none */
	bool names;                /* note the names of macros as well */
	bool values;               /* and their values */

	char spec[80];
	int listener;
	pthread_t thread;
	char seen[2048];
};

static void
note(struct filter *f, const char *word)
{
	size_t n = strlen(f->seen);

	(void)snprintf(f->seen + n, sizeof f->seen - n, "%s%s",
	    n == 0 ? "" : " ", word);
}

static void
note_macros(struct filter *f, struct gp_str data)
{
	char word[256] = { 'D', data.p[0], '\0' };
	const char *name, *value;

	data.p++;
	data.n--;
	while (f->names && ml_take_string(&data, &name) &&
	       ml_take_string(&data, &value)) {
		size_t n = strlen(word);

		(void)snprintf(word + n, sizeof word - n, ",%s%s%s", name,
		    f->values ? "=" : "", f->values ? value : "");
	}
	note(f, word);
}

static void
note_packet(struct filter *f, char command, struct gp_str data)
{
	char word[256] = { command, '\0' };

	if (command == 'D') {
		note_macros(f, data);
		return;
	}
	if (command == 'L')
		(void)snprintf(word, sizeof word, "L:%s=%s", data.p,
		    data.p + strlen(data.p) + 1);
	note(f, word);
}

static void
put(struct gp_buf *b, const char *packet, size_t n)
{
	uint32_t length = htonl((uint32_t)n);

	gp_buf_add(b, &length, sizeof length);
	gp_buf_add(b, packet, n);
}

static void
put_number(struct gp_buf *b, uint32_t number)
{
	uint32_t wire = htonl(number);

	gp_buf_add(b, &wire, sizeof wire);
}

static void
put_negotiation(const struct filter *f, struct gp_buf *out)
{
	struct gp_buf b;

	gp_buf_init(&b, 1024);
	gp_buf_addc(&b, 'O');
	put_number(&b, 6);
	put_number(&b, f->actions);
	put_number(&b, f->steps);
	if (f->macros_at_eom != NULL) {
		put_number(&b, ML_AT_EOM);
		gp_buf_add(&b, f->macros_at_eom, strlen(f->macros_at_eom) + 1);
		put_number(&b, ML_AT_EOH);
		gp_buf_add(&b, "", 1); /* an empty list changes nothing */
	}
	put(out, gp_buf_cstr(&b), b.n);
	gp_buf_clear(&b);
}

static bool
is_silent(const struct filter *f, char command)
{
	static const struct {
		char command;
		uint32_t step;
	} silent[] = { { 'C', ML_NR_CONNECT }, { 'H', ML_NR_HELO },
		{ 'M', ML_NR_MAIL }, { 'R', ML_NR_RCPT }, { 'T', ML_NR_DATA },
		{ 'L', ML_NR_HEADER }, { 'N', ML_NR_EOH },
		{ 'B', ML_NR_BODY } };

	for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
		if (silent[i].command == command)
			return (f->steps & silent[i].step) != 0;
	return command != 'E';
}

static void
put_answer(const struct filter *f, char command, struct gp_buf *out)
{
	if (command == 'O')
		put_negotiation(f, out);
	if (command == 'E' && f->edit != NULL)
		put(out, f->edit, f->n_edit);
	if (is_silent(f, command))
		return;
	if (command == f->event)
		put(out, f->answer, f->n);
	else
		put(out, "c", 1);
}

/* Serves one connection; milterload's own reader takes the packets apart. */
static void
serve(struct filter *f, struct ml_conn *c)
{
	struct ml_packet p;
	struct gp_buf out;

	gp_buf_init(&out, 65536);
	while (ml_conn_read(c, &p, NULL) == GP_OK) {
		note_packet(f, p.command, p.data);
		if (p.command == 'Q')
			break;
		gp_buf_reset(&out);
		put_answer(f, p.command, &out);
		if (out.n > 0 && send(c->fd, out.p, out.n, MSG_NOSIGNAL) < 0)
			break;
	}
	gp_buf_clear(&out);
}

static void *
filter_thread(void *arg)
{
	struct filter *f = arg;
	struct ml_conn c;

	for (;;) {
		ml_conn_init(&c, 0);
		c.fd = accept(f->listener, NULL, NULL);
		if (c.fd < 0)
			return NULL;
		serve(f, &c);
		ml_conn_close(&c);
	}
}

static void
filter_start(struct filter *f, const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	f->seen[0] = '\0';
	(void)snprintf(f->spec, sizeof f->spec, "unix:%s/%s", folder, name);
	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", f->spec + 5);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (const struct sockaddr *)&to,
			     sizeof to),
	    0);
	assert_int_equal(listen(f->listener, 8), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, filter_thread, f), 0);
}

static void
filter_stop(struct filter *f)
{
	(void)shutdown(f->listener, SHUT_RDWR);
	(void)pthread_join(f->thread, NULL);
	(void)close(f->listener);
	(void)unlink(f->spec + 5);
}

static void
parse_options(struct ml_options *o, const char *const *words)
{
	static char copies[24][160];
	char *argv[24] = { copies[0] };
	struct gp_err err = { .msg = "" };
	int argc = 1;

	for (; *words != NULL; words++, argc++) {
		(void)snprintf(copies[argc], sizeof copies[0], "%s", *words);
		argv[argc] = copies[argc];
	}
	optind = 0;
	if (ml_options_parse(argc, argv, o, &err) != GP_OK)
		fail_msg("%s", err.msg);
}

/* Plays messages to a filter, or to two in a row; the last one's result. */
static struct ml_result
play(struct filter *f, struct filter *second, unsigned messages,
    const char *option)
{
	struct ml_result result = { 0 };
	struct ml_session *s;
	struct ml_options o;
	struct ml_mails mails;
	const char *words[] = { "--socket", f->spec, option, NULL, NULL, NULL };

	filter_start(f, "first");
	if (second != NULL) {
		filter_start(second, "second");
		words[3] = "--socket";
		words[4] = second->spec;
	}
	parse_options(&o, words);
	ml_mails_init(&mails);
	assert_int_equal(ml_mails_load(&mails, mail_path, NULL), GP_OK);
	s = ml_session_new(&o, &mails, 0);
	for (unsigned i = 0; i < messages; i++)
		ml_session_play(s, i, &result);
	ml_session_free(s);
	ml_mails_clear(&mails);
	filter_stop(f);
	if (second != NULL)
		filter_stop(second);
	return result;
}

/* -- what is sent ------------------------------------------------------- */

static void
milterload_full_sends_what_postfix_sends(void **state)
{
	struct filter f = { .actions = ML_ADD_HEADER,
		.steps = SILENT | ML_LEADING_SPACE,
		.names = true };
	struct ml_result r = play(&f, NULL, 2, "--timeout=5s");

	(void)state;
	assert_true(r.as_expected);
	/* recorded from Postfix 3.7.11 */
	assert_string_equal(f.seen,
	    "O DC,j,{daemon_name},{daemon_addr},v,_ C DH H "
	    "DM,{mail_addr},{mail_host},{mail_mailer} M "
	    "DR,{rcpt_addr},{rcpt_host},{rcpt_mailer} R DT,i T "
	    "DL,i L:From= <user@s0.example> DL,i L:Subject= x\n\tfolded "
	    "DN,i N DB,i B DE,i E A "
	    "DM,{mail_addr},{mail_host},{mail_mailer} M "
	    "DR,{rcpt_addr},{rcpt_host},{rcpt_mailer} R DT,i T "
	    "DL,i L:From= <user@s0.example> DL,i L:Subject= x\n\tfolded "
	    "DN,i N DB,i B DE,i E A Q");
}

static void
milterload_declined_events_keep_macros_as_postfix(void **state)
{
	struct filter f = { .steps = SILENT | ML_NO_HELO | ML_NO_DATA |
		                     ML_NO_EOH | ML_NO_BODY };

	(void)state;
	assert_true(play(&f, NULL, 1, "--timeout=5s").as_expected);
	assert_string_equal(f.seen,
	    "O DC C DH DM M DR R DT DL L:From=<user@s0.example> "
	    "DL L:Subject=x\n\tfolded DE E A Q");
}

static void
milterload_lean_sends_macros_once(void **state)
{
	struct filter f = { .steps = SILENT | ML_LEADING_SPACE };

	(void)state;
	assert_true(play(&f, NULL, 1, "--lean").as_expected);
	assert_string_equal(f.seen,
	    "O DC C H DM M DR R DT T L:From= <user@s0.example> "
	    "L:Subject= x\n\tfolded DN N B DE E Q");
}

static void
milterload_macro_list_of_filter_is_honoured(void **state)
{
	struct filter f = { .actions = ML_SET_SYMBOLS,
		.steps = SILENT | ML_NO_HEADERS | ML_NO_BODY,
		.macros_at_eom = "j {daemon_name} nonsense",
		.names = true };

	(void)state;
	assert_true(play(&f, NULL, 1, "--lean").as_expected);
	assert_non_null(strstr(f.seen, "DN,i N DE,j,{daemon_name} E"));
}

static void
milterload_skip_ends_the_header_only(void **state)
{
	struct filter f = { .steps = (SILENT & ~(unsigned)ML_NR_HEADER) |
		                     ML_MAY_SKIP,
		.event = 'L',
		.answer = "s",
		.n = 1 };

	(void)state;
	assert_true(play(&f, NULL, 1, "--lean").as_expected);
	assert_string_equal(f.seen,
	    "O DC C H DM M DR R DT T L:From=<user@s0.example> DN N B DE E Q");
}

static void
milterload_recipients_get_the_queue_id_after_the_first(void **state)
{
	struct filter f = { .steps = SILENT | ML_NO_HEADERS | ML_NO_BODY,
		.names = true };

	(void)state;
	assert_true(play(&f, NULL, 1, "--recipients=2").as_expected);
	assert_non_null(strstr(f.seen,
	    "DR,{rcpt_addr},{rcpt_host},{rcpt_mailer} R "
	    "DR,i,{rcpt_addr},{rcpt_host},{rcpt_mailer} R DT,i T"));
}

static void
milterload_queue_id_by_template(void **state)
{
	static const struct {
		const char *option, *id;
	} rows[] = { { "--queue-id=4B{3}", "DE,i=4B2 E" },
		{ "--queue-id=4B{n}", "DE,i=4B5 E" },
		{ "--lean", "DE,i=40000000005 E" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct filter f = { .steps =
					SILENT | ML_NO_HEADERS | ML_NO_BODY,
			.names = true,
			.values = true };

		print_message("%s\n", rows[i].option);
		assert_true(play(&f, NULL, 6, rows[i].option).as_expected);
		assert_non_null(strstr(f.seen, rows[i].id));
	}
}

/* -- what becomes of answers -------------------------------------------- */

static void
milterload_refused_recipient_ends_the_message(void **state)
{
	static const char reply[] = "y550 5.7.23 SPF";
	struct filter f = { .steps = SILENT,
		.event = 'R',
		.answer = reply,
		.n = sizeof reply };
	struct ml_result r = play(&f, NULL, 1, "--expect=reject");

	(void)state;
	assert_int_equal(r.fate, ML_REJECTED);
	assert_true(r.as_expected);
	assert_string_equal(f.seen, "O DC C DH H DM M DR R A Q");
	r = play(&f, NULL, 1, "--expect=accept");
	assert_false(r.as_expected);
	assert_non_null(strstr(r.why, "reject 550 5.7.23 SPF"));
}

static void
milterload_fates_by_answer(void **state)
{
	static const struct {
		const char *answer, *edit;
		uint32_t actions;
		enum ml_fate fate;
	} rows[] = {
		{ "a", NULL, 0, ML_ACCEPTED },
		{ "c", NULL, 0, ML_ACCEPTED },
		{ "r", NULL, 0, ML_REJECTED },
		{ "t", NULL, 0, ML_TEMPFAILED },
		{ "d", NULL, 0, ML_DISCARDED },
		{ "c", "qwhy", ML_QUARANTINE, ML_HELD },
		{ "c", "qwhy", 0, ML_BROKEN },  /* not negotiated */
		{ "c", "hA\0b", 0, ML_BROKEN }, /* neither */
		{ "?", NULL, 0, ML_BROKEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct filter f = { .actions = rows[i].actions,
			.steps = SILENT,
			.event = 'E',
			.answer = rows[i].answer,
			.n = 1,
			.edit = rows[i].edit,
			.n_edit = 5 };
		struct ml_result r = play(&f, NULL, 1, "--timeout=5s");

		if (r.fate != rows[i].fate)
			print_error("row %zu (%s): %s\n", i, rows[i].answer,
			    r.why);
		assert_int_equal(r.fate, rows[i].fate);
	}
}

static void
milterload_filter_must_ask_for_what_is_offered(void **state)
{
	struct filter f = { .steps = 0x200000 };
	struct ml_result r = play(&f, NULL, 1, "--timeout=5s");

	(void)state;
	assert_int_equal(r.fate, ML_BROKEN);
	assert_non_null(strstr(r.why, "not offered"));
}

static void
milterload_chain_hands_edits_on(void **state)
{
	static const char insert[] = "i\0\0\0\0X-New\0 one";
	struct filter first = { .actions = ML_ADD_HEADER,
		.steps = SILENT | ML_LEADING_SPACE,
		.edit = insert,
		.n_edit = sizeof insert };
	struct filter second = { .steps = SILENT | ML_LEADING_SPACE };

	(void)state;
	assert_true(
	    play(&first, &second, 1, "--expect-header=x-new:on").as_expected);
	assert_null(strstr(first.seen, "X-New"));
	assert_non_null(strstr(second.seen,
	    "DL L:X-New= one DL L:From= <user@s0.example>"));
	assert_false(
	    play(&first, &second, 1, "--expect-header=x-new:two").as_expected);
}

/* -- arithmetic ---------------------------------------------------------- */

static void
milterload_ranks_are_exact(void **state)
{
	static const struct {
		unsigned per_mille, n;
		uint32_t rank;
	} rows[] = {
		{ 500, 1, 1 },
		{ 500, 2, 1 },
		{ 500, 3, 2 },
		{ 990, 100, 99 },
		{ 990, 101, 100 },
		{ 999, 1000, 999 },
		{ 1000, 1000, 1000 },
		{ 500, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ml_samples s = { 0 };

		for (unsigned k = rows[i].n; k > 0; k--)
			ml_samples_add(&s, (int64_t)k * 100);
		ml_samples_sort(&s);
		assert_int_equal(ml_samples_rank(&s, rows[i].per_mille),
		    rows[i].rank);
		ml_samples_clear(&s);
	}
	assert_int_equal(ml_ratio(10, 1, 4), 3);
	assert_int_equal(ml_ratio(1, 1, 0), 0);
	assert_int_equal(ml_ratio(INT64_MAX, 10, 1), INT64_MAX);
}

static void
milterload_templates_expand(void **state)
{
	static const struct {
		const char *template, *text;
	} rows[] = {
		{ "user@s{10}.example", "user@s3.example" },
		{ "{n}-{s}-{r}", "123-7-2" },
		{ "{0}{x}{", "{0}{x}{" },
		{ "{10", "{10" },
		{ "", "" },
	};
	const struct ml_numbers numbers = { .message = 123,
		.session = 7,
		.recipient = 2 };
	char text[ML_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ml_expand(rows[i].template, &numbers, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
milterload_header_edits(void **state)
{
	struct ml_header h;
	struct ml_field fields[] = { { "A", "1" }, { "B", "2" }, { "a", "3" } };
	const struct ml_mail mail = { .n = 3, .field = fields };

	(void)state;
	ml_header_init(&h);
	ml_header_start(&h, &mail);
	ml_header_change(&h, 2, "A", "");
	assert_int_equal(h.n, 2);
	ml_header_change(&h, 0, "b", "new");
	assert_string_equal(h.v[1].value, "new");
	ml_header_change(&h, 9, "C", "end");
	assert_string_equal(h.v[2].name, "C");
	ml_header_insert(&h, 0, "Top", "x");
	ml_header_insert(&h, 99, "Last", "y");
	assert_int_equal(h.n, 5);
	assert_string_equal(h.v[0].name, "Top");
	assert_string_equal(h.v[4].name, "Last");
	ml_header_clear(&h);
}

static void
milterload_only_loopback_is_talked_to(void **state)
{
	(void)state;
	assert_int_equal(ml_spec_valid("inet:25@127.0.0.1", NULL), GP_OK);
	assert_int_equal(ml_spec_valid("unix:/run/x", NULL), GP_OK);
	assert_int_equal(ml_spec_valid("inet:25@192.0.2.1", NULL), GP_PERM);
	assert_int_equal(ml_spec_valid("inet:99999@127.0.0.1", NULL), GP_PERM);
	assert_int_equal(ml_spec_valid("tcp:25", NULL), GP_PERM);
}

static int
group_setup(void **state)
{
	static const char mail[] =
	    "From: <user@s0.example>\nSubject: x\n\tfolded\n\nbody\n";
	FILE *f;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(mail_path, sizeof mail_path, "%s/m.eml", folder);
	f = fopen(mail_path, "we");
	if (f == NULL)
		return -1;
	(void)fputs(mail, f);
	return fclose(f);
}

static int
group_teardown(void **state)
{
	(void)state;
	(void)unlink(mail_path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milterload_full_sends_what_postfix_sends),
		cmocka_unit_test(
		    milterload_declined_events_keep_macros_as_postfix),
		cmocka_unit_test(milterload_lean_sends_macros_once),
		cmocka_unit_test(milterload_macro_list_of_filter_is_honoured),
		cmocka_unit_test(milterload_skip_ends_the_header_only),
		cmocka_unit_test(
		    milterload_recipients_get_the_queue_id_after_the_first),
		cmocka_unit_test(milterload_refused_recipient_ends_the_message),
		cmocka_unit_test(milterload_fates_by_answer),
		cmocka_unit_test(
		    milterload_filter_must_ask_for_what_is_offered),
		cmocka_unit_test(milterload_chain_hands_edits_on),
		cmocka_unit_test(milterload_ranks_are_exact),
		cmocka_unit_test(milterload_queue_id_by_template),
		cmocka_unit_test(milterload_templates_expand),
		cmocka_unit_test(milterload_header_edits),
		cmocka_unit_test(milterload_only_loopback_is_talked_to),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
