/* See lmdb_check.h. */
#include "io/lmdb_check.h"

#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC        0xbeefc0deU
#define DATA_VERSION 1

#define PAGE_BRANCH   0x01
#define PAGE_LEAF     0x02
#define PAGE_OVERFLOW 0x04
#define PAGE_META     0x08

#define NODE_BIG 0x01 /* the value is in overflow pages */

#define DB_FIXED_MAP   0x01 /* of the environment, kept in the free list's */
#define DB_DUPLICATES  0x04
#define DB_INTEGER_KEY 0x08

#define NO_ROOT     SIZE_MAX
#define DEPTH_MAX   32
#define PAGE_MIN    512
#define PAGE_MAX    65536
#define FIRST_PAGE  2     /* behind the meta pages */
#define UNWRITTEN   65536 /* pages behind the file's end that may be free */
#define TXN_MAX     (SIZE_MAX / 2)
#define NODE_HEAD   8U
#define KEY_MAX     511
#define POINTER_MAX (PAGE_MAX / 2)

enum { FREE_DB, MAIN_DB };

struct page_head {
	size_t number;
	uint16_t pad, flags;
	uint16_t lower, upper; /* overflow: 32 bits, how many pages */
};

struct db {
	uint32_t pad;
	uint16_t flags, depth;
	size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
	uint32_t magic, version;
	size_t address, map_bytes;
	struct db db[2];
	size_t last_page, txn;
};

struct node {
	uint16_t low, high, flags, key_bytes;
};

_Static_assert(sizeof(struct node) == NODE_HEAD, "as in the file");
_Static_assert(sizeof(struct page_head) == sizeof(size_t) + 8, "likewise");

struct todo {
	size_t number;
	unsigned level;
};

struct check {
	int fd;
	size_t key_bytes;
	size_t page_bytes, file_pages, n_pages, txn;
	uint8_t *seen; /* a bit for each of n_pages */
	uint8_t *page;
	bool taken[POINTER_MAX]; /* two octets each of the page */
	struct todo *todo;
	size_t n_todo, todo_room;
	int which; /* FREE_DB, MAIN_DB */
	struct db want, got;
	const char *wrong; /* what was found; NULL: nothing */
	int error;         /* errno of a read that failed */
};

static bool
wrong(struct check *c, const char *what)
{
	c->wrong = what;
	return false;
}

