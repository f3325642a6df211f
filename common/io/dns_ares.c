/* See dns_line.h. */
#include "base/buf.h"
#include "base/ip.h"
#include "base/xalloc.h"
#include "core/limits.h"
#include "io/dns_line.h"

#include <ares.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_IN          1
#define EDNS_BYTES        1232 /* DNS flag day 2020: fits without fragments */
#define CHANNEL_QUESTIONS 256  /* before a new channel */
#define DNS_PORT          53
#define TC_BYTE           2 /* of the header (RFC 1035 4.1.1) */
#define TC_BIT            0x02
#define ESCAPED_MAX       (2U * GP_DOMAIN_TEXT)

struct channel {
	struct channel *next;
	ares_channel ares;
	unsigned asked;
	unsigned open;
};

struct gp_dns_line {
	struct gp_dns_line_owner *owner;
	const char *server;
	int timeout_ms;
	struct channel *channels;
	struct channel *udp; /* the one that takes new questions */
	bool closing;
};

struct query {
	struct gp_dns_line *line;
	struct channel *channel;
	void *question;
	bool tcp;
	int type;
	char name[ESCAPED_MAX];
};

/* -- the library and the system ------------------------------------------ */

/* The library counts its users, but not safely: a reload may open a resolver
 * while the last session of the old one closes that. */
static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

enum gp_rc
gp_dns_line_setup(struct gp_err *err)
{
	int status;

	pthread_mutex_lock(&library_lock);
	status = ares_library_init(ARES_LIB_INIT_ALL);
	pthread_mutex_unlock(&library_lock);
	if (status != ARES_SUCCESS)
		return gp_fail(err, GP_TEMP, "dns: c-ares: %s",
		    ares_strerror(status));
	return GP_OK;
}

void
gp_dns_line_cleanup(void)
{
	pthread_mutex_lock(&library_lock);
	ares_library_cleanup();
	pthread_mutex_unlock(&library_lock);
}

static void
server_format(const struct ares_addr_port_node *node,
    char out[GP_DNS_SERVER_TEXT])
{
	const struct gp_ip ip = gp_ip_from_bytes((const uint8_t *)&node->addr,
	    node->family == AF_INET ? 4 : 16);
	const int port = node->udp_port == 0 ? DNS_PORT : node->udp_port;
	char text[GP_IP_TEXT];

	(void)snprintf(out, GP_DNS_SERVER_TEXT,
	    ip.family == GP_IP_V4 ? "%s:%d" : "[%s]:%d",
	    gp_ip_format(&ip, text), port);
}

enum gp_rc
gp_dns_line_system(char servers[GP_DNS_SERVERS_MAX][GP_DNS_SERVER_TEXT],
    size_t *n, struct gp_err *err)
{
	struct ares_options options = { .flags = ARES_FLAG_NOSEARCH };
	struct ares_addr_port_node *list = NULL;
	ares_channel channel;
	int status;

	*n = 0;
	status = ares_init_options(&channel, &options, ARES_OPT_FLAGS);
	if (status != ARES_SUCCESS)
		return gp_fail(err, GP_PERM,
		    "dns: the system's resolver configuration: %s",
		    ares_strerror(status));
	(void)ares_get_servers_ports(channel, &list);
	for (const struct ares_addr_port_node *node = list;
	     node != NULL && *n < GP_DNS_SERVERS_MAX; node = node->next)
		server_format(node, servers[(*n)++]);
	ares_free_data(list);
	ares_destroy(channel);
	if (*n == 0)
		return gp_fail(err, GP_PERM,
		    "dns: the system has no DNS server configured");
	return GP_OK;
}

/* -- channels ------------------------------------------------------------ */

/* One server, one try, every answer passed on: who is asked next is decided
 * above.  Nothing is taken from the system's configuration. */
static int
channel_init(const struct gp_dns_line *l, bool tcp, ares_channel *out)
{
	char lookups[] = "b";
	char nowhere[] = "/dev/null";
	struct ares_options options = {
		.flags =
		    ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
		    ARES_FLAG_NOCHECKRESP |
		    (tcp ? ARES_FLAG_USEVC : ARES_FLAG_IGNTC | ARES_FLAG_EDNS),
		.timeout = l->timeout_ms,
		.tries = 1,
		.lookups = lookups,
		.ednspsz = EDNS_BYTES,
		.resolvconf_path = nowhere,
	};
	int status;

	status = ares_init_options(out, &options,
	    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_EDNSPSZ |
		ARES_OPT_RESOLVCONF);
	if (status != ARES_SUCCESS)
		return status;
	status = ares_set_servers_ports_csv(*out, l->server);
	if (status != ARES_SUCCESS)
		ares_destroy(*out);
	return status;
}

/* NULL when the library can not; *status says why. */
static struct channel *
channel_new(struct gp_dns_line *l, bool tcp, int *status)
{
	struct channel *c = gp_xcalloc(1, sizeof(*c));

	*status = channel_init(l, tcp, &c->ares);
	if (*status != ARES_SUCCESS) {
		free(c);
		return NULL;
	}
	c->next = l->channels;
	l->channels = c;
	return c;
}

/* Those that take no new questions and have none under way. */
static void
channels_sweep(struct gp_dns_line *l)
{
	struct channel **at = &l->channels;

	while (*at != NULL) {
		struct channel *c = *at;

		if (c == l->udp || c->open != 0) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		ares_destroy(c->ares);
		free(c);
	}
}

enum gp_rc
gp_dns_line_new(const char *server, int timeout_ms,
    struct gp_dns_line_owner *owner, struct gp_dns_line **out,
    struct gp_err *err)
{
	struct gp_dns_line *l = gp_xcalloc(1, sizeof(*l));
	int status;

