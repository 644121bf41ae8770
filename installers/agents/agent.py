#!/usr/bin/env python3
# Written by openclaw. The agent of a host that has Python: it shakes hands, beats, says goodbye.
import calendar
import errno
import functools
import http.client
import io
import json
import os
import platform
import queue
import random
import re
import selectors
import signal
import socket
import stat
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

VERSION = "0.1.0"
LOG_FILE = ""
QUIET = False
PAGE_SECONDS = 5
SYSTEMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "windows"}
# A URL's host that is this host itself.
LOOPBACK = r"(localhost|\[::1\]|127(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3})"
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
MACHINES.update({name: name for name in ("armv6l", "armv7l", "i686", "i386", "riscv64", "ppc64le", "s390x")})


def say(*words):
    try:
        if sys.stderr is not None:
            # A log file has no clock of its own beside it.
            moment = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())] if LOG_FILE else []
            # Whatever of it is from elsewhere.
            print(*moment, *(shown(str(word)) for word in words), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        silence(2)


def tell(*words):
    """What goes well."""
    if not QUIET:
        say(*words)


def silence(descriptor):
    """A terminal that has gone ends nothing: what is said from now on, and is still to be written, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    if nowhere != descriptor:
        os.close(nowhere)


def shown(words):
    """The words without what a terminal would act on: C0, DEL, C1, and what turns the direction of writing."""
    bare = re.sub("[\x00-\x1f\x7f]", "", words)
    return re.sub("[\x80-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", "?", bare)


def die(code, what, hint=""):
    say("error: " + what)
    if hint:
        say("hint: " + hint)
    sys.exit(code)


# The word for all that is ours on a host. "openclaw" is other programs'.
NAME = re.compile(r"(?!openclaw\Z)[a-z][a-z0-9-]{0,30}\Z")
# What no process that is started from here gets. The other variables are its own.
SECRETS = ("OPENCLAW_AGENT_SECRET", "OPENCLAW_AGENT_SECRET_FILE", "OPENCLAW_OPERATOR_KEY", "OPENCLAW_OPERATOR_KEY_FILE",
           "OPENCLAW_ENROLLMENT_CODE", "OPENCLAW_ENROLLMENT_CODE_FILE", "AGENT_JWT_KEYS", "DATABASE_URL",
           "SUPABASE_SECRET_KEYS", "OPENCLAW_SMTP_URL", "OPENCLAW_HEARTBEAT_URL", "OPENCLAW_MAIL_KEY")


def hide_environment():
    for name in SECRETS:
        os.environ.pop(name, None)


def choose_name(flag="", file=""):
    """That word: the flag, else OPENCLAW_NAME, else the name of the file, else ours."""
    name = flag or os.environ.get("OPENCLAW_NAME", "")
    if name and not NAME.match(name):
        die(2, 'Cannot use the name "%s": a letter and at most 30 of a-z, 0-9 and - are expected, and not "openclaw"' % shown(name),
            "--name fleet-agent")
    folder, file = os.path.split(os.path.abspath(file))
    # Windows tells by a name's end what it can start. A file that is elsewhere may be called anything.
    file = re.sub(r"\.py\Z", "", file) if os.name == "nt" else file
    is_installed = os.path.basename(folder) == file if os.name == "nt" else re.match(r"/usr/local/bin\Z|.*/\.local/bin\Z", folder)
    return name or (file if is_installed and NAME.match(file) else "openclaw-agent")


def folder_of_credentials(name):
    system = platform.system()
    if system == "Windows":
        return os.path.join(os.environ["APPDATA"], name)
    home = os.path.expanduser("~")
    if system == "Darwin":
        return os.path.join(home, "Library/Application Support", name)
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return os.path.join(config if config.startswith("/") else os.path.join(home, ".config"), name)


def read_object(text):
    """The JSON object in the text, or None. Ours are a few hundred bytes; what is larger is not."""
    try:
        value = json.loads(text.decode("utf-8-sig"), parse_constant=refuse) if len(text) <= 16384 else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def refuse(constant):
    raise ValueError("JSON has no " + constant)


def text(fields, name):
    value = (fields or {}).get(name)
    return value if isinstance(value, str) else None


def number(fields, name, least=0):
    """The whole part of a number, which is brought between the least and a day."""
    value = (fields or {}).get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(max(least, min(86400, value)))


def read_credentials(path):
    """The url, agent_id and agent_secret in the file, or None. Another user may have put it there."""
    # A pipe in its place is opened without waiting for who writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        fields = read_object(file.read(16385)) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    found = tuple(text(fields, name) for name in ("url", "agent_id", "agent_secret"))
    # All that RFC 3986 lets stand in a URL.
    if None in found or not re.match(r"https?://[\]A-Za-z0-9:/._~%!$&'()*+,;=\[-]+\Z", found[0]) or not re.match(r"[0-9a-f-]+\Z", found[1]):
        return None
    return found if found[0] and re.match(r"[A-Za-z0-9_-]+\Z", found[2]) else None


class Reply:
    """What came back: a status and fields, or a failure. 000 is the status of no reply."""

    def __init__(self, status=0, fields=None, headers=None, failure="", error=None):
        self.status, self.fields, self.headers = status, fields, headers or {}
        self.failure, self.error = shown(failure), error

    def ours(self, status):
        return self.status == status and self.fields is not None

    def code(self):
        return text(self.fields, "error")

    def what_came(self):
        """In one line, what came instead of the expected reply."""
        if self.failure:
            return "no reply: " + self.failure
        if self.code() is not None:
            description = text(self.fields, "error_description") or ""
            return shown("the server answers %d %s: %s" % (self.status, self.code(), description))
        if 300 <= self.status < 400:
            return "it redirects (status %d), and that is not followed" % self.status
        return "what answers (status %03d) is not openclaw, perhaps a proxy's page" % self.status


class Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Limit:
    """The seconds that all of a request may take, or, for a download, each wait in it. A socket's own timeout is for each
    wait: a server that drips would outlive it."""

    def __init__(self, seconds, is_whole):
        self.seconds, self.end = seconds, time.perf_counter() + seconds if is_whole else None

    def left(self):
        left = self.seconds if self.end is None else self.end - time.perf_counter()
        if left <= 0:
            raise socket.timeout("timed out")
        return left


class Limited(io.RawIOBase):
    """What comes on a socket, within the limit."""

    def __init__(self, sock, limit):
        self.sock, self.limit, self.raw = sock, limit, sock.makefile("rb", 0)

    def readable(self):
        return True

    def readinto(self, buffer):
        self.sock.settimeout(self.limit.left())
        count = self.raw.readinto(buffer)
        # For what is not read here: TLS begins after a proxy has answered.
        self.sock.settimeout(self.limit.left())
        return count

    def close(self):
        self.raw.close()
        super().close()


def connect(address, limit):
    """A socket to the first address of a name that answers. A dead one holds the next one up for 0.25 s."""
    deadline, failure = time.perf_counter() + limit.left(), None
    with selectors.DefaultSelector() as trying:
        addresses = resolve(address, limit.left())
        try:
            while addresses or trying.get_map():
                if addresses:
                    failure = begin_to_connect(addresses.pop(0), trying) or failure
                left = deadline - time.perf_counter()
                if left <= 0:
                    break
                for key, _ in trying.select(min(0.25, left) if addresses else left) if trying.get_map() else ():
                    trying.unregister(key.fileobj)
                    code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        key.fileobj.settimeout(limit.left())
                        return key.fileobj
                    key.fileobj.close()
                    failure = OSError(code, os.strerror(code))
        finally:
            for key in list(trying.get_map().values()):
                key.fileobj.close()
    raise socket.timeout("timed out") if failure is None else failure


def begin_to_connect(found, trying):
    """Starts to connect, or returns why it cannot."""
    family, kind, protocol, _, where = found
    try:
        one = socket.socket(family, kind, protocol)
    except OSError as error:
        return error
    one.setblocking(False)
    code = one.connect_ex(where)
    if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)):
        one.close()
        return OSError(code, os.strerror(code))
    trying.register(one, selectors.EVENT_WRITE)
    return None


def resolve(address, timeout):
    """The addresses of a name. By a thread: nothing interrupts a resolver that waits for its servers."""
    found = queue.Queue()

    def look():
        try:
            found.put(socket.getaddrinfo(address[0], address[1], 0, socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(error)
    threading.Thread(target=look, daemon=True).start()
    try:
        addresses = found.get(timeout=timeout)
    except queue.Empty:
        raise socket.timeout("the name was not resolved in time") from None
    if isinstance(addresses, Exception):
        raise addresses
    return addresses


class Response(http.client.HTTPResponse):
    def __init__(self, limit, sock, *arguments, **options):
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(Limited(sock, limit))

    def _read_status(self):
        """The final reply's. The library passes over 100 only, and 102 and 103 come as well."""
        while True:
            version, status, reason = super()._read_status()
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)


