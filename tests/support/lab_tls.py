"""lab_tls - certificates that hold from one day to another, and an SMTP port
that shows one."""
import os
import socketserver
import ssl
import subprocess
import threading
import time

CA = """\
[ca]
default_ca = own
[own]
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def certificate(lab, name, from_day, until_day):
    """Days from now; the path of key and certificate in one file."""
    folder = lab.path("tls-" + name)
    os.makedirs(folder)
    at = lambda file: os.path.join(folder, file)
    stamp = lambda day: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + day * 86400))
    lab.write("tls-%s/ca.cnf" % name, CA.format(dir=folder))
    lab.write("tls-%s/index" % name, "")
    lab.write("tls-%s/serial" % name, "01")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", at("key"), "-out", at("csr"),
            "-subj", "/CN=mx.lab.example")
    openssl("ca", "-batch", "-notext", "-selfsign", "-config", at("ca.cnf"), "-keyfile", at("key"),
            "-in", at("csr"), "-out", at("crt"), "-startdate", stamp(from_day), "-enddate", stamp(until_day))
    with open(at("both"), "wb") as out:
        for part in ("key", "crt"):
            with open(at(part), "rb") as f:
                out.write(f.read())
    return at("both")


class Port:
    """An SMTP server that greets, and offers STARTTLS when it has a
    certificate; `wrapped`: TLS from the first octet on; `lines` are what it
    says in place of all that."""

    def __init__(self, path=None, wrapped=False, lines=None):
        context = None
        if path:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    self.serve()
                except OSError:
                    pass  # the client has gone

            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def shake_hands(self):
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.setup_files()

            def setup_files(self):
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)

            def serve(self):
                if wrapped:
                    self.shake_hands()
                if lines is not None:
                    for line in lines:
                        self.wfile.write(line)
                    return
                self.say("220 mx.lab.example ESMTP")
                for raw in self.rfile:
                    word = raw.split()[0].upper() if raw.split() else b""
                    if word == b"EHLO":
                        self.say("250-mx.lab.example\r\n250-SIZE 1000" + (
                            "\r\n250-STARTTLS" if context and not wrapped else "") + "\r\n250 DSN")
                    elif word == b"STARTTLS":
                        self.say("220 go on")
                        self.shake_hands()
                    else:
                        self.say("221 bye")
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that broke off a handshake

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.place = "127.0.0.1:%d" % self.port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
