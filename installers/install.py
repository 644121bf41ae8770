#!/usr/bin/env python3
"""Installs the openclaw agent on a host that has Python. "python3 install.py --help" tells how.

Nothing here runs before the last line has arrived, so a download that was cut off does nothing. The secret
is in no argument, no log and no file that others can read.
"""

import base64
import getpass
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
import types
import urllib.error
import urllib.parse
import urllib.request

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# What a release, or the service, writes into a copy of this file.
VERSION = "0.1.0"
BAKED_URL = ""
BAKED_AGENT_ID = ""
BAKED_AGENT_SECRET = ""
BINARY_FOLDER = ""
BINARY_SUMS = ""

# The agent, and what the installer shares with it: kept as text, so that the one can write down the other.
AGENT = r'''
@agents/agent.py@
'''[1:]

agent = types.ModuleType("openclaw_agent")

USAGE = '''\
Installs the openclaw agent on this host, and shakes hands with its server.

Usage: install.py [options]

@texts/usage.txt@
'''


def say(*words):
    agent.say(*words)


def die(code, what, hint=""):
    try:
        agent.die(code, what, hint)
    finally:
        progress.failed(what)


def answer(words):
    try:
        if sys.stdout is not None:
            print(words, flush=True)
    except (OSError, ValueError):
        agent.silence(1)


class Progress:
    """How far this comes, as the server is told where a code is used. Without one, nobody is told."""

    def __init__(self):
        self.reached, self.messenger, self.key, self.secrets = "", None, {}, []

    def begin(self, url, code, enrollment_id):
        self.messenger = agent.Agent(url, "", "")
        self.key, self.secrets = {"code": code, "enrollment_id": enrollment_id}, [code]

    def came_to(self, step, reason=""):
        self.reached = step
        if self.messenger is None:
            return
        detail = re.sub("[^ -~]", "?", agent.shown(reason))[:500]
        if any(secret in detail for secret in self.secrets):
            detail = ""
        self.messenger.request("enroll/progress", dict(self.key, step=step, failed=reason != "", detail=detail), 2)
        # An installation does not wait for what tells of it: the first call that fails is the last.
        if self.messenger.reply.status != 204:
            self.messenger = None

    def failed(self, reason):
        self.came_to(self.reached, reason)


progress = Progress()


class Options:
    def __init__(self):
        self.url = self.agent_id = self.agent_secret_file = self.binary = self.binary_url = self.sha256 = ""
        self.enrollment_code_file = ""
        self.script_agent = self.no_service = self.uninstall = self.dry_run = self.yes = False
        self.help = self.version = self.second_name = self.no_second_name = False
        self.name = None
        # None is not given; an empty one takes away what an earlier installation has.
        self.watch = self.probe_url = self.status_command = self.metrics_command = None

    def watched(self):
        """The options that say what is watched, as they were given."""
        names = ("watch", "probe_url", "status_command", "metrics_command")
        return ["--%s=%s" % (name.replace("_", "-"), getattr(self, name)) for name in names
                if getattr(self, name) is not None]


def read_arguments(arguments):
    options = Options()
    given = list(arguments)
    while given:
        option = given.pop(0)
        name, equals, value = option.partition("=")
        field = name[2:].replace("-", "_")
        if not name.startswith("--") or field not in vars(options) or "_" in name:
            die(2, 'Cannot read the options: unknown option "%s"' % option, "--help")
        if getattr(options, field) in (True, False):
            if equals:
                die(2, 'Cannot read the options: unknown option "%s"' % option, "--help")
            setattr(options, field, True)
            continue
        if not equals:
            if not given:
                die(2, 'Cannot read the options: "%s" lacks its value' % option, "--help")
            value = given.pop(0)
        setattr(options, field, value)
    if options.name == "":
        options.name = "openclaw"
    if options.script_agent and (options.binary or options.binary_url):
        die(2, "Cannot install two agents: --script-agent excludes --binary and --binary-url", "--help")
    if options.binary and options.binary_url:
        die(2, "Cannot install two agents: --binary excludes --binary-url", "--help")
    agent.check_watched(options.watch or "", options.probe_url or "")
    if re.search("[\x00-\x1f\x7f]", (options.status_command or "") + (options.metrics_command or "")):
        die(2, "Cannot keep a command for the service: it has a control character", "--status-command /usr/local/bin/check")
    options.sha256 = options.sha256.lower()
    if options.sha256 and not re.match(r"[0-9a-f]{64}\Z", options.sha256):
        die(2, 'Cannot read "--sha256": 64 hexadecimal digits are expected', "--help")
    return options


def trim(text):
    """A text without white space around it and the mark that Windows' editors put before UTF-8."""
    return re.sub(r"\A\ufeff", "", text).strip()


def check_url(url):
    """The URL without what follows the host that we add ourselves, or None."""
    while True:
        cut = re.sub(r"(/|/functions/v1)\Z", "", url)
        if cut == url:
            break
        url = cut
    # Refused: all but what RFC 3986 lets stand in a URL, and a user, a query and a fragment.
    if not re.match(r"[\]A-Za-z0-9:/._~%!$&'()*+,;=\[-]+\Z", url):
        return None
    loopback = "http://" + agent.LOOPBACK
    secure = r"https://([A-Za-z0-9][^:/\[\]]*|\[[0-9A-Fa-f:.]+\])"
    return url if re.match("(%s|%s)" % (loopback, secure) + r"(:[0-9]{0,5})?(/.*)?\Z", url) else None


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sum_of(sums, name):
    """The sum of the file in a text that is like a SHA256SUMS, or an empty one."""
    for line in sums.splitlines():
        match = re.match(r"([0-9a-f]{64}) [ *](\S+)\Z", line)
        if match and match.group(2) == name:
            return match.group(1)
    return ""


def read_text(path):
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return file.read()