def connection_of(kind, is_whole):
    def make(*arguments, **options):
        connection = kind(*arguments, **options)
        limit = Limit(connection.timeout, is_whole)
        connection.response_class = functools.partial(Response, limit)
        connection._create_connection = lambda address, *_: connect(address, limit)
        return connection
    return make


class Plain(urllib.request.HTTPHandler):
    def __init__(self, is_whole):
        super().__init__()
        self.is_whole = is_whole

    def http_open(self, request):
        return self.do_open(connection_of(http.client.HTTPConnection, self.is_whole), request)


# A Python without "ssl" has neither; the installer says so.
class Secure(getattr(urllib.request, "HTTPSHandler", urllib.request.BaseHandler)):
    def __init__(self, is_whole, context):
        super().__init__(context=context)
        self.is_whole = is_whole

    def https_open(self, request):
        return self.do_open(connection_of(http.client.HTTPSConnection, self.is_whole), request, context=self._context)


def opener_for(url, *handlers, context=None, is_whole=True):
    """Plain http is for this host only. What is on this host needs no proxy, which would read the secret."""
    handlers += (Plain(is_whole),) if url.startswith("http:") else (Plain(is_whole), Secure(is_whole, context))
    if url.startswith("http:") or re.match("https://" + LOOPBACK + r"([:/]|\Z)", url):
        handlers += (urllib.request.ProxyHandler({}),)
    return urllib.request.build_opener(*handlers)


