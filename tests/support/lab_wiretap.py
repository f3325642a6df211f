"""lab_wiretap - stands between an MTA and a milter and passes their packets
on, one by one, so that a test can act exactly between two of them.

`seen(direction, kind, data)` is called before a packet is passed on; direction
is ">" (MTA to milter) or "<".  When it returns False the packet is dropped and
both connections are cut.
"""
import socket
import struct
import threading


class Wiretap:
    def __init__(self, milter_socket):
        self.target = milter_socket
        self.seen = lambda direction, kind, data: True
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                mta, _ = self.listener.accept()
            except OSError:
                return
            milter = socket.socket(socket.AF_UNIX)
            try:
                milter.connect(self.target)
            except OSError:
                mta.close()
                continue
            for pair in ((mta, milter, ">"), (milter, mta, "<")):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, target, direction):
        stream = source.makefile("rb")
        try:
            while True:
                head = stream.read(4)
                if len(head) < 4:
                    break
                body = stream.read(struct.unpack("!I", head)[0])
                if not self.seen(direction, chr(body[0]), body[1:]):
                    break
                target.sendall(head + body)
        except (OSError, IndexError, struct.error):
            pass  # one side has gone; the other one is told below
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        # a blocked accept() does not notice close() alone
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