def hash_of(path):
    """The SHA-256 of a file in hex, or None: no link is followed."""
    if os.path.islink(path) or not os.path.isfile(path):
        return None
    found = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def is_own(path):
    """Whether the file is this user's, no link, and no other user may write to it."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return False
    return os.name == "nt" or status.st_uid == os.geteuid() and not status.st_mode & 0o022


def native(path):
    """A path in UTF-8, as this locale reads its bytes."""
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def real(path):
    """The one spelling of a path: absolute, without links, "//" and a "/" at its end."""
    return os.path.realpath(path)


def escape(words):
    return words.replace("\\", "\\\\").replace('"', '\\"')


def run(*command):
    """Whether the command succeeds. What it prints is for the person at the terminal."""
    talk = subprocess.DEVNULL if sys.stderr is None else sys.stderr.fileno()
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=talk, stderr=talk, check=False).returncode == 0
    except OSError as error:
        say(str(error))
        return False


def run_silently(*command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def output_of(*command):
    """What the command prints, or nothing if it fails."""
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return ""
    return ended.stdout.decode("utf-8", "replace").strip() if ended.returncode == 0 else ""


OF_ENVIRONMENT = "the service does not see HTTPS_PROXY and SSL_CERT_FILE of this shell: set them for it, too"

# No other program calls a file so: what has these endings was left by a run that was killed.
NEW, OLD, LOCK = ".openclaw-new", ".openclaw-old", ".openclaw-lock"

# The second name: ours only as a link to our program, on Windows as a script that starts it.
SHORT = "openclaw"
ANOTHER_NAME = "--name fleet-agent, which takes another name for all that is installed"


class Names:
    """Every name that this host sees, from one word."""

    def __init__(self, word):
        self.word = self.task = word
        self.unit = word + ".service"
        self.label = "dev.openclaw.agent" + ("" if word == "openclaw-agent" else "." + word)
        # What the program may be called, by its kind and its language.
        self.programs = [word + end for end in ("", ".exe", ".py", ".ps1")]
        # The state folder is given to the service's user, and root believes no manifest that another user may write.
        self.system_manifest = "/usr/local/lib/%s/install.json" % word
        self.system_program = "/usr/local/bin/" + word
        self.system_state, self.private_state = "/var/lib/" + word, "/var/lib/private/" + word
        self.root_state = "/var/root/Library/Application Support/" + word


UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"
# What a secret and a code have after their prefix.
BODY = r"_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}\Z"
HASHES = re.compile(r"[0-9a-f]{64}( [0-9a-f]{64})*\Z")
SERVICES = ("none", "systemd-system", "systemd-user", "launchd", "task")


class Installation:
    """What is, or is to be, on this host, and the steps that take it there."""

    def __init__(self, options, env):
        self.options, self.env = options, env
        self.undo, self.backups, self.changed = [], [], False
        self.kind, self.sha256 = "script", options.sha256
        self.binary_url, self.binary_name, self.kept = options.binary_url, "", False
        self.code = ""
        self.handed_over = self.enrolling = False
        self.lock = None
        # The agents that the credentials file names: url, id and secret.
        self.installed = self.newer = None
        # The files that outlive an undo: the server may have made an agent for them.
        self.lasting = []
        self.names = Names(agent.choose_name(options.name or ""))
        self.check_tools()
        self.check_home()
        self.check_platform()
        self.choose_places()

    # What is checked before anything is touched.

    def check_tools(self):
        if importlib.util.find_spec("_ssl") is None or importlib.util.find_spec("ssl") is None:
            die(1, 'Cannot install: "ssl" is missing', 'install "ssl" with the system\'s package manager')

    def check_home(self):
        if os.name == "nt":
            if not os.environ.get("APPDATA") or not os.environ.get("LOCALAPPDATA"):
                die(2, "Cannot install: APPDATA is not an absolute path", "set APPDATA to that folder of this user")
            return
        if not os.environ.get("HOME", "").startswith("/"):
            die(2, "Cannot install: HOME is not an absolute path", "set HOME to the home folder of this user")
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            if re.search("[\x00-\x1f\x7f]", os.environ.get(name, "")):
                die(2, "Cannot install: %s has a control character" % name, "set %s to a folder of this user" % name)
        for path in (os.environ["HOME"], os.environ.get("XDG_CONFIG_HOME", "")):
            try:
                os.fsencode(path).decode("utf-8")
            except UnicodeDecodeError:
                die(2, 'Cannot install into "%s": a path in UTF-8 is expected' % path, "set HOME to the home folder of this user")
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            if os.environ.get(name, "").startswith("/"):
                os.environ[name] = real(os.environ[name])

    def check_platform(self):
        system, machine = agent.platform.system(), agent.platform.machine()
        self.os, self.arch = agent.SYSTEMS.get(system), agent.MACHINES.get(machine.lower())
        if self.os is None or self.arch is None:
            die(1, 'Cannot install: the platform "%s %s" is not known' % (system, machine),
                'report it with the output of "uname -a"')
        musl = self.os == "linux" and "glibc" not in agent.platform.libc_ver()[0]
        # As the files of a release are named.
        arch = {"x86_64": "x64", "aarch64": "arm64"}.get(self.arch, self.arch)
        self.platform = "%s-%s%s" % (self.os, "musl-" if musl else "", arch)

    def choose_places(self):
        """Where everything goes. Root's service is that of the whole system."""
        self.manager = "none"
        if self.os == "linux" and os.path.isdir("/run/systemd/system") and shutil.which("systemctl"):
            if os.geteuid() == 0:
                self.manager = "systemd-system"
            elif run_silently("systemctl", "--user", "show-environment"):
                self.manager = "systemd-user"
        elif self.os == "darwin" and shutil.which("launchctl"):
            self.manager = "launchd"
        elif self.os == "windows":
            self.manager = "task"
        self.service = "none" if self.options.no_service else self.manager
        self.at_user_places()
        # An installation of the whole system stays one, whatever is asked for now.
        is_root = self.manager == "systemd-system" or self.manager == "launchd" and os.geteuid() == 0
        if is_root and (self.service != "none" or os.path.exists(self.names.system_manifest)):
            state = self.names.system_state if self.os == "linux" else self.names.root_state
            self.at_places(state, self.names.system_program, self.names.system_manifest)
        self.place_service(self.service)
        # The unit has it started by env, which would take such a path for a variable.
        if self.service == "systemd-user" and "=" in self.program and not self.options.uninstall:
            die(2, 'Cannot install into "%s": a service cannot start what has an equals sign in its path' % os.environ["HOME"],
                "--no-service")

    def at_user_places(self):
        if os.name == "nt":
            folder = os.path.join(os.environ["LOCALAPPDATA"], self.names.word)
        else:
            folder = os.path.join(os.environ["HOME"], ".local/bin")
        self.at_places(agent.folder_of_credentials(self.names.word), os.path.join(folder, self.names.word))

    def at_places(self, state, program, manifest=None):
        self.state, self.program, self.system = state, program, manifest is not None
        self.credentials = os.path.join(state, "credentials.json")
        self.enrollment = os.path.join(state, "enrollment-id")
        self.manifest = manifest or os.path.join(state, "install.json")
        linux_user = self.os == "linux" and not self.system
        self.session = os.path.join(self.state_home(), self.names.word, "session.json") if linux_user else \
            os.path.join(state, "session.json")
        self.log = os.path.join(state, "openclaw.log")
        self.choose_kind()

    def state_home(self):
        """The XDG Base Directory Specification has a relative path passed over."""
        given = os.environ.get("XDG_STATE_HOME", "")
        return given if given.startswith("/") else os.path.join(os.environ["HOME"], ".local/state")

    def choose_kind(self):
        """Whether the program is a binary: asked for, or released for this platform, or in place already."""
        options, bare = self.options, self.program
        self.kind, self.binary_url = "script", options.binary_url
        if options.binary or options.binary_url:
            self.kind = "binary"
        elif not options.script_agent:
            name = "openclaw-" + self.platform + (".exe" if self.os == "windows" else "")
            if BINARY_FOLDER and sum_of(BINARY_SUMS, name):
                self.kind, self.binary_url = "binary", BINARY_FOLDER + "/" + name
        self.program = self.program_of(bare, self.kind)
        if self.kind == "script" and not options.script_agent and not options.uninstall:
            installed = self.program_of(bare, "binary")
            self.kept = self.read_manifest().get("program") == "binary" and self.may_run(installed)
            if self.kept:
                self.kind, self.program, self.sha256 = "binary", installed, hash_of(installed)

    def may_run(self, program):
        """Whether it is the program that the manifest lists, no other user may change it, and it starts."""
        return self.is_ours(program) and is_own(program) and run_silently(program, "--version")

    def program_of(self, bare, kind):
        """Windows tells by a name's end what it can start."""
        return bare if os.name != "nt" else bare + (".exe" if kind == "binary" else ".py")

    def place_service(self, service):
        self.service = service
        launchd = "/Library/LaunchDaemons" if hasattr(os, "geteuid") and os.geteuid() == 0 else \
            os.path.join(os.path.expanduser("~"), "Library/LaunchAgents")
        self.service_file = {
            "systemd-system": "/etc/systemd/system/" + self.names.unit,
            "systemd-user": os.path.join(os.path.dirname(self.state), "systemd/user", self.names.unit),
            "launchd": os.path.join(launchd, self.names.label + ".plist"),
            "task": os.path.join(self.state, "task.xml"),
        }.get(service, "")

    def files(self):
        return [file for file in (self.manifest, self.credentials, self.program, self.service_file) if file]

    def choose_credentials(self):
        """Id and secret, or a code in their place, come from one layer together: flags, environment, this file, or what
        is installed already."""
        options, env = self.options, self.env
        installed = None
        if os.path.lexists(self.credentials):
            installed = self.read_installed()
            if installed is None:
                die(5, 'Cannot install: "%s" is there and holds no credentials' % self.credentials, "move it away")
        self.installed, self.newer = installed, installed and self.read_newer(installed[0])
        secret, secret_file = env.get("OPENCLAW_AGENT_SECRET", ""), env.get("OPENCLAW_AGENT_SECRET_FILE", "")
        code, code_file = env.get("OPENCLAW_ENROLLMENT_CODE", ""), env.get("OPENCLAW_ENROLLMENT_CODE_FILE", "")
        pair = None
        if options.agent_id or options.agent_secret_file or options.enrollment_code_file:
            code, code_file = "", options.enrollment_code_file
            self.need_one(options.agent_id or options.agent_secret_file, code_file, "--agent-id and --agent-secret-file", "--enrollment-code-file")
            if not code_file:
                pair = (options.agent_id, options.agent_secret_file and self.read_line(options.agent_secret_file, "secret"))
                self.need_pair(pair, "--agent-id and --agent-secret-file")
        elif env.get("OPENCLAW_AGENT_ID") or secret or secret_file or code or code_file:
            self.need_one(env.get("OPENCLAW_AGENT_ID") or secret or secret_file, code or code_file,
                          "OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET", "OPENCLAW_ENROLLMENT_CODE")
            self.need_no_file(secret, secret_file, "secret", "OPENCLAW_AGENT_SECRET")
            self.need_no_file(code, code_file, "code", "OPENCLAW_ENROLLMENT_CODE")
            if not code and not code_file:
                pair = (env.get("OPENCLAW_AGENT_ID", ""), secret or (secret_file and self.read_line(secret_file, "secret")))
                self.need_pair(pair, "OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET")
        elif BAKED_AGENT_ID:
            pair = (BAKED_AGENT_ID, BAKED_AGENT_SECRET)
        elif installed:
            pair = installed[1:]
        else:
            die(2, "Cannot install: no agent is named",
                "give --url, --agent-id and --agent-secret-file, or OPENCLAW_URL, OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET, "
                "or --enrollment-code-file")
        if pair is None and installed:
            say("this host is enrolled already, as the agent %s: the enrollment code is not used" % installed[1])
            pair = installed[1:]
        url = options.url or env.get("OPENCLAW_URL", "") or BAKED_URL or (installed and installed[0])
        if not url:
            die(2, "Cannot install: no server is named", "give --url or OPENCLAW_URL")
        self.url = check_url(url)
        if self.url is None:
            die(2, 'Cannot use the URL: it is neither https nor a loopback address',
                "--url https://fleet.example.com")
        if pair is None:
            self.code = trim(code or self.read_line(code_file, "code"))
            self.check_form(self.code, "oce", "enrollment code", "code")
        else:
            self.check_identity(trim(pair[0]).lower(), trim(pair[1]))

    def read_installed(self):
        try:
            return agent.read_credentials(self.credentials)
        except OSError:
            return None

    def stored(self):
        """The fields of the credentials file, or None."""
        try:
            with open(self.credentials, "rb") as file:
                return agent.read_object(file.read(16385))
        except OSError:
            return None

    def read_newer(self, url):
        """The second identity in the credentials file, or None. A program that was ended in the middle of a rotation
        leaves two: the server may take either."""
        fields = self.stored()
        agent_id, secret = [agent.text(fields, name) or "" for name in ("next_agent_id", "next_agent_secret")]
        return (url, agent_id, secret) if re.match(UUID, agent_id) and re.match("ocs" + BODY, secret) else None

    def need_pair(self, pair, names):
        if not all(pair):
            die(2, "Cannot install: %s are given together" % names, "give both, or neither")

    def need_one(self, of_agent, of_code, names, name):
        if of_agent and of_code:
            die(2, "Cannot tell which agent this is: both %s and %s are given" % (name, names), "give an agent, or a code")

    def need_no_file(self, given, file, what, name):
        if given and file:
            die(2, "Cannot tell which %s to use: both %s_FILE and %s are given" % (what, name, name), "unset " + name)

    def read_line(self, path, what):
        """The first line of the file, which holds a secret or a code; for a code, a dash is standard input."""
        hint = "name a file that holds the " + what
        if path == "-" and what == "code":
            if sys.stdin and sys.stdin.isatty():
                die(2, "Cannot read the code from standard input: it is a terminal, which would show it", hint)
            line = sys.stdin.readline(1024) if sys.stdin else ""
            if not trim(line):
                die(2, "Cannot read the code from standard input: it is empty", hint)
            return line
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                status = os.fstat(file.fileno())
                line = file.readline(1024)
        except FileNotFoundError:
            die(4, 'Cannot read "%s": there is no such file' % path, hint)
        except OSError:
            die(3, 'Cannot read "%s": this user may not read it' % path, hint)
        if what == "code" and os.name != "nt" and stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
            say('warning: "%s" is open to other users: chmod 600 it' % path)
        if not trim(line):
            die(2, 'Cannot read "%s": it is empty' % path, hint)
        return line

    def check_identity(self, agent_id, secret):
        if not re.match(UUID, agent_id):
            die(2, "Cannot use the agent id: it is not a UUID", "--agent-id 00000000-0000-4000-8000-000000000000")
        self.check_form(secret, "ocs", "agent secret", "secret")
        self.agent_id, self.agent_secret = agent_id, secret

    def check_form(self, text, prefix, name, short):
        """Whether the text is built as a secret is, after its prefix."""
        if len(text) != 54:
            die(2, "Cannot use the %s: it has %d characters, a %s has 54" % (name, len(text), short), "copy it whole")
        if not re.match(prefix + BODY, text):
            die(2, 'Cannot use the %s: it is not of the form "%s_..._..."' % (name, prefix), "copy it whole")
        if text[48:] != base64url(hashlib.sha256(text[:47].encode()).digest()[:4]):
            die(2, "Cannot use the %s: its checksum does not fit: it was mistyped or cut" % name, "copy it whole")

    def check_kind(self):
        """A second installation, or a service left behind, would be a surprise."""
        self.check_readable()
        user = agent.folder_of_credentials(self.names.word)
        if self.state != user and os.path.exists(os.path.join(user, "install.json")):
            die(5, "Cannot install: this user has an installation without a service of the system",
                "remove it first: --uninstall --no-service")
        earlier = self.read_manifest().get("service")
        if earlier not in (None, "none", self.service):
            die(5, 'Cannot install: the installation that is there has the service "%s"' % earlier,
                "remove it first: --uninstall")
        if self.service == "task" and not self.is_own_task():
            die(5, 'Cannot install: the task "%s" is there, of another user or program' % self.names.task,
                "schtasks /Query /TN %s /V /FO LIST" % self.names.task)

    def is_own_task(self):
        """Whether the task, of which a machine has one, is not there, or an installer or the CLI wrote it for this user."""
        task = output_of("schtasks", "/Query", "/TN", self.names.task, "/XML")
        if not task:
            return not run_silently("schtasks", "/Query", "/TN", self.names.task)
        users = [user.lower() for user in re.findall("<UserId>([^<]*)</UserId>", task)]
        return "Written by openclaw" in task and any(user in users for user in self.own_names())

    def own_names(self):
        """This user's name and SID, as Windows writes them into a task."""
        return [name.lower() for name in re.findall('"([^"]*)"', output_of("whoami", "/user", "/fo", "csv", "/nh"))]

    def check_installed(self):
        if self.installed is None:
            return
        if (self.url, self.agent_id, self.agent_secret) not in (self.installed, self.newer):
            die(5, 'Cannot install: "%s" has other credentials, for the agent %s' % (self.credentials, self.installed[1]),
                "remove that agent first: --uninstall")
        say("this agent is installed already: repairing what is missing")

    def read_manifest(self):
        """The manifest's fields, all empty if there is no manifest that this user may trust."""
        try:
            with open(self.manifest, "rb") as file:
                fields = agent.read_object(file.read(16385)) if is_own(self.manifest) else None
        except OSError:
            fields = None
        nothing = {"files": {}, "folders": []}
        files, folders = (fields or {}).get("files"), (fields or {}).get("folders")
        if not isinstance(files, dict) or not files or not isinstance(folders, list):
            return nothing
        are_hashes = all(value is None or isinstance(value, str) and HASHES.match(value) for value in files.values())
        are_words = None not in [agent.text(fields, name) for name in ("agent_id", "program")]
        is_whole = are_words and are_hashes and all(isinstance(path, str) for path in folders)
        if not is_whole or agent.text(fields, "service") not in SERVICES:
            return nothing
        # The manifest is UTF-8 whatever this locale makes of a path's bytes.
        fields["files"] = {native(path): files[path] for path in files}
        fields["folders"] = [native(path) for path in folders]
        return fields

    def check_readable(self):
        """Whether the manifest, if there is one, is to be believed."""
        if not os.path.lexists(self.manifest):
            return
        hint = "look at it, and move it away if it is not needed"
        if not is_own(self.manifest):
            die(5, 'Cannot use the manifest "%s": another user may have written it' % self.manifest, hint)
        if not self.read_manifest()["files"]:
            die(5, 'Cannot read the manifest "%s": it is not as an installer wrote it' % self.manifest, hint)

    def is_ours(self, path):
        """Whether the file is as the manifest lists it."""
        return self.is_listed(path, self.read_manifest()["files"].get(path))

    def check_file(self, path):
        if os.path.lexists(path) and not self.is_ours(path):
            die(5, 'Cannot install: "%s" is there and this installer did not write it: %s' % (path, whose(path)), ANOTHER_NAME)
        self.check_folder(os.path.dirname(path))

    def check_folder(self, folder):
        folder = first_there(folder)
        if not is_writable(folder):
            die(1, 'Cannot install: the folder "%s" cannot be written to' % folder, "run it as a user who may write there")

    def check_lasting(self):
        """A code is worth as many agents as it has uses: a host that would forget its own with the next start has no
        place to enroll."""
        folder = first_there(self.state)
        fault = transience_of(os.path.realpath(folder)) if is_writable(folder) else "it cannot be written to"
        if fault:
            die(2, 'Cannot enroll: "%s" is no place that lasts: %s' % (self.state, fault),
                "mount a volume there: docker run -v openclaw-agent:%s ..." % self.state)

    def check_free(self, folder):
        """A first installation takes no folder in which another program keeps something."""
        if os.path.lexists(self.manifest) or not os.path.isdir(folder):
            return
        for name in sorted(os.listdir(folder)):
            if not re.match(OWN_FILES, name):
                die(5, 'Cannot install: "%s" has files of another program: %s, %s' % (
                    folder, agent.shown(name), whose(os.path.join(folder, name))), ANOTHER_NAME)

    def check_unit(self):
        """The manager may have a unit of our name from elsewhere, or the host a user."""
        if self.service.startswith("systemd"):
            defined = output_of(*self.systemd("show", "-p", "FragmentPath", self.names.unit)).partition("=")[2]
        elif self.service == "launchd":
            shown = output_of("launchctl", "print", self.launchd_domain() + "/" + self.names.label)
            defined = (re.findall(r"^\s*path = (.+)$", shown, re.M) + [""])[0]
        else:
            return
        if defined and os.path.realpath(defined) != os.path.realpath(self.service_file):
            die(5, 'Cannot install: "%s" is another service\'s, from "%s"' % (self.names.unit, agent.shown(defined)), ANOTHER_NAME)
        user = output_of("id", "-u", self.names.word) if self.service == "systemd-system" else ""
        # The users that systemd makes for a running service have these numbers.
        if user and not 61184 <= int(user) <= 65519:
            die(5, 'Cannot install: this host has a user "%s" (%s), and the service makes one of its own' % (self.names.word, user),
                ANOTHER_NAME)

    def check_places(self):
        if self.code:
            self.check_lasting()
        self.check_folder(self.state)
        self.check_unit()
        # systemd gives this folder, with all that is in it, to the agent's user.
        for key in ("operator-key", "jwt-keys.json") if self.service == "systemd-system" else ():
            if os.path.exists(os.path.join(self.state, key)):
                die(5, 'Cannot install: "%s" has the keys of a server, "%s"' % (self.state, key),
                    "move the server's data: openclaw-server serve --data /var/lib/openclaw-server")
        self.check_free(self.state)
        self.check_free(os.path.dirname(self.session))
        self.check_folder(os.path.dirname(self.manifest))
        self.check_file(self.program)
        if self.service_file:
            self.check_file(self.service_file)

    def second_path(self):
        return os.path.join(os.path.dirname(self.program), SHORT + (".cmd" if os.name == "nt" else ""))

    def shim(self):
        return '@"%~dp0' + os.path.basename(self.program) + '" %*\r\n'

    def has_second(self):
        path = self.second_path()
        try:
            if os.name != "nt":
                return os.readlink(path) == os.path.basename(self.program)
            with open(path, newline="") as file:
                return file.read() == self.shim()
        except OSError:
            return False

    def find_other(self):
        """The first file of the short name that is not ours: on the PATH, or beside the program."""
        ends = (".exe", ".cmd", ".bat", ".ps1") if os.name == "nt" else ("",)
        for folder in os.environ.get("PATH", "").split(os.pathsep) + [os.path.dirname(self.program)]:
            for path in [os.path.join(folder, SHORT + end) for end in ends if folder]:
                if os.path.lexists(path) and not (path == self.second_path() and self.has_second()):
                    return path
        return ""

    def settle_second_name(self):
        """The short name, where somebody asks for it and nobody else has it."""
        other, wanted, program = self.find_other(), self.options.second_name, os.path.basename(self.program)
        if other:
            say('"%s" is another program\'s (%s): it stays, and this agent is only "%s"' % (other, whose(other), program))
        elif not wanted and not self.options.no_second_name and self.is_first and not self.options.yes:
            wanted = sys.stdin and sys.stdin.isatty() and ask('May it be called "%s", too?' % SHORT)
        if self.options.no_second_name:
            self.drop_second_name()
        elif wanted and not other and not self.has_second():
            try:
                self.make_second_name()
            except OSError as error:
                say("warning: %s" % error)

    def make_second_name(self):
        if os.name != "nt":
            os.symlink(os.path.basename(self.program), self.second_path())
            return
        with open(self.second_path(), "x", newline="") as file:
            file.write(self.shim())

    def drop_second_name(self):
        if self.has_second():
            self.remove(self.second_path())

    def choose_program(self):
        """Which program is installed, and what proves its origin."""
        options, sums = self.options, ""
        if self.kind == "script" or self.kept:
            return
        if options.binary:
            if not os.path.isfile(options.binary) or not os.access(options.binary, os.R_OK):
                die(4, 'Cannot read "%s": there is no such file, or this user may not read it' % options.binary,
                    "name a program with --binary")
            self.binary_name = os.path.basename(options.binary)
            sums = os.path.join(os.path.dirname(options.binary), "SHA256SUMS")
            sums = read_text(sums) if os.path.isfile(sums) else ""
        else:
            url = check_url(self.binary_url)
            if url is None:
                die(2, 'Cannot use the binary URL: it is neither https nor a loopback address',
                    "--binary-url https://example.com/openclaw")
            self.binary_name = url.rpartition("/")[2]
            if url.startswith("http://") and not self.sha256:
                sums = self.fetch_sums(url.rpartition("/")[0] + "/SHA256SUMS")
        self.sha256 = self.sha256 or sum_of(BINARY_SUMS, self.binary_name) or sum_of(sums, self.binary_name)
        if not self.sha256:
            die(2, 'Cannot verify "%s": its SHA-256 is not known' % self.binary_name,
                "give it with --sha256, from somewhere else than the program")

    def choose_watched(self):
        """What the small agent watches: what is asked for now, else what the service that is there has."""
        options, self.watched = self.options, self.options.watched()
        if self.kind != "script":
            return
        if options.status_command or options.metrics_command:
            die(2, "Cannot keep a command for the small agent: it knows --watch and --probe-url only",
                "install the program: --binary <file>")
        before = self.options_before()
        for name in ("status-command", "metrics-command", "rotate-every", "progress-file", "back-in"):
            if name in before:
                say("warning: the small agent has no --%s, which the service that is there has" % name)
        watch = before.get("watch", "") if options.watch is None else options.watch
        probe_url = before.get("probe-url", "") if options.probe_url is None else options.probe_url
        agent.check_watched(watch, probe_url)
        self.watched = ["--%s=%s" % (name, value) for name, value in (("watch", watch), ("probe-url", probe_url)) if value]

    def options_before(self):
        """The options of an agent in the service's definition, if it is ours."""
        if not self.service_file or not self.is_ours(self.service_file):
            return {}
        with open(self.service_file, "rb") as file:
            data = file.read()
        text = data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8", "replace")
        found = {}
        for name in ("watch", "probe-url", "status-command", "metrics-command", "rotate-every", "progress-file", "back-in"):
            match = re.search('["<>]--%s=([^"<]*)["<]' % name, text)
            if match and self.service in ("launchd", "task"):
                found[name] = match.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            elif match:
                found[name] = match.group(1).replace("%%", "%").replace("$$", "$")
        return found

    def fetch_sums(self, url):
        try:
            with agent.opener_for(url, agent.Unfollowed).open(url, timeout=15) as response:
                return response.read(65536).decode("utf-8-sig", "replace")
        except agent.unreachable:
            return ""

    def try_credentials(self):
        if self.newer:
            self.agent_id, self.agent_secret = self.newer[1:]
        self.agent = agent.Agent(self.url, self.agent_id, self.agent_secret)
        if self.agent.shake_hands() or self.newer and self.is_refused(self.agent.reply) and self.try_older():
            late = offset(agent.text(self.agent.reply.fields, "server_time"))
            if late:
                say("warning: " + late)
            self.name = agent.shown(self.agent.name)
            say('shook hands with %s as "%s" (%s)' % (self.url, self.name, self.agent_id))
            return
        if not self.is_refused(self.agent.reply):
            self.no_answer("shake hands with", self.agent.reply)
        self.stop_asking(3, "Cannot shake hands with %s: the agent is unknown or revoked, or its secret is wrong" % self.url,
                  "ask the operator of the server")

    def try_older(self):
        """The identity beside which there is a newer one, as the program does."""
        self.agent_id, self.agent_secret = self.installed[1:]
        self.agent = agent.Agent(self.url, self.agent_id, self.agent_secret)
        return self.agent.shake_hands()

    def is_refused(self, reply):
        return reply.ours(401) and reply.code() == "invalid_credentials"

    def no_answer(self, what, reply):
        """Dies of what came when this was to do something with the server."""
        if not reply.failure:
            self.stop_asking(6, "Cannot %s %s: %s" % (what, self.url, reply.what_came()), "check the URL, and the proxies on the way")
        import ssl
        if isinstance(reply.error, ssl.SSLError):
            late = offset(self.date_of_server(ssl._create_unverified_context()))
            if late:
                self.stop_asking(6, "Cannot %s %s: TLS fails, and %s" % (what, self.url, late), "set the clock of this host")
            self.stop_asking(6, "Cannot %s %s: TLS fails: %s" % (what, self.url, reply.failure),
                      "check the certificate; SSL_CERT_FILE names further authorities")
        self.stop_asking(6, "Cannot reach %s: %s" % (self.url, reply.failure), "check the URL, the network and the proxy")

    def stop_asking(self, code, what, hint):
        """As die does, after an undo if something was done."""
        (self.give_up if self.enrolling else die)(code, what, hint)

    def begin_enrollment(self):
        """The id, by which the server knows this host again: that of an earlier run, or a new one."""
        self.enrollment_id = self.read_enrollment() or base64url(os.urandom(32))
        if not self.options.dry_run:
            progress.begin(self.url, self.code, self.enrollment_id)
        progress.came_to("started")

    def read_enrollment(self):
        try:
            with open(self.enrollment if is_own(self.enrollment) else os.devnull, errors="replace") as file:
                line = file.readline(64).rstrip("\n")
        except OSError:
            return ""
        return line if re.match(r"[A-Za-z0-9_-]{43}\Z", line) else ""

    def enroll(self, folders):
        """Gets an agent for the code. Whatever ends this run, the next one gets the same agent."""
        self.enrolling = True
        self.agent_id = ""
        self.put_manifest(folders)
        self.put(self.enrollment, 0o600, (self.enrollment_id + "\n").encode())
        self.lasting = [self.manifest, self.enrollment]
        messenger = agent.Agent(self.url, "", "")
        messenger.request("enroll", {"code": self.code, "enrollment_id": self.enrollment_id, "client": agent.client()})
        if not self.take_agent(messenger.reply):
            self.not_enrolled(messenger.reply)
        self.take_lock()
        self.put(self.credentials, 0o600, os.fsencode(self.credentials_text()))
        self.drop_lock()
        self.lasting = [self.manifest, self.credentials]
        say('enrolled at %s as "%s" (%s)' % (self.url, self.name, self.agent_id))
        progress.came_to("enrolled")
        self.try_credentials()
        try:
            discard(self.enrollment)
        except OSError:
            self.cannot_write(self.enrollment)
        self.enrolling = False

    def take_agent(self, reply):
        """Whether the reply has an agent and its secret, as they should be."""
        found = reply.fields.get("agent") if reply.ours(201) else None
        found = found if isinstance(found, dict) else {}
        agent_id, name = agent.text(found, "id") or "", agent.text(found, "name")
        secret = (agent.text(reply.fields, "agent_secret") if found else "") or ""
        if not re.match(UUID, agent_id) or name is None or not re.match("ocs" + BODY, secret):
            return False
        self.agent_id, self.name, self.agent_secret = agent_id, agent.shown(name), secret
        progress.secrets.append(secret)
        return True

    def not_enrolled(self, reply):
        if self.is_refused(reply):
            self.forget_enrollment()
            self.give_up(3, "Cannot enroll at %s: the code is unknown, expired, used up or revoked" % self.url,
                         "ask the operator of the server for another code")
        if reply.ours(409) and reply.code() == "conflict":
            self.forget_enrollment()
            self.give_up(5, "Cannot enroll at %s: %s" % (self.url, reply.what_came()),
                         "ask the operator of the server, who may remove agents or raise their limit")
        self.no_answer("enroll at", reply)

    def forget_enrollment(self):
        """The server has no agent for this id."""
        self.lasting = []
        try:
            discard(self.enrollment)
        except OSError:
            self.cannot_write(self.enrollment)

    def date_of_server(self, unverified):
        """Nothing secret is sent: whatever answers is asked for the time only."""
        opener = agent.opener_for(self.url, agent.Unfollowed, context=unverified)
        reply = agent.fetch(opener, 15, self.url + "/functions/v1/health")
        date = agent.http_date(reply.headers.get("date", ""))
        return None if date is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date))

    # From here on things are touched. What is done is noted, and undone if a step fails, the last first.

    def give_up(self, code, what, hint):
        if not self.handed_over:
            self.take_back()
        die(code, what, hint)

    def take_back(self):
        agent.on_signals(outlast)
        while self.undo:
            try:
                self.undo.pop()()
            except OSError:
                pass  # Nothing more can be done about it, and the message that follows says why we are here.
        say("what was done has been undone")
        if self.credentials in self.lasting:
            say("this host stays enrolled: run the installer again, the code is not needed any more")
        elif self.lasting:
            say("the id of this enrollment stays: run the installer again with the same code")

    def cannot_write(self, path):
        self.give_up(1, 'Cannot write "%s"' % path, "look at the disk and its permissions")

    def make_folder(self, folder):
        if os.path.isdir(folder):
            return
        self.make_folder(os.path.dirname(folder))
        self.undo.append(lambda: os.rmdir(folder))
        try:
            os.mkdir(folder, 0o700)
        except OSError:
            self.give_up(1, 'Cannot make the folder "%s"' % folder, "look at the disk and its permissions")
        # Every user runs the programs of a system; what a user has is the user's.
        if self.system and folder != self.state:
            os.chmod(folder, 0o755)

    def put(self, path, mode, content):
        """Writes the file, whole or not at all. Says nothing if it is there already."""
        try:
            self.begin(path)
            descriptor = os.open(path + NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                self.give_away(file.fileno(), path, mode)
                os.fsync(file.fileno())
        except OSError:
            self.cannot_write(path)
        self.replace(path)

    def begin(self, path):
        """Noted before there is anything, so that an interruption at any moment leaves nothing."""
        discard(path + NEW, path + OLD)
        self.undo.append(lambda: discard(path + NEW))

    def give_away(self, descriptor, path, mode):
        """By its descriptor: the service's own user may have put a link in the place of its name."""
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        # That user owns the folder once it has run: what is replaced there stays readable for it.
        if self.service == "systemd-system" and os.path.dirname(path) == self.state:
            owner = os.stat(self.state)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def replace(self, path):
        """Moves the new file into its place."""
        if os.path.isfile(path) and same(path, path + NEW):
            discard(path + NEW)
            return
        try:
            if os.path.exists(path):
                self.keep(path)
            else:
                self.undo.append(lambda: path in self.lasting or os.unlink(path))
            os.replace(path + NEW, path)
        except OSError:
            self.cannot_write(path)
        self.changed = True
        say("wrote " + path)

    def keep(self, path):
        self.undo.append(lambda: discard(path + OLD) if path in self.lasting else restore(path))
        self.backups.append(path + OLD)
        if os.name == "nt" and path != self.manifest and path != self.credentials:
            # A program that runs can be called otherwise there, but not be written over.
            os.replace(path, path + OLD)
            return
        try:
            os.link(path, path + OLD, follow_symlinks=False)
        except (OSError, NotImplementedError):
            if self.service == "systemd-system":
                raise
            shutil.copy2(path, path + OLD)

    def plan_folders(self):
        """The folders that the installation makes: those that are not there yet, and those of an earlier run."""
        folders = set(self.read_manifest()["folders"])
        for file in self.files():
            folder = os.path.dirname(file)
            while not os.path.isdir(folder) or folder == self.state:
                folders.add(folder)
                folder = os.path.dirname(folder)
        # The deepest first: so they can be removed in this order.
        return sorted(folders, key=os.fsencode, reverse=True)

    def take_hashes(self):
        """The hashes that the manifest lists: of the files as they are to be, and, until they are, as they are."""
        self.after, self.before = {self.program: self.sha256}, {}
        if self.kind == "script":
            self.after[self.program] = hashlib.sha256(os.fsencode(self.program_text())).hexdigest()
        for path in (self.program, self.service_file):
            if path and hash_of(path):
                self.before[path] = hash_of(path)
        # A program's own installation adds its definition to the list.
        if self.service_file and self.kind == "script":
            self.after[self.service_file] = hashlib.sha256(self.service_bytes()).hexdigest()

    def manifest_text(self, folders):
        files = {}
        for path in (self.program, self.service_file):
            hashes = [one.get(path) for one in (self.after, self.before) if one.get(path)]
            if hashes:
                files[path] = " ".join(dict.fromkeys(hashes))
        files[self.credentials] = None
        if self.enrolling:
            files[self.enrollment] = None
        if self.service in ("launchd", "task"):
            files[self.log] = None
        fields = {"version": VERSION, "written_by": "install.py", "url": self.url, "agent_id": self.agent_id,
                  "program": self.kind, "service": self.service, "files": files, "folders": folders}
        return agent.json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    def credentials_text(self):
        return '{\n  "version": 1,\n  "url": "%s",\n  "agent_id": "%s",\n  "agent_secret": "%s"\n}\n' % (
            self.url, self.agent_id, self.agent_secret)

    def program_text(self):
        python = self.python()
        return AGENT.replace("#!/usr/bin/env python3", "#!" + python, 1)

    def python(self):
        """The interpreter of the agent: for a service of the system, one that is in no user's home."""
        own = os.path.realpath(sys.executable or "")
        if self.service == "systemd-system" and re.match("/(home|root|run|tmp)/", own):
            for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
                if os.access(path, os.X_OK):
                    return path
        return own if own and re.match(r"\S{1,120}\Z", own) else "/usr/bin/env python3"

    def put_program(self):
        if self.kind == "script":
            self.put(self.program, 0o755, os.fsencode(self.program_text()))
            if os.name != "nt" and not run_silently(self.program, "--version"):
                self.give_up(1, 'Cannot run "%s": the system does not start it' % self.program,
                             'choose a HOME on a file system that is mounted without "noexec"')
        elif not self.kept:
            self.get_program()
            self.replace(self.program)

    def get_program(self):
        """Beside its place, verified."""
        new = self.program + NEW
        try:
            self.begin(self.program)
        except OSError:
            self.cannot_write(self.program)
        self.fetch_binary(new)
        found = hash_of(new)
        if found != self.sha256:
            self.give_up(1, 'Cannot verify "%s": its SHA-256 is %s, %s is expected' % (
                self.binary_name, found, self.sha256), "fetch it again; if that does not help, tell its publisher")
        os.chmod(new, 0o755)
        if not run_silently(new, "--version"):
            self.give_up(1, 'Cannot run "%s" on %s' % (self.binary_name, self.platform),
                         "install the agent that needs no binary: --script-agent")
        progress.came_to("downloaded")

    def leftovers(self):
        """A manifest lists one program only, so what could not be removed of a former one is looked for by name."""
        folder = os.path.dirname(self.program)
        return [os.path.join(folder, name + end) for name in self.names.programs for end in (NEW, NEW + ".exe", OLD)]

    def remove_former(self, files):
        """Of another kind or language, it has another name on Windows, and the new manifest does not list it."""
        for path in files:
            is_other = os.path.dirname(path) == os.path.dirname(self.program) and path != self.program
            if is_other and self.is_listed(path, files[path]):
                try:
                    discard(path + OLD)
                    self.undo.append(lambda path=path: restore(path))
                    self.backups.append(path + OLD)
                    os.replace(path, path + OLD)
                except OSError:
                    self.cannot_write(path)

    def is_listed(self, path, hashes):
        return hashes is not None and (hash_of(path) or "-") in hashes.split()

    def fetch_binary(self, new):
        try:
            with self.read_from(self.open_binary) as source, open(new, "xb") as file:
                for block in iter(lambda: self.read_from(source.read, 1 << 20), b""):
                    file.write(block)
                # Not every version of Python says so itself when a reply ends before its time.
                if getattr(source, "length", None):
                    raise Unread("it ended %d bytes early" % source.length)
                file.flush()
                os.fsync(file.fileno())
        except Unread as error:
            if self.options.binary:
                self.give_up(1, 'Cannot read "%s": it breaks off' % self.binary_name, "look at the disk that it is on")
            self.give_up(6, 'Cannot fetch "%s": %s' % (self.binary_name, agent.shown(str(error))),
                         "check the URL, the network and the proxy")
        except OSError:
            self.cannot_write(self.program)

    def open_binary(self):
        if self.options.binary:
            return open(self.options.binary, "rb")
        return agent.opener_for(self.binary_url, SameScheme, is_whole=False).open(self.binary_url, timeout=60)

    def read_from(self, read, *arguments):
        """Distinguishes a file that cannot be read from one that cannot be written."""
        try:
            return read(*arguments)
        except agent.unreachable as error:
            raise Unread(getattr(error, "reason", error)) from error

    def command(self):
        """What a service starts, where no file can be started that is a script, and the script."""
        if self.kind == "script" and os.name == "nt":
            # The one without a window, where it is there.
            quiet = os.path.join(os.path.dirname(sys.executable), "pythonw.exe")
            return quiet if os.path.isfile(quiet) else sys.executable, '"%s" ' % self.program
        return self.program, ""

    def service_text(self):
        """The definition of the service: its template, with the values of this host."""
        command, script = self.command()
        values = {"OPTIONS": "".join(self.option_text(option) for option in self.watched),
                  "NAME": self.names.word, "LABEL": self.names.label}
        if self.service == "launchd":
            values.update(PROGRAM=xml(self.program), LOG=xml(self.log), HOME=xml("/var/root" if self.system else os.environ["HOME"]))
        elif self.service == "task":
            user = os.environ.get("USERDOMAIN", ".") + "\\" + getpass.getuser()
            values.update(COMMAND=xml(command), SCRIPT=xml(script), LOG=xml(self.log), USER=xml(user))
        else:
            values.update(
                PROGRAM=escape(self.program).replace("%", "%%").replace("$", "$$"),
                CONFIG=escape(os.path.dirname(self.state)).replace("%", "%%"),
                STATE=escape(self.state_home()).replace("%", "%%"),
                ENVIRONMENT=os.path.join(self.state, "environment").replace("%", "%%"))
        return re.sub("@([A-Z]+)@", lambda match: values[match.group(1)], TEMPLATES[self.service])

    def option_text(self, option):
        """An option with neither quotes nor backslashes in it."""
        if self.service == "launchd":
            return "\n    <string>%s</string>" % xml(option)
        return ' "%s"' % (xml(option) if self.service == "task" else option.replace("%", "%%").replace("$", "$$"))

    def service_bytes(self):
        if self.service == "task":
            return ("\ufeff" + self.service_text().replace("\n", "\r\n")).encode("utf-16-le")
        return os.fsencode(self.service_text())

    def put_service(self):
        if self.service_file:
            self.put(self.service_file, 0o600 if self.service == "task" else 0o644, self.service_bytes())

    def systemd(self, *arguments):
        return ("systemctl",) + (("--user",) if self.service == "systemd-user" else ()) + arguments

    def launchd_domain(self):
        return "system" if os.geteuid() == 0 else "gui/%d" % os.geteuid()

    def is_running(self):
        if self.service.startswith("systemd"):
            return run_silently(*self.systemd("is-active", "--quiet", self.names.unit))
        if self.service == "launchd":
            return run_silently("launchctl", "print", self.launchd_domain() + "/" + self.names.label)
        return self.service == "task" and run_silently("schtasks", "/Query", "/TN", self.names.task)

    def start_service(self):
        if self.service.startswith("systemd"):
            if not (run(*self.systemd("daemon-reload")) and run(*self.systemd("enable", self.names.unit))):
                return False
            if self.is_running() and run(*self.systemd("stop", self.names.unit)):
                self.announce_return()
            return run(*self.systemd("restart", self.names.unit))
        if self.service == "launchd":
            # It says that it stops before it has stopped, and two of a name cannot be.
            if run_silently("launchctl", "bootout", self.launchd_domain() + "/" + self.names.label):
                self.has_stopped()
                self.announce_return()
            return run("launchctl", "bootstrap", self.launchd_domain(), self.service_file)
        if run_silently("schtasks", "/End", "/TN", self.names.task):
            self.announce_return()
        return run("schtasks", "/Create", "/F", "/TN", self.names.task, "/XML", self.service_file) \
            and run("schtasks", "/Run", "/TN", self.names.task)

    def announce_return(self):
        """The agent has said that it stops; this says that it is not for long. Should it stay away, that is told."""
        if self.agent.token is not None and not self.agent.beat("stopping", seconds=3, back_in=120):
            say("warning: %s was not told that the agent will be back" % self.url)

    def stop_service(self):
        if self.service.startswith("systemd"):
            run_silently(*self.systemd("disable", "--now", self.names.unit))
        elif self.service == "launchd":
            run_silently("launchctl", "bootout", self.launchd_domain() + "/" + self.names.label)
        elif self.service == "task":
            run_silently("schtasks", "/End", "/TN", self.names.task)
            run_silently("schtasks", "/Delete", "/F", "/TN", self.names.task)

    def has_stopped(self):
        """Whether the service is gone. One that cannot be asked about may not be."""

        if self.service.startswith("systemd"):
            return output_of(*self.systemd("show", "-p", "ActiveState", self.names.unit)) in (
                "ActiveState=inactive", "ActiveState=failed")
        for _ in range(25):
            if not self.is_running():
                return True
            time.sleep(1)
        return False

    def service_link(self):
        """What systemd's "enable" makes of the unit."""
        target = {"systemd-system": "multi-user.target", "systemd-user": "default.target"}.get(self.service)
        return target and os.path.join(os.path.dirname(self.service_file), target + ".wants", self.names.unit)

    def look(self):
        """What the server reports of the agent: liveness, and when it was last seen."""
        fields = self.agent.reply.fields if self.agent.request("heartbeat") else None
        shown = (fields or {}).get("agent")
        if not isinstance(shown, dict) or agent.text(shown, "liveness") is None:
            return None
        return shown["liveness"], shown.get("last_seen_at")

    def go_online(self):
        before = self.look()
        if before is None:
            self.give_up(6, "Cannot see the agent at %s: %s" % (self.url, self.agent.reply.what_came()), "try again later")
        seen_before, hint = before[1], "install without: --no-service"
        if self.service == "none":
            if not self.agent.beat():
                self.give_up(6, "Cannot send a heartbeat to %s: %s" % (self.url, self.agent.reply.what_came()), "try again later")
        elif self.is_complete and self.is_running():
            seen_before = "none"
        elif self.kind == "binary":
            self.hand_over()
        elif self.changed or not self.is_running():
            self.undo.append(self.stop_service)
            if self.needs_environment():
                say(OF_ENVIRONMENT)
                hint = OF_ENVIRONMENT + ", or " + hint
            if not self.start_service():
                self.give_up(1, 'Cannot start the service "%s"' % self.service, "look at what it printed above, or " + hint)
        else:
            seen_before = "none"
        for _ in range(30):
            seen = self.look()
            if seen is not None and seen[0] == "online" and seen[1] != seen_before:
                if self.service == "none":
                    say('the server took a first heartbeat of "%s"' % self.name)
                else:
                    say('the server reports "%s" as online' % self.name)
                progress.came_to("online")
                return
            time.sleep(1)
        self.give_up(1, 'Cannot see the agent online: the server says "%s"' % (seen and seen[0] or ""),
                     "look at the log of the service, or " + hint)

    def hand_over(self):
        """The program installs itself and its service. It reads the secret from its standard input."""
        runner = self.program
        if not self.kept:
            self.get_program()
            runner += NEW
        # An agent that a code was given for is not removed with the program.
        if self.is_first and not self.lasting:
            self.undo.append(lambda: self.may_run(self.program) and run(self.program, "service", "uninstall", *self.scope()))
        talk = subprocess.DEVNULL if sys.stderr is None else sys.stderr.fileno()
        command = (runner, "service", "install") + self.scope() + (
            "--url", self.url, "--agent-id", self.agent_id, "--agent-secret-file", "-") + tuple(self.watched)
        code = subprocess.run(command, input=(self.agent_secret + "\n").encode(), stdout=talk, stderr=talk, check=False).returncode
        if code != 0:
            self.take_back()
            code = code if 0 < code < 64 else 1
            progress.failed("Cannot install the service: the program ends with %d" % code)
            sys.exit(code)
        self.changed = True
        progress.came_to("installed")
        # The files of an earlier installation are gone: there is nothing to go back to.
        self.handed_over = not self.is_first or bool(self.lasting)

    def scope(self):
        user = () if self.system or self.service == "task" else ("--user",)
        return ("--name", self.names.word) + user

    def needs_environment(self):
        """Whether the service lacks what this shell has."""
        return self.service != "none" and any(
            os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE"))

    # The two things that can be asked for.

    def install(self):
        self.choose_credentials()
        if self.code:
            self.begin_enrollment()
        self.check_kind()
        self.check_installed()
        self.check_places()
        self.choose_program()
        self.choose_watched()
        if not self.code:
            self.try_credentials()
        if self.options.dry_run:
            for file in self.files():
                answer("would write " + file)
            return
        progress.came_to("checked")
        if self.code:
            confirm(self.options, "Enroll this host at %s, and install the agent to %s?" % (self.url, self.program))
        else:
            confirm(self.options, 'Install the agent "%s" to %s?' % (self.name, self.program))
        folders = self.plan_folders()
        self.is_first = not os.path.exists(self.manifest)
        self.take_hashes()
        self.is_complete = self.is_handed_over() and self.is_installed() and not self.options.watched()
        agent.on_signals(interrupt)
        try:
            self.write(folders)
        except SystemExit:
            raise
        except Interrupted:
            self.give_up(1, "Cannot go on: it was interrupted", "")
        except BaseException as error:
            # An error that was not foreseen is undone like the rest.
            self.give_up(1, "Cannot go on: %s" % (str(error) or type(error).__name__), "")
        agent.on_signals(outlast)
        if not self.is_handed_over():
            self.settle_manifest(folders)
        try:
            discard(*self.backups)
        except OSError as error:
            # The next run, and --uninstall, will.
            say("warning: %s" % error)
        self.settle_second_name()
        self.report()

    def is_handed_over(self):
        """Whether the program installs itself: the service of a script agent is ours to install."""
        return self.kind == "binary" and self.service != "none"

    def is_installed(self):
        """Whether the program that is asked for has installed itself and its service with these credentials."""
        return self.installed is not None and self.read_manifest().get("service") == self.service \
            and self.is_ours(self.service_file) and self.is_ours(self.program) and hash_of(self.program) == self.sha256

    def settle_manifest(self, folders):
        """What was replaced is not listed any more. Where this fails, it only stays on the list."""
        self.before = {}
        words = os.fsencode(self.manifest_text(folders))
        try:
            with open(self.manifest, "rb") as file:
                if file.read() == words:
                    return
            discard(self.manifest + NEW)
            descriptor = os.open(self.manifest + NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with open(descriptor, "wb") as file:
                file.write(words)
                if hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), self.manifest_mode())
            os.replace(self.manifest + NEW, self.manifest)
        except OSError as error:
            say("warning: %s" % error)

    def manifest_mode(self):
        return 0o644 if self.system else 0o600

    def write(self, folders):
        if self.is_complete:
            self.go_online()
            return
        earlier = self.read_manifest()
        # A service that is there already runs again in the end, with the files that it had.
        if self.service != "none" and earlier.get("service") == self.service and os.path.exists(self.service_file):
            self.undo.append(self.start_service)
        if self.code:
            self.enroll(folders)
        self.put_manifest(folders)
        # A run that was killed after it had stored its agent leaves this.
        discard(self.enrollment)
        self.make_folder(os.path.dirname(self.program))
        if self.is_handed_over():
            self.remove_former(earlier["files"])
            self.go_online()
            return
        for file in self.files():
            self.make_folder(os.path.dirname(file))
        for leftover in self.leftovers():
            try:
                discard(leftover)
            except OSError as error:
                # It still runs. Where its place is not needed now, the next run, and --uninstall, will.
                say("warning: %s" % error)
        self.take_lock()
        if not self.has_other_secret():
            self.put(self.credentials, 0o600, os.fsencode(self.credentials_text()))
        self.drop_lock()
        self.put_program()
        self.put_service()
        self.remove_former(earlier["files"])
        progress.came_to("installed")
        self.go_online()

    def take_lock(self):
        """The lock under which the program changes the credentials file: flock(2) of an empty file beside it, which goes
        with the lock. Windows has another kind."""
        if fcntl is None:
            return
        self.undo.append(self.drop_lock)
        until = time.monotonic() + 35
        try:
            if not self.try_lock():
                say('another process is changing "%s": waiting for it' % self.credentials)
                while not self.try_lock():
                    if time.monotonic() > until:
                        self.give_up(5, 'Cannot write "%s": another process is changing it' % self.credentials,
                                     "run the installer again later")
                    time.sleep(0.1)
        except OSError:
            self.cannot_write(self.credentials)

    def try_lock(self):
        """Whether no other process has it."""
        path = self.credentials + LOCK
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise OSError("it is not a file of ours")
            # The service's own user needs it, too.
            self.give_away(descriptor, path, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder may have removed it since it was opened here.
            if os.path.samestat(os.lstat(path), found):
                self.lock, descriptor = descriptor, None
        except (BlockingIOError, FileNotFoundError):
            pass
        finally:
            if descriptor is not None:
                os.close(descriptor)
        return self.lock is not None

    def drop_lock(self):
        if self.lock is not None:
            discard(self.credentials + LOCK)
            os.close(self.lock)
            self.lock = None

    def has_other_secret(self):
        """Whether a program keeps a secret in the credentials file that is not this run's to lose: it has put it there
        meanwhile, or is in the middle of a rotation."""
        if self.installed is None or not os.path.lexists(self.credentials):
            return False
        fields = self.stored()
        is_changed = agent.text(fields, "agent_secret") != self.installed[2]
        return is_changed or agent.text(fields, "next_agent_secret") not in (None, self.agent_secret)

    def put_manifest(self, folders):
        """The manifest comes first: whatever ends this run, what it wrote is known to the next one."""
        self.make_folder(self.state)
        self.protect_state()
        self.make_folder(os.path.dirname(self.manifest))
        self.put(self.manifest, self.manifest_mode(), os.fsencode(self.manifest_text(folders)))

    def protect_state(self):
        try:
            mode = stat.S_IMODE(os.stat(self.state).st_mode)
            if mode != 0o700:
                self.undo.append(lambda: self.lasting or os.chmod(self.state, mode))
                os.chmod(self.state, 0o700)
        except OSError:
            self.cannot_write(self.state)
        if os.name == "nt":
            user = "*" + self.own_names()[-1].upper() if self.own_names() else getpass.getuser()
            if not run_silently("icacls", self.state, "/inheritance:r", "/grant:r", user + ":(OI)(CI)F", "*S-1-5-18:(OI)(CI)F"):
                self.cannot_write(self.state)

    def report(self):
        if not self.changed:
            answer("nothing had to be changed")
        for file in self.files():
            answer("installed " + file)
        answer("to undo it: run this installer, or the one without a secret at %s/functions/v1/install?shell=%s, with --uninstall" %
               (self.url, "python"))
        if self.service == "none":
            options = "".join(" " + quoted(word) for word in self.watched)
            answer('to start the agent: %s"%s" monitor%s' % (self.own_variables(), self.program, options))
            if not self.options.no_service:
                answer("there is no systemd or launchd here: have it started at boot by what there is")
        elif self.kind == "script" and self.needs_environment():
            answer(OF_ENVIRONMENT)
        if self.service == "systemd-user":
            answer("to keep it running while you are logged out: loginctl enable-linger")
        offer_deletion(self.options)

    def own_variables(self):
        """What the agent needs in its environment, where cron starts it, to find its files."""
        if self.os != "linux" or self.system:
            return ""
        places = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state"}
        return "".join("%s=%s " % (name, shlex.quote(os.environ[name])) for name, usual in places.items()
                       if os.environ.get(name, "").startswith("/")
                       and os.environ[name] != os.path.join(os.environ["HOME"], usual))

    def uninstall(self):
        if not os.path.isfile(self.manifest) and self.system:
            self.at_user_places()
        if not os.path.lexists(self.manifest):
            die(4, 'Cannot uninstall: there is no "%s" of this agent' % self.manifest, "run it as the user who installed it")
        self.check_readable()
        fields = self.read_manifest()
        self.place_service(fields["service"])
        listed = fields["files"]
        if os.name == "nt":
            named = [file for file in listed if os.path.basename(file) in self.names.programs[1:]]
            self.program = os.path.join(os.path.dirname(self.program), os.path.basename(named[0])) if named else self.program
        # What a program has installed has its folders, too.
        folders = [self.state, os.path.dirname(self.session)] + fields["folders"]
        self.check_manifest(listed, folders)
        kept = [file for file in listed if listed[file] is not None and os.path.lexists(file) and not self.is_ours(file)]
        files = [file for file in listed if file not in kept] + [self.manifest]
        for file in files:
            # A user who may write to a folder may remove what stands in it.
            if os.name != "nt" and os.path.lexists(file) and not os.access(os.path.dirname(file), os.W_OK | os.X_OK):
                self.cannot_remove(file)
        if self.options.dry_run:
            for file in files:
                answer("would remove " + file)
            return
        if self.service == "task" and not self.is_own_task():
            die(5, 'Cannot uninstall: the task "%s" is of another user or program' % self.names.task,
                "schtasks /Query /TN %s /V /FO LIST" % self.names.task)
        confirm(self.options, "Remove the agent from %s?" % self.state)
        if fields["program"] == "binary" and self.service != "none" and self.may_run(self.program):
            self.have_removed()
        else:
            self.remove_all(files, folders)
        for file in files:
            answer("removed " + file)
        for file in kept:
            answer("kept, because it was changed: " + file)
        if self.service == "none":
            answer("an agent that was started by hand still runs: stop it, too")

    def have_removed(self):
        """By the program, which is named as what is left where it cannot remove itself."""
        talk = subprocess.DEVNULL if sys.stderr is None else sys.stderr.fileno()
        command = (self.program, "service", "uninstall") + self.scope()
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=talk, stderr=talk, check=False).returncode
        if code != 0:
            sys.exit(code if 0 < code < 64 else 1)
        if os.name == "nt":
            self.remove(self.program)
            self.remove_leftovers()
            self.remove_folders([os.path.dirname(self.program)])

    def remove_all(self, files, folders):
        self.stop_service()
        if not self.has_stopped():
            die(1, 'Cannot stop the service "%s": it still runs, or cannot be asked' % self.service,
                "stop it, then run the installer again with --uninstall")
        self.say_goodbye()
        self.drop_second_name()
        # A run that was killed leaves it.
        self.remove(self.credentials + LOCK)
        # The manifest is the last of them: until then, a run that failed or was interrupted can be repeated.
        for file in files:
            if file == self.manifest:
                self.remove_link()
                self.remove_leftovers()
            self.remove(file)
        self.remove_folders(folders)
        if self.service.startswith("systemd"):
            run_silently(*self.systemd("daemon-reload"))

    def remove_link(self):
        link = self.service_link()
        if link and os.path.islink(link):
            self.remove(link)
            self.remove_folders([os.path.dirname(link)])

    def remove(self, file):
        try:
            discard(file, file + NEW, file + OLD)
        except OSError:
            self.cannot_remove(file)

    def remove_leftovers(self):
        for leftover in self.leftovers():
            try:
                discard(leftover)
            except OSError:
                self.cannot_remove(leftover)

    def cannot_remove(self, file):
        die(1, 'Cannot remove "%s": this user may not' % file, "run it as the user who installed it, or as root")

    def remove_folders(self, folders):
        for folder in folders:
            try:
                if os.path.islink(folder) and folder == self.names.system_state:
                    os.rmdir(self.names.private_state)
                    os.unlink(folder)
                else:
                    os.rmdir(folder)
            except OSError:
                pass  # It has another program's files in it, so it stays.

    def check_manifest(self, files, folders):
        """Nothing is removed but what an installer or the program itself writes."""
        known = self.files() + [self.session, self.log, self.enrollment]
        lock = os.path.join(os.path.dirname(self.session), "monitor-")
        bad = [file for file in files if file not in known and not (
            file.startswith(lock) and re.match(r"[0-9a-f-]+\.lock\Z", file[len(lock):]))]
        bad += [folder for folder in folders
                if not any((os.path.dirname(file) + os.sep).startswith(folder + os.sep) for file in known)]
        if bad:
            die(5, 'Cannot uninstall: "%s" lists what no installer writes: %s ' % (self.manifest, " ".join(bad)),
                "remove it by hand")

    def say_goodbye(self):
        try:
            found = agent.read_credentials(self.credentials)
        except OSError:
            found = None
        one = agent.Agent(*found) if found else None
        if one is None:
            say('warning: the server was not told that the agent stops: "%s" holds no credentials' % self.credentials)
        elif one.shake_hands() and one.beat("stopping"):
            say("told %s that the agent stops" % one.url)
        else:
            say("warning: %s was not told that the agent stops" % one.url)


# What this installer, the program and the agents keep in a folder of ours, and an administrator's variables.
OWN_FILES = r"((credentials|session|install)\.json|enrollment-id)(\..*)?\Z|environment\Z|task\.xml\Z|monitor-.*\.lock\Z|openclaw\.log(\.[123])?\Z"


def first_there(folder):
    """The folder, or the first one above it that is there."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return folder


def is_writable(folder):
    return os.path.isdir(folder) and os.access(folder, os.W_OK)


def transience_of(folder):
    """What keeps the folder's files from being there after the next start; nothing, where that is not known."""
    kind = file_system_of(folder)
    if kind in ("tmpfs", "ramfs"):
        return "it is in memory, and gone after the next start"
    return "it is in the container's own file system, and goes with the container" if kind == "overlay" and is_container() else ""


def file_system_of(folder):
    """The type of the innermost mount that holds the folder, by proc(5); of several at one place, the last one counts.
    Only Linux tells it."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            mounts = [os.fsdecode(line).split(" ") for line in file.read().splitlines()]
    except OSError:
        return ""
    longest, kind = "", ""
    for words in mounts:
        # A space, a tab, a line break and a backslash are written as three octal digits.
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), words[4])
        if (point in ("/", folder) or folder.startswith(point + "/")) and len(point) >= len(longest):
            longest, kind = point, words[words.index("-", 6) + 1]
    return kind


def is_container():
    """By the marks that Docker, Podman and Kubernetes put into one."""
    marks = ("/.dockerenv", "/run/.containerenv")
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) or any(os.path.lexists(mark) for mark in marks)


def whose(path):
    """Whose the file seems to be, in words."""
    target = os.path.realpath(path)
    if re.search(r"[/\\]node_modules[/\\]openclaw[/\\]", target):
        return "npm's openclaw"
    if os.path.islink(path):
        return 'a link to "%s"' % agent.shown(target)
    return "user %d's" % os.lstat(path).st_uid


class SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects of a download, as long as they stay with its scheme."""

    def redirect_request(self, request, file, code, message, headers, url):
        if url.partition(":")[0].lower() != request.type:
            raise urllib.error.URLError("it redirects to another protocol")
        return super().redirect_request(request, file, code, message, headers, url)


class Unread(Exception):
    """The program cannot be read or fetched."""


class Interrupted(BaseException):
    """A signal asks this to end."""


def interrupt(*_):
    raise Interrupted


def outlast(*_):
    """Not ignored, which what is started from here would inherit."""


def discard(*paths):
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)