def fetch(opener, seconds, url, data=None, headers=None):
    try:
        try:
            request = urllib.request.Request(url, data, headers or {})
            with opener.open(request, timeout=seconds) as response:
                return Reply(response.status, read_object(body_of(response)), response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, read_object(body_of(error)), error.headers)
    except unreachable as error:
        reason = getattr(error, "reason", error)
        return Reply(failure=str(reason) or type(reason).__name__, error=reason)


def body_of(response):
    """The beginning of a reply's body. A proxy may pack it though nobody asked for that."""
    body = response.read(16385)
    if response.headers.get("content-encoding", "").strip().lower() not in ("gzip", "x-gzip"):
        return body
    import zlib
    try:
        return zlib.decompressobj(31).decompress(body, 16385)
    except zlib.error:
        return b""


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOMENT = "([0-9]{2}):([0-9]{2}):([0-9]{2})"
DATES = tuple(re.compile(one + r"\Z") for one in (
    "[A-Z][a-z]{2}, (?P<d>[0-9]{2}) (?P<m>[A-Z][a-z]{2}) (?P<y>[0-9]{4}) (?P<t>[0-9:]{8}) GMT",
    "[A-Z][a-z]+day, (?P<d>[0-9]{2})-(?P<m>[A-Z][a-z]{2})-(?P<y>[0-9]{2}) (?P<t>[0-9:]{8}) GMT",
    "[A-Z][a-z]{2} (?P<m>[A-Z][a-z]{2}) (?P<d>[ 0-9][0-9]) (?P<t>[0-9:]{8}) (?P<y>[0-9]{4})"))


def http_date(text, near=None):
    """The seconds since 1970 of a date in the three forms of RFC 9110, or None. Two digits of a year are those of
    the year that is next to `near`."""
    match = next(filter(None, (form.match(text.strip()) for form in DATES)), None)
    time_of_day = re.match(MOMENT + r"\Z", match.group("t")) if match else None
    if time_of_day is None or match.group("m") not in MONTHS:
        return None
    year = int(match.group("y"))
    if len(match.group("y")) == 2:
        now = time.gmtime(near).tm_year
        year = min((now - now % 100 + year + more for more in (-100, 0, 100)), key=lambda one: abs(one - now))
    moment = (year, MONTHS.index(match.group("m")) + 1, int(match.group("d"))) + tuple(map(int, time_of_day.groups()))
    return calendar.timegm(moment) if 1 <= moment[2] <= 31 else None