	l->owner = owner;
	l->server = server;
	l->timeout_ms = timeout_ms;
	l->udp = channel_new(l, false, &status);
	if (l->udp == NULL) {
		free(l);
		return gp_fail(err, GP_PERM, "dns: server %s: %s", server,
		    ares_strerror(status));
	}
	*out = l;
	return GP_OK;
}

void
gp_dns_line_free(struct gp_dns_line *l)
{
	if (l == NULL)
		return;
	l->closing = true;
	while (l->channels != NULL) {
		struct channel *c = l->channels;

		/* the last ones are told within */
		ares_destroy(c->ares);
		l->channels = c->next;
		free(c);
	}
	free(l);
}

/* -- questions ----------------------------------------------------------- */

static enum gp_dns_line_event
event_of(int status)
{
	switch (status) {
	case ARES_ETIMEOUT:
		return GP_DNS_LINE_SILENCE;
	case ARES_ENOTFOUND:
		return GP_DNS_LINE_NO_NAME;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return GP_DNS_LINE_CLOSED;
	default:
		return GP_DNS_LINE_UNREACHABLE;
	}
}

static void query_send(struct query *q, struct channel *c);

/* The answer was cut off.  Each such question gets a connection of its own,
 * so that one that breaks takes no other question with it. */
static bool
query_by_tcp(struct query *q)
{
	struct channel *c;
	int status;

	if (q->line->closing)
		return false;
	c = channel_new(q->line, true, &status);
	if (c == NULL)
		return false;
	q->tcp = true;
	query_send(q, c);
	return true;
}

/* A connection that breaks says nothing about the server. */
static void
query_tell(const struct query *q, int status, const uint8_t *msg, int n)
{
	struct gp_dns_line_owner *owner = q->line->owner;
	enum gp_dns_line_event event = event_of(status);

	if (msg != NULL && n > 0)
		event = GP_DNS_LINE_ANSWER;
	else if (event == GP_DNS_LINE_UNREACHABLE && q->tcp)
		event = GP_DNS_LINE_SILENCE;
	owner->told(owner, q->question, event, msg, n > 0 ? (size_t)n : 0);
}

static void
on_reply(void *arg, int status, int timeouts, unsigned char *msg, int n)
{
	struct query *q = arg;
	const bool cut_off =
	    msg != NULL && n > TC_BYTE && (msg[TC_BYTE] & TC_BIT) != 0;

	(void)timeouts;
	q->channel->open--;
	if (cut_off && !q->tcp && query_by_tcp(q))
		return;
	query_tell(q, status, msg, n);
	free(q);
}

static void
query_send(struct query *q, struct channel *c)
{
	q->channel = c;
	c->asked++;
	c->open++;
	/* may call on_reply before it returns */
	ares_query(c->ares, q->name, CLASS_IN, q->type, on_reply, q);
}

/* The library reads a backslash as the start of an escape. */
static void
name_escape(const char *name, char out[ESCAPED_MAX])
{
	size_t n = 0;

	for (; *name != '\0' && n < ESCAPED_MAX - 2; name++) {
		if (*name == '\\')
			out[n++] = '\\';
		out[n++] = *name;
	}
	if (n == 0)
		out[n++] = '.';
	out[n] = '\0';
}

void
gp_dns_line_ask(struct gp_dns_line *l, const char *name, int type,
    void *question)
{
	struct query *q = gp_xcalloc(1, sizeof(*q));

	if (l->udp->asked >= CHANNEL_QUESTIONS) {
		int status;
		struct channel *c = channel_new(l, false, &status);

		/* without a new one the old one goes on */
		if (c != NULL)
			l->udp = c;
	}
	q->line = l;
	q->question = question;
	q->type = type;
	name_escape(name, q->name);
	query_send(q, l->udp);
}

/* -- waiting ------------------------------------------------------------- */

static short
socket_events(int mask, int i)
{
	const int in = ARES_GETSOCK_READABLE(mask, i) ? POLLIN : 0;
	const int out = ARES_GETSOCK_WRITABLE(mask, i) ? POLLOUT : 0;

	return (short)(in | out);
}

size_t
gp_dns_line_poll(const struct gp_dns_line *l, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	for (const struct channel *c = l->channels; c != NULL; c = c->next) {
		ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
		const int mask =
		    ares_getsock(c->ares, sockets, ARES_GETSOCK_MAXNUM);

		for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
			const short events = socket_events(mask, i);

			if (events == 0)
				break;
			if (n < max)
				fds[n] = (struct pollfd){ .fd = sockets[i],
					.events = events };
			n++;
		}
	}
	return n;
}

/* A channel ignores a socket that is not its own, so each is told of all;
 * they are few. */
static void
channel_run(const struct channel *c, const struct pollfd *fds, size_t n)
{
	const short in = POLLIN | POLLERR | POLLHUP;

	for (size_t i = 0; i < n; i++) {
		if (fds[i].revents == 0)
			continue;
		ares_process_fd(c->ares,
		    (fds[i].revents & in) != 0 ? fds[i].fd : ARES_SOCKET_BAD,
		    (fds[i].revents & POLLOUT) != 0 ? fds[i].fd
						    : ARES_SOCKET_BAD);
	}
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void
gp_dns_line_run(struct gp_dns_line *l, const struct pollfd *fds, size_t n)
{
	for (const struct channel *c = l->channels; c != NULL; c = c->next)
		if (c->open != 0)
			channel_run(c, fds, n);
	channels_sweep(l);
}

bool
gp_dns_line_busy(const struct gp_dns_line *l)
{
	for (const struct channel *c = l->channels; c != NULL; c = c->next)
		if (c->open != 0)
			return true;
	return false;
}
