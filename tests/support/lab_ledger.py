"""lab_ledger - what an MTA said to each message of a test, and the sum at the
end: what it accepted is delivered once, what it refused never."""
import concurrent.futures
import threading
import time

import lab_base


class Posted:
    """What the MTA said to one message."""

    def __init__(self, ident, mail, rcpts, data):
        self.ident, self.mail, self.rcpts, self.data = ident, mail, rcpts, data

    @property
    def last(self):
        """The reply that decided."""
        return self.data or (self.rcpts[-1] if self.rcpts else self.mail)

    @property
    def accepted(self):
        return bool(self.data and self.data.code == 250)

    @property
    def refused_for_now(self):
        return self.last.temporary or self.last.code == 0


class Ledger:
    def __init__(self, sink):
        self.sink = sink
        self.lock = threading.Lock()
        self.count = 0
        self.taken, self.refused = [], []

    def ident(self):
        """An X-Lab-Id that no other message has."""
        with self.lock:
            self.count += 1
            return "m%05d" % self.count

    def note(self, posted):
        with self.lock:
            (self.taken if posted.accepted else self.refused).append(posted.ident)
        return posted

    def took(self, ident):
        """Accepted by another way than SMTP."""
        with self.lock:
            self.taken.append(ident)

    def delivered(self, posted):
        """The delivered message; None when there is none."""
        return self.sink.wait(posted.ident) if posted.accepted else None

    def accounts(self, tap, postfix):
        lost = self.sink.wait_all(self.taken)
        twice = [i for i in self.taken if len(self.sink.of(i)) > 1]
        leaked = [i for i in self.refused if self.sink.of(i)]
        tap.equal(lost, [], "ledger: every accepted message is delivered (%d)" % len(self.taken))
        tap.equal(twice, [], "ledger: none twice")
        tap.equal(leaked, [], "ledger: no refused one is delivered (%d)" % len(self.refused))
        # the sink has it a moment before the queue is rid of it
        lab_base.wait_until(lambda: not postfix.queue(), 20, "an empty queue")
        tap.equal(postfix.queue(), [], "ledger: nothing is left in the queue")


class Load:
    """Several clients that send until they are told to stop.  `talk(number)`
    is one SMTP session: it gives what it posted, or an OSError when there was
    no connection."""

    def __init__(self, talk, threads, seconds):
        self.talk = talk
        self.enough = threading.Event()
        self.end = time.monotonic() + seconds
        self.posted = []
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.jobs = [self.pool.submit(self._client, i) for i in range(threads)]

    def _client(self, number):
        while not self.enough.is_set() and time.monotonic() < self.end:
            try:
                for one in self.talk(number):
                    with self.lock:
                        self.posted.append(one)
            except OSError:
                continue

    def accepted(self):
        with self.lock:
            return sum(m.accepted for m in self.posted)

    def finish(self):
        """Stop, and give all that was sent."""
        self.enough.set()
        self.pool.shutdown()
        for job in self.jobs:
            job.result()
        return self.posted