def retry_after(headers):
    """The seconds that a server asks for, at most a day. A date is reckoned from the reply's own."""
    asked = headers.get("retry-after", "").strip()
    if re.match(r"[0-9]+\Z", asked):
        digits = asked.lstrip("0")
        return 86400 if len(digits) > 5 else min(86400, int(digits or 0))
    now = http_date(headers.get("date", ""))
    until = None if now is None else http_date(asked, now)
    return 0 if until is None else max(0, min(86400, until - now))


# A port that is too great is an OverflowError.
unreachable = (OSError, http.client.HTTPException, ValueError, OverflowError)


class Answer:
    """What came of asking for a page: a status of 0 and why, where nothing did."""

    def __init__(self, status, milliseconds=0, fields=None, fault=""):
        self.status, self.milliseconds, self.fields, self.fault = status, milliseconds, fields, fault


def ask_page(url, reads):
    """Gets a page within 5 s, and reads it if so asked."""
    began = time.perf_counter()
    request = urllib.request.Request(url, headers={"user-agent": "openclaw/%s (python)" % VERSION})
    try:
        with opener_for(url, Unfollowed).open(request, timeout=PAGE_SECONDS) as response:
            return answer_of(response, began, reads)
    except urllib.error.HTTPError as error:
        with error:
            return answer_of(error, began, reads)
    except unreachable as error:
        reason = getattr(error, "reason", error)
        late = isinstance(reason, (TimeoutError, socket.timeout))
        return Answer(0, fault="did not answer within %d s" % PAGE_SECONDS if late else "cannot be reached")


def answer_of(response, began, reads):
    milliseconds = round((time.perf_counter() - began) * 1000)
    try:
        text = response.read(16385) if reads else b""
    except unreachable:
        text = b""  # The head has come.
    return Answer(response.code, milliseconds, read_object(text))


class Watched:
    """What is looked at besides the host: the port of the AI gateway, and a page."""

    def __init__(self, gateway_port=0, probe_url=""):
        self.gateway_port, self.probe_url = gateway_port, probe_url


def observe(watched):
    """Looks at the host and at what is watched: the worst status, every message, and the metrics."""
    parts = [("healthy", "", measure_host())]
    if watched.gateway_port:
        parts.append(watch_gateway(watched.gateway_port))
    if watched.probe_url:
        parts.append(judge_page(ask_page(watched.probe_url, False)))
    words = ("healthy", "degraded", "unhealthy")
    status = max((part[0] for part in parts), key=words.index)
    message = "; ".join(part[1] for part in parts if part[1])[:500].encode("utf-8", "replace").decode("utf-8")
    metrics = {}
    for part in parts:
        metrics.update(part[2])
    return status, message, metrics


def measure_host():
    """What a host says of itself. What it cannot tell is left out."""
    metrics = {}
    try:
        if hasattr(os, "getloadavg"):
            metrics["load_1m"] = round(os.getloadavg()[0], 2)
        metrics["uptime_seconds"] = uptime()
    except (OSError, AttributeError):
        pass
    return metrics


def uptime():
    if hasattr(time, "clock_gettime"):
        # The first counts what the host slept, too.
        return int(time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)))
    import ctypes
    ticks = ctypes.windll.kernel32.GetTickCount64
    ticks.restype = ctypes.c_ulonglong
    return ticks() // 1000


def judge_page(answer):
    """No answer is unhealthy, any other than 2xx is degraded."""
    if answer.fault:
        return "unhealthy", "the probe " + answer.fault, {}
    metrics = {"latency_ms": answer.milliseconds}
    if 200 <= answer.status < 300:
        return "healthy", "", metrics
    return "degraded", "the probe answered %d" % answer.status, metrics


