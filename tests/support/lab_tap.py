"""lab_tap - results as TAP: `ok N - name`, the plan at the end."""
import re
import sys
import threading
import traceback


class Skip(Exception):
    """Raised by a test that can not run here; the text says why."""


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0
        self.lock = threading.Lock()

    def _line(self, text):
        print(text.encode("ascii", "backslashreplace").decode(), flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            self._line("# " + line)

    def ok(self, good, name, why=""):
        """One result; `why` is shown only with a failure."""
        with self.lock:
            self.count += 1
            name = re.sub(r"[#\s]+", " ", str(name)).strip()
            self._line("%sok %d - %s" % ("" if good else "not ", self.count, name))
            if not good:
                self.failed += 1
                self.note(why() if callable(why) else why)
        return bool(good)

    def equal(self, got, want, name):
        return self.ok(got == want, name, "got  %r\nwant %r" % (got, want))

    def match(self, pattern, text, name):
        return self.ok(text is not None and re.search(pattern, text), name,
                       "got %r\nwhich does not match %r" % (text, pattern))

    def skip(self, name, why):
        with self.lock:
            self.count += 1
            self._line("ok %d - %s # SKIP %s" % (self.count, name, why))

    def run(self, name, function, *args):
        """Call it; an exception in it is a failed test of that name."""
        try:
            function(*args)
        except Skip as e:
            self.skip(name, str(e))
        except Exception:
            self.ok(False, name + " (exception)", traceback.format_exc())

    def done(self):
        """Print the plan and end the program."""
        self._line("1..%d" % self.count)
        sys.exit(1 if self.failed or not self.count else 0)


def skip_all(name, why):
    """The whole program can not run here."""
    print("ok 1 - %s # SKIP %s\n1..1" % (name, why), flush=True)
    sys.exit(0)
