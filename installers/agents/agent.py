#!/usr/bin/env python3
# Written by openclaw. The agent of a host that has Python: it shakes hands, beats, says goodbye.
import http.client
import json
import os
import platform
import random
import re
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

VERSION = "0.1.0"
LOG_FILE = ""
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
            print(*moment, *words, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        silence(2)


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
        value = json.loads(text.decode("utf-8"), parse_constant=refuse) if len(text) <= 16384 else None
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
    """The url, agent_id and agent_secret in the file, or None."""
    with open(path, "rb") as file:
        fields = read_object(file.read(16385))
    found = tuple(text(fields, name) for name in ("url", "agent_id", "agent_secret"))
    if None in found or re.search(r'[\s"\\]', found[0]) or not re.match(r"[0-9a-f-]+\Z", found[1]):
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


class Late(OSError):
    pass


def ring(*_):
    raise Late("timed out")


def ring_after(seconds):
    # The limit is for all of a request: a server that dribbles would outlive the socket's own. Windows has no alarm.
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def opener_for(url, *handlers):
    """Plain http is for this host only. What is on this host needs no proxy, which would read the secret."""
    if url.startswith("http:") or re.match("https://" + LOOPBACK + r"([:/]|\Z)", url):
        handlers += (urllib.request.ProxyHandler({}),)
    return urllib.request.build_opener(*handlers)


def fetch(opener, seconds, url, data=None, headers=None):
    try:
        ring_after(seconds)
        try:
            request = urllib.request.Request(url, data, headers or {})
            with opener.open(request, timeout=seconds) as response:
                return Reply(response.status, read_object(response.read(16385)), response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, read_object(error.read(16385)), error.headers)
        finally:
            ring_after(0)
    except unreachable as error:
        reason = getattr(error, "reason", error)
        return Reply(failure=str(reason) or type(reason).__name__, error=reason)


# A port that is too great is an OverflowError.
unreachable = (OSError, http.client.HTTPException, ValueError, OverflowError)


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
        client = {"version": VERSION, "hostname": re.sub("[^A-Za-z0-9._-]", "-", platform.node())[:255] or "unknown",
                  "os": SYSTEMS.get(platform.system(), "unknown"),
                  "arch": MACHINES.get(platform.machine().lower(), "unknown")}
        if not self.request("handshake", {"agent_id": self.agent_id, "agent_secret": self.agent_secret,
                                          "instance_id": self.instance_id, "client": client}):
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

    def beat(self, status="healthy", seconds=15):
        self.seq += 1
        body = {"status": status, "seq": self.seq, "instance_id": self.instance_id}
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

    def __init__(self, agent, path=""):
        self.agent, self.path = agent, path
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
                if not self.agent.beat():
                    self.after_no_beat()
                    continue
                self.answers_again()
                self.second_chance = False
                self.beat_at = time.monotonic() + self.agent.beat_in
            self.pass_until(min(self.beat_at, self.refresh_at))

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
            say("no heartbeat: %s; trying again" % self.agent.reply.what_came())
            wait = random.uniform(0, min(60, self.agent.interval))
        else:
            wait = min(300, 5 * 2 ** min(self.failures - 1, 10)) * random.uniform(0.5, 1)
        self.failures += 1
        asked, late = 0, self.agent.reply.headers.get("retry-after", "")
        if re.match(r"[0-9]{1,9}\Z", late):
            asked = min(86400, int(late)) * random.uniform(1, 1.2)
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
            self.agent.beat("stopping", 3)
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


def agent_main(arguments):
    if arguments == ["--version"]:
        print(VERSION)
        return
    if arguments[:1] != ["monitor"]:
        die(2, 'Cannot run: this agent has the command "monitor" only', called() + " monitor")
    name = choose_name(read_options(arguments[1:]), sys.argv[0])
    hide_environment()
    path = os.path.join(folder_of_credentials(name), "credentials.json")
    if not os.access(path, os.R_OK):
        die(1, 'Cannot read "%s": there is no such file, or it is not this user\'s' % path, "run the installer again")
    found = read_credentials(path)
    if found is None:
        die(1, 'Cannot read "%s": it holds no credentials' % path, "run the installer again")
    agent = Agent(*found)
    life = Life(agent, path)
    on_signals(stop)
    on_signal("SIGHUP", life.hang_up)
    try:
        life.live()
    except Stopped:
        if agent.token is not None:
            agent.beat("stopping", 3)


def called():
    return os.path.basename(sys.argv[0])


def read_options(options):
    """What goes well is no line of its own, so it is quiet anyway. Returns the name, if one is given."""
    name = ""
    while options:
        option = options.pop(0)
        if option == "--log-file":
            if not options:
                die(2, 'Cannot read the options: "--log-file" lacks its value', called() + " monitor --log-file <file>")
            log_to(options.pop(0))
        elif option == "--name" or option.startswith("--name="):
            name = (option[7:] if "=" in option else options and options.pop(0)) or "openclaw"
        elif option != "--quiet":
            die(2, 'Cannot read the options: unknown option "%s"' % option, called() + " monitor")
    return name


def log_to(path):
    """Appends to the file what would go to standard error."""
    global LOG_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 2)
        if descriptor != 2:
            os.close(descriptor)
        sys.stderr = open(2, "a", encoding="utf-8", errors="backslashreplace", closefd=False)
    except OSError:
        die(1, 'Cannot write "%s"' % path, "look at the disk and its permissions")
    LOG_FILE = path


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