def watch_gateway(port):
    """The AI gateway that npm calls openclaw: only one that says that it is ready is healthy."""
    page = "http://127.0.0.1:%d/" % port
    ready = ask_page(page + "readyz", True)
    if ready.fault:
        return "unhealthy", "the gateway " + ready.fault, {}
    said = ready.fields or {}
    if not isinstance(said.get("ready"), bool):
        return "unhealthy", "what answers at port %d (status %d) is not the gateway" % (port, ready.status), {}
    started = ask_page(page + "startupz", True).fields or {}
    metrics = {"latency_ms": ready.milliseconds}
    for milliseconds in (started.get("uptimeMs"), said.get("uptimeMs")):
        is_number = isinstance(milliseconds, (int, float)) and not isinstance(milliseconds, bool)
        if is_number and 0 <= milliseconds < float("inf"):
            metrics["gateway_uptime_seconds"] = int(milliseconds // 1000)
    version = text(started, "version")
    gateway = "the gateway" + ("" if version is None else " " + shown(version)[:40])
    if said["ready"] and ready.status == 200:
        return "healthy", gateway + " is ready", metrics
    failing = said.get("failing")
    parts = [part for part in failing if isinstance(part, str)] if isinstance(failing, list) else []
    return "unhealthy", gateway + " is not ready" + (": " + shown(", ".join(parts)) if parts else ""), metrics


def page_of(url):
    """The address of a page, or None: there is no password in it."""
    return url if re.match(r"https?://[^/?#@]+([/?#].*)?\Z", url) and re.match(r"[!#-\[\]-~]+\Z", url) else None


def gateway_of(words):
    """The port that "openclaw" or "openclaw:" and a port names, or None."""
    match = re.match(r"openclaw(?::([1-9][0-9]{0,4}))?\Z", words)
    port = int(match.group(1) or 18789) if match else 65536
    return port if port < 65536 else None


def check_watched(watch, probe_url):
    """What is watched, by the words of the options; either may be empty."""
    port = gateway_of(watch) if watch else 0
    if port is None:
        die(2, 'Cannot watch "%s": openclaw or openclaw:<port> is expected' % shown(watch), "--watch openclaw")
    if probe_url and page_of(probe_url) is None:
        die(2, "Cannot use the address of --probe-url: one like http://127.0.0.1:8080/health is expected",
            "--probe-url http://127.0.0.1:8080/health")
    return Watched(port, probe_url)


def check_back_in(given):
    """After how many seconds an agent that stops means to be back; None where nothing is given."""
    if not given:
        return None
    if not re.match(r"[0-9]{1,6}\Z", given) or not 1 <= int(given) <= 604800:
        die(2, 'Cannot use "%s" for OPENCLAW_BACK_IN: a whole number of seconds from 1 to 604800 is expected' % shown(given),
            "OPENCLAW_BACK_IN=120")
    return int(given)


def client():
    """What the service is told of this host."""
    return {"version": VERSION, "hostname": re.sub("[^A-Za-z0-9._-]", "-", platform.node())[:255] or "unknown",
            "os": SYSTEMS.get(platform.system(), "unknown"),
            "arch": MACHINES.get(platform.machine().lower(), "unknown")}


class Agent:
    """One identity on one host, and its session."""

    def __init__(self, url, agent_id, agent_secret):
        self.become(url, agent_id, agent_secret)
        self.instance_id, self.seq = str(uuid.uuid4()), 0
        self.interval, self.refresh_in, self.beat_in, self.name = 60, 0, 0, ""
        self.reply = Reply()

    def become(self, url, agent_id, agent_secret):
        self.url, self.agent_id, self.agent_secret, self.token = url, agent_id, agent_secret, None
        self.opener = opener_for(url, Unfollowed)

    def request(self, path, body=None, seconds=15):
        headers = {"user-agent": "openclaw/%s (python)" % VERSION, "content-type": "application/json"}
        if self.token is not None and path != "handshake":
            headers["authorization"] = "Bearer " + self.token
        data = None if body is None else json.dumps(body).encode()
        self.reply = fetch(self.opener, seconds, self.url + "/functions/v1/" + path, data, headers)
        return self.reply.ours(200)

    def shake_hands(self):
        """Buys a session. The one that there was is good until then: a server that is down does not take it away."""
        if not self.request("handshake", {"agent_id": self.agent_id, "agent_secret": self.agent_secret,
                                          "instance_id": self.instance_id, "client": client()}):
            return False
        fields = self.reply.fields
        refresh_in, interval = number(fields, "refresh_in", 1), number(fields, "heartbeat_interval_seconds", 1)
        beat_in, token = number(fields, "next_heartbeat_in"), text(fields, "token")
        if None in (refresh_in, interval, beat_in) or not re.match(r"[A-Za-z0-9_.-]+\Z", token or ""):
            return False
        self.refresh_in, self.interval, self.beat_in, self.token = refresh_in, interval, beat_in, token
        agent = fields.get("agent")
        self.name = text(agent if isinstance(agent, dict) else {}, "name") or ""
        return True

    def beat(self, status="healthy", message="", metrics=None, seconds=15, back_in=None):
        self.seq += 1
        body = {"status": status, "seq": self.seq, "instance_id": self.instance_id, "metrics": metrics or {}}
        if message:
            body["message"] = message
        if back_in is not None:
            body["back_in_seconds"] = back_in
        if not self.request("heartbeat", body, seconds) or self.reply.fields.get("ok") is not True:
            return False
        beat_in = number(self.reply.fields, "next_heartbeat_in", 1)
        if beat_in is None:
            return False
        self.beat_in = beat_in
        self.interval = number(self.reply.fields, "heartbeat_interval_seconds", 1) or self.interval
        return True


class Stopped(BaseException):
    """Somebody wants the process to end."""


class Life:
    """The agent's loop, by the monotonic clock."""

    def __init__(self, agent, path="", watched=None):
        self.agent, self.path, self.watched = agent, path, watched or Watched()
        self.told_health = "healthy"
        self.reload, self.had_terminal = False, has_terminal()
        self.beat_at = self.refresh_at = time.monotonic()
        self.jumped_at = time.monotonic() - 60
        self.failures = self.refusals = 0
        self.second_chance = False
        self.started_at = time.time() - time.monotonic()

    def live(self):
        while True:
            if self.agent.token is None or time.monotonic() >= self.refresh_at:
                if not self.agent.shake_hands():
                    self.after_no_session()
                    continue
                self.begin_session()
            if time.monotonic() >= self.beat_at:
                status, message, metrics = observe(self.watched)
                self.tell_health(status, message)
                if not self.agent.beat(status, message, metrics):
                    self.after_no_beat()
                    continue
                self.answers_again()
                self.second_chance = False
                self.beat_at = time.monotonic() + self.agent.beat_in
            self.pass_until(min(self.beat_at, self.refresh_at))

    def tell_health(self, status, message):
        """Where the host is, too, and not at every beat."""
        if status != self.told_health:
            (tell if status == "healthy" else say)("the host is " + status + (message and ": " + message))
        self.told_health = status

    def begin_session(self):
        now = time.monotonic()
        if not self.second_chance:
            self.answers_again()
        if self.refusals:
            say("the server accepts this agent again")
        self.refusals = 0
        self.refresh_at = now + self.agent.refresh_in
        # A renewed session leaves the beats where they were, unless the server has another wish.
        if self.agent.beat_in or self.beat_at <= now:
            self.beat_at = now + self.agent.beat_in

    def answers_again(self):
        if self.failures:
            say("the server answers again")
        self.failures = 0

    def after_no_session(self):
        reply = self.agent.reply
        if not (reply.ours(401) and reply.code() == "invalid_credentials"):
            self.outage()
            return
        if not self.refusals:
            say("the server refuses this agent: %s; will keep retrying" % reply.what_came())
        wait = min(3600, 60 * 4 ** min(self.refusals, 10)) * random.uniform(0.8, 1.2)
        self.agent.token = None
        self.refusals += 1
        self.failures = 0
        self.beat_at = time.monotonic()
        self.pass_until(self.beat_at + wait, self.beat_at + wait)

    def after_no_beat(self):
        reply = self.agent.reply
        rejected = ("token_missing", "token_invalid", "token_expired", "session_revoked")
        if not (reply.ours(401) and reply.code() in rejected):
            self.outage()
            return
        self.agent.token = None
        if self.second_chance:
            self.outage()
            return
        self.second_chance = True
        self.beat_at = time.monotonic()
        self.pass_until(time.monotonic() + random.uniform(0, min(10, self.agent.interval)))

    def outage(self):
        if not self.failures:
            reply = self.agent.reply
            what = "the server does not take what this agent sends" if reply.code() == "invalid_request" else "no heartbeat"
            say("%s: %s; trying again" % (what, reply.what_came()))
            wait = random.uniform(0, min(60, self.agent.interval))
        else:
            wait = min(300, 5 * 2 ** min(self.failures - 1, 10)) * random.uniform(0.5, 1)
        self.failures += 1
        asked = retry_after(self.agent.reply.headers) * random.uniform(1, 1.2)
        now = time.monotonic()
        self.pass_until(now + max(wait, asked), now + asked)

    def pass_until(self, moment, not_before=0):
        """Waits, in ticks. A wall clock that moves on without us was a host asleep: beat, or try again, now, but not
        twice in a minute, and not before the moment that a server was promised, which no clock moves."""
        while not self.reload:
            now = time.monotonic()
            if now >= moment:
                return
            time.sleep(min(5, moment - now))
            now = time.monotonic()
            ahead = time.time() - now - self.started_at
            self.started_at += ahead
            if ahead >= 30:
                # The session has aged meanwhile, and may be none any more.
                self.refresh_at -= ahead
                awake_at = max(now, self.jumped_at + 60, not_before)
                if awake_at < max(moment, self.beat_at):
                    self.jumped_at = awake_at
                self.beat_at = min(self.beat_at, awake_at)
                moment = min(moment, awake_at)
        self.read_again()

    def hang_up(self, *_):
        """The terminal that this was started from is gone; else the credentials are to be read again."""
        if self.had_terminal and not has_terminal():
            stop()
        self.reload = True

    def read_again(self):
        """The credentials. With them begins another session; the last one ends, if it was another agent's."""
        self.reload = False
        try:
            found = read_credentials(self.path)
        except OSError:
            found = None
        if found is None:
            say('Cannot read "%s" again: the earlier credentials stay in use' % self.path)
            return
        if self.agent.token is not None and found[:2] != (self.agent.url, self.agent.agent_id):
            self.agent.beat("stopping", seconds=3)
        self.agent.become(*found)
        say("the credentials were read again")
        self.failures = self.refusals = 0
        self.second_chance = False
        self.beat_at = time.monotonic()


def has_terminal():
    try:
        return os.isatty(0) or os.isatty(2)
    except OSError:
        return False


def on_signals(handler):
    """Leaves a signal that is ignored already as it is: nohup asks for that."""
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        on_signal(name, handler)


def on_signal(name, handler):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)