static bool
read_at(struct check *c, void *to, size_t n, size_t offset)
{
	ssize_t got;

	do
		got = pread(c->fd, to, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		c->error = errno;
	return got == (ssize_t)n || wrong(c, "a page is cut off");
}

/* -- whose page is it? ---------------------------------------------------- */

static bool
claim(struct check *c, size_t number)
{
	uint8_t bit = (uint8_t)(1 << number % 8);

	if (number < FIRST_PAGE || number >= c->n_pages)
		return wrong(c, "a page number is out of range");
	if ((c->seen[number / 8] & bit) != 0)
		return wrong(c, "a page belongs to two places");
	c->seen[number / 8] |= bit;
	return true;
}

static void
later(struct check *c, size_t number, unsigned level)
{
	if (c->n_todo == c->todo_room) {
		c->todo_room = c->todo_room == 0 ? 64 : c->todo_room * 2;
		c->todo = gp_xrealloc(c->todo, c->todo_room, sizeof(*c->todo));
	}
	c->todo[c->n_todo++] = (struct todo){ number, level };
}

/* -- values --------------------------------------------------------------- */

/* A free list: how many, and that many page numbers, the highest first. */
static bool
check_free(struct check *c, const uint8_t *value, size_t n)
{
	size_t count, number, before = SIZE_MAX;

	if (n < sizeof(count))
		return wrong(c, "a free list is cut off");
	memcpy(&count, value, sizeof(count));
	if (count > n / sizeof(count) - 1)
		return wrong(c, "a free list is longer than its value");
	for (size_t i = 1; i <= count; i++) {
		memcpy(&number, value + i * sizeof(number), sizeof(number));
		if (number >= before)
			return wrong(c, "a free list is not in order");
		if (!claim(c, number))
			return false;
		before = number;
	}
	return true;
}

static bool
check_big_free(struct check *c, size_t first, size_t n)
{
	uint8_t *value = gp_xcalloc(n, 1);
	bool good = read_at(c, value, n,
			first * c->page_bytes + sizeof(struct page_head)) &&
	            check_free(c, value, n);

	free(value);
	return good;
}

static bool
check_overflow(struct check *c, const uint8_t *at, size_t n)
{
	const size_t need =
	    (sizeof(struct page_head) - 1 + n) / c->page_bytes + 1;
	struct page_head head;
	size_t first;
	uint32_t pages;

	memcpy(&first, at, sizeof(first));
	if (first >= c->file_pages)
		return wrong(c, "a page number is out of range");
	if (!read_at(c, &head, sizeof(head), first * c->page_bytes))
		return false;
	memcpy(&pages, &head.lower, sizeof(pages));
	if (head.number != first || head.flags != PAGE_OVERFLOW ||
	    pages < need || pages > c->file_pages - first)
		return wrong(c, "an overflow page is none");
	for (size_t i = 0; i < pages; i++)
		if (!claim(c, first + i))
			return false;
	c->got.overflow_pages += pages;
	return c->which == MAIN_DB || check_big_free(c, first, n);
}

/* -- nodes ---------------------------------------------------------------- */

/* Nodes neither overlap nor leave gaps: LMDB moves them by their sizes. */
static bool
take(struct check *c, size_t from, size_t n)
{
	for (size_t i = from / 2; i < (from + n) / 2; i++) {
		if (c->taken[i])
			return wrong(c, "nodes overlap");
		c->taken[i] = true;
	}
	return true;
}

static size_t
key_bytes_of(const struct check *c, const struct node *node)
{
	if (c->which == FREE_DB)
		return sizeof(size_t);
	return c->key_bytes != 0 ? c->key_bytes : node->key_bytes;
}

static bool
check_leaf_node(struct check *c, const struct node *node, size_t offset,
    size_t *bytes)
{
	const size_t key_bytes = key_bytes_of(c, node);
	const size_t n = (size_t)node->low | (size_t)node->high << 16;
	const uint8_t *value = c->page + offset + NODE_HEAD + key_bytes;
	const size_t room = c->page_bytes - offset;
	const size_t held = node->flags == NODE_BIG ? sizeof(size_t) : n;
	size_t txn;

	if (node->key_bytes != key_bytes || node->flags > NODE_BIG ||
	    key_bytes == 0 || key_bytes > KEY_MAX)
		return wrong(c, "a node is not one of ours");
	*bytes = NODE_HEAD + key_bytes + held;
	if (*bytes > room)
		return wrong(c, "a node is longer than its page");
	if (node->flags == NODE_BIG)
		return check_overflow(c, value, n);
	if (c->which == MAIN_DB)
		return true;
	memcpy(&txn, value - key_bytes, sizeof(txn));
	if (txn > c->txn)
		return wrong(c, "a free list is of the future");
	return check_free(c, value, n);
}

static bool
check_branch_node(struct check *c, const struct node *node, size_t offset,
    unsigned level, size_t *bytes)
{
	size_t child = (size_t)node->low | (size_t)node->high << 16;

	if (sizeof(child) > 4)
		child |= (size_t)node->flags << 32;
	*bytes = NODE_HEAD + node->key_bytes;
	if (*bytes > c->page_bytes - offset)
		return wrong(c, "a node is longer than its page");
	if (!claim(c, child))
		return false;
	later(c, child, level + 1);
	return true;
}

/* -- pages ---------------------------------------------------------------- */

static size_t
node_offset(const struct check *c, size_t i)
{
	uint16_t offset;

	memcpy(&offset, c->page + sizeof(struct page_head) + i * sizeof(offset),
	    sizeof(offset));
	return offset;
}

static int
compare(const struct check *c, const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t x, y;

	if (c->which == MAIN_DB || n != sizeof(x))
		return memcmp(a, b, n);
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* The nodes are known to be inside of the page. */
static bool
check_order(struct check *c, size_t n, size_t first)
{
	for (size_t i = first + 1; i < n; i++) {
		const uint8_t *a = c->page + node_offset(c, i - 1);
		const uint8_t *b = c->page + node_offset(c, i);
		struct node x, y;
		int order;

		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		order = compare(c, a + NODE_HEAD, b + NODE_HEAD,
		    x.key_bytes < y.key_bytes ? x.key_bytes : y.key_bytes);
		if (order > 0 || (order == 0 && x.key_bytes >= y.key_bytes))
			return wrong(c, "keys are not in order");
	}
	return true;
}

static bool
check_nodes(struct check *c, const struct page_head *head, unsigned level)
{
	const size_t n = (head->lower - sizeof(*head)) / 2;
	const bool leaf = head->flags == PAGE_LEAF;
	size_t sum = 0;

	memset(c->taken, 0, sizeof(c->taken));
	for (size_t i = 0; i < n; i++) {
		size_t offset = node_offset(c, i), bytes = 0;
		struct node node;

		if (offset < head->upper || offset % 2 != 0 ||
		    offset + NODE_HEAD > c->page_bytes)
			return wrong(c, "a node is outside of its page");
		memcpy(&node, c->page + offset, sizeof(node));
		if (!(leaf ? check_leaf_node(c, &node, offset, &bytes)
			   : check_branch_node(c, &node, offset, level,
				 &bytes)))
			return false;
		bytes += bytes % 2;
		if (!take(c, offset, bytes))
			return false;
		sum += bytes;
	}
	if (sum != c->page_bytes - head->upper)
		return wrong(c, "there is something between nodes");
	return check_order(c, n, leaf ? 0 : 1);
}

/* LMDB aborts the process at a branch with one child, but for the free list. */
static bool
check_page(struct check *c, struct todo at)
{
	const bool leaf = at.level + 1 == c->want.depth;
	const size_t least = leaf || c->which == FREE_DB ? 1 : 2;
	struct page_head head;

	if (at.number >= c->file_pages)
		return wrong(c, "a page number is out of range");
	if (!read_at(c, c->page, c->page_bytes, at.number * c->page_bytes))
		return false;
	memcpy(&head, c->page, sizeof(head));
	if (head.number != at.number ||
	    head.flags != (leaf ? PAGE_LEAF : PAGE_BRANCH))
		return wrong(c, "a page is not what it should be");
	if (head.lower % 2 != 0 || head.lower > head.upper ||
	    head.lower < sizeof(head) + 2 * least || head.upper > c->page_bytes)
		return wrong(c, "the bounds of a page are wrong");
	if (!check_nodes(c, &head, at.level))
		return false;
	if (leaf) {
		c->got.leaf_pages++;
		c->got.entries += (head.lower - sizeof(head)) / 2;
	} else {
		c->got.branch_pages++;
	}
	return true;
}

static bool
check_db(struct check *c, int which, const struct db *db)
{
	c->which = which;
	c->want = *db;
	c->got = (struct db){ 0 };
	if (db->depth > DEPTH_MAX || (db->depth == 0) != (db->root == NO_ROOT))
		return wrong(c, "the depth of a tree is wrong");
	if (db->root != NO_ROOT) {
		if (!claim(c, db->root))
			return false;
		later(c, db->root, 0);
	}
	while (c->n_todo > 0)
		if (!check_page(c, c->todo[--c->n_todo]))
			return false;
	return (c->got.branch_pages == db->branch_pages &&
		   c->got.leaf_pages == db->leaf_pages &&
		   c->got.overflow_pages == db->overflow_pages &&
		   c->got.entries == db->entries) ||
	       wrong(c, "the counts of a tree are wrong");
}

/* -- the file ------------------------------------------------------------- */

static bool
read_meta(struct check *c, size_t offset, struct meta *meta)
{
	struct page_head head;

	if (!read_at(c, &head, sizeof(head), offset) ||
	    !read_at(c, meta, sizeof(*meta), offset + sizeof(head)))
		return false;
	if ((head.flags & PAGE_META) == 0 || meta->magic != MAGIC ||
	    meta->version != DATA_VERSION)
		return wrong(c, "a meta page is none");
	return true;
}

static bool
check_meta(struct check *c, const struct meta *meta)
{
	const unsigned refused = DB_FIXED_MAP | DB_DUPLICATES;

	if ((meta->db[FREE_DB].flags & refused) != 0 ||
	    (meta->db[FREE_DB].flags & DB_INTEGER_KEY) == 0 ||
	    meta->db[MAIN_DB].flags != 0 || meta->txn > TXN_MAX)
		return wrong(c, "a meta page is not one of ours");
	if (meta->last_page < FIRST_PAGE - 1 ||
	    meta->last_page >= c->file_pages + UNWRITTEN)
		return wrong(c, "the last page is out of range");
	return true;
}

static bool
check_file(struct check *c, size_t file_bytes)
{
	struct meta meta[2];
	const struct meta *newer;

	if (!read_meta(c, 0, &meta[0]))
		return false;
	c->page_bytes = meta[0].db[FREE_DB].pad;
	if (c->page_bytes < PAGE_MIN || c->page_bytes > PAGE_MAX ||
	    (c->page_bytes & (c->page_bytes - 1)) != 0)
		return wrong(c, "the size of pages is wrong");
	c->file_pages = file_bytes / c->page_bytes;
	if (!read_meta(c, c->page_bytes, &meta[1]))
		return false;
	if (meta[1].db[FREE_DB].pad != meta[0].db[FREE_DB].pad)
		return wrong(c, "the meta pages differ");
	newer = &meta[meta[0].txn < meta[1].txn];
	if (!check_meta(c, newer))
		return false;
	c->txn = newer->txn;
	c->n_pages = newer->last_page + 1;
	c->seen = gp_xcalloc(c->n_pages / 8 + 1, 1);
	c->page = gp_xcalloc(c->page_bytes, 1);
	return check_db(c, FREE_DB, &newer->db[FREE_DB]) &&
	       check_db(c, MAIN_DB, &newer->db[MAIN_DB]);
}

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, int error)
{
	char text[128];

	return gp_fail(err, GP_TEMP, "%s: can not be read: %s", path,
	    strerror_r(error, text, sizeof(text)));
}

enum gp_rc
gp_lmdb_check(const char *path, size_t key_bytes, struct gp_err *err)
{
	struct check *c = gp_xcalloc(1, sizeof(*c));
	enum gp_rc rc = GP_OK;
	struct stat st;

	c->key_bytes = key_bytes;
	c->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (c->fd < 0 && errno == ENOENT)
		goto out;
	if (c->fd < 0 || fstat(c->fd, &st) != 0) {
		rc = fail_errno(err, path, errno);
		goto out;
	}
	if (!S_ISREG(st.st_mode))
		rc = gp_fail(err, GP_PERM, "%s: not a regular file", path);
	else if (st.st_size > 0 && !check_file(c, (size_t)st.st_size))
		rc = c->error != 0
		         ? fail_errno(err, path, c->error)
		         : gp_fail(err, GP_PERM, "%s: %s", path, c->wrong);
out:
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->seen);
	free(c->page);
	free(c->todo);
	free(c);
	return rc;
}
