"""lab_sasl - the passwords of a private Postfix, without a SASL package.

smtpd asks over a unix socket in the Dovecot auth protocol: one line a request,
fields parted by tabs.  Of it this speaks what SMTP AUTH PLAIN needs.
"""
import base64
import os
import socketserver
import threading


class Passwords:
    """`users` is {login: password}; smtpd finds it at `path`."""

    def __init__(self, lab, users, name="auth.sock"):
        self.path = lab.path(name)
        self.users = dict(users)
        passwords = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    passwords._session(self.rfile, self.wfile)
                except OSError:
                    pass  # smtpd has gone

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self.server = Server(self.path, Session)
        os.chmod(self.path, 0o666)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        lab.own(self)

    def _session(self, lines, out):
        out.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
                  b"COOKIE\t0123456789abcdef\nDONE\n")
        for raw in lines:
            word, *args = raw.rstrip(b"\n").decode().split("\t")
            if word == "AUTH":
                out.write(self._answer(args).encode())
            elif word == "CONT":
                out.write(self._answer([args[0], "PLAIN", "resp=" + args[1]]).encode())

    def _answer(self, args):
        number, response = args[0], next((a[5:] for a in args if a.startswith("resp=")), None)
        if response is None:
            return "CONT\t%s\t\n" % number
        try:
            _, login, password = base64.b64decode(response).decode().split("\0")
        except ValueError:
            return "FAIL\t%s\n" % number
        good = login in self.users and self.users[login] == password
        return "%s\t%s\tuser=%s\n" % ("OK" if good else "FAIL", number, login)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def plain(login, password):
    """The AUTH command of that login."""
    return "AUTH PLAIN " + base64.b64encode(("\0%s\0%s" % (login, password)).encode()).decode()