def stop(*_):
    on_signals(signal.SIG_IGN)
    raise Stopped


AGENT_HELP = """\
The openclaw agent of this host: it shakes hands, and sends heartbeats until it is told to stop.

Usage: openclaw-agent monitor [options]
       openclaw-agent status

  --watch <program>   openclaw or openclaw:<port>: unhealthy unless the AI gateway of
                      that name on this host is ready
  --probe-url <url>   get this page before each beat: latency_ms, and degraded unless 2xx
  --once              one beat, then end
  --quiet             say only what is wrong
  --log-file <file>   write the lines to this file
  --help              print this
  --version           print the version

OPENCLAW_BACK_IN=<seconds> in the environment: when it is to be back, as a stop says it

Exit codes: 0 done, 1 failed or not online, 2 usage, 3 refused credentials, 6 unreachable"""


def agent_main(arguments):
    global QUIET
    if not arguments or arguments[0] not in ("monitor", "status", "--help", "-h", "--version"):
        die(2, 'Cannot run: this agent has the commands "monitor" and "status" only', called() + " --help")
    options = read_options(arguments)
    if options["help"] or options["version"]:
        print(AGENT_HELP if options["help"] else VERSION)
        return
    watched = check_watched(options["watch"], options["probe_url"])
    back_in = check_back_in(os.environ.get("OPENCLAW_BACK_IN", "")) if arguments[0] == "monitor" else None
    if options["log_file"]:
        log_to(options["log_file"])
    QUIET = options["quiet"]
    name = choose_name(options["name"], sys.argv[0])
    hide_environment()
    path = os.path.join(folder_of_credentials(name), "credentials.json")
    if not os.access(path, os.R_OK):
        die(1, 'Cannot read "%s": there is no such file, or it is not this user\'s' % path, "run the installer again")
    found = read_credentials(path)
    if found is None:
        die(1, 'Cannot read "%s": it holds no credentials' % path, "run the installer again")
    agent = Agent(*found)
    if arguments[0] == "status":
        show_status(agent)
    elif options["once"]:
        beat_once(agent, watched)
    else:
        monitor(agent, path, watched, back_in)