def restore(path):
    os.replace(path + OLD, path)
    # Two names of one file are left as they are by that.
    discard(path + OLD)


def same(one, other):
    with open(one, "rb") as first, open(other, "rb") as second:
        if first.read() != second.read():
            return False
    return stat.S_IMODE(os.stat(one).st_mode) == stat.S_IMODE(os.stat(other).st_mode)


def offset(server_time):
    """Says how far this clock is from the server's, if that is more than a minute."""
    ahead = agent.seconds_ahead(server_time) or 0
    if ahead > 60:
        return "this host's clock is %d s ahead of the server's" % ahead
    return "this host's clock is %d s behind the server's" % -ahead if ahead < -60 else ""


def confirm(options, question):
    """Without a terminal, starting this was the answer."""
    if not options.yes and sys.stdin and sys.stdin.isatty() and not ask(question):
        die(1, "Cancelled: nothing was changed")


def ask(question):
    try:
        print(question + " [y/N] ", end="", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return False
    return sys.stdin.readline().lower().startswith("y")


def offer_deletion(options):
    own = sys.argv[0]
    if not BAKED_AGENT_SECRET or not os.path.isfile(own) or "BAKED_AGENT_SECRET" not in read_text(own):
        return
    if options.yes or sys.stdin and sys.stdin.isatty() and ask('Delete "%s", which holds the secret?' % own):
        discard(own)
        answer('deleted "%s", which held the secret' % own)
    else:
        answer('delete "%s": it holds the secret' % own)


def quoted(word):
    """A word as the shell of this system reads it."""
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)


def xml(words):
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


TEMPLATES = {
    "systemd-system": '''\
@units/openclaw.service@
''',
    "systemd-user": '''\
@units/openclaw.user.service@
''',
    "launchd": '''\
@units/dev.openclaw.agent.plist@
''',
    "task": '''\
@units/task.xml@
''',
}


def main(arguments):
    os.umask(0o077)
    # What was closed stays closed, and no file of ours takes its number.
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is not None:
        sys.stdout.reconfigure(errors="backslashreplace")
    exec(compile(AGENT, "openclaw_agent", "exec"), agent.__dict__)
    env = dict(os.environ)
    agent.hide_environment()
    options = read_arguments(arguments)
    if options.help:
        answer(USAGE.rstrip("\n"))
    elif options.version:
        answer(VERSION)
    elif options.uninstall:
        Installation(options, env).uninstall()
    else:
        Installation(options, env).install()


main(sys.argv[1:])
