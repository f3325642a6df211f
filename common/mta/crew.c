/* See crew.h. */
#include "mta/crew.h"

#include "base/xalloc.h"

#include <stdlib.h>

struct job {
	void *(*run)(void *);
	void *arg;
	struct job *next;
};

struct gp_crew {
	struct gp_crew_options options;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	size_t threads;   /* all of them */
	size_t ready;     /* of these, without a job */
	struct job *jobs; /* that nobody has taken, in order */
	struct job **last;
	size_t waiting; /* how many these are */
	bool ending;
};

/* Threads last longer than any call here. */
static _Thread_local bool is_member;

static struct job *
take(struct gp_crew *c)
{
	struct job *job = c->jobs;

	c->jobs = job->next;
	if (c->jobs == NULL)
		c->last = &c->jobs;
	c->waiting--;
	c->ready--;
	return job;
}

/* More than twice the reserve have nothing to do. */
static bool
is_superfluous(const struct gp_crew *c)
{
	return c->ready > c->waiting + 2 * c->options.reserve;
}

static void *
serve(void *arg)
{
	struct gp_crew *c = arg;

	is_member = true;
	(void)pthread_mutex_lock(&c->lock);
	while (!c->ending && !is_superfluous(c)) {
		struct job *job;

		if (c->jobs == NULL) {
			(void)pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		job = take(c);
		(void)pthread_mutex_unlock(&c->lock);
		(void)job->run(job->arg);
		free(job);
		(void)pthread_mutex_lock(&c->lock);
		c->ready++;
	}
	c->ready--;
	c->threads--;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* With the lock held: threads for all jobs, and the reserve. */
static void
fill_up(struct gp_crew *c)
{
	pthread_t thread;
	struct gp_err err;

	while (c->ready < c->waiting + c->options.reserve &&
	       c->threads < c->options.max) {
		if (c->options.start(&thread, serve, c, &err) != GP_OK)
			return;
		(void)pthread_detach(thread);
		c->threads++;
		c->ready++;
	}
}

enum gp_rc
gp_crew_new(const struct gp_crew_options *options, struct gp_crew **out,
    struct gp_err *err)
{
	struct gp_crew *c = gp_xcalloc(1, sizeof(*c));

	c->options = *options;
	c->last = &c->jobs;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->changed, NULL);
	gp_crew_mend(c);
	*out = c;
	if (gp_crew_is_whole(c))
		return GP_OK;
	gp_crew_free(c);
	*out = NULL;
	return gp_fail(err, GP_TEMP,
	    "the system has no %zu threads to begin with (TasksMax=, "
	    "ulimit -u)",
	    options->reserve);
}

void
gp_crew_run(struct gp_crew *c, void *(*run)(void *), void *arg)
{
	struct job *job = gp_xcalloc(1, sizeof(*job));

	job->run = run;
	job->arg = arg;
	(void)pthread_mutex_lock(&c->lock);
	*c->last = job;
	c->last = &job->next;
	c->waiting++;
	fill_up(c);
	(void)pthread_cond_signal(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
}

void
gp_crew_mend(struct gp_crew *c)
{
	(void)pthread_mutex_lock(&c->lock);
	fill_up(c);
	(void)pthread_mutex_unlock(&c->lock);
}

/* Are so many ready besides those that have a job waiting for them? */
static bool
has_ready(struct gp_crew *c, size_t n)
{
	bool yes;

	(void)pthread_mutex_lock(&c->lock);
	yes = c->ready >= c->waiting + n;
	(void)pthread_mutex_unlock(&c->lock);
	return yes;
}

bool
gp_crew_is_short(struct gp_crew *c)
{
	return !has_ready(c, (c->options.reserve + 1) / 2);
}

bool
gp_crew_is_whole(struct gp_crew *c)
{
	return has_ready(c, c->options.reserve);
}

bool
gp_crew_member(void)
{
	return is_member;
}

/* -- who waits for work ------------------------------------------------ */

/* It has looked for what lies there, and found nothing. */
void
gp_crew_wait_begin(struct gp_crew_calls *c)
{
	c->waiting++;
	atomic_store(&c->unheard, 0);
}

/* Whether it was called or has waited for too long does not matter: another
 * one hears the call then. */
void
gp_crew_wait_end(struct gp_crew_calls *c)
{
	c->waiting--;
	if (c->called > 0)
		c->called--;
}

void
gp_crew_call(struct gp_crew_calls *c, int64_t (*now_us)(void))
{
	if (c->waiting > c->called) {
		c->called++;
		return;
	}
	if (atomic_load(&c->unheard) == 0)
		atomic_store(&c->since, now_us());
	atomic_fetch_add(&c->unheard, 1);
}

int64_t
gp_crew_late_us(const struct gp_crew_calls *c, int64_t now_us)
{
	int64_t late;

	if (atomic_load(&c->unheard) == 0)
		return -1;
	late = atomic_load(&c->since) + GP_CREW_LATE_US - now_us;
	return late > 0 ? late : 0;
}

unsigned
gp_crew_unheard(struct gp_crew_calls *c)
{
	return atomic_exchange(&c->unheard, 0);
}

void
gp_crew_free(struct gp_crew *c)
{
	(void)pthread_mutex_lock(&c->lock);
	c->ending = true;
	(void)pthread_cond_broadcast(&c->changed);
	while (c->threads > 0)
		(void)pthread_cond_wait(&c->changed, &c->lock);
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}