def monitor(agent, path, watched, back_in):
    life = Life(agent, path, watched)
    on_signals(stop)
    on_signal("SIGHUP", life.hang_up)
    try:
        tell("watching over agent %s at %s" % (agent.agent_id, agent.url))
        life.live()
    except Stopped:
        if agent.token is not None:
            agent.beat("stopping", seconds=3, back_in=back_in)


def beat_once(agent, watched):
    if not agent.shake_hands():
        not_done(agent, "shake hands with")
    if not agent.beat(*observe(watched)):
        not_done(agent, "send a heartbeat to")


def not_done(agent, what):
    refused = agent.reply.ours(401)
    die(3 if refused else 6, "Cannot %s %s: %s" % (what, agent.url, agent.reply.what_came()),
        "ask the operator of the server" if refused else "check the URL, the network and the proxy")


def show_status(agent):
    """Ends with 0 if the server calls the agent online."""
    if not agent.shake_hands():
        not_done(agent, "shake hands with")
    print("agent     %s (%s)\nserver    %s" % (shown(agent.name), agent.agent_id, agent.url), flush=True)
    seen = agent.reply.fields.get("agent") if agent.request("heartbeat") else None
    liveness = text(seen if isinstance(seen, dict) else {}, "liveness")
    if liveness is None:
        not_done(agent, "see the agent at")
    last = text(seen, "last_seen_at") or "never"
    print("liveness  %s\nlast beat %s, wanted every %d s" % (shown(liveness), shown(last), agent.interval), flush=True)
    sys.exit(0 if liveness == "online" else 1)


