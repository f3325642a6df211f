/*
 * noop - a filter that does as little as libmilter allows: the floor.
 *
 * It sees every event of a message and adds one field, and answers only the
 * end of the message.  Words after the socket: `chatty` answers each event,
 * `rcpt` each recipient, as a filter must that may refuse one; `nobody`
 * declines the body.
 */
#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define SILENT                                                                 \
	(SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT |       \
	    SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY)

static bool chatty, nobody, rcpt;

static sfsistat
go_on(void)
{
	return chatty ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long f2, unsigned long f3, unsigned long *my_actions,
    unsigned long *my_steps, unsigned long *my_f2, unsigned long *my_f3)
{
	unsigned long wish = SMFIP_NOUNKNOWN | SMFIP_HDR_LEADSPC;

	(void)ctx;
	(void)f2;
	(void)f3;
	if (!chatty)
		wish |= SILENT;
	if (rcpt)
		wish &= ~(unsigned long)SMFIP_NR_RCPT;
	if (nobody)
		wish |= SMFIP_NOBODY;
	*my_actions = actions & SMFIF_ADDHDRS;
	*my_steps = steps & wish;
	*my_f2 = *my_f3 = 0;
	return SMFIS_CONTINUE;
}

/* The types are those of libmilter.
 * NOLINTBEGIN(readability-non-const-parameter) */
static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	(void)ctx;
	(void)host;
	(void)address;
	return go_on();
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return go_on();
}

static sfsistat
on_path(SMFICTX *ctx, char **arguments)
{
	(void)ctx;
	(void)arguments;
	return go_on();
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **arguments)
{
	(void)ctx;
	(void)arguments;
	return chatty || rcpt ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return go_on();
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	(void)n;
	return go_on();
}

/* NOLINTEND(readability-non-const-parameter) */

static sfsistat
on_mark(SMFICTX *ctx)
{
	(void)ctx;
	return go_on();
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	static char name[] = "X-Noop", value[] = " done";

	(void)smfi_addheader(ctx, name, value);
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "noop";
	struct smfiDesc filter = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_path,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_data = on_mark,
		.xxfi_header = on_header,
		.xxfi_eoh = on_mark,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_negotiate = on_negotiate,
	};

	for (int i = 2; i < argc; i++) {
		chatty = chatty || strcmp(argv[i], "chatty") == 0;
		rcpt = rcpt || strcmp(argv[i], "rcpt") == 0;
		nobody = nobody || strcmp(argv[i], "nobody") == 0;
	}
	if (argc < 2 || smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_setbacklog(1024) != MI_SUCCESS ||
	    smfi_register(filter) != MI_SUCCESS) {
		(void)fputs("usage: noop SOCKET [chatty | rcpt] [nobody]\n",
		    stderr);
		return EX_USAGE;
	}
	return smfi_main() == MI_SUCCESS ? 0 : EX_UNAVAILABLE;
}