def called():
    return os.path.basename(sys.argv[0])


def read_options(arguments):
    """The first word is the command, or --help or --version."""
    options = {"help": False, "version": False, "quiet": False, "once": False,
               "log_file": "", "watch": "", "probe_url": "", "name": ""}
    command = arguments[0]
    given = arguments[1:] if command in ("monitor", "status") else list(arguments)
    while given:
        option = given.pop(0)
        name, equals, value = option.partition("=")
        field = {"-h": "help"}.get(name, name[2:].replace("-", "_"))
        is_known = field in options and (command == "monitor" or field in ("help", "version", "name"))
        if not is_known or name not in ("-h", "--" + field.replace("_", "-")) or equals and options[field] in (True, False):
            die(2, 'Cannot read the options: unknown option "%s"' % shown(option), called() + " --help")
        if options[field] in (True, False):
            options[field] = True
            continue
        options[field] = value if equals else given.pop(0) if given else ""
        if not options[field]:
            die(2, 'Cannot read the options: "%s" lacks its value' % name, called() + " --help")
    return options


def log_to(path):
    """Appends to the file what would go to standard error."""
    global LOG_FILE
    is_link = os.path.islink(path)
    if is_planted(path):
        die(1, 'Cannot write "%s": it is a link in a folder of another user' % path, "name another file")
    try:
        # What is no link now is not to be one a moment later.
        flags = 0 if is_link else getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | flags, 0o600)
        os.dup2(descriptor, 2)
        if descriptor != 2:
            os.close(descriptor)
        sys.stderr = open(2, "a", encoding="utf-8", errors="backslashreplace", closefd=False)
    except OSError:
        die(1, 'Cannot write "%s"' % path, "look at the disk and its permissions")
    LOG_FILE = path


def is_planted(path):
    """Whether another user may have put it there for this one to write through: a link, or a second name of a file."""
    if not hasattr(os, "getuid"):
        return False
    try:
        named, owners = os.lstat(path), {os.stat(os.path.dirname(path) or ".").st_uid}
    except OSError:
        return False
    if stat.S_ISLNK(named.st_mode):
        owners.add(named.st_uid)
    elif not stat.S_ISREG(named.st_mode) or named.st_nlink == 1:
        return False
    return not owners <= {0, os.getuid()}


def seconds_ahead(server_time):
    """How far this clock is ahead of an RFC 3339 time; None if it is not one."""
    match = re.match(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", server_time or "")
    try:
        moment = datetime(*(int(part) for part in match.groups()), tzinfo=timezone.utc) if match else None
    except ValueError:
        return None
    return None if moment is None else int(time.time() - moment.timestamp())


if __name__ == "__main__":
    agent_main(sys.argv[1:])
